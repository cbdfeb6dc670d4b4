//! Rooms: making, finding, changing and deleting them.

use serde_json::json;

use super::{Chat, Listed};
use crate::{
    id::{LogId, RoomId},
    log::{LiveRoom, refuse},
    model::{
        Caller, Head, History, Member, Payload, Refusal, Room, RoomKind, RoomName, RoomRole, Title,
        Topic, Txn, entry::Cleared,
    },
    rights::{self, InRoom, Permission},
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

/// What of a room is to be changed; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct RoomChanges {
    /// The name.
    pub name: Option<RoomName>,
    /// The title; `Some(None)` takes it away.
    pub title: Option<Option<Title>>,
    /// The topic; `Some(None)` takes it away.
    pub topic: Option<Option<Topic>>,
    /// How much of the past members may read.
    pub history: Option<History>,
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
}

impl From<RoomRow> for RoomView {
    fn from(row: RoomRow) -> Self {
        let role = row.member.map(|m| m.role);
        Self {
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
        let user = self.user(caller.user).await?;
        user.with(|u| rights::may(u, Permission::RoomCreate))?;
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
        let (actor, me) = (caller.actor(), caller.user);
        let id = RoomId::new(self.clock.now());
        let touches = [me.into(), LogId::Control];
        let done = self.log.append(&touches, Some(id.into()), move |draft| {
            draft
                .user(me)?
                .with(|u| rights::may(u, Permission::RoomCreate))?;
            let at = draft.now();
            let role = RoomRole::Owner;
            let (name, target) = (new.name.clone(), id);
            let created = Payload::Created {
                name: name.clone(),
                owner: me,
            };
            let since = draft.entry(id.into(), Some(me), created);
            let added = Payload::Added { target, name, role };
            draft.entry_once(
                me.into(),
                Some(me),
                new.txn.clone().map(|t| (t, digest)),
                added,
            );
            let detail = json!({"kind": new.kind, "name": new.name});
            draft.act("room.create", &actor, Some(id.to_string()), detail, &[]);
            draft.write(Write::InsertRoom(Room {
                id,
                name: new.name.clone(),
                kind: new.kind,
                title: new.title.clone(),
                topic: new.topic.clone().filter(|t| !t.as_str().is_empty()),
                history: new.history,
                owner: me,
                created_at: at,
                deleted_at: None,
            }));
            draft.write(Write::PutMember(Member {
                room: id,
                user: me,
                role,
                since,
                at,
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
        Ok(view(&room, caller))
    }

    /// Rooms, by name: one's own, or all public ones.
    pub async fn rooms(
        &self,
        scope: Scope,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<RoomView>, Refusal> {
        let after = after.map(parse_cursor).transpose()?;
        let after = after.as_ref().map(|(name, id)| (name, *id));
        let rows = self
            .store
            .list_rooms(scope, after, limit + 1)
            .await
            .map_err(|e| refuse(&e))?;
        let mut items: Vec<RoomView> = rows.into_iter().map(Into::into).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next = last.map(|r| format!("{}:{}", r.room.name, r.room.id));
        Ok(Listed { items, next })
    }

    /// Changes a room's name, title, topic or history rule.
    pub async fn change_room(
        &self,
        caller: &Caller,
        id: RoomId,
        changes: RoomChanges,
    ) -> Result<RoomView, Refusal> {
        self.seen(caller, id).await?;
        let (actor, me) = (caller.actor(), caller.user);
        let touches = [id.into(), me.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            let room = draft.room(id)?;
            let mut after = {
                let (facts, user) = (room.facts(), draft.user(me)?);
                let settings = changes.name.is_some() || changes.history.is_some();
                let what = if settings {
                    InRoom::Configure
                } else {
                    InRoom::Describe
                };
                user.with(|u| rights::may_in_room(u, &facts, what))?;
                facts.room.clone()
            };
            let before = after.clone();
            if let Some(name) = &changes.name {
                after.name.clone_from(name);
            }
            if let Some(title) = &changes.title {
                after.title.clone_from(title);
            }
            if let Some(topic) = &changes.topic {
                after.topic.clone_from(topic);
            }
            after.history = changes.history.unwrap_or(after.history);
            if after == before {
                return Ok(());
            }
            let cleared_title =
                (after.title != before.title).then(|| Cleared::from_option(after.title.as_ref()));
            let cleared_topic =
                (after.topic != before.topic).then(|| Cleared::from_option(after.topic.as_ref()));
            let settings = Payload::Settings {
                name: (after.name != before.name).then(|| after.name.clone()),
                title: cleared_title,
                topic: cleared_topic,
                history: (after.history != before.history).then_some(after.history),
            };
            let detail = json!({
                "before": {"name": before.name, "history": before.history},
                "after": {"name": after.name, "history": after.history},
            });
            draft.entry(id.into(), Some(me), settings);
            draft.act("room.edit", &actor, Some(id.to_string()), detail, &[]);
            draft.write(Write::UpdateRoom(after));
            Ok(())
        });
        done.await?;
        self.room(caller, id).await
    }

    /// Deletes a room: at once for everyone. Its log stays in the store until it is purged.
    pub async fn delete_room(&self, caller: &Caller, id: RoomId) -> Result<(), Refusal> {
        let (room, _) = self.seen(caller, id).await?;
        let (actor, me) = (caller.actor(), caller.user);
        let touches = [id.into(), me.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            let room = draft.room(id)?;
            let mut gone = {
                let (facts, user) = (room.facts(), draft.user(me)?);
                user.with(|u| rights::may_in_room(u, &facts, InRoom::Own))?;
                facts.room.clone()
            };
            gone.deleted_at = Some(draft.now());
            draft.entry(id.into(), Some(me), Payload::Deleted);
            draft.act(
                "room.delete",
                &actor,
                Some(id.to_string()),
                json!({"name": gone.name}),
                &[],
            );
            draft.write(Write::UpdateRoom(gone));
            Ok(())
        });
        done.await?;
        self.empty_deleted(id, &room).await
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
    RoomView {
        role: facts.members.get(&caller.user).map(|m| m.role),
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
