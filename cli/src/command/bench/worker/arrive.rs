//! How connections come: TCP, the upgrade, `hello` and `subscribe`; and how they come back.

use rustix::event::epoll::{self, EventData, EventFlags};
use serde::Deserialize;

use super::{Job, Worker};
use crate::command::bench::{
    conn::{HELLO, Step, hello, listen, subscribe},
    order::record,
    room::Room,
    said::{Position, Said},
    stream::Stream,
    trouble::{Trouble, here},
};

/// The longest head of an answer that is read.
const HEAD: usize = 64 * 1024;
/// How many rooms one subscribe names.
const ROOMS: usize = 200;

/// What a problem document says.
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

impl Worker {
    /// Lets more connections come, as many as may; true when all are there.
    pub(super) fn open_more(&mut self, now: u64) -> bool {
        loop {
            let Job::Opening {
                next,
                upto,
                at_once,
                since,
                under_way,
            } = &mut self.job
            else {
                return true;
            };
            if *next == *upto {
                return *under_way == 0 && self.rooms.iter().all(Room::is_quiet);
            }
            if *under_way >= *at_once {
                return false;
            }
            let (at, began) = (*next, since.unwrap_or(now));
            *next += 1;
            if self.conns[at].step != Step::Away {
                continue;
            }
            *under_way += 1;
            self.come(at, began);
            if self.trouble.is_some() {
                return true;
            }
        }
    }

    /// Begins to connect.
    pub(super) fn come(&mut self, at: usize, began: u64) {
        let conn = &mut self.conns[at];
        conn.began = began;
        let known = &self.known;
        let opened = Stream::open(known.server, conn.source, known.tls.as_ref());
        let stream = match opened {
            Ok(stream) => stream,
            Err(e) => {
                let why = format!("cannot connect to {}: {e}", known.server);
                self.trouble.get_or_insert(Trouble::Connect(why));
                return;
            }
        };
        let (mark, flags) = (EventData::new_u64(at as u64), EventFlags::OUT);
        match epoll::add(&self.epoll, &stream, mark, flags) {
            Ok(()) => {
                conn.stream = Some(stream);
                conn.step = Step::Connecting;
            }
            Err(e) => self.trouble = Some(here("poll", e)),
        }
    }

    /// TCP is there, or failed.
    pub(super) fn connected(&mut self, at: usize) {
        let conn = &mut self.conns[at];
        let Some(stream) = &conn.stream else { return };
        if let Err(e) = stream.failed() {
            let why = format!("cannot connect to {}: {e}", self.known.server);
            conn.leave();
            self.trouble.get_or_insert(Trouble::Connect(why));
            return;
        }
        // The poll is told what it has to wait for by what follows.
        conn.polls_write = true;
        conn.step = Step::Upgrading;
        let head = format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2hhdGQgYmVuY2hjaGF0ZA==\r\n\r\n",
            self.known.host
        );
        self.write(at, head.as_bytes());
    }

    /// Reads the answer to the upgrade and says hello; what follows the answer comes back. None when it is not
    /// whole, or no upgrade.
    pub(super) fn upgraded<'a>(&mut self, at: usize, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            if bytes.len() > HEAD {
                let what = "its answer to the upgrade does not end".to_owned();
                self.trouble.get_or_insert(Trouble::Strange(what));
            }
            self.conns[at].keep(bytes);
            return None;
        };
        let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
        let status = head
            .strip_prefix(b"HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let status: u16 = status.unwrap_or(0);
        if status != 101 {
            let problem: Problem = serde_json::from_slice(rest).unwrap_or_default();
            let code = match (status, problem.code) {
                (429, code) if code.is_empty() => "rate_limited".into(),
                (_, code) => code,
            };
            self.trouble.get_or_insert(Trouble::Upgrade {
                status,
                code,
                detail: problem.detail,
            });
            self.conns[at].leave();
            return None;
        }
        let conn = &mut self.conns[at];
        let room = &self.rooms[conn.room];
        let mut bytes = hello(&self.known.tokens[conn.account]);
        let after = conn.place.last.map(|seq| (seq, room.epoch.as_str()));
        bytes.extend(subscribe(&room.id, after));
        conn.awaited = 1;
        conn.step = Step::Greeting;
        self.write(at, &bytes);
        Some(rest)
    }

    /// The answer to a subscribe.
    pub(super) fn subscribed(&mut self, at: usize, position: &Position<'_>, now: u64) {
        let conn = &mut self.conns[at];
        let Some(left) = conn.awaited.checked_sub(1) else {
            return;
        };
        conn.awaited = left;
        let room = &mut self.rooms[conn.room];
        if position.room != room.id {
            // One of the further rooms: nobody speaks there.
            if let Job::Asking(left) = &mut self.job {
                *left = left.saturating_sub(1);
            }
            return;
        }
        if conn.place.last.is_none() {
            conn.place.last = Some(position.head);
            room.epoch = position.epoch.clone().into_owned();
            room.listeners += 1;
        } else if position.recovered {
            for said in position.events() {
                self.tally.replayed += 1;
                self.said(at, said, now, true);
            }
            self.whole(at, position.head);
        } else {
            self.trouble.get_or_insert(Trouble::Reload);
        }
        let conn = &mut self.conns[at];
        let arrived = conn.step == Step::Greeting;
        if arrived {
            conn.step = Step::Live;
            record(&mut self.tally.returned, now.saturating_sub(conn.began));
        }
        let room = conn.room;
        match &mut self.job {
            Job::Opening { under_way, .. } if arrived => *under_way = under_way.saturating_sub(1),
            Job::Talking { away, .. } if arrived => {
                *away = away.saturating_sub(1);
                self.say_owed(room);
            }
            Job::Asking(left) => *left = left.saturating_sub(1),
            _ => {}
        }
    }

    /// After a replay one stands at the head: what is missing below is lost.
    fn whole(&mut self, at: usize, head: u64) {
        let conn = &mut self.conns[at];
        let last = conn.place.last.unwrap_or(head);
        let checks = &mut self.tally.checks;
        if last < head {
            checks.lost += head - last;
            let room = &self.rooms[conn.room].id;
            checks.note(|| {
                format!("in room {room} a replay ended at {last}, before the head {head}")
            });
            conn.place.last = Some(head);
        }
    }

    /// Lets each ask for the last so many entries again.
    pub(super) fn ask_again(&mut self, entries: u64) {
        let mut asked = 0;
        for at in 0..self.conns.len() {
            let conn = &mut self.conns[at];
            let (Step::Live, Some(last)) = (conn.step, conn.place.last) else {
                continue;
            };
            let room = &self.rooms[conn.room];
            let bytes = subscribe(&room.id, Some((last.saturating_sub(entries), &room.epoch)));
            // What comes is what came before: it is told from there on again.
            conn.place.last = Some(last.saturating_sub(entries));
            conn.awaited += 1;
            asked += 1;
            self.write(at, &bytes);
        }
        self.job = Job::Asking(asked);
    }

    /// Lets each listen to the further rooms.
    pub(super) fn listen_further(&mut self) {
        let frames: Vec<_> = self.known.further.chunks(ROOMS).map(listen).collect();
        let each = self.known.further.len();
        let mut asked = 0;
        for at in 0..self.conns.len() {
            if self.conns[at].step != Step::Live {
                continue;
            }
            self.conns[at].awaited += each;
            asked += each;
            for frame in &frames {
                self.write(at, frame);
            }
        }
        self.job = Job::Asking(asked);
    }

    /// An answer that is none of the others.
    pub(super) fn answered(&mut self, at: usize, id: u64) {
        if id != HELLO && self.conns[at].step != Step::Live {
            let what = format!("an answer to request {id}, which nobody made");
            self.trouble.get_or_insert(Trouble::Strange(what));
        }
    }

    /// What is wrong with a refusal.
    pub(super) fn refused(&mut self, id: Option<u64>, code: &str, detail: &str) {
        let doing = match id {
            Some(HELLO) => "log in over the WebSocket",
            Some(2 | 3) => "subscribe",
            _ => "send a message",
        };
        self.trouble.get_or_insert_with(|| Trouble::Refused {
            doing,
            code: code.to_owned(),
            detail: detail.to_owned(),
        });
    }

    /// What was said in one event or answer.
    pub(super) fn said(&mut self, at: usize, said: Said<'_>, now: u64, replayed: bool) {
        match said {
            Said::Entry { room, seq, body } => self.entry(at, &room, seq, body, now, replayed),
            Said::Sent { id, seq } => self.acknowledged(at, id, seq, now),
            Said::Subscribed(answer) => self.subscribed(at, &answer.ok, now),
            Said::Done { id } => self.answered(at, id),
            Said::Refused { id, code, message } => self.refused(id, &code, &message),
            Said::Closing { reason } => {
                let why = reason.into_owned();
                self.trouble.get_or_insert(Trouble::Closed(why));
            }
            Said::Other => {}
            Said::Strange => {
                let what = "a frame that is no event and no answer".to_owned();
                self.trouble.get_or_insert(Trouble::Strange(what));
            }
        }
    }
}
