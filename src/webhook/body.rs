//! What a delivery says.

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Millis,
    id::{EntryId, Epoch, RoomId, UserId},
    log::encode,
    model::{Entry, Room, RoomKind, RoomName, Username},
};

/// A delivery: its `webhook-id`, the same at every try, and its body.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) body: Vec<u8>,
}

/// Why somebody is to be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// It is a message of a direct conversation.
    Direct,
    /// The message mentions them.
    Mention,
}

#[derive(Serialize)]
struct Place<'a> {
    id: RoomId,
    name: &'a RoomName,
    kind: RoomKind,
}

impl<'a> Place<'a> {
    fn of(room: &'a Room) -> Self {
        Self {
            id: room.id,
            name: &room.name,
            kind: room.kind,
        }
    }
}

#[derive(Serialize)]
struct Told<'a> {
    r#type: &'static str,
    epoch: String,
    room: Place<'a>,
    event: &'a RawValue,
}

#[derive(Serialize)]
struct Push<'a> {
    r#type: &'static str,
    epoch: String,
    room: Place<'a>,
    why: Why,
    to: &'a [UserId],
    event: &'a RawValue,
}

/// A message without what it says.
#[derive(Serialize)]
struct Bare<'a> {
    ev: &'static str,
    room: RoomId,
    seq: u64,
    n: u64,
    message: EntryId,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a Username>,
    at: Millis,
}

#[derive(Serialize)]
struct Ping {
    r#type: &'static str,
    epoch: String,
    at: Millis,
}

/// An event as those who listen get it.
pub(super) fn event<'a>(
    epoch: Epoch,
    room: &Room,
    entry: &'a Entry,
    name: impl Fn(UserId) -> Option<&'a Username>,
) -> Option<Delivery> {
    let text = text_of(entry, name)?;
    let body = Told {
        r#type: "event",
        epoch: epoch.to_string(),
        room: Place::of(room),
        event: &text,
    };
    delivery(format!("evt_{}", entry.id), &body)
}

/// That a message is for people who are not here. The id is of these people as well: at another try they may be
/// others.
pub(super) fn push<'a>(
    epoch: Epoch,
    room: &Room,
    entry: &'a Entry,
    (why, to): (Why, &[UserId]),
    with_text: bool,
    name: impl Fn(UserId) -> Option<&'a Username>,
) -> Option<Delivery> {
    let text = if with_text {
        text_of(entry, name)?
    } else {
        let bare = Bare {
            ev: "message",
            room: room.id,
            seq: entry.seq,
            n: entry.n,
            message: entry.id,
            from: entry.from,
            name: entry.from.and_then(name),
            at: entry.at,
        };
        serde_json::value::to_raw_value(&bare).ok()?
    };
    let body = Push {
        r#type: "push",
        epoch: epoch.to_string(),
        room: Place::of(room),
        why,
        to,
        event: &text,
    };
    let mut people = Sha256::new();
    for user in to {
        people.update(user.as_bytes());
    }
    let [a, b, c, d, ..] = <[u8; 32]>::from(people.finalize());
    let people = u32::from_be_bytes([a, b, c, d]);
    delivery(format!("psh_{}.{people:08x}", entry.id), &body)
}

/// That we are there.
pub(super) fn ping(epoch: Epoch, id: EntryId, at: Millis) -> Option<Delivery> {
    let body = Ping {
        r#type: "ping",
        epoch: epoch.to_string(),
        at,
    };
    delivery(format!("png_{id}"), &body)
}

fn text_of<'a>(
    entry: &'a Entry,
    name: impl Fn(UserId) -> Option<&'a Username>,
) -> Option<Box<RawValue>> {
    let payload = encode(entry, name).payload();
    serde_json::from_slice(&payload).ok()
}

fn delivery(id: String, body: &impl Serialize) -> Option<Delivery> {
    let body = serde_json::to_vec(body).ok()?;
    Some(Delivery { id, body })
}
