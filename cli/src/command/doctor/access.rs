//! Who may use the admin socket and how much of it, and whether they get to it.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use chatd::{
    admin::{
        Level,
        reach::{Invited, find_group, survey, user_name},
    },
    config::Config,
};

use super::{finding::Finding, seen::Seen};

/// Who has which level, and for each whom the settings name, what is wrong with them.
pub(super) fn access(config: &Config, seen: &Seen, socket: &Path) -> Vec<Finding> {
    let admin = &config.admin;
    let invited = survey(admin, socket);
    let owner = seen.status().map_or_else(
        || {
            fs::metadata(&config.server.data_dir)
                .ok()
                .map(|it| it.uid())
        },
        |status| {
            fs::metadata(format!("/proc/{}", status.pid))
                .ok()
                .map(|it| it.uid())
        },
    );
    let mut found = vec![levels(owner.map(user_name), &invited)];
    found.extend(group(&admin.group, &invited));
    found.extend(invited.iter().filter_map(unknown));
    found.extend(invited.iter().filter_map(stopped));
    found
}

/// Who has which level: the line to read when somebody asks.
fn levels(owner: Option<String>, invited: &[Invited]) -> Finding {
    let mut own = vec!["root".to_owned()];
    own.extend(owner.filter(|it| it != "root"));
    let of = |level: Level| {
        let these = invited.iter().filter(move |it| it.level == level);
        these.map(|it| match &it.people {
            Ok(people) if it.text.starts_with('g') && !people.is_empty() => {
                format!("{} ({})", it.text, people.join(", "))
            }
            _ => it.text.clone(),
        })
    };
    own.extend(of(Level::Own));
    let listed = |all: Vec<String>| match &all[..] {
        [] => "nobody else".to_owned(),
        all => all.join(", "),
    };
    let what = format!(
        "own: {}; operate: {}; view: {}",
        own.join(", "),
        listed(of(Level::Operate).collect()),
        listed(of(Level::View).collect())
    );
    Finding::ok("levels", what)
}

/// The group that reaches the socket: it has to be there, and somebody in it to have a level.
fn group(text: &str, invited: &[Invited]) -> Option<Finding> {
    const CHECK: &str = "levels";
    if text.is_empty() {
        return None;
    }
    match find_group(text) {
        Err(why) => {
            let what = format!("admin.group: {why}; the server does not start");
            Some(Finding::problem(
                CHECK,
                what,
                made("groupadd --system", text),
            ))
        }
        Ok(_) if invited.is_empty() => {
            let what = format!(
                "the group {text} reaches the socket (admin.group), and may do nothing there: no level names \
                 anybody"
            );
            let mend =
                format!("set admin.view = [\"group:{text}\"], or admin.operate, or admin.own");
            Some(Finding::warning(CHECK, what, mend))
        }
        Ok(_) => None,
    }
}

/// Somebody whom this machine does not know.
fn unknown(invited: &Invited) -> Option<Finding> {
    let Invited {
        level,
        text,
        people,
        ..
    } = invited;
    let why = people.as_ref().err()?;
    let mend = match text.split_once(':') {
        Some(("group", name)) => made("groupadd --system", name),
        Some(("user", name)) => made("useradd", name),
        _ => format!("correct it in admin.{level}"),
    };
    let what = format!("admin.{level}: {why}; the server does not start");
    Some(Finding::problem("levels", what, mend))
}

/// A command that makes what a setting names, where the name can be one of a command.
fn made(command: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.chars().all(plain) && !name.starts_with('-') {
        format!("sudo {command} {name}   # or take it out of the settings")
    } else {
        "take it out of the settings".to_owned()
    }
}

/// Somebody who has a level and cannot get to the socket.
fn stopped(invited: &Invited) -> Option<Finding> {
    let Invited {
        level,
        text,
        barrier,
        ..
    } = invited;
    let barrier = barrier.as_ref()?;
    let what = format!("admin.{level} names {text}, but {barrier}");
    Some(Finding::warning("socket", what, barrier.mend.clone()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::command::doctor::finding::Verdict;

    fn of(change: impl FnOnce(&mut chatd::config::Admin)) -> Vec<Finding> {
        let dir = tempfile::tempdir().expect("a directory");
        let shut = fs::Permissions::from_mode(0o700);
        fs::set_permissions(dir.path(), shut).expect("its mode");
        let mut config = Config::default();
        config.server.data_dir = dir.path().to_owned();
        change(&mut config.admin);
        let socket = dir.path().join("admin.sock");
        access(&config, &Seen::default(), &socket)
    }

    #[test]
    fn who_may_what_is_one_line() {
        let found = of(|admin| admin.operate = vec!["uid:0".into()]);
        assert_eq!(found.len(), 1, "{found:?}");
        let line = &found[0].what;
        assert!(line.starts_with("own: root"), "{line}");
        assert!(
            line.ends_with("; operate: uid:0; view: nobody else"),
            "{line}"
        );
    }

    #[test]
    fn names_that_nobody_has_are_problems_with_what_makes_them() {
        let found = of(|admin| {
            admin.view = vec![
                "group:no-such-x".into(),
                "user:no-such-y".into(),
                "ana".into(),
            ];
            admin.group = "no-such-z".into();
        });
        let mends: Vec<_> = found.iter().filter_map(|it| it.mend.clone()).collect();
        assert!(
            found[1..].iter().all(|it| it.verdict == Verdict::Problem),
            "{found:?}"
        );
        for (mend, command) in mends.iter().zip([
            "sudo groupadd --system no-such-z",
            "sudo groupadd --system no-such-x",
            "sudo useradd no-such-y",
            "correct it in admin.view",
        ]) {
            assert!(mend.starts_with(command), "{mends:?}");
        }
        assert_eq!(mends.len(), 4);
        assert!(!made("groupadd", "x; rm -r y").contains("rm"));
    }

    #[test]
    fn who_cannot_get_there_is_told() {
        let found = of(|admin| admin.view = vec!["gid:3999999998".into()]);
        let stopped = found.iter().find(|it| it.check == "socket").expect("one");
        assert_eq!(stopped.verdict, Verdict::Warning);
        assert!(stopped.what.contains("cannot enter"), "{stopped:?}");
        assert!(
            stopped
                .mend
                .as_ref()
                .is_some_and(|it| it.contains("chmod g+x")),
            "{stopped:?}"
        );
    }

    #[test]
    fn a_group_that_reaches_the_socket_and_may_nothing_is_told() {
        let found = of(|admin| admin.group = "0".into());
        assert_eq!(found[1].verdict, Verdict::Warning);
        assert!(
            found[1]
                .mend
                .as_ref()
                .is_some_and(|it| it.contains("admin.view"))
        );
    }
}
