//! Typing and presence: what is of the moment goes to those whom it concerns, and to nobody else; it is kept
//! nowhere, and does not grow with the room.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, Ws, on_both};

on_both!(
    the_others_who_listen_hear_who_types,
    it_is_told_once_in_a_while,
    only_who_may_write_types,
    large_rooms_are_told_nothing,
    who_is_there_is_told_to_those_who_share_a_room,
    a_change_is_told_to_those_who_follow,
    who_keeps_it_to_themselves_is_not_there,
    following_ends_with_the_room_they_share,
    presence_can_be_switched_off,
);

/// Ana's room, in which bob and cat are.
async fn three(server: &Server) -> (User, User, User, Room) {
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let (bob, cat) = (server.user("bob").await, server.user("cat").await);
    bob.join(&room).await;
    cat.join(&room).await;
    (ana, bob, cat, room)
}

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
    let (ana, bob, cat, room) = three(&server).await;
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
    let (ana, bob, cat, room) = three(&server).await;
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
    let (ana, bob, cat, room) = three(&server).await;
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
    let (ana, bob, cat, room) = three(&server).await;
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

/// How the people of a room are there, by name.
fn states(answer: &Value, list: &str, people: &[&User]) -> Vec<String> {
    let rows = answer[list].as_array().expect("a list");
    let of = |user: &&User| {
        let row = rows.iter().find(|row| row["user"] == *user.id);
        row.map_or("unknown", |row| row["state"].as_str().expect("a word"))
            .to_owned()
    };
    people.iter().map(of).collect()
}

async fn who_is_there_is_told_to_those_who_share_a_room() {
    let server = Server::start().await;
    let (ana, bob, cat, room) = three(&server).await;
    let dan = server.user("dan").await;
    let (mut phone, _here) = (bob.connect().await, dan.connect().await);
    let mut eyes = ana.connect().await;
    let follow =
        json!({"op": "presence", "room": "general", "users": [bob.id, "cat", "dan", "nobody"]});
    let answer = eyes.request(follow).await.expect("a room of hers");
    // Who is not in the room is left out, whether there is such a person or not.
    assert_eq!(answer["room"], *room.id);
    assert_eq!(
        states(&answer, "users", &[&ana, &bob, &cat, &dan]),
        ["unknown", "online", "offline", "unknown"]
    );
    let away = json!({"op": "presence", "state": "away"});
    phone.request(away).await.expect("one's own");
    let all = ana.get(&room.path("/presence")).await.ok();
    assert_eq!(
        states(&all, "items", &[&ana, &bob, &cat, &dan]),
        ["online", "away", "offline", "unknown"]
    );
    // Away only where one is away everywhere.
    let _desk = bob.connect().await;
    let all = cat.get(&room.path("/presence")).await.ok();
    assert_eq!(states(&all, "items", &[&bob]), ["online"]);

    dan.get(&room.path("/presence"))
        .await
        .refused(403, "forbidden");
    let secret = ana.room("secret", Kind::Private).await;
    dan.get(&secret.path("/presence"))
        .await
        .refused(404, "not_found");
    let many: Vec<_> = (0..501).map(|i| format!("user-{i}")).collect();
    for (code, op) in [
        ("invalid_field", json!({"op": "presence"})),
        (
            "invalid_field",
            json!({"op": "presence", "state": "offline"}),
        ),
        (
            "invalid_field",
            json!({"op": "presence", "room": room.id, "users": "bob"}),
        ),
        (
            "invalid_field",
            json!({"op": "presence", "room": room.id, "users": ["?"]}),
        ),
        (
            "invalid_field",
            json!({"op": "presence", "room": room.id, "users": many}),
        ),
        ("not_found", json!({"op": "presence", "room": "@me"})),
    ] {
        let refused = eyes.request(op.clone()).await.expect_err("not so");
        assert_eq!(refused.code, code, "{op}");
    }
}

/// Follows everybody in a room.
async fn follow(user: &User, room: &Room) -> Ws {
    let mut ws = user.connect().await;
    let follow = json!({"op": "presence", "room": room.id});
    ws.request(follow).await.expect("a room of mine");
    ws
}

async fn a_change_is_told_to_those_who_follow() {
    let server = Server::start().await;
    let (ana, bob, cat, room) = three(&server).await;
    let mut eyes = follow(&ana, &room).await;
    let mut other = cat.connect().await;
    let mut phone = bob.connect().await;
    let event = |user: &User, state| json!({"ev": "presence", "user": user.id, "state": state});
    // Cat came, too; who comes first is told first.
    assert_eq!(eyes.next_of("presence").await, event(&cat, "online"));
    assert_eq!(eyes.next_of("presence").await, event(&bob, "online"));
    let away = json!({"op": "presence", "state": "away"});
    phone.request(away).await.expect("one's own");
    assert_eq!(eyes.next_of("presence").await, event(&bob, "away"));
    phone.drop_tcp();
    assert_eq!(eyes.next_of("presence").await, event(&bob, "offline"));
    // Nobody else is told.
    let heard = other.events_so_far().await;
    assert!(heard.iter().all(|e| e["ev"] != "presence"), "{heard:#?}");
    // What did not last is not told: the next that is told is the other's.
    bob.connect().await.drop_tcp();
    other.drop_tcp();
    assert_eq!(eyes.next_of("presence").await, event(&cat, "offline"));
}

async fn who_keeps_it_to_themselves_is_not_there() {
    let server = Server::start().await;
    let (ana, bob, _cat, room) = three(&server).await;
    let mut eyes = follow(&ana, &room).await;
    let _phone = bob.connect().await;
    assert_eq!(eyes.next_of("presence").await["state"], "online");
    let hide = bob.request("PATCH", "/v1/me", json!({"presence": false}));
    assert_eq!(hide.await.ok()["presence"], false);
    let event = eyes.next_of("presence").await;
    assert_eq!(
        (&event["user"], &event["state"]),
        (&json!(bob.id), &json!("offline"))
    );
    let all = ana.get(&room.path("/presence")).await.ok();
    assert_eq!(states(&all, "items", &[&bob]), ["offline"]);
    let show = bob.request("PATCH", "/v1/me", json!({"presence": true}));
    assert_eq!(show.await.ok()["presence"], true);
    assert_eq!(eyes.next_of("presence").await["state"], "online");
}

async fn following_ends_with_the_room_they_share() {
    let server = Server::start().await;
    let (ana, bob, cat, room) = three(&server).await;
    let mut eyes = follow(&bob, &room).await;
    let mut others = follow(&ana, &room).await;
    ana.remove(&room, &bob).await;
    let phone = cat.connect().await;
    // Ana was told, so bob would have been.
    loop {
        if others.next_of("presence").await["user"] == *cat.id {
            break;
        }
    }
    let heard = eyes.events_so_far().await;
    let of_cat = |e: &&Value| e["ev"] == "presence" && e["user"] == *cat.id;
    assert_eq!(heard.iter().find(of_cat), None);
    // Who asks for nobody follows nobody.
    let nobody = json!({"op": "presence", "room": room.id, "users": []});
    let answer = others.request(nobody).await.expect("a room of hers");
    assert_eq!(answer["users"], json!([]));
    let mut witness = follow(&ana, &room).await;
    phone.drop_tcp();
    loop {
        let event = witness.next_of("presence").await;
        if event["user"] == *cat.id && event["state"] == "offline" {
            break;
        }
    }
    let heard = others.events_so_far().await;
    assert_eq!(heard.iter().find(of_cat), None, "{heard:#?}");
}

async fn presence_can_be_switched_off() {
    let server = Server::builder().set("ws.presence", "false").start().await;
    let (ana, bob, _cat, room) = three(&server).await;
    let mut phone = bob.connect().await;
    let follow = json!({"op": "presence", "room": room.id});
    let refused = phone.request(follow).await.expect_err("switched off");
    assert_eq!(refused.code, "forbidden");
    let all = ana.get(&room.path("/presence")).await;
    all.refused(403, "forbidden");
    // One may say what one likes; nobody is told.
    let away = json!({"op": "presence", "state": "away"});
    phone.request(away).await.expect("one's own");
}
