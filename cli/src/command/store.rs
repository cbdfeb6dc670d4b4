//! `chatd store`: looking after what is kept.

mod backup;
mod bar;
mod check;
mod copy;
mod epoch;
mod reindex;
mod restore;

use chatd::{admin::api, clock::Millis, server::stores};
use clap::{Args, Subcommand};

use self::{
    backup::Backup, check::Check, copy::Copy, epoch::NewEpoch, reindex::Reindex, restore::Restore,
};
use crate::{
    asking::{Asking, one_thread},
    cli::DryRun,
    failure::Failure,
    output::{Facts, bytes, escape, moment, number, table},
    settings,
};

/// Look after the store: back it up, check it, copy it to another
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd store info
  chatd store backup /var/lib/chatd/backups/monday
  chatd store check
  chatd store copy --to mongodb://db.example.org/chat --verify")]
pub(crate) enum Store {
    /// Show what the store is and how much it holds
    #[command(after_help = "\
Examples:
  chatd store info
  chatd store info --json | jq '.tables[] | select(.table == \"entries\")'")]
    Info,

    Backup(Backup),

    Check(Check),

    Copy(Box<Copy>),

    Migrate(Migrate),

    NewEpoch(NewEpoch),

    Reindex(Reindex),

    Restore(Restore),
}

/// Bring the store to the newest schema
///
/// A start does so by itself; this does it beforehand, or with --dry-run tells whether there is anything to
/// do. A store that a newer chatd has written is refused. No server may run on it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd store migrate --dry-run
  chatd store migrate")]
pub(crate) struct Migrate {
    #[command(flatten)]
    dry: DryRun,
}

impl Store {
    pub(crate) fn run(self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Info => {
                let info: api::StoreInfo =
                    asking.look(async |client| Ok(client.get("/v1/store").await?))?;
                asking.console.answer(&info, |now| page(&info, now))
            }
            Self::Backup(backup) => backup.run(asking),
            Self::Check(check) => check.run(asking),
            Self::Copy(copy) => copy.run(asking),
            Self::Migrate(migrate) => migrate.run(asking),
            Self::NewEpoch(epoch) => epoch.run(asking),
            Self::Reindex(reindex) => reindex.run(asking),
            Self::Restore(restore) => restore.run(asking),
        }
    }
}

impl Migrate {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let config = settings::load(&asking.sources)?.config;
        let dry_run = self.dry.dry_run;
        let migrating = async { Ok(stores::migrate(&config, dry_run).await?) };
        let done = one_thread()?.block_on(asking.within(migrating))?;
        asking.console.answer(&done, |_| {
            let store = escape(&done.store);
            let (from, to) = (done.from, done.to);
            match (from == to, dry_run) {
                (true, _) => format!("{store} has schema {to}, which is the newest."),
                (_, true) => format!(
                    "Dry run: {store} has schema {from}, and would get {to}. Nothing was changed."
                ),
                (_, false) => format!("Brought {store} from schema {from} to {to}."),
            }
        })
    }
}

fn page(info: &api::StoreInfo, now: Millis) -> String {
    let store = &info.store;
    let backend = backend(&store.backend);
    let facts = Facts::default()
        .with("location", escape(&store.location))
        .with(
            "used by",
            if info.running {
                "a running server"
            } else {
                "nobody"
            },
        )
        .with(
            "size",
            store.bytes.map_or_else(|| "unknown".to_owned(), bytes),
        )
        .with("schema", store.schema.to_string())
        .with("epoch", escape(&store.epoch))
        .maybe("began", info.epoch_at.map(|at| moment(at, now)));
    let facts = if store.ready {
        facts
    } else {
        facts.with("state", "it does not answer")
    };
    let rows = info
        .tables
        .iter()
        .map(|one| vec![escape(&one.table).into_owned(), number(one.records)]);
    let tables = table(&["TABLE", "#RECORDS"], rows);
    let title = format!("{backend} {}", escape(&store.version));
    format!("{}\n{tables}", facts.under(&title))
}

/// The backend's name as it writes itself.
fn backend(word: &str) -> String {
    match word {
        "sqlite" => "SQLite".into(),
        "mongodb" => "MongoDB".into(),
        other => escape(other).into_owned(),
    }
}
