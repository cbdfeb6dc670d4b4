//! Reading and loading all of a store, as it lies.

mod sample;

use std::{ops::ControlFlow, sync::Arc};

use self::sample::*;
use super::*;
use crate::{
    clock::Clock,
    id::{FileId, HoldId, RedactionId, ReportId, RunId, SessionId},
    model::{
        Actor, AddressBan, Builtin, Code, CodeKind, Deletion, Edit, File, Hold, HoldOn, Key,
        Mention, Permission, Permissions, Pin, Pinned, Purge, Reaction, Read, Redaction,
        RedactionDetail, Report, ReportState, Role, RoomRules, Run, RunDetail, RunKind, RunState,
        Sanction, SanctionKind, Segment, Session,
    },
    store::{
        backup::{self, Tell},
        raw::{Digest, Row, Scan as _, Table, Value},
        sqlite::Sqlite,
    },
};

/// How many records [`fill`] puts into each table, and their checksum, the same on every backend. A new field
/// changes its table's.
const SUMS: [(Table, u64, &str); 21] = [
    (
        Table::Settings,
        2,
        "d20cc48f05b1075915c7a02414513d80a0074f327393440fd19a30212273b352",
    ),
    (
        Table::Keys,
        1,
        "3a8e3da724a4325e1856e02687db7e2eac60c7e7b8d22f0ec4b9c2bdf07c6c8c",
    ),
    (
        Table::Roles,
        2,
        "fa538c70343c3ba724f1a096cb4d4549e3e355820435f6f7630f43a8272149ac",
    ),
    (
        Table::AddressBans,
        2,
        "f40165e5a1e6468f8a9cf411469deac99aaabb9633b32d8ec346a18fc5d1dc60",
    ),
    (
        Table::Holds,
        2,
        "659a1bf3deead5c2f1d2cd60105430bba7c6d4ae3fe50221613daaa384aa4e74",
    ),
    (
        Table::Codes,
        2,
        "f675f0cd50d9c7a4c70cb6b13916b8c46f4bebb1f54c35ed0e6624cb22330aa4",
    ),
    (
        Table::Sessions,
        2,
        "38adc120ec253e8d97adaeca189f75708230c148b20cc3ef10b2286551280e79",
    ),
    (
        Table::Sanctions,
        9,
        "c7c005bcfad9de3082ddafc821d05f38d38b0039b6c184ac7f47f0c298fe0986",
    ),
    (
        Table::Reports,
        2,
        "fd9b152fe63b08fc780d13434255282634e2fa0160b8d48b33fe42adcbc1777e",
    ),
    (
        Table::Overlay,
        3,
        "90427a723abe0c35ce2bc49d2a901319df3974868d3bd348c53fcb7230f8550d",
    ),
    (
        Table::Reactions,
        3,
        "94a2d76742087e1db1b189d001130208439898fa8509d80ebc24ca4a8f133862",
    ),
    (
        Table::Replies,
        2,
        "b8455faf376231d0e40d66db0a7cd7053f7480ffc2e5125f5dddce0e5f1bf1d2",
    ),
    (
        Table::Mentions,
        2,
        "f481ea783d0ffda7655cd04f34ee1a39cff7388fe2413ebd68e55aa4c29f86dd",
    ),
    (
        Table::Files,
        3,
        "a4c0f4893601f5bd9e480bfd8242c69dd3cdd7aadd41dbe9dae082894c3fb2c3",
    ),
    (
        Table::Redactions,
        1,
        "07f24ae6e9da073fc2db0721e33363625edb6acf721e3aa63dd78907203a5d3f",
    ),
    (
        Table::Members,
        4,
        "8c6cc271f9f4f6e5ac4b3b4f4555c087421a4ceec1f7ec281e1a798ae64d8044",
    ),
    (
        Table::Entries,
        9,
        "a4a8564204e56320b1182f4035121346b203196c3f3f1d1a068dea49b0a62750",
    ),
    (
        Table::Segments,
        2,
        "ad19e109565e377be16f9ff27bddef81fe6203f597f7484420ee95f24b5a323a",
    ),
    (
        Table::Runs,
        2,
        "4121c2e0bf4ca052825cc68d3c50c3d55bcdc27db6cf9a8ecfc9d84c35ab0b25",
    ),
    (
        Table::Rooms,
        2,
        "24ad56ef3f0db4a334d77292630f1f3a5a79ed1e3c7c916e79cb3aec38412d27",
    ),
    (
        Table::Users,
        3,
        "1c2580afa84ce80e627964eb259a8a102075182836c3a8789ec19d619cf2783a",
    ),
];

/// All of a table, in pages of `limit`.
async fn scan(store: &dyn Load, table: Table, limit: usize) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    loop {
        let after = all.last().map(|row| row.key(table).to_vec());
        let page = store.scan(table, after.as_deref(), limit).await.unwrap();
        assert!(page.len() <= limit, "{table}: {} of {limit}", page.len());
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub(in crate::store) async fn scans_every_table_in_the_order_of_its_key(place: &dyn Place) {
    fill(&*place.open().await).await;
    let store = place.open_to_fill().await;
    let mut sums = Vec::new();
    for &table in Table::ALL {
        let all = scan(&*store, table, 1_000).await;
        assert_eq!(
            store.count(table).await.unwrap(),
            all.len() as u64,
            "{table}"
        );
        for pair in all.windows(2) {
            assert!(pair[0].key(table) < pair[1].key(table), "{table}: {pair:?}");
        }
        for limit in [1, 2, all.len()] {
            assert_eq!(scan(&*store, table, limit).await, all, "{table} by {limit}");
        }
        assert_eq!(store.last(table).await.unwrap().as_ref(), all.last());
        let mut digest = Digest::default();
        for row in &all {
            digest.add(row);
        }
        sums.push((table, digest.records(), digest.finish()));
    }
    let elsewhere = SUMS.map(|(table, count, sum)| (table, count, sum.to_owned()));
    assert_eq!(sums, elsewhere);
    assert_eq!(store.faults().await.unwrap(), Vec::<String>::new());
}

pub(in crate::store) async fn backs_up_all_of_one_moment(place: &dyn Place) {
    let store = place.open().await;
    fill(&*store).await;
    let dir = tempfile::tempdir().unwrap();
    let (first, given_up) = (dir.path().join("first.db"), dir.path().join("given_up.db"));
    let go_on: Tell = Arc::new(|_, _| ControlFlow::Continue(()));
    assert!(store.back_up(&first, &go_on).await.unwrap().is_continue());
    let stop: Tell = Arc::new(|_, _| ControlFlow::Break(()));
    assert!(store.back_up(&given_up, &stop).await.unwrap().is_break());

    let copy = Sqlite::open(backup::options(&first, &Clock::system())).unwrap();
    assert_eq!(copy.epoch(), store.epoch());
    assert_eq!(copy.secret(), store.secret());
    assert_eq!(copy.faults().await.unwrap(), [""; 0]);
    for (table, records, sum) in SUMS {
        let mut digest = Digest::default();
        for row in scan(&copy, table, 1_000).await {
            digest.add(&row);
        }
        assert_eq!(digest.records(), records, "{table}");
        assert_eq!(digest.finish(), sum, "{table}");
    }
    copy.close().await;
}

pub(in crate::store) async fn loads_what_another_store_had(place: &dyn Place) {
    fill(&*place.open().await).await;
    let store = place.open_to_fill().await;
    let mut had = Vec::new();
    for &table in Table::ALL {
        had.push((table, scan(&*store, table, 1_000).await));
        store.clear(table).await.unwrap();
        assert_eq!(store.count(table).await.unwrap(), 0, "{table}");
        assert_eq!(store.last(table).await.unwrap(), None, "{table}");
    }
    // Some of them again, and then all of them again, as after an interruption.
    for (table, rows) in &had {
        store.load(*table, rows[..1].to_vec()).await.unwrap();
        for _ in 0..2 {
            store.load(*table, rows.clone()).await.unwrap();
            assert_eq!(&scan(&*store, *table, 1_000).await, rows, "{table}");
        }
    }
    store.close_filled().await;

    let store = place.open().await;
    let ana = store
        .user_by_email(&"ana@example.org".parse().unwrap())
        .await;
    assert_eq!(ana.unwrap().unwrap().id, user_id(1));
    // What must be unique, and what only some have, is as before.
    let bob = store
        .user_by_email(&"bob@example.org".parse().unwrap())
        .await;
    assert_eq!(bob.unwrap(), None);
    let general = store.public_room(&"general".parse().unwrap()).await;
    assert_eq!(general.unwrap(), Some(room_id(3)));
    let again = writes([Write::InsertUser(user("ana"))]);
    assert_eq!(commit(&*store, again).await, Outcome::Exists("username"));
    let repeated = said(room_id(3), 4, user_id(1), "said");
    match commit(&*store, entries([repeated])).await {
        Outcome::Duplicate(first) => assert_eq!((first.seq, first.id), (2, entry_id(101))),
        other => panic!("{other:?}"),
    }
    // The log goes on where it was.
    let mut next = message(room_id(3), 4, "next");
    next.n = 3;
    append(&*store, [next]).await;
    let log = read(&*store, room_id(3)).await.unwrap();
    assert!(matches!(&log[2].payload, Payload::Unknown { kind, .. } if kind == "hologram"));
}

/// A row of an entry from a future that writes them otherwise.
fn strange(seq: i64) -> Row {
    let mut log = vec![b'r'];
    log.extend([4; 16]);
    Row(vec![
        Value::Bytes(log),
        Value::Int(seq),
        Value::Int(0),
        Value::Int(NOW.0),
        Value::Bytes(vec![u8::try_from(seq).unwrap(); 16]),
        Value::Null,
        Value::Null,
        Value::Null,
        Value::Int(3_000_000),
        Value::Text("message".into()),
        Value::Text(" not { JSON\n".into()),
    ])
}

pub(in crate::store) async fn keeps_what_it_does_not_understand(place: &dyn Place) {
    let store = place.open_to_fill().await;
    let rows: Vec<_> = (1..=5).map(strange).collect();
    store.load(Table::Entries, rows.clone()).await.unwrap();
    assert_eq!(scan(&*store, Table::Entries, 2).await, rows);
    store.close_filled().await;
    let store = place.open().await;
    let log = read(&*store, room_id(4)).await.unwrap();
    assert!(
        log.iter()
            .all(|entry| matches!(entry.payload, Payload::Unknown { .. }))
    );
    assert_eq!(log.len(), 5);
}

pub(in crate::store) async fn becomes_the_store_it_is_told_to_be(place: &dyn Place) {
    let store = place.open_to_fill().await;
    assert_eq!(store.mark().await.unwrap(), None);
    for mark in ["one", "other"] {
        store.set_mark(Some(mark)).await.unwrap();
        assert_eq!(store.mark().await.unwrap().as_deref(), Some(mark));
    }
    let epoch = crate::id::Epoch::new(NOW);
    store.identify(epoch, [9; 32]).await.unwrap();
    store.set_mark(None).await.unwrap();
    assert_eq!(store.mark().await.unwrap(), None);
    store.close_filled().await;

    let store = place.open().await;
    assert_eq!((store.epoch(), store.secret()), (epoch, [9; 32]));
    let other = crate::id::Epoch::new(NOW);
    put(&*store, [Write::SetEpoch(other)]).await;
    store.close().await;
    drop(store);
    let store = place.open().await;
    assert_eq!((store.epoch(), store.secret()), (other, [9; 32]));
}
