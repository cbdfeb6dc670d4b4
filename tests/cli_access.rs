//! Who may what, and by what they come in, from the command line: roles, sessions, tokens.

use serde_json::{Value, json};

use crate::support::{Kind, Server, User, on_both};

const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const CONFLICT: i32 = 4;

on_both!(
    a_role_of_ones_own_is_in_force_at_once,
    a_session_ends_where_it_is,
    a_bot_comes_in_with_a_token_until_it_is_revoked,
);

async fn a_role_of_ones_own_is_in_force_at_once() {
    let mut server = Server::start().await;
    let (bob, _eve) = (server.user("bob").await, server.user("eve").await);
    server.stop().await;
    let add = ["role", "add", "keeper", "--from", "member"];
    let more = ["--permission", "user.mute,user.read", "--json"];
    let made = server.cli(&[&add[..], &more].concat()).await.json();
    let member = server.cli(&["role", "show", "member", "--json"]).await;
    let many = |role: &Value| role["permissions"].as_array().map(Vec::len);
    let members = many(&member.json()).expect("a list");
    assert_eq!(many(&made), Some(members + 2), "{made:#}");
    server.boot().await;

    let mute = async || bob.request("PUT", "/v1/users/eve/mute", json!({})).await;
    mute().await.refused(403, "forbidden");
    server.cli(&["user", "role", "bob", "keeper"]).await.ok();
    mute().await.ok();
    let edit = ["role", "edit", "keeper", "--remove", "user.mute"];
    server.cli(&[&edit[..], &["-n"]].concat()).await.ok();
    mute().await.ok();
    server.cli(&edit).await.ok();
    mute().await.refused(403, "forbidden");

    let held = server.cli(&["role", "delete", "keeper"]).await;
    assert!(held.failed(CONFLICT).contains("1 account has"), "{held}");
    server.cli(&["user", "role", "bob", "member"]).await.ok();
    server.cli(&["role", "delete", "keeper"]).await.ok();
    let gone = server.cli(&["role", "show", "keeper"]).await;
    assert!(gone.failed(NOT_FOUND).contains("chatd role list"), "{gone}");
    let invented = server.cli(&["user", "role", "bob", "keeper"]).await;
    assert!(
        invented.failed(NOT_FOUND).contains("no such role"),
        "{invented}"
    );
}

#[tokio::test]
async fn roles_that_cannot_be_are_refused() {
    let server = Server::start().await;
    for (args, exit) in [
        (&["role", "add", "member"][..], CONFLICT),
        (&["role", "edit", "admin", "--remove", "user.ban"], CONFLICT),
        (&["role", "delete", "guest"], CONFLICT),
        (&["role", "add", "keeper", "--permission", "fly"], USAGE),
        (&["role", "add", "Keeper"], USAGE),
        (&["role", "add", "keeper", "--from", "nobody"], NOT_FOUND),
        (&["role", "edit", "nobody", "--add", "user.ban"], NOT_FOUND),
        (&["role", "edit", "nobody"], USAGE),
    ] {
        server.cli(args).await.failed(exit);
    }
    let list = server.cli(&["role", "list", "--json"]).await.json();
    let names = list["items"].as_array().expect("items").iter();
    let names: Vec<_> = names.map(|r| r["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["guest", "auditor", "member", "moderator", "admin"]);
    let catalogue = server.cli(&["role", "permissions", "--json"]).await.json();
    for permission in catalogue["items"].as_array().expect("items") {
        let roles = permission["roles"].as_array().expect("roles");
        assert!(roles.contains(&json!("admin")), "{permission:#}");
    }
    let words = server.cli(&["role", "permissions"]).await;
    let fits = words.ok().lines().all(|line| line.chars().count() <= 80);
    assert!(fits && words.stdout.contains("user.ban"), "{words}");
}

async fn a_session_ends_where_it_is() {
    let mut server = Server::start().await;
    let one = server.user("ana").await;
    let other = one.again().await;
    let list = server.cli(&["session", "list", "ana", "--json"]).await;
    let ids = list.json()["items"].as_array().expect("items").len();
    assert_eq!(ids, 2, "{list}");
    let (mut ends, mut stays) = (one.connect().await, other.connect().await);
    let revoke = ["session", "revoke", "ana", &one.session];
    server.cli(&[&revoke[..], &["-n"]].concat()).await.ok();
    ends.events_so_far().await;
    server.cli(&revoke).await.ok();
    assert_eq!(ends.closed().await.code, Some(4503));
    stays.events_so_far().await;
    server.cli(&revoke).await.failed(NOT_FOUND);
    server
        .cli(&["session", "revoke", "ana"])
        .await
        .failed(USAGE);

    let all = ["session", "revoke", "ana", "--all", "--json"];
    let ended = server.cli(&all).await.json();
    assert_eq!(ended, json!({"sessions_ended": 1, "dry_run": false}));
    assert_eq!(stays.closed().await.code, Some(4503));
    let late = one.again().await;
    server.stop().await;
    server.cli(&all).await.ok();
    server.boot().await;
    late.get("/v1/me").await.refused(401, "unauthorized");
    late.again().await.get("/v1/me").await.ok();
}

/// What a bot is to the server: a user with a token.
fn bot(ana: &User, token: &str) -> User {
    User {
        token: token.to_owned(),
        ..ana.clone()
    }
}

async fn a_bot_comes_in_with_a_token_until_it_is_revoked() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    server.cli(&["user", "add", "herald", "--bot"]).await.ok();
    server.cli(&["room", "add", "general", "herald"]).await.ok();
    let issue = ["token", "issue", "herald", "--scope", "message.send"];
    let named = |name| [&issue[..], &["--name", name]].concat();
    server.cli(&[&named("ci")[..], &["-n"]].concat()).await.ok();
    let list = server.cli(&["token", "list", "herald", "--json"]).await;
    assert_eq!(list.json()["items"], json!([]), "{list}");

    // As a script takes it: the token, and nothing else.
    server.stop().await;
    let quiet = server.cli(&[&named("ci")[..], &["--quiet"]].concat()).await;
    server.boot().await;
    let ci = bot(&ana, quiet.ok().trim_end());
    assert!(!ci.token.contains(char::is_whitespace), "{quiet}");
    ci.send(&room, "built").await;
    let mut ws = ci.connect().await;
    ws.send(&room, "and over a socket").await;
    let room_of_mine = json!({"name": "mine", "kind": "public"});
    ci.post("/v1/rooms", room_of_mine)
        .await
        .refused(403, "forbidden");
    let issued = server.cli(&[&named("cd")[..], &["--json"]].concat()).await;
    let issued = issued.json();
    let cd = bot(&ana, issued["token"].as_str().expect("a token"));
    assert_eq!(issued["scopes"], json!(["message.send"]), "{issued:#}");
    let list = server.cli(&["token", "list", "herald", "--json"]).await;
    assert!(!list.ok().contains(&cd.token), "{list}");

    server.cli(&["token", "revoke", "herald", "ci"]).await.ok();
    assert_eq!(ws.closed().await.code, Some(4503));
    ci.get("/v1/me").await.refused(401, "unauthorized");
    cd.send(&room, "still").await;
    server
        .cli(&["token", "revoke", "herald", "ci"])
        .await
        .failed(NOT_FOUND);
    assert_refused(&server, &named("cd"), CONFLICT).await;
    assert_refused(&server, &["token", "list", "nobody"], NOT_FOUND).await;
    let person = [
        "token",
        "issue",
        "ana",
        "--name",
        "x",
        "--scope",
        "room.join",
    ];
    assert_refused(&server, &person, CONFLICT).await;
    let more = [
        "token", "issue", "herald", "--name", "x", "--scope", "user.ban",
    ];
    assert_refused(&server, &more, USAGE).await;
    let bare = ["token", "issue", "herald", "--name", "x"];
    assert_refused(&server, &bare, USAGE).await;
}

async fn assert_refused(server: &Server, args: &[&str], exit: i32) {
    let answer = server.cli(args).await;
    answer.failed(exit);
    assert_eq!(answer.stdout, "", "{answer}");
}

#[tokio::test]
async fn a_code_is_printed_alone_for_scripts() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("plans", Kind::Private).await;
    for args in [
        &["user", "add", "bob"][..],
        &["user", "reset", "bob"],
        &["invite", "create"],
        &["room", "invite", "create", &room.id],
    ] {
        let answer = server.cli(&[args, &["--quiet"]].concat()).await;
        let words = answer.ok().split_whitespace().count();
        assert_eq!((words, answer.stderr.as_str()), (1, ""), "{answer}");
    }
    let bob = server.cli(&["user", "show", "bob", "--json"]).await.json();
    assert_eq!(bob["sessions"], Value::Array(Vec::new()));
}
