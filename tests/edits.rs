//! A message that was edited says its newest text wherever messages are listed, and the log tells how it came to
//! it; nobody edits another's; and with the message all that it ever said goes.

use serde_json::{Value, json};

use crate::support::{
    Kind, Room, Server, User, assert_consecutive, history, on_both, told, within,
};

on_both!(
    an_edited_message_shows_its_newest_text,
    whoever_resumes_over_an_edit_is_told_what_happened,
    nobody_edits_what_another_said,
    what_cannot_be_edited_is_refused,
    a_txn_makes_an_edit_safe_to_repeat,
    edits_at_the_same_time_are_all_there,
    who_may_not_write_may_not_edit,
    what_lies_before_ones_time_stays_hidden,
    a_deleted_message_takes_its_edits_along,
    a_redaction_takes_edits_along_and_gives_them_back,
    an_erased_message_leaves_no_edit,
    archived_messages_are_edited_in_place,
    edits_go_on_while_a_run_moves_the_message,
    an_edit_survives_kill_9,
);

/// Ana's room with bob in it, and something she said there.
struct Talk {
    server: Server,
    ana: User,
    bob: User,
    room: Room,
    said: Value,
}

async fn talk() -> Talk {
    talk_on(Server::start().await).await
}

async fn talk_on(server: Server) -> Talk {
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let said = ana.send(&room, "first text").await;
    Talk {
        server,
        ana,
        bob,
        room,
        said,
    }
}

/// Edits over REST: the answer.
async fn edit(user: &User, room: &Room, seq: &Value, body: &str) -> Value {
    let path = room.message(seq);
    user.request("PATCH", &path, json!({"body": body}))
        .await
        .ok()
}

fn edit_op(room: &Room, target: &Value, body: &str) -> Value {
    json!({"op": "edit", "room": room.id, "target": target, "body": body})
}

async fn an_edited_message_shows_its_newest_text() {
    let t = talk().await;
    let mut ears = t.bob.listen(&t.room).await;
    let second = t.ana.again().await;
    let mut phone = second.listen(&t.room).await;
    let done = edit(&t.ana, &t.room, &t.said["seq"], "second text").await;
    assert_eq!(
        (&done["room"], &done["target"], &done["dup"]),
        (&json!(t.room.id), &t.said["seq"], &json!(false))
    );
    let expected = json!({
        "ev": "edit", "room": t.room.id, "seq": done["seq"], "n": 1, "target": t.said["seq"],
        "from": t.ana.id, "name": "ana", "body": "second text", "at": done["at"],
    });
    assert_eq!(ears.next_event().await, expected);
    assert_eq!(phone.next_event().await, expected, "on the other device");
    let by_phone = edit_op(&t.room, &t.said["seq"], "third text");
    let again = phone.request(by_phone).await.expect("one's own");
    assert_eq!(again["n"], 1, "it is no message");

    let shown = json!({
        "seq": t.said["seq"], "n": t.said["n"], "id": t.said["message"], "from": t.ana.id,
        "name": "ana", "body": "third text", "at": t.said["at"],
        "edited": {"at": again["at"], "seq": again["seq"], "count": 2},
    });
    let one = t.bob.get(&t.room.message(&t.said["seq"])).await;
    assert_eq!(one.ok(), shown);
    for query in ["", "?after=0", "?around=3", "?before=99"] {
        let path = t.room.path(&format!("/messages{query}"));
        let page = t.bob.get(&path).await.ok();
        assert_eq!(page["items"][0], shown, "{query}");
    }
    // One that was not edited says nothing of it.
    let other = t.bob.send(&t.room, "as it is").await;
    let one = t.bob.get(&t.room.message(&other["seq"])).await.ok();
    assert!(one.get("edited").is_none(), "{one:#}");
}

async fn whoever_resumes_over_an_edit_is_told_what_happened() {
    let mut t = talk().await;
    let witness = t.bob.listen(&t.room).await;
    let held = t.ana.send(&t.room, "in memory").await;
    edit(&t.ana, &t.room, &held["seq"], "edited").await;
    edit(&t.ana, &t.room, &t.said["seq"], "long ago").await;
    let after = t.said["seq"].as_u64().map(|seq| seq - 1);
    let mut ws = t.bob.connect().await;
    let from_store = ws.subscribe(&t.room, after).await;
    assert!(from_store.recovered);
    assert_consecutive(after.unwrap_or(0), &from_store.events);
    let said = ["first text", "in memory", "edited", "long ago"];
    assert_eq!(from_store.bodies(), said);
    let from_memory = t
        .bob
        .connect()
        .await
        .subscribe(&t.room, held["seq"].as_u64())
        .await;
    assert_eq!(from_memory.bodies(), ["edited", "long ago"]);
    assert_eq!(from_memory.events, from_store.events[2..]);
    drop(witness);
    t.server.restart().await;
    let bob = User::login(t.server.rest(), "bob", crate::support::PASSWORD).await;
    let anew = bob.connect().await.subscribe(&t.room, after).await;
    assert_eq!(anew.events, from_store.events);
}

async fn nobody_edits_what_another_said() {
    let t = talk().await;
    t.server.cli(&["user", "role", "bob", "admin"]).await.ok();
    let path = t.room.message(&t.said["seq"]);
    let mine = json!({"body": "words in her mouth"});
    t.bob
        .request("PATCH", &path, mine.clone())
        .await
        .refused(403, "forbidden");
    let member = t.room.path(&format!("/members/{}", t.bob.id));
    let role = json!({"role": "moderator"});
    t.ana.request("PATCH", &member, role).await.ok();
    t.bob
        .request("PATCH", &path, mine.clone())
        .await
        .refused(403, "forbidden");
    let eve = t.server.user("eve").await;
    eve.request("PATCH", &path, mine.clone())
        .await
        .refused(403, "forbidden");
    let closed = t.ana.room("closed", Kind::Private).await;
    let said = t.ana.send(&closed, "private").await;
    let path = closed.message(&said["seq"]);
    eve.request("PATCH", &path, mine)
        .await
        .refused(404, "not_found");
    assert_eq!(history(&t.ana, &t.room).await[0]["body"], "first text");
}

async fn what_cannot_be_edited_is_refused() {
    let t = talk_on(
        Server::builder()
            .set("messages.edit_within", "1h")
            .set("limits.message", "1 KiB")
            .start()
            .await,
    )
    .await;
    let mut ws = t.ana.connect().await;
    let first = edit(&t.ana, &t.room, &t.said["seq"], "within the hour").await;
    // Its first entry is no message; nor is an edit.
    for target in [
        json!(0),
        json!(1),
        first["seq"].clone(),
        json!(4711),
        json!(u64::MAX),
    ] {
        let err = ws.request(edit_op(&t.room, &target, "text")).await;
        assert_eq!(err.expect_err("no message").code, "not_found", "{target}");
        let path = t.room.message(&target);
        let body = json!({"body": "text"});
        t.ana
            .request("PATCH", &path, body)
            .await
            .refused(404, "not_found");
    }
    let me = json!({"op": "edit", "room": "@me", "target": 1, "body": "text"});
    assert_eq!(ws.request(me).await.expect_err("no room").code, "not_found");
    let path = t.room.message(&t.said["seq"]);
    for body in [json!({"body": " "}), json!({"body": "a\u{0}"}), json!({})] {
        t.ana
            .request("PATCH", &path, body)
            .await
            .refused_field("body");
    }
    let long = json!({"body": "x".repeat(1025)});
    t.ana
        .request("PATCH", &path, long)
        .await
        .refused(413, "too_large");
    t.ana.delete(&path).await.ok();
    let body = json!({"body": "after all"});
    t.ana
        .request("PATCH", &path, body)
        .await
        .refused(409, "conflict");
    assert_eq!(history(&t.bob, &t.room).await[0]["body"], "");
}

#[tokio::test]
async fn a_message_can_be_edited_for_a_while_and_so_many_times() {
    let t = talk_on(
        Server::builder()
            .set("messages.edit_within", "1ms")
            .set("limits.enabled", "false")
            .start()
            .await,
    )
    .await;
    // Until the server's clock has moved on.
    let over = t.said["at"].as_i64().map(|at| at + 1);
    while t.ana.send(&t.room, "later").await["at"].as_i64() <= over {}
    let path = t.room.message(&t.said["seq"]);
    let late = t.ana.request("PATCH", &path, json!({"body": "late"})).await;
    assert!(late.text.contains("1ms"), "{late:#?}");
    late.refused(403, "forbidden");
    drop(t.server);

    let t = talk_on(
        Server::builder()
            .set("limits.enabled", "false")
            .start()
            .await,
    )
    .await;
    for i in 0..100 {
        edit(&t.ana, &t.room, &t.said["seq"], &format!("text {i}")).await;
    }
    let path = t.room.message(&t.said["seq"]);
    let body = json!({"body": "once too often"});
    let refused = t.ana.request("PATCH", &path, body).await;
    refused.refused(409, "conflict");
    let one = t.ana.get(&path).await.ok();
    assert_eq!(
        (&one["body"], &one["edited"]["count"]),
        (&json!("text 99"), &json!(100))
    );
}

async fn a_txn_makes_an_edit_safe_to_repeat() {
    let mut t = talk().await;
    let path = t.room.message(&t.said["seq"]);
    let body = json!({"body": "second text", "txn": "e-1"});
    let first = t.ana.request("PATCH", &path, body.clone()).await.ok();
    edit(&t.ana, &t.room, &t.said["seq"], "third text").await;
    let mut op = edit_op(&t.room, &t.said["seq"], "second text");
    op["txn"] = json!("e-1");
    let mut ws = t.ana.connect().await;
    let repeat = ws.request(op.clone()).await.expect("a repeat");
    assert_eq!(
        (&repeat["seq"], &repeat["dup"]),
        (&first["seq"], &json!(true))
    );
    // Another text, another message, another request.
    op["body"] = json!("else");
    let err = ws.request(op.clone()).await.expect_err("another text");
    assert_eq!(err.code, "txn_reused");
    let send = json!({"op": "send", "room": t.room.id, "body": "second text", "txn": "e-1"});
    let err = ws.request(send).await.expect_err("another request");
    assert_eq!(err.code, "txn_reused");
    t.server.restart().await;
    let ana = User::login(t.server.rest(), "ana", crate::support::PASSWORD).await;
    let repeat = ana.request("PATCH", &path, body.clone()).await.ok();
    assert_eq!(
        (&repeat["seq"], &repeat["dup"]),
        (&first["seq"], &json!(true))
    );
    let one = ana.get(&path).await.ok();
    assert_eq!(one["body"], "third text", "and nothing new happened");
    // Also when it was deleted since.
    ana.delete(&path).await.ok();
    let repeat = ana.request("PATCH", &path, body).await.ok();
    assert_eq!(repeat["seq"], first["seq"]);
}

async fn edits_at_the_same_time_are_all_there() {
    const EACH: usize = 8;
    let t = talk().await;
    let mut ears = t.bob.listen(&t.room).await;
    let edits = (0..2).map(|device| {
        let (ana, room, seq) = (t.ana.clone(), t.room.clone(), t.said["seq"].clone());
        async move {
            let mut ws = ana.again().await.connect().await;
            for i in 0..EACH {
                let op = edit_op(&room, &seq, &format!("{device}.{i}"));
                ws.request(op).await.expect("one's own");
            }
        }
    });
    let [one, other] = edits.collect::<Vec<_>>().try_into().ok().expect("two");
    tokio::join!(one, other);
    let mut last = Value::Null;
    for _ in 0..2 * EACH {
        last = ears.next_of("edit").await;
    }
    let one = t.bob.get(&t.room.message(&t.said["seq"])).await.ok();
    assert_eq!(one["body"], last["body"]);
    assert_eq!(one["edited"]["count"], 2 * EACH);
    assert_eq!(one["edited"]["seq"], last["seq"]);
}

async fn who_may_not_write_may_not_edit() {
    let t = talk().await;
    let said = t.bob.send(&t.room, "of bob").await;
    let path = t.room.message(&said["seq"]);
    let attempt = async || {
        let body = json!({"body": "changed"});
        t.bob.request("PATCH", &path, body).await
    };
    let set = async |rules: Value| {
        t.ana.request("PATCH", &t.room.path(""), rules).await.ok();
    };
    set(json!({"locked": true})).await;
    attempt().await.refused(403, "forbidden");
    set(json!({"locked": false, "post": "moderator"})).await;
    attempt().await.refused(403, "forbidden");
    // Who waits for the next message need not wait to mend the last.
    set(json!({"post": "member", "slow_mode": 600})).await;
    attempt().await.ok();
    let mute = t.room.path(&format!("/mutes/{}", t.bob.id));
    t.ana.request("PUT", &mute, json!({})).await.ok();
    attempt().await.refused(403, "muted");
    t.ana.delete(&mute).await.ok();
    let member = t.room.path(&format!("/members/{}", t.bob.id));
    let viewer = json!({"role": "viewer"});
    t.ana.request("PATCH", &member, viewer).await.ok();
    attempt().await.refused(403, "forbidden");
    t.ana.remove(&t.room, &t.bob).await;
    attempt().await.refused(403, "forbidden");
    // A bot's token is good for what it names.
    let admin = t.server.admin();
    let robot = t.server.bot("robot", "member").await;
    t.ana.add(&t.room, &robot, "member").await;
    let mouth = admin.token(&robot, "mouth", &["message.send"]).await;
    let own = mouth.send(&t.room, "beep").await;
    let path = t.room.message(&own["seq"]);
    let body = json!({"body": "boop"});
    let refused = mouth.request("PATCH", &path, body.clone()).await;
    refused.refused(403, "forbidden");
    let hand = admin.token(&robot, "hand", &["message.edit"]).await;
    hand.request("PATCH", &path, body).await.ok();
}

async fn what_lies_before_ones_time_stays_hidden() {
    let t = talk().await;
    let since = json!({"history": "since_join"});
    t.ana.request("PATCH", &t.room.path(""), since).await.ok();
    let late = t.server.user("late").await;
    late.join(&t.room).await;
    let mut ears = late.listen(&t.room).await;
    let done = edit(&t.ana, &t.room, &t.said["seq"], "for those who were there").await;
    let heard = ears.next_of("edit").await;
    assert_eq!(heard["target"], t.said["seq"]);
    assert!(heard.get("body").is_none(), "{heard:#}");
    let after = done["seq"].as_u64().map(|seq| seq - 1);
    for user in [&late, &late.again().await] {
        let replay = user.connect().await.subscribe(&t.room, after).await;
        assert!(replay.recovered);
        assert!(replay.events[0].get("body").is_none(), "{replay:#?}");
    }
    late.get(&t.room.message(&t.said["seq"]))
        .await
        .refused(404, "not_found");
    // Who was there reads it.
    let one = t.bob.get(&t.room.message(&t.said["seq"])).await.ok();
    assert_eq!(one["body"], "for those who were there");
    // What came since is told as usual, and what one said before one's time is not one's to edit.
    let fresh = t.ana.send(&t.room, "fresh").await;
    edit(&t.ana, &t.room, &fresh["seq"], "fresher").await;
    assert_eq!(ears.next_of("edit").await["body"], "fresher");
    let own = late.send(&t.room, "mine").await;
    t.ana.remove(&t.room, &late).await;
    t.ana.add(&t.room, &late, "member").await;
    let body = json!({"body": "still mine"});
    late.request("PATCH", &t.room.message(&own["seq"]), body)
        .await
        .refused(404, "not_found");
}

const SECRET: &str = "a-secret-of-ana";

/// No event, live or replayed, from the store or from memory, and no list has it.
async fn assert_nowhere(t: &Talk, after: u64) {
    let mut ws = t.bob.connect().await;
    let replay = ws.subscribe(&t.room, Some(after)).await;
    assert!(replay.recovered);
    assert_consecutive(after, &replay.events);
    let shown = format!("{replay:?} {:?}", history(&t.bob, &t.room).await);
    assert!(!shown.contains(SECRET), "{shown}");
}

async fn a_deleted_message_takes_its_edits_along() {
    let t = talk().await;
    let witness = t.bob.listen(&t.room).await;
    let said = t.ana.send(&t.room, SECRET).await;
    let other = t.ana.send(&t.room, "another").await;
    for target in [&said, &other] {
        let body = format!("{SECRET} edited");
        edit(&t.ana, &t.room, &target["seq"], &body).await;
    }
    edit(&t.ana, &t.room, &other["seq"], "harmless").await;
    t.ana.delete(&t.room.message(&said["seq"])).await.ok();
    let seq = |of: &Value| of["seq"].as_u64().expect("a seq");
    // From memory: the edit of the other one is as it was.
    let mut ws = t.bob.connect().await;
    let replay = ws.subscribe(&t.room, Some(seq(&said) - 1)).await;
    let edits: Vec<_> = replay.events.iter().filter(|e| e["ev"] == "edit").collect();
    assert_eq!(edits.len(), 3);
    assert_eq!(edits[0]["target"], said["seq"]);
    assert!(edits[0].get("body").is_none(), "{edits:#?}");
    assert_eq!(edits[1]["body"], format!("{SECRET} edited"));
    t.ana.delete(&t.room.message(&other["seq"])).await.ok();
    assert_nowhere(&t, seq(&said) - 1).await;
    assert_nowhere(&t, 1).await;
    drop(witness);
    assert_nowhere(&t, seq(&said)).await;
}

async fn a_redaction_takes_edits_along_and_gives_them_back() {
    let t = talk().await;
    let mona = t.server.person("mona", "moderator").await;
    // Said long ago, as far as the redaction is concerned.
    let since = edit(&t.ana, &t.room, &t.said["seq"], "mild").await["at"].clone();
    let fresh = t.ana.send(&t.room, "harmless").await;
    edit(&t.ana, &t.room, &fresh["seq"], SECRET).await;
    edit(&t.ana, &t.room, &t.said["seq"], SECRET).await;
    let ask =
        json!({"user": "ana", "since": since.as_i64().map(|ms| ms + 1), "rooms": [t.room.id]});
    let mut dry = ask.clone();
    dry["dry_run"] = json!(true);
    let preview = mona.post("/v1/redactions", dry).await.ok();
    let done = mona.post("/v1/redactions", ask).await;
    assert_eq!(done.status, 201, "{done:#?}");
    let done = done.body;
    assert_eq!(
        (&done["messages"], &preview["messages"]),
        (&json!(2), &json!(2))
    );
    assert_nowhere(&t, 1).await;
    let id = done["id"].as_str().expect("an id");
    let path = format!("/v1/redactions/{id}/restore");
    mona.post(&path, json!({})).await.ok();
    let read = history(&t.bob, &t.room).await;
    assert_eq!(read.len(), 2);
    for message in &read {
        assert_eq!(message["body"], SECRET);
    }
    assert_eq!(read[0]["edited"]["count"], 2);
}

async fn an_erased_message_leaves_no_edit() {
    let eager = Server::builder().set("archive.min_age", "0s");
    let server = eager.set("messages.erase_within", "1s").start().await;
    let t = talk_on(server).await;
    edit(&t.ana, &t.room, &t.said["seq"], SECRET).await;
    t.ana.send(&t.room, "between").await;
    // One edit is archived with its message, one lies live.
    let run = t.server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    edit(&t.ana, &t.room, &t.said["seq"], &format!("{SECRET} again")).await;
    t.ana.delete(&t.room.message(&t.said["seq"])).await.ok();
    let erased = async {
        loop {
            let status = t.server.cli(&["status", "--json"]).await.json();
            if status["counts"]["erased"].as_u64() >= Some(1) {
                return;
            }
        }
    };
    within("the texts to be erased", erased).await;
    assert_nowhere(&t, 1).await;
    let admin = t.server.admin();
    assert_eq!(admin.verify().await, [] as [Value; 0]);
    let restored = admin.restore(&run).await;
    assert_eq!(restored["state"], "done", "{restored:#}");
    assert_nowhere(&t, 1).await;
    let entries = admin.entries(&t.room).await;
    let edits: Vec<_> = entries.iter().filter(|e| e["kind"] == "edit").collect();
    assert_eq!(edits.len(), 2, "they keep their places");
    assert_eq!(edits[0]["data"], json!({"target": t.said["seq"]}));
    let checked = t.server.cli(&["store", "check"]).await;
    checked.ok();
}

async fn archived_messages_are_edited_in_place() {
    let t = talk_on(Server::archiving().await).await;
    edit(&t.ana, &t.room, &t.said["seq"], "before").await;
    t.ana.send(&t.room, "another").await;
    let run = t.server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    assert!(!t.server.admin().segments().await.is_empty());
    let mut ears = t.bob.listen(&t.room).await;
    assert_eq!(history(&t.bob, &t.room).await[0]["body"], "before");
    let done = edit(&t.ana, &t.room, &t.said["seq"], "after").await;
    assert_eq!(ears.next_of("edit").await["body"], "after");
    let path = t.room.message(&t.said["seq"]);
    for live in [false, true] {
        if live {
            let restored = t.server.admin().restore(&run).await;
            assert_eq!(restored["state"], "done", "{restored:#}");
        }
        let one = t.bob.get(&path).await.ok();
        let expected = json!({"at": done["at"], "seq": done["seq"], "count": 2});
        assert_eq!((&one["body"], &one["edited"]), (&json!("after"), &expected));
        assert_eq!(history(&t.bob, &t.room).await[0], one);
    }
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("out.jsonl");
    let args = ["message", "export", "--room", "general", "--out"];
    let out_arg = out.to_str().expect("text");
    t.server.cli(&[&args[..], &[out_arg]].concat()).await.ok();
    let text = std::fs::read_to_string(&out).expect("a file");
    let first: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (&first["body"], &first["edited"]["count"]),
        (&json!("after"), &json!(2))
    );
    // What a person asks for is all that they said.
    let to = dir.path().join("ana");
    let to_arg = to.to_str().expect("text");
    t.server.cli(&["user", "export", "ana", to_arg]).await.ok();
    let text = std::fs::read_to_string(to.join("messages.jsonl")).expect("a file");
    for body in ["first text", "before", "after"] {
        assert!(text.contains(body), "{body}: {text}");
    }
}

async fn edits_go_on_while_a_run_moves_the_message() {
    const MESSAGES: usize = 300;
    let t = talk_on(Server::archiving().await).await;
    let mut ws = t.ana.connect().await;
    ws.say_all(&t.room, (0..MESSAGES).map(|i| format!("text {i}")), 64)
        .await;
    let run = t.server.admin().begin_run(&[&t.room]).await;
    let mut i = 0;
    let admin = t.server.admin();
    let path = format!("/v1/archive/runs/{}", run["id"].as_str().expect("an id"));
    loop {
        let body = format!("edit {i}");
        let op = edit_op(&t.room, &t.said["seq"], &body);
        ws.request(op).await.expect("one's own");
        let read = told(&t.bob, &t.room).await;
        assert_eq!((&read[0]["body"], read.len()), (&json!(body), MESSAGES + 1));
        i += 1;
        if admin.get(&path).await["state"] != "running" || i == 50 {
            break;
        }
    }
    assert_eq!(admin.ended(&run).await["state"], "done");
    assert_eq!(told(&t.bob, &t.room).await[0]["edited"]["count"], i);
    assert_eq!(admin.verify().await, [] as [Value; 0]);
}

async fn an_edit_survives_kill_9() {
    let mut t = talk().await;
    let mut ws = t.ana.connect().await;
    for i in 0..20 {
        let op = edit_op(&t.room, &t.said["seq"], &format!("edit {i}"));
        ws.request(op).await.expect("one's own");
    }
    t.server.kill9().await;
    t.server.boot().await;
    let ana = User::login(t.server.rest(), "ana", crate::support::PASSWORD).await;
    let read = history(&ana, &t.room).await;
    assert_eq!(
        (&read[0]["body"], &read[0]["edited"]["count"]),
        (&json!("edit 19"), &json!(20))
    );
}

/// A person who is forgotten leaves nothing of what they edited.
#[tokio::test]
async fn whoever_is_forgotten_leaves_no_edit() {
    let t = talk().await;
    let said = t.bob.send(&t.room, "of bob").await;
    for i in 0..20 {
        edit(&t.bob, &t.room, &said["seq"], &format!("{SECRET} {i}")).await;
    }
    let args = ["user", "erase", "bob", "--messages", "delete", "--yes"];
    t.server.cli(&args).await.ok();
    let entries = t.server.admin().entries(&t.room).await;
    let text = format!("{entries:?}");
    assert!(!text.contains(SECRET) && !text.contains("of bob"), "{text}");
    let gone = async {
        loop {
            let read = |file: &std::path::Path| std::fs::read(file).unwrap_or_default();
            let files: Vec<u8> = std::fs::read_dir(t.server.data_dir())
                .expect("a directory")
                .flat_map(|file| read(&file.expect("an entry").path()))
                .collect();
            if !String::from_utf8_lossy(&files).contains(SECRET) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    within("the texts to be gone from the files", gone).await;
}
