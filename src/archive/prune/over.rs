//! What is purged is not there to be unread: whoever has read a room up to there, or into it, has read on to its end.

use crate::{
    archive::job::Job,
    log::{Error, refuse},
    model::{Facts, Marker, Read, Segment},
    store::Write,
};

/// How many people are moved on in one change: other requests wait for that.
const TOGETHER: usize = 256;

impl Job {
    /// Moves those on who have read up to where some segments of a room begin that follow each other, or into them. It
    /// goes before purging, so that it is made up for by the next run when this one ends in between.
    pub(super) async fn pass_over(&self, stretch: &[Segment]) -> Result<(), Error> {
        let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else {
            return Ok(());
        };
        let (room, from) = (first.room, first.first - 1);
        let upto = self.end_of_gap(last).await?;
        let log = &self.archive.log;
        while let Some(live) = log.room(room).await?
            && !behind(&live.facts(), from, upto).is_empty()
        {
            // Decided by how it is at its turn.
            let moved = log.append(&[room.into()], None, move |draft| {
                draft.by_itself();
                let reads = behind(&draft.room(room)?.facts(), from, upto);
                draft.write(Write::Read(reads));
                Ok(())
            });
            moved.await?;
        }
        Ok(())
    }

    /// Where a segment ends, and what was purged right behind it.
    async fn end_of_gap(&self, last: &Segment) -> Result<Marker, Error> {
        let mut end = Marker {
            seq: last.last,
            n: last.n,
        };
        loop {
            let next = self.archive.store.segment_from(last.room, end.seq + 1);
            match next.await.map_err(|e| refuse(&e))? {
                Some(next) if next.purged_at.is_some() => {
                    end = Marker {
                        seq: next.last,
                        n: next.n,
                    };
                }
                _ => return Ok(end),
            }
        }
    }
}

/// Who has read up to `from` or further, and not to `upto`, which is where they are to be: so many at a time.
fn behind(facts: &Facts, from: u64, upto: Marker) -> Vec<Read> {
    let there = from..upto.seq;
    let members = facts.members.values();
    members
        .filter(|member| there.contains(&member.read.seq))
        .take(TOGETHER)
        .map(|member| Read {
            room: facts.room.id,
            user: member.user,
            upto,
        })
        .collect()
}
