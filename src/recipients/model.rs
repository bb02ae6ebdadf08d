//! Recipients, and the reasons why they are refused.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::crypto::{CryptoError, Key};
use crate::base::field::FieldError;
use crate::base::id::RecipientId;
use crate::base::page::{CursorError, Listed, Position};
use crate::base::recipient::{FormGrain, FormRules, TokenForm};
use crate::base::version::VersionError;
use crate::base::words::words;
use crate::idempotency::IdempotencyError;
use crate::store::StoreError;
use crate::vault::VaultError;

words! {
    stored
    /// The ids of records that a recipient sees.
    #[derive(Default, ToSchema)]
    pub enum RecordIds {
        /// Ids that no other recipient sees.
        #[default]
        Own = "own",
        /// The ids that callers without a recipient see.
        Shared = "shared",
    }
}

words! {
    stored
    /// The grain of the times that a recipient sees.
    #[derive(Default, ToSchema)]
    pub enum TimeGrain {
        /// Times are shown as they are.
        #[default]
        Second = "second",
        /// Times are truncated to the hour.
        Hour = "hour",
    }
}

words! {
    stored
    /// Whether a recipient sees the ids that the senders of records gave them.
    #[derive(Default, ToSchema)]
    pub enum ExternalIds {
        /// They are null.
        #[default]
        Hidden = "hidden",
        /// They are shown.
        Shown = "shown",
    }
}

/// A client of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecipientClient, example = json!({"issuer": "https://id.example", "client_id": "crm-app"}))]
pub struct Client {
    /// The claim `iss` of its tokens.
    #[schema(min_length = 1, max_length = 200)]
    pub issuer: String,
    /// The claim `azp` or `client_id` of its tokens.
    #[schema(min_length = 1, max_length = 200)]
    pub client_id: String,
}

/// A recipient to create.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "crm", "clients": [{"issuer": "https://id.example", "client_id": "crm-app"}], "record_ids": "own",
    "time": "hour", "external_ids": "hidden"
}))]
pub struct NewRecipient {
    /// The name: 1 to 200 characters. No other recipient has it.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The clients, at most 50. A client belongs to one recipient at most.
    #[schema(min_items = 1, max_items = 50)]
    pub clients: Vec<Client>,
    /// The ids of records that the recipient sees. They are its own if this is absent.
    pub record_ids: Option<RecordIds>,
    /// The grain of the times that the recipient sees. It is the second if this is absent.
    pub time: Option<TimeGrain>,
    /// Whether the recipient sees external ids. They are hidden if this is absent.
    pub external_ids: Option<ExternalIds>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub id: RecipientId,
    pub name: String,
    pub clients: Vec<Client>,
    pub record_ids: RecordIds,
    pub time: TimeGrain,
    pub external_ids: ExternalIds,
    /// The version of its key in the vault.
    pub key_version: i32,
    pub created_at: DateTime<Utc>,
    /// The time at which its key was made.
    pub rotated_at: DateTime<Utc>,
    pub version: i64,
}

impl Recipient {
    /// The form of its tokens under the key of its version.
    pub(super) fn form(&self, key: &Key) -> Result<TokenForm, CryptoError> {
        let rules = FormRules {
            own_record_ids: self.record_ids == RecordIds::Own,
            grain: match self.time {
                TimeGrain::Second => FormGrain::Second,
                TimeGrain::Hour => FormGrain::Hour,
            },
            shows_external_ids: self.external_ids == ExternalIds::Shown,
        };
        TokenForm::new(self.id, self.key_version, key, rules)
    }
}

impl Listed for Recipient {
    fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id.0 }
    }

    fn weight(&self) -> usize {
        1024 + 512 * self.clients.len()
    }
}

/// The selection of a list.
#[derive(Clone, Debug)]
pub struct RecipientFilter {
    /// The end of the page before.
    pub cursor: Option<String>,
    /// The most recipients of a page.
    pub limit: u32,
}

/// Why a recipient cannot be created or changed.
#[derive(Debug, thiserror::Error)]
pub enum RecipientError {
    #[error("the recipient does not exist")]
    NotFound,
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error("another recipient has the name")]
    NameTaken,
    #[error("the recipient that the first call created was deleted")]
    Deleted,
    #[error("a client belongs to another recipient")]
    ClientTaken,
    /// Another call has rotated or deleted it at the same time.
    #[error("the recipient has changed since it was read")]
    Changed,
    #[error("{} fields are invalid", .0.len())]
    Invalid(Vec<FieldError>),
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The cursor belongs to another query.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
