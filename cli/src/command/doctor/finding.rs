//! What a check found.

use std::path::Path;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and is worth a thought.
    Warning,
    /// It does not work, or must not be so.
    Problem,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Which check: a stable word.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// What was seen, and why it matters.
    pub(super) what: String,
    /// The command that mends it, or what to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            what: what.into(),
            mend: None,
        }
    }

    pub(super) fn warning(
        check: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Warning,
            mend: Some(mend.into()),
            ..Self::ok(check, what)
        }
    }

    pub(super) fn problem(
        check: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Problem,
            ..Self::warning(check, what, mend)
        }
    }
}

/// A path as one word of a shell.
pub(super) fn word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted() {
        assert_eq!(word(Path::new("/var/lib/chatd")), "/var/lib/chatd");
        assert_eq!(word(Path::new("/a b; rm -r c")), "'/a b; rm -r c'");
        assert_eq!(word(Path::new("it's")), "'it'\\''s'");
    }
}
