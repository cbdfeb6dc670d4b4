//! How people talk: when the next message is said and by whom, and what comes of it.

use super::{Job, Worker};
use crate::command::bench::{
    conn::Step,
    order::{Pace, Talk, record},
    room::Room,
    said,
    trouble::Trouble,
    wire::{CLOSE, PING, PONG, TEXT, frame},
};

/// How many messages may be under way in a room before the generator says that the server cannot keep up.
const MOST: usize = 20_000;

impl Worker {
    /// Begins to talk.
    pub(super) fn begin_talk(&mut self, talk: Talk) {
        let now = self.known.now();
        let count = self.rooms.len();
        let (pace, churn) = (talk.pace, talk.churn);
        self.job = Job::Talking {
            talk,
            due: now,
            room: 0,
            leaves: churn.map_or(u64::MAX, |every| now + every),
            leaver: 0,
            away: 0,
            ending: false,
        };
        for room in &mut self.rooms {
            room.said = 0;
            room.owed.clear();
        }
        if let Pace::Heard { in_flight, .. } | Pace::Acknowledged { in_flight, .. } = pace {
            for room in 0..count {
                for _ in 0..in_flight {
                    self.say_next(room, now);
                }
            }
        }
    }

    /// Says what is due, lets leave who is to leave; true when the talk is over.
    pub(super) fn talk_on(&mut self, now: u64) -> bool {
        self.say_due(now);
        self.leave_due(now);
        let faults = !self.tally.checks.ok();
        let Job::Talking {
            talk,
            away,
            ending,
            due,
            leaves,
            ..
        } = &mut self.job
        else {
            return true;
        };
        *ending |= now >= talk.until || faults || self.tally.overrun;
        let heard = self.rooms.iter().filter(|room| room.listeners > 0);
        let said = |each: u64| heard.clone().all(|room| room.said >= each);
        let over = *away == 0
            && match talk.pace {
                Pace::Heard { each, .. } => {
                    (*ending || said(each)) && self.rooms.iter().all(Room::is_quiet)
                }
                Pace::Acknowledged { each, .. } => {
                    (*ending || said(each)) && self.rooms.iter().all(|room| room.unanswered() == 0)
                }
                Pace::Every(_) => *ending && self.rooms.iter().all(Room::is_quiet),
            };
        if over {
            return true;
        }
        let next = match talk.pace {
            Pace::Every(_) if !*ending => (*due).min(*leaves),
            _ => *leaves,
        };
        if next != u64::MAX && !*ending {
            self.wake_at(next);
        }
        false
    }

    /// Says the messages whose time has come, where that is by the clock.
    fn say_due(&mut self, now: u64) {
        loop {
            let rooms = self.rooms.len();
            let Job::Talking {
                talk,
                due,
                room,
                ending,
                ..
            } = &mut self.job
            else {
                return;
            };
            let Pace::Every(every) = talk.pace else {
                return;
            };
            if *ending || *due > now || *due >= talk.until || rooms == 0 {
                return;
            }
            let (at, meant) = (*room, *due);
            *room = (*room + 1) % rooms;
            *due += every;
            self.say(at, meant);
        }
    }

    /// Says the next message of a room, unless enough was said.
    fn say_next(&mut self, room: usize, now: u64) {
        let faults = !self.tally.checks.ok();
        let Job::Talking { talk, ending, .. } = &self.job else {
            return;
        };
        let (Pace::Heard { each, .. } | Pace::Acknowledged { each, .. }) = talk.pace else {
            return;
        };
        if !*ending && !faults && now < talk.until && self.rooms[room].said < each {
            self.say(room, now);
        }
    }

    /// Lets the next who can speak say something, meant to be said at `meant`.
    fn say(&mut self, at: usize, meant: u64) {
        let room = &mut self.rooms[at];
        if room.listeners == 0 {
            return;
        }
        if room.under_way() + room.owed.len() >= MOST {
            self.tally.overrun = true;
            return;
        }
        let count = room.conns.len();
        let turns = || (0..count).map(|turn| (room.turn + turn) % count);
        let conn = |turn: &usize| &self.conns[room.conns.start + turn];
        let able = turns().find(|turn| conn(turn).may_speak());
        // When nobody takes it at once, it waits in line; when nobody is there, until somebody is.
        let able = able.or_else(|| turns().find(|turn| conn(turn).step == Step::Live));
        let Some(turn) = able else {
            room.owed.push(meant);
            return;
        };
        room.turn = (turn + 1) % count;
        let speaker = room.conns.start + turn;
        let conn = &mut self.conns[speaker];
        let (id, bytes) = room.say(meant);
        conn.asked.push_back(id);
        let written = conn.write(bytes);
        self.polled(speaker, written);
    }

    /// Says what nobody was there to say.
    pub(super) fn say_owed(&mut self, room: usize) {
        for meant in std::mem::take(&mut self.rooms[room].owed) {
            self.say(room, meant);
        }
    }

    /// Lets those leave whose turn it is, and come back at once.
    fn leave_due(&mut self, now: u64) {
        loop {
            let count = self.conns.len();
            let Job::Talking {
                talk,
                leaves,
                leaver,
                away,
                ending,
                ..
            } = &mut self.job
            else {
                return;
            };
            let Some(every) = talk.churn else { return };
            if *ending || *leaves > now {
                return;
            }
            let meant = *leaves;
            *leaves += every;
            let at = *leaver;
            *leaver = (*leaver + 1) % count;
            let conn = &mut self.conns[at];
            // Who waits for an acknowledgement stays, as it would be lost with the connection.
            if conn.step == Step::Live && conn.asked.is_empty() {
                *away += 1;
                conn.leave();
                self.come(at, meant);
            }
        }
    }

    /// A frame has come.
    pub(super) fn frame(&mut self, at: usize, opcode: u8, payload: &[u8], now: u64) {
        match opcode {
            TEXT => self.said(at, said::read(payload), now, false),
            PING => {
                let pong = frame(PONG, payload);
                self.write(at, &pong);
            }
            CLOSE => {
                let code = payload.get(..2).map(|b| u16::from_be_bytes([b[0], b[1]]));
                let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
                let why = format!("{} {reason}", code.unwrap_or(1005));
                self.broken(at, &why);
            }
            PONG => {}
            other => {
                let what = format!("a frame of kind {other}");
                self.trouble.get_or_insert(Trouble::Strange(what));
            }
        }
    }

    /// A connection is told an entry.
    #[inline]
    pub(super) fn entry(
        &mut self,
        at: usize,
        place: &str,
        seq: u64,
        body: Option<&[u8]>,
        now: u64,
        replayed: bool,
    ) {
        let conn = &mut self.conns[at];
        let room = &mut self.rooms[conn.room];
        if room.id != place {
            return;
        }
        let checks = &mut self.tally.checks;
        let new = conn.place.take(seq, &room.id, checks);
        // Asked for again, it was counted before.
        let again = replayed && matches!(self.job, Job::Asking(_));
        let (Some(text), true, false) = (body, new, again) else {
            return;
        };
        let Some(told) = room.heard(seq, text, checks) else {
            return;
        };
        if let Job::Talking { talk, .. } = &self.job
            && now >= talk.from
            && now < talk.until
        {
            self.tally.deliveries += 1;
            if told.at >= talk.from && !replayed {
                record(&mut self.tally.delivered, now.saturating_sub(told.at));
            }
        }
        if told.done {
            self.done(at, now);
        }
    }

    /// A message was acknowledged.
    pub(super) fn acknowledged(&mut self, at: usize, id: u64, seq: u64, now: u64) {
        let conn = &mut self.conns[at];
        let known = conn.asked.iter().position(|asked| *asked == id);
        let room = &mut self.rooms[conn.room];
        let checks = &mut self.tally.checks;
        if conn.place.last.is_some_and(|last| last >= seq) {
            checks.out_of_order += 1;
            let room = &room.id;
            checks.note(|| {
                format!("in room {room} who sent {seq} was told it before its acknowledgement")
            });
        }
        let told = known.and_then(|known| {
            conn.asked.remove(known);
            room.acknowledged(id, seq, checks)
        });
        let Some(told) = told else {
            let what = format!("an acknowledgement of {id}, which nobody waits for");
            self.trouble.get_or_insert(Trouble::Strange(what));
            return;
        };
        let room = conn.room;
        let Job::Talking { talk, .. } = &self.job else {
            return;
        };
        if now >= talk.from && now < talk.until {
            self.tally.messages += 1;
        }
        if told.at >= talk.from {
            record(&mut self.tally.acknowledged, now.saturating_sub(told.at));
        }
        if matches!(talk.pace, Pace::Acknowledged { .. }) {
            self.say_next(room, now);
        }
        if told.done {
            self.done(at, now);
        }
    }

    /// A message has come to all.
    fn done(&mut self, at: usize, now: u64) {
        if let Job::Talking { talk, .. } = &self.job
            && matches!(talk.pace, Pace::Heard { .. })
        {
            self.say_next(self.conns[at].room, now);
        }
    }
}
