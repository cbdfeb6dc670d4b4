//! Typing: what is of the moment goes to those whom it concerns, and to nobody else; it is kept nowhere, and does not
//! grow with the room.

use serde_json::json;

use crate::support::{Kind, Room, Server, User, Ws, on_both};

on_both!(
    the_others_who_listen_hear_who_types,
    it_is_told_once_in_a_while,
    only_who_may_write_types,
    large_rooms_are_told_nothing,
);

async fn types(ws: &mut Ws, room: &Room, on: bool) {
    let op = json!({"op": "typing", "room": room.id, "on": on});
    assert_eq!(ws.request(op).await.expect("a room of mine"), json!({}));
}

/// What a room's listener heard of who types, up to now: everything before the next message.
async fn heard(ws: &mut Ws, ana: &User, room: &Room) -> Vec<(String, bool)> {
    ana.send(room, "done").await;
    let mut heard = Vec::new();
    loop {
        let event = ws.next_event().await;
        match event["ev"].as_str() {
            Some("message") => return heard,
            Some("typing") => {
                let name = event["name"].as_str().expect("a name").to_owned();
                heard.push((name, event["on"].as_bool().expect("yes or no")));
            }
            _ => {}
        }
    }
}

async fn the_others_who_listen_hear_who_types() {
    let server = Server::start().await;
    let (ana, bob, cat, room) = server.three().await;
    let (mut phone, mut desk) = (bob.listen(&room).await, bob.listen(&room).await);
    let mut ears = cat.listen(&room).await;
    let before = ana.get(&room.path("")).await.ok()["head"].clone();
    let op = json!({"op": "typing", "room": "general"});
    phone.request(op).await.expect("a room of his");
    let event = ears.next_event().await;
    assert_eq!(
        event,
        json!({
            "ev": "typing", "room": room.id, "user": bob.id, "name": "bob", "on": true,
            "ttl_ms": event["ttl_ms"],
        })
    );
    assert!(event["ttl_ms"].as_u64() > Some(3000), "{event}");
    // It is no entry, and nothing for one's own devices.
    let after = ana.get(&room.path("")).await.ok()["head"].clone();
    assert_eq!(before, after);
    for mine in [&mut phone, &mut desk] {
        assert_eq!(heard(mine, &ana, &room).await, []);
    }
    // Over REST it is the same.
    let typing = ana.post(&room.path("/typing"), json!({})).await;
    assert_eq!(typing.status, 204);
    let event = ears.next_of("typing").await;
    assert_eq!(
        (&event["user"], &event["on"]),
        (&json!(ana.id), &json!(true))
    );
}

async fn it_is_told_once_in_a_while() {
    let server = Server::start().await;
    let (ana, bob, cat, room) = server.three().await;
    let (mut phone, mut ears) = (bob.connect().await, cat.listen(&room).await);
    for _ in 0..20 {
        types(&mut phone, &room, true).await;
    }
    types(&mut phone, &room, false).await;
    types(&mut phone, &room, false).await;
    let heard = heard(&mut ears, &ana, &room).await;
    let on = heard.iter().filter(|(_, on)| *on).count();
    // One, or another one if all that took three seconds.
    assert!((1..=3).contains(&on), "{heard:?}");
    assert_eq!(heard.last(), Some(&("bob".to_owned(), false)));
    let off = heard.len() - on;
    assert_eq!(off, 1, "{heard:?}");
}

async fn only_who_may_write_types() {
    let server = Server::start().await;
    let (ana, bob, cat, room) = server.three().await;
    let mut ears = ana.listen(&room).await;
    ana.add(&room, &cat, "viewer").await;
    let secret = ana.room("secret", Kind::Private).await;
    let dan = server.user("dan").await;
    let typing = async |user: &User, room: &Room| {
        let mut ws = user.connect().await;
        let op = json!({"op": "typing", "room": room.id});
        let refused = ws.request(op).await.expect_err("not here");
        let reply = user.post(&room.path("/typing"), json!({})).await;
        assert_eq!(reply.body["code"], refused.code);
        refused.code
    };
    assert_eq!(typing(&cat, &room).await, "forbidden");
    assert_eq!(typing(&dan, &room).await, "forbidden");
    assert_eq!(typing(&dan, &secret).await, "not_found");
    let mute = room.path(&format!("/mutes/{}", bob.id));
    ana.request("PUT", &mute, json!({})).await.ok();
    assert_eq!(typing(&bob, &room).await, "muted");
    let ban = room.path(&format!("/bans/{}", bob.id));
    ana.request("PUT", &ban, json!({})).await.ok();
    assert_eq!(typing(&bob, &room).await, "banned");
    let locked = json!({"locked": true});
    let patch = ana.request("PATCH", &room.path(""), locked).await;
    patch.ok();
    let eve = server.user("eve").await;
    eve.join(&room).await;
    assert_eq!(typing(&eve, &room).await, "forbidden");
    assert_eq!(heard(&mut ears, &ana, &room).await, []);
    let mut ws = ana.connect().await;
    for op in [
        json!({"op": "typing"}),
        json!({"op": "typing", "room": room.id, "on": "yes"}),
    ] {
        let refused = ws.request(op).await.expect_err("not so");
        assert_eq!(refused.code, "invalid_field");
    }
}

async fn large_rooms_are_told_nothing() {
    let server = Server::builder().set("limits.typing_members", "2");
    let server = server.set("limits.presence_members", "2").start().await;
    let (ana, bob, cat, room) = server.three().await;
    let (mut phone, mut ears) = (bob.connect().await, ana.listen(&room).await);
    types(&mut phone, &room, true).await;
    let path = room.path("/presence");
    bob.get(&path).await.refused(409, "conflict");
    // With one less it is told.
    ana.remove(&room, &cat).await;
    types(&mut phone, &room, true).await;
    assert_eq!(
        heard(&mut ears, &ana, &room).await,
        [("bob".to_owned(), true)]
    );
    bob.get(&path).await.ok();
}
