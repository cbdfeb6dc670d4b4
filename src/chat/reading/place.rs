//! Where in a log somebody is who has read up to somewhere: never at what is not there to be read.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::LOOKS;
use crate::{
    chat::Chat,
    id::{LogId, RoomId},
    log::refuse,
    model::{Head, History, Marker, Member, Read, Refusal},
};

impl Chat {
    /// The place right before the first entry after `seq` that can be read: what was purged from there on is passed
    /// over, and what is in a segment that does not read.
    pub(super) async fn place(&self, log: LogId, seq: u64, head: Head) -> Result<Marker, Refusal> {
        let next = if seq < head.seq {
            let next = self.store.readable(log, seq, head.seq, 1, usize::MAX).await;
            next.map_err(|e| refuse(&e))?.entries.into_iter().next()
        } else {
            None
        };
        let end = Marker {
            seq: head.seq,
            n: head.n,
        };
        Ok(next.map_or(end, |entry| Marker {
            seq: entry.seq - 1,
            n: entry.n - u64::from(entry.payload.is_message()),
        }))
    }

    /// Where those of a room have to go who went back to before their time, when that is hidden from them: to their
    /// beginning.
    pub(in crate::chat) async fn hidden_from(
        &self,
        id: RoomId,
        history: Option<History>,
    ) -> Result<Vec<Read>, Refusal> {
        if history != Some(History::SinceJoin) {
            return Ok(Vec::new());
        }
        let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        let head = room.head();
        let before = |m: &Member| m.read.seq < m.since;
        let behind: Vec<Member> = {
            let facts = room.facts();
            let members = facts.members.values().filter(|m| before(m));
            members.copied().collect()
        };
        let places = stream::iter(behind).map(|member| async move {
            let upto = self.place(id.into(), member.since, head).await?;
            let (room, user) = (id, member.user);
            Ok(Read { room, user, upto })
        });
        places.buffered(LOOKS).try_collect().await
    }
}
