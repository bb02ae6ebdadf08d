//! A server whose certificate is known. Its fingerprint replaces the authorities, its name, and its dates.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::base::crypto::Sha256;

/// The SHA-256 digest of a certificate.
pub type Fingerprint = [u8; 32];

/// Reads `SHA256:` with 64 hexadecimal digits, which may have colons between them as `openssl x509 -fingerprint` writes.
#[must_use]
pub fn read_fingerprint(text: &str) -> Option<Fingerprint> {
    let digits: Vec<u8> = text.trim().strip_prefix("SHA256:")?.bytes().filter(|byte| *byte != b':').collect();
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// Accepts one certificate.
#[derive(Debug)]
pub struct PinnedCertificate {
    pub fingerprint: Fingerprint,
    pub provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut digest = Sha256::new();
        digest.update(certificate);
        if digest.finish() == self.fingerprint {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::read_fingerprint;

    #[test]
    fn a_fingerprint_has_64_digits_with_or_without_colons() {
        let digits = "0A".repeat(32);
        let colons = ["0a"; 32].join(":");
        assert_eq!(read_fingerprint(&format!("SHA256:{digits}")), Some([10; 32]));
        assert_eq!(read_fingerprint(&format!(" SHA256:{colons}\n")), Some([10; 32]));
        for other in ["", "SHA256:", "SHA256:0a", &digits, &format!("SHA256:{digits}0"), "SHA256:é"] {
            assert_eq!(read_fingerprint(other), None, "{other}");
        }
    }
}
