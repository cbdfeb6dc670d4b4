//! The operators' door: the admin socket, and the people and roles that tests make through it.

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::{
    Reply, Room, Server, User,
    rest::{build, exchange},
};

/// What a test says it ran.
pub(crate) const COMMAND: &str = "a test";

/// The admin socket of a server.
#[derive(Clone)]
pub(crate) struct Admin {
    socket: PathBuf,
}

impl Admin {
    pub(super) fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub(super) fn socket(&self) -> &std::path::Path {
        &self.socket
    }

    pub(crate) async fn request(&self, method: &str, path: &str, body: Value) -> Reply {
        match self.ask(method, path, body).await {
            Ok(reply) => reply,
            Err(err) => panic!("admin socket: {method} {path}: {err}"),
        }
    }

    /// The same, of a server that may end before it has answered.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Result<Reply, String> {
        let mut request = build(method, path, None, &body);
        let host = "chatd".parse().expect("a header");
        request.headers_mut().insert("host", host);
        for (claim, text) in [("x-chatd-command", COMMAND), ("x-chatd-sudo-user", "ben")] {
            let text = text.parse().expect("a header");
            request.headers_mut().insert(claim, text);
        }
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.expect("the admin socket listens");
        exchange(stream, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.request("GET", path, Value::Null).await.ok()
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        self.request("PUT", path, body).await.ok()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.request("POST", path, body).await.ok()
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Value {
        self.request("PATCH", path, body).await.ok()
    }

    pub(crate) async fn delete(&self, path: &str) -> Value {
        self.request("DELETE", path, Value::Null).await.ok()
    }

    /// Makes a role that includes these permissions.
    pub(crate) async fn new_role(&self, name: &str, permissions: &[&str]) {
        let role = json!({"name": name, "permissions": permissions});
        self.post("/v1/roles", role).await;
    }

    /// Gives an account a role.
    pub(crate) async fn give(&self, user: &str, role: &str) {
        let path = format!("/v1/users/{user}/role");
        self.put(&path, json!({"role": role})).await;
    }

    /// Switches an account on or off.
    pub(crate) async fn set_status(&self, user: &str, status: &str) -> Reply {
        let path = format!("/v1/users/{user}/status");
        self.request("PUT", &path, json!({"status": status})).await
    }

    /// Puts somebody into a room.
    pub(crate) async fn add(&self, room: &Room, user: &User, role: &str) {
        let path = room.path(&format!("/members/{}", user.id));
        self.put(&path, json!({"role": role})).await;
    }

    /// Issues a token for a bot: its session's id, and the bot as somebody who has logged in.
    pub(crate) async fn token(&self, bot: &User, name: &str, scopes: &[&str]) -> User {
        let path = format!("/v1/users/{}/tokens", bot.name);
        let asked = json!({"name": name, "scopes": scopes});
        let issued = self.post(&path, asked).await;
        User {
            token: issued["token"].as_str().expect("a token").to_owned(),
            session: issued["id"].as_str().expect("an id").to_owned(),
            ..bot.clone()
        }
    }
}

impl Server {
    /// A person with this role.
    pub(crate) async fn person(&self, name: &str, role: &str) -> User {
        let user = self.user(name).await;
        self.admin().give(name, role).await;
        user
    }

    /// A bot with this role, which has no token yet.
    pub(crate) async fn bot(&self, name: &str, role: &str) -> User {
        let asked = json!({"name": name, "role": role, "bot": true});
        let made = self.admin().post("/v1/users", asked).await;
        User {
            rest: self.rest(),
            id: made["user"]["id"].as_str().expect("an id").to_owned(),
            name: name.to_owned(),
            token: String::new(),
            refresh_token: String::new(),
            session: String::new(),
        }
    }
}
