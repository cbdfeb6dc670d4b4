//! Messages by their numbers, wherever they lie: those that are live with one look, those that are sealed with one for
//! each segment.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Gap, Messages, of_page};
use crate::{
    id::RoomId,
    model::{Entry, Segment},
    store::{Error, Store, overlay},
};

/// How many segments are opened for one question: as many as a room has pins. Each is some MiB to decode, and only one is
/// in memory at a time.
const SEGMENTS: usize = 50;

/// All of these messages, in this order. Each segment is opened once, so they are read in the order of the log.
pub(in crate::store) async fn messages_at<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    seqs: &[u64],
) -> Result<Messages, Error> {
    let mut sorted = seqs.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let (mut found, mut gaps) = (HashMap::new(), Vec::new());
    let mut left = &sorted[..];
    while !left.is_empty() {
        let (page, answered) = some_messages_at(store, room, left).await?;
        found.extend(page.entries.into_iter().map(|e| (e.seq, e)));
        gaps.extend(page.gaps);
        left = &left[answered..];
    }
    let entries = seqs.iter().filter_map(|seq| found.remove(seq)).collect();
    Ok(Messages { entries, gaps })
}

/// The first of these messages, and how many of the numbers are answered: as many as lie in [`SEGMENTS`] segments, and one
/// at least.
pub(in crate::store) async fn some_messages_at<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    seqs: &[u64],
) -> Result<(Messages, usize), Error> {
    let live = store.live_entries_at(room, seqs).await?;
    let mut found: HashMap<u64, Entry> = live.into_iter().map(|e| (e.seq, e)).collect();
    let (segments, answered) = segments_of(store, room, seqs, &found).await?;
    let seqs = &seqs[..answered];
    let asked: HashSet<u64> = seqs.iter().copied().collect();
    let mut gaps = HashMap::new();
    for segment in segments.values() {
        let wanted = |seq: &u64| segment.covers(*seq);
        match of_page(store, room, segment).await? {
            Ok(entries) => {
                let there = entries.into_iter().filter(|e| asked.contains(&e.seq));
                for entry in there {
                    found.entry(entry.seq).or_insert(entry);
                }
            }
            Err(why) => {
                let missing = seqs.iter().filter(|seq| !found.contains_key(*seq));
                gaps.extend(missing.copied().filter(wanted).map(|seq| (seq, why)));
            }
        }
    }
    let mut page = Messages::default();
    for seq in seqs {
        if let Some(why) = gaps.get(seq) {
            page.gaps.push(Gap {
                first: *seq,
                last: *seq,
                why: *why,
            });
        }
        let message = found.remove(seq).filter(|e| e.payload.is_message());
        page.entries.extend(message);
    }
    // Last: a deletion that came meanwhile is seen.
    let targets: Vec<u64> = page.entries.iter().map(|e| e.seq).collect();
    if !targets.is_empty() {
        let over = store.laid_over_at(room, &targets).await?;
        overlay::lay(&mut page.entries, over);
    }
    Ok((page, answered))
}

/// The segments that have those of these entries which are not live, by their last entry, and for how many of the numbers
/// that was looked at.
async fn segments_of<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    seqs: &[u64],
    live: &HashMap<u64, Entry>,
) -> Result<(BTreeMap<u64, Segment>, usize), Error> {
    let mut segments: BTreeMap<u64, Segment> = BTreeMap::new();
    for (at, seq) in seqs.iter().enumerate() {
        let next = segments.range(*seq..).next();
        let known = next.is_some_and(|(_, segment)| segment.covers(*seq));
        if known || live.contains_key(seq) {
            continue;
        }
        if segments.len() == SEGMENTS {
            return Ok((segments, at));
        }
        let segment = store.segment_from(room, *seq).await?;
        if let Some(segment) = segment.filter(|s| s.covers(*seq)) {
            segments.insert(segment.last, segment);
        }
    }
    Ok((segments, seqs.len()))
}
