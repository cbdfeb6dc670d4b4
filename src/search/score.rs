//! How well a text fits what is asked for.
//!
//! By the message alone, and by nothing else in the index. The usual weight (BM25) goes by how often a word is said
//! in all there is: it would move with every message, so that pages overlap, and would tell people how common a word
//! is in rooms that they may not read.

use super::{query::Query, words::Word};

/// What one more occurrence still adds, and how much the length counts: as BM25 has them.
const MORE: f64 = 1.2;
const LENGTH: f64 = 0.75;
/// What a message is taken to have, in words; it only has to stay the same.
const USUAL: f64 = 20.0;

impl Query {
    /// How well a text fits: the sum over what is asked for of how often it is there, each time counting for less,
    /// and for less in a long text. In thousandths, so that it can be compared exactly.
    pub(super) fn score(&self, text: &[Word]) -> u32 {
        let length = count(text.len()) / USUAL;
        let full = MORE * (1.0 - LENGTH + LENGTH * length);
        let of = |times: f64| times * (MORE + 1.0) / (times + full);
        let clauses = self.wanted.iter();
        let sum: f64 = clauses.map(|c| of(count(c.places(text).count()))).sum();
        thousandths(sum)
    }
}

#[expect(clippy::cast_precision_loss, reason = "words of one message")]
fn count(n: usize) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 2.2 for each of 32 clauses, and never negative"
)]
fn thousandths(sum: f64) -> u32 {
    (sum * 1000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::{super::words, *};

    #[test]
    fn often_and_short_is_better() {
        let query = Query::parse("tea").unwrap();
        let score = |text: &str| query.score(&words(text));
        let long = format!("tea {}", "word ".repeat(100));
        assert!(score("tea tea") > score("tea"));
        assert!(score("tea") > score(&long));
        assert_eq!(score("coffee"), 0);
    }
}
