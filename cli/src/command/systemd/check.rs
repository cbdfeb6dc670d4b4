//! `chatd systemd check`: what is installed, whether systemd finds it right, and whether what runs is what is
//! installed.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::Serialize;

use super::{
    Check,
    files::{self, Kind, SERVICE, State},
    install::{found, listen},
    place::Place,
    tools,
};
use crate::{
    console::Console,
    failure::{Exit, Failure},
    output::escape_lines,
};

/// What the score that `systemd-analyze security` gives may be; lower is safer.
const SCORE: f64 = 1.3;

/// What was seen.
#[derive(Debug, Default, Serialize)]
struct Report {
    files: Vec<Seen>,
    /// Lines of an administrator's own, beside the units.
    drop_ins: Vec<PathBuf>,
    /// From 0 to 10, lower is safer; none where systemd cannot tell.
    security: Option<f64>,
    /// The server's process, while it runs.
    running: Option<u32>,
    /// What is to be done about it.
    findings: Vec<String>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Seen {
    path: PathBuf,
    state: State,
}

impl Check {
    pub(super) fn run(&self, console: &Console) -> Result<(), Failure> {
        let place = self.place.place()?;
        let binary = place.binary(self.program.binary.as_deref())?;
        let mut report = Report::default();
        if let Some(unit) = place.packaged() {
            report.unit(&place, &unit)?;
        } else {
            report.look_at_files(&place, &binary.to_string_lossy())?;
            report.findings.extend(place.flaw_of_binary(&binary));
        }
        if place.is_live() {
            report.look_at_server(&place)?;
        } else {
            let note = "systemd does not run here; whether the server does was not asked";
            report.notes.push(note.into());
        }
        console.answer(&report, |_| report.words())?;
        match report.findings.len() {
            0 => Ok(()),
            many => Err(Failure::Listed {
                what: format!("{many} to look after"),
                lines: Vec::new(),
                exit: Exit::Problems,
                hint: "each of them is above, with what to do".into(),
            }),
        }
    }
}

impl Report {
    fn look_at_files(&mut self, place: &Place, binary: &str) -> Result<(), Failure> {
        let listen = listen(place)?;
        let again = if place.user {
            "chatd systemd install --user"
        } else {
            "sudo chatd systemd install"
        };
        for file in files::files(place.user, !place.user) {
            let path = place.path(file.kind, file.name);
            let state = found(&path, &file.render(binary, &listen))?;
            let shown = path.display();
            let optional = file.kind == Kind::Unit && file.name != SERVICE;
            match state {
                State::Missing if optional => continue,
                State::Missing => self.findings.push(format!("{shown} is missing: {again}")),
                State::Outdated => self.findings.push(format!(
                    "{shown} is not what this chatd would install: {again}{}",
                    if optional { " --sockets" } else { "" }
                )),
                State::Edited => self.notes.push(format!(
                    "{shown} was changed and is never brought up to date; better have your lines in a drop-in: \
                     systemctl edit {}",
                    file.name
                )),
                State::Foreign => {
                    self.notes
                        .push(format!("{shown} was not installed by chatd"));
                }
                State::Current => {}
            }
            if state != State::Missing && file.kind == Kind::Unit {
                self.unit(place, &path)?;
            }
            self.files.push(Seen { path, state });
        }
        let config = place.inside(&place.config);
        if !config.exists() {
            let config = config.display();
            self.findings
                .push(format!("the settings {config} are missing: {again}"));
        }
        Ok(())
    }

    /// Lets systemd say what it thinks of a unit, and looks for lines beside it.
    fn unit(&mut self, place: &Place, path: &Path) -> Result<(), Failure> {
        let shown = path.to_string_lossy().into_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = place.path(Kind::Unit, &format!("{name}.d"));
        if let Ok(entries) = fs::read_dir(beside) {
            let entries = entries.filter_map(Result::ok).map(|entry| entry.path());
            self.drop_ins
                .extend(entries.filter(|path| path.extension().is_some_and(|it| it == "conf")));
        }
        if place.root.is_some() {
            // It would be verified against this machine, where it does not belong.
            return Ok(());
        }
        if place.user && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            let note = "XDG_RUNTIME_DIR is not set, so systemd was not asked about the unit: log in as that user";
            self.notes.push(note.into());
            return Ok(());
        }
        let user: &[&str] = if place.user { &["--user"] } else { &[] };
        let verify = [&["systemd-analyze"], user, &["verify", "--man=no", &shown]].concat();
        match ran(&verify)? {
            None => self
                .notes
                .push("systemd-analyze is not installed; the units were not verified".into()),
            Some(ran) if !ran.said.is_empty() => self.findings.push(format!(
                "systemd does not find {shown} right:\n{}",
                ran.said
            )),
            Some(_) => {}
        }
        if !place.user && name == SERVICE {
            self.score(&shown)?;
        }
        Ok(())
    }

    fn score(&mut self, unit: &str) -> Result<(), Failure> {
        // With its drop-ins, where systemd has the unit loaded.
        let line = ["systemd-analyze", "security", "--offline=true", unit];
        let Some(ran) = ran(&line)? else {
            return Ok(());
        };
        let score = ran.said.split_once("Overall exposure level for ");
        let score = score.and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        self.security = score;
        if let Some(score) = score.filter(|score| *score > SCORE) {
            self.findings.push(format!(
                "the unit gives the server more room than it needs ({score} by systemd-analyze, {SCORE} or less is \
                 ours): see {}",
                line.join(" ")
            ));
        }
        Ok(())
    }

    fn look_at_server(&mut self, place: &Place) -> Result<(), Failure> {
        let asked =
            "--property=MainPID,NeedDaemonReload,ActiveState,ActiveEnterTimestamp,FragmentPath";
        let show = place.systemctl(&["show", "--timestamp=unix", asked, SERVICE]);
        let Some(ran) = tools::run(&show).context("cannot ask systemd")? else {
            return Ok(());
        };
        if !ran.ok {
            self.notes
                .push(format!("systemd cannot be asked: {}", ran.said));
            return Ok(());
        }
        let property = |name: &str| {
            let lines = ran.said.lines();
            let mut pairs = lines.filter_map(|line| line.split_once('='));
            pairs.find(|(known, _)| *known == name).map(|it| it.1)
        };
        let ctl = place.systemctl(&[]).join(" ");
        if property("NeedDaemonReload") == Some("yes") {
            self.findings.push(format!(
                "systemd has not read the unit since it changed: {ctl} daemon-reload"
            ));
        }
        match property("ActiveState") {
            Some("active") => {}
            Some("failed") => self.findings.push(format!(
                "the server failed: {ctl} status chatd, and journalctl -u chatd for why"
            )),
            state => {
                let state = state.unwrap_or("not loaded");
                self.notes.push(format!(
                    "the server does not run ({state}); {ctl} enable --now chatd starts it"
                ));
            }
        }
        let pid = property("MainPID").and_then(|pid| pid.parse().ok());
        self.running = pid.filter(|pid| *pid != 0);
        let Some(pid) = self.running else {
            return Ok(());
        };
        let restart = format!("{ctl} restart chatd");
        // The kernel says so of a file that was replaced while it runs.
        let runs = fs::read_link(format!("/proc/{pid}/exe"));
        if runs.is_ok_and(|exe| exe.to_string_lossy().ends_with(" (deleted)")) {
            self.findings.push(format!(
                "the server that runs is older than its binary: {restart}"
            ));
        }
        let since =
            property("ActiveEnterTimestamp").and_then(|at| at.strip_prefix('@')?.parse().ok());
        let changed = property("FragmentPath").and_then(|unit| fs::metadata(unit).ok());
        if let (Some(since), Some(changed)) = (since, changed)
            && changed.mtime() > since
        {
            self.findings.push(format!(
                "the server that runs is older than its unit: {restart}"
            ));
        }
        Ok(())
    }

    fn words(&self) -> String {
        let mut lines = Vec::new();
        let mut fact = |what: &str, about: &str| lines.push(format!("  {what:<16}{about}"));
        for Seen { path, state } in &self.files {
            let state = match state {
                State::Missing => "missing",
                State::Current => "up to date",
                State::Outdated => "another version",
                State::Edited => "changed",
                State::Foreign => "not chatd's",
            };
            fact(state, &path.to_string_lossy());
        }
        for path in &self.drop_ins {
            fact("yours", &path.to_string_lossy());
        }
        if let Some(score) = self.security {
            fact("security", &format!("{score} of 10, lower is safer"));
        }
        if let Some(pid) = self.running {
            fact("running", &format!("process {pid}"));
        }
        lines.extend(self.notes.iter().map(|it| format!("note: {it}")));
        lines.extend(self.findings.iter().map(|it| format!("problem: {it}")));
        if self.findings.is_empty() {
            lines.push("Nothing to do.".into());
        }
        let text = lines.join("\n") + "\n";
        escape_lines(&text).into_owned()
    }
}

fn ran(line: &[&str]) -> Result<Option<tools::Ran>, Failure> {
    let what = || format!("cannot run {}", line.join(" "));
    Ok(tools::run(&tools::words(line)).with_context(what)?)
}
