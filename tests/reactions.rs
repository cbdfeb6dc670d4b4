//! How people react to messages: counted with the message wherever it is listed, told to all who listen, taken back,
//! and gone with the message and with the person.

use serde_json::{Value, json};

use crate::support::{
    Kind, PASSWORD, Reply, Room, Server, User, assert_consecutive, history, on_both, told, within,
};

on_both!(
    reactions_are_counted_with_the_message,
    whoever_resumes_is_told_what_happened,
    reacting_twice_is_reacting_once,
    a_txn_makes_it_safe_to_repeat,
    what_cannot_be_reacted_to_is_refused,
    there_are_so_many_and_no_more,
    who_may_not_speak_may_not_react,
    moderators_take_others_reactions_away,
    a_crowds_reactions_go_piece_by_piece,
    what_lies_before_ones_time_is_not_there,
    nobody_reacts_after_their_removal,
    a_deleted_message_hides_its_reactions,
    archived_messages_are_reacted_to_in_place,
    reactions_go_on_while_a_run_moves_the_message,
    what_is_erased_leaves_no_reaction,
    whoever_is_forgotten_leaves_no_reaction,
    reactions_by_the_hundred_do_no_harm,
);

/// Thumbs up, as it stands in a URL.
const UP: &str = "%F0%9F%91%8D";

/// Ana's room with bob in it, and something she said there.
struct Talk {
    server: Server,
    ana: User,
    bob: User,
    room: Room,
    seq: Value,
}

async fn talk() -> Talk {
    talk_on(Server::start().await).await
}

async fn talk_on(server: Server) -> Talk {
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let seq = ana.send(&room, "lunch?").await["seq"].clone();
    Talk {
        server,
        ana,
        bob,
        room,
        seq,
    }
}

impl Talk {
    fn path(&self, emoji: &str) -> String {
        format!("{}/reactions/{emoji}", self.room.message(&self.seq))
    }

    async fn put(&self, user: &User, emoji: &str) -> Reply {
        user.request("PUT", &self.path(emoji), Value::Null).await
    }

    fn op(&self, emoji: &str, on: bool) -> Value {
        json!({"op": "react", "room": self.room.id, "target": self.seq, "emoji": emoji, "on": on})
    }

    /// What a message shows to somebody.
    async fn shown(&self, user: &User) -> Value {
        let one = user.get(&self.room.message(&self.seq)).await.ok();
        let page = history(user, &self.room).await;
        assert_eq!(page.iter().find(|m| m["seq"] == self.seq), Some(&one));
        one["reactions"].clone()
    }
}

fn named(user: &User) -> Value {
    json!({"id": user.id, "name": user.name})
}

async fn reactions_are_counted_with_the_message() {
    let t = talk().await;
    let mut ears = t.bob.listen(&t.room).await;
    let mut phone = t.ana.again().await.listen(&t.room).await;
    let done = t.put(&t.ana, UP).await.ok();
    let expected = json!({
        "ev": "reaction", "room": t.room.id, "seq": done["seq"], "n": 1, "target": t.seq,
        "from": t.ana.id, "name": "ana", "emoji": "👍", "on": true, "at": done["at"],
    });
    assert_eq!(ears.next_event().await, expected);
    assert_eq!(phone.next_event().await, expected, "on the other device");
    let answer = json!({
        "room": t.room.id, "target": t.seq, "emoji": "👍", "on": true, "seq": done["seq"], "n": 1,
        "at": done["at"], "dup": false,
    });
    assert_eq!(done, answer);
    let by_bob = ears.request(t.op("👍", true)).await.expect("a member");
    let party = ears.request(t.op(":party:", true)).await.expect("a member");
    let both = [named(&t.ana), named(&t.bob)];
    let sums = |mine: [bool; 2]| {
        json!([
            {"emoji": "👍", "count": 2, "first": both, "mine": mine[0]},
            {"emoji": ":party:", "count": 1, "first": [named(&t.bob)], "mine": mine[1]},
        ])
    };
    assert_eq!(t.shown(&t.ana).await, sums([true, false]));
    assert_eq!(t.shown(&t.bob).await, sums([true, true]));
    let list = |query: &str| t.room.message(&t.seq) + "/reactions" + query;
    let by = |of: &Value, user: &User, emoji: &str| json!({"emoji": emoji, "user": named(user), "seq": of["seq"], "at": of["at"]});
    let all = [
        by(&party, &t.bob, ":party:"),
        by(&done, &t.ana, "👍"),
        by(&by_bob, &t.bob, "👍"),
    ];
    let mut found = Vec::new();
    let mut path = list("?limit=1");
    loop {
        let page = t.ana.get(&path).await.ok();
        found.extend(page["items"].as_array().cloned().expect("items"));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = list(&format!("?limit=1&cursor={}", next.replace("👍", UP)));
    }
    assert_eq!(found, all);
    let ups = t.ana.get(&list(&format!("?emoji={UP}"))).await.ok();
    assert_eq!(ups, json!({"items": all[1..], "next": null}));
    // Taken back.
    let gone = t.ana.delete(&t.path(UP)).await.ok();
    assert_eq!((&gone["on"], &gone["dup"]), (&json!(false), &json!(false)));
    let event = loop {
        let event = ears.next_of("reaction").await;
        if event["on"] == false {
            break event;
        }
    };
    assert_eq!(
        (&event["emoji"], &event["seq"]),
        (&json!("👍"), &gone["seq"])
    );
    let left = t.shown(&t.ana).await;
    assert_eq!(left[0]["first"], json!([named(&t.bob)]));
    assert_eq!(
        (&left[0]["count"], &left[0]["mine"]),
        (&json!(1), &json!(false))
    );
    for emoji in ["👍", ":party:"] {
        ears.request(t.op(emoji, false)).await.expect("one's own");
    }
    assert_eq!(t.shown(&t.ana).await, Value::Null, "there are none");
}

async fn whoever_resumes_is_told_what_happened() {
    let mut t = talk().await;
    let witness = t.bob.listen(&t.room).await;
    t.put(&t.ana, UP).await.ok();
    t.put(&t.bob, UP).await.ok();
    t.ana.delete(&t.path(UP)).await.ok();
    let after = t.seq.as_u64().expect("a seq");
    let from_memory = t.bob.connect().await.subscribe(&t.room, Some(after)).await;
    assert!(from_memory.recovered);
    assert_consecutive(after, &from_memory.events);
    let told: Vec<_> = from_memory.events.iter().map(|e| &e["on"]).collect();
    assert_eq!(told, [true, true, false]);
    drop(witness);
    t.server.kill9().await;
    t.server.boot().await;
    let bob = User::login(t.server.rest(), "bob", PASSWORD).await;
    let anew = bob.connect().await.subscribe(&t.room, Some(after)).await;
    assert_eq!(anew.events, from_memory.events);
    assert_eq!(t.shown(&bob).await[0]["count"], 1);
}

async fn reacting_twice_is_reacting_once() {
    let t = talk().await;
    let first = t.put(&t.ana, UP).await.ok();
    let mut phone = t.ana.again().await.connect().await;
    let again = phone.request(t.op("👍", true)).await.expect("the same");
    let mut expected = first;
    expected["dup"] = json!(true);
    assert_eq!(again, expected);
    // However the heart asks to be drawn, it is one.
    t.put(&t.ana, "%E2%9D%A4").await.ok();
    let heart = t.put(&t.ana, "%E2%9D%A4%EF%B8%8F").await.ok();
    assert_eq!(
        (&heart["emoji"], &heart["dup"]),
        (&json!("❤️"), &json!(true))
    );
    assert_eq!(t.shown(&t.ana).await.as_array().map(Vec::len), Some(2));
    let nothing = t.bob.delete(&t.path(UP)).await.ok();
    assert_eq!(
        (&nothing["seq"], &nothing["dup"]),
        (&json!(null), &json!(true))
    );
    assert_eq!(nothing["on"], false);
    // Two devices at once make one entry.
    let twice = (0..2).map(|_| async {
        let mut ws = t.bob.again().await.connect().await;
        ws.request(t.op("👍", true)).await.expect("a member")["seq"].clone()
    });
    let [one, other] = twice.collect::<Vec<_>>().try_into().ok().expect("two");
    let (one, other) = tokio::join!(one, other);
    assert_eq!(one, other);
    assert_eq!(t.shown(&t.ana).await[0]["count"], 2);
}

async fn a_txn_makes_it_safe_to_repeat() {
    let mut t = talk().await;
    let path = format!("{}?txn=r-1", t.path(UP));
    let first = t.ana.request("PUT", &path, Value::Null).await.ok();
    t.ana.delete(&t.path(UP)).await.ok();
    let repeat = t.ana.request("PUT", &path, Value::Null).await.ok();
    assert_eq!(
        (&repeat["seq"], &repeat["dup"]),
        (&first["seq"], &json!(true))
    );
    assert_eq!(
        t.shown(&t.ana).await,
        Value::Null,
        "and nothing new happened"
    );
    let mut ws = t.ana.connect().await;
    for (emoji, on) in [(":other:", true), ("👍", false)] {
        let mut op = t.op(emoji, on);
        op["txn"] = json!("r-1");
        let err = ws.request(op).await.expect_err("another request");
        assert_eq!(err.code, "txn_reused", "{emoji} {on}");
    }
    t.server.restart().await;
    let ana = User::login(t.server.rest(), "ana", PASSWORD).await;
    let repeat = ana.request("PUT", &path, Value::Null).await.ok();
    assert_eq!(repeat["seq"], first["seq"]);
}

async fn what_cannot_be_reacted_to_is_refused() {
    let t = talk().await;
    let done = t.put(&t.ana, UP).await.ok();
    let mut ws = t.ana.connect().await;
    // Its first entry is no message; nor is a reaction.
    for target in [
        json!(0),
        json!(1),
        done["seq"].clone(),
        json!(4711),
        json!(u64::MAX),
    ] {
        let mut op = t.op("👍", true);
        op["target"] = target.clone();
        let err = ws.request(op).await.expect_err("no message");
        assert_eq!(err.code, "not_found", "{target}");
        let path = format!("{}/reactions", t.room.message(&target));
        t.ana.get(&path).await.refused(404, "not_found");
    }
    let mut me = t.op("👍", true);
    me["room"] = json!("@me");
    assert_eq!(ws.request(me).await.expect_err("no room").code, "not_found");
    for wrong in [
        "", "a", "👍👍", "up", "\u{0}", "\u{202e}", "👍\n", ":A b:", "e\u{301}",
    ] {
        let err = ws.request(t.op(wrong, true)).await.expect_err("no emoji");
        assert_eq!(err.code, "invalid_field", "{wrong:?}");
    }
    for wrong in [
        "a",
        "%F0%9F%91%8D%F0%9F%91%8D",
        "%00",
        "%FF",
        &"%F0".repeat(400),
    ] {
        let refused = t.put(&t.ana, wrong).await;
        assert!(matches!(refused.status, 400 | 404), "{wrong}: {refused:#?}");
    }
    let path = t.room.message(&t.seq) + "/reactions";
    t.ana
        .get(&format!("{path}?cursor=x"))
        .await
        .refused_field("cursor");
    t.ana
        .get(&format!("{path}?emoji=x"))
        .await
        .refused_field("emoji");
    t.ana
        .get(&format!("{path}?limit=0"))
        .await
        .refused_field("limit");
    t.ana.delete(&t.room.message(&t.seq)).await.ok();
    t.put(&t.bob, UP).await.refused(409, "conflict");
    t.ana.delete(&t.path(UP)).await.refused(409, "conflict");
}

async fn there_are_so_many_and_no_more() {
    let t = talk().await;
    let carl = t.server.user("carl").await;
    carl.join(&t.room).await;
    for (user, emoji) in [(&t.ana, "a"), (&t.bob, "b")] {
        for i in 0..10 {
            t.put(user, &format!(":{emoji}{i}:")).await.ok();
        }
        let over = t.put(user, ":more:").await;
        over.refused(409, "conflict");
    }
    t.put(&carl, ":more:").await.refused(409, "conflict");
    t.put(&carl, ":a0:").await.ok();
    assert_eq!(t.shown(&carl).await.as_array().map(Vec::len), Some(20));
    assert_eq!(t.shown(&carl).await[0]["count"], 2);
    t.bob.delete(&t.path(":b3:")).await.ok();
    t.put(&carl, ":more:").await.ok();
}

async fn who_may_not_speak_may_not_react() {
    let t = talk().await;
    let set = async |rules: Value| {
        t.ana.request("PATCH", &t.room.path(""), rules).await.ok();
    };
    let eve = t.server.user("eve").await;
    t.put(&eve, UP).await.refused(403, "forbidden");
    let closed = t.ana.room("closed", Kind::Private).await;
    let said = t.ana.send(&closed, "private").await;
    let path = format!("{}/reactions/{UP}", closed.message(&said["seq"]));
    for method in ["PUT", "DELETE"] {
        let hidden = eve.request(method, &path, Value::Null).await;
        hidden.refused(404, "not_found");
    }
    // An announcement may be liked by all.
    set(json!({"post": "moderator"})).await;
    t.put(&t.bob, UP).await.ok();
    set(json!({"locked": true})).await;
    t.put(&t.bob, ":x:").await.refused(403, "forbidden");
    t.bob.delete(&t.path(UP)).await.refused(403, "forbidden");
    t.put(&t.ana, ":x:").await.ok();
    set(json!({"locked": false, "slow_mode": 600})).await;
    t.put(&t.bob, ":x:").await.ok();
    let mute = t.room.path(&format!("/mutes/{}", t.bob.id));
    t.ana.request("PUT", &mute, json!({})).await.ok();
    t.put(&t.bob, ":y:").await.refused(403, "muted");
    t.ana.delete(&mute).await.ok();
    let member = t.room.path(&format!("/members/{}", t.bob.id));
    let viewer = json!({"role": "viewer"});
    t.ana.request("PATCH", &member, viewer).await.ok();
    t.put(&t.bob, ":y:").await.refused(403, "forbidden");
    let ban = t.room.path(&format!("/bans/{}", t.bob.id));
    t.ana.request("PUT", &ban, json!({})).await.ok();
    t.put(&t.bob, ":y:").await.refused(403, "banned");
    let list = t.room.message(&t.seq) + "/reactions";
    t.bob.get(&list).await.refused(403, "banned");
    // A bot's token is good for what it names.
    let admin = t.server.admin();
    let robot = t.server.bot("robot", "member").await;
    t.ana.add(&t.room, &robot, "member").await;
    let mouth = admin.token(&robot, "mouth", &["message.send"]).await;
    t.put(&mouth, ":y:").await.refused(403, "forbidden");
    let thumb = admin.token(&robot, "thumb", &["message.react"]).await;
    t.put(&thumb, ":y:").await.ok();
}

/// Takes others' reactions away.
async fn take(t: &Talk, user: &User, of: &str) -> Reply {
    let path = format!("{}/reactors/{of}", t.room.message(&t.seq));
    user.delete(&path).await
}

async fn moderators_take_others_reactions_away() {
    let t = talk().await;
    let cat = t.server.user("cat").await;
    cat.join(&t.room).await;
    for (user, emoji) in [
        (&t.bob, UP),
        (&cat, UP),
        (&t.bob, ":rude:"),
        (&cat, ":rude:"),
    ] {
        t.put(user, emoji).await.ok();
    }
    take(&t, &t.bob, ":rude:/cat")
        .await
        .refused(403, "forbidden");
    take(&t, &cat, ":rude:").await.refused(403, "forbidden");
    let mut ears = t.bob.listen(&t.room).await;
    let taken = take(&t, &t.ana, ":rude:/bob").await.ok();
    let expected = json!({"room": t.room.id, "target": t.seq, "emoji": ":rude:", "taken": 1});
    assert_eq!(taken, expected);
    let event = ears.next_of("reaction").await;
    assert_eq!(
        (&event["from"], &event["emoji"], &event["on"]),
        (&json!(t.bob.id), &json!(":rude:"), &json!(false)),
        "as if he took it back"
    );
    let left = t.shown(&t.ana).await;
    assert_eq!(
        (&left[0]["count"], &left[1]["count"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(take(&t, &t.ana, ":rude:/bob").await.ok()["taken"], 0);
    // Who moderates public rooms need not be in.
    let mona = t.server.person("mona", "moderator").await;
    assert_eq!(take(&t, &mona, UP).await.ok()["taken"], 2);
    for _ in 0..2 {
        assert_eq!(ears.next_of("reaction").await["emoji"], "👍");
    }
    let left = t.shown(&t.ana).await;
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left:#}");
    // They may react again, and the sums are right.
    t.put(&t.bob, UP).await.ok();
    assert_eq!(t.shown(&t.ana).await[1]["count"], 1);
    let acts = t.server.admin().get("/v1/audit?act=reaction.remove").await;
    assert_eq!(acts["items"].as_array().map(Vec::len), Some(2), "{acts:#}");
    for (of, code) in [
        (":no emoji", "invalid_field"),
        (":rude:/nobody", "not_found"),
    ] {
        let of = of.replace(' ', "%20");
        let reply = take(&t, &t.ana, &of).await;
        assert_eq!(reply.body["code"], code, "{reply:#?}");
    }
    t.ana.delete(&t.room.message(&t.seq)).await.ok();
    take(&t, &t.ana, ":rude:").await.refused(409, "conflict");
    t.server.cli(&["store", "check"]).await.ok();
}

async fn a_crowds_reactions_go_piece_by_piece() {
    let t = talk().await;
    let crowd = t.server.users("crowd", 120).await;
    for user in &crowd {
        user.join(&t.room).await;
        t.put(user, UP).await.ok();
    }
    t.put(&t.bob, ":ok:").await.ok();
    assert_eq!(take(&t, &t.ana, UP).await.ok()["taken"], 120);
    let left = t.shown(&t.ana).await;
    assert_eq!(left[0]["emoji"], ":ok:", "{left:#}");
    assert_eq!(left.as_array().map(Vec::len), Some(1));
}

async fn what_lies_before_ones_time_is_not_there() {
    let t = talk().await;
    let since = json!({"history": "since_join"});
    t.ana.request("PATCH", &t.room.path(""), since).await.ok();
    let late = t.server.user("late").await;
    late.join(&t.room).await;
    t.put(&late, UP).await.refused(404, "not_found");
    let list = t.room.message(&t.seq) + "/reactions";
    late.get(&list).await.refused(404, "not_found");
    t.put(&t.bob, UP).await.ok();
}

async fn nobody_reacts_after_their_removal() {
    let t = talk().await;
    let mut ears = t.ana.listen(&t.room).await;
    let reacting = async {
        let mut ws = t.bob.connect().await;
        for i in 0.. {
            let op = t.op(&format!(":e{}:", i % 5), i % 10 < 5);
            if let Err(err) = ws.request(op).await {
                return err.code;
            }
        }
        unreachable!()
    };
    let removing = async {
        for _ in 0..5 {
            ears.next_of("reaction").await;
        }
        t.ana.remove(&t.room, &t.bob).await;
    };
    let both = Box::pin(async { tokio::join!(reacting, removing) });
    let (code, ()) = within("the removal", both).await;
    assert!(
        matches!(code.as_str(), "forbidden" | "rate_limited"),
        "{code}"
    );
    t.put(&t.bob, UP).await.refused(403, "forbidden");
    let end = t.ana.send(&t.room, "end").await;
    let mut out = false;
    loop {
        let event = ears.next_event().await;
        out |= event["ev"] == "membership" && event["user"] == *t.bob.id;
        assert!(!(out && event["from"] == *t.bob.id), "{event:#}");
        if event["seq"] == end["seq"] {
            break;
        }
    }
    assert!(out, "the removal was told");
}

async fn a_deleted_message_hides_its_reactions() {
    let t = talk().await;
    let mona = t.server.person("mona", "moderator").await;
    t.put(&t.bob, UP).await.ok();
    let ask = json!({"user": "ana", "since": 0, "rooms": [t.room.id]});
    let done = mona.post("/v1/redactions", ask).await;
    assert_eq!(done.status, 201, "{done:#?}");
    assert_eq!(t.shown(&t.bob).await, Value::Null);
    let list = t.room.message(&t.seq) + "/reactions";
    assert_eq!(t.bob.get(&list).await.ok()["items"], json!([]));
    let id = done.body["id"].as_str().expect("an id");
    let path = format!("/v1/redactions/{id}/restore");
    mona.post(&path, json!({})).await.ok();
    assert_eq!(t.shown(&t.bob).await[0]["first"], json!([named(&t.bob)]));
    assert_eq!(
        t.bob.get(&list).await.ok()["items"][0]["user"],
        named(&t.bob)
    );
}

async fn archived_messages_are_reacted_to_in_place() {
    let t = talk_on(Server::archiving().await).await;
    t.put(&t.ana, UP).await.ok();
    t.ana.send(&t.room, "another").await;
    let run = t.server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    let mut ears = t.bob.listen(&t.room).await;
    t.put(&t.bob, UP).await.ok();
    assert_eq!(ears.next_of("reaction").await["emoji"], "👍");
    t.ana.delete(&t.path(UP)).await.ok();
    t.put(&t.ana, ":late:").await.ok();
    let expected = json!([
        {"emoji": "👍", "count": 1, "first": [named(&t.bob)], "mine": true},
        {"emoji": ":late:", "count": 1, "first": [named(&t.ana)], "mine": false},
    ]);
    for live in [false, true] {
        if live {
            let restored = t.server.admin().restore(&run).await;
            assert_eq!(restored["state"], "done", "{restored:#}");
        }
        assert_eq!(t.shown(&t.bob).await, expected, "live: {live}");
    }
    // An export has them.
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("out.jsonl");
    let out_arg = out.to_str().expect("text");
    let args = ["message", "export", "--room", "general", "--out", out_arg];
    t.server.cli(&args).await.ok();
    let text = std::fs::read_to_string(&out).expect("a file");
    let first: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    let sums = json!([{"emoji": "👍", "count": 1}, {"emoji": ":late:", "count": 1}]);
    assert_eq!(first["reactions"], sums);
    let to = dir.path().join("ana");
    let to_arg = to.to_str().expect("text");
    t.server.cli(&["user", "export", "ana", to_arg]).await.ok();
    let text = std::fs::read_to_string(to.join("messages.jsonl")).expect("a file");
    assert!(text.contains(":late:"), "{text}");
    t.server.cli(&["store", "check"]).await.ok();
}

async fn reactions_go_on_while_a_run_moves_the_message() {
    const MESSAGES: usize = 300;
    let t = talk_on(Server::archiving().await).await;
    let mut ws = t.ana.connect().await;
    ws.send_all(&t.room, (0..MESSAGES).map(|i| format!("text {i}")), 64)
        .await;
    let run = t.server.admin().begin_run(&[&t.room]).await;
    let admin = t.server.admin();
    let path = format!("/v1/archive/runs/{}", run["id"].as_str().expect("an id"));
    for i in 0..50 {
        let on = i % 2 == 0;
        ws.request(t.op("👍", on)).await.expect("one's own");
        let read = told(&t.bob, &t.room).await;
        assert_eq!(read.len(), MESSAGES + 1);
        assert_eq!(read[0]["reactions"][0]["count"] == 1, on, "{:#}", read[0]);
        if admin.get(&path).await["state"] != "running" {
            break;
        }
    }
    assert_eq!(admin.ended(&run).await["state"], "done");
    assert_eq!(admin.verify().await, [] as [Value; 0]);
}

const SECRET: &str = ":a-secret-of-bob:";

async fn what_is_erased_leaves_no_reaction() {
    let eager = Server::builder().set("archive.min_age", "0s");
    let t = talk_on(eager.set("messages.erase_within", "1s").start().await).await;
    t.put(&t.bob, UP).await.ok();
    t.ana.send(&t.room, "between").await;
    let run = t.server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    t.put(&t.ana, UP).await.ok();
    t.ana.delete(&t.room.message(&t.seq)).await.ok();
    let erased = async {
        loop {
            let status = t.server.cli(&["status", "--json"]).await.json();
            if status["counts"]["erased"].as_u64() >= Some(1) {
                return;
            }
        }
    };
    within("the text to be erased", erased).await;
    assert_eq!(t.shown(&t.bob).await, Value::Null);
    assert_eq!(t.server.admin().verify().await, [] as [Value; 0]);
    t.server.cli(&["store", "check"]).await.ok();
}

async fn whoever_is_forgotten_leaves_no_reaction() {
    let t = talk_on(Server::archiving().await).await;
    t.put(&t.bob, SECRET).await.ok();
    t.put(&t.bob, UP).await.ok();
    t.bob.delete(&t.path(UP)).await.ok();
    t.ana.send(&t.room, "between").await;
    let run = t.server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    t.put(&t.bob, ":another-secret:").await.ok();
    t.put(&t.ana, UP).await.ok();
    let mut ears = t.ana.listen(&t.room).await;
    let args = ["user", "erase", "bob", "--messages", "delete", "--yes"];
    t.server.cli(&args).await.ok();
    let gone = ears.next_of("reaction").await;
    assert_eq!(
        (&gone["from"], &gone["on"]),
        (&json!(t.bob.id), &json!(false))
    );
    assert!(gone.get("emoji").is_none(), "all of them: {gone:#}");
    let left = json!([{"emoji": "👍", "count": 1, "first": [named(&t.ana)], "mine": true}]);
    assert_eq!(t.shown(&t.ana).await, left);
    assert_eq!(t.server.admin().verify().await, [] as [Value; 0]);
    let restored = t.server.admin().restore(&run).await;
    assert_eq!(restored["state"], "done", "{restored:#}");
    let text = format!("{:?}", t.server.admin().entries(&t.room).await);
    assert!(!text.contains("secret") && text.contains('👍'), "{text}");
    t.server.cli(&["store", "check"]).await.ok();
}

async fn reactions_by_the_hundred_do_no_harm() {
    react_so_often(400).await;
}

/// SQLite only: the server that stands in for MongoDB takes its time for each.
#[tokio::test]
async fn reactions_by_the_thousand_do_no_harm() {
    react_so_often(4_000).await;
}

async fn react_so_often(times: usize) {
    let server = Server::builder()
        .set("limits.enabled", "false")
        .start()
        .await;
    let t = talk_on(server).await;
    let mut ws = t.bob.connect().await;
    let mut ears = t.ana.listen(&t.room).await;
    let before = t.ana.get(&t.room.path("/messages")).await.text.len();
    for i in 0..times {
        let op = t.op(&format!(":e{}:", i % 10), i / 10 % 2 == 0);
        ws.post(op).await.expect("the connection is open");
        if i % 100 == 99 {
            ws.request(json!({"op": "ping"}))
                .await
                .expect("in their turn");
            for _ in 0..100 {
                ears.next_of("reaction").await;
            }
        }
    }
    assert_eq!(t.shown(&t.ana).await, Value::Null);
    t.put(&t.bob, UP).await.ok();
    // What there was is in the log, and not with the message.
    let page = t.ana.get(&t.room.path("/messages")).await;
    assert!(page.text.len() < before + 300, "{}", page.text);
    let head = page.ok()["head"].as_u64().expect("a head");
    assert_eq!(head, t.seq.as_u64().expect("a seq") + times as u64 + 1);
}
