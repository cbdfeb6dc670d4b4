//! Ending what was begun and is in the way.
//!
//! A MongoDB keeps a transaction for a minute (`transactionLifetimeLimitSeconds`) when whoever began it is gone,
//! and other writes of what it has written wait for it: the room whose next entry it is takes no message until
//! then. So the id of the session that writes lies in a file in the data directory, and who serves the store from
//! there next has the server end what was begun in it. The same is done where a transaction's end did not get
//! through.
//!
//! The file is not synced: it is for a process that was killed. After a power cut, or from another data
//! directory, the minute has to pass. So it has where the file cannot be used, and that keeps nobody from serving.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    time::Duration,
};

use mongodb::{
    Client, ClientSession,
    bson::{Bson, Document, Uuid, doc},
    error::ErrorKind,
};
use rustix::fs::OFlags;
use tokio::time::{Instant, timeout};

use super::fault::why;
use crate::store::owner;

/// How long the server keeps what nobody ends.
const KEPT: Duration = Duration::from_mins(1);
/// How long ending it may take. Whoever writes waits for that, so it is less than for a request that has to be.
const ENDING: Duration = Duration::from_secs(3);
/// How much of the file is read, in bytes: far more ids of 36 letters than are ever open.
const READ: u64 = 4096;

/// The session in which a transaction writes, one at a time, and those whose transaction may not have ended.
#[derive(Default)]
pub(super) struct Begun {
    /// Where their ids are for whoever comes after us, if anywhere.
    file: Option<File>,
    /// What is written there.
    noted: String,
    open: Vec<Open>,
}

/// A session whose transaction may not have ended.
struct Open {
    id: Uuid,
    /// While it is kept, nobody else is given it. None for one of a process before.
    _session: Option<ClientSession>,
    /// From when on the server has ended it by itself.
    until: Instant,
}

impl Open {
    fn new(id: Uuid, session: Option<ClientSession>) -> Self {
        Self {
            id,
            _session: session,
            until: Instant::now() + KEPT,
        }
    }
}

impl Begun {
    /// Notes in this file which session writes. What a process before had begun, which had the file, is to be
    /// ended first.
    pub(super) fn noting(path: &Path) -> Self {
        let (file, noted) = match read(path) {
            Ok((file, noted)) => (Some(file), noted),
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "it is not noted which session of the database writes");
                (None, String::new())
            }
        };
        let before = noted.lines().filter_map(|id| Uuid::parse_str(id).ok());
        Self {
            open: before.map(|id| Open::new(id, None)).collect(),
            file,
            noted,
        }
    }

    /// This session begins to write.
    pub(super) fn note(&mut self, session: &ClientSession) {
        let (Some(file), Some(id)) = (&self.file, id_of(session)) else {
            return;
        };
        let ids = std::iter::once(id).chain(self.open.iter().map(|open| open.id));
        let ids: String = ids.map(|id| id.to_string() + "\n").collect();
        if self.noted == ids {
            return;
        }
        // Written over, then cut: at any moment what is in it are ids of ours.
        let written = file
            .write_all_at(ids.as_bytes(), 0)
            .and_then(|()| file.set_len(ids.len() as u64));
        match written {
            Ok(()) => self.noted = ids,
            Err(error) => {
                tracing::warn!(%error, "it is not noted any more which session of the database writes");
                self.file = None;
            }
        }
    }

    /// It is not known that this session's transaction has ended.
    pub(super) fn left_open(&mut self, session: ClientSession) {
        if let Some(id) = id_of(&session) {
            self.open.push(Open::new(id, Some(session)));
        }
    }

    /// Ends what may not have ended.
    pub(super) async fn end(&mut self, client: &Client) {
        let now = Instant::now();
        self.open.retain(|open| open.until > now);
        // Of an empty list the server makes all sessions of the user.
        if self.open.is_empty() {
            return;
        }
        let ids: Vec<Document> = self
            .open
            .iter()
            .map(|open| doc! { "id": open.id })
            .collect();
        let admin = client.database("admin");
        match timeout(ENDING, admin.run_command(doc! { "killSessions": ids })).await {
            Ok(Ok(_)) => self.open.clear(),
            Ok(Err(fault)) if matches!(&*fault.kind, ErrorKind::Command(_)) => {
                let why = why(&fault);
                tracing::warn!(
                    %why,
                    "an unfinished transaction may be in the way for a minute: the database does not end it"
                );
                self.open.clear();
            }
            // With the next write again.
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

/// The file, for us alone, made if it is missing, and what is in it.
fn read(path: &Path) -> io::Result<(File, String)> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed());
    let file = match options.open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let file = options.create_new(true).open(path)?;
            owner::give(path, path.parent().unwrap_or(path))?;
            file
        }
        found => found?,
    };
    let mut ids = Vec::new();
    (&file).take(READ).read_to_end(&mut ids)?;
    Ok((file, String::from_utf8_lossy(&ids).into_owned()))
}

fn id_of(session: &ClientSession) -> Option<Uuid> {
    match session.id().get("id") {
        Some(Bson::Binary(id)) => id.to_uuid().ok(),
        _ => None,
    }
}
