//! The endpoints of ageing policies.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, delete, get, patch, post, put};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{
    AgeingError, AgeingPolicy, AlwaysOperators, LadderLevel, Leftover, NamedPolicy, PolicyRecords, PolicyState,
};
use super::preview::AgeingPreview;
use crate::base::page::Page;
use crate::base::patch::PatchField;
use crate::http::caller::PoliciesAdmin;
use crate::http::docs::{BodyProblems, CallProblems, ItemProblems};
use crate::http::json::{Body, MergePatch};
use crate::http::path::PathName;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::tenants;
use crate::vault::AppContext;

type AgeingPolicyPage = Page<AgeingPolicyItem>;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry
        .service(list_ageing_policies)
        .service(get_ageing_policy)
        .service(set_ageing_policy)
        .service(pause_ageing_policy)
        .service(remove_ageing_policy)
        .service(preview_ageing_policy);
}

/// An ageing policy with its state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "calls", "state": "pending", "paused": false, "changed_at": "2026-08-01T12:00:00Z", "after_days": 400,
    "records": {"channels": ["call"], "queues": null},
    "always": {"phone_number": "suppress", "email": "suppress", "name": "suppress", "external_id": "rehash",
        "attributes": {"keep": ["line"]}, "comment": "suppress", "content": "delete"},
    "k": 5,
    "ladder": [{"time": "hour", "duration": "bucket", "queue": "keep", "agent_id": "keep", "outcome": "keep",
        "attributes": "keep"}],
    "leftover": "delete"
}))]
pub struct AgeingPolicyItem {
    /// The name of the policy.
    #[schema(example = "calls")]
    pub name: String,
    /// The state. A policy is `pending` for 30 days after a change, and changes nothing in this time.
    pub state: PolicyState,
    /// Whether the policy is paused.
    pub paused: bool,
    /// The time of the last change.
    pub changed_at: DateTime<Utc>,
    /// The age in days at which interactions lose their precision.
    #[schema(example = 400)]
    pub after_days: u32,
    /// The interactions that the policy selects.
    pub records: PolicyRecords,
    /// The operators that apply at each level of the ladder.
    pub always: AlwaysOperators,
    /// The number of interactions that must look alike.
    #[schema(example = 5)]
    pub k: u32,
    /// The levels, from the finest to the coarsest.
    pub ladder: Vec<LadderLevel>,
    /// The fate of the interactions that no level settles.
    pub leftover: Leftover,
}

impl AgeingPolicyItem {
    fn new(named: NamedPolicy, now: DateTime<Utc>) -> Self {
        let state = named.state(now);
        let NamedPolicy { name, policy, paused, changed_at } = named;
        let AgeingPolicy { after_days, records, always, k, ladder, leftover } = policy;
        Self { name, state, paused, changed_at, after_days, records, always, k, ladder, leftover }
    }
}

/// A change of an ageing policy, as a merge patch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"paused": true}))]
pub struct AgeingPolicyChange {
    /// Whether the policy is paused. A policy that is released waits for 30 days.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    paused: PatchField<bool>,
}

/// List ageing policies
///
/// All policies of the tenant in one page, by name. There are at most as many as channels.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "ageing", operation_id = "list_ageing_policies", security(("bearer" = ["policies:admin"])),
    responses((status = 200, description = "The policies.", body = AgeingPolicyPage), CallProblems))]
#[get("/ageing-policies")]
pub async fn list_ageing_policies(
    caller: Caller<PoliciesAdmin>,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<AgeingPolicyPage>> {
    let now = app.clock.now();
    let all = super::list(&mut app.archive.read().await?, caller.tenant).await?;
    let items = all.into_iter().map(|named| AgeingPolicyItem::new(named, now)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// Get an ageing policy
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "ageing", operation_id = "get_ageing_policy", security(("bearer" = ["policies:admin"])),
    params(("name" = String, Path, description = "The name of the policy.")),
    responses((status = 200, description = "The policy.", body = AgeingPolicyItem), CallProblems, ItemProblems))]
#[get("/ageing-policies/{name}")]
pub async fn get_ageing_policy(
    caller: Caller<PoliciesAdmin>,
    name: PathName,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<AgeingPolicyItem>> {
    let named = super::find(&mut app.archive.read().await?, caller.tenant, &name.0).await?;
    Ok(Json(AgeingPolicyItem::new(named, app.clock.now())))
}

/// Set an ageing policy
///
/// Sets which interactions lose their precision after how many days, and how. The policy is `pending` for 30 days. Then
/// the nightly job ages each month that is old enough. Nothing of it can be undone. A rule that the policy breaks has
/// one of these codes: `out_of_range`, `required`, `too_many`, `too_long`, `repeated`, `taken` (the channel belongs to
/// another policy), `unsatisfiable` (the level can settle nothing).
///
/// The name has 1 to 63 lower-case letters, digits, and dashes.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "ageing", operation_id = "set_ageing_policy", security(("bearer" = ["policies:admin"])),
    params(("name" = String, Path, description = "The name of the policy.")),
    request_body = AgeingPolicy,
    responses((status = 200, description = "The policy as it is now.", body = AgeingPolicyItem),
        CallProblems, BodyProblems, ItemProblems))]
#[put("/ageing-policies/{name}")]
pub async fn set_ageing_policy(
    caller: Caller<PoliciesAdmin>,
    name: PathName,
    _: Params<Nothing>,
    body: Body<AgeingPolicy>,
    app: Data<AppContext>,
) -> ApiResult<Json<AgeingPolicyItem>> {
    let named = super::set(&app, &caller, &name.0, body.0).await?;
    Ok(Json(AgeingPolicyItem::new(named, app.clock.now())))
}

/// Pause an ageing policy
///
/// Pauses a policy, or ends its pause. A paused policy changes nothing. After a pause, the policy is `pending` for 30 days.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "ageing", operation_id = "pause_ageing_policy", security(("bearer" = ["policies:admin"])),
    params(("name" = String, Path, description = "The name of the policy.")),
    request_body(content = AgeingPolicyChange, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The policy as it is now.", body = AgeingPolicyItem),
        CallProblems, BodyProblems, ItemProblems))]
#[patch("/ageing-policies/{name}")]
pub async fn pause_ageing_policy(
    caller: Caller<PoliciesAdmin>,
    name: PathName,
    _: Params<Nothing>,
    patch: MergePatch,
    app: Data<AppContext>,
) -> ApiResult<Json<AgeingPolicyItem>> {
    let stored = super::find(&mut app.archive.read().await?, caller.tenant, &name.0).await?;
    let AgeingPolicyChange { paused } = patch.read()?;
    let mut invalid = Vec::new();
    let named = match paused.given("/paused", &mut invalid) {
        Some(paused) => super::pause(&app, &caller, &name.0, paused).await?,
        None if invalid.is_empty() => stored,
        None => return Err(Problem::invalid(invalid)),
    };
    Ok(Json(AgeingPolicyItem::new(named, app.clock.now())))
}

/// Remove an ageing policy
///
/// Records that are aged stay as they are.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "ageing", operation_id = "remove_ageing_policy", security(("bearer" = ["policies:admin"])),
    params(("name" = String, Path, description = "The name of the policy.")),
    responses((status = 204, description = "The policy is removed."), CallProblems, ItemProblems))]
#[delete("/ageing-policies/{name}")]
pub async fn remove_ageing_policy(
    caller: Caller<PoliciesAdmin>,
    name: PathName,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    super::remove(&app, &caller, &name.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Preview an ageing policy
///
/// Counts what the policy would do now if it were on. Nothing is written. The oldest months come first, up to about
/// 50,000 interactions.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "ageing", operation_id = "preview_ageing_policy", security(("bearer" = ["policies:admin"])),
    params(("name" = String, Path, description = "The name of the policy.")),
    responses((status = 200, description = "The numbers of the preview.", body = AgeingPreview), CallProblems, ItemProblems))]
#[post("/ageing-policies/{name}/preview")]
pub async fn preview_ageing_policy(
    caller: Caller<PoliciesAdmin>,
    name: PathName,
    _: Params<Nothing>,
    app: Data<AppContext>,
) -> ApiResult<Json<AgeingPreview>> {
    let mut tx = app.archive.read().await?;
    let tenant = tenants::find(&mut tx, caller.tenant).await?;
    let named = super::find(&mut tx, caller.tenant, &name.0).await?;
    drop(tx);
    Ok(Json(super::preview(&app, &tenant, &named.policy).await?))
}

impl From<AgeingError> for Problem {
    fn from(error: AgeingError) -> Self {
        match error {
            AgeingError::Unknown => Self::new(Code::NotFound),
            AgeingError::Invalid(invalid) => Self::invalid(invalid),
            AgeingError::Memory(error) => error.into(),
            AgeingError::Store(error) => error.into(),
        }
    }
}
