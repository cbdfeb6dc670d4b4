//! `chatd bench` measures what it says, finds what a server must not do, and leaves no mess.

use std::net::UdpSocket;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    Meddler, Meddling, Output, PASSWORD, Process, Server, User, chatd, on_both, within,
};

const CONFLICT: i32 = 4;
const PERMISSION: i32 = 5;
const UNREACHABLE: i32 = 6;
const UNCONFIRMED: i32 = 8;
const PROBLEMS: i32 = 10;

on_both!(
    every_scenario_measures_and_clears_up,
    an_interrupt_clears_up,
    a_dry_run_makes_nothing,
);

/// `chatd bench ARGS --json`.
async fn bench(server: &Server, args: &str) -> Value {
    let report = run(server, args).await.json();
    assert_eq!(report["ok"], true, "{report:#}");
    let left = &report["left"]["words"];
    assert!(!left.to_string().contains("could not"), "{report:#}");
    report
}

async fn run(server: &Server, args: &str) -> Output {
    let args = format!("bench {args} --json --quiet");
    let args: Vec<&str> = args.split_whitespace().collect();
    server.cli(&args).await
}

/// What was counted is there, and its quantiles are in order.
#[track_caller]
fn assert_latency(latency: &Value, least: u64) {
    let of = |name: &str| latency[name].as_u64().expect("a number");
    assert!(of("count") >= least, "{latency:#}");
    let order = [of("p50_us"), of("p99_us"), of("p999_us"), of("max_us")];
    assert!(order[0] > 0 && order.is_sorted(), "{latency:#}");
}

/// Nobody talks any more, and nothing of a run can be used.
async fn assert_cleared(server: &Server, accounts: usize) {
    let rooms = server.cli(&["room", "list", "--json"]).await.json();
    assert_eq!(rooms["items"], Value::Array(Vec::new()), "{rooms:#}");
    let users = server.cli(&["user", "list", "--json"]).await.json();
    let users = users["items"].as_array().expect("a list");
    let bots = users.iter().filter(|user| user["bot"] == true);
    let bots: Vec<_> = bots.collect();
    assert_eq!(bots.len(), accounts);
    assert!(
        bots.iter().all(|bot| bot["status"] == "disabled"),
        "{bots:#?}"
    );
    let tokens = server.cli(&["token", "list", "bench-0", "--json"]).await;
    assert_eq!(tokens.json()["items"], Value::Array(Vec::new()));
}

async fn every_scenario_measures_and_clears_up() {
    let server = Server::start().await;
    let short = "--duration 500ms --warm-up 100ms";

    let chat = bench(
        &server,
        &format!("chat --rooms 2 --members 3 --in-flight 2 {short}"),
    )
    .await;
    let talk = &chat["talk"];
    let count = |name: &str| talk[name].as_u64().expect("a number");
    assert!(count("messages") > 0 && count("deliveries") >= count("messages"));
    assert_latency(&talk["acknowledged"], 1);
    assert_latency(&talk["delivered"], 1);
    assert!(
        chat["server"]["memory_bytes"].as_u64() > Some(0),
        "{chat:#}"
    );
    assert_eq!(chat["left"]["rooms_deleted"], 2);
    assert!(
        chat["words"][0]
            .as_str()
            .is_some_and(|words| words.contains("At its most"))
    );
    assert_cleared(&server, 6).await;

    // The same accounts again.
    let open = bench(
        &server,
        &format!("chat --rooms 3 --members 2 --rate 40 --size 300 {short}"),
    )
    .await;
    assert_eq!(open["talk"]["kept_up"], true);
    assert_latency(&open["talk"]["delivered"], 10);

    let idle = bench(
        &server,
        "idle --connections 8 --members 4 --subscriptions 3 --traffic 5 --rest 100ms",
    )
    .await;
    assert_eq!(idle["idle"]["steps"][2]["connections"], 8);
    assert!(idle["idle"]["bytes_per_connection"].is_number());
    assert!(idle["idle"]["bytes_per_subscription"].is_number());
    assert_latency(&idle["idle"]["arrived"], 8);
    assert_eq!(idle["left"]["rooms_deleted"], 4);

    let storm = bench(&server, "storm --rooms 2 --members 4 --missed 7 --rounds 2").await;
    // Three of four in both rooms, twice; each missed all that was said.
    assert_eq!(storm["returned"]["connections"], 12);
    assert_eq!(storm["returned"]["replayed"], 12 * 7);
    assert_latency(&storm["returned"]["resumed"], 12);
    // Whatever restarts the server, everybody comes back; who said it all misses nothing.
    let args = "storm --rooms 2 --members 4 --missed 7 --rounds 2 --restart true";
    let storm = bench(&server, args).await;
    assert_eq!(storm["returned"]["connections"], 16);
    assert_eq!(storm["returned"]["replayed"], 12 * 7);
    let args = [
        "bench",
        "storm",
        "--rooms",
        "2",
        "--members",
        "4",
        "--restart",
        "echo no >&2; exit 3",
    ];
    let failed = server.cli(&args).await;
    let told = failed.failed(1);
    assert!(told.contains("exit status: 3: no"), "{told}");

    let churn = bench(
        &server,
        &format!("churn --rooms 2 --members 3 --returns 20 --rate 50 {short}"),
    )
    .await;
    assert_latency(&churn["returned"]["resumed"], 5);
    assert_latency(&churn["talk"]["delivered"], 10);
    assert_cleared(&server, 8).await;
}

async fn an_interrupt_clears_up() {
    let server = Server::start().await;
    let admin = server.admin();
    let dir = server.data_dir();
    let mut command = chatd(dir.parent().expect("a directory"));
    command
        .args([
            "bench",
            "chat",
            "--rooms",
            "2",
            "--members",
            "2",
            "--duration",
            "10m",
        ])
        .arg("--data-dir")
        .arg(&dir);
    if let Some(url) = server.store_url() {
        command.args(["--set", &format!("store.url={url}")]);
    }
    let process = Process::spawn(&mut command);
    let talking = async {
        loop {
            let status = admin.get("/v1/status").await;
            if status["counts"]["deliveries"].as_u64() > Some(10) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    within("a run that talks", talking).await;
    process.signal(Signal::INT);
    let status = process.wait().await.expect("it ends");
    assert_eq!(status.code(), Some(1), "{}", process.log());
    let log = process.log();
    assert!(
        log.contains("2 rooms deleted") && log.contains("interrupted"),
        "{log}"
    );
    assert_cleared(&server, 4).await;
}

async fn a_dry_run_makes_nothing() {
    let server = Server::start().await;
    server.user("ana").await;
    for scenario in ["chat", "idle", "storm", "churn"] {
        let plan = server.cli(&["bench", scenario, "--dry-run"]).await;
        let plan = plan.ok();
        assert!(
            plan.contains("bench-0") && plan.contains("private rooms"),
            "{plan}"
        );
    }
    let report = run(&server, "chat --dry-run --members 7").await.json();
    assert_eq!(
        (&report["dry_run"], &report["need"]["members"]),
        (&true.into(), &7.into())
    );
    let users = server.cli(&["user", "list", "--json"]).await.json();
    assert_eq!(users["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_a_wire_does_to_a_message_is_found() {
    let server = Server::start().await;
    for (meddling, check) in [
        (Meddling::Lose, "lost"),
        (Meddling::Repeat, "repeated"),
        (Meddling::Swap, "out_of_order"),
        (Meddling::Alter, "altered"),
    ] {
        let meddler = Meddler::before(&server, meddling, 50).await;
        let args = format!(
            "chat {} --rooms 2 --members 3 --in-flight 4 --duration 20s --warm-up 0s",
            meddler.url()
        );
        let output = run(&server, &args).await;
        let complaint = output.failed(PROBLEMS);
        assert!(
            complaint.contains("did not keep what it promises"),
            "{output}"
        );
        let report: Value = serde_json::from_str(&output.stdout).expect("a report");
        assert_eq!(report["ok"], false);
        let found = report["checks"][check].as_u64();
        assert!(found > Some(0), "{meddling:?}: {report:#}");
        assert!(report["checks"]["first"].is_string(), "{report:#}");
        // It ended when that was found, not when the time was over.
        assert!(report["seconds"].as_f64() < Some(20.0), "{report:#}");
    }
    // With the same wire and nothing done to it, nothing is found.
    let meddler = Meddler::before(&server, Meddling::Lose, usize::MAX).await;
    let args = format!("storm {} --rooms 2 --members 3 --missed 3", meddler.url());
    let report = bench(&server, &args).await;
    assert!(
        report["left"]["words"].to_string().contains("logged out"),
        "{report:#}"
    );
}

#[tokio::test]
async fn a_gap_in_a_replay_is_found() {
    let server = Server::start().await;
    // Of a room with two the one who stays hears 5 + 5 + 3; what is lost is the last that it hears.
    let meddler = Meddler::before(&server, Meddling::Lose, 13).await;
    let args = format!(
        "storm {} --rooms 1 --members 2 --missed 3 --rounds 1",
        meddler.url()
    );
    let output = run(&server, &args).await;
    output.failed(PROBLEMS);
    let report: Value = serde_json::from_str(&output.stdout).expect("a report");
    assert_eq!(report["checks"]["lost"], 1, "{report:#}");
}

#[tokio::test]
async fn a_limit_is_answered_with_what_to_set() {
    let server = Server::builder()
        .limits()
        .set("limits.send_rate", "1")
        .set("limits.send_burst", "5")
        .start()
        .await;
    let output = run(
        &server,
        "chat --rooms 1 --members 2 --duration 20s --warm-up 0s",
    )
    .await;
    output.failed(UNREACHABLE);
    assert!(output.stderr.contains("rate_limited"), "{output}");
    let words = ["bench", "chat", "--rooms", "1", "--members", "2"];
    let output = server.cli(&words).await;
    let complaint = output.failed(UNREACHABLE);
    assert!(complaint.contains("limits.enabled=false"), "{output}");
    assert_cleared(&server, 2).await;
}

#[tokio::test]
async fn accounts_come_from_whoever_may_make_them() {
    let server = Server::builder()
        .set("auth.registration", "closed")
        .start()
        .await;
    let added = server.cli_with(
        &["user", "add", "ana", "--role", "admin", "--stdin"],
        PASSWORD,
    );
    added.await.ok();
    let ana = User::login(server.rest(), "ana", PASSWORD).await;
    let file = server.data_dir().join("token");
    std::fs::write(&file, &ana.token).expect("a file");
    let url = format!("http://{}", server.address());
    // A command with other settings knows nothing of this server but its URL.
    let elsewhere = tempfile::tempdir().expect("a directory");
    let other = elsewhere.path().to_str().expect("text");
    let of = |more: &str| {
        format!("chat {url} --rooms 1 --members 2 --duration 200ms --warm-up 0s {more}")
    };
    let bare = [&of("")[..], " --json --data-dir ", other].concat();
    let bare: Vec<&str> = std::iter::once("bench")
        .chain(bare.split_whitespace())
        .collect();
    let refused = crate::support::run(elsewhere.path(), &bare, "").await;
    assert!(
        refused.failed(PERMISSION).contains("nobody may register"),
        "{refused}"
    );
    let report = bench(&server, &of(&format!("--token-file {}", file.display()))).await;
    assert_eq!(report["left"]["rooms_deleted"], 1);
    assert_cleared(&server, 2).await;
}

#[tokio::test]
async fn accounts_of_others_are_left_alone() {
    let server = Server::start().await;
    let person = server.user("bench-1").await;
    server.cli(&["user", "add", "bench-2", "--bot"]).await.ok();
    for _ in 0..2 {
        let output = run(&server, "chat --rooms 1 --members 4 --duration 200ms").await;
        let why = output.failed(CONFLICT);
        assert!(why.contains("is no bot of `chatd bench`"), "{output}");
    }
    person.get("/v1/me").await.ok();
    let users = server.cli(&["user", "list", "--json"]).await.json();
    for user in users["items"].as_array().expect("a list") {
        let theirs = ["bench-1", "bench-2"].contains(&user["name"].as_str().expect("a name"));
        let expected = if theirs { "active" } else { "disabled" };
        assert_eq!(user["status"], expected, "{user:#}");
    }
    let rooms = server.cli(&["room", "list", "--json"]).await.json();
    assert_eq!(rooms["items"], Value::Array(Vec::new()), "{rooms:#}");
}

#[tokio::test]
async fn a_server_elsewhere_is_loaded_when_that_is_confirmed() {
    // The address by which this machine would reach others, if it has one. Nothing is sent.
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let reached = socket
        .connect("192.0.2.1:9")
        .and_then(|()| socket.local_addr());
    let Some(own) = reached.ok().filter(|own| !own.ip().is_loopback()) else {
        eprintln!("SKIPPED: this machine has no address of its own");
        return;
    };
    let server = Server::start().await;
    let meddler = Meddler::at(own.ip(), &server, Meddling::Lose, usize::MAX).await;
    let url = meddler.url();
    let args = format!("chat {url} --rooms 1 --members 2 --duration 200ms --warm-up 0s");
    run(&server, &args).await.failed(UNCONFIRMED);
    let users = server.cli(&["user", "list", "--json"]).await.json();
    assert_eq!(users["items"].as_array().map(Vec::len), Some(0));
    bench(&server, &format!("{args} --yes")).await;
}
