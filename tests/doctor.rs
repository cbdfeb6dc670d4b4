//! `chatd doctor`: it finds what is wrong around a server, with and without one, and says what mends it.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;

use crate::support::{Output, Server, mongodb_uri, on_mongodb, run};

/// What a check found, of `--json`.
#[track_caller]
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|it| it["check"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

/// It ended with 10: the report.
#[track_caller]
fn problems(output: &Output) -> Value {
    assert!(output.failed(10).contains("problem"), "{output}");
    serde_json::from_str(&output.stdout).expect("a report")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

#[tokio::test]
async fn a_running_server_is_asked() {
    let server = Server::start().await;
    server.user("ana").await;
    let report = server.cli(&["doctor", "--json"]).await.json();
    assert_eq!(report["ok"], true, "{report:#}");
    let pid = check(&report, "server")["what"].as_str().expect("words");
    assert!(pid.starts_with("runs as process"), "{pid}");
    assert_eq!(check(&report, "version")["verdict"], "ok");
    assert_eq!(check(&report, "store")["verdict"], "ok");
    assert_eq!(check(&report, "socket")["verdict"], "ok");
    assert_eq!(check(&report, "clock")["verdict"], "ok", "{report:#}");
    let words = server.cli(&["doctor"]).await;
    let words = words.ok();
    assert!(words.contains("ok       server"), "{words}");
    assert!(words.trim_end().ends_with('.'), "{words}");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_what_mends_it() {
    let server = Server::start().await;
    let data = server.data_dir();
    set_mode(&data, 0o777);
    let report = problems(&server.cli(&["doctor", "--json"]).await);
    let found = check(&report, "data");
    assert_eq!(found["verdict"], "problem", "{report:#}");
    let mend = found["mend"].as_str().expect("a command");
    assert_eq!(mend, format!("chmod o-w {}", data.display()));
    set_mode(&data, 0o700);

    let keys = data.join("keys");
    set_mode(&keys, 0o755);
    let report = problems(&server.cli(&["doctor", "--json"]).await);
    assert_eq!(check(&report, "keys")["verdict"], "problem");
    set_mode(&keys, 0o700);

    let socket = data.parent().expect("a parent").join("admin.sock");
    set_mode(&socket, 0o666);
    let report = problems(&server.cli(&["doctor", "--json"]).await);
    assert_eq!(check(&report, "socket")["verdict"], "problem");
    set_mode(&socket, 0o660);

    let open = [
        "doctor",
        "--json",
        "--set",
        "http.trusted_proxies=[\"0.0.0.0/0\"]",
    ];
    let report = problems(&server.cli(&open).await);
    assert_eq!(check(&report, "proxies")["verdict"], "problem");
    server.cli(&["doctor"]).await.ok();
}

#[tokio::test]
async fn without_a_server_it_looks_and_makes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = format!("server.listen={}", taken.local_addr().expect("an address"));
    let args = ["doctor", "--json", "--data-dir", "data", "--set", &listen];
    let report = problems(&run(dir.path(), &args, "").await);
    let port = check(&report, "port");
    assert_eq!(port["verdict"], "problem", "{report:#}");
    assert!(
        port["mend"]
            .as_str()
            .is_some_and(|it| it.contains("ss -ltnp"))
    );
    drop(taken);
    let report = run(dir.path(), &args, "").await.json();
    assert_eq!(check(&report, "port")["verdict"], "ok");
    assert!(!dir.path().join("data").exists(), "it made something");
}

#[tokio::test]
async fn a_store_is_opened_when_nobody_serves_it() {
    let mut server = Server::start().await;
    server.user("ana").await;
    server.stop().await;
    let whole = server.cli(&["doctor", "--json"]).await;
    // Whether the port of the settings is free on this machine is not this test's concern.
    let report: Value = serde_json::from_str(&whole.stdout).expect("a report");
    let store = check(&report, "store");
    assert_eq!(store["verdict"], "ok", "{report:#}");
    let what = store["what"].as_str().expect("words");
    assert!(
        what.starts_with("it opens") && what.contains("1 user"),
        "{what}"
    );
    server.boot().await;
}

#[tokio::test]
async fn settings_that_do_not_read_are_a_problem_each() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("chatd.toml");
    fs::write(&file, "[server]\nlitsen = \"x\"\n[log]\nlevle = \"x\"\n").expect("a file");
    let args = ["doctor", "--json", "--config", "chatd.toml"];
    let report = problems(&run(dir.path(), &args, "").await);
    assert_eq!(report["problems"], 2, "{report:#}");
    let told = report.to_string();
    for place in [
        "chatd.toml:2: unknown key `server.litsen`",
        "chatd.toml:4: unknown key `log.levle`",
    ] {
        assert!(told.contains(place), "{report:#}");
    }
}

#[tokio::test]
async fn who_has_a_level_and_cannot_get_to_the_socket_is_told() {
    let server = Server::builder()
        .set("admin.view", "[\"gid:3999999998\"]")
        .set("admin.operate", "[\"uid:0\"]")
        .start()
        .await;
    server
        .process()
        .logged("admin.view names gid:3999999998")
        .await;
    set_mode(server.data_dir().parent().expect("a parent"), 0o700);
    let report = server.cli_set(&["doctor", "--json"]).await.json();
    let levels = check(&report, "levels")["what"].as_str().expect("words");
    assert!(levels.starts_with("own: root"), "{levels}");
    assert!(
        levels.ends_with("operate: uid:0; view: gid:3999999998"),
        "{levels}"
    );
    let checks = report["checks"].as_array().expect("checks");
    let stopped = checks
        .iter()
        .find(|it| it["check"] == "socket" && it["verdict"] == "warning");
    let stopped = stopped.unwrap_or_else(|| panic!("{report:#}"));
    let (what, mend) = (&stopped["what"], &stopped["mend"]);
    assert!(what.as_str().is_some_and(|it| it.contains("cannot enter")));
    assert!(mend.as_str().is_some_and(|it| it.contains("chmod g+x")));
}

#[tokio::test]
async fn a_group_that_is_not_there_is_a_problem() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = [
        "doctor",
        "--json",
        "--set",
        "admin.operate=[\"group:no-such-x\"]",
    ];
    let report = problems(&run(dir.path(), &args, "").await);
    let told = report.to_string();
    assert!(
        told.contains("sudo groupadd --system no-such-x"),
        "{report:#}"
    );
}

#[tokio::test]
async fn the_members_of_a_mongodb_are_told_or_why_not() {
    if mongodb_uri().is_none() {
        return;
    }
    on_mongodb(async {
        let server = Server::start().await;
        let whole = server.cli_set(&["doctor", "--json"]).await;
        let report: Value = serde_json::from_str(&whole.stdout).expect("a report");
        let members = check(&report, "members");
        assert_eq!(members["verdict"], "ok", "{report:#}");
        let what = members["what"].as_str().expect("words");
        assert!(what.contains("is primary"), "{what}");
    })
    .await;
    // Nobody there.
    let dir = tempfile::tempdir().expect("a directory");
    let url = "store.url=mongodb://ana:s3cret@127.0.0.1:1/chat";
    let args = ["doctor", "--json", "--set", url];
    let report = problems(&run(dir.path(), &args, "").await);
    let members = check(&report, "members");
    assert_eq!(members["verdict"], "problem", "{report:#}");
    assert!(!report.to_string().contains("s3cret"), "{report:#}");
}
