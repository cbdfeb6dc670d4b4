//! Reloading: what can change while the server runs does, at once and as a whole; what is wrong changes nothing;
//! nobody's connection notices.

use std::{fs, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use futures_util::future::join_all;
use hyper::Request;
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, mknodat},
    process::Signal,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Builder, Kind, Raw, Server, Terminal, chatd, on_both, run, within};

on_both!(
    what_can_change_does_and_the_rest_is_named,
    a_mistake_keeps_all_of_the_old,
    no_connection_notices,
);

/// A server with a file of settings that changes.
struct Settings {
    file: PathBuf,
    dir: TempDir,
}

impl Settings {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = Self {
            file: dir.path().join("chatd.toml"),
            dir,
        };
        settings.write(text);
        settings
    }

    fn write(&self, text: &str) {
        fs::write(&self.file, text).expect("a file");
    }

    fn builder(&self) -> Builder {
        Server::builder().args(&["--config", self.file.to_str().expect("text")])
    }

    async fn start(&self) -> Server {
        self.builder().start().await
    }
}

/// `chatd config reload --json`, and of each setting that differs the key, what it is now, and what it takes.
async fn reload(server: &Server, args: &[&str]) -> Vec<(String, String, String)> {
    let args = [&["config", "reload", "--json"], args].concat();
    changed(&server.cli(&args).await.json())
}

fn changed(reloaded: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let items = reloaded["changed"].as_array().expect("a list").iter();
    items
        .map(|it| (text(&it["key"]), text(&it["after"]), text(&it["changes"])))
        .collect()
}

fn change(key: &str, after: &str, changes: &str) -> (String, String, String) {
    (key.into(), after.into(), changes.into())
}

async fn message_bytes(server: &Server) -> Value {
    server.rest().get("/v1/info").await.ok()["limits"]["message_bytes"].clone()
}

async fn what_can_change_does_and_the_rest_is_named() {
    let settings = Settings::new("[limits]\nmessage = \"1 KiB\"\n[store]\nreaders = 4\n");
    let server = settings.start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let mut ws = ana.listen(&room).await;
    let long = "x".repeat(1500);
    let say = json!({"op": "send", "room": room.id, "body": long});
    let refused = ws.request(say.clone()).await.expect_err("too long");
    assert_eq!(refused.code, "too_large");

    settings.write("[limits]\nmessage = \"2 KiB\"\n[store]\nreaders = 8\n");
    let wanted = [
        change("store.readers", "8", "restart"),
        change("limits.message", "\"2 KiB\"", "live"),
    ];
    assert_eq!(reload(&server, &["--dry-run"]).await, wanted);
    assert_eq!(message_bytes(&server).await, 1024, "only tried");
    let told = server
        .cli(&["config", "reload", "--reason", "more room"])
        .await;
    let told = told.ok();
    assert!(
        told.contains("limits.message: \"1 KiB\" -> \"2 KiB\""),
        "{told}"
    );
    assert!(
        told.contains("restarted:\n  store.readers: 4 -> 8"),
        "{told}"
    );
    assert_eq!(message_bytes(&server).await, 2048);
    // On the connection that was there before.
    ws.request(say).await.expect("not too long any more");
    let status = server.cli(&["status", "--json"]).await.json();
    assert_eq!(status["restart_for"], json!(["store.readers"]));

    // Once more changes nothing, and says again what waits.
    assert_eq!(reload(&server, &[]).await, wanted[..1]);
    let acts = server.admin().get("/v1/audit?act=config.reload").await;
    let acts = acts["items"].as_array().expect("items");
    assert_eq!(acts.len(), 1, "only what changed something: {acts:#?}");
    let detail = &acts[0]["detail"];
    assert_eq!(
        detail["changed"],
        json!({"limits.message": {"before": "\"1 KiB\"", "after": "\"2 KiB\""}})
    );
    assert_eq!(detail["reason"], "more room");
    assert_eq!(detail["restart"]["store.readers"]["after"], "8");

    // Back to where it was: as if nothing had been.
    settings.write("[limits]\nmessage = \"1 KiB\"\n[store]\nreaders = 4\n");
    let back = [change("limits.message", "\"1 KiB\"", "live")];
    assert_eq!(reload(&server, &[]).await, back);
    assert_eq!(reload(&server, &[]).await, []);
    assert_eq!(message_bytes(&server).await, 1024);
    let status = server.cli(&["status", "--json"]).await.json();
    assert_eq!(status["restart_for"], json!([]));
}

async fn a_mistake_keeps_all_of_the_old() {
    let settings = Settings::new("[limits]\nmessage = \"1 KiB\"\n");
    let server = settings.start().await;
    // Right in front of each mistake stands something that would be a change.
    let good = "[limits]\nmessage = \"2 KiB\"\n";
    for (wrong, words) in [
        ("enabeld = true\n", "did you mean `limits.enabled`?"),
        (
            "room_members = \"many\"\n",
            "limits.room_members: \"many\" is not a whole number",
        ),
        ("room_members = 0\n", "out of bounds"),
        ("room_members = \n", "not TOML"),
        ("[ws]\nframe = \"1 KiB\"\n", "do not hold a message"),
        ("[log]\nlevel = \"inof\"\n", "did you mean info?"),
        (
            "[archive]\nschedule = \"daily\"\n",
            "archive.schedule: \"daily\"",
        ),
        (
            "[admin]\nview = [\"user:no-such-user-x\"]\n",
            "there is no user",
        ),
        (
            "[http]\nallowed_origins = [\"nowhere\"]\n",
            "is not an origin",
        ),
    ] {
        settings.write(&format!("{good}{wrong}"));
        let reply = server
            .admin()
            .request("POST", "/v1/config/reload", json!({}))
            .await;
        assert_eq!(
            (reply.status, &reply.body["field"]),
            (400, &json!("config"))
        );
        let detail = reply.body["detail"].as_str().expect("text");
        assert!(detail.contains(words), "{wrong}: {detail}");
        let told = server.cli_as_told(&["config", "reload"]).await;
        assert!(told.failed(78).contains(words), "{wrong}: {told}");
        let kept = "the old ones stay, all of them";
        let before = server.process().log().matches(kept).count();
        server.process().signal(Signal::HUP);
        server.process().logged_times(kept, before + 1).await;
        assert_eq!(message_bytes(&server).await, 1024, "{wrong}");
    }
    fs::remove_file(&settings.file).expect("there");
    server.process().signal(Signal::HUP);
    server.process().logged("cannot be read").await;
    assert_eq!(message_bytes(&server).await, 1024);
    settings.write(good);
    server.process().signal(Signal::HUP);
    server.process().logged("the settings were reloaded").await;
    assert_eq!(message_bytes(&server).await, 2048);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_keeps_all_of_the_old() {
    let settings = Settings::new("[limits]\nmessage = \"1 KiB\"\n");
    let server = settings.start().await;
    let file = settings.dir.path().join("store-url");
    settings.write(&format!(
        "[limits]\nmessage = \"2 KiB\"\n[store]\nurl_file = \"{}\"\n",
        file.display()
    ));
    let told = server.cli(&["config", "reload"]).await;
    let told = told.failed(78);
    assert!(told.contains("cannot read store.url_file"), "{told}");
    assert_eq!(message_bytes(&server).await, 1024);
    // It is there: that it is another waits for a restart.
    fs::write(&file, "sqlite:elsewhere.db\n").expect("a file");
    let found = reload(&server, &[]).await;
    assert_eq!(found[0].2, "restart", "{found:?}");
    assert_eq!(found[1], change("limits.message", "\"2 KiB\"", "live"));
}

#[tokio::test]
async fn another_store_in_the_same_file_is_named() {
    let settings = Settings::new("");
    let url = settings.dir.path().join("store-url");
    let at = |name: &str| format!("sqlite:{}", settings.dir.path().join(name).display());
    fs::write(&url, at("one.db")).expect("a file");
    let text = format!("[store]\nurl_file = \"{}\"\n", url.display());
    settings.write(&text);
    let server = settings.start().await;
    assert_eq!(reload(&server, &[]).await, []);
    fs::write(&url, at("two.db")).expect("a file");
    let two = settings.dir.path().join("two.db").display().to_string();
    let wanted = [change("store.url_file", &two, "restart")];
    assert_eq!(reload(&server, &[]).await, wanted);
    let status = server.cli(&["status", "--json"]).await.json();
    assert_eq!(status["restart_for"], json!(["store.url_file"]));
    fs::write(&url, at("one.db")).expect("a file");
    assert_eq!(reload(&server, &[]).await, []);
}

async fn no_connection_notices() {
    let settings = Settings::new("");
    let server = settings.start().await;
    let people = server.users("p", 8).await;
    let room = people[0].room("general", Kind::Public).await;
    for person in &people[1..] {
        person.join(&room).await;
    }
    let mut ears = Vec::new();
    for _ in 0..12 {
        ears.extend(join_all(people.iter().map(|p| p.listen(&room))).await);
    }
    let each = 60;
    let talks = people.iter().map(|person| {
        let (person, room) = (person.clone(), room.clone());
        tokio::spawn(async move {
            let mut ws = person.connect().await;
            for i in 0..each {
                let say = json!({"op": "send", "room": room.id, "body": format!("{i}")});
                ws.request(say).await.expect("taken");
            }
            ws
        })
    });
    let talks: Vec<_> = talks.collect();
    for i in 0..20 {
        let size = 2 + i % 3;
        settings.write(&format!(
            "[limits]\nmessage = \"{size} KiB\"\nsend_rate = {}\n[ws]\nping = \"{}s\"\n\
             [log]\nlevel = \"{}\"\n[http]\ntrusted_proxies = [\"10.{i}.0.0/16\"]\n",
            100 + i,
            30 + i,
            ["info", "warn"][i % 2],
        ));
        if i % 2 == 0 {
            server.cli(&["config", "reload"]).await.ok();
        } else {
            server.process().signal(Signal::HUP);
        }
    }
    for talk in talks {
        talk.await.expect("it went well");
    }
    let all = people.len() * each;
    let hearing = ears.iter_mut().map(async |ws| {
        let mut heard = Vec::new();
        while heard.len() < all {
            heard.push(ws.next_of("message").await);
        }
        let seqs: Vec<_> = heard.iter().map(|it| it["seq"].as_u64()).collect();
        let sorted = seqs.is_sorted_by(|a, b| a < b);
        assert!(sorted, "out of order, or twice: {seqs:?}");
        // It is there still.
        ws.request(json!({"op": "ping"})).await.expect("open");
    });
    within("everybody to hear everything", join_all(hearing)).await;
}

#[tokio::test]
async fn of_many_at_once_one_finds_the_change() {
    let settings = Settings::new("[limits]\nmessage = \"1 KiB\"\n");
    let server = settings.start().await;
    settings.write("[limits]\nmessage = \"2 KiB\"\n");
    let admin = server.admin();
    let asked = (0..8).map(|_| admin.post("/v1/config/reload", json!({})));
    let answers = join_all(asked).await;
    let found: Vec<_> = answers.iter().flat_map(changed).collect();
    assert_eq!(found, [change("limits.message", "\"2 KiB\"", "live")]);
    assert_eq!(message_bytes(&server).await, 2048);
}

#[tokio::test]
async fn what_was_decided_with_a_command_goes_before() {
    let settings = Settings::new("[auth]\nregistration = \"open\"\n");
    let server = settings.start().await;
    let registration = async || {
        let info = server.rest().get("/v1/info").await.ok();
        info["registration"].as_str().expect("text").to_owned()
    };
    let level = async || server.cli(&["log-level", "show", "--json"]).await.json();
    // As the settings say, where nothing was decided.
    settings.write("[auth]\nregistration = \"invite\"\n[log]\nlevel = \"warn\"\n");
    reload(&server, &[]).await;
    assert_eq!(registration().await, "invite");
    assert_eq!(level().await["level"], "warn");

    server.cli(&["registration", "closed"]).await.ok();
    server.cli(&["log-level", "set", "debug"]).await.ok();
    let cron = ["archive", "schedule", "set", "15 4 * * *"];
    server.cli(&cron).await.ok();
    settings.write(
        "[auth]\nregistration = \"open\"\n[log]\nlevel = \"error\"\n[archive]\nschedule = \"0 1 * * *\"\n\
         older_than = \"90d\"\n",
    );
    let told = server.cli(&["config", "reload"]).await;
    let told = told.ok();
    for command in ["registration", "log-level", "archive schedule"] {
        let words = format!("decided with `chatd {command}` goes before");
        assert!(told.contains(&words), "{told}");
    }
    assert!(!told.contains("chatd archive policy"), "{told}");
    assert_eq!(registration().await, "closed");
    let shown = level().await;
    assert_eq!(
        (&shown["level"], &shown["configured"]),
        (&json!("debug"), &json!("error"))
    );
    let standing = async || {
        let shown = server.cli(&["archive", "schedule", "show", "--json"]).await;
        shown.json()
    };
    assert_eq!(standing().await["schedule"], "15 4 * * *");
    assert_eq!(standing().await["older_than"], "90d");

    // Given back, it is as the settings say by now.
    server.cli(&["registration", "auto"]).await.ok();
    server.cli(&["log-level", "reset"]).await.ok();
    server
        .cli(&["archive", "schedule", "set", "default"])
        .await
        .ok();
    assert_eq!(registration().await, "open");
    assert_eq!(level().await["level"], "error");
    assert_eq!(standing().await["schedule"], "0 1 * * *");
}

#[tokio::test]
async fn limits_hold_for_who_is_there_already() {
    let settings = Settings::new("");
    let server = settings
        .builder()
        .set("limits.enabled", "true")
        .start()
        .await;
    let ana = server.user("ana").await;
    let mut ws = ana.connect().await;
    for _ in 0..20 {
        ws.request(json!({"op": "ping"})).await.expect("few enough");
    }
    settings.write("[limits]\nframe_rate = 1\nframe_burst = 1\n[server]\nmax_connections = 2\n");
    reload(&server, &[]).await;
    let mut refused = None;
    for _ in 0..5 {
        if let Err(e) = ws.request(json!({"op": "ping"})).await {
            refused = Some(e.code);
        }
    }
    assert_eq!(refused.as_deref(), Some("rate_limited"));
    // One more than two is closed at once.
    let mut second = Raw::connect(server.address()).await;
    let get = b"GET /livez HTTP/1.1\r\nHost: chatd\r\n\r\n";
    assert!(second.write(get).await);
    assert!(second.answer().await.starts_with("HTTP/1.1 200"));
    let mut third = Raw::connect(server.address()).await;
    third.write(get).await;
    assert_eq!(third.rest().await, b"");
    settings.write("");
    reload(&server, &[]).await;
    let mut third = Raw::connect(server.address()).await;
    assert!(third.write(get).await);
    assert!(third.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn pages_and_bodies_go_by_the_new_settings() {
    let settings = Settings::new("");
    let server = settings.start().await;
    let ana = server.user("ana").await;
    let from_page = async || {
        let request = Request::get("/v1/info").header("origin", "https://app.example.org");
        let request = request.body(String::new()).expect("a request");
        server.rest().send(request).await.expect("an answer").status
    };
    assert_eq!(from_page().await, 403);
    let big = json!({"name": "general", "kind": "public", "topic": "x".repeat(50_000)});
    assert_eq!(ana.post("/v1/rooms", big.clone()).await.status, 400);
    settings.write(
        "[http]\nallowed_origins = [\"https://app.example.org\"]\nbody = \"20 KiB\"\n[limits]\n\
         message = \"16 KiB\"\n",
    );
    reload(&server, &[]).await;
    assert_eq!(from_page().await, 200);
    assert_eq!(ana.post("/v1/rooms", big).await.status, 413);
}

#[tokio::test]
async fn without_a_server_there_is_nothing_to_tell() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = run(dir.path(), &["config", "reload"], "").await;
    assert!(told.failed(6).contains("not running"), "{told}");
}

#[tokio::test]
async fn a_terminal_that_is_gone_still_stops_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = chatd(dir.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"]);
    let (mut terminal, _) = Terminal::open(command, 100, 30);
    terminal.shows("Ctrl-C").await;
    // Sent by somebody, it reloads.
    terminal.signal(Signal::HUP);
    terminal.shows("the settings were reloaded").await;
    terminal.close();
    terminal.signal(Signal::HUP);
    assert!(terminal.ended().await.success());
}

#[tokio::test]
async fn a_read_that_never_ends_holds_up_no_stop() {
    let settings = Settings::new("");
    let mut server = settings.start().await;
    fs::remove_file(&settings.file).expect("there");
    mknodat(
        CWD,
        &settings.file,
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .expect("a pipe");
    server.process().signal(Signal::HUP);
    // It can be opened once somebody reads it, who waits for what never comes.
    let _held = within("a reader", async {
        loop {
            let mut held = fs::OpenOptions::new();
            let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).expect("small");
            match held
                .write(true)
                .custom_flags(nonblocking)
                .open(&settings.file)
            {
                Ok(held) => break held,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    server.stop().await;
}
