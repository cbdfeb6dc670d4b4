//! Taking texts out of the store, wherever they lie: out of the live entry, and out of the segment that has it,
//! which is sealed anew without them. A message goes with all that it was edited to, or stays with all of it:
//! where one of these texts is in a segment that does not read, and where something is under a hold.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::json;

use super::Redact;
use crate::{
    clock::Millis,
    id::{HoldId, RoomId, RunId},
    log::{Draft, refuse},
    model::{Actor, HoldOn, Policy, Refusal, Run, RunDetail, RunKind, RunState, Segment},
    segment::{self, Line},
    store::{Write, erased, erasures::Erasure, has_text, is_erased, open_segment},
};

/// What is to leave the store, by the `seq` of its entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// A message, with all that it was edited to.
    Message(RoomId, u64),
    /// What an entry says that somebody reacted with.
    Reaction {
        /// Where.
        room: RoomId,
        /// That entry.
        seq: u64,
        /// The message.
        to: u64,
        /// What it says: whether they did from there on.
        on: bool,
    },
}

impl Target {
    fn room(self) -> RoomId {
        match self {
            Self::Message(room, _) | Self::Reaction { room, .. } => room,
        }
    }

    /// Of a reaction, the message.
    pub(super) fn message(self) -> Option<u64> {
        match self {
            Self::Message(..) => None,
            Self::Reaction { to, .. } => Some(to),
        }
    }

    fn seq(self) -> u64 {
        match self {
            Self::Message(_, seq) | Self::Reaction { seq, .. } => seq,
        }
    }
}

/// Something whose texts are to leave the store.
#[derive(Clone, Debug)]
struct Message {
    what: Target,
    room: RoomId,
    target: u64,
    /// Where its own text is.
    own: Place,
    /// The entries that edited it, and where they are.
    edits: Vec<(u64, Place)>,
}

/// Where an entry is: the `last` of the segment that has it; none when it is live only.
type Place = Option<u64>;

/// Segments that are to be sealed anew, by room and `last`; none for one that does not read.
type Opened = BTreeMap<(RoomId, u64), Option<(Segment, Vec<Line>)>>;

/// Texts that are to leave the store, and what that comes to.
#[derive(Clone, Debug)]
pub(super) struct Emptied {
    /// How many messages they are of.
    messages: u64,
    /// What is to be written, for texts and segments at this moment.
    texts: Vec<Text>,
    /// The segments without them.
    segments: Vec<(Segment, Bytes)>,
    /// The holds that were looked at.
    seen: Vec<HoldId>,
    /// Which messages these are, for the list outside the store.
    pub(super) listed: Vec<Erasure>,
    /// How many messages stay: they are held, or lie where nothing can be taken out.
    pub(super) kept: u64,
}

/// One text that leaves the store.
#[derive(Clone, Copy, Debug)]
struct Text {
    room: RoomId,
    target: u64,
    of: TextOf,
    /// The generation of the segment that has it, as it will be.
    generation: Option<u32>,
}

/// What a text is of.
#[derive(Clone, Copy, Debug)]
enum TextOf {
    /// A message that was edited so often.
    Message(usize),
    /// The edit by this entry.
    Edit(u64),
    /// A reaction to this message, and whether it was one from there on.
    Reaction(u64, bool),
}

impl Text {
    fn write(self, at: Millis) -> Write {
        let (room, target, generation) = (self.room, self.target, self.generation);
        match self.of {
            TextOf::Message(edits) => Write::Erase {
                room,
                target,
                at,
                generation,
                edits,
            },
            TextOf::Edit(seq) => Write::EraseEdit {
                room,
                target,
                seq,
                at,
                generation,
            },
            TextOf::Reaction(to, on) => Write::EraseReaction {
                room,
                target: to,
                on,
                seq: target,
                at,
                generation,
            },
        }
    }
}

impl Emptied {
    /// Of how many messages the texts leave the store.
    pub(super) fn count(&self) -> u64 {
        self.messages
    }

    /// Writes it down, for somebody who touches the control log. A run that rewrote segments is recorded.
    pub(super) fn write(&self, draft: &mut Draft<'_>, actor: &Actor) -> Result<(), Refusal> {
        let policy = draft.policy();
        if policy.holds.iter().any(|h| !self.seen.contains(&h.id)) {
            return Err(Refusal::Conflict("a hold was added meanwhile".into()));
        }
        let at = draft.now();
        if !self.segments.is_empty() {
            let run = self.run(actor, at);
            let detail = json!({"run": run.id, "texts": self.texts.len()});
            let target = Some(run.id.to_string());
            draft.act("archive.erase", actor, target, detail, &[]);
            draft.write(Write::PutRun(run));
        }
        for (segment, bytes) in &self.segments {
            draft.write(Write::RewriteSegment(segment.clone(), bytes.clone()));
        }
        for text in &self.texts {
            draft.write(text.write(at));
        }
        Ok(())
    }

    fn run(&self, actor: &Actor, at: Millis) -> Run {
        let mut detail = RunDetail::new(actor.clone());
        for (segment, _) in &self.segments {
            detail.room(segment.room).add(segment);
        }
        detail.planned = detail.rooms.iter().map(|r| r.entries).sum();
        Run {
            id: RunId::new(at),
            kind: RunKind::Erase,
            state: RunState::Done,
            at,
            finished_at: Some(at),
            detail,
        }
    }
}

impl Redact {
    /// What taking out the texts of these messages comes to, as things stand.
    pub(super) async fn empty(&self, targets: &[Target]) -> Result<Emptied, Refusal> {
        let policy = self.log.policy();
        let mut emptied = Emptied {
            messages: 0,
            texts: Vec::new(),
            segments: Vec::new(),
            seen: policy.holds.iter().map(|h| h.id).collect(),
            listed: Vec::new(),
            kept: 0,
        };
        let (mut opened, mut going) = (Opened::new(), Vec::new());
        for target in targets {
            let message = self.locate(*target).await?;
            self.open(&message, &mut opened).await?;
            if self.stays(&policy, &message, &opened).await? {
                emptied.kept += 1;
            } else {
                going.push(message);
            }
        }
        emptied.messages = going.len() as u64;
        let messages = going
            .iter()
            .filter(|m| matches!(m.what, Target::Message(..)));
        for message in messages {
            emptied.listed.extend(self.name(message, &opened).await?);
        }
        let generations = self.reseal(&going, opened, &mut emptied).await?;
        for message in &going {
            let (room, target) = (message.room, message.target);
            let text = |of, place: Place| Text {
                room,
                target,
                of,
                generation: place.and_then(|last| generations.get(&(room, last)).copied()),
            };
            let edits = message.edits.iter();
            let edits = edits.map(|(seq, place)| text(TextOf::Edit(*seq), *place));
            emptied.texts.extend(edits);
            let own = match message.what {
                Target::Message(..) => TextOf::Message(message.edits.len()),
                Target::Reaction { to, on, .. } => TextOf::Reaction(to, on),
            };
            emptied.texts.push(text(own, message.own));
        }
        Ok(emptied)
    }

    /// Where the texts of a message, or of a reaction, are.
    async fn locate(&self, what: Target) -> Result<Message, Refusal> {
        let (room, target) = (what.room(), what.seq());
        let mut edits = Vec::new();
        if matches!(what, Target::Message(..)) {
            let laid = self.store.laid_over(room, target, target).await;
            let laid = laid.map_err(|e| refuse(&e))?.remove(&target);
            for seq in laid.map(|l| l.edits).unwrap_or_default() {
                edits.push((seq, self.place(room, seq).await?));
            }
        }
        let own = self.place(room, target).await?;
        Ok(Message {
            what,
            room,
            target,
            own,
            edits,
        })
    }

    async fn place(&self, room: RoomId, seq: u64) -> Result<Place, Refusal> {
        let segment = self.store.segment_from(room, seq).await;
        let segment = segment.map_err(|e| refuse(&e))?;
        let segment = segment.filter(|s| s.covers(seq) && s.purged_at.is_none());
        Ok(segment.map(|s| s.last))
    }

    /// Reads the segments that have texts of a message.
    async fn open(&self, message: &Message, opened: &mut Opened) -> Result<(), Refusal> {
        for last in message.places().filter_map(|(_, place)| place) {
            let key = (message.room, last);
            if opened.contains_key(&key) {
                continue;
            }
            let found = self.store.segment(message.room, last).await;
            let Some((segment, bytes)) = found.map_err(|e| refuse(&e))? else {
                return Err(Refusal::Busy);
            };
            let lines = match open_segment(&segment, &bytes) {
                Ok(lines) => Some((segment, lines)),
                Err(e) => {
                    // Nothing can be taken out of what does not read, nor be said to be gone from it.
                    tracing::error!(error = %e, "texts of deleted messages stay; see `chatd archive verify`");
                    None
                }
            };
            opened.insert(key, lines);
        }
        Ok(())
    }

    /// Whether the texts of a message have to stay.
    async fn stays(
        &self,
        policy: &Policy,
        message: &Message,
        opened: &Opened,
    ) -> Result<bool, Refusal> {
        if policy.hold_on_room(message.room).is_some() {
            return Ok(true);
        }
        let on_users = policy.holds.iter().any(|h| matches!(h.on, HoldOn::User(_)));
        for (seq, place) in message.places() {
            let from = match place {
                Some(last) => match opened.get(&(message.room, last)) {
                    Some(Some((_, lines))) => {
                        lines.iter().find(|l| l.seq == seq).and_then(|l| l.from)
                    }
                    _ => return Ok(true),
                },
                None if on_users => {
                    let entry = self.store.live_entry(message.room.into(), seq).await;
                    entry.map_err(|e| refuse(&e))?.and_then(|e| e.from)
                }
                None => None,
            };
            if from.is_some_and(|from| policy.hold_on_user(from).is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a message is called in the list of what was erased; nothing where it is not there any more.
    async fn name(&self, message: &Message, opened: &Opened) -> Result<Option<Erasure>, Refusal> {
        let (room, seq) = (message.room, message.target);
        let archived = message.own.and_then(|last| {
            let (_, lines) = opened.get(&(room, last))?.as_ref()?;
            lines
                .iter()
                .find(|line| line.seq == seq)
                .map(|line| line.id)
        });
        let id = if archived.is_some() {
            archived
        } else {
            let entry = self.store.live_entry(room.into(), seq).await;
            entry.map_err(|e| refuse(&e))?.map(|entry| entry.id)
        };
        Ok(id.map(|id| Erasure::Text { room, seq, id }))
    }

    /// Seals the segments anew that have texts of these messages; answers their generations.
    async fn reseal(
        &self,
        going: &[Message],
        opened: Opened,
        emptied: &mut Emptied,
    ) -> Result<BTreeMap<(RoomId, u64), u32>, Refusal> {
        let mut gone: BTreeMap<(RoomId, u64), BTreeSet<u64>> = BTreeMap::new();
        for message in going {
            for (seq, place) in message.places() {
                if let Some(last) = place {
                    gone.entry((message.room, last)).or_default().insert(seq);
                }
            }
        }
        let mut generations = BTreeMap::new();
        for (key, segment) in opened {
            let (Some((segment, lines)), Some(gone)) = (segment, gone.get(&key)) else {
                continue;
            };
            let (segment, bytes) = without(segment, lines, gone).await?;
            generations.insert(key, segment.generation);
            emptied.segments.push((segment, bytes));
        }
        Ok(generations)
    }
}

impl Message {
    /// Each entry that has a text of it, and where it is.
    fn places(&self) -> impl Iterator<Item = (u64, Place)> + '_ {
        let own = (self.target, self.own);
        std::iter::once(own).chain(self.edits.iter().copied())
    }
}

/// The next generation of a segment, without these texts.
async fn without(
    mut segment: Segment,
    lines: Vec<Line>,
    gone: &BTreeSet<u64>,
) -> Result<(Segment, Bytes), Refusal> {
    let take = |line: Line| {
        let out = gone.contains(&line.seq) && has_text(&line);
        if out { erased(line) } else { line }
    };
    let lines: Vec<_> = lines.into_iter().map(take).collect();
    segment.erased = lines.iter().filter(|l| is_erased(l)).count() as u64;
    let room = segment.room;
    let sealing = tokio::task::spawn_blocking(move || segment::seal(room, &lines));
    let sealed = sealing.await.map_err(|_| Refusal::Internal)?;
    let sealed = sealed.map_err(|e| Refusal::Conflict(e.to_string()))?;
    segment.bytes = sealed.header.bytes;
    segment.size = sealed.bytes.len() as u64;
    segment.generation += 1;
    Ok((segment, sealed.bytes.into()))
}
