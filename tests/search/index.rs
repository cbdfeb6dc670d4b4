//! The index is a cache: whatever becomes of it, it comes back by itself, and what was erased is not in it.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{found, indexed};
use crate::support::{Kind, Server, on_both, within};

on_both!(
    an_index_that_was_killed_catches_up,
    an_index_that_is_gone_or_damaged_is_made_anew,
    an_index_is_made_anew_by_a_command,
    what_is_erased_leaves_the_index,
    what_is_erased_beside_a_stopped_server_leaves_the_index,
    a_backup_has_no_index,
    how_far_it_is_can_be_seen,
);

fn index(server: &Server) -> PathBuf {
    server.data_dir().join("search.db")
}

/// How often a text is in the files of the index.
fn in_index(server: &Server, text: &str) -> usize {
    let mut times = 0;
    for end in ["", "-wal"] {
        let mut path = index(server).into_os_string();
        path.push(end);
        let bytes = std::fs::read(Path::new(&path)).unwrap_or_default();
        let windows = bytes.windows(text.len());
        times += windows.filter(|w| *w == text.as_bytes()).count();
    }
    times
}

/// Waits until a text is not in the files of the index.
async fn left(server: &Server, text: &str) {
    within("a text to leave the index", async {
        while in_index(server, text) > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn an_index_that_was_killed_catches_up() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    for round in 0..3 {
        let texts = (0..400).map(|i| format!("round {round} number {i}"));
        let said = ana.connect().await.say_all(&room, texts, 64).await;
        let gone = room.message(&said[7]["seq"]);
        ana.delete(&gone).await.ok();
        server.kill9().await;
        server.boot().await;
    }
    indexed(&server.admin()).await;
    for round in 0..3 {
        let texts = found(&ana, &format!("\"round {round}\"")).await;
        assert_eq!(texts.len(), 399);
        assert!(!texts.contains(&format!("round {round} number 7")));
    }
}

async fn an_index_that_is_gone_or_damaged_is_made_anew() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let texts = (0..300).map(|i| format!("tea number {i}"));
    ana.connect().await.say_all(&room, texts, 64).await;
    indexed(&server.admin()).await;
    server.stop().await;
    std::fs::remove_file(index(&server)).expect("it is there");
    server.boot().await;
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "tea").await.len(), 300);
    // Nothing that makes sense.
    server.stop().await;
    std::fs::write(index(&server), "this is no database").expect("ours");
    server.boot().await;
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "tea").await.len(), 300);
    // Damaged where only some come by: whoever does is told to come again, until it is made anew.
    server.stop().await;
    let mut bytes = std::fs::read(index(&server)).expect("it is there");
    let from = 8 * 4096;
    bytes[from..].fill(0xa5);
    std::fs::write(index(&server), bytes).expect("ours");
    server.boot().await;
    within("the index to be made anew", async {
        loop {
            let reply = ana.get("/v1/search?q=tea&limit=200").await;
            let items = reply.body["items"].as_array().map_or(0, Vec::len);
            if reply.status == 200 && reply.body["complete"] == true && items == 200 {
                return;
            }
            assert!(matches!(reply.status, 200 | 503), "{reply:#?}");
            // News are what it finds out by, at the latest.
            ana.send(&room, "more").await;
        }
    })
    .await;
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "tea").await.len(), 300);
}

async fn an_index_is_made_anew_by_a_command() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    // More than it reads of a room at a time.
    let texts = (0..700).map(|i| format!("tea number {i}"));
    ana.connect().await.say_all(&room, texts, 64).await;
    indexed(&server.admin()).await;
    let plan = server
        .cli(&["store", "reindex", "--dry-run", "--json"])
        .await;
    assert_eq!(plan.json()["rooms"], 1);
    let done = server.cli(&["store", "reindex", "--json"]).await.json();
    assert_eq!(done["event"], "done", "{done:#}");
    assert!(done["entries"].as_u64() >= Some(700), "{done:#}");
    // Done is when all of it is there.
    let status = server.admin().get("/v1/status").await;
    assert_eq!(status["search"]["behind"], 0, "{status:#}");
    assert_eq!(found(&ana, "tea").await.len(), 700);
    server.stop().await;
    std::fs::remove_file(index(&server)).expect("it is there");
    let done = server.cli(&["store", "reindex", "--json"]).await.json();
    assert_eq!(done["event"], "done", "{done:#}");
    assert!(index(&server).exists());
    server.boot().await;
    assert_eq!(found(&ana, "tea").await.len(), 700);
    let acts = server.admin().get("/v1/audit?act=store.reindex").await;
    assert_eq!(
        acts["items"].as_array().expect("items").len(),
        2,
        "{acts:#}"
    );
}

async fn what_is_erased_leaves_the_index() {
    let server = Server::builder()
        .set("messages.erase_within", "1s")
        .start()
        .await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let room = ana.room("general", Kind::Public).await;
    eve.join(&room).await;
    let gone = ana.send(&room, "a zebrafish swims").await;
    let changed = ana.send(&room, "a quagga runs").await;
    eve.send(&room, "an okapi hides").await;
    ana.send(&room, "an ibex stays").await;
    indexed(&server.admin()).await;
    assert!(in_index(&server, "zebrafish") > 0 && in_index(&server, "okapi") > 0);
    ana.delete(&room.message(&gone["seq"])).await.ok();
    left(&server, "zebrafish").await;
    let edit = json!({"body": "nothing runs"});
    let path = room.message(&changed["seq"]);
    ana.request("PATCH", &path, edit).await.ok();
    left(&server, "quagga").await;
    let erase = ["user", "erase", "eve", "--messages", "delete", "--yes"];
    server.cli(&erase).await.ok();
    left(&server, "okapi").await;
    assert!(in_index(&server, "ibex") > 0);
    assert_eq!(found(&ana, "runs").await, ["nothing runs"]);
}

async fn what_is_erased_beside_a_stopped_server_leaves_the_index() {
    let mut server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let room = ana.room("general", Kind::Public).await;
    eve.join(&room).await;
    eve.send(&room, "an okapi hides").await;
    ana.send(&room, "an ibex stays").await;
    indexed(&server.admin()).await;
    server.stop().await;
    assert!(in_index(&server, "okapi") > 0);
    let erase = ["user", "erase", "eve", "--messages", "delete", "--yes"];
    server.cli_set(&erase).await.ok();
    assert_eq!(in_index(&server, "okapi"), 0);
    assert!(
        in_index(&server, "ibex") > 0,
        "only what was erased is gone"
    );
    server.boot().await;
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "ibex").await, ["an ibex stays"]);
}

async fn a_backup_has_no_index() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "before the backup").await;
    let backup = server.data_dir().with_file_name("backup");
    let to = backup.to_str().expect("text");
    server.cli(&["store", "backup", to]).await.ok();
    let files = std::fs::read_dir(&backup).expect("a directory");
    for file in files {
        let name = file.expect("a file").file_name();
        assert!(!name.to_string_lossy().contains("search"));
    }
    ana.send(&room, "after the backup").await;
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "backup").await.len(), 2);
    server.stop().await;
    let restore = ["store", "restore", to, "--yes"];
    server.cli_set(&restore).await.ok();
    server.boot().await;
    indexed(&server.admin()).await;
    let ana = ana.again().await;
    assert_eq!(found(&ana, "backup").await, ["before the backup"]);
    assert_eq!(in_index(&server, "after"), 0);
}

async fn how_far_it_is_can_be_seen() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "tea").await;
    indexed(&server.admin()).await;
    let status = server.cli(&["status"]).await;
    assert!(status.ok().contains("up to date"), "{status}");
    let doctor = server.cli_set(&["doctor", "--json"]).await;
    let report: serde_json::Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks");
    let search = checks.iter().find(|c| c["check"] == "search");
    assert_eq!(search.expect("a check")["verdict"], "ok", "{report:#}");
}
