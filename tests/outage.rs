//! What chatd promises while its database is away: everybody is told at once, nobody is cut off, and it goes on
//! by itself when the database is back.

use serde_json::json;

use crate::support::{Database, Kind, Proxy, Server, assert_consecutive, history};

#[tokio::test]
async fn everything_says_that_the_database_is_away_and_goes_on_when_it_is_back() {
    let Some(mut database) = Database::start() else {
        return;
    };
    let server = Server::builder()
        .set("store.url", &database.url())
        .start()
        .await;
    let ana = server.user("ana").await;
    let bob = server.user("bob").await;
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let (mut talking, mut listening) = (ana.listen(&room).await, bob.listen(&room).await);
    let rest = server.rest();
    assert_eq!(rest.get("/readyz").await.status, 200);
    let before = server.cli(&["status", "--json"]).await.json();
    assert_eq!(before["store"]["users"], 2, "{before:#}");

    for round in 0..2 {
        let body = format!("before {round}");
        talking.send(&room, &body).await;
        for ws in [&mut talking, &mut listening] {
            assert_eq!(ws.next_of("message").await["body"], body);
        }
        database.kill9();
        // Nobody has asked for anything.
        server
            .process()
            .logged_times("the database is away", round + 1)
            .await;
        let said = server.process().log().len();

        let ready = rest.get("/readyz").await;
        assert_eq!(
            (ready.status, ready.text.as_str()),
            (503, "the store does not answer\n")
        );
        assert_eq!(rest.get("/livez").await.status, 200);
        let health = server.cli(&["health"]).await;
        assert!(health.failed(10).contains("does not answer"), "{health}");
        let status = server.cli(&["status"]).await;
        let page = status.ok();
        for words in [
            "is running",
            "MongoDB",
            ", does not answer",
            "trouble",
            "away since",
        ] {
            assert!(page.contains(words), "no {words:?}: {status}");
        }
        let status = server.cli(&["status", "--json"]).await.json();
        for known in ["backend", "location", "version", "schema", "epoch"] {
            assert_eq!(status["store"][known], before["store"][known], "{status:#}");
        }
        for unknown in ["bytes", "users", "rooms"] {
            assert!(status["store"][unknown].is_null(), "{status:#}");
        }
        assert_eq!(status["store"]["ready"], false, "{status:#}");
        assert_eq!(status["counts"]["connections"], 2, "{status:#}");

        let send =
            json!({"op": "send", "room": room.id, "body": "late", "txn": format!("late-{round}")});
        for _ in 0..50 {
            let refusal = talking.request(send.clone()).await.expect_err("it is away");
            assert_eq!(refusal.code, "unavailable");
        }
        let late = json!({"body": "late", "txn": "over-rest"});
        ana.post(&room.path("/messages"), late)
            .await
            .refused(503, "unavailable");
        ana.get(&room.path("/messages"))
            .await
            .refused(503, "unavailable");
        let login = json!({"login": "ana", "password": crate::support::PASSWORD});
        rest.post("/v1/login", login)
            .await
            .refused(503, "unavailable");
        // Whoever is known is welcome, and hears nothing they should not.
        let mut third = bob.connect().await;
        for ws in [&mut talking, &mut listening, &mut third] {
            assert_eq!(ws.events_so_far().await, Vec::<serde_json::Value>::new());
        }
        let log = server.process().log();
        assert_eq!(log.len(), said, "refusals fill the log:\n{log}");

        database.boot();
        // Nobody has asked for anything.
        server
            .process()
            .logged_times("the database is back", round + 1)
            .await;
        assert_eq!(rest.get("/readyz").await.status, 200);
        server.cli(&["health"]).await.ok();
        talking.request(send).await.expect("it is back");
        for ws in [&mut talking, &mut listening] {
            assert_eq!(ws.next_of("message").await["body"], "late");
        }
    }
    let stored = history(&ana, &room).await;
    assert_consecutive(stored[0]["seq"].as_u64().expect("a seq") - 1, &stored);
    let bodies: Vec<_> = stored
        .iter()
        .map(|m| m["body"].as_str().expect("a body"))
        .collect();
    assert_eq!(bodies, ["before 0", "late", "before 1", "late"]);
}

#[tokio::test]
async fn a_moment_without_connections_refuses_nobody() {
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
    for i in 0..20 {
        if i % 5 == 0 {
            proxy.cut_all();
        }
        ws.send(&room, &format!("m{i}")).await;
        ana.get(&room.path("/messages")).await.ok();
    }
    assert_eq!(history(&ana, &room).await.len(), 20);
    assert!(!server.process().log().contains("the database is away"));
}
