//! The settings of recordings and other content.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::retention::{GRACE, Retention};
use crate::base::content::ContentKind;

/// The rules by which recordings and other content of interactions are kept and delivered (B6–B8, C7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Recordings {
    /// Whether recordings are encrypted for the tenant's key. Otherwise they are clear in the archive and in deliveries (B6).
    pub encrypt: bool,
    /// Whether only deliveries are encrypted, so that recordings in the archive can be played (B6).
    pub only_encrypt_delivery: bool,
    /// Whether the metadata file of a delivery is encrypted as well (B7).
    pub encrypt_metadata: bool,
    /// Whether recordings may be delivered by plain FTP (B8).
    pub allow_plain_ftp: bool,
    /// The number of days after its interaction for which content of a kind is kept. Other kinds are kept (B9).
    pub retention_days: BTreeMap<ContentKind, u32>,
    /// Whether retention deletes nothing, because of a legal hold (C7).
    pub retention_paused: bool,
    /// The last change of the days or the hold. Until [`GRACE`] has passed, nothing is deleted (C7).
    pub retention_changed_at: Option<DateTime<Utc>>,
}

impl Recordings {
    #[must_use]
    pub fn retention(&self, now: DateTime<Utc>) -> Retention {
        if self.retention_days.is_empty() {
            return Retention::Off;
        }
        RetentionSwitch { paused: self.retention_paused, changed_at: self.retention_changed_at }.state(now)
    }
}

impl Default for Recordings {
    fn default() -> Self {
        Self {
            encrypt: true,
            only_encrypt_delivery: false,
            encrypt_metadata: false,
            allow_plain_ftp: false,
            retention_days: BTreeMap::new(),
            retention_paused: false,
            retention_changed_at: None,
        }
    }
}

/// A change of the settings of recordings. `None` keeps a value.
#[derive(Clone, Debug, Default)]
pub struct RecordingsChange {
    /// See [`Recordings::encrypt`].
    pub encrypt: Option<bool>,
    /// See [`Recordings::only_encrypt_delivery`].
    pub only_encrypt_delivery: Option<bool>,
    /// See [`Recordings::encrypt_metadata`].
    pub encrypt_metadata: Option<bool>,
    /// See [`Recordings::allow_plain_ftp`].
    pub allow_plain_ftp: Option<bool>,
    /// The days of some kinds. `None` keeps the content of a kind. See [`Recordings::retention_days`].
    pub retention_days: BTreeMap<ContentKind, Option<u32>>,
    /// See [`Recordings::retention_paused`].
    pub retention_paused: Option<bool>,
}

impl Recordings {
    pub(super) fn differences(&self, other: &Self) -> [(&'static str, bool); 6] {
        let Self {
            encrypt,
            only_encrypt_delivery,
            encrypt_metadata,
            allow_plain_ftp,
            retention_days,
            retention_paused,
            // It is the time at which the two before it were changed.
            retention_changed_at: _,
        } = self;
        [
            ("recordings.encrypt", *encrypt != other.encrypt),
            ("recordings.only_encrypt_delivery", *only_encrypt_delivery != other.only_encrypt_delivery),
            ("recordings.encrypt_metadata", *encrypt_metadata != other.encrypt_metadata),
            ("recordings.allow_plain_ftp", *allow_plain_ftp != other.allow_plain_ftp),
            ("recordings.retention_days", *retention_days != other.retention_days),
            ("recordings.retention_paused", *retention_paused != other.retention_paused),
        ]
    }
}

impl RecordingsChange {
    pub(super) fn apply(self, kept: &mut Recordings, now: DateTime<Utc>) {
        let Self { encrypt, only_encrypt_delivery, encrypt_metadata, allow_plain_ftp, .. } = self;
        kept.encrypt = encrypt.unwrap_or(kept.encrypt);
        kept.only_encrypt_delivery = only_encrypt_delivery.unwrap_or(kept.only_encrypt_delivery);
        kept.encrypt_metadata = encrypt_metadata.unwrap_or(kept.encrypt_metadata);
        kept.allow_plain_ftp = allow_plain_ftp.unwrap_or(kept.allow_plain_ftp);
        let before = (kept.retention_days.clone(), kept.retention_paused);
        for (kind, days) in self.retention_days {
            match days {
                Some(days) => kept.retention_days.insert(kind, days),
                None => kept.retention_days.remove(&kind),
            };
        }
        kept.retention_paused = self.retention_paused.unwrap_or(kept.retention_paused);
        if before != (kept.retention_days.clone(), kept.retention_paused) {
            kept.retention_changed_at = Some(now);
        }
    }
}
