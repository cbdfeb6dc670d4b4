//! One WebSocket from hello to goodbye. One task: it reads, writes (but for what the hub writes by itself), keeps
//! time, and works on one request that needs the store at a time; sends do not wait, their acknowledgements come from
//! the log.

mod changes;
mod ops;
mod state;
mod sync;
mod time;
mod told;

use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{self, Message, error::ProtocolError};

use self::sync::Pending;
use super::{
    reply::{self, Id},
    request::{self, Hello, PingAs},
    wire::{Reader, Writer},
};
use crate::{
    account::Identity,
    door::{App, Context, PROTOCOL},
    hub::{Close, CloseCode, Connection, Outbox},
    id::{ConnId, LogId, RoomId},
    limit::Bucket,
    model::{Caller, Origin, Refusal, RoomName},
    stats::Count,
    tls::Socket,
};

/// How many sends of one connection may wait for their acknowledgement; beyond it no more is read.
const SENDS_IN_FLIGHT: u32 = 256;
/// How long the answer to a client's close may take to leave.
const GOODBYE: Duration = Duration::from_secs(1);
/// How many names of rooms a connection remembers.
const NAMES: usize = 16;
/// Long enough for any connection, and short enough to count with.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// Work on one request that needs more than memory; what it leads to comes back to the session.
type Work = Pin<Box<dyn Future<Output = Then> + Send>>;

/// What a piece of work leads to.
enum Then {
    Nothing,
    LoggedIn(Box<(Hello, Id, Identity)>),
    Listening(LogId, Option<(RoomName, RoomId)>),
    /// One's own log is listened to; these come next.
    Next(Vec<Pending>),
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

/// One WebSocket.
pub(super) struct Session {
    app: Arc<App>,
    address: IpAddr,
    conn: ConnId,
    token: Option<String>,
    /// What came before the upgrade was done.
    early: Vec<u8>,
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
    ) -> Box<Self> {
        let outbox = app.config.get().ws.outbox.as_u64();
        let outbox = usize::try_from(outbox).unwrap_or(usize::MAX);
        Box::new(Self {
            conn: ConnId::new(app.clock.now()),
            address: context.address,
            token,
            early,
            outbox: Arc::new(Outbox::new(outbox, Arc::clone(&app.stats))),
            known: None,
            listening: HashSet::new(),
            names: Vec::new(),
            pending: VecDeque::new(),
            work: None,
            sends: Arc::default(),
            frames: Bucket::default(),
            subscribes: Bucket::default(),
            heard: Instant::now(),
            pinged: false,
            app,
        })
    }

    /// Runs until either side ends it.
    pub(super) async fn run(mut self: Box<Self>, socket: Socket) {
        let socket = Arc::new(socket);
        let seed = self.conn.as_bytes()[15];
        if matches!(*socket, Socket::Plain(_)) {
            // What is encrypted is written by one task only: what did not fit has to be tried again as it was.
            self.outbox.plug(Arc::clone(&socket) as _, seed);
        }
        let frame = self.app.config.get().ws.frame.as_u64();
        let frame = usize::try_from(frame).unwrap_or(usize::MAX);
        let mut reader = Reader::new(std::mem::take(&mut self.early), frame);
        let mut writer = Writer::new(seed);
        let mut timer = Box::pin(sleep_until(self.heard + self.hello_within()));
        let stopping = self.app.stopping.clone();
        let close = loop {
            self.start_next();
            // Unknown visitors are few and short; known connections are closed through the hub instead.
            let strange = self.known.is_none();
            let reads = self.reads();
            tokio::select! {
                written = writer.flush(&socket, &self.outbox, !reads) => match written {
                    Ok(None) => {}
                    Ok(Some(close)) => break Some(close),
                    Err(_) => break None,
                },
                then = work_of(&mut self.work), if self.work.is_some() => {
                    self.work = None;
                    self.go_on(then);
                    timer.as_mut().reset(self.next_tick());
                }
                message = reader.next(&socket, &self.outbox), if reads => match message {
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
        // Boxed: only who leaves needs the room for it.
        Box::pin(self.leave(close, writer, &socket)).await;
    }

    /// Tells what is still due and says goodbye, as far as the close lets it.
    async fn leave(mut self: Box<Self>, close: Option<Close>, mut writer: Writer, socket: &Socket) {
        writer.take_over(&self.outbox).await;
        if let Some(close) = close.filter(|c| c.finish) {
            let most: Duration = self.app.config.get().server.drain.into();
            let finishing = async {
                if let Some(work) = self.work.take() {
                    let then = work.await;
                    self.go_on(then);
                }
                let sends = Arc::clone(&self.sends);
                let done = || sends.load(Ordering::Acquire) == 0;
                writer.drain(socket, &self.outbox, done).await
            };
            if tokio::time::timeout(most, finishing).await.is_err() {
                tracing::debug!(conn = %self.conn, ?close, "closed before all was answered");
            }
        }
        if close.is_none() {
            // The answer to the client's own close; nobody there any more is fine, too.
            let rest = writer.drain(socket, &self.outbox, || true);
            let _gone = tokio::time::timeout(GOODBYE, rest).await;
        }
        let parted = self.part();
        // What came after the drain, or instead of it, such as a session that was ended meanwhile.
        let close = self.outbox.closing().or(close);
        if let Some(connection) = parted {
            let why = close.map_or("left", |close| close.code.reason());
            self.tell(&connection, "conn.close", Some(why));
        }
        if let Some(close) = close {
            if !close.finish {
                writer.drop_unwritten(socket, &self.outbox);
            }
            if close.code == CloseCode::SlowConsumer {
                self.app.stats.slow_consumers.up();
            }
            let last = reply::closing(close);
            writer.finish(last, socket, &self.outbox).await;
        }
    }

    /// Whether the next frame may be read: no request is being worked on, and there is room for answers.
    fn reads(&self) -> bool {
        self.work.is_none()
            && self.pending.is_empty()
            && self.outbox.has_room()
            && self.sends.load(Ordering::Relaxed) < SENDS_IN_FLIGHT
    }

    fn part(&mut self) -> Option<Arc<Connection>> {
        self.work = None;
        let known = self.known.take()?;
        self.app
            .hub
            .unregister(&known.connection, self.listening.drain());
        self.app.chat.part(&known.connection);
        Some(known.connection)
    }

    fn hear(&mut self, message: Message) {
        self.heard = Instant::now();
        self.pinged = false;
        match message {
            Message::Text(text) => {
                self.app.stats.frames.up();
                if let Some(known) = &self.known {
                    known.connection.received.up();
                }
                let (id, request) = request::parse(&text);
                if let Err(refusal) = self.app.limits.check_frame(&mut self.frames) {
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
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                if self.app.limits.check_frame(&mut self.frames).is_err() {
                    self.app.stats.rate_limited.up();
                    self.outbox.close(Close::now(CloseCode::ProtocolAbuse));
                }
            }
        }
    }

    fn refuse(&self, id: Id, refusal: &Refusal) {
        self.outbox.push(reply::err(id, refusal, None));
    }

    fn log_in(&mut self, hello: &Hello, id: Id, identity: Identity) {
        let app = &self.app;
        let connection = Arc::new(Connection {
            id: self.conn,
            user: identity.user,
            session: identity.session,
            scopes: identity.scopes,
            address: self.address,
            since: app.clock.now(),
            outbox: Arc::clone(&self.outbox),
            received: Count::default(),
            rooms: Count::default(),
            away: AtomicBool::new(false),
        });
        app.hub.register(&connection);
        self.known = Some(Box::new(Known {
            caller: Caller {
                user: identity.user,
                session: identity.session,
                scopes: identity.scopes,
                bot: identity.bot,
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
        if self.app.moderation.check_address(self.address).is_err() {
            return self.outbox.close(Close::now(CloseCode::Banned));
        }
        if self.app.stopping.is_cancelled() {
            return self.outbox.close(Close::now(CloseCode::ShuttingDown));
        }
        if let Some(known) = &self.known {
            self.tell(&known.connection, "conn.open", None);
            self.app.chat.note_presence(known.connection.user);
        }
        let config = self.app.config.get();
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

    /// When an identity runs out. A bot's token may be good for longer than a clock can count.
    fn instant_of(&self, identity: Identity) -> Instant {
        let left = identity.expires_at.since(self.app.clock.now());
        Instant::now() + left.min(FOREVER)
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
            Then::Next(pending) => self.take_up(pending),
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
}

impl Drop for Session {
    /// However it ends: nobody is told anything on a connection that is not there.
    fn drop(&mut self) {
        self.outbox.unplug();
        self.part();
    }
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
        // Gone without a word: the commonest end there is, and no abuse.
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        tungstenite::Error::Capacity(_)
        | tungstenite::Error::Utf8(_)
        | tungstenite::Error::Protocol(_) => Some(Close::now(CloseCode::ProtocolAbuse)),
        _ => None,
    }
}
