//! Uploading: the bytes come in pieces, and are counted, hashed and written as they come.

use std::sync::Arc;

use super::{Files, Uploads, no_bytes};
use crate::{
    id::{FileId, UserId},
    log::refuse,
    model::{Caller, File, FileName, Permission, Refusal},
    rights,
    shelf::Incoming,
    store::Write,
};

/// How many uploads of one person may be under way at once.
const AT_ONCE: usize = 4;

/// How many pixels an image may have: whoever shows it needs four bytes for each.
const PIXELS: u64 = 1 << 28;

/// What is said of a file before its bytes come.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// What it is called.
    pub name: FileName,
    /// How many bytes will come, where that is known.
    pub size: Option<u64>,
    /// The SHA-256 that they should have, where that was said.
    pub sha256: Option<[u8; 32]>,
}

/// A file whose bytes are coming. Dropped unfinished it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    files: Files,
    caller: Caller,
    new: NewFile,
    incoming: Incoming,
    place: Place,
    size: u64,
    /// How many bytes its owner had in files when it began.
    had: u64,
}

/// The place of an upload among those under way.
#[derive(Debug)]
struct Place {
    uploads: Arc<Uploads>,
    id: FileId,
}

impl Files {
    /// Begins to take in a file, if its owner may and has room for it.
    pub async fn upload(&self, caller: &Caller, new: NewFile) -> Result<Upload, Refusal> {
        if !self.config.get().files.enabled {
            let why = "this server takes no files (files.enabled)";
            return Err(Refusal::Forbidden(why.into()));
        }
        let user = self.log.user(caller.user).await?;
        let user = user.ok_or(Refusal::NotFound("user"))?;
        let now = self.clock.now();
        user.with(|p| rights::may(&p.who(caller.scopes, now), Permission::FileUpload))?;
        self.limits.check_upload(caller.user)?;
        let place = self.take_place(caller.user)?;
        let had = self.store.file_usage(caller.user).await;
        let had = had.map_err(|e| refuse(&e))?.bytes;
        let incoming = self.shelf.begin(place.id).await.map_err(|e| no_bytes(&e))?;
        let upload = Upload {
            files: self.clone(),
            caller: caller.clone(),
            new,
            incoming,
            place,
            size: 0,
            had,
        };
        upload.check_size(upload.new.size.unwrap_or(1))?;
        Ok(upload)
    }

    fn take_place(&self, user: UserId) -> Result<Place, Refusal> {
        let most = self.config.get().files.uploads;
        let id = FileId::new(self.clock.now());
        let uploads = Arc::clone(&self.uploads);
        {
            let mut all = uploads.0.lock();
            if all.values().filter(|(by, _)| *by == user).count() >= AT_ONCE {
                let why = format!("{AT_ONCE} uploads of yours are under way; wait for one to end");
                return Err(Refusal::Conflict(why));
            }
            if all.len() >= most {
                return Err(Refusal::Busy);
            }
            all.insert(id, (user, 0));
        }
        Ok(Place { uploads, id })
    }
}

impl Upload {
    /// Refuses what is too much with so many bytes that are not written yet.
    pub fn check(&self, more: usize) -> Result<(), Refusal> {
        self.check_size(self.size + more as u64)
    }

    /// Takes in some more bytes.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        if self.files.stopping.is_cancelled() {
            return Err(Refusal::Unavailable);
        }
        let size = self.size + bytes.len() as u64;
        self.check_size(size)?;
        self.place.grow_to(size);
        self.incoming.write(bytes).await.map_err(|e| no_bytes(&e))?;
        self.size = size;
        Ok(())
    }

    /// All bytes have come: from here on the file is there, for its owner.
    pub async fn finish(self) -> Result<File, Refusal> {
        if self.size == 0 {
            return Err(Refusal::field("body", "a file must not be empty"));
        }
        if self.new.size.is_some_and(|size| size != self.size) {
            return Err(Refusal::field("body", "the body broke off"));
        }
        self.check_quota().await?;
        let Self {
            files,
            caller,
            new,
            incoming,
            place,
            ..
        } = self;
        let kept = incoming.finish().await.map_err(|e| no_bytes(&e))?;
        let file = File {
            id: place.id,
            owner: caller.user,
            name: new.name,
            media: kept.kind.media.to_owned(),
            size: kept.size,
            sha256: kept.sha256,
            pixels: kept.kind.pixels,
            at: files.clock.now(),
            place: None,
            gone_at: None,
        };
        let checked = check_content(&files, &file, new.sha256);
        let done = match checked {
            Ok(()) => files.record(&caller, file.clone()).await,
            Err(refusal) => Err(refusal),
        };
        match done {
            Ok(()) => Ok(file),
            // It may be recorded all the same: if it is not, the bytes are collected.
            Err(Refusal::Unavailable) => Err(Refusal::Unavailable),
            Err(refusal) => {
                if let Err(error) = files.shelf.remove(file.id).await {
                    tracing::warn!(%error, "the bytes of a refused upload are left to be collected");
                }
                Err(refusal)
            }
        }
    }

    fn check_size(&self, size: u64) -> Result<(), Refusal> {
        let (most, quota) = {
            let config = self.files.config.get();
            (config.files.max_size, config.files.per_user)
        };
        if size > most.as_u64() {
            return Err(Refusal::TooLarge(format!("a file has at most {most}")));
        }
        if quota.as_u64() > 0 && self.had.saturating_add(size) > quota.as_u64() {
            return Err(over(quota));
        }
        Ok(())
    }

    /// Refuses what would come to too much together with what else its owner has by now.
    async fn check_quota(&self) -> Result<(), Refusal> {
        let quota = self.files.config.get().files.per_user;
        if quota.as_u64() == 0 {
            return Ok(());
        }
        // In this order: an upload that ends in between is counted twice rather than not at all.
        let coming = self.place.uploads.bytes_of(self.caller.user);
        let had = self.files.store.file_usage(self.caller.user).await;
        let had = had.map_err(|e| refuse(&e))?.bytes;
        if had.saturating_add(coming) > quota.as_u64() {
            return Err(over(quota));
        }
        Ok(())
    }
}

impl Files {
    /// Records a file whose bytes are there.
    async fn record(&self, caller: &Caller, file: File) -> Result<(), Refusal> {
        let pass = caller.pass();
        let touches = [caller.user.into()];
        let done = self.log.append(&touches, None, move |draft| {
            draft.authorise_pass(pass, |who| rights::may(who, Permission::FileUpload))?;
            draft.write(Write::InsertFile(file.clone()));
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    /// Takes an upload back that is attached to nothing.
    pub async fn discard(&self, caller: &Caller, id: FileId) -> Result<(), Refusal> {
        let file = self.file(caller, id).await?;
        if file.place.is_some() {
            let why = "this file is part of a message, and goes with it";
            return Err(Refusal::Conflict(why.into()));
        }
        let pass = caller.pass();
        let touches = [caller.user.into()];
        let done = self.log.append(&touches, None, move |draft| {
            draft.authorise_pass(pass, rights::may_act)?;
            let at = draft.now();
            let place = None;
            draft.write(Write::DropFile { id, place, at });
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }
}

impl Place {
    fn grow_to(&self, size: u64) {
        if let Some((_, bytes)) = self.uploads.0.lock().get_mut(&self.id) {
            *bytes = size;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.uploads.0.lock().remove(&self.id);
    }
}

/// Refuses what came otherwise than it was said, or is not to be here.
fn check_content(files: &Files, file: &File, said: Option<[u8; 32]>) -> Result<(), Refusal> {
    if said.is_some_and(|said| said != file.sha256) {
        let why = "is not the SHA-256 of the bytes that came; send them again";
        return Err(Refusal::field("sha256", why));
    }
    let types = &files.config.get().files.types;
    let takes = |wanted: &String| match wanted.strip_suffix('*') {
        Some(kind) => file.media.starts_with(kind),
        None => file.media == *wanted,
    };
    if !types.is_empty() && !types.iter().any(takes) {
        let (media, all) = (&file.media, types.join(", "));
        let why = format!("this file is {media} by its bytes; this server takes {all}");
        return Err(Refusal::field("body", why));
    }
    if let Some((width, height)) = file.pixels
        && u64::from(width) * u64::from(height) > PIXELS
    {
        let why = format!(
            "an image of {width} \u{d7} {height} pixels is too much to show; at most {PIXELS} in all"
        );
        return Err(Refusal::field("body", why));
    }
    Ok(())
}

fn over(quota: bytesize::ByteSize) -> Refusal {
    Refusal::TooLarge(format!(
        "you have as many files as you may (files.per_user, {quota}); delete some"
    ))
}
