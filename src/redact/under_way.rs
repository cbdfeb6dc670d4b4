//! What long task is under way, for those who watch.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Redact;
use crate::{
    clock::{Clock, Millis},
    feed::{Feeds, Happening, Kind},
    id::{RedactionId, RoomId},
};

/// A long task, as far as it is.
#[derive(Clone, Debug)]
pub struct UnderWay {
    /// `redaction` or `erasure`.
    pub kind: &'static str,
    /// The redaction.
    pub id: Option<RedactionId>,
    /// Since when.
    pub since: Millis,
    /// How many messages are done.
    pub done: u64,
    /// Where it is at.
    pub room: Option<RoomId>,
}

/// The long tasks that are under way: one of redacting or restoring, and one of erasing.
pub type Tasks = Arc<Mutex<Vec<UnderWay>>>;

/// Stands for a task in the list until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    tasks: Tasks,
    feeds: Arc<Feeds>,
    clock: Clock,
    kind: &'static str,
    id: Option<RedactionId>,
}

impl Redact {
    /// What long tasks are under way.
    pub fn under_way(&self) -> Vec<UnderWay> {
        self.working.lock().clone()
    }

    /// Takes a place in the list for a task that begins.
    pub(super) fn begin_task(&self, kind: &'static str, id: Option<RedactionId>) -> Place {
        self.working.lock().push(UnderWay {
            kind,
            id,
            since: self.clock.now(),
            done: 0,
            room: None,
        });
        let place = Place {
            tasks: Arc::clone(&self.working),
            feeds: Arc::clone(&self.feeds),
            clock: self.clock.clone(),
            kind,
            id,
        };
        place.tell("job.begin", None);
        place
    }
}

impl Place {
    /// So many messages more are done.
    pub(super) fn moved(&self, room: Option<RoomId>, messages: u64) {
        let mut tasks = self.tasks.lock();
        if let Some(task) = tasks
            .iter_mut()
            .find(|t| (t.kind, t.id) == (self.kind, self.id))
        {
            task.done += messages;
            task.room = room.or(task.room);
        }
    }

    fn tell(&self, what: &str, done: Option<u64>) {
        self.feeds.tell(Happening {
            at: self.clock.now(),
            kind: Kind::Job,
            what: what.into(),
            who: None,
            target: self.id.map(|id| id.to_string()),
            detail: Some(match done {
                Some(messages) => format!("{}, messages={messages}", self.kind),
                None => self.kind.to_owned(),
            }),
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tasks = self.tasks.lock();
        let at = tasks
            .iter()
            .position(|t| (t.kind, t.id) == (self.kind, self.id));
        let done = at.map(|at| tasks.remove(at).done);
        drop(tasks);
        self.tell("job.end", done);
    }
}
