//! The help as people see it: commands in groups, headings that stand out, exit codes at the end.
//!
//! clap knows no groups of subcommands, so the list on the first page is made here, from the commands'
//! own one-line descriptions.

use std::fmt::Write as _;

use clap::{
    Command, CommandFactory as _,
    builder::{
        StyledStr, Styles,
        styling::{AnsiColor, Style},
    },
};

use crate::{cli::Cli, failure::Exit};

const HEADING: Style = Style::new().bold();
const LITERAL: Style = AnsiColor::Cyan.on_default();

/// Which command stands where on the first page.
pub(crate) const GROUPS: &[(&str, &[&str])] = &[
    ("Run it", &["serve", "init", "config", "systemd"]),
    (
        "Watch it",
        &[
            "top",
            "status",
            "health",
            "doctor",
            "events",
            "job",
            "bench",
            "audit",
            "log-level",
        ],
    ),
    ("People", &["user", "role", "session", "token"]),
    ("Who comes in", &["registration", "invite"]),
    (
        "Rooms and order",
        &["room", "conn", "notice", "message", "file", "ban", "report"],
    ),
    ("Other programs", &["hook", "webhook"]),
    ("What is kept", &["archive", "hold", "store"]),
    ("For tools", &["openapi", "man", "completions", "version"]),
];

const TEMPLATE: &str =
    "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}Options:\n{options}{after-help}";

const FIRST_STEPS: &str = "\
First steps:
  chatd user add ana --role admin   make the first administrator
  chatd serve                       run the server; data goes to ./chatd-data
  chatd COMMAND --help              options and examples of a command

Exit codes:";

/// The whole command line, ready to parse with.
pub(crate) fn command() -> Command {
    let styles = Styles::styled()
        .header(HEADING)
        .usage(HEADING)
        .literal(LITERAL)
        .placeholder(Style::new())
        .error(AnsiColor::Red.on_default().bold())
        .valid(AnsiColor::Green.on_default())
        .invalid(AnsiColor::Yellow.on_default());
    let command = Cli::command().styles(styles).max_term_width(100);
    // It is refused there: a server runs until it is stopped.
    let command = command.mut_subcommand("serve", |serve| {
        let timeout = Cli::command()
            .get_arguments()
            .find(|it| it.get_id() == "timeout")
            .cloned();
        match timeout {
            Some(timeout) => serve.arg(timeout.hide(true).global(false)),
            None => serve,
        }
    });
    let groups = groups(&command);
    let mut after = String::from(FIRST_STEPS);
    for exit in Exit::ALL {
        write!(after, "\n  {:<3} {}", *exit as u8, exit.meaning()).expect("a String takes it");
    }
    let command = command
        .help_template(TEMPLATE)
        .before_help(groups)
        .after_help(after)
        .override_usage("chatd [OPTIONS] COMMAND");
    dress(command)
}

/// The list of commands, in groups.
fn groups(command: &Command) -> StyledStr {
    let mut text = String::new();
    for (heading, names) in GROUPS {
        writeln!(text, "{HEADING}{heading}:{HEADING:#}").expect("a String takes it");
        for name in *names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            writeln!(text, "  {LITERAL}{name:<15}{LITERAL:#}{about}").expect("a String takes it");
        }
        text.push('\n');
    }
    // The template puts an empty line below.
    text.truncate(text.trim_end().len());
    text.into()
}

/// Gives the headings of what stands after the options the look of clap's own, in every command.
fn dress(command: Command) -> Command {
    let after = command.get_after_help().map(ToString::to_string);
    let command = match after {
        Some(after) => command.after_help(dress_headings(&after)),
        None => command,
    };
    command.mut_subcommands(dress)
}

/// Lines that end in a colon at the left margin are headings.
fn dress_headings(text: &str) -> StyledStr {
    let mut dressed = String::new();
    for line in text.lines() {
        if line.ends_with(':') && !line.starts_with(' ') {
            writeln!(dressed, "{HEADING}{line}{HEADING:#}").expect("a String takes it");
        } else {
            writeln!(dressed, "{line}").expect("a String takes it");
        }
    }
    dressed.truncate(dressed.trim_end().len());
    dressed.into()
}

/// The lines of the examples in what stands below the options.
pub(crate) fn examples(after: &str) -> Vec<String> {
    let mut lines = after
        .lines()
        .skip_while(|line| !line.starts_with("Example"));
    lines.next();
    let lines = lines.take_while(|line| line.starts_with("  "));
    lines.map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod walk;

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands that change something; all others only look.
    const MUTATORS: &[&str] = &[
        "hook add",
        "hook delete",
        "hook rotate",
        "init",
        "store reindex",
        "systemd install",
        "systemd uninstall",
        "user add",
        "webhook pause",
        "webhook resume",
        "webhook skip",
        "webhook test",
        "user passwd",
        "user reset",
        "user import",
        "user role",
        "user disable",
        "user enable",
        "user erase",
        "user mute",
        "user unmute",
        "user ban",
        "user unban",
        "role add",
        "role edit",
        "role delete",
        "session revoke",
        "token issue",
        "token revoke",
        "room edit",
        "room lock",
        "room unlock",
        "room add",
        "room kick",
        "room mute",
        "room unmute",
        "room ban",
        "room unban",
        "room invite create",
        "room invite revoke",
        "room transfer",
        "room delete",
        "invite create",
        "invite revoke",
        "registration open",
        "registration invite",
        "registration closed",
        "registration auto",
        "ban add",
        "ban remove",
        "report resolve",
        "store backup",
        "store copy",
        "store migrate",
        "store new-epoch",
        "store restore",
        "conn kick",
        "notice",
        "job stop",
        "file delete",
        "message delete",
        "message redact",
        "message restore",
        "archive stop",
        "archive restore",
        "archive prune",
        "archive export",
        "archive schedule set",
        "archive schedule pause",
        "archive schedule resume",
        "archive schedule run-now",
        "archive policy set",
        "hold add",
        "hold release",
        "completions",
        "config reload",
        "log-level set",
        "log-level reset",
        "bench chat",
        "bench idle",
        "bench storm",
        "bench churn",
    ];

    /// Those of them that destroy something which no command brings back.
    const DESTROYERS: &[&str] = &[
        "archive policy set",
        "archive prune",
        "file delete",
        "hold release",
        "message delete",
        "room delete",
        "store new-epoch",
        "store restore",
        "user erase",
        "webhook skip",
    ];

    /// Commands that only look, or that are a process of their own.
    const OTHERS: &[&str] = &[
        "serve",
        "config check",
        "config show",
        "health",
        "status",
        "top",
        "user list",
        "user show",
        "user export",
        "role list",
        "role show",
        "role permissions",
        "session list",
        "token list",
        "room list",
        "room show",
        "room sanctions",
        "room invite list",
        "invite list",
        "audit list",
        "audit verify",
        "audit export",
        "registration show",
        "ban list",
        "report list",
        "store info",
        "systemd check",
        "systemd print",
        "store check",
        "conn list",
        "conn show",
        "events",
        "file list",
        "file show",
        "job list",
        "job show",
        "message redactions",
        "message export",
        "message search",
        "archive list",
        "archive show",
        "archive verify",
        "archive cat",
        "archive schedule show",
        "archive policy show",
        "hold list",
        "log-level show",
        "openapi",
        "version",
        "man",
        "doctor",
        "hook list",
        "webhook show",
    ];

    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        for sub in command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
        {
            let path = format!("{path} {}", sub.get_name()).trim().to_owned();
            if sub.has_subcommands() {
                leaves(sub, &path, found);
            } else {
                found.push((path, sub.clone()));
            }
        }
    }

    fn all_leaves() -> Vec<(String, Command)> {
        let mut command = command();
        command.build();
        let mut found = Vec::new();
        leaves(&command, "", &mut found);
        found
    }

    fn takes(command: &Command, flag: &str) -> bool {
        command
            .get_arguments()
            .any(|arg| arg.get_long() == Some(flag))
    }

    #[test]
    fn the_tree_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_command_is_known_and_a_mutator_can_be_tried() {
        let mut known: Vec<_> = MUTATORS.iter().chain(OTHERS).copied().collect();
        let leaves = all_leaves();
        let mut there: Vec<_> = leaves.iter().map(|(path, _)| path.as_str()).collect();
        known.sort_unstable();
        there.sort_unstable();
        assert_eq!(there, known, "a new command: does it change something?");
        for (path, leaf) in &leaves {
            let changes = MUTATORS.contains(&path.as_str());
            assert_eq!(takes(leaf, "dry-run"), changes, "{path} and --dry-run");
            assert!(takes(leaf, "json"), "{path} and --json");
        }
    }

    #[test]
    fn what_destroys_something_takes_confirming_and_nothing_else_does() {
        for (path, mut leaf) in all_leaves() {
            let destroys = DESTROYERS.contains(&path.as_str());
            // Loading a server elsewhere is confirmed as well.
            let confirmed = destroys || path.starts_with("bench ");
            assert_eq!(takes(&leaf, "yes"), confirmed, "{path} and --yes");
            let help = leaf.render_long_help().to_string();
            let told = help.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(!destroys || told.contains("takes --yes"), "{path}: {help}");
            assert!(
                !destroys || MUTATORS.contains(&path.as_str()),
                "{path} can be tried"
            );
        }
    }

    #[test]
    fn every_command_says_what_it_does_and_shows_an_example() {
        for (path, mut leaf) in all_leaves() {
            let about = leaf
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(!about.is_empty() && about.len() < 64, "{path}: {about:?}");
            let help = leaf.render_long_help().to_string();
            assert!(help.contains("Example"), "{path}");
            assert!(help.contains(&format!("  chatd {path}")), "{path}: {help}");
        }
    }

    #[test]
    fn help_fits_eighty_columns_and_names_every_command_once() {
        let help = command().term_width(80).render_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line:?}");
        }
        let mut grouped: Vec<_> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let command = command();
        let mut there: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        grouped.sort_unstable();
        there.sort_unstable();
        assert_eq!(grouped, there);
        for (path, leaf) in all_leaves() {
            let help = leaf.term_width(80).render_long_help().to_string();
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{path}: {line:?}");
            }
        }
    }
}
