//! Delivery: recordings on their way to their tenants' own servers (B1, B6–B8).
//!
//! The outbox (`crate::outbox`) has a row for each recording of a tenant with a destination. A worker claims due rows and
//! reads the current state of the archive, so that a customer who was forgotten meanwhile is not delivered. It writes the
//! recording and then the metadata under temporary names, and renames each file when it is whole. A claim has a token and
//! a term, which the worker renews during the transfer. So several workers share the outbox without delivering twice, and
//! another worker takes over the deliveries of a killed one.

mod address;
mod attempt;
mod context;
mod destination;
pub mod http;
mod metadata;
mod model;
pub mod passes;
mod payload;
mod sql;
mod targets;
mod worker;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{DeliveryId, IdentifierId, TenantId};
use crate::base::page::Position;
use crate::outbox;
use crate::store::{self, Archive, Reference, Tx};
use crate::vault::AppContext;

pub use crate::outbox::{Delivery, DeliveryState, Destination};
pub use address::{Address, AddressError};
pub use context::DeliveryWorker;
pub use destination::{find, remove, set};
pub use model::{DeliveryError, NewDestination, SendError};
pub use worker::DeliveryReport;

/// The columns that contain ids of identifiers.
pub const REFERENCES: [Reference; 2] =
    [Reference::new("delivery_customers", "phone_id"), Reference::new("delivery_customers", "email_id")];

/// A page of a tenant's deliveries, newest first.
pub async fn list(
    stores: &AppContext,
    tenant: TenantId,
    state: Option<DeliveryState>,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Delivery>, DeliveryError> {
    Ok(outbox::page(&mut stores.archive.read().await?, tenant, state, after, limit).await?)
}

/// Makes a delivery due at once, even if it is held.
pub async fn retry(stores: &AppContext, actor: &Actor, id: DeliveryId) -> Result<Delivery, DeliveryError> {
    let mut tx = stores.archive.write().await?;
    if outbox::by_id(&mut tx, actor.tenant, id).await?.is_none() {
        return Err(DeliveryError::Unknown);
    }
    if outbox::retry(&mut tx, actor.tenant, id, stores.clock.now()).await? == 0 {
        return Err(DeliveryError::Done);
    }
    let entry = Entry::new(Action::DeliveryRetried, 1, json!({ "delivery_id": id }));
    audit::record(&mut tx, stores.clock, actor, &entry).await?;
    let delivery = outbox::by_id(&mut tx, actor.tenant, id).await?;
    tx.commit().await?;
    delivery.ok_or(DeliveryError::Unknown)
}

/// The number of files that were delivered for some customers, each customer up to their own cut-off. A request that
/// forgets the customers lists it (B7).
pub async fn files_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    selected: &[(IdentifierId, DateTime<Utc>)],
) -> store::Result<u64> {
    if selected.is_empty() {
        return Ok(0);
    }
    Ok(sql::files_of(tx, tenant, selected).await?.unsigned_abs())
}

/// The most deliveries that are counted: a number for an alarm need not be exact.
const COUNTED: u32 = 10_000;

/// The numbers of a tenant's pending and held deliveries, up to 10,000 each.
pub async fn waiting(tx: &mut Tx<Archive>, tenant: TenantId) -> store::Result<(u64, u64)> {
    let pending = outbox::count(tx, tenant, DeliveryState::Pending, COUNTED).await?;
    let held = outbox::count(tx, tenant, DeliveryState::Held, COUNTED).await?;
    Ok((pending.unsigned_abs(), held.unsigned_abs()))
}
