//! Saying something.

use std::time::Duration;

use super::Chat;
use crate::{
    clock::Millis,
    id::{EntryId, FileId, LogId, RoomId, UserId},
    log::{Done, Error, refuse},
    model::{
        Attached, Body, Caller, File, Mention, Mentions, Payload, Permission, Refusal, Txn,
        Username, mention,
    },
    rights::{self, InRoom},
    store::Write,
};

/// Why a message is not sent that answers one which is deleted.
const ANSWERS_DELETED: &str = "the message that this answers was deleted";

/// Why a message is not sent whose file is not to be had any more.
const FILE_USED: &str = "one of its files was used for another message meanwhile, or is gone";

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The text; none where the files say it all.
    pub body: Option<Body>,
    /// Makes repeating it safe.
    pub txn: Option<Txn>,
    /// The `seq` of the message it answers.
    pub reply_to: Option<u64>,
    /// Uploads of the sender that come with it.
    pub files: Vec<FileId>,
}

/// A message of which it was looked up what has to be, before it is sent.
#[derive(Clone, Debug)]
pub struct ReadyMessage {
    new: NewMessage,
    /// Whether it counts in its sender's rate already.
    counted: bool,
    /// Whom it names, of those who were in the room when that was looked up.
    users: Vec<UserId>,
    /// Whether it says `@room`.
    everyone: bool,
    /// The files that come with it, as they were when that was looked up.
    files: Vec<Attached>,
}

impl NewMessage {
    /// The message, if it can be sent without looking anything up.
    pub fn plain(self) -> Result<ReadyMessage, Self> {
        if self.reply_to.is_none() && self.files.is_empty() && !self.text().contains('@') {
            Ok(ReadyMessage {
                new: self,
                counted: false,
                users: Vec::new(),
                everyone: false,
                files: Vec::new(),
            })
        } else {
            Err(self)
        }
    }

    fn text(&self) -> &str {
        self.body.as_ref().map_or("", Body::as_str)
    }
}

/// A message that is durable.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Where.
    pub room: RoomId,
    /// Its number.
    pub seq: u64,
    /// The number of messages up to it.
    pub n: u64,
    /// Its id.
    pub message: EntryId,
    /// When.
    pub at: Millis,
    /// Whether it was there already.
    pub dup: bool,
}

impl Chat {
    /// Looks up what a message needs: one that answers another needs that one to be there, and of one that names people
    /// it is found out who they are.
    pub async fn ready(
        &self,
        caller: &Caller,
        room: RoomId,
        new: NewMessage,
    ) -> Result<ReadyMessage, Refusal> {
        let new = match new.plain() {
            Ok(ready) => return Ok(ready),
            Err(new) => new,
        };
        self.check_content(&new)?;
        self.limits.check_send(caller.user)?;
        let mut ready = ReadyMessage {
            new,
            counted: true,
            users: Vec::new(),
            everyone: false,
            files: Vec::new(),
        };
        let new = &ready.new;
        if let Some(txn) = &new.txn {
            let known = self.store.entry_by_txn(room.into(), caller.user, txn).await;
            if known.map_err(|e| refuse(&e))?.is_some() {
                // The log answers a repeat, whatever became of the other message.
                return Ok(ready);
            }
        }
        if let Some(to) = new.reply_to {
            self.answerable(caller, room, to).await?;
        }
        let (names, everyone) = mention::named(new.text());
        let users = self.named_members(caller, room, &names).await?;
        ready.files = self.uploads(caller, &new.files).await?;
        ready.users = users;
        ready.everyone = everyone;
        Ok(ready)
    }

    /// Those of a room's members who are called so, in this order, but for the caller.
    async fn named_members(
        &self,
        caller: &Caller,
        id: RoomId,
        names: &[Username],
    ) -> Result<Vec<UserId>, Refusal> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.store.users_named(names).await;
        let found = found.map_err(|e| refuse(&e))?;
        let (room, _) = self.seen(caller, id).await?;
        let facts = room.facts();
        let id_of = |name: &Username| found.iter().find(|u| u.name == *name).map(|u| u.id);
        let users = names.iter().filter_map(id_of);
        let users = users.filter(|id| *id != caller.user && facts.members.contains_key(id));
        Ok(users.take(Mentions::MOST).collect())
    }

    /// The files that the caller has uploaded and not used yet, in this order.
    async fn uploads(&self, caller: &Caller, ids: &[FileId]) -> Result<Vec<Attached>, Refusal> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.store.files(ids).await.map_err(|e| refuse(&e))?;
        let mine = |f: &&File| f.owner == caller.user && f.gone_at.is_none();
        let file = |id: &FileId| {
            let file = found.iter().filter(mine).find(|f| f.id == *id);
            let file = file.ok_or_else(|| {
                let why = format!("{id} is no upload of yours; upload the file first");
                Refusal::field("files", why)
            })?;
            if file.place.is_some() {
                let why = format!("{id} is part of another message; upload the file again");
                return Err(Refusal::field("files", why));
            }
            Ok(Attached::from(file))
        };
        ids.iter().map(file).collect()
    }

    /// Refuses to answer what is no message that the caller may read, or is deleted.
    async fn answerable(&self, caller: &Caller, id: RoomId, to: u64) -> Result<(), Refusal> {
        let floor = self.floor(caller, id, InRoom::Send).await?;
        let floor = floor.unwrap_or(u64::MAX);
        let message = self.store.message(id, to).await;
        let message = message.map_err(|e| refuse(&e))?;
        match message.filter(|m| m.seq >= floor).map(|m| m.payload) {
            Some(Payload::Tombstone) => Err(Refusal::Conflict(ANSWERS_DELETED.into())),
            Some(_) => Ok(()),
            None => {
                let why = "there is no such message in this room";
                Err(Refusal::field("reply_to", why))
            }
        }
    }

    /// Says something. The answer comes through `reply`, from the log and before anybody hears the message;
    /// what can be refused at once is refused here.
    pub fn send(
        &self,
        caller: &Caller,
        room: RoomId,
        ready: ReadyMessage,
        reply: impl FnOnce(Result<Sent, Refusal>) + Send + 'static,
    ) {
        if let Err(refusal) = self.check_message(caller, &ready) {
            return reply(Err(refusal));
        }
        let ReadyMessage {
            new,
            users,
            everyone,
            files,
            ..
        } = ready;
        let mut touches: Vec<LogId> = vec![room.into(), caller.user.into()];
        touches.extend(users.iter().copied().map(LogId::from));
        let (me, pass) = (caller.user, caller.pass());
        let NewMessage {
            body,
            txn,
            reply_to,
            files: ids,
        } = new;
        let body = body.map(String::from).unwrap_or_default();
        let once = txn.map(|txn| {
            let to = reply_to.map(|seq| seq.to_string()).unwrap_or_default();
            let ids: Vec<String> = ids.iter().map(FileId::to_string).collect();
            let parts = ["send", body.as_str(), to.as_str()].into_iter();
            let parts: Vec<&str> = parts.chain(ids.iter().map(String::as_str)).collect();
            (txn, self.digest(&parts))
        });
        let (answers, with_files) = (reply_to.is_some(), !ids.is_empty());
        let mut noted = false;
        let decide = Box::new(move |draft: &mut crate::log::Draft<'_>| {
            let live = draft.room(room)?;
            let mut mentions = Mentions::default();
            {
                let facts = live.facts();
                let there = |id: &&UserId| facts.members.contains_key(*id);
                mentions.users = users.iter().filter(there).copied().collect();
                draft.authorise_pass(pass, |who| {
                    let member = rights::may_in_room(who, &facts, InRoom::Send)?;
                    if with_files {
                        rights::may(who, Permission::FileUpload)?;
                    }
                    // Who may not is not refused: it is a word like any other then.
                    mentions.everyone =
                        everyone && rights::may_in_room(who, &facts, InRoom::MentionRoom).is_ok();
                    let floor = member.map_or(u64::MAX, |m| rights::floor(&facts.room, m));
                    let known = floor.max(1)..=live.head().seq;
                    if reply_to.is_some_and(|to| !known.contains(&to)) {
                        let why = "there is no such message in this room";
                        return Err(Refusal::field("reply_to", why));
                    }
                    let wait = Duration::from_secs(facts.room.rules.slow_mode.into());
                    let exempt = rights::may_in_room(who, &facts, InRoom::Lock).is_ok();
                    if wait.is_zero() || noted || exempt {
                        return Ok(());
                    }
                    let txn = once.as_ref().map(|(txn, _)| txn);
                    live.note_said(me, txn, who.now, wait).map_err(|since| {
                        let retry_after = wait.saturating_sub(who.now.since(since));
                        Refusal::RateLimited { retry_after }
                    })?;
                    noted = true;
                    Ok(())
                })?;
            }
            // Kept for a second turn: a change before it in the batch, that does not happen, takes this one's
            // number with it.
            let some = mentions != Mentions::default();
            let said = Payload::Message {
                body: body.clone(),
                reply_to,
                mentions: some.then(|| Box::new(mentions.clone())),
                files: files.clone(),
            };
            let seq = draft.entry_once(room.into(), Some(me), once.clone(), said);
            if some {
                mention_all(draft, (room, seq), me, &mentions);
            }
            for id in &ids {
                draft.write(Write::AttachFile {
                    id: *id,
                    owner: me,
                    room,
                    seq,
                });
            }
            if let Some(target) = reply_to {
                let at = draft.now();
                draft.write(Write::Reply {
                    room,
                    target,
                    seq,
                    at,
                });
            }
            Ok(())
        });
        let reply = Box::new(move |done| reply(sent(room, done, answers, with_files)));
        self.log.submit(&touches, None, decide, reply);
    }

    fn check_message(&self, caller: &Caller, ready: &ReadyMessage) -> Result<(), Refusal> {
        self.check_content(&ready.new)?;
        if ready.counted {
            return Ok(());
        }
        self.limits.check_send(caller.user)
    }

    /// Refuses what says nothing, too much, or brings files that it cannot.
    fn check_content(&self, new: &NewMessage) -> Result<(), Refusal> {
        let files = &new.files;
        if files.len() > Attached::MOST {
            let most = Attached::MOST;
            let why = format!("a message has at most {most} files");
            return Err(Refusal::field("files", why));
        }
        if (1..files.len()).any(|i| files[i..].contains(&files[i - 1])) {
            return Err(Refusal::field("files", "names a file twice"));
        }
        match &new.body {
            Some(body) => self.check_size(body),
            None if files.is_empty() => {
                let why = "a message must not be blank, unless it has files";
                Err(Refusal::field("body", why))
            }
            None => Ok(()),
        }
    }

    /// Refuses a text that is too long.
    pub(super) fn check_size(&self, body: &Body) -> Result<(), Refusal> {
        let most = self.config.get().limits.message;
        if body.as_str().len() as u64 > most.as_u64() {
            return Err(Refusal::TooLarge(format!("a message has at most {most}")));
        }
        Ok(())
    }
}

/// Tells those whom a message mentions, and notes it for their lists.
fn mention_all(
    draft: &mut crate::log::Draft<'_>,
    (room, seq): (RoomId, u64),
    by: UserId,
    mentions: &Mentions,
) {
    let Some(message) = draft.last_id(room.into()) else {
        return;
    };
    for user in &mentions.users {
        let told = Payload::Mention {
            target: room,
            message_seq: seq,
        };
        draft.entry((*user).into(), Some(by), told);
    }
    let all = mentions.users.iter().copied().map(Some);
    for user in all.chain(mentions.everyone.then_some(None)) {
        draft.write(Write::Mention(Mention {
            user,
            message,
            room,
            seq,
            by: Some(by),
        }));
    }
}

fn sent(
    room: RoomId,
    done: Result<Done, Error>,
    answers: bool,
    with_files: bool,
) -> Result<Sent, Refusal> {
    let done = done.map_err(|e| match e {
        // Nothing else that sending depends on can have changed.
        Error::Stale if !with_files => Refusal::Conflict(ANSWERS_DELETED.into()),
        Error::Stale if !answers => Refusal::Conflict(FILE_USED.into()),
        Error::Stale => Refusal::Conflict(format!("{ANSWERS_DELETED}, or {FILE_USED}")),
        e @ Error::Refused(_) => e.into(),
    })?;
    let entry = done.entries.first().ok_or(Refusal::Internal)?;
    let (seq, n, message, at) = (entry.seq, entry.n, entry.id, entry.at);
    Ok(Sent {
        room,
        seq,
        n,
        message,
        at,
        dup: done.dup,
    })
}
