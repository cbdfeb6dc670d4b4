//! Archiving moves old messages out of the way and loses none: whoever reads notices nothing, before, while and
//! after it runs; it can be undone; what was deleted stays so; what is damaged is named.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, Shell, User, assert_consecutive, on_both, told, within};

on_both!(
    who_reads_notices_nothing,
    reading_goes_on_while_runs_move_what_is_read,
    what_is_deleted_later_is_gone_from_the_archive_too,
    a_dry_run_changes_nothing_and_wrong_input_says_what_is_wrong,
    what_is_damaged_is_named_and_the_rest_is_read,
    any_sequence_of_acts_reads_as_a_list_in_memory,
);

/// A room with messages, and among them people who come and go.
async fn talked(server: &Server, messages: usize) -> (User, User, Room) {
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    let mut ws = ana.connect().await;
    for part in 0..4 {
        bob.join(&room).await;
        let said = (0..messages / 4).map(|i| format!("message {part} {i} with a few words in it"));
        ws.say_all(&room, said, 64).await;
        bob.post(&room.path("/leave"), Value::Null).await.ok();
    }
    bob.join(&room).await;
    (ana, bob, room)
}

/// A page, as it is told to somebody.
async fn page(user: &User, room: &Room, query: &str) -> Vec<Value> {
    let answer = user
        .get(&room.path(&format!("/messages?{query}")))
        .await
        .ok();
    assert_eq!(answer["gaps"], json!([]), "{query}");
    let mut items = answer["items"].as_array().expect("items").clone();
    for item in &mut items {
        item.as_object_mut().expect("an object").remove("txn");
    }
    items
}

/// Pages at and about the seams of segments.
async fn pages(user: &User, room: &Room) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for at in [
        0, 1, 2, 998, 1000, 1001, 1002, 1003, 1999, 2001, 2002, 2100, 9999,
    ] {
        for query in ["before", "after", "around"] {
            all.push(page(user, room, &format!("{query}={at}&limit=7")).await);
        }
    }
    all.push(page(user, room, "limit=200").await);
    all
}

async fn who_reads_notices_nothing() {
    let server = Server::archiving().await;
    let (ana, bob, room) = talked(&server, 2_200).await;
    let gone = room.path("/messages/5");
    ana.delete(&gone).await.ok();
    let before = (told(&bob, &room).await, pages(&bob, &room).await);
    let entries = server.admin().entries(&room).await;

    let run = server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    let segments = server.admin().segments().await;
    assert_eq!(segments.len(), 3, "{segments:#?}");
    let archived: u64 = segments.iter().filter_map(|s| s["entries"].as_u64()).sum();
    assert_eq!(run["entries"], archived);
    assert!(
        archived >= entries.len() as u64 - 4,
        "all but the last: {archived}"
    );
    assert!(run["size"].as_u64() < run["bytes"].as_u64(), "{run:#}");
    let after = (told(&bob, &room).await, pages(&bob, &room).await);
    assert!(before == after, "what is read has changed");
    assert!(server.admin().entries(&room).await == entries);
    assert_eq!(server.admin().verify().await, [] as [Value; 0]);
    let one = ana.get(&room.path("/messages/700")).await.ok();
    assert!(
        before
            .0
            .iter()
            .any(|m| m["seq"] == 700 && m["body"] == one["body"])
    );

    // Talking and resuming go on.
    let mut ears = bob.connect().await;
    let said = ana.send(&room, "after all that").await;
    let seq = said["seq"].as_u64().expect("a seq");
    let from = seq - 60;
    let missed = ears.subscribe(&room, Some(from)).await;
    assert!(missed.recovered);
    assert_consecutive(from, &missed.events);
    let again = server.admin().archive().await;
    assert_eq!(again["state"], "done");

    // And back: entry by entry what it was.
    let restored = server.admin().restore(&run).await;
    assert_eq!(restored["state"], "done", "{restored:#}");
    let mut expected = before.0;
    expected.extend(told(&bob, &room).await.last().cloned());
    assert!(told(&bob, &room).await == expected);
    let live = server.admin().entries(&room).await;
    assert!(live[..entries.len()] == entries[..]);
    assert_eq!(server.admin().verify().await, [] as [Value; 0]);
}

async fn reading_goes_on_while_runs_move_what_is_read() {
    let server = Server::archiving().await;
    let (ana, bob, room) = talked(&server, 1_600).await;
    let expected = told(&bob, &room).await;
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (bob, room, over) = (bob.clone(), room.clone(), Arc::clone(&over));
            let expected = expected.clone();
            tokio::spawn(async move {
                let mut rounds = 0;
                while !over.load(Ordering::Relaxed) || rounds < 2 {
                    let found = told(&bob, &room).await;
                    assert!(found == expected, "{} of {}", found.len(), expected.len());
                    let middle = page(&bob, &room, "before=900&limit=50").await;
                    assert_eq!(middle.len(), 50);
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    let admin = server.admin();
    let run = admin.ended(&admin.begin_run(&[&room]).await).await;
    assert_eq!(run["state"], "done", "{run:#}");
    let restored = admin.restore(&run).await;
    assert_eq!(restored["state"], "done", "{restored:#}");
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.expect("it reads the same") >= 2);
    }
    // A room that was restored just now is left alone for a moment, and says so.
    let again = admin.ended(&admin.begin_run(&[&room]).await).await;
    assert_eq!(again["state"], "failed", "{again:#}");
    let why = again["rooms"][0]["error"].as_str().expect("why");
    assert!(why.contains("less than a minute ago"), "{why}");
    drop(ana);
}

async fn what_is_deleted_later_is_gone_from_the_archive_too() {
    let server = Server::builder()
        .set("archive.min_age", "0s")
        .set("messages.erase_within", "2s")
        .start()
        .await;
    let (ana, bob, room) = talked(&server, 40).await;
    let mut ears = bob.listen(&room).await;
    let run = server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    let victims: Vec<_> = told(&bob, &room).await.drain(3..6).collect();
    for victim in &victims {
        let path = room.path(&format!("/messages/{}", victim["seq"]));
        ana.delete(&path).await.ok();
        ears.next_of("delete").await;
        let now = bob.get(&path).await.ok();
        assert_eq!((&now["deleted"], &now["body"]), (&json!(true), &json!("")));
    }
    let hidden = told(&bob, &room).await;
    for (victim, now) in victims.iter().zip(&hidden[3..6]) {
        assert_eq!(now["seq"], victim["seq"]);
        assert_eq!(now["body"], "");
    }
    // The texts leave the segment, which is sealed anew.
    let admin = server.admin();
    crate::support::within("the texts to go", async {
        while !admin
            .segments()
            .await
            .iter()
            .any(|s| s["generation"].as_u64() > Some(1))
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(admin.verify().await, [] as [Value; 0]);
    assert!(told(&bob, &room).await == hidden);
    let runs = admin.get("/v1/archive/runs").await;
    assert_eq!(runs["items"][0]["kind"], "erase", "{runs:#}");
    // What is restored has them no more.
    assert_eq!(admin.restore(&run).await["state"], "done");
    assert!(told(&bob, &room).await == hidden);
}

async fn a_dry_run_changes_nothing_and_wrong_input_says_what_is_wrong() {
    let server = Server::builder().set("archive.min_age", "1h").start().await;
    let (_ana, _bob, room) = talked(&server, 20).await;
    let admin = server.admin();
    let ask = async |body: Value| admin.request("POST", "/v1/archive/runs", body).await;
    let refused = async |body: Value, field: &str, says: &str| {
        let reply = ask(body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {reply:#?}");
        assert_eq!(reply.body["field"], field, "{body}: {reply:#?}");
        let detail = reply.body["detail"].as_str().expect("words");
        assert!(detail.contains(says), "{body}: {detail}");
    };
    refused(json!({"before": "0s"}), "before", "before now").await;
    refused(json!({"before": "1m"}), "before", "archive.min_age (1h)").await;
    refused(json!({"before": "30"}), "before", "30d").await;
    refused(json!({"before": "-5d"}), "before", "30d").await;
    refused(json!({"before": "99999999999999999999d"}), "before", "30d").await;
    refused(
        json!({"before": 99_999_999_999_999_i64}),
        "before",
        "before now",
    )
    .await;
    let unknown = ask(json!({"before": "2h", "rooms": ["nowhere"]})).await;
    assert_eq!(unknown.status, 404, "{unknown:#?}");
    let nobody = ask(json!({"before": "2h", "rooms": [crate::support::random_id()]})).await;
    assert_eq!(nobody.status, 404, "{nobody:#?}");
    let dry = admin
        .post("/v1/archive/runs", json!({"before": "2h", "dry_run": true}))
        .await;
    assert_eq!((&dry["entries"], &dry["id"]), (&json!(0), &Value::Null));
    let none = admin.get("/v1/archive/runs").await;
    assert_eq!(none["items"], json!([]));
    drop(server);

    let server = Server::archiving().await;
    let (_ana, bob, room_two) = talked(&server, 20).await;
    let admin = server.admin();
    let before = told(&bob, &room_two).await;
    let body = json!({"before": "1ms", "rooms": [room_two.id], "dry_run": true});
    let dry = admin.post("/v1/archive/runs", body).await;
    assert!(dry["entries"].as_u64() > Some(20), "{dry:#}");
    assert_eq!(admin.segments().await, [] as [Value; 0]);
    let done = admin.ended(&admin.begin_run(&[&room_two]).await).await;
    assert!(
        done["entries"].as_u64() >= dry["entries"].as_u64(),
        "{done:#}"
    );
    assert!(told(&bob, &room_two).await == before);
    // A run that is over does not stop, and what is not there is not restored.
    let id = done["id"].as_str().expect("an id");
    let stop = format!("/v1/archive/runs/{id}/stop");
    assert_eq!(admin.request("POST", &stop, Value::Null).await.status, 409);
    let nothing = format!("/v1/archive/runs/{}/restore", crate::support::random_id());
    assert_eq!(
        admin.request("POST", &nothing, Value::Null).await.status,
        404
    );
    drop(room);
}

async fn what_is_damaged_is_named_and_the_rest_is_read() {
    let server = Server::archiving().await;
    let (ana, bob, room) = talked(&server, 2_100).await;
    let all = told(&bob, &room).await;
    server.admin().archive().await;
    let segments = server.admin().segments().await;
    let (first, last) = (&segments[1]["first"], &segments[1]["last"]);
    let last_seq = last.as_i64().expect("a seq");
    let shell = Shell::open(&server).await;
    shell.damage_segment(last_seq).await;

    let found = server.admin().verify().await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((&found[0]["first"], &found[0]["last"]), (first, last));
    assert!(
        found[0]["what"]
            .as_str()
            .expect("words")
            .contains("checksum")
    );
    let query = format!("/messages?after={}&limit=200", last_seq - 30);
    let page = bob.get(&room.path(&query)).await.ok();
    let gaps = json!([{"first": last_seq - 29, "last": last_seq, "why": "damaged"}]);
    assert_eq!(page["gaps"], gaps);
    let after: Vec<_> = all
        .iter()
        .filter(|m| m["seq"].as_i64() > Some(last_seq))
        .collect();
    let read = page["items"].as_array().expect("items");
    assert!(
        read.iter()
            .map(|m| &m["body"])
            .eq(after.iter().take(200).map(|m| &m["body"]))
    );
    let before = bob
        .get(&room.path(&format!("/messages?before={}&limit=200", last_seq - 500)))
        .await
        .ok();
    assert_eq!(before["gaps"][0]["why"], "damaged");
    assert_eq!(before["items"].as_array().map(Vec::len), Some(200));
    // The one message that is asked for is not there, and the server goes on.
    let inside = bob
        .get(&room.path(&format!("/messages/{}", last_seq - 3)))
        .await;
    assert_eq!(inside.status, 500, "{inside:#?}");
    ana.send(&room, "still here").await;
    // What is damaged is not restored, and stays as it is.
    let run = server.admin().get("/v1/archive/runs").await["items"][0].clone();
    let restored = server.admin().restore(&run).await;
    assert_eq!(restored["state"], "failed", "{restored:#}");
    assert_eq!(server.admin().verify().await.len(), 1);
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    /// A place in a list.
    fn among<T>(&mut self, list: &[T]) -> usize {
        usize::try_from(self.roll(list.len() as u64)).expect("it is in the list")
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

async fn any_sequence_of_acts_reads_as_a_list_in_memory() {
    for seed in [0x5eed_0001, 0x0dd_ba11] {
        sequence(Dice(seed)).await;
    }
}

/// What a message should read as: its text while it is not deleted, and who reacts with which emoji.
#[derive(Clone, Debug, Default, PartialEq)]
struct Meant {
    seq: u64,
    body: Option<String>,
    reactions: BTreeMap<String, BTreeSet<String>>,
}

impl Meant {
    fn of(message: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let sums = list(&message["reactions"]).into_iter().map(|sum| {
            let names = list(&sum["first"])
                .iter()
                .map(|one| text(&one["name"]))
                .collect();
            let names: BTreeSet<_> = names;
            assert_eq!(sum["count"], names.len(), "there are two of them: {sum:#}");
            assert_eq!(sum["mine"], names.contains("ana"), "{sum:#}");
            (text(&sum["emoji"]), names)
        });
        Self {
            seq: message["seq"].as_u64().expect("a seq"),
            body: (message["deleted"] != true).then(|| text(&message["body"])),
            reactions: sums.collect(),
        }
    }
}

#[expect(clippy::too_many_lines, reason = "an arm for each act")]
async fn sequence(mut dice: Dice) {
    let mut server = Server::archiving().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    // Each message that was said and is not purged.
    let mut model: Vec<Meant> = Vec::new();
    let mut runs: Vec<Value> = Vec::new();
    for step in 0..90 {
        match dice.roll(16) {
            0..=4 => {
                for i in 0..=dice.roll(4) {
                    let body = format!("{step}.{i}");
                    let said = ana.send(&room, &body).await;
                    model.push(Meant {
                        seq: said["seq"].as_u64().expect("a seq"),
                        body: Some(body),
                        ..Meant::default()
                    });
                }
            }
            5 if !model.is_empty() => {
                let at = dice.among(&model);
                let path = room.path(&format!("/messages/{}", model[at].seq));
                ana.delete(&path).await.ok();
                model[at].body = None;
                model[at].reactions.clear();
            }
            10 | 11 if !model.is_empty() => {
                let at = dice.among(&model);
                let path = room.path(&format!("/messages/{}", model[at].seq));
                let body = format!("{step} edited");
                let edit = ana.request("PATCH", &path, json!({"body": body})).await;
                if model[at].body.is_some() {
                    edit.ok();
                    model[at].body = Some(body);
                } else {
                    edit.refused(409, "conflict");
                }
            }
            12..=14 if !model.is_empty() => {
                for _ in 0..3 {
                    let message = dice.among(&model);
                    let message = &mut model[message];
                    let user = [&ana, &bob][dice.among(&[0; 2])];
                    let emoji = [":one:", ":two:"][dice.among(&[0; 2])];
                    let path = format!("/messages/{}/reactions/{emoji}", message.seq);
                    let on = dice.roll(3) > 0;
                    let method = if on { "PUT" } else { "DELETE" };
                    let done = user.request(method, &room.path(&path), Value::Null).await;
                    if message.body.is_none() {
                        done.refused(409, "conflict");
                        continue;
                    }
                    let who = message.reactions.entry(emoji.to_owned()).or_default();
                    let new = if on {
                        who.insert(user.name.clone())
                    } else {
                        who.remove(&user.name)
                    };
                    assert_eq!(done.ok()["dup"], !new, "{path}");
                    message.reactions.retain(|_, who| !who.is_empty());
                }
            }
            6 | 7 => {
                let run = server.admin().archive().await;
                let error = run["rooms"][0]["error"].as_str().unwrap_or_default();
                let just = error.contains("less than a minute ago");
                assert!(run["state"] == "done" || just, "{run:#}");
                runs.push(run);
            }
            8 if !runs.is_empty() => {
                let run = &runs[dice.among(&runs)];
                let id = run["id"].as_str().expect("an id");
                let path = format!("/v1/archive/runs/{id}/restore");
                let admin = server.admin();
                let reply = admin.request("POST", &path, Value::Null).await;
                if reply.status == 202 {
                    let done = admin.ended(&reply.body).await;
                    assert_eq!(done["state"], "done", "{done:#}");
                } else {
                    assert_eq!(reply.status, 409, "{reply:#?}");
                }
            }
            9 if dice.roll(3) == 0 => {
                if dice.roll(2) == 0 {
                    server.restart().await;
                } else {
                    server.kill9().await;
                    server.boot().await;
                }
            }
            15 if dice.roll(3) == 0 => {
                let upto = prune(&mut server).await;
                model.retain(|m| m.seq > upto);
            }
            _ => {}
        }
        // A page has what is left, and says what is gone.
        let mut found = Vec::new();
        let (mut after, mut gone) = (0, 0);
        loop {
            let path = room.path(&format!("/messages?after={after}&limit=200"));
            let page = ana.get(&path).await.ok();
            for gap in page["gaps"].as_array().expect("gaps") {
                assert_eq!(gap["why"], "purged", "{gap:#}");
                gone = gone.max(gap["last"].as_u64().expect("a seq"));
            }
            let items = page["items"].as_array().expect("items");
            found.extend(items.iter().map(Meant::of));
            match items.last() {
                Some(last) => after = last["seq"].as_u64().expect("a seq"),
                None => break,
            }
        }
        assert_eq!(found, model, "after step {step}");
        assert!(
            model.first().is_none_or(|m| m.seq > gone),
            "{gone}: {model:#?}"
        );
        for message in model.iter().rev().take(3) {
            let path = room.path(&format!("/messages/{}/reactions", message.seq));
            let page = ana.get(&path).await.ok();
            let mut listed = BTreeMap::<String, BTreeSet<String>>::new();
            for one in page["items"].as_array().expect("items") {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                let who = listed.entry(text(&one["emoji"])).or_default();
                who.insert(text(&one["user"]["name"]));
            }
            assert_eq!(listed, message.reactions, "after step {step}");
        }
    }
    assert_eq!(server.admin().verify().await, [] as [Value; 0]);
    server.cli(&["store", "check"]).await.ok();
}

/// Prunes all that is archived, for good: the last `seq` that is gone.
async fn prune(server: &mut Server) -> u64 {
    let body = json!({"before": "1ms", "grace": 0});
    let begun = server
        .admin()
        .request("POST", "/v1/archive/prune", body)
        .await;
    if begun.status == 202 {
        let done = server.admin().ended(&begun.body).await;
        assert_eq!(done["state"], "done", "{done:#}");
    } else {
        assert_eq!(begun.status, 409, "there was nothing: {begun:#?}");
    }
    // What is due is looked for at the start.
    server.restart().await;
    let due = |s: &Value| s["purge_at"].is_number() && !s["purged_at"].is_number();
    let segments = within("the purge", async {
        loop {
            let segments = server.admin().segments().await;
            if !segments.iter().any(due) {
                return segments;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let gone = segments.iter().filter(|s| s["purged_at"].is_number());
    gone.filter_map(|s| s["last"].as_u64()).max().unwrap_or(0)
}

/// Words that do not compress: what is sealed takes nearly as much as what was live.
fn noise(dice: &mut Dice, letters: usize) -> String {
    (0..letters)
        .map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[dice.among(&[0; 36])]))
        .collect()
}

/// SQLite only: it is chatd that says there when the store is full.
#[tokio::test]
async fn a_full_store_loses_nothing_to_a_run_and_has_room_after_it() {
    let server = Server::builder()
        .set("archive.min_age", "0s")
        .set("archive.rate", "0")
        .set("store.max_size", "4 MiB")
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let (mut dice, mut ws) = (Dice(0xbadd_cafe), ana.connect().await);
    loop {
        let body = noise(&mut dice, 1_500);
        let said = json!({"op": "send", "room": room.id, "body": body});
        if let Err(full) = ws.request(said).await {
            assert_eq!(full.code, "storage_full", "{full:?}");
            break;
        }
    }
    let all = told(&ana, &room).await;
    // There is not room for each segment beside what it has: wherever the run ends, nothing is missing.
    let run = server.admin().archive().await;
    assert!(told(&ana, &room).await == all, "{run:#}");
    assert_eq!(server.admin().verify().await, [] as [Value; 0]);
    if run["state"] == "failed" {
        assert!(
            run["error"].as_str().expect("why").contains("storage"),
            "{run:#}"
        );
    }
    // Words that do compress make room.
    let server = Server::builder()
        .set("archive.min_age", "0s")
        .set("archive.rate", "0")
        .set("store.max_size", "4 MiB")
        .start()
        .await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ws = ana.connect().await;
    let say = async |ws: &mut crate::support::Ws, i: usize| {
        let body = format!("message {i} and what is said in it ").repeat(40);
        ws.request(json!({"op": "send", "room": room.id, "body": body}))
            .await
    };
    let mut i = 0;
    while say(&mut ws, i).await.is_ok() {
        i += 1;
    }
    let all = told(&ana, &room).await;
    let run = server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    assert!(told(&ana, &room).await == all);
    say(&mut ws, i).await.expect("there is room again");
}
