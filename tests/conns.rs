//! Live connections, as those who administer see and close them, and what everyone who is connected is told.

use serde_json::{Value, json};

use crate::support::{Kind, Server, Ws, on_both};

on_both!(
    a_kicked_client_is_told_when_to_come_back_and_misses_nothing,
    a_notice_reaches_everyone_or_a_room,
);

/// The rows of `GET /v1/conns` with this query, by a column.
async fn rows(server: &Server, query: &str, column: &str) -> Vec<Value> {
    let found = server.admin().get(&format!("/v1/conns?{query}")).await;
    let rows = found["rows"].as_array().expect("rows").iter();
    rows.map(|row| row[column].clone()).collect()
}

async fn is_kicked(ws: &mut Ws) {
    let end = ws.closed().await;
    let closing = end.closing.expect("a word before it");
    assert_eq!(end.code, Some(4013), "{closing:#}");
    assert_eq!(closing["reason"], "kicked", "{closing:#}");
    assert!(closing["reconnect_ms"].is_u64(), "{closing:#}");
}

async fn a_kicked_client_is_told_when_to_come_back_and_misses_nothing() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let (mut first, mut other) = (bob.listen(&room).await, bob.connect().await);
    let mut hers = ana.listen(&room).await;
    ana.send(&room, "before").await;
    let seq = first.expect_message("before").await["seq"].as_u64();
    let admin = server.admin();

    let id = first.hello["conn"].clone();
    let dry = json!({"conn": id, "dry_run": true});
    assert_eq!(admin.post("/v1/conns/kick", dry).await["closed"], 1);
    assert_eq!(rows(&server, "filter=user:bob", "user").await.len(), 2);
    let kick = json!({"conn": id, "reason": "it hangs"});
    assert_eq!(
        admin.post("/v1/conns/kick", kick.clone()).await["closed"],
        1
    );
    is_kicked(&mut first).await;
    other.send(&room, "still here").await;
    let again = admin.request("POST", "/v1/conns/kick", kick).await;
    again.refused(404, "not_found");

    // The session goes on: the client is back, from where it was.
    let mut back = bob.connect().await;
    let missed = back.subscribe(&room, seq).await;
    assert_eq!(missed.events[0]["body"], "still here");
    let kick = json!({"user": "bob"});
    assert_eq!(admin.post("/v1/conns/kick", kick).await["closed"], 2);
    is_kicked(&mut back).await;
    is_kicked(&mut other).await;
    hers.send(&room, "she is not bob").await;
    let kick = json!({"address": "127.0.0.0/8"});
    assert_eq!(admin.post("/v1/conns/kick", kick).await["closed"], 1);
    is_kicked(&mut hers).await;
    for odd in [
        json!({}),
        json!({"user": "bob", "conn": id}),
        json!({"address": "here"}),
    ] {
        let refused = admin.request("POST", "/v1/conns/kick", odd).await;
        refused.refused(400, "invalid_field");
    }
}

#[tokio::test]
async fn nobody_closes_the_connections_of_those_who_may_do_more() {
    let server = Server::start().await;
    let boss = server.person("boss", "admin").await;
    let mona = server.person("mona", "moderator").await;
    let (mut high, mut own) = (boss.connect().await, mona.connect().await);
    let kick = |user: &str| json!({"user": user});
    for body in [kick("boss"), json!({"address": "127.0.0.1"})] {
        let refusal = mona.post("/v1/conns/kick", body).await;
        refusal.refused(403, "forbidden");
    }
    high.request(json!({"op": "ping"}))
        .await
        .expect("it goes on");
    mona.post("/v1/conns/kick", kick("mona")).await.ok();
    is_kicked(&mut own).await;
}

#[tokio::test]
async fn connections_are_sorted_filtered_and_cut() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let secret = ana.room("secret", Kind::Private).await;
    let mut sockets = Vec::new();
    for user in server.users("bob", 3).await {
        user.join(&room).await;
        sockets.push(user.listen(&room).await);
    }
    let mut hers = ana.listen(&secret).await;
    // Bob 0 says most, bob 2 nothing; everybody is told all of it.
    for (count, ws) in [5, 2].into_iter().zip(&mut sockets) {
        for i in 0..count {
            ws.send(&room, &format!("{i}")).await;
        }
    }
    for ws in &mut sockets {
        for _ in 0..7 {
            ws.next_of("message").await;
        }
        // What it received is counted once it was read.
        ws.request(json!({"op": "ping"})).await.expect("a pong");
    }
    let by = |query: &'static str| rows(&server, query, "user");
    assert_eq!(by("sort=user&limit=2").await, ["ana", "bob-0"]);
    assert_eq!(
        by("sort=-received&limit=3").await,
        ["bob-0", "bob-1", "bob-2"]
    );
    assert_eq!(by("filter=bob%20received%3E4").await, ["bob-0"]);
    assert_eq!(
        by("filter=room:gen*&sort=-user").await,
        ["bob-2", "bob-1", "bob-0"]
    );
    assert_eq!(by("filter=room:secret").await, ["ana"]);
    assert_eq!(by("filter=address:10.*").await, Vec::<Value>::new());
    // Subscribe, five sends and a ping, after the hello; four kinds of answers, seven messages, two who joined.
    let one = server.admin().get("/v1/conns?filter=user:bob-0").await;
    assert_eq!((&one["total"], &one["matched"]), (&json!(4), &json!(1)));
    let row = &one["rows"][0];
    assert_eq!(row["received"], 7, "{row:#}");
    assert_eq!(row["sent"], 17, "{row:#}");
    assert_eq!((&row["rooms"], &row["waiting"]), (&json!(1), &json!(0)));

    let show = format!("/v1/conns/{}", row["id"].as_str().expect("an id"));
    assert_eq!(
        server.admin().get(&show).await["listens_to"],
        json!(["general"])
    );
    // Somebody over REST is not told who listens to a private room.
    let mona = server.person("mona", "moderator").await;
    let found = mona.get("/v1/conns?filter=room:secret").await.ok();
    assert_eq!((&found["total"], &found["matched"]), (&json!(4), &json!(0)));
    let id = hers.hello["conn"].as_str().expect("an id");
    let seen = mona.get(&format!("/v1/conns/{id}")).await.ok();
    assert_eq!(seen["listens_to"], json!([]));
    for (query, says) in [
        ("filter=nick:x", "\\\"nick:x\\\" is not understood"),
        ("sort=age", "there is no \\\"age\\\""),
        ("limit=0", "1 to 500"),
    ] {
        let path = format!("/v1/conns?{query}");
        let refused = server.admin().request("GET", &path, Value::Null).await;
        assert_eq!(refused.status, 400, "{refused:#?}");
        assert!(refused.text.contains(says), "{query}: {}", refused.text);
    }
    hers.send(&secret, "unharmed").await;
}

async fn a_notice_reaches_everyone_or_a_room() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    let (mut hers, mut bobs) = (ana.listen(&room).await, bob.connect().await);
    let admin = server.admin();
    let text = "we are back at 18:00";
    let dry = json!({"text": text, "dry_run": true});
    assert_eq!(admin.post("/v1/notices", dry).await["told"], 2);
    let said = json!({"text": text});
    assert_eq!(admin.post("/v1/notices", said).await["told"], 2);
    for ws in [&mut hers, &mut bobs] {
        let notice = ws.next_of("notice").await;
        assert_eq!(notice["text"], text, "{notice:#}");
        assert!(notice["at"].is_i64() && notice.get("room").is_none());
    }
    let said = json!({"text": "only here", "room": "general"});
    assert_eq!(admin.post("/v1/notices", said).await["told"], 1);
    let notice = hers.next_of("notice").await;
    assert_eq!(
        (&notice["room"], &notice["text"]),
        (&json!(room.id), &json!("only here"))
    );
    assert_eq!(bobs.events_so_far().await, Vec::<Value>::new());
    for odd in ["", "a\u{202e}b", &"x".repeat(1001)] {
        let refused = admin
            .request("POST", "/v1/notices", json!({"text": odd}))
            .await;
        refused.refused(400, "invalid_field");
    }
    // It was said by somebody, and is kept nowhere but there.
    let acts = admin.get("/v1/audit?limit=2").await;
    assert_eq!(acts["items"][1]["act"], "notice.send", "{acts:#}");
    assert_eq!(acts["items"][0]["target"]["id"], json!(room.id), "{acts:#}");
    let history = ana.get(&room.path("/messages")).await.ok();
    assert_eq!(history["items"], json!([]), "{history:#}");
}
