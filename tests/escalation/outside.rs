//! Addresses that are banned, and codes that are somebody else's.

use hyper::Request;
use serde_json::{Value, json};

use crate::support::{Kind, PASSWORD, Reply, Rest, Server, Ws};

/// A request as a proxy on this machine passes it on.
async fn from(rest: &Rest, forwarded: &[&str], method: &str, path: &str, token: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for hop in forwarded {
        request = request.header("x-forwarded-for", *hop);
    }
    let request = request.header("authorization", format!("Bearer {token}"));
    let request = request.body(String::new()).expect("a request");
    rest.send(request).await.expect("an answer")
}

#[tokio::test]
async fn a_banned_range_is_out_however_it_is_written() {
    let server = Server::start().await;
    let (admin, rest) = (server.admin(), server.rest());
    let ana = server.user("ana").await;
    let bans = "/v1/address-bans";
    let put = json!({"network": "198.51.100.0/24", "reason": "spam"});
    admin.post(bans, put).await;
    admin
        .post(bans, json!({"network": "::ffff:203.0.113.7"}))
        .await;
    admin
        .post(bans, json!({"network": "2001:db8:bad::/48"}))
        .await;
    let listed = admin.request("GET", bans, Value::Null).await.ok();
    let listed = listed["items"].to_string();
    assert!(listed.contains(r#""203.0.113.7/32""#), "{listed}");
    for out in [
        &["198.51.100.9"][..],
        // Whatever a client writes there itself stands further left.
        &["192.0.2.1, 198.51.100.9"],
        &["192.0.2.1", "198.51.100.9"],
        &["::ffff:198.51.100.9"],
        &["[::ffff:198.51.100.9]:4711"],
        &["198.51.100.9:4711"],
        &["203.0.113.7"],
        &["::ffff:cb00:7107"],
        &["2001:db8:bad:1::1"],
        &["198.51.100.9, 127.0.0.1"],
    ] {
        for (method, path) in [
            ("GET", "/v1/me"),
            ("GET", "/v1/info"),
            ("POST", "/v1/login"),
        ] {
            let reply = from(&rest, out, method, path, &ana.token).await;
            let body = reply.refused(403, "banned");
            assert!(body["detail"].is_string());
        }
        let headers: Vec<_> = out.iter().map(|hop| ("x-forwarded-for", *hop)).collect();
        if headers.len() == 1 {
            let refused = Ws::open(server.address(), &headers).await.err();
            assert_eq!(refused, Some(403), "{out:?}");
        }
    }
    for inside in [
        &[][..],
        &["198.51.101.9"],
        &["198.51.100.9, 192.0.2.1"],
        &["2001:db8:bae::1"],
    ] {
        from(&rest, inside, "GET", "/v1/me", &ana.token).await.ok();
    }
    // It is lifted in the same spellings.
    let lift = "/v1/address-bans?network=::ffff:203.0.113.7/128";
    admin.delete(lift).await;
    from(&rest, &["203.0.113.7"], "GET", "/v1/me", &ana.token)
        .await
        .ok();
}

#[tokio::test]
async fn a_peer_that_is_no_proxy_cannot_say_where_it_comes_from() {
    let server = Server::builder()
        .set("http.trusted_proxies", "[\"192.0.2.0/24\"]")
        .start()
        .await;
    let ana = server.user("ana").await;
    let ban = json!({"network": "198.51.100.0/24"});
    server.admin().post("/v1/address-bans", ban).await;
    let reply = from(
        &server.rest(),
        &["198.51.100.9"],
        "GET",
        "/v1/me",
        &ana.token,
    )
    .await;
    reply.ok();
}

#[tokio::test]
async fn live_sockets_of_a_banned_range_are_closed() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let address = server.address();
    let open =
        |hop: &'static str| async move { Ws::open(address, &[("x-forwarded-for", hop)]).await };
    let mut inside = open("198.51.100.9").await.expect("not banned yet");
    inside.hello(json!({"token": ana.token})).await;
    inside.subscribe(&room, None).await;
    // One that has not said hello, and so is nobody's yet.
    let mut early = open("198.51.100.9").await.expect("not banned yet");
    let mut outside = open("203.0.113.9").await.expect("not banned");
    outside.hello(json!({"token": ana.token})).await;
    outside.subscribe(&room, None).await;
    let boss = server.person("boss", "admin").await;
    let own = json!({"network": "127.0.0.0/16"});
    boss.post("/v1/address-bans", own)
        .await
        .refused(400, "invalid_field");
    let ban = json!({"network": "198.51.100.0/24"});
    boss.post("/v1/address-bans", ban).await.ok();
    let end = inside.closed().await;
    assert_eq!((end.code, end.closing.is_some()), (Some(4504), true));
    early
        .post(json!({"op": "hello", "token": ana.token, "protocol": 1}))
        .await;
    assert_eq!(early.closed().await.code, Some(4504));
    // The session has nothing to do with it.
    outside.send(&room, "from elsewhere").await;
}

#[tokio::test]
async fn a_code_is_good_for_what_it_was_made_for() {
    let server = Server::builder()
        .set("auth.registration", "invite")
        .start()
        .await;
    let (admin, rest) = (server.admin(), server.rest());
    let password = json!({"name": "ana", "password": PASSWORD});
    admin.post("/v1/users", password).await;
    let ana = crate::support::User::login(rest.clone(), "ana", PASSWORD).await;
    let room = ana.room("closed", Kind::Private).await;
    let code = |made: &Value| made["code"].as_str().expect("a code").to_owned();
    let claim = code(&admin.post("/v1/users", json!({"name": "bob"})).await);
    let invite = code(&admin.post("/v1/invites", json!({})).await);
    let door = code(&ana.post(&room.path("/invites"), json!({})).await.ok());
    for wrong in [&claim, &door] {
        let asked = json!({"username": "eve", "password": PASSWORD, "invite": wrong});
        rest.post("/v1/register", asked)
            .await
            .refused(403, "forbidden");
    }
    for wrong in [&invite, &door] {
        let asked = json!({"code": wrong, "password": PASSWORD});
        rest.post("/v1/claim", asked)
            .await
            .refused(403, "forbidden");
    }
    for wrong in [&invite, &claim] {
        ana.post("/v1/join", json!({"code": wrong}))
            .await
            .refused(403, "forbidden");
    }
    // None of them was used up by it. A code of an account is that account's, whoever types it.
    let asked = json!({"code": claim, "password": PASSWORD});
    assert_eq!(
        rest.post("/v1/claim", asked).await.ok()["user"]["name"],
        "bob"
    );
    let asked = json!({"username": "eve", "password": PASSWORD, "invite": invite});
    rest.post("/v1/register", asked).await.ok();
    let eve = crate::support::User::login(rest, "eve", PASSWORD).await;
    assert_eq!(eve.get("/v1/me").await.ok()["role"], "member");
    eve.post("/v1/join", json!({"code": door})).await.ok();
    // One that was taken back is one that never was.
    let again = ana.post(&room.path("/invites"), json!({})).await.ok();
    let id = again["id"].as_str().expect("an id");
    ana.delete(&room.path(&format!("/invites/{id}"))).await.ok();
    let gone = eve.post("/v1/join", json!({"code": again["code"]})).await;
    let never = eve
        .post("/v1/join", json!({"code": "ABCD-EFGH-JKLM"}))
        .await;
    assert_eq!(gone.anonymous(), never.anonymous());
    gone.refused(403, "forbidden");
}

#[tokio::test]
async fn a_code_ends_with_the_rights_of_its_maker() {
    let server = Server::builder()
        .set("auth.registration", "open")
        .start()
        .await;
    let (ana, bob, eve) = (
        server.user("ana").await,
        server.user("bob").await,
        server.user("eve").await,
    );
    let room = ana.room("den", Kind::Private).await;
    ana.add(&room, &bob, "moderator").await;
    let invites = room.path("/invites");
    let hers = ana.post(&invites, json!({})).await.ok();
    let his = bob.post(&invites, json!({})).await.ok();
    ana.remove(&room, &bob).await;
    for user in [&bob, &eve] {
        user.post("/v1/join", json!({"code": his["code"]}))
            .await
            .refused(403, "forbidden");
    }
    eve.post("/v1/join", json!({"code": hers["code"]}))
        .await
        .ok();

    // So that chief is not the last one.
    let boss = json!({"name": "boss", "role": "admin", "password": PASSWORD});
    server.admin().post("/v1/users", boss).await;
    let chief = server.person("chief", "admin").await;
    let asked = json!({"role": "moderator", "uses": 3});
    let invite = chief.post("/v1/invites", asked).await.ok();
    let come = async |name: &str| {
        let asked = json!({"username": name, "password": PASSWORD, "invite": invite["code"]});
        server.rest().post("/v1/register", asked).await
    };
    assert_eq!(come("first").await.status, 201);
    // Less than the code gives is not enough to go on giving it, and nor is an account that is off.
    server.admin().give("chief", "member").await;
    come("second").await.refused(403, "forbidden");
    server.admin().give("chief", "admin").await;
    assert_eq!(come("third").await.status, 201);
    server.admin().set_status("chief", "disabled").await.ok();
    come("fourth").await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_role_that_an_invitation_gives_stays_what_it_is() {
    let server = Server::builder()
        .set("auth.registration", "invite")
        .start()
        .await;
    let admin = server.admin();
    admin.new_role("helper", &["message.read"]).await;
    let invite = admin.post("/v1/invites", json!({"role": "helper"})).await;
    let role = "/v1/roles/helper";
    // Else the code would give whatever a later role of that name does.
    let refused = admin.request("DELETE", role, Value::Null).await;
    let refused = refused.refused(409, "conflict");
    let id = invite["id"].as_str().expect("an id");
    assert!(
        refused["detail"].as_str().is_some_and(|d| d.contains(id)),
        "{refused:#}"
    );
    admin.delete(&format!("/v1/invites/{id}")).await;
    admin.delete(role).await;
    let asked = json!({"username": "eve", "password": PASSWORD, "invite": invite["code"]});
    let reply = server.rest().post("/v1/register", asked).await;
    reply.refused(403, "forbidden");
}
