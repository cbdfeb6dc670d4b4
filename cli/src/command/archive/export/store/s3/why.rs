//! How a command ends that a store refused, and what to do about it.

use chatd::objects::{Fault, Kind};

use crate::failure::{Exit, Failure};

/// A failure in words.
pub(super) fn failure(bucket: &str, place: &str, doing: &str, fault: &Fault) -> Failure {
    let (exit, hint) = advice(fault.kind);
    Failure::Listed {
        what: format!("cannot {doing} bucket {bucket} at {place} \u{2014} {fault}"),
        lines: Vec::new(),
        exit,
        hint: hint.into(),
    }
}

/// How the command ends, and what to do next.
const fn advice(kind: Kind) -> (Exit, &'static str) {
    match kind {
        Kind::NoBucket => (
            Exit::NotFound,
            "make it first, or look at its name, --endpoint and --region",
        ),
        Kind::Credentials => (
            Exit::Permission,
            "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or at the file given with --credentials",
        ),
        Kind::Forbidden => (
            Exit::Permission,
            "in this bucket they need s3:ListBucket, s3:GetObject and s3:PutObject",
        ),
        Kind::Region => (Exit::Other, "say in which, with --region"),
        Kind::Away => (
            Exit::Unreachable,
            "look whether it runs and at --endpoint; then the same command goes on where it was, with --resume",
        ),
        Kind::Other => (
            Exit::Other,
            "look at the bucket's settings, and at --endpoint and --region",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        for (kind, exit, hint) in [
            (Kind::NoBucket, Exit::NotFound, "--region"),
            (Kind::Credentials, Exit::Permission, "--credentials"),
            (Kind::Forbidden, Exit::Permission, "s3:PutObject"),
            (Kind::Region, Exit::Other, "--region"),
            (Kind::Away, Exit::Unreachable, "--resume"),
            (Kind::Other, Exit::Other, "--endpoint"),
        ] {
            let why = "it answers 400".to_owned();
            let fault = Fault { kind, why };
            let failure = failure("backups", "https://store.example.org", "write to", &fault);
            let text = failure.to_string();
            assert!(
                text.starts_with("cannot write to bucket backups at https://"),
                "{text}"
            );
            assert!(text.contains("it answers 400"), "{text}");
            assert_eq!(failure.exit(), exit, "{kind:?}");
            assert!(
                failure.hint().is_some_and(|next| next.contains(hint)),
                "{kind:?}"
            );
        }
    }
}
