//! The first screen, without a race: one request tells everything there is to draw, at a position from which on
//! events keep it current; and whoever comes back is told what changed, and nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, Ws, on_both, within};

on_both!(
    one_request_tells_the_first_screen,
    who_comes_back_is_told_what_changed_and_no_more,
    what_was_told_and_events_are_what_is_told_anew,
    positions_of_another_store_mean_nothing,
    it_is_refused_as_a_whole_or_not_at_all,
);

/// What a client shows, kept as the wire contract says.
struct Screen {
    ws: Ws,
    epoch: String,
    me: Value,
    me_head: u64,
    rooms: BTreeMap<String, Value>,
    /// How many replies there were to the last sync, and how many bytes of all that came meanwhile.
    replies: usize,
    bytes: usize,
}

impl Screen {
    async fn new(user: &User) -> Self {
        let mut this = Self {
            ws: user.connect().await,
            epoch: String::new(),
            me: Value::Null,
            me_head: 0,
            rooms: BTreeMap::new(),
            replies: 0,
            bytes: 0,
        };
        this.sync().await;
        this
    }

    /// Asks for what it does not have, and takes in all that comes until that is over.
    async fn sync(&mut self) {
        let mut op = json!({"op": "sync"});
        if !self.epoch.is_empty() {
            let known = self.rooms.iter();
            let known =
                known.map(|(id, r)| json!({"room": id, "after": r["head"], "read": r["read"]}));
            op["rooms"] = known.collect();
            op["me"] = json!(self.me_head);
            op["epoch"] = json!(self.epoch);
        }
        let id = self.ws.post(op).await.expect("open");
        (self.replies, self.bytes) = (0, 0);
        loop {
            let frame = self.ws.frame().await.expect("open");
            self.bytes += frame.to_string().len();
            if frame["id"] != id {
                self.apply(&frame);
                continue;
            }
            let ok = &frame["ok"];
            assert!(ok.is_object(), "{frame:#}");
            if ok["synced"].is_number() {
                if let Some(all) = ok["rooms"].as_array() {
                    let still = |room: &String| all.iter().any(|id| *id == **room);
                    self.rooms.retain(|room, _| still(room));
                }
                return;
            }
            self.replies += 1;
            self.take_in(ok);
        }
    }

    /// A reply for one room, or for one's own log.
    fn take_in(&mut self, ok: &Value) {
        ok["epoch"]
            .as_str()
            .expect("an epoch")
            .clone_into(&mut self.epoch);
        let events = ok["events"].as_array().expect("events");
        if ok["room"] == "@me" {
            self.me = ok["info"].clone();
            for event in events {
                self.apply(event);
            }
            self.me_head = ok["head"].as_u64().expect("a head");
            return;
        }
        let id = ok["room"].as_str().expect("an id").to_owned();
        if ok["recovered"] == false {
            self.rooms.insert(id.clone(), ok["info"].clone());
        }
        for event in events {
            self.apply(event);
        }
        let room = self.rooms.get_mut(&id).expect("a room that it knows");
        for field in ["head", "n", "read", "read_n", "unread"] {
            room[field] = ok[field].clone();
        }
    }

    fn apply(&mut self, event: &Value) {
        let kind = event["ev"].as_str().expect("an event");
        let target = event["target"].as_str().unwrap_or_default();
        if event["room"] == "@me" {
            match kind {
                "removed" => drop(self.rooms.remove(target)),
                "role" => self.me["role"] = event["role"].clone(),
                "read" => {
                    if let Some(room) = self.rooms.get_mut(target) {
                        room["read"] = event["read"].clone();
                        room["read_n"] = event["read_n"].clone();
                    }
                }
                _ => {}
            }
            self.me_head = event["seq"].as_u64().unwrap_or(self.me_head);
        }
        if let Some(room) = event["room"].as_str().and_then(|id| self.rooms.get_mut(id)) {
            if event["seq"].is_number() {
                room["head"] = event["seq"].clone();
                room["n"] = event["n"].clone();
            }
            match kind {
                "settings" => {
                    for (field, value) in event.as_object().expect("an object") {
                        match field.as_str() {
                            "room_name" => room["name"] = value.clone(),
                            "title" | "topic" if value == "" => room[field] = Value::Null,
                            "title" | "topic" | "history" | "rules" => room[field] = value.clone(),
                            _ => {}
                        }
                    }
                }
                "membership" if event["user"] == self.me["id"] => {
                    room["role"] = event["role"].clone();
                }
                "owner" => {
                    room["owner"] = event["owner"].clone();
                    if event["owner"] == self.me["id"] {
                        room["role"] = json!("owner");
                    } else if event["previous"] == self.me["id"] {
                        room["role"] = json!("moderator");
                    }
                }
                "unsubscribed" | "deleted" => {
                    let id = event["room"].as_str().expect("an id").to_owned();
                    self.rooms.remove(&id);
                    return;
                }
                _ => {}
            }
            let of = |field: &str| room[field].as_u64().unwrap_or_default();
            room["unread"] = json!(of("n") - of("read_n"));
        }
    }

    /// What is to be the same for whoever asks anew. What a role may is asked when it changes.
    fn shown(&self) -> (Value, u64, BTreeMap<String, Value>) {
        (self.me["role"].clone(), self.me_head, self.rooms.clone())
    }
}

fn of<'a>(screen: &'a Screen, room: &Room) -> &'a Value {
    &screen.rooms[&room.id]
}

async fn one_request_tells_the_first_screen() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let open = ana.room("open", Kind::Public).await;
    let closed = ana.room("closed", Kind::Private).await;
    let strange = ana.room("strange", Kind::Public).await;
    bob.join(&open).await;
    ana.add(&closed, &bob, "moderator").await;
    let direct = bob.post("/v1/dm", json!({"users": ["ana"]})).await.ok();
    for body in ["one", "two"] {
        ana.send(&open, body).await;
    }
    let mut screen = Screen::new(&bob).await;
    assert_eq!(screen.replies, 4, "for @me and three rooms");
    assert_eq!(
        (&screen.me["name"], &screen.me["role"]),
        (&json!("bob"), &json!("member"))
    );
    let permissions = screen.me["permissions"].as_array().expect("permissions");
    assert!(
        permissions.contains(&json!("message.send")),
        "{permissions:?}"
    );
    let shown = of(&screen, &open);
    let expected = json!({
        "name": "open", "kind": "public", "title": null, "topic": null, "history": "all",
        "rules": shown["rules"], "owner": ana.id, "role": "member",
        "head": 4, "n": 2, "read": 2, "read_n": 0, "unread": 2,
    });
    assert_eq!(*shown, expected);
    assert_eq!(of(&screen, &closed)["role"], "moderator");
    let direct = &screen.rooms[direct["id"].as_str().expect("an id")];
    let people = direct["people"].as_array().expect("people");
    assert!(
        people.contains(&json!({"id": ana.id, "name": "ana"})),
        "{people:?}"
    );
    assert!(!screen.rooms.contains_key(&strange.id));
    // From there on it listens to all of them.
    ana.send(&closed, "psst").await;
    assert_eq!(screen.ws.next_of("message").await["body"], "psst");
    bob.join(&strange).await;
    assert_eq!(screen.ws.next_of("added").await["target"], *strange.id);
}

async fn who_comes_back_is_told_what_changed_and_no_more() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let mut rooms = Vec::new();
    for i in 0..40 {
        let room = ana.room(&format!("room-{i}"), Kind::Public).await;
        bob.join(&room).await;
        ana.send(&room, "hi").await;
        rooms.push(room);
    }
    let mut screen = Screen::new(&bob).await;
    assert_eq!(screen.replies, 41);
    let all = screen.bytes;

    // He is away, and: something is said, something is read, he is taken out, and comes in elsewhere.
    let here = bob.connect().await;
    let left = std::mem::replace(&mut screen.ws, here);
    left.drop_tcp();
    ana.send(&rooms[0], "news").await;
    ana.request("PATCH", &rooms[1].path(""), json!({"title": "One"}))
        .await
        .ok();
    let body = json!({"seq": 3});
    bob.request("PUT", &rooms[2].path("/read"), body).await.ok();
    ana.remove(&rooms[3], &bob).await;
    let new = ana.room("new", Kind::Private).await;
    ana.add(&new, &bob, "member").await;
    screen.sync().await;
    assert_eq!(
        screen.replies, 5,
        "@me, three that changed, and the new one"
    );
    assert!(screen.bytes * 5 < all, "{} of {all}", screen.bytes);
    assert_eq!(of(&screen, &rooms[0])["unread"], 2);
    assert_eq!(of(&screen, &rooms[1])["title"], "One");
    assert_eq!(of(&screen, &rooms[2])["unread"], 0);
    assert_eq!(of(&screen, &new)["name"], "new");
    assert!(!screen.rooms.contains_key(&rooms[3].id));
    assert_eq!(screen.rooms.len(), 40);
    let fresh = Screen::new(&bob).await;
    assert_eq!(screen.shown(), fresh.shown());
    // What was not told of is listened to all the same.
    ana.send(&rooms[39], "late news").await;
    assert_eq!(screen.ws.next_of("message").await["body"], "late news");
}

/// Takes in events until it shows what whoever asks anew is shown.
async fn keeps_up(screen: &mut Screen, user: &User, after: &str) {
    let fresh = Screen::new(user).await.shown();
    let same = async {
        while screen.shown() != fresh {
            let frame = screen.ws.frame().await.expect("open");
            screen.apply(&frame);
            // A room that it does not know yet.
            if frame["ev"] == "added" {
                screen.sync().await;
            }
        }
    };
    if tokio::time::timeout(std::time::Duration::from_secs(20), same)
        .await
        .is_err()
    {
        let shown = screen.shown();
        assert_eq!(shown, fresh, "after {after}");
    }
}

async fn what_was_told_and_events_are_what_is_told_anew() {
    let server = Server::start().await;
    let admin = server.admin();
    let (ana, bob, cat) = (
        server.user("ana").await,
        server.user("bob").await,
        server.user("cat").await,
    );
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let doomed = bob.room("doomed", Kind::Private).await;
    let mut screen = Screen::new(&bob).await;
    let seq = ana.send(&room, "hi").await["seq"].clone();
    let own = bob.send(&doomed, "mine").await["seq"].clone();
    keeps_up(&mut screen, &bob, "messages").await;
    let edit = json!({"body": "hello"});
    ana.request("PATCH", &room.message(&seq), edit).await.ok();
    ana.delete(&room.message(&seq)).await.ok();
    keeps_up(&mut screen, &bob, "an edit and a deletion").await;
    bob.request("PUT", &room.path("/read"), json!({"seq": seq}))
        .await
        .ok();
    bob.request("PUT", &room.path("/read"), json!({"seq": 1, "back": true}))
        .await
        .ok();
    keeps_up(&mut screen, &bob, "reading").await;
    for body in [
        json!({"name": "common", "title": "Common", "topic": "this", "history": "since_join"}),
        json!({"title": null, "topic": null, "post": "viewer", "slow_mode": 2}),
        json!({"locked": true}),
    ] {
        ana.request("PATCH", &room.path(""), body).await.ok();
        keeps_up(&mut screen, &bob, "settings").await;
    }
    cat.join(&room).await;
    ana.add(&room, &bob, "moderator").await;
    keeps_up(&mut screen, &bob, "members").await;
    ana.post(&room.path("/transfer"), json!({"user": bob.id}))
        .await
        .ok();
    keeps_up(&mut screen, &bob, "a new owner").await;
    bob.post(&room.path("/transfer"), json!({"user": ana.id}))
        .await
        .ok();
    ana.add(&room, &bob, "viewer").await;
    keeps_up(&mut screen, &bob, "the owner before").await;
    cat.post("/v1/dm", json!({"users": ["ana", "bob"]}))
        .await
        .ok();
    keeps_up(&mut screen, &bob, "a direct conversation").await;
    bob.delete(&doomed.message(&own)).await.ok();
    bob.delete(&doomed.path("")).await.ok();
    keeps_up(&mut screen, &bob, "a room's end").await;
    let ban = room.path(&format!("/bans/{}", bob.id));
    ana.request("PUT", &ban, json!({})).await.ok();
    keeps_up(&mut screen, &bob, "a ban").await;
    ana.delete(&ban).await.ok();
    bob.join(&room).await;
    keeps_up(&mut screen, &bob, "coming again").await;
    let mute = format!("/v1/users/{}/mute", bob.id);
    admin.put(&mute, json!({})).await;
    admin.give("bob", "moderator").await;
    keeps_up(&mut screen, &bob, "a mute and another role").await;
    bob.post(&room.path("/leave"), Value::Null).await.ok();
    keeps_up(&mut screen, &bob, "going out").await;
}

async fn positions_of_another_store_mean_nothing() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut screen = Screen::new(&bob).await;
    let known = screen.shown();
    // Everything is told, and the list of rooms with it.
    "0197c0de-0000-7000-8000-000000000000".clone_into(&mut screen.epoch);
    screen.rooms.insert(
        "0197c0de-0000-7000-8000-000000000001".to_owned(),
        json!({"head": 7}),
    );
    screen.sync().await;
    assert_eq!((screen.replies, screen.shown()), (2, known));
    // A position that never was is none.
    screen.rooms.get_mut(&room.id).expect("his room")["head"] = json!(4711);
    screen.sync().await;
    assert_eq!(of(&screen, &room)["name"], "general");
    assert_eq!(of(&screen, &room)["head"], 2);
}

async fn it_is_refused_as_a_whole_or_not_at_all() {
    let limited = Server::builder().set("limits.enabled", "true");
    let limited = limited
        .set("limits.subscribe_burst", "3")
        .set("limits.subscribe_rate", "1");
    let server = limited.start().await;
    let ana = server.user("ana").await;
    for i in 0..3 {
        ana.room(&format!("room-{i}"), Kind::Private).await;
    }
    let Screen { mut ws, rooms, .. } = Screen::new(&ana).await;
    assert_eq!(rooms.len(), 3);
    let id = ws.post(json!({"op": "sync"})).await.expect("open");
    let first = ws.answer(id).await.expect("one's own log");
    assert_eq!(first["room"], "@me");
    let refused = ws.answer(id).await.expect_err("too many at once");
    assert_eq!(refused.code, "rate_limited");
    assert!(refused.retry_after_ms.is_some());
    for op in [
        json!({"op": "sync", "rooms": [{"room": "general", "after": 1}]}),
        json!({"op": "sync", "rooms": [{"after": 1}]}),
        json!({"op": "sync", "me": -1}),
        json!({"op": "sync", "epoch": "now"}),
    ] {
        let refused = ws.request(op.clone()).await.expect_err("not so");
        assert_eq!(refused.code, "invalid_field", "{op}");
    }
    // A socket that has not said who it is gets nothing.
    let mut stranger = server.open().await;
    let refused = stranger
        .request(json!({"op": "sync"}))
        .await
        .expect_err("who?");
    assert_eq!(refused.code, "unauthorized");
    within("the end", stranger.closed()).await;
}
