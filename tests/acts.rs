//! Promise 5, all of it: whatever changes something leaves exactly the acts that belong to it in the control
//! log, with who did it and how they came in. Every route of every door is walked; one that is new and not
//! walked here is a failed test.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::support::{
    Admin, COMMAND, Kind, PASSWORD, Reply, Room, SECRET, Server, User, files::uploaded, on_both,
};

on_both!(every_change_leaves_its_acts);

const NEW_PASSWORD: &str = "Quartz-lemur-91-veranda";

/// Acts on nothing that has an id.
const WITHOUT_TARGET: &[&str] = &[
    "address.ban",
    "address.unban",
    "archive.policy",
    "config.reload",
    "log_level.set",
    "notice.send",
    "registration.set",
    "user.import",
    "webhook.pause",
    "webhook.resume",
    "webhook.skip",
    "webhook.test",
];

/// A walk past every route, and what it left in the control log so far.
struct Tour {
    admin: Admin,
    walked: BTreeSet<String>,
    last: u64,
}

/// Who must be named.
enum By<'a> {
    /// An account, from this session where it is known.
    Person(&'a str, Option<&'a str>),
    /// Us, by our process.
    Operator,
}

/// Through which door somebody administers.
enum Door<'a> {
    Operator,
    Person(&'a User),
}

impl Door<'_> {
    /// For names, of which there can be one only.
    fn word(&self) -> &'static str {
        match self {
            Self::Operator => "op",
            Self::Person(_) => "me",
        }
    }
}

impl Tour {
    async fn begin(server: &Server) -> Self {
        let mut tour = Self {
            admin: server.admin(),
            walked: BTreeSet::new(),
            last: 0,
        };
        tour.new_acts().await;
        tour
    }

    /// What the control log has more than the last time.
    async fn new_acts(&mut self) -> Vec<Value> {
        let path = format!("/v1/audit?order=oldest&limit=200&cursor={}", self.last);
        let list = self.admin.get(&path).await;
        assert_eq!(list["next"], Value::Null, "a test of few acts");
        let acts = list["items"].as_array().expect("items").clone();
        if let Some(last) = acts.last() {
            self.last = last["seq"].as_u64().expect("a seq");
        }
        acts
    }

    /// The acts that a step left are these, in their order, by whom and through which request.
    async fn expect(&mut self, step: &str, names: &[&str], by: &By<'_>, request: Option<&str>) {
        let acts = self.new_acts().await;
        let found: Vec<_> = acts
            .iter()
            .map(|act| act["act"].as_str().unwrap_or("?"))
            .collect();
        assert_eq!(found, names, "{step}: {acts:#?}");
        for act in &acts {
            let (name, actor) = (act["act"].as_str().expect("a name"), &act["actor"]);
            let told = |what: &str| format!("{step}: {name} does not tell {what}: {act:#}");
            assert_eq!(
                act["target"].is_null(),
                WITHOUT_TARGET.contains(&name),
                "{}",
                told("its target")
            );
            assert_eq!(
                actor["request"].as_str(),
                request,
                "{}",
                told("the request")
            );
            match by {
                By::Person(user, session) => {
                    assert_eq!(actor["user"]["id"], *user, "{}", told("who"));
                    assert_eq!(actor["address"], "127.0.0.1", "{}", told("from where"));
                    if let Some(session) = session {
                        assert_eq!(actor["session"], *session, "{}", told("the session"));
                    }
                }
                By::Operator => {
                    let name = std::process::Command::new("id").arg("-un").output();
                    let name = String::from_utf8(name.expect("a program").stdout);
                    let name = name.expect("text").trim().to_owned();
                    let us = json!({
                        "uid": rustix::process::geteuid().as_raw(),
                        "gid": rustix::process::getegid().as_raw(),
                        "pid": std::process::id(), "command": COMMAND, "sudo_user": "ben",
                        "name": name, "level": "own",
                    });
                    for (field, value) in us.as_object().expect("an object") {
                        // Nothing may say the name that has just been forgotten.
                        let forgot = field == "command" && act["act"] == "user.erased";
                        let value = if forgot { &Value::Null } else { value };
                        assert_eq!(&actor[field], value, "{}", told(field));
                    }
                }
            }
        }
    }

    /// A request of a person over REST, which is taken, and leaves these acts. `path` may add a query.
    async fn rest(
        &mut self,
        user: &User,
        route: &str,
        path: &str,
        body: Value,
        acts: &[&str],
    ) -> Value {
        let method = route.split(' ').next().expect("a method");
        let reply = user.request(method, path, body).await;
        let by = By::Person(&user.id, Some(&user.session));
        self.taken(route, &by, reply, acts).await
    }

    /// The same by somebody who has no session yet.
    async fn visit(
        &mut self,
        server: &Server,
        route: &str,
        body: Value,
        id: impl Fn(&Value) -> String,
        acts: &[&str],
    ) -> Value {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let reply = server.rest().request(method, path, None, body).await;
        let id = id(&reply.body);
        self.taken(route, &By::Person(&id, None), reply, acts).await
    }

    /// A request of an operator, which is taken, and leaves these acts.
    async fn admin(&mut self, route: &str, path: &str, body: Value, acts: &[&str]) -> Value {
        let method = route.split(' ').next().expect("a method");
        let reply = self.admin.request(method, path, body).await;
        let route = format!("admin {route}");
        self.taken(&route, &By::Operator, reply, acts).await
    }

    /// A request by one of the doors through which the same URLs are reached.
    async fn desk(
        &mut self,
        door: &Door<'_>,
        route: &str,
        path: &str,
        body: Value,
        acts: &[&str],
    ) -> Value {
        match door {
            Door::Operator => self.admin(route, path, body, acts).await,
            Door::Person(user) => self.rest(user, route, path, body, acts).await,
        }
    }

    /// A request that begins or ends a run of the archive: once none is under way, these acts are there.
    async fn run(&mut self, door: &Door<'_>, route: &str, path: &str, body: Value, acts: &[&str]) {
        let method = route.split(' ').next().expect("a method");
        let (reply, route) = match door {
            Door::Operator => {
                let reply = self.admin.request(method, path, body).await;
                (reply, format!("admin {route}"))
            }
            Door::Person(user) => (user.request(method, path, body).await, route.to_owned()),
        };
        assert!((200..300).contains(&reply.status), "{route}: {reply:#?}");
        let newest = self.admin.get("/v1/archive/runs?limit=1").await["items"][0].clone();
        self.admin.ended(&newest).await;
        let found = self.new_acts().await;
        let found: Vec<_> = found.iter().filter_map(|act| act["act"].as_str()).collect();
        assert_eq!(found, acts, "{route}");
        self.walked.insert(route);
    }

    async fn taken(&mut self, route: &str, by: &By<'_>, reply: Reply, acts: &[&str]) -> Value {
        let request = reply.header("x-request-id").map(ToOwned::to_owned);
        assert!((200..300).contains(&reply.status), "{route}: {reply:#?}");
        self.expect(route, acts, by, request.as_deref()).await;
        self.walked.insert(route.to_owned());
        reply.body
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("a text, not {value}"))
        .to_owned()
}

/// The file with the settings of a server.
fn settings(server: &Server) -> std::path::PathBuf {
    server.data_dir().with_file_name("chatd.toml")
}

async fn every_change_leaves_its_acts() {
    let mut server = Server::archiving_builder().prepare();
    let file = settings(&server);
    std::fs::write(&file, "").expect("a file");
    server.set_env("CHATD_CONFIG", Some(file.to_str().expect("text")));
    // A place where nobody is.
    for (name, value) in [
        ("CHATD_WEBHOOK_URL", "http://127.0.0.1:1/"),
        ("CHATD_WEBHOOK_SECRET", SECRET),
        ("CHATD_WEBHOOK_ALLOW_PRIVATE", "true"),
        ("CHATD_WEBHOOK_PUSH", "ids"),
    ] {
        server.set_env(name, Some(value));
    }
    server.boot().await;
    let boss = admin(&server).await;
    let mut tour = Tour::begin(&server).await;
    people(&server, &mut tour).await;
    rooms(&server, &mut tour).await;
    sockets(&server, &mut tour).await;
    for door in [&Door::Operator, &Door::Person(&boss)] {
        accounts(&server, &mut tour, door).await;
        order(&server, &mut tour, door).await;
        taking_back(&server, &mut tour, door).await;
        policy(&mut tour, door).await;
        live(&server, &mut tour, door).await;
        archive(&server, &mut tour, door).await;
    }
    operators(&server, &mut tour).await;
    imports(&mut tour).await;

    let mut there = changing(&serde_json::to_value(chatd::http::openapi()).expect("JSON"));
    there.extend(ws_ops());
    for table in [chatd::desk::table(), chatd::desk::operators_table()] {
        let document = serde_json::to_value(table.into_openapi()).expect("JSON");
        there.extend(
            changing(&document)
                .into_iter()
                .map(|route| format!("admin {route}")),
        );
    }
    let missing: Vec<_> = there.difference(&tour.walked).collect();
    assert!(
        missing.is_empty(),
        "walk these too, and say which acts they leave: {missing:#?}"
    );
    let gone: Vec<_> = tour.walked.difference(&there).collect();
    assert!(gone.is_empty(), "there are no such routes: {gone:#?}");
}

/// Somebody who may do everything.
async fn admin(server: &Server) -> User {
    let boss = server.user("boss").await;
    server.cli(&["user", "role", "boss", "admin"]).await.ok();
    boss
}

/// The archive, by its runs and its schedule, and holds.
async fn archive(server: &Server, tour: &mut Tour, door: &Door<'_>) {
    let cleo = server.user(&format!("cleo-{}", door.word())).await;
    let room = cleo
        .room(&format!("old-{}", door.word()), Kind::Public)
        .await;
    for i in 0..9 {
        cleo.send(&room, &format!("message {i}")).await;
    }
    tour.new_acts().await;
    // So slow that it is under way still when it is stopped.
    let slow = json!({"before": "1ms", "rooms": [room.id], "rate": 1});
    let route = "POST /v1/archive/runs";
    let run = tour
        .desk(door, route, "/v1/archive/runs", slow, &["archive.begin"])
        .await;
    let id = text(&run["id"]);
    let route = "POST /v1/archive/runs/{id}/stop";
    let path = format!("/v1/archive/runs/{id}/stop");
    let acts = ["archive.stop", "archive.finish"];
    tour.run(door, route, &path, Value::Null, &acts).await;
    let route = "POST /v1/archive/runs";
    let quick = json!({"before": "1ms", "rooms": [room.id], "rate": 0});
    let acts = ["archive.begin", "archive.finish"];
    tour.run(door, route, "/v1/archive/runs", quick, &acts)
        .await;
    let runs = tour.admin.get("/v1/archive/runs?limit=2").await;
    let sealed = |r: &&Value| r["segments"].as_u64() > Some(0);
    let runs = runs["items"].as_array().expect("items");
    let id = text(&runs.iter().find(sealed).expect("one of the two")["id"]);
    let route = "POST /v1/archive/prune";
    let prune = json!({"before": "1ms", "rooms": [room.id]});
    let acts = ["archive.prune.begin", "archive.prune.finish"];
    tour.run(door, route, "/v1/archive/prune", prune, &acts)
        .await;
    let route = "POST /v1/archive/runs/{id}/restore";
    let path = format!("/v1/archive/runs/{id}/restore");
    let acts = ["archive.restore.begin", "archive.restore.finish"];
    tour.run(door, route, &path, Value::Null, &acts).await;
    let route = "PATCH /v1/archive/schedule";
    for age in ["36500d", "default"] {
        let body = json!({"older_than": age});
        let acts = ["archive.policy"];
        tour.desk(door, route, "/v1/archive/schedule", body, &acts)
            .await;
    }
    let route = "POST /v1/archive/schedule/run";
    let acts = ["archive.begin", "archive.finish"];
    tour.run(door, route, "/v1/archive/schedule/run", Value::Null, &acts)
        .await;
    let new = json!({"on": "room", "target": room.id, "reason": "case 7"});
    let hold = tour
        .desk(door, "POST /v1/holds", "/v1/holds", new, &["hold.add"])
        .await;
    let path = format!("/v1/holds/{}", text(&hold["id"]));
    let route = "DELETE /v1/holds/{id}";
    tour.desk(door, route, &path, Value::Null, &["hold.release"])
        .await;
}

/// Connections, and what everyone who is connected is told.
async fn live(server: &Server, tour: &mut Tour, door: &Door<'_>) {
    let lena = server.user(&format!("lena-{}", door.word())).await;
    let _there = lena.connect().await;
    tour.new_acts().await;
    let (route, path) = ("POST /v1/conns/kick", "/v1/conns/kick");
    let dry = json!({"user": lena.name, "dry_run": true});
    tour.desk(door, route, path, dry, &[]).await;
    let kick = json!({"user": lena.name, "reason": "a test"});
    tour.desk(door, route, path, kick, &["conn.kick"]).await;
    let (route, path) = ("POST /v1/notices", "/v1/notices");
    let dry = json!({"text": "soon", "dry_run": true});
    tour.desk(door, route, path, dry, &[]).await;
    let notice = json!({"text": "soon"});
    tour.desk(door, route, path, notice, &["notice.send"]).await;
}

/// Accounts and sessions.
async fn people(server: &Server, tour: &mut Tour) {
    let new = json!({"username": "ana", "password": PASSWORD});
    let user_id = |body: &Value| text(&body["user"]["id"]);
    tour.visit(server, "POST /v1/register", new, user_id, &["user.create"])
        .await;
    let login = json!({"login": "ana", "password": PASSWORD});
    tour.visit(server, "POST /v1/login", login, user_id, &["session.open"])
        .await;
    let ana = User::login(server.rest(), "ana", PASSWORD).await;
    let other = ana.again().await;
    let third = ana.again().await;
    tour.new_acts().await;

    // Only the session's own record moves on: who is logged in, and may do what, stays as it was.
    let refresh = json!({"refresh_token": third.refresh_token});
    tour.visit(server, "POST /v1/token", refresh, user_id, &[])
        .await;

    let edit = json!({"display_name": "Ana"});
    tour.rest(&ana, "PATCH /v1/me", "/v1/me", edit.clone(), &["user.edit"])
        .await;
    // What changes nothing is no act.
    tour.rest(&ana, "PATCH /v1/me", "/v1/me", edit, &[]).await;
    let path = format!("/v1/me/sessions/{}", other.session);
    tour.rest(
        &ana,
        "DELETE /v1/me/sessions/{id}",
        &path,
        Value::Null,
        &["session.end"],
    )
    .await;
    let others = "DELETE /v1/me/sessions";
    tour.rest(
        &ana,
        others,
        "/v1/me/sessions",
        Value::Null,
        &["session.end_others"],
    )
    .await;
    let password = json!({"old": PASSWORD, "new": NEW_PASSWORD});
    let route = "POST /v1/me/password";
    tour.rest(&ana, route, "/v1/me/password", password, &["user.password"])
        .await;
    tour.rest(
        &ana,
        "POST /v1/logout",
        "/v1/logout",
        Value::Null,
        &["session.end"],
    )
    .await;
}

/// Files: they are like messages, and no acts.
async fn uploads(tour: &mut Tour, bob: &User) {
    let (route, path) = ("POST /v1/files", "/v1/files?name=a.json");
    let file = tour.rest(bob, route, path, json!({"a": 1}), &[]).await;
    let path = format!("/v1/files/{}", text(&file["id"]));
    let (route, ticket) = ("POST /v1/files/{id}/ticket", format!("{path}/ticket"));
    tour.rest(bob, route, &ticket, Value::Null, &[]).await;
    let route = "DELETE /v1/files/{id}";
    tour.rest(bob, route, &path, Value::Null, &[]).await;
}

/// Reactions to a message: one's own are nobody else's affair.
async fn reactions(tour: &mut Tour, ana: &User, bob: &User, message: &str) {
    let route = "/v1/rooms/{room}/messages/{seq}";
    let own = format!("{message}/reactions/:ok:");
    for method in ["PUT", "DELETE"] {
        let route = format!("{method} {route}/reactions/{{emoji}}");
        tour.rest(bob, &route, &own, Value::Null, &[]).await;
    }
    let of_bob = format!("/{}", bob.name);
    for (end, of) in [("", ""), ("/{user}", of_bob.as_str())] {
        bob.request("PUT", &own, Value::Null).await.ok();
        let route = format!("DELETE {route}/reactors/{{emoji}}{end}");
        let path = format!("{message}/reactors/:ok:{of}");
        tour.rest(ana, &route, &path, Value::Null, &["reaction.remove"])
            .await;
    }
}

async fn rooms(server: &Server, tour: &mut Tour) {
    let (ana, bob) = (server.user("owner").await, server.user("guest").await);
    tour.new_acts().await;
    let room = json!({"name": "general", "kind": "public"});
    let made = tour
        .rest(&ana, "POST /v1/rooms", "/v1/rooms", room, &["room.create"])
        .await;
    let at = |rest: &str| format!("/v1/rooms/{}{rest}", text(&made["id"]));
    let edit = json!({"topic": "what there is to say"});
    tour.rest(
        &ana,
        "PATCH /v1/rooms/{room}",
        &at(""),
        edit,
        &["room.edit"],
    )
    .await;

    // Coming and going by oneself, and what is said, is in the room's own log, with who it was.
    let join = "POST /v1/rooms/{room}/join";
    tour.rest(&bob, join, &at("/join"), Value::Null, &[]).await;
    let say = json!({"body": "hi"});
    let said = tour
        .rest(
            &bob,
            "POST /v1/rooms/{room}/messages",
            &at("/messages"),
            say,
            &[],
        )
        .await;
    let route = "PATCH /v1/rooms/{room}/messages/{seq}";
    let path = at(&format!("/messages/{}", said["seq"]));
    tour.rest(&bob, route, &path, json!({"body": "hi, all"}), &[])
        .await;
    for method in ["PUT", "DELETE"] {
        let route = format!("{method} /v1/rooms/{{room}}/pins/{{seq}}");
        let path = at(&format!("/pins/{}", said["seq"]));
        tour.rest(&ana, &route, &path, Value::Null, &[]).await;
    }
    reactions(tour, &ana, &bob, &path).await;
    uploads(tour, &bob).await;
    let route = "PUT /v1/rooms/{room}/read";
    tour.rest(&bob, route, &at("/read"), json!({"seq": 1}), &[])
        .await;
    let route = "POST /v1/rooms/{room}/typing";
    tour.rest(&bob, route, &at("/typing"), json!({}), &[]).await;
    let others = json!({"users": [ana.id]});
    tour.rest(&bob, "POST /v1/dm", "/v1/dm", others, &["room.create"])
        .await;
    tour.rest(
        &bob,
        "POST /v1/rooms/{room}/leave",
        &at("/leave"),
        Value::Null,
        &[],
    )
    .await;

    let bob_there = at(&format!("/members/{}", bob.id));
    let of = |method: &str| format!("{method} /v1/rooms/{{room}}/members/{{user}}");
    let (member, moderator) = (json!({"role": "member"}), json!({"role": "moderator"}));
    tour.rest(
        &ana,
        &of("PUT"),
        &bob_there,
        member.clone(),
        &["room.member"],
    )
    .await;
    tour.rest(&ana, &of("PATCH"), &bob_there, moderator, &["room.member"])
        .await;
    tour.rest(
        &ana,
        &of("DELETE"),
        &bob_there,
        Value::Null,
        &["room.member"],
    )
    .await;
    tour.rest(&ana, &of("PUT"), &bob_there, member, &["room.member"])
        .await;
    let heir = json!({"user": bob.id});
    let transfer = "POST /v1/rooms/{room}/transfer";
    tour.rest(&ana, transfer, &at("/transfer"), heir, &["room.transfer"])
        .await;
    tour.rest(
        &bob,
        "DELETE /v1/rooms/{room}",
        &at(""),
        Value::Null,
        &["room.delete"],
    )
    .await;
}

/// What can be asked over a WebSocket. Listening changes nothing that lasts, and the rest is in the room's own
/// log, as over REST.
async fn sockets(server: &Server, tour: &mut Tour) {
    let (ana, bob) = (server.user("caller").await, server.user("listener").await);
    let room = ana.room("sockets", Kind::Public).await;
    let rules = json!({"pin": "member"});
    ana.request("PATCH", &room.path(""), rules).await.ok();
    tour.new_acts().await;
    let mut ws = bob.connect().await;
    let quiet = [
        ("join", json!({"room": room.id})),
        ("subscribe", json!({"room": room.id})),
        ("send", json!({"room": room.id, "body": "hi"})),
        (
            "edit",
            json!({"room": room.id, "target": 4, "body": "hi, all"}),
        ),
        (
            "react",
            json!({"room": room.id, "target": 4, "emoji": ":ok:"}),
        ),
        ("pin", json!({"room": room.id, "target": 4})),
        ("delete", json!({"room": room.id, "target": 4})),
        ("read", json!({"room": room.id, "seq": 3})),
        ("typing", json!({"room": room.id})),
        ("presence", json!({"room": room.id, "state": "away"})),
        ("sync", json!({})),
        ("unsubscribe", json!({"room": room.id})),
        ("leave", json!({"room": room.id})),
        ("refresh", json!({"token": bob.token})),
        ("ping", json!({})),
    ];
    tour.walked.insert("ws hello".to_owned());
    for (op, mut request) in quiet {
        request["op"] = json!(op);
        ws.request(request).await.expect(op);
        tour.walked.insert(format!("ws {op}"));
    }
    let by = By::Person(&bob.id, Some(&bob.session));
    tour.expect("a WebSocket", &[], &by, None).await;
    let dm = json!({"op": "dm", "users": [ana.id]});
    ws.request(dm).await.expect("dm");
    tour.walked.insert("ws dm".to_owned());
    let conn = text(&ws.hello["conn"]);
    tour.expect("a WebSocket", &["room.create"], &by, Some(&conn))
        .await;
}

/// What those administer who have the right role, and operators by the same URLs: accounts.
async fn accounts(server: &Server, tour: &mut Tour, door: &Door<'_>) {
    let name = |name: &str| format!("{name}-{}", door.word());
    let new = json!({"name": name("carl"), "role": "member"});
    let made = tour
        .desk(door, "POST /v1/users", "/v1/users", new, &["user.create"])
        .await;
    let claim = json!({"code": made["code"], "password": PASSWORD});
    let user_id = |body: &Value| text(&body["user"]["id"]);
    tour.visit(server, "POST /v1/claim", claim, user_id, &["user.claim"])
        .await;
    let dry = json!({"name": name("nobody"), "dry_run": true});
    tour.desk(door, "POST /v1/users", "/v1/users", dry, &[])
        .await;

    let at = |act: &str| format!("/v1/users/{}{act}", name("carl"));
    let route = "POST /v1/users/{user}/password";
    for password in [json!({"password": NEW_PASSWORD}), json!({})] {
        tour.desk(door, route, &at("/password"), password, &["user.password"])
            .await;
    }
    let role = json!({"role": "moderator"});
    tour.desk(
        door,
        "PUT /v1/users/{user}/role",
        &at("/role"),
        role,
        &["user.role"],
    )
    .await;
    let off = json!({"status": "disabled", "reason": "on leave"});
    let route = "PUT /v1/users/{user}/status";
    tour.desk(door, route, &at("/status"), off, &["user.status"])
        .await;

    let bot = json!({"name": name("bot"), "bot": true});
    tour.desk(door, "POST /v1/users", "/v1/users", bot, &["user.create"])
        .await;
    let path = format!("/v1/users/{}/tokens", name("bot"));
    let token = json!({"name": "ci", "scopes": ["message.read"]});
    tour.desk(
        door,
        "POST /v1/users/{user}/tokens",
        &path,
        token,
        &["token.issue"],
    )
    .await;

    let dora = server.user(&name("dora")).await;
    let session = dora.again().await.session;
    tour.new_acts().await;
    let path = format!("/v1/users/{}/sessions", dora.id);
    let one = "DELETE /v1/users/{user}/sessions/{id}";
    let there = format!("{path}/{session}");
    tour.desk(door, one, &there, Value::Null, &["session.end"])
        .await;
    let all = "DELETE /v1/users/{user}/sessions";
    tour.desk(door, all, &path, Value::Null, &["session.end_all"])
        .await;
}

/// Keeping order: mutes, bans, reports, codes.
async fn order(server: &Server, tour: &mut Tour, door: &Door<'_>) {
    let name = |name: &str| format!("{name}-{}", door.word());
    let (eve, host) = (
        server.user(&name("eve")).await,
        server.user(&name("host")).await,
    );
    let room = host.room(&name("hall"), Kind::Public).await;
    eve.join(&room).await;
    let said = eve.send(&room, "something rude").await;
    tour.new_acts().await;

    let why = json!({"reason": "rude", "expires_in": 3600});
    for (place, path, noun) in [
        (
            "/v1/users/{user}/mute",
            format!("/v1/users/{}/mute", eve.id),
            "user.mute",
        ),
        (
            "/v1/users/{user}/ban",
            format!("/v1/users/{}/ban", eve.id),
            "user.ban",
        ),
        (
            "/v1/rooms/{room}/mutes/{user}",
            room.path(&format!("/mutes/{}", eve.id)),
            "room.mute",
        ),
        (
            "/v1/rooms/{room}/bans/{user}",
            room.path(&format!("/bans/{}", eve.id)),
            "room.ban",
        ),
    ] {
        let (impose, lift) = (format!("PUT {place}"), format!("DELETE {place}"));
        tour.desk(door, &impose, &path, why.clone(), &[noun]).await;
        let undone = noun.replace('.', ".un");
        tour.desk(door, &lift, &path, Value::Null, &[&undone]).await;
    }
    let range = json!({"network": "198.51.100.0/24"});
    let route = "POST /v1/address-bans";
    tour.desk(door, route, "/v1/address-bans", range, &["address.ban"])
        .await;
    let path = "/v1/address-bans?network=198.51.100.0/24";
    let route = "DELETE /v1/address-bans";
    tour.desk(door, route, path, Value::Null, &["address.unban"])
        .await;

    let route = "POST /v1/rooms/{room}/messages/{seq}/report";
    let path = room.path(&format!("/messages/{}/report", said["seq"]));
    let reason = json!({"reason": "rude"});
    let report = tour
        .rest(&host, route, &path, reason, &["report.create"])
        .await;
    let path = format!("/v1/reports/{}/resolve", text(&report["id"]));
    let outcome = json!({"resolution": "warned"});
    let route = "POST /v1/reports/{id}/resolve";
    tour.desk(door, route, &path, outcome, &["report.resolve"])
        .await;

    hooks(server, tour, door, &room).await;

    let (route, path) = ("POST /v1/rooms/{room}/invites", room.path("/invites"));
    let code = tour
        .desk(door, route, &path, json!({}), &["room.invite"])
        .await;
    let path = room.path(&format!("/invites/{}", text(&code["id"])));
    let route = "DELETE /v1/rooms/{room}/invites/{id}";
    tour.desk(door, route, &path, Value::Null, &["room.uninvite"])
        .await;
    let code = tour
        .desk(
            door,
            "POST /v1/rooms/{room}/invites",
            &room.path("/invites"),
            json!({}),
            &["room.invite"],
        )
        .await;
    let guest = server.user(&name("guest")).await;
    tour.new_acts().await;
    let join = json!({"code": code["code"]});
    tour.rest(&guest, "POST /v1/join", "/v1/join", join, &["room.join"])
        .await;
}

/// Incoming hooks of a room.
async fn hooks(server: &Server, tour: &mut Tour, door: &Door<'_>, room: &Room) {
    if let Door::Person(user) = door {
        user.join(room).await;
        tour.new_acts().await;
    }
    let name = format!("hook-{}", door.word());
    let (route, path) = ("POST /v1/rooms/{room}/hooks", room.path("/hooks"));
    let acts = ["user.create", "hook.create"];
    tour.desk(door, route, &path, json!({"name": name}), &acts)
        .await;
    let path = room.path(&format!("/hooks/{name}/rotate"));
    let route = "POST /v1/rooms/{room}/hooks/{hook}/rotate";
    let made = tour
        .desk(door, route, &path, json!({}), &["hook.rotate"])
        .await;
    let (url, said) = (text(&made["url"]), json!({"body": "hi"}));
    let reply = server.rest().post(&url, said).await;
    let route = "POST /v1/hooks/{room}/{token}";
    tour.taken(route, &By::Operator, reply, &[]).await;
    let path = room.path(&format!("/hooks/{name}"));
    let route = "DELETE /v1/rooms/{room}/hooks/{hook}";
    let acts = ["hook.delete", "user.status"];
    tour.desk(door, route, &path, Value::Null, &acts).await;
}

/// Taking back what was said. One's own message is taken back in the room's own log, as it was said there.
async fn taking_back(server: &Server, tour: &mut Tour, door: &Door<'_>) {
    let name = |name: &str| format!("{name}-{}", door.word());
    let (sue, tom) = (
        server.user(&name("sue")).await,
        server.user(&name("tom")).await,
    );
    let room = sue.room(&name("wall"), Kind::Public).await;
    tom.join(&room).await;
    let mut paths = Vec::new();
    for i in 0..4 {
        let said = tom.send(&room, &format!("spam {i}")).await;
        paths.push(room.path(&format!("/messages/{}", said["seq"])));
    }
    tour.new_acts().await;
    let route = "DELETE /v1/rooms/{room}/messages/{seq}";
    tour.rest(&tom, route, &paths[0], Value::Null, &[]).await;
    tour.rest(&sue, route, &paths[1], Value::Null, &["message.delete"])
        .await;
    if let Door::Operator = door {
        tour.admin(route, &paths[2], Value::Null, &["message.delete"])
            .await;
        let file = uploaded(&tom, "a.txt", b"spam").await;
        let (route, path) = ("DELETE /v1/files/{id}", format!("/v1/files/{file}"));
        tour.admin(route, &path, Value::Null, &["file.delete"])
            .await;
    }
    let all = json!({"user": tom.id, "since": "1h", "reason": "spam"});
    let (route, path) = ("POST /v1/redactions", "/v1/redactions");
    let acts = ["redaction.begin", "redaction.finish"];
    let done = tour.desk(door, route, path, all, &acts).await;
    let path = format!("/v1/redactions/{}/restore", text(&done["id"]));
    let route = "POST /v1/redactions/{id}/restore";
    tour.desk(door, route, &path, json!({}), &["redaction.restore"])
        .await;
}

/// What holds for the whole server.
async fn policy(tour: &mut Tour, door: &Door<'_>) {
    let invites = "/v1/invites";
    let code = tour
        .desk(
            door,
            "POST /v1/invites",
            invites,
            json!({}),
            &["invite.create"],
        )
        .await;
    let path = format!("/v1/invites/{}", text(&code["id"]));
    let route = "DELETE /v1/invites/{id}";
    tour.desk(door, route, &path, Value::Null, &["invite.revoke"])
        .await;
    for mode in [json!("closed"), Value::Null] {
        let mode = json!({"mode": mode});
        let route = "PUT /v1/registration";
        tour.desk(door, route, "/v1/registration", mode, &["registration.set"])
            .await;
    }
    let role = json!({"name": "helper", "permissions": ["message.read"]});
    tour.desk(door, "POST /v1/roles", "/v1/roles", role, &["role.create"])
        .await;
    let more = json!({"add": ["message.send"]});
    let path = "/v1/roles/helper";
    tour.desk(door, "PATCH /v1/roles/{role}", path, more, &["role.edit"])
        .await;
    tour.desk(
        door,
        "DELETE /v1/roles/{role}",
        path,
        Value::Null,
        &["role.delete"],
    )
    .await;
}

/// What only operators do, or do by URLs of their own.
async fn operators(server: &Server, tour: &mut Tour) {
    let (ida, jan) = (server.user("ida").await, server.user("jan").await);
    let room = ida.room("theirs", Kind::Private).await;
    tour.new_acts().await;
    let edit = json!({"topic": "what operators say"});
    tour.admin(
        "PATCH /v1/rooms/{room}",
        &room.path(""),
        edit,
        &["room.edit"],
    )
    .await;
    let there = room.path(&format!("/members/{}", jan.id));
    let of = |method: &str| format!("{method} /v1/rooms/{{room}}/members/{{user}}");
    tour.admin(&of("PUT"), &there, json!({}), &["room.member"])
        .await;
    tour.admin(&of("DELETE"), &there, Value::Null, &["room.member"])
        .await;
    tour.admin(&of("PUT"), &there, json!({}), &["room.member"])
        .await;
    let heir = json!({"user": jan.id});
    let route = "POST /v1/rooms/{room}/transfer";
    tour.admin(route, &room.path("/transfer"), heir, &["room.transfer"])
        .await;
    let route = "DELETE /v1/rooms/{room}";
    tour.admin(route, &room.path(""), Value::Null, &["room.delete"])
        .await;

    for what in ["test", "pause", "resume", "skip"] {
        let (route, act) = (
            format!("POST /v1/webhook/{what}"),
            format!("webhook.{what}"),
        );
        let path = format!("/v1/webhook/{what}");
        tour.admin(&route, &path, json!({}), &[&act]).await;
    }

    let level = json!({"level": "info,chatd::ws=debug", "for": 600});
    let route = "PUT /v1/log-level";
    tour.admin(route, "/v1/log-level", level, &["log_level.set"])
        .await;

    std::fs::write(settings(server), "[limits]\nmessage = \"17 KiB\"\n").expect("a file");
    let route = "POST /v1/config/reload";
    tour.admin(route, "/v1/config/reload", json!({}), &["config.reload"])
        .await;

    // So slow that it is under way still when it is stopped.
    let cleo = server.user("cleo").await;
    let old = cleo.room("oldest", Kind::Public).await;
    for i in 0..9 {
        cleo.send(&old, &format!("message {i}")).await;
    }
    let slow = json!({"before": "1ms", "rooms": [old.id], "rate": 1});
    let run = tour.admin.post("/v1/archive/runs", slow).await;
    tour.new_acts().await;
    let path = format!("/v1/jobs/{}/stop", text(&run["id"]));
    let acts = ["archive.stop", "archive.finish"];
    let route = "POST /v1/jobs/{id}/stop";
    tour.run(&Door::Operator, route, &path, Value::Null, &acts)
        .await;

    // Forgetting somebody begins with an act, and ends with one; taking traces away leaves none of its own.
    let (route, path) = (
        "POST /v1/users/{user}/erase",
        format!("/v1/users/{}/erase", ida.id),
    );
    let mut step = json!({"messages": "keep"});
    let mut acts = vec!["user.erase"];
    loop {
        let done = tour.admin(route, &path, step.clone(), &acts).await;
        let Some(next) = done["next"].as_str() else {
            break;
        };
        acts = if next == "end" {
            vec!["user.erased"]
        } else {
            Vec::new()
        };
        step["cursor"] = json!(next);
    }
}

/// An import: its run is an act, and so is what becomes of each account.
async fn imports(tour: &mut Tour) {
    let run = json!({"accounts": 2, "create": 2, "update": 0});
    let route = "POST /v1/imports";
    let begun = tour
        .admin(route, "/v1/imports", run, &["user.import"])
        .await;
    let (route, path) = ("POST /v1/users/import", "/v1/users/import");
    let accounts = json!([{"name": "gina"}, {"name": "hal"}]);
    let dry = json!({"accounts": accounts, "dry_run": true});
    tour.admin(route, path, dry, &[]).await;
    let batch = json!({"run": begun["run"], "accounts": accounts});
    tour.admin(route, path, batch.clone(), &["user.create", "user.create"])
        .await;
    tour.admin(route, path, batch, &[]).await;
    let account = json!({
        "name": "gina", "display_name": "Gina", "role": "moderator", "status": "disabled",
        "password_hash": "$2b$05$7RQeBh2aBr6YjH9ofDhA.u05P10oMeOYOxMTP3vmwJ3up0mUZddNG",
    });
    let update = json!({"run": begun["run"], "accounts": [account], "update": true});
    let acts = ["user.edit", "user.role", "user.status", "user.password"];
    tour.admin(route, path, update, &acts).await;
}

/// The routes of a document that change something.
fn changing(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods").clone();
        let changing = methods.into_iter().filter(|(m, _)| is_changing(m));
        let path = path.clone();
        changing.map(move |(method, _)| format!("{} {path}", method.to_uppercase()))
    };
    let routes: BTreeSet<_> = paths.iter().flat_map(of).collect();
    assert!(
        routes.len() > 5,
        "this test no longer finds the routes: {routes:?}"
    );
    routes
}

/// The ops of the WebSocket, by its source.
fn ws_ops() -> BTreeSet<String> {
    let all = sources("src/ws");
    let (_, source) = all
        .iter()
        .find(|(_, source)| source.contains("match op {"))
        .expect("where ops are parsed");
    let (_, arms) = source.split_once("match op {").expect("just found");
    let arms = arms.split("other =>").next().expect("the rest");
    let op = |line: &str| {
        Some(format!(
            "ws {}",
            line.trim().strip_prefix('"')?.split('"').next()?
        ))
    };
    let ops: BTreeSet<_> = arms.lines().filter_map(op).collect();
    assert!(ops.len() > 5, "this test no longer finds the ops: {ops:?}");
    ops
}

fn is_changing(method: &str) -> bool {
    ["post", "put", "patch", "delete"].contains(&method)
}

fn sources(dir: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(dir),
        &mut files,
    );
    files
}

fn collect(dir: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let text = fs::read_to_string(&path).expect("text");
            files.push((path, text));
        }
    }
}
