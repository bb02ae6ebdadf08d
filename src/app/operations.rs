//! Endpoints about the caller, the tenant's settings, and the audit log.

use std::collections::BTreeSet;

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, patch};
use chrono::{DateTime, Utc};
use pii::{Region, RegionError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::house;
use super::recordings::{RecordingSettings, RecordingsPatch};
use crate::audit::{self, Event};
use crate::base::actor::Scope;
use crate::base::id::AuditId;
use crate::base::page::{Page, Position};
use crate::base::patch::PatchField;
use crate::base::target::{TargetError, Targets};
use crate::http::caller::{Anybody, AuditRead, TenantsAdmin};
use crate::http::docs::{BodyProblems, CallProblems, ListProblems, VersionProblems};
use crate::http::etag::{IfMatch, IfNoneMatch, etag};
use crate::http::json::MergePatch;
use crate::http::query::{Limit, Nothing, Params};
use crate::http::{ApiResult, Caller, Code, FieldError, Problem, Registry};
use crate::tenants::{self, Tenant, TenantChange};
use crate::vault::AppContext;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry.service(get_me).service(get_tenant).service(change_tenant).service(list_audit_events);
}

/// The caller of this call.
#[derive(Debug, Serialize, ToSchema)]
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
    #[schema(value_type = Vec<String>, example = json!(["requests:read", "requests:write"]))]
    pub scopes: BTreeSet<&'static str>,
}

/// Get the caller
///
/// The caller's name, tenant, and scopes, as the service understands the token.
///
/// This needs a valid token and no scope.
#[utoipa::path(tag = "operations", operation_id = "get_me", security(("bearer" = [])),
    responses((status = 200, description = "The caller with tenant and scopes.", body = Me), CallProblems))]
#[get("/me")]
pub async fn get_me(caller: Caller<Anybody>, _: Params<Nothing>, stores: Data<AppContext>) -> ApiResult<Json<Me>> {
    let tenant = tenant_of(&stores, &caller).await?;
    let scopes = caller.scopes.iter().map(|scope: &Scope| scope.as_str()).collect();
    Ok(Json(Me { sub: caller.sub.clone(), name: caller.name.clone(), tenant: tenant.slug, scopes }))
}

/// The tenant's settings.
#[derive(Debug, Serialize, ToSchema)]
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
    #[schema(value_type = Vec<String>, example = json!(["archive", "sms_survey", "raw_data"]))]
    pub targets: Vec<&'static str>,
    /// Whether a call in the identified view must state a purpose.
    pub purpose_required: bool,
    /// The number of calendar months for which done requests and their erasures are kept.
    #[schema(example = 12)]
    pub request_retention_months: u32,
    /// Whether a request deletes recordings and other content, if the request does not say so itself.
    pub delete_content: bool,
    /// The numbers of the contact centre itself, in E.164, or their beginnings. They are never a customer's.
    #[schema(example = json!(["+4722334"]))]
    pub own_numbers: Vec<String>,
    /// The prefixes that are dialled to call out of the house. Call logs contain them, and customers' numbers do not.
    #[schema(example = json!(["9"]))]
    pub dial_out_prefixes: Vec<String>,
    /// How recordings and other content are kept and delivered.
    pub recordings: RecordingSettings,
    /// The version, which grows with every change. It is also the `ETag`.
    #[schema(example = 1)]
    pub version: i64,
}

impl TenantSettings {
    fn new(tenant: Tenant, now: DateTime<Utc>) -> Self {
        let Tenant { id: _, slug, region, zone, targets, settings, version } = tenant;
        let tenants::Settings {
            purpose_required,
            request_retention_months,
            delete_content,
            own_numbers,
            dial_out_prefixes,
            recordings,
        } = settings;
        Self {
            slug,
            region: region.to_string(),
            time_zone: zone.name().to_owned(),
            targets: targets.words(),
            purpose_required,
            request_retention_months,
            delete_content,
            own_numbers,
            dial_out_prefixes,
            recordings: RecordingSettings::new(recordings, now),
            version,
        }
    }
}

/// Get the tenant's settings
///
/// This needs a valid token and no scope.
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
    let tenant = tenant_of(&stores, &caller).await?;
    if has.0.contain(tenant.version) {
        return Ok(HttpResponse::NotModified().insert_header(etag(tenant.version)).finish());
    }
    Ok(settings(tenant, stores.clock.now()))
}

/// A change of the tenant's settings, as a merge patch. A field that is absent keeps its value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "TenantSettingsChange", example = json!({"purpose_required": true}))]
pub struct TenantPatch {
    /// The region in which national numbers need no country code. Stored numbers do not change.
    #[serde(default)]
    #[schema(value_type = String, required = false)]
    region: PatchField<String>,
    /// The time zone of the tenant's local days. Requests that were entered before keep their cut-off.
    #[serde(default)]
    #[schema(value_type = String, required = false)]
    time_zone: PatchField<String>,
    /// The targets that requests can select.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    targets: PatchField<Vec<String>>,
    /// Whether a call in the identified view must state a purpose.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    purpose_required: PatchField<bool>,
    /// The number of calendar months for which done requests and their erasures are kept: 1 to 120.
    #[serde(default)]
    #[schema(value_type = u32, required = false)]
    request_retention_months: PatchField<u32>,
    /// Whether a request deletes recordings and other content, if the request does not say so itself.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    delete_content: PatchField<bool>,
    /// The numbers of the contact centre itself, at most 500: whole numbers, national or international, or the beginning of
    /// some in international form, such as `+4722334*`. Records that are stored already stay what they are.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    own_numbers: PatchField<Vec<String>>,
    /// The prefixes that are dialled to call out of the house: at most 10, of up to 4 characters.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    dial_out_prefixes: PatchField<Vec<String>>,
    /// How recordings and other content are kept and delivered. Its fields are changed one by one.
    #[serde(default)]
    #[schema(value_type = RecordingsPatch, required = false)]
    recordings: PatchField<RecordingsPatch>,
}

/// Change the tenant's settings
///
/// The body is a merge patch. No field can be cleared. A change without an effect keeps the version.
///
/// This needs the scope `tenants:admin`.
#[utoipa::path(tag = "operations", operation_id = "change_tenant", security(("bearer" = ["tenants:admin"])),
    params(("If-Match" = String, Header, description = "The version of the settings to change, which is the `ETag` of \
                                                        the last read.")),
    request_body(content((TenantPatch = "application/merge-patch+json"), (TenantPatch = "application/json"))),
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
    let tenant = tenant_of(&stores, &caller).await?;
    condition.0.check(tenant.version)?;
    let change = patch.read::<TenantPatch>()?.change(tenant.region).map_err(Problem::invalid)?;
    let mut tx = stores.archive.write().await?;
    let changed = tenants::change(&mut tx, stores.clock, &caller, &tenant, change).await?;
    tx.commit().await?;
    Ok(settings(changed, stores.clock.now()))
}

impl TenantPatch {
    /// The change of a tenant of a region.
    fn change(self, home: Region) -> Result<TenantChange, Vec<FieldError>> {
        let Self {
            region,
            time_zone,
            targets,
            purpose_required,
            request_retention_months,
            delete_content,
            own_numbers,
            dial_out_prefixes,
            recordings,
        } = self;
        let mut invalid = Vec::new();
        let region = region.given("/region", &mut invalid).and_then(|code: String| {
            let region = code.parse().map_err(|error: RegionError| ("/region", "format", error.to_string()));
            checked(region, &mut invalid)
        });
        let own_numbers: Option<Vec<String>> = own_numbers.given("/own_numbers", &mut invalid);
        let prefixes: Option<Vec<String>> = dial_out_prefixes.given("/dial_out_prefixes", &mut invalid);
        let recordings = recordings.given("/recordings", &mut invalid);
        let words: Option<Vec<String>> = targets.given("/targets", &mut invalid);
        let targets =
            words.map(|words| words.iter().map(|word| word.parse()).collect::<Result<Targets, TargetError>>());
        let change = TenantChange {
            region,
            zone: time_zone.given("/time_zone", &mut invalid).and_then(|name: String| {
                let rule = "must be an IANA time zone, such as Europe/Oslo".to_owned();
                checked(name.parse().map_err(|_| ("/time_zone", "format", rule)), &mut invalid)
            }),
            targets: targets.and_then(|targets| match targets {
                Ok(targets) if targets.is_empty() => {
                    checked(Err(("/targets", "required", "must name at least one target".to_owned())), &mut invalid)
                }
                targets => checked(targets.map_err(|error| ("/targets", "format", error.to_string())), &mut invalid),
            }),
            purpose_required: purpose_required.given("/purpose_required", &mut invalid),
            request_retention_months: request_retention_months.given(MONTHS, &mut invalid).and_then(|months| {
                let is_one = (1..=120).contains(&months);
                checked(
                    is_one.then_some(months).ok_or((MONTHS, "out_of_range", "must be 1 to 120".to_owned())),
                    &mut invalid,
                )
            }),
            delete_content: delete_content.given("/delete_content", &mut invalid),
            own_numbers: own_numbers.and_then(|raw| house::own_numbers(&raw, region.unwrap_or(home), &mut invalid)),
            dial_out_prefixes: prefixes.and_then(|raw| house::dial_out_prefixes(&raw, &mut invalid)),
            recordings: recordings.map(|patch: RecordingsPatch| patch.change(&mut invalid)).unwrap_or_default(),
        };
        if invalid.is_empty() { Ok(change) } else { Err(invalid) }
    }
}

const MONTHS: &str = "/request_retention_months";

/// The value. A field that breaks a rule adds an error.
fn checked<T>(value: Result<T, (&'static str, &'static str, String)>, invalid: &mut Vec<FieldError>) -> Option<T> {
    value.map_err(|(pointer, code, rule)| invalid.push(FieldError::at(pointer, code, rule))).ok()
}

/// A row of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEvent {
    /// The id of the row.
    pub id: AuditId,
    /// The time of the action.
    pub at: DateTime<Utc>,
    /// The subject of the token.
    pub actor_sub: String,
    /// The actor's name.
    pub actor_name: String,
    /// The action.
    #[schema(example = "archive.searched")]
    pub action: String,
    /// `allowed` or `refused`.
    #[schema(example = "allowed")]
    pub outcome: String,
    /// The purpose that the caller stated.
    pub purpose: Option<String>,
    /// The number of records that the action concerned.
    pub records: i64,
    /// Further facts about the action. They never contain an identifier.
    #[schema(value_type = Object)]
    pub detail: Value,
}

impl From<Event> for AuditEvent {
    fn from(event: Event) -> Self {
        let Event { id, at, actor_sub, actor_name, action, outcome, purpose, records, detail } = event;
        Self { id, at, actor_sub, actor_name, action, outcome, purpose, records, detail }
    }
}

/// The query of a page of the audit log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// The `next_cursor` of the page before.
    #[param(format = "cursor")]
    cursor: Option<String>,
    /// The largest number of items in the page: 1 to 200. The default is 50.
    #[serde(default)]
    #[param(inline)]
    limit: Limit,
}

/// List the audit log
///
/// The rows, newest first. Each row names the actor, the action, the time, the purpose, and the number of records. No
/// row contains an identifier.
///
/// This needs the scope `audit:read`.
#[utoipa::path(tag = "operations", operation_id = "list_audit_events", security(("bearer" = ["audit:read"])),
    params(AuditQuery),
    responses((status = 200, description = "A page of the audit log, newest first.", body = Page<AuditEvent>), CallProblems, ListProblems))]
#[get("/audit-events")]
pub async fn list_audit_events(
    caller: Caller<AuditRead>,
    query: Params<AuditQuery>,
    stores: Data<AppContext>,
) -> ApiResult<Json<Page<AuditEvent>>> {
    let AuditQuery { cursor, limit } = query.0;
    let bound_to = [b"audit-events", &caller.tenant.0.as_bytes()[..]].concat();
    let key = stores.service_key().await?;
    let after = cursor.map(|cursor| Position::from_cursor(&cursor, &key, &bound_to)).transpose();
    let after = after.map_err(|_| Problem::new(Code::CursorInvalid))?;
    let mut tx = stores.archive.read().await?;
    let events = audit::list(&mut tx, &caller, after, limit.get() + 1).await?;
    Ok(Json(Page::of(events, limit.get(), &key, &bound_to).map(AuditEvent::from)))
}

async fn tenant_of(stores: &AppContext, actor: &crate::base::actor::Actor) -> ApiResult<Tenant> {
    let tenant = tenants::find(&mut stores.archive.read().await?, actor.tenant).await?;
    tenant.ok_or_else(|| Problem::new(Code::TenantUnknown))
}

fn settings(tenant: Tenant, now: DateTime<Utc>) -> HttpResponse {
    HttpResponse::Ok().insert_header(etag(tenant.version)).json(TenantSettings::new(tenant, now))
}
