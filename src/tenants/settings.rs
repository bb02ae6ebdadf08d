//! The settings of a tenant, and their changes.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use pii::text::{Finder, Own, Pattern, Patterns, mask_names, mask_text};
use pii::{HouseNumbers, Identifier, Region};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::disclosure::{IdentifiedView, RevealRules, RevealRulesChange};
use super::model::Tenant;
use super::processing::Processing;
use super::recordings::{Recordings, RecordingsChange};
use super::retention::RetentionSwitch;
use crate::base::target::Targets;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Settings {
    /// Whether a call in the identified view must state a purpose.
    pub purpose_required: bool,
    /// The number of calendar months for which done requests are kept (A10).
    pub request_retention_months: u32,
    /// Whether old requests are purged (C7).
    pub request_retention: RetentionSwitch,
    /// The number of calendar months for which erasures are kept (A28). See [`Settings::erasure_months`].
    pub erasure_retention_months: u32,
    /// Whether old erasures are purged (C7).
    pub erasure_retention: RetentionSwitch,
    /// Whether a request deletes content if it does not say so itself (C1).
    pub delete_content: bool,
    /// Whether a waiting request hides its customer (N9).
    pub hide_waiting: bool,
    /// The numbers of the house in E.164, or their beginnings: they are no customer's.
    pub own_numbers: Vec<String>,
    /// The prefixes that are dialled for an outside line.
    pub dial_out_prefixes: Vec<String>,
    /// The patterns whose matches are removed from texts (D16). A change applies to texts that arrive later.
    pub patterns: Vec<Pattern>,
    /// Whether each request says how the customer's wish was verified (C5).
    pub attestation_required: bool,
    /// The systems outside of this one in which a customer is forgotten too (C4).
    pub external_systems: Vec<ExternalSystem>,
    pub recordings: Recordings,
    pub totals: TotalsSettings,
    /// The rules by which users reveal tokens (N10).
    pub reveal: RevealRules,
    /// The responses in which the identified view shows values.
    pub identified_view: IdentifiedView,
    /// Whether another user must approve a customer's copy of their data (D13).
    pub export_approval: bool,
    pub processing: Processing,
}

/// A system outside of this one, such as a CRM. Each new request has an item for it on its checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Salesforce", "owner": "CRM team", "days": 20}))]
pub struct ExternalSystem {
    /// The name, which is part of the item's address: up to 100 characters, none of which is `/`, `\`, `%`, or `+`.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The people who forget the customer there: up to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub owner: String,
    /// The days after the receipt of the customer's wish in which they do it.
    #[schema(minimum = 0, maximum = 90)]
    pub days: u32,
}

impl Settings {
    /// The number of calendar months for which erasures are kept: at least as long as their requests.
    #[must_use]
    pub fn erasure_months(&self) -> u32 {
        self.erasure_retention_months.max(self.request_retention_months)
    }

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
            request_retention: RetentionSwitch::default(),
            erasure_retention_months: 24,
            erasure_retention: RetentionSwitch::default(),
            delete_content: false,
            hide_waiting: false,
            own_numbers: Vec::new(),
            dial_out_prefixes: Vec::new(),
            patterns: Vec::new(),
            attestation_required: false,
            external_systems: Vec::new(),
            recordings: Recordings::default(),
            totals: TotalsSettings::default(),
            reveal: RevealRules::default(),
            identified_view: IdentifiedView::default(),
            export_approval: true,
            processing: Processing::default(),
        }
    }
}

/// The rule for the small cells of totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({"min_cell": 5, "perturbation": false}))]
pub struct TotalsSettings {
    /// The smallest count that totals show.
    #[schema(required, example = 5)]
    pub min_cell: u32,
    /// Whether each count of a total has a small noise. The same records always have the same noise.
    #[schema(required)]
    pub perturbation: bool,
}

impl Default for TotalsSettings {
    fn default() -> Self {
        Self { min_cell: 5, perturbation: false }
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
    /// See [`Settings::request_retention`].
    pub request_retention_paused: Option<bool>,
    /// See [`Settings::erasure_retention_months`].
    pub erasure_retention_months: Option<u32>,
    /// See [`Settings::erasure_retention`].
    pub erasure_retention_paused: Option<bool>,
    /// See [`Settings::delete_content`].
    pub delete_content: Option<bool>,
    /// See [`Settings::hide_waiting`].
    pub hide_waiting: Option<bool>,
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
    /// See [`TotalsSettings::min_cell`].
    pub min_cell: Option<u32>,
    /// See [`TotalsSettings::perturbation`].
    pub perturbation: Option<bool>,
    /// See [`Settings::reveal`].
    pub reveal: RevealRulesChange,
    /// See [`Settings::identified_view`].
    pub identified_view: Option<IdentifiedView>,
    /// See [`Settings::export_approval`].
    pub export_approval: Option<bool>,
    /// See [`Settings::processing`].
    pub processing: Option<Processing>,
}

impl Tenant {
    /// A finder for a text that arrives.
    #[must_use]
    pub fn finder(&self, own: Own) -> Finder {
        Finder::new(self.region, own).with_patterns(&self.settings.patterns())
    }

    /// A text that its reader may not know persons by, such as a purpose in the audit log. Numbers and addresses in it,
    /// and those of `own`, become stars.
    #[must_use]
    pub fn masked(&self, own: Own, text: &str) -> String {
        mask_text(&self.finder(own), text)
    }

    /// The same for a text that is about some customers. Each of their numbers and addresses is searched as a customer's own,
    /// and so in every way in which it may be written. Names come last, because an address may contain a part of one.
    #[must_use]
    pub fn masked_of<'i>(&self, identifiers: impl IntoIterator<Item = &'i Identifier>, text: &str) -> String {
        let (mut masked, mut names) = (text.to_owned(), Vec::new());
        for identifier in identifiers {
            let own = match identifier {
                Identifier::Phone(phone) => Own { phone: Some(phone.clone()), ..Own::default() },
                Identifier::Email(email) => Own { email: Some(email.clone()), ..Own::default() },
                Identifier::Name { name, .. } => {
                    names.push(name);
                    continue;
                }
            };
            masked = self.masked(own, &masked);
        }
        mask_names(&self.masked(Own::default(), &masked), names)
    }

    /// The API's names of the settings in which another state of the tenant differs.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self { id: _, slug: _, region, zone, targets, settings, version: _, unreadable: _ } = self;
        let Settings {
            purpose_required,
            request_retention_months,
            request_retention,
            erasure_retention_months,
            erasure_retention,
            delete_content,
            hide_waiting,
            own_numbers,
            dial_out_prefixes,
            patterns,
            attestation_required,
            external_systems,
            recordings,
            totals,
            reveal,
            identified_view,
            export_approval,
            processing,
        } = settings;
        let theirs = &other.settings;
        let all = [
            ("region", *region != other.region),
            ("time_zone", *zone != other.zone),
            ("targets", *targets != other.targets),
            ("purpose_required", *purpose_required != theirs.purpose_required),
            ("request_retention_months", *request_retention_months != theirs.request_retention_months),
            ("request_retention.paused", request_retention.paused != theirs.request_retention.paused),
            ("erasure_retention_months", *erasure_retention_months != theirs.erasure_retention_months),
            ("erasure_retention.paused", erasure_retention.paused != theirs.erasure_retention.paused),
            ("delete_content", *delete_content != theirs.delete_content),
            ("hide_waiting", *hide_waiting != theirs.hide_waiting),
            ("own_numbers", *own_numbers != theirs.own_numbers),
            ("dial_out_prefixes", *dial_out_prefixes != theirs.dial_out_prefixes),
            ("patterns", *patterns != theirs.patterns),
            ("totals.min_cell", totals.min_cell != theirs.totals.min_cell),
            ("totals.perturbation", totals.perturbation != theirs.totals.perturbation),
            ("identified_view", *identified_view != theirs.identified_view),
            ("export_approval", *export_approval != theirs.export_approval),
            ("processing", *processing != theirs.processing),
            ("attestation_required", *attestation_required != theirs.attestation_required),
            ("external_systems", *external_systems != theirs.external_systems),
        ];
        let all = all.into_iter().chain(recordings.differences(&theirs.recordings));
        let all = all.chain(reveal.differences(theirs.reveal));
        all.filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
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
            request_retention_paused,
            erasure_retention_months,
            erasure_retention_paused,
            delete_content,
            hide_waiting,
            own_numbers,
            dial_out_prefixes,
            patterns,
            attestation_required,
            external_systems,
            recordings,
            min_cell,
            perturbation,
            reveal,
            identified_view,
            export_approval,
            processing,
        } = self;
        tenant.region = region.unwrap_or(tenant.region);
        tenant.zone = zone.unwrap_or(tenant.zone);
        tenant.targets = targets.unwrap_or(tenant.targets);
        let settings = &mut tenant.settings;
        settings.purpose_required = purpose_required.unwrap_or(settings.purpose_required);
        let months = (&mut settings.request_retention_months, request_retention_months);
        settings.request_retention.change(months, request_retention_paused, now);
        let months = (&mut settings.erasure_retention_months, erasure_retention_months);
        settings.erasure_retention.change(months, erasure_retention_paused, now);
        settings.delete_content = delete_content.unwrap_or(settings.delete_content);
        settings.hide_waiting = hide_waiting.unwrap_or(settings.hide_waiting);
        let kept = |change: Option<Vec<String>>, kept: &mut Vec<String>| *kept = change.unwrap_or(std::mem::take(kept));
        kept(own_numbers, &mut settings.own_numbers);
        kept(dial_out_prefixes, &mut settings.dial_out_prefixes);
        settings.patterns = patterns.unwrap_or(std::mem::take(&mut settings.patterns));
        settings.attestation_required = attestation_required.unwrap_or(settings.attestation_required);
        settings.external_systems = external_systems.unwrap_or(std::mem::take(&mut settings.external_systems));
        recordings.apply(&mut settings.recordings, now);
        settings.totals.min_cell = min_cell.unwrap_or(settings.totals.min_cell);
        settings.totals.perturbation = perturbation.unwrap_or(settings.totals.perturbation);
        reveal.apply(&mut settings.reveal);
        settings.identified_view = identified_view.unwrap_or(settings.identified_view);
        settings.export_approval = export_approval.unwrap_or(settings.export_approval);
        settings.processing = processing.unwrap_or(std::mem::take(&mut settings.processing));
    }
}
