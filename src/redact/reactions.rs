//! Forgetting how somebody reacted: the reactions that stand are taken back, and what the entries say is erased.

use super::{Redact, SLICE, TRIES, empty::Target};
use crate::{
    id::{LogId, RoomId, UserId},
    log::{Error, refuse},
    model::{Authority, Entry, Payload, Refusal},
    store::Write,
};

impl Redact {
    /// Forgets the reactions that these entries of a room say somebody made or took back; answers how many said
    /// what with.
    pub(super) async fn forget_reactions(
        &self,
        by: &Authority,
        user: UserId,
        room: RoomId,
        read: &[Entry],
    ) -> Result<u64, Refusal> {
        let said = |e: &Entry| match e.payload {
            Payload::Reaction {
                target,
                emoji: Some(_),
                on,
            } if e.from == Some(user) => Some(Target::Reaction {
                room,
                seq: e.seq,
                to: target,
                on,
            }),
            _ => None,
        };
        let said: Vec<Target> = read.iter().filter_map(said).collect();
        for slice in said.chunks(SLICE) {
            self.check_stopping()?;
            self.forget_some(by, user, room, slice).await?;
        }
        Ok(said.len() as u64)
    }

    async fn forget_some(
        &self,
        by: &Authority,
        user: UserId,
        room: RoomId,
        slice: &[Target],
    ) -> Result<(), Refusal> {
        let mut to: Vec<u64> = slice.iter().filter_map(|t| t.message()).collect();
        to.sort_unstable();
        to.dedup();
        for _ in 0..TRIES {
            let emptied = self.empty(slice).await?;
            self.check_all_go(user, &emptied).await?;
            let standing = self.store.reactions_of(room, user, &to).await;
            let standing = standing.map_err(|e| refuse(&e))?;
            let mut standing: Vec<u64> = standing.iter().map(|r| r.target).collect();
            standing.sort_unstable();
            standing.dedup();
            let by = by.clone();
            let touches = [LogId::Control, room.into()];
            let done = self.log.append(&touches, None, move |draft| {
                let only = || Refusal::Forbidden("this is for operators".into());
                draft.authorise(&by, |_| Err(only()))?;
                let gone = draft.room(room)?.facts().room.deleted_at.is_some();
                for target in &standing {
                    // A deleted room takes no entry more.
                    if !gone {
                        let payload = Payload::Reaction {
                            target: *target,
                            emoji: None,
                            on: false,
                        };
                        draft.entry(room.into(), Some(user), payload);
                    }
                    draft.write(Write::Unreact {
                        room,
                        target: *target,
                        user,
                        emoji: None,
                    });
                }
                emptied.write(draft, &by.actor())
            });
            match done.await {
                Ok(_) => return Ok(()),
                Err(Error::Stale) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(Refusal::Busy)
    }
}
