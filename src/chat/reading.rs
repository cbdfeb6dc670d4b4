//! Reading: up to where somebody has read a room, on whichever of their devices.
//!
//! A reader says so often, and only the last of it matters. So what somebody says about a room within a second
//! after it was written down is kept until that second is over, and the last of it is written down then, for
//! everyone together; all of it is answered with what came of it. What was answered is durable.

mod place;
mod want;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) use self::place::Past;
use self::want::Want;
use super::Chat;
use crate::{
    hold::held,
    id::{RoomId, UserId},
    log::{Draft, LiveRoom},
    model::{Caller, Head, Marker, Pass, Read, Refusal},
    rights::{self, InRoom},
    store::Write,
};

/// How long what somebody says about a room waits after it was written down, at most once in so long.
const EVERY: Duration = Duration::from_secs(1);
/// How many are written down together: other requests wait for that, so not too many.
const TOGETHER: usize = 256;
/// How many people, in so many rooms, may be waiting or have been written down just now (about 200 bytes
/// each); one more is told to come back.
const MOST: usize = 65_536;
/// How many places in logs are looked up at a time.
const LOOKS: usize = 8;

/// Somebody has read a room.
#[derive(Clone, Copy, Debug)]
pub struct NewRead {
    /// Which.
    pub room: RoomId,
    /// Up to and with this `seq`.
    pub seq: u64,
    /// Whether it may go back to there, so that what comes after it is unread again.
    pub back: bool,
}

/// Up to where somebody has read a room, and where that stands.
#[derive(Clone, Copy, Debug)]
pub struct HasRead {
    /// Which.
    pub room: RoomId,
    /// Up to where.
    pub read: Marker,
    /// Where its log stands.
    pub head: Head,
}

/// Takes the answer. It must not wait.
pub type Answer = Box<dyn FnOnce(Result<HasRead, Refusal>) + Send>;

type Key = (RoomId, UserId);

/// What somebody says about a room.
struct Asked {
    pass: Pass,
    want: Want,
    answers: Vec<Answer>,
}

#[derive(Default)]
struct Waiting {
    /// Who waits; none is asked of those who were written down just now and have said nothing since.
    asked: HashMap<Key, Option<Asked>>,
    /// Those who can be written down.
    ready: VecDeque<Key>,
    /// Those who have to wait, and until when, the first first.
    held: VecDeque<(Instant, Key)>,
    /// Whether somebody sees to them.
    tended: bool,
}

/// Who says that they have read.
pub struct Reading {
    waiting: Mutex<Waiting>,
    news: Notify,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Reading {
    /// Nobody says anything yet. What there is to do is done on `tasks`, and without waiting once the server
    /// is `stopping`.
    pub fn new(tasks: TaskTracker, stopping: CancellationToken) -> Self {
        Self {
            waiting: Mutex::default(),
            news: Notify::new(),
            tasks,
            stopping,
        }
    }

    /// Takes note; true when somebody has to begin to see to it.
    fn add(&self, key: Key, pass: Pass, want: Want, answer: Answer) -> bool {
        let mut guard = self.waiting.lock();
        let waiting = &mut *guard;
        if waiting.asked.len() >= MOST && !waiting.asked.contains_key(&key) {
            drop(guard);
            answer(Err(Refusal::Busy));
            return false;
        }
        let ready = &mut waiting.ready;
        let slot = waiting.asked.entry(key).or_insert_with(|| {
            ready.push_back(key);
            None
        });
        if let Some(asked) = slot {
            asked.pass = pass;
            asked.want = asked.want.then(want);
            asked.answers.push(answer);
        } else {
            let answers = vec![answer];
            *slot = Some(Asked {
                pass,
                want,
                answers,
            });
        }
        let begin = !std::mem::replace(&mut waiting.tended, true);
        drop(guard);
        self.news.notify_one();
        begin
    }

    /// Those who can be written down now; or until when there is nobody; or that there is nobody left.
    fn next(&self) -> Next {
        let (now, stopping) = (Instant::now(), self.stopping.is_cancelled());
        let mut guard = self.waiting.lock();
        let waiting = &mut *guard;
        while let Some((due, key)) = waiting.held.front().copied() {
            if due > now && !stopping {
                break;
            }
            waiting.held.pop_front();
            if waiting.asked.get(&key).is_some_and(Option::is_some) {
                waiting.ready.push_back(key);
            } else {
                waiting.asked.remove(&key);
            }
        }
        let mut batch = Vec::new();
        while batch.len() < TOGETHER
            && let Some(key) = waiting.ready.pop_front()
        {
            let asked = waiting.asked.get_mut(&key).and_then(Option::take);
            batch.extend(asked.map(|asked| (key, asked)));
        }
        if !batch.is_empty() {
            let due = now + EVERY;
            let held = batch.iter().map(|(key, _)| (due, *key));
            waiting.held.extend(held);
            return Next::Write(batch);
        }
        if let Some((due, _)) = waiting.held.front() {
            return Next::Wait(*due);
        }
        waiting.tended = false;
        Next::Nobody
    }
}

enum Next {
    Write(Vec<(Key, Asked)>),
    Wait(Instant),
    Nobody,
}

/// Whether somebody has moved, and where to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Move {
    Stays,
    On,
    /// What lies before is unread again.
    Back,
}

/// Somebody on their way to where they want to be.
struct Step {
    key: Key,
    pass: Pass,
    want: Want,
    to: Result<Place, Refusal>,
    answers: Vec<Answer>,
}

/// Where somebody wants to be; the same as they are, when they need not go.
#[derive(Clone, Copy)]
struct Place {
    at: Marker,
    /// The end of the log when that was looked up.
    head: u64,
}

impl Chat {
    /// Notes that somebody has read a room up to somewhere; answers when that is durable.
    pub async fn read(&self, caller: &Caller, new: NewRead) -> Result<HasRead, Refusal> {
        let (tx, rx) = oneshot::channel();
        let answer = Box::new(move |done| drop(tx.send(done)));
        let (room, _) = self.seen(caller, new.room).await?;
        self.note_read(caller, &room, new, answer);
        rx.await.unwrap_or(Err(Refusal::Unavailable))
    }

    /// The same for a room in memory, without waiting.
    pub fn note_read(&self, caller: &Caller, room: &LiveRoom, new: NewRead, answer: Answer) {
        if let Err(refusal) = self.may_note(caller, room, new) {
            return answer(Err(refusal));
        }
        let want = if new.back {
            Want::Just(new.seq)
        } else {
            Want::AtLeast(new.seq)
        };
        let key = (new.room, caller.user);
        if self.reading.add(key, caller.pass(), want, answer) {
            let chat = self.clone();
            self.reading.tasks.spawn(chat.tend_reading());
        }
    }

    fn may_note(&self, caller: &Caller, room: &LiveRoom, new: NewRead) -> Result<(), Refusal> {
        let user = self.log.user_in_memory(caller.user);
        let user = user.ok_or(Refusal::Unavailable)?;
        let now = self.clock.now();
        user.with(|person| {
            rights::may_in_room(&person.who(caller.scopes, now), &room.facts(), InRoom::Read)
        })?;
        if new.seq > room.head().seq {
            let why = "this room has no such entry yet";
            return Err(Refusal::field("seq", why));
        }
        Ok(())
    }

    /// Writes down what readers say until nobody says anything any more.
    async fn tend_reading(self) {
        let reading = Arc::clone(&self.reading);
        loop {
            match reading.next() {
                Next::Write(batch) => self.write_down(batch).await,
                Next::Wait(until) => {
                    tokio::select! {
                        biased;
                        () = reading.stopping.cancelled() => {}
                        () = reading.news.notified() => {}
                        () = sleep_until(until) => {}
                    }
                }
                Next::Nobody => return,
            }
        }
    }

    async fn write_down(&self, batch: Vec<(Key, Asked)>) {
        let steps = batch.into_iter().map(|(key, asked)| async move {
            let to = self.look_up(key, asked.want).await;
            let Asked {
                pass,
                want,
                answers,
            } = asked;
            Step {
                key,
                pass,
                want,
                to,
                answers,
            }
        });
        let mut steps: Vec<Step> = stream::iter(steps).buffered(LOOKS).collect().await;
        let plan: Vec<_> = steps
            .iter()
            .map(|s| (s.key, s.pass, s.want, s.to.clone()))
            .collect();
        let outcome = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&outcome);
        held("TEST_HOLD_READING").await;
        let done = self.log.append(&[], None, move |draft| {
            let mut reads = Vec::new();
            let come_to = plan.iter().map(|(key, pass, want, to)| {
                let to = to.clone()?.at;
                let (from, floor) = may_move(draft, *key, *pass)?;
                // They may have come anew since it was looked up where that is.
                if !want.at(to.seq).moves(from.seq) || to.seq < floor {
                    return Ok((from, Move::Stays));
                }
                let (room, user) = *key;
                reads.push(Read {
                    room,
                    user,
                    upto: to,
                });
                let back = to.seq < from.seq;
                Ok((to, if back { Move::Back } else { Move::On }))
            });
            *told.lock() = come_to.collect();
            if !reads.is_empty() {
                draft.write(Write::Read(reads));
            }
            Ok(())
        });
        let done = done.await;
        let outcome: Vec<Result<(Marker, Move), Refusal>> = std::mem::take(&mut *outcome.lock());
        let passed = if done.is_ok() {
            let came = self.purged_meanwhile(&steps, &outcome);
            self.pass_purged(came).await
        } else {
            HashMap::new()
        };
        let mut outcome = outcome.into_iter();
        let mut went_back = Vec::new();
        for step in steps.drain(..) {
            // Without a turn there is no outcome.
            let came = outcome.next().unwrap_or(Err(Refusal::Unavailable));
            let back = done.is_ok() && matches!(came, Ok((_, Move::Back)));
            let came = came.and_then(|(read, moved)| match &done {
                Err(e) if moved != Move::Stays => Err(e.clone().into()),
                _ => Ok(passed.get(&step.key).copied().unwrap_or(read)),
            });
            let (room, user) = step.key;
            if back {
                went_back.push((room, user));
            }
            let head = self.log.room_in_memory(room).map(|live| live.head());
            let came = came.map(|read| HasRead {
                room,
                read,
                head: head.unwrap_or_default(),
            });
            for answer in step.answers {
                answer(came.clone());
            }
        }
        if !went_back.is_empty() {
            let chat = self.clone();
            self.reading.tasks.spawn(async move {
                for (room, user) in went_back {
                    chat.tell_mentions(room, user).await;
                }
            });
        }
    }

    /// Those who have moved, in rooms of which something was purged since it was looked up where to.
    fn purged_meanwhile(
        &self,
        steps: &[Step],
        outcome: &[Result<(Marker, Move), Refusal>],
    ) -> Vec<Read> {
        let came = steps.iter().zip(outcome).filter_map(|(step, came)| {
            let (Ok(to), Ok((upto, Move::On | Move::Back))) = (&step.to, came) else {
                return None;
            };
            let (room, user) = step.key;
            let live = self.log.room_in_memory(room);
            let purged = live.is_none_or(|live| live.purged_after(to.head));
            let upto = *upto;
            purged.then_some(Read { room, user, upto })
        });
        came.collect()
    }

    /// The place that somebody wants to be at.
    async fn look_up(&self, (id, user): Key, want: Want) -> Result<Place, Refusal> {
        // Who decides needs them in memory.
        self.user(user).await?;
        let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        // Before it is looked where they are: what is purged in between is known to be.
        let head = room.head();
        let (from, floor) = {
            let facts = room.facts();
            let member = facts.members.get(&user).copied();
            let member = member.ok_or(Refusal::NotFound("room"))?;
            (member.read, rights::floor(&facts.room, member))
        };
        // What lies before one's time is not there to be unread.
        let seq = want.seq().max(floor);
        let at = if want.moves(from.seq) {
            self.place(id.into(), seq, head).await?
        } else {
            from
        };
        let head = head.seq;
        Ok(Place { at, head })
    }
}

/// Whether somebody may still read a room, as of this turn.
/// Answers where they are, and before what they cannot go.
fn may_move(draft: &Draft<'_>, (id, user): Key, pass: Pass) -> Result<(Marker, u64), Refusal> {
    let room = draft.room(id)?;
    let facts = room.facts();
    draft.authorise_pass(pass, |who| {
        rights::may_in_room(who, &facts, InRoom::Read).map(drop)
    })?;
    let member = facts.members.get(&user).copied();
    let member = member.ok_or(Refusal::NotFound("room"))?;
    Ok((member.read, rights::floor(&facts.room, member)))
}
