//! When the archive runs by itself, what is deleted for good and when, and what a hold keeps from it.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, on_both, told, within};

on_both!(
    what_is_pruned_is_purged_after_the_time_of_grace,
    a_hold_keeps_what_it_is_on,
    what_comes_before_something_purged_stays_archived,
    the_schedule_runs_by_itself_and_can_be_held,
    a_room_can_have_an_age_of_its_own,
);

async fn talked(server: &Server, name: &str, messages: usize) -> (User, Room) {
    let ana = server.user(&format!("ana-{name}")).await;
    let room = ana.room(name, Kind::Public).await;
    let said = (0..messages).map(|i| format!("message {i}"));
    ana.connect().await.say_all(&room, said, 64).await;
    (ana, room)
}

async fn prune(server: &Server, grace: u64) -> Value {
    let body = json!({"before": "1ms", "grace": grace});
    let begun = server
        .admin()
        .request("POST", "/v1/archive/prune", body)
        .await;
    assert_eq!(begun.status, 202, "{begun:#?}");
    server.admin().ended(&begun.body).await
}

async fn what_is_pruned_is_purged_after_the_time_of_grace() {
    let mut server = Server::archiving().await;
    let (ana, room) = talked(&server, "general", 1_200).await;
    let all = told(&ana, &room).await;
    server.admin().archive().await;
    // It can be taken back, and is read meanwhile.
    let pruned = prune(&server, 3_600).await;
    assert_eq!(pruned["state"], "done", "{pruned:#}");
    assert!(told(&ana, &room).await == all);
    let due = |s: &Value| s["purge_at"].is_number();
    assert!(server.admin().segments().await.iter().all(due));
    let kept = server.admin().restore(&pruned).await;
    assert_eq!(kept["state"], "done", "{kept:#}");
    assert!(!server.admin().segments().await.iter().any(due));

    let pruned = prune(&server, 0).await;
    let ears = ana.listen(&room).await;
    let head = told(&ana, &room).await.last().expect("messages")["seq"].clone();
    // What is due is looked for at the start, and then again and again.
    server.restart().await;
    let gone = within("the purge", async {
        loop {
            let segments = server.admin().segments().await;
            if segments.iter().all(|s| s["purged_at"].is_number()) {
                return segments;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let last = gone.last().expect("segments")["last"]
        .as_u64()
        .expect("a seq");
    let page = ana
        .get(&room.path("/messages?after=0&limit=200"))
        .await
        .ok();
    assert_eq!(page["gaps"][0]["why"], "purged", "{:#}", page["gaps"]);
    let left: Vec<_> = all
        .iter()
        .filter(|m| m["seq"].as_u64() > Some(last))
        .collect();
    let read = page["items"].as_array().expect("items");
    assert_eq!(read.len(), left.len());
    // Who was away is told, or reloads when it is too much.
    drop(ears);
    let mut ears = ana.connect().await;
    let after = head.as_u64().expect("a seq");
    let missed = ears.subscribe(&room, Some(after)).await;
    assert!(missed.recovered);
    let told_of: Vec<_> = missed
        .events
        .iter()
        .filter(|e| e["ev"] == "purged")
        .collect();
    assert_eq!(told_of.len(), gone.len(), "{:#?}", missed.events);
    // From the last to the first.
    let first = told_of.last().expect("one each");
    assert_eq!(first["first"], 1);
    let missed = ana.connect().await.subscribe(&room, Some(last - 10)).await;
    assert!(!missed.recovered, "a part of it is gone");
    let id = pruned["id"].as_str().expect("an id");
    let path = format!("/v1/archive/runs/{id}/restore");
    let nothing = server.admin().request("POST", &path, Value::Null).await;
    assert_eq!(nothing.status, 409, "{nothing:#?}");
    assert_eq!(server.admin().verify().await, [] as [Value; 0]);
    ana.send(&room, "on it goes").await;
}

async fn a_hold_keeps_what_it_is_on() {
    let server = Server::builder()
        .set("archive.min_age", "0s")
        .set("messages.erase_within", "0s")
        .start()
        .await;
    let (ana, room) = talked(&server, "general", 30).await;
    let (eve, other) = talked(&server, "random", 30).await;
    let admin = server.admin();
    let hold = async |on: &str, target: &str| {
        let body = json!({"on": on, "target": target, "reason": "case 7"});
        admin.post("/v1/holds", body).await
    };
    let on_room = hold("room", &room.name).await;
    let on_eve = hold("user", &eve.name).await;
    admin.archive().await;
    // Neither is pruned.
    let body = json!({"before": "1ms", "grace": 0, "dry_run": true});
    let dry = admin.post("/v1/archive/prune", body).await;
    assert_eq!(
        (&dry["held"], &dry["segments"]),
        (&json!(2), &json!(0)),
        "{dry:#}"
    );
    // What they delete is hidden, and stays in the store.
    let first = &told(&ana, &room).await[0]["seq"];
    ana.delete(&room.path(&format!("/messages/{first}")))
        .await
        .ok();
    eve.delete(&other.path(&format!("/messages/{first}")))
        .await
        .ok();
    // Somebody whose text may go, to know that it was looked.
    let (zoe, free) = talked(&server, "free", 3).await;
    zoe.delete(&free.path(&format!("/messages/{}", told(&zoe, &free).await[0]["seq"])))
        .await
        .ok();
    let status = "/v1/status";
    within("an erasure", async {
        while admin.get(status).await["erased"].as_u64() == Some(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let generations = async || -> Vec<u64> {
        let segments = admin.segments().await;
        segments
            .iter()
            .filter_map(|s| s["generation"].as_u64())
            .collect()
    };
    assert_eq!(generations().await, [1, 1]);
    // Nor is she forgotten.
    let erase = json!({"messages": "keep"});
    let path = format!("/v1/users/{}/erase", eve.name);
    let refused = admin.request("POST", &path, erase.clone()).await;
    assert_eq!(refused.status, 409, "{refused:#?}");
    let why = refused.body["detail"].as_str().expect("words");
    assert!(
        why.contains("case 7") && why.contains("chatd hold release"),
        "{why}"
    );
    let path = format!("/v1/users/{}/erase", ana.name);
    let refused = admin
        .request("POST", &path, json!({"messages": "delete"}))
        .await;
    assert_eq!(refused.status, 409, "her room is held: {refused:#?}");

    let mo = server.person("mo", "admin").await;
    let body = json!({"on": "room", "target": free.id, "reason": "case 8"});
    let on_free = mo.post("/v1/holds", body).await.ok();
    let listed = admin.get("/v1/holds").await;
    let by = |held: &Value| held["by"].clone();
    let by: Vec<_> = listed["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(by)
        .collect();
    assert_eq!(by, [Value::Null, Value::Null, json!("mo")]);
    for held in [&on_room, &on_eve, &on_free] {
        let path = format!("/v1/holds/{}", held["id"].as_str().expect("an id"));
        admin.delete(&path).await;
    }
    within("the texts to go", async {
        while generations().await != [2, 2] {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let acts = admin.get("/v1/audit?act=hold.*").await;
    assert_eq!(acts["items"].as_array().map(Vec::len), Some(6), "{acts:#}");
}

async fn what_comes_before_something_purged_stays_archived() {
    let mut server = Server::archiving().await;
    let (ana, room) = talked(&server, "general", 5).await;
    let bob = server.user("bob").await;
    bob.join(&room).await;
    bob.send(&room, "held").await;
    ana.send(&room, "one more").await;
    let first = server.admin().archive().await;
    for i in 0..6 {
        ana.send(&room, &format!("later {i}")).await;
    }
    server.admin().archive().await;
    ana.send(&room, "live").await;
    // The first of the two segments is held, so the second goes alone.
    let hold = json!({"on": "user", "target": "bob", "reason": "case 7"});
    server.admin().post("/v1/holds", hold).await;
    let pruned = prune(&server, 0).await;
    assert_eq!(pruned["segments"], 1, "{pruned:#}");
    server.restart().await;
    within("the purge", async {
        while server.admin().segments().await[1]["purged_at"].is_null() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let newest = async || ana.get(&room.path("/messages?limit=200")).await.ok();
    let before = newest().await;
    assert_eq!(before["gaps"][0]["why"], "purged", "{before:#}");

    let restored = server.admin().restore(&first).await;
    assert_eq!(restored["state"], "failed", "{restored:#}");
    let why = restored["rooms"][0]["error"].as_str().expect("why");
    assert!(
        why.contains("later messages of this room were purged"),
        "{why}"
    );
    let after = newest().await;
    assert_eq!(
        (&after["items"], &after["gaps"]),
        (&before["items"], &before["gaps"])
    );
    let found = server.cli_set(&["store", "check"]).await;
    found.ok();
    // And it goes on being archived.
    ana.send(&room, "on it goes").await;
    let again = server.admin().archive().await;
    assert_eq!(again["state"], "done", "{again:#}");
    assert!(again["entries"].as_u64() > Some(0), "{again:#}");
    assert_eq!(server.admin().verify().await, [] as [Value; 0]);
}

async fn the_schedule_runs_by_itself_and_can_be_held() {
    let server = Server::archiving().await;
    let (ana, room) = talked(&server, "general", 40).await;
    let all = told(&ana, &room).await;
    let admin = server.admin();
    let standing = admin.get("/v1/archive/schedule").await;
    assert_eq!(standing["schedule"], Value::Null);
    let set = async |body: Value| admin.patch("/v1/archive/schedule", body).await;
    let bad = admin
        .request(
            "PATCH",
            "/v1/archive/schedule",
            json!({"schedule": "every day"}),
        )
        .await;
    assert_eq!(bad.status, 400, "{bad:#?}");
    let rehearsed = set(json!({"schedule": "0 3 * * *", "dry_run": true})).await;
    assert_eq!(rehearsed["schedule"], "0 3 * * *");
    assert!(rehearsed["next_at"].is_number(), "{rehearsed:#}");
    let standing = admin.get("/v1/archive/schedule").await;
    assert_eq!(standing["schedule"], Value::Null, "nothing was changed");
    let standing = set(json!({"schedule": "* * * * * *", "older_than": "1ms"})).await;
    assert!(standing["next_at"].is_number(), "{standing:#}");
    within("the run of the schedule", async {
        loop {
            let runs = admin.get("/v1/archive/runs").await;
            let done = |r: &Value| r["scheduled"] == true && r["state"] == "done";
            if runs["items"].as_array().expect("items").iter().any(done) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(told(&ana, &room).await == all);
    assert!(!admin.segments().await.is_empty());
    let held = set(json!({"paused": true})).await;
    assert_eq!(
        (&held["paused"], &held["next_at"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(held["last"]["scheduled"], true);
    let dry = set(json!({"paused": false, "dry_run": true})).await;
    assert_eq!(dry["paused"], false, "as it would be");
    let held = admin.get("/v1/archive/schedule").await;
    assert_eq!(held["paused"], true);
    let asked = admin.post("/v1/archive/schedule/run", Value::Null).await;
    admin.ended(&asked).await;
    let back = set(json!({"schedule": "default", "older_than": "default", "paused": false})).await;
    assert_eq!(back["schedule"], Value::Null);
    assert_eq!(back["decided"], json!([]));
}

async fn a_room_can_have_an_age_of_its_own() {
    let server = Server::archiving().await;
    let (_ana, kept) = talked(&server, "kept", 20).await;
    let (_eve, moved) = talked(&server, "moved", 20).await;
    let admin = server.admin();
    let rooms = json!([{"room": kept.name, "older_than": "never"}]);
    admin
        .patch(
            "/v1/archive/schedule",
            json!({"rooms": rooms, "older_than": "1ms"}),
        )
        .await;
    let run = admin.post("/v1/archive/schedule/run", Value::Null).await;
    let run = admin.ended(&run).await;
    let rooms = run["rooms"].as_array().expect("rooms").iter();
    let rooms: Vec<_> = rooms.map(|r| r["id"].clone()).collect();
    assert_eq!(rooms, [json!(moved.id)]);
    // Not by name either.
    let body = json!({"before": "1ms", "rooms": [kept.name]});
    let refused = admin.request("POST", "/v1/archive/runs", body).await;
    assert_eq!(refused.status, 409, "{refused:#?}");
    let rooms = json!([{"room": kept.name, "older_than": "default"}]);
    let back = admin
        .patch("/v1/archive/schedule", json!({"rooms": rooms}))
        .await;
    assert_eq!(back["rooms"], json!([]));
}
