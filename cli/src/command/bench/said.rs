//! What a server says, read only as far as it is needed: the frames that come by the hundred thousand are looked
//! at where their members usually stand, and by a JSON parser only when they stand elsewhere.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

const EVENT: &[u8] = br#"{"ev":"message","room":""#;
const SENT: &[u8] = br#"{"id":"#;
const ROOM: &[u8] = br#","ok":{"room":""#;
const SEQ: &[u8] = br#"","seq":"#;

static BODY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""body":""#));

/// One frame, or one event of a replay.
#[derive(Debug)]
pub(super) enum Said<'a> {
    /// An entry of a log: where, its number, and the text if it is a message. In the text, what JSON escapes is
    /// as it came.
    Entry {
        room: Cow<'a, str>,
        seq: u64,
        body: Option<&'a [u8]>,
    },
    /// That a message is durable, under this number.
    Sent { id: u64, seq: u64 },
    /// The answer to a subscribe.
    Subscribed(Box<Subscribed<'a>>),
    /// Any other good answer.
    Done { id: u64 },
    /// A bad one.
    Refused {
        id: Option<u64>,
        code: Cow<'a, str>,
        message: Cow<'a, str>,
    },
    /// The server is about to close, for this reason.
    Closing { reason: Cow<'a, str> },
    /// Something without a number, such as a notice.
    Other,
    /// Nothing that chatd says.
    Strange,
}

/// The answer to a subscribe.
#[derive(Debug, Deserialize)]
pub(super) struct Subscribed<'a> {
    #[serde(borrow)]
    pub(super) ok: Position<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Position<'a> {
    #[serde(borrow)]
    pub(super) room: Cow<'a, str>,
    pub(super) head: u64,
    #[serde(borrow)]
    pub(super) epoch: Cow<'a, str>,
    pub(super) recovered: bool,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

impl<'a> Position<'a> {
    /// What was missed.
    pub(super) fn events(&self) -> impl Iterator<Item = Said<'a>> {
        self.events.iter().map(|raw| read(raw.get().as_bytes()))
    }
}

#[derive(Deserialize)]
struct Any<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    ev: Option<Cow<'a, str>>,
    #[serde(borrow)]
    room: Option<Cow<'a, str>>,
    seq: Option<u64>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow)]
    ok: Option<Answer<'a>>,
    #[serde(borrow)]
    err: Option<Refusal<'a>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    seq: Option<u64>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// Reads one payload.
#[inline]
pub(super) fn read(payload: &[u8]) -> Said<'_> {
    event(payload)
        .or_else(|| sent(payload))
        .unwrap_or_else(|| any(payload))
}

/// A message, if its members stand where chatd puts them.
fn event(payload: &[u8]) -> Option<Said<'_>> {
    let rest = payload.strip_prefix(EVENT)?;
    let (room, rest) = rest.split_at_checked(36)?;
    let (seq, rest) = number(rest.strip_prefix(SEQ)?)?;
    let body = &rest[BODY.find(rest)? + 8..];
    let end = memchr::memchr2(b'"', b'\\', body)?;
    // Something escaped is left to the parser.
    let body = (body[end] == b'"').then(|| &body[..end])?;
    let room = Cow::Borrowed(std::str::from_utf8(room).ok()?);
    Some(Said::Entry {
        room,
        seq,
        body: Some(body),
    })
}

/// An acknowledgement, if its members stand where chatd puts them.
fn sent(payload: &[u8]) -> Option<Said<'_>> {
    let (id, rest) = number(payload.strip_prefix(SENT)?)?;
    let rest = rest.strip_prefix(ROOM)?.get(36..)?;
    let (seq, _) = number(rest.strip_prefix(SEQ)?)?;
    Some(Said::Sent { id, seq })
}

/// The digits at the beginning, and what follows them.
#[inline]
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut used = 0;
    for digit in bytes.iter().take(16).take_while(|b| b.is_ascii_digit()) {
        value = value * 10 + u64::from(digit - b'0');
        used += 1;
    }
    (used > 0).then(|| (value, &bytes[used..]))
}

fn any(payload: &[u8]) -> Said<'_> {
    let Ok(any) = serde_json::from_slice::<Any<'_>>(payload) else {
        return Said::Strange;
    };
    if let (Some(id), Some(ok)) = (any.id, any.ok) {
        return match ok {
            Answer { seq: Some(seq), .. } => Said::Sent { id, seq },
            Answer {
                events: Some(_), ..
            } => serde_json::from_slice(payload).map_or(Said::Strange, Said::Subscribed),
            Answer { .. } => Said::Done { id },
        };
    }
    if let Some(Refusal { code, message }) = any.err {
        let id = any.id;
        return Said::Refused { id, code, message };
    }
    match (any.ev, any.room, any.seq) {
        (Some(ev), ..) if ev == "closing" => Said::Closing {
            reason: any.reason.unwrap_or_default(),
        },
        (Some(ev), Some(room), Some(seq)) => {
            let text = any.body.map(|raw| raw.get().trim_matches('"').as_bytes());
            let body = text.filter(|_| ev == "message");
            Said::Entry { room, seq, body }
        }
        (Some(_), ..) => Said::Other,
        _ => Said::Strange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01a20383-9888-7000-8000-000000000001";

    fn entry(text: &str) -> (String, u64, Option<String>) {
        match read(text.as_bytes()) {
            Said::Entry { room, seq, body } => {
                let body = body.map(|b| String::from_utf8(b.to_vec()).unwrap());
                (room.into_owned(), seq, body)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_is_read_however_its_members_stand() {
        let usual = format!(
            r#"{{"ev":"message","room":"{ID}","seq":41,"n":4,"message":"x","name":"a","body":"hi","at":1}}"#
        );
        let other = format!(r#"{{"seq":41, "body":"hi","ev":"message","room":"{ID}"}}"#);
        let wanted = (ID.to_owned(), 41, Some("hi".to_owned()));
        assert!(event(usual.as_bytes()).is_some() && event(other.as_bytes()).is_none());
        assert_eq!(entry(&usual), wanted);
        assert_eq!(entry(&other), wanted);
        let escaped = usual.replace("hi", r#"h\"i"#);
        assert_eq!(entry(&escaped).2.as_deref(), Some(r#"h\"i"#));
        let edit = format!(r#"{{"ev":"edit","room":"{ID}","seq":42,"body":"hi"}}"#);
        assert_eq!(entry(&edit), (ID.to_owned(), 42, None));
    }

    #[test]
    fn answers_are_told_apart() {
        let usual = format!(r#"{{"id":7,"ok":{{"room":"{ID}","seq":12,"n":1}}}}"#);
        let other = r#"{"ok":{"n":1,"seq":12},"id":7}"#;
        for text in [usual.as_str(), other] {
            assert!(
                matches!(read(text.as_bytes()), Said::Sent { id: 7, seq: 12 }),
                "{text}"
            );
        }
        let done = read(br#"{"id":1,"ok":{"protocol":1}}"#);
        assert!(matches!(done, Said::Done { id: 1 }));
        let refused = read(br#"{"id":3,"err":{"code":"rate_limited","message":"too often"}}"#);
        let Said::Refused {
            id: Some(3), code, ..
        } = refused
        else {
            panic!("{refused:?}")
        };
        assert_eq!(code, "rate_limited");
        assert!(matches!(read(b"[]"), Said::Strange));
        assert!(matches!(read(br#"{"ev":"ping"}"#), Said::Other));
    }

    #[test]
    fn a_replay_is_read_event_by_event() {
        let text = format!(
            r#"{{"id":2,"ok":{{"room":"{ID}","head":9,"n":2,"epoch":"e","recovered":true,"events":[
               {{"ev":"message","room":"{ID}","seq":8,"body":"a"}},{{"ev":"owner","room":"{ID}","seq":9}}]}}}}"#
        );
        let Said::Subscribed(answer) = read(text.as_bytes()) else {
            panic!("no answer to a subscribe")
        };
        assert!(answer.ok.recovered && answer.ok.head == 9);
        let seqs = answer.ok.events().map(|said| match said {
            Said::Entry { seq, .. } => seq,
            other => panic!("{other:?}"),
        });
        assert_eq!(seqs.collect::<Vec<_>>(), [8, 9]);
    }
}
