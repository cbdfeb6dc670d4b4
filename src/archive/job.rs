//! A run as a task: its record, and that there is one at a time.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Archive, Current};
use crate::{
    feed::{Happening, Kind},
    id::{RoomId, RunId},
    log::{Error, refuse},
    model::{Authority, Permission, Refusal, Run, RunDetail, RunKind, RunState},
    rights,
    store::Write,
};

/// How often the record of a run that is under way is written.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// How many of the last runs are looked through for one that was interrupted.
const LOOK_BACK: usize = 50;
/// How many segments are looked at at a time.
const SEGMENTS: usize = 500;

/// How a run's work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It came to its end.
    Done,
    /// It was told to stop before.
    Stopped,
}

/// A run that is under way: what its work goes by, and where it says what it did.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) archive: Archive,
    pub(super) run: Run,
    pub(super) stop: CancellationToken,
    began: Instant,
    noted: Instant,
    /// How many entries it has gone through, for keeping to its rate.
    paced: u64,
}

impl Archive {
    /// Records that a run begins, and gives it its place. It ends with [`Job::end`].
    pub(super) async fn begin(
        &self,
        by: &Authority,
        kind: RunKind,
        detail: RunDetail,
    ) -> Result<Job, Refusal> {
        let now = self.clock.now();
        let run = Run {
            id: RunId::new(now),
            kind,
            state: RunState::Running,
            at: now,
            finished_at: None,
            detail,
        };
        let stop = self.stopping.child_token();
        {
            let mut current = self.current.write();
            if let Some(other) = current.as_ref() {
                let (kind, id) = (other.run.kind, other.run.id);
                let why = format!(
                    "a run of the archive is under way ({kind} {id}); wait for it, or stop it with: \
                     chatd archive stop {id}"
                );
                return Err(Refusal::Conflict(why));
            }
            *current = Some(Current {
                run: run.clone(),
                stop: stop.clone(),
            });
        }
        let job = Job {
            archive: self.clone(),
            run,
            stop,
            began: Instant::now(),
            noted: Instant::now(),
            paced: 0,
        };
        let noted = async {
            self.close_interrupted().await?;
            job.note_begin(by).await
        };
        if let Err(refusal) = noted.await {
            *self.current.write() = None;
            return Err(refusal);
        }
        job.tell("job.begin", job.run.kind.to_string());
        Ok(job)
    }

    /// Notes of runs whose process ended that they were interrupted, with what they had done by then.
    pub async fn close_interrupted(&self) -> Result<(), Refusal> {
        let runs = self.store.runs(None, LOOK_BACK).await;
        let runs = runs.map_err(|e| refuse(&e))?.into_iter();
        let mine = self.running().map(|run| run.id);
        let left = runs.filter(|run| run.state == RunState::Running && Some(run.id) != mine);
        for mut run in left {
            if run.kind == RunKind::Archive {
                self.recount(&mut run).await?;
            }
            run.state = RunState::Interrupted;
            run.finished_at = Some(self.clock.now());
            tracing::warn!(run = %run.id, kind = %run.kind, "a run of the archive was interrupted");
            self.commit(vec![Write::PutRun(run)]).await?;
        }
        Ok(())
    }

    /// What a run sealed, by what there is: its record may be a moment behind.
    async fn recount(&self, run: &mut Run) -> Result<(), Refusal> {
        run.detail.rooms.retain(|room| room.error.is_some());
        let mut after: Option<(RoomId, u64)> = None;
        loop {
            let segments = self.store.segments(after, SEGMENTS).await;
            let segments = segments.map_err(|e| refuse(&e))?;
            let Some(last) = segments.last() else {
                return Ok(());
            };
            after = Some((last.room, last.last));
            for segment in segments.iter().filter(|s| s.run == run.id) {
                run.detail.room(segment.room).add(segment);
            }
        }
    }
}

impl Job {
    async fn note_begin(&self, by: &Authority) -> Result<(), Refusal> {
        let (run, touches, by) = (self.run.clone(), by.touching(&[]), by.clone());
        let act = format!("{}.begin", act_of(run.kind));
        let detail = json!({
            "run": run.id,
            "before": run.detail.before,
            "rooms": run.detail.only,
            "of": run.detail.of,
            "scheduled": run.detail.scheduled,
            "reason": run.detail.reason,
        });
        let done = self.archive.log.append(&touches, None, move |draft| {
            if run.detail.scheduled {
                draft.by_itself();
            } else {
                draft.authorise(&by, |who| rights::may(who, Permission::ArchiveRun))?;
            }
            let target = Some(run.id.to_string());
            draft.act(&act, &run.detail.actor, target, detail.clone(), &[]);
            draft.write(Write::PutRun(run.clone()));
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    /// Shows how far it is, and writes that down now and then.
    pub(super) async fn note(&mut self) -> Result<(), Refusal> {
        if let Some(current) = self.archive.current.write().as_mut() {
            current.run = self.run.clone();
        }
        if self.noted.elapsed() >= NOTE_EVERY {
            self.noted = Instant::now();
            let record = vec![Write::PutRun(self.run.clone())];
            self.archive.commit(record).await?;
        }
        Ok(())
    }

    /// Waits until the rate of the run lets it go on after so many entries more.
    pub(super) async fn pace(&mut self, entries: u64) {
        self.paced += entries;
        let Some(rate) = self.run.detail.rate else {
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "a wait need not be exact")]
        let due = self.paced as f64 / f64::from(rate.max(1));
        let due = self.began + Duration::try_from_secs_f64(due).unwrap_or(Duration::MAX);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep_until(due) => {}
        }
    }

    /// Records the end.
    pub(super) async fn end(mut self, ended: Result<Ended, Refusal>) -> Run {
        let failed = self.run.detail.rooms.iter().any(|r| r.error.is_some());
        self.run.state = match &ended {
            Ok(Ended::Stopped) => RunState::Stopped,
            Ok(Ended::Done) if failed => RunState::Failed,
            Ok(Ended::Done) => RunState::Done,
            Err(refusal) => {
                self.run.detail.error = Some(refusal.to_string());
                RunState::Failed
            }
        };
        self.run.finished_at = Some(self.archive.clock.now());
        let run = self.run.clone();
        let act = format!("{}.finish", act_of(run.kind));
        let (entries, segments) = totals(&run.detail);
        let detail = json!({"state": run.state, "entries": entries, "segments": segments});
        let written = run.clone();
        let touches = [crate::id::LogId::Control];
        let done = self.archive.log.append(&touches, None, move |draft| {
            draft.by_itself();
            let target = Some(written.id.to_string());
            draft.act(&act, &written.detail.actor, target, detail.clone(), &[]);
            draft.write(Write::PutRun(written.clone()));
            Ok(())
        });
        if let Err(e) = done.await {
            tracing::warn!(run = %run.id, error = %e, "the end of a run of the archive is not recorded");
        }
        tracing::info!(run = %run.id, kind = %run.kind, state = %run.state, entries, segments,
            "a run of the archive ended");
        self.tell("job.end", format!("{}, {}", run.kind, run.state));
        *self.archive.current.write() = None;
        run
    }

    /// Tells those who watch.
    fn tell(&self, what: &str, detail: String) {
        self.archive.feeds.tell(Happening {
            at: self.archive.clock.now(),
            kind: Kind::Job,
            what: what.into(),
            who: None,
            target: Some(self.run.id.to_string()),
            detail: Some(detail),
        });
    }

    /// Whether it was told to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// How many entries and segments a run went through.
pub fn totals(detail: &RunDetail) -> (u64, u64) {
    let rooms = detail.rooms.iter();
    rooms.fold((0, 0), |(entries, segments), room| {
        (entries + room.entries, segments + room.segments)
    })
}

/// The noun of a run's acts.
fn act_of(kind: RunKind) -> String {
    match kind {
        RunKind::Archive => "archive".into(),
        other => format!("archive.{other}"),
    }
}

/// What a step that could not be made means to a run: nothing goes on without a store.
pub(super) fn is_fatal(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused(Refusal::Unavailable | Refusal::StorageFull | Refusal::Busy)
    )
}
