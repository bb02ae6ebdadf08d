//! Statements of the archive's records.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use pii::{ANONYMIZED, Kind};

use super::columns::Columns;
use super::incoming::{Channel, Direction};
use super::model::{CustomerField, Record, forgotten};
use super::parsed::is_keyed;
use super::selector::{descriptive, table};
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::base::page::Position;
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Tx};

/// A record as it is to be written: its identifiers were resolved.
pub struct RecordRow<'a> {
    pub id: RecordId,
    pub external_id: &'a str,
    pub at: DateTime<Utc>,
    pub columns: Cow<'a, Columns>,
    pub phone: Option<IdentifierId>,
    pub email: Option<IdentifierId>,
    pub name: Option<IdentifierId>,
    pub forgotten: i16,
    /// The kinds of the placeholders that its text has behind those of its mentions: they stand for nobody.
    pub added: Vec<Kind>,
}

impl RecordRow<'_> {
    pub fn customer(&self) -> impl Iterator<Item = IdentifierId> + use<> {
        [self.phone, self.email, self.name].into_iter().flatten()
    }
}

/// Which records a search wants, newest first.
pub struct Filter<'a> {
    pub tenant: TenantId,
    pub target: Target,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub channels: Option<Vec<Channel>>,
    pub queue: Option<&'a str>,
    pub agent_id: Option<&'a str>,
    /// Records with any of these; empty: all.
    pub any_of: Vec<(Kind, IdentifierId)>,
    pub token: Option<(Kind, IdentifierId)>,
    pub after: Option<Position>,
    pub limit: u32,
}

/// Writes records, replacing those of the same external id; a customer that was forgotten stays forgotten. Answers each
/// record's external id, id and what is forgotten of it now.
pub async fn upsert(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    rows: &[RecordRow<'_>],
) -> Result<Vec<(String, RecordId, i16)>> {
    let table = table(target);
    let (own, replaced) = own_columns(target);
    let mut query = tx
        .query("INSERT INTO ")
        .push(table)
        .push(" (tenant_id, id, external_id, at, phone_id, email_id, name_id, forgotten, ")
        .push(own)
        .push(")");
    // PostgreSQL takes the rows as columns: see `Query::with_array`.
    query = if query.is_postgres() {
        with_columns(query.with(" SELECT ", tenant).push(", one.* FROM unnest("), target, rows).push(") AS one")
    } else {
        query.push(" VALUES ").each(rows, |query, row| with_row(query, tenant, row).push(")")).once()
    };
    query = query.push(" ON CONFLICT (tenant_id, external_id) DO UPDATE SET at = excluded.at");
    for slot in [", phone_id", ", email_id", ", name_id"] {
        // 7: any bit of the customer's slots.
        query = query.push(slot).push(" = CASE WHEN ").push(table).push(".forgotten & 7 <> 0 THEN NULL ELSE excluded");
        query = query.push(match slot {
            ", phone_id" => ".phone_id END",
            ", email_id" => ".email_id END",
            _ => ".name_id END",
        });
    }
    for column in descriptive(target).iter().copied() {
        // A value that was forgotten stays so.
        query = query.push(", ").push(column).push(" = CASE WHEN ").push(table).push(".forgotten & 7 <> 0 AND ");
        query = query.push(table).push(".").push(column).push(" = 'Anonymized' THEN 'Anonymized' ELSE excluded.");
        query = query.push(column).push(" END");
    }
    query
        .push(", forgotten = ")
        .push(table)
        .push(".forgotten | excluded.forgotten, ")
        .push(replaced)
        .push(" RETURNING external_id, id, forgotten")
        .all()
        .await
}

/// The columns of a target's own, and how a record of the same external id takes over those that are not descriptive.
const fn own_columns(target: Target) -> (&'static str, &'static str) {
    match target {
        Target::Archive => (
            "ended_at, channel, direction, queue, agent_id, outcome, attributes",
            "ended_at = excluded.ended_at, channel = excluded.channel, direction = excluded.direction, \
             attributes = excluded.attributes",
        ),
        Target::SmsSurvey => {
            ("interaction_external_id, score, comment", "score = excluded.score, comment = excluded.comment")
        }
        Target::RawData => ("interaction_external_id, event, attributes", "attributes = excluded.attributes"),
    }
}

fn with_row<'c>(query: Query<'c>, tenant: TenantId, row: &RecordRow<'_>) -> Query<'c> {
    let query = query
        .with("(", tenant)
        .with(", ", row.id)
        .with(", ", row.external_id)
        .with(", ", row.at)
        .with(", ", row.phone)
        .with(", ", row.email)
        .with(", ", row.name)
        .with(", ", row.forgotten);
    match row.columns.as_ref() {
        Columns::Interaction { ended_at, channel, direction, queue, agent_id, outcome, attributes } => query
            .with(", ", *ended_at)
            .with(", ", *channel)
            .with(", ", *direction)
            .with(", ", queue.as_deref())
            .with(", ", agent_id.as_deref())
            .with(", ", outcome.as_deref())
            .with(", ", attributes.as_deref()),
        Columns::SurveyResponse { interaction_external_id, score, comment } => {
            query.with(", ", interaction_external_id.as_deref()).with(", ", *score).with(", ", comment.as_deref())
        }
        Columns::RawEvent { interaction_external_id, event, attributes } => query
            .with(", ", interaction_external_id.as_deref())
            .with(", ", event.as_str())
            .with(", ", attributes.as_deref()),
    }
}

/// The rows as one array a column, in the order of the table's columns.
fn with_columns<'c>(query: Query<'c>, target: Target, rows: &[RecordRow<'_>]) -> Query<'c> {
    let query = query
        .with_array("", rows.iter().map(|row| row.id.0))
        .with_array(", ", rows.iter().map(|row| row.external_id))
        .with_array(", ", rows.iter().map(|row| row.at))
        .with_array(", ", rows.iter().map(|row| row.phone.map(|id| id.0)))
        .with_array(", ", rows.iter().map(|row| row.email.map(|id| id.0)))
        .with_array(", ", rows.iter().map(|row| row.name.map(|id| id.0)))
        .with_array(", ", rows.iter().map(|row| row.forgotten));
    // A record of another kind would leave its arrays short, and the table refuses the row.
    match target {
        Target::Archive => {
            let own = || {
                rows.iter().filter_map(|row| match row.columns.as_ref() {
                    Columns::Interaction { ended_at, channel, direction, queue, agent_id, outcome, attributes } => {
                        Some((ended_at, channel, direction, [queue, agent_id, outcome, attributes]))
                    }
                    _ => None,
                })
            };
            let texts = |at: usize| own().map(move |(.., texts)| texts[at].as_deref());
            query
                .with_array(", ", own().map(|(ended_at, ..)| *ended_at))
                .with_array(", ", own().map(|(_, channel, ..)| channel.as_str()))
                .with_array(", ", own().map(|(_, _, direction, _)| direction.map(Direction::as_str)))
                .with_array(", ", texts(0))
                .with_array(", ", texts(1))
                .with_array(", ", texts(2))
                .with_array(", ", texts(3))
        }
        Target::SmsSurvey => {
            let own = || {
                rows.iter().filter_map(|row| match row.columns.as_ref() {
                    Columns::SurveyResponse { interaction_external_id, score, comment } => {
                        Some((interaction_external_id.as_deref(), *score, comment.as_deref()))
                    }
                    _ => None,
                })
            };
            query
                .with_array(", ", own().map(|(interaction, ..)| interaction))
                .with_array(", ", own().map(|(_, score, _)| score))
                .with_array(", ", own().map(|(.., comment)| comment))
        }
        Target::RawData => {
            let own = || {
                rows.iter().filter_map(|row| match row.columns.as_ref() {
                    Columns::RawEvent { interaction_external_id, event, attributes } => {
                        Some((interaction_external_id.as_deref(), event.as_str(), attributes.as_deref()))
                    }
                    _ => None,
                })
            };
            query
                .with_array(", ", own().map(|(interaction, ..)| interaction))
                .with_array(", ", own().map(|(_, event, _)| event))
                .with_array(", ", own().map(|(.., attributes)| attributes))
        }
    }
}

#[derive(sqlx::FromRow)]
struct Common {
    id: RecordId,
    external_id: String,
    at: DateTime<Utc>,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    name_id: Option<IdentifierId>,
    forgotten: i16,
}

#[derive(sqlx::FromRow)]
struct InteractionRow {
    #[sqlx(flatten)]
    common: Common,
    ended_at: Option<DateTime<Utc>>,
    channel: Channel,
    direction: Option<Direction>,
    queue: Option<String>,
    agent_id: Option<String>,
    outcome: Option<String>,
    attributes: Option<String>,
}

#[derive(sqlx::FromRow)]
struct SurveyResponseRow {
    #[sqlx(flatten)]
    common: Common,
    interaction_external_id: Option<String>,
    score: Option<i16>,
    comment: Option<String>,
}

#[derive(sqlx::FromRow)]
struct RawEventRow {
    #[sqlx(flatten)]
    common: Common,
    interaction_external_id: Option<String>,
    event: String,
    attributes: Option<String>,
}

/// The page of records that a filter wants.
pub async fn page(tx: &mut Tx<Archive>, filter: &Filter<'_>) -> Result<Vec<Record>> {
    let query = search(tx.query(""), filter);
    rows(query, filter.target).await
}

pub async fn by_id(tx: &mut Tx<Archive>, tenant: TenantId, target: Target, id: RecordId) -> Result<Option<Record>> {
    let query = select(tx.query(""), target).with(" WHERE tenant_id = ", tenant).with(" AND id = ", id);
    Ok(rows(query, target).await?.pop())
}

/// The statement of a search: one limited index scan, or, by number or address, two of them merged.
pub fn search<'c>(query: Query<'c>, filter: &Filter<'_>) -> Query<'c> {
    match filter.any_of.as_slice() {
        [] => scan(query, filter, None),
        [one] => scan(query, filter, Some(*one)),
        [one, another, ..] => {
            let query = scan(query.push("SELECT * FROM ("), filter, Some(*one)).push(") AS one UNION SELECT * FROM (");
            scan(query, filter, Some(*another))
                .push(") AS another ORDER BY at DESC, id DESC")
                .with(" LIMIT ", i64::from(filter.limit))
        }
    }
}

fn scan<'c>(query: Query<'c>, filter: &Filter<'_>, by: Option<(Kind, IdentifierId)>) -> Query<'c> {
    let mut query = select(query, filter.target).with(" WHERE tenant_id = ", filter.tenant);
    for (kind, id) in by.into_iter().chain(filter.token) {
        query = query.with(
            match kind {
                Kind::Phone => " AND phone_id = ",
                Kind::Email => " AND email_id = ",
                Kind::Name => " AND name_id = ",
            },
            id,
        );
    }
    query = query
        .with_some(" AND queue = ", filter.queue)
        .with_some(" AND agent_id = ", filter.agent_id)
        .with_some(" AND at >= ", filter.from)
        .with_some(" AND at < ", filter.to);
    if let Some(channels) = &filter.channels {
        query = match channels.as_slice() {
            [one] => query.with(" AND channel = ", *one),
            several => query.with_any(" AND channel", several.iter().map(|channel| channel.as_str())),
        };
    }
    if let Some(Position { at, id }) = filter.after {
        query = query.with(" AND (at, id) < (", at).with(", ", id).push(")");
    }
    query.with(" ORDER BY at DESC, id DESC LIMIT ", i64::from(filter.limit))
}

fn select(query: Query<'_>, target: Target) -> Query<'_> {
    query
        .push("SELECT id, external_id, at, phone_id, email_id, name_id, forgotten, ")
        .push(own_columns(target).0)
        .push(" FROM ")
        .push(table(target))
}

async fn rows(query: Query<'_>, target: Target) -> Result<Vec<Record>> {
    Ok(match target {
        Target::Archive => query.all::<InteractionRow>().await?.into_iter().map(Record::from).collect(),
        Target::SmsSurvey => query.all::<SurveyResponseRow>().await?.into_iter().map(Record::from).collect(),
        Target::RawData => query.all::<RawEventRow>().await?.into_iter().map(Record::from).collect(),
    })
}

impl Common {
    fn record(self, columns: Columns) -> Record {
        let Self { id, external_id, at, phone_id, email_id, name_id, forgotten: bits } = self;
        let slot = |kind, held: Option<IdentifierId>, bit| match held {
            Some(id) => CustomerField::Held(kind, id),
            None if bits & bit != 0 => CustomerField::Forgotten,
            None => CustomerField::Empty,
        };
        let is_hidden = bits & forgotten::CUSTOMER != 0 && is_keyed(&external_id);
        Record {
            id,
            external_id: if is_hidden { ANONYMIZED.to_owned() } else { external_id },
            at,
            phone: slot(Kind::Phone, phone_id, forgotten::PHONE),
            email: slot(Kind::Email, email_id, forgotten::EMAIL),
            name: slot(Kind::Name, name_id, forgotten::NAME),
            anonymized: bits & forgotten::ANYBODY != 0,
            mentions: Vec::new(),
            columns,
        }
    }
}

impl From<InteractionRow> for Record {
    fn from(row: InteractionRow) -> Self {
        let InteractionRow { common, ended_at, channel, direction, queue, agent_id, outcome, attributes } = row;
        common.record(Columns::Interaction { ended_at, channel, direction, queue, agent_id, outcome, attributes })
    }
}

impl From<SurveyResponseRow> for Record {
    fn from(row: SurveyResponseRow) -> Self {
        let SurveyResponseRow { common, interaction_external_id, score, comment } = row;
        common.record(Columns::SurveyResponse { interaction_external_id, score, comment })
    }
}

impl From<RawEventRow> for Record {
    fn from(row: RawEventRow) -> Self {
        let RawEventRow { common, interaction_external_id, event, attributes } = row;
        common.record(Columns::RawEvent { interaction_external_id, event, attributes })
    }
}
