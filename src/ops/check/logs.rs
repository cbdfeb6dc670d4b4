//! Whether logs are whole and in order, entry by entry.

use std::collections::HashSet;

use crate::{
    clock::Millis,
    id::{LogId, RoomId},
    log::{chain_hash, personal_digest},
    model::{Act, Entry, Head, Payload},
    store::raw::{self, Row, Table},
};

/// How many ids that do not carry the time of their entry are remembered of a log.
const ODD: usize = 100_000;

/// The log whose entries are being read.
#[derive(Debug, Default)]
pub(super) struct Logs {
    log: Vec<u8>,
    /// The number of the entry that has begun the log, until that is taken note of.
    first: Option<u64>,
    /// The entry before; none at a log's beginning.
    last: Option<Head>,
    /// The hash of the act before; none where it cannot be told.
    hash: Option<String>,
    /// Ids of entries that have the time of the last one. An id carries its time, so an equal one can only
    /// be among them.
    ids: HashSet<[u8; 16]>,
    /// Ids that do not.
    odd: HashSet<[u8; 16]>,
}

impl Logs {
    /// Takes in the next entry, in the order of logs and numbers: what is wrong with it.
    pub(super) fn take(&mut self, row: &Row) -> Vec<String> {
        let log = row.key(Table::Entries)[0].bytes().unwrap_or_default();
        if log != self.log {
            *self = Self {
                log: log.to_vec(),
                ..Self::default()
            };
        }
        let mut wrong = Vec::new();
        let number = |field| {
            let n = row.get(Table::Entries, field).int().unwrap_or_default();
            u64::try_from(n).unwrap_or_default()
        };
        let head = Head {
            seq: number("seq"),
            n: number("n"),
            at: Millis(row.get(Table::Entries, "at").int().unwrap_or_default()),
        };
        let message = row.get(Table::Entries, "kind").text() == Some("message");
        if self.last.is_none() {
            self.first = Some(head.seq);
        }
        self.order(head, message, &mut wrong);
        if let Some(id) = row.get(Table::Entries, "id").id() {
            self.id(id, head.at, &mut wrong);
        }
        match raw::entry(row) {
            Ok(entry) => self.chain(head, &entry, &mut wrong),
            Err(why) => {
                self.hash = None;
                wrong.push(why);
            }
        }
        self.last = Some(head);
        wrong
    }

    /// The room whose log the last entry began, and with which number.
    pub(super) fn begun(&mut self) -> Option<(RoomId, u64)> {
        let first = self.first.take()?;
        match raw::log(&self.log)? {
            LogId::Room(room) => Some((room, first)),
            LogId::User(_) | LogId::Control => None,
        }
    }

    fn order(&self, head: Head, message: bool, wrong: &mut Vec<String>) {
        let Some(last) = self.last else {
            // The first of a log; what was before it may have been archived.
            if head.seq == 1 && head.n != u64::from(message) {
                let (is, n) = (head.n, u64::from(message));
                wrong.push(format!("its n is {is}, and should be {n}"));
            }
            return;
        };
        if head.seq != last.seq + 1 {
            let missing = head.seq.saturating_sub(last.seq + 1);
            let s = if missing == 1 { "y" } else { "ies" };
            wrong.push(format!("{missing} entr{s} before it are missing"));
        } else if head.n != last.n + u64::from(message) {
            let (is, n) = (head.n, last.n + u64::from(message));
            wrong.push(format!("its n is {is}, and should be {n}"));
        }
        if head.at < last.at {
            wrong.push(format!(
                "its time {} is before that of the entry before it, {}",
                head.at, last.at
            ));
        }
    }

    fn id(&mut self, id: [u8; 16], at: Millis, wrong: &mut Vec<String>) {
        let mut ms = [0; 8];
        ms[2..].copy_from_slice(&id[..6]);
        let fresh = if u64::try_from(at.0) == Ok(u64::from_be_bytes(ms)) {
            if self.last.is_none_or(|last| last.at != at) {
                self.ids.clear();
            }
            self.ids.insert(id)
        } else {
            self.odd.len() >= ODD || self.odd.insert(id)
        };
        if !fresh {
            wrong.push("another entry of this log has the same id".into());
        }
    }

    /// The hash of an act follows from the one before.
    fn chain(&mut self, head: Head, entry: &Entry, wrong: &mut Vec<String>) {
        let Payload::Act(act) = &entry.payload else {
            return;
        };
        let before = match (&self.hash, self.last) {
            (Some(hash), _) => Some(hash.as_str()),
            (None, None) if head.seq == 1 => Some(""),
            (None, _) => None,
        };
        if before.is_some_and(|before| chain_hash(before, head, act) != act.hash) {
            wrong.push("the chain breaks here: it, or the act before it, was changed".into());
        }
        if is_forged(act) {
            wrong.push("its particulars were changed".into());
        }
        self.hash = Some(act.hash.clone());
    }
}

/// Whether particulars of persons are not those that the chain covers. They may be gone.
fn is_forged(act: &Act) -> bool {
    let digest = act.personal.as_ref().map(personal_digest);
    digest.is_some() && digest != act.personal_digest
}
