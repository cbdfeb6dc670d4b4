//! The first screen, without a race: one request tells everything there is to draw, at a position from which on
//! events keep it current; and whoever comes back is told what changed, and nothing else.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Screen, Server, on_both, within};

on_both!(
    one_request_tells_the_first_screen,
    who_comes_back_is_told_what_changed_and_no_more,
    positions_of_another_store_mean_nothing,
    it_is_refused_as_a_whole_or_not_at_all,
);

fn of<'a>(screen: &'a Screen, room: &Room) -> &'a Value {
    &screen.rooms[&room.id]
}

async fn one_request_tells_the_first_screen() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let open = ana.room("open", Kind::Public).await;
    let closed = ana.room("closed", Kind::Private).await;
    let strange = ana.room("strange", Kind::Public).await;
    bob.join(&open).await;
    ana.add(&closed, &bob, "moderator").await;
    let direct = bob.post("/v1/dm", json!({"users": ["ana"]})).await.ok();
    for body in ["one", "two"] {
        ana.send(&open, body).await;
    }
    let mut screen = Screen::new(&bob).await;
    assert_eq!(screen.replies, 4, "for @me and three rooms");
    assert_eq!(
        (&screen.me["name"], &screen.me["role"]),
        (&json!("bob"), &json!("member"))
    );
    let permissions = screen.me["permissions"].as_array().expect("permissions");
    assert!(
        permissions.contains(&json!("message.send")),
        "{permissions:?}"
    );
    let shown = of(&screen, &open);
    let expected = json!({
        "name": "open", "kind": "public", "title": null, "topic": null, "history": "all",
        "rules": shown["rules"], "owner": ana.id, "role": "member",
        "head": 4, "n": 2, "read": 2, "read_n": 0, "unread": 2, "unread_mentions": 0, "mentions": [],
    });
    assert_eq!(*shown, expected);
    assert_eq!(of(&screen, &closed)["role"], "moderator");
    let direct = &screen.rooms[direct["id"].as_str().expect("an id")];
    let people = direct["people"].as_array().expect("people");
    assert!(
        people.contains(&json!({"id": ana.id, "name": "ana"})),
        "{people:?}"
    );
    assert!(!screen.rooms.contains_key(&strange.id));
    // From there on it listens to all of them.
    ana.send(&closed, "psst").await;
    assert_eq!(screen.ws.next_of("message").await["body"], "psst");
    bob.join(&strange).await;
    assert_eq!(screen.ws.next_of("added").await["target"], *strange.id);
}

async fn who_comes_back_is_told_what_changed_and_no_more() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let mut rooms = Vec::new();
    for i in 0..40 {
        let room = ana.room(&format!("room-{i}"), Kind::Public).await;
        bob.join(&room).await;
        ana.send(&room, "hi").await;
        rooms.push(room);
    }
    let mut screen = Screen::new(&bob).await;
    assert_eq!(screen.replies, 41);
    let all = screen.bytes;

    // He is away, and: something is said, something is read, he is taken out, and comes in elsewhere.
    let here = bob.connect().await;
    let left = std::mem::replace(&mut screen.ws, here);
    left.drop_tcp();
    ana.send(&rooms[0], "news").await;
    ana.request("PATCH", &rooms[1].path(""), json!({"title": "One"}))
        .await
        .ok();
    let body = json!({"seq": 3});
    bob.request("PUT", &rooms[2].path("/read"), body).await.ok();
    ana.remove(&rooms[3], &bob).await;
    let new = ana.room("new", Kind::Private).await;
    ana.add(&new, &bob, "member").await;
    screen.sync().await;
    assert_eq!(
        screen.replies, 5,
        "@me, three that changed, and the new one"
    );
    assert!(screen.bytes * 5 < all, "{} of {all}", screen.bytes);
    assert_eq!(of(&screen, &rooms[0])["unread"], 2);
    assert_eq!(of(&screen, &rooms[1])["title"], "One");
    assert_eq!(of(&screen, &rooms[2])["unread"], 0);
    assert_eq!(of(&screen, &new)["name"], "new");
    assert!(!screen.rooms.contains_key(&rooms[3].id));
    assert_eq!(screen.rooms.len(), 40);
    let fresh = Screen::new(&bob).await;
    assert_eq!(screen.shown(), fresh.shown());
    // What was not told of is listened to all the same.
    ana.send(&rooms[39], "late news").await;
    assert_eq!(screen.ws.next_of("message").await["body"], "late news");
}

async fn positions_of_another_store_mean_nothing() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut screen = Screen::new(&bob).await;
    let known = screen.shown();
    // Everything is told, and the list of rooms with it.
    "0197c0de-0000-7000-8000-000000000000".clone_into(&mut screen.epoch);
    screen.rooms.insert(
        "0197c0de-0000-7000-8000-000000000001".to_owned(),
        json!({"head": 7}),
    );
    screen.sync().await;
    assert_eq!((screen.replies, screen.shown()), (2, known));
    // A position that never was is none.
    screen.rooms.get_mut(&room.id).expect("his room")["head"] = json!(4711);
    screen.sync().await;
    assert_eq!(of(&screen, &room)["name"], "general");
    assert_eq!(of(&screen, &room)["head"], 2);
}

async fn it_is_refused_as_a_whole_or_not_at_all() {
    let limited = Server::builder().set("limits.enabled", "true");
    let limited = limited
        .set("limits.subscribe_burst", "3")
        .set("limits.subscribe_rate", "1");
    let server = limited.start().await;
    let ana = server.user("ana").await;
    for i in 0..3 {
        ana.room(&format!("room-{i}"), Kind::Private).await;
    }
    let Screen { mut ws, rooms, .. } = Screen::new(&ana).await;
    assert_eq!(rooms.len(), 3);
    let id = ws.post(json!({"op": "sync"})).await.expect("open");
    let first = ws.answer(id).await.expect("one's own log");
    assert_eq!(first["room"], "@me");
    let refused = ws.answer(id).await.expect_err("too many at once");
    assert_eq!(refused.code, "rate_limited");
    assert!(refused.retry_after_ms.is_some());
    for op in [
        json!({"op": "sync", "rooms": [{"room": "general", "after": 1}]}),
        json!({"op": "sync", "rooms": [{"after": 1}]}),
        json!({"op": "sync", "me": -1}),
        json!({"op": "sync", "epoch": "now"}),
    ] {
        let refused = ws.request(op.clone()).await.expect_err("not so");
        assert_eq!(refused.code, "invalid_field", "{op}");
    }
    // A socket that has not said who it is gets nothing.
    let mut stranger = server.open().await;
    let refused = stranger
        .request(json!({"op": "sync"}))
        .await
        .expect_err("who?");
    assert_eq!(refused.code, "unauthorized");
    within("the end", stranger.closed()).await;
}
