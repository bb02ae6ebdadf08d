//! Closing: an interaction whose content a request deletes accepts no more of it. Content that came later, or during
//! this pass, would be without its customer, and no request would delete it (A27).
//!
//! The mark comes before the search for content. An upload locks its interaction from its last look at the mark until
//! its row is there. So either the pass sees the row, or the upload sees the mark.

use chrono::{DateTime, Utc};

use crate::archive::unlink;
use crate::base::id::{PassId, TenantId};
use crate::requests::keys::{Deleting, with_deleting};
use crate::store::{Archive, Result, Tx};

use super::select;

/// Closes the interactions whose customer some requests select.
pub async fn close(tx: &mut Tx<Archive>, tenant: TenantId, requests: Deleting, now: DateTime<Utc>) -> Result<()> {
    unlink::close(tx, tenant, now, |query| with_deleting(query, tenant, requests)).await
}

/// Opens the interactions of the pass again whose content is still there, before their requests are let go. The content
/// may stay for longer than this run.
pub async fn reopen(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, now: DateTime<Utc>) -> Result<()> {
    let requests = Deleting::OfPass { pass, after: None, last: None };
    unlink::reopen(tx, tenant, now, |query| {
        select::kept(with_deleting(query, tenant, requests).push(", kept AS ("), tenant, pass).push(")")
    })
    .await
}
