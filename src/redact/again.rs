//! Erasing once more what was erased before the store went back to a backup.

use super::{Redact, SLICE, is_said};
use crate::{
    id::{EntryId, RoomId, UserId},
    log::refuse,
    model::{Authority, Payload, Refusal},
    store,
};

impl Redact {
    /// Erases these texts once more, in a store that went back to before they were: those that it has, and that
    /// are the same messages. Answers how many.
    pub async fn erase_again(
        &self,
        by: &Authority,
        texts: impl IntoIterator<Item = (RoomId, u64, EntryId)>,
    ) -> Result<u64, Refusal> {
        let mut erased = 0;
        let mut slice: Vec<(u64, bool)> = Vec::new();
        let mut current = None;
        for (room, seq, id) in texts {
            if current != Some(room) || slice.len() >= SLICE {
                erased += self.forget_part(by, current, &mut slice).await?;
                current = Some(room);
            }
            match self.store.entry(room.into(), seq).await {
                Ok(Some(entry)) if entry.id == id => {
                    let said = is_said(&entry.payload);
                    let there = match self.store.deletion(room, seq).await {
                        Ok(deletion) => deletion.is_none_or(|d| d.erased_at.is_none()),
                        Err(e) => return Err(refuse(&e)),
                    };
                    if there && (said || entry.payload == Payload::Tombstone) {
                        slice.push((seq, said));
                    }
                }
                // It is not in this store, or no longer; or it does not read.
                Ok(_) | Err(store::Error::Damaged(_)) => {}
                Err(e) => return Err(refuse(&e)),
            }
        }
        Ok(erased + self.forget_part(by, current, &mut slice).await?)
    }

    async fn forget_part(
        &self,
        by: &Authority,
        room: Option<RoomId>,
        slice: &mut Vec<(u64, bool)>,
    ) -> Result<u64, Refusal> {
        let part = std::mem::take(slice);
        if let Some(room) = room.filter(|_| !part.is_empty()) {
            // Of several people, perhaps; nobody in particular.
            let nobody = UserId::from_bytes([0; 16]);
            self.forget_slice(by, nobody, room, &part).await?;
        }
        Ok(part.len() as u64)
    }
}
