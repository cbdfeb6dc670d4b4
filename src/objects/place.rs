//! The name of a bucket, as it is typed.

use std::fmt;

use object_store::path::Path;

/// What begins with a prefix in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    bucket: String,
    /// Without a slash at either end; empty for the whole bucket.
    prefix: Path,
}

impl Place {
    /// Reads `s3://BUCKET/PREFIX`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("s3://");
        let rest = rest.ok_or("write it as s3://bucket/prefix")?;
        if rest.contains('@') {
            return Err(
                "credentials do not belong into a URL, which others can see; they come from the environment \
                 (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or a file"
                    .into(),
            );
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let known = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(known) {
            return Err(
                "an S3 URL names a bucket of 3 to 63 letters, digits, dots and dashes, such as \
                 s3://backups/chatd"
                    .into(),
            );
        }
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|e| {
            format!(
                "what comes after the bucket is no name for objects ({e}); write s3://bucket/a/b"
            )
        })?;
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix,
        })
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn prefix(&self) -> &Path {
        &self.prefix
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_a_prefix() {
        let shown = |text| Place::parse(text).map(|place| place.to_string());
        assert_eq!(shown("s3://backups/a/b/"), Ok("s3://backups/a/b".into()));
        assert_eq!(shown("s3://backups"), Ok("s3://backups/".into()));
        for (bad, why) in [
            ("", "write it as"),
            ("gs://bucket", "write it as"),
            ("s3://", "names a bucket"),
            ("s3:///x", "names a bucket"),
            ("s3://a?b=c/x", "names a bucket"),
            ("s3://bucket/a//b", "no name for objects"),
            ("s3://bucket/../x", "no name for objects"),
            ("s3://AKIA:secret@bucket/x", "do not belong"),
        ] {
            let is = Place::parse(bad).expect_err(bad);
            assert!(is.contains(why), "{bad}: {is}");
            assert!(!is.contains("secret"), "{is}");
        }
    }
}
