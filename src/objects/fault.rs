//! What a store's refusals and silences mean.
//!
//! Only the code and the sentence of an answer are repeated: what else is in it may have the request, signature and
//! all.

use std::error::Error as _;

use object_store::Error;

/// As much as is repeated of what a store says.
const LONGEST: usize = 200;

/// What went wrong, for people; without the name of the bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Fault {
    /// Of what kind it is.
    pub kind: Kind,
    /// Why.
    pub why: String,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It does not answer, or not now.
    Away,
    /// There are no credentials, or it does not accept them.
    Credentials,
    /// These credentials may not do that.
    Forbidden,
    /// There is no such bucket.
    NoBucket,
    /// The bucket is in another region.
    Region,
    /// Whatever else it answers.
    Other,
}

impl Kind {
    /// Whether it stays so until somebody changes settings, credentials or the bucket.
    pub const fn is_lasting(self) -> bool {
        matches!(
            self,
            Self::Credentials | Self::Forbidden | Self::NoBucket | Self::Region
        )
    }
}

impl Fault {
    fn new(kind: Kind, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { kind, why }
    }

    /// What came of a request about an object; none when the bucket is there and the object is not.
    pub(super) fn unless_missing<T>(done: object_store::Result<T>) -> Result<Option<T>, Self> {
        match done {
            Ok(found) => Ok(Some(found)),
            Err(e) if is_no_object(&e) => Ok(None),
            Err(e) => Err(Self::of(&e)),
        }
    }

    /// What came of taking an object out; fine when the store says that there is none. One that only says 404 may not know
    /// how to, and then the object stays.
    pub(super) fn unless_gone(done: object_store::Result<()>) -> Result<(), Self> {
        match done {
            Err(e) if code_of_missing(&e).as_deref() != Some("NoSuchKey") => Err(Self::of(&e)),
            _ => Ok(()),
        }
    }

    pub(super) fn of(error: &Error) -> Self {
        let text = error.to_string();
        if text.contains("/latest/api/token") || text.contains("/latest/meta-data") {
            let why = "there are no credentials: none in the environment, none in a file, and this machine gives none";
            return Self::new(Kind::Credentials, why);
        }
        let region = "the bucket is in another region";
        match (between(&text, "<Code>", "</Code>"), status(&text)) {
            (Some("NoSuchBucket"), _) => Self::new(Kind::NoBucket, "there is no such bucket"),
            (
                Some(
                    code @ ("InvalidAccessKeyId"
                    | "SignatureDoesNotMatch"
                    | "InvalidToken"
                    | "ExpiredToken"
                    | "InvalidClientTokenId"),
                ),
                _,
            ) => {
                let why = format!("it does not accept these credentials ({code})");
                Self::new(Kind::Credentials, why)
            }
            (_, Some(401)) => Self::new(Kind::Credentials, "it does not accept these credentials"),
            (_, Some(403)) => Self::new(Kind::Forbidden, "these credentials may not do that"),
            (Some("PermanentRedirect" | "AuthorizationHeaderMalformed"), _) | (_, Some(301)) => {
                Self::new(Kind::Region, region)
            }
            (_, Some(status)) => {
                let kind = if status >= 500 || status == 429 {
                    Kind::Away
                } else {
                    Kind::Other
                };
                Self::new(kind, format!("it answers {}", said(status, &text)))
            }
            (_, None) if text.contains("without LOCATION") => Self::new(Kind::Region, region),
            (_, None) => Self::new(Kind::Away, cut(&root(error))),
        }
    }
}

/// Whether the bucket is there, and the object is not.
fn is_no_object(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. })
        && code_of_missing(error).is_none_or(|code| code == "NoSuchKey")
}

/// By which code a store says that there is no such thing, where it says so by one.
fn code_of_missing(error: &Error) -> Option<String> {
    let Error::NotFound { source, .. } = error else {
        return None;
    };
    between(&source.to_string(), "<Code>", "</Code>").map(str::to_owned)
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

    fn fault(text: &str) -> Fault {
        Fault::of(&Error::Generic {
            store: "S3",
            source: text.into(),
        })
    }

    #[test]
    fn an_answer_is_told_by_its_code() {
        for (status, code, words, kind) in [
            (404, "NoSuchBucket", "no such bucket", Kind::NoBucket),
            (
                403,
                "InvalidAccessKeyId",
                "(InvalidAccessKeyId)",
                Kind::Credentials,
            ),
            (
                403,
                "SignatureDoesNotMatch",
                "credentials",
                Kind::Credentials,
            ),
            (403, "AccessDenied", "may not do", Kind::Forbidden),
            (301, "PermanentRedirect", "another region", Kind::Region),
            (503, "SlowDown", "it answers 503 SlowDown, No.", Kind::Away),
            (400, "EntityTooLarge", "400 EntityTooLarge", Kind::Other),
        ] {
            let found = fault(&format!(
                "Server returned non-2xx status code: {status} X: <Error><Code>{code}</Code>\
                 <Message>No.</Message><StringToSign>secret</StringToSign></Error>"
            ));
            assert!(found.why.contains(words), "{found}");
            assert!(!found.why.contains("secret"), "{found}");
            assert_eq!(found.kind, kind, "{code}");
        }
    }

    #[test]
    fn silence_is_told_by_its_reason() {
        let away = fault("connection refused");
        assert_eq!((away.kind, &*away.why), (Kind::Away, "connection refused"));
        let found = fault("PUT http://169.254.169.254/latest/api/token timed out");
        assert_eq!(found.kind, Kind::Credentials);
        assert!(found.why.contains("no credentials"), "{found}");
    }
}
