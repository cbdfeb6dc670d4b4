//! A request's turn: what it may look at, and where it writes down what it comes to.

use std::{cell::Cell, collections::HashMap, sync::Arc};

use super::{
    chain::{chain_hash, hex, personal_digest},
    memory::{LiveRoom, LiveUser, Memory},
};
use crate::{
    clock::Millis,
    id::{EntryId, LogId, RoomId, UserId},
    model::{
        Act, Actor, Authority, Digest, Entry, Head, Origin, Pass, Payload, Personal, Policy,
        Refusal, Txn, Who,
    },
    store::{Change, Write},
};

/// Where the logs stand in the middle of a batch: the committed heads and what the batch adds so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads {
    pub(super) heads: HashMap<LogId, Head>,
    /// The control log's last hash.
    pub(super) hash: Option<String>,
}

/// A request's turn. What it writes here happens together or not at all.
#[derive(Debug)]
pub struct Draft<'a> {
    memory: &'a Memory,
    now: Millis,
    heads: &'a Heads,
    added: Heads,
    change: Change,
    /// Whether it was asked who may do this, and somebody may. What nobody asked for is not done.
    authorised: Cell<bool>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(memory: &'a Memory, now: Millis, heads: &'a Heads) -> Self {
        Self {
            memory,
            now,
            heads,
            added: Heads::default(),
            change: Change::default(),
            authorised: Cell::new(false),
        }
    }

    /// What it came to; none when something was written down and nobody had asked whether it may be.
    pub(super) fn finish(self) -> Option<(Change, Heads)> {
        let nothing = self.change.entries.is_empty() && self.change.writes.is_empty();
        (nothing || self.authorised.get()).then_some((self.change, self.added))
    }

    /// Says that this needs nobody's permission: the server does it by itself, or by a secret that whoever
    /// asks has shown. Every other act goes through [`Draft::authorise`].
    pub fn by_itself(&self) {
        self.authorised.set(true);
    }

    /// The time of this turn.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// A room among those the request touches.
    pub fn room(&self, id: RoomId) -> Result<Arc<LiveRoom>, Refusal> {
        self.memory.room(id).ok_or(Refusal::NotFound("room"))
    }

    /// The same, unless it was deleted meanwhile: what nobody may change any more, an operator neither.
    pub fn open_room(&self, id: RoomId) -> Result<Arc<LiveRoom>, Refusal> {
        let room = self.room(id)?;
        if room.facts().room.deleted_at.is_some() {
            return Err(Refusal::NotFound("room"));
        }
        Ok(room)
    }

    /// A user among those the request touches.
    pub fn user(&self, id: UserId) -> Result<Arc<LiveUser>, Refusal> {
        self.memory.user(id).ok_or(Refusal::NotFound("user"))
    }

    /// What holds for the whole server. Whoever decides by it touches the control log.
    pub fn policy(&self) -> Arc<Policy> {
        self.memory.policy()
    }

    /// Refuses what an authority may not do, as of this turn: `check` is asked about the account behind it,
    /// which the request touches; an operator may do everything.
    pub fn authorise(
        &self,
        by: &Authority,
        check: impl FnOnce(&Who<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        match by {
            Authority::Operator(_) => {
                self.authorised.set(true);
                Ok(())
            }
            Authority::Caller(caller) => self.authorise_pass(caller.pass(), check),
        }
    }

    /// The same for an account by what it came with, for whoever does it too often to carry more about.
    pub fn authorise_pass(
        &self,
        pass: Pass,
        check: impl FnOnce(&Who<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let live = self.user(pass.user)?;
        if !live.has_session(pass.session) {
            return Err(Refusal::SessionEnded);
        }
        live.with(|person| check(&person.who(pass.scopes, self.now)))?;
        self.authorised.set(true);
        Ok(())
    }

    /// Adds an entry to a log among those the request touches; answers its `seq`.
    pub fn entry(&mut self, log: LogId, from: Option<UserId>, payload: Payload) -> u64 {
        self.entry_once(log, from, None, payload)
    }

    /// Adds an entry under the client's `txn` and a digest of the request.
    pub fn entry_once(
        &mut self,
        log: LogId,
        from: Option<UserId>,
        txn: Option<(Txn, Digest)>,
        payload: Payload,
    ) -> u64 {
        let head = self.next(log, payload.is_message());
        let (txn, digest) = txn.unzip();
        let id = EntryId::new(head.at);
        let (seq, n, at) = (head.seq, head.n, head.at);
        self.change.entries.push(Entry {
            log,
            seq,
            n,
            at,
            id,
            from,
            txn,
            digest,
            payload,
            over: None,
        });
        seq
    }

    /// The id of the last entry that this turn adds to a log.
    pub fn last_id(&self, log: LogId) -> Option<EntryId> {
        let entries = self.change.entries.iter();
        entries.rev().find(|e| e.log == log).map(|e| e.id)
    }

    /// Writes an act into the control log; `personal` are its particulars that name a person.
    pub fn act(
        &mut self,
        act: &str,
        actor: &Actor,
        target: Option<String>,
        detail: serde_json::Value,
        personal: &[(&str, &str)],
    ) {
        let mut fields: std::collections::BTreeMap<_, _> = personal
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        if let Some(address) = actor.address {
            fields.insert("address".into(), address.to_string());
        }
        if let Origin::Admin { command, .. } = &actor.origin {
            fields.extend(command.clone().map(|command| ("command".into(), command)));
        }
        let personal = (!fields.is_empty()).then(|| Personal {
            salt: salt(),
            fields,
        });
        let digest = personal.as_ref().map(personal_digest);
        let mut act = Act {
            act: act.into(),
            actor: actor.clone(),
            target,
            detail,
            personal,
            personal_digest: digest,
            hash: String::new(),
        };
        let head = self.next(LogId::Control, false);
        let previous = self.added.hash.as_ref().or(self.heads.hash.as_ref());
        act.hash = chain_hash(previous.map_or("", String::as_str), head, &act);
        self.added.hash = Some(act.hash.clone());
        let (seq, n, at) = (head.seq, head.n, head.at);
        self.change.entries.push(Entry {
            log: LogId::Control,
            seq,
            n,
            at,
            id: EntryId::new(at),
            from: actor.user,
            txn: None,
            digest: None,
            payload: Payload::Act(Box::new(act)),
            over: None,
        });
    }

    /// Where a log among those the request touches stands, with what this turn has added.
    pub fn position(&self, log: LogId) -> Head {
        let heads = [&self.added.heads, &self.heads.heads];
        let known = heads.into_iter().find_map(|heads| heads.get(&log));
        known.copied().unwrap_or_default()
    }

    /// Changes a record.
    pub fn write(&mut self, write: Write) {
        self.change.writes.push(write);
    }

    /// The place of a log's next entry: `at` never goes back, however the clock is set.
    fn next(&mut self, log: LogId, message: bool) -> Head {
        let last = self.position(log);
        let head = Head {
            seq: last.seq + 1,
            n: last.n + u64::from(message),
            at: self.now.max(last.at),
        };
        self.added.heads.insert(log, head);
        head
    }
}

fn salt() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness the digest would still be right, only easier to guess; the system has it.
    let _filled = getrandom::fill(&mut bytes);
    hex(&bytes)
}
