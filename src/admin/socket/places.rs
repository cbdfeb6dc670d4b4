//! How many may speak to the admin socket at once. Nobody gets all of it: whoever looks after the server has to get in
//! when a script of somebody else's, or their own, opens connections without end.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::admin::{access::Peer, level::Level};

/// Connections in all.
const ALL: usize = 64;
/// Those of people who do not own the server, together.
const OTHERS: usize = 40;
/// Those of one of them; of owners, those of one process.
const EACH: usize = 20;
/// How many more may wait for a place. What comes beyond that is closed at once.
const WAITING: usize = 256;

/// The places there are.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    others: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    each: Mutex<HashMap<Whose, Weak<Semaphore>>>,
    /// How long somebody waits.
    patience: Duration,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    /// Its part of the places of one, of those of others, and of all.
    _held: (
        OwnedSemaphorePermit,
        Option<OwnedSemaphorePermit>,
        OwnedSemaphorePermit,
    ),
    /// Known as long as somebody has a part of it.
    _share: Arc<Semaphore>,
}

/// A place among those who wait, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(
    #[expect(dead_code, reason = "its drop is what it is for")] OwnedSemaphorePermit,
);

/// Who shares a part of the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Process(Option<i32>),
    User(u32),
}

impl Whose {
    fn of(peer: &Peer) -> Self {
        if peer.level == Some(Level::Own) {
            Self::Process(peer.pid)
        } else {
            Self::User(peer.uid)
        }
    }
}

impl Places {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            all: Arc::new(Semaphore::new(ALL)),
            others: Arc::new(Semaphore::new(OTHERS)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            each: Mutex::default(),
            patience,
        }
    }

    /// Lets somebody wait; none when too many do.
    pub(super) fn queue(&self) -> Option<Turn> {
        let turn = Arc::clone(&self.waiting).try_acquire_owned();
        turn.ok().map(Turn)
    }

    /// Waits for a place; none when none got free in time.
    pub(super) async fn take(&self, peer: &Peer) -> Option<Place> {
        let whose = Whose::of(peer);
        let mine = self.share(whose);
        let taking = async {
            let of_each = Arc::clone(&mine).acquire_owned().await.ok()?;
            let of_others = match whose {
                Whose::Process(_) => None,
                Whose::User(_) => Some(Arc::clone(&self.others).acquire_owned().await.ok()?),
            };
            let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Place {
                _held: (of_each, of_others, of_all),
                _share: Arc::clone(&mine),
            })
        };
        timeout(self.patience, taking).await.ok().flatten()
    }

    /// The part of the places that is theirs, as long as somebody holds or waits for one of it.
    fn share(&self, whose: Whose) -> Arc<Semaphore> {
        let mut each = self.each.lock();
        if let Some(share) = each.get(&whose).and_then(Weak::upgrade) {
            return share;
        }
        each.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(EACH));
        each.insert(whose, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(uid: u32, pid: i32) -> Peer {
        Peer {
            uid,
            gid: uid,
            pid: Some(pid),
            level: (uid == 0).then_some(Level::Own),
        }
    }

    async fn take(places: &Places, peer: &Peer, most: usize) -> Vec<Place> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(place) = places.take(peer).await
        {
            taken.push(place);
        }
        taken
    }

    #[tokio::test]
    async fn nobody_gets_all_of_it() {
        let places = Places::new(Duration::from_millis(1));
        let mut held = Vec::new();
        // A user gets no more with more processes, and all users together not everything.
        for uid in 5000..5010 {
            let before = held.len();
            for pid in 0..4 {
                held.extend(take(&places, &peer(uid, pid), ALL).await);
            }
            assert!(held.len() - before <= EACH, "uid {uid}");
        }
        assert_eq!(held.len(), OTHERS);
        // One process of root's leaves room for the next.
        let first = take(&places, &peer(0, 1), ALL).await;
        assert_eq!(first.len(), EACH);
        assert!(places.take(&peer(0, 2)).await.is_some());
        // What is given back can be had again, and nothing is kept of who is gone.
        drop((held, first));
        assert_eq!(take(&places, &peer(0, 3), ALL).await.len(), EACH);
        assert_eq!(places.each.lock().len(), 1);
    }

    #[tokio::test]
    async fn a_place_that_gets_free_goes_to_who_waits() {
        let places = Places::new(Duration::from_mins(1));
        let root = peer(0, 1);
        let mut held = take(&places, &root, EACH).await;
        let mut waiting = std::pin::pin!(places.take(&root));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        drop(held.pop());
        assert!(waiting.await.is_some());
    }

    #[tokio::test]
    async fn as_many_wait_as_may() {
        let places = Places::new(Duration::from_mins(1));
        let turns: Vec<_> = (0..WAITING).map_while(|_| places.queue()).collect();
        assert_eq!(turns.len(), WAITING);
        assert!(places.queue().is_none(), "one more does not wait");
        drop(turns);
        assert!(places.queue().is_some());
    }
}
