//! Mentions: the collection `mentions`.

use std::collections::BTreeMap;

use mongodb::{
    ClientSession,
    bson::{DateTime, Document, Uuid, doc},
};
use serde::Deserialize;

use super::{
    super::{
        documents::{MentionDoc, id_list, int, number, room_uuid, user_uuid},
        fault::{store_error, within},
        logs::by,
        schema::{Collections, index},
        transact::Halt,
        writes::insert,
    },
    list,
};
use crate::{
    id::{EntryId, RoomId, UserId},
    model::{Mention, Mentioned, MentionsFrom},
    store::Error,
};

/// How many rooms are asked for with one question.
const ROOMS: usize = 100;
/// How many mentions such a question is answered with at most; where there are more, each room is asked for by itself.
const MANY: usize = 1_000;

/// Where a user, and everyone in these rooms, was mentioned, the newest first.
pub(in super::super) async fn mentions(
    db: &Collections,
    user: UserId,
    rooms: &[RoomId],
    before: Option<EntryId>,
    limit: usize,
) -> Result<Vec<Mention>, Error> {
    let before = before.unwrap_or(EntryId::from_bytes([0xff; 16]));
    let before = Uuid::from_bytes(*before.as_bytes());
    let whom = rooms.iter().copied().map(room_uuid);
    let whom = id_list(whom.chain([user_uuid(user)]));
    let find = db
        .mentions
        .find(doc! { "whom": whom, "message": { "$lt": before } })
        .sort(doc! { "message": -1 })
        .hint(by(index::MENTION))
        .limit(int(limit as u64));
    list(within(find).await).await
}

/// The messages of others that mention a user from these places on. Which of them are deleted is looked at after they
/// were read, so that a deletion that came since is seen.
pub(in super::super) async fn mentions_from(
    db: &Collections,
    user: UserId,
    from: &[MentionsFrom],
    most: usize,
) -> Result<Vec<Mentioned>, Error> {
    let mut found: BTreeMap<RoomId, Vec<u64>> = BTreeMap::new();
    for rooms in from.chunks(ROOMS) {
        let places: Vec<Document> = rooms.iter().flat_map(|from| places(user, from)).collect();
        let all = db
            .mentions
            .find(doc! { "$or": places.clone() })
            .hint(by(index::MENTION_PLACE))
            .limit(int(MANY as u64));
        let mut all: Vec<Mention> = list(within(all).await).await?;
        if all.len() >= MANY {
            all.clear();
            for place in places {
                let newest = db
                    .mentions
                    .find(place)
                    .sort(doc! { "whom": -1, "room": -1, "seq": -1 })
                    .hint(by(index::MENTION_PLACE))
                    .limit(int(most as u64));
                all.extend::<Vec<Mention>>(list(within(newest).await).await?);
            }
        }
        for mention in all {
            found.entry(mention.room).or_default().push(mention.seq);
        }
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let purged = purged(db, &found).await?;
    let deleted = deleted(db, &found).await?;
    let all = found.into_iter();
    let all = all.flat_map(|(room, seqs)| seqs.into_iter().map(move |seq| (room, seq)));
    let gone = |(room, seq): &(RoomId, u64)| {
        let of = purged.get(room).into_iter().flatten();
        of.clone()
            .any(|(first, last)| (*first..=*last).contains(seq))
    };
    Ok(all
        .filter(|place| !gone(place))
        .map(|(room, seq)| Mentioned {
            room,
            seq,
            deleted: deleted.get(&room).is_some_and(|all| all.contains(&seq)),
        })
        .collect())
}

/// Where a user is mentioned by others in a room: by name, and with everyone.
fn places(user: UserId, from: &MentionsFrom) -> [Document; 2] {
    let me = user_uuid(user);
    let place = |whom: Uuid, first: u64| {
        doc! {
            "whom": whom, "room": room_uuid(from.room), "seq": { "$gte": int(first) },
            "author": { "$ne": me },
        }
    };
    [
        place(me, from.named),
        place(room_uuid(from.room), from.everyone),
    ]
}

#[derive(Deserialize)]
struct Range {
    room: Uuid,
    first: i64,
    last: i64,
}

/// What was purged of these rooms, from the first of these places on.
async fn purged(
    db: &Collections,
    found: &BTreeMap<RoomId, Vec<u64>>,
) -> Result<BTreeMap<RoomId, Vec<(u64, u64)>>, Error> {
    let of = found.iter().map(|(room, seqs)| {
        let first = seqs.iter().min().copied().unwrap_or_default();
        doc! {
            "room": room_uuid(*room), "last": { "$gte": int(first) },
            "purged_at": { "$gt": DateTime::from_millis(0) },
        }
    });
    let segments = db.segments.clone_with_type::<Range>();
    let find = segments
        .find(doc! { "$or": of.collect::<Vec<_>>() })
        .projection(doc! { "_id": 0, "room": 1, "first": 1, "last": 1 })
        .hint(by(index::SEGMENT));
    let mut cursor = within(find).await.map_err(store_error)?;
    let mut purged: BTreeMap<RoomId, Vec<(u64, u64)>> = BTreeMap::new();
    while within(cursor.advance()).await.map_err(store_error)? {
        let range = cursor.deserialize_current().map_err(store_error)?;
        let room = RoomId::from_bytes(range.room.bytes());
        let range = (number(range.first)?, number(range.last)?);
        purged.entry(room).or_default().push(range);
    }
    Ok(purged)
}

#[derive(Deserialize)]
struct Target {
    room: Uuid,
    target: i64,
}

/// Which of these messages are deleted.
async fn deleted(
    db: &Collections,
    found: &BTreeMap<RoomId, Vec<u64>>,
) -> Result<BTreeMap<RoomId, Vec<u64>>, Error> {
    let of = found.iter().map(|(room, seqs)| {
        let seqs: Vec<i64> = seqs.iter().map(|seq| int(*seq)).collect();
        doc! {
            "room": room_uuid(*room), "target": { "$in": seqs },
            "deleted_at": { "$gt": DateTime::from_millis(0) },
        }
    });
    let overlay = db.overlay.clone_with_type::<Target>();
    let find = overlay
        .find(doc! { "$or": of.collect::<Vec<_>>() })
        .projection(doc! { "_id": 0, "room": 1, "target": 1 })
        .hint(by(index::OVERLAY_TARGET));
    let mut cursor = within(find).await.map_err(store_error)?;
    let mut deleted: BTreeMap<RoomId, Vec<u64>> = BTreeMap::new();
    while within(cursor.advance()).await.map_err(store_error)? {
        let found = cursor.deserialize_current().map_err(store_error)?;
        let room = RoomId::from_bytes(found.room.bytes());
        deleted.entry(room).or_default().push(number(found.target)?);
    }
    Ok(deleted)
}

/// Notes that a message mentions somebody.
pub(super) async fn mention(
    db: &Collections,
    session: &mut ClientSession,
    new: &Mention,
) -> Result<(), Halt> {
    insert(&db.mentions, session, &MentionDoc::from(new)).await
}
