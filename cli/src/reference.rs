//! The reference of the command line, docs/cli.md: the same words as the help, on one page.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::{failure::Exit, help};

const HEAD: &str = "\
# The command line

Made from the commands themselves by `chatd man --markdown`; a test fails when this page is stale. The same is in
`chatd COMMAND --help`, and in the manual pages that `chatd man DIR` writes.

Commands ask the running server over its admin socket. Without one they work on the store themselves, and say so;
what needs a server says that it needs one.
";

/// The whole page.
pub(crate) fn markdown() -> String {
    let mut root = help::command();
    root.build();
    let mut page = String::from(HEAD);
    add(&mut page, "\n## Everywhere\n");
    for arg in root.get_arguments().filter(|arg| arg.is_global_set()) {
        option(&mut page, arg);
    }
    add(
        &mut page,
        "\n### Exit codes\n\n| code | meaning |\n|---|---|",
    );
    for exit in Exit::ALL {
        add(
            &mut page,
            &format!("| {} | {} |", *exit as u8, exit.meaning()),
        );
    }
    for (group, names) in help::GROUPS {
        add(&mut page, &format!("\n## {group}"));
        for name in *names {
            if let Some(command) = root.find_subcommand(name) {
                section(&mut page, command, &format!("chatd {name}"));
            }
        }
    }
    page
}

/// A command, and then those below it.
fn section(page: &mut String, command: &Command, path: &str) {
    add(page, &format!("\n### {path}\n"));
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    // The first paragraph of a long text is its short one, which has no full stop.
    let (first, rest) = about.split_once("\n\n").unwrap_or((&about, ""));
    add(page, &format!("{}.", first.trim_end_matches('.')));
    if !rest.is_empty() {
        add(page, &format!("\n{rest}"));
    }
    let subs = || {
        command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help" && !sub.is_hide_set())
    };
    let is_leaf = subs().next().is_none();
    let shown = |arg: &&Arg| !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help";
    let args: Vec<_> = command.get_arguments().filter(shown).collect();
    let does = is_leaf || !args.is_empty();
    if does {
        let usage = command.clone().render_usage().to_string();
        let usage = usage
            .trim_start_matches("Usage: ")
            .replace("\n       ", "\n");
        add(page, &format!("\n```text\n{}\n```", usage.trim_end()));
    }
    if !args.is_empty() {
        page.push('\n');
        for arg in &args {
            option(page, arg);
        }
    }
    if does {
        examples(page, command);
    }
    for sub in subs() {
        section(page, sub, &format!("{path} {}", sub.get_name()));
    }
}

/// One argument, as an item of a list.
fn option(page: &mut String, arg: &Arg) {
    let short = arg
        .get_short()
        .map_or_else(String::new, |short| format!("`-{short}`, "));
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut line = format!(
        "- {short}`{}`: {help}",
        arg.to_string().trim_end_matches("...")
    );
    let values = arg.get_possible_values();
    let takes = arg.get_action().takes_values();
    if takes && !values.is_empty() && !arg.is_hide_possible_values_set() {
        let values = values.iter().map(|value| format!("`{}`", value.get_name()));
        let _infallible = write!(line, " ({})", values.collect::<Vec<_>>().join(", "));
    }
    let default = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy());
    let default = default.collect::<Vec<_>>().join(",");
    if takes && !default.is_empty() && !arg.is_hide_default_value_set() {
        let _infallible = write!(line, " [default: {default}]");
    }
    add(page, &line);
}

fn examples(page: &mut String, command: &Command) {
    let after = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let lines = help::examples(&after);
    if !lines.is_empty() {
        add(page, &format!("\n```sh\n{}\n```", lines.join("\n")));
    }
}

fn add(page: &mut String, line: &str) {
    page.push_str(line);
    page.push('\n');
}
