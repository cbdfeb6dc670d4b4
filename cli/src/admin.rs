//! Asking: the daemon when one runs, else the same router over the store in this process.

use std::{ffi::OsString, fmt::Write as _};

use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

use crate::{
    console::Console,
    failure::Failure,
    settings,
    stub::{
        admin::{Client, api::List},
        server::{self, Mode},
    },
};

/// As many as a page may have.
const PAGE: usize = 200;

/// What a command needs to ask something.
pub(crate) struct Asking<'a> {
    /// What was typed on the way.
    pub(crate) sources: chatd::config::Sources,
    /// The whole line, for the audit log.
    pub(crate) args: &'a [OsString],
    /// To whom notes go.
    pub(crate) console: &'a Console,
}

impl Asking<'_> {
    /// Runs `work` with a client, whoever answers it.
    pub(crate) fn ask<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.open(async |client, mode| {
            if let Mode::Offline { store } = mode {
                let note =
                    format!("chatd is not running; working on the store in {store} directly");
                self.console.note(&note);
            }
            work(client).await
        })
    }

    /// Runs `work` with a client of the daemon; there must be one.
    pub(crate) fn ask_daemon<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.open(async |client, mode| match mode {
            Mode::Daemon { .. } => work(client).await,
            Mode::Offline { .. } => Err(Failure::NotRunning),
        })
    }

    fn open<T>(
        &self,
        work: impl AsyncFnOnce(&Client, &Mode) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let config = settings::load(&self.sources)?.config;
        one_thread()?.block_on(async {
            let (client, mode, closer) = server::administer(&config).await?;
            let line: Vec<_> = self.args.iter().map(|arg| arg.to_string_lossy()).collect();
            let done = work(&client.with_command(&line.join(" ")), &mode).await;
            closer.close().await;
            done
        })
    }
}

/// A runtime for one conversation.
pub(crate) fn one_thread() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?)
}

/// All pages of a list, as one.
pub(crate) async fn all<T: DeserializeOwned>(
    client: &Client,
    path: &str,
) -> Result<List<T>, Failure> {
    let mut items = Vec::new();
    let mut page = format!("{path}?limit={PAGE}");
    loop {
        let list: List<T> = client.get(&page).await?;
        items.extend(list.items);
        match list.next {
            Some(cursor) => page = format!("{path}?limit={PAGE}&cursor={}", quote(&cursor)),
            None => return Ok(List { items, next: None }),
        }
    }
}

/// What a person typed, as one segment of a path or one value of a query.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~.".contains(&byte) {
            quoted.push(char::from(byte));
        } else {
            write!(quoted, "%{byte:02X}").expect("a String takes all that is written to it");
        }
    }
    quoted
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
