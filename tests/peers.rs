//! Who may use the admin socket, and how much of it, as the kernel tells; and that it answers when nothing else does.

use std::{fs, os::unix::fs::MetadataExt as _};

use serde_json::Value;
use tokio::net::UnixStream;

use crate::support::{Builder, Kind, Server, Somebody, Supervisor, chatd, may_be_others, within};

const GROUP: u32 = 4242;

/// In no list and in no group.
const STRANGER: Somebody = somebody(4009, 4009, &[]);
/// May view, by its main group.
const VIEWER: Somebody = somebody(4001, GROUP, &[]);
/// May operate, by its uid; reaches the socket by a group of its process.
const OPERATOR: Somebody = somebody(4002, 4002, &[GROUP]);
/// May do everything, by its uid.
const OWNER: Somebody = somebody(4003, GROUP, &[]);

const fn somebody(uid: u32, gid: u32, groups: &'static [u32]) -> Somebody {
    Somebody { uid, gid, groups }
}

fn builder() -> Builder {
    Server::builder()
        .set("admin.group", "4242")
        .set("admin.view", "[\"gid:4242\"]")
        .set("admin.operate", "[\"uid:4002\"]")
        .set("admin.own", "[\"uid:4003\"]")
}

/// Whether this test can be run; says so when it cannot.
fn skipped() -> bool {
    if !may_be_others() {
        eprintln!("not run: only root can be somebody else");
    }
    !may_be_others()
}

#[tokio::test]
async fn the_kernel_keeps_strangers_from_the_socket() {
    if skipped() {
        return;
    }
    let server = builder().start().await;
    let socket = fs::metadata(server.data_dir().join("../admin.sock")).expect("a socket");
    assert_eq!((socket.mode() & 0o777, socket.gid()), (0o660, GROUP));
    let refused = server.cli_as(STRANGER, &["status"]).await;
    let why = refused.failed(5);
    assert!(why.contains("admin.group"), "{why}");
}

#[tokio::test]
async fn who_may_view_sees_and_changes_nothing() {
    if skipped() {
        return;
    }
    let server = builder().start().await;
    server.user("ana").await;
    for page in [
        &["status"][..],
        &["user", "list"],
        &["room", "list"],
        &["archive", "list"],
        &["registration"],
    ] {
        server.cli_as(VIEWER, page).await.ok();
    }
    for (act, level) in [
        (&["registration", "closed"][..], "operate"),
        (&["user", "disable", "ana"], "operate"),
        (&["audit", "list"], "operate"),
        (&["user", "role", "ana", "admin"], "own"),
        (&["role", "delete", "helper"], "own"),
    ] {
        let refused = server.cli_as(VIEWER, act).await;
        let why = refused.failed(5);
        assert!(why.contains("uid 4001, gid 4242 has `view`"), "{why}");
        assert!(why.contains(&format!("admin.{level}")), "{act:?}: {why}");
    }
    assert_eq!(
        server.admin().get("/v1/registration").await["mode"],
        Value::Null
    );
}

#[tokio::test]
async fn who_may_operate_keeps_order_and_gives_no_rights() {
    if skipped() {
        return;
    }
    let server = builder().start().await;
    let ana = server.user("ana").await;
    ana.room("general", Kind::Public).await;
    server
        .cli_as(OPERATOR, &["user", "disable", "ana"])
        .await
        .ok();
    server
        .cli_as(OPERATOR, &["registration", "closed"])
        .await
        .ok();
    for act in [
        &["user", "add", "zoe", "--role", "admin"][..],
        &["user", "role", "ana", "admin"],
        &["user", "reset", "ana"],
        &["invite", "create", "--role", "admin"],
        &["room", "edit", "general", "--history", "all"],
    ] {
        let refused = server.cli_as(OPERATOR, act).await;
        let why = refused.failed(5);
        assert!(
            why.contains("has `operate`") && why.contains("admin.own"),
            "{act:?}: {why}"
        );
    }
    let acts = server.cli(&["audit", "list", "--json"]).await.json();
    let by = |it: &Value| it["actor"]["uid"] == 4002 && it["act"] == "user.status";
    let acts = acts["items"].as_array().expect("a list");
    assert!(acts.iter().any(by), "{acts:#?}");
}

#[tokio::test]
async fn who_owns_may_do_everything() {
    if skipped() {
        return;
    }
    let server = builder().start().await;
    let added = server
        .cli_as(OWNER, &["user", "add", "zoe", "--role", "admin"])
        .await;
    added.ok();
    server.cli(&["user", "show", "zoe"]).await.ok();
}

#[tokio::test]
async fn a_group_that_reaches_the_socket_gives_no_level_by_itself() {
    if skipped() {
        return;
    }
    let server = Server::builder().set("admin.group", "4242").start().await;
    let refused = server.cli_as(VIEWER, &["status"]).await;
    let why = refused.failed(5);
    assert!(why.contains("uid 4001, gid 4242 has nothing"), "{why}");
    assert!(why.contains("admin.view"), "{why}");
}

#[tokio::test]
async fn a_name_that_nobody_has_stops_the_start() {
    for (key, value) in [
        ("admin.view", "[\"group:no-such-group\"]"),
        ("admin.group", "no-such-group"),
    ] {
        let mut server = Server::builder().set(key, value).prepare();
        server.spawn();
        let (status, _, log) = server.failed().await;
        assert_eq!(status.code(), Some(78), "{log}");
        assert!(log.contains(key) && log.contains("no-such-group"), "{log}");
    }
}

#[tokio::test]
async fn it_answers_while_every_thread_of_the_chat_is_held_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let supervisor = Supervisor::in_dir(dir.path());
    let file = dir.path().join("stuck");
    let server = Server::builder()
        .env("NOTIFY_SOCKET", supervisor.path())
        .env("WATCHDOG_USEC", "400000")
        .env("TEST_STALL_CHATD", &format!("threads:{}", file.display()))
        .start()
        .await;
    let ana = server.user("ana").await;
    fs::write(&file, "").expect("a file");
    // Whichever was asked last: an earlier one may have got through.
    let log = server.process();
    log.logged("a part of the server does not answer").await;
    let status = server.cli(&["status", "--json"]).await.json();
    assert_eq!(
        (&status["running"], &status["store"]["users"]),
        (&true.into(), &1.into())
    );
    let rest = ana.get("/v1/me");
    let mut rest = std::pin::pin!(rest);
    let status = server.cli(&["status", "--json"]);
    tokio::select! {
        biased;
        _ = &mut rest => panic!("the chat answers: nothing was held up"),
        status = status => drop(status.json()),
    }
    fs::remove_file(&file).expect("there");
    within("the chat to go on", rest).await;
}

#[tokio::test]
async fn owners_have_places_that_nobody_else_can_take() {
    if skipped() {
        return;
    }
    let server = builder().start().await;
    // Root owns: more connections than there are places.
    let path = server.data_dir().join("../admin.sock");
    let mut held = Vec::new();
    for _ in 0..200 {
        held.push(
            UnixStream::connect(&path)
                .await
                .expect("the kernel's queue"),
        );
    }
    let viewed = server.cli_as(VIEWER, &["status"]).await;
    viewed.ok();
    // Nor keeps one process of theirs the next one out.
    server.cli(&["status"]).await.ok();
}

#[tokio::test]
async fn a_socket_that_is_named_is_asked_by_who_has_no_data_here() {
    let server = Server::start().await;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let mut asked = chatd(elsewhere.path());
    asked.env(
        "CHATD_ADMIN_SOCKET",
        server.data_dir().join("../admin.sock"),
    );
    let asked = asked.args(["status", "--json"]).output().expect("it runs");
    let status: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    assert_eq!(status["running"], true);
}
