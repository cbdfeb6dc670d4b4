//! People and their rooms.

use serde_json::{Value, json};

use super::{Reply, Rest, Ws};

/// Everybody's: good enough for any rule about passwords.
pub(crate) const PASSWORD: &str = "kelp-Tumbril-42-oxide";

/// Who can find a room.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Public,
    Private,
}

#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Room {
    /// Its path under `/v1`, with something after it.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/rooms/{}{rest}", self.id)
    }

    /// The path of one of its messages.
    pub(crate) fn message(&self, seq: &Value) -> String {
        self.path(&format!("/messages/{seq}"))
    }
}

/// A person with a session.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) rest: Rest,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    pub(crate) session: String,
}

impl User {
    pub(crate) async fn register(rest: Rest, name: &str) -> Self {
        let user = json!({"username": name, "password": PASSWORD});
        let reply = rest.post("/v1/register", user).await;
        assert_eq!(reply.status, 201, "{reply:#?}");
        Self::login(rest, name, PASSWORD).await
    }

    pub(crate) async fn login(rest: Rest, name: &str, password: &str) -> Self {
        let login = json!({"login": name, "password": password, "device": "test"});
        let answer = rest.post("/v1/login", login).await.ok();
        assert_eq!(answer["user"]["name"], name, "{answer:#}");
        Self {
            id: text(&answer["user"]["id"]),
            name: name.to_owned(),
            token: text(&answer["access_token"]),
            refresh_token: text(&answer["refresh_token"]),
            session: text(&answer["session_id"]),
            rest,
        }
    }

    /// Another session of the same person.
    pub(crate) async fn again(&self) -> Self {
        Self::login(self.rest.clone(), &self.name, PASSWORD).await
    }

    pub(crate) async fn request(&self, method: &str, path: &str, body: Value) -> Reply {
        self.rest
            .request(method, path, Some(&self.token), body)
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.request("GET", path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.request("POST", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.request("DELETE", path, Value::Null).await
    }

    /// Makes a room.
    pub(crate) async fn room(&self, name: &str, kind: Kind) -> Room {
        let kind = match kind {
            Kind::Public => "public",
            Kind::Private => "private",
        };
        let reply = self
            .post("/v1/rooms", json!({"name": name, "kind": kind}))
            .await;
        assert_eq!(reply.status, 201, "{reply:#?}");
        Room {
            id: text(&reply.body["id"]),
            name: name.to_owned(),
        }
    }

    pub(crate) async fn join(&self, room: &Room) {
        self.post(&room.path("/join"), Value::Null).await.ok();
    }

    /// Adds somebody to a room of mine.
    pub(crate) async fn add(&self, room: &Room, user: &User, role: &str) {
        let path = room.path(&format!("/members/{}", user.id));
        self.request("PUT", &path, json!({"role": role})).await.ok();
    }

    /// Removes somebody from a room of mine.
    pub(crate) async fn remove(&self, room: &Room, user: &User) {
        self.delete(&room.path(&format!("/members/{}", user.id)))
            .await
            .ok();
    }

    /// Says something over REST: the answer.
    pub(crate) async fn send(&self, room: &Room, body: &str) -> Value {
        let reply = self
            .post(&room.path("/messages"), json!({"body": body}))
            .await;
        assert_eq!(reply.status, 201, "{reply:#?}");
        reply.body
    }

    /// A socket that has said hello, the token in `hello`.
    pub(crate) async fn connect(&self) -> Ws {
        self.connect_with(json!({})).await
    }

    /// A socket that has said hello with these fields beside the token.
    pub(crate) async fn connect_with(&self, fields: Value) -> Ws {
        let mut ws = Ws::open(self.rest.address(), &[])
            .await
            .expect("the upgrade is taken");
        let mut hello = json!({"token": self.token});
        for (key, value) in fields.as_object().expect("an object") {
            hello[key] = value.clone();
        }
        ws.hello(hello).await;
        ws
    }

    /// A socket that has said hello, the token in the `Authorization` header.
    pub(crate) async fn connect_by_header(&self) -> Ws {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str())];
        let mut ws = Ws::open(self.rest.address(), &headers)
            .await
            .expect("the upgrade is taken");
        ws.hello(json!({})).await;
        ws
    }

    /// A socket that listens to a room from now on.
    pub(crate) async fn listen(&self, room: &Room) -> Ws {
        let mut ws = self.connect().await;
        ws.subscribe(room, None).await;
        ws
    }
}

#[track_caller]
fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("a text, not {value}"))
        .to_owned()
}
