//! What is particular to MongoDB; the rest is the contract's. Needs a server: `CHATD_TEST_MONGODB_URI`,
//! which `tests/run` sets. Without it these tests say so and pass.

mod archive;
mod faults;
mod members;
mod plans;
mod starts;

#[path = "../../../tests/support/database.rs"]
#[allow(dead_code, reason = "the black-box tests use the rest")]
mod database;
#[path = "../../../tests/support/message.rs"]
#[allow(dead_code, reason = "the black-box tests use the rest")]
mod message;
#[path = "../../../tests/support/proxy.rs"]
#[allow(dead_code, reason = "the black-box tests use the rest")]
mod proxy;

use std::{io::Write, sync::Once};

use super::*;
use mongodb::bson::Document;

use crate::store::{
    contract::{self, Place},
    raw::{Load as _, Scan as _, Table},
};

contract::suite!(Base::new());

/// That the tests are skipped is said once.
static SAID: Once = Once::new();

/// How long a start may wait for the test server, which is there.
const WAIT: Duration = Duration::from_secs(30);
const NOW: Millis = Millis(1_800_000_000_000);

/// A database of its own on the test server.
pub(super) struct Base {
    server: String,
    name: String,
}

impl Base {
    pub(super) fn new() -> Option<Self> {
        let Ok(server) = std::env::var("CHATD_TEST_MONGODB_URI") else {
            // Not by `eprintln`, which a test that passes does not show.
            SAID.call_once(|| {
                let line = "SKIPPED: the tests on MongoDB, as CHATD_TEST_MONGODB_URI is not set; use tests/run\n";
                let _nobody_listens = std::io::stderr().write_all(line.as_bytes());
            });
            return None;
        };
        let name = format!("chatd-test-{}", RoomId::new(Clock::system().now()));
        Some(Self { server, name })
    }

    fn url(&self) -> String {
        let (server, options) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let server = server.trim_end_matches('/');
        format!("{server}/{}?{options}", self.name)
    }

    /// The server's port, if it is on this machine; or a line that it is not.
    fn port(&self) -> Option<u16> {
        let local = self.server.strip_prefix("mongodb://127.0.0.1:");
        let digits = |rest: &str| {
            rest.split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        };
        let port = local.and_then(digits);
        if port.is_none() {
            let line =
                "SKIPPED: tests with faults, as CHATD_TEST_MONGODB_URI is not on 127.0.0.1\n";
            let _nobody_listens = std::io::stderr().write_all(line.as_bytes());
        }
        port
    }

    pub(super) async fn mongo(&self) -> Mongo {
        Mongo::open(&self.url(), WAIT, &Clock::fixed(NOW))
            .await
            .unwrap()
    }
}

#[async_trait]
impl Place for Base {
    async fn open(&self) -> Box<dyn Store> {
        Box::new(self.mongo().await)
    }

    async fn open_to_fill(&self) -> Box<dyn contract::Fill> {
        let (url, clock) = (self.url(), Clock::fixed(NOW));
        let mongo = Mongo::open_for(&url, WAIT, &clock, Use::Fill).await;
        Box::new(mongo.unwrap())
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        let (url, name) = (self.url(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let client = mongodb::Client::with_uri_str(url).await.unwrap();
                // A server that hangs should not hang the tests, too.
                let database = client.database(&name);
                super::fault::within(database.drop()).await.unwrap();
            });
        });
        let _a_failed_test_says_enough = dropping.join();
    }
}

/// Every collection is described, and a field that is not makes a copy fail rather than leave it out.
#[tokio::test]
async fn the_description_of_the_collections_is_whole() {
    let Some(base) = Base::new() else { return };
    let mongo = base.mongo().await;
    let mut there = mongo.db.database.list_collection_names().await.unwrap();
    there.retain(|name| name != "meta");
    there.sort();
    let described = Table::ALL.iter().map(ToString::to_string);
    let mut described: Vec<_> = described.collect();
    described.sort();
    assert_eq!(there, described);

    let strange = doc! { "_id": "a", "value": "1", "more": true };
    let settings = mongo.db.settings.clone_with_type::<Document>();
    settings.insert_one(strange).await.unwrap();
    let refusal = mongo.scan(Table::Settings, None, 10).await.unwrap_err();
    assert!(
        refusal.to_string().contains("settings a has a field more"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_store_that_is_half_a_copy_is_not_served() {
    let Some(base) = Base::new() else { return };
    let (url, clock) = (base.url(), Clock::fixed(NOW));
    let store = Mongo::open_for(&url, WAIT, &clock, Use::Fill)
        .await
        .unwrap();
    store.set_mark(Some("{}")).await.unwrap();
    let refusal = Mongo::open(&url, WAIT, &clock).await;
    assert!(
        matches!(refusal, Err(Error::Unfinished { .. })),
        "{refusal:?}"
    );
    let (glance, _) = Mongo::glance(&url, WAIT).await.unwrap();
    assert_eq!((glance.mark.as_deref(), glance.records()), (Some("{}"), 0));
    store.set_mark(None).await.unwrap();
    Mongo::open(&url, WAIT, &clock).await.unwrap();
}

#[tokio::test]
async fn faults_are_found() {
    let Some(base) = Base::new() else { return };
    let store = base.mongo().await;
    assert_eq!(store.faults().await.unwrap(), Vec::<String>::new());
    store.db.users.drop_index("name").await.unwrap();
    let faults = store.faults().await.unwrap();
    assert_eq!(faults, ["the index users.name is missing, or is another"]);
}

/// Says, with `--nocapture`, how much a message costs in such a batch and by itself.
#[tokio::test]
async fn sixty_four_rooms_go_in_one_batch() {
    const ROUNDS: u64 = 20;
    let Some(base) = Base::new() else { return };
    let store = base.mongo().await;
    let rooms: Vec<_> = (0..64).map(|_| RoomId::new(NOW)).collect();
    let say = |room: &RoomId, seq| contract::entries([contract::message(*room, seq, "hello")]);
    let all = |seq| Arc::new(rooms.iter().map(|room| say(room, seq)).collect::<Vec<_>>());
    // The first ones look up where the rooms stand.
    store.commit(all(1)).await.unwrap();
    let began = std::time::Instant::now();
    for seq in 2..2 + ROUNDS {
        let outcomes = store.commit(all(seq)).await.unwrap();
        assert!(outcomes.iter().all(|o| *o == Outcome::Committed));
    }
    let batched = began.elapsed() / 64;
    let lone = RoomId::new(NOW);
    store.commit(vec![say(&lone, 1)].into()).await.unwrap();
    let began = std::time::Instant::now();
    for seq in 2..2 + ROUNDS {
        store.commit(vec![say(&lone, seq)].into()).await.unwrap();
    }
    let serial = began.elapsed();
    let times = serial.as_secs_f64() / batched.as_secs_f64();
    eprintln!(
        "one by one {:?}, of 64 rooms {:?} a message: {times:.1} times",
        serial / 20,
        batched / 20
    );
}
