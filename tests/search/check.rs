//! `chatd store check` reads the search index, too: whether it is whole, and whether it says what the store says.

use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value;

use super::{found, indexed};
use crate::support::{Kind, Output, Room, Server, User, on_both};

on_both!(
    an_index_that_agrees_is_found_whole_up_and_down,
    what_the_index_has_and_the_store_has_not_is_told,
    what_the_index_lacks_or_has_otherwise_is_told,
    an_index_that_is_damaged_or_not_there_is_told,
);

const PROBLEMS: i32 = 10;

fn index(server: &Server) -> PathBuf {
    server.data_dir().join("search.db")
}

/// The index as somebody else gets at it: with the server stopped.
fn meddle(server: &Server, sql: &str) {
    let conn = Connection::open(index(server)).expect("an index");
    conn.execute_batch(sql).expect(sql);
}

async fn check(server: &Server, more: &[&str]) -> Output {
    let args = [&["store", "check", "--json"], more].concat();
    server.cli_set(&args).await
}

/// What was found, and that it is what is told to be done.
#[track_caller]
fn problems(checked: &Output) -> Vec<String> {
    checked.failed(PROBLEMS);
    let report: Value = serde_json::from_str(&checked.stdout).expect("JSON");
    assert_eq!(report["found"], report["index"]["problems"], "{report:#}");
    let problems = report["problems"].as_array().expect("problems").iter();
    problems
        .map(|p| p["what"].as_str().expect("text").to_owned())
        .collect()
}

async fn scene() -> (Server, User, Room) {
    let server = Server::archiving().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let texts = (0..40).map(|i| format!("tea number {i}"));
    let said = ana.connect().await.say_all(&room, texts, 40).await;
    let edit = serde_json::json!({"body": "no tea @ana"});
    let path = room.message(&said[3]["seq"]);
    ana.request("PATCH", &path, edit).await.ok();
    let pin = room.path(&format!("/pins/{}", said[4]["seq"]));
    ana.request("PUT", &pin, Value::Null).await.ok();
    server.admin().archive().await;
    ana.delete(&room.message(&said[5]["seq"])).await.ok();
    indexed(&server.admin()).await;
    (server, ana, room)
}

async fn an_index_that_agrees_is_found_whole_up_and_down() {
    let (mut server, ana, room) = scene().await;
    for more in [&[][..], &["--full"]] {
        // With somebody talking meanwhile.
        let talk = async {
            let texts = (0..300).map(|i| format!("meanwhile {i}"));
            let said = ana.connect().await.say_all(&room, texts, 50).await;
            for message in said.iter().step_by(30) {
                ana.delete(&room.message(&message["seq"])).await.ok();
            }
        };
        let (checked, ()) = tokio::join!(check(&server, more), talk);
        let checked = checked.json();
        assert_eq!(checked["found"], 0, "{checked:#}");
        assert!(
            checked["index"]["compared"].as_u64() >= Some(39),
            "{checked:#}"
        );
    }
    indexed(&server.admin()).await;
    server.stop().await;
    let checked = check(&server, &["--full"]).await.json();
    let index = &checked["index"];
    assert_eq!(
        (&checked["found"], &index["behind"]),
        (&0.into(), &0.into())
    );
    assert_eq!(index["messages"], index["compared"]);
    let words = server.cli_set(&["store", "check"]).await;
    assert!(words.ok().contains("The search index is whole"), "{words}");
}

async fn what_the_index_has_and_the_store_has_not_is_told() {
    let (mut server, ana, room) = scene().await;
    let gone = ana.send(&room, "what nobody is to find").await;
    indexed(&server.admin()).await;
    server.stop().await;
    let before = std::fs::read(index(&server)).expect("an index");
    server.boot().await;
    ana.delete(&room.message(&gone["seq"])).await.ok();
    indexed(&server.admin()).await;
    let head = ana.get(&room.path("")).await.ok()["head"].clone();
    server.stop().await;
    // As it was, but for where it says it stands.
    std::fs::write(index(&server), before).expect("ours");
    let checked = check(&server, &[]).await.json();
    assert_eq!(
        (&checked["found"], &checked["index"]["behind"]),
        (&0.into(), &1.into()),
        "who is behind is not wrong: {checked:#}"
    );
    meddle(&server, &format!("UPDATE room SET upto = {head}"));
    for up in [false, true] {
        if up {
            server.boot().await;
        }
        for more in [&[][..], &["--full"]] {
            let checked = check(&server, more).await;
            let told = problems(&checked);
            assert_eq!(told.len(), 1, "{checked}");
            assert!(told[0].contains("deleted or not there"), "{checked}");
        }
    }
    let words = server.cli_set(&["store", "check"]).await;
    let hint = words.failed(PROBLEMS);
    assert!(
        hint.contains("the store is whole; `chatd store reindex`"),
        "{words}"
    );
    server.cli(&["store", "reindex"]).await.ok();
    check(&server, &["--full"]).await.ok();
}

async fn what_the_index_lacks_or_has_otherwise_is_told() {
    let (mut server, ana, _) = scene().await;
    server.stop().await;
    // As the index itself would, so that it is whole and wrong.
    meddle(
        &server,
        "INSERT INTO found (found, rowid, words, tags)
             SELECT 'delete', id, words, tags FROM doc WHERE words IN ('tea number 7', 'tea number 8');
         DELETE FROM doc WHERE words = 'tea number 7';
         UPDATE doc SET words = 'coffee' WHERE words = 'tea number 8';
         INSERT INTO found (rowid, words, tags)
             SELECT id, words, tags FROM doc WHERE words = 'coffee';",
    );
    let told = problems(&check(&server, &["--full"]).await);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("does not have it"), "{told:#?}");
    assert!(told[1].contains("other words"), "{told:#?}");
    // What is not in it only shows when all is compared.
    let told = problems(&check(&server, &[]).await);
    assert_eq!(told.len(), 1, "{told:#?}");
    server.cli_set(&["store", "reindex"]).await.ok();
    check(&server, &["--full"]).await.ok();
    server.boot().await;
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "\"number 7\"").await, ["tea number 7"]);
}

async fn an_index_that_is_damaged_or_not_there_is_told() {
    let (mut server, ..) = scene().await;
    server.stop().await;
    let whole = std::fs::read(index(&server)).expect("an index");
    let mut bytes = whole.clone();
    let from = 8 * 4096;
    bytes[from..].fill(0xa5);
    std::fs::write(index(&server), bytes).expect("ours");
    assert!(!problems(&check(&server, &[]).await).is_empty());
    std::fs::write(index(&server), "this is no database").expect("ours");
    assert!(!problems(&check(&server, &[]).await).is_empty());
    // The words of a message, beside what is looked for.
    std::fs::write(index(&server), whole).expect("ours");
    meddle(
        &server,
        "UPDATE doc SET words = 'else' WHERE words = 'tea number 9'",
    );
    let told = problems(&check(&server, &[]).await);
    assert_eq!(told.len(), 1, "{told:#?}");
    std::fs::remove_file(index(&server)).expect("it is there");
    let checked = check(&server, &[]).await.json();
    assert_eq!(checked["index"]["messages"], Value::Null, "{checked:#}");
    let words = server.cli_set(&["store", "check"]).await;
    assert!(words.ok().contains("no search index"), "{words}");
    assert!(!index(&server).exists(), "checking makes nothing");
}
