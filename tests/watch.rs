//! What a dashboard is told: whole frames, at once, whatever goes on, and nothing that piles up.

use serde_json::{Value, json};

use crate::support::{Database, Kind, Lines, Server, on_both};

on_both!(frames_move_with_the_traffic);

fn row<'a>(rows: &'a Value, column: &str, is: &str) -> &'a Value {
    let rows = rows["rows"].as_array().expect("rows");
    let found = rows.iter().find(|row| row[column] == is);
    found.unwrap_or_else(|| panic!("no {is} in {rows:#?}"))
}

fn count(durations: &Value) -> u64 {
    let buckets = durations["buckets"].as_array().expect("buckets");
    buckets.iter().filter_map(|bucket| bucket[1].as_u64()).sum()
}

async fn next(frames: &mut Lines) -> Value {
    frames.next().await.expect("a frame")
}

async fn frames_move_with_the_traffic() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut bobs = bob.listen(&room).await;
    let admin = server.admin();
    let path = "/v1/watch?every_ms=100&rooms=5&conns=5&events_after=0&log_after=0";
    let mut frames = admin.lines(path).await;
    let first = next(&mut frames).await;
    assert_eq!(first["frame"], 1);
    let boot = first["boot"].as_str().expect("a boot id").to_owned();
    assert_eq!(first["status"]["counts"]["connections"], 1, "{first:#}");
    let general = row(&first["rooms"], "name", "general");
    assert_eq!(
        (
            &general["members"],
            &general["listeners"],
            &general["messages"]
        ),
        (&json!(2), &json!(1), &json!(0)),
    );
    assert_eq!(row(&first["conns"], "user", "bob")["rooms"], 1);
    let events = first["events"]["items"].as_array().expect("events");
    for what in ["server.started", "room.create", "conn.open"] {
        assert!(
            events.iter().any(|e| e["what"] == what),
            "{what}: {events:#?}"
        );
    }
    let lines = first["log"]["items"].as_array().expect("lines");
    assert!(
        lines.iter().any(|l| l["message"] == "listening"),
        "{lines:#?}"
    );
    for most in ["append_limit", "hash_limit", "max_files", "cores", "cpu_us"] {
        assert!(first["load"][most].as_u64() > Some(0), "{most}: {first:#}");
    }

    for i in 0..20 {
        bobs.send(&room, &format!("{i}")).await;
    }
    for _ in 0..20 {
        bobs.next_of("message").await;
    }
    // The first is of right after the first frame; what matters is where it comes to.
    let later = frames
        .until(|frame| row(&frame["rooms"], "name", "general")["messages"] == 20)
        .await;
    assert_eq!(later["boot"], boot);
    assert!(later["monotonic_us"].as_u64() > first["monotonic_us"].as_u64());
    assert_eq!(row(&later["rooms"], "name", "general")["deliveries"], 20);
    assert_eq!(later["status"]["counts"]["messages"], 20);
    for (timing, least) in [("send", 20), ("commit", 1)] {
        let counted = count(&later["timings"][timing]);
        assert!(counted >= least, "{timing}: {:#}", later["timings"]);
    }
    let events = &later["events"];
    assert_eq!(events["missed"], 0);
    assert!(events["last"].as_u64() >= first["events"]["last"].as_u64());
    // When it is quiet again the rates are nothing.
    let quiet = frames
        .until(|frame| row(&frame["rooms"], "name", "general")["message_rate"] == 0.0)
        .await;
    assert_eq!(row(&quiet["conns"], "user", "bob")["waiting"], 0);
    // Twenty acknowledgements, twenty messages, and the answers to hello and subscribe.
    let sent = frames
        .until(|frame| row(&frame["conns"], "user", "bob")["sent"] == 42)
        .await;
    assert_eq!(row(&sent["conns"], "user", "bob")["received"], 21);
}

#[tokio::test]
async fn rows_are_sorted_filtered_and_cut_over_all_of_them() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    for i in 0..6 {
        let room = ana.room(&format!("room-{i}"), Kind::Public).await;
        for _ in 0..i {
            ana.send(&room, "x").await;
        }
    }
    let admin = server.admin();
    let names = async |query: &str| {
        let path = format!("/v1/watch?frames=1&rooms=2&{query}");
        let frames = admin.lines(&path).await.rest().await;
        assert_eq!(frames.len(), 1);
        let rooms = &frames[0]["rooms"];
        let rows = rooms["rows"].as_array().expect("rows").iter();
        let names: Vec<_> = rows.map(|row| row["name"].clone()).collect();
        (rooms["total"].clone(), rooms["matched"].clone(), names)
    };
    let found = |matched: u64, rows: &[&str]| {
        let rows = rows.iter().map(|name| json!(name)).collect();
        (json!(6), json!(matched), rows)
    };
    assert_eq!(
        names("rooms_sort=name").await,
        found(6, &["room-0", "room-1"])
    );
    assert_eq!(
        names("rooms_sort=-messages").await,
        found(6, &["room-5", "room-4"])
    );
    let filter = "rooms_sort=-messages&rooms_filter=room:ROOM-*%20messages%3C3";
    assert_eq!(names(filter).await, found(3, &["room-2", "room-1"]));
    for (query, says) in [
        ("rooms=1&rooms_filter=lag%3E5", "there is no \\\"lag\\\""),
        ("conns=1&conns_filter=lag%3Esoon", "conns_filter"),
        ("conns=1&conns_sort=name", "conns_sort"),
        ("every_ms=5", "100 to 60000"),
        ("rooms=501", "0 to 500"),
        ("colour=red", "colour"),
    ] {
        let path = format!("/v1/watch?{query}");
        let refused = admin.request("GET", &path, Value::Null).await;
        assert_eq!(refused.status, 400, "{query}: {}", refused.text);
        assert!(refused.text.contains(says), "{query}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_watcher_that_does_not_read_gets_fewer_frames_and_others_their_own() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    for i in 0..200 {
        ana.room(&format!("room-{i}"), Kind::Public).await;
    }
    let admin = server.admin();
    let path = "/v1/watch?every_ms=100&rooms=500";
    let mut slow = admin.lines(path).await;
    let first = next(&mut slow).await;
    let mut brisk = admin.lines(path).await;
    let began = first["monotonic_us"].as_u64().expect("a time");
    // A while by the server's own clock, in which the slow one reads nothing.
    let later = brisk
        .until(|frame| frame["monotonic_us"].as_u64() > Some(began + 5_000_000))
        .await;
    let made = later["frame"].as_u64().expect("a number");
    // What was made for it lies in the socket; after that it gets one that is new.
    let now = later["monotonic_us"].as_u64();
    let new = slow
        .until(|frame| frame["monotonic_us"].as_u64() >= now)
        .await;
    let got = new["frame"].as_u64().expect("a number");
    assert!(got < made, "{got} of {made} frames were made for nobody");
}

#[tokio::test]
async fn sixteen_may_watch_and_the_next_is_told_why_not() {
    let server = Server::start().await;
    let admin = server.admin();
    let mut watching = Vec::new();
    for _ in 0..16 {
        let mut frames = admin.lines("/v1/watch").await;
        next(&mut frames).await;
        watching.push(frames);
    }
    let refused = admin.request("GET", "/v1/watch", Value::Null).await;
    assert_eq!(refused.status, 409, "{refused:#?}");
    assert!(
        refused.text.contains("16 watch already"),
        "{}",
        refused.text
    );
    watching.pop();
    loop {
        let again = admin
            .request("GET", "/v1/watch?frames=1", Value::Null)
            .await;
        if again.status == 200 {
            break;
        }
    }
}

#[tokio::test]
async fn a_restart_ends_the_frames_and_is_another_boot() {
    let mut server = Server::start().await;
    let mut frames = server.admin().lines("/v1/watch?every_ms=100").await;
    let before = next(&mut frames).await["boot"].clone();
    server.restart().await;
    while frames.next().await.is_some() {}
    let mut frames = server.admin().lines("/v1/watch").await;
    let after = next(&mut frames).await;
    assert_ne!(after["boot"], before);
    assert_eq!(after["frame"], 1);
}

#[tokio::test]
async fn frames_go_on_while_the_store_is_away_and_say_so() {
    let Some(mut database) = Database::start() else {
        return;
    };
    let server = Server::builder()
        .set("store.url", &database.url())
        .start()
        .await;
    server.user("ana").await;
    let admin = server.admin();
    let mut frames = admin.lines("/v1/watch?every_ms=100").await;
    let ready = frames
        .until(|frame| frame["status"]["store"]["ready"] == true)
        .await;
    assert_eq!(ready["status"]["store"]["users"], 1);
    let mut events = admin.lines("/v1/events?kinds=store&follow=true").await;
    database.kill9();
    let away = frames
        .until(|frame| frame["status"]["store"]["ready"] == false)
        .await;
    let store = &away["status"]["store"];
    assert!(
        store["users"].is_null() && store["trouble"].is_string(),
        "{store:#}"
    );
    assert_eq!(next(&mut events).await["what"], "store.away");
    // Somebody new gets a frame, too.
    let mut other = admin.lines("/v1/watch?every_ms=100").await;
    assert_eq!(next(&mut other).await["status"]["store"]["ready"], false);
    database.boot();
    frames
        .until(|frame| frame["status"]["store"]["ready"] == true)
        .await;
    assert_eq!(next(&mut events).await["what"], "store.back");
}

#[tokio::test]
async fn frames_go_on_while_the_store_is_stuck_and_say_so() {
    let Some(database) = Database::start() else {
        return;
    };
    let server = Server::builder()
        .set("store.url", &database.url())
        .start()
        .await;
    server.user("ana").await;
    let admin = server.admin();
    let ready = |frame: &Value| frame["status"]["store"]["ready"].clone();
    let mut frames = admin.lines("/v1/watch?every_ms=100").await;
    frames.until(|frame| ready(frame) == true).await;
    // Nothing of it ends, and nothing of it answers: no error tells that it is away.
    database.hold();
    let stuck = frames.until(|frame| ready(frame) == false).await;
    let why = stuck["status"]["store"]["trouble"].as_str().expect("why");
    assert!(!why.is_empty());
    let frame = stuck["frame"].as_u64().expect("a number");
    let on = frames
        .until(|it| it["frame"].as_u64() >= Some(frame + 10))
        .await;
    assert!(on["load"]["cpu_us"].as_u64() >= stuck["load"]["cpu_us"].as_u64());
    // Somebody new is told at once, and so is the command line.
    let mut other = admin.lines("/v1/watch?every_ms=100").await;
    assert_eq!(ready(&next(&mut other).await), false);
    server.cli(&["status"]).await.ok();
    database.release();
    frames.until(|frame| ready(frame) == true).await;
}

#[tokio::test]
async fn work_that_ended_is_told_with_the_disk() {
    let server = Server::archiving().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    for i in 0..5 {
        ana.send(&room, &format!("{i}")).await;
    }
    let admin = server.admin();
    let mut frames = admin.lines("/v1/watch?every_ms=100").await;
    let first = next(&mut frames).await;
    assert_eq!(first["ended"], json!([]));
    let store = &first["status"]["store"];
    assert!(store["free"].as_u64() > Some(0), "{store:#}");
    assert!(store["min_free"].is_u64(), "{store:#}");
    let path = "/v1/archive/runs";
    let run = admin.post(path, json!({"before": "1ms"})).await;
    let told = frames
        .until(|frame| frame["ended"][0]["state"] == "done")
        .await;
    let ended = &told["ended"][0];
    assert_eq!(
        (&ended["kind"], &ended["id"]),
        (&json!("archive"), &run["id"])
    );
    assert_eq!(ended["unit"], "entries");
    assert!(ended["done"].as_u64() > Some(0), "{ended:#}");
    assert!(
        ended["ended_at"].as_i64() >= ended["since"].as_i64(),
        "{ended:#}"
    );
}
