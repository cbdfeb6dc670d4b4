//! What a client was told, and events, are what it would be told anew: step by step, for every kind of event there is.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Screen, Server, User, on_both};

on_both!(what_was_told_and_events_are_what_is_told_anew);

async fn what_was_told_and_events_are_what_is_told_anew() {
    let mut told = Told::new().await;
    told.talking().await;
    told.reacting_and_pinning().await;
    told.mentioning().await;
    told.deleting().await;
    told.purging().await;
    told.settings_and_members().await;
    told.of_the_moment().await;
    told.coming_and_going().await;
    // A new kind of event: a step above, in which it comes; and what a client makes of it, in `support/screen.rs`.
    let came: Vec<_> = told.screen.seen.iter().map(String::as_str).collect();
    let mut all: Vec<_> = came.into_iter().chain(ELSEWHERE).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, documented());
    assert_eq!(all, in_code());
}

/// Events about the connection itself, which other tests wait for; and that a room is deleted, which is dropped in favour of
/// `unsubscribed` right behind it unless it has left by then.
const ELSEWHERE: [&str; 4] = ["closing", "deleted", "ping", "token_expiring"];

/// The events of the wire contract, in order.
fn documented() -> Vec<String> {
    let docs = include_str!("../docs/protocol.md");
    words(docs, &["\"ev\":\""])
}

/// Those that the server makes: the kinds of entries that are told, and what is no entry.
fn in_code() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut events = Vec::new();
    let mut left = vec![root.join("../src")];
    while let Some(place) = left.pop() {
        if place.is_dir() {
            let inside = std::fs::read_dir(&place).expect("a directory");
            left.extend(inside.map(|file| file.expect("a file").path()));
            continue;
        }
        let text = std::fs::read_to_string(&place).expect("a text");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let told = ["ev: \"", "\"ev\": \"", "bare(\""];
        if !place.components().any(|part| part.as_os_str() == "tests") {
            events.extend(words(code, &told));
        }
        if place.ends_with("store/payload.rs") {
            let (_, known) = code.split_once("const KNOWN").expect("the kinds");
            let (known, _) = known.split_once("];").expect("an end");
            events.extend(words(known, &["    \""]));
        }
    }
    // Of the control log nobody is told.
    events.retain(|event| event != "act");
    events.sort_unstable();
    events.dedup();
    events
}

/// The words behind these beginnings, in order.
fn words(text: &str, beginnings: &[&str]) -> Vec<String> {
    let mut words = Vec::new();
    for beginning in beginnings {
        let found = text.split(beginning).skip(1);
        let word = |rest: &str| rest.split('"').next().map(str::to_owned);
        words.extend(found.filter_map(word));
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// Bob's screen, and those who see to it that something happens there.
struct Told {
    server: Server,
    ana: User,
    bob: User,
    cat: User,
    room: Room,
    doomed: Room,
    screen: Screen,
}

impl Told {
    async fn new() -> Self {
        let server = Server::archiving().await;
        let (ana, bob, cat) = (
            server.user("ana").await,
            server.user("bob").await,
            server.user("cat").await,
        );
        let room = ana.room("general", Kind::Public).await;
        ana.send(&room, "before his time").await;
        bob.join(&room).await;
        cat.join(&room).await;
        let doomed = bob.room("doomed", Kind::Private).await;
        let mut screen = Screen::new(&bob).await;
        screen.open(&room.id).await;
        screen.open(&doomed.id).await;
        Self {
            server,
            ana,
            bob,
            cat,
            room,
            doomed,
            screen,
        }
    }

    async fn same(&mut self, after: &str) {
        self.screen.keeps_up(after).await;
    }

    fn unread_mentions(&self) -> &Value {
        &self.screen.rooms[&self.room.id]["unread_mentions"]
    }

    async fn answer(&self, user: &User, to: &Value, body: &str) -> Value {
        let body = json!({"body": body, "reply_to": to});
        let sent = user.post(&self.room.path("/messages"), body).await.ok();
        sent["seq"].clone()
    }

    async fn read(&mut self, seq: &Value, back: bool) {
        let body = json!({"seq": seq, "back": back});
        let path = self.room.path("/read");
        self.bob.request("PUT", &path, body).await.ok();
    }

    async fn talking(&mut self) {
        let said = self.ana.send(&self.room, "hi").await["seq"].clone();
        self.bob.send(&self.doomed, "mine").await;
        let answer = self.answer(&self.bob, &said, "hi yourself").await;
        self.answer(&self.cat, &said, "good morning").await;
        self.same("messages and answers").await;
        for body in ["hello", "hello, all"] {
            let edit = json!({"body": body});
            let path = self.room.message(&said);
            self.ana.request("PATCH", &path, edit).await.ok();
        }
        self.same("edits").await;
        let files = [self.upload("a.txt").await, self.upload("b.txt").await];
        let path = self.room.path("/messages");
        self.ana.post(&path, json!({"files": files})).await.ok();
        self.same("files").await;
        let delete = ["file", "delete", &files[0], "--reason", "case 17", "--yes"];
        self.server.cli(&delete).await.ok();
        self.same("a file that is gone").await;
        self.read(&answer, false).await;
        self.same("reading").await;
        self.read(&json!(1), true).await;
        self.same("reading back").await;
    }

    /// Uploads a file of ana's: its id.
    async fn upload(&self, name: &str) -> String {
        let request = hyper::Request::post(format!("/v1/files?name={name}"))
            .header("authorization", format!("Bearer {}", self.ana.token))
            .body(b"some text".to_vec())
            .expect("a request");
        let reply = self.ana.rest.send(request).await.expect("an answer");
        assert_eq!(reply.status, 201, "{reply:#?}");
        reply.body["id"].as_str().expect("an id").to_owned()
    }

    async fn reacting_and_pinning(&mut self) {
        let said = self.ana.send(&self.room, "the rules").await["seq"].clone();
        let other = self.ana.send(&self.room, "the menu").await["seq"].clone();
        let reaction = |emoji| {
            self.room
                .path(&format!("/messages/{said}/reactions/{emoji}"))
        };
        let (thumb, party) = (reaction("%F0%9F%91%8D"), reaction(":party:"));
        for (user, path) in [
            (&self.ana, &thumb),
            (&self.bob, &party),
            (&self.cat, &thumb),
            (&self.bob, &thumb),
        ] {
            user.request("PUT", path, Value::Null).await.ok();
        }
        self.same("reactions").await;
        self.ana.delete(&thumb).await.ok();
        self.bob.delete(&party).await.ok();
        self.same("what was taken back").await;
        let taken = self
            .room
            .path(&format!("/messages/{said}/reactors/%F0%9F%91%8D"));
        self.ana.delete(&taken).await.ok();
        self.same("what was taken away").await;
        for seq in [&said, &other] {
            let pin = self.room.path(&format!("/pins/{seq}"));
            self.ana.request("PUT", &pin, Value::Null).await.ok();
        }
        self.same("pins").await;
        let pin = self.room.path(&format!("/pins/{said}"));
        self.ana.delete(&pin).await.ok();
        self.same("what was taken down").await;
    }

    async fn mentioning(&mut self) {
        let named = self.ana.send(&self.room, "lunch, @bob?").await["seq"].clone();
        let all = self.ana.send(&self.room, "lunch, @room!").await["seq"].clone();
        self.cat.send(&self.room, "@bob @ana").await;
        self.bob.send(&self.room, "coming, @ana").await;
        self.bob.send(&self.doomed, "@room").await;
        self.same("mentions").await;
        assert_eq!(*self.unread_mentions(), 3);
        self.read(&named, false).await;
        self.same("reading a mention").await;
        assert_eq!(*self.unread_mentions(), 2);
        self.read(&json!(1), true).await;
        self.screen.until("unread").await;
        self.same("going back").await;
        assert_eq!(*self.unread_mentions(), 3);
        // An edit mentions nobody, and takes no mention away.
        for (seq, body) in [(&named, "lunch?"), (&all, "@bob @cat")] {
            let path = self.room.message(seq);
            let edit = json!({"body": body});
            self.ana.request("PATCH", &path, edit).await.ok();
        }
        self.same("edits of mentions").await;
        self.ana.delete(&self.room.message(&named)).await.ok();
        self.same("a mention that was deleted").await;
        assert_eq!(*self.unread_mentions(), 2);
    }

    async fn deleting(&mut self) {
        let said = self.cat.send(&self.room, "@bob, look").await["seq"].clone();
        self.answer(&self.ana, &said, "oh").await;
        let edit = json!({"body": "@bob, see"});
        self.cat
            .request("PATCH", &self.room.message(&said), edit)
            .await
            .ok();
        let path = self
            .room
            .path(&format!("/messages/{said}/reactions/:party:"));
        self.ana.request("PUT", &path, Value::Null).await.ok();
        let pin = self.room.path(&format!("/pins/{said}"));
        self.ana.request("PUT", &pin, Value::Null).await.ok();
        self.ana.send(&self.room, "so").await;
        self.same("something to delete").await;
        let asked = json!({"user": self.cat.id, "rooms": [self.room.id], "since": "1h"});
        let made = self.server.admin().post("/v1/redactions", asked).await;
        self.same("a redaction").await;
        let id = made["id"].as_str().expect("an id");
        let path = format!("/v1/redactions/{id}/restore");
        self.server.admin().post(&path, json!({})).await;
        self.same("its restoration").await;
    }

    async fn purging(&mut self) {
        let run = self.server.admin().archive().await;
        assert_eq!(run["state"], "done", "{run:#}");
        self.same("archiving").await;
        // A screen comes back after it.
        self.server.purge().await;
        self.screen.ws = self.bob.connect().await;
        self.screen.sync().await;
        self.same("a purge").await;
    }

    async fn settings_and_members(&mut self) {
        let (ana, bob, cat) = (self.ana.clone(), self.bob.clone(), self.cat.clone());
        let room = self.room.clone();
        for body in [
            json!({"name": "common", "title": "Common", "topic": "this", "history": "since_join"}),
            json!({"title": null, "topic": null, "post": "viewer", "slow_mode": 2}),
            json!({"locked": true}),
            json!({"locked": false, "slow_mode": 0, "history": "all"}),
        ] {
            ana.request("PATCH", &room.path(""), body).await.ok();
            self.same("settings").await;
        }
        ana.remove(&room, &cat).await;
        ana.add(&room, &cat, "viewer").await;
        ana.add(&room, &bob, "moderator").await;
        self.same("members").await;
        let to = |user: &User| json!({"user": user.id});
        ana.post(&room.path("/transfer"), to(&bob)).await.ok();
        self.same("a new owner").await;
        bob.post(&room.path("/transfer"), to(&ana)).await.ok();
        ana.add(&room, &bob, "member").await;
        self.same("the owner before").await;
        cat.post("/v1/dm", json!({"users": ["ana", "bob"]}))
            .await
            .ok();
        self.same("a direct conversation").await;
    }

    async fn of_the_moment(&mut self) {
        let asked = json!({"op": "presence", "room": self.room.id, "users": [self.ana.id]});
        self.screen.ws.request(asked).await.expect("a member");
        let mut ears = self.ana.connect().await;
        self.screen.until("presence").await;
        assert_eq!(self.screen.presence[&self.ana.id], "online");
        let typing = json!({"op": "typing", "room": self.room.id});
        ears.request(typing).await.expect("a member");
        self.screen.until("typing").await;
        assert_eq!(self.screen.typing.len(), 1);
        self.ana.send(&self.room, "typed").await;
        self.screen.until("message").await;
        assert_eq!(self.screen.typing.len(), 0);
        self.server
            .cli(&["notice", "we are back at 18:00"])
            .await
            .ok();
        self.screen.until("notice").await;
        assert_eq!(self.screen.notices, ["we are back at 18:00"]);
    }

    async fn coming_and_going(&mut self) {
        let (ana, bob) = (self.ana.clone(), self.bob.clone());
        let (room, doomed) = (self.room.clone(), self.doomed.clone());
        // Who has nothing of a room and asks for all is told of its beginning.
        let young = bob.room("young", Kind::Private).await;
        let mut again = bob.connect().await;
        let replay = again.subscribe(&young, Some(0)).await;
        for event in &replay.events {
            let kind = event["ev"].as_str().expect("an event");
            self.screen.seen.insert(kind.to_owned());
        }
        bob.delete(&doomed.path("")).await.ok();
        self.same("a room's end").await;
        ana.send(&room, "unread, @bob").await;
        self.same("a mention").await;
        let ban = room.path(&format!("/bans/{}", bob.id));
        ana.request("PUT", &ban, json!({})).await.ok();
        self.same("a ban").await;
        ana.delete(&ban).await.ok();
        bob.join(&room).await;
        self.same("coming again").await;
        assert_eq!(*self.unread_mentions(), 0);
        self.screen.open(&room.id).await;
        let mute = format!("/v1/users/{}/mute", bob.id);
        self.server.admin().put(&mute, json!({})).await;
        self.server.admin().give("bob", "moderator").await;
        self.same("a mute and another role").await;
        bob.post(&room.path("/leave"), Value::Null).await.ok();
        self.same("going out").await;
    }
}
