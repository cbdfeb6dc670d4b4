//! Text from people cannot act on an operator's terminal, in whatever form it is asked for.

use serde_json::json;

use crate::support::{Kind, Server, User};

/// Texts that would move the cursor, colour the screen, turn a line round, or break a table.
const NASTY: &[&str] = &[
    "\u{1b}[2J\u{1b}[31mred",
    "\u{1b}]0;title\u{7}",
    "\u{9b}31m c1",
    "a\tb\u{b}c",
    "a\nb\r\nc",
    "\u{202e}desrever\u{2066}x\u{2069}",
    "\u{200f}\u{61c}mark",
    "zero\u{200b}width\u{feff}\u{2060}",
    "漢字かな ｗｉｄｅ",
    "e\u{301}\u{302}\u{303} combining",
    "👩\u{200d}🚀 family",
    "line\u{2028}separator",
    "del\u{7f}",
];

/// Every command that shows what people wrote.
const SHOWN: &[&[&str]] = &[
    &["user", "list"],
    &["user", "show", "ana"],
    &["session", "list", "ana"],
    &["token", "list", "ci"],
    &["room", "list"],
    &["room", "show", "general"],
    &["room", "sanctions", "general"],
    &["room", "invite", "list", "general"],
    &["ban", "list"],
    &["report", "list"],
    &["hold", "list"],
    &["role", "list"],
    &["message", "redactions"],
    &["message", "export"],
    &["conn", "list"],
    &["audit", "list"],
    &["status"],
];

/// Puts a text wherever a person or an operator may put one; what the server does not take is not there.
async fn spread(server: &Server, ana: &User, room: &str, text: &str) {
    let path = |rest: &str| format!("/v1/rooms/{room}{rest}");
    let said = ana.post(&path("/messages"), json!({"body": text})).await;
    if said.status == 201 {
        let report = path(&format!("/messages/{}/report", said.body["seq"]));
        ana.post(&report, json!({"reason": text})).await;
    }
    ana.request("PATCH", "/v1/me", json!({"display_name": text}))
        .await;
    ana.request("PATCH", &path(""), json!({"title": text, "topic": text}))
        .await;
    let login = json!({"login": "ana", "password": crate::support::PASSWORD, "device": text});
    server.rest().post("/v1/login", login).await;
    let admin = server.admin();
    for (method, path, body) in [
        (
            "PUT",
            "/v1/users/bo/mute".to_owned(),
            json!({"reason": text}),
        ),
        ("PUT", path("/mutes/bo"), json!({"reason": text})),
        (
            "POST",
            "/v1/holds".to_owned(),
            json!({"on": "user", "target": "bo", "reason": text}),
        ),
        (
            "POST",
            "/v1/users/ci/tokens".to_owned(),
            json!({"name": text, "scopes": ["message.read"]}),
        ),
        (
            "POST",
            "/v1/roles".to_owned(),
            json!({"name": "r", "description": text, "permissions": []}),
        ),
    ] {
        admin.request(method, &path, body).await;
    }
}

#[tokio::test]
async fn nothing_that_people_write_acts_on_a_terminal() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let bo = server.user("bo").await;
    server.bot("ci", "member").await;
    let room = ana.room("general", Kind::Public).await;
    bo.join(&room).await;
    for text in NASTY {
        spread(&server, &ana, &room.id, text).await;
    }
    let _listening = ana.listen(&room).await;
    let nothing = server.cli(&["message", "export"]).await;
    // The test is of something: messages may hold whatever their sender likes.
    assert!(nothing.ok().contains("\\u202edesrever"), "{nothing}");
    for &args in SHOWN {
        for form in ["table", "json", "jsonl", "tsv"] {
            let shown = server.cli(&[args, &["--output", form][..]].concat()).await;
            let acts = |c: char| {
                let separates = c == '\n' || (c == '\t' && form == "tsv");
                (c.is_control() && !separates)
                    || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            };
            let found: Vec<_> = shown.ok().chars().filter(|c| acts(*c)).collect();
            assert!(found.is_empty(), "{args:?} {form}: {found:?}");
            assert!(!shown.stderr.contains(acts), "{shown}");
            if form == "tsv"
                && !matches!(args, [_, "show", ..] | ["message", "export"] | ["status"])
            {
                let mut columns = shown.ok().lines().map(|line| line.split('\t').count());
                let first = columns.next().expect("a header");
                assert!(columns.all(|many| many == first), "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_typed_wrongly_is_repeated_harmlessly() {
    let server = Server::start().await;
    for &text in NASTY {
        if !text.chars().any(char::is_control) {
            continue;
        }
        for args in [
            &["user", "show", text][..],
            &["room", "show", text],
            &["conn", "show", text],
            &["user", "add", text],
            &[text],
        ] {
            let refused = server.cli(args).await;
            assert_ne!(refused.code, Some(0), "{refused}");
            let acts = |c: char| c.is_control() && c != '\n';
            assert!(!refused.stderr.contains(acts), "{refused}");
        }
    }
}
