//! What is asked for: words that must all be there, `"phrases"`, `beginnings*`, and `-words` that must not.
//!
//! It is read here, whatever is in it; the index is given folded words in quotes, so nothing that anybody types is
//! syntax to it.

use super::words::{Word, is_single, words};

/// How many characters a query has at most.
const LONGEST: usize = 400;
/// How many words it has at most, those of phrases counted one by one.
const MOST: usize = 32;
/// How many letters a beginning has at least: what begins with one letter is nearly everything.
const BEGINNING: usize = 2;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Must be there, all of it.
    pub(super) wanted: Vec<Clause>,
    /// Must not be there, none of it.
    pub(super) unwanted: Vec<Clause>,
}

/// Words one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    /// Folded; at least one.
    pub(super) words: Vec<String>,
    /// Whether the last one is a beginning.
    pub(super) is_beginning: bool,
}

impl Query {
    /// Reads a query, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err(format!("a search has at most {LONGEST} characters"));
        }
        let mut query = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let not = rest.strip_prefix('-');
            let body = not.unwrap_or(rest);
            let (inside, after) = match body.strip_prefix(is_quote) {
                Some(quoted) => {
                    let Some((inside, after)) = quoted.split_once(is_quote) else {
                        return Err("a quotation mark is not closed".into());
                    };
                    (inside, after)
                }
                None => body.split_at(body.find(char::is_whitespace).unwrap_or(body.len())),
            };
            let (inside, beginning, after) = match (inside.strip_suffix('*'), after) {
                (Some(inside), after) => (inside, true, after),
                (None, after) => match after.strip_prefix('*') {
                    Some(after) => (inside, true, after),
                    None => (inside, false, after),
                },
            };
            if let Some(clause) = Clause::of(inside, beginning)? {
                if not.is_some() {
                    query.unwanted.push(clause);
                } else if !query.wanted.contains(&clause) {
                    query.wanted.push(clause);
                }
            }
            rest = after.trim_start();
        }
        let clauses = query.wanted.iter().chain(&query.unwanted);
        if clauses.map(|c| c.words.len()).sum::<usize>() > MOST {
            return Err(format!("a search has at most {MOST} words"));
        }
        if query.wanted.is_empty() {
            return Err(if query.unwanted.is_empty() {
                "there is no word in it: write letters or digits".into()
            } else {
                "say what to look for, beside what must not be there".into()
            });
        }
        Ok(query)
    }

    /// Whether a text is what is asked for.
    pub fn fits(&self, text: &[Word]) -> bool {
        let there = |clause: &Clause| clause.places(text).next().is_some();
        self.wanted.iter().all(there) && !self.unwanted.iter().any(there)
    }

    /// The same for the index: on the texts, in its own language; none when any text will do.
    pub(super) fn expression(&self) -> Option<String> {
        if self.wanted.is_empty() {
            return None;
        }
        let all: Vec<String> = self.wanted.iter().map(Clause::expression).collect();
        let mut expression = format!("(words : ({}))", all.join(" AND "));
        if !self.unwanted.is_empty() {
            let none: Vec<String> = self.unwanted.iter().map(Clause::expression).collect();
            expression = format!("({expression} NOT (words : ({})))", none.join(" OR "));
        }
        Some(expression)
    }
}

impl Clause {
    fn of(text: &str, is_beginning: bool) -> Result<Option<Self>, String> {
        let words: Vec<String> = words(text).into_iter().map(|w| w.folded).collect();
        let Some(last) = words.last() else {
            return Ok(None);
        };
        let short = last.chars().count() < BEGINNING && !is_single(last);
        if is_beginning && short && words.len() == 1 {
            return Err(format!(
                "write at least {BEGINNING} letters before the asterisk"
            ));
        }
        Ok(Some(Self {
            words,
            is_beginning,
        }))
    }

    /// Where it is in a text: the numbers of its first word and of the one behind it.
    pub(super) fn places<'a>(
        &'a self,
        text: &'a [Word],
    ) -> impl Iterator<Item = (usize, usize)> + 'a {
        let last = self.words.len() - 1;
        let fits = move |window: &[Word]| {
            let is = |(at, word): (usize, &Word)| {
                if at == last && self.is_beginning {
                    word.folded.starts_with(&self.words[at])
                } else {
                    word.folded == self.words[at]
                }
            };
            window.iter().enumerate().all(is)
        };
        let windows = text.windows(self.words.len()).enumerate();
        windows
            .filter(move |(_, window)| fits(window))
            .map(move |(at, window)| (at, at + window.len()))
    }

    fn expression(&self) -> String {
        // Folded words have letters, digits and marks only; a quotation mark would be doubled.
        let words = self.words.join(" ").replace('"', "\"\"");
        let end = if self.is_beginning { " *" } else { "" };
        format!("\"{words}\"{end}")
    }
}

/// What opens and closes a phrase, also on a telephone that means well.
fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> String {
        Query::parse(text).unwrap().expression().unwrap()
    }

    #[test]
    fn it_reads_words_phrases_beginnings_and_what_must_not_be() {
        for (text, expected) in [
            ("Hello  World", r#"(words : ("hello" AND "world"))"#),
            (r#""hello world""#, r#"(words : ("hello world"))"#),
            ("“Hello World”*", r#"(words : ("hello world" *))"#),
            ("wor*", r#"(words : ("wor" *))"#),
            ("e-mail", r#"(words : ("e mail"))"#),
            ("東京", r#"(words : ("東 京"))"#),
            ("東*", r#"(words : ("東" *))"#),
            ("a a", r#"(words : ("a"))"#),
            (
                r#"a -b -"c d""#,
                r#"((words : ("a")) NOT (words : ("b" OR "c d")))"#,
            ),
            (
                "NEAR(a b) OR words:c",
                r#"(words : ("near a" AND "b" AND "or" AND "words c"))"#,
            ),
            ("a ! - -- * -*", r#"(words : ("a"))"#),
            ("a\0b", r#"(words : ("a b"))"#),
        ] {
            assert_eq!(expression(text), expected, "{text}");
        }
    }

    #[test]
    fn it_says_what_is_wrong() {
        for (text, expected) in [
            ("", "no word"),
            ("... * -", "no word"),
            ("-a", "beside what"),
            ("\"a", "not closed"),
            ("a*", "letters before"),
            (&"a".repeat(401), "characters"),
            (&"a b c d ".repeat(9), "\u{0}"),
        ] {
            match Query::parse(text) {
                Err(why) => assert!(why.contains(expected), "{text}: {why}"),
                // The same word again is one word.
                Ok(query) => assert_eq!((expected, query.wanted.len()), ("\u{0}", 4)),
            }
        }
        let many: Vec<String> = (0..33).map(|i| format!("w{i}")).collect();
        assert!(Query::parse(&many.join(" ")).unwrap_err().contains("words"));
    }

    #[test]
    fn it_fits_what_the_index_would_find() {
        let fits = |query: &str, text: &str| Query::parse(query).unwrap().fits(&words(text));
        assert!(fits("muller", "Frau Müller"));
        assert!(!fits("mull", "Frau Müller"));
        assert!(fits("mull*", "Frau Müller"));
        assert!(fits("\"frau mull\"*", "Frau Müller"));
        assert!(!fits("\"müller frau\"", "Frau Müller"));
        assert!(!fits("frau -müller", "Frau Müller"));
        assert!(fits("京都", "東京都"));
        assert!(!fits("東都", "東京都"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_breaks_it(text in "\\PC*", more in "[\"*:(){}^+ -]*") {
            let _ = Query::parse(&format!("{text}{more}{text}"));
        }
    }
}
