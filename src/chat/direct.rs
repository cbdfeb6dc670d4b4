//! Direct conversations: private rooms of a few people, found by who they are.
//!
//! Who is in one is fixed: it is in the room's record, and the room's id is made of it, so that two who open the
//! same at once meet in one room, whatever store there is. More people are another conversation. It has no owner;
//! its people are plain members. Whoever leaves stays out until they open it themselves: that others open it again
//! does not bring them back.

use serde_json::json;

use super::{
    Chat, RoomView,
    joining::{Came, enter},
};
use crate::{
    id::{LogId, RoomId, UserId},
    log::{Draft, request_digest},
    model::{
        Authority, Caller, History, Marker, Member, Payload, Permission, Permissions, Refusal,
        Room, RoomKind, RoomName, RoomRole, RoomRules, UserRef, Username,
    },
    rights,
    store::Write,
};

/// What every direct conversation is called.
const NAME: &str = "direct";
/// How often the same people's conversation can be made anew after it was deleted.
const LIVES: u32 = 1000;

/// A direct conversation was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The room.
    pub room: RoomView,
    /// Whether there was none before.
    pub made: bool,
}

/// Somebody as others see them.
#[derive(Clone, Debug)]
pub struct PersonView {
    /// Who.
    pub user: UserId,
    /// Their name, if there is such an account.
    pub name: Option<Username>,
}

impl Chat {
    /// The same, of people by what they are called: ids or names.
    pub async fn open_direct_with(
        &self,
        caller: &Caller,
        users: &[String],
    ) -> Result<Opened, Refusal> {
        // Who may not open one is not told who is there.
        let (me, now) = (self.user(caller.user).await?, self.clock.now());
        me.with(|p| rights::may(&p.who(caller.scopes, now), Permission::DmOpen))?;
        if users.len() > self.config.get().limits.direct_people {
            return Err(self.too_many());
        }
        let mut ids = Vec::with_capacity(users.len());
        for user in users {
            let user = UserRef::parse(user)
                .map_err(|_| Refusal::field("users", "ids or names of people"))?;
            ids.push(self.resolve_user(&user).await?);
        }
        self.open_direct(caller, ids).await
    }

    fn too_many(&self) -> Refusal {
        let most = self.config.get().limits.direct_people.saturating_sub(1);
        Refusal::field("users", format!("name 1 to {most} others"))
    }

    /// Opens the direct conversation of these people and the caller: the one there is, or a new one.
    pub async fn open_direct(
        &self,
        caller: &Caller,
        users: Vec<UserId>,
    ) -> Result<Opened, Refusal> {
        let mut people = users;
        people.push(caller.user);
        people.sort_unstable();
        people.dedup();
        let most = self.config.get().limits.direct_people;
        if !(2..=most).contains(&people.len()) {
            return Err(self.too_many());
        }
        let now = self.clock.now();
        let me = self.user(caller.user).await?;
        me.with(|p| rights::may(&p.who(caller.scopes, now), Permission::DmOpen))?;
        let (id, known) = self.find_direct(&people).await?;
        let new = known.is_none().then_some(LogId::Room(id));
        if known.is_some_and(|room| room.facts().members.contains_key(&caller.user)) {
            let room = self.room(caller, id).await?;
            return Ok(Opened { room, made: false });
        }
        me.with(|p| rights::may_open_direct(&p.who(caller.scopes, now)))?;
        self.limits.check_room(caller.user)?;
        for user in &people {
            self.user(*user).await?;
            // Whoever only comes back brings nobody else in.
            if new.is_some() || *user == caller.user {
                self.check_room_count(*user).await?;
            }
        }
        let mut touches: Vec<LogId> = people.iter().map(|user| (*user).into()).collect();
        touches.extend([id.into(), LogId::Control]);
        let by = Authority::from(caller);
        let me = caller.user;
        let done = self.log.append(&touches, new, move |draft| {
            draft.authorise(&by, rights::may_open_direct)?;
            match draft.room(id) {
                Ok(_) => come_back(draft, id, me),
                Err(_) => make(draft, &by, id, me, &people),
            }
        });
        let done = done.await?;
        let created = |p: &Payload| matches!(p, Payload::Created { .. });
        let made = done.entries.iter().any(|e| created(&e.payload));
        let room = self.room(caller, id).await?;
        Ok(Opened { room, made })
    }

    /// Whose direct conversation a room is; nobody for all other rooms.
    pub async fn people_of(&self, id: RoomId) -> Result<Vec<PersonView>, Refusal> {
        let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        let people = room.facts().room.people.clone();
        let names = self.log.names(people.iter().copied()).await?;
        let view = |user| PersonView {
            user,
            name: names.get(&user).cloned(),
        };
        Ok(people.into_iter().map(view).collect())
    }

    /// Says who is in direct conversations.
    pub(super) async fn name_people(&self, rooms: &mut [RoomView]) -> Result<(), Refusal> {
        let people = rooms.iter().flat_map(|view| &view.room.people).copied();
        let names = self.log.names(people).await?;
        for view in rooms {
            let people = view.room.people.iter();
            let people = people.map(|user| PersonView {
                user: *user,
                name: names.get(user).cloned(),
            });
            view.people = people.collect();
        }
        Ok(())
    }

    /// The room that these people's conversation is, or would be.
    async fn find_direct(
        &self,
        people: &[UserId],
    ) -> Result<(RoomId, Option<std::sync::Arc<crate::log::LiveRoom>>), Refusal> {
        for life in 0..LIVES {
            let id = direct_id(&self.store.secret(), people, life);
            match self.log.room(id).await? {
                Some(room) if room.facts().room.deleted_at.is_some() => {}
                room => return Ok((id, room)),
            }
        }
        let why = "this conversation was deleted too often";
        Err(Refusal::Conflict(why.into()))
    }
}

/// The id of these people's conversation, as nobody can tell it who does not know the store's secret.
fn direct_id(secret: &[u8; 32], people: &[UserId], life: u32) -> RoomId {
    let life = life.to_string();
    let names: Vec<_> = people.iter().map(ToString::to_string).collect();
    let mut parts = vec!["direct", life.as_str()];
    parts.extend(names.iter().map(String::as_str));
    let mut bytes = request_digest(secret, &parts);
    // A UUID of version 8: made by a rule of one's own.
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    RoomId::from_bytes(bytes)
}

/// Comes into the conversation again that one had left.
fn come_back(draft: &mut Draft<'_>, id: RoomId, me: UserId) -> Result<(), Refusal> {
    let room = draft.open_room(id)?;
    let people = {
        let facts = room.facts();
        if facts.members.contains_key(&me) {
            return Ok(());
        }
        let now = draft.now();
        let person = draft.user(me)?.person();
        rights::not_banned(&person.who(Permissions::ALL, now), &facts)?;
        facts.room.people.clone()
    };
    let came = Came {
        room: id,
        user: me,
        role: RoomRole::Member,
        name: name(),
        people,
    };
    enter(draft, Some(me), came);
    Ok(())
}

fn make(
    draft: &mut Draft<'_>,
    by: &Authority,
    id: RoomId,
    me: UserId,
    people: &[UserId],
) -> Result<(), Refusal> {
    let (at, role) = (draft.now(), RoomRole::Member);
    for user in people {
        let able = draft.user(*user)?;
        let able = able.with(|p| rights::may_act(&p.who(Permissions::ALL, at)));
        able.map_err(|_| Refusal::Conflict("this account cannot be used".into()))?;
    }
    let created = Payload::Created {
        name: name(),
        owner: me,
    };
    let since = draft.entry(id.into(), Some(me), created);
    let detail = json!({"kind": RoomKind::Direct, "people": people});
    let target = Some(id.to_string());
    draft.act("room.create", &by.actor(), target, detail, &[]);
    draft.write(Write::InsertRoom(Room {
        id,
        name: name(),
        kind: RoomKind::Direct,
        title: None,
        topic: None,
        history: History::All,
        rules: RoomRules::default(),
        owner: me,
        people: people.to_vec(),
        created_at: at,
        deleted_at: None,
    }));
    let added = Payload::Added {
        target: id,
        name: name(),
        role,
        people: people.to_vec(),
    };
    draft.entry(me.into(), Some(me), added);
    draft.write(Write::PutMember(Member {
        room: id,
        user: me,
        role,
        since,
        at,
        read: Marker { seq: since, n: 0 },
    }));
    for user in people.iter().filter(|user| **user != me) {
        let came = Came {
            room: id,
            user: *user,
            role,
            name: name(),
            people: people.to_vec(),
        };
        enter(draft, Some(me), came);
    }
    Ok(())
}

fn name() -> RoomName {
    // A name like any other.
    RoomName::parse(NAME).unwrap_or_else(|_| unreachable!("{NAME} is a name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;

    #[test]
    fn an_id_is_made_of_the_people() {
        let people: Vec<_> = (0..3).map(|i| UserId::new(Millis(i))).collect();
        let id = |secret: u8, people: &[UserId], life| direct_id(&[secret; 32], people, life);
        assert_eq!(id(1, &people, 0), id(1, &people, 0));
        let others = [
            id(1, &people[..2], 0),
            id(1, &people[1..], 0),
            id(1, &people, 1),
            id(2, &people, 0),
        ];
        assert!(others.iter().all(|other| *other != id(1, &people, 0)));
        let text = id(1, &people, 0).to_string();
        assert_eq!(text.parse::<RoomId>().unwrap(), id(1, &people, 0));
        assert_eq!(text.as_bytes()[14], b'8', "{text}");
        assert_eq!(name().as_str(), NAME);
    }
}
