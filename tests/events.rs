//! What happens on the server, as it happens: acts, connections, logins, jobs.

use serde_json::{Value, json};

use crate::support::{Kind, Server, on_both};

on_both!(everything_that_happens_is_told_as_it_happens);

async fn everything_that_happens_is_told_as_it_happens() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let admin = server.admin();
    let mut events = admin.lines("/v1/events?follow=true").await;
    let started = events.until(|e| e["what"] == "server.started").await;
    assert_eq!(started["kind"], "server");
    events.until(|e| e["what"] == "user.create").await;

    ana.room("general", Kind::Public).await;
    let made = events.until(|e| e["what"] == "room.create").await;
    assert_eq!(
        (&made["kind"], &made["who"]),
        (&json!("act"), &json!("ana"))
    );
    assert_eq!(made["boot"], started["boot"]);
    let ws = ana.connect().await;
    let came = events.until(|e| e["what"] == "conn.open").await;
    assert_eq!(
        (&came["who"], &came["target"]),
        (&json!("ana"), &ws.hello["conn"])
    );
    assert_eq!(came["detail"], "from 127.0.0.1");
    ws.drop_tcp();
    let went = events.until(|e| e["what"] == "conn.close").await;
    assert_eq!(went["detail"], "left, from 127.0.0.1", "{went:#}");
    let mut ws = ana.connect().await;
    admin.post("/v1/conns/kick", json!({"user": "ana"})).await;
    ws.closed().await;
    let kicked = events.until(|e| e["what"] == "conn.kick").await;
    assert_eq!(kicked["target"], "ana", "{kicked:#}");
    let went = events.until(|e| e["what"] == "conn.close").await;
    assert_eq!(went["detail"], "kicked, from 127.0.0.1", "{went:#}");

    // Whose name does not exist may have typed a password.
    for (login, who) in [("ana", json!("ana")), ("Kelp-tumbril-42", Value::Null)] {
        let wrong = json!({"login": login, "password": "not-the-password"});
        let refused = server.rest().post("/v1/login", wrong).await;
        refused.refused(401, "unauthorized");
        let failed = events.until(|e| e["what"] == "login.failed").await;
        assert_eq!((&failed["kind"], &failed["who"]), (&json!("login"), &who));
        assert!(!failed.to_string().contains("tumbril"), "{failed:#}");
    }
}

#[tokio::test]
async fn who_reads_on_misses_nothing_and_a_gap_is_told() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let admin = server.admin();
    let so_far = admin.lines("/v1/events?follow=false").await.rest().await;
    let last = so_far.last().expect("events")["seq"]
        .as_u64()
        .expect("a seq");
    assert_eq!(last, so_far.len() as u64);
    let after = format!("/v1/events?after={last}");
    assert!(admin.lines(&after).await.rest().await.is_empty());
    ana.room("one", Kind::Public).await;
    let ws = ana.connect().await;
    let new = admin.lines(&format!("{after}&kinds=act,login")).await;
    let new = new.rest().await;
    assert_eq!(new.len(), 1, "{new:#?}");
    assert_eq!(
        (&new[0]["what"], &new[0]["seq"]),
        (&json!("room.create"), &json!(last + 1))
    );
    drop(ws);

    // More than are remembered.
    for i in 0..4200 {
        let notice = json!({"text": format!("{i}")});
        admin.post("/v1/notices", notice).await;
    }
    let all = admin
        .lines(&format!("{after}&kinds=act"))
        .await
        .rest()
        .await;
    let gap = all[0]["gap"].as_u64().expect("a gap first");
    assert!(gap > 100, "{gap}");
    assert_eq!(all[1]["seq"].as_u64(), Some(last + gap + 1));
    let newest = all.last().expect("events");
    assert_eq!(newest["what"], "notice.send");
    assert!(
        !newest.to_string().contains("4199"),
        "what it says is not told"
    );
    let refused = admin
        .request("GET", "/v1/events?kinds=act,weather", Value::Null)
        .await;
    assert!(
        refused.text.contains("there is no \\\"weather\\\""),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn following_ends_when_the_server_stops() {
    let mut server = Server::start().await;
    let mut events = server.admin().lines("/v1/events?follow=true").await;
    events.until(|e| e["what"] == "server.started").await;
    server.stop().await;
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn a_job_is_listed_told_and_stopped() {
    let server = Server::archiving().await;
    let ana = server.user("ana").await;
    let (room, next) = (
        ana.room("old", Kind::Public).await,
        ana.room("older", Kind::Public).await,
    );
    for room in [&room, &next] {
        ana.send(room, "one").await;
        ana.send(room, "two").await;
    }
    let admin = server.admin();
    assert_eq!(admin.get("/v1/jobs").await["items"], json!([]));
    // So slow that it is at the first room still when it is stopped.
    let slow = json!({"before": "1ms", "rooms": [room.id, next.id], "rate": 1});
    let run = admin.post("/v1/archive/runs", slow).await;
    let id = run["id"].as_str().expect("an id");
    let jobs = admin.get("/v1/jobs").await;
    let job = &jobs["items"][0];
    assert_eq!((&job["id"], &job["kind"]), (&json!(id), &json!("archive")));
    assert_eq!(
        (&job["stoppable"], &job["unit"]),
        (&json!(true), &json!("entries"))
    );
    let frame = admin.lines("/v1/watch?frames=1").await.rest().await;
    assert_eq!(frame[0]["jobs"][0]["id"], id);
    let stop = format!("/v1/jobs/{id}/stop");
    admin.post(&stop, json!({"dry_run": true})).await;
    assert_eq!(admin.get("/v1/jobs").await["items"][0]["id"], id);
    admin.post(&stop, Value::Null).await;
    let mut events = admin.lines("/v1/events?kinds=job&follow=true").await;
    let begun = events.next().await.expect("an event");
    assert_eq!(
        (&begun["what"], &begun["target"]),
        (&json!("job.begin"), &json!(id))
    );
    let ended = events.next().await.expect("an event");
    assert_eq!(
        (&ended["what"], &ended["detail"]),
        (&json!("job.end"), &json!("archive, stopped"))
    );
    admin.ended(&run).await;
    let refused = admin.request("POST", &stop, Value::Null).await;
    refused.refused(404, "not_found");
}
