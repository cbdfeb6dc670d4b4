//! Operators find messages in every room with `chatd message search`, whether a server runs or not.

use serde_json::Value;

use super::indexed;
use crate::support::{Kind, Output, Room, Server, Terminal, User, chatd, on_both};

on_both!(
    operators_find_what_is_said_in_every_room,
    a_search_by_operators_is_narrowed_and_ordered,
    a_search_beside_a_stopped_server_finds_what_was_said_last,
    what_was_found_stands_out_on_a_terminal,
);

const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;

fn texts(found: &Output) -> Vec<String> {
    let found = found.json();
    let items = found["items"].as_array().expect("items").iter();
    items
        .map(|m| m["body"].as_str().expect("a text").to_owned())
        .collect()
}

async fn search(server: &Server, args: &[&str]) -> Output {
    let args = [&["message", "search", "--json"], args].concat();
    server.cli(&args).await
}

/// Ana, bob and a private room of hers.
async fn scene(server: &Server) -> (User, User, Room) {
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let own = ana.room("own", Kind::Private).await;
    (ana, bob, own)
}

async fn operators_find_what_is_said_in_every_room() {
    let server = Server::start().await;
    let (ana, bob, own) = scene(&server).await;
    let open = bob.room("open", Kind::Public).await;
    ana.send(&own, "the tea is cold").await;
    let gone = ana.send(&own, "no tea at all").await;
    bob.send(&open, "tea for two").await;
    ana.delete(&own.message(&gone["seq"])).await.ok();
    indexed(&server.admin()).await;
    let found = search(&server, &["tea"]).await;
    assert_eq!(texts(&found), ["tea for two", "the tea is cold"]);
    let found = found.json();
    assert_eq!(
        (&found["complete"], &found["behind"]),
        (&true.into(), &0.into())
    );
    let first = &found["items"][1];
    assert_eq!(
        (&first["room"], &first["room_name"], &first["name"]),
        (&Value::from(own.id.as_str()), &"own".into(), &"ana".into())
    );
    assert_eq!(
        first["snippet"][1],
        serde_json::json!({"text": "tea", "hit": true})
    );
    // Reading is no act.
    let acts = server.admin().get("/v1/audit?act=message.*").await;
    let acts = acts["items"].as_array().expect("items");
    assert!(
        acts.iter().all(|act| act["act"] != "message.search"),
        "{acts:#?}"
    );
    // Members have their own, and no way to this one.
    let theirs = ana.get("/v1/search?q=two").await.ok();
    assert_eq!(theirs["items"], serde_json::json!([]));
    let none = server.cli(&["message", "search", "coffee"]).await;
    assert_eq!(none.ok(), "");
    assert!(none.stderr.contains("Nothing was found."), "{none}");
}

async fn a_search_by_operators_is_narrowed_and_ordered() {
    let server = Server::start().await;
    let (ana, bob, own) = scene(&server).await;
    let open = bob.room("open", Kind::Public).await;
    ana.join(&open).await;
    let best = bob.send(&open, "cold tea, tea, and tea").await;
    for i in 0..7 {
        ana.send(&open, &format!("tea {i}, with a lot of other words"))
            .await;
    }
    let last = ana.send(&own, "tea").await;
    indexed(&server.admin()).await;
    let by_ana = search(&server, &["tea", "--from", "ana", "--room", "open"]).await;
    assert_eq!(texts(&by_ana).len(), 7);
    assert_eq!(
        texts(&search(&server, &["--from", "bob"]).await),
        ["cold tea, tea, and tea"]
    );
    let few = search(&server, &["tea", "--limit", "3"]).await;
    assert_eq!(texts(&few).len(), 3);
    assert!(few.json()["next"].is_string(), "{few}");
    let fits = search(&server, &["tea", "--best", "--limit", "1"]).await;
    assert_eq!(texts(&fits), ["cold tea, tea, and tea"]);
    let without = search(&server, &["tea -cold -words"]).await;
    assert_eq!(texts(&without), ["tea"]);
    let moment = |message: &Value| {
        let at = message["at"].as_i64().expect("a time");
        let at = jiff::Timestamp::from_millisecond(at);
        at.expect("a time").to_string()
    };
    let since = search(&server, &["tea", "--since", &moment(&last)]).await;
    assert_eq!(texts(&since)[0], "tea");
    assert!(texts(&since).len() < 9, "{since}");
    let until = search(&server, &["cold", "--until", &moment(&best)]).await;
    assert_eq!(texts(&until).len(), 0, "{until}");
    for (args, code, why) in [
        (&[][..], USAGE, "WORDS"),
        (&["\"tea"], USAGE, "not closed"),
        (&["tea", "--room", "nowhere"], NOT_FOUND, "room list"),
        (&["tea", "--from", "nobody"], NOT_FOUND, "user list"),
        (&["tea", "--since", "1h", "--until", "2h"], USAGE, "between"),
    ] {
        let args = [&["message", "search"], args].concat();
        let refused = server.cli(&args).await;
        assert!(refused.failed(code).contains(why), "{refused}");
    }
}

async fn a_search_beside_a_stopped_server_finds_what_was_said_last() {
    let mut server = Server::start().await;
    let (ana, _, own) = scene(&server).await;
    ana.send(&own, "the tea is cold").await;
    indexed(&server.admin()).await;
    let said = ana.send(&own, "the tea is hot").await;
    server.kill9().await;
    let found = search(&server, &["tea"]).await;
    assert_eq!(texts(&found), ["the tea is hot", "the tea is cold"]);
    assert!(found.stderr.contains("chatd is not running"), "{found}");
    // With no index at all.
    std::fs::remove_file(server.data_dir().join("search.db")).expect("it is there");
    let found = search(&server, &["hot"]).await;
    assert_eq!(found.json()["items"][0]["seq"], said["seq"]);
    assert_eq!(found.json()["complete"], true);
}

async fn what_was_found_stands_out_on_a_terminal() {
    let server = Server::start().await;
    let (ana, _, own) = scene(&server).await;
    ana.send(&own, "the tea\nis cold, and nobody drinks tea")
        .await;
    indexed(&server.admin()).await;
    let data_dir = server.data_dir();
    let mut command = chatd(data_dir.parent().expect("a directory"));
    command
        .env("NO_COLOR", "")
        .env("TERM", "xterm-256color")
        .args(["message", "search", "tea", "--data-dir"])
        .arg(&data_dir);
    let (mut terminal, _) = Terminal::open(command, 60, 24);
    assert!(terminal.ended().await.success());
    terminal.shows("the tea is").await;
    let written = terminal.written();
    assert!(
        written.contains("the \u{1b}[1mtea\u{1b}[0m is"),
        "{written}"
    );
    // One line for each, however narrow it is.
    let lines: Vec<_> = terminal.screen().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
}
