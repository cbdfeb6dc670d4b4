//! The little language in which those who watch say what they want to see: words that must all hold, such as
//! `room:eng* user:ana* rate>5 lag>50ms waiting>1KiB`. Described in docs/operating.md.

use std::fmt::Write as _;

use bytesize::ByteSize;

use crate::{config::Period, model::Refusal};

/// How long a filter may be, in bytes.
const LONGEST: usize = 500;

/// What a column holds, and so how it is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// A text: `user:ana*`.
    Text,
    /// A number: `members>=100`.
    Count,
    /// Bytes: `waiting>1KiB`.
    Bytes,
    /// Milliseconds: `lag>50ms`.
    Time,
}

/// A column by its name, and what it holds.
pub(super) type Column = (&'static str, Measure);

/// What is asked of a column.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// Lower case, with `*` for anything.
    Like(String),
    More(f64),
    Less(f64),
    AtLeast(f64),
    AtMost(f64),
    Equal(f64),
}

/// One word of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    /// The column it is about.
    pub(super) column: &'static str,
    test: Test,
}

impl Word {
    /// Whether it holds for a text.
    pub(super) fn is(&self, text: &str) -> bool {
        match &self.test {
            Test::Like(pattern) => is_like(pattern, &text.to_lowercase()),
            _ => false,
        }
    }

    /// Whether it holds for a number.
    pub(super) fn holds(&self, number: f64) -> bool {
        match self.test {
            Test::Like(_) => false,
            Test::More(than) => number > than,
            Test::Less(than) => number < than,
            Test::AtLeast(than) => number >= than,
            Test::AtMost(than) => number <= than,
            Test::Equal(to) => (number - to).abs() < 0.5,
        }
    }

    /// Reads one word. `columns` begins with the one that a word without a column is about.
    fn parse(word: &str, columns: &[Column]) -> Result<Self, String> {
        let Some(at) = word.find([':', '<', '>', '=']) else {
            let (column, _) = columns[0];
            let test = Test::Like(format!("*{}*", word.to_lowercase()));
            return Ok(Self { column, test });
        };
        let (name, rest) = word.split_at(at);
        let found = columns.iter().find(|(column, _)| *column == name);
        let &(column, measure) = found.ok_or_else(|| unknown(name, columns))?;
        let test = match (measure, rest.strip_prefix(':')) {
            (Measure::Text, Some(pattern)) => Test::Like(pattern.to_lowercase()),
            (Measure::Text, None) => return Err(format!("write {name}:SOMETHING")),
            (_, Some(_)) => return Err(format!("{name} is a number; write {name}>N or {name}<N")),
            (_, None) => compare(measure, rest)?,
        };
        Ok(Self { column, test })
    }
}

/// What must hold for a row to be shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter(Vec<Word>);

impl Filter {
    /// Reads a filter; the refusal names `field` and the word that is not understood.
    pub(super) fn parse(text: &str, field: &str, columns: &[Column]) -> Result<Self, Refusal> {
        if text.len() > LONGEST {
            let why = format!("a filter has at most {LONGEST} bytes");
            return Err(Refusal::field(field, why));
        }
        let words = text.split_whitespace().map(|word| {
            Word::parse(word, columns)
                .map_err(|why| Refusal::field(field, format!("{word:?} is not understood: {why}")))
        });
        words.collect::<Result<_, _>>().map(Self)
    }

    /// The words about one column.
    pub(super) fn about(&self, column: &str) -> impl Iterator<Item = &Word> {
        self.0.iter().filter(move |word| word.column == column)
    }

    /// Whether all of them hold.
    pub(super) fn passes(&self, holds: impl FnMut(&Word) -> bool) -> bool {
        self.0.iter().all(holds)
    }
}

fn unknown(name: &str, columns: &[Column]) -> String {
    let mut why = format!("there is no {name:?}; there are:");
    for (column, measure) in columns {
        let with = match measure {
            Measure::Text => ":",
            Measure::Count | Measure::Bytes | Measure::Time => ">",
        };
        write!(why, " {column}{with}").expect("a String takes it");
    }
    why
}

/// `>5`, `<=1KiB`, `=0`.
fn compare(measure: Measure, text: &str) -> Result<Test, String> {
    let (make, number): (fn(f64) -> Test, &str) = match text.as_bytes() {
        [b'>', b'=', ..] => (Test::AtLeast, &text[2..]),
        [b'<', b'=', ..] => (Test::AtMost, &text[2..]),
        [b'>', ..] => (Test::More, &text[1..]),
        [b'<', ..] => (Test::Less, &text[1..]),
        _ => (Test::Equal, &text[1..]),
    };
    let wrong = |what: &str| format!("{number:?} is no {what}");
    let plain = number.parse::<f64>().ok().filter(|n| n.is_finite());
    let value = match measure {
        Measure::Bytes => {
            let bytes: ByteSize = number.parse().map_err(|_| wrong("size, such as 64KiB"))?;
            as_f64(bytes.as_u64())
        }
        Measure::Time => match (plain, number.parse::<Period>()) {
            (Some(ms), _) => ms,
            (None, Ok(period)) => period.get().as_secs_f64() * 1000.0,
            (None, Err(_)) => return Err(wrong("time, such as 50ms")),
        },
        Measure::Count | Measure::Text => plain.ok_or_else(|| wrong("number"))?,
    };
    Ok(make(value))
}

/// A counter, for comparing.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts stay far below 2^52, and nobody compares to the last digit"
)]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Whether a text is like a pattern, in which `*` stands for anything.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        ("user", Measure::Text),
        ("room", Measure::Text),
        ("rate", Measure::Count),
        ("waiting", Measure::Bytes),
        ("lag", Measure::Time),
    ];

    fn filter(text: &str) -> Result<Filter, String> {
        Filter::parse(text, "filter", COLUMNS).map_err(|e| e.to_string())
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, like) in [
            ("ana", "ana", true),
            ("ana", "anna", false),
            ("ana*", "ana-1", true),
            ("*ana", "diana", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("**", "x", true),
            ("10.0.*", "10.0.3.7", true),
            ("*é*", "café!", true),
        ] {
            assert_eq!(is_like(pattern, text), like, "{pattern} {text}");
        }
    }

    #[test]
    fn words_are_understood_with_their_units() {
        let found =
            filter("Ana room:Eng* rate>5 waiting>=1KiB lag<50ms lag>2 lag<=1s rate=0").unwrap();
        let test = |i: usize| found.0[i].test.clone();
        assert_eq!(test(0), Test::Like("*ana*".into()));
        assert_eq!(
            (found.0[1].column, test(1)),
            ("room", Test::Like("eng*".into()))
        );
        assert_eq!(test(2), Test::More(5.0));
        assert_eq!(test(3), Test::AtLeast(1024.0));
        assert_eq!(test(4), Test::Less(50.0));
        assert_eq!(test(5), Test::More(2.0));
        assert_eq!(test(6), Test::AtMost(1000.0));
        assert!(found.0[7].holds(0.0) && !found.0[7].holds(1.0));
        assert!(found.0[1].is("Engine") && !found.0[1].is("general"));
        assert_eq!(filter("  ").unwrap(), Filter::default());
        assert_eq!(found.about("lag").count(), 3);
    }

    #[test]
    fn a_refusal_names_the_word() {
        for (text, says) in [
            (
                "user:a nick:b",
                r#""nick:b" is not understood: there is no "nick"; there are: user:"#,
            ),
            ("lag>soon", r#""soon" is no time"#),
            ("rate>", r#""" is no number"#),
            ("rate>NaN", r#""NaN" is no number"#),
            ("rate:5", "rate is a number"),
            ("user>5", "write user:SOMETHING"),
            ("waiting>lots", "no size"),
            (">5", r#"there is no """#),
        ] {
            let why = filter(text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
        assert!(filter(&"a".repeat(501)).is_err());
    }
}
