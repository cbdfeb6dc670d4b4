//! `chatd`: the server, its administrator's command line and its dashboard, in one binary.
//!
//! This crate reads arguments, asks the library, and says what came of it: on stdout the answer, on stderr
//! everything else, and in the exit code the verdict. No rule about chat is decided here.

mod args;
mod asking;
mod checksum;
mod cli;
mod command;
mod complete;
mod console;
mod failure;
mod help;
mod output;
mod password;
mod reference;
mod settings;

use std::{ffi::OsString, process::ExitCode};

use clap::FromArgMatches as _;

use crate::{
    cli::Cli,
    console::Console,
    failure::{Exit, Failure},
};

/// The server makes and drops millions of small buffers; mimalloc gives them back to the system as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if complete::answer(&args) {
        return ExitCode::SUCCESS;
    }
    // Making the tree of commands is most of so short a run.
    if matches!(&args[..], [_, flag] if flag == "--version" || flag == "-V") {
        let version = concat!("chatd ", env!("CARGO_PKG_VERSION"));
        return console::print(version)
            .map_or(Exit::Other, |()| Exit::Ok)
            .into();
    }
    if args.len() < 2 {
        let help = help::command().render_help();
        return Console::guess(&args).styled(&help).into();
    }
    let parsed = help::command()
        .try_get_matches_from(&args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(e) if !e.use_stderr() => return Console::guess(&args).styled(&e.render()).into(),
        Err(e) => {
            let console = Console::guess(&args);
            let text = without_passwords(e.render().to_string(), &args);
            return console.failed(&Failure::Usage(text)).into();
        }
    };
    let console = match Console::new(&cli.global) {
        Ok(console) => console,
        Err(failure) => return Console::guess(&args).failed(&failure).into(),
    };
    let exit = match command::run(cli, &args, &console) {
        Ok(()) => Exit::Ok,
        Err(failure) => console.failed(&failure),
    };
    exit.into()
}

/// clap repeats what was typed wrongly; a URL in it may have a password.
fn without_passwords(mut text: String, args: &[OsString]) -> String {
    for arg in args {
        let arg = arg.to_string_lossy();
        let shown = chatd::config::without_secrets(&arg);
        if shown != arg {
            text = text.replace(&*arg, &shown);
        }
    }
    text
}
