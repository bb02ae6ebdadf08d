//! The recipient of a CMS message: the message's key is encrypted by RSA-OAEP with SHA-256 (RFC 4055), or wrapped under a
//! key that two elliptic-curve keys agree on (RFC 5753).

use aws_lc_rs::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::certificate::CmsPublicKey;
use super::der::{OCTETS, SEQUENCE, bits, context, element, number, oid};
use crate::base::crypto::sha256;
use crate::recording_keys::KeyError;

/// id-RSAES-OAEP, 1.2.840.113549.1.1.7.
const OAEP: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x07];
/// id-mgf1, 1.2.840.113549.1.1.8.
const MGF1: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08];
/// id-sha256, 2.16.840.1.101.3.4.2.1.
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// id-ecPublicKey, 1.2.840.10045.2.1.
const EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// dhSinglePass-stdDH-sha256kdf-scheme, 1.3.132.1.11.1.
const ECDH_SHA256: &[u8] = &[0x2B, 0x81, 0x04, 0x01, 0x0B, 0x01];
/// id-aes256-wrap, 2.16.840.1.101.3.4.1.45.
const AES_256_WRAP: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2D];

/// The recipient's part of a message with this key.
pub fn recipient(certificate: &[u8], key: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
    let certificate = Certificate::from_der(certificate).map_err(|_| KeyError::Unusable)?;
    let body = certificate.tbs_certificate();
    let encoded = (body.issuer().to_der(), body.serial_number().to_der(), body.subject_public_key_info().to_der());
    let (Ok(issuer), Ok(serial), Ok(public)) = encoded else { return Err(KeyError::Unusable) };
    let name = element(SEQUENCE, &[&issuer, &serial]);
    match CmsPublicKey::of(body.subject_public_key_info()) {
        Some(CmsPublicKey::Rsa(_)) => transport(&name, &public, key),
        Some(CmsPublicKey::Curve(curve)) => {
            agree(&name, curve, body.subject_public_key_info().subject_public_key.raw_bytes(), key)
        }
        None => Err(KeyError::Unusable),
    }
}

/// The key encrypted (`KeyTransRecipientInfo`).
fn transport(name: &[u8], public: &[u8], key: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
    let public = PublicEncryptingKey::from_der(public).map_err(|_| KeyError::Unusable)?;
    let public = OaepPublicEncryptingKey::new(public).map_err(|_| KeyError::Unusable)?;
    let mut encrypted = vec![0; public.ciphertext_size()];
    let encrypted = public.encrypt(&OAEP_SHA256_MGF1SHA256, key, &mut encrypted, None);
    let encrypted = encrypted.map_err(|_| KeyError::Unusable)?;
    let hash = element(SEQUENCE, &[&oid(SHA256)]);
    let mask = element(SEQUENCE, &[&oid(MGF1), &hash]);
    let parameters = element(SEQUENCE, &[&element(context(0), &[&hash]), &element(context(1), &[&mask])]);
    let algorithm = element(SEQUENCE, &[&oid(OAEP), &parameters]);
    Ok(element(SEQUENCE, &[&number(0), name, &algorithm, &element(OCTETS, &[encrypted])]))
}

/// The key wrapped (`KeyAgreeRecipientInfo`). Each message has its own key pair.
fn agree(name: &[u8], curve: &'static agreement::Algorithm, peer: &[u8], key: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
    let own = EphemeralPrivateKey::generate(curve, &SystemRandom::new()).map_err(|_| KeyError::Unusable)?;
    let public = own.compute_public_key().map_err(|_| KeyError::Unusable)?;
    let wrap = element(SEQUENCE, &[&oid(AES_256_WRAP)]);
    let peer = UnparsedPublicKey::new(curve, peer);
    let plan = agree_ephemeral(own, peer, KeyError::Unusable, |shared| Ok(derive(shared, &wrap)))?;
    let mut wrapped = [0; 32 + 8];
    let kek = AesKek::new(&AES_256, &plan).map_err(|_| KeyError::Unusable)?;
    let wrapped = kek.wrap(key, &mut wrapped).map_err(|_| KeyError::Unusable)?;
    let originator = element(context(1), &[&element(SEQUENCE, &[&oid(EC_PUBLIC_KEY)]), &bits(public.as_ref())]);
    let algorithm = element(SEQUENCE, &[&oid(ECDH_SHA256), &wrap]);
    let keys = element(SEQUENCE, &[&element(SEQUENCE, &[name, &element(OCTETS, &[wrapped])])]);
    Ok(element(context(1), &[&number(3), &element(context(0), &[&originator]), &algorithm, &keys]))
}

/// The wrapping key from the shared secret (SEC 1, 3.6.1). Its 32 bytes are one round of the hash.
fn derive(shared: &[u8], wrap: &[u8]) -> [u8; 32] {
    let bits = 256_u32.to_be_bytes();
    let info = element(SEQUENCE, &[wrap, &element(context(2), &[&element(OCTETS, &[&bits])])]);
    sha256(&[shared, &1_u32.to_be_bytes(), &info].concat())
}
