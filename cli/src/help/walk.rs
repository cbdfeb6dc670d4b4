//! Every command of the tree, one by one: what its help and its examples promise holds.

use clap::{Command, FromArgMatches as _, error::ErrorKind};

use super::{command, examples};
use crate::{cli::Cli, reference};

/// Commands and groups of commands, with their path.
fn all() -> Vec<(String, Command)> {
    fn walk(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        let subs = command.get_subcommands();
        for sub in subs.filter(|sub| sub.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name());
            let path = path.trim_start();
            found.push((path.to_owned(), sub.clone()));
            walk(sub, path, found);
        }
    }
    let mut root = command();
    root.build();
    let mut found = Vec::new();
    walk(&root, "", &mut found);
    found
}

/// The calls of chatd in a line for a shell, as words. Pipes, redirections and comments end one.
fn calls(line: &str) -> Vec<Vec<String>> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('"') | None, '\\') => word.extend(chars.next()),
            (None, '\'' | '"') => (quote, begun) = (Some(c), true),
            (None, ' ') => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (_, c) => word.push(c),
        }
    }
    assert!(quote.is_none(), "an open quote: {line}");
    if begun || !word.is_empty() {
        words.push(word);
    }
    let ends = |word: &String| matches!(word.as_str(), "|" | "||" | "&&" | ">" | "<" | "#" | ";");
    let calls = words.split(ends).filter_map(|call| {
        let from = call.iter().position(|word| word == "chatd")?;
        // As the last word it is the name of a service.
        Some(call[from..].to_vec()).filter(|call| call.len() > 1)
    });
    calls.collect()
}

#[test]
fn lines_for_a_shell_are_taken_apart() {
    let line = "ssh -t host chatd room edit a --topic '' | jq '.x | y' && chatd health # so";
    let wanted = [
        &["chatd", "room", "edit", "a", "--topic", ""][..],
        &["chatd", "health"],
    ];
    assert_eq!(calls(line), wanted);
    assert!(calls("pwgen 20 1").is_empty());
}

#[test]
fn every_example_is_a_command_that_can_be_typed() {
    for (path, one) in all() {
        let after = one
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let lines = examples(&after);
        assert!(!lines.is_empty(), "{path} has no example");
        let own = format!("chatd {path}");
        let mut names_itself = false;
        // A backslash at the end goes on in the next line.
        let lines = lines.join("\n").replace("\\\n", "");
        for line in lines.lines() {
            for call in calls(line) {
                let typed = command().try_get_matches_from(&call);
                let typed = typed.and_then(|matches| Cli::from_arg_matches(&matches));
                // What the shell would put in place of a variable is not known here.
                let unknown = call.iter().any(|word| word.contains('$'));
                if let Err(e) = typed
                    && !(unknown && e.kind() == ErrorKind::ValueValidation)
                {
                    panic!("{path}: {line}\n{e}");
                }
                names_itself |= call.join(" ").starts_with(&own);
            }
        }
        assert!(names_itself, "no example of {path} shows it");
    }
}

#[test]
fn every_description_is_one_short_line() {
    for (path, one) in all() {
        let about = one.get_about().map(ToString::to_string).unwrap_or_default();
        let length = about.chars().count();
        assert!(
            (1..=72).contains(&length) && !about.ends_with('.'),
            "{path}: {about:?}"
        );
        for arg in one.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "{path}: {} has no help", arg.get_id());
        }
    }
}

#[test]
fn every_command_takes_the_flags_of_all() {
    for (path, one) in all() {
        for flag in [
            "output", "json", "timeout", "quiet", "no_color", "config", "data_dir", "set",
        ] {
            let has = one.get_arguments().any(|arg| arg.get_id() == flag);
            assert!(has, "{path} does not take --{flag}");
        }
    }
}

#[test]
fn the_reference_has_every_command() {
    let page = reference::markdown();
    for (path, _) in all() {
        assert!(page.contains(&format!("\n### chatd {path}\n")), "{path}");
    }
    let long = page.lines().find(|line| line.contains('\u{1b}'));
    assert_eq!(long, None);
}
