//! What a client shows, kept as the wire contract says: told once, and current by events alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{User, Ws, sheet::Sheet};

pub(crate) struct Screen {
    pub(crate) ws: Ws,
    user: User,
    pub(crate) epoch: String,
    pub(crate) me: Value,
    me_head: u64,
    pub(crate) rooms: BTreeMap<String, Value>,
    /// Rooms that are open: their messages and members are shown, too.
    sheets: BTreeMap<String, Sheet>,
    /// Who types where, and who is there.
    pub(crate) typing: BTreeSet<(String, String)>,
    pub(crate) presence: BTreeMap<String, String>,
    /// What was told by the operator.
    pub(crate) notices: Vec<String>,
    /// The kinds of events that came.
    pub(crate) seen: BTreeSet<String>,
    /// How many replies there were to the last sync, and how many bytes of all that came meanwhile.
    pub(crate) replies: usize,
    pub(crate) bytes: usize,
}

/// What is to be the same for whoever asks anew. What a role may is asked when it changes.
pub(crate) type Shown = (Value, u64, BTreeMap<String, Value>, BTreeMap<String, Value>);

impl Screen {
    pub(crate) async fn new(user: &User) -> Self {
        let mut this = Self {
            ws: user.connect().await,
            user: user.clone(),
            epoch: String::new(),
            me: Value::Null,
            me_head: 0,
            rooms: BTreeMap::new(),
            sheets: BTreeMap::new(),
            typing: BTreeSet::new(),
            presence: BTreeMap::new(),
            notices: Vec::new(),
            seen: BTreeSet::new(),
            replies: 0,
            bytes: 0,
        };
        this.sync().await;
        this
    }

    /// Shows the messages and members of a room, too.
    pub(crate) async fn open(&mut self, room: &str) {
        let sheet = Sheet::read(&self.user, room).await;
        self.sheets.insert(room.to_owned(), sheet);
    }

    /// The same of the same user, asked anew.
    pub(crate) async fn anew(&self) -> Self {
        let mut fresh = Self::new(&self.user).await;
        let open = self.sheets.keys();
        let open: Vec<_> = open
            .filter(|room| fresh.rooms.contains_key(*room))
            .collect();
        for room in open {
            fresh.open(room).await;
        }
        fresh
    }

    /// Asks for what it does not have, and takes in all that comes until that is over.
    pub(crate) async fn sync(&mut self) {
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
                self.apply(&frame).await;
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
            self.take_in(ok).await;
        }
    }

    /// A reply for one room, or for one's own log.
    async fn take_in(&mut self, ok: &Value) {
        ok["epoch"]
            .as_str()
            .expect("an epoch")
            .clone_into(&mut self.epoch);
        let events = ok["events"].as_array().expect("events");
        if ok["room"] == "@me" {
            self.me = ok["info"].clone();
            for event in events {
                self.apply(event).await;
            }
            self.me_head = ok["head"].as_u64().expect("a head");
            return;
        }
        let id = ok["room"].as_str().expect("an id").to_owned();
        if ok["recovered"] == false {
            self.rooms.insert(id.clone(), ok["info"].clone());
            if self.sheets.contains_key(&id) {
                self.open(&id).await;
            }
        }
        for event in events {
            self.apply(event).await;
        }
        let room = self.rooms.get_mut(&id).expect("a room that it knows");
        for field in [
            "head",
            "n",
            "read",
            "read_n",
            "unread",
            "unread_mentions",
            "mentions",
        ] {
            room[field] = ok[field].clone();
        }
    }

    pub(crate) async fn apply(&mut self, event: &Value) {
        let kind = event["ev"].as_str().expect("an event");
        self.seen.insert(kind.to_owned());
        if event["room"] == "@me" {
            self.apply_mine(kind, event);
            return;
        }
        match kind {
            "typing" => return self.note_typing(event),
            "presence" => {
                let of = |field: &str| event[field].as_str().expect(field).to_owned();
                self.presence.insert(of("user"), of("state"));
                return;
            }
            "notice" => {
                let text = event["text"].as_str().expect("a text");
                return self.notices.push(text.to_owned());
            }
            _ => {}
        }
        let Some(id) = event["room"].as_str().map(str::to_owned) else {
            return;
        };
        if let Some(sheet) = self.sheets.get_mut(&id) {
            sheet.apply(&self.user, event).await;
        }
        let mine = self.me["id"].clone();
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        if event["seq"].is_number() {
            room["head"] = event["seq"].clone();
            room["n"] = event["n"].clone();
        }
        match kind {
            "settings" => settings(room, event),
            "membership" if event["user"] == mine => room["role"] = event["role"].clone(),
            "owner" => {
                room["owner"] = event["owner"].clone();
                if event["owner"] == mine {
                    room["role"] = json!("owner");
                } else if event["previous"] == mine {
                    room["role"] = json!("moderator");
                }
            }
            "message" => {
                let from = event["from"].as_str().unwrap_or_default().to_owned();
                self.typing.remove(&(id.clone(), from));
                if mentions(event, &mine) {
                    mention(room, event["seq"].as_u64().expect("a seq"));
                }
            }
            "delete" => keep_mentions(room, |seq| event["target"] != *seq),
            "purged" => {
                let gone = event["first"].as_u64()..=event["last"].as_u64();
                keep_mentions(room, |seq| !gone.contains(&Some(*seq)));
            }
            "restore" => {
                let path = format!("/v1/rooms/{id}/messages/{}", event["target"]);
                let message = self.user.get(&path).await;
                if message.status == 200 && mentions(&message.body, &mine) {
                    mention(room, event["target"].as_u64().expect("a seq"));
                }
            }
            "unsubscribed" | "deleted" => {
                self.rooms.remove(&id);
                self.sheets.remove(&id);
                return;
            }
            _ => {}
        }
        count(room);
    }

    /// An event on one's own log.
    fn apply_mine(&mut self, kind: &str, event: &Value) {
        let target = event["target"].as_str().unwrap_or_default();
        match kind {
            "removed" => {
                self.rooms.remove(target);
                self.sheets.remove(target);
            }
            "role" => self.me["role"] = event["role"].clone(),
            "read" => {
                if let Some(room) = self.rooms.get_mut(target) {
                    room["read"] = event["read"].clone();
                    room["read_n"] = event["read_n"].clone();
                    let read = event["read"].as_u64().expect("a seq");
                    keep_mentions(room, |seq| *seq > read);
                    count(room);
                }
            }
            "unread" => {
                if let Some(room) = self.rooms.get_mut(target) {
                    room["mentions"] = event["mentions"].clone();
                    count(room);
                    assert_eq!(room["unread_mentions"], event["unread_mentions"]);
                }
            }
            _ => {}
        }
        self.me_head = event["seq"].as_u64().unwrap_or(self.me_head);
    }

    fn note_typing(&mut self, event: &Value) {
        let of = |field: &str| event[field].as_str().expect(field).to_owned();
        let place = (of("room"), of("user"));
        if event["on"] == true {
            self.typing.insert(place);
        } else {
            self.typing.remove(&place);
        }
    }

    /// What is to be the same for whoever asks anew.
    pub(crate) fn shown(&self) -> Shown {
        let sheets = self.sheets.iter();
        let sheets = sheets.map(|(room, sheet)| (room.clone(), sheet.shown()));
        let role = self.me["role"].clone();
        (role, self.me_head, self.rooms.clone(), sheets.collect())
    }

    /// Takes in events until it shows what whoever asks anew is shown.
    pub(crate) async fn keeps_up(&mut self, after: &str) {
        let fresh = self.anew().await.shown();
        let same = async {
            while self.shown() != fresh {
                let frame = self.ws.frame().await.expect("open");
                self.apply(&frame).await;
                // A room that it does not know yet.
                if frame["ev"] == "added" {
                    self.sync().await;
                }
            }
        };
        let limit = std::time::Duration::from_secs(20);
        if tokio::time::timeout(limit, same).await.is_err() {
            assert_eq!(self.shown(), fresh, "after {after}");
        }
    }

    /// Takes in events until one of this kind came.
    pub(crate) async fn until(&mut self, kind: &str) {
        let came = async {
            loop {
                let frame = self.ws.frame().await.expect("open");
                self.apply(&frame).await;
                if frame["ev"] == kind {
                    return;
                }
            }
        };
        super::within(kind, came).await;
    }
}

fn settings(room: &mut Value, event: &Value) {
    for (field, value) in event.as_object().expect("an object") {
        match field.as_str() {
            "room_name" => room["name"] = value.clone(),
            "title" | "topic" if value == "" => room[field] = Value::Null,
            "title" | "topic" | "history" | "rules" => room[field] = value.clone(),
            _ => {}
        }
    }
}

/// Whether a message of somebody else, as an event or as a page has it, mentions me.
fn mentions(message: &Value, me: &Value) -> bool {
    let named = |all: &Vec<Value>| all.iter().any(|one| one == me || one["id"] == *me);
    let named = message["mentions"].as_array().is_some_and(named);
    message["from"] != *me && (named || message["everyone"] == true)
}

/// Adds a message to those that mention me, if it is unread.
fn mention(room: &mut Value, seq: u64) {
    if room["read"].as_u64() >= Some(seq) {
        return;
    }
    let all = room["mentions"].as_array_mut().expect("a list");
    if all.iter().all(|one| *one != seq) {
        all.push(json!(seq));
        all.sort_by_key(Value::as_u64);
    }
}

fn keep_mentions(room: &mut Value, keep: impl Fn(&u64) -> bool) {
    let all = room["mentions"].as_array_mut().expect("a list");
    all.retain(|seq| seq.as_u64().as_ref().is_some_and(&keep));
}

/// What follows from the rest.
fn count(room: &mut Value) {
    let of = |field: &str| room[field].as_u64().unwrap_or_default();
    room["unread"] = json!(of("n") - of("read_n"));
    room["unread_mentions"] = json!(room["mentions"].as_array().map_or(0, Vec::len));
}
