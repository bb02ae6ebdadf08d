//! The customer of an interaction, for rooms whose work depends on them.

use chrono::{DateTime, Utc};

use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::store::{Archive, Result, Sql, Tx};

/// The customer of an interaction, which decides over its texts and its deliveries.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Customer {
    pub at: DateTime<Utc>,
    pub phone_id: Option<IdentifierId>,
    pub email_id: Option<IdentifierId>,
    pub name_id: Option<IdentifierId>,
    pub forgotten: i16,
}

/// The customer of an interaction. If `held`, no other transaction changes it until this one ends.
pub async fn customer(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interaction: RecordId,
    held: bool,
) -> Result<Option<Customer>> {
    let query = tx
        .query("SELECT at, phone_id, email_id, name_id, forgotten FROM interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id = ", interaction);
    // SQLite has one writer, so that nothing changes.
    let query = if held { query.push(Sql::per(" FOR SHARE", "")) } else { query };
    query.maybe().await
}
