//! The bytes of files in backups, and when they are not what they were.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::support::{
    Kind, Server,
    files::{come_to, noise, on_disk, path, send, uploaded},
    history, on_both,
};

/// A check ran, and found something.
const PROBLEMS: i32 = 10;

on_both!(
    a_backup_has_the_files_and_brings_them_back,
    bytes_that_are_not_what_they_were_are_told_and_brought_back,
);

async fn a_backup_has_the_files_and_brings_them_back() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let (kept, gone, lost) = (
        uploaded(&ana, "kept.bin", &noise(300_000)).await,
        uploaded(&ana, "gone.txt", b"gone").await,
        uploaded(&ana, "lost.txt", b"lost").await,
    );
    for id in [&kept, &gone, &lost] {
        send(&ana, &room, "", &[id]).await.ok();
    }
    let to = server.data_dir().with_file_name("backup");
    let shown = to.display().to_string();
    server.cli_set(&["store", "backup", &shown]).await.ok();
    let manifest = fs::read_to_string(to.join("backup.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["files"], 3);
    for id in [&kept, &gone, &lost] {
        assert!(to.join("files").join(&id[34..]).join(id).is_file(), "{id}");
    }
    // What came after it is with the store that is set aside; what was erased since stays so.
    let later = uploaded(&ana, "later.txt", b"later").await;
    server.stop().await;
    server.set("messages.erase_within", "0s");
    server.boot().await;
    let page = history(&ana, &room).await;
    let seq = &page
        .iter()
        .find(|m| m["files"][0]["id"] == *gone)
        .expect("it")["seq"];
    ana.delete(&room.message(seq)).await.ok();
    let mut left = [kept.as_str(), lost.as_str(), later.as_str()];
    left.sort_unstable();
    come_to(&server, &left).await;
    server.stop().await;
    fs::remove_dir_all(server.data_dir().join("files")).expect("a directory");
    fs::write(to.join("files").join(&lost[34..]).join(&lost), b"LOST").expect("a file");
    let tried = ["store", "restore", &shown, "--dry-run", "--json"];
    let tried = server.cli_as_told(&tried).await;
    assert!(tried.failed(PROBLEMS).contains(&lost), "{tried}");
    let tried = tried.stdout.lines().last().expect("JSON").to_owned();
    let tried: Value = serde_json::from_str(&tried).expect("JSON");
    assert_eq!(
        (&tried["files"], &tried["files_lost"]),
        (&json!(2), &json!(1))
    );
    let done = server
        .cli_as_told(&["store", "restore", &shown, "--yes"])
        .await;
    assert!(done.failed(PROBLEMS).contains(&lost), "{done}");
    assert!(done.stdout.contains("1 have no bytes any more"), "{done}");
    assert_eq!(on_disk(&server), [kept.as_str()]);
    server.boot().await;
    let ana = ana.again().await;
    assert!(
        ana.get(&path(&kept)).await.bytes == noise(300_000),
        "other bytes"
    );
    ana.get(&path(&gone)).await.refused(404, "not_found");
    ana.get(&path(&lost)).await.refused(404, "not_found");
}

async fn bytes_that_are_not_what_they_were_are_told_and_brought_back() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ids = Vec::new();
    for name in ["whole", "altered", "short", "missing"] {
        ids.push(uploaded(&ana, name, format!("as it went up: {name}").as_bytes()).await);
    }
    let all: Vec<_> = ids.iter().map(String::as_str).collect();
    send(&ana, &room, "", &all).await.ok();
    server.cli_set(&["store", "check"]).await.ok();
    let to = |name| server.data_dir().with_file_name(name).display().to_string();
    let (before, after) = (to("before"), to("after"));
    server.cli_set(&["store", "backup", &before]).await.ok();
    // What the disk does to them, it does in another file than that of the backup.
    let files = server.data_dir().join("files");
    let place = |id: &str| -> PathBuf { files.join(&id[34..]).join(id) };
    for id in &ids[1..] {
        fs::remove_file(place(id)).expect("it is there");
    }
    fs::write(place(&ids[1]), "as it went up: ALTERED").expect("ours");
    fs::write(place(&ids[2]), "as it went").expect("ours");
    let checked = server.cli_set(&["store", "check"]).await;
    checked.failed(PROBLEMS);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    for (id, what) in [
        (&ids[1], "its bytes are others than were uploaded"),
        (&ids[2], "it has 10 bytes, and had 20"),
        (&ids[3], "its bytes are not there"),
    ] {
        let line = said.lines().find(|line| line.contains(id.as_str()));
        assert!(
            line.is_some_and(|line| line.contains(what)),
            "{what}: {said}"
        );
    }
    assert!(!said.contains(&ids[0]), "{said}");
    // A backup does not read them; how many bytes there are it sees.
    let backup = server.cli_set(&["store", "backup", &after]).await;
    let said = backup.failed(PROBLEMS);
    assert!(said.contains(&ids[2]) && said.contains(&ids[3]), "{said}");
    server.stop().await;
    let restore = ["store", "restore", &before, "--yes"];
    server.cli_as_told(&restore).await.ok();
    server.cli_as_told(&["store", "check"]).await.ok();
    server.boot().await;
    let ana = ana.again().await;
    for (id, name) in ids.iter().zip(["whole", "altered", "short", "missing"]) {
        let bytes = ana.get(&path(id)).await.bytes;
        assert_eq!(bytes, format!("as it went up: {name}").as_bytes());
    }
}
