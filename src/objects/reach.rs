//! How a store is reached: where it is, who we are, and how long it may take.

use std::{path::PathBuf, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key},
};

use super::credentials::Credentials;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How often one request is repeated.
const RETRIES: usize = 4;

/// How a store is reached. What is not said comes from the environment, as Amazon's own tools take it.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Where a store is that is not Amazon's.
    pub endpoint: Option<String>,
    /// In which region the bucket is.
    pub region: Option<String>,
    /// A file with credentials, as Amazon's tools keep them, and which of them.
    pub credentials: Option<(PathBuf, String)>,
    /// Whether a store that is not on this machine may be spoken to without encryption.
    pub allow_http: bool,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Why a store cannot be asked at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// What was said cannot be.
    #[error("{0}")]
    Said(String),
    /// It is not encrypted, and that was not meant.
    #[error(
        "{0} is not encrypted: everybody on the way could read what goes there; write https://"
    )]
    Open(String),
    /// The file with the credentials does not read.
    #[error("{0}")]
    Credentials(String),
    /// The library does not do it.
    #[error("{0}")]
    Client(String),
}

impl Reach {
    /// A store that can be asked for what is in a bucket, and where it is, for people to read.
    pub(super) fn open(&self, bucket: &str) -> Result<(AmazonS3, String), Unfit> {
        // Where none was chosen, the first request would panic. That there is one already is no matter.
        let _there_already = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
        let mut endpoint = self.endpoint.clone();
        for (key, value) in of_environment(self.credentials.is_some()) {
            match key {
                Key::Endpoint | Key::S3Endpoint => {
                    if endpoint.is_none() {
                        endpoint = Some(Self::parse_endpoint(&value).map_err(|why| {
                            Unfit::Said(format!("the environment names an endpoint: {why}"))
                        })?);
                    }
                }
                _ if value.chars().any(char::is_control) => {
                    // It would be sent as a header. It may be a secret, and is not repeated.
                    let key: &str = key.as_ref();
                    let why = format!(
                        "{} has a line break or control character in it",
                        key.to_ascii_uppercase()
                    );
                    return Err(Unfit::Credentials(format!("the environment: {why}")));
                }
                key => builder = builder.with_config(key, value),
            }
        }
        if let Some((file, profile)) = &self.credentials {
            let read = Credentials::read(file, profile).map_err(Unfit::Credentials)?;
            let Credentials { key, secret, token } = read;
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
        let store = builder
            .with_client_options(
                ClientOptions::new()
                    .with_connect_timeout(CONNECT.min(self.timeout))
                    .with_timeout(self.timeout)
                    .with_allow_http(self.may_be_open(&place)?),
            )
            .with_retry(retries(self.timeout))
            .build();
        let store = store.map_err(|e| Unfit::Client(format!("cannot speak to {place}: {e}")))?;
        Ok((store, place))
    }

    /// Whether it is spoken to without encryption, which has to be said unless it is on this machine.
    fn may_be_open(&self, place: &str) -> Result<bool, Unfit> {
        let Some(rest) = place.strip_prefix("http://") else {
            return Ok(false);
        };
        let host = rest.split('/').next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        if self.allow_http || host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback()) {
            return Ok(true);
        }
        Err(Unfit::Open(place.to_owned()))
    }

    /// Reads the URL of a store.
    pub fn parse_endpoint(text: &str) -> Result<String, String> {
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

    /// Reads the name of a region.
    pub fn parse_region(text: &str) -> Result<String, &'static str> {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.is_empty() || text.len() > 64 || !text.chars().all(known) {
            return Err("a region is a word such as eu-central-1");
        }
        Ok(text.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_encrypted_has_to_be_meant() {
        let reach = |allow_http| Reach {
            endpoint: None,
            region: None,
            credentials: None,
            allow_http,
            timeout: Duration::from_secs(1),
        };
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
        let is = Reach::parse_endpoint("https://store.example.org:9000/");
        assert_eq!(is, Ok("https://store.example.org:9000".into()));
        for bad in [
            "store.example.org",
            "ftp://store.example.org",
            "http://",
            "http://a?b",
            "http://AKIA:secret@store.example.org",
        ] {
            let why = Reach::parse_endpoint(bad).expect_err(bad);
            assert!(!why.contains("secret"), "{why}");
        }
        assert!(Reach::parse_region("eu-central-1").is_ok());
        assert!(Reach::parse_region("eu central").is_err());
    }
}
