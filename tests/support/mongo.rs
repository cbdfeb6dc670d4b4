//! The other store: a database on the test server, and a server of its own that can be killed.
//!
//! `CHATD_TEST_MONGODB_URI` names the server that all tests share, `CHATD_TEST_SECANTUSD` the program that
//! starts another one. `tests/run` sets both; where one is missing, the tests that need it say so.

use std::{
    future::Future,
    io::Write,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;

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

/// A variable, or a line on standard error; not by `eprintln`, which a test that passes does not show.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        let line = format!("SKIPPED: a test on MongoDB, as {name} is not set; use tests/run\n");
        let _nobody_listens = std::io::stderr().write_all(line.as_bytes());
    }
    value
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
                // A test may have taken the server away.
                let _left_behind = base.drop().await;
                client.shutdown().immediate(true).await;
            });
        });
        let _a_failed_test_says_enough = dropping.join();
    }
}

/// A database server of its own, which can be killed and started again on the same data and port.
pub(crate) struct Database {
    program: String,
    port: u16,
    process: Option<Child>,
    dir: TempDir,
}

impl Database {
    /// Starts one; none where there is no program for it.
    pub(crate) fn start() -> Option<Self> {
        let program = variable("CHATD_TEST_SECANTUSD")?;
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut database = Self {
            program,
            port: free.local_addr().expect("a port").port(),
            process: None,
            dir: tempfile::tempdir().expect("a directory"),
        };
        drop(free);
        database.boot();
        Some(database)
    }

    /// Starts the process; who needs it waits for it, as chatd does.
    pub(crate) fn boot(&mut self) {
        let process = Command::new(&self.program)
            .args([
                "--host",
                "127.0.0.1",
                "--log-level",
                "ERROR",
                "--sync-on-commit",
            ])
            .args(["--port", &self.port.to_string(), "--storage-path"])
            .arg(self.dir.path().join("db"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.expect("the program starts"));
    }

    /// Takes its power away.
    pub(crate) fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it runs");
            process.wait().expect("it was started");
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/chatd", self.port)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.kill9();
    }
}
