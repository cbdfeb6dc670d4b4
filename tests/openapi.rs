//! What the server answers is what its `OpenAPI` document says: schemathesis (from `PyPI`) makes requests of it, right ones and
//! wrong ones, and looks at each answer: no error of ours, no status, type or shape that the document does not have.
//! `CHATD_TEST_SCHEMATHESIS` names the program; `tests/run` sets it, and where it is missing the test says so.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Kind, Server, User, variable};

/// How long one run may take: many times what it takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(150);

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// What takes away the ground that the others stand on.
const BY_ITSELF: &str =
    "/v1/(logout|me/sessions|me/password|users/.*|address-bans|conns/kick|redactions)";

/// Requests to be made.
struct Run<'a> {
    user: User,
    /// Which operations.
    choice: &'a [&'a str],
    /// How many of each.
    examples: u32,
    /// What stands for parameters, so that they are of something.
    of: &'a BTreeMap<&'static str, String>,
}

impl Run<'_> {
    /// Makes them; answers how many operations there were, of how many.
    async fn passes(&self, program: &str) -> (u32, u32) {
        let dir = tempfile::tempdir().expect("a directory");
        let config = dir.path().join("schemathesis.toml");
        let mut text = "[parameters]\n".to_owned();
        for (name, value) in self.of {
            writeln!(text, "\"path.{name}\" = \"{value}\"").expect("a text");
        }
        std::fs::write(&config, text).expect("a file");
        let ran = self.command(program, &config).spawn();
        let ran = finished(ran.expect("the program starts")).await;
        let told = String::from_utf8_lossy(&ran.stdout);
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{:?}:\n{told}\n{errors}", self.choice);
        operations(&told)
    }

    fn command(&self, program: &str, config: &Path) -> Command {
        let mut command = Command::new(program);
        let url = format!("http://{}/openapi.json", self.user.rest.address());
        let bearer = format!("Authorization: Bearer {}", self.user.token);
        command
            .arg("--config-file")
            .arg(config)
            .args(["run", &url, "-H", &bearer, "--checks", CHECKS])
            .args(["--phases", "examples,coverage,fuzzing"])
            .args(["--max-examples", &self.examples.to_string()])
            .args([
                "--generation-deterministic",
                "--warnings",
                "off",
                "--no-color",
            ])
            .args(self.choice)
            .current_dir(config.parent().expect("a directory"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// What a program said, which is ended when it takes too long.
async fn finished(child: Child) -> Output {
    let pid = Pid::from_raw(child.id().try_into().expect("a pid")).expect("a pid");
    let mut ends = tokio::task::spawn_blocking(|| child.wait_with_output());
    let ended = if let Ok(ended) = tokio::time::timeout(LIMIT, &mut ends).await {
        ended
    } else {
        kill_process(pid, Signal::KILL).expect("ours");
        ends.await
    };
    ended.expect("no panic").expect("what it said")
}

/// Of the report, how many operations were tried, of how many there are.
#[track_caller]
fn operations(report: &str) -> (u32, u32) {
    let line = report
        .lines()
        .find_map(|l| l.trim().strip_prefix("Selected: "));
    let numbers = line.and_then(|line| line.split_once('/'));
    let numbers = numbers.and_then(|(of, all)| Some((of.parse().ok()?, all.parse().ok()?)));
    numbers.unwrap_or_else(|| panic!("how many operations? {report}"))
}

/// A room with members, messages and a hook, and a role: what stands for parameters. By names that nobody made up before.
async fn something(server: &Server, ana: &User) -> BTreeMap<&'static str, String> {
    let (bob, cat) = (
        server.user("bob-of-ours").await,
        server.user("cat-of-ours").await,
    );
    let room = ana.room("room-of-ours", Kind::Public).await;
    for user in [&bob, &cat] {
        user.join(&room).await;
    }
    let said = ana.send(&room, "hello @bob-of-ours").await["seq"].clone();
    ana.send(&room, "and @room").await;
    let path = room.path(&format!("/messages/{said}/reactions/:party:"));
    bob.request("PUT", &path, Value::Null).await.ok();
    let hook = json!({"name": "hook-of-ours"});
    ana.post(&room.path("/hooks"), hook).await.ok();
    server
        .admin()
        .new_role("role-of-ours", &["message.read"])
        .await;
    BTreeMap::from([
        ("room", room.id),
        ("seq", said.to_string()),
        ("user", bob.id),
        ("emoji", ":party:".to_owned()),
        ("role", "role-of-ours".to_owned()),
        ("hook", "hook-of-ours".to_owned()),
    ])
}

async fn server() -> (Server, User) {
    // The whole takes longer than a token is good for.
    let server = Server::builder().set("auth.access_token", "24h");
    let server = server.start().await;
    let ana = server.person("ana", "admin").await;
    (server, ana)
}

#[tokio::test]
async fn answers_are_what_the_document_says() {
    let Some(program) = variable("CHATD_TEST_SCHEMATHESIS") else {
        return;
    };
    let program = program.as_str();
    let nothing = BTreeMap::new();
    let most = async {
        let (server, ana) = server().await;
        let choice = ["--exclude-path-regex", BY_ITSELF];
        let any = Run {
            user: ana.clone(),
            choice: &choice,
            examples: 15,
            of: &nothing,
        };
        let counts = any.passes(program).await;
        // Again, about what is there.
        let of = something(&server, &ana).await;
        let choice = [
            "--include-path-regex",
            r"/v1/(rooms|roles)/\{",
            "--exclude-name",
            "DELETE /v1/rooms/{room}",
            "--mode",
            "positive",
        ];
        let there = Run {
            user: ana.again().await,
            choice: &choice,
            examples: 6,
            of: &of,
        };
        there.passes(program).await;
        counts
    };
    let rest = async {
        let (server, ana) = server().await;
        let of = something(&server, &ana).await;
        let mut tried = 0;
        // Each of these may end the session that it is asked with, or more.
        for choice in [
            r"/v1/(users/|conns/kick|redactions)",
            r"/v1/me/sessions$",
            r"/v1/me/sessions/",
            r"/v1/me/password",
            r"/v1/logout",
            r"/v1/address-bans",
        ] {
            let choice = ["--include-path-regex", choice];
            let run = Run {
                user: ana.again().await,
                choice: &choice,
                examples: 10,
                of: &of,
            };
            tried += run.passes(program).await.0;
        }
        tried
    };
    let ((most, all), rest) = Box::pin(async { tokio::join!(most, rest) }).await;
    assert_eq!(most + rest, all, "some operations are asked nowhere");
}

/// Who makes a client of the document makes a function of each.
#[test]
fn no_two_operations_have_one_name() {
    let document = chatd::http::openapi().to_json().expect("a document");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths
        .values()
        .flat_map(|p| p.as_object().expect("methods").values());
    let mut names: Vec<_> = operations
        .map(|operation| operation["operationId"].as_str().expect("a name"))
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
