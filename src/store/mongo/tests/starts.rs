//! Several starts on one database, starts that are cut off, databases of other versions.

use std::collections::BTreeSet;

use mongodb::bson::Document;

use super::{
    proxy::{Fault, Proxy},
    *,
};
use crate::store::contract::{entries, message};

/// Starts through a wire, in a task of its own.
fn start(
    proxy: &Proxy,
    base: &Base,
    clock: &Clock,
) -> tokio::task::JoinHandle<Result<Mongo, Error>> {
    let (url, clock) = (proxy.url_of(&base.name), clock.clone());
    tokio::spawn(async move { Mongo::open(&url, WAIT, &clock).await })
}

/// Every index of every collection, as the server lists them, and which collections have a validator.
async fn shape(store: &Mongo) -> BTreeSet<String> {
    let database = &store.db.database;
    let mut shape = BTreeSet::new();
    for collection in database.list_collection_names().await.unwrap() {
        let list = doc! { "listIndexes": &collection };
        let list = database.run_command(list).await.unwrap();
        let batch = list
            .get_document("cursor")
            .unwrap()
            .get_array("firstBatch")
            .unwrap();
        for index in batch {
            shape.insert(format!(
                "{collection} {}",
                index.as_document().unwrap().get("name").unwrap()
            ));
        }
        let list = doc! { "listCollections": 1, "filter": { "name": &collection } };
        let list = database.run_command(list).await.unwrap().to_string();
        if list.contains("$jsonSchema") {
            shape.insert(format!("{collection} validator"));
        }
    }
    shape
}

async fn meta(store: &Mongo, id: &str) -> Option<Document> {
    store.db.meta.find_one(doc! { "_id": id }).await.unwrap()
}

#[tokio::test]
async fn two_starts_at_once_make_one_store() {
    let Some(base) = Base::new() else { return };
    let (url, clock) = (base.url(), Clock::fixed(NOW));
    let open = || Mongo::open(&url, WAIT, &clock);
    let (one, two, three) = tokio::join!(open(), open(), open());
    let (one, two, three) = (one.unwrap(), two.unwrap(), three.unwrap());
    assert_eq!((one.epoch(), one.secret()), (two.epoch(), two.secret()));
    assert_eq!((one.epoch(), one.secret()), (three.epoch(), three.secret()));
    assert_eq!(meta(&one, "lease").await, None);
}

#[tokio::test]
async fn a_lease_of_a_dead_process_is_taken_over_when_it_has_expired() {
    let Some(base) = Base::new() else { return };
    let Some(port) = base.port() else { return };
    let (proxy, clock) = (Proxy::to(port).await, Clock::fixed(NOW));
    // The first dies in the middle of a step.
    let middle = proxy.next("createIndexes members", Fault::Delay);
    let dying = start(&proxy, &base, &clock);
    middle.struck().await;
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());
    // The next asks for the lease, and asks again.
    let second = proxy.after(1, "findAndModify meta", Fault::Delay);
    let opening = start(&proxy, &base, &clock);
    second.struck().await;
    assert!(!opening.is_finished());
    clock.set(NOW.plus(Duration::from_secs(61)));
    second.let_go();
    let store = opening.await.unwrap().unwrap();
    assert_eq!(meta(&store, "lease").await, None);
    let whole = Base::new().unwrap();
    assert_eq!(shape(&store).await, shape(&whole.mongo().await).await);
}

#[tokio::test]
async fn a_start_that_was_cut_off_is_finished_by_the_next() {
    let Some(base) = Base::new() else { return };
    let Some(port) = base.port() else { return };
    let (proxy, clock) = (Proxy::to(port).await, Clock::fixed(NOW));
    let whole = Base::new().unwrap();
    let whole = shape(&whole.mongo().await).await;
    assert!(whole.contains("entries validator"), "{whole:#?}");
    // The driver sends writes again, and nothing else.
    for (request, tries) in [
        ("create users", 1),
        ("createIndexes rooms", 1),
        ("update meta", 2),
    ] {
        let again = |_| proxy.next(request, Fault::Cut);
        let cut: Vec<_> = (0..tries).map(again).collect();
        let failed = start(&proxy, &base, &clock).await.unwrap();
        assert!(
            matches!(failed, Err(Error::Unavailable(_))),
            "{request}: {failed:?}"
        );
        assert!(cut.iter().all(proxy::Asked::has_struck), "{request}");
        let store = base.mongo().await;
        assert_eq!(shape(&store).await, whole, "{request}");
        store.db.database.drop().await.unwrap();
    }
}

#[tokio::test]
async fn a_store_without_validators_gets_them() {
    let Some(base) = Base::new() else { return };
    let store = base.mongo().await;
    let whole = shape(&store).await;
    let database = &store.db.database;
    for collection in ["entries", "users", "rooms", "members", "sessions"] {
        let off = doc! { "collMod": collection, "validator": {}, "validationLevel": "off" };
        database.run_command(off).await.unwrap();
    }
    let first = doc! { "$set": { "version": 1 } };
    store
        .db
        .meta
        .update_one(doc! { "_id": "schema" }, first)
        .await
        .unwrap();
    let again = base.mongo().await;
    assert_eq!(shape(&again).await, whole);
    let found = meta(&again, "schema").await.unwrap();
    assert_eq!(
        found.get_i32("version").unwrap(),
        schema::VERSION.cast_signed()
    );
}

#[tokio::test]
async fn what_could_not_be_read_is_not_taken() {
    let Some(base) = Base::new() else { return };
    let store = base.mongo().await;
    let entries = store.db.entries.clone_with_type::<Document>();
    // As a shell would write it: with numbers that are no longs.
    let odd = doc! { "log": "control", "seq": 1.0, "n": 1.0, "kind": "note", "data": "{}" };
    let refused = entries.insert_one(odd).await.unwrap_err();
    assert_eq!(fault::code(&refused), Some(121), "{refused}");
    let segments = store.db.segments.clone_with_type::<Document>();
    let odd = doc! { "room": "general", "first": 1, "last": 2 };
    let refused = segments.insert_one(odd).await.unwrap_err();
    assert_eq!(fault::code(&refused), Some(121), "{refused}");
}

#[tokio::test]
async fn a_server_that_refuses_validators_will_do() {
    let Some(base) = Base::new() else { return };
    let Some(port) = base.port() else { return };
    let proxy = Proxy::to(port).await;
    let refused =
        doc! { "ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized" };
    let create = proxy.next("create entries", Fault::Answer(refused.clone()));
    let modify = proxy.next("collMod entries", Fault::Answer(refused));
    let store = start(&proxy, &base, &Clock::fixed(NOW))
        .await
        .unwrap()
        .unwrap();
    assert!(create.has_struck() && modify.has_struck());
    let shape = shape(&store).await;
    assert!(!shape.contains("entries validator"), "{shape:#?}");
    assert!(shape.contains("users validator"), "{shape:#?}");
}

#[tokio::test]
async fn a_store_of_a_newer_chatd_is_refused() {
    let Some(base) = Base::new() else { return };
    let store = base.mongo().await;
    let newer = doc! { "$set": { "version": 1_000 } };
    store
        .db
        .meta
        .update_one(doc! { "_id": "schema" }, newer)
        .await
        .unwrap();
    let refused = Mongo::open(&base.url(), WAIT, &Clock::fixed(NOW)).await;
    assert!(
        matches!(refused, Err(Error::Newer { found: 1_000, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_note_that_cannot_be_used_keeps_nobody_from_serving() {
    let Some(base) = Base::new() else { return };
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("mongodb.session");
    let (url, clock) = (base.url(), Clock::fixed(NOW));
    let open = || Mongo::open_noting(&url, WAIT, &clock, &note);
    for damaged in [b"".as_slice(), b"no id", b"\xff\xfe\n\n", &[b'a'; 9000]] {
        std::fs::write(&note, damaged).unwrap();
        writes(&open().await.unwrap()).await;
        // One id, and nothing of what was there.
        let noted = std::fs::read_to_string(&note).unwrap();
        assert!(uuid::Uuid::parse_str(noted.trim_end()).is_ok(), "{noted:?}");
    }
    std::fs::remove_file(&note).unwrap();
    std::fs::create_dir(&note).unwrap();
    writes(&open().await.unwrap()).await;
    assert!(note.is_dir());
}

/// Makes a change that takes a transaction.
async fn writes(store: &Mongo) {
    let rooms = [RoomId::new(NOW), RoomId::new(NOW)];
    let change = entries(rooms.map(|room| message(room, 1, "a")));
    let outcomes = store.commit(vec![change].into()).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed]);
}
