//! All that somebody said in some time can be deleted at once, in every room, by those who may; it can be
//! looked at before, and undone as long as the texts are there.

use serde_json::{Value, json};

use crate::support::{Kind, PASSWORD, Room, Server, User, history, on_both, within};

on_both!(
    a_dry_run_says_what_a_run_does,
    a_redaction_can_be_undone,
    a_moderator_reaches_only_what_they_moderate,
    only_the_time_that_is_meant_is_redacted,
    what_is_erased_is_not_restored,
    a_redaction_that_was_broken_off_goes_on,
    it_works_on_the_store_of_a_stopped_server,
);

/// Eve said things in three rooms, and so did ana.
struct Spammed {
    server: Server,
    ana: User,
    eve: User,
    rooms: Vec<Room>,
}

const EACH: usize = 20;

async fn spammed(server: Server) -> Spammed {
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let mut rooms = Vec::new();
    for (name, kind) in [
        ("general", Kind::Public),
        ("random", Kind::Public),
        ("closed", Kind::Private),
    ] {
        let room = ana.room(name, kind).await;
        ana.add(&room, &eve, "member").await;
        let spam = (0..EACH).map(|i| format!("spam {i} in {name}"));
        eve.connect().await.say_all(&room, spam, 16).await;
        ana.send(&room, &format!("ana in {name}")).await;
        rooms.push(room);
    }
    // A room without her.
    let quiet = ana.room("quiet", Kind::Public).await;
    ana.send(&quiet, "nothing here").await;
    Spammed {
        server,
        ana,
        eve,
        rooms,
    }
}

/// How many messages of a room that a user reads are deleted; with ana's alone never.
async fn deleted(user: &User, room: &Room) -> usize {
    let read = history(user, room).await;
    assert_eq!(read.len(), EACH + 1);
    let gone: Vec<_> = read.iter().filter(|m| m["deleted"] == true).collect();
    assert!(gone.iter().all(|m| m["name"] == "eve" && m["body"] == ""));
    gone.len()
}

/// What a redaction says of its rooms, by name.
fn by_room(redaction: &Value) -> Vec<(String, u64)> {
    let rooms = redaction["rooms"].as_array().expect("rooms").iter();
    let one = |r: &Value| {
        let name = r["name"].as_str().expect("a name").to_owned();
        (name, r["messages"].as_u64().expect("a number"))
    };
    let mut rooms: Vec<_> = rooms.map(one).collect();
    rooms.sort();
    rooms
}

const EVES: [&str; 7] = [
    "message", "redact", "--user", "eve", "--since", "1h", "--json",
];

fn each(names: &[&str]) -> Vec<(String, u64)> {
    let count = EACH as u64;
    names.iter().map(|n| ((*n).to_owned(), count)).collect()
}

async fn a_dry_run_says_what_a_run_does() {
    let s = spammed(Server::start().await).await;
    // One is gone already.
    let mut ears = s.ana.listen(&s.rooms[0]).await;
    let first = &history(&s.ana, &s.rooms[0]).await[0];
    let path = s.rooms[0].path(&format!("/messages/{}", first["seq"]));
    s.eve.delete(&path).await.ok();
    ears.next_of("delete").await;

    let dry = s
        .server
        .cli(&[&EVES[..], &["--dry-run"]].concat())
        .await
        .json();
    let mut expected = each(&["closed", "general", "random"]);
    expected[1].1 -= 1;
    assert_eq!(by_room(&dry), expected);
    assert_eq!(dry["messages"], 3 * EACH - 1);
    assert_eq!((&dry["id"], &dry["dry_run"]), (&Value::Null, &json!(true)));
    assert_eq!(deleted(&s.ana, &s.rooms[1]).await, 0);
    let none = s
        .server
        .cli(&["message", "redactions", "--json"])
        .await
        .json();
    assert_eq!(none["items"], json!([]));

    let run = [&EVES[..], &["--reason", "spam"]].concat();
    let done = s.server.cli(&run).await.json();
    for field in ["user", "user_name", "messages", "rooms", "since"] {
        if field != "since" {
            assert_eq!(done[field], dry[field], "{field}");
        }
    }
    assert!(done["finished_at"].is_number() && done["undone_at"].is_null());
    for room in &s.rooms {
        assert_eq!(deleted(&s.ana, room).await, EACH);
    }
    // Those who listen hear of each, from nobody.
    for _ in 1..EACH {
        let event = ears.next_event().await;
        assert_eq!(event["ev"], "delete");
        assert!(event.get("from").is_none(), "{event:#}");
    }
    // Nothing is left to do, and that is recorded, too.
    let again = s.server.cli(&EVES).await.json();
    assert_eq!(
        (&again["messages"], &again["rooms"]),
        (&json!(0), &json!([]))
    );
    let listed = s
        .server
        .cli(&["message", "redactions", "--json"])
        .await
        .json();
    let ids = listed["items"].as_array().expect("items").iter();
    let ids: Vec<_> = ids.map(|r| &r["id"]).collect();
    assert_eq!(ids, [&again["id"], &done["id"]]);
    assert_eq!(listed["items"][1]["reason"], "spam");
    let table = s.server.cli(&["message", "redactions"]).await;
    assert!(table.ok().contains("undo within"), "{table}");
}

async fn a_redaction_can_be_undone() {
    let s = spammed(Server::start().await).await;
    let before = history(&s.ana, &s.rooms[0]).await;
    let done = s.server.cli(&EVES).await.json();
    let id = done["id"].as_str().expect("an id");
    let mut ears = s.eve.listen(&s.rooms[0]).await;
    let head = ears.subscribe(&s.rooms[0], None).await.head;
    let restore = ["message", "restore", id, "--json"];
    let dry = s.server.cli(&[&restore[..], &["--dry-run"]].concat()).await;
    let dry = dry.json();
    assert_eq!(
        (&dry["restored"], &dry["erased"]),
        (&json!(3 * EACH), &json!(0))
    );
    assert_eq!(deleted(&s.ana, &s.rooms[0]).await, EACH);

    let back = s.server.cli(&restore).await.json();
    assert_eq!(back["restored"], dry["restored"]);
    assert!(back["redaction"]["undone_at"].is_number(), "{back:#}");
    assert_eq!(history(&s.ana, &s.rooms[0]).await, before, "as it was");
    let mut targets = Vec::new();
    for i in 1..=EACH as u64 {
        let event = ears.next_event().await;
        assert_eq!(
            (&event["ev"], &event["seq"]),
            (&json!("restore"), &json!(head + i))
        );
        targets.push(event["target"].clone());
    }
    let spam = before.iter().filter(|m| m["name"] == "eve");
    assert_eq!(targets, spam.map(|m| m["seq"].clone()).collect::<Vec<_>>());
    // A replay out of the store shows them again, and that they were away.
    let replay = s.ana.connect().await.subscribe(&s.rooms[1], Some(1)).await;
    assert_eq!(
        replay
            .bodies()
            .iter()
            .filter(|b| b.starts_with("spam"))
            .count(),
        EACH
    );

    let twice = s.server.cli(&["message", "restore", id]).await;
    assert!(twice.failed(4).contains("undone before"), "{twice}");
    let nothing = s
        .server
        .cli(&["message", "restore", &crate::support::random_id()])
        .await;
    nothing.failed(3);
    s.server
        .cli(&["message", "restore", "nonsense"])
        .await
        .failed(3);
    // And once more.
    let again = s.server.cli(&EVES).await.json();
    assert_eq!(again["messages"], 3 * EACH);
    assert_ne!(again["id"], done["id"]);
}

async fn a_moderator_reaches_only_what_they_moderate() {
    let s = spammed(Server::start().await).await;
    let mira = s.server.user("mira").await;
    let ask = json!({"user": "eve", "since": "1h", "reason": "spam"});
    for user in [&mira, &s.ana] {
        user.post("/v1/redactions", ask.clone())
            .await
            .refused(403, "forbidden");
        user.get("/v1/redactions").await.refused(403, "forbidden");
    }
    s.server
        .cli(&["user", "role", "mira", "moderator"])
        .await
        .ok();
    let mut dry = ask.clone();
    dry["dry_run"] = json!(true);
    let dry = mira.post("/v1/redactions", dry).await;
    assert_eq!(dry.status, 200);
    assert_eq!(by_room(&dry.body), each(&["general", "random"]));
    // One that she does not reach, by name and by id.
    for (room, status) in [("closed", 404), (s.rooms[2].id.as_str(), 404)] {
        let mut ask = ask.clone();
        ask["rooms"] = json!([room]);
        let reply = mira.post("/v1/redactions", ask).await;
        reply.refused(status, "not_found");
    }
    for (field, value) in [
        ("since", json!("soon")),
        ("since", json!(-1)),
        ("reason", json!("")),
    ] {
        let mut ask = ask.clone();
        ask[field] = value;
        let reply = mira.post("/v1/redactions", ask).await;
        reply.refused_field(field);
    }
    let done = mira.post("/v1/redactions", ask.clone()).await;
    assert_eq!(done.status, 201, "{done:#?}");
    assert_eq!(by_room(&done.body), by_room(&dry.body));
    assert_eq!(done.body["by"], "mira");
    assert_eq!(deleted(&s.ana, &s.rooms[0]).await, EACH);
    assert_eq!(deleted(&s.ana, &s.rooms[2]).await, 0, "not hers");
    let ears = s.ana.connect().await.subscribe(&s.rooms[0], Some(1)).await;
    let event = ears.events.iter().find(|e| e["ev"] == "delete");
    assert_eq!(event.expect("deletions")["name"], "mira");

    // What an operator does elsewhere does not concern her; what she did can be undone by her.
    let other = [&EVES[..], &["--room", &s.rooms[2].id]].concat();
    let other = s.server.cli(&other).await.json();
    assert_eq!(by_room(&other), each(&["closed"]));
    let listed = mira.get("/v1/redactions").await.ok();
    let items = listed["items"].as_array().expect("items");
    assert_eq!(items.len(), 1, "{listed:#}");
    let path = |r: &Value| format!("/v1/redactions/{}", r["id"].as_str().expect("an id"));
    assert_eq!(mira.get(&path(&done.body)).await.ok(), items[0]);
    mira.get(&path(&other)).await.refused(404, "not_found");
    let restore = path(&other) + "/restore";
    mira.post(&restore, json!({}))
        .await
        .refused(404, "not_found");
    let restore = path(&done.body) + "/restore";
    s.ana
        .post(&restore, Value::Null)
        .await
        .refused(403, "forbidden");
    let back = mira.post(&restore, Value::Null).await.ok();
    assert_eq!(
        (&back["restored"], &back["finished"]),
        (&json!(2 * EACH), &json!(true))
    );
    assert_eq!(deleted(&s.ana, &s.rooms[0]).await, 0);
    mira.post(&restore, Value::Null)
        .await
        .refused(409, "conflict");
}

async fn only_the_time_that_is_meant_is_redacted() {
    let server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let room = ana.room("general", Kind::Public).await;
    eve.join(&room).await;
    let mut said = Vec::new();
    for i in 0..30 {
        // Apart in time: the clock of the server decides.
        let last = said.last().map(|m: &Value| m["at"].clone());
        let next = loop {
            let next = eve.send(&room, &format!("eve {i}")).await;
            if Some(&next["at"]) != last.as_ref() {
                break next;
            }
        };
        said.push(next);
    }
    let all = history(&ana, &room).await;
    let at = |m: &Value| m["at"].as_i64().expect("a time");
    let (first, last) = (at(&said[10]), at(&said[19]));
    let meant: Vec<_> = all
        .iter()
        .filter(|m| (first..=last).contains(&at(m)))
        .map(|m| m["seq"].clone())
        .collect();
    let time = |ms: i64| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms.unsigned_abs());
        let time: jiff::Timestamp = time.try_into().expect("a time");
        time.to_string()
    };
    let (since, until) = (time(first), time(last));
    let args = ["message", "redact", "--user", &eve.id, "--since", &since];
    let args = [&args[..], &["--until", &until, "--json"]].concat();
    let dry = server
        .cli(&[&args[..], &["--dry-run"]].concat())
        .await
        .json();
    assert_eq!(dry["messages"], meant.len());
    assert_eq!(
        (&dry["since"], &dry["until"]),
        (&json!(first), &json!(last))
    );
    server.cli(&args).await.ok();
    let gone: Vec<_> = history(&ana, &room)
        .await
        .iter()
        .filter(|m| m["deleted"] == true)
        .map(|m| m["seq"].clone())
        .collect();
    assert_eq!(gone, meant);

    let wrong = [
        (vec!["--user", "nobody", "--since", "1h"], 3),
        (
            vec!["--user", "eve", "--since", "1h", "--room", "nowhere"],
            3,
        ),
        (vec!["--user", "eve", "--since", "soon"], 2),
        (
            vec!["--user", "eve", "--since", &until, "--until", &since],
            2,
        ),
    ];
    for (args, code) in wrong {
        let args = [&["message", "redact"], &args[..]].concat();
        server.cli(&args).await.failed(code);
    }
}

async fn what_is_erased_is_not_restored() {
    let server = Server::builder()
        .set("messages.erase_within", "1s")
        .start()
        .await;
    let s = spammed(server).await;
    let done = s.server.cli(&EVES).await.json();
    assert_eq!(done["messages"], 3 * EACH);
    let erased = async {
        loop {
            let status = s.server.cli(&["status", "--json"]).await.json();
            if status["counts"]["erased"].as_u64() >= Some(3 * EACH as u64) {
                return;
            }
        }
    };
    within("the texts to be erased", erased).await;
    let id = done["id"].as_str().expect("an id");
    for args in [
        vec!["message", "restore", id],
        vec!["message", "restore", id, "--dry-run"],
    ] {
        let late = s.server.cli(&args).await;
        assert!(late.failed(4).contains("too late"), "{late}");
    }
    let table = s.server.cli(&["message", "redactions"]).await;
    assert!(table.ok().contains("erased"), "{table}");
    assert_eq!(deleted(&s.ana, &s.rooms[0]).await, EACH);
}

async fn a_redaction_that_was_broken_off_goes_on() {
    const MANY: usize = 240;
    let mut server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let room = ana.room("general", Kind::Public).await;
    eve.join(&room).await;
    let spam = (0..MANY).map(|i| format!("spam {i}"));
    eve.connect().await.say_all(&room, spam, 64).await;
    ana.send(&room, "not spam").await;

    let mut ears = ana.listen(&room).await;
    let redact = tokio::join!(server.cli(&EVES), async {
        ears.next_of("delete").await;
        // It is in the middle now.
        server.process().signal(rustix::process::Signal::KILL);
    });
    assert_ne!(
        redact.0.code,
        Some(0),
        "it was not in the middle: {}",
        redact.0
    );
    server.exit().await;
    server.boot().await;

    let ana = User::login(server.rest(), "ana", PASSWORD).await;
    let gone = |read: &[Value]| read.iter().filter(|m| m["deleted"] == true).count();
    let half = gone(&history(&ana, &room).await);
    assert!(0 < half && half < MANY, "{half}");
    let listed = server
        .cli(&["message", "redactions", "--json"])
        .await
        .json();
    let broken = &listed["items"][0];
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(broken["messages"], half, "what was deleted belongs to it");
    let state = (&broken["finished_at"], &broken["running"]);
    assert_eq!(state, (&Value::Null, &json!(false)));
    let table = server.cli(&["message", "redactions"]).await;
    assert!(table.ok().contains("unfinished"), "{table}");

    // A database holds what a killed client had under way until it notices; until then the answer comes at once.
    let mut done = server.cli(&EVES).await;
    for _ in 0..500 {
        if done.code != Some(6) {
            break;
        }
        done = server.cli(&EVES).await;
    }
    let done = done.json();
    assert_eq!(
        (&done["id"], &done["messages"]),
        (&broken["id"], &json!(MANY))
    );
    let read = history(&ana, &room).await;
    assert_eq!((gone(&read), read.len()), (MANY, MANY + 1));
    let id = done["id"].as_str().expect("an id");
    let back = server.cli(&["message", "restore", id, "--json"]).await;
    assert_eq!(back.json()["restored"], MANY);
    assert_eq!(gone(&history(&ana, &room).await), 0);
}

async fn it_works_on_the_store_of_a_stopped_server() {
    let mut s = spammed(Server::start().await).await;
    s.server.stop().await;
    s.server.cli(&EVES).await.ok();
    s.server.boot().await;
    let ana = User::login(s.server.rest(), "ana", PASSWORD).await;
    for room in &s.rooms {
        assert_eq!(deleted(&ana, room).await, EACH);
    }
    drop(s.eve);
}
