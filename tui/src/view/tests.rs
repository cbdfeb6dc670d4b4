use chatd::{
    admin::api::{Frame, RoomDetail},
    clock::Millis,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::{
    look::Look,
    plain,
    state::{Event, Screen},
    testing::{
        HOSTILE, STARTED, busy, conn, ended, frame, jobs, press, room, rows, tails, take, type_in,
    },
};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// What comes of so many seconds, with all that screens ask for.
fn full(second: u64) -> Frame {
    let mut now = busy(second);
    now.rooms = Some(rows(room, 40, 40, 88));
    now.conns = Some(rows(conn, 50, 812, 3021));
    now.jobs = jobs();
    now.ended = ended();
    now
}

/// A server watched for the first five minutes of its life, on one of the screens.
fn watched(screen: char, size: (u16, u16), look: Look) -> State {
    let mut state = State::new(busy(1), look, size, Screen::Overview);
    press(&mut state, KeyCode::Char(screen));
    for second in 2..=299 {
        take(&mut state, busy(second));
    }
    let mut last = full(300);
    tails(&mut last, state.events.last, 40, 0);
    take(&mut state, last);
    let mut last = full(301);
    tails(&mut last, state.events.last, 5, 3);
    take(&mut state, last);
    state
}

fn lost(mut state: State) -> State {
    let at = Millis(STARTED.0 + 313_000);
    state.update(Event::Lost {
        at,
        why: "cannot reach chatd at /run/chatd/admin.sock: Connection refused\u{1b}[2J".into(),
        next: Millis(at.0 + 5000),
    });
    state.update(Event::Tick(Millis(at.0 + 2000)));
    state
}

fn draw(state: &State, (width, height): (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    render(state, area, &mut buffer);
    buffer
}

fn snapshot(name: &str, make: impl Fn(State) -> State, screen: char) {
    for (columns, lines) in SIZES {
        let size = (columns, lines);
        let state = make(watched(screen, size, Look::default()));
        let name = format!("{name}_{columns}x{lines}");
        insta::assert_snapshot!(name, plain::lines(&draw(&state, size)));
    }
    let state = make(watched(screen, SIZES[0], Look { ascii: true }));
    let text = plain::lines(&draw(&state, SIZES[0]));
    assert!(text.is_ascii(), "{text}");
    insta::assert_snapshot!(format!("{name}_ascii"), text);
}

/// The second row is meant.
fn meant(mut state: State) -> State {
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Down);
    state
}

#[test]
fn the_overview() {
    snapshot("overview", |state| state, '1');
}

#[test]
fn the_rooms() {
    snapshot("rooms", meant, '2');
}

#[test]
fn the_connections() {
    snapshot("conns", meant, '3');
}

#[test]
fn store_and_jobs() {
    snapshot("jobs", |state| state, '4');
}

#[test]
fn the_events() {
    snapshot("events", |state| state, '5');
}

#[test]
fn the_log() {
    let worst = |mut state: State| {
        press(&mut state, KeyCode::Char('f'));
        press(&mut state, KeyCode::Char('f'));
        press(&mut state, KeyCode::Up);
        state
    };
    snapshot("log", worst, '6');
}

#[test]
fn one_room() {
    let opened = |state: State| {
        let mut state = meant(state);
        press(&mut state, KeyCode::Enter);
        let detail = RoomDetail {
            room: serde_json::from_value(serde_json::json!({
                "id": "room-1", "name": "engineering", "kind": "public", "title": HOSTILE, "topic": "Where it is made",
                "history": "all", "owner": "ana", "created_at": 0, "members": 600, "head": 9, "n": 9, "last_at": 0,
            }))
            .expect("a room"),
            people: Vec::new(),
        };
        for second in 302..310 {
            let mut now = full(second);
            now.rooms = Some(rows(|_| room(1), 1, 1, 88));
            let asked = take(&mut state, now);
            if let Some(crate::state::Effect::Ask(ask)) = asked {
                let answer = Ok(serde_json::json!(detail));
                state.update(Event::Answer {
                    number: ask.number,
                    answer,
                });
            }
        }
        state
    };
    snapshot("room", opened, '2');
}

#[test]
fn one_connection() {
    let opened = |state: State| {
        let mut state = meant(state);
        press(&mut state, KeyCode::Enter);
        for second in 302..310 {
            let mut now = conn(1);
            now.sent += second * second;
            let body = serde_json::json!(chatd::admin::api::ConnDetail {
                conn: now,
                listens_to: vec!["general".into(), "ops.alerts".into(), HOSTILE.into()],
            });
            let asked = take(&mut state, full(second));
            if let Some(crate::state::Effect::Ask(ask)) = asked {
                let (number, answer) = (ask.number, Ok(body));
                state.update(Event::Answer { number, answer });
            }
        }
        state
    };
    snapshot("conn", opened, '3');
}

#[test]
fn a_dialog() {
    let asked = |state: State| {
        let mut state = meant(state);
        press(&mut state, KeyCode::Char('b'));
        press(&mut state, KeyCode::Tab);
        type_in(&mut state, "it's enough");
        press(&mut state, KeyCode::Tab);
        press(&mut state, KeyCode::Enter);
        state
    };
    snapshot("dialog", asked, '3');
}

#[test]
fn a_filter_that_was_refused() {
    let typed = |mut state: State| {
        press(&mut state, KeyCode::Char('/'));
        type_in(&mut state, "lag>soon");
        press(&mut state, KeyCode::Enter);
        let order = state.order();
        let why = "\"lag>soon\" is not understood: write a length of time, such as 50ms".into();
        state.update(Event::Refused { order, why });
        take(&mut state, full(302));
        state
    };
    snapshot("filter", typed, '3');
}

#[test]
fn a_server_that_went_away() {
    snapshot("lost", lost, '1');
    let state = lost(watched('3', SIZES[0], Look::default()));
    // The picture is old: nothing in it stands out any more.
    let screen = draw(&state, SIZES[0]);
    for y in header::HEIGHT..23 {
        for x in 0..80 {
            let cell = &screen[(x, y)];
            assert_eq!(cell.fg, Color::Reset, "at {x},{y}");
            assert!(!cell.modifier.contains(Modifier::BOLD), "at {x},{y}");
            assert!(cell.modifier.contains(Modifier::DIM), "at {x},{y}");
        }
    }
}

#[test]
fn the_keys() {
    let help = |mut state: State| {
        press(&mut state, KeyCode::Char('?'));
        state
    };
    snapshot("help", help, '3');
}

#[test]
fn a_server_that_was_only_asked_once() {
    let state = State::new(frame(8), Look::default(), SIZES[0], Screen::Overview);
    insta::assert_snapshot!("first_80x24", plain::lines(&draw(&state, SIZES[0])));
}

#[test]
fn a_frame_as_text() {
    let state = watched('2', (100, 60), Look::default());
    let area = Rect::new(0, 0, 100, 60);
    let mut buffer = Buffer::empty(area);
    render_plain(&state, area, &mut buffer);
    insta::assert_snapshot!("plain_rooms", plain::lines(&buffer));
}

#[test]
fn every_size_of_window_and_every_screen() {
    for screen in '1'..='6' {
        let mut state = lost(watched(screen, (80, 24), Look::default()));
        for overlay in [
            KeyCode::Char('x'),
            KeyCode::Char('?'),
            KeyCode::Esc,
            KeyCode::Char('n'),
        ] {
            press(&mut state, overlay);
            for width in (1..130).step_by(13) {
                for height in (1..45).step_by(6) {
                    draw(&state, (width, height));
                }
            }
        }
    }
    let state = watched('1', (30, 8), Look::default());
    insta::assert_snapshot!("tiny_30x8", plain::lines(&draw(&state, (30, 8))));
}

#[test]
fn only_the_terminals_own_colours_on_its_own_background() {
    let named = [
        Color::Reset,
        Color::Red,
        Color::Green,
        Color::Cyan,
        Color::Magenta,
    ];
    for screen in '1'..='6' {
        let mut state = lost(watched(screen, SIZES[1], Look::default()));
        press(&mut state, KeyCode::Char('n'));
        state.update(Event::Key(KeyEvent::new(
            KeyCode::Enter,
            KeyModifiers::NONE,
        )));
        for cell in &draw(&state, SIZES[1]).content {
            assert!(named.contains(&cell.fg), "{:?}", cell.fg);
            assert_eq!(cell.bg, Color::Reset);
        }
    }
}

#[test]
fn text_of_others_stays_in_its_place() {
    for screen in ['3', '5', '6'] {
        for size in SIZES {
            let screen = draw(&watched(screen, size, Look::default()), size);
            for cell in &screen.content {
                assert!(!cell.symbol().contains(chatd::model::text::is_unsafe));
                assert!(cell.symbol().chars().count() <= 3, "{:?}", cell.symbol());
            }
        }
    }
}
