//! Certificates and messages without the tools that make and open them. The stories use the tools.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::*;

/// A certificate of 2026. Its primary key does not expire, and its key for encryption expires in September.
const OPENPGP: &str = include_str!("kontoret.asc");
/// A certificate of a hundred years.
const X509: &str = include_str!("kontoret.pem");

/// An instant at which the certificate of a kind is valid.
fn in_time(kind: KeyKind) -> DateTime<Utc> {
    let at = if kind == KeyKind::OpenPgp { "2026-08-03T12:00:00Z" } else { "2030-01-01T00:00:00Z" };
    at.parse().unwrap()
}

#[cfg(any(feature = "openpgp", feature = "cms"))]
fn read(kind: KeyKind, text: &str, at: &str) -> Result<RecordingKey, &'static str> {
    let at: DateTime<Utc> = at.parse().unwrap();
    RecordingKey::read(kind, text, at).map_err(|error| match error {
        KeyError::Refused(refusal) => refusal.code(),
        error => panic!("{error}"),
    })
}

#[cfg(feature = "openpgp")]
#[test]
fn an_openpgp_key_has_its_time() {
    let at = |at| read(KeyKind::OpenPgp, OPENPGP, at);
    let key = at("2026-08-31T23:59:59Z").unwrap();
    assert_eq!(key.fingerprint, "23A6E1FC3F838A51D0BA3A9AC040643E11E12836");
    assert_eq!((key.algorithm.as_str(), key.extension()), ("Curve25519", "pgp"));
    let end = key.expires_at.unwrap();
    assert!(!key.is_expired(end - chrono::TimeDelta::seconds(1)) && key.is_expired(end));
    assert_eq!(at("2025-12-31T23:59:59Z").unwrap_err(), "not_yet_valid");
    assert_eq!(at("2026-10-01T00:00:00Z").unwrap_err(), "expired");
    assert_eq!(KeyKind::of_fingerprint(&key.fingerprint), KeyKind::OpenPgp);
    assert!(!key.certificate.windows(8).any(|window| window == b"Kontoret"), "the owner's name is kept");
}

#[cfg(feature = "cms")]
#[test]
fn an_x509_key_has_its_time() {
    let at = |at| read(KeyKind::X509, X509, at);
    let key = at("2030-01-01T00:00:00Z").unwrap();
    assert_eq!((key.algorithm.as_str(), key.extension(), key.fingerprint.len()), ("NIST P-256", "p7m", 64));
    assert_eq!(KeyKind::of_fingerprint(&key.fingerprint), KeyKind::X509);
    assert_eq!(at("2020-01-01T00:00:00Z").unwrap_err(), "not_yet_valid");
    assert_eq!(at("2200-01-01T00:00:00Z").unwrap_err(), "expired");
}

/// The certificate in base64 with some bytes altered.
fn altered(armor: &str, changes: &[(prop::sample::Index, u8)]) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let body = armor.lines().filter(|line| !line.is_empty() && !line.starts_with(['-', '=']));
    let mut bytes = STANDARD.decode(body.collect::<String>()).unwrap();
    for (at, change) in changes {
        let at = at.index(bytes.len());
        bytes[at] ^= change;
    }
    STANDARD.encode(bytes)
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text: String, pgp: bool) {
        let kind = if pgp { KeyKind::OpenPgp } else { KeyKind::X509 };
        let _ = RecordingKey::read(kind, &text, DateTime::UNIX_EPOCH);
        let _ = RecordingKey::read(kind, &format!("-----BEGIN PGP PUBLIC KEY BLOCK-----{text}"), DateTime::UNIX_EPOCH);
    }

    #[test]
    fn no_altered_certificate_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let _ = RecordingKey::read(KeyKind::OpenPgp, &altered(OPENPGP, &changes), in_time(KeyKind::OpenPgp));
        let _ = RecordingKey::read(KeyKind::X509, &altered(X509, &changes), in_time(KeyKind::X509));
    }
}

/// A certificate with one flipped bit gives no other key.
#[cfg(feature = "openpgp")]
#[test]
fn every_bit_of_an_openpgp_key_is_signed() {
    use base64::Engine as _;
    let at = in_time(KeyKind::OpenPgp);
    let key = RecordingKey::read(KeyKind::OpenPgp, OPENPGP, at).unwrap();
    let whole = base64::engine::general_purpose::STANDARD.decode(altered(OPENPGP, &[])).unwrap();
    for at_byte in 0..whole.len() {
        let mut other = whole.clone();
        other[at_byte] ^= 1;
        let other = base64::engine::general_purpose::STANDARD.encode(other);
        if let Ok(other) = RecordingKey::read(KeyKind::OpenPgp, &other, at) {
            assert_eq!(other, key, "byte {at_byte}");
        }
    }
}

/// The length of a message does not depend on the pieces in which the bytes arrive.
#[cfg(all(feature = "openpgp", feature = "cms"))]
#[test]
fn messages_are_as_long_whatever_the_pieces() {
    for (kind, text) in [(KeyKind::OpenPgp, OPENPGP), (KeyKind::X509, X509)] {
        let key = RecordingKey::read(kind, text, in_time(kind)).unwrap();
        for size in [0, 1, 65_529, 65_530, 65_536, 200_000] {
            let bytes = vec![7; size];
            let made = |piece: usize| {
                let (mut encryptor, mut out) = (key.encryptor().unwrap(), Vec::new());
                for piece in bytes.chunks(piece) {
                    encryptor.push(piece, &mut out).unwrap();
                }
                encryptor.finish(&mut out).unwrap();
                out
            };
            let (once, pieces) = (made(size.max(1)), made(1_000));
            assert!(once.len().abs_diff(pieces.len()) <= 2, "{size}: {} or {}", once.len(), pieces.len());
            assert!(!once.windows(8).any(|window| window == [7; 8]));
        }
    }
}
