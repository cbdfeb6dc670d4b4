//! The service of systemd, where there is one.

use std::{
    io::Read as _,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::finding::Finding;

/// How long a tool of the system may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a service may have begun anew before it is worth a thought.
const RESTARTS: u64 = 3;

/// How the service is; nothing where there is none.
pub(super) fn unit() -> Option<Finding> {
    let properties = "LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts";
    let shown = ask("systemctl", &["show", "chatd.service", "-p", properties])?;
    of_properties(&shown)
}

fn of_properties(shown: &str) -> Option<Finding> {
    const CHECK: &str = "service";
    let of = |name: &str| {
        let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
        shown.lines().find_map(value).unwrap_or_default()
    };
    match of("LoadState").as_str() {
        "loaded" => {}
        "" | "not-found" => return None,
        other => {
            let what = format!("chatd.service is {other}");
            return Some(Finding::problem(CHECK, what, "systemctl status chatd"));
        }
    }
    let (active, sub) = (of("ActiveState"), of("SubState"));
    let restarts: u64 = of("NRestarts").parse().unwrap_or(0);
    Some(if active == "failed" {
        let what = format!("chatd.service has failed ({})", of("Result"));
        Finding::problem(
            CHECK,
            what,
            "journalctl -u chatd -n 50; then: systemctl restart chatd",
        )
    } else if restarts > RESTARTS {
        let what = format!("chatd.service is {active}, and began anew {restarts} times by itself");
        Finding::warning(CHECK, what, "journalctl -u chatd -p warning")
    } else if active == "active" && of("UnitFileState") == "disabled" {
        let what = "chatd.service is active, and will not be after a restart of the machine";
        Finding::warning(CHECK, what, "systemctl enable chatd")
    } else {
        Finding::ok(CHECK, format!("chatd.service is {active} ({sub})"))
    })
}

/// What a tool of the system prints; none where it is not there, fails, or does not end in time.
pub(super) fn ask(tool: &str, args: &[&str]) -> Option<String> {
    let mut child = Command::new(tool)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdout = child.stdout.take()?;
    let (said, heard) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text);
        // Nobody waits any more once the time is over.
        let _late = said.send(read.is_ok().then_some(text));
    });
    let text = heard.recv_timeout(PATIENCE).ok().flatten();
    if text.is_none() {
        // It may have ended this moment.
        let _ended = child.kill();
    }
    let status = child.wait().ok()?;
    text.filter(|_| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Verdict;

    #[test]
    fn a_service_that_fails_is_a_problem() {
        let of = |text: &str| of_properties(text).map(|it| it.verdict);
        assert_eq!(of("LoadState=not-found\nActiveState=inactive\n"), None);
        let well = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNRestarts=0\n";
        assert_eq!(of(well), Some(Verdict::Ok));
        assert_eq!(
            of(&well.replace("=active", "=failed")),
            Some(Verdict::Problem)
        );
        assert_eq!(
            of(&well.replace("NRestarts=0", "NRestarts=9")),
            Some(Verdict::Warning)
        );
        assert_eq!(
            of(&well.replace("enabled", "disabled")),
            Some(Verdict::Warning)
        );
        assert_eq!(
            of(&well.replace("=loaded", "=masked")),
            Some(Verdict::Problem)
        );
    }

    #[test]
    fn a_tool_that_is_not_there_says_nothing() {
        assert_eq!(ask("no-such-tool-anywhere", &[]), None);
        assert_eq!(ask("false", &[]), None);
        assert_eq!(ask("echo", &["yes"]).as_deref(), Some("yes\n"));
    }
}
