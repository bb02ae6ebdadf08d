//! The audit log (D11): who did what, when, for what purpose, to how many records. Append-only; no identifier and no
//! identifier id stands in it.
//!
//! It also issues the [`Grant`] without which nothing is revealed: a grant exists only after its row was committed.

mod model;
mod sql;

use crate::base::actor::Actor;
use crate::base::clock::Clock;
use crate::base::page::Position;
use crate::store::{Archive, Result, Tx};

pub use model::{Action, Entry, Event, Grant};

/// Writes a row within a unit of work that somebody else commits.
pub async fn record(tx: &mut Tx<Archive>, clock: Clock, actor: &Actor, entry: &Entry) -> Result<()> {
    record_all(tx, clock, actor, std::slice::from_ref(entry)).await
}

pub async fn record_all(tx: &mut Tx<Archive>, clock: Clock, actor: &Actor, entries: &[Entry]) -> Result<()> {
    for chunk in entries.chunks(500) {
        sql::insert(tx, clock.now(), actor, chunk).await?;
    }
    Ok(())
}

/// Writes a row, commits the unit of work, and grants what the row says. The connection is free again before the vault
/// is asked, so the two pools cannot block each other.
pub async fn commit(mut tx: Tx<Archive>, clock: Clock, actor: &Actor, entry: &Entry) -> Result<Grant> {
    record(&mut tx, clock, actor, entry).await?;
    tx.commit().await?;
    Ok(Grant::committed())
}

/// A page of the log, newest first.
pub async fn list(tx: &mut Tx<Archive>, actor: &Actor, after: Option<Position>, limit: u32) -> Result<Vec<Event>> {
    sql::page(tx, actor.tenant, after, limit).await
}
