//! Tokens whose signature was verified, so that it is done once and not at every call.
//!
//! They are remembered beside the keys that verified them and go with those: a token is taken no longer than it would be
//! if its signature were verified each time. Times are checked at every call.

use std::collections::HashMap;
use std::sync::RwLock;

use chrono::{DateTime, Utc};

use super::claims::Times;
use super::{Claims, TokenError};
use crate::base::crypto::sha256;

/// The most tokens that are remembered; some 600 bytes each.
const MOST: usize = 4_096;

/// What tokens say that one set of keys has verified, by the tokens' hashes: the tokens themselves are not kept.
#[derive(Debug, Default)]
pub(super) struct Verified(RwLock<HashMap<[u8; 32], (Claims, Times)>>);

impl Verified {
    /// What a token says if it is remembered: an error where its time is over meanwhile.
    pub(super) fn find(&self, token: &str, now: DateTime<Utc>) -> Option<Result<Claims, TokenError>> {
        let known = self.0.read().ok()?;
        let (claims, times) = known.get(&sha256(token.as_bytes()))?;
        Some(times.check(now).map(|()| claims.clone()))
    }

    /// Remembers what a token says whose signature was verified. Where there are too many, those whose time is over make
    /// room, else all do.
    pub(super) fn remember(&self, token: &str, claims: Claims, times: Times, now: DateTime<Utc>) {
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
