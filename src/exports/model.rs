//! Exports: which records a customer's copy has, who asked for it, and who approved it.

use chrono::{DateTime, TimeDelta, Utc};
use pii::{Email, Identifier, Phone, Region};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::archive::ArchiveError;
use crate::base::actor::Actor;
use crate::base::attestation::{Attestation, AttestationInput};
use crate::base::content::ContentKind;
use crate::base::crypto::CryptoError;
use crate::base::field::FieldError;
use crate::base::id::{ContentId, ExportId, IdentifierId};
use crate::base::memory::MemoryError;
use crate::base::page::{Listed, Position};
use crate::base::purpose::stated;
use crate::base::words::words;
use crate::content::ContentError;
use crate::idempotency::IdempotencyError;
use crate::store::StoreError;
use crate::tenants::TenantError;
use crate::vault::VaultError;

/// How long an export can be downloaded.
pub const LIFE: TimeDelta = TimeDelta::days(7);

/// How long the address of a download is good for.
pub const TICKET_LIFE: TimeDelta = TimeDelta::seconds(60);

/// The most characters of the number of a case.
const LONGEST_TICKET: usize = 100;

words! {
    stored
    /// The state of an export.
    #[derive(ToSchema)]
    pub enum ExportStatus {
        /// Another user must approve it.
        Waiting = "waiting",
        /// It can be downloaded.
        Ready = "ready",
        /// Another user has denied it.
        Denied = "denied",
    }
}

words! {
    stored
    /// The language of the page that a customer reads.
    #[derive(Default, ToSchema)]
    pub enum Language {
        /// English.
        #[default]
        En = "en",
        /// Swedish.
        Sv = "sv",
        /// Norwegian.
        Nb = "nb",
    }
}

/// The order for a customer's copy of their data.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccessExportNew, example = json!({
    "phone_number": "0047 912 34 567", "purpose": "access request of 3 August", "ticket": "case 118",
    "attestations": [{"method": "call_back", "by": "Ingrid", "on": "2026-08-03"}], "language": "nb"
}))]
pub struct NewExport {
    /// The customer's phone number: national in the tenant's region, or international after `00` or `+`. An export has a
    /// number, an address, or both.
    #[serde(default)]
    #[schema(example = "0047 912 34 567")]
    pub phone_number: Option<String>,
    /// The customer's e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// The earliest record, included. By default all earlier records are in the copy.
    #[serde(default)]
    pub from: Option<DateTime<Utc>>,
    /// The end of the records, excluded. The default is now.
    #[serde(default)]
    pub to: Option<DateTime<Utc>>,
    /// How the customer's wish was verified: one attestation for the number and one for the address, in this order.
    #[serde(default)]
    #[schema(required, max_items = 2)]
    pub attestations: Vec<AttestationInput>,
    /// The purpose of the export: 1 to 200 characters. Identifiers in it are masked.
    #[schema(min_length = 1, max_length = 200)]
    pub purpose: String,
    /// The number of the case in another system. Identifiers in it are masked.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub ticket: Option<String>,
    /// Whether the copy has the recordings of the customer's interactions. The default is true.
    #[serde(default = "usually")]
    #[schema(required = false)]
    pub include_recordings: bool,
    /// The language of the page in the copy. The default is English.
    #[serde(default)]
    #[schema(required = false)]
    pub language: Language,
}

const fn usually() -> bool {
    true
}

/// An order whose fields are valid.
pub struct ValidatedExport {
    pub phone: Option<Identifier>,
    pub email: Option<Identifier>,
    pub from: Option<DateTime<Utc>>,
    pub to: DateTime<Utc>,
    pub attestations: Vec<Attestation>,
    pub purpose: String,
    pub ticket: Option<String>,
}

impl NewExport {
    /// Checks all fields, and returns all rules that they break.
    pub fn validate(
        &self,
        (region, today): (Region, chrono::NaiveDate),
        now: DateTime<Utc>,
    ) -> Result<ValidatedExport, Vec<FieldError>> {
        let Self { phone_number, email, from, to, attestations, purpose, ticket, .. } = self;
        let mut errors = Vec::new();
        let phone = phone_number.as_ref().map(|raw| {
            let rule = || FieldError::at("/phone_number", "phone_number_invalid", "must be a phone number");
            Phone::parse(raw, region).map(Identifier::Phone).map_err(|_| rule())
        });
        let email = email.as_ref().map(|raw| {
            let rule = || FieldError::at("/email", "email_invalid", "must be an e-mail address");
            Email::parse(raw).map(Identifier::Email).map_err(|_| rule())
        });
        let mut identifier = |read: Option<Result<Identifier, FieldError>>| {
            read.and_then(|read| read.map_err(|error| errors.push(error)).ok())
        };
        let (phone, email) = (identifier(phone), identifier(email));
        let named = usize::from(self.phone_number.is_some()) + usize::from(self.email.is_some());
        if named == 0 {
            let rule = "send a phone number or an e-mail address";
            errors.push(FieldError::at("/phone_number", "identifier_missing", rule));
        }
        let to = to.map_or(now, |to| to.min(now));
        if from.is_some_and(|from| from >= to) {
            errors.push(FieldError::at("/to", "out_of_range", "must be after from"));
        }
        let attestations = attested(attestations, named, today, &mut errors);
        let purpose = stated(purpose);
        if purpose.is_none() {
            errors.push(FieldError::at("/purpose", "out_of_range", "must be 1 to 200 characters"));
        }
        if ticket.as_ref().is_some_and(|ticket| ticket.chars().nth(LONGEST_TICKET).is_some()) {
            errors.push(FieldError::at("/ticket", "too_long", "must be at most 100 characters"));
        }
        match purpose {
            Some(purpose) if errors.is_empty() => Ok(ValidatedExport {
                phone,
                email,
                from: *from,
                to,
                attestations,
                purpose: purpose.to_owned(),
                ticket: ticket.clone().filter(|ticket| !ticket.is_empty()),
            }),
            _ => Err(errors),
        }
    }
}

/// One attestation for each of the identifiers.
fn attested(
    sent: &[AttestationInput],
    named: usize,
    today: chrono::NaiveDate,
    errors: &mut Vec<FieldError>,
) -> Vec<Attestation> {
    let mut attestations = Vec::new();
    for (no, one) in sent.iter().enumerate() {
        match one.validate(None, today, &format!("/attestations/{no}")) {
            Ok(one) => attestations.push(one),
            Err(mut wrong) => errors.append(&mut wrong),
        }
    }
    if sent.len() < named {
        let rule = "is required: one attestation for each identifier";
        errors.push(FieldError::at(format!("/attestations/{}", sent.len()), "required", rule));
    } else if sent.len() > named {
        errors.push(FieldError::at("/attestations", "too_many", "must be one attestation for each identifier"));
    }
    attestations
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    pub id: ExportId,
    /// `None`: the vault did not know the number, or none was named.
    pub phone_id: Option<IdentifierId>,
    pub email_id: Option<IdentifierId>,
    pub from: Option<DateTime<Utc>>,
    pub to: DateTime<Utc>,
    pub purpose: String,
    pub ticket: Option<String>,
    /// As JSON.
    pub attestations: String,
    /// The facts that the approver should know. They are those of the time of the order.
    pub notices: Vec<ExportNotice>,
    pub include_recordings: bool,
    pub language: Language,
    pub status: ExportStatus,
    /// The issuer and the subject of the token of the user who ordered it. Both together name the user.
    pub issuer: String,
    pub requested_by: String,
    pub requested_by_name: String,
    pub decided_by_name: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl Export {
    /// The ids of the identifiers by which records are selected.
    pub fn identifiers(&self) -> impl Iterator<Item = IdentifierId> + use<> {
        [self.phone_id, self.email_id].into_iter().flatten()
    }

    /// Whether a user has ordered the export.
    #[must_use]
    pub fn is_of(&self, actor: &Actor) -> bool {
        self.issuer == actor.issuer && self.requested_by == actor.sub
    }
}

impl Listed for Export {
    fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id.0 }
    }

    fn weight(&self) -> usize {
        1024 + self.attestations.len()
    }
}

/// A note about an export that was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportNotice {
    /// Records under the number or the address have several names, so that they may be several people's.
    SeveralNames,
    /// The archive has nothing of this customer.
    NothingFound,
}

/// The text of a ticket, and the time at which it ends.
pub type IssuedTicket = (String, DateTime<Utc>);

/// The outcome of an order, as its idempotency key keeps it.
#[derive(Serialize, Deserialize)]
pub struct Ordered {
    pub id: ExportId,
}

/// A recording or another file of the customer that is not in their copy.
#[derive(Clone, Debug, Serialize)]
pub struct NotIncluded {
    pub id: ContentId,
    pub kind: ContentKind,
    /// The number of uploaded bytes.
    pub size: u64,
    /// The time of its interaction.
    pub started_at: DateTime<Utc>,
    pub why: OmissionReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OmissionReason {
    /// It is encrypted for the tenant, so the service cannot open it.
    Encrypted,
    /// The order leaves recordings out.
    NotAsked,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the export does not exist, or it has ended: an export ends after 7 days, and with its customer")]
    NotFound,
    #[error("the user who ordered an export cannot decide about it")]
    OwnRequest,
    #[error("the export is not waiting")]
    Decided,
    #[error("the export is not ready: another user must approve it first, or has denied it")]
    NotReady,
    #[error("the order breaks rules")]
    Invalid(Vec<FieldError>),
    /// The export was deleted or has expired during its download.
    #[error("the export has ended during its download: it has expired, or its customer was forgotten")]
    Ended,
    /// A copy that lacks a part must not look whole.
    #[error("records or texts of the customer changed during the download: download the export again")]
    Changed,
    /// The reader of the download went away.
    #[error("the download was interrupted")]
    Interrupted,
    #[error("the archive file could not be written: {0}")]
    Zip(#[source] std::io::Error),
    #[error("a temporary file could not be written or read: {0}")]
    Spool(#[source] std::io::Error),
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
