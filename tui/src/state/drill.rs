//! What was looked into: one room with who is connected there, or one connection with what it listens to.

use std::collections::VecDeque;

use chatd::admin::{
    api::{ConnDetail, Frame, RoomDetail, WatchedConn, WatchedRoom},
    quote,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Method, Request, Table, table::CONN_SORTS};

/// How many of the last rates are kept: a second each.
const KEPT: usize = 300;
/// A room's particulars are asked for again after so many frames.
const AGAIN: u32 = 10;

/// What was looked into.
#[derive(Debug)]
pub(crate) enum Drill {
    /// A room.
    Room(Box<RoomView>),
    /// A connection.
    Conn(Box<ConnView>),
}

/// A question for particulars, and the answer.
#[derive(Debug)]
pub(crate) struct Detail<T> {
    /// The last answer; why there is none.
    pub(crate) known: Option<Result<T, String>>,
    /// The number of the question that is under way.
    asked: Option<u64>,
    /// How many frames ago it was asked.
    age: u32,
}

impl<T> Default for Detail<T> {
    fn default() -> Self {
        Self {
            known: None,
            asked: None,
            age: 0,
        }
    }
}

impl<T: DeserializeOwned> Detail<T> {
    /// Whether it is time to ask again.
    fn is_due(&mut self, number: u64, every: u32) -> bool {
        self.age += 1;
        let due = self.asked.is_none() && (self.known.is_none() || self.age >= every);
        if due {
            self.asked = Some(number);
            self.age = 0;
        }
        due
    }

    fn answer(&mut self, answer: Result<Value, String>) {
        self.asked = None;
        let read = |value| serde_json::from_value(value).map_err(|e| e.to_string());
        self.known = Some(answer.and_then(read));
    }
}

/// One room.
#[derive(Debug)]
pub(crate) struct RoomView {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// As it was seen last.
    pub(crate) row: WatchedRoom,
    /// Whether it is still among what the server watches.
    pub(crate) here: bool,
    /// Messages and deliveries a second.
    pub(crate) rates: VecDeque<[f64; 2]>,
    /// Its title, topic, rules and members.
    pub(crate) detail: Detail<RoomDetail>,
    /// Who is connected there.
    pub(crate) conns: Table,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct ConnView {
    /// Its id.
    pub(crate) id: String,
    /// As it was seen last.
    pub(crate) row: WatchedConn,
    /// Whether it is still there.
    pub(crate) here: bool,
    /// Frames to it and from it, a second.
    pub(crate) rates: VecDeque<[f64; 2]>,
    /// What the last frame counted, and when.
    counted: Option<(u64, [u64; 2])>,
    /// What it listens to.
    pub(crate) detail: Detail<ConnDetail>,
}

impl Drill {
    /// Looks into a room.
    pub(super) fn room(row: &WatchedRoom) -> Self {
        Self::Room(Box::new(RoomView {
            id: row.id.clone(),
            name: row.name.clone(),
            row: row.clone(),
            here: true,
            rates: VecDeque::new(),
            detail: Detail::default(),
            conns: Table::new(CONN_SORTS, "sent_rate"),
        }))
    }

    /// Looks into a connection.
    pub(super) fn conn(row: &WatchedConn) -> Self {
        Self::Conn(Box::new(ConnView {
            id: row.id.clone(),
            row: row.clone(),
            here: true,
            rates: VecDeque::new(),
            counted: None,
            detail: Detail::default(),
        }))
    }

    /// Takes a frame's figures of it.
    pub(super) fn take(&mut self, frame: &Frame, conns: &[&str]) {
        match self {
            Self::Room(room) => {
                room.conns.follow(conns);
                let mut rows = frame.rooms.iter().flat_map(|rooms| &rooms.rows);
                let found = rows.find(|row| row.id == room.id);
                room.here = found.is_some();
                if let Some(row) = found {
                    room.row = row.clone();
                    // The first frame of a watch knows no rates.
                    if frame.frame > 1 {
                        keep(&mut room.rates, [row.message_rate, row.delivery_rate]);
                    }
                }
            }
            Self::Conn(conn) => conn.count(frame.monotonic_us),
        }
    }

    /// The question that it is time for, as number `number`.
    pub(super) fn wants(&mut self, number: u64) -> Option<Request> {
        let path = match self {
            Self::Room(room) => {
                let due = room.detail.is_due(number, AGAIN);
                due.then(|| format!("/v1/rooms/{}", quote(&room.id)))
            }
            Self::Conn(conn) => {
                let due = conn.here && conn.detail.is_due(number, 1);
                due.then(|| format!("/v1/conns/{}", quote(&conn.id)))
            }
        };
        path.map(|path| Request {
            method: Method::Get,
            path,
            body: json!(null),
        })
    }

    /// The number of the question that is under way.
    pub(super) fn asked(&self) -> Option<u64> {
        match self {
            Self::Room(room) => room.detail.asked,
            Self::Conn(conn) => conn.detail.asked,
        }
    }

    /// Takes the answer to it.
    pub(super) fn answer(&mut self, answer: Result<Value, String>) {
        match self {
            Self::Room(room) => room.detail.answer(answer),
            Self::Conn(conn) => {
                conn.here = answer.is_ok();
                // What it was is still of interest when it is gone.
                if conn.here || conn.detail.known.is_none() {
                    conn.detail.answer(answer);
                } else {
                    conn.detail.asked = None;
                }
                if let Some(Ok(detail)) = &conn.detail.known {
                    conn.row = detail.conn.clone();
                }
            }
        }
    }
}

impl ConnView {
    /// Makes rates of what was counted between two answers; the server's are over the connection's whole life.
    #[expect(clippy::cast_precision_loss, reason = "rates to look at")]
    fn count(&mut self, at_us: u64) {
        let now = [self.row.sent, self.row.received];
        if let Some((before_us, before)) = self.counted
            && at_us > before_us
        {
            let seconds = (at_us - before_us) as f64 / 1e6;
            let rate = |i: usize| now[i].saturating_sub(before[i]) as f64 / seconds;
            keep(&mut self.rates, [rate(0), rate(1)]);
        }
        self.counted = Some((at_us, now));
    }
}

fn keep(rates: &mut VecDeque<[f64; 2]>, now: [f64; 2]) {
    if rates.len() == KEPT {
        rates.pop_front();
    }
    rates.push_back(now);
}
