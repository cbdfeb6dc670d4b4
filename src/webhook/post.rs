//! One delivery over HTTP: to the one place, and to no address that is barred; no redirect, no proxy, and of the
//! answer so much and no more.

use std::{error::Error as _, net::IpAddr, time::Duration};

use reqwest::{
    Certificate, Client, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect::Policy,
};
use tokio::time::{Instant, timeout};

use super::reach;
use crate::tls::{self, Distrust};

/// How much of an answer is read.
const MOST: usize = 16 * 1024;
/// How long the rest of an answer may take whose status is there.
const REST: Duration = Duration::from_secs(2);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// The way to the one place.
#[derive(Clone, Debug)]
pub(super) struct Post {
    client: Client,
    url: Url,
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The beginning of the body.
    pub(super) body: Vec<u8>,
    /// How long it took.
    pub(super) took: Duration,
}

/// Why a delivery was not taken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct Fault {
    /// What came of it, without what is secret in the URL.
    pub(super) why: String,
    /// Whether the place takes nothing at all just now, whatever it is.
    pub(super) down: bool,
    /// What it asks for.
    pub(super) retry_after: Option<Duration>,
    /// What came back, if anything did.
    pub(super) answer: Option<Answer>,
}

/// Who is trusted beside those whom this machine trusts.
#[derive(Clone, Debug, Default)]
pub(super) struct Roots(Vec<Certificate>);

impl Roots {
    /// Reads a PEM file. An error is the end of a sentence that begins with the setting.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, String> {
        let found = Certificate::from_pem_bundle(pem);
        let found = found.map_err(|e| format!("is no PEM: {}", root(&e)))?;
        if found.is_empty() {
            return Err("has no certificate in it: it has to be PEM".into());
        }
        Ok(Self(found))
    }
}

impl Post {
    /// Gets ready; besides those of this machine it trusts `roots`. An error is the end of a sentence that begins with
    /// the setting.
    pub(super) fn new(
        url: &str,
        allow_private: bool,
        most: Duration,
        roots: Roots,
    ) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|e| format!("is not a URL: {e}"))?;
        match url.scheme() {
            "https" => {}
            "http" if allow_private => {}
            "http" => {
                return Err(
                    "is http, by which everybody on the way reads what is sent; write https, or, for a place \
                     in a private network, set webhook.allow_private = true"
                        .into(),
                );
            }
            other => return Err(format!("is {other}, and must be https")),
        }
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            reach::check(address, allow_private)
                .map_err(|barred| refused(&address.to_string(), barred))?;
        }
        tls::choose_provider();
        let mut builder = Client::builder()
            .user_agent(concat!("chatd/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(4)
            .connect_timeout(most)
            .timeout(most)
            .dns_resolver(Checked { allow_private });
        if url.scheme() == "http" {
            // No certificate is looked at, so none need be on this machine.
            builder = builder.tls_certs_only([]);
        } else {
            builder = builder.tls_certs_merge(roots.0);
        }
        let client = builder
            .build()
            .map_err(|e| format!("cannot be reached with TLS: {}", root(&e)))?;
        Ok(Self { client, url })
    }

    /// Sends one, and waits for what comes back: as long as `webhook.timeout`, and of the body a few seconds.
    pub(super) async fn send(
        &self,
        headers: [(&'static str, String); 3],
        body: Vec<u8>,
    ) -> Result<Answer, Fault> {
        let began = Instant::now();
        let mut request = self.client.post(self.url.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let mut response = request.send().await.map_err(|e| unanswered(&e))?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut body = Vec::new();
        // The verdict is there already; an answer without an end, or one that breaks off, changes nothing in it.
        let _cut_off = timeout(REST, async {
            while body.len() < MOST
                && let Ok(Some(chunk)) = response.chunk().await
            {
                body.extend_from_slice(&chunk[..chunk.len().min(MOST - body.len())]);
            }
        })
        .await;
        let answer = Answer {
            status: status.as_u16(),
            body,
            took: began.elapsed(),
        };
        if status.is_success() {
            return Ok(answer);
        }
        Err(Fault {
            why: words(status),
            down: is_down(status),
            retry_after,
            answer: Some(answer),
        })
    }
}

fn words(status: StatusCode) -> String {
    let why = status
        .canonical_reason()
        .unwrap_or("no status that is known");
    let code = status.as_u16();
    if status.is_redirection() {
        return format!(
            "it answers {code} {why}, which is not followed: name the last place in webhook.url"
        );
    }
    format!("it answers {code} {why}")
}

fn is_down(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn unanswered(error: &reqwest::Error) -> Fault {
    let why = if let Some(distrust) = Distrust::of(error) {
        untrusted(&distrust)
    } else if error.is_timeout() {
        "it does not answer in the time of webhook.timeout".to_owned()
    } else if error.is_connect() || error.is_dns() {
        format!("it cannot be reached: {}", root(error))
    } else {
        format!("it gives no answer: {}", root(error))
    };
    Fault {
        why,
        down: true,
        retry_after: None,
        answer: None,
    }
}

fn untrusted(distrust: &Distrust) -> String {
    match distrust {
        Distrust::UnknownIssuer => {
            "its certificate is signed by nobody who is trusted here: name the certificate of \
                                    its authority in webhook.ca_file"
                .to_owned()
        }
        Distrust::Expired => "its certificate has run out".to_owned(),
        Distrust::NotYet => {
            "its certificate is not valid yet, by the clock of this machine".to_owned()
        }
        Distrust::OtherName => {
            "its certificate is for another name than the one in webhook.url".to_owned()
        }
        Distrust::Other(why) => format!("its certificate is not trusted: {why}"),
    }
}

/// What lies at the bottom of an error: what stands above it repeats the URL.
fn root(error: &reqwest::Error) -> String {
    let Some(mut at) = error.source() else {
        return "it went wrong".to_owned();
    };
    while let Some(next) = at.source() {
        at = next;
    }
    at.to_string()
}

fn refused(who: &str, barred: reach::Barred) -> String {
    let more = match barred {
        reach::Barred::Private(_) => "; if that is meant, set webhook.allow_private = true",
        reach::Barred::Always(_) => "",
    };
    format!("{who} is {}, where nothing is sent{more}", barred.what())
}

/// Looks names up, and gives only addresses that are not barred: what is connected to is what was looked at.
struct Checked {
    allow_private: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let name = name.as_str();
            let found = tokio::net::lookup_host((name, 0)).await?;
            let (mut good, mut bad) = (Vec::new(), None);
            for address in found {
                match reach::check(address.ip(), allow_private) {
                    Ok(()) => good.push(address),
                    Err(barred) => bad = Some((address.ip(), barred)),
                }
            }
            match bad {
                Some((address, barred)) if good.is_empty() => {
                    Err(refused(&format!("{name} leads to {address}, which"), barred).into())
                }
                _ => Ok(Box::new(good.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(url: &str, allow_private: bool) -> Result<(), String> {
        Post::new(url, allow_private, Duration::from_secs(1), Roots::default()).map(drop)
    }

    #[tokio::test]
    async fn a_url_says_at_once_that_it_will_not_do() {
        for (url, why) in [
            ("https://127.0.0.1/x", "127.0.0.1 is loopback"),
            ("https://2130706433/", "127.0.0.1 is loopback"),
            ("https://0x7f.1/", "127.0.0.1 is loopback"),
            ("https://0177.0.0.1/", "127.0.0.1 is loopback"),
            ("https://[::1]:8443/", "::1 is loopback"),
            ("https://[::ffff:10.0.0.1]/", "a private network"),
            ("https://169.254.169.254/latest", "metadata"),
            ("https://0.0.0.0/", "no address of anybody"),
            ("http://hooks.example.org/", "write https"),
            ("ftp://hooks.example.org/", "must be https"),
            ("hooks.example.org", "is not a URL"),
            ("https://", "is not a URL"),
        ] {
            let told = made(url, false).unwrap_err();
            assert!(told.contains(why), "{url}: {told}");
        }
        assert_eq!(made("http://127.0.0.1:8080/x", true), Ok(()));
        assert!(
            made("http://169.254.169.254/", true)
                .unwrap_err()
                .contains("metadata")
        );
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_followed() {
        let looked = |allow_private| async move {
            let name = "localhost".parse().unwrap();
            let found = Checked { allow_private }.resolve(name).await;
            found.map(Iterator::count).map_err(|e| e.to_string())
        };
        let told = looked(false).await.unwrap_err();
        assert!(
            told.contains("localhost leads to") && told.contains("loopback"),
            "{told}"
        );
        assert!(looked(true).await.unwrap() > 0);
    }
}
