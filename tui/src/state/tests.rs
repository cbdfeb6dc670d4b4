use super::*;
use crate::testing::{STARTED, busy, conn, frame, jobs, press, room, rows, tails, take, type_in};
use crossterm::event::KeyCode;

fn state() -> State {
    State::new(frame(1), Look::default(), (80, 24), Screen::Overview)
}

/// A server that has made `messages` messages in `seconds`.
fn talked(seconds: u64, messages: u64) -> Frame {
    let mut frame = frame(seconds);
    frame.status.counts.messages = messages;
    frame
}

fn messages(state: &State) -> Option<f64> {
    state.picture().history.now(Metric::Messages)
}

fn watched(effect: Option<Effect>) -> chatd::admin::api::Watch {
    match effect {
        Some(Effect::Watch(order)) => order.watch,
        other => panic!("nothing else is watched: {other:?}"),
    }
}

/// On the screen of connections, with three of them in sight.
fn with_conns() -> State {
    let mut state = state();
    press(&mut state, KeyCode::Char('3'));
    let mut frame = frame(2);
    frame.conns = Some(rows(conn, 3, 3, 9));
    take(&mut state, frame);
    state
}

fn lost(state: &mut State, second: i64, next: i64) {
    let at = Millis(STARTED.0 + second * 1000);
    let next = Millis(at.0 + next * 1000);
    let why = format!("try {second}");
    assert_eq!(
        state.update(Event::Lost { at, why, next }),
        Some(Effect::Redraw)
    );
}

#[test]
fn a_rate_takes_the_server_s_own_time() {
    let mut state = State::new(talked(10, 100), Look::default(), (80, 24), Screen::Overview);
    assert_eq!(messages(&state), None);
    assert_eq!(take(&mut state, talked(14, 300)), Some(Effect::Redraw));
    assert_eq!(messages(&state), Some(50.0));
    // An answer at once to another question bends nothing.
    let mut soon = talked(14, 310);
    soon.monotonic_us += 20_000;
    take(&mut state, soon);
    assert_eq!(messages(&state), Some(50.0));
    take(&mut state, talked(15, 320));
    assert_eq!(messages(&state), Some(20.0));
}

#[test]
fn a_restarted_server_begins_anew_and_says_so() {
    let mut state = state();
    take(&mut state, talked(10, 1000));
    assert!(!state.restarted());
    let mut tailed = talked(11, 1100);
    tails(&mut tailed, 0, 5, 0);
    take(&mut state, tailed);
    assert_eq!(state.events.last, 5);
    lost(&mut state, 12, 1);
    let mut other = talked(1, 5);
    other.boot = "boot-2".into();
    let asked = watched(take(&mut state, other.clone()));
    assert_eq!(asked.events_after, Some(0), "numbers of another process");
    assert_eq!((messages(&state), state.restarted()), (None, true));
    assert_eq!(state.outage(), None);
    other.monotonic_us += 1_000_000;
    other.status.counts.messages = 12;
    take(&mut state, other.clone());
    assert_eq!(messages(&state), Some(7.0));
    let (lines, _) = state.events.window(9, of_kind);
    assert_eq!(lines.last(), Some(&&Line::Restart));
    other.monotonic_us += 61_000_000;
    take(&mut state, other);
    assert!(!state.restarted());
}

#[test]
fn history_is_bounded() {
    let mut state = state();
    for second in 2..1000 {
        take(&mut state, frame(second));
    }
    assert_eq!(state.picture().history.len(), 301);
}

#[test]
fn a_paused_picture_stands_still_and_misses_nothing() {
    let mut state = State::new(talked(1, 0), Look::default(), (80, 24), Screen::Overview);
    assert_eq!(press(&mut state, KeyCode::Char('p')), Some(Effect::Redraw));
    assert_eq!(take(&mut state, talked(2, 40)), None);
    assert_eq!((messages(&state), state.paused()), (None, true));
    press(&mut state, KeyCode::Char(' '));
    assert_eq!(messages(&state), Some(40.0));
    // What is asked for anew cannot be seen in an old picture.
    press(&mut state, KeyCode::Char('p'));
    press(&mut state, KeyCode::Char('2'));
    assert!(!state.paused());
}

#[test]
fn clear_forgets_all_but_now() {
    let mut state = State::new(talked(1, 0), Look::default(), (80, 24), Screen::Overview);
    take(&mut state, talked(2, 500));
    take(&mut state, talked(3, 510));
    press(&mut state, KeyCode::Char('c'));
    assert_eq!(state.picture().history.peak(Metric::Messages), Some(10.0));
    take(&mut state, talked(4, 530));
    assert_eq!(messages(&state), Some(20.0));
}

#[test]
fn an_outage_counts_from_its_first_failure_until_an_answer() {
    let mut state = state();
    assert_eq!(press(&mut state, KeyCode::Char('r')), None);
    lost(&mut state, 5, 1);
    lost(&mut state, 6, 2);
    let now = Millis(STARTED.0 + 7000);
    assert_eq!(state.update(Event::Tick(now)), Some(Effect::Redraw));
    let outage = state.outage().expect("it is away");
    assert_eq!((outage.since.0 - STARTED.0, outage.now), (5000, now));
    assert_eq!(outage.why, "try 6");
    assert_eq!(press(&mut state, KeyCode::Char('r')), Some(Effect::Retry));
    // Even a paused screen has to say that it is back.
    press(&mut state, KeyCode::Char('p'));
    assert_eq!(take(&mut state, frame(8)), Some(Effect::Redraw));
    assert_eq!(state.outage(), None);
}

#[test]
fn each_screen_asks_for_what_it_shows_and_tails_go_on_where_they_were() {
    let mut state = state();
    let mut tailed = frame(2);
    tails(&mut tailed, 0, 8, 0);
    take(&mut state, tailed);
    let asked = watched(press(&mut state, KeyCode::Char('2')));
    assert_eq!((asked.rooms, asked.conns), (Some(50), None));
    assert_eq!(asked.rooms_sort.as_deref(), Some("-message_rate"));
    assert_eq!((asked.events_after, asked.log_after), (Some(8), None));
    let asked = watched(press(&mut state, KeyCode::Tab));
    assert_eq!((asked.rooms, asked.conns), (None, Some(50)));
    let asked = watched(press(&mut state, KeyCode::Char('6')));
    assert_eq!(asked.log_after, Some(8));
    assert_eq!(
        press(&mut state, KeyCode::Char('6')),
        None,
        "it is there already"
    );
    let asked = watched(press(&mut state, KeyCode::Right));
    assert_eq!(asked.conns, None);
    assert_eq!(state.screen, Screen::Overview);
}

#[test]
fn a_frame_that_answers_an_old_question_is_nobodys() {
    let mut state = state();
    press(&mut state, KeyCode::Char('3'));
    let old = Event::Frame {
        order: 0,
        frame: Box::new(busy(2)),
    };
    assert_eq!(state.update(old), None);
    assert!(state.conn_rows().is_empty());
}

#[test]
fn a_filter_that_is_refused_leaves_the_old_one_in_force() {
    let mut state = with_conns();
    press(&mut state, KeyCode::Char('/'));
    type_in(&mut state, "user:a*");
    let asked = watched(press(&mut state, KeyCode::Enter));
    assert_eq!(asked.conns_filter.as_deref(), Some("user:a*"));
    let mut good = frame(3);
    good.conns = Some(rows(conn, 1, 1, 9));
    take(&mut state, good);
    press(&mut state, KeyCode::Char('/'));
    type_in(&mut state, " lag>soon");
    press(&mut state, KeyCode::Enter);
    let order = state.order();
    let refused = state.update(Event::Refused {
        order,
        why: "lag>soon is not understood".into(),
    });
    assert_eq!(watched(refused).conns_filter.as_deref(), Some("user:a*"));
    assert_eq!(state.note.as_deref(), Some("lag>soon is not understood"));
    // It can be mended where it stands.
    let Some(Overlay::Filter(input)) = &state.overlay else {
        panic!("nothing is typed");
    };
    assert_eq!(input.text(), "user:a* lag>soon");
    press(&mut state, KeyCode::Esc);
    assert_eq!((state.filter(), state.note), ("user:a*".into(), None));
}

#[test]
fn rows_are_meant_by_their_id_and_looked_into() {
    let mut state = with_conns();
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Down);
    assert_eq!(state.conns.selected.as_deref(), Some("conn-1"));
    assert!(matches!(
        press(&mut state, KeyCode::Enter),
        Some(Effect::Watch(_))
    ));
    assert_eq!(state.place(), Place::Conn);
    let Some(Effect::Ask(ask)) = take(&mut state, frame(3)) else {
        panic!("nothing is asked about it");
    };
    assert_eq!(ask.request.path, "/v1/conns/conn-1");
    let body = serde_json::json!(chatd::admin::api::ConnDetail {
        conn: conn(1),
        listens_to: vec!["general".into()],
    });
    let (number, answer) = (ask.number, Ok(body));
    assert_eq!(
        state.update(Event::Answer { number, answer }),
        Some(Effect::Redraw)
    );
    let Some(Effect::Ask(ask)) = take(&mut state, frame(4)) else {
        panic!("it is not asked again");
    };
    // While that is not answered nothing more is asked.
    assert_eq!(take(&mut state, frame(5)), Some(Effect::Redraw));
    let (number, answer) = (ask.number, Err("no such connection".into()));
    state.update(Event::Answer { number, answer });
    let Some(Drill::Conn(view)) = state.drills.last() else {
        panic!("it is closed");
    };
    assert!(
        !view.here && matches!(&view.detail.known, Some(Ok(_))),
        "what it was is kept"
    );
    assert!(matches!(
        press(&mut state, KeyCode::Esc),
        Some(Effect::Watch(_))
    ));
    assert_eq!(state.place(), Place::Conns);
}

#[test]
fn a_room_shows_who_is_connected_there_and_acts_are_in_it() {
    let mut state = state();
    press(&mut state, KeyCode::Char('2'));
    let mut now = frame(2);
    now.rooms = Some(rows(room, 6, 6, 6));
    take(&mut state, now.clone());
    press(&mut state, KeyCode::Down);
    let asked = watched(press(&mut state, KeyCode::Enter));
    assert_eq!(asked.conns_filter.as_deref(), Some("room:general"));
    now.conns = Some(rows(conn, 3, 3, 9));
    now.monotonic_us += 1_000_000;
    take(&mut state, now);
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Char('b'));
    let Some(Overlay::Dialog(dialog)) = &state.overlay else {
        panic!("nothing is asked");
    };
    assert_eq!(dialog.command(), "chatd room ban general ana --for 1d");
}

#[test]
fn an_act_is_asked_before_and_answered_after() {
    let mut state = with_conns();
    press(&mut state, KeyCode::Char('k'));
    assert!(state.note.is_some(), "nobody is meant");
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Char('k'));
    // A letter is a letter here, and leaves nothing.
    type_in(&mut state, "quiet");
    let Some(Effect::Ask(ask)) = press(&mut state, KeyCode::Enter) else {
        panic!("it is not done");
    };
    assert_eq!(ask.request.path, "/v1/conns/kick");
    assert_eq!(ask.request.body["reason"], "quiet");
    let answer = Err("looking is all you may do".into());
    state.update(Event::Answer {
        number: ask.number,
        answer,
    });
    let Some(Overlay::Dialog(dialog)) = &state.overlay else {
        panic!("the answer is not shown");
    };
    assert_eq!(
        dialog.stage,
        Stage::Over(Err("looking is all you may do".into()))
    );
    press(&mut state, KeyCode::Enter);
    assert!(state.overlay.is_none());
}

#[test]
fn only_what_can_be_stopped_is_stopped() {
    let mut state = state();
    press(&mut state, KeyCode::Char('4'));
    press(&mut state, KeyCode::Char('x'));
    assert_eq!(state.note.as_deref(), Some("Nothing is under way."));
    let mut now = frame(2);
    now.jobs = jobs();
    take(&mut state, now);
    press(&mut state, KeyCode::Char('x'));
    assert!(state.overlay.is_some());
    press(&mut state, KeyCode::Esc);
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Char('x'));
    assert!(state.overlay.is_none() && state.note.is_some());
}

#[test]
fn the_help_is_closed_by_any_key_before_anything_else_happens() {
    let mut state = state();
    press(&mut state, KeyCode::Char('?'));
    assert_eq!(press(&mut state, KeyCode::Char('q')), Some(Effect::Redraw));
    assert_eq!(press(&mut state, KeyCode::Char('q')), Some(Effect::Quit));
}

#[test]
fn the_most_urgent_comes_first() {
    let mut state = state();
    take(&mut state, frame(2));
    assert_eq!(most_urgent(state.picture()), None);
    let mut slow = frame(3);
    slow.status.counts.slow_consumers = 3;
    take(&mut state, slow.clone());
    let told = |state: &State| most_urgent(state.picture()).expect("something is wrong");
    assert_eq!(told(&state).0, Weight::Worrying);
    slow.monotonic_us += 1_000_000;
    slow.load.append_queue = 4000;
    take(&mut state, slow.clone());
    assert_eq!(told(&state).0, Weight::Broken);
    assert!(told(&state).1.contains("4000 of 4096"));
    slow.monotonic_us += 1_000_000;
    slow.status.store.ready = false;
    slow.status.store.trouble = Some("no server".into());
    take(&mut state, slow);
    assert!(told(&state).1.contains("no server"));
}

#[test]
fn a_million_events_and_a_day_of_frames_leave_it_as_large_as_before() {
    let mut state = State::new(frame(1), Look::default(), (80, 24), Screen::Log);
    let mut seen = 0;
    for second in 2..2002 {
        let mut now = frame(second);
        tails(&mut now, seen, 500, 0);
        seen += 500;
        take(&mut state, now);
    }
    assert_eq!(seen, 1_000_000);
    assert_eq!(state.events.last, seen);
    for kept in [state.events.kept(), state.log.kept()] {
        assert_eq!(kept, 2000);
    }
    assert_eq!(state.picture().history.len(), 301);
    assert!(state.picture().frame.events.is_none() && state.picture().frame.log.is_none());
}
