//! Texts that came before their customer was known are read again before anybody is forgotten: what stands in them becomes
//! mentions, which the cut then cuts.
//!
//! A text that the object store does not give up keeps every request waiting that would forget whom it may name, as content
//! that cannot be deleted does. One whose object is lost while the store is there keeps nobody: the check of content reports
//! it, and it is read again if it comes back.

use futures_util::StreamExt as _;

use super::content::{Room, UNAVAILABLE};
use super::failpoint;
use super::model::{NightError, Report, Stop};
use super::selection::forgetting;
use super::sql;
use crate::base::id::{ContentId, PassId, RequestId, TenantId};
use crate::content::text::reread;
use crate::store::{Archive, Result, Sql, Tx};

/// How many texts are read between two renewals of the lease.
const BATCH: i64 = 100;

/// How many texts are read at a time: most of it is waiting for the object store and the databases.
const AT_ONCE: usize = 8;

/// How many texts in a row may go wrong before the night gives up on the rest.
const MOST_FAILURES: u32 = 10;

/// Reads again what was noted, then lets those requests go whose texts could not be read.
pub async fn catch_up(room: Room<'_>, report: &mut Report, stop: &Stop) -> std::result::Result<(), NightError> {
    let Room { stores, lease, tenant, pass, .. } = room;
    let (mut after, mut failures) = (None, 0);
    while failures < MOST_FAILURES {
        let texts = unread(&mut stores.archive.read().await?, tenant, after).await?;
        let Some(last) = texts.last() else { break };
        after = Some(*last);
        let mut tx = stores.archive.write().await?;
        lease.renew(&mut tx).await?;
        tx.commit().await?;
        let readings = texts.into_iter().map(|text| read(room, text));
        let mut readings = futures_util::stream::iter(readings).buffer_unordered(AT_ONCE);
        while let Some(read) = readings.next().await {
            if stop.is_asked() {
                return Err(NightError::Stopped);
            }
            report.texts_reread += u64::from(read == Some(true));
            failures = if read.is_some() { 0 } else { failures + 1 };
            if failures == MOST_FAILURES {
                break;
            }
        }
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    let stuck = stuck(&mut tx, tenant, pass).await?;
    if !stuck.is_empty() {
        report.requests_failed += sql::fail(&mut tx, tenant, &stuck, UNAVAILABLE, stores.clock.now()).await?;
    }
    release(&mut tx, tenant, pass).await?;
    tx.commit().await?;
    failpoint::hit("reread.end");
    Ok(())
}

/// Reads one text again. Answers whether it was there, unless that could not be told.
async fn read(room: Room<'_>, text: ContentId) -> Option<bool> {
    let Room { stores, shelf, tenant, .. } = room;
    let read = reread(stores, shelf, tenant, text).await;
    failpoint::hit("reread");
    match read {
        Ok(is_there) => Some(is_there),
        Err(error) => {
            tracing::warn!(content.id = %text, %error, "A text cannot be read again");
            // What is wrong with one text says nothing of the next.
            (!error.is_transient()).then_some(false)
        }
    }
}

/// The next texts that are to be read again.
async fn unread(tx: &mut Tx<Archive>, tenant: TenantId, after: Option<ContentId>) -> Result<Vec<ContentId>> {
    let rows: Vec<(ContentId,)> = tx
        .query("SELECT DISTINCT content_id FROM rereadings")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state <> 'done'")
        .with_some(" AND content_id > ", after)
        .with(" ORDER BY content_id LIMIT ", BATCH)
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The requests of the pass that would forget somebody for whom a text is still to be searched: the customer of its
/// interaction, or whom it is to be searched for.
async fn stuck(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<Vec<RequestId>> {
    let query = tx
        .query(
            "WITH unread AS (SELECT n.identifier_id, c.interaction_id, c.at FROM rereadings n \
             JOIN contents c ON c.id = n.content_id",
        )
        .with(" WHERE n.tenant_id = ", tenant)
        .with(" AND c.tenant_id = ", tenant)
        .push(
            " AND n.state = 'noted'), named AS (SELECT identifier_id AS id, at FROM unread \
             UNION SELECT i.phone_id, i.at FROM unread u JOIN interactions i ON i.id = u.interaction_id",
        )
        .with(" WHERE i.tenant_id = ", tenant)
        .push(" UNION SELECT i.email_id, i.at FROM unread u JOIN interactions i ON i.id = u.interaction_id")
        .with(" WHERE i.tenant_id = ", tenant)
        .push(")");
    forgetting(query, tenant, pass).await
}

/// Notes whom texts were searched for: candidates for leaving the vault, unless something else refers to them.
async fn release(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<u64> {
    tx.query("INSERT INTO pass_released (tenant_id, pass_id, identifier_id) SELECT DISTINCT ")
        .with("", tenant)
        .push(Sql::CAST_UUID)
        .with(", ", pass)
        .push(Sql::CAST_UUID)
        .with(", identifier_id FROM rereadings WHERE tenant_id = ", tenant)
        .push(" AND state = 'done' ON CONFLICT DO NOTHING")
        .execute()
        .await?;
    tx.query("DELETE FROM rereadings").with(" WHERE tenant_id = ", tenant).push(" AND state = 'done'").execute().await
}
