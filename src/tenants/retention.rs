//! The states that every retention has (C7).

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The pause of a retention, and its days of grace (C7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionSwitch {
    /// Whether nothing is deleted.
    pub paused: bool,
    /// The last change of the pause or of the months. Until [`GRACE`] has passed, nothing is deleted.
    pub changed_at: Option<DateTime<Utc>>,
}

impl RetentionSwitch {
    #[must_use]
    pub fn state(self, now: DateTime<Utc>) -> Retention {
        match self.changed_at {
            _ if self.paused => Retention::Paused,
            Some(changed) if now < changed + GRACE => Retention::Pending,
            _ => Retention::On,
        }
    }

    /// Takes a change of the months or of the pause.
    fn change(&mut self, months: (&mut u32, Option<u32>), paused: Option<bool>, now: DateTime<Utc>) {
        let (kept, new) = months;
        let before = (*kept, self.paused);
        *kept = new.unwrap_or(*kept);
        self.paused = paused.unwrap_or(self.paused);
        if before != (*kept, self.paused) {
            self.changed_at = Some(now);
        }
    }
}

/// The time for which retention waits after each change of its days or its hold (C7).
pub const GRACE: TimeDelta = TimeDelta::days(30);

/// The state of retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// No kind has an end.
    Off,
    /// The settings were changed less than 30 days ago.
    Pending,
    /// Each pass deletes content that is too old.
    On,
    /// There is a legal hold.
    Paused,
}
