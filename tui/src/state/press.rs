//! What a key makes of the state.

use chatd::feed::{Happening, Kind, LogLine};
use crossterm::event::{KeyCode, KeyEvent};

use super::{Act, Dialog, Drill, Effect, Input, Overlay, Screen, State, dialog::Outcome};
use crate::keys::{self, Action, Place};

/// The levels of the log, the worst first.
pub(crate) const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// Whether an event is of a kind.
pub(crate) fn of_kind(event: &Happening, kind: usize) -> bool {
    Kind::ALL.get(kind) == Some(&event.kind)
}

/// Whether a line of the log is of a level, or worse.
pub(crate) fn level_passes(line: &LogLine, level: usize) -> bool {
    let place = LEVELS.iter().position(|known| *known == line.level);
    place.is_none_or(|place| place <= level)
}

impl State {
    pub(super) fn pressed(&mut self, key: KeyEvent) -> Option<Effect> {
        let always = keys::action(key, Place::Overview);
        match (always, &mut self.overlay) {
            (Some(Action::Quit), overlay)
                if overlay.is_none() || matches!(key.code, KeyCode::Char('c')) =>
            {
                return Some(Effect::Quit);
            }
            (Some(Action::Suspend), _) => return Some(Effect::Suspend),
            (Some(Action::Repaint), _) => return Some(Effect::Repaint),
            _ => {}
        }
        match self.overlay.take() {
            None => {
                let said = self.note.take().is_some();
                let effect = self.acted(keys::action(key, self.place()));
                effect.or_else(|| said.then_some(Effect::Redraw))
            }
            Some(Overlay::Help) => Some(Effect::Redraw),
            Some(Overlay::Filter(input)) => Some(self.typed_filter(input, key)),
            Some(Overlay::Dialog(dialog)) => Some(self.typed_dialog(dialog, key)),
        }
    }

    fn typed_dialog(&mut self, mut dialog: Box<Dialog>, key: KeyEvent) -> Effect {
        let outcome = dialog.press(key);
        match outcome {
            Outcome::Closed => {
                self.dialog_asked = None;
                return Effect::Redraw;
            }
            Outcome::Open => self.overlay = Some(Overlay::Dialog(dialog)),
            Outcome::Ask(request) => {
                self.overlay = Some(Overlay::Dialog(dialog));
                return self.ask(request);
            }
        }
        Effect::Redraw
    }

    fn typed_filter(&mut self, mut input: Input, key: KeyEvent) -> Effect {
        match key.code {
            KeyCode::Esc => self.note = None,
            KeyCode::Enter => {
                self.note = None;
                let filter = input.text().trim().to_owned();
                match self.screen {
                    Screen::Events => {
                        self.events.words = filter;
                        self.events.follow();
                    }
                    Screen::Log => {
                        self.log.words = filter;
                        self.log.follow();
                    }
                    _ => {
                        if let Some(table) = self.table_mut()
                            && table.filter != filter
                        {
                            let before = std::mem::replace(&mut table.filter, filter);
                            self.before = Some(before);
                            return self.watch();
                        }
                    }
                }
            }
            _ => {
                input.press(key);
                self.overlay = Some(Overlay::Filter(input));
            }
        }
        Effect::Redraw
    }

    fn acted(&mut self, action: Option<Action>) -> Option<Effect> {
        match action? {
            Action::Quit => return Some(Effect::Quit),
            Action::Suspend => return Some(Effect::Suspend),
            Action::Repaint => return Some(Effect::Repaint),
            Action::Retry => return self.outage.is_some().then_some(Effect::Retry),
            Action::Screen(at) => return self.show(at),
            Action::NextScreen => return self.show((self.screen as usize + 1) % Screen::ALL.len()),
            Action::PreviousScreen => {
                let all = Screen::ALL.len();
                return self.show((self.screen as usize + all - 1) % all);
            }
            Action::Step(by) => return self.step(by),
            Action::Page(by) => {
                let page = isize::try_from(self.page()).unwrap_or(isize::MAX);
                return self.step(by.saturating_mul(page));
            }
            Action::First => return self.step(-1_000_000),
            Action::Last => return self.step(1_000_000),
            Action::Open => return self.open(),
            Action::Back => {
                self.drills.pop()?;
                return Some(self.watch());
            }
            Action::Sort => {
                self.table_mut()?.sort_on();
                return Some(self.watch());
            }
            Action::Reverse => {
                self.table_mut()?.reverse();
                return Some(self.watch());
            }
            Action::Filter => self.overlay = Some(Overlay::Filter(Input::new(&self.filter()))),
            Action::Narrow if self.screen == Screen::Log => self.log.narrow(LEVELS.len()),
            Action::Narrow => self.events.narrow(Kind::ALL.len()),
            Action::Help => self.overlay = Some(Overlay::Help),
            Action::Pause => {
                self.held = match self.held {
                    Some(_) => None,
                    None => Some(self.live.clone()),
                };
            }
            Action::Clear => {
                self.live.history.clear();
                if let Some(held) = &mut self.held {
                    held.clone_from(&self.live);
                }
            }
            action => match self.act(action) {
                Ok(act) => self.overlay = Some(Overlay::Dialog(Box::new(Dialog::new(act)))),
                Err(why) => self.note = Some(why.into()),
            },
        }
        Some(Effect::Redraw)
    }

    /// The filter in force.
    pub(crate) fn filter(&self) -> String {
        match self.screen {
            Screen::Rooms => self.rooms.filter.clone(),
            Screen::Conns => self.conns.filter.clone(),
            Screen::Events => self.events.words.clone(),
            Screen::Log => self.log.words.clone(),
            Screen::Overview | Screen::Jobs => String::new(),
        }
    }

    fn show(&mut self, at: usize) -> Option<Effect> {
        let screen = *Screen::ALL.get(at)?;
        if screen == self.screen && self.drills.is_empty() {
            return None;
        }
        self.screen = screen;
        self.drills.clear();
        Some(self.watch())
    }

    fn step(&mut self, by: isize) -> Option<Effect> {
        let page = self.page();
        match self.place() {
            Place::Events => {
                let (_, all) = self.events.window(0, of_kind);
                self.events.step(by, all, page);
            }
            Place::Log => {
                let (_, all) = self.log.window(0, level_passes);
                self.log.step(by, all, page);
            }
            Place::Jobs => {
                let last = self.picture().frame.jobs.len().saturating_sub(1);
                self.job = self.job.saturating_add_signed(by).min(last);
            }
            Place::Rooms => {
                let ids: Vec<_> = self.room_rows().iter().map(|r| r.id.clone()).collect();
                self.rooms.step(by, &borrowed(&ids));
            }
            Place::Conns | Place::Room => {
                let ids: Vec<_> = self.conn_rows().iter().map(|r| r.id.clone()).collect();
                self.table_mut()?.step(by, &borrowed(&ids));
            }
            Place::Overview | Place::Conn => return None,
        }
        Some(self.grown().unwrap_or(Effect::Redraw))
    }

    fn open(&mut self) -> Option<Effect> {
        let drill = match self.place() {
            Place::Rooms => {
                let meant = self.rooms.selected.as_ref()?;
                Drill::room(self.room_rows().iter().find(|row| row.id == *meant)?)
            }
            _ => Drill::conn(self.meant_conn()?),
        };
        self.drills.push(drill);
        Some(self.watch())
    }

    /// The connection that is meant.
    fn meant_conn(&self) -> Option<&chatd::admin::api::WatchedConn> {
        let meant = match self.drills.last() {
            Some(Drill::Conn(conn)) => return Some(&conn.row),
            Some(Drill::Room(room)) => room.conns.selected.as_ref()?,
            None => self.conns.selected.as_ref()?,
        };
        self.conn_rows().iter().find(|row| row.id == *meant)
    }

    /// The name of the room that was looked into.
    fn room_looked_into(&self) -> Option<String> {
        self.drills.iter().find_map(|drill| match drill {
            Drill::Room(room) => Some(room.name.clone()),
            Drill::Conn(_) => None,
        })
    }

    /// What a key is to do, to whoever is meant.
    fn act(&self, action: Action) -> Result<Act, &'static str> {
        let nobody = "Choose a connection first, with the arrow keys.";
        let conn = || self.meant_conn().ok_or(nobody);
        Ok(match action {
            Action::Kick => Act::Kick {
                conn: conn()?.id.clone(),
                user: conn()?.user.clone(),
            },
            Action::Mute | Action::Ban => Act::Sanction {
                word: if action == Action::Mute {
                    "mute"
                } else {
                    "ban"
                },
                user: conn()?.user.clone(),
                room: self.room_looked_into(),
            },
            Action::Lock => {
                let row = match self.drills.last() {
                    Some(Drill::Room(room)) => Some(&room.row),
                    _ => self
                        .room_rows()
                        .iter()
                        .find(|row| Some(&row.id) == self.rooms.selected.as_ref()),
                };
                let row = row.ok_or("Choose a room first, with the arrow keys.")?;
                Act::Lock {
                    room: row.name.clone(),
                    lock: !row.locked,
                }
            }
            Action::Stop => {
                let job = self.picture().frame.jobs.get(self.job);
                let job = job.ok_or("Nothing is under way.")?;
                match &job.id {
                    Some(id) if job.stoppable => Act::Stop {
                        id: id.clone(),
                        kind: job.kind.clone(),
                    },
                    _ => return Err("This cannot be stopped; it ends by itself."),
                }
            }
            Action::Archive => Act::Archive,
            _ => Act::Notice {
                room: self.room_looked_into(),
            },
        })
    }
}

fn borrowed(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}
