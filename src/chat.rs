//! Talking: what members do with rooms and messages. Each use case stands here once, for every door: it
//! authorises, appends, answers.

mod departure;
mod direct;
mod edits;
mod history;
mod hooks;
mod invites;
mod joining;
mod members;
mod mentions;
mod messages;
mod pins;
mod presence;
mod reactions;
mod reactors;
mod reading;
mod replies;
mod rooms;
mod search;
mod subscribe;
mod target;
mod typing;
mod unread;

use std::sync::Arc;

pub use self::{
    departure::Departed,
    direct::{Opened, PersonView},
    edits::{Changed, NewEdit},
    history::{FileView, HistoryPage, MessageView, PinnedView},
    hooks::{HOOK_SCOPES, Hook, HookSecret},
    invites::RoomCode,
    members::MemberView,
    mentions::MentionView,
    messages::{NewMessage, ReadyMessage, Sent},
    pins::{NewPin, PinChange},
    presence::{FOLLOWS, Presence, State},
    reactions::{NewReaction, Reacted, Reactor, TallyView},
    reactors::TakeAway,
    reading::{Answer, HasRead, NewRead, Reading},
    replies::ThreadPage,
    rooms::{NewRoom, RoomChanges, RoomView, RuleChanges},
    search::{
        Checking, Compared, Feeder, FoundAnywhere, FoundKind, FoundPage, FoundView, NewSearch,
        PageAnywhere, Reindexed, Standing,
    },
    subscribe::{Described, Resume, Subscribed},
    typing::Typing,
    unread::Looked,
};
use crate::{
    clock::Clock,
    config::Live,
    hub::Hub,
    id::{RoomId, UserId},
    limit::Limits,
    log::{LiveRoom, LiveUser, Log, refuse, request_digest},
    model::{Authority, Caller, Digest, Facts, Person, Refusal, RoomRef, UserRef, Who},
    rights,
    store::Store,
};

/// The use cases of members, with what they need.
#[derive(Clone, Debug)]
pub struct Chat {
    /// Where things become durable.
    pub log: Log,
    /// Where they are read.
    pub store: Arc<dyn Store>,
    /// Who listens.
    pub hub: Arc<Hub>,
    /// How often.
    pub limits: Arc<Limits>,
    /// The settings in force.
    pub config: Live,
    /// The time.
    pub clock: Clock,
    /// Who says that they have read.
    pub reading: Arc<Reading>,
    /// Held while the hooks of a room are changed.
    pub hooking: Arc<tokio::sync::Mutex<()>>,
    /// Who types.
    pub typing: Arc<Typing>,
    /// Who follows whose presence.
    pub presence: Arc<Presence>,
    /// What can be found.
    pub search: Arc<Feeder>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<String>,
}

impl Chat {
    /// The room that is meant. A name is looked for among public rooms first, then among the asker's own.
    pub async fn resolve_room(&self, user: UserId, room: &RoomRef) -> Result<RoomId, Refusal> {
        let name = match room {
            RoomRef::Id(id) => return Ok(*id),
            RoomRef::Name(name) => name,
        };
        // The public room first: else whoever makes a private room of that name and adds somebody to it would
        // be told what was meant for everyone.
        let public = self.store.public_room(name).await;
        if let Some(public) = public.map_err(|e| refuse(&e))? {
            return Ok(public);
        }
        let mine = self.store.rooms_named(user, name).await;
        match mine.map_err(|e| refuse(&e))?.as_slice() {
            [one] => Ok(*one),
            [] => Err(Refusal::NotFound("room")),
            _ => Err(Refusal::Conflict(format!(
                "you are in several rooms called {name}; say which by its id"
            ))),
        }
    }

    /// The user that is meant.
    pub async fn resolve_user(&self, user: &UserRef) -> Result<UserId, Refusal> {
        match user {
            UserRef::Id(id) => Ok(*id),
            UserRef::Name(name) => {
                let user = self
                    .store
                    .user_by_name(name)
                    .await
                    .map_err(|e| refuse(&e))?;
                user.map(|u| u.id).ok_or(Refusal::NotFound("user"))
            }
        }
    }

    /// Those of these users who exist, in no order.
    pub async fn find_people(&self, users: &[UserRef]) -> Result<Vec<UserId>, Refusal> {
        let (mut ids, mut names) = (Vec::new(), Vec::new());
        for user in users {
            match user {
                UserRef::Id(id) => ids.push(*id),
                UserRef::Name(name) => names.push(name.clone()),
            }
        }
        if !names.is_empty() {
            let found = self.store.users_named(&names).await;
            ids.extend(found.map_err(|e| refuse(&e))?.into_iter().map(|u| u.id));
        }
        Ok(ids)
    }

    /// A room with the asker, as far as they may know of it.
    async fn seen(&self, caller: &Caller, id: RoomId) -> Result<(Arc<LiveRoom>, Person), Refusal> {
        let person = self.user(caller.user).await?.person();
        let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        rights::may_see(caller.user, &room.facts())?;
        Ok((room, person))
    }

    /// A room, as far as whoever acts may know of it. An operator may of every one that is not deleted.
    pub async fn seen_by(&self, by: &Authority, id: RoomId) -> Result<Arc<LiveRoom>, Refusal> {
        match by {
            Authority::Caller(caller) => Ok(self.seen(caller, id).await?.0),
            Authority::Operator(_) => {
                let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
                if room.facts().room.deleted_at.is_some() {
                    return Err(Refusal::NotFound("room"));
                }
                Ok(room)
            }
        }
    }

    /// Refuses who may not do something in a room, as things stand: before work that is lost on whom its turn refuses.
    async fn check_in(
        &self,
        by: &Authority,
        id: RoomId,
        check: fn(&Who<'_>, &Facts) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let room = self.seen_by(by, id).await?;
        let Authority::Caller(caller) = by else {
            return Ok(());
        };
        let who = self.user(caller.user).await?;
        let now = self.clock.now();
        who.with(|p| check(&p.who(caller.scopes, now), &room.facts()))
    }

    async fn user(&self, id: UserId) -> Result<Arc<LiveUser>, Refusal> {
        self.log.user(id).await?.ok_or(Refusal::NotFound("user"))
    }

    /// A keyed digest of a request, so that another request under the same `txn` is noticed without the
    /// store keeping the text a second time.
    fn digest(&self, parts: &[&str]) -> Digest {
        request_digest(&self.store.secret(), parts)
    }

    /// How many members a room may have.
    fn most_members(&self) -> usize {
        let config = self.config.get();
        let limits = &config.limits;
        if limits.enabled {
            limits.room_members
        } else {
            usize::MAX
        }
    }

    /// Refuses another room for somebody who has as many as one may have.
    async fn check_room_count(&self, user: UserId) -> Result<(), Refusal> {
        let most = {
            let limits = &self.config.get().limits;
            if !limits.enabled {
                return Ok(());
            }
            limits.rooms_per_user
        };
        let rooms = self.store.room_ids_of(user).await.map_err(|e| refuse(&e))?;
        if rooms.len() >= most {
            return Err(Refusal::Conflict(format!(
                "one can be in {most} rooms at most"
            )));
        }
        Ok(())
    }
}
