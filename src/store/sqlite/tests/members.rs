//! Members of stores that did not keep yet how far they have read.

use super::*;
use crate::{
    id::UserId,
    model::{Marker, Member, RoomRole},
};

#[tokio::test]
async fn who_was_there_before_has_read_all() {
    let dir = Dir::new();
    let (talked, silent) = (RoomId::new(NOW), RoomId::new(NOW));
    let member = |room| Member {
        room,
        user: UserId::new(NOW),
        role: RoomRole::Member,
        since: 1,
        at: NOW,
        read: Marker::default(),
    };
    let members = [member(talked), member(silent)];
    let store = Sqlite::open(dir.options()).unwrap();
    let mut batch: Vec<_> = (1..=3).map(|seq| message(talked, seq, "hi")).collect();
    batch.push(Change {
        entries: Vec::new(),
        writes: members.map(Write::PutMember).into(),
    });
    store.commit(Arc::new(batch)).await.unwrap();
    store.close().await;
    drop(store);
    let db = Connection::open(dir.db()).unwrap();
    db.execute_batch(entries::SCHEMA_15).unwrap();
    db.execute_batch(
        "ALTER TABLE member DROP COLUMN read_seq; ALTER TABLE member DROP COLUMN read_n;",
    )
    .unwrap();
    db.execute_batch(include_str!("../schema/read.sql"))
        .unwrap();
    let read = |room: RoomId| {
        let of = "SELECT read_seq, read_n FROM member WHERE room = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        db.query_row(of, [room.as_bytes()], row).unwrap()
    };
    assert_eq!(read(talked), (3, 3));
    assert_eq!(read(silent), (0, 0));
}
