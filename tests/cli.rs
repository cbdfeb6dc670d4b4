//! Promise 5: every act of an operator is one command, with the server up or down, fit for scripts.

use serde_json::{Value, json};

use crate::support::{Kind, PASSWORD, Server, User};

const NOT_FOUND: i32 = 3;
const CONFLICT: i32 = 4;
const UNREACHABLE: i32 = 6;

#[tokio::test]
async fn the_first_admin_is_made_before_the_first_start() {
    let mut server = Server::builder().prepare();
    let made = server
        .cli(&["user", "add", "ana", "--role", "admin", "--json"])
        .await
        .json();
    server.boot().await;
    let claim = json!({"code": made["code"], "password": PASSWORD});
    server.rest().post("/v1/claim", claim).await.ok();
    let ana = User::login(server.rest(), "ana", PASSWORD).await;
    assert_eq!(ana.get("/v1/me").await.ok()["role"], "admin");
}

#[tokio::test]
async fn users_are_made_and_shown_with_the_server_up_or_down() {
    let mut server = Server::start().await;
    let mut shown = Vec::new();
    for (i, name) in ["ana", "bob"].into_iter().enumerate() {
        if i == 1 {
            server.stop().await;
        }
        server
            .cli(&["user", "add", name, "--role", "moderator"])
            .await
            .ok();
        let user = server.cli(&["user", "show", name, "--json"]).await.json();
        assert_eq!(
            (&user["name"], &user["role"]),
            (&json!(name), &json!("moderator"))
        );
        assert_eq!(user["status"], "invited", "{user:#}");
        server.cli(&["user", "add", name]).await.failed(CONFLICT);
        server
            .cli(&["user", "show", "nobody"])
            .await
            .failed(NOT_FOUND);
        shown.push(user["id"].clone());
        let list = server.cli(&["user", "list", "--json"]).await.json();
        let ids: Vec<_> = list["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|u| u["id"].clone())
            .collect();
        assert_eq!(ids.len(), shown.len(), "{list:#}");
        assert!(shown.iter().all(|id| ids.contains(id)), "{list:#}");
    }
    assert!(server.cli(&["user", "list"]).await.ok().contains("ana"));
    server.boot().await;
}

#[tokio::test]
async fn rooms_are_listed_and_shown() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let hidden = ana.room("plans", Kind::Private).await;
    ana.send(&room, "hi").await;
    let list = server.cli(&["room", "list", "--json"]).await.json();
    let mut names: Vec<_> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|r| r["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["general", "plans"]);
    for room in [&room, &hidden] {
        let shown = server
            .cli(&["room", "show", &room.id, "--json"])
            .await
            .json();
        assert_eq!(
            (&shown["id"], &shown["name"]),
            (&json!(room.id), &json!(room.name))
        );
    }
    assert!(server.cli(&["room", "list"]).await.ok().contains("general"));
    server
        .cli(&["room", "show", "nowhere"])
        .await
        .failed(NOT_FOUND);
}

#[tokio::test]
async fn what_an_operator_does_is_in_force_at_once() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let mut ws = ana.connect().await;
    server.cli(&["user", "disable", "ana"]).await.ok();
    assert!(ws.closed().await.code.is_some_and(|code| code >= 4500));
    ana.get("/v1/me").await.refused(401, "unauthorized");
    server.cli(&["user", "enable", "ana"]).await.ok();
    ana.again().await.connect().await.events_so_far().await;
}

#[tokio::test]
async fn tables_carry_no_control_characters() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let mut device = json!({"login": "ana", "password": PASSWORD});
    device["device"] = json!("\u{1b}]0;owned\u{7}");
    server
        .rest()
        .post("/v1/login", device)
        .await
        .refused_field("device");
    ana.request("PATCH", "/v1/me", json!({"display_name": "Ana 💚 ünï"}))
        .await
        .ok();
    let room = json!({"name": "general", "kind": "public", "title": "ﷺ wide 漢字"});
    ana.post("/v1/rooms", room).await.ok();
    for args in [
        &["user", "list"][..],
        &["user", "show", "ana"],
        &["room", "list"],
        &["room", "show", "general"],
        &["status"],
    ] {
        let output = server.cli(args).await;
        let strange: Vec<_> = output
            .ok()
            .chars()
            .filter(|&c| c.is_control() && c != '\n')
            .collect();
        assert!(strange.is_empty(), "{args:?}: {strange:?}");
    }
    // What came in as an argument goes out escaped as well.
    let complaint = server.cli(&["user", "show", "\u{1b}[31mred"]).await;
    assert!(!complaint.stderr.contains('\u{1b}'), "{complaint}");
}

#[tokio::test]
async fn health_and_status_tell_whether_it_runs() {
    let mut server = Server::start().await;
    server.cli(&["health"]).await.ok();
    let _ana = server.user("ana").await.connect().await;
    let status = server.cli(&["status", "--json"]).await.json();
    assert!(status.is_object(), "{status}");
    assert!(status["version"].is_string(), "{status:#}");
    server.stop().await;
    server.cli(&["health"]).await.failed(UNREACHABLE);
    server.boot().await;
    server.cli(&["health", "--json"]).await.json();
}

#[tokio::test]
async fn a_data_directory_has_one_server() {
    let server = Server::start().await;
    let second = server.cli(&["serve", "--listen", "127.0.0.1:0"]).await;
    second.failed(UNREACHABLE);
    server.rest().get("/v1/info").await.ok();
}

#[tokio::test]
async fn every_answer_for_scripts_is_json() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    ana.room("general", Kind::Public).await;
    for args in [
        &["user", "list"][..],
        &["user", "show", "ana"],
        &["user", "add", "bob"],
        &["user", "role", "bob", "moderator"],
        &["user", "disable", "bob"],
        &["user", "enable", "bob"],
        &["room", "list"],
        &["room", "show", "general"],
        &["invite", "create"],
        &["status"],
        &["config", "show"],
        &["config", "check"],
    ] {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let answer: Value = server.cli(&args).await.json();
        assert!(answer.is_object(), "{args:?}: {answer}");
    }
    let refused = server.cli(&["user", "show", "nobody", "--json"]).await;
    refused.failed(NOT_FOUND);
    assert_eq!(refused.stdout, "", "an error is not an answer");
}

#[tokio::test]
async fn two_who_step_down_at_once_leave_an_admin() {
    let server = Server::start().await;
    for name in ["ana", "bob"] {
        server
            .cli(&["user", "add", name, "--role", "admin"])
            .await
            .ok();
    }
    let rest = server.rest();
    for name in ["ana", "bob"] {
        let code = server.cli(&["user", "reset", name, "--json"]).await.json();
        let claim =
            serde_json::json!({"code": code["code"], "password": "Quartz-lemur-91-veranda"});
        rest.post("/v1/claim", claim).await.ok();
    }
    let (one, other) = tokio::join!(
        server.cli(&["user", "role", "ana", "member"]),
        server.cli(&["user", "role", "bob", "member"]),
    );
    let done = [one, other].iter().filter(|o| o.code == Some(0)).count();
    assert_eq!(done, 1, "exactly one may step down");
}
