//! Direct conversations: the same people always meet in the same room, nobody else gets in or learns of it, and
//! who does not want to be in it is not brought back.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, on_both, within};

on_both!(
    the_same_people_meet_in_the_same_room,
    two_who_open_it_at_once_meet,
    the_others_are_told_and_can_answer,
    its_people_are_always_the_same,
    who_leaves_stays_out_until_they_come_themselves,
    only_who_may_opens_one,
    nobody_is_brought_into_more_rooms_than_one_can_be_in,
    nobody_is_found_by_it_who_is_not_found_otherwise,
    one_that_was_deleted_begins_anew,
    operators_see_archive_hold_and_lock_it,
    an_erased_person_leaves_it,
);

async fn open(user: &User, others: &[&User]) -> (u16, Value) {
    let ids: Vec<_> = others.iter().map(|other| &other.id).collect();
    let reply = user.post("/v1/dm", json!({"users": ids})).await;
    assert!((200..300).contains(&reply.status), "{reply:#?}");
    (reply.status, reply.body)
}

fn room(body: &Value) -> Room {
    Room {
        id: body["id"].as_str().expect("an id").to_owned(),
        name: "direct".to_owned(),
    }
}

async fn conversation(user: &User, others: &[&User]) -> Room {
    room(&open(user, others).await.1)
}

async fn three(server: &Server) -> (User, User, User) {
    (
        server.user("ana").await,
        server.user("bob").await,
        server.user("cat").await,
    )
}

async fn the_same_people_meet_in_the_same_room() {
    let mut server = Server::start().await;
    let (ana, bob, cat) = three(&server).await;
    let (status, made) = open(&ana, &[&bob]).await;
    assert_eq!(status, 201);
    assert_eq!(
        (
            &made["kind"],
            &made["title"],
            &made["role"],
            &made["members"]
        ),
        (&json!("direct"), &Value::Null, &json!("member"), &json!(2))
    );
    let people = made["people"].as_array().expect("people");
    let mut names: Vec<_> = people.iter().map(|p| p["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, [Some("ana"), Some("bob")]);

    for (user, others) in [
        (&ana, vec![&bob]),
        (&bob, vec![&ana]),
        (&bob, vec![&ana, &bob, &ana]),
    ] {
        let (status, found) = open(user, &others).await;
        assert_eq!((status, &found["id"]), (200, &made["id"]));
    }
    let by_name = ana.post("/v1/dm", json!({"users": ["bob"]})).await;
    assert_eq!((by_name.status, &by_name.body["id"]), (200, &made["id"]));
    let group = open(&ana, &[&bob, &cat]).await.1;
    assert_ne!(
        group["id"], made["id"],
        "more people are another conversation"
    );
    assert_eq!(open(&cat, &[&ana, &bob]).await.1["id"], group["id"]);
    assert_ne!(open(&ana, &[&cat]).await.1["id"], group["id"]);

    let mine = bob.get("/v1/rooms").await.ok();
    let mine = mine["items"].as_array().expect("items");
    let listed = mine.iter().find(|r| r["id"] == made["id"]);
    let listed = listed.expect("it is among his rooms");
    assert_eq!(
        (&listed["kind"], &listed["people"]),
        (&json!("direct"), &made["people"])
    );
    // They meet there after a restart, too, and over a socket.
    server.restart().await;
    let mut ws = ana.connect().await;
    let op = json!({"op": "dm", "users": [bob.id]});
    let opened = ws.request(op).await.expect("a conversation");
    assert_eq!(
        (&opened["room"], &opened["made"]),
        (&made["id"], &json!(false))
    );
    let op = json!({"op": "dm", "users": ["bob", "ana", "cat"]});
    let opened = ws.request(op).await.expect("a conversation");
    assert_eq!(opened["room"], group["id"]);
}

async fn two_who_open_it_at_once_meet() {
    let server = Server::start().await;
    let people = server.users("p", 6).await;
    let mut opening = Vec::new();
    for one in &people {
        for _ in 0..3 {
            let (one, all) = (one.clone(), people.clone());
            opening.push(tokio::spawn(async move {
                let others: Vec<_> = all.iter().filter(|p| p.id != one.id).collect();
                open(&one, &others).await
            }));
        }
    }
    let (mut made, mut ids) = (0, Vec::new());
    for opened in opening {
        let (status, body) = within("a conversation", opened).await.expect("it is one");
        made += u32::from(status == 201);
        ids.push(body["id"].clone());
        assert_eq!(body["members"], 6);
    }
    assert_eq!(made, 1);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:#?}");
    // Each was told once.
    let mine = people[5].get("/v1/rooms").await.ok();
    assert_eq!(mine["items"].as_array().expect("items").len(), 1);
    let mut ws = people[5].connect().await;
    let me = ws.request(json!({"op": "subscribe", "room": "@me"}));
    assert_eq!(me.await.expect("one's own log")["head"], 1);
}

async fn the_others_are_told_and_can_answer() {
    let server = Server::start().await;
    let (ana, bob, cat) = three(&server).await;
    let mut ears = bob.connect().await;
    let me = json!({"op": "subscribe", "room": "@me"});
    ears.request(me).await.expect("one's own log");
    let (_, made) = open(&ana, &[&bob]).await;
    let (room, mut people) = (room(&made), vec![ana.id.clone(), bob.id.clone()]);
    people.sort();
    let event = ears.next_event().await;
    assert_eq!(
        event,
        json!({
            "ev": "added", "room": "@me", "seq": 1, "n": 0, "from": ana.id, "name": "ana",
            "target": room.id, "room_name": "direct", "role": "member", "people": people,
            "at": event["at"],
        })
    );
    ears.subscribe(&room, None).await;
    ana.send(&room, "psst").await;
    ears.expect_message("psst").await;
    let shown = bob.get(&room.path("")).await.ok();
    assert_eq!(shown["unread"], 1);
    bob.send(&room, "what?").await;
    // To everybody else it is not there.
    for (method, rest, body) in [
        ("GET", "", Value::Null),
        ("GET", "/messages", Value::Null),
        ("GET", "/members", Value::Null),
        ("POST", "/join", Value::Null),
        ("POST", "/messages", json!({"body": "me too"})),
        ("PUT", "/read", json!({"seq": 1})),
    ] {
        let reply = cat.request(method, &room.path(rest), body).await;
        reply.refused(404, "not_found");
    }
    let mut ws = cat.connect().await;
    let refused = ws.request(json!({"op": "subscribe", "room": room.id}));
    assert_eq!(refused.await.expect_err("not hers").code, "not_found");
}

async fn its_people_are_always_the_same() {
    let server = Server::start().await;
    let (ana, bob, cat) = three(&server).await;
    let room = conversation(&ana, &[&bob]).await;
    for (method, rest, body) in [
        ("PUT", format!("/members/{}", cat.id), json!({})),
        (
            "PATCH",
            format!("/members/{}", bob.id),
            json!({"role": "viewer"}),
        ),
        ("DELETE", format!("/members/{}", bob.id), Value::Null),
        ("POST", "/transfer".to_owned(), json!({"user": bob.id})),
        ("POST", "/invites".to_owned(), json!({})),
        ("PATCH", String::new(), json!({"title": "Ours"})),
        ("PATCH", String::new(), json!({"locked": true})),
        ("DELETE", String::new(), Value::Null),
        ("PUT", format!("/bans/{}", bob.id), json!({})),
    ] {
        let reply = ana.request(method, &room.path(&rest), body).await;
        let code = reply.body["code"].as_str();
        assert!(
            matches!(code, Some("forbidden" | "conflict")),
            "{method} {rest}: {reply:#?}"
        );
    }
    // Nor can operators make another room of it.
    let admin = server.admin();
    for (method, rest, body) in [
        (
            "PUT",
            format!("/members/{}", cat.id),
            json!({"role": "member"}),
        ),
        (
            "PUT",
            format!("/members/{}", bob.id),
            json!({"role": "owner"}),
        ),
        ("POST", "/transfer".to_owned(), json!({"user": bob.id})),
        ("PATCH", String::new(), json!({"name": "ours"})),
        ("POST", "/invites".to_owned(), json!({})),
    ] {
        let reply = admin.request(method, &room.path(&rest), body).await;
        assert!(
            (400..500).contains(&reply.status),
            "{method} {rest}: {reply:#?}"
        );
    }
    let kind = json!({"name": "mine", "kind": "direct"});
    ana.post("/v1/rooms", kind).await.refused_field("kind");
    let shown = ana.get(&room.path("")).await.ok();
    assert_eq!(
        (&shown["members"], &shown["name"]),
        (&json!(2), &json!("direct"))
    );
    // Everyone deletes and edits what they said, and nobody what another said.
    let seq = bob.send(&room, "oops").await["seq"].clone();
    let theirs = ana.delete(&room.message(&seq)).await;
    theirs.refused(403, "forbidden");
    bob.delete(&room.message(&seq)).await.ok();
}

async fn who_leaves_stays_out_until_they_come_themselves() {
    let server = Server::start().await;
    let (ana, bob, _cat) = three(&server).await;
    let room = conversation(&ana, &[&bob]).await;
    ana.send(&room, "hello?").await;
    let mut ears = bob.listen(&room).await;
    bob.post(&room.path("/leave"), Value::Null).await.ok();
    assert_eq!(ears.next_of("unsubscribed").await["why"], "left");
    bob.get(&room.path("/messages"))
        .await
        .refused(404, "not_found");
    let (status, found) = open(&ana, &[&bob]).await;
    assert_eq!((status, &found["members"]), (200, &json!(1)));
    assert_eq!(found["people"].as_array().expect("people").len(), 2);
    ana.send(&room, "are you there?").await;
    bob.get(&room.path("")).await.refused(404, "not_found");

    let (status, back) = open(&bob, &[&ana]).await;
    assert_eq!((status, &back["id"]), (200, &json!(room.id)));
    assert_eq!((&back["members"], &back["unread"]), (&json!(2), &json!(0)));
    let said = bob.get(&room.path("/messages")).await.ok();
    assert_eq!(said["items"].as_array().expect("items").len(), 2);
    bob.send(&room, "here I am").await;
}

async fn only_who_may_opens_one() {
    let server = Server::builder()
        .set("limits.direct_people", "3")
        .start()
        .await;
    let (ana, bob, cat) = three(&server).await;
    let dan = server.user("dan").await;
    for users in [json!([]), json!([ana.id]), json!([bob.id, cat.id, dan.id])] {
        let body = json!({"users": users});
        ana.post("/v1/dm", body).await.refused_field("users");
    }
    for body in [
        json!({}),
        json!({"users": "bob"}),
        json!({"users": [1]}),
        json!({"users": ["?"]}),
    ] {
        ana.post("/v1/dm", body).await.refused(400, "invalid_field");
    }
    let room = conversation(&ana, &[&bob]).await;
    let admin = server.admin();
    let path = format!("/v1/users/{}/mute", ana.id);
    admin.request("PUT", &path, json!({})).await;
    let more = json!({"users": [cat.id]});
    ana.post("/v1/dm", more.clone()).await.refused(403, "muted");
    let refused = ana
        .post(&room.path("/messages"), json!({"body": "hi"}))
        .await;
    refused.refused(403, "muted");
    // What there is, is found all the same.
    assert_eq!(open(&ana, &[&bob]).await.0, 200);
    admin.give("dan", "guest").await;
    dan.post("/v1/dm", more).await.refused(403, "forbidden");
    // A guest can be talked to, and not talk.
    let with_guest = conversation(&bob, &[&dan]).await;
    bob.send(&with_guest, "read this").await;
    let answer = dan
        .post(&with_guest.path("/messages"), json!({"body": "yes"}))
        .await;
    answer.refused(403, "forbidden");
}

async fn nobody_is_brought_into_more_rooms_than_one_can_be_in() {
    let server = Server::builder()
        .limits()
        .set("limits.rooms_per_user", "2")
        .start()
        .await;
    let (ana, bob, cat) = three(&server).await;
    let room = conversation(&ana, &[&cat]).await;
    bob.room("his", Kind::Private).await;
    conversation(&bob, &[&cat]).await;
    for others in [json!([bob.id]), json!([bob.id, cat.id])] {
        let full = ana.post("/v1/dm", json!({"users": others})).await;
        full.refused(409, "conflict");
    }
    assert_eq!(open(&ana, &[&cat]).await.0, 200, "this one there is");
    // Whoever left may come back, whatever the other is in.
    ana.post(&room.path("/leave"), Value::Null).await.ok();
    assert_eq!(open(&ana, &[&cat]).await.1["id"], *room.id);
}

async fn nobody_is_found_by_it_who_is_not_found_otherwise() {
    let server = Server::start().await;
    let (ana, _bob, cat) = three(&server).await;
    let mine = ana.room("mine", Kind::Private).await;
    let admin = server.admin();
    let disabled = admin.set_status("bob", "disabled").await;
    assert!((200..300).contains(&disabled.status), "{disabled:#?}");
    for name in ["bob", "nobody", "0197c0de-0000-7000-8000-000000000000"] {
        let dm = ana.post("/v1/dm", json!({"users": [name]})).await;
        let path = mine.path(&format!("/members/{name}"));
        let add = ana.request("PUT", &path, json!({"role": "member"})).await;
        assert_eq!(dm.status, add.status, "{dm:#?}, {add:#?}");
        assert_eq!(dm.anonymous(), add.anonymous());
        // Nor with somebody else beside them.
        let dm = ana.post("/v1/dm", json!({"users": [cat.id, name]})).await;
        assert_eq!(dm.anonymous(), add.anonymous());
    }
    let rooms = cat.get("/v1/rooms").await.ok();
    assert_eq!(rooms["items"], json!([]));
}

async fn one_that_was_deleted_begins_anew() {
    let server = Server::start().await;
    let (ana, bob, _cat) = three(&server).await;
    let room = conversation(&ana, &[&bob]).await;
    ana.send(&room, "before").await;
    let mut ears = bob.listen(&room).await;
    let gone = server
        .admin()
        .request("DELETE", &room.path(""), Value::Null)
        .await;
    assert!((200..300).contains(&gone.status), "{gone:#?}");
    assert_eq!(ears.next_of("unsubscribed").await["why"], "deleted");
    let (status, anew) = open(&bob, &[&ana]).await;
    assert_eq!((status, &anew["n"]), (201, &json!(0)));
    assert_ne!(anew["id"], *room.id);
    assert_eq!(open(&ana, &[&bob]).await.1["id"], anew["id"]);
}

async fn operators_see_archive_hold_and_lock_it() {
    let server = Server::archiving().await;
    let (ana, bob, _cat) = three(&server).await;
    let room = conversation(&ana, &[&bob]).await;
    for i in 0..5 {
        ana.send(&room, &format!("message {i}")).await;
    }
    let admin = server.admin();
    let rooms = admin.get("/v1/rooms").await;
    let rooms = rooms["items"].as_array().expect("items");
    let listed = rooms.iter().find(|r| r["id"] == *room.id);
    assert_eq!(listed.expect("listed")["kind"], "direct");
    let run = admin.archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    assert_eq!(admin.segments().await.len(), 1);
    let said = bob.get(&room.path("/messages")).await.ok();
    assert_eq!(said["items"].as_array().expect("items").len(), 5);
    let hold = json!({"on": "room", "target": room.id, "reason": "case 7"});
    admin.post("/v1/holds", hold).await;
    let locked = admin
        .request("PATCH", &room.path(""), json!({"locked": true}))
        .await;
    assert!((200..300).contains(&locked.status), "{locked:#?}");
    let refused = bob
        .post(&room.path("/messages"), json!({"body": "hi"}))
        .await;
    refused.refused(403, "forbidden");
    // The store is as it has to be.
    let check = server.cli(&["store", "check", "--json"]).await;
    check.ok();
}

async fn an_erased_person_leaves_it() {
    let server = Server::start().await;
    let (ana, bob, cat) = three(&server).await;
    let room = conversation(&ana, &[&bob, &cat]).await;
    ana.send(&room, "hi").await;
    let erase = ["user", "erase", "ana", "--messages", "delete", "--yes"];
    server.cli(&erase).await.ok();
    let shown = bob.get(&room.path("")).await.ok();
    assert_eq!(
        (&shown["members"], &shown["kind"]),
        (&json!(2), &json!("direct"))
    );
    bob.send(&room, "she is gone").await;
    let said = cat.get(&room.path("/messages")).await.ok();
    let said = said["items"].as_array().expect("items");
    assert_eq!(
        (&said[0]["deleted"], &said[1]["body"]),
        (&json!(true), &json!("she is gone"))
    );
}
