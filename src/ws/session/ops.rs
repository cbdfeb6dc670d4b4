//! What a session does about each request. What can be answered from memory is answered here and now; the
//! rest becomes the session's one piece of [`Work`].

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use super::{Pending, Session, Then};
use crate::{
    account::Identity,
    chat::{NewMessage, Resume},
    door::{App, PROTOCOL},
    hub::{Close, CloseCode, Connection},
    id::{Epoch, LogId, RoomId},
    model::{Refusal, RoomName, RoomRef},
    ws::{
        reply::{self, Id},
        request::{self, Hello, Request},
    },
};

impl Session {
    pub(super) fn answer(&mut self, id: Id, request: Request) {
        let Some(known) = &self.known else {
            return match request {
                Request::Hello(hello) => self.hello(id, hello),
                _ => self.refuse(
                    id,
                    &Refusal::Unauthorized("say hello first, with a token".into()),
                ),
            };
        };
        match request {
            Request::Hello(_) => {
                self.refuse(
                    id,
                    &Refusal::Conflict("this connection has said hello".into()),
                );
            }
            Request::Subscribe(places, epoch) => {
                let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
                if let Err(refusal) = self.app.limits.check_subscribe(&mut self.subscribes, count) {
                    self.app.stats.rate_limited.up();
                    return self.refuse(id, &refusal);
                }
                let pending = |place| Pending::Place { id, place, epoch };
                self.pending.extend(places.into_iter().map(pending));
            }
            Request::Sync(sync) => self.pending.push_back(Pending::Sync(id, Box::new(sync))),
            Request::Unsubscribe(room) => {
                let (app, connection) = (Arc::clone(&self.app), Arc::clone(&known.connection));
                let known_name = self.named(&room.room);
                self.work = Some(Box::pin(async move {
                    let log = match known_name {
                        Some(id) => Ok(LogId::Room(id)),
                        None => locate(&app, &connection, &room.room)
                            .await
                            .map(|(log, _)| log),
                    };
                    match log {
                        Ok(log) => {
                            app.hub.detach(log, &connection);
                            connection.outbox.push(reply::ok(id, serde_json::json!({})));
                            Then::Deaf(log)
                        }
                        Err(refusal) => {
                            connection.outbox.push(reply::err(id, &refusal, None));
                            Then::Nothing
                        }
                    }
                }));
            }
            Request::Send(send) => self.send(id, send),
            Request::Edit(edit) => self.edit(id, edit),
            Request::Delete(delete) => self.delete(id, delete),
            Request::React(react) => self.react(id, react),
            Request::Pin(pin) => self.pin(id, pin),
            Request::Dm(dm) => self.open_direct(id, dm),
            Request::Join(room) => self.membership(id, room.room, true),
            Request::Leave(room) => self.membership(id, room.room, false),
            Request::Read(read) => self.read(id, read),
            Request::Typing(typing) => self.typing(id, typing),
            Request::Presence(presence) => self.presence(id, presence),
            Request::Refresh(refresh) => self.refresh(id, refresh.token),
            Request::Ping => self.outbox.push(reply::ok(id, serde_json::json!({}))),
        }
    }

    fn hello(&mut self, id: Id, hello: Hello) {
        if hello.protocol.is_some_and(|p| p != PROTOCOL) {
            let why = format!("this server speaks protocol {PROTOCOL}");
            return self.refuse(id, &Refusal::field("protocol", why));
        }
        let (app, outbox) = (Arc::clone(&self.app), Arc::clone(&self.outbox));
        let token = hello.token.clone().or_else(|| self.token.take());
        self.work = Some(Box::pin(async move {
            let found = match &token {
                Some(token) => app.account.authenticate(token).await,
                None => Err(Refusal::Unauthorized("hello needs an access token".into())),
            };
            match found {
                Ok(identity) => Then::LoggedIn(Box::new((hello, id, identity))),
                Err(refusal) => {
                    outbox.push(reply::err(id, &refusal, None));
                    Then::End(Close::refused(match refusal {
                        Refusal::TokenExpired => CloseCode::TokenExpired,
                        Refusal::Locked | Refusal::Banned { .. } => CloseCode::Banned,
                        Refusal::SessionEnded => CloseCode::SessionRevoked,
                        Refusal::Unauthorized(_) => CloseCode::BadToken,
                        _ => CloseCode::ShuttingDown,
                    }))
                }
            }
        }));
    }

    fn send(&mut self, id: Id, send: request::Send) {
        let Some(known) = &self.known else { return };
        let new = NewMessage {
            body: send.body,
            txn: send.txn,
            reply_to: send.reply_to,
            files: send.files,
        };
        let (outbox, sends) = (Arc::clone(&self.outbox), Arc::clone(&self.sends));
        sends.fetch_add(1, Ordering::Relaxed);
        let acknowledge = move |sent| {
            outbox.push(reply::sent(id, sent));
            sends.fetch_sub(1, Ordering::Release);
            outbox.wake();
        };
        let known_room = self.named(&send.room);
        let new = match (known_room, new.plain()) {
            (Some(room), Ok(new)) => {
                return self.app.chat.send(&known.caller, room, new, acknowledge);
            }
            (_, Ok(ready)) => Ok(ready),
            (_, Err(new)) => Err(new),
        };
        let (app, caller) = (Arc::clone(&self.app), known.caller.clone());
        let connection = Arc::clone(&known.connection);
        self.work = Some(Box::pin(async move {
            let place = match known_room {
                Some(room) => Ok((room.into(), None)),
                None => locate(&app, &connection, &send.room).await,
            };
            match place {
                Ok((LogId::Room(room), name)) => {
                    let ready = match new {
                        Ok(ready) => Ok(ready),
                        Err(new) => app.chat.ready(&caller, room, new).await,
                    };
                    match ready {
                        Ok(new) => app.chat.send(&caller, room, new, acknowledge),
                        Err(refusal) => acknowledge(Err(refusal)),
                    }
                    name.map_or(Then::Nothing, |name| Then::Named(name, room))
                }
                Ok(_) => {
                    acknowledge(Err(Refusal::Forbidden("nothing can be sent to @me".into())));
                    Then::Nothing
                }
                Err(refusal) => {
                    acknowledge(Err(refusal));
                    Then::Nothing
                }
            }
        }));
    }

    fn membership(&mut self, id: Id, room: String, join: bool) {
        let Some(known) = &self.known else { return };
        let (app, caller) = (Arc::clone(&self.app), known.caller.clone());
        let connection = Arc::clone(&known.connection);
        self.work = Some(Box::pin(async move {
            let done = async {
                let (log, _) = locate(&app, &connection, &room).await?;
                let LogId::Room(room) = log else {
                    return Err(Refusal::NotFound("room"));
                };
                if join {
                    let view = app.chat.join(&caller, room).await?;
                    let role = view.role;
                    Ok(serde_json::json!({
                        "room": room, "role": role, "head": view.head.seq, "n": view.head.n,
                    }))
                } else {
                    app.chat.leave(&caller, room).await?;
                    Ok(serde_json::json!({ "room": room }))
                }
            };
            connection.outbox.push(match done.await {
                Ok(body) => reply::ok(id, body),
                Err(refusal) => reply::err(id, &refusal, None),
            });
            Then::Nothing
        }));
    }

    fn refresh(&mut self, id: Id, token: String) {
        let Some(known) = &self.known else { return };
        let (app, connection) = (Arc::clone(&self.app), Arc::clone(&known.connection));
        self.work = Some(Box::pin(async move {
            let same = |i: &Identity| i.user == connection.user && i.session == connection.session;
            let found = app.account.authenticate(&token).await.and_then(|identity| {
                let other = || Refusal::Forbidden("this token is of another session".into());
                if same(&identity) {
                    Ok(identity)
                } else {
                    Err(other())
                }
            });
            match found {
                Ok(identity) => {
                    let body = serde_json::json!({ "expires_at": identity.expires_at });
                    connection.outbox.push(reply::ok(id, body));
                    Then::Refreshed(identity)
                }
                Err(refusal) => {
                    connection.outbox.push(reply::err(id, &refusal, None));
                    Then::Nothing
                }
            }
        }));
    }

    /// Takes up the next room to listen to, once there is room for what was missed in it.
    pub(super) fn start_next(&mut self) {
        while self.known.is_some()
            && self.work.is_none()
            && self.outbox.has_room()
            && let Some(pending) = self.pending.pop_front()
        {
            if self.pending.is_empty() {
                // An idle connection keeps no buffer.
                self.pending = VecDeque::new();
            }
            match pending {
                Pending::Place { id, place, epoch } => self.listen(id, place, epoch),
                Pending::Sync(id, sync) => self.sync(id, *sync),
                Pending::Room {
                    id,
                    room,
                    known,
                    epoch,
                    looked,
                } => self.sync_room(id, room, known, epoch, looked),
                Pending::Synced { id, rooms, all } => self.synced(id, rooms, all),
            }
        }
    }

    /// Lets all of a sync come next, if that is not too much at once.
    pub(super) fn take_up(&mut self, pending: Vec<Pending>) {
        let me = self.known.as_ref().map(|k| LogId::User(k.connection.user));
        self.listening.extend(me);
        let count = u32::try_from(pending.len()).unwrap_or(u32::MAX);
        let limits = &self.app.limits;
        let taken = limits.check_subscribe(&mut self.subscribes, count);
        if let (Err(refusal), Some(Pending::Synced { id, .. })) = (taken, pending.last()) {
            self.app.stats.rate_limited.up();
            return self.refuse(*id, &refusal);
        }
        for pending in pending.into_iter().rev() {
            self.pending.push_front(pending);
        }
    }

    /// Whether it listens to as many rooms as a connection may.
    pub(super) fn is_full(&mut self) -> bool {
        let Some(known) = &self.known else {
            return false;
        };
        let most = self.app.config.get().ws.subscriptions;
        if self.listening.len() >= most {
            // Rooms one was taken out of meanwhile do not count.
            let (hub, connection) = (&self.app.hub, &known.connection);
            self.listening.retain(|log| hub.listens(*log, connection));
        }
        self.listening.len() >= most
    }

    fn listen(&mut self, id: Id, place: request::Place, epoch: Option<Epoch>) {
        let full = self.is_full();
        let Some(known) = &self.known else { return };
        let (app, connection) = (Arc::clone(&self.app), Arc::clone(&known.connection));
        let known_name = self.named(&place.room);
        self.work = Some(Box::pin(async move {
            let subscribed = async {
                if full {
                    return Err(too_many_rooms(&app));
                }
                let (log, name) = match known_name {
                    Some(id) => (LogId::Room(id), None),
                    None => locate(&app, &connection, &place.room).await?,
                };
                let resume = Resume {
                    after: place.after,
                    epoch,
                    describe: false,
                };
                let outbox = &connection.outbox;
                let mut answer = |s| outbox.push(reply::subscribed(id, log, app.store.epoch(), &s));
                app.chat
                    .subscribe(&connection, log, resume, None, &mut answer)
                    .await?;
                Ok((log, name))
            };
            match subscribed.await {
                Ok((log, name)) => {
                    let named = match (name, log) {
                        (Some(name), LogId::Room(room)) => Some((name, room)),
                        _ => None,
                    };
                    Then::Listening(log, named)
                }
                Err(refusal) => {
                    connection
                        .outbox
                        .push(reply::err(id, &refusal, Some(&place.room)));
                    Then::Nothing
                }
            }
        }));
    }

    /// The room that is meant, as far as it can be told without asking the store: by id, or by a name that
    /// meant this room before and that it, being one's own, still has.
    pub(super) fn named(&self, room: &str) -> Option<RoomId> {
        if let Ok(id) = room.parse() {
            return Some(id);
        }
        let user = self.known.as_ref()?.connection.user;
        let (name, id) = self.names.iter().find(|(name, _)| name.as_str() == room)?;
        let live = self.app.chat.log.room_in_memory(*id)?;
        let facts = live.facts();
        let same = facts.room.name == *name && facts.room.deleted_at.is_none();
        (same && facts.members.contains_key(&user)).then_some(*id)
    }
}

pub(super) fn too_many_rooms(app: &App) -> Refusal {
    let most = app.config.get().ws.subscriptions;
    Refusal::Conflict(format!("a connection listens to {most} rooms at most"))
}

/// The log that is meant, and the name it was called by.
pub(super) async fn locate(
    app: &App,
    connection: &Connection,
    room: &str,
) -> Result<(LogId, Option<RoomName>), Refusal> {
    if room == "@me" {
        return Ok((connection.user.into(), None));
    }
    let room = RoomRef::parse(room)?;
    let id = app.chat.resolve_room(connection.user, &room).await?;
    let name = match room {
        RoomRef::Name(name) => Some(name),
        RoomRef::Id(_) => None,
    };
    Ok((id.into(), name))
}
