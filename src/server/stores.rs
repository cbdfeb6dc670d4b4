//! Stores as operators move them about: copying one into another, and bringing one to the newest schema.
//! Both need the store to themselves, so no server may run on it.

pub mod restore;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use super::{Error, backend::Location};
use crate::{
    clock::Clock,
    config::{Config, Url},
    store::{
        self, Store,
        copy::{self, Mark, Report, Tell},
        lock::{Lock, lock_holder},
        mongo::{
            Mongo,
            set::{self, ReplicaSet},
        },
        raw::{Glance, Load, Table, Use},
        sqlite::{Options, Sqlite},
    },
};

/// How many reads of a source run at a time: the page that is next, and one to spare.
const READERS: usize = 2;
/// How long a command waits for a database that is not up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is to be copied where.
#[derive(Debug)]
pub struct Move {
    /// The source; none for the store of the settings.
    pub from: Option<Url>,
    /// The destination.
    pub to: Url,
    /// Whether to read both back and compare them; also two stores that are one already.
    pub verify: bool,
}

/// What a store was found to be.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Where, as a URL without credentials.
    pub url: String,
    /// How far it is one.
    pub state: State,
    /// Its incarnation.
    pub epoch: Option<String>,
    /// Its schema; 0 when it has none yet.
    pub schema: u32,
    /// How many records it has.
    pub records: u64,
    /// Where the unfinished copy in it comes from, as a URL without credentials.
    pub copy_of: Option<String>,
}

/// How far something is a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There is nothing.
    Missing,
    /// It has no records.
    Empty,
    /// A copy into it is not finished.
    Unfinished,
    /// It can be served.
    Whole,
}

/// Source and destination, found to go together.
#[derive(Debug)]
pub struct Plan {
    /// What is copied.
    pub from: Found,
    /// What is there already.
    pub to: Found,
    /// Whether both are one store already, and only to be compared.
    pub only_compare: bool,
    source: Location,
    destination: Location,
    /// Beside what the lock lies that keeps a server of these settings from a MongoDB; where neither
    /// side is one, or has the same lock, nothing.
    beside: Option<PathBuf>,
    verify: bool,
}

/// From which schema to which a store is brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// Where it is, as a URL without credentials.
    pub store: String,
    /// What it had.
    pub from: u32,
    /// What it has now, or would have.
    pub to: u32,
    /// Whether it was only looked at.
    pub dry_run: bool,
}

/// Looks at both sides, changing neither.
pub async fn plan(config: &Config, what: &Move) -> Result<Plan, Error> {
    let source = match &what.from {
        Some(url) => Location::parse(url, config).map_err(|e| at("--from", e))?,
        None => Location::of(config)?,
    };
    let destination = Location::parse(&what.to, config).map_err(|e| at("--to", e))?;
    let beside = apart(&source, &destination, config)?;
    for path in [&source, &destination]
        .into_iter()
        .filter_map(Location::file)
        .chain(beside.as_deref())
    {
        refuse_if_held(path)?;
    }
    let (from, _) = find(&source).await.map_err(|e| at("--from", e))?;
    let (to, mark) = find(&destination).await.map_err(|e| at("--to", e))?;
    if from.url == to.url {
        let why = format!("--from and --to are one store, {}", from.url);
        return Err(Error::Argument(why));
    }
    let Some(epoch) = from.epoch.clone().filter(|_| from.schema > 0) else {
        return Err(copy::Error::Nothing(from.url).into());
    };
    if let Some(of) = from.copy_of {
        let (path, from) = (from.url, of);
        return Err(store::Error::Unfinished { path, from }.into());
    }
    let newest = source.newest();
    if from.schema < newest {
        return Err(copy::Error::Old(from.schema, newest).into());
    }
    for (found, known) in [(from.schema, newest), (to.schema, destination.newest())] {
        if found > known {
            return Err(store::Error::Newer { found, known }.into());
        }
    }
    let only_compare = match mark {
        Some(mark) if Mark::parse(&mark).is_none_or(|mark| mark.epoch != epoch) => {
            return Err(copy::Error::Other(copy::name_of(&mark)).into());
        }
        None if to.records > 0 => {
            let one = to.epoch.as_ref() == Some(&epoch);
            if !one || !what.verify {
                let records = to.records;
                return Err(copy::Error::NotEmpty { records, one }.into());
            }
            true
        }
        _ => false,
    };
    Ok(Plan {
        from,
        to,
        only_compare,
        source,
        destination,
        beside,
        verify: what.verify,
    })
}

impl Plan {
    /// Does it. `tell` is told how far it is.
    pub async fn run(self, tell: Tell<'_>) -> Result<Report, Error> {
        let clock = Clock::system();
        let _no_server = self.beside.as_deref().map(Lock::take).transpose()?;
        let source = Opened::open(&self.source, &clock, Use::Serve).await?;
        let destination = match Opened::open(&self.destination, &clock, Use::Fill).await {
            Ok(destination) => destination,
            Err(e) => {
                source.store().close().await;
                return Err(e);
            }
        };
        let (from, to) = (source.store(), destination.load());
        let done = if self.only_compare {
            copy::verify(from, to, tell).await
        } else {
            let url = &self.from.url;
            copy::copy(from, url, to, self.verify, clock.now(), tell).await
        };
        destination.store().close().await;
        source.store().close().await;
        Ok(done?)
    }
}

/// How the members of the MongoDB of the settings stand, as they tell it; none where the store is no MongoDB. Opens
/// no store.
pub async fn replica_set(config: &Config) -> Result<Option<ReplicaSet>, Error> {
    match Location::of(config)? {
        Location::Sqlite(_) => Ok(None),
        Location::Mongo(url, _) => Ok(Some(set::look(url.expose()).await?)),
    }
}

/// Brings the store of the settings to the newest schema, or tells what that would come to.
pub async fn migrate(config: &Config, dry_run: bool) -> Result<Migration, Error> {
    let location = Location::of(config)?;
    refuse_if_held(location.beside())?;
    let (found, _) = find(&location).await?;
    if found.schema == 0 {
        return Err(copy::Error::Nothing(found.url).into());
    }
    let (from, to) = (found.schema, location.newest());
    if from > to {
        let (found, known) = (from, to);
        return Err(store::Error::Newer { found, known }.into());
    }
    if from < to && !dry_run {
        match &location {
            Location::Sqlite(path) => {
                let path = path.clone();
                let done = tokio::task::spawn_blocking(move || Sqlite::upgrade(&path)).await;
                done.map_err(not_run)??;
            }
            Location::Mongo(url, beside) => {
                let _no_server = Lock::take(beside)?;
                Mongo::upgrade(url.expose(), PATIENCE, &Clock::system()).await?;
            }
        }
    }
    Ok(Migration {
        store: found.url,
        from,
        to,
        dry_run,
    })
}

/// Where the lock lies, beside those of the sides, that a server of these settings would have. Two files in
/// one directory have one lock, so they cannot both be opened.
fn apart(
    source: &Location,
    destination: &Location,
    config: &Config,
) -> Result<Option<PathBuf>, Error> {
    let dir = |path: &Path| path.parent().map(Path::to_owned);
    let files = [source.file(), destination.file()];
    if let [Some(one), Some(other)] = files
        && dir(one) == dir(other)
    {
        let why = "--from and --to are in one directory, which has one lock: \
                   give the destination a directory of its own";
        return Err(Error::Argument(why.into()));
    }
    let beside = Location::beside_data(config);
    let remote = files.iter().any(Option::is_none);
    let locked = files
        .into_iter()
        .flatten()
        .any(|file| dir(file) == dir(&beside));
    let there = config.server.data_dir.is_dir();
    Ok(Some(beside).filter(|_| remote && !locked && there))
}

fn refuse_if_held(path: &Path) -> Result<(), Error> {
    let holder = lock_holder(path).map_err(|source| Error::Io {
        what: format!("cannot look at the lock beside {}", path.display()),
        source,
    })?;
    match holder {
        Some(holder) => Err(store::Error::Locked {
            path: path.display().to_string(),
            pid: holder.pid,
            socket: holder.socket,
        }
        .into()),
        None => Ok(()),
    }
}

/// Says of an error about a URL where that was given.
fn at(argument: &str, error: Error) -> Error {
    match error {
        Error::Config(why) => Error::Argument(why.replace("store.url", argument)),
        Error::Store(store::Error::Unfit { what, why }) if what == "store.url" => {
            Error::Argument(format!("{argument}: {why}"))
        }
        other => other,
    }
}

async fn find(location: &Location) -> Result<(Found, Option<String>), Error> {
    let (glance, url) = match location {
        Location::Sqlite(path) => {
            let url = format!("sqlite:{}", path.display());
            (Sqlite::glance(path).await?, url)
        }
        Location::Mongo(url, _) => {
            let (glance, location) = Mongo::glance(url.expose(), PATIENCE).await?;
            (Some(glance), location)
        }
    };
    let state = match &glance {
        None => State::Missing,
        Some(glance) if glance.mark.is_some() => State::Unfinished,
        Some(glance) if glance.records() == 0 => State::Empty,
        Some(_) => State::Whole,
    };
    let glance = glance.unwrap_or_else(|| Glance {
        schema: 0,
        epoch: None,
        mark: None,
        counts: Table::ALL.iter().map(|table| (*table, 0)).collect(),
    });
    let from = |mark: &String| Mark::parse(mark).map_or_else(String::new, |mark| mark.from);
    let found = Found {
        url,
        state,
        epoch: glance.epoch.map(|epoch| epoch.to_string()),
        schema: glance.schema,
        records: glance.records(),
        copy_of: glance.mark.as_ref().map(from),
    };
    Ok((found, glance.mark))
}

/// A store that is open for this alone.
enum Opened {
    Sqlite(Box<Sqlite>),
    Mongo(Box<Mongo>),
}

impl Opened {
    async fn open(location: &Location, clock: &Clock, what: Use) -> Result<Self, Error> {
        let path = match location {
            Location::Sqlite(path) => path.clone(),
            Location::Mongo(url, _) => {
                let mongo = Mongo::open_for(url.expose(), PATIENCE, clock, what).await?;
                return Ok(Self::Mongo(Box::new(mongo)));
            }
        };
        let options = Options {
            path,
            max_size: None,
            min_free: 0,
            readers: READERS,
            clock: clock.clone(),
        };
        let opened = tokio::task::spawn_blocking(move || Sqlite::open_for(options, what)).await;
        Ok(Self::Sqlite(Box::new(opened.map_err(not_run)??)))
    }

    fn store(&self) -> &dyn Store {
        match self {
            Self::Sqlite(store) => &**store,
            Self::Mongo(store) => &**store,
        }
    }

    fn load(&self) -> &dyn Load {
        match self {
            Self::Sqlite(store) => &**store,
            Self::Mongo(store) => &**store,
        }
    }
}

fn not_run(e: tokio::task::JoinError) -> Error {
    Error::Io {
        what: "cannot open the store".into(),
        source: e.into(),
    }
}
