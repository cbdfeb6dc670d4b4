//! `chatd bench`: what a server carries, and whether it keeps its promises under load.
//!
//! It is a client like any other: it speaks the wire contract to whatever URL it is given. What it knows beyond that
//! (accounts made by the admin socket, CPU time and memory by `/proc`) it knows of a server of this machine only.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures of a measurement: rates, averages, sizes for people"
)]

mod accounts;
mod chat;
mod checks;
mod churn;
mod conn;
mod figures;
mod fleet;
mod idle;
mod machine;
mod order;
mod page;
mod process;
mod rest;
mod room;
mod said;
mod scenario;
mod setup;
mod storm;
mod stream;
mod target;
mod trouble;
mod wire;
mod words;
mod worker;

use clap::Subcommand;

use self::{chat::Chat, churn::Churn, idle::Idle, storm::Storm};
use crate::{asking::Asking, failure::Failure};

/// Put a server under load, and measure what it carries
///
/// Makes accounts and private rooms of its own, lets them talk, measures, checks on the way that nothing is lost,
/// repeated or out of order, and clears up. It first says what it will do. Ends with 10 when a check failed.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd bench chat --dry-run
  chatd bench chat --rooms 10 --members 100
  chatd bench idle --connections 10000")]
pub(crate) enum Bench {
    Chat(Chat),
    Idle(Idle),
    Storm(Storm),
    Churn(Churn),
}

impl Bench {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Chat(chat) => chat.run(asking),
            Self::Idle(idle) => idle.run(asking),
            Self::Storm(storm) => storm.run(asking),
            Self::Churn(churn) => churn.run(asking),
        }
    }
}
