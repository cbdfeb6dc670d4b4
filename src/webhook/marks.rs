//! Up to where each room was told, kept in the store: a few settings that each have many rooms, so that what moved
//! is written as a few rows, however many rooms move.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    clock::Millis,
    id::RoomId,
    store::{self, Store, Write},
};

/// The setting with what was decided, the one with when it began, and what those of the rooms begin with.
const DECIDED: &str = "webhook";
const SINCE: &str = "webhook.since";
/// In how many settings the rooms are.
const PARTS: u8 = 64;

/// What was decided about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Decided {
    /// Whether nothing is sent until somebody says so.
    pub(super) paused: bool,
    /// What is older was passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skipped: Option<Millis>,
}

impl Decided {
    pub(super) async fn read(store: &dyn Store) -> Result<Self, store::Error> {
        Ok(read(store, DECIDED).await?.unwrap_or_default())
    }

    pub(super) fn write(self) -> Option<Write> {
        let text = serde_json::to_string(&self).ok()?;
        Some(Write::PutSetting(DECIDED.into(), text))
    }
}

/// Since when there is a webhook: nothing older is sent. None while there is none.
pub(super) async fn read_since(store: &dyn Store) -> Result<Option<Millis>, store::Error> {
    Ok(read(store, SINCE).await?.flatten())
}

/// The write of it.
pub(super) fn write_since(since: Option<Millis>) -> Option<Write> {
    let text = serde_json::to_string(&since).ok()?;
    Some(Write::PutSetting(SINCE.into(), text))
}

/// A setting. One that does not read is as if it were not set.
async fn read<T: DeserializeOwned>(
    store: &dyn Store,
    name: &str,
) -> Result<Option<T>, store::Error> {
    let text = store.setting(name).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Up to where each room was told, by `seq`.
#[derive(Debug, Default)]
pub(super) struct Marks {
    rooms: HashMap<RoomId, u64>,
    /// What differs from the store.
    dirty: BTreeSet<u8>,
}

impl Marks {
    pub(super) async fn read(store: &dyn Store) -> Result<Self, store::Error> {
        let part = |part| async move {
            // One that does not read is as if nothing had been told: told again is better than never.
            let read = read::<HashMap<RoomId, u64>>(store, &name(part)).await?;
            Ok::<_, store::Error>(read.unwrap_or_default())
        };
        let parts = try_join_all((0..PARTS).map(part)).await?;
        Ok(Self {
            rooms: parts.into_iter().flatten().collect(),
            dirty: BTreeSet::new(),
        })
    }

    pub(super) fn of(&self, room: RoomId) -> Option<u64> {
        self.rooms.get(&room).copied()
    }

    pub(super) fn set(&mut self, room: RoomId, seq: u64) {
        if self.rooms.insert(room, seq) != Some(seq) {
            self.dirty.insert(part(room));
        }
    }

    /// What has to be written; it counts as written from here on.
    pub(super) fn take(&mut self) -> (Vec<Write>, BTreeSet<u8>) {
        let dirty = std::mem::take(&mut self.dirty);
        let mut parts: BTreeMap<u8, BTreeMap<RoomId, u64>> =
            dirty.iter().map(|part| (*part, BTreeMap::new())).collect();
        for (room, seq) in &self.rooms {
            if let Some(rooms) = parts.get_mut(&part(*room)) {
                rooms.insert(*room, *seq);
            }
        }
        let write = |(part, rooms): (u8, BTreeMap<RoomId, u64>)| {
            let text = serde_json::to_string(&rooms).ok()?;
            Some(Write::PutSetting(name(part), text))
        };
        (parts.into_iter().filter_map(write).collect(), dirty)
    }

    /// It was not written after all.
    pub(super) fn again(&mut self, dirty: BTreeSet<u8>) {
        self.dirty.extend(dirty);
    }
}

/// The part a room is in. The last byte of an id is random.
fn part(room: RoomId) -> u8 {
    let [.., last] = room.as_bytes();
    last % PARTS
}

fn name(part: u8) -> String {
    format!("{DECIDED}.{part:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_moved_is_written() {
        let room = |n: u8| RoomId::from_bytes([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n]);
        let mut marks = Marks::default();
        for n in [0, 1, 64] {
            marks.set(room(n), 7);
        }
        let (writes, _) = marks.take();
        assert_eq!(writes.len(), 2, "{writes:?}");
        assert!(marks.take().0.is_empty());
        marks.set(room(64), 7);
        assert!(marks.take().0.is_empty());
        marks.set(room(64), 8);
        let (writes, dirty) = marks.take();
        let [Write::PutSetting(name, text)] = &writes[..] else {
            panic!("{writes:?}");
        };
        assert_eq!(name, "webhook.00");
        let read: HashMap<RoomId, u64> = serde_json::from_str(text).unwrap();
        assert_eq!(read, HashMap::from([(room(0), 7), (room(64), 8)]));
        marks.again(dirty);
        assert_eq!(marks.take().0.len(), 1);
    }
}
