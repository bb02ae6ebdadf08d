//! The tenant's information about its processing of personal data (Art. 15(1) GDPR). It is part of each customer's copy.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::field::FieldError;

/// The most characters of a text.
const LONGEST: usize = 2_000;

/// The most texts of a list.
const MOST: usize = 50;

/// The tenant's information about its processing. A part that is missing is listed as open in a customer's copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "controller": "Example AS, Storgata 1, Oslo", "contact": "privacy@example.com", "purposes": ["customer service"],
    "legal_basis": "Art. 6(1)(b)", "categories": ["contact data", "recordings"], "recipients": ["Example CRM"],
    "transfers": "none"
}))]
pub struct Processing {
    /// The controller, with its address.
    #[schema(required, max_length = 2000)]
    pub controller: Option<String>,
    /// How the controller or its data protection officer is reached.
    #[schema(required, max_length = 2000)]
    pub contact: Option<String>,
    /// The purposes of the processing.
    #[serde(default)]
    #[schema(required, max_items = 50)]
    pub purposes: Vec<String>,
    /// The legal basis of the processing.
    #[schema(required, max_length = 2000)]
    pub legal_basis: Option<String>,
    /// The categories of personal data.
    #[serde(default)]
    #[schema(required, max_items = 50)]
    pub categories: Vec<String>,
    /// The recipients of the data.
    #[serde(default)]
    #[schema(required, max_items = 50)]
    pub recipients: Vec<String>,
    /// Transfers to other countries, and their safeguards.
    #[schema(required, max_length = 2000)]
    pub transfers: Option<String>,
}

impl Processing {
    /// The rules that its texts break.
    #[must_use]
    pub fn errors(&self) -> Vec<FieldError> {
        let Self { controller, contact, purposes, legal_basis, categories, recipients, transfers } = self;
        let texts =
            [("controller", controller), ("contact", contact), ("legal_basis", legal_basis), ("transfers", transfers)];
        let lists = [("purposes", purposes), ("categories", categories), ("recipients", recipients)];
        let is_long = |text: &String| text.chars().nth(LONGEST).is_some();
        let error = |pointer: String| FieldError::at(pointer, "too_long", "must be at most 2000 characters");
        let mut errors = Vec::new();
        for (name, text) in texts {
            errors.extend(text.iter().filter(|text| is_long(text)).map(|_| error(format!("/processing/{name}"))));
        }
        for (name, list) in lists {
            if list.len() > MOST {
                errors.push(FieldError::at(format!("/processing/{name}"), "too_many", "must be at most 50 texts"));
            }
            let long = list.iter().enumerate().filter(|(_, text)| is_long(text));
            errors.extend(long.map(|(no, _)| error(format!("/processing/{name}/{no}"))));
        }
        errors
    }
}
