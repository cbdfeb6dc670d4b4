//! The live dashboard, `chatd top`.
//!
//! Called by the command line, which knows how to reach a server and hands over a closure that does. The parts: `conn`
//! speaks with the server and is the only one that does I/O with it, `state` is what is known, `keys` what a key
//! means, `view` how it looks, `look` what the terminal can show, `plain` the same as text, `term` takes the terminal
//! and puts it back. What it changes on the server it changes as the command line does, by the same requests, and shows
//! the command first.

mod conn;
mod keys;
mod look;
mod plain;
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
use tokio::sync::{Notify, mpsc, watch};

use self::{
    conn::{Conn, Pace},
    state::{Effect, Event, Order, State},
    term::{Guard, Outside, Signals},
};
pub use self::{
    look::Look,
    plain::{Once, once},
    state::Screen,
};

/// Why the dashboard did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server did not answer the first question. Once it has, being away is shown and waited out.
    #[error(transparent)]
    Server(#[from] admin::Error),
    /// The terminal did not do what it was told.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
}

/// How long an answer to a question of a dialog's may take: something may wait its turn behind much else.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Whether there is a terminal for a dashboard.
pub fn is_terminal() -> bool {
    term::is_there()
}

/// Shows the dashboard until a key or a signal ends it. `connect` is called at once, and again whenever the server
/// went away or something else is to be watched, so that a restarted server comes back by itself.
///
/// The first answer is awaited before the terminal is touched: a server that cannot be reached is an error to be
/// printed, not an empty screen.
pub async fn run<C>(connect: C, look: Look, screen: Screen) -> Result<(), Error>
where
    C: AsyncFn() -> Result<Client, admin::Error>,
{
    let first = State::first_watch(screen);
    let (conn, frame) = Conn::open(&connect, Clock::system(), Pace::default(), &first).await?;
    let state = State::new(frame, look, term::Screen::size()?, screen);
    // Few are enough: counters are absolute, so when the screen is slow the next frame just waits.
    let (told, tell) = mpsc::channel(4);
    let (asks, asked) = mpsc::channel(4);
    let order = Order {
        number: 0,
        watch: first,
    };
    let (orders, ordered) = watch::channel(order);
    let retry = Notify::new();
    let to = To {
        orders,
        asks,
        retry: &retry,
    };
    tokio::select! {
        biased;
        shown = show(state, tell, &to) => shown.map_err(Error::Terminal),
        () = conn.watch(told.clone(), ordered, &retry) => Ok(()),
        () = conn::answer(&connect, asked, told, PATIENCE) => Ok(()),
    }
}

/// The ways to the server.
struct To<'a> {
    orders: watch::Sender<Order>,
    asks: mpsc::Sender<state::Ask>,
    retry: &'a Notify,
}

/// Draws, then waits for whatever changes the picture.
async fn show(mut state: State, mut tell: mpsc::Receiver<Event>, to: &To<'_>) -> io::Result<()> {
    let guard = Guard::new();
    let mut signals = Signals::listen(guard.clone())?;
    let mut screen = term::Screen::enter(guard)?;
    let mut input = EventStream::new();
    screen.draw(&state)?;
    panic_if_asked_to();
    loop {
        let event = tokio::select! {
            biased;
            outside = signals.next() => match outside {
                Outside::End => return Ok(()),
                Outside::Suspend => {
                    screen.suspend()?;
                    continue;
                }
                Outside::Resume => {
                    screen.resume()?;
                    let (width, height) = term::Screen::size()?;
                    Event::Resized(width, height)
                }
            },
            typed = input.next() => match read(typed)? {
                Typed::Event(event) => event,
                Typed::Nothing => continue,
                Typed::Gone => return Ok(()),
            },
            told = tell.recv() => match told {
                Some(event) => event,
                None => return Ok(()),
            },
        };
        if carry_out(&mut state, event, &mut screen, to)? {
            return Ok(());
        }
    }
}

/// Takes an event in, and does what has to be done about it; true when that is leaving.
fn carry_out(
    state: &mut State,
    event: Event,
    screen: &mut term::Screen,
    to: &To<'_>,
) -> io::Result<bool> {
    let Some(effect) = state.update(event) else {
        return Ok(false);
    };
    match effect {
        Effect::Redraw => {}
        Effect::Watch(order) => {
            to.orders.send_replace(order);
        }
        Effect::Ask(ask) => {
            let number = ask.number;
            if to.asks.try_send(ask).is_err() {
                let answer = Err("too much is being asked already; try again in a moment".into());
                state.update(Event::Answer { number, answer });
            }
        }
        Effect::Retry => to.retry.notify_one(),
        Effect::Repaint => screen.repaint()?,
        Effect::Suspend => {
            screen.suspend()?;
            return Ok(false);
        }
        Effect::Quit => return Ok(true),
    }
    screen.draw(state)?;
    Ok(false)
}

/// What the terminal said.
enum Typed {
    Event(Event),
    Nothing,
    /// The window was closed.
    Gone,
}

fn read(typed: Option<io::Result<Input>>) -> io::Result<Typed> {
    Ok(match typed.transpose()? {
        None => Typed::Gone,
        Some(Input::Resize(width, height)) => Typed::Event(Event::Resized(width, height)),
        Some(Input::Key(key)) if key.kind != KeyEventKind::Release => Typed::Event(Event::Key(key)),
        Some(_) => Typed::Nothing,
    })
}

/// For a test of what becomes of the terminal then. Not in what is released.
fn panic_if_asked_to() {
    assert!(
        !(cfg!(debug_assertions) && std::env::var_os("TEST_PANIC_TOP").is_some()),
        "the test asked for it"
    );
}
