//! Being woken at the moments of the schedule.

use std::sync::Arc;

use tokio_cron_scheduler::{Job as Wake, JobScheduler};

use super::Archive;

/// What wakes the schedule at its moments.
#[derive(Default)]
pub(super) struct Waker {
    /// The expression it goes by.
    by: Option<String>,
    scheduler: Option<JobScheduler>,
}

impl Waker {
    /// Goes by the schedule that holds now. If it cannot, what is due is found a minute late.
    pub(super) async fn follow(&mut self, archive: &Archive) {
        let paused = archive.log.policy().archive.paused;
        let wanted = archive.cron().filter(|_| !paused).map(|c| c.with_seconds());
        if wanted == self.by {
            return;
        }
        self.stop().await;
        self.by.clone_from(&wanted);
        let Some(text) = wanted else { return };
        let wake = Arc::clone(&archive.rescheduled);
        let started = async {
            let scheduler = JobScheduler::new().await?;
            let job = Wake::new(text.as_str(), move |_, _| wake.notify_one())?;
            scheduler.add(job).await?;
            scheduler.start().await?;
            Ok::<_, tokio_cron_scheduler::JobSchedulerError>(scheduler)
        };
        match started.await {
            Ok(scheduler) => self.scheduler = Some(scheduler),
            Err(e) => tracing::warn!(error = %e, "the scheduler does not start"),
        }
    }

    pub(super) async fn stop(&mut self) {
        if let Some(mut scheduler) = self.scheduler.take()
            && let Err(e) = scheduler.shutdown().await
        {
            tracing::debug!(error = %e, "the scheduler did not stop");
        }
    }
}
