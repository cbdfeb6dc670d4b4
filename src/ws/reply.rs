//! The frames a session says: replies to requests, and the few events that are about the connection itself.

use bytes::Bytes;
use serde::Serialize;

use crate::{
    chat::{Changed, HasRead, PinChange, Reacted, Sent, Subscribed},
    hub::{Close, Frame},
    id::{Epoch, LogId},
    model::Refusal,
    redact::Deleted,
};

/// The `id` a request carried, if it could be read.
pub(super) type Id = Option<u64>;

#[derive(Serialize)]
struct Ok<T: Serialize> {
    id: Id,
    ok: T,
}

/// `{"id":…,"ok":…}`.
pub(super) fn ok(id: Id, ok: impl Serialize) -> Frame {
    Frame::json(&Ok { id, ok })
}

#[derive(Serialize)]
struct Err<'a> {
    id: Id,
    err: ErrBody<'a>,
}

#[derive(Serialize)]
struct ErrBody<'a> {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

/// `{"id":…,"err":…}`.
pub(super) fn err(id: Id, refusal: &Refusal, room: Option<&str>) -> Frame {
    let field = match refusal {
        Refusal::InvalidField { field, .. } => Some(field.as_str()),
        _ => None,
    };
    let retry_after_ms = refusal.retry_after_ms();
    let (code, message) = (refusal.code(), refusal.to_string());
    Frame::json(&Err {
        id,
        err: ErrBody {
            code,
            message,
            field,
            room,
            retry_after_ms,
        },
    })
}

#[derive(Serialize)]
struct SentBody {
    room: String,
    seq: u64,
    n: u64,
    message: crate::id::EntryId,
    at: crate::clock::Millis,
    dup: bool,
}

/// The acknowledgement of a message.
pub(super) fn sent(id: Id, sent: Result<Sent, Refusal>) -> Frame {
    match sent {
        Result::Ok(s) => {
            let (room, seq, n) = (s.room.to_string(), s.seq, s.n);
            ok(
                id,
                SentBody {
                    room,
                    seq,
                    n,
                    message: s.message,
                    at: s.at,
                    dup: s.dup,
                },
            )
        }
        Result::Err(refusal) => err(id, &refusal, None),
    }
}

/// The answer to an edit.
pub(super) fn changed(changed: &Changed) -> serde_json::Value {
    serde_json::json!({
        "room": changed.room,
        "target": changed.target,
        "seq": changed.seq,
        "n": changed.n,
        "at": changed.at,
        "dup": changed.dup,
    })
}

/// The answer to a read.
pub(super) fn has_read(id: Id, done: Result<HasRead, Refusal>) -> Frame {
    match done {
        Result::Ok(has) => ok(
            id,
            serde_json::json!({
                "room": has.room,
                "head": has.head.seq,
                "n": has.head.n,
                "read": has.read.seq,
                "read_n": has.read.n,
                "unread": has.read.unread(has.head.n),
            }),
        ),
        Result::Err(refusal) => err(id, &refusal, None),
    }
}

/// The answer to a react.
pub(super) fn reacted(reacted: &Reacted) -> serde_json::Value {
    serde_json::json!({
        "room": reacted.room,
        "target": reacted.target,
        "emoji": reacted.emoji,
        "on": reacted.on,
        "seq": reacted.seq,
        "n": reacted.n,
        "at": reacted.at,
        "dup": reacted.dup,
    })
}

/// The answer to a pin.
pub(super) fn pinned(pin: &PinChange) -> serde_json::Value {
    serde_json::json!({
        "room": pin.room,
        "target": pin.target,
        "on": pin.on,
        "seq": pin.seq,
        "n": pin.n,
        "at": pin.at,
        "dup": pin.dup,
    })
}

/// The answer to a delete.
pub(super) fn deleted(deleted: &Deleted) -> serde_json::Value {
    serde_json::json!({
        "room": deleted.room,
        "target": deleted.target,
        "seq": deleted.seq,
        "n": deleted.n,
        "at": deleted.at,
        "dup": deleted.dup,
    })
}

#[derive(Serialize)]
struct SubscribedBody<'a, T: Serialize> {
    room: String,
    head: u64,
    n: u64,
    epoch: Epoch,
    recovered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread_mentions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mentions: Option<&'a [u64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<&'a T>,
}

/// The answer to a subscribe; the events, JSON already, are put in as they are.
pub(super) fn subscribed(id: Id, log: LogId, epoch: Epoch, s: &Subscribed) -> Frame {
    described::<()>(id, log, epoch, s, None)
}

/// The same, with what it is that is listened to.
pub(super) fn described<T: Serialize>(
    id: Id,
    log: LogId,
    epoch: Epoch,
    s: &Subscribed,
    info: Option<&T>,
) -> Frame {
    let room = match log {
        LogId::Room(room) => room.to_string(),
        LogId::User(_) | LogId::Control => "@me".to_owned(),
    };
    let (head, n, recovered) = (s.position.seq, s.position.n, s.recovered);
    let body = ok(
        id,
        SubscribedBody {
            room,
            head,
            n,
            epoch,
            recovered,
            read: s.read.map(|read| read.seq),
            read_n: s.read.map(|read| read.n),
            unread: s.read.map(|read| read.unread(n)),
            unread_mentions: s.read.map(|_| s.mentions.len()),
            mentions: s.read.map(|_| s.mentions.as_slice()),
            info,
        },
    )
    .payload();
    // Two closing braces end the envelope; the events go before them.
    let open = body.strip_suffix(b"}}").unwrap_or(&body);
    let mut parts: Vec<&[u8]> = vec![open, br#","events":["#];
    for (i, event) in s.events.iter().enumerate() {
        if i > 0 {
            parts.push(b",");
        }
        parts.push(Bytes::as_ref(event));
    }
    parts.push(b"]}}");
    Frame::text(&parts)
}

/// The event before a close the server chooses, and the close itself.
pub(super) fn closing(close: Close) -> [Frame; 2] {
    let number = close.code.number();
    let reason = close.code.reason();
    let reconnect_ms = close
        .reconnect
        .map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    let event = serde_json::json!({
        "ev": "closing", "code": number, "reason": reason, "reconnect_ms": reconnect_ms,
    });
    [Frame::json(&event), Frame::close(number, reason)]
}

/// An event that has nothing but its name.
pub(super) fn bare(ev: &str) -> Frame {
    Frame::json(&serde_json::json!({ "ev": ev }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Millis, hub::Position, id::RoomId};

    #[test]
    fn events_are_joined_into_the_answer() {
        let position = Position { seq: 3, n: 2 };
        let events = vec![
            Bytes::from_static(b"{\"seq\":2}"),
            Bytes::from_static(b"{\"seq\":3}"),
        ];
        let said = Subscribed {
            position,
            recovered: true,
            events,
            read: None,
            mentions: Vec::new(),
            described: None,
        };
        let log = LogId::Room(RoomId::new(Millis(1)));
        let frame = subscribed(Some(7), log, Epoch::new(Millis(1)), &said);
        let answer: serde_json::Value = serde_json::from_slice(&frame.payload()).unwrap();
        assert_eq!(answer["id"], 7);
        assert_eq!(answer["ok"]["head"], 3);
        assert_eq!(answer["ok"]["events"][1]["seq"], 3);
    }
}
