//! The commands, a module each: what can be typed, what is asked, how the answer looks.

pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod ban;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod conn;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod file;
pub(crate) mod health;
pub(crate) mod hold;
pub(crate) mod hook;
pub(crate) mod init;
pub(crate) mod invite;
pub(crate) mod job;
pub(crate) mod log_level;
pub(crate) mod man;
pub(crate) mod message;
pub(crate) mod notice;
pub(crate) mod openapi;
pub(crate) mod registration;
pub(crate) mod report;
pub(crate) mod role;
pub(crate) mod room;
mod sanction;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod systemd;
pub(crate) mod token;
pub(crate) mod top;
pub(crate) mod user;
pub(crate) mod version;
pub(crate) mod webhook;

use std::{cell::Cell, ffi::OsString, thread, time::Duration};

use crate::{
    asking::Asking,
    cli::{Cli, Command},
    console::Console,
    failure::Failure,
    settings,
};

/// Does what was typed.
pub(crate) fn run(cli: Cli, args: &[OsString], console: &Console) -> Result<(), Failure> {
    let mut sources = settings::sources(&cli.global, args);
    // A server that is started starts with nothing configured; the others look for one that is there.
    if !matches!(
        cli.command,
        Command::Serve(_) | Command::Init(_) | Command::Systemd(_) | Command::Bench(_)
    ) {
        sources = settings::or_service(sources);
    }
    let asking = Asking {
        sources,
        args,
        console,
        told: Cell::default(),
        timeout: cli.global.timeout,
    };
    limit(&cli.command, asking.timeout, console)?;
    match cli.command {
        Command::Serve(serve) => serve.run(asking.sources, console),
        Command::Init(init) => init.run(&asking.sources, &cli.global, console),
        Command::Config(config) => config.run(&asking),
        Command::Bench(bench) => bench.run(&asking),
        Command::Health(health) => health.run(&asking),
        Command::Status(status) => status.run(&asking),
        Command::Top(top) => top.run(&asking),
        Command::Events(events) => events.run(&asking),
        Command::Job(job) => job.run(&asking),
        Command::Conn(conn) => conn.run(&asking),
        Command::Notice(notice) => notice.run(&asking),
        Command::User(user) => user.run(&asking),
        Command::Role(role) => role.run(&asking),
        Command::Session(session) => session.run(&asking),
        Command::Token(token) => token.run(&asking),
        Command::Room(room) => room.run(&asking),
        Command::Message(message) => message.run(&asking),
        Command::File(file) => file.run(&asking),
        Command::Invite(invite) => invite.run(&asking),
        Command::Registration(registration) => registration.run(&asking),
        Command::Ban(ban) => ban.run(&asking),
        Command::Report(report) => report.run(&asking),
        Command::Audit(audit) => audit.run(&asking),
        Command::Archive(archive) => archive.run(&asking),
        Command::Hold(hold) => hold.run(&asking),
        Command::Hook(hook) => hook.run(&asking),
        Command::Webhook(webhook) => webhook.run(&asking),
        Command::Store(store) => store.run(&asking),
        Command::LogLevel(level) => level.run(&asking),
        Command::Systemd(systemd) => systemd.run(&asking.sources, console),
        Command::Openapi(openapi) => openapi.run(console),
        Command::Doctor(doctor) => doctor.run(&asking),
        Command::Version(version) => version.run(console),
        Command::Man(man) => man.run(console),
        Command::Completions(completions) => completions.run(console),
    }
}

/// Holds `--timeout` over the commands that do all of their work in this process, where no request could carry it: at
/// its end the process ends, as Ctrl-C would end it. The others keep to it themselves.
fn limit(command: &Command, timeout: Option<Duration>, console: &Console) -> Result<(), Failure> {
    let Some(most) = timeout else {
        return Ok(());
    };
    match command {
        Command::Serve(_) => Err(Failure::Usage(
            "`serve` runs until it is stopped; leave --timeout out".into(),
        )),
        Command::Init(_)
        | Command::Config(_)
        | Command::Systemd(_)
        | Command::Openapi(_)
        | Command::Doctor(_)
        | Command::Version(_)
        | Command::Man(_)
        | Command::Completions(_) => {
            let console = console.clone();
            thread::spawn(move || {
                thread::sleep(most);
                let exit = console.failed(&Failure::TimedOut(most));
                std::process::exit(exit as i32);
            });
            Ok(())
        }
        _ => Ok(()),
    }
}
