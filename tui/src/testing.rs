//! A server to be shown, for the tests: made up, but always the same.

use chatd::{
    admin::api::{Counts, Status, StoreStatus},
    clock::Millis,
};

/// When the made-up server was started.
pub(crate) const STARTED: Millis = Millis(1_790_000_000_000);

/// A server `seconds` after its start, with nothing counted.
pub(crate) fn status(seconds: i64) -> Status {
    Status {
        version: "0.1.0".into(),
        running: true,
        pid: 4242,
        listen: Some("127.0.0.1:8080".into()),
        started_at: STARTED,
        at: Millis(STARTED.0 + seconds * 1000),
        registration: "invite".into(),
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
            ready: true,
            trouble: None,
        },
        archive: None,
        counts: Counts::default(),
    }
}

/// A server that has talked for `seconds`: the swell of a day pressed into minutes, with a burst in it.
pub(crate) fn busy(seconds: i64) -> Status {
    let mut counts = Counts::default();
    let mut now = status(seconds);
    for s in 0..=seconds.unsigned_abs() {
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
        counts.rate_limited += burst / 75;
        counts.failed_logins += u64::from(s == 3);
        now.memory_bytes = (40 << 20) + counts.connections * 6144 + s * 20_000;
    }
    now.counts = counts;
    now
}
