//! The archive: sealed segments of rooms' logs, the runs that made and changed them, and holds, which keep
//! what was said from being taken out of the store.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    entry::Actor,
    refusal::Refusal,
    text::{Invalid, Reason},
};
use crate::{
    clock::Millis,
    id::{HoldId, RoomId, RunId, UserId},
};

/// A sealed segment: a room's consecutive entries as one block of bytes, which are kept beside this.
///
/// The segments of a room lie one after the other from its first entry on. What is younger than the last of
/// them is live. An entry may be in both for a while: during a run, and after a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Whose entries.
    pub room: RoomId,
    /// The `seq` of the first entry.
    pub first: u64,
    /// The `seq` of the last entry.
    pub last: u64,
    /// The number of messages of the room up to the last entry.
    pub n: u64,
    /// When the first entry was made.
    pub first_at: Millis,
    /// When the last entry was made.
    pub last_at: Millis,
    /// How many entries; none is missing between the first and the last.
    pub entries: u64,
    /// How many of them are messages.
    pub messages: u64,
    /// How many of those have no text any more.
    pub erased: u64,
    /// How many bytes the entries take before they are compressed.
    pub bytes: u64,
    /// How many bytes it takes as it lies; 0 once it is purged.
    pub size: u64,
    /// 1 when it was sealed; one more with each change since, so that nobody changes what they have not seen.
    pub generation: u32,
    /// The run that sealed it.
    pub run: RunId,
    /// That it is to be purged.
    pub purge: Option<Purge>,
    /// When it was purged: the entries are gone, and only this is left to say so.
    pub purged_at: Option<Millis>,
    /// When its entries were made live again. It is kept a little longer, for those who looked for live
    /// entries before they were there.
    pub restored_at: Option<Millis>,
}

impl Segment {
    /// Whether it has the entry with this `seq`, or had it.
    pub fn covers(&self, seq: u64) -> bool {
        (self.first..=self.last).contains(&seq)
    }

    /// What is wrong with its place after the segment before it in its room; none is before the first.
    pub fn misplaced(&self, before: Option<&Self>) -> Vec<String> {
        let (seq, n) = before.map_or((0, 0), |b| (b.last, b.n));
        let mut wrong = Vec::new();
        if self.first != seq + 1 {
            wrong.push(format!("it should begin with entry {}", seq + 1));
        }
        if self.n != n + self.messages {
            wrong.push(format!("its n should be {}", n + self.messages));
        }
        wrong
    }

    /// Whether its entries are nowhere else: sealed, neither purged nor restored.
    pub fn is_sealed(&self) -> bool {
        self.purged_at.is_none() && self.restored_at.is_none()
    }
}

/// That a segment is to be purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// By which run; restoring that takes it back.
    pub run: RunId,
    /// From when on.
    pub at: Millis,
}

super::record::word!(
    /// What a run of the archive does.
    RunKind {
        /// Seals old entries.
        Archive = "archive",
        /// Makes the entries of a run live again, or takes back a purge that has not happened.
        Restore = "restore",
        /// Decides that old segments are to be purged, once their time of grace is over.
        Prune = "prune",
        /// Purges what was pruned.
        Purge = "purge",
        /// Takes the texts of deleted messages out of segments.
        Erase = "erase",
    }
);

super::record::word!(
    /// Where a run stands.
    RunState {
        /// It is under way.
        Running = "running",
        /// All of it was done.
        Done = "done",
        /// It was told to stop, and stopped between two segments.
        Stopped = "stopped",
        /// Something of it could not be done; its rooms say what.
        Failed = "failed",
        /// The process that ran it ended. Running the same again finishes it.
        Interrupted = "interrupted",
    }
);

/// One run of the archive, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which; newer ones are greater.
    pub id: RunId,
    /// What it does.
    pub kind: RunKind,
    /// Where it stands.
    pub state: RunState,
    /// When it began.
    pub at: Millis,
    /// When it ended; none while it is under way.
    pub finished_at: Option<Millis>,
    /// What else is recorded of it.
    pub detail: RunDetail,
}

/// The part of a run that nothing is looked up by; lies in the store as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDetail {
    /// Who asked for it.
    pub actor: Actor,
    /// Whether the schedule did.
    #[serde(default)]
    pub scheduled: bool,
    /// What is older than this; rooms may have their own age, which their part says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Millis>,
    /// Only in these rooms; empty for every room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<RoomId>,
    /// The most entries a second; none for as fast as it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// The run that it is about, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<RunId>,
    /// From when on what it pruned is purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_at: Option<Millis>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How many entries it was about to go through when it began; what progress is measured by.
    #[serde(default)]
    pub planned: u64,
    /// What it did, room by room, as far as it came.
    #[serde(default)]
    pub rooms: Vec<RunRoom>,
    /// What went wrong with the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a run did in one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRoom {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the first entry it went through; 0 when there was none.
    pub first: u64,
    /// The `seq` of the last one.
    pub last: u64,
    /// How many segments it made or changed.
    pub segments: u64,
    /// How many entries they have.
    pub entries: u64,
    /// How many of those are messages.
    pub messages: u64,
    /// How many bytes those entries take uncompressed.
    pub bytes: u64,
    /// How many bytes the segments take.
    pub size: u64,
    /// What was left out, or went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RunRoom {
    /// A room in which nothing was done yet.
    pub fn new(room: RoomId) -> Self {
        Self {
            room,
            first: 0,
            last: 0,
            segments: 0,
            entries: 0,
            messages: 0,
            bytes: 0,
            size: 0,
            error: None,
        }
    }

    /// Counts one more segment among those of its room; rooms come one after the other.
    pub fn gather(rooms: &mut Vec<Self>, segment: &Segment) {
        if rooms.last().is_none_or(|r| r.room != segment.room) {
            rooms.push(Self::new(segment.room));
        }
        if let Some(room) = rooms.last_mut() {
            room.add(segment);
        }
    }

    /// Counts one more segment, which follows the others.
    pub fn add(&mut self, segment: &Segment) {
        if self.first == 0 || segment.first < self.first {
            self.first = segment.first;
        }
        self.last = self.last.max(segment.last);
        self.segments += 1;
        self.entries += segment.entries;
        self.messages += segment.messages;
        self.bytes += segment.bytes;
        self.size += segment.size;
    }
}

impl RunDetail {
    /// What is recorded of a run that begins.
    pub fn new(actor: Actor) -> Self {
        Self {
            actor,
            scheduled: false,
            before: None,
            only: Vec::new(),
            rate: None,
            of: None,
            purge_at: None,
            reason: None,
            planned: 0,
            rooms: Vec::new(),
            error: None,
        }
    }

    /// What it did in a room.
    pub fn room(&mut self, room: RoomId) -> &mut RunRoom {
        // Rooms come one after the other, so the one that is meant is the last.
        let at = self.rooms.iter().rposition(|r| r.room == room);
        let at = at.unwrap_or_else(|| {
            self.rooms.push(RunRoom::new(room));
            self.rooms.len() - 1
        });
        &mut self.rooms[at]
    }
}

/// A legal hold: nothing that was said in a room, or by a person, is taken out of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which; newer ones are greater.
    pub id: HoldId,
    /// What is held.
    pub on: HoldOn,
    /// Why.
    pub reason: Reason,
    /// Who asked for it; none when an operator did.
    pub by: Option<UserId>,
    /// When.
    pub at: Millis,
}

impl Hold {
    /// The answer to who wants to take out what it is on.
    pub fn refusal(&self, what: &str) -> Refusal {
        let (id, reason) = (self.id, self.reason.as_str());
        Refusal::Conflict(format!(
            "{what} is under a legal hold ({reason}); release it first, with: chatd hold release {id}"
        ))
    }
}

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldOn {
    /// Everything in a room.
    Room(RoomId),
    /// Everything a person said.
    User(UserId),
}

/// From which age on something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AgeText", into = "AgeText")]
pub enum Age {
    /// At none.
    Never,
    /// At this one.
    Over(Duration),
}

/// How an age lies in the store: milliseconds, or `never`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AgeText {
    Millis(u64),
    Word(String),
}

impl TryFrom<AgeText> for Age {
    type Error = Invalid;

    fn try_from(text: AgeText) -> Result<Self, Invalid> {
        match text {
            AgeText::Millis(ms) => Ok(Self::Over(Duration::from_millis(ms))),
            AgeText::Word(word) if word == "never" => Ok(Self::Never),
            AgeText::Word(word) => Err(Invalid(format!("no age: {word:?}"))),
        }
    }
}

impl From<Age> for AgeText {
    fn from(age: Age) -> Self {
        match age {
            Age::Never => Self::Word("never".into()),
            Age::Over(age) => Self::Millis(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

impl Age {
    /// What was made before this is old enough, as of `now`; none when nothing is.
    pub fn before(self, now: Millis) -> Option<Millis> {
        match self {
            Self::Never => None,
            Self::Over(age) => Some(now.minus(age)),
        }
    }
}

/// How the archive runs, as far as it was decided at run time: what is none here the settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivePolicy {
    /// From which age on entries are archived by the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<Age>,
    /// From which age on what is archived is pruned by the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune_older_than: Option<Age>,
    /// When it runs: a cron expression, in UTC; the empty text for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Whether the schedule is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// The moment from which on the schedule counts: what was due before is done, or was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
    /// The last run that the schedule began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<RunId>,
    /// Rooms with an age of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rooms: BTreeMap<RoomId, Age>,
}

impl super::Policy {
    /// The hold on a room, if there is one.
    pub fn hold_on_room(&self, room: RoomId) -> Option<&Hold> {
        self.holds.iter().find(|h| h.on == HoldOn::Room(room))
    }

    /// The hold on a person, if there is one.
    pub fn hold_on_user(&self, user: UserId) -> Option<&Hold> {
        self.holds.iter().find(|h| h.on == HoldOn::User(user))
    }
}
