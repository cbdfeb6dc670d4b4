//! A certificate with its key, read from files.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::NoServerSessionStorage,
};
use sha2::{Digest as _, Sha256};
use x509_cert::der::Decode as _;

use crate::{
    clock::Millis,
    config::{self, Readers, read_named},
};

/// A certificate with its key, and what follows from them for a handshake.
pub struct Identity {
    pub(super) config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
    /// Of the key, to know it again.
    key: [u8; 32],
    file: PathBuf,
    expires_at: Millis,
}

/// Reads what the settings name; none where they name nothing. An error says what, why, and what mends it.
pub fn load(settings: &config::Tls) -> Result<Option<Identity>, String> {
    let (cert, key) = (&settings.cert_file, &settings.key_file);
    if cert.as_os_str().is_empty() {
        return Ok(None);
    }
    Identity::load(cert, key).map(Some)
}

impl Identity {
    fn load(cert_file: &Path, key_file: &Path) -> Result<Self, String> {
        let wrong = |setting: &str, file: &Path, why: &str| {
            format!("tls.{setting} {}: {why}", file.display())
        };
        let of_cert = |why: &str| wrong("cert_file", cert_file, why);
        let of_key = |why: &str| wrong("key_file", key_file, why);
        let text = read_named(cert_file, Readers::Everyone).map_err(|e| of_cert(&e))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(|e| of_cert(&format!("it is not PEM: {e}")))?;
        let Some(first) = chain.first() else {
            return Err(of_cert("there is no certificate in it; it has to be PEM"));
        };
        let expires_at = expiry(first).map_err(|e| of_cert(&e))?;
        let text = read_named(key_file, Readers::Few).map_err(|e| of_key(&e))?;
        let key = PrivateKeyDer::from_pem_slice(&text)
            .map_err(|e| of_key(&format!("there is no private key in it, in PEM: {e}")))?;
        let digest = Sha256::digest(key.secret_der()).into();

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| of_cert(&e.to_string()))?
            .with_no_client_auth();
        let built = builder.with_single_cert(chain.clone(), key);
        let mut config = built.map_err(|e| match e {
            rustls::Error::InconsistentKeys(_) => of_key(&format!(
                "this is not the key of the certificate in {}",
                cert_file.display()
            )),
            other => of_key(&other.to_string()),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Who comes back resumes by a ticket, which the server need not remember. A ticket of an older
        // certificate is not taken.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer =
            rustls::crypto::ring::Ticketer::new().map_err(|e| of_key(&e.to_string()))?;
        config.send_tls13_tickets = 1;
        Ok(Self {
            config: Arc::new(config),
            chain,
            key: digest,
            file: cert_file.to_owned(),
            expires_at,
        })
    }

    /// Whether both are the same certificate with the same key.
    pub fn is_same(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key == other.key
    }

    /// The file it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// When the certificate runs out.
    pub fn expires_at(&self) -> Millis {
        self.expires_at
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("file", &self.file)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

fn expiry(certificate: &CertificateDer<'_>) -> Result<Millis, String> {
    let parsed = x509_cert::Certificate::from_der(certificate)
        .map_err(|e| format!("it is not a certificate: {e}"))?;
    let until = parsed.tbs_certificate.validity.not_after;
    let millis = until.to_unix_duration().as_millis();
    Ok(Millis(i64::try_from(millis).unwrap_or(i64::MAX)))
}
