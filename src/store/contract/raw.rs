//! Reading and loading all of a store, as it lies.

use super::*;
use crate::{
    id::{HoldId, RedactionId, ReportId, RunId, SessionId},
    model::{
        Actor, AddressBan, Builtin, Code, CodeKind, Deletion, Edit, Hold, HoldOn, Key, Permission,
        Permissions, Purge, Redaction, RedactionDetail, Report, ReportState, Role, RoomRules, Run,
        RunDetail, RunKind, RunState, Sanction, SanctionKind, Segment, Session,
    },
    store::raw::{Digest, Row, Table, Value},
};

/// How many records [`fill`] puts into each table, and their checksum, the same on every backend. A new field
/// changes its table's.
const SUMS: [(Table, u64, &str); 17] = [
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
        "d8b9d85fb2fe5bc8e20531a77b59ce3956da766b7e76c5f6bf92eae3ba456614",
    ),
    (
        Table::Redactions,
        1,
        "07f24ae6e9da073fc2db0721e33363625edb6acf721e3aa63dd78907203a5d3f",
    ),
    (
        Table::Members,
        4,
        "cfffb22cbe65007fa46942f2b4a479b2957e5e70c6ad1b826a12656cda28890b",
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
        "6c3589fddbc876ed5f5e17fe2b7cbd3cfe255717517b99c7f775c2b33d543dfa",
    ),
    (
        Table::Users,
        3,
        "8bf18d18dc8761cec1c3b2c066645daccc09b79229fdc5e3d6076a9f5a77ce7d",
    ),
];

fn user_id(n: u8) -> UserId {
    UserId::from_bytes([n; 16])
}

fn room_id(n: u8) -> RoomId {
    RoomId::from_bytes([n; 16])
}

fn entry_id(n: u8) -> EntryId {
    EntryId::from_bytes([n; 16])
}

/// Something in every table, with every field there and not there, and nothing by chance.
async fn fill(store: &dyn Store) {
    put(store, people()).await;
    put(store, logins()).await;
    put(store, order()).await;
    let key = Key {
        kid: "k1".into(),
        public: [5; 32],
        created_at: NOW,
        expires_at: NOW,
    };
    put(
        store,
        [
            Write::PutKey(key),
            Write::PutSetting("b".into(), "{\"x\":1}".into()),
            Write::PutSetting("a".into(), "true".into()),
        ],
    )
    .await;
    talk(store).await;
    put(store, taken_back()).await;
    put(store, archived()).await;
}

/// Two segments, of which one was purged; runs and holds.
fn archived() -> Vec<Write> {
    let run = |i: u8, finished_at| Run {
        id: RunId::from_bytes([i; 16]),
        kind: RunKind::Archive,
        state: RunState::Done,
        at: NOW,
        finished_at,
        detail: RunDetail::new(Actor::server()),
    };
    let segment = |first, last, erased| Segment {
        room: room_id(3),
        first,
        last,
        n: last,
        first_at: NOW,
        last_at: NOW,
        entries: last + 1 - first,
        messages: 1,
        erased,
        bytes: 700,
        size: 7,
        generation: 1,
        run: RunId::from_bytes([1; 16]),
        purge: None,
        purged_at: None,
        restored_at: None,
    };
    let whole = segment(301, 400, 0);
    let pruned = Segment {
        purge: Some(Purge {
            run: RunId::from_bytes([2; 16]),
            at: NOW,
        }),
        ..segment(1, 300, 1)
    };
    let purged = Segment {
        generation: 2,
        size: 0,
        purged_at: Some(NOW),
        ..pruned.clone()
    };
    let hold = |i, on, by| Hold {
        id: HoldId::from_bytes([i; 16]),
        on,
        reason: "case 7".parse().unwrap(),
        by,
        at: NOW,
    };
    vec![
        Write::PutRun(run(1, Some(NOW))),
        Write::PutRun(run(2, None)),
        Write::InsertSegment(pruned, bytes::Bytes::from_static(b"segment")),
        Write::InsertSegment(whole, bytes::Bytes::from_static(b"segment")),
        Write::UpdateSegment(purged),
        Write::PutHold(hold(1, HoldOn::Room(room_id(3)), Some(user_id(1)))),
        Write::PutHold(hold(2, HoldOn::User(user_id(9)), None)),
    ]
}

/// Messages that were deleted, one of them together with others.
fn taken_back() -> Vec<Write> {
    let redaction = Redaction {
        id: RedactionId::from_bytes([6; 16]),
        user: user_id(9),
        at: NOW,
        finished_at: Some(NOW),
        undone_at: None,
        detail: RedactionDetail {
            since: Millis(0),
            until: NOW,
            rooms: vec![room_id(3)],
            actor: Actor::server(),
            reason: Some("spam".parse().unwrap()),
            deleted: vec![(room_id(3), 1)],
        },
    };
    let deletion = |target, redaction| Deletion {
        room: room_id(3),
        target,
        seq: target + 9,
        at: NOW,
        by: Some(user_id(1)),
        redaction,
        erased_at: None,
    };
    let edit = |target, seq| {
        Write::Edit(Edit {
            room: room_id(3),
            target,
            seq,
            at: NOW,
            body: "newest 💚".into(),
        })
    };
    vec![
        edit(300, 301),
        edit(300, 302),
        edit(310, 311),
        Write::Delete(deletion(300, Some(redaction.id))),
        Write::Delete(deletion(2, None)),
        Write::Erase {
            room: room_id(3),
            target: 2,
            at: Millis(NOW.0 + 1),
            generation: None,
            edits: 0,
        },
        Write::PutRedaction(redaction),
    ]
}

/// Accounts, rooms, and who is in them.
fn people() -> Vec<Write> {
    let ana = User {
        id: user_id(1),
        display_name: Some("Ana 💚".parse().unwrap()),
        email: Some("ana@example.org".parse().unwrap()),
        email_login: true,
        password: Some("$argon2id$x".into()),
        ..user("ana")
    };
    let bob = User {
        id: user_id(200),
        email: Some("bob@example.org".parse().unwrap()),
        status: Status::Disabled,
        ..user("bob")
    };
    let eve = User {
        id: user_id(9),
        bot: true,
        ..user("eve")
    };
    let rules = RoomRules {
        slow_mode: 30,
        locked: true,
        ..RoomRules::default()
    };
    let general = Room {
        id: room_id(3),
        title: Some("Alles".parse().unwrap()),
        topic: Some("anything".parse().unwrap()),
        owner: ana.id,
        rules,
        ..room("general", RoomKind::Public)
    };
    let old = Room {
        id: room_id(2),
        owner: bob.id,
        history: History::SinceJoin,
        deleted_at: Some(NOW),
        ..room("general", RoomKind::Public)
    };
    let mut all: Vec<_> = [ana, bob, eve].map(Write::InsertUser).into();
    all.extend([general, old].map(Write::InsertRoom));
    let members = [(3, 1), (3, 200), (2, 200), (3, 9)];
    let members = members.map(|(room, user)| member(room_id(room), user_id(user)));
    all.extend(members.map(Write::PutMember));
    all
}

/// Sessions and codes.
fn logins() -> Vec<Write> {
    let session = |n: u8| Session {
        id: SessionId::from_bytes([n; 16]),
        user: user_id(1),
        device: None,
        address: None,
        created_at: NOW,
        used_at: NOW,
        expires_at: Millis(NOW.0 + 1),
        ended_at: None,
        anchor: [n; 32],
        current: [2; 32],
        previous: None,
        seed: [4; 32],
        rotated_at: NOW,
        version: 7,
        scopes: None,
    };
    let whole = Session {
        device: Some("laptop".parse().unwrap()),
        address: Some("192.0.2.1".into()),
        ended_at: Some(NOW),
        previous: Some([3; 32]),
        scopes: Some(Permissions::of(&[
            Permission::MessageSend,
            Permission::UserRead,
        ])),
        ..session(6)
    };
    let code = |n: u8| Code {
        hash: [n; 32],
        kind: CodeKind::Claim,
        user: None,
        role: Builtin::Moderator.into(),
        room: None,
        uses: 1,
        by: None,
        created_at: NOW,
        expires_at: NOW,
    };
    let whole_code = Code {
        user: Some(user_id(1)),
        room: Some(room_id(3)),
        uses: 40,
        by: Some(user_id(200)),
        ..code(8)
    };
    let mut all: Vec<_> = [whole, session(250)].map(Write::InsertSession).into();
    all.extend([whole_code, code(1)].map(Write::InsertCode));
    all
}

/// Roles, and what keeps order.
fn order() -> Vec<Write> {
    let sanction = |room, user, kind| Sanction {
        kind,
        user: user_id(user),
        room,
        until: None,
        reason: None,
        by: None,
        at: NOW,
    };
    let (there, kinds) = (Some(room_id(3)), [SanctionKind::Mute, SanctionKind::Ban]);
    let mut all = Vec::new();
    for (room, user) in [(None, 9), (None, 200), (there, 9), (Some(room_id(2)), 1)] {
        all.extend(kinds.map(|kind| Write::PutSanction(sanction(room, user, kind))));
    }
    let whole = Sanction {
        until: Some(NOW),
        reason: Some("spam".parse().unwrap()),
        by: Some(user_id(1)),
        ..sanction(there, 200, SanctionKind::Mute)
    };
    all.push(Write::PutSanction(whole));
    let role = |name: &str, description: Option<&str>, permissions| Role {
        name: name.parse().unwrap(),
        description: description.map(|text| text.parse().unwrap()),
        permissions,
        created_at: NOW,
    };
    let some = Permissions::of(&[Permission::UserRead, Permission::AuditRead]);
    all.push(Write::PutRole(role("helper", Some("Helps"), some)));
    all.push(Write::PutRole(role("nothing", None, Permissions::of(&[]))));
    let ban = |network: &str| AddressBan {
        network: network.parse().unwrap(),
        until: None,
        reason: None,
        by: None,
        at: NOW,
    };
    let whole = AddressBan {
        until: Some(NOW),
        reason: Some("floods".parse().unwrap()),
        by: Some(user_id(1)),
        ..ban("2001:db8::/32")
    };
    all.extend([ban("192.0.2.0/24"), whole].map(Write::PutAddressBan));
    let report = |n: u8| Report {
        id: ReportId::from_bytes([n; 16]),
        room: room_id(3),
        seq: 1,
        message: entry_id(100),
        author: None,
        by: user_id(n),
        reason: "rude".parse().unwrap(),
        at: NOW,
        state: ReportState::Open,
        resolution: None,
        resolved_by: None,
        resolved_at: None,
    };
    let whole = Report {
        author: Some(user_id(1)),
        state: ReportState::Resolved,
        resolution: Some("spoken to".parse().unwrap()),
        resolved_by: Some(user_id(1)),
        resolved_at: Some(NOW),
        ..report(200)
    };
    all.extend([whole, report(9)].map(Write::InsertReport));
    all
}

/// Three entries in each kind of log.
async fn talk(store: &dyn Store) {
    let mut id = 100;
    let mut next = |entry: Entry| {
        id += 1;
        Entry {
            id: entry_id(id),
            ..entry
        }
    };
    let unknown = Payload::Unknown {
        kind: "hologram".into(),
        data: "{ \"x\" :1.0,  \"ü\":[] }".into(),
    };
    for log in [
        LogId::Room(room_id(3)),
        LogId::User(user_id(1)),
        LogId::Control,
    ] {
        let said = next(said(log, 2, user_id(1), "said"));
        let strange = Entry {
            n: 2,
            payload: unknown.clone(),
            ..message(log, 3, "")
        };
        let list = [
            next(message(log, 1, "hello\n\u{1f49a}")),
            said,
            next(strange),
        ];
        append(store, list).await;
    }
}

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
