//! What chatd promises of a start on MongoDB: it waits for a server that is merely not up, and says so; of every
//! other it says in one line what is wrong and what to do, and leaves with the documented code.

use mongodb::bson::{Document, doc};

use crate::support::{Base, Database, Fake, FakeKind, Output, Server, mongodb_uri};

/// `chatd serve` on this store, which does not come to serve.
async fn refused(url: &str, code: i32) -> (Output, String) {
    let server = Server::builder().prepare();
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--set",
        "store.wait=1s",
        "--store",
        url,
    ];
    let output = server.cli(&serve).await;
    let complaint = output.failed(code).to_owned();
    assert_eq!(output.stdout, "", "{output}");
    let errors: Vec<_> = complaint
        .lines()
        .filter(|l| l.starts_with("error: "))
        .collect();
    let [error] = errors[..] else {
        panic!("not one line: {output}");
    };
    let error = error.to_owned();
    (output, error)
}

/// The same: the line has these words.
async fn refused_as(url: &str, code: i32, words: &[&str]) {
    let (output, error) = refused(url, code).await;
    for word in words {
        assert!(error.contains(word), "no {word:?}: {output}");
    }
    assert!(!output.stderr.contains("waiting"), "it waited: {output}");
}

#[tokio::test]
async fn a_wrong_url_is_a_wrong_setting() {
    for url in [
        "mongodb://",
        "mongodb://127.0.0.1:port/chatd",
        "mongodb://127.0.0.1/chatd?no=option",
        "mongodb://ana:pa/ss@127.0.0.1/chatd",
        "mongodb://127.0.0.1/chatd?tls=perhaps",
    ] {
        refused_as(url, 78, &["store.url", "mongodb://HOST/DATABASE"]).await;
    }
    refused_as(
        "postgres://127.0.0.1/chatd",
        78,
        &["store.url", "mongodb://HOST/DATABASE"],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_refuses_the_credentials() {
    let fake = Fake::start(FakeKind::Stranger).await;
    let words = ["refuses the credentials", "authSource"];
    refused_as(&fake.url_as("ana", "s3cret"), 78, &words).await;
}

#[tokio::test]
async fn a_server_that_is_too_old() {
    let fake = Fake::start(FakeKind::Primary("5.0.31", 13)).await;
    refused_as(&fake.url(), 78, &["5.0.31", "too old", "6.0"]).await;
    // So old that the driver does not speak to it.
    let fake = Fake::start(FakeKind::Primary("3.6.23", 6)).await;
    refused_as(&fake.url(), 78, &["too old", "6.0"]).await;
}

#[tokio::test]
async fn a_standalone() {
    let fake = Fake::start(FakeKind::Standalone).await;
    refused_as(
        &fake.url(),
        78,
        &["standalone", "--replSet rs0", "rs.initiate()"],
    )
    .await;
}

#[tokio::test]
async fn a_member_of_a_set_that_was_not_initiated() {
    let fake = Fake::start(FakeKind::Uninitiated).await;
    for options in ["", "?replicaSet=rs0"] {
        let url = fake.url() + options;
        refused_as(
            &url,
            78,
            &["not initiated", "mongosh --eval 'rs.initiate()'"],
        )
        .await;
    }
}

#[tokio::test]
async fn a_store_of_a_newer_chatd() {
    let Some(uri) = mongodb_uri() else { return };
    let base = Base::on(&uri);
    let client = mongodb::Client::with_uri_str(&base.url)
        .await
        .expect("a URL");
    let meta = client
        .default_database()
        .expect("named")
        .collection::<Document>("meta");
    let newer = doc! { "_id": "schema", "version": 1_000 };
    meta.insert_one(newer).await.expect("the server is there");
    refused_as(&base.url, 78, &["1000", "newer chatd"]).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for_and_given_up() {
    // A port that nobody else gets, and nobody listens on.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("a port").port();
    drop(taken);
    let url = format!("mongodb://ana:s3cret@127.0.0.1:{port}/chatd");
    let (output, error) = refused(&url, 6).await;
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{output}");
    let waits = output
        .stderr
        .lines()
        .filter(|l| l.contains("waiting up to 1 s for"));
    assert_eq!(waits.count(), 1, "{output}");
    assert!(!output.stderr.contains("s3cret"), "{output}");
}

#[tokio::test]
async fn a_server_that_comes_up_later_is_waited_for() {
    let Some(mut database) = Database::start() else {
        return;
    };
    database.kill9();
    let mut server = Server::builder()
        .set("store.url", &database.url())
        .set("store.wait", "10m")
        .prepare();
    server.spawn();
    server.process().logged("waiting up to 600 s for").await;
    database.boot();
    server.listening().await;
    server.user("ana").await;
}
