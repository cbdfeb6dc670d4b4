//! Rooms and who is in them, over REST: what they look like, who may change what, how they end.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, history};

async fn ana_and_bob(kind: Kind) -> (Server, User, User, Room) {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", kind).await;
    ana.add(&room, &bob, "member").await;
    (server, ana, bob, room)
}

#[tokio::test]
async fn a_room_is_what_its_maker_said() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let asked =
        json!({"name": "general", "kind": "public", "title": "General", "topic": "all of it"});
    let made = ana.post("/v1/rooms", asked.clone()).await.ok();
    for field in ["name", "kind", "title", "topic"] {
        assert_eq!(made[field], asked[field], "{made:#}");
    }
    assert_eq!(
        (&made["owner"], &made["role"]),
        (&json!(ana.id), &json!("owner"))
    );
    assert_eq!(
        (&made["history"], &made["members"]),
        (&json!("all"), &json!(1))
    );
    assert!(
        made["created_at"].is_u64() && made["head"].is_u64() && made["n"] == 0,
        "{made:#}"
    );
    let read = ana.get("/v1/rooms/general").await.ok();
    assert_eq!(read, made, "by name, later");
    ana.post("/v1/rooms", asked).await.refused(409, "conflict");
}

#[tokio::test]
async fn members_are_listed_with_their_role() {
    let (_server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let list = bob.get(&room.path("/members")).await.ok();
    let mut members: Vec<_> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .inspect(|m| assert!(m["since"].is_u64() && m["at"].is_u64(), "{m:#}"))
        .map(|m| {
            (
                m["user"]["name"].as_str().unwrap(),
                m["role"].as_str().unwrap(),
            )
        })
        .collect();
    members.sort_unstable();
    assert_eq!(members, [("ana", "owner"), ("bob", "member")]);
    assert_eq!(list["next"], Value::Null);
    assert_eq!(ana.get(&room.path("")).await.ok()["members"], 2);
}

#[tokio::test]
async fn a_member_does_not_rule() {
    let (server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let eve = server.user("eve").await;
    let ana_there = room.path(&format!("/members/{}", ana.id));
    let eve_there = room.path(&format!("/members/{}", eve.id));
    bob.request("PATCH", &room.path(""), json!({"topic": "mine"}))
        .await
        .refused(403, "forbidden");
    bob.request("PUT", &eve_there, json!({}))
        .await
        .refused(403, "forbidden");
    bob.delete(&ana_there).await.refused(403, "forbidden");
    bob.request("PATCH", &ana_there, json!({"role": "viewer"}))
        .await
        .refused(403, "forbidden");
    bob.delete(&room.path("")).await.refused(403, "forbidden");
    bob.post(&room.path("/transfer"), json!({"user": bob.id}))
        .await
        .refused(403, "forbidden");

    let bob_there = room.path(&format!("/members/{}", bob.id));
    ana.request("PATCH", &bob_there, json!({"role": "moderator"}))
        .await
        .ok();
    bob.request("PATCH", &room.path(""), json!({"topic": "better"}))
        .await
        .ok();
    bob.request("PUT", &eve_there, json!({})).await.ok();
    bob.delete(&ana_there).await.refused(403, "forbidden");
    bob.request("PATCH", &bob_there, json!({"role": "owner"}))
        .await;
    assert_eq!(
        ana.get(&room.path("")).await.ok()["owner"],
        *ana.id,
        "ownership is only given"
    );
}

#[tokio::test]
async fn ownership_passes_on_and_only_then_may_an_owner_leave() {
    let (_server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let mut ears = bob.listen(&room).await;
    ana.post(&room.path("/leave"), Value::Null)
        .await
        .refused(409, "conflict");
    ana.delete(&room.path(&format!("/members/{}", ana.id)))
        .await
        .refused(409, "conflict");

    ana.post(&room.path("/transfer"), json!({"user": bob.id}))
        .await
        .ok();
    let event = ears.next_of("owner").await;
    assert_eq!(
        (&event["owner"], &event["previous"]),
        (&json!(bob.id), &json!(ana.id))
    );
    assert_eq!(bob.get(&room.path("")).await.ok()["owner"], *bob.id);
    assert_eq!(ana.get(&room.path("")).await.ok()["role"], "moderator");
    ana.post(&room.path("/leave"), Value::Null).await.ok();
    ana.get(&room.path("")).await.refused(404, "not_found");
    bob.post(&room.path("/leave"), Value::Null)
        .await
        .refused(409, "conflict");
}

#[tokio::test]
async fn ownership_goes_to_members_only() {
    let (server, ana, _bob, room) = ana_and_bob(Kind::Private).await;
    let eve = server.user("eve").await;
    let refused = ana
        .post(&room.path("/transfer"), json!({"user": eve.id}))
        .await;
    assert!(matches!(refused.status, 404 | 409), "{refused:#?}");
    assert_eq!(ana.get(&room.path("")).await.ok()["owner"], *ana.id);
}

#[tokio::test]
async fn settings_change_for_everyone_at_once() {
    let (_server, ana, bob, room) = ana_and_bob(Kind::Public).await;
    let mut ears = bob.listen(&room).await;
    let change = json!({"title": "The Room", "topic": "news"});
    ana.request("PATCH", &room.path(""), change).await.ok();
    let event = ears.next_of("settings").await;
    assert_eq!(
        (&event["title"], &event["topic"]),
        (&json!("The Room"), &json!("news"))
    );
    assert!(
        event.get("room_name").is_none(),
        "only what changed: {event}"
    );
    ana.request("PATCH", &room.path(""), json!({"name": "agora"}))
        .await
        .ok();
    assert_eq!(ears.next_of("settings").await["room_name"], "agora");
    assert_eq!(bob.get("/v1/rooms/agora").await.ok()["id"], *room.id);
    bob.get("/v1/rooms/general").await.refused(404, "not_found");
}

#[tokio::test]
async fn a_deleted_room_is_gone_and_its_name_free() {
    let (_server, ana, bob, room) = ana_and_bob(Kind::Public).await;
    let mut ears = bob.listen(&room).await;
    ana.delete(&room.path("")).await.ok();
    let end = ears.next_of("unsubscribed").await;
    assert_eq!(
        (&end["room"], &end["why"]),
        (&json!(room.id), &json!("deleted"))
    );
    for user in [&ana, &bob] {
        user.get(&room.path("")).await.refused(404, "not_found");
        user.get(&room.path("/messages"))
            .await
            .refused(404, "not_found");
        assert_eq!(user.get("/v1/rooms").await.ok()["items"], json!([]));
    }
    let send = json!({"op": "send", "room": room.id, "body": "hello?"});
    assert_eq!(
        ears.request(send).await.expect_err("gone").code,
        "not_found"
    );
    let next = bob.room("general", Kind::Public).await;
    assert_ne!(next.id, room.id);
    assert_eq!(history(&bob, &next).await, Vec::<Value>::new());
}

#[tokio::test]
async fn history_is_read_from_every_side() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let bodies: Vec<String> = (0..10).map(|i| i.to_string()).collect();
    let acks = ana.connect().await.send_all(&room, bodies.clone(), 1).await;
    let seq = |i: usize| {
        acks[i].as_ref().expect("allowed")["seq"]
            .as_u64()
            .expect("a seq")
    };
    let head = seq(9);
    for (query, expected) in [
        (String::new(), &bodies[..]),
        ("?limit=3".into(), &bodies[7..]),
        (format!("?before={}&limit=3", seq(5)), &bodies[2..5]),
        (format!("?after={}&limit=3", seq(5)), &bodies[6..9]),
        (format!("?around={}&limit=3", seq(5)), &bodies[4..7]),
        (format!("?after={head}"), &[]),
    ] {
        let page = ana.get(&room.path(&format!("/messages{query}"))).await.ok();
        let items = page["items"].as_array().expect("items");
        let read: Vec<_> = items
            .iter()
            .map(|m| m["body"].as_str().expect("a body"))
            .collect();
        assert_eq!(read, expected, "{query}");
        assert_eq!(
            (page["head"].as_u64(), page["n"].as_u64()),
            (Some(head), Some(10)),
            "{page:#}"
        );
    }
    for wrong in [
        "limit=0",
        "limit=201",
        "before=x",
        "after=-1",
        "before=3&after=3",
        "around=1e3",
    ] {
        let reply = ana.get(&room.path(&format!("/messages?{wrong}"))).await;
        reply.refused(400, "invalid_field");
    }
}

#[tokio::test]
async fn lists_go_on_where_the_last_page_ended() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    for i in 0..7 {
        ana.room(&format!("room-{i}"), Kind::Public).await;
    }
    for scope in ["", "&scope=public"] {
        let (mut names, mut next) = (Vec::new(), String::new());
        loop {
            let page = ana
                .get(&format!("/v1/rooms?limit=3{scope}{next}"))
                .await
                .ok();
            let items = page["items"].as_array().expect("items");
            assert!(items.len() <= 3);
            names.extend(
                items
                    .iter()
                    .map(|r| r["name"].as_str().expect("a name").to_owned()),
            );
            let Some(cursor) = page["next"].as_str() else {
                break;
            };
            next = format!("&cursor={cursor}");
        }
        names.sort_unstable();
        let all: Vec<_> = (0..7).map(|i| format!("room-{i}")).collect();
        assert_eq!(names, all);
    }
}
