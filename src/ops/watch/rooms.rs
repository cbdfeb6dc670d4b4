//! Rooms in use, as those who watch see them.

use std::{collections::HashMap, sync::Arc};

use super::{
    Asked, Found, MOST_ROWS, Readings,
    filter::{Column, Filter, Measure, Word, as_f64},
    order::{Key, Order},
};
use crate::{
    hub::Traffic,
    id::RoomId,
    log::LiveRoom,
    model::{Head, Refusal},
    ops::Ops,
};

/// What a filter may be about; the first is what a word alone is about.
const COLUMNS: &[Column] = &[
    ("room", Measure::Text),
    ("id", Measure::Text),
    ("members", Measure::Count),
    ("listeners", Measure::Count),
    ("messages", Measure::Count),
    ("rate", Measure::Count),
    ("deliveries", Measure::Count),
];
/// What can be sorted by.
const SORTS: &[&str] = &[
    "name",
    "members",
    "listeners",
    "messages",
    "message_rate",
    "deliveries",
    "delivery_rate",
    "last_at",
];

/// A room that somebody listens to, or has lately spoken in.
#[derive(Clone, Debug)]
pub struct RoomTraffic {
    /// Which.
    pub id: RoomId,
    /// The room, for its name and rules.
    pub live: Arc<LiveRoom>,
    /// Where its log stands.
    pub head: Head,
    /// How many members it has.
    pub members: u64,
    /// Who listens.
    pub traffic: Traffic,
    /// Messages and deliveries a second.
    pub rates: [f64; 2],
}

impl RoomTraffic {
    fn number(&self, column: &str) -> f64 {
        let [message_rate, delivery_rate] = self.rates;
        match column {
            "members" => as_f64(self.members),
            "listeners" => as_f64(self.traffic.listeners),
            "messages" => as_f64(self.head.n),
            "message_rate" | "rate" => message_rate,
            "deliveries" => as_f64(self.traffic.deliveries),
            "delivery_rate" => delivery_rate,
            _ => as_f64(u64::try_from(self.head.at.0).unwrap_or(0)),
        }
    }

    fn holds(&self, word: &Word) -> bool {
        match word.column {
            "room" => word.is(self.live.facts().room.name.as_str()),
            "id" => word.is(&self.id.to_string()),
            column => word.holds(self.number(column)),
        }
    }

    fn key(&self, column: &str) -> Key {
        match column {
            "name" => Key::Text(self.live.facts().room.name.as_str().to_owned()),
            _ => Key::Number(self.number(column)),
        }
    }
}

impl Ops {
    /// The rooms in use that are asked for; rates are since `before`. For operators.
    pub fn watch_rooms(
        &self,
        asked: Asked<'_>,
        before: &mut Readings,
    ) -> Result<Found<RoomTraffic>, Refusal> {
        let sort = asked.sort.unwrap_or("-message_rate");
        let order = Order::parse(sort, "rooms_sort", SORTS)?;
        let filter = Filter::parse(asked.filter.unwrap_or_default(), "rooms_filter", COLUMNS)?;
        let mut traffic = self.hub.traffic();
        let at = self.stats.watch.elapsed();
        let (mut total, mut rows) = (0, Vec::new());
        let mut counters = HashMap::new();
        for (id, live) in self.log.rooms_in_memory() {
            let (open, members) = {
                let facts = live.facts();
                (facts.room.deleted_at.is_none(), facts.members.len() as u64)
            };
            if !open {
                continue;
            }
            total += 1;
            let head = live.head();
            let traffic = traffic.remove(&id).unwrap_or_default();
            let read = [head.n, traffic.deliveries];
            let rates = before.rooms.rates(&id, at, read);
            counters.insert(id, read);
            let row = RoomTraffic {
                id,
                live,
                head,
                members,
                traffic,
                rates,
            };
            if filter.passes(|word| row.holds(word)) {
                rows.push(row);
            }
        }
        before.rooms.counters = counters;
        before.rooms.at = Some(at);
        let matched = rows.len() as u64;
        let tie = |row: &RoomTraffic| (std::cmp::Reverse(row.head.n), row.id);
        let limit = asked.limit.min(MOST_ROWS);
        let rows = order.cut(rows, limit, |row| row.key(order.column), tie);
        Ok(Found {
            total,
            matched,
            rows,
        })
    }
}
