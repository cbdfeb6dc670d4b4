//! Sealing: old entries become segments.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Archive, LINGER, Wanted,
    job::{Ended, Job, is_fatal},
    step::reached,
};
use crate::{
    clock::Millis,
    id::RoomId,
    log::{Error, refuse},
    model::{Authority, Permission, Refusal, Run, RunKind, Segment},
    segment::{self, Line},
    store::{self, Write, open_segment, sealed_segment},
};

/// How many entries a segment has at most: enough to compress well, few enough to read one for a page.
const ENTRIES: usize = 1_000;
/// How many bytes of text, about: a document of MongoDB has at most 16 MiB.
const TEXT: usize = 1 << 20;
/// How many live entries one step takes out beside traffic.
const SLICE: u64 = 50;
/// How long a run beside traffic rests between two steps of giving back space.
const BREATH: Duration = Duration::from_millis(50);
/// How often a segment is made anew because a text of it was erased meanwhile.
const TRIES: u8 = 8;

/// A segment that is ready to be put into the store.
struct Prepared {
    segment: Segment,
    bytes: Bytes,
    lines: Vec<Line>,
}

impl Archive {
    /// Begins to archive; answers the record as it stands then.
    pub async fn archive(&self, by: &Authority, wanted: Wanted) -> Result<Run, Refusal> {
        self.check(by, Permission::ArchiveRun).await?;
        let now = self.clock.now();
        self.check_before(wanted.before, now, "before")?;
        self.seal_as(by, wanted, false).await
    }

    /// The same for the schedule too, which nobody has to be asked about.
    pub(super) async fn seal_as(
        &self,
        by: &Authority,
        wanted: Wanted,
        scheduled: bool,
    ) -> Result<Run, Refusal> {
        // What is wrong with the rooms is said before anything is recorded.
        let rooms = self.rooms_of(&wanted).await?;
        let mut detail = Self::detail_of(&wanted, by.actor());
        detail.scheduled = scheduled;
        let mut job = self.begin(by, RunKind::Archive, detail).await?;
        let begun = job.run.clone();
        self.tasks.spawn(async move {
            let ended = job.seal_rooms(rooms).await;
            job.end(ended).await;
        });
        Ok(begun)
    }
}

impl Job {
    async fn seal_rooms(&mut self, rooms: Vec<(RoomId, Millis)>) -> Result<Ended, Refusal> {
        let mut due = Vec::new();
        for (room, before) in rooms {
            if self.is_stopped() {
                return Ok(Ended::Stopped);
            }
            match self.look(room, before).await {
                Ok(Some((from, upto))) => {
                    self.run.detail.planned += upto - from;
                    due.push((room, from, upto));
                }
                Ok(None) => {}
                Err(e) => self.give_up_room(room, e)?,
            }
        }
        self.note().await?;
        for (room, from, upto) in due {
            match self.seal_room(room, from, upto).await {
                Ok(Ended::Done) => {}
                Ok(Ended::Stopped) => return Ok(Ended::Stopped),
                Err(e) => self.give_up_room(room, e)?,
            }
        }
        reached("sealed all");
        self.give_back().await?;
        Ok(Ended::Done)
    }

    /// Gives back the space that was freed, bit by bit.
    async fn give_back(&self) -> Result<(), Refusal> {
        while !self.is_stopped() && self.archive.store.reclaim().await.map_err(|e| refuse(&e))? > 0
        {
            if self.run.detail.rate.is_some() {
                tokio::time::sleep(BREATH).await;
            }
        }
        Ok(())
    }

    /// One room that cannot be archived does not keep the others from it.
    pub(super) fn give_up_room(&mut self, room: RoomId, error: Error) -> Result<(), Refusal> {
        if is_fatal(&error) {
            return Err(error.into());
        }
        let why = error.to_string();
        tracing::warn!(%room, %why, "a room was not archived");
        self.run.detail.room(room).error = Some(why);
        Ok(())
    }

    /// Finishes what an earlier run left in a room, and looks what is to be sealed there.
    async fn look(&mut self, room: RoomId, before: Millis) -> Result<Option<(u64, u64)>, Error> {
        self.archive.drop_restored(room).await?;
        let from = self.archive.sealed_upto(room).await?;
        if from > 0 {
            self.delete_live(room, 0, from).await?;
        }
        let upto = self.archive.old_upto(room, from, before).await?;
        Ok(upto.map(|(upto, _)| (from, upto)))
    }

    async fn seal_room(&mut self, room: RoomId, from: u64, upto: u64) -> Result<Ended, Error> {
        let mut prepared = self.prepare(room, from, upto).await?;
        let mut tries = 0;
        while let Some(ready) = prepared {
            if self.is_stopped() {
                return Ok(Ended::Stopped);
            }
            let last = ready.segment.last;
            // The next one is made while this one is written.
            let (put, next) = tokio::join!(self.put(&ready), self.prepare(room, last, upto));
            match put {
                Ok(()) => {}
                Err(Error::Stale) if tries < TRIES => {
                    tries += 1;
                    let from = ready.segment.first - 1;
                    prepared = self.prepare(room, from, upto).await?;
                    continue;
                }
                Err(e) => return Err(e),
            }
            tries = 0;
            self.archive.stats.archived.add(ready.segment.entries);
            self.run.detail.room(room).add(&ready.segment);
            self.note().await?;
            self.pace(ready.segment.entries).await;
            prepared = next?;
        }
        Ok(Ended::Done)
    }

    /// Reads the next entries and seals them.
    async fn prepare(&self, room: RoomId, from: u64, upto: u64) -> Result<Option<Prepared>, Error> {
        if from >= upto {
            return Ok(None);
        }
        let store = &self.archive.store;
        let lines = store.lines(room, from, upto, ENTRIES, TEXT).await;
        let lines = lines.map_err(|e| refuse(&e))?;
        let first = lines.first().map_or(0, |l| l.seq);
        if first != from + 1 {
            let why = format!("entry {} is missing; see: chatd store check", from + 1);
            return Err(Refusal::Conflict(why).into());
        }
        let sealing = tokio::task::spawn_blocking(move || {
            let sealed = segment::seal(room, &lines);
            sealed.map(|sealed| (sealed, lines))
        });
        let sealed = sealing.await.map_err(|_| Refusal::Internal)?;
        let (sealed, lines) = sealed.map_err(|e| Refusal::Conflict(e.to_string()))?;
        let segment = sealed_segment(&sealed, &lines, self.run.id);
        let bytes = sealed.bytes.into();
        Ok(Some(Prepared {
            segment,
            bytes,
            lines,
        }))
    }

    /// Writes a segment, reads it back, and takes out what it has.
    async fn put(&self, ready: &Prepared) -> Result<(), Error> {
        let Prepared {
            segment,
            bytes,
            lines,
        } = ready;
        reached("sealed");
        let insert = Write::InsertSegment(segment.clone(), bytes.clone());
        self.archive.commit(vec![insert]).await?;
        reached("inserted");
        let read = self.archive.store.segment(segment.room, segment.last).await;
        let (stored, bytes) = read
            .map_err(|e| refuse(&e))?
            .ok_or_else(|| damaged("it is not there"))?;
        let found = open_segment(&stored, &bytes).map_err(|e| damaged(&e.to_string()))?;
        // A text that was erased between the two is gone from both.
        if stored.generation == segment.generation && found != *lines {
            return Err(damaged("it is not what was sealed"));
        }
        reached("verified");
        self.delete_live(segment.room, segment.first - 1, segment.last)
            .await?;
        reached("deleted");
        Ok(())
    }

    /// Takes out live entries that a segment has, up to and with `upto`.
    pub(super) async fn delete_live(
        &self,
        room: RoomId,
        from: u64,
        upto: u64,
    ) -> Result<(), Error> {
        let store = &self.archive.store;
        let first = store.lines(room, from, upto, 1, 0).await;
        let Some(first) = first.map_err(|e| refuse(&e))?.first().map(|l| l.seq) else {
            return Ok(());
        };
        let slice = if self.run.detail.rate.is_some() {
            SLICE
        } else {
            ENTRIES as u64
        };
        let mut from = first - 1;
        while from < upto {
            let upto = upto.min(from + slice);
            let gone = Write::DeleteLive { room, upto };
            self.archive.commit(vec![gone]).await?;
            from = upto;
            reached("slice");
        }
        Ok(())
    }
}

impl Archive {
    /// Drops the segments of a room whose entries are live again, once nobody reads them any more.
    pub(super) async fn drop_restored(&self, room: RoomId) -> Result<(), Error> {
        loop {
            let last = self.store.segment_before(room, u64::MAX).await;
            let last = last.map_err(|e: store::Error| refuse(&e))?;
            let Some((segment, at)) = last.and_then(|s| s.restored_at.map(|at| (s, at))) else {
                return Ok(());
            };
            if self.clock.now() < at.plus(LINGER) {
                let why = "this room was restored less than a minute ago; try again then";
                return Err(Refusal::Conflict(why.into()).into());
            }
            let gone = Write::DeleteSegment {
                room,
                last: segment.last,
            };
            self.commit(vec![gone]).await?;
        }
    }
}

fn damaged(why: &str) -> Error {
    tracing::error!(%why, "a segment did not read back; its entries stay live");
    Refusal::Conflict(format!("a segment did not read back: {why}")).into()
}
