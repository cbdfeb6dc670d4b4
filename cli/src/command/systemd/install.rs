//! `chatd systemd install` and `uninstall`: files, account, settings; and taking the files away again.

use std::path::Path;

use anyhow::Context as _;
use chatd::config::Sources;

use super::{
    Install, Uninstall,
    files::{self, File, Kind, SERVICE, SOCKETS, State},
    place::{Place, refused},
    plan::{Plan, Step},
    tools::words,
};
use crate::{
    command::init,
    console::Console,
    failure::{Exit, Failure},
    settings,
};

impl Install {
    pub(super) fn run(&self, console: &Console) -> Result<(), Failure> {
        let place = self.place.place()?;
        if !self.dry.dry_run {
            place.admit()?;
        }
        if let Some(unit) = place.packaged() {
            return Err(refused(
                Exit::Conflict,
                format!("a package has installed {} already", unit.display()),
                "use that one: systemctl enable --now chatd; `systemctl edit chatd` changes it",
            ));
        }
        let binary = place.binary(self.program.binary.as_deref())?;
        let mut notes = Vec::new();
        if let Some(flaw) = place.flaw_of_binary(&binary) {
            if place.root.is_none() {
                let hint = "or name another one with --binary PATH";
                return Err(refused(Exit::Conflict, flaw, hint));
            }
            notes.push(flaw);
        }
        let binary = binary.to_string_lossy().into_owned();
        let listen = if self.sockets {
            listen(&place)?
        } else {
            String::new()
        };
        let mut steps = Vec::new();
        let files = files::files(place.user, self.sockets);
        for file in &files {
            let text = file.render(&binary, &listen);
            steps.push(step(&place, *file, text)?);
            if file.kind == Kind::Sysusers && place.is_live() {
                steps.push(on_file("systemd-sysusers", &[], &place, *file));
            }
        }
        steps.push(settings_step(&place)?);
        if place.is_live() {
            for file in files.iter().filter(|file| file.kind == Kind::Tmpfiles) {
                steps.push(on_file("systemd-tmpfiles", &["--create"], &place, *file));
            }
            let command = place.systemctl(&["daemon-reload"]);
            steps.push(Step::Run { command });
        } else if place.root.is_none() {
            notes.push("systemd does not run this machine; the files are for when it does".into());
        }
        let (done, next) = (self.done(), self.next(&place));
        let plan = Plan {
            steps,
            dry_run: self.dry.dry_run,
            notes,
            next,
        };
        plan.carry_out(&place, console, done)
    }

    fn done(&self) -> &'static str {
        if self.place.user {
            "Installed, for you alone."
        } else {
            "Installed."
        }
    }

    fn next(&self, place: &Place) -> Vec<String> {
        let mut units = vec![SERVICE];
        if self.sockets {
            units.extend(SOCKETS);
        }
        let config = place.config.display();
        let enable = [&["enable", "--now"], units.as_slice()].concat();
        let mut next = vec![
            format!("{config}    # look it over: where it listens, who may register"),
            place.systemctl(&enable).join(" "),
            "chatd systemd check".to_owned() + if place.user { " --user" } else { "" },
            format!("chatd --config {config} user add NAME --role admin"),
        ];
        if place.user {
            next.push("loginctl enable-linger    # else it ends when you log out".into());
        }
        next
    }
}

impl Uninstall {
    pub(super) fn run(&self, console: &Console) -> Result<(), Failure> {
        let place = self.place.place()?;
        if !self.dry.dry_run {
            place.admit()?;
        }
        let (mut steps, mut units, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        // The sockets first: with the service gone and them there, the next connection would start it.
        for file in files::files(place.user, !place.user).into_iter().rev() {
            let path = place.path(file.kind, file.name);
            match found(&path, "")? {
                State::Missing => continue,
                State::Current | State::Outdated => steps.push(Step::Remove { path }),
                State::Edited => steps.push(Step::Keep {
                    path,
                    why: "somebody changed it".into(),
                }),
                State::Foreign => {
                    let why = "chatd did not install it".into();
                    steps.push(Step::Keep { path, why });
                    continue;
                }
            }
            if file.kind == Kind::Unit {
                units.push(file.name);
            }
        }
        if steps.is_empty() {
            return Err(refused(
                Exit::NotFound,
                "there is nothing to uninstall: no file of the service is there".into(),
                "`chatd systemd check` shows where they were looked for; a package is removed as it was \
                 installed",
            ));
        }
        if place.is_live() && !units.is_empty() {
            let args = [&["disable", "--now"], units.as_slice()].concat();
            let command = place.systemctl(&args);
            steps.insert(0, Step::Run { command });
            let command = place.systemctl(&["daemon-reload"]);
            steps.push(Step::Run { command });
        }
        for (path, why) in [
            (&place.config, "the settings are yours"),
            (&place.data, "the data are yours"),
        ] {
            let path = place.inside(path);
            if path.exists() {
                let why = why.into();
                steps.push(Step::Keep { path, why });
            }
        }
        if !place.user {
            notes.push("the account chatd stays, as the data belong to it".into());
        }
        let plan = Plan {
            steps,
            dry_run: self.dry.dry_run,
            notes,
            next: Vec::new(),
        };
        plan.carry_out(&place, console, "Uninstalled; no data was touched.")
    }
}

/// What is to be done about one file.
fn step(place: &Place, file: File, text: String) -> Result<Step, Failure> {
    let path = place.path(file.kind, file.name);
    let mine = "chatd systemd print";
    Ok(match found(&path, &text)? {
        State::Missing => to_write(&path, "new", text),
        State::Outdated => to_write(&path, "newer than the one there", text),
        State::Current => Step::Keep {
            path,
            why: "up to date".into(),
        },
        State::Edited => Step::Keep {
            path,
            why: format!("somebody changed it; `{mine}` shows what would be there"),
        },
        State::Foreign => Step::Keep {
            path,
            why: format!("chatd did not install it; `{mine}` shows what would be there"),
        },
    })
}

fn to_write(path: &Path, why: &'static str, text: String) -> Step {
    Step::Write {
        path: path.to_owned(),
        why,
        text,
        mode: 0o644,
        shared: false,
    }
}

/// The settings to start from, unless there are some.
fn settings_step(place: &Place) -> Result<Step, Failure> {
    let path = place.inside(&place.config);
    if path.exists() {
        let why = "the settings are yours".into();
        return Ok(Step::Keep { path, why });
    }
    let data = place.data.to_string_lossy().into_owned();
    let set = [
        ("server.data_dir", data.as_str()),
        ("auth.registration", "invite"),
    ];
    let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Ok(Step::Write {
        path,
        why: "registration by invitation, everything else as built in",
        text: init::example(&set)?,
        mode: if place.user { 0o600 } else { 0o640 },
        shared: !place.user,
    })
}

/// Where the settings say that the server listens: the socket's unit has to say so, too.
pub(super) fn listen(place: &Place) -> Result<String, Failure> {
    let path = place.inside(&place.config);
    let sources = Sources {
        file: path.exists().then_some(path),
        ..Sources::default()
    };
    Ok(settings::load(&sources)?.config.server.listen.to_string())
}

pub(super) fn found(path: &Path, wanted: &str) -> Result<State, Failure> {
    let what = || format!("cannot read {}", path.display());
    Ok(files::state(path, wanted).with_context(what)?)
}

fn on_file(program: &str, args: &[&str], place: &Place, file: File) -> Step {
    let path = place.path(file.kind, file.name);
    let path = path.to_string_lossy();
    let command = words(&[&[program], args, &[&*path]].concat());
    Step::Run { command }
}
