//! A frame as text, for a pipe, a file or a script.

use std::time::Duration;

use chatd::admin::{
    self, Client,
    api::{Frame, Watch},
};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    look::Look,
    state::{Event, Screen, State},
    view,
};

/// How late a frame may be.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many rows of a table.
const ROWS: usize = 100;

/// One frame.
#[derive(Debug)]
pub struct Once {
    /// As the server gave it.
    pub frame: Frame,
    /// As it looks.
    pub text: String,
}

/// Watches for two frames, a second apart so that there are rates, and shows the second; `width` columns wide.
pub async fn once(
    client: &Client,
    look: Look,
    screen: Screen,
    width: u16,
) -> Result<Once, admin::Error> {
    let first = State::first_watch(screen);
    let rows = |asked: Option<usize>| asked.map(|_| ROWS);
    let watch = Watch {
        frames: Some(2),
        rooms: rows(first.rooms),
        conns: rows(first.conns),
        ..first
    };
    let mut frames = client.watch(&watch).await?;
    let mut state: Option<State> = None;
    let mut last: Option<Frame> = None;
    while let Some(frame) = frames.next(Some(PATIENCE)).await? {
        let kept = frame.clone();
        if let (Some(state), Some(before)) = (&mut state, last.take()) {
            let frame = Box::new(frame);
            state.update(Event::Frame { order: 0, frame });
            last = Some(with_tails(before, kept));
        } else {
            state = Some(State::new(frame, look, (width, height(screen)), screen));
            last = Some(kept);
        }
    }
    match (state, last) {
        (Some(state), Some(frame)) => Ok(Once {
            text: text(&state, width, height(screen)),
            frame,
        }),
        _ => Err(admin::Error::Odd("no frame came".into())),
    }
}

/// The later of two frames, with the events and lines of both: each is told once.
fn with_tails(before: Frame, mut after: Frame) -> Frame {
    fn join<T>(
        before: Option<chatd::feed::Batch<T>>,
        after: Option<chatd::feed::Batch<T>>,
    ) -> Option<chatd::feed::Batch<T>> {
        match (before, after) {
            (Some(mut before), Some(after)) => {
                before.missed += after.missed;
                before.last = after.last;
                before.items.extend(after.items);
                Some(before)
            }
            (before, after) => before.or(after),
        }
    }
    after.events = join(before.events, after.events);
    after.log = join(before.log, after.log);
    after
}

fn height(screen: Screen) -> u16 {
    match screen {
        Screen::Overview | Screen::Jobs => 38,
        Screen::Rooms | Screen::Conns | Screen::Events | Screen::Log => 106,
    }
}

/// A state as text, without what is empty at the end.
fn text(state: &State, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut picture = Buffer::empty(area);
    view::render_plain(state, area, &mut picture);
    lines(&picture)
}

/// A picture as lines of text.
pub(crate) fn lines(picture: &Buffer) -> String {
    let area = picture.area;
    let line = |y: u16| {
        let mut text = String::new();
        let mut x = area.x;
        while x < area.right() {
            let sign = picture[(x, y)].symbol();
            text.push_str(sign);
            // Behind a wide sign is a cell that it covers.
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(sign).max(1)).unwrap_or(1);
        }
        text.trim_end().to_owned()
    };
    let lines: Vec<String> = (area.y..area.bottom()).map(line).collect();
    lines.join("\n").trim_end().to_owned()
}
