//! Promise 1, one order: everyone in a room sees the same entries with the same `seq`, no gap, no
//! duplicate, and who sends has the acknowledgement before the event.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{Kind, Room, Server, User, assert_consecutive, history, on_both, within};

on_both!(
    two_hundred_people_in_ten_rooms_see_one_order,
    a_message_says_who_what_and_when,
    rest_and_sockets_are_doors_to_one_room,
    who_unsubscribes_hears_no_more,
);

const ROOMS: usize = 10;
const PEOPLE_PER_ROOM: usize = 20;
const MESSAGES_EACH: usize = 3;

async fn two_hundred_people_in_ten_rooms_see_one_order() {
    let server = Server::start().await;
    let people = server.users("p", ROOMS * PEOPLE_PER_ROOM).await;
    let everyone_listens = Arc::new(Barrier::new(people.len()));

    let mut groups = Vec::new();
    for (i, group) in people.chunks(PEOPLE_PER_ROOM).enumerate() {
        let room = group[0].room(&format!("room-{i}"), Kind::Public).await;
        for person in &group[1..] {
            person.join(&room).await;
        }
        let talks = group.iter().map(|person| {
            let talk = talk(person.clone(), room.clone(), Arc::clone(&everyone_listens));
            tokio::spawn(talk)
        });
        groups.push((room.clone(), &group[0], talks.collect::<Vec<_>>()));
    }
    for (room, owner, talks) in groups {
        let mut first: Option<Vec<Value>> = None;
        for talk in talks {
            let heard = within("a conversation", talk).await.expect("it went well");
            let first = first.get_or_insert_with(|| heard.clone());
            assert_eq!(heard.len(), first.len());
            for (mine, theirs) in heard.iter().zip(first) {
                // The txn is told to everyone as well, so the events are the same to the byte.
                assert_eq!(
                    mine, theirs,
                    "two people of {} heard different things",
                    room.name
                );
            }
        }
        let stored = history(owner, &room).await;
        let heard = first.expect("somebody listened");
        let told = |items: &[Value]| -> Vec<(u64, String)> {
            items
                .iter()
                .map(|m| {
                    (
                        m["seq"].as_u64().unwrap(),
                        m["body"].as_str().unwrap().to_owned(),
                    )
                })
                .collect()
        };
        assert_eq!(told(&stored), told(&heard), "history is what was heard");
    }
}

/// One person: says a few things at once and listens until everything in the room was heard.
async fn talk(person: User, room: Room, everyone_listens: Arc<Barrier>) -> Vec<Value> {
    let mut ws = person.connect().await;
    let start = ws.subscribe(&room, None).await;
    assert!(!start.recovered);
    everyone_listens.wait().await;

    let mut txns = HashMap::new();
    for i in 0..MESSAGES_EACH {
        let txn = format!("{}-{i}", person.name);
        let send =
            json!({"op": "send", "room": room.id, "body": format!("{txn} says"), "txn": txn});
        txns.insert(ws.post(send).await.expect("open"), txn);
    }

    let (mut acknowledged, mut heard) = (HashMap::new(), Vec::new());
    while heard.len() < PEOPLE_PER_ROOM * MESSAGES_EACH || acknowledged.len() < MESSAGES_EACH {
        let frame = ws.frame().await.expect("open");
        if let Some(id) = frame["id"].as_u64() {
            assert_eq!(frame["ok"]["dup"], false, "{frame}");
            acknowledged.insert(txns[&id].clone(), frame["ok"].clone());
            continue;
        }
        if frame["from"] == *person.id {
            let ack = acknowledged.get(frame["txn"].as_str().expect("my txn"));
            let ack = ack.unwrap_or_else(|| panic!("the event came first: {frame}"));
            for field in ["room", "seq", "n", "message", "at"] {
                assert_eq!(frame[field], ack[field], "{field}: {frame} {ack}");
            }
        }
        heard.push(frame);
    }
    assert_consecutive(start.head, &heard);
    for (event, n) in heard.iter().zip(start.n + 1..) {
        assert_eq!(
            (event["ev"].as_str(), event["n"].as_u64()),
            (Some("message"), Some(n))
        );
    }
    let times: Vec<_> = heard
        .iter()
        .map(|e| e["at"].as_u64().expect("a time"))
        .collect();
    assert!(times.is_sorted(), "time goes backwards: {times:?}");
    heard
}

async fn a_message_says_who_what_and_when() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut ears = bob.listen(&room).await;

    let ack = ana.connect().await.send(&room, "hi").await;
    let event = ears.expect_message("hi").await;
    assert_eq!(event["room"], *room.id);
    assert_eq!(
        (&event["from"], &event["name"]),
        (&json!(ana.id), &json!("ana"))
    );
    assert_eq!(
        (&event["seq"], &event["message"]),
        (&ack["seq"], &ack["message"])
    );
    assert!(event.get("id").is_none(), "an event has no id: {event}");

    let answer = json!({"op": "send", "room": "general", "body": "what?", "reply_to": ack["seq"]});
    ears.request(answer)
        .await
        .expect("a room's name does as well as its id");
    assert_eq!(ears.expect_message("what?").await["reply_to"], ack["seq"]);
}

async fn rest_and_sockets_are_doors_to_one_room() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ears = ana.listen(&room).await;

    let answer = ana.send(&room, "by letter").await;
    let event = ears.expect_message("by letter").await;
    for field in ["room", "seq", "n", "message", "at"] {
        assert_eq!(event[field], answer[field], "{field}");
    }
    let one = ana
        .get(&room.path(&format!("/messages/{}", answer["seq"])))
        .await
        .ok();
    assert_eq!(
        (&one["id"], &one["body"]),
        (&answer["message"], &json!("by letter"))
    );
}

async fn who_unsubscribes_hears_no_more() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let (mut on, mut off) = (ana.listen(&room).await, ana.listen(&room).await);

    off.request(json!({"op": "unsubscribe", "room": room.id}))
        .await
        .expect("allowed");
    on.send(&room, "still there?").await;
    on.expect_message("still there?").await;
    assert_eq!(off.events_so_far().await, Vec::<Value>::new());
}
