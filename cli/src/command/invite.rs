//! `chatd invite`: codes with which people make themselves an account.

use chatd::{
    admin::api::{self, NewInvite},
    clock::Millis,
    model::Role,
};
use clap::{Args, Subcommand};

use super::role_parser;
use crate::{
    asking::Asking,
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{Facts, escape, moment},
};

/// Make invitations
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd invite create
  chatd invite create --role moderator")]
pub(crate) enum Invite {
    Create(Create),
}

/// Make a code with which one person can register
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd invite create
  chatd invite create --role moderator
  chatd invite create --json | jq -r .code")]
pub(crate) struct Create {
    /// The role the new account gets
    #[arg(long, value_parser = role_parser(), default_value = Role::Member.as_str())]
    role: Role,

    #[command(flatten)]
    dry: DryRun,
}

impl Invite {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let Self::Create(create) = self;
        let new = NewInvite {
            role: Some(create.role),
            dry_run: create.dry.dry_run,
        };
        let made: Result<api::Invite, Failure> = asking.act(create.dry.dry_run, async |client| {
            Ok(client.post("/v1/invites", &new).await?)
        });
        let hint = (
            Exit::Usage,
            "`chatd invite create --help` lists the roles".to_owned(),
        );
        let made = made.explain(|| "make an invitation".into(), hint)?;
        asking.console.answer(&made, |now| page(&made, now))?;
        if made.code.is_some() {
            asking
                .console
                .note("The code is shown this once. It goes into `invite` of POST /v1/register.");
        }
        Ok(())
    }
}

fn page(made: &api::Invite, now: Millis) -> String {
    let Some(code) = made.code.as_deref().filter(|_| !made.dry_run) else {
        return format!(
            "Dry run: an invitation for a {} can be made. Nothing was changed.",
            made.role
        );
    };
    Facts::default()
        .with("code", escape(code))
        .with("role", made.role.as_str())
        .with("good until", moment(made.expires_at, now))
        .under("An invitation for one person")
}
