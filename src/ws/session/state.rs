//! What a session does about requests that say where somebody is and what they are at: they are many, and none
//! waits for another.

use std::sync::{Arc, atomic::Ordering};

use serde_json::json;

use super::{Session, Then, ops::locate};
use crate::{
    chat::{Chat, FOLLOWS, NewRead},
    door::App,
    id::{LogId, RoomId, UserId},
    log::LiveRoom,
    model::{Caller, Refusal, UserRef},
    ws::{
        reply::{self, Id},
        request,
    },
};

type Found<'a> = Result<(RoomId, &'a LiveRoom), Refusal>;

impl Session {
    pub(super) fn read(&mut self, id: Id, read: request::Read) {
        let (outbox, sends) = (Arc::clone(&self.outbox), Arc::clone(&self.sends));
        sends.fetch_add(1, Ordering::Relaxed);
        let answer = Box::new(move |done| {
            outbox.push(reply::has_read(id, done));
            sends.fetch_sub(1, Ordering::Release);
            outbox.wake();
        });
        let (seq, back) = (read.seq, read.back);
        self.in_room(read.room, move |chat, caller, found| match found {
            Ok((room, live)) => {
                chat.note_read(caller, live, NewRead { room, seq, back }, answer);
            }
            Err(refusal) => answer(Err(refusal)),
        });
    }

    pub(super) fn typing(&mut self, id: Id, typing: request::Typing) {
        let (outbox, on) = (Arc::clone(&self.outbox), typing.on.unwrap_or(true));
        self.in_room(typing.room, move |chat, caller, found| {
            let done = found.and_then(|(room, live)| chat.note_typing(caller, room, live, on));
            outbox.push(match done {
                Ok(()) => reply::ok(id, json!({})),
                Err(refusal) => reply::err(id, &refusal, None),
            });
        });
    }

    pub(super) fn open_direct(&mut self, id: Id, dm: request::Dm) {
        let Some(known) = &self.known else { return };
        let (app, caller) = (Arc::clone(&self.app), known.caller.clone());
        let outbox = Arc::clone(&self.outbox);
        self.work = Some(Box::pin(async move {
            let opened = app.chat.open_direct_with(&caller, &dm.users).await;
            outbox.push(match opened {
                Ok(opened) => {
                    let room = &opened.room;
                    let (head, n) = (room.head.seq, room.head.n);
                    let room = room.room.id;
                    let made = opened.made;
                    reply::ok(
                        id,
                        json!({"room": room, "made": made, "head": head, "n": n}),
                    )
                }
                Err(refusal) => reply::err(id, &refusal, None),
            });
            Then::Nothing
        }));
    }

    pub(super) fn presence(&mut self, id: Id, presence: request::Presence) {
        let Some(known) = &self.known else { return };
        if let Some(here) = presence.state {
            let away = here == request::Here::Away;
            let connection = &known.connection;
            if connection.away.swap(away, Ordering::Relaxed) != away {
                self.app.chat.note_presence(connection.user);
            }
        }
        let Some(room) = presence.room else {
            if presence.state.is_some() {
                return self.outbox.push(reply::ok(id, json!({})));
            }
            let why = "name the room you share with them, or your own `state`";
            return self.refuse(id, &Refusal::field("room", why));
        };
        let (app, caller) = (Arc::clone(&self.app), known.caller.clone());
        let connection = Arc::clone(&known.connection);
        self.work = Some(Box::pin(async move {
            let followed = async {
                let users = match presence.users {
                    Some(users) => Some(people(&app, &users).await?),
                    None => None,
                };
                let (log, _) = locate(&app, &connection, &room).await?;
                let LogId::Room(room) = log else {
                    return Err(Refusal::NotFound("room"));
                };
                let chat = &app.chat;
                let users = users.as_deref();
                let states = chat.follow(&connection, &caller, room, users).await?;
                let states = states.into_iter();
                let states = states.map(|(user, state)| json!({"user": user, "state": state}));
                let states = states.collect::<Vec<_>>();
                Ok(json!({"room": room, "users": states}))
            };
            connection.outbox.push(match followed.await {
                Ok(done) => reply::ok(id, done),
                Err(refusal) => reply::err(id, &refusal, None),
            });
            Then::Nothing
        }));
    }

    /// Finds a room and acts on it: at once if it is in memory, else when it has been read.
    fn in_room(
        &mut self,
        room: String,
        act: impl FnOnce(&Chat, &Caller, Found<'_>) + Send + 'static,
    ) {
        let Some(known) = &self.known else { return };
        let chat = &self.app.chat;
        if let Some(id) = self.named(&room)
            && let Some(live) = chat.log.room_in_memory(id)
        {
            return act(chat, &known.caller, Ok((id, &live)));
        }
        let (app, caller) = (Arc::clone(&self.app), known.caller.clone());
        let connection = Arc::clone(&known.connection);
        self.work = Some(Box::pin(async move {
            let located = async {
                let (log, name) = locate(&app, &connection, &room).await?;
                let LogId::Room(id) = log else {
                    return Err(Refusal::NotFound("room"));
                };
                let live = app.chat.log.room(id).await?;
                Ok((id, name, live.ok_or(Refusal::NotFound("room"))?))
            };
            match located.await {
                Ok((id, name, live)) => {
                    act(&app.chat, &caller, Ok((id, &live)));
                    name.map_or(Then::Nothing, |name| Then::Named(name, id))
                }
                Err(refusal) => {
                    act(&app.chat, &caller, Err(refusal));
                    Then::Nothing
                }
            }
        }));
    }
}

/// The people who are meant, as far as there are such.
async fn people(app: &App, users: &[String]) -> Result<Vec<UserId>, Refusal> {
    if users.len() > FOLLOWS {
        let why = format!("name {FOLLOWS} people at most");
        return Err(Refusal::field("users", why));
    }
    let refs: Result<Vec<_>, _> = users.iter().map(|user| UserRef::parse(user)).collect();
    let refs = refs.map_err(|_| Refusal::field("users", "ids or names of people"))?;
    app.chat.find_people(&refs).await
}
