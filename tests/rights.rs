//! Promise 3, the moment a right changes: nobody receives or says what they may not, from the very `seq`
//! of the change.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, history, messages, within};

/// Ana's room, private or public, with bob in it.
async fn ana_and_bob(kind: Kind) -> (Server, User, User, Room) {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", kind).await;
    ana.add(&room, &bob, "member").await;
    (server, ana, bob, room)
}

#[tokio::test]
async fn a_removed_member_hears_nothing_after_the_removal() {
    let (server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let mut witness = ana.listen(&room).await;
    let mut ears = bob.listen(&room).await;
    let enough = Arc::new(AtomicBool::new(false));
    let mut floods = Vec::new();
    for talker in server.users("talker", 3).await {
        ana.add(&room, &talker, "member").await;
        let (room, enough) = (room.clone(), Arc::clone(&enough));
        floods.push(tokio::spawn(async move {
            let bodies = (0..).map(|i| format!("{} {i}", talker.name));
            let until = bodies.take_while(|_| !enough.load(Ordering::Relaxed));
            talker.connect().await.send_all(&room, until, 8).await;
        }));
    }
    for _ in 0..50 {
        ears.next_of("message").await;
    }

    ana.remove(&room, &bob).await;
    let removal = loop {
        let event = witness.next_of("membership").await;
        if event["user"] == *bob.id && event["role"].is_null() {
            break event["seq"].as_u64().expect("a seq");
        }
    };
    for _ in 0..100 {
        assert!(witness.next_of("message").await["seq"].as_u64() > Some(removal));
    }
    enough.store(true, Ordering::Relaxed);
    for flood in floods {
        within("a flood to end", flood).await.expect("it went well");
    }

    let heard = ears.events_so_far().await;
    for event in heard.iter().filter(|e| e["seq"].is_u64()) {
        assert!(
            event["seq"].as_u64() <= Some(removal),
            "after {removal}: {event:#}"
        );
    }
    let last = heard.last().expect("told about the end");
    let told = (&last["ev"], &last["room"], &last["why"]);
    assert_eq!(
        told,
        (&json!("unsubscribed"), &json!(room.id), &json!("removed"))
    );
    assert_no_way_in(&bob, &room).await;
}

/// To `user` the private room does not exist, by any door.
async fn assert_no_way_in(user: &User, room: &Room) {
    let mut ws = user.connect().await;
    for op in [
        json!({"op": "subscribe", "room": room.id}),
        json!({"op": "subscribe", "room": room.id, "after": 1}),
        json!({"op": "send", "room": room.id, "body": "let me in"}),
        json!({"op": "join", "room": room.id}),
    ] {
        let err = ws.request(op.clone()).await.expect_err("not a member");
        assert_eq!(err.code, "not_found", "{op}");
    }
    user.get(&room.path("/messages"))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn who_was_removed_says_nothing_more_not_even_what_was_on_its_way() {
    let (_server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let mut mouth = bob.connect().await;
    let talk = {
        let room = room.clone();
        tokio::spawn(async move {
            let bodies = (0..3000).map(|i| format!("bob {i}"));
            mouth.send_all(&room, bodies, 16).await
        })
    };
    let mut witness = ana.listen(&room).await;
    witness.next_of("message").await;
    ana.remove(&room, &bob).await;
    let removal = loop {
        let event = witness.next_of("membership").await;
        if event["role"].is_null() {
            break event["seq"].as_u64().expect("a seq");
        }
    };
    let answers = within("bob to give up", talk).await.expect("it went well");
    let refused = answers
        .iter()
        .position(Result::is_err)
        .expect("refused in the end");
    for answer in &answers[refused..] {
        let err = answer.as_ref().expect_err("refused once, refused for good");
        assert_eq!(err.code, "not_found", "{err:?}");
    }
    let last_said = answers[refused - 1].as_ref().expect("allowed")["seq"].as_u64();
    assert!(last_said < Some(removal), "{last_said:?} {removal}");
    let stored = history(&ana, &room).await;
    assert_eq!(stored.last().expect("messages")["seq"].as_u64(), last_said);
}

#[tokio::test]
async fn who_leaves_is_out_at_once_on_every_socket() {
    let (_server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let (mut one, mut other) = (bob.listen(&room).await, bob.listen(&room).await);
    one.request(json!({"op": "leave", "room": room.id}))
        .await
        .expect("allowed");
    ana.send(&room, "is bob gone?").await;
    for ears in [&mut one, &mut other] {
        let heard = ears.events_so_far().await;
        let end = heard
            .iter()
            .find(|e| e["ev"] == "unsubscribed")
            .expect("told");
        assert_eq!(end["why"], "left");
        assert_eq!(messages(heard, &room), Vec::<Value>::new());
    }
    assert_no_way_in(&bob, &room).await;
}

#[tokio::test]
async fn my_own_log_tells_where_i_belong() {
    let (server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let mut ears = bob.connect().await;
    ears.request(json!({"op": "subscribe", "room": "@me"}))
        .await
        .expect("everyone's own");
    let second = ana.room("second", Kind::Private).await;
    ana.add(&second, &bob, "viewer").await;
    let added = ears.next_event().await;
    assert_eq!(added["room"], "@me");
    assert_eq!(
        (&added["ev"], &added["target"]),
        (&json!("added"), &json!(second.id))
    );
    assert_eq!(
        (&added["room_name"], &added["role"]),
        (&json!("second"), &json!("viewer"))
    );

    ana.remove(&room, &bob).await;
    let removed = ears.next_event().await;
    let told = (&removed["ev"], &removed["target"], &removed["why"]);
    assert_eq!(
        told,
        (&json!("removed"), &json!(room.id), &json!("removed"))
    );
    assert_eq!(
        removed["seq"].as_u64(),
        added["seq"].as_u64().map(|s| s + 1)
    );

    server.cli(&["user", "role", "bob", "moderator"]).await.ok();
    let role = ears.next_event().await;
    assert_eq!(
        (&role["ev"], &role["role"]),
        (&json!("role"), &json!("moderator"))
    );
}

#[tokio::test]
async fn a_viewer_reads_and_does_not_talk() {
    let (_server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let mut ws = bob.listen(&room).await;
    let member = room.path(&format!("/members/{}", bob.id));
    ana.request("PATCH", &member, json!({"role": "viewer"}))
        .await
        .ok();
    let hush = json!({"op": "send", "room": room.id, "body": "may I?"});
    assert_eq!(
        ws.request(hush.clone()).await.expect_err("a viewer").code,
        "forbidden"
    );
    let letter = json!({"body": "may I?"});
    bob.post(&room.path("/messages"), letter)
        .await
        .refused(403, "forbidden");
    ana.send(&room, "listen").await;
    ws.expect_message("listen").await;

    ana.request("PATCH", &member, json!({"role": "member"}))
        .await
        .ok();
    ws.request(hush).await.expect("a member again");
}

#[tokio::test]
async fn who_joined_late_reads_from_there_when_the_room_says_so() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    ana.request("PATCH", &room.path(""), json!({"history": "since_join"}))
        .await
        .ok();
    let secret = ana.send(&room, "before bob").await["seq"].clone();
    bob.join(&room).await;
    ana.send(&room, "with bob").await;

    let read = history(&bob, &room).await;
    assert_eq!(
        read.iter().map(|m| &m["body"]).collect::<Vec<_>>(),
        ["with bob"]
    );
    bob.get(&room.path(&format!("/messages/{secret}")))
        .await
        .refused(404, "not_found");
    for query in [
        format!("before={secret}"),
        format!("around={secret}"),
        "after=0".into(),
    ] {
        let page = bob
            .get(&room.path(&format!("/messages?{query}")))
            .await
            .ok();
        assert!(
            !page.to_string().contains("before bob"),
            "{query}: {page:#}"
        );
    }
    let answer = bob.connect().await.subscribe(&room, Some(1)).await;
    assert!(!answer.bodies().contains(&"before bob"));
    assert_eq!(history(&ana, &room).await.len(), 2, "ana was there");

    ana.request("PATCH", &room.path(""), json!({"history": "all"}))
        .await
        .ok();
    assert_eq!(history(&bob, &room).await.len(), 2);
}
