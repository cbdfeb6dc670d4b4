//! What an operator types acts on open sockets at once: kick, notice, lock, redact, disable.

use serde_json::{Value, json};

use crate::support::{Kind, Server};

const NOT_FOUND: i32 = 3;
const UNREACHABLE: i32 = 6;

/// The ids of the connections that are listed.
async fn conns(server: &Server, filter: &str) -> Vec<String> {
    let args = ["conn", "list", "--json", "--filter", filter];
    let listed = server.cli(&args).await.json();
    let rows = listed["rows"].as_array().expect("rows").iter();
    rows.map(|row| row["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test]
async fn who_is_connected_is_shown_and_kicked() {
    let server = Server::start().await;
    let (ana, bo) = (server.user("ana").await, server.user("bo").await);
    let room = ana.room("general", Kind::Public).await;
    bo.join(&room).await;
    let mut ears = ana.listen(&room).await;
    let mut mouth = bo.listen(&room).await;
    let ids = conns(&server, "user:bo").await;
    let [id] = ids.as_slice() else {
        panic!("{ids:?}")
    };
    let shown = server.cli(&["conn", "show", id]).await;
    assert!(
        shown.ok().contains("general") && shown.ok().contains("bo"),
        "{shown}"
    );
    server.cli(&["conn", "kick", id, "--dry-run"]).await.ok();
    mouth.send(&room, "still here").await;
    ears.expect_message("still here").await;
    let kicked = server
        .cli(&["conn", "kick", id, "--reason", "cooling down", "--json"])
        .await
        .json();
    assert_eq!(kicked["closed"], 1);
    assert_eq!(mouth.closed().await.code, Some(4013));
    // It keeps nobody out.
    let mut mouth = bo.listen(&room).await;
    server.cli(&["conn", "kick", "--user", "bo"]).await.ok();
    assert_eq!(mouth.closed().await.code, Some(4013));
    server
        .cli(&["conn", "kick", "--address", "127.0.0.0/8"])
        .await
        .ok();
    assert_eq!(ears.closed().await.code, Some(4013));
    server.cli(&["conn", "kick", id]).await.failed(NOT_FOUND);
    server.cli(&["conn", "show", id]).await.failed(NOT_FOUND);
    server
        .cli(&["conn", "kick", "--user", "nobody"])
        .await
        .failed(NOT_FOUND);
}

#[tokio::test]
async fn a_notice_reaches_who_is_connected() {
    let server = Server::start().await;
    let (ana, bo) = (server.user("ana").await, server.user("bo").await);
    let room = ana.room("general", Kind::Public).await;
    let mut listening = ana.listen(&room).await;
    let mut elsewhere = bo.connect().await;
    let told = |told: Value| told["told"].as_u64();
    let dry = server
        .cli(&["notice", "soon", "--dry-run", "--json"])
        .await
        .json();
    assert_eq!(told(dry), Some(2));
    let all = server
        .cli(&["notice", "back at 18:00", "--json"])
        .await
        .json();
    assert_eq!(told(all), Some(2));
    assert_eq!(listening.next_of("notice").await["text"], "back at 18:00");
    assert_eq!(elsewhere.next_of("notice").await["text"], "back at 18:00");
    let some = server
        .cli(&["notice", "here", "--room", "general", "--json"])
        .await
        .json();
    assert_eq!(told(some), Some(1));
    assert_eq!(listening.next_of("notice").await["text"], "here");
    server
        .cli(&["notice", "x", "--room", "nowhere"])
        .await
        .failed(NOT_FOUND);
}

#[tokio::test]
async fn what_is_typed_is_in_force_on_open_sockets() {
    let server = Server::start().await;
    let (ana, bo) = (server.user("ana").await, server.user("bo").await);
    let room = ana.room("general", Kind::Public).await;
    bo.join(&room).await;
    let mut ears = ana.listen(&room).await;
    let mut mouth = bo.listen(&room).await;
    mouth.send(&room, "take this back").await;
    ears.expect_message("take this back").await;
    server
        .cli(&["message", "redact", "--user", "bo", "--since", "1h"])
        .await
        .ok();
    ears.next_of("delete").await;
    server.cli(&["room", "lock", "general"]).await.ok();
    let refused = mouth
        .request(json!({"op": "send", "room": room.id, "body": "hi"}))
        .await;
    assert_eq!(refused.expect_err("it is locked").code, "forbidden");
    server.cli(&["room", "unlock", "general"]).await.ok();
    mouth.send(&room, "again").await;
    server.cli(&["user", "disable", "bo"]).await.ok();
    assert!(mouth.closed().await.code.is_some_and(|code| code >= 4500));
}

#[tokio::test]
async fn what_needs_a_server_says_so() {
    let mut server = Server::start().await;
    server.stop().await;
    for args in [
        &["conn", "list"][..],
        &["conn", "kick", "--user", "ana"],
        &["events"],
        &["job", "list"],
        &["notice", "hi"],
    ] {
        let why = server.cli(args).await;
        assert!(why.failed(UNREACHABLE).contains("not running"), "{why}");
    }
    server.boot().await;
}
