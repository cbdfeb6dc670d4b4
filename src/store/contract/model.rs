//! Any sequence of batches leaves a store as it leaves a few maps in memory.

mod maps;

use std::collections::{BTreeMap, HashSet};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};

use self::maps::Model;
use super::{
    moderation::{report, sanction},
    *,
};
use crate::{
    id::{RedactionId, ReportId, SessionId},
    model::{
        Code, CodeKind, Deletion, Edit, Emoji, MoveOn, Pin, Pinned, Reaction, Read, Report,
        Sanction, SanctionKind, Session, Tally,
    },
};

/// How many of each thing there are to act on: few, so that acts meet.
const FEW: u8 = 3;

/// One entry or write of a change, with small numbers for who and what.
#[derive(Clone, Debug)]
enum Step {
    /// The number is right, unless `off`.
    Append {
        log: u8,
        off: bool,
        from: u8,
        txn: Option<u8>,
    },
    User {
        new: bool,
        id: u8,
        name: u8,
        email: Option<u8>,
    },
    Room {
        new: bool,
        id: u8,
        name: u8,
        public: bool,
        deleted: bool,
    },
    Member {
        out: bool,
        room: u8,
        user: u8,
    },
    Read {
        room: u8,
        user: u8,
        seq: u8,
    },
    MoveOn {
        room: u8,
        from: u8,
        upto: u8,
        user: Option<u8>,
    },
    Session {
        new: bool,
        id: u8,
        user: u8,
        version: u8,
    },
    EndSessions {
        user: u8,
        except: Option<u8>,
    },
    Code {
        take: bool,
        hash: u8,
    },
    Setting {
        name: u8,
        value: u8,
    },
    Sanction {
        lift: bool,
        room: Option<u8>,
        user: u8,
        ban: bool,
    },
    Report {
        id: u8,
        seq: u8,
    },
    Edit {
        target: u8,
        seq: u8,
    },
    React {
        target: u8,
        user: u8,
        emoji: u8,
    },
    Unreact {
        target: u8,
        user: u8,
        emoji: Option<u8>,
    },
    Reply {
        target: u8,
    },
    Pin {
        target: u8,
        on: bool,
    },
    Delete {
        target: u8,
        redaction: Option<u8>,
    },
    Restore {
        target: u8,
        redaction: Option<u8>,
    },
    Erase {
        target: u8,
        edits: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let few = || 0..FEW;
    let off = proptest::bool::weighted(0.1);
    let maybe = || proptest::option::of(0..FEW);
    prop_oneof![
        6 => (few(), off, few(), maybe())
            .prop_map(|(log, off, from, txn)| Step::Append { log, off, from, txn }),
        2 => (any::<bool>(), few(), few(), maybe())
            .prop_map(|(new, id, name, email)| Step::User { new, id, name, email }),
        2 => (any::<bool>(), few(), few(), any::<bool>(), any::<bool>()).prop_map(
            |(new, id, name, public, deleted)| Step::Room { new, id, name, public, deleted }
        ),
        1 => (any::<bool>(), few(), few())
            .prop_map(|(out, room, user)| Step::Member { out, room, user }),
        1 => (few(), few(), few()).prop_map(|(room, user, seq)| Step::Read { room, user, seq }),
        1 => (few(), few(), few(), maybe())
            .prop_map(|(room, from, upto, user)| Step::MoveOn { room, from, upto, user }),
        2 => (any::<bool>(), few(), few(), 1..4u8)
            .prop_map(|(new, id, user, version)| Step::Session { new, id, user, version }),
        1 => (few(), maybe()).prop_map(|(user, except)| Step::EndSessions { user, except }),
        1 => (any::<bool>(), few()).prop_map(|(take, hash)| Step::Code { take, hash }),
        1 => (few(), few()).prop_map(|(name, value)| Step::Setting { name, value }),
        2 => (any::<bool>(), maybe(), few(), any::<bool>())
            .prop_map(|(lift, room, user, ban)| Step::Sanction { lift, room, user, ban }),
        1 => (few(), few()).prop_map(|(id, seq)| Step::Report { id, seq }),
        2 => (few(), few()).prop_map(|(target, seq)| Step::Edit { target, seq }),
        4 => (few(), few(), few())
            .prop_map(|(target, user, emoji)| Step::React { target, user, emoji }),
        2 => (few(), few(), maybe())
            .prop_map(|(target, user, emoji)| Step::Unreact { target, user, emoji }),
        1 => few().prop_map(|target| Step::Reply { target }),
        2 => (few(), any::<bool>()).prop_map(|(target, on)| Step::Pin { target, on }),
        2 => (few(), maybe()).prop_map(|(target, redaction)| Step::Delete { target, redaction }),
        1 => (few(), maybe()).prop_map(|(target, redaction)| Step::Restore { target, redaction }),
        1 => (few(), few()).prop_map(|(target, edits)| Step::Erase { target, edits }),
    ]
}

fn log_id(i: u8) -> LogId {
    match i {
        0 => LogId::Control,
        1 => LogId::User(UserId::from_bytes([1; 16])),
        _ => LogId::Room(the_room()),
    }
}

/// The one whose log is written to.
fn the_room() -> RoomId {
    RoomId::from_bytes([1; 16])
}

fn the_emoji(i: u8) -> Emoji {
    format!(":e{i}:").parse().unwrap()
}

fn redaction_id(i: u8) -> RedactionId {
    RedactionId::from_bytes([i; 16])
}

#[expect(clippy::too_many_lines, reason = "an arm for each step")]
fn write_of(step: &Step, number: u64) -> Option<Write> {
    let user_id = |i: u8| UserId::from_bytes([i; 16]);
    let room_id = |i: u8| RoomId::from_bytes([i; 16]);
    let session_id = |i: u8| SessionId::from_bytes([i; 16]);
    Some(match *step {
        Step::Append { .. } => return None,
        Step::User {
            new,
            id,
            name,
            email,
        } => {
            let user = User {
                id: user_id(id),
                email: email.map(|i| format!("{i}@example.org").parse().unwrap()),
                email_login: name > 0,
                ..user(&format!("user{name}"))
            };
            if new {
                Write::InsertUser(user)
            } else {
                Write::UpdateUser(user)
            }
        }
        Step::Room {
            new,
            id,
            name,
            public,
            deleted,
        } => {
            let kind = if public {
                RoomKind::Public
            } else {
                RoomKind::Private
            };
            let room = Room {
                id: room_id(id),
                deleted_at: deleted.then_some(NOW),
                ..room(&format!("room{name}"), kind)
            };
            if new {
                Write::InsertRoom(room)
            } else {
                Write::UpdateRoom(room)
            }
        }
        Step::Member {
            out: true,
            room,
            user,
        } => Write::DeleteMember(room_id(room), user_id(user)),
        Step::Member {
            out: false,
            room,
            user,
        } => Write::PutMember(member(room_id(room), user_id(user))),
        Step::Read { room, user, seq } => Write::Read(vec![Read {
            room: room_id(room),
            user: user_id(user),
            upto: Marker {
                seq: seq.into(),
                n: seq.into(),
            },
        }]),
        Step::MoveOn {
            room,
            from,
            upto,
            user,
        } => Write::MoveOn(MoveOn {
            room: room_id(room),
            from: from.into(),
            upto: Marker {
                seq: upto.into(),
                n: upto.into(),
            },
            user: user.map(user_id),
        }),
        Step::Session {
            new,
            id,
            user,
            version,
        } => {
            let session = Session {
                id: session_id(id),
                user: user_id(user),
                device: None,
                address: None,
                created_at: NOW,
                used_at: NOW,
                expires_at: NOW,
                ended_at: None,
                anchor: [id; 32],
                current: [version; 32],
                previous: None,
                seed: [0; 32],
                rotated_at: NOW,
                version: u64::from(version),
                scopes: None,
            };
            if new {
                Write::InsertSession(session)
            } else {
                Write::UpdateSession(session)
            }
        }
        Step::EndSessions { user, except } => Write::EndSessions {
            user: user_id(user),
            except: except.map(session_id),
            at: NOW,
        },
        Step::Code { take: true, hash } => Write::TakeCode([hash; 32]),
        Step::Code { take: false, hash } => Write::InsertCode(Code {
            hash: [hash; 32],
            kind: CodeKind::Invite,
            user: None,
            role: Builtin::Member.into(),
            room: None,
            uses: u32::from(hash % 2) + 1,
            by: None,
            created_at: NOW,
            expires_at: NOW,
        }),
        Step::Edit { .. } | Step::Delete { .. } | Step::Restore { .. } | Step::Erase { .. } => {
            overlay_of(step)
        }
        Step::React {
            target,
            user,
            emoji,
        } => Write::React(Reaction {
            room: the_room(),
            target: u64::from(target) + 1,
            emoji: the_emoji(emoji),
            seq: number,
            user: user_id(user),
            at: NOW,
        }),
        Step::Unreact {
            target,
            user,
            emoji,
        } => Write::Unreact {
            room: the_room(),
            target: u64::from(target) + 1,
            user: user_id(user),
            emoji: emoji.map(the_emoji),
        },
        Step::Reply { target } => Write::Reply {
            room: the_room(),
            target: u64::from(target) + 1,
            seq: number,
            at: NOW,
        },
        Step::Pin { target, on: true } => Write::Pin(Pin {
            room: the_room(),
            target: u64::from(target) + 1,
            pinned: Pinned {
                seq: number,
                by: user_id(1),
                at: NOW,
            },
        }),
        Step::Pin { target, .. } => Write::Unpin {
            room: the_room(),
            target: u64::from(target) + 1,
        },
        Step::Setting { name, value } => Write::PutSetting(name.to_string(), value.to_string()),
        Step::Sanction {
            lift,
            room,
            user,
            ban,
        } => {
            let kind = if ban {
                SanctionKind::Ban
            } else {
                SanctionKind::Mute
            };
            let (user, room) = (user_id(user), room.map(room_id));
            if lift {
                Write::DeleteSanction { kind, user, room }
            } else {
                Write::PutSanction(sanction(kind, user, room))
            }
        }
        Step::Report { id, seq } => Write::InsertReport(Report {
            id: ReportId::from_bytes([id; 16]),
            ..report(room_id(1), u64::from(seq), user_id(1))
        }),
    })
}

fn overlay_of(step: &Step) -> Write {
    match *step {
        Step::Delete { target, redaction } => Write::Delete(Deletion {
            redaction: redaction.map(redaction_id),
            ..deletions::deletion(the_room(), u64::from(target) + 1, 9)
        }),
        Step::Restore { target, redaction } => Write::Restore {
            room: the_room(),
            target: u64::from(target) + 1,
            redaction: redaction.map(redaction_id),
        },
        Step::Edit { target, seq } => Write::Edit(Edit {
            room: the_room(),
            target: u64::from(target) + 1,
            seq: u64::from(seq) + 9,
            at: NOW,
            body: format!("text {seq}"),
        }),
        Step::Erase { target, edits } => Write::Erase {
            room: the_room(),
            target: u64::from(target) + 1,
            at: NOW,
            generation: None,
            edits: usize::from(edits),
        },
        _ => unreachable!("not about the overlay"),
    }
}

/// Everything of the model that the store can be asked for.
async fn assert_same(store: &dyn Store, model: &Model) {
    for i in 0..FEW {
        let log = log_id(i);
        let entries = model.logs.get(&log).cloned().unwrap_or_default();
        let entries: Vec<_> = entries.iter().map(|e| model.shown(e)).collect();
        assert_eq!(store.head(log).await.unwrap().seq, entries.len() as u64);
        assert_eq!(read(store, log).await.unwrap(), entries);

        let user = UserId::from_bytes([i; 16]);
        let users: Vec<_> = model.users.get(&user).into_iter().cloned().collect();
        assert_eq!(store.users(&[user]).await.unwrap(), users);
        let room = RoomId::from_bytes([i; 16]);
        let state = store.load_room(room).await.unwrap();
        assert_eq!(state.as_ref().map(|s| &s.room), model.rooms.get(&room));
        if let Some(state) = state {
            let of_room = model.members.range((room, UserId::from_bytes([0; 16]))..);
            let members: Vec<_> = of_room
                .map(|(_, m)| *m)
                .take_while(|m| m.room == room)
                .collect();
            assert_eq!(state.members, members);
        }
        let target = u64::from(i) + 1;
        let found = store.deletion(the_room(), target).await.unwrap();
        let known = model.deletions.get(&(the_room(), target)).copied();
        assert_eq!(found, known);
        let laid = store.laid_over(the_room(), target, target).await.unwrap();
        let laid = laid.get(&target).cloned().unwrap_or_default();
        let edits = model.edits.get(&(the_room(), target));
        assert_eq!(laid.deleted, known.is_some());
        assert_eq!((laid.body, laid.edits), edits.cloned().unwrap_or_default());
        assert_eq!(laid.reactions, model.sums((the_room(), target)));
        let answers = model
            .replies
            .get(&(the_room(), target))
            .cloned()
            .unwrap_or_default();
        let found = store.replies(the_room(), target, 0, 1_000).await.unwrap();
        assert_eq!(found, answers);
        let thread = laid.thread.map_or((0, None), |t| (t.count, Some(t.last)));
        assert_eq!(thread, (answers.len() as u64, answers.last().copied()));
        let pinned = model.pins.get(&(the_room(), target)).copied();
        assert_eq!(laid.pinned.map(|p| p.seq), pinned);
        let of = model.deletions.values().copied();
        let of = of.filter(|d| d.redaction == Some(redaction_id(i)));
        let found = store.deletions_of(redaction_id(i), None, 10).await.unwrap();
        assert_eq!(found, of.collect::<Vec<_>>());
        let session = SessionId::from_bytes([i; 16]);
        let stored = store.session(session).await.unwrap();
        assert_eq!(stored.as_ref(), model.sessions.get(&session));
        let hash = [i; 32];
        assert_eq!(
            store.code(&hash).await.unwrap().as_ref(),
            model.codes.get(&hash)
        );
        let everywhere = store.sanctions(None, None, 100).await.unwrap();
        let kept = model.sanctions.values().filter(|s| s.room.is_none());
        assert_eq!(everywhere, kept.cloned().collect::<Vec<_>>());
        let in_room = store.sanctions(Some(room), None, 100).await.unwrap();
        let kept = model.sanctions.values().filter(|s| s.room == Some(room));
        assert_eq!(in_room, kept.cloned().collect::<Vec<_>>());
        let report = ReportId::from_bytes([i; 16]);
        let stored = store.report(report).await.unwrap();
        assert_eq!(stored.as_ref(), model.reports.get(&report));
        let name = i.to_string();
        assert_eq!(
            store.setting(&name).await.unwrap().as_ref(),
            model.settings.get(&name)
        );
    }
}

/// What is pinned, the last first.
async fn assert_pinned(store: &dyn Store, model: &Model) {
    let pins = model.pins.iter().map(|((_, target), seq)| (*seq, *target));
    let mut pins: Vec<_> = pins.collect();
    pins.sort_unstable_by(|a, b| b.cmp(a));
    let pins: Vec<_> = pins.into_iter().map(|(_, target)| target).collect();
    assert_eq!(store.pins(the_room()).await.unwrap(), pins);
}

/// Those whose text is still there.
async fn assert_unerased(store: &dyn Store, model: &Model) {
    let mut found = store.unerased(Millis(0), NOW, 10).await.unwrap();
    found.sort_by_key(|d| d.target);
    let known = model.deletions.values().copied();
    let known: Vec<_> = known.filter(|d| d.erased_at.is_none()).collect();
    assert_eq!(found, known);
}

pub(in crate::store) fn equals_the_model<P: Place>(place: impl Fn() -> Option<P>) {
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let changes = vec(vec(step(), 1..4), 1..6);
    let checked = TestRunner::new(config).run(&vec(changes, 1..8), |batches| {
        runtime.block_on(async {
            let Some(place) = place() else { return Ok(()) };
            let store = place.open().await;
            let mut model = Model::default();
            for steps in batches {
                let mut planned = BTreeMap::new();
                let batch: Vec<_> = steps.iter().map(|s| model.plan(s, &mut planned)).collect();
                let expected = model.commit(&batch);
                prop_assert_eq!(store.commit(batch.into()).await.unwrap(), expected);
            }
            assert_same(&*store, &model).await;
            assert_unerased(&*store, &model).await;
            assert_pinned(&*store, &model).await;
            store.close().await;
            Ok(())
        })
    });
    if let Err(e) = checked {
        panic!("{e}");
    }
}
