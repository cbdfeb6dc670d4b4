//! Rooms and who is in them.

use std::{cell::Cell, collections::BTreeSet};

use super::*;
use crate::{
    model::{MoveOn, Read},
    store::{RoomRow, Scope},
};

pub(in crate::store) async fn keeps_public_names_unique(place: &impl Place) {
    let store = place.open().await;
    let public = room("general", RoomKind::Public);
    let private = [(); 2].map(|()| room("general", RoomKind::Private));
    let all = [&public, &private[0], &private[1]].map(|room| Write::InsertRoom(room.clone()));
    put(&*store, all).await;

    let exists = Outcome::Exists("room name");
    let second = Write::InsertRoom(room("general", RoomKind::Public));
    assert_eq!(commit(&*store, writes([second])).await, exists);
    let opened = Room {
        kind: RoomKind::Public,
        ..private[0].clone()
    };
    let open = writes([Write::UpdateRoom(opened.clone())]);
    assert_eq!(commit(&*store, open.clone()).await, exists);
    let missing = writes([Write::UpdateRoom(room("other", RoomKind::Public))]);
    assert_eq!(commit(&*store, missing).await, Outcome::Stale);

    let name = &public.name;
    assert_eq!(store.public_room(name).await.unwrap(), Some(public.id));
    assert_eq!(store.all_rooms_named(name).await.unwrap().len(), 3);

    let deleted = Room {
        deleted_at: Some(NOW),
        ..public.clone()
    };
    put(&*store, [Write::UpdateRoom(deleted.clone())]).await;
    assert_eq!(store.public_room(name).await.unwrap(), None);
    assert_eq!(store.all_rooms_named(name).await.unwrap().len(), 2);
    assert_eq!(
        store.load_room(public.id).await.unwrap().unwrap().room,
        deleted
    );
    assert_eq!(
        commit(&*store, open).await,
        Outcome::Committed,
        "the name is free"
    );
    assert_eq!(store.public_room(name).await.unwrap(), Some(opened.id));
}

pub(in crate::store) async fn loads_a_room_whole(place: &impl Place) {
    let store = place.open().await;
    let room = Room {
        title: Some("General".parse().unwrap()),
        topic: Some("This and that".parse().unwrap()),
        history: History::SinceJoin,
        ..room("general", RoomKind::Private)
    };
    let (ana, ben) = (UserId::new(NOW), UserId::new(NOW));
    let created = Change {
        entries: vec![message(room.id, 1, "one"), message(room.id, 2, "two")],
        writes: vec![
            Write::InsertRoom(room.clone()),
            Write::PutMember(member(room.id, ana)),
            Write::PutMember(member(room.id, ben)),
        ],
    };
    assert_eq!(commit(&*store, created).await, Outcome::Committed);
    let promoted = Member {
        role: RoomRole::Owner,
        ..member(room.id, ana)
    };
    put(
        &*store,
        [
            Write::PutMember(promoted),
            Write::DeleteMember(room.id, ben),
            Write::DeleteMember(room.id, UserId::new(NOW)),
        ],
    )
    .await;

    let state = store.load_room(room.id).await.unwrap().unwrap();
    assert_eq!(state.room, room);
    assert_eq!(state.members, [promoted]);
    assert_eq!(state.head, store.head(room.id.into()).await.unwrap());
    assert_eq!(state.head.seq, 2);
    assert_eq!(store.load_room(RoomId::new(NOW)).await.unwrap(), None);
    assert_eq!(store.room_ids_of(ana).await.unwrap(), [room.id]);
    assert_eq!(store.room_ids_of(ben).await.unwrap(), []);
    let read = (room.id, room.history, promoted.since);
    assert_eq!(store.histories_of(ana).await.unwrap(), [read]);
    assert_eq!(store.histories_of(ben).await.unwrap(), []);
}

pub(in crate::store) async fn loads_a_room_as_it_was_at_one_moment(place: &impl Place) {
    let store = place.open().await;
    let room = room("general", RoomKind::Public);
    put(&*store, [Write::InsertRoom(room.clone())]).await;
    let seen_enough = Cell::new(false);
    // Everybody who comes in is one entry and one member.
    let join = async {
        for seq in (1..).take_while(|_| !seen_enough.get()) {
            let came = Change {
                entries: vec![message(room.id, seq, "came in")],
                writes: vec![Write::PutMember(member(room.id, UserId::new(NOW)))],
            };
            assert_eq!(commit(&*store, came).await, Outcome::Committed);
        }
    };
    let watch = async {
        let mut states = BTreeSet::new();
        while states.len() < 20 {
            let state = store.load_room(room.id).await.unwrap().unwrap();
            assert_eq!(state.members.len() as u64, state.head.seq);
            states.insert(state.head.seq);
        }
        seen_enough.set(true);
    };
    tokio::join!(join, watch);
}

/// Reads a list two at a time, as a client would.
async fn pages(store: &dyn Store, scope: Scope) -> Vec<RoomRow> {
    let mut all: Vec<RoomRow> = Vec::new();
    loop {
        let after = all.last().map(|row| (row.room.name.clone(), row.room.id));
        let after = after.as_ref().map(|(name, id)| (name, *id));
        let page = store.list_rooms(scope, after, 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub(in crate::store) async fn lists_rooms_in_every_scope(place: &impl Place) {
    let store = place.open().await;
    let (ana, ben) = (UserId::new(NOW), UserId::new(NOW));
    let mut same = [(); 3].map(|()| room("same", RoomKind::Private));
    same.sort_by_key(|room| room.id);
    let general = room("general", RoomKind::Public);
    let zoo = room("zoo", RoomKind::Public);
    let gone = Room {
        deleted_at: Some(NOW),
        ..room("gone", RoomKind::Public)
    };
    let rooms = [&zoo, &same[2], &same[0], &same[1], &general, &gone];
    put(&*store, rooms.map(|room| Write::InsertRoom(room.clone()))).await;
    let memberships = [
        (&zoo, ana),
        (&same[0], ana),
        (&same[1], ana),
        (&same[2], ana),
        (&gone, ana),
    ];
    put(
        &*store,
        memberships.map(|(room, user)| Write::PutMember(member(room.id, user))),
    )
    .await;
    put(&*store, [Write::PutMember(member(zoo.id, ben))]).await;
    append(&*store, [message(zoo.id, 1, "roar")]).await;

    let row = |room: &Room, of: Option<UserId>, members| RoomRow {
        room: room.clone(),
        member: of.map(|user| member(room.id, user)),
        members,
        head: crate::model::Head::default(),
    };
    let head = store.head(zoo.id.into()).await.unwrap();
    let zoo_row = |of| RoomRow {
        head,
        ..row(&zoo, of, 2)
    };
    let [a, b, c] = &same;
    let mine = [a, b, c].map(|room| row(room, Some(ana), 1));
    let of_ana: Vec<_> = mine.iter().cloned().chain([zoo_row(Some(ana))]).collect();
    assert_eq!(pages(&*store, Scope::Of(ana)).await, of_ana);
    assert_eq!(pages(&*store, Scope::Of(ben)).await, [zoo_row(Some(ben))]);
    let public = [row(&general, None, 0), zoo_row(Some(ana))];
    assert_eq!(pages(&*store, Scope::Public(ana)).await, public);
    let all: Vec<_> = [
        row(&general, None, 0),
        row(a, None, 1),
        row(b, None, 1),
        row(c, None, 1),
    ]
    .into_iter()
    .chain([zoo_row(None)])
    .collect();
    assert_eq!(pages(&*store, Scope::All).await, all);

    assert_eq!(
        store.rooms_named(ana, &a.name).await.unwrap().len(),
        2,
        "two tell that it is not one"
    );
    assert_eq!(store.rooms_named(ana, &zoo.name).await.unwrap(), [zoo.id]);
    assert_eq!(store.rooms_named(ben, &a.name).await.unwrap(), []);
    let mut ids = store.room_ids_of(ana).await.unwrap();
    ids.sort();
    let mut expected = [a.id, b.id, c.id, zoo.id];
    expected.sort();
    assert_eq!(ids, expected, "nobody is in a deleted room");
}

pub(in crate::store) async fn lists_members_by_name(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let users = ["ana", "ben", "cat", "dan", "eve"].map(user);
    for user in users.iter().rev() {
        put(
            &*store,
            [
                Write::InsertUser(user.clone()),
                Write::PutMember(member(room, user.id)),
            ],
        )
        .await;
    }
    put(
        &*store,
        [
            Write::DeleteMember(room, users[1].id),
            Write::InsertUser(user("not-in")),
        ],
    )
    .await;
    let row = |i: usize| (member(room, users[i].id), users[i].clone());
    assert_eq!(
        store.list_members(room, None, 2).await.unwrap(),
        [row(0), row(2)]
    );
    let after = Some(&users[2].name);
    assert_eq!(
        store.list_members(room, after, 9).await.unwrap(),
        [row(3), row(4)]
    );
    assert_eq!(
        store.list_members(RoomId::new(NOW), None, 9).await.unwrap(),
        []
    );
}

pub(in crate::store) async fn keeps_how_far_members_have_read(place: &impl Place) {
    let marker = |seq| Marker { seq, n: seq - 1 };
    let store = place.open().await;
    let room = room("general", RoomKind::Private);
    let (ana, ben, cat) = (UserId::new(NOW), UserId::new(NOW), UserId::new(NOW));
    let new = |user| Member {
        read: marker(3),
        ..member(room.id, user)
    };
    let mut all = vec![Write::InsertRoom(room.clone())];
    all.extend([ana, ben].map(|user| Write::PutMember(new(user))));
    put(&*store, all).await;
    let read = |user, seq| Read {
        room: room.id,
        user,
        upto: marker(seq),
    };
    // One who is not there makes no difference to the others, and does not come in by it.
    put(
        &*store,
        [Write::Read(vec![read(cat, 9), read(ben, 7), read(ana, 5)])],
    )
    .await;
    put(&*store, [Write::Read(Vec::new())]).await;
    // Those are moved on who are in the stretch, or the one of them who is meant, and nobody back.
    let on = |from, seq, user| {
        Write::MoveOn(MoveOn {
            room: room.id,
            from,
            upto: marker(seq),
            user,
        })
    };
    for (change, anas, bens) in [
        (on(6, 7, None), 5, 7),
        (on(2, 5, None), 5, 7),
        (on(0, 6, Some(cat)), 5, 7),
        (on(0, 6, Some(ben)), 5, 7),
        (on(6, 9, Some(ana)), 5, 7),
        (on(5, 6, Some(ana)), 6, 7),
        (on(6, 8, None), 8, 8),
        (on(0, 3, None), 8, 8),
    ] {
        put(&*store, [change]).await;
        let found = store.load_room(room.id).await.unwrap().unwrap();
        let at = |user| {
            let of = found.members.iter().find(|m| m.user == user);
            of.map(|m| m.read)
        };
        assert_eq!((at(ana), at(ben)), (Some(marker(anas)), Some(marker(bens))));
    }
    put(&*store, [Write::Read(vec![read(ben, 7), read(ana, 5)])]).await;
    // It can go back, and is none of a role's business.
    let promoted = Member {
        role: RoomRole::Owner,
        ..new(ana)
    };
    put(
        &*store,
        [Write::Read(vec![read(ben, 1)]), Write::PutMember(promoted)],
    )
    .await;
    store.close().await;
    drop(store);

    let store = place.open().await;
    let with = |member: Member, seq| Member {
        read: marker(seq),
        ..member
    };
    let mut members = [with(promoted, 5), with(new(ben), 1)];
    members.sort_by_key(|m| m.user);
    let state = store.load_room(room.id).await.unwrap().unwrap();
    assert_eq!(state.members, members);
    let mine = store.list_rooms(Scope::Of(ana), None, 9).await.unwrap();
    assert_eq!(mine[0].member, Some(with(promoted, 5)));
    // Whoever comes again begins anew.
    let again = [
        Write::DeleteMember(room.id, ana),
        Write::PutMember(new(ana)),
    ];
    put(&*store, again).await;
    let state = store.load_room(room.id).await.unwrap().unwrap();
    assert!(state.members.contains(&new(ana)), "{:?}", state.members);
}
