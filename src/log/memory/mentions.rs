//! What changed lately about who is mentioned in a room: for whoever looks that up in the store, which takes a moment, and
//! is to know how it stands in another.

use std::collections::VecDeque;

use crate::{
    id::UserId,
    model::{Entry, Mentions, Payload},
};

/// How many changes of a room are remembered: many more than there are during a look at the store. Messages that
/// mention nobody are none.
const REMEMBERED: usize = 256;

/// An entry that changes who is mentioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MentionChange {
    /// A message mentions somebody.
    Said {
        /// Whom.
        mentions: Box<Mentions>,
        /// Who wrote it.
        by: Option<UserId>,
    },
    /// The message with this `seq` is deleted.
    Deleted(u64),
    /// It is there again.
    Restored(u64),
    /// The messages from here to there are gone for good.
    Purged(u64, u64),
}

impl MentionChange {
    fn of(payload: &Payload, by: Option<UserId>) -> Option<Self> {
        match payload {
            Payload::Message {
                mentions: Some(mentions),
                ..
            } => Some(Self::Said {
                mentions: mentions.clone(),
                by,
            }),
            Payload::Delete { target } => Some(Self::Deleted(*target)),
            Payload::Restore { target } => Some(Self::Restored(*target)),
            Payload::Purged { first, last } => Some(Self::Purged(*first, *last)),
            _ => None,
        }
    }
}

/// The last changes of a room, with the `seq` of the entry of each.
#[derive(Debug)]
pub(super) struct Lately {
    /// All that came after this entry is here.
    since: u64,
    changes: VecDeque<(u64, MentionChange)>,
}

impl Lately {
    /// Nothing since this entry.
    pub(super) fn since(seq: u64) -> Self {
        Self {
            since: seq,
            changes: VecDeque::new(),
        }
    }

    /// Takes note of an entry.
    pub(super) fn note(&mut self, entry: &Entry) {
        let Some(change) = MentionChange::of(&entry.payload, entry.from) else {
            return;
        };
        self.changes.push_back((entry.seq, change));
        if self.changes.len() > REMEMBERED
            && let Some((seq, _)) = self.changes.pop_front()
        {
            self.since = seq;
        }
    }

    /// What came after an entry; none when not all of that is remembered.
    pub(super) fn after(&self, seq: u64) -> Option<Vec<(u64, MentionChange)>> {
        if seq < self.since {
            return None;
        }
        let later = self.changes.iter().filter(|(of, _)| *of > seq);
        Some(later.cloned().collect())
    }

    /// Whether something was purged after an entry; also when not all of what came after it is remembered.
    pub(super) fn purged_after(&self, seq: u64) -> bool {
        let purged = |(of, change): &(u64, MentionChange)| {
            *of > seq && matches!(change, MentionChange::Purged(..))
        };
        seq < self.since || self.changes.iter().any(purged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Millis,
        id::{EntryId, RoomId},
    };

    fn entry(seq: u64, payload: Payload) -> Entry {
        Entry {
            log: RoomId::from_bytes([1; 16]).into(),
            seq,
            n: 0,
            id: EntryId::from_bytes([2; 16]),
            at: Millis(1),
            from: None,
            txn: None,
            digest: None,
            payload,
            over: None,
        }
    }

    #[test]
    fn what_is_forgotten_is_known_to_be() {
        let mut lately = Lately::since(7);
        assert_eq!(lately.after(6), None);
        assert_eq!(lately.after(7), Some(Vec::new()));
        lately.note(&entry(8, Payload::Purged { first: 1, last: 2 }));
        lately.note(&entry(9, Payload::Deleted));
        lately.note(&entry(10, Payload::Delete { target: 5 }));
        let all = lately.after(7).unwrap();
        let expected = [
            (8, MentionChange::Purged(1, 2)),
            (10, MentionChange::Deleted(5)),
        ];
        assert_eq!(all, expected);
        assert_eq!(lately.after(8).unwrap(), expected[1..]);
        assert!(lately.purged_after(6) && lately.purged_after(7) && !lately.purged_after(8));
        for seq in 11..11 + REMEMBERED as u64 {
            lately.note(&entry(seq, Payload::Restore { target: 5 }));
        }
        assert_eq!(lately.after(9), None);
        assert!(lately.purged_after(9) && !lately.purged_after(10));
        assert_eq!(lately.after(10).unwrap().len(), REMEMBERED);
    }
}
