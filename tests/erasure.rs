//! What data-protection requests ask for: everything there is about a person, and being forgotten.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{
    Kind, Server,
    files::{noise, png, uploaded},
    history, on_both,
};

on_both!(
    everything_about_a_person_is_written_out,
    a_person_is_forgotten_and_the_rest_stays_whole,
    what_a_person_said_is_forgotten_too,
);

fn lines(dir: &Path, part: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join(format!("{part}.jsonl"))).expect("a file");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("JSON lines")
}

async fn everything_about_a_person_is_written_out() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let (hall, den) = (
        ana.room("hall", Kind::Public).await,
        ana.room("den", Kind::Private).await,
    );
    ana.add(&hall, &bob, "member").await;
    // More than one piece, an upload that is no message's, and somebody else's.
    let photo = [png(640, 480), noise(5_000_000)].concat();
    let sent = uploaded(&ana, "photo.png", &photo).await;
    uploaded(&ana, "draft.txt", b"a draft").await;
    uploaded(&bob, "bob.txt", b"not hers").await;
    for (user, room, body, files) in [
        (&ana, &hall, "in the hall", vec![]),
        (&bob, &hall, "not hers", vec![]),
        (&ana, &den, "in the den", vec![sent]),
    ] {
        let said = json!({"body": body, "files": files});
        let said = user.post(&room.path("/messages"), said).await;
        assert_eq!(said.status, 201, "{said:#?}");
    }
    // Came and went and came again: what was said is told once.
    ana.remove(&hall, &bob).await;
    ana.add(&hall, &bob, "member").await;

    let mona = server.person("mona", "moderator").await;
    let mute = json!({"expires_in": 60, "reason": "too loud"});
    mona.request("PUT", "/v1/users/ana/mute", mute).await.ok();
    server.cli(&["user", "role", "ana", "auditor"]).await.ok();

    let dir = tempfile::tempdir().expect("a directory");
    let to = dir.path().join("out");
    let path = to.to_str().expect("text");
    let written = server.cli(&["user", "export", "ana", path, "--json"]).await;
    assert_eq!(written.json()["files"][1]["lines"], 2, "{written}");
    let bodies: Vec<_> = lines(&to, "messages")
        .iter()
        .map(|m| m["body"].as_str().expect("a text").to_owned())
        .collect();
    assert_eq!(bodies, ["in the hall", "in the den"]);
    let profile = lines(&to, "profile");
    assert_eq!(profile[0]["account"]["name"], "ana");
    assert!(profile.iter().any(|row| row["room"]["name"] == "den"));
    let acts = lines(&to, "acts");
    assert!(
        acts.iter().any(|act| act["act"] == "room.create"),
        "{acts:#?}"
    );
    for row in &acts {
        let mine = row["actor"]["user"] == *ana.id || row["target"] == *ana.id;
        assert!(mine, "of somebody else: {row:#}");
        if row["actor"]["user"] != *ana.id {
            // That it was done is hers to know; from where, and by which words, is theirs.
            let fields = &row["personal"]["fields"];
            let theirs = [
                &row["actor"]["session"],
                &fields["address"],
                &fields["command"],
            ];
            assert!(theirs.iter().all(|told| told.is_null()), "{row:#}");
        }
    }
    for act in ["user.mute", "user.role"] {
        assert!(acts.iter().any(|row| row["act"] == act), "{acts:#?}");
    }
    let files = lines(&to, "files");
    let read = |line: &Value| std::fs::read(to.join(line["file"].as_str().expect("a path")));
    assert_eq!(files.len(), 2, "{files:#?}");
    assert_eq!(files[0]["file"], "files/0001-photo.png");
    assert_eq!(files[0]["room"], den.id);
    assert!(read(&files[0]).is_ok_and(|bytes| bytes == photo));
    assert!(read(&files[1]).is_ok_and(|bytes| bytes == b"a draft"));
    let again = server.cli(&["user", "export", "ana", path]).await;
    again.failed(8);
    let other = dir.path().join("bob");
    let path = other.to_str().expect("text");
    server.cli(&["user", "export", "bob", path]).await.ok();
    assert_eq!(lines(&other, "messages").len(), 1);
    let missing = dir.path().join("nobody");
    let path = missing.to_str().expect("text");
    let nobody = server.cli(&["user", "export", "nobody", path]).await;
    nobody.failed(3);
    assert!(!missing.exists());
}

async fn a_person_is_forgotten_and_the_rest_stays_whole() {
    let mut server = Server::start().await;
    let (ana, bob, carl) = (
        server.user("ana").await,
        server.user("bob").await,
        server.user("carl").await,
    );
    let (hall, den) = (
        ana.room("hall", Kind::Public).await,
        ana.room("den", Kind::Private).await,
    );
    // Carl has been there longer, and bob has the higher role.
    ana.add(&hall, &carl, "member").await;
    ana.add(&hall, &bob, "moderator").await;
    ana.add(&den, &carl, "viewer").await;
    ana.remove(&den, &carl).await;
    let path = hall.path("/messages");
    let said = ana.post(&path, json!({"body": "remember me"}));
    assert_eq!(said.await.status, 201);
    let mut ears = ana.listen(&hall).await;

    // What operators type says her name, too.
    server.cli(&["user", "role", "ana", "moderator"]).await.ok();
    let put = ["room", "add", "hall", "dora"];
    server.user("dora").await;
    server.cli(&put).await.ok();

    let erase = ["user", "erase", "ana", "--messages", "keep"];
    server.cli(&erase).await.failed(8);
    let dry = server
        .cli(&[&erase[..], &["--dry-run", "--json"]].concat())
        .await;
    let dry = dry.json();
    assert_eq!(
        (&dry["rooms_passed_on"], &dry["rooms_deleted"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        ana.get("/v1/me").await.status,
        200,
        "a dry run changes nothing"
    );

    let done = server
        .cli(&[&erase[..], &["--yes", "--json"]].concat())
        .await;
    let done = done.json();
    assert_eq!(
        (&done["rooms_passed_on"], &done["rooms_deleted"]),
        (&json!(1), &json!(1))
    );
    assert!(done["acts"].as_u64() > Some(0), "{done:#}");
    let name = done["name"].as_str().expect("a name").to_owned();
    assert!(name.starts_with("erased-"), "{name}");
    assert_eq!(ears.closed().await.code, Some(4504));
    assert_eq!(ana.get("/v1/me").await.status, 401);

    let room = bob.get(&hall.path("")).await.ok();
    assert_eq!(room["owner"], *bob.id);
    let message = history(&bob, &hall).await.pop().expect("it stayed");
    assert_eq!(
        (&message["name"], &message["body"]),
        (&json!(name), &json!("remember me"))
    );
    let shown = server
        .cli(&["user", "show", &ana.id, "--json"])
        .await
        .json();
    assert_eq!(
        (&shown["status"], &shown["email"]),
        (&json!("erased"), &Value::Null)
    );
    server.cli(&["room", "show", &den.id]).await.failed(3);
    // The name is free, and says nothing about who had it.
    server.cli(&["user", "show", "ana"]).await.failed(3);
    let again = server
        .cli(&["user", "erase", &ana.id, "--messages", "keep", "--yes"])
        .await;
    again.failed(4);
    let role = server.cli(&["user", "role", &ana.id, "member"]).await;
    role.failed(4);
    server.restart().await;
    server.cli(&["audit", "verify"]).await.ok();
    let audit = server.cli(&["audit", "export"]).await;
    let audit = audit.ok();
    assert!(!audit.contains("\"ana\""), "she is named in the audit log");
    assert!(
        audit.contains("\"bob\""),
        "nobody is: this test sees nothing"
    );
    let mut words = audit.split(|c: char| !c.is_ascii_alphanumeric());
    assert!(!words.any(|word| word == "ana"), "what was typed names her");
    assert!(
        audit.contains(" dora"),
        "what else was typed is gone: {audit}"
    );
}

async fn what_a_person_said_is_forgotten_too() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let (hall, den, past) = (
        ana.room("hall", Kind::Public).await,
        bob.room("den", Kind::Private).await,
        bob.room("past", Kind::Private).await,
    );
    ana.add(&hall, &bob, "member").await;
    bob.add(&den, &ana, "member").await;
    bob.add(&past, &ana, "member").await;
    for room in [&hall, &den, &past] {
        for user in [&ana, &bob] {
            let body = format!("{}-said-so", user.name);
            let said = user
                .post(&room.path("/messages"), json!({"body": body}))
                .await;
            assert_eq!(said.status, 201, "{said:#?}");
        }
    }
    bob.remove(&den, &ana).await;
    assert_eq!(bob.delete(&past.path("")).await.status, 204);
    let mut ears = bob.listen(&hall).await;

    let erase = ["user", "erase", "ana", "--messages", "delete", "--json"];
    let dry = server.cli(&[&erase[..], &["--dry-run"]].concat()).await;
    assert_eq!(
        dry.json()["messages"],
        2,
        "the deleted room is out of reach"
    );
    let done = server.cli(&[&erase[..], &["--yes"]].concat()).await;
    assert_eq!(done.json()["messages"], 2);
    let told = ears.next_of("delete").await;
    assert_eq!(told["room"], hall.id);
    for room in [&hall, &den] {
        let said = history(&bob, room).await;
        let hers: Vec<_> = said.iter().filter(|m| m["from"] == *ana.id).collect();
        assert_eq!((said.len(), hers.len()), (2, 1));
        assert_eq!(
            (&hers[0]["body"], &hers[0]["deleted"]),
            (&json!(""), &json!(true))
        );
    }
    // Out of the store, also where nobody could have read it any more, and only hers.
    let dir = tempfile::tempdir().expect("a directory");
    let copy = dir.path().join("copy.db");
    let to = format!("sqlite:{}", copy.display());
    drop(ears);
    let mut server = server;
    server.stop().await;
    server.cli(&["store", "copy", "--to", &to]).await.ok();
    let bytes = std::fs::read(&copy).expect("a file");
    let count = |text: &str| {
        bytes
            .windows(text.len())
            .filter(|w| *w == text.as_bytes())
            .count()
    };
    assert_eq!((count("ana-said-so"), count("bob-said-so")), (0, 3));
}
