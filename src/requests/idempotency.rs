//! Answers that a repeated call gets again. A key is reserved before the work, and its answer is written in the
//! transaction of the work: either both are there or none. Kept are keyed hashes and ids, never a body.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::model::{RequestError, Saved};
use super::sql;
use crate::base::actor::Actor;
use crate::base::crypto;
use crate::base::id::{RequestId, TenantId};
use crate::store::{Archive, Db, StoreError, Tx};

/// How long a key belongs to its call.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// After so long without an answer, the call that reserved the key is taken for dead.
const DEAD: TimeDelta = TimeDelta::minutes(1);

/// A caller's key for one call, hashed, with the hash of the call's body.
#[derive(Clone, Debug)]
pub struct Key {
    tenant: TenantId,
    hash: Vec<u8>,
    body: Vec<u8>,
}

impl Key {
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
        let hash = secret.hash(&[b"key", tenant, actor.sub.as_bytes(), route.as_bytes(), key.as_bytes()]);
        let body = secret.hash(&[b"body", tenant, &body]);
        Ok(Self { tenant: actor.tenant, hash: hash.0.to_vec(), body: body.0.to_vec() })
    }
}

/// A key that is reserved for a call.
#[derive(Clone, Debug)]
pub struct Reservation {
    key: Key,
    /// Since when; tells it from one that took the key over.
    at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub enum Begun {
    Reserved(Reservation),
    /// An earlier one, which was answered.
    Replayable(Saved<RequestId>),
}

/// Reserves a key, or finds its outcome.
pub async fn begin(db: &Db<Archive>, key: Key, now: DateTime<Utc>) -> Result<Begun, RequestError> {
    let mut tx = db.write().await?;
    if sql::insert_key(&mut tx, key.tenant, &key.hash, &key.body, now).await? == 0 {
        let Some(known) = sql::key(&mut tx, key.tenant, &key.hash).await? else {
            // The call that held it has just failed.
            return Err(RequestError::InProgress);
        };
        let age = now - known.created_at;
        let is_free = age >= KEPT || (known.outcome.is_none() && age >= DEAD);
        if !is_free {
            return known_answer(&known, &key).map(Begun::Replayable);
        }
        if sql::take_key(&mut tx, key.tenant, &key.hash, &key.body, known.created_at, now).await? == 0 {
            return Err(RequestError::InProgress);
        }
    }
    tx.commit().await?;
    Ok(Begun::Reserved(Reservation { key, at: now }))
}

fn known_answer(known: &sql::KeyRow, key: &Key) -> Result<Saved<RequestId>, RequestError> {
    if known.body_hash != key.body {
        return Err(RequestError::KeyReused);
    }
    let answer = known.outcome.as_deref().ok_or(RequestError::InProgress)?;
    let broken = |_| StoreError::Inconsistent("idempotency_keys.outcome".to_owned());
    Ok(serde_json::from_str(answer).map_err(broken)?)
}

/// Writes the answer, in the transaction of the work. An error, if another call has taken the key over meanwhile.
pub async fn answer(
    tx: &mut Tx<Archive>,
    reservation: &Reservation,
    answer: &Saved<RequestId>,
) -> Result<(), RequestError> {
    let Reservation { key, at } = reservation;
    let text = serde_json::to_string(answer).map_err(|_| StoreError::Refused("answer".to_owned()))?;
    match sql::answer_key(tx, key.tenant, &key.hash, *at, &text).await? {
        0 => Err(RequestError::InProgress),
        _ => Ok(()),
    }
}

/// Gives a key back whose call failed: only successes are kept.
pub async fn release(db: &Db<Archive>, reservation: &Reservation) -> Result<(), StoreError> {
    let Reservation { key, at } = reservation;
    let mut tx = db.write().await?;
    sql::release_key(&mut tx, key.tenant, &key.hash, *at).await?;
    tx.commit().await
}
