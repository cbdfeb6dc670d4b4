//! `chatd log-level`: which lines the running server logs.

use chatd::{
    admin::api::{LogLevel as Shown, NewLogLevel},
    clock::Millis,
    config::{LogFilter, Period},
};
use clap::{Args, Subcommand};

use crate::{
    args::{Noted, age},
    asking::Asking,
    failure::Failure,
    output::{escape, moment},
};

/// Show or set which lines the running server logs
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd log-level show
  chatd log-level set debug --for 10m
  chatd log-level reset")]
pub(crate) enum LogLevel {
    /// Show which lines are logged
    #[command(after_help = "\
Examples:
  chatd log-level show
  chatd log-level show --json | jq -r .level")]
    Show,

    Set(Set),

    /// Go by the settings again
    #[command(after_help = "\
Examples:
  chatd log-level reset
  chatd log-level reset --dry-run")]
    Reset(Noted),
}

/// Set which lines are logged, at once
///
/// LEVEL is off, error, warn, info, debug or trace; or, by module, levels with commas between them, such
/// as `info,chatd::ws=debug`. It holds for the time of --for, or else until the server stops. Passwords,
/// tokens and messages are not logged at any level.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd log-level set debug --for 10m
  chatd log-level set info,chatd::ws=trace --for 1h
  chatd log-level set warn")]
pub(crate) struct Set {
    /// What is logged, such as debug or `info,chatd::ws=debug`
    #[arg(value_name = "LEVEL", value_parser = filter)]
    level: LogFilter,

    /// Go back to the settings by itself after this time, such as 10m
    #[arg(long = "for", value_name = "TIME", value_parser = age)]
    lasts: Option<Period>,

    #[command(flatten)]
    noted: Noted,
}

fn filter(text: &str) -> Result<LogFilter, String> {
    LogFilter::parse(text)
}

impl LogLevel {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let shown: Shown =
                    asking.ask_daemon(async |client| Ok(client.get("/v1/log-level").await?))?;
                asking.console.answer(&shown, |now| {
                    format!("The log level is {}.", words(&shown, now))
                })
            }
            Self::Set(set) => {
                let level = Some(set.level.as_str().to_owned());
                let lasts = set.lasts.map(|it| it.get().as_secs().max(1));
                put(asking, level, lasts, &set.noted)
            }
            Self::Reset(noted) => put(asking, None, None, noted),
        }
    }
}

fn put(
    asking: &Asking<'_>,
    level: Option<String>,
    lasts: Option<u64>,
    noted: &Noted,
) -> Result<(), Failure> {
    let dry_run = noted.dry.dry_run;
    let new = NewLogLevel {
        level,
        lasts,
        reason: noted.reason(),
        dry_run,
    };
    let set: Shown =
        asking.ask_daemon(async |client| Ok(client.put("/v1/log-level", &new).await?))?;
    if set.recorded == Some(false) {
        asking.console.note(
            "the store does not answer, so this is in the server's log only, not in the audit log",
        );
    }
    asking.console.answer(&set, |now| {
        let words = words(&set, now);
        if dry_run {
            format!("Dry run: the log level would be {words}. Nothing was changed.")
        } else {
            format!("The log level is now {words}.")
        }
    })
}

fn words(shown: &Shown, now: Millis) -> String {
    let (level, configured) = (escape(&shown.level), escape(&shown.configured));
    match shown.until {
        Some(until) => {
            let until = moment(until, now);
            format!("{level} until {until}, then {configured} again, as the settings say")
        }
        None if shown.level == shown.configured => format!("{level}, as the settings say"),
        None => format!("{level} until the server stops; the settings say {configured}"),
    }
}
