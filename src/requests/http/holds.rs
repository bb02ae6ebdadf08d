//! The endpoints of legal holds.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::base::ground::Ground;
use crate::base::id::{HoldId, RecordId};
use crate::base::page::Page;
use crate::holds::Hold;
use crate::http::caller::HoldsWrite;
use crate::http::docs::{
    BodyProblems, CallProblems, CreateProblems, ItemProblems, ListProblems, PassProblems, StaleProblems, StateProblems,
};
use crate::http::etag::{IfMatch, IfNoneMatch, not_modified, versioned};
use crate::http::json::Body;
use crate::http::path::Id;
use crate::http::query::{Limit, Nothing, Params};
use crate::http::{ApiResult, Caller, Registry};
use crate::idempotency::Replayable;
use crate::idempotency::http::{IdempotencyHeader, created};
use crate::requests::holds::{self, NewHold, RenderedHold};
use crate::vault::AppContext;

type LegalHoldPage = Page<LegalHold>;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry.service(list_holds).service(place_hold).service(get_hold).service(release_hold);
}

/// A legal hold. Number and address are masked when it is released, and for callers who may not see identifiers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hold, example = json!({
    "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f81", "phone_number": "+4798765", "email": null, "interaction_ids": [],
    "interaction_count": 0, "ground": "17(3)(e)", "reference": "case 118", "review_on": "2027-08-03", "hide": false,
    "placed_by": "paal", "placed_at": "2026-08-03T12:00:00Z", "released_by": null, "released_at": null, "version": 1
}))]
pub struct LegalHold {
    /// The hold.
    pub id: HoldId,
    /// The customer's phone number in E.164.
    #[schema(required)]
    pub phone_number: Option<String>,
    /// The customer's e-mail address.
    #[schema(required)]
    pub email: Option<String>,
    /// The interactions that the hold names. A released hold has none.
    pub interaction_ids: Vec<RecordId>,
    /// How many interactions it names, or named before its release.
    pub interaction_count: i32,
    /// The article of the GDPR on which it rests.
    pub ground: Ground,
    /// The number of its case in another system.
    pub reference: String,
    /// The day on which a user must check whether the hold is still needed.
    pub review_on: NaiveDate,
    /// Whether it hides its customer.
    pub hide: bool,
    /// The name of the user who placed it.
    pub placed_by: String,
    /// The time at which it was placed.
    pub placed_at: DateTime<Utc>,
    /// The name of the user who released it.
    #[schema(required)]
    pub released_by: Option<String>,
    /// The time at which it was released. It is null while the hold lasts.
    #[schema(required)]
    pub released_at: Option<DateTime<Utc>>,
    /// The version, which is also the `ETag`.
    pub version: i64,
}

impl From<RenderedHold> for LegalHold {
    fn from(rendered: RenderedHold) -> Self {
        let RenderedHold { hold, phone_number, email, interactions } = rendered;
        let Hold {
            id,
            phone: _,
            email: _,
            phone_mask: _,
            email_mask: _,
            interaction_count,
            ground,
            reference,
            review_on,
            hide,
            placed_by,
            placed_at,
            released_by,
            released_at,
            version,
        } = hold;
        Self {
            id,
            phone_number,
            email,
            interaction_ids: interactions,
            interaction_count,
            ground,
            reference,
            review_on,
            hide,
            placed_by,
            placed_at,
            released_by,
            released_at,
            version,
        }
    }
}

/// Which page of the holds.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HoldsQuery {
    /// The `next_cursor` of the previous page.
    #[param(format = "cursor")]
    cursor: Option<String>,
    /// The most items of the page.
    #[serde(default)]
    #[param(inline)]
    limit: Limit,
}

/// List legal holds
///
/// All holds of the tenant, newest first. A released hold is listed as long as a done request is.
///
/// This operation needs the scope `holds:write`.
#[utoipa::path(tag = "requests", operation_id = "list_holds", security(("bearer" = ["holds:write"])), params(HoldsQuery),
    responses((status = 200, description = "A page of holds.", body = LegalHoldPage), CallProblems, ListProblems))]
#[get("/holds")]
pub async fn list_holds(
    caller: Caller<HoldsWrite>,
    params: Params<HoldsQuery>,
    app: Data<AppContext>,
) -> ApiResult<Json<Page<LegalHold>>> {
    let HoldsQuery { cursor, limit } = params.0;
    let _memory = app.memory.page().await?;
    Ok(Json(holds::list(&app, &caller, cursor.as_deref(), limit.get()).await?.map(LegalHold::from)))
}

/// Place a legal hold
///
/// The hold keeps all records that an anonymize request with the same fields would select, at any time and in all
/// targets, until it is released. A request that selects such a record stays waiting. Retention and deletions leave the
/// records alone. A hold brings nothing back that was forgotten before. If a pass has begun a request that selects such
/// a record, the call returns 409 `pass_started`.
///
/// This operation needs the scope `holds:write`.
#[utoipa::path(tag = "requests", operation_id = "place_hold", security(("bearer" = ["holds:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A call with the same key within 24 hours returns the same result. 1 to 255 visible ASCII characters.")),
    request_body = NewHold,
    responses((status = 201, description = "The hold in the form in which it matches.", body = LegalHold,
            headers(("Location" = String, description = "The hold's address."),
                ("ETag" = String, description = "The hold's version."),
                ("Idempotency-Replayed" = String, description = "`true` if an earlier call has placed it."))),
        CallProblems, BodyProblems, CreateProblems, PassProblems))]
#[post("/holds")]
pub async fn place_hold(
    caller: Caller<HoldsWrite>,
    _: Params<Nothing>,
    key: IdempotencyHeader,
    request: HttpRequest,
    body: Body<NewHold>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let Replayable { value, replayed } = holds::place(&app, &caller, &body.0, key.0.as_deref()).await?;
    let hold = LegalHold::from(value);
    Ok(created(&request, (hold.id, hold.version), replayed, hold))
}

/// Get a legal hold
///
/// This operation needs the scope `holds:write`.
#[utoipa::path(tag = "requests", operation_id = "get_hold", security(("bearer" = ["holds:write"])),
    params(("id" = Uuid, Path, description = "The hold's id.")),
    responses((status = 200, description = "The hold.", body = LegalHold,
            headers(("ETag" = String, description = "The hold's version."))),
        (status = 304, description = "The caller has this version."),
        CallProblems, ItemProblems))]
#[get("/holds/{id}")]
pub async fn get_hold(
    caller: Caller<HoldsWrite>,
    id: Id<HoldId>,
    _: Params<Nothing>,
    known: IfNoneMatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let hold = LegalHold::from(holds::find(&app, &caller, id.0).await?);
    Ok(if known.0.contain(hold.version) { not_modified(hold.version) } else { versioned(hold.version, hold) })
}

/// Release a legal hold
///
/// The next pass carries out the requests that the hold has kept waiting. The hold stays in the list with masks.
///
/// This operation needs the scope `holds:write`.
#[utoipa::path(tag = "requests", operation_id = "release_hold", security(("bearer" = ["holds:write"])),
    params(("id" = Uuid, Path, description = "The hold's id."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the last read. Without it, any version is released.")),
    responses((status = 204, description = "The hold is released."),
        CallProblems, ItemProblems, StaleProblems, StateProblems))]
#[delete("/holds/{id}")]
pub async fn release_hold(
    caller: Caller<HoldsWrite>,
    id: Id<HoldId>,
    _: Params<Nothing>,
    if_match: IfMatch,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    holds::release(&app, &caller, id.0, &if_match.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
