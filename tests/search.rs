//! Promise 3 for searching: what was said is found, by whoever may read it at that moment and by nobody else, in
//! whatever script, live and archived; and the index is nothing but a cache, which comes and goes.

mod check;
mod full;
mod index;
mod may;
mod operators;

use serde_json::{Value, json};

use crate::support::{Admin, Kind, Room, Server, User, on_both, within};

on_both!(
    words_are_found_in_every_script,
    a_search_is_narrowed_by_room_person_time_and_kind,
    what_is_archived_is_found,
    what_was_edited_or_deleted_is_found_as_it_is_now,
    pages_follow_each_other_without_repeats,
    what_fits_best_comes_first,
    a_search_that_cannot_be_is_refused,
    searches_have_a_rate_of_their_own,
);

/// Waits until everything that was said can be found.
async fn indexed(admin: &Admin) {
    within("the search index", async {
        loop {
            let status = admin.get("/v1/status").await;
            let search = &status["search"];
            if search["behind"] == 0 && search["complete"] == true {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A text as part of a URL.
fn encoded(text: &str) -> String {
    let bytes: Vec<_> = text.bytes().map(|b| format!("%{b:02x}")).collect();
    bytes.concat()
}

/// A page of what somebody finds; `more` is the rest of the query.
async fn page(user: &User, q: &str, more: &str) -> Value {
    let path = format!("/v1/search?q={}{more}", encoded(q));
    user.get(&path).await.ok()
}

/// The texts of a page.
fn bodies(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items").iter();
    let body = |m: &Value| m["message"]["body"].as_str().expect("a text").to_owned();
    items.map(body).collect()
}

/// The texts that somebody finds, page by page.
async fn all(user: &User, q: &str, more: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = page(user, q, &format!("{more}{cursor}")).await;
        all.extend(bodies(&page));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// The texts that somebody finds.
async fn found(user: &User, q: &str) -> Vec<String> {
    all(user, q, "").await
}

/// A snippet with what was found in brackets.
fn shown(item: &Value) -> String {
    let parts = item["snippet"].as_array().expect("parts").iter();
    let show = |p: &Value| {
        let text = p["text"].as_str().expect("a text");
        if p["hit"] == true {
            format!("[{text}]")
        } else {
            text.to_owned()
        }
    };
    parts.map(show).collect()
}

async fn words_are_found_in_every_script() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    for text in [
        "Guten Tag, Frau Müller!",
        "muller und die Straße",
        "明日は東京都に行く",
        "Привет, мир! Ёлка.",
        "مُحَمَّد في المكتبة",
        "ขอบคุณครับ",
        "오늘은 한국어를 배운다",
        "mail to ana@example.org, or not",
    ] {
        ana.send(&room, text).await;
    }
    indexed(&server.admin()).await;
    for (q, expected) in [
        (
            "MÜLLER",
            &["[muller] und die Straße", "Guten Tag, Frau [Müller]!"][..],
        ),
        (
            "mull*",
            &["[muller] und die Straße", "Guten Tag, Frau [Müller]!"],
        ),
        ("strasse", &["muller und die [Straße]"]),
        ("\"frau muller\"", &["Guten Tag, [Frau Müller]!"]),
        ("muller -frau", &["[muller] und die Straße"]),
        ("京都", &["明日は東[京都]に行く"]),
        ("елка мир", &["Привет, [мир]! [Ёлка]."]),
        ("при*", &["[Привет], мир! Ёлка."]),
        ("محمد", &["[مُحَمَّد] في المكتبة"]),
        ("คุณ", &["ขอบ[คุณ]ครับ"]),
        ("한국", &["오늘은 [한국]어를 배운다"]),
        ("ana@example.org", &["mail to [ana@example.org], or not"]),
        ("mull", &[]),
        ("東都", &[]),
        ("NEAR(mail org)", &[]),
        ("words:mail", &[]),
    ] {
        let page = page(&ana, q, "").await;
        let items = page["items"].as_array().expect("items");
        let pieces: Vec<_> = items.iter().map(shown).collect();
        assert_eq!(pieces, expected, "{q}");
        assert_eq!(
            (&page["next"], &page["complete"]),
            (&Value::Null, &json!(true))
        );
    }
    // What is shown is the message as it is read everywhere.
    let one = &page(&ana, "мир", "").await["items"][0];
    let read = ana.get(&room.message(&one["message"]["seq"])).await.ok();
    assert_eq!(one["message"], read);
    assert_eq!(
        (&one["room"], &one["room_name"]),
        (&json!(room.id), &json!("general"))
    );
}

async fn a_search_is_narrowed_by_room_person_time_and_kind() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let (hall, den) = (
        ana.room("hall", Kind::Public).await,
        ana.room("den", Kind::Private).await,
    );
    bob.join(&hall).await;
    let first = ana.send(&hall, "tea for bob").await;
    let reply = json!({"body": "tea, thanks", "reply_to": first["seq"]});
    bob.post(&hall.path("/messages"), reply).await.ok();
    ana.send(&hall, "@bob more tea?").await;
    let last = ana.send(&den, "tea alone").await;
    bob.connect().await;
    let edit = json!({"body": "tea for two"});
    let path = hall.message(&first["seq"]);
    ana.request("PATCH", &path, edit).await.ok();
    let pin = hall.path(&format!("/pins/{}", last["seq"]));
    let _not_there = ana.request("PUT", &pin, Value::Null).await;
    let pin = hall.path(&format!("/pins/{}", first["seq"]));
    ana.request("PUT", &pin, Value::Null).await.ok();
    indexed(&server.admin()).await;
    let (at, late) = (&first["at"], &last["at"]);
    let now = late.as_i64().expect("a time") + 1;
    for (more, expected) in [
        (
            String::new(),
            &["tea alone", "@bob more tea?", "tea, thanks", "tea for two"][..],
        ),
        ("&room=den".into(), &["tea alone"]),
        (
            format!("&room={}", hall.id),
            &["@bob more tea?", "tea, thanks", "tea for two"],
        ),
        ("&from=bob".into(), &["tea, thanks"]),
        (format!("&from={}&room=hall", bob.id), &["tea, thanks"]),
        ("&from=bob&room=den".into(), &[]),
        ("&kind=reply".into(), &["tea, thanks"]),
        ("&kind=edited".into(), &["tea for two"]),
        ("&kind=pinned".into(), &["tea for two"]),
        ("&kind=mention".into(), &[]),
        (format!("&since={now}"), &[]),
        (format!("&until={}", at.as_i64().expect("a time") - 1), &[]),
        (format!("&since={late}&room=den"), &["tea alone"]),
        (format!("&until={late}&room=den"), &["tea alone"]),
    ] {
        assert_eq!(all(&ana, "tea", &more).await, expected, "{more}");
    }
    assert_eq!(all(&bob, "", "&kind=mention").await, ["@bob more tea?"]);
    assert_eq!(
        all(&bob, "", "&from=ana").await,
        ["@bob more tea?", "tea for two"]
    );
    // Taken down again.
    ana.delete(&pin).await.ok();
    // Who came after it was not one of everyone.
    ana.send(&hall, "tea, @room").await;
    let cat = server.user("cat").await;
    cat.join(&hall).await;
    ana.send(&hall, "cake, @room").await;
    indexed(&server.admin()).await;
    assert!(all(&ana, "", "&kind=pinned").await.is_empty());
    assert_eq!(all(&cat, "", "&kind=mention").await, ["cake, @room"]);
    assert_eq!(
        all(&cat, "tea", "").await.len(),
        4,
        "and reads it all the same"
    );
}

async fn what_is_archived_is_found() {
    let server = Server::archiving().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "an old teapot").await;
    let gone = ana.send(&room, "another old teapot").await;
    ana.send(&room, "the last word").await;
    indexed(&server.admin()).await;
    let run = server.admin().archive().await;
    assert_eq!(run["state"], "done", "{run:#}");
    assert_eq!(
        found(&ana, "teapot").await,
        ["another old teapot", "an old teapot"]
    );
    let path = room.message(&gone["seq"]);
    ana.delete(&path).await.ok();
    assert_eq!(found(&ana, "teapot").await, ["an old teapot"]);
    // Read out of the archive.
    server.cli(&["store", "reindex"]).await.ok();
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "teapot").await, ["an old teapot"]);
    let prune = json!({"before": "1ms", "grace": "0s"});
    let _may_be_too_early = server
        .admin()
        .request("POST", "/v1/archive/prune", prune)
        .await;
}

async fn what_was_edited_or_deleted_is_found_as_it_is_now() {
    let server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let room = ana.room("general", Kind::Public).await;
    eve.join(&room).await;
    let said = ana.send(&room, "coffee at four").await;
    let gone = ana.send(&room, "coffee at five").await;
    eve.send(&room, "coffee is spam").await;
    indexed(&server.admin()).await;
    let path = room.message(&said["seq"]);
    let edit = json!({"body": "tea at four"});
    ana.request("PATCH", &path, edit).await.ok();
    // Not when the index comes to it: at once.
    assert_eq!(
        found(&ana, "coffee").await,
        ["coffee is spam", "coffee at five"]
    );
    ana.delete(&room.message(&gone["seq"])).await.ok();
    assert_eq!(found(&ana, "coffee").await, ["coffee is spam"]);
    let redact = [
        "message", "redact", "--user", "eve", "--since", "1h", "--json",
    ];
    let redaction = server.cli(&redact).await.json();
    assert!(found(&ana, "coffee").await.is_empty());
    indexed(&server.admin()).await;
    assert!(found(&ana, "coffee").await.is_empty());
    assert_eq!(found(&ana, "tea").await, ["tea at four"]);
    let id = redaction["id"].as_str().expect("an id");
    server.cli(&["message", "restore", id]).await.ok();
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "coffee").await, ["coffee is spam"]);
    // A room that is gone takes what was said in it along.
    ana.delete(&room.path("")).await.ok();
    assert!(found(&ana, "coffee").await.is_empty());
    indexed(&server.admin()).await;
    let status = server.admin().get("/v1/status").await;
    assert_eq!(status["search"]["rooms"], 0, "{status:#}");
}

/// Says so many things, a few of them in another room.
async fn said(user: &User, rooms: [&Room; 2], texts: impl Iterator<Item = String>) {
    let mut ws = user.connect().await;
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for (i, text) in texts.enumerate() {
        if i % 5 == 4 { &mut other } else { &mut one }.push(text);
    }
    ws.say_all(rooms[0], one, 16).await;
    ws.say_all(rooms[1], other, 16).await;
}

async fn pages_follow_each_other_without_repeats() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let rooms = [
        &ana.room("one", Kind::Public).await,
        &ana.room("two", Kind::Private).await,
    ];
    said(&ana, rooms, (0..40).map(|i| format!("cup {i} of tea"))).await;
    indexed(&server.admin()).await;
    for order in ["newest", "relevance"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let more = format!("&order={order}&limit=7{cursor}");
            let page = page(&ana, "tea", &more).await;
            let texts = bodies(&page);
            assert!(texts.len() <= 7);
            seen.extend(texts);
            // What is said meanwhile is newer, and moves nothing.
            ana.send(rooms[0], "cup next of tea").await;
            indexed(&server.admin()).await;
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        seen.retain(|text| text != "cup next of tea");
        assert_eq!(seen.len(), 40, "{order}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 40, "{order}: some came twice");
    }
    let newest = all(&ana, "tea", "&room=two&limit=3").await;
    let expected = (0..40).filter(|i| i % 5 == 4).rev();
    let expected: Vec<_> = expected.map(|i| format!("cup {i} of tea")).collect();
    assert_eq!(newest, expected);
}

async fn what_fits_best_comes_first() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let long = format!("tea {}", "and so on ".repeat(60));
    for text in ["tea, tea and tea again", "tea", &long] {
        ana.send(&room, text).await;
    }
    indexed(&server.admin()).await;
    let best = all(&ana, "tea", "&order=relevance").await;
    assert_eq!(best, ["tea, tea and tea again", "tea", &long]);
    // Cut, with what was found in it.
    let item = &page(&ana, "tea", "&limit=1").await["items"][0];
    let piece = shown(item);
    assert!(
        piece.starts_with("[tea] and") && piece.ends_with('…'),
        "{piece}"
    );
}

async fn a_search_that_cannot_be_is_refused() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    ana.room("general", Kind::Public).await;
    let many: Vec<_> = (0..40).map(|i| format!("w{i}")).collect();
    let many = many.join(" ");
    let refused = async |query: &str, field: &str| {
        let reply = ana.get(&format!("/v1/search{query}")).await;
        let problem = reply.refused(400, "invalid_field");
        assert_eq!(problem["field"], field, "{query}: {problem:#}");
        problem["detail"].as_str().expect("a detail").to_owned()
    };
    for (q, why) in [
        ("", "say what"),
        ("   ", "say what"),
        ("!!! ... *", "no word"),
        ("\0\u{7}", "no word"),
        ("-tea", "beside what must not"),
        ("\"tea", "not closed"),
        ("t*", "letters"),
        (&"x".repeat(4_000), "characters"),
        (&many, "words"),
    ] {
        let detail = refused(&format!("?q={}", encoded(q)), "q").await;
        assert!(detail.contains(why), "{q}: {detail}");
    }
    refused(&format!("?q={}", "x".repeat(10_000)), "q").await;
    refused("", "q").await;
    refused("?q=tea&order=best", "order").await;
    refused("?q=tea&kind=any", "kind").await;
    refused("?q=tea&limit=0", "limit").await;
    refused("?q=tea&limit=201", "limit").await;
    refused("?q=tea&since=monday", "since").await;
    refused("?q=tea&cursor=zz", "cursor").await;
    refused("?q=tea&cursor=-1", "cursor").await;
    refused("?q=tea&cursor=1&order=relevance", "cursor").await;
    let nobody = ana.get("/v1/search?q=tea&from=nobody").await;
    nobody.refused(404, "not_found");
    let nowhere = ana.get("/v1/search?q=tea&room=nowhere").await;
    nowhere.refused(404, "not_found");
    let anonymous = server.rest().get("/v1/search?q=tea").await;
    anonymous.refused(401, "unauthorized");
    // What looks like the index's own language is words.
    indexed(&server.admin()).await;
    for q in [
        "a\"b",
        "^tea",
        "tea OR",
        "AND",
        "NOT tea",
        "NEAR(tea, 5)",
        "{words}:tea",
        "tags:reply",
        "-- tea",
        "(tea",
        "tea)",
        "'; DROP TABLE doc; --",
        "te*a",
        "**tea**",
        "tea + more",
        "a\0b",
        "\u{202e}tea",
        "\"tea\" \"more\"*",
        "\\",
        "%",
        "“tea”",
    ] {
        let reply = ana.get(&format!("/v1/search?q={}", encoded(q))).await;
        let known = reply.status == 200 || reply.body["field"] == "q";
        assert!(known, "{q}: {reply:#?}");
    }
}

async fn searches_have_a_rate_of_their_own() {
    let server = Server::builder()
        .limits()
        .set("limits.search_burst", "2")
        .set("limits.search_rate", "1")
        .start()
        .await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let (mut taken, mut refused) = (0, None);
    for _ in 0..50 {
        let reply = ana.get("/v1/search?q=tea").await;
        if reply.status != 429 {
            taken += 1;
            continue;
        }
        refused = Some(reply);
        break;
    }
    refused.expect("too many").refused(429, "rate_limited");
    assert!(taken >= 2, "{taken}");
    bob.get("/v1/search?q=tea").await.ok();
}
