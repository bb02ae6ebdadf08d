//! The condition that decides which records a request selects. The preview and the pass share it, so that the preview
//! promises exactly the work of the pass.
//!
//! A record before the cut-off is selected by an identifier of its customer, or by a mention in its text (A3, A18). An
//! interaction is also selected by its own id, since a request may name it. The keys and cut-offs are in a relation
//! `selected (identifier_id, cutoff)` that the caller defines first. A key is the id of an identifier or of an interaction.

use chrono::{DateTime, Utc};

use super::expressions;
use super::kinds::{descriptive, table};
use super::mentions::Owner;
use crate::base::id::{IdentifierId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Tx};

/// The matches of a request in one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    pub records: u64,
    /// The time of the first record.
    pub first: Option<DateTime<Utc>>,
    /// The time of the last record.
    pub last: Option<DateTime<Utc>>,
}

impl Hits {
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }
}

/// The columns of a record by which a key selects it.
pub type Keys = &'static [&'static str];

/// The columns by which identifiers select a customer.
pub const IDENTIFIERS: Keys = &["phone_id", "email_id"];

/// The same, and the id of the interaction itself.
const INTERACTIONS: Keys = &[ID, "phone_id", "email_id"];

/// The column of an interaction that a request names.
pub const ID: &str = "id";

/// Appends the condition on an interaction, if it is selected by its id. One that was forgotten before is not selected
/// again, lest a pass counted it twice.
pub fn if_there<'c>(query: Query<'c>, column: &str) -> Query<'c> {
    if column != ID {
        return query;
    }
    query
        .push(" AND (phone_id IS NOT NULL OR email_id IS NOT NULL OR name_id IS NOT NULL OR forgotten & ")
        .push(expressions::CUSTOMER)
        .push(" = 0)")
}

/// The columns for a target. Only interactions are named.
#[must_use]
pub const fn keys(target: Target) -> Keys {
    match target {
        Target::Archive => INTERACTIONS,
        Target::SmsSurvey | Target::RawData => IDENTIFIERS,
    }
}

/// A span of time. `None` is open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// The first instant of it.
    pub from: Option<DateTime<Utc>>,
    /// The first instant after it.
    pub to: Option<DateTime<Utc>>,
}

/// Appends to a SET list that descriptive values with a keyed hash become `Anonymized`. Such a hash would join a forgotten
/// record to a later one of the same customer.
pub fn forget_descriptive(query: Query<'_>, target: Target) -> Query<'_> {
    descriptive(target)
        .iter()
        .fold(query, |query, column| expressions::without_hash(query.push(", ").push(*column).push(" = "), column))
}

/// Appends the records with a selected customer, each once: `(id, at, phone_id, email_id, name_id)`.
pub fn customers(query: Query<'_>, tenant: TenantId, target: Target, span: Span) -> Query<'_> {
    customers_by(keys(target), query, tenant, target, span)
}

/// Appends some columns of the same records, such as `r.id`, each row once. An index may have all of them.
pub fn columns_of_customers<'c>(
    columns: &'static str,
    query: Query<'c>,
    tenant: TenantId,
    target: Target,
    span: Span,
) -> Query<'c> {
    union(columns, keys(target), query, tenant, target, span)
}

/// The same by some of the columns.
pub fn customers_by(keys: Keys, query: Query<'_>, tenant: TenantId, target: Target, span: Span) -> Query<'_> {
    union("r.id, r.at, r.phone_id, r.email_id, r.name_id", keys, query, tenant, target, span)
}

fn union<'c>(
    columns: &'static str,
    keys: Keys,
    mut query: Query<'c>,
    tenant: TenantId,
    target: Target,
    span: Span,
) -> Query<'c> {
    let mut union = "SELECT ";
    for key in keys {
        query = query
            .push(union)
            .push(columns)
            .push(" FROM selected s JOIN ")
            .push(table(target))
            .push(" r ON r.")
            .push(*key)
            .push(" = s.identifier_id AND r.at < s.cutoff")
            .with(" WHERE r.tenant_id = ", tenant);
        query = within(if_there(query, key), "r", span);
        union = " UNION SELECT ";
    }
    query
}

/// Appends the selected mentions in the texts of a target, or in those of content: `(record_id, at, n, identifier_id)`.
pub fn mentions(query: Query<'_>, tenant: TenantId, owner: impl Into<Owner>, span: Span) -> Query<'_> {
    within(
        query
            .push(
                "SELECT m.record_id, m.at, m.n, m.identifier_id FROM selected s \
                 JOIN mentions m ON m.identifier_id = s.identifier_id AND m.at < s.cutoff",
            )
            .with(" WHERE m.tenant_id = ", tenant)
            .with(" AND m.target = ", owner.into()),
        "m",
        span,
    )
}

fn within<'c>(query: Query<'c>, alias: &'static str, span: Span) -> Query<'c> {
    let query = match span.from {
        Some(from) => query.push(" AND ").push(alias).with(".at >= ", from),
        None => query,
    };
    match span.to {
        Some(to) => query.push(" AND ").push(alias).with(".at < ", to),
        None => query,
    }
}

/// Counts the distinct records that some keys of one request select in a target, up to its cut-off.
pub async fn preview(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    keys: &[IdentifierId],
    cutoff: DateTime<Utc>,
) -> Result<Hits> {
    let selected: Vec<_> = keys.iter().map(|id| (*id, cutoff)).collect();
    count(tx, tenant, target, &selected).await
}

/// Counts the distinct records that some keys select in a target, each up to a cut-off of its own.
pub async fn count(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    selected: &[(IdentifierId, DateTime<Utc>)],
) -> Result<Hits> {
    if selected.is_empty() {
        return Ok(Hits::default());
    }
    let query = tx
        .query("WITH selected (identifier_id, cutoff) AS (VALUES ")
        .each(selected, |query, (id, cutoff)| query.with("(", *id).with(", ", *cutoff).push(")"))
        .push("), said AS (");
    let query = mentions(query, tenant, target, Span::default())
        .push(") SELECT count(*), min(at), max(at) FROM (SELECT record_id AS id, at FROM said UNION ");
    let query = columns_of_customers("r.id, r.at", query, tenant, target, Span::default());
    let (records, first, last): (i64, _, _) = query.push(") AS hit").one().await?;
    Ok(Hits { records: records.unsigned_abs(), first, last })
}
