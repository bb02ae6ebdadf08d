//! The parts of a token, before and after its signature is verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, crypto};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::TokenError;
use super::set::{self, TokenKey};

/// The longest token that is read, in bytes.
const LONGEST: usize = 16 << 10;

/// A signed token (RFC 7515, the compact form). A key that the token brings or points to (`jwk`, `jku`, `x5u`) is not read.
pub(super) struct BearerToken<'t> {
    pub(super) text: &'t str,
    /// Header and claims, as they were signed.
    signed: &'t str,
    payload: &'t str,
    signature: &'t str,
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl<'t> BearerToken<'t> {
    /// Splits a token and reads its header.
    pub(super) fn read(text: &'t str) -> Result<Self, TokenError> {
        if text.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header: TokenHeader = decoded(header).ok_or(TokenError::Malformed)?;
        let TokenHeader { alg, kid, typ, crit } = header;
        let algorithm = set::algorithm(&alg).ok_or(TokenError::Malformed)?;
        // RFC 7515, 4.1.11: a token with a critical extension that is not understood is refused.
        if crit.is_some() {
            return Err(TokenError::Malformed);
        }
        if !typ.as_deref().is_none_or(gives_access) {
            return Err(TokenError::Type);
        }
        Ok(Self { text, signed, payload, signature, algorithm, kid })
    }

    pub(super) fn is_signed_by(&self, key: &TokenKey) -> bool {
        crypto::verify(self.signature, self.signed.as_bytes(), &key.key, self.algorithm).unwrap_or(false)
    }

    /// The claims. They count only if the signature was verified.
    pub(super) fn claims(&self) -> Option<Map<String, Value>> {
        decoded(self.payload)
    }

    /// The issuer that the token names. It only selects the keys.
    pub(super) fn unverified_issuer(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            iss: String,
        }

        decoded::<Named>(self.payload).map(|named| named.iss)
    }
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Whether a token of this type gives access, or has no type. Other kinds of tokens can have the same issuer, audience,
/// and subject (RFC 8725, 3.11; RFC 9068, 4). Examples are security events (`secevent+jwt`) and logouts (`logout+jwt`).
fn gives_access(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    ["jwt", "at+jwt"].contains(&typ.strip_prefix("application/").unwrap_or(&typ))
}
