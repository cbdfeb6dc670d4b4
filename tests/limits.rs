//! The limits that are on by default: who overdoes it is told when to go on, and nobody else is held up.

use std::time::Duration;

use serde_json::json;

use crate::support::{Kind, PASSWORD, Server, User, Ws};

/// Reads for as long as the server asked to wait.
async fn wait_as_told(ws: &mut Ws, retry_after_ms: u64) {
    let wait = Duration::from_millis(retry_after_ms);
    // Nothing is expected; reading keeps the connection alive meanwhile.
    let _ = tokio::time::timeout(wait, ws.next_event()).await;
}

#[tokio::test]
async fn a_flood_of_frames_is_slowed_and_the_connection_survives() {
    const FRAMES: u64 = 2000;
    let server = Server::builder().limits().start().await;
    let ana = server.user("ana").await;
    let bob = server.user("bob").await;
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut ws = ana.connect().await;

    let mut ids = Vec::new();
    let (mut taken, mut wait) = (0, None);
    for i in 0..FRAMES {
        let send = json!({"op": "send", "room": room.id, "body": i.to_string()});
        ids.push(ws.post(send).await.expect("open"));
        if ids.len() < 100 {
            continue;
        }
        for id in ids.drain(..) {
            match ws.answer(id).await {
                Ok(_) => taken += 1,
                Err(err) => {
                    assert_eq!(err.code, "rate_limited", "{err:?}");
                    wait = err.retry_after_ms;
                    assert!(wait.is_some_and(|ms| ms > 0), "{err:?}");
                }
            }
        }
    }
    let wait = wait.expect("not all of it was taken");
    assert!(taken > 0, "not all of it was refused");
    // Bob is not held up by ana's flood.
    bob.connect().await.send(&room, "hi").await;

    wait_as_told(&mut ws, wait).await;
    // Frames and messages have a rate each: whoever waits as told is through after a few.
    for _ in 0..20 {
        let send = json!({"op": "send", "room": room.id, "body": "now"});
        match ws.request(send).await {
            Ok(_) => return,
            Err(err) => wait_as_told(&mut ws, err.retry_after_ms.expect("a wait")).await,
        }
    }
    panic!("waiting as told does not help");
}

#[tokio::test]
async fn failed_logins_are_slowed_for_that_account_alone() {
    let server = Server::builder().limits().start().await;
    let rest = server.rest();
    let ana = server.user("ana").await;
    server.user("bob").await;
    let login = |name: &str| json!({"login": name, "password": "not-the-Password-7"});
    let mut tries = 0;
    let slowed = loop {
        tries += 1;
        assert!(tries < 200, "guessing goes on for ever");
        let reply = rest.post("/v1/login", login("ana")).await;
        if reply.status == 429 {
            break reply;
        }
        reply.refused(401, "unauthorized");
    };
    assert!(tries > 3, "a few mistakes are human");
    slowed.refused(429, "rate_limited");
    // The account of the one who mistyped, not the whole house.
    User::login(rest, "bob", PASSWORD).await;
    ana.get("/v1/me").await.ok();
}

#[tokio::test]
async fn failures_for_an_account_that_is_none_are_slowed_alike() {
    let server = Server::builder().limits().start().await;
    server.user("ana").await;
    let mut tries = Vec::new();
    for name in ["ana", "nobody"] {
        let login = json!({"login": name, "password": "not-the-Password-7"});
        let mut count = 0_u32;
        while server.rest().post("/v1/login", login.clone()).await.status != 429 {
            count += 1;
            assert!(count < 200, "guessing goes on for ever");
        }
        tries.push(count);
    }
    assert!(
        tries[0].abs_diff(tries[1]) <= 1,
        "how often one may try tells who exists: {tries:?}"
    );
}

#[tokio::test]
async fn registering_in_a_flood_is_slowed() {
    let server = Server::builder().limits().start().await;
    for i in 0..500 {
        let asked = json!({"username": format!("bot-{i}"), "password": PASSWORD});
        let reply = server.rest().post("/v1/register", asked).await;
        if reply.status == 429 {
            reply.refused(429, "rate_limited");
            assert!(i > 0, "one is not a flood");
            return;
        }
        reply.ok();
    }
    panic!("500 accounts from one address");
}
