//! TLS of the server's own: everything goes through it as without, a renewal disturbs nobody, and who attacks a
//! handshake keeps nobody else out.

use std::{fs, os::unix::fs::PermissionsExt as _};

use futures_util::future::join_all;
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::Signal,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Builder, Certificates, Raw, Room, Secure, Server, write_secret};

/// A server with TLS, and settings in a file.
struct Home {
    certificates: Certificates,
    server: Server,
    client: Secure,
    dir: TempDir,
}

impl Home {
    async fn start() -> Self {
        Self::with("", |builder| builder).await
    }

    /// The same, with more settings.
    async fn with(more: &str, change: impl FnOnce(Builder) -> Builder) -> Self {
        let (certificates, trusted) = Certificates::new();
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("chatd.toml");
        fs::write(&file, certificates.settings() + more).expect("a file");
        let builder = Server::builder().args(&["--config", file.to_str().expect("text")]);
        let server = change(builder).start().await;
        let client = Secure::new(server.address(), &trusted);
        Self {
            certificates,
            server,
            client,
            dir,
        }
    }

    async fn room(&self, token: &str) -> Room {
        let room = json!({"name": "general", "kind": "public"});
        let made = self.client.request("POST", "/v1/rooms", Some(token), room);
        let made = made.await.ok();
        Room {
            id: made["id"].as_str().expect("an id").to_owned(),
            name: "general".to_owned(),
        }
    }
}

#[tokio::test]
async fn https_and_wss_are_as_without() {
    let mut home = Home::start().await;
    let client = &home.client;
    assert!(home.server.banner().contains("listening on https://"));
    let token = client.register("ana").await;
    let room = home.room(&token).await;
    let (mut ears, mut mouth) = (client.ws(&token).await, client.ws(&token).await);
    ears.subscribe(&room, None).await;
    // More than fits into one record, and than the other side takes at once.
    let long = "x".repeat(15_000);
    let sent = 200;
    for i in 0..sent {
        let body = format!("{i} {long}");
        let say = json!({"op": "send", "room": room.id, "body": body});
        mouth.post(say).await.expect("open");
    }
    for i in 0..sent {
        let heard = ears.next_of("message").await;
        let body = heard["body"].as_str().expect("text");
        assert!(body.starts_with(&format!("{i} x")) && body.len() > 15_000);
    }
    let stream = client.connect().await.expect("a handshake");
    assert!(stream.get_ref().1.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3));

    home.server.cli(&["health"]).await.ok();
    let status = home.server.cli(&["status", "--json"]).await.json();
    let certificate = &status["certificate"];
    assert_eq!(
        certificate["file"],
        home.certificates.cert().to_str().expect("text")
    );
    assert_eq!(
        certificate["expires_at"], 67_090_118_400_000_i64,
        "1 January 4096"
    );
    let shown = home.server.cli(&["status"]).await;
    assert!(shown.ok().contains("https://127.0.0.1"), "{shown}");

    // Stopping is announced on it, too.
    home.server.sigterm();
    let end = ears.closed().await;
    assert_eq!(end.code, Some(4001));
    assert!(end.closing.expect("announced")["reconnect_ms"].is_u64());
    assert_eq!(mouth.closed().await.code, Some(4001));
    assert!(home.server.exit().await.success());
}

#[tokio::test]
async fn a_renewal_closes_nothing_and_is_seen_by_who_comes() {
    let home = Home::start().await;
    let token = home.client.register("ana").await;
    let room = home.room(&token).await;
    let opened = (0..40).map(|_| home.client.ws(&token));
    let mut ears = join_all(opened).await;
    for ws in &mut ears {
        ws.subscribe(&room, None).await;
    }
    let shown = async |client: &Secure| {
        let stream = client.connect().await?;
        let chain = stream
            .get_ref()
            .1
            .peer_certificates()
            .expect("a certificate");
        Ok::<_, String>(chain[0].clone().into_owned())
    };
    let first = shown(&home.client).await.expect("trusted");
    let second = home.certificates.renew();
    let tried = home
        .server
        .cli(&["config", "reload", "--dry-run", "--json"])
        .await;
    assert_eq!(tried.json()["changed"][0]["key"], "tls.cert_file");
    assert_eq!(shown(&home.client).await.as_ref(), Ok(&first), "only tried");
    home.server.process().signal(Signal::HUP);
    home.server
        .process()
        .logged("the settings were reloaded")
        .await;
    // Not even by who comes back with a ticket.
    assert!(shown(&home.client).await.is_err(), "the old one was shown");
    let renewed = Secure::new(home.server.address(), &second);
    assert_eq!(shown(&renewed).await.as_ref(), Ok(&second));
    let mut late = renewed.ws(&token).await;
    late.send(&room, "after the renewal").await;
    for ws in &mut ears {
        ws.expect_message("after the renewal").await;
    }

    // What is wrong keeps the old, whatever it is.
    let key = fs::read_to_string(home.certificates.key()).expect("a file");
    let good = fs::read_to_string(home.certificates.cert()).expect("a file");
    home.certificates.renew();
    let other = fs::read_to_string(home.certificates.key()).expect("a file");
    fs::write(home.certificates.cert(), &good).expect("a file");
    let refused = async |words: &str| {
        let told = home.server.cli(&["config", "reload"]).await;
        let told = told.failed(78);
        assert!(told.contains(words), "{words}: {told}");
        assert_eq!(shown(&renewed).await.as_ref(), Ok(&second), "{words}");
    };
    refused("this is not the key of the certificate").await;
    write_secret(&home.certificates.key(), "-----BEGIN NOTHING-----\n");
    refused("there is no private key in it").await;
    write_secret(&home.certificates.key(), &key);
    let everyone = fs::Permissions::from_mode(0o644);
    fs::set_permissions(home.certificates.key(), everyone).expect("ours");
    refused("chmod o=").await;
    // One that would never be read to its end.
    fs::remove_file(home.certificates.key()).expect("there");
    let pipe = home.certificates.key();
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
    refused("it is no file").await;
    fs::remove_file(home.certificates.key()).expect("there");
    write_secret(&home.certificates.key(), &key);
    fs::write(home.certificates.cert(), &key).expect("a file");
    refused("there is no certificate in it").await;
    fs::remove_file(home.certificates.cert()).expect("there");
    refused("cannot be read").await;
    fs::write(home.certificates.cert(), &good).expect("a file");
    let told = home.server.cli(&["config", "reload"]).await;
    assert!(told.ok().contains("Nothing changed"), "{told}");
    write_secret(&home.certificates.key(), &other);
    for ws in &mut ears {
        ws.request(json!({"op": "ping"})).await.expect("open still");
    }
}

#[tokio::test]
async fn tls_can_be_taken_up_and_left_while_it_runs() {
    let home = Home::start().await;
    let token = home.client.register("ana").await;
    let mut ws = home.client.ws(&token).await;
    fs::write(home.dir.path().join("chatd.toml"), "").expect("a file");
    home.server.cli(&["config", "reload"]).await.ok();
    home.server.rest().get("/v1/info").await.ok();
    ws.request(json!({"op": "ping"})).await.expect("open still");
}

#[tokio::test]
async fn plain_http_is_told_where_it_is() {
    let home = Home::start().await;
    let reply = home.server.rest().get("/v1/info").await;
    let document = reply.body;
    assert_eq!(reply.status, 400);
    let detail = document["detail"].as_str().expect("text");
    assert!(detail.contains("HTTPS"), "{document:#}");
    // So is who sends much.
    let body = json!({"username": "x".repeat(30_000)});
    let reply = home.server.rest().post("/v1/register", body).await;
    assert_eq!(reply.status, 400);
}

/// A first message of TLS 1.1, as it was said.
fn old_hello() -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend([7; 32]);
    // No session, one suite, no compression.
    body.extend([0, 0, 2, 0xc0, 0x14, 1, 0]);
    let mut record = vec![
        0x16,
        3,
        1,
        0,
        u8::try_from(body.len() + 4).expect("small"),
        1,
        0,
        0,
    ];
    record.push(u8::try_from(body.len()).expect("small"));
    record.extend(body);
    record
}

#[tokio::test]
async fn what_is_no_handshake_ends_and_disturbs_nobody() {
    let home = Home::with("handshake = \"1s\"\n", |builder| builder).await;
    let address = home.server.address();
    // Too old a version: a fatal alert.
    let mut old = Raw::connect(address).await;
    assert!(old.write(&old_hello()).await);
    let alert = old.rest().await;
    assert_eq!((alert[0], alert[5]), (0x15, 2), "{alert:?}");
    let mut garbage = Raw::connect(address).await;
    garbage.write(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).await;
    garbage.rest().await;
    // A hello that says it is 16 MiB long, and goes on.
    let mut huge = Raw::connect(address).await;
    let mut first = vec![0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    first.resize(5 + 0x4000, 0);
    huge.write(&first).await;
    for _ in 0..8 {
        let mut more = vec![0x16, 3, 1, 0x40, 0];
        more.resize(5 + 0x4000, 0);
        huge.write(&more).await;
    }
    huge.rest().await;
    // One that begins, and never goes on: cut off when its time is over.
    let mut slow = Raw::connect(address).await;
    slow.write(&[0x16, 3, 1]).await;
    slow.rest().await;
    home.client.register("ana").await;
}

#[tokio::test]
async fn who_dawdles_makes_room_for_who_comes() {
    // As long as it takes: only the number limits them.
    let home = Home::with("handshake = \"5m\"\n", |builder| builder).await;
    let address = home.server.address();
    let mut idle = Vec::new();
    for _ in 0..1_100 {
        let mut raw = Raw::connect(address).await;
        raw.write(&[0x16]).await;
        idle.push(raw);
    }
    // Nobody else is kept out by them, and the first had to go.
    home.client.register("ana").await;
    assert_eq!(idle[0].rest().await, b"");
}

#[tokio::test]
async fn settings_that_will_not_do_do_not_start() {
    let (certificates, _) = Certificates::new();
    let (cert, key) = (certificates.cert(), certificates.key());
    let (cert, key) = (cert.to_str().expect("text"), key.to_str().expect("text"));
    let fails = async |settings: &[(&str, &str)], words: &str| {
        let builder = settings
            .iter()
            .fold(Server::builder(), |b, (key, value)| b.set(key, value));
        let mut server = builder.prepare();
        server.spawn();
        let (status, stdout, log) = server.failed().await;
        assert_eq!((status.code(), stdout.as_str()), (Some(78), ""), "{log}");
        assert!(log.contains(words), "{words}: {log}");
    };
    fails(&[("tls.cert_file", cert)], "tls.key_file is not").await;
    fails(&[("tls.key_file", key)], "tls.cert_file is not").await;
    let missing = [("tls.cert_file", "/nowhere.pem"), ("tls.key_file", key)];
    fails(&missing, "tls.cert_file /nowhere.pem: cannot be read").await;
    let swapped = [("tls.cert_file", key), ("tls.key_file", cert)];
    fails(&swapped, "there is no certificate in it").await;
}

#[tokio::test]
async fn a_certificate_that_runs_out_is_told() {
    let (certificates, _) = Certificates::new();
    certificates.renew_until(2020, 1, 1);
    let (cert, key) = (certificates.cert(), certificates.key());
    let server = Server::builder()
        .set("tls.cert_file", cert.to_str().expect("text"))
        .set("tls.key_file", key.to_str().expect("text"))
        .start()
        .await;
    let shown = server.cli(&["status"]).await;
    assert!(shown.ok().contains("EXPIRED"), "{shown}");
    let doctor = server.cli(&["doctor", "--json"]).await;
    let report: Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|it| it["check"] == "certificate");
    assert_eq!(found.expect("told")["verdict"], "problem", "{report:#}");
    // Where its certificate says that it is, it has to be told.
    let bench = server.cli(&["bench", "idle", "--connections", "4"]).await;
    assert!(bench.failed(2).contains("https://"), "{bench}");
}
