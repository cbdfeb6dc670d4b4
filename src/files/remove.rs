//! What operators do with files: looking through them, and taking out the bytes of one whose message stays.

use serde_json::json;

use super::Files;
use crate::{
    id::{FileId, LogId},
    log::{self, Draft, refuse},
    model::{
        Authority, File, FileFilter, FileOrder, FilePlace, Hold, Payload, Reason, Refusal, Usage,
    },
    store::{Write, erasures::Erasure},
};

/// How often it is tried again with a file that was used meanwhile.
const TRIES: u8 = 4;

/// A file whose bytes are to go, or went.
#[derive(Clone, Debug)]
pub struct Removed {
    /// What was known of it.
    pub file: File,
    /// Whether it was to go before.
    pub before: bool,
}

impl Files {
    /// Files of a filter, also those that are to go. For operators: nobody is asked.
    pub async fn list(
        &self,
        filter: &FileFilter,
        order: FileOrder,
        after: Option<FilePlace>,
        limit: usize,
    ) -> Result<Vec<File>, Refusal> {
        let found = self.store.list_files(filter, order, after, limit).await;
        found.map_err(|e| refuse(&e))
    }

    /// How much there is of such files.
    pub async fn sum(&self, filter: &FileFilter) -> Result<Usage, Refusal> {
        self.store.sum_files(filter).await.map_err(|e| refuse(&e))
    }

    /// What is known of a file, wherever it is. For operators: nobody is asked.
    pub async fn find(&self, id: FileId) -> Result<File, Refusal> {
        let file = self.store.file(id).await.map_err(|e| refuse(&e))?;
        file.ok_or(Refusal::NotFound("file"))
    }

    /// The hold that keeps a file, if one does: on its owner, or on the room of its message.
    pub fn hold_on(&self, file: &File) -> Option<Hold> {
        let policy = self.log.policy();
        let of_room = file.place.and_then(|(room, _)| policy.hold_on_room(room));
        policy.hold_on_user(file.owner).or(of_room).cloned()
    }

    /// Takes out the bytes of a file for good. Its message stays, and says that the file is gone.
    pub async fn remove(
        &self,
        by: &Authority,
        id: FileId,
        reason: Option<&Reason>,
        dry_run: bool,
    ) -> Result<Removed, Refusal> {
        for _ in 0..TRIES {
            let file = self.find(id).await?;
            if file.gone_at.is_some() {
                if !dry_run {
                    self.take_out(std::slice::from_ref(&file)).await?;
                }
                let before = true;
                return Ok(Removed { file, before });
            }
            match self.note_and_drop(by, &file, reason, dry_run).await {
                Ok(()) => {
                    let before = false;
                    return Ok(Removed { file, before });
                }
                // Used meanwhile, or gone.
                Err(log::Error::Stale) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(Refusal::Busy)
    }

    async fn note_and_drop(
        &self,
        by: &Authority,
        file: &File,
        reason: Option<&Reason>,
        dry_run: bool,
    ) -> Result<(), log::Error> {
        // What will not be done is not listed as done.
        self.drop_file(by, file, reason, true).await?;
        if dry_run {
            return Ok(());
        }
        let now = self.clock.now();
        let listed = [Erasure::File { file: file.id }];
        let noted = self.erasures.note(&listed, now).await;
        noted.map_err(|e| log::Error::Refused(refuse(&e)))?;
        if let Err(e) = self.drop_file(by, file, reason, false).await {
            // Whether it was done is not known then: it stays listed.
            if !matches!(e, log::Error::Refused(Refusal::Unavailable)) {
                let kept = self.erasures.keep(&listed, now).await;
                kept.map_err(|e| log::Error::Refused(refuse(&e)))?;
            }
            return Err(e);
        }
        // What does not work now the next collection does.
        if let Err(error) = self.take_out(std::slice::from_ref(file)).await {
            tracing::warn!(%error, "the bytes of a deleted file are left to be collected");
        }
        Ok(())
    }

    async fn drop_file(
        &self,
        by: &Authority,
        file: &File,
        reason: Option<&Reason>,
        dry_run: bool,
    ) -> Result<(), log::Error> {
        let room = file.place.map(|(room, _)| LogId::from(room));
        let touches = by.touching(room.as_slice());
        let (by, file, reason) = (by.clone(), file.clone(), reason.cloned());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let refused = Refusal::Forbidden("this is for operators".into());
                draft.authorise(&by, |_| Err(refused))?;
                check_holds(draft, &file)?;
                let (id, place, at) = (file.id, file.place, draft.now());
                if let Some((room, target)) = place
                    && draft.open_room(room).is_ok()
                {
                    let gone = Payload::FileGone { target, file: id };
                    draft.entry(room.into(), by.user(), gone);
                }
                let (room, seq) = place.unzip();
                let detail = json!({
                    "owner": file.owner, "room": room, "message": seq, "bytes": file.size,
                    "reason": reason,
                });
                draft.act(
                    "file.delete",
                    &by.actor(),
                    Some(id.to_string()),
                    detail,
                    &[],
                );
                draft.write(Write::DropFile { id, place, at });
                Ok(())
            });
        done.await.map(drop)
    }
}

fn check_holds(draft: &Draft<'_>, file: &File) -> Result<(), Refusal> {
    let policy = draft.policy();
    if let Some(hold) = policy.hold_on_user(file.owner) {
        return Err(hold.refusal("whoever uploaded this file"));
    }
    match file.place.and_then(|(room, _)| policy.hold_on_room(room)) {
        Some(hold) => Err(hold.refusal("the room of this file")),
        None => Ok(()),
    }
}
