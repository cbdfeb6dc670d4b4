//! How a store that speaks S3 is reached: where it is, who we are, and how long it may take.

use std::{path::PathBuf, time::Duration};

use chatd::{
    config::Period,
    objects::{self, Bucket, Place, Unfit},
};
use clap::{Args, ValueHint};

use crate::{
    args::age,
    failure::{Exit, Failure},
};

/// How long one request may take, when nothing is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// The flags of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for s3:// URLs")]
pub(in super::super::super) struct Reach {
    /// Where a store is that is not Amazon's; else what `AWS_ENDPOINT_URL` says
    #[arg(long, value_name = "URL", value_parser = objects::Reach::parse_endpoint, value_hint = ValueHint::Url)]
    endpoint: Option<String>,

    /// In which region the bucket is; else what `AWS_REGION` says, or us-east-1
    #[arg(long, value_name = "REGION", value_parser = objects::Reach::parse_region)]
    region: Option<String>,

    /// Read the credentials in FILE, as Amazon's tools keep them, instead of the environment
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    credentials: Option<PathBuf>,

    /// Which of the credentials in FILE [default: default]
    #[arg(long, value_name = "NAME", requires = "credentials")]
    profile: Option<String>,

    /// Speak HTTP without encryption to a store that is not on this machine
    #[arg(long)]
    allow_http: bool,

    /// How long one request may take [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = age)]
    request_timeout: Option<Period>,
}

impl Reach {
    /// Refuses what says nothing about a directory.
    pub(in super::super) fn is_unused(&self) -> Result<(), Failure> {
        let said = [
            (self.endpoint.is_some(), "--endpoint"),
            (self.region.is_some(), "--region"),
            (self.credentials.is_some(), "--credentials"),
            (self.allow_http, "--allow-http"),
            (self.request_timeout.is_some(), "--request-timeout"),
        ];
        match said.iter().find(|(said, _)| *said) {
            None => Ok(()),
            Some((_, flag)) => Err(Failure::Usage(format!(
                "{flag} goes with an s3:// URL; what was named is a directory"
            ))),
        }
    }

    /// What is in a bucket, which can be asked then.
    pub(super) fn open(&self, place: &Place) -> Result<Bucket, Failure> {
        let profile = self.profile.clone().unwrap_or_else(|| "default".into());
        let reach = objects::Reach {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            credentials: self.credentials.clone().map(|file| (file, profile)),
            allow_http: self.allow_http,
            timeout: self.request_timeout.map_or(PATIENCE, Period::get),
        };
        Bucket::open(place, &reach).map_err(|e| failure(&e))
    }
}

/// Why nothing can be asked at all.
fn failure(unfit: &Unfit) -> Failure {
    let listed = |exit, hint: &str| Failure::Listed {
        what: unfit.to_string(),
        lines: Vec::new(),
        exit,
        hint: hint.into(),
    };
    match unfit {
        Unfit::Said(why) => Failure::Usage(why.clone()),
        Unfit::Open(_) => Failure::Usage(format!("{unfit}, or add --allow-http")),
        Unfit::Credentials(_) => listed(
            Exit::Usage,
            "it is a file that others may not read, with a line [default], or the name given with --profile, and below \
             it aws_access_key_id = \u{2026} and aws_secret_access_key = \u{2026}",
        ),
        Unfit::Client(_) => listed(
            Exit::Other,
            "encryption needs the certificates of this system (the package ca-certificates), or the file that \
             SSL_CERT_FILE names; credentials have a key and a secret",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_not_reached_by_flags() {
        let reach = |allow_http| Reach {
            endpoint: None,
            region: None,
            credentials: None,
            profile: None,
            allow_http,
            request_timeout: None,
        };
        reach(false).is_unused().expect("nothing was said");
        let why = reach(true).is_unused().expect_err("it was").to_string();
        assert!(why.starts_with("--allow-http goes with"), "{why}");
    }
}
