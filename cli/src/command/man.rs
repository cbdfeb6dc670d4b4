//! `chatd man`: the manual pages, made of the same words as the help.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command, ValueHint};
use clap_mangen::{
    Man as Page,
    roff::{Inline, Roff, bold, roman},
};
use serde_json::json;

use crate::{
    console::Console,
    failure::{Exit, Failure},
    help,
    output::{count, escape},
    reference,
};

/// Print the manual page, or write those of all commands
///
/// One page for each command, such as chatd-user-add.1, into a directory that is made if need be. Pages that are
/// there already are replaced.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd man | man -l -
  chatd man /usr/local/share/man/man1
  chatd man --markdown > cli.md")]
pub(crate) struct Man {
    /// Where to write all pages
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,

    /// Print the reference of all commands as Markdown instead
    #[arg(long, conflicts_with = "dir")]
    markdown: bool,
}

impl Man {
    pub(crate) fn run(&self, console: &Console) -> Result<(), Failure> {
        if self.markdown {
            let page = reference::markdown();
            return console.answer(&json!({"page": page}), |_| page);
        }
        let mut command = help::command();
        command.build();
        let Some(dir) = &self.dir else {
            let page = render(&command)?;
            return console.answer(&json!({"page": page}), |_| page);
        };
        let mut all = Vec::new();
        collect(&command, &mut all);
        let cannot = || format!("cannot write {}", dir.display());
        std::fs::create_dir_all(dir).with_context(cannot)?;
        for command in &all {
            let name = file_name(command);
            let page = render(command)?;
            std::fs::write(dir.join(&name), page)
                .with_context(|| format!("{}/{name}", cannot()))?;
        }
        let names: Vec<_> = all.iter().map(|command| file_name(command)).collect();
        console.answer(&json!({"dir": dir, "pages": names}), |_| {
            let dir = dir.display().to_string();
            format!(
                "Wrote {} to {}.",
                count(names.len() as u64, "page"),
                escape(&dir)
            )
        })
    }
}

/// A command and all below it.
fn collect<'a>(command: &'a Command, all: &mut Vec<&'a Command>) {
    all.push(command);
    let subs = command.get_subcommands();
    subs.filter(|sub| sub.get_name() != "help" && !sub.is_hide_set())
        .for_each(|sub| collect(sub, all));
}

/// As in `chatd-user-add`.
fn title(command: &Command) -> String {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    name.replace(' ', "-")
}

fn file_name(command: &Command) -> String {
    format!("{}.1", title(command))
}

fn render(command: &Command) -> Result<String, Failure> {
    let version = concat!("chatd ", env!("CARGO_PKG_VERSION"));
    // What stands below the options is ours to set: the examples would be filled like prose.
    let after = command.get_after_help().map(ToString::to_string);
    let shown = command.clone().after_help("");
    let page = Page::new(shown)
        .title(title(command).to_uppercase())
        .section("1")
        .source(version)
        .manual("chatd");
    let mut text = Vec::new();
    let written = page
        .render_title(&mut text)
        .and_then(|()| page.render_name_section(&mut text))
        .and_then(|()| page.render_synopsis_section(&mut text))
        .and_then(|()| page.render_description_section(&mut text))
        .and_then(|()| page.render_options_section(&mut text));
    written.map_err(anyhow::Error::from)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)
            .map_err(anyhow::Error::from)?;
    }
    let mut more = Roff::new();
    // Of the first page they are the exit codes, which follow, and first steps.
    if let Some(after) = after {
        sections(
            &mut more,
            after.split("\n\nExit codes:").next().unwrap_or(&after),
        );
    }
    exit_status(&mut more);
    more.to_writer(&mut text).map_err(anyhow::Error::from)?;
    Ok(String::from_utf8(text).map_err(anyhow::Error::from)?)
}

/// Lines that end in a colon at the left margin are headings; what follows them stands as it is.
fn sections(page: &mut Roff, text: &str) {
    let mut open = false;
    for line in text.lines() {
        if line.ends_with(':') && !line.starts_with(' ') {
            if open {
                page.control("fi", []);
            }
            let heading = line.trim_end_matches(':').to_uppercase();
            page.control("SH", [heading.as_str()]);
            page.control("nf", []);
            open = true;
        } else {
            page.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
    }
    if open {
        page.control("fi", []);
    }
}

fn exit_status(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        page.control("TP", []);
        let code: Vec<Inline> = vec![bold((*exit as u8).to_string())];
        page.text(code);
        page.text([roman(exit.meaning())]);
    }
}
