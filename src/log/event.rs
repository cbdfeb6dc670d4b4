//! How an entry looks to those who listen: the events of the wire contract.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    clock::Millis,
    hub::Frame,
    id::{EntryId, LogId, UserId},
    model::{Attached, Entry, Payload, Username},
};

/// The members common to every event of an entry, then those of its kind.
#[derive(Serialize)]
struct Event<'a, T: Serialize> {
    ev: &'a str,
    room: Place,
    seq: u64,
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<EntryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a Username>,
    #[serde(flatten)]
    what: T,
    at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<&'a str>,
}

/// A message's members, apart: flattening costs, and messages are what a server is busy with.
#[derive(Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "`message` is the id's name on the wire"
)]
struct Message<'a> {
    ev: &'a str,
    room: Place,
    seq: u64,
    n: u64,
    message: EntryId,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a Username>,
    body: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mentions: &'a [UserId],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    everyone: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    files: &'a [Attached],
    at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<&'a str>,
}

/// `room` on the wire: the room's id, or `@me`.
struct Place(LogId);

impl Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            LogId::Room(id) => id.serialize(s),
            LogId::User(_) => s.serialize_str("@me"),
            LogId::Control => s.serialize_str("@control"),
        }
    }
}

/// What a kind adds, with names where the entry has ids.
#[derive(Serialize)]
#[serde(untagged)]
enum What<'a> {
    Created {
        room_name: &'a str,
        owner: UserId,
    },
    Membership {
        user: UserId,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_name: Option<&'a Username>,
        role: Option<&'static str>,
    },
    Added {
        target: String,
        room_name: &'a str,
        role: &'static str,
        #[serde(skip_serializing_if = "<[UserId]>::is_empty")]
        people: &'a [UserId],
    },
    Edit {
        target: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<&'a str>,
    },
    Settings {
        #[serde(skip_serializing_if = "Option::is_none")]
        room_name: Option<&'a str>,
        #[serde(flatten)]
        rest: serde_json::Map<String, serde_json::Value>,
    },
    Other(serde_json::Map<String, serde_json::Value>),
}

/// The event of an entry, as a frame. `name` tells the names of people.
pub fn encode<'a>(entry: &'a Entry, name: impl Fn(UserId) -> Option<&'a Username>) -> Frame {
    let from = entry.from;
    let sender = from.and_then(&name);
    let (seq, n, at) = (entry.seq, entry.n, entry.at);
    let room = Place(entry.log);
    let txn = entry.txn.as_ref().map(crate::model::Txn::as_str);
    let ev = entry.payload.kind();
    let said = match &entry.payload {
        Payload::Message {
            body,
            reply_to,
            mentions,
            files,
        } => Some((
            (body.as_str(), *reply_to, false),
            mentions.as_deref(),
            files.as_slice(),
        )),
        Payload::Tombstone => Some((("", None, true), None, [].as_slice())),
        _ => None,
    };
    if let Some(((body, reply_to, deleted), mentions, files)) = said {
        let message = entry.id;
        return Frame::json(&Message {
            ev,
            room,
            seq,
            n,
            message,
            from,
            name: sender,
            body,
            deleted,
            reply_to,
            mentions: mentions.map_or(&[], |m| m.users.as_slice()),
            everyone: mentions.is_some_and(|m| m.everyone),
            files,
            at,
            txn,
        });
    }
    let what = match &entry.payload {
        Payload::Created { name, owner } => What::Created {
            room_name: name.as_str(),
            owner: *owner,
        },
        Payload::Membership { user, role } => What::Membership {
            user: *user,
            user_name: name(*user),
            role: role.map(crate::model::RoomRole::as_str),
        },
        Payload::Added {
            target,
            name,
            role,
            people,
        } => What::Added {
            target: target.to_string(),
            room_name: name.as_str(),
            role: role.as_str(),
            people,
        },
        Payload::Edit { target, body } => What::Edit {
            target: *target,
            body: body.as_deref(),
        },
        Payload::Settings { name, .. } => {
            let mut rest = plain(&entry.payload);
            rest.remove("name");
            What::Settings {
                room_name: name.as_ref().map(crate::model::RoomName::as_str),
                rest,
            }
        }
        other => What::Other(plain(other)),
    };
    Frame::json(&Event {
        ev,
        room,
        seq,
        n,
        message: None,
        from,
        name: sender,
        what,
        at,
        txn,
    })
}

/// The members of a message's event that stay when it is deleted.
#[derive(Deserialize, Serialize)]
struct Remains<'a> {
    #[serde(borrow)]
    ev: &'a str,
    #[serde(borrow)]
    room: &'a RawValue,
    seq: u64,
    n: u64,
    #[serde(borrow)]
    message: &'a RawValue,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    from: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    name: Option<&'a RawValue>,
    #[serde(skip_deserializing)]
    body: &'a str,
    #[serde(skip_deserializing, default = "yes")]
    deleted: bool,
    at: Millis,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    txn: Option<&'a RawValue>,
}

fn yes() -> bool {
    true
}

/// What becomes of the event of a message when it is deleted: the same as [`encode`] makes of its tombstone.
/// None when this is not a message's event.
pub fn bury(event: &[u8]) -> Option<Bytes> {
    let remains: Remains<'_> = serde_json::from_slice(event).ok()?;
    (remains.ev == "message").then(|| Frame::json(&remains).payload())
}

/// The members of an edit's event that stay when the message is deleted.
#[derive(Deserialize, Serialize)]
struct EditRemains<'a> {
    #[serde(borrow)]
    ev: &'a str,
    #[serde(borrow)]
    room: &'a RawValue,
    seq: u64,
    n: u64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    from: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    name: Option<&'a RawValue>,
    target: u64,
    at: Millis,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    txn: Option<&'a RawValue>,
}

/// What becomes of the event of an edit of `target` when that is deleted: the same as [`encode`] makes of it
/// then. None when this is another event.
pub(super) fn bury_edit(target: u64, event: &[u8]) -> Option<Bytes> {
    // What is no edit is not read for it.
    if !event.starts_with(br#"{"ev":"edit""#) {
        return None;
    }
    let remains: EditRemains<'_> = serde_json::from_slice(event).ok()?;
    (remains.target == target).then(|| Frame::json(&remains).payload())
}

/// A payload's own members as they are stored. Unknown kinds show nothing but that they exist.
fn plain(payload: &Payload) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(payload) {
        Ok(serde_json::Value::Object(mut members)) => {
            members.remove("kind");
            members
        }
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{FileId, RoomId},
        model::Txn,
    };

    #[test]
    fn a_buried_event_is_the_tombstones() {
        let (ana, room) = (UserId::new(Millis(1)), RoomId::new(Millis(1)));
        let name = Username::parse("ana").unwrap();
        for (from, txn) in [(Some(ana), Some("t \"1")), (None, None)] {
            let mut entry = Entry {
                log: room.into(),
                seq: 7,
                n: 3,
                at: Millis(5),
                id: EntryId::new(Millis(5)),
                from,
                txn: txn.map(|_| Txn::parse("t\"1").unwrap()),
                digest: None,
                payload: Payload::Message {
                    body: "a \"secret\" \u{1f680}\n".into(),
                    reply_to: Some(2),
                    mentions: None,
                    files: vec![Attached {
                        id: FileId::new(Millis(1)),
                        name: "a \"secret\".png".parse().unwrap(),
                        media: "image/png".into(),
                        size: 7,
                        width: Some(1),
                        height: None,
                    }],
                },
                over: None,
            };
            let told = encode(&entry, |_| Some(&name)).payload();
            entry.payload = Payload::Tombstone;
            let tombstone = encode(&entry, |_| Some(&name)).payload();
            assert_eq!(bury(&told).unwrap(), tombstone);
            assert_eq!(bury(&tombstone).unwrap(), tombstone);
            entry.payload = Payload::Delete { target: 2 };
            assert_eq!(bury(&encode(&entry, |_| None).payload()), None);
            let edit = |body: Option<&str>| Payload::Edit {
                target: 2,
                body: body.map(str::to_owned),
            };
            entry.payload = edit(Some("a \"secret\"\n"));
            let told = encode(&entry, |_| Some(&name)).payload();
            assert_eq!(bury(&told), None);
            assert_eq!(bury_edit(3, &told), None, "of another message");
            entry.payload = edit(None);
            let hidden = encode(&entry, |_| Some(&name)).payload();
            assert_eq!(bury_edit(2, &told).unwrap(), hidden);
            assert_eq!(bury_edit(2, &tombstone), None);
        }
    }
}
