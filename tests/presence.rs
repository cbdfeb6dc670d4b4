//! Presence: who is there is told to those who ask about people in a room that they share, as long as they do and may.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, Ws, on_both};

on_both!(
    who_is_there_is_told_to_those_who_share_a_room,
    a_change_is_told_to_those_who_follow,
    who_keeps_it_to_themselves_is_not_there,
    following_ends_with_the_room_they_share,
    presence_can_be_switched_off,
    who_may_not_read_any_more_is_told_of_nobody,
    nobody_is_told_in_a_room_that_grows_too_large,
    who_asks_in_between_is_told_who_comes_back,
    whom_one_shares_no_room_with_does_not_count,
);

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
    let (ana, bob, cat, room) = server.three().await;
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
    let (ana, bob, cat, room) = server.three().await;
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
    let (ana, bob, _cat, room) = server.three().await;
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
    let (ana, bob, cat, room) = server.three().await;
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
    let (ana, bob, _cat, room) = server.three().await;
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

/// Bob comes, and everybody who may be told is: ana was, so all others would have been.
async fn comes(bob: &User, witness: &mut Ws) -> Ws {
    let phone = bob.connect().await;
    loop {
        let event = witness.next_of("presence").await;
        if event["user"] == *bob.id && event["state"] == "online" {
            return phone;
        }
    }
}

async fn who_may_not_read_any_more_is_told_of_nobody() {
    let server = Server::start().await;
    let (ana, bob, cat, room) = server.three().await;
    let (mut eyes, mut witness) = (follow(&cat, &room).await, follow(&ana, &room).await);
    let deaf = ["role", "add", "deaf", "--permission", "room.join"];
    server.cli(&deaf).await.ok();
    server.admin().give("cat", "deaf").await;
    let phone = comes(&bob, &mut witness).await;
    let of_bob = |e: &Value| e["ev"] == "presence" && e["user"] == *bob.id;
    let heard = eyes.events_so_far().await;
    assert!(!heard.iter().any(of_bob), "{heard:#?}");
    // Once she may again, the next change is told her, whatever she missed.
    server.admin().give("cat", "member").await;
    phone.drop_tcp();
    loop {
        if witness.next_of("presence").await["state"] == "offline" {
            break;
        }
    }
    let heard = eyes.events_so_far().await;
    assert!(!heard.iter().any(of_bob), "it is as she knows: {heard:#?}");
    let _phone = comes(&bob, &mut witness).await;
    assert_eq!(eyes.next_of("presence").await["state"], "online");
}

async fn nobody_is_told_in_a_room_that_grows_too_large() {
    let server = Server::builder().set("limits.presence_members", "3");
    let server = server.start().await;
    let (ana, bob, cat, room) = server.three().await;
    let den = ana.room("den", Kind::Private).await;
    ana.add(&den, &bob, "member").await;
    let (mut eyes, mut witness) = (follow(&cat, &room).await, follow(&ana, &den).await);
    server.user("dan").await.join(&room).await;
    let _phone = comes(&bob, &mut witness).await;
    let heard = eyes.events_so_far().await;
    let of_bob = |e: &Value| e["ev"] == "presence" && e["user"] == *bob.id;
    assert!(!heard.iter().any(of_bob), "{heard:#?}");
}

async fn who_asks_in_between_is_told_who_comes_back() {
    let server = Server::start().await;
    let (ana, bob, cat, room) = server.three().await;
    let mut witness = follow(&ana, &room).await;
    let phone = comes(&bob, &mut witness).await;
    let mut eyes = cat.connect().await;
    phone.drop_tcp();
    // Asked before anybody was told that he went: the answer is newer than what the others know.
    let ask = json!({"op": "presence", "room": room.id, "users": [bob.id]});
    loop {
        let answer = eyes.request(ask.clone()).await.expect("a room of hers");
        if answer["users"][0]["state"] == "offline" {
            break;
        }
    }
    let _phone = bob.connect().await;
    let event = eyes.next_of("presence").await;
    assert_eq!(
        (&event["user"], &event["state"]),
        (&json!(bob.id), &json!("online"))
    );
}

async fn whom_one_shares_no_room_with_does_not_count() {
    const EACH: usize = 126;
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let people = server.users("p", EACH - 2).await;
    let dan = server.user("dan").await;
    let mut eyes = dan.connect().await;
    let mut rooms = Vec::new();
    for i in 0..5 {
        let room = ana.room(&format!("room-{i}"), Kind::Public).await;
        for person in people.iter().chain([&dan]) {
            person.join(&room).await;
        }
        rooms.push(room);
    }
    let ask = |room: &Room| json!({"op": "presence", "room": room.id});
    for room in &rooms[..3] {
        let answer = eyes.request(ask(room)).await.expect("a room of his");
        assert_eq!(answer["users"].as_array().map(Vec::len), Some(EACH));
    }
    let refused = eyes.request(ask(&rooms[3])).await.expect_err("over 500");
    assert_eq!(refused.code, "conflict");
    let leave = json!({"op": "leave", "room": rooms[0].id});
    eyes.request(leave).await.expect("he may");
    eyes.request(ask(&rooms[3])).await.expect("there is room");
    let refused = eyes.request(ask(&rooms[4])).await.expect_err("over 500");
    assert_eq!(refused.code, "conflict");
    for person in &people[..10] {
        ana.remove(&rooms[1], person).await;
    }
    eyes.request(ask(&rooms[4])).await.expect("there is room");
}
