//! One room as the generator knows it: what was sent there, and who has it by now.

use std::{collections::VecDeque, ops::Range};

use super::{
    checks::Checks,
    wire::{TEXT, frame},
};

/// How many digits an `id` has, so that it always takes the same place.
const ID_DIGITS: usize = 12;
/// The first of them.
const ID_FIRST: u64 = 100_000_000_000;
/// How a text begins; sixteen hexadecimal digits follow, then a space and the filling.
const MARK: &str = "chatd bench ";
/// How many digits the number of a message has in its text.
const DIGITS: usize = 16;
/// The least a text may be long, in bytes: the mark, the number, a space.
pub(super) const LEAST: usize = MARK.len() + DIGITS + 1;

/// A message that is under way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// When it was meant to be sent, in nanoseconds of the run.
    at: u64,
    /// Its number in the room, once anybody told; 0 before.
    seq: u64,
    /// How many connections have it.
    heard: u32,
    /// How many are to get it.
    due: u32,
    acknowledged: bool,
}

impl Sent {
    fn is_done(&self) -> bool {
        self.acknowledged && self.heard >= self.due
    }
}

/// What came of something that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// When the message was meant to be sent.
    pub(super) at: u64,
    /// Whether all have it now, and it is acknowledged.
    pub(super) done: bool,
}

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    /// Its id on the server.
    pub(super) id: String,
    /// Its connections.
    pub(super) conns: Range<usize>,
    /// Of which incarnation of the store its numbers are.
    pub(super) epoch: String,
    /// How many connections listen, those that are away for a moment included.
    pub(super) listeners: u32,
    /// Who speaks next, counted from the first of its connections.
    pub(super) turn: usize,
    /// How many messages were sent in this talk.
    pub(super) said: u64,
    /// Messages that nobody was there to say, by when they were meant to be sent.
    pub(super) owed: Vec<u64>,
    /// Messages that are under way, by their number; the first is number `first`.
    sent: VecDeque<Sent>,
    first: u64,
    /// How many of them are not acknowledged.
    unanswered: usize,
    /// A whole frame that says something, with zeros for its numbers.
    frame: Vec<u8>,
    id_at: usize,
    txn_at: usize,
    mark_at: usize,
    /// What follows the number in every text.
    filling: Vec<u8>,
}

impl Room {
    /// A room whose texts are `size` bytes long; `txn` is like nothing else this server was sent, and at most
    /// 40 characters.
    pub(super) fn new(id: &str, conns: Range<usize>, size: usize, txn: &str) -> Self {
        let zeros = "0".repeat(DIGITS);
        let filling = format!(" {}", filling(size.saturating_sub(LEAST)));
        let id_zeros = &zeros[..ID_DIGITS];
        let head = format!(r#"{{"id":{id_zeros},"op":"send","room":"{id}","txn":"{txn}-"#);
        let payload = format!(r#"{head}{zeros}","body":"{MARK}{zeros}{filling}"}}"#);
        let frame = frame(TEXT, payload.as_bytes());
        let start = frame.len() - payload.len();
        let txn_at = start + head.len();
        Self {
            id: id.to_owned(),
            conns,
            epoch: String::new(),
            listeners: 0,
            turn: 0,
            said: 0,
            owed: Vec::new(),
            sent: VecDeque::new(),
            first: 0,
            unanswered: 0,
            id_at: start + r#"{"id":"#.len(),
            txn_at,
            mark_at: txn_at + DIGITS + r#"","body":""#.len() + MARK.len(),
            filling: filling.into_bytes(),
            frame,
        }
    }

    /// The frame of the next message, which is meant to be sent at `at`; and the `id` it is asked under.
    pub(super) fn say(&mut self, at: u64) -> (u64, &[u8]) {
        let number = self.first + self.sent.len() as u64;
        self.sent.push_back(Sent {
            at,
            seq: 0,
            heard: 0,
            due: self.listeners,
            acknowledged: false,
        });
        self.unanswered += 1;
        self.said += 1;
        let id = ID_FIRST + number;
        decimal(&mut self.frame[self.id_at..self.id_at + ID_DIGITS], id);
        hexadecimal(&mut self.frame[self.txn_at..self.txn_at + DIGITS], number);
        hexadecimal(&mut self.frame[self.mark_at..self.mark_at + DIGITS], number);
        (id, &self.frame)
    }

    /// Whether nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.sent.is_empty()
    }

    /// How many messages are under way.
    pub(super) fn under_way(&self) -> usize {
        self.sent.len()
    }

    /// How many messages wait for their acknowledgement.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// A message was acknowledged. None for what was never asked, or was answered before.
    pub(super) fn acknowledged(&mut self, id: u64, seq: u64, checks: &mut Checks) -> Option<Told> {
        let at = id.checked_sub(ID_FIRST)?.checked_sub(self.first)?;
        let sent = self.sent.get_mut(usize::try_from(at).ok()?)?;
        if std::mem::replace(&mut sent.acknowledged, true) {
            return None;
        }
        self.unanswered -= 1;
        number(sent, seq, &self.id, checks);
        let told = Told {
            at: sent.at,
            done: sent.is_done(),
        };
        self.forget();
        Some(told)
    }

    /// A connection got a message. None for what nobody sent, or did not send like this.
    #[inline]
    pub(super) fn heard(&mut self, seq: u64, text: &[u8], checks: &mut Checks) -> Option<Told> {
        let found = text.strip_prefix(MARK.as_bytes()).and_then(|rest| {
            let (digits, filling) = rest.split_at_checked(DIGITS)?;
            let index = parse_hexadecimal(digits)?.checked_sub(self.first)?;
            let known = filling == self.filling && index < self.sent.len() as u64;
            known.then_some(usize::try_from(index).ok()?)
        });
        let Some(index) = found else {
            checks.altered += 1;
            let room = &self.id;
            checks.note(|| {
                let text = String::from_utf8_lossy(&text[..text.len().min(80)]);
                format!("in room {room} the text of {seq} is not one that was sent: {text}")
            });
            return None;
        };
        let sent = &mut self.sent[index];
        sent.heard += 1;
        number(sent, seq, &self.id, checks);
        let told = Told {
            at: sent.at,
            done: sent.is_done(),
        };
        if told.done && index == 0 {
            self.forget();
        }
        Some(told)
    }

    /// Forgets what is done, from the oldest on.
    fn forget(&mut self) {
        while self.sent.front().is_some_and(Sent::is_done) {
            self.sent.pop_front();
            self.first += 1;
        }
    }

    /// Gives up waiting for what is under way: it is lost.
    pub(super) fn give_up(&mut self, checks: &mut Checks) {
        for sent in &self.sent {
            if !sent.acknowledged {
                checks.unanswered += 1;
                checks.note(|| format!("in room {} a message got no answer", self.id));
            }
            let missing = u64::from(sent.due.saturating_sub(sent.heard));
            if missing > 0 && sent.acknowledged {
                checks.lost += missing;
                let (room, seq) = (&self.id, sent.seq);
                checks.note(|| {
                    format!("in room {room} entry {seq} never came to {missing} who listen")
                });
            }
        }
        self.first += self.sent.len() as u64;
        self.sent.clear();
        self.unanswered = 0;
    }
}

/// All are to be told the same number.
#[inline]
fn number(sent: &mut Sent, seq: u64, room: &str, checks: &mut Checks) {
    if sent.seq == 0 {
        sent.seq = seq;
    } else if sent.seq != seq {
        checks.misnumbered += 1;
        let first = sent.seq;
        checks.note(|| format!("in room {room} one message is both {first} and {seq}"));
    }
}

/// Text of so many bytes, which compresses about as talk does not: a server that compresses gains little.
fn filling(length: usize) -> String {
    const WORDS: &str =
        "the quick brown fox jumps over the lazy dog and packs my box with five jugs ";
    WORDS.chars().cycle().take(length).collect()
}

fn decimal(into: &mut [u8], mut value: u64) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn hexadecimal(into: &mut [u8], mut value: u64) {
    for digit in into.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 0xf) as usize];
        value >>= 4;
    }
}

#[inline]
fn parse_hexadecimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::command::bench::wire::{Read, read};

    fn said(room: &mut Room, at: u64) -> (u64, Value) {
        let (id, frame) = room.say(at);
        let mut bytes = frame.to_vec();
        bytes[1] &= 0x7f;
        let Read::Frame(TEXT, start, end) = read(&bytes) else {
            panic!("no frame")
        };
        // Past the mask.
        let payload = &bytes[start + 4..end + 4];
        (id, serde_json::from_slice(payload).unwrap())
    }

    fn text(value: &Value) -> Vec<u8> {
        value["body"].as_str().unwrap().as_bytes().to_vec()
    }

    #[test]
    fn a_message_is_what_the_protocol_asks_for() {
        let mut room = Room::new("r", 0..2, 128, "run-0");
        let (id, first) = said(&mut room, 5);
        let (_, second) = said(&mut room, 6);
        assert_eq!(first["id"], id);
        assert_eq!(text(&first).len(), 128);
        assert_eq!(
            (&first["op"], &first["room"]),
            (&"send".into(), &"r".into())
        );
        assert!(first["txn"] != second["txn"] && first["body"] != second["body"]);
        assert_eq!(
            text(&said(&mut Room::new("r", 0..1, 0, "x"), 0).1).len(),
            LEAST
        );
    }

    #[test]
    fn a_message_is_done_when_all_have_it() {
        let mut checks = Checks::default();
        let mut room = Room::new("r", 0..2, 64, "x");
        room.listeners = 2;
        let (id, value) = said(&mut room, 5);
        let acknowledged = room.acknowledged(id, 9, &mut checks);
        assert_eq!(acknowledged, Some(Told { at: 5, done: false }));
        assert_eq!(room.acknowledged(id, 9, &mut checks), None);
        room.heard(9, &text(&value), &mut checks);
        assert!(!room.is_quiet());
        let told = room.heard(9, &text(&value), &mut checks);
        assert_eq!(told, Some(Told { at: 5, done: true }));
        assert!(room.is_quiet() && checks.ok(), "{checks:?}");
    }

    #[test]
    fn what_is_wrong_is_noticed() {
        let mut checks = Checks::default();
        let mut room = Room::new("r", 0..2, 64, "x");
        room.listeners = 2;
        let (id, value) = said(&mut room, 5);
        room.acknowledged(id, 9, &mut checks);
        room.heard(10, &text(&value), &mut checks);
        assert_eq!(checks.misnumbered, 1);
        let mut other = text(&value);
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(room.heard(9, &other, &mut checks), None);
        assert_eq!(room.heard(9, b"hi", &mut checks), None);
        assert_eq!(checks.altered, 2);
        said(&mut room, 6);
        room.give_up(&mut checks);
        assert_eq!((checks.lost, checks.unanswered), (1, 1));
        assert!(room.is_quiet());
    }
}
