//! Tokens whose signature was verified, so that a signature is verified once and not at every call.
//!
//! The tokens are remembered together with the keys that verified them. So no token is accepted for longer than if its
//! signature were verified each time. Times are checked at every call.

use std::collections::HashMap;
use std::sync::RwLock;

use chrono::{DateTime, Utc};

use super::claims::TokenTimes;
use super::{Claims, TokenError};
use crate::base::crypto::sha256;

/// The most tokens that are remembered. Each takes some 600 bytes.
const MOST: usize = 4_096;

/// The claims of tokens that one set of keys has verified, by the tokens' hashes. The tokens themselves are not kept.
#[derive(Debug, Default)]
pub(super) struct Verified(RwLock<HashMap<[u8; 32], (Claims, TokenTimes)>>);

impl Verified {
    /// The claims of a remembered token. Returns an error if the token has expired in the meantime.
    pub(super) fn find(&self, token: &str, now: DateTime<Utc>) -> Option<Result<Claims, TokenError>> {
        let known = self.0.read().ok()?;
        let (claims, times) = known.get(&sha256(token.as_bytes()))?;
        Some(times.check(now).map(|()| claims.clone()))
    }

    /// Remembers the claims of a token whose signature was verified. If there are too many, expired ones are removed
    /// first, and then all.
    pub(super) fn remember(&self, token: &str, claims: Claims, times: TokenTimes, now: DateTime<Utc>) {
        let Ok(mut known) = self.0.write() else { return };
        if known.len() >= MOST {
            known.retain(|_, (_, times)| times.check(now).is_ok());
            if known.len() > MOST / 2 {
                known.clear();
            }
        }
        known.insert(sha256(token.as_bytes()), (claims, times));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.read().map_or(0, |known| known.len())
    }
}
