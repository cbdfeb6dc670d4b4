//! Why somebody who was asked over TLS is not trusted.

use std::{error::Error, io};

use rustls::CertificateError as Fault;

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// Nobody who is trusted has signed it.
    UnknownIssuer,
    /// It has run out.
    Expired,
    /// It is not valid yet.
    NotYet,
    /// It is for another name.
    OtherName,
    /// Something else.
    Other(String),
}

impl Distrust {
    /// What is wrong with the certificate, if that is why an error came about.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut at = Some(error);
        while let Some(error) = at {
            if let Some(e) = error.downcast_ref::<rustls::Error>() {
                return Self::of_tls(e);
            }
            // What comes out of a handshake lies in an error of reading and writing, which passes it over as a source.
            let within = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            at = match within {
                Some(within) => Some(within as &(dyn Error + 'static)),
                None => error.source(),
            };
        }
        None
    }

    fn of_tls(error: &rustls::Error) -> Option<Self> {
        let rustls::Error::InvalidCertificate(fault) = error else {
            return None;
        };
        Some(match fault {
            // Signed by another of the same name.
            Fault::UnknownIssuer | Fault::BadSignature => Self::UnknownIssuer,
            Fault::Expired | Fault::ExpiredContext { .. } => Self::Expired,
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => Self::NotYet,
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => Self::OtherName,
            other => Self::Other(other.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_however_deep_it_lies() {
        let tls = rustls::Error::InvalidCertificate(Fault::UnknownIssuer);
        let io = io::Error::new(io::ErrorKind::InvalidData, tls);
        assert_eq!(Distrust::of(&io), Some(Distrust::UnknownIssuer));
        let around = io::Error::other(io);
        assert_eq!(Distrust::of(&around), Some(Distrust::UnknownIssuer));
        let tls = rustls::Error::InvalidCertificate(Fault::Expired);
        assert_eq!(Distrust::of(&tls), Some(Distrust::Expired));
        assert_eq!(Distrust::of(&io::Error::other("away")), None);
    }
}
