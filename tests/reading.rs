//! Where somebody is: how far they have read a room is the same on all their devices, what is unread follows
//! from it and from the room's log alone, and what was answered is kept.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, Ws, on_both, within};

on_both!(
    what_is_unread_is_what_came_since,
    all_devices_move_at_once_and_nobody_else_hears_of_it,
    it_goes_back_only_when_asked_and_never_beyond_the_end,
    a_fast_reader_is_written_down_now_and_then_and_answered_always,
    what_was_answered_survives_a_kill,
    stopping_keeps_what_was_said_last,
    only_who_may_read_has_a_place_there,
    who_comes_again_begins_anew,
    where_the_past_is_hidden_nobody_is_told_of_it,
    archived_and_purged_messages_count_as_what_they_are,
    who_had_not_read_what_is_purged_has_read_on,
    gaps_that_become_one_are_passed_as_one,
    who_reads_beside_a_purge_ends_where_something_is_left,
    hiding_the_past_takes_it_out_of_what_is_unread,
    an_export_has_it,
);

/// How far somebody has read, as `PUT` answers it.
async fn read(user: &User, room: &Room, seq: &Value) -> Value {
    let body = json!({"seq": seq});
    user.request("PUT", &room.path("/read"), body).await.ok()
}

async fn read_back(user: &User, room: &Room, seq: impl Into<Value>) -> Value {
    let body = json!({"seq": seq.into(), "back": true});
    user.request("PUT", &room.path("/read"), body).await.ok()
}

/// What the room, and the list of rooms, say of it: the same.
async fn place(user: &User, room: &Room) -> Value {
    let shown = user.get(&room.path("")).await.ok();
    let list = user.get("/v1/rooms").await.ok();
    let listed = list["items"].as_array().expect("items").iter();
    let listed = listed.into_iter().find(|r| r["id"] == *room.id).cloned();
    assert_eq!(listed.as_ref(), Some(&shown));
    let of = |field: &str| shown[field].as_u64().expect(field);
    assert_eq!(of("unread"), of("n") - of("read_n"), "{shown:#}");
    shown
}

async fn unread(user: &User, room: &Room) -> u64 {
    place(user, room).await["unread"]
        .as_u64()
        .expect("a number")
}

/// Ana's room, in which bob is, and what ana said there after he came.
async fn talked(server: &Server, messages: usize) -> (User, User, Room, Vec<Value>) {
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "before").await;
    bob.join(&room).await;
    let mut said = Vec::new();
    for i in 0..messages {
        said.push(ana.send(&room, &format!("message {i}")).await["seq"].clone());
    }
    (ana, bob, room, said)
}

async fn what_is_unread_is_what_came_since() {
    let server = Server::start().await;
    let (ana, bob, room, said) = talked(&server, 3).await;
    assert_eq!(
        unread(&bob, &room).await,
        3,
        "and not what was there before"
    );
    assert_eq!(
        unread(&ana, &room).await,
        4,
        "one's own count until they are read"
    );
    let answer = read(&bob, &room, &said[1]).await;
    assert_eq!(
        answer,
        json!({
            "room": room.id, "head": said[2], "n": 4, "read": said[1], "read_n": 3, "unread": 1,
        })
    );
    assert_eq!(unread(&bob, &room).await, 1);
    // A message that is deleted keeps its place; what is no message is none.
    ana.delete(&room.message(&said[2])).await.ok();
    let edit = json!({"body": "otherwise"});
    ana.request("PATCH", &room.message(&said[0]), edit)
        .await
        .ok();
    assert_eq!(unread(&bob, &room).await, 1);
    let head = place(&bob, &room).await["head"].clone();
    assert_eq!(read(&bob, &room, &head).await["unread"], 0);
    // Whoever is not in has no place there.
    let cat = server.user("cat").await;
    let room = cat.get(&room.path("")).await.ok();
    assert_eq!(
        (&room["read"], &room["unread"]),
        (&Value::Null, &Value::Null)
    );
}

/// Listens to the user's own log and to a room: what the answer for the room says.
async fn follow(ws: &mut Ws, room: &Room) -> Value {
    let me = json!({"op": "subscribe", "room": "@me"});
    let me = ws.request(me).await.expect("one's own log");
    assert_eq!(me.get("read"), None);
    let subscribe = json!({"op": "subscribe", "room": room.id});
    ws.request(subscribe).await.expect("a room of mine")
}

async fn all_devices_move_at_once_and_nobody_else_hears_of_it() {
    let server = Server::start().await;
    let (ana, bob, room, said) = talked(&server, 3).await;
    let (mut phone, mut desk) = (bob.connect().await, bob.again().await.connect().await);
    let mut other = ana.connect().await;
    follow(&mut other, &room).await;
    let at_first = follow(&mut phone, &room).await;
    assert_eq!(at_first["unread"], 3, "{at_first}");
    follow(&mut desk, &room).await;

    let op = json!({"op": "read", "room": "general", "seq": said[0]});
    let answer = phone.request(op).await.expect("a place of one's own");
    assert_eq!((&answer["read"], &answer["unread"]), (&said[0], &json!(2)));
    let event = json!({
        "ev": "read", "room": "@me", "target": room.id, "read": said[0], "read_n": 2, "unread": 2,
    });
    assert_eq!(phone.next_of("read").await, event);
    assert_eq!(desk.next_of("read").await, event);
    // Over REST it is the same.
    desk.drop_tcp();
    read(&bob, &room, &said[2]).await;
    assert_eq!(phone.next_of("read").await["read"], said[2]);
    // Who was away is told where they are.
    let mut back = bob.connect().await;
    let resume = json!({"op": "subscribe", "room": room.id, "after": said[2]});
    let resumed = back.request(resume).await.expect("a room of mine");
    assert_eq!(resumed["recovered"], true);
    assert_eq!(
        (&resumed["read"], &resumed["read_n"], &resumed["unread"]),
        (&said[2], &json!(4), &json!(0))
    );
    let heard = other.events_so_far().await;
    assert!(heard.iter().all(|e| e["ev"] != "read"), "{heard:#?}");
}

async fn it_goes_back_only_when_asked_and_never_beyond_the_end() {
    let server = Server::start().await;
    let (_ana, bob, room, said) = talked(&server, 3).await;
    read(&bob, &room, &said[2]).await;
    let stays = read(&bob, &room, &said[0]).await;
    assert_eq!((&stays["read"], &stays["unread"]), (&said[2], &json!(0)));
    let goes = read_back(&bob, &room, said[0].clone()).await;
    assert_eq!((&goes["read"], &goes["unread"]), (&said[0], &json!(2)));
    assert_eq!(unread(&bob, &room).await, 2);
    assert_eq!(read_back(&bob, &room, 0).await["unread"], 4, "all of it");

    let head = said[2].as_u64().expect("a seq");
    for body in [
        json!({"seq": head + 1}),
        json!({"seq": head + 1, "back": true}),
        json!({"seq": u64::MAX}),
    ] {
        let beyond = bob.request("PUT", &room.path("/read"), body).await;
        beyond.refused_field("seq");
    }
    for body in [
        json!({}),
        json!({"seq": -1}),
        json!({"seq": "1"}),
        json!({"seq": 1.5}),
    ] {
        let bad = bob.request("PUT", &room.path("/read"), body).await;
        bad.refused(400, "invalid_field");
    }
    let mut ws = bob.connect().await;
    for (field, op) in [
        (
            "seq",
            json!({"op": "read", "room": room.id, "seq": head + 1}),
        ),
        ("seq", json!({"op": "read", "room": room.id})),
        (
            "back",
            json!({"op": "read", "room": room.id, "seq": 1, "back": 1}),
        ),
        ("room", json!({"op": "read", "seq": 1})),
    ] {
        let refused = ws.request(op).await.expect_err(field);
        assert_eq!(refused.code, "invalid_field", "{field}");
    }
    let me = json!({"op": "read", "room": "@me", "seq": 0});
    assert_eq!(ws.request(me).await.expect_err("no room").code, "not_found");
    assert_eq!(unread(&bob, &room).await, 4);
}

async fn a_fast_reader_is_written_down_now_and_then_and_answered_always() {
    let server = Server::start().await;
    let (_ana, bob, room, said) = talked(&server, 60).await;
    let (mut phone, mut desk) = (bob.connect().await, bob.connect().await);
    follow(&mut phone, &room).await;
    follow(&mut desk, &room).await;
    let begun = Instant::now();
    let mut asked = Vec::new();
    for seq in &said {
        let op = json!({"op": "read", "room": room.id, "seq": seq});
        asked.push((phone.post(op).await.expect("open"), seq));
    }
    for (id, seq) in asked {
        let answer = phone.answer(id).await.expect("a place of one's own");
        assert!(answer["read"].as_u64() >= seq.as_u64(), "{answer}");
    }
    let last = said.last().expect("messages");
    let mut events = 0;
    loop {
        events += 1;
        if desk.next_of("read").await["read"] == *last {
            break;
        }
    }
    // Once at once, and then once a second at most.
    assert!(events <= begun.elapsed().as_secs() + 2, "{events} events");
    assert_eq!(unread(&bob, &room).await, 0);
}

async fn what_was_answered_survives_a_kill() {
    let mut server = Server::start().await;
    let (_ana, bob, room, said) = talked(&server, 3).await;
    read(&bob, &room, &said[0]).await;
    read(&bob, &room, &said[1]).await;
    server.kill9().await;
    server.restart().await;
    assert_eq!(place(&bob, &room).await["read"], said[1]);
}

async fn stopping_keeps_what_was_said_last() {
    let mut server = Server::start().await;
    let (_ana, bob, room, said) = talked(&server, 3).await;
    let mut ws = bob.connect().await;
    let op = |seq: &Value| json!({"op": "read", "room": room.id, "seq": seq});
    ws.request(op(&said[0]))
        .await
        .expect("a place of one's own");
    let held = ws.post(op(&said[2])).await.expect("open");
    // It has arrived when what comes after it is answered.
    ws.request(json!({"op": "ping"})).await.expect("a ping");
    server.sigterm();
    let answer = ws.answer(held).await.expect("answered before the end");
    assert_eq!(answer["read"], said[2]);
    assert!(server.exit().await.success());
    server.restart().await;
    assert_eq!(unread(&bob, &room).await, 0);
}

async fn only_who_may_read_has_a_place_there() {
    let server = Server::start().await;
    let (ana, bob, room, said) = talked(&server, 3).await;
    let secret = ana.room("secret", Kind::Private).await;
    let put = async |user: &User, room: &Room| {
        let body = json!({"seq": 1});
        user.request("PUT", &room.path("/read"), body).await
    };
    let cat = server.user("cat").await;
    put(&cat, &room).await.refused(403, "forbidden");
    put(&cat, &secret).await.refused(404, "not_found");
    // Who may only read may say how far.
    let viewer = server.user("dan").await;
    ana.add(&secret, &viewer, "viewer").await;
    let seq = ana.send(&secret, "psst").await["seq"].clone();
    assert_eq!(read(&viewer, &secret, &seq).await["unread"], 0);

    // Taken out in the middle, between two of which the second has to wait.
    let mut ws = bob.connect().await;
    follow(&mut ws, &room).await;
    let op = |seq: &Value| json!({"op": "read", "room": room.id, "seq": seq});
    ws.request(op(&said[0]))
        .await
        .expect("a place of one's own");
    let held = ws.post(op(&said[2])).await.expect("open");
    ws.request(json!({"op": "ping"})).await.expect("a ping");
    ana.remove(&room, &bob).await;
    let refused = ws.answer(held).await;
    // Unless it took a second to get here.
    if let Err(refused) = refused {
        let code = refused.code.as_str();
        assert!(matches!(code, "forbidden" | "not_found"), "{refused:?}");
    }
    let refused = ws.request(op(&said[2])).await.expect_err("he is out");
    assert_eq!(refused.code, "forbidden");
}

async fn who_comes_again_begins_anew() {
    let server = Server::start().await;
    let (ana, bob, room, _) = talked(&server, 3).await;
    assert_eq!(unread(&bob, &room).await, 3);
    bob.post(&room.path("/leave"), Value::Null).await.ok();
    ana.send(&room, "he is gone").await;
    bob.join(&room).await;
    let back = place(&bob, &room).await;
    assert_eq!((&back["unread"], &back["read"]), (&json!(0), &back["head"]));
    ana.send(&room, "welcome").await;
    assert_eq!(unread(&bob, &room).await, 1);
    // Another role is no other beginning.
    ana.add(&room, &bob, "moderator").await;
    assert_eq!(unread(&bob, &room).await, 1);
}

async fn where_the_past_is_hidden_nobody_is_told_of_it() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let new = json!({"name": "since", "kind": "public", "history": "since_join"});
    let id = ana.post("/v1/rooms", new).await.body["id"].clone();
    let room = Room {
        id: id.as_str().expect("an id").to_owned(),
        name: "since".to_owned(),
    };
    for body in ["one", "two", "three"] {
        ana.send(&room, body).await;
    }
    bob.join(&room).await;
    let came = place(&bob, &room).await["head"].clone();
    ana.send(&room, "four").await;
    for _ in 0..2 {
        let back = read_back(&bob, &room, 0).await;
        assert_eq!((&back["read"], &back["unread"]), (&came, &json!(1)));
    }
    assert_eq!(read_back(&ana, &room, 0).await["unread"], 4);
}

async fn archived_and_purged_messages_count_as_what_they_are() {
    let mut server = Server::archiving().await;
    let (ana, bob, room, said) = talked(&server, 10).await;
    let (cat, dan) = (server.user("cat").await, server.user("dan").await);
    cat.join(&room).await;
    let kept = ana.send(&room, "the last stays live").await["seq"].clone();
    let run = server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    dan.join(&room).await;
    read(&bob, &room, &kept).await;
    assert_eq!(read_back(&bob, &room, said[3].clone()).await["unread"], 7);
    assert_eq!(unread(&cat, &room).await, 1);
    assert_eq!(read_back(&dan, &room, 0).await["unread"], 12);

    server.purge().await;
    // What is gone is not to be read, and so not unread; nor can one go back to it.
    let gone = gone_upto(&server, &room).await;
    for who in [&bob, &dan] {
        for place in [place(who, &room).await, read_back(who, &room, 0).await] {
            assert_eq!((&place["read"], &place["unread"]), (&gone, &json!(1)));
        }
    }
    assert_eq!(unread(&cat, &room).await, 1);
    read(&bob, &room, &kept).await;
    let back = read_back(&bob, &room, said[3].clone()).await;
    assert_eq!((&back["read"], &back["unread"]), (&gone, &json!(1)));
    let left = ana.get(&room.path("/messages?after=0")).await.ok();
    let left = left["items"].as_array().expect("items").len();
    assert_eq!(back["unread"], left);
}

/// Some have read nothing when it is purged; then the room is purged once more, behind the gap that they have passed.
async fn who_had_not_read_what_is_purged_has_read_on() {
    let mut server = Server::archiving().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut people = Vec::new();
    for i in 0..3 {
        let user = server.user(&format!("user{i}")).await;
        user.join(&room).await;
        people.push(user);
    }
    for round in 0..2 {
        let said: Vec<_> = (0..20).map(|i| format!("{round}: message {i}")).collect();
        ana.connect().await.say_all(&room, said, 8).await;
        server.admin().archive().await;
        server.purge().await;
        let gone = gone_upto(&server, &room).await;
        for user in &people {
            let at = place(user, &room).await;
            assert_eq!((&at["read"], &at["unread"]), (&gone, &json!(1)), "{round}");
        }
    }
}

/// What a hold kept is purged later, so that what lies on both sides of it is one gap.
async fn gaps_that_become_one_are_passed_as_one() {
    let mut server = Server::archiving().await;
    let (ana, bob, room, _) = talked(&server, 2).await;
    server.admin().archive().await;
    let eve = server.user("eve").await;
    eve.join(&room).await;
    for who in [&ana, &eve, &ana, &ana] {
        for body in ["one", "two"] {
            who.send(&room, body).await;
        }
        server.admin().archive().await;
    }
    read_back(&bob, &room, 0).await;
    let body = json!({"on": "user", "target": "eve", "reason": "a case"});
    let hold = server.admin().post("/v1/holds", body).await;
    server.purge().await;
    let segments = server.admin().segments().await;
    let purged: Vec<_> = segments
        .iter()
        .map(|s| s["purged_at"].is_number())
        .collect();
    let first = purged.iter().position(|p| !p).expect("one is held");
    assert!(
        first > 0 && purged[first + 1..].contains(&true),
        "{purged:?}"
    );
    // He has come to what is held, and what is purged behind it counts until he comes to that.
    let at = place(&bob, &room).await;
    assert_eq!(at["read"], segments[first - 1]["last"]);

    let path = format!("/v1/holds/{}", hold["id"].as_str().expect("an id"));
    server.admin().delete(&path).await;
    server.purge().await;
    let at = place(&bob, &room).await;
    let gone = gone_upto(&server, &room).await;
    assert_eq!((&at["read"], &at["unread"]), (&gone, &json!(1)));
}

/// Where they are to go was looked up before it was purged.
async fn who_reads_beside_a_purge_ends_where_something_is_left() {
    let mut server = Server::archiving().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let readers = server.users("reader", 4).await;
    for user in &readers {
        user.join(&room).await;
    }
    for round in 0..4 {
        let said: Vec<_> = (0..5).map(|i| format!("{round}: message {i}")).collect();
        ana.connect().await.say_all(&room, said, 5).await;
        server.admin().archive().await;
    }
    let end = place(&ana, &room).await["head"].clone();
    // Half of them go back, the others on.
    for user in &readers[..2] {
        read(user, &room, &end).await;
    }
    server.admin().prune().await;
    let hold = |name: &str| server.data_dir().with_file_name(name);
    let (purge, reading) = (hold("purge"), hold("reading"));
    for (name, hold) in [("TEST_HOLD_PURGE", &purge), ("TEST_HOLD_READING", &reading)] {
        std::fs::write(hold, "").expect("a file");
        server.set_env(name, Some(&hold.display().to_string()));
    }
    server.restart().await;
    let mut devices = Vec::new();
    for user in &readers {
        let mut ws = user.connect().await;
        follow(&mut ws, &room).await;
        devices.push(ws);
    }
    // The first is looked up by itself, the others once that is written.
    let mut asked = Vec::new();
    for (i, ws) in devices.iter_mut().enumerate() {
        let op = json!({"op": "read", "room": room.id, "seq": 8 + 4 * i, "back": true});
        asked.push(ws.post(op).await.expect("open"));
    }
    let looked_up = reading.with_added_extension("held");
    within("a reader's place to be looked up", async {
        while !looked_up.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    std::fs::remove_file(&purge).expect("it was there");
    server.purged().await;
    let gone = gone_upto(&server, &room).await;
    std::fs::remove_file(&reading).expect("it was there");
    for (ws, id) in devices.iter_mut().zip(asked) {
        let answer = ws.answer(id).await.expect("a place of one's own");
        assert_eq!(answer["read"], gone);
    }
    for (user, ws) in readers.iter().zip(&mut devices) {
        let at = place(user, &room).await;
        assert_eq!((&at["read"], &at["unread"]), (&gone, &json!(1)));
        let events = ws.events_so_far().await;
        let told = events.iter().rfind(|e| e["ev"] == "read");
        let told = told.expect("it has moved");
        assert_eq!((&told["read"], &told["unread"]), (&gone, &json!(1)));
    }
}

/// Up to where a room was purged.
async fn gone_upto(server: &Server, room: &Room) -> Value {
    let segments = server.admin().segments().await;
    let mut of = segments.iter().filter(|s| s["room"] == *room.id);
    let last = of.rfind(|s| s["purged_at"].is_number());
    last.expect("a segment that was purged")["last"].clone()
}

/// Who had gone back to before their time begins at it again when that is hidden.
async fn hiding_the_past_takes_it_out_of_what_is_unread() {
    let mut server = Server::start().await;
    let (ana, bob, room, said) = talked(&server, 3).await;
    let cat = server.user("cat").await;
    cat.join(&room).await;
    let came = place(&cat, &room).await["head"].clone();
    ana.send(&room, "four").await;
    assert_eq!(read_back(&cat, &room, 0).await["unread"], 5);
    assert_eq!(read_back(&bob, &room, said[0].clone()).await["unread"], 3);
    let dan = server.user("dan").await;
    dan.join(&room).await;
    let dan_came = place(&dan, &room).await["head"].clone();
    assert_eq!(read_back(&dan, &room, said[1].clone()).await["unread"], 2);
    let mut ears = cat.connect().await;
    let me = json!({"op": "subscribe", "room": "@me"});
    ears.request(me).await.expect("one's own");
    let hide = json!({"history": "since_join"});
    ana.request("PATCH", &room.path(""), hide.clone())
        .await
        .ok();
    let told = ears.next_of("read").await;
    assert_eq!((&told["read"], &told["unread"]), (&came, &json!(1)));
    server.kill9().await;
    server.restart().await;
    for _ in 0..2 {
        let at = place(&cat, &room).await;
        assert_eq!((&at["read"], &at["unread"]), (&came, &json!(1)));
        let at = place(&dan, &room).await;
        assert_eq!((&at["read"], &at["unread"]), (&dan_came, &json!(0)));
        // Said once more it changes nothing.
        ana.request("PATCH", &room.path(""), hide.clone())
            .await
            .ok();
    }
    // Who is behind for another reason stays where they are.
    assert_eq!(unread(&bob, &room).await, 3);
}

async fn an_export_has_it() {
    let server = Server::start().await;
    let (_ana, bob, room, said) = talked(&server, 2).await;
    read(&bob, &room, &said[0]).await;
    let path = format!("/v1/users/{}/export/profile", bob.id);
    let profile = server.admin().get(&path).await;
    let rows = profile["items"].as_array().expect("items");
    let row = rows.iter().find(|row| row["room"]["id"] == *room.id);
    assert_eq!(row.expect("his room")["room"]["read"], said[0]);
}
