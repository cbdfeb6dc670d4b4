//! Under a service manager: it is told how the server stands, and the sockets it passes are used. A stand-in
//! listens where `NOTIFY_SOCKET` says.

use std::{
    fs,
    net::SocketAddr,
    os::{fd::OwnedFd, unix::net::UnixListener},
    sync::{Arc, Mutex},
};

use rustix::process::Signal;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{Kind, PASSWORD, Raw, Rest, Server, Supervisor};

#[tokio::test]
async fn it_is_told_of_the_start_and_the_stop() {
    let dir = tempfile::tempdir().expect("a directory");
    let supervisor = Supervisor::in_dir(dir.path());
    let mut server = Server::builder()
        .env("NOTIFY_SOCKET", supervisor.path())
        .set("server.drain", "20s")
        .prepare();
    server.spawn();
    let (ready, before) = supervisor.until("READY", "1").await;
    assert!(
        ready["STATUS"].starts_with("Serving 0 connections"),
        "{ready:?}"
    );
    // Before that it asks for time, since nobody knows how long a store takes to open.
    let asked = before
        .iter()
        .any(|told| told["EXTEND_TIMEOUT_USEC"] == "30000000");
    assert!(asked, "{before:?}");
    // Ready is ready: no wait for the banner.
    server.listening().await;
    let mut ana = server.user("ana").await.connect().await;
    let (busy, _) = supervisor
        .until(
            "STATUS",
            "Serving 1 connections, 0 logs listened to; 0 messages since the start",
        )
        .await;
    assert_eq!(busy.len(), 1, "{busy:?}");
    server.sigterm();
    let (stopping, _) = supervisor.until("STOPPING", "1").await;
    // The drain, and a minute for the store.
    assert_eq!(stopping["EXTEND_TIMEOUT_USEC"], "80000000");
    assert_eq!(ana.closed().await.code, Some(4001));
    assert!(server.exit().await.success());
    let last = supervisor.waiting();
    assert_eq!(
        last.last().expect("told")["STATUS"],
        "Stopping: closing the store"
    );
    assert!(
        last.iter().all(|told| !told.contains_key("WATCHDOG")),
        "nobody asked for that"
    );
}

#[tokio::test]
async fn it_is_told_of_a_reload() {
    let dir = tempfile::tempdir().expect("a directory");
    let supervisor = Supervisor::in_dir(dir.path());
    let file = dir.path().join("chatd.toml");
    fs::write(&file, "").expect("a file");
    let server = Server::builder()
        .env("NOTIFY_SOCKET", supervisor.path())
        .args(&["--config", file.to_str().expect("text")])
        .start()
        .await;
    supervisor.until("READY", "1").await;
    let mut last = 0;
    for text in ["[ws]\nping = \"30s\"\n", "[ws]\npong = 1\n"] {
        fs::write(&file, text).expect("a file");
        server.process().signal(Signal::HUP);
        let (reloading, _) = supervisor.until("RELOADING", "1").await;
        let at: u64 = reloading["MONOTONIC_USEC"].parse().expect("a number");
        assert!(at > last, "the clock goes on: {at} after {last}");
        last = at;
        // Also when nothing came of it: the server is as ready as it was.
        supervisor.until("READY", "1").await;
    }
    server.process().logged("did you mean `ws.ping`").await;
}

#[tokio::test]
async fn ready_means_that_it_takes_connections() {
    let dir = tempfile::tempdir().expect("a directory");
    let supervisor = Supervisor::in_dir(dir.path());
    let mut server = Server::builder()
        .env("NOTIFY_SOCKET", supervisor.path())
        .prepare();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    server.pass("http", socket);
    // It waits in the kernel's queue for the server that is not there yet.
    let mut early = Raw::connect(address).await;
    server.spawn();
    supervisor.until("READY", "1").await;
    server.listening().await;
    assert_eq!(server.address(), address, "not where --listen says");
    early
        .write(b"GET /livez HTTP/1.1\r\nHost: chatd\r\nConnection: close\r\n\r\n")
        .await;
    let answer = String::from_utf8(early.rest().await).expect("text");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Stops a part of a server for a while: nobody is told that all is well, the log says which part it is, and
/// when it goes on, so does the rest.
async fn stuck(part: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let supervisor = Supervisor::in_dir(dir.path());
    let file = dir.path().join("stuck");
    let mut server = Server::builder()
        .env("NOTIFY_SOCKET", supervisor.path())
        .env("WATCHDOG_USEC", "400000")
        .env("TEST_STALL_CHATD", &format!("{part}:{}", file.display()))
        .start()
        .await;
    let ana = server.user("ana").await;
    let _ears = ana.connect().await;
    for _ in 0..3 {
        supervisor.until("WATCHDOG", "1").await;
    }
    fs::write(&file, "").expect("a file");
    server
        .process()
        .logged("a part of the server does not answer")
        .await;
    let part_named = format!("\"part\":\"{part}\"");
    server.process().logged(&part_named).await;
    // What was sent before is read away. From here until it goes on, not one: three limits pass meanwhile.
    supervisor.waiting();
    server
        .process()
        .logged_times("a part of the server does not answer", 4)
        .await;
    let wrong = supervisor.waiting();
    assert!(
        wrong.iter().all(|told| !told.contains_key("WATCHDOG")),
        "{wrong:?}"
    );
    fs::remove_file(&file).expect("there");
    server.process().logged("it answers again").await;
    supervisor.until("WATCHDOG", "1").await;
    // And it is as good as before.
    ana.room("general", Kind::Public).await;
    server.stop().await;
}

#[tokio::test]
async fn a_stuck_appender_is_not_well() {
    stuck("appender").await;
}

#[tokio::test]
async fn a_stuck_hub_is_not_well() {
    stuck("hub").await;
}

#[tokio::test]
async fn a_passed_port_outlives_the_server() {
    let mut server = Server::builder().prepare();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    server.pass("http", socket);
    server.boot().await;
    assert_eq!(server.address(), address);
    let ana = server.user("ana").await;
    server.stop().await;
    // Nobody is refused while no server runs.
    let connecting = TcpStream::connect(address).await;
    assert!(connecting.is_ok(), "{connecting:?}");
    server.boot().await;
    ana.connect().await;
}

#[tokio::test]
async fn a_passed_admin_socket_is_used_and_left() {
    let mut server = Server::builder().prepare();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("given.sock");
    server.pass("admin", UnixListener::bind(&path).expect("a socket"));
    server.boot().await;
    assert!(
        server.banner().contains("given.sock"),
        "{}",
        server.banner()
    );
    let own = server.data_dir().with_file_name("admin.sock");
    assert!(!own.exists(), "it made one of its own");
    // The command line is led to it.
    assert_eq!(
        server.cli(&["status", "--json"]).await.json()["running"],
        true
    );
    server.stop().await;
    assert!(path.exists(), "it belongs to the service manager");
    server.boot().await;
    server.cli(&["health"]).await.ok();
}

/// A server that is passed this does not start, and says this.
async fn will_not_do(name: &str, socket: impl Into<OwnedFd>, words: &str) {
    let mut server = Server::builder().prepare();
    server.pass(name, socket);
    server.spawn();
    server.process().logged(words).await;
    let (status, stdout, log) = server.failed().await;
    assert_eq!(status.code(), Some(78), "{log}");
    assert_eq!(stdout, "");
}

#[tokio::test]
async fn sockets_that_will_not_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let unix = UnixListener::bind(dir.path().join("s")).expect("a socket");
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let connected = std::net::TcpStream::connect(tcp.local_addr().expect("an address"));
    let tcp_again = || tcp.try_clone().expect("a descriptor");
    will_not_do("http", unix, "it has to be a TCP socket that listens").await;
    will_not_do("http", udp, "it has to be a TCP socket that listens").await;
    will_not_do(
        "http",
        connected.expect("it listens"),
        "it has to be a TCP socket that listens",
    )
    .await;
    will_not_do(
        "admin",
        tcp_again(),
        "it has to be a Unix socket that listens",
    )
    .await;
    will_not_do(
        "chatd.socket",
        tcp_again(),
        "chatd knows \"http\" and \"admin\"",
    )
    .await;
    will_not_do("\u{1b}[31m", tcp_again(), "\\u{1b}[31m").await;
}

#[tokio::test]
async fn a_port_that_is_passed_to_everyone_is_not_taken_for_a_private_one() {
    let mut server = Server::builder().prepare();
    let socket = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    server.pass("http", socket);
    server.spawn();
    server.listening().await;
    assert!(
        server.banner().contains("by invitation"),
        "{}",
        server.banner()
    );
    let eve = json!({"username": "eve", "password": PASSWORD});
    let here = SocketAddr::from(([127, 0, 0, 1], port));
    let reply = Rest::new(Arc::new(Mutex::new(here)))
        .post("/v1/register", eve)
        .await;
    assert_eq!(reply.status, 403, "{reply:?}");
}
