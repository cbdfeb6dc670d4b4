//! Bots' tokens, and what is left of somebody whose account is not what it was.

use serde_json::{Value, json};

use super::denied;
use crate::support::{Kind, PASSWORD, Server};

#[tokio::test]
async fn a_token_is_good_for_its_scopes_and_nothing_else() {
    let server = Server::start().await;
    let admin = server.admin();
    let ana = server.user("ana").await;
    server.user("victim").await;
    let bot = server.bot("robot", "admin").await;
    let room = ana.room("general", Kind::Public).await;
    ana.add(&room, &bot, "moderator").await;
    let seq = ana.send(&room, "hello").await["seq"].clone();
    let mouth = admin.token(&bot, "mouth", &["message.send"]).await;
    let mut ws = mouth.connect().await;
    ws.send(&room, "beep").await;
    mouth.send(&room, "beep").await;
    for ask in [
        json!({"op": "subscribe", "room": room.id}),
        json!({"op": "subscribe", "room": room.id, "after": 0}),
        json!({"op": "join", "room": room.id}),
        json!({"op": "leave", "room": room.id}),
    ] {
        // Being in already, joining changes nothing.
        if ask["op"] == "join" {
            continue;
        }
        let err = ws
            .request(ask.clone())
            .await
            .expect_err("not in its scopes");
        assert_eq!(err.code, "forbidden", "{ask}: {err:?}");
        assert!(err.message.contains("token"), "{err:?}");
    }
    for (method, path, body) in [
        ("GET", room.path("/messages"), Value::Null),
        ("GET", room.path("/members"), Value::Null),
        ("GET", room.path("/sanctions"), Value::Null),
        ("GET", room.path("/invites"), Value::Null),
        ("GET", room.path("/reports"), Value::Null),
        (
            "POST",
            room.path(&format!("/messages/{seq}/report")),
            json!({"reason": "x"}),
        ),
        ("PATCH", room.path(""), json!({"topic": "x"})),
        ("DELETE", room.path(""), Value::Null),
        ("POST", room.path("/leave"), Value::Null),
        (
            "POST",
            "/v1/rooms".into(),
            json!({"name": "mine", "kind": "private"}),
        ),
        ("GET", "/v1/users".into(), Value::Null),
        ("GET", "/v1/sanctions".into(), Value::Null),
        ("PUT", "/v1/users/victim/ban".into(), json!({})),
        (
            "PUT",
            "/v1/users/victim/role".into(),
            json!({"role": "admin"}),
        ),
        (
            "POST",
            "/v1/users/robot/tokens".into(),
            json!({"name": "more", "scopes": ["message.read"]}),
        ),
        ("POST", "/v1/roles".into(), json!({"name": "xx"})),
        ("PUT", "/v1/registration".into(), json!({"mode": "open"})),
        // The account itself is not a token's to change, whatever it is good for.
        ("PATCH", "/v1/me".into(), json!({"display_name": "Boss"})),
        (
            "POST",
            "/v1/me/password".into(),
            json!({"old": "x", "new": PASSWORD}),
        ),
        ("DELETE", "/v1/me/sessions".into(), Value::Null),
    ] {
        denied(
            &format!("{method} {path}"),
            &mouth.request(method, &path, body).await,
        );
    }
    // One that may manage accounts gives no more than it is good for, and ends nothing of its own account.
    let scopes = ["user.manage", "message.send"];
    let keeper = admin.token(&bot, "keeper", &scopes).await;
    let issue = |scopes: &[&str]| json!({"name": "next", "scopes": scopes});
    let own = "/v1/users/robot/tokens";
    denied("itself", &keeper.post(own, issue(&["message.send"])).await);
    admin.new_role("speaker", &["message.send"]).await;
    let small = server.bot("small", "speaker").await;
    let tokens = format!("/v1/users/{}/tokens", small.name);
    denied(
        "more",
        &keeper.post(&tokens, issue(&["message.read"])).await,
    );
    keeper.post(&tokens, issue(&["message.send"])).await.ok();
    let other = format!("/v1/me/sessions/{}", mouth.session);
    denied("other", &keeper.delete(&other).await);
    mouth.send(&room, "still here").await;
    // It may be given up by whoever has it.
    mouth.post("/v1/logout", Value::Null).await.ok();
    mouth.get("/v1/me").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_token_gives_no_more_than_the_role_does_now() {
    let server = Server::start().await;
    let admin = server.admin();
    let ana = server.user("ana").await;
    let bot = server.bot("robot", "moderator").await;
    let room = ana.room("general", Kind::Public).await;
    let asked = json!({"name": "t", "scopes": ["server.manage"]});
    let more = admin.request("POST", "/v1/users/robot/tokens", asked).await;
    more.refused(400, "invalid_field");
    let token = admin
        .token(&bot, "t", &["room.manage", "message.send", "user.ban"])
        .await;
    token
        .request("PATCH", &room.path(""), json!({"topic": "by a bot"}))
        .await
        .ok();
    admin.give("robot", "member").await;
    denied(
        "narrowed",
        &token
            .request("PATCH", &room.path(""), json!({"topic": "x"}))
            .await,
    );
    // And no more when the role grows.
    admin.give("robot", "admin").await;
    denied("not wider", &token.get("/v1/users").await);
    // Tokens are for bots, passwords for people.
    let asked = json!({"name": "t", "scopes": []});
    admin
        .request("POST", "/v1/users/ana/tokens", asked)
        .await
        .refused(409, "conflict");
    let password = json!({"password": PASSWORD});
    let set = admin
        .request("POST", "/v1/users/robot/password", password)
        .await;
    set.refused(409, "conflict");
    let with = json!({"name": "robot-2", "bot": true, "password": PASSWORD});
    admin
        .request("POST", "/v1/users", with)
        .await
        .refused_field("password");
}

#[tokio::test]
async fn a_bot_does_not_log_in_and_a_person_has_no_token() {
    let server = Server::start().await;
    let admin = server.admin();
    let bot = server.bot("robot", "member").await;
    let token = admin.token(&bot, "t", &["message.read"]).await;
    let rest = server.rest();
    for password in ["", PASSWORD, "robot", &token.token] {
        let login = json!({"login": "robot", "password": password});
        rest.post("/v1/login", login)
            .await
            .refused(401, "unauthorized");
        let nobody = json!({"login": "no-such-user", "password": password});
        rest.post("/v1/login", nobody)
            .await
            .refused(401, "unauthorized");
    }
    let refresh = json!({"refresh_token": token.token});
    rest.post("/v1/token", refresh)
        .await
        .refused(401, "unauthorized");
    // A changed token, one of another bot's session, and the halves of two.
    let mut wrong = token.clone();
    let last = if token.token.ends_with('A') { 'B' } else { 'A' };
    let head = &token.token[..token.token.len() - 8];
    wrong.token = format!("{head}{}", last.to_string().repeat(8));
    wrong.get("/v1/me").await.refused(401, "unauthorized");
    let (err, end) = server.hello_refused(&wrong.token).await;
    assert_eq!((err.code.as_str(), end.code), ("unauthorized", Some(4501)));
    admin.set_status("robot", "disabled").await.ok();
    token.get("/v1/me").await.refused(401, "unauthorized");
    admin.set_status("robot", "active").await.ok();
    token.get("/v1/me").await.refused(401, "unauthorized");
    let fresh = admin.token(&bot, "fresh", &["message.read"]).await;
    fresh.get("/v1/me").await.ok();
    admin.put("/v1/users/robot/ban", json!({})).await;
    fresh.get("/v1/me").await.refused(401, "unauthorized");
    admin.delete("/v1/users/robot/ban").await;
    fresh.get("/v1/me").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_token_that_ran_out_is_refused_and_its_socket_closed() {
    let server = Server::start().await;
    let admin = server.admin();
    server.bot("robot", "member").await;
    let asked = json!({"name": "short", "scopes": ["message.read"], "expires_in": 2});
    let issued = admin.post("/v1/users/robot/tokens", asked).await;
    let token = issued["token"].as_str().expect("a token");
    // Its end comes by itself, and is waited for on the socket.
    let mut ws = server.open().await;
    let hello = json!({"op": "hello", "token": token, "protocol": 1});
    if ws.request(hello).await.is_ok() {
        assert_eq!(ws.closed().await.code, Some(4010));
    }
    let (err, end) = server.hello_refused(token).await;
    assert_eq!(err.code, "unauthorized", "{err:?}");
    assert_eq!(end.code, Some(4501));
    let reply = server
        .rest()
        .request("GET", "/v1/me", Some(token), Value::Null)
        .await;
    reply.refused(401, "unauthorized");
}

#[tokio::test]
async fn an_account_that_is_off_or_banned_does_nothing() {
    let server = Server::start().await;
    let admin = server.admin();
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Private).await;
    ana.add(&room, &bob, "moderator").await;
    let renewed = admin.post("/v1/users/bob/password", json!({})).await;
    bob.get("/v1/me").await.refused(401, "unauthorized");
    admin.set_status("bob", "disabled").await.ok();
    // The code that was made before does not open what is switched off.
    let claim = json!({"code": renewed["code"], "password": PASSWORD});
    let rest = server.rest();
    rest.post("/v1/claim", claim.clone())
        .await
        .refused(403, "locked");
    let transfer = json!({"user": bob.id});
    ana.post(&room.path("/transfer"), transfer.clone())
        .await
        .refused(409, "conflict");
    ana.remove(&room, &bob).await;
    let add = room.path(&format!("/members/{}", bob.id));
    ana.request("PUT", &add, json!({"role": "member"}))
        .await
        .refused(409, "conflict");
    admin.set_status("bob", "active").await.ok();
    rest.post("/v1/claim", claim.clone()).await.ok();
    rest.post("/v1/claim", claim)
        .await
        .refused(403, "forbidden");
    let bob = bob.again().await;
    admin.put("/v1/users/bob/ban", json!({})).await;
    ana.request("PUT", &add, json!({"role": "member"}))
        .await
        .refused(409, "conflict");
    let login = json!({"login": "bob", "password": PASSWORD});
    rest.post("/v1/login", login).await.refused(403, "banned");
    bob.get("/v1/rooms").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn an_account_that_was_forgotten_does_nothing() {
    let server = Server::start().await;
    let admin = server.admin();
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Private).await;
    ana.add(&room, &bob, "moderator").await;
    let code = ana.post(&room.path("/invites"), json!({})).await.ok();
    let mut ws = bob.listen(&room).await;
    let renewed = admin.post("/v1/users/bob/password", json!({})).await;
    assert_eq!(ws.closed().await.code, Some(4503));
    let claim = |code: &Value| json!({"code": code["code"], "password": PASSWORD});
    let rest = server.rest();
    rest.post("/v1/claim", claim(&renewed)).await.ok();
    let bob = bob.again().await;
    let late = admin.post("/v1/users/bob/password", json!({})).await;
    let erase = format!("/v1/users/{}/erase", bob.id);
    let mut step = admin.post(&erase, json!({"messages": "keep"})).await;
    while !step["next"].is_null() {
        let next = json!({"messages": "keep", "cursor": step["next"]});
        step = admin.post(&erase, next).await;
    }
    bob.get("/v1/me").await.refused(401, "unauthorized");
    rest.post("/v1/claim", claim(&late))
        .await
        .refused(403, "forbidden");
    let login = json!({"login": "bob", "password": PASSWORD});
    rest.post("/v1/login", login)
        .await
        .refused(401, "unauthorized");
    let refresh = json!({"refresh_token": bob.refresh_token});
    rest.post("/v1/token", refresh)
        .await
        .refused(401, "unauthorized");
    bob.post("/v1/join", json!({"code": code["code"]}))
        .await
        .refused(401, "unauthorized");
    // Nobody brings them back.
    let add = room.path(&format!("/members/{}", bob.id));
    ana.request("PUT", &add, json!({"role": "member"}))
        .await
        .refused(409, "conflict");
    admin
        .set_status(&bob.id, "active")
        .await
        .refused(409, "conflict");
    let password = format!("/v1/users/{}/password", bob.id);
    let renewed = admin
        .request("POST", &password, json!({"password": PASSWORD}))
        .await;
    renewed.refused(409, "conflict");
    let members = ana.get(&room.path("/members")).await.ok();
    assert_eq!(
        members["items"].as_array().map(Vec::len),
        Some(1),
        "{members:#}"
    );
}
