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
            since: None,
        }
    }
}

impl Archive {
    /// The gap that there is once a segment is purged, with what was purged around it. `before` is the gap that was
    /// made last: it need not be looked for again.
    pub(super) async fn gap_around(
        &self,
        segment: &Segment,
        before: Option<Gap>,
    ) -> Result<Gap, Refusal> {
        let mut gap = Gap::of(segment);
        if let Some(known) = before.filter(|b| b.room == gap.room && b.end.seq == gap.after) {
            gap.after = known.after;
        } else {
            while gap.after > 0 {
                let before = self.store.segment_before(gap.room, gap.after + 1).await;
                match before.map_err(|e| refuse(&e))? {
                    Some(before) if before.purged_at.is_some() && before.last == gap.after => {
                        gap.after = before.first - 1;
                    }
                    _ => break,
                }
            }
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
