//! The retentions of requests and erasures, as an endpoint renders and changes them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::patch::PatchField;
use crate::http::FieldError;
use crate::tenants::{Retention, RetentionSwitch};

/// The pause and the state of a retention.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"paused": false, "state": "on", "changed_at": null}))]
pub struct RetentionSettings {
    /// Whether the retention is paused, for example for a legal hold. Then it deletes nothing.
    pub paused: bool,
    /// The state. It is `pending` for 30 days after a change of the months or the pause, and deletes nothing in this
    /// time.
    pub state: Retention,
    /// The time of the last change of the months or the pause.
    #[schema(required)]
    pub changed_at: Option<DateTime<Utc>>,
}

impl RetentionSettings {
    /// The settings as they are at an instant.
    pub fn new(kept: RetentionSwitch, now: DateTime<Utc>) -> Self {
        let RetentionSwitch { paused, changed_at } = kept;
        Self { paused, state: kept.state(now), changed_at }
    }
}

/// A change of the pause of a retention, as a merge patch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RetentionSettingsChange, example = json!({"paused": true}))]
pub struct RetentionPatch {
    /// Whether the retention is paused. Then it deletes nothing.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    paused: PatchField<bool>,
}

/// The pause, if it is given.
pub fn paused(patch: PatchField<RetentionPatch>, pointer: &'static str, invalid: &mut Vec<FieldError>) -> Option<bool> {
    let RetentionPatch { paused } = patch.given(pointer, invalid)?;
    paused.given(&format!("{pointer}/paused"), invalid)
}

/// The months of a retention, from 1 up to a limit.
pub fn months(
    given: PatchField<u32>,
    (pointer, most): (&'static str, u32),
    invalid: &mut Vec<FieldError>,
) -> Option<u32> {
    let months = given.given(pointer, invalid)?;
    if (1..=most).contains(&months) {
        return Some(months);
    }
    invalid.push(FieldError::at(pointer, "out_of_range", format!("must be 1 to {most}")));
    None
}
