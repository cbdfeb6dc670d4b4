use super::{history::Trouble, *};
use crate::testing::{STARTED, status};

fn answer(state: &mut State, status: Status) -> Option<Effect> {
    state.update(Event::Status(Box::new(status)))
}

/// A server that has made `messages` messages in `seconds`.
fn talked(seconds: i64, messages: u64) -> Status {
    let mut status = status(seconds);
    status.counts.messages = messages;
    status
}

fn messages(state: &State) -> Option<f64> {
    Metric::Messages.now(&state.picture().history)
}

fn known(state: &State) -> usize {
    state.picture().history.samples().count()
}

#[test]
fn a_rate_takes_the_server_s_own_time() {
    let mut state = State::new(talked(10, 100));
    assert_eq!(messages(&state), None);
    assert_eq!(answer(&mut state, talked(14, 300)), Some(Effect::Redraw));
    assert_eq!(messages(&state), Some(50.0));
}

#[test]
fn a_restarted_server_has_no_negative_rate() {
    let mut state = State::new(talked(10, 1000));
    answer(&mut state, talked(11, 1100));
    let mut restarted = talked(13, 5);
    restarted.started_at = Millis(STARTED.0 + 12_000);
    answer(&mut state, restarted.clone());
    assert_eq!(messages(&state), None);
    restarted.at = restarted.at.plus(std::time::Duration::from_secs(1));
    restarted.counts.messages = 12;
    answer(&mut state, restarted);
    assert_eq!(messages(&state), Some(7.0));
    assert_eq!(Metric::Messages.peak(&state.picture().history), Some(100.0));
}

#[test]
fn a_clock_set_back_drops_what_would_lie_ahead() {
    let mut state = State::new(talked(100, 0));
    answer(&mut state, talked(101, 10));
    answer(&mut state, talked(50, 20));
    assert_eq!((known(&state), messages(&state)), (1, None));
    answer(&mut state, talked(51, 30));
    assert_eq!((known(&state), messages(&state)), (2, Some(10.0)));
}

#[test]
fn history_is_bounded_by_time_and_by_number() {
    let mut state = State::new(status(0));
    for second in 1..1000 {
        answer(&mut state, status(second));
    }
    assert_eq!(known(&state), 301);
    assert_eq!(state.picture().history.span(), WINDOW);
    for millis in 0..1000 {
        let mut status = status(1000);
        status.at = Millis(status.at.0 + millis);
        answer(&mut state, status);
    }
    assert_eq!(known(&state), 301);
}

#[test]
fn a_paused_picture_stands_still_and_misses_nothing() {
    let mut state = State::new(talked(1, 0));
    assert_eq!(
        state.update(Event::Key(Action::Pause)),
        Some(Effect::Redraw)
    );
    assert_eq!(answer(&mut state, talked(2, 40)), None);
    assert_eq!((known(&state), state.paused()), (1, true));
    state.update(Event::Key(Action::Pause));
    assert_eq!((known(&state), messages(&state)), (2, Some(40.0)));
}

#[test]
fn reset_forgets_all_but_now() {
    let mut state = State::new(talked(1, 0));
    answer(&mut state, talked(2, 500));
    answer(&mut state, talked(3, 510));
    state.update(Event::Key(Action::Reset));
    assert_eq!((known(&state), messages(&state)), (1, Some(10.0)));
    assert_eq!(Metric::Messages.peak(&state.picture().history), Some(10.0));
    answer(&mut state, talked(4, 530));
    assert_eq!(messages(&state), Some(20.0));
}

#[test]
fn reset_while_paused_shows_now_and_stays_paused() {
    let mut state = State::new(talked(1, 0));
    state.update(Event::Key(Action::Pause));
    answer(&mut state, talked(2, 40));
    state.update(Event::Key(Action::Reset));
    assert_eq!((state.paused(), messages(&state)), (true, Some(40.0)));
}

#[test]
fn an_outage_counts_from_its_first_failure_until_an_answer() {
    let mut state = State::new(status(1));
    for second in [5, 6] {
        let at = Millis(STARTED.0 + second * 1000);
        let why = format!("try {second}");
        assert_eq!(state.update(Event::Lost { at, why }), Some(Effect::Redraw));
    }
    let outage = state.outage().expect("it is away");
    assert_eq!(
        (outage.since.0 - STARTED.0, outage.why.as_str()),
        (5000, "try 6")
    );
    // Even a paused screen has to say that it is back.
    state.update(Event::Key(Action::Pause));
    assert_eq!(answer(&mut state, status(7)), Some(Effect::Redraw));
    assert_eq!(state.outage(), None);
}

#[test]
fn trouble_is_what_grew_within_the_history() {
    let with = |seconds, failed| {
        let mut status = status(seconds);
        status.counts.failed_logins = failed;
        status
    };
    let mut state = State::new(with(1, 10));
    answer(&mut state, with(2, 13));
    assert_eq!(state.picture().history.trouble().failed_logins, 3);
    answer(&mut state, with(400, 13));
    answer(&mut state, with(401, 13));
    assert_eq!(state.picture().history.trouble(), Trouble::default());
}

#[test]
fn columns_keep_bursts_and_show_holes() {
    let mut state = State::new(talked(0, 0));
    for (second, messages) in [(1, 10), (2, 90), (3, 95), (20, 95 + 17 * 4)] {
        answer(&mut state, talked(second, messages));
    }
    let columns = state
        .picture()
        .history
        .columns(4, 10, |sample| Metric::Messages.of(sample));
    assert_eq!(columns, [None, Some(80.0), None, Some(4.0)]);
}

#[test]
fn help_is_closed_by_any_key_before_anything_else_happens() {
    let mut state = State::new(status(1));
    state.update(Event::Key(Action::Help));
    assert!(state.help());
    assert_eq!(state.update(Event::Key(Action::Back)), Some(Effect::Redraw));
    assert!(!state.help());
    assert_eq!(state.update(Event::Key(Action::Other)), None);
    assert_eq!(state.update(Event::Key(Action::Back)), Some(Effect::Quit));
    state.update(Event::Key(Action::Help));
    assert_eq!(state.update(Event::Key(Action::Quit)), Some(Effect::Quit));
}
