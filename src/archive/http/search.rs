//! Searches. By number or address they are posted, since nothing that identifies a person stands in a URL.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::outgoing::{Audited, Interaction, Lens, Outgoing, RawEvent, SurveyResponse};
use crate::archive::incoming::Channel;
use crate::archive::model::View;
use crate::archive::search::{Search, find, search};
use crate::base::actor::{Actor, Scope};
use crate::base::crypto::sha256;
use crate::base::id::RecordId;
use crate::base::page::Position;
use crate::base::pii::{Email, Identifier, Phone, Region};
use crate::base::target::Target;
use crate::base::text::{Finder, Own, fill_text, tokenize_text};
use crate::http::caller::{ArchiveRead, ArchiveSearch};
use crate::http::docs::{BodyProblems, CallProblems, ItemProblems, ListProblems};
use crate::http::json::Body;
use crate::http::path::Id;
use crate::http::query::{Limit, Nothing, Params};
use crate::http::{Answer, Caller, Code, Place, Problem};
use crate::tenants::{self, Tenant};
use crate::vault::Stores;

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
    stores: Data<Stores>,
) -> Answer<Json<Viewed<Interaction>>> {
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
    let asked = Asked { from, to, channels, queue, agent_id, phone_number, email, token, view, purpose, limit, cursor };
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
    stores: Data<Stores>,
) -> Answer<Json<Viewed<SurveyResponse>>> {
    let SurveyResponseSearch { from, to, phone_number, token, view, purpose, limit, cursor } = body.0;
    let asked = Asked { from, to, phone_number, token, view, purpose, limit, cursor, ..Asked::default() };
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
    stores: Data<Stores>,
) -> Answer<Json<Viewed<RawEvent>>> {
    let RawEventSearch { from, to, phone_number, email, token, view, purpose, limit, cursor } = body.0;
    let asked = Asked { from, to, phone_number, email, token, view, purpose, limit, cursor, ..Asked::default() };
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
    stores: Data<Stores>,
) -> Answer<Json<ViewedInteraction>> {
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
    let lens = Lens::over(&stores, &caller, Target::Archive, view, audited, std::slice::from_ref(&record)).await?;
    let interaction = Interaction::through(&lens, record).ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(ViewedInteraction { view, interaction }))
}

/// A search as any of the three bodies asks for it.
#[derive(Default)]
struct Asked {
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    channels: Option<Vec<Channel>>,
    queue: Option<String>,
    agent_id: Option<String>,
    phone_number: Option<String>,
    email: Option<String>,
    token: Option<String>,
    view: Option<View>,
    purpose: Option<String>,
    limit: Limit,
    cursor: Option<String>,
}

impl Asked {
    async fn answer<T: Outgoing>(self, stores: &Stores, actor: &Actor, target: Target) -> Answer<Viewed<T>> {
        let tenant = tenant_of(&mut stores.archive.read().await?, actor).await?;
        let view = view_of(actor, self.view)?;
        let mut by = Vec::new();
        by.extend(self.phone_number.as_ref().map(|_| "phone_number"));
        by.extend(self.email.as_ref().map(|_| "email"));
        if !by.is_empty() && !actor.may(Scope::ArchiveIdentify) {
            return Err(missing(Scope::ArchiveIdentify, "to search by number or address"));
        }
        if self.token.is_some() && !actor.may(Scope::ArchiveSearch) && !actor.may(Scope::ArchiveIdentify) {
            return Err(missing(Scope::ArchiveSearch, "to search by token"));
        }
        let purpose = self.purpose(tenant.region);
        let Self { limit, cursor, .. } = &self;
        let (limit, cursor) = (limit.get(), cursor.clone());
        let search_for = self.search(tenant.region)?;
        let purpose = purpose?;
        let identified = view == View::Identified || !by.is_empty();
        if identified && purpose.is_none() && tenant.settings.purpose_required {
            return Err(Problem::new(Code::PurposeRequired).at("/purpose", "required", "is required by the tenant"));
        }
        let query = fingerprint(actor, target, view, &search_for);
        let after = cursor.map(|cursor| Position::from_cursor(&cursor, &stores.service_key, &query));
        let after = after.transpose().map_err(|_| Problem::new(Code::CursorInvalid))?;
        // One more than asked for tells whether there is a next page.
        let mut records = search(stores, tenant.id, target, &search_for, after, limit + 1).await?;
        let has_next = records.len() > limit as usize;
        records.truncate(limit as usize);
        let next_cursor = records
            .last()
            .filter(|_| has_next)
            .and_then(|last| Position { at: last.at, id: last.id.0 }.to_cursor(&stores.service_key, &query));
        let lens = Lens::over(stores, actor, target, view, Audited { purpose, by }, &records).await?;
        let items = records.into_iter().filter_map(|record| T::through(&lens, record)).collect();
        Ok(Viewed { view, items, next_cursor })
    }

    /// The search, or everything that is wrong with it.
    fn search(self, region: Region) -> Answer<Search> {
        let Self { from, to, channels, queue, agent_id, phone_number, email, token, .. } = self;
        let mut wrong = Vec::new();
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            wrong.push(Place::at("/to", "out_of_range", "must be after from"));
        }
        if channels.as_ref().is_some_and(Vec::is_empty) {
            wrong.push(Place::at("/channels", "required", "must name a channel, or be left out"));
        }
        for (text, pointer) in [(&queue, "/queue"), (&agent_id, "/agent_id")] {
            if text.as_ref().is_some_and(|text| text.chars().count() > 500) {
                wrong.push(Place::at(pointer, "too_long", "must be at most 500 characters"));
            }
        }
        let mut identifiers = Vec::new();
        if let Some(raw) = phone_number {
            match Phone::parse(&raw, region) {
                Ok(phone) => identifiers.push(Identifier::Phone(phone)),
                Err(_) => wrong.push(Place::at("/phone_number", "phone_number_invalid", "must be a phone number")),
            }
        }
        if let Some(raw) = email {
            match Email::parse(&raw) {
                Ok(email) => identifiers.push(Identifier::Email(email)),
                Err(_) => wrong.push(Place::at("/email", "email_invalid", "must be an e-mail address")),
            }
        }
        let token = token.map(|token| token.parse()).transpose().unwrap_or_else(|_| {
            wrong.push(Place::at("/token", "format", "must be a token of this service"));
            None
        });
        if wrong.is_empty() {
            Ok(Search { from, to, channels, queue, agent_id, identifiers, token })
        } else {
            Err(Problem::invalid(wrong))
        }
    }

    /// The stated purpose, without identifiers: it goes into the audit log.
    fn purpose(&self, region: Region) -> Answer<Option<String>> {
        let Some(purpose) = &self.purpose else { return Ok(None) };
        if !(1..=200).contains(&purpose.trim().chars().count()) {
            return Err(Problem::new(Code::ValidationFailed).at(
                "/purpose",
                "out_of_range",
                "must be 1 to 200 characters",
            ));
        }
        let own = Own {
            phone: self.phone_number.as_ref().and_then(|raw| Phone::parse(raw, region).ok()),
            email: self.email.as_ref().and_then(|raw| Email::parse(raw).ok()),
            name: None,
        };
        let mut mentions = Vec::new();
        let text = tokenize_text(&Finder::new(region, own), purpose.trim(), &mut mentions);
        Ok(Some(fill_text(&text, |_| "*****".to_owned())))
    }
}

async fn tenant_of(tx: &mut crate::store::Tx<crate::store::Archive>, actor: &Actor) -> Answer<Tenant> {
    tenants::find(tx, actor.tenant).await?.ok_or_else(|| Problem::new(Code::TenantUnknown))
}

/// The view asked for, or the widest that the scopes give.
fn view_of(actor: &Actor, asked: Option<View>) -> Answer<View> {
    let scopes = [
        (View::Identified, Scope::ArchiveIdentify),
        (View::Pseudonymous, Scope::ArchiveSearch),
        (View::Anonymized, Scope::ArchiveRead),
    ];
    let widest = scopes.iter().find(|(_, scope)| actor.may(*scope)).map_or(View::Anonymized, |(view, _)| *view);
    match asked {
        Some(asked) if asked > widest => {
            let scope = scopes.iter().find(|(view, _)| *view == asked).map_or(Scope::ArchiveRead, |(_, scope)| *scope);
            Err(missing(scope, "for this view"))
        }
        Some(asked) => Ok(asked),
        None => Ok(widest),
    }
}

fn missing(scope: Scope, why: &str) -> Problem {
    Problem::new(Code::Forbidden).detail(format!("needs the scope {scope} {why}"))
}

/// What a cursor is bound to. The filter goes in as a hash, so that nothing of it can be read.
fn fingerprint(actor: &Actor, target: Target, view: View, search: &Search) -> Vec<u8> {
    let Search { from, to, channels, queue, agent_id, identifiers, token } = search;
    let identifiers: Vec<_> = identifiers.iter().map(Identifier::fingerprint).collect();
    let filter = json!({
        "view": view, "from": from, "to": to, "channels": channels, "queue": queue, "agent_id": agent_id,
        "identifiers": identifiers, "token": token.map(|token| token.to_string()),
    });
    [actor.tenant.0.as_bytes(), target.word().as_bytes(), &sha256(filter.to_string().as_bytes())].concat()
}
