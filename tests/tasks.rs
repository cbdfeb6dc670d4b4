//! The everyday tasks of docs/operating.md, each as it stands there, run against a server.

use serde_json::json;

use crate::support::{Kind, Server};

const DOCUMENT: &str = include_str!("../docs/operating.md");

/// The commands of the table, in its order.
fn tasks() -> Vec<Vec<String>> {
    let (_, section) = DOCUMENT
        .split_once("\n## Everyday tasks\n")
        .expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let rows = section
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("| `chatd "));
    rows.map(|row| {
        let (_, command) = row.split_once("| `chatd ").expect("a command");
        words(command.split('`').next().expect("its end"))
    })
    .collect()
}

/// A command as the shell takes it apart; it has no more than words in single quotes.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quoted, mut word) = (Vec::new(), false, String::new());
    for c in command.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words
}

/// The cast: ana runs the place, bo and eve are members, ci is a bot; two rooms, and something to see to.
async fn cast() -> Server {
    let server = Server::start().await;
    let ana = server.person("ana", "admin").await;
    let bo = server.user("bo").await;
    let eve = server.user("eve").await;
    server.bot("ci", "member").await;
    let room = ana.room("general", Kind::Public).await;
    ana.room("plans", Kind::Private).await;
    for member in [&bo, &eve] {
        member.join(&room).await;
    }
    ana.send(&room, "the deploy failed again").await;
    let said = eve.send(&room, "buy cheap").await;
    let report = room.path(&format!("/messages/{}/report", said["seq"]));
    bo.post(&report, json!({"reason": "spam"})).await.ok();
    server
}

#[tokio::test]
async fn every_task_of_the_document_is_one_command() {
    let tasks = tasks();
    assert!(tasks.len() >= 30, "{}", tasks.len());
    let server = cast().await;
    let _connected = server.user("zoe").await.connect().await;
    for task in &tasks {
        let args: Vec<&str> = task.iter().map(String::as_str).collect();
        let ran = server.cli(&args).await;
        assert!(!ran.ok().trim().is_empty(), "it says nothing: {ran}");
    }
}
