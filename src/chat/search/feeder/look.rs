//! Looking at all rooms: which have moved on, which are gone, and when everything was indexed once.

use std::collections::{HashMap, HashSet};

use super::{Feeder, Trouble, Turn};
use crate::{id::RoomId, search::Batch, store::Scope};

/// How many rooms of a list are looked at at a time.
const ROOMS: usize = 200;

impl Feeder {
    /// Looks at every room: which have moved on, and which are gone.
    pub(super) async fn look(&self, turn: &mut Turn) -> Result<(), Trouble> {
        let mut unseen: HashSet<RoomId> = self.index.rooms().into_iter().collect();
        let (mut last, mut entries) = (None, 0);
        let mut owed = HashMap::new();
        loop {
            let after = last.as_ref().map(|(name, id)| (name, *id));
            let rows = self.store.list_rooms(Scope::All, after, ROOMS).await?;
            let Some(row) = rows.last() else { break };
            last = Some((row.room.name.clone(), row.room.id));
            let mut behind = Vec::new();
            for row in &rows {
                let (room, head) = (row.room.id, row.head.seq);
                entries += head;
                unseen.remove(&room);
                // Ahead of its room: that was another one, before somebody put the store back by hand.
                if self.index.upto(room) > head {
                    self.drop_rooms(turn, vec![room]).await?;
                }
                if self.index.upto(room) < head {
                    behind.push((room, head));
                }
            }
            owed.extend(behind.iter().copied());
            self.moved.tell(behind);
        }
        // A room that was made or renamed meanwhile may have been missed.
        for some in unseen.into_iter().collect::<Vec<_>>().chunks(ROOMS) {
            let there = self.store.rooms(some).await?;
            let there = there.iter().filter(|r| r.deleted_at.is_none());
            let there: HashSet<RoomId> = there.map(|r| r.id).collect();
            let gone: Vec<_> = some.iter().filter(|id| !there.contains(id)).collect();
            if !gone.is_empty() {
                let gone = gone.into_iter().copied().collect();
                self.drop_rooms(turn, gone).await?;
            }
        }
        turn.owed.get_or_insert(owed);
        turn.looked = true;
        self.standing.lock().entries = entries;
        Ok(())
    }

    async fn drop_rooms(&self, turn: &mut Turn, gone: Vec<RoomId>) -> Result<(), Trouble> {
        turn.unemptied = true;
        let batch = Batch {
            gone,
            ..Batch::default()
        };
        Ok(self.index.apply(batch).await?)
    }

    /// Whether everything was indexed once.
    pub(super) fn is_made(&self, turn: &mut Turn) -> bool {
        let Some(owed) = &mut turn.owed else {
            return false;
        };
        // What is no news any more was indexed, or is gone.
        owed.retain(|room, head| {
            self.moved.head(*room).is_some() && self.index.upto(*room) < *head
        });
        owed.is_empty()
    }
}
