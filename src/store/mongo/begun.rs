//! Ending what was begun and is in the way.
//!
//! A MongoDB keeps a transaction for a minute (`transactionLifetimeLimitSeconds`) when whoever began it is gone,
//! and other writes of what it has written wait for it: the room whose next entry it is takes no message until
//! then. So the id of the session that writes lies in a file in the data directory, and who opens the store from
//! there next has the server end what was begun in it. The same is done where a transaction's end did not get
//! through.
//!
//! The file is not synced: it is for a process that was killed. After a power cut, or from another data
//! directory, the minute has to pass.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use mongodb::{
    Client, ClientSession,
    bson::{Bson, Uuid, doc},
    error::{Error as Fault, ErrorKind},
};

use super::fault::{why, within};
use crate::store::Error;

/// How long the id of a session is, as text.
const LENGTH: u64 = 36;

/// The session in which a transaction writes. One at a time does.
#[derive(Default)]
pub(super) struct Begun {
    /// Where its id is for whoever comes after us, if anywhere.
    file: Option<File>,
    /// The id that is there.
    noted: Option<Uuid>,
    /// One whose transaction may not have ended. While it is kept, nobody else is given it.
    open: Option<ClientSession>,
}

impl Begun {
    /// Notes from now on in this file which session writes. What a process before had begun is ended.
    pub(super) async fn note_in(&mut self, path: &Path, client: &Client) -> Result<(), Error> {
        let failed = |e: io::Error| Error::Open {
            path: path.display().to_string(),
            why: e.to_string(),
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let mut id = Vec::new();
        (&file).take(LENGTH).read_to_end(&mut id).map_err(failed)?;
        self.file = Some(file);
        self.noted = std::str::from_utf8(&id)
            .ok()
            .and_then(|id| Uuid::parse_str(id).ok());
        if let Some(before) = self.noted
            && let Err(fault) = end(client, before).await
        {
            cannot(&fault);
        }
        Ok(())
    }

    /// This session begins to write.
    pub(super) fn note(&mut self, session: &ClientSession) {
        let (Some(file), Some(id)) = (&self.file, id_of(session)) else {
            return;
        };
        if self.noted == Some(id) {
            return;
        }
        match file.write_all_at(id.to_string().as_bytes(), 0) {
            Ok(()) => self.noted = Some(id),
            Err(error) => {
                tracing::warn!(%error, "it cannot be noted which session of the database writes");
                self.file = None;
            }
        }
    }

    /// It is not known that this session's transaction has ended, after this.
    pub(super) fn left_open(&mut self, session: ClientSession, fault: &Fault) {
        // What the server itself has refused it has undone.
        if !is_servers_word(fault) {
            self.open = Some(session);
        }
    }

    /// Ends what may not have ended.
    pub(super) async fn end(&mut self, client: &Client) {
        let Some(id) = self.open.as_ref().and_then(id_of) else {
            return;
        };
        match end(client, id).await {
            Ok(()) => self.open = None,
            Err(fault) if is_servers_word(&fault) => {
                cannot(&fault);
                self.open = None;
            }
            // Nothing is written either, while nobody answers.
            Err(_) => {}
        }
    }
}

fn id_of(session: &ClientSession) -> Option<Uuid> {
    match session.id().get("id") {
        Some(Bson::Binary(id)) => id.to_uuid().ok(),
        _ => None,
    }
}

fn is_servers_word(fault: &Fault) -> bool {
    matches!(
        &*fault.kind,
        ErrorKind::Command(_) | ErrorKind::Write(_) | ErrorKind::InsertMany(_)
    )
}

async fn end(client: &Client, session: Uuid) -> Result<(), Fault> {
    let killed = doc! { "killSessions": [{ "id": session }] };
    within(client.database("admin").run_command(killed))
        .await
        .map(drop)
}

fn cannot(fault: &Fault) {
    let why = why(fault);
    tracing::warn!(%why, "an unfinished transaction may be in the way for a minute: it cannot be ended");
}
