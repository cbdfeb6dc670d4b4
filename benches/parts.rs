//! What the inner parts cost: encoding an event and telling it to those who listen, making messages durable, and sealing
//! and opening a segment.
//!
//!     cargo bench --bench parts
//!     cargo bench --bench parts -- durable
//!
//! Criterion compares each figure with that of the run before: for a change, run it with and without, on a machine that
//! does nothing else.

use std::{convert::Infallible, hint::black_box, net::Ipv4Addr, sync::Arc, time::Duration};

use chatd::{
    clock::{Clock, Millis},
    hub::{Connection, Frame, Hub, Outbox, Position, Taken},
    id::{ConnId, EntryId, LogId, RoomId, SessionId, UserId},
    model::{Body, Entry, History, Payload, Permissions, Room, RoomKind, RoomRules, Txn},
    segment::{self, Line},
    stats::{Count, Stats},
    store::{
        Change, Store, Write,
        sqlite::{Options, Sqlite},
    },
};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};

/// What a message says: as long as in the table of figures.
const BODY: &str = "A message of one hundred and twenty-eight bytes, as people in a room write them to each other on \
                    any day, with some words more.";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    tell(&mut criterion);
    durable(&mut criterion);
    seal(&mut criterion);
    criterion.final_summary();
}

/// An event, encoded once, to 2, 100 and 10,000 who listen, each of whom takes it out of their outbox.
fn tell(criterion: &mut Criterion) {
    let now = Clock::system().now();
    let stats = Arc::new(Stats::default());
    let mut group = criterion.benchmark_group("tell");
    for people in [2_u64, 100, 10_000] {
        let hub = Hub::new(Arc::clone(&stats));
        let log = LogId::Room(RoomId::new(now));
        let everyone: Vec<_> = (0..people).map(|_| listener(&hub, log, &stats)).collect();
        let (mut seq, mut taken) = (0, Taken::default());
        group.throughput(Throughput::Elements(people));
        group.bench_function(BenchmarkId::from_parameter(people), |b| {
            b.iter(|| {
                seq += 1;
                let frame = Frame::json(&serde_json::json!({
                    "ev": "message", "room": "0197c0de-7b1c-7000-8000-000000000001", "seq": seq, "n": seq,
                    "at": now, "from": "0197c0de-7b1c-7000-8000-000000000002", "name": "ana", "body": BODY,
                }));
                let told = hub.publish(log, Position { seq, n: seq }, &frame);
                assert!(told.is_ok(), "in order");
                for connection in &everyone {
                    connection.outbox.take(&mut taken, 64);
                    let bytes = taken.frames.drain(..).map(|frame| black_box(frame).len()).sum();
                    connection.outbox.written(bytes);
                }
            });
        });
    }
    group.finish();
}

/// Somebody who listens to a room and is told all.
fn listener(hub: &Hub, log: LogId, stats: &Arc<Stats>) -> Arc<Connection> {
    let now = Clock::system().now();
    let connection = Arc::new(Connection {
        id: ConnId::new(now),
        user: UserId::new(now),
        session: SessionId::new(now),
        scopes: Permissions::default(),
        address: Ipv4Addr::LOCALHOST.into(),
        since: now,
        outbox: Arc::new(Outbox::new(1 << 20, Arc::clone(stats))),
        received: Count::default(),
        rooms: Count::default(),
        away: false.into(),
    });
    hub.register(&connection);
    let start = || Ok::<_, Infallible>(Position { seq: 0, n: 0 });
    let attached = hub.attach(log, &connection, None, start, &mut |_, _| {});
    assert!(attached.is_ok(), "nobody refuses");
    connection
}

/// So many messages in one commit, in one room and spread over a hundred.
fn durable(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    let mut group = criterion.benchmark_group("durable");
    group.measurement_time(Duration::from_secs(8));
    for rooms in [1_usize, 100] {
        for messages in [1_usize, 100, 1_000] {
            let dir = tempfile::tempdir().expect("a directory");
            let store = Sqlite::open(Options {
                path: dir.path().join("chatd.db"),
                max_size: None,
                min_free: 0,
                readers: 1,
                clock: Clock::system(),
            });
            let store = store.expect("a store");
            let mut logs = runtime.block_on(make_rooms(&store, rooms));
            group.throughput(Throughput::Elements(messages as u64));
            group.bench_function(format!("{messages} in {rooms}"), |b| {
                b.iter_batched(
                    || {
                        let changes = (0..messages).map(|i| said(&mut logs[i % rooms]));
                        Arc::new(changes.collect::<Vec<_>>())
                    },
                    |batch| runtime.block_on(store.commit(batch)).expect("durable"),
                    BatchSize::PerIteration,
                );
            });
            runtime.block_on(store.close());
        }
    }
    group.finish();
}

/// A room, who talks there, and what was said last.
struct Talk {
    room: RoomId,
    who: UserId,
    seq: u64,
}

async fn make_rooms(store: &Sqlite, count: usize) -> Vec<Talk> {
    let now = Clock::system().now();
    let talks: Vec<_> = (0..count)
        .map(|_| Talk {
            room: RoomId::new(now),
            who: UserId::new(now),
            seq: 0,
        })
        .collect();
    let writes = talks.iter().enumerate().map(|(i, talk)| {
        Write::InsertRoom(Room {
            id: talk.room,
            name: format!("room-{i}").parse().expect("a name"),
            kind: RoomKind::Public,
            title: None,
            topic: None,
            history: History::All,
            rules: RoomRules::default(),
            owner: talk.who,
            people: Vec::new(),
            created_at: now,
            deleted_at: None,
        })
    });
    let change = Change {
        entries: Vec::new(),
        writes: writes.collect(),
    };
    let made = store.commit(Arc::new(vec![change])).await;
    made.expect("rooms");
    talks
}

fn said(talk: &mut Talk) -> Change {
    let at = Clock::system().now();
    talk.seq += 1;
    let entry = Entry {
        log: talk.room.into(),
        seq: talk.seq,
        n: talk.seq,
        at,
        id: EntryId::new(at),
        from: Some(talk.who),
        txn: Txn::parse(&EntryId::new(at).to_string()).ok(),
        digest: Some([7; 16]),
        payload: Payload::Message {
            body: BODY.to_owned(),
            reply_to: None,
            mentions: None,
            files: Vec::new(),
        },
        over: None,
    };
    Change {
        entries: vec![entry],
        writes: Vec::new(),
    }
}

/// A thousand messages into a segment, and out of it again; and a text that is looked at.
fn seal(criterion: &mut Criterion) {
    let room = RoomId::new(Millis(0));
    let lines: Vec<_> = (1..=1_000).map(line).collect();
    let sealed = segment::seal(room, &lines).expect("in order");
    let mut group = criterion.benchmark_group("segment");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("seal", |b| {
        b.iter(|| segment::seal(room, black_box(&lines)));
    });
    group.bench_function("open", |b| {
        b.iter(|| segment::open(black_box(&sealed.bytes)));
    });
    group.finish();
    criterion.bench_function("a text looked at", |b| {
        b.iter(|| Body::parse(black_box(BODY)));
    });
}

fn line(seq: u64) -> Line {
    let at = Millis(1_700_000_000_000).plus(Duration::from_secs(seq));
    Line {
        seq,
        n: seq,
        at,
        id: EntryId::new(at),
        from: Some(UserId::new(Millis(0))),
        version: 1,
        kind: "message".into(),
        data: serde_json::json!({"body": format!("{BODY} {seq}")}).to_string(),
    }
}
