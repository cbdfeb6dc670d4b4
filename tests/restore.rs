//! Going back to a backup: what was acknowledged before it is there, who was erased since stays so, nobody is logged
//! in, and clients are told. Whatever interrupts it, the store is the old one or the new one.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, config::DbConfig};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::support::{
    Kind, Output, PASSWORD, Room, Server, User, history, mongodb_uri, on_both, on_mongodb,
};

on_both!(a_drill, what_is_no_backup_is_refused);

const OTHER: i32 = 1;
const USAGE: i32 = 2;
const UNREACHABLE: i32 = 6;
const UNCONFIRMED: i32 = 8;
const PROBLEMS: i32 = 10;
const BAD_CONFIG: i32 = 78;

/// What was acknowledged: the place of each message, its id and its text.
type Told = BTreeMap<u64, (String, String)>;

fn told(ack: &Value, body: &str) -> (u64, (String, String)) {
    let seq = ack["seq"].as_u64().expect("a seq");
    let id = ack["message"].as_str().expect("an id").to_owned();
    (seq, (id, body.to_owned()))
}

fn place(server: &Server, name: &str) -> PathBuf {
    server.data_dir().with_file_name(name)
}

async fn back_up(server: &Server, name: &str) -> PathBuf {
    let to = place(server, name);
    let shown = to.display().to_string();
    server.cli_set(&["store", "backup", &shown]).await.ok();
    to
}

async fn restore(server: &Server, from: &Path, more: &[&str]) -> Output {
    let from = from.display().to_string();
    let mut args = vec!["store", "restore", &from];
    args.extend(more);
    server.cli_as_told(&args).await
}

fn last(output: &Output) -> Value {
    let line = output.ok().lines().last().expect("it says something");
    serde_json::from_str(line).expect("JSON")
}

/// The messages of a room as they are now.
async fn messages(user: &User, room: &Room) -> Told {
    let items = history(user, room).await;
    let item = |item: &Value| {
        let seq = item["seq"].as_u64().expect("a seq");
        let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
        (seq, (text("id"), text("body")))
    };
    items.iter().map(item).collect()
}

/// Says something again and again until it is told to stop; what was acknowledged.
async fn talk(user: User, room: Room, stop: Arc<AtomicBool>) -> Told {
    let mut ws = user.connect().await;
    let mut acknowledged = Told::new();
    while !stop.load(Ordering::Relaxed) {
        let body = format!("beside {}", acknowledged.len());
        let (seq, message) = told(&ws.send(&room, &body).await, &body);
        acknowledged.insert(seq, message);
    }
    acknowledged
}

#[expect(clippy::too_many_lines, reason = "one day, from morning to evening")]
async fn a_drill() {
    let soon = Server::builder().set("messages.erase_within", "1s");
    let mut server = soon.start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let (bob, carl, dora) = (
        server.user("bob").await,
        server.user("carl").await,
        server.user("dora").await,
    );
    for user in [&bob, &carl, &dora] {
        user.join(&room).await;
    }
    let mut before = Told::new();
    let mut ws = ana.connect().await;
    for i in 0..60 {
        let body = format!("before {i}");
        let (seq, message) = told(&ws.send(&room, &body).await, &body);
        before.insert(seq, message);
    }
    let secret = carl.send(&room, "my address is 5 Elm Street").await;
    let secret = secret["seq"].as_u64().expect("a seq");

    let stop = Arc::new(AtomicBool::new(false));
    let again = dora.again().await;
    let talking = tokio::spawn(talk(again, room.clone(), Arc::clone(&stop)));
    let backup = back_up(&server, "backup").await;
    stop.store(true, Ordering::Relaxed);
    let mut beside = talking.await.expect("it talks");

    for i in 0..30 {
        let body = format!("after {i}");
        let (seq, message) = told(&ws.send(&room, &body).await, &body);
        beside.insert(seq, message);
    }
    let head = ws.subscribe(&room, None).await.head;
    let epoch = ws.epoch();
    let erase = ["user", "erase", "carl", "--messages", "delete", "--yes"];
    server.cli(&erase).await.ok();
    let (regret, _) = before.pop_first().expect("there are many");
    ana.delete(&room.message(&json!(regret))).await.ok();
    let erased = "the texts of deleted messages were erased";
    server.process().logged(erased).await;
    let admin = server.admin();
    admin.put("/v1/users/bob/ban", json!({})).await;
    admin.give("dora", "moderator").await;
    drop(ws);
    server.kill9().await;

    // What would change is told, and nothing changes.
    let dry = last(&restore(&server, &backup, &["--dry-run", "--json"]).await);
    assert_eq!(dry["dry_run"], true, "{dry}");
    let changes = &dry["changes"];
    let sanction = &changes["sanctions"][0];
    assert_eq!(
        (&sanction["name"], &sanction["kind"]),
        (&json!("bob"), &json!("ban")),
        "{dry:#}"
    );
    assert_eq!(
        (&sanction["now"], &sanction["then"]),
        (&json!(true), &json!(false))
    );
    let people = changes["people"].as_array().expect("a list");
    let roles: Vec<_> = people
        .iter()
        .map(|one| {
            (
                one["name"].as_str(),
                one["now"].as_str(),
                one["then"].as_str(),
            )
        })
        .collect();
    let expected = (
        Some("dora"),
        Some("moderator, active"),
        Some("member, active"),
    );
    assert!(roles.contains(&expected), "{roles:?}");
    assert_eq!(dry["erased_again"], json!([carl.id]));
    assert_eq!(dry["texts_again"], 1, "{dry:#}");
    assert_eq!(dry["replaced"], Value::Null);

    restore(&server, &backup, &[]).await.failed(UNCONFIRMED);
    let done = last(&restore(&server, &backup, &["--yes", "--json"]).await);
    let replaced = done["replaced"]
        .as_str()
        .expect("it was set aside")
        .to_owned();
    if server.store_url().is_none() {
        assert!(Path::new(&replaced).join("chatd.db").exists(), "{replaced}");
    }
    assert!(!server.data_dir().join("restoring").exists());

    server.boot().await;
    // Sessions are dead; passwords are good.
    ana.get("/v1/me").await.refused(401, "unauthorized");
    let ana = ana.again().await;
    let found = messages(&ana, &room).await;
    for (seq, message) in &before {
        assert_eq!(
            found.get(seq),
            Some(message),
            "entry {seq} was acknowledged before"
        );
    }
    for (seq, message) in &found {
        let known = before.get(seq).or(beside.get(seq));
        let gone = [secret, regret].contains(seq);
        assert!(known == Some(message) || gone, "{seq}: {message:?}");
    }
    // A client that resumes is told to reload: what it knows was of another incarnation.
    let mut ws = ana.connect().await;
    assert_ne!(ws.epoch(), epoch);
    let resume = json!({"op": "subscribe", "room": room.id, "after": head, "epoch": epoch});
    let answer = ws.request(resume).await.expect("she is a member");
    assert_eq!(answer["recovered"], false, "{answer}");
    // The erased stay erased, in every part of the store.
    let carl = json!({"login": "carl", "password": PASSWORD});
    server
        .rest()
        .post("/v1/login", carl)
        .await
        .refused(401, "unauthorized");
    for seq in [secret, regret] {
        let text = found.get(&seq).map(|(_, body)| body.as_str());
        assert!(text.is_none_or(str::is_empty), "{seq}: {text:?}");
    }
    server.cli(&["user", "show", "carl"]).await.failed(3);
    // He was not banned when the backup was made.
    bob.again().await.get("/v1/me").await.ok();
    server.cli(&["audit", "verify"]).await.ok();
    server.cli(&["store", "check"]).await.ok();
    let acts = server.admin().get("/v1/audit?limit=200").await;
    let acts = acts["items"].as_array().expect("items");
    let act = acts.iter().find(|act| act["act"] == "store.restore");
    let act = act.expect("it is on record");
    assert_eq!(act["detail"]["from"], backup.display().to_string(), "{act}");
    assert!(act["actor"]["uid"].is_u64(), "{act}");
    // And it goes on.
    ws.send(&room, "hello again").await;
}

async fn what_is_no_backup_is_refused() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "hi").await;
    let good = back_up(&server, "good").await;
    restore(&server, &good, &["--yes"])
        .await
        .failed(UNREACHABLE);
    server.stop().await;

    let copy = |name: &str| {
        let to = place(&server, name);
        fs::create_dir(&to).expect("a directory");
        for file in ["chatd.db", "backup.json"] {
            fs::copy(good.join(file), to.join(file)).expect("a file");
        }
        to
    };
    let refused = async |from: &Path, code: i32| {
        let output = restore(&server, from, &["--yes"]).await;
        output.failed(code).to_owned()
    };
    let pipe = |path: &Path| {
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, path, FileType::Fifo, mode, 0).expect("a pipe");
    };
    let edit = |backup: &Path, field: &str, value: Value| {
        let path = backup.join("backup.json");
        let mut manifest: Value =
            serde_json::from_slice(&fs::read(&path).expect("a manifest")).expect("JSON");
        manifest[field] = value;
        fs::write(path, manifest.to_string()).expect("a file");
    };

    refused(&place(&server, "nothing"), USAGE).await;
    refused(&good.join("chatd.db"), USAGE).await;
    pipe(&place(&server, "pipe"));
    refused(&place(&server, "pipe"), USAGE).await;
    let foreign = place(&server, "foreign");
    fs::create_dir(&foreign).expect("a directory");
    refused(&foreign, USAGE).await;

    let cut = copy("cut");
    let database = fs::OpenOptions::new()
        .write(true)
        .open(cut.join("chatd.db"));
    database
        .expect("a file")
        .set_len(5_000)
        .expect("it shrinks");
    refused(&cut, PROBLEMS).await;

    let altered = copy("altered");
    let mut bytes = fs::read(altered.join("chatd.db")).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(altered.join("chatd.db"), bytes).expect("a file");
    let why = refused(&altered, PROBLEMS).await;
    assert!(why.contains("checksum"), "{why}");

    let gone = copy("gone");
    fs::remove_file(gone.join("chatd.db")).expect("a file");
    refused(&gone, PROBLEMS).await;
    pipe(&gone.join("chatd.db"));
    refused(&gone, PROBLEMS).await;

    let odd = copy("odd");
    fs::write(odd.join("backup.json"), "{\"format\":").expect("a file");
    refused(&odd, USAGE).await;
    fs::remove_file(odd.join("backup.json")).expect("a file");
    pipe(&odd.join("backup.json"));
    refused(&odd, USAGE).await;

    for (name, field) in [("schema", "schema"), ("format", "format")] {
        let newer = copy(name);
        edit(&newer, field, json!(9_999));
        edit(&newer, "chatd", json!("99.0.0"));
        let why = refused(&newer, BAD_CONFIG).await;
        assert!(why.contains("99.0.0"), "{why}");
    }

    let older = copy("older");
    edit(&older, "chatd", json!("0.0.1"));

    // None of this has touched anything.
    assert!(!server.data_dir().join("restoring").exists());
    server.boot().await;
    ana.get("/v1/me").await.ok();
    assert_eq!(messages(&ana, &room).await.len(), 1);
    server.stop().await;

    // One that lies where a restore is made ready is not cleared away.
    let there = server.data_dir().join("restoring");
    fs::rename(&good, &there).expect("a place");
    for from in [&there, &older] {
        let refused = restore(&server, from, &["--yes"]).await;
        let why = refused.failed(OTHER);
        assert!(why.contains("a backup is there"), "{why}");
    }
    fs::rename(&there, &good).expect("it is there still");

    // One of an older chatd is as good as one of this.
    restore(&server, &older, &["--yes"]).await.ok();
}

/// A server that is down, with `n` messages more than its backup has.
async fn behind(n: usize) -> (Server, User, Room, PathBuf) {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "hi").await;
    let backup = back_up(&server, "backup").await;
    for i in 0..n {
        ana.send(&room, &format!("since {i}")).await;
    }
    server.stop().await;
    (server, ana, room, backup)
}

/// The store of an older chatd, which was killed: what it had not yet copied out of its log is not torn off.
#[tokio::test]
async fn what_is_set_aside_is_whole() {
    let (mut server, ana, room, backup) = behind(0).await;
    server.boot().await;
    for i in 0..20 {
        ana.send(&room, &format!("since {i}")).await;
    }
    server.kill9().await;
    {
        let conn = Connection::open(server.data_dir().join("chatd.db")).expect("a database");
        let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        conn.set_db_config(keep, true).expect("it can");
        conn.pragma_update(None, "user_version", 1)
            .expect("it is written");
    }
    assert!(server.data_dir().join("chatd.db-wal").exists());
    let restored = last(&restore(&server, &backup, &["--yes", "--json"]).await);
    let aside = PathBuf::from(restored["replaced"].as_str().expect("a place"));
    let names = fs::read_dir(&aside).expect("a directory").count();
    assert_eq!(names, 1, "the database alone");
    let conn = Connection::open(aside.join("chatd.db")).expect("a database");
    let sql = "SELECT count(*) FROM entry WHERE kind = 'message'";
    let said: i64 = conn.query_row(sql, [], |row| row.get(0)).expect("a count");
    assert_eq!(said, 21);
}

/// Has a restore end at a step.
async fn crash(server: &mut Server, backup: &Path, step: &str) {
    server.set_env("TEST_CRASH_CHATD", Some(step));
    let output = restore(server, backup, &["--yes"]).await;
    assert_eq!(output.code, None, "it did not come to {step}: {output}");
    server.set_env("TEST_CRASH_CHATD", None);
}

#[tokio::test]
async fn a_crash_leaves_the_old_store_or_the_new_one() {
    let (mut server, ana, room, backup) = behind(3).await;
    for (step, left) in [
        ("restore-copied", 4),
        ("restore-ready", 4),
        ("restore-aside", 4),
        ("restore-placed", 1),
        ("restore-done", 1),
    ] {
        crash(&mut server, &backup, step).await;
        server.boot().await;
        let ana = ana.again().await;
        assert_eq!(messages(&ana, &room).await.len(), left, "after {step}");
        server.cli(&["store", "check"]).await.ok();
        server.stop().await;
    }
    restore(&server, &backup, &["--yes"]).await.ok();
    server.boot().await;
    let ana = ana.again().await;
    assert_eq!(messages(&ana, &room).await.len(), 1);
}

#[tokio::test]
async fn a_crash_beside_mongodb_is_finished_by_the_same_command() {
    if mongodb_uri().is_none() {
        return;
    }
    on_mongodb(Box::pin(async {
        for step in [
            "restore-marked",
            "restore-renamed:3",
            "restore-aside",
            "restore-filled:2",
            "restore-placed",
        ] {
            let (mut server, ana, room, backup) = behind(3).await;
            crash(&mut server, &backup, step).await;
            // Nobody is served half a store.
            server.spawn();
            let (status, _, log) = server.failed().await;
            assert!(status.code().is_some() && status.signal().is_none());
            assert!(
                !status.success() && log.contains("store restore"),
                "{step}: {log}"
            );
            restore(&server, &backup, &["--yes"]).await.ok();
            server.boot().await;
            let ana = ana.again().await;
            assert_eq!(messages(&ana, &room).await.len(), 1, "after {step}");
            server.cli(&["store", "check"]).await.ok();
            server.stop().await;
        }
    }))
    .await;
}

#[tokio::test]
async fn a_backup_of_mongodb_becomes_a_store_of_sqlite() {
    if mongodb_uri().is_none() {
        return;
    }
    let mut backup = PathBuf::new();
    let mut bodies = Vec::new();
    let kept = tempfile::tempdir().expect("a directory");
    on_mongodb(Box::pin(async {
        let (server, _, _, made) = behind(0).await;
        let status = std::process::Command::new("cp")
            .arg("-a")
            .args([&made, &kept.path().join("backup")])
            .status();
        assert!(status.expect("a program").success());
        drop(server);
        backup = kept.path().join("backup");
        bodies.push("hi".to_owned());
    }))
    .await;
    let mut server = Server::builder().prepare();
    restore(&server, &backup, &["--yes"]).await.ok();
    server.boot().await;
    let ana = User::login(server.rest(), "ana", PASSWORD).await;
    let rooms = ana.get("/v1/rooms").await.ok();
    let id = rooms["items"][0]["id"].as_str().expect("a room");
    let page = ana.get(&format!("/v1/rooms/{id}/messages")).await.ok();
    let said: Vec<_> = page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["body"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(said, bodies);
}
