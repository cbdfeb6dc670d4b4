//! `chatd user add`: an account, with a password or with a code to set one.

use chatd::{
    admin::api::{NewUser, NewUserMade},
    clock::Millis,
    model::{DisplayName, Email, RoleName, Username},
};
use clap::Args;

use super::page;
use crate::{
    asking::Asking,
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::escape,
    password,
};

/// Add an account
///
/// On a terminal it asks for the password. Elsewhere, with --code, or when the password is left empty, it
/// prints a one-time code with which the owner sets the password.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd user add ana --role admin
  chatd user add bob --email bob@example.org --code
  pwgen 20 1 | chatd user add bot --stdin")]
pub(crate) struct Add {
    /// Its unique name: a-z, 0-9, '.', '_' and '-'
    name: Username,

    /// What it may do on this server: guest, auditor, member, moderator, admin, or a role of your own
    #[arg(long, default_value = "member")]
    role: RoleName,

    /// It is a program's: it has no password, but tokens (see `chatd token`)
    #[arg(long, conflicts_with_all = ["stdin", "code", "email"])]
    bot: bool,

    /// How the person wants to be called
    #[arg(long, value_name = "TEXT")]
    display_name: Option<DisplayName>,

    /// An address, which can then be used to log in
    #[arg(long, value_name = "ADDRESS")]
    email: Option<Email>,

    #[command(flatten)]
    password: password::Source,

    #[command(flatten)]
    dry: DryRun,
}

impl Add {
    pub(super) fn run(self, asking: &Asking<'_>) -> Result<(), Failure> {
        let name = self.name.to_string();
        let dry_run = self.dry.dry_run;
        let new = NewUser {
            name: name.clone(),
            role: Some(self.role.into()),
            bot: self.bot,
            display_name: self.display_name.map(Into::into),
            email: self.email.map(Into::into),
            password: if self.bot {
                None
            } else {
                password::read(self.password, &name, dry_run)?
            },
            dry_run,
        };
        let made: Result<NewUserMade, Failure> = asking.act(dry_run, async |client| {
            Ok(client.post("/v1/users", &new).await?)
        });
        let hint = "`chatd role list` lists every role".to_owned();
        let hint = (Exit::NotFound, hint);
        let made = made.explain(|| format!("add user `{name}`"), hint)?;
        let code = made.code.as_deref();
        asking
            .console
            .answer_secret(&made, code, |now| words(&made, now))?;
        if made.user.bot && !dry_run {
            let next = format!("Next: chatd token issue {name} --name NAME --scope PERMISSION");
            asking.console.note(&next);
        }
        if made.code.is_some() && !dry_run {
            asking.console.note(page::CODE_NOTE);
        }
        Ok(())
    }
}

fn words(made: &NewUserMade, now: Millis) -> String {
    let (name, role) = (escape(&made.user.name), escape(&made.user.role));
    if made.dry_run {
        return format!("Dry run: {name} can be added as {role}. Nothing was changed.");
    }
    let title = format!("Added {name} as {role}.");
    page::code(&title, made.code.as_deref(), made.code_expires_at, now)
}
