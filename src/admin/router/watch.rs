//! One stream of everything a dashboard shows. A frame is made when it is due and the one before it was taken; it asks
//! nobody, but shows what is counted and what was last known.

use std::{sync::Arc, thread, time::Duration};

use axum::{Extension, extract::State, response::Response};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};

use super::{
    api,
    facts::Facts,
    lines::{self, Lines, write_line},
    status,
};
use crate::{
    desk::{self, Desk},
    door::{Problem, QueryOf},
    model::{Authority, Refusal},
    ops::{Asked, Found, MOST_ROWS, Readings, RoomTraffic},
    stats::Process,
};

/// How often a frame may be asked for, in milliseconds, and how often it comes when that is not said.
const EVERY: std::ops::RangeInclusive<u64> = 100..=60_000;
const USUAL: u64 = 1000;
/// How many events and lines of the log one frame tells at most; a frame stays well below a mebibyte.
const TOLD: usize = 500;

struct Watcher {
    desk: Arc<Desk>,
    facts: Arc<Facts>,
    by: Authority,
    asked: api::Watch,
    every: Duration,
    readings: Readings,
    frames: u64,
    due: Instant,
    /// The first frame, until it goes out.
    first: Option<api::Frame>,
    _place: OwnedSemaphorePermit,
}

/// `GET /v1/watch`: frames, the first at once.
pub(super) async fn watch(
    State(desk): State<Arc<Desk>>,
    Extension(facts): Extension<Arc<Facts>>,
    desk::By(by): desk::By,
    QueryOf(asked): QueryOf<api::Watch>,
) -> Result<Response, Problem> {
    let every = asked.every_ms.unwrap_or(USUAL);
    if !EVERY.contains(&every) {
        let why = format!("{} to {}", EVERY.start(), EVERY.end());
        return Err(Refusal::field("every_ms", why).into());
    }
    for (field, rows) in [("rooms", asked.rooms), ("conns", asked.conns)] {
        if rows.is_some_and(|rows| rows > MOST_ROWS) {
            return Err(Refusal::field(field, format!("0 to {MOST_ROWS}")).into());
        }
    }
    let place = facts.place().ok_or_else(|| {
        let why = "16 watch already, which is as many as can; close one of the dashboards";
        Refusal::Conflict(why.into())
    })?;
    facts.settle(&desk).await;
    let mut watcher = Watcher {
        desk,
        facts,
        by,
        asked,
        every: Duration::from_millis(every),
        readings: Readings::default(),
        frames: 0,
        due: Instant::now(),
        first: None,
        _place: place,
    };
    watcher.first = Some(watcher.frame()?);
    Ok(lines::answer(watcher))
}

impl Lines for Watcher {
    async fn next(&mut self) -> Option<Vec<u8>> {
        let frame = match self.first.take() {
            Some(first) => first,
            None => self.later().await?,
        };
        let now = Instant::now();
        // What was late is left out, and not made up for.
        self.due = (self.due + self.every).max(now);
        let mut line = Vec::with_capacity(4096);
        write_line(&mut line, &frame);
        Some(line)
    }
}

impl Watcher {
    /// The next frame, when it is due; none at the end.
    async fn later(&mut self) -> Option<api::Frame> {
        if self.asked.frames.is_some_and(|most| self.frames >= most) {
            return None;
        }
        let stopping = self.desk.archive.stopping.clone();
        tokio::select! {
            biased;
            () = stopping.cancelled() => return None,
            () = sleep_until(self.due) => {}
        }
        self.facts.refresh(&self.desk);
        // What was asked for was understood the first time.
        self.frame().ok()
    }

    fn frame(&mut self) -> Result<api::Frame, Refusal> {
        let (known, open_files) = self.facts.known();
        let (rooms, conns) = (self.rooms()?, self.conns()?);
        self.frames += 1;
        let desk = &self.desk;
        let (feeds, stats) = (&desk.ops.feeds, &desk.ops.stats);
        let events = self.asked.events_after.map(|after| {
            let batch = feeds.events.after(after, TOLD);
            self.asked.events_after = Some(batch.last);
            batch
        });
        let log = self.asked.log_after.map(|after| {
            let batch = feeds.log.after(after, TOLD);
            self.asked.log_after = Some(batch.last);
            batch
        });
        Ok(api::Frame {
            boot: feeds.boot.clone(),
            frame: self.frames,
            monotonic_us: u64::try_from(stats.watch.elapsed().as_micros()).unwrap_or(u64::MAX),
            status: status::page(desk, known),
            load: load(desk, open_files),
            timings: api::Timings {
                send: stats.send_time.read(),
                commit: stats.commit_time.read(),
                delivery: stats.delivery_time.read(),
            },
            jobs: desk::jobs(desk),
            ended: self.facts.ended(),
            rooms,
            conns,
            events,
            log,
        })
    }

    fn rooms(&mut self) -> Result<Option<api::Rows<api::WatchedRoom>>, Refusal> {
        let Some(limit) = self.asked.rooms.filter(|rows| *rows > 0) else {
            return Ok(None);
        };
        let asked = Asked {
            sort: self.asked.rooms_sort.as_deref(),
            filter: self.asked.rooms_filter.as_deref(),
            limit,
        };
        let found = self.desk.ops.watch_rooms(asked, &mut self.readings)?;
        Ok(Some(rows(found, |row| room_body(&row))))
    }

    fn conns(&mut self) -> Result<Option<api::Rows<api::WatchedConn>>, Refusal> {
        let Some(limit) = self.asked.conns.filter(|rows| *rows > 0) else {
            return Ok(None);
        };
        let asked = Asked {
            sort: self.asked.conns_sort.as_deref(),
            filter: self.asked.conns_filter.as_deref(),
            limit,
        };
        let ops = &self.desk.ops;
        let found = ops.watch_conns(&self.by, asked, Some(&mut self.readings));
        // Here the fields have other names than in a list of connections.
        let found = found.map_err(|refusal| match refusal {
            Refusal::InvalidField { field, why } => Refusal::InvalidField {
                field: format!("conns_{field}"),
                why,
            },
            other => other,
        })?;
        Ok(Some(rows(found, desk::conn_body)))
    }
}

fn rows<T, B>(found: Found<T>, body: impl Fn(T) -> B) -> api::Rows<B> {
    api::Rows {
        total: found.total,
        matched: found.matched,
        rows: found.rows.into_iter().map(body).collect(),
    }
}

fn room_body(row: &RoomTraffic) -> api::WatchedRoom {
    let facts = row.live.facts();
    let [message_rate, delivery_rate] = row.rates;
    api::WatchedRoom {
        id: row.id.to_string(),
        name: facts.room.name.as_str().to_owned(),
        members: row.members,
        listeners: row.traffic.listeners,
        messages: row.head.n,
        message_rate,
        deliveries: row.traffic.deliveries,
        delivery_rate,
        last_at: (row.head.seq > 0).then_some(row.head.at),
        locked: facts.room.rules.locked,
        private: facts.room.kind != crate::model::RoomKind::Public,
    }
}

/// How busy the process is.
fn load(desk: &Desk, open_files: u64) -> api::Load {
    let ops = &desk.ops;
    let (append_queue, append_limit) = ops.log.queue();
    let (hash_queue, hash_limit) = ops.passwords.queue();
    let (outbox_bytes, outbox_longest) = ops.hub.waiting();
    let process = Process::read_but_files();
    api::Load {
        cpu_us: u64::try_from(process.cpu.as_micros()).unwrap_or(u64::MAX),
        cores: thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
        open_files,
        max_files: process.max_files,
        append_queue,
        append_limit,
        hash_queue,
        hash_limit,
        outbox_bytes,
        outbox_longest,
    }
}
