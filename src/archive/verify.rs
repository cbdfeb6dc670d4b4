//! Checking segments: each is read, and has to be what the store says it is, and to follow the one before.

use super::Archive;
use crate::{
    id::{RoomId, RunId},
    log::refuse,
    model::{Refusal, Segment},
    store::{check_segment, is_erased},
};

/// How many segments one step checks.
const SEGMENTS: usize = 20;

/// A part of the archive that was checked.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// How many segments.
    pub segments: u64,
    /// How many entries they have.
    pub entries: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// After which segment to go on; none at the end.
    pub next: Option<(RoomId, u64)>,
}

/// A segment that is not as it should be.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Whose.
    pub room: RoomId,
    /// The `seq` of its first entry.
    pub first: u64,
    /// The `seq` of its last entry.
    pub last: u64,
    /// What is wrong.
    pub what: String,
}

impl Archive {
    /// Checks the next segments, of all rooms or one, of all runs or one.
    pub async fn verify(
        &self,
        room: Option<RoomId>,
        run: Option<RunId>,
        after: Option<(RoomId, u64)>,
    ) -> Result<Verified, Refusal> {
        let after = match (after, room) {
            (None, Some(room)) => Some((room, 0)),
            (after, _) => after,
        };
        let mut before = None;
        if let Some((room, last)) = after.filter(|(_, last)| *last > 0) {
            let segment = self.store.segment_from(room, last).await;
            before = segment.map_err(|e| refuse(&e))?;
        }
        let segments = self.store.segments(after, SEGMENTS).await;
        let segments = segments.map_err(|e| refuse(&e))?;
        let mut done = Verified {
            next: segments
                .last()
                .filter(|_| segments.len() == SEGMENTS)
                .map(|s| (s.room, s.last)),
            ..Verified::default()
        };
        for segment in segments {
            if room.is_some_and(|room| room != segment.room) {
                done.next = None;
                break;
            }
            if run.is_none_or(|run| run == segment.run) {
                let before = before.filter(|b: &Segment| b.room == segment.room);
                self.verify_one(&segment, before.as_ref(), &mut done)
                    .await?;
            }
            before = Some(segment);
        }
        Ok(done)
    }

    async fn verify_one(
        &self,
        segment: &Segment,
        before: Option<&Segment>,
        done: &mut Verified,
    ) -> Result<(), Refusal> {
        let mut wrong = |what: String| {
            done.problems.push(Problem {
                room: segment.room,
                first: segment.first,
                last: segment.last,
                what,
            });
        };
        for what in segment.misplaced(before) {
            wrong(what);
        }
        if segment.purged_at.is_none() {
            let found = self.store.segment(segment.room, segment.last).await;
            match found.map_err(|e| refuse(&e))? {
                None => {}
                Some((segment, bytes)) => match check_segment(&segment, &bytes) {
                    Err(e) => wrong(e.to_string()),
                    Ok(lines) => {
                        let erased = lines.iter().filter(|l| is_erased(l)).count() as u64;
                        let is = (lines.len() as u64, bytes.len() as u64, erased);
                        if is != (segment.entries, segment.size, segment.erased) {
                            wrong("the store has other counts of it".into());
                        }
                    }
                },
            }
            done.entries += segment.entries;
            done.bytes += segment.size;
        }
        done.segments += 1;
        Ok(())
    }
}
