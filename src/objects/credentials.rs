//! Credentials out of a file, as Amazon's own tools keep them.

use std::{fmt, path::Path};

use crate::config::{Readers, read_named};

/// Who one is, to a store.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) key: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

impl Credentials {
    /// Reads one profile of a file.
    pub(super) fn read(file: &Path, profile: &str) -> Result<Self, String> {
        let shown = file.display();
        let text = read_named(file, Readers::Few);
        let found = text.and_then(|text| match std::str::from_utf8(&text) {
            Ok(text) => parse(text, profile),
            Err(_) => Err("it is no text".into()),
        });
        found.map_err(|why| format!("credentials in {shown}: {why}"))
    }
}

/// What a profile has. A line that is not understood is not repeated: it may be a secret.
fn parse(text: &str, profile: &str) -> Result<Credentials, String> {
    let mut found = Credentials::default();
    let (mut here, mut seen) = (false, false);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            here = name.trim() == profile;
            seen |= here;
        } else if here && !line.starts_with(['#', ';']) {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim().to_owned();
            match name.trim() {
                "aws_access_key_id" => found.key = value,
                "aws_secret_access_key" => found.secret = value,
                "aws_session_token" => found.token = Some(value).filter(|v| !v.is_empty()),
                _ => {}
            }
        }
    }
    if !seen {
        return Err(format!("it has no profile [{profile}]"));
    }
    for (value, name) in [
        (&found.key, "aws_access_key_id"),
        (&found.secret, "aws_secret_access_key"),
    ] {
        if value.is_empty() {
            return Err(format!("[{profile}] has no {name}"));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# mine
[default]
aws_access_key_id=AKIA1
aws_secret_access_key = a/b+c=
region = eu-central-1

[backup]
aws_access_key_id = AKIA2
aws_secret_access_key = d
aws_session_token = e
[half]
aws_access_key_id = AKIA3
";

    #[test]
    fn a_profile_is_found_by_its_name() {
        let default = parse(FILE, "default").expect("it is there");
        assert_eq!((&*default.key, &*default.secret), ("AKIA1", "a/b+c="));
        assert_eq!(default.token, None);
        let backup = parse(FILE, "backup").expect("it is there");
        assert_eq!(backup.token.as_deref(), Some("e"));
        assert_eq!(format!("{backup:?}"), "Credentials(***)");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (profile, why) in [
            ("half", "[half] has no aws_secret_access_key"),
            ("other", "it has no profile [other]"),
        ] {
            assert_eq!(parse(FILE, profile), Err(why.into()));
        }
        let gone = Credentials::read(Path::new("/nowhere/at/all"), "default");
        let why = gone.expect_err("it is not there");
        assert!(
            why.contains("/nowhere/at/all: cannot be read: No such file"),
            "{why}"
        );
    }
}
