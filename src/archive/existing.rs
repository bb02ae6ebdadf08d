//! Statements about external ids that the archive has already.

use std::collections::HashMap;

use super::incoming::Channel;
use super::selector::table;
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Result, Tx};

/// What the archive has of an external id already.
#[derive(sqlx::FromRow)]
pub struct Existing {
    external_id: String,
    pub id: RecordId,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    name_id: Option<IdentifierId>,
    /// Which slots of it are forgotten.
    pub forgotten: i16,
}

impl Existing {
    /// Whether its customer has the identifier.
    pub fn holds(&self, identifier: IdentifierId) -> bool {
        [self.phone_id, self.email_id, self.name_id].contains(&Some(identifier))
    }
}

/// What the archive has of some external ids already.
pub async fn existing(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    external_ids: impl Iterator<Item = &str>,
) -> Result<HashMap<String, Existing>> {
    let rows: Vec<Existing> = tx
        .query("SELECT external_id, id, phone_id, email_id, name_id, forgotten FROM ")
        .push(table(target))
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND external_id", external_ids.map(str::to_owned))
        .all()
        .await?;
    Ok(rows.into_iter().map(|row| (row.external_id.clone(), row)).collect())
}

/// The interactions of some external ids: each with its id and channel.
pub async fn channels(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    external_ids: impl Iterator<Item = String>,
) -> Result<Vec<(String, RecordId, Channel)>> {
    tx.query("SELECT external_id, id, channel FROM interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND external_id", external_ids)
        .all()
        .await
}
