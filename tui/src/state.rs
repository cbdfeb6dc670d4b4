//! What the dashboard knows, and what an event makes of it. Pure: no clock, no terminal, no server.

mod act;
mod ask;
mod dialog;
mod drill;
mod history;
mod input;
mod metric;
mod press;
mod table;
mod tail;
mod trouble;

use chatd::{
    admin::api::{Frame, Happening, LogLine, WatchedConn, WatchedRoom},
    clock::Millis,
};
use crossterm::event::KeyEvent;
use serde_json::Value;

use self::table::{CONN_SORTS, ROOM_SORTS};
pub(crate) use self::{
    act::{Act, Field, Method, Request},
    ask::{Ask, Order},
    dialog::{Dialog, Stage},
    drill::{ConnView, Drill, RoomView},
    history::{History, Latency, WINDOW},
    input::Input,
    metric::Metric,
    press::{LEVELS, level_passes, of_kind},
    table::Table,
    tail::{Item, Line, Tail},
    trouble::{Weight, most_urgent},
};
use crate::{keys::Place, look::Look};

/// What can happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// The server said how it is.
    Frame {
        /// To which question.
        order: u64,
        /// How it is.
        frame: Box<Frame>,
    },
    /// It did not take the question.
    Refused {
        /// Which.
        order: u64,
        /// Why.
        why: String,
    },
    /// It is away.
    Lost {
        /// When that was noticed, by this machine's clock.
        at: Millis,
        /// Why.
        why: String,
        /// When it is tried again.
        next: Millis,
    },
    /// It is away still, and it is this late.
    Tick(Millis),
    /// It answered what it was asked.
    Answer {
        /// Which question.
        number: u64,
        /// What, or why not.
        answer: Result<Value, String>,
    },
    /// A key was pressed.
    Key(KeyEvent),
    /// The window has this size.
    Resized(u16, u16),
}

/// What has to be done about it. Whatever it is but leaving, the picture is to be drawn.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// The picture changed.
    Redraw,
    /// Watch for something else.
    Watch(Order),
    /// Ask the server.
    Ask(Ask),
    /// Look for the server at once.
    Retry,
    /// Draw everything, whatever is there.
    Repaint,
    /// Stop for now.
    Suspend,
    /// Leave.
    Quit,
}

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// How the server is.
    Overview,
    /// Its rooms.
    Rooms,
    /// Its connections.
    Conns,
    /// Its store, and work in the background.
    Jobs,
    /// What happens.
    Events,
    /// What it logs.
    Log,
}

impl Screen {
    /// All of them, in the order of their keys.
    pub const ALL: [Self; 6] = [
        Self::Overview,
        Self::Rooms,
        Self::Conns,
        Self::Jobs,
        Self::Events,
        Self::Log,
    ];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Rooms => "rooms",
            Self::Conns => "connections",
            Self::Jobs => "jobs",
            Self::Events => "events",
            Self::Log => "log",
        }
    }

    /// Its title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Rooms => "Rooms",
            Self::Conns => "Connections",
            Self::Jobs => "Store & jobs",
            Self::Events => "Events",
            Self::Log => "Log",
        }
    }

    fn place(self) -> Place {
        match self {
            Self::Overview => Place::Overview,
            Self::Rooms => Place::Rooms,
            Self::Conns => Place::Conns,
            Self::Jobs => Place::Jobs,
            Self::Events => Place::Events,
            Self::Log => Place::Log,
        }
    }
}

/// What one picture shows.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// The server's last frame.
    pub(crate) frame: Frame,
    /// The minutes before it.
    pub(crate) history: History,
}

/// That the server is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    /// When it was noticed.
    pub(crate) since: Millis,
    /// The time now.
    pub(crate) now: Millis,
    /// When it is tried again.
    pub(crate) next: Millis,
    /// What came of the last try.
    pub(crate) why: String,
}

/// What lies over the screen.
#[derive(Debug)]
pub(crate) enum Overlay {
    /// The keys.
    Help,
    /// A filter is typed.
    Filter(Input),
    /// Something is about to be done.
    Dialog(Box<Dialog>),
}

/// Everything the view is made from.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) look: Look,
    /// Columns and lines of the window.
    size: (u16, u16),
    live: Picture,
    /// While paused: the picture that is shown. The live one is kept up beside it, so that going on shows what
    /// happened meanwhile instead of a hole.
    held: Option<Picture>,
    outage: Option<Outage>,
    /// When the server that is watched was first seen after another, by its own clock.
    restarted: Option<u64>,
    pub(crate) screen: Screen,
    pub(crate) rooms: Table,
    pub(crate) conns: Table,
    /// The job that is meant, by its place.
    pub(crate) job: usize,
    /// What was looked into, one into another.
    pub(crate) drills: Vec<Drill>,
    pub(crate) events: Tail<Happening>,
    pub(crate) log: Tail<LogLine>,
    pub(crate) overlay: Option<Overlay>,
    /// What was refused last: a filter, or an act that has nobody to be done to. Until the next key.
    pub(crate) note: Option<String>,
    /// The number of the question that is being answered.
    order: u64,
    /// The filter that was in force before the one that the server has not taken yet.
    before: Option<String>,
    /// The number of the last question beside watching.
    asked: u64,
    /// Whose answer is for the dialog.
    dialog_asked: Option<u64>,
}

impl State {
    /// Starts with the server's first frame.
    pub(crate) fn new(frame: Frame, look: Look, size: (u16, u16), screen: Screen) -> Self {
        let mut history = History::default();
        history.record(&frame);
        let mut state = Self {
            look,
            size,
            live: Picture { frame, history },
            held: None,
            outage: None,
            restarted: None,
            screen,
            rooms: Table::new(ROOM_SORTS, "message_rate"),
            conns: Table::new(CONN_SORTS, "sent_rate"),
            job: 0,
            drills: Vec::new(),
            events: Tail::default(),
            log: Tail::default(),
            overlay: None,
            note: None,
            order: 0,
            before: None,
            asked: 0,
            dialog_asked: None,
        };
        state.take_tails();
        state
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

    /// Whether the server was started anew within the last minute that was watched.
    pub(crate) fn restarted(&self) -> bool {
        let now = self.live.frame.monotonic_us;
        self.restarted
            .is_some_and(|at| now.saturating_sub(at) < 60_000_000)
    }

    /// The number of the question that is being answered.
    #[cfg(test)]
    pub(crate) fn order(&self) -> u64 {
        self.order
    }

    /// What is looked at.
    pub(crate) fn place(&self) -> Place {
        match self.drills.last() {
            Some(Drill::Room(_)) => Place::Room,
            Some(Drill::Conn(_)) => Place::Conn,
            None => self.screen.place(),
        }
    }

    /// The rooms that are shown.
    pub(crate) fn room_rows(&self) -> &[WatchedRoom] {
        let rooms = self.picture().frame.rooms.as_ref();
        rooms.map_or(&[], |rooms| &rooms.rows)
    }

    /// The connections that are shown.
    pub(crate) fn conn_rows(&self) -> &[WatchedConn] {
        let conns = self.picture().frame.conns.as_ref();
        conns.map_or(&[], |conns| &conns.rows)
    }

    /// How many lines of a list are in sight: what the window has, without header, titles and footer.
    pub(crate) fn page(&self) -> usize {
        let others = match self.place() {
            Place::Room => 12,
            _ => 5,
        };
        usize::from(self.size.1).saturating_sub(others).max(1)
    }

    /// Takes an event in. None when the picture is still right as it is.
    pub(crate) fn update(&mut self, event: Event) -> Option<Effect> {
        match event {
            Event::Frame { order, frame } if order == self.order => self.framed(*frame),
            Event::Refused { order, why } if order == self.order => Some(self.refused(why)),
            Event::Frame { .. } | Event::Refused { .. } => None,
            Event::Lost { at, why, next } => Some(self.lost(at, why, next)),
            Event::Tick(now) => {
                self.outage.as_mut()?.now = now;
                Some(Effect::Redraw)
            }
            Event::Answer { number, answer } => self.answered(number, answer),
            Event::Key(key) => self.pressed(key),
            Event::Resized(width, height) => {
                self.size = (width, height);
                Some(self.grown().unwrap_or(Effect::Redraw))
            }
        }
    }

    fn framed(&mut self, frame: Frame) -> Option<Effect> {
        let back = self.outage.take().is_some();
        self.before = None;
        let another = frame.boot != self.live.frame.boot;
        self.live.history.record(&frame);
        if another {
            self.restarted = Some(frame.monotonic_us);
            self.events.restart();
            self.log.restart();
            self.live.frame = frame;
            // What happened in it was asked for by the numbers of the one before.
            return Some(self.watch());
        }
        self.live.frame = frame;
        self.take_tails();
        self.follow_rows();
        let fresh = back || !self.paused();
        match self.detail() {
            Some(ask) => Some(Effect::Ask(ask)),
            None => fresh.then_some(Effect::Redraw),
        }
    }

    /// Takes out of the frame what is kept elsewhere.
    fn take_tails(&mut self) {
        if let Some(batch) = self.live.frame.events.take() {
            self.events.take(batch, of_kind);
        }
        if let Some(batch) = self.live.frame.log.take() {
            self.log.take(batch, level_passes);
        }
    }

    /// Keeps the meant rows where they went, and the figures of what was looked into.
    fn follow_rows(&mut self) {
        let frame = &self.live.frame;
        let rows = frame.rooms.as_ref().map_or(&[][..], |it| &it.rows);
        let rooms: Vec<&str> = rows.iter().map(|r| &*r.id).collect();
        let rows = frame.conns.as_ref().map_or(&[][..], |it| &it.rows);
        let conns: Vec<&str> = rows.iter().map(|r| &*r.id).collect();
        match self.drills.last_mut() {
            Some(drill) => drill.take(frame, &conns),
            None if self.screen == Screen::Rooms => self.rooms.follow(&rooms),
            None => self.conns.follow(&conns),
        }
        self.job = self.job.min(frame.jobs.len().saturating_sub(1));
    }

    /// The server did not take what was asked: the filter, if one is new, else it is as good as away.
    fn refused(&mut self, why: String) -> Effect {
        self.note = Some(why);
        if let Some(before) = self.before.take()
            && let Some(table) = self.table_mut()
        {
            let refused = std::mem::replace(&mut table.filter, before);
            self.overlay = Some(Overlay::Filter(Input::new(&refused)));
            return self.watch();
        }
        Effect::Redraw
    }

    fn lost(&mut self, at: Millis, why: String, next: Millis) -> Effect {
        let since = self.outage.as_ref().map_or(at, |outage| outage.since);
        self.outage = Some(Outage {
            since,
            now: at,
            next,
            why,
        });
        Effect::Redraw
    }

    fn answered(&mut self, number: u64, answer: Result<Value, String>) -> Option<Effect> {
        if self.dialog_asked == Some(number) {
            self.dialog_asked = None;
            if let Some(Overlay::Dialog(dialog)) = &mut self.overlay {
                dialog.answer(answer);
                return Some(Effect::Redraw);
            }
            return None;
        }
        let drill = self
            .drills
            .iter_mut()
            .find(|drill| drill.asked() == Some(number))?;
        drill.answer(answer);
        Some(Effect::Redraw)
    }
}

#[cfg(test)]
mod tests;
