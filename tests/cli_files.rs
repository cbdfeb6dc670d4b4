//! What operators see of files, and take out: on either store, with the server up and down.

use serde_json::{Value, json};

use crate::{
    metrics::{metrics_of, sample, seen},
    support::{
        Kind, Server, User,
        files::{noise, on_disk, path, png, send, sha256, uploaded},
        history, on_both, random_id, within,
    },
};

const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const CONFLICT: i32 = 4;

on_both!(
    files_are_listed_by_what_they_are,
    those_who_watch_are_told_how_much_there_is,
    a_deleted_file_is_gone_and_its_message_stays,
    what_is_held_is_not_deleted,
    a_file_is_deleted_while_no_server_runs,
    a_deleted_file_comes_back_with_no_backup,
);

async fn list(server: &Server, args: &[&str]) -> Value {
    let args = [&["file", "list", "--json"], args].concat();
    server.cli_set(&args).await.json()
}

/// The names of the files of a list.
fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("items").iter();
    items.map(|f| f["name"].as_str().expect("a name")).collect()
}

async fn files_are_listed_by_what_they_are() {
    let mut server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("den", Kind::Private).await;
    let photo = uploaded(&ana, "photo.png", &png(640, 480)).await;
    let sent = send(&ana, &room, "look", &[&photo]).await.ok();
    uploaded(&ana, "notes.txt", b"some notes").await;
    uploaded(&bob, "huge.bin", &noise(200_000)).await;
    let all = list(&server, &[]).await;
    assert_eq!(names(&all), ["huge.bin", "notes.txt", "photo.png"]);
    let bytes = 200_010 + png(640, 480).len();
    assert_eq!(all["total"], json!({"files": 3, "bytes": bytes}));
    for (args, found) in [
        (
            &["--largest"][..],
            &["huge.bin", "photo.png", "notes.txt"][..],
        ),
        (&["--user", "ana"], &["notes.txt", "photo.png"]),
        (&["--room", "den"], &["photo.png"]),
        (&["--state", "unused"], &["huge.bin", "notes.txt"]),
        (&["--state", "attached"], &["photo.png"]),
        (&["--state", "gone"], &[]),
        (&["--type", "image"], &["photo.png"]),
        (&["--type", "text/plain"], &["notes.txt"]),
        (&["--larger-than", "100KiB"], &["huge.bin"]),
        (&["--user", "bob", "--type", "image"], &[]),
    ] {
        let listed = list(&server, args).await;
        assert_eq!(names(&listed), found, "{args:?}");
        assert_eq!(listed["total"]["files"], found.len(), "{args:?}");
    }
    // A page at a time, in either order.
    for order in [&[][..], &["--largest"]] {
        let whole = list(&server, order).await;
        let mut found = Vec::new();
        let mut from: Vec<String> = Vec::new();
        let other = if order.is_empty() {
            &["--largest"][..]
        } else {
            &[]
        };
        loop {
            let from_where: Vec<&str> = from.iter().map(String::as_str).collect();
            let args = [order, &["--limit", "1"], &from_where].concat();
            let page = list(&server, &args).await;
            found.extend(names(&page).into_iter().map(str::to_owned));
            match page["next"].as_str() {
                Some(next) => {
                    from = vec!["--cursor".into(), next.into()];
                    let mixed = [other, &["--limit", "1", "--cursor", next]].concat();
                    let mixed = [&["file", "list"][..], &mixed].concat();
                    server.cli_set(&mixed).await.failed(USAGE);
                }
                None => break,
            }
        }
        assert_eq!(found, names(&whole), "{order:?}");
    }
    let shown = server
        .cli_set(&["file", "show", &photo, "--json"])
        .await
        .json();
    let expected = json!({
        "id": photo, "name": "photo.png", "type": "image/png", "size": png(640, 480).len(),
        "sha256": sha256(&png(640, 480)), "width": 640, "height": 480, "user": ana.id, "user_name": "ana",
        "at": shown["at"], "state": "attached", "room": room.id, "room_name": "den",
        "message": sent["seq"], "held_by": null,
    });
    assert_eq!(shown, expected);
    for wrong in [["--user", "nobody"], ["--room", "nowhere"]] {
        let args = [&["file", "list"][..], &wrong].concat();
        server.cli_set(&args).await.failed(NOT_FOUND);
    }
    let wrong = server.cli_set(&["file", "list", "--cursor", "x"]).await;
    wrong.failed(USAGE);
    let none = server.cli_set(&["file", "show", &random_id()]).await;
    none.failed(NOT_FOUND);
    server.stop().await;
    let told = server.cli_as_told(&["file", "list"]).await;
    let told = told.ok();
    assert!(
        told.contains("photo.png") && told.contains("3 files, "),
        "{told}"
    );
}

async fn those_who_watch_are_told_how_much_there_is() {
    let mut server = Server::builder()
        .set("metrics.listen", "127.0.0.1:0")
        .set("files.uploads", "7")
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let used = uploaded(&ana, "a.txt", &noise(1000)).await;
    send(&ana, &room, "", &[&used]).await.ok();
    uploaded(&ana, "b.txt", &noise(30)).await;
    uploaded(&ana, "c.txt", &noise(4)).await;
    let told = async |server: &Server| {
        // It is added up now and then.
        let files = within("files to be counted", async {
            loop {
                let status = server.cli_set(&["status", "--json"]).await.json();
                if status["files"]["attached"] == json!({"files": 1, "bytes": 1000}) {
                    break status["files"].clone();
                }
            }
        })
        .await;
        assert_eq!(files["unused"], json!({"files": 2, "bytes": 34}));
        assert_eq!(files["gone"], json!({"files": 0, "bytes": 0}));
        assert!(
            files["free"].as_u64().is_some_and(|free| free > 0),
            "{files:#}"
        );
        assert_eq!(
            (&files["own"], &files["uploads"]),
            (&json!(true), &json!(0))
        );
    };
    told(&server).await;
    let page = server.cli_set(&["status"]).await;
    assert!(page.ok().contains("1 file, 1000 B"), "{page}");
    assert!(page.ok().contains("2 files, 34 B"), "{page}");
    let doctor = server.cli_set(&["doctor", "--json"]).await;
    let doctor: Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    let checks = doctor["checks"].as_array().expect("checks");
    let shelf = checks.iter().find(|it| it["check"] == "shelf");
    let what = shelf.expect("a finding")["what"].as_str().expect("text");
    assert!(what.starts_with("3 files of 1.0 KiB in "), "{what}");
    // What is told to whoever scrapes is looked at now and then.
    let at = metrics_of(&server);
    for (series, value) in [
        ("chatd_files{state=\"attached\"}", 1),
        ("chatd_files{state=\"unused\"}", 2),
        ("chatd_files{state=\"gone\"}", 0),
        ("chatd_files_size_bytes{state=\"attached\"}", 1000),
        ("chatd_files_size_bytes{state=\"unused\"}", 34),
        ("chatd_files_ready", 1),
        ("chatd_uploads", 0),
        ("chatd_uploads_limit", 7),
    ] {
        within(series, async {
            while seen(at, series).await != Some(value) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert!(sample(at, "chatd_files_free_bytes").await > 0);
    server.stop().await;
    told(&server).await;
}

async fn delete(server: &Server, id: &str) -> Value {
    let args = [
        "file", "delete", id, "--reason", "case 17", "--yes", "--json",
    ];
    server.cli_as_told(&args).await.json()
}

/// What the files of somebody's message look like to them.
async fn files_of(user: &User, room: &crate::support::Room, seq: &Value) -> Value {
    user.get(&room.message(seq)).await.ok()["files"].clone()
}

async fn a_deleted_file_is_gone_and_its_message_stays() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut ears = bob.listen(&room).await;
    let (bad, good) = (
        uploaded(&ana, "bad.png", &png(1, 1)).await,
        uploaded(&ana, "good.png", &png(2, 2)).await,
    );
    let sent = send(&ana, &room, "both", &[&bad, &good]).await.ok();
    ears.expect_message("both").await;
    let tried = ["file", "delete", &bad, "--dry-run", "--json"];
    let tried = server.cli(&tried).await.json();
    assert_eq!(
        (&tried["dry_run"], &tried["already"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(bob.get(&path(&bad)).await.status, 200);
    let done = delete(&server, &bad).await;
    assert_eq!(done["message"], sent["seq"]);
    assert_eq!(on_disk(&server), [good.as_str()]);
    bob.get(&path(&bad)).await.refused(404, "not_found");
    ana.get(&path(&bad)).await.refused(404, "not_found");
    assert_eq!(bob.get(&path(&good)).await.status, 200);

    let event = ears.next_of("file_gone").await;
    let told = (&event["target"], &event["file"], event.get("from"));
    assert_eq!(told, (&sent["seq"], &json!(bad), None));
    let missed = bob.connect().await.subscribe(&room, Some(1)).await;
    assert_eq!(missed.events.last().expect("an event")["ev"], "file_gone");
    let files = files_of(&bob, &room, &sent["seq"]).await;
    assert_eq!(files[0]["gone"], true, "{files:#}");
    assert_eq!(files[1].get("gone"), None, "{files:#}");
    assert_eq!(files[0]["name"], "bad.png");
    let page = history(&bob, &room).await;
    assert_eq!(
        (&page[0]["body"], &page[0]["files"]),
        (&json!("both"), &files)
    );

    let acts = ["audit", "list", "--act", "file.delete", "--json"];
    let act = &server.cli(&acts).await.json()["items"][0];
    assert_eq!(act["target"]["id"], json!(bad), "{act:#}");
    assert_eq!(act["detail"]["reason"], "case 17", "{act:#}");
    assert!(!act.to_string().contains("bad.png"), "{act:#}");
    let again = ["file", "delete", &bad, "--yes"];
    server.cli(&again).await.failed(NOT_FOUND);
    // An upload that no message has, too.
    let upload = uploaded(&bob, "upload.txt", b"upload").await;
    delete(&server, &upload).await;
    bob.get(&path(&upload)).await.refused(404, "not_found");
    assert_eq!(on_disk(&server), [good.as_str()]);
}

async fn what_is_held_is_not_deleted() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let (of_ana, of_bob) = (
        uploaded(&ana, "a.txt", b"ana").await,
        uploaded(&bob, "b.txt", b"bob").await,
    );
    send(&bob, &room, "", &[&of_bob]).await.ok();
    for on in [["--user", "ana"], ["--room", "general"]] {
        let hold = [&["hold", "add", "--reason", "case 7"][..], &on].concat();
        server.cli(&hold).await.ok();
    }
    for (id, held) in [(&of_ana, "whoever uploaded"), (&of_bob, "the room")] {
        for more in ["--yes", "--dry-run"] {
            let refused = server.cli(&["file", "delete", id, more]).await;
            let why = refused.failed(CONFLICT);
            assert!(why.contains(held) && why.contains("case 7"), "{why}");
        }
    }
    let listed = list(&server, &[]).await;
    let items = listed["items"].as_array().expect("items");
    assert!(items.iter().all(|f| f["held_by"].is_string()), "{listed:#}");
    assert_eq!(on_disk(&server).len(), 2);
    assert_eq!(bob.get(&path(&of_bob)).await.text, "bob");
}

async fn a_file_is_deleted_while_no_server_runs() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let id = uploaded(&ana, "bad.txt", b"bad").await;
    let sent = send(&ana, &room, "", &[&id]).await.ok();
    server.stop().await;
    delete(&server, &id).await;
    assert!(on_disk(&server).is_empty());
    server.boot().await;
    assert_eq!(files_of(&ana, &room, &sent["seq"]).await[0]["gone"], true);
}

async fn a_deleted_file_comes_back_with_no_backup() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let (bad, good) = (
        uploaded(&ana, "bad.txt", b"bad").await,
        uploaded(&ana, "good.txt", b"good").await,
    );
    let sent = send(&ana, &room, "", &[&bad, &good]).await.ok();
    let to = server.data_dir().with_file_name("backup");
    let shown = to.display().to_string();
    server.cli_set(&["store", "backup", &shown]).await.ok();
    delete(&server, &bad).await;
    server.stop().await;
    let done = ["store", "restore", &shown, "--yes", "--json"];
    let done = server.cli_as_told(&done).await;
    let done: Value = serde_json::from_str(done.ok().lines().last().expect("JSON")).expect("JSON");
    assert_eq!(
        (&done["files_again"], &done["files"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(on_disk(&server), [good.as_str()]);
    server.boot().await;
    let ana = ana.again().await;
    ana.get(&path(&bad)).await.refused(404, "not_found");
    let files = files_of(&ana, &room, &sent["seq"]).await;
    assert_eq!(
        (&files[0]["gone"], files[1].get("gone")),
        (&json!(true), None)
    );
}
