use chatd::clock::Millis;
use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::{
    keys::Action,
    state::Event,
    testing::{STARTED, busy, status},
};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// A server watched for the first five minutes of its life.
fn watched() -> State {
    let mut state = State::new(busy(1));
    for second in 2..=300 {
        state.update(Event::Status(Box::new(busy(second))));
    }
    state
}

fn lost(mut state: State) -> State {
    for second in [301, 313] {
        state.update(Event::Lost {
            at: Millis(STARTED.0 + second * 1000),
            why: "cannot reach chatd at /run/chatd/admin.sock: Connection refused\u{1b}[2J".into(),
        });
    }
    state
}

fn draw(state: &State, (width, height): (u16, u16)) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    terminal
        .draw(|frame| render(state, frame))
        .expect("a test terminal");
    terminal.backend().clone()
}

fn snapshot(name: &str, state: &State) {
    for size in SIZES {
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, draw(state, size));
    }
}

#[test]
fn a_busy_server() {
    snapshot("busy", &watched());
}

#[test]
fn a_server_that_was_only_asked_once() {
    snapshot("empty", &State::new(status(8)));
}

#[test]
fn a_server_that_went_away() {
    let state = lost(watched());
    snapshot("lost", &state);
    // The picture is old: nothing in it stands out any more.
    let screen = draw(&state, SIZES[0]);
    for y in 4..22 {
        for x in 0..80 {
            let cell = &screen.buffer()[(x, y)];
            assert_eq!(cell.fg, Color::Reset, "at {x},{y}");
            assert!(!cell.modifier.contains(Modifier::BOLD), "at {x},{y}");
        }
    }
}

#[test]
fn the_keys() {
    let mut state = watched();
    state.update(Event::Key(Action::Help));
    snapshot("help", &state);
}

#[test]
fn a_held_picture_says_so() {
    let mut state = watched();
    state.update(Event::Key(Action::Pause));
    let screen = draw(&state, SIZES[0]).to_string();
    assert!(
        screen
            .lines()
            .next()
            .is_some_and(|line| line.contains("paused"))
    );
}

#[test]
fn every_size_of_window() {
    let state = lost(watched());
    for width in (1..130).step_by(3) {
        for height in 1..45 {
            draw(&state, (width, height));
        }
    }
    insta::assert_snapshot!("tiny_30x8", draw(&state, (30, 8)));
    insta::assert_snapshot!("smallest_76x17", draw(&state, SMALLEST));
}
