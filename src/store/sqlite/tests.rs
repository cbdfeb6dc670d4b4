//! What is particular to SQLite; the rest is the contract's.

mod entries;
mod members;

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    id::EntryId,
    model::Payload,
    store::{
        Write,
        contract::{self, Place},
        lock::lock_holder,
        raw::{self, Load as _, Scan as _, Table, Use},
    },
};

contract::suite!(Some(Dir::new()));

const NOW: Millis = Millis(1_800_000_000_000);

struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// In a directory that is not there yet.
    fn db(&self) -> PathBuf {
        self.0.path().join("data").join("chatd.db")
    }

    fn options(&self) -> Options {
        let clock = Clock::fixed(NOW);
        Options {
            path: self.db(),
            max_size: None,
            min_free: 0,
            readers: 2,
            clock,
        }
    }
}

#[async_trait]
impl Place for Dir {
    async fn open(&self) -> Box<dyn Store> {
        Box::new(Sqlite::open(self.options()).unwrap())
    }

    async fn open_to_fill(&self) -> Box<dyn contract::Fill> {
        Box::new(Sqlite::open_for(self.options(), Use::Fill).unwrap())
    }
}

fn message(room: RoomId, seq: u64, body: &str) -> Change {
    let entry = Entry {
        log: room.into(),
        seq,
        n: seq,
        at: NOW,
        id: EntryId::new(NOW),
        from: Some(UserId::from_bytes([1; 16])),
        txn: None,
        digest: None,
        payload: Payload::Message {
            body: body.into(),
            reply_to: None,
            mentions: None,
            files: Vec::new(),
        },
        over: None,
    };
    Change {
        entries: vec![entry],
        writes: Vec::new(),
    }
}

fn setting(name: &str) -> Change {
    Change {
        entries: Vec::new(),
        writes: vec![Write::PutSetting(name.into(), "1".into())],
    }
}

#[tokio::test]
async fn a_second_open_is_told_who_has_the_store() {
    let dir = Dir::new();
    assert_eq!(lock_holder(&dir.db()).unwrap(), None);
    let store = Sqlite::open(dir.options()).unwrap();
    let me = std::process::id();
    let locked = |expected: Option<&str>| {
        let holder = lock_holder(&dir.db()).unwrap().unwrap();
        assert_eq!(
            (holder.pid, holder.socket.as_deref()),
            (me, expected.map(Path::new))
        );
        match Sqlite::open(dir.options()) {
            Err(Error::Locked { pid, socket, .. }) => {
                assert_eq!((pid, socket.as_deref()), (me, expected.map(Path::new)));
            }
            other => panic!("{other:?}"),
        }
    };
    locked(None);
    store
        .announce(Path::new("/run/chatd/a-long-name.sock"))
        .unwrap();
    locked(Some("/run/chatd/a-long-name.sock"));
    store.announce(Path::new("/run/s")).unwrap();
    locked(Some("/run/s"));
    store.close().await;
    assert_eq!(lock_holder(&dir.db()).unwrap(), None);
    drop(Sqlite::open(dir.options()).unwrap());
    assert_eq!(lock_holder(&dir.db()).unwrap(), None);
}

#[tokio::test]
async fn files_are_ours_alone_and_tidy_after_close() {
    let dir = Dir::new();
    let store = Sqlite::open(dir.options()).unwrap();
    store.commit(vec![setting("a")].into()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dir.db().parent().unwrap()), 0o700);
    let wal = dir.db().with_file_name("chatd.db-wal");
    for file in [dir.db(), wal.clone(), dir.db().with_file_name("chatd.lock")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    store.close().await;
    assert!(!wal.exists(), "the log is in the database");
}

#[test]
fn a_new_database_is_set_up_to_last() {
    let dir = Dir::new();
    drop(Sqlite::open(dir.options()).unwrap());
    for purpose in [schema::Purpose::Write(Some(1 << 20)), schema::Purpose::Read] {
        let db = schema::connect(&dir.db(), purpose).unwrap();
        let get = |name| {
            db.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                .unwrap()
        };
        let found = [
            "auto_vacuum",
            "synchronous",
            "wal_autocheckpoint",
            "page_size",
        ]
        .map(get);
        // Incremental; full; never by itself.
        assert_eq!(found, [2, 2, 0, i64::try_from(schema::PAGE_BYTES).unwrap()]);
        let mode = db.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
        assert_eq!(mode.unwrap(), "wal");
        let reads = purpose == schema::Purpose::Read;
        assert_eq!(get("query_only"), i64::from(reads));
        assert_eq!(db.execute("DELETE FROM setting", []).is_err(), reads);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let dir = Dir::new();
    drop(Sqlite::open(dir.options()).unwrap());
    let db = Connection::open(dir.db()).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    for _ in 0..2 {
        match Sqlite::open(dir.options()) {
            Err(Error::Newer { found: 99, known }) => assert_eq!(known, schema::version()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_database_is_not_opened() {
    let dir = Dir::new();
    fs::create_dir(dir.db().parent().unwrap()).unwrap();
    fs::write(dir.db(), "something else ".repeat(1_000)).unwrap();
    assert!(matches!(
        Sqlite::open(dir.options()),
        Err(Error::Open { .. })
    ));
}

#[tokio::test]
async fn a_full_store_refuses_messages_and_goes_on_otherwise() {
    let dir = Dir::new();
    let options = Options {
        max_size: Some(1 << 20),
        ..dir.options()
    };
    let store = Sqlite::open(options).unwrap();
    let room = RoomId::new(NOW);
    let body = "x".repeat(3_000);
    let mut seq = 0;
    let full = loop {
        match store
            .commit(vec![message(room, seq + 1, &body)].into())
            .await
        {
            Ok(outcomes) => assert_eq!(outcomes, [Outcome::Committed]),
            Err(e) => break e,
        }
        seq += 1;
    };
    assert!(matches!(full, Error::Full), "{full}");
    assert!((100..350).contains(&seq), "{seq} messages of 3 kB in 1 MiB");
    assert_eq!(store.head(room.into()).await.unwrap().seq, seq);
    // Messages leave room for what is not one …
    store.commit(vec![setting("a")].into()).await.unwrap();
    // … and when that too is used up, reading goes on, and nothing was half done.
    let big = |i: u32| {
        let put = Write::PutSetting(format!("s{i}"), body.clone());
        vec![Change {
            entries: Vec::new(),
            writes: vec![put],
        }]
    };
    let mut count = 0;
    let full = loop {
        match store.commit(big(count).into()).await {
            Ok(_) => count += 1,
            Err(e) => break e,
        }
    };
    assert!(matches!(full, Error::Full), "{full}");
    assert_eq!(store.setting(&format!("s{count}")).await.unwrap(), None);
    assert_eq!(
        store.setting(&format!("s{}", count - 1)).await.unwrap(),
        Some(body.clone())
    );
    assert_eq!(
        store.entry(room.into(), seq).await.unwrap().unwrap().seq,
        seq
    );
    store.close().await;

    let store = Sqlite::open(dir.options()).unwrap();
    let outcomes = store
        .commit(vec![message(room, seq + 1, &body)].into())
        .await
        .unwrap();
    assert_eq!(outcomes, [Outcome::Committed]);
}

#[tokio::test]
async fn a_disk_that_gets_full_refuses_messages_only() {
    let dir = Dir::new();
    let store = Sqlite::open(Options {
        min_free: u64::MAX,
        ..dir.options()
    })
    .unwrap();
    let room = RoomId::new(NOW);
    let batch = vec![setting("a"), message(room, 1, "hi")];
    assert!(matches!(
        store.commit(Arc::new(batch)).await,
        Err(Error::Full)
    ));
    assert_eq!(store.setting("a").await.unwrap(), None);
    assert_eq!(
        store.commit(vec![setting("a")].into()).await.unwrap(),
        [Outcome::Committed]
    );
}

#[tokio::test]
async fn a_row_that_we_did_not_write_is_damage() {
    let dir = Dir::new();
    let store = Sqlite::open(dir.options()).unwrap();
    let room = RoomId::new(NOW);
    store
        .commit(vec![message(room, 1, "hi"), message(room, 2, "ho")].into())
        .await
        .unwrap();
    let db = Connection::open(dir.db()).unwrap();
    db.execute("UPDATE entry SET data = '{' WHERE pos & 0xff = 1", [])
        .unwrap();
    let found = store.entry(room.into(), 1).await;
    assert!(
        matches!(&found, Err(Error::Damaged(why)) if why.contains("entry 1 of")),
        "{found:?}"
    );
    assert_eq!(store.entry(room.into(), 2).await.unwrap().unwrap().seq, 2);
    // A format from the future is no damage.
    db.execute("UPDATE entry SET v = 200 WHERE pos & 0xff = 1", [])
        .unwrap();
    let found = store.entry(room.into(), 1).await.unwrap().unwrap();
    assert!(matches!(found.payload, Payload::Unknown { .. }));
}

#[tokio::test]
async fn a_writer_that_failed_comes_back() {
    let dir = Dir::new();
    let store = Sqlite::open(dir.options()).unwrap();
    let room = RoomId::new(NOW);
    store
        .commit(vec![message(room, 1, "hi")].into())
        .await
        .unwrap();
    let db = Connection::open(dir.db()).unwrap();
    db.execute_batch("ALTER TABLE entry RENAME TO away")
        .unwrap();
    let failed = store
        .commit(vec![setting("a"), message(room, 2, "ho")].into())
        .await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    assert_eq!(store.setting("a").await.unwrap(), None);
    db.execute_batch("ALTER TABLE away RENAME TO entry")
        .unwrap();
    let outcomes = store
        .commit(vec![message(room, 2, "ho")].into())
        .await
        .unwrap();
    assert_eq!(outcomes, [Outcome::Committed]);
}

#[tokio::test]
async fn the_log_is_copied_and_begins_anew() {
    let dir = Dir::new();
    let store = Sqlite::open(dir.options()).unwrap();
    let db = schema::connect(&dir.db(), schema::Purpose::Checkpoint).unwrap();
    let room = RoomId::new(NOW);
    let body = "x".repeat(2_000);
    let mut seq = 0;
    let mut most = 0;
    // Until it was longer, and is shorter again. Once it is long the writing goes on in small steps, so that a
    // slow disk is given the time to copy, and does not only get more to copy.
    let give_up = std::time::Instant::now() + std::time::Duration::from_mins(3);
    while std::time::Instant::now() < give_up {
        let count = if most < 8_192 { 250 } else { 1 };
        let batch: Vec<_> = (1..=count).map(|i| message(room, seq + i, &body)).collect();
        store.commit(Arc::new(batch)).await.unwrap();
        seq += count;
        let wal = checkpoint::checkpoint(&db, "NOOP").unwrap();
        if wal.pages < most {
            return;
        }
        most = wal.pages;
    }
    panic!("the log only grew, to {most} pages");
}

/// Says texts of every length in rooms that take turns, deletes and erases two of three, and answers which of
/// the erased ones are still in a file, with the store open: as it is, and after a `VACUUM`.
async fn erased_and_still_there(rooms: u64, each: u64) -> [usize; 2] {
    let dir = Dir::new();
    let store = Sqlite::open(dir.options()).unwrap();
    let id = |room: u64| RoomId::from_bytes([u8::try_from(room * 37 % 251).unwrap(); 16]);
    let secret = |room: u64, seq: u64| format!("<{room}/{seq}>secret");
    for seq in 1..=each {
        let say = |room: u64| {
            let tail = "x".repeat(usize::try_from((room * 131 + seq * 977) % 6_000).unwrap());
            let secret = secret(room, seq);
            message(id(room), seq, &format!("{secret}{tail}{secret}"))
        };
        let batch: Vec<_> = (0..rooms).map(say).collect();
        store.commit(Arc::new(batch)).await.unwrap();
    }
    let all = || (0..rooms).flat_map(|room| (1..=each).map(move |seq| (room, seq)));
    let is_kept = |(room, seq): &(u64, u64)| (room + seq).is_multiple_of(3);
    for (room, target) in all().filter(|m| !is_kept(m)) {
        let room = id(room);
        let erase = Write::Erase {
            room,
            target,
            at: NOW,
            generation: None,
            edits: 0,
        };
        let gone = contract::deletions::deletion(room, target, 1);
        let change = Change {
            entries: Vec::new(),
            writes: vec![Write::Delete(gone), erase],
        };
        store.commit(vec![change].into()).await.unwrap();
    }
    // The log is emptied beside, while the store stays open.
    let wal = dir.db().with_file_name("chatd.db-wal");
    let give_up = std::time::Instant::now() + std::time::Duration::from_mins(3);
    while fs::metadata(&wal).unwrap().len() > 0 {
        let late = std::time::Instant::now() >= give_up;
        assert!(!late, "the log is not emptied");
        tokio::task::yield_now().await;
    }
    let left = || {
        let files = fs::read_dir(dir.db().parent().unwrap()).unwrap();
        let read = |file: io::Result<fs::DirEntry>| fs::read(file.unwrap().path()).unwrap();
        let bytes: Vec<u8> = files.flat_map(read).collect();
        let text = String::from_utf8_lossy(&bytes);
        let is_there = |(room, seq): &(u64, u64)| text.contains(&secret(*room, *seq));
        let (kept, erased): (Vec<_>, Vec<_>) = all().partition(is_kept);
        assert!(kept.iter().all(is_there), "this test sees nothing");
        erased.into_iter().filter(is_there).count()
    };
    let before = left();
    store.close().await;
    let db = Connection::open(dir.db()).unwrap();
    db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    [before, left()]
}

#[tokio::test]
async fn an_erased_text_is_in_no_file() {
    assert_eq!(erased_and_still_there(1, 300).await, [0, 0]);
}

/// What docs/operating.md says of many busy rooms: SQLite may leave a copy in a page that it splits.
#[tokio::test]
async fn what_splitting_pages_leaves_behind_is_little_and_goes_with_a_vacuum() {
    let [before, after] = erased_and_still_there(20, 20).await;
    assert!(
        before <= 20,
        "of 266 erased texts, {before} are still there"
    );
    assert_eq!(after, 0);
}

#[test]
fn hot_queries_scan_no_table() {
    let dir = Dir::new();
    drop(Sqlite::open(dir.options()).unwrap());
    let db = Connection::open(dir.db()).unwrap();
    let listed = files::kinds();
    let hot = [
        place::NUMBER,
        logs::HEAD,
        logs::ENTRIES,
        logs::ENTRY,
        txns::FINISHED,
        txns::UNFINISHED,
        txns::TAIL,
        txns::FINISH,
        txns::FORGET,
        logs::MESSAGES_BEFORE,
        logs::MESSAGES_FROM,
        logs::LAST_ACT,
        plain::OLDEST,
        plain::NEWEST,
        records::USER,
        records::USER_BY_NAME,
        records::USER_BY_EMAIL,
        records::USERS,
        records::ROOM,
        records::PUBLIC_ROOM,
        records::ROOMS_NAMED,
        records::ROOMS_NAMED_OF,
        records::ROOMS_ALL,
        records::ROOMS_PUBLIC,
        records::ROOMS_OF,
        records::ROOM_IDS_OF,
        records::HISTORIES_OF,
        records::MEMBER,
        records::MEMBERS,
        records::MEMBER_COUNT,
        records::MEMBERS_BY_NAME,
        records::SESSION,
        records::SESSIONS_OF,
        records::ENDED,
        apply::END_SESSIONS,
        apply::READ,
        apply::MOVE_ON,
        apply::MOVE_ONE_ON,
        files::FILE,
        files::FILES,
        files::FILES_OF,
        files::USAGE,
        files::GONE,
        overlay::DELETED,
        overlay::LAID_OVER,
        overlay::DELETION,
        overlay::UNERASED,
        overlay::DELETIONS_OF,
        overlay::REDACTION,
        overlay::REDACTIONS,
        overlay::REACTIONS,
        overlay::REACTIONS_OF,
        overlay::REACTIONS_WITH,
        overlay::PINS,
        overlay::MENTIONS,
        overlay::MENTIONS_FROM,
        overlay::REPLIES,
    ];
    for sql in hot.into_iter().chain(listed.iter().map(String::as_str)) {
        let plan = plan(&db, sql);
        assert!(
            plan.iter().all(|step| !step.contains("SCAN")),
            "{sql}: {plan:#?}"
        );
        // Only what is joined is sorted: a user's rooms and a room's members, by name.
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert_eq!(
            sorts,
            sql.contains("CROSS JOIN") && sql.contains("LIMIT"),
            "{sql}: {plan:#?}"
        );
    }
    assert!(plan(&db, "SELECT * FROM session WHERE device = ?1")[0].contains("SCAN"));
}

fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let count = explain.parameter_count();
    let none = rusqlite::params_from_iter(vec![rusqlite::types::Null; count]);
    explain
        .query_map(none, |row| row.get(3))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Every column of every table is described, so that a copy leaves none out. A new one: a line in
/// `store/raw/table.rs`.
#[test]
fn the_description_of_the_tables_is_whole() {
    let dir = Dir::new();
    drop(Sqlite::open(dir.options()).unwrap());
    let conn = schema::connect(&dir.db(), schema::Purpose::Read).unwrap();
    // Of an entry's log and `seq` there is `pos`.
    let columns = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT IN ('meta', 'txn', 'log') AND c.name <> 'pos'
         UNION SELECT 'entry', 'log' UNION SELECT 'entry', 'seq' ORDER BY 1, 2";
    let mut columns = conn.prepare(columns).unwrap();
    let columns = columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let there: Vec<(String, String)> = columns.unwrap().map(Result::unwrap).collect();
    let mut described: Vec<_> = Table::ALL
        .iter()
        .flat_map(|table| {
            let spec = table.spec();
            let name = |field: &raw::Field| (spec.sqlite.to_owned(), field.sqlite.to_owned());
            spec.fields.iter().map(name).collect::<Vec<_>>()
        })
        .collect();
    described.sort();
    assert_eq!(there, described);
}

#[tokio::test]
async fn a_store_that_is_half_a_copy_is_not_served() {
    let dir = Dir::new();
    let store = Sqlite::open_for(dir.options(), Use::Fill).unwrap();
    store.set_mark(Some("{}")).await.unwrap();
    store.close().await;
    assert!(matches!(
        Sqlite::open(dir.options()),
        Err(Error::Unfinished { .. })
    ));
    let glance = Sqlite::glance(&dir.db()).await.unwrap().unwrap();
    assert_eq!((glance.mark.as_deref(), glance.records()), (Some("{}"), 0));
    let store = Sqlite::open_for(dir.options(), Use::Fill).unwrap();
    store.set_mark(None).await.unwrap();
    store.close().await;
    Sqlite::open(dir.options()).unwrap();
}

#[tokio::test]
async fn faults_are_found() {
    let dir = Dir::new();
    let store = Sqlite::open(dir.options()).unwrap();
    assert_eq!(store.faults().await.unwrap(), Vec::<String>::new());
    let conn = Connection::open(dir.db()).unwrap();
    conn.execute_batch("DROP INDEX user_name").unwrap();
    let faults = store.faults().await.unwrap();
    assert_eq!(faults, ["the index user_name is missing"]);
}

/// What lies over them is looked at together, too.
#[tokio::test]
async fn many_messages_are_two_reads() {
    let dir = Dir::new();
    let store = Sqlite::open(dir.options()).unwrap();
    let room = RoomId::new(NOW);
    let said: Vec<_> = (1..=200).map(|seq| message(room, seq, "text")).collect();
    store.commit(Arc::new(said)).await.unwrap();
    let asked: Vec<u64> = (1..=200).collect();
    crate::store::counted::READS.set(0);
    let found = store.messages_at(room, &asked).await.unwrap();
    assert_eq!(found.entries.len(), 200);
    assert_eq!(crate::store::counted::READS.get(), 2);
}
