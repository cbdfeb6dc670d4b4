//! Promise 3, what strangers learn: a private room and one that never was answer alike.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, history, random_id};

async fn ana_and_stranger(kind: Kind) -> (Server, User, User, Room) {
    let server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let room = ana.room("secret-plans", kind).await;
    ana.send(&room, "nobody may know").await;
    (server, ana, eve, room)
}

#[tokio::test]
async fn a_private_room_answers_strangers_like_no_room_at_all() {
    let (server, ana, eve, room) = ana_and_stranger(Kind::Private).await;
    asks_like_of_no_room(&ana, &eve, &room).await;
    // No role on the server is a way in, and whoever was in is a stranger again.
    for role in ["moderator", "admin"] {
        server.admin().give("eve", role).await;
        asks_like_of_no_room(&ana, &eve, &room).await;
    }
    ana.delete(&room.path(&format!("/bans/{}", eve.id)))
        .await
        .ok();
    ana.add(&room, &eve, "moderator").await;
    ana.remove(&room, &eve).await;
    asks_like_of_no_room(&ana, &eve, &room).await;
}

/// Eve asks everything about ana's private room, and the same about one that is not.
async fn asks_like_of_no_room(ana: &User, eve: &User, room: &Room) {
    let nothing = Room {
        id: random_id(),
        name: "no-such-room".into(),
    };
    let message = json!({"body": "let me in"});
    let role = json!({"role": "member"});
    let me = format!("/members/{}", eve.id);
    let (mute, ban) = (format!("/mutes/{}", eve.id), format!("/bans/{}", ana.id));
    // There is something of everything in it.
    let before = history(ana, room).await.len();
    let seq = ana.send(room, "rude").await["seq"].clone();
    let report = room.path(&format!("/messages/{seq}/report"));
    ana.post(&report, json!({"reason": "my own"})).await.ok();
    ana.post(&room.path("/invites"), json!({})).await.ok();
    ana.request("PUT", &room.path(&ban.replace(&ana.id, &eve.id)), json!({}))
        .await
        .ok();
    let requests = [
        ("GET", "", Value::Null),
        ("PATCH", "", json!({"topic": "mine"})),
        ("DELETE", "", Value::Null),
        ("POST", "/join", Value::Null),
        ("POST", "/leave", Value::Null),
        ("POST", "/transfer", json!({"user": eve.id})),
        ("GET", "/members", Value::Null),
        ("PUT", &me, role.clone()),
        ("PATCH", &me, role),
        ("DELETE", &me, Value::Null),
        ("GET", "/messages", Value::Null),
        ("GET", "/messages?after=0&limit=1", Value::Null),
        ("GET", "/messages/3", Value::Null),
        ("POST", "/messages", message),
        ("POST", "/messages/3/report", json!({"reason": "rude"})),
        ("GET", "/sanctions", Value::Null),
        ("GET", "/reports", Value::Null),
        ("GET", "/reports?state=resolved", Value::Null),
        ("GET", "/invites", Value::Null),
        ("POST", "/invites", json!({"uses": 1})),
        ("POST", "/invites", json!({"uses": 1, "dry_run": true})),
        ("DELETE", "/invites/0123456789abcdef", Value::Null),
        ("PUT", &mute, json!({})),
        ("PUT", &mute, json!({"dry_run": true})),
        ("DELETE", &mute, Value::Null),
        ("PUT", &ban, json!({})),
        ("DELETE", &ban, Value::Null),
        ("DELETE", "/bans/no-such-user", Value::Null),
    ];
    for (method, path, body) in requests {
        for (there, not_there) in [(&room.id, &nothing.id), (&room.name, &nothing.name)] {
            let what = format!("{method} {path}");
            let at = |room: &str| format!("/v1/rooms/{room}{path}");
            let there = eve.request(method, &at(there), body.clone()).await;
            let not_there = eve.request(method, &at(not_there), body.clone()).await;
            assert_eq!(there.anonymous(), not_there.anonymous(), "{what}");
            there.refused(404, "not_found");
            not_there.refused(404, "not_found");
        }
    }
    assert_eq!(
        history(ana, room).await.len(),
        before + 1,
        "and nothing came of it"
    );

    let mut ws = eve.connect().await;
    for op in ["subscribe", "unsubscribe", "send", "join", "leave"] {
        let ask = |room: &str| json!({"op": op, "room": room, "body": "let me in"});
        let there = ws.request(ask(&room.id)).await;
        let not_there = ws.request(ask(&nothing.id)).await;
        if op == "unsubscribe" {
            assert_eq!(there.is_ok(), not_there.is_ok(), "{there:?} {not_there:?}");
            continue;
        }
        let (there, not_there) = (there.expect_err("a stranger"), not_there.expect_err("none"));
        assert_eq!(there.code, "not_found", "{op}");
        assert_eq!(there.message, not_there.message, "{op}");
    }
}

#[tokio::test]
async fn a_private_room_is_in_no_list_of_a_stranger() {
    let (_server, ana, eve, room) = ana_and_stranger(Kind::Private).await;
    for path in ["/v1/rooms", "/v1/rooms?scope=public"] {
        let list = eve.get(path).await.ok();
        assert!(!list.to_string().contains(&room.name), "{path}: {list:#}");
    }
    let mine = ana.get("/v1/rooms").await.ok();
    assert_eq!(
        mine["items"][0]["id"], *room.id,
        "its own members see it: {mine:#}"
    );
}

#[tokio::test]
async fn a_private_name_is_not_taken_for_others() {
    let (_server, ana, eve, room) = ana_and_stranger(Kind::Private).await;
    let other = eve.room(&room.name, Kind::Private).await;
    assert_ne!(other.id, room.id);
    // By name, each gets the room they are in.
    let path = format!("/v1/rooms/{}", room.name);
    assert_eq!(ana.get(&path).await.ok()["id"], *room.id);
    assert_eq!(eve.get(&path).await.ok()["id"], *other.id);
    // A public room takes the name for all: nobody is told what was meant for everyone because they made a
    // private room called the same and put somebody into it.
    let public = eve.room(&room.name.clone(), Kind::Public).await;
    assert_eq!(ana.get(&path).await.ok()["id"], *public.id);
    ana.send(&room, "by its id it is as it was").await;
}

#[tokio::test]
async fn a_public_room_is_found_by_all_and_read_by_its_members() {
    let (_server, ana, eve, room) = ana_and_stranger(Kind::Public).await;
    let found = eve.get("/v1/rooms?scope=public").await.ok();
    assert_eq!(found["items"][0]["id"], *room.id, "{found:#}");
    let seen = eve.get(&room.path("")).await.ok();
    assert_eq!(
        (&seen["name"], &seen["role"]),
        (&json!(room.name), &Value::Null)
    );

    eve.get(&room.path("/messages"))
        .await
        .refused(403, "forbidden");
    eve.post(&room.path("/messages"), json!({"body": "hi"}))
        .await
        .refused(403, "forbidden");
    let mut ws = eve.connect().await;
    for op in ["subscribe", "send"] {
        let ask = json!({"op": op, "room": room.id, "body": "hi"});
        assert_eq!(
            ws.request(ask).await.expect_err("not a member").code,
            "forbidden",
            "{op}"
        );
    }
    ws.request(json!({"op": "join", "room": room.id}))
        .await
        .expect("it is public");
    ws.subscribe(&room, None).await;
    ana.send(&room, "welcome").await;
    ws.expect_message("welcome").await;
}

#[tokio::test]
async fn nobody_does_anything_without_a_token() {
    let (server, _ana, _eve, room) = ana_and_stranger(Kind::Public).await;
    let rest = server.rest();
    for (method, path) in [
        ("GET", "/v1/me".to_owned()),
        ("GET", "/v1/me/sessions".to_owned()),
        ("GET", "/v1/rooms".to_owned()),
        ("GET", room.path("")),
        ("GET", room.path("/messages")),
        ("GET", room.path("/members")),
    ] {
        let reply = rest.request(method, &path, None, Value::Null).await;
        assert!(reply.header("www-authenticate").is_some(), "{reply:#?}");
        reply.refused(401, "unauthorized");
    }
    rest.post("/v1/rooms", json!({"name": "mine", "kind": "public"}))
        .await
        .refused(401, "unauthorized");
    let info = rest.get("/v1/info").await.ok();
    assert!(
        info["version"].is_string(),
        "info is for everyone: {info:#}"
    );
}

#[tokio::test]
async fn what_is_others_answers_like_what_is_not_there() {
    let (server, ana, eve, room) = ana_and_stranger(Kind::Private).await;
    let admin = server.admin();
    let bob = server.user("bob").await;
    ana.add(&room, &bob, "member").await;
    let seq = ana.send(&room, "rude").await["seq"].clone();
    let report = room.path(&format!("/messages/{seq}/report"));
    let report = bob.post(&report, json!({"reason": "rude"})).await.ok();
    let code = ana.post(&room.path("/invites"), json!({})).await.ok();
    let invite = admin.post("/v1/invites", json!({})).await;
    let bot = server.bot("robot", "member").await;
    let token = admin.token(&bot, "t", &["message.read"]).await;
    let own = eve.room("own", Kind::Private).await;
    let id = |made: &Value| made["id"].as_str().expect("an id").to_owned();
    let resolve = |id: &str| format!("/v1/reports/{id}/resolve");
    let seen = json!({"resolution": "seen"});
    let session = |id: &str| format!("/v1/me/sessions/{id}");
    let of_code = |id: &str| own.path(&format!("/invites/{id}"));
    let of_bob = |id: &str| format!("/v1/users/bob/sessions/{id}");
    let never = "0123456789abcdef";
    let pairs = [
        ("POST", resolve(&id(&report)), resolve(&random_id()), seen),
        ("DELETE", of_code(&id(&code)), of_code(never), Value::Null),
        ("DELETE", of_code(&id(&invite)), of_code(never), Value::Null),
        (
            "DELETE",
            session(&ana.session),
            session(&random_id()),
            Value::Null,
        ),
        (
            "DELETE",
            session(&token.session),
            session(&random_id()),
            Value::Null,
        ),
        (
            "DELETE",
            of_bob(&bob.session),
            of_bob(&random_id()),
            Value::Null,
        ),
    ];
    for (method, there, not_there, body) in pairs {
        let one = eve.request(method, &there, body.clone()).await;
        let other = eve.request(method, &not_there, body).await;
        assert!(matches!(one.status, 403 | 404), "{there}: {one:#?}");
        assert_eq!(one.status, other.status, "{there}");
        assert_eq!(one.anonymous(), other.anonymous(), "{there}");
    }
    // An admin ends a session of the one whom the path names, and of nobody else.
    let boss = server.person("boss", "admin").await;
    let one = boss.delete(&of_bob(&ana.session)).await;
    let other = boss.delete(&of_bob(&random_id())).await;
    assert_eq!(one.anonymous(), other.anonymous());
    one.refused(404, "not_found");
    // All of it is still there.
    for user in [&ana, &bob, &token] {
        user.get("/v1/me").await.ok();
    }
    let reports = ana.get(&room.path("/reports")).await.ok();
    assert_eq!(
        reports["items"].as_array().map(Vec::len),
        Some(1),
        "{reports:#}"
    );
    let codes = ana.get(&room.path("/invites")).await.ok();
    assert_eq!(
        codes["items"].as_array().map(Vec::len),
        Some(1),
        "{codes:#}"
    );
}

#[tokio::test]
async fn an_address_is_seen_by_its_owner_and_those_who_see_accounts() {
    let (server, _ana, eve, _room) = ana_and_stranger(Kind::Public).await;
    let admin = server.admin();
    let made =
        json!({"name": "bob", "email": "bob@example.org", "password": crate::support::PASSWORD});
    admin.post("/v1/users", made).await;
    let bob = User::login(server.rest(), "bob", crate::support::PASSWORD).await;
    let room = eve.room("own", Kind::Private).await;
    eve.add(&room, &bob, "member").await;
    bob.send(&room, "hello").await;
    let ban = room.path(&format!("/mutes/{}", bob.id));
    eve.request("PUT", &ban, json!({})).await.ok();
    for path in ["/members", "/messages", "/sanctions", ""] {
        let seen = eve.get(&room.path(path)).await;
        assert!(!seen.text.contains("example.org"), "{path}: {seen:#?}");
    }
    let mut ws = eve.connect().await;
    let replayed = ws.subscribe(&room, Some(0)).await;
    assert!(!format!("{:?}", replayed.events).contains("example.org"));
    for path in ["/v1/users/bob", "/v1/users", "/v1/users/bob/sessions"] {
        eve.get(path).await.refused(403, "forbidden");
    }
    // An address that is known and one that is not are refused alike.
    for login in ["bob@example.org", "eve@example.org"] {
        let asked = json!({"login": login, "password": "not-the-password"});
        let reply = server.rest().post("/v1/login", asked).await;
        let body = reply.refused(401, "unauthorized");
        assert_eq!(body["detail"], "wrong user name or password");
    }
    // It may be written down by others, too, who are not told that it is somebody's.
    let mine = json!({"email": "bob@example.org"});
    let changed = eve.request("PATCH", "/v1/me", mine).await.ok();
    assert_eq!(changed["email"], "bob@example.org");
    let mo = server.person("mo", "moderator").await;
    assert_eq!(
        mo.get("/v1/users/bob").await.ok()["email"],
        "bob@example.org"
    );
}
