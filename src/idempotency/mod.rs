//! The outcome of a call, for the same call sent again. A key is reserved before the work, and the outcome is written
//! in the transaction of the work, so that both are there or none. Keys and bodies are stored as keyed hashes.

pub mod http;
mod sql;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::actor::Actor;
use crate::base::crypto;
use crate::base::id::TenantId;
use crate::store::{Archive, Db, StoreError, Tx};

/// A key is valid for this time.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// A call without an outcome after this time is taken for dead.
const DEAD: TimeDelta = TimeDelta::minutes(1);

/// A caller's key for one call, hashed, with the hash of the call's body.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    tenant: TenantId,
    hash: Vec<u8>,
    body: Vec<u8>,
}

impl IdempotencyKey {
    /// The key of a call: it counts for its tenant, subject and route.
    pub fn new(
        service_key: &crypto::Key,
        actor: &Actor,
        route: &str,
        key: &str,
        body: &impl Serialize,
    ) -> Result<Self, StoreError> {
        let secret = service_key.derive("idempotency");
        let tenant = actor.tenant.0.as_bytes();
        let body = serde_json::to_vec(body).map_err(|_| StoreError::Refused("body".to_owned()))?;
        let (issuer, sub) = (actor.issuer.as_bytes(), actor.sub.as_bytes());
        let hash = secret.hash(&[b"key", tenant, issuer, sub, route.as_bytes(), key.as_bytes()]);
        let body = secret.hash(&[b"body", tenant, &body]);
        Ok(Self { tenant: actor.tenant, hash: hash.0.to_vec(), body: body.0.to_vec() })
    }
}

/// Why a call cannot be made under its key.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    #[error("the same call is still running")]
    InProgress,
    #[error("the idempotency key belongs to another call")]
    KeyReused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key that is reserved for a call.
#[derive(Clone, Debug)]
pub struct Reservation {
    key: IdempotencyKey,
    /// The time of the reservation. It differs if another call takes the key over.
    at: DateTime<Utc>,
}

/// The state of a key when a call begins.
#[derive(Clone, Debug)]
pub enum BegunCall<T> {
    Reserved(Reservation),
    /// An earlier call has this outcome.
    Replayable(T),
}

/// The result of a call that may have been made before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayable<T> {
    pub value: T,
    /// Whether an earlier call has done the work.
    pub replayed: bool,
}

/// The result of a call with or without a key.
#[derive(Clone, Debug)]
pub enum Call<T, O> {
    /// This call has done the work.
    Made(T),
    /// An earlier call has this outcome.
    Replayed(O),
}

/// Does the work of a call, unless an earlier call with the same key has done it. The work writes its outcome with
/// [`settle`]. If it fails, the key is released.
pub async fn call<T, O: DeserializeOwned, E: From<IdempotencyError>>(
    db: &Db<Archive>,
    key: Option<IdempotencyKey>,
    now: DateTime<Utc>,
    work: impl AsyncFnOnce(Option<&Reservation>) -> Result<T, E>,
) -> Result<Call<T, O>, E> {
    let reservation = match key {
        None => None,
        Some(key) => match begin(db, key, now).await? {
            BegunCall::Replayable(outcome) => return Ok(Call::Replayed(outcome)),
            BegunCall::Reserved(reservation) => Some(reservation),
        },
    };
    let made = work(reservation.as_ref()).await;
    if let (Err(_), Some(reservation)) = (&made, &reservation) {
        release(db, reservation).await;
    }
    made.map(Call::Made)
}

/// Reserves a key, or finds the outcome of the earlier call.
pub async fn begin<T: DeserializeOwned>(
    db: &Db<Archive>,
    key: IdempotencyKey,
    now: DateTime<Utc>,
) -> Result<BegunCall<T>, IdempotencyError> {
    let mut tx = db.write().await?;
    if sql::insert(&mut tx, key.tenant, &key.hash, &key.body, now).await? == 0 {
        let Some(known) = sql::by_hash(&mut tx, key.tenant, &key.hash).await? else {
            // The call that had reserved it has just failed.
            return Err(IdempotencyError::InProgress);
        };
        let age = now - known.created_at;
        let is_free = age >= KEPT || (known.outcome.is_none() && age >= DEAD);
        if !is_free {
            return known_outcome(&known, &key).map(BegunCall::Replayable);
        }
        if sql::take_over(&mut tx, key.tenant, &key.hash, &key.body, known.created_at, now).await? == 0 {
            return Err(IdempotencyError::InProgress);
        }
    }
    tx.commit().await?;
    Ok(BegunCall::Reserved(Reservation { key, at: now }))
}

fn known_outcome<T: DeserializeOwned>(
    known: &sql::IdempotencyRow,
    key: &IdempotencyKey,
) -> Result<T, IdempotencyError> {
    if known.body_hash != key.body {
        return Err(IdempotencyError::KeyReused);
    }
    let outcome = known.outcome.as_deref().ok_or(IdempotencyError::InProgress)?;
    let broken = |_| StoreError::Inconsistent("idempotency_keys.outcome".to_owned());
    Ok(serde_json::from_str(outcome).map_err(broken)?)
}

/// Writes the outcome, in the transaction of the work. An error, if another call has taken the key over meanwhile.
pub async fn settle(
    tx: &mut Tx<Archive>,
    reservation: &Reservation,
    outcome: &impl Serialize,
) -> Result<(), IdempotencyError> {
    let Reservation { key, at } = reservation;
    let text = serde_json::to_string(outcome).map_err(|_| StoreError::Refused("outcome".to_owned()))?;
    match sql::settle(tx, key.tenant, &key.hash, *at, &text).await? {
        0 => Err(IdempotencyError::InProgress),
        _ => Ok(()),
    }
}

/// Gives a key back whose call failed: only successes are kept. If this fails too, the key is free after a minute.
pub async fn release(db: &Db<Archive>, reservation: &Reservation) {
    if let Err(error) = delete(db, reservation).await {
        tracing::warn!(%error, "Releasing an idempotency key failed; the key is free after a minute");
    }
}

async fn delete(db: &Db<Archive>, Reservation { key, at }: &Reservation) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    sql::release(&mut tx, key.tenant, &key.hash, *at).await?;
    tx.commit().await
}

/// Deletes the keys from before an instant.
pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, before: DateTime<Utc>) -> Result<u64, StoreError> {
    sql::purge(tx, tenant, before).await
}
