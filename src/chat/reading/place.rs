//! Where in a log somebody is who has read up to somewhere: never at what is not there to be read.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{LOOKS, TOGETHER};
use crate::{
    chat::Chat,
    id::{LogId, RoomId},
    log::refuse,
    model::{Head, History, Marker, MoveOn, Refusal},
    store::Write,
};

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

    /// Moves those on who went back to before their time in a room whose past is hidden: to where they came in.
    pub(in crate::chat) async fn leave_what_is_hidden(&self, id: RoomId) -> Result<(), Refusal> {
        let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        let head = room.head();
        let before: BTreeSet<u64> = {
            let facts = room.facts();
            let before = facts.members.values().filter(|m| m.read.seq < m.since);
            before.map(|member| member.since).collect()
        };
        let places = stream::iter(before).map(|since| async move {
            let upto = self.place(id.into(), since, head).await?;
            Ok::<_, Refusal>(MoveOn {
                room: id,
                from: 0,
                upto,
                since: Some(since),
            })
        });
        let moves: Vec<MoveOn> = places.buffered(LOOKS).try_collect().await?;
        for some in moves.chunks(TOGETHER) {
            let some = some.to_vec();
            let done = self.log.append(&[id.into()], None, move |draft| {
                draft.by_itself();
                // It may be shown again.
                if draft.room(id)?.facts().room.history == History::SinceJoin {
                    for on in &some {
                        draft.write(Write::MoveOn(*on));
                    }
                }
                Ok(())
            });
            done.await?;
        }
        Ok(())
    }
}
