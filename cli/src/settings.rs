//! From flags and environment to settings.

use std::{ffi::OsString, io, path::Path};

use chatd::config::{self, Config, Loaded, Sources};

use crate::{cli::Global, failure::Failure};

/// The settings of the service, where one is installed on this machine.
pub(crate) const SERVICE: &str = "/etc/chatd/chatd.toml";

/// What says which server is meant, as settings.
const WHERE: [&str; 4] = [
    "server.data_dir",
    "store.url",
    "store.url_file",
    "admin.socket",
];

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

/// Where nothing says which server is meant, and none has its data in this directory, it is the service of this
/// machine: `sudo chatd user add ana` must not make a store of its own beside it.
pub(crate) fn or_service(mut sources: Sources) -> Sources {
    let here = Config::default().server.data_dir.exists();
    if !here && !is_named(&sources) && is_there(Path::new(SERVICE)) {
        sources.file = Some(SERVICE.into());
    }
    sources
}

fn is_named(sources: &Sources) -> bool {
    let variable = |key: &str| format!("CHATD_{}", key.replace('.', "_").to_uppercase());
    let variables = WHERE.map(variable);
    let set = sources
        .set
        .iter()
        .any(|(key, _)| WHERE.contains(&key.as_str()));
    let in_env = |name: &String| name == "CHATD_CONFIG" || variables.contains(name);
    sources.file.is_some() || set || sources.env.iter().any(|(name, _)| in_env(name))
}

/// One that may not be read is there, and reading it says so.
fn is_there(file: &Path) -> bool {
    match file.symlink_metadata() {
        Ok(_) => true,
        Err(e) => e.kind() == io::ErrorKind::PermissionDenied,
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
    fn whatever_says_which_server_is_meant_counts() {
        let pair = |name: &str| (name.to_owned(), "x".to_owned());
        let file = Sources {
            file: Some("x".into()),
            ..Sources::default()
        };
        assert!(is_named(&file));
        for name in [
            "CHATD_CONFIG",
            "CHATD_SERVER_DATA_DIR",
            "CHATD_STORE_URL_FILE",
        ] {
            let env = Sources {
                env: vec![pair(name)],
                ..Sources::default()
            };
            assert!(is_named(&env), "{name}");
        }
        for key in WHERE {
            let set = Sources {
                set: vec![pair(key)],
                ..Sources::default()
            };
            assert!(is_named(&set), "{key}");
        }
        let beside = Sources {
            env: vec![pair("CHATD_LOG_LEVEL")],
            set: vec![pair("log.level")],
            ..Sources::default()
        };
        assert!(!is_named(&beside));
        assert!(!is_there(Path::new("/nowhere/chatd.toml")));
        assert!(is_there(Path::new("/")));
    }

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
