//! Promise 1, once: a request repeated under its `txn` is answered again, not done again.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, history, on_both};

on_both!(
    the_same_txn_on_two_connections_at_once_is_one_message,
    another_request_under_a_used_txn_is_refused,
    a_txn_is_its_senders_and_its_rooms_own,
    a_repeat_is_known_by_either_door_and_after_a_restart,
    only_the_sender_reads_a_txn_in_history,
);

async fn ana() -> (Server, User, Room) {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    (server, ana, room)
}

fn send(room: &Room, txn: &str, body: &str) -> Value {
    json!({"op": "send", "room": room.id, "body": body, "txn": txn})
}

async fn the_same_txn_on_two_connections_at_once_is_one_message() {
    let (_server, ana, room) = ana().await;
    let mut ears = ana.listen(&room).await;
    let (mut left, mut right) = (ana.connect().await, ana.connect().await);
    for i in 0..50 {
        let request = send(&room, &format!("t-{i}"), &format!("once {i}"));
        let (a, b) = tokio::join!(left.request(request.clone()), right.request(request));
        let (a, b) = (a.expect("allowed"), b.expect("allowed"));
        let mut dups = [a["dup"].as_bool(), b["dup"].as_bool()];
        dups.sort_unstable();
        assert_eq!(dups, [Some(false), Some(true)], "{a} {b}");
        for field in ["room", "seq", "n", "message", "at"] {
            assert_eq!(a[field], b[field], "{field}");
        }
        assert_eq!(
            ears.expect_message(&format!("once {i}")).await["seq"],
            a["seq"]
        );
    }
    assert_eq!(history(&ana, &room).await.len(), 50);
}

async fn another_request_under_a_used_txn_is_refused() {
    let (_server, ana, room) = ana().await;
    let mut ws = ana.connect().await;
    ws.request(send(&room, "t-1", "first"))
        .await
        .expect("allowed");

    let err = ws
        .request(send(&room, "t-1", "second"))
        .await
        .expect_err("another body");
    assert_eq!(err.code, "txn_reused");
    let mut reply_too = send(&room, "t-1", "first");
    reply_too["reply_to"] = json!(1);
    let err = ws.request(reply_too).await.expect_err("another reply_to");
    assert_eq!(err.code, "txn_reused");
    let second = json!({"body": "second", "txn": "t-1"});
    ana.post(&room.path("/messages"), second)
        .await
        .refused(422, "txn_reused");
    assert_eq!(history(&ana, &room).await.len(), 1);
}

async fn a_txn_is_its_senders_and_its_rooms_own() {
    let (server, ana, room) = ana().await;
    let bob = server.user("bob").await;
    bob.join(&room).await;
    let other = ana.room("other", Kind::Public).await;
    let mut seen = Vec::new();
    for (who, room) in [(&ana, &room), (&bob, &room), (&ana, &other)] {
        let answer = who
            .connect()
            .await
            .request(send(room, "t-1", "hi"))
            .await
            .expect("allowed");
        assert_eq!(answer["dup"], false, "{answer}");
        seen.push(answer["message"].clone());
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

async fn a_repeat_is_known_by_either_door_and_after_a_restart() {
    let (mut server, ana, room) = ana().await;
    let first = ana
        .connect()
        .await
        .request(send(&room, "t-1", "once"))
        .await
        .expect("allowed");
    let letter = json!({"body": "once", "txn": "t-1"});

    let by_rest = ana.post(&room.path("/messages"), letter.clone()).await.ok();
    assert_eq!(
        (&by_rest["seq"], &by_rest["dup"]),
        (&first["seq"], &json!(true))
    );

    server.restart().await;
    let by_rest = ana.post(&room.path("/messages"), letter.clone()).await.ok();
    assert_eq!(
        (&by_rest["seq"], &by_rest["dup"]),
        (&first["seq"], &json!(true))
    );
    server.kill9().await;
    server.boot().await;
    let by_ws = ana
        .connect()
        .await
        .request(send(&room, "t-1", "once"))
        .await
        .expect("allowed");
    for field in ["room", "seq", "n", "message", "at"] {
        assert_eq!(by_ws[field], first[field], "{field}");
    }
    assert_eq!(by_ws["dup"], true);
    let err = ana
        .connect()
        .await
        .request(send(&room, "t-1", "other"))
        .await
        .expect_err("used");
    assert_eq!(err.code, "txn_reused");
    assert_eq!(history(&ana, &room).await.len(), 1);
}

async fn only_the_sender_reads_a_txn_in_history() {
    let (server, ana, room) = ana().await;
    let bob = server.user("bob").await;
    bob.join(&room).await;
    ana.connect()
        .await
        .request(send(&room, "t-1", "hi"))
        .await
        .expect("allowed");
    assert_eq!(history(&ana, &room).await[0]["txn"], "t-1");
    assert!(history(&bob, &room).await[0].get("txn").is_none());
}

#[tokio::test]
async fn many_repeats_at_once_are_all_answered_and_hold_up_nobody() {
    let (_server, ana, room) = ana().await;
    let txns: Vec<String> = (0..60).map(|i| format!("t-{i}")).collect();
    let mut first = ana.connect().await;
    for txn in &txns {
        first
            .request(send(&room, txn, "said once"))
            .await
            .expect("allowed");
    }
    // As after a lost connection: all of it again, without waiting for answers, and others talk meanwhile.
    let (mut again, mut other) = (ana.connect().await, ana.connect().await);
    let mut ids = Vec::new();
    for txn in &txns {
        ids.push(
            again
                .post(send(&room, txn, "said once"))
                .await
                .expect("open"),
        );
        other.send(&room, "meanwhile").await;
    }
    for id in ids {
        let answer = again.answer(id).await.expect("a repeat is answered");
        assert_eq!(answer["dup"], true);
    }
    let said = history(&ana, &room).await;
    let once = said.iter().filter(|m| m["body"] == "said once").count();
    assert_eq!((once, said.len()), (60, 120));
}
