//! The rows of the audit log.

use chrono::{DateTime, Utc};
use pii::Identifier;
use serde_json::Value;
use uuid::Uuid;

use crate::base::crypto::sha256;
use crate::base::id::{ActorId, AuditId, RecordId, Salt};
use crate::base::page::{Listed, Position};
use crate::base::words::{described, words};

words! {
    /// An audited action, and its stable word in the log.
    pub enum Action {
        /// Records were stored.
        ArchiveIngested = "archive.ingested",
        /// Interactions were looked up by their external ids.
        ArchiveLookedUp = "archive.looked_up",
        /// The archive was searched by an identifier, or read in the identified view.
        ArchiveSearched = "archive.searched",
        /// Anonymize requests were read with their identifiers.
        RequestsRead = "requests.read",
        /// Requests were entered.
        RequestCreated = "request.created",
        /// A request was changed.
        RequestChanged = "request.changed",
        /// A request was cancelled.
        RequestDeleted = "request.deleted",
        /// The matches of a request were previewed.
        RequestPreviewed = "request.previewed",
        /// A pass carried a request out.
        RequestDone = "request.done",
        /// A pass deleted old requests.
        RequestsPurged = "requests.purged",
        /// A pass deleted old erasures.
        ErasuresPurged = "erasures.purged",
        /// A legal hold was placed. The row has its ground and its reference.
        HoldPlaced = "hold.placed",
        /// A legal hold was released.
        HoldReleased = "hold.released",
        /// Legal holds were read with their identifiers.
        HoldsRead = "holds.read",
        /// A restored database forgot again what the erasure journal names.
        ArchiveReplayed = "archive.replayed",
        /// Content was downloaded, whole or in part.
        ContentDownloaded = "content.downloaded",
        /// Content was played, whole or in part.
        ContentPlayed = "content.played",
        /// Content was opened for its delivery to the tenant. Each attempt is audited.
        ContentDelivered = "content.delivered",
        /// Content was deleted.
        ContentDeleted = "content.deleted",
        /// The address that recordings are delivered to was set.
        DeliveryTargetSet = "delivery_target.set",
        /// The address that recordings are delivered to was removed.
        DeliveryTargetRemoved = "delivery_target.removed",
        /// A delivery is to be tried again at once.
        DeliveryRetried = "delivery.retried",
        /// The key that recordings are encrypted with was registered.
        RecordingKeyRegistered = "recording_key.registered",
        /// The key that recordings are encrypted with was removed.
        RecordingKeyRemoved = "recording_key.removed",
        /// A tenant's settings were changed.
        TenantChanged = "tenant.changed",
        /// Records were exported in a view without identifiers.
        ArchiveExported = "archive.exported",
        /// A user requested to see the values of tokens.
        RevealRequested = "reveal.requested",
        /// Another user approved a reveal.
        RevealApproved = "reveal.approved",
        /// Another user denied a reveal.
        RevealDenied = "reveal.denied",
        /// The values of a reveal were shown.
        RevealOpened = "reveal.opened",
        /// A reveal was revoked.
        RevealRevoked = "reveal.revoked",
        /// An attempt to reveal tokens was refused.
        RevealRefused = "reveal.refused",
        /// An ageing policy was set, paused, or released.
        AgeingPolicySet = "ageing_policy.set",
        /// An ageing policy was removed.
        AgeingPolicyRemoved = "ageing_policy.removed",
        /// Interactions lost their precision, or were deleted, by an ageing policy.
        RecordsAged = "records.aged",
        /// A recipient was created.
        RecipientCreated = "recipient.created",
        /// A recipient got another key.
        RecipientRotated = "recipient.rotated",
        /// A recipient and its key were deleted.
        RecipientDeleted = "recipient.deleted",
        /// A key of the tenant was rotated.
        KeyRotated = "key.rotated",
        /// Data were checked for suppressions: whether they would arrive forgotten.
        SuppressionsChecked = "suppressions.checked",
        /// A customer's copy of their data was ordered.
        ExportRequested = "export.requested",
        /// Another user approved a customer's copy.
        ExportApproved = "export.approved",
        /// Another user denied a customer's copy.
        ExportDenied = "export.denied",
        /// A customer's copy was downloaded.
        ExportDownloaded = "export.downloaded",
        /// The archive or a file was searched for identifiers that should not be there.
        ArchiveScanned = "archive.scanned",
        /// A certificate of a request that is done was made.
        CertificateIssued = "certificate.issued",
        /// A webhook was entered.
        WebhookCreated = "webhook.created",
        /// A webhook was changed.
        WebhookChanged = "webhook.changed",
        /// A webhook was deleted.
        WebhookDeleted = "webhook.deleted",
        /// A webhook was disabled, because its receiver is gone or has failed for days.
        WebhookDisabled = "webhook.disabled",
        /// A webhook has a new secret.
        WebhookSecretRotated = "webhook.secret_rotated",
        /// A test message was sent to a webhook.
        WebhookTested = "webhook.tested",
        /// A message of a webhook is to be sent again at once.
        WebhookRetried = "webhook.retried",
        /// Events are sent to a webhook again.
        WebhookReplayed = "webhook.replayed",
        /// A call was refused because a scope was missing.
        AccessRefused = "access.refused",
        /// The ids of forgotten records left the audit log.
        AuditUnlinked = "audit.unlinked",
        /// The audit log begins a new tree, because a restore has lost the end of the tree before.
        AuditReopened = "audit.reopened",
        /// A pass deleted old rows of the audit log. The row has the number of the last deleted row.
        AuditPurged = "audit.purged",
    }
}

described!(Action as "AuditAction", "An audited action.");

/// Whether an action was allowed.
#[derive(Debug)]
pub struct AuditOutcome;

described!(AuditOutcome as "AuditOutcome", "Whether the action was allowed.", ["allowed", "refused"]);

#[derive(Clone, Debug)]
pub struct Entry {
    pub action: Action,
    /// `allowed` or `refused`.
    pub allowed: bool,
    /// The purpose as the caller stated it, without identifiers.
    pub purpose: Option<String>,
    pub records: usize,
    /// More facts, such as the names of filters. It never contains an identifier or its id.
    pub detail: Value,
    /// The records that the action concerned. Their ids are beside the row, and leave when a record is forgotten.
    pub record_ids: Vec<RecordId>,
}

/// The facts of a detail that are the ids of records. The row itself has them empty.
pub(super) const RECORD_IDS: &str = "record_ids";
pub(super) const INTERACTION_ID: &str = "interaction_id";

impl Entry {
    /// An allowed action on some records.
    #[must_use]
    pub const fn new(action: Action, records: usize, detail: Value) -> Self {
        Self { action, allowed: true, purpose: None, records, detail, record_ids: Vec::new() }
    }

    /// The same entry about some records. Its detail shows their ids as `record_ids`, as long as the records are not
    /// forgotten.
    #[must_use]
    pub fn of_records(self, ids: Vec<RecordId>) -> Self {
        self.about(RECORD_IDS, Value::Array(Vec::new()), ids)
    }

    /// The same entry about one interaction. Its detail shows the id as `interaction_id`, as long as the interaction is
    /// not forgotten.
    #[must_use]
    pub fn of_interaction(self, id: RecordId) -> Self {
        self.about(INTERACTION_ID, Value::Null, vec![id])
    }

    fn about(mut self, name: &str, empty: Value, ids: Vec<RecordId>) -> Self {
        if let Value::Object(facts) = &mut self.detail {
            facts.insert(name.to_owned(), empty);
        }
        self.record_ids = ids;
        self
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
    /// The number of the row in the sealed log.
    pub seq: Option<i64>,
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

impl Event {
    /// Puts the ids of the row's records into its detail, which has a place for them.
    pub(super) fn show(&mut self, ids: &[RecordId]) {
        let Value::Object(facts) = &mut self.detail else { return };
        if let Some(all) = facts.get_mut(RECORD_IDS) {
            *all = ids.iter().map(|id| Value::String(id.to_string())).collect();
        } else if let (Some(one), [id]) = (facts.get_mut(INTERACTION_ID), ids) {
            *one = Value::String(id.to_string());
        }
    }
}

impl Listed for Event {
    fn position(&self) -> Position {
        Position { at: self.at, id: self.id.0 }
    }

    fn weight(&self) -> usize {
        1024 + self.detail.to_string().len()
    }
}

/// The name of an actor, with the salt by which the actor's id commits to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorName {
    pub sub: String,
    pub name: String,
    pub salt: Salt,
}

impl ActorName {
    /// The id that commits to this name.
    #[must_use]
    pub fn id(&self) -> ActorId {
        let length = u64::try_from(self.sub.len()).unwrap_or(u64::MAX).to_be_bytes();
        let hash = sha256(&[self.salt.0.as_bytes(), &length[..], self.sub.as_bytes(), self.name.as_bytes()].concat());
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        ActorId(Uuid::from_bytes(id))
    }

    /// Whether an id belongs to this name. An id that a migration has made commits to nothing.
    #[must_use]
    pub fn is_of(&self, id: ActorId) -> bool {
        ActorName::is_migrated(id) || self.id() == id
    }

    pub(super) fn is_migrated(id: ActorId) -> bool {
        id.0.as_bytes().starts_with(&[0; 4])
    }
}

/// A row as it is sealed: without the ids of records, and with the digests that commit to them.
#[derive(Clone, Debug)]
pub struct SealedRow {
    pub id: AuditId,
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub actor: ActorId,
    /// Unless the name has left.
    pub actor_name: Option<ActorName>,
    pub action: String,
    pub outcome: String,
    pub purpose: Option<String>,
    pub records: i64,
    /// The detail, as the text that is stored.
    pub detail: String,
    /// The digests of the records' ids, 32 bytes each, sorted.
    pub digests: Vec<u8>,
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
}
