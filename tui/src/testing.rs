//! A server to be shown, for the tests: made up, but always the same.

use chatd::{
    admin::api::{
        ArchiveStatus, Batch, Counts, EndedJob, Frame, Happening, Job, Kind, Load, LogLine,
        Numbered, Rows, Status, StoreStatus, Timings, WatchedConn, WatchedRoom,
    },
    clock::Millis,
    stats::Durations,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::state::{Effect, Event, State};

/// When the made-up server was started.
pub(crate) const STARTED: Millis = Millis(1_790_000_000_000);

/// Text that wants to be more than text.
pub(crate) const HOSTILE: &str =
    "\u{1b}[2Jevil\u{202e}txt\u{200b} 漢字\n🚀\u{200d}👩 e\u{301}\u{302}\u{303}\u{304}";

/// How a server is `seconds` after its start, with nothing counted.
pub(crate) fn frame(seconds: u64) -> Frame {
    Frame {
        boot: "boot-1".into(),
        frame: seconds,
        monotonic_us: seconds * 1_000_000,
        status: status(seconds),
        load: Load {
            cpu_us: seconds * 240_000,
            cores: 2,
            open_files: 412,
            max_files: 65_536,
            append_limit: 4096,
            hash_limit: 64,
            ..Load::default()
        },
        timings: Timings::default(),
        jobs: Vec::new(),
        ended: Vec::new(),
        rooms: None,
        conns: None,
        events: None,
        log: None,
    }
}

fn status(seconds: u64) -> Status {
    Status {
        version: "0.1.0".into(),
        running: true,
        pid: 4242,
        listen: Some("127.0.0.1:8080".into()),
        certificate: None,
        started_at: STARTED,
        at: Millis(STARTED.0 + (seconds * 1000).cast_signed()),
        registration: "invite".into(),
        restart_for: Vec::new(),
        memory_bytes: 24 << 20,
        store: StoreStatus {
            backend: "sqlite".into(),
            location: "/var/lib/chatd/chatd.db".into(),
            version: "3.50.4".into(),
            schema: 3,
            epoch: "0197c0de".into(),
            bytes: Some(13_002_342),
            users: Some(1204),
            rooms: Some(88),
            free: Some(41 << 30),
            min_free: Some(256 << 20),
            ready: true,
            trouble: None,
        },
        webhook: None,
        files: None,
        archive: Some(ArchiveStatus {
            running: None,
            schedule: Some("0 3 * * *".into()),
            paused: false,
            next_at: Some(Millis(STARTED.0 + 11_000_000)),
            last_at: None,
            last_state: None,
        }),
        search: None,
        counts: Counts::default(),
    }
}

/// A server that has talked for `seconds`: the swell of a day pressed into minutes, with a burst in it.
pub(crate) fn busy(seconds: u64) -> Frame {
    let mut counts = Counts::default();
    let mut now = frame(seconds);
    for s in 0..=seconds {
        let swell = 40 - 35_u64.abs_diff(s % 70);
        let burst = if (225..235).contains(&s) { 900 } else { 0 };
        let messages = swell * 9 + burst;
        counts.connections = 400 + s * 3 + swell;
        counts.channels = 40 + swell / 5;
        counts.messages += messages;
        counts.entries += messages + 2;
        counts.batches += 20 + swell;
        counts.deliveries += messages * 23;
        counts.requests += swell / 3;
        counts.failed_logins += u64::from(s == 3);
        now.status.memory_bytes = (40 << 20) + counts.connections * 6144 + s * 20_000;
    }
    now.status.counts = counts;
    now.load.append_queue = counts.connections / 40;
    now.load.outbox_bytes = 48 * 1024;
    now.load.outbox_longest = 3 * 1024;
    let took = |quick: u64, slow: u64| Durations {
        buckets: vec![
            (quick, seconds * 900),
            (quick * 3, seconds * 90),
            (slow, seconds * 10),
        ],
        sum_us: seconds * 900 * quick,
    };
    now.timings = Timings {
        send: took(1_151, 18_431),
        commit: took(767, 9_215),
        delivery: took(119, 4_095),
    };
    now
}

/// A room by its place.
pub(crate) fn room(i: u64) -> WatchedRoom {
    let names = [
        "general",
        "engineering",
        "ops.alerts",
        "news",
        "random",
        "support",
    ];
    let name = match names.get(usize::try_from(i).unwrap_or(0)) {
        Some(name) => (*name).to_owned(),
        None => format!("project-{i}"),
    };
    WatchedRoom {
        id: format!("room-{i}"),
        name,
        members: 1200 / (i + 1),
        listeners: 800 / (i + 1),
        messages: 1_234_567 / (i + 1),
        message_rate: 42.0 / f64::from(u32::try_from(i + 1).unwrap_or(1)),
        deliveries: 9_000_000,
        delivery_rate: 33_600.0 / f64::from(u32::try_from((i + 1) * (i + 1)).unwrap_or(1)),
        last_at: Some(Millis(STARTED.0 + 299_000 - i.cast_signed() * 7000)),
        locked: i == 3,
        private: i == 2,
    }
}

/// A connection by its place.
pub(crate) fn conn(i: u64) -> WatchedConn {
    let names = ["ana", "bo", "carla", "dmitri", "eve", "farid"];
    let name = match names.get(usize::try_from(i).unwrap_or(0)) {
        Some(name) => (*name).to_owned(),
        None => format!("user-{i}"),
    };
    WatchedConn {
        id: format!("conn-{i}"),
        user: name,
        user_id: format!("user-id-{i}"),
        session: format!("session-{i}"),
        address: format!("192.0.2.{i}"),
        since: Millis(STARTED.0 + i.cast_signed() * 3000),
        device: (i == 1).then(|| HOSTILE.to_owned()),
        rooms: 3 + i % 5,
        sent: 90_000 / (i + 1),
        sent_rate: 120.0 / f64::from(u32::try_from(i + 1).unwrap_or(1)),
        received: 300,
        received_rate: 0.4,
        waiting: i * 512,
        lag_ms: if i == 4 { 2300 } else { i % 3 },
    }
}

/// Rows of a table with more of them behind.
pub(crate) fn rows<T>(of: fn(u64) -> T, shown: u64, matched: u64, total: u64) -> Rows<T> {
    Rows {
        total,
        matched,
        rows: (0..shown).map(of).collect(),
    }
}

/// Work in the background.
pub(crate) fn jobs() -> Vec<Job> {
    let job = |kind: &str, id: Option<&str>, done, total| Job {
        kind: kind.into(),
        id: id.map(ToOwned::to_owned),
        since: Millis(STARTED.0 + 200_000),
        done,
        total,
        unit: "entries".into(),
        at: Some("general".into()),
        stoppable: id.is_some(),
    };
    vec![
        job("archive", Some("run-1"), 12_000, Some(28_000)),
        job("erasure", None, 40, None),
    ]
}

/// Work that ended.
pub(crate) fn ended() -> Vec<EndedJob> {
    let job =
        |kind: &str, ago: i64, took: Option<i64>, state: &str, done, trouble: Option<&str>| {
            let since = Millis(STARTED.0 + 300_000 - ago * 60_000);
            EndedJob {
                kind: kind.into(),
                id: format!("run-{ago}"),
                since,
                ended_at: took.map(|took| Millis(since.0 + took)),
                state: state.into(),
                done,
                unit: if kind == "redaction" {
                    "messages"
                } else {
                    "entries"
                }
                .into(),
                trouble: trouble.map(ToOwned::to_owned),
            }
        };
    vec![
        job("redaction", 2, Some(850), "done", 17, None),
        job("archive", 60, Some(95_000), "failed", 8_000, Some(HOSTILE)),
        job("prune", 1500, Some(12), "done", 40_000, None),
        job("archive", 2880, None, "interrupted", 12_000, None),
        job("restore", 4320, Some(60_000), "stopped", 1_000, None),
        job("archive", 5760, Some(180_000), "done", 1_204_000, None),
    ]
}

/// Events and lines of the log, numbered on from `after`.
pub(crate) fn tails(frame: &mut Frame, after: u64, many: u64, missed: u64) {
    let numbers = after + missed + 1..=after + missed + many;
    let at = |seq: u64| Millis(STARTED.0 + seq.cast_signed() * 1000);
    let what = [
        "conn.open",
        "login.failed",
        "room.create",
        "store.away",
        "server.started",
        "conn.close",
    ];
    let kinds = [
        Kind::Connection,
        Kind::Login,
        Kind::Act,
        Kind::Store,
        Kind::Server,
        Kind::Connection,
    ];
    let levels = ["INFO", "WARN", "ERROR", "DEBUG"];
    let pick = |seq: u64, of: usize| usize::try_from(seq).unwrap_or(0) % of;
    let event = |seq: u64| Happening {
        at: at(seq),
        kind: kinds[pick(seq, 6)],
        what: what[pick(seq, 6)].into(),
        who: Some(if seq.is_multiple_of(7) {
            HOSTILE.into()
        } else {
            "ana".into()
        }),
        target: (seq % 6 == 2).then(|| "general".into()),
        detail: (seq % 6 == 1).then(|| "192.0.2.7".into()),
    };
    let line = |seq: u64| LogLine {
        at: at(seq),
        level: levels[pick(seq, 4)].into(),
        target: "chatd::ws::session".into(),
        message: if seq.is_multiple_of(7) {
            HOSTILE.into()
        } else {
            "the client went away".into()
        },
        fields: vec![format!("conn={seq}")],
    };
    frame.events = Some(batch(numbers.clone(), missed, event));
    frame.log = Some(batch(numbers, missed, line));
}

fn batch<T>(
    numbers: std::ops::RangeInclusive<u64>,
    missed: u64,
    of: impl Fn(u64) -> T,
) -> Batch<T> {
    Batch {
        missed,
        last: *numbers.end(),
        items: numbers.map(|seq| Numbered { seq, item: of(seq) }).collect(),
    }
}

/// A frame that comes, to the question that is asked.
pub(crate) fn take(state: &mut State, frame: Frame) -> Option<Effect> {
    let order = state.order();
    state.update(Event::Frame {
        order,
        frame: Box::new(frame),
    })
}

/// A key is pressed.
pub(crate) fn press(state: &mut State, code: KeyCode) -> Option<Effect> {
    state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Characters are typed, one after another.
pub(crate) fn type_in(state: &mut State, text: &str) {
    for c in text.chars() {
        press(state, KeyCode::Char(c));
    }
}
