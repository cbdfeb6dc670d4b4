//! What answers which message.

use super::{
    archive::{log, seal, take_out},
    deletions::deletion,
    pins::purge,
    *,
};
use crate::model::Thread;

fn reply(room: RoomId, target: u64, seq: u64) -> Write {
    Write::Reply {
        room,
        target,
        seq,
        at: Millis(NOW.0 + i64::try_from(seq).unwrap()),
    }
}

async fn thread(store: &dyn Store, room: RoomId, seq: u64) -> Option<Thread> {
    let found = store.message(room, seq).await.unwrap().unwrap();
    found.over.and_then(|over| over.thread)
}

fn of(count: u64, last: u64) -> Thread {
    let at = Millis(NOW.0 + i64::try_from(last).unwrap());
    Thread { count, last, at }
}

pub(in crate::store) async fn counts_and_pages_what_answers_a_message(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, log(room, 4)).await;
    let all: Vec<u64> = (10..50).collect();
    let many: Vec<_> = all.iter().map(|seq| reply(room, 1, *seq)).collect();
    put(&*store, many).await;
    put(&*store, [reply(room, 2, 60)]).await;
    assert_eq!(thread(&*store, room, 1).await, Some(of(40, 49)));
    assert_eq!(thread(&*store, room, 2).await, Some(of(1, 60)));
    assert_eq!(thread(&*store, room, 3).await, None);
    store.close().await;

    let store = place.open().await;
    let mut found = Vec::new();
    loop {
        let after = found.last().copied().unwrap_or(0);
        let page = store.replies(room, 1, after, 7).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 7);
        found.extend(page);
    }
    assert_eq!(found, all);
    assert_eq!(store.replies(room, 3, 0, 9).await.unwrap(), [] as [u64; 0]);
}

pub(in crate::store) async fn keeps_threads_of_deleted_messages_and_forgets_those_of_purged_ones(
    place: &impl Place,
) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, log(room, 9)).await;
    put(&*store, [reply(room, 1, 4), reply(room, 6, 8)]).await;
    put(
        &*store,
        [1, 6].map(|n| Write::Delete(deletion(room, n, 20 + n))),
    )
    .await;
    let refused = writes([reply(room, 6, 9)]);
    assert_eq!(commit(&*store, refused).await, Outcome::Stale);
    let erase = Write::Erase {
        room,
        target: 6,
        at: NOW,
        generation: None,
        edits: 0,
    };
    put(&*store, [erase]).await;
    for seq in [1, 6] {
        let found = store.message(room, seq).await.unwrap().unwrap();
        assert_eq!(found.payload, Payload::Tombstone);
    }
    assert_eq!(thread(&*store, room, 1).await, Some(of(1, 4)));
    assert_eq!(thread(&*store, room, 6).await, Some(of(1, 8)), "erased");
    let page = messages(&*store, room, Page::After(5), 0, 1).await;
    assert!(page[0].over.is_some(), "alone on a page");
    let segment = seal(&*store, room, 1, 4).await;
    take_out(&*store, room, 4).await;
    assert_eq!(thread(&*store, room, 1).await, Some(of(1, 4)));
    purge(&*store, segment).await;
    assert_eq!(store.replies(room, 1, 0, 9).await.unwrap(), [] as [u64; 0]);
    assert_eq!(store.replies(room, 6, 0, 9).await.unwrap(), [8]);
    let laid = store.laid_over(room, 1, 1).await.unwrap();
    assert_eq!(laid[&1].thread, None);
}
