//! Putting a store that is ready into its place, and setting aside the one that is there.
//!
//! A file takes the place of a file in one step of the file system, after the old one got a second name; so
//! there is the old store or the new one at any moment. A MongoDB has no such step: its collections get other
//! names one by one, and the new ones are filled; from before the first to after the last the database has a
//! mark, with which it is not served, and the same restore finishes it.

use std::{
    fs::{self, DirBuilder, File},
    io,
    ops::ControlFlow,
    os::unix::fs::{DirBuilderExt as _, chown},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Restored, aside, blocking, open};
use crate::{
    archive::step::reached,
    clock::Clock,
    config::Url,
    server::{Error, backend::Location, stores::PATIENCE},
    store::{
        Store,
        backup::{self, DATABASE, owner},
        lock::Lock,
        mongo::Mongo,
        raw::{Load as _, Table, Use},
        sqlite::Sqlite,
    },
};

/// The directory in which what is set aside lies, or the data of a MongoDB's chatd.
pub(super) fn directory(location: &Location) -> &Path {
    let beside = location.beside();
    beside.parent().unwrap_or(beside)
}

/// Puts `ready` into its place; answers where the store is that was there.
pub(super) async fn put(
    location: &Location,
    ready: &Path,
    from: &Path,
    made: &Restored,
    clock: &Clock,
) -> Result<Option<String>, Error> {
    let name = aside(clock.now());
    let beside = location.beside().to_owned();
    let lock = Lock::take(&beside)?;
    let replaced = match location {
        Location::Sqlite(path) => {
            let (ready, path) = (ready.to_owned(), path.clone());
            let put = blocking(move || put_file(&ready, &path, &name)).await?;
            put.map(|path| path.display().to_string())
        }
        Location::Mongo(url, _) => put_rows(url, ready, from, &name, clock)
            .await?
            .map(|prefix| format!("the collections {prefix}* of {}", made.to)),
    };
    drop(lock);
    Ok(replaced)
}

fn put_file(ready: &Path, path: &Path, name: &str) -> Result<Option<PathBuf>, backup::Error> {
    let failed = |what: &'static str, path: &Path| {
        let path = path.display().to_string();
        move |source: io::Error| backup::Error::Io { what, path, source }
    };
    let dir = path.parent().unwrap_or(Path::new("."));
    let sync = |path: &Path| File::open(path).and_then(|it| it.sync_all());
    sync(ready).map_err(failed("sync", ready))?;
    let owner = owner(dir);
    let give = |path: &Path| match owner {
        Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
        None => Ok(()),
    };
    give(ready).map_err(failed("give away", ready))?;
    let mut replaced = None;
    if path.exists() {
        // Else there would be a moment at which the old store is there without its log.
        if let Err(why) = Sqlite::settle(path) {
            tracing::warn!(%why, "the log of the store that is there is set aside beside it");
        }
        let old = free_name(dir, name);
        let made = DirBuilder::new().mode(0o700).create(&old);
        made.map_err(failed("make", &old))?;
        give(&old).map_err(failed("give away", &old))?;
        fs::hard_link(path, old.join(DATABASE)).map_err(failed("set aside", path))?;
        sync(&old).map_err(failed("sync", &old))?;
        replaced = Some(old);
    }
    reached("restore-aside");
    // A store that was closed, or opens, has no log. That of one which does not open goes with it.
    for end in ["-wal", "-shm"] {
        let mut log = path.as_os_str().to_owned();
        log.push(end);
        let log = PathBuf::from(log);
        if log.exists() {
            let to = match &replaced {
                Some(old) => old.join(format!("{DATABASE}{end}")),
                None => dir.join(format!("{name}{end}")),
            };
            fs::rename(&log, &to).map_err(failed("set aside", &log))?;
        }
    }
    fs::rename(ready, path).map_err(failed("put the backup in the place of", path))?;
    reached("restore-placed");
    sync(dir).map_err(failed("sync", dir))?;
    Ok(replaced)
}

fn free_name(dir: &Path, name: &str) -> PathBuf {
    let mut path = dir.join(name);
    for n in 2.. {
        if !path.exists() {
            break;
        }
        path = dir.join(format!("{name}-{n}"));
    }
    path
}

async fn put_rows(
    url: &Url,
    ready: &Path,
    from: &Path,
    name: &str,
    clock: &Clock,
) -> Result<Option<String>, Error> {
    let from = from.display().to_string();
    let prefix = name.replace('-', "_") + "_";
    let replaced = Mongo::set_aside(url.expose(), PATIENCE, &from, &prefix, reached).await?;
    reached("restore-aside");
    let source = open(ready, clock).await?;
    let target = match Mongo::open_for(url.expose(), PATIENCE, clock, Use::Fill).await {
        Ok(target) => target,
        Err(e) => {
            source.close().await;
            return Err(e.into());
        }
    };
    let filled = async {
        // What an interrupted restore has filled in.
        for &table in Table::ALL {
            target.clear(table).await?;
        }
        let identity = (source.epoch(), source.secret());
        let mark = Mongo::restoring(&from);
        let tell: backup::Tell = Arc::new(|done, _| {
            if done > 0 {
                reached("restore-filled");
            }
            ControlFlow::Continue(())
        });
        let _never_broken_off = backup::fill(&source, &target, identity, &mark, &tell).await?;
        target.forget_aside().await?;
        reached("restore-placed");
        target.set_mark(None).await
    };
    let filled = filled.await;
    target.close().await;
    source.close().await;
    filled?;
    Ok(replaced)
}
