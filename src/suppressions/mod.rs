//! The suppression probe: whether data of a date would arrive forgotten (N11).
//!
//! A system asks before it sends its data again. The answer is that of the ingest: the same reading of the field, and the
//! same erasures. It creates no identifier. The number of identifiers that a subject may ask for is limited, because a
//! list of all numbers would otherwise tell who was forgotten.

pub mod http;
mod model;
mod sql;

use chrono::{DateTime, Days, Utc};
use serde_json::json;

use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::day::{local_day, start_of_day};
use crate::base::id::TenantId;
use crate::base::target::Target;
use crate::store::{Archive, Result, Tx};
use crate::tenants::Tenant;
use crate::vault::{self, AppContext};

pub use model::{CheckedItem, MOST_ITEMS_PER_DAY, SuppressionError};

/// Whether data with these identifiers would arrive forgotten in any target, in their order. The items are counted and
/// audited first.
pub async fn check(
    app: &AppContext,
    actor: &Actor,
    tenant: &Tenant,
    items: &[CheckedItem],
) -> std::result::Result<Vec<bool>, SuppressionError> {
    let now = app.clock.now();
    let mut tx = app.archive.write().await?;
    let today = local_day(now, tenant.zone);
    if sql::count(&mut tx, actor, today, items.len()).await? == 0 {
        let tomorrow = today.checked_add_days(Days::new(1)).and_then(|day| start_of_day(day, tenant.zone));
        let wait = tomorrow.map_or(0, |tomorrow| (tomorrow - now).num_seconds() + 1);
        return Err(SuppressionError::UsedUp { wait: wait.max(1).unsigned_abs() });
    }
    let entry = Entry::new(Action::SuppressionsChecked, items.len(), json!({}));
    audit::record(&mut tx, app.clock, actor, &entry).await?;
    tx.commit().await?;
    let keyset = app.keysets.get(&app.vault, actor.tenant).await?;
    let identifiers = items.iter().flat_map(|item| &item.identifiers);
    let erasures = vault::erasures_of(&mut app.vault.read().await?, &keyset, identifiers).await?;
    let is_forgotten = |item: &CheckedItem| {
        let mut pairs = item.identifiers.iter().flat_map(|one| Target::ALL.map(|target| (one, target)));
        pairs.any(|(identifier, target)| erasures.cover(identifier, target, item.at))
    };
    Ok(items.iter().map(is_forgotten).collect())
}

/// Deletes the counts of earlier days than that of an instant, in any time zone.
pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> Result<u64> {
    let before = now.date_naive().checked_sub_days(Days::new(1));
    match before {
        Some(before) => sql::purge(tx, tenant, before).await,
        None => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::actor::Scope;
    use crate::tests::Stage;

    #[tokio::test]
    async fn equal_names_of_two_issuers_have_a_limit_each() {
        let stage = Stage::new("kari", &[Scope::SuppressionsCheck]).await;
        let day = stage.app.clock.now().date_naive();
        let most = usize::try_from(MOST_ITEMS_PER_DAY).unwrap();
        let of = |issuer: &str| Actor { issuer: issuer.to_owned(), ..stage.actor.clone() };
        let mut tx = stage.app.archive.write().await.unwrap();
        for issuer in ["https://id.example", "https://login.example", ""] {
            assert_eq!(sql::count(&mut tx, &of(issuer), day, most).await.unwrap(), 1, "{issuer}");
            assert_eq!(sql::count(&mut tx, &of(issuer), day, 1).await.unwrap(), 0, "{issuer}");
        }
    }
}
