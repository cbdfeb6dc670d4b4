//! An open room on a screen: its messages and who is in it, read once and kept by events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Room, User};

pub(super) struct Sheet {
    path: String,
    /// How far the room was when it was read: what came before is in it.
    read_at: u64,
    messages: BTreeMap<u64, Value>,
    /// Who is in it, with their role.
    members: BTreeMap<String, Value>,
    /// The pinned messages as the room lists them; none once that follows from the messages.
    listed: Option<Vec<u64>>,
}

impl Sheet {
    pub(super) async fn read(user: &User, id: &str) -> Self {
        let room = Room {
            id: id.to_owned(),
            name: String::new(),
        };
        let (mut messages, mut read_at, mut after) = (BTreeMap::new(), 0, 0);
        loop {
            let path = room.path(&format!("/messages?after={after}&limit=200"));
            let page = user.get(&path).await.ok();
            read_at = page["head"].as_u64().expect("a head").max(read_at);
            for message in page["items"].as_array().expect("items") {
                after = message["seq"].as_u64().expect("a seq");
                messages.insert(after, plain(message.clone()));
            }
            if page["items"] == json!([]) {
                break;
            }
        }
        let members = user.get(&room.path("/members?limit=200")).await.ok();
        let members = members["items"].as_array().expect("items").iter();
        let members = members.map(|m| {
            let id = m["user"]["id"].as_str().expect("an id");
            (id.to_owned(), m["role"].clone())
        });
        let pins = user.get(&room.path("/pins")).await.ok();
        let pins = pins["items"].as_array().expect("items").iter();
        Self {
            path: room.path("/messages"),
            read_at,
            messages,
            members: members.collect(),
            listed: Some(pins.filter_map(|m| m["seq"].as_u64()).collect()),
        }
    }

    pub(super) fn shown(&self) -> Value {
        let pins = self.listed.clone().unwrap_or_else(|| self.pins());
        json!({"messages": self.messages, "members": self.members, "pins": pins})
    }

    /// The pinned messages, the one that was pinned last first.
    fn pins(&self) -> Vec<u64> {
        let pinned = |(seq, m): (&u64, &Value)| Some((m["pinned"]["seq"].as_u64()?, *seq));
        let mut pins: Vec<_> = self.messages.iter().filter_map(pinned).collect();
        pins.sort_unstable_by(|a, b| b.cmp(a));
        pins.into_iter().map(|(_, seq)| seq).collect()
    }

    pub(super) async fn apply(&mut self, user: &User, event: &Value) {
        if event["seq"].as_u64().is_none_or(|seq| seq <= self.read_at) {
            return;
        }
        self.listed = None;
        let target = event["target"].as_u64();
        let kind = event["ev"].as_str().expect("an event");
        match kind {
            "message" => self.say(event),
            "membership" => {
                let id = event["user"].as_str().expect("an id").to_owned();
                match &event["role"] {
                    Value::Null => drop(self.members.remove(&id)),
                    role => drop(self.members.insert(id, role.clone())),
                }
            }
            "owner" => {
                let of = |field: &str| event[field].as_str().expect(field).to_owned();
                self.members.insert(of("previous"), json!("moderator"));
                self.members.insert(of("owner"), json!("owner"));
            }
            "purged" => {
                let gone = event["first"].as_u64()..=event["last"].as_u64();
                self.messages.retain(|seq, _| !gone.contains(&Some(*seq)));
            }
            "restore" => {
                let target = target.expect("a target");
                let message = user.get(&format!("{}/{target}", self.path)).await.ok();
                self.messages.insert(target, plain(message));
            }
            "edit" if event["body"].is_null() => {
                let target = target.expect("a target");
                let message = user.get(&format!("{}/{target}", self.path)).await.ok();
                self.messages.insert(target, plain(message));
            }
            _ => {
                if let Some(message) = target.and_then(|target| self.messages.get_mut(&target)) {
                    change(message, event, &user.id);
                }
            }
        }
    }

    fn say(&mut self, event: &Value) {
        let mut message = event.clone();
        let fields = message.as_object_mut().expect("an object");
        for of_event in ["ev", "room", "txn"] {
            fields.remove(of_event);
        }
        let id = fields.remove("message").expect("an id");
        fields.insert("id".to_owned(), id);
        let seq = event["seq"].as_u64().expect("a seq");
        let answers = event["reply_to"].as_u64();
        if let Some(answered) = answers.and_then(|to| self.messages.get_mut(&to)) {
            let count = answered["replies"]["count"].as_u64().unwrap_or_default() + 1;
            answered["replies"] = json!({"count": count, "last": seq, "at": event["at"]});
        }
        self.messages.insert(seq, message);
    }
}

/// A message without what is only its author's to see, its mentions as events have them.
fn plain(mut message: Value) -> Value {
    let fields = message.as_object_mut().expect("an object");
    fields.remove("txn");
    if let Some(Value::Array(mentions)) = fields.get_mut("mentions") {
        for mention in mentions {
            *mention = mention["id"].take();
        }
    }
    message
}

/// What an event makes of the message that it is about.
fn change(message: &mut Value, event: &Value, me: &str) {
    match event["ev"].as_str().expect("an event") {
        "edit" => {
            let count = message["edited"]["count"].as_u64().unwrap_or_default() + 1;
            message["body"] = event["body"].clone();
            message["edited"] = json!({"at": event["at"], "seq": event["seq"], "count": count});
        }
        "delete" => {
            let fields = message.as_object_mut().expect("an object");
            let stays = ["seq", "n", "id", "from", "name", "at", "replies"];
            fields.retain(|field, _| stays.contains(&field.as_str()));
            fields.insert("body".to_owned(), json!(""));
            fields.insert("deleted".to_owned(), json!(true));
        }
        "pin" if event["on"] == true => {
            let by = json!({"id": event["from"], "name": event["name"]});
            message["pinned"] = json!({"by": by, "seq": event["seq"], "at": event["at"]});
        }
        "pin" => drop(message.as_object_mut().expect("an object").remove("pinned")),
        "reaction" => react(message, event, me),
        "file_gone" => {
            let files = message["files"].as_array_mut().expect("files");
            let gone = files.iter_mut().find(|file| file["id"] == event["file"]);
            gone.expect("it is there")["gone"] = json!(true);
        }
        _ => {}
    }
}

/// Of each emoji the first three people are shown: a client that is told of no more than three knows them all.
fn react(message: &mut Value, event: &Value, me: &str) {
    let mut sums = message["reactions"].as_array().cloned().unwrap_or_default();
    let who = json!({"id": event["from"], "name": event["name"]});
    let all = event["emoji"].is_null();
    if event["on"] == true {
        match sums.iter_mut().find(|sum| sum["emoji"] == event["emoji"]) {
            Some(sum) => {
                sum["count"] = json!(sum["count"].as_u64().unwrap_or_default() + 1);
                sum["first"].as_array_mut().expect("a list").push(who);
            }
            None => sums.push(json!({"emoji": event["emoji"], "count": 1, "first": [who]})),
        }
    } else {
        for sum in &mut sums {
            let first = sum["first"].as_array().cloned().unwrap_or_default();
            let left: Vec<_> = first.iter().filter(|one| **one != who).cloned().collect();
            if (all || sum["emoji"] == event["emoji"]) && left.len() < first.len() {
                sum["count"] = json!(sum["count"].as_u64().unwrap_or_default() - 1);
                sum["first"] = json!(left);
            }
        }
        sums.retain(|sum| sum["count"] != 0);
    }
    for sum in &mut sums {
        let mine = |one: &Value| one["id"] == *me;
        sum["mine"] = json!(sum["first"].as_array().is_some_and(|f| f.iter().any(mine)));
    }
    let fields = message.as_object_mut().expect("an object");
    if sums.is_empty() {
        fields.remove("reactions");
    } else {
        fields.insert("reactions".to_owned(), json!(sums));
    }
}
