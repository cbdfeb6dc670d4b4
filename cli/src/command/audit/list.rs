//! `chatd audit list`: the acts, the newest first.

use std::fmt::Write as _;

use chatd::{
    admin::api::{self, audit::Act},
    clock::{Clock, Millis},
    ops::ActPattern,
};
use clap::Args;

use super::page;
use crate::{
    args::When,
    asking::{Asking, quote},
    failure::{Exit, Explain as _, Failure},
};

/// As many as the server gives at once.
const PAGE: u64 = 200;

/// List acts, the newest first
///
/// Every act on accounts, roles, sessions, rooms, invitations and keys: when, what, who, to what. Operators
/// are shown by their user of the operating system, with what they said they ran. Times are in UTC.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd audit list --since 2h
  chatd audit list --act 'user.*' --target bob --reverse
  chatd audit list --user ana --since 2026-11-01 --until 2026-11-07
  chatd audit list --json | jq -r '.items[] | .act'")]
pub(crate) struct List {
    /// Only what this account did: its name or id
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// Only such acts: `user.role`, or `user.*` for all about users
    #[arg(long, value_name = "ACT")]
    act: Option<ActPattern>,

    /// Only what was done to this: a user, a room, or any id
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,

    /// Not before: how long ago (2h, 7d), a day, or a moment
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,

    /// Not after: the same; a day is included
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,

    /// The oldest first
    #[arg(long)]
    reverse: bool,

    /// Go on where an earlier list ended: its `next`
    #[arg(long, value_name = "NEXT")]
    cursor: Option<String>,
}

impl List {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let asked = self.query(Clock::system().now());
        let found: Result<api::List<Act>, Failure> = asking.look(async |client| {
            let mut items: Vec<Act> = Vec::new();
            let mut next = self.cursor.clone();
            loop {
                let have = u64::try_from(items.len()).unwrap_or(u64::MAX);
                let limit = (self.limit - have).min(PAGE);
                let mut path = format!("/v1/audit?limit={limit}{asked}");
                if let Some(cursor) = &next {
                    write!(path, "&cursor={}", quote(cursor)).expect("a String takes it");
                }
                let list: api::List<Act> = client.get(&path).await?;
                items.extend(list.items);
                next = list.next;
                if next.is_none() || items.len() as u64 >= self.limit {
                    return Ok(api::List { items, next });
                }
            }
        });
        let hint = (
            Exit::NotFound,
            "`chatd user list` lists every account; one that is gone has an id still".to_owned(),
        );
        let found = found.explain(|| "list acts".into(), hint)?;
        asking
            .console
            .list(&found, "There are no such acts.", |acts, _| {
                page::list(acts)
            })?;
        if found.next.is_some() && asking.console.is_words() {
            let more = "There are more: say --limit, --since or --act, or write all out with \
                        `chatd audit export`.";
            asking.console.note(more);
        }
        Ok(())
    }

    fn query(&self, now: Millis) -> String {
        let mut query = String::new();
        let mut say = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                write!(query, "&{name}={}", quote(&value)).expect("a String takes it");
            }
        };
        say("user", self.user.clone());
        say("act", self.act.as_ref().map(ToString::to_string));
        say("target", self.target.clone());
        say("since", self.since.map(|w| w.since(now).0.to_string()));
        say("until", self.until.map(|w| w.until(now).0.to_string()));
        say("order", self.reverse.then(|| "oldest".to_owned()));
        query
    }
}
