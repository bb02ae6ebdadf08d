//! The statements by which a pass unlinks records and mentions from their identifiers.
//!
//! A caller gives the set to act on as a function that begins the statement with a WITH. So a pass and its work tables
//! decide which records are unlinked, and only the archive's own files name the archive's tables.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use uuid::Uuid;

use super::kinds::table;
use super::mentions::Owner;
use super::model::forgotten;
use super::selector::{ID, Keys, Span, forget_descriptive, if_there, keys};
use crate::base::id::TenantId;
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Tx};

/// The time of the change of a record by a pass: the next full hour. With the exact instant, a search for changes could
/// tell which records were unlinked together, and so had one customer. A later time than that of the commit also means
/// that a caller who asks for changes again and again misses none.
#[must_use]
pub fn changed_at(now: DateTime<Utc>) -> DateTime<Utc> {
    now.duration_trunc(TimeDelta::hours(1)).map_or(now, |hour| hour + TimeDelta::hours(1))
}

/// Unlinks the customers of a target that are selected, and returns how many records that were. `selected` appends a
/// WITH of the relation `selected (identifier_id, cutoff)`.
///
/// The conditions are on the record itself: a record that was changed since it was counted has seen the erasures, and
/// it is left alone. An interaction that is named and has no customer is marked too, so that a customer who is sent later
/// arrives forgotten.
pub async fn customers(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (target, keys): (Target, Keys),
    span: Span,
    now: DateTime<Utc>,
    selected: impl Fn(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    let (mut unlinked, now) = (0, changed_at(now));
    for column in keys {
        let mut query = selected(tx.query(""))
            .push(" UPDATE ")
            .push(table(target))
            .with(" SET changed_at = ", now)
            .with(", forgotten = forgotten | CASE WHEN phone_id IS NULL THEN 0 ELSE ", forgotten::PHONE)
            .with(" END | CASE WHEN email_id IS NULL THEN 0 ELSE ", forgotten::EMAIL)
            .push(" END | CASE WHEN name_id IS NULL");
        if *column == ID {
            query = query
                .with(" AND (phone_id IS NOT NULL OR email_id IS NOT NULL OR forgotten & ", forgotten::CUSTOMER)
                .push(" <> 0)");
        }
        let query =
            query.with(" THEN 0 ELSE ", forgotten::NAME).push(" END, phone_id = NULL, email_id = NULL, name_id = NULL");
        let query = forget_descriptive(query, target).push(" FROM selected s WHERE ").push(table(target));
        let query = query
            .with(".tenant_id = ", tenant)
            .push(" AND ")
            .push(table(target))
            .push(".")
            .push(*column)
            .push(" = s.identifier_id AND at < s.cutoff");
        unlinked += if_there(query, column)
            .with_some(" AND at >= ", span.from)
            .with_some(" AND at < ", span.to)
            .execute()
            .await?;
    }
    Ok(unlinked)
}

/// Unlinks mentions. `noted` appends a WITH of the relation `noted (record_id, n, identifier_id, at)`. A mention that
/// was changed since it was noted is left alone.
pub async fn mentions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    owner: Owner,
    noted: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    noted(tx.query(""))
        .push(" UPDATE mentions SET identifier_id = NULL FROM noted h")
        .with(" WHERE mentions.tenant_id = ", tenant)
        .with(" AND mentions.target = ", owner)
        .push(" AND mentions.record_id = h.record_id AND mentions.n = h.n")
        .push(" AND mentions.identifier_id = h.identifier_id AND mentions.at = h.at")
        .execute()
        .await
}

/// Unlinks the mentions of a record's own identifiers, and its names, since a text knows no other name. `own` appends a
/// WITH of the relation `own (record_id, phone_id, email_id)`.
pub async fn own_mentions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    owner: Owner,
    own: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    own(tx.query(""))
        .push(" UPDATE mentions SET identifier_id = NULL FROM own o")
        .with(" WHERE mentions.tenant_id = ", tenant)
        .with(" AND mentions.target = ", owner)
        .push(" AND o.record_id = mentions.record_id")
        .push(" AND (mentions.kind = 'name' OR mentions.identifier_id IN (o.phone_id, o.email_id))")
        .execute()
        .await
}

/// Deletes the mentions of the relation `noted (record_id, n)`, of which `noted` appends a WITH.
pub async fn delete_mentions(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    owner: Owner,
    noted: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    noted(tx.query(""))
        .push(" DELETE FROM mentions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND target = ", owner)
        .push(" AND (record_id, n) IN (SELECT record_id, n FROM noted)")
        .execute()
        .await
}

/// Marks the records that are about to lose a mention of another identifier than their customer's. `noted` is as in
/// [`mentions`].
pub async fn mark_mentioning(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    now: DateTime<Utc>,
    noted: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    noted(tx.query(""))
        .push(" UPDATE ")
        .push(table(target))
        .with(" SET changed_at = ", changed_at(now))
        .with(", forgotten = forgotten | ", forgotten::MENTION)
        .push(" FROM noted h WHERE ")
        .push(table(target))
        .with(".tenant_id = ", tenant)
        .push(
            " AND id = h.record_id AND (phone_id IS NULL OR phone_id <> h.identifier_id) \
             AND (email_id IS NULL OR email_id <> h.identifier_id) AND (name_id IS NULL OR name_id <> h.identifier_id)",
        )
        .execute()
        .await
}

/// How many records have lost no identifier yet. `matched` appends a WITH of the relation `matched (record_id)`.
pub async fn count_untouched(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    matched: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    let records: i64 = matched(tx.query(""))
        .push(" SELECT count(DISTINCT h.record_id) FROM matched h JOIN ")
        .push(table(target))
        .with(" r ON r.id = h.record_id WHERE r.tenant_id = ", tenant)
        .with(" AND r.forgotten & ", forgotten::ANYBODY)
        .push(" = 0")
        .scalar()
        .await?;
    Ok(records.unsigned_abs())
}

/// Appends a SELECT of the forgotten ones among the records of a relation that has their ids: `(id)`.
pub fn forgotten_of<'c>(mut query: Query<'c>, tenant: TenantId, relation: &'static str) -> Query<'c> {
    let mut union = "";
    for target in Target::ALL {
        query = query
            .push(union)
            .push("SELECT r.id FROM ")
            .push(relation)
            .push(" k JOIN ")
            .push(table(target))
            .with(" r ON r.id = k.id WHERE r.tenant_id = ", tenant)
            .with(" AND r.forgotten & ", forgotten::CUSTOMER)
            .push(" <> 0");
        union = " UNION ALL ";
    }
    query
}

/// Closes the selected interactions: they accept no more content. `selected` appends a WITH of the relation
/// `selected (identifier_id, cutoff)`.
pub async fn close(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    now: DateTime<Utc>,
    selected: impl Fn(Query<'_>) -> Query<'_>,
) -> Result<()> {
    for column in keys(Target::Archive) {
        let query = selected(tx.query(""))
            .with(" UPDATE interactions SET changed_at = ", changed_at(now))
            .with(", forgotten = forgotten | ", forgotten::CONTENT)
            .push(" FROM selected s");
        of_selected(column, query, tenant).push(" = 0").execute().await?;
    }
    Ok(())
}

/// Opens those of the selected interactions again that `kept (interaction_id)` contains. `selected` appends a WITH of
/// both relations.
pub async fn reopen(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    now: DateTime<Utc>,
    selected: impl Fn(Query<'_>) -> Query<'_>,
) -> Result<()> {
    for column in keys(Target::Archive) {
        let query = selected(tx.query(""))
            .with(" UPDATE interactions SET changed_at = ", changed_at(now))
            .with(", forgotten = forgotten & ", !forgotten::CONTENT)
            .push(" FROM selected s");
        of_selected(column, query, tenant).push(" <> 0 AND id IN (SELECT interaction_id FROM kept)").execute().await?;
    }
    Ok(())
}

/// Appends the condition of [`close`], up to the comparison of the bit. It is on the interaction itself: one that got
/// another customer meanwhile is left alone.
fn of_selected<'c>(column: &'static str, query: Query<'c>, tenant: TenantId) -> Query<'c> {
    let query = query
        .with(" WHERE interactions.tenant_id = ", tenant)
        .push(" AND interactions.")
        .push(column)
        .push(" = s.identifier_id AND interactions.at < s.cutoff");
    if_there(query, column).with(" AND interactions.forgotten & ", forgotten::CONTENT)
}

/// Appends a SELECT of one column for each way in which the relation `selected s` selects a record of a target by its
/// customer. The record is `r`.
pub fn each_customer<'c>(
    mut query: Query<'c>,
    tenant: TenantId,
    (target, keys): (Target, Keys),
    column: &'static str,
) -> Query<'c> {
    let mut union = "";
    for selecting in keys {
        query = query
            .push(union)
            .push("SELECT ")
            .push(column)
            .push(" FROM selected s JOIN ")
            .push(table(target))
            .push(" r ON r.")
            .push(*selecting)
            .push(" = s.identifier_id AND r.at < s.cutoff")
            .with(" WHERE r.tenant_id = ", tenant);
        query = if_there(query, selecting);
        union = " UNION ALL ";
    }
    query
}

/// Appends a SELECT of one column for each mention that the relation `selected s` selects. The mention is `r`.
pub fn each_mention<'c>(query: Query<'c>, tenant: TenantId, owner: Owner, column: &'static str) -> Query<'c> {
    query
        .push("SELECT ")
        .push(column)
        .push(" FROM selected s JOIN mentions r ON r.identifier_id = s.identifier_id AND r.at < s.cutoff")
        .with(" WHERE r.tenant_id = ", tenant)
        .with(" AND r.target = ", owner)
}

/// Appends a SELECT of the mentions `m` in the records `k` of a relation that has their ids:
/// `(record_id, n, identifier_id, at)`. More conditions may follow.
pub fn mentions_in<'c>(query: Query<'c>, tenant: TenantId, owner: Owner, relation: &'static str) -> Query<'c> {
    query
        .push("SELECT m.record_id, m.n, m.identifier_id, m.at FROM ")
        .push(relation)
        .push(" k JOIN mentions m ON m.record_id = k.id")
        .with(" WHERE m.tenant_id = ", tenant)
        .with(" AND m.target = ", owner)
        .push(" AND m.identifier_id IS NOT NULL")
}

/// Appends a SELECT of the identifiers that some records mention: `(identifier_id)`.
pub fn identifiers_in(
    query: Query<'_>,
    tenant: TenantId,
    owner: Owner,
    records: impl IntoIterator<Item = Uuid>,
) -> Query<'_> {
    query
        .push("SELECT identifier_id FROM mentions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND target = ", owner)
        .push(" AND identifier_id IS NOT NULL")
        .with_any(" AND record_id", records)
}

/// Appends a join of the rows `c` of an outer relation with their interactions `r` before the cut-off of `s`, and the
/// condition on the tenant and on a span of time.
pub fn join_interactions(query: Query<'_>, tenant: TenantId, span: Span) -> Query<'_> {
    query
        .push(" JOIN interactions r ON r.id = c.interaction_id AND r.at < s.cutoff")
        .with(" WHERE r.tenant_id = ", tenant)
        .with_some(" AND r.at >= ", span.from)
        .with_some(" AND r.at < ", span.to)
}

/// Appends a SELECT of the keys of the interactions of a relation, with the instants of these: `(id, at)`.
pub fn keys_of<'c>(mut query: Query<'c>, tenant: TenantId, relation: &'static str) -> Query<'c> {
    let mut union = "";
    for column in keys(Target::Archive) {
        query = query
            .push(union)
            .push("SELECT i.")
            .push(*column)
            .push(" AS id, i.at FROM ")
            .push(relation)
            .push(" k JOIN interactions i ON i.id = k.interaction_id")
            .with(" WHERE i.tenant_id = ", tenant);
        union = " UNION ";
    }
    query
}
