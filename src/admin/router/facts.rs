//! What frames tell that takes asking: of the store and of the system. Asked beside them, and only while somebody
//! watches, so that a store that is stuck holds up no frame.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::{
    api,
    status::{self, Known},
};
use crate::{
    desk::{self, Desk},
    stats::Process,
};

/// How many may watch at once.
const WATCHERS: usize = 16;
/// How old what is known may be before it is asked again.
const FRESH: Duration = Duration::from_secs(5);
/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many that ended are told.
const ENDED: usize = 20;
/// How long a first frame waits for an answer that is on its way.
const SHORT: Duration = Duration::from_millis(100);

/// What is shared by all who watch.
#[derive(Debug)]
pub(super) struct Facts {
    places: Arc<Semaphore>,
    last: Mutex<Option<Answered>>,
    asking: AtomicBool,
    answered: Notify,
}

#[derive(Clone, Debug)]
struct Answered {
    known: Known,
    open_files: u64,
    at: Instant,
    ended: Ended,
}

/// Work that ended, and by what is noticed that there is more of it. Runs may have a long record, which is not read
/// every few seconds for nothing.
#[derive(Clone, Debug, Default)]
struct Ended {
    mark: Option<Mark>,
    jobs: Arc<[api::EndedJob]>,
}

/// How many events of such work there were, and what is under way.
type Mark = (u64, Vec<Option<String>>);

impl Default for Facts {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(WATCHERS)),
            last: Mutex::default(),
            asking: AtomicBool::new(false),
            answered: Notify::new(),
        }
    }
}

impl Facts {
    /// A place for one more who watches; none when all are taken.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Asks again if what is known is old and nobody asks already. Waits for nothing.
    pub(super) fn refresh(self: &Arc<Self>, desk: &Arc<Desk>) {
        let fresh = |answered: &Answered| answered.at.elapsed() < FRESH;
        if self.last.lock().as_ref().is_some_and(fresh) || self.asking.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let (facts, desk) = (Arc::clone(self), Arc::clone(desk));
        let tasks = desk.archive.tasks.clone();
        tasks.spawn(async move {
            let asked = timeout(PATIENCE, status::ask(&desk));
            let known = tokio::select! {
                biased;
                () = desk.archive.stopping.cancelled() => return,
                known = asked => known,
            };
            let known = known.unwrap_or_else(|_| silent(PATIENCE));
            let ended = facts.last.lock().as_ref().map(|it| it.ended.clone());
            let ended = look_again(&desk, &known, ended.unwrap_or_default()).await;
            *facts.last.lock() = Some(Answered {
                known,
                open_files: Process::read().open_files,
                at: Instant::now(),
                ended,
            });
            facts.asking.store(false, Ordering::Release);
            facts.answered.notify_waiters();
        });
    }

    /// For somebody's first frame: lets an answer come that is not far.
    pub(super) async fn settle(self: &Arc<Self>, desk: &Arc<Desk>) {
        let answered = self.answered.notified();
        let mut answered = std::pin::pin!(answered);
        answered.as_mut().enable();
        self.refresh(desk);
        if self.asking.load(Ordering::Acquire) {
            let _goes_on_without = timeout(SHORT, answered).await;
        }
    }

    /// Work that ended lately.
    pub(super) fn ended(&self) -> Vec<api::EndedJob> {
        let last = self.last.lock();
        last.as_ref()
            .map_or_else(Vec::new, |it| it.ended.jobs.to_vec())
    }

    /// What is known, and how many files are open; no older than a store may take to answer.
    pub(super) fn known(&self) -> (Known, u64) {
        match &*self.last.lock() {
            Some(last) if last.at.elapsed() < FRESH + SHORT * 20 => {
                (last.known.clone(), last.open_files)
            }
            Some(last) => (silent(last.at.elapsed()), last.open_files),
            None => (silent(Duration::ZERO), 0),
        }
    }
}

/// What ended, read again if something did.
async fn look_again(desk: &Desk, known: &Known, before: Ended) -> Ended {
    if known.holds.is_err() {
        return before;
    }
    let events = desk.ops.feeds.jobs();
    let mark: Mark = (
        events,
        desk::jobs(desk).into_iter().map(|job| job.id).collect(),
    );
    if before.mark.as_ref() == Some(&mark) {
        return before;
    }
    match timeout(PATIENCE, desk::ended(desk, ENDED)).await {
        Ok(Ok(jobs)) => Ended {
            mark: Some(mark),
            jobs: jobs.into(),
        },
        // It is asked again with what is asked next.
        _ => before,
    }
}

/// What is known of a store that has said nothing for so long.
fn silent(since: Duration) -> Known {
    let why = match since.as_secs() {
        0 => "it has not answered yet".to_owned(),
        seconds => format!("it has not answered for {seconds} s"),
    };
    Known {
        webhook: None,
        files: None,
        shelf_free: None,
        holds: Err(why),
        standing: None,
        disk: None,
    }
}
