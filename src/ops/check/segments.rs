//! Whether the archived part of every room is whole: segments follow one another from its first entry on, each
//! reads, and what is live goes on where they end.

use std::collections::HashMap;

use crate::{
    id::RoomId,
    model::Segment,
    store::raw::{Row, Table},
};

/// What was seen of rooms' logs and of their segments.
#[derive(Debug, Default)]
pub(super) struct Segments {
    /// The first live entry of rooms whose logs do not begin with their first.
    live: HashMap<RoomId, u64>,
    /// The segment before.
    last: Option<Segment>,
}

impl Segments {
    /// Notes the first live entry of a room's log.
    pub(super) fn live_from(&mut self, room: RoomId, first: u64) {
        if first > 1 {
            self.live.insert(room, first);
        }
    }

    /// Which segment a record is of.
    pub(super) fn place(row: &Row) -> Option<(RoomId, u64)> {
        let room = row.get(Table::Segments, "room").id()?;
        let last = row.get(Table::Segments, "last").int()?;
        Some((RoomId::from_bytes(room), u64::try_from(last).ok()?))
    }

    /// Takes in the next segment, in the order of rooms and numbers: what is wrong with its place.
    pub(super) fn take(&mut self, segment: &Segment) -> Vec<String> {
        let before = self.last.take().filter(|b| b.room == segment.room);
        let wrong = segment.misplaced(before.as_ref());
        if let Some(first) = self.live.get(&segment.room)
            && segment.last + 1 >= *first
        {
            self.live.remove(&segment.room);
        }
        self.last = Some(segment.clone());
        wrong
    }

    /// Rooms whose live entries begin after a gap: where.
    pub(super) fn gaps(self) -> Vec<(RoomId, u64)> {
        let mut gaps: Vec<_> = self.live.into_iter().collect();
        gaps.sort_unstable();
        gaps
    }
}
