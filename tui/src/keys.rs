//! What each key means: one table, which the input, the footer and the help all read, so that none of them can
//! promise what another does not keep.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use self::Place::{Conn, Conns, Events, Jobs, Log, Overview, Room, Rooms};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// This screen: its number, from 0 on.
    Screen(usize),
    /// The next screen.
    NextScreen,
    /// The one before.
    PreviousScreen,
    /// So many lines down; up when negative.
    Step(isize),
    /// So many pages down.
    Page(isize),
    /// To the first line.
    First,
    /// To the last line; of events, to what comes.
    Last,
    /// Open the line.
    Open,
    /// Close what is open.
    Back,
    /// Type a filter.
    Filter,
    /// Sort by the next column.
    Sort,
    /// The other way round.
    Reverse,
    /// Only the next kind of event, or level of the log.
    Narrow,
    /// End a connection.
    Kick,
    /// Ban somebody.
    Ban,
    /// Mute somebody.
    Mute,
    /// Lock a room, or unlock it.
    Lock,
    /// Say something to everyone.
    Notice,
    /// Run the archive.
    Archive,
    /// Stop a job.
    Stop,
    /// Hold the picture still, or let it go on.
    Pause,
    /// Forget what was recorded.
    Clear,
    /// Ask the server at once.
    Retry,
    /// Show the keys.
    Help,
    /// Draw everything again.
    Repaint,
    /// Stop for now, as Ctrl-Z does everywhere.
    Suspend,
    /// Leave.
    Quit,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The overview.
    Overview,
    /// The table of rooms.
    Rooms,
    /// The table of connections.
    Conns,
    /// Store and jobs.
    Jobs,
    /// Events.
    Events,
    /// The log.
    Log,
    /// One room.
    Room,
    /// One connection.
    Conn,
}

const ALL: &[Place] = &[Overview, Rooms, Conns, Jobs, Events, Log, Room, Conn];
const LISTS: &[Place] = &[Rooms, Conns, Jobs, Events, Log, Room, Conn];
const FEEDS: &[Place] = &[Events, Log];
const PEOPLE: &[Place] = &[Conns, Room, Conn];
const ROOMS: &[Place] = &[Rooms, Room];

/// A row of the table.
pub(crate) struct Key {
    /// What it asks for.
    pub(crate) action: Action,
    /// What has to be typed: any of these.
    codes: &'static [(KeyCode, KeyModifiers)],
    /// How the help writes the keys.
    pub(crate) names: &'static str,
    /// How the footer writes it: the key and a word. None for what everybody knows anyway.
    pub(crate) footer: Option<(&'static str, &'static str)>,
    /// What it does, for the help.
    pub(crate) does: &'static str,
    /// Where.
    pub(crate) places: &'static [Place],
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

const fn key(
    action: Action,
    codes: &'static [(KeyCode, KeyModifiers)],
    names: &'static str,
    footer: Option<(&'static str, &'static str)>,
    does: &'static str,
    places: &'static [Place],
) -> Key {
    Key {
        action,
        codes,
        names,
        footer,
        does,
        places,
    }
}

const fn typed(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), NONE)
}

const fn control(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), CONTROL)
}

/// Every key there is. The order is that of the help, and of what the footer leaves out last.
#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    key(Action::Quit, &[typed('q'), control('c')], "q, Ctrl-C", Some(("q", "quit")), "leave; the server runs on", ALL),
    key(Action::Help, &[typed('?')], "?", Some(("?", "help")), "show this", ALL),
    key(Action::Back, &[(KeyCode::Esc, NONE), (KeyCode::Backspace, NONE)], "Esc", Some(("Esc", "back")), "back to the table", &[Room, Conn]),
    key(Action::Open, &[(KeyCode::Enter, NONE)], "Enter", Some(("Enter", "open")), "look into the line", &[Rooms, Conns, Room]),
    key(Action::Filter, &[typed('/')], "/", Some(("/", "filter")), "type what is shown; nothing for all", &[Rooms, Conns, Events, Log]),
    key(Action::Sort, &[typed('s')], "s", Some(("s", "sort")), "sort by the next column", &[Rooms, Conns, Room]),
    key(Action::Reverse, &[typed('S')], "S", Some(("S", "reverse")), "sort the other way round", &[Rooms, Conns, Room]),
    key(Action::Narrow, &[typed('f')], "f", Some(("f", "kind")), "only the next kind, or level", FEEDS),
    key(Action::Kick, &[typed('k')], "k", Some(("k", "kick")), "close the connection", PEOPLE),
    key(Action::Mute, &[typed('m')], "m", Some(("m", "mute")), "mute the person", PEOPLE),
    key(Action::Ban, &[typed('b')], "b", Some(("b", "ban")), "ban the person", PEOPLE),
    key(Action::Lock, &[typed('l')], "l", Some(("l", "lock")), "lock the room, or unlock it", ROOMS),
    key(Action::Stop, &[typed('x')], "x", Some(("x", "stop")), "stop the job", &[Jobs]),
    key(Action::Archive, &[typed('a')], "a", Some(("a", "archive")), "run the archive", &[Overview, Jobs]),
    key(Action::Notice, &[typed('n')], "n", Some(("n", "notice")), "say something to everyone, or to the room", ALL),
    key(Action::Pause, &[typed('p'), typed(' ')], "p, Space", Some(("p", "pause")), "hold the picture, or go on; nothing is missed", ALL),
    key(Action::Clear, &[typed('c')], "c", Some(("c", "clear")), "forget graphs and peaks", &[Overview]),
    key(Action::Screen(0), &[typed('1')], "1 to 6", None, "the screens", ALL),
    key(Action::Screen(1), &[typed('2')], "", None, "", ALL),
    key(Action::Screen(2), &[typed('3')], "", None, "", ALL),
    key(Action::Screen(3), &[typed('4')], "", None, "", ALL),
    key(Action::Screen(4), &[typed('5')], "", None, "", ALL),
    key(Action::Screen(5), &[typed('6')], "", None, "", ALL),
    key(Action::NextScreen, &[(KeyCode::Tab, NONE), (KeyCode::Right, NONE)], "Tab, Right", None, "the next screen", ALL),
    key(Action::PreviousScreen, &[(KeyCode::BackTab, NONE), (KeyCode::Left, NONE)], "Shift-Tab, Left", None, "the screen before", ALL),
    key(Action::Step(1), &[(KeyCode::Down, NONE)], "Up, Down", None, "by a line", LISTS),
    key(Action::Step(-1), &[(KeyCode::Up, NONE)], "", None, "", LISTS),
    key(Action::Page(1), &[(KeyCode::PageDown, NONE)], "PgUp, PgDn", None, "by a page", LISTS),
    key(Action::Page(-1), &[(KeyCode::PageUp, NONE)], "", None, "", LISTS),
    key(Action::First, &[(KeyCode::Home, NONE)], "Home, End", None, "to the first line, to the last", LISTS),
    key(Action::Last, &[(KeyCode::End, NONE)], "", None, "", LISTS),
    key(Action::Retry, &[typed('r')], "r", None, "ask at once, while the server is away", ALL),
    key(Action::Repaint, &[control('l')], "Ctrl-L", None, "draw everything again", ALL),
    key(Action::Suspend, &[control('z')], "Ctrl-Z", None, "stop for now; fg comes back", ALL),
];

/// What a key asks for, there. Shift is told by the character, which terminals agree on, and not by what they say of
/// the key.
pub(crate) fn action(typed: KeyEvent, place: Place) -> Option<Action> {
    let with = typed.modifiers - SHIFT;
    let meant = KEYS
        .iter()
        .find(|key| key.places.contains(&place) && key.codes.contains(&(typed.code, with)));
    meant.map(|key| key.action)
}

/// The keys of a place.
pub(crate) fn at(place: Place) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.places.contains(&place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_table_says() {
        let plain = |c, place| action(KeyEvent::new(KeyCode::Char(c), NONE), place);
        assert_eq!(plain('q', Overview), Some(Action::Quit));
        assert_eq!(plain('k', Conns), Some(Action::Kick));
        assert_eq!(plain('k', Overview), None);
        let shifted = KeyEvent::new(KeyCode::Char('S'), SHIFT);
        assert_eq!(action(shifted, Rooms), Some(Action::Reverse));
        let interrupt = KeyEvent::new(KeyCode::Char('c'), CONTROL);
        assert_eq!(action(interrupt, Log), Some(Action::Quit));
    }

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for place in ALL {
            let mut codes: Vec<_> = at(*place).flat_map(|key| key.codes).collect();
            let all = codes.len();
            codes.sort_by_key(|code| format!("{code:?}"));
            codes.dedup();
            assert_eq!(codes.len(), all, "{place:?}");
        }
    }

    #[test]
    fn every_key_is_explained_where_it_works() {
        for key in KEYS {
            assert!(!key.places.is_empty());
            assert_eq!(key.names.is_empty(), key.does.is_empty());
            // One without words of its own belongs to one with some.
            if key.names.is_empty() {
                assert!(matches!(
                    key.action,
                    Action::Screen(_) | Action::Step(_) | Action::Page(_) | Action::Last
                ));
            }
        }
    }
}
