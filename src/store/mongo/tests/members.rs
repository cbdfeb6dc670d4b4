//! Members of stores that did not keep yet how far they have read.

use super::*;
use crate::{
    id::UserId,
    model::{Marker, Member, RoomRole},
    store::{Change, Write, contract::entries},
};

#[tokio::test]
async fn who_was_there_before_has_read_all() {
    let Some(base) = Base::new() else { return };
    let store = base.mongo().await;
    let rooms = [contract::a_room("talked"), contract::a_room("silent")];
    let [talked, silent] = [rooms[0].id, rooms[1].id];
    let members = [talked, silent].map(|room| Member {
        room,
        user: UserId::new(NOW),
        role: RoomRole::Member,
        since: 1,
        at: NOW,
        read: Marker::default(),
    });
    let said = (1..=3).map(|seq| contract::message(talked, seq, "hi"));
    let writes = rooms.into_iter().map(Write::InsertRoom);
    let mut batch = vec![entries(said.collect::<Vec<_>>())];
    batch.push(Change {
        entries: Vec::new(),
        writes: writes.chain(members.map(Write::PutMember)).collect(),
    });
    store.commit(Arc::new(batch)).await.unwrap();
    let members = store.db.members.clone_with_type::<Document>();
    let before = doc! { "$unset": { "read_seq": "", "read_n": "" } };
    members.update_many(doc! {}, before).await.unwrap();
    let version = doc! { "$set": { "version": 6 } };
    let meta = &store.db.meta;
    meta.update_one(doc! { "_id": "schema" }, version)
        .await
        .unwrap();

    let store = base.mongo().await;
    for (room, seq) in [(talked, 3), (silent, 0)] {
        let state = store.load_room(room).await.unwrap().unwrap();
        assert_eq!(state.members[0].read, Marker { seq, n: seq });
    }
}
