//! The appender under faults that a real store shows seldom: an answer that is lost after the commit, a store
//! that is away for a while, reads that are late.

mod authority;
mod faulty;

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use self::faulty::Faulty;
use super::*;
use crate::{
    clock::Millis,
    feed::Feeds,
    hub::{Attached, Connection, Outbox, Position},
    id::{BootId, ConnId, SessionId},
    model::{
        Body, Builtin, History, Marker, Member, Payload, Permissions, RoleName, Room, RoomKind,
        RoomName, RoomRole, RoomRules, Sanction, SanctionKind, Session, Status, Txn, User,
        Username,
    },
    stats::Count,
    store::{
        Change, Write,
        sqlite::{Options, Sqlite},
    },
};

struct House {
    log: Log,
    hub: Arc<Hub>,
    store: Arc<Faulty>,
    clock: Clock,
    ana: UserId,
    room: RoomId,
    _dir: tempfile::TempDir,
}

/// A log over a store with one user in one room; nothing of it is in memory.
async fn house() -> House {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Millis(1_000));
    let options = Options {
        path: dir.path().join("chatd.db"),
        max_size: None,
        min_free: 0,
        readers: 2,
        clock: clock.clone(),
    };
    let inner = Sqlite::open(options).unwrap();
    let (ana, room) = (UserId::new(Millis(1)), RoomId::new(Millis(1)));
    inner
        .commit(Arc::new(vec![Change {
            entries: vec![],
            writes: seed(ana, room),
        }]))
        .await
        .unwrap();
    let store = Arc::new(Faulty {
        inner,
        lose_answer: AtomicBool::new(false),
        reads: Semaphore::new(Semaphore::MAX_PERMITS),
    });
    let stats = Arc::new(Stats::default());
    let hub = Arc::new(Hub::new(Arc::clone(&stats)));
    let tasks = TaskTracker::new();
    let feeds = Arc::new(Feeds::new(BootId::new(clock.now())));
    let log = Log::start(
        store.clone(),
        Arc::clone(&hub),
        clock.clone(),
        stats,
        feeds,
        Vec::new(),
        &tasks,
    );
    House {
        log,
        hub,
        store,
        clock,
        ana,
        room,
        _dir: dir,
    }
}

fn seed(ana: UserId, room: RoomId) -> Vec<Write> {
    let at = Millis(1);
    let user = User {
        id: ana,
        name: Username::parse("ana").unwrap(),
        display_name: None,
        email: None,
        email_login: false,
        role: Builtin::Member.into(),
        status: Status::Active,
        bot: false,
        presence: true,
        password: None,
        created_at: at,
    };
    let record = Room {
        id: room,
        name: RoomName::parse("general").unwrap(),
        kind: RoomKind::Public,
        title: None,
        topic: None,
        history: History::All,
        rules: RoomRules::default(),
        owner: ana,
        people: Vec::new(),
        created_at: at,
        deleted_at: None,
    };
    let member = Member {
        room,
        user: ana,
        role: RoomRole::Owner,
        since: 0,
        at,
        read: Marker::default(),
    };
    vec![
        Write::InsertUser(user),
        Write::InsertRoom(record),
        Write::PutMember(member),
    ]
}

impl House {
    fn say(
        &self,
        body: &str,
        txn: Option<&str>,
    ) -> impl Future<Output = Result<Done, Error>> + use<> {
        let (room, ana) = (self.room, self.ana);
        let body = String::from(Body::parse(body).unwrap());
        let digest = [body.len().to_le_bytes()[0]; 16];
        let txn = txn.map(|t| (Txn::parse(t).unwrap(), digest));
        let touches = [room.into(), ana.into()];
        self.log.append(&touches, None, move |draft| {
            draft.by_itself();
            let said = Payload::Message {
                body: body.clone(),
                reply_to: None,
                mentions: None,
                files: Vec::new(),
            };
            draft.entry_once(room.into(), Some(ana), txn.clone(), said);
            Ok(())
        })
    }

    fn listen(&self, position: u64) -> Arc<Connection> {
        let (connection, attached, _) = self.resume(None, position);
        assert_eq!(attached, Attached::Live);
        connection
    }

    /// Somebody resumes after an entry, in a room that memory says stands at `position`; answers with how many
    /// events they were welcomed.
    fn resume(&self, after: Option<u64>, position: u64) -> (Arc<Connection>, Attached, usize) {
        let connection = Arc::new(Connection {
            id: ConnId::new(Millis(1)),
            user: self.ana,
            session: SessionId::new(Millis(1)),
            scopes: Permissions::ALL,
            address: [127, 0, 0, 1].into(),
            since: Millis(1),
            outbox: Arc::new(Outbox::new(1 << 20, Arc::default())),
            received: Count::default(),
            rooms: Count::default(),
            away: std::sync::atomic::AtomicBool::default(),
        });
        let admit = || {
            Ok::<_, ()>(Position {
                seq: position,
                n: position,
            })
        };
        let mut welcomed = 0;
        let mut welcome = |_, events: Vec<bytes::Bytes>| welcomed = events.len();
        let room = self.room.into();
        let attached = self
            .hub
            .attach(room, &connection, after, admit, &mut welcome);
        (connection, attached.unwrap(), welcomed)
    }
}

/// The bodies that a connection has yet to be told, in order, once there are so many.
async fn told(connection: &Connection, count: usize) -> Vec<String> {
    let mut frames = std::collections::VecDeque::new();
    while frames.len() < count {
        let mut more = crate::hub::Taken::default();
        let close =
            std::future::poll_fn(|cx| connection.outbox.poll_take(cx, &mut more, usize::MAX)).await;
        assert_eq!(close, None);
        frames.append(&mut more.frames);
    }
    let body = |f: crate::hub::Frame| {
        let event: serde_json::Value = serde_json::from_slice(&f.payload()).unwrap();
        event["body"].as_str().unwrap().to_owned()
    };
    frames.into_iter().map(body).collect()
}

#[tokio::test]
async fn an_answer_lost_after_the_commit_is_told_all_the_same() {
    let house = house().await;
    house.say("one", None).await.unwrap();
    let listener = house.listen(1);
    house.store.lose_answer.store(true, Ordering::SeqCst);
    let lost = house.say("two", Some("t")).await;
    assert_eq!(lost.unwrap_err(), Refusal::Unavailable.into());
    // Nobody asks for the room again, and yet its listeners hear what happened in it.
    assert_eq!(told(&listener, 1).await, ["two"]);
    let repeat = house.say("two", Some("t")).await.unwrap();
    assert_eq!((repeat.dup, repeat.entries[0].seq), (true, 2));
    let next = house.say("three", None).await.unwrap();
    assert_eq!(next.entries[0].seq, 3);
    assert_eq!(told(&listener, 1).await, ["three"]);
}

#[tokio::test]
async fn who_reads_up_to_a_busy_room_finds_there_what_came_meanwhile() {
    let house = house().await;
    for body in ["one", "two", "three"] {
        house.say(body, None).await.unwrap();
    }
    let kept = house.hub.keep(house.room.into());
    let (_, attached, _) = house.resume(Some(1), 3);
    let reached = Position { seq: 3, n: 3 };
    assert_eq!(attached, Attached::Behind(reached));
    // They read up to there, and the room goes on, with nobody else in it.
    for body in ["four", "five"] {
        house.say(body, None).await.unwrap();
    }
    let (listener, attached, welcomed) = house.resume(Some(3), 5);
    assert_eq!((attached, welcomed), (Attached::Live, 2));
    drop(kept);
    house.say("six", None).await.unwrap();
    assert_eq!(told(&listener, 1).await, ["six"]);

    // Nothing is kept for nobody.
    assert!(house.hub.detach(house.room.into(), &listener));
    assert_eq!(house.hub.channels(), 0);
    drop(house.hub.keep(house.room.into()));
    assert_eq!(house.hub.channels(), 0);
    // And one that is only kept does not take what comes for a gap.
    let _kept = house.hub.keep(house.room.into());
    house.say("seven", None).await.unwrap();
    assert_eq!(house.hub.position(house.room.into()), None);
}

#[tokio::test]
async fn what_waits_for_a_room_keeps_its_order() {
    let house = house().await;
    let permits = house.store.reads.available_permits();
    house.store.reads.forget_permits(permits);
    let early: Vec<_> = (0..10).map(|i| house.say(&format!("m{i}"), None)).collect();
    house.log.user(house.ana).await.unwrap().unwrap();
    house.store.reads.add_permits(1);
    let late: Vec<_> = (10..20)
        .map(|i| house.say(&format!("m{i}"), None))
        .collect();
    let mut seqs = Vec::new();
    for said in early.into_iter().chain(late) {
        seqs.push(said.await.unwrap().entries[0].seq);
    }
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_repeat_in_the_same_batch_holds_up_only_its_followers() {
    let house = house().await;
    house.log.room(house.room).await.unwrap().unwrap();
    house.log.user(house.ana).await.unwrap().unwrap();
    let listener = house.listen(0);
    let first = house.say("one", Some("t"));
    let again = house.say("one", Some("t"));
    let other = house.say("longer", Some("t"));
    let next = house.say("two", None);
    assert!(!first.await.unwrap().dup);
    let again = again.await.unwrap();
    assert_eq!((again.dup, again.entries[0].seq), (true, 1));
    assert_eq!(other.await.unwrap_err(), Refusal::TxnReused.into());
    assert_eq!(next.await.unwrap().entries[0].seq, 2);
    assert_eq!(told(&listener, 2).await, ["one", "two"]);
}

#[tokio::test]
async fn stopping_finishes_what_was_handed_in() {
    let house = house().await;
    let said = house.say("last", None);
    house.log.stop().await;
    assert_eq!(said.await.unwrap().entries[0].seq, 1);
    let late = house.say("late", None).await;
    assert_eq!(late.unwrap_err(), Refusal::Unavailable.into());
}

#[tokio::test]
async fn a_clock_that_goes_back_does_not_take_the_log_along() {
    let house = house().await;
    let first = house.say("one", None).await.unwrap().entries[0].at;
    house.clock.set(Millis(1));
    let second = house.say("two", None).await.unwrap().entries[0].at;
    assert_eq!((first, second), (Millis(1_000), Millis(1_000)));
}
