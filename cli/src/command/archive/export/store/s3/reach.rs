//! How a store that speaks S3 is reached: where it is, who we are, and how long it may take.

use std::{path::PathBuf, time::Duration};

use chatd::config::Period;
use clap::{Args, ValueHint};
use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key},
};

use super::credentials::Credentials;
use crate::{
    args::age,
    failure::{Exit, Failure},
};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How often one request is repeated.
const RETRIES: usize = 4;

/// The flags of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for s3:// URLs")]
pub(in super::super::super) struct Reach {
    /// Where a store is that is not Amazon's; else what `AWS_ENDPOINT_URL` says
    #[arg(long, value_name = "URL", value_parser = endpoint, value_hint = ValueHint::Url)]
    endpoint: Option<String>,

    /// In which region the bucket is; else what `AWS_REGION` says, or us-east-1
    #[arg(long, value_name = "REGION", value_parser = region)]
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

/// A store that can be asked, and where it is, for people to read.
pub(super) struct Opened {
    pub(super) store: AmazonS3,
    pub(super) place: String,
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

    /// A store that can be asked for what is in a bucket.
    pub(super) fn open(&self, bucket: &str) -> Result<Opened, Failure> {
        // Where none was chosen, the first request would panic. That there is one already is no matter.
        let _there_already = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
        let mut endpoint = self.endpoint.clone();
        let of_env = of_environment(self.credentials.is_some());
        for (key, value) in of_env {
            match key {
                Key::Endpoint | Key::S3Endpoint => {
                    if endpoint.is_none() {
                        endpoint = Some(self::endpoint(&value).map_err(|why| {
                            Failure::Usage(format!("the environment names an endpoint: {why}"))
                        })?);
                    }
                }
                key => builder = builder.with_config(key, value),
            }
        }
        if let Some(file) = &self.credentials {
            let profile = self.profile.as_deref().unwrap_or("default");
            let Credentials { key, secret, token } = Credentials::read(file, profile)?;
            builder = builder
                .with_access_key_id(key)
                .with_secret_access_key(secret);
            if let Some(token) = token {
                builder = builder.with_token(token);
            }
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        let place = endpoint.clone().unwrap_or_else(|| "Amazon S3".into());
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let patience = self
            .request_timeout
            .map_or(Duration::from_secs(30), Period::get);
        let store = builder
            .with_client_options(
                ClientOptions::new()
                    .with_connect_timeout(CONNECT.min(patience))
                    .with_timeout(patience)
                    .with_allow_http(self.may_be_open(&place)?),
            )
            .with_retry(retries(patience))
            .build();
        match store {
            Ok(store) => Ok(Opened { store, place }),
            Err(e) => Err(unusable(&place, &e)),
        }
    }

    /// Whether it is spoken to without encryption, which has to be said unless it is on this machine.
    fn may_be_open(&self, place: &str) -> Result<bool, Failure> {
        let Some(rest) = place.strip_prefix("http://") else {
            return Ok(false);
        };
        let host = rest.split('/').next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        if self.allow_http || host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback()) {
            return Ok(true);
        }
        Err(Failure::Usage(format!(
            "{place} is not encrypted: everybody on the way could read the messages; write https://, or add \
             --allow-http"
        )))
    }
}

/// Why nothing can be asked at all.
fn unusable(place: &str, error: &object_store::Error) -> Failure {
    Failure::Listed {
        what: format!("cannot speak to {place}: {error}"),
        lines: Vec::new(),
        exit: Exit::Other,
        hint: "encryption needs the certificates of this system (the package ca-certificates), or the file that \
               SSL_CERT_FILE names; credentials have a key and a secret"
            .into(),
    }
}

/// Bounded in number and in time: a store that is away is told of within three times the patience.
fn retries(patience: Duration) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            base: 2.,
        },
        max_retries: RETRIES,
        retry_timeout: 2 * patience,
    }
}

/// What the environment says that is ours to follow: who we are, and where the bucket is; and not how safe it
/// is to speak to it.
fn of_environment(credentials_given: bool) -> Vec<(Key, String)> {
    let mut found = Vec::new();
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            continue;
        };
        let is_aws = name.starts_with("AWS_") && !value.is_empty();
        let Some(key) = is_aws
            .then(|| name.to_ascii_lowercase().parse().ok())
            .flatten()
        else {
            continue;
        };
        let wanted = match key {
            Key::AccessKeyId
            | Key::SecretAccessKey
            | Key::Token
            | Key::ImdsV1Fallback
            | Key::MetadataEndpoint
            | Key::ContainerCredentialsRelativeUri
            | Key::ContainerCredentialsFullUri
            | Key::ContainerAuthorizationTokenFile
            | Key::WebIdentityTokenFile
            | Key::RoleArn
            | Key::RoleSessionName
            | Key::StsEndpoint => !credentials_given,
            Key::Region
            | Key::DefaultRegion
            | Key::Endpoint
            | Key::S3Endpoint
            | Key::VirtualHostedStyleRequest
            | Key::RequestPayer
            | Key::Encryption(_) => true,
            _ => false,
        };
        if wanted {
            found.push((key, value.to_owned()));
        }
    }
    // The one that is for S3 alone goes before the one that is for everything.
    found.sort_by_key(|(key, _)| !matches!(key, Key::S3Endpoint));
    found
}

/// The URL of a store.
fn endpoint(text: &str) -> Result<String, String> {
    const HOW: &str = "write it as https://store.example.org or http://127.0.0.1:9000";
    if text.contains('@') {
        return Err(format!(
            "credentials do not belong into a URL, which others can see; {HOW}"
        ));
    }
    let Some(("http" | "https", rest)) = text.split_once("://") else {
        return Err(format!("that is no URL of a store; {HOW}"));
    };
    let rest = rest.trim_end_matches('/');
    if rest.is_empty() || rest.contains(['?', '#', ' ']) {
        return Err(format!("that is no URL of a store; {HOW}"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The name of a region.
fn region(text: &str) -> Result<String, &'static str> {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.is_empty() || text.len() > 64 || !text.chars().all(known) {
        return Err("a region is a word such as eu-central-1");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(allow_http: bool) -> Reach {
        Reach {
            endpoint: None,
            region: None,
            credentials: None,
            profile: None,
            allow_http,
            request_timeout: None,
        }
    }

    #[test]
    fn what_is_not_encrypted_has_to_be_meant() {
        for (place, open) in [
            ("https://store.example.org", false),
            ("Amazon S3", false),
            ("http://127.0.0.1:9000", true),
            ("http://[::1]:9000/a", true),
            ("http://localhost", true),
        ] {
            let is = reach(false).may_be_open(place).expect(place);
            assert_eq!(is, open, "{place}");
        }
        for place in ["http://store.example.org", "http://127.0.0.1.example.org:9"] {
            assert!(reach(false).may_be_open(place).is_err(), "{place}");
            assert!(reach(true).may_be_open(place).expect(place), "{place}");
        }
    }

    #[test]
    fn an_endpoint_is_a_url_without_secrets() {
        let is = endpoint("https://store.example.org:9000/");
        assert_eq!(is, Ok("https://store.example.org:9000".into()));
        for bad in [
            "store.example.org",
            "ftp://store.example.org",
            "http://",
            "http://a?b",
            "http://AKIA:secret@store.example.org",
        ] {
            let why = endpoint(bad).expect_err(bad);
            assert!(!why.contains("secret"), "{why}");
        }
        assert!(region("eu-central-1").is_ok());
        assert!(region("eu central").is_err());
    }

    #[test]
    fn a_directory_is_not_reached_by_flags() {
        reach(false).is_unused().expect("nothing was said");
        let why = reach(true).is_unused().expect_err("it was").to_string();
        assert!(why.starts_with("--allow-http goes with"), "{why}");
    }
}
