//! The validation of an OpenPGP certificate: its owner, its time, and its key for encryption.
//!
//! Only signatures of the certificate's own primary key count. One signature decides about each component: the newest valid
//! one about the primary key, about each user id, and about each subkey. If that signature has SHA-1, the certificate is
//! refused, because the owner may have revoked the statement of an older signature. A revocation by anybody counts, because
//! it can only cause a refusal.

use std::time::Duration;

use chrono::{DateTime, Utc};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, PacketTrait, PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::types::{
    EcdhPublicParams, EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, KeyVersion, PublicParams, Tag,
};

use super::packets::{Certificate, Subkey, User};
use crate::recording_keys::armor;
use crate::recording_keys::{CertificateError, KeyError, KeyKind, RecordingKey};

/// Reads and validates a certificate in armor or base64.
pub fn read(text: &str, now: DateTime<Utc>) -> Result<RecordingKey, KeyError> {
    let (bytes, _) = armor::decode(text, &["PGP PUBLIC KEY BLOCK"])?;
    let certificate = Certificate::read(&bytes)?;
    let primary = &certificate.primary;
    if primary.version() != KeyVersion::V4 {
        return Err(CertificateError::VersionUnsupported.into());
    }
    if certificate.is_revoked() {
        return Err(CertificateError::Revoked.into());
    }
    check_signer(primary.public_params())?;
    if instant(primary) > now {
        return Err(CertificateError::NotYetValid.into());
    }
    let statements = Statements::of(&certificate, now)?;
    let primary_expiry = statements.expiry(primary);
    if primary_expiry.is_some_and(|expires| expires <= now) {
        return Err(CertificateError::Expired.into());
    }
    let (params, expires_at, packet) = match newest_subkey(&certificate, now) {
        Ok(subkey) => (subkey.key.public_params(), subkey.expires, packet(subkey.key)?),
        // A primary key can be for encryption itself, such as RSA.
        Err(CertificateError::NoEncryptionKey) if statements.encrypts() => {
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

/// The signatures that decide about the primary key.
struct Statements<'c> {
    /// The signature about the key itself.
    direct: Option<&'c Signature>,
    /// One signature about each user id: the primary user id first, then newer before older.
    users: Vec<&'c Signature>,
}

impl<'c> Statements<'c> {
    fn of(certificate: &'c Certificate, now: DateTime<Utc>) -> Result<Self, CertificateError> {
        let primary = &certificate.primary;
        let direct = certificate.direct.iter().filter(|one| {
            one.typ() == Some(SignatureType::Key) && counts(primary, one, || one.verify_key(primary).is_ok())
        });
        let direct = newest(direct, now);
        let mut reason = *direct.as_ref().err().unwrap_or(&CertificateError::Unbound);
        let mut users = Vec::new();
        for user in &certificate.users {
            match user_signature(primary, user, now) {
                Ok(decided) => users.push((is_withdrawn(primary, user, decided), decided)),
                Err(other) if reason == CertificateError::Unbound => reason = other,
                Err(_) => {}
            }
        }
        // A user id is not the key. A withdrawn user id counts only if there is no other.
        if users.iter().any(|(withdrawn, _)| !withdrawn) {
            users.retain(|(withdrawn, _)| !withdrawn);
        }
        users.sort_by_key(|(_, one)| std::cmp::Reverse((one.is_primary(), created(one))));
        let mut statements = Self { direct: direct.ok(), users: users.into_iter().map(|(_, one)| one).collect() };
        if statements.decisive().next().is_none() {
            return Err(reason);
        }
        if statements.decisive().any(is_weak) {
            return Err(CertificateError::Sha1Binding);
        }
        statements.users.retain(|one| !is_weak(one));
        Ok(statements)
    }

    /// The signature about the key itself, and the one about the primary user id.
    fn decisive(&self) -> impl Iterator<Item = &'c Signature> {
        self.direct.into_iter().chain(self.users.first().copied())
    }

    /// The end of the primary key: the earliest end that a decisive signature states. A signature without an end does not
    /// override another one. If the signature about the key itself states no end, the newest one of a user id counts.
    fn expiry(&self, primary: &PublicKey) -> Option<DateTime<Utc>> {
        let stated = |one: &&Signature| expiry(primary, one).is_some();
        let newest = self.users.iter().copied().filter(stated).max_by_key(|one| created(one));
        let newest = newest.filter(|_| !self.direct.as_ref().is_some_and(stated));
        self.decisive().chain(newest).filter_map(|one| expiry(primary, one)).min()
    }

    /// Whether the primary key is for encryption itself: every decisive signature with key flags says so.
    fn encrypts(&self) -> bool {
        let mut flags = self.decisive().filter_map(key_flags).peekable();
        flags.peek().is_some() && flags.all(encrypts)
    }
}

/// The signature that decides about a user id.
fn user_signature<'c>(
    primary: &PublicKey,
    user: &'c User,
    now: DateTime<Utc>,
) -> Result<&'c Signature, CertificateError> {
    let certifies = |one: &&Signature| {
        one.is_certification()
            && counts(primary, one, || one.verify_certification(primary, Tag::UserId, &user.id).is_ok())
    };
    newest(user.signatures.iter().filter(certifies), now)
}

/// Whether the owner has withdrawn a user id after the signature that decides about it. Others can withdraw only their own
/// statements.
fn is_withdrawn(primary: &PublicKey, user: &User, decided: &Signature) -> bool {
    user.signatures.iter().any(|one| {
        one.typ() == Some(SignatureType::CertRevocation)
            && created(one) >= created(decided)
            && one.verify_certification(primary, Tag::UserId, &user.id).is_ok()
    })
}

/// A valid subkey for encryption.
struct EncryptionKey<'c> {
    key: &'c PublicSubkey,
    expires: Option<DateTime<Utc>>,
}

/// The newest valid subkey for encryption. Without one, it returns the error of the newest subkey for encryption.
fn newest_subkey(certificate: &Certificate, now: DateTime<Utc>) -> Result<EncryptionKey<'_>, CertificateError> {
    let mut subkeys: Vec<_> = certificate.subkeys.iter().collect();
    subkeys.sort_by_key(|subkey| std::cmp::Reverse(subkey.key.as_ref().map(PublicSubkey::created_at)));
    let mut error = CertificateError::NoEncryptionKey;
    for subkey in subkeys {
        match judge(&certificate.primary, subkey, now) {
            Ok(Some(subkey)) => return Ok(subkey),
            Err(refusal) if error == CertificateError::NoEncryptionKey => error = refusal,
            Ok(None) | Err(_) => {}
        }
    }
    Err(error)
}

/// The subkey, if it is valid. A subkey that is not for encryption is `None`.
fn judge<'c>(
    primary: &PublicKey,
    subkey: &'c Subkey,
    now: DateTime<Utc>,
) -> Result<Option<EncryptionKey<'c>>, CertificateError> {
    let is_meant_to = || subkey.signatures.iter().filter_map(key_flags).any(encrypts);
    let Some(key) = &subkey.key else {
        return if is_meant_to() { Err(CertificateError::AlgorithmUnsupported) } else { Ok(None) };
    };
    let bindings = subkey.signatures.iter().filter(|one| {
        one.typ() == Some(SignatureType::SubkeyBinding)
            && counts(primary, one, || one.verify_subkey_binding(primary, key).is_ok())
    });
    let binding = match newest(bindings, now) {
        Ok(binding) => binding,
        Err(refusal) if is_meant_to() => return Err(refusal),
        Err(_) => return Ok(None),
    };
    if is_weak(binding) && is_meant_to() {
        return Err(CertificateError::Sha1Binding);
    }
    if !key_flags(binding).is_some_and(encrypts) {
        return Ok(None);
    }
    if subkey.signatures.iter().any(|one| one.typ() == Some(SignatureType::SubkeyRevocation)) {
        return Err(CertificateError::Revoked);
    }
    if instant(key) > now {
        return Err(CertificateError::NotYetValid);
    }
    let expires = expiry(key, binding);
    if expires.is_some_and(|expires| expires <= now) {
        return Err(CertificateError::Expired);
    }
    strong(key.public_params())?;
    Ok(Some(EncryptionKey { key, expires }))
}

/// The newest signature that is in force, or the reason why there is none.
fn newest<'s>(
    signatures: impl Iterator<Item = &'s Signature>,
    now: DateTime<Utc>,
) -> Result<&'s Signature, CertificateError> {
    let (mut newest, mut reason) = (None, CertificateError::Unbound);
    for one in signatures {
        let Some(made) = created(one) else { continue };
        let lasts = one.signature_expiration_time().map(Duration::from).unwrap_or_default();
        if made > now {
            reason = CertificateError::NotYetValid;
        } else if !lasts.is_zero() && made + lasts <= now {
            reason = CertificateError::Expired;
        } else if newest.is_none_or(|newest| created(newest) <= Some(made)) {
            newest = Some(one);
        }
    }
    newest.ok_or(reason)
}

/// Whether this service understands a signature of the primary key. A signature with a weak hash need not verify, because
/// it leads to a refusal.
fn counts(primary: &PublicKey, signature: &Signature, verifies: impl Fn() -> bool) -> bool {
    is_understood(signature) && (is_weak(signature) && is_own(primary, signature) || verifies())
}

/// Whether every critical part of a signature is known here (RFC 9580, 5.2.3.7). Notations are not, because everybody can
/// define their own (5.2.3.24).
fn is_understood(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| {
        let mut subpackets = config.hashed_subpackets.iter().chain(&config.unhashed_subpackets);
        subpackets.all(|subpacket| {
            let own = matches!(
                subpacket.data,
                SubpacketData::Notation(_) | SubpacketData::Experimental(..) | SubpacketData::Other(..)
            );
            !(subpacket.is_critical && own)
        })
    })
}

fn created(signature: &Signature) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(signature.created()?.as_secs().into(), 0)
}

fn is_weak(signature: &Signature) -> bool {
    matches!(signature.hash_alg(), Some(HashAlgorithm::Sha1 | HashAlgorithm::Md5 | HashAlgorithm::Ripemd160) | None)
}

/// Whether a signature names the primary key as its issuer.
fn is_own(primary: &PublicKey, signature: &Signature) -> bool {
    signature.issuer_key_id().contains(&&primary.legacy_key_id())
        || signature.issuer_fingerprint().contains(&&primary.fingerprint())
}

/// The uses of a key that a signature states.
fn key_flags(signature: &Signature) -> Option<&KeyFlags> {
    signature.config()?.hashed_subpackets().find_map(|subpacket| match &subpacket.data {
        SubpacketData::KeyFlags(flags) => Some(flags),
        _ => None,
    })
}

fn encrypts(flags: &KeyFlags) -> bool {
    flags.encrypt_comms() || flags.encrypt_storage()
}

fn instant(key: &impl KeyDetails) -> DateTime<Utc> {
    DateTime::from_timestamp(key.created_at().as_secs().into(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The end of a key that a signature states.
fn expiry(key: &impl KeyDetails, signature: &Signature) -> Option<DateTime<Utc>> {
    let life = Duration::from(signature.key_expiration_time()?);
    (!life.is_zero()).then(|| instant(key) + life)
}

/// Refuses a weak key.
fn strong(params: &PublicParams) -> Result<(), CertificateError> {
    match params {
        PublicParams::RSA(_) if rsa_bits(params) < 2048 => Err(CertificateError::TooWeak),
        PublicParams::DSA(_) => Err(CertificateError::TooWeak),
        _ => Ok(()),
    }
}

/// Refuses a primary key whose signatures cannot be verified, or that is weak.
fn check_signer(params: &PublicParams) -> Result<(), CertificateError> {
    match params {
        PublicParams::Unknown { .. }
        | PublicParams::ECDSA(EcdsaPublicParams::Unsupported { .. } | EcdsaPublicParams::Secp256k1 { .. })
        | PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Unsupported { .. }) => {
            Err(CertificateError::AlgorithmUnsupported)
        }
        params => strong(params),
    }
}

/// The length of an RSA key. Its modulus is first, as a number with its length in bits (RFC 4880, 3.2).
fn rsa_bits(params: &PublicParams) -> u16 {
    use pgp::ser::Serialize as _;
    let bytes = params.to_bytes().unwrap_or_default();
    bytes.first_chunk().map_or(0, |length| u16::from_be_bytes(*length))
}

/// The algorithm of a key, in words.
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

fn packet(key: &impl PacketTrait) -> Result<Vec<u8>, CertificateError> {
    let mut bytes = Vec::new();
    key.to_writer_with_header(&mut bytes).map_err(|_| CertificateError::NotACertificate)?;
    Ok(bytes)
}
