//! What a run is to do: which rooms, up to which entry. A dry run says it, and does nothing.

use super::Archive;
use crate::{
    clock::Millis,
    config::Period,
    id::RoomId,
    log::refuse,
    model::{Age, Refusal, RunDetail, RunRoom},
};

/// How many rooms are listed at a time.
const ROOMS: usize = 500;

/// What is to be archived.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What is older than this.
    pub before: Millis,
    /// Only in these rooms; empty for all that have no age of their own, and for those by theirs.
    pub rooms: Vec<RoomId>,
    /// The most entries a second; none for as fast as it goes.
    pub rate: Option<u32>,
}

/// What a run would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is older than this.
    pub before: Millis,
    /// Room by room: the range, and how many entries and messages. Rooms in which nothing is to be done are
    /// left out, but for those that were asked for by name.
    pub rooms: Vec<RunRoom>,
}

impl Plan {
    /// How many entries.
    pub fn entries(&self) -> u64 {
        self.rooms.iter().map(|room| room.entries).sum()
    }
}

impl Archive {
    /// Refuses what is too young to be archived.
    pub fn check_before(&self, before: Millis, now: Millis, field: &str) -> Result<(), Refusal> {
        if before < Millis(0) {
            return Err(Refusal::field(field, "nothing is as old as that"));
        }
        let least = self.config.get().archive.min_age;
        if before > now.minus(least.into()) {
            let why = format!(
                "what is younger than archive.min_age ({least}) is not archived: its txns are still needed"
            );
            return Err(Refusal::field(field, why));
        }
        Ok(())
    }

    /// What a run would do at this moment.
    pub async fn plan(&self, wanted: &Wanted) -> Result<Plan, Refusal> {
        let mut rooms = Vec::new();
        for (room, before) in self.rooms_of(wanted).await? {
            let planned = self.plan_room(room, before).await?;
            if planned.entries > 0 || !wanted.rooms.is_empty() {
                rooms.push(planned);
            }
        }
        Ok(Plan {
            before: wanted.before,
            rooms,
        })
    }

    /// The rooms of a run, and what is old enough in each.
    pub(super) async fn rooms_of(&self, wanted: &Wanted) -> Result<Vec<(RoomId, Millis)>, Refusal> {
        let now = self.clock.now();
        let policy = self.log.policy();
        let own = |room: &RoomId| policy.archive.rooms.get(room).copied();
        let mut rooms = Vec::new();
        for room in &wanted.rooms {
            if own(room) == Some(Age::Never) {
                let why = "this room is never archived; change that with: chatd archive policy";
                return Err(Refusal::Conflict(why.into()));
            }
            rooms.push((*room, wanted.before));
        }
        if !rooms.is_empty() {
            return Ok(rooms);
        }
        let youngest = now.minus(self.config.get().archive.min_age.into());
        let mut after = None;
        loop {
            let ids = self.store.room_ids(after, ROOMS).await;
            let ids = ids.map_err(|e| refuse(&e))?;
            let Some(last) = ids.last() else {
                return Ok(rooms);
            };
            after = Some(*last);
            for room in ids {
                let before = match own(&room) {
                    None => Some(wanted.before),
                    Some(age) => age.before(now).map(|before| before.min(youngest)),
                };
                rooms.extend(before.map(|before| (room, before)));
            }
        }
    }

    async fn plan_room(&self, room: RoomId, before: Millis) -> Result<RunRoom, Refusal> {
        let mut planned = RunRoom::new(room);
        let from = self.sealed_upto(room).await?;
        let Some((last, n)) = self.old_upto(room, from, before).await? else {
            return Ok(planned);
        };
        let n_before = if from == 0 {
            0
        } else {
            self.segment_n(room, from).await?
        };
        planned.first = from + 1;
        planned.last = last;
        planned.entries = last - from;
        planned.messages = n.saturating_sub(n_before);
        Ok(planned)
    }

    async fn segment_n(&self, room: RoomId, last: u64) -> Result<u64, Refusal> {
        let segment = self.store.segment_from(room, last).await;
        Ok(segment.map_err(|e| refuse(&e))?.map_or(0, |s| s.n))
    }

    /// The last entry of a room that is in a segment for good; 0 when none is.
    pub(super) async fn sealed_upto(&self, room: RoomId) -> Result<u64, Refusal> {
        let mut upto = u64::MAX;
        loop {
            let segment = self.store.segment_before(room, upto).await;
            match segment.map_err(|e| refuse(&e))? {
                None => return Ok(0),
                Some(segment) if segment.restored_at.is_some() => upto = segment.last,
                Some(segment) => return Ok(segment.last),
            }
        }
    }

    /// The last live entry after `from` that was made before this moment, and its `n`; none when there is none.
    /// The last entry of a room is never among them: it says where the log stands. Found by halving, as `at`
    /// never goes back.
    pub(super) async fn old_upto(
        &self,
        room: RoomId,
        from: u64,
        before: Millis,
    ) -> Result<Option<(u64, u64)>, Refusal> {
        let head = self.store.head(room.into()).await.map_err(|e| refuse(&e))?;
        let (mut low, mut high) = (from, head.seq.saturating_sub(1));
        let mut found = None;
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let line = self.store.lines(room, middle - 1, middle, 1, 0).await;
            let Some(line) = line.map_err(|e| refuse(&e))?.pop() else {
                return Err(Refusal::Conflict(format!(
                    "entry {middle} of the room is missing; see: chatd store check"
                )));
            };
            if line.at < before {
                low = middle;
                found = Some((line.seq, line.n));
            } else {
                high = middle - 1;
            }
        }
        Ok(found)
    }

    /// What is recorded of how a run was asked for.
    pub(super) fn detail_of(wanted: &Wanted, actor: crate::model::Actor) -> RunDetail {
        RunDetail {
            before: Some(wanted.before),
            only: wanted.rooms.clone(),
            rate: wanted.rate,
            ..RunDetail::new(actor)
        }
    }

    /// The rate of a run that beside traffic does not hold it up; none for as fast as it goes.
    pub fn usual_rate(&self) -> Option<u32> {
        let rate = self.config.get().archive.rate;
        (rate > 0).then_some(rate)
    }

    /// The age that the settings, or what was decided at run time, give.
    pub fn age(&self, configured: Period, decided: Option<Age>) -> Age {
        decided.unwrap_or(if configured.get().is_zero() {
            Age::Never
        } else {
            Age::Over(configured.get())
        })
    }
}
