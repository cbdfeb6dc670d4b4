//! What the log tells and what it never tells, where it goes, and that its level is changed while the server
//! runs.

use std::os::unix::net::UnixDatagram;

use serde_json::{Value, json};

use crate::support::{Kind, PASSWORD, Server, User};

/// The lines of a log in JSON.
fn lines(server: &Server) -> Vec<Value> {
    let log = server.process().log();
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    log.lines().map(parse).collect()
}

#[tokio::test]
async fn nothing_secret_is_logged_at_any_level() {
    const TEXT: &str = "a-message-for-bob-alone";
    const WRONG: &str = "a-wrong-Password-77";
    let server = Server::builder().set("log.level", "trace").start().await;
    let ana = server.user("ana").await;
    let room = ana.room("den", Kind::Private).await;
    let bob = server.user("bob").await;
    ana.add(&room, &bob, "member").await;
    let mut ws = bob.listen(&room).await;
    ana.send(&room, TEXT).await;
    let mut own = ana.connect_by_header().await;
    let said = json!({"op": "send", "room": room.id, "body": TEXT, "txn": "t1"});
    own.request(said).await.expect("taken");
    ws.next_event().await;
    let login = json!({"login": "ana", "password": WRONG});
    let rest = server.rest();
    let login = rest.request("POST", "/v1/login", None, login).await;
    assert_eq!(login.status, 401);
    let again = User::login(server.rest(), "ana", PASSWORD).await;
    let fresh = json!({"refresh_token": again.refresh_token});
    let fresh = rest.request("POST", "/v1/token", None, fresh).await;
    let fresh = fresh.ok();
    let code = server.admin().post("/v1/invites", json!({})).await;
    let robot = server.bot("robot", "member").await;
    let token = server.admin().token(&robot, "ci", &["message.send"]).await;
    let quota = format!("/v1/me?access_token={}", token.token);
    token.get(&quota).await;
    // The last request is told: all before it are, too.
    let last = ana.get("/v1/me").await;
    let id = last.header("x-request-id").expect("an id").to_owned();
    server.process().logged(&id).await;

    let log = server.process().log();
    assert!(log.lines().count() < 300, "more than the test keeps");
    assert!(
        log.contains("answered") && log.contains("/v1/login"),
        "{log}"
    );
    for secret in [
        TEXT,
        WRONG,
        PASSWORD,
        &ana.token,
        &ana.refresh_token,
        &again.refresh_token,
        fresh["access_token"].as_str().expect("a token"),
        fresh["refresh_token"].as_str().expect("a token"),
        code["code"].as_str().expect("a code"),
        &token.token,
    ] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn every_line_of_a_request_has_its_id() {
    let server = Server::builder().set("log.level", "debug").start().await;
    let ana = server.user("ana").await;
    let reply = ana.get("/v1/rooms/none/messages").await;
    assert_eq!(reply.status, 404);
    let id = reply.header("x-request-id").expect("an id");
    assert_eq!(reply.body["request_id"], id);
    server.process().logged(id).await;
    let lines = lines(&server);
    let line = lines.iter().find(|it| it["fields"]["request_id"] == id);
    let line = line.expect("a line of the request");
    assert_eq!(line["message"], "answered", "{line:#}");
    assert_eq!(line["fields"]["status"], 404, "{line:#}");
    assert_eq!(
        line["fields"]["route"], "/v1/rooms/{room}/messages",
        "{line:#}"
    );
    let time = line["timestamp"].as_str().expect("a time");
    time.parse::<jiff::Timestamp>().expect("RFC 3339");
}

#[tokio::test]
async fn the_level_is_set_for_a_while_and_goes_back() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let level = async |args: &[&str]| {
        let args = [&["log-level"], args, &["--json"]].concat();
        server.cli(&args).await.json()
    };
    let shown = level(&["show"]).await;
    assert_eq!(
        (&shown["level"], &shown["until"]),
        (&json!("info"), &Value::Null)
    );
    let logged = async |yes: bool| {
        let reply = ana.get("/v1/me").await;
        let id = reply.header("x-request-id").expect("an id").to_owned();
        if yes {
            server.process().logged(&id).await;
        }
        id
    };
    let quiet = logged(false).await;

    let tried = level(&["set", "debug", "--dry-run"]).await;
    assert_eq!(tried["level"], "debug");
    assert_eq!(level(&["show"]).await["level"], "info", "only tried");
    let set = level(&["set", "debug", "--for", "1h"]).await;
    assert_eq!(set["recorded"], true);
    assert!(set["until"].is_i64(), "{set:#}");
    logged(true).await;
    assert!(
        !server.process().log().contains(&quiet),
        "before it was set"
    );

    // The second forgets the first, with its time.
    let by_module = "info,chatd::door=debug";
    let set = level(&["set", by_module]).await;
    assert_eq!(
        (&set["level"], &set["until"]),
        (&json!(by_module), &Value::Null)
    );
    logged(true).await;
    level(&["set", "debug", "--for", "1s", "--reason", "a look"]).await;
    server.process().logged("the log level is back").await;
    let back = level(&["show"]).await;
    assert_eq!(
        (&back["level"], &back["until"]),
        (&json!("info"), &Value::Null)
    );
    level(&["set", "error"]).await;
    assert_eq!(level(&["reset"]).await["level"], "info");

    let acts = server
        .admin()
        .get("/v1/audit?act=log_level.set&order=oldest")
        .await;
    let details: Vec<_> = acts["items"].as_array().expect("items").iter().collect();
    assert_eq!(details.len(), 5, "{acts:#}");
    assert_eq!(details[2]["detail"]["after"], "debug", "{acts:#}");
    assert_eq!(details[2]["detail"]["reason"], "a look", "{acts:#}");
    let wrong = server.cli(&["log-level", "set", "inof"]).await;
    let wrong = wrong.failed(2);
    assert!(wrong.contains("did you mean info?"), "{wrong}");
    let put = server.admin();
    for (body, field) in [
        (json!({"level": "inof"}), "level"),
        (json!({"level": "info", "for": 0}), "for"),
        (json!({"level": null, "for": 60}), "for"),
    ] {
        let reply = put.request("PUT", "/v1/log-level", body).await;
        assert_eq!((reply.status, &reply.body["field"]), (400, &json!(field)));
    }
}

#[tokio::test]
async fn without_a_server_there_is_no_level_to_set() {
    let dir = tempfile::tempdir().expect("a directory");
    let set = crate::support::run(dir.path(), &["log-level", "set", "debug"], "").await;
    let told = set.failed(6);
    assert!(told.contains("not running"), "{told}");
}

#[tokio::test]
async fn lines_go_to_the_journal_with_their_fields() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("journal");
    let journal = UnixDatagram::bind(&path).expect("a socket");
    let mut server = Server::builder()
        .set("log.format", "journald")
        .set("log.level", "debug")
        .env("TEST_JOURNAL", &path.display().to_string())
        .start()
        .await;
    let reading = tokio::task::spawn_blocking(move || {
        let mut datagram = vec![0; 65536];
        loop {
            let read = journal.recv(&mut datagram).expect("a datagram");
            let text = String::from_utf8(datagram[..read].to_vec()).expect("text");
            if text.contains("MESSAGE=listening") {
                return (text, journal);
            }
        }
    });
    let (line, journal) = crate::support::within("a line in the journal", reading)
        .await
        .expect("it reads");
    let field = |name: &str| {
        let of = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
        line.lines().find_map(of)
    };
    assert_eq!(field("PRIORITY").as_deref(), Some("6"), "{line}");
    assert_eq!(field("SYSLOG_IDENTIFIER").as_deref(), Some("chatd"));
    assert_eq!(field("CHATD_TARGET").as_deref(), Some("chatd::server"));
    let address = server.address().to_string();
    assert_eq!(field("CHATD_ADDRESS"), Some(address));
    assert_eq!(server.process().log(), "", "it is said once");
    // A journal that has gone does not keep the server, nor the line.
    drop(journal);
    server.user("ana").await;
    server.process().logged("answered").await;
    server.stop().await;
}

#[tokio::test]
async fn without_a_journal_lines_go_to_standard_error() {
    let server = Server::builder()
        .set("log.format", "journald")
        .env("TEST_JOURNAL", "/nowhere/at/all")
        .start()
        .await;
    let words = "the journal of systemd cannot be reached";
    server.process().logged(words).await;
    server.process().logged("listening").await;
}

#[tokio::test]
async fn people_get_lines_they_can_read() {
    let server = Server::builder().set("log.format", "pretty").start().await;
    server
        .process()
        .logged("INFO listening address=127.0.0.1")
        .await;
}
