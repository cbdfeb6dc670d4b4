//! Taking back what was said: deleting one message, deleting all that somebody said in some time, undoing
//! that, and erasing the texts for good once it is too late to undo.
//!
//! Members, moderators and operators alike come through here, so that a deletion is one thing whoever does
//! it: an entry in the room's log, and a mark in the overlay by which the store hides the text. What takes
//! long (a mass redaction, a restore) is a task of the server in small slices, each waiting its turn at the
//! log behind what people say; who asked waits for it a while, and may come back to look.

mod again;
mod delete;
mod empty;
mod erase;
mod find;
mod forget;
mod list;
mod moment;
mod reactions;
mod restore;
mod run;
mod under_way;

use std::{sync::Arc, time::Duration};

use tokio::{sync::OwnedMutexGuard, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    delete::{Deleted, Removal},
    forget::Reached,
    list::Listed,
    moment::Moment,
    restore::Restored,
    run::Wanted,
    under_way::{Tasks, UnderWay},
};
use crate::{
    clock::{Clock, Millis},
    config::Live,
    feed::Feeds,
    id::{RoomId, UserId},
    limit::Limits,
    log::Log,
    model::{Authority, Member, Payload, Permission, Person, Refusal},
    rights,
    stats::Stats,
    store::{Store, erasures::Erasures},
};

/// How many messages one change deletes, restores or erases. Few: on a remote store each takes a few round
/// trips, and what people say in the meantime waits for all of them.
const SLICE: usize = 16;

/// How long who asked for a long task waits for its end: less than any door lets a request take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often something is tried again that had changed meanwhile.
const TRIES: u8 = 8;

/// Taking back what was said, with what it needs.
#[derive(Clone, Debug)]
pub struct Redact {
    /// Where things become durable.
    pub log: Log,
    /// Where they are read.
    pub store: Arc<dyn Store>,
    /// How often.
    pub limits: Arc<Limits>,
    /// The settings in force.
    pub config: Live,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub stats: Arc<Stats>,
    /// What happened lately.
    pub feeds: Arc<Feeds>,
    /// Where it is listed what was erased.
    pub erasures: Erasures,
    /// Whom the long tasks belong to.
    pub tasks: TaskTracker,
    /// Ends them between two slices.
    pub stopping: CancellationToken,
    /// What long tasks are under way, for those who watch.
    pub working: Tasks,
    /// Held by the one long task that may be under way.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

impl Redact {
    /// When a text that was deleted at `at` has to be gone.
    pub fn erased_from(&self, at: Millis) -> Millis {
        at.plus(self.config.get().messages.erase_within.into())
    }

    /// Whether the asker may look at, do and undo mass redactions at all.
    pub async fn check_permission(&self, by: &Authority) -> Result<(), Refusal> {
        let Authority::Caller(caller) = by else {
            return Ok(());
        };
        let user = self.log.user(caller.user).await?;
        let user = user.ok_or(Refusal::NotFound("user"))?;
        let now = self.clock.now();
        user.with(|p| rights::may(&p.who(caller.scopes, now), Permission::MessageRedact))
    }

    /// Whether the asker may delete in this room what `author` said, as things stand; answers their
    /// membership, if they have one.
    async fn check_room(
        &self,
        by: &Authority,
        room: RoomId,
        author: Option<UserId>,
    ) -> Result<Option<Member>, Refusal> {
        let live = self.log.room(room).await?;
        let live = live.ok_or(Refusal::NotFound("room"))?;
        match by {
            Authority::Operator(_) if live.facts().room.deleted_at.is_some() => {
                Err(Refusal::NotFound("room"))
            }
            Authority::Operator(_) => Ok(None),
            Authority::Caller(caller) => {
                let user = self.log.user(caller.user).await?;
                let user = user.ok_or(Refusal::NotFound("user"))?;
                let now = self.clock.now();
                let who = |p: &Person| {
                    rights::may_delete(&p.who(caller.scopes, now), &live.facts(), author)
                };
                user.with(who)
            }
        }
    }

    /// Whether the asker may act in this room on whatever anybody said.
    async fn reaches(&self, by: &Authority, room: RoomId) -> Result<bool, Refusal> {
        match self.check_room(by, room, None).await {
            Ok(_) => Ok(true),
            Err(Refusal::Forbidden(_) | Refusal::NotFound("room")) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// The place of the one long task.
    fn take_turn(&self) -> Result<OwnedMutexGuard<()>, Refusal> {
        let taken = Arc::clone(&self.turn).try_lock_owned();
        taken.map_err(|_| {
            let why = "another redaction or restore is under way; try again when it is done";
            Refusal::Conflict(why.into())
        })
    }

    /// Waits for a long task, but not for ever; none when it goes on by itself.
    async fn wait<T>(&self, task: JoinHandle<Result<T, Refusal>>) -> Result<Option<T>, Refusal> {
        match tokio::time::timeout(PATIENCE, task).await {
            Ok(Ok(done)) => done.map(Some),
            Ok(Err(e)) => {
                tracing::error!(error = %e, "a redaction did not finish");
                Err(Refusal::Internal)
            }
            Err(_) => Ok(None),
        }
    }

    fn check_stopping(&self) -> Result<(), Refusal> {
        if self.stopping.is_cancelled() {
            Err(Refusal::Unavailable)
        } else {
            Ok(())
        }
    }
}

/// The same as [`Redact::check_room`] at a request's turn.
fn check_turn(
    draft: &crate::log::Draft<'_>,
    by: &Authority,
    room: RoomId,
    author: Option<UserId>,
) -> Result<Option<Member>, Refusal> {
    let live = draft.room(room)?;
    let facts = live.facts();
    if facts.room.deleted_at.is_some() {
        return Err(Refusal::NotFound("room"));
    }
    let mut member = None;
    draft.authorise(by, |who| {
        member = rights::may_delete(who, &facts, author)?;
        Ok(())
    })?;
    Ok(member)
}

/// Refuses an act about a redaction to who may not redact (any more); none is the server itself.
fn authorise(draft: &crate::log::Draft<'_>, by: Option<&Authority>) -> Result<(), Refusal> {
    if let Some(by) = by {
        return draft.authorise(by, |who| rights::may(who, Permission::MessageRedact));
    }
    draft.by_itself();
    Ok(())
}

/// Whether an entry is a message that has a text.
fn is_said(payload: &Payload) -> bool {
    matches!(payload, Payload::Message { .. })
}
