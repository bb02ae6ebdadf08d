//! Legal holds: records that are kept although their customer wants to be forgotten.
//!
//! A hold has the keys of a selector: identifiers, and the ids of interactions. It covers what the selector gives for them,
//! as long as it lasts. This room has the tables and the relation of the keys. The condition on records is in
//! `archive/held.rs`. The calls that place and release holds are in `requests/holds.rs`, since they need passes.

mod hiding;
mod model;
mod sql;

use crate::base::id::TenantId;
use crate::store::{Query, Reference};

pub use hiding::HIDING;
pub use model::{HeldInteraction, Hold, HoldMasks, Which};
pub use sql::{by_ids, insert, interactions, is_any, page, purge, release};

/// The columns that contain ids of identifiers.
pub const REFERENCES: [Reference; 4] = [
    Reference::new("holds", "phone_id"),
    Reference::new("holds", "email_id"),
    Reference::new("hold_interactions", "phone_id"),
    Reference::new("hold_interactions", "email_id"),
];

/// The columns of the keys, each with the column of its hold. A released hold has no keys.
const KEYS: [(&str, &str, &str); 5] = [
    ("SELECT k.phone_id AS id FROM holds k WHERE k.tenant_id = ", " AND k.phone_id IS NOT NULL", " AND k.id = "),
    (" UNION SELECT k.email_id FROM holds k WHERE k.tenant_id = ", " AND k.email_id IS NOT NULL", " AND k.id = "),
    (
        " UNION SELECT k.phone_id FROM hold_interactions k WHERE k.tenant_id = ",
        " AND k.phone_id IS NOT NULL",
        " AND k.hold_id = ",
    ),
    (
        " UNION SELECT k.email_id FROM hold_interactions k WHERE k.tenant_id = ",
        " AND k.email_id IS NOT NULL",
        " AND k.hold_id = ",
    ),
    (" UNION SELECT k.interaction_id FROM hold_interactions k WHERE k.tenant_id = ", "", " AND k.hold_id = "),
];

/// Appends a SELECT of the keys of holds that last: `(id)`. Each is an identifier or an interaction.
pub fn keys(mut query: Query<'_>, tenant: TenantId, which: Which) -> Query<'_> {
    for (select, is_there, hold) in KEYS {
        query = query.with(select, tenant).push(is_there);
        if let Which::One(id) = which {
            query = query.with(hold, id);
        }
    }
    query
}
