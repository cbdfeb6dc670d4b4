//! A disk that fills up under the index: people go on talking, everybody who looks is told, and with room again it
//! goes on by itself.

use std::{fs, io::Write as _, os::unix::fs::symlink};

use serde_json::Value;

use super::{found, indexed, page};
use crate::support::{Kind, Server, may_mount, on_both, within};

on_both!(a_disk_that_fills_under_the_index_stops_nobody);

async fn a_disk_that_fills_under_the_index_stops_nobody() {
    if !may_mount() {
        return;
    }
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "tea before").await;
    server.stop().await;
    let place = server.data_dir().with_file_name("small");
    fs::create_dir(&place).expect("ours");
    server.small_disk(&place, "32m");
    server.boot().await;
    indexed(&server.admin()).await;
    // The index alone moves to the small disk; what is beside it goes on.
    let inside = place.strip_prefix("/").expect("an absolute path");
    let inside = server.process().root().join(inside);
    let index = server.data_dir().join("search.db");
    for end in ["", "-wal"] {
        let name = format!("search.db{end}");
        let _none_is_fine = fs::copy(server.data_dir().join(&name), inside.join(&name));
    }
    let link = server.data_dir().join("link");
    symlink(place.join("search.db"), &link).expect("ours");
    fs::rename(&link, &index).expect("ours");
    ana.send(&room, "tea there").await;
    indexed(&server.admin()).await;
    assert!(inside.join("search.db-shm").exists(), "it is open there");
    let filler = inside.join("filler");
    let mut rest = fs::File::create(&filler).expect("a file");
    while rest.write_all(&[7; 4096]).is_ok() {}
    drop(rest);

    let mut ws = ana.listen(&room).await;
    let texts = (0..200).map(|i| format!("tea {i} {}", words(i)));
    ws.say_all(&room, texts, 50).await;
    within("the index to stand still", async {
        while server.admin().get("/v1/status").await["search"]["trouble"] == Value::Null {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Chat goes on, and searching says that there may be more than it finds.
    ana.send(&room, "tea meanwhile").await;
    let seen = page(&ana, "before", "").await;
    assert_eq!(seen["items"][0]["message"]["body"], "tea before");
    assert_eq!(seen["complete"], false, "{seen:#}");
    let status = server.cli(&["status"]).await;
    let status = status.ok();
    assert!(status.contains("STANDS STILL"), "{status}");
    assert!(status.contains("no room for the search index"), "{status}");
    let doctor = server.cli_set(&["doctor", "--json"]).await;
    let report: Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks");
    let search = checks.iter().find(|c| c["check"] == "search");
    assert_eq!(search.expect("a check")["verdict"], "warning", "{report:#}");
    let asked = server.cli(&["message", "search", "before"]).await;
    assert!(asked.ok().contains("tea before"), "{asked}");
    assert!(asked.stderr.contains("may be there"), "{asked}");

    fs::remove_file(&filler).expect("it was there");
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "tea").await.len(), 203);
    assert_eq!(page(&ana, "meanwhile", "").await["complete"], true);
    let status = server.admin().get("/v1/status").await;
    assert_eq!(status["search"]["trouble"], Value::Null, "{status:#}");
    let checked = server.cli_set(&["store", "check", "--full"]).await;
    assert_eq!(checked.code, Some(0), "{checked}");
}

/// Words that nobody else says.
fn words(of: usize) -> String {
    let words: Vec<_> = (0..100).map(|i| format!("w{of}x{i}")).collect();
    words.join(" ")
}
