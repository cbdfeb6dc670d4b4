//! From flags and environment to settings.

use std::ffi::OsString;

use chatd::config::{self, Loaded, Sources};

use crate::{cli::Global, failure::Failure};

/// What the flags and the environment say, unread: `init` looks at it without loading it.
pub(crate) fn sources(global: &Global, args: &[OsString]) -> Sources {
    let env = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with("CHATD_")
            .then(|| (name, value.to_string_lossy().into_owned()))
    });
    let mut set = all_set(args).unwrap_or_else(|| global.set.clone());
    if let Some(dir) = &global.data_dir {
        set.push(("server.data_dir".into(), dir.to_string_lossy().into_owned()));
    }
    Sources {
        file: global.config.clone(),
        env: env.collect(),
        set,
    }
}

/// The settings, read and checked.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, Failure> {
    Ok(config::load(sources)?)
}

/// Every `--set` of the line. clap keeps only those after the command's name when there are some before it
/// as well, and a setting that was typed must not get lost. It has checked the form of each.
fn all_set(args: &[OsString]) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut args = args.iter().skip(1).take_while(|arg| *arg != "--");
    while let Some(arg) = args.next() {
        let arg = arg.to_str()?;
        let setting = match arg.strip_prefix("--set") {
            Some("") => args.next()?.to_str()?,
            Some(rest) if rest.starts_with('=') => &rest[1..],
            _ => continue,
        };
        let (key, value) = setting.split_once('=')?;
        found.push((key.trim().to_owned(), value.to_owned()));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_counts_wherever_it_stands() {
        let args = [
            "chatd",
            "--set",
            "a.b=1",
            "user",
            "list",
            "--set=c.d=x=y",
            "--",
            "--set",
            "e.f=2",
        ];
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            all_set(&args),
            Some(vec![set("a.b", "1"), set("c.d", "x=y")])
        );
    }
}
