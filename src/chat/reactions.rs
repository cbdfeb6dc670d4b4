//! Reactions: saying something about a message with one emoji, and who did.
//!
//! Each change is an entry. What stands already is not done again: whoever reacts a second time with the same emoji is
//! answered as the first time, so that two devices, and requests that are repeated, make no second entry.

use super::{
    Chat, Listed,
    target::{TRIES, not_deleted},
};
use crate::{
    clock::Millis,
    id::{RoomId, UserId},
    log::{Error, refuse},
    model::{Caller, Digest, Emoji, Entry, Payload, Reaction, Refusal, Txn, Username},
    rights::{self, InRoom},
    store::Write,
};

/// Somebody is to react to a message, or no longer to.
#[derive(Clone, Debug)]
pub struct NewReaction {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// What with.
    pub emoji: Emoji,
    /// Whether they do from here on.
    pub on: bool,
    /// Makes repeating it safe.
    pub txn: Option<Txn>,
}

/// How it stands after that.
#[derive(Clone, Debug)]
pub struct Reacted {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// What with.
    pub emoji: Emoji,
    /// Whether they do now.
    pub on: bool,
    /// The `seq` of the entry that made it so; none when there was nothing to take back.
    pub seq: Option<u64>,
    /// The number of messages up to that entry, or up to now.
    pub n: u64,
    /// When.
    pub at: Millis,
    /// Whether it was so before.
    pub dup: bool,
}

/// One of those who react to a message.
#[derive(Clone, Debug)]
pub struct Reactor {
    /// What with.
    pub emoji: Emoji,
    /// Who.
    pub user: UserId,
    /// Their name.
    pub name: Option<Username>,
    /// The `seq` of the entry by which they do.
    pub seq: u64,
    /// Since when.
    pub at: Millis,
}

/// How many people react to a message with one emoji, as it is shown.
#[derive(Clone, Debug)]
pub struct TallyView {
    /// What with.
    pub emoji: Emoji,
    /// How many.
    pub count: u64,
    /// The first of them, with their names.
    pub first: Vec<(UserId, Option<Username>)>,
    /// Whether the asker is one of them.
    pub mine: bool,
}

impl Chat {
    /// Reacts to a message, or takes that back.
    pub async fn react(&self, caller: &Caller, new: &NewReaction) -> Result<Reacted, Refusal> {
        self.limits.check_send(caller.user)?;
        let target = new.target.to_string();
        let on = if new.on { "on" } else { "off" };
        let digest = self.digest(&["react", &target, new.emoji.as_str(), on]);
        for _ in 0..TRIES {
            let floor = self.floor(caller, new.room, InRoom::React).await?;
            let same = |known: &Entry| is_change_of(known, new);
            let known = self.done_before(caller, new.room, new.txn.as_ref(), digest, same);
            if let Some(known) = known.await? {
                return Ok(reacted(new, &known, true));
            }
            self.reactable(new, floor.unwrap_or(u64::MAX)).await?;
            if let Some(done) = self.stands(caller, new).await? {
                return Ok(done);
            }
            match self.append_reaction(caller, new, digest).await {
                Ok(done) => return Ok(done),
                Err(Error::Stale) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(Refusal::Busy)
    }

    /// Who reacts to a message, emoji by emoji, in the order in which they did.
    pub async fn reactors(
        &self,
        caller: &Caller,
        (id, target): (RoomId, u64),
        emoji: Option<&Emoji>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed<Reactor>, Refusal> {
        let wrong = || Refusal::field("cursor", "use the `next` of the page before");
        let after = match cursor {
            None => None,
            Some(text) => {
                let (seq, emoji) = text.split_once('.').ok_or_else(wrong)?;
                let seq: u64 = seq.parse().map_err(|_| wrong())?;
                Some((Emoji::parse(emoji).map_err(|_| wrong())?, seq))
            }
        };
        let shown = self.message(caller, id, target).await?;
        if shown.deleted {
            return Ok(Listed {
                items: Vec::new(),
                next: None,
            });
        }
        let after = after.as_ref().map(|(emoji, seq)| (emoji, *seq));
        let found = self
            .store
            .reactions(id, target, emoji, after, limit + 1)
            .await;
        let mut found = found.map_err(|e| refuse(&e))?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more);
        let next = last.map(|last| format!("{}.{}", last.seq, last.emoji));
        let names = self.log.names(found.iter().map(|r| r.user)).await?;
        let items = found.into_iter().map(|r| Reactor {
            emoji: r.emoji,
            user: r.user,
            name: names.get(&r.user).cloned(),
            seq: r.seq,
            at: r.at,
        });
        let items = items.collect();
        // Whoever was taken out meanwhile does not get to see it.
        self.message(caller, id, target).await?;
        Ok(Listed { items, next })
    }

    /// Refuses what cannot be reacted to.
    async fn reactable(&self, new: &NewReaction, floor: u64) -> Result<(), Refusal> {
        let message = self.target(new.room, new.target, floor).await?;
        not_deleted(&message)?;
        let sums = message.over.map(|over| over.reactions).unwrap_or_default();
        let another = sums.iter().all(|t| t.emoji != new.emoji);
        if new.on && another && sums.len() >= Reaction::KINDS {
            let most = Reaction::KINDS;
            let why = format!("a message has at most {most} different reactions");
            return Err(Refusal::Conflict(why));
        }
        Ok(())
    }

    /// The answer when it is so already.
    async fn stands(&self, caller: &Caller, new: &NewReaction) -> Result<Option<Reacted>, Refusal> {
        let (room, target) = (new.room, new.target);
        let mine = self.store.reactions_of(room, caller.user, &[target]).await;
        let mine = mine.map_err(|e| refuse(&e))?;
        let known = mine.iter().find(|r| r.emoji == new.emoji);
        if new.on && known.is_none() && mine.len() >= Reaction::EACH {
            let most = Reaction::EACH;
            let why = format!("one can react to a message with {most} different emoji at most");
            return Err(Refusal::Conflict(why));
        }
        if new.on != known.is_some() {
            return Ok(None);
        }
        let head = self.log.room(room).await?;
        let head = head.ok_or(Refusal::NotFound("room"))?.head();
        let (mut n, at) = (head.n, known.map_or(head.at, |r| r.at));
        if let Some(known) = known
            && let Ok(Some(entry)) = self.store.entry(room.into(), known.seq).await
        {
            n = entry.n;
        }
        Ok(Some(Reacted {
            room,
            target,
            emoji: new.emoji.clone(),
            on: new.on,
            seq: known.map(|r| r.seq),
            n,
            at,
            dup: true,
        }))
    }

    async fn append_reaction(
        &self,
        caller: &Caller,
        new: &NewReaction,
        digest: Digest,
    ) -> Result<Reacted, Error> {
        let (room, target, on, me) = (new.room, new.target, new.on, caller.user);
        let pass = caller.pass();
        let once = new.txn.clone().map(|txn| (txn, digest));
        let emoji = new.emoji.clone();
        let done = self
            .log
            .append(&[room.into(), me.into()], None, move |draft| {
                let live = draft.room(room)?;
                draft.authorise_pass(pass, |who| {
                    let facts = live.facts();
                    let member = rights::may_in_room(who, &facts, InRoom::React)?;
                    if member.is_none_or(|m| target < rights::floor(&facts.room, m)) {
                        return Err(Refusal::NotFound("message"));
                    }
                    Ok(())
                })?;
                let emoji = emoji.clone();
                let payload = Payload::Reaction {
                    target,
                    emoji: Some(emoji.clone()),
                    on,
                };
                let seq = draft.entry_once(room.into(), Some(me), once.clone(), payload);
                draft.write(if on {
                    Write::React(Reaction {
                        room,
                        target,
                        emoji,
                        seq,
                        user: me,
                        at: draft.now(),
                    })
                } else {
                    Write::Unreact {
                        room,
                        target,
                        user: me,
                        emoji: Some(emoji),
                    }
                });
                Ok(())
            })
            .await?;
        let entry = done.entries.first().ok_or(Refusal::Internal)?;
        // One that was erased has no digest by which the log could tell.
        if !is_change_of(entry, new) {
            return Err(Refusal::TxnReused.into());
        }
        Ok(reacted(new, entry, done.dup))
    }

    /// The sums of each of these messages, as the caller sees them.
    pub(super) async fn tallies(
        &self,
        caller: &Caller,
        room: RoomId,
        messages: &[Entry],
    ) -> Result<Vec<Vec<TallyView>>, Refusal> {
        let sums = |e: &Entry| e.over.as_ref().map(|over| over.reactions.clone());
        let all: Vec<_> = messages
            .iter()
            .map(|e| sums(e).unwrap_or_default())
            .collect();
        let with = messages
            .iter()
            .zip(&all)
            .filter(|(_, sums)| !sums.is_empty());
        let with: Vec<u64> = with.map(|(message, _)| message.seq).collect();
        if with.is_empty() {
            return Ok(messages.iter().map(|_| Vec::new()).collect());
        }
        let mine = self.store.reactions_of(room, caller.user, &with).await;
        let mine = mine.map_err(|e| refuse(&e))?;
        let people = all.iter().flatten().flat_map(|t| t.first.iter().copied());
        let names = self.log.names(people).await?;
        let view = |(message, sums): (&Entry, Vec<crate::model::Tally>)| {
            let sums = sums.into_iter().map(|t| TallyView {
                mine: mine
                    .iter()
                    .any(|r| r.target == message.seq && r.emoji == t.emoji),
                first: t
                    .first
                    .iter()
                    .map(|id| (*id, names.get(id).cloned()))
                    .collect(),
                emoji: t.emoji,
                count: t.count,
            });
            sums.collect()
        };
        Ok(messages.iter().zip(all).map(view).collect())
    }
}

fn is_change_of(entry: &Entry, new: &NewReaction) -> bool {
    matches!(entry.payload, Payload::Reaction { target, on, .. } if target == new.target && on == new.on)
}

fn reacted(new: &NewReaction, entry: &Entry, dup: bool) -> Reacted {
    Reacted {
        room: new.room,
        target: new.target,
        emoji: new.emoji.clone(),
        on: new.on,
        seq: Some(entry.seq),
        n: entry.n,
        at: entry.at,
        dup,
    }
}
