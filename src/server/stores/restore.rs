//! Going back to a backup.
//!
//! The backup is copied into a directory of its own beside the data, and made there into what will be served:
//! brought to this schema, another incarnation, with no session and no one-time code, and without whom and what
//! was erased since. Only when it is whole and checked does it take the place of the store, which is set aside.
//! A dry run does all but the last.

mod again;
mod compare;
mod files;
mod place;

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

pub use self::compare::{AddressChange, Changes, PersonChange, SanctionChange};
use super::{Error, Opened, READERS, find, not_run, refuse_if_held};
use crate::{
    archive::step::reached,
    clock::{Clock, Millis},
    config::{Config, Live, Url},
    feed::Feeds,
    id::{BootId, Epoch},
    ops::{Finding, examine},
    server::{
        backend::Location,
        core::{Core, mark_of},
    },
    shelf::Shelf,
    store::{
        Store,
        backup::{self, DATABASE, Manifest, Place, Staging},
        erasures::{Erasures, Listed},
        raw::{Load as _, Scan as _, Table, Use},
        sqlite::{Options, Sqlite},
    },
};

/// The directory beside the data in which a backup is made ready.
const STAGING: &str = "restoring";

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The backup.
    pub from: PathBuf,
    /// Do all but put it in its place.
    pub dry_run: bool,
    /// What was typed, for the audit log.
    pub command: String,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The backup is compared with its manifest.
    Verifying,
    /// It is copied beside the data.
    Copying,
    /// It is compared with the store that is there.
    Comparing,
    /// What was erased since is erased again.
    Erasing,
    /// What came of it is checked.
    Checking,
    /// It takes the place of the store.
    Placing,
}

/// Takes how far it is.
pub type Tell<'a> = &'a mut (dyn FnMut(Stage) + Send);

/// What came of it, or would.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    /// The backup.
    pub from: PathBuf,
    /// What it is.
    pub backup: Manifest,
    /// The store, as a URL without credentials.
    pub to: String,
    /// What of the store is another then; none where there is nothing to compare, or it cannot be read.
    pub changes: Option<Changes>,
    /// Why it was not compared.
    pub not_compared: Option<String>,
    /// How many sessions ended, bots' tokens among them.
    pub sessions: u64,
    /// How many one-time codes were voided.
    pub codes: u64,
    /// Who was erased again, by id.
    pub erased_again: Vec<String>,
    /// How many messages lost their text again.
    pub texts_again: u64,
    /// How many files were deleted again.
    pub files_again: u64,
    /// How many files there are again.
    pub files: u64,
    /// How many of them have no bytes, neither in the backup nor beside the store.
    pub files_lost: u64,
    /// Which those are.
    pub lost: Vec<String>,
    /// Who or what could not be erased again, and why.
    pub not_erased: Vec<Left>,
    /// The new incarnation.
    pub epoch: String,
    /// Where the store is that was replaced; none where there was none.
    pub replaced: Option<String>,
    /// Whether it was only tried.
    pub dry_run: bool,
}

/// Somebody or something that is in the store again though it was erased.
#[derive(Clone, Debug, Serialize)]
pub struct Left {
    /// The id of a person, or `texts`.
    pub who: String,
    /// Why.
    pub why: String,
}

/// Does it, or all but the last step.
pub async fn restore(config: &Config, wanted: &Wanted, tell: Tell<'_>) -> Result<Restored, Error> {
    let clock = Clock::system();
    let location = Location::of(config)?;
    refuse_if_held(location.beside())?;
    tell(Stage::Verifying);
    let from = wanted.from.clone();
    let (manifest, source) = blocking(move || {
        let manifest = Manifest::read(&from)?;
        let source = manifest.check(&from)?;
        Ok((manifest, source))
    })
    .await?;
    tell(Stage::Copying);
    let staging = stage(&location, config, &manifest, source).await?;
    let database = staging.path().join(DATABASE);
    reached("restore-copied");
    let (made, shelf, mark) = make_ready(
        config, &location, wanted, &database, &clock, &manifest, tell,
    )
    .await?;
    reached("restore-ready");
    if wanted.dry_run {
        return Ok(made);
    }
    tell(Stage::Placing);
    let replaced = place::put(&location, &database, &wanted.from, &made, &clock).await?;
    files::claim(&shelf, mark).await?;
    drop(staging);
    reached("restore-done");
    Ok(Restored { replaced, ..made })
}

/// Copies the database beside the data.
async fn stage(
    location: &Location,
    config: &Config,
    manifest: &Manifest,
    source: PathBuf,
) -> Result<Staging, Error> {
    let dir = place::directory(location).to_owned();
    let (bytes, min_free) = (manifest.bytes, config.store.min_free.as_u64());
    blocking(move || {
        if !dir.is_dir() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&dir);
            made.map_err(|source| backup::Error::Io {
                what: "make",
                path: dir.display().to_string(),
                source,
            })?;
        }
        let path = dir.join(STAGING);
        if Manifest::read(&path).is_ok() {
            // Made by somebody who chose this name; what was left of a restore has no manifest.
            return Err(backup::Error::Io {
                what: "make",
                path: path.display().to_string(),
                source: io::Error::other("a backup is there; move it elsewhere first"),
            });
        }
        Place::check_space(&path, &dir, bytes, min_free)?;
        let staging = Staging::begin(&path)?;
        let to = path.join(DATABASE);
        let copied = fs::copy(&source, &to)
            .and_then(|_| fs::set_permissions(&to, Permissions::from_mode(0o600)));
        copied.map_err(|source| backup::Error::Io {
            what: "copy the backup to",
            path: to.display().to_string(),
            source,
        })?;
        Ok(staging)
    })
    .await
}

/// Makes of the copy what will be served.
async fn make_ready(
    config: &Config,
    location: &Location,
    wanted: &Wanted,
    database: &Path,
    clock: &Clock,
    manifest: &Manifest,
    tell: Tell<'_>,
) -> Result<(Restored, Shelf, String), Error> {
    let copy = open(database, clock).await?;
    tell(Stage::Comparing);
    let compared = compare_with_present(location, &copy, clock).await;
    let epoch = Epoch::new(clock.now());
    let emptied = empty(&copy, epoch).await;
    copy.close().await;
    let (sessions, codes) = emptied?;
    let (to, changes, not_compared) = compared?;
    let mut listed = Listed::read(&config.server.data_dir).map_err(|source| Error::Io {
        what: "cannot read the list of what was erased".into(),
        source,
    })?;
    for id in changes.iter().flat_map(|changes| &changes.erased) {
        listed.persons.entry(*id).or_insert(false);
    }
    let mut made = Restored {
        from: wanted.from.clone(),
        backup: manifest.clone(),
        to,
        changes,
        not_compared,
        sessions,
        codes,
        erased_again: Vec::new(),
        texts_again: 0,
        files_again: 0,
        files: 0,
        files_lost: 0,
        lost: Vec::new(),
        not_erased: Vec::new(),
        epoch: epoch.to_string(),
        replaced: None,
        dry_run: wanted.dry_run,
    };
    if listed.unread > 0 {
        made.not_erased.push(Left {
            who: "texts".into(),
            why: format!("{} lines of the list do not read", listed.unread),
        });
    }
    let feeds = Arc::new(Feeds::new(BootId::new(clock.now())));
    let live = Live::new(serving(config, database));
    let core = Core::open(&live, &feeds, Erasures::none()).await?;
    tell(Stage::Erasing);
    let done = again::finish(&core, &listed, wanted, &mut made).await;
    let checked = match done {
        Ok(()) => {
            tell(Stage::Checking);
            check(Arc::clone(&core.app.store), wanted, manifest).await
        }
        Err(e) => Err(e),
    };
    let brought = match checked {
        Ok(()) => files::bring(&core, wanted, &mut made).await,
        Err(e) => Err(e),
    };
    let (shelf, mark) = (core.app.files.shelf.clone(), mark_of(&*core.app.store));
    core.close().await;
    brought?;
    Ok((made, shelf, mark))
}

/// The settings of a server on the copy.
fn serving(config: &Config, database: &Path) -> Config {
    let mut config = config.clone();
    config.store.url = Url::from(format!("sqlite:{}", database.display()).as_str());
    config.store.url_file = PathBuf::new();
    config
}

async fn open(database: &Path, clock: &Clock) -> Result<Sqlite, Error> {
    let options: Options = backup::options(database, clock);
    let options = Options {
        readers: READERS,
        ..options
    };
    let opened = tokio::task::spawn_blocking(move || Sqlite::open(options)).await;
    Ok(opened.map_err(not_run)??)
}

/// Compares the copy with the store that is there: what that is, the changes, or why there are none.
async fn compare_with_present(
    location: &Location,
    copy: &Sqlite,
    clock: &Clock,
) -> Result<(String, Option<Changes>, Option<String>), Error> {
    let (found, mark) = match find(location).await {
        Ok(found) => found,
        // A file that is none of ours any more is as good a reason to go back as any.
        Err(e) if location.file().is_some() => {
            return Ok((location.shown(), None, Some(e.to_string())));
        }
        Err(e) => return Err(e),
    };
    let url = found.url;
    if found.records == 0 {
        return Ok((url, None, Some("there is no store to compare with".into())));
    }
    if mark.is_some() || found.schema != location.newest() {
        let why = "the store that is there is not finished, or has another schema";
        return Ok((url, None, Some(why.into())));
    }
    let present = match Opened::open(location, clock, Use::Serve).await {
        Ok(present) => present,
        Err(e) if location.file().is_some() => return Ok((url, None, Some(e.to_string()))),
        Err(e) => return Err(e),
    };
    let compared = compare::compare(present.store(), copy).await;
    present.store().close().await;
    Ok(match compared {
        Ok(changes) => (url, Some(changes), None),
        Err(e) => (url, None, Some(e.to_string())),
    })
}

/// Ends all sessions, voids all codes, and makes the copy another incarnation; answers how many there were.
async fn empty(copy: &Sqlite, epoch: Epoch) -> Result<(u64, u64), Error> {
    let sessions = copy.count(Table::Sessions).await?;
    let codes = copy.count(Table::Codes).await?;
    copy.clear(Table::Sessions).await?;
    copy.clear(Table::Codes).await?;
    copy.identify(epoch, copy.secret()).await?;
    Ok((sessions, codes))
}

/// Whether what came of it is whole; what was wrong when the backup was made may be so still.
async fn check(store: Arc<dyn Store>, wanted: &Wanted, manifest: &Manifest) -> Result<(), Error> {
    let altered = |why: String| {
        let path = wanted.from.display().to_string();
        Error::Backup(backup::Error::Altered { path, why })
    };
    let mut findings = examine(store, None);
    let mut first = None;
    while let Some(finding) = findings.recv().await {
        match finding {
            Finding::Problem { place, what } => {
                first.get_or_insert(format!("{place}: {what}"));
            }
            Finding::Done { problems, .. } if problems <= manifest.problems => return Ok(()),
            Finding::Done { .. } => break,
            Finding::Failed(why) => return Err(altered(why)),
            Finding::Progress { .. } => {}
        }
    }
    Err(altered(first.unwrap_or_else(|| {
        "the check did not come to its end".into()
    })))
}

/// What a store is called that is set aside now.
fn aside(now: Millis) -> String {
    let time = now.to_string();
    let time = time.split('.').next().unwrap_or_default();
    let time: String = time.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("replaced-{time}Z")
}

/// Runs something on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, backup::Error> + Send + 'static,
) -> Result<T, Error> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(not_run)??)
}
