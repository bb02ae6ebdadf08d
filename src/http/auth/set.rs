//! A set of verification keys (RFC 7517). It contains only the keys that may verify signatures.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::verified::Verified;

pub(super) const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// A key and the one algorithm that it verifies.
pub(super) struct VerificationKey {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl std::fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The keys of one provider, and the tokens that they have verified.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<VerificationKey>,
    pub(super) verified: Verified,
}

impl KeySet {
    pub(super) fn new(keys: Vec<VerificationKey>) -> Self {
        Self { keys, verified: Verified::default() }
    }

    /// Reads a JSON Web Key Set, and leaves out keys of other kinds. Returns `None` if no key is left.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }

        let set: Set = serde_json::from_slice(json).ok()?;
        let keys: Vec<_> = set.keys.into_iter().filter_map(usable).collect();
        (!keys.is_empty()).then(|| Self::new(keys))
    }

    /// Whether a token with this `kid` can be verified without a fetch.
    pub(super) fn knows(&self, kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| self.keys.iter().any(|key| key.kid.as_deref() == Some(kid)))
    }

    /// The key that a token names. A token that names none is verified only if exactly one key has its algorithm.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&VerificationKey> {
        let named = |key: &&VerificationKey| kid.is_none() || key.kid.as_deref() == kid;
        let mut fitting = self.keys.iter().filter(named).filter(|key| key.algorithm == algorithm);
        let key = fitting.next()?;
        if fitting.next().is_some() { None } else { Some(key) }
    }
}

/// The key, if it may verify signatures here. Its kind fixes the algorithm, and `alg`, `use`, and `key_ops` must agree.
fn usable(jwk: Value) -> Option<VerificationKey> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let common = &jwk.common;
    let agrees = common.key_algorithm.is_none_or(|alg| alg == name)
        && common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| agrees)?;
    Some(VerificationKey { kid: jwk.common.key_id, algorithm, key })
}
