//! The first screen in one round trip: one's own log, and then every room one is in, each listened to from the
//! position that its answer tells. What the client has already is not told again.

use std::{collections::HashMap, sync::Arc};

use serde::Serialize;
use serde_json::json;

use super::{Session, Then, ops::too_many_rooms};
use crate::{
    chat::{Chat, Described, Looked, PersonView, Resume, Subscribed},
    door::App,
    hub::Connection,
    id::{Epoch, LogId, RoomId, UserId},
    model::{Permissions, Refusal},
    ws::{
        reply::{self, Id},
        request,
    },
};

/// What is yet to be listened to.
pub(super) enum Pending {
    /// A room, or one's own log, as `subscribe` asks.
    Place {
        id: Id,
        place: request::Place,
        epoch: Option<Epoch>,
    },
    /// One's own log, and then all one's rooms.
    Sync(Id, Box<request::Sync>),
    /// One of them.
    Room {
        id: Id,
        room: RoomId,
        known: Option<request::Known>,
        epoch: Option<Epoch>,
        /// What mentions one there.
        looked: Option<Looked>,
    },
    /// All of them are answered.
    Synced {
        id: Id,
        rooms: usize,
        /// Which they are, for a client that does not know what it is no longer in.
        all: Option<Vec<RoomId>>,
    },
}

/// A room as it stands, as far as its events keep it current.
#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
    kind: crate::model::RoomKind,
    title: Option<&'a str>,
    topic: Option<&'a str>,
    history: crate::model::History,
    rules: crate::model::RoomRules,
    owner: UserId,
    role: crate::model::RoomRole,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    people: &'a [Person],
}

#[derive(Serialize)]
struct Person {
    id: UserId,
    name: Option<String>,
}

impl Session {
    /// Listens to one's own log, finds one's rooms, and lets them come next.
    pub(super) fn sync(&mut self, id: Id, sync: request::Sync) {
        let Some(known) = &self.known else { return };
        let (app, connection) = (Arc::clone(&self.app), Arc::clone(&known.connection));
        self.work = Some(Box::pin(async move {
            match listen_to_me(&app, &connection, id, &sync).await {
                Ok((rooms, mut looked, recovered)) => {
                    let mut known: HashMap<_, _> =
                        sync.rooms.into_iter().map(|k| (k.room, k)).collect();
                    let epoch = sync.epoch;
                    let last = Pending::Synced {
                        id,
                        rooms: rooms.len(),
                        all: (!recovered).then(|| rooms.clone()),
                    };
                    let each = rooms.into_iter().map(|room| Pending::Room {
                        id,
                        room,
                        known: known.remove(&room),
                        epoch,
                        looked: looked.remove(&room),
                    });
                    Then::Next(each.chain([last]).collect())
                }
                Err(refusal) => {
                    connection.outbox.push(reply::err(id, &refusal, None));
                    Then::Nothing
                }
            }
        }));
    }

    /// Listens to one of one's rooms. Of one that one is not in any more by now one's own log tells.
    pub(super) fn sync_room(
        &mut self,
        id: Id,
        room: RoomId,
        known: Option<request::Known>,
        epoch: Option<Epoch>,
        looked: Option<Looked>,
    ) {
        let full = self.is_full();
        let Some(me) = &self.known else { return };
        let (app, connection) = (Arc::clone(&self.app), Arc::clone(&me.connection));
        self.work = Some(Box::pin(async move {
            let listened = async {
                if full {
                    return Err(too_many_rooms(&app));
                }
                listen_to_room(&app, &connection, id, (room, known, epoch), looked).await
            };
            match listened.await {
                Ok(()) => Then::Listening(room.into(), None),
                Err(Refusal::NotFound(_) | Refusal::Forbidden(_) | Refusal::Banned { .. }) => {
                    Then::Nothing
                }
                Err(refusal) => {
                    let room = room.to_string();
                    let told = reply::err(id, &refusal, Some(&room));
                    connection.outbox.push(told);
                    Then::Nothing
                }
            }
        }));
    }

    /// Says that all of it was told.
    pub(super) fn synced(&self, id: Id, rooms: usize, all: Option<Vec<RoomId>>) {
        let mut body = json!({ "synced": rooms });
        if let Some(all) = all {
            body["rooms"] = json!(all);
        }
        self.outbox.push(reply::ok(id, body));
    }
}

/// Begins to listen to one's own log; answers one's rooms as they are then, what mentions one there, and whether nothing
/// was missed.
async fn listen_to_me(
    app: &App,
    connection: &Arc<Connection>,
    id: Id,
    sync: &request::Sync,
) -> Result<(Vec<RoomId>, HashMap<RoomId, Looked>, bool), Refusal> {
    let (chat, log) = (&app.chat, LogId::User(connection.user));
    let user = chat.log.user(connection.user).await?;
    let user = user.ok_or(Refusal::NotFound("user"))?;
    let resume = Resume {
        after: sync.me,
        epoch: sync.epoch,
        describe: false,
    };
    let mut recovered = false;
    let mut answer = |s: Subscribed| {
        recovered = s.recovered;
        // Read while nothing can be told, so that a change comes as an event or is in here.
        let info = user.with(|p| {
            let mine: Permissions = p.permissions.and(connection.scopes);
            json!({
                "id": p.user.id, "name": p.user.name, "display_name": p.user.display_name,
                "role": p.user.role, "permissions": mine,
            })
        });
        let reply = reply::described(id, log, app.store.epoch(), &s, Some(&info));
        connection.outbox.push(reply);
    };
    chat.subscribe(connection, log, resume, None, &mut answer)
        .await?;
    let rooms = chat.room_ids(connection.user).await?;
    let looked = chat.look_up_mentions(connection.user, &rooms).await?;
    Ok((rooms, looked, recovered))
}

async fn listen_to_room(
    app: &App,
    connection: &Arc<Connection>,
    id: Id,
    (room, known, epoch): (RoomId, Option<request::Known>, Option<Epoch>),
    looked: Option<Looked>,
) -> Result<(), Refusal> {
    let (chat, log) = (&app.chat, LogId::Room(room));
    let people: Vec<Person> = people_of(chat, room).await?;
    let resume = Resume {
        after: known.map(|k| k.after),
        epoch,
        describe: true,
    };
    let mut answer = |s: Subscribed| {
        let read = s.read.map(|read| read.seq);
        let nothing = s.recovered && s.events.is_empty() && known.is_some_and(|k| k.read == read);
        if nothing {
            return;
        }
        let info = s.described.as_ref().map(|d| info(d, &people));
        let reply = reply::described(id, log, app.store.epoch(), &s, info.as_ref());
        connection.outbox.push(reply);
    };
    chat.subscribe(connection, log, resume, looked, &mut answer)
        .await
}

async fn people_of(chat: &Chat, room: RoomId) -> Result<Vec<Person>, Refusal> {
    let people = chat.people_of(room).await?.into_iter();
    let person = |p: PersonView| Person {
        id: p.user,
        name: p.name.map(Into::into),
    };
    Ok(people.map(person).collect())
}

fn info<'a>(described: &'a Described, people: &'a [Person]) -> Info<'a> {
    let room = &described.room;
    Info {
        name: room.name.as_str(),
        kind: room.kind,
        title: room.title.as_ref().map(crate::model::Title::as_str),
        topic: room.topic.as_ref().map(crate::model::Topic::as_str),
        history: room.history,
        rules: room.rules,
        owner: room.owner,
        role: described.role,
        people,
    }
}
