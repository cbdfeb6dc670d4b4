//! Who is mentioned is told, and finds it again: only members, only what they may read now, and never a crowd by one
//! message of somebody who may not call all of it.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, history, on_both, within};

on_both!(
    who_is_mentioned_is_told_and_finds_it_again,
    only_members_are_mentioned_and_only_so_many,
    a_whole_room_is_mentioned_by_those_who_may,
    what_one_may_not_read_is_not_listed,
    mentions_are_listed_page_by_page_and_from_the_archive,
    a_repeat_mentions_nobody_again,
);

struct Talk {
    server: Server,
    ana: User,
    bob: User,
    room: Room,
}

async fn talk_on(server: Server) -> Talk {
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    Talk {
        server,
        ana,
        bob,
        room,
    }
}

async fn talk() -> Talk {
    talk_on(Server::start().await).await
}

/// The texts that mention somebody, the newest first.
async fn listed(user: &User) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/me/mentions?limit=2{cursor}");
        let page = user.get(&path).await.ok();
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 2, "{page:#}");
        let body = |m: &Value| m["message"]["body"].as_str().expect("a text").to_owned();
        all.extend(items.iter().map(body));
        // Not the place of one that they may not read.
        let last = items.last().map(|m| &m["message"]["id"]);
        assert!(
            page["next"].is_null() || Some(&page["next"]) == last,
            "{page:#}"
        );
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn who_is_mentioned_is_told_and_finds_it_again() {
    let t = talk().await;
    let mut ears = t.bob.listen(&t.room).await;
    let me = json!({"op": "subscribe", "room": "@me"});
    let mut desk = t.bob.connect().await;
    desk.request(me.clone()).await.expect("one's own");
    let mut phone = t.bob.again().await.connect().await;
    phone.request(me).await.expect("on the other device");
    let said = t.ana.send(&t.room, "lunch, @Bob?").await;
    let heard = ears.expect_message("lunch, @Bob?").await;
    assert_eq!(heard["mentions"], json!([t.bob.id]));
    assert!(heard.get("everyone").is_none());
    let expected = |seq: &Value, at: &Value| {
        json!({
            "ev": "mention", "room": "@me", "seq": seq, "n": 0, "from": t.ana.id, "name": "ana",
            "target": t.room.id, "message_seq": said["seq"], "at": at,
        })
    };
    for ws in [&mut desk, &mut phone] {
        let told = ws.next_of("mention").await;
        assert_eq!(told, expected(&told["seq"], &told["at"]));
    }
    let one = t.bob.get(&t.room.message(&said["seq"])).await.ok();
    assert_eq!(one["mentions"], json!([{"id": t.bob.id, "name": "bob"}]));
    let list = t.bob.get("/v1/me/mentions").await.ok();
    let item = json!({"room": t.room.id, "room_name": "general", "message": one});
    assert_eq!(list, json!({"items": [item], "next": null}));
    assert_eq!(listed(&t.ana).await, [] as [&str; 0]);
    // An edit shows, and mentions nobody; a deleted message is not listed.
    let body = json!({"body": "dinner, @ana and @bob"});
    let path = t.room.message(&said["seq"]);
    t.ana.request("PATCH", &path, body).await.ok();
    assert_eq!(listed(&t.bob).await, ["dinner, @ana and @bob"]);
    t.ana.delete(&path).await.ok();
    assert_eq!(listed(&t.bob).await, [] as [&str; 0]);
    let wrong = t.bob.get("/v1/me/mentions?cursor=x").await;
    wrong.refused_field("cursor");
}

async fn only_members_are_mentioned_and_only_so_many() {
    let t = talk().await;
    let eve = t.server.user("eve").await;
    let said = t
        .ana
        .send(&t.room, "@eve @nobody @ana a@bob.example @bo")
        .await;
    let one = t.ana.get(&t.room.message(&said["seq"])).await.ok();
    assert!(one.get("mentions").is_none(), "{one:#}");
    eve.join(&t.room).await;
    assert_eq!(listed(&eve).await, [] as [&str; 0]);
    // A bomb has a bound, and what is over it is text.
    let many = t.server.users("crowd", 25).await;
    for user in &many {
        user.join(&t.room).await;
    }
    let bomb: Vec<_> = many.iter().map(|u| format!("@{}", u.name)).collect();
    let said = t.ana.send(&t.room, &bomb.join(" ")).await;
    let one = t.ana.get(&t.room.message(&said["seq"])).await.ok();
    let mentioned = one["mentions"].as_array().expect("a list");
    assert_eq!(mentioned.len(), 20);
    let first: Vec<_> = many[..20].iter().map(|u| json!(u.id)).collect();
    assert!(mentioned.iter().map(|m| &m["id"]).eq(&first), "{one:#}");
    assert_eq!(listed(&many[24]).await, [] as [&str; 0]);
    assert_eq!(listed(&many[19]).await.len(), 1);
    let noise = "@".repeat(10_000);
    t.ana.send(&t.room, &noise).await;
}

async fn a_whole_room_is_mentioned_by_those_who_may() {
    let t = talk().await;
    let mut ears = t.ana.listen(&t.room).await;
    // A member says it, and it is a word.
    t.bob.send(&t.room, "hear, @room").await;
    let heard = ears.expect_message("hear, @room").await;
    assert!(heard.get("everyone").is_none(), "{heard:#}");
    assert_eq!(listed(&t.ana).await, [] as [&str; 0]);
    let said = t.ana.send(&t.room, "hear, @room!").await;
    let heard = ears.expect_message("hear, @room!").await;
    assert_eq!(heard["everyone"], true);
    let one = t.bob.get(&t.room.message(&said["seq"])).await.ok();
    assert_eq!(one["everyone"], true);
    assert_eq!(listed(&t.bob).await, ["hear, @room!"]);
    assert_eq!(listed(&t.ana).await, [] as [&str; 0]);
    // Who came later was not meant.
    let late = t.server.user("late").await;
    late.join(&t.room).await;
    assert_eq!(listed(&late).await, [] as [&str; 0]);
    // By name and with all others is once.
    t.ana.send(&t.room, "@room, and @bob above all").await;
    let twice = ["@room, and @bob above all", "hear, @room!"];
    assert_eq!(listed(&t.bob).await, twice);
}

async fn what_one_may_not_read_is_not_listed() {
    let t = talk().await;
    let closed = t.ana.room("closed", Kind::Private).await;
    t.ana.add(&closed, &t.bob, "member").await;
    t.ana.send(&closed, "secret for @bob").await;
    t.ana.send(&closed, "secret for the @room").await;
    t.ana.send(&t.room, "open to @bob").await;
    assert_eq!(listed(&t.bob).await.len(), 3);
    t.ana.remove(&closed, &t.bob).await;
    assert_eq!(listed(&t.bob).await, ["open to @bob"]);
    // Who comes in again reads it again, where the past is shown.
    t.ana.add(&closed, &t.bob, "member").await;
    assert_eq!(listed(&t.bob).await, ["open to @bob", "secret for @bob"]);
    let since = json!({"history": "since_join"});
    t.ana.request("PATCH", &closed.path(""), since).await.ok();
    assert_eq!(listed(&t.bob).await, ["open to @bob"]);
    t.ana.delete(&closed.path("")).await.ok();
    assert_eq!(listed(&t.bob).await, ["open to @bob"]);
    // Of one that names them and everyone, the name counts for who left and came again.
    t.ana.send(&t.room, "@bob and the @room").await;
    t.ana.send(&t.room, "the @room").await;
    t.bob.post(&t.room.path("/leave"), Value::Null).await.ok();
    t.bob.join(&t.room).await;
    assert_eq!(listed(&t.bob).await, ["@bob and the @room", "open to @bob"]);
    // Also behind so many that call everyone that two pieces of the store's are between.
    for _ in 0..48 {
        t.ana.send(&t.room, "the @room").await;
    }
    t.bob.post(&t.room.path("/leave"), Value::Null).await.ok();
    t.bob.join(&t.room).await;
    assert_eq!(listed(&t.bob).await, ["@bob and the @room", "open to @bob"]);
    // Nobody is mentioned after their removal.
    let mut ears = t.bob.connect().await;
    let me = json!({"op": "subscribe", "room": "@me"});
    ears.request(me).await.expect("one's own");
    let mentioning = async {
        let mut ws = t.ana.connect().await;
        for i in 0..20 {
            ws.send(&t.room, &format!("{i} @bob")).await;
        }
    };
    let removing = async {
        for _ in 0..3 {
            ears.next_of("mention").await;
        }
        t.ana.remove(&t.room, &t.bob).await;
    };
    let both = Box::pin(async { tokio::join!(mentioning, removing) });
    within("the removal", both).await;
    let told = ears.events_so_far().await;
    let out = told
        .iter()
        .position(|e| e["ev"] == "removed")
        .expect("told");
    assert!(
        told[out..].iter().all(|e| e["ev"] != "mention"),
        "{told:#?}"
    );
    assert_eq!(listed(&t.bob).await, [] as [&str; 0]);
}

async fn mentions_are_listed_page_by_page_and_from_the_archive() {
    let t = talk_on(Server::archiving().await).await;
    let other = t.ana.room("other", Kind::Public).await;
    t.bob.join(&other).await;
    for i in 0..3 {
        t.ana.send(&t.room, &format!("{i} @bob")).await;
        t.ana.send(&other, &format!("{i} @room")).await;
        t.ana.send(&other, "nothing").await;
    }
    let all = [
        "2 @room", "2 @bob", "1 @room", "1 @bob", "0 @room", "0 @bob",
    ];
    assert_eq!(listed(&t.bob).await, all);
    let run = t.server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    assert_eq!(listed(&t.bob).await, all);
    assert_eq!(
        history(&t.bob, &t.room).await[0]["mentions"][0]["name"],
        "bob"
    );
    t.server.cli(&["store", "check"]).await.ok();
}

async fn a_repeat_mentions_nobody_again() {
    let t = talk().await;
    let mut ws = t.ana.connect().await;
    let op = json!({"op": "send", "room": t.room.id, "body": "hi @bob", "txn": "m-1"});
    let first = ws.request(op.clone()).await.expect("a member");
    let again = ws.request(op).await.expect("the same");
    assert_eq!(
        (&again["seq"], &again["dup"]),
        (&first["seq"], &json!(true))
    );
    assert_eq!(listed(&t.bob).await, ["hi @bob"]);
    let mut ears = t.bob.connect().await;
    let me = json!({"op": "subscribe", "room": "@me", "after": 0});
    let told = ears.request(me).await.expect("one's own");
    let events = told["events"].as_array().expect("events");
    let count = events.iter().filter(|e| e["ev"] == "mention").count();
    assert_eq!(count, 1, "{told:#}");
}
