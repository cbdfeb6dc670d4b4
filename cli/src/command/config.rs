//! `chatd config`: are the settings right, which are they, and have the server take them over.

mod reload;

use chatd::{
    archive,
    config::{self, Loaded, Origin},
    files, server, webhook,
};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use self::reload::Reload;
use crate::{asking::Asking, console::Console, failure::Failure, output::escape_lines, settings};

/// Check or show the settings, or have the server reload them
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd config check --config /etc/chatd/chatd.toml
  chatd config show --origin
  chatd config reload --dry-run")]
pub(crate) enum Config {
    /// Check the settings without starting
    #[command(after_help = "\
Examples:
  chatd config check --config /etc/chatd/chatd.toml
  chatd config check --set limits.enabled=false --json")]
    Check,

    Show(Show),

    Reload(Reload),
}

/// Show every setting that is in force
///
/// As TOML, without secrets. With --origin a comment tells whether a change of it is live, so that a reload
/// is enough, or takes a restart, and where the value comes from: built in, a line of a file, an environment
/// variable, or --set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd config show
  chatd config show --origin --config chatd.toml
  chatd config show --json | jq .server.listen")]
pub(crate) struct Show {
    /// Tell what a change takes, and where each value comes from
    #[arg(long)]
    origin: bool,
}

impl Config {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let console = asking.console;
        let loaded = settings::load(&asking.sources)?;
        match self {
            Self::Reload(reload) => reload.run(asking),
            Self::Check => {
                parts(&loaded)?;
                check(&loaded, console)
            }
            Self::Show(show) => console.answer(&document(&loaded, show.origin)?, |_| {
                escape_lines(&config::render(&loaded, show.origin)).into_owned()
            }),
        }
    }
}

/// What only the parts of the server know to be wrong.
fn parts(loaded: &Loaded) -> Result<(), Failure> {
    let wrong = |why| Failure::Server(server::Error::Config(why));
    archive::check_settings(&loaded.config.archive).map_err(wrong)?;
    files::check_settings(&loaded.config).map_err(wrong)?;
    webhook::load(&loaded.config.webhook).map_err(wrong)?;
    Ok(())
}

fn check(loaded: &Loaded, console: &Console) -> Result<(), Failure> {
    let set = loaded
        .origin
        .values()
        .filter(|origin| **origin != Origin::Default)
        .count();
    let all = loaded.origin.len();
    console.answer(&json!({"ok": true, "set": set, "keys": all}), |_| {
        format!("The settings are right: {set} of {all} set, the others at their defaults.")
    })
}

/// The settings as JSON; with `origins` each is `{"value", "origin"}`.
fn document(loaded: &Loaded, origins: bool) -> Result<Value, Failure> {
    let mut sections = Map::new();
    for key in config::KEYS {
        let (section, name) = key.split();
        let value: Value = toml_value(&key.value(&loaded.config))?;
        let value = match loaded.origin.get(key.path) {
            Some(origin) if origins => json!({
                "value": value,
                "origin": origin.to_string(),
                "changes": key.applies.as_str(),
            }),
            _ => value,
        };
        let section = sections.entry(section).or_insert_with(|| json!({}));
        section[name] = value;
    }
    Ok(sections.into())
}

/// A TOML value as JSON.
fn toml_value(text: &str) -> Result<Value, Failure> {
    let table: Map<String, Value> =
        toml::from_str(&format!("v = {text}")).map_err(anyhow::Error::from)?;
    Ok(table.get("v").cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use chatd::config::Sources;

    use super::*;

    #[test]
    fn every_setting_is_json_too() {
        let loaded = config::load(&Sources::default()).expect("defaults are right");
        let document = document(&loaded, true).expect("every value reads back");
        assert_eq!(
            document["limits"]["enabled"],
            json!({"value": true, "origin": "default", "changes": "live"})
        );
        assert_eq!(document["server"]["listen"]["value"], "127.0.0.1:8080");
    }
}
