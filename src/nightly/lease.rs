//! The lease: the right of one process to work for a tenant, until an instant of the database's clock, under a fencing
//! token.

use std::time::Duration;

use super::model::{PassError, PassResult, Stop};
use crate::base::id::TenantId;
use crate::store::{Archive, Db, Result, Sql, Tx};

/// How long a lease lasts unless it is renewed. It is short, so that the pod that follows a killed one finds the lease
/// free.
const TERM: Duration = Duration::from_secs(10);

/// The database's clock, in milliseconds since 1970. Only the lease reads a clock in SQL, since the clocks of the
/// processes may differ.
const NOW: Sql =
    Sql::per("(extract(epoch FROM clock_timestamp()) * 1000)::bigint", "CAST(unixepoch('subsec') * 1000 AS INTEGER)");

#[derive(Debug)]
pub struct Lease {
    tenant: TenantId,
    token: i64,
    heartbeat: tokio::task::JoinHandle<()>,
}

impl Lease {
    /// Takes the tenant's lease if it is free or has ended.
    pub async fn take(archive: &Db<Archive>, tenant: TenantId) -> Result<Option<Self>> {
        let mut tx = archive.write().await?;
        let taken: Option<(i64,)> = tx
            .query("INSERT INTO leases (tenant_id, token, until_ms) VALUES (")
            .with("", tenant)
            .push(", 1, ")
            .push(NOW)
            .with(" + ", term())
            .push(
                ") ON CONFLICT (tenant_id) DO UPDATE \
                 SET token = leases.token + 1, until_ms = excluded.until_ms \
                 WHERE leases.until_ms < ",
            )
            .push(NOW)
            .push(" RETURNING token")
            .maybe()
            .await?;
        tx.commit().await?;
        Ok(taken.map(|(token,)| Self { tenant, token, heartbeat: tokio::spawn(beat(archive.clone(), tenant, token)) }))
    }

    /// Renews the lease within a transaction. If another process has taken the lease since, the transaction must not
    /// commit.
    pub async fn renew(&self, tx: &mut Tx<Archive>) -> PassResult<()> {
        if renew(tx, self.tenant, self.token).await? { Ok(()) } else { Err(PassError::LeaseLost) }
    }

    pub async fn release(self, archive: &Db<Archive>) -> Result<()> {
        let mut tx = archive.write().await?;
        tx.query("UPDATE leases SET until_ms = 0")
            .with(" WHERE tenant_id = ", self.tenant)
            .with(" AND token = ", self.token)
            .execute()
            .await?;
        tx.commit().await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// Keeps the lease while a step takes long. If a beat fails, the next one is in time.
async fn beat(archive: Db<Archive>, tenant: TenantId, token: i64) {
    loop {
        tokio::time::sleep(TERM / 4).await;
        let Ok(mut tx) = archive.write().await else { continue };
        match renew(&mut tx, tenant, token).await {
            Ok(true) => drop(tx.commit().await),
            Ok(false) => return,
            Err(_) => {}
        }
    }
}

async fn renew(tx: &mut Tx<Archive>, tenant: TenantId, token: i64) -> Result<bool> {
    let renewed = tx
        .query("UPDATE leases SET until_ms = ")
        .push(NOW)
        .with(" + ", term())
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND token = ", token)
        .execute()
        .await?;
    Ok(renewed == 1)
}

/// Waits until each lease has ended that is not renewed from now on, or until the job is asked to stop.
pub async fn wait_for_a_term(stop: &Stop) {
    let mut left = TERM.as_secs() + 1;
    while left > 0 && !stop.is_requested() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        left -= 1;
    }
}

fn term() -> i64 {
    i64::try_from(TERM.as_millis()).unwrap_or(i64::MAX)
}
