//! The rows of the audit log.

use chrono::{DateTime, Utc};
use pii::{Identifier, Pii};
use serde_json::Value;

use crate::base::id::AuditId;
use crate::base::page::{Listed, Position};
use crate::base::words::described;

/// Declares the actions once: the variant and its stable word.
macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// An audited action.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
        pub enum Action { $($(#[$doc])* #[serde(rename = $word)] $name,)* }

        impl Action {
            /// All actions.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable word of the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

actions! {
    /// Records were stored.
    ArchiveIngested = "archive.ingested";
    /// Interactions were looked up by their external ids.
    ArchiveLookedUp = "archive.looked_up";
    /// The archive was searched by an identifier, or read in the identified view.
    ArchiveSearched = "archive.searched";
    /// Anonymize requests were read with their identifiers.
    RequestsRead = "requests.read";
    /// Requests were entered.
    RequestCreated = "request.created";
    /// A request was changed.
    RequestChanged = "request.changed";
    /// A request was cancelled.
    RequestDeleted = "request.deleted";
    /// The matches of a request were previewed.
    RequestPreviewed = "request.previewed";
    /// A pass carried a request out.
    RequestDone = "request.done";
    /// A pass deleted old requests with their erasures.
    RequestsPurged = "requests.purged";
    /// A restored database forgot again what the erasure journal names.
    ArchiveReplayed = "archive.replayed";
    /// Content was downloaded, whole or in part.
    ContentDownloaded = "content.downloaded";
    /// Content was played, whole or in part.
    ContentPlayed = "content.played";
    /// Content was opened for its delivery to the tenant. Each attempt is audited.
    ContentDelivered = "content.delivered";
    /// Content was deleted.
    ContentDeleted = "content.deleted";
    /// The address that recordings are delivered to was set.
    DeliveryTargetSet = "delivery_target.set";
    /// The address that recordings are delivered to was removed.
    DeliveryTargetRemoved = "delivery_target.removed";
    /// A delivery is to be tried again at once.
    DeliveryRetried = "delivery.retried";
    /// The key that recordings are encrypted with was registered.
    RecordingKeyRegistered = "recording_key.registered";
    /// The key that recordings are encrypted with was removed.
    RecordingKeyRemoved = "recording_key.removed";
    /// A tenant's settings were changed.
    TenantChanged = "tenant.changed";
    /// Records were exported in a view without identifiers.
    ArchiveExported = "archive.exported";
    /// A user asked to see the values of tokens.
    RevealRequested = "reveal.requested";
    /// Another user approved a reveal.
    RevealApproved = "reveal.approved";
    /// Another user denied a reveal.
    RevealDenied = "reveal.denied";
    /// The values of a reveal were shown.
    RevealOpened = "reveal.opened";
    /// A reveal was revoked.
    RevealRevoked = "reveal.revoked";
    /// An attempt to reveal tokens was refused.
    RevealRefused = "reveal.refused";
    /// A recipient was created.
    RecipientCreated = "recipient.created";
    /// A recipient got another key.
    RecipientRotated = "recipient.rotated";
    /// A recipient and its key were deleted.
    RecipientDeleted = "recipient.deleted";
    /// A key of the tenant was rotated.
    KeyRotated = "key.rotated";
    /// A call was refused because a scope was missing.
    AccessRefused = "access.refused";
}

described!(Action as "AuditAction", "An audited action.", Action::ALL.iter().map(|action| action.as_str()));

/// Whether an action was allowed.
#[derive(Debug)]
pub struct Outcome;

described!(Outcome as "AuditOutcome", "Whether the action was allowed.", ["allowed", "refused"]);

#[derive(Clone, Debug)]
pub struct Entry {
    pub action: Action,
    /// `allowed` or `refused`.
    pub allowed: bool,
    /// The purpose as the caller stated it, without identifiers.
    pub purpose: Option<String>,
    pub records: usize,
    /// More facts, such as record ids and the names of filters. It never contains an identifier or its id.
    pub detail: Value,
}

impl Entry {
    /// An allowed action on some records.
    #[must_use]
    pub const fn new(action: Action, records: usize, detail: Value) -> Self {
        Self { action, allowed: true, purpose: None, records, detail }
    }

    /// The same entry with a stated purpose.
    #[must_use]
    pub fn purpose(mut self, purpose: Option<String>) -> Self {
        self.purpose = purpose;
        self
    }
}

/// The conditions of a list of rows. Each is optional, and all that are given apply.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// The subject of the actor's token.
    pub actor: Option<String>,
    pub action: Option<Action>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub struct Event {
    /// The id, in the order of time.
    pub id: AuditId,
    pub at: DateTime<Utc>,
    pub actor_sub: String,
    pub actor_name: String,
    pub action: String,
    /// `allowed` or `refused`.
    pub outcome: String,
    pub purpose: Option<String>,
    pub records: i64,
    pub detail: Value,
}

impl Listed for Event {
    fn position(&self) -> Position {
        Position { at: self.at, id: self.id.0 }
    }

    fn weight(&self) -> usize {
        1024 + self.detail.to_string().len()
    }
}

/// The permission to show identifiers. Only a committed audit row gives it.
#[derive(Debug)]
pub struct Grant(());

impl Grant {
    pub(super) const fn committed() -> Self {
        Self(())
    }

    /// The identifier in clear, for the response whose audit row gave this grant.
    #[must_use]
    pub fn reveal(&self, identifier: &Identifier) -> String {
        match identifier {
            Identifier::Phone(phone) => phone.expose().as_str().to_owned(),
            Identifier::Email(email) => email.expose().as_str().to_owned(),
            Identifier::Name { name, .. } => name.expose().as_str().to_owned(),
        }
    }

    #[must_use]
    pub fn reveal_text(&self, text: &Pii<String>) -> String {
        text.expose().clone()
    }
}
