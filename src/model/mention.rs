//! Mentions: `@name` and `@room` in what is said.

use serde::{Deserialize, Serialize};

use super::text::Username;
use crate::id::{EntryId, RoomId, UserId};

/// The word that means everyone in the room.
const EVERYONE: &str = "room";
/// How many different names of a text are looked up: what comes after is text and nothing else.
const LOOKED_UP: usize = 50;
/// The longest name there is.
const LONGEST: usize = 32;

/// Whom a message mentions, as it is kept with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentions {
    /// Members of the room, in the order in which they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserId>,
    /// Whether it mentions everyone who is in the room.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everyone: bool,
}

impl Mentions {
    /// How many people one message mentions by name; those named after them are not mentioned.
    pub const MOST: usize = 20;
}

/// That somebody, or everyone in a room, was mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Who; none for everyone.
    pub user: Option<UserId>,
    /// The id of the message.
    pub message: EntryId,
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub seq: u64,
    /// Who wrote it; not known of what was said before that was kept.
    pub by: Option<UserId>,
}

impl Mention {
    /// How many of somebody's unread mentions in a room are told, the newest; what is more is "so many and more".
    pub const TOLD: usize = 100;
    /// How many are looked at for that: some may be of messages that were deleted.
    pub const LOOKED_AT: usize = 200;
}

/// From where on somebody's mentions in a room are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MentionsFrom {
    /// Which room.
    pub room: RoomId,
    /// The first `seq` that counts where they are mentioned by name.
    pub named: u64,
    /// The first that counts where everyone is.
    pub everyone: u64,
}

/// A message that mentions somebody, by name or with everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mentioned {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub seq: u64,
    /// Whether it is deleted. It may come back.
    pub deleted: bool,
}

/// What a text says after `@`: names that somebody may have, and whether it says `@room`.
pub fn named(text: &str) -> (Vec<Username>, bool) {
    let of_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let (mut names, mut everyone) = (Vec::new(), false);
    for (at, _) in text.match_indices('@') {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || "._-@".contains(c)) {
            continue;
        }
        let rest = &text[at + 1..];
        let end = rest.find(|c| !of_name(c)).unwrap_or(rest.len());
        // A sentence may end behind a name, and a name in what ends a sentence.
        let whole = rest[..end].to_ascii_lowercase();
        let bare = whole.trim_end_matches(['.', '-', '_']);
        everyone |= bare == EVERYONE;
        for name in [&whole, bare] {
            if name.len() > LONGEST || name == EVERYONE || names.len() >= LOOKED_UP {
                continue;
            }
            if let Ok(name) = Username::parse(name)
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
    }
    (names, everyone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_after_an_at() {
        let names = |text: &str| {
            let (names, everyone) = named(text);
            let names: Vec<_> = names.iter().map(|n| n.as_str().to_owned()).collect();
            (names.join(" "), everyone)
        };
        for (text, expected) in [
            ("@ana", "ana"),
            ("hi @Ana, and (@bob)!", "ana bob"),
            ("@ana. @ana", "ana. ana"),
            ("@dr.ana's", "dr.ana"),
            ("\u{e4}@ana mail ana@example.org @@ana", ""),
            ("@ @- @a @\u{e4}na", ""),
            ("@ana@bob", "ana"),
        ] {
            assert_eq!(names(text), (expected.to_owned(), false), "{text}");
        }
        assert_eq!(names("@room!"), (String::new(), true));
        assert_eq!(names("to all in @ROOM."), ("room.".to_owned(), true));
        assert_eq!(names("@rooms"), ("rooms".to_owned(), false));
        let bomb: Vec<_> = (0..1_000).map(|i| format!("@user{i}")).collect();
        assert_eq!(named(&bomb.join(" ")).0.len(), LOOKED_UP);
        assert_eq!(named(&format!("@{}", "a".repeat(33))).0, []);
    }
}
