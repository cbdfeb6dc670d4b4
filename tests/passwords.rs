//! Passwords: what is refused, that a refusal tells nothing, and that hashing stops nobody's messages.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use crate::support::{Kind, PASSWORD, Server, User, within};

#[tokio::test]
async fn an_unknown_account_and_a_wrong_password_are_alike() {
    let server = Server::start().await;
    server.user("ana").await;
    server.cli(&["user", "add", "ida", "--json"]).await.ok();
    let rest = server.rest();
    let login = |name: &str| json!({"login": name, "password": "not-the-Password-7"});
    let wrong = rest.post("/v1/login", login("ana")).await;
    for name in ["nobody", "ida", "not a name", "nobody@example.org"] {
        let unknown = rest.post("/v1/login", login(name)).await;
        assert_eq!(unknown.anonymous(), wrong.anonymous(), "{name}");
        unknown.refused(401, "unauthorized");
    }
    wrong.refused(401, "unauthorized");
}

#[tokio::test]
async fn an_unknown_account_costs_as_much_as_a_wrong_password() {
    let (server, metrics) = super::metrics::metered().await;
    let ana = server.user("ana").await;
    let eve = server.user("eve").await;
    let admin = server.admin();
    admin.set_status(&eve.name, "disabled").await.ok();
    // Somebody who has no password yet.
    server.cli(&["user", "add", "ida", "--json"]).await.ok();
    let rest = server.rest();
    let hashes = async || super::metrics::sample(metrics, "chatd_hashes_total").await;
    let mut costs = Vec::new();
    for name in [
        &ana.name,
        "nobody",
        &eve.name,
        "ida",
        "not a name",
        "nobody@example.org",
    ] {
        let before = hashes().await;
        let login = json!({"login": name, "password": "not-the-Password-7"});
        rest.post("/v1/login", login)
            .await
            .refused(401, "unauthorized");
        costs.push((name, hashes().await - before));
    }
    assert!(costs.iter().all(|(_, cost)| *cost == 1), "{costs:?}");
}

#[tokio::test]
async fn bad_passwords_are_refused_by_name() {
    let server = Server::start().await;
    let rest = server.rest();
    for bad in ["", "short", "password", "ana-ana-ana", &"x".repeat(1025)] {
        let asked = json!({"username": "ana", "password": bad});
        rest.post("/v1/register", asked)
            .await
            .refused_field("password");
    }
    // Not hashed, not a reason to fail: too long is just wrong.
    let long = json!({"login": "ana", "password": "x".repeat(5000)});
    let reply = rest.post("/v1/login", long).await;
    assert!(matches!(reply.status, 400 | 401), "{reply:#?}");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    const NEW: &str = "Quartz-lemur-91-veranda";
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let other = ana.again().await;
    let (mut ws, mut other_ws) = (ana.connect().await, other.connect().await);

    let wrong = json!({"old": "not-the-Password-7", "new": NEW});
    let reply = ana.post("/v1/me/password", wrong).await;
    assert!(matches!(reply.status, 400 | 401 | 403), "{reply:#?}");
    let weak = json!({"old": PASSWORD, "new": "password"});
    ana.post("/v1/me/password", weak).await.refused_field("new");
    other_ws.events_so_far().await;

    ana.post("/v1/me/password", json!({"old": PASSWORD, "new": NEW}))
        .await
        .ok();
    assert_eq!(other_ws.closed().await.code, Some(4503));
    other.get("/v1/me").await.refused(401, "unauthorized");
    ws.events_so_far().await;
    ana.get("/v1/me").await.ok();
    let old = json!({"login": "ana", "password": PASSWORD});
    server
        .rest()
        .post("/v1/login", old)
        .await
        .refused(401, "unauthorized");
    User::login(server.rest(), "ana", NEW).await;
}

#[tokio::test]
async fn an_operator_sets_a_new_password() {
    const NEW: &str = "Quartz-lemur-91-veranda";
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let mut ws = ana.connect().await;
    let set = server
        .cli_with(&["user", "passwd", "ana", "--stdin"], &format!("{NEW}\n"))
        .await;
    set.ok();
    assert!(
        !format!("{}{}", set.stdout, set.stderr).contains(NEW),
        "a secret is not printed"
    );
    assert_eq!(ws.closed().await.code, Some(4503));
    User::login(server.rest(), "ana", NEW).await;
}

#[tokio::test]
async fn two_hundred_logins_do_not_stop_a_conversation() {
    const LOGINS: usize = 200;
    let server = Server::builder().dear_passwords().start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut ears = bob.listen(&room).await;
    let mut mouth = ana.connect().await;

    let done = Arc::new(AtomicUsize::new(0));
    let started = Arc::new(tokio::sync::Semaphore::new(0));
    let logins: Vec<_> = (0..LOGINS)
        .map(|_| {
            let (rest, done, started) = (server.rest(), Arc::clone(&done), Arc::clone(&started));
            tokio::spawn(async move {
                let login = json!({"login": "bob", "password": PASSWORD});
                started.add_permits(1);
                let reply = rest.post("/v1/login", login).await;
                done.fetch_add(1, Ordering::SeqCst);
                if reply.status == 503 {
                    reply.refused(503, "busy");
                } else {
                    reply.ok();
                }
            })
        })
        .collect();
    // All of them are on their way, and at least one is through: the rest is being worked on.
    let all = u32::try_from(LOGINS).expect("few");
    within("the logins to start", started.acquire_many(all))
        .await
        .expect("open")
        .forget();
    while done.load(Ordering::SeqCst) == 0 {
        mouth
            .request(json!({"op": "ping"}))
            .await
            .expect("a ping is answered");
    }
    mouth.send(&room, "can you hear me?").await;
    ears.expect_message("can you hear me?").await;
    let done = done.load(Ordering::SeqCst);
    assert!(done < LOGINS, "the message waited for every login");
    for login in logins {
        within("a login to be answered", login)
            .await
            .expect("it was taken or refused as busy");
    }
    let me: Value = bob.get("/v1/me").await.ok();
    assert_eq!(me["name"], "bob");
}
