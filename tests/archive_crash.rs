//! A run of the archive that ends anywhere loses nothing: the process is killed at each of its steps in turn,
//! and at moments that nobody chose; every entry is read once afterwards, and a rerun finishes what was left.

use serde_json::Value;

use crate::support::{Kind, Room, Server, User, on_both, told};

on_both!(
    a_run_that_is_killed_at_any_step_loses_nothing,
    a_restore_that_is_killed_at_any_step_loses_nothing,
    a_run_that_is_killed_at_any_moment_loses_nothing,
    pruning_and_purging_that_are_killed_are_finished_later,
    the_first_signal_to_stop_is_heeded_between_two_segments,
);

const HOOK: &str = "TEST_CRASH_CHATD";

async fn talked(server: &Server, messages: usize) -> (User, Room) {
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let said = (0..messages).map(|i| format!("message {i}"));
    ana.connect().await.say_all(&room, said, 64).await;
    (ana, room)
}

/// Has the process end at a step of what `path` begins, and starts it again.
async fn crash(server: &mut Server, step: &str, path: &str, body: Value) {
    server.set_env(HOOK, Some(step));
    server.restart().await;
    let admin = server.admin();
    // The process may be gone before its answer is.
    if let Ok(begun) = admin.ask("POST", path, body).await {
        assert_eq!(begun.status, 202, "{begun:#?}");
    }
    let status = server.exit().await;
    assert!(!status.success(), "it ended at {step}");
    server.set_env(HOOK, None);
    server.boot().await;
}

async fn a_run_that_is_killed_at_any_step_loses_nothing() {
    let mut server = Server::archiving().await;
    let (ana, room) = talked(&server, 6_200).await;
    let expected = told(&ana, &room).await;
    let entries = server.admin().entries(&room).await;
    // Each takes up what the one before left: none of them gets beyond the next two segments.
    let steps = [
        "sealed:1",
        "inserted:1",
        "slice:2",
        "slice:7",
        "verified:1",
        "deleted:1",
        "inserted:2",
        "sealed all:1",
    ];
    for step in steps {
        // With a rate what is live goes in small slices; without one a segment at a time.
        let rate = if step.starts_with("slice") {
            1_000_000
        } else {
            0
        };
        let body = serde_json::json!({"before": "1ms", "rate": rate});
        crash(&mut server, step, "/v1/archive/runs", body).await;
        let found = server.admin().entries(&room).await;
        let (is, was) = (found.len(), entries.len());
        assert!(found == entries, "{step}: {is} of {was}");
        let runs = server.admin().get("/v1/archive/runs").await;
        assert_eq!(runs["items"][0]["state"], "interrupted", "{step}");
        assert_eq!(server.admin().verify().await, [] as [Value; 0], "{step}");
    }
    let done = server.admin().archive().await;
    assert_eq!(done["state"], "done", "{done:#}");
    assert!(told(&ana, &room).await == expected);
    assert!(server.admin().entries(&room).await[..entries.len()] == entries[..]);
    // What the runs are said to have done is what there is.
    let segments = server.admin().segments().await;
    let sealed: u64 = segments.iter().filter_map(|s| s["entries"].as_u64()).sum();
    let runs = server.admin().get("/v1/archive/runs").await;
    let runs = runs["items"].as_array().expect("items");
    let told: u64 = runs.iter().filter_map(|r| r["entries"].as_u64()).sum();
    assert_eq!(told, sealed);
}

async fn a_restore_that_is_killed_at_any_step_loses_nothing() {
    let mut server = Server::archiving().await;
    let (ana, room) = talked(&server, 2_500).await;
    let expected = told(&ana, &room).await;
    let run = server.admin().archive().await;
    let id = run["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/archive/runs/{id}/restore");
    for step in [
        "restored slice:1",
        "restored slice:3",
        "restored:1",
        "marked:1",
    ] {
        crash(&mut server, step, &path, Value::Null).await;
        assert!(told(&ana, &room).await == expected, "{step}");
        assert_eq!(server.admin().verify().await, [] as [Value; 0], "{step}");
    }
    let done = server.admin().restore(&run).await;
    assert_eq!(done["state"], "done", "{done:#}");
    assert!(told(&ana, &room).await == expected);
}

async fn a_run_that_is_killed_at_any_moment_loses_nothing() {
    let mut server = Server::archiving().await;
    let (ana, room) = talked(&server, 3_000).await;
    let expected = told(&ana, &room).await;
    for round in 0..6_u32 {
        let admin = server.admin();
        let run = admin.begin_run(&[]).await;
        let path = format!("/v1/archive/runs/{}", run["id"].as_str().expect("an id"));
        // A moment that differs from round to round.
        for _ in 0..round * 3 {
            if admin.get(&path).await["state"] != "running" {
                break;
            }
        }
        server.kill9().await;
        server.boot().await;
        assert!(told(&ana, &room).await == expected, "round {round}");
        assert_eq!(server.admin().verify().await, [] as [Value; 0]);
    }
    let done = server.admin().archive().await;
    assert_eq!(done["state"], "done", "{done:#}");
    assert!(told(&ana, &room).await == expected);
}

async fn pruning_and_purging_that_are_killed_are_finished_later() {
    let mut server = Server::archiving().await;
    let (ana, room) = talked(&server, 2_100).await;
    let all = told(&ana, &room).await;
    server.admin().archive().await;
    let ends = server.admin().segments().await;
    let ends: Vec<_> = ends.iter().map(|s| s["last"].clone()).collect();
    let middle = serde_json::json!(1_500);
    let readers = server.users("reader", 3).await;
    for (user, seq) in readers.iter().zip([&ends[0], &middle, &Value::from(0)]) {
        user.join(&room).await;
        let body = serde_json::json!({"seq": seq, "back": true});
        user.request("PUT", &room.path("/read"), body).await.ok();
    }
    let body = serde_json::json!({"before": "1ms", "grace": 3_600});
    crash(&mut server, "pruned:1", "/v1/archive/prune", body).await;
    assert!(told(&ana, &room).await == all);
    let body = serde_json::json!({"before": "1ms", "grace": 0});
    let admin = server.admin();
    let begun = admin.post("/v1/archive/prune", body).await;
    assert_eq!(admin.ended(&begun).await["state"], "done");
    // All but the first, which the run before had come to, is due now; the server sees to it as it starts.
    server.set_env(HOOK, Some("purged:1"));
    server.restart().await;
    let status = server.exit().await;
    assert!(!status.success(), "it ended in the middle");
    server.set_env(HOOK, None);
    server.boot().await;
    let admin = server.admin();
    let purged = |s: &&Value| s["purged_at"].is_number();
    let segments = crate::support::within("the purge", async {
        loop {
            let segments = admin.segments().await;
            if segments.iter().filter(purged).count() == 2 {
                return segments;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    admin.idle().await;
    assert!(!purged(&&segments[0]), "{:#}", segments[0]);
    // Whoever had come to what is purged, or into it, has read on to its end, and nobody else.
    let first = Value::from(0);
    for (user, read) in readers.iter().zip([&ends[2], &ends[2], &first]) {
        assert_eq!(user.get(&room.path("")).await.ok()["read"], *read);
    }
    assert_eq!(admin.verify().await, [] as [Value; 0]);
    // One notice for each.
    let told_of = admin.entries(&room).await;
    let told_of = told_of.iter().filter(|e| e["kind"] == "purged");
    assert_eq!(told_of.count(), 2);
    let page = ana
        .get(&room.path("/messages?after=0&limit=200"))
        .await
        .ok();
    assert_eq!(page["gaps"], serde_json::json!([]));
    let bodies = |items: &[Value]| items.iter().map(|m| m["body"].clone()).collect::<Vec<_>>();
    let items = page["items"].as_array().expect("items");
    assert_eq!(bodies(items), bodies(&all[..200]));
}

async fn the_first_signal_to_stop_is_heeded_between_two_segments() {
    let server = Server::archiving().await;
    let (ana, room) = talked(&server, 3_000).await;
    let expected = told(&ana, &room).await;
    let admin = server.admin();
    // So slow that it cannot be done before it is stopped.
    let body = serde_json::json!({"before": "1ms", "rate": 50});
    let run = admin.request("POST", "/v1/archive/runs", body).await.body;
    let other = admin.request(
        "POST",
        "/v1/archive/runs",
        serde_json::json!({"before": "1ms"}),
    );
    let other = other.await;
    assert_eq!(other.status, 409, "never two at a time: {other:#?}");
    let id = run["id"].as_str().expect("an id");
    admin
        .post(&format!("/v1/archive/runs/{id}/stop"), Value::Null)
        .await;
    let stopped = admin.ended(&run).await;
    assert_eq!(stopped["state"], "stopped", "{stopped:#}");
    assert!(stopped["segments"].as_u64() < Some(3), "{stopped:#}");
    assert!(told(&ana, &room).await == expected);
    let done = admin.archive().await;
    assert_eq!(done["state"], "done", "{done:#}");
    assert!(told(&ana, &room).await == expected);
}
