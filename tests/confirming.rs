//! What no command brings back is done only when it was confirmed: with `--yes`, or by somebody at a terminal who
//! types its name. And `--timeout` ends every command.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, process::Command};

use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;

use crate::support::{Kind, Server, Terminal, chatd, run, run_with};

const USAGE: i32 = 2;
const UNREACHABLE: i32 = 6;
const UNCONFIRMED: i32 = 8;

/// A call of each command that takes `--yes`.
const CALLS: &[(&str, &str)] = &[
    ("archive policy set", "--prune-older-than 1d"),
    ("archive prune", "--older-than 1ms"),
    ("file delete", "0197c0de-7b1c-7000-8000-000000000001"),
    ("hold release", "{hold}"),
    ("message delete", "general {seq}"),
    ("room delete", "general"),
    ("store new-epoch", ""),
    ("store restore", "monday"),
    ("user erase", "ana --messages delete"),
    ("webhook skip", ""),
];

/// The commands of the reference that take `--yes`, which is made of the tree of commands.
fn destroyers() -> Vec<&'static str> {
    let page = include_str!("../docs/cli.md");
    let sections = page.split("\n### chatd ").skip(1);
    let these = sections.filter(|it| it.contains("`-y`, `--yes`"));
    these.filter_map(|it| it.lines().next()).collect()
}

#[tokio::test]
async fn a_script_that_does_not_say_yes_destroys_nothing() {
    let mut named: Vec<_> = CALLS.iter().map(|(path, _)| *path).collect();
    let mut there = destroyers();
    named.sort_unstable();
    there.sort_unstable();
    assert_eq!(named, there, "each has a call here");

    let server = Server::archiving().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let seq = ana.send(&room, "hi").await["seq"].to_string();
    let hold = [
        "hold", "add", "--room", "general", "--reason", "case", "--json",
    ];
    let hold = server.cli(&hold).await.json();
    let ids = BTreeMap::from([
        ("{hold}", hold["id"].as_str().expect("an id").to_owned()),
        ("{seq}", seq),
    ]);
    let acts = async || {
        let acts = server.cli(&["audit", "list", "--json"]).await.json();
        acts["items"].as_array().expect("acts").len()
    };
    let before = acts().await;
    for (path, args) in CALLS {
        let words = path.split(' ').chain(args.split_whitespace());
        let words: Vec<&str> = words
            .map(|word| ids.get(word).map_or(word, String::as_str))
            .collect();
        let refused = server.cli(&words).await;
        let why = refused.failed(UNCONFIRMED);
        assert!(why.contains("--yes") && why.contains("--dry-run"), "{why}");
        let refused = server.cli(&[&words[..], &["--json"]].concat()).await;
        let why: Value = serde_json::from_str(refused.failed(UNCONFIRMED)).expect("JSON");
        assert_eq!(why["error"]["code"], "unconfirmed");
        assert_eq!(refused.stdout, "");
    }
    assert_eq!(acts().await, before, "something was done");
}

#[tokio::test]
async fn at_a_terminal_the_name_is_typed() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    ana.room("plans", Kind::Private).await;
    let command = || {
        let mut command: Command = chatd(server.data_dir().parent().expect("a directory"));
        command.args(["room", "delete", "plans", "--data-dir"]);
        command.arg(server.data_dir());
        command
    };
    for (typed, code) in [("plan\n", UNCONFIRMED), ("plans\n", 0)] {
        let (mut terminal, _) = Terminal::open(command(), 80, 24);
        terminal.shows("Type plans to go on").await;
        terminal.type_in(typed);
        assert_eq!(terminal.ended().await.code(), Some(code), "{typed:?}");
        let there = server.cli(&["room", "list", "--json"]).await;
        assert_eq!(there.ok().contains("plans"), code != 0);
    }
}

#[tokio::test]
async fn every_command_gives_up_when_its_time_is_over() {
    let mut server = Server::start().await;
    server.user("ana").await;
    server.stop().await;
    let dir = server.data_dir();
    let copy = ["store", "copy", "--to", "sqlite:copy/chatd.db"];
    let short = server
        .cli(&[&copy[..], &["--timeout", "1ms"]].concat())
        .await;
    assert!(short.failed(UNREACHABLE).contains("--timeout"), "{short}");
    // What was begun is gone on with.
    server.cli(&copy).await.ok();

    // Settings that never come, and a program of the system that takes its time.
    let settings = dir.join("tree/etc/chatd");
    fs::create_dir_all(&settings).expect("directories");
    let never = settings.join("chatd.toml");
    mkfifoat(CWD, &never, Mode::RUSR | Mode::WUSR).expect("a pipe");
    let bin = dir.join("bin");
    fs::create_dir(&bin).expect("a directory");
    for name in ["systemctl", "timedatectl"] {
        let path = bin.join(name);
        // It ends by itself when nobody waits for it any more.
        fs::write(&path, "#!/bin/sh\nexec sleep 4\n").expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let env = [("PATH".to_owned(), format!("{}:{path}", bin.display()))];
    for args in [
        &["systemd", "print", "--root", "tree", "--timeout", "100ms"][..],
        &["doctor", "--timeout", "100ms"],
    ] {
        let ended = run_with(&dir, &env, args, "").await;
        assert!(ended.failed(UNREACHABLE).contains("--timeout"), "{ended}");
    }
    let serve = run(&dir, &["serve", "--timeout", "1s"], "").await;
    assert!(serve.failed(USAGE).contains("--timeout"), "{serve}");
    let help = run(&dir, &["serve", "--help"], "").await;
    assert!(!help.ok().contains("--timeout"), "{help}");
    server.boot().await;
}
