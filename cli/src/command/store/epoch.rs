//! `chatd store new-epoch`: telling clients that what they remember is not what is there.

use chatd::{
    admin::api::{self, EpochSet},
    server, store,
};
use clap::Args;

use crate::{
    args::Sure,
    asking::{Asking, one_thread},
    cli::DryRun,
    failure::Failure,
    output::{Facts, escape},
    settings,
};

/// Make the store another incarnation, after going back to a copy
///
/// Clients remember how far they have read. After a backup was put back, the same numbers are given out
/// again for other messages; a new epoch tells clients so, and they reload. Access tokens of the old epoch are
/// refused and refresh tokens get new ones, so nobody has to log in again. No server may run on the
/// store. On a terminal it asks to type a word; elsewhere it takes --yes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd store new-epoch --dry-run
  chatd store new-epoch --yes")]
pub(crate) struct NewEpoch {
    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    dry: DryRun,
}

impl NewEpoch {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        self.sure.begin(dry_run)?;
        let text = "Clients give up what they remember and reload; the epoch of before does not come back.";
        self.sure.confirm(dry_run, "new-epoch", text)?;
        let config = settings::load(&asking.sources)?.config;
        one_thread()?.block_on(async {
            let Some(client) = server::find(&config).await? else {
                return Ok(());
            };
            let status: api::Status = client.get("/v1/status").await?;
            let (path, pid) = (config.server.data_dir.display().to_string(), status.pid);
            let socket = None;
            let locked = store::Error::Locked { path, pid, socket };
            Err(Failure::from(server::Error::from(locked)))
        })?;
        // It makes no store that is not there.
        let set: EpochSet = asking.look(async |client| {
            let body = api::NewEpoch { dry_run };
            Ok(client.post("/v1/store/epoch", &body).await?)
        })?;
        asking.console.answer(&set, |_| page(&set))
    }
}

fn page(set: &EpochSet) -> String {
    let facts = Facts::default()
        .with("before", escape(&set.before))
        .maybe("now", set.epoch.as_deref().map(escape));
    let consequence = "Clients reload what they have, and get new access tokens by themselves; \
                       nobody has to log in again.";
    if set.dry_run {
        let title = "Dry run: the store would get a new epoch. Nothing was changed.";
        return format!("{}\n{consequence}", facts.under(title));
    }
    format!(
        "{}\n{consequence}",
        facts.under("The store has a new epoch.")
    )
}
