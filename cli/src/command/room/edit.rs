//! `chatd room edit`, `lock` and `unlock`.

use chatd::{
    admin::api::{RoomChange, RoomDetail},
    config::Period,
    model::{History, RoomName, RoomRole, RoomRules},
};
use clap::{ArgGroup, Args};

use super::{page, path, which};
use crate::{
    args::{Noted, one_of},
    asking::Asking,
    failure::{Explain as _, Failure},
    output::escape,
};

/// Change a room's name, texts and rules
#[derive(Debug, Args)]
#[command(
    override_usage = "chatd room edit [OPTIONS] <ROOM>",
    group(ArgGroup::new("change").required(true).multiple(true)),
    after_help = "\
Examples:
  chatd room edit general --title 'General talk' --topic ''
  chatd room edit news --post moderator
  chatd room edit general --slow-mode 30s --reason 'busy day'
  chatd room edit general --slow-mode off --dry-run"
)]
pub(crate) struct Edit {
    /// Its name or id
    room: String,

    /// Another name
    #[arg(long, group = "change")]
    name: Option<RoomName>,

    /// Another title; '' takes it away
    #[arg(long, value_name = "TEXT", group = "change")]
    title: Option<String>,

    /// Another topic; '' takes it away
    #[arg(long, value_name = "TEXT", group = "change")]
    topic: Option<String>,

    /// How much of the past members read
    #[arg(
        long, value_name = "WHAT", group = "change",
        value_parser = one_of(History::ALL, History::as_str)
    )]
    history: Option<History>,

    /// The lowest role there that may write
    #[arg(
        long, value_name = "ROLE", group = "change",
        value_parser = one_of(RoomRole::ALL, RoomRole::as_str)
    )]
    post: Option<RoomRole>,

    /// The lowest role there that may add people
    #[arg(
        long, value_name = "ROLE", group = "change",
        value_parser = one_of(RoomRole::ALL, RoomRole::as_str)
    )]
    invite: Option<RoomRole>,

    /// The lowest role there that may change title and topic
    #[arg(
        long, value_name = "ROLE", group = "change",
        value_parser = one_of(RoomRole::ALL, RoomRole::as_str)
    )]
    topic_role: Option<RoomRole>,

    /// The lowest role there that may pin messages
    #[arg(
        long, value_name = "ROLE", group = "change",
        value_parser = one_of(RoomRole::ALL, RoomRole::as_str)
    )]
    pin: Option<RoomRole>,

    /// How long a member waits between two messages, such as 30s; or off
    #[arg(long, value_name = "PERIOD", group = "change", value_parser = slow_mode)]
    slow_mode: Option<u32>,

    #[command(flatten)]
    noted: Noted,
}

/// Which room, and why.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// Its name or id
    room: String,

    #[command(flatten)]
    noted: Noted,
}

fn slow_mode(text: &str) -> Result<u32, String> {
    if text == "off" {
        return Ok(0);
    }
    let period: Period = text.parse().map_err(|e| format!("{e}; or off"))?;
    match u32::try_from(period.get().as_secs()) {
        Ok(0) => Err("a second is the least, such as 1s; off is for none".into()),
        Ok(seconds @ 1..=RoomRules::SLOWEST) => Ok(seconds),
        _ => Err("six hours is the most".into()),
    }
}

impl Edit {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let change = RoomChange {
            name: self.name.as_ref().map(ToString::to_string),
            title: self.title.clone(),
            topic: self.topic.clone(),
            history: self.history,
            post: self.post,
            invite: self.invite,
            topic_role: self.topic_role,
            pin: self.pin,
            slow_mode: self.slow_mode,
            ..change_of(&self.noted)
        };
        let changed = patch(asking, &self.room, "change", &change)?;
        asking.console.answer(&changed, |now| {
            if change.dry_run {
                let room = escape(&changed.room.name);
                return format!("Dry run: {room} can be changed so. Nothing was changed.");
            }
            page::detail(&changed, now)
        })
    }
}

impl Lock {
    pub(super) fn run(&self, asking: &Asking<'_>, locked: bool) -> Result<(), Failure> {
        let change = RoomChange {
            locked: Some(locked),
            ..change_of(&self.noted)
        };
        let verb = if locked { "lock" } else { "unlock" };
        let changed = patch(asking, &self.room, verb, &change)?;
        asking.console.answer(&changed, |_| {
            let room = escape(&changed.room.name);
            match (change.dry_run, locked) {
                (true, _) => format!("Dry run: {room} can be {verb}ed. Nothing was changed."),
                (false, true) => format!("Locked {room}: only its moderators write now."),
                (false, false) => format!("Unlocked {room}."),
            }
        })
    }
}

/// A change of nothing yet.
fn change_of(noted: &Noted) -> RoomChange {
    RoomChange {
        reason: noted.reason(),
        dry_run: noted.dry.dry_run,
        ..RoomChange::default()
    }
}

fn patch(
    asking: &Asking<'_>,
    room: &str,
    verb: &str,
    change: &RoomChange,
) -> Result<RoomDetail, Failure> {
    let path = path(room, "");
    let changed: Result<RoomDetail, Failure> = asking.act(change.dry_run, async |client| {
        Ok(client.patch(&path, change).await?)
    });
    changed.explain(|| format!("{verb} room `{room}`"), which())
}
