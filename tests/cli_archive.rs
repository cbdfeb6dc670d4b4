//! The archive from the command line, with the server up and with it down: the same commands, the same answers.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{Kind, Room, Server, User, files, on_both, told};

const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const CONFLICT: i32 = 4;
const UNCONFIRMED: i32 = 8;
const PROBLEMS: i32 = 10;

on_both!(
    old_messages_are_archived_and_brought_back_up_and_down,
    what_is_archived_is_written_out_and_checked,
    what_people_sent_along_is_written_out_too,
    what_is_deleted_for_good_is_confirmed,
    what_is_held_is_told_and_kept,
    the_schedule_is_seen_and_decided,
    wrong_ages_are_refused_with_words,
);

async fn talked(server: &Server, messages: usize) -> (User, Room) {
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let said = (0..messages).map(|i| format!("message {i}"));
    ana.connect().await.say_all(&room, said, 64).await;
    (ana, room)
}

/// The last line of an answer that comes line by line.
fn last_line(output: &str) -> Value {
    let line = output.lines().last().expect("a line");
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

const NOW: [&str; 4] = ["archive", "--older-than", "1ms", "--json"];

async fn old_messages_are_archived_and_brought_back_up_and_down() {
    let mut server = Server::archiving().await;
    let (ana, room) = talked(&server, 1_300).await;
    let all = told(&ana, &room).await;
    let dry = server.cli_set(&[&NOW[..], &["--dry-run"]].concat()).await;
    assert_eq!(dry.json()["rooms"][0]["name"], "general", "{dry}");
    assert_eq!(server.admin().segments().await.len(), 0);

    let done = server.cli_set(&NOW).await;
    let end = last_line(done.ok());
    assert!(end.to_string().contains("done"), "{end:#}");
    assert_eq!(server.admin().segments().await.len(), 2);
    let listed = server.cli(&["archive", "list", "--json"]).await.json();
    let run = listed["items"][0].clone();
    assert_eq!(
        (&run["kind"], &run["state"]),
        (&"archive".into(), &"done".into())
    );
    let id = run["id"].as_str().expect("an id").to_owned();
    let words = server.cli(&["archive", "show", &id]).await;
    assert!(words.ok().contains("general"), "{words}");
    assert!(server.cli(&["archive", "list"]).await.ok().contains(&id));
    server.cli(&["archive", "verify"]).await.ok();
    assert!(told(&ana, &room).await == all);

    // With nobody serving it is done on the store itself.
    server.stop().await;
    let restored = server.cli_set(&["archive", "restore", &id]).await;
    restored.ok();
    server.cli_set(&["archive", "verify"]).await.ok();
    server.cli_set(&["store", "check"]).await.ok();
    server.boot().await;
    assert!(told(&ana, &room).await == all);
    let again = server.cli(&["archive", "restore", &id]).await;
    assert!(
        again.failed(CONFLICT).contains("nothing of this run"),
        "{again}"
    );
    let unknown = server.cli(&["archive", "show", "nothing"]).await;
    assert!(
        unknown.failed(NOT_FOUND).contains("chatd archive list"),
        "{unknown}"
    );
}

async fn what_is_archived_is_written_out_and_checked() {
    let mut server = Server::archiving().await;
    let (_ana, room) = talked(&server, 1_300).await;
    server.admin().archive().await;
    let entries = server.admin().entries(&room).await;
    let dir = server.data_dir().with_file_name("out");
    let to = dir.to_str().expect("text");
    server.cli(&["archive", "export", to]).await.ok();
    let manifest = fs::read_to_string(dir.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let segments = manifest["segments"].as_array().expect("segments");
    assert_eq!(segments.len(), 2);
    for segment in segments {
        let file = dir.join(segment["file"].as_str().expect("a file"));
        let bytes = fs::read(&file).expect("it is there");
        assert_eq!(
            bytes.len() as u64,
            segment["size"].as_u64().expect("a size")
        );
        assert!(bytes.starts_with(br#"{"format":"chatd-segment","version":1"#));
        assert!(!Path::new(segment["file"].as_str().expect("a file")).is_absolute());
    }
    // Not over what is there.
    assert_ne!(server.cli(&["archive", "export", to]).await.code, Some(0));

    let cat = server.cli(&["archive", "cat", "--room", "general"]).await;
    let lines: Vec<Value> = cat
        .ok()
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert!(lines.len() >= 1_000 && lines.len() <= entries.len());
    assert!(
        lines
            .iter()
            .zip(&entries)
            .all(|(l, e)| l["seq"] == e["seq"] && l["data"] == e["data"])
    );
    for up in [true, false] {
        if !up {
            server.stop().await;
        }
        let out = server
            .cli_set(&["message", "export", "--room", "general"])
            .await;
        let said = out.ok().lines().count();
        assert_eq!(said, 1_300, "{}", out.stderr);
        let nobody = ["message", "export", "--user", "nobody"];
        server.cli_set(&nobody).await.failed(NOT_FOUND);
    }
    // What does not read is named.
    let last = segments[0]["last"].as_i64().expect("a seq");
    crate::support::Shell::open(&server)
        .await
        .damage_segment(last)
        .await;
    let found = server.cli_set(&["archive", "verify"]).await;
    found.failed(PROBLEMS);
    assert!(found.stdout.contains("1–1,000"), "{found}");
    assert!(found.stdout.contains("its checksum"), "{found}");
    server.cli_set(&["store", "check"]).await.failed(PROBLEMS);
}

async fn what_people_sent_along_is_written_out_too() {
    let server = Server::archiving().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    // More than one piece of what the server gives at once, and nothing at all.
    let large = files::noise(9 << 20);
    let (photo, gone) = (files::png(7, 5), b"what must not be here");
    let ids = [
        files::uploaded(&ana, "a.bin", &large).await,
        files::uploaded(&ana, "..%2F%1b.png", &photo).await,
        files::uploaded(&ana, "b.txt", gone).await,
    ];
    let all: Vec<_> = ids.iter().map(String::as_str).collect();
    files::send(&ana, &room, "look", &all).await.ok();
    ana.send(&room, "the last one stays live").await;
    server.admin().archive().await;
    // Neither what lies in no message, nor what is not archived.
    let unused = files::uploaded(&ana, "c.txt", b"unused").await;
    let live = files::uploaded(&ana, "d.txt", b"live").await;
    files::send(&ana, &room, "and here", &[&live]).await.ok();
    server.cli(&["file", "delete", &ids[2], "--yes"]).await.ok();

    let out = |name: &str| server.data_dir().with_file_name(name);
    let export = async |name: &str, more: &[&str]| {
        let to = out(name);
        let args = ["archive", "export", to.to_str().expect("text")];
        server.cli(&[&args[..], more].concat()).await
    };
    let dry = export("out", &["--dry-run"]).await;
    assert!(dry.ok().contains("2, 9.0 MiB"), "{dry}");
    let report = export("out", &["--json"]).await.json();
    assert_eq!((&report["files"], &report["kept"]), (&2.into(), &0.into()));
    let manifest = fs::read_to_string(out("out").join("manifest.json")).expect("a manifest");
    assert!(!manifest.contains(&unused) && !manifest.contains(&live));
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let listed = manifest["files"].as_array().expect("files");
    for (file, (id, bytes)) in listed.iter().zip(ids.iter().zip([&large, &photo])) {
        assert_eq!(file["file"], format!("{}/files/{id}", room.id));
        let there = out("out").join(file["file"].as_str().expect("a name"));
        assert!(fs::read(there).expect("it is there") == *bytes, "{file}");
        assert_eq!(file["sha256"], files::sha256(bytes));
        assert_eq!(file["message"], 2);
    }
    assert_eq!(
        (&listed[1]["name"], &listed[1]["type"]),
        (&"png".into(), &"image/png".into())
    );

    let without = export("texts", &["--no-files"]).await;
    assert!(without.ok().contains("left out"), "{without}");
    assert!(!out("texts").join(&room.id).join("files").exists());

    // What is cut off goes on: the one that is whole stays, the other comes again.
    fs::remove_file(out("out").join("manifest.json")).expect("it is there");
    let cut = out("out").join(listed[0]["file"].as_str().expect("a name"));
    fs::write(&cut, &large[..100]).expect("a file");
    let resumed = export("out", &["--resume", "--json"]).await.json();
    assert_eq!(resumed["kept"], 2, "a segment and a file: {resumed:#}");
    assert!(fs::read(&cut).expect("it is there") == large);

    // Bytes that are lost are named, and all else is there.
    let on_shelf = server
        .data_dir()
        .join("files")
        .join(&ids[0][34..])
        .join(&ids[0]);
    fs::write(&on_shelf, &large[1..]).expect("a file");
    let lost = export("lost", &["--json"]).await;
    assert_eq!(lost.code, Some(PROBLEMS), "{lost}");
    assert!(lost.stderr.contains(&ids[0]), "{lost}");
    assert!(
        out("lost")
            .join(&room.id)
            .join("files")
            .join(&ids[1])
            .is_file()
    );
    assert!(
        !out("lost")
            .join(&room.id)
            .join("files")
            .join(&ids[0])
            .exists()
    );
}

async fn what_is_deleted_for_good_is_confirmed() {
    let server = Server::archiving().await;
    let (ana, room) = talked(&server, 60).await;
    server.admin().archive().await;
    let all = told(&ana, &room).await;
    let prune = ["archive", "prune", "--older-than", "1ms", "--grace", "1h"];
    let asked = server.cli(&prune).await;
    assert!(asked.failed(UNCONFIRMED).contains("--yes"), "{asked}");
    let dry = server.cli(&[&prune[..], &["--dry-run"]].concat()).await;
    assert!(dry.ok().contains("general"), "{dry}");
    assert!(!server.admin().segments().await[0]["purge_at"].is_number());
    server.cli(&[&prune[..], &["--yes"]].concat()).await.ok();
    assert!(server.admin().segments().await[0]["purge_at"].is_number());
    assert!(told(&ana, &room).await == all);
    let listed = server.cli(&["archive", "list", "--json"]).await.json();
    let id = listed["items"][0]["id"].as_str().expect("an id").to_owned();
    server.cli(&["archive", "restore", &id]).await.ok();
    assert!(!server.admin().segments().await[0]["purge_at"].is_number());
}

async fn what_is_held_is_told_and_kept() {
    let mut server = Server::archiving().await;
    let (_ana, _room) = talked(&server, 30).await;
    server.admin().archive().await;
    let why = server.cli(&["hold", "add", "--room", "general"]).await;
    why.failed(USAGE);
    let add = [
        "hold", "add", "--room", "general", "--reason", "case 7", "--json",
    ];
    let held = server.cli(&add).await.json();
    let id = held["id"].as_str().expect("an id").to_owned();
    let prune = ["archive", "prune", "--older-than", "1ms", "--yes"];
    server.cli(&prune).await;
    assert!(!server.admin().segments().await[0]["purge_at"].is_number());
    server.stop().await;
    let listed = server.cli_set(&["hold", "list"]).await;
    assert!(
        listed.ok().contains("general") && listed.stdout.contains("case 7"),
        "{listed}"
    );
    let person = ["hold", "add", "--user", "ana", "--reason", "case 8"];
    server.cli_set(&person).await.ok();
    let erase = ["user", "erase", "ana", "--messages", "keep", "--yes"];
    let refused = server.cli_set(&erase).await;
    assert!(refused.failed(CONFLICT).contains("case 8"), "{refused}");
    server
        .cli_set(&["hold", "release", &id, "--yes"])
        .await
        .ok();
    let gone = server.cli_set(&["hold", "release", &id, "--yes"]).await;
    assert!(gone.failed(NOT_FOUND).contains("chatd hold list"), "{gone}");
}

async fn the_schedule_is_seen_and_decided() {
    let mut server = Server::archiving().await;
    let schedule = ["archive", "schedule"];
    let set = [&schedule[..], &["set", "30 3 * * *"]].concat();
    server.cli(&set).await.ok();
    let status = server.cli(&["status"]).await;
    assert!(status.ok().contains("30 3 * * *"), "{status}");
    server.cli(&[&schedule[..], &["pause"]].concat()).await.ok();
    server.stop().await;
    let shown = server
        .cli_set(&[&schedule[..], &["show", "--json"]].concat())
        .await
        .json();
    assert_eq!(
        (&shown["schedule"], &shown["paused"]),
        (&"30 3 * * *".into(), &true.into())
    );
    server
        .cli_set(&[&schedule[..], &["resume"]].concat())
        .await
        .ok();
    let policy = ["archive", "policy", "set", "--older-than", "90d"];
    server.cli_set(&policy).await.ok();
    server.boot().await;
    let shown = server.cli(&["archive", "policy", "show"]).await;
    assert!(shown.ok().contains("90d"), "{shown}");
    let bad = server
        .cli(&[&schedule[..], &["set", "daily"]].concat())
        .await;
    assert_ne!(bad.code, Some(0), "{bad}");
    assert!(bad.stderr.contains("30 3 * * *"), "{bad}");
}

async fn wrong_ages_are_refused_with_words() {
    let server = Server::archiving().await;
    let (_ana, _room) = talked(&server, 5).await;
    for age in [
        "0",
        "0s",
        "-5d",
        "30",
        "30 days",
        "1y",
        "soon",
        "99999999999999d",
    ] {
        let age = format!("--older-than={age}");
        let refused = server.cli(&["archive", &age]).await;
        assert!([Some(USAGE), Some(1)].contains(&refused.code), "{refused}");
        assert!(refused.stderr.contains("older"), "{refused}");
    }
    let nothing = server.cli(&["archive"]).await;
    assert!(nothing.failed(USAGE).contains("--older-than"), "{nothing}");
    let unknown = ["archive", "--older-than", "1ms", "--room", "nowhere"];
    let unknown = server.cli(&unknown).await;
    assert!(unknown.failed(NOT_FOUND).contains("nowhere"), "{unknown}");
    assert_eq!(server.admin().segments().await.len(), 0);
}
