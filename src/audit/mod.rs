//! The audit log (D11): the user, the action, the time, the purpose, and the number of records. It is append-only, and
//! contains no identifier and no identifier id.
//!
//! The ids of the records that an action concerned are in a table beside the rows. A row commits to them by digests, so
//! that it stays as it was sealed when the ids leave with their records. The names of actors are apart as well.
//! Retention deletes the oldest rows, and the names that no row refers to any more.
//!
//! It also issues the [`Grant`] that each disclosure of identifiers needs. A grant exists only after its row was committed.

mod model;
mod retention;
mod sql;

use crate::base::actor::Actor;
use crate::base::clock::Clock;
use crate::base::page::Position;
use crate::store::{Archive, Query, Result, Tx};

pub use model::{Action, ActorName, AuditOutcome, Entry, Event, EventFilter, Grant, SealedRow};
pub use retention::{Purged, drop_unused_actors, first_since, newest_details, purge};
pub use sql::{
    any_record, digest, first_number, number, oldest_unsealed, records_of, records_since, sealed, unlinked, unsealed,
};

/// Writes a row in a transaction that the caller commits.
pub async fn record(tx: &mut Tx<Archive>, clock: Clock, actor: &Actor, entry: &Entry) -> Result<()> {
    record_all(tx, clock, actor, std::slice::from_ref(entry)).await
}

pub async fn record_all(tx: &mut Tx<Archive>, clock: Clock, actor: &Actor, entries: &[Entry]) -> Result<()> {
    for chunk in entries.chunks(500) {
        sql::insert(tx, clock.now(), actor, chunk).await?;
    }
    Ok(())
}

/// Writes a row, commits the transaction, and returns the grant. The connection is free before the vault is read, so that
/// the two pools cannot block each other.
pub async fn commit(mut tx: Tx<Archive>, clock: Clock, actor: &Actor, entry: &Entry) -> Result<Grant> {
    record(&mut tx, clock, actor, entry).await?;
    tx.commit().await?;
    Ok(Grant::committed())
}

/// Deletes the ids of forgotten records, and writes how many. `gone` appends a WITH of the relation `gone (id)`. The
/// transaction is the one that forgets the records.
pub async fn unlink(
    tx: &mut Tx<Archive>,
    clock: Clock,
    actor: &Actor,
    gone: impl FnOnce(Query<'_>) -> Query<'_>,
) -> Result<u64> {
    let deleted = sql::delete_records(tx, actor.tenant, gone).await?;
    if deleted > 0 {
        let records = usize::try_from(deleted).unwrap_or(usize::MAX);
        record(tx, clock, actor, &Entry::new(Action::AuditUnlinked, records, serde_json::json!({}))).await?;
    }
    Ok(deleted)
}

/// A page of the log, newest first.
pub async fn list(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    filter: &EventFilter,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Event>> {
    sql::page(tx, actor.tenant, filter, after, limit).await
}
