//! `chatd user passwd`, `reset`, `role`, `disable` and `enable`.

use chatd::{
    admin::api::{self, GiveStatus, NewPassword, PasswordSet},
    model::{RoleName, Status},
};
use clap::Args;
use serde_json::json;

use super::{page, path, who};
use crate::{
    args::Noted,
    asking::Asking,
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{count, escape},
    password,
};

/// Set an account's password
///
/// Ends every session of the account. On a terminal it asks for the password. `chatd user reset` lets the
/// owner choose one instead, so that nobody else knows it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd user passwd ana
  chatd user passwd bot --stdin < password.txt")]
pub(crate) struct Passwd {
    /// Its name or id
    user: String,

    /// Read the password from stdin, one line
    #[arg(long)]
    stdin: bool,

    #[command(flatten)]
    dry: DryRun,
}

/// Make a code with which the owner sets a new password
///
/// Ends every session of the account, and the old password is no good any more. Earlier codes are void.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd user reset ana
  chatd user reset ana --json | jq -r .code")]
pub(crate) struct Reset {
    /// Its name or id
    user: String,

    #[command(flatten)]
    dry: DryRun,
}

/// Give an account another role
///
/// In force at once, for open connections as well. The last admin cannot become anything else.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd user role bob moderator
  chatd user role bob member --dry-run")]
pub(crate) struct SetRole {
    /// Its name or id
    user: String,

    /// What it may do on this server from now on
    role: RoleName,

    #[command(flatten)]
    dry: DryRun,
}

/// Which account is switched, and why.
#[derive(Debug, Args)]
pub(crate) struct SetStatus {
    /// Its name or id
    user: String,

    #[command(flatten)]
    noted: Noted,
}

impl Passwd {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let password = password::read_new(self.stdin, &self.user, self.dry.dry_run)?;
        set_password(asking, &self.user, password, self.dry.dry_run)
    }
}

impl Reset {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        set_password(asking, &self.user, None, self.dry.dry_run)
    }
}

/// Sets a password; without one, makes a code to set it with.
fn set_password(
    asking: &Asking<'_>,
    user: &str,
    password: Option<String>,
    dry_run: bool,
) -> Result<(), Failure> {
    let path = path(user, "/password");
    let set: Result<PasswordSet, Failure> = asking.act(dry_run, async |client| {
        Ok(client
            .post(&path, &NewPassword { password, dry_run })
            .await?)
    });
    let set = set.explain(|| format!("set the password of `{user}`"), who())?;
    let code = set.code.as_deref();
    asking.console.answer_secret(&set, code, |now| {
        let name = escape(&set.user.name);
        let sessions = count(set.sessions_ended, "session");
        if set.dry_run {
            return format!("Dry run: {sessions} of {name} would end. Nothing was changed.");
        }
        let done = if set.code.is_some() {
            "Made a code for"
        } else {
            "Set the password of"
        };
        let title = format!("{done} {name}; {sessions} ended.");
        page::code(&title, code, set.code_expires_at, now)
    })?;
    if set.code.is_some() && !set.dry_run {
        asking.console.note(page::CODE_NOTE);
    }
    Ok(())
}

impl SetRole {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let Self {
            user,
            role,
            dry: DryRun { dry_run },
        } = self;
        let body = json!({"role": role, "dry_run": dry_run});
        let path = path(user, "/role");
        let changed: Result<api::User, Failure> = asking.act(*dry_run, async |client| {
            Ok(client.put(&path, &body).await?)
        });
        let changed = changed.explain(
            || format!("make `{user}` {role}"),
            (
                Exit::NotFound,
                "`chatd user list` lists every account, `chatd role list` every role".into(),
            ),
        )?;
        asking.console.answer(&changed, |_| {
            let name = escape(&changed.name);
            if *dry_run {
                format!("Dry run: {name} can become {role}. Nothing was changed.")
            } else {
                format!("{name} is {role} now.")
            }
        })
    }
}

impl SetStatus {
    pub(super) fn run(&self, asking: &Asking<'_>, status: Status) -> Result<(), Failure> {
        let Self { user, noted } = self;
        let dry_run = noted.dry.dry_run;
        let body = GiveStatus {
            status,
            reason: noted.reason(),
            dry_run,
        };
        let path = path(user, "/status");
        let changed: Result<api::User, Failure> =
            asking.act(dry_run, async |client| Ok(client.put(&path, &body).await?));
        let act = if status == Status::Disabled {
            "disable"
        } else {
            "enable"
        };
        let changed = changed.explain(|| format!("{act} `{user}`"), who())?;
        asking.console.answer(&changed, |_| {
            let name = escape(&changed.name);
            if dry_run {
                format!("Dry run: {name} can be {act}d. Nothing was changed.")
            } else {
                format!("{name} is {} now.", changed.status)
            }
        })
    }
}
