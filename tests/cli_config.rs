//! Promise 6, configuration: a mistake is named before anything starts, and the way out with it.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Output, Server, run};

const USAGE: i32 = 2;
const BAD_CONFIG: i32 = 78;

/// A directory with a configuration file.
struct Config {
    dir: TempDir,
}

impl Config {
    fn new(text: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("chatd-")
            .tempdir()
            .expect("a directory");
        fs::write(dir.path().join("chatd.toml"), text).expect("a file");
        Self { dir }
    }

    async fn run(&self, args: &[&str]) -> Output {
        run(
            self.dir.path(),
            &[args, &["--config", "chatd.toml"]].concat(),
            "",
        )
        .await
    }
}

#[tokio::test]
async fn a_misspelt_key_is_named_with_a_suggestion() {
    let config = Config::new("[limits]\nenabeld = false\n");
    let output = config.run(&["config", "check"]).await;
    let complaint = output.failed(BAD_CONFIG);
    assert!(
        complaint.contains("enabeld") && complaint.contains("enabled"),
        "{complaint}"
    );
    // It does not start on it either.
    let output = config
        .run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"])
        .await;
    output.failed(BAD_CONFIG);
    assert!(!config.dir.path().join("data").exists(), "nothing was made");
}

#[tokio::test]
async fn values_that_cannot_be_are_refused() {
    for (text, word) in [
        ("[limits]\nenabled = 7\n", "limits.enabled"),
        ("[ws]\noutbox = \"a lot\"\n", "ws.outbox"),
        ("[ws]\nping = \"-1s\"\n", "ws.ping"),
        ("[server]\nlisten = \"nowhere\"\n", "listen"),
        ("[limits\n", "chatd.toml"),
    ] {
        let config = Config::new(text);
        let output = config.run(&["config", "check"]).await;
        let complaint = output.failed(BAD_CONFIG);
        assert!(complaint.contains(word), "{text}: {complaint}");
    }
    let config = Config::new("");
    config
        .run(&["config", "check", "--set", "ws.outbix=1"])
        .await
        .failed(BAD_CONFIG);
    config.run(&["config", "check"]).await.ok();
}

#[tokio::test]
async fn where_a_value_comes_from_is_shown() {
    let config = Config::new("[ws]\noutbox = \"2 MiB\"\nping = \"7s\"\n");
    let args = ["config", "show", "--origin", "--set", "ws.ping=9s"];
    let shown = config.run(&args).await;
    let text = shown.ok();
    let line = |key: &str| {
        let found = text.lines().find(|l| l.starts_with(&format!("{key} = ")));
        found.unwrap_or_else(|| panic!("no {key}: {text}"))
    };
    assert!(line("outbox").contains("chatd.toml"), "{}", line("outbox"));
    assert!(
        line("ping").contains("--set") && line("ping").contains('9'),
        "{}",
        line("ping")
    );
    assert!(line("enabled").contains("default"), "{}", line("enabled"));
}

#[tokio::test]
async fn init_writes_what_check_accepts() {
    let dir = tempfile::Builder::new()
        .prefix("chatd-")
        .tempdir()
        .expect("a directory");
    run(
        dir.path(),
        &["init", "--config", "chatd.toml", "--data-dir", "data"],
        "",
    )
    .await
    .ok();
    let written = fs::read_to_string(dir.path().join("chatd.toml")).expect("it wrote the file");
    assert!(
        written.contains("invite"),
        "registration is by invitation: {written}"
    );
    run(
        dir.path(),
        &["config", "check", "--config", "chatd.toml"],
        "",
    )
    .await
    .ok();
    let again = run(
        dir.path(),
        &["init", "--config", "chatd.toml", "--data-dir", "data"],
        "",
    )
    .await;
    assert_ne!(again.code, Some(0), "it does not overwrite: {again}");
    assert_eq!(
        fs::read_to_string(dir.path().join("chatd.toml")).expect("still there"),
        written
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_a_usage_error() {
    let server = Server::builder().prepare();
    for args in [
        &["no-such-command"][..],
        &["user"],
        &["user", "add"],
        &["user", "add", "ana", "--role", "Not A Role"],
        &["user", "add", "Not A Name"],
        &["user", "list", "--no-such-flag"],
        &["serve", "--listen", "nowhere"],
    ] {
        server.cli(args).await.failed(USAGE);
    }
}

#[tokio::test]
async fn generated_things_are_there() {
    let server = Server::builder().prepare();
    let openapi: Value = server.cli(&["openapi"]).await.json();
    assert!(
        openapi["openapi"]
            .as_str()
            .is_some_and(|v| v.starts_with("3.")),
        "{openapi}"
    );
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            server
                .cli(&["completions", shell])
                .await
                .ok()
                .contains("chatd"),
            "{shell}"
        );
    }
    let help = server.cli(&["--help"]).await;
    for word in ["serve", "user", "room", "config"] {
        assert!(help.ok().contains(word), "{word}");
    }
    assert!(server.cli(&["--version"]).await.ok().starts_with("chatd "));
    assert!(!server.data_dir().exists(), "asking for help makes no data");
}

#[tokio::test]
async fn a_dry_run_makes_no_store() {
    let config = Config::new("");
    for args in [
        &["user", "add", "ana", "--dry-run"][..],
        &["invite", "create", "--dry-run"],
    ] {
        config.run(args).await.failed(6);
    }
    // What was not made is not there for the next one either.
    config.run(&["user", "list"]).await.failed(6);
}
