//! Backing up: a snapshot of the store beside whatever goes on, checked before it is called a backup.
//!
//! The work ends when nobody takes what it says any more, and then leaves nothing behind.

mod files;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    Ops,
    check::{Finding, examine},
};
use crate::{
    clock::Millis,
    hold::held_blocking,
    log::refuse,
    model::{Authority, Permission, Refusal},
    rights,
    store::{
        self, Store,
        backup::{Error, Manifest, Place, Tell, options},
        raw::Table,
        sqlite::Sqlite,
    },
};

/// How many steps may wait for whoever reads them; further ones are left out.
const QUEUE: usize = 64;
/// How often it is told how far it is, from the beginning to the end.
const TIMES: u64 = 200;
/// How many problems are told one by one.
const TOLD: usize = 20;
/// Where a check says that the database itself is not whole.
const DATABASE: &str = "the database";

/// The backup that is under way, if one is.
#[derive(Clone, Debug, Default)]
pub struct Backups(Arc<Mutex<Option<BackupUnderWay>>>);

/// A backup, as far as it is.
#[derive(Clone, Copy, Debug)]
pub struct BackupUnderWay {
    /// Since when.
    pub since: Millis,
    /// How much is copied.
    pub done: u64,
    /// Of how much; 0 when that is not known yet.
    pub of: u64,
    /// Of what: `bytes` or `records`.
    pub unit: &'static str,
}

/// What a backup says as it goes on.
#[derive(Clone, Debug)]
pub enum BackupStep {
    /// So much is copied: bytes of an SQLite, records of a MongoDB.
    Copied {
        /// How much.
        done: u64,
        /// Of how much.
        of: u64,
    },
    /// The copy is being checked.
    Checked {
        /// In which table.
        table: Table,
        /// How many records were read there.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// The check found something, which the store has as well.
    Problem {
        /// Where.
        place: String,
        /// What.
        what: String,
    },
    /// It is there.
    Done {
        /// Where.
        path: PathBuf,
        /// What.
        manifest: Box<Manifest>,
    },
    /// There is none.
    Failed {
        /// What kind of failure it is, as a refusal's code; `exists` when it would overwrite something.
        code: &'static str,
        /// What happened, why, what to do.
        why: String,
    },
}

/// The one place there is for a backup; it is free again when this is dropped.
#[derive(Debug)]
struct Turn(Backups);

impl Backups {
    /// The backup that is under way.
    pub fn under_way(&self) -> Option<BackupUnderWay> {
        *self.0.lock()
    }

    fn take_turn(&self, since: Millis, unit: &'static str) -> Result<Turn, Refusal> {
        let mut place = self.0.lock();
        if place.is_some() {
            return Err(Refusal::Conflict("a backup is under way already".into()));
        }
        *place = Some(BackupUnderWay {
            since,
            done: 0,
            of: 0,
            unit,
        });
        Ok(Turn(self.clone()))
    }

    fn moved(&self, done: u64, of: u64) {
        if let Some(under_way) = &mut *self.0.lock() {
            (under_way.done, under_way.of) = (done, of);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.0.lock() = None;
    }
}

/// Why there is no backup in the end.
enum Stop {
    /// Nobody waits for it any more.
    Gone,
    /// It could not be made.
    Failed(Error),
    /// The copy is not whole.
    Broken(String),
}

impl From<Error> for Stop {
    fn from(e: Error) -> Self {
        Self::Failed(e)
    }
}

impl From<store::Error> for Stop {
    fn from(e: store::Error) -> Self {
        Self::Failed(e.into())
    }
}

impl Ops {
    /// About how many bytes a backup to `to` takes; refuses where none can be made.
    pub async fn plan_backup(&self, to: &Path, force: bool) -> Result<u64, Error> {
        let bytes = self.store.info().await?.bytes;
        let config = self.config.snapshot();
        let (to, data) = (to.to_owned(), config.server.data_dir.clone());
        let min_free = config.store.min_free.as_u64();
        blocking(move || {
            Place::check(&to, force)?;
            Place::check_space(&to, &data, bytes, min_free)
        })
        .await?;
        Ok(bytes)
    }

    /// In what a backup is counted.
    pub fn backup_unit(&self) -> &'static str {
        match self.store.about().backend {
            "sqlite" => "bytes",
            _ => "records",
        }
    }

    /// Begins a backup to `to`; the last step is [`BackupStep::Done`] or [`BackupStep::Failed`].
    pub async fn back_up(
        &self,
        by: &Authority,
        to: PathBuf,
        force: bool,
        dry_run: bool,
    ) -> Result<mpsc::Receiver<BackupStep>, Refusal> {
        let turn = self
            .backups
            .take_turn(self.clock.now(), self.backup_unit())?;
        let (says, taken) = mpsc::channel(QUEUE);
        let planned = self.plan_backup(&to, force).await;
        let bytes = match planned {
            Ok(bytes) => bytes,
            Err(e) => {
                let _room_for_one = says.try_send(failed(&e));
                return Ok(taken);
            }
        };
        // In the snapshot, too: who goes back to it sees that it was made.
        self.note_backup(by, &to, dry_run).await?;
        if dry_run {
            let (done, of) = (0, bytes);
            let _room_for_one = says.try_send(BackupStep::Copied { done, of });
            return Ok(taken);
        }
        let (this, by) = (self.clone(), by.clone());
        tokio::spawn(async move {
            let last = match this.make_backup(&to, force, &says).await {
                Ok(manifest) => {
                    let manifest = Box::new(manifest);
                    BackupStep::Done { path: to, manifest }
                }
                Err(Stop::Gone) => {
                    tracing::info!("a backup was given up: nobody waits for it");
                    return;
                }
                Err(Stop::Failed(e)) => failed(&e),
                Err(Stop::Broken(why)) => BackupStep::Failed {
                    code: "problems",
                    why,
                },
            };
            drop(turn);
            if let BackupStep::Failed { why, .. } = &last {
                tracing::warn!(%why, by = ?by.user(), "a backup was not made");
            }
            let _gone = says.send(last).await;
        });
        Ok(taken)
    }

    async fn note_backup(&self, by: &Authority, to: &Path, dry_run: bool) -> Result<(), Refusal> {
        let (touches, by) = (by.touching(&[]), by.clone());
        let detail = json!({"to": to.display().to_string()});
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
                draft.act("store.backup", &by.actor(), None, detail.clone(), &[]);
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }

    async fn make_backup(
        &self,
        to: &Path,
        force: bool,
        says: &mpsc::Sender<BackupStep>,
    ) -> Result<Manifest, Stop> {
        let taken_at = self.clock.now();
        let (wanted, data) = (to.to_owned(), self.config.get().server.data_dir.clone());
        let place = blocking(move || Place::begin(&wanted, force, &data)).await?;
        let database = place.database();
        let tell = self.teller(says.clone());
        if self.store.back_up(&database, &tell).await?.is_break() {
            return Err(Stop::Gone);
        }
        let problems = self.check_copy(&database, says).await?;
        let (files, lost) = self.copy_files(&database, place.files(), says).await?;
        let glance = Sqlite::glance(&database).await?;
        let glance = glance.ok_or_else(|| Stop::Broken("the copy is gone".into()))?;
        let backend = self.store.about().backend;
        let files_in = self.shelf.is_remote().then(|| self.shelf.place());
        blocking(move || {
            let problems = problems + lost;
            let mut manifest =
                Manifest::of(&place.database(), &glance, backend, taken_at, problems)?;
            manifest.files = files;
            manifest.files_in = files_in;
            place.finish(&manifest)?;
            Ok(manifest)
        })
        .await
        .map_err(Stop::Failed)
    }

    /// Takes how far the copy is, and says so now and then; ends it when nobody listens any more.
    fn teller(&self, says: mpsc::Sender<BackupStep>) -> Tell {
        let backups = self.backups.clone();
        let told = Mutex::new(None);
        Arc::new(move |done, of| {
            backups.moved(done, of);
            let part = (done * TIMES).checked_div(of);
            if told.lock().replace(part) != Some(part) {
                // One that does not read fast enough is told less.
                let _full = says.try_send(BackupStep::Copied { done, of });
            }
            held_blocking("TEST_HOLD_BACKUP");
            if says.is_closed() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    /// Opens the copy and checks all of it; answers how many problems it has that the store has as well. One
    /// that the database itself finds is none of these: then the copy is no backup.
    async fn check_copy(
        &self,
        database: &Path,
        says: &mpsc::Sender<BackupStep>,
    ) -> Result<u64, Stop> {
        let options = options(database, &self.clock);
        let copy = Arc::new(blocking(move || Ok(Sqlite::open(options)?)).await?);
        let checked = check(Arc::clone(&copy) as Arc<dyn Store>, says).await;
        copy.close().await;
        checked
    }
}

async fn check(store: Arc<dyn Store>, says: &mpsc::Sender<BackupStep>) -> Result<u64, Stop> {
    let mut findings = examine(store, None);
    let mut told = 0;
    while let Some(finding) = findings.recv().await {
        if says.is_closed() {
            return Err(Stop::Gone);
        }
        match finding {
            Finding::Progress { table, done, of } => {
                let _full = says.try_send(BackupStep::Checked { table, done, of });
            }
            Finding::Problem { place, what } if place == DATABASE => {
                return Err(Stop::Broken(format!("the copy is not whole: {what}")));
            }
            Finding::Problem { place, what } => {
                told += 1;
                if told <= TOLD {
                    let _gone = says.send(BackupStep::Problem { place, what }).await;
                }
            }
            Finding::Done { problems, .. } => return Ok(problems),
            Finding::Failed(why) => {
                return Err(Stop::Broken(format!("the copy does not read: {why}")));
            }
        }
    }
    Err(Stop::Broken("the check of the copy did not end".into()))
}

/// What a failure is called.
fn failed(e: &Error) -> BackupStep {
    let code = match e {
        Error::Exists(_) => "exists",
        Error::Foreign(_) | Error::Busy(_) => "conflict",
        Error::Unfit { .. } => "invalid_field",
        Error::Space { .. } => "storage_full",
        Error::Io { source, .. } => match source.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "forbidden"
            }
            std::io::ErrorKind::StorageFull => "storage_full",
            _ => "internal",
        },
        Error::Store(e) => refuse(e).code(),
        Error::None { .. } | Error::Altered { .. } | Error::Newer { .. } => "problems",
    };
    let why = e.to_string();
    BackupStep::Failed { code, why }
}

/// Runs something on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| store::Error::Unavailable(format!("it did not finish: {e}")))?
}
