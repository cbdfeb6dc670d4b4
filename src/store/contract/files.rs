//! What is known of files, and when they are to go.

use super::{
    archive::{seal, take_out},
    deletions::deletion,
    *,
};
use crate::{
    id::FileId,
    model::{
        Attached, File, FileFilter, FileOrder, FilePlace, FileState, MediaPattern, Purge, Segment,
        Usage,
    },
};

fn file(owner: UserId, i: u8) -> File {
    File {
        id: FileId::from_bytes([i; 16]),
        owner,
        name: "notes.txt".parse().unwrap(),
        media: "text/plain".into(),
        size: i.into(),
        sha256: [i; 32],
        pixels: None,
        at: Millis(NOW.0 + i64::from(i)),
        place: None,
        gone_at: None,
    }
}

fn attach(file: &File, room: RoomId, seq: u64) -> Write {
    Write::AttachFile {
        id: file.id,
        owner: file.owner,
        room,
        seq,
    }
}

pub(in crate::store) async fn attaches_a_file_once(place: &impl Place) {
    let store = place.open().await;
    let (ana, bob, room) = (UserId::new(NOW), UserId::new(NOW), RoomId::new(NOW));
    let image = File {
        name: "Ana 💚.png".parse().unwrap(),
        media: "image/png".into(),
        size: 1 << 40,
        pixels: Some((u32::MAX, 7)),
        ..file(ana, 2)
    };
    let all = [file(ana, 1), image, file(bob, 3), file(ana, 4)];
    put(&*store, all.clone().map(Write::InsertFile)).await;
    let again = writes([Write::InsertFile(all[0].clone())]);
    assert_eq!(commit(&*store, again).await, Outcome::Stale);
    assert_eq!(store.file(all[1].id).await.unwrap().as_ref(), Some(&all[1]));
    let none = FileId::from_bytes([9; 16]);
    assert_eq!(store.file(none).await.unwrap(), None);
    let mut found = store.files(&[all[2].id, none, all[0].id]).await.unwrap();
    found.sort_unstable_by_key(|f| f.id);
    assert_eq!(found, [all[0].clone(), all[2].clone()]);

    assert_eq!(store.all_files(None, 9).await.unwrap(), all);
    let next = store.all_files(Some(all[0].id), 2).await.unwrap();
    assert_eq!(next, all[1..3]);
    let mine = [all[0].clone(), all[1].clone(), all[3].clone()];
    assert_eq!(store.files_of(ana, None, 9).await.unwrap(), mine);
    let next = store.files_of(ana, Some(all[0].id), 1).await.unwrap();
    assert_eq!(next, mine[1..2]);
    let usage = Usage {
        files: 3,
        bytes: (1 << 40) + 5,
    };
    assert_eq!(store.file_usage(ana).await.unwrap(), usage);
    let nobody = store.file_usage(UserId::new(NOW)).await.unwrap();
    assert_eq!(nobody, Usage::default());
    assert_eq!(store.unused_files(None, 9).await.unwrap(), all);
    let next = store.unused_files(Some(all[1].id), 1).await.unwrap();
    assert_eq!(next, all[2..3]);

    // Another's is not attached, and one's own once: all of the change happens, or nothing.
    let others = Write::AttachFile {
        id: all[2].id,
        owner: ana,
        room,
        seq: 1,
    };
    let with_anothers = Change {
        entries: vec![message(room, 1, "")],
        writes: vec![attach(&all[0], room, 1), others],
    };
    assert_eq!(commit(&*store, with_anothers).await, Outcome::Stale);
    assert_eq!(store.unused_files(None, 9).await.unwrap(), all);
    let mut said = message(room, 1, "");
    if let Payload::Message { files, .. } = &mut said.payload {
        *files = vec![Attached::from(&all[0]), Attached::from(&all[1])];
    }
    let with_two = Change {
        entries: vec![said.clone()],
        writes: vec![attach(&all[0], room, 1), attach(&all[1], room, 1)],
    };
    assert_eq!(commit(&*store, with_two).await, Outcome::Committed);
    let again = writes([attach(&all[0], room, 2)]);
    assert_eq!(commit(&*store, again).await, Outcome::Stale);
    let dropped = |file: &File| {
        writes([Write::DropFile {
            id: file.id,
            place: None,
            at: NOW,
        }])
    };
    assert_eq!(commit(&*store, dropped(&all[0])).await, Outcome::Stale);
    assert_eq!(
        store.unused_files(None, 9).await.unwrap(),
        [all[2].clone(), all[3].clone()]
    );

    // One that is to go is nobody's any more.
    assert_eq!(commit(&*store, dropped(&all[3])).await, Outcome::Committed);
    assert_eq!(commit(&*store, dropped(&all[3])).await, Outcome::Stale);
    let late = writes([attach(&all[3], room, 2)]);
    assert_eq!(commit(&*store, late).await, Outcome::Stale);
    store.close().await;

    let store = place.open().await;
    assert_eq!(read(&*store, room).await.unwrap(), [said]);
    let attached = |file: &File| File {
        place: Some((room, 1)),
        ..file.clone()
    };
    let mine = [attached(&all[0]), attached(&all[1])];
    assert_eq!(store.files_of(ana, None, 9).await.unwrap(), mine);
    assert_eq!(store.file_usage(ana).await.unwrap().files, 2);
    let gone = File {
        gone_at: Some(NOW),
        ..all[3].clone()
    };
    assert_eq!(store.gone_files(None, 9).await.unwrap(), [gone]);
    // What is not to go is not taken out.
    let deleted = [all[0].id, all[3].id, none].map(Write::DeleteFile);
    put(&*store, deleted).await;
    assert_eq!(store.gone_files(None, 9).await.unwrap(), []);
    assert_eq!(store.file(all[3].id).await.unwrap(), None);
    assert!(store.file(all[0].id).await.unwrap().is_some());
}

pub(in crate::store) async fn drops_files_with_their_messages(place: &impl Place) {
    let store = place.open().await;
    let (ana, room) = (UserId::new(NOW), RoomId::new(NOW));
    let said: Vec<_> = (1..=5).map(|seq| message(room, seq, "a")).collect();
    append(&*store, said).await;
    for seq in 1..=4_u8 {
        let file = file(ana, seq);
        let attached = attach(&file, room, seq.into());
        put(&*store, [Write::InsertFile(file), attached]).await;
    }
    let gone = async |store: &dyn Store| {
        let found = store.gone_files(None, 9).await.unwrap();
        let key = |f: &File| (f.gone_at.unwrap(), f.place.unwrap().1);
        found.iter().map(key).collect::<Vec<_>>()
    };
    let later = |ms| Millis(NOW.0 + ms);
    // A deletion alone takes nothing, and nor does erasing what is not deleted.
    let erase = |target, at| Write::Erase {
        room,
        target,
        at,
        generation: None,
        edits: 0,
    };
    put(
        &*store,
        [Write::Delete(deletion(room, 3, 6)), erase(4, later(1))],
    )
    .await;
    assert_eq!(gone(&*store).await, []);
    put(&*store, [erase(3, later(2))]).await;
    assert_eq!(gone(&*store).await, [(later(2), 3)]);

    let segment = seal(&*store, room, 1, 2).await;
    take_out(&*store, room, 2).await;
    let pruned = Segment {
        generation: 2,
        purge: Some(Purge {
            run: segment.run,
            at: NOW,
        }),
        ..segment
    };
    let purged = Segment {
        generation: 3,
        purged_at: Some(later(1)),
        size: 0,
        ..pruned.clone()
    };
    put(&*store, [Write::UpdateSegment(pruned)]).await;
    assert_eq!(gone(&*store).await, [(later(2), 3)]);
    put(&*store, [Write::UpdateSegment(purged)]).await;
    let all = [(later(1), 1), (later(1), 2), (later(2), 3)];
    assert_eq!(gone(&*store).await, all);
    let first = store.gone_files(None, 1).await.unwrap().remove(0);
    let after = Some((first.gone_at.unwrap(), first.id));
    let next = store.gone_files(after, 1).await.unwrap();
    assert_eq!(next[0].place, Some((room, 2)));
    assert_eq!(store.file_usage(ana).await.unwrap().files, 1);
}

pub(in crate::store) async fn lists_files_by_what_they_are(place: &impl Place) {
    let store = place.open().await;
    let (ana, bob, room) = (UserId::new(NOW), UserId::new(NOW), RoomId::new(NOW));
    let sized = |owner, i, size, media: &str| File {
        size,
        media: media.into(),
        ..file(owner, i)
    };
    let all = [
        sized(ana, 1, 500, "image/png"),
        sized(ana, 2, 20, "image/jpeg"),
        sized(bob, 3, 500, "text/plain"),
        sized(bob, 4, 7, "image/png"),
    ];
    append(&*store, vec![message(room, 1, "a")]).await;
    put(&*store, all.clone().map(Write::InsertFile)).await;
    put(
        &*store,
        [attach(&all[0], room, 1), attach(&all[3], room, 1)],
    )
    .await;
    let none = FileFilter::default();
    let list = async |filter: &FileFilter, order| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.list_files(filter, order, after, 2).await.unwrap();
            after = page.last().map(FilePlace::from);
            found.extend(page.iter().map(|f| f.id.as_bytes()[0]));
            if page.len() < 2 {
                return found;
            }
        }
    };
    let (newest, largest) = (FileOrder::Newest, FileOrder::Largest);
    assert_eq!(list(&none, newest).await, [4, 3, 2, 1]);
    assert_eq!(list(&none, largest).await, [3, 1, 2, 4]);
    let sum = |files, bytes| Usage { files, bytes };
    assert_eq!(store.sum_files(&none).await.unwrap(), sum(4, 1027));

    let wrong = Write::DropFile {
        id: all[0].id,
        place: Some((room, 2)),
        at: NOW,
    };
    assert_eq!(commit(&*store, writes([wrong])).await, Outcome::Stale);
    let dropped = Write::DropFile {
        id: all[0].id,
        place: Some((room, 1)),
        at: NOW,
    };
    assert_eq!(commit(&*store, writes([dropped])).await, Outcome::Committed);
    let state = |state| FileFilter {
        state: Some(state),
        ..none.clone()
    };
    let media = |text| FileFilter {
        media: Some(MediaPattern::parse(text).unwrap()),
        ..none.clone()
    };
    let owner = |owner| FileFilter {
        owner: Some(owner),
        ..none.clone()
    };
    for (filter, ids) in [
        (owner(bob), vec![4, 3]),
        (state(FileState::Unused), vec![3, 2]),
        (state(FileState::Attached), vec![4]),
        (state(FileState::Gone), vec![1]),
        (media("image/*"), vec![4, 2, 1]),
        (media("image/png"), vec![4, 1]),
        (media("image/pn*"), vec![4, 1]),
        (media("video/*"), vec![]),
        (
            FileFilter {
                room: Some(room),
                ..none.clone()
            },
            vec![4, 1],
        ),
        (
            FileFilter {
                above: Some(20),
                ..none.clone()
            },
            vec![3, 1],
        ),
        (
            FileFilter {
                owner: Some(bob),
                room: Some(room),
                state: Some(FileState::Attached),
                above: Some(6),
                media: Some(MediaPattern::parse("image/*").unwrap()),
            },
            vec![4],
        ),
    ] {
        assert_eq!(list(&filter, newest).await, ids, "{filter:?}");
        let mut by_size = list(&filter, largest).await;
        by_size.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(by_size, ids, "{filter:?}");
        let size = |id: &u8| all[usize::from(*id) - 1].size;
        let bytes = ids.iter().map(size).sum();
        let found = store.sum_files(&filter).await.unwrap();
        assert_eq!(found, sum(ids.len() as u64, bytes), "{filter:?}");
    }
}
