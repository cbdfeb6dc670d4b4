//! A table whose rows the server sorts and cuts: by what, how many, and which line is meant.

/// A column that rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    /// As the server calls it.
    pub(crate) word: &'static str,
    /// Whether one wants the largest first.
    pub(crate) largest: bool,
}

const fn sort(word: &'static str, largest: bool) -> Sort {
    Sort { word, largest }
}

/// What rooms are sorted by, in the order of their columns.
pub(crate) const ROOM_SORTS: &[Sort] = &[
    sort("name", false),
    sort("members", true),
    sort("listeners", true),
    sort("message_rate", true),
    sort("delivery_rate", true),
    sort("messages", true),
    sort("last_at", true),
];

/// What connections are sorted by.
pub(crate) const CONN_SORTS: &[Sort] = &[
    sort("user", false),
    sort("address", false),
    sort("since", true),
    sort("rooms", true),
    sort("sent_rate", true),
    sort("received_rate", true),
    sort("waiting", true),
    sort("lag", true),
];

/// The rows of a step in which more of them are asked for, and the most that the server hands out.
const STEP: usize = 50;
const MOST: usize = 500;

/// How a table is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    sorts: &'static [Sort],
    by: usize,
    descending: bool,
    /// Which rows, in the server's words.
    pub(crate) filter: String,
    /// The id of the row that is meant. It stays that row's wherever that goes, also out of sight.
    pub(crate) selected: Option<String>,
    /// Where that row was last.
    line: usize,
    /// How many rows to ask for.
    pub(crate) wanted: usize,
}

impl Table {
    /// Sorted by a column.
    pub(crate) fn new(sorts: &'static [Sort], word: &str) -> Self {
        let by = sorts.iter().position(|sort| sort.word == word).unwrap_or(0);
        Self {
            sorts,
            by,
            descending: sorts[by].largest,
            filter: String::new(),
            selected: None,
            line: 0,
            wanted: STEP,
        }
    }

    /// The column it is sorted by, and whether the largest comes first.
    pub(crate) fn sorted(&self) -> (&'static str, bool) {
        (self.sorts[self.by].word, self.descending)
    }

    /// The same as the server wants it said.
    pub(crate) fn sort(&self) -> String {
        let minus = if self.descending { "-" } else { "" };
        format!("{minus}{}", self.sorts[self.by].word)
    }

    /// Sorts by the next column.
    pub(crate) fn sort_on(&mut self) {
        self.by = (self.by + 1) % self.sorts.len();
        self.descending = self.sorts[self.by].largest;
    }

    /// Sorts the other way round.
    pub(crate) fn reverse(&mut self) {
        self.descending = !self.descending;
    }

    /// Takes notice of where the meant row is now.
    pub(crate) fn follow(&mut self, ids: &[&str]) {
        if let Some(line) = self.place(ids) {
            self.line = line;
        }
    }

    /// The line of the meant row, if it is there.
    pub(crate) fn place(&self, ids: &[&str]) -> Option<usize> {
        let selected = self.selected.as_deref()?;
        ids.iter().position(|id| *id == selected)
    }

    /// Means the row so many lines further down, of those that there are.
    pub(crate) fn step(&mut self, by: isize, ids: &[&str]) {
        let last = ids.len().saturating_sub(1);
        self.line = match self.place(ids) {
            Some(line) => line.saturating_add_signed(by).min(last),
            // Nothing is meant, or it is out of sight: the line stays, and means who is there now.
            None => self.line.min(last),
        };
        self.selected = ids.get(self.line).map(|id| (*id).to_owned());
    }

    /// Whether more rows have to be asked for, with so many in sight.
    pub(crate) fn wants_more(&mut self, height: usize) -> bool {
        let needed = (self.line + height).next_multiple_of(STEP).min(MOST);
        let more = needed > self.wanted;
        self.wanted = self.wanted.max(needed);
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meant_row_is_followed_and_not_its_line() {
        let mut table = Table::new(ROOM_SORTS, "message_rate");
        assert_eq!(table.sort(), "-message_rate");
        table.step(1, &["a", "b", "c"]);
        assert_eq!(table.selected.as_deref(), Some("a"));
        table.step(1, &["a", "b", "c"]);
        assert_eq!(table.selected.as_deref(), Some("b"));
        table.follow(&["c", "a", "b"]);
        assert_eq!(table.place(&["c", "a", "b"]), Some(2));
        // Out of sight it means nobody else; a step means who stands where it was.
        table.follow(&["c", "a"]);
        assert_eq!(table.place(&["c", "a"]), None);
        assert_eq!(table.selected.as_deref(), Some("b"));
        table.step(-1, &["c", "a"]);
        assert_eq!(table.selected.as_deref(), Some("a"));
        table.step(-99, &["c", "a"]);
        assert_eq!(table.selected.as_deref(), Some("c"));
        table.step(1, &[]);
        assert_eq!(table.selected, None);
    }

    #[test]
    fn columns_come_round_each_with_its_own_direction() {
        let mut table = Table::new(CONN_SORTS, "lag");
        assert_eq!(table.sorted(), ("lag", true));
        table.sort_on();
        assert_eq!(table.sorted(), ("user", false));
        table.reverse();
        assert_eq!(table.sort(), "-user");
    }

    #[test]
    fn more_rows_are_asked_for_as_they_are_needed_and_never_too_many() {
        let mut table = Table::new(ROOM_SORTS, "name");
        assert!(!table.wants_more(20));
        let ids: Vec<String> = (0..2000).map(|i| i.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        table.step(0, &ids);
        table.step(40, &ids);
        assert!(table.wants_more(20));
        assert_eq!(table.wanted, 100);
        assert!(!table.wants_more(20));
        table.step(1900, &ids);
        assert!(table.wants_more(20));
        assert_eq!(table.wanted, MOST);
    }
}
