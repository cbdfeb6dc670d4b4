//! By which column rows are sorted.

use std::cmp::Ordering;

use crate::model::Refusal;

/// A column to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Its name.
    pub(super) column: &'static str,
    largest_first: bool,
}

/// What rows are compared by.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
}

impl Order {
    /// Reads a column's name, with `-` before it for the largest first.
    pub(super) fn parse(
        text: &str,
        field: &str,
        columns: &[&'static str],
    ) -> Result<Self, Refusal> {
        let (name, largest_first) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        match columns.iter().find(|column| **column == name) {
            Some(column) => Ok(Self {
                column,
                largest_first,
            }),
            None => Err(Refusal::field(
                field,
                format!(
                    "there is no {name:?}; there are: {}; with - before it for the largest first",
                    columns.join(" ")
                ),
            )),
        }
    }

    /// Sorts rows and leaves the first `limit`; `tie` decides between those that are alike.
    pub(super) fn cut<T, K: Ord>(
        self,
        rows: Vec<T>,
        limit: usize,
        key: impl Fn(&T) -> Key,
        tie: impl Fn(&T) -> K,
    ) -> Vec<T> {
        let mut keyed: Vec<(Key, T)> = rows.into_iter().map(|row| (key(&row), row)).collect();
        let compare = |a: &(Key, T), b: &(Key, T)| {
            let order = compare(&a.0, &b.0);
            let order = if self.largest_first {
                order.reverse()
            } else {
                order
            };
            order.then_with(|| tie(&a.1).cmp(&tie(&b.1)))
        };
        if limit == 0 {
            return Vec::new();
        }
        if keyed.len() > limit {
            // The first ones to the front, in any order: the rest need not be sorted.
            keyed.select_nth_unstable_by(limit - 1, compare);
            keyed.truncate(limit);
        }
        keyed.sort_unstable_by(compare);
        keyed.into_iter().map(|(_, row)| row).collect()
    }
}

fn compare(a: &Key, b: &Key) -> Ordering {
    match (a, b) {
        (Key::Text(a), Key::Text(b)) => a.cmp(b),
        (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
        (Key::Text(_), Key::Number(_)) => Ordering::Less,
        (Key::Number(_), Key::Text(_)) => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_are_those_of_all_sorted() {
        let rows: Vec<u64> = vec![5, 3, 9, 1, 7, 3];
        let key = |row: &u64| Key::Number(super::super::filter::as_f64(*row));
        for (text, limit, expected) in [
            ("n", 3, vec![1, 3, 3]),
            ("-n", 2, vec![9, 7]),
            ("-n", 9, vec![9, 7, 5, 3, 3, 1]),
            ("n", 0, vec![]),
        ] {
            let order = Order::parse(text, "sort", &["n"]).unwrap();
            assert_eq!(order.cut(rows.clone(), limit, key, |row| *row), expected);
        }
        let why = Order::parse("-m", "sort", &["n", "o"]).unwrap_err();
        assert!(why.to_string().contains("there are: n o"), "{why}");
    }
}
