//! Statements about records that the archive has already.

use std::collections::HashMap;

use uuid::Uuid;

use super::kinds::{Channel, Interaction, RecordKind};
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::store::{Archive, Result, Tx};

/// A record that is stored already.
#[derive(Clone, sqlx::FromRow)]
pub struct Existing {
    pub external_id: String,
    pub id: RecordId,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    name_id: Option<IdentifierId>,
    /// The bits of [`super::forgotten`].
    pub forgotten: i16,
}

impl Existing {
    /// Whether the record's customer has the identifier.
    pub fn has(&self, identifier: IdentifierId) -> bool {
        [self.phone_id, self.email_id, self.name_id].contains(&Some(identifier))
    }
}

/// The records of some external ids.
pub async fn existing<'i, K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    external_ids: impl Iterator<Item = &'i str>,
) -> Result<HashMap<String, Existing>> {
    let rows: Vec<Existing> = tx
        .query("SELECT external_id, id, phone_id, email_id, name_id, forgotten FROM ")
        .push(K::TABLE)
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND external_id", external_ids)
        .all()
        .await?;
    Ok(rows.into_iter().map(|row| (row.external_id.clone(), row)).collect())
}

/// The texts of some records as they are stored. The values of JSON take far more memory than its text.
pub async fn texts<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    records: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Option<String>>> {
    let rows: Vec<(Uuid, Option<String>)> = tx
        .query("SELECT id, ")
        .push(K::TEXT)
        .push(" FROM ")
        .push(K::TABLE)
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", records)
        .all()
        .await?;
    Ok(rows.into_iter().collect())
}

/// Gives records another external id, from the first to the second, unless another record has that one.
pub async fn rename<K: RecordKind>(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[(&str, &str)]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    tx.query("WITH renamed (was, becomes) AS (VALUES ")
        .each(ids, |query, (was, becomes)| query.with("(", *was).with(", ", *becomes).push(")"))
        .push(") UPDATE ")
        .push(K::TABLE)
        .push(" SET external_id = n.becomes FROM renamed n WHERE ")
        .push(K::TABLE)
        .with(".tenant_id = ", tenant)
        .push(" AND external_id = n.was AND NOT EXISTS (SELECT 1 FROM ")
        .push(K::TABLE)
        .with(" o WHERE o.tenant_id = ", tenant)
        .push(" AND o.external_id = n.becomes)")
        .once()
        .execute()
        .await?;
    Ok(())
}

/// The channel of a stored interaction.
#[derive(sqlx::FromRow)]
pub struct StoredChannel {
    pub external_id: String,
    pub id: RecordId,
    pub channel: Channel,
}

/// The interactions of some external ids, each with its channel.
pub async fn channels(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    external_ids: impl Iterator<Item = String>,
) -> Result<Vec<StoredChannel>> {
    tx.query("SELECT external_id, id, channel FROM ")
        .push(Interaction::TABLE)
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND external_id", external_ids)
        .all()
        .await
}
