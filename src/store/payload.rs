//! How payloads lie in a store: the kind as a word of its own, the rest as JSON. The same for every
//! backend, so that entries can be copied from one to another as they are.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    id::UserId,
    model::{Attached, Mentions, Payload, entry::FORMAT},
    segment::Line,
};

/// The kinds this version reads; every other one becomes [`Payload::Unknown`].
const KNOWN: [&str; 19] = [
    "message",
    "edit",
    "reaction",
    "pin",
    "file_gone",
    "delete",
    "restore",
    "purged",
    "created",
    "membership",
    "owner",
    "settings",
    "deleted",
    "added",
    "removed",
    "mention",
    "role",
    "sanction",
    "act",
];

/// A message apart from the other kinds: nearly every entry is one, and it needs no detour through
/// [`Value`].
#[derive(Serialize)]
struct Message<'a> {
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    mentions: Option<&'a Mentions>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    files: &'a [Attached],
}

/// The same as it is read: one whose text was erased has no body.
#[derive(Deserialize)]
struct MessageRead {
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    reply_to: Option<u64>,
    #[serde(default)]
    users: Vec<UserId>,
    #[serde(default)]
    everyone: bool,
    #[serde(default)]
    files: Vec<Attached>,
    #[serde(default)]
    erased: bool,
}

/// What is left of a message whose text was erased.
pub(super) const ERASED: &str = r#"{"erased":true}"#;

/// What is left of an edit whose text was erased: which message it was of.
pub(super) fn erased_edit(target: u64) -> String {
    format!(r#"{{"target":{target}}}"#)
}

/// What is left of a reaction that was erased: to which message it was.
pub(super) fn erased_reaction(target: u64, on: bool) -> String {
    format!(r#"{{"target":{target},"on":{on},"erased":true}}"#)
}

/// Of an edit, what tells whether it has a text, and whose.
#[derive(Deserialize)]
struct EditRead {
    target: u64,
    #[serde(default)]
    body: Option<String>,
}

fn edit(line: &Line) -> Option<EditRead> {
    let is = line.kind == "edit";
    serde_json::from_str(&line.data).ok().filter(|_| is)
}

/// Of a reaction, what tells whether it says what with, and to what.
#[derive(Deserialize)]
struct ReactionRead {
    target: u64,
    #[serde(default)]
    emoji: Option<String>,
    on: bool,
    #[serde(default)]
    erased: bool,
}

fn reaction(line: &Line) -> Option<ReactionRead> {
    let is = line.kind == "reaction";
    serde_json::from_str(&line.data).ok().filter(|_| is)
}

/// Whether a line has a text that can be erased: it is a message, an edit or a reaction.
pub fn has_text(line: &Line) -> bool {
    (line.is_message() && line.data != ERASED)
        || edit(line).is_some_and(|e| e.body.is_some())
        || reaction(line).is_some_and(|r| r.emoji.is_some())
}

/// Whether a line is a message, an edit or a reaction whose text was erased.
pub fn is_erased(line: &Line) -> bool {
    (line.is_message() && line.data == ERASED)
        || edit(line).is_some_and(|e| e.body.is_none())
        || reaction(line).is_some_and(|r| r.erased)
}

/// The line with its text erased.
pub fn erased(line: Line) -> Line {
    let data = match (edit(&line), reaction(&line)) {
        (Some(edit), _) => erased_edit(edit.target),
        (_, Some(reaction)) => erased_reaction(reaction.target, reaction.on),
        _ => ERASED.to_owned(),
    };
    Line { data, ..line }
}

/// The JSON of a payload without its kind.
pub(super) fn encode(payload: &Payload) -> Result<String, serde_json::Error> {
    match payload {
        Payload::Message {
            body,
            reply_to,
            mentions,
            files,
        } => serde_json::to_string(&Message {
            body: body.as_str(),
            reply_to: *reply_to,
            mentions: mentions.as_deref(),
            files,
        }),
        Payload::Tombstone => Ok(ERASED.to_owned()),
        Payload::Unknown { data, .. } => Ok(data.clone()),
        other => {
            let mut value = serde_json::to_value(other)?;
            if let Value::Object(fields) = &mut value {
                fields.remove("kind");
            }
            serde_json::to_string(&value)
        }
    }
}

/// The payload of an entry of format `version`; a kind or a version from the future is
/// [`Payload::Unknown`], anything else that does not read is an error.
pub(super) fn decode(version: u8, kind: &str, data: &str) -> Result<Payload, serde_json::Error> {
    if version > FORMAT || !KNOWN.contains(&kind) {
        return Ok(Payload::Unknown {
            kind: kind.to_owned(),
            data: data.to_owned(),
        });
    }
    if kind == "message" {
        let read: MessageRead = serde_json::from_str(data)?;
        return match (read.body, read.reply_to) {
            (Some(body), reply_to) => {
                let (users, everyone) = (read.users, read.everyone);
                let some = everyone || !users.is_empty();
                Ok(Payload::Message {
                    body,
                    reply_to,
                    mentions: some.then(|| Box::new(Mentions { users, everyone })),
                    files: read.files,
                })
            }
            (None, _) if read.erased => Ok(Payload::Tombstone),
            (None, _) => Err(serde::de::Error::missing_field("body")),
        };
    }
    let mut fields: Map<String, Value> = serde_json::from_str(data)?;
    fields.insert("kind".to_owned(), Value::String(kind.to_owned()));
    serde_json::from_value(Value::Object(fields))
}

/// An act's JSON without the particulars that name people; none when there is nothing to take out. The rest
/// stays as it is, byte for byte in meaning, since the hash chain covers it.
pub(super) fn without_personal(data: &str) -> Option<String> {
    let mut fields: Map<String, Value> = serde_json::from_str(data).ok()?;
    fields.remove("personal")?;
    serde_json::to_string(&fields).ok()
}
