//! Searches. They are posted, because a URL must not contain an identifier.

use std::borrow::Cow;

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{RefBuilder, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::archive::hidden::{Hiding, hide};
use crate::archive::kinds::{
    Channel, Direction, Interaction, InteractionOut, RawEvent, RawEventOut, RecordKind as _, SurveyResponse,
    SurveyResponseOut,
};
use crate::archive::model::View;
use crate::archive::render::{Audited, Renderer};
use crate::archive::search::find;
use crate::base::actor::{Actor, Scope};
use crate::base::id::RecordId;
use crate::base::page::{Page, example_of, page_schema};
use crate::http::caller::{ArchiveRead, ArchiveSearch, forbidden};
use crate::http::docs::{BodyProblems, CallProblems, ItemProblems, ListProblems, PurposeProblems};
use crate::http::json::Body;
use crate::http::path::Id;
use crate::http::query::{Limit, Nothing, Params, limit_or_null};
use crate::http::{ApiResult, Caller, Code, Problem};
use crate::tenants::{self, IdentifiedView, Settings};
use crate::vault::AppContext;

/// The conditions of a search for interactions. All fields are optional. With a number and an address, an interaction
/// needs one of them. All other conditions must be true.
// The searches for the other kinds have some of these conditions, and become this type.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InteractionSearch, example = json!({
    "from": "2026-08-01T00:00:00+02:00", "to": "2026-08-02T00:00:00+02:00", "queue": "Private service"
}))]
pub struct RecordSearch {
    /// The earliest time, included.
    pub from: Option<DateTime<Utc>>,
    /// The latest time, excluded.
    pub to: Option<DateTime<Utc>>,
    /// The channels, of which an interaction has one.
    pub channels: Option<Vec<Channel>>,
    /// The queue.
    pub queue: Option<String>,
    /// Up to 50 queues, of which an interaction has one.
    #[schema(min_items = 1, max_items = 50)]
    pub queues: Option<Vec<String>>,
    /// The agent.
    pub agent_id: Option<String>,
    /// The way in which the interaction ended.
    pub outcome: Option<String>,
    /// The side that began the interaction.
    pub direction: Option<Direction>,
    /// The external id, as the interaction shows it.
    #[schema(max_length = 200)]
    pub external_id: Option<String>,
    /// Whether any identifier of the interaction was forgotten.
    pub anonymized: Option<bool>,
    /// Whether the interaction has recordings, texts, or other content.
    pub has_content: Option<bool>,
    /// The earliest time of the last change, included. The interactions that changed last come first.
    pub changed_since: Option<DateTime<Utc>>,
    /// The customer's number, in any spelling. This field needs the scope `archive:identify`.
    pub phone_number: Option<String>,
    /// The customer's address. This field needs the scope `archive:identify`.
    pub email: Option<String>,
    /// The customer's token.
    pub token: Option<String>,
    /// A narrower view than the widest one that the scopes allow.
    pub view: Option<View>,
    /// The reason for seeing identifiers: 1 to 200 characters. The tenant's settings can require it.
    pub purpose: Option<String>,
    /// The largest number of items in the page.
    #[serde(default, deserialize_with = "limit_or_null")]
    pub limit: Limit,
    /// The `next_cursor` of the previous page.
    #[schema(format = "cursor")]
    pub cursor: Option<String>,
}

/// The conditions of a search for survey responses. All fields are optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-08-01T00:00:00+02:00"}))]
pub struct SurveyResponseSearch {
    /// The earliest time, included.
    from: Option<DateTime<Utc>>,
    /// The latest time, excluded.
    to: Option<DateTime<Utc>>,
    /// The customer's number, in any spelling. This field needs the scope `archive:identify`.
    phone_number: Option<String>,
    /// The customer's token.
    token: Option<String>,
    /// A narrower view than the widest one that the scopes allow.
    view: Option<View>,
    /// The reason for seeing identifiers: 1 to 200 characters.
    purpose: Option<String>,
    /// The largest number of items in the page.
    #[serde(default, deserialize_with = "limit_or_null")]
    limit: Limit,
    /// The `next_cursor` of the previous page.
    #[schema(format = "cursor")]
    cursor: Option<String>,
}

/// The conditions of a search for raw events. All fields are optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-08-01T00:00:00+02:00"}))]
pub struct RawEventSearch {
    /// The earliest time, included.
    from: Option<DateTime<Utc>>,
    /// The latest time, excluded.
    to: Option<DateTime<Utc>>,
    /// The customer's number, in any spelling. This field needs the scope `archive:identify`.
    phone_number: Option<String>,
    /// The customer's address. This field needs the scope `archive:identify`.
    email: Option<String>,
    /// The customer's token.
    token: Option<String>,
    /// A narrower view than the widest one that the scopes allow.
    view: Option<View>,
    /// The reason for seeing identifiers: 1 to 200 characters.
    purpose: Option<String>,
    /// The largest number of items in the page.
    #[serde(default, deserialize_with = "limit_or_null")]
    limit: Limit,
    /// The `next_cursor` of the previous page.
    #[schema(format = "cursor")]
    cursor: Option<String>,
}

impl From<SurveyResponseSearch> for RecordSearch {
    fn from(search: SurveyResponseSearch) -> Self {
        let SurveyResponseSearch { from, to, phone_number, token, view, purpose, limit, cursor } = search;
        Self { from, to, phone_number, token, view, purpose, limit, cursor, ..Self::default() }
    }
}

impl From<RawEventSearch> for RecordSearch {
    fn from(search: RawEventSearch) -> Self {
        let RawEventSearch { from, to, phone_number, email, token, view, purpose, limit, cursor } = search;
        Self { from, to, phone_number, email, token, view, purpose, limit, cursor, ..Self::default() }
    }
}

/// A page of records in one view.
#[derive(Debug, Serialize)]
pub struct Viewed<T> {
    /// The view of these records.
    pub view: View,
    /// The records, newest first.
    pub items: Vec<T>,
    /// The cursor of the next page. It is null on the last page.
    pub next_cursor: Option<String>,
}

type InteractionPage = Viewed<InteractionOut>;
type SurveyResponsePage = Viewed<SurveyResponseOut>;
type RawEventPage = Viewed<RawEventOut>;

impl<T: ToSchema> PartialSchema for Viewed<T> {
    fn schema() -> RefOr<Schema> {
        let view = RefBuilder::new().ref_location_from_schema_name(View::name());
        page_schema::<T>()
            .property("view", view.description(Some("The view of these records.")))
            .required("view")
            .description(Some("A page of records in one view, newest first."))
            .examples([json!({ "view": "pseudonymous", "items": [example_of::<T>()], "next_cursor": null })])
            .into()
    }
}

impl<T: ToSchema> ToSchema for Viewed<T> {
    fn name() -> Cow<'static, str> {
        Page::<T>::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((View::name().into_owned(), View::schema()));
        Page::<T>::schemas(schemas);
    }
}

/// One interaction in one view.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "view": "pseudonymous", "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "external_id": "cdr-43678",
    "channel": "call", "direction": "inbound", "started_at": "2026-07-31T22:10:10Z",
    "ended_at": "2026-07-31T22:10:27Z", "queue": "Private service", "agent_id": "a17", "outcome": "answered",
    "customer": {"phone_number": "phone_2CMSVFGGZ38DN8XTVCWTPVPBXR", "email": null, "name": null},
    "attributes": {"line": "AA0204", "wait_seconds": 17}, "anonymized": false, "aged": null
}))]
pub struct ViewedInteraction {
    /// The view of this interaction.
    pub view: View,
    /// The interaction.
    #[serde(flatten)]
    pub interaction: InteractionOut,
}

/// Which view of one record.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ViewParams {
    /// A narrower view than the widest one that the scopes allow.
    view: Option<View>,
}

/// Search interactions
///
/// The interactions that meet all conditions, newest first. A search by number or address needs the scope
/// `archive:identify` and is audited. A search by token needs `archive:search`. With `archive:read` alone, every
/// identifier reads `Anonymized`.
///
/// This operation needs the scope `archive:search`, or `archive:read` for the anonymized view.
#[utoipa::path(tag = "archive", operation_id = "search_interactions", security(("bearer" = ["archive:search"])),
    request_body = RecordSearch,
    responses((status = 200, description = "A page of interactions, newest first.", body = InteractionPage),
        CallProblems, BodyProblems, ListProblems, PurposeProblems))]
#[post("/archive/search")]
pub async fn search_interactions(
    caller: Caller<ArchiveRead>,
    _: Params<Nothing>,
    body: Body<RecordSearch>,
    app: Data<AppContext>,
) -> ApiResult<Json<Viewed<InteractionOut>>> {
    body.0.page::<Interaction>(&app, &caller).await.map(Json)
}

/// Search survey responses
///
/// The survey responses that meet all conditions, newest first. Views and scopes are those of interactions.
///
/// This operation needs the scope `archive:search`, or `archive:read` for the anonymized view.
#[utoipa::path(tag = "archive", operation_id = "search_survey_responses", security(("bearer" = ["archive:search"])),
    request_body = SurveyResponseSearch,
    responses((status = 200, description = "A page of survey responses, newest first.", body = SurveyResponsePage),
        CallProblems, BodyProblems, ListProblems, PurposeProblems))]
#[post("/archive/survey-responses/search")]
pub async fn search_survey_responses(
    caller: Caller<ArchiveRead>,
    _: Params<Nothing>,
    body: Body<SurveyResponseSearch>,
    app: Data<AppContext>,
) -> ApiResult<Json<Viewed<SurveyResponseOut>>> {
    RecordSearch::from(body.0).page::<SurveyResponse>(&app, &caller).await.map(Json)
}

/// Search raw events
///
/// The raw events that meet all conditions, newest first. Views and scopes are those of interactions.
///
/// This operation needs the scope `archive:search`, or `archive:read` for the anonymized view.
#[utoipa::path(tag = "archive", operation_id = "search_raw_events", security(("bearer" = ["archive:search"])),
    request_body = RawEventSearch,
    responses((status = 200, description = "A page of raw events, newest first.", body = RawEventPage),
        CallProblems, BodyProblems, ListProblems, PurposeProblems))]
#[post("/archive/raw-events/search")]
pub async fn search_raw_events(
    caller: Caller<ArchiveRead>,
    _: Params<Nothing>,
    body: Body<RawEventSearch>,
    app: Data<AppContext>,
) -> ApiResult<Json<Viewed<RawEventOut>>> {
    RecordSearch::from(body.0).page::<RawEvent>(&app, &caller).await.map(Json)
}

/// Get an interaction
///
/// The interaction in the widest view that the scopes allow, or in the requested one. If the tenant's settings require
/// a purpose, only searches have the identified view, and this call has the pseudonymous one.
///
/// This operation needs the scope `archive:search`.
#[utoipa::path(tag = "archive", operation_id = "get_interaction", security(("bearer" = ["archive:search"])),
    params(("id" = Uuid, Path, description = "The id of the interaction."), ViewParams),
    responses((status = 200, description = "The interaction.", body = ViewedInteraction),
        CallProblems, ItemProblems, PurposeProblems))]
#[get("/archive/interactions/{id}")]
pub async fn get_interaction(
    caller: Caller<ArchiveSearch>,
    id: Id<RecordId>,
    params: Params<ViewParams>,
    app: Data<AppContext>,
) -> ApiResult<Json<ViewedInteraction>> {
    let mut tx = app.archive.read().await?;
    let tenant = tenants::find(&mut tx, caller.tenant).await?;
    let mut view = view_of(&caller, &tenant.settings, params.0.view, false)?;
    if tenant.settings.purpose_required && view == View::Identified {
        if params.0.view.is_some() {
            return Err(Problem::new(Code::PurposeRequired)
                .detail("This view needs a purpose. Search for the interaction and state one."));
        }
        view = View::Pseudonymous;
    }
    let record = find::<Interaction>(&mut tx, caller.tenant, caller.form.read_record(id.0)).await?;
    let mut record = record.ok_or_else(|| Problem::new(Code::NotFound))?;
    let hiding = Hiding::of(&mut tx, &tenant, app.hiding).await?;
    hide(&mut tx, caller.tenant, &hiding, std::slice::from_mut(&mut record)).await?;
    drop(tx);
    let audited = Audited { purpose: None, by: Vec::new() };
    let renderer = Renderer::new(&app, (&caller, &tenant), view, audited, std::slice::from_ref(&record)).await?;
    let interaction = Interaction::render(record, &renderer);
    Ok(Json(ViewedInteraction { view, interaction }))
}

/// The requested view, or the widest view that the scopes allow. Where the tenant's settings show values only to a
/// search by number or address, all other calls have the pseudonymous view instead of the identified one.
pub fn view_of(actor: &Actor, settings: &Settings, asked: Option<View>, by_identifier: bool) -> ApiResult<View> {
    let widest = match () {
        () if actor.may(Scope::ArchiveIdentify) => View::Identified,
        () if actor.may(Scope::ArchiveSearch) => View::Pseudonymous,
        () => View::Anonymized,
    };
    match asked {
        Some(View::Identified) if widest < View::Identified => {
            Err(forbidden(&[Scope::ArchiveIdentify], "for this view"))
        }
        Some(View::Pseudonymous) if widest < View::Pseudonymous => {
            Err(forbidden(&[Scope::ArchiveSearch], "for this view"))
        }
        asked => {
            let view = asked.unwrap_or(widest);
            let shows_values = by_identifier || settings.identified_view == IdentifiedView::Any;
            Ok(if shows_values { view } else { view.min(View::Pseudonymous) })
        }
    }
}
