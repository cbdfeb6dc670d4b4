//! Rooms: making, finding, changing and deleting them.

mod change;

use std::collections::HashMap;

use serde_json::json;

pub use self::change::{RoomChanges, RuleChanges};
use super::{Chat, Listed, direct::PersonView, unread::unread_from};
use crate::{
    id::{LogId, RoomId, UserId},
    log::{LiveRoom, refuse},
    model::{
        Authority, Caller, Head, History, Marker, Member, MentionsFrom, Payload, Refusal, Room,
        RoomKind, RoomName, RoomRole, RoomRules, Title, Topic, Txn,
    },
    rights::{self, InRoom},
    store::{RoomRow, Scope, Write},
};

/// How many members are taken out of a deleted room in one step, so that others get their turn between.
const SLICE: usize = 200;

/// A room to be made.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Its name.
    pub name: RoomName,
    /// Who can find it.
    pub kind: RoomKind,
    /// A title.
    pub title: Option<Title>,
    /// What it is about.
    pub topic: Option<Topic>,
    /// How much of the past members may read.
    pub history: History,
    /// Makes repeating it safe.
    pub txn: Option<Txn>,
}

/// A room as somebody sees it.
#[derive(Clone, Debug)]
pub struct RoomView {
    /// The record.
    pub room: Room,
    /// The asker's role in it.
    pub role: Option<RoomRole>,
    /// How many are in it.
    pub members: u64,
    /// Where its log stands.
    pub head: Head,
    /// Up to where the asker has read it, if they are in.
    pub read: Option<Marker>,
    /// How many of the messages since mention the asker, if they are in.
    pub unread_mentions: Option<u64>,
    /// Whose direct conversation it is; empty for all other rooms.
    pub people: Vec<PersonView>,
}

impl From<RoomRow> for RoomView {
    fn from(row: RoomRow) -> Self {
        let role = row.member.map(|m| m.role);
        Self {
            read: row.member.map(|m| m.read),
            unread_mentions: row.member.map(|_| 0),
            people: Vec::new(),
            room: row.room,
            role,
            members: row.members,
            head: row.head,
        }
    }
}

impl Chat {
    /// Makes a room, owned by who makes it.
    pub async fn create_room(&self, caller: &Caller, new: NewRoom) -> Result<RoomView, Refusal> {
        if new.kind == RoomKind::Direct {
            let why = "public or private; a direct conversation is opened with POST /v1/dm";
            return Err(Refusal::field("kind", why));
        }
        let (now, scopes) = (self.clock.now(), caller.scopes);
        let user = self.user(caller.user).await?;
        user.with(|p| rights::may_create_room(&p.who(scopes, now)))?;
        self.limits.check_room(caller.user)?;
        self.check_room_count(caller.user).await?;
        if new.kind == RoomKind::Public && new.txn.is_none() {
            // Looked at before it takes a turn: a name that is taken costs the others nothing.
            let taken = self.store.public_room(&new.name).await;
            if taken.map_err(|e| refuse(&e))?.is_some() {
                return Err(Refusal::Conflict("this room name is taken".into()));
            }
        }
        let digest = self.digest(&[
            "create",
            new.name.as_str(),
            new.kind.as_str(),
            new.title.as_ref().map_or("", Title::as_str),
            new.topic.as_ref().map_or("", Topic::as_str),
            new.history.as_str(),
        ]);
        let (by, me) = (Authority::from(caller), caller.user);
        let id = RoomId::new(self.clock.now());
        let touches = [me.into(), LogId::Control];
        let done = self.log.append(&touches, Some(id.into()), move |draft| {
            draft.authorise(&by, rights::may_create_room)?;
            let at = draft.now();
            let role = RoomRole::Owner;
            let (name, target) = (new.name.clone(), id);
            let created = Payload::Created {
                name: name.clone(),
                owner: me,
            };
            let since = draft.entry(id.into(), Some(me), created);
            let added = Payload::Added {
                target,
                name,
                role,
                people: Vec::new(),
            };
            draft.entry_once(
                me.into(),
                Some(me),
                new.txn.clone().map(|t| (t, digest)),
                added,
            );
            let detail = json!({"kind": new.kind, "name": new.name});
            draft.act(
                "room.create",
                &by.actor(),
                Some(id.to_string()),
                detail,
                &[],
            );
            draft.write(Write::InsertRoom(Room {
                id,
                name: new.name.clone(),
                kind: new.kind,
                title: new.title.clone(),
                topic: new.topic.clone().filter(|t| !t.as_str().is_empty()),
                history: new.history,
                rules: RoomRules::default(),
                owner: me,
                people: Vec::new(),
                created_at: at,
                deleted_at: None,
            }));
            draft.write(Write::PutMember(Member {
                room: id,
                user: me,
                role,
                since,
                at,
                read: Marker { seq: since, n: 0 },
            }));
            Ok(())
        });
        let done = done.await?;
        // A repeat made nothing: the room is the one that the first time made.
        let made = done.entries.iter().find_map(|e| match e.payload {
            Payload::Added { target, .. } => Some(target),
            _ => None,
        });
        self.room(caller, made.unwrap_or(id)).await
    }

    /// A room, if the asker may know of it.
    pub async fn room(&self, caller: &Caller, id: RoomId) -> Result<RoomView, Refusal> {
        let (room, _) = self.seen(caller, id).await?;
        let mut view = view(&room, caller);
        let from = {
            let facts = room.facts();
            let member = facts.members.get(&caller.user);
            member.map(|member| unread_from(&facts.room, member))
        };
        let view_of = std::slice::from_mut(&mut view);
        self.add_mentions(caller.user, from, view_of).await?;
        self.name_people(view_of).await?;
        Ok(view)
    }

    /// Says in how many unread messages of these rooms somebody is mentioned.
    async fn add_mentions(
        &self,
        user: UserId,
        from: impl IntoIterator<Item = MentionsFrom>,
        views: &mut [RoomView],
    ) -> Result<(), Refusal> {
        let unread = |view: &RoomView| view.read.is_some_and(|read| read.unread(view.head.n) > 0);
        let heads: HashMap<_, _> = views
            .iter()
            .filter(|view| unread(view))
            .map(|view| (view.room.id, view.head.seq))
            .collect();
        let from = from.into_iter();
        let from: Vec<_> = from
            .filter_map(|from| Some((from, *heads.get(&from.room)?)))
            .collect();
        let counts = self.count_mentions(user, &from).await?;
        for view in views {
            if let Some(count) = counts.get(&view.room.id) {
                view.unread_mentions = Some(*count);
            }
        }
        Ok(())
    }

    /// The rooms that somebody is in.
    pub async fn room_ids(&self, user: UserId) -> Result<Vec<RoomId>, Refusal> {
        self.store.room_ids_of(user).await.map_err(|e| refuse(&e))
    }

    /// Rooms, by name: one's own, or all public ones.
    pub async fn rooms(
        &self,
        scope: Scope,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<RoomView>, Refusal> {
        let asker = match scope {
            Scope::Of(user) | Scope::Public(user) => Some(user),
            Scope::All => None,
        };
        let after = after.map(parse_cursor).transpose()?;
        let after = after.as_ref().map(|(name, id)| (name, *id));
        let rows = self
            .store
            .list_rooms(scope, after, limit + 1)
            .await
            .map_err(|e| refuse(&e))?;
        let place = |row: &RoomRow| row.member.map(|m| unread_from(&row.room, &m));
        let from: Vec<_> = rows.iter().filter_map(place).collect();
        let mut items: Vec<RoomView> = rows.into_iter().map(Into::into).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next = last.map(|r| format!("{}:{}", r.room.name, r.room.id));
        if let Some(user) = asker {
            self.add_mentions(user, from, &mut items).await?;
        }
        self.name_people(&mut items).await?;
        Ok(Listed { items, next })
    }

    /// Deletes a room: at once for everyone. Its log stays in the store until it is purged.
    pub async fn delete_room(
        &self,
        by: &Authority,
        id: RoomId,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let room = self.seen_by(by, id).await?;
        let touches = by.touching(&[id.into()]);
        let (actor, by) = (by.actor(), by.clone());
        let log = &self.log;
        let done = log.append_or_rehearse(dry_run, &touches, None, move |draft| {
            let room = draft.open_room(id)?;
            let mut gone = {
                let facts = room.facts();
                draft.authorise(&by, |who| {
                    rights::may_in_room(who, &facts, InRoom::Own).map(drop)
                })?;
                facts.room.clone()
            };
            gone.deleted_at = Some(draft.now());
            draft.entry(id.into(), by.user(), Payload::Deleted);
            draft.act(
                "room.delete",
                &by.actor(),
                Some(id.to_string()),
                json!({"name": gone.name}),
                &[],
            );
            draft.write(Write::UpdateRoom(gone));
            Ok(())
        });
        done.await?;
        if dry_run {
            return Ok(());
        }
        self.empty_deleted(id, &room).await?;
        self.retire_hooks(id, actor).await
    }

    /// Takes the members out of a deleted room, and tells each in their own log. Nothing depends on its
    /// being finished: a deleted room is out of reach as it is.
    async fn empty_deleted(&self, id: RoomId, room: &LiveRoom) -> Result<(), Refusal> {
        let members: Vec<_> = room.facts().members.keys().copied().collect();
        for slice in members.chunks(SLICE) {
            let slice = slice.to_vec();
            let touches: Vec<LogId> = slice
                .iter()
                .map(|u| LogId::from(*u))
                .chain([id.into()])
                .collect();
            let done = self.log.append(&touches, None, move |draft| {
                // Deleting the room was allowed; this is what follows from it.
                draft.by_itself();
                for user in &slice {
                    let why = "deleted".to_owned();
                    draft.entry((*user).into(), None, Payload::Removed { target: id, why });
                    draft.write(Write::DeleteMember(id, *user));
                }
                Ok(())
            });
            done.await?;
        }
        Ok(())
    }
}

/// A room in memory as the caller sees it.
pub(super) fn view(room: &LiveRoom, caller: &Caller) -> RoomView {
    let facts = room.facts();
    let member = facts.members.get(&caller.user);
    RoomView {
        role: member.map(|m| m.role),
        read: member.map(|m| m.read),
        unread_mentions: member.map(|_| 0),
        people: Vec::new(),
        members: facts.members.len() as u64,
        room: facts.room.clone(),
        head: room.head(),
    }
}

fn parse_cursor(text: &str) -> Result<(RoomName, RoomId), Refusal> {
    let parsed = text
        .split_once(':')
        .and_then(|(name, id)| Some((RoomName::parse(name).ok()?, id.parse().ok()?)));
    parsed.ok_or_else(|| Refusal::field("cursor", "use the `next` of the page before"))
}
