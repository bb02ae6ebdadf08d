//! The condition that decides which records a request selects. The preview and the pass share it, so that the preview
//! promises exactly the work of the pass.
//!
//! A record before the cut-off is selected by an identifier of its customer, or by a mention in its text (A3, A18). The
//! identifiers and cut-offs are in a relation `selected (identifier_id, cutoff)` that the caller defines first.

use chrono::{DateTime, Utc};

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
    descriptive(target).iter().fold(query, |query, column| {
        query
            .push(", ")
            .push(*column)
            .push(" = CASE WHEN substr(")
            .push(*column)
            .push(", 1, 5) = 'hash-' AND length(")
            .push(*column)
            .push(") = 69 THEN 'Anonymized' ELSE ")
            .push(*column)
            .push(" END")
    })
}

/// Appends the records with a selected customer, each once: `(id, at, phone_id, email_id, name_id)`.
pub fn customers(query: Query<'_>, tenant: TenantId, target: Target, span: Span) -> Query<'_> {
    let query = customers_by("phone_id", query, tenant, target, span);
    customers_by("email_id", query.push(" UNION "), tenant, target, span)
}

fn customers_by<'c>(column: &'static str, query: Query<'c>, tenant: TenantId, target: Target, span: Span) -> Query<'c> {
    let query = query
        .push("SELECT r.id, r.at, r.phone_id, r.email_id, r.name_id FROM selected s JOIN ")
        .push(table(target))
        .push(" r ON r.")
        .push(column)
        .push(" = s.identifier_id AND r.at < s.cutoff")
        .with(" WHERE r.tenant_id = ", tenant);
    within(query, "r", span)
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

/// Counts the distinct records that some identifiers of one request select in a target, up to its cut-off.
pub async fn preview(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    identifiers: &[IdentifierId],
    cutoff: DateTime<Utc>,
) -> Result<Hits> {
    let selected: Vec<_> = identifiers.iter().map(|id| (*id, cutoff)).collect();
    count(tx, tenant, target, &selected).await
}

/// Counts the distinct records that some identifiers select in a target, each up to a cut-off of its own.
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
        .push("), customers AS (");
    let query = customers(query, tenant, target, Span::default()).push("), said AS (");
    let (records, first, last): (i64, _, _) = mentions(query, tenant, target, Span::default())
        .push(
            ") SELECT count(*), min(at), max(at) \
             FROM (SELECT id, at FROM customers UNION SELECT record_id, at FROM said) AS hit",
        )
        .one()
        .await?;
    Ok(Hits { records: records.unsigned_abs(), first, last })
}
