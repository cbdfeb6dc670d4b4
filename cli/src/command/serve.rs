//! `chatd serve`: the server itself.

use std::{net::SocketAddr, time::Duration};

use chatd::{
    config::{Registration, Sources},
    server::{self, Listening},
};
use clap::Args;
use serde_json::json;
use tokio::runtime::Builder;

use crate::{console::Console, failure::Failure, output::escape, settings};

/// Run the server
///
/// Runs in the foreground until SIGTERM or Ctrl-C, then finishes what is in flight. Starts with nothing
/// configured: it listens on this machine only and keeps its data in ./chatd-data.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd serve
  chatd serve --listen 0.0.0.0:8080 --data-dir /var/lib/chatd
  chatd serve --store mongodb://db.example.org/chat --config /etc/chatd.toml")]
pub(crate) struct Serve {
    /// Listen on ADDR, such as 127.0.0.1:8080 or [::]:8080
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,

    /// Keep messages in URL: sqlite:PATH or mongodb://…
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// How long a stop waits for threads that are at something yet, such as the files of a backup that was given up.
const LEFTOVERS: Duration = Duration::from_secs(5);

impl Serve {
    pub(crate) fn run(self, mut sources: Sources, console: &Console) -> Result<(), Failure> {
        if let Some(listen) = self.listen {
            sources
                .set
                .push(("server.listen".into(), listen.to_string()));
        }
        if let Some(store) = self.store {
            sources.set.push(("store.url".into(), store));
        }
        let loaded = settings::load(&sources)?;
        let private = loaded.config.server.public_url.is_empty();
        let mode = loaded.config.auth.registration;
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(anyhow::Error::from)?;
        let console = console.clone();
        let ready = move |listening: Listening| {
            // With nobody reading stdout the server is as useful as before.
            let _ = console.answer(&document(&listening), |_| {
                banner(&listening, join(mode, private, &listening))
            });
        };
        let served = runtime.block_on(server::serve(sources, loaded, ready));
        // All that lasts is closed. What hangs, such as a read of settings from a pipe, keeps nobody from leaving.
        runtime.shutdown_timeout(LEFTOVERS);
        Ok(served?)
    }
}

fn document(listening: &Listening) -> serde_json::Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "listen": format!("{}://{}", scheme(listening), listening.address),
        "metrics": listening.metrics.map(|at| format!("http://{at}/metrics")),
        "data_dir": listening.data_dir,
        "store": listening.store,
        "admin": listening.admin,
        "registration": listening.registration,
    })
}

fn scheme(listening: &Listening) -> &'static str {
    if listening.tls { "https" } else { "http" }
}

/// The first line is what scripts wait for.
fn banner(listening: &Listening, join: &str) -> String {
    let metrics = listening.metrics.map_or_else(String::new, |at| {
        format!("\n  metrics  http://{at}/metrics")
    });
    let Listening {
        address,
        admin,
        store,
        data_dir,
        ..
    } = listening;
    let version = env!("CARGO_PKG_VERSION");
    let scheme = scheme(listening);
    let data = escape(&data_dir.to_string_lossy()).into_owned();
    let store = escape(store);
    let admin = admin.to_string_lossy();
    let admin = escape(&admin);
    format!(
        "chatd {version} listening on {scheme}://{address}\n  data     {data}\n  store    {store}\n  admin    {admin}{metrics}\n  \
         join     {join}\n  stop     Ctrl-C\n"
    )
}

/// Who may join, in words. `private`: nobody outside was told of it.
fn join(mode: Registration, private: bool, listening: &Listening) -> &'static str {
    match mode {
        Registration::Auto if private && listening.address.ip().is_loopback() => {
            "open to this machine; for everyone else by invitation (`chatd invite create`)"
        }
        Registration::Auto | Registration::Invite => "by invitation (`chatd invite create`)",
        Registration::Open => "open to everyone who reaches it",
        Registration::Closed => "closed; operators add accounts (`chatd user add`)",
    }
}
