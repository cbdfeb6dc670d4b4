//! Rooms, as operators see them.

use std::collections::HashMap;

use super::Ops;
use crate::{
    id::{RoomId, UserId},
    log::refuse,
    model::{Member, Refusal, RoomName, RoomRef, User, Username},
    store::{RoomRow, Scope},
};

/// How many members are shown with a room.
const PEOPLE: usize = 200;

/// A room with the first of its members.
#[derive(Clone, Debug)]
pub struct RoomPeople {
    /// The room.
    pub row: RoomRow,
    /// Its owner's name, if the account exists.
    pub owner: Option<Username>,
    /// Its members by name.
    pub people: Vec<(Member, User)>,
}

impl Ops {
    /// Rooms by name, with their owners' names.
    pub async fn rooms(
        &self,
        after: Option<(&RoomName, RoomId)>,
        limit: usize,
    ) -> Result<(Vec<RoomRow>, HashMap<UserId, Username>), Refusal> {
        let rows = self.store.list_rooms(Scope::All, after, limit).await;
        let rows = rows.map_err(|e| refuse(&e))?;
        let owners = self.log.names(rows.iter().map(|r| r.room.owner)).await?;
        Ok((rows, owners))
    }

    /// The room that an operator means. A name that several private rooms have has to be an id instead.
    pub async fn resolve_room(&self, room: &RoomRef) -> Result<RoomId, Refusal> {
        Ok(match room {
            RoomRef::Id(id) => *id,
            RoomRef::Name(name) => {
                let all = self.store.all_rooms_named(name).await;
                match all.map_err(|e| refuse(&e))?.as_slice() {
                    [] => return Err(Refusal::NotFound("room")),
                    [one] => *one,
                    several => {
                        let ids: Vec<_> = several.iter().map(ToString::to_string).collect();
                        let what = format!(
                            "several rooms are called {name}; say which by its id: {}",
                            ids.join(", ")
                        );
                        return Err(Refusal::Conflict(what));
                    }
                }
            }
        })
    }

    /// One room.
    pub async fn room(&self, room: &RoomRef) -> Result<RoomPeople, Refusal> {
        let id = self.resolve_room(room).await?;
        let live = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        let row = {
            let facts = live.facts();
            if facts.room.deleted_at.is_some() {
                return Err(Refusal::NotFound("room"));
            }
            RoomRow {
                room: facts.room.clone(),
                member: None,
                members: facts.members.len() as u64,
                head: live.head(),
            }
        };
        let people = self.store.list_members(id, None, PEOPLE).await;
        let people = people.map_err(|e| refuse(&e))?;
        let owner = self
            .log
            .names([row.room.owner])
            .await?
            .remove(&row.room.owner);
        Ok(RoomPeople { row, owner, people })
    }
}
