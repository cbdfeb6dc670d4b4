//! The store: served by the server, or else opened here for a look.

use std::time::Duration;

use chatd::{admin::api::StoreStatus, config::Config, server};
use tokio::time::timeout;

use super::{
    finding::Finding,
    seen::{Seen, Server},
};
use crate::{
    asking::one_thread,
    failure::Failure,
    output::{bytes, count},
};

const CHECK: &str = "store";
/// How long opening it may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The store, and what it says of itself.
pub(super) fn store(config: &Config, seen: &Seen) -> Vec<Finding> {
    match &seen.server {
        Server::Answers(status) => vec![served(&status.store)],
        // That it cannot be asked was said.
        Server::Silent { .. } => Vec::new(),
        Server::Nobody => vec![opened(config)],
    }
}

fn served(store: &StoreStatus) -> Finding {
    match &store.trouble {
        Some(why) => Finding::problem(
            CHECK,
            format!(
                "{} at {} does not answer: {why}",
                name(store),
                store.location
            ),
            "chatd status   # says when it is back",
        ),
        None => Finding::ok(CHECK, described(store)),
    }
}

fn described(store: &StoreStatus) -> String {
    let size = store.bytes.map(|it| format!(", {}", bytes(it)));
    let users = store.users.map(|it| format!(", {}", count(it, "user")));
    format!(
        "{} {}, schema {}{}{}",
        name(store),
        store.version,
        store.schema,
        size.unwrap_or_default(),
        users.unwrap_or_default()
    )
}

fn name(store: &StoreStatus) -> &'static str {
    if store.backend == "mongodb" {
        "MongoDB"
    } else {
        "SQLite"
    }
}

/// No server runs: a look from here. A store of an older schema is not opened, as that would change it.
fn opened(config: &Config) -> Finding {
    match server::missing_store(config) {
        Ok(Some(path)) => {
            let what = format!("none at {} yet; the first start makes it", path.display());
            return Finding::ok(CHECK, what);
        }
        Ok(None) => {}
        Err(e) => return broken(&Failure::from(e)),
    }
    let Ok(runtime) = one_thread() else {
        return Finding::warning(CHECK, "it could not be looked at", "chatd store info");
    };
    // Inside of it: a timer belongs to its runtime.
    let looked = runtime.block_on(async { timeout(PATIENCE, look(config)).await });
    match looked {
        Ok(Ok(finding)) => finding,
        Ok(Err(e)) => broken(&e),
        Err(_) => Finding::problem(
            CHECK,
            format!("it does not open within {} s", PATIENCE.as_secs()),
            "chatd store info",
        ),
    }
}

async fn look(config: &Config) -> Result<Finding, Failure> {
    let schema = server::stores::migrate(config, true).await;
    let schema = match schema {
        Err(server::Error::Copy(chatd::store::copy::Error::Nothing(at))) => {
            return Ok(Finding::ok(
                CHECK,
                format!("{at} is empty; the first start fills it"),
            ));
        }
        other => other?,
    };
    if schema.from < schema.to {
        let what = format!(
            "it has schema {}; the next start brings it to {}, after which older versions do not open it",
            schema.from, schema.to
        );
        let mend =
            "make a copy (docs/operating.md, \"Backing up\"), then start, or: chatd store migrate";
        return Ok(Finding::warning(CHECK, what, mend));
    }
    let (client, _, closer) = server::administer(config).await?;
    let seen = Seen::of(&client).await;
    closer.close().await;
    let seen = seen?;
    let what = seen.status().map(|status| described(&status.store));
    let what = format!("it opens: {}", what.unwrap_or_default());
    Ok(Finding::ok(CHECK, what))
}

fn broken(why: &Failure) -> Finding {
    let mend = why.hint().unwrap_or_else(|| {
        "chatd store check; if it is damaged, go back to a copy (docs/operating.md)".into()
    });
    Finding::problem(CHECK, format!("it does not open — {why}"), mend)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::command::doctor::finding::Verdict;

    fn config(dir: &std::path::Path) -> Config {
        Config {
            server: chatd::config::Server {
                data_dir: dir.to_owned(),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    #[test]
    fn a_store_that_is_no_store_is_a_problem() {
        let dir = tempfile::tempdir().expect("a directory");
        let config = config(dir.path());
        let found = store(&config, &Seen::default());
        assert_eq!(found[0].verdict, Verdict::Ok, "{found:?}");
        fs::write(dir.path().join("chatd.db"), "not a database, not at all").expect("a file");
        let found = store(&config, &Seen::default());
        assert_eq!(found[0].verdict, Verdict::Problem, "{found:?}");
        assert!(found[0].mend.is_some());
    }

    #[test]
    fn a_store_that_does_not_answer_is_told_with_why() {
        let status = StoreStatus {
            backend: "mongodb".into(),
            location: "mongodb://db/chat".into(),
            version: "8.0".into(),
            schema: 3,
            epoch: String::new(),
            bytes: None,
            users: None,
            rooms: None,
            free: None,
            min_free: None,
            ready: false,
            trouble: Some("no primary".into()),
        };
        let found = served(&status);
        assert_eq!(found.verdict, Verdict::Problem);
        assert!(found.what.contains("no primary"), "{found:?}");
        let well = StoreStatus {
            trouble: None,
            ..status
        };
        assert_eq!(served(&well).verdict, Verdict::Ok);
    }
}
