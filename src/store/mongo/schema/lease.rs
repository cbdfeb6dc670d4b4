//! Who may run the steps: one process at a time, and another one when that is silent for too long.

use std::time::Duration;

use mongodb::{
    bson::{Uuid, doc},
    options::ReturnDocument,
};

use super::Collections;
use crate::{
    clock::Clock,
    store::{
        Error,
        mongo::{
            documents::date,
            fault::{is_duplicate, store_error, within},
        },
    },
};

/// How long a process that runs the steps may be silent before another takes over. The clocks of two machines
/// may differ by less than this.
const LEASE: Duration = Duration::from_mins(1);
/// How often the lease is renewed while a step runs: two renewals may fail.
const RENEW: Duration = Duration::from_secs(15);

/// The lease, ours until we are silent for too long.
pub(super) struct Lease<'a> {
    db: &'a Collections,
    clock: &'a Clock,
    /// What nobody else has: a process that lost the lease does not take the next one's for its own.
    holder: Uuid,
}

impl<'a> Lease<'a> {
    /// Takes the lease if nobody has it.
    pub(super) async fn take(db: &'a Collections, clock: &'a Clock) -> Result<Option<Self>, Error> {
        let (now, holder) = (clock.now(), Uuid::new());
        let process = i64::from(std::process::id());
        let expired = doc! { "_id": "lease", "until": { "$lt": date(now) } };
        let ours = doc! {
            "$set": { "until": date(now.plus(LEASE)), "holder": holder, "process": process },
        };
        let taken = db
            .meta
            .find_one_and_update(expired, ours)
            .upsert(true)
            .return_document(ReturnDocument::After);
        match within(taken).await {
            Ok(_) => Ok(Some(Self { db, clock, holder })),
            Err(fault) if is_duplicate(&fault) => Ok(None),
            Err(fault) => Err(store_error(fault)),
        }
    }

    /// Runs a step as long as the lease is ours. None when it is another's: then the step is not begun, or not
    /// waited for.
    pub(super) async fn hold<T>(
        &self,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, Error> {
        self.hold_renewing(RENEW, step).await
    }

    async fn hold_renewing<T>(
        &self,
        every: Duration,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, Error> {
        if !self.renew().await? {
            return Ok(None);
        }
        tokio::select! {
            biased;
            done = step => done.map(Some),
            lost = self.keep(every) => lost.map(|()| None),
        }
    }

    /// Renews the lease until it is another's.
    async fn keep(&self, every: Duration) -> Result<(), Error> {
        let mut until = self.clock.now().plus(LEASE);
        loop {
            tokio::time::sleep(every).await;
            match self.renew().await {
                Ok(true) => until = self.clock.now().plus(LEASE),
                Ok(false) => return Ok(()),
                Err(e) if self.clock.now() >= until => return Err(e),
                Err(e) => tracing::debug!("cannot renew the lease yet: {e}"),
            }
        }
    }

    /// Makes the lease last; false when it is another's, or nobody's any more.
    async fn renew(&self) -> Result<bool, Error> {
        let until = date(self.clock.now().plus(LEASE));
        let renewed = self
            .db
            .meta
            .update_one(self.ours(), doc! { "$set": { "until": until } });
        let renewed = within(renewed).await.map_err(store_error)?;
        Ok(renewed.matched_count == 1)
    }

    /// Gives it back, if it is still ours.
    pub(super) async fn release(self) -> Result<(), Error> {
        let freed = within(self.db.meta.delete_one(self.ours())).await;
        freed.map(drop).map_err(store_error)
    }

    fn ours(&self) -> mongodb::bson::Document {
        doc! { "_id": "lease", "holder": self.holder }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Millis, store::mongo::tests::Base};

    const NOW: Millis = Millis(1_800_000_000_000);

    async fn until(db: &Collections) -> i64 {
        let lease = db.meta.find_one(doc! { "_id": "lease" }).await.unwrap();
        let until = *lease.unwrap().get_datetime("until").unwrap();
        until.timestamp_millis()
    }

    #[tokio::test]
    async fn a_lease_lasts_as_long_as_its_step() {
        let Some(base) = Base::new() else { return };
        let store = base.mongo().await;
        let (db, clock) = (&store.db, Clock::fixed(NOW));
        let lease = Lease::take(db, &clock).await.unwrap().unwrap();
        let other = Clock::fixed(NOW);
        let step = async {
            for seconds in [50, 100, 150] {
                let now = NOW.plus(Duration::from_secs(seconds));
                clock.set(now);
                while until(db).await < now.plus(LEASE).0 {}
                other.set(now);
                assert!(Lease::take(db, &other).await.unwrap().is_none());
            }
            Ok(())
        };
        let held = lease.hold_renewing(Duration::from_millis(1), step).await;
        assert!(held.unwrap().is_some());
        lease.release().await.unwrap();
        assert!(Lease::take(db, &clock).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn who_lost_the_lease_stops_and_leaves_it_alone() {
        let Some(base) = Base::new() else { return };
        let store = base.mongo().await;
        let (db, clock) = (&store.db, Clock::fixed(NOW));
        let lease = Lease::take(db, &clock).await.unwrap().unwrap();
        let late = Clock::fixed(NOW.plus(LEASE).plus(Duration::from_millis(1)));
        let next = Lease::take(db, &late).await.unwrap().unwrap();
        let begun = lease.hold(async { panic!("it lost the lease") });
        assert!(matches!(begun.await, Ok(None::<()>)));
        lease.release().await.unwrap();
        assert!(next.renew().await.unwrap());

        // And in the middle of a step.
        let later = Clock::fixed(NOW.plus(3 * LEASE));
        let step = async {
            Lease::take(db, &later).await.unwrap().unwrap();
            std::future::pending::<Result<(), Error>>().await
        };
        let held = next.hold_renewing(Duration::from_millis(1), step).await;
        assert!(held.unwrap().is_none());
    }
}
