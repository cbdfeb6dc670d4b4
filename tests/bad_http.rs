//! Requests that get it wrong: malformed, too large, too slow, half a handshake.

use hyper::Request;
use serde_json::{Value, json};

use crate::support::{Kind, Raw, Reply, Server, User};

async fn post(user: &User, content_type: &str, body: impl Into<String>) -> Reply {
    let request = Request::post("/v1/rooms")
        .header("authorization", format!("Bearer {}", user.token))
        .header("content-type", content_type)
        .body(body.into())
        .expect("a request");
    user.rest.send(request).await.expect("an answer")
}

#[tokio::test]
async fn bodies_that_are_not_what_they_must_be() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let json_type = "application/json";
    for bad in [
        "",
        "{",
        "null",
        "[]",
        "7",
        r#"{"name":7,"kind":"public"}"#,
        r#"{"name":"general"}"#,
    ] {
        post(&ana, json_type, bad)
            .await
            .refused(400, "invalid_field");
    }
    let bad = r#"{"name":"general","kind":"secret"}"#;
    post(&ana, json_type, bad).await.refused_field("kind");
    let good = r#"{"name":"general","kind":"public"}"#;
    for bad in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        assert_eq!(post(&ana, bad, good).await.status, 415, "{bad}");
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let reply = post(&ana, json_type, deep).await;
    assert!(matches!(reply.status, 400 | 413), "{reply:#?}");
    assert_eq!(ana.get("/v1/rooms").await.ok()["items"], json!([]));
    assert_eq!(
        post(&ana, "application/json; charset=utf-8", good)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn compressed_bodies_are_not_taken() {
    let server = Server::start().await;
    let request = Request::post("/v1/login")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(String::from("{}"))
        .expect("a request");
    assert_eq!(
        server.rest().send(request).await.expect("an answer").status,
        415
    );
}

#[tokio::test]
async fn a_megabyte_is_too_much() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let letter = json!({"body": "x".repeat(1024 * 1024)});
    ana.post(&room.path("/messages"), letter.clone())
        .await
        .refused(413, "too_large");
    server
        .rest()
        .post("/v1/login", letter)
        .await
        .refused(413, "too_large");
    assert_eq!(ana.get(&room.path("")).await.ok()["n"], 0);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    for path in [
        "/",
        "/v1",
        "/v1/nothing",
        "/v2/me",
        "/v1/rooms/general/nothing",
        "/v1/../etc/passwd",
    ] {
        ana.get(path).await.refused(404, "not_found");
    }
    for (method, path) in [
        ("DELETE", "/v1/login"),
        ("PUT", "/v1/me"),
        ("POST", "/v1/info"),
    ] {
        let reply = ana.request(method, path, Value::Null).await;
        assert_eq!(reply.status, 405, "{method} {path}: {reply:#?}");
        assert!(reply.header("allow").is_some(), "{reply:#?}");
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_the_servers_own() {
    let server = Server::start().await;
    let first = server
        .rest()
        .get("/v1/me")
        .await
        .refused(401, "unauthorized");
    let second = server
        .rest()
        .get("/v1/me")
        .await
        .refused(401, "unauthorized");
    assert_ne!(first["request_id"], second["request_id"]);
}

#[tokio::test]
async fn health_is_told_without_a_token() {
    let server = Server::start().await;
    let rest = server.rest();
    for path in ["/livez", "/readyz"] {
        assert_eq!(rest.get(path).await.status, 200, "{path}");
    }
    let openapi = rest.get("/openapi.json").await.ok();
    for path in ["/v1/login", "/v1/rooms/{room}/messages"] {
        assert!(
            openapi["paths"].get(path).is_some(),
            "{path} is not described"
        );
    }
    let keys = rest.get("/.well-known/jwks.json").await.ok();
    assert_eq!(
        (&keys["keys"][0]["kty"], &keys["keys"][0]["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert!(
        keys["keys"][0].get("d").is_none(),
        "a private key is nobody's business"
    );
}

#[tokio::test]
async fn who_is_slow_to_ask_is_let_go() {
    let server = Server::builder()
        .set("http.header_timeout", "1s")
        .start()
        .await;
    let ana = server.user("ana").await;
    for start in [
        &b""[..],
        b"GET /v1/info HT",
        b"GET /v1/info HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upg",
    ] {
        let mut slow = Raw::connect(server.address()).await;
        assert!(slow.write(start).await);
        let answer = slow.rest().await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    ana.get("/v1/me").await.ok();
}

#[tokio::test]
async fn garbage_is_not_http() {
    let server = Server::start().await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..],
        b"hello\r\n\r\n",
        &[0xff; 4096],
    ] {
        let mut raw = Raw::connect(server.address()).await;
        raw.write(garbage).await;
        let answer = raw.rest().await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "),
            "{garbage:?}"
        );
    }
    // A socket asked for without the words of the upgrade.
    let reply = server.rest().get("/v1/ws").await;
    assert!(matches!(reply.status, 400 | 426), "{reply:#?}");
    server.rest().get("/v1/info").await.ok();
}
