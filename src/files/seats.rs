//! How many read files at once: each holds a piece of a file in memory, and as long as they like.

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{id::UserId, model::Refusal};

/// How many files one person may read at once.
const EACH: usize = 32;
/// How many may be read at once in all. Of a file in an object store up to a mebibyte is held for each.
const ALL: usize = 512;
/// How long one waits for a place: a page with more images than that has all of them after a while.
const PATIENCE: Duration = Duration::from_secs(10);
/// When one may try again who waited in vain.
const LATER: Duration = Duration::from_secs(1);

/// Who reads files at the moment.
#[derive(Debug, Default)]
pub struct Seats {
    taken: Mutex<HashMap<UserId, usize>>,
    freed: Notify,
}

/// The place of one who reads; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    user: UserId,
}

impl Seats {
    /// A place for one file more, as soon as there is one.
    pub(super) async fn take(self: &Arc<Self>, user: UserId) -> Result<Seat, Refusal> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut freed = pin!(self.freed.notified());
            // Before it is looked: what is given back in between wakes this.
            freed.as_mut().enable();
            match self.try_take(user) {
                Ok(seat) => return Ok(seat),
                Err(refusal) if timeout_at(until, freed).await.is_err() => return Err(refusal),
                Err(_) => {}
            }
        }
    }

    fn try_take(self: &Arc<Self>, user: UserId) -> Result<Seat, Refusal> {
        let mut all = self.taken.lock();
        if all.get(&user).is_some_and(|mine| *mine >= EACH) {
            return Err(Refusal::RateLimited { retry_after: LATER });
        }
        if all.values().sum::<usize>() >= ALL {
            return Err(Refusal::Busy);
        }
        *all.entry(user).or_default() += 1;
        drop(all);
        Ok(Seat {
            seats: Arc::clone(self),
            user,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut all = self.seats.taken.lock();
        if let Some(mine) = all.get_mut(&self.user) {
            *mine -= 1;
            if *mine == 0 {
                all.remove(&self.user);
            }
        }
        drop(all);
        self.seats.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;

    #[tokio::test]
    async fn nobody_takes_all_of_them_and_who_waits_gets_one() {
        let seats = Arc::new(Seats::default());
        let user = |_| UserId::new(Millis(0));
        let one = user(0);
        let mut mine: Vec<_> = (0..EACH).map(|_| seats.try_take(one)).collect();
        assert!(mine.iter().all(Result::is_ok));
        let refused = seats.try_take(one);
        assert!(matches!(refused, Err(Refusal::RateLimited { .. })));
        let others: Vec<_> = (EACH..ALL).map(|n| seats.try_take(user(n))).collect();
        assert!(others.iter().all(Result::is_ok));
        assert!(matches!(seats.try_take(user(0)), Err(Refusal::Busy)));
        let waiting = tokio::spawn({
            let seats = Arc::clone(&seats);
            async move { seats.take(one).await }
        });
        tokio::task::yield_now().await;
        mine.pop();
        waiting.await.expect("no panic").expect("a seat");
        drop((mine, others));
        assert!(seats.taken.lock().is_empty());
    }
}
