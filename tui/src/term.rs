//! The terminal: taken over on entry, and given back however the dashboard ends: by a key, an error, a
//! panic or a signal. Nothing else in this package writes to it.

use std::{
    io::{self, IsTerminal as _, Stdout, stdout},
    sync::Arc,
};

use crossterm::{
    cursor::Show,
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

use crate::{Error, state::State, view};

/// Refuses a pipe or a file, before anything is asked of the server.
pub(crate) fn require() -> Result<(), Error> {
    if io::stdin().is_terminal() && stdout().is_terminal() {
        Ok(())
    } else {
        Err(Error::NoTerminal)
    }
}

/// The terminal while it is ours.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    _guard: Guard,
}

impl Screen {
    /// Takes the terminal over.
    pub(crate) fn enter() -> io::Result<Self> {
        let guard = Guard;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen)?;
        Ok(Self {
            terminal: Terminal::new(CrosstermBackend::new(stdout()))?,
            _guard: guard,
        })
    }

    /// Shows a state; only the cells that differ from the last time are written. Colours are named ones, so
    /// that they are the user's own, and `crossterm` leaves them out when `NO_COLOR` is set.
    pub(crate) fn draw(&mut self, state: &State) -> io::Result<()> {
        self.terminal.draw(|frame| view::render(state, frame))?;
        Ok(())
    }
}

/// Gives the terminal back when dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, as far as there still is one: after a hang-up there is nobody left to tell.
fn restore() {
    disable_raw_mode().ok();
    execute!(stdout(), LeaveAlternateScreen, Show).ok();
}

/// Gives the terminal back before a panic's message is printed, which would else vanish with the alternate
/// screen. The panic may be another task's, which this one survives: it is told, to draw no more.
fn restore_on_panic() -> Arc<Notify> {
    let told = Arc::new(Notify::new());
    let tell = Arc::clone(&told);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        tell.notify_one();
        before(panic);
    }));
    told
}

/// What ends the dashboard from outside: the signals that end a program, caught so that ending includes
/// giving the terminal back, and a panic anywhere in the process.
pub(crate) struct Signals {
    panic: Arc<Notify>,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Starts to listen.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            panic: restore_on_panic(),
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for any of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            () = self.panic.notified() => {}
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
