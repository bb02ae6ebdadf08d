//! Intake: records are parsed and stored in batches, each record whole or not at all. The API and the command line use it.

use std::sync::Arc;

use pii::text::Patterns;
use pii::{HouseNumbers, Region};
use serde::Serialize;
use utoipa::ToSchema;
use validator::Validate as _;

use super::ingest::{BATCH, store};
use super::kinds::RecordKind;
use super::model::ArchiveError;
use super::parsed::{ParsedRecord, Reader};
use crate::base::actor::Actor;
use crate::base::field::FieldError;
use crate::base::id::RecordId;
use crate::base::json::{BodyError, broken_rules, parse};
use crate::base::memory::GrowingShare;
use crate::base::words::described;
use crate::base::work;
use crate::tenants::Tenant;
use crate::vault::{AppContext, Keyset};

/// The most warnings and rejections that are listed.
const MOST_LISTED: usize = 1_000;

/// The most memory of parsed records, in bytes. A batch of long records is stored early.
const HEAVIEST: usize = 8 << 20;

/// How often the text of a record is in memory until it is stored.
const COPIES: usize = 3;

/// The memory of a record beside its text, and of one of its mentions, in bytes.
const RECORD: usize = 1 << 10;
const MENTION: usize = 256;

/// The result for the records that were sent.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(example = json!({
    "received": 3, "created": 2, "updated": 0,
    "warnings": [{"line": 2, "code": "identifier_ignored", "pointer": "/customer/phone_number"}],
    "rejected": [{"line": 3, "errors": [{"pointer": "/channel", "code": "required", "detail": "is required"}]}]
}))]
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
    /// The warnings: records that were stored without a value that is not an identifier, and records that changed
    /// nothing, because they or their interaction are aged or deleted by age.
    pub warnings: Vec<Warning>,
    /// The records that were not stored.
    pub rejected: Vec<Rejection>,
    /// The id of each record in the order in which they were sent, if the call asked for them. It is null for a rejected
    /// record, for an aged one, and for a record whose external id contained its customer, if that customer is forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ids: Option<Vec<Option<RecordId>>>,
    /// How many attempts to store a batch failed, for the metrics.
    #[serde(skip)]
    pub restarts: u64,
    /// How many records belong to aged ones, for the metrics.
    #[serde(skip)]
    pub aged: u64,
    /// The number of warnings and rejections that are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub more: Option<u64>,
}

/// The code of a record that was stored without a value that is no identifier.
const IDENTIFIER_IGNORED: &str = "identifier_ignored";

/// The code of a record that belongs to an aged or deleted one, and that changed nothing.
const RECORD_AGED: &str = "record_aged";

/// The codes of warnings, for the document.
struct IngestWarningCode;

described!(IngestWarningCode as "IngestWarningCode", "The kind of a warning.", [IDENTIFIER_IGNORED, RECORD_AGED]);

/// A record was stored without one of its values, or it belongs to an aged or deleted record and changed nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Warning {
    /// The line, or the position in the array, from 1.
    #[schema(example = 2)]
    pub line: u64,
    /// The reason, as a stable code.
    #[schema(value_type = IngestWarningCode)]
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

/// The records of one call or file. A batch is stored while the next one arrives.
pub struct Intake<'a, K> {
    app: &'a AppContext,
    actor: &'a Actor,
    region: Region,
    house: HouseNumbers,
    patterns: Patterns,
    keyset: Arc<Keyset>,
    /// The records that were not parsed yet.
    sent: Vec<SentLine>,
    sent_bytes: usize,
    records: Vec<ParsedRecord<K>>,
    /// The lines of these records.
    lines: Vec<u64>,
    /// The places of these records in the list of ids, if there is one.
    places: Vec<usize>,
    /// The memory of the parsed records, in bytes.
    weight: usize,
    share: GrowingShare,
    /// Whether the caller has a share for the records.
    is_covered: bool,
    report: Ingested,
}

/// The line of a record, and its text.
type SentLine = (u64, Result<Vec<u8>, Vec<FieldError>>);

/// The line of a record, the length of its text, and the record.
type Parsed<K> = (u64, usize, Result<ParsedRecord<K>, Vec<FieldError>>);

impl<'a, K: RecordKind> Intake<'a, K> {
    /// Begins to take the records of an actor.
    pub async fn begin(app: &'a AppContext, actor: &'a Actor, tenant: &Tenant) -> Result<Self, ArchiveError> {
        let keyset = app.keysets.get(&app.vault, tenant.id).await?;
        Ok(Self {
            app,
            actor,
            region: tenant.region,
            house: tenant.settings.house_numbers(),
            patterns: tenant.settings.patterns(),
            keyset,
            sent: Vec::new(),
            sent_bytes: 0,
            records: Vec::with_capacity(BATCH),
            lines: Vec::with_capacity(BATCH),
            places: Vec::new(),
            weight: 0,
            share: GrowingShare::new(Arc::clone(&app.memory)),
            is_covered: false,
            report: Ingested::default(),
        })
    }

    /// The same intake, which also lists the ids of its records.
    #[must_use]
    pub fn with_ids(mut self, wanted: bool) -> Self {
        self.report.ids = wanted.then(Vec::new);
        self
    }

    /// Notes that the caller has a share of memory for the records.
    pub const fn cover(&mut self) {
        self.is_covered = true;
    }

    fn has_memory(&mut self, size: usize) -> bool {
        self.is_covered || self.share.grow_now(size)
    }

    /// The number of records that were sent so far.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.report.received
    }

    /// Takes the text of one record. It is `None` if the line was too long.
    pub async fn take(&mut self, line: u64, text: Option<&[u8]>) -> Result<(), ArchiveError> {
        self.sent_bytes += text.map_or(0, <[u8]>::len);
        let too_long = || vec![FieldError::at("", "too_long", "the line is too long")];
        self.note((line, text.map(<[u8]>::to_vec).ok_or_else(too_long)));
        if self.sent_bytes >= work::PIECE || self.records.len() + self.sent.len() == BATCH {
            self.parse_sent().await?;
        }
        // A batch that finds no room is stored, too. So it does not wait while it keeps room from others.
        let is_whole = self.records.len() == BATCH || self.weight > HEAVIEST || !self.has_memory(self.weight);
        if is_whole { self.flush().await } else { Ok(()) }
    }

    /// Notes a record that has no text because of some errors.
    pub fn refuse(&mut self, line: u64, errors: Vec<FieldError>) {
        self.note((line, Err(errors)));
    }

    fn note(&mut self, sent: SentLine) {
        self.report.received += 1;
        self.sent.push(sent);
    }

    /// Parses the records that were sent. Long work is taken off the threads that serve calls.
    async fn parse_sent(&mut self) -> Result<(), ArchiveError> {
        let sent = COPIES * self.sent_bytes;
        if !self.has_memory(self.weight + sent) {
            self.flush().await?;
            self.share.grow(sent, sent).await?;
        }
        let (sent, keyset, region) = (std::mem::take(&mut self.sent), Arc::clone(&self.keyset), self.region);
        let (house, patterns) = (self.house.clone(), self.patterns.clone());
        let parsed = work::run(std::mem::take(&mut self.sent_bytes), move || {
            let reader = Reader { region, house: &house, patterns: &patterns, keyset: &keyset };
            let parse = |(line, text): SentLine| -> Parsed<K> {
                let bytes = text.as_ref().map_or(0, Vec::len);
                (line, bytes, text.and_then(|text| parse_record(&reader, &text)))
            };
            sent.into_iter().map(parse).collect::<Vec<_>>()
        });
        for (line, bytes, parsed) in parsed.await {
            if let Some(ids) = &mut self.report.ids {
                if parsed.is_ok() {
                    self.places.push(ids.len());
                }
                ids.push(None);
            }
            match parsed {
                Ok(record) => {
                    for pointer in &record.ignored {
                        if self.has_room() {
                            self.report.warnings.push(Warning { line, code: IDENTIFIER_IGNORED, pointer });
                        }
                    }
                    self.weight += COPIES * bytes + RECORD + MENTION * record.mentions.len();
                    self.records.push(record);
                    self.lines.push(line);
                }
                Err(errors) => self.reject(Rejection { line, errors }),
            }
        }
        Ok(())
    }

    /// Stores the records that are left.
    pub async fn end(mut self) -> Result<Ingested, ArchiveError> {
        self.parse_sent().await?;
        self.flush().await?;
        Ok(self.report)
    }

    async fn flush(&mut self) -> Result<(), ArchiveError> {
        if self.records.is_empty() {
            return Ok(());
        }
        let _work = self.app.memory.work(self.weight as u64).await?;
        let stored = store(self.app, (self.actor, self.region), &self.records).await?;
        self.report.created += stored.created;
        self.report.updated += stored.updated;
        self.report.restarts += stored.restarts;
        self.report.aged += stored.aged.len() as u64;
        for at in stored.aged {
            if self.has_room()
                && let Some(line) = self.lines.get(at).copied()
            {
                self.report.warnings.push(Warning { line, code: RECORD_AGED, pointer: "/external_id" });
            }
        }
        if let Some(ids) = &mut self.report.ids {
            for (place, id) in self.places.drain(..).zip(stored.ids) {
                ids[place] = id;
            }
        }
        self.records.clear();
        self.lines.clear();
        self.weight = 0;
        self.share.shrink();
        Ok(())
    }

    /// Lists a rejection. It tells of a record that is not stored, so it takes the place of a warning if the list is full.
    fn reject(&mut self, rejection: Rejection) {
        if self.has_room() || self.report.warnings.pop().is_some() {
            self.report.rejected.push(rejection);
        }
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.report.warnings.len() + self.report.rejected.len() < MOST_LISTED;
        if !has_room {
            *self.report.more.get_or_insert_default() += 1;
        }
        has_room
    }
}

/// The errors are all rules that the record breaks.
fn parse_record<K: RecordKind>(reader: &Reader<'_>, text: &[u8]) -> Result<ParsedRecord<K>, Vec<FieldError>> {
    let input: K::Input = parse(text).map_err(BodyError::into_places)?;
    input.validate().map_err(|errors| broken_rules(&errors))?;
    K::parse(input, reader)
}
