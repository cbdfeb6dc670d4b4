//! What to do next about a store.

use chatd::{
    server,
    store::{self, backup, copy},
};

/// For failures of the store and of copying; none where the exit code says enough.
pub(super) fn about(e: &server::Error) -> Option<&'static str> {
    match e {
        server::Error::Store(store::Error::Locked { .. }) => {
            Some("stop that process first, or wait until it is done")
        }
        server::Error::Store(store::Error::Unfinished { .. }) => {
            Some("or empty it, if the copy is not wanted")
        }
        server::Error::Backup(e) => about_backup(e),
        server::Error::Copy(e) => Some(about_copy(e)),
        _ => None,
    }
}

fn about_backup(e: &backup::Error) -> Option<&'static str> {
    match e {
        backup::Error::None { .. } => Some("name the directory that `chatd store backup` has made"),
        backup::Error::Altered { .. } => Some("go back to another backup"),
        backup::Error::Space { .. } => {
            Some("make room: a restore keeps the store that is there beside the new one")
        }
        _ => None,
    }
}

fn about_copy(e: &copy::Error) -> &'static str {
    match e {
        copy::Error::Nothing(_) => "say which store with --from, or with --data-dir or --config",
        copy::Error::Old(..) => "run `chatd store migrate` on it first",
        copy::Error::NotEmpty { one: true, .. } => "add --verify to compare the two",
        copy::Error::NotEmpty { one: false, .. } | copy::Error::Other(_) => {
            "name another file or database, or empty this one"
        }
        copy::Error::Moved(_) => {
            "stop every chatd that uses it, then run the same command again: it begins anew"
        }
        copy::Error::Differ(_) => {
            "if the copy was served since, that is as it should be; else empty it and copy again"
        }
        copy::Error::Source(_) | copy::Error::Destination(_) => {
            "run the same command again: it goes on where it was"
        }
    }
}
