//! The list of the external ids of aged and deleted records, as keyed hashes. No row of it leads to a record.

use std::collections::HashSet;

use uuid::Uuid;

use crate::archive::parsed::keyed_id;
use crate::base::id::{IdentifierId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Result, Tx};
use crate::vault::Keyset;

/// How many bytes of a keyed hash are kept. Among a billion records, two have the same with a chance of one in 10^20.
const LENGTH: usize = 16;

/// The text before the hexadecimal digits of the external id of an aged record.
const AGED: &str = "aged-";

/// The keyed hash of the external id of a record of a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgedKey(Vec<u8>);

impl AgedKey {
    /// The key of an external id, as it was sent or as it is stored: both have the same one.
    #[must_use]
    pub fn new(keyset: &Keyset, target: Target, external_id: &str) -> Self {
        Self::of_keyed(keyset, target, &keyed_id(keyset, external_id))
    }

    /// The key of an external id, by the keyed hash of it.
    #[must_use]
    pub fn of_keyed(keyset: &Keyset, target: Target, keyed_id: &str) -> Self {
        Self(keyset.hash("aged", &format!("{target} {keyed_id}")).0[..LENGTH].to_vec())
    }
}

/// A random external id for an aged record.
pub fn new_external_id() -> String {
    format!("{AGED}{}", IdentifierId::random().0.simple())
}

/// Whether an external id is one that an aged record has.
#[must_use]
pub fn is_aged_id(external_id: &str) -> bool {
    external_id.strip_prefix(AGED).is_some_and(|digits| digits.len() == 32 && Uuid::try_parse(digits).is_ok())
}

/// The keys among some that the list has. Few tenants have a list, so it is asked first whether there is one.
pub async fn listed<'k>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    keys: impl Iterator<Item = &'k AgedKey>,
) -> Result<HashSet<AgedKey>> {
    let query = tx.query("SELECT 1 FROM aged_external_ids").with(" WHERE tenant_id = ", tenant).push(" LIMIT 1");
    let any: Option<(i32,)> = query.maybe().await?;
    if any.is_none() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(Vec<u8>,)> = tx
        .query("SELECT id_hash FROM aged_external_ids")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id_hash", keys.map(|key| key.0.as_slice()))
        .all()
        .await?;
    Ok(rows.into_iter().map(|(key,)| AgedKey(key)).collect())
}

/// Adds keys to the list.
pub async fn add(tx: &mut Tx<Archive>, tenant: TenantId, keys: &[AgedKey]) -> Result<()> {
    for chunk in keys.chunks(1_000) {
        tx.query("INSERT INTO aged_external_ids (tenant_id, id_hash) VALUES ")
            .each(chunk, |query, key| query.with("(", tenant).with(", ", key.0.as_slice()).push(")"))
            .push(" ON CONFLICT DO NOTHING")
            .once()
            .execute()
            .await?;
    }
    Ok(())
}
