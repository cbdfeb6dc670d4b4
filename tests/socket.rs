//! The admin socket from outside: what `docs/operating.md` says of it, and that it holds what it promises when much or
//! odd things come.

use std::{fs, process::Command};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    task::JoinSet,
};

use crate::support::{Kind, Server, within};

/// What the page gives as an example and nobody has: a message and a redaction.
const NOBODYS: [&str; 2] = ["/messages/4711", "/redactions/01a20de3"];

#[tokio::test]
async fn each_example_with_curl_works_as_it_stands() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    server.user("eve").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "hello").await;
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating.md"));
    let page = page.expect("the page");
    let (_, section) = page
        .split_once("\n## The admin socket\n")
        .expect("it is there");
    let section = section.split("\n## ").next().expect("a section");
    let examples: Vec<_> = section.lines().filter(|l| l.starts_with("curl ")).collect();
    assert!(examples.len() > 20, "{examples:#?}");
    let dir = server.data_dir().with_file_name("");
    for example in examples {
        // A stream that does not end is good once it has begun.
        let script = format!("S=admin.sock; {example} --max-time 5 -o body -w '%{{http_code}}'");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(&dir);
        let ran = tokio::task::spawn_blocking(move || shell.output());
        let ran = within("an example to end", ran).await.expect("no panic");
        let ran = ran.expect("a shell");
        let status = String::from_utf8(ran.stdout).expect("text");
        let body = fs::read_to_string(dir.join("body")).unwrap_or_default();
        let nobodys = NOBODYS.iter().any(|it| example.contains(it));
        let fits = if nobodys {
            status == "404"
        } else {
            status.starts_with('2')
        };
        assert!(fits, "{example}\n{status}\n{body}");
        let streams = example.contains("/v1/watch") || example.contains("/v1/events");
        let ended = ran.status.code();
        assert!(
            ended == Some(0) || streams && ended == Some(28),
            "{example}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn of_many_that_come_at_once_each_is_answered() {
    let server = Server::start().await;
    let mut asking = JoinSet::new();
    for _ in 0..200 {
        let admin = server.admin();
        asking.spawn(async move { admin.get("/v1/status").await });
    }
    let answers: Vec<Value> = within("all answers", asking.join_all()).await;
    assert!(answers.iter().all(|it| it["running"] == true));
}

#[tokio::test]
async fn nobody_who_holds_connections_keeps_the_next_out() {
    let server = Server::start().await;
    let path = server.data_dir().with_file_name("admin.sock");
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(UnixStream::connect(&path).await.expect("it is taken"));
    }
    server.cli(&["status"]).await.ok();
    server.process().logged("one was turned away").await;
    // All of what they held can be had again.
    drop(held);
    server.admin().get("/v1/status").await;
}

#[tokio::test]
async fn who_sends_a_byte_now_and_then_is_cut_off_and_others_are_served() {
    // What takes a minute takes a second and a half here.
    let server = Server::builder()
        .env("TEST_ADMIN_LIMIT_MS", "1500")
        .start()
        .await;
    let path = server.data_dir().with_file_name("admin.sock");
    let head = "POST /v1/users HTTP/1.1\r\nhost: chatd\r\ncontent-type: application/json\r\n\
                content-length: 4096\r\n\r\n";
    // One is as slow with its head, the other with its body; each always has one byte more to say.
    for (at_once, drips) in [("GET /v1/status HTTP/1.1\r\nx-slow: ", "x"), (head, " ")] {
        let socket = UnixStream::connect(&path).await.expect("it listens");
        let (mut reading, mut writing) = socket.into_split();
        writing.write_all(at_once.as_bytes()).await.expect("taken");
        let dripping = tokio::spawn(async move {
            let mut pause = tokio::time::interval(std::time::Duration::from_millis(100));
            loop {
                pause.tick().await;
                if writing.write_all(drips.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let mut answer = Vec::new();
        let ending = reading.read_to_end(&mut answer);
        tokio::pin!(ending);
        let others = server.admin();
        // Meanwhile somebody else comes, as often as they like.
        loop {
            tokio::select! {
                biased;
                _its_end_may_be_a_reset = &mut ending => break,
                status = others.get("/v1/status") => assert_eq!(status["running"], true),
            }
        }
        within("it to notice", dripping).await.expect("no panic");
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408 "),
            "{answer}"
        );
    }
    assert_eq!(
        server.admin().get("/v1/users").await["items"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    const MOST: usize = 2 * 1024 * 1024;
    let server = Server::start().await;
    let path = server.data_dir().with_file_name("admin.sock");
    let mut socket = UnixStream::connect(&path).await.expect("it listens");
    // It says so as soon as it sees it, and does not read the rest.
    let head = "POST /v1/users HTTP/1.1\r\nhost: chatd\r\ncontent-type: application/json\r\n\
                content-length: 9000000\r\n\r\n";
    let request = head.to_owned() + &"x".repeat(MOST + 1);
    let asking = socket.write_all(request.as_bytes());
    within("the request to be taken", asking)
        .await
        .expect("it is read");
    let mut answer = Vec::new();
    // Its end may be a reset.
    let _end = within("the answer", socket.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"too_large\""), "{answer}");
}

#[tokio::test]
async fn what_lies_in_its_place_and_is_no_socket_is_left_alone() {
    let mut server = Server::builder().prepare();
    let path = server.data_dir().with_file_name("admin.sock");
    fs::write(&path, "mine").expect("a file");
    server.spawn();
    let (status, _, log) = server.failed().await;
    assert_eq!(status.code(), Some(78), "{log}");
    assert!(
        log.contains("is no socket") && log.contains("admin.socket"),
        "{log}"
    );
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "mine");
}
