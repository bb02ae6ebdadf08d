//! The outbox: which recordings are to be delivered to their tenant. Its rows are written in the transaction that stores
//! a recording and cancelled in the one that deletes it, so that no recording is missed and none is delivered that is
//! gone. `crate::delivery` works it.

use chrono::{DateTime, Utc};

use super::model::Content;
use crate::base::content::ContentKind;
use crate::base::id::{ContentId, DeliveryId, RecordId, TenantId};
use crate::store::{Archive, Result, Tx};

/// Whether content of a kind is delivered: what was said and shown, no texts.
#[must_use]
pub const fn is_delivered(kind: ContentKind) -> bool {
    matches!(kind, ContentKind::Recording | ContentKind::ScreenRecording | ContentKind::Voicemail)
}

/// Notes that content is to be delivered, if the tenant has a target and the kind is delivered.
pub(super) async fn enqueue(tx: &mut Tx<Archive>, tenant: TenantId, content: &Content) -> Result<u64> {
    if !is_delivered(content.kind) {
        return Ok(0);
    }
    let now = content.created_at;
    tx.query(
        "INSERT INTO deliveries (tenant_id, id, content_id, interaction_id, state, attempts, next_at, file_names, \
         created_at, updated_at) SELECT tenant_id, ",
    )
    .with("", DeliveryId::new())
    .with(", ", content.id)
    .with(", ", content.interaction)
    .with(", 'pending', 0, ", now)
    .with(", '[]', ", now)
    .with(", ", now)
    .with(" FROM delivery_targets WHERE tenant_id = ", tenant)
    .execute()
    .await
}

/// Cancels what is not delivered yet of some content that is being deleted. What was delivered stays listed: the tenant
/// must delete its copies.
pub async fn cancel(tx: &mut Tx<Archive>, tenant: TenantId, contents: &[ContentId], now: DateTime<Utc>) -> Result<u64> {
    tx.query("UPDATE deliveries SET state = 'cancelled'")
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state IN ('pending', 'held')")
        .with_any(" AND content_id", contents.iter().copied())
        .execute()
        .await
}

/// Cancels what is not delivered yet of some interactions whose customers are being forgotten.
pub async fn cancel_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    interactions: &[RecordId],
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE deliveries SET state = 'cancelled', last_error = 'forgotten'")
        .with(", updated_at = ", now)
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND state IN ('pending', 'held')")
        .with_any(" AND interaction_id", interactions.iter().copied())
        .execute()
        .await
}
