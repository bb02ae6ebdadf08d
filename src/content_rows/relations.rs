//! Parts of statements of other rooms. The rows of content are `c` in them.

use uuid::Uuid;

use crate::base::content::ContentKind;
use crate::base::id::TenantId;
use crate::store::Query;

/// Appends a join with the rows of content. The statement binds the tenant of `c` in its conditions.
pub fn join<'c>(query: Query<'c>, condition: &'static str) -> Query<'c> {
    query.push(" JOIN contents c ON ").push(condition)
}

/// Appends a SELECT of the content of some interactions: `(id, at)`.
pub fn of_interactions<'c>(query: Query<'c>, tenant: TenantId, interactions: &[Uuid]) -> Query<'c> {
    query
        .with("SELECT c.id, c.at FROM contents c WHERE c.tenant_id = ", tenant)
        .with_any(" AND c.interaction_id", interactions.iter().copied())
}

/// Appends the condition that the kind of a row is one of a text. `column` is the kind.
pub fn of_texts<'c>(query: Query<'c>, column: &'static str) -> Query<'c> {
    query.with_any(column, ContentKind::ALL.into_iter().filter(|kind| kind.is_text()).map(ContentKind::as_str))
}

/// Appends a condition on whether an interaction has content. `interaction` is the column of its id.
///
/// PostgreSQL may turn an EXISTS into a join with all content of the tenant. It probes the index for this.
pub fn is_there<'c>(query: Query<'c>, tenant: TenantId, interaction: &'static str, is_there: bool) -> Query<'c> {
    query
        .with("(SELECT c.id FROM contents c WHERE c.tenant_id = ", tenant)
        .push(" AND c.interaction_id = ")
        .push(interaction)
        .push(" LIMIT 1)")
        .push(if is_there { " IS NOT NULL" } else { " IS NULL" })
}

/// Appends the condition that a piece of content has no row any more. `content` is the column of its id.
pub fn is_deleted<'c>(query: Query<'c>, tenant: TenantId, content: &'static str) -> Query<'c> {
    query
        .with("NOT EXISTS (SELECT 1 FROM contents c WHERE c.tenant_id = ", tenant)
        .push(" AND c.id = ")
        .push(content)
        .push(")")
}

/// Appends a SELECT of the content of the relation `customers k`, counted by kind: `(kind, count)`.
pub fn count_by_kind(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push(" SELECT c.kind, count(*) FROM customers k JOIN contents c ON c.interaction_id = k.id")
        .with(" WHERE c.tenant_id = ", tenant)
        .push(" GROUP BY c.kind")
}

/// Appends whether an interaction has content. `interaction` is the column of its id.
pub fn exists<'c>(query: Query<'c>, tenant: TenantId, interaction: &'static str) -> Query<'c> {
    query
        .with("EXISTS (SELECT 1 FROM contents c WHERE c.tenant_id = ", tenant)
        .push(" AND c.interaction_id = ")
        .push(interaction)
        .push(")")
}

/// Appends how many pieces of content an interaction has. `interaction` is the column of its id.
pub fn count<'c>(query: Query<'c>, tenant: TenantId, interaction: &'static str) -> Query<'c> {
    query
        .with("(SELECT count(*) FROM contents c WHERE c.tenant_id = ", tenant)
        .push(" AND c.interaction_id = ")
        .push(interaction)
        .push(")")
}

/// Appends a SELECT of the content of the relation `customers k`, with each customer: `(id, at, phone_id, email_id,
/// name_id, interaction_id)`.
pub fn of_customers(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push("SELECT c.id, k.at, k.phone_id, k.email_id, k.name_id, k.id AS interaction_id FROM customers k")
        .push(" JOIN contents c ON c.interaction_id = k.id")
        .with(" WHERE c.tenant_id = ", tenant)
}

/// Appends a SELECT of the texts of the relation `pending n (content_id, identifier_id)` that could not be rescanned:
/// `(identifier_id, interaction_id, at)`.
pub fn of_pending(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push("SELECT n.identifier_id, c.interaction_id, c.at FROM pending n JOIN contents c ON c.id = n.content_id")
        .with(" WHERE c.tenant_id = ", tenant)
}
