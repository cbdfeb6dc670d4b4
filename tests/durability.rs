//! Promise 1, kept: what was acknowledged survives `kill -9` in the middle of load, and who sends and
//! goes away at once leaves no gap behind.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{Kind, Room, Server, User, Ws, assert_consecutive, history, on_both, within};

on_both!(
    what_was_acknowledged_survives_kill_9,
    who_repeats_after_a_crash_says_it_once,
    a_sender_that_leaves_at_once_leaves_no_gap,
    whatever_was_acknowledged_last_survives_kill_9,
);

const ROUNDS: usize = 12;
const SENDERS: usize = 6;
/// Requests of a sender on their way at once.
const WINDOW: usize = 8;

/// What was sent, and the `seq` of what was acknowledged, by body, over all rounds.
#[derive(Default)]
struct Said {
    sent: HashSet<String>,
    acknowledged: HashMap<String, u64>,
}

async fn what_was_acknowledged_survives_kill_9() {
    let mut server = Server::start().await;
    let senders = server.users("sender", SENDERS).await;
    let room = senders[0].room("general", Kind::Public).await;
    for sender in &senders[1..] {
        sender.join(&room).await;
    }
    let said = Arc::new(Mutex::new(Said::default()));

    for round in 0..ROUNDS {
        let (acks, mut acknowledged) = mpsc::unbounded_channel();
        let mut talks = Vec::new();
        let mut sockets = Vec::new();
        for sender in &senders {
            sockets.push((format!("{} {round}", sender.name), sender.connect().await));
        }
        for (name, ws) in sockets {
            let talk = talk(ws, room.clone(), name, Arc::clone(&said), acks.clone());
            talks.push(tokio::spawn(talk));
        }
        // The moment differs from round to round, and always lies in the middle of traffic.
        for _ in 0..60 + 17 * round {
            within("acknowledgements", acknowledged.recv())
                .await
                .expect("senders talk");
        }
        server.kill9().await;
        for talk in talks {
            within("a sender to notice", talk)
                .await
                .expect("it went well");
        }
        server.boot().await;
        let stored = history(&senders[0], &room).await;
        check(&stored, &said.lock().expect("no sender panicked"));
    }
}

/// Sends until the connection breaks; notes what was sent before it is sent.
async fn talk(
    mut ws: Ws,
    room: Room,
    name: String,
    said: Arc<Mutex<Said>>,
    acks: mpsc::UnboundedSender<()>,
) {
    let mut waiting = HashMap::new();
    for i in 0.. {
        let body = format!("{name} {i}");
        said.lock()
            .expect("no sender panics")
            .sent
            .insert(body.clone());
        let send =
            json!({"op": "send", "room": room.id, "body": body, "txn": body.replace(' ', "-")});
        let Some(id) = ws.post(send).await else {
            return;
        };
        waiting.insert(id, body);
        while waiting.len() >= WINDOW {
            let Some(frame) = ws.frame().await else {
                return;
            };
            let id = frame["id"]
                .as_u64()
                .expect("only answers: nothing is subscribed");
            let seq = frame["ok"]["seq"]
                .as_u64()
                .unwrap_or_else(|| panic!("{frame}"));
            let body = waiting.remove(&id).expect("an answer to a request");
            said.lock()
                .expect("no sender panics")
                .acknowledged
                .insert(body, seq);
            // The round may be over already.
            let _ = acks.send(());
        }
    }
}

/// Everything acknowledged is there, once, under its `seq`; nothing is there that was not sent.
fn check(stored: &[Value], said: &Said) {
    let first = stored[0]["seq"].as_u64().expect("a seq");
    assert_consecutive(first - 1, stored);
    let mut found = HashMap::new();
    for message in stored {
        let body = message["body"].as_str().expect("a body");
        assert!(said.sent.contains(body), "never sent: {message:#}");
        let twice = found.insert(body, message["seq"].as_u64().expect("a seq"));
        assert_eq!(twice, None, "twice: {message:#}");
    }
    for (body, seq) in &said.acknowledged {
        assert_eq!(
            found.get(body.as_str()),
            Some(seq),
            "acknowledged and lost: {body}"
        );
    }
}

async fn who_repeats_after_a_crash_says_it_once() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let send = |txn: &String| json!({"op": "send", "room": room.id, "body": txn, "txn": txn});
    for round in 0..5 {
        let txns: Vec<String> = (0..40).map(|i| format!("{round}-{i}")).collect();
        let mut ws = ana.connect().await;
        let mut last = None;
        for txn in &txns {
            last = ws.post(send(txn)).await;
        }
        let first = last.expect("open") + 1 - txns.len() as u64;
        ws.answer(first).await.expect("allowed");
        server.kill9().await;
        server.boot().await;
        let mut ws = ana.connect().await;
        for txn in &txns {
            ws.request(send(txn)).await.expect("allowed");
        }
        let stored = history(&ana, &room).await;
        let mut bodies: Vec<_> = stored.iter().map(|m| m["body"].as_str().unwrap()).collect();
        bodies.sort_unstable();
        bodies.dedup();
        assert_eq!(
            (bodies.len(), stored.len()),
            (40 * (round + 1), 40 * (round + 1))
        );
    }
    // However long ago it was said.
    let mut ws = ana.connect().await;
    for txn in (0..5).flat_map(|round| (0..40).map(move |i| format!("{round}-{i}"))) {
        let again = ws.request(send(&txn)).await.expect("allowed");
        assert_eq!(again["dup"], true, "{txn}: {again}");
    }
    assert_eq!(history(&ana, &room).await.len(), 200);
}

async fn a_sender_that_leaves_at_once_leaves_no_gap() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut ears = bob.connect().await;
    let start = ears.subscribe(&room, None).await;

    for i in 0..100 {
        let mut mouth = ana.connect().await;
        let send = json!({"op": "send", "room": room.id, "body": format!("bye {i}")});
        mouth.post(send).await.expect("open");
        mouth.drop_tcp();
    }
    // Whether the frame was still read is the server's luck; what it stored, it published.
    ana.send(&room, "the end").await;
    let mut heard = Vec::new();
    while heard.last().is_none_or(|e: &Value| e["body"] != "the end") {
        heard.push(ears.next_event().await);
    }
    let last = assert_consecutive(start.head, &heard);
    // What came in after the end, if any, follows without a gap as well.
    assert_consecutive(last, &ears.events_so_far().await);
    let said = heard
        .iter()
        .filter(|e| e["body"].as_str().is_some_and(|b| b.starts_with("bye")));
    assert!(
        said.count() > 0,
        "not one frame arrived: nothing was tested"
    );
}

/// The items of a list.
async fn items(user: &User, path: &str) -> Vec<Value> {
    let list = user.get(path).await.ok();
    list["items"].as_array().expect("items").clone()
}

/// Each thing that can be asked for beside a plain message is acknowledged, and the power goes that moment: it is
/// there, once, and asking for it again changes nothing.
async fn whatever_was_acknowledged_last_survives_kill_9() {
    let mut server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let first = ana.send(&room, "the first").await["seq"].clone();
    let (id, emoji) = (&room.id, "\u{1f44d}");
    let ops = [
        json!({"op": "pin", "room": id, "target": first, "txn": "pin"}),
        json!({"op": "send", "room": id, "body": "look, @bob", "txn": "mention"}),
        json!({"op": "send", "room": id, "body": "the second", "reply_to": first, "txn": "reply"}),
        json!({"op": "react", "room": id, "target": first, "emoji": emoji, "txn": "react"}),
        json!({"op": "edit", "room": id, "target": first, "body": "the very first", "txn": "edit"}),
        json!({"op": "read", "room": id, "seq": first}),
        json!({"op": "dm", "users": ["bob"]}),
    ];
    for op in &ops {
        let mut ws = ana.connect().await;
        let told = ws.request(op.clone()).await;
        server.kill9().await;
        let told = told.expect("it is acknowledged");
        server.boot().await;
        let mut ws = ana.connect().await;
        let again = ws.request(op.clone()).await.expect("it is allowed still");
        match op["op"].as_str() {
            Some("read") => assert_eq!(again["read"], told["read"]),
            Some("dm") => assert_eq!(
                (&again["room"], &again["made"]),
                (&told["room"], &json!(false))
            ),
            _ => assert_eq!(
                (&again["seq"], &again["dup"]),
                (&told["seq"], &json!(true)),
                "{op}"
            ),
        }
    }
    let message = ana.get(&room.message(&first)).await.ok();
    assert_eq!(message["body"], "the very first");
    assert_eq!(message["reactions"][0]["count"], 1);
    assert_eq!(message["replies"]["count"], 1);
    assert!(message["pinned"]["seq"].is_u64(), "{message:#}");
    let thread = room.path(&format!("/messages/{first}/replies"));
    assert_eq!(items(&ana, &thread).await.len(), 1);
    assert_eq!(items(&ana, &room.path("/pins")).await.len(), 1);
    assert_eq!(items(&bob, "/v1/me/mentions").await.len(), 1);
    let shown = ana.get(&room.path("")).await.ok();
    assert_eq!((&shown["read"], &shown["unread"]), (&first, &json!(2)));
    for user in [&ana, &bob] {
        let rooms = items(user, "/v1/rooms").await;
        let direct = rooms.iter().filter(|room| room["kind"] == "direct");
        assert_eq!(direct.count(), 1, "{rooms:#?}");
    }
    // Bob was told of each once, in one order.
    let mut ws = bob.connect().await;
    let me = json!({"op": "subscribe", "room": "@me", "after": 0});
    let me = ws.request(me).await.expect("one's own log");
    let events = me["events"].as_array().expect("events");
    assert_consecutive(0, events);
    // He came into two rooms.
    for (ev, times) in [("mention", 1), ("added", 2)] {
        let told = events.iter().filter(|event| event["ev"] == ev);
        assert_eq!(told.count(), times, "{ev}: {events:#?}");
    }
    server.cli(&["store", "check"]).await.ok();
}
