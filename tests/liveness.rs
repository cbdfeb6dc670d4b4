//! Connections that fall silent: the server asks, and lets go of those that do not answer.

use serde_json::{Value, json};

use crate::support::{Raw, Server, User};

async fn quick_pings() -> (Server, User) {
    let server = Server::builder().set("ws.ping", "1s").start().await;
    let ana = server.user("ana").await;
    (server, ana)
}

#[tokio::test]
async fn who_does_not_say_hello_is_let_go() {
    let server = Server::builder().set("ws.hello", "1s").start().await;
    let mut ws = server.open().await;
    let end = ws.closed().await;
    assert!(matches!(end.code, Some(4012 | 4509)), "{end:?}");
    server
        .user("ana")
        .await
        .connect()
        .await
        .events_so_far()
        .await;
}

#[tokio::test]
async fn a_ping_is_answered() {
    let server = Server::start().await;
    let mut ws = server.user("ana").await.connect().await;
    let answer = ws.request(json!({"op": "ping"})).await.expect("answered");
    assert_eq!(answer, json!({}));
}

#[tokio::test]
async fn who_answers_pings_stays() {
    let (_server, ana) = quick_pings().await;
    let mut ws = ana.connect().await;
    assert_eq!(ws.hello["ping_ms"], 1000);
    // Three and more intervals; two silent ones would have been the end.
    ws.expect_pings(4).await;
    ws.request(json!({"op": "ping"}))
        .await
        .expect("still there");
}

#[tokio::test]
async fn browsers_get_pings_they_can_see_and_any_frame_is_an_answer() {
    let (_server, ana) = quick_pings().await;
    let mut ws = ana.connect_with(json!({"ping": "text"})).await;
    for _ in 0..4 {
        let event: Value = ws.next_event().await;
        assert_eq!(event["ev"], "ping");
        ws.post(json!({"op": "ping"})).await.expect("open");
    }
}

#[tokio::test]
async fn who_answers_no_ping_is_let_go_with_4012() {
    let (server, ana) = quick_pings().await;
    for ping in ["protocol", "text"] {
        let mut dead = Raw::upgrade(server.address()).await;
        let mut hello = json!({"id": 1, "op": "hello", "token": ana.token, "protocol": 1});
        if ping == "text" {
            hello["ping"] = json!("text");
        }
        assert!(dead.text(&hello.to_string()).await);
        let (opcode, reply) = dead.frame().await.expect("an answer");
        let reply: Value = serde_json::from_slice(&reply).expect("JSON");
        assert!(opcode == 1 && reply["ok"].is_object(), "{reply}");
        assert_eq!(dead.close_code().await, Some(4012), "{ping}");
    }
}
