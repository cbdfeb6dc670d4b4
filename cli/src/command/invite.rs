//! `chatd invite`: codes with which people make themselves an account.

use chatd::{
    admin::api::{self, Done, List, NewInvite},
    clock::Millis,
    model::RoleName,
};
use clap::{Args, Subcommand};

use crate::{
    args::seconds,
    asking::{Asking, quote},
    cli::DryRun,
    console::Console,
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Facts, Table, escape, moment, number},
};

/// Make, list and revoke invitations
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd invite create
  chatd invite create --role moderator --uses 5 --for 7d
  chatd invite list")]
pub(crate) enum Invite {
    Create(Create),

    /// List the invitations that can still be used
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  chatd invite list
  chatd invite list --json | jq -r '.items[].id'"
    )]
    List,

    Revoke(Revoke),
}

/// Make a code with which people can register
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd invite create
  chatd invite create --role moderator
  chatd invite create --uses 20 --for 14d --json | jq -r .code")]
pub(crate) struct Create {
    /// The role the new account gets
    #[arg(long, default_value = "member")]
    role: RoleName,

    /// How many people can register with it
    #[arg(long, value_name = "N", default_value_t = 1)]
    uses: u32,

    /// How long it is good, such as 12h or 7d [default: 72h, or auth.code]
    #[arg(long = "for", value_name = "PERIOD", value_parser = seconds)]
    lifetime: Option<u64>,

    #[command(flatten)]
    dry: DryRun,
}

/// Take an invitation back
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd invite revoke 9f8e7d6c5b4a3921
  chatd invite revoke 9f8e7d6c5b4a3921 --dry-run")]
pub(crate) struct Revoke {
    /// Its id, as `chatd invite list` shows it
    id: String,

    #[command(flatten)]
    dry: DryRun,
}

impl Invite {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(asking),
            Self::List => list(asking),
            Self::Revoke(revoke) => revoke.run(asking),
        }
    }
}

impl Create {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let new = NewInvite {
            role: Some(self.role.to_string()),
            uses: Some(self.uses),
            expires_in: self.lifetime,
            dry_run,
        };
        let made: Result<api::Invite, Failure> = asking.act(dry_run, async |client| {
            Ok(client.post("/v1/invites", &new).await?)
        });
        let hint = (
            Exit::NotFound,
            "`chatd role list` lists the roles".to_owned(),
        );
        let made = made.explain(|| "make an invitation".into(), hint)?;
        let code = made.code.as_deref();
        asking
            .console
            .answer_secret(&made, code, |now| page(&made, now))?;
        if code.is_some() {
            asking
                .console
                .note("The code is shown this once. It goes into `invite` of POST /v1/register.");
        }
        Ok(())
    }
}

fn list(asking: &Asking<'_>) -> Result<(), Failure> {
    let codes: List<api::Invite> =
        asking.look(async |client| Ok(client.get("/v1/invites").await?))?;
    show(asking.console, &codes, "chatd invite create")
}

/// Shows codes, or says what makes one.
pub(super) fn show(
    console: &Console,
    codes: &List<api::Invite>,
    create: &str,
) -> Result<(), Failure> {
    let nothing = format!("There is none that could be used: `{create}` makes one.");
    console.list(codes, &nothing, table_of)
}

impl Revoke {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let path = format!("/v1/invites/{}?dry_run={dry_run}", quote(&self.id));
        let done: Result<Done, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let hint = "`chatd invite list` lists those that can still be used".to_owned();
        let done = done.explain(
            || format!("revoke invitation `{}`", self.id),
            (Exit::NotFound, hint),
        )?;
        asking.console.answer(&done, |_| {
            let id = escape(&self.id);
            if dry_run {
                format!("Dry run: invitation {id} can be revoked. Nothing was changed.")
            } else {
                format!("Revoked invitation {id}: nobody registers with it any more.")
            }
        })
    }
}

/// Codes, a line each.
fn table_of(codes: &[api::Invite], now: Millis) -> Table {
    let rows = codes.iter().map(|code| {
        vec![
            Cell::text(&code.id),
            // A room's code gives no role on the server.
            match code.room {
                None => Cell::text(&code.role),
                Some(_) => Cell::default(),
            },
            Cell::number(code.uses.into()),
            Cell::ago(code.expires_at, now),
            Cell::or(code.by.as_deref(), "operator"),
            Cell::ago(code.created_at, now),
        ]
    });
    Table::new(&["ID", "ROLE", "#USES", "GOOD UNTIL", "BY", "MADE"], rows)
}

fn page(made: &api::Invite, now: Millis) -> String {
    let role = escape(&made.role);
    let Some(code) = made.code.as_deref().filter(|_| !made.dry_run) else {
        return format!("Dry run: an invitation for a {role} can be made. Nothing was changed.");
    };
    let title = match made.uses {
        1 => "An invitation for one person".to_owned(),
        uses => format!("An invitation for {} people", number(uses.into())),
    };
    Facts::default()
        .with("code", escape(code))
        .with("id", escape(&made.id))
        .with("role", role)
        .with("good until", moment(made.expires_at, now))
        .under(&title)
}
