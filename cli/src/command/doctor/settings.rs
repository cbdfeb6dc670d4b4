//! The settings, and who may read what is secret in them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use chatd::config::{self, Config, Loaded, Origin};

use super::finding::{Finding, word};

/// They are wrong: one finding for each thing.
pub(super) fn wrong(error: &config::Error) -> Vec<Finding> {
    let of = |problem: &config::Problem| {
        Finding::problem(
            "settings",
            problem.to_string(),
            "mend it there, then: chatd config check",
        )
    };
    error.0.iter().map(of).collect()
}

/// They are right: where they come from.
pub(super) fn right(loaded: &Loaded) -> Finding {
    let mut files: Vec<&PathBuf> = Vec::new();
    let (mut set, mut elsewhere) = (0, 0);
    for origin in loaded.origin.values() {
        match origin {
            Origin::Default => {}
            Origin::File { path, .. } => {
                set += 1;
                if !files.contains(&path) {
                    files.push(path);
                }
            }
            Origin::Env(_) | Origin::Set => elsewhere += 1,
        }
    }
    let mut from: Vec<_> = files
        .iter()
        .map(|it| format!("{set} set in {}", it.display()))
        .collect();
    if elsewhere > 0 {
        from.push(format!("{elsewhere} set by environment or flags"));
    }
    let what = if from.is_empty() {
        "none set, all are as built in".to_owned()
    } else {
        from.join(", ")
    };
    Finding::ok("settings", what)
}

/// Files that have a password in them.
pub(super) fn secrets(loaded: &Loaded) -> Vec<Finding> {
    let store = &loaded.config.store;
    let mut files: Vec<PathBuf> = Vec::new();
    if store.url.has_secret()
        && let Some(Origin::File { path, .. }) = loaded.origin.get("store.url")
    {
        files.push(path.clone());
    }
    if !store.url_file.as_os_str().is_empty() {
        files.push(store.url_file.clone());
    }
    let webhook = &loaded.config.webhook;
    if !webhook.secret.is_empty()
        && let Some(Origin::File { path, .. }) = loaded.origin.get("webhook.secret")
        && !files.contains(path)
    {
        files.push(path.clone());
    }
    if !webhook.secret_file.as_os_str().is_empty() {
        files.push(webhook.secret_file.clone());
    }
    let mut found: Vec<_> = files.iter().map(|file| secret(file)).collect();
    if store.url.has_secret() && loaded.origin.get("store.url") == Some(&Origin::Set) {
        found.push(Finding::warning(
            "secrets",
            "the password in store.url is on the command line, where everybody on this machine sees it",
            "write the URL into a file of its own, chmod 600, and name that as store.url_file",
        ));
    }
    found
}

fn secret(file: &Path) -> Finding {
    let shown = file.display();
    match fs::metadata(file) {
        Err(e) => Finding::problem(
            "secrets",
            format!("{shown} has what is secret in the settings and cannot be read: {e}"),
            format!("ls -l {}", word(file)),
        ),
        Ok(meta) if meta.permissions().mode() & 0o007 != 0 => Finding::problem(
            "secrets",
            format!("everybody on this machine may open {shown}, which has a password in it"),
            format!("chmod 600 {}", word(file)),
        ),
        Ok(_) => Finding::ok("secrets", format!("{shown} is not for everybody")),
    }
}

/// Rates that were switched off for a load test and forgotten.
pub(super) fn limits(config: &Config) -> Finding {
    if config.limits.enabled {
        Finding::ok("limits", "rates and counts are limited")
    } else {
        Finding::warning(
            "limits",
            "limits.enabled is false: passwords can be guessed and rooms flooded as fast as anybody likes",
            "set limits.enabled = true, or take it out of the settings",
        )
    }
}

#[cfg(test)]
mod tests {
    use chatd::config::Sources;

    use super::*;
    use crate::command::doctor::finding::Verdict;

    fn loaded(text: &str, mode: u32) -> (tempfile::TempDir, Result<Loaded, config::Error>) {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("chatd.toml");
        fs::write(&file, text).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("its mode");
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        (dir, config::load(&sources))
    }

    const WITH_PASSWORD: &str = "[store]\nurl = \"mongodb://ana:pw@127.0.0.1/chat\"\n";

    #[test]
    fn every_mistake_is_a_problem_of_its_own() {
        let (_dir, wrong_) = loaded("[server]\nlisten = 3\nlitsen = \"x\"\n", 0o600);
        let found = wrong(&wrong_.expect_err("two mistakes"));
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|it| it.verdict == Verdict::Problem));
    }

    #[test]
    fn a_password_that_all_may_read_is_a_problem() {
        for (mode, verdict) in [(0o644, Verdict::Problem), (0o640, Verdict::Ok)] {
            let (_dir, loaded) = loaded(WITH_PASSWORD, mode);
            let found = secrets(&loaded.expect("settings"));
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].verdict, verdict, "{mode:o}");
            assert!(!found[0].what.contains("pw"));
        }
        let (_dir, plain) = loaded("[log]\nlevel = \"info\"\n", 0o644);
        assert_eq!(secrets(&plain.expect("settings")), []);
    }

    #[test]
    fn where_settings_come_from_is_told() {
        let (_dir, loaded) = loaded(
            "[log]\nlevel = \"info\"\n[limits]\nenabled = false\n",
            0o644,
        );
        let loaded = loaded.expect("settings");
        assert!(right(&loaded).what.starts_with("2 set in /"));
        assert_eq!(limits(&loaded.config).verdict, Verdict::Warning);
        assert_eq!(limits(&Config::default()).verdict, Verdict::Ok);
    }
}
