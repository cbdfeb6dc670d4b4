//! Sending one segment or file to where an export goes.

use chatd::{
    admin::{
        self, Client,
        api::{self, archive::Segment},
    },
    model::FileState,
    segment,
};

use super::{
    manifest::{Attached, Exported, Part},
    store::{Store, There},
};
use crate::{asking::quote, checksum::sha256, command::file, failure::Failure};

/// What became of a segment or a file.
pub(super) enum Got<T> {
    /// It is there now.
    Whole(T),
    /// It was there already.
    Kept(T),
    /// It does not read.
    Damaged(String),
    /// It was purged or deleted meanwhile, and is no part of the archive any more.
    Gone,
}

/// An export under way.
pub(super) struct Sending<'a> {
    pub(super) client: &'a Client,
    pub(super) store: &'a Store,
    pub(super) there: &'a There,
}

impl Sending<'_> {
    /// Fetches one segment, and sees to it that it lies there.
    pub(super) async fn segment(&self, segment: &Segment) -> Result<Got<Exported>, Failure> {
        let (room, last) = (quote(&segment.room), segment.last);
        let path = format!("/v1/archive/segments/{room}/{last}");
        let bytes = match self.client.get_bytes(&path).await {
            Ok(bytes) => bytes,
            Err(admin::Error::Refused(why)) if why.code == "not_found" => return Ok(Got::Gone),
            Err(e) => return Err(e.into()),
        };
        let header = match segment::open(&bytes) {
            Ok((header, _)) => header,
            Err(e) => return Ok(Got::Damaged(e.to_string())),
        };
        let exported = Exported {
            part: Part {
                file: format!("{}/{}-{}.chatdseg", header.room, header.first, header.last),
                size: bytes.len() as u64,
                sha256: sha256(&bytes),
            },
            room: header.room.to_string(),
            first: header.first,
            last: header.last,
            entries: header.entries,
            messages: header.messages,
        };
        let is = (&exported.room, exported.first, exported.last);
        if is != (&segment.room, segment.first, segment.last) {
            return Ok(Got::Damaged("it is that of another room or range".into()));
        }
        if self.has(&exported.part).await? {
            return Ok(Got::Kept(exported));
        }
        let name = &exported.part.file;
        let replace = self.there.files.contains_key(name);
        self.store.put(name, bytes, replace).await?;
        Ok(Got::Whole(exported))
    }

    /// Fetches one file piece by piece, and sees to it that it lies there.
    pub(super) async fn file(&self, file: &Attached) -> Result<Got<Attached>, Failure> {
        let part = &file.part;
        if self.has(part).await? {
            return Ok(Got::Kept(file.clone()));
        }
        let replace = self.there.files.contains_key(&part.file);
        let mut incoming = self.store.take(&part.file, replace)?;
        let write = async |piece: bytes::Bytes| incoming.write(&piece).await;
        let (size, sum) = match file::fetch(self.client, &file.id, part.size, write).await {
            Ok(fetched) => fetched,
            Err(Failure::Admin(admin::Error::Refused(why))) if why.code == "not_found" => {
                return if self.is_gone(&file.id).await? {
                    Ok(Got::Gone)
                } else {
                    Ok(Got::Damaged("its bytes are not there".into()))
                };
            }
            Err(e) => return Err(e),
        };
        if (size, &sum) != (part.size, &part.sha256) {
            return Ok(Got::Damaged("its bytes are not those that came".into()));
        }
        incoming.finish().await?;
        Ok(Got::Whole(file.clone()))
    }

    /// Whether it lay there whole before.
    async fn has(&self, part: &Part) -> Result<bool, Failure> {
        let is_there = self.there.files.get(&part.file) == Some(&part.size);
        Ok(is_there && self.store.is_as_written(part).await?)
    }

    /// Whether a file was deleted since it was listed.
    async fn is_gone(&self, id: &str) -> Result<bool, Failure> {
        match self.client.get::<api::File>(&file::path(id)).await {
            Ok(found) => Ok(found.state == FileState::Gone),
            Err(admin::Error::Refused(why)) if why.code == "not_found" => Ok(true),
            Err(e) => Err(e.into()),
        }
    }
}
