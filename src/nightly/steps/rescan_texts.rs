//! Texts that came before their customer was known are read again before anybody is forgotten: what stands in them becomes
//! mentions, which the cut then cuts.
//!
//! A text that the object store does not give up keeps every request waiting that would forget whom it may name, as content
//! that cannot be deleted does. One whose object is lost while the store is there keeps nobody: the check of content reports
//! it, and it is read again if it comes back.
//!
//! No text stops the job. Each is noted before it is read, so a text that ends the process is known at the next start: it is set aside,
//! everybody is forgotten whom it does not name, and at the end it is tried alone, a few times. Such a text, and one that cannot be
//! read, keeps only those requests waiting that would forget whom it may name.

use futures_util::StreamExt as _;

use super::delete_content::select::forgetting;
use super::delete_content::{PassContext, UNAVAILABLE};
use crate::base::id::{ContentId, PassId, RequestId, TenantId};
use crate::content::ContentError;
use crate::content::text::{Reason, begin_attempts, end_attempts, fail_attempt, rescan, retry_failed};
use crate::nightly::failpoint;
use crate::nightly::model::{PassError, Report, Stop};
use crate::nightly::sql;
use crate::store::{Archive, Query, Result, Sql, Tx};

/// `last_error` of a request that would forget somebody whom a text may name that cannot be read.
pub const UNREADABLE: &str = "text_unreadable";

/// How many texts are read at a time: most of it is waiting for the object store and the databases.
const AT_ONCE: usize = 8;

/// How many texts are noted and read between two renewals of the lease.
const BATCH: i64 = 8;

/// How many texts in a row may go wrong before the night gives up on the rest.
const MOST_FAILURES: u32 = 10;

/// At how many attempts the process may end before a text is not tried any more.
const MOST_ATTEMPTS: i32 = 3;

/// How many failed texts a report names.
const MOST_NAMED: i64 = 100;

/// Reads again what was noted, but for what was in hand when a process ended. Then lets those requests go whose texts could not be read.
pub async fn catch_up(room: PassContext<'_>, report: &mut Report, stop: &Stop) -> std::result::Result<(), PassError> {
    let PassContext { stores, lease, tenant, pass, .. } = room;
    forget_deleted(room).await?;
    let (mut after, mut failures) = (None, 0);
    while failures < MOST_FAILURES {
        let texts = unread(&mut stores.archive.read().await?, tenant, after).await?;
        let Some(last) = texts.last() else { break };
        after = Some(*last);
        for read in read(room, &texts).await? {
            report.texts_reread += u64::from(read == Some(true));
            failures = if read.is_some() { 0 } else { failures + 1 };
        }
        if stop.is_asked() {
            return Err(PassError::Stopped);
        }
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    for (state, error) in [(State::Waiting, UNAVAILABLE), (State::Noted, UNREADABLE)] {
        let stuck = stuck(&mut tx, tenant, pass, state).await?;
        if !stuck.is_empty() {
            report.requests_failed += sql::fail(&mut tx, tenant, &stuck, error, stores.clock.now()).await?;
        }
    }
    release(&mut tx, tenant, pass).await?;
    tx.commit().await?;
    failpoint::hit("reread.end");
    Ok(())
}

/// A text that is not tried any more, and was deleted, is to be searched for nobody.
async fn forget_deleted(room: PassContext<'_>) -> std::result::Result<(), PassError> {
    let PassContext { stores, lease, tenant, .. } = room;
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    tx.query("UPDATE rescans SET state = 'done'")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND EXISTS (SELECT 1 FROM rescan_attempts a WHERE a.content_id = rescans.content_id")
        .with(" AND a.tenant_id = ", tenant)
        .push(") AND NOT EXISTS (SELECT 1 FROM contents c WHERE c.id = rescans.content_id")
        .with(" AND c.tenant_id = ", tenant)
        .push(")")
        .execute()
        .await?;
    Ok(tx.commit().await?)
}

/// Reads the texts that were in hand when a process ended, one by one. Answers whether any of them need not be set aside any more.
pub async fn retry(room: PassContext<'_>, report: &mut Report, stop: &Stop) -> std::result::Result<bool, PassError> {
    let PassContext { stores, lease, tenant, .. } = room;
    let suspects = suspects(&mut stores.archive.read().await?, tenant).await?;
    let mut is_any = false;
    for (text, attempts) in suspects {
        if stop.is_asked() {
            return Err(PassError::Stopped);
        }
        if attempts >= MOST_ATTEMPTS {
            tracing::error!(content.id = %text, "A text failed: the process ended each time the text was read; it is \
                                                 skipped from now on");
            let mut tx = stores.archive.write().await?;
            lease.renew(&mut tx).await?;
            fail_attempt(&mut tx, tenant, text, Reason::Crashed, stores.clock.now()).await?;
            tx.commit().await?;
            continue;
        }
        for read in read(room, &[text]).await? {
            report.texts_reread += u64::from(read == Some(true));
            is_any |= read.is_some();
        }
    }
    Ok(is_any)
}

/// Notes in the report which texts are not tried any more.
pub async fn tell(tx: &mut Tx<Archive>, tenant: TenantId, report: &mut Report) -> Result<()> {
    let failed: i64 = pending_failed(tx.query("SELECT count(*) FROM rescan_attempts a"), tenant).scalar().await?;
    report.texts_failed = failed.unsigned_abs();
    report.failed_texts.clear();
    if failed > 0 {
        let query = tx
            .query("SELECT coalesce(c.public_id, c.id) FROM rescan_attempts a JOIN contents c ON c.id = a.content_id");
        let rows: Vec<(ContentId,)> = pending_failed(query, tenant)
            .with(" AND c.tenant_id = ", tenant)
            .with(" ORDER BY a.content_id LIMIT ", MOST_NAMED)
            .all()
            .await?;
        report.failed_texts = rows.into_iter().map(|(id,)| id).collect();
    }
    Ok(())
}

/// Lets the texts be tried again that are not tried any more.
pub async fn forgive(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    retry_failed(tx, tenant).await
}

fn pending_failed(query: Query<'_>, tenant: TenantId) -> Query<'_> {
    query.with(" WHERE a.tenant_id = ", tenant).push(" AND a.reason IS NOT NULL")
}

/// Reads some texts again, at once. Of each answers whether it was there, unless that could not be told.
async fn read(room: PassContext<'_>, texts: &[ContentId]) -> std::result::Result<Vec<Option<bool>>, PassError> {
    let PassContext { stores, shelf, lease, tenant, .. } = room;
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    begin_attempts(&mut tx, tenant, texts, stores.clock.now()).await?;
    tx.commit().await?;
    let readings = texts.iter().map(|text| async move {
        failpoint::hit("reread.begin");
        let read = rescan(stores, shelf, tenant, *text).await;
        failpoint::hit("reread");
        (*text, read)
    });
    let (mut told, mut ended) = (Vec::new(), Vec::new());
    let mut readings = futures_util::stream::iter(readings).buffer_unordered(AT_ONCE);
    while let Some((text, read)) = readings.next().await {
        match read {
            Ok(is_there) => told.push(Some(is_there)),
            Err(ContentError::Unreadable(reason)) => {
                tracing::error!(content.id = %text, %reason, "A text failed; it is skipped from now on");
                told.push(Some(false));
            }
            Err(error) => {
                tracing::warn!(content.id = %text, %error, "The rescan of a text failed, retrying in the next pass");
                ended.push(text);
                // What is wrong with one text says nothing of the next.
                told.push((!error.is_transient()).then_some(false));
            }
        }
    }
    drop(readings);
    if !ended.is_empty() {
        let mut tx = stores.archive.write().await?;
        end_attempts(&mut tx, tenant, &ended).await?;
        tx.commit().await?;
    }
    Ok(told)
}

/// The next texts that are to be read again, none of which was in hand when a process ended.
async fn unread(tx: &mut Tx<Archive>, tenant: TenantId, after: Option<ContentId>) -> Result<Vec<ContentId>> {
    let rows: Vec<(ContentId,)> = tx
        .query("SELECT DISTINCT n.content_id FROM rescans n")
        .with(" WHERE n.tenant_id = ", tenant)
        .push(" AND n.state <> 'done'")
        .with_some(" AND n.content_id > ", after)
        .push(" AND NOT EXISTS (SELECT 1 FROM rescan_attempts a WHERE a.content_id = n.content_id")
        .with(" AND a.tenant_id = ", tenant)
        .push(")")
        .with(" ORDER BY n.content_id LIMIT ", BATCH)
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The texts that were in hand when a process ended, those first at which it ended least often.
async fn suspects(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Vec<(ContentId, i32)>> {
    tx.query("SELECT content_id, attempts FROM rescan_attempts")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND reason IS NULL ORDER BY attempts, content_id")
        .all()
        .await
}

/// How a text stands that is still to be read.
#[derive(Clone, Copy)]
enum State {
    Waiting,
    /// An attempt is noted: it was in hand when a process ended, or is not tried any more.
    Noted,
}

/// The requests of the pass that would forget somebody for whom a text is still to be searched: the customer of its
/// interaction, or whom it is to be searched for.
async fn stuck(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, state: State) -> Result<Vec<RequestId>> {
    let is_noted = match state {
        State::Waiting => " AND n.state = 'pending' AND NOT EXISTS (",
        State::Noted => " AND n.state = 'pending' AND EXISTS (",
    };
    let query = tx
        .query(
            "WITH unread AS (SELECT n.identifier_id, c.interaction_id, c.at FROM rescans n \
             JOIN contents c ON c.id = n.content_id",
        )
        .with(" WHERE n.tenant_id = ", tenant)
        .with(" AND c.tenant_id = ", tenant)
        .push(is_noted)
        .push("SELECT 1 FROM rescan_attempts a WHERE a.content_id = n.content_id")
        .with(" AND a.tenant_id = ", tenant)
        .push(
            ")), named AS (SELECT identifier_id AS id, at FROM unread \
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
    tx.query("INSERT INTO pass_orphans (tenant_id, pass_id, identifier_id) SELECT DISTINCT ")
        .with("", tenant)
        .push(Sql::CAST_UUID)
        .with(", ", pass)
        .push(Sql::CAST_UUID)
        .with(", identifier_id FROM rescans WHERE tenant_id = ", tenant)
        .push(" AND state = 'done' ON CONFLICT DO NOTHING")
        .execute()
        .await?;
    tx.query("DELETE FROM rescans").with(" WHERE tenant_id = ", tenant).push(" AND state = 'done'").execute().await?;
    // What was noted of texts that were deleted meanwhile.
    tx.query("DELETE FROM rescan_attempts")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND NOT EXISTS (SELECT 1 FROM rescans n WHERE n.content_id = rescan_attempts.content_id")
        .with(" AND n.tenant_id = ", tenant)
        .push(")")
        .execute()
        .await
}
