//! The validation of an X.509 certificate: its time, its use, and its key.
//!
//! The signer is not checked, because the user who registers the certificate compares its fingerprint. The signature's hash
//! is checked: with SHA-1, another certificate can have the same signature. RSASSA-PSS names its hash in parameters.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use chrono::{DateTime, Utc};
use x509_cert::Certificate;
use x509_cert::der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Reader as _, TagNumber};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::Time;

use crate::base::crypto::sha256;
use crate::base::hex::hex;
use crate::recording_keys::armor;
use crate::recording_keys::{CertificateError, KeyError, KeyKind, RecordingKey};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// The supported curves of key agreement.
const CURVES: [(ObjectIdentifier, &agreement::Algorithm); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), &ECDH_P256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), &ECDH_P384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), &ECDH_P521),
];

/// Signatures over MD2, MD4, MD5, SHA-1, and RIPEMD-160, with RSA, DSA, and ECDSA.
const BROKEN: [ObjectIdentifier; 12] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.3"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"),
    ObjectIdentifier::new_unwrap("1.3.36.3.3.1.2"),
    ObjectIdentifier::new_unwrap("1.3.36.3.3.2.1"),
    ObjectIdentifier::new_unwrap("1.3.36.3.3.2.2"),
    ObjectIdentifier::new_unwrap("0.4.0.127.0.7.1.1.4.1.1"),
    ObjectIdentifier::new_unwrap("0.4.0.127.0.7.1.1.4.1.6"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
    ObjectIdentifier::new_unwrap("1.3.14.3.2.29"),
    ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"),
];

/// RSASSA-PSS, whose parameters name the hash (RFC 4055, 3.1).
const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// The hashes of SHA-2 and SHA-3 and the functions SHAKE are below this arc. None of them is broken.
const NIST_HASHES: &str = "2.16.840.1.101.3.4.2.";

/// The extended usages that allow encryption: any, the protection of e-mail, for which CMS was made, and the encryption of
/// documents, which Windows demands of certificates for CMS.
const USAGES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("2.5.29.37.0"),
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.80.1"),
];

/// A supported key of a certificate.
pub enum CmsPublicKey {
    /// RSA with a number of bits.
    Rsa(usize),
    Curve(&'static agreement::Algorithm),
}

impl CmsPublicKey {
    pub fn of(info: &SubjectPublicKeyInfoOwned) -> Option<Self> {
        if info.algorithm.oid == RSA {
            return modulus_bits(info.subject_public_key.raw_bytes()).map(Self::Rsa);
        }
        let curve: ObjectIdentifier = info.algorithm.parameters.as_ref()?.decode_as().ok()?;
        let (_, curve) = CURVES.into_iter().find(|(oid, _)| info.algorithm.oid == EC && *oid == curve)?;
        Some(Self::Curve(curve))
    }

    fn words(&self) -> String {
        match self {
            Self::Rsa(bits) => format!("RSA {bits}"),
            Self::Curve(curve) if *curve == &ECDH_P256 => "NIST P-256".to_owned(),
            Self::Curve(curve) if *curve == &ECDH_P384 => "NIST P-384".to_owned(),
            Self::Curve(_) => "NIST P-521".to_owned(),
        }
    }
}

/// The length of an RSA key (RFC 8017, A.1.1).
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let modulus = AnyRef::from_der(key).ok()?.sequence(|reader| {
        let modulus = UintRef::decode(reader)?;
        UintRef::decode(reader)?;
        Ok::<_, x509_cert::der::Error>(modulus)
    });
    let (first, rest) = modulus.ok()?.as_bytes().split_first()?;
    Some(rest.len() * 8 + 8 - first.leading_zeros() as usize)
}

/// Reads and validates a certificate in PEM or base64.
pub fn read(text: &str, now: DateTime<Utc>) -> Result<RecordingKey, KeyError> {
    let der = parse(text)?;
    let certificate = Certificate::from_der(&der).map_err(|_| CertificateError::NotACertificate)?;
    let body = certificate.tbs_certificate();
    let (from, to) = (instant(&body.validity().not_before), instant(&body.validity().not_after));
    if from > now {
        return Err(CertificateError::NotYetValid.into());
    }
    if to <= now {
        return Err(CertificateError::Expired.into());
    }
    if is_broken(certificate.signature_algorithm()) {
        return Err(CertificateError::Sha1Binding.into());
    }
    let key = CmsPublicKey::of(body.subject_public_key_info()).ok_or(CertificateError::AlgorithmUnsupported)?;
    if matches!(key, CmsPublicKey::Rsa(bits) if bits < 2048) {
        return Err(CertificateError::TooWeak.into());
    }
    if !is_for_encryption(&certificate, &key)? {
        return Err(CertificateError::NotForEncryption.into());
    }
    Ok(RecordingKey {
        kind: KeyKind::X509,
        fingerprint: hex(&sha256(&der)).to_ascii_uppercase(),
        algorithm: key.words(),
        expires_at: (to < DateTime::<Utc>::MAX_UTC).then_some(to),
        certificate: der,
    })
}

/// Whether two certificates can be made that have the same signature.
fn is_broken(signature: &AlgorithmIdentifierOwned) -> bool {
    if signature.oid == PSS {
        return !pss_hash(signature).is_some_and(|hash| hash.to_string().starts_with(NIST_HASHES));
    }
    BROKEN.contains(&signature.oid)
}

/// The hash of RSASSA-PSS. Without it, or without any parameters, the hash is SHA-1, and the result is `None`.
fn pss_hash(signature: &AlgorithmIdentifierOwned) -> Option<ObjectIdentifier> {
    let parameters = AnyRef::from(signature.parameters.as_ref()?);
    let hash = parameters.sequence(|reader| {
        let hash = ContextSpecific::<AlgorithmIdentifierOwned>::decode_explicit(reader, TagNumber(0))?;
        // The other parameters say how the hash is padded.
        reader.read_slice(reader.remaining_len())?;
        Ok::<_, x509_cert::der::Error>(hash)
    });
    Some(hash.ok()??.value.oid)
}

/// Whether the certificate's usages allow to encrypt a file's key with it. A certificate without usages allows it.
fn is_for_encryption(certificate: &Certificate, key: &CmsPublicKey) -> Result<bool, CertificateError> {
    let body = certificate.tbs_certificate();
    let usage = body.get_extension::<KeyUsage>().map_err(|_| CertificateError::NotACertificate)?;
    let allowed = usage.is_none_or(|(_, usage)| match key {
        CmsPublicKey::Rsa(_) => usage.key_encipherment(),
        CmsPublicKey::Curve(_) => usage.key_agreement() && !usage.decipher_only(),
    });
    let extended = body.get_extension::<ExtendedKeyUsage>().map_err(|_| CertificateError::NotACertificate)?;
    Ok(allowed && extended.is_none_or(|(_, extended)| extended.0.iter().any(|usage| USAGES.contains(usage))))
}

/// The DER of the one certificate in a text.
fn parse(text: &str) -> Result<Vec<u8>, CertificateError> {
    let (mut der, label) = armor::decode(text, &["CERTIFICATE", "X509 CERTIFICATE", TRUSTED])?;
    if label == Some(TRUSTED) {
        let length = element_length(&der).ok_or(CertificateError::NotACertificate)?;
        der.truncate(length);
    }
    if is_private(&der) { Err(CertificateError::PrivateKey) } else { Ok(der) }
}

/// The label under which `openssl x509 -trustout` writes a certificate, with remarks of its own behind it.
const TRUSTED: &str = "TRUSTED CERTIFICATE";

/// The length of the first element of DER.
fn element_length(der: &[u8]) -> Option<usize> {
    let first = usize::from(*der.get(1)?);
    if first < 0x80 {
        return Some(2 + first);
    }
    let digits = der.get(2..2 + (first & 0x7F))?;
    let length = digits.iter().try_fold(0_usize, |length, digit| Some(length.checked_mul(256)? + usize::from(*digit)));
    length?.checked_add(2 + digits.len())
}

/// Whether this is a private key in DER. PKCS #1, #8, #12, and SEC 1 begin with a small version, and no certificate does.
fn is_private(der: &[u8]) -> bool {
    let after_length = match der {
        [0x30, length, rest @ ..] if *length < 0x80 => rest,
        [0x30, length, rest @ ..] => rest.get(usize::from(length & 0x7F)..).unwrap_or_default(),
        _ => return false,
    };
    matches!(after_length, [0x02, 1, 0..=3, ..])
}

fn instant(time: &Time) -> DateTime<Utc> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
    // The year 9999 means that the certificate does not expire (RFC 5280, 4.1.2.5).
    let at = seconds.filter(|seconds| *seconds < 253_402_300_799).and_then(|at| DateTime::from_timestamp(at, 0));
    at.unwrap_or(DateTime::<Utc>::MAX_UTC)
}
