//! The ids of interactions by the ids of the sending system. They are posted, because they can contain numbers.

use actix_web::post;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::archive::search::lookup;
use crate::base::id::RecordId;
use crate::http::caller::ArchiveIngest;
use crate::http::docs::{BodyProblems, CallProblems};
use crate::http::json::Body;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, FieldError, Problem};
use crate::tenants;
use crate::vault::AppContext;

/// The most external ids of one call.
const MOST: usize = 1_000;

/// The longest external id, in characters.
const LONGEST: usize = 200;

/// The external ids to look up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"external_ids": ["cdr-43678", "cdr-43679"]}))]
pub struct InteractionLookup {
    /// The ids that the sending system gave its records.
    #[schema(min_items = 1, max_items = 1_000)]
    pub external_ids: Vec<String>,
}

/// An interaction that was looked up.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundInteraction {
    /// The external id, as it was sent.
    #[schema(example = "cdr-43678")]
    pub external_id: String,
    /// The id of the interaction.
    pub id: RecordId,
}

/// The interactions that were looked up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{"external_id": "cdr-43678", "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11"}, null]
}))]
pub struct FoundInteractions {
    /// One item for each external id, in their order. It is null if no interaction is found.
    pub items: Vec<Option<FoundInteraction>>,
}

/// Look up interactions
///
/// The ids of interactions by up to 1,000 external ids. An external id that contained the customer's number, address, or
/// name is found as it was sent, and as the keyed hash that the interaction shows. It is not found any more when the
/// customer was forgotten, as if there had never been such an interaction, nor while the customer is hidden.
///
/// A recipient whose external ids are hidden cannot look up: it gets the error `hidden`, as in a search.
///
/// Each call is audited with the number of interactions that it found.
///
/// This operation needs the scope `archive:ingest`.
#[utoipa::path(tag = "archive", operation_id = "look_up_interactions", security(("bearer" = ["archive:ingest"])),
    request_body = InteractionLookup,
    responses((status = 200, description = "The interactions, in the order of the external ids.", body = FoundInteractions),
        CallProblems, BodyProblems))]
#[post("/archive/interactions/lookup")]
pub async fn look_up_interactions(
    caller: Caller<ArchiveIngest>,
    _: Params<Nothing>,
    body: Body<InteractionLookup>,
    app: Data<AppContext>,
) -> ApiResult<Json<FoundInteractions>> {
    let InteractionLookup { external_ids } = body.0;
    if !caller.form.shows_external_ids() {
        let problem = Problem::new(Code::ValidationFailed);
        return Err(problem.at("/external_ids", "hidden", "is hidden from this recipient"));
    }
    check(&external_ids)?;
    let tenant = tenants::of_caller(&caller, &app.archive).await?;
    let found = lookup(&app, (&caller, &tenant), &external_ids).await?;
    let item = |(external_id, id): (String, Option<RecordId>)| {
        Some(FoundInteraction { external_id, id: caller.form.show_record(id?) })
    };
    Ok(Json(FoundInteractions { items: external_ids.into_iter().zip(found).map(item).collect() }))
}

fn check(external_ids: &[String]) -> ApiResult<()> {
    let refuse = |code: &'static str, rule: &'static str| {
        Err(Problem::new(Code::ValidationFailed).at("/external_ids", code, rule))
    };
    match external_ids.len() {
        0 => return refuse("required", "must name at least one external id"),
        1..=MOST => {}
        _ => return refuse("too_many", "must have at most 1000 external ids"),
    }
    let is_too_long = |id: &str| id.chars().nth(LONGEST).is_some();
    let too_long = external_ids.iter().enumerate().filter(|(_, id)| is_too_long(id));
    let errors: Vec<_> = too_long
        .map(|(no, _)| FieldError::at(format!("/external_ids/{no}"), "too_long", "must be at most 200 characters"))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}
