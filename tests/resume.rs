//! Promise 2: a client that was away gets exactly what it missed, or is told that it must reload.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::{
    Builder, Kind, Room, Server, Subscribed, User, assert_consecutive, history, on_both, random_id,
    within,
};

on_both!(
    who_was_away_gets_what_was_missed_and_goes_on,
    a_replay_is_what_was_live,
    nothing_missed_is_recovered_too,
    replays_larger_than_the_outbox_come_whole,
    who_was_away_too_long_is_told_to_reload,
    a_position_that_never_was_is_not_honoured,
    positions_hold_over_a_restart,
    many_rooms_resume_in_one_request,
    an_error_among_many_rooms_names_its_room,
    resuming_again_and_again_in_a_flood_loses_and_doubles_nothing,
);

/// The server's cap on what it replays: entries, and bytes.
const REPLAY_ENTRIES: usize = 1000;
const REPLAY_BYTES: usize = 256 * 1024;

/// Ana and bob in a room; bob listened up to `seq` and lost the connection.
struct Away {
    server: Server,
    ana: User,
    bob: User,
    room: Room,
    seq: u64,
}

async fn away(builder: Builder) -> Away {
    let server = builder.start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut ears = bob.listen(&room).await;
    let seq = ana.send(&room, "before").await["seq"]
        .as_u64()
        .expect("a seq");
    ears.expect_message("before").await;
    ears.drop_tcp();
    Away {
        server,
        ana,
        bob,
        room,
        seq,
    }
}

async fn who_was_away_gets_what_was_missed_and_goes_on() {
    let Away {
        ana,
        bob,
        room,
        seq,
        server: _server,
    } = away(Server::builder()).await;
    let missed: Vec<String> = (0..50).map(|i| format!("missed {i}")).collect();
    ana.connect().await.say_all(&room, missed.clone(), 16).await;

    let mut back = bob.connect().await;
    let replay = back.subscribe(&room, Some(seq)).await;
    assert!(replay.recovered);
    assert_eq!(replay.bodies(), missed);
    assert_eq!(assert_consecutive(seq, &replay.events), replay.head);
    assert_eq!(replay.events.last().expect("events")["n"], replay.n);

    ana.send(&room, "after").await;
    let event = back.expect_message("after").await;
    assert_eq!(event["seq"], replay.head + 1);
}

async fn a_replay_is_what_was_live() {
    let Away {
        ana,
        bob,
        room,
        seq,
        server: _server,
    } = away(Server::builder()).await;
    let mut witness = bob.listen(&room).await;
    let mut mouth = ana.connect().await;
    let send = json!({"op": "send", "room": room.id, "body": "hi", "txn": "t-1", "reply_to": seq});
    mouth.request(send).await.expect("allowed");
    let patch = ana
        .request("PATCH", &room.path(""), json!({"topic": "tests"}))
        .await;
    patch.ok();
    let live = [witness.next_event().await, witness.next_event().await];
    assert_eq!(
        (&live[0]["ev"], &live[1]["ev"]),
        (&json!("message"), &json!("settings"))
    );

    let replay = bob.connect().await.subscribe(&room, Some(seq)).await;
    assert_eq!(replay.events, live);
}

async fn nothing_missed_is_recovered_too() {
    let Away {
        bob,
        room,
        seq,
        server: _server,
        ..
    } = away(Server::builder()).await;
    let replay = bob.connect().await.subscribe(&room, Some(seq)).await;
    assert!(replay.recovered && replay.events.is_empty());
    assert_eq!(replay.head, seq);
}

async fn replays_larger_than_the_outbox_come_whole() {
    const ROOMS: usize = 10;
    // As small as it may be: it holds one room's replay.
    let server = Server::builder().set("ws.outbox", "256 KiB").start().await;
    let ana = server.user("ana").await;
    let mut mouth = ana.connect().await;
    let mut rooms = Vec::new();
    let missed: Vec<String> = (0..15)
        .map(|i| format!("{i} {}", "x".repeat(13_000)))
        .collect();
    for i in 0..ROOMS {
        let room = ana.room(&format!("room-{i}"), Kind::Public).await;
        let seq = ana.send(&room, "before").await["seq"].clone();
        mouth.say_all(&room, missed.clone(), 8).await;
        rooms.push((room, seq));
    }
    let mut back = ana.connect().await;
    let asked = rooms
        .iter()
        .map(|(room, seq)| json!({"room": room.id, "after": seq}));
    let request = json!({"op": "subscribe", "rooms": asked.collect::<Vec<_>>()});
    let id = back.post(request).await.expect("open");
    // Live entries come on top of it.
    for (room, _) in &rooms {
        mouth.send(room, "live").await;
    }
    let mut live = HashMap::new();
    for _ in &rooms {
        let answer = back.answer(id).await.expect("allowed");
        let (room, seq) = rooms
            .iter()
            .find(|(room, _)| answer["room"] == *room.id)
            .expect("asked for");
        let mut replay = Subscribed::complete(&mut back, answer).await;
        assert!(replay.recovered);
        let last = assert_consecutive(seq.as_u64().expect("a seq"), &replay.events);
        if replay.bodies().last() == Some(&"live") {
            replay.events.pop();
        } else {
            live.insert(room.id.clone(), last + 1);
        }
        assert_eq!(replay.bodies(), missed);
    }
    while !live.is_empty() {
        let event = back.expect_message("live").await;
        let expected = live.remove(event["room"].as_str().expect("a room"));
        assert_eq!(event["seq"].as_u64(), expected, "{event:#}");
    }
}

async fn who_was_away_too_long_is_told_to_reload() {
    let Away {
        ana,
        bob,
        room,
        seq,
        server: _server,
    } = away(Server::builder()).await;
    let many = (0..=REPLAY_ENTRIES).map(|i| format!("missed {i}"));
    ana.connect().await.say_all(&room, many, 64).await;

    let mut back = bob.connect().await;
    let late = back.subscribe(&room, Some(seq)).await;
    assert!(!late.recovered, "one more than the cap");
    assert_eq!(late.head, seq + REPLAY_ENTRIES as u64 + 1);
    ana.send(&room, "after").await;
    assert_eq!(
        back.expect_message("after").await["seq"],
        late.head + 1,
        "live from the head on"
    );

    let large = (0..100).map(|i| format!("{i} {}", "x".repeat(REPLAY_BYTES / 80)));
    ana.connect().await.say_all(&room, large, 8).await;
    let late = bob
        .connect()
        .await
        .subscribe(&room, Some(late.head + 1))
        .await;
    assert!(!late.recovered, "few entries, but too many bytes");
}

async fn a_position_that_never_was_is_not_honoured() {
    let Away {
        bob,
        room,
        seq,
        server: _server,
        ..
    } = away(Server::builder()).await;
    let mut back = bob.connect().await;
    for after in [seq + 1, u64::MAX - 1, u64::MAX] {
        let beyond = back.subscribe(&room, Some(after)).await;
        assert!(!beyond.recovered, "after the head");
    }
    let me = json!({"op": "subscribe", "room": "@me", "after": u64::MAX});
    let me = back.request(me).await.expect("one's own log");
    assert_eq!(me["recovered"], false);

    let other_epoch =
        json!({"op": "subscribe", "room": room.id, "after": seq, "epoch": random_id()});
    let answer = back.request(other_epoch).await.expect("allowed");
    assert_eq!(
        (&answer["recovered"], &answer["head"]),
        (&json!(false), &json!(seq))
    );
    assert_eq!(answer["epoch"], back.epoch());

    let no_epoch = json!({"op": "subscribe", "room": room.id, "after": seq});
    let answer = back.request(no_epoch).await.expect("allowed");
    assert_eq!(answer["recovered"], true, "the epoch may be left out");
}

async fn positions_hold_over_a_restart() {
    let Away {
        mut server,
        ana,
        bob,
        room,
        seq,
    } = away(Server::builder()).await;
    ana.send(&room, "missed").await;
    server.restart().await;
    let replay = bob.connect().await.subscribe(&room, Some(seq)).await;
    assert!(replay.recovered);
    assert_eq!(replay.bodies(), ["missed"]);
}

async fn many_rooms_resume_in_one_request() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let mut rooms = Vec::new();
    for i in 0..20 {
        rooms.push(ana.room(&format!("room-{i}"), Kind::Public).await);
    }
    let mut asked = Vec::new();
    for room in &rooms {
        let seq = &ana.send(room, "before").await["seq"];
        asked.push(json!({"room": room.id, "after": seq}));
        ana.send(room, &format!("missed in {}", room.name)).await;
    }
    asked.push(json!({"room": "no-such-room", "after": 1}));

    let mut ws = ana.connect().await;
    let epoch = ws.epoch();
    let request = json!({"op": "subscribe", "rooms": asked, "epoch": epoch});
    let id = ws.post(request).await.expect("open");
    let mut answered = Vec::new();
    for _ in 0..rooms.len() {
        let answer = ws.answer(id).await.expect("allowed");
        assert_eq!(answer["recovered"], true, "{answer}");
        let room = rooms
            .iter()
            .find(|r| answer["room"] == *r.id)
            .expect("a room asked for");
        let bodies: Vec<_> = answer["events"]
            .as_array()
            .expect("events")
            .iter()
            .collect();
        assert_eq!(bodies.len(), 1);
        assert_eq!(bodies[0]["body"], format!("missed in {}", room.name));
        answered.push(room.id.clone());
    }
    answered.sort_unstable();
    answered.dedup();
    assert_eq!(answered.len(), rooms.len(), "one answer for each room");
    assert_eq!(
        ws.answer(id).await.expect_err("no such room").code,
        "not_found"
    );
    for room in &rooms {
        ana.send(room, "live").await;
        ws.expect_message("live").await;
    }
}

async fn an_error_among_many_rooms_names_its_room() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let mut ws = ana.connect().await;
    let id = ws
        .post(json!({"op": "subscribe", "rooms": [{"room": "nowhere"}]}))
        .await;
    let frame = ws.frame().await.expect("open");
    assert_eq!(frame["id"].as_u64(), id);
    assert_eq!(
        (&frame["err"]["code"], &frame["err"]["room"]),
        (&json!("not_found"), &json!("nowhere"))
    );
}

async fn resuming_again_and_again_in_a_flood_loses_and_doubles_nothing() {
    const TALKERS: usize = 3;
    const EACH: usize = 250;
    let Away {
        server,
        bob,
        room,
        seq,
        ..
    } = away(Server::builder()).await;
    let talkers = server.users("talker", TALKERS).await;
    let mut talks = Vec::new();
    for talker in &talkers {
        talker.join(&room).await;
    }
    let seq = seq + TALKERS as u64;
    for talker in talkers {
        let room = room.clone();
        talks.push(tokio::spawn(async move {
            let bodies = (0..EACH).map(|i| format!("{} {i}", talker.name));
            for answer in talker.connect().await.send_all(&room, bodies, 2).await {
                answer.expect("allowed");
            }
        }));
    }

    let mut heard: Vec<Value> = Vec::new();
    let mut rounds = 0;
    while heard.len() < TALKERS * EACH {
        rounds += 1;
        let mut ws = bob.connect().await;
        let position = seq + heard.len() as u64;
        let replay = ws.subscribe(&room, Some(position)).await;
        assert!(replay.recovered, "at {position} of {}", replay.head);
        heard.extend(replay.events);
        // A few live ones, then the connection breaks in the middle of others.
        for _ in 0..(rounds % 7).min(TALKERS * EACH - heard.len()) {
            heard.push(ws.next_event().await);
        }
        ws.drop_tcp();
    }
    for talk in talks {
        within("a flood to end", talk).await.expect("it went well");
    }
    assert!(rounds > 3, "the flood was over before anything was tested");
    assert_consecutive(seq, &heard);
    let stored = history(&bob, &room).await;
    let bodies =
        |items: &[Value]| -> Vec<Value> { items.iter().map(|m| m["body"].clone()).collect() };
    assert_eq!(bodies(&stored)[1..], bodies(&heard));
}
