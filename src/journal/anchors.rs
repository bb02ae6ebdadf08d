//! The anchors of audit logs: signed checkpoints that no rewriting of a database reaches.

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{AT_ONCE, Journal, JournalError};
use crate::base::id::TenantId;

const ANCHORS: &str = "anchors";

impl Journal {
    /// Creates the anchor of a checkpoint of an audit log. Returns false if it has another text. Without a journal,
    /// nothing is anchored.
    pub async fn append_anchor(&self, tenant: TenantId, seq: i64, note: &str) -> Result<bool, JournalError> {
        let Some(store) = &self.store else { return Ok(true) };
        let created = store.create(&name_of_anchor(tenant, seq), note.as_bytes()).await;
        if created.is_err() {
            self.standing.count_failure();
        }
        Ok(created?)
    }

    /// The numbers of a tenant's anchored checkpoints after one, in their order.
    pub async fn anchors(&self, tenant: TenantId, after: i64) -> Result<Vec<i64>, JournalError> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let after = (after > 0).then(|| format!("{after:020}"));
        let names = store.list(&format!("{ANCHORS}/{tenant}"), after.as_deref()).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// All anchored checkpoints of a tenant with their numbers.
    pub async fn anchored(&self, tenant: TenantId) -> Result<Vec<(i64, String)>, JournalError> {
        let reads = self.anchors(tenant, 0).await?.into_iter().map(|seq| async move {
            let note = self.anchor(tenant, seq).await?;
            Ok((seq, note.unwrap_or_default()))
        });
        futures_util::stream::iter(reads).buffered(AT_ONCE).try_collect().await
    }

    /// The text of an anchored checkpoint.
    pub async fn anchor(&self, tenant: TenantId, seq: i64) -> Result<Option<String>, JournalError> {
        let Some(store) = &self.store else { return Ok(None) };
        let bytes = store.get(&name_of_anchor(tenant, seq)).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// All tenants of whose audit logs checkpoints are anchored.
    pub async fn anchored_tenants(&self) -> Result<Vec<TenantId>, JournalError> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let names = store.folders(ANCHORS).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).map(TenantId).collect())
    }
}

fn name_of_anchor(tenant: TenantId, seq: i64) -> String {
    format!("{ANCHORS}/{tenant}/{seq:020}")
}
