//! Where entries and their txns lie, and how those of older databases come there.

use super::*;

/// Whatever block an entry is in, finished or not, its txn is found, and found once; also by a store that was opened anew,
/// and after the beginning of the log was taken out.
#[tokio::test]
async fn a_txn_is_found_in_every_block() {
    let dir = Dir::new();
    let room = RoomId::new(NOW);
    let ana = UserId::new(NOW);
    let said = |seq: u64, name: u64| {
        let mut change = message(room, seq, "hi");
        let entry = &mut change.entries[0];
        entry.from = Some(ana);
        entry.txn = Some(Txn::parse(&format!("t{name}")).unwrap());
        change
    };
    let last = 1_700;
    for opened in 0..3 {
        let store = Sqlite::open(dir.options()).unwrap();
        if opened == 0 {
            let all = (1..=last).map(|seq| said(seq, seq)).collect::<Vec<_>>();
            let done = store.commit(all.into()).await.unwrap();
            assert!(done.iter().all(|one| *one == Outcome::Committed));
        }
        // At both ends of a block of either size, and in between.
        let ends = (1..=last).filter(|seq| matches!(seq % 64, 0 | 1 | 31 | 63));
        for seq in ends {
            let txn = Txn::parse(&format!("t{seq}")).unwrap();
            let found = store.entry_by_txn(room.into(), ana, &txn).await.unwrap();
            assert_eq!(found.map(|e| e.seq), Some(seq));
            let again = store
                .commit(vec![said(last + 1, seq)].into())
                .await
                .unwrap();
            assert!(
                matches!(&again[..], [Outcome::Duplicate(e)] if e.seq == seq),
                "{seq}: {again:?}"
            );
        }
        assert_eq!(store.faults().await.unwrap(), Vec::<String>::new());
        store.close().await;
    }
    let db = Connection::open(dir.db()).unwrap();
    let rows = || -> i64 {
        let count = "SELECT COUNT(*) FROM txn";
        db.query_row(count, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(rows(), 1_536, "16 blocks of 64, and one of 512");
    let place = place::Place::of(&db, room.into()).unwrap().unwrap();
    txns::forget(&db, place, 100).unwrap();
    assert_eq!(rows(), 1_436);
    let store = Sqlite::open(dir.options()).unwrap();
    let faults = store.faults().await.unwrap();
    assert_eq!(faults, ["100 entries whose txn is not in the table txn"]);
    db.execute("DELETE FROM entry WHERE pos <= ?1", [place.at(110)])
        .unwrap();
    let faults = store.faults().await.unwrap();
    assert_eq!(
        faults,
        ["10 rows of the table txn whose entry is not there"]
    );
    store.close().await;
}

/// Makes of a database one of schema 15, in which entries lay by log and `seq`, and all txns were in an index.
pub(super) const SCHEMA_15: &str = "CREATE TABLE before (
    log BLOB NOT NULL, seq INTEGER NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, id BLOB NOT NULL, sender BLOB,
    txn TEXT, digest BLOB, v INTEGER NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (log, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO before
    SELECT l.key, e.pos & 0x3fffffffff, n, at, id, sender, txn, digest, v, kind, data
    FROM entry e JOIN log l ON l.no = e.pos >> 38;
DROP TABLE entry; DROP TABLE log; DROP TABLE txn;
ALTER TABLE before RENAME TO entry;
CREATE UNIQUE INDEX entry_txn ON entry (log, sender, txn) WHERE txn IS NOT NULL;
PRAGMA user_version = 15;";

/// A database from before entries lay by number, and txns were written in blocks, keeps all of them.
#[tokio::test]
async fn entries_and_txns_of_an_older_database_are_found() {
    let dir = Dir::new();
    let (room, ana) = (RoomId::new(NOW), UserId::new(NOW));
    let other = RoomId::new(NOW);
    let txn = |seq: u64| Txn::parse(&format!("t{seq}")).unwrap();
    let said = |seq: u64, name: u64| {
        let mut change = message(room, seq, "hi");
        change.entries[0].from = Some(ana);
        change.entries[0].txn = Some(txn(name));
        change
    };
    let store = Sqlite::open(dir.options()).unwrap();
    // By turns, so that neither room lies behind the other as it was written.
    let all = (1..=100).flat_map(|seq| [said(seq, seq), message(other, seq, "ho")]);
    store.commit(all.collect::<Vec<_>>().into()).await.unwrap();
    let whole = async |store: &Sqlite| {
        let of = async |room: RoomId| {
            let all = usize::MAX;
            store.entries(room.into(), 0, 100, all, all).await.unwrap()
        };
        (of(room).await, of(other).await)
    };
    let before = whole(&store).await;
    assert_eq!((before.0.len(), before.1.len()), (100, 100));
    let rows = store.scan(Table::Entries, None, 1_000).await.unwrap();
    store.close().await;
    let db = Connection::open(dir.db()).unwrap();
    db.execute_batch(SCHEMA_15).unwrap();
    db.execute_batch("VACUUM").unwrap();
    let store = Sqlite::open(dir.options()).unwrap();
    // What they lay in before is given back.
    let free = "PRAGMA freelist_count";
    let free: i64 = db.query_row(free, [], |row| row.get(0)).unwrap();
    assert_eq!(free, 0);
    drop(db);
    assert_eq!(whole(&store).await, before);
    let now = store.scan(Table::Entries, None, 1_000).await.unwrap();
    assert_eq!((now.len(), now == rows), (200, true));
    for seq in [1, 64, 65, 100] {
        let found = store.entry_by_txn(room.into(), ana, &txn(seq)).await;
        assert_eq!(found.unwrap().map(|e| e.seq), Some(seq));
    }
    // The block that was unfinished is finished, though its txns are there already.
    let more = (101..=130).map(|seq| said(seq, seq)).collect::<Vec<_>>();
    let done = store.commit(more.into()).await.unwrap();
    assert!(done.iter().all(|one| *one == Outcome::Committed));
    let again = store.commit(vec![said(131, 100)].into()).await.unwrap();
    assert!(matches!(&again[..], [Outcome::Duplicate(e)] if e.seq == 100));
    assert_eq!(store.faults().await.unwrap(), Vec::<String>::new());
    store.close().await;
}

/// The number that a log gets in a change that does not happen is another's afterwards.
#[tokio::test]
async fn a_log_whose_first_change_is_refused_has_no_number() {
    let dir = Dir::new();
    let store = Sqlite::open(dir.options()).unwrap();
    let (refused, other) = (RoomId::new(NOW), RoomId::new(NOW));
    let mut gap = message(refused, 1, "hi");
    gap.entries.extend(message(refused, 3, "ho").entries);
    let done = store.commit(vec![gap.clone(), message(other, 1, "other")].into());
    let done = done.await.unwrap();
    assert_eq!(done, [Outcome::Conflict, Outcome::Committed]);
    let done = store.commit(vec![gap].into()).await.unwrap();
    assert_eq!(done, [Outcome::Conflict]);
    let again = [message(refused, 1, "hi"), message(other, 2, "more")];
    let done = store.commit(again.to_vec().into()).await.unwrap();
    assert_eq!(done, [Outcome::Committed, Outcome::Committed]);
    for (room, seqs) in [(refused, &[1][..]), (other, &[1, 2])] {
        let most = usize::MAX;
        let found = store.entries(room.into(), 0, 9, most, most).await.unwrap();
        let found: Vec<_> = found.iter().map(|e| e.seq).collect();
        assert_eq!(found, seqs);
    }
    assert_eq!(store.faults().await.unwrap(), Vec::<String>::new());
    store.close().await;
}

/// Of rooms whose numbers follow each other none has what is in the next, whatever is asked for.
#[tokio::test]
async fn no_log_reaches_into_the_next() {
    let dir = Dir::new();
    let store = Sqlite::open(dir.options()).unwrap();
    let rooms = [RoomId::new(NOW), RoomId::new(NOW), RoomId::new(NOW)];
    let all = rooms.iter().map(|room| message(*room, 1, "hi"));
    store.commit(all.collect::<Vec<_>>().into()).await.unwrap();
    let most = usize::MAX;
    for room in rooms {
        let log = LogId::Room(room);
        let of = |entries: Vec<Entry>| entries.iter().map(|e| (e.log, e.seq)).collect::<Vec<_>>();
        let found = store.entries(log, 0, u64::MAX, most, most).await.unwrap();
        assert_eq!(of(found), [(log, 1)]);
        for page in [Page::Before(u64::MAX), Page::After(0), Page::Around(1)] {
            let found = store.messages(room, page, 0, 10).await.unwrap();
            assert_eq!(of(found.entries), [(log, 1)], "{page:?}");
        }
        for after in [1, u64::MAX - 1, u64::MAX] {
            let found = store.entries(log, after, u64::MAX, most, most).await;
            assert_eq!(of(found.unwrap()), [], "{after}");
        }
        assert_eq!(store.head(log).await.unwrap().seq, 1);
    }
    store.close().await;
}
