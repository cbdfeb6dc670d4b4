//! Accounts and sessions: who one is, on which devices, and that an ended session is over at once.

use serde_json::{Value, json};

use crate::support::{Kind, PASSWORD, Server, User};

#[tokio::test]
async fn register_login_me() {
    let server = Server::start().await;
    let rest = server.rest();
    let asked = json!({
        "username": "ana", "password": PASSWORD, "email": "ana@example.org", "display_name": "Ana ✨",
    });
    let reply = rest.post("/v1/register", asked.clone()).await;
    assert_eq!(reply.status, 201, "{reply:#?}");
    let made = &reply.body["user"];
    assert_eq!(
        (&made["name"], &made["display_name"]),
        (&json!("ana"), &json!("Ana ✨"))
    );
    assert!(
        !reply.text.contains(PASSWORD) && !reply.text.contains("argon2"),
        "{}",
        reply.text
    );
    rest.post("/v1/register", asked)
        .await
        .refused(409, "conflict");

    let ana = User::login(rest.clone(), "ana", PASSWORD).await;
    let me = ana.get("/v1/me").await.ok();
    assert_eq!((&me["id"], &me["name"]), (&json!(ana.id), &json!("ana")));
    assert_eq!(
        (&me["email"], &me["role"]),
        (&json!("ana@example.org"), &json!("member"))
    );
    assert!(me["created_at"].is_u64(), "{me:#}");
    // An address nobody checked is not a name to log in with.
    let by_mail = json!({"login": "ana@example.org", "password": PASSWORD});
    rest.post("/v1/login", by_mail)
        .await
        .refused(401, "unauthorized");

    ana.request("PATCH", "/v1/me", json!({"display_name": "Ana B."}))
        .await
        .ok();
    assert_eq!(ana.get("/v1/me").await.ok()["display_name"], "Ana B.");
    ana.request("PATCH", "/v1/me", json!({"role": "admin"}))
        .await;
    assert_eq!(
        ana.get("/v1/me").await.ok()["role"],
        "member",
        "nobody promotes themselves"
    );
}

#[tokio::test]
async fn hello_says_who_and_where() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let by_hello = ana.connect().await;
    let by_header = ana.connect_by_header().await;
    for ws in [&by_hello, &by_header] {
        assert_eq!(ws.hello["user"]["name"], "ana");
        assert_eq!(
            (&ws.hello["session"], &ws.hello["protocol"]),
            (&json!(ana.session), &json!(1))
        );
        assert!(
            ws.hello["ping_ms"].is_u64() && ws.hello["limits"].is_object(),
            "{:#}",
            ws.hello
        );
        assert!(ws.hello["node"].is_string(), "{:#}", ws.hello);
    }
    assert_eq!(by_hello.epoch(), by_header.epoch());
    assert_ne!(by_hello.hello["conn"], by_header.hello["conn"]);
}

async fn rotate(user: &User, refresh_token: &str) -> Value {
    user.rest
        .post("/v1/token", json!({"refresh_token": refresh_token}))
        .await
        .ok()
}

#[tokio::test]
async fn refresh_tokens_rotate_and_a_lost_answer_can_be_had_again() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let first = rotate(&ana, &ana.refresh_token).await;
    assert_ne!(first["refresh_token"], *ana.refresh_token);
    let again = rotate(&ana, &ana.refresh_token).await;
    assert_eq!(
        again["refresh_token"], first["refresh_token"],
        "the successor was not used yet"
    );
    let token = again["access_token"].as_str().expect("a token");
    server
        .rest()
        .request("GET", "/v1/me", Some(token), Value::Null)
        .await
        .ok();
    assert_eq!(
        again["session_id"], *ana.session,
        "it is still the same session"
    );
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_session_and_its_sockets() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let other = ana.again().await;
    let mut ws = ana.connect().await;
    let mut other_ws = other.connect().await;
    let first = rotate(&ana, &ana.refresh_token).await;
    let second = rotate(&ana, first["refresh_token"].as_str().expect("a token")).await;

    let stolen = json!({"refresh_token": ana.refresh_token});
    server
        .rest()
        .post("/v1/token", stolen)
        .await
        .refused(401, "unauthorized");
    let mine = json!({"refresh_token": second["refresh_token"]});
    server
        .rest()
        .post("/v1/token", mine)
        .await
        .refused(401, "unauthorized");
    assert_eq!(ws.closed().await.code, Some(4503));
    ana.get("/v1/me").await.refused(401, "unauthorized");
    other.get("/v1/me").await.ok();
    assert_eq!(
        other_ws.events_so_far().await,
        Vec::<Value>::new(),
        "the other device stays"
    );
}

#[tokio::test]
async fn logout_ends_this_session_and_no_other() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let other = ana.again().await;
    let (mut ws, mut other_ws) = (ana.connect().await, other.connect().await);
    ana.post("/v1/logout", Value::Null).await.ok();
    let end = ws.closed().await;
    assert_eq!(end.code, Some(4503));
    assert_eq!(end.closing.expect("announced")["code"], 4503);
    ana.get("/v1/me").await.refused(401, "unauthorized");
    let (refusal, end) = server.hello_refused(&ana.token).await;
    assert_eq!(
        (refusal.code.as_str(), end.code),
        ("unauthorized", Some(4503))
    );
    let token = json!({"refresh_token": ana.refresh_token});
    server
        .rest()
        .post("/v1/token", token)
        .await
        .refused(401, "unauthorized");
    other_ws.events_so_far().await;
    other.get("/v1/me").await.ok();
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let other = ana.again().await;
    let mut other_ws = other.connect().await;
    let list = ana.get("/v1/me/sessions").await.ok();
    let items = list["items"].as_array().expect("items");
    assert_eq!(items.len(), 2, "{list:#}");
    for item in items {
        assert_eq!(
            (&item["device"], &item["address"]),
            (&json!("test"), &json!("127.0.0.1"))
        );
        assert_eq!(
            item["current"].as_bool(),
            Some(item["id"] == *ana.session),
            "{item:#}"
        );
        for time in ["created_at", "used_at", "expires_at"] {
            assert!(item[time].is_u64(), "{time}: {item:#}");
        }
    }
    let eve = server.user("eve").await;
    let path = format!("/v1/me/sessions/{}", other.session);
    eve.delete(&path).await.refused(404, "not_found");
    ana.delete(&path).await.ok();
    assert_eq!(other_ws.closed().await.code, Some(4503));
    other.get("/v1/me").await.refused(401, "unauthorized");
    let list = ana.get("/v1/me/sessions").await.ok();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));

    let third = ana.again().await;
    ana.delete("/v1/me/sessions").await.ok();
    third.get("/v1/me").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_socket_takes_a_new_token_of_its_own_session_only() {
    let server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let other = ana.again().await;
    let mut ws = ana.connect().await;
    let fresh = rotate(&ana, &ana.refresh_token).await["access_token"].clone();
    ws.request(json!({"op": "refresh", "token": fresh}))
        .await
        .expect("the same session");
    for token in [&other.token, &eve.token] {
        let mut ws = ana.connect().await;
        let refusal = ws.request(json!({"op": "refresh", "token": token})).await;
        let code = refusal.expect_err("of another session").code;
        assert!(
            ["unauthorized", "forbidden"].contains(&code.as_str()),
            "{code}"
        );
    }
}

#[tokio::test]
async fn sessions_survive_a_restart_and_so_does_their_end() {
    let mut server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.post("/v1/logout", Value::Null).await.ok();
    server.kill9().await;
    server.boot().await;
    ana.connect().await.send(&room, "still me").await;
    bob.get("/v1/me").await.refused(401, "unauthorized");
}
