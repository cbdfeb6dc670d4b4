//! Files: what people upload, send with their messages, and read again.
//!
//! A file is its bytes, which lie on a shelf ([`crate::shelf`]) under its id, and its record, which is in the store. The
//! bytes come first and go first: whatever ends in between leaves bytes that no record knows, and those are collected.
//! Whether somebody may have a file is asked each time, and again while it is read; what erases a message says of its
//! files that they are to go, in the same change, and [`Files::collect`] takes them out.

mod collect;
mod download;
mod figures;
mod remove;
mod seats;
mod settings;
mod ticket;
mod upload;

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub use self::{
    collect::Collected,
    download::Open,
    figures::{Counting, Figures},
    remove::Removed,
    seats::Seats,
    settings::{check_settings, look, place},
    ticket::Ticket,
    upload::{NewFile, Upload},
};
use crate::{
    clock::Clock,
    config::Live,
    id::{FileId, UserId},
    limit::Limits,
    log::{Log, refuse},
    model::{Caller, File, Refusal},
    rights::{self, InRoom},
    shelf::{self, Shelf},
    store::{Store, erasures::Erasures},
};

/// What people do with files, with what it needs.
#[derive(Clone, Debug)]
pub struct Files {
    /// Where records become durable.
    pub log: Log,
    /// Where they are read.
    pub store: Arc<dyn Store>,
    /// Where it is listed what was erased.
    pub erasures: Erasures,
    /// Where the bytes lie.
    pub shelf: Shelf,
    /// How often.
    pub limits: Arc<Limits>,
    /// The settings in force.
    pub config: Live,
    /// The time.
    pub clock: Clock,
    /// Ends what takes long.
    pub stopping: CancellationToken,
    /// The uploads under way.
    pub uploads: Arc<Uploads>,
    /// Who reads files.
    pub seats: Arc<Seats>,
    /// How much there was when it was added up last.
    pub counting: Arc<Counting>,
}

/// The uploads under way.
#[derive(Debug, Default)]
pub struct Uploads(Mutex<HashMap<FileId, (UserId, u64)>>);

impl Files {
    /// A file, if the caller may have it: the message that it is attached to is there and theirs to read, or it is
    /// attached to none and their own. To whoever may not it is not there.
    pub async fn file(&self, caller: &Caller, id: FileId) -> Result<File, Refusal> {
        let file = self.store.file(id).await.map_err(|e| refuse(&e))?;
        let file = file.ok_or(Refusal::NotFound("file"))?;
        self.check_read(caller, &file).await?;
        Ok(file)
    }

    /// Refuses a file to whoever may not have it (any more).
    async fn check_read(&self, caller: &Caller, file: &File) -> Result<(), Refusal> {
        const NONE: Refusal = Refusal::NotFound("file");
        if file.gone_at.is_some() {
            return Err(NONE);
        }
        let user = self.log.user(caller.user).await?.ok_or(NONE)?;
        if !user.has_session(caller.session) {
            return Err(Refusal::SessionEnded);
        }
        let person = user.person();
        let who = person.who(caller.scopes, self.clock.now());
        let Some((room, seq)) = file.place else {
            rights::may_act(&who)?;
            return if file.owner == caller.user {
                Ok(())
            } else {
                Err(NONE)
            };
        };
        let live = self.log.room(room).await?.ok_or(NONE)?;
        let floor = {
            let facts = live.facts();
            let member = rights::may_in_room(&who, &facts, InRoom::Read);
            let member = member.map_err(|refusal| match refusal {
                Refusal::Forbidden(_) | Refusal::NotFound(_) => NONE,
                other => other,
            })?;
            member.map_or(u64::MAX, |m| rights::floor(&facts.room, m))
        };
        let deleted = self.store.deletion(room, seq).await;
        if seq < floor || deleted.map_err(|e| refuse(&e))?.is_some() {
            return Err(NONE);
        }
        Ok(())
    }
}

impl Uploads {
    /// How many are under way.
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }

    fn has(&self, id: FileId) -> bool {
        self.0.lock().contains_key(&id)
    }

    /// How many bytes somebody is uploading.
    fn bytes_of(&self, user: UserId) -> u64 {
        let all = self.0.lock();
        let mine = all.values().filter(|(by, _)| *by == user);
        mine.map(|(_, bytes)| bytes).sum()
    }
}

/// What is answered when bytes are not written or read. What is ours to mend is logged.
fn no_bytes(error: &shelf::Error) -> Refusal {
    match error {
        shelf::Error::Full => Refusal::StorageFull,
        // Said in the log when it began.
        shelf::Error::Remote { .. } => Refusal::Away("files can be neither stored nor read"),
        error => {
            tracing::error!(%error, "a file cannot be written or read");
            match error {
                shelf::Error::Missing(_) => Refusal::NotFound("bytes of this file"),
                _ => Refusal::Internal,
            }
        }
    }
}
