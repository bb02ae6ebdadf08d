//! Endpoints about the caller and the tenant's settings.

use std::collections::BTreeSet;

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, patch};
use chrono::{DateTime, Utc};
use pii::Region;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::disclosure::RevealSettings;
use super::patterns::PatternSetting;
use super::recordings::RecordingSettings;
use super::retentions::RetentionSettings;
use super::tenant_patch::TenantPatch;
use crate::base::actor::Scope;
use crate::base::json::read_value;
use crate::base::target::Target;
use crate::base::work;
use crate::http::caller::{Anybody, TenantsAdmin};
use crate::http::docs::{BodyProblems, CallProblems, VersionProblems};
use crate::http::etag::{IfMatch, IfNoneMatch, not_modified, versioned};
use crate::http::json::MergePatch;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, FieldError, Problem, Registry};
use crate::tenants::{self, ExternalSystem, IdentifiedView, Processing, Tenant, TenantChange, TotalsSettings};
use crate::vault::AppContext;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry.service(get_me).service(get_tenant).service(change_tenant);
}

/// The caller of this call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "sub": "248289761001", "name": "paal", "tenant": "demo", "scopes": ["requests:read", "requests:write"]
}))]
pub struct Me {
    /// The subject of the token.
    #[schema(example = "248289761001")]
    pub sub: String,
    /// The name that other users of the tenant see.
    #[schema(example = "paal")]
    pub name: String,
    /// The tenant's slug.
    #[schema(example = "demo")]
    pub tenant: String,
    /// The scopes of the token.
    #[schema(value_type = Vec<Scope>, example = json!(["requests:read", "requests:write"]))]
    pub scopes: BTreeSet<&'static str>,
}

/// Get the caller
///
/// The caller's name, tenant, and scopes, as the service understands the token.
///
/// This operation needs a valid token and no scope.
#[utoipa::path(tag = "operations", operation_id = "get_me", security(("bearer" = [])),
    responses((status = 200, description = "The caller with tenant and scopes.", body = Me), CallProblems))]
#[get("/me")]
pub async fn get_me(caller: Caller<Anybody>, _: Params<Nothing>, stores: Data<AppContext>) -> ApiResult<Json<Me>> {
    let tenant = tenants::find(&mut stores.archive.read().await?, caller.tenant).await?;
    let scopes = caller.scopes.iter().map(|scope: &Scope| scope.as_str()).collect();
    Ok(Json(Me { sub: caller.sub.clone(), name: caller.name.clone(), tenant: tenant.slug, scopes }))
}

/// The tenant's settings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "slug": "demo", "region": "NO", "time_zone": "Europe/Oslo", "targets": ["archive", "sms_survey", "raw_data"],
    "purpose_required": false, "request_retention_months": 12,
    "request_retention": {"paused": false, "state": "on", "changed_at": null}, "erasure_retention_months": 24,
    "erasure_retention": {"paused": false, "state": "on", "changed_at": null}, "delete_content": false, "hide_waiting": false, "own_numbers": ["+4722334"],
    "dial_out_prefixes": ["9"], "version": 1,
    "patterns": [{"name": "customer number", "regex": "\\bKN-?[0-9]{6}\\b"}],
    "attestation_required": false, "external_systems": [{"name": "Salesforce", "owner": "CRM team", "days": 20}],
    "recordings": {
        "encrypt": true, "only_encrypt_delivery": false, "encrypt_metadata": false, "allow_plain_ftp": false,
        "retention_days": {"recording": 90}, "retention_paused": false, "retention_state": "on",
        "retention_changed_at": "2026-05-01T12:00:00Z"
    },
    "totals": {"min_cell": 5, "perturbation": false},
    "reveal": {"approval": false, "minutes": 60, "per_call": 20, "per_day": 50}, "identified_view": "any",
    "export_approval": true, "processing": {
        "controller": "Example AS, Storgata 1, Oslo", "contact": "privacy@example.com", "purposes": ["customer service"],
        "legal_basis": "Art. 6(1)(b)", "categories": ["contact data"], "recipients": [], "transfers": null
    }
}))]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct TenantSettings {
    /// The tenant's name in tokens.
    #[schema(example = "demo")]
    pub slug: String,
    /// The region in which national numbers need no country code (ISO 3166-1 alpha-2).
    #[schema(example = "NO")]
    pub region: String,
    /// The time zone of the tenant's local days, as a name of the IANA time zone database.
    #[schema(example = "Europe/Oslo")]
    pub time_zone: String,
    /// The targets that requests can select.
    #[schema(value_type = Vec<Target>, example = json!(["archive", "sms_survey", "raw_data"]))]
    pub targets: Vec<&'static str>,
    /// Whether a call in the identified view must state a purpose.
    pub purpose_required: bool,
    /// The number of calendar months for which done requests are kept.
    #[schema(example = 12)]
    pub request_retention_months: u32,
    /// The pause and the state of the retention of requests.
    pub request_retention: RetentionSettings,
    /// The number of calendar months for which erasures are kept, so that late data arrive forgotten.
    #[schema(example = 24)]
    pub erasure_retention_months: u32,
    /// The pause and the state of the retention of erasures.
    pub erasure_retention: RetentionSettings,
    /// Whether a request deletes recordings and other content, if the request does not say so itself.
    pub delete_content: bool,
    /// Whether a waiting request hides its customer: searches by the customer find nothing up to the cut-off, and other
    /// results show `Anonymized`.
    pub hide_waiting: bool,
    /// The numbers of the contact centre itself, in E.164, or their beginnings. They are never a customer's.
    #[schema(example = json!(["+4722334"]))]
    pub own_numbers: Vec<String>,
    /// The prefixes that are dialled for an outside line. Call logs contain them, and customers' numbers do not.
    #[schema(example = json!(["9"]))]
    pub dial_out_prefixes: Vec<String>,
    /// The tenant's own patterns, such as customer numbers. A match reads `[customer number]` in every view.
    pub patterns: Vec<PatternSetting>,
    /// Whether each request must say how the customer's wish was verified.
    pub attestation_required: bool,
    /// The systems outside of this one in which a customer is forgotten too. Each new request has a checklist of them.
    pub external_systems: Vec<ExternalSystem>,
    /// How recordings and other content are kept and delivered.
    pub recordings: RecordingSettings,
    /// The rule for the small cells of totals.
    pub totals: TotalsSettings,
    /// How users reveal tokens.
    pub reveal: RevealSettings,
    /// The responses in which the identified view shows values: `any`, or only those to a search by number or address.
    pub identified_view: IdentifiedView,
    /// Whether another user must approve a customer's copy of their data.
    pub export_approval: bool,
    /// The tenant's own information about its processing. It is part of each customer's copy.
    pub processing: Processing,
    /// The version, which grows with every change. It is also the `ETag`.
    #[schema(example = 1)]
    pub version: i64,
}

impl TenantSettings {
    fn new(tenant: Tenant, now: DateTime<Utc>) -> Self {
        let Tenant { id: _, slug, region, zone, targets, settings, version, unreadable: _ } = tenant;
        let erasure_retention_months = settings.erasure_months();
        let tenants::Settings {
            purpose_required,
            request_retention_months,
            request_retention,
            erasure_retention_months: _,
            erasure_retention,
            delete_content,
            hide_waiting,
            own_numbers,
            dial_out_prefixes,
            patterns,
            attestation_required,
            external_systems,
            recordings,
            totals,
            reveal,
            identified_view,
            export_approval,
            processing,
        } = settings;
        Self {
            erasure_retention_months,
            slug,
            region: region.to_string(),
            time_zone: zone.name().to_owned(),
            targets: targets.words(),
            purpose_required,
            request_retention_months,
            request_retention: RetentionSettings::new(request_retention, now),
            erasure_retention: RetentionSettings::new(erasure_retention, now),
            delete_content,
            hide_waiting,
            own_numbers,
            dial_out_prefixes,
            patterns: patterns.into_iter().map(PatternSetting::from).collect(),
            attestation_required,
            external_systems,
            recordings: RecordingSettings::new(recordings, now),
            totals,
            reveal: reveal.into(),
            identified_view,
            export_approval,
            processing,
            version,
        }
    }
}

/// Get the tenant's settings
///
/// This operation needs a valid token and no scope.
#[utoipa::path(tag = "operations", operation_id = "get_tenant", security(("bearer" = [])),
    responses((status = 200, description = "The settings of the tenant.", body = TenantSettings,
            headers(("ETag" = String, description = "The version of the settings."))),
        (status = 304, description = "The caller already has this version."), CallProblems))]
#[get("/tenant")]
pub async fn get_tenant(
    caller: Caller<Anybody>,
    _: Params<Nothing>,
    has: IfNoneMatch,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let tenant = tenants::find(&mut stores.archive.read().await?, caller.tenant).await?;
    if has.0.contain(tenant.version) {
        return Ok(not_modified(tenant.version));
    }
    Ok(settings(tenant, stores.clock.now()))
}

/// Change the tenant's settings
///
/// The body is a merge patch. `application/json` is accepted as its media type too. Null clears a field of `processing`,
/// and keeps a kind of content in `retention_days` for ever. No other field can be cleared. A change without an effect
/// keeps the version.
///
/// This operation needs the scope `tenants:admin`.
#[utoipa::path(tag = "operations", operation_id = "change_tenant", security(("bearer" = ["tenants:admin"])),
    params(("If-Match" = String, Header, description = "The version of the settings to change, which is the `ETag` of \
                                                        the last read.")),
    request_body(content = TenantPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The settings after the change.", body = TenantSettings,
            headers(("ETag" = String, description = "The version of the settings."))),
        CallProblems, BodyProblems, VersionProblems))]
#[patch("/tenant")]
pub async fn change_tenant(
    caller: Caller<TenantsAdmin>,
    _: Params<Nothing>,
    condition: IfMatch,
    patch: MergePatch,
    stores: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let tenant = tenants::find(&mut stores.archive.read().await?, caller.tenant).await?;
    condition.0.check(tenant.version)?;
    let (patch, region) = (patch.read::<TenantPatch>()?, tenant.region);
    // Each pattern may take a few milliseconds.
    let change = work::run(work::PIECE, move || patch.change(region)).await.map_err(Problem::invalid)?;
    let mut tx = stores.archive.write().await?;
    let changed = tenants::change(&mut tx, stores.clock, &caller, &tenant, change).await?;
    tx.commit().await?;
    Ok(settings(changed, stores.clock.now()))
}

/// The change that a merge patch makes to a tenant of a region.
pub fn tenant_change(patch: Value, home: Region) -> Result<TenantChange, Vec<FieldError>> {
    read_value::<TenantPatch>(patch)?.change(home)
}

fn settings(tenant: Tenant, now: DateTime<Utc>) -> HttpResponse {
    versioned(tenant.version, TenantSettings::new(tenant, now))
}
