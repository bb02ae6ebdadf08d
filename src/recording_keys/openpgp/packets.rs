//! The packets of one OpenPGP certificate, each signature with the component that it is about.
//!
//! The crate's own reader ends a certificate at the first unknown packet, so the packets are read here. A keyring file has
//! trust packets, and a key of an unknown kind does not make the other keys invalid.

use pgp::packet::{Packet, PacketHeader, PublicKey, PublicSubkey, Signature, SignatureType, UserId};
use pgp::types::{PacketLength, Tag};

use crate::recording_keys::CertificateError;

/// A certificate without any verification.
#[derive(Debug)]
pub(super) struct Certificate {
    pub primary: PublicKey,
    /// The signatures about the primary key itself, revocations among them.
    pub direct: Vec<Signature>,
    pub users: Vec<User>,
    pub subkeys: Vec<Subkey>,
}

/// A user id and the signatures about it.
#[derive(Debug)]
pub(super) struct User {
    pub id: UserId,
    pub signatures: Vec<Signature>,
}

/// A subkey and the signatures about it.
#[derive(Debug)]
pub(super) struct Subkey {
    /// A key of an unknown algorithm, size, or curve is `None`.
    pub key: Option<PublicSubkey>,
    pub signatures: Vec<Signature>,
}

/// The component that the next signatures are about.
#[derive(Clone, Copy)]
enum Component {
    Primary,
    User,
    Subkey,
    /// A user attribute, such as a picture. Nothing depends on it.
    Attribute,
}

/// One packet without parsing.
struct RawPacket<'b> {
    header: PacketHeader,
    body: &'b [u8],
}

impl Certificate {
    /// Reads bytes that are one certificate.
    pub fn read(mut bytes: &[u8]) -> Result<Self, CertificateError> {
        let mut certificate = Self::begin(&next(&mut bytes)?)?;
        let mut about = Component::Primary;
        while !bytes.is_empty() {
            about = certificate.add(&next(&mut bytes)?, about)?;
        }
        Ok(certificate)
    }

    fn begin(raw: &RawPacket<'_>) -> Result<Self, CertificateError> {
        match (raw.header.tag(), raw.parse()) {
            (Tag::SecretKey | Tag::SecretSubkey, _) => Err(CertificateError::PrivateKey),
            (_, Some(Packet::PublicKey(primary))) => {
                Ok(Self { primary, direct: Vec::new(), users: Vec::new(), subkeys: Vec::new() })
            }
            (Tag::PublicKey, None) => Err(raw.unreadable_key()),
            _ => Err(CertificateError::NotACertificate),
        }
    }

    /// Adds a packet. Returns the component that the next signatures are about.
    fn add(&mut self, raw: &RawPacket<'_>, about: Component) -> Result<Component, CertificateError> {
        match raw.header.tag() {
            Tag::SecretKey | Tag::SecretSubkey => Err(CertificateError::PrivateKey),
            Tag::PublicKey => Err(CertificateError::SeveralCertificates),
            Tag::PublicSubkey => {
                let key = match raw.parse() {
                    Some(Packet::PublicSubkey(key)) => Some(key),
                    _ if raw.unreadable_key() == CertificateError::NotACertificate => {
                        return Err(CertificateError::NotACertificate);
                    }
                    _ => None,
                };
                self.subkeys.push(Subkey { key, signatures: Vec::new() });
                Ok(Component::Subkey)
            }
            Tag::UserId => match raw.parse() {
                Some(Packet::UserId(id)) => {
                    self.users.push(User { id, signatures: Vec::new() });
                    Ok(Component::User)
                }
                _ => Err(CertificateError::NotACertificate),
            },
            Tag::UserAttribute => Ok(Component::Attribute),
            // An unreadable signature may be a revocation, so it is not skipped.
            Tag::Signature => match raw.parse() {
                Some(Packet::Signature(signature)) => {
                    if let Some(signatures) = self.signatures(about) {
                        signatures.push(signature);
                    }
                    Ok(about)
                }
                _ => Err(CertificateError::NotACertificate),
            },
            // RFC 9580, 4.3 and 5.10: these are ignored.
            Tag::Trust | Tag::Marker | Tag::Padding | Tag::UnassignedNonCritical(_) | Tag::Experimental(_) => Ok(about),
            _ => Err(CertificateError::NotACertificate),
        }
    }

    fn signatures(&mut self, about: Component) -> Option<&mut Vec<Signature>> {
        match about {
            Component::Primary => Some(&mut self.direct),
            Component::User => self.users.last_mut().map(|user| &mut user.signatures),
            Component::Subkey => self.subkeys.last_mut().map(|subkey| &mut subkey.signatures),
            Component::Attribute => None,
        }
    }

    /// Whether anybody has revoked the primary key.
    pub fn is_revoked(&self) -> bool {
        self.direct.iter().any(|one| one.typ() == Some(SignatureType::KeyRevocation))
    }
}

impl RawPacket<'_> {
    fn parse(&self) -> Option<Packet> {
        Packet::from_reader(self.header, self.body).ok()
    }

    /// The reason to refuse a key packet that the crate cannot read.
    fn unreadable_key(&self) -> CertificateError {
        match self.body {
            // The version, the time of creation, and the algorithm with its parameters.
            [4, _, _, _, _, _, _, ..] => CertificateError::AlgorithmUnsupported,
            [4, ..] | [] => CertificateError::NotACertificate,
            _ => CertificateError::VersionUnsupported,
        }
    }
}

/// Takes the next packet off the bytes.
fn next<'b>(bytes: &mut &'b [u8]) -> Result<RawPacket<'b>, CertificateError> {
    let header = PacketHeader::try_from_reader(&mut *bytes).map_err(|_| CertificateError::NotACertificate)?;
    // Only data packets may have parts.
    let PacketLength::Fixed(length) = header.packet_length() else { return Err(CertificateError::NotACertificate) };
    let length = usize::try_from(length).map_err(|_| CertificateError::NotACertificate)?;
    let (body, rest) = bytes.split_at_checked(length).ok_or(CertificateError::NotACertificate)?;
    *bytes = rest;
    Ok(RawPacket { header, body })
}
