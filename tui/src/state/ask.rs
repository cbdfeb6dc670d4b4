//! What the server is asked: what to watch for, and details of what was looked into.

use chatd::admin::api::Watch;

use super::{Drill, Effect, Request, Screen, State, Table};

/// From one frame to the next, in milliseconds.
const EVERY_MS: u64 = 1000;

/// A question to be watched for, with its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Its number; frames bear that of the question they answer.
    pub(crate) number: u64,
    /// The question.
    pub(crate) watch: Watch,
}

/// A question that is answered once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    /// Its number.
    pub(crate) number: u64,
    /// The question.
    pub(crate) request: Request,
}

impl State {
    /// What is watched for, on a screen where nothing was looked into.
    pub(crate) fn first_watch(screen: Screen) -> Watch {
        let rows = match screen {
            Screen::Rooms | Screen::Conns => 50,
            _ => 0,
        };
        Watch {
            every_ms: Some(EVERY_MS),
            rooms: (screen == Screen::Rooms).then_some(rows),
            conns: (screen == Screen::Conns).then_some(rows),
            events_after: Some(0),
            log_after: (screen == Screen::Log).then_some(0),
            ..Watch::default()
        }
    }

    /// Watches for what is looked at now. What is held still is let go: it does not show that.
    pub(super) fn watch(&mut self) -> Effect {
        self.held = None;
        self.order += 1;
        Effect::Watch(Order {
            number: self.order,
            watch: self.wanted(),
        })
    }

    fn wanted(&self) -> Watch {
        let said = |filter: &str| (!filter.is_empty()).then(|| filter.to_owned());
        let mut watch = Watch {
            every_ms: Some(EVERY_MS),
            events_after: Some(self.events.last),
            log_after: (self.screen == Screen::Log).then_some(self.log.last),
            ..Watch::default()
        };
        match (self.drills.last(), self.screen) {
            (Some(Drill::Room(room)), _) => {
                let filter = format!("room:{}", room.name);
                watch.rooms = Some(1);
                watch.rooms_filter = Some(filter.clone());
                watch.conns = Some(room.conns.wanted);
                watch.conns_sort = Some(room.conns.sort());
                watch.conns_filter = Some(filter);
            }
            (None, Screen::Rooms) => {
                watch.rooms = Some(self.rooms.wanted);
                watch.rooms_sort = Some(self.rooms.sort());
                watch.rooms_filter = said(&self.rooms.filter);
            }
            (None, Screen::Conns) => {
                watch.conns = Some(self.conns.wanted);
                watch.conns_sort = Some(self.conns.sort());
                watch.conns_filter = said(&self.conns.filter);
            }
            _ => {}
        }
        watch
    }

    /// Watches for more rows, if the window has room for them.
    pub(super) fn grown(&mut self) -> Option<Effect> {
        let page = self.page();
        let more = self.table_mut()?.wants_more(page);
        more.then(|| self.watch())
    }

    /// The table that is looked at.
    pub(super) fn table_mut(&mut self) -> Option<&mut Table> {
        match (self.drills.last_mut(), self.screen) {
            (Some(Drill::Room(room)), _) => Some(&mut room.conns),
            (None, Screen::Rooms) => Some(&mut self.rooms),
            (None, Screen::Conns) => Some(&mut self.conns),
            _ => None,
        }
    }

    /// A question about what was looked into, if it is time for one.
    pub(super) fn detail(&mut self) -> Option<Ask> {
        let number = self.asked + 1;
        let request = self.drills.last_mut()?.wants(number)?;
        self.asked = number;
        Some(Ask { number, request })
    }

    /// A question of a dialog's.
    pub(super) fn ask(&mut self, request: Request) -> Effect {
        self.asked += 1;
        self.dialog_asked = Some(self.asked);
        Effect::Ask(Ask {
            number: self.asked,
            request,
        })
    }
}
