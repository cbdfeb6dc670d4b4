//! Taking much out: merged before, ended in between, gone on with.

use std::{cell::Cell, collections::HashMap, ops::RangeInclusive, time::Duration};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    clock::Millis,
    id::{Epoch, RoomId},
    search::{
        Batch, Change, Doc, Index, Query, Tag, Wanted, file,
        merge::{self, Merging},
    },
};

/// A file of its own with two rooms of so many messages each, put in by many batches.
struct Filled {
    conn: Connection,
    rooms: [RoomId; 2],
    index: Index,
    _dir: TempDir,
}

impl Filled {
    fn new(each: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let epoch = Epoch::new(Millis(1));
        let path = dir.path().join("search.db");
        let conn = file::open(&path, epoch).unwrap();
        let index = Index::new(path, epoch);
        let rooms = [RoomId::new(Millis(1)), RoomId::new(Millis(2))];
        let mut filled = Self {
            conn,
            rooms,
            index,
            _dir: dir,
        };
        for first in (1..=each).step_by(100) {
            let docs = |room| {
                (first..first + 100).map(move |seq| {
                    let doc = Doc {
                        seq,
                        at: Millis(1_000_000 + i64::try_from(seq).unwrap()),
                        text: format!("common wa{} only{seq}x", seq % 7),
                        tags: vec![Tag::Reply],
                    };
                    (room, Change::Put(doc))
                })
            };
            let batch = Batch {
                changes: docs(rooms[0]).chain(docs(rooms[1])).collect(),
                upto: rooms.map(|room| (room, first + 99)).into(),
                gone: Vec::new(),
            };
            let merging = &mut Merging::default();
            assert!(batch.write(&mut filled.conn, merging, &|| false).unwrap());
        }
        filled
    }

    fn segments(&self) -> u64 {
        merge::segments(&self.conn).unwrap()
    }

    fn messages(&self, room: RoomId) -> u64 {
        let sql = "SELECT count(*) FROM doc WHERE room = (SELECT num FROM room WHERE id = ?1)";
        let all = self
            .conn
            .query_row(sql, [room.as_bytes()], |row| row.get(0));
        let all: i64 = all.unwrap();
        u64::try_from(all).unwrap()
    }

    fn upto(&self, room: RoomId) -> Option<u64> {
        let all = file::rooms(&self.conn).unwrap();
        all.into_iter()
            .find(|(id, _)| *id == room)
            .map(|(_, upto)| upto)
    }

    async fn check(&self, room: RoomId, seqs: RangeInclusive<u64>) {
        let inspection = self.index.inspect().await.unwrap().unwrap();
        assert!(inspection.faults().await.unwrap().is_empty());
        let there = inspection.seqs(room, 0, 10_000).await.unwrap();
        assert_eq!(there, seqs.clone().collect::<Vec<_>>());
        let wanted = |query: &str| Wanted {
            query: Some(Query::parse(query).unwrap()),
            limit: 10_000,
            ..Wanted::default()
        };
        let find = async |query: &str| {
            let found = self
                .index
                .find(wanted(query), Duration::from_secs(30))
                .await;
            found.unwrap().hits.len() as u64
        };
        assert_eq!(find("common").await, seqs.clone().count() as u64);
        for seq in (1..4_000).step_by(97) {
            let expected = u64::from(seqs.contains(&seq));
            assert_eq!(find(&format!("only{seq}x")).await, expected, "{seq}");
        }
    }
}

#[tokio::test]
async fn it_is_merged_before_much_is_taken_out() {
    let mut filled = Filled::new(2_000);
    let [room, other] = filled.rooms;
    let many = filled.segments();
    assert!(many > 1);
    let out = |changes, gone| Batch {
        changes,
        gone,
        ..Batch::default()
    };
    // Little is taken out as it is.
    let little = out(vec![(room, Change::RemoveRange(1, 10))], Vec::new());
    let merging = &mut Merging::by(5);
    assert!(little.write(&mut filled.conn, merging, &|| false).unwrap());
    assert_eq!(filled.segments(), many);
    let much = out(vec![(room, Change::RemoveRange(11, 1_500))], vec![other]);
    let asked = Cell::new(0);
    let over = || {
        asked.set(asked.get() + 1);
        false
    };
    assert!(much.write(&mut filled.conn, merging, &over).unwrap());
    assert_eq!(filled.segments(), 1);
    assert!(
        asked.get() > 12,
        "in steps, beside those by which it is taken out"
    );
    assert_eq!(filled.upto(other), None);
    filled.check(room, 1_501..=2_000).await;
}

#[tokio::test]
async fn taking_out_that_ended_in_between_goes_on() {
    let mut filled = Filled::new(2_000);
    let [room, other] = filled.rooms;
    let batch = Batch {
        changes: vec![(room, Change::RemoveRange(1, 1_990))],
        upto: HashMap::from([(room, 2_001)]),
        gone: vec![other],
    };
    let mut between = Vec::new();
    loop {
        // Twice it may go on.
        let left = Cell::new(2);
        let over = || left.replace(left.get() - 1) <= 0;
        let merging = &mut Merging::default();
        if batch.write(&mut filled.conn, merging, &over).unwrap() {
            break;
        }
        // Not before all of it is done.
        assert_eq!(filled.upto(room), Some(2_000));
        assert!(matches!(
            filled.upto(other),
            None | Some(0x7fff_ffff_ffff_ffff)
        ));
        between.push((filled.messages(room), filled.messages(other)));
    }
    // Merged, then slice by slice; that all of a room is taken out shows when it is looked at once more.
    let first = [1_500, 500, 0].map(|left| (2_000, left));
    let second = [1_500, 1_000, 500, 10].map(|left| (left, 0));
    assert_eq!(between, [&first[..], &second[..]].concat());
    assert_eq!((filled.upto(room), filled.upto(other)), (Some(2_001), None));
    filled.check(room, 1_991..=2_000).await;
}
