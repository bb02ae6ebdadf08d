//! Rescan texts: texts that came before their customer was known are rescanned before anybody is forgotten. Identifiers
//! in them become mentions, which the unlink step unlinks.
//!
//! If the object store does not return a text, every request stays waiting that would forget a customer that the text
//! may name. If the object of a text is lost, no request waits: the check of content reports the text, and it is
//! rescanned if it comes back.
//!
//! No text stops the job. Each attempt is noted before it begins, so a text that ends the process is known at the next
//! start. It is set aside, and at the end of the run it is tried alone. After a few attempts the text has failed. Such
//! a text, and one that cannot be read, keeps only those requests waiting that would forget a customer that it may
//! name.

use futures_util::StreamExt as _;

use super::delete_content::UNAVAILABLE;
use super::gc_identifiers;
use crate::archive::{rescan as searches, unlink};
use crate::base::id::{ContentId, PassId, RequestId, TenantId};
use crate::content::ContentError;
use crate::content::FailureReason;
use crate::content::text::{attempts, rescan};
use crate::content_rows as contents;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult};
use crate::nightly::report::Report;
use crate::requests::keys::that_would_forget;
use crate::requests::passes as requests;
use crate::store::{self, Archive, Tx};

/// `last_error` of a request that would forget a customer that an unreadable text may name.
const UNREADABLE: &str = "text_unreadable";

/// How many texts are rescanned at a time. Most of that time they wait for the object store and the databases.
const AT_ONCE: usize = 8;

/// How many texts are rescanned between two renewals of the lease.
const BATCH: i64 = 8;

/// After how many failures in a row the step ends.
const MOST_FAILURES: u32 = 10;

/// After how many attempts that ended the process a text is not tried again.
const MOST_ATTEMPTS: i32 = 3;

/// How many failed texts a report names.
const MOST_NAMED: i64 = 100;

/// Rescans all texts that are noted, without those of an attempt that ended the process. Then it lets those requests go
/// whose texts could not be rescanned.
pub async fn rescan_all(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant.id;
    settle_deleted(context).await?;
    let (mut after, mut failures) = (None, 0);
    while failures < MOST_FAILURES {
        let texts = next_untried(&mut context.read().await?, tenant, after).await?;
        let Some(last) = texts.last() else { break };
        after = Some(*last);
        for found in rescan_some(context, &texts).await? {
            report.texts_reread += u64::from(found == Some(true));
            failures = if found.is_some() { 0 } else { failures + 1 };
        }
        context.check_stop()?;
    }
    let mut tx = context.begin().await?;
    for (is_tried, error) in [(false, UNAVAILABLE), (true, UNREADABLE)] {
        let blocked = blocked(&mut tx, tenant, pass.id, is_tried).await?;
        report.requests_failed += requests::fail(&mut tx, tenant, &blocked, error, context.app.clock.now()).await?;
    }
    forget_searches(&mut tx, tenant, pass.id).await?;
    tx.commit().await?;
    failpoint::reach("rescan.end");
    Ok(())
}

/// Ends the searches of texts that failed and were deleted since.
async fn settle_deleted(context: &PassContext<'_>) -> PassResult<()> {
    let tenant = context.tenant.id;
    let mut tx = context.begin().await?;
    searches::settle(&mut tx, tenant, |query| attempts::deleted(query.push("WITH settled AS ("), tenant).push(")"))
        .await?;
    Ok(tx.commit().await?)
}

/// Rescans the texts of attempts that ended the process, one by one. Returns whether any of them need not be set aside
/// any more.
pub async fn retry(context: &PassContext<'_>, report: &mut Report) -> PassResult<bool> {
    let tenant = context.tenant.id;
    let suspects = attempts::suspects(&mut context.read().await?, tenant).await?;
    let mut is_any = false;
    for (text, count) in suspects {
        context.check_stop()?;
        if count >= MOST_ATTEMPTS {
            tracing::error!(content.id = %text, "A text failed: each attempt ended the process; it is skipped from now on");
            let mut tx = context.begin().await?;
            attempts::fail(&mut tx, tenant, text, FailureReason::Crashed, context.app.clock.now()).await?;
            tx.commit().await?;
            continue;
        }
        for found in rescan_some(context, &[text]).await? {
            report.texts_reread += u64::from(found == Some(true));
            is_any |= found.is_some();
        }
    }
    Ok(is_any)
}

/// Writes into the report which texts failed.
pub async fn report_failed(tx: &mut Tx<Archive>, tenant: TenantId, report: &mut Report) -> store::Result<()> {
    (report.texts_failed, report.failed_texts) = attempts::failed(tx, tenant, MOST_NAMED).await?;
    Ok(())
}

/// Lets failed texts be tried again.
pub async fn retry_failed(tx: &mut Tx<Archive>, tenant: TenantId) -> store::Result<u64> {
    attempts::retry(tx, tenant).await
}

/// Rescans some texts at once. Returns for each whether it was there, or none if that is not known.
async fn rescan_some(context: &PassContext<'_>, texts: &[ContentId]) -> PassResult<Vec<Option<bool>>> {
    let tenant = context.tenant.id;
    let mut tx = context.begin().await?;
    attempts::begin(&mut tx, tenant, texts, context.app.clock.now()).await?;
    tx.commit().await?;
    let rescans = texts.iter().map(|text| async move {
        failpoint::reach("rescan.begin");
        let rescanned = rescan(context.app, context.content_store, tenant, *text).await;
        failpoint::reach("rescan");
        (*text, rescanned)
    });
    let (mut found, mut unfinished) = (Vec::new(), Vec::new());
    let mut rescans = futures_util::stream::iter(rescans).buffer_unordered(AT_ONCE);
    while let Some((text, rescanned)) = rescans.next().await {
        match rescanned {
            Ok(is_there) => found.push(Some(is_there)),
            Err(ContentError::Unreadable(reason)) => {
                tracing::error!(content.id = %text, %reason, "A text failed; it is skipped from now on");
                found.push(Some(false));
            }
            Err(error) => {
                tracing::warn!(content.id = %text, %error, "The rescan of a text failed, retrying in the next pass");
                unfinished.push(text);
                // An error of the text itself does not count as a failure of the store.
                found.push((!error.is_transient()).then_some(false));
            }
        }
    }
    drop(rescans);
    if !unfinished.is_empty() {
        let mut tx = context.begin().await?;
        attempts::end(&mut tx, tenant, &unfinished).await?;
        tx.commit().await?;
    }
    Ok(found)
}

/// The next texts that are to be rescanned, without those with an attempt.
async fn next_untried(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    after: Option<ContentId>,
) -> store::Result<Vec<ContentId>> {
    searches::next(tx, tenant, after, BATCH, |query| attempts::tried(query.push("WITH tried AS ("), tenant).push(")"))
        .await
}

/// The requests of the pass that would forget an identifier which a text may name: that of its interaction's customer,
/// or one for which it is still to be searched. A text is tried if it ended a process or has failed, and untried if the
/// store did not return it.
async fn blocked(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    is_tried: bool,
) -> store::Result<Vec<RequestId>> {
    let query = searches::pending(tx.query("WITH pending AS ("), tenant).push("), unread AS (");
    let query = contents::of_pending(query, tenant);
    let query = query.push(if is_tried { " AND c.id IN (" } else { " AND c.id NOT IN (" });
    let query = attempts::tried(query, tenant).push(")), named AS (SELECT identifier_id AS id, at FROM unread UNION ");
    let query = unlink::keys_of(query, tenant, "unread").push(")");
    that_would_forget(query, tenant, pass).await
}

/// Notes the identifiers of ended searches, since nothing else may refer to them, and deletes the searches.
async fn forget_searches(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> store::Result<()> {
    gc_identifiers::note_all(tx, tenant, pass, |query| {
        searches::searched(query.push("WITH lost AS ("), tenant).push(")")
    })
    .await?;
    searches::delete_searched(tx, tenant).await?;
    attempts::delete_settled(tx, tenant, |query| {
        searches::with_search(query.push("WITH pending AS ("), tenant).push(")")
    })
    .await?;
    Ok(())
}
