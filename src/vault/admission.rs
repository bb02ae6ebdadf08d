//! Admission through the epoch fence: the one way by which records, requests, and texts come in.
//!
//! The archive and the vault share no transaction. So each attempt reads the tenant's epoch first. Then one short
//! transaction of the vault reads the erasures and makes the identifiers that the archive is about to refer to. Last, the
//! attempt writes behind the gate, if the epoch is still the one that it read. Neither an erasure nor the deletion of an
//! orphan can fall between the two databases.
//!
//! An attempt that meets another epoch, or whose transaction loses against another one, ends with
//! [`StoreError::Contended`]. The next attempt begins anew. A caller ends its attempt in the same way when a row has
//! changed since the attempt read it.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use pii::Identifier;

use super::keyset::Keyset;
use super::model::{Erasure, VaultError};
use super::sql::KnownIdentifier;
use super::{AppContext, sql};
use crate::base::id::{IdentifierId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, StoreError, Tx, Vault};
use crate::tenants::fence;

/// A pass changes the epoch twice, so a write that fails this often has another reason.
const ATTEMPTS: u64 = 20;

/// An error that may mean that a transaction lost against another one, so that the same can be tried again at once.
pub trait Contended: From<StoreError> {
    fn is_contended(&self) -> bool;
}

/// One attempt to write what refers to identifiers.
pub struct Admission<'a> {
    app: &'a AppContext,
    tenant: TenantId,
    /// None of a tenant that does not exist.
    epoch: Option<i64>,
    /// How many attempts failed before this one.
    pub restarts: u64,
}

/// The ids of identifiers.
pub type Resolved = HashMap<Identifier, IdentifierId>;

/// The identifiers of an attempt in the vault.
pub struct Identified<P> {
    pub ids: Resolved,
    pub erasures: Erasures,
    /// The conclusions of the caller from the erasures.
    pub plan: P,
}

/// The erasures of some identifiers (A28).
#[derive(Default)]
pub struct Erasures(HashMap<Identifier, Vec<Erasure>>);

impl Erasures {
    /// Whether an identifier is forgotten in records of this target and time.
    #[must_use]
    pub fn cover(&self, identifier: &Identifier, target: Target, at: DateTime<Utc>) -> bool {
        self.0.get(identifier).is_some_and(|all| all.iter().any(|erasure| erasure.covers(target, at)))
    }
}

/// Runs attempts until one is admitted or fails. An attempt gets the transaction in which its epoch was read, to read in
/// it what it needs of the archive.
pub async fn admit<'a, T, E, F>(
    app: &'a AppContext,
    tenant: TenantId,
    attempt: impl Fn(Admission<'a>, Tx<Archive>) -> F,
) -> Result<T, E>
where
    E: Contended,
    F: Future<Output = Result<T, E>>,
{
    let mut restarts = 0;
    loop {
        let mut tx = app.archive.read().await?;
        let epoch = fence::epoch(&mut tx, tenant).await?;
        match attempt(Admission { app, tenant, epoch, restarts }, tx).await {
            Err(error) if error.is_contended() && restarts + 1 < ATTEMPTS => restarts += 1,
            ended => return ended,
        }
    }
}

impl Admission<'_> {
    /// Reads the erasures of all candidates, and makes the identifiers that the caller wants in view of them: in one short
    /// transaction of the vault. Names are bound to the ids of other identifiers, so they come second.
    pub async fn identify<P>(
        &self,
        candidates: &HashSet<Identifier>,
        plan: impl FnOnce(&Erasures) -> (P, HashSet<Identifier>),
        names: impl FnOnce(&P, &Resolved) -> HashSet<Identifier>,
    ) -> Result<Identified<P>, VaultError> {
        let keyset = self.app.keysets.get(&self.app.vault, self.tenant).await?;
        let mut tx = self.app.vault.write().await?;
        let erasures = erasures(&mut tx, &keyset, candidates).await?;
        let (plan, wanted) = plan(&erasures);
        let ids = resolve_with_names(&mut tx, &keyset, &wanted, |ids| names(&plan, ids)).await?;
        tx.commit().await?;
        Ok(Identified { ids, erasures, plan })
    }

    /// The same for identifiers that are wanted whatever the erasures say.
    pub async fn resolve(
        &self,
        wanted: &HashSet<Identifier>,
        names: impl FnOnce(&Resolved) -> HashSet<Identifier>,
    ) -> Result<Resolved, VaultError> {
        let keyset = self.app.keysets.get(&self.app.vault, self.tenant).await?;
        let mut tx = self.app.vault.write().await?;
        let ids = resolve_with_names(&mut tx, &keyset, wanted, names).await?;
        tx.commit().await?;
        Ok(ids)
    }

    /// Begins the transaction that writes, behind the gate.
    pub async fn enter(&self) -> Result<Tx<Archive>, StoreError> {
        let epoch = self.epoch.ok_or(StoreError::NoRow)?;
        let mut tx = self.app.archive.write().await?;
        if fence::enter(&mut tx, self.tenant, epoch).await? { Ok(tx) } else { Err(StoreError::Contended) }
    }

    /// The same, while no other write is behind the gate.
    pub async fn enter_alone(&self) -> Result<Tx<Archive>, StoreError> {
        let epoch = self.epoch.ok_or(StoreError::NoRow)?;
        let mut tx = self.app.archive.write().await?;
        if fence::enter_alone(&mut tx, self.tenant, epoch).await? { Ok(tx) } else { Err(StoreError::Contended) }
    }
}

async fn resolve_with_names(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    wanted: &HashSet<Identifier>,
    names: impl FnOnce(&Resolved) -> HashSet<Identifier>,
) -> Result<Resolved, VaultError> {
    let mut ids = resolve(tx, keyset, wanted).await?;
    let named = resolve(tx, keyset, &names(&ids)).await?;
    ids.extend(named);
    Ok(ids)
}

/// The ids of identifiers. An identifier that the vault does not know is created. One that is retired is kept, and one
/// that is reserved gets its value.
///
/// It is contended if another transaction has deleted one of them meanwhile. Only a new transaction sees what is left.
async fn resolve(tx: &mut Tx<Vault>, keyset: &Keyset, wanted: &HashSet<Identifier>) -> Result<Resolved, VaultError> {
    if wanted.is_empty() {
        return Ok(Resolved::new());
    }
    // In the order of their hashes, so that two ingests lock rows in one order.
    let wanted = keyset.indexed(wanted);
    let mut known = sql::by_index(tx, keyset.tenant, wanted.keys().copied()).await?;
    let missing: Vec<_> = wanted.iter().filter(|(index, _)| !known.contains_key(index)).collect();
    if !missing.is_empty() {
        let mut rows = Vec::with_capacity(missing.len());
        for (index, spellings) in missing {
            let Some(identifier) = spellings.first() else { continue };
            rows.push(keyset.sealed_row(IdentifierId::random(), *index, identifier)?);
        }
        for chunk in rows.chunks(sql::INSERT_CHUNK) {
            if sql::insert(tx, keyset.tenant, chunk).await? {
                known.extend(chunk.iter().map(|row| (row.index, KnownIdentifier::new(row.id))));
            } else {
                // Another transaction has created one of them meanwhile.
                known.extend(sql::by_index(tx, keyset.tenant, chunk.iter().map(|row| row.index)).await?);
            }
        }
    }
    for (index, spellings) in &wanted {
        let reserved = known.get(index).filter(|one| one.is_reserved);
        if let Some((reserved, identifier)) = reserved.zip(spellings.first()) {
            sql::fill(tx, keyset.tenant, &keyset.sealed_row(reserved.id, *index, identifier)?).await?;
        }
    }
    let retired: Vec<_> = known.values().filter(|one| one.retired).map(|one| one.id).collect();
    let kept = if retired.is_empty() { 0 } else { sql::set_retired(tx, keyset.tenant, &retired, false).await? };
    if known.len() < wanted.len() || kept < retired.len() as u64 {
        return Err(StoreError::Contended.into());
    }
    Ok(super::with_ids(wanted, |index| Some(known.get(index)?.id)))
}

/// The erasures of some identifiers. It creates none of them.
pub async fn erasures<'i>(
    tx: &mut Tx<Vault>,
    keyset: &Keyset,
    candidates: impl IntoIterator<Item = &'i Identifier>,
) -> Result<Erasures, VaultError> {
    let wanted = keyset.indexed(candidates);
    let mut found = Erasures::default();
    for (index, erasure) in super::erasures::erasures(tx, keyset.tenant, wanted.keys().copied()).await? {
        for identifier in wanted.get(&index).into_iter().flatten() {
            found.0.entry((*identifier).clone()).or_default().push(erasure);
        }
    }
    Ok(found)
}

impl Contended for VaultError {
    fn is_contended(&self) -> bool {
        matches!(self, Self::Store(StoreError::Contended))
    }
}
