//! Promise 6: from one store to the other and back, with nothing lost, doubled or noticed by a client,
//! whatever interrupts it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, types::Value as Cell};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Base, Kind, Output, Process, Room, Server, User, chatd, history, mongodb_uri, run, within,
};

const USAGE: i32 = 2;
const CONFLICT: i32 = 4;
const UNREACHABLE: i32 = 6;
const PROBLEMS: i32 = 10;

/// How many messages there are: several pages, so that a copy can be killed between two.
const MANY: usize = 6_000;
/// Enough for a copy that is interrupted once.
const SOME: usize = 3_000;

/// Two stores and a place for more.
struct Yard {
    server: Server,
    ana: User,
    room: Room,
    base: Base,
}

impl Yard {
    /// A chat on SQLite, stopped, and an empty database on MongoDB. None where there is no MongoDB.
    async fn new(messages: usize) -> Option<Self> {
        let uri = mongodb_uri()?;
        let mut server = Server::start().await;
        let ana = server.user("ana").await;
        let room = ana.room("general", Kind::Public).await;
        let plans = ana.room("plans", Kind::Private).await;
        let bob = server.user("bob").await;
        bob.join(&room).await;
        ana.add(&plans, &bob, "moderator").await;
        server.cli(&["invite", "create"]).await.ok();
        let bodies: Vec<_> = (0..messages).map(|i| format!("message {i} 💚")).collect();
        ana.connect().await.say_all(&room, bodies, 200).await;
        server.stop().await;
        let base = Base::on(&uri);
        Some(Self {
            server,
            ana,
            room,
            base,
        })
    }

    /// A file in the test's own directory.
    fn file(&self, name: &str) -> PathBuf {
        self.server.data_dir().with_file_name(name)
    }

    fn sqlite(&self, dir: &str) -> String {
        format!("sqlite:{}", self.file(dir).join("chatd.db").display())
    }

    fn here(&self) -> PathBuf {
        self.server.data_dir().join("chatd.db")
    }

    /// Copies from the first store, or from `from`.
    async fn copy(&self, from: Option<&str>, to: &str, more: &[&str]) -> Output {
        let mut args = vec!["store", "copy", "--json", "--to", to];
        args.extend(from.iter().flat_map(|from| ["--from", from]));
        args.extend(more);
        self.server.cli(&args).await
    }

    /// Copies, and is killed with each first page of the entries that goes over; until it is through. How
    /// often it was.
    async fn copy_interrupted(&self, from: Option<&str>, to: &str) -> u32 {
        let mut interruptions = 0;
        loop {
            let mut command = chatd(self.server.data_dir().parent().expect("a directory"));
            command
                .args([
                    "store",
                    "copy",
                    "--verify",
                    "--json",
                    "--to",
                    to,
                    "--data-dir",
                ])
                .arg(self.server.data_dir());
            command.args(from.iter().flat_map(|from| ["--from", from]));
            let mut copy = Process::spawn(&mut command);
            while let Some(line) = copy.line().await {
                let line: Value = serde_json::from_str(&line).expect("JSON");
                if line["event"] == "copied" && line["table"] == "entries" {
                    copy.signal(Signal::KILL);
                    break;
                }
            }
            let status = copy.wait().await.expect("it ends");
            if status.success() {
                return interruptions;
            }
            assert_eq!(status.code(), None, "it failed by itself: {}", copy.log());
            interruptions += 1;
        }
    }
}

/// All of a table.
type Rows = Vec<Vec<Cell>>;

/// Everything in a database but what is particular to the file; and which incarnation it is.
fn contents(path: &Path) -> (Vec<(String, Rows)>, Vec<Vec<u8>>) {
    let conn = Connection::open(path).expect("a database");
    let names = "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT IN ('meta', 'log') ORDER BY 1";
    let names: Vec<String> = rows(&conn, names)
        .into_iter()
        .map(|row| match &row[0] {
            Cell::Text(name) => name.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let tables = names.into_iter().map(|name| {
        // Which number a log has does not matter.
        let from = match &name[..] {
            "entry" => "(SELECT l.key, e.pos & 0x3fffffffff, e.n, e.at, e.id, e.sender, e.txn, e.digest, e.v, e.kind, e.data
                 FROM entry e JOIN log l ON l.no = e.pos >> 38)",
            "txn" => "(SELECT l.key, t.sender, t.txn, t.seq FROM txn t JOIN log l ON l.no = t.log)",
            other => other,
        };
        let all = rows(&conn, &format!("SELECT * FROM {from} ORDER BY 1, 2"));
        (name, all)
    });
    let meta = "SELECT value FROM meta WHERE name IN ('epoch', 'secret') ORDER BY name";
    let meta = rows(&conn, meta).into_iter().map(|row| match &row[0] {
        Cell::Blob(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    });
    (tables.collect(), meta.collect())
}

fn rows(conn: &Connection, sql: &str) -> Rows {
    let mut statement = conn.prepare(sql).expect("SQL");
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|i| row.get(i)).collect());
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// The lines that a copy printed, the last of them.
#[track_caller]
fn last(output: &Output) -> Value {
    let line = output.ok().lines().last().expect("it says something");
    serde_json::from_str(line).expect("JSON")
}

/// An entry of a kind and a version that nobody knows, at the end of a room's log.
fn append_strange(path: &Path, room: &Room) {
    let conn = Connection::open(path).expect("a database");
    let log: Vec<u8> = [b'r']
        .into_iter()
        .chain(uuid::Uuid::parse_str(&room.id).expect("an id").into_bytes())
        .collect();
    let done = conn.execute(
        "INSERT INTO entry (pos, n, at, id, v, kind, data)
         SELECT pos + 1, n, at, ?2, 77, 'hologram', ' {\"x\" :1.0, \"é\":[ }'
         FROM entry WHERE pos >> 38 = (SELECT no FROM log WHERE key = ?1) ORDER BY pos DESC LIMIT 1",
        (log, uuid::Uuid::now_v7().into_bytes()),
    );
    assert_eq!(done, Ok(1));
}

#[tokio::test]
async fn there_and_back_again_through_kill_9() {
    let Some(yard) = Yard::new(MANY).await else {
        return;
    };
    append_strange(&yard.here(), &yard.room);
    let there = &yard.base.url;
    let interruptions = yard.copy_interrupted(None, there).await;
    assert!(
        interruptions >= 2,
        "it was killed only {interruptions} times"
    );
    let back = yard.sqlite("back");
    let interruptions = yard.copy_interrupted(Some(there), &back).await;
    assert!(
        interruptions >= 2,
        "it was killed only {interruptions} times"
    );

    let (before, identity) = contents(&yard.here());
    let (after, other) = contents(&yard.file("back").join("chatd.db"));
    assert_eq!(identity, other);
    assert_eq!(before.len(), after.len());
    for ((name, before), (other, after)) in before.iter().zip(&after) {
        assert_eq!((name, before.len()), (other, after.len()));
        let differs = before.iter().zip(after).find(|(one, other)| one != other);
        assert_eq!(differs, None, "{name}");
    }
    let entries = before.iter().find(|(name, _)| name == "entry");
    assert!(entries.is_some_and(|(_, rows)| rows.len() > MANY));
    // Said by the program itself, too.
    let verified = last(&yard.copy(None, &back, &["--verify"]).await);
    assert_eq!(
        (&verified["copied"], &verified["verified"]),
        (&json!(0), &json!(true))
    );
}

#[tokio::test]
async fn a_chat_goes_on_where_it_was() {
    let Some(mut yard) = Yard::new(3).await else {
        return;
    };
    yard.server.boot().await;
    let mut ws = yard.ana.connect().await;
    let txn = json!({"op": "send", "room": yard.room.id, "body": "once", "txn": "once"});
    let first = ws.request(txn.clone()).await.expect("allowed");
    let (epoch, seq) = (ws.epoch(), first["seq"].as_u64().expect("a seq"));
    yard.ana.send(&yard.room, "while away").await;
    let before = history(&yard.ana, &yard.room).await;
    yard.server.stop().await;

    let here = format!("sqlite:{}", yard.here().display());
    let file = yard.file("store-url");
    std::fs::write(&file, format!("{}\n", yard.base.url)).expect("a file");
    let file = file.to_str().expect("text");
    yard.server
        .cli(&[
            "store",
            "copy",
            "--from",
            &here,
            "--to-file",
            file,
            "--verify",
        ])
        .await
        .ok();
    yard.server.set("store.url_file", file);
    yard.server.boot().await;

    // The same access token, resume position and txn.
    let mut ws = yard.ana.connect().await;
    assert_eq!(ws.epoch(), epoch);
    let resume = json!({"op": "subscribe", "room": yard.room.id, "after": seq, "epoch": epoch});
    let resumed = ws.request(resume).await.expect("allowed");
    assert_eq!(resumed["recovered"], true, "{resumed}");
    assert_eq!(resumed["events"][0]["body"], "while away", "{resumed}");
    let again = ws.request(txn).await.expect("allowed");
    assert_eq!((&again["dup"], &again["seq"]), (&json!(true), &json!(seq)));
    assert_eq!(history(&yard.ana, &yard.room).await, before);
    let next = yard.ana.send(&yard.room, "next").await;
    assert_eq!(next["seq"].as_u64(), Some(seq + 2));
    yard.server.stop().await;

    // What was said since is what the two differ by.
    let differs = yard
        .server
        .cli(&[
            "store",
            "copy",
            "--from",
            &here,
            "--to-file",
            file,
            "--verify",
        ])
        .await;
    let complaint = differs.failed(PROBLEMS);
    assert!(
        complaint.contains("sessions ") || complaint.contains("entries "),
        "{complaint}"
    );
}

#[tokio::test]
async fn the_first_record_that_differs_is_named() {
    let Some(yard) = Yard::new(5).await else {
        return;
    };
    yard.copy(None, &yard.base.url, &["--verify"]).await.ok();
    let conn = Connection::open(yard.here()).expect("a database");
    let change =
        "UPDATE entry SET data = '{\"body\":\"forged\"}' WHERE kind = 'message' AND pos & 0xff = 4";
    assert_eq!(conn.execute(change, []), Ok(1));
    drop(conn);
    let differs = yard.copy(None, &yard.base.url, &["--verify"]).await;
    let complaint = differs.failed(PROBLEMS);
    let place = format!("entries room:{} 4: its data is another", yard.room.id);
    assert!(complaint.contains(&place), "{complaint}");
}

#[tokio::test]
async fn a_source_that_was_served_meanwhile_is_copied_anew() {
    let Some(mut yard) = Yard::new(SOME).await else {
        return;
    };
    let to = yard.base.url.clone();
    let mut command = chatd(yard.server.data_dir().parent().expect("a directory"));
    command
        .args(["store", "copy", "--json", "--to", &to, "--data-dir"])
        .arg(yard.server.data_dir());
    let mut copy = Process::spawn(&mut command);
    while let Some(line) = copy.line().await {
        if line.contains("\"entries\"") {
            copy.signal(Signal::KILL);
            break;
        }
    }
    assert_eq!(copy.wait().await.expect("it ends").code(), None);

    // Nobody serves the half of it.
    let file = yard.file("half");
    std::fs::write(&file, &to).expect("a file");
    let url_file = format!("store.url_file={}", file.display());
    let dir = yard.file("elsewhere");
    let dir = dir.to_str().expect("text");
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--set",
        &url_file,
        "--data-dir",
        dir,
    ];
    let refused = run(
        yard.server.data_dir().parent().expect("a directory"),
        &serve,
        "",
    )
    .await;
    let complaint = refused.failed(CONFLICT);
    assert!(
        complaint.contains("chatd store copy --from sqlite:"),
        "{complaint}"
    );
    // Nor is it a source, or a destination for something else.
    let back = yard.sqlite("back");
    yard.copy(Some(&to), &back, &[]).await.failed(CONFLICT);
    let other = Server::builder().prepare();
    other.cli(&["user", "add", "eve"]).await.ok();
    let other = format!("sqlite:{}", other.data_dir().join("chatd.db").display());
    let refused = yard.copy(Some(&other), &to, &[]).await;
    assert!(
        refused.failed(CONFLICT).contains("another store"),
        "{refused}"
    );

    yard.server.boot().await;
    yard.ana.send(&yard.room, "said in between").await;
    yard.server.stop().await;
    let output = yard.copy(None, &to, &["--verify"]).await;
    let begin: Value = serde_json::from_str(output.ok().lines().next().expect("a line")).unwrap();
    assert_eq!((&begin["anew"], &begin["there"]), (&json!(true), &json!(0)));
    assert_eq!(last(&output)["verified"], true);
    yard.copy(Some(&to), &back, &["--verify"]).await.ok();
    let (before, _) = contents(&yard.here());
    let (after, _) = contents(&yard.file("back").join("chatd.db"));
    assert!(before == after, "the two differ");
}

#[tokio::test]
async fn a_source_that_is_written_to_meanwhile_is_no_copy() {
    let Some(yard) = Yard::new(SOME).await else {
        return;
    };
    yard.copy(None, &yard.base.url, &[]).await.ok();
    let client = mongodb::Client::with_uri_str(&yard.base.url)
        .await
        .expect("a URL");
    let settings = client
        .default_database()
        .expect("it is named")
        .collection::<mongodb::bson::Document>("settings");
    let back = yard.sqlite("back");
    let mut command = chatd(yard.server.data_dir().parent().expect("a directory"));
    command
        .args([
            "store",
            "copy",
            "--json",
            "--from",
            &yard.base.url,
            "--to",
            &back,
        ])
        .arg("--data-dir")
        .arg(yard.server.data_dir());
    let copy = Process::spawn(&mut command);
    // One of many falls between its first look and its last.
    let ended = std::cell::Cell::new(false);
    let writes = async {
        for number in 0.. {
            if ended.get() {
                return;
            }
            let one = mongodb::bson::doc! { "_id": format!("written-{number}"), "value": "true" };
            within("a write", settings.insert_one(one).into_future())
                .await
                .expect("it is taken");
        }
    };
    let copied = async {
        let status = copy.wait().await;
        ended.set(true);
        status.expect("it ends")
    };
    let (status, ()) = tokio::join!(copied, writes);
    assert_eq!(status.code(), Some(CONFLICT), "{}", copy.log());
    assert!(copy.log().contains("written to"), "{}", copy.log());
    let output = yard.copy(Some(&yard.base.url), &back, &["--verify"]).await;
    assert!(output.ok().contains("\"anew\":true"), "{output}");
    client.shutdown().immediate(true).await;
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused() {
    let Some(mut yard) = Yard::new(1).await else {
        return;
    };
    let to = yard.base.url.clone();
    let here = format!("sqlite:{}", yard.here().display());

    // A dry run makes nothing.
    let back = yard.sqlite("back");
    let plan = last(&yard.copy(None, &back, &["--dry-run"]).await);
    assert_eq!(
        (&plan["event"], &plan["to"]["state"]),
        (&json!("plan"), &json!("missing"))
    );
    assert!(plan["from"]["records"].as_u64() > Some(5), "{plan}");
    assert!(!yard.file("back").exists());
    yard.copy(None, &to, &["--dry-run"]).await.ok();
    yard.copy(None, &to, &["--dry-run"]).await.ok();

    for wrong in [
        "nonsense",
        "sqlite:",
        "mongodb://ana:s3cret@",
        "mongodb://a:s3cret@h:port/x",
    ] {
        let refused = yard.copy(None, wrong, &[]).await;
        let complaint = refused.failed(USAGE);
        assert!(complaint.contains("--to"), "{complaint}");
        assert!(!complaint.contains("s3cret"), "{complaint}");
    }
    yard.server.cli(&["store", "copy"]).await.failed(USAGE);
    yard.copy(None, &here, &[]).await.failed(USAGE);
    yard.copy(Some(&to), &to, &[]).await.failed(USAGE);
    let beside = yard.here().with_file_name("other.db");
    let beside = format!("sqlite:{}", beside.display());
    yard.copy(None, &beside, &[]).await.failed(USAGE);
    // There is nothing yet.
    yard.copy(Some(&to), &back, &[]).await.failed(UNREACHABLE);
    yard.copy(Some(&back), &to, &[]).await.failed(UNREACHABLE);

    // A server runs on the source; then on the destination.
    yard.server.boot().await;
    let refused = yard.copy(None, &to, &[]).await;
    let complaint = refused.failed(UNREACHABLE);
    assert!(complaint.contains("(process "), "{complaint}");
    yard.copy(Some(&to), &here, &[]).await.failed(UNREACHABLE);
    yard.server.stop().await;

    yard.copy(None, &to, &[]).await.ok();
    let refused = yard.copy(None, &to, &[]).await;
    assert!(refused.failed(CONFLICT).contains("not empty"), "{refused}");
    let other = Server::builder().prepare();
    other.cli(&["user", "add", "eve"]).await.ok();
    let other = format!("sqlite:{}", other.data_dir().join("chatd.db").display());
    for more in [&[][..], &["--verify"]] {
        let refused = yard.copy(Some(&other), &to, more).await;
        assert!(refused.failed(CONFLICT).contains("not empty"), "{refused}");
    }
    // Of all that, nothing came to harm.
    yard.copy(None, &to, &["--verify"]).await.ok();
}
