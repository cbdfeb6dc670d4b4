//! The people of a run: where they come from, and what becomes of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use chatd::admin::{Client, Error, api};
use chatd::model::{Permission, Permissions, Status};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::rest::Rest;
use crate::failure::{Exit, Failure};

/// How much is under way at a time while people and rooms are made.
pub(super) const AT_ONCE: usize = 32;
/// How many ways to the admin socket are used.
const WAYS: usize = 8;
/// What the tokens of a run are good for.
const SCOPES: Permissions = Permissions::of(&[
    Permission::MessageRead,
    Permission::MessageSend,
    Permission::RoomCreate,
    Permission::RoomEdit,
    Permission::RoomJoin,
]);
/// How long they are, in seconds, should nobody take them back.
const GOOD: u64 = 24 * 60 * 60;
/// What our bots are called, by which they are told from those of others.
const MARK: &str = "chatd bench";
/// What ends with the run.
const REASON: &str = "chatd bench is over";

/// Where people come from.
#[derive(Clone)]
pub(super) enum Origin {
    /// The admin socket makes bots.
    Socket(Vec<Client>),
    /// Somebody who may manage accounts makes bots, over REST.
    Manager { rest: Rest, token: String },
    /// They register.
    Register { rest: Rest, invite: Option<String> },
}

/// Somebody.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) token: String,
    /// How many seconds the token is good.
    pub(super) good: u64,
}

/// What was made, so that it can be taken away again, whatever happens meanwhile.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Accounts are numbered from 0; so many may have been made.
    accounts: AtomicUsize,
}

impl Origin {
    /// By the admin socket of this machine.
    pub(super) fn socket(client: Client) -> Self {
        Self::Socket(vec![client])
    }

    /// The same, with new ways to the admin socket where that is the way: over one that said nothing for a minute
    /// the server says nothing more.
    pub(super) async fn renewed(
        &self,
        open: impl AsyncFn() -> Result<Client, Error>,
    ) -> Result<Self, Error> {
        let Self::Socket(_) = self else {
            return Ok(self.clone());
        };
        let mut ways = Vec::with_capacity(WAYS);
        while ways.len() < WAYS {
            ways.push(open().await?);
        }
        Ok(Self::Socket(ways))
    }

    /// What will be done, in words.
    pub(super) fn plan(&self, count: usize) -> String {
        let accounts = crate::output::count(count as u64, "account");
        match self {
            Self::Socket(_) => format!(
                "use {accounts} bench-0 … of bots, made or switched on again by the admin socket; switched off \
                 again at the end"
            ),
            Self::Manager { .. } => format!(
                "use {accounts} bench-0 … of bots, made or switched on again by that token; switched off again at \
                 the end"
            ),
            Self::Register { .. } => format!(
                "register {accounts} with passwords that nobody knows; nobody can take accounts away over REST, so \
                 they stay"
            ),
        }
    }

    /// What has become of them, in words.
    pub(super) fn left(&self, count: usize, run: &str) -> String {
        let accounts = crate::output::count(count as u64, "account");
        match self {
            Self::Socket(_) | Self::Manager { .. } => format!(
                "{accounts} bench-0 … stay, switched off and without tokens, for the next run"
            ),
            Self::Register { .. } => format!(
                "{accounts} {run}-0 … stay, logged out; an operator takes one away with `chatd user erase NAME`"
            ),
        }
    }

    /// Makes so many.
    pub(super) async fn make(
        &self,
        count: usize,
        run: &str,
        made: &Made,
    ) -> Result<Vec<Person>, Failure> {
        let people = stream::iter(0..count).map(|number| async move {
            made.accounts.fetch_max(number + 1, Ordering::Relaxed);
            match self {
                Self::Register { rest, invite } => {
                    register(rest, number, run, invite.as_deref()).await
                }
                _ => self.bot(number, run).await,
            }
        });
        people.buffered(AT_ONCE).try_collect().await
    }

    /// A bot with a token. One that is there from another run is switched on.
    async fn bot(&self, number: usize, run: &str) -> Result<Person, Failure> {
        let name = format!("bench-{number}");
        let new = api::NewUser {
            name: name.clone(),
            role: None,
            display_name: Some(MARK.to_owned()),
            email: None,
            bot: true,
            password: None,
            dry_run: false,
        };
        let made: Result<api::NewUserMade, Failure> =
            self.ask(number, Method::POST, "/v1/users", &new).await;
        match made {
            Ok(_) => {}
            Err(taken) if taken.code() == "conflict" => {
                let user = self.look(number).await?;
                if !is_ours(&user) {
                    return Err(Failure::Listed {
                        what: format!(
                            "the account {name} is there, and is no bot of `chatd bench`"
                        ),
                        lines: Vec::new(),
                        exit: Exit::Conflict,
                        hint: "it was left alone; put a server of its own under load".into(),
                    });
                }
                if user.status != Status::Active {
                    self.switch(number, Status::Active).await?;
                }
            }
            Err(other) => return Err(other),
        }
        let token = api::NewToken {
            // Like no other that the bot may still have.
            name: run.to_owned(),
            scopes: SCOPES,
            expires_in: Some(GOOD),
            dry_run: false,
        };
        let path = format!("/v1/users/{name}/tokens");
        let issued: api::TokenIssued = self.ask(number, Method::POST, &path, &token).await?;
        let token = issued.token.unwrap_or_default();
        Ok(Person {
            name,
            token,
            good: GOOD,
        })
    }

    async fn look(&self, number: usize) -> Result<api::User, Failure> {
        let path = format!("/v1/users/bench-{number}");
        let user: api::UserDetail = self.ask(number, Method::GET, &path, &Value::Null).await?;
        Ok(user.user)
    }

    async fn switch(&self, number: usize, status: Status) -> Result<(), Failure> {
        let path = format!("/v1/users/bench-{number}/status");
        let reason = (status == Status::Disabled).then(|| REASON.to_owned());
        let body = api::GiveStatus {
            status,
            reason,
            dry_run: false,
        };
        self.ask(number, Method::PUT, &path, &body)
            .await
            .map(|_: api::User| ())
    }

    /// Takes away what was made, as far as that can be. Answers how many there were.
    pub(super) async fn end(&self, made: &Made, people: &[Person]) -> Result<usize, Failure> {
        let count = made.accounts.load(Ordering::Relaxed);
        let ended = stream::iter(0..count).map(|number| async move {
            match self {
                Self::Register { rest, .. } => {
                    let Some(person) = people.get(number) else {
                        return Ok(0);
                    };
                    let path = (Method::POST, "/v1/logout");
                    let token = Some(person.token.as_str());
                    rest.ask(number, "log out", path, token, &Value::Null)
                        .await
                        .map(|_: Value| 1)
                }
                _ => self.end_bot(number).await,
            }
        });
        let ended: Vec<_> = ended.buffer_unordered(AT_ONCE).collect().await;
        ended.into_iter().sum()
    }

    /// Switches a bot off; answers how many that was. One that is not ours, or was not made yet when the run ended, is
    /// none.
    async fn end_bot(&self, number: usize) -> Result<usize, Failure> {
        match self.look(number).await {
            Ok(user) if is_ours(&user) => self.switch(number, Status::Disabled).await.map(|()| 1),
            Ok(_) => Ok(0),
            Err(gone) if gone.code() == "not_found" => Ok(0),
            Err(other) => Err(other),
        }
    }

    /// Asks whoever manages accounts.
    async fn ask<T: DeserializeOwned>(
        &self,
        turn: usize,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Failure> {
        match self {
            Self::Socket(ways) => {
                let way = &ways[turn % ways.len()];
                let answer = match method {
                    Method::GET => way.get(path).await,
                    Method::PUT => way.put(path, body).await,
                    _ => way.post(path, body).await,
                };
                Ok(answer?)
            }
            Self::Manager { rest, token } => {
                let body = serde_json::to_value(body).map_err(anyhow::Error::from)?;
                let asked = (method, path);
                rest.ask(turn, "manage accounts", asked, Some(token), &body)
                    .await
            }
            Self::Register { .. } => Err(Failure::Problems("nobody manages accounts".into())),
        }
    }
}

/// Whether an account is a bot that a run has made.
fn is_ours(user: &api::User) -> bool {
    user.bot && user.display_name.as_deref() == Some(MARK)
}

/// Somebody new, logged in.
async fn register(
    rest: &Rest,
    number: usize,
    run: &str,
    invite: Option<&str>,
) -> Result<Person, Failure> {
    let name = format!("{run}-{number}");
    // Each has 74 random bits, and nobody is told.
    let password = format!("{}-{}", uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    let mut new = json!({"username": name, "password": password});
    if let Some(invite) = invite {
        new["invite"] = invite.into();
    }
    let path = (Method::POST, "/v1/register");
    let _: Value = rest.ask(number, "register", path, None, &new).await?;
    let login = json!({"login": name, "password": password, "device": "chatd bench"});
    let path = (Method::POST, "/v1/login");
    let tokens: Value = rest.ask(number, "log in", path, None, &login).await?;
    let token = tokens["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let good = tokens["expires_in"].as_u64().unwrap_or(0);
    Ok(Person { name, token, good })
}
