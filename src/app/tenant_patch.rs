//! The change of a tenant's settings as a merge patch, and its rules.

use chrono_tz::Tz;
use pii::{Region, RegionError};
use serde::Deserialize;
use utoipa::ToSchema;

use super::disclosure::RevealPatch;
use super::house;
use super::patterns::{self, PatternSetting};
use super::recordings::RecordingsPatch;
use super::retentions::{RetentionPatch, months, paused};
use super::systems;
use super::totals::TotalsPatch;
use crate::base::patch::PatchField;
use crate::base::target::{Target, TargetError, Targets};
use crate::http::FieldError;
use crate::tenants::{ExternalSystem, IdentifiedView, Processing, RevealRulesChange, TenantChange};

/// A change of the tenant's settings, as a merge patch. A field that is absent keeps its value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantSettingsChange, example = json!({"purpose_required": true}))]
pub struct TenantPatch {
    /// The region in which national numbers need no country code. Stored numbers do not change.
    #[serde(default)]
    #[schema(value_type = String, required = false)]
    region: PatchField<String>,
    /// The time zone of the tenant's local days. Requests that were entered before keep their cut-off.
    #[serde(default)]
    #[schema(value_type = String, required = false)]
    time_zone: PatchField<String>,
    /// The targets that requests can select.
    #[serde(default)]
    #[schema(value_type = Vec<Target>, required = false)]
    targets: PatchField<Vec<String>>,
    /// Whether a call in the identified view must state a purpose.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    purpose_required: PatchField<bool>,
    /// The number of calendar months for which done requests are kept: 1 to 120.
    #[serde(default)]
    #[schema(value_type = u32, required = false)]
    request_retention_months: PatchField<u32>,
    /// The pause of the retention of requests.
    #[serde(default)]
    #[schema(value_type = RetentionPatch, required = false)]
    request_retention: PatchField<RetentionPatch>,
    /// The number of calendar months for which erasures are kept: 1 to 240, and not fewer than those of requests.
    #[serde(default)]
    #[schema(value_type = u32, required = false)]
    erasure_retention_months: PatchField<u32>,
    /// The pause of the retention of erasures.
    #[serde(default)]
    #[schema(value_type = RetentionPatch, required = false)]
    erasure_retention: PatchField<RetentionPatch>,
    /// Whether a request deletes recordings and other content, if the request does not say so itself.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    delete_content: PatchField<bool>,
    /// Whether a waiting request hides its customer, from this change on.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    hide_waiting: PatchField<bool>,
    /// The numbers of the contact centre itself, at most 500: whole numbers, national or international, or the beginning of
    /// some in international form, such as `+4722334*`. Records that are stored already stay what they are.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    own_numbers: PatchField<Vec<String>>,
    /// The prefixes that are dialled for an outside line: at most 10, of up to 4 characters.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    dial_out_prefixes: PatchField<Vec<String>>,
    /// The tenant's own patterns, at most 20, each with a name of its own. They replace the whole list, and apply to
    /// texts that arrive later. A match is not stored.
    #[serde(default)]
    #[schema(value_type = Vec<PatternSetting>, required = false, max_items = 20)]
    patterns: PatchField<Vec<PatternSetting>>,
    /// Whether each request must say how the customer's wish was verified.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    attestation_required: PatchField<bool>,
    /// The systems outside of this one in which a customer is forgotten too: at most 20, each with a name of its own. They
    /// replace the whole list. Requests that were entered before keep their checklists.
    #[serde(default)]
    #[schema(value_type = Vec<ExternalSystem>, required = false, max_items = 20)]
    external_systems: PatchField<Vec<ExternalSystem>>,
    /// How recordings and other content are kept and delivered. Its fields are changed one by one.
    #[serde(default)]
    #[schema(value_type = RecordingsPatch, required = false)]
    recordings: PatchField<RecordingsPatch>,
    /// The rule for the small cells of totals. Its fields are changed one by one.
    #[serde(default)]
    #[schema(value_type = TotalsPatch, required = false)]
    totals: PatchField<TotalsPatch>,
    /// How users reveal tokens. Its fields are changed one by one.
    #[serde(default)]
    #[schema(value_type = RevealPatch, required = false)]
    reveal: PatchField<RevealPatch>,
    /// The responses in which the identified view shows values: `any`, or only those to a search by number or address.
    #[serde(default)]
    #[schema(value_type = IdentifiedView, required = false)]
    identified_view: PatchField<IdentifiedView>,
    /// Whether another user must approve a customer's copy of their data.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    export_approval: PatchField<bool>,
    /// The tenant's own information about its processing. It replaces the whole value.
    #[serde(default)]
    #[schema(value_type = Processing, required = false)]
    processing: PatchField<Processing>,
}

impl TenantPatch {
    /// The change of a tenant of a region.
    pub(super) fn change(self, home: Region) -> Result<TenantChange, Vec<FieldError>> {
        let Self {
            region,
            time_zone,
            targets,
            purpose_required,
            request_retention_months,
            request_retention,
            erasure_retention_months,
            erasure_retention,
            delete_content,
            hide_waiting,
            own_numbers,
            dial_out_prefixes,
            patterns: own_patterns,
            attestation_required,
            external_systems,
            recordings,
            totals,
            reveal,
            identified_view,
            export_approval,
            processing,
        } = self;
        let mut invalid = Vec::new();
        let region = region_of(region, &mut invalid);
        let own_numbers: Option<Vec<String>> = own_numbers.given("/own_numbers", &mut invalid);
        let prefixes: Option<Vec<String>> = dial_out_prefixes.given("/dial_out_prefixes", &mut invalid);
        let own_patterns: Option<Vec<PatternSetting>> = own_patterns.given("/patterns", &mut invalid);
        let systems: Option<Vec<ExternalSystem>> = external_systems.given("/external_systems", &mut invalid);
        let recordings = recordings.given("/recordings", &mut invalid);
        let totals: TotalsPatch = totals.given("/totals", &mut invalid).unwrap_or_default();
        let (min_cell, perturbation) = totals.change(&mut invalid);
        let processing: Option<Processing> = processing.given("/processing", &mut invalid);
        invalid.extend(processing.iter().flat_map(Processing::errors));
        let change = TenantChange {
            region,
            zone: zone_of(time_zone, &mut invalid),
            targets: targets_of(targets, &mut invalid),
            purpose_required: purpose_required.given("/purpose_required", &mut invalid),
            request_retention_months: months(request_retention_months, REQUEST_MONTHS, &mut invalid),
            request_retention_paused: paused(request_retention, "/request_retention", &mut invalid),
            erasure_retention_months: months(erasure_retention_months, ERASURE_MONTHS, &mut invalid),
            erasure_retention_paused: paused(erasure_retention, "/erasure_retention", &mut invalid),
            delete_content: delete_content.given("/delete_content", &mut invalid),
            hide_waiting: hide_waiting.given("/hide_waiting", &mut invalid),
            own_numbers: own_numbers.and_then(|raw| house::own_numbers(&raw, region.unwrap_or(home), &mut invalid)),
            dial_out_prefixes: prefixes.and_then(|raw| house::dial_out_prefixes(&raw, &mut invalid)),
            patterns: own_patterns.and_then(|raw| patterns::patterns(raw, &mut invalid)),
            attestation_required: attestation_required.given("/attestation_required", &mut invalid),
            external_systems: systems
                .and_then(|raw| systems::external_systems(raw, region.unwrap_or(home), &mut invalid)),
            recordings: recordings.map(|patch: RecordingsPatch| patch.change(&mut invalid)).unwrap_or_default(),
            min_cell,
            perturbation,
            reveal: reveal_of(reveal, &mut invalid),
            identified_view: identified_view.given("/identified_view", &mut invalid),
            export_approval: export_approval.given("/export_approval", &mut invalid),
            processing,
        };
        if invalid.is_empty() { Ok(change) } else { Err(invalid) }
    }
}

/// The pointers of the months, and the most months.
const REQUEST_MONTHS: (&str, u32) = ("/request_retention_months", 120);
const ERASURE_MONTHS: (&str, u32) = ("/erasure_retention_months", 240);

/// The value. A field that breaks a rule adds an error.
fn checked<T>(value: Result<T, (&'static str, &'static str, String)>, invalid: &mut Vec<FieldError>) -> Option<T> {
    value.map_err(|(pointer, code, rule)| invalid.push(FieldError::at(pointer, code, rule))).ok()
}

fn region_of(field: PatchField<String>, invalid: &mut Vec<FieldError>) -> Option<Region> {
    let code: String = field.given("/region", invalid)?;
    checked(code.parse().map_err(|error: RegionError| ("/region", "format", error.to_string())), invalid)
}

fn zone_of(field: PatchField<String>, invalid: &mut Vec<FieldError>) -> Option<Tz> {
    let name: String = field.given("/time_zone", invalid)?;
    let rule = "must be an IANA time zone, such as Europe/Oslo".to_owned();
    checked(name.parse().map_err(|_| ("/time_zone", "format", rule)), invalid)
}

fn targets_of(field: PatchField<Vec<String>>, invalid: &mut Vec<FieldError>) -> Option<Targets> {
    let words: Vec<String> = field.given("/targets", invalid)?;
    let targets = words.iter().map(|word| word.parse()).collect::<Result<Targets, TargetError>>();
    let targets = match targets {
        Ok(targets) if targets.is_empty() => Err(("/targets", "required", "must name at least one target".to_owned())),
        targets => targets.map_err(|error| ("/targets", "format", error.to_string())),
    };
    checked(targets, invalid)
}

fn reveal_of(field: PatchField<RevealPatch>, invalid: &mut Vec<FieldError>) -> RevealRulesChange {
    let patch: Option<RevealPatch> = field.given("/reveal", invalid);
    patch.map(|patch| patch.change(invalid)).unwrap_or_default()
}
