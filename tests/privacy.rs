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
    let (_server, ana, eve, room) = ana_and_stranger(Kind::Private).await;
    let nothing = Room {
        id: random_id(),
        name: "no-such-room".into(),
    };
    let message = json!({"body": "let me in"});
    let role = json!({"role": "member"});
    let me = format!("/members/{}", eve.id);
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
        history(&ana, &room).await.len(),
        1,
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
