//! What is purged is not there to be unread: whoever has read a room up to such a gap, or into it, has read on to its end.

use crate::{
    archive::Archive,
    id::RoomId,
    log::refuse,
    model::{Marker, MoveOn, Refusal, Segment},
};

/// A stretch of a room in which everything is purged, or about to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    room: RoomId,
    /// The last entry before it.
    after: u64,
    /// Its last entry.
    end: Marker,
}

impl Gap {
    fn of(segment: &Segment) -> Self {
        Self {
            room: segment.room,
            after: segment.first - 1,
            end: end_of(segment),
        }
    }

    /// That its readers have read on.
    pub(super) fn passed(self) -> MoveOn {
        MoveOn {
            room: self.room,
            from: self.after,
            upto: self.end,
            user: None,
        }
    }
}

impl Archive {
    /// The gap that begins with a segment once that is purged. `next` is the one that was made last: it need not be
    /// looked for again.
    ///
    /// What was purged before the segment is a gap of its own: whoever had come to it was moved to its end, but for whom
    /// the end of a process kept from it.
    pub(super) async fn gap_from(
        &self,
        segment: &Segment,
        next: Option<Gap>,
    ) -> Result<Gap, Refusal> {
        let mut gap = Gap::of(segment);
        if let Some(known) = next.filter(|n| n.room == gap.room && n.after == gap.end.seq) {
            gap.end = known.end;
            return Ok(gap);
        }
        loop {
            let next = self.store.segment_from(gap.room, gap.end.seq + 1).await;
            match next.map_err(|e| refuse(&e))? {
                Some(next) if next.purged_at.is_some() => gap.end = end_of(&next),
                _ => return Ok(gap),
            }
        }
    }
}

fn end_of(segment: &Segment) -> Marker {
    Marker {
        seq: segment.last,
        n: segment.n,
    }
}
