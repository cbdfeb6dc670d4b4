//! The WebSocket door.

use std::{collections::VecDeque, net::SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpSocket,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderName},
};

use super::{Room, Subscribed, within};

/// Why a request was refused.
#[derive(Clone, Debug)]
pub(crate) struct WireError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) retry_after_ms: Option<u64>,
}

/// How a connection ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// The close code; none when the connection just broke.
    pub(crate) code: Option<u16>,
    /// The `closing` event before it.
    pub(crate) closing: Option<Value>,
}

/// What a socket goes over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

pub(crate) struct Ws {
    stream: WebSocketStream<Box<dyn Io>>,
    last_id: u64,
    /// Events met while waiting for a reply, and replies met while waiting for an event.
    events: VecDeque<Value>,
    replies: VecDeque<Value>,
    /// What `hello` was answered.
    pub(crate) hello: Value,
    /// How many protocol pings came.
    pub(crate) pings: u32,
    closing: Option<Value>,
    end: Option<End>,
}

impl Ws {
    /// The upgrade alone; refused with a status.
    pub(crate) async fn open(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let socket = TcpSocket::new_v4().expect("a socket");
        Self::open_on(socket, address, headers).await
    }

    /// The upgrade on a socket of the caller's.
    pub(crate) async fn open_on(
        socket: TcpSocket,
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let tcp = within("a TCP connection", socket.connect(address))
            .await
            .expect("it listens");
        tcp.set_nodelay(true).expect("a TCP socket");
        Self::upgrade(tcp, &address.to_string(), headers).await
    }

    /// The upgrade on a connection of the caller's.
    pub(crate) async fn open_over(io: impl Io + 'static) -> Result<Self, u16> {
        Self::upgrade(io, "localhost", &[]).await
    }

    async fn upgrade(
        io: impl Io + 'static,
        host: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let mut request = format!("ws://{host}/v1/ws")
            .into_client_request()
            .expect("a request");
        for &(name, value) in headers {
            let value = value.parse().expect("a header");
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        let io: Box<dyn Io> = Box::new(io);
        let stream = match within("the upgrade", client_async(request, io)).await {
            Ok((stream, _)) => stream,
            Err(tungstenite::Error::Http(reply)) => return Err(reply.status().as_u16()),
            Err(err) => panic!("the upgrade broke: {err}"),
        };
        Ok(Self {
            stream,
            last_id: 0,
            events: VecDeque::new(),
            replies: VecDeque::new(),
            hello: Value::Null,
            pings: 0,
            closing: None,
            end: None,
        })
    }

    /// Says hello; it is welcome.
    pub(crate) async fn hello(&mut self, fields: Value) {
        let mut hello = json!({"op": "hello", "protocol": 1});
        for (key, value) in fields.as_object().expect("an object") {
            hello[key] = value.clone();
        }
        self.hello = self.request(hello).await.expect("hello is welcome");
    }

    /// The store's epoch, as hello told.
    pub(crate) fn epoch(&self) -> String {
        self.hello["epoch"].as_str().expect("an epoch").to_owned()
    }

    /// Writes one text frame; false when the connection is gone.
    pub(crate) async fn raw(&mut self, text: impl Into<String>) -> bool {
        let frame = Message::text(text.into());
        within("a frame to be written", self.stream.send(frame))
            .await
            .is_ok()
    }

    /// Writes one binary frame; false when the connection is gone.
    pub(crate) async fn raw_binary(&mut self, bytes: Vec<u8>) -> bool {
        let frame = Message::binary(bytes);
        within("a frame to be written", self.stream.send(frame))
            .await
            .is_ok()
    }

    /// Writes a request without waiting for its answer: its id, or none when the connection is gone.
    pub(crate) async fn post(&mut self, mut request: Value) -> Option<u64> {
        self.last_id += 1;
        let id = self.last_id;
        request["id"] = json!(id);
        self.raw(request.to_string()).await.then_some(id)
    }

    /// Asks and waits for the answer; events met on the way are kept for later.
    pub(crate) async fn request(&mut self, request: Value) -> Result<Value, WireError> {
        let id = self.post(request).await.expect("the connection is open");
        self.answer(id).await
    }

    /// The (next) answer to the request with this id.
    pub(crate) async fn answer(&mut self, id: u64) -> Result<Value, WireError> {
        let reply = match self.replies.iter().position(|r| r["id"] == id) {
            Some(at) => self.replies.remove(at).expect("just found"),
            None => loop {
                let Some(frame) = self.frame().await else {
                    panic!("closed before request {id} was answered: {:?}", self.end);
                };
                if frame["id"] == id {
                    break frame;
                }
                self.keep(frame);
            },
        };
        outcome(&reply)
    }

    /// The next event.
    pub(crate) async fn next_event(&mut self) -> Value {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        loop {
            match self.frame().await {
                Some(frame) if frame["ev"].is_string() => return frame,
                Some(frame) => self.keep(frame),
                None => panic!("closed while waiting for an event: {:?}", self.end),
            }
        }
    }

    /// The next event of this kind; others are passed over.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next_event().await;
            if event["ev"] == kind {
                return event;
            }
        }
    }

    /// The next message has this text.
    #[track_caller]
    pub(crate) fn expect_message(&mut self, body: &str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let event = self.next_of("message").await;
            assert_eq!(event["body"], body, "{caller}: {event:#}");
            event
        }
    }

    /// Every event that the server had for this connection up to now.
    pub(crate) async fn events_so_far(&mut self) -> Vec<Value> {
        // The answer to a ping is queued behind them.
        self.request(json!({"op": "ping"}))
            .await
            .expect("ping is answered");
        self.events.drain(..).collect()
    }

    /// The next text frame, reply or event, as it came; none at the end.
    pub(crate) async fn frame(&mut self) -> Option<Value> {
        let code = match within("a frame", self.text_or_end()).await {
            Ok(frame) => return Some(frame),
            Err(code) => code,
        };
        if self.end.is_none() {
            self.end = Some(End {
                code,
                closing: self.closing.take(),
            });
        }
        None
    }

    /// The next text frame; an error is the close code, if the end has one. Pings do not count as an answer.
    async fn text_or_end(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                    if frame["ev"] == "closing" {
                        self.closing = Some(frame.clone());
                    }
                    return Ok(frame);
                }
                Some(Ok(Message::Ping(_))) => self.pings += 1,
                Some(Ok(Message::Close(close))) => return Err(close.map(|c| u16::from(c.code))),
                Some(Ok(other)) => panic!("the server sends text only, not {other:?}"),
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Reads frames until so many protocol pings came in all; each is answered.
    pub(crate) async fn expect_pings(&mut self, count: u32) {
        let pinged = async {
            while self.pings < count {
                match self.stream.next().await {
                    Some(Ok(Message::Ping(_))) => self.pings += 1,
                    Some(Ok(Message::Text(_))) => {}
                    other => panic!("{other:?} instead of a ping"),
                }
            }
        };
        within("pings", pinged).await;
    }

    /// Reads to the end: how it ended.
    pub(crate) async fn closed(&mut self) -> End {
        while self.end.is_none() {
            self.frame().await;
        }
        self.end.clone().expect("just seen")
    }

    /// The connection breaks, without a word.
    pub(crate) fn drop_tcp(self) {
        drop(self);
    }

    /// Listens to a room; `after` continues where an earlier connection stopped.
    pub(crate) async fn subscribe(&mut self, room: &Room, after: Option<u64>) -> Subscribed {
        let mut request = json!({"op": "subscribe", "room": room.id});
        if let Some(after) = after {
            request["after"] = json!(after);
            request["epoch"] = json!(self.epoch());
        }
        let answer = self.request(request).await.expect("subscribing is allowed");
        Subscribed::complete(self, answer).await
    }

    /// Says something: the acknowledgement.
    pub(crate) async fn send(&mut self, room: &Room, body: &str) -> Value {
        let request = json!({"op": "send", "room": room.id, "body": body});
        self.request(request).await.expect("sending is allowed")
    }

    /// Says many things, `window` at a time on their way: the acknowledgements, in order.
    pub(crate) async fn send_all(
        &mut self,
        room: &Room,
        bodies: impl IntoIterator<Item = String>,
        window: usize,
    ) -> Vec<Result<Value, WireError>> {
        let (mut answers, mut waiting) = (Vec::new(), VecDeque::new());
        for body in bodies {
            if waiting.len() == window {
                answers.push(self.answer(waiting.pop_front().expect("not empty")).await);
            }
            let request = json!({"op": "send", "room": room.id, "body": body});
            waiting.push_back(self.post(request).await.expect("the connection is open"));
        }
        for id in waiting {
            answers.push(self.answer(id).await);
        }
        answers
    }

    /// The same, and every one of them is acknowledged.
    pub(crate) async fn say_all(
        &mut self,
        room: &Room,
        bodies: impl IntoIterator<Item = String>,
        window: usize,
    ) -> Vec<Value> {
        let answers = self.send_all(room, bodies, window).await;
        let acknowledged = answers.into_iter().collect::<Result<_, _>>();
        acknowledged.expect("every message is acknowledged")
    }

    fn keep(&mut self, frame: Value) {
        if frame["ev"].is_string() {
            self.events.push_back(frame);
        } else {
            self.replies.push_back(frame);
        }
    }
}

/// What a reply says.
#[track_caller]
pub(crate) fn outcome(reply: &Value) -> Result<Value, WireError> {
    if let Some(ok) = reply.get("ok") {
        return Ok(ok.clone());
    }
    let err = &reply["err"];
    Err(WireError {
        code: err["code"]
            .as_str()
            .unwrap_or_else(|| panic!("not a reply: {reply}"))
            .to_owned(),
        message: err["message"]
            .as_str()
            .expect("an error has a message")
            .to_owned(),
        retry_after_ms: err["retry_after_ms"].as_u64(),
    })
}
