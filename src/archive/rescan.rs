//! Texts that have to be rescanned, because their interaction learned its customer after they were stored.
//!
//! Ingest notes the identifiers here. The rescan itself needs the object store, so it is in `content/text/rescan.rs`.

use uuid::Uuid;

use crate::base::id::{ContentId, IdentifierId, TenantId};
use crate::content_rows;
use crate::store::{Archive, Query, Result, Sql, Tx};

/// Notes that the texts of interactions have to be searched for some identifiers. It returns the number of searches.
pub async fn note(tx: &mut Tx<Archive>, tenant: TenantId, learned: &[(Uuid, IdentifierId)]) -> Result<u64> {
    let mut noted = 0;
    for chunk in learned.chunks(1_000) {
        let query = tx
            .query("INSERT INTO rescans (tenant_id, content_id, identifier_id, state) ")
            .push("WITH learned (interaction_id, identifier_id) AS (VALUES ");
        let query = query.each(chunk, |query, (record, id)| {
            query.with("(", *record).push(Sql::CAST_UUID).with(", ", *id).push(Sql::CAST_UUID).push(")")
        });
        let query = query.push(") SELECT c.tenant_id, c.id, l.identifier_id, 'pending' FROM learned l");
        let query =
            content_rows::join(query, "c.interaction_id = l.interaction_id").with(" WHERE c.tenant_id = ", tenant);
        noted += content_rows::of_texts(query, " AND c.kind")
            .push(" ON CONFLICT (tenant_id, content_id, identifier_id) DO UPDATE SET state = 'pending'")
            .once()
            .execute()
            .await?;
    }
    Ok(noted)
}

/// The identifiers that a text must still be searched for.
pub async fn pending_of(tx: &mut Tx<Archive>, tenant: TenantId, text: ContentId) -> Result<Vec<IdentifierId>> {
    let rows: Vec<(IdentifierId,)> = tx
        .query("SELECT identifier_id FROM rescans")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND content_id = ", text)
        .push(" AND state <> 'done' ORDER BY identifier_id")
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Notes the outcome of the search of a text for some identifiers: `done`, or `missing` if its object was not found.
pub async fn note_state(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    text: ContentId,
    identifiers: &[IdentifierId],
    state: &str,
) -> Result<u64> {
    tx.query("UPDATE rescans SET")
        .with(" state = ", state)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND content_id = ", text)
        .with_any(" AND identifier_id", identifiers.iter().copied())
        .execute()
        .await
}

/// Ends the searches of texts. `settled` appends a WITH of the relation `settled (content_id)`.
pub async fn settle(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    settled: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    settled(tx.query(""))
        .push(" UPDATE rescans SET state = 'done'")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND content_id IN (SELECT content_id FROM settled)")
        .execute()
        .await
}

/// The next texts that are to be searched, without those of `tried (content_id)`, of which `tried` appends a WITH.
pub async fn next(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    after: Option<ContentId>,
    limit: i64,
    tried: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<Vec<ContentId>> {
    let rows: Vec<(ContentId,)> = tried(tx.query(""))
        .push(" SELECT DISTINCT content_id FROM rescans")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state <> 'done'")
        .with_some(" AND content_id > ", after)
        .push(" AND content_id NOT IN (SELECT content_id FROM tried)")
        .with(" ORDER BY content_id LIMIT ", limit)
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Appends a SELECT of the texts whose search has not ended: `(content_id, identifier_id)`.
pub fn pending(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query
        .push("SELECT content_id, identifier_id FROM rescans")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state = 'pending'")
}

/// Appends a SELECT of the identifiers for which a text was searched: `(identifier_id)`.
pub fn searched(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query.push("SELECT identifier_id FROM rescans").with(" WHERE tenant_id = ", tenant).push(" AND state = 'done'")
}

/// Deletes the searches that have ended.
pub async fn delete_searched(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    tx.query("DELETE FROM rescans").with(" WHERE tenant_id = ", tenant).push(" AND state = 'done'").execute().await
}

/// Appends a SELECT of all texts that have a search: `(content_id)`.
pub fn with_search(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query.push("SELECT content_id FROM rescans").with(" WHERE tenant_id = ", tenant)
}
