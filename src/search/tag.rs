//! What is known of a message beside its words. Each is a word in a column of its own, so that the index can take
//! it together with the words of the text, and does not have to look at every message in which those are.

use crate::id::{RoomId, UserId};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Said in this room.
    In(RoomId),
    /// Said by this person.
    By(UserId),
    /// Mentions this person by name.
    Mentions(UserId),
    /// Mentions everyone in the room.
    Everyone,
    /// Answers another.
    Reply,
    /// Is pinned.
    Pinned,
    /// Was edited.
    Edited,
}

impl Tag {
    /// The word that stands for it.
    pub(super) fn word(self) -> String {
        match self {
            Self::In(room) => format!("r{}", hex(room.as_bytes())),
            Self::By(user) => format!("u{}", hex(user.as_bytes())),
            Self::Mentions(user) => format!("m{}", hex(user.as_bytes())),
            Self::Everyone => "everyone".to_owned(),
            Self::Reply => "reply".to_owned(),
            Self::Pinned => "pinned".to_owned(),
            Self::Edited => "edited".to_owned(),
        }
    }
}

fn hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}

/// Tags as one line, as they are indexed.
pub(super) fn line(tags: &[Tag]) -> String {
    let words: Vec<String> = tags.iter().map(|tag| tag.word()).collect();
    words.join(" ")
}

/// The line with a tag, or without it.
pub(super) fn with(line: &str, tag: Tag, on: bool) -> String {
    let word = tag.word();
    let mut words: Vec<&str> = line.split(' ').filter(|w| **w != *word).collect();
    if on {
        words.push(&word);
    }
    words.join(" ")
}
