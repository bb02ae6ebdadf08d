//! The rows by which a database knows the objects of the journal. Archive and vault have the same tables.

use std::collections::HashSet;

use super::model::{JournalEntry, ObjectKind};
use crate::base::id::{JournalId, PassId, TenantId};
use crate::store::{Result, StoreError, Tx};

/// Records that the database knows some objects. To repeat it changes nothing.
pub async fn insert<S>(tx: &mut Tx<S>, tenant: TenantId, entries: &[JournalEntry]) -> Result<()> {
    for chunk in entries.chunks(1_000) {
        tx.query("INSERT INTO journal_entries (tenant_id, seq, kind, pass_id, hash) VALUES ")
            .each(chunk, |query, one| {
                query
                    .with("(", tenant)
                    .with(", ", one.seq)
                    .with(", ", one.kind)
                    .with(", ", one.pass)
                    .with(", ", one.hash.to_vec())
                    .push(")")
            })
            .push(" ON CONFLICT DO NOTHING")
            .once()
            .execute()
            .await?;
    }
    Ok(())
}

type ObjectRow = (i64, ObjectKind, Option<PassId>, Vec<u8>);

fn entry((seq, kind, pass, hash): ObjectRow) -> Result<JournalEntry> {
    let broken = |_| StoreError::Inconsistent(format!("journal_entries.hash of {seq}"));
    Ok(JournalEntry { seq, kind, pass, hash: hash.try_into().map_err(broken)? })
}

/// The objects that the database knows.
pub async fn entries<S>(tx: &mut Tx<S>, tenant: TenantId) -> Result<Vec<JournalEntry>> {
    let rows: Vec<ObjectRow> = tx
        .query("SELECT seq, kind, pass_id, hash FROM journal_entries")
        .with(" WHERE tenant_id = ", tenant)
        .push(" ORDER BY seq")
        .all()
        .await?;
    rows.into_iter().map(entry).collect()
}

/// The newest object that the database knows.
pub async fn head<S>(tx: &mut Tx<S>, tenant: TenantId) -> Result<Option<JournalEntry>> {
    let row: Option<ObjectRow> = tx
        .query("SELECT seq, kind, pass_id, hash FROM journal_entries")
        .with(" WHERE tenant_id = ", tenant)
        .push(" ORDER BY seq DESC LIMIT 1")
        .maybe()
        .await?;
    row.map(entry).transpose()
}

/// The number of the newest object that the database knows.
pub async fn newest<S>(tx: &mut Tx<S>, tenant: TenantId) -> Result<i64> {
    let newest: Option<i64> =
        tx.query("SELECT max(seq) FROM journal_entries").with(" WHERE tenant_id = ", tenant).scalar().await?;
    Ok(newest.unwrap_or_default())
}

/// Records that the database knows some objects that list content.
pub async fn insert_contents<S>(tx: &mut Tx<S>, tenant: TenantId, ids: &[JournalId]) -> Result<()> {
    for chunk in ids.chunks(1_000) {
        tx.query("INSERT INTO journal_contents (tenant_id, id) VALUES ")
            .each(chunk, |query, id| query.with("(", tenant).with(", ", *id).push(")"))
            .push(" ON CONFLICT DO NOTHING")
            .once()
            .execute()
            .await?;
    }
    Ok(())
}

/// The objects that list content which the database knows.
pub async fn contents<S>(tx: &mut Tx<S>, tenant: TenantId) -> Result<HashSet<JournalId>> {
    let rows: Vec<(JournalId,)> =
        tx.query("SELECT id FROM journal_contents").with(" WHERE tenant_id = ", tenant).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Deletes the rows of expired objects.
pub async fn delete_below<S>(tx: &mut Tx<S>, tenant: TenantId, lowest: i64) -> Result<()> {
    tx.query("DELETE FROM journal_entries")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND seq < ", lowest)
        .execute()
        .await?;
    Ok(())
}

/// Deletes the rows of expired objects that list content.
pub async fn delete_contents_before<S>(tx: &mut Tx<S>, tenant: TenantId, before: JournalId) -> Result<()> {
    tx.query("DELETE FROM journal_contents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id < ", before)
        .execute()
        .await?;
    Ok(())
}
