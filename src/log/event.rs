//! How an entry looks to those who listen: the events of the wire contract.

use serde::Serialize;

use crate::{
    clock::Millis,
    hub::Frame,
    id::{EntryId, LogId, UserId},
    model::{Entry, Payload, Username},
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
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
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
    if let Payload::Message { body, reply_to } = &entry.payload {
        let (message, reply_to) = (entry.id, *reply_to);
        return Frame::json(&Message {
            ev,
            room,
            seq,
            n,
            message,
            from,
            name: sender,
            body,
            reply_to,
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
        Payload::Added { target, name, role } => What::Added {
            target: target.to_string(),
            room_name: name.as_str(),
            role: role.as_str(),
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
