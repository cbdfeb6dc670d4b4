//! Text that people type, parsed once where it comes in.
//!
//! The rules are the wire contract's: names are lower-case ASCII so that no two look alike and none is
//! shaped like an id; free text is Unicode without control characters or the marks that reorder a line.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// Why a text was refused: a sentence for the person who typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// What can be said of such a text in a schema. The rest the server says when it refuses one.
struct Shape {
    /// The fewest characters.
    min: usize,
    /// The most; none where that is a setting.
    max: Option<usize>,
    pattern: Option<&'static str>,
}

impl Shape {
    const NAME: Self = Self {
        min: 2,
        max: Some(32),
        pattern: Some("^[a-z0-9][a-z0-9._-]{1,31}$"),
    };
    const TXN: Self = Self {
        min: 1,
        max: Some(64),
        pattern: Some("^[!-~]{1,64}$"),
    };

    const fn line(min: usize, max: usize) -> Self {
        Self {
            min,
            max: Some(max),
            pattern: None,
        }
    }

    fn schema(&self, description: &str) -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description.trim()))
            .min_length(Some(self.min))
            .max_length(self.max)
            .pattern(self.pattern);
        text.into()
    }
}

macro_rules! text {
    ($(#[doc = $doc:literal])* $name:ident, $shape:expr, $parse:expr) => {
        $(#[doc = $doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses the text, or says why it cannot be one.
            pub fn parse(s: &str) -> Result<Self, Invalid> {
                let parse: fn(&str) -> Result<String, Invalid> = $parse;
                parse(s).map(|s| Self(s.into_boxed_str()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(s: String) -> Result<Self, Invalid> {
                Self::parse(&s)
            }
        }

        impl From<$name> for String {
            fn from(t: $name) -> Self {
                t.0.into_string()
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str(s: &str) -> Result<Self, Invalid> {
                Self::parse(s)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $shape.schema(concat!($($doc),*))
            }
        }

        impl ToSchema for $name {}
    };
}

text!(
    /// A user's unique name: `[a-z0-9][a-z0-9._-]{1,31}`.
    Username,
    Shape::NAME,
    parse_name
);
text!(
    /// A room's name: `[a-z0-9][a-z0-9._-]{1,31}`; unique among public rooms.
    RoomName,
    Shape::NAME,
    parse_name
);
text!(
    /// A role's unique name: `[a-z0-9][a-z0-9._-]{1,31}`.
    RoleName,
    Shape::NAME,
    parse_name
);
text!(
    /// Why something was done to somebody: free text, 1–500 characters, one line.
    Reason,
    Shape::line(1, 500),
    |s| parse_line(s, 1, 500)
);
text!(
    /// What everyone who is connected is told: free text, 1–1,000 characters, one line.
    NoticeText,
    Shape::line(1, 1000),
    |s| parse_line(s, 1, 1000)
);
text!(
    /// How a person wants to be called: free text, 1–64 characters, one line.
    DisplayName,
    Shape::line(1, 64),
    |s| parse_line(s, 1, 64)
);
text!(
    /// A room's title: free text, 1–128 characters, one line.
    Title,
    Shape::line(1, 128),
    |s| parse_line(s, 1, 128)
);
text!(
    /// What a room is about: free text, up to 1,024 characters; empty clears it.
    Topic,
    Shape::line(0, 1024),
    |s| parse_line(s, 0, 1024)
);
text!(
    /// What a device calls itself at login: free text, 1–64 characters, one line.
    DeviceName,
    Shape::line(1, 64),
    |s| parse_line(s, 1, 64)
);
text!(
    /// An e-mail address, as far as it matters here: something, `@`, something; at most 254 bytes.
    Email,
    Shape::line(3, 254),
    parse_email
);
text!(
    /// A client's own name for a request, to make repeating it safe: 1–64 printable ASCII characters.
    Txn,
    Shape::TXN,
    parse_txn
);
text!(
    /// What one reacts with: one emoji, or the name of one as `:name:`.
    Emoji,
    Shape::line(1, 40),
    super::emoji::parse
);
text!(
    /// What a file is called: the last part of a path, one line, at most 255 bytes. Whatever was typed becomes
    /// one; it is shown, and never a path anywhere.
    FileName,
    Shape::line(1, FILE_NAME),
    |s| Ok(file_name(s))
);
text!(
    /// The text of a message: not blank, no control characters but newline and tab. Its length limit is a
    /// setting (`limits.message`), checked where the setting is known.
    Body,
    Shape {
        min: 1,
        max: None,
        pattern: None,
    },
    parse_body
);

impl RoleName {
    /// The name of a built-in role.
    pub(super) fn of_builtin(role: super::role::Builtin) -> Self {
        Self(role.as_str().into())
    }
}

fn parse_name(s: &str) -> Result<String, Invalid> {
    let rule = "2 to 32 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit";
    let first_ok = s.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest_ok = s
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if !(2..=32).contains(&s.len()) || !first_ok || !rest_ok {
        return Err(Invalid(format!("a name is {rule}")));
    }
    if uuid::Uuid::try_parse(s).is_ok() {
        return Err(Invalid("a name must not look like an id".into()));
    }
    Ok(s.to_owned())
}

/// One line of free text, normalised to NFC, trimmed.
fn parse_line(s: &str, min: usize, max: usize) -> Result<String, Invalid> {
    // Bounded before the work: normalisation is linear, but in what it is given.
    if s.len() > max * 16 {
        return Err(Invalid(format!("at most {max} characters")));
    }
    let s: String = s.trim().nfc().collect();
    if s.chars().any(is_unsafe) {
        return Err(Invalid(
            "control and text-direction characters are not allowed".into(),
        ));
    }
    match s.chars().count() {
        count if count < min => Err(Invalid("must not be empty".into())),
        count if count > max => Err(Invalid(format!("at most {max} characters"))),
        _ => Ok(s),
    }
}

/// How long the name of a file may be, in bytes: as long as the file systems of those who save it take.
const FILE_NAME: usize = 255;
/// How much of that is for what stands behind the last dot.
const EXTENSION: usize = 16;

/// Makes a name for a file of what somebody typed.
fn file_name(s: &str) -> String {
    let last = s.rsplit(['/', '\\']).next().unwrap_or_default();
    // What would be cut off in any case is not looked at.
    let last: String = last.chars().take(4 * FILE_NAME).collect();
    let shown = last.nfc().filter(|c| !is_unsafe(*c)).collect::<String>();
    // A name that begins with a dot is hidden from whoever saves the file.
    let around = |c: char| c.is_whitespace() || c == '.';
    let name = shown.trim_start_matches(around).trim_end_matches(around);
    if name.is_empty() {
        return "file".to_owned();
    }
    if name.len() <= FILE_NAME {
        return name.to_owned();
    }
    let dot = name.rfind('.').filter(|dot| name.len() - dot <= EXTENSION);
    let extension = dot.map_or("", |dot| &name[dot..]);
    let mut most = FILE_NAME - extension.len();
    while !name.is_char_boundary(most) {
        most -= 1;
    }
    let stem = name[..most].trim_end_matches(around);
    format!("{stem}{extension}")
}

/// The text of a message that may have none, as it has files: empty is none.
pub fn maybe_body<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Body>, D::Error> {
    let text = Option::<String>::deserialize(d)?.filter(|text| !text.is_empty());
    let body = text.map(|text| Body::parse(&text)).transpose();
    body.map_err(serde::de::Error::custom)
}

fn parse_email(s: &str) -> Result<String, Invalid> {
    let wrong = || Invalid("an e-mail address looks like name@example.org".into());
    let (local, domain) = s.rsplit_once('@').ok_or_else(wrong)?;
    let plain = s
        .chars()
        .all(|c| !c.is_control() && !c.is_whitespace() && !is_unsafe(c));
    if local.is_empty() || domain.is_empty() || s.len() > 254 || !plain || local.contains('@') {
        return Err(wrong());
    }
    Ok(s.to_lowercase())
}

fn parse_txn(s: &str) -> Result<String, Invalid> {
    if (1..=64).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(s.to_owned())
    } else {
        Err(Invalid(
            "a txn is 1 to 64 printable ASCII characters, best a UUID".into(),
        ))
    }
}

fn parse_body(s: &str) -> Result<String, Invalid> {
    if s.trim().is_empty() {
        return Err(Invalid("a message must not be blank".into()));
    }
    if s.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Invalid(
            "control characters other than newline and tab are not allowed".into(),
        ));
    }
    Ok(s.to_owned())
}

/// Characters that could move a cursor or reorder a line: C0, C1, line separators, bidi controls.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}' | '\u{2029}' | '\u{feff}'
        )
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["ana", "a1", "general", "x.y_z-9", "0day", &"g".repeat(32)] {
            assert!(RoomName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "Ana",
            "-ana",
            ".ana",
            "ana ",
            "a na",
            "аna",
            "ana\n",
            "ana\u{202e}",
            "@me",
            &"a".repeat(33),
            "0197c0de000070008000000000000000",
            "admin\u{0}",
        ] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn free_text_is_one_safe_line() {
        assert_eq!(
            Title::parse("  Cafe\u{301} ").unwrap().as_str(),
            "Caf\u{e9}"
        );
        for bad in [
            "",
            "   ",
            "a\nb",
            "a\u{1b}[31m",
            "a\u{202e}b",
            "a\u{9b}",
            &"x".repeat(129),
        ] {
            assert!(Title::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Topic::parse("").is_ok());
    }

    #[test]
    fn bodies_keep_their_lines_and_emoji() {
        assert_eq!(Body::parse("hi\n\t👩‍🚀").unwrap().as_str(), "hi\n\t👩‍🚀");
        for bad in ["", " \n\t", "a\u{7}", "a\u{1b}[2J", "\u{0}"] {
            assert!(Body::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_is_called_by_the_last_part_of_a_path() {
        for (typed, name) in [
            ("photo.png", "photo.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ana\\cv.pdf", "cv.pdf"),
            ("..", "file"),
            ("a/..", "file"),
            ("", "file"),
            (" \u{0}\n", "file"),
            (".htaccess", "htaccess"),
            ("gpj.\u{202e}exe", "gpj.exe"),
            ("a\u{0}b\u{1b}[31m\r\n.txt", "ab[31m.txt"),
            ("Cafe\u{301} 1.txt ", "Caf\u{e9} 1.txt"),
        ] {
            let parsed = FileName::parse(typed).unwrap();
            assert_eq!(parsed.as_str(), name, "{typed:?}");
            assert_eq!(FileName::parse(name).unwrap(), parsed, "as it was kept");
        }
        let long = format!("{}.jpeg", "\u{1f49a}".repeat(300));
        let name = FileName::parse(&long).unwrap();
        assert!(name.as_str().len() <= FILE_NAME);
        assert_eq!(name.as_str().rsplit('.').next(), Some("jpeg"));
        assert_eq!(FileName::parse(name.as_str()).unwrap(), name);
        let name = FileName::parse(&"a.".repeat(400)).unwrap();
        assert!(name.as_str().len() <= FILE_NAME);
        assert_eq!(FileName::parse(name.as_str()).unwrap(), name);
    }

    #[test]
    fn an_email_is_lower_case_and_has_two_sides() {
        assert_eq!(
            Email::parse("Ana@Example.org").unwrap().as_str(),
            "ana@example.org"
        );
        for bad in ["", "ana", "@x", "ana@", "a b@c", "a@b@c", "a\n@b"] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }
}
