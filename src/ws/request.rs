//! What a client asks for in a frame: parsed in two steps, so that a wrong field is answered under the
//! request's own `id`.

use serde::Deserialize;

use super::reply::Id;
use crate::{
    door::parse_json,
    id::{Epoch, FileId, RoomId},
    model::{Body, Emoji, Reason, Refusal, Txn, text::maybe_body},
};

/// One request.
#[derive(Debug)]
pub(super) enum Request {
    Hello(Hello),
    Subscribe(Vec<Place>, Option<Epoch>),
    Unsubscribe(Room),
    Sync(Sync),
    Send(Send),
    Edit(Edit),
    Delete(Delete),
    React(React),
    Pin(Pin),
    Join(Room),
    Dm(Dm),
    Leave(Room),
    Read(Read),
    Typing(Typing),
    Presence(Presence),
    Refresh(Refresh),
    Ping,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hello {
    pub(super) token: Option<String>,
    pub(super) protocol: Option<u32>,
    pub(super) ping: Option<PingAs>,
}

/// What a ping looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PingAs {
    /// A ping of the WebSocket protocol.
    #[default]
    Frame,
    /// That, and `{"ev":"ping"}`, which a page can see.
    Text,
}

/// A room to listen to, and from where.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Place {
    pub(super) room: String,
    pub(super) after: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Subscribe {
    room: Option<String>,
    after: Option<u64>,
    epoch: Option<Epoch>,
    rooms: Option<Vec<Place>>,
}

/// What a client has already.
#[derive(Debug, Deserialize)]
pub(super) struct Sync {
    pub(super) epoch: Option<Epoch>,
    /// The last `seq` of one's own log.
    pub(super) me: Option<u64>,
    #[serde(default)]
    pub(super) rooms: Vec<Known>,
}

/// What it has of a room.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Known {
    pub(super) room: RoomId,
    /// The last `seq`.
    pub(super) after: u64,
    /// Up to where its user has read, as far as it knows.
    pub(super) read: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Room {
    pub(super) room: String,
}

/// Whose direct conversation to open.
#[derive(Debug, Deserialize)]
pub(super) struct Dm {
    pub(super) users: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Send {
    pub(super) room: String,
    #[serde(default, deserialize_with = "maybe_body")]
    pub(super) body: Option<Body>,
    pub(super) txn: Option<Txn>,
    pub(super) reply_to: Option<u64>,
    #[serde(default)]
    pub(super) files: Vec<FileId>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Edit {
    pub(super) room: String,
    pub(super) target: u64,
    pub(super) body: Body,
    pub(super) txn: Option<Txn>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Delete {
    pub(super) room: String,
    pub(super) target: u64,
    pub(super) txn: Option<Txn>,
    pub(super) reason: Option<Reason>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Read {
    pub(super) room: String,
    pub(super) seq: u64,
    #[serde(default)]
    pub(super) back: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Typing {
    pub(super) room: String,
    pub(super) on: Option<bool>,
}

/// How one is there oneself, or whom to follow where.
#[derive(Debug, Deserialize)]
pub(super) struct Presence {
    pub(super) state: Option<Here>,
    pub(super) room: Option<String>,
    pub(super) users: Option<Vec<String>>,
}

/// How somebody says that they are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Here {
    Online,
    Away,
}

#[derive(Debug, Deserialize)]
pub(super) struct React {
    pub(super) room: String,
    pub(super) target: u64,
    pub(super) emoji: Emoji,
    #[serde(default = "yes")]
    pub(super) on: bool,
    pub(super) txn: Option<Txn>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pin {
    pub(super) room: String,
    pub(super) target: u64,
    #[serde(default = "yes")]
    pub(super) on: bool,
    pub(super) txn: Option<Txn>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
pub(super) struct Refresh {
    pub(super) token: String,
}

impl std::fmt::Debug for Refresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refresh(…)")
    }
}

/// How many rooms one subscribe may name, by the wire contract.
const ROOMS_MOST: usize = 200;

#[derive(Deserialize)]
struct Envelope {
    id: serde_json::Value,
    op: String,
}

/// Reads a frame: the request's `id` as far as it has one, and the request or why it is none.
pub(super) fn parse(text: &str) -> (Id, Result<Request, Refusal>) {
    let envelope: Envelope = match parse_json(text.as_bytes()) {
        Ok(envelope) => envelope,
        Err(refusal) => {
            // An `id` that can be read is answered under, whatever else is wrong.
            let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
            let id = value.and_then(|v| v.get("id").and_then(serde_json::Value::as_u64));
            return (id, Err(refusal));
        }
    };
    match envelope.id.as_u64() {
        Some(id) => (Some(id), parse_op(&envelope.op, text.as_bytes())),
        None => (
            None,
            Err(Refusal::field(
                "id",
                "must be a whole number, your own for this request",
            )),
        ),
    }
}

fn parse_op(op: &str, text: &[u8]) -> Result<Request, Refusal> {
    Ok(match op {
        "hello" => Request::Hello(parse_json(text)?),
        "subscribe" => parse_subscribe(parse_json(text)?)?,
        "sync" => Request::Sync(parse_json(text)?),
        "unsubscribe" => Request::Unsubscribe(parse_json(text)?),
        "send" => Request::Send(parse_json(text)?),
        "edit" => Request::Edit(parse_json(text)?),
        "delete" => Request::Delete(parse_json(text)?),
        "react" => Request::React(parse_json(text)?),
        "pin" => Request::Pin(parse_json(text)?),
        "join" => Request::Join(parse_json(text)?),
        "dm" => Request::Dm(parse_json(text)?),
        "leave" => Request::Leave(parse_json(text)?),
        "read" => Request::Read(parse_json(text)?),
        "typing" => Request::Typing(parse_json(text)?),
        "presence" => Request::Presence(parse_json(text)?),
        "refresh" => Request::Refresh(parse_json(text)?),
        "ping" => Request::Ping,
        other => {
            let shown: String = other.chars().take(32).collect();
            return Err(Refusal::UnknownOp(shown));
        }
    })
}

fn parse_subscribe(asked: Subscribe) -> Result<Request, Refusal> {
    let places = match (asked.room, asked.rooms) {
        (Some(room), None) => vec![Place {
            room,
            after: asked.after,
        }],
        (None, Some(rooms)) if (1..=ROOMS_MOST).contains(&rooms.len()) => rooms,
        (None, Some(_)) => {
            return Err(Refusal::field(
                "rooms",
                format!("name 1 to {ROOMS_MOST} at once"),
            ));
        }
        _ => {
            return Err(Refusal::field(
                "room",
                "name one `room`, or several in `rooms`",
            ));
        }
    };
    Ok(Request::Subscribe(places, asked.epoch))
}
