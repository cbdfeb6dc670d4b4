//! Setting up over REST: many requests at a time, from the addresses the connections come from.

use std::{net::IpAddr, time::Duration};

use chatd::admin;
use reqwest::{Client, Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::trouble::Trouble;
use crate::failure::Failure;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it waits in all for a server that says "later".
const WAITS: Duration = Duration::from_secs(30);

/// A way to the server's REST door.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    url: Url,
    /// One for each address to come from.
    clients: Vec<Client>,
}

/// An answer: its status, and what it says.
pub(super) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    later: Option<Duration>,
}

impl Rest {
    /// To `url`, from each of these addresses in turn.
    pub(super) fn new(
        url: Url,
        sources: &[IpAddr],
        ca: Option<&reqwest::Certificate>,
    ) -> Result<Self, Failure> {
        let none = [None];
        let all: Vec<Option<IpAddr>> = sources.iter().copied().map(Some).collect();
        let all = if all.is_empty() { &none[..] } else { &all };
        let clients = all.iter().map(|source| {
            let mut builder = Client::builder()
                .local_address(*source)
                .timeout(PATIENCE)
                .user_agent(concat!("chatd-bench/", env!("CARGO_PKG_VERSION")));
            if let Some(ca) = ca {
                builder = builder.tls_certs_merge([ca.clone()]);
            }
            builder.build()
        });
        let clients = clients.collect::<Result<_, _>>();
        let clients = clients.map_err(anyhow::Error::from)?;
        Ok(Self { url, clients })
    }

    /// Asks for something; `turn` says from which address. The answer is JSON, or nothing.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        turn: usize,
        doing: &'static str,
        (method, path): (Method, &str),
        token: Option<&str>,
        body: &Value,
    ) -> Result<T, Failure> {
        let mut waited = Duration::ZERO;
        loop {
            let answer = self
                .exchange(turn, method.clone(), path, token, body)
                .await?;
            if answer.status.is_success() {
                let bytes = if answer.body.is_empty() {
                    b"null"
                } else {
                    answer.body.as_slice()
                };
                let strange = |e| Trouble::Strange(format!("{path}: {e}"));
                return Ok(serde_json::from_slice(bytes).map_err(strange)?);
            }
            match answer.later {
                Some(later) if waited + later <= WAITS => {
                    waited += later;
                    tokio::time::sleep(later).await;
                }
                _ => return Err(answer.refused(doing).into()),
            }
        }
    }

    async fn exchange(
        &self,
        turn: usize,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Answer, Failure> {
        let mut url = self.url.clone();
        url.set_path(path);
        let client = &self.clients[turn % self.clients.len()];
        let mut request = client.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let unreachable = |e: reqwest::Error| {
            let why = format!("{:#}", anyhow::Error::from(e.without_url()));
            let path = self.url.to_string();
            Failure::from(admin::Error::Unreachable { path, why })
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let later = response.headers().get("retry-after");
        let later = later.and_then(|value| value.to_str().ok()?.parse().ok());
        let later = later.map(Duration::from_secs);
        let body = response.bytes().await.map_err(unreachable)?.to_vec();
        Ok(Answer {
            status,
            body,
            later,
        })
    }
}

impl Answer {
    /// Why it was not done.
    fn refused(&self, doing: &'static str) -> Trouble {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |name: &str| problem[name].as_str().map(str::to_owned);
        let code = match text("code") {
            Some(code) => code,
            None if self.status == StatusCode::TOO_MANY_REQUESTS => "rate_limited".into(),
            None => "internal".into(),
        };
        let detail = text("detail").unwrap_or_else(|| self.status.to_string());
        Trouble::Refused {
            doing,
            code,
            detail,
        }
    }
}
