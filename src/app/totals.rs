//! The settings of totals, as an endpoint changes them.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::base::patch::PatchField;
use crate::http::FieldError;

/// A change of the settings of totals, as a merge patch.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TotalsSettingsChange, example = json!({"min_cell": 10}))]
pub struct TotalsPatch {
    /// The smallest count that totals show: 1 to 100.
    #[serde(default)]
    #[schema(value_type = u32, required = false)]
    min_cell: PatchField<u32>,
    /// Whether each count of a total has a small noise.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    perturbation: PatchField<bool>,
}

impl TotalsPatch {
    /// The new values.
    pub fn change(self, invalid: &mut Vec<FieldError>) -> (Option<u32>, Option<bool>) {
        let Self { min_cell, perturbation } = self;
        let min_cell = min_cell.given("/totals/min_cell", invalid);
        if min_cell.is_some_and(|min_cell| !(1..=100).contains(&min_cell)) {
            invalid.push(FieldError::at("/totals/min_cell", "out_of_range", "must be 1 to 100"));
        }
        (min_cell, perturbation.given("/totals/perturbation", invalid))
    }
}
