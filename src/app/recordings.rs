//! The settings of recordings, as an endpoint renders and changes them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::content::ContentKind;
use crate::base::patch::PatchField;
use crate::http::FieldError;
use crate::tenants::{Recordings, RecordingsChange, Retention};

/// How recordings and the other content of interactions are kept and delivered.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct RecordingSettings {
    /// Whether recordings are encrypted for the tenant if the tenant has a recording key. Otherwise they are in clear
    /// in the archive and in deliveries.
    pub encrypt: bool,
    /// Whether recordings are encrypted for delivery only. Then they stay playable in the archive.
    pub only_encrypt_delivery: bool,
    /// Whether the metadata file of a delivery is encrypted as well.
    pub encrypt_metadata: bool,
    /// Whether recordings may be delivered by plain FTP.
    pub allow_plain_ftp: bool,
    /// The number of days for which content of each kind is kept after its interaction. A kind that is not named is
    /// kept for ever.
    #[schema(example = json!({"recording": 90}))]
    pub retention_days: BTreeMap<ContentKind, u32>,
    /// Whether retention is paused, for example for a legal hold. Then it deletes nothing.
    pub retention_paused: bool,
    /// The state of retention. It is `pending` for 30 days after a change of the days or the pause, and deletes nothing
    /// in this time.
    pub retention_state: Retention,
    /// The time of the last change of the days or the pause.
    #[schema(required)]
    pub retention_changed_at: Option<DateTime<Utc>>,
}

impl RecordingSettings {
    /// The settings as they are at an instant.
    pub fn new(kept: Recordings, now: DateTime<Utc>) -> Self {
        let retention_state = kept.retention(now);
        let Recordings { encrypt, only_encrypt_delivery, encrypt_metadata, allow_plain_ftp, retention_days, .. } = kept;
        Self {
            encrypt,
            only_encrypt_delivery,
            encrypt_metadata,
            allow_plain_ftp,
            retention_days,
            retention_paused: kept.retention_paused,
            retention_state,
            retention_changed_at: kept.retention_changed_at,
        }
    }
}

/// A change of the settings of recordings, as a merge patch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecordingSettingsChange, example = json!({"retention_days": {"recording": 90}}))]
pub struct RecordingsPatch {
    /// Whether recordings are encrypted for the tenant if the tenant has a recording key.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    encrypt: PatchField<bool>,
    /// Whether recordings are encrypted for delivery only.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    only_encrypt_delivery: PatchField<bool>,
    /// Whether the metadata file of a delivery is encrypted as well.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    encrypt_metadata: PatchField<bool>,
    /// Whether recordings may be delivered by plain FTP.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    allow_plain_ftp: PatchField<bool>,
    /// The number of days for which content of each kind is kept: 1 to 36,500. Null keeps the kind for ever. Older
    /// content is deleted by the nightly pass, 30 days after the change at the earliest.
    #[serde(default)]
    #[schema(value_type = BTreeMap<ContentKind, Option<u32>>, required = false)]
    retention_days: PatchField<BTreeMap<ContentKind, Option<u32>>>,
    /// Whether retention is paused. Then it deletes nothing.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    retention_paused: PatchField<bool>,
}

impl RecordingsPatch {
    /// The change, or the fields that are invalid.
    pub fn change(self, invalid: &mut Vec<FieldError>) -> RecordingsChange {
        let Self {
            encrypt,
            only_encrypt_delivery,
            encrypt_metadata,
            allow_plain_ftp,
            retention_days,
            retention_paused,
        } = self;
        let days = retention_days.given("/recordings/retention_days", invalid).unwrap_or_default();
        for (kind, days) in &days {
            if days.is_some_and(|days| !(1..=36_500).contains(&days)) {
                let pointer = format!("/recordings/retention_days/{}", kind.as_str());
                invalid.push(FieldError::at(pointer, "out_of_range", "must be 1 to 36500"));
            }
        }
        RecordingsChange {
            encrypt: encrypt.given("/recordings/encrypt", invalid),
            only_encrypt_delivery: only_encrypt_delivery.given("/recordings/only_encrypt_delivery", invalid),
            encrypt_metadata: encrypt_metadata.given("/recordings/encrypt_metadata", invalid),
            allow_plain_ftp: allow_plain_ftp.given("/recordings/allow_plain_ftp", invalid),
            retention_days: days,
            retention_paused: retention_paused.given("/recordings/retention_paused", invalid),
        }
    }
}
