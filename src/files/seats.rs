//! How many read files at once: each holds a piece of a file in memory, and as long as they like.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;

use crate::{id::UserId, model::Refusal};

/// How many files one person may read at once: more than any page shows.
const EACH: usize = 32;
/// How many may be read at once in all. Of a file in an object store about 1.5 MiB are held for each.
const ALL: usize = 256;
/// When one may try again who reads too many.
const LATER: Duration = Duration::from_secs(1);

/// Who reads files at the moment.
#[derive(Debug, Default)]
pub struct Seats(Mutex<HashMap<UserId, usize>>);

/// The place of one who reads; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    user: UserId,
}

impl Seats {
    /// A place for one file more, if there is one.
    pub(super) fn take(self: &Arc<Self>, user: UserId) -> Result<Seat, Refusal> {
        let mut all = self.0.lock();
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
        let mut all = self.seats.0.lock();
        if let Some(mine) = all.get_mut(&self.user) {
            *mine -= 1;
            if *mine == 0 {
                all.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;

    #[test]
    fn nobody_takes_all_of_them_and_all_are_given_back() {
        let seats = Arc::new(Seats::default());
        let user = |_| UserId::new(Millis(0));
        let one = user(0);
        let mine: Vec<_> = (0..EACH)
            .map(|_| seats.take(one).expect("a seat"))
            .collect();
        assert!(matches!(seats.take(one), Err(Refusal::RateLimited { .. })));
        let others: Vec<_> = (EACH..ALL)
            .map(|n| seats.take(user(n)).expect("a seat"))
            .collect();
        assert!(matches!(seats.take(user(0)), Err(Refusal::Busy)));
        drop((mine, others));
        assert!(seats.0.lock().is_empty());
        seats.take(one).expect("a seat");
    }
}
