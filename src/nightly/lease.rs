//! The lease: which runner works for a tenant, until when by the database's clock, under which fencing token.

use std::time::Duration;

use super::model::PassError;
use crate::base::id::TenantId;
use crate::store::{Archive, Db, Result, Sql, Tx};

/// How long a lease holds without being renewed. Short, so that the pod that follows a killed one finds it free.
const TERM: Duration = Duration::from_secs(10);

/// The database's clock, in milliseconds since 1970: the one place where SQL reads a clock, since the runners' own
/// clocks may differ.
const NOW: Sql =
    Sql::per("(extract(epoch FROM clock_timestamp()) * 1000)::bigint", "CAST(unixepoch('subsec') * 1000 AS INTEGER)");

#[derive(Debug)]
pub struct Lease {
    tenant: TenantId,
    token: i64,
    heartbeat: tokio::task::JoinHandle<()>,
}

impl Lease {
    /// Takes the tenant's lease, when it is free, has run out, or its holder is known to be dead.
    pub async fn take(archive: &Db<Archive>, tenant: TenantId) -> Result<Option<Self>> {
        let mut tx = archive.write().await?;
        let holder: Option<(String, i64)> =
            tx.query("SELECT holder, token FROM leases").with(" WHERE tenant_id = ", tenant).maybe().await?;
        let dead = holder.filter(|(holder, _)| is_dead(holder)).map(|(_, token)| token);
        let term = i64::try_from(TERM.as_millis()).unwrap_or(i64::MAX);
        let taken: Option<(i64,)> = tx
            .query("INSERT INTO leases (tenant_id, holder, token, until_ms) VALUES (")
            .with("", tenant)
            .with(", ", this_process())
            .push(", 1, ")
            .push(NOW)
            .with(" + ", term)
            .push(
                ") ON CONFLICT (tenant_id) DO UPDATE \
                 SET holder = excluded.holder, token = leases.token + 1, until_ms = excluded.until_ms \
                 WHERE leases.until_ms < ",
            )
            .push(NOW)
            .with(" OR leases.token = ", dead.unwrap_or(-1))
            .push(" RETURNING token")
            .maybe()
            .await?;
        tx.commit().await?;
        Ok(taken.map(|(token,)| Self { tenant, token, heartbeat: tokio::spawn(beat(archive.clone(), tenant, token)) }))
    }

    /// Renews the lease within a unit of work, or stops it: a runner that was overtaken commits nothing any more.
    pub async fn renew(&self, tx: &mut Tx<Archive>) -> std::result::Result<(), PassError> {
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

/// Keeps the lease while a step takes long; a beat that fails is made up for by the next.
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
    let term = i64::try_from(TERM.as_millis()).unwrap_or(i64::MAX);
    let renewed = tx
        .query("UPDATE leases SET until_ms = ")
        .push(NOW)
        .with(" + ", term)
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND token = ", token)
        .execute()
        .await?;
    Ok(renewed == 1)
}

/// This process, so that another on the same machine can tell whether it still lives: host, process id and start.
fn this_process() -> String {
    let id = std::process::id();
    format!("{}/{id}/{}", host(), start_of(id).unwrap_or_default())
}

/// Whether the holder was a process of this machine that is gone. Of other machines nothing is known.
fn is_dead(holder: &str) -> bool {
    let mut parts = holder.rsplitn(3, '/');
    let (Some(start), Some(id), Some(host_of_holder)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    if host_of_holder != host() || start.is_empty() {
        return false;
    }
    id.parse().is_ok_and(|id| start_of(id).as_deref() != Some(start))
}

fn host() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    format!("{}@{}", read("/proc/sys/kernel/hostname"), read("/proc/sys/kernel/random/boot_id"))
}

/// When a process began, in the kernel's ticks; none when there is no such process, or it is a zombie.
fn start_of(id: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is the command in brackets, which may hold spaces: count after it.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let is_zombie = fields.next()? == "Z";
    let start = fields.nth(18)?;
    (!is_zombie).then(|| start.to_owned())
}
