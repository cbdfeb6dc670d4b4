//! Files in an object store: everything that a directory does, and what happens when the store is away.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Kind, Reply, S3, Server, User,
    files::{noise, path, send, sha256, upload, uploaded},
    history, on_both, within,
};

const BAD_CONFIG: i32 = 78;
const UNREACHABLE: i32 = 6;
const PROBLEMS: i32 = 10;

on_both!(
    files_lie_in_a_bucket_and_nowhere_else,
    chat_goes_on_while_the_bucket_is_away,
    a_backup_says_what_is_in_the_bucket_and_a_restore_looks,
    an_export_names_what_is_not_as_it_was,
);

const BUCKET: &str = "uploads";

/// A server that keeps its files in a bucket; none where there is no program for that.
async fn server(s3: &S3) -> Server {
    s3.make_bucket(BUCKET).await;
    with(s3, &[("messages.erase_within", "0s")]).start().await
}

fn with(s3: &S3, more: &[(&str, &str)]) -> crate::support::Builder {
    let server = Server::builder()
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "s3cr3t")
        .set("files.url", "s3://uploads/chat")
        .set("files.endpoint", &s3.url());
    more.iter()
        .fold(server, |server, (key, value)| server.set(key, value))
}

/// The ids of the files in the bucket.
async fn in_bucket(s3: &S3) -> Vec<String> {
    let objects = s3.objects(BUCKET).await;
    let parts = objects.iter().filter_map(|name| {
        let (part, id) = name.strip_prefix("chat/")?.split_once('/')?;
        (part.len() == 2 && id.ends_with(part)).then(|| id.to_owned())
    });
    let mut ids: Vec<String> = parts.collect();
    ids.sort();
    ids
}

async fn come_to(s3: &S3, ids: &[&str]) {
    let mut ids: Vec<_> = ids.iter().map(|&id| id.to_owned()).collect();
    ids.sort();
    let same = async { while in_bucket(s3).await != ids {} };
    within("files to be taken out", same).await;
}

async fn get_range(user: &User, id: &str, range: &str) -> Reply {
    let request = hyper::Request::get(path(id))
        .header("authorization", format!("Bearer {}", user.token))
        .header("range", range)
        .body(String::new());
    let sent = user.rest.send(request.expect("a request")).await;
    sent.expect("an answer")
}

async fn files_lie_in_a_bucket_and_nowhere_else() {
    let Some(s3) = S3::start().await else { return };
    let mut server = server(&s3).await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    // One that is one object at once, and one that goes in parts.
    let small = uploaded(&ana, "small.txt", b"small").await;
    let bytes = noise(20_000_000);
    let sum = sha256(&bytes);
    let large = upload(&ana, &format!("?name=large.bin&sha256={sum}"), &bytes).await;
    assert_eq!(large.status, 201, "{large:#?}");
    let large = large.body["id"].as_str().expect("an id").to_owned();
    let part = &large[34..];
    let object = format!("/uploads/chat/{part}/{large}");
    assert!(s3.object(&object).await == bytes, "other bytes");
    assert!(!server.data_dir().join("files").exists());
    send(&ana, &room, "both", &[&small, &large]).await.ok();
    assert!(bob.get(&path(&large)).await.bytes == bytes, "other bytes");
    assert_eq!(bob.get(&path(&small)).await.text, "small");
    for (range, from, upto) in [
        ("bytes=0-0", 0, 1),
        ("bytes=1000000-3200999", 1_000_000, 3_201_000),
        ("bytes=-5", 19_999_995, 20_000_000),
    ] {
        let part = get_range(&bob, &large, range).await;
        assert_eq!(part.status, 206, "{range}");
        assert!(part.bytes == bytes[from..upto], "{range}");
    }
    // What is refused at its end leaves nothing, in parts or not.
    for bytes in [&b"other"[..], &bytes] {
        let wrong = format!("?sha256={}", sha256(b"none"));
        upload(&ana, &wrong, bytes).await.refused_field("sha256");
    }
    come_to(&s3, &[&small, &large]).await;

    // Collected with its message, deleted by an operator, or swept when nobody knows it.
    let gone = uploaded(&ana, "gone.txt", b"gone").await;
    let sent = send(&ana, &room, "", &[&gone]).await.ok();
    ana.delete(&room.message(&sent["seq"])).await.ok();
    come_to(&s3, &[&small, &large]).await;
    let delete = ["file", "delete", &small, "--yes"];
    server.cli(&delete).await.ok();
    assert_eq!(in_bucket(&s3).await, [large.as_str()]);
    server.stop().await;
    let orphan = "00000000-0000-7000-8000-000000000001";
    s3.put(&format!("/uploads/chat/01/{orphan}"), b"left").await;
    server.boot().await;
    come_to(&s3, &[&large]).await;
    let status = server.cli(&["status", "--json"]).await.json();
    let files = &status["files"];
    assert_eq!(files["location"], "s3://uploads/chat", "{files:#}");
    assert_eq!(files["attached"], json!({"files": 1, "bytes": 20_000_000}));
    assert_eq!(
        (&files["free"], &files["trouble"]),
        (&Value::Null, &Value::Null)
    );

    // Another store's files are not cleared.
    s3.put("/uploads/chat/store", b"another\n").await;
    server.stop().await;
    s3.put(&format!("/uploads/chat/01/{orphan}"), b"left").await;
    server.boot().await;
    let more = uploaded(&ana, "more.txt", b"more").await;
    ana.delete(&path(&more)).await.ok();
    come_to(&s3, &[&large, orphan]).await;
}

async fn chat_goes_on_while_the_bucket_is_away() {
    let Some(s3) = S3::start().await else { return };
    let mut server = server(&s3).await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let id = uploaded(&ana, "a.txt", b"bytes").await;
    send(&ana, &room, "", &[&id]).await.ok();
    assert_eq!(server.cli(&["store", "check"]).await.code, Some(0));
    server.stop().await;
    let dead = dead_end().await;
    server.set("files.endpoint", &dead);
    server.boot().await;
    let refused = upload(&ana, "?name=b.txt", b"more").await;
    let refused = refused.refused(503, "unavailable");
    assert!(
        refused["detail"]
            .as_str()
            .is_some_and(|d| d.contains("files")),
        "{refused:#}"
    );
    ana.get(&path(&id)).await.refused(503, "unavailable");
    ana.send(&room, "we talk").await;
    assert_eq!(history(&ana, &room).await.len(), 2);
    let status = server.cli(&["status", "--json"]).await.json();
    let trouble = status["files"]["trouble"].as_str().expect("trouble");
    assert!(
        trouble.contains("s3://uploads/chat") && !trouble.contains("s3cr3t"),
        "{trouble}"
    );
    let doctor = server.cli_as_told(&["doctor", "--json"]).await;
    assert!(doctor.stdout.contains("s3://uploads/chat"), "{doctor}");
    let checked = server.cli(&["store", "check", "--json"]).await;
    checked.failed(PROBLEMS);
    // An export that breaks off leaves nothing in the way of the next.
    let out = server.data_dir().with_file_name("out");
    let export = ["user", "export", "ana", out.to_str().expect("text")];
    let broken = server.cli(&export).await;
    assert_ne!(broken.code, Some(0), "{broken}");
    assert_eq!(std::fs::read_dir(&out).expect("it is made").count(), 0);
    // What goes meanwhile is taken out once it is back.
    let page = history(&ana, &room).await;
    ana.delete(&room.message(&page[0]["seq"])).await.ok();
    server.stop().await;
    server.set("files.endpoint", &s3.url());
    server.boot().await;
    come_to(&s3, &[]).await;
    uploaded(&ana, "c.txt", b"again").await;
    server.cli(&export).await.ok();
}

/// The others are there all the same.
async fn an_export_names_what_is_not_as_it_was() {
    let Some(s3) = S3::start().await else { return };
    let server = server(&s3).await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ids = Vec::new();
    for name in ["short", "altered", "missing", "whole"] {
        ids.push(uploaded(&ana, name, b"as it was").await);
    }
    let all: Vec<_> = ids.iter().map(String::as_str).collect();
    send(&ana, &room, "", &all).await.ok();
    let object = |id: &str| format!("/uploads/chat/{}/{id}", &id[34..]);
    s3.put(&object(&ids[0]), b"as").await;
    s3.put(&object(&ids[1]), b"as it is.").await;
    s3.remove(&object(&ids[2])).await;
    let out = server.data_dir().with_file_name("out");
    let export = ["user", "export", "ana", out.to_str().expect("text")];
    server.cli(&export).await.failed(PROBLEMS);
    let lines = std::fs::read_to_string(out.join("files.jsonl")).expect("lines");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for (id, what) in ids.iter().zip(["damaged", "damaged", "lost", "file"]) {
        let line = lines.iter().find(|line| line["id"] == **id);
        let line = line.expect("a line for each");
        assert!(!line[what].is_null(), "{what}: {line:#}");
        let fault = line.get("damaged").or(line.get("lost"));
        assert_eq!(fault.is_some(), what != "file", "{line:#}");
    }
}

async fn a_backup_says_what_is_in_the_bucket_and_a_restore_looks() {
    let Some(s3) = S3::start().await else { return };
    let mut server = server(&s3).await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let (kept, lost) = (
        uploaded(&ana, "kept.txt", b"kept").await,
        uploaded(&ana, "lost.txt", b"lost").await,
    );
    send(&ana, &room, "", &[&kept, &lost]).await.ok();
    let to = server.data_dir().with_file_name("backup");
    let shown = to.display().to_string();
    server.cli_set(&["store", "backup", &shown]).await.ok();
    let manifest = std::fs::read_to_string(to.join("backup.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(
        (&manifest["files"], &manifest["files_in"]),
        (&json!(2), &json!("s3://uploads/chat"))
    );
    assert!(!to.join("files").exists());
    let later = uploaded(&ana, "later.txt", b"later").await;
    server.stop().await;
    s3.remove(&format!("/uploads/chat/{}/{lost}", &lost[34..]))
        .await;
    let checked = server.cli_as_told(&["store", "check"]).await;
    assert!(checked.failed(PROBLEMS).contains("1 problem"), "{checked}");
    assert!(checked.stdout.contains(&lost), "{checked}");
    let done = ["store", "restore", &shown, "--yes", "--json"];
    let done = server.cli_as_told(&done).await;
    assert!(done.failed(PROBLEMS).contains(&lost), "{done}");
    let done = done.stdout.lines().last().expect("JSON");
    let done: Value = serde_json::from_str(done).expect("JSON");
    assert_eq!(
        (&done["files"], &done["files_lost"]),
        (&json!(2), &json!(1))
    );
    // What the store before had is there under another name.
    let objects = s3.objects(BUCKET).await;
    let aside = |id: &str| {
        objects
            .iter()
            .any(|o| o.starts_with("chat/replaced-") && o.ends_with(id))
    };
    assert!(aside(&later) && aside(&kept), "{objects:?}");
    server.boot().await;
    let ana = ana.again().await;
    assert_eq!(ana.get(&path(&kept)).await.text, "kept");
    ana.get(&path(&lost)).await.refused(404, "not_found");

    // A backup of a directory goes into a bucket.
    let mut other = Server::start().await;
    let bob = other.user("bob").await;
    let room = bob.room("general", Kind::Public).await;
    let moved = uploaded(&bob, "moved.bin", &noise(9_000_000)).await;
    send(&bob, &room, "", &[&moved]).await.ok();
    let to = other.data_dir().with_file_name("backup");
    let shown = to.display().to_string();
    other.cli_set(&["store", "backup", &shown]).await.ok();
    other.stop().await;
    other.set_env("AWS_ACCESS_KEY_ID", Some("key"));
    other.set_env("AWS_SECRET_ACCESS_KEY", Some("s3cr3t"));
    other.set("files.url", "s3://uploads/other");
    // While that is away it does not go, and the store is as it was.
    let done = ["store", "restore", &shown, "--yes"];
    other.set("files.endpoint", "http://127.0.0.1:1");
    let away = other.cli_as_told(&done).await;
    let why = away.failed(UNREACHABLE);
    assert!(why.contains("the files cannot be brought back"), "{away}");
    other.set("files.endpoint", &s3.url());
    other.cli_as_told(&done).await.ok();
    other.boot().await;
    let bob = bob.again().await;
    assert!(
        bob.get(&path(&moved)).await.bytes == noise(9_000_000),
        "other bytes"
    );

    // While the bucket is away there is a backup all the same, which says that nobody knows.
    drop(s3);
    let to = server.data_dir().with_file_name("later");
    let shown = to.to_str().expect("text");
    let made = server.cli_set(&["store", "backup", shown]).await;
    assert!(made.failed(PROBLEMS).contains("1 problem"), "{made}");
    assert!(to.join("backup.json").is_file(), "{made}");
}

/// Where nobody listens.
async fn dead_end() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let address = listener.expect("a port").local_addr().expect("an address");
    format!("http://{address}")
}

#[tokio::test]
async fn a_server_does_not_start_where_no_file_can_ever_be_kept() {
    let Some(s3) = S3::start().await else { return };
    let mut server = with(&s3, &[]).prepare();
    let (status, _, said) = {
        server.spawn();
        server.failed().await
    };
    assert_eq!(status.code(), Some(BAD_CONFIG), "{said}");
    assert!(
        said.contains("there is no such bucket") && said.contains("files.url"),
        "{said}"
    );
    server.set("files.endpoint", "http://store.example.org");
    server.spawn();
    let (status, _, said) = server.failed().await;
    assert_eq!(status.code(), Some(BAD_CONFIG), "{said}");
    assert!(said.contains("files.allow_http"), "{said}");
    let checked = server.cli_as_told(&["config", "check"]).await;
    assert!(
        checked.failed(BAD_CONFIG).contains("files.allow_http"),
        "{checked}"
    );
}

#[tokio::test]
async fn an_upload_that_the_bucket_breaks_off_is_refused() {
    let Some(s3) = S3::start().await else { return };
    s3.make_bucket(BUCKET).await;
    // The store ends after the mark and one part; what is left then is read all the same.
    let wire = s3.wire(2, Signal::KILL).await;
    let server = with(&s3, &[("files.endpoint", &wire.url())]).start().await;
    let ana = server.user("ana").await;
    let refused = upload(&ana, "?name=a.bin", &noise(18_000_000)).await;
    refused.refused(503, "unavailable");
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "we talk").await;
}
