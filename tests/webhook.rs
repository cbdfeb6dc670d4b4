//! The outgoing webhook: what happens in the rooms it follows is told at least once, in order, signed, and to nobody
//! else; what the place does wrong holds nothing up but itself; nothing is lost, whatever ends in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Authority, Builder, Came, Kind, Manner, Receiver, Room, SECRET, Server, User, on_both, within,
};

on_both!(
    events_are_signed_and_in_the_order_of_their_room,
    what_is_not_taken_is_tried_again,
    nothing_is_lost_when_the_server_is_killed,
    places_that_do_wrong_hold_nobody_up,
    only_who_is_not_there_is_pushed,
    it_is_held_resumed_and_skipped,
    a_place_with_a_certificate_of_ones_own_is_trusted_once_it_is_named,
);

/// A server with a webhook to `receiver`, that tries again soon.
fn builder(receiver: &Receiver) -> Builder {
    Server::builder()
        .set("webhook.url", &receiver.url())
        .env("CHATD_WEBHOOK_SECRET", SECRET)
        .set("webhook.allow_private", "true")
        .set("webhook.retry_max", "200ms")
        .set("webhook.rooms", "*public")
}

/// What was said, room by room, in the order in which it came first.
fn said(came: &[Came]) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut rooms: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for it in came.iter().filter(|it| it.body["event"]["ev"] == "message") {
        let (event, fresh) = (&it.body["event"], ids.insert(it.id.clone()));
        if fresh {
            let room = it.body["room"]["id"].as_str().expect("a room").to_owned();
            let seq = event["seq"].as_u64().expect("a seq");
            let body = event["body"].as_str().unwrap_or_default().to_owned();
            rooms.entry(room).or_default().push((seq, body));
        }
    }
    rooms
}

fn texts(came: &[Came], room: &Room) -> Vec<String> {
    let said = said(came).remove(&room.id).unwrap_or_default();
    assert!(said.is_sorted(), "{said:?}");
    said.into_iter().map(|(_, body)| body).collect()
}

/// `chatd webhook show --json`, once it is as `wanted` has it.
async fn shown(server: &Server, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let looking = async {
        loop {
            let shown = server.admin().get("/v1/webhook").await;
            if wanted(&shown) {
                return shown;
            }
        }
    };
    within(what, looking).await
}

async fn say(user: &User, room: &Room, texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut said = Vec::new();
    for text in texts {
        user.send(room, &text).await;
        said.push(text);
    }
    said
}

async fn events_are_signed_and_in_the_order_of_their_room() {
    let receiver = Receiver::start().await;
    let server = builder(&receiver).set("webhook.kinds", "*").start().await;
    let ana = server.user("ana").await;
    let rooms = [
        ana.room("general", Kind::Public).await,
        ana.room("news", Kind::Public).await,
    ];
    let secret = ana.room("plans", Kind::Private).await;
    let mut ears = ana.listen(&rooms[0]).await;
    let mut all = Vec::new();
    for i in 0..20 {
        ana.send(&secret, "nobody's").await;
        for room in &rooms {
            all.push(ana.send(room, &format!("{}-{i}", room.name)).await);
        }
    }
    let seq = &all[0]["seq"];
    ana.delete(&rooms[0].message(seq)).await.ok();
    let heard = within("the deletion", ears.next_of("delete")).await;
    // Two rooms that were made, forty messages, one deletion.
    let taken = receiver.taken(43).await;
    assert_eq!(taken.len(), 43, "{taken:#?}");
    for room in &rooms {
        let expected: Vec<_> = (0..20).map(|i| format!("{}-{i}", room.name)).collect();
        assert_eq!(texts(&taken, room), expected);
    }
    let told = taken.iter().find(|it| it.body["event"]["ev"] == "delete");
    let told = told.expect("a deletion");
    assert_eq!(told.body["event"], heard, "as those who listen get it");
    assert_eq!(told.body["type"], "event");
    assert_eq!(told.body["room"]["name"], "general");
    assert_eq!(told.body["room"]["kind"], "public");
    let ids: BTreeSet<_> = taken.iter().map(|it| &it.id).collect();
    assert_eq!(ids.len(), taken.len(), "an id of its own for each");
    let is_told = |it: &Value| it["rooms_behind"] == 0 && it["delivered"] == 43;
    let shown = shown(&server, "all is told", is_told).await;
    assert_eq!(shown["state"], "well");

    // What is secret is nowhere to be read.
    let env = [("CHATD_WEBHOOK_SECRET", SECRET)];
    let url = format!("webhook.url={}", receiver.url());
    let config = server
        .cli_in(&env, &["config", "show", "--set", &url])
        .await;
    assert!(config.ok().contains("127.0.0.1"), "{config}");
    let audit = server.admin().get("/v1/audit").await.to_string();
    for text in [
        config.ok(),
        &shown.to_string(),
        &server.process().log(),
        &audit,
    ] {
        assert!(
            !text.contains("s3cret-path") && !text.contains(&SECRET[6..]),
            "{text}"
        );
    }
}

async fn what_is_not_taken_is_tried_again() {
    let mut receiver = Receiver::start().await;
    let server = builder(&receiver).start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    receiver.be(Manner::Answer(500));
    let mut expected = say(&ana, &room, (0..3).map(|i| format!("refused-{i}"))).await;
    let tries = |came: &[Came]| came.len() >= 3;
    receiver.until("three tries", tries).await;
    let came = receiver.came();
    assert!(
        came.iter().all(|it| it.id == came[0].id),
        "the first, and no other: {came:#?}"
    );
    let held = shown(&server, "trouble", |it| it["state"] == "trouble").await;
    assert_eq!(held["rooms_held"], 1, "{held:#}");
    assert!(
        held["error"].as_str().is_some_and(|e| e.contains("500")),
        "{held:#}"
    );
    let page = server.cli(&["webhook", "show"]).await;
    assert!(page.ok().contains("TROUBLE"), "{page}");
    let status = server.cli(&["status"]).await;
    assert!(status.ok().contains("TROUBLE"), "{status}");
    let doctor = server.cli_as_told(&["doctor", "--json"]).await;
    assert!(doctor.stdout.contains("webhook"), "{doctor}");
    receiver.be(Manner::Take);
    assert_eq!(texts(&receiver.taken(3).await, &room), expected);

    // Nobody there at all, and over a restart.
    receiver.shut().await;
    expected.extend(say(&ana, &room, (0..3).map(|i| format!("away-{i}"))).await);
    let away = shown(&server, "nobody there", |it| it["error"].is_string()).await;
    let why = away["error"].as_str().expect("why");
    assert!(why.contains("cannot be reached"), "{why}");
    let mut server = server;
    server.restart().await;
    expected.extend(say(&ana, &room, ["again".to_owned()]).await);
    receiver.open().await;
    assert_eq!(texts(&receiver.taken(7).await, &room), expected);
    let shown = shown(&server, "well again", |it| it["rooms_behind"] == 0).await;
    assert_eq!(
        (&shown["state"], &shown["error"]),
        (&json!("well"), &Value::Null)
    );
}

async fn nothing_is_lost_when_the_server_is_killed() {
    let receiver = Receiver::start().await;
    let mut server = builder(&receiver).start().await;
    let ana = server.user("ana").await;
    let rooms = [
        ana.room("general", Kind::Public).await,
        ana.room("news", Kind::Public).await,
        ana.room("other", Kind::Public).await,
    ];
    let mut expected: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for round in 0..3 {
        for i in 0..15 {
            for room in &rooms {
                let text = format!("{}-{round}-{i}", room.name);
                ana.send(room, &text).await;
                expected.entry(&room.id).or_default().push(text);
            }
        }
        // In the middle of it, or before it began, or after: whatever the round is.
        if round < 2 {
            receiver.taken(10 + 60 * round).await;
        }
        server.kill9().await;
        server.boot().await;
    }
    let complete = |came: &[Came]| said(came).values().map(Vec::len).sum::<usize>() >= 135;
    let taken = receiver.until("all of it", complete).await;
    for room in &rooms {
        assert_eq!(Some(&texts(&taken, room)), expected.get(room.id.as_str()));
    }
    // Once it is told and kept, it is not told again.
    shown(&server, "the end", |it| it["rooms_behind"] == 0).await;
    server.stop().await;
    let before = receiver.came().len();
    server.boot().await;
    ana.send(&rooms[0], "the last").await;
    receiver.taken(before + 1).await;
    assert_eq!(receiver.came().len(), before + 1, "{:#?}", receiver.came());
}

async fn places_that_do_wrong_hold_nobody_up() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let server = builder(&receiver)
        .set("webhook.timeout", "300ms")
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    for (manner, why) in [
        (Manner::Hang, "does not answer in the time"),
        (Manner::Redirect(elsewhere.url()), "is not followed"),
        (Manner::Endless(500), "answers 500"),
        (Manner::Answer(410), "answers 410"),
    ] {
        let before = receiver.came().iter().filter(|it| it.taken).count();
        receiver.be(manner.clone());
        // The chat does not wait for it.
        ana.send(&room, why).await;
        let told = |it: &Value| it["error"].as_str().is_some_and(|e| e.contains(why));
        shown(&server, why, told).await;
        let tried = server.cli(&["webhook", "test", "--json"]).await;
        assert_eq!(tried.code, Some(10), "{manner:?}: {tried}");
        let tried: Value = serde_json::from_str(&tried.stdout).expect("JSON");
        assert!(
            tried["error"].as_str().is_some_and(|e| e.contains(why)),
            "{tried:#}"
        );
        assert!(
            tried["body"].as_str().is_some_and(|b| b.len() <= 1024),
            "{tried:#}"
        );
        receiver.be(Manner::Take);
        let taken = receiver.taken(before + 1).await;
        assert_eq!(texts(&taken, &room).last().map(String::as_str), Some(why));
    }
    // One that takes it and then does not end is taken at its word.
    receiver.be(Manner::Endless(200));
    ana.send(&room, "endless").await;
    shown(&server, "taken", |it| it["delivered"] == 5).await;
    assert!(elsewhere.came().is_empty(), "{:#?}", elsewhere.came());
    receiver.be(Manner::Take);
    let tried = server.cli(&["webhook", "test"]).await;
    assert!(
        tried.ok().contains("200") && tried.ok().contains("thanks"),
        "{tried}"
    );
    assert!(!tried.ok().contains('\u{1b}'), "{tried}");
}

async fn only_who_is_not_there_is_pushed() {
    let receiver = Receiver::start().await;
    let mut server = builder(&receiver)
        .set("webhook.rooms", "[]")
        .set("webhook.push", "ids")
        .start()
        .await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let (cleo, dan) = (server.user("cleo").await, server.user("dan").await);
    let room = ana.room("plans", Kind::Private).await;
    for user in [&bob, &cleo] {
        ana.add(&room, user, "member").await;
    }
    let _here = bob.connect().await;
    ana.send(&room, "to nobody").await;
    ana.send(&room, "@bob is here, @cleo is not, @dan is no member")
        .await;
    let pushed = receiver.taken(1).await;
    let push = &pushed[0].body;
    assert_eq!(
        (&push["type"], &push["why"]),
        (&json!("push"), &json!("mention"))
    );
    assert_eq!(push["to"], json!([cleo.id]));
    assert_eq!(push["room"]["id"], room.id);
    assert_eq!(push["event"]["name"], "ana");
    assert!(
        push["event"].get("body").is_none(),
        "no text unless it is asked for: {push:#}"
    );
    ana.send(&room, "all in @room").await;
    assert_eq!(receiver.taken(2).await[1].body["to"], json!([cleo.id]));

    // Direct messages, and with their texts.
    let people = json!({"users": [bob.id, dan.id]});
    let made = ana.post("/v1/dm", people).await.ok();
    let direct = Room {
        id: made["id"].as_str().expect("an id").to_owned(),
        name: "direct".into(),
    };
    server.set("webhook.push", "text");
    server.restart().await;
    ana.send(&direct, "psst").await;
    let push = receiver.taken(3).await[2].body.clone();
    assert_eq!(push["why"], "direct");
    let to = push["to"].as_array().expect("a list").iter();
    let to: BTreeSet<_> = to.filter_map(Value::as_str).collect();
    // The restart has cut bob off.
    assert_eq!(to, BTreeSet::from([bob.id.as_str(), dan.id.as_str()]));
    assert_eq!(push["event"]["body"], "psst");
}

async fn it_is_held_resumed_and_skipped() {
    let receiver = Receiver::start().await;
    let mut server = builder(&receiver).start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    for dry in [true, false] {
        let mut args = vec!["webhook", "pause", "--reason", "moving"];
        args.extend(dry.then_some("--dry-run"));
        server.cli(&args).await.ok();
        let state = if dry { "well" } else { "paused" };
        assert_eq!(server.admin().get("/v1/webhook").await["state"], state);
    }
    let gone = ana.send(&room, "to be deleted").await;
    ana.send(&room, "kept").await;
    ana.delete(&room.message(&gone["seq"])).await.ok();
    let doomed = ana.room("doomed", Kind::Public).await;
    ana.send(&doomed, "among themselves").await;
    ana.delete(&doomed.path("")).await.ok();
    server.restart().await;
    // It lasts. A ping goes all the same.
    server.cli(&["webhook", "test"]).await.ok();
    assert_eq!(server.admin().get("/v1/webhook").await["state"], "paused");
    assert_eq!(receiver.came().len(), 1, "{:#?}", receiver.came());
    assert_eq!(receiver.came()[0].body["type"], "ping");
    server.cli(&["webhook", "resume"]).await.ok();
    let taken = receiver.taken(4).await;
    assert_eq!(
        texts(&taken, &room),
        ["", "kept"],
        "what was deleted has no text any more"
    );
    assert_eq!(taken[1].body["event"]["deleted"], true);
    let came = receiver.came();
    let all: String = came.iter().map(|one| one.body.to_string()).collect();
    assert!(!all.contains("among themselves"), "{all}");

    server.cli(&["webhook", "pause"]).await.ok();
    say(&ana, &room, (0..5).map(|i| format!("passed-{i}"))).await;
    // The moment of the skip is a later one.
    server.stop().await;
    server.cli_set(&["webhook", "skip", "--yes"]).await.ok();
    server.cli_set(&["webhook", "resume"]).await.ok();
    server.boot().await;
    shown(&server, "passed over", |it| it["skipped"] == 5).await;
    ana.send(&room, "after").await;
    assert_eq!(
        texts(&receiver.taken(5).await, &room),
        ["", "kept", "after"]
    );
    let acts = server.admin().get("/v1/audit?act=webhook.*").await;
    let acts = acts["items"].as_array().expect("acts").clone();
    let names: Vec<_> = acts
        .iter()
        .rev()
        .filter_map(|a| a["act"].as_str())
        .collect();
    let expected = ["pause", "test", "resume", "pause", "skip", "resume"];
    assert_eq!(names, expected.map(|it| format!("webhook.{it}")));
}

#[tokio::test]
async fn it_begins_when_it_is_set_and_gives_up_what_is_too_old() {
    let receiver = Receiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("chatd.toml");
    let (secrets, url) = (dir.path().join("secrets"), receiver.url());
    fs::write(&secrets, format!("{SECRET}\n")).expect("a file");
    let mode = |mode| fs::set_permissions(&secrets, Permissions::from_mode(mode)).expect("ours");
    mode(0o644);
    fs::write(&file, "").expect("a file");
    let args = ["--config", file.to_str().expect("text")];
    let server = Server::builder().args(&args).start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "before").await;
    let named = secrets.display();
    let settings = |more: &str| {
        format!(
            "[webhook]\nurl = \"{url}\"\nsecret_file = \"{named}\"\nallow_private = true\n\
             rooms = [\"general\"]\nretry_max = \"200ms\"\n{more}"
        )
    };
    // What is wrong changes nothing, and is told by its setting.
    fs::write(&file, settings("kinds = [\"mesage\"]")).expect("a file");
    let wrong = server.cli(&["config", "reload"]).await;
    assert!(wrong.failed(78).contains("webhook.kinds"), "{wrong}");
    fs::write(&file, settings("")).expect("a file");
    let open = server.cli(&["config", "reload"]).await;
    assert!(open.failed(78).contains("chmod o="), "{open}");
    mode(0o640);
    let reloaded = server.cli(&["config", "reload"]).await;
    assert!(!reloaded.ok().contains("s3cret"), "{reloaded}");
    ana.send(&room, "since").await;
    assert_eq!(texts(&receiver.taken(1).await, &room), ["since"]);

    fs::write(&file, settings("give_up = \"1s\"")).expect("a file");
    receiver.be(Manner::Answer(500));
    ana.send(&room, "too old").await;
    server.process().signal(Signal::HUP);
    shown(&server, "given up", |it| it["skipped"] == 1).await;
    receiver.be(Manner::Take);
    ana.send(&room, "new").await;
    assert_eq!(texts(&receiver.taken(2).await, &room), ["since", "new"]);

    // Without one nothing is told, and when there is one again, nothing of the time between.
    fs::write(&file, "").expect("a file");
    server.cli(&["config", "reload"]).await.ok();
    ana.send(&room, "between").await;
    fs::write(&file, settings("")).expect("a file");
    server.cli(&["config", "reload"]).await.ok();
    ana.send(&room, "again").await;
    assert_eq!(
        texts(&receiver.taken(3).await, &room),
        ["since", "new", "again"]
    );
}

#[tokio::test]
async fn nothing_is_sent_to_this_machine_unless_it_is_meant() {
    let receiver = Receiver::start().await;
    let port = receiver.port();
    let dir = tempfile::tempdir().expect("a directory");
    let env = [("CHATD_WEBHOOK_SECRET".to_owned(), SECRET.to_owned())];
    for (url, why) in [
        (
            format!("http://127.0.0.1:{port}/s3cret-path"),
            "write https",
        ),
        (
            format!("https://127.0.0.1:{port}/s3cret-path"),
            "127.0.0.1 is loopback",
        ),
        (
            format!("https://2130706433:{port}/s3cret-path"),
            "127.0.0.1 is loopback",
        ),
        (
            format!("https://[::ffff:127.0.0.1]:{port}/s3cret-path"),
            "is loopback",
        ),
        ("https://169.254.169.254/s3cret-path".into(), "metadata"),
        ("https://10.1.2.3/s3cret-path".into(), "a private network"),
    ] {
        let set = format!("webhook.url={url}");
        let args = ["config", "check", "--set", &set, "--set", "webhook.rooms=*"];
        let checked = crate::support::run_with(dir.path(), &env, &args, "").await;
        let told = checked.failed(78);
        assert!(
            told.contains("webhook.url") && told.contains(why),
            "{checked}"
        );
        assert!(!told.contains("s3cret"), "{checked}");
    }
    // A name tells only when it is looked up.
    let server = Server::builder()
        .set(
            "webhook.url",
            &format!("https://localhost:{port}/s3cret-path"),
        )
        .env("CHATD_WEBHOOK_SECRET", SECRET)
        .set("webhook.rooms", "*")
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "to nobody").await;
    let told = |it: &Value| it["error"].as_str().is_some_and(|e| e.contains("loopback"));
    shown(&server, "a refusal", told).await;
    assert!(receiver.came().is_empty());
}

async fn a_place_with_a_certificate_of_ones_own_is_trusted_once_it_is_named() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let receiver = Receiver::start_encrypted(&authority, "localhost").await;
    let mut server = builder(&receiver).start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let before = (0..5).map(|i| format!("before {i}"));
    let mut all = say(&ana, &room, before).await;
    // Not trusted: that is said, and nothing is sent.
    let untrusted = |it: &Value| {
        let error = it["error"].as_str().unwrap_or_default();
        it["state"] == "trouble" && error.contains("nobody who is trusted")
    };
    shown(&server, "nobody trusts it", untrusted).await;
    let words = server.cli(&["webhook", "show"]).await;
    assert!(words.ok().contains("webhook.ca_file"), "{words}");
    assert!(!words.stdout.contains("s3cret-path"), "{words}");
    let tried = server.cli(&["webhook", "test"]).await;
    let said = format!("{}{}", tried.stdout, tried.stderr);
    assert!(
        tried.code != Some(0) && said.contains("webhook.ca_file"),
        "{tried}"
    );
    // Somebody else's does not help, nor does a file that is none.
    let file = server.data_dir().with_file_name("ca.pem");
    let named = file.to_str().expect("text").to_owned();
    fs::write(&file, strangers.pem()).expect("ours");
    server.set("webhook.ca_file", &named);
    server.restart().await;
    shown(&server, "nobody trusts it yet", untrusted).await;
    assert!(receiver.came().is_empty());
    fs::write(&file, "no certificate").expect("ours");
    let reload = server.cli(&["config", "reload"]).await;
    assert!(reload.failed(78).contains("webhook.ca_file"), "{reload}");
    // With the right one, beside another, all that waits comes in its order.
    fs::write(&file, strangers.pem().to_owned() + authority.pem()).expect("ours");
    server.cli(&["config", "reload"]).await.ok();
    assert_eq!(texts(&receiver.taken(5).await, &room), all);
    let words = server.cli(&["webhook", "test"]).await;
    assert!(words.ok().contains("200"), "{words}");
    // A certificate that will not do any more is told by what is wrong with it, and nothing is lost.
    for (name, until, why) in [
        ("elsewhere.example.org", 4096, "another name"),
        ("localhost", 2020, "run out"),
    ] {
        receiver.show(&authority, name, until);
        server.restart().await;
        all.extend(
            say(
                &ana,
                &room,
                [format!("while it is of {name} until {until}")],
            )
            .await,
        );
        let wrong = |it: &Value| it["error"].as_str().is_some_and(|e| e.contains(why));
        shown(&server, why, wrong).await;
    }
    receiver.show(&authority, "localhost", 4096);
    let taken = receiver
        .until("all that was said", |came| {
            texts(came, &room).len() == all.len()
        })
        .await;
    assert_eq!(texts(&taken, &room), all);
    let is_well = |it: &Value| it["state"] == "well" && it["error"] == Value::Null;
    shown(&server, "it is well", is_well).await;
}
