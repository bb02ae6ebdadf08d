//! The linkability report over HTTP.

use actix_web::post;
use actix_web::web::{Data, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::archive::kinds::Channel;
use crate::archive::linkability::{Compared, LinkabilityClass, USUAL_K, linkability};
use crate::http::caller::PoliciesAdmin;
use crate::http::docs::{BodyProblems, CallProblems};
use crate::http::json::OptionalBody;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, FieldError, Problem};
use crate::tenants;
use crate::vault::AppContext;

/// The interactions that the report compares. All fields are optional.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-07-01T00:00:00+02:00", "to": "2026-08-01T00:00:00+02:00"}))]
pub struct LinkabilityQuery {
    /// The earliest time, included.
    pub from: Option<DateTime<Utc>>,
    /// The latest time, excluded.
    pub to: Option<DateTime<Utc>>,
    /// The channels, of which an interaction has one.
    #[schema(min_items = 1)]
    pub channels: Option<Vec<Channel>>,
    /// The number of interactions from which a class is large enough: 2 to 1,000. It is 5 if it is left out.
    #[schema(minimum = 2, maximum = 1000)]
    pub k: Option<u32>,
}

/// How many interactions are alone or in small classes, by combinations of columns.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "classes": [{"columns": ["second", "queue"], "rows": 42078, "unique": 40900, "below_k": 42078}], "k": 5
}))]
pub struct Linkability {
    /// The classes by each combination, from the finest one to the coarsest.
    pub classes: Vec<LinkabilityClass>,
    /// The number of interactions from which a class is large enough.
    #[schema(example = 5)]
    pub k: u32,
}

/// Report linkability
///
/// How many interactions are alone in their class, and how many are in a class of fewer than `k`, by combinations of
/// columns. A class is the interactions with the same values. The report changes nothing and contains no value. Hours
/// and days begin as they do now in the tenant's time zone. A report on very many interactions can take longer than a
/// call may. Then the call returns 503. Send a shorter span, or use the command line.
///
/// This operation needs the scope `policies:admin`.
#[utoipa::path(tag = "archive", operation_id = "report_linkability", security(("bearer" = ["policies:admin"])),
    request_body(content = Option<LinkabilityQuery>, content_type = "application/json", example = json!({"k": 5})),
    responses((status = 200, description = "The report.", body = Linkability), CallProblems, BodyProblems))]
#[post("/archive/linkability")]
pub async fn report_linkability(
    caller: Caller<PoliciesAdmin>,
    _: Params<Nothing>,
    body: OptionalBody<LinkabilityQuery>,
    app: Data<AppContext>,
) -> ApiResult<Json<Linkability>> {
    let LinkabilityQuery { from, to, channels, k } = body.0;
    let k = k.unwrap_or(USUAL_K);
    let rules = [
        ("/from", "out_of_range", "must be before to", from.zip(to).is_some_and(|(from, to)| from >= to)),
        ("/channels", "required", "must name at least one channel", channels.as_ref().is_some_and(Vec::is_empty)),
        ("/k", "out_of_range", "must be 2 to 1000", !(2..=1_000).contains(&k)),
    ];
    let broken = rules.into_iter().filter(|(.., is_broken)| *is_broken);
    let broken: Vec<_> = broken.map(|(pointer, code, rule, _)| FieldError::at(pointer, code, rule)).collect();
    if !broken.is_empty() {
        return Err(Problem::invalid(broken));
    }
    let mut tx = app.archive.read().await?;
    let tenant = tenants::find(&mut tx, caller.tenant).await?;
    let when = (tenant.zone, app.clock.now());
    let classes = linkability(&mut tx, tenant.id, &Compared { from, to, channels }, k, when).await?;
    Ok(Json(Linkability { classes, k }))
}
