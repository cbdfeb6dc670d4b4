//! The other store: a database on the test server, which `CHATD_TEST_MONGODB_URI` names. `tests/run` sets it;
//! where it is missing, the tests that need it say so.

use std::{future::Future, thread};

use super::{PATIENCE, database::variable};

tokio::task_local! {
    /// Where the servers of this test keep their data, if not in SQLite.
    static SHARED: String;
}

/// Makes of each scenario a test on either store.
macro_rules! on_both {
    ($($scenario:ident),+ $(,)?) => {
        $(mod $scenario {
            #[tokio::test]
            async fn sqlite() {
                Box::pin(super::$scenario()).await;
            }

            #[tokio::test]
            async fn mongodb() {
                $crate::support::on_mongodb(Box::pin(super::$scenario())).await;
            }
        })+
    };
}
pub(crate) use on_both;

/// Runs a scenario whose servers keep their data in MongoDB, or says that it cannot.
pub(crate) async fn on_mongodb(scenario: impl Future<Output = ()>) {
    if let Some(server) = mongodb_uri() {
        SHARED.scope(server, scenario).await;
    }
}

/// The server that all tests share, or a line that there is none.
pub(crate) fn mongodb_uri() -> Option<String> {
    variable("CHATD_TEST_MONGODB_URI")
}

/// The server that the test running now was told to use.
pub(super) fn shared() -> Option<String> {
    SHARED.try_with(Clone::clone).ok()
}

/// A database of its own, gone when the test ends.
pub(crate) struct Base {
    pub(crate) url: String,
}

impl Base {
    pub(crate) fn on(server: &str) -> Self {
        let (server, options) = server.split_once('?').unwrap_or((server, ""));
        let server = server.trim_end_matches('/');
        let url = format!("{server}/chatd-test-{}?{options}", super::random_id());
        Self { url }
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        let url = self.url.clone();
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let client = mongodb::Client::with_uri_str(&url).await.expect("a URL");
                let base = client.default_database().expect("it is named");
                // A test may have taken the server away, or left it with something that holds the database.
                let _left_behind = tokio::time::timeout(PATIENCE, base.drop()).await;
                let gone = client.shutdown().immediate(true);
                let _abandoned = tokio::time::timeout(PATIENCE, gone).await;
            });
            runtime.shutdown_background();
        });
        let _a_failed_test_says_enough = dropping.join();
    }
}
