//! Reactions: the collection `reactions`, and the sums in `overlay`.

use mongodb::{
    ClientSession,
    bson::{Document, doc},
};

use super::{
    super::{
        documents::{OverlayDoc, ReactionDoc, int, room_uuid, user_uuid},
        fault::{is_duplicate, store_error, within},
        logs::by,
        schema::{Collections, index},
        transact::Halt,
    },
    list, over, put, put_or_bare,
};
use crate::{
    id::{RoomId, UserId},
    model::{Emoji, Reaction, Tally},
    store::{Error, Outcome},
};

/// Reactions to a message by emoji and `seq`, from the first after `after`; with `emoji`, those with it alone.
pub(in super::super) async fn reactions(
    db: &Collections,
    (room, target): (RoomId, u64),
    emoji: Option<&Emoji>,
    after: Option<(&Emoji, u64)>,
    limit: usize,
) -> Result<Vec<Reaction>, Error> {
    let mut of = doc! { "room": room_uuid(room), "target": int(target) };
    let seq = after.map_or(0, |(_, seq)| int(seq));
    match (emoji, after) {
        (Some(emoji), _) => {
            of.insert("emoji", emoji.as_str());
            of.insert("seq", doc! { "$gt": seq });
        }
        (None, Some((emoji, _))) => {
            let same = doc! { "emoji": emoji.as_str(), "seq": { "$gt": seq } };
            let later = doc! { "emoji": { "$gt": emoji.as_str() } };
            of.insert("$or", vec![same, later]);
        }
        (None, None) => {}
    }
    let find = db
        .reactions
        .find(of)
        .sort(doc! { "room": 1, "target": 1, "emoji": 1, "seq": 1 })
        .hint(by(index::REACTION))
        .limit(int(limit as u64));
    list(within(find).await).await
}

/// How somebody reacts to these messages.
pub(in super::super) async fn reactions_of(
    db: &Collections,
    room: RoomId,
    user: UserId,
    targets: &[u64],
) -> Result<Vec<Reaction>, Error> {
    let targets: Vec<i64> = targets.iter().map(|target| int(*target)).collect();
    let find = db
        .reactions
        .find(
            doc! { "room": room_uuid(room), "user": user_uuid(user), "target": { "$in": targets } },
        )
        .hint(by(index::REACTION_USER));
    list(within(find).await).await
}

/// Adds a reaction to a message that is not deleted, has not got it, and not too many.
pub(super) async fn react(
    db: &Collections,
    session: &mut ClientSession,
    new: &Reaction,
) -> Result<(), Halt> {
    let stale = Err(Halt::Not(Outcome::Stale));
    let (room, target) = (new.room, new.target);
    let known = over(db, session, room, target).await?;
    let mut doc = known.unwrap_or_else(|| OverlayDoc::new(room, target));
    let laid = doc.clone().laid()?;
    let mine = of_user(db, session, (room, target), new.user).await?;
    let mut sums = laid.reactions;
    if laid.deleted
        || mine.len() >= Reaction::EACH
        || mine.iter().any(|r| r.emoji == new.emoji)
        || !Tally::add(&mut sums, &new.emoji, new.user)
    {
        return stale;
    }
    doc.react(&sums)?;
    put(db, session, (room, target), &doc).await?;
    let insert = db.reactions.insert_one(ReactionDoc::from(new));
    match within(insert.session(session).into_future()).await {
        Ok(_) => Ok(()),
        Err(fault) if is_duplicate(&fault) => stale,
        Err(fault) => Err(Halt::Broken(fault)),
    }
}

/// Takes back a reaction of somebody, or with no emoji all of theirs to the message.
pub(super) async fn unreact(
    db: &Collections,
    session: &mut ClientSession,
    (room, target): (RoomId, u64),
    user: UserId,
    emoji: Option<&Emoji>,
) -> Result<(), Halt> {
    let mut mine = of_user(db, session, (room, target), user).await?;
    mine.retain(|r| emoji.is_none_or(|e| r.emoji == *e));
    let known = over(db, session, room, target).await?;
    let (Some(mut doc), false) = (known, mine.is_empty()) else {
        return Err(Halt::Not(Outcome::Stale));
    };
    let mut sums = doc.clone().laid()?.reactions;
    for reaction in &mine {
        let of = doc! {
            "room": room_uuid(room), "target": int(target), "emoji": reaction.emoji.as_str(),
            "seq": int(reaction.seq),
        };
        let gone = db.reactions.delete_one(of).hint(by(index::REACTION));
        within(gone.session(&mut *session).into_future()).await?;
        let left = first(db, session, (room, target), &reaction.emoji).await?;
        Tally::take(&mut sums, &reaction.emoji, left);
    }
    doc.react(&sums)?;
    put_or_bare(db, session, (room, target), &doc).await
}

/// Takes out all reactions to messages of a range.
pub(super) async fn forget(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    first: u64,
    last: u64,
) -> Result<(), Halt> {
    let range = doc! { "$gte": int(first), "$lt": int(last + 1) };
    let of = doc! { "room": room_uuid(room), "target": range };
    let gone = db
        .reactions
        .delete_many(of.clone())
        .hint(by(index::REACTION));
    within(gone.session(&mut *session).into_future()).await?;
    let mut laid = of;
    laid.insert("reactions", doc! { "$gt": "" });
    let gone = db
        .overlay
        .update_many(laid, doc! { "$unset": { "reactions": "" } })
        .hint(by(index::OVERLAY_TARGET));
    within(gone.session(session).into_future()).await?;
    Ok(())
}

/// How somebody reacts to a message, as of the session's moment.
async fn of_user(
    db: &Collections,
    session: &mut ClientSession,
    (room, target): (RoomId, u64),
    user: UserId,
) -> Result<Vec<Reaction>, Halt> {
    let of = doc! { "room": room_uuid(room), "user": user_uuid(user), "target": int(target) };
    let order = doc! { "emoji": 1 };
    let index = index::REACTION_USER;
    found(db, session, (of, order, index), Reaction::EACH).await
}

/// The first who react to a message with an emoji, as of the session's moment.
async fn first(
    db: &Collections,
    session: &mut ClientSession,
    (room, target): (RoomId, u64),
    emoji: &Emoji,
) -> Result<Vec<UserId>, Halt> {
    let of = doc! { "room": room_uuid(room), "target": int(target), "emoji": emoji.as_str() };
    let order = doc! { "seq": 1 };
    let found = found(db, session, (of, order, index::REACTION), Reaction::SHOWN).await?;
    Ok(found.into_iter().map(|r| r.user).collect())
}

async fn found(
    db: &Collections,
    session: &mut ClientSession,
    (of, order, index): (Document, Document, &str),
    limit: usize,
) -> Result<Vec<Reaction>, Halt> {
    let find = db
        .reactions
        .find(of)
        .sort(order)
        .hint(by(index))
        .limit(int(limit as u64))
        .session(&mut *session);
    let mut cursor = within(find.into_future()).await?;
    let mut all = Vec::new();
    while within(cursor.advance(session)).await? {
        let doc = cursor.deserialize_current().map_err(store_error)?;
        all.push(doc.try_into()?);
    }
    Ok(all)
}
