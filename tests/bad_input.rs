//! Sockets that get it wrong, by mistake or on purpose: each is told, nobody else notices.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, Ws, random_id, within};

/// A server on which ana still talks to herself after whatever a test did to it.
struct Unharmed {
    server: Server,
    ana: User,
    room: Room,
    ears: Ws,
}

impl Unharmed {
    async fn start() -> Self {
        let server = Server::start().await;
        let ana = server.user("ana").await;
        let room = ana.room("general", Kind::Public).await;
        let ears = ana.listen(&room).await;
        Self {
            server,
            ana,
            room,
            ears,
        }
    }

    async fn check(mut self) {
        self.ana
            .connect()
            .await
            .send(&self.room, "all is well")
            .await;
        self.ears.expect_message("all is well").await;
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_answered_and_the_connection_stays() {
    let unharmed = Unharmed::start().await;
    let mut ws = unharmed.ana.connect().await;
    for (frame, code) in [
        ("{", "invalid_field"),
        ("", "invalid_field"),
        ("null", "invalid_field"),
        ("[]", "invalid_field"),
        (r#""ping""#, "invalid_field"),
        ("{}", "invalid_field"),
        (r#"{"op":"ping"}"#, "invalid_field"),
        (r#"{"id":-1,"op":"ping"}"#, "invalid_field"),
        (r#"{"id":1.5,"op":"ping"}"#, "invalid_field"),
        (r#"{"id":7}"#, "invalid_field"),
        (r#"{"id":7,"op":7}"#, "invalid_field"),
        (r#"{"id":7,"op":"sned","room":"general"}"#, "unknown_op"),
        (r#"{"id":7,"op":"subscribe"}"#, "invalid_field"),
        (
            r#"{"id":7,"op":"subscribe","room":["general"]}"#,
            "invalid_field",
        ),
        (
            r#"{"id":7,"op":"subscribe","room":"general","after":"1"}"#,
            "invalid_field",
        ),
        (
            r#"{"id":7,"op":"subscribe","room":"general","after":-1}"#,
            "invalid_field",
        ),
        (
            r#"{"id":7,"op":"subscribe","rooms":"general"}"#,
            "invalid_field",
        ),
        (r#"{"id":7,"op":"send","room":"general"}"#, "invalid_field"),
        (
            r#"{"id":7,"op":"send","room":"general","body":""}"#,
            "invalid_field",
        ),
        (
            r#"{"id":7,"op":"send","room":"general","body":" \n "}"#,
            "invalid_field",
        ),
        (
            r#"{"id":7,"op":"send","room":"general","body":"a\u001b[2Jb"}"#,
            "invalid_field",
        ),
        (
            r#"{"id":7,"op":"send","room":"general","body":"hi","txn":""}"#,
            "invalid_field",
        ),
        (
            r#"{"id":7,"op":"send","room":"general","body":"hi","txn":7}"#,
            "invalid_field",
        ),
        (
            r#"{"id":7,"op":"send","room":"general","body":"hi","reply_to":999}"#,
            "",
        ),
        (r#"{"id":7,"op":"hello","token":"again","protocol":1}"#, ""),
    ] {
        assert!(ws.raw(frame).await, "closed before {frame}");
        let reply = ws
            .frame()
            .await
            .unwrap_or_else(|| panic!("closed by {frame}"));
        assert!(reply["err"]["message"].is_string(), "{frame}: {reply}");
        if !code.is_empty() {
            assert_eq!(reply["err"]["code"], code, "{frame}: {reply}");
        }
        let has_id = frame.contains(r#""id":7"#);
        assert_eq!(reply["id"] == 7, has_id, "{frame}: {reply}");
    }
    ws.request(json!({"op": "ping"}))
        .await
        .expect("still there");
    unharmed.check().await;
}

#[tokio::test]
async fn unknown_fields_are_for_later_versions() {
    let unharmed = Unharmed::start().await;
    let mut ws = unharmed.ana.connect_with(json!({"mood": "fine"})).await;
    let send = json!({"op": "send", "room": "general", "body": "hi", "colour": [1, 2]});
    ws.request(send).await.expect("taken");
    let mut ears = unharmed.ears;
    ears.expect_message("hi").await;
}

#[tokio::test]
async fn frames_that_are_too_large_or_binary_end_the_connection() {
    let unharmed = Unharmed::start().await;
    let mut huge = unharmed.ana.connect().await;
    // The server may be gone before all of it is written.
    huge.raw("x".repeat(1024 * 1024)).await;
    let code = huge.closed().await.code;
    assert!(matches!(code, None | Some(4509 | 1009)), "{code:?}");

    let mut binary = unharmed.ana.connect().await;
    binary
        .raw_binary(b"{\"id\":1,\"op\":\"ping\"}".to_vec())
        .await;
    assert_eq!(binary.closed().await.code, Some(4509));
    unharmed.check().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_the_connection_stays() {
    let server = Server::builder()
        .set("limits.message", "1 KiB")
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ws = ana.listen(&room).await;
    let send = |body: String| json!({"op": "send", "room": room.id, "body": body});
    ws.request(send("x".repeat(1024))).await.expect("just fits");
    assert_eq!(
        ws.request(send("x".repeat(1025)))
            .await
            .expect_err("one more")
            .code,
        "too_large"
    );
    let letter = json!({"body": "x".repeat(1025)});
    ana.post(&room.path("/messages"), letter)
        .await
        .refused(413, "too_large");
    ws.send(&room, "short").await;
}

#[tokio::test]
async fn the_first_frame_is_hello() {
    let unharmed = Unharmed::start().await;
    for first in [
        json!({"id": 1, "op": "ping"}).to_string(),
        "{".into(),
        "hello".into(),
    ] {
        let mut ws = unharmed.server.open().await;
        ws.raw(first.clone()).await;
        let reply = ws.frame().await.expect("an answer");
        assert!(reply["err"]["code"].is_string(), "{first}: {reply}");
        assert_eq!(ws.closed().await.code, Some(4509), "{first}");
    }
    unharmed.check().await;
}

#[tokio::test]
async fn subscribing_ten_thousand_times_is_subscribing_once() {
    let unharmed = Unharmed::start().await;
    let mut ws = unharmed.ana.connect().await;
    for _ in 0..100 {
        let mut ids = Vec::new();
        for i in 0..100 {
            let room = if i % 2 == 0 {
                unharmed.room.id.clone()
            } else {
                random_id()
            };
            ids.push(
                ws.post(json!({"op": "subscribe", "room": room}))
                    .await
                    .expect("open"),
            );
        }
        for (i, id) in ids.into_iter().enumerate() {
            match ws.answer(id).await {
                Ok(_) => assert!(i % 2 == 0, "a room that is none"),
                Err(err) => assert_eq!((err.code.as_str(), i % 2), ("not_found", 1)),
            }
        }
    }
    unharmed.ana.send(&unharmed.room, "how often?").await;
    ws.expect_message("how often?").await;
    let mut unharmed = unharmed;
    unharmed.ears.expect_message("how often?").await;
    assert_eq!(
        ws.events_so_far().await,
        Vec::<Value>::new(),
        "more than once"
    );
    unharmed.check().await;
}

#[tokio::test]
async fn a_list_of_rooms_has_an_end() {
    let unharmed = Unharmed::start().await;
    let mut ws = unharmed.ana.connect().await;
    let rooms: Vec<_> = (0..201).map(|_| json!({"room": "general"})).collect();
    let err = within(
        "an answer",
        ws.request(json!({"op": "subscribe", "rooms": rooms})),
    )
    .await
    .expect_err("more than 200");
    assert_eq!(err.code, "invalid_field", "{err:?}");
    unharmed.check().await;
}
