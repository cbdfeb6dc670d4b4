//! What an export is to have, by what the store says: segments, and the files of the messages in them.

use std::collections::HashMap;

use chatd::{
    admin::{
        Client,
        api::{
            Files, List,
            archive::{Run, Segment},
        },
    },
    clock::Millis,
};

use super::{
    super::{Which, look},
    manifest::{Attached, Exported, Manifest, Part},
};
use crate::{asking::quote, command::room, failure::Failure};

/// As many as the server gives at once.
const PAGE: u64 = 200;

/// What is to be exported.
pub(super) struct Plan {
    pub(super) segments: Vec<Segment>,
    /// The files, in the order of their messages; none when they are left out.
    pub(super) files: Option<Vec<Attached>>,
}

impl Plan {
    /// Asks the server.
    pub(super) async fn make(
        client: &Client,
        which: &Which,
        with_files: bool,
    ) -> Result<Self, Failure> {
        let room = match &which.room {
            Some(name) => Some(room::find_id(client, name).await?),
            None => None,
        };
        if let Some(run) = &which.run {
            let _known: Run = look(client, run).await?;
        }
        let run = which.run.as_deref();
        let segments = segments(client, room.as_deref(), run).await?;
        // Asked for after the segments: the files of what they have were attached before they were sealed.
        let files = match with_files {
            true if segments.is_empty() => Some(Vec::new()),
            true => Some(files(client, room.as_deref(), &segments).await?),
            false => None,
        };
        Ok(Self { segments, files })
    }

    /// What would come of it.
    pub(super) fn manifest(self) -> Manifest {
        let segments = self.segments.into_iter().map(|s| Exported {
            part: Part {
                file: String::new(),
                size: s.size,
                sha256: String::new(),
            },
            room: s.room,
            first: s.first,
            last: s.last,
            entries: s.entries,
            messages: s.messages,
        });
        Manifest {
            segments: segments.collect(),
            files: self.files,
            ..Manifest::new(Millis(0), String::new(), false)
        }
    }
}

async fn segments(
    client: &Client,
    room: Option<&str>,
    run: Option<&str>,
) -> Result<Vec<Segment>, Failure> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/archive/segments?limit={PAGE}{cursor}");
        let list: List<Segment> = client.get(&path).await?;
        found.extend(list.items.into_iter().filter(|s| {
            let sealed = s.purged_at.is_none() && s.restored_at.is_none();
            let of_room = room.is_none_or(|room| *room == s.room);
            sealed && of_room && run.is_none_or(|run| *run == s.run)
        }));
        match list.next {
            Some(next) => cursor = format!("&cursor={}", quote(&next)),
            None => return Ok(found),
        }
    }
}

/// The files that are attached to messages of these segments.
async fn files(
    client: &Client,
    room: Option<&str>,
    segments: &[Segment],
) -> Result<Vec<Attached>, Failure> {
    let ranges = Ranges::of(segments);
    let of_room = room.map(|room| format!("&room={}", quote(room)));
    let of_room = of_room.unwrap_or_default();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/files?state=attached&limit={PAGE}{of_room}{cursor}");
        let list: Files = client.get(&path).await?;
        let attached = list.items.iter().filter_map(Attached::of);
        found.extend(attached.filter(|file| ranges.has(&file.room, file.message)));
        match list.next {
            Some(next) => cursor = format!("&cursor={}", quote(&next)),
            None => break,
        }
    }
    found.sort_by(|a, b| (&a.room, a.message, &a.id).cmp(&(&b.room, b.message, &b.id)));
    Ok(found)
}

/// Which entries segments have.
struct Ranges<'a>(HashMap<&'a str, Vec<(u64, u64)>>);

impl<'a> Ranges<'a> {
    fn of(segments: &'a [Segment]) -> Self {
        let mut all: HashMap<_, Vec<_>> = HashMap::new();
        for s in segments {
            let of_room = all.entry(s.room.as_str()).or_default();
            of_room.push((s.first, s.last));
        }
        for of_room in all.values_mut() {
            of_room.sort_unstable();
        }
        Self(all)
    }

    fn has(&self, room: &str, seq: u64) -> bool {
        let Some(ranges) = self.0.get(room) else {
            return false;
        };
        let after = ranges.partition_point(|(first, _)| *first <= seq);
        after > 0 && seq <= ranges[after - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_in_one_segment_or_in_none() {
        let ranges = Ranges(HashMap::from([("a", vec![(1, 9), (20, 30)])]));
        let has = |seq| ranges.has("a", seq);
        assert!(has(1) && has(9) && has(20) && has(30));
        assert!(!has(0) && !has(10) && !has(19) && !has(31) && !ranges.has("b", 1));
    }
}
