//! Reactions: the sums over a message, who reacts, and that nothing is left of what is erased.

use super::{
    archive::{made, seal, sealed, take_out},
    deletions::deletion,
    *,
};
use crate::{
    model::{Emoji, Purge, Reaction, Segment, Tally},
    store::{erased, has_text, is_erased, open_segment},
};

fn emoji(text: &str) -> Emoji {
    text.parse().unwrap()
}

fn person(n: u16) -> UserId {
    let mut bytes = [7; 16];
    bytes[14..].copy_from_slice(&n.to_be_bytes());
    UserId::from_bytes(bytes)
}

/// That `user` reacts to message `target`, by entry `seq`.
fn reaction(room: RoomId, target: u64, user: UserId, with: &str, seq: u64) -> Reaction {
    Reaction {
        room,
        target,
        emoji: emoji(with),
        seq,
        user,
        at: NOW,
    }
}

fn unreact(room: RoomId, target: u64, user: UserId, with: Option<&str>) -> Write {
    Write::Unreact {
        room,
        target,
        user,
        emoji: with.map(emoji),
    }
}

fn tally(with: &str, count: u64, first: &[UserId]) -> Tally {
    Tally {
        emoji: emoji(with),
        count,
        first: first.to_vec(),
    }
}

async fn sums(store: &dyn Store, room: RoomId, seq: u64) -> Vec<Tally> {
    let found = store.message(room, seq).await.unwrap().unwrap();
    found.over.map(|over| over.reactions).unwrap_or_default()
}

/// The entry by which somebody reacts, in a room of so many messages, with what it does.
fn reacts(new: Reaction, n: u64) -> Change {
    let payload = Payload::Reaction {
        target: new.target,
        emoji: Some(new.emoji.clone()),
        on: true,
    };
    let entry = Entry {
        n,
        from: Some(new.user),
        payload,
        ..message(new.room, new.seq, "")
    };
    Change {
        entries: vec![entry],
        writes: vec![Write::React(new)],
    }
}

pub(in crate::store) async fn sums_what_people_react_with(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, [message(room, 1, "a"), message(room, 2, "b")]).await;
    let people: Vec<_> = (0..5).map(person).collect();
    for (i, user) in (0..).zip(&people) {
        put(
            &*store,
            [Write::React(reaction(room, 1, *user, "👍", 10 + i))],
        )
        .await;
    }
    put(
        &*store,
        [Write::React(reaction(room, 1, people[4], ":tada:", 20))],
    )
    .await;
    let expected = [
        tally("👍", 5, &people[..3]),
        tally(":tada:", 1, &people[4..]),
    ];
    assert_eq!(sums(&*store, room, 1).await, expected);
    assert_eq!(sums(&*store, room, 2).await, []);
    let page = messages(&*store, room, Page::After(0), 0, 9).await;
    assert_eq!(page[0].over.as_ref().unwrap().reactions, expected);
    assert_eq!(page[1].over, None);
    // One of the first goes: the next moves up.
    put(&*store, [unreact(room, 1, people[1], Some("👍"))]).await;
    let left = [people[0], people[2], people[3]];
    assert_eq!(sums(&*store, room, 1).await[0], tally("👍", 4, &left));
    for again in [
        unreact(room, 1, people[1], Some("👍")),
        unreact(room, 1, people[1], None),
        unreact(room, 2, people[0], None),
        Write::React(reaction(room, 1, people[0], "👍", 30)),
    ] {
        assert_eq!(commit(&*store, writes([again])).await, Outcome::Stale);
    }
    store.close().await;

    let store = place.open().await;
    let mine = store.reactions_of(room, people[4], &[2, 1]).await.unwrap();
    let mut mine: Vec<_> = mine.iter().map(|r| (r.target, r.emoji.as_str())).collect();
    mine.sort_unstable();
    assert_eq!(mine, [(1, ":tada:"), (1, "👍")]);
    put(&*store, [unreact(room, 1, people[4], None)]).await;
    assert_eq!(sums(&*store, room, 1).await, [tally("👍", 3, &left)]);
    put(&*store, left.map(|user| unreact(room, 1, user, None))).await;
    // Nothing is left of them.
    assert_eq!(store.laid_over(room, 0, 9).await.unwrap().len(), 0);
    let all = store.reactions(room, 1, None, None, 99).await.unwrap();
    assert_eq!(all, []);
}

pub(in crate::store) async fn takes_no_more_reactions_than_there_may_be(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, [message(room, 1, "a")]).await;
    let with = |i: usize| format!(":e{i}:");
    let mut seq = 10;
    let mut next = |user, i| {
        seq += 1;
        writes([Write::React(reaction(room, 1, user, &with(i), seq))])
    };
    for i in 0..Reaction::EACH {
        assert_eq!(
            commit(&*store, next(person(1), i)).await,
            Outcome::Committed
        );
    }
    let over = commit(&*store, next(person(1), 99)).await;
    assert_eq!(over, Outcome::Stale, "one person's");
    for i in Reaction::EACH..Reaction::KINDS {
        assert_eq!(
            commit(&*store, next(person(2), i)).await,
            Outcome::Committed
        );
    }
    let over = commit(&*store, next(person(3), 99)).await;
    assert_eq!(over, Outcome::Stale, "the message's");
    // What is there may be joined.
    assert_eq!(
        commit(&*store, next(person(3), 0)).await,
        Outcome::Committed
    );
    let found = sums(&*store, room, 1).await;
    assert_eq!((found.len(), found[0].count), (Reaction::KINDS, 2));
    // And one that goes makes room for another.
    put(&*store, [unreact(room, 1, person(2), Some(&with(15)))]).await;
    assert_eq!(
        commit(&*store, next(person(3), 99)).await,
        Outcome::Committed
    );
}

pub(in crate::store) async fn pages_those_who_react(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, [message(room, 1, "a"), message(room, 2, "b")]).await;
    let mut all = Vec::new();
    for (seq, n) in (10..).zip(0..60) {
        let with = if n % 3 == 0 { ":a:" } else { "👍" };
        all.push(reaction(room, 1, person(n), with, seq));
    }
    put(
        &*store,
        all.iter().cloned().map(Write::React).collect::<Vec<_>>(),
    )
    .await;
    put(
        &*store,
        [Write::React(reaction(room, 2, person(0), ":a:", 99))],
    )
    .await;
    all.sort_by(|a, b| (&a.emoji, a.seq).cmp(&(&b.emoji, b.seq)));
    for only in [
        None,
        Some(emoji("👍")),
        Some(emoji(":a:")),
        Some(emoji(":z:")),
    ] {
        let wanted = |r: &&Reaction| only.as_ref().is_none_or(|e| *e == r.emoji);
        let expected: Vec<_> = all.iter().filter(wanted).cloned().collect();
        let mut found: Vec<Reaction> = Vec::new();
        loop {
            let after = found.last().map(|r| (&r.emoji, r.seq));
            let page = store.reactions(room, 1, only.as_ref(), after, 7).await;
            let page = page.unwrap();
            assert!(page.len() <= 7);
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, expected, "{only:?}");
    }
    // However many there are, a page of messages has three of them.
    let sums = sums(&*store, room, 1).await;
    assert_eq!(sums.iter().map(|t| t.count).sum::<u64>(), 60);
    assert!(sums.iter().all(|t| t.first.len() == Reaction::SHOWN));
}

pub(in crate::store) async fn keeps_them_while_a_message_is_deleted(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, [message(room, 1, "a")]).await;
    put(
        &*store,
        [Write::React(reaction(room, 1, person(1), "👍", 10))],
    )
    .await;
    put(&*store, [Write::Delete(deletion(room, 1, 11))]).await;
    let found = store.message(room, 1).await.unwrap().unwrap();
    assert_eq!((found.payload, found.over), (Payload::Tombstone, None));
    let refused = Write::React(reaction(room, 1, person(2), "👍", 12));
    assert_eq!(commit(&*store, writes([refused])).await, Outcome::Stale);
    let restore = Write::Restore {
        room,
        target: 1,
        redaction: None,
    };
    put(&*store, [restore]).await;
    assert_eq!(sums(&*store, room, 1).await, [tally("👍", 1, &[person(1)])]);
    // Erasing is for good.
    put(&*store, [Write::Delete(deletion(room, 1, 13))]).await;
    let erase = Write::Erase {
        room,
        target: 1,
        at: NOW,
        generation: None,
        edits: 0,
    };
    put(&*store, [erase]).await;
    let all = store.reactions(room, 1, None, None, 9).await.unwrap();
    assert_eq!(all, []);
    assert_eq!(store.laid_over(room, 1, 1).await.unwrap()[&1].reactions, []);
}

pub(in crate::store) async fn erases_what_somebody_reacted_with(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, [message(room, 1, "a")]).await;
    for (seq, with) in [(2, ":secret1:"), (3, ":secret2:"), (4, "👍")] {
        let change = reacts(reaction(room, 1, person(1), with, seq), 1);
        assert_eq!(commit(&*store, change).await, Outcome::Committed);
    }
    let erase = |seq, generation| Write::EraseReaction {
        room,
        target: 1,
        on: true,
        seq,
        at: NOW,
        generation,
    };
    // A segment that was made before is noticed as one that has it.
    let (segment, bytes) = sealed(&*store, room, 1, 3).await;
    put(&*store, [erase(2, None), unreact(room, 1, person(1), None)]).await;
    let late = Write::InsertSegment(segment, bytes);
    assert_eq!(commit(&*store, writes([late])).await, Outcome::Stale);
    let (segment, bytes) = sealed(&*store, room, 1, 3).await;
    assert_eq!(segment.erased, 1);
    put(
        &*store,
        [Write::InsertSegment(segment.clone(), bytes.clone())],
    )
    .await;
    take_out(&*store, room, 3).await;
    let refused = commit(&*store, writes([erase(3, None)])).await;
    assert_eq!(refused, Outcome::Stale, "its segment has it");
    let lines = open_segment(&segment, &bytes).unwrap().into_iter();
    let lines: Vec<_> = lines
        .map(|l| if l.seq == 3 { erased(l) } else { l })
        .collect();
    assert!(lines[1..].iter().all(|l| is_erased(l) && !has_text(l)));
    let (mut without, bytes) = made(room, &lines);
    without.generation = 2;
    put(
        &*store,
        [Write::RewriteSegment(without, bytes), erase(3, Some(2))],
    )
    .await;
    let found = read(&*store, room).await.unwrap();
    let gone = Payload::Reaction {
        target: 1,
        emoji: None,
        on: true,
    };
    assert_eq!((&found[1].payload, &found[2].payload), (&gone, &gone));
    let text = format!("{found:?}");
    assert!(!text.contains("secret") && text.contains('👍'), "{text}");
    assert_eq!(sums(&*store, room, 1).await, []);
}

pub(in crate::store) async fn purges_them_with_their_messages(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(
        &*store,
        (1..=4)
            .map(|seq| message(room, seq, "a"))
            .collect::<Vec<_>>(),
    )
    .await;
    for target in [1, 2, 3] {
        let new = reaction(room, target, person(1), "👍", 10 + target);
        put(&*store, [Write::React(new)]).await;
    }
    let segment = seal(&*store, room, 1, 2).await;
    take_out(&*store, room, 2).await;
    // Archived ones are reacted to, and read with that.
    put(
        &*store,
        [Write::React(reaction(room, 1, person(2), "👍", 20))],
    )
    .await;
    let both = [tally("👍", 2, &[person(1), person(2)])];
    assert_eq!(sums(&*store, room, 1).await, both);
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
        purged_at: Some(NOW),
        size: 0,
        ..pruned.clone()
    };
    put(
        &*store,
        [Write::UpdateSegment(pruned), Write::UpdateSegment(purged)],
    )
    .await;
    for (target, left) in [(1, 0), (2, 0), (3, 1)] {
        let all = store.reactions(room, target, None, None, 9).await.unwrap();
        assert_eq!(all.len(), left, "{target}");
    }
    let over = store.laid_over(room, 0, 9).await.unwrap();
    assert_eq!(over.keys().collect::<Vec<_>>(), [&3]);
}
