//! Reactions: what people say about a message with one emoji.
//!
//! Each is an entry of the log, and a record of its own as long as it stands. Over the message lie the sums, so that
//! a page of messages reads as fast with a thousand reactions as with one.

use serde::{Deserialize, Serialize};

use super::text::Emoji;
use crate::{
    clock::Millis,
    id::{RoomId, UserId},
};

/// That somebody reacts to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// What with.
    pub emoji: Emoji,
    /// The `seq` of the entry by which they do.
    pub seq: u64,
    /// Who.
    pub user: UserId,
    /// Since when.
    pub at: Millis,
}

impl Reaction {
    /// How many different emoji a message can have: they are all listed with it.
    pub const KINDS: usize = 20;
    /// With how many different emoji one person can react to a message.
    pub const EACH: usize = 10;
    /// Of how many people the sum names the first ones.
    pub const SHOWN: usize = 3;
}

/// How many people react to a message with one emoji. Lies in the store as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// What with.
    pub emoji: Emoji,
    /// How many.
    pub count: u64,
    /// The first of them, at most [`Reaction::SHOWN`].
    pub first: Vec<UserId>,
}

impl Tally {
    /// Counts one more; false when the message has too many different emoji.
    pub fn add(all: &mut Vec<Self>, emoji: &Emoji, user: UserId) -> bool {
        let at = all.iter().position(|t| t.emoji == *emoji);
        if at.is_none() && all.len() >= Reaction::KINDS {
            return false;
        }
        let at = at.unwrap_or_else(|| {
            all.push(Self {
                emoji: emoji.clone(),
                count: 0,
                first: Vec::new(),
            });
            all.len() - 1
        });
        let tally = &mut all[at];
        tally.count += 1;
        if tally.first.len() < Reaction::SHOWN {
            tally.first.push(user);
        }
        true
    }

    /// Counts one less; `first` are the first of those who are left.
    pub fn take(all: &mut Vec<Self>, emoji: &Emoji, first: Vec<UserId>) {
        if let Some(tally) = all.iter_mut().find(|t| t.emoji == *emoji) {
            tally.count = tally.count.saturating_sub(1);
            tally.first = first;
        }
        all.retain(|t| t.count > 0);
    }
}
