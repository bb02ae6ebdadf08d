//! The settings about who sees values, as an endpoint renders and changes them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::patch::PatchField;
use crate::http::FieldError;
use crate::tenants::{RevealRules, RevealRulesChange};

/// The rules by which users reveal tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevealSettings {
    /// Whether another user has to approve a reveal.
    pub approval: bool,
    /// The minutes after which a reveal expires, from its entry on.
    pub minutes: u32,
    /// The most tokens of a reveal.
    pub per_call: u32,
    /// The most values that a user opens on a local day of the tenant.
    pub per_day: u32,
}

impl From<RevealRules> for RevealSettings {
    fn from(rules: RevealRules) -> Self {
        let RevealRules { approval, minutes, per_call, per_day } = rules;
        Self { approval, minutes, per_call, per_day }
    }
}

/// A change of the rules of reveals, as a merge patch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevealSettingsChange, example = json!({"approval": true}))]
pub struct RevealPatch {
    /// Whether another user has to approve a reveal.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    approval: PatchField<bool>,
    /// The minutes after which a reveal expires, from its entry on: 1 to 10,080.
    #[serde(default)]
    #[schema(value_type = u32, required = false)]
    minutes: PatchField<u32>,
    /// The most tokens of a reveal: 1 to 200.
    #[serde(default)]
    #[schema(value_type = u32, required = false)]
    per_call: PatchField<u32>,
    /// The most values that a user opens on a local day of the tenant: 1 to 10,000.
    #[serde(default)]
    #[schema(value_type = u32, required = false)]
    per_day: PatchField<u32>,
}

impl RevealPatch {
    /// The change. The fields that are invalid are added to `invalid`.
    pub fn change(self, invalid: &mut Vec<FieldError>) -> RevealRulesChange {
        let Self { approval, minutes, per_call, per_day } = self;
        RevealRulesChange {
            approval: approval.given("/reveal/approval", invalid),
            minutes: within(minutes, "/reveal/minutes", 10_080, invalid),
            per_call: within(per_call, "/reveal/per_call", 200, invalid),
            per_day: within(per_day, "/reveal/per_day", 10_000, invalid),
        }
    }
}

fn within(field: PatchField<u32>, pointer: &str, most: u32, invalid: &mut Vec<FieldError>) -> Option<u32> {
    let number = field.given(pointer, invalid)?;
    if (1..=most).contains(&number) {
        return Some(number);
    }
    invalid.push(FieldError::at(pointer, "out_of_range", format!("must be 1 to {most}")));
    None
}
