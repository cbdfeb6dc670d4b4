//! Through the messages of a room, wherever they are kept.

use chatd::{
    admin::{
        Client,
        api::{
            List, Room,
            archive::{Edited, Entry, Range, Reactions},
        },
    },
    clock::Millis,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{asking::quote, failure::Failure, output::Lines};

/// How an entry that does not read is called.
const DAMAGED: &str = "damaged";

/// Which messages.
pub(super) struct Wanted {
    /// Whose: an id.
    pub(super) from: Option<String>,
    /// Not before.
    pub(super) since: Option<Millis>,
    /// Before.
    pub(super) until: Option<Millis>,
}

/// A room, as far as it is known.
pub(super) struct Place {
    pub(super) id: String,
    /// None when it is deleted.
    name: Option<String>,
    /// Its last entry: up to there is walked, a room in which people write is not run after. None when it is
    /// deleted.
    head: Option<u64>,
}

impl Place {
    pub(super) fn of(room: Room) -> Self {
        Self {
            id: room.id,
            name: Some(room.name),
            head: Some(room.head),
        }
    }

    pub(super) fn deleted(id: String) -> Self {
        Self {
            id,
            name: None,
            head: None,
        }
    }

    fn upto(&self) -> u64 {
        self.head.unwrap_or(u64::MAX)
    }
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) messages: u64,
    /// How many of them were deleted.
    pub(super) deleted: u64,
    /// In how many rooms.
    pub(super) rooms: u64,
    /// How many entries are not there any more.
    pub(super) purged: u64,
    /// How many entries do not read.
    pub(super) unread: u64,
}

/// Writes what is wanted of a room.
pub(super) async fn write_room(
    client: &Client,
    room: &Place,
    wanted: &Wanted,
    out: &mut Lines,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let mut after = match (wanted.since, room.head) {
        (Some(since), Some(head)) => last_before(client, room, head, since).await?,
        _ => 0,
    };
    let (before, mut gaps) = (counts.messages, Vec::new());
    'pages: while after < room.upto() {
        let page = entries(client, &room.id, after, room.upto()).await?;
        for entry in &page.items {
            if entry.kind == DAMAGED {
                counts.unread += 1;
                let gap = (after + 1, entry.seq - 1);
                gaps.extend(Some(gap).filter(|(first, last)| first <= last));
                after = entry.seq;
                continue;
            }
            if wanted.until.is_some_and(|until| entry.at >= until) {
                break 'pages;
            }
            if entry.seq > after + 1 {
                gaps.push((after + 1, entry.seq - 1));
            }
            after = entry.seq;
            if wanted.takes(entry) {
                out.line(&line(room, entry))?;
                counts.messages += 1;
                counts.deleted += u64::from(entry.deleted);
            }
        }
        out.flush()?;
        if page.next.is_none() {
            break;
        }
    }
    counts.rooms += u64::from(counts.messages > before);
    count_gaps(client, room, &gaps, counts).await
}

/// Tells what was purged from what is archived and does not read.
async fn count_gaps(
    client: &Client,
    room: &Place,
    gaps: &[(u64, u64)],
    counts: &mut Counts,
) -> Result<(), Failure> {
    if gaps.is_empty() {
        return Ok(());
    }
    let path = format!("/v1/archive/ranges?room={}", quote(&room.id));
    let ranges: List<Range> = client.get(&path).await?;
    let sealed: Vec<_> = ranges.items.iter().map(|r| (r.first, r.last)).collect();
    let missing: u64 = gaps.iter().map(|(first, last)| last - first + 1).sum();
    let unread = shared(gaps, &sealed);
    counts.unread += unread;
    counts.purged += missing - unread;
    Ok(())
}

/// How many numbers are in both; each is a list of ranges that do not overlap.
fn shared(some: &[(u64, u64)], others: &[(u64, u64)]) -> u64 {
    let pairs = some.iter().flat_map(|a| others.iter().map(move |b| (a, b)));
    pairs
        .map(|(a, b)| (a.1.min(b.1) + 1).saturating_sub(a.0.max(b.0)))
        .sum()
}

impl Wanted {
    fn takes(&self, entry: &Entry) -> bool {
        entry.kind == "message"
            && self.since.is_none_or(|since| entry.at >= since)
            && self
                .from
                .as_ref()
                .is_none_or(|from| entry.from.as_ref() == Some(from))
    }
}

/// A message as a line.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'a str,
    room: &'a str,
    room_name: Option<&'a str>,
    seq: u64,
    at: Millis,
    id: &'a str,
    from: Option<&'a str>,
    name: Option<&'a str>,
    /// Whether it was deleted; it says nothing any more then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    /// That it was edited; what it says is the newest text then.
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<Edited>,
    /// How many people react to it, emoji by emoji.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reactions: &'a [Reactions],
    /// What it says: its `body`, and what it answers.
    #[serde(flatten)]
    said: Option<&'a Map<String, Value>>,
}

fn line<'a>(room: &'a Place, entry: &'a Entry) -> Line<'a> {
    Line {
        kind: &entry.kind,
        room: &room.id,
        room_name: room.name.as_deref(),
        seq: entry.seq,
        at: entry.at,
        id: &entry.id,
        from: entry.from.as_deref(),
        name: entry.name.as_deref(),
        deleted: entry.deleted,
        edited: entry.edited,
        reactions: &entry.reactions,
        said: entry.data.as_object().filter(|_| !entry.deleted),
    }
}

/// After which entry those begin that are not before `since`. Found by halving, as times never go back.
async fn last_before(
    client: &Client,
    room: &Place,
    head: u64,
    since: Millis,
) -> Result<u64, Failure> {
    let (mut low, mut high) = (0, head);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match first_from(client, room, middle).await? {
            Some(entry) if entry.at < since => low = entry.seq.max(middle),
            _ => high = middle - 1,
        }
    }
    Ok(low)
}

/// The first entry that is there from this number on.
async fn first_from(client: &Client, room: &Place, seq: u64) -> Result<Option<Entry>, Failure> {
    let one = entries(client, &room.id, seq - 1, seq).await?;
    let mut found = one.items.into_iter().filter(|e| e.kind != DAMAGED);
    if let Some(entry) = found.next() {
        return Ok(Some(entry));
    }
    // That one was purged, or does not read.
    let rest = entries(client, &room.id, seq, room.upto()).await?;
    Ok(rest.items.into_iter().find(|e| e.kind != DAMAGED))
}

async fn entries(
    client: &Client,
    room: &str,
    after: u64,
    upto: u64,
) -> Result<List<Entry>, Failure> {
    let room = quote(room);
    let path = format!("/v1/rooms/{room}/entries?after={after}&upto={upto}");
    Ok(client.get(&path).await?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(with: &Value) -> Entry {
        let mut entry = json!({
            "room": "1", "seq": 7, "n": 5, "at": 1000, "id": "2", "from": "3", "name": "eve",
            "kind": "message", "data": {"body": "hi", "reply_to": 3},
        });
        for (name, value) in with.as_object().expect("an object") {
            entry[name] = value.clone();
        }
        serde_json::from_value(entry).expect("an entry")
    }

    fn room() -> Place {
        Place {
            id: "1".into(),
            name: Some("general".into()),
            head: Some(9),
        }
    }

    #[test]
    fn a_line_says_who_said_what_where() {
        let text = |with| serde_json::to_string(&line(&room(), &entry(&with))).expect("JSON");
        assert_eq!(
            text(json!({})),
            "{\"kind\":\"message\",\"room\":\"1\",\"room_name\":\"general\",\"seq\":7,\"at\":1000,\
             \"id\":\"2\",\"from\":\"3\",\"name\":\"eve\",\"body\":\"hi\",\"reply_to\":3}"
        );
        let edited = text(json!({"edited": {"at": 2000, "seq": 9, "count": 2}}));
        let part = "\"edited\":{\"at\":2000,\"seq\":9,\"count\":2},\"body\":\"hi\"";
        assert!(edited.contains(part), "{edited}");
        let liked = text(json!({"reactions": [{"emoji": "+", "count": 2}]}));
        let part = "\"reactions\":[{\"emoji\":\"+\",\"count\":2}],\"body\":\"hi\"";
        assert!(liked.contains(part), "{liked}");
        let deleted = text(json!({"deleted": true, "data": null}));
        assert!(
            deleted.ends_with("\"name\":\"eve\",\"deleted\":true}"),
            "{deleted}"
        );
    }

    #[test]
    fn what_was_purged_is_told_from_what_does_not_read() {
        assert_eq!(
            shared(&[(1, 10), (20, 30)], &[(5, 22), (30, 40)]),
            6 + 3 + 1
        );
        assert_eq!(shared(&[(1, 10)], &[(11, 20)]), 0);
        assert_eq!(shared(&[(5, 6)], &[(1, 20)]), 2);
    }

    #[test]
    fn only_messages_of_that_person_and_time_are_wanted() {
        let wanted = Wanted {
            from: Some("3".into()),
            since: Some(Millis(1000)),
            until: None,
        };
        assert!(wanted.takes(&entry(&json!({}))));
        for with in [
            json!({"kind": "membership"}),
            json!({"from": "4"}),
            json!({"from": null}),
            json!({"at": 999}),
        ] {
            assert!(!wanted.takes(&entry(&with)), "{with}");
        }
    }
}
