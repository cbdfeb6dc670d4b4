//! Backing up while people talk: all that was acknowledged is in it, nobody is stopped, and whatever goes wrong
//! leaves nothing that looks like a backup.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Kind, Process, Server, chatd, may_mount, on_both, within};

on_both!(
    a_backup_has_all_that_was_acknowledged_and_stops_nobody,
    a_backup_is_private_checked_and_on_record,
    a_backup_of_a_server_that_is_down_is_the_same,
    what_is_given_up_leaves_nothing,
    a_backup_overwrites_nothing_unasked,
);

const OTHER: i32 = 1;
const USAGE: i32 = 2;
const CONFLICT: i32 = 4;
const UNCONFIRMED: i32 = 8;

/// A server whose backups wait as long as a file is there, which it is, and a place for backups.
struct Yard {
    server: Server,
    hold: PathBuf,
    place: PathBuf,
}

impl Yard {
    async fn new() -> Self {
        let server = Server::builder().prepare();
        let hold = server.data_dir().with_file_name("hold");
        let place = server.data_dir().with_file_name("backups");
        fs::create_dir(&place).expect("a directory");
        let mut yard = Self {
            server,
            hold,
            place,
        };
        let hold = yard.hold.display().to_string();
        yard.server.set_env("TEST_HOLD_BACKUP", Some(&hold));
        yard.server.boot().await;
        yard
    }

    fn hold(&self) {
        fs::write(&self.hold, "").expect("a file");
    }

    fn go_on(&self) {
        fs::remove_file(&self.hold).expect("it was there");
    }

    fn to(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    /// A backup as a process of its own, whose snapshot is taken.
    async fn begin(&self, to: &Path) -> Process {
        let mut command = chatd(self.server.data_dir().parent().expect("a directory"));
        command
            .args(["store", "backup", "--json", "--data-dir"])
            .arg(self.server.data_dir())
            .arg(to);
        let mut process = Process::spawn(&mut command);
        let line = process.line().await.unwrap_or_else(|| {
            panic!("no backup began: {}", process.log());
        });
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["event"], "copied", "{line}");
        process
    }

    /// What lies in the place for backups.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.place).expect("a directory");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry.expect("an entry")))
            .collect();
        names.sort();
        names
    }
}

/// The bodies of all messages in a backup, in their order.
fn bodies(backup: &Path) -> Vec<String> {
    let conn = Connection::open(backup.join("chatd.db")).expect("a database");
    let sql = "SELECT json_extract(data, '$.body') FROM entry WHERE kind = 'message' ORDER BY pos";
    let mut statement = conn.prepare(sql).expect("SQL");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

fn manifest(backup: &Path) -> Value {
    let text = fs::read(backup.join("backup.json")).expect("a manifest");
    serde_json::from_slice(&text).expect("JSON")
}

fn mode(path: &Path) -> u32 {
    let found = fs::metadata(path).expect("it is there");
    found.permissions().mode() & 0o777
}

async fn a_backup_has_all_that_was_acknowledged_and_stops_nobody() {
    let yard = Yard::new().await;
    let ana = yard.server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ws = ana.listen(&room).await;
    for i in 0..50 {
        ws.send(&room, &format!("before {i}")).await;
    }
    yard.hold();
    let to = yard.to("monday");
    let mut backup = yard.begin(&to).await;
    for i in 0..50 {
        // Each is acknowledged while the snapshot is held.
        ws.send(&room, &format!("beside {i}")).await;
    }
    assert!(!to.exists(), "it has its name before it is whole");
    yard.go_on();
    let rest = backup.rest().await;
    let status = backup.wait().await.expect("it ends");
    assert!(status.success(), "{status}: {rest} {}", backup.log());
    let found = bodies(&to);
    let before: Vec<_> = (0..50).map(|i| format!("before {i}")).collect();
    assert_eq!(found, before, "the snapshot is of before");
    let held = ws.events_so_far().await;
    assert_eq!(held.len(), 100, "everybody was told everything");
    // And a later one has all of it.
    yard.server
        .cli(&["store", "backup", &yard.to("tuesday").display().to_string()])
        .await
        .ok();
    assert_eq!(bodies(&yard.to("tuesday")).len(), 100);
}

async fn a_backup_is_private_checked_and_on_record() {
    let yard = Yard::new().await;
    let ana = yard.server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "hi").await;
    let to = yard.to("monday");
    let shown = to.display().to_string();
    let plan = yard
        .server
        .cli(&["store", "backup", "--dry-run", "--json", &shown])
        .await;
    assert_eq!(plan.json()["event"], "plan");
    assert_eq!(yard.names(), [""; 0], "a dry run makes nothing");
    let made = yard
        .server
        .cli(&["store", "backup", "--json", &shown])
        .await;
    let last: Value =
        serde_json::from_str(made.ok().lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["event"], "done", "{last}");
    assert_eq!(yard.names(), ["monday"]);
    let mut files: Vec<_> = fs::read_dir(&to)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["backup.json", "chatd.db"]);
    assert_eq!(mode(&to), 0o700);
    assert_eq!(mode(&to.join("chatd.db")), 0o600);
    assert_eq!(mode(&to.join("backup.json")), 0o600);
    let manifest = manifest(&to);
    assert_eq!(manifest["epoch"], ws_epoch(&yard.server).await);
    assert_eq!(manifest["problems"], 0);
    assert_eq!(manifest["records"]["users"], 1);
    assert_eq!(manifest["sha256"], last["sha256"]);
    let sum = std::process::Command::new("sha256sum")
        .arg(to.join("chatd.db"))
        .output()
        .expect("a program");
    let sum = String::from_utf8(sum.stdout).expect("text");
    assert_eq!(manifest["sha256"].as_str(), sum.split(' ').next());
    let acts = yard.server.admin().get("/v1/audit?limit=200").await;
    let acts = acts["items"].as_array().expect("items");
    let act = acts.iter().find(|act| act["act"] == "store.backup");
    assert_eq!(act.expect("it is on record")["detail"]["to"], shown);
    let conn = Connection::open(to.join("chatd.db")).expect("a database");
    let whole: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("an answer");
    assert_eq!(whole, "ok");
}

async fn ws_epoch(server: &Server) -> String {
    let status = server.admin().get("/v1/store").await;
    status["epoch"].as_str().expect("an epoch").to_owned()
}

async fn a_backup_of_a_server_that_is_down_is_the_same() {
    let mut yard = Yard::new().await;
    let ana = yard.server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "hi").await;
    yard.server.stop().await;
    let to = yard.to("monday").display().to_string();
    yard.server.cli_set(&["store", "backup", &to]).await.ok();
    assert_eq!(bodies(&yard.to("monday")), ["hi"]);
}

async fn what_is_given_up_leaves_nothing() {
    let mut yard = Yard::new().await;
    let ana = yard.server.user("ana").await;
    ana.room("general", Kind::Public).await;
    let to = yard.to("monday");
    let shown = to.display().to_string();
    yard.hold();
    let backup = yard.begin(&to).await;
    let refused = yard.server.cli(&["store", "backup", &shown]).await;
    refused.failed(CONFLICT);
    backup.signal(Signal::KILL);
    backup.wait().await.expect("it ends");
    yard.go_on();
    yard.server.process().logged("a backup was given up").await;
    assert_eq!(yard.names(), [""; 0]);

    // What the server itself leaves when it is killed is no backup, and not in the way.
    yard.hold();
    let backup = yard.begin(&to).await;
    yard.server.kill9().await;
    backup.wait().await.expect("it ends");
    assert!(!to.exists());
    yard.go_on();
    yard.server.boot().await;
    // Nor is it for one of another name; what is none of ours stays.
    for other in [".photos.partial", ".music.partial"] {
        fs::create_dir(yard.to(other)).expect("a directory");
    }
    fs::write(yard.to(".photos.partial").join("cat"), "").expect("a file");
    let tuesday = yard.to("tuesday").display().to_string();
    yard.server.cli(&["store", "backup", &tuesday]).await.ok();
    assert_eq!(
        yard.names(),
        [".music.partial", ".photos.partial", "tuesday"]
    );
    yard.server.cli(&["store", "backup", &shown]).await.ok();
    assert!(to.exists());
}

async fn a_backup_overwrites_nothing_unasked() {
    let yard = Yard::new().await;
    let ana = yard.server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let back_up = async |name: &str, more: &[&str]| {
        let to = yard.to(name).display().to_string();
        let mut args = vec!["store", "backup", &to];
        args.extend(more);
        yard.server.cli(&args).await
    };
    back_up("monday", &[]).await.ok();
    let first = manifest(&yard.to("monday"));
    ana.send(&room, "later").await;
    back_up("monday", &[]).await.failed(UNCONFIRMED);
    assert_eq!(manifest(&yard.to("monday")), first);
    back_up("monday", &["--force"]).await.ok();
    assert_eq!(bodies(&yard.to("monday")), ["later"]);

    fs::create_dir(yard.to("photos")).expect("a directory");
    fs::write(yard.to("photos").join("cat"), "").expect("a file");
    fs::write(yard.to("note"), "").expect("a file");
    for name in ["photos", "note"] {
        back_up(name, &[]).await.failed(UNCONFIRMED);
        back_up(name, &["--force"]).await.failed(CONFLICT);
    }
    back_up("nowhere/monday", &[]).await.failed(USAGE);
    back_up("note/monday", &[]).await.failed(USAGE);
    // A name of what is in the making, which the next backup would clear.
    back_up(".tuesday.partial", &[]).await.failed(USAGE);
    assert!(yard.to("photos").join("cat").exists());
    assert_eq!(yard.names(), ["monday", "note", "photos"]);
}

#[tokio::test]
async fn a_backup_that_does_not_fit_is_refused() {
    let mut yard = Yard::new().await;
    yard.server.user("ana").await;
    yard.server.set("store.min_free", "8000 TiB");
    yard.server.restart().await;
    let to = yard.to("monday").display().to_string();
    let refused = yard.server.cli(&["store", "backup", &to]).await;
    let why = refused.failed(OTHER);
    assert!(why.contains("store.min_free"), "{why}");
    assert_eq!(yard.names(), [""; 0]);
}

/// The disk of the backups is a small one of its own, which fills up while the copy is made.
#[tokio::test]
async fn a_disk_that_fills_in_the_middle_leaves_nothing_and_stops_nobody() {
    if !may_mount() {
        return;
    }
    let mut yard = Yard::new().await;
    let ana = yard.server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    for i in 0..200 {
        ana.send(&room, &format!("{i} {}", "x".repeat(10_000)))
            .await;
    }
    yard.server.stop().await;
    yard.server.small_disk(&yard.place, "16m");
    yard.server.boot().await;
    let mut ws = ana.listen(&room).await;
    let place = yard
        .server
        .process()
        .root()
        .join(yard.place.strip_prefix("/").expect("an absolute path"));
    let names = || fs::read_dir(&place).expect("a directory").count();

    yard.hold();
    let to = yard.to("monday");
    let backup = yard.begin(&to).await;
    assert_eq!(names(), 1, "it is begun");
    let filler = place.join("filler");
    let mut rest = fs::File::create(&filler).expect("a file");
    while std::io::Write::write_all(&mut rest, &[7; 4096]).is_ok() {}
    drop(rest);
    yard.go_on();
    let status = backup.wait().await.expect("it ends");
    assert_eq!(status.code(), Some(OTHER), "{}", backup.log());
    assert!(backup.log().contains("full"), "{}", backup.log());
    assert_eq!(names(), 1, "nothing is left but what filled it");
    ws.send(&room, "it goes on").await;

    // With room again there is one.
    fs::remove_file(&filler).expect("it was there");
    let shown = to.display().to_string();
    yard.server.cli(&["store", "backup", &shown]).await.ok();
    assert_eq!(names(), 1);
    // SQLite would look for it on the disk that others see.
    let copy = tempfile::tempdir().expect("a directory");
    let made = place.join("monday").join("chatd.db");
    fs::copy(made, copy.path().join("chatd.db")).expect("a file");
    let said = bodies(copy.path());
    assert_eq!(said.len(), 201);
    assert_eq!(said.last().map(String::as_str), Some("it goes on"));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_backup() {
    let mut yard = Yard::new().await;
    yard.server.user("ana").await;
    yard.hold();
    let to = yard.to("monday");
    let backup = yard.begin(&to).await;
    let jobs = yard.server.admin().get("/v1/jobs").await;
    assert_eq!(jobs["items"][0]["kind"], "backup", "{jobs}");
    yard.server.sigterm();
    within("its end", backup.wait()).await.expect("it ends");
    yard.go_on();
    assert!(yard.server.exit().await.success());
    assert!(!to.exists());
    let health = json!({"left": yard.names()});
    assert_eq!(health["left"], json!([]), "{health}");
}
