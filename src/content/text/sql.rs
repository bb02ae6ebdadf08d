//! Statements of texts.

use chrono::{DateTime, Utc};

use crate::archive::mentions::Owner;
use crate::base::id::{ContentId, IdentifierId, RecordId, TenantId};
use crate::store::{Archive, Result, Sql, Tx};

/// What decides how a text of an interaction is read.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TextCustomer {
    pub at: DateTime<Utc>,
    pub phone_id: Option<IdentifierId>,
    pub email_id: Option<IdentifierId>,
    pub name_id: Option<IdentifierId>,
    pub forgotten: i16,
}

/// The customer of an interaction; `held`: as it stays until the end of the transaction.
pub async fn customer(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interaction: RecordId,
    held: bool,
) -> Result<Option<TextCustomer>> {
    let query = tx
        .query("SELECT at, phone_id, email_id, name_id, forgotten FROM interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", interaction);
    // SQLite has one writer, who holds everything.
    let query = if held { query.push(Sql::per(" FOR SHARE", "")) } else { query };
    query.maybe().await
}

/// The identifiers that a text is still to be searched for.
pub async fn pending(tx: &mut Tx<Archive>, tenant: TenantId, object: ContentId) -> Result<Vec<IdentifierId>> {
    let rows: Vec<(IdentifierId,)> = tx
        .query("SELECT identifier_id FROM rescans")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND content_id = ", object)
        .push(" AND state <> 'done' ORDER BY identifier_id")
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Notes what came of the search of a text for some identifiers: `done`, or `missing` where it was not there.
pub async fn note_state(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    object: ContentId,
    identifiers: &[IdentifierId],
    state: &str,
) -> Result<u64> {
    tx.query("UPDATE rescans SET")
        .with(" state = ", state)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND content_id = ", object)
        .with_any(" AND identifier_id", identifiers.iter().copied())
        .execute()
        .await
}

/// Makes another object the one of a text, with all that is known of it. Answers how many texts that were: 0 where it is not
/// there any more. The digest of what was uploaded goes: an identifier was found in it.
pub async fn replace(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (old, new): (ContentId, ContentId),
    stored_size: i64,
) -> Result<u64> {
    let replaced = tx
        .query("UPDATE contents SET sha256 = NULL, public_id = coalesce(public_id, id)")
        .with(", id = ", new)
        .with(", stored_size = ", stored_size)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", old)
        .execute()
        .await?;
    if replaced == 0 {
        return Ok(0);
    }
    tx.query("UPDATE mentions SET")
        .with(" record_id = ", new)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND target = ", Owner::Content)
        .with(" AND record_id = ", old)
        .execute()
        .await?;
    tx.query("UPDATE rescans SET")
        .with(" content_id = ", new)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND content_id = ", old)
        .execute()
        .await?;
    Ok(replaced)
}
