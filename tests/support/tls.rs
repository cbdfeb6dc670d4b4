//! TLS as clients speak it, and certificates made for a test.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

use super::{
    PASSWORD, Reply, Ws,
    rest::{build, exchange},
    within,
};

/// A certificate and its key in files, as something renews them.
pub(crate) struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// With a first one, which clients trust by what is answered.
    pub(crate) fn new() -> (Self, CertificateDer<'static>) {
        let dir = tempfile::tempdir().expect("a directory");
        let certificates = Self { dir };
        let first = certificates.renew();
        (certificates, first)
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// Puts a new one in their place.
    pub(crate) fn renew(&self) -> CertificateDer<'static> {
        self.renew_until(4096, 1, 1)
    }

    /// One that runs out on that day.
    pub(crate) fn renew_until(&self, year: i32, month: u8, day: u8) -> CertificateDer<'static> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(self.cert(), certificate.pem()).expect("a file");
        write_secret(&self.key(), &key.serialize_pem());
        certificate.der().clone()
    }

    /// The settings that name them, as TOML.
    pub(crate) fn settings(&self) -> String {
        let (cert, key) = (self.cert(), self.key());
        format!(
            "[tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n",
            cert.display(),
            key.display()
        )
    }
}

/// An authority of somebody's own, which no machine trusts by itself.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Its certificate, as a file has it.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// What a server shows that has a certificate of it for `name`, up to the end of a year.
    pub(crate) fn acceptor(&self, name: &str, until: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A file for its owner alone.
pub(crate) fn write_secret(file: &Path, text: &str) {
    fs::write(file, text).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("ours");
}

/// A client that trusts one certificate.
#[derive(Clone)]
pub(crate) struct Secure {
    connector: TlsConnector,
    address: SocketAddr,
}

impl Secure {
    pub(crate) fn new(address: SocketAddr, trusted: &CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            connector: TlsConnector::from(Arc::new(config)),
            address,
        }
    }

    /// Shakes hands; an error is why that came to nothing.
    pub(crate) async fn connect(&self) -> Result<TlsStream<TcpStream>, String> {
        let tcp = TcpStream::connect(self.address).await;
        let tcp = tcp.map_err(|e| e.to_string())?;
        tcp.set_nodelay(true).expect("a TCP socket");
        let name = ServerName::try_from("localhost").expect("a name");
        let done = within("a handshake", self.connector.connect(name, tcp)).await;
        done.map_err(|e| e.to_string())
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> Reply {
        let mut request = build(method, path, token, &body);
        let host = "localhost".parse().expect("a header");
        request.headers_mut().insert("host", host);
        let stream = self.connect().await.expect("a handshake");
        exchange(stream, request).await.expect("an answer")
    }

    /// The access token of somebody new.
    pub(crate) async fn register(&self, name: &str) -> String {
        let user = json!({"username": name, "password": PASSWORD});
        self.request("POST", "/v1/register", None, user).await.ok();
        let login = json!({"login": name, "password": PASSWORD});
        let answer = self.request("POST", "/v1/login", None, login).await.ok();
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// A WebSocket that has said hello.
    pub(crate) async fn ws(&self, token: &str) -> Ws {
        let stream = self.connect().await.expect("a handshake");
        let mut ws = Ws::open_over(stream).await.expect("the upgrade is taken");
        ws.hello(json!({"token": token})).await;
        ws
    }
}
