//! Keeping order from the command line: what it does to people who are there.

use serde_json::{Value, json};

use crate::support::{Kind, PASSWORD, Reply, Room, Server, User, Ws, on_both};

const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const CONFLICT: i32 = 4;

on_both!(
    who_is_muted_says_nothing_more,
    who_is_banned_is_out_at_once,
    a_room_keeps_its_own_order,
    addresses_are_kept_out,
    registration_is_decided_at_run_time,
    reports_are_read_and_resolved,
);

/// Ana's public room, with eve in it.
async fn ana_and_eve() -> (Server, User, User, Room) {
    let server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let room = ana.room("general", Kind::Public).await;
    eve.join(&room).await;
    (server, ana, eve, room)
}

async fn refused_to_say(user: &User, room: &Room, code: &str) {
    let letter = json!({"body": "hear me"});
    user.post(&room.path("/messages"), letter)
        .await
        .refused(403, code);
}

async fn refused_to_log_in(server: &Server, name: &str) {
    let login = json!({"login": name, "password": PASSWORD});
    server
        .rest()
        .post("/v1/login", login)
        .await
        .refused(403, "banned");
}

async fn who_is_muted_says_nothing_more() {
    let (mut server, _ana, eve, room) = ana_and_eve().await;
    let mute = [
        "user",
        "mute",
        "eve",
        "--for",
        "2h",
        "--reason",
        "calm down",
    ];
    let tried = [&mute[..], &["--dry-run"]].concat();
    let words = server.cli(&tried).await;
    assert!(
        words.ok().starts_with("Dry run: eve can be muted"),
        "{words}"
    );
    eve.send(&room, "still here").await;

    let made = server.cli(&[&mute[..], &["--json"]].concat()).await.json();
    let told = (&made["kind"], &made["name"], &made["reason"]);
    assert_eq!(told, (&json!("mute"), &json!("eve"), &json!("calm down")));
    let lasts = made["until"].as_i64().zip(made["at"].as_i64());
    assert_eq!(
        lasts.map(|(until, at)| until - at),
        Some(2 * 60 * 60 * 1000)
    );
    refused_to_say(&eve, &room, "muted").await;

    // It outlasts a restart, and can be lifted while the server is down.
    server.stop().await;
    let shown = server.cli(&["user", "show", "eve"]).await;
    assert!(shown.ok().contains("calm down"), "{shown}");
    server.boot().await;
    refused_to_say(&eve, &room, "muted").await;
    server.stop().await;
    server.cli(&["user", "unmute", "eve"]).await.ok();
    server.boot().await;
    eve.send(&room, "and again").await;
    let again = server.cli(&["user", "unmute", "eve"]).await;
    assert!(
        again.failed(NOT_FOUND).contains("chatd ban list"),
        "{again}"
    );
    server
        .cli(&["user", "mute", "eve", "--for", "0s"])
        .await
        .failed(USAGE);
    server
        .cli(&["user", "mute", "nobody"])
        .await
        .failed(NOT_FOUND);
}

async fn who_is_banned_is_out_at_once() {
    let (mut server, _ana, eve, _room) = ana_and_eve().await;
    let mut ws = eve.connect().await;
    server.cli(&["user", "ban", "eve", "--dry-run"]).await.ok();
    ws.events_so_far().await;
    let ban = ["user", "ban", "eve", "--for", "30d", "--reason", "spam"];
    server.cli(&ban).await.ok();
    assert_eq!(ws.closed().await.code, Some(4504));
    refused_to_log_in(&server, "eve").await;

    let list = server.cli(&["ban", "list", "--json"]).await.json();
    assert_eq!(list["addresses"], json!([]), "{list:#}");
    let (name, kind) = (&list["people"][0]["name"], &list["people"][0]["kind"]);
    assert_eq!((name, kind), (&json!("eve"), &json!("ban")));
    server.cli(&["user", "unban", "eve"]).await.ok();
    eve.again().await.connect().await.events_so_far().await;

    server.stop().await;
    server.cli(&["user", "ban", "eve"]).await.ok();
    server.boot().await;
    refused_to_log_in(&server, "eve").await;

    let root = ["user", "add", "root", "--role", "admin", "--stdin"];
    server.cli_with(&root, PASSWORD).await.ok();
    server.cli(&["user", "ban", "root"]).await.failed(CONFLICT);
}

async fn a_room_keeps_its_own_order() {
    let (server, ana, eve, room) = ana_and_eve().await;
    let other = ana.room("other", Kind::Public).await;
    eve.join(&other).await;
    server
        .cli(&["room", "mute", "general", "eve", "--for", "1h"])
        .await
        .ok();
    refused_to_say(&eve, &room, "muted").await;
    eve.send(&other, "here I may").await;

    let mut ears = eve.listen(&room).await;
    let ban = ["room", "ban", "general", "eve", "--reason", "spam"];
    server.cli(&ban).await.ok();
    let end = ears.next_of("unsubscribed").await;
    assert_eq!(end["why"], "banned", "{end:#}");
    eve.post(&room.path("/join"), Value::Null)
        .await
        .refused(403, "banned");
    let args = ["room", "sanctions", "general", "--json"];
    let list = server.cli(&args).await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2), "{list:#}");

    for lift in ["unmute", "unban"] {
        server.cli(&["room", lift, "general", "eve"]).await.ok();
        server
            .cli(&["room", lift, "general", "eve"])
            .await
            .failed(NOT_FOUND);
    }
    eve.join(&room).await;
    eve.send(&room, "back").await;
    for owner in [
        ["room", "ban", "general", "ana"],
        ["room", "kick", "general", "ana"],
    ] {
        server.cli(&owner).await.failed(CONFLICT);
    }
}

async fn addresses_are_kept_out() {
    let (mut server, ana, eve, _room) = ana_and_eve().await;
    let mut ws = eve_from_afar(&server, &eve).await;
    let add = ["ban", "add", "203.0.113.9/24", "--reason", "spam"];
    server.cli(&[&add[..], &["-n"]].concat()).await.ok();
    ws.events_so_far().await;
    let banned = server.cli(&[&add[..], &["--json"]].concat()).await.json();
    assert_eq!(banned["network"], "203.0.113.0/24", "{banned:#}");
    assert_eq!(ws.closed().await.code, Some(4504));
    from_afar(&server).await.refused(403, "banned");
    ana.connect().await.events_so_far().await;

    let remove = ["ban", "remove", "203.0.113.0/24"];
    server.stop().await;
    server.cli(&remove).await.ok();
    server.boot().await;
    from_afar(&server).await.ok();
    eve_from_afar(&server, &eve).await.events_so_far().await;
    let gone = server.cli(&remove).await;
    assert!(gone.failed(NOT_FOUND).contains("chatd ban list"), "{gone}");
    for wrong in ["0.0.0.0/0", "127.0.0.1", "203.0.113"] {
        server.cli(&["ban", "add", wrong]).await.failed(USAGE);
    }
    let person = server.cli(&["ban", "add", "eve"]).await;
    assert!(person.failed(USAGE).contains("chatd user ban"), "{person}");
}

/// A request that came in through a proxy on this machine.
async fn from_afar(server: &Server) -> Reply {
    let request = hyper::Request::get("/v1/info")
        .header("x-forwarded-for", "203.0.113.7")
        .body(String::new())
        .expect("a request");
    server.rest().send(request).await.expect("an answer")
}

/// Eve's socket that did.
async fn eve_from_afar(server: &Server, eve: &User) -> Ws {
    let bearer = format!("Bearer {}", eve.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-forwarded-for", "203.0.113.7"),
    ];
    let mut ws = Ws::open(server.address(), &headers).await.expect("let in");
    ws.hello(json!({})).await;
    ws
}

async fn registration_is_decided_at_run_time() {
    let mut server = Server::start().await;
    let rest = server.rest();
    let mode = async || rest.get("/v1/info").await.ok()["registration"].clone();
    assert_eq!(mode().await, "open");
    server
        .cli(&["registration", "closed", "--dry-run"])
        .await
        .ok();
    assert_eq!(mode().await, "open");
    server.cli(&["registration", "closed"]).await.ok();
    assert_eq!(mode().await, "closed");
    let eve = json!({"username": "eve", "password": PASSWORD});
    rest.post("/v1/register", eve)
        .await
        .refused(403, "forbidden");
    server.stop().await;
    let shown = server.cli(&["registration", "--json"]).await.json();
    assert_eq!(shown, json!({"mode": "closed", "configured": "auto"}));
    server.cli(&["registration", "invite"]).await.ok();
    server.boot().await;
    assert_eq!(mode().await, "invite");
    server.cli(&["registration", "auto"]).await.ok();
    assert_eq!(mode().await, "open");
}

async fn reports_are_read_and_resolved() {
    let (mut server, ana, eve, room) = ana_and_eve().await;
    let said = eve.send(&room, "buy this").await;
    let report = room.path(&format!("/messages/{}/report", said["seq"]));
    ana.post(&report, json!({"reason": "spam"})).await.ok();
    let shown = server.cli(&["report", "list"]).await;
    for word in ["general", "eve", "ana", "spam"] {
        assert!(shown.ok().contains(word), "{shown}");
    }
    let listed = async |server: &Server, more: &[&str]| {
        let args = [&["report", "list", "--json"], more].concat();
        let list = server.cli(&args).await.json();
        list["items"].as_array().expect("items").clone()
    };
    let open = listed(&server, &["--room", "general"]).await;
    let id = open[0]["id"].as_str().expect("an id");
    server.stop().await;
    server
        .cli(&["report", "resolve", id, "muted for a day"])
        .await
        .ok();
    assert_eq!(listed(&server, &[]).await, Vec::<Value>::new());
    let resolved = listed(&server, &["--resolved"]).await;
    assert_eq!(
        resolved[0]["resolution"], "muted for a day",
        "{resolved:#?}"
    );
    server.boot().await;
    server
        .cli(&["report", "resolve", id, "again"])
        .await
        .failed(CONFLICT);
    let nowhere = ["report", "list", "--room", "nowhere"];
    server.cli(&nowhere).await.failed(NOT_FOUND);
    let nothing = ["report", "resolve", "1", "x"];
    server.cli(&nothing).await.failed(NOT_FOUND);
}

#[tokio::test]
async fn a_list_is_whole_however_long_it_is() {
    let server = Server::start().await;
    let keeper = server.user("keeper").await;
    server
        .cli(&["user", "role", "keeper", "moderator"])
        .await
        .ok();
    let people = server.users("eve", 203).await;
    for eve in &people {
        let path = format!("/v1/users/{}/mute", eve.id);
        keeper.request("PUT", &path, json!({})).await.ok();
    }
    let list = server.cli(&["ban", "list", "--json"]).await.json();
    let names = list["people"].as_array().expect("people").iter();
    let mut names: Vec<_> = names.map(|p| p["name"].as_str().expect("a name")).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), people.len());
}
