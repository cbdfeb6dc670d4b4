//! What the dashboard knows, and what an event makes of it. Pure: no clock, no terminal, no server.

mod history;
mod metric;

use chatd::{admin::api::Status, clock::Millis};

pub(crate) use self::{
    history::{History, WINDOW},
    metric::Metric,
};
use crate::keys::Action;

/// What can happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// The server answered.
    Status(Box<Status>),
    /// It did not.
    Lost {
        /// When that was noticed, by this machine's clock.
        at: Millis,
        /// Why.
        why: String,
    },
    /// A key was pressed.
    Key(Action),
    /// The window has another size.
    Resized,
}

/// What has to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The picture changed.
    Redraw,
    /// Leave.
    Quit,
}

/// What one picture shows.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// The server's last answer.
    pub(crate) status: Status,
    /// The minutes before it.
    pub(crate) history: History,
}

/// That the server is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    /// When it was noticed.
    pub(crate) since: Millis,
    /// When it was last tried.
    pub(crate) at: Millis,
    /// What came of the last try.
    pub(crate) why: String,
}

/// Everything the view is made from.
#[derive(Debug)]
pub(crate) struct State {
    live: Picture,
    /// While paused: the picture that is shown. The live one is kept up beside it, so that going on shows
    /// what happened meanwhile instead of a hole.
    held: Option<Picture>,
    outage: Option<Outage>,
    help: bool,
}

impl State {
    /// Starts with the server's first answer.
    pub(crate) fn new(status: Status) -> Self {
        let mut history = History::default();
        history.record(&status);
        Self {
            live: Picture { status, history },
            held: None,
            outage: None,
            help: false,
        }
    }

    /// The picture to be shown.
    pub(crate) fn picture(&self) -> &Picture {
        self.held.as_ref().unwrap_or(&self.live)
    }

    /// Whether that picture stands still.
    pub(crate) fn paused(&self) -> bool {
        self.held.is_some()
    }

    /// Whether, and since when, the server is away.
    pub(crate) fn outage(&self) -> Option<&Outage> {
        self.outage.as_ref()
    }

    /// Whether the keys are to be shown.
    pub(crate) fn help(&self) -> bool {
        self.help
    }

    /// Takes an event in. None when the picture is still right as it is.
    pub(crate) fn update(&mut self, event: Event) -> Option<Effect> {
        match event {
            Event::Status(status) => self.answered(*status),
            Event::Lost { at, why } => Some(self.lost(at, why)),
            Event::Key(action) => self.pressed(action),
            Event::Resized => Some(Effect::Redraw),
        }
    }

    fn answered(&mut self, status: Status) -> Option<Effect> {
        self.live.history.record(&status);
        self.live.status = status;
        let back = self.outage.take().is_some();
        (back || !self.paused()).then_some(Effect::Redraw)
    }

    fn lost(&mut self, at: Millis, why: String) -> Effect {
        let since = self.outage.as_ref().map_or(at, |outage| outage.since);
        self.outage = Some(Outage { since, at, why });
        Effect::Redraw
    }

    fn pressed(&mut self, action: Action) -> Option<Effect> {
        match action {
            Action::Quit => return Some(Effect::Quit),
            _ if self.help => self.help = false,
            Action::Back => return Some(Effect::Quit),
            Action::Pause => {
                self.held = match self.held {
                    Some(_) => None,
                    None => Some(self.live.clone()),
                };
            }
            Action::Reset => self.reset(),
            Action::Help => self.help = true,
            Action::Other => return None,
        }
        Some(Effect::Redraw)
    }

    /// Starts afresh from the last answer; a held picture becomes that, still held.
    fn reset(&mut self) {
        self.live.history.clear();
        if let Some(held) = &mut self.held {
            held.clone_from(&self.live);
        }
    }
}

#[cfg(test)]
mod tests;
