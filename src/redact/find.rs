//! Finding what somebody said in some time, without an index of who said what: a message is written as often
//! as there are people to say something, and looked for by its sender a few times in a server's life.
//!
//! A room whose last entry is older than the period has nothing. In the others `at` never goes back, so the
//! first entry of the period is found by halving, and from there on the log is read in pieces. Who edits an
//! earlier message says something, too: that message is meant as well.

use super::{Redact, is_said};
use crate::{
    clock::Millis,
    id::{LogId, RoomId, UserId},
    log::refuse,
    model::{Authority, Entry, Payload, Refusal},
    store::Scope,
};

/// How many rooms of a list are looked at at a time.
const ROOMS: usize = 200;

/// How much of a log is read at a time: entries, and bytes of their text.
const PIECE: usize = 500;
const PIECE_BYTES: usize = 256 * 1024;

/// Whose messages of which time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    pub(super) user: UserId,
    pub(super) since: Millis,
    pub(super) until: Millis,
}

/// Part of a log.
pub(super) struct Piece {
    /// Up to here it was read.
    pub(super) upto: u64,
    /// The messages that are meant, by `seq`.
    pub(super) found: Vec<u64>,
    /// Whether there is more.
    pub(super) more: bool,
}

impl Redact {
    /// The rooms in which there may be something, and in which the asker may delete what anybody said.
    /// `only` names rooms; the asker must reach each of them.
    pub(super) async fn rooms(
        &self,
        by: &Authority,
        only: &[RoomId],
        since: Millis,
    ) -> Result<Vec<RoomId>, Refusal> {
        let mut rooms = Vec::new();
        for room in only {
            self.check_room(by, *room, None).await?;
            rooms.push(*room);
        }
        if !only.is_empty() {
            return Ok(rooms);
        }
        let mut last = None;
        loop {
            self.check_stopping()?;
            let after = last.as_ref().map(|(name, id)| (name, *id));
            let rows = self.store.list_rooms(Scope::All, after, ROOMS).await;
            let rows = rows.map_err(|e| refuse(&e))?;
            let Some(row) = rows.last() else {
                return Ok(rooms);
            };
            last = Some((row.room.name.clone(), row.room.id));
            for row in rows.iter().filter(|row| row.head.at >= since) {
                if self.reaches(by, row.room.id).await? {
                    rooms.push(row.room.id);
                }
            }
        }
    }

    /// The `seq` of the first entry of a room that is not before `since`; one more than `head` when there
    /// is none.
    pub(super) async fn first_of(
        &self,
        room: RoomId,
        head: u64,
        since: Millis,
    ) -> Result<u64, Refusal> {
        let (mut low, mut high) = (1, head + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.next_entry(room, middle, high - 1).await? {
                Some(entry) if entry.at < since => low = entry.seq + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The first entry at or after `from`: numbers may be missing one day.
    async fn next_entry(
        &self,
        room: RoomId,
        from: u64,
        upto: u64,
    ) -> Result<Option<Entry>, Refusal> {
        let read = self.store.readable(room.into(), from - 1, upto, 1, 0).await;
        Ok(read.map_err(|e| refuse(&e))?.entries.into_iter().next())
    }

    /// Reads on in a log, up to `head`. The period begins with the entry `first`.
    pub(super) async fn piece(
        &self,
        room: RoomId,
        (after, head): (u64, u64),
        first: u64,
        period: Period,
    ) -> Result<Piece, Refusal> {
        let log = LogId::Room(room);
        let read = self
            .store
            .readable(log, after, head, PIECE, PIECE_BYTES)
            .await;
        let read = read.map_err(|e| refuse(&e))?;
        // What does not read is nobody's, as far as can be told: `chatd store check` names it.
        let Some(upto) = read.next else {
            return Ok(Piece {
                upto: head,
                found: Vec::new(),
                more: false,
            });
        };
        let over = read
            .entries
            .last()
            .is_some_and(|last| last.at > period.until);
        let more = upto < head && !over;
        let meant = |e: &Entry| {
            let then = period.since..=period.until;
            let message = match &e.payload {
                // Its message is found by itself, if that is of the period, too.
                Payload::Edit {
                    target,
                    body: Some(_),
                } if *target < first => *target,
                payload if is_said(payload) => e.seq,
                _ => return None,
            };
            (e.from == Some(period.user) && then.contains(&e.at)).then_some(message)
        };
        let found = read.entries.iter().filter_map(meant).collect();
        Ok(Piece { upto, found, more })
    }
}
