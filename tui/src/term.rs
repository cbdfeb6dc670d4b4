//! The terminal: taken over on entry, and given back however the dashboard ends: by a key, an error, a panic or a
//! signal; and for the while that it is stopped. Nothing else in this package writes to it.

use std::{
    io::{self, BufWriter, IsTerminal as _, Stdout, stdout},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    cursor::Show,
    execute,
    terminal::{
        Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode, size,
    },
};
use ratatui::{Terminal, backend::CrosstermBackend};
use rustix::process::{Signal as Number, kill_current_process_group};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

use crate::{state::State, view};

/// Whether there is a terminal to be taken over.
pub(crate) fn is_there() -> bool {
    io::stdin().is_terminal() && stdout().is_terminal()
}

/// As much as a picture takes: it goes out in one piece.
const PICTURE: usize = 64 * 1024;

type Output = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// The terminal while it is ours.
pub(crate) struct Screen {
    terminal: Output,
    guard: Guard,
}

impl Screen {
    /// Takes the terminal over.
    pub(crate) fn enter(guard: Guard) -> io::Result<Self> {
        guard.take()?;
        Ok(Self {
            terminal: output()?,
            guard,
        })
    }

    /// Its columns and lines.
    pub(crate) fn size() -> io::Result<(u16, u16)> {
        size()
    }

    /// Shows a state; only the cells that differ from the last time are written. Colours are named ones, so that they
    /// are the user's own, and `crossterm` leaves them out when `NO_COLOR` is set.
    pub(crate) fn draw(&mut self, state: &State) -> io::Result<()> {
        self.terminal.draw(|frame| {
            let area = frame.area();
            view::render(state, area, frame.buffer_mut());
        })?;
        Ok(())
    }

    /// Has the next picture written whole, whatever the terminal shows.
    pub(crate) fn repaint(&mut self) -> io::Result<()> {
        execute!(stdout(), Clear(ClearType::All))?;
        self.terminal = output()?;
        Ok(())
    }

    /// Gives the terminal back and stops, with all that was started with it, as Ctrl-Z does elsewhere. Comes back when
    /// it is continued; `resume` then takes the terminal again.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.guard.give_back();
        kill_current_process_group(Number::STOP)?;
        Ok(())
    }

    /// Takes the terminal again, after it was stopped. Whoever stopped it by a signal that cannot be caught left the
    /// terminal in its hands, as it was not.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        self.guard.give_back();
        self.guard.take()?;
        self.repaint()
    }
}

fn output() -> io::Result<Output> {
    let to = BufWriter::with_capacity(PICTURE, stdout());
    Terminal::new(CrosstermBackend::new(to))
}

/// Gives the terminal back, once: when dropped, or before.
#[derive(Clone)]
pub(crate) struct Guard(Arc<AtomicBool>);

impl Guard {
    /// Nothing is taken yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    fn take(&self) -> io::Result<()> {
        self.0.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen)
    }

    /// Gives the terminal back, as far as there still is one: after a hang-up there is nobody left to tell. Not
    /// twice: that would move the cursor to where it was long ago, over what was written since.
    fn give_back(&self) {
        if self.0.swap(false, Ordering::SeqCst) {
            disable_raw_mode().ok();
            execute!(stdout(), LeaveAlternateScreen, Show).ok();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.guard.give_back();
    }
}

/// Gives the terminal back before a panic's message is printed, which would else vanish with the alternate screen.
/// The panic may be another task's, which this one survives: it is told, to draw no more.
fn restore_on_panic(guard: Guard) -> Arc<Notify> {
    let told = Arc::new(Notify::new());
    let tell = Arc::clone(&told);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        guard.give_back();
        tell.notify_one();
        before(panic);
    }));
    told
}

/// What comes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// It is to end.
    End,
    /// It is to stop for now.
    Suspend,
    /// It goes on.
    Resume,
}

/// The signals that end a program, stop it and have it go on, caught so that each includes giving the terminal back
/// or taking it; and a panic anywhere in the process.
pub(crate) struct Signals {
    panic: Arc<Notify>,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    quit: Signal,
    stop: Signal,
    go_on: Signal,
}

impl Signals {
    /// Starts to listen.
    pub(crate) fn listen(guard: Guard) -> io::Result<Self> {
        let raw = |number: Number| signal(SignalKind::from_raw(number.as_raw()));
        Ok(Self {
            panic: restore_on_panic(guard),
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            stop: raw(Number::TSTP)?,
            go_on: raw(Number::CONT)?,
        })
    }

    /// Waits for any of them.
    pub(crate) async fn next(&mut self) -> Outside {
        tokio::select! {
            () = self.panic.notified() => Outside::End,
            _ = self.interrupt.recv() => Outside::End,
            _ = self.terminate.recv() => Outside::End,
            _ = self.hangup.recv() => Outside::End,
            _ = self.quit.recv() => Outside::End,
            _ = self.stop.recv() => Outside::Suspend,
            _ = self.go_on.recv() => Outside::Resume,
        }
    }
}
