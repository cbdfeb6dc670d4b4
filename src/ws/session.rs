//! One WebSocket from hello to goodbye. One task: it reads, writes, keeps time, and works on one request
//! that needs the store at a time; sends do not wait, their acknowledgements come from the log.

use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    reply::{self, Id},
    request::{self, Hello, PingAs, Place, Request},
    wire::{Reader, Writer},
};
use crate::{
    account::Identity,
    chat::{NewMessage, Resume},
    door::{App, Context},
    hub::{Close, CloseCode, Connection, Frame, Outbox},
    id::{ConnId, Epoch, LogId, RoomId},
    limit::Bucket,
    model::{Caller, Origin, Refusal, RoomName, RoomRef},
};

/// The protocol this server speaks.
const PROTOCOL: u32 = 1;
/// How many sends of one connection may wait for their acknowledgement; beyond it no more is read.
const SENDS_IN_FLIGHT: u32 = 256;
/// How long before it runs out a client is told that its access token does.
const EXPIRY_NOTICE: Duration = Duration::from_mins(1);
/// How many names of rooms a connection remembers.
const NAMES: usize = 16;

/// Work on one request that needs more than memory; what it leads to comes back to the session.
type Work = Pin<Box<dyn Future<Output = Then> + Send>>;

/// What a piece of work leads to.
enum Then {
    Nothing,
    LoggedIn(Box<(Hello, Id, Identity)>),
    Listening(LogId, Option<(RoomName, RoomId)>),
    Deaf(LogId),
    Named(RoomName, RoomId),
    Refreshed(Identity),
    End(Close),
}

/// Who the session speaks for, once it has said hello.
struct Known {
    connection: Arc<Connection>,
    caller: Caller,
    expires: Instant,
    told_expiry: bool,
    ping: PingAs,
}

/// A room that is yet to be listened to.
struct Pending {
    id: Id,
    place: Place,
    epoch: Option<Epoch>,
}

/// One WebSocket.
pub(super) struct Session {
    app: Arc<App>,
    address: IpAddr,
    conn: ConnId,
    token: Option<String>,
    reader: Option<Reader>,
    outbox: Arc<Outbox>,
    known: Option<Box<Known>>,
    listening: HashSet<LogId>,
    names: Vec<(RoomName, RoomId)>,
    pending: VecDeque<Pending>,
    work: Option<Work>,
    sends: Arc<AtomicU32>,
    frames: Bucket,
    subscribes: Bucket,
    heard: Instant,
    pinged: bool,
}

impl Session {
    pub(super) fn new(
        app: Arc<App>,
        context: &Context,
        token: Option<String>,
        early: Vec<u8>,
    ) -> Self {
        let ws = &app.config.ws;
        let size = |b: bytesize::ByteSize| usize::try_from(b.as_u64()).unwrap_or(usize::MAX);
        Self {
            conn: ConnId::new(app.clock.now()),
            address: context.address,
            token,
            reader: Some(Reader::new(early, size(ws.frame))),
            outbox: Arc::new(Outbox::new(size(ws.outbox))),
            known: None,
            listening: HashSet::new(),
            names: Vec::new(),
            pending: VecDeque::new(),
            work: None,
            sends: Arc::default(),
            frames: app.limits.frames(),
            subscribes: app.limits.subscribes(),
            heard: Instant::now(),
            pinged: false,
            app,
        }
    }

    /// Runs until either side ends it.
    pub(super) async fn run(mut self, mut socket: TcpStream) {
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        let mut writer = Writer::new();
        let (mut incoming, outgoing) = socket.split();
        let mut timer = Box::pin(sleep_until(self.heard + self.hello_within()));
        let stopping = self.app.stopping.clone();
        let close = loop {
            self.start_next();
            // Unknown visitors are few and short; known connections are closed through the hub instead.
            let strange = self.known.is_none();
            let reads = self.reads();
            tokio::select! {
                written = writer.flush(&outgoing, &self.outbox) => match written {
                    Ok(None) => {}
                    Ok(Some(close)) => break Some(close),
                    Err(_) => break None,
                },
                then = work_of(&mut self.work), if self.work.is_some() => {
                    self.work = None;
                    self.go_on(then);
                    timer.as_mut().reset(self.next_tick());
                }
                message = reader.next(&mut incoming, &self.outbox), if reads => match message {
                    Ok(message) => self.hear(message),
                    Err(e) => match failure(&e) {
                        Some(close) => self.outbox.close(close),
                        None => break None,
                    },
                },
                () = timer.as_mut() => {
                    self.tick(writer.stuck());
                    timer.as_mut().reset(self.next_tick());
                }
                () = stopping.cancelled(), if strange => {
                    break Some(Close::now(CloseCode::ShuttingDown));
                }
            }
        };
        if let Some(close) = close.filter(|c| c.code.lets_finish()) {
            let finishing = async {
                if let Some(work) = self.work.take() {
                    work.await;
                }
                let sends = Arc::clone(&self.sends);
                let done = || sends.load(Ordering::Acquire) == 0;
                writer.drain(&outgoing, &self.outbox, done).await
            };
            let most: Duration = self.app.config.server.drain.into();
            if tokio::time::timeout(most, finishing).await.is_err() {
                tracing::debug!(conn = %self.conn, ?close, "closed before all was answered");
            }
        }
        self.part();
        if let Some(close) = close {
            if close.code == CloseCode::SlowConsumer {
                self.app.stats.slow_consumers.up();
            }
            writer
                .finish(
                    reply::closing(close),
                    &mut incoming,
                    &outgoing,
                    &self.outbox,
                )
                .await;
        }
    }

    /// Whether the next frame may be read: no request is being worked on, and there is room for answers.
    fn reads(&self) -> bool {
        self.work.is_none()
            && self.pending.is_empty()
            && self.outbox.has_room()
            && self.sends.load(Ordering::Relaxed) < SENDS_IN_FLIGHT
    }

    fn part(&mut self) {
        self.work = None;
        if let Some(known) = self.known.take() {
            self.app
                .hub
                .unregister(&known.connection, self.listening.drain());
        }
    }

    fn hello_within(&self) -> Duration {
        self.app.config.ws.hello.into()
    }

    fn ping_every(&self) -> Duration {
        self.app.config.ws.ping.into()
    }

    fn next_tick(&self) -> Instant {
        let Some(known) = &self.known else {
            return self.heard + self.hello_within();
        };
        let expiry = if known.told_expiry {
            known.expires
        } else {
            known
                .expires
                .checked_sub(EXPIRY_NOTICE)
                .unwrap_or(known.expires)
        };
        (Instant::now() + self.ping_every()).min(expiry.max(Instant::now()))
    }

    /// Keeps time: hello, pings, the token, a socket that takes nothing.
    fn tick(&mut self, stuck: Duration) {
        let (now, every) = (Instant::now(), self.ping_every());
        let Some(known) = &mut self.known else {
            return self.outbox.close(Close::now(CloseCode::NoPong));
        };
        if now >= known.expires {
            return self.outbox.close(Close::now(CloseCode::TokenExpired));
        }
        if !known.told_expiry && now + EXPIRY_NOTICE >= known.expires {
            known.told_expiry = true;
            self.outbox.push(reply::bare("token_expiring"));
        }
        let silent = now.duration_since(self.heard);
        // Ticks come a little early or late; a tenth of an interval is no silence.
        if silent + every / 10 < every {
            self.pinged = false;
        } else if (self.pinged && silent + every / 10 >= every * 2) || stuck > every * 2 {
            self.outbox.close(Close::now(CloseCode::NoPong));
        } else {
            self.pinged = true;
            self.outbox.push(Frame::ping());
            if known.ping == PingAs::Text {
                self.outbox.push(reply::bare("ping"));
            }
        }
    }

    fn hear(&mut self, message: Message) {
        self.heard = Instant::now();
        self.pinged = false;
        match message {
            Message::Text(text) => {
                self.app.stats.frames.up();
                let (id, request) = request::parse(&text);
                if let Err(refusal) = self.frames.take(1) {
                    self.app.stats.rate_limited.up();
                    return self.refuse(id, &refusal);
                }
                match request {
                    Ok(request) => self.answer(id, request),
                    Err(refusal) => self.refuse(id, &refusal),
                }
                if self.known.is_none() && self.work.is_none() {
                    self.outbox.close(Close::now(CloseCode::ProtocolAbuse));
                }
            }
            Message::Binary(_) => {
                let why = Refusal::field("frame", "only text frames with JSON are understood");
                self.refuse(None, &why);
                self.outbox.close(Close::now(CloseCode::ProtocolAbuse));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }

    fn refuse(&self, id: Id, refusal: &Refusal) {
        self.outbox.push(reply::err(id, refusal, None));
    }

    fn answer(&mut self, id: Id, request: Request) {
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
                if let Err(refusal) = self.subscribes.take(count) {
                    self.app.stats.rate_limited.up();
                    return self.refuse(id, &refusal);
                }
                self.pending
                    .extend(places.into_iter().map(|place| Pending { id, place, epoch }));
            }
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
            Request::Join(room) => self.membership(id, room.room, true),
            Request::Leave(room) => self.membership(id, room.room, false),
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
                    Then::End(Close::now(match refusal {
                        Refusal::TokenExpired => CloseCode::TokenExpired,
                        Refusal::Locked => CloseCode::Banned,
                        Refusal::Unauthorized(_) => CloseCode::BadToken,
                        _ => CloseCode::ShuttingDown,
                    }))
                }
            }
        }));
    }

    fn log_in(&mut self, hello: &Hello, id: Id, identity: Identity) {
        let app = &self.app;
        let connection = Arc::new(Connection {
            id: self.conn,
            user: identity.user,
            session: identity.session,
            address: self.address,
            since: app.clock.now(),
            outbox: Arc::clone(&self.outbox),
        });
        app.hub.register(&connection);
        self.known = Some(Box::new(Known {
            caller: Caller {
                user: identity.user,
                session: identity.session,
                origin: Origin::Ws,
                address: self.address,
                request: Some(self.conn.to_string()),
            },
            connection,
            expires: self.instant_of(identity),
            told_expiry: false,
            ping: hello.ping.unwrap_or_default(),
        }));
        // Looked at again now that it can be found: what ended before, nobody will close it for.
        let user = self.app.log_user(identity);
        let Some(user) = user else {
            return self.outbox.close(Close::now(CloseCode::SessionRevoked));
        };
        if self.app.stopping.is_cancelled() {
            return self.outbox.close(Close::now(CloseCode::ShuttingDown));
        }
        let config = &self.app.config;
        self.outbox.push(reply::ok(
            id,
            serde_json::json!({
                "protocol": PROTOCOL,
                "session": identity.session,
                "conn": self.conn,
                "user": {"id": user.id, "name": user.name, "display_name": user.display_name, "role": user.role},
                "node": &*self.app.node,
                "epoch": self.app.store.epoch(),
                "ping_ms": self.ping_every().as_millis(),
                "expires_at": identity.expires_at,
                "limits": {
                    "frame_bytes": config.ws.frame.as_u64(),
                    "message_bytes": config.limits.message.as_u64(),
                    "subscriptions": config.ws.subscriptions,
                    "rooms_per_subscribe": 200,
                },
            }),
        ));
    }

    fn instant_of(&self, identity: Identity) -> Instant {
        Instant::now() + identity.expires_at.since(self.app.clock.now())
    }

    fn send(&mut self, id: Id, send: request::Send) {
        let Some(known) = &self.known else { return };
        let new = NewMessage {
            body: send.body,
            txn: send.txn,
            reply_to: send.reply_to,
        };
        let (outbox, sends) = (Arc::clone(&self.outbox), Arc::clone(&self.sends));
        sends.fetch_add(1, Ordering::Relaxed);
        let acknowledge = move |sent| {
            outbox.push(reply::sent(id, sent));
            sends.fetch_sub(1, Ordering::Release);
            outbox.wake();
        };
        if let Some(room) = self.named(&send.room) {
            return self.app.chat.send(&known.caller, room, new, acknowledge);
        }
        let (app, caller) = (Arc::clone(&self.app), known.caller.clone());
        let connection = Arc::clone(&known.connection);
        self.work = Some(Box::pin(async move {
            match locate(&app, &connection, &send.room).await {
                Ok((LogId::Room(room), name)) => {
                    app.chat.send(&caller, room, new, acknowledge);
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
    fn start_next(&mut self) {
        let Some(known) = &self.known else { return };
        if self.work.is_some() || !self.outbox.has_room() {
            return;
        }
        let Some(Pending { id, place, epoch }) = self.pending.pop_front() else {
            return;
        };
        let (app, connection) = (Arc::clone(&self.app), Arc::clone(&known.connection));
        let full = self.listening.len() >= app.config.ws.subscriptions;
        let known_name = self.named(&place.room);
        self.work = Some(Box::pin(async move {
            let subscribed = async {
                if full {
                    let most = app.config.ws.subscriptions;
                    let why = format!("a connection listens to {most} rooms at most");
                    return Err(Refusal::Conflict(why));
                }
                let (log, name) = match known_name {
                    Some(id) => (LogId::Room(id), None),
                    None => locate(&app, &connection, &place.room).await?,
                };
                let resume = Resume {
                    after: place.after,
                    epoch,
                };
                let outbox = &connection.outbox;
                let mut answer = |s| outbox.push(reply::subscribed(id, log, app.store.epoch(), &s));
                app.chat
                    .subscribe(&connection, log, resume, &mut answer)
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

    fn go_on(&mut self, then: Then) {
        match then {
            Then::Nothing => {}
            Then::LoggedIn(found) => {
                let (hello, id, identity) = *found;
                self.log_in(&hello, id, identity);
            }
            Then::Listening(log, named) => {
                self.listening.insert(log);
                if let Some((name, room)) = named {
                    self.remember(name, room);
                }
            }
            Then::Deaf(log) => drop(self.listening.remove(&log)),
            Then::Named(name, room) => self.remember(name, room),
            Then::Refreshed(identity) => {
                let expires = self.instant_of(identity);
                if let Some(known) = &mut self.known {
                    known.expires = expires;
                    known.told_expiry = false;
                }
            }
            Then::End(close) => self.outbox.close(close),
        }
    }

    fn remember(&mut self, name: RoomName, room: RoomId) {
        self.names.retain(|(known, _)| *known != name);
        if self.names.len() >= NAMES {
            self.names.remove(0);
        }
        self.names.push((name, room));
    }

    /// The room that is meant, as far as it can be told without asking the store: by id, or by a name that
    /// meant this room before and that it, being one's own, still has.
    fn named(&self, room: &str) -> Option<RoomId> {
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

/// The log that is meant, and the name it was called by.
async fn locate(
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

async fn work_of(work: &mut Option<Work>) -> Then {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// How a failed read ends the connection: with a verdict, or, when there is nobody to tell, without.
fn failure(error: &tungstenite::Error) -> Option<Close> {
    match error {
        tungstenite::Error::Capacity(_)
        | tungstenite::Error::Utf8(_)
        | tungstenite::Error::Protocol(_) => Some(Close::now(CloseCode::ProtocolAbuse)),
        _ => None,
    }
}
