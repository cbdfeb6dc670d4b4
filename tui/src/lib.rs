//! The live dashboard, `chatd top`: one screen that tells how a running server is.
//!
//! Called by the command line, which knows how to reach a server and hands over a closure that does. The
//! parts: `conn` asks the server and is the only one that does I/O with it, `state` is what is known,
//! `keys` what a key means, `view` how it looks, `term` puts the terminal back. It never writes to the
//! server: there is nothing on this screen that could change it.

mod conn;
mod keys;
mod state;
mod term;
#[cfg(test)]
mod testing;
mod view;

use std::io;

use chatd::{
    admin::{self, Client},
    clock::Clock,
};
use crossterm::event::{Event as Input, EventStream, KeyEventKind};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use self::{
    conn::{Conn, Pace},
    keys::Action,
    state::{Effect, Event, State},
    term::{Screen, Signals},
};

/// Why the dashboard did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server did not answer the first question. Once it has, being away is shown and waited out.
    #[error(transparent)]
    Server(#[from] admin::Error),
    /// Standard input or output is a file or a pipe.
    #[error("the dashboard needs a terminal; in a script, ask for the server's status as JSON")]
    NoTerminal,
    /// The terminal did not do what it was told.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
}

/// Shows the dashboard until a key or a signal ends it. `connect` is called at once, and again whenever the
/// server went away, so that a restarted server comes back by itself.
///
/// The first answer is awaited before the terminal is touched: a server that cannot be reached is an error
/// to be printed, not an empty screen.
pub async fn run<C>(connect: C) -> Result<(), Error>
where
    C: AsyncFn() -> Result<Client, admin::Error>,
{
    term::require()?;
    let (conn, status) = Conn::open(connect, Clock::system(), Pace::default()).await?;
    // One event is enough: counters are absolute, so when the screen is slow the next question just waits.
    let (told, mut tell) = mpsc::channel(1);
    let mut state = State::new(status);
    tokio::select! {
        biased;
        shown = show(&mut state, &mut tell) => shown.map_err(Error::Terminal),
        () = conn.poll(told) => Ok(()),
    }
}

/// Draws, then waits for whatever changes the picture.
async fn show(state: &mut State, tell: &mut mpsc::Receiver<Event>) -> io::Result<()> {
    let mut signals = Signals::listen()?;
    let mut screen = Screen::enter()?;
    let mut input = EventStream::new();
    let mut effect = Some(Effect::Redraw);
    loop {
        match effect {
            Some(Effect::Quit) => return Ok(()),
            Some(Effect::Redraw) => screen.draw(state)?,
            None => {}
        }
        let event = tokio::select! {
            biased;
            () = signals.next() => Some(Event::Key(Action::Quit)),
            typed = input.next() => read(typed)?,
            told = tell.recv() => told,
        };
        effect = event.and_then(|event| state.update(event));
    }
}

/// What the terminal said. Its end is an end like any other: the window was closed.
fn read(typed: Option<io::Result<Input>>) -> io::Result<Option<Event>> {
    Ok(match typed.transpose()? {
        None => Some(Event::Key(Action::Quit)),
        Some(Input::Resize(..)) => Some(Event::Resized),
        Some(Input::Key(key)) if key.kind != KeyEventKind::Release => {
            Some(Event::Key(keys::action(key)))
        }
        Some(_) => None,
    })
}
