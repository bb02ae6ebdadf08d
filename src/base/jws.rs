//! Signed JSON: a flattened JWS (RFC 7515) with Ed25519 (RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::crypto::sha256;
use super::signing::{PublicKey, SigningKey};

/// The public key as a JWK.
#[must_use]
pub fn jwk(key: PublicKey) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": thumbprint(key),
        "x": URL_SAFE_NO_PAD.encode(key.0) })
}

/// The thumbprint of a public key (RFC 7638), which is its key id.
#[must_use]
pub fn thumbprint(key: PublicKey) -> String {
    // The members that the RFC asks for, in the order of their names, without blanks.
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(key.0));
    URL_SAFE_NO_PAD.encode(sha256(members.as_bytes()))
}

/// Signs a payload of a type, such as `lethe-export+jws`.
#[must_use]
pub fn sign(key: &SigningKey, typ: &str, payload: &[u8]) -> Value {
    let header = json!({ "alg": "EdDSA", "kid": thumbprint(key.public()), "typ": typ }).to_string();
    let (header, payload) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = key.sign(format!("{header}.{payload}").as_bytes());
    json!({ "payload": payload, "protected": header, "signature": URL_SAFE_NO_PAD.encode(signature) })
}
