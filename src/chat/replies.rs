//! Threads: what was said in answer to a message.

use super::{Chat, MessageView};
use crate::{
    id::RoomId,
    log::refuse,
    model::{Caller, Refusal},
    store::Gap,
};

/// A page of the answers to a message.
#[derive(Clone, Debug)]
pub struct ThreadPage {
    /// The answers, in order.
    pub items: Vec<MessageView>,
    /// Those that cannot be read any more.
    pub gaps: Vec<Gap>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<String>,
}

impl Chat {
    /// The answers to a message that the caller may read, deleted or not.
    pub async fn replies(
        &self,
        caller: &Caller,
        (id, target): (RoomId, u64),
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<ThreadPage, Refusal> {
        let wrong = || Refusal::field("cursor", "use the `next` of the page before");
        let after = cursor.map(|c| c.parse::<u64>().map_err(|_| wrong()));
        let after = after.transpose()?.unwrap_or(0);
        self.message(caller, id, target).await?;
        let seqs = self.store.replies(id, target, after, limit + 1).await;
        let mut seqs = seqs.map_err(|e| refuse(&e))?;
        let mut more = seqs.len() > limit;
        seqs.truncate(limit);
        let found = self.store.some_messages_at(id, &seqs).await;
        let (found, answered) = found.map_err(|e| refuse(&e))?;
        more |= answered < seqs.len();
        seqs.truncate(answered);
        let next = seqs.last().filter(|_| more).map(u64::to_string);
        let items = self.views(caller, id, found.entries).await?;
        // Whoever was taken out meanwhile does not get to see it.
        let floor_now = self.may_read(caller, id).await?;
        if target < floor_now {
            return Err(Refusal::NotFound("message"));
        }
        Ok(ThreadPage {
            items,
            gaps: found.gaps,
            next,
        })
    }
}
