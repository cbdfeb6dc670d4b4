//! What is decided about somebody bites at once, on the sockets that are open: each with the close code, the
//! refusal or the event that tells the client what to do.

use serde_json::{Value, json};

use crate::support::{Kind, PASSWORD, Room, Server, User, Ws};

/// Ana's public room with bob in it, and bob's socket, which listens to it and to his own log.
async fn ana_and_bob() -> (Server, User, User, Room, Ws) {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut ws = bob.listen(&room).await;
    ws.request(json!({"op": "subscribe", "room": "@me"}))
        .await
        .expect("everyone's own");
    (server, ana, bob, room, ws)
}

/// What a socket is told about its end.
async fn end_of(ws: &mut Ws) -> (Option<u16>, Value) {
    let end = ws.closed().await;
    let closing = end.closing.expect("a word before it");
    assert_eq!(
        closing["code"].as_u64(),
        end.code.map(u64::from),
        "{closing:#}"
    );
    assert!(
        closing["reconnect_ms"].is_null(),
        "not to come back: {closing:#}"
    );
    (end.code, closing["reason"].clone())
}

#[tokio::test]
async fn a_ban_closes_with_4504_and_every_token_is_refused() {
    let (server, _ana, bob, _room, mut ws) = ana_and_bob().await;
    server
        .admin()
        .put(
            "/v1/users/bob/ban",
            json!({"expires_in": 3600, "reason": "enough"}),
        )
        .await;
    assert_eq!(end_of(&mut ws).await, (Some(4504), json!("banned")));
    bob.get("/v1/me").await.refused(401, "unauthorized");
    let refresh = json!({"refresh_token": bob.refresh_token});
    bob.rest
        .post("/v1/token", refresh)
        .await
        .refused(401, "unauthorized");
    let login = json!({"login": "bob", "password": PASSWORD});
    bob.rest
        .post("/v1/login", login)
        .await
        .refused(403, "banned");
    let wrong = json!({"login": "bob", "password": "not-the-password"});
    // Who does not know the password is not told that there is a ban.
    bob.rest
        .post("/v1/login", wrong)
        .await
        .refused(401, "unauthorized");
    server.admin().delete("/v1/users/bob/ban").await;
    bob.get("/v1/me").await.refused(401, "unauthorized");
    let again = bob.again().await;
    again.get("/v1/me").await.ok();
}

#[tokio::test]
async fn a_session_ended_by_an_admin_closes_with_4503_and_no_other() {
    let (server, _ana, bob, room, mut ws) = ana_and_bob().await;
    let other = bob.again().await;
    let mut kept = other.listen(&room).await;
    let boss = server.person("boss", "admin").await;
    let session = format!("/v1/users/bob/sessions/{}", bob.session);
    boss.delete(&format!("{session}?dry_run=true")).await.ok();
    bob.get("/v1/me").await.ok();
    boss.delete(&session).await.ok();
    assert_eq!(
        end_of(&mut ws).await,
        (Some(4503), json!("session_revoked"))
    );
    // The access token is good for minutes yet, and refused all the same.
    bob.get("/v1/me").await.refused(401, "unauthorized");
    let (err, end) = server.hello_refused(&bob.token).await;
    assert_eq!((err.code.as_str(), end.code), ("unauthorized", Some(4503)));
    boss.delete(&session).await.refused(404, "not_found");

    kept.send(&room, "the other device goes on").await;
    boss.delete("/v1/users/bob/sessions").await.ok();
    assert_eq!(
        end_of(&mut kept).await,
        (Some(4503), json!("session_revoked"))
    );
    other.get("/v1/me").await.refused(401, "unauthorized");
    bob.again().await;
}

#[tokio::test]
async fn a_revoked_token_closes_the_bots_socket() {
    let (server, _ana, _bob, room, _ws) = ana_and_bob().await;
    let admin = server.admin();
    let bot = server.bot("robot", "member").await;
    let scopes = ["message.read", "message.send", "room.join"];
    let first = admin.token(&bot, "first", &scopes).await;
    let second = admin.token(&bot, "second", &scopes).await;
    first.join(&room).await;
    let (mut one, mut other) = (first.listen(&room).await, second.listen(&room).await);
    admin
        .delete(&format!("/v1/users/robot/sessions/{}", first.session))
        .await;
    assert_eq!(
        end_of(&mut one).await,
        (Some(4503), json!("session_revoked"))
    );
    first.get("/v1/me").await.refused(401, "unauthorized");
    let (err, end) = server.hello_refused(&first.token).await;
    assert_eq!((err.code.as_str(), end.code), ("unauthorized", Some(4501)));
    other.send(&room, "the other token goes on").await;
}

#[tokio::test]
async fn a_disabled_account_closes_with_4504() {
    let (server, _ana, bob, _room, mut ws) = ana_and_bob().await;
    server.admin().set_status("bob", "disabled").await.ok();
    assert_eq!(end_of(&mut ws).await, (Some(4504), json!("banned")));
    bob.get("/v1/me").await.refused(401, "unauthorized");
    let login = json!({"login": "bob", "password": PASSWORD});
    bob.rest
        .post("/v1/login", login)
        .await
        .refused(403, "locked");
}

#[tokio::test]
async fn a_role_that_does_not_read_ends_listening_and_nothing_else() {
    let (server, ana, bob, room, mut ws) = ana_and_bob().await;
    server.admin().new_role("mouth", &["message.send"]).await;
    server.admin().give("bob", "mouth").await;
    let role = ws.next_of("role").await;
    assert_eq!(role["role"], "mouth");
    let end = ws.next_of("unsubscribed").await;
    assert_eq!(
        (&end["room"], &end["why"]),
        (&json!(room.id), &json!("forbidden"))
    );
    ana.send(&room, "not for bob").await;
    ws.send(&room, "I talk blindly").await;
    let heard = ws.events_so_far().await;
    assert!(heard.iter().all(|e| e["ev"] != "message"), "{heard:#?}");
    bob.get(&room.path("/messages"))
        .await
        .refused(403, "forbidden");
    bob.get(&room.path("/members"))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn a_ban_from_a_room_is_told_on_both_logs() {
    let (_server, ana, bob, room, mut ws) = ana_and_bob().await;
    let ban = room.path(&format!("/bans/{}", bob.id));
    let asked = json!({"expires_in": 3600, "reason": "enough"});
    let told = ana.request("PUT", &ban, asked).await.ok();
    assert_eq!(
        (&told["kind"], &told["room"]),
        (&json!("ban"), &json!(room.id))
    );
    let sanction = ws.next_of("sanction").await;
    assert_eq!(sanction["room"], "@me");
    assert_eq!(
        (&sanction["sanction"], &sanction["target"]),
        (&json!("ban"), &json!(room.id))
    );
    assert_eq!(
        (&sanction["holds"], &sanction["reason"]),
        (&json!(true), &json!("enough"))
    );
    assert_eq!(sanction["until"], told["until"]);
    let (mut removed, mut unsubscribed) = (None, None);
    while removed.is_none() || unsubscribed.is_none() {
        let event = ws.next_event().await;
        match event["ev"].as_str() {
            Some("removed") => removed = Some(event["why"].clone()),
            Some("unsubscribed") => unsubscribed = Some(event["why"].clone()),
            _ => {}
        }
    }
    assert_eq!(
        (removed, unsubscribed),
        (Some(json!("banned")), Some(json!("banned")))
    );
    for op in ["join", "subscribe", "send"] {
        let ask = json!({"op": op, "room": room.id, "body": "hi"});
        let err = ws.request(ask).await.expect_err("banned");
        assert_eq!(err.code, "banned", "{op}");
        assert!(err.message.contains("enough"), "{err:?}");
    }
    ana.delete(&ban).await.ok();
    let lifted = ws.next_of("sanction").await;
    assert_eq!(
        (&lifted["holds"], &lifted["target"]),
        (&json!(false), &json!(room.id))
    );
    bob.join(&room).await;
    ws.subscribe(&room, None).await;
}

#[tokio::test]
async fn a_mute_refuses_the_next_message_and_only_that() {
    let (server, ana, bob, room, mut ws) = ana_and_bob().await;
    ws.send(&room, "still allowed").await;
    let everywhere = "/v1/users/bob/mute".to_owned();
    let here = room.path(&format!("/mutes/{}", bob.id));
    let admin = server.admin();
    for (path, target) in [(everywhere, Value::Null), (here, json!(room.id))] {
        admin
            .put(&path, json!({"expires_in": 3600, "reason": "hush"}))
            .await;
        let told = ws.next_of("sanction").await;
        assert_eq!(
            (&told["sanction"], &told["holds"]),
            (&json!("mute"), &json!(true))
        );
        assert_eq!(
            (&told["reason"], &told["until"].is_i64()),
            (&json!("hush"), &true)
        );
        assert_eq!(told.get("target").cloned().unwrap_or_default(), target);
        let ask = json!({"op": "send", "room": room.id, "body": "hi"});
        let err = ws.request(ask).await.expect_err("muted");
        assert_eq!(err.code, "muted");
        assert!(err.message.contains("hush"), "{err:?}");
        let said = bob
            .post(&room.path("/messages"), json!({"body": "hi"}))
            .await;
        said.refused(403, "muted");
        ana.send(&room, "but you hear me").await;
        ws.next_of("message").await;
        admin.delete(&path).await;
        let lifted = ws.next_of("sanction").await;
        assert_eq!(lifted["holds"], false);
        ws.send(&room, "again").await;
    }
}

#[tokio::test]
async fn rules_of_a_room_are_told_and_hold_at_once() {
    let (_server, ana, _bob, room, mut ws) = ana_and_bob().await;
    let path = room.path("");
    ana.request("PATCH", &path, json!({"locked": true}))
        .await
        .ok();
    let settings = ws.next_of("settings").await;
    assert_eq!(settings["rules"]["locked"], true, "{settings:#}");
    let ask = json!({"op": "send", "room": room.id, "body": "hi"});
    let err = ws.request(ask.clone()).await.expect_err("locked");
    assert_eq!(err.code, "forbidden");
    assert!(err.message.contains("locked"), "{err:?}");
    ana.send(&room, "moderators go on").await;
    let open = json!({"locked": false, "post": "moderator"});
    ana.request("PATCH", &path, open).await.ok();
    let settings = ws.next_of("settings").await;
    assert_eq!(settings["rules"]["post"], "moderator");
    assert_eq!(
        ws.request(ask.clone())
            .await
            .expect_err("announcements")
            .code,
        "forbidden"
    );
    let slow = json!({"post": "member", "slow_mode": 3600});
    ana.request("PATCH", &path, slow).await.ok();
    ws.request(ask.clone()).await.expect("the first one");
    let err = ws.request(ask).await.expect_err("slow");
    assert_eq!(err.code, "rate_limited");
    assert!(err.retry_after_ms.is_some_and(|ms| ms > 0), "{err:?}");
}
