//! One row that does not read hides nothing but itself: it is named, and everything else goes on.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Field, Kind, Room, Server, Shell, User, on_both};

const PROBLEMS: i32 = 10;

on_both!(
    what_does_not_read_is_named_and_the_rest_is_written_out,
    what_does_not_read_does_not_keep_a_person_from_being_forgotten,
    whatever_the_audit_finds_a_check_of_the_store_finds,
);

/// A server on which ana and bob said things in a room, and one of hers does not read any more; nor does the act
/// by which bob came.
async fn damaged() -> (Server, User, User, Room) {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let hall = ana.room("hall", Kind::Public).await;
    ana.add(&hall, &bob, "member").await;
    for i in 0..10 {
        ana.send(&hall, &format!("ana-{i}")).await;
        bob.send(&hall, &format!("bob-{i}")).await;
    }
    let shell = Shell::open(&server).await;
    shell.damage_message("ana-4").await;
    shell
        .set(act_of(&server, "user.create", &bob).await, Field::Data("{"))
        .await;
    shell.close().await;
    (server, ana, bob, hall)
}

/// The number of the last act of this kind about somebody.
async fn act_of(server: &Server, act: &str, user: &User) -> i64 {
    let list = ["audit", "list", "--act", act, "--json"];
    let acts = server.cli(&list).await.json();
    let acts = acts["items"].as_array().expect("a list");
    let found = acts.iter().rfind(|a| a["target"]["id"] == *user.id);
    found.expect("an act")["seq"].as_i64().expect("a number")
}

fn lines(text: &str) -> Vec<Value> {
    let each = text.lines().map(serde_json::from_str);
    each.collect::<Result<_, _>>().expect("JSON lines")
}

async fn what_does_not_read_is_named_and_the_rest_is_written_out() {
    let (server, _ana, _bob, hall) = damaged().await;
    let dir = server.data_dir().with_file_name("out");
    let to = dir.to_str().expect("text");
    let written = server.cli(&["user", "export", "ana", to]).await;
    let complaint = written.failed(PROBLEMS);
    assert!(complaint.contains("2 entries"), "{written}");
    let said = fs::read_to_string(dir.join("messages.jsonl")).expect("a file");
    let said = lines(&said);
    let bodies: Vec<_> = said
        .iter()
        .filter_map(|line| line["body"].as_str())
        .collect();
    assert_eq!(bodies.len(), 9, "{bodies:?}");
    assert!(!bodies.contains(&"ana-4") && bodies.contains(&"ana-9"));
    let damaged: Vec<_> = said.iter().filter(|l| l["kind"] == "damaged").collect();
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    assert_eq!(damaged[0]["room"], hall.id);
    assert!(fs::read_to_string(dir.join("acts.jsonl")).is_ok_and(|acts| acts.contains("damaged")));

    for args in [&["--room", "hall"][..], &[], &["--since", "1h"]] {
        let export = [&["message", "export"][..], args].concat();
        let written = server.cli(&export).await;
        assert!(written.failed(PROBLEMS).contains("1 entry"), "{written}");
        assert_eq!(lines(&written.stdout).len(), 19, "{written}");
    }
}

async fn what_does_not_read_does_not_keep_a_person_from_being_forgotten() {
    let (server, _ana, _bob, hall) = damaged().await;
    let erase = [
        "user",
        "erase",
        "ana",
        "--messages",
        "delete",
        "--yes",
        "--json",
    ];
    let done = server.cli(&erase).await;
    let complaint = done.failed(PROBLEMS);
    for place in [
        "the audit log, entry ",
        &format!("room {}, entry ", hall.id),
    ] {
        assert!(complaint.contains(place), "{place}: {done}");
    }
    let done: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(
        (&done["messages"], done["unread"].as_array().map(Vec::len)),
        (&json!(9), Some(2))
    );
    assert!(
        done["name"]
            .as_str()
            .is_some_and(|n| n.starts_with("erased-"))
    );
    // Behind the one that does not read as before it.
    let entries = server.admin().entries(&hall).await;
    let said = |name: &str| {
        let bodies = entries.iter().filter_map(|e| e["data"]["body"].as_str());
        bodies.filter(|body| body.starts_with(name)).count()
    };
    assert_eq!((said("ana"), said("bob")), (0, 10));
    let damaged = entries.iter().filter(|e| e["kind"] == "damaged").count();
    assert_eq!(damaged, 1, "{entries:#?}");
}

async fn whatever_the_audit_finds_a_check_of_the_store_finds() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    server.cli(&["user", "role", "ana", "admin"]).await.ok();
    let last = act_of(&server, "user.role", &ana).await;
    let shell = Shell::open(&server).await;
    let whole = shell.keep().await;
    let found = async |words: &str| {
        server.cli(&["audit", "verify"]).await.failed(PROBLEMS);
        let check = server.cli(&["store", "check"]).await;
        check.failed(PROBLEMS);
        assert!(check.stdout.contains(words), "{words}: {check}");
    };
    // The last one has none behind it that would break.
    shell.set(last, Field::Kind("note")).await;
    found("it is no act").await;
    shell.restore(&whole).await;
    shell.delete(1, i64::MAX).await;
    let check = server.cli(&["store", "check"]).await;
    check.failed(PROBLEMS);
    assert!(check.stdout.contains("it is empty"), "{check}");
    shell.restore(&whole).await;
    server.cli(&["store", "check"]).await.ok();
    shell.close().await;
}
