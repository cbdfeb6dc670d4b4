//! Which server is put under load, and what is known of it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Context as _;
use chatd::admin::{Client, api::Status};
use clap::{Args, ValueHint};
use reqwest::{Method, Url};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde::Deserialize;
use serde_json::Value;

use super::{process::Process, rest::Rest, stream::Tls};
use crate::{asking::Asking, failure::Failure, settings};

/// How many connections come from one address of the loopback network: few enough for the limits of a server as it
/// comes, which count by address.
const EACH: usize = 100;
/// As many addresses of it are used.
const MOST: usize = 250;
/// As many of them are used for REST.
const REST: usize = 16;

/// Where the server is.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// The server: http://…, https://…, ws://… or wss://… [default: the one that runs with these settings]
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    url: Option<String>,

    /// Trust the certificate authorities in FILE (PEM), too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ca: Option<PathBuf>,

    /// Count the CPU time and memory of this process of this machine as the server's
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,

    /// Connect from ADDRESS, in turn when repeated [default: 127.0.0.2 … for a server on loopback]
    #[arg(long, value_name = "ADDRESS")]
    source: Vec<IpAddr>,
}

/// A server.
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Tls>,
    pub(super) rest: Rest,
    pub(super) info: Info,
    /// The way to its admin socket, when it runs here with these settings.
    pub(super) admin: Option<Client>,
    /// Its process, when it is of this machine and known.
    pub(super) process: Option<Process>,
    /// Where connections come from, in turn; wherever the system likes if none.
    pub(super) sources: Vec<IpAddr>,
}

/// What a server says of itself to everybody.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) version: String,
    #[serde(default)]
    pub(super) registration: String,
}

impl Where {
    /// Finds it, and asks what it is. So many connections are to be made to it.
    pub(super) async fn find(
        &self,
        asking: &Asking<'_>,
        connections: usize,
    ) -> Result<Target, Failure> {
        // The first request would panic without one. That there is one already is no matter.
        let _there_already = rustls::crypto::ring::default_provider().install_default();
        let mut url = self.url.as_deref().map(parse).transpose()?;
        let named = match &url {
            Some(url) => Some(resolve(url).await?),
            None => None,
        };
        let mut admin = None;
        let mut process = self.pid.map(Process);
        if named.is_none_or(|address| address.ip().is_loopback()) {
            let found = local(asking).await;
            let ours = match (found, named) {
                (Ok(here), named) => named
                    .is_none_or(|named| named.port() == here.listen.port())
                    .then_some(here),
                (Err(why), None) => return Err(why),
                // Whatever listens there does not run with these settings.
                (Err(_), Some(_)) => None,
            };
            if let Some(here) = ours {
                if url.is_none() {
                    url = Some(here.url()?);
                }
                admin = Some(here.client);
                process = process.or(Some(Process(here.status.pid)));
            }
        }
        let url = url.ok_or(Failure::NotRunning)?;
        let address = resolve(&url).await?;
        let sources = self.sources(address, connections);
        let (tls, ca) = self.tls(&url)?;
        let few = &sources[..sources.len().min(REST)];
        let rest = Rest::new(url.clone(), few, ca.as_ref())?;
        let asked = (Method::GET, "/v1/info");
        let info: Info = rest
            .ask(0, "ask the server what it is", asked, None, &Value::Null)
            .await?;
        if info.name != "chatd" {
            let what = format!("{url} is no chatd; it calls itself {:?}", info.name);
            return Err(Failure::Problems(what));
        }
        Ok(Target {
            url,
            address,
            tls,
            rest,
            info,
            admin,
            process,
            sources,
        })
    }

    fn sources(&self, server: SocketAddr, connections: usize) -> Vec<IpAddr> {
        if !self.source.is_empty() {
            return self.source.clone();
        }
        if !server.ip().is_loopback() || server.is_ipv6() {
            return Vec::new();
        }
        let many = connections.div_ceil(EACH).clamp(1, MOST);
        let last = (2..).take(many);
        last.map(|last| Ipv4Addr::new(127, 0, 0, last).into())
            .collect()
    }

    fn tls(&self, url: &Url) -> Result<(Option<Tls>, Option<reqwest::Certificate>), Failure> {
        let extra = self.ca.as_ref().map(|path| {
            let shown = path.display();
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
            let ca = reqwest::Certificate::from_pem(&bytes);
            let certs = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
            let wrong = || format!("{shown} has no certificate in PEM");
            anyhow::Ok((certs.with_context(wrong)?, ca.with_context(wrong)?))
        });
        let (certs, ca) = extra.transpose()?.unzip();
        if url.scheme() != "https" {
            return Ok((None, ca));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(anyhow::Error::from)?;
        let config = match certs {
            None => builder
                .with_platform_verifier()
                .map_err(anyhow::Error::from)?,
            Some(certs) => {
                let verifier =
                    rustls_platform_verifier::Verifier::new_with_extra_roots(certs, provider);
                let verifier = Arc::new(verifier.map_err(anyhow::Error::from)?);
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
            }
        };
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let host = url.host_str().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(host).map_err(anyhow::Error::from)?;
        let config = Arc::new(config);
        Ok((Some(Tls { config, name }), ca))
    }
}

impl Target {
    /// Whether it is of this machine, reached over loopback.
    pub(super) fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// As the `Host` header says it.
    pub(super) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// How people read it.
    pub(super) fn shown(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }
}

/// The server that runs with these settings.
struct Local {
    /// A way to it.
    client: Client,
    /// How it is.
    status: Status,
    /// Where it listens.
    listen: SocketAddr,
}

impl Local {
    fn url(&self) -> Result<Url, Failure> {
        let at = reachable(self.listen);
        if self.status.certificate.is_some() {
            return Err(Failure::Usage(format!(
                "the server at {at} speaks TLS: name it as its certificate does, https://chat.example.org:{}, with \
                 --ca FILE for an authority of your own",
                at.port()
            )));
        }
        parse(&format!("http://{at}"))
    }
}

async fn local(asking: &Asking<'_>) -> Result<Local, Failure> {
    let config = settings::load(&asking.sources)?.config;
    let found = chatd::server::find(&config).await?;
    found.ok_or(Failure::NotRunning)?;
    let client = asking.connect(&config).await?;
    let status: Status = client.get("/v1/status").await?;
    let listen = status.listen.as_deref().and_then(|text| text.parse().ok());
    let listen = listen.ok_or(Failure::NotRunning)?;
    Ok(Local {
        client,
        status,
        listen,
    })
}

/// Where a server that listens there is reached from its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// A URL as typed; `ws` and `wss` mean the same server.
fn parse(text: &str) -> Result<Url, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{text} is no URL of a server: {why}"));
    let web = text
        .strip_prefix("ws")
        .filter(|rest| rest.starts_with(':') || rest.starts_with("s:"))
        .map_or_else(|| text.to_owned(), |rest| format!("http{rest}"));
    let mut url = Url::parse(&web).map_err(|e| wrong(e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("write it as http://127.0.0.1:8080".into()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("leave the name and password out".into()));
    }
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// The address behind a URL; of several the first.
async fn resolve(url: &Url) -> Result<SocketAddr, Failure> {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(80);
    let found = tokio::net::lookup_host((host, port)).await;
    let mut found = found.with_context(|| format!("cannot look up {host}"))?;
    let first = found.next();
    Ok(first.with_context(|| format!("{host} has no address"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_any_of_its_urls() {
        for (typed, url) in [
            ("ws://localhost:8080/v1/ws", "http://localhost:8080/"),
            ("wss://chat.example.org", "https://chat.example.org/"),
            ("http://[::1]:80/?a#b", "http://[::1]/"),
        ] {
            assert_eq!(parse(typed).unwrap().as_str(), url, "{typed}");
        }
        for wrong in ["", "localhost:8080", "ftp://x", "http://a:b@c", "wsx://a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
