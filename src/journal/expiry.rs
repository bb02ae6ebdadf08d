//! The deletion of objects that no kept backup is older than.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::{Journal, JournalError, name, name_of_contents};
use crate::base::id::{JournalId, TenantId};

impl Journal {
    /// The first object of the chain that is kept, if those from before an instant are not: each of the tenants keeps the
    /// newest object of a pass from before, which both databases of that instant know. At most `most` objects are read.
    pub async fn end_of_old(
        &self,
        tenants: &HashSet<TenantId>,
        limit: DateTime<Utc>,
        most: usize,
    ) -> Result<i64, JournalError> {
        let numbers = self.numbers(0).await?;
        let mut end = numbers.first().copied().unwrap_or(1);
        let mut newest = HashMap::new();
        for seq in numbers.into_iter().take(most) {
            let header = self.sealed(seq).await?.1.header;
            if header.at >= limit {
                break;
            }
            end = seq + 1;
            if tenants.contains(&header.tenant) {
                let kept = newest.entry(header.tenant).or_insert(seq);
                if header.kind.is_of_pass() {
                    *kept = seq;
                }
            }
        }
        Ok(newest.into_values().min().unwrap_or(end))
    }

    /// The time of the newest object of the chain from before an instant.
    pub async fn newest_before(&self, limit: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, JournalError> {
        let numbers = self.numbers(0).await?;
        let (mut low, mut high, mut newest) = (0, numbers.len(), None);
        while low < high {
            let middle = usize::midpoint(low, high);
            let at = self.sealed(numbers[middle]).await?.1.header.at;
            if at < limit {
                (low, newest) = (middle + 1, Some(at));
            } else {
                high = middle;
            }
        }
        Ok(newest)
    }

    /// Deletes the objects of the chain below a number, the oldest first.
    pub async fn delete_below(&self, lowest: i64) -> Result<u64, JournalError> {
        let Some(store) = &self.store else { return Ok(0) };
        let mut deleted = 0;
        for seq in self.numbers(0).await?.into_iter().take_while(|seq| *seq < lowest) {
            store.delete(&name(seq)).await?;
            deleted += 1;
        }
        Ok(deleted)
    }

    /// Deletes the objects that list content of a tenant and are older than an id.
    pub async fn delete_contents_before(&self, tenant: TenantId, before: JournalId) -> Result<u64, JournalError> {
        let Some(store) = &self.store else { return Ok(0) };
        let mut deleted = 0;
        for id in self.content_objects(tenant).await?.into_iter().filter(|id| *id < before) {
            store.delete(&name_of_contents(tenant, id)).await?;
            deleted += 1;
        }
        Ok(deleted)
    }
}
