//! Answers hang together: a message says how often it was answered, and its thread is read page by page, live and
//! archived, also when it is deleted.

use serde_json::{Value, json};

use crate::support::{Kind, Reply, Room, Server, User, history, on_both, within};

on_both!(
    a_message_counts_its_answers,
    an_answer_needs_a_message,
    threads_of_deleted_messages_stay,
    a_repeat_is_answered_whatever_became_of_the_message,
    answers_keep_their_place_among_messages,
    an_answer_and_a_deletion_at_the_same_time,
    what_lies_before_ones_time_is_not_answered,
    threads_are_read_across_the_archive,
);

/// Ana's room with bob in it, and something she said there.
struct Talk {
    server: Server,
    ana: User,
    bob: User,
    room: Room,
    seq: Value,
}

async fn talk_on(server: Server) -> Talk {
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let seq = ana.send(&room, "who comes?").await["seq"].clone();
    Talk {
        server,
        ana,
        bob,
        room,
        seq,
    }
}

async fn talk() -> Talk {
    talk_on(Server::start().await).await
}

impl Talk {
    async fn answer(&self, user: &User, to: &Value, body: &str) -> Reply {
        let new = json!({"body": body, "reply_to": to});
        user.post(&self.room.path("/messages"), new).await
    }

    fn op(&self, to: &Value, body: &str) -> Value {
        json!({"op": "send", "room": self.room.id, "body": body, "reply_to": to})
    }

    async fn thread(&self, user: &User, seq: &Value) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{}/replies?limit=2{cursor}", self.room.message(seq));
            let page = user.get(&path).await.ok();
            all.extend(page["items"].as_array().cloned().expect("items"));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

fn bodies(thread: &[Value]) -> Vec<&str> {
    thread.iter().filter_map(|m| m["body"].as_str()).collect()
}

async fn a_message_counts_its_answers() {
    let t = talk().await;
    let mut ears = t.ana.listen(&t.room).await;
    let first = t.answer(&t.bob, &t.seq, "I do").await.ok();
    assert_eq!(ears.expect_message("I do").await["reply_to"], t.seq);
    let mut phone = t.bob.again().await.connect().await;
    let mut last = Value::Null;
    for i in 0..4 {
        let op = t.op(&t.seq, &format!("and {i}"));
        last = phone.request(op).await.expect("an answer");
    }
    t.answer(&t.ana, &first["seq"], "fine").await.ok();
    let expected = json!({"count": 5, "last": last["seq"], "at": last["at"]});
    let read = history(&t.ana, &t.room).await;
    assert_eq!(read[0]["replies"], expected);
    assert_eq!(read[1]["replies"]["count"], 1);
    assert!(read[2].get("replies").is_none(), "{:#}", read[2]);
    let thread = t.thread(&t.ana, &t.seq).await;
    assert_eq!(
        bodies(&thread),
        ["I do", "and 0", "and 1", "and 2", "and 3"]
    );
    assert_eq!(thread[..], read[1..6]);
    assert_eq!(bodies(&t.thread(&t.bob, &first["seq"]).await), ["fine"]);
    assert_eq!(t.thread(&t.bob, &last["seq"]).await, [] as [Value; 0]);
    // Who resumes is told what answers what.
    let after = t.seq.as_u64();
    let replay = t.ana.connect().await.subscribe(&t.room, after).await;
    assert!(replay.events[..5].iter().all(|e| e["reply_to"] == t.seq));
    // What was edited reads so, here too.
    let path = t.room.message(&first["seq"]);
    let body = json!({"body": "I do not"});
    t.bob.request("PATCH", &path, body).await.ok();
    assert_eq!(t.thread(&t.ana, &t.seq).await[0]["body"], "I do not");
    let path = t.room.message(&t.seq) + "/replies";
    for (query, field) in [("cursor=x", "cursor"), ("limit=0", "limit")] {
        let wrong = t.ana.get(&format!("{path}?{query}")).await;
        wrong.refused_field(field);
    }
    let eve = t.server.user("eve").await;
    eve.get(&path).await.refused(403, "forbidden");
    t.ana.remove(&t.room, &t.bob).await;
    t.bob.get(&path).await.refused(403, "forbidden");
    t.answer(&t.bob, &t.seq, "out")
        .await
        .refused(403, "forbidden");
}

async fn an_answer_needs_a_message() {
    let t = talk().await;
    let other = t.ana.room("other", Kind::Public).await;
    let there = t.ana.send(&other, "there").await;
    let edit = json!({"body": "who comes along?"});
    let path = t.room.message(&t.seq);
    let edited = t.ana.request("PATCH", &path, edit).await.ok();
    let mut ws = t.ana.connect().await;
    // Its first entries are none, nor is an edit, nor what is said elsewhere.
    let beyond = json!(edited["seq"].as_u64().expect("a seq") + 1);
    for target in [
        json!(0),
        json!(1),
        json!(2),
        edited["seq"].clone(),
        beyond,
        json!(u64::MAX),
    ] {
        let wrong = t.answer(&t.ana, &target, "to nothing").await;
        wrong.refused_field("reply_to");
        let wrong = ws.request(t.op(&target, "to nothing")).await;
        assert_eq!(
            wrong.expect_err("nothing").code,
            "invalid_field",
            "{target}"
        );
        let path = format!("{}/replies", t.room.message(&target));
        t.ana.get(&path).await.refused(404, "not_found");
    }
    for wrong in [json!("3"), json!(-1), json!(1.5)] {
        let wrong = t.answer(&t.ana, &wrong, "to nothing").await;
        assert_eq!(wrong.status, 400, "{wrong:#?}");
    }
    assert_eq!(history(&t.ana, &t.room).await.len(), 1);
    assert_eq!(history(&t.ana, &other).await.len(), 1, "{there:#}");
}

async fn threads_of_deleted_messages_stay() {
    let t = talk().await;
    let answer = t.answer(&t.bob, &t.seq, "I do").await.ok();
    t.answer(&t.bob, &t.seq, "really").await.ok();
    t.ana.delete(&t.room.message(&t.seq)).await.ok();
    t.answer(&t.bob, &t.seq, "late")
        .await
        .refused(409, "conflict");
    let mut ws = t.bob.connect().await;
    let late = ws.request(t.op(&t.seq, "late")).await;
    assert_eq!(late.expect_err("it is deleted").code, "conflict");
    assert_eq!(bodies(&t.thread(&t.bob, &t.seq).await), ["I do", "really"]);
    let read = history(&t.ana, &t.room).await;
    assert_eq!(
        (&read[0]["deleted"], &read[0]["replies"]["count"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(read[1]["reply_to"], t.seq);
    // An answer that is deleted keeps its place, and counts.
    t.bob.delete(&t.room.message(&answer["seq"])).await.ok();
    let thread = t.thread(&t.bob, &t.seq).await;
    assert_eq!(
        (&thread[0]["deleted"], &thread[0]["body"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(history(&t.ana, &t.room).await[0]["replies"]["count"], 2);
}

async fn a_repeat_is_answered_whatever_became_of_the_message() {
    let t = talk().await;
    let mut op = t.op(&t.seq, "I do");
    op["txn"] = json!("a-1");
    let mut ws = t.bob.connect().await;
    let first = ws.request(op.clone()).await.expect("an answer");
    t.ana.delete(&t.room.message(&t.seq)).await.ok();
    let repeat = ws.request(op.clone()).await.expect("the same");
    assert_eq!(
        (&repeat["seq"], &repeat["dup"]),
        (&first["seq"], &json!(true))
    );
    op["reply_to"] = json!(1);
    let other = ws.request(op).await.expect_err("another");
    assert_eq!(other.code, "txn_reused");
    assert_eq!(history(&t.ana, &t.room).await[0]["replies"]["count"], 1);
}

async fn answers_keep_their_place_among_messages() {
    let t = talk().await;
    let mut ws = t.bob.connect().await;
    let mut ids = Vec::new();
    for i in 0..30 {
        let mut op = t.op(&t.seq, &format!("{i}"));
        if i % 3 != 1 {
            op.as_object_mut().expect("an object").remove("reply_to");
        }
        ids.push(ws.post(op).await.expect("the connection is open"));
    }
    let first = t.seq.as_u64().expect("a seq") + 1;
    for (seq, id) in (first..).zip(ids) {
        let done = ws.answer(id).await.expect("all are sent");
        assert_eq!(done["seq"], seq);
    }
    assert_eq!(history(&t.ana, &t.room).await[0]["replies"]["count"], 10);
}

async fn an_answer_and_a_deletion_at_the_same_time() {
    let t = talk().await;
    let mut ears = t.ana.listen(&t.room).await;
    let answering = async {
        let mut ws = t.bob.connect().await;
        for i in 0.. {
            if let Err(err) = ws.request(t.op(&t.seq, &format!("{i}"))).await {
                return (i, err.code);
            }
        }
        unreachable!()
    };
    let deleting = async {
        for _ in 0..5 {
            ears.next_of("message").await;
        }
        t.ana.delete(&t.room.message(&t.seq)).await.ok()
    };
    let both = Box::pin(async { tokio::join!(answering, deleting) });
    let ((answers, code), gone) = within("the deletion", both).await;
    assert_eq!(code, "conflict", "after {answers}");
    let thread = t.thread_seqs().await;
    assert_eq!(thread.len(), answers);
    assert!(
        thread.iter().all(|seq| Some(*seq) < gone["seq"].as_u64()),
        "{gone:#}"
    );
    assert_eq!(
        history(&t.ana, &t.room).await[0]["replies"]["count"],
        answers
    );
}

impl Talk {
    async fn thread_seqs(&self) -> Vec<u64> {
        let thread = self.thread(&self.ana, &self.seq).await;
        thread.iter().filter_map(|m| m["seq"].as_u64()).collect()
    }
}

async fn what_lies_before_ones_time_is_not_answered() {
    let t = talk().await;
    let since = json!({"history": "since_join"});
    t.ana.request("PATCH", &t.room.path(""), since).await.ok();
    let late = t.server.user("late").await;
    late.join(&t.room).await;
    t.answer(&late, &t.seq, "I do")
        .await
        .refused_field("reply_to");
    let path = t.room.message(&t.seq) + "/replies";
    late.get(&path).await.refused(404, "not_found");
    // An answer that came since is read, without what it answers.
    let answer = t.answer(&t.bob, &t.seq, "I do").await.ok();
    let read = history(&late, &t.room).await;
    assert_eq!((read.len(), &read[0]["reply_to"]), (1, &t.seq));
    t.answer(&late, &answer["seq"], "you?").await.ok();
    assert_eq!(bodies(&t.thread(&late, &answer["seq"]).await), ["you?"]);
}

async fn threads_are_read_across_the_archive() {
    let t = talk_on(Server::archiving().await).await;
    for i in 0..3 {
        t.answer(&t.bob, &t.seq, &format!("before {i}")).await.ok();
    }
    t.ana.send(&t.room, "something else").await;
    let run = t.server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    t.answer(&t.bob, &t.seq, "after").await.ok();
    let expected = ["before 0", "before 1", "before 2", "after"];
    assert_eq!(bodies(&t.thread(&t.ana, &t.seq).await), expected);
    assert_eq!(history(&t.ana, &t.room).await[0]["replies"]["count"], 4);
    let restored = t.server.admin().restore(&run).await;
    assert_eq!(restored["state"], "done", "{restored:#}");
    assert_eq!(bodies(&t.thread(&t.ana, &t.seq).await), expected);
    t.server.cli(&["store", "check"]).await.ok();
}
