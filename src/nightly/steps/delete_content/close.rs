//! Closing: an interaction whose content a request deletes takes no more of it. What would come later, or in this very
//! night, would lie there without its customer, and nobody would delete it (A27).
//!
//! The mark comes before the look for the content. An upload holds its interaction from its last look at the mark until
//! its row is there, so either the night sees the row or the upload sees the mark.

use super::select::with_asking;
use crate::base::id::{PassId, RequestId, TenantId};
use crate::store::{Archive, Query, Result, Tx};

/// Closes the interactions whose customer the requests after one and up to another select, those of the pass that delete
/// content.
pub async fn close(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    (after, last): (Option<RequestId>, RequestId),
) -> Result<()> {
    for slot in ["phone_id", "email_id"] {
        // 16: the bit of content.
        let query = with_asking(tx.query(""), tenant, pass, (after, Some(last)))
            .push(" UPDATE interactions SET forgotten = forgotten | 16");
        of_selected(slot, query, tenant).push(" AND interactions.forgotten & 16 = 0").execute().await?;
    }
    Ok(())
}

/// Opens those of the pass again whose content is still there, before their requests are let go: nothing promises any more
/// that it goes tonight.
pub async fn reopen(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<()> {
    for slot in ["phone_id", "email_id"] {
        let query = with_asking(tx.query(""), tenant, pass, (None, None))
            .push(" UPDATE interactions SET forgotten = forgotten & 15");
        of_selected(slot, query, tenant)
            .push(" AND interactions.forgotten & 16 <> 0 AND EXISTS (SELECT 1 FROM contents c")
            .with(" WHERE c.tenant_id = ", tenant)
            .push(" AND c.interaction_id = interactions.id)")
            .execute()
            .await?;
    }
    Ok(())
}

/// Appends which interactions change. The conditions stand on the interaction itself: one that got another customer
/// meanwhile is left alone.
fn of_selected<'c>(slot: &'static str, query: Query<'c>, tenant: TenantId) -> Query<'c> {
    query
        .with(" FROM selected s WHERE interactions.tenant_id = ", tenant)
        .push(" AND interactions.")
        .push(slot)
        .push(" = s.identifier_id AND interactions.at < s.cutoff")
}
