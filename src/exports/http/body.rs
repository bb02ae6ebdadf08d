//! Exports in JSON.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::base::id::ExportId;
use crate::exports::{Export, ExportNotice, ExportStatus, Language};
use crate::http::query::Limit;

/// A customer's copy of their data.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f81", "status": "waiting", "from": null, "to": "2026-08-03T12:00:00Z",
    "purpose": "access request of 3 August", "ticket": "case 118",
    "attestations": [{"method": "call_back", "by": "Ingrid", "on": "2026-08-03", "representative": null}],
    "include_recordings": true, "language": "nb", "user_name": "paal", "decided_by": null, "decided_at": null,
    "created_at": "2026-08-03T12:00:00Z", "expires_at": "2026-08-10T12:00:00Z",
    "warnings": [{"code": "several_names", "detail": "Records of this customer have several names."}]
}))]
pub struct AccessExport {
    /// The id of the export.
    pub id: ExportId,
    /// The state of the export.
    pub status: ExportStatus,
    /// The earliest record, included. It is null if the copy has all earlier records.
    #[schema(required)]
    pub from: Option<DateTime<Utc>>,
    /// The end of the records, excluded.
    pub to: DateTime<Utc>,
    /// The purpose, without identifiers.
    pub purpose: String,
    /// The number of the case in another system.
    #[schema(required)]
    pub ticket: Option<String>,
    /// How the customer's wish was verified.
    #[schema(value_type = Vec<crate::base::attestation::Attestation>)]
    pub attestations: Value,
    /// Whether the copy has recordings.
    pub include_recordings: bool,
    /// The language of the page.
    pub language: Language,
    /// The name of the user who ordered the export.
    pub user_name: String,
    /// The name of the user who approved or denied it.
    #[schema(required)]
    pub decided_by: Option<String>,
    /// The time of that decision.
    #[schema(required)]
    pub decided_at: Option<DateTime<Utc>>,
    /// The time at which the export was ordered.
    pub created_at: DateTime<Utc>,
    /// The time at which the export ends.
    pub expires_at: DateTime<Utc>,
    /// Facts about the export that its approver should know, as they were when it was ordered.
    pub warnings: Vec<AccessExportWarning>,
}

impl From<Export> for AccessExport {
    fn from(export: Export) -> Self {
        let Export { id, phone_id: _, email_id: _, from, to, purpose, ticket, attestations, .. } = export;
        let Export { notices, include_recordings, language, status, issuer: _, requested_by: _, .. } = export;
        let Export { requested_by_name, decided_by_name, decided_at, created_at, expires_at, .. } = export;
        Self {
            id,
            status,
            from,
            to,
            purpose,
            ticket,
            attestations: serde_json::from_str(&attestations).unwrap_or_default(),
            include_recordings,
            language,
            user_name: requested_by_name,
            decided_by: decided_by_name,
            decided_at,
            created_at,
            expires_at,
            warnings: notices.into_iter().map(AccessExportWarning::from).collect(),
        }
    }
}

/// A warning about an export.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct AccessExportWarning {
    /// `several_names` or `nothing_found`.
    #[schema(example = "several_names")]
    pub code: &'static str,
    /// The meaning of the warning.
    pub detail: &'static str,
}

impl From<ExportNotice> for AccessExportWarning {
    fn from(notice: ExportNotice) -> Self {
        let (code, detail) = match notice {
            ExportNotice::SeveralNames => (
                "several_names",
                "Records of this customer have several names. Make sure that they are one person's before you approve.",
            ),
            ExportNotice::NothingFound => ("nothing_found", "The archive has no record of this customer."),
        };
        Self { code, detail }
    }
}

/// The selection of a list of exports.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccessExportListing {
    /// Only exports in this state.
    pub status: Option<ExportStatus>,
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    pub cursor: Option<String>,
    /// The largest number of items in the page: 1 to 200. The default is 50.
    #[param(inline)]
    pub limit: Limit,
}

/// A temporary address of a download.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "url": "/api/v1/access-exports/tickets/q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k",
    "expires_at": "2026-08-03T12:01:00Z"
}))]
pub struct AccessExportTicket {
    /// The address, relative to this service. It needs no token, and works once. It is null if an earlier call with the
    /// same idempotency key has shown it, because it is a secret.
    #[schema(required, example = "/api/v1/access-exports/tickets/q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k")]
    pub url: Option<String>,
    /// The time at which the address ends.
    pub expires_at: DateTime<Utc>,
}
