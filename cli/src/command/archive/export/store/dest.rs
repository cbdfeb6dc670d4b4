//! The name of the place, as it is typed.

use std::{fmt, path::PathBuf};

use chatd::objects::Place;

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Dest {
    /// A directory.
    Directory(PathBuf),
    /// What begins with a prefix in a bucket of a store that speaks S3.
    Bucket(Place),
}

impl Dest {
    /// Reads a path, or a URL.
    pub(in super::super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("name a directory that is not there yet, or is empty".into());
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Directory(text.into()));
        };
        match scheme {
            "file" => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                if path.len() > 1 && path.starts_with('/') {
                    Ok(Self::Directory(unquote(path)?.into()))
                } else {
                    Err("a file URL has three slashes and a path, such as file:///backup".into())
                }
            }
            "s3" => Place::parse(text).map(Self::Bucket),
            _ => Err(format!(
                "no store of kind {scheme} is known; name a directory, or a URL as in file:///backup or \
                 s3://bucket/backup"
            )),
        }
    }
}

impl fmt::Display for Dest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Bucket(place) => place.fmt(f),
        }
    }
}

/// The path of a URL.
fn unquote(path: &str) -> Result<String, String> {
    let wrong = || "a percent sign in a URL is followed by two hexadecimal digits".to_owned();
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit(rest.next()), digit(rest.next()));
        let value = high.zip(low).map(|(high, low)| high * 16 + low);
        bytes.push(value.and_then(|v| u8::try_from(v).ok()).ok_or_else(wrong)?);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_path_or_a_url() {
        let at = |path: &str| Ok(Dest::Directory(path.into()));
        assert_eq!(Dest::parse("backup/a b"), at("backup/a b"));
        assert_eq!(Dest::parse("file:///backup/a%20b"), at("/backup/a b"));
        assert_eq!(Dest::parse("file://localhost/backup"), at("/backup"));
        let shown = |text| Dest::parse(text).map(|dest| dest.to_string());
        assert_eq!(shown("s3://backups/a/b/"), Ok("s3://backups/a/b".into()));
        assert_eq!(shown("s3://backups"), Ok("s3://backups/".into()));
        for (bad, why) in [
            ("", "name a directory"),
            ("file://backup", "three slashes"),
            ("file:///", "three slashes"),
            ("file:///a%2", "hexadecimal"),
            ("s3://", "names a bucket"),
            ("s3:///x", "names a bucket"),
            ("s3://a?b=c/x", "names a bucket"),
            ("s3://bucket/a//b", "no name for objects"),
            ("s3://bucket/../x", "no name for objects"),
            ("s3://AKIA:secret@bucket/x", "do not belong"),
            ("https://example.org/x", "no store of kind https"),
        ] {
            let is = Dest::parse(bad).expect_err(bad);
            assert!(is.contains(why), "{bad}: {is}");
            assert!(!is.contains("secret"), "{is}");
        }
    }
}
