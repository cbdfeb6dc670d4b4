//! One room, told on: from where it was left, entry by entry, until it is at its end, it has had its turn, or the
//! place does not take one.

use std::{collections::HashMap, sync::Arc};

use super::{
    Webhook,
    body::{self, Delivery, Why},
    post::Fault,
    target::Target,
};
use crate::{
    clock::Millis,
    config::Push,
    id::{RoomId, UserId},
    log::{LiveRoom, refuse},
    model::{Entry, Facts, Payload, Refusal, RoomKind, Username},
    rights,
};

/// How many entries a room's turn has, and how many bytes of text.
const TURN: usize = 32;
const TURN_BYTES: usize = 256 * 1024;
/// How many people one push is for.
const PEOPLE: usize = 500;

/// How far a room is, and from which moment on its entries are for the place.
#[derive(Clone, Copy, Debug)]
pub(super) struct From {
    /// The last entry that was told; none when none was.
    pub(super) seq: Option<u64>,
    /// Since when there is a webhook: what is older is no matter.
    pub(super) since: Millis,
    /// What is older is passed over, and counted.
    pub(super) skip: Millis,
}

/// What became of a turn.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) room: RoomId,
    /// Up to where it is told now; none where nothing changed.
    pub(super) seq: Option<u64>,
    /// How many deliveries were taken.
    pub(super) delivered: u64,
    /// How many entries were passed over.
    pub(super) skipped: u64,
    pub(super) end: End,
}

/// Why a turn ended.
#[derive(Debug)]
pub(super) enum End {
    /// There is no more.
    AtHead,
    /// It has had its turn.
    More,
    /// The place did not take an entry, which is of then.
    Refused(Fault, Millis),
    /// The store did not answer.
    Store,
}

impl Webhook {
    /// Tells a room on.
    pub(super) async fn walk(self, target: Arc<Target>, room: RoomId, from: From) -> Turn {
        let mut turn = Turn {
            room,
            seq: from.seq,
            delivered: 0,
            skipped: 0,
            end: End::AtHead,
        };
        turn.end = match self.go(&target, from, &mut turn).await {
            Ok(end) => end,
            // Where it was refused, it was logged.
            Err(_) => End::Store,
        };
        if turn.seq == from.seq {
            turn.seq = None;
        }
        turn
    }

    async fn go(&self, target: &Target, from: From, turn: &mut Turn) -> Result<End, Refusal> {
        let Some(live) = self.log.room(turn.room).await? else {
            return Ok(End::AtHead);
        };
        let head = live.head();
        let mut at = from.seq.unwrap_or(0);
        let follows = target.follows(&live.facts().room);
        if at >= head.seq || !follows || head.at < from.since {
            turn.seq = Some(head.seq);
            return Ok(End::AtHead);
        }
        let horizon = from.since.max(from.skip);
        let read = self.read(turn.room, at, head.seq).await?;
        if read.first().is_some_and(|entry| entry.at < horizon) {
            let first = self.first_from(turn.room, (at, head.seq), horizon).await?;
            if from.seq.is_some() {
                let known = self
                    .first_from(turn.room, (at, head.seq), from.since)
                    .await?;
                turn.skipped += first - known.min(first);
            }
            turn.seq = Some(first - 1);
            at = first - 1;
            return Ok(if at < head.seq {
                End::More
            } else {
                End::AtHead
            });
        }
        for entry in &read {
            for delivery in self.deliveries(target, &live, entry).await? {
                let now = self.clock.now();
                match target.deliver(&delivery.id, now, delivery.body).await {
                    Ok(_) => turn.delivered += 1,
                    Err(fault) => return Ok(End::Refused(fault, entry.at)),
                }
            }
            turn.seq = Some(entry.seq);
        }
        let Some(last) = read.last() else {
            // What is left does not read any more.
            turn.seq = Some(head.seq);
            return Ok(End::AtHead);
        };
        Ok(if last.seq < head.seq {
            End::More
        } else {
            End::AtHead
        })
    }

    async fn read(&self, room: RoomId, after: u64, upto: u64) -> Result<Vec<Entry>, Refusal> {
        let mut after = after;
        loop {
            let read = self
                .store
                .readable(room.into(), after, upto, TURN, TURN_BYTES)
                .await;
            let read = read.map_err(|e| refuse(&e))?;
            match read.next {
                // Rows that do not read are nobody's to tell; `chatd store check` names them.
                Some(next) if read.entries.is_empty() && next < upto => after = next,
                _ => return Ok(read.entries),
            }
        }
    }

    /// The `seq` of the first entry after `after` that is not older than `since`; one more than `head` when all
    /// are. Found by halving, as `at` never goes back.
    async fn first_from(
        &self,
        room: RoomId,
        (after, head): (u64, u64),
        since: Millis,
    ) -> Result<u64, Refusal> {
        let (mut low, mut high) = (after + 1, head + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let read = self
                .store
                .readable(room.into(), middle - 1, high - 1, 1, 0)
                .await;
            let read = read.map_err(|e| refuse(&e))?;
            match read.entries.first() {
                Some(entry) if entry.at < since => low = entry.seq + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// What an entry comes to.
    async fn deliveries(
        &self,
        target: &Target,
        live: &LiveRoom,
        entry: &Entry,
    ) -> Result<Vec<Delivery>, Refusal> {
        let (room, wanted, pushed) = {
            let facts = live.facts();
            // Nobody reads any more what was said in a room that is deleted.
            let says = matches!(
                entry.payload,
                Payload::Message { .. } | Payload::Edit { .. }
            );
            if says && facts.room.deleted_at.is_some() {
                return Ok(Vec::new());
            }
            let wanted = target.wants(&facts.room, entry.payload.kind());
            let pushed = match target.push {
                Push::Off => None,
                Push::Ids | Push::Text => whom(&facts, entry),
            };
            if !wanted && pushed.is_none() {
                return Ok(Vec::new());
            }
            (facts.room.clone(), wanted, pushed)
        };
        let names = self.names(entry).await?;
        let name = |id: UserId| names.get(&id);
        let epoch = self.store.epoch();
        let mut all = Vec::new();
        if wanted {
            all.extend(body::event(epoch, &room, entry, name));
        }
        if let Some((why, mut people)) = pushed {
            people.retain(|user| !self.hub.is_here(*user));
            people.sort_unstable();
            let with_text = target.push == Push::Text;
            for some in people.chunks(PEOPLE) {
                all.extend(body::push(
                    epoch,
                    &room,
                    entry,
                    (why, some),
                    with_text,
                    name,
                ));
            }
        }
        Ok(all)
    }

    async fn names(&self, entry: &Entry) -> Result<HashMap<UserId, Username>, Refusal> {
        let other = match &entry.payload {
            Payload::Membership { user, .. } => Some(*user),
            _ => None,
        };
        self.log.names(entry.from.into_iter().chain(other)).await
    }
}

/// For whom a message is that they want to be told of wherever they are: everybody in a direct conversation, and
/// whom it mentions; as far as they are in the room and may read it.
fn whom(facts: &Facts, entry: &Entry) -> Option<(Why, Vec<UserId>)> {
    let Payload::Message { mentions, .. } = &entry.payload else {
        return None;
    };
    if facts.room.deleted_at.is_some() {
        return None;
    }
    let mentions = mentions.as_deref();
    let direct = facts.room.kind == RoomKind::Direct;
    let all = direct || mentions.is_some_and(|it| it.everyone);
    let readers = facts.members.values().filter(|member| {
        // Whoever came later was not one of everyone.
        let since = if all {
            member.since
        } else {
            rights::floor(&facts.room, **member)
        };
        since <= entry.seq && Some(member.user) != entry.from
    });
    let named = |user: &UserId| all || mentions.is_some_and(|it| it.users.contains(user));
    let people: Vec<_> = readers.map(|member| member.user).filter(named).collect();
    let why = if direct { Why::Direct } else { Why::Mention };
    (!people.is_empty()).then_some((why, people))
}
