//! Who may come in: open, by invitation, not at all; and accounts an operator made.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, User};

fn ana(invite: Option<&Value>) -> Value {
    let mut asked = json!({"username": "ana", "password": PASSWORD});
    if let Some(code) = invite {
        asked["invite"] = code.clone();
    }
    asked
}

#[tokio::test]
async fn by_invitation_one_code_lets_one_person_in() {
    let server = Server::builder()
        .set("auth.registration", "invite")
        .start()
        .await;
    let rest = server.rest();
    assert_eq!(rest.get("/v1/info").await.ok()["registration"], "invite");
    rest.post("/v1/register", ana(None))
        .await
        .refused(403, "forbidden");
    let wrong = json!("not-a-code");
    let reply = rest.post("/v1/register", ana(Some(&wrong))).await;
    assert!(matches!(reply.status, 400 | 403), "{reply:#?}");

    let invite = server.cli(&["invite", "create", "--json"]).await.json();
    let code = &invite["code"];
    let reply = rest.post("/v1/register", ana(Some(code))).await;
    assert_eq!(reply.status, 201, "{reply:#?}");
    User::login(rest.clone(), "ana", PASSWORD).await;

    let mut second = ana(Some(code));
    second["username"] = json!("bob");
    let reply = rest.post("/v1/register", second).await;
    assert!(
        matches!(reply.status, 400 | 403),
        "a code is good once: {reply:#?}"
    );
}

#[tokio::test]
async fn a_taken_name_does_not_use_up_the_invitation() {
    let server = Server::builder()
        .set("auth.registration", "invite")
        .start()
        .await;
    server.cli(&["user", "add", "ana"]).await.ok();
    let invite = server.cli(&["invite", "create", "--json"]).await.json();
    let mut asked = ana(Some(&invite["code"]));
    server
        .rest()
        .post("/v1/register", asked.clone())
        .await
        .refused(409, "conflict");
    asked["username"] = json!("bob");
    server.rest().post("/v1/register", asked).await.ok();
}

#[tokio::test]
async fn closed_is_closed() {
    let server = Server::builder()
        .set("auth.registration", "closed")
        .start()
        .await;
    let rest = server.rest();
    assert_eq!(rest.get("/v1/info").await.ok()["registration"], "closed");
    rest.post("/v1/register", ana(None))
        .await
        .refused(403, "forbidden");
    let code = json!("not-a-code");
    rest.post("/v1/register", ana(Some(&code)))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn no_decision_about_registration_is_taken_by_leaving_it_out() {
    let server = Server::start().await;
    let admin = server.admin();
    admin
        .put("/v1/registration", json!({"mode": "closed"}))
        .await;
    for body in [json!({}), json!({"reason": "why not"})] {
        let reply = admin.request("PUT", "/v1/registration", body).await;
        assert_eq!(reply.status, 400, "{reply:#?}");
    }
    assert_eq!(admin.get("/v1/registration").await["mode"], "closed");
    admin.put("/v1/registration", json!({"mode": null})).await;
    assert_eq!(admin.get("/v1/registration").await["mode"], Value::Null);
}

#[tokio::test]
async fn open_is_for_the_neighbours_only() {
    let server = Server::start().await;
    assert_eq!(
        server.rest().get("/v1/info").await.ok()["registration"],
        "open"
    );
    let request = hyper::Request::post("/v1/register")
        .header("content-type", "application/json")
        .header("x-forwarded-for", "203.0.113.7")
        .body(ana(None).to_string())
        .expect("a request");
    let reply = server.rest().send(request).await.expect("an answer");
    reply.refused(403, "forbidden");

    let public = Server::builder()
        .set("server.public_url", "https://chat.example.org")
        .start()
        .await;
    public
        .rest()
        .post("/v1/register", ana(None))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn an_account_is_claimed_once() {
    let server = Server::start().await;
    let rest = server.rest();
    let made = server
        .cli(&["user", "add", "bob", "--role", "moderator", "--json"])
        .await
        .json();
    let claim = json!({"code": made["code"], "password": PASSWORD});
    let weak = json!({"code": made["code"], "password": "password"});
    rest.post("/v1/claim", weak).await.refused_field("password");
    rest.post("/v1/claim", claim.clone()).await.ok();
    let bob = User::login(rest.clone(), "bob", PASSWORD).await;
    assert_eq!(bob.get("/v1/me").await.ok()["role"], "moderator");
    let again = rest.post("/v1/claim", claim).await;
    assert!(matches!(again.status, 400 | 401 | 403 | 404), "{again:#?}");
}

#[tokio::test]
async fn names_that_deceive_are_refused() {
    let server = Server::start().await;
    for bad in [
        "",
        "a",
        "Ana",
        "-ana",
        "аna",
        "ana ",
        "an\u{0}a",
        "ana\u{202e}",
        "ana\n",
        "@me",
        "0197c0de-0000-7000-8000-000000000000",
    ] {
        let asked = json!({"username": bad, "password": PASSWORD});
        server
            .rest()
            .post("/v1/register", asked)
            .await
            .refused_field("username");
    }
    for bad in [
        "",
        "a\u{1b}[31mb",
        "a\u{202e}b",
        "a\nb",
        "a\u{9b}b",
        &"x".repeat(65),
    ] {
        let asked = json!({"username": "ana", "password": PASSWORD, "display_name": bad});
        server
            .rest()
            .post("/v1/register", asked)
            .await
            .refused_field("display_name");
    }
    let bob = server.user("bob").await;
    for bad in [
        "General",
        "a",
        "gen\u{2066}eral",
        "gеneral",
        "room name",
        "@me",
    ] {
        let asked = json!({"name": bad, "kind": "public"});
        bob.post("/v1/rooms", asked).await.refused_field("name");
    }
}

#[tokio::test]
async fn a_new_password_voids_the_codes_before() {
    let server = Server::start().await;
    server.user("eve").await;
    let code = |reply: Value| reply["code"].as_str().expect("a code").to_owned();
    let first = code(server.cli(&["user", "reset", "eve", "--json"]).await.json());
    let second = code(server.cli(&["user", "reset", "eve", "--json"]).await.json());
    let claim = |code: &str| json!({"code": code, "password": "Quartz-lemur-91-veranda"});
    let rest = server.rest();
    rest.post("/v1/claim", claim(&first))
        .await
        .refused(403, "forbidden");
    rest.post("/v1/claim", claim(&second)).await.ok();
    rest.post("/v1/claim", claim(&second))
        .await
        .refused(403, "forbidden");
}
