//! Something in every table, with every field there and not there.

use super::*;

pub(super) fn user_id(n: u8) -> UserId {
    UserId::from_bytes([n; 16])
}

pub(super) fn room_id(n: u8) -> RoomId {
    RoomId::from_bytes([n; 16])
}

pub(super) fn entry_id(n: u8) -> EntryId {
    EntryId::from_bytes([n; 16])
}

fn file_id(n: u8) -> FileId {
    FileId::from_bytes([n; 16])
}

/// Something in every table, with every field there and not there, and nothing by chance.
pub(super) async fn fill(store: &dyn Store) {
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
    put(store, uploads()).await;
    put(store, archived()).await;
}

/// Two segments, of which one was purged; runs and holds.
pub(super) fn archived() -> Vec<Write> {
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
pub(super) fn taken_back() -> Vec<Write> {
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
    let react = |user, emoji: &str, seq| {
        Write::React(Reaction {
            room: room_id(3),
            target: 310,
            emoji: emoji.parse().unwrap(),
            seq,
            user: user_id(user),
            at: NOW,
        })
    };
    let pin = |target, seq| {
        let (by, at) = (user_id(1), NOW);
        Write::Pin(Pin {
            room: room_id(3),
            target,
            pinned: Pinned { seq, by, at },
        })
    };
    let reply = |target, seq| Write::Reply {
        room: room_id(3),
        target,
        seq,
        at: NOW,
    };
    let mention = |user, message| {
        Write::Mention(Mention {
            user,
            message: entry_id(message),
            room: room_id(3),
            seq: 310,
            by: user.map(|_| user_id(200)),
        })
    };
    vec![
        mention(Some(user_id(1)), 40),
        mention(None, 41),
        reply(310, 313),
        reply(310, 314),
        pin(310, 312),
        react(1, "👍", 303),
        react(200, "👍", 304),
        react(200, ":party:", 305),
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

/// Files: an image of a message, one that is attached to nothing, and one that is to go.
pub(super) fn uploads() -> Vec<Write> {
    let file = |i: u8| File {
        id: file_id(i),
        owner: user_id(1),
        name: "notes.txt".parse().unwrap(),
        media: "text/plain".into(),
        size: 5,
        sha256: [i; 32],
        pixels: None,
        at: NOW,
        place: None,
        gone_at: None,
    };
    let image = File {
        name: "Ana 💚.png".parse().unwrap(),
        media: "image/png".into(),
        size: 70_000,
        pixels: Some((640, 480)),
        ..file(1)
    };
    vec![
        Write::InsertFile(image),
        Write::InsertFile(file(2)),
        Write::InsertFile(file(200)),
        Write::AttachFile {
            id: file_id(1),
            owner: user_id(1),
            room: room_id(3),
            seq: 310,
        },
        Write::DropFile {
            id: file_id(200),
            place: None,
            at: NOW,
        },
    ]
}

/// Accounts, rooms, and who is in them.
pub(super) fn people() -> Vec<Write> {
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
        presence: false,
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
        people: vec![user_id(1), user_id(9)],
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
    let upto = Marker { seq: 7, n: 5 };
    all.push(Write::Read(vec![Read {
        room: room_id(3),
        user: user_id(9),
        upto,
    }]));
    all
}

/// Sessions and codes.
pub(super) fn logins() -> Vec<Write> {
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
pub(super) fn order() -> Vec<Write> {
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
pub(super) async fn talk(store: &dyn Store) {
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
