//! Searches. By number or address they are posted, since nothing that identifies a person stands in a URL.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::outgoing::{Audited, Interaction, Outgoing, RawEvent, Renderer, SurveyResponse};
use super::query::SearchQuery;
use crate::archive::incoming::Channel;
use crate::archive::model::View;
use crate::archive::search::find;
use crate::base::actor::{Actor, Scope};
use crate::base::id::RecordId;
use crate::base::target::Target;
use crate::http::caller::{ArchiveRead, ArchiveSearch, forbidden};
use crate::http::docs::{BodyProblems, CallProblems, ItemProblems, ListProblems};
use crate::http::json::Body;
use crate::http::path::Id;
use crate::http::query::{Limit, Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem};
use crate::tenants::{self, Tenant};
use crate::vault::AppContext;

/// What interactions to look for. All fields are optional; number and address together mean either, all else must hold.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"from": "2026-08-01T00:00:00+02:00", "to": "2026-08-02T00:00:00+02:00", "queue": "Private service"}))]
pub struct InteractionSearch {
    /// Not before.
    from: Option<DateTime<Utc>>,
    /// Before.
    to: Option<DateTime<Utc>>,
    /// Over any of these.
    channels: Option<Vec<Channel>>,
    /// In this queue.
    queue: Option<String>,
    /// Answered by this agent.
    agent_id: Option<String>,
    /// With this number, in any spelling; needs archive:identify.
    phone_number: Option<String>,
    /// With this address; needs archive:identify.
    email: Option<String>,
    /// With this token.
    token: Option<String>,
    /// A narrower view than the widest held.
    view: Option<View>,
    /// Why identifiers are looked at, 1 to 200 characters; a tenant can demand it.
    purpose: Option<String>,
    /// The most items.
    limit: Limit,
    /// `next_cursor` of the page before.
    #[schema(format = "cursor")]
    cursor: Option<String>,
}

/// What survey responses to look for. All fields are optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"from": "2026-08-01T00:00:00+02:00"}))]
pub struct SurveyResponseSearch {
    /// Not before.
    from: Option<DateTime<Utc>>,
    /// Before.
    to: Option<DateTime<Utc>>,
    /// By this number, in any spelling; needs archive:identify.
    phone_number: Option<String>,
    /// By this token.
    token: Option<String>,
    /// A narrower view than the widest held.
    view: Option<View>,
    /// Why identifiers are looked at.
    purpose: Option<String>,
    /// The most items.
    limit: Limit,
    /// `next_cursor` of the page before.
    #[schema(format = "cursor")]
    cursor: Option<String>,
}

/// What raw events to look for. All fields are optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"from": "2026-08-01T00:00:00+02:00"}))]
pub struct RawEventSearch {
    /// Not before.
    from: Option<DateTime<Utc>>,
    /// Before.
    to: Option<DateTime<Utc>>,
    /// With this number, in any spelling; needs archive:identify.
    phone_number: Option<String>,
    /// With this address; needs archive:identify.
    email: Option<String>,
    /// With this token.
    token: Option<String>,
    /// A narrower view than the widest held.
    view: Option<View>,
    /// Why identifiers are looked at.
    purpose: Option<String>,
    /// The most items.
    limit: Limit,
    /// `next_cursor` of the page before.
    #[schema(format = "cursor")]
    cursor: Option<String>,
}

/// A page of records, and which view it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Viewed<T> {
    /// The view it is.
    pub view: View,
    /// The records, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// One interaction, and which view it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ViewedInteraction {
    /// The view it is.
    pub view: View,
    /// The interaction.
    #[serde(flatten)]
    pub interaction: Interaction,
}

/// Which view of one record.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ViewParams {
    /// A narrower view than the widest held.
    view: Option<View>,
}

/// Search interactions
///
/// Newest first. By number or address it needs `archive:identify`, and the call is audited; by token it needs
/// `archive:search`; with `archive:read` alone every identifier reads `Anonymized`.
///
/// Needs the scope `archive:search`, or `archive:read` for the anonymized view.
#[utoipa::path(tag = "archive", operation_id = "search_interactions", security(("bearer" = ["archive:search"])),
    request_body = InteractionSearch,
    responses((status = 200, description = "A page of interactions.", body = Viewed<Interaction>),
        CallProblems, BodyProblems, ListProblems))]
#[post("/archive/search")]
pub async fn search_interactions(
    caller: Caller<ArchiveRead>,
    _: Params<Nothing>,
    body: Body<InteractionSearch>,
    stores: Data<AppContext>,
) -> ApiResult<Json<Viewed<Interaction>>> {
    let InteractionSearch {
        from,
        to,
        channels,
        queue,
        agent_id,
        phone_number,
        email,
        token,
        view,
        purpose,
        limit,
        cursor,
    } = body.0;
    let asked =
        SearchQuery { from, to, channels, queue, agent_id, phone_number, email, token, view, purpose, limit, cursor };
    asked.answer(&stores, &caller, Target::Archive).await.map(Json)
}

/// Search survey responses
///
/// Newest first; views and scopes as for interactions.
///
/// Needs the scope `archive:search`, or `archive:read` for the anonymized view.
#[utoipa::path(tag = "archive", operation_id = "search_survey_responses", security(("bearer" = ["archive:search"])),
    request_body = SurveyResponseSearch,
    responses((status = 200, description = "A page of survey responses.", body = Viewed<SurveyResponse>),
        CallProblems, BodyProblems, ListProblems))]
#[post("/archive/survey-responses/search")]
pub async fn search_survey_responses(
    caller: Caller<ArchiveRead>,
    _: Params<Nothing>,
    body: Body<SurveyResponseSearch>,
    stores: Data<AppContext>,
) -> ApiResult<Json<Viewed<SurveyResponse>>> {
    let SurveyResponseSearch { from, to, phone_number, token, view, purpose, limit, cursor } = body.0;
    let asked = SearchQuery { from, to, phone_number, token, view, purpose, limit, cursor, ..SearchQuery::default() };
    asked.answer(&stores, &caller, Target::SmsSurvey).await.map(Json)
}

/// Search raw events
///
/// Newest first; views and scopes as for interactions.
///
/// Needs the scope `archive:search`, or `archive:read` for the anonymized view.
#[utoipa::path(tag = "archive", operation_id = "search_raw_events", security(("bearer" = ["archive:search"])),
    request_body = RawEventSearch,
    responses((status = 200, description = "A page of raw events.", body = Viewed<RawEvent>),
        CallProblems, BodyProblems, ListProblems))]
#[post("/archive/raw-events/search")]
pub async fn search_raw_events(
    caller: Caller<ArchiveRead>,
    _: Params<Nothing>,
    body: Body<RawEventSearch>,
    stores: Data<AppContext>,
) -> ApiResult<Json<Viewed<RawEvent>>> {
    let RawEventSearch { from, to, phone_number, email, token, view, purpose, limit, cursor } = body.0;
    let asked =
        SearchQuery { from, to, phone_number, email, token, view, purpose, limit, cursor, ..SearchQuery::default() };
    asked.answer(&stores, &caller, Target::RawData).await.map(Json)
}

/// Get an interaction
///
/// In the widest view held, or the one asked for. Where the tenant demands a purpose, the identified view is answered by
/// searches only; here it is the pseudonymous one.
///
/// Needs the scope `archive:search`.
#[utoipa::path(tag = "archive", operation_id = "get_interaction", security(("bearer" = ["archive:search"])),
    params(("id" = Uuid, Path, description = "The interaction's id."), ViewParams),
    responses((status = 200, description = "The interaction.", body = ViewedInteraction), CallProblems, ItemProblems))]
#[get("/archive/interactions/{id}")]
pub async fn get_interaction(
    caller: Caller<ArchiveSearch>,
    id: Id<RecordId>,
    params: Params<ViewParams>,
    stores: Data<AppContext>,
) -> ApiResult<Json<ViewedInteraction>> {
    let mut tx = stores.archive.read().await?;
    let tenant = tenant_of(&mut tx, &caller).await?;
    let mut view = view_of(&caller, params.0.view)?;
    if tenant.settings.purpose_required && view == View::Identified {
        if params.0.view.is_some() {
            return Err(Problem::new(Code::PurposeRequired).detail("search for it, with a purpose"));
        }
        view = View::Pseudonymous;
    }
    let record = find(&mut tx, caller.tenant, Target::Archive, id.0).await?;
    drop(tx);
    let record = record.ok_or_else(|| Problem::new(Code::NotFound))?;
    let audited = Audited { purpose: None, by: Vec::new() };
    let renderer =
        Renderer::over(&stores, &caller, Target::Archive, view, audited, std::slice::from_ref(&record)).await?;
    let interaction = Interaction::through(&renderer, record).ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(ViewedInteraction { view, interaction }))
}

pub async fn tenant_of(tx: &mut crate::store::Tx<crate::store::Archive>, actor: &Actor) -> ApiResult<Tenant> {
    tenants::find(tx, actor.tenant).await?.ok_or_else(|| Problem::new(Code::TenantUnknown))
}

/// The view asked for, or the widest that the scopes give.
pub fn view_of(actor: &Actor, asked: Option<View>) -> ApiResult<View> {
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
        Some(asked) => Ok(asked),
        None => Ok(widest),
    }
}
