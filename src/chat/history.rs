//! Reading what was said.

use std::collections::HashSet;

use super::{Chat, TallyView};
use crate::{
    clock::Millis,
    id::{EntryId, Epoch, FileId, RoomId, UserId},
    log::refuse,
    model::{Attached, Caller, Edited, Entry, Payload, Refusal, Thread, Txn, Username},
    rights::InRoom,
    store::{Gap, Messages, Page},
};

/// The most messages in one page, by the wire contract.
const PAGE_MOST: usize = 200;

/// A message as it is read.
#[derive(Clone, Debug)]
pub struct MessageView {
    /// Its number.
    pub seq: u64,
    /// The number of messages up to it.
    pub n: u64,
    /// Its id.
    pub id: EntryId,
    /// Who said it.
    pub from: Option<UserId>,
    /// Their name.
    pub name: Option<Username>,
    /// The text as it is now; empty when it was deleted.
    pub body: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The `seq` of the message it answers.
    pub reply_to: Option<u64>,
    /// That it was edited, if it was.
    pub edited: Option<Edited>,
    /// How people react to it, the first reaction first.
    pub reactions: Vec<TallyView>,
    /// That it is pinned, if it is.
    pub pinned: Option<PinnedView>,
    /// The answers to it, if there are any.
    pub thread: Option<Thread>,
    /// Whom it mentions, with their names.
    pub mentions: Vec<(UserId, Option<Username>)>,
    /// Whether it mentions everyone in the room.
    pub everyone: bool,
    /// The files that came with it.
    pub files: Vec<FileView>,
    /// When.
    pub at: Millis,
    /// The asker's own name for it, when it is theirs.
    pub txn: Option<Txn>,
}

/// A file of a message.
#[derive(Clone, Debug)]
pub struct FileView {
    /// What was told of it with the message.
    pub file: Attached,
    /// Whether its bytes are gone, though the message is there.
    pub gone: bool,
}

/// Since when a message is pinned, and by whom.
#[derive(Clone, Debug)]
pub struct PinnedView {
    /// Who did.
    pub by: UserId,
    /// Their name.
    pub name: Option<Username>,
    /// The `seq` of the entry that pinned it.
    pub seq: u64,
    /// When.
    pub at: Millis,
}

/// A page of a room's messages.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// The messages, in order.
    pub items: Vec<MessageView>,
    /// What there was and cannot be read any more.
    pub gaps: Vec<Gap>,
    /// Where the room's log stands.
    pub head: u64,
    /// How many messages it has.
    pub n: u64,
    /// The store's incarnation.
    pub epoch: Epoch,
}

impl Chat {
    /// A page of a room's messages.
    pub async fn history(
        &self,
        caller: &Caller,
        id: RoomId,
        page: Page,
        limit: usize,
    ) -> Result<HistoryPage, Refusal> {
        let floor = self.may_read(caller, id).await?;
        let read = self
            .store
            .messages(id, page, floor, limit.min(PAGE_MOST))
            .await;
        let Messages { entries, gaps } = read.map_err(|e| refuse(&e))?;
        let items = self.views(caller, id, entries).await?;
        // Whoever was taken out meanwhile does not get to see it.
        let floor_now = self.may_read(caller, id).await?;
        let items = items.into_iter().filter(|m| m.seq >= floor_now).collect();
        let gaps = gaps.into_iter().filter(|g| g.last >= floor_now).collect();
        let head = self
            .log
            .room(id)
            .await?
            .ok_or(Refusal::NotFound("room"))?
            .head();
        Ok(HistoryPage {
            items,
            gaps,
            head: head.seq,
            n: head.n,
            epoch: self.store.epoch(),
        })
    }

    /// One message.
    pub async fn message(
        &self,
        caller: &Caller,
        id: RoomId,
        seq: u64,
    ) -> Result<MessageView, Refusal> {
        let floor = self.may_read(caller, id).await?;
        let entry = self.store.message(id, seq).await;
        let entry = entry.map_err(|e| refuse(&e))?.filter(|e| e.seq >= floor);
        let entries = entry.into_iter().collect();
        let views = self.views(caller, id, entries).await?;
        let floor_now = self.may_read(caller, id).await?;
        let mut views = views.into_iter().filter(|m| m.seq >= floor_now);
        views.next().ok_or(Refusal::NotFound("message"))
    }

    /// The first `seq` that the caller may read in a room, if they may read there.
    pub(super) async fn may_read(&self, caller: &Caller, id: RoomId) -> Result<u64, Refusal> {
        let floor = self.floor(caller, id, InRoom::Read).await?;
        Ok(floor.unwrap_or(u64::MAX))
    }

    pub(super) async fn views(
        &self,
        caller: &Caller,
        room: RoomId,
        entries: Vec<Entry>,
    ) -> Result<Vec<MessageView>, Refusal> {
        let tallies = self.tallies(caller, room, &entries).await?;
        let pinned = |e: &Entry| e.over.as_ref().and_then(|over| over.pinned);
        let people = entries
            .iter()
            .flat_map(|e| e.from.into_iter().chain(pinned(e).map(|p| p.by)))
            .chain(entries.iter().flat_map(|e| match &e.payload {
                Payload::Message {
                    mentions: Some(mentions),
                    ..
                } => mentions.users.clone(),
                _ => Vec::new(),
            }));
        let names = self.log.names(people).await?;
        let there = self.files_there(&entries).await?;
        let view = |(entry, reactions): (Entry, _)| {
            let pinned = pinned(&entry);
            let thread = entry.over.as_ref().and_then(|over| over.thread);
            let deleted = entry.payload == Payload::Tombstone;
            let (body, reply_to, mentions, files) = match entry.payload {
                Payload::Message {
                    body,
                    reply_to,
                    mentions,
                    files,
                } => (body, reply_to, mentions, files),
                Payload::Tombstone => (String::new(), None, None, Vec::new()),
                _ => return None,
            };
            Some(MessageView {
                seq: entry.seq,
                n: entry.n,
                id: entry.id,
                from: entry.from,
                name: entry.from.and_then(|id| names.get(&id).cloned()),
                body,
                deleted,
                reply_to,
                edited: entry.over.and_then(|over| over.edited),
                reactions,
                pinned: pinned.map(|p| PinnedView {
                    by: p.by,
                    name: names.get(&p.by).cloned(),
                    seq: p.seq,
                    at: p.at,
                }),
                thread,
                everyone: mentions.as_ref().is_some_and(|m| m.everyone),
                files: files
                    .into_iter()
                    .map(|file| FileView {
                        gone: !there.contains(&file.id),
                        file,
                    })
                    .collect(),
                mentions: mentions
                    .map(|m| m.users)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|id| (id, names.get(&id).cloned()))
                    .collect(),
                at: entry.at,
                txn: entry.txn.filter(|_| entry.from == Some(caller.user)),
            })
        };
        Ok(entries.into_iter().zip(tallies).filter_map(view).collect())
    }

    /// Which files of these messages are there. One is gone without its message when an operator took it out.
    async fn files_there(&self, entries: &[Entry]) -> Result<HashSet<FileId>, Refusal> {
        let files = |entry: &Entry| match &entry.payload {
            Payload::Message { files, .. } => files.iter().map(|file| file.id).collect(),
            _ => Vec::new(),
        };
        let all: Vec<FileId> = entries.iter().flat_map(files).collect();
        if all.is_empty() {
            return Ok(HashSet::new());
        }
        let found = self.store.files(&all).await.map_err(|e| refuse(&e))?;
        let there = found.iter().filter(|file| file.gone_at.is_none());
        Ok(there.map(|file| file.id).collect())
    }
}
