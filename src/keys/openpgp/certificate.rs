//! What an OpenPGP certificate says of itself, verified: who it is, until when, and which of its keys is for encryption.
//!
//! Only what the certificate's own primary key signed counts. Where several signatures say the same thing, the newest
//! decides, and if that is over SHA-1, nothing does: an older and better one may say what its owner has taken back. A
//! revocation counts whoever made it, since it can only make us refuse.

use std::io::Read as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use pgp::armor::Dearmor;
use pgp::composed::{PublicOrSecret, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, PacketTrait, PublicKey, Signature, SignatureType};
use pgp::types::{EcdhPublicParams, KeyDetails, KeyVersion, PublicParams, Tag};

use crate::keys::{KeyError, KeyKind, RecordingKey, Refusal};

/// Reads a certificate in armor or base64, and judges it.
pub fn read(text: &str, now: DateTime<Utc>) -> Result<RecordingKey, KeyError> {
    let certificate = parse(text)?;
    let primary = &certificate.primary_key;
    if primary.version() != KeyVersion::V4 {
        return Err(Refusal::VersionUnsupported.into());
    }
    if !certificate.details.revocation_signatures.is_empty() {
        return Err(Refusal::Revoked.into());
    }
    strong(primary.public_params())?;
    if instant(primary) > now {
        return Err(Refusal::NotYetValid.into());
    }
    let own = self_signature(&certificate, now)?;
    let primary_expiry = expiry(primary, own);
    if primary_expiry.is_some_and(|expires| expires <= now) {
        return Err(Refusal::Expired.into());
    }
    let (params, expires_at, packet) = match newest_subkey(&certificate, now) {
        Ok(subkey) => (subkey.key.key.public_params(), subkey.expires, packet(&subkey.key.key)?),
        // A primary key that encrypts itself, as RSA's may.
        Err(Refusal::NoEncryptionKey) if encrypts(&own.key_flags()) => {
            (primary.public_params(), None, packet(primary)?)
        }
        Err(refusal) => return Err(refusal.into()),
    };
    Ok(RecordingKey {
        kind: KeyKind::OpenPgp,
        fingerprint: format!("{:X}", primary.fingerprint()),
        algorithm: algorithm(params),
        expires_at: [primary_expiry, expires_at].into_iter().flatten().min(),
        certificate: packet,
    })
}

/// The one certificate that a text holds.
fn parse(text: &str) -> Result<SignedPublicKey, Refusal> {
    let text = text.trim();
    let mut bytes = Vec::new();
    if text.starts_with("-----BEGIN") {
        if text.matches("-----BEGIN").count() > 1 {
            return Err(Refusal::SeveralCertificates);
        }
        let dearmored = Dearmor::new(text.as_bytes()).take(RecordingKey::LONGEST as u64).read_to_end(&mut bytes);
        dearmored.map_err(|_| Refusal::NotACertificate)?;
    } else {
        bytes = crate::keys::model::base64(text).ok_or(Refusal::NotACertificate)?;
    }
    let mut found = None;
    for key in PublicOrSecret::from_bytes_many(&bytes[..]).map_err(|_| Refusal::NotACertificate)? {
        match key.map_err(|_| Refusal::NotACertificate)? {
            PublicOrSecret::Secret(_) => return Err(Refusal::PrivateKey),
            PublicOrSecret::Public(_) if found.is_some() => return Err(Refusal::SeveralCertificates),
            PublicOrSecret::Public(key) => found = Some(key),
        }
    }
    found.ok_or(Refusal::NotACertificate)
}

/// The newest signature of the primary key about itself: over itself, or over a name that was not revoked.
fn self_signature(certificate: &SignedPublicKey, now: DateTime<Utc>) -> Result<&Signature, Refusal> {
    let primary = &certificate.primary_key;
    let direct = certificate.details.direct_signatures.iter();
    let direct = direct.filter(|one| {
        one.typ() == Some(SignatureType::Key) && (one.verify_key(primary).is_ok() || is_own_and_weak(primary, one))
    });
    let named = certificate.details.users.iter().flat_map(|user| {
        // Others may take back what they said of the name.
        let revokes = |one: &Signature| one.typ() == Some(SignatureType::CertRevocation) && is_own(primary, one);
        let is_revoked = user.signatures.iter().any(revokes);
        let certifies = move |one: &&Signature| {
            let verifies = || one.verify_certification(primary, Tag::UserId, &user.id).is_ok();
            !is_revoked && one.is_certification() && (verifies() || is_own_and_weak(primary, one))
        };
        user.signatures.iter().filter(certifies)
    });
    newest(direct.chain(named), now)
}

/// A subkey that may be encrypted for.
struct Subkey<'c> {
    key: &'c SignedPublicSubKey,
    expires: Option<DateTime<Utc>>,
}

/// The newest subkey for encryption that is valid; else what is wrong with the newest that is for encryption at all.
fn newest_subkey(certificate: &SignedPublicKey, now: DateTime<Utc>) -> Result<Subkey<'_>, Refusal> {
    let mut subkeys: Vec<_> = certificate.public_subkeys.iter().collect();
    subkeys.sort_by_key(|subkey| std::cmp::Reverse(subkey.key.created_at()));
    let mut wrong = Refusal::NoEncryptionKey;
    for key in subkeys {
        match judge(certificate, key, now) {
            Ok(Some(subkey)) => return Ok(subkey),
            Err(refusal) if wrong == Refusal::NoEncryptionKey => wrong = refusal,
            Ok(None) | Err(_) => {}
        }
    }
    Err(wrong)
}

/// The subkey if it may be encrypted for; `None` if it is not meant to be.
fn judge<'c>(
    certificate: &SignedPublicKey,
    key: &'c SignedPublicSubKey,
    now: DateTime<Utc>,
) -> Result<Option<Subkey<'c>>, Refusal> {
    let primary = &certificate.primary_key;
    let bindings = key.signatures.iter().filter(|one| {
        let verifies = || one.verify_subkey_binding(primary, &key.key).is_ok();
        one.typ() == Some(SignatureType::SubkeyBinding) && (verifies() || is_own_and_weak(primary, one))
    });
    let binding = match newest(bindings, now) {
        Ok(binding) => binding,
        Err(refusal) if key.signatures.iter().any(|one| encrypts(&one.key_flags())) => return Err(refusal),
        Err(_) => return Ok(None),
    };
    if !encrypts(&binding.key_flags()) {
        return Ok(None);
    }
    if key.signatures.iter().any(|one| one.typ() == Some(SignatureType::SubkeyRevocation)) {
        return Err(Refusal::Revoked);
    }
    if instant(&key.key) > now {
        return Err(Refusal::NotYetValid);
    }
    let expires = expiry(&key.key, binding);
    if expires.is_some_and(|expires| expires <= now) {
        return Err(Refusal::Expired);
    }
    strong(key.key.public_params())?;
    Ok(Some(Subkey { key, expires }))
}

/// The newest of some verified signatures that is in force.
fn newest<'s>(signatures: impl Iterator<Item = &'s Signature>, now: DateTime<Utc>) -> Result<&'s Signature, Refusal> {
    let created = |one: &Signature| one.created().map(pgp::types::Timestamp::as_secs);
    let in_force = signatures.filter(|one| {
        let Some(made) = one.created().and_then(|at| DateTime::from_timestamp(at.as_secs().into(), 0)) else {
            return false;
        };
        let lasts = one.signature_expiration_time().map(Duration::from).unwrap_or_default();
        made <= now && (lasts.is_zero() || made + lasts > now)
    });
    let newest = in_force.max_by_key(|one| created(one)).ok_or(Refusal::Unbound)?;
    if is_weak(newest) { Err(Refusal::Sha1Binding) } else { Ok(newest) }
}

fn is_weak(signature: &Signature) -> bool {
    matches!(signature.hash_alg(), Some(HashAlgorithm::Sha1 | HashAlgorithm::Md5 | HashAlgorithm::Ripemd160) | None)
}

/// Whether a signature says that the primary key made it.
fn is_own(primary: &PublicKey, signature: &Signature) -> bool {
    signature.issuer_key_id().contains(&&primary.legacy_key_id())
        || signature.issuer_fingerprint().contains(&&primary.fingerprint())
}

/// Whether a signature says that the primary key made it, over a hash that proves nothing. It is not verified: it is there
/// to be refused.
fn is_own_and_weak(primary: &PublicKey, signature: &Signature) -> bool {
    is_weak(signature) && is_own(primary, signature)
}

fn encrypts(flags: &KeyFlags) -> bool {
    flags.encrypt_comms() || flags.encrypt_storage()
}

/// When a key was made.
fn instant(key: &impl KeyDetails) -> DateTime<Utc> {
    DateTime::from_timestamp(key.created_at().as_secs().into(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// When a key ends by a signature.
fn expiry(key: &impl KeyDetails, signature: &Signature) -> Option<DateTime<Utc>> {
    let life = Duration::from(signature.key_expiration_time()?);
    (!life.is_zero()).then(|| instant(key) + life)
}

/// Whether a key is strong enough for anything to rest on it.
fn strong(params: &PublicParams) -> Result<(), Refusal> {
    match params {
        PublicParams::RSA(_) if rsa_bits(params) < 2048 => Err(Refusal::TooWeak),
        PublicParams::DSA(_) => Err(Refusal::TooWeak),
        _ => Ok(()),
    }
}

/// The length of an RSA key: its modulus stands first, as a number with its length in bits (RFC 4880, 3.2).
fn rsa_bits(params: &PublicParams) -> u16 {
    use pgp::ser::Serialize as _;
    let bytes = params.to_bytes().unwrap_or_default();
    bytes.first_chunk().map_or(0, |length| u16::from_be_bytes(*length))
}

/// What a key is, in words.
fn algorithm(params: &PublicParams) -> String {
    match params {
        PublicParams::RSA(_) => format!("RSA {}", rsa_bits(params)),
        PublicParams::ECDH(EcdhPublicParams::Curve25519Legacy { .. }) => "Curve25519".to_owned(),
        PublicParams::ECDH(params) => params.curve().name().to_owned(),
        PublicParams::X25519(_) => "X25519".to_owned(),
        PublicParams::X448(_) => "X448".to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn packet(key: &impl PacketTrait) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    key.to_writer_with_header(&mut bytes).map_err(|_| Refusal::NotACertificate)?;
    Ok(bytes)
}
