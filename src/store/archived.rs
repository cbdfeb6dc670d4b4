//! Reading across live and archived entries: one cursor, whichever backend, without a seam that anybody sees.
//!
//! Of a room, what is live is the end of its log, without a gap; what is in segments is the beginning. The two
//! may overlap. A run puts a segment before it takes out live entries, and a restore makes entries live
//! before it takes out the segment, which it leaves for a while. So whoever reads what is live first, and
//! segments then, misses nothing, whatever goes on at the same time. Deletions lie over both alike; they are
//! read last.

mod numbered;

use bytes::Bytes;

pub(super) use self::numbered::{messages_at, some_messages_at};
use super::{Error, Page, Store, overlay, payload};
use crate::{
    id::{LogId, RoomId, RunId},
    model::{Entry, Payload, Segment},
    segment::{self, Damage, Line, Sealed},
};

/// A page of messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Messages {
    /// The messages, in `seq` order.
    pub entries: Vec<Entry>,
    /// What there was, among or beside them, that cannot be read any more, in order.
    pub gaps: Vec<Gap>,
}

/// A range of a room's log that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first `seq`.
    pub first: u64,
    /// The last `seq`.
    pub last: u64,
    /// Why.
    pub why: Lack,
}

/// Why a range cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It was purged.
    Purged,
    /// Its segment is damaged.
    Damaged,
}

/// What a store keeps beside the bytes of a segment that was sealed just now, of these lines and by this run.
pub fn sealed_segment(sealed: &Sealed, lines: &[Line], run: RunId) -> Segment {
    let header = &sealed.header;
    Segment {
        room: header.room,
        first: header.first,
        last: header.last,
        n: header.n,
        first_at: header.first_at,
        last_at: header.last_at,
        entries: header.entries,
        messages: header.messages,
        erased: lines.iter().filter(|l| payload::is_erased(l)).count() as u64,
        bytes: header.bytes,
        size: sealed.bytes.len() as u64,
        generation: 1,
        run,
        purge: None,
        purged_at: None,
        restored_at: None,
    }
}

/// The entries of a segment as they lie in it, once it is found to be what the store says it is.
pub fn open_segment(segment: &Segment, bytes: &Bytes) -> Result<Vec<Line>, Error> {
    check_segment(segment, bytes).map_err(|why| {
        let (first, last, room) = (segment.first, segment.last, segment.room);
        Error::Damaged(format!("segment {first}-{last} of room {room}: {why}"))
    })
}

/// The same, for whoever says by themselves which segment it is.
pub fn check_segment(segment: &Segment, bytes: &Bytes) -> Result<Vec<Line>, Damage> {
    let (header, lines) = segment::open(bytes)?;
    let said = (header.room, header.first, header.last, header.n);
    if said != (segment.room, segment.first, segment.last, segment.n) {
        return Err(Damage("it is that of another room or range".into()));
    }
    Ok(lines)
}

pub(super) async fn entries<S: Store + ?Sized>(
    store: &S,
    log: LogId,
    (after, upto): (u64, u64),
    limit: usize,
    bytes: usize,
) -> Result<Vec<Entry>, Error> {
    let live = store.live_entries(log, after, upto, limit, bytes).await?;
    let start = live.first().map(|e| e.seq);
    let LogId::Room(room) = log else {
        return Ok(live);
    };
    if after >= upto || limit == 0 || start == Some(after + 1) {
        return Ok(live);
    }
    let end = start.map_or(upto, |start| start - 1);
    let mut found = Vec::new();
    let (mut reached, mut size) = (after, 0);
    while reached < end {
        let Some(segment) = store.segment_from(room, reached + 1).await? else {
            break;
        };
        if segment.first > end {
            break;
        }
        let lines = match read(store, &segment).await {
            Ok(Some(lines)) => lines,
            Ok(None) | Err(Error::Damaged(_)) => Vec::new(),
            Err(e) => return Err(e),
        };
        let wanted = |l: &&Line| reached < l.seq && l.seq <= end;
        for line in lines.iter().filter(wanted) {
            size += line.data.len();
            found.push(entry_of(log, line)?);
            if found.len() >= limit || size > bytes {
                hide(store, &mut found).await?;
                return Ok(found);
            }
        }
        reached = segment.last;
    }
    hide(store, &mut found).await?;
    for entry in live {
        size += text_bytes(&entry);
        found.push(entry);
        if found.len() >= limit || size > bytes {
            break;
        }
    }
    Ok(found)
}

pub(super) async fn entry<S: Store + ?Sized>(
    store: &S,
    log: LogId,
    seq: u64,
) -> Result<Option<Entry>, Error> {
    if let Some(live) = store.live_entry(log, seq).await? {
        return Ok(Some(live));
    }
    let LogId::Room(room) = log else {
        return Ok(None);
    };
    let segment = store.segment_from(room, seq).await?;
    let Some(segment) = segment.filter(|s| s.covers(seq)) else {
        return Ok(None);
    };
    let lines = read(store, &segment).await?.unwrap_or_default();
    let Some(line) = lines.iter().find(|l| l.seq == seq) else {
        return Ok(None);
    };
    let mut found = [entry_of(log, line)?];
    hide(store, &mut found).await?;
    let [entry] = found;
    Ok(Some(entry))
}

pub(super) async fn message<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    seq: u64,
) -> Result<Option<Entry>, Error> {
    let found = entry(store, room.into(), seq).await?;
    let Some(found) = found.filter(|e| e.payload.is_message()) else {
        return Ok(None);
    };
    let mut found = [found];
    lay(store, room, &mut found).await?;
    let [message] = found;
    Ok(Some(message))
}

pub(super) async fn messages<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    page: Page,
    floor: u64,
    limit: usize,
) -> Result<Messages, Error> {
    match page {
        Page::Before(seq) => messages_before(store, room, seq, floor, limit).await,
        Page::After(seq) => {
            messages_from(store, room, seq.saturating_add(1).max(floor), limit).await
        }
        // Messages stay what and where they are, so the two halves fit without being of one moment.
        Page::Around(seq) => {
            let before = messages_before(store, room, seq, floor, limit / 2).await?;
            let rest = limit - before.entries.len();
            let after = messages_from(store, room, seq.max(floor), rest).await?;
            let Messages {
                mut entries,
                mut gaps,
            } = before;
            entries.extend(after.entries);
            gaps.extend(
                after
                    .gaps
                    .into_iter()
                    .filter(|gap| !gaps.contains(gap))
                    .collect::<Vec<_>>(),
            );
            Ok(Messages { entries, gaps })
        }
    }
}

async fn messages_before<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    before: u64,
    floor: u64,
    limit: usize,
) -> Result<Messages, Error> {
    let live = store
        .live_messages(room, Page::Before(before), floor, limit)
        .await?;
    let mut page = Messages::default();
    let missing = limit - live.len();
    let mut upper = live.first().map_or(before, |e| e.seq);
    // The last ones first, and turned round at the end.
    let mut older = Vec::new();
    while older.len() < missing && upper > floor.max(1) {
        let at = store.segment_from(room, upper - 1).await?;
        let segment = match at.filter(|s| s.first < upper) {
            Some(segment) => segment,
            None => match store.segment_before(room, upper).await? {
                Some(segment) => segment,
                None => break,
            },
        };
        if segment.last < floor {
            break;
        }
        match of_page(store, room, &segment).await? {
            Ok(mut found) => {
                found.retain(|e| floor <= e.seq && e.seq < upper && e.payload.is_message());
                let left = missing - older.len();
                older.extend(found.into_iter().rev().take(left));
            }
            Err(why) => page.gaps.push(gap(&segment, why, floor, upper - 1)),
        }
        upper = segment.first;
    }
    page.gaps.reverse();
    older.reverse();
    lay(store, room, &mut older).await?;
    older.extend(live);
    page.entries = older;
    Ok(page)
}

async fn messages_from<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    from: u64,
    limit: usize,
) -> Result<Messages, Error> {
    let mut page = Messages::default();
    if limit == 0 {
        return Ok(page);
    }
    let live = store
        .live_messages(room, Page::After(from.saturating_sub(1)), from, limit)
        .await?;
    let mut reached = from.max(1);
    if live.first().is_none_or(|e| e.seq > reached) {
        while let Some(segment) = store.segment_from(room, reached).await? {
            match of_page(store, room, &segment).await? {
                Ok(mut found) => {
                    found.retain(|e| e.seq >= reached && e.payload.is_message());
                    let left = limit - page.entries.len();
                    page.entries.extend(found.into_iter().take(left));
                }
                Err(why) => page.gaps.push(gap(&segment, why, reached, u64::MAX)),
            }
            if page.entries.len() == limit {
                break;
            }
            reached = segment.last + 1;
        }
        lay(store, room, &mut page.entries).await?;
    }
    let rest = live.into_iter().filter(|e| e.seq >= reached);
    page.entries.extend(rest.take(limit - page.entries.len()));
    Ok(page)
}

/// The part of a segment that lies between, as a gap.
fn gap(segment: &Segment, why: Lack, from: u64, upto: u64) -> Gap {
    Gap {
        first: segment.first.max(from),
        last: segment.last.min(upto),
        why,
    }
}

/// What is in a segment, as it lies there, or why nothing is to be had of it.
async fn of_page<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    segment: &Segment,
) -> Result<Result<Vec<Entry>, Lack>, Error> {
    let lines = match read(store, segment).await {
        Ok(Some(lines)) => lines,
        Ok(None) => return Ok(Err(Lack::Purged)),
        Err(Error::Damaged(_)) => return Ok(Err(Lack::Damaged)),
        Err(e) => return Err(e),
    };
    let entries = lines.iter().map(|line| entry_of(room.into(), line));
    Ok(entries
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Lack::Damaged))
}

/// The lines of a segment; none when it was purged. Says in the log that one is damaged.
async fn read<S: Store + ?Sized>(store: &S, segment: &Segment) -> Result<Option<Vec<Line>>, Error> {
    // Read again with its bytes, which may have become others since it was found.
    let found = store.segment(segment.room, segment.last).await?;
    let Some((segment, bytes)) = found.filter(|(s, _)| s.purged_at.is_none()) else {
        return Ok(None);
    };
    #[cfg(test)]
    super::counted::SEGMENTS.with(|count| count.set(count.get() + 1));
    match open_segment(&segment, &bytes) {
        Ok(lines) => Ok(Some(lines)),
        Err(e) => {
            tracing::error!(error = %e, "archived messages cannot be read; see `chatd archive verify`");
            Err(e)
        }
    }
}

fn entry_of(log: LogId, line: &Line) -> Result<Entry, Error> {
    let version = u8::try_from(line.version).unwrap_or(u8::MAX);
    let payload = payload::decode(version, &line.kind, &line.data).map_err(|e| {
        Error::Damaged(format!(
            "archived entry {} of {log:?}, {}: {e}",
            line.seq, line.kind
        ))
    })?;
    Ok(Entry {
        log,
        seq: line.seq,
        n: line.n,
        at: line.at,
        id: line.id,
        from: line.from,
        txn: None,
        digest: None,
        payload,
        over: None,
    })
}

async fn hide<S: Store + ?Sized>(store: &S, entries: &mut [Entry]) -> Result<(), Error> {
    if let Some(reach) = overlay::reach(entries) {
        let (room, first, last) = (reach.room, reach.first, reach.last);
        let deleted = store.deleted(room, first, last, &reach.beside).await?;
        overlay::hide(entries, &deleted);
    }
    Ok(())
}

async fn lay<S: Store + ?Sized>(
    store: &S,
    room: RoomId,
    messages: &mut [Entry],
) -> Result<(), Error> {
    if let Some(reach) = overlay::reach(messages) {
        let over = store.laid_over(room, reach.first, reach.last).await?;
        overlay::lay(messages, over);
    }
    Ok(())
}

/// About what [`Store::live_entries`] counts of an entry.
fn text_bytes(entry: &Entry) -> usize {
    match &entry.payload {
        Payload::Message { body, .. }
        | Payload::Edit {
            body: Some(body), ..
        } => body.len(),
        _ => 0,
    }
}
