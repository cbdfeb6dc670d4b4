//! Setting the stage and clearing it: accounts, rooms, who is in which; all of it taken away again at the end,
//! also when the run was broken off.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

use chatd::admin::{Client, Error};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    accounts::{AT_ONCE, Made, Origin, Person},
    fleet::Seats,
    rest::Rest,
};
use crate::failure::Failure;

/// What a run needs on the server.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Need {
    pub(super) rooms: usize,
    /// Connections in each.
    pub(super) members: usize,
    pub(super) accounts: usize,
    /// Rooms that everybody is in beside their own.
    pub(super) further: usize,
}

impl Need {
    pub(super) fn connections(&self) -> usize {
        self.rooms * self.members
    }
}

/// The stage.
pub(super) struct Setup {
    /// What everything of this run is called.
    pub(super) run: String,
    origin: Origin,
    rest: Rest,
    made: Made,
    people: RefCell<Vec<Person>>,
    /// The rooms that were made, and by whom.
    rooms: RefCell<Vec<(String, usize)>>,
}

/// What was there in the end.
#[derive(Debug, Default, Serialize)]
pub(super) struct Left {
    /// Rooms that were deleted.
    pub(super) rooms_deleted: usize,
    /// What stays, and what did not go.
    pub(super) words: Vec<String>,
}

impl Setup {
    pub(super) fn new(origin: Origin, rest: Rest) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_millis());
        Self {
            // Like no other run's, and short enough for names.
            run: format!("bench-{:x}", now & 0xff_ffff_ffff),
            origin,
            rest,
            made: Made::default(),
            people: RefCell::default(),
            rooms: RefCell::default(),
        }
    }

    /// Makes all of it. Answers the rooms' ids, and those of the further ones.
    pub(super) async fn make(&self, need: &Need) -> Result<(Vec<String>, Vec<String>), Failure> {
        let people = self
            .origin
            .make(need.accounts, &self.run, &self.made)
            .await?;
        self.people.borrow_mut().clone_from(&people);
        let accounts = people.len();
        let own = (0..need.rooms).map(|room| {
            let members = room * need.members..(room + 1) * need.members;
            let in_it: BTreeSet<_> = members.map(|c| Seats::account(c, accounts)).collect();
            (room, Seats::account(room * need.members, accounts), in_it)
        });
        let own: Vec<_> = own.collect();
        let further = (0..need.further)
            .map(|room| (need.rooms + room, room % accounts, (0..accounts).collect()));
        let further: Vec<(usize, usize, BTreeSet<usize>)> = further.collect();
        let people = &people;
        let make = |rooms: Vec<(usize, usize, BTreeSet<usize>)>| async move {
            let made = stream::iter(rooms).map(|(room, owner, members)| async move {
                self.room(room, owner, &members, people).await
            });
            made.buffered(AT_ONCE / 4).try_collect::<Vec<_>>().await
        };
        Ok((make(own).await?, make(further).await?))
    }

    async fn room(
        &self,
        number: usize,
        owner: usize,
        members: &BTreeSet<usize>,
        people: &[Person],
    ) -> Result<String, Failure> {
        let by = Some(people[owner].token.as_str());
        let body = json!({"name": format!("{}-{number}", self.run), "kind": "private"});
        let path = (Method::POST, "/v1/rooms");
        let made: Value = self.rest.ask(owner, "make a room", path, by, &body).await?;
        let id = made["id"].as_str().unwrap_or_default().to_owned();
        self.rooms.borrow_mut().push((id.clone(), owner));
        let others = members.iter().copied().filter(|member| *member != owner);
        let added = stream::iter(others).map(|member| {
            let path = format!("/v1/rooms/{id}/members/{}", people[member].name);
            async move {
                let path = (Method::PUT, path.as_str());
                let body = json!({});
                let added = self.rest.ask(member, "add a member", path, by, &body).await;
                added.map(|_: Value| ())
            }
        });
        added
            .buffer_unordered(AT_ONCE / 4)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(id)
    }

    /// The tokens, in the order of the accounts; and how many seconds the first of them to end is good.
    pub(super) fn tokens(&self) -> (Vec<String>, u64) {
        let people = self.people.borrow();
        let good = people.iter().map(|person| person.good).min();
        let tokens = people.iter().map(|person| person.token.clone());
        (tokens.collect(), good.unwrap_or(0))
    }

    /// Clears it. What does not go is told; it is no failure of the run.
    pub(super) async fn clear(&self, open: impl AsyncFn() -> Result<Client, Error>) -> Left {
        let mut left = Left::default();
        let renewed = self.origin.renewed(open).await;
        // Without new ways the old ones say why not.
        let origin = renewed.unwrap_or_else(|_| self.origin.clone());
        let rooms = self.rooms.take();
        let people = self.people.take();
        let deleted = stream::iter(&rooms).map(|(room, owner)| {
            let people = &people;
            async move {
                let path = format!("/v1/rooms/{room}");
                let by = Some(people[*owner].token.as_str());
                let path = (Method::DELETE, path.as_str());
                let done = self
                    .rest
                    .ask(*owner, "delete a room", path, by, &Value::Null);
                done.await.map(|_: Value| ())
            }
        });
        let deleted: Vec<_> = deleted.buffer_unordered(AT_ONCE / 4).collect().await;
        left.rooms_deleted = deleted.iter().filter(|done| done.is_ok()).count();
        if left.rooms_deleted > 0 {
            let rooms = crate::output::count(left.rooms_deleted as u64, "room");
            left.words
                .push(format!("{rooms} deleted, with the messages in it"));
        }
        if let Some(why) = deleted.iter().find_map(|done| done.as_ref().err()) {
            let rooms = rooms.len() - left.rooms_deleted;
            left.words.push(format!(
                "{} called {}-… could not be deleted — {why}; `chatd room list` shows them",
                crate::output::count(rooms as u64, "room"),
                self.run
            ));
        }
        match origin.end(&self.made, &people).await {
            Ok(0) => {}
            Ok(count) => left.words.push(origin.left(count, &self.run)),
            Err(why) => left.words.push(format!(
                "its accounts could not be switched off — {why}; `chatd user list` shows them"
            )),
        }
        left
    }

    /// What will be done, in words.
    pub(super) fn plan(&self, need: &Need) -> Vec<String> {
        let rooms = crate::output::count((need.rooms + need.further) as u64, "private room");
        vec![
            self.origin.plan(need.accounts),
            format!("make {rooms} called {}-…, deleted at the end", self.run),
        ]
    }
}
