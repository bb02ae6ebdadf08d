//! The payload of a certificate, and how it is made from a request.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, Months, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::base::day::local_day;
use crate::base::hex::hex;
use crate::base::id::{CertificateId, RequestId};
use crate::base::target::Target;
use crate::config::BackupDays;
use crate::journal::JournalEntry;
use crate::requests::StoredRequest;
use crate::scan::ScanCounts;
use crate::store::StoreError;
use crate::tenants::Tenant;
use crate::vault::VaultError;

/// The type of the document, which its protected header states.
pub const TYPE: &str = "lethe-erasure+jws";

/// For how many days a request is kept at least after it was done.
const DONE_KEPT: Days = Days::new(30);

/// The facts that no certificate proves. Every certificate says so.
const DOES_NOT_PROVE: [&str; 7] = [
    "backups_before_expiry",
    "copies_delivered",
    "other_systems",
    "names_of_others_in_texts",
    "audio_not_searched",
    "not_anonymous_recital_26",
    "operator_honesty",
];

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("the request does not exist")]
    NotFound,
    /// The request waits, or the job that carried it out has not ended.
    #[error("the certificate is not made yet")]
    NotReady,
    #[error("the payload cannot be written")]
    Unwritable,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The part of the archive that was read before the certificate was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// The records that changed, with every record that the request selected.
    Changed,
    /// All tables and texts.
    Full,
}

/// The residue scan that the certificate waited for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanPart {
    pub at: DateTime<Utc>,
    pub coverage: Coverage,
    pub rows: u64,
    pub columns: u64,
    pub objects: u64,
    /// How often an identifier of this request was found in data that its erasure covers.
    pub residue: u64,
    /// How often one of as many control numbers was found, for all requests: what chance alone gives.
    pub control: u64,
    /// Windows inside longer runs of digits that equal an identifier by chance.
    pub coincidence: u64,
    /// Encrypted content, which cannot be searched, by kind.
    pub unreadable: BTreeMap<String, u64>,
}

impl ScanPart {
    /// The part that all requests of a scan have in common.
    #[must_use]
    pub fn new(at: DateTime<Utc>, coverage: Coverage, counts: &ScanCounts) -> Self {
        let ScanCounts { rows, columns, objects, residue_control, coincidence, unreadable, .. } = counts;
        Self {
            at,
            coverage,
            rows: *rows,
            columns: *columns,
            objects: *objects,
            residue: 0,
            control: *residue_control,
            coincidence: *coincidence,
            unreadable: unreadable.clone(),
        }
    }
}

/// The content of a certificate.
#[derive(Debug, Serialize, Deserialize)]
pub struct Payload {
    pub iss: String,
    pub iat: i64,
    pub jti: CertificateId,
    pub version: i32,
    /// The tenant's name in tokens.
    pub tenant: String,
    pub request: RequestId,
    pub entered_on: NaiveDate,
    /// The last local day that was forgotten.
    pub to_date: NaiveDate,
    pub time_zone: String,
    pub carried_out_at: DateTime<Utc>,
    /// The numbers of records that became anonymous, by target.
    pub targets: BTreeMap<String, CertificateTarget>,
    pub targets_not_asked: Vec<String>,
    pub content: ContentPart,
    /// How the customer's wish was verified. It is null if nobody has stated that.
    pub attestation: Option<AttestationPart>,
    /// The systems outside of this service in which the customer is forgotten too, as their users state.
    pub other_systems: Vec<OtherSystem>,
    pub scan: Option<ScanPart>,
    /// The newest object of the erasure journal that the archive knows. It is null if there is no journal.
    pub journal: Option<JournalPart>,
    /// The newest checkpoint of the sealed audit log. It is null before the first one.
    pub audit: Option<AuditPart>,
    pub software: Software,
    pub kept: Vec<KeptData>,
    pub still_held: Vec<StillHeld>,
    pub does_not_prove: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct CertificateTarget {
    pub anonymized: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ContentPart {
    /// Whether the request includes the deletion of content.
    pub deletion_asked: bool,
    pub deleted: u64,
    pub texts_anonymized: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct JournalPart {
    pub seq: i64,
    /// The SHA-256 of the object, in hexadecimal digits.
    pub hash: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct AttestationPart {
    pub method: String,
    pub on: NaiveDate,
    /// Whether a representative acted for the customer.
    pub representative: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct OtherSystem {
    pub system: String,
    /// `open`, `done`, or `not_applicable`.
    pub state: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditPart {
    pub origin: String,
    pub size: u64,
    /// The root of the tree, in base64.
    pub root: String,
}

impl AuditPart {
    /// The facts of a signed note of the audit log.
    #[must_use]
    pub fn of_note(note: &str) -> Option<Self> {
        let mut lines = note.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        Some(Self { origin: origin.to_owned(), size: size.parse().ok()?, root: root.to_owned() })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Software {
    pub name: String,
    pub version: String,
}

/// Data that stay on purpose.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptData {
    pub what: String,
    pub why: String,
    /// The first day on which it may be deleted, if it is deleted by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
}

/// Copies that this service does not delete.
#[derive(Debug, Serialize, Deserialize)]
pub struct StillHeld {
    pub what: String,
    /// The last day on which a copy exists, as the operator declares it. It is null if nothing is declared.
    pub until: Option<NaiveDate>,
    /// Whether the operator has declared the day.
    pub declared: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// All that certificates of one batch have in common.
pub struct Basis<'b> {
    pub tenant: &'b Tenant,
    pub now: DateTime<Utc>,
    pub version: i32,
    pub journal: Option<JournalEntry>,
    pub audit: Option<AuditPart>,
    pub backup_days: BackupDays,
    pub scan: Option<&'b ScanPart>,
}

impl Basis<'_> {
    /// The payload for a request of which the scan has found something so often.
    pub fn payload(&self, stored: StoredRequest, residue: u64) -> Payload {
        let StoredRequest { request, checklist, counts, content, delivered_files, .. } = stored;
        let done_at = request.done_at.unwrap_or(self.now);
        let done_day = local_day(done_at, self.tenant.zone);
        let asked = |target: &Target| request.targets.contains(*target);
        let anonymized =
            |target: Target| CertificateTarget { anonymized: counts.get(&target).copied().unwrap_or_default() };
        Payload {
            iss: "lethe".to_owned(),
            iat: self.now.timestamp(),
            jti: CertificateId::new(),
            version: self.version,
            tenant: self.tenant.slug.clone(),
            request: request.id,
            entered_on: request.entry_day,
            to_date: request.to_date,
            time_zone: self.tenant.zone.name().to_owned(),
            carried_out_at: done_at,
            targets: request.targets.iter().map(|target| (target.to_string(), anonymized(target))).collect(),
            targets_not_asked: Target::ALL.iter().filter(|one| !asked(one)).map(ToString::to_string).collect(),
            content: ContentPart {
                deletion_asked: request.delete_content,
                deleted: content.deleted,
                texts_anonymized: content.anonymized,
            },
            attestation: request.case.attestation.as_ref().map(|attestation| AttestationPart {
                method: attestation.method.as_str().to_owned(),
                on: attestation.on,
                representative: attestation.representative.is_some(),
            }),
            other_systems: checklist
                .into_iter()
                .map(|item| OtherSystem { system: item.system, state: item.state.as_str().to_owned() })
                .collect(),
            scan: self.scan.map(|scan| ScanPart { residue, ..scan.clone() }),
            journal: self.journal.as_ref().map(|entry| JournalPart { seq: entry.seq, hash: hex(&entry.hash) }),
            audit: self.audit.clone(),
            software: Software { name: "lethe".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            kept: self.kept(request.entry_day, done_day, request.delete_content),
            still_held: self.still_held(done_day, delivered_files.len()),
            does_not_prove: DOES_NOT_PROVE.map(str::to_owned).to_vec(),
        }
    }

    fn kept(&self, entered: NaiveDate, done: NaiveDate, deletes_content: bool) -> Vec<KeptData> {
        let months = Months::new(self.tenant.settings.request_retention_months);
        let until = entered.checked_add_months(months).max(done.checked_add_days(DONE_KEPT));
        let erasure = Months::new(self.tenant.settings.erasure_months());
        let hash_until = entered.checked_add_months(erasure).max(until);
        let kept = |what: &str, why: &str, until| KeptData { what: what.to_owned(), why: why.to_owned(), until };
        let mut all = vec![
            kept("records_without_identifiers", "statistics", None),
            kept("records_after_to_date", "not_requested", None),
            kept("request_with_masks", "accountability", until),
            kept("keyed_hash", "late_data_arrive_forgotten", hash_until),
            kept("audit_log", "accountability", None),
        ];
        if !deletes_content {
            all.push(kept("content", "deletion_not_requested", None));
        }
        if self.journal.is_some() {
            all.push(kept("erasure_journal", "a_restore_is_forgotten_again", None));
        }
        all
    }

    fn still_held(&self, done: NaiveDate, delivered_files: usize) -> Vec<StillHeld> {
        let BackupDays { archive, vault } = self.backup_days;
        let backups = |what: &str, days: Option<u32>| StillHeld {
            what: what.to_owned(),
            until: days.and_then(|days| done.checked_add_days(Days::new(days.into()))),
            declared: days.is_some(),
            count: None,
        };
        let mut held = vec![backups("backups_of_the_archive", archive), backups("backups_of_the_vault", vault)];
        if delivered_files > 0 {
            let (what, count) = ("delivered_files".to_owned(), Some(delivered_files as u64));
            held.push(StillHeld { what, until: None, declared: false, count });
        }
        held
    }
}
