//! `chatd token`: what bots come with instead of a password.

use chatd::{
    admin::{
        self, Client,
        api::{List, NewToken, Refused, Session, TokenIssued},
    },
    clock::Millis,
    model::{DeviceName, Permission},
};
use clap::{Args, Subcommand};

use super::session;
use crate::{
    args::{Noted, permission, seconds},
    asking::{Asking, quote},
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Facts, Table, escape, moment},
};

/// Issue, list and revoke the tokens of bots
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd user add herald --bot
  chatd token issue herald --name ci --scope message.send
  chatd token list herald
  chatd token revoke herald ci")]
pub(crate) enum Token {
    Issue(Issue),
    List(ListOf),
    Revoke(Revoke),
}

/// Issue a token for a bot
///
/// The token is shown this once. It is good for what its scopes name, as far as the bot's role includes
/// that, as `Authorization: Bearer TOKEN` or in `hello`. With --quiet the token is all that is printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd token issue herald --name ci --scope message.send
  TOKEN=$(chatd token issue herald --name ci --scope message.send -q)
  chatd token issue herald --name ci --for 90d \\
    --scope message.read --scope message.send --scope room.join

`chatd role permissions` tells what each scope is.")]
pub(crate) struct Issue {
    /// The bot: a name or id
    bot: String,

    /// What to call it: where it will be used
    #[arg(long, value_name = "TEXT")]
    name: DeviceName,

    /// What it is good for; may be repeated
    #[arg(
        long = "scope", value_name = "PERMISSION", required = true, value_delimiter = ',',
        hide_possible_values = true, value_parser = permission()
    )]
    scopes: Vec<Permission>,

    /// How long it is good, such as 90d; until it is revoked when not said
    #[arg(long = "for", value_name = "PERIOD", value_parser = seconds)]
    lifetime: Option<u64>,

    #[command(flatten)]
    dry: DryRun,
}

/// List the tokens of a bot
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  chatd token list herald
  chatd token list herald --json | jq -r '.items[].device'"
)]
pub(crate) struct ListOf {
    /// The bot: a name or id
    bot: String,
}

/// Revoke a token: it is refused from now on
///
/// Connections that came with it are closed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd token revoke herald ci
  chatd token revoke herald ci --reason 'it was in a log' --dry-run")]
pub(crate) struct Revoke {
    /// The bot: a name or id
    bot: String,

    /// The token: its name or id
    token: String,

    #[command(flatten)]
    noted: Noted,
}

impl Token {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Issue(issue) => issue.run(asking),
            Self::List(list) => list.run(asking),
            Self::Revoke(revoke) => revoke.run(asking),
        }
    }
}

fn path(bot: &str) -> String {
    format!("/v1/users/{}/tokens", quote(bot))
}

impl Issue {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let new = NewToken {
            name: self.name.to_string(),
            scopes: self.scopes.iter().copied().collect(),
            expires_in: self.lifetime,
            dry_run,
        };
        let path = path(&self.bot);
        let issued: Result<TokenIssued, Failure> =
            asking.act(dry_run, async |client| Ok(client.post(&path, &new).await?));
        let doing = || format!("issue a token for `{}`", self.bot);
        let issued = issued.explain(doing, bots())?;
        let token = issued.token.as_deref();
        asking
            .console
            .answer_secret(&issued, token, |now| self.page(&issued, now))?;
        if token.is_some() {
            asking
                .console
                .note("The token is shown this once. It goes into `Authorization: Bearer TOKEN`.");
        }
        Ok(())
    }

    fn page(&self, issued: &TokenIssued, now: Millis) -> String {
        let (bot, name) = (escape(&self.bot), escape(self.name.as_str()).into_owned());
        let Some(token) = issued.token.as_deref() else {
            return format!(
                "Dry run: a token {name} for {bot} can be issued. Nothing was changed."
            );
        };
        let until = issued.session.expires_at;
        Facts::default()
            .with("token", escape(token))
            .with("id", escape(&issued.session.id))
            .with("scopes", scopes(&issued.session))
            .with(
                "expires",
                until.map_or("never".into(), |at| moment(at, now)),
            )
            .under(&format!("Issued the token {name} for {bot}."))
    }
}

impl ListOf {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let tokens: Result<List<Session>, Failure> =
            asking.look(async |client| Ok(client.get(&path(&self.bot)).await?));
        let tokens = tokens.explain(|| format!("list the tokens of `{}`", self.bot), bots())?;
        let nothing = format!(
            "{} has no tokens: `chatd token issue` makes one for a bot.",
            self.bot
        );
        asking.console.list(&tokens, &nothing, table_of)
    }
}

impl Revoke {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.noted.dry.dry_run;
        let revoked = asking.act(dry_run, async |client| {
            let id = self.find(client).await?;
            let path = session::path(&self.bot, Some(&id), &self.noted);
            let revoked: Session = client.delete(&path).await?;
            Ok(revoked)
        });
        let hint = format!("`chatd token list {}` lists its tokens", self.bot);
        let doing = || format!("revoke the token `{}` of `{}`", self.token, self.bot);
        let revoked = revoked.explain(doing, (Exit::NotFound, hint))?;
        asking.console.answer(&revoked, |_| {
            let name = escape(revoked.device.as_deref().unwrap_or(&revoked.id));
            let bot = escape(&self.bot);
            if dry_run {
                format!("Dry run: the token {name} of {bot} can be revoked. Nothing was changed.")
            } else {
                format!("Revoked the token {name} of {bot}.")
            }
        })
    }

    /// The id of the token that was named.
    async fn find(&self, client: &Client) -> Result<String, Failure> {
        let tokens: List<Session> = client.get(&path(&self.bot)).await?;
        let is_it = |t: &Session| t.id == self.token || t.device.as_ref() == Some(&self.token);
        let found = tokens.items.into_iter().find(is_it);
        let missing = || {
            Failure::Admin(admin::Error::Refused(Refused {
                code: "not_found".into(),
                detail: "there is no such token".into(),
                field: None,
            }))
        };
        found.map(|t| t.id).ok_or_else(missing)
    }
}

/// Tokens, a line each.
pub(super) fn table_of(tokens: &[Session], now: Millis) -> Table {
    let rows = tokens.iter().map(|token| {
        vec![
            Cell::or(token.device.as_deref(), ""),
            Cell::ago(token.created_at, now),
            Cell::ago_or(token.expires_at, now, "never"),
            Cell::text(scopes(token)),
        ]
    });
    Table::new(&["TOKEN", "ISSUED", "EXPIRES", "SCOPES"], rows)
}

fn scopes(token: &Session) -> String {
    token.scopes.map(|s| s.to_string()).unwrap_or_default()
}

/// The advice when there is no such account.
fn bots() -> (Exit, String) {
    let hint = "`chatd user list` lists every account, `chatd user add NAME --bot` makes a bot";
    (Exit::NotFound, hint.into())
}
