//! Settings as text: what is in force, what there is to set, an example to start from.

use std::fmt::Write as _;

use super::{Applies, KEYS, Key, Loaded, SECTIONS};

/// The settings in force as TOML, without secrets; with `origins`, a comment at each line says whether a reload
/// changes it, and where the value comes from.
pub fn render(loaded: &Loaded, origins: bool) -> String {
    let mut out = String::new();
    for_each_section(|section, _, keys| {
        let gap = if out.is_empty() { "" } else { "\n" };
        line(&mut out, format_args!("{gap}[{section}]"));
        for key in keys {
            let setting = format!("{} = {}", key.split().1, key.value(&loaded.config));
            match loaded.origin.get(key.path) {
                Some(origin) if origins => {
                    let applies = key.applies.as_str();
                    line(
                        &mut out,
                        format_args!("{setting:<40} # {applies}; {origin}"),
                    );
                }
                _ => line(&mut out, format_args!("{setting}")),
            }
        }
    });
    out
}

/// A TOML file with every key at its default, each explained and commented out, for `chatd init`.
pub fn example() -> String {
    let mut out = String::from(
        "# Settings of chatd. A line that begins with \"#\" is a comment; what stands behind \"#\" in front \
         of a\n# key is its default. Also read: CHATD_SECTION_KEY in the environment, --set \
         section.key=value.\n# `chatd config check` tells whether this file is right.\n",
    );
    for_each_section(|section, about, keys| {
        out.push('\n');
        comment(&mut out, about);
        line(&mut out, format_args!("[{section}]"));
        for key in keys {
            out.push('\n');
            comment(&mut out, key.doc);
            if let Some((min, max)) = key.range {
                line(&mut out, format_args!("# From {min} to {max}."));
            }
            if key.applies == Applies::Restart {
                line(&mut out, format_args!("# A change takes a restart."));
            }
            line(
                &mut out,
                format_args!("#{} = {}", key.split().1, key.default),
            );
        }
    });
    out
}

/// The reference of all keys as Markdown: the content of `docs/configuration.md`.
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration\n\n<!-- Generated from src/config/sections.rs; a test fails when it is stale. -->\n\n\
         chatd starts with nothing configured. What is set is taken, each over the one before, from the \
         file\nnamed by `--config` or `CHATD_CONFIG`, from environment variables `CHATD_SECTION_KEY`, and \
         from `--set\nsection.key=value`. A key that does not exist is an error.\n\n\
         `chatd config show --origin` prints what is in force and where it comes from; `chatd config check` \
         checks\na file without starting.\n\nSettings are read at the start, and again at `chatd config reload` or SIGHUP. \
         What is marked *live* holds\nfrom then on, without a connection being closed; for what is marked \
         *restart* the server has to start anew.\nIf anything is wrong with the settings, all of the old ones \
         stay. What was decided with a command (`chatd\nregistration`, `chatd archive schedule`, `chatd archive \
         policy`, `chatd log-level set`) goes before the\nsettings, also after a reload, until it is taken back \
         with that command.\n",
    );
    for_each_section(|section, about, keys| {
        line(&mut out, format_args!("\n## `[{section}]`\n\n{about}"));
        for key in keys {
            line(
                &mut out,
                format_args!(
                    "\n### `{}`\n\n{}\n\n- Value: {}\n- Default: `{}`\n- Changes: {}\n- Variable: `{}`",
                    key.path,
                    key.doc,
                    key.rule(),
                    key.default,
                    key.applies.as_str(),
                    key.variable(),
                ),
            );
        }
    });
    out
}

fn for_each_section(mut each: impl FnMut(&str, &str, &[&Key])) {
    for (section, about) in SECTIONS {
        let keys: Vec<_> = KEYS
            .iter()
            .filter(|key| key.split().0 == *section)
            .collect();
        each(section, about.trim(), &keys);
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes all that is written to it");
}

/// Text as comment lines of at most 100 characters.
fn comment(out: &mut String, text: &str) {
    let mut width = 0;
    for word in text.split_whitespace() {
        if width == 0 || width + 1 + word.len() > 100 {
            out.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        out.push(' ');
        out.push_str(word);
        width += 1 + word.len();
    }
    out.push('\n');
}
