//! The headers of Standard Webhooks: the id, the time, and the signatures of a message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use crate::base::crypto::Key;
use crate::base::id::MessageId;
use crate::base::signing::{PublicKey, SigningKey};

/// The keys that sign the messages of a webhook.
#[derive(Debug)]
pub struct Signer<'k> {
    /// The secrets of the webhook. After a rotation there are several.
    pub secrets: &'k [Key],
    /// The key of the tenant.
    pub key: &'k SigningKey,
}

/// The headers of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
}

impl Signer<'_> {
    /// Signs a body: `v1` is HMAC-SHA-256 by a secret, and `v1a` is Ed25519 by the tenant's key.
    #[must_use]
    pub fn sign(&self, id: MessageId, now: DateTime<Utc>, body: &str) -> SignedHeaders {
        let (id, timestamp) = (id.to_string(), now.timestamp().to_string());
        let signed = format!("{id}.{timestamp}.{body}");
        let mut signatures: Vec<String> = self
            .secrets
            .iter()
            .map(|secret| format!("v1,{}", STANDARD.encode(secret.hmac(signed.as_bytes()))))
            .collect();
        signatures.push(format!("v1a,{}", STANDARD.encode(self.key.sign(signed.as_bytes()))));
        SignedHeaders { id, timestamp, signature: signatures.join(" ") }
    }
}

/// A secret as its receiver gets it.
#[must_use]
pub fn secret_text(secret: &Key) -> String {
    format!("whsec_{}", STANDARD.encode(secret.bytes()))
}

/// A public key as its receiver gets it.
#[must_use]
pub fn public_key_text(key: PublicKey) -> String {
    format!("whpk_{}", STANDARD.encode(key.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_by_each_secret_and_by_the_key() {
        let secrets = [Key::from_bytes(&[1; 32]).unwrap(), Key::from_bytes(&[2; 32]).unwrap()];
        let key = SigningKey::from_seed(&Key::from_bytes(&[3; 32]).unwrap()).unwrap();
        let signer = Signer { secrets: &secrets, key: &key };
        let id = MessageId("0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11".parse().unwrap());
        let now = "2026-08-03T12:00:00.987Z".parse().unwrap();
        let SignedHeaders { id, timestamp, signature } = signer.sign(id, now, r#"{"type":"webhook.test"}"#);
        assert_eq!((id.as_str(), timestamp.as_str()), ("0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "1785758400"));
        // Computed by Python's hmac module.
        let parts: Vec<_> = signature.split(' ').collect();
        assert_eq!(parts[0], "v1,kHsxmR0mV7gb86JkKqLXCGVkhVwH59FHRSRCdBNpZm4=");
        assert_eq!(parts[1], "v1,n7BKnr1sTvh9FzOFtBwUwxeYXXcm99ptjhhKbZ7Q2KM=");
        let signed = format!(r#"{id}.{timestamp}.{{"type":"webhook.test"}}"#);
        let last = STANDARD.decode(parts[2].strip_prefix("v1a,").unwrap()).unwrap();
        assert!(parts.len() == 3 && key.public().verifies(signed.as_bytes(), &last));
    }
}
