//! A message that was deleted is in no answer any more, from the moment its deletion is acknowledged: not
//! live, not in a replay, not in a list; and its text leaves the store in time.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, Ws, assert_consecutive, history, on_both, within};

on_both!(
    a_deleted_message_is_a_tombstone_everywhere,
    a_replay_shows_a_tombstone_from_memory_and_from_the_store,
    who_may_delete_what,
    what_cannot_be_deleted_is_not_found,
    deleting_twice_is_deleting_once,
    a_txn_makes_a_delete_safe_to_repeat,
    every_device_hears_of_it,
    who_resumes_in_a_flood_sees_no_deleted_text,
    a_deletion_survives_kill_9,
);

/// Ana's room with bob in it, and something she said there.
struct Talk {
    server: Server,
    ana: User,
    bob: User,
    room: Room,
    said: Value,
}

const SECRET: &str = "a-secret-of-ana";

async fn talk() -> Talk {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let txn = json!({"body": SECRET, "txn": "t-1"});
    let said = ana.post(&room.path("/messages"), txn).await.ok();
    Talk {
        server,
        ana,
        bob,
        room,
        said,
    }
}

/// Deletes over REST: the answer.
async fn delete(user: &User, room: &Room, seq: &Value) -> Value {
    user.delete(&room.message(seq)).await.ok()
}

fn delete_op(room: &Room, target: &Value) -> Value {
    json!({"op": "delete", "room": room.id, "target": target})
}

async fn a_deleted_message_is_a_tombstone_everywhere() {
    let t = talk().await;
    let mut ears = t.bob.listen(&t.room).await;
    let reply = json!({"body": "yes", "reply_to": t.said["seq"]});
    let reply = t.bob.post(&t.room.path("/messages"), reply).await.ok();
    ears.expect_message("yes").await;
    let done = delete(&t.ana, &t.room, &t.said["seq"]).await;
    assert_eq!(done["room"], *t.room.id);
    assert_eq!(
        (&done["target"], &done["dup"]),
        (&t.said["seq"], &json!(false))
    );

    let event = ears.next_event().await;
    let expected = json!({
        "ev": "delete", "room": t.room.id, "seq": done["seq"], "n": 2, "target": t.said["seq"],
        "from": t.ana.id, "name": "ana", "at": done["at"],
    });
    assert_eq!(event, expected);
    let tombstone = json!({
        "seq": t.said["seq"], "n": t.said["n"], "id": t.said["message"], "from": t.ana.id,
        "name": "ana", "body": "", "deleted": true, "at": t.said["at"],
        "replies": {"count": 1, "last": reply["seq"], "at": reply["at"]},
    });
    let one = t.bob.get(&t.room.message(&t.said["seq"])).await.ok();
    assert_eq!(one, tombstone);
    for query in ["", "?after=0", "?around=3", "?before=99"] {
        let path = t.room.path(&format!("/messages{query}"));
        let page = t.bob.get(&path).await;
        assert!(!page.text.contains(SECRET), "{query}: {page:#?}");
        assert_eq!(page.ok()["items"][0], tombstone, "{query}");
    }
    // Numbers stay, and what answers it still does.
    let read = history(&t.bob, &t.room).await;
    assert_eq!(read.len(), 2);
    assert_eq!(read[1]["reply_to"], t.said["seq"]);
    assert!(read[1].get("deleted").is_none(), "{:#}", read[1]);
}

async fn a_replay_shows_a_tombstone_from_memory_and_from_the_store() {
    let mut t = talk().await;
    let before = t.said["seq"].as_u64().expect("a seq") - 1;
    // With somebody who listens the room's last events are in memory.
    let witness = t.bob.listen(&t.room).await;
    let held = t.ana.send(&t.room, "in memory").await;
    t.ana.send(&t.room, "stays").await;
    delete(&t.ana, &t.room, &held["seq"]).await;
    let after = held["seq"].as_u64().map(|seq| seq - 1);
    let from_memory = t.bob.connect().await.subscribe(&t.room, after).await;
    assert!(from_memory.recovered);
    let kinds: Vec<_> = from_memory.events.iter().map(|e| &e["ev"]).collect();
    assert_eq!(kinds, ["message", "message", "delete"]);
    assert_eq!(from_memory.bodies(), ["", "stays"]);
    assert_eq!(from_memory.events[0]["deleted"], true);
    assert_eq!(from_memory.events[0]["message"], held["message"]);

    // From before anybody listened: out of the store.
    delete(&t.ana, &t.room, &t.said["seq"]).await;
    let from_store = t.bob.connect().await.subscribe(&t.room, Some(before)).await;
    assert!(from_store.recovered);
    assert_consecutive(before, &from_store.events);
    assert_eq!(from_store.bodies(), ["", "", "stays"]);
    assert_eq!(
        from_store.events[0]["txn"], "t-1",
        "one still knows one's own"
    );
    drop(witness);

    // Both ways show the same.
    t.server.restart().await;
    let again = User::login(t.server.rest(), "bob", crate::support::PASSWORD).await;
    let anew = again.connect().await.subscribe(&t.room, after).await;
    assert_eq!(anew.events[..3], from_memory.events);
    assert_eq!(anew.events[3]["target"], t.said["seq"]);
}

async fn who_may_delete_what() {
    let t = talk().await;
    let (carl, eve) = (t.server.user("carl").await, t.server.user("eve").await);
    let seq = &t.said["seq"];
    // A member deletes nobody else's; who is not in, a viewer and a guest nothing.
    let mut ws = t.bob.connect().await;
    let err = ws
        .request(delete_op(&t.room, seq))
        .await
        .expect_err("ana's");
    assert_eq!(err.code, "forbidden");
    let path = t.room.message(seq);
    t.bob.delete(&path).await.refused(403, "forbidden");
    eve.delete(&path).await.refused(403, "forbidden");
    let own = t.bob.send(&t.room, "of bob").await;
    let member = t.room.path(&format!("/members/{}", t.bob.id));
    let make_bob = |role| t.ana.request("PATCH", &member, json!({"role": role}));
    make_bob("viewer").await.ok();
    let own_path = t.room.message(&own["seq"]);
    t.bob.delete(&own_path).await.refused(403, "forbidden");
    // A moderator of the room any; with the reason in the log of acts.
    make_bob("moderator").await.ok();
    let why = json!({"reason": "a phone number"});
    t.bob.request("DELETE", &path, why).await.ok();
    // The owner, too.
    delete(&t.ana, &t.room, &own["seq"]).await;

    // A moderator of the server in public rooms, without being in; not in private ones.
    t.server
        .cli(&["user", "role", "carl", "moderator"])
        .await
        .ok();
    let public = t.ana.send(&t.room, "public").await;
    delete(&carl, &t.room, &public["seq"]).await;
    let closed = t.ana.room("closed", Kind::Private).await;
    let private = t.ana.send(&closed, "private").await;
    let path = closed.message(&private["seq"]);
    carl.delete(&path).await.refused(404, "not_found");
    // Somebody who was removed.
    t.ana.add(&closed, &eve, "member").await;
    let eves = eve.send(&closed, "of eve").await;
    t.ana.remove(&closed, &eve).await;
    let path = closed.message(&eves["seq"]);
    eve.delete(&path).await.refused(404, "not_found");

    // An operator, who is nobody in the room.
    let mut ears = t.ana.listen(&closed).await;
    let seq = private["seq"].to_string();
    let args = [
        "message", "delete", &closed.id, &seq, "--reason", "law", "--yes",
    ];
    let dry = t.server.cli(&[&args[..], &["--dry-run"]].concat()).await;
    assert!(dry.ok().contains("Nothing was changed"), "{dry}");
    let one = t.ana.get(&closed.message(&private["seq"])).await.ok();
    assert_eq!(one["body"], "private", "a dry run");
    t.server.cli(&args).await.ok();
    let event = ears.next_of("delete").await;
    assert_eq!(event["target"], private["seq"]);
    assert!(
        event.get("from").is_none() && event.get("name").is_none(),
        "{event:#}"
    );
    let again = t.server.cli(&args).await;
    assert!(again.ok().contains("deleted before"), "{again}");
    let nothing = t
        .server
        .cli(&["message", "delete", &closed.id, "9999", "--yes"])
        .await;
    nothing.failed(3);
}

async fn what_cannot_be_deleted_is_not_found() {
    let t = talk().await;
    let mut ws = t.ana.connect().await;
    // Its first entry is no message; nor is a deletion.
    let done = delete(&t.ana, &t.room, &t.said["seq"]).await;
    for target in [
        json!(0),
        json!(1),
        done["seq"].clone(),
        json!(4711),
        json!(u64::MAX),
    ] {
        let err = ws.request(delete_op(&t.room, &target)).await;
        assert_eq!(err.expect_err("no message").code, "not_found", "{target}");
        let path = t.room.message(&target);
        t.ana.delete(&path).await.refused(404, "not_found");
    }
    let path = t.room.path("/messages/x");
    t.ana.delete(&path).await.refused(404, "not_found");
    let me = json!({"op": "delete", "room": "@me", "target": 1});
    assert_eq!(
        ws.request(me).await.expect_err("not there").code,
        "not_found"
    );
    let path = t.room.message(&t.said["seq"]);
    let blank = json!({"reason": ""});
    t.ana
        .request("DELETE", &path, blank)
        .await
        .refused_field("reason");

    // What lies before one's time is not there, whoever one is.
    let early = t.ana.send(&t.room, "early").await;
    t.ana
        .request("PATCH", &t.room.path(""), json!({"history": "since_join"}))
        .await
        .ok();
    let late = t.server.user("late").await;
    late.join(&t.room).await;
    t.ana.add(&t.room, &late, "moderator").await;
    let path = t.room.message(&early["seq"]);
    late.delete(&path).await.refused(404, "not_found");
    let own = late.send(&t.room, "my own").await;
    delete(&late, &t.room, &own["seq"]).await;
}

async fn deleting_twice_is_deleting_once() {
    let t = talk().await;
    let mut ears = t.bob.listen(&t.room).await;
    let (mut one, mut other) = (t.ana.connect().await, t.ana.connect().await);
    let op = delete_op(&t.room, &t.said["seq"]);
    let (a, b) = tokio::join!(one.request(op.clone()), other.request(op.clone()));
    let (a, b) = (a.expect("allowed"), b.expect("allowed"));
    let third = delete(&t.ana, &t.room, &t.said["seq"]).await;
    for field in ["room", "target", "seq", "n", "at"] {
        assert_eq!(
            (&a[field], &a[field]),
            (&b[field], &third[field]),
            "{field}"
        );
    }
    let mut dups = [a["dup"].as_bool(), b["dup"].as_bool()];
    dups.sort_unstable();
    assert_eq!(dups, [Some(false), Some(true)]);
    assert_eq!(third["dup"], true);
    t.ana.send(&t.room, "and on").await;
    let heard = [ears.next_event().await, ears.next_event().await];
    assert_eq!(
        [&heard[0]["ev"], &heard[1]["ev"]],
        [&json!("delete"), &json!("message")],
        "one entry"
    );
    // Who may not delete it is not told that it is deleted.
    t.bob
        .delete(&t.room.message(&t.said["seq"]))
        .await
        .refused(403, "forbidden");
}

async fn a_txn_makes_a_delete_safe_to_repeat() {
    let mut t = talk().await;
    let mut ears = t.bob.listen(&t.room).await;
    let second = t.ana.send(&t.room, "second").await;
    ears.expect_message("second").await;
    let with = |target: &Value, txn| {
        let mut op = delete_op(&t.room, target);
        op["txn"] = json!(txn);
        op
    };
    let mut ws = t.ana.connect().await;
    let first = ws.request(with(&t.said["seq"], "d-1")).await;
    let first = first.expect("allowed");
    assert_eq!(ears.next_of("delete").await["txn"], "d-1");
    let path = t.room.message(&t.said["seq"]) + "?txn=d-1";
    let repeat = t.ana.delete(&path).await.ok();
    assert_eq!(
        (&repeat["seq"], &repeat["dup"]),
        (&first["seq"], &json!(true))
    );
    // Another message under it, and another request: the send's own.
    for (target, txn) in [(&second["seq"], "d-1"), (&second["seq"], "t-1")] {
        let err = ws.request(with(target, txn)).await;
        assert_eq!(
            err.expect_err("another request").code,
            "txn_reused",
            "{txn}"
        );
    }
    let err = ws.request(with(&t.said["seq"], "t-1")).await;
    assert_eq!(err.expect_err("another request").code, "txn_reused");
    // The send's repeat is still answered with what it made.
    let send = json!({"op": "send", "room": t.room.id, "body": SECRET, "txn": "t-1"});
    let again = ws.request(send).await.expect("a repeat");
    assert_eq!(
        (&again["seq"], &again["dup"]),
        (&t.said["seq"], &json!(true))
    );
    assert_eq!(again["message"], t.said["message"]);

    t.server.restart().await;
    let ana = User::login(t.server.rest(), "ana", crate::support::PASSWORD).await;
    let repeat = ana.delete(&path).await.ok();
    assert_eq!(
        (&repeat["seq"], &repeat["dup"]),
        (&first["seq"], &json!(true))
    );
}

async fn every_device_hears_of_it() {
    let t = talk().await;
    let second = t.ana.again().await;
    let (mut phone, mut desk) = (t.ana.listen(&t.room).await, second.listen(&t.room).await);
    let done = phone.request(delete_op(&t.room, &t.said["seq"])).await;
    let done = done.expect("one's own");
    for ears in [&mut phone, &mut desk] {
        let event = ears.next_of("delete").await;
        assert_eq!(event["seq"], done["seq"]);
    }
    let page = second.get(&t.room.path("/messages")).await.ok();
    assert_eq!(page["items"][0]["deleted"], true);
}

/// Someone talks without pause and deletes what they said; another comes and goes. However a replay is put
/// together: once a deletion is acknowledged, no replay asked for after it has the text.
async fn who_resumes_in_a_flood_sees_no_deleted_text() {
    const MESSAGES: u64 = 100;
    let t = talk().await;
    let (room, mut mouth) = (t.room.clone(), t.ana.connect().await);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let flood = tokio::spawn(async move {
        for i in 0..MESSAGES {
            let said = mouth.send(&room, &format!("text {i}")).await;
            if i % 2 == 0 {
                let deleted = mouth.request(delete_op(&room, &said["seq"])).await;
                deleted.expect("one's own");
                tell.send(said["seq"].as_u64().expect("a seq"))
                    .expect("somebody reads");
            }
        }
    });
    let start = t.said["seq"].as_u64().expect("a seq");
    let mut witness = t.bob.listen(&t.room).await;
    let mut gone = Vec::new();
    let mut rounds = 0;
    while let Some(seq) = within("the flood", told.recv()).await {
        gone.push(seq);
        while let Ok(seq) = told.try_recv() {
            gone.push(seq);
        }
        // From the beginning, out of the store; from the last one, mostly out of memory.
        for after in [start, seq - 1] {
            let mut ws = t.bob.connect().await;
            let replay = ws.subscribe(&t.room, Some(after)).await;
            assert!(replay.recovered);
            assert_consecutive(after, &replay.events);
            assert_hidden(&replay.events, &gone);
        }
        let page = t.bob.get(&t.room.path("/messages?limit=200")).await.ok();
        assert_hidden(page["items"].as_array().expect("items"), &gone);
        rounds += 1;
    }
    within("the flood", flood).await.expect("it went well");
    assert!(rounds > 1 && gone.len() as u64 == MESSAGES / 2);
    // Live, everything came in order: each text before its deletion.
    let heard = witness.events_so_far().await;
    let first = heard[0]["seq"].as_u64().expect("a seq");
    assert_consecutive(first - 1, &heard);
    let read = history(&t.bob, &t.room).await;
    assert_hidden(&read, &gone);
    assert_eq!(read.len() as u64, MESSAGES + 1);
}

/// Of these, the deleted ones have no text.
#[track_caller]
fn assert_hidden(shown: &[Value], gone: &[u64]) {
    for one in shown {
        let seq = one["seq"].as_u64().expect("a seq");
        if gone.contains(&seq) {
            assert_eq!(
                (&one["body"], &one["deleted"]),
                (&json!(""), &json!(true)),
                "{one:#}"
            );
        }
    }
}

async fn a_deletion_survives_kill_9() {
    let mut t = talk().await;
    let mut ws = t.ana.connect().await;
    let mut gone = vec![];
    for i in 0..20 {
        let said = ws.send(&t.room, &format!("text {i}")).await;
        ws.request(delete_op(&t.room, &said["seq"]))
            .await
            .expect("own");
        gone.push(said["seq"].as_u64().expect("a seq"));
    }
    t.server.kill9().await;
    t.server.boot().await;
    let ana = User::login(t.server.rest(), "ana", crate::support::PASSWORD).await;
    let read = history(&ana, &t.room).await;
    assert_hidden(&read, &gone);
    assert_eq!(read[0]["body"], SECRET);
}

/// Everything in the directory of the data, as text.
fn files(server: &Server) -> String {
    let dir = std::fs::read_dir(server.data_dir()).expect("a directory");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        std::fs::read(file.expect("an entry").path()).unwrap_or_default()
    };
    let bytes: Vec<u8> = dir.flat_map(read).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until this many texts were erased.
async fn erased(server: &Server, count: u64) {
    let erased = async {
        loop {
            let status = server.cli(&["status", "--json"]).await.json();
            if status["counts"]["erased"].as_u64() >= Some(count) {
                return;
            }
        }
    };
    within("texts to be erased", erased).await;
}

async fn erased_soon() -> (Server, User, Room, Value) {
    let server = Server::builder()
        .set("messages.erase_within", "1s")
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let send = json!({"body": SECRET, "txn": "t-1"});
    let said = ana.post(&room.path("/messages"), send).await.ok();
    ana.send(&room, "this one stays").await;
    (server, ana, room, said)
}

#[tokio::test]
async fn an_erased_text_is_in_no_file() {
    let (server, ana, room, said) = erased_soon().await;
    assert!(files(&server).contains(SECRET), "this test sees nothing");
    delete(&ana, &room, &said["seq"]).await;
    erased(&server, 1).await;
    // The log is emptied right after.
    let gone = async {
        while files(&server).contains(SECRET) {
            tokio::task::yield_now().await;
        }
    };
    within("the text to be gone from the files", gone).await;
    assert!(files(&server).contains("this one stays"));
}

/// On either store: nothing but the text is lost.
async fn an_erased_message_keeps_its_place() {
    let (server, ana, room, said) = erased_soon().await;
    let done = delete(&ana, &room, &said["seq"]).await;
    erased(&server, 1).await;
    let one = ana.get(&room.message(&said["seq"])).await.ok();
    assert_eq!(
        (&one["deleted"], &one["id"]),
        (&json!(true), &said["message"])
    );
    assert_eq!(history(&ana, &room).await.len(), 2);
    let again = delete(&ana, &room, &said["seq"]).await;
    assert_eq!((&again["seq"], &again["dup"]), (&done["seq"], &json!(true)));
    // A repeat of the send, late as it is, makes no second message.
    let send = json!({"body": SECRET, "txn": "t-1"});
    let repeat = ana.post(&room.path("/messages"), send).await.ok();
    assert_eq!(
        (&repeat["seq"], &repeat["dup"]),
        (&said["seq"], &json!(true))
    );
    let mut delete = delete_op(&room, &json!(3));
    delete["txn"] = json!("t-1");
    let err = ana.connect().await.request(delete).await;
    assert_eq!(err.expect_err("another request").code, "txn_reused");
}

/// What comes due while no server runs is erased at the next start.
async fn what_was_missed_is_erased_at_the_start() {
    let (mut server, ana, room, said) = erased_soon().await;
    delete(&ana, &room, &said["seq"]).await;
    server.kill9().await;
    server.boot().await;
    erased(&server, 1).await;
    let ana = User::login(server.rest(), "ana", crate::support::PASSWORD).await;
    let mut ws: Ws = ana.connect().await;
    let replay = ws.subscribe(&room, Some(1)).await;
    assert_eq!(replay.bodies(), ["", "this one stays"]);
}

on_both!(
    an_erased_message_keeps_its_place,
    what_was_missed_is_erased_at_the_start,
);
