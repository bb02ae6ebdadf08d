//! Ingest over HTTP: arrays and streams of records.

use std::borrow::Cow;
use std::collections::HashSet;
use std::marker::PhantomData;

use actix_web::post;
use actix_web::web::{Data, Json};
use serde::Deserialize;
use serde_json::json;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::archive::customer::by_id;
use crate::archive::hidden::Hiding;
use crate::archive::ingest::BATCH;
use crate::archive::intake::{Ingested, Intake};
use crate::archive::kinds::{
    Interaction, InteractionIn, RawEvent, RawEventIn, RecordKind, SurveyResponse, SurveyResponseIn,
};
use crate::archive::naming::lost;
use crate::base::id::RecordId;
use crate::base::page::example_of;
use crate::base::target::Target;
use crate::http::caller::ArchiveIngest;
use crate::http::docs::{BodyProblems, CallProblems};
use crate::http::lines::Lines;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, HttpContext, Problem};
use crate::tenants::{self, Tenant};
use crate::vault::AppContext;

/// The most lines of one call.
const MOST_LINES: u64 = 100_000;

/// The array that a call sends. An item that is no record is reported by its place, and the others are stored.
struct Records<T>(PhantomData<T>);

type Interactions = Records<InteractionIn>;
type SurveyResponses = Records<SurveyResponseIn>;
type RawEvents = Records<RawEventIn>;

impl<T: ToSchema> PartialSchema for Records<T> {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .items(Ref::from_schema_name(T::name()))
            .max_items(Some(BATCH))
            .description(Some("An array of at most 1,000 records."))
            .examples([json!([example_of::<T>()])])
            .into()
    }
}

impl<T: ToSchema> ToSchema for Records<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Array", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// A stream of records, a line each. A line that is no record is reported as an item of an array is.
struct Stream;

impl PartialSchema for Stream {
    fn schema() -> RefOr<Schema> {
        let about = "Records in JSON, one on each line. A line has the schema of an item of the array.";
        ObjectBuilder::new().schema_type(Type::String).description(Some(about)).into()
    }
}

impl ToSchema for Stream {
    fn name() -> Cow<'static, str> {
        "RecordStream".into()
    }
}

/// The form of the response.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IngestParams {
    /// Whether the response has the ids of the records. The default is `false`.
    #[param(required = false)]
    ids: bool,
}

/// Send interactions
///
/// Send calls, chats, e-mails, voicemails, and text messages as a JSON array of at most 1,000 records, or as a stream
/// of `application/x-ndjson` or `application/jsonl` of at most 100,000 lines.
///
/// A record with a known `external_id` replaces the stored record, so it is safe to send records again. Each record is
/// stored as a whole or not at all. A value that cannot be a number is left out with a warning. Numbers and addresses
/// in attributes are tokenized.
///
/// Each stored batch of at most 1,000 records has a row in the audit log.
///
/// This operation needs the scope `archive:ingest`.
#[utoipa::path(tag = "archive", operation_id = "ingest_interactions", security(("bearer" = ["archive:ingest"])),
    request_body(content(
        (Interactions = "application/json"),
        (Stream = "application/x-ndjson", example = "{\"external_id\":\"cdr-1\",\"channel\":\"call\",\"started_at\":\"2026-08-01T00:10:10Z\"}\n"))),
    responses((status = 200, description = "The counts of stored records, warnings, and rejections.", body = Ingested), CallProblems, BodyProblems))]
#[post("/archive/interactions")]
pub async fn ingest_interactions(
    caller: Caller<ArchiveIngest>,
    params: Params<IngestParams>,
    lines: Lines,
    app: Data<AppContext>,
    context: Data<HttpContext>,
) -> ApiResult<Json<Ingested>> {
    ingest::<Interaction>(&caller, (lines, params.0.ids), &app, &context).await
}

/// Send survey responses
///
/// Send the answers to text-message surveys as an array or a stream, as for interactions. Identifiers in comments are
/// tokenized.
///
/// This operation needs the scope `archive:ingest`.
#[utoipa::path(tag = "archive", operation_id = "ingest_survey_responses", security(("bearer" = ["archive:ingest"])),
    request_body(content(
        (SurveyResponses = "application/json"),
        (Stream = "application/x-ndjson", example = "{\"external_id\":\"sms-1\",\"answered_at\":\"2026-08-01T09:00:00Z\",\"score\":9}\n"))),
    responses((status = 200, description = "The counts of stored records, warnings, and rejections.", body = Ingested), CallProblems, BodyProblems))]
#[post("/archive/survey-responses")]
pub async fn ingest_survey_responses(
    caller: Caller<ArchiveIngest>,
    _: Params<Nothing>,
    lines: Lines,
    app: Data<AppContext>,
    context: Data<HttpContext>,
) -> ApiResult<Json<Ingested>> {
    ingest::<SurveyResponse>(&caller, (lines, false), &app, &context).await
}

/// Send raw events
///
/// Send the events behind the statistics as an array or a stream, as for interactions.
///
/// This operation needs the scope `archive:ingest`.
#[utoipa::path(tag = "archive", operation_id = "ingest_raw_events", security(("bearer" = ["archive:ingest"])),
    request_body(content(
        (RawEvents = "application/json"),
        (Stream = "application/x-ndjson", example = "{\"external_id\":\"ev-1\",\"occurred_at\":\"2026-08-01T00:10:11Z\",\"event\":\"queued\"}\n"))),
    responses((status = 200, description = "The counts of stored records, warnings, and rejections.", body = Ingested), CallProblems, BodyProblems))]
#[post("/archive/raw-events")]
pub async fn ingest_raw_events(
    caller: Caller<ArchiveIngest>,
    _: Params<Nothing>,
    lines: Lines,
    app: Data<AppContext>,
    context: Data<HttpContext>,
) -> ApiResult<Json<Ingested>> {
    ingest::<RawEvent>(&caller, (lines, false), &app, &context).await
}

async fn ingest<K: RecordKind>(
    caller: &Caller<ArchiveIngest>,
    (mut lines, with_ids): (Lines, bool),
    app: &AppContext,
    context: &HttpContext,
) -> ApiResult<Json<Ingested>> {
    let tenant = tenants::of_caller(caller, &app.archive).await?;
    let mut intake = Intake::<K>::begin(app, caller, &tenant).await?.with_ids(with_ids);
    if lines.are_whole() {
        intake.cover();
    }
    while let Some(line) = lines.next().await {
        let line = match line {
            Ok(line) if intake.received() < MOST_LINES => line,
            ended => {
                // The records before this line stay, so the problem says how many there are.
                let ingested = intake.end().await?;
                count(context, K::TARGET, &ingested);
                let stored = format!("{} records were stored", ingested.created + ingested.updated);
                return Err(match ended {
                    Ok(_) => Problem::new(Code::TooLarge).detail(format!("Send at most {MOST_LINES} lines: {stored}.")),
                    Err(problem) => problem,
                });
            }
        };
        intake.take(line.number, line.text.as_deref()).await?;
    }
    let mut ingested = intake.end().await?;
    count(context, K::TARGET, &ingested);
    if let Some(ids) = &mut ingested.ids {
        hide_ids(app, &tenant, ids).await?;
        for id in ids.iter_mut().flatten() {
            *id = caller.form.show_record(*id);
        }
    }
    Ok(Json(ingested))
}

/// Takes out the ids of interactions that nobody finds by their external id, because their customer is hidden.
async fn hide_ids(app: &AppContext, tenant: &Tenant, ids: &mut [Option<RecordId>]) -> ApiResult<()> {
    let mut tx = app.archive.read().await?;
    let hiding = Hiding::of(&mut tx, tenant, app.hiding).await?;
    if hiding.is_none() {
        return Ok(());
    }
    for some in ids.chunks_mut(BATCH) {
        let stored = by_id(&mut tx, tenant.id, some.iter().flatten().copied()).await?;
        let lost: HashSet<RecordId> = lost(&mut tx, tenant.id, &hiding, &stored).await?.map(|one| one.id).collect();
        for id in some.iter_mut() {
            *id = id.filter(|id| !lost.contains(id));
        }
    }
    Ok(())
}

fn count(context: &HttpContext, target: Target, ingested: &Ingested) {
    let Ingested { received, created, updated, aged, .. } = ingested;
    let rejected = received - created - updated - aged;
    for (outcome, rows) in [("created", *created), ("updated", *updated), ("rejected", rejected), ("aged", *aged)] {
        context.metrics.ingested(target.as_str(), outcome, rows);
    }
    for _ in 0..ingested.restarts {
        context.metrics.epoch_restarted();
    }
}
