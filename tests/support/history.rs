//! What a room's log must look like from outside.

use serde_json::Value;

use super::{Room, User, Ws};

/// The answer to a subscribe, with the replay whole.
#[derive(Debug)]
pub(crate) struct Subscribed {
    pub(crate) head: u64,
    pub(crate) n: u64,
    pub(crate) recovered: bool,
    pub(crate) events: Vec<Value>,
}

impl Subscribed {
    /// The part of the replay that follows the reply, if any, is read too: it ends at the head told.
    pub(crate) async fn complete(ws: &mut Ws, answer: Value) -> Self {
        let mut this = Self {
            head: answer["head"].as_u64().expect("a head"),
            n: answer["n"].as_u64().expect("an n"),
            recovered: answer["recovered"].as_bool().expect("a verdict"),
            events: answer["events"].as_array().cloned().unwrap_or_default(),
        };
        assert!(answer["epoch"].is_string(), "no epoch: {answer}");
        if this.recovered {
            while this
                .events
                .last()
                .is_some_and(|e| e["seq"].as_u64() < Some(this.head))
            {
                this.events.push(ws.next_event().await);
            }
        } else {
            assert!(
                this.events.is_empty(),
                "a replay without recovery: {answer}"
            );
        }
        this
    }

    /// The bodies of the messages in the replay.
    pub(crate) fn bodies(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|e| e["body"].as_str())
            .collect()
    }
}

/// These events are the entries after `after`, one by one: no gap, no duplicate.
#[track_caller]
pub(crate) fn assert_consecutive<'a>(
    after: u64,
    events: impl IntoIterator<Item = &'a Value>,
) -> u64 {
    let mut last = after;
    for event in events {
        assert_eq!(
            event["seq"].as_u64(),
            Some(last + 1),
            "after {last}: {event:#}"
        );
        last += 1;
    }
    last
}

/// Every message of a room that `user` may read, over REST, page by page. The pages fit together: in
/// order, each once, `n` counts them.
pub(crate) async fn history(user: &User, room: &Room) -> Vec<Value> {
    let (mut items, mut after) = (Vec::<Value>::new(), 0);
    loop {
        let path = room.path(&format!("/messages?after={after}&limit=200"));
        let page = user.get(&path).await.ok();
        assert_eq!(page["gaps"], serde_json::json!([]), "{page:#}");
        let page = page["items"].as_array().expect("items");
        let Some(last) = page.last() else { break };
        after = last["seq"].as_u64().expect("a seq");
        items.extend(page.iter().cloned());
    }
    for pair in items.windows(2) {
        assert!(
            pair[0]["seq"].as_u64() < pair[1]["seq"].as_u64(),
            "order: {pair:#?}"
        );
        let next = pair[0]["n"].as_u64().map(|n| n + 1);
        assert_eq!(pair[1]["n"].as_u64(), next, "n counts messages: {pair:#?}");
    }
    items
}

/// Of the events of one or more rooms, the messages of this one.
pub(crate) fn messages(events: Vec<Value>, room: &Room) -> Vec<Value> {
    let of_room = |e: &Value| e["ev"] == "message" && e["room"] == *room.id;
    events.into_iter().filter(of_room).collect()
}
