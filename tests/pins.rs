//! A room keeps messages in sight: pinned by those whom it lets, listed wherever they lie, down with the message.

use serde_json::{Value, json};

use crate::support::{
    Kind, PASSWORD, Reply, Room, Server, User, assert_consecutive, on_both, within,
};

on_both!(
    a_pinned_message_is_listed_and_told_of,
    whoever_resumes_is_told_of_pins,
    a_room_says_who_pins,
    whoever_is_muted_pins_nothing,
    everyone_in_a_direct_conversation_pins,
    what_cannot_be_pinned_is_refused,
    a_txn_makes_it_safe_to_repeat,
    what_lies_before_ones_time_is_not_listed,
    pins_stay_while_messages_are_archived_and_go_when_they_are_purged,
);

/// Ana's room with bob in it, and something he said there.
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
    let seq = bob.send(&room, "the rules").await["seq"].clone();
    Talk {
        server,
        ana,
        bob,
        room,
        seq,
    }
}

impl Talk {
    fn path(&self, seq: &Value) -> String {
        self.room.path(&format!("/pins/{seq}"))
    }

    async fn put(&self, user: &User, seq: &Value) -> Reply {
        user.request("PUT", &self.path(seq), Value::Null).await
    }

    async fn set(&self, rules: Value) {
        let path = self.room.path("");
        self.ana.request("PATCH", &path, rules).await.ok();
    }

    fn op(&self, seq: &Value, on: bool) -> Value {
        json!({"op": "pin", "room": self.room.id, "target": seq, "on": on})
    }

    /// The numbers of what is pinned.
    async fn pins(&self, user: &User) -> Vec<Value> {
        let list = user.get(&self.room.path("/pins")).await.ok();
        assert_eq!(list["next"], Value::Null);
        let items = list["items"].as_array().expect("items");
        assert!(items.iter().all(|m| m["pinned"].is_object()), "{items:#?}");
        items.iter().map(|m| m["seq"].clone()).collect()
    }
}

async fn a_pinned_message_is_listed_and_told_of() {
    let t = talk().await;
    let mut ears = t.bob.listen(&t.room).await;
    let done = t.put(&t.ana, &t.seq).await.ok();
    let expected = json!({
        "ev": "pin", "room": t.room.id, "seq": done["seq"], "n": 1, "target": t.seq,
        "from": t.ana.id, "name": "ana", "on": true, "at": done["at"],
    });
    assert_eq!(ears.next_event().await, expected);
    let answer = json!({
        "room": t.room.id, "target": t.seq, "on": true, "seq": done["seq"], "n": 1,
        "at": done["at"], "dup": false,
    });
    assert_eq!(done, answer);
    // On the other device, and over the other door, it is the same pin.
    let mut phone = t.ana.again().await.connect().await;
    let again = phone.request(t.op(&t.seq, true)).await.expect("it is so");
    assert_eq!((&again["seq"], &again["dup"]), (&done["seq"], &json!(true)));
    let one = t.bob.get(&t.room.message(&t.seq)).await.ok();
    let pinned =
        json!({"by": {"id": t.ana.id, "name": "ana"}, "seq": done["seq"], "at": done["at"]});
    assert_eq!(one["pinned"], pinned);
    let list = t.bob.get(&t.room.path("/pins")).await.ok();
    assert_eq!(list, json!({"items": [one], "next": null}));
    let later = t.ana.send(&t.room, "more rules").await["seq"].clone();
    phone.request(t.op(&later, true)).await.expect("the owner");
    assert_eq!(t.pins(&t.bob).await, [later.clone(), t.seq.clone()]);
    // It shows what the message says now.
    let body = json!({"body": "the new rules"});
    let path = t.room.message(&t.seq);
    t.bob.request("PATCH", &path, body).await.ok();
    let list = t.bob.get(&t.room.path("/pins")).await.ok();
    assert_eq!(list["items"][1]["body"], "the new rules");
    let gone = t.ana.delete(&t.path(&t.seq)).await.ok();
    assert_eq!((&gone["on"], &gone["dup"]), (&json!(false), &json!(false)));
    let nothing = t.ana.delete(&t.path(&t.seq)).await.ok();
    assert_eq!(
        (&nothing["seq"], &nothing["dup"]),
        (&json!(null), &json!(true))
    );
    assert_eq!(t.pins(&t.bob).await, std::slice::from_ref(&later));
    // A deleted message is down, and stays down when that is undone.
    let mona = t.server.person("mona", "moderator").await;
    let ask = json!({"user": "ana", "since": 0, "rooms": [t.room.id]});
    let redacted = mona.post("/v1/redactions", ask).await;
    assert_eq!(redacted.status, 201, "{redacted:#?}");
    assert_eq!(t.pins(&t.bob).await, [] as [Value; 0]);
    let id = redacted.body["id"].as_str().expect("an id");
    let path = format!("/v1/redactions/{id}/restore");
    mona.post(&path, json!({})).await.ok();
    assert_eq!(t.pins(&t.bob).await, [] as [Value; 0]);
    t.put(&t.ana, &later).await.ok();
    assert_eq!(t.pins(&t.bob).await, [later]);
}

async fn whoever_resumes_is_told_of_pins() {
    let mut t = talk().await;
    let witness = t.bob.listen(&t.room).await;
    t.put(&t.ana, &t.seq).await.ok();
    t.ana.delete(&t.path(&t.seq)).await.ok();
    t.put(&t.ana, &t.seq).await.ok();
    let after = t.seq.as_u64().expect("a seq");
    let from_memory = t.bob.connect().await.subscribe(&t.room, Some(after)).await;
    assert!(from_memory.recovered);
    assert_consecutive(after, &from_memory.events);
    let told: Vec<_> = from_memory.events.iter().map(|e| &e["on"]).collect();
    assert_eq!(told, [true, false, true]);
    drop(witness);
    t.server.kill9().await;
    t.server.boot().await;
    let bob = User::login(t.server.rest(), "bob", PASSWORD).await;
    let anew = bob.connect().await.subscribe(&t.room, Some(after)).await;
    assert_eq!(anew.events, from_memory.events);
    assert_eq!(t.pins(&bob).await, [t.seq.clone()]);
}

async fn a_room_says_who_pins() {
    let t = talk().await;
    t.put(&t.bob, &t.seq).await.refused(403, "forbidden");
    let rules = t.bob.get(&t.room.path("")).await.ok()["rules"].clone();
    assert_eq!(rules["pin"], "moderator");
    t.bob
        .request("PATCH", &t.room.path(""), json!({"pin": "viewer"}))
        .await
        .refused(403, "forbidden");
    t.set(json!({"pin": "member"})).await;
    t.put(&t.bob, &t.seq).await.ok();
    // What the owner takes back holds at once, on an open connection too.
    let mut ws = t.bob.connect().await;
    ws.request(t.op(&t.seq, false)).await.expect("a member");
    t.set(json!({"pin": "owner"})).await;
    let refused = ws.request(t.op(&t.seq, true)).await.expect_err("no owner");
    assert_eq!(refused.code, "forbidden");
    // Operators set it by a command.
    let set = ["room", "edit", "general", "--pin", "viewer", "--json"];
    let shown = t.server.cli(&set).await.json();
    assert_eq!(shown["rules"]["pin"], "viewer", "{shown:#}");
    ws.request(t.op(&t.seq, true)).await.expect("everyone");
    t.ana.remove(&t.room, &t.bob).await;
    let refused = ws
        .request(t.op(&t.seq, false))
        .await
        .expect_err("he is out");
    assert_eq!(refused.code, "forbidden");
    t.bob
        .get(&t.room.path("/pins"))
        .await
        .refused(403, "forbidden");
    // Who manages public rooms needs not be in, and does not reach private ones.
    let mona = t.server.person("mona", "moderator").await;
    t.set(json!({"pin": "owner"})).await;
    mona.delete(&t.path(&t.seq)).await.ok();
    let closed = t.ana.room("closed", Kind::Private).await;
    let said = t.ana.send(&closed, "private").await;
    let path = closed.path(&format!("/pins/{}", said["seq"]));
    for method in ["PUT", "DELETE"] {
        let hidden = mona.request(method, &path, Value::Null).await;
        hidden.refused(404, "not_found");
    }
    let hidden = mona.get(&closed.path("/pins")).await;
    hidden.refused(404, "not_found");
}

async fn whoever_is_muted_pins_nothing() {
    let t = talk().await;
    let mona = t.server.person("mona", "moderator").await;
    t.ana.add(&t.room, &t.bob, "moderator").await;
    t.put(&t.bob, &t.seq).await.ok();
    let mute = t.room.path(&format!("/mutes/{}", t.bob.id));
    t.ana.request("PUT", &mute, json!({})).await.ok();
    let everywhere = format!("/v1/users/{}/mute", mona.id);
    t.server.admin().put(&everywhere, json!({})).await;
    for user in [&t.bob, &mona] {
        t.put(user, &t.seq).await.refused(403, "muted");
        let down = user.delete(&t.path(&t.seq)).await;
        down.refused(403, "muted");
    }
    let mut ws = t.bob.connect().await;
    let refused = ws.request(t.op(&t.seq, false)).await.expect_err("muted");
    assert_eq!(refused.code, "muted");
    assert_eq!(t.pins(&t.bob).await, std::slice::from_ref(&t.seq));
    t.ana.delete(&mute).await.ok();
    t.bob.delete(&t.path(&t.seq)).await.ok();
}

async fn everyone_in_a_direct_conversation_pins() {
    let server = Server::start().await;
    let (ana, bob, cat) = (
        server.user("ana").await,
        server.user("bob").await,
        server.user("cat").await,
    );
    let opened = ana.post("/v1/dm", json!({"users": ["bob"]})).await.ok();
    let room = Room {
        id: opened["id"].as_str().expect("an id").to_owned(),
        name: "direct".to_owned(),
    };
    let seq = ana.send(&room, "the plan").await["seq"].clone();
    let path = room.path(&format!("/pins/{seq}"));
    let mut ears = ana.listen(&room).await;
    bob.request("PUT", &path, Value::Null).await.ok();
    assert_eq!(ears.next_of("pin").await["name"], "bob");
    let list = ana.get(&room.path("/pins")).await.ok();
    assert_eq!(list["items"][0]["pinned"]["by"]["name"], "bob");
    ana.delete(&path).await.ok();
    assert_eq!(ears.next_of("pin").await["on"], false);
    for method in ["PUT", "DELETE"] {
        let hidden = cat.request(method, &path, Value::Null).await;
        hidden.refused(404, "not_found");
    }
    let everywhere = format!("/v1/users/{}/mute", bob.id);
    server.admin().put(&everywhere, json!({})).await;
    let refused = bob.request("PUT", &path, Value::Null).await;
    refused.refused(403, "muted");
}

async fn what_cannot_be_pinned_is_refused() {
    let server = Server::builder()
        .set("limits.enabled", "false")
        .start()
        .await;
    let t = talk_on(server).await;
    let done = t.put(&t.ana, &t.seq).await.ok();
    let mut ws = t.ana.connect().await;
    for target in [
        json!(0),
        json!(1),
        done["seq"].clone(),
        json!(4711),
        json!(u64::MAX),
    ] {
        let err = ws.request(t.op(&target, true)).await;
        assert_eq!(err.expect_err("no message").code, "not_found", "{target}");
    }
    let path = t.room.path("/pins/first");
    let none = t.ana.request("PUT", &path, Value::Null).await;
    none.refused(404, "not_found");
    let gone = t.ana.send(&t.room, "gone").await["seq"].clone();
    t.ana.delete(&t.room.message(&gone)).await.ok();
    t.put(&t.ana, &gone).await.refused(409, "conflict");
    for i in 1..50 {
        let said = ws.send(&t.room, &format!("rule {i}")).await;
        ws.request(t.op(&said["seq"], true))
            .await
            .expect("there is room");
    }
    let last = ws.send(&t.room, "rule 51").await["seq"].clone();
    t.put(&t.ana, &last).await.refused(409, "conflict");
    assert_eq!(t.pins(&t.bob).await.len(), 50);
    // One that is deleted makes room.
    t.bob.delete(&t.room.message(&t.seq)).await.ok();
    t.put(&t.ana, &last).await.ok();
    assert_eq!(t.pins(&t.bob).await.len(), 50);
}

async fn a_txn_makes_it_safe_to_repeat() {
    let t = talk().await;
    let path = t.path(&t.seq) + "?txn=p-1";
    let first = t.ana.request("PUT", &path, Value::Null).await.ok();
    t.ana.delete(&t.path(&t.seq)).await.ok();
    let repeat = t.ana.request("PUT", &path, Value::Null).await.ok();
    assert_eq!(
        (&repeat["seq"], &repeat["dup"]),
        (&first["seq"], &json!(true))
    );
    assert_eq!(
        t.pins(&t.bob).await,
        [] as [Value; 0],
        "nothing new happened"
    );
    t.ana.delete(&path).await.refused(422, "txn_reused");
}

async fn what_lies_before_ones_time_is_not_listed() {
    let t = talk().await;
    t.set(json!({"history": "since_join", "pin": "member"}))
        .await;
    t.put(&t.ana, &t.seq).await.ok();
    let late = t.server.user("late").await;
    late.join(&t.room).await;
    let fresh = t.ana.send(&t.room, "fresh").await["seq"].clone();
    t.put(&late, &fresh).await.ok();
    t.put(&late, &t.seq).await.refused(404, "not_found");
    assert_eq!(t.pins(&late).await, std::slice::from_ref(&fresh));
    assert_eq!(t.pins(&t.bob).await, [fresh, t.seq.clone()]);
}

async fn pins_stay_while_messages_are_archived_and_go_when_they_are_purged() {
    let mut t = talk_on(Server::archiving().await).await;
    t.put(&t.ana, &t.seq).await.ok();
    let other = t.ana.send(&t.room, "other").await["seq"].clone();
    t.ana.send(&t.room, "another").await;
    let run = t.server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    t.put(&t.ana, &other).await.ok();
    let last = t.ana.send(&t.room, "the last").await["seq"].clone();
    t.put(&t.ana, &last).await.ok();
    let all = [last.clone(), other, t.seq.clone()];
    assert_eq!(t.pins(&t.bob).await, all);
    t.server.cli(&["store", "check"]).await.ok();
    let admin = t.server.admin();
    let prune = json!({"before": "1ms", "grace": 0});
    let begun = admin.request("POST", "/v1/archive/prune", prune).await;
    assert_eq!(begun.status, 202, "{begun:#?}");
    assert_eq!(admin.ended(&begun.body).await["state"], "done");
    // What is due is looked for at the start.
    t.server.restart().await;
    let purged = async {
        loop {
            let segments = t.server.admin().segments().await;
            if segments.iter().all(|s| s["purged_at"].is_number()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    within("the purge", purged).await;
    assert_eq!(t.pins(&t.bob).await, [last]);
    t.server.cli(&["store", "check"]).await.ok();
}
