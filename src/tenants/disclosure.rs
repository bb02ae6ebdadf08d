//! The settings about who sees values: reveals, and the identified view.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The rules by which users reveal tokens (N10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RevealRules {
    /// Whether another user has to approve a reveal.
    pub approval: bool,
    /// The minutes after which a reveal expires, from its entry on.
    pub minutes: u32,
    /// The most tokens of a reveal.
    pub per_call: u32,
    /// The most values that a user opens on a local day.
    pub per_day: u32,
}

impl Default for RevealRules {
    fn default() -> Self {
        Self { approval: false, minutes: 60, per_call: 20, per_day: 50 }
    }
}

/// A change of the rules of reveals. `None` keeps a value.
#[derive(Clone, Copy, Debug, Default)]
pub struct RevealRulesChange {
    /// See [`RevealRules::approval`].
    pub approval: Option<bool>,
    /// See [`RevealRules::minutes`].
    pub minutes: Option<u32>,
    /// See [`RevealRules::per_call`].
    pub per_call: Option<u32>,
    /// See [`RevealRules::per_day`].
    pub per_day: Option<u32>,
}

impl RevealRules {
    pub(super) fn differences(self, other: Self) -> [(&'static str, bool); 4] {
        let Self { approval, minutes, per_call, per_day } = self;
        [
            ("reveal.approval", approval != other.approval),
            ("reveal.minutes", minutes != other.minutes),
            ("reveal.per_call", per_call != other.per_call),
            ("reveal.per_day", per_day != other.per_day),
        ]
    }
}

impl RevealRulesChange {
    pub(super) fn apply(self, kept: &mut RevealRules) {
        let Self { approval, minutes, per_call, per_day } = self;
        kept.approval = approval.unwrap_or(kept.approval);
        kept.minutes = minutes.unwrap_or(kept.minutes);
        kept.per_call = per_call.unwrap_or(kept.per_call);
        kept.per_day = per_day.unwrap_or(kept.per_day);
    }
}

/// The responses in which the identified view shows values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentifiedView {
    /// All responses.
    #[default]
    Any,
    /// Only responses to a search by number or address. Other responses show tokens.
    ByIdentifier,
}
