//! Records in: arrays and streams, in batches, each line whole or absent.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::post;
use actix_web::web::{Data, Json};
use pii::Region;
use serde::Serialize;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::archive::incoming::{Incoming, InteractionIn, RawEventIn, SurveyResponseIn};
use crate::archive::ingest::{BATCH, store};
use crate::archive::model::ArchiveError;
use crate::archive::parsed::{ParsedRecord, Reader};
use crate::base::id::TenantId;
use crate::base::target::Target;
use crate::base::work;
use crate::http::caller::ArchiveIngest;
use crate::http::docs::{BodyProblems, CallProblems};
use crate::http::json::{broken_rules, parse};
use crate::http::lines::Lines;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, FieldError, HttpContext, Problem};
use crate::tenants;
use crate::vault::{AppContext, Keyset};

/// The most lines of one call.
const MOST_LINES: u64 = 100_000;

/// The most warnings and rejections that are listed.
const MOST_LISTED: usize = 1_000;

/// The most text that is held before it is stored, in bytes: a batch of long records is stored early.
const BATCH_BYTES: usize = 8 << 20;

/// The result for the records that were sent.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Ingested {
    /// The number of records that were sent.
    #[schema(example = 3)]
    pub received: u64,
    /// The number of records with a new external id. A record whose external id contains its customer's number,
    /// address, or name counts here each time.
    #[schema(example = 2)]
    pub created: u64,
    /// The number of records that replaced a record of the same external id.
    #[schema(example = 0)]
    pub updated: u64,
    /// The warnings: records that were stored without a value that is not an identifier.
    pub warnings: Vec<Warning>,
    /// The records that were not stored.
    pub rejected: Vec<Rejection>,
    /// How often a batch began again because the night was at work; for the metrics.
    #[serde(skip)]
    pub restarts: u64,
    /// The number of warnings and rejections that are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<u64>,
}

/// A record was stored without one of its values.
#[derive(Debug, Serialize, ToSchema)]
pub struct Warning {
    /// The line, or the position in the array, from 1.
    #[schema(example = 2)]
    pub line: u64,
    /// The reason, as a stable code.
    #[schema(example = "identifier_ignored")]
    pub code: &'static str,
    /// The field that was left out (RFC 6901).
    #[schema(example = "/customer/phone_number")]
    pub pointer: &'static str,
}

/// A record was not stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rejection {
    /// The line, or the position in the array, from 1.
    #[schema(example = 3)]
    pub line: u64,
    /// The fields that are invalid.
    pub errors: Vec<FieldError>,
}

/// The array that a call sends. Any item is taken: one that is no record is reported by its place, and the others are
/// stored.
struct Records<T>(PhantomData<T>);

type Interactions = Records<InteractionIn>;
type SurveyResponses = Records<SurveyResponseIn>;
type RawEvents = Records<RawEventIn>;

impl<T: ToSchema> PartialSchema for Records<T> {
    fn schema() -> RefOr<Schema> {
        let record = Ref::from_schema_name(T::name());
        let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let item = AnyOfBuilder::new()
            .item(record)
            .item(anything.description(Some("A record of another shape. It is reported as rejected.")));
        ArrayBuilder::new()
            .items(item)
            .max_items(Some(BATCH))
            .description(Some("An array of at most 1,000 records."))
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

/// A stream of records, a line each. Any line is taken, as any item of an array is.
struct RecordStream;

impl PartialSchema for RecordStream {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("One JSON object on each line.")).into()
    }
}

impl ToSchema for RecordStream {
    fn name() -> Cow<'static, str> {
        "RecordStream".into()
    }
}

/// One call's records on their way into the archive.
pub struct Ingest<'a, T> {
    stores: &'a AppContext,
    tenant: TenantId,
    region: Region,
    keyset: Arc<Keyset>,
    target: Target,
    /// What was sent and not read yet.
    sent: Vec<SentLine>,
    sent_bytes: usize,
    drafts: Vec<ParsedRecord>,
    bytes: usize,
    report: Ingested,
    kind: PhantomData<T>,
}

/// A record's line and text, or why there is none.
type SentLine = (u64, Result<Vec<u8>, Vec<FieldError>>);

/// A record's line and length, and what it is.
type ReadRecord = (u64, usize, Result<ParsedRecord, Vec<FieldError>>);

impl<'a, T: Incoming> Ingest<'a, T> {
    /// A call that has sent nothing yet.
    pub async fn begin(stores: &'a AppContext, tenant: &tenants::Tenant, target: Target) -> Result<Self, ArchiveError> {
        let keyset = stores.keysets.get(&stores.vault, tenant.id).await?;
        let (drafts, report) = (Vec::with_capacity(BATCH), Ingested::default());
        Ok(Self {
            stores,
            tenant: tenant.id,
            region: tenant.region,
            keyset,
            target,
            sent: Vec::new(),
            sent_bytes: 0,
            drafts,
            bytes: 0,
            report,
            kind: PhantomData,
        })
    }

    /// Takes one record's text, `None` where it is too long to be one.
    pub async fn take(&mut self, line: u64, text: Option<&[u8]>) -> Result<(), ArchiveError> {
        self.sent_bytes += text.map_or(0, <[u8]>::len);
        let too_long = || vec![FieldError::at("", "too_long", "the line is too long")];
        self.note((line, text.map(<[u8]>::to_vec).ok_or_else(too_long)));
        if self.sent_bytes >= work::PIECE || self.drafts.len() + self.sent.len() == BATCH {
            self.read_sent().await;
        }
        if self.drafts.len() == BATCH || self.bytes > BATCH_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Notes a record that was sent, but of which not even a text could be made.
    pub fn refuse(&mut self, line: u64, errors: Vec<FieldError>) {
        self.note((line, Err(errors)));
    }

    fn note(&mut self, sent: SentLine) {
        self.report.received += 1;
        self.sent.push(sent);
    }

    /// Reads what was sent, away from those who serve calls where it is long.
    async fn read_sent(&mut self) {
        let (sent, keyset, region) = (std::mem::take(&mut self.sent), Arc::clone(&self.keyset), self.region);
        let read = work::run(std::mem::take(&mut self.sent_bytes), move || {
            let reader = Reader { region, keyset: &keyset };
            let read = |(line, text): SentLine| -> ReadRecord {
                let bytes = text.as_ref().map_or(0, Vec::len);
                (line, bytes, text.and_then(|text| read::<T>(&reader, &text)))
            };
            sent.into_iter().map(read).collect::<Vec<_>>()
        });
        for (line, bytes, read) in read.await {
            match read {
                Ok(draft) => {
                    for pointer in &draft.ignored {
                        if self.has_room() {
                            self.report.warnings.push(Warning { line, code: "identifier_ignored", pointer });
                        }
                    }
                    self.bytes += bytes;
                    self.drafts.push(draft);
                }
                Err(errors) => self.reject(line, errors),
            }
        }
    }

    fn reject(&mut self, line: u64, errors: Vec<FieldError>) {
        if self.has_room() {
            self.report.rejected.push(Rejection { line, errors });
        }
    }

    /// Stores what is left and answers.
    pub async fn end(mut self) -> Result<Ingested, ArchiveError> {
        self.read_sent().await;
        self.flush().await?;
        Ok(self.report)
    }

    async fn flush(&mut self) -> Result<(), ArchiveError> {
        let stored = store(self.stores, (self.tenant, self.region), self.target, &self.drafts).await?;
        self.report.created += stored.created;
        self.report.updated += stored.updated;
        self.report.restarts += stored.restarts;
        self.drafts.clear();
        self.bytes = 0;
        Ok(())
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.report.warnings.len() + self.report.rejected.len() < MOST_LISTED;
        if !has_room {
            *self.report.more.get_or_insert_default() += 1;
        }
        has_room
    }
}

/// One record, or everything that is wrong with it.
fn read<T: Incoming>(reader: &Reader<'_>, text: &[u8]) -> Result<ParsedRecord, Vec<FieldError>> {
    let record: T = parse(text).map_err(crate::http::json::BodyError::into_places)?;
    record.validate().map_err(|errors| broken_rules(&errors))?;
    record.read(reader)
}

/// Send interactions
///
/// Send calls, chats, e-mails, voicemails, and text messages as a JSON array of at most 1,000 records, or as a stream
/// of `application/x-ndjson` of at most 100,000 lines.
///
/// A record with a known `external_id` replaces the stored record, so it is safe to send records again. Each record is
/// stored as a whole or not at all. A value that cannot be a number is left out with a warning. Numbers and addresses
/// in attributes are tokenized.
///
/// This needs the scope `archive:ingest`.
#[utoipa::path(tag = "archive", operation_id = "ingest_interactions", security(("bearer" = ["archive:ingest"])),
    request_body(content(
        (Interactions = "application/json"),
        (RecordStream = "application/x-ndjson", example = "{\"external_id\":\"cdr-1\",\"channel\":\"call\",\"started_at\":\"2026-08-01T00:10:10Z\"}\n"))),
    responses((status = 200, description = "The counts of stored records, warnings, and rejections.", body = Ingested), CallProblems, BodyProblems))]
#[post("/archive/interactions")]
pub async fn ingest_interactions(
    caller: Caller<ArchiveIngest>,
    _: Params<Nothing>,
    lines: Lines,
    stores: Data<AppContext>,
    kit: Data<HttpContext>,
) -> ApiResult<Json<Ingested>> {
    ingest::<InteractionIn>(&caller, lines, Target::Archive, &stores, &kit).await
}

/// Send survey responses
///
/// Send the answers to text-message surveys as an array or a stream, as for interactions. Identifiers in comments are
/// tokenized.
///
/// This needs the scope `archive:ingest`.
#[utoipa::path(tag = "archive", operation_id = "ingest_survey_responses", security(("bearer" = ["archive:ingest"])),
    request_body(content(
        (SurveyResponses = "application/json"),
        (RecordStream = "application/x-ndjson", example = "{\"external_id\":\"sms-1\",\"answered_at\":\"2026-08-01T09:00:00Z\",\"score\":9}\n"))),
    responses((status = 200, description = "The counts of stored records, warnings, and rejections.", body = Ingested), CallProblems, BodyProblems))]
#[post("/archive/survey-responses")]
pub async fn ingest_survey_responses(
    caller: Caller<ArchiveIngest>,
    _: Params<Nothing>,
    lines: Lines,
    stores: Data<AppContext>,
    kit: Data<HttpContext>,
) -> ApiResult<Json<Ingested>> {
    ingest::<SurveyResponseIn>(&caller, lines, Target::SmsSurvey, &stores, &kit).await
}

/// Send raw events
///
/// Send the events behind the statistics as an array or a stream, as for interactions.
///
/// This needs the scope `archive:ingest`.
#[utoipa::path(tag = "archive", operation_id = "ingest_raw_events", security(("bearer" = ["archive:ingest"])),
    request_body(content(
        (RawEvents = "application/json"),
        (RecordStream = "application/x-ndjson", example = "{\"external_id\":\"ev-1\",\"occurred_at\":\"2026-08-01T00:10:11Z\",\"event\":\"queued\"}\n"))),
    responses((status = 200, description = "The counts of stored records, warnings, and rejections.", body = Ingested), CallProblems, BodyProblems))]
#[post("/archive/raw-events")]
pub async fn ingest_raw_events(
    caller: Caller<ArchiveIngest>,
    _: Params<Nothing>,
    lines: Lines,
    stores: Data<AppContext>,
    kit: Data<HttpContext>,
) -> ApiResult<Json<Ingested>> {
    ingest::<RawEventIn>(&caller, lines, Target::RawData, &stores, &kit).await
}

async fn ingest<T: Incoming>(
    caller: &Caller<ArchiveIngest>,
    mut lines: Lines,
    target: Target,
    stores: &AppContext,
    kit: &HttpContext,
) -> ApiResult<Json<Ingested>> {
    let tenant = tenants::find(&mut stores.archive.read().await?, caller.tenant).await?;
    let tenant = tenant.ok_or_else(|| Problem::new(Code::TenantUnknown))?;
    let mut ingest = Ingest::<T>::begin(stores, &tenant, target).await?;
    while let Some(line) = lines.next().await {
        let line = match line {
            Ok(line) if ingest.report.received < MOST_LINES => line,
            ended => {
                // What came before stays: the answer says how much that is.
                let stored = ingest.end().await?;
                count(kit, target, &stored);
                let kept = format!("{} records were stored", stored.created + stored.updated);
                return Err(match ended {
                    Ok(_) => Problem::new(Code::TooLarge).detail(format!("Send at most {MOST_LINES} lines: {kept}.")),
                    Err(problem) => problem,
                });
            }
        };
        ingest.take(line.number, line.text.as_deref()).await?;
    }
    let ingested = ingest.end().await?;
    count(kit, target, &ingested);
    Ok(Json(ingested))
}

fn count(kit: &HttpContext, target: Target, ingested: &Ingested) {
    let Ingested { received, created, updated, .. } = ingested;
    for (outcome, rows) in [("created", *created), ("updated", *updated), ("rejected", received - created - updated)] {
        kit.metrics.ingested(target.as_str(), outcome, rows);
    }
    for _ in 0..ingested.restarts {
        kit.metrics.epoch_restarted();
    }
}
