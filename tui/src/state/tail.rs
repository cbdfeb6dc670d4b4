//! The last of what comes: events, or lines of the log. It has a bound, shows what is missing, and can be scrolled
//! back while more comes.

use std::collections::VecDeque;

use chatd::feed::{Batch, Happening, LogLine, Numbered};

/// How many lines are kept.
const KEPT: usize = 2000;
/// How many characters of a text.
const LONGEST: usize = 1000;

/// A line of a tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line<T> {
    /// What came.
    Item(Numbered<T>),
    /// So many are missing here.
    Gap(u64),
    /// The server was started anew here.
    Restart,
}

/// What comes in a tail.
pub(crate) trait Item {
    /// Takes off what is too long to be kept.
    fn shorten(&mut self);
    /// Whether these words, in small letters, stand in it.
    fn has(&self, words: &str) -> bool;
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
}

impl Item for Happening {
    fn shorten(&mut self) {
        shorten(&mut self.what);
        for text in [&mut self.who, &mut self.target, &mut self.detail] {
            text.as_mut().map(shorten);
        }
    }

    fn has(&self, words: &str) -> bool {
        let more = [&self.who, &self.target, &self.detail];
        let texts = more.into_iter().flatten().chain([&self.what]);
        texts
            .into_iter()
            .any(|text| text.to_lowercase().contains(words))
    }
}

impl Item for LogLine {
    fn shorten(&mut self) {
        for text in [&mut self.level, &mut self.target, &mut self.message] {
            shorten(text);
        }
        self.fields.truncate(50);
        self.fields.iter_mut().for_each(shorten);
    }

    fn has(&self, words: &str) -> bool {
        let mut texts = [&self.target, &self.message]
            .into_iter()
            .chain(&self.fields);
        texts.any(|text| text.to_lowercase().contains(words))
    }
}

/// The last of what comes.
#[derive(Debug)]
pub(crate) struct Tail<T> {
    lines: VecDeque<Line<T>>,
    /// The number of the last one that came.
    pub(crate) last: u64,
    /// How many of the lines that are let through lie below the window; 0 while it follows.
    back: usize,
    /// Only with these words.
    pub(crate) words: String,
    /// Only this kind, or this level and what is worse: its place in their list; None for all.
    pub(crate) kind: Option<usize>,
}

impl<T> Default for Tail<T> {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
            last: 0,
            back: 0,
            words: String::new(),
            kind: None,
        }
    }
}

impl<T: Item> Tail<T> {
    /// Takes in what came. `passes` says of an item whether the kind that was chosen lets it through.
    pub(crate) fn take(&mut self, batch: Batch<T>, passes: impl Fn(&T, usize) -> bool) {
        if batch.missed > 0 && self.last > 0 {
            self.push(Line::Gap(batch.missed));
        }
        for mut item in batch.items {
            // Asked for twice, when a question took the place of another.
            if item.seq > self.last {
                self.last = item.seq;
                item.item.shorten();
                let line = Line::Item(item);
                let counts = self.back > 0 && self.lets(&line, &passes);
                self.back += usize::from(counts);
                self.push(line);
            }
        }
        self.last = self.last.max(batch.last);
    }

    /// The server is another: what comes is counted from the start.
    pub(crate) fn restart(&mut self) {
        self.last = 0;
        if !self.lines.is_empty()
            && self
                .lines
                .back()
                .is_some_and(|l| !matches!(l, Line::Restart))
        {
            self.push(Line::Restart);
        }
    }

    fn push(&mut self, line: Line<T>) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.back = self.back.min(self.lines.len());
    }

    fn lets(&self, line: &Line<T>, passes: &impl Fn(&T, usize) -> bool) -> bool {
        match line {
            Line::Item(item) => {
                self.kind.is_none_or(|kind| passes(&item.item, kind))
                    && (self.words.is_empty() || item.item.has(&self.words.to_lowercase()))
            }
            Line::Gap(_) | Line::Restart => true,
        }
    }

    /// The lines that are let through and have room in a window, the newest last; and how many there are.
    pub(crate) fn window(
        &self,
        height: usize,
        passes: impl Fn(&T, usize) -> bool,
    ) -> (Vec<&Line<T>>, usize) {
        let let_through: Vec<_> = self
            .lines
            .iter()
            .filter(|line| self.lets(line, &passes))
            .collect();
        let end = let_through.len() - self.back.min(let_through.len().saturating_sub(height));
        let shown = let_through[end.saturating_sub(height)..end].to_vec();
        (shown, let_through.len())
    }

    /// Goes so many lines down, with so many let through and in sight.
    pub(crate) fn step(&mut self, by: isize, all: usize, height: usize) {
        let most = all.saturating_sub(height);
        self.back = self.back.min(most).saturating_add_signed(-by).min(most);
    }

    /// Goes to the end, and on with what comes.
    pub(crate) fn follow(&mut self) {
        self.back = 0;
    }

    /// How many lines are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.lines.len()
    }

    /// How many lines lie below the window.
    pub(crate) fn back(&self) -> usize {
        self.back
    }

    /// Lets the next of `kinds` kinds through, and after the last of them all.
    pub(crate) fn narrow(&mut self, kinds: usize) {
        self.kind = match self.kind {
            None => Some(0),
            Some(kind) if kind + 1 < kinds => Some(kind + 1),
            Some(_) => None,
        };
        self.follow();
    }
}

#[cfg(test)]
mod tests {
    use chatd::{clock::Millis, feed::Kind};

    use super::*;

    fn batch(from: u64, to: u64, missed: u64) -> Batch<Happening> {
        let item = |seq| Numbered {
            seq,
            item: Happening {
                at: Millis(0),
                kind: if seq.is_multiple_of(2) {
                    Kind::Act
                } else {
                    Kind::Login
                },
                what: format!("act.{seq}"),
                who: None,
                target: None,
                detail: Some("x".repeat(5000)),
            },
        };
        Batch {
            missed,
            last: to,
            items: (from..=to).map(item).collect(),
        }
    }

    fn of_kind(item: &Happening, kind: usize) -> bool {
        Kind::ALL[kind] == item.kind
    }

    fn seen(tail: &Tail<Happening>, height: usize) -> Vec<u64> {
        let (lines, _) = tail.window(height, of_kind);
        let seq = |line: &&Line<Happening>| match line {
            Line::Item(item) => item.seq,
            Line::Gap(_) | Line::Restart => 0,
        };
        lines.iter().map(seq).collect()
    }

    #[test]
    fn a_million_events_take_no_more_room_than_the_last_of_them() {
        let mut tail = Tail::default();
        for from in (1..1_000_000).step_by(500) {
            tail.take(batch(from, from + 499, 0), of_kind);
        }
        assert_eq!(tail.lines.len(), KEPT);
        assert!(tail.lines.capacity() <= 2 * KEPT);
        assert_eq!(seen(&tail, 2), [999_999, 1_000_000]);
        for line in &tail.lines {
            let Line::Item(item) = line else {
                panic!("a gap")
            };
            let detail = item.item.detail.as_ref().expect("a detail");
            assert!(detail.capacity() <= LONGEST + 8);
        }
    }

    #[test]
    fn what_is_missing_shows_and_what_comes_twice_does_not() {
        let mut tail = Tail::default();
        tail.take(batch(5, 6, 4), of_kind);
        assert_eq!(seen(&tail, 9), [5, 6], "before the first nothing is missed");
        tail.take(batch(9, 10, 2), of_kind);
        tail.take(batch(9, 11, 0), of_kind);
        assert_eq!(seen(&tail, 9), [5, 6, 0, 9, 10, 11]);
        tail.restart();
        tail.restart();
        tail.take(batch(1, 1, 0), of_kind);
        assert_eq!(seen(&tail, 9), [5, 6, 0, 9, 10, 11, 0, 1]);
    }

    #[test]
    fn scrolled_back_it_stands_still_while_more_comes() {
        let mut tail = Tail::default();
        tail.take(batch(1, 20, 0), of_kind);
        tail.step(-5, 20, 4);
        assert_eq!(seen(&tail, 4), [12, 13, 14, 15]);
        tail.take(batch(21, 30, 0), of_kind);
        assert_eq!(seen(&tail, 4), [12, 13, 14, 15]);
        tail.step(-99, 30, 4);
        assert_eq!(seen(&tail, 4), [1, 2, 3, 4]);
        tail.follow();
        assert_eq!(seen(&tail, 4), [27, 28, 29, 30]);
    }

    #[test]
    fn only_the_kind_and_the_words_that_were_chosen_are_let_through() {
        let mut tail = Tail::default();
        tail.take(batch(1, 14, 0), of_kind);
        tail.narrow(Kind::ALL.len());
        assert_eq!(seen(&tail, 3), [10, 12, 14]);
        tail.words = "ACT.1".into();
        assert_eq!(seen(&tail, 9), [10, 12, 14]);
        (0..Kind::ALL.len()).for_each(|_| tail.narrow(Kind::ALL.len()));
        assert_eq!(tail.kind, None);
        assert_eq!(seen(&tail, 9), [1, 10, 11, 12, 13, 14]);
    }
}
