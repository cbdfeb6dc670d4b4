//! What a word is: the only place that says so.
//!
//! A word is a run of letters, digits and the marks on them. It is folded: without case, without the accents of
//! Latin, Greek, Cyrillic, Hebrew and Arabic letters, and with compatible forms as one (`ﬁ` is `fi`, `Ａ` is `a`), so
//! that `muller` finds `Müller`. Scripts that are written without spaces between words have a word for each of their
//! characters; several in a row are looked for as a phrase, so a part of such a text is found wherever it begins.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// How many characters of a word count: what is longer is no word that anybody looks for by its end.
const LONGEST: usize = 48;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As it is indexed: letters, digits and marks, and never empty.
    pub folded: String,
    /// Where it begins in the text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// The words of a text, in order.
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut begun: Option<usize> = None;
    let mut single = false;
    for (at, c) in text.char_indices() {
        let kind = kind(c);
        let goes_on = match kind {
            Kind::Mark => begun.is_some(),
            Kind::Letter => begun.is_some() && !single,
            Kind::Single | Kind::Apart => false,
        };
        if goes_on {
            continue;
        }
        if let Some(start) = begun.take() {
            push(&mut words, text, start, at);
        }
        if matches!(kind, Kind::Letter | Kind::Single) {
            begun = Some(at);
            single = kind == Kind::Single;
        }
    }
    if let Some(start) = begun {
        push(&mut words, text, start, text.len());
    }
    words
}

/// The words of a text as one line, as they are indexed.
pub(super) fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in words(text) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word.folded);
    }
    line
}

/// Whether a folded word is one character of a script without spaces.
pub(super) fn is_single(folded: &str) -> bool {
    folded.chars().next().is_some_and(is_written_together)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Part of a word.
    Letter,
    /// A word of its own.
    Single,
    /// Goes on what is before it.
    Mark,
    /// Between words.
    Apart,
}

fn kind(c: char) -> Kind {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Kind::Letter,
        '\0'..='\u{7f}' => Kind::Apart,
        // Soft hyphen, joiners, and the voicing marks of halfwidth katakana.
        '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{ff9e}' | '\u{ff9f}' => Kind::Mark,
        c if is_combining_mark(c) => Kind::Mark,
        c if is_written_together(c) || is_picture(c) => Kind::Single,
        c if c.is_alphanumeric() => Kind::Letter,
        _ => Kind::Apart,
    }
}

/// Scripts without spaces between words; Korean has some, but hangs its endings on.
fn is_written_together(c: char) -> bool {
    let assigned = c.is_alphanumeric() || is_combining_mark(c);
    assigned
        && matches!(c,
            '\u{0e00}'..='\u{0eff}'      // Thai, Lao
            | '\u{1000}'..='\u{109f}'    // Burmese
            | '\u{1780}'..='\u{17ff}'    // Khmer
            | '\u{3005}'..='\u{3007}'
            | '\u{3040}'..='\u{312f}'    // Hiragana, katakana, bopomofo
            | '\u{31a0}'..='\u{31bf}'
            | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}'    // Han
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'    // Hangul
            | '\u{f900}'..='\u{faff}'
            | '\u{ff66}'..='\u{ff9d}'
            | '\u{20000}'..='\u{3ffff}')
}

/// Pictures that people write with.
fn is_picture(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b50}' | '\u{1f300}'..='\u{1faff}')
        && !('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}

fn push(words: &mut Vec<Word>, text: &str, start: usize, end: usize) {
    let run = &text[start..end];
    if run.is_ascii() {
        let cut = &run[..run.len().min(LONGEST)];
        let folded = cut.to_ascii_lowercase();
        return words.push(Word { folded, start, end });
    }
    let folded = fold(run);
    // What was written in parts, or as one sign for several, may have come out as characters of their own.
    let mut word = String::new();
    let mut length = 0;
    let mut add = |word: &mut String| {
        if !word.is_empty() {
            let folded = std::mem::take(word);
            words.push(Word { folded, start, end });
        }
    };
    for c in folded.chars() {
        if is_combining_mark(c) && !word.is_empty() {
            word.push(c);
            continue;
        }
        let alone = is_written_together(c) || is_picture(c);
        if alone || word.chars().next().is_some_and(is_written_together) {
            add(&mut word);
            length = 0;
        }
        if alone || length < LONGEST {
            word.push(c);
        }
        length += 1;
    }
    add(&mut word);
}

/// Without case, accents and differences of form.
fn fold(run: &str) -> String {
    let mut plain = String::with_capacity(run.len());
    let mut base = ' ';
    for c in run.nfkd() {
        if is_combining_mark(c) {
            // The breve of й makes another letter, that of ă does not.
            let is_letter = c == '\u{306}' && matches!(base, 'и' | 'И');
            if is_letter || !is_accent(c) {
                plain.push(c);
            }
            continue;
        }
        base = c;
        for c in c.to_lowercase().filter(|c| !is_accent(*c)) {
            match c {
                'ß' => plain.push_str("ss"),
                'æ' => plain.push_str("ae"),
                'œ' => plain.push_str("oe"),
                'ø' => plain.push('o'),
                'ł' => plain.push('l'),
                'đ' | 'ð' => plain.push('d'),
                'ħ' => plain.push('h'),
                'ı' => plain.push('i'),
                'þ' => plain.push_str("th"),
                'ς' => plain.push('σ'),
                // Stretches a word in Arabic.
                '\u{640}' => {}
                c if c.is_alphanumeric() || is_picture(c) => plain.push(c),
                _ => {}
            }
        }
    }
    plain.nfc().collect()
}

/// Marks that one may leave out and still mean the same word.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5c7}'    // Hebrew points
        | '\u{610}'..='\u{61a}'    // Arabic vowels
        | '\u{64b}'..='\u{65f}'
        | '\u{670}'
        | '\u{6d6}'..='\u{6ed}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'  // Variants of a sign
        | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded() {
        for (text, expected) in [
            ("Hello, World!", "hello world"),
            ("Müller MULLER muller", "muller muller muller"),
            ("Mu\u{308}ller", "muller"),
            ("straße œuvre Łódź", "strasse oeuvre lodz"),
            ("Ёлка, мой И\u{306}", "елка мой й"),
            ("ΣΊΣΥΦΟΣ σίσυφος", "σισυφοσ σισυφοσ"),
            ("مُحَمَّد محمد كتــاب", "محمد محمد كتاب"),
            ("שָׁלוֹם", "שלום"),
            ("e-mail: ana@example.org", "e mail ana example org"),
            ("snake_case 3.14 can't", "snake case 3 14 can t"),
            ("東京都に行く", "東 京 都 に 行 く"),
            ("ｶﾞｷﾞ ガギ", "ガ ギ ガ ギ"),
            ("한국어 \u{1112}\u{1161}\u{11ab}", "한 국 어 한"),
            ("สวัสดี", "ส วั ส ดี"),
            ("हिन्दी", "हिन्दी"),
            ("Ｆｕｌｌ ﬁne", "full fine"),
            ("party🎉🎉 👍🏽", "party 🎉 🎉 👍"),
            ("co\u{ad}op می\u{200c}خواهم", "coop میخواهم"),
            ("... -- \0\u{7} …", ""),
            ("\u{301}\u{301}", ""),
        ] {
            assert_eq!(line(text), expected, "{text}");
        }
    }

    #[test]
    fn a_word_knows_where_it_is() {
        let text = "Ünï, 東京 ok";
        let shown: Vec<&str> = words(text).iter().map(|w| &text[w.start..w.end]).collect();
        assert_eq!(shown, ["Ünï", "東", "京", "ok"]);
    }

    #[test]
    fn words_are_cut() {
        let long = "é".repeat(500);
        assert_eq!(words(&long)[0].folded.chars().count(), LONGEST);
        assert_eq!(words(&"x".repeat(500))[0].folded.len(), LONGEST);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_folded_is_one_word_to_the_index(text in "\\PC*") {
            for word in words(&text) {
                assert!(!word.folded.is_empty() && word.start < word.end);
                assert!(text.is_char_boundary(word.start) && text.is_char_boundary(word.end));
                let apart = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric();
                assert!(!word.folded.contains(apart), "{:?}", word.folded);
            }
        }
    }
}
