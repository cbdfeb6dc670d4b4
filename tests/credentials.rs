//! What chatd promises of the password in the URL of its database: it is needed to connect, and shown nowhere.

use std::path::PathBuf;

use mongodb::{
    Client,
    bson::{Document, doc},
};

use crate::support::{Builder, Database, Kind, Output, Server, run};

/// What is looked for: in the password as it is and as a URL has it.
const SECRET: &str = "s3cret";
const PASSWORD: &str = "s3cret/pa:ss@word%100";
const ENCODED: &str = "s3cret%2Fpa%3Ass%40word%25100";

/// How a server is told where its database is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    UrlFile,
    Config,
    Env,
    Set,
    Flag,
}

const WAYS: [Way; 5] = [Way::UrlFile, Way::Config, Way::Env, Way::Set, Way::Flag];

impl Way {
    fn tell(self, files: &tempfile::TempDir, url: &str) -> Builder {
        let file = |name: &str, text: String| -> String {
            let path: PathBuf = files.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let builder = Server::builder();
        match self {
            Self::UrlFile => builder.set("store.url_file", &file("url", format!("{url}\n"))),
            Self::Config => {
                let text = format!("[store]\nurl = \"{url}\"\n");
                builder.args(&["--config", &file("chatd.toml", text)])
            }
            Self::Env => builder.env("CHATD_STORE_URL", url),
            Self::Set => builder.set("store.url", url),
            Self::Flag => builder.args(&["--store", url]),
        }
    }
}

/// A database that has one user, chatd's, with no more rights than the documentation says.
async fn database() -> Option<Database> {
    let mut database = Database::start()?;
    let client = Client::with_uri_str(database.url()).await.expect("a URL");
    let user = doc! {
        "createUser": "chatd", "pwd": PASSWORD,
        "roles": [{ "role": "readWrite", "db": "chatd" }],
    };
    client
        .database("admin")
        .run_command(user)
        .await
        .expect("it is open still");
    client.shutdown().immediate(true).await;
    database.kill9();
    database.ask_for_passwords();
    database.boot();
    Some(database)
}

fn url(database: &Database, password: &str) -> String {
    let port = database.port();
    format!("mongodb://chatd:{password}@127.0.0.1:{port}/chatd?authSource=admin")
}

#[track_caller]
fn hides(what: &str, text: &str) {
    assert!(!text.contains(SECRET), "{what} shows the password:\n{text}");
}

#[track_caller]
fn output_hides(output: &Output) {
    hides("standard output", &output.stdout);
    hides("standard error", &output.stderr);
}

#[tokio::test]
async fn it_is_shown_nowhere_in_whatever_way_it_is_told() {
    let Some(mut database) = database().await else {
        return;
    };
    let files = tempfile::tempdir().expect("a directory");
    for way in WAYS {
        let mut server = way.tell(&files, &url(&database, ENCODED)).start().await;
        let name = format!("{way:?}").to_lowercase();
        let ana = server.user(&name).await;
        ana.room(&name, Kind::Public).await;
        hides("the banner", server.banner());
        for args in [
            &["status"][..],
            &["status", "--json"],
            &["health", "--json"],
            &["config", "show", "--origin"],
            &["user", "add", &format!("x-{name}"), "--json"],
            &["room", "list"],
        ] {
            let output = server.cli_as_told(args).await;
            output.ok();
            output_hides(&output);
        }
        let started_with = server.process().started_with();
        let must_show = matches!(way, Way::Set | Way::Flag | Way::Env);
        assert_eq!(started_with.contains(SECRET), must_show, "{way:?}");
        let warned = server.process().log().contains("store.url_file");
        assert_eq!(warned, matches!(way, Way::Set | Way::Flag), "{way:?}");

        database.kill9();
        server.process().logged("the database is away").await;
        output_hides(&server.cli_as_told(&["status"]).await);
        let health = server.cli_as_told(&["health"]).await;
        health.failed(10);
        output_hides(&health);
        database.boot();
        server.process().logged("the database is back").await;
        hides("the log", &server.process().log());
        server.stop().await;
        // Without a server, the command opens the store itself.
        let offline = server.cli_as_told(&["status"]).await;
        offline.ok();
        output_hides(&offline);
    }
    // What was typed is in the audit log.
    let client = Client::with_uri_str(url(&database, ENCODED))
        .await
        .expect("a URL");
    let entries = client.database("chatd").collection::<Document>("entries");
    let mut acts = entries
        .find(doc! { "log": "control" })
        .await
        .expect("it is there");
    let mut seen = 0;
    while acts.advance().await.expect("it is there") {
        let act = acts.deserialize_current().expect("a document").to_string();
        seen += usize::from(act.contains("user add"));
        hides("the audit log", &act);
    }
    assert_eq!(seen, WAYS.len());
}

#[tokio::test]
async fn a_wrong_one_is_not_shown_either() {
    let Some(database) = database().await else {
        return;
    };
    let files = tempfile::tempdir().expect("a directory");
    for way in WAYS {
        for password in [
            "s3cret%2Fwrong",
            "s3cret/unescaped",
            "s3cret@unescaped",
            "s3cret%zz",
        ] {
            let mut server = way.tell(&files, &url(&database, password)).prepare();
            server.spawn();
            let (status, stdout, stderr) = server.failed().await;
            assert_eq!(status.code(), Some(78), "{way:?} {password}: {stderr}");
            hides("standard output", &stdout);
            hides("standard error", &stderr);
        }
    }
}

#[tokio::test]
async fn a_wrong_command_line_does_not_repeat_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = "mongodb://ana:s3cret@127.0.0.1/chatd";
    for args in [
        &["serve", "--set", url][..],
        &["serve", "--listen", url],
        &["status", url],
        &["serve", "--set", &format!("store.uri={url}")],
        &[
            "config",
            "show",
            "--set",
            &format!("server.public_url={url}"),
        ],
    ] {
        let output = run(dir.path(), args, "").await;
        assert_ne!(output.code, Some(0), "{output}");
        output_hides(&output);
    }
}
