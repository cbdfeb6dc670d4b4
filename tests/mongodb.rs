//! What chatd promises holds when its database dies, loses answers, or is shared with another chatd.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    Base, Database, Fault, Kind, PASSWORD, Proxy, Room, Server, User, Ws, assert_consecutive,
    history, mongodb_uri, within,
};

/// How long sending may take to work again once the database is back.
const SECONDS: Duration = Duration::from_secs(10);

/// How many messages a room has before it is talked in from two sides.
const OLD: usize = 30;

/// Sends once; the `seq`, or the code of the refusal.
async fn send(ws: &mut Ws, room: &Room, txn: &str) -> Result<u64, String> {
    let send = json!({"op": "send", "room": room.id, "body": txn, "txn": txn});
    match ws.request(send).await {
        Ok(ok) => Ok(ok["seq"].as_u64().expect("a seq")),
        Err(refusal) => Err(refusal.code),
    }
}

/// Everything acknowledged is there, once, under its `seq`.
async fn check(user: &User, room: &Room, acknowledged: &HashMap<String, u64>) {
    let stored = history(user, room).await;
    assert_consecutive(stored[0]["seq"].as_u64().expect("a seq") - 1, &stored);
    let mut found = HashMap::new();
    for message in &stored {
        let body = message["body"].as_str().expect("a body").to_owned();
        let twice = found.insert(body, message["seq"].as_u64().expect("a seq"));
        assert_eq!(twice, None, "twice: {message:#}");
    }
    for (body, seq) in acknowledged {
        assert_eq!(found.get(body), Some(seq), "acknowledged and lost: {body}");
    }
}

#[tokio::test]
async fn the_database_dies_under_load_and_comes_back() {
    let Some(mut database) = Database::start() else {
        return;
    };
    let server = Server::builder()
        .set("store.url", &database.url())
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ws = ana.connect().await;
    let mut acknowledged = HashMap::new();
    for round in 0..3 {
        for i in 0..40 {
            let txn = format!("{round}-{i}");
            let seq = send(&mut ws, &room, &txn)
                .await
                .expect("the database is there");
            acknowledged.insert(txn, seq);
        }
        // With requests on their way.
        let first = ws
            .post(json!({"op": "send", "room": room.id, "body": "x", "txn": format!("{round}-x")}));
        let first = first.await.expect("open");
        database.kill9();
        if let Ok(ok) = within("an answer, whichever", ws.answer(first)).await {
            acknowledged.insert("x".to_owned(), ok["seq"].as_u64().expect("a seq"));
        }
        let txn = format!("{round}-down");
        let asked = Instant::now();
        assert_eq!(
            send(&mut ws, &room, &txn).await,
            Err("unavailable".to_owned())
        );
        assert!(
            asked.elapsed() < Duration::from_secs(6),
            "it hung for {:?}",
            asked.elapsed()
        );

        database.boot();
        let back = Instant::now();
        // On the same socket, under the same txn, until it works.
        let seq = loop {
            match send(&mut ws, &room, &txn).await {
                Ok(seq) => break seq,
                Err(code) => assert_eq!(code, "unavailable"),
            }
            assert!(
                back.elapsed() < SECONDS,
                "still unavailable after {SECONDS:?}"
            );
        };
        acknowledged.insert(txn, seq);
        acknowledged.retain(|body, _| body != "x");
    }
    let stored = history(&ana, &room).await;
    assert_consecutive(stored[0]["seq"].as_u64().expect("a seq") - 1, &stored);
    let seqs: BTreeMap<u64, &Value> = stored
        .iter()
        .map(|m| (m["seq"].as_u64().expect("a seq"), &m["body"]))
        .collect();
    for (body, seq) in &acknowledged {
        assert_eq!(
            seqs.get(seq).and_then(|b| b.as_str()),
            Some(body.as_str()),
            "lost"
        );
    }
}

#[tokio::test]
async fn an_answer_lost_after_the_write_is_found_out() {
    let Some(database) = Database::start() else {
        return;
    };
    let proxy = Proxy::to(database.port()).await;
    let server = Server::builder()
        .set("store.url", &proxy.url())
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ws = ana.connect().await;
    let mut acknowledged = HashMap::new();
    for i in 0..30 {
        let lost = (i % 3 == 0).then(|| proxy.next("insert", Fault::LoseAnswer));
        let txn = format!("t{i}");
        let seq = send(&mut ws, &room, &txn).await.expect("chatd finds out");
        assert!(
            lost.is_none_or(|lost| lost.has_struck()),
            "no answer was lost: nothing was tested"
        );
        acknowledged.insert(txn, seq);
    }
    assert_eq!(acknowledged.len(), 30);
    check(&ana, &room, &acknowledged).await;
}

#[tokio::test]
async fn two_servers_on_one_database_append_to_the_same_rooms() {
    let Some(uri) = mongodb_uri() else { return };
    let base = Base::on(&uri);
    let on_it = || {
        let eager = Server::builder().set("store.url", &base.url);
        eager.set("archive.min_age", "0s").start()
    };
    let one = on_it().await;
    let ana = one.user("ana").await;
    let mut rooms = Vec::new();
    for i in 0..10 {
        let room = ana.room(&format!("room-{i}"), Kind::Public).await;
        let old = (0..OLD).map(|i| format!("old {i}"));
        ana.connect().await.say_all(&room, old, 16).await;
        rooms.push(room);
    }
    // Only what both know is archived: what is younger may be news to one of them.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let until = u64::try_from(now.expect("a time").as_millis()).expect("a number");
    let other = on_it().await;
    let twin = User::login(other.rest(), &ana.name, PASSWORD).await;

    let mut talks = Vec::new();
    for (name, user) in [("one", &ana), ("other", &twin)] {
        for room in &rooms {
            let (room, mut ws) = (room.clone(), user.connect().await);
            let mut acknowledged = HashMap::new();
            talks.push(tokio::spawn(async move {
                for i in 0..20 {
                    let txn = format!("{name}-{i}");
                    // A room that the other writes to all the time may move on eight times in a row.
                    let seq = loop {
                        match send(&mut ws, &room, &txn).await {
                            Ok(seq) => break seq,
                            Err(code) => assert_eq!(code, "unavailable"),
                        }
                    };
                    acknowledged.insert(txn, seq);
                }
                (room, acknowledged)
            }));
        }
    }
    let talk = async {
        let mut said = Vec::new();
        for talk in talks {
            said.push(talk.await.expect("it went well"));
        }
        said
    };
    // Meanwhile the older entries of these rooms move into the archive.
    let archiving = async {
        let (admin, body) = (one.admin(), json!({"before": until, "rate": 200}));
        let run = admin.post("/v1/archive/runs", body).await;
        let done = admin.ended(&run).await;
        assert_eq!(done["state"], "done", "{done:#}");
    };
    let (said, ()) = tokio::join!(talk, archiving);
    assert_eq!(one.admin().segments().await.len(), rooms.len());
    // Neither need know yet what the other wrote last; one that starts reads it all.
    drop((one, other));
    let after = on_it().await;
    let ana = User::login(after.rest(), &ana.name, PASSWORD).await;
    for (room, acknowledged) in said {
        assert_eq!(history(&ana, &room).await.len(), OLD + 40);
        check(&ana, &room, &acknowledged).await;
    }
}

#[tokio::test]
async fn two_servers_on_one_database_find_what_was_said_through_the_other() {
    let Some(uri) = mongodb_uri() else { return };
    let base = Base::on(&uri);
    let on_it = || Server::builder().set("store.url", &base.url).start();
    let one = on_it().await;
    let ana = one.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    for text in ["tea one", "cake one", "tea two", "cake two"] {
        ana.send(&room, text).await;
    }
    let other = on_it().await;
    let twin = User::login(other.rest(), &ana.name, PASSWORD).await;
    let finds = async |user: &User, word: &str| {
        let page = user.get(&format!("/v1/search?q={word}")).await.ok();
        let items = page["items"].as_array().expect("items").iter();
        let texts = items.map(|m| m["message"]["body"].as_str().expect("a text").to_owned());
        texts.collect::<Vec<_>>()
    };
    let until = async |user: &User, word: &str, texts: &[&str]| {
        // Nothing tells of what another server said: all rooms are looked at every thirty seconds. So it is asked for, a few
        // times a second, and no more often than a stand-in for MongoDB bears.
        while finds(user, word).await != texts {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    // Who starts looks at all there is.
    within("the other to find what was there", async {
        until(&twin, "tea", &["tea two", "tea one"]).await;
        until(&twin, "cake", &["cake two", "cake one"]).await;
    })
    .await;
    // Each says, edits and deletes; the other finds it as it is, by the next look at all rooms.
    let head = history(&ana, &room).await;
    let seq = |text: &str| {
        let found = head
            .iter()
            .find(|m| m["body"] == text)
            .expect("it was said");
        room.message(&found["seq"])
    };
    ana.send(&room, "milk from ana").await;
    twin.send(&room, "milk from her twin").await;
    let edit = |word: &str| json!({"body": format!("{word}, edited")});
    ana.request("PATCH", &seq("tea one"), edit("juice"))
        .await
        .ok();
    twin.request("PATCH", &seq("tea two"), edit("juice"))
        .await
        .ok();
    ana.delete(&seq("cake one")).await.ok();
    twin.delete(&seq("cake two")).await.ok();
    for user in [&ana, &twin] {
        // What is no more is never found, whatever the index says.
        assert_eq!(finds(user, "tea").await, [""; 0]);
        assert_eq!(finds(user, "cake").await, [""; 0]);
    }
    within("each to find what came through the other", async {
        for user in [&ana, &twin] {
            until(user, "milk", &["milk from her twin", "milk from ana"]).await;
            until(user, "juice", &["juice, edited", "juice, edited"]).await;
        }
    })
    .await;
    for server in [&one, &other] {
        let checked = server.cli(&["store", "check", "--full", "--json"]).await;
        assert_eq!(checked.json()["index"]["problems"], 0, "{checked}");
    }
}

#[tokio::test]
async fn what_a_killed_server_had_begun_is_in_nobodys_way() {
    let Some(database) = Database::start() else {
        return;
    };
    let proxy = Proxy::to(database.port()).await;
    let mut server = Server::builder()
        .set("store.url", &proxy.url())
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.connect().await.send(&room, "before").await;
    // It has written an entry of the room, and did not get to say that it stays.
    let begun = proxy.next("commitTransaction", Fault::Delay);
    let change = async {
        let topic = serde_json::json!({"topic": "never"});
        ana.request("PATCH", &room.path(""), topic).await
    };
    tokio::select! {
        () = begun.struck() => {}
        reply = change => panic!("answered before it was committed: {reply:#?}"),
    }
    server.kill9().await;
    server.boot().await;
    ana.connect().await.send(&room, "after").await;
    let told = ana.get(&room.path("")).await.ok();
    assert!(told["topic"].is_null(), "{told:#}");
}
