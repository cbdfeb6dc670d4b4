//! What a shell is told while somebody types: commands and flags, and the names that are on the server.
//!
//! The scripts of `chatd completions` call this binary with `COMPLETE` set. Then nothing but candidates is said: a
//! shell is no place for errors. Names come from a running server only; no store is opened for them.

use std::{collections::BTreeSet, ffi::OsString, time::Duration};

use chatd::server;
use clap::{Arg, Command, FromArgMatches as _};
use clap_complete::{
    engine::{ArgValueCandidates, CompletionCandidate},
    env::CompleteEnv,
};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    asking::{one_thread, quote},
    cli::Global,
    help, settings,
};

/// The variable by which the scripts ask; its value is the shell.
pub(crate) const VARIABLE: &str = "COMPLETE";
/// How long the server is waited for. Mostly it takes a few milliseconds; later than this, typing feels slow.
const BUDGET: Duration = Duration::from_millis(200);
/// How many names are asked for, as many as a page has.
const MOST: usize = 200;

/// Answers a shell, if one asks; whether one did.
pub(crate) fn answer(args: &[OsString]) -> bool {
    if std::env::var_os(VARIABLE).is_none_or(|shell| shell.is_empty()) {
        return false;
    }
    let env = CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .bin("chatd")
        .completer("chatd");
    // Whatever is wrong, the shell goes on without candidates.
    let _ = env.try_complete(args.to_vec(), None);
    true
}

/// The command line, with the names on the server where an argument takes one.
fn command() -> Command {
    attach(help::command(), "")
}

fn attach(command: Command, path: &str) -> Command {
    let command = command.mut_args(|arg| match source(path, &arg) {
        Some(source) => arg.add(ArgValueCandidates::new(move || candidates(source))),
        None => arg,
    });
    command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        attach(sub, path.trim_start())
    })
}

/// Where names come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Source {
    path: &'static str,
    /// The member of each item that is the candidate.
    member: &'static str,
}

/// What an argument takes, by what it is called: the same word means the same thing in every command.
fn source(path: &str, arg: &Arg) -> Option<Source> {
    if !arg.get_possible_values().is_empty() {
        return None;
    }
    let (path, member) = match (path, arg.get_id().as_str()) {
        (_, "user" | "users" | "bot") | ("message search", "from") => ("/v1/users", "name"),
        (_, "room" | "rooms") => ("/v1/rooms", "name"),
        (_, "role") => ("/v1/roles", "name"),
        (_, "run") => ("/v1/archive/runs", "id"),
        (_, "conn") => ("/v1/conns", "id"),
        (_, "job") => ("/v1/jobs", "id"),
        ("session revoke", "id") => ("/v1/users/{user}/sessions", "id"),
        ("invite revoke", "id") => ("/v1/invites", "id"),
        ("hold release", "id") => ("/v1/holds", "id"),
        ("message restore", "id") => ("/v1/redactions", "id"),
        ("report resolve", "id") => ("/v1/reports", "id"),
        _ => return None,
    };
    Some(Source { path, member })
}

fn candidates(source: Source) -> Vec<CompletionCandidate> {
    let names = ask(source).unwrap_or_default();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// The names there are; none when no server answers in time.
fn ask(source: Source) -> Option<BTreeSet<String>> {
    let words = words(std::env::args_os());
    let path = match source.path.split_once("{user}") {
        None => source.path.to_owned(),
        Some((before, after)) => format!("{before}{}{after}", quote(&user(&words)?)),
    };
    let config = settings::load(&settings::or_service(settings::sources(
        &global(&words),
        &words,
    )))
    .ok()?
    .config;
    let asked = async {
        let client = server::find(&config).await.ok()??;
        let path = format!("{path}?limit={MOST}");
        let document: Value = client.get(&path).await.ok()?;
        names(&document, source.member)
    };
    one_thread()
        .ok()?
        .block_on(async { timeout(BUDGET, asked).await.ok()? })
}

/// What was typed so far: it stands after `--`.
fn words(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    args.skip_while(|arg| arg != "--").skip(1).collect()
}

/// The flags that say which server is meant.
fn global(words: &[OsString]) -> Global {
    let matches = help::command()
        .ignore_errors(true)
        .try_get_matches_from(words);
    let global = matches
        .ok()
        .and_then(|matches| Global::from_arg_matches(&matches).ok());
    global.unwrap_or_default()
}

/// Whose sessions: the first word after `revoke` that is no flag.
fn user(words: &[OsString]) -> Option<String> {
    let after = words.iter().skip_while(|word| *word != "revoke").skip(1);
    let mut names = after.filter_map(|word| word.to_str());
    names
        .find(|word| !word.starts_with('-') && !word.is_empty())
        .map(str::to_owned)
}

/// The candidates of a list. What would have to be quoted, or acts on a terminal, is left out.
fn names(document: &Value, member: &str) -> Option<BTreeSet<String>> {
    let items = document
        .get("items")
        .or_else(|| document.get("rows"))?
        .as_array()?;
    let names = items.iter().filter_map(|item| item.get(member)?.as_str());
    let is_plain = |name: &&str| {
        let plain = |c: char| c.is_alphanumeric() || "._-+@".contains(c);
        name.chars().all(plain) && !name.starts_with('-')
    };
    Some(names.filter(is_plain).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_that_act_are_no_candidates() {
        let all = json!({"items": [
            {"name": "ana"}, {"name": "-rf"}, {"name": "a b"}, {"name": "$(id)"}, {"name": "x\u{1b}"}, {"name": "ünï"},
        ]});
        let names = names(&all, "name").expect("names");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["ana", "ünï"]);
    }

    #[test]
    fn the_server_that_is_meant_is_taken_from_what_was_typed() {
        let typed = ["chatd", "user", "show", "--data-dir", "/d", "an"].map(OsString::from);
        assert_eq!(global(&typed).data_dir, Some("/d".into()));
        let typed = ["chatd", "session", "revoke", "--json", "ana", ""].map(OsString::from);
        assert_eq!(user(&typed).as_deref(), Some("ana"));
    }

    /// Whatever names something that is on the server is completed.
    #[test]
    fn every_name_of_a_user_or_room_is_completed() {
        fn walk(command: &Command, path: &str, found: &mut Vec<String>) {
            for arg in command.get_arguments() {
                let takes = arg.get_value_names().unwrap_or_default();
                let named = takes
                    .iter()
                    .any(|name| matches!(name.as_str(), "USER" | "ROOM" | "BOT"));
                if named
                    && arg.get_action().takes_values()
                    && arg.get::<ArgValueCandidates>().is_none()
                {
                    found.push(format!("{path} {}", arg.get_id()));
                }
            }
            for sub in command.get_subcommands() {
                walk(sub, &format!("{path} {}", sub.get_name()), found);
            }
        }
        let mut command = command();
        command.build();
        let mut missing = Vec::new();
        walk(&command, "", &mut missing);
        assert!(missing.is_empty(), "{missing:?}");
    }
}
