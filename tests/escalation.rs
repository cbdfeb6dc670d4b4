//! Nobody gets more than they were given: not by giving it to others, not through another room's door, not with
//! a token, a code or an address that is somebody else's.

mod outside;
mod tokens;

use serde_json::{Value, json};

use crate::support::{Admin, Kind, Reply, Room, Server, User};

/// Refused, whichever way: for want of a right, or because one may not even know.
#[track_caller]
fn denied(what: &str, reply: &Reply) {
    let codes = ["forbidden", "not_found", "muted", "banned", "locked"];
    let code = reply.body["code"].as_str().unwrap_or_default();
    assert!(codes.contains(&code), "{what}: {reply:#?}");
}

/// Everything by which somebody could make an admin, or become one.
async fn climb(climber: &User, role: &str) {
    let me = &climber.name;
    let tries = [
        (
            "PUT",
            format!("/v1/users/{me}/role"),
            json!({"role": "admin"}),
        ),
        (
            "PUT",
            "/v1/users/victim/role".into(),
            json!({"role": "admin"}),
        ),
        (
            "POST",
            "/v1/users".into(),
            json!({"name": "puppet", "role": "admin"}),
        ),
        (
            "POST",
            "/v1/users".into(),
            json!({"name": "puppet", "role": "admin", "bot": true}),
        ),
        ("POST", "/v1/invites".into(), json!({"role": "admin"})),
        (
            "PATCH",
            format!("/v1/roles/{role}"),
            json!({"add": ["server.manage"]}),
        ),
        (
            "PATCH",
            "/v1/roles/helper".into(),
            json!({"add": ["server.manage"]}),
        ),
        (
            "POST",
            "/v1/roles".into(),
            json!({"name": "mine", "permissions": ["server.manage"]}),
        ),
        (
            "POST",
            "/v1/users/boss/password".into(),
            json!({"password": "Quartz-lemur-91-veranda"}),
        ),
        ("POST", "/v1/users/boss/password".into(), json!({})),
        (
            "PUT",
            "/v1/users/boss/status".into(),
            json!({"status": "disabled"}),
        ),
        (
            "PUT",
            "/v1/users/boss/role".into(),
            json!({"role": "guest"}),
        ),
        ("DELETE", "/v1/users/boss/sessions".into(), Value::Null),
        (
            "POST",
            "/v1/users/bossbot/tokens".into(),
            json!({"name": "t", "scopes": ["server.manage"]}),
        ),
        (
            "POST",
            "/v1/users/bossbot/tokens".into(),
            json!({"name": "t", "scopes": []}),
        ),
        ("PUT", "/v1/users/boss/ban".into(), json!({})),
        ("PUT", "/v1/users/boss/mute".into(), json!({})),
        ("PUT", "/v1/registration".into(), json!({"mode": "open"})),
    ];
    for (method, path, body) in tries {
        let reply = climber.request(method, &path, body.clone()).await;
        let builtin = method == "PATCH" && path == format!("/v1/roles/{role}");
        if builtin && reply.status == 409 {
            // A built-in role is nobody's to change.
            continue;
        }
        denied(&format!("{me}: {method} {path} {body}"), &reply);
    }
}

async fn scenery(server: &Server) -> (Admin, User) {
    let admin = server.admin();
    let boss = server.person("boss", "admin").await;
    server.user("victim").await;
    server.bot("bossbot", "admin").await;
    admin.new_role("helper", &["message.read"]).await;
    (admin, boss)
}

#[tokio::test]
async fn nobody_but_an_admin_makes_an_admin() {
    let server = Server::start().await;
    let (admin, boss) = scenery(&server).await;
    let all = [
        "message.read",
        "message.send",
        "message.report",
        "room.join",
        "room.create",
        "room.edit",
    ];
    let made: [(&str, &[&str]); 6] = [
        ("manager", &["user.manage"]),
        (
            "big-manager",
            &["user.manage", "user.read", "message.read", "message.send"],
        ),
        ("inviter", &["invite.manage"]),
        ("role-maker", &["role.manage"]),
        ("warden", &["user.ban", "user.mute"]),
        (
            "almost",
            &[
                "user.manage",
                "role.manage",
                "invite.manage",
                "user.ban",
                "user.mute",
            ],
        ),
    ];
    for (name, permissions) in made {
        let more: Vec<&str> = permissions.iter().chain(&all).copied().collect();
        let more = if name == "almost" {
            &more[..]
        } else {
            permissions
        };
        admin.new_role(name, more).await;
    }
    let builtin = ["guest", "auditor", "member", "moderator"];
    for role in builtin.into_iter().chain(made.map(|(name, _)| name)) {
        let climber = server.person(&format!("u-{role}"), role).await;
        climb(&climber, role).await;
        assert_eq!(climber.get("/v1/me").await.ok()["role"], role);
    }
    assert_eq!(boss.get("/v1/me").await.ok()["role"], "admin");
    let victim = admin
        .request("GET", "/v1/users/victim", Value::Null)
        .await
        .ok();
    assert_eq!(victim["role"], "member");
    let there = admin.request("GET", "/v1/users/puppet", Value::Null).await;
    there.refused(404, "not_found");
    // An admin can all of it: the tries above fail for want of a right and of nothing else.
    boss.request("PUT", "/v1/users/victim/role", json!({"role": "admin"}))
        .await
        .ok();
}

#[tokio::test]
async fn whoever_manages_accounts_gives_only_what_they_have() {
    let server = Server::start().await;
    let (admin, _boss) = scenery(&server).await;
    admin
        .new_role(
            "manager",
            &[
                "user.manage",
                "message.read",
                "role.manage",
                "invite.manage",
            ],
        )
        .await;
    admin.new_role("less", &["message.read"]).await;
    admin.new_role("other", &["message.send"]).await;
    let max = server.person("max", "manager").await;
    let equal = server.person("equal", "manager").await;
    let put = |path: String, body: Value| {
        let max = max.clone();
        async move { max.request("PUT", &path, body).await }
    };
    let new = |name: &str, role: &str| json!({"name": name, "role": role});
    max.post("/v1/users", new("small", "less")).await.ok();
    max.post("/v1/users", new("like-me", "manager")).await.ok();
    denied("other", &max.post("/v1/users", new("xx", "other")).await);
    denied("member", &max.post("/v1/users", new("xx", "member")).await);
    // By default an account and an invitation are for a member, which is more.
    denied(
        "default",
        &max.post("/v1/users", json!({"name": "xx"})).await,
    );
    denied("invite", &max.post("/v1/invites", json!({})).await);
    max.post("/v1/invites", json!({"role": "less"})).await.ok();
    denied(
        "give",
        &put("/v1/users/small/role".into(), json!({"role": "other"})).await,
    );
    put("/v1/users/small/role".into(), json!({"role": "manager"}))
        .await
        .ok();
    // Whose role includes more is not theirs to take it from.
    denied(
        "take",
        &put("/v1/users/victim/role".into(), json!({"role": "less"})).await,
    );
    denied(
        "off",
        &put(
            "/v1/users/victim/status".into(),
            json!({"status": "disabled"}),
        )
        .await,
    );
    denied(
        "reset",
        &max.post("/v1/users/victim/password", json!({})).await,
    );
    // Roles alike: neither one that includes more, nor one that would.
    let edit = |role: &str, change: Value| {
        let (max, path) = (max.clone(), format!("/v1/roles/{role}"));
        async move { max.request("PATCH", &path, change).await }
    };
    denied(
        "widen",
        &edit("manager", json!({"add": ["user.ban"]})).await,
    );
    denied(
        "widen",
        &edit("less", json!({"permissions": ["message.send"]})).await,
    );
    denied(
        "narrow",
        &edit("other", json!({"remove": ["message.send"]})).await,
    );
    denied("delete", &max.delete("/v1/roles/other").await);
    edit("less", json!({"description": "reads"})).await.ok();
    // Nothing of it without the permission to ban: an equal neither.
    denied(
        "ban",
        &put(format!("/v1/users/{}/ban", equal.name), json!({})).await,
    );
}

#[tokio::test]
async fn nobody_mutes_or_bans_an_equal_or_a_superior() {
    let server = Server::start().await;
    let (_admin, boss) = scenery(&server).await;
    let (mo, max) = (
        server.person("mo", "moderator").await,
        server.person("max", "moderator").await,
    );
    for act in ["mute", "ban"] {
        for target in ["boss", "max", "mo", "bossbot"] {
            let path = format!("/v1/users/{target}/{act}");
            denied(&path, &mo.request("PUT", &path, json!({})).await);
        }
        // And nobody lifts their own, or an equal's.
        let path = format!("/v1/users/max/{act}");
        boss.request("PUT", &path, json!({})).await.ok();
        denied(&path, &mo.delete(&path).await);
        let lifting = max.delete(&path).await;
        assert!(matches!(lifting.status, 401 | 403), "{lifting:#?}");
        boss.delete(&path).await.ok();
        let path = format!("/v1/users/victim/{act}");
        mo.request("PUT", &path, json!({})).await.ok();
        mo.delete(&path).await.ok();
    }
}

/// Two private rooms of two owners, each with something in it that the other may not touch.
#[tokio::test]
async fn an_owner_reaches_no_other_room() {
    let server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let bob = server.user("bob").await;
    let theirs = ana.room("theirs", Kind::Private).await;
    let mine = eve.room("mine", Kind::Private).await;
    ana.add(&theirs, &bob, "member").await;
    eve.add(&mine, &bob, "member").await;
    let seq = ana.send(&theirs, "rude").await["seq"].clone();
    let report = theirs.path(&format!("/messages/{seq}/report"));
    let report = bob.post(&report, json!({"reason": "rude"})).await.ok();
    let code = ana
        .post(&theirs.path("/invites"), json!({"uses": 5}))
        .await
        .ok();
    let (report, invite) = (report["id"].as_str(), code["id"].as_str());
    let (report, invite) = (report.expect("an id"), invite.expect("an id"));

    // Through the other's path, and with the other's things through one's own.
    let resolve = format!("/v1/reports/{report}/resolve");
    let seen = json!({"resolution": "seen"});
    denied("resolve", &eve.post(&resolve, seen.clone()).await);
    let absent = format!("/v1/reports/{}/resolve", crate::support::random_id());
    let hidden = eve.post(&resolve, seen.clone()).await;
    assert_eq!(
        hidden.anonymous(),
        eve.post(&absent, seen.clone()).await.anonymous()
    );
    denied(
        "revoke",
        &eve.delete(&mine.path(&format!("/invites/{invite}"))).await,
    );
    denied(
        "revoke",
        &eve.delete(&theirs.path(&format!("/invites/{invite}")))
            .await,
    );
    denied(
        "revoke",
        &eve.delete(&format!("/v1/invites/{invite}")).await,
    );
    for place in ["bans", "mutes"] {
        let path = theirs.path(&format!("/{place}/{}", bob.id));
        denied(&path, &eve.request("PUT", &path, json!({})).await);
        denied(&path, &eve.delete(&path).await);
        // What holds here is lifted here, and nowhere else.
        ana.request(
            "PUT",
            &theirs.path(&format!("/{place}/{}", eve.id)),
            json!({}),
        )
        .await
        .ok();
        let own = mine.path(&format!("/{place}/{}", eve.id));
        assert!(eve.delete(&own).await.status >= 400);
    }
    let sanctions = ana.get(&theirs.path("/sanctions")).await.ok();
    assert_eq!(
        sanctions["items"].as_array().map(Vec::len),
        Some(2),
        "{sanctions:#}"
    );
    let codes = ana.get(&theirs.path("/invites")).await.ok();
    assert_eq!(
        codes["items"].as_array().map(Vec::len),
        Some(1),
        "{codes:#}"
    );
    assert_eq!(
        eve.get(&mine.path("/invites")).await.ok()["items"],
        json!([])
    );
    assert_eq!(
        eve.get(&mine.path("/reports")).await.ok()["items"],
        json!([])
    );
    // The code is no invitation to the server, and leads into its own room only.
    let register =
        json!({"username": "x-1", "password": crate::support::PASSWORD, "invite": code["code"]});
    eve.rest
        .post("/v1/register", register)
        .await
        .refused(403, "forbidden");
    let resolved = ana.post(&resolve, seen.clone()).await.ok();
    assert_eq!(resolved["state"], "resolved");
    ana.post(&resolve, seen).await.refused(409, "conflict");
}

#[tokio::test]
async fn a_viewer_and_a_member_do_not_act_beyond_it() {
    let server = Server::start().await;
    let (ana, vic) = (server.user("ana").await, server.user("vic").await);
    let room = ana.room("general", Kind::Private).await;
    ana.add(&room, &vic, "viewer").await;
    let rules = json!({"invite": "viewer", "topic_role": "member"});
    ana.request("PATCH", &room.path(""), rules).await.ok();
    denied(
        "send",
        &vic.post(&room.path("/messages"), json!({"body": "hi"}))
            .await,
    );
    denied(
        "topic",
        &vic.request("PATCH", &room.path(""), json!({"topic": "mine"}))
            .await,
    );
    // Who may add viewers makes nobody a member: not others, and not themselves by way of a code.
    let add = |user: &User, role: &str| {
        let path = room.path(&format!("/members/{}", user.id));
        let (vic, body) = (vic.clone(), json!({"role": role}));
        async move { vic.request("PUT", &path, body).await }
    };
    let (eve, max) = (server.user("eve").await, server.user("max").await);
    add(&eve, "viewer").await.ok();
    for role in ["member", "moderator", "owner"] {
        denied(role, &add(&max, role).await);
        denied(role, &add(&vic, role).await);
    }
    denied("code", &vic.post(&room.path("/invites"), json!({})).await);
    // A member may, then, and makes members.
    ana.request(
        "PATCH",
        &room.path(&format!("/members/{}", vic.id)),
        json!({"role": "member"}),
    )
    .await
    .ok();
    add(&max, "member").await.ok();
    denied("moderator", &add(&eve, "moderator").await);
    vic.post(&room.path("/invites"), json!({})).await.ok();
    denied(
        "remove",
        &vic.delete(&room.path(&format!("/members/{}", eve.id)))
            .await,
    );
    vic.request("PATCH", &room.path(""), json!({"topic": "ours"}))
        .await
        .ok();
    denied(
        "title and rule",
        &vic.request(
            "PATCH",
            &room.path(""),
            json!({"topic": "x", "locked": true}),
        )
        .await,
    );
}

async fn says_nothing(user: &User, room: &Room, code: &str) {
    let letter = json!({"body": "let me speak"});
    let reply = user.post(&room.path("/messages"), letter).await;
    assert_eq!(reply.body["code"], code, "{reply:#?}");
    let mut ws = user.connect().await;
    for room in [room.id.clone(), room.name.clone()] {
        let ask = json!({"op": "send", "room": room, "body": "let me speak", "txn": "again"});
        assert_eq!(ws.request(ask).await.expect_err("refused").code, code);
    }
}

#[tokio::test]
async fn a_mute_holds_whatever_door_one_takes() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let admin = server.admin();
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    // In the room: out and in again, by a code, by being added, and as its moderator.
    ana.request("PUT", &room.path(&format!("/mutes/{}", bob.id)), json!({}))
        .await
        .ok();
    says_nothing(&bob, &room, "muted").await;
    bob.post(&room.path("/leave"), Value::Null).await.ok();
    bob.join(&room).await;
    says_nothing(&bob, &room, "muted").await;
    bob.post(&room.path("/leave"), Value::Null).await.ok();
    let code = ana.post(&room.path("/invites"), json!({})).await.ok();
    bob.post("/v1/join", json!({"code": code["code"]}))
        .await
        .ok();
    says_nothing(&bob, &room, "muted").await;
    ana.remove(&room, &bob).await;
    ana.add(&room, &bob, "moderator").await;
    says_nothing(&bob, &room, "muted").await;
    // Nor with what stands over the messages; the rest of being a moderator is left.
    for change in [json!({"topic": "heard you"}), json!({"title": "heard you"})] {
        let reply = bob.request("PATCH", &room.path(""), change).await;
        reply.refused(403, "muted");
    }
    bob.request("PATCH", &room.path(""), json!({"slow_mode": 5}))
        .await
        .ok();
    // Nor does one lift one's own.
    denied(
        "lift",
        &bob.delete(&room.path(&format!("/mutes/{}", bob.id))).await,
    );
    // Elsewhere one may talk, until it holds everywhere.
    let own = bob.room("own", Kind::Private).await;
    bob.send(&own, "hello").await;
    admin
        .put("/v1/users/bob/mute", json!({"expires_in": 600}))
        .await;
    says_nothing(&bob, &own, "muted").await;
    let rename = bob
        .request("PATCH", &own.path(""), json!({"name": "heard-you"}))
        .await;
    rename.refused(403, "muted");
    let second = bob.again().await;
    says_nothing(&second, &own, "muted").await;
}

#[tokio::test]
async fn who_is_muted_everywhere_makes_no_room() {
    let server = Server::start().await;
    let bob = server.user("bob").await;
    let asked = json!({"name": "loud", "kind": "public", "topic": "hear me"});
    server.admin().put("/v1/users/bob/mute", json!({})).await;
    bob.post("/v1/rooms", asked.clone())
        .await
        .refused(403, "muted");
    server.admin().delete("/v1/users/bob/mute").await;
    bob.post("/v1/rooms", asked).await.ok();
}

#[tokio::test]
async fn a_ban_from_a_room_holds_whatever_door_one_takes() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    let code = ana
        .post(&room.path("/invites"), json!({"uses": 9}))
        .await
        .ok();
    bob.join(&room).await;
    ana.request("PUT", &room.path(&format!("/bans/{}", bob.id)), json!({}))
        .await
        .ok();
    says_nothing(&bob, &room, "banned").await;
    bob.post(&room.path("/join"), Value::Null)
        .await
        .refused(403, "banned");
    bob.post("/v1/join", json!({"code": code["code"]}))
        .await
        .refused(403, "banned");
    let add = room.path(&format!("/members/{}", bob.id));
    ana.request("PUT", &add, json!({"role": "member"}))
        .await
        .refused(409, "conflict");
    server
        .admin()
        .request("PUT", &add, json!({"role": "member"}))
        .await
        .refused(409, "conflict");
    bob.get(&room.path("/messages"))
        .await
        .refused(403, "banned");
    // A private room is gone for them altogether, code or no code.
    let closed = ana.room("closed", Kind::Private).await;
    let code = ana.post(&closed.path("/invites"), json!({})).await.ok();
    ana.request("PUT", &closed.path(&format!("/bans/{}", bob.id)), json!({}))
        .await
        .ok();
    bob.get(&closed.path("")).await.refused(404, "not_found");
    bob.post("/v1/join", json!({"code": code["code"]}))
        .await
        .refused(403, "banned");
    let left = ana.get(&closed.path("/invites")).await.ok();
    assert_eq!(left["items"][0]["uses"], 1, "it is not used up by that");
    // The owner is beyond it, moderators among themselves too.
    let mo = server.user("mo").await;
    ana.add(&room, &mo, "moderator").await;
    let owner = room.path(&format!("/bans/{}", ana.id));
    mo.request("PUT", &owner, json!({}))
        .await
        .refused(403, "forbidden");
    denied(
        "self",
        &mo.request("PUT", &room.path(&format!("/bans/{}", mo.id)), json!({}))
            .await,
    );
}

#[tokio::test]
async fn a_deleted_room_is_out_of_reach_for_its_members() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let seq = ana.send(&room, "hello").await["seq"].clone();
    let code = ana
        .post(&room.path("/invites"), json!({"uses": 5}))
        .await
        .ok();
    let mut ws = bob.listen(&room).await;
    ana.delete(&room.path("")).await.ok();
    assert_eq!(ws.next_of("unsubscribed").await["why"], "deleted");
    for who in [&ana, &bob] {
        for (method, path, body) in [
            ("GET", String::new(), Value::Null),
            ("GET", "/messages".into(), Value::Null),
            ("GET", format!("/messages/{seq}"), Value::Null),
            ("POST", "/messages".into(), json!({"body": "hi"})),
            (
                "POST",
                format!("/messages/{seq}/report"),
                json!({"reason": "x"}),
            ),
            ("GET", "/members".into(), Value::Null),
            ("GET", "/sanctions".into(), Value::Null),
            ("GET", "/reports".into(), Value::Null),
            ("GET", "/invites".into(), Value::Null),
            ("POST", "/invites".into(), json!({})),
            ("PUT", format!("/bans/{}", bob.id), json!({})),
            ("PATCH", String::new(), json!({"topic": "x"})),
            ("POST", "/join".into(), Value::Null),
            ("POST", "/leave".into(), Value::Null),
        ] {
            let reply = who.request(method, &room.path(&path), body).await;
            assert_eq!(reply.status, 404, "{method} {path}: {reply:#?}");
        }
        who.post("/v1/join", json!({"code": code["code"]}))
            .await
            .refused(403, "forbidden");
    }
    let ask = json!({"op": "subscribe", "room": room.id, "after": 0});
    assert_eq!(ws.request(ask).await.expect_err("gone").code, "not_found");
}

#[tokio::test]
async fn slow_mode_is_one_wait_for_one_person() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    ana.request("PATCH", &room.path(""), json!({"slow_mode": 3600}))
        .await
        .ok();
    let again = bob.again().await;
    let (mut one, mut other) = (bob.connect().await, again.connect().await);
    let say =
        |body: &str, txn: &str| json!({"op": "send", "room": room.id, "body": body, "txn": txn});
    // What is refused for another reason costs no wait.
    let wrong = json!({"op": "send", "room": room.id, "body": "x", "reply_to": 999});
    assert_eq!(
        one.request(wrong).await.expect_err("no such message").code,
        "invalid_field"
    );
    let first = one.request(say("one", "t1")).await.expect("the first");
    // A repeat is answered with the same message, and says nothing new.
    let repeat = other.request(say("one", "t1")).await.expect("a repeat");
    assert_eq!(
        (&repeat["dup"], &repeat["seq"]),
        (&json!(true), &first["seq"])
    );
    assert_eq!(
        other
            .request(say("two", "t1"))
            .await
            .expect_err("another")
            .code,
        "txn_reused"
    );
    for (ws, txn) in [(&mut one, "t2"), (&mut other, "t3")] {
        let err = ws.request(say("two", txn)).await.expect_err("slow");
        assert_eq!(err.code, "rate_limited");
    }
    let letter = json!({"body": "two", "txn": "t1-"});
    bob.post(&room.path("/messages"), letter)
        .await
        .refused(429, "rate_limited");
    // Going out and coming in again does not begin anew.
    bob.post(&room.path("/leave"), Value::Null).await.ok();
    bob.join(&room).await;
    let err = one.request(say("three", "t4")).await.expect_err("slow");
    assert_eq!(err.code, "rate_limited");
    let said = crate::support::history(&ana, &room).await;
    assert_eq!(said.len(), 1, "{said:#?}");
    // Its moderators need not wait.
    ana.send(&room, "a").await;
    ana.send(&room, "b").await;
}
