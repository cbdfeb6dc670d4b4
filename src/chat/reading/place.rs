//! Where in a log somebody is who has read up to somewhere: never at what is not there to be read.

use std::collections::HashMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Key, LOOKS};
use crate::{
    chat::Chat,
    id::{LogId, RoomId, UserId},
    log::refuse,
    model::{Head, History, Marker, MoveOn, Read, Refusal},
    store::Write,
};

/// How many are moved by name in one change: on MongoDB each is a request, and others wait for it.
const MOVES: usize = 32;

/// Those who are at a place before their time in a room, and where they are to go.
#[derive(Debug, Default)]
pub(in crate::chat) struct Past {
    pub(in crate::chat) moves: Vec<MoveOn>,
    /// The end of the log when that was looked up.
    head: u64,
}

impl Chat {
    /// The place right before the first entry after `seq` that can be read: what was purged from there on is passed
    /// over, and what is in a segment that does not read.
    pub(super) async fn place(&self, log: LogId, seq: u64, head: Head) -> Result<Marker, Refusal> {
        let mut after = seq;
        while after < head.seq {
            let found = self.store.readable(log, after, head.seq, 1, usize::MAX);
            let found = found.await.map_err(|e| refuse(&e))?;
            if let Some(next) = found.entries.first() {
                return Ok(Marker {
                    seq: next.seq - 1,
                    n: next.n - u64::from(next.payload.is_message()),
                });
            }
            match found.next {
                Some(next) => after = next,
                None => break,
            }
        }
        Ok(Marker {
            seq: head.seq,
            n: head.n,
        })
    }

    /// Moves those on who have come to what was purged meanwhile; answers where they are now.
    pub(super) async fn pass_purged(&self, came: Vec<Read>) -> HashMap<Key, Marker> {
        let moves = stream::iter(came).map(|read| async move {
            let live = self.log.room(read.room).await.ok()??;
            let from = read.upto.seq;
            let upto = self.place(read.room.into(), from, live.head()).await.ok()?;
            (upto.seq > from).then_some(MoveOn {
                room: read.room,
                from,
                upto,
                user: Some(read.user),
            })
        });
        let moves: Vec<Option<MoveOn>> = moves.buffered(LOOKS).collect().await;
        let moves: Vec<MoveOn> = moves.into_iter().flatten().collect();
        if moves.is_empty() {
            return HashMap::new();
        }
        let writes = moves.clone();
        let done = self.log.append(&[], None, move |draft| {
            draft.by_itself();
            for on in &writes {
                draft.write(Write::MoveOn(*on));
            }
            Ok(())
        });
        if done.await.is_err() {
            // What was purged counts until they read on.
            return HashMap::new();
        }
        let now = moves
            .iter()
            .filter_map(|on| Some(((on.room, on.user?), on.upto)));
        now.collect()
    }

    /// Who is at a place before their time in a room, and where they came in: not more than one change moves.
    pub(in crate::chat) async fn past_of(&self, id: RoomId) -> Result<Past, Refusal> {
        let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        let head = room.head();
        let before: Vec<(UserId, u64)> = {
            let facts = room.facts();
            let before = facts.members.values().filter(|m| m.read.seq < m.since);
            let before = before.map(|member| (member.user, member.since));
            before.take(MOVES).collect()
        };
        let moves = stream::iter(before).map(|(user, since)| async move {
            Ok::<_, Refusal>(MoveOn {
                room: id,
                from: 0,
                upto: self.place(id.into(), since, head).await?,
                user: Some(user),
            })
        });
        let moves = moves.buffered(LOOKS).try_collect().await?;
        let head = head.seq;
        Ok(Past { moves, head })
    }

    /// Has those moved on who are still at a place before their time in a room whose past was hidden, by which some were
    /// moved: the others, when there are more, and who was on their way there.
    pub(in crate::chat) fn leave_the_past(&self, id: RoomId, past: Past) {
        let chat = self.clone();
        self.reading.tasks.spawn(async move {
            if let Err(refusal) = chat.leave_all(id, past).await {
                tracing::debug!(room = %id, %refusal, "some stay at what is hidden until they read on");
            }
        });
    }

    async fn leave_all(&self, id: RoomId, mut past: Past) -> Result<(), Refusal> {
        loop {
            let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
            if room.purged_after(past.head) {
                let came = past.moves.iter().filter_map(|on| {
                    let (room, user, upto) = (on.room, on.user?, on.upto);
                    Some(Read { room, user, upto })
                });
                self.pass_purged(came.collect()).await;
            }
            past = self.past_of(id).await?;
            if past.moves.is_empty() {
                return Ok(());
            }
            let moves = past.moves.clone();
            let done = self.log.append(&[id.into()], None, move |draft| {
                draft.by_itself();
                if draft.room(id)?.facts().room.history != History::SinceJoin {
                    return Err(Refusal::Conflict("the past is shown again".into()));
                }
                for on in &moves {
                    draft.write(Write::MoveOn(*on));
                }
                Ok(())
            });
            done.await?;
        }
    }
}
