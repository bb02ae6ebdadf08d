//! The types of the outbox.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use crate::base::id::{ContentId, DeliveryId, RecordId};
use crate::base::page::{Listed, Position};
use crate::base::words::words;

words! {
    stored
    /// The state of a delivery.
    #[derive(ToSchema)]
    pub enum DeliveryState {
        /// It is to be delivered, now or at its next attempt.
        Pending = "pending",
        /// Both files are at the target.
        Delivered = "delivered",
        /// An operator must correct something first.
        Held = "held",
        /// The content was deleted or its customer forgotten before it was delivered.
        Cancelled = "cancelled",
    }
}

/// One recording on its way to its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub content: ContentId,
    /// The interaction that it belongs to.
    pub interaction: RecordId,
    pub state: DeliveryState,
    pub attempts: i32,
    /// The time of its next attempt, while it is pending.
    pub next_at: DateTime<Utc>,
    /// The reason why it failed last, or why it is held or cancelled.
    pub last_error: Option<String>,
    /// The files at the target. No name contains an identifier.
    pub file_names: Vec<String>,
    pub created_at: DateTime<Utc>,
    /// When both files were at the target.
    pub delivered_at: Option<DateTime<Utc>>,
}

impl Listed for Delivery {
    fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id.0 }
    }
}

/// A delivery that a worker has claimed.
#[derive(Clone, Copy, Debug)]
pub struct ClaimedDelivery {
    pub id: DeliveryId,
    pub content: ContentId,
    /// The interaction that it belongs to.
    pub interaction: RecordId,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// The token of this claim. A worker with another token has lost the claim.
    pub token: DeliveryId,
}

/// The delivery target of a tenant, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The address in its one spelling.
    pub url: String,
    /// SFTP: the server's key.
    pub host_key: Option<String>,
    /// S3: where the service is, if it is not AWS.
    pub endpoint: Option<String>,
    /// S3: the bucket's region.
    pub region: Option<String>,
    /// S3: the access key.
    pub access_key_id: Option<String>,
    /// Whether the server renames files.
    pub renames: bool,
    pub updated_at: DateTime<Utc>,
}
