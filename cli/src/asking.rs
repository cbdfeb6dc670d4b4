//! Asking: the daemon when one runs, else the same router over the store in this process.

use std::{cell::Cell, ffi::OsString, time::Duration};

pub(crate) use chatd::admin::quote;
use chatd::{
    admin::{self, Client, api::List},
    config::{Config, Sources, without_secrets},
    server::{self, Mode},
};
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

use crate::{console::Console, failure::Failure, settings};

/// As many as a page may have.
const PAGE: usize = 200;

/// What a command needs to ask something.
pub(crate) struct Asking<'a> {
    /// What was typed on the way.
    pub(crate) sources: Sources,
    /// The whole line, for the audit log.
    pub(crate) args: &'a [OsString],
    /// To whom notes go.
    pub(crate) console: &'a Console,
    /// Whether it was said already that no server runs.
    pub(crate) told: Cell<bool>,
    /// How long the work may take; as long as it takes when absent.
    pub(crate) timeout: Option<Duration>,
}

impl Asking<'_> {
    /// Runs `work` with a client that only looks: there must be something to look at.
    pub(crate) fn look<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let config = settings::load(&self.sources)?.config;
        if let Some(path) = server::missing_store(&config)? {
            return Err(Failure::NoStore(path.display().to_string()));
        }
        self.converse(&config, work)
    }

    /// Runs `work` with a client that may change things, on a new store if need be.
    pub(crate) fn act<T>(
        &self,
        dry_run: bool,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if dry_run {
            // Making a store is a change, too.
            return self.look(work);
        }
        self.converse(&settings::load(&self.sources)?.config, work)
    }

    /// Runs `work` with a client of the daemon; there must be one.
    pub(crate) fn ask_daemon<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let config = settings::load(&self.sources)?.config;
        one_thread()?.block_on(async {
            let found = server::find(&config).await?;
            let client = found.ok_or(Failure::NotRunning)?;
            self.within(work(&self.introduce(client))).await
        })
    }

    /// A client that says what was typed, and waits for an answer as long as the whole may take.
    fn introduce(&self, client: Client) -> Client {
        let client = client.with_command(&self.line());
        match self.timeout {
            Some(timeout) => client.with_patience(timeout),
            None => client,
        }
    }

    /// What comes of `work`, if it comes in time.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(most) = self.timeout else {
            return work.await;
        };
        let done = tokio::time::timeout(most, work).await;
        done.unwrap_or(Err(Failure::TimedOut(most)))
    }

    /// A client of the daemon, for whoever has to come back to it.
    pub(crate) async fn connect(&self, config: &Config) -> Result<Client, admin::Error> {
        let unreachable = |why: String| admin::Error::Unreachable {
            path: config.server.data_dir.display().to_string(),
            why,
        };
        match server::find(config).await {
            Ok(Some(client)) => Ok(self.introduce(client)),
            Ok(None) => Err(unreachable("it is not running".into())),
            Err(server::Error::Unreachable(e)) => Err(e),
            Err(e) => Err(unreachable(e.to_string())),
        }
    }

    fn converse<T>(
        &self,
        config: &Config,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        one_thread()?.block_on(async {
            let (client, mode, closer) = server::administer(config).await?;
            if let Mode::Offline { store } = mode
                && !self.told.replace(true)
            {
                let note =
                    format!("chatd is not running; working on the store in {store} directly");
                self.console.note(&note);
            }
            let done = self.within(work(&self.introduce(client))).await;
            closer.close().await;
            done
        })
    }

    /// What was typed, for the audit log, without what of it is secret.
    pub(crate) fn line(&self) -> String {
        let word = |arg: &OsString| without_secrets(&arg.to_string_lossy());
        let words: Vec<_> = self.args.iter().map(word).collect();
        words.join(" ")
    }
}

/// A runtime for one conversation.
pub(crate) fn one_thread() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?)
}

/// All pages of a list, as one. The path may have a query.
pub(crate) async fn all<T: DeserializeOwned>(
    client: &Client,
    path: &str,
) -> Result<List<T>, Failure> {
    let mut items = Vec::new();
    let and = if path.contains('?') { '&' } else { '?' };
    let first = format!("{path}{and}limit={PAGE}");
    let mut page = first.clone();
    loop {
        let list: List<T> = client.get(&page).await?;
        items.extend(list.items);
        match list.next {
            Some(cursor) => page = format!("{first}&cursor={}", quote(&cursor)),
            None => return Ok(List { items, next: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stays_in_its_segment() {
        assert_eq!(quote("ana-1_x.y"), "ana-1_x.y");
        assert_eq!(quote("../a?b=ü"), "..%2Fa%3Fb%3D%C3%BC");
    }
}
