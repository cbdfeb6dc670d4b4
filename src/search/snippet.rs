//! The piece of a message around what was found in it.

use super::{query::Query, words::Word};

/// How long a piece is, in characters.
const LONG: usize = 160;
/// How much of it is before what was found.
const BEFORE: usize = 40;

/// A part of a piece: found, or between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The text, as it is in the message.
    pub text: String,
    /// Whether it is what was asked for.
    pub hit: bool,
}

/// The piece of a text that has most of what is asked for, in parts that make up the piece when they are put
/// together; `…` stands where it is cut. `words` are those of the text. Without a query it is the beginning.
pub fn snippet(text: &str, words: &[Word], query: Option<&Query>) -> Vec<Part> {
    let hits = query.map_or_else(Vec::new, |query| hits(words, query));
    let (start, end) = piece(text, words, &hits);
    let mut parts: Vec<Part> = Vec::new();
    let mut add = |text: &str, hit: bool| match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.hit == hit => last.text.push_str(text),
        _ => parts.push(Part {
            text: text.to_owned(),
            hit,
        }),
    };
    if start > 0 {
        add("…", false);
    }
    let mut at = start;
    for hit in hits.iter().filter(|h| h.end > start && h.start < end) {
        let (from, to) = (hit.start.max(at), hit.end.min(end));
        if from >= to {
            continue;
        }
        add(&text[at..from], false);
        add(&text[from..to], true);
        at = to;
    }
    add(&text[at..end], false);
    if end < text.len() {
        add("…", false);
    }
    parts
}

/// A place in a text that was found.
struct Place {
    start: usize,
    end: usize,
    /// By which of what is asked for.
    clause: usize,
}

/// The places, from the beginning on.
fn hits(words: &[Word], query: &Query) -> Vec<Place> {
    let mut hits = Vec::new();
    for (clause, wanted) in query.wanted.iter().enumerate() {
        let places = wanted.places(words);
        hits.extend(places.map(|(first, behind)| Place {
            start: words[first].start,
            end: words[behind - 1].end,
            clause,
        }));
    }
    hits.sort_by_key(|h| (h.start, h.end));
    hits
}

/// Where the piece begins and ends, in bytes.
fn piece(text: &str, words: &[Word], hits: &[Place]) -> (usize, usize) {
    if text.chars().count() <= LONG {
        return (0, text.len());
    }
    let best = hits.iter().enumerate().max_by_key(|(at, hit)| {
        let within = after(text, hit.start, LONG - BEFORE);
        let near = hits[*at..].iter().take_while(|h| h.end <= within);
        let mut clauses: Vec<usize> = near.map(|h| h.clause).collect();
        let all = clauses.len();
        clauses.sort_unstable();
        clauses.dedup();
        // Of pieces that are as good the first.
        (clauses.len(), all, std::cmp::Reverse(*at))
    });
    let hit = best.map_or(0, |(_, hit)| hit.start);
    let from = before(text, hit, BEFORE);
    // Not in the middle of a word, where that can be helped.
    let start = words
        .iter()
        .map(|w| w.start)
        .find(|start| (from..=hit).contains(start))
        .filter(|_| from > 0)
        .unwrap_or(from);
    let upto = after(text, start, LONG);
    let whole = words.iter().map(|w| w.end).rev().find(|end| *end <= upto);
    let end = match whole {
        Some(end) if upto < text.len() && end > hit => end,
        _ => upto,
    };
    (start, end)
}

/// So many characters before a place.
fn before(text: &str, at: usize, characters: usize) -> usize {
    let mut back = text[..at].char_indices().rev();
    match characters.checked_sub(1).and_then(|n| back.nth(n)) {
        Some((start, _)) => start,
        None => 0,
    }
}

/// So many characters after a place.
fn after(text: &str, at: usize, characters: usize) -> usize {
    let mut on = text[at..].char_indices();
    on.nth(characters).map_or(text.len(), |(end, _)| at + end)
}

#[cfg(test)]
mod tests {
    use super::{super::words, *};

    fn shown(text: &str, query: &str) -> String {
        let query = Query::parse(query).unwrap();
        let parts = snippet(text, &words(text), Some(&query));
        let show = |p: &Part| {
            if p.hit {
                format!("[{}]", p.text)
            } else {
                p.text.clone()
            }
        };
        parts.iter().map(show).collect()
    }

    #[test]
    fn what_was_found_is_marked() {
        assert_eq!(
            shown("Frau Müller, hallo", "MULLER"),
            "Frau [Müller], hallo"
        );
        assert_eq!(shown("in 東京都 now", "京都"), "in 東[京都] now");
        assert_eq!(
            shown("one two three", "\"one two\" three"),
            "[one two] [three]"
        );
        assert_eq!(shown("walking walks", "walk*"), "[walking] [walks]");
        assert_eq!(shown("a b c", "\"a b\" \"b c\""), "[a b c]");
    }

    #[test]
    fn a_long_text_is_cut_where_it_matters() {
        let filler = "lorem ipsum dolor ".repeat(30);
        let text = format!("tea {filler} tea and cake {filler}");
        let piece = shown(&text, "tea cake");
        assert!(piece.contains("[tea] and [cake]"), "{piece}");
        assert!(piece.starts_with('…') && piece.ends_with('…'), "{piece}");
        assert!(piece.chars().count() < 180, "{piece}");
        let wide = "東".repeat(1_000);
        assert_eq!(shown(&wide, "東").chars().count(), 163);
    }

    #[test]
    fn without_a_query_it_is_the_beginning() {
        let text = "word ".repeat(100);
        let parts = snippet(&text, &words(&text), None);
        assert_eq!(parts.len(), 1);
        assert!(parts[0].text.starts_with("word") && parts[0].text.ends_with('…'));
    }

    proptest::proptest! {
        #[test]
        fn a_piece_is_part_of_the_text(text in "(\\PC{0,6} ){0,60}", query in "\\w{1,3}") {
            let Ok(query) = Query::parse(&query) else { return Ok(()) };
            let parts = snippet(&text, &words(&text), Some(&query));
            let whole: String = parts.iter().map(|p| p.text.as_str()).collect();
            let bare = whole.trim_start_matches('…').trim_end_matches('…');
            assert!(text.contains(bare));
        }
    }
}
