//! `chatd store`: what it holds, whether it is whole, which incarnation it is.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Base, Kind, Room, Server, User, mongodb_uri, on_both};

const BAD_CONFIG: i32 = 78;
const CONFLICT: i32 = 4;
const UNREACHABLE: i32 = 6;
const PROBLEMS: i32 = 10;

on_both!(
    what_a_store_holds_is_told_up_and_down,
    a_whole_store_is_found_whole_up_and_down,
    a_new_epoch_makes_clients_reload,
);

async fn chat() -> (Server, User, Room) {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let bob = server.user("bob").await;
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let gone = ana.room("gone", Kind::Private).await;
    ana.delete(&gone.path("")).await.ok();
    for i in 0..5 {
        ana.send(&room, &format!("message {i}")).await;
    }
    (server, ana, room)
}

/// `chatd store …` with what leads to the store.
async fn store(server: &Server, args: &[&str]) -> crate::support::Output {
    let args: Vec<&str> = ["store"].iter().chain(args).copied().collect();
    server.cli_set(&args).await
}

fn records(info: &Value, table: &str) -> u64 {
    let tables = info["tables"].as_array().expect("tables").iter();
    let mut found = tables.filter(|one| one["table"] == table);
    found.next().expect("the table")["records"]
        .as_u64()
        .expect("a number")
}

async fn what_a_store_holds_is_told_up_and_down() {
    let (mut server, ana, _) = chat().await;
    let up = store(&server, &["info", "--json"]).await.json();
    assert_eq!(
        (&up["running"], &up["schema"].is_u64()),
        (&json!(true), &true)
    );
    assert_eq!(up["epoch"], ana.connect().await.epoch());
    assert_eq!((records(&up, "users"), records(&up, "rooms")), (2, 2));
    assert!(records(&up, "entries") > 10, "{up:#}");
    server.stop().await;
    let down = store(&server, &["info", "--json"]).await.json();
    assert_eq!(down["running"], false);
    for same in [
        "backend", "location", "version", "schema", "epoch", "tables",
    ] {
        assert_eq!(up[same], down[same], "{same}");
    }
    let page = store(&server, &["info"]).await;
    assert!(page.ok().contains("entries"), "{page}");
}

async fn a_whole_store_is_found_whole_up_and_down() {
    let (mut server, ana, room) = chat().await;
    for _ in 0..2 {
        // With somebody talking meanwhile.
        let talk = async {
            let mut ws = ana.connect().await;
            let bodies: Vec<_> = (0..300).map(|i| format!("meanwhile {i}")).collect();
            ws.say_all(&room, bodies, 200).await;
        };
        let (checked, ()) = tokio::join!(store(&server, &["check", "--json"]), talk);
        let checked = checked.json();
        assert_eq!(
            (&checked["found"], &checked["problems"]),
            (&json!(0), &json!([]))
        );
        assert!(checked["records"].as_u64() > Some(20), "{checked:#}");
    }
    server.stop().await;
    let checked = store(&server, &["check", "--json"]).await.json();
    assert_eq!(checked["found"], 0);
    assert!(checked["records"].as_u64() > Some(600), "{checked:#}");
}

async fn a_new_epoch_makes_clients_reload() {
    let (mut server, ana, room) = chat().await;
    let mut ws = ana.connect().await;
    let (epoch, head) = (ws.epoch(), ws.subscribe(&room, None).await.head);
    let refused = store(&server, &["new-epoch", "--yes"]).await;
    assert!(
        refused.failed(UNREACHABLE).contains("(process "),
        "{refused}"
    );
    server.stop().await;

    let dry = store(&server, &["new-epoch", "--dry-run", "--json"])
        .await
        .json();
    assert_eq!(
        (&dry["before"], &dry["epoch"]),
        (&json!(epoch), &Value::Null)
    );
    let set = store(&server, &["new-epoch", "--yes", "--json"])
        .await
        .json();
    assert_eq!(set["before"], epoch);
    assert_ne!(set["epoch"], epoch);
    let info = store(&server, &["info", "--json"]).await.json();
    assert_eq!(info["epoch"], set["epoch"]);
    // It is in the control log, and that is whole.
    store(&server, &["check"]).await.ok();

    server.boot().await;
    ana.get("/v1/me").await.refused(401, "unauthorized");
    let refresh = json!({"refresh_token": ana.refresh_token});
    let fresh = server.rest().post("/v1/token", refresh).await.ok();
    let mut ana = ana;
    ana.token = fresh["access_token"].as_str().expect("a token").to_owned();
    let mut ws = ana.connect().await;
    assert_eq!(ws.epoch(), set["epoch"]);
    let resume = json!({"op": "subscribe", "room": room.id, "after": head, "epoch": epoch});
    let answer = ws.request(resume).await.expect("allowed");
    assert_eq!(answer["recovered"], false, "{answer}");
}

#[tokio::test]
async fn a_new_epoch_is_an_act() {
    let (mut server, ..) = chat().await;
    server.stop().await;
    store(&server, &["new-epoch", "--yes"]).await.ok();
    let conn = Connection::open(server.data_dir().join("chatd.db")).expect("a database");
    let last = "SELECT data FROM entry WHERE kind = 'act' AND data LIKE '%store.new_epoch%'";
    let data: String = conn.query_row(last, [], |row| row.get(0)).expect("an act");
    let act: Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!(act["actor"]["origin"]["door"], "admin", "{act:#}");
    assert!(act["detail"]["before"].is_string(), "{act:#}");
}

#[tokio::test]
async fn what_is_broken_is_named() {
    let (mut server, ana, room) = chat().await;
    server.stop().await;
    let conn = Connection::open(server.data_dir().join("chatd.db")).expect("a database");
    let log = format!(
        "(SELECT no << 38 FROM log WHERE key = x'72{}')",
        room.id.replace('-', "")
    );
    let me = format!("x'{}'", ana.id.replace('-', ""));
    let nobody = "x'00112233445566778899aabbccddeeff'";
    let breaks = [
        format!("DELETE FROM entry WHERE pos = {log} + 4"),
        format!("UPDATE entry SET at = 5 WHERE pos = {log} + 6"),
        format!("UPDATE entry SET data = '{{' WHERE pos = {log} + 7"),
        format!(
            "UPDATE entry SET id = (SELECT id FROM entry WHERE pos = {log} + 1), sender = {nobody}
             WHERE pos = {log} + 2"
        ),
        format!("UPDATE member SET role = 'member' WHERE user = {me}"),
        "UPDATE entry SET data = replace(data, 'room.create', 'room.delete') WHERE kind = 'act'"
            .into(),
        "UPDATE session SET device = char(7)".into(),
        "DROP INDEX user_name".into(),
    ];
    for sql in &breaks {
        assert!(
            conn.execute(sql, []).expect(sql) > 0 || sql.starts_with("DROP"),
            "{sql}"
        );
    }
    // The same time as the first, so that one id stands twice under it.
    let same = format!(
        "UPDATE entry SET at = (SELECT at FROM entry WHERE pos = {log} + 1) WHERE pos = {log} + 2"
    );
    conn.execute(&same, []).expect("SQL");
    drop(conn);

    let output = store(&server, &["check", "--json"]).await;
    assert_eq!(output.code, Some(PROBLEMS), "{output}");
    let checked: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let problems: Vec<_> = checked["problems"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            format!(
                "{}: {}",
                one["place"].as_str().unwrap(),
                one["what"].as_str().unwrap()
            )
        })
        .collect();
    let at = |seq| format!("entries room:{} {seq}", room.id);
    for (place, what) in [
        ("the database".to_owned(), "user_name is missing"),
        (at(5), "1 entry before it are missing"),
        (at(6), "is before that of the entry before it"),
        (at(7), "does not read as `message`"),
        (at(2), "same id"),
        (at(2), "its sender: it refers to users 00112233-"),
        (format!("rooms {}", room.id), "is no member as such"),
        ("entries control ".to_owned(), "the chain breaks here"),
        ("sessions ".to_owned(), "its device"),
    ] {
        let found = problems
            .iter()
            .any(|one| one.starts_with(&place) && one.contains(what));
        assert!(found, "{place}: {what} is not in {problems:#?}");
    }
    assert_eq!(checked["found"], problems.len());
    let page = store(&server, &["check"]).await;
    assert_eq!(page.code, Some(PROBLEMS), "{page}");
    assert!(page.stdout.contains("PROBLEM"), "{page}");
}

#[tokio::test]
async fn what_is_broken_on_mongodb_is_named() {
    use mongodb::bson::{Document, doc};
    let Some(uri) = mongodb_uri() else { return };
    let base = Base::on(&uri);
    let mut server = Server::builder().set("store.url", &base.url).start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    for i in 0..5 {
        ana.send(&room, &format!("message {i}")).await;
    }
    server.stop().await;
    let client = mongodb::Client::with_uri_str(&base.url)
        .await
        .expect("a URL");
    let database = client.default_database().expect("it is named");
    let entries = database.collection::<Document>("entries");
    let one = doc! { "log": format!("room:{}", room.id), "seq": 4_i64 };
    assert_eq!(
        entries
            .delete_one(one)
            .await
            .expect("it is taken")
            .deleted_count,
        1
    );
    entries
        .drop_index("log_from_txn")
        .await
        .expect("it is there");
    client.shutdown().immediate(true).await;
    let output = store(&server, &["check"]).await;
    assert_eq!(output.code, Some(PROBLEMS), "{output}");
    for problem in [
        "entries.log_from_txn is missing",
        "1 entry before it are missing",
    ] {
        assert!(output.stdout.contains(problem), "{output}");
    }
}

#[tokio::test]
async fn a_store_is_brought_to_the_newest_schema_or_refused() {
    let mut server = Server::start().await;
    store(&server, &["migrate"]).await.failed(UNREACHABLE);
    server.stop().await;
    let done = store(&server, &["migrate", "--json"]).await.json();
    assert_eq!(done["from"], done["to"]);
    let conn = Connection::open(server.data_dir().join("chatd.db")).expect("a database");
    conn.pragma_update(None, "user_version", 99).expect("SQL");
    drop(conn);
    for args in [&["migrate"][..], &["migrate", "--dry-run"], &["info"]] {
        let refused = store(&server, args).await;
        assert!(
            refused.failed(BAD_CONFIG).contains("use a newer chatd"),
            "{refused}"
        );
    }
    let none = Server::builder().prepare();
    store(&none, &["migrate"]).await.failed(UNREACHABLE);
}

/// The schema of the first chatd.
const FIRST: &str = include_str!("../src/store/sqlite/schema/1.sql");

#[tokio::test]
async fn an_old_store_is_brought_to_the_newest_schema() {
    let server = Server::builder().prepare();
    std::fs::create_dir(server.data_dir()).expect("a directory");
    let path = server.data_dir().join("chatd.db");
    let conn = Connection::open(&path).expect("a database");
    conn.execute_batch(FIRST).expect("SQL");
    let identity = "INSERT INTO meta VALUES ('epoch', ?1), ('secret', ?2)";
    let epoch = uuid::Uuid::now_v7().into_bytes();
    conn.execute(identity, (epoch, [7_u8; 32])).expect("SQL");
    conn.pragma_update(None, "user_version", 1).expect("SQL");
    drop(conn);
    let to = format!("sqlite:{}", path.with_file_name("new/chatd.db").display());
    let copy = server.cli(&["store", "copy", "--to", &to]).await;
    assert!(
        copy.failed(CONFLICT).contains("chatd store migrate"),
        "{copy}"
    );
    for args in [
        &["migrate", "--dry-run", "--json"][..],
        &["migrate", "--json"],
    ] {
        let done = store(&server, args).await.json();
        assert_eq!(done["from"], 1, "{done:#}");
        assert!(done["to"].as_u64() > Some(1), "{done:#}");
    }
    let done = store(&server, &["migrate", "--json"]).await.json();
    assert_eq!(done["from"], done["to"]);
    store(&server, &["check"]).await.ok();
    server.cli(&["store", "copy", "--to", &to]).await.ok();
}

#[tokio::test]
async fn an_old_database_is_brought_to_the_newest_schema() {
    use mongodb::bson::{Document, doc};
    let Some(uri) = mongodb_uri() else { return };
    let base = Base::on(&uri);
    let server = Server::builder().set("store.url", &base.url).prepare();
    server.cli_set(&["user", "add", "ana"]).await.ok();
    let client = mongodb::Client::with_uri_str(&base.url)
        .await
        .expect("a URL");
    let meta = client
        .default_database()
        .expect("it is named")
        .collection::<Document>("meta");
    let old = doc! { "$set": { "version": 1 } };
    meta.update_one(doc! { "_id": "schema" }, old)
        .await
        .expect("it is there");
    client.shutdown().immediate(true).await;
    let done = store(&server, &["migrate", "--json"]).await.json();
    assert_eq!(done["from"], 1, "{done:#}");
    assert!(done["to"].as_u64() > Some(1), "{done:#}");
    store(&server, &["check"]).await.ok();
}
