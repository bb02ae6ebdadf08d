//! The text form of certificates: PEM (RFC 7468) and OpenPGP's armor (RFC 9580, 6.2). Both are read as generously as
//! `openssl` and `gpg` read them.

use super::CertificateError;
use super::model::base64;

/// The bytes of the one certificate in a text, and the label of its block. A text without a block is base64.
pub(super) fn decode<'l>(text: &str, labels: &[&'l str]) -> Result<(Vec<u8>, Option<&'l str>), CertificateError> {
    const BEGIN: &str = "-----BEGIN ";
    let invalid = CertificateError::NotACertificate;
    let text = text.trim_start_matches('\u{FEFF}').trim();
    // Tools write what a certificate says before it and behind it.
    let Some((_, block)) = text.split_once(BEGIN) else {
        return base64(text).map(|bytes| (bytes, None)).ok_or(invalid);
    };
    if block.contains(BEGIN) {
        return Err(CertificateError::SeveralCertificates);
    }
    let (label, rest) = block.split_once("-----").ok_or(invalid)?;
    let label = labels.iter().copied().find(|known| *known == label).ok_or(invalid)?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----")).ok_or(invalid)?;
    let lines = body.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    // No line of base64 has a colon, and every header of an armor has one.
    let lines = lines.skip_while(|line| line.contains(':'));
    // RFC 9580, 6.1: the checksum of an armor is ignored. Its line is longer than any padding.
    let lines = lines.take_while(|line| !(line.starts_with('=') && line.len() > 2));
    let bytes = base64(&lines.collect::<String>()).ok_or(invalid)?;
    Ok((bytes, Some(label)))
}
