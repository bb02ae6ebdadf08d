//! Mentions: the identifiers that the placeholders of texts represent. A text contains only numbers, and a mention row
//! contains the identifier's id. The pass sets that id to NULL, so forgetting rewrites no text.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use pii::Kind;
use uuid::Uuid;

use crate::base::id::{IdentifierId, TenantId};
use crate::base::target::Target;
use crate::content_rows;
use crate::store::{Archive, Query, Result, Sql, StoreError, Tx};

/// Removes what was unlinked from free pages. The pass unlinks many mentions, and few rows of other tables.
pub const SCRUB: Sql = Sql::per("VACUUM mentions", "");

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[repr(i16)]
pub enum Owner {
    /// The comment of an anonymize request.
    Request = 0,
    /// An interaction's attributes.
    Interaction = 1,
    /// A survey response's comment.
    SurveyResponse = 2,
    /// A raw event's attributes.
    RawEvent = 3,
    /// A text of an interaction. The record is the id of the content.
    Content = 4,
}

impl From<Target> for Owner {
    fn from(target: Target) -> Self {
        match target {
            Target::Archive => Self::Interaction,
            Target::SmsSurvey => Self::SurveyResponse,
            Target::RawData => Self::RawEvent,
        }
    }
}

/// Placeholder `n` of a record's texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The number between the delimiters.
    pub n: i32,
    pub kind: Kind,
    /// It is `None` after the identifier was forgotten.
    pub identifier: Option<IdentifierId>,
}

/// A mention of one record, to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewMention {
    pub record: Uuid,
    /// The time of the record, because a pass forgets up to a cut-off.
    pub at: DateTime<Utc>,
    pub mention: Mention,
}

pub async fn insert(tx: &mut Tx<Archive>, tenant: TenantId, owner: Owner, mentions: &[NewMention]) -> Result<()> {
    for chunk in mentions.chunks(1_000) {
        let query = tx.query("INSERT INTO mentions (tenant_id, target, record_id, n, kind, at, identifier_id) ");
        // PostgreSQL takes the rows as columns: see `Query::with_unnested`.
        let query = if query.is_postgres() {
            query
                .with("SELECT ", tenant)
                .with(", ", owner)
                .with_unnested(", ", chunk.iter().map(|one| one.record))
                .with_unnested(", ", chunk.iter().map(|one| one.mention.n))
                .with_unnested(", ", chunk.iter().map(|one| one.mention.kind.as_str()))
                .with_unnested(", ", chunk.iter().map(|one| one.at))
                .with_unnested(", ", chunk.iter().map(|one| one.mention.identifier.map(|id| id.0)))
        } else {
            query.push("VALUES ").each(chunk, |query, one| with_row(query, tenant, owner, one)).once()
        };
        query.execute().await?;
    }
    Ok(())
}

fn with_row<'c>(query: Query<'c>, tenant: TenantId, owner: Owner, one: &NewMention) -> Query<'c> {
    let NewMention { record, at, mention: Mention { n, kind, identifier } } = one;
    query
        .with("(", tenant)
        .with(", ", owner)
        .with(", ", *record)
        .with(", ", *n)
        .with(", ", kind.as_str())
        .with(", ", *at)
        .with(", ", *identifier)
        .push(")")
}

/// Removes all mentions of some records.
pub async fn delete(tx: &mut Tx<Archive>, tenant: TenantId, owner: Owner, records: &[Uuid]) -> Result<u64> {
    if records.is_empty() {
        return Ok(0);
    }
    tx.query("DELETE FROM mentions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND target = ", owner)
        .with_any(" AND record_id", records.iter().copied())
        .execute()
        .await
}

/// Whether any text of an owner mentions an identifier, or once did. The order lets the planner use the index even if it expects to find a
/// row soon.
pub async fn is_any(tx: &mut Tx<Archive>, tenant: TenantId, owner: Owner) -> Result<bool> {
    let one: Option<(Uuid,)> = tx
        .query("SELECT record_id FROM mentions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND target = ", owner)
        .push(" ORDER BY record_id LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

pub async fn of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    owner: Owner,
    records: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Mention>>> {
    let mut found = HashMap::<_, Vec<_>>::new();
    if records.is_empty() {
        return Ok(found);
    }
    let rows: Vec<(Uuid, i32, String, Option<IdentifierId>)> = tx
        .query("SELECT record_id, n, kind, identifier_id FROM mentions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND target = ", owner)
        .with_keys(" AND record_id", records.iter().copied())
        .push(" ORDER BY record_id, n")
        .all()
        .await?;
    for (record, n, kind, identifier) in rows {
        let kind = kind.parse().map_err(|_| StoreError::Inconsistent(format!("mentions.kind of {record}")))?;
        found.entry(record).or_default().push(Mention { n, kind, identifier });
    }
    Ok(found)
}

/// Gives the content of interactions, and its mentions, the time of the interaction, because a pass forgets up to a cut-off.
pub async fn move_content(tx: &mut Tx<Archive>, tenant: TenantId, interactions: &[Uuid]) -> Result<()> {
    content_rows::sql::move_to(tx, tenant, interactions, |query| {
        query
            .with("WITH moved AS (SELECT i.id, i.at FROM interactions i WHERE i.tenant_id = ", tenant)
            .with_any(" AND i.id", interactions.iter().copied())
            .push(")")
    })
    .await?;
    with_texts(tx.query(""), tenant, interactions)
        .push(" UPDATE mentions SET at = c.at FROM texts c")
        .with(" WHERE mentions.tenant_id = ", tenant)
        .with(" AND mentions.target = ", Owner::Content)
        .push(" AND mentions.record_id = c.id AND mentions.at <> c.at")
        .execute()
        .await?;
    Ok(())
}

/// Forgets all mentions in the texts of some interactions. Their customer arrives forgotten, and nobody knows which of the
/// mentions are the customer's.
pub async fn forget_texts(tx: &mut Tx<Archive>, tenant: TenantId, interactions: &[Uuid]) -> Result<u64> {
    if interactions.is_empty() {
        return Ok(0);
    }
    with_texts(tx.query(""), tenant, interactions)
        .push(" UPDATE mentions SET identifier_id = NULL FROM texts c")
        .with(" WHERE mentions.tenant_id = ", tenant)
        .with(" AND mentions.target = ", Owner::Content)
        .push(" AND mentions.record_id = c.id AND mentions.identifier_id IS NOT NULL")
        .execute()
        .await
}

/// Appends a WITH of the relation `texts (id, at)`: the content of some interactions.
fn with_texts<'c>(query: Query<'c>, tenant: TenantId, interactions: &[Uuid]) -> Query<'c> {
    content_rows::of_interactions(query.push("WITH texts AS ("), tenant, interactions).push(")")
}
