//! When something is full: a reader that does not read is cut off alone, a full store still answers.

use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::support::{Kind, Raw, Server, User, Ws, history, within};

#[tokio::test]
async fn a_reader_that_never_reads_costs_itself_only() {
    const BODY: usize = 8000;
    const MESSAGES: usize = 8000;
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut deaf = deaf(&server, &bob).await;
    let start = deaf.subscribe(&room, None).await;
    let mut ears = bob.listen(&room).await;
    let mut mouth = ana.connect().await;

    // Half warm: what grows afterwards is the store's page cache (32 MiB) and what is kept for the deaf
    // one, which would be all 64 MB.
    let body = |i: usize| format!("{i} {}", "x".repeat(BODY));
    let mut heard = 0;
    let mut before = 0;
    for i in 0..MESSAGES / 10 {
        mouth
            .send_all(&room, (0..10).map(|j| body(i * 10 + j)), 10)
            .await;
        for _ in 0..10 {
            ears.expect_message(&body(heard)).await;
            heard += 1;
        }
        if i == MESSAGES / 40 {
            before = server.process().resident_bytes();
        }
    }
    let grown = server.process().resident_bytes().saturating_sub(before);
    assert!(
        grown < (MESSAGES * BODY * 3 / 4) as u64,
        "{grown} bytes more than before"
    );

    // What was on its way is still read, without a gap; then the end, and never the whole.
    let mut last = start.head;
    while let Some(frame) = deaf.frame().await {
        if frame["ev"] == "message" {
            assert_eq!(frame["seq"].as_u64(), Some(last + 1), "a silent gap");
            last += 1;
        }
    }
    assert!(
        last < start.head + MESSAGES as u64,
        "everything was kept for a reader that never read"
    );
    let code = deaf.closed().await.code;
    assert!(matches!(code, None | Some(4008)), "{code:?}");
}

#[tokio::test]
async fn a_reader_that_was_cut_off_comes_back_to_everything() {
    let server = Server::builder()
        .set("ws.outbox", "64 KiB")
        .set("ws.replay_bytes", "64 KiB")
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ears = deaf(&server, &ana).await;
    let mut seq = ears.subscribe(&room, None).await.head;
    let bodies: Vec<String> = (0..500)
        .map(|i| format!("{i} {}", "x".repeat(15_000)))
        .collect();
    ana.connect().await.send_all(&room, bodies.clone(), 8).await;

    let mut heard = Vec::new();
    while let Some(frame) = ears.frame().await {
        if frame["ev"] == "message" {
            seq += 1;
            assert_eq!(frame["seq"], seq, "a silent gap");
            heard.push(frame["body"].as_str().expect("a body").to_owned());
        }
    }
    assert!(heard.len() < bodies.len(), "never cut off");
    let mut back = ana.connect().await;
    let replay = back.subscribe(&room, Some(seq)).await;
    if replay.recovered {
        heard.extend(replay.bodies().into_iter().map(str::to_owned));
    } else {
        // Told that it is too much to replay: then history has it.
        let missed = history(&ana, &room)
            .await
            .into_iter()
            .filter(|m| m["seq"].as_u64() > Some(seq));
        heard.extend(missed.map(|m| m["body"].as_str().expect("a body").to_owned()));
    }
    assert!(
        heard == bodies,
        "{} of {} messages",
        heard.len(),
        bodies.len()
    );
}

/// A connection of which the system takes in little while nobody reads.
async fn deaf(server: &Server, user: &User) -> Ws {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let opened = Ws::open_on(socket, server.address(), &[]).await;
    let mut ws = opened.expect("the upgrade is taken");
    ws.hello(json!({"token": user.token})).await;
    ws
}

#[tokio::test]
async fn a_reader_that_never_reads_is_put_out_when_its_session_ends() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ears = deaf(&server, &ana).await;
    ears.subscribe(&room, None).await;
    let other = ana.again().await;
    // More than the system takes in, less than the outbox holds: the socket is stuck, and nothing else is wrong.
    for i in 0..60 {
        let letter = json!({"body": format!("{i} {}", "x".repeat(15_000))});
        other.post(&room.path("/messages"), letter).await.ok();
    }
    ana.post("/v1/logout", Value::Null).await.ok();
    // It reads nothing, and so cannot be told; but its place is free again.
    within("the connection to be put out", async {
        loop {
            let status = server.cli(&["status", "--json"]).await.json();
            if status["counts"]["connections"] == 0 {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_floods_without_a_word_holds_up_nobody() {
    let server = Server::builder().set("ws.hello", "5m").start().await;
    let empty_ping = [0x89, 0x80, 0, 0, 0, 0].repeat(8000);
    let empty_fragment = [0x00, 0x80, 0, 0, 0, 0].repeat(8000);
    for flood in [empty_ping, empty_fragment] {
        let mut floods = Vec::new();
        for _ in 0..2 {
            let mut raw = Raw::upgrade(server.address()).await;
            // A message that is begun, for the fragments to belong to.
            if flood[0] == 0 {
                assert!(raw.write(&[0x01, 0x80, 0, 0, 0, 0]).await);
            }
            let flood = flood.clone();
            floods.push(tokio::spawn(
                async move { while raw.write(&flood).await {} },
            ));
        }
        // While they go on, which they do until they are stopped here.
        for _ in 0..20 {
            server.rest().get("/livez").await;
        }
        for flood in floods {
            flood.abort();
        }
    }
}

#[tokio::test]
async fn who_reads_slowly_loses_typing_and_presence_and_nothing_else() {
    const OUTBOX: u64 = 64 * 1024;
    const ROOMS: usize = 20;
    let server = Server::builder()
        .set("ws.outbox", "64 KiB")
        .set("ws.replay_bytes", "64 KiB")
        // Who does not read answers no ping.
        .set("ws.ping", "10m")
        .start()
        .await;
    let (ana, people) = (server.user("ana").await, server.users("p", 20).await);
    let mut rooms = Vec::new();
    for i in 0..ROOMS {
        let room = ana.room(&format!("room-{i}"), Kind::Public).await;
        for person in &people {
            person.join(&room).await;
        }
        rooms.push(room);
    }
    let mut slow = deaf(&server, &ana).await;
    let mut last = Vec::new();
    for room in &rooms {
        last.push(slow.subscribe(room, None).await.head);
    }
    let follow = json!({"op": "presence", "room": rooms[0].id});
    slow.request(follow.clone()).await.expect("a room of hers");
    let admin = server.admin();
    let waiting = async || {
        let conns = admin.get("/v1/conns?filter=user:ana").await;
        conns["rows"][0]["waiting"].as_u64().expect("she is here")
    };
    let mut mouths = Vec::new();
    for person in &people {
        mouths.push(person.connect().await);
    }
    // Until it does not get through to her any more.
    let (mut said, long) = (0, "x".repeat(4000));
    while waiting().await < OUTBOX / 8 {
        assert!(said < 4000, "it gets through to who does not read");
        people[0].send(&rooms[0], &long).await;
        said += 1;
    }
    let mut told = 0;
    for room in &rooms {
        for mouth in &mut mouths {
            for on in [true, false] {
                let op = json!({"op": "typing", "room": room.id, "on": on});
                mouth.request(op).await.expect("a room of theirs");
                told += 1;
            }
        }
        let away = json!({"op": "presence", "state": "away"});
        mouths[0].request(away).await.expect("one's own");
        let waits = waiting().await;
        assert!(waits <= OUTBOX / 2 + 1024, "{waits} bytes of the moment");
    }
    // What is said fits even so, and is not lost.
    for i in 0..3 {
        for room in &rooms {
            people[0].send(room, &format!("message {i}")).await;
        }
    }
    let (mut heard, mut missing) = (0, said + 3 * ROOMS);
    while missing > 0 {
        let event = slow.next_event().await;
        match event["ev"].as_str() {
            Some("message") => {
                let at = rooms.iter().position(|room| event["room"] == *room.id);
                let last = &mut last[at.expect("a room of hers")];
                assert_eq!(event["seq"].as_u64(), Some(*last + 1), "a silent gap");
                *last += 1;
                missing -= 1;
            }
            Some("typing") => heard += 1,
            _ => {}
        }
    }
    assert!(heard < told, "nothing was lost: nothing was tested");
    // And she is here, and told again, now that she reads. She asks first who is there: all this may have been over
    // before it was told.
    slow.request(follow).await.expect("a room of hers");
    mouths.clear();
    slow.next_of("presence").await;
}

#[tokio::test]
async fn a_full_store_takes_no_messages_and_does_everything_else() {
    let server = Server::builder()
        .set("store.max_size", "2 MiB")
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ws = ana.listen(&room).await;
    let mut sent: Vec<u64> = Vec::new();
    let refusal = loop {
        assert!(sent.len() < 2000, "8 MB fit into 2 MiB");
        let long = json!({"op": "send", "room": room.id, "body": "x".repeat(4000)});
        match ws.request(long).await {
            Ok(ack) => sent.push(ack["seq"].as_u64().expect("a seq")),
            Err(err) => break err,
        }
    };
    assert_eq!(refusal.code, "storage_full", "{refusal:?}");
    let letter = json!({"body": "x".repeat(4000)});
    ana.post(&room.path("/messages"), letter)
        .await
        .refused(507, "storage_full");

    assert!(!sent.is_empty());
    let stored: Vec<_> = history(&ana, &room)
        .await
        .iter()
        .map(|m| m["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(
        stored, sent,
        "what was acknowledged is there, and nothing else"
    );
    let again: User = ana.again().await;
    again.get("/v1/me").await.ok();
    let mut again = again.connect().await;
    assert_eq!(
        again.subscribe(&room, None).await.head,
        *sent.last().expect("some")
    );
    again.events_so_far().await;
    assert_eq!(ws.events_so_far().await.len(), sent.len());
    ana.post("/v1/logout", Value::Null).await.ok();
}
