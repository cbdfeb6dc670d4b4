//! Stopping: everyone is told, what was acknowledged is kept, and the process leaves with 0.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{Kind, Raw, Room, Server, User, history, within};

#[tokio::test]
async fn sigterm_is_announced_and_clean() {
    let mut server = Server::start().await;
    let people = server.users("p", 5).await;
    let mut sockets = Vec::new();
    for person in &people {
        sockets.push(person.connect().await);
    }
    let address = server.address();
    server.sigterm();
    for mut ws in sockets {
        let end = ws.closed().await;
        assert_eq!(end.code, Some(4001));
        let closing = end.closing.expect("announced");
        assert_eq!(closing["code"], 4001, "{closing}");
        assert!(closing["reconnect_ms"].is_u64(), "{closing}");
    }
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    within("new connections to be refused", refused).await;
    assert!(server.exit().await.success());
}

#[tokio::test]
async fn a_socket_without_hello_does_not_hold_up_the_end() {
    let mut server = Server::start().await;
    let mut ws = server.open().await;
    let _half = Raw::connect(server.address()).await;
    server.sigterm();
    assert!(matches!(ws.closed().await.code, None | Some(4001)));
    assert!(server.exit().await.success());
}

#[tokio::test]
async fn who_came_a_moment_before_is_answered() {
    // Accepted and silent; it asks once it knows that the server is stopping.
    let mut server = Server::start().await;
    let mut told = server.user("ana").await.connect().await;
    let mut came = Raw::connect(server.address()).await;
    // What is asked after it was accepted after it.
    server.rest().get("/v1/info").await.ok();
    server.sigterm();
    assert_eq!(told.closed().await.code, Some(4001));
    let ask = b"GET /v1/info HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert!(came.write(ask).await);
    let answer = came.answer().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(server.exit().await.success());
}

/// Sends until the connection closes: what was acknowledged, and what was sent.
async fn talk(user: User, room: Room) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut ws = user.connect().await;
    let (mut sent, mut acknowledged) = (Vec::new(), BTreeSet::new());
    let mut open = true;
    loop {
        while open && sent.len() < acknowledged.len() + 8 {
            let body = format!("{} {}", user.name, sent.len());
            let request = json!({"op": "send", "room": room.id, "body": body});
            open = ws.post(request).await.is_some();
            sent.push(body);
        }
        // Whatever was still acknowledged is read, up to the close.
        let Some(frame) = ws.frame().await else { break };
        if frame["ok"]["seq"].is_u64() {
            let id = frame["id"].as_u64().expect("an id");
            // Ids count from 1, and hello was the first.
            let body = &sent[usize::try_from(id).expect("small") - 2];
            acknowledged.insert(body.clone());
        } else if frame["id"].is_u64() {
            // Refused, because the server is going: as good as not sent.
            open = false;
        }
    }
    assert_eq!(ws.closed().await.code, Some(4001));
    (acknowledged, sent.into_iter().collect())
}

#[tokio::test]
async fn what_is_on_its_way_is_acknowledged_or_absent() {
    let mut server = Server::start().await;
    let people = server.users("p", 6).await;
    let room = people[0].room("general", Kind::Public).await;
    for person in &people[1..] {
        person.join(&room).await;
    }
    let mut ears = people[0].listen(&room).await;
    let talks: Vec<_> = people
        .iter()
        .map(|p| tokio::spawn(talk(p.clone(), room.clone())))
        .collect();
    for _ in 0..100 {
        ears.next_of("message").await;
    }
    server.sigterm();
    let (mut acknowledged, mut sent) = (BTreeSet::new(), BTreeSet::new());
    for talk in talks {
        let (a, s) = within("a sender to be let go", talk)
            .await
            .expect("it went well");
        acknowledged.extend(a);
        sent.extend(s);
    }
    assert!(server.exit().await.success());
    server.boot().await;
    let stored: BTreeSet<String> = history(&people[0], &room)
        .await
        .iter()
        .map(|m| m["body"].as_str().expect("a body").to_owned())
        .collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let unanswered: Vec<_> = stored.difference(&acknowledged).collect();
    assert!(
        unanswered.is_empty(),
        "stored and not acknowledged: {unanswered:?}"
    );
    assert!(stored.is_subset(&sent));
}

#[tokio::test]
async fn a_second_signal_is_immediate() {
    // Longer than the test's patience: only the second signal can end it in time.
    let mut server = Server::builder().set("server.drain", "10m").start().await;
    let ana = server.user("ana").await;
    // A client that neither reads nor closes, and a request that never ends.
    let mut stuck = Raw::connect(server.address()).await;
    let head = format!(
        "POST /v1/rooms HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        ana.token
    );
    assert!(stuck.write(head.as_bytes()).await);
    let mut ws = ana.connect().await;
    server.sigterm();
    assert_eq!(ws.closed().await.code, Some(4001));
    server.process().signal(Signal::INT);
    server.exit().await;
}

#[tokio::test]
async fn sigint_stops_like_sigterm() {
    let mut server = Server::start().await;
    server.process().signal(Signal::INT);
    assert!(server.exit().await.success());
}
