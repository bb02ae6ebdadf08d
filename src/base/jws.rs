//! Signed documents: flattened JSON web signatures (RFC 7515) with Ed25519 keys (RFC 8037).
//!
//! The algorithm is never read from the document that is verified, because there is only `EdDSA`. A key is found by its
//! thumbprint (RFC 7638), which is computed from the key itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::crypto::sha256;
use super::signing::{PublicKey, SigningKey};

/// The algorithm of all signatures.
const ALGORITHM: &str = "EdDSA";

/// A signed document in its flattened form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flattened {
    payload: String,
    protected: String,
    signature: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Protected {
    alg: String,
    kid: String,
    typ: String,
}

/// A set of public keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeySet {
    pub keys: Vec<Jwk>,
}

/// A public key. Members that verification does not need are ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Jwk {
    pub kty: String,
    #[serde(default)]
    pub crv: String,
    /// The key, in base64url.
    #[serde(default)]
    pub x: String,
    #[serde(default)]
    pub kid: String,
    #[serde(default, rename = "use")]
    pub usage: String,
    #[serde(default)]
    pub alg: String,
}

/// Why a document is not valid.
#[derive(Debug, thiserror::Error)]
pub enum JwsError {
    #[error("the file is not a flattened JWS with exactly the members payload, protected, and signature")]
    Form,
    #[error("the header is not that of a document of this kind")]
    Header,
    #[error("the key that signed it is not in the key set")]
    KeyUnknown,
    #[error("the signature does not belong to this text and this key")]
    Signature,
    #[error("the payload cannot be read")]
    Payload,
}

impl Jwk {
    #[must_use]
    pub fn new(key: PublicKey) -> Self {
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: encode(&key.0),
            kid: thumbprint(key),
            usage: "sig".to_owned(),
            alg: ALGORITHM.to_owned(),
        }
    }

    /// The key, if it is one of this kind.
    fn public(&self) -> Option<PublicKey> {
        let is_ours = self.kty == "OKP" && self.crv == "Ed25519";
        is_ours.then(|| decode(&self.x)?.try_into().ok().map(PublicKey)).flatten()
    }
}

/// The id of a key: the thumbprint of RFC 7638.
#[must_use]
pub fn thumbprint(key: PublicKey) -> String {
    encode(&sha256(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(&key.0)).as_bytes()))
}

/// Signs a document of some type.
#[must_use]
pub fn sign(key: &SigningKey, typ: &str, payload: &[u8]) -> String {
    let kid = thumbprint(key.public());
    let header = format!(r#"{{"alg":"{ALGORITHM}","kid":"{kid}","typ":"{typ}"}}"#);
    let (protected, payload) = (encode(header.as_bytes()), encode(payload));
    let signature = encode(&key.sign(format!("{protected}.{payload}").as_bytes()));
    format!(r#"{{"payload":"{payload}","protected":"{protected}","signature":"{signature}"}}"#)
}

/// The payload of a document of some type whose signature belongs to one of the keys.
pub fn verify(document: &[u8], keys: &KeySet, typ: &str) -> Result<Vec<u8>, JwsError> {
    let Flattened { payload, protected, signature } = serde_json::from_slice(document).map_err(|_| JwsError::Form)?;
    let header = decode(&protected).ok_or(JwsError::Header)?;
    let header: Protected = serde_json::from_slice(&header).map_err(|_| JwsError::Header)?;
    if header.alg != ALGORITHM || header.typ != typ {
        return Err(JwsError::Header);
    }
    let public = keys.keys.iter().filter_map(Jwk::public).find(|key| thumbprint(*key) == header.kid);
    let public = public.ok_or(JwsError::KeyUnknown)?;
    let signature = decode(&signature).ok_or(JwsError::Signature)?;
    if !public.verifies(format!("{protected}.{payload}").as_bytes(), &signature) {
        return Err(JwsError::Signature);
    }
    decode(&payload).ok_or(JwsError::Payload)
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::crypto::Key;

    const TYPE: &str = "example+jws";

    fn key() -> SigningKey {
        SigningKey::from_seed(&Key::from_bytes(&[7; 32]).unwrap()).unwrap()
    }

    fn keys(key: &SigningKey) -> KeySet {
        KeySet { keys: vec![Jwk::new(key.public())] }
    }

    fn with_header(key: &SigningKey, header: &str) -> String {
        let (protected, payload) = (encode(header.as_bytes()), encode(b"{}"));
        let signature = encode(&key.sign(format!("{protected}.{payload}").as_bytes()));
        format!(r#"{{"payload":"{payload}","protected":"{protected}","signature":"{signature}"}}"#)
    }

    #[test]
    fn the_key_and_the_thumbprint_of_rfc_8037_are_ours() {
        let seed = decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = SigningKey::from_seed(&Key::from_bytes(&seed).unwrap()).unwrap();
        let jwk = Jwk::new(key.public());
        assert_eq!(jwk.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(jwk.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn every_flipped_bit_makes_a_document_invalid() {
        let key = key();
        let document = sign(&key, TYPE, br#"{"a":1}"#).into_bytes();
        assert_eq!(verify(&document, &keys(&key), TYPE).unwrap(), br#"{"a":1}"#);
        for at in 0..document.len() {
            for bit in 0..8 {
                let mut flipped = document.clone();
                flipped[at] ^= 1 << bit;
                assert!(verify(&flipped, &keys(&key), TYPE).is_err(), "bit {bit} of byte {at}");
            }
        }
        for end in 0..document.len() {
            assert!(verify(&document[..end], &keys(&key), TYPE).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn neither_another_header_nor_another_key_is_accepted() {
        let key = key();
        let kid = thumbprint(key.public());
        let valid = format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{TYPE}"}}"#);
        assert!(verify(with_header(&key, &valid).as_bytes(), &keys(&key), TYPE).is_ok());
        for header in [
            valid.replace("EdDSA", "none"),
            valid.replace("EdDSA", "HS256"),
            valid.replace(TYPE, "other+jws"),
            valid.replace(&kid, "other"),
            valid.replace('}', r#","crit":["exp"]}"#),
            valid.replace('}', r#","jwk":{}}"#),
            valid.replace('{', r#"{"alg":"none","#),
        ] {
            assert!(verify(with_header(&key, &header).as_bytes(), &keys(&key), TYPE).is_err(), "{header}");
        }
        let other = SigningKey::from_seed(&Key::from_bytes(&[8; 32]).unwrap()).unwrap();
        let document = sign(&key, TYPE, b"{}");
        assert!(matches!(verify(document.as_bytes(), &keys(&other), TYPE), Err(JwsError::KeyUnknown)));
        // A key with the id of another one does not verify.
        let mut forged = Jwk::new(other.public());
        forged.kid = kid;
        assert!(verify(document.as_bytes(), &KeySet { keys: vec![forged] }, TYPE).is_err());
    }
}
