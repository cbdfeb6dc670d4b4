//! The forms in which the command line answers, and how long it waits.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Kind, Output, Server, run};

const USAGE: i32 = 2;
const UNREACHABLE: i32 = 6;

/// A server with something in every list that a room and two people can fill.
async fn lived_in() -> Server {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let bo = server.user("bo").await;
    let room = ana.room("general", Kind::Public).await;
    ana.add(&room, &bo, "member").await;
    ana.send(&room, "hi").await;
    for args in [
        &["room", "mute", "general", "bo", "--reason", "calm \\ down"][..],
        &["ban", "add", "192.0.2.0/24"],
        &["user", "mute", "bo"],
        &["invite", "create"],
        &["room", "invite", "create", "general"],
        &["hold", "add", "--room", "general", "--reason", "case 17"],
        &["user", "add", "bot", "--bot"],
        &[
            "token",
            "issue",
            "bot",
            "--name",
            "ci",
            "--scope",
            "message.read",
        ],
    ] {
        server.cli(args).await.ok();
    }
    server
}

/// Every command that lists something.
const LISTS: &[&[&str]] = &[
    &["user", "list"],
    &["room", "list"],
    &["role", "list"],
    &["role", "permissions"],
    &["session", "list", "ana"],
    &["token", "list", "bot"],
    &["room", "sanctions", "general"],
    &["room", "invite", "list", "general"],
    &["invite", "list"],
    &["ban", "list"],
    &["hold", "list"],
    &["audit", "list"],
];

async fn asked(server: &Server, args: &[&str], form: &str) -> Output {
    let mut args = args.to_vec();
    args.extend(["--output", form]);
    server.cli(&args).await
}

#[tokio::test]
async fn every_list_answers_in_four_forms() {
    let server = lived_in().await;
    for args in LISTS {
        let document = asked(&server, args, "json").await.json();
        let items = match &document {
            Value::Object(all) if all.contains_key("items") => {
                all["items"].as_array().expect("items").len()
            }
            // `ban list` has two lists.
            all => {
                all["addresses"].as_array().expect("addresses").len()
                    + all["people"].as_array().expect("people").len()
            }
        };
        assert!(items > 0, "{args:?}: {document:#}");
        let lines = asked(&server, args, "jsonl").await;
        let lines: Vec<Value> = lines
            .ok()
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), items, "{args:?}");
        assert!(lines.iter().all(Value::is_object), "{args:?}");
        let tsv = asked(&server, args, "tsv").await;
        let rows: Vec<Vec<&str>> = tsv
            .ok()
            .lines()
            .map(|line| line.split('\t').collect())
            .collect();
        assert_eq!(rows.len(), items + 1, "{tsv}");
        assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{tsv}");
        let name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(rows[0].iter().all(name), "{tsv}");
        let table = asked(&server, args, "table").await;
        assert!(table.ok().lines().count() > items, "{table}");
    }
}

#[tokio::test]
async fn scripts_get_raw_values_between_tabs() {
    let server = lived_in().await;
    let tsv = asked(&server, &["room", "sanctions", "general"], "tsv").await;
    let (header, row) = tsv.ok().trim_end().split_once('\n').expect("two lines");
    assert_eq!(header, "name\tkind\tuntil\tsince\tby\treason");
    let cells: Vec<_> = row.split('\t').collect();
    assert_eq!(
        (cells[0], cells[1], cells[2], cells[5]),
        ("bo", "mute", "", "calm \\\\ down")
    );
    let since: jiff::Timestamp = cells[3].parse().expect("RFC 3339");
    assert!(since > jiff::Timestamp::UNIX_EPOCH);
    // One thing is a line for each member.
    let tsv = asked(&server, &["room", "show", "general"], "tsv").await;
    let has = |line: &str| tsv.ok().lines().any(|l| l == line);
    assert!(
        has("name\tgeneral") && has("n\t1") && has("people.0.name\tana"),
        "{tsv}"
    );
    // An empty list has its header still, and no words.
    let none = asked(&server, &["session", "list", "bot"], "tsv").await;
    assert_eq!(none.ok().lines().next(), Some("id\tseen\tfrom\tdevice"));
}

#[tokio::test]
async fn two_forms_at_once_are_refused() {
    let server = Server::start().await;
    for args in [
        &["user", "list", "--json", "--output", "tsv"][..],
        &["--output", "tsv", "user", "list", "--json"],
        &["user", "list", "--output", "xml"],
    ] {
        server.cli(args).await.failed(USAGE);
    }
    server
        .cli(&["user", "list", "--json", "-o", "json"])
        .await
        .json();
}

#[tokio::test]
async fn a_command_gives_up_when_it_is_told_to() {
    let server = Server::start().await;
    let args = ["status", "--timeout", "200ms"];
    server.cli(&["status", "--timeout", "1m"]).await.ok();
    server.process().signal(Signal::STOP);
    let late = server.cli(&args).await;
    server.process().signal(Signal::CONT);
    let why = late.failed(UNREACHABLE);
    assert!(why.contains("200ms"), "{late}");
    for bad in ["0s", "soon", ""] {
        server
            .cli(&["status", "--timeout", bad])
            .await
            .failed(USAGE);
    }
}

#[tokio::test]
async fn the_version_is_one_line_wherever_the_flag_stands() {
    let dir = tempfile::tempdir().expect("a directory");
    let line = format!("chatd {}\n", env!("CARGO_PKG_VERSION"));
    // The first two are answered without the tree of commands, the last is clap's.
    for args in [&["--version"][..], &["-V"], &["--json", "--version"]] {
        assert_eq!(run(dir.path(), args, "").await.ok(), line, "{args:?}");
    }
}
