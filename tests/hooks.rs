//! Incoming hooks: whoever has the URL says something in that room and does nothing else, until it is taken back.

use hyper::Request;
use serde_json::{Value, json};

use crate::support::{Kind, Reply, Rest, Room, Server, User, on_both, within};

on_both!(
    a_url_posts_into_its_room,
    a_url_that_is_no_good_is_like_none,
    a_hook_is_rotated_deleted_and_made_again,
    the_bot_of_a_deleted_hook_is_switched_off,
    another_url_brings_its_bot_back,
    who_manages_the_room_decides_about_its_hooks,
);

struct Scene {
    server: Server,
    ana: User,
    room: Room,
}

async fn scene() -> Scene {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("plans", Kind::Private).await;
    Scene { server, ana, room }
}

/// Makes a hook: its path.
async fn hook(ana: &User, room: &Room, name: &str) -> String {
    let made = ana.post(&room.path("/hooks"), json!({"name": name})).await;
    assert_eq!(made.status, 201, "{made:#?}");
    made.body["url"].as_str().expect("a URL").to_owned()
}

async fn post(rest: &Rest, url: &str, body: Value) -> Reply {
    rest.post(url, body).await
}

async fn post_as(rest: &Rest, url: &str, kind: &str, text: &str) -> Reply {
    let request = Request::builder()
        .method("POST")
        .uri(url)
        .header("content-type", kind);
    let request = request.body(text.to_owned()).expect("a request");
    rest.send(request).await.expect("an answer")
}

async fn a_url_posts_into_its_room() {
    let s = scene().await;
    let mut ears = s.ana.listen(&s.room).await;
    let (rest, url) = (s.server.rest(), hook(&s.ana, &s.room, "ci").await);
    let txn = json!({"body": "Build 7 is green.", "txn": "build-7", "username": "other's"});
    let sent = post(&rest, &url, txn.clone()).await;
    assert_eq!(sent.status, 201, "{sent:#?}");
    let heard = within("the message", ears.expect_message("Build 7 is green.")).await;
    assert_eq!(
        (&heard["name"], &heard["seq"]),
        (&json!("ci"), &sent.body["seq"])
    );
    let again = post(&rest, &url, txn).await.ok();
    assert_eq!(
        (&again["dup"], &again["seq"]),
        (&json!(true), &sent.body["seq"])
    );
    for (kind, text, said) in [
        ("text/plain", "from a shell\n", "from a shell"),
        ("text/plain; charset=utf-8", "\u{e4}\u{f6}", "\u{e4}\u{f6}"),
        (
            "application/json",
            r#"{"text":"as others call it"}"#,
            "as others call it",
        ),
        (
            "application/json",
            r#"{"text":"the one that is there","body":null}"#,
            "the one that is there",
        ),
        (
            "application/json",
            r#"{"text":{"blocks":[]},"body":"what else there is"}"#,
            "what else there is",
        ),
        ("application/json", r#"{"body":"@ana look"}"#, "@ana look"),
    ] {
        assert_eq!(post_as(&rest, &url, kind, text).await.status, 201, "{text}");
        let heard = within("it", ears.expect_message(said)).await;
        let mentioned = heard["mentions"] == json!([s.ana.id]);
        assert_eq!(mentioned, said.contains("@ana"), "{heard:#}");
    }
    for (kind, text, status, field) in [
        (
            "application/x-www-form-urlencoded",
            "payload=x",
            415,
            "content-type",
        ),
        ("text/plain", "\n", 400, "body"),
        ("application/json", "{}", 400, "body"),
        ("application/json", "[]", 400, "body"),
        ("application/json", r#"{"text":7}"#, 400, "text"),
    ] {
        let refused = post_as(&rest, &url, kind, text).await;
        assert_eq!(
            refused.refused(status, "invalid_field")["field"],
            field,
            "{text}"
        );
    }
    // Nothing else is done by it, and nothing of it is in the log.
    let token = url.rsplit('/').next().expect("a token");
    let bot = User {
        token: token.to_owned(),
        ..s.ana.clone()
    };
    let said = bot
        .post(&s.room.path("/messages"), json!({"body": "by header"}))
        .await;
    assert_eq!(said.status, 201, "{said:#?}");
    for path in ["/messages", "/members", "/hooks"] {
        bot.get(&s.room.path(path)).await.refused(403, "forbidden");
    }
    s.server.cli(&["log-level", "set", "trace"]).await.ok();
    post(&rest, &url, json!({"body": "logged"})).await.ok();
    s.server.process().logged("/v1/hooks/{room}/{token}").await;
    let log = s.server.process().log();
    assert!(
        log.contains("/v1/hooks/{room}/{token}") && !log.contains(&token[8..]),
        "{log}"
    );
    let audit = s.server.admin().get("/v1/audit").await.to_string();
    assert!(
        audit.contains("hook.create") && !audit.contains(&token[8..]),
        "{audit}"
    );
}

async fn a_url_that_is_no_good_is_like_none() {
    let s = scene().await;
    let (rest, url) = (s.server.rest(), hook(&s.ana, &s.room, "ci").await);
    let other = s.ana.room("other", Kind::Private).await;
    let robot = s.server.bot("robot", "member").await;
    s.server.admin().add(&s.room, &robot, "member").await;
    let wide = ["message.send", "message.read"];
    let wide = s.server.admin().token(&robot, "wide", &wide).await.token;
    let token = url.rsplit('/').next().expect("a token");
    let changed = if token.ends_with('A') { "B" } else { "A" };
    let wrong = format!("{}{changed}", &token[..token.len() - 2]) + "A";
    let body = json!({"body": "hi"});
    let mut answers = Vec::new();
    for path in [
        format!("/v1/hooks/{}/{wrong}", s.room.id),
        format!("/v1/hooks/{}/{wide}", s.room.id),
        format!("/v1/hooks/{}/{}", s.room.id, s.ana.token),
        format!("/v1/hooks/{}/cb_nothing", s.room.id),
        format!("/v1/hooks/plans/{token}"),
    ] {
        let reply = post(&rest, &path, body.clone()).await;
        answers.push(reply.anonymous());
        reply.refused(404, "not_found");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    // Another room is none for it.
    let path = format!("/v1/hooks/{}/{token}", other.id);
    post(&rest, &path, body.clone())
        .await
        .refused(404, "not_found");

    // Its bot is somebody like others: locked out, muted, banned.
    let admin = s.server.admin();
    let locked = json!({"locked": true});
    admin.patch(&s.room.path(""), locked).await;
    post(&rest, &url, body.clone())
        .await
        .refused(403, "forbidden");
    admin
        .patch(&s.room.path(""), json!({"locked": false}))
        .await;
    s.server.cli(&["room", "mute", &s.room.id, "ci"]).await.ok();
    post(&rest, &url, body.clone()).await.refused(403, "muted");
    s.server
        .cli(&["room", "unmute", &s.room.id, "ci"])
        .await
        .ok();
    post(&rest, &url, body.clone()).await.ok();
    // A ban ends its token for good: when it is lifted, the hook takes another URL.
    admin.put("/v1/users/ci/ban", json!({})).await;
    post(&rest, &url, body.clone())
        .await
        .refused(404, "not_found");
    admin.delete("/v1/users/ci/ban").await;
    post(&rest, &url, body.clone())
        .await
        .refused(404, "not_found");
    let rotated = s
        .ana
        .post(&s.room.path("/hooks/ci/rotate"), Value::Null)
        .await
        .ok();
    let url = rotated["url"].as_str().expect("a URL").to_owned();
    post(&rest, &url, body.clone()).await.ok();
    s.ana.delete(&s.room.path("")).await;
    post(&rest, &url, body).await.refused(404, "not_found");
}

async fn a_hook_is_rotated_deleted_and_made_again() {
    let mut s = scene().await;
    let (rest, id) = (s.server.rest(), s.room.id.clone());
    let body = json!({"body": "hi"});
    let dry = ["hook", "add", &id, "--name", "ci", "--dry-run"];
    assert!(
        s.server
            .cli(&dry)
            .await
            .ok()
            .contains("Nothing was changed")
    );
    let made = s
        .server
        .cli(&["hook", "add", &id, "--name", "ci", "-q"])
        .await;
    let first = made.ok().trim().to_owned();
    post(&rest, &first, body.clone()).await.ok();
    let twice = s.server.cli(&["hook", "add", &id, "--name", "ci"]).await;
    assert!(twice.failed(4).contains("rotate"), "{twice}");
    s.server
        .cli(&["hook", "add", &id, "--name", "ana"])
        .await
        .failed(4);

    let rotated = s
        .server
        .cli(&["hook", "rotate", &id, "ci", "--json"])
        .await
        .json();
    let second = rotated["url"].as_str().expect("a URL").to_owned();
    post(&rest, &first, body.clone())
        .await
        .refused(404, "not_found");
    post(&rest, &second, body.clone()).await.ok();
    s.server.restart().await;
    post(&rest, &second, body.clone()).await.ok();
    let listed = s.server.cli(&["hook", "list", &id]).await;
    assert!(
        listed.ok().contains("ci") && !listed.ok().contains("cb_"),
        "{listed}"
    );

    let delete = ["hook", "delete", &id, "ci"];
    s.server
        .cli(&[&delete[..], &["--dry-run"]].concat())
        .await
        .ok();
    post(&rest, &second, body.clone()).await.ok();
    s.server.cli(&delete).await.ok();
    post(&rest, &second, body.clone())
        .await
        .refused(404, "not_found");
    s.server.cli(&delete).await.failed(3);
    let members = s.ana.get(&s.room.path("/members")).await.ok();
    assert_eq!(
        members["items"].as_array().map(Vec::len),
        Some(1),
        "{members:#}"
    );
    // The same name is the same bot, and no other room's.
    let other = s.ana.room("other", Kind::Private).await;
    let taken = s
        .ana
        .post(&other.path("/hooks"), json!({"name": "ci"}))
        .await;
    taken.refused(409, "conflict");
    let third = hook(&s.ana, &s.room, "ci").await;
    post(&rest, &third, body.clone()).await.ok();
    post(&rest, &second, body).await.refused(404, "not_found");
}

async fn the_bot_of_a_deleted_hook_is_switched_off() {
    let s = scene().await;
    let (rest, admin) = (s.server.rest(), s.server.admin());
    let status = async |name: &str| admin.get(&format!("/v1/users/{name}")).await["status"].clone();
    let body = json!({"body": "hi"});
    let url = hook(&s.ana, &s.room, "ci").await;
    let said = post(&rest, &url, body.clone()).await.ok();
    s.ana.delete(&s.room.path("/hooks/ci")).await.ok();
    assert_eq!(status("ci").await, "disabled");
    let listed = s.server.cli(&["user", "list", "-o", "tsv"]).await;
    let bot = listed.ok().lines().find(|line| line.contains("ci"));
    assert!(bot.expect("it is listed").contains("disabled"), "{listed}");
    // What it said stays, under its name.
    let read = s.ana.get(&s.room.message(&said["seq"])).await.ok();
    assert_eq!((&read["name"], &read["body"]), (&json!("ci"), &json!("hi")));
    let audit = admin.get("/v1/audit?act=user.status").await;
    assert_eq!(audit["items"][0]["detail"]["by"], "hook", "{audit:#}");
    // Made again, it is on again.
    let url = hook(&s.ana, &s.room, "ci").await;
    assert_eq!(status("ci").await, "active");
    post(&rest, &url, body.clone()).await.ok();
    // Who was switched off by somebody else stays so.
    s.server.cli(&["user", "disable", "ci"]).await.ok();
    s.ana.delete(&s.room.path("/hooks/ci")).await.ok();
    let hooks = s.room.path("/hooks");
    let again = s.ana.post(&hooks, json!({"name": "ci"})).await;
    again.refused(409, "conflict");
    assert_eq!(status("ci").await, "disabled");
    // With its room goes every hook.
    let url = hook(&s.ana, &s.room, "cd").await;
    s.ana.delete(&s.room.path("")).await.ok();
    post(&rest, &url, body).await.refused(404, "not_found");
    assert_eq!(status("cd").await, "disabled");
}

async fn another_url_brings_its_bot_back() {
    let s = scene().await;
    let (rest, body) = (s.server.rest(), json!({"body": "hi"}));
    let rotate = s.room.path("/hooks/ci/rotate");
    let (member, ban) = (s.room.path("/members/ci"), s.room.path("/bans/ci"));
    let first = hook(&s.ana, &s.room, "ci").await;
    s.ana.delete(&member).await.ok();
    post(&rest, &first, body.clone())
        .await
        .refused(404, "not_found");
    let rotated = s.ana.post(&rotate, Value::Null).await.ok();
    let second = rotated["url"].as_str().expect("a URL");
    post(&rest, second, body.clone()).await.ok();
    // Not as long as it must not be there.
    s.ana.request("PUT", &ban, json!({})).await.ok();
    let refused = s.ana.post(&rotate, Value::Null).await;
    refused.refused(409, "conflict");
    s.ana.delete(&ban).await.ok();
    let rotated = s.ana.post(&rotate, Value::Null).await.ok();
    let third = rotated["url"].as_str().expect("a URL");
    post(&rest, third, body).await.ok();
}

async fn who_manages_the_room_decides_about_its_hooks() {
    let s = scene().await;
    let (bob, eve) = (s.server.user("bob").await, s.server.user("eve").await);
    s.ana.add(&s.room, &bob, "moderator").await;
    let path = s.room.path("/hooks");
    let new = json!({"name": "bobs"});
    bob.post(&path, new.clone()).await.refused(403, "forbidden");
    bob.get(&path).await.refused(403, "forbidden");
    eve.post(&path, new.clone()).await.refused(404, "not_found");
    // Nobody speaks by a hook who may not speak.
    let mute = s.room.path(&format!("/mutes/{}", s.ana.id));
    s.server.admin().put("/v1/users/ana/mute", json!({})).await;
    s.ana.post(&path, new.clone()).await.refused(403, "muted");
    s.server.admin().delete("/v1/users/ana/mute").await;
    assert!(mute.contains("/mutes/"));
    s.ana
        .post(&path, json!({"name": "Not A Name"}))
        .await
        .refused_field("name");
    s.ana.post(&path, json!({})).await.refused_field("name");
    let made = s.ana.post(&path, new).await;
    assert_eq!(made.body["name"], "bobs", "{made:#?}");
    // A bot of somebody else's is not taken for a hook.
    let robot = s.server.bot("robot", "member").await;
    s.ana.add(&s.room, &robot, "member").await;
    s.ana
        .post(&path, json!({"name": "robot"}))
        .await
        .refused(409, "conflict");
    s.ana
        .delete(&s.room.path("/hooks/robot"))
        .await
        .refused(404, "not_found");
    let rotate = s.room.path("/hooks/robot/rotate");
    s.ana
        .post(&rotate, Value::Null)
        .await
        .refused(404, "not_found");
    for i in 1..20 {
        hook(&s.ana, &s.room, &format!("hook-{i}")).await;
    }
    let more = s.ana.post(&path, json!({"name": "one-more"})).await;
    more.refused(409, "conflict");
    let listed = s.ana.get(&path).await.ok();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn a_hook_that_says_too_much_is_slowed() {
    let server = Server::builder().limits().start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let (rest, url) = (server.rest(), hook(&ana, &room, "ci").await);
    for i in 0.. {
        let reply = post(&rest, &url, json!({"body": format!("{i}")})).await;
        if reply.status == 201 {
            assert!(i < 1000, "it is never slowed");
            continue;
        }
        reply.refused(429, "rate_limited");
        break;
    }
}
