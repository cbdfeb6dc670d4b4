//! How far a run is, on a terminal.

use std::time::{Duration, Instant};

use chatd::admin::api::archive::Run;
use indicatif::ProgressBar;

use crate::{
    console::Console,
    output::{bar, escape, number, span},
};

const TEMPLATE: &str = "{prefix:<12!} [{bar:30}] {percent:>3} %  {msg}";

/// A bar over the entries of a run.
pub(super) struct Bar {
    bar: ProgressBar,
    began: Instant,
}

impl Bar {
    pub(super) fn new(console: &Console) -> Self {
        let bar = bar(console, TEMPLATE);
        bar.enable_steady_tick(Duration::from_millis(250));
        Self {
            bar,
            began: Instant::now(),
        }
    }

    /// It is so far.
    pub(super) fn at(&self, run: &Run) {
        // With a length of 0 it would be full.
        self.bar.set_length(run.planned.max(run.entries).max(1));
        self.bar.set_position(run.entries);
        let room = run.rooms.last().and_then(|r| r.name.as_deref());
        self.bar
            .set_prefix(escape(room.unwrap_or_default()).into_owned());
        self.bar
            .set_message(words(run.entries, run.planned, self.began.elapsed()));
    }

    /// So much of something that is no run is done; `shown` is how much that is, in its unit.
    pub(super) fn count(&self, what: &'static str, done: u64, of: u64, shown: fn(u64) -> String) {
        self.bar.set_length(of.max(done).max(1));
        self.bar.set_position(done);
        self.bar.set_prefix(what);
        self.bar
            .set_message(format!("{} of {}", shown(done), shown(of)));
    }

    /// Says something above it.
    pub(super) fn say(&self, console: &Console, text: &str) {
        self.bar.suspend(|| console.note(text));
    }

    /// Whether somebody sees it.
    pub(super) fn is_seen(&self) -> bool {
        !self.bar.is_hidden()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `12,000 of 34,000 entries, 4,980/s, 4 s to go`
fn words(done: u64, of: u64, after: Duration) -> String {
    if of == 0 {
        return "looking what is old enough".into();
    }
    let mut text = format!("{} of {} entries", number(done), number(of));
    let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    let rate = done.saturating_mul(1000) / ms.max(1);
    if rate > 0 && ms >= 500 {
        let left = Duration::from_secs(of.saturating_sub(done) / rate);
        text = format!("{text}, {}/s, {} to go", number(rate), span(left));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_how_fast_and_how_long() {
        let second = Duration::from_secs(1);
        assert_eq!(words(0, 0, second), "looking what is old enough");
        assert_eq!(words(0, 9000, second), "0 of 9,000 entries");
        assert_eq!(
            words(3000, 9000, 3 * second),
            "3,000 of 9,000 entries, 1,000/s, 6 s to go"
        );
        let soon = Duration::from_millis(2);
        assert_eq!(words(1000, 1000, soon), "1,000 of 1,000 entries");
    }
}
