//! Tenants and their settings.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use pii::text::{Finder, Own, Pattern, Patterns};
use pii::{HouseNumbers, Region};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::content::ContentKind;
use crate::base::id::TenantId;
use crate::base::target::Targets;
use crate::store::StoreError;

/// One contact-centre customer of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    pub id: TenantId,
    /// The tenant's name in access tokens and on the command line: lower-case letters, digits, and dashes.
    pub slug: String,
    /// The region whose national numbers need no country code (A15).
    pub region: Region,
    /// The time zone of the tenant's days (A5).
    pub zone: Tz,
    /// The targets that requests may name (A21).
    pub targets: Targets,
    pub settings: Settings,
    /// It grows with every change and is the `ETag`.
    pub version: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whether a call in the identified view must state a purpose.
    pub purpose_required: bool,
    /// The number of calendar months for which done requests and their erasures are kept (A10, A28).
    pub request_retention_months: u32,
    /// Whether a request deletes content if it does not say so itself (C1).
    pub delete_content: bool,
    /// The numbers of the house in E.164, or their beginnings: they are no customer's.
    pub own_numbers: Vec<String>,
    /// The prefixes that are dialled to call out of the house.
    pub dial_out_prefixes: Vec<String>,
    /// The patterns whose matches are removed from texts (D16). A change applies to texts that arrive later.
    pub patterns: Vec<Pattern>,
    /// Whether each request says how the customer's wish was verified (C5).
    pub attestation_required: bool,
    /// The systems outside of this one in which a customer is forgotten too (C4).
    pub external_systems: Vec<ExternalSystem>,
    pub recordings: Recordings,
}

/// A system outside of this one, such as a CRM. Each new request has an item for it on its checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Salesforce", "owner": "CRM team", "days": 20}))]
pub struct ExternalSystem {
    /// The name, which is part of the item's address: up to 100 characters, none of which is `/`, `\`, `%`, or `+`.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The person or the team that forgets the customer there, of up to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub owner: String,
    /// The days after the receipt of the customer's wish in which they do it.
    #[schema(minimum = 0, maximum = 90)]
    pub days: u32,
}

impl Settings {
    /// The numbers of the house.
    #[must_use]
    pub fn house_numbers(&self) -> HouseNumbers {
        HouseNumbers::stored(self.own_numbers.clone())
    }

    /// The tenant's own patterns, ready for searching.
    #[must_use]
    pub fn patterns(&self) -> Patterns {
        Patterns::of(&self.patterns)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            purpose_required: false,
            request_retention_months: 12,
            delete_content: false,
            own_numbers: Vec::new(),
            dial_out_prefixes: Vec::new(),
            patterns: Vec::new(),
            attestation_required: false,
            external_systems: Vec::new(),
            recordings: Recordings::default(),
        }
    }
}

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

impl Recordings {
    #[must_use]
    pub fn retention(&self, now: DateTime<Utc>) -> Retention {
        match self.retention_changed_at {
            _ if self.retention_days.is_empty() => Retention::Off,
            _ if self.retention_paused => Retention::Paused,
            Some(changed) if now < changed + GRACE => Retention::Pending,
            _ => Retention::On,
        }
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

/// A change of settings. `None` keeps a value.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    /// See [`Tenant::region`].
    pub region: Option<Region>,
    /// See [`Tenant::zone`].
    pub zone: Option<Tz>,
    /// See [`Tenant::targets`].
    pub targets: Option<Targets>,
    /// See [`Settings::purpose_required`].
    pub purpose_required: Option<bool>,
    /// See [`Settings::request_retention_months`].
    pub request_retention_months: Option<u32>,
    /// See [`Settings::delete_content`].
    pub delete_content: Option<bool>,
    /// See [`Settings::own_numbers`].
    pub own_numbers: Option<Vec<String>>,
    /// See [`Settings::dial_out_prefixes`].
    pub dial_out_prefixes: Option<Vec<String>>,
    /// See [`Settings::patterns`].
    pub patterns: Option<Vec<Pattern>>,
    /// See [`Settings::attestation_required`].
    pub attestation_required: Option<bool>,
    /// See [`Settings::external_systems`].
    pub external_systems: Option<Vec<ExternalSystem>>,
    /// See [`Recordings`].
    pub recordings: RecordingsChange,
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

#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The slug has other characters, or is too long.
    #[error("a slug must have 1 to 63 lower-case letters, digits, and dashes")]
    Slug,
    #[error("another tenant already has this slug")]
    SlugTaken,
    #[error("the tenant has changed since it was read")]
    Stale,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenant {
    /// A tenant with the defaults: Norway, all targets.
    pub fn new(slug: &str) -> Result<Self, TenantError> {
        let is_one = (1..=63).contains(&slug.len())
            && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_one {
            return Err(TenantError::Slug);
        }
        Ok(Self {
            id: TenantId::new(),
            slug: slug.to_owned(),
            region: Region::stored("NO").map_err(|_| StoreError::Inconsistent("region".to_owned()))?,
            zone: chrono_tz::Europe::Oslo,
            targets: Targets::ALL,
            settings: Settings::default(),
            version: 1,
        })
    }
}

impl Tenant {
    /// A finder for a text that arrives.
    #[must_use]
    pub fn finder(&self, own: Own) -> Finder {
        Finder::new(self.region, own).with_patterns(&self.settings.patterns())
    }

    /// The API's names of the settings in which another state of the tenant differs.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self { id: _, slug: _, region, zone, targets, settings, version: _ } = self;
        let Settings {
            purpose_required,
            request_retention_months,
            delete_content,
            own_numbers,
            dial_out_prefixes,
            patterns,
            attestation_required,
            external_systems,
            recordings,
        } = settings;
        let theirs = &other.settings;
        let all = [
            ("region", *region != other.region),
            ("time_zone", *zone != other.zone),
            ("targets", *targets != other.targets),
            ("purpose_required", *purpose_required != theirs.purpose_required),
            ("request_retention_months", *request_retention_months != theirs.request_retention_months),
            ("delete_content", *delete_content != theirs.delete_content),
            ("own_numbers", *own_numbers != theirs.own_numbers),
            ("dial_out_prefixes", *dial_out_prefixes != theirs.dial_out_prefixes),
            ("patterns", *patterns != theirs.patterns),
            ("attestation_required", *attestation_required != theirs.attestation_required),
            ("external_systems", *external_systems != theirs.external_systems),
        ];
        let all = all.into_iter().chain(recordings.differences(&theirs.recordings));
        all.filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

impl Recordings {
    fn differences(&self, other: &Self) -> [(&'static str, bool); 6] {
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

impl TenantChange {
    pub(super) fn apply(self, tenant: &mut Tenant, now: DateTime<Utc>) {
        let Self {
            region,
            zone,
            targets,
            purpose_required,
            request_retention_months,
            delete_content,
            own_numbers,
            dial_out_prefixes,
            patterns,
            attestation_required,
            external_systems,
            recordings,
        } = self;
        tenant.region = region.unwrap_or(tenant.region);
        tenant.zone = zone.unwrap_or(tenant.zone);
        tenant.targets = targets.unwrap_or(tenant.targets);
        let settings = &mut tenant.settings;
        settings.purpose_required = purpose_required.unwrap_or(settings.purpose_required);
        settings.request_retention_months = request_retention_months.unwrap_or(settings.request_retention_months);
        settings.delete_content = delete_content.unwrap_or(settings.delete_content);
        let kept = |change: Option<Vec<String>>, kept: &mut Vec<String>| *kept = change.unwrap_or(std::mem::take(kept));
        kept(own_numbers, &mut settings.own_numbers);
        kept(dial_out_prefixes, &mut settings.dial_out_prefixes);
        settings.patterns = patterns.unwrap_or(std::mem::take(&mut settings.patterns));
        settings.attestation_required = attestation_required.unwrap_or(settings.attestation_required);
        settings.external_systems = external_systems.unwrap_or(std::mem::take(&mut settings.external_systems));
        recordings.apply(&mut settings.recordings, now);
    }
}

impl RecordingsChange {
    fn apply(self, kept: &mut Recordings, now: DateTime<Utc>) {
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
