//! Reveals, and the reasons why they are refused.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::actor::Actor;
use crate::base::field::FieldError;
use crate::base::id::{RevealId, Token};
use crate::base::page::{CursorError, Listed, Position};
use crate::base::version::VersionError;
use crate::base::words::words;
use crate::idempotency::IdempotencyError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::VaultError;

words! {
    stored
    /// The status of a reveal.
    #[derive(ToSchema)]
    pub enum RevealStatus {
        /// Another user has to approve it.
        Waiting = "waiting",
        /// Its requester may open it.
        Granted = "granted",
        /// Another user has denied it.
        Denied = "denied",
        /// Its requester or an approver has revoked it.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
    }
}

impl RevealStatus {
    /// The status at an instant of a reveal that was stored with this one.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>, expires_at: DateTime<Utc>) -> Self {
        match self {
            Self::Waiting | Self::Granted if now >= expires_at => Self::Expired,
            stored => stored,
        }
    }
}

/// The decision of another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Approve,
    Deny,
}

/// The wish of a user to see the values of some tokens, which are stored apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reveal {
    pub id: RevealId,
    /// The issuer and the subject of the requester's token. Both together name the user.
    pub issuer: String,
    pub user_sub: String,
    pub user_name: String,
    /// The status at the instant of reading.
    pub status: RevealStatus,
    /// The purpose without identifiers, because the audit log contains it.
    pub purpose: String,
    /// The number of the case in another system, without identifiers.
    pub ticket: Option<String>,
    /// How many tokens it has.
    pub tokens: i32,
    /// How often it was opened.
    pub openings: i32,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// The name of the user who approved, denied, or revoked it.
    pub decided_by: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub comment: Option<String>,
    pub version: i64,
}

impl Reveal {
    /// Whether the actor requested the reveal.
    #[must_use]
    pub fn is_of(&self, actor: &Actor) -> bool {
        self.issuer == actor.issuer && self.user_sub == actor.sub
    }
}

impl Listed for Reveal {
    fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id.0 }
    }
}

/// A reveal that a user asks for.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"tokens": ["phone_2CMSVFGGZ38DN8XTVCWTPVPBXR"], "purpose": "call back", "ticket": "INC0012345"}))]
pub struct NewReveal {
    /// The tokens. The tenant's settings limit their number.
    #[schema(min_items = 1, max_items = 200)]
    pub tokens: Vec<String>,
    /// The reason for seeing the values: 1 to 200 characters. Identifiers in it are masked.
    #[schema(min_length = 1, max_length = 200)]
    pub purpose: String,
    /// The number of the case in another system: 1 to 200 characters. Identifiers in it are masked.
    #[schema(min_length = 1, max_length = 200)]
    pub ticket: Option<String>,
}

/// The selection of a list.
#[derive(Clone, Debug)]
pub struct RevealFilter {
    pub status: Option<RevealStatus>,
    /// The end of the page before.
    pub cursor: Option<String>,
    /// The most reveals of a page.
    pub limit: u32,
}

/// One token of a reveal that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedItem {
    pub token: Token,
    pub outcome: RevealOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevealOutcome {
    Value(String),
    /// The customer was forgotten since the reveal was entered, or is hidden now.
    Forgotten,
    /// The vault did not know the token when the reveal was entered.
    Unknown,
}

/// Why a reveal cannot be entered, decided, or opened.
#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    #[error("the reveal does not exist")]
    NotFound,
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error("the user requested the reveal, so another user must decide about it")]
    OwnRequest,
    #[error("another user requested the reveal")]
    NotRequester,
    #[error("nobody has approved the reveal yet")]
    Waiting,
    #[error("the time of the reveal is over")]
    Expired,
    /// It was approved, denied, or revoked before.
    #[error("the reveal was approved or denied before")]
    Decided,
    /// The user has opened as many values as a day allows.
    #[error("the user has opened as many values as a day allows")]
    Capped {
        /// The seconds until the next local day.
        seconds: i64,
    },
    #[error("{} fields are invalid", .0.len())]
    Invalid(Vec<FieldError>),
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The cursor belongs to another query.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RevealError {
    /// The reason of a refusal, for the audit log.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::OwnRequest => "own_request",
            Self::NotRequester => "not_requester",
            Self::Waiting => "reveal_waiting",
            Self::Expired => "reveal_expired",
            Self::Capped { .. } => "reveal_cap",
            Self::Invalid(_) => "validation_failed",
            Self::Version(_) => "version_stale",
            _ => "state_conflict",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_still_be_opened_expires() {
        let end = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let before = DateTime::from_timestamp(1_799_999_999, 999_999_000).unwrap();
        for stored in [RevealStatus::Waiting, RevealStatus::Granted] {
            assert_eq!((stored.at(before, end), stored.at(end, end)), (stored, RevealStatus::Expired));
        }
        for stored in [RevealStatus::Denied, RevealStatus::Revoked] {
            assert_eq!(stored.at(end, end), stored);
        }
    }
}
