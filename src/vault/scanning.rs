//! The questions of the residue scan: whether a keyed hash belongs to an identifier, or to a customer who was forgotten.
//! The scan never learns which identifier that is.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::keyset::Keyset;
use super::model::Erasure;
use super::sql::to_index;
use crate::base::crypto::BlindIndex;
use crate::base::id::{RequestId, TenantId};
use crate::base::target::Targets;
use crate::store::{Result, Tx, Vault};

impl Keyset {
    /// The keyed hash of a text that may be a number in E.164.
    #[must_use]
    pub fn index_of_phone(&self, text: &str) -> BlindIndex {
        self.index_of_text(pii::Kind::Phone, text)
    }

    /// The keyed hash of a text that may be an address in its canonical spelling.
    #[must_use]
    pub fn index_of_email(&self, text: &str) -> BlindIndex {
        self.index_of_text(pii::Kind::Email, text)
    }
}

/// A column of keyed hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashesOf {
    Identifiers,
    Erasures,
}

/// The next keyed hashes after one, in their order.
pub async fn hashes(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    of: HashesOf,
    after: Option<BlindIndex>,
    limit: i64,
) -> Result<Vec<BlindIndex>> {
    let query = tx.query(match of {
        HashesOf::Identifiers => "SELECT index_hash FROM identifiers",
        HashesOf::Erasures => "SELECT index_hash FROM erasures",
    });
    let rows: Vec<(Vec<u8>,)> = query
        .with(" WHERE tenant_id = ", tenant)
        .with_some(" AND index_hash > ", after.map(|after| after.0.to_vec()))
        .with(" ORDER BY index_hash LIMIT ", limit)
        .all()
        .await?;
    Ok(rows.iter().filter_map(|(hash,)| to_index(hash)).collect())
}

/// The keyed hashes among some that belong to an identifier of the vault.
pub async fn identified(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    hashes: impl IntoIterator<Item = BlindIndex>,
) -> Result<HashSet<BlindIndex>> {
    let rows: Vec<(Vec<u8>,)> = tx
        .query("SELECT index_hash FROM identifiers")
        .with(" WHERE tenant_id = ", tenant)
        .with_keys(" AND index_hash", hashes.into_iter().map(|hash| hash.0.to_vec()))
        .all()
        .await?;
    Ok(rows.iter().filter_map(|(hash,)| to_index(hash)).collect())
}

/// The erasure of a keyed hash by a request.
pub struct ErasedHash {
    pub index: BlindIndex,
    pub request: RequestId,
    pub erasure: Erasure,
}

/// The erasures of some keyed hashes, with their requests.
pub async fn erased(
    tx: &mut Tx<Vault>,
    tenant: TenantId,
    hashes: impl IntoIterator<Item = BlindIndex>,
) -> Result<Vec<ErasedHash>> {
    let rows: Vec<(Vec<u8>, RequestId, DateTime<Utc>, Targets)> = tx
        .query("SELECT index_hash, request_id, cutoff, targets FROM erasures")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND index_hash", hashes.into_iter().map(|hash| hash.0.to_vec()))
        .all()
        .await?;
    let erased = |(hash, request, cutoff, targets): (Vec<u8>, _, _, _)| {
        Some(ErasedHash { index: to_index(&hash)?, request, erasure: Erasure { cutoff, targets } })
    };
    Ok(rows.into_iter().filter_map(erased).collect())
}
