//! Connections, as those who watch see them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{
    Asked, Found, MOST_ROWS, Readings,
    filter::{Column, Filter, Measure, Word, as_f64},
    order::{Key, Order},
};
use crate::{
    hub::{Connection, Waiting},
    id::ConnId,
    model::{Authority, Refusal},
    ops::Ops,
    stats::Stamp,
};

/// What a filter may be about; the first is what a word alone is about.
const COLUMNS: &[Column] = &[
    ("user", Measure::Text),
    ("address", Measure::Text),
    ("room", Measure::Text),
    ("device", Measure::Text),
    ("id", Measure::Text),
    ("rooms", Measure::Count),
    ("sent", Measure::Count),
    ("received", Measure::Count),
    ("rate", Measure::Count),
    ("waiting", Measure::Bytes),
    ("lag", Measure::Time),
];
/// What can be sorted by.
const SORTS: &[&str] = &[
    "user",
    "address",
    "since",
    "rooms",
    "sent",
    "sent_rate",
    "received",
    "received_rate",
    "waiting",
    "lag",
];

/// A connection at one moment.
#[derive(Clone, Debug)]
pub struct ConnRow {
    /// Which.
    pub connection: Arc<Connection>,
    /// Whose: their name, or the id while it is not at hand.
    pub user: String,
    /// What the session calls its device.
    pub device: Option<String>,
    /// What waits, and what was sent.
    pub waiting: Waiting,
    /// Frames it has sent.
    pub received: u64,
    /// How many rooms it listens to.
    pub rooms: u64,
    /// Frames sent to it and received from it, a second.
    pub rates: [f64; 2],
}

impl ConnRow {
    fn text(&self, column: &str) -> String {
        match column {
            "user" => self.user.clone(),
            "address" => self.connection.address.to_canonical().to_string(),
            "device" => self.device.clone().unwrap_or_default(),
            _ => self.connection.id.to_string(),
        }
    }

    fn number(&self, column: &str) -> f64 {
        let [sent_rate, received_rate] = self.rates;
        match column {
            "rooms" => as_f64(self.rooms),
            "sent" => as_f64(self.waiting.sent),
            "sent_rate" => sent_rate,
            "received" => as_f64(self.received),
            "received_rate" => received_rate,
            "rate" => sent_rate + received_rate,
            "waiting" => as_f64(self.waiting.bytes),
            "since" => as_f64(u64::try_from(self.connection.since.0).unwrap_or(0)),
            _ => self.waiting.lag.as_secs_f64() * 1000.0,
        }
    }

    fn key(&self, column: &str) -> Key {
        match column {
            "user" | "address" => Key::Text(self.text(column)),
            _ => Key::Number(self.number(column)),
        }
    }
}

impl Ops {
    /// The connections that are asked for. Rates are since `before`, or, of a connection that was not there, since
    /// it came. Somebody who is not an operator is told nothing of rooms that they do not see.
    pub fn watch_conns(
        &self,
        by: &Authority,
        asked: Asked<'_>,
        before: Option<&mut Readings>,
    ) -> Result<Found<ConnRow>, Refusal> {
        let sort = asked.sort.unwrap_or("-sent_rate");
        let order = Order::parse(sort, "sort", SORTS)?;
        let filter = Filter::parse(asked.filter.unwrap_or_default(), "filter", COLUMNS)?;
        let connections = self.hub.connections();
        let total = connections.len() as u64;
        let (now, at) = (self.stats.watch.stamp(), self.stats.watch.elapsed());
        let named = order.column == "user" || filter.about("user").next().is_some();
        let device = filter.about("device").next().is_some();
        let rooms: Vec<_> = filter.about("room").map(|w| self.in_rooms(by, w)).collect();
        let mut rows = Vec::new();
        let mut counters = HashMap::with_capacity(connections.len());
        for connection in connections {
            let mut row = reading(connection, now);
            counters.insert(row.connection.id, [row.waiting.sent, row.received]);
            row.rates = match &before {
                Some(before) => {
                    let read = [row.waiting.sent, row.received];
                    before.conns.rates(&row.connection.id, at, read)
                }
                None => self.since_it_came(&row),
            };
            if named {
                row.user = self.name_of(&row);
            }
            if device {
                row.device = self.device_of(&row);
            }
            let listens = |id| {
                rooms
                    .iter()
                    .all(|room: &HashSet<ConnId>| room.contains(&id))
            };
            let holds = |word: &Word| match word.column {
                "room" => listens(row.connection.id),
                "user" | "address" | "device" | "id" => word.is(&row.text(word.column)),
                column => word.holds(row.number(column)),
            };
            if filter.passes(holds) {
                rows.push(row);
            }
        }
        if let Some(before) = before {
            before.conns.counters = counters;
            before.conns.at = Some(at);
        }
        let matched = rows.len() as u64;
        let limit = asked.limit.min(MOST_ROWS);
        let tie = |row: &ConnRow| (std::cmp::Reverse(row.waiting.sent), row.connection.id);
        let mut rows = order.cut(rows, limit, |row| row.key(order.column), tie);
        for row in &mut rows {
            row.user = self.name_of(row);
            row.device = self.device_of(row);
        }
        Ok(Found {
            total,
            matched,
            rows,
        })
    }

    /// One connection at this moment, with its rates since it came.
    pub(in crate::ops) fn read_conn(&self, connection: Arc<Connection>) -> ConnRow {
        let mut row = reading(connection, self.stats.watch.stamp());
        row.rates = self.since_it_came(&row);
        row.user = self.name_of(&row);
        row.device = self.device_of(&row);
        row
    }

    fn since_it_came(&self, row: &ConnRow) -> [f64; 2] {
        let here = self.clock.now().since(row.connection.since);
        let seconds = here.max(Duration::from_secs(1)).as_secs_f64();
        [
            as_f64(row.waiting.sent) / seconds,
            as_f64(row.received) / seconds,
        ]
    }

    fn name_of(&self, row: &ConnRow) -> String {
        let user = row.connection.user;
        let live = self.log.user_in_memory(user);
        live.map_or_else(|| user.to_string(), |live| live.name().into())
    }

    fn device_of(&self, row: &ConnRow) -> Option<String> {
        let live = self.log.user_in_memory(row.connection.user)?;
        let device = live.session(row.connection.session)?.device?;
        Some(device.into())
    }

    /// The connections that listen to a room whose name is like the word.
    fn in_rooms(&self, by: &Authority, word: &Word) -> HashSet<ConnId> {
        let rooms = self.log.rooms_in_memory().into_iter();
        let like = rooms.filter(|(_, live)| {
            let facts = live.facts();
            word.is(facts.room.name.as_str()) && Self::sees(by, &facts)
        });
        like.flat_map(|(id, _)| self.hub.listening(id)).collect()
    }
}

fn reading(connection: Arc<Connection>, now: Stamp) -> ConnRow {
    ConnRow {
        user: String::new(),
        device: None,
        waiting: connection.outbox.waiting(now),
        received: connection.received.get(),
        rooms: connection.rooms.get(),
        rates: [0.0; 2],
        connection,
    }
}
