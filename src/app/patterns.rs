//! The rules of a tenant's own patterns.

use std::collections::HashSet;

use pii::text::{MOST_PATTERNS, Pattern, PatternError, Patterns};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::FieldError;

/// A pattern of the tenant. Texts lose what matches it.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Pattern, example = json!({"name": "customer number", "regex": "\\bKN-?[0-9]{6}\\b"}))]
pub struct PatternSetting {
    /// The name, which replaces a match in brackets. It begins with a letter, and has letters, digits, spaces, hyphens,
    /// dots, and underscores.
    #[schema(min_length = 1, max_length = 40)]
    pub name: String,
    /// The regular expression, in the syntax of the Rust crate `regex`. It has no look-around and no back-references, so
    /// that a search takes linear time. It must not match the empty text.
    #[schema(min_length = 1, max_length = 500)]
    pub regex: String,
}

impl From<Pattern> for PatternSetting {
    fn from(pattern: Pattern) -> Self {
        let Pattern { name, regex } = pattern;
        Self { name, regex }
    }
}

/// The patterns in their order; none where one of them breaks a rule.
pub fn patterns(raw: Vec<PatternSetting>, invalid: &mut Vec<FieldError>) -> Option<Vec<Pattern>> {
    if raw.len() > MOST_PATTERNS {
        invalid.push(FieldError::at("/patterns", "too_many", format!("must be at most {MOST_PATTERNS}")));
        return None;
    }
    let before = invalid.len();
    let mut names = HashSet::new();
    for (no, PatternSetting { name, regex }) in raw.iter().enumerate() {
        let at = |field: &str| format!("/patterns/{no}/{field}");
        if let Err(error) = Pattern::check_name(name) {
            invalid.push(FieldError::at(at("name"), "format", error.to_string()));
        } else if !names.insert(name.to_lowercase()) {
            invalid.push(FieldError::at(at("name"), "duplicate", "must not be the name of another pattern"));
        }
        if let Err(error) = Pattern::check_regex(regex) {
            let code = match error {
                PatternError::Long | PatternError::Large => "too_long",
                PatternError::Name | PatternError::Syntax { .. } | PatternError::Empty => "format",
            };
            invalid.push(FieldError::at(at("regex"), code, error.to_string()));
        }
    }
    let patterns: Vec<_> = raw.into_iter().map(|PatternSetting { name, regex }| Pattern { name, regex }).collect();
    if invalid.len() == before && !Patterns::fit(&patterns) {
        invalid.push(FieldError::at("/patterns", "too_long", "must be smaller together: use smaller repetitions"));
    }
    (invalid.len() == before).then_some(patterns)
}
