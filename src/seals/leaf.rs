//! The canonical bytes of a row of the audit log: what a leaf of the tree hashes.
//!
//! Each field is preceded by its length in four bytes, so that no two rows have the same bytes. Numbers are in
//! big-endian order. A missing purpose has the length 0xffffffff. docs/proof.md describes the same for other programs.

use crate::audit::SealedRow;
use crate::base::id::TenantId;

/// The first field of each leaf.
pub const FORMAT: &[u8] = b"lethe/audit/1";

/// The length of a field that has no value.
const ABSENT: u32 = u32::MAX;

/// The bytes of a row.
#[must_use]
pub fn canonical(tenant: TenantId, row: &SealedRow) -> Vec<u8> {
    let SealedRow { id, seq, at, actor, actor_name: _, action, outcome, purpose, records, detail, digests } = row;
    let mut bytes = Vec::with_capacity(256 + detail.len() + digests.len());
    for field in [
        FORMAT,
        tenant.0.as_bytes(),
        &seq.to_be_bytes(),
        id.0.as_bytes(),
        &at.timestamp_micros().to_be_bytes(),
        actor.0.as_bytes(),
        action.as_bytes(),
        outcome.as_bytes(),
    ] {
        append(&mut bytes, field);
    }
    match purpose {
        Some(purpose) => append(&mut bytes, purpose.as_bytes()),
        None => bytes.extend(ABSENT.to_be_bytes()),
    }
    append(&mut bytes, &records.to_be_bytes());
    append(&mut bytes, detail.as_bytes());
    append(&mut bytes, digests);
    bytes
}

fn append(bytes: &mut Vec<u8>, field: &[u8]) {
    // No column of a row comes near this length.
    bytes.extend(u32::try_from(field.len()).unwrap_or(ABSENT - 1).to_be_bytes());
    bytes.extend(field);
}
