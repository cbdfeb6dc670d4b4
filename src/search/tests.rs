//! The index on a disk: what is put is found, what is taken out is gone, and a file that is no good begins anew.

mod taking_out;

use std::{collections::HashMap, fs, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::{
    clock::Millis,
    id::{Epoch, RoomId, UserId},
};

struct House {
    index: Index,
    epoch: Epoch,
    room: RoomId,
    ana: UserId,
    dir: TempDir,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let epoch = Epoch::new(Millis(1));
        let index = Index::new(dir.path().join("search.db"), epoch);
        assert!(index.open().await.unwrap());
        Self {
            index,
            epoch,
            room: RoomId::new(Millis(1)),
            ana: UserId::new(Millis(2)),
            dir,
        }
    }

    async fn reopen(&mut self) -> bool {
        self.index.close().await;
        self.index = Index::new(self.dir.path().join("search.db"), self.epoch);
        self.index.open().await.unwrap()
    }

    fn doc(&self, seq: u64, text: &str) -> Change {
        Change::Put(Doc {
            seq,
            at: Millis(1_000_000 + i64::try_from(seq).unwrap() / 2),
            text: text.into(),
            tags: vec![Tag::By(self.ana)],
        })
    }

    async fn apply(&self, upto: u64, changes: Vec<Change>) {
        let batch = Batch {
            changes: changes.into_iter().map(|c| (self.room, c)).collect(),
            upto: HashMap::from([(self.room, upto)]),
            gone: Vec::new(),
        };
        self.index.apply(batch).await.unwrap();
    }

    fn wanted(&self, query: &str) -> Wanted {
        Wanted {
            rooms: Some(HashMap::from([(self.room, 0)])),
            query: Some(Query::parse(query).unwrap()),
            limit: 3,
            ..Wanted::default()
        }
    }

    async fn look(&self, wanted: Wanted) -> (Vec<u64>, Option<Cursor>) {
        let found = self.index.find(wanted, Duration::from_secs(30)).await;
        let found = found.unwrap();
        (found.hits.iter().map(|h| h.seq).collect(), found.next)
    }

    async fn found(&self, query: &str) -> Vec<u64> {
        self.look(self.wanted(query)).await.0
    }

    /// How often a text is in the files.
    fn in_files(&self, text: &str) -> usize {
        let mut times = 0;
        for file in fs::read_dir(self.dir.path()).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            let windows = bytes.windows(text.len());
            times += windows.filter(|w| *w == text.as_bytes()).count();
        }
        times
    }
}

#[tokio::test]
async fn what_is_put_is_found() {
    let mut house = House::new().await;
    let texts = ["Frau Müller", "muller und 東京都", "Привет мир", "مُحَمَّد"];
    let docs = (1..).zip(texts).map(|(seq, text)| house.doc(seq, text));
    let docs = docs.collect();
    house.apply(4, docs).await;
    for (query, expected) in [
        ("müller", &[2, 1][..]),
        ("mul*", &[2, 1]),
        ("\"frau muller\"", &[1]),
        ("京都", &[2]),
        ("muller -frau", &[2]),
        ("ПРИВЕТ", &[3]),
        ("محمد", &[4]),
        ("mul", &[]),
        ("everyone", &[]),
    ] {
        assert_eq!(house.found(query).await, expected, "{query}");
    }
    assert!(!house.reopen().await);
    assert_eq!(house.index.upto(house.room), 4);
    assert_eq!(house.found("muller").await, [2, 1]);
}

#[tokio::test]
async fn what_changes_is_found_as_it_is() {
    let house = House::new().await;
    house
        .apply(2, vec![house.doc(1, "one tea"), house.doc(2, "two tea")])
        .await;
    let pinned = |on| vec![Change::Tag(1, Tag::Pinned, on)];
    house
        .apply(4, vec![Change::Text(2, "two coffee".into())])
        .await;
    assert_eq!(house.found("tea").await, [1]);
    assert_eq!(house.found("coffee").await, [2]);
    house.apply(5, pinned(true)).await;
    let mut wanted = house.wanted("tea");
    wanted.query = None;
    wanted.is = vec![vec![Tag::Pinned, Tag::Everyone]];
    assert_eq!(house.look(wanted.clone()).await.0, [1]);
    house.apply(6, pinned(false)).await;
    assert!(house.look(wanted.clone()).await.0.is_empty());
    wanted.is = vec![vec![Tag::Edited], vec![Tag::By(house.ana)]];
    assert_eq!(house.look(wanted.clone()).await.0, [2]);
    wanted.by = Some(UserId::new(Millis(3)));
    assert!(house.look(wanted).await.0.is_empty());
    // What is not there any more does not come back by what is said of it.
    house
        .apply(9, vec![Change::Remove(1), Change::Text(1, "tea".into())])
        .await;
    assert!(house.found("tea").await.is_empty());
}

#[tokio::test]
async fn pages_follow_each_other() {
    let house = House::new().await;
    let text = |seq: u64| "tea ".repeat(usize::try_from(seq % 3).unwrap() + 1);
    let docs = (1..=20).map(|seq| house.doc(seq, &text(seq))).collect();
    house.apply(20, docs).await;
    for order in [Order::Newest, Order::Relevance] {
        let (mut all, mut wanted, mut seq) = (Vec::new(), house.wanted("tea"), 20);
        wanted.order = order;
        loop {
            let (found, next) = house.look(wanted.clone()).await;
            all.extend(found);
            let Some(next) = next else { break };
            wanted.after = Cursor::parse(&next.to_string(), order);
            assert_eq!(wanted.after, Some(next));
            // What comes meanwhile moves nothing.
            seq += 1;
            house.apply(seq, vec![house.doc(seq, "tea tea tea")]).await;
        }
        let mut expected: Vec<u64> = (1..=all.len() as u64).rev().collect();
        if order == Order::Relevance {
            expected.sort_by_key(|seq| std::cmp::Reverse((text(*seq).len(), *seq)));
            assert_eq!(all.len(), 26, "those that came for the other order, too");
            all.retain(|seq| *seq <= 20);
            expected.retain(|seq| *seq <= 20);
        }
        assert_eq!(all, expected);
    }
    let mut wanted = house.wanted("tea");
    (wanted.since, wanted.until) = (Some(Millis(1_000_002)), Some(Millis(1_000_002)));
    let found = house.look(wanted).await.0;
    assert!(found.iter().all(|seq| *seq >= 4), "{found:?}");
}

#[tokio::test]
async fn what_is_taken_out_is_gone_from_the_disk() {
    let house = House::new().await;
    let word = |seq: u64| format!("wa{seq}x wb{}x common", seq % 7);
    let docs = (1..=2_000).map(|seq| house.doc(seq, &word(seq))).collect();
    house.apply(2_000, docs).await;
    let secret = vec![
        house.doc(2_001, "zebrafish common"),
        house.doc(2_002, "other"),
    ];
    house.apply(2_002, secret).await;
    house
        .apply(2_003, vec![Change::Text(2_002, "quagga other".into())])
        .await;
    assert!(house.index.empty().await.unwrap());
    assert!(house.in_files("zebrafish") > 0 && house.in_files("quagga") > 0);
    house
        .apply(
            2_005,
            vec![Change::Remove(2_001), Change::Text(2_002, "x".into())],
        )
        .await;
    assert!(house.index.empty().await.unwrap());
    assert_eq!(house.in_files("zebrafish") + house.in_files("quagga"), 0);
    assert_eq!(house.found("common").await.len(), 3);
    house
        .apply(2_006, vec![Change::RemoveRange(1, 1_990)])
        .await;
    let (mut seen, mut wanted) = (0, house.wanted("common"));
    loop {
        let (found, next) = house.look(wanted.clone()).await;
        seen += found.len();
        match next {
            Some(next) => wanted.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, 10);
    let batch = Batch {
        gone: vec![house.room],
        ..Batch::default()
    };
    house.index.apply(batch).await.unwrap();
    assert!(house.found("common").await.is_empty());
    assert!(house.index.rooms().is_empty());
    assert!(house.index.empty().await.unwrap());
    assert_eq!(house.in_files("common") + house.in_files("wa1995x"), 0);
}

#[tokio::test]
async fn a_file_that_is_no_good_begins_anew() {
    let mut house = House::new().await;
    let path = house.index.path().to_owned();
    let docs = |house: &House| (1..=500).map(|s| house.doc(s, "some tea")).collect();
    house.apply(500, docs(&house)).await;
    // Of another incarnation of the store.
    house.epoch = Epoch::new(Millis(2));
    assert!(house.reopen().await);
    assert!(house.found("tea").await.is_empty());
    // No database at all.
    house.apply(500, docs(&house)).await;
    house.index.close().await;
    fs::write(&path, "no database").unwrap();
    house.index = Index::new(path.clone(), house.epoch);
    assert!(house.index.open().await.unwrap());
    // Broken in the middle: noticed by who reads it, mended by who opens it.
    house.apply(500, docs(&house)).await;
    assert!(house.index.empty().await.unwrap());
    house.index.close().await;
    let mut bytes = fs::read(&path).unwrap();
    let len = bytes.len();
    bytes[4096..len].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    house.index = Index::new(path.clone(), house.epoch);
    if !house.index.open().await.unwrap() {
        let (wanted, long) = (house.wanted("tea"), Duration::from_secs(30));
        let found = house.index.find(wanted, long).await;
        assert!(matches!(found, Err(Error::Anew(_))), "{found:?}");
        assert!(house.index.open().await.unwrap());
    }
    assert_eq!(house.index.upto(house.room), 0);
    // Taken away while it is open.
    house.apply(1, vec![house.doc(1, "tea")]).await;
    house.index.remove().unwrap();
    assert!(house.index.open().await.unwrap());
    house.apply(1, vec![house.doc(1, "tea")]).await;
    assert_eq!(house.found("tea").await, [1]);
}

#[tokio::test]
async fn many_in_one_moment_all_have_a_place() {
    let house = House::new().await;
    let same = |seq| {
        Change::Put(Doc {
            seq,
            at: Millis(5),
            text: "tea".into(),
            tags: Vec::new(),
        })
    };
    // More than a millisecond has places, in two batches; and one of the next, whose places are taken.
    house.apply(3_000, (1..=3_000).map(same).collect()).await;
    house
        .apply(5_000, (3_001..=5_000).map(same).collect())
        .await;
    let next = Change::Put(Doc {
        seq: 5_001,
        at: Millis(6),
        text: "tea".into(),
        tags: Vec::new(),
    });
    house.apply(5_001, vec![next]).await;
    let mut wanted = house.wanted("tea");
    wanted.limit = 10_000;
    let (found, next) = house.look(wanted).await;
    assert_eq!((found.len(), next), (5_001, None));
}

#[tokio::test]
async fn many_rooms_are_looked_at_and_no_others() {
    let house = House::new().await;
    let rooms: Vec<RoomId> = (0..200).map(|i| RoomId::new(Millis(i))).collect();
    let mut batch = Batch::default();
    for (room, seq) in rooms.iter().zip(1..) {
        batch.changes.push((*room, house.doc(seq, "tea")));
        batch.upto.insert(*room, seq);
    }
    house.index.apply(batch).await.unwrap();
    // Of more than the index itself looks in; and in one only what came later.
    for many in [3, 100] {
        let mut wanted = house.wanted("tea");
        let mut some: HashMap<_, _> = rooms.iter().take(many).map(|room| (*room, 0)).collect();
        some.insert(rooms[1], 1_000);
        wanted.rooms = Some(some);
        wanted.limit = 1_000;
        for order in [Order::Newest, Order::Relevance] {
            wanted.order = order;
            let (found, next) = house.look(wanted.clone()).await;
            let expected: Vec<u64> = (1..=many as u64).rev().filter(|s| *s != 2).collect();
            assert_eq!((found, next), (expected, None));
        }
        wanted.query = None;
        assert_eq!(house.look(wanted.clone()).await.0.len(), many - 1);
        wanted.by = Some(house.ana);
        assert_eq!(house.look(wanted).await.0.len(), many - 1);
    }
    let mut nowhere = house.wanted("tea");
    nowhere.rooms = Some(HashMap::new());
    assert!(house.look(nowhere.clone()).await.0.is_empty());
    nowhere.rooms = None;
    nowhere.limit = 1_000;
    assert_eq!(house.look(nowhere.clone()).await.0.len(), 200);
    nowhere.query = None;
    assert!(house.look(nowhere).await.0.is_empty(), "nothing is asked");
}

#[tokio::test]
async fn it_gives_way_where_it_is_told_to() {
    let house = House::new().await;
    assert!(house.index.give_way().await.unwrap());
}
