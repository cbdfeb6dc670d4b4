//! What a store's refusals and silences mean, and what to do about them.
//!
//! Only the code and the sentence of an answer are repeated: what else is in it may have the request, signature and
//! all.

use std::error::Error as _;

use object_store::Error;

use crate::failure::{Exit, Failure};

/// As much as is repeated of what a store says.
const LONGEST: usize = 200;

/// About which store something is said.
pub(super) struct Why {
    pub(super) bucket: String,
    pub(super) place: String,
}

impl Why {
    /// Whether the bucket is there, and the object is not.
    pub(super) fn is_no_object(error: &Error) -> bool {
        let Error::NotFound { source, .. } = error else {
            return false;
        };
        between(&source.to_string(), "<Code>", "</Code>").is_none_or(|code| code == "NoSuchKey")
    }

    /// A failure in words.
    pub(super) fn failure(&self, doing: &str, error: &Error) -> Failure {
        let Self { bucket, place } = self;
        let (why, exit, hint) = explain(error);
        Failure::Listed {
            what: format!("cannot {doing} bucket {bucket} at {place} — {why}"),
            lines: Vec::new(),
            exit,
            hint: hint.into(),
        }
    }
}

/// Why, how the command ends, and what to do next.
fn explain(error: &Error) -> (String, Exit, &'static str) {
    const CREDENTIALS: &str = "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or at the file given with \
                               --credentials";
    const AGAIN: &str = "look whether it runs and at --endpoint; then the same command goes on where it was, \
                         with --resume";
    let text = error.to_string();
    if text.contains("/latest/api/token") || text.contains("/latest/meta-data") {
        let why = "there are no credentials: none in the environment, none in a file, and this machine \
                   gives none";
        return (why.into(), Exit::Permission, CREDENTIALS);
    }
    let code = between(&text, "<Code>", "</Code>");
    match (code, status(&text)) {
        (Some("NoSuchBucket"), _) => (
            "there is no such bucket".into(),
            Exit::NotFound,
            "make it first, or look at its name, --endpoint and --region",
        ),
        (
            Some(
                code @ ("InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "InvalidToken"
                | "ExpiredToken"
                | "InvalidClientTokenId"),
            ),
            _,
        ) => (
            format!("it does not accept these credentials ({code})"),
            Exit::Permission,
            CREDENTIALS,
        ),
        (_, Some(401)) => (
            "it does not accept these credentials".into(),
            Exit::Permission,
            CREDENTIALS,
        ),
        (_, Some(403)) => (
            "these credentials may not do that".into(),
            Exit::Permission,
            "in this bucket they need s3:ListBucket, s3:GetObject and s3:PutObject",
        ),
        (Some("PermanentRedirect" | "AuthorizationHeaderMalformed"), _) | (_, Some(301)) => (
            "the bucket is in another region".into(),
            Exit::Other,
            "say in which, with --region",
        ),
        (_, Some(status)) if status >= 500 => (
            format!("it answers {}", said(status, &text)),
            Exit::Unreachable,
            AGAIN,
        ),
        (_, Some(status)) => (
            format!("it answers {}", said(status, &text)),
            Exit::Other,
            "look at the bucket's settings, and at --endpoint and --region",
        ),
        (_, None) if text.contains("without LOCATION") => (
            "the bucket is in another region".into(),
            Exit::Other,
            "say in which, with --region",
        ),
        (_, None) => (cut(&root(error)), Exit::Unreachable, AGAIN),
    }
}

/// What a store says: `503 SlowDown, Reduce your request rate`.
fn said(status: u16, text: &str) -> String {
    let mut said = status.to_string();
    if let Some(code) = between(text, "<Code>", "</Code>") {
        said = format!("{said} {}", cut(code));
    }
    if let Some(message) = between(text, "<Message>", "</Message>") {
        said = format!("{said}, {}", cut(message));
    }
    said
}

/// The status of an answer, where there was one.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// The innermost reason: what the system, or the library that speaks HTTP, says.
fn root(error: &Error) -> String {
    let mut last = error.source();
    let mut text = error.to_string();
    while let Some(source) = last {
        text = source.to_string();
        last = source.source();
    }
    text
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(from)?;
    rest.split_once(to).map(|(found, _)| found)
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str) -> (String, Exit, Option<String>) {
        let why = Why {
            bucket: "backups".into(),
            place: "https://store.example.org".into(),
        };
        let error = Error::Generic {
            store: "S3",
            source: text.into(),
        };
        let failure = why.failure("write to", &error);
        (failure.to_string(), failure.exit(), failure.hint())
    }

    #[test]
    fn an_answer_says_what_to_do() {
        let answer = |status, code| {
            explained(&format!(
                "Server returned non-2xx status code: {status} X: <Error><Code>{code}</Code>\
                 <Message>No.</Message><StringToSign>secret</StringToSign></Error>"
            ))
        };
        for (status, code, words, exit, hint) in [
            (
                404,
                "NoSuchBucket",
                "no such bucket",
                Exit::NotFound,
                "--region",
            ),
            (
                403,
                "InvalidAccessKeyId",
                "(InvalidAccessKeyId)",
                Exit::Permission,
                "AWS_",
            ),
            (
                403,
                "SignatureDoesNotMatch",
                "credentials",
                Exit::Permission,
                "--credentials",
            ),
            (
                403,
                "AccessDenied",
                "may not do",
                Exit::Permission,
                "s3:PutObject",
            ),
            (
                301,
                "PermanentRedirect",
                "another region",
                Exit::Other,
                "--region",
            ),
            (
                503,
                "SlowDown",
                "it answers 503 SlowDown, No.",
                Exit::Unreachable,
                "--resume",
            ),
            (
                400,
                "EntityTooLarge",
                "400 EntityTooLarge",
                Exit::Other,
                "--endpoint",
            ),
        ] {
            let (text, is, next) = answer(status, code);
            assert!(text.contains(words), "{text}");
            assert!(text.starts_with("cannot write to bucket backups at https://"));
            assert!(!text.contains("secret"), "{text}");
            assert_eq!(is, exit, "{code}");
            assert!(next.is_some_and(|next| next.contains(hint)), "{code}");
        }
    }

    #[test]
    fn silence_is_told_by_its_reason() {
        let (text, exit, _) = explained("connection refused");
        assert!(text.ends_with("— connection refused"), "{text}");
        assert_eq!(exit, Exit::Unreachable);
        let (text, exit, _) = explained("PUT http://169.254.169.254/latest/api/token timed out");
        assert!(text.contains("no credentials"), "{text}");
        assert_eq!(exit, Exit::Permission);
    }
}
