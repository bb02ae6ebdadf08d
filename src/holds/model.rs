//! Legal holds as they are stored.

use chrono::{DateTime, NaiveDate, Utc};

use crate::base::ground::Ground;
use crate::base::id::{HoldId, IdentifierId, RecordId};
use crate::base::page::{Listed, Position};

/// The row of a hold. It has ids of identifiers while it lasts, and masks when it is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub id: HoldId,
    pub phone: Option<IdentifierId>,
    pub email: Option<IdentifierId>,
    pub phone_mask: Option<String>,
    pub email_mask: Option<String>,
    /// How many interactions it names. The number stays when the hold is released.
    pub interaction_count: i32,
    pub ground: Ground,
    /// The number of its case in another system. It contains no identifier.
    pub reference: String,
    /// The day on which a user must check whether the hold is still needed.
    pub review_on: NaiveDate,
    /// Whether its customer is hidden as well.
    pub hide: bool,
    pub placed_by: String,
    pub placed_at: DateTime<Utc>,
    pub released_by: Option<String>,
    pub released_at: Option<DateTime<Utc>>,
    /// The number of the version, which is the `ETag`.
    pub version: i64,
}

impl Listed for Hold {
    fn position(&self) -> Position {
        Position { at: self.placed_at, id: self.id.0 }
    }

    fn weight(&self) -> usize {
        // An id is 39 bytes of JSON.
        1024 + usize::try_from(self.interaction_count).unwrap_or_default() * 39
    }
}

/// An interaction that a hold names, with the identifiers that its customer had when the hold was placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldInteraction {
    pub id: RecordId,
    pub phone: Option<IdentifierId>,
    pub email: Option<IdentifierId>,
}

/// The masks of a hold that is released.
#[derive(Clone, Debug, Default)]
pub struct HoldMasks {
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// The holds whose keys a statement reads.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    All,
    One(HoldId),
}
