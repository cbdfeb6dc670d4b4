//! What is an emoji: the rule of [`super::Emoji`].
//!
//! Unicode's tables say which characters emoji are made of, and where one ends, so no sentence, no stack of accents
//! and no invisible character is one. An emoji that is newer than the tables is refused until they are.

use unicode_properties::{UnicodeEmoji as _, emoji::EmojiStatus};
use unicode_segmentation::UnicodeSegmentation as _;

use super::text::Invalid;

/// More than the longest emoji there is takes: a couple, each of a skin colour, kissing, has 35 bytes.
const LONGEST: usize = 40;
/// How long the name in `:name:` may be.
const LONGEST_NAME: usize = 32;

/// Asks for the coloured picture of a character that may also be drawn as text.
const AS_PICTURE: char = '\u{fe0f}';
/// The frame of a key: what makes an emoji of a digit.
const KEY: char = '\u{20e3}';

/// One emoji, or `:name:`. What only differs in how it asks to be drawn is made one.
pub(super) fn parse(s: &str) -> Result<String, Invalid> {
    let wrong = || {
        Invalid(format!(
            "one emoji, or the name of one as :name: (a-z, 0-9, '_', '+' and '-', at most {LONGEST_NAME})"
        ))
    };
    if let Some(name) = s.strip_prefix(':') {
        let name = name.strip_suffix(':').ok_or_else(wrong)?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_+-".contains(&b);
        let good = (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain);
        return if good { Ok(s.to_owned()) } else { Err(wrong()) };
    }
    let first = s.chars().next().ok_or_else(wrong)?;
    let of_emoji = s
        .chars()
        .all(|c| c.is_emoji_char_or_emoji_component() || c == AS_PICTURE || c == KEY);
    let begins = first.is_emoji_char() && (!first.is_ascii() || s.ends_with(KEY));
    if s.len() > LONGEST || !of_emoji || !begins || s.graphemes(true).count() != 1 {
        return Err(wrong());
    }
    let rest = &s[first.len_utf8()..];
    if !rest.is_empty() && rest.chars().ne([AS_PICTURE]) {
        return Ok(s.to_owned());
    }
    let mut one = first.to_string();
    let pictured = matches!(
        first.emoji_status(),
        EmojiStatus::EmojiPresentation
            | EmojiStatus::EmojiPresentationAndModifierBase
            | EmojiStatus::EmojiPresentationAndEmojiComponent
            | EmojiStatus::EmojiPresentationAndModifierAndEmojiComponent
    );
    if !pictured {
        one.push(AS_PICTURE);
    }
    Ok(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_is_one_picture_or_a_name() {
        let couple =
            "\u{1f469}\u{1f3fb}\u{200d}\u{2764}\u{fe0f}\u{200d}\u{1f48b}\u{200d}\u{1f469}\u{1f3ff}";
        let england = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
        let flag = "\u{1f1e8}\u{1f1ed}";
        for good in [
            "👍",
            "🎉",
            "👍🏽",
            couple,
            england,
            flag,
            "1\u{fe0f}\u{20e3}",
            ":+1:",
            ":party_parrot:",
        ] {
            assert_eq!(parse(good).as_deref(), Ok(good), "{good}");
        }
        for bad in [
            "",
            " ",
            "a",
            "7",
            "#",
            "ok",
            "👍👍",
            "👍a",
            " 👍",
            "\u{200d}",
            "\u{fe0f}",
            "\u{20e3}",
            "a\u{20e3}",
            "👍\n",
            "\u{0}",
            "\u{202e}",
            "e\u{301}",
            "👍\u{301}",
            "::",
            ":",
            ":Party:",
            ":a b:",
            ":a",
            ":\u{1f44d}:",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        let long = format!("\u{1f44d}{}", "\u{200d}\u{1f44d}".repeat(20));
        assert!(parse(&long).is_err(), "one picture, and too long");
        assert!(parse(&format!(":{}:", "a".repeat(33))).is_err());
    }

    #[test]
    fn how_it_is_drawn_makes_no_other_emoji() {
        assert_eq!(parse("\u{2764}").unwrap(), "\u{2764}\u{fe0f}");
        assert_eq!(parse("\u{2764}\u{fe0f}").unwrap(), "\u{2764}\u{fe0f}");
        assert_eq!(parse("👍\u{fe0f}").unwrap(), "👍");
    }
}
