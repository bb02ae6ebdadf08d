//! Closing: an interaction whose content a request deletes takes no more of it. What would come later, or in this very
//! night, would lie there without its customer, and nobody would delete it (A27).
//!
//! The mark comes before the look for the content, in one transaction. An upload holds its interaction from its last look
//! at the mark until its row is there, so either the night sees the row or the upload sees the mark.

use super::content::with_asking;
use crate::base::id::{PassId, RequestId, TenantId};
use crate::store::{Archive, Result, Tx};

/// Closes the interactions whose customer the requests after one and up to another select, those of the pass that delete
/// content. The conditions stand on the interaction itself: one that got another customer meanwhile is left alone.
pub async fn close(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    range: (Option<RequestId>, RequestId),
) -> Result<()> {
    for slot in ["phone_id", "email_id"] {
        with_asking(tx.query(""), tenant, pass, range)
            // 16: the bit of content.
            .push(" UPDATE interactions SET forgotten = forgotten | 16 FROM selected s")
            .with(" WHERE interactions.tenant_id = ", tenant)
            .push(" AND interactions.")
            .push(slot)
            .push(" = s.identifier_id AND interactions.at < s.cutoff AND interactions.forgotten & 16 = 0")
            .execute()
            .await?;
    }
    Ok(())
}

/// Opens the interactions again whose content is still there: their requests are let go, and tonight nothing of it was
/// deleted for good.
pub async fn reopen(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId) -> Result<u64> {
    tx.query(
        "WITH kept AS (SELECT DISTINCT c.interaction_id AS id FROM pass_contents p JOIN contents c ON c.id = p.content_id",
    )
    .with(" WHERE p.tenant_id = ", tenant)
    .with(" AND p.pass_id = ", pass)
    .with(" AND c.tenant_id = ", tenant)
    .push(") UPDATE interactions SET forgotten = forgotten & 15 FROM kept")
    .with(" WHERE interactions.tenant_id = ", tenant)
    .push(" AND interactions.id = kept.id")
    .execute()
    .await
}
