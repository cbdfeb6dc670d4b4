//! What can be typed: the tree of commands and the flags that all of them take.
//!
//! The arguments of a command stand in its own module below `command`; the help is dressed up by `help`.

use std::{path::PathBuf, time::Duration};

use chatd::config::Period;
use clap::{Args, Parser, Subcommand, ValueHint};

use crate::{
    command::{
        archive::Archive, audit::Audit, ban::Ban, bench::Bench, completions::Completions,
        config::Config, conn::Conn, doctor::Doctor, events::Events, file::File, health::Health,
        hold::Hold, hook::Hook, init::Init, invite::Invite, job::Job, log_level::LogLevel,
        man::Man, message::Message, notice::Notice, openapi::Openapi, registration::Registration,
        report::Report, role::Role, room::Room, serve::Serve, session::Session, status::Status,
        store::Store, systemd::Systemd, token::Token, top::Top, user::User, version::Version,
        webhook::Webhook,
    },
    output::Form,
};

/// A self-hosted group-chat server.
#[derive(Debug, Parser)]
#[command(name = "chatd", version, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The flags that every command takes, before or after its name.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Read settings from FILE; else from the file that `CHATD_CONFIG` names
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Keep data in DIR; short for `--set server.data_dir=DIR`
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,

    /// Set one setting; may be repeated, see `chatd config show`
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub(crate) set: Vec<(String, String)>,

    /// Answer in this form: table, json, jsonl (a line for each item) or tsv
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub(crate) output: Option<Form>,

    /// Short for `--output json`
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Give up after PERIOD, such as 10s, and end with 6
    #[arg(long, global = true, value_name = "PERIOD", value_parser = parse_timeout)]
    pub(crate) timeout: Option<Duration>,

    /// Use no colours and nothing bold; so does the variable `NO_COLOR`
    #[arg(long, global = true)]
    pub(crate) no_color: bool,

    /// Leave out notes and advice; of a code or token made, print it alone
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// The flag of everything that changes something.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DryRun {
    /// Only check and say what would happen
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// The commands. `help` groups them; a test sees to it that none is left out there.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    Init(Init),
    #[command(subcommand)]
    Config(Config),
    Health(Health),
    Status(Status),
    Top(Top),
    Events(Events),
    #[command(subcommand)]
    Job(Job),
    #[command(subcommand)]
    User(User),
    #[command(subcommand)]
    Role(Role),
    #[command(subcommand)]
    Session(Session),
    #[command(subcommand)]
    Token(Token),
    #[command(subcommand)]
    Room(Room),
    #[command(subcommand)]
    Conn(Conn),
    Notice(Notice),
    #[command(subcommand)]
    Message(Message),
    #[command(subcommand)]
    File(File),
    #[command(subcommand)]
    Invite(Invite),
    Registration(Registration),
    #[command(subcommand)]
    Ban(Ban),
    #[command(subcommand)]
    Report(Report),
    #[command(subcommand)]
    Audit(Audit),
    Archive(Archive),
    #[command(subcommand)]
    Hold(Hold),
    #[command(subcommand)]
    Hook(Hook),
    #[command(subcommand)]
    Webhook(Webhook),
    #[command(subcommand)]
    Store(Store),
    #[command(subcommand)]
    LogLevel(LogLevel),
    #[command(subcommand)]
    Bench(Bench),
    #[command(subcommand)]
    Systemd(Systemd),
    Openapi(Openapi),
    Doctor(Doctor),
    Version(Version),
    Man(Man),
    Completions(Completions),
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let period: Period = text.parse().map_err(|e| format!("{e}"))?;
    match period.get() {
        Duration::ZERO => Err("it has to be longer than nothing, such as 10s".into()),
        period => Ok(period),
    }
}

fn parse_setting(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write it as section.key=value, such as server.listen=127.0.0.1:9000"),
    }
}
