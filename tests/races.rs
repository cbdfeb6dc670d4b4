//! Rights that change while they are used. Whatever comes at once has one order, and from the place of the
//! change on it holds: nothing gets past it, and what there has to be one of there is one of.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Kind, PASSWORD, Room, Server, User, WireError, Ws, history, on_both, within};

on_both!(
    a_ban_from_a_room_ends_listening_replays_and_reading_at_its_seq,
    a_ban_from_the_server_ends_everything_at_once,
    who_is_demoted_says_nothing_after_it,
    a_room_passed_on_twice_at_once_has_one_owner,
    two_admins_who_undo_each_other_leave_one,
    the_last_use_of_a_code_is_for_one,
    a_role_that_loses_the_right_to_read_falls_silent,
);

/// People who talk in a room until they are told that it is enough.
struct Flood {
    enough: Arc<AtomicBool>,
    talking: Vec<JoinHandle<()>>,
}

impl Flood {
    async fn start(server: &Server, owner: &User, room: &Room, talkers: usize) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let mut talking = Vec::new();
        for talker in server.users("talker", talkers).await {
            owner.add(room, &talker, "member").await;
            let (room, enough) = (room.clone(), Arc::clone(&enough));
            talking.push(tokio::spawn(async move {
                let bodies = (0..).map(|i| format!("{} {i}", talker.name));
                let until = bodies.take_while(|_| !enough.load(Ordering::Relaxed));
                talker.connect().await.send_all(&room, until, 8).await;
            }));
        }
        Self { enough, talking }
    }

    async fn stop(self) {
        self.enough.store(true, Ordering::Relaxed);
        for talker in self.talking {
            within("a flood to end", talker)
                .await
                .expect("it went well");
        }
    }
}

/// The `seq` of the entry by which somebody lost their place in a room, or got this role there.
async fn change_of(witness: &mut Ws, user: &User, role: Option<&str>) -> u64 {
    loop {
        let event = witness.next_of("membership").await;
        if event["user"] == *user.id && event["role"].as_str() == role {
            return event["seq"].as_u64().expect("a seq");
        }
    }
}

/// The highest `seq` of a room among these events.
fn highest<'a>(events: impl IntoIterator<Item = &'a Value>, room: &Room) -> u64 {
    let of_room = events.into_iter().filter(|e| e["room"] == *room.id);
    of_room.filter_map(|e| e["seq"].as_u64()).max().unwrap_or(0)
}

/// Subscribes again and again, from where one stands and from the start, until that is refused: the highest
/// `seq` that was told, and the refusal.
async fn resubscribe(mut ws: Ws, room: Room, from_start: bool) -> (u64, WireError) {
    let mut last = 0;
    loop {
        let after = if from_start { 0 } else { last };
        let ask = json!({"op": "subscribe", "room": room.id, "after": after});
        let answer = ws.request(ask).await;
        last = last.max(highest(&ws.events_so_far().await, &room));
        match answer {
            Ok(answer) => {
                let replayed = answer["events"].as_array().expect("events");
                let head = answer["head"].as_u64().expect("a head");
                last = last.max(highest(replayed, &room)).max(head);
            }
            Err(err) => return (last, err),
        }
    }
}

async fn a_ban_from_a_room_ends_listening_replays_and_reading_at_its_seq() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Private).await;
    ana.add(&room, &bob, "member").await;
    let mut witness = ana.listen(&room).await;
    let mut ears = bob.listen(&room).await;
    let flood = Flood::start(&server, &ana, &room, 3).await;
    let mut replays = Vec::new();
    for from_start in [true, false, true, false] {
        let ws = bob.connect().await;
        replays.push(tokio::spawn(resubscribe(ws, room.clone(), from_start)));
    }
    let reading = tokio::spawn({
        let (bob, path) = (bob.clone(), room.path("/messages?limit=200"));
        async move {
            let mut last = 0;
            loop {
                let page = bob.get(&path).await;
                if page.status != 200 {
                    return (last, page);
                }
                let items = page.body["items"].as_array().expect("items");
                let seqs = items.iter().filter_map(|m| m["seq"].as_u64());
                last = seqs.max().unwrap_or(0).max(last);
            }
        }
    });
    for _ in 0..60 {
        ears.next_of("message").await;
    }
    let ban = room.path(&format!("/bans/{}", bob.id));
    ana.request("PUT", &ban, json!({"reason": "enough"}))
        .await
        .ok();
    let banned = change_of(&mut witness, &bob, None).await;
    for _ in 0..60 {
        assert!(witness.next_of("message").await["seq"].as_u64() > Some(banned));
    }
    flood.stop().await;

    let heard = ears.events_so_far().await;
    assert!(
        highest(&heard, &room) <= banned,
        "after {banned}: {heard:#?}"
    );
    let last = heard.last().expect("told about the end");
    assert_eq!(
        (&last["ev"], &last["why"]),
        (&json!("unsubscribed"), &json!("banned"))
    );
    for replay in replays {
        let (last, err) = within("a replay", replay).await.expect("it went well");
        assert!(last <= banned, "{last} {banned}");
        assert_eq!(err.code, "not_found", "a private room is none: {err:?}");
    }
    let (last, page) = within("reading", reading).await.expect("it went well");
    assert!(last <= banned, "{last} {banned}");
    page.refused(404, "not_found");
}

async fn a_ban_from_the_server_ends_everything_at_once() {
    let server = Server::start().await;
    let admin = server.admin();
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut ears = bob.listen(&room).await;
    let mut mouth = bob.connect().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let (bob, room) = (bob.clone(), room.clone());
        // Until the socket is closed: everything that was heard on it.
        others.push(tokio::spawn(async move {
            let mut ws = bob.connect().await;
            let mut heard = Vec::new();
            let ask = json!({"op": "subscribe", "room": room.id, "after": 0, "id": 7});
            while ws.raw(ask.to_string()).await {
                match ws.frame().await {
                    Some(frame) => heard.push(frame),
                    None => break,
                }
            }
            (heard, ws.closed().await)
        }));
    }
    let flood = Flood::start(&server, &ana, &room, 2).await;
    for _ in 0..60 {
        ears.next_of("message").await;
    }
    let said = mouth
        .post(json!({"op": "send", "room": room.id, "body": "bob 1"}))
        .await;
    admin
        .put("/v1/users/bob/ban", json!({"reason": "enough"}))
        .await;
    let marker = ana.send(&room, "after the ban").await["seq"].as_u64();
    assert!(said.is_some() && marker.is_some());
    flood.stop().await;

    let mut heard = Vec::new();
    while let Some(frame) = ears.frame().await {
        heard.push(frame);
    }
    assert!(Some(highest(&heard, &room)) < marker, "{heard:#?}");
    assert_eq!(ears.closed().await.code, Some(4504));
    for other in others {
        let (heard, end) = within("a socket to end", other)
            .await
            .expect("it went well");
        for frame in &heard {
            let text = frame.to_string();
            assert!(!text.contains("after the ban"), "{frame:#}");
        }
        // A socket that broke while it was written to did not see the close.
        assert!(matches!(end.code, Some(4504) | None), "{end:?}");
    }
    let last = history(&ana, &room).await;
    let by_bob = last.iter().filter(|m| m["from"] == *bob.id);
    for message in by_bob {
        assert!(message["seq"].as_u64() < marker, "{message:#}");
    }
    bob.get("/v1/me").await.refused(401, "unauthorized");
    let login = json!({"login": "bob", "password": PASSWORD});
    let refused = bob.rest.post("/v1/login", login).await;
    let refused = refused.refused(403, "banned");
    assert!(
        refused["detail"]
            .as_str()
            .is_some_and(|d| d.contains("enough"))
    );
}

async fn who_is_demoted_says_nothing_after_it() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Private).await;
    ana.add(&room, &bob, "member").await;
    let mut witness = ana.listen(&room).await;
    let mut mouth = bob.connect().await;
    let talk = tokio::spawn({
        let room = room.clone();
        async move {
            let bodies = (0..2000).map(|i| format!("bob {i}"));
            mouth.send_all(&room, bodies, 16).await
        }
    });
    witness.next_of("message").await;
    let member = room.path(&format!("/members/{}", bob.id));
    ana.request("PATCH", &member, json!({"role": "viewer"}))
        .await
        .ok();
    let demoted = change_of(&mut witness, &bob, Some("viewer")).await;
    let answers = within("bob to give up", talk).await.expect("it went well");
    let refused = answers
        .iter()
        .position(Result::is_err)
        .expect("refused in the end");
    for answer in &answers[refused..] {
        let err = answer.as_ref().expect_err("refused once, refused for good");
        assert_eq!(err.code, "forbidden", "{err:?}");
    }
    let last = history(&ana, &room).await;
    let last = last.last().expect("messages")["seq"].as_u64();
    assert!(last < Some(demoted), "{last:?} {demoted}");
}

async fn a_room_passed_on_twice_at_once_has_one_owner() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let heirs = server.users("heir", 3).await;
    let room = ana.room("general", Kind::Private).await;
    for heir in &heirs {
        ana.add(&room, heir, "member").await;
    }
    let everyone: Vec<&User> = heirs.iter().chain([&ana]).collect();
    let mut owner = &ana;
    for round in 0..8 {
        let path = room.path("/transfer");
        let to: Vec<&User> = everyone
            .iter()
            .copied()
            .filter(|u| u.id != owner.id)
            .collect();
        let pass = |to: &User| {
            let body = json!({"user": to.id});
            let path = path.clone();
            async move { owner.request("POST", &path, body).await.status }
        };
        let statuses = join_all(to.iter().map(|to| pass(to))).await;
        let done: Vec<_> = statuses.iter().filter(|s| **s == 200).collect();
        assert_eq!(done.len(), 1, "round {round}: {statuses:?}");
        let at = statuses.iter().position(|s| *s == 200).expect("one");
        owner = to[at];
        let members = owner.get(&room.path("/members")).await.ok();
        let members = members["items"].as_array().expect("items");
        let owners: Vec<_> = members.iter().filter(|m| m["role"] == "owner").collect();
        assert_eq!(owners.len(), 1, "round {round}: {members:#?}");
        assert_eq!(owners[0]["user"]["name"], *owner.name);
        let record = server
            .admin()
            .request("GET", &room.path(""), Value::Null)
            .await
            .ok();
        assert_eq!(record["owner"], *owner.name, "{record:#}");
    }
}

async fn two_admins_who_undo_each_other_leave_one() {
    let server = Server::start().await;
    let admin = server.admin();
    let (ana, bob) = (
        server.person("ana", "admin").await,
        server.person("bob", "admin").await,
    );
    // Bots and whoever is banned do not count as somebody who could help.
    server.bot("robot", "admin").await;
    let carol = server.person("carol", "admin").await;
    admin.put("/v1/users/carol/ban", json!({})).await;
    let by_role = |name: &str| {
        (
            "PUT",
            format!("/v1/users/{name}/role"),
            json!({"role": "member"}),
        )
    };
    let by_status = |name: &str| {
        (
            "PUT",
            format!("/v1/users/{name}/status"),
            json!({"status": "disabled"}),
        )
    };
    let by_ban = |name: &str| ("PUT", format!("/v1/users/{name}/ban"), json!({}));
    let (mut a, mut b) = (ana, bob);
    for round in 0..9 {
        let acts = [by_role, by_status, by_ban].map(|act| [act("bob"), act("ana")]);
        let [one, _] = acts[round % 3].clone();
        let [_, other] = acts[(round / 3 + round) % 3].clone();
        // By themselves over REST where that can be, by operators where it cannot.
        let first = async {
            if one.1.ends_with("/ban") || round % 2 == 0 {
                admin.request(one.0, &one.1, one.2).await
            } else {
                a.request(one.0, &one.1, one.2).await
            }
        };
        let second = async {
            if other.1.ends_with("/ban") || round % 2 == 1 {
                admin.request(other.0, &other.1, other.2).await
            } else {
                b.request(other.0, &other.1, other.2).await
            }
        };
        let (first, second) = tokio::join!(first, second);
        let done = [&first, &second].iter().filter(|r| r.status == 200).count();
        assert_eq!(done, 1, "round {round}: {first:#?} {second:#?}");
        for (name, lost) in [("bob", &first), ("ana", &second)] {
            if lost.status != 200 {
                continue;
            }
            let unban = format!("/v1/users/{name}/ban");
            admin.request("DELETE", &unban, Value::Null).await;
            admin.set_status(name, "active").await.ok();
            admin.give(name, "admin").await;
        }
        (a, b) = (a.again().await, b.again().await);
        assert_eq!(a.get("/v1/me").await.ok()["role"], "admin");
        assert_eq!(b.get("/v1/me").await.ok()["role"], "admin");
    }
    // One after the other, too: who is banned is no admin to count on.
    admin.put("/v1/users/bob/ban", json!({})).await;
    for (method, path, body) in [by_role("ana"), by_status("ana"), by_ban("ana")] {
        let reply = admin.request(method, &path, body).await;
        reply.refused(409, "conflict");
    }
    assert_eq!(carol.get("/v1/me").await.status, 401);
}

async fn the_last_use_of_a_code_is_for_one() {
    let server = Server::builder()
        .set("auth.registration", "invite")
        .start()
        .await;
    let (admin, rest) = (server.admin(), server.rest());
    let mut names = Vec::new();
    for round in 0..4 {
        let invite = admin.post("/v1/invites", json!({"uses": 1})).await;
        let register = |name: String| {
            let asked = json!({"username": name, "password": PASSWORD, "invite": invite["code"]});
            let rest = rest.clone();
            async move { (rest.post("/v1/register", asked).await, name) }
        };
        let (one, other) = tokio::join!(
            register(format!("one-{round}")),
            register(format!("other-{round}"))
        );
        let (won, lost) = if one.0.status == 201 {
            (one, other)
        } else {
            (other, one)
        };
        won.0.ok();
        lost.0.refused(403, "forbidden");
        let login = json!({"login": lost.1, "password": PASSWORD});
        rest.post("/v1/login", login)
            .await
            .refused(401, "unauthorized");
        names.push(won.1);
    }
    let mut people = Vec::new();
    for name in &names {
        people.push(User::login(rest.clone(), name, PASSWORD).await);
    }
    let room = people[0].room("closed", Kind::Private).await;
    for _ in 0..4 {
        let asked = json!({"uses": 1});
        let code = people[0].post(&room.path("/invites"), asked).await.ok();
        let join = |user: &User| {
            let (user, code) = (user.clone(), json!({"code": code["code"]}));
            async move { (user.post("/v1/join", code).await, user) }
        };
        let (one, other) = tokio::join!(join(&people[1]), join(&people[2]));
        let (won, lost) = if one.0.status == 200 {
            (one, other)
        } else {
            (other, one)
        };
        won.0.ok();
        lost.0.refused(403, "forbidden");
        lost.1.get(&room.path("")).await.refused(404, "not_found");
        people[0].remove(&room, &won.1).await;
    }
    let made = admin.post("/v1/users", json!({"name": "late"})).await;
    let claim = |password: &str| {
        let claim = json!({"code": made["code"], "password": password});
        let (rest, password) = (rest.clone(), password.to_owned());
        async move { (rest.post("/v1/claim", claim).await, password) }
    };
    let (one, other) = tokio::join!(claim(PASSWORD), claim("Quartz-lemur-91-veranda"));
    let (won, lost) = if one.0.status == 200 {
        (one, other)
    } else {
        (other, one)
    };
    won.0.ok();
    lost.0.refused(403, "forbidden");
    User::login(rest.clone(), "late", &won.1).await;
    let login = json!({"login": "late", "password": lost.1});
    rest.post("/v1/login", login)
        .await
        .refused(401, "unauthorized");
}

async fn a_role_that_loses_the_right_to_read_falls_silent() {
    let server = Server::start().await;
    let admin = server.admin();
    admin
        .new_role("reader", &["message.read", "message.send", "room.join"])
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ears = Vec::new();
    for reader in server.users("reader", 3).await {
        admin.give(&reader.name, "reader").await;
        reader.join(&room).await;
        ears.push((reader.listen(&room).await, reader));
    }
    let flood = Flood::start(&server, &ana, &room, 2).await;
    for (ws, _) in &mut ears {
        for _ in 0..30 {
            ws.next_of("message").await;
        }
    }
    admin
        .patch("/v1/roles/reader", json!({"remove": ["message.read"]}))
        .await;
    let marker = ana.send(&room, "after the edit").await["seq"].as_u64();
    flood.stop().await;
    for (ws, reader) in &mut ears {
        let heard = ws.events_so_far().await;
        assert!(Some(highest(&heard, &room)) < marker, "{heard:#?}");
        let last = heard.last().expect("told about the end");
        let told = (&last["ev"], &last["room"], &last["why"]);
        let expected = (json!("unsubscribed"), json!(room.id), json!("forbidden"));
        assert_eq!(told, (&expected.0, &expected.1, &expected.2));
        let ask = json!({"op": "subscribe", "room": room.id, "after": 0});
        let err = ws.request(ask).await.expect_err("may not read");
        assert_eq!(err.code, "forbidden");
        reader
            .get(&room.path("/messages"))
            .await
            .refused(403, "forbidden");
        // Not to read is not to be mute.
        ws.send(&room, "I am still here").await;
    }
    admin
        .patch("/v1/roles/reader", json!({"add": ["message.read"]}))
        .await;
    let (ws, _) = &mut ears[0];
    ws.subscribe(&room, None).await;
}
