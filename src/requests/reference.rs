//! The reference of a request: the number of its case in another system. It is a filter of the list and so part of a URL,
//! where no identifier may be. So a number or an address in it is masked before it is stored.

use std::collections::HashMap;

use pii::Identifier;
use pii::text::{Finder, Own, mask_text};

use super::comment::own_of;
use super::entry::ValidatedRequest;
use crate::base::id::IdentifierId;
use crate::base::patch::PatchField;
use crate::tenants::Tenant;

/// The reference that a request has after a row is saved. A stored one is searched again for new identifiers.
pub fn of(row: &ValidatedRequest, tenant: &Tenant, kept: &HashMap<IdentifierId, Identifier>) -> Option<String> {
    let masked = |text: &str| mask_text(&finder(row, tenant, kept), text);
    match (&row.reference, &row.before) {
        (PatchField::Is(text), _) => Some(masked(text)),
        (PatchField::Absent, Some(stored)) => match &stored.request.reference {
            Some(text) if row.new_identifiers().next().is_some() => Some(masked(text)),
            text => text.clone(),
        },
        (PatchField::Null, _) | (PatchField::Absent, None) => None,
    }
}

/// The finder for a text of a row that keeps no mention.
pub fn finder(row: &ValidatedRequest, tenant: &Tenant, kept: &HashMap<IdentifierId, Identifier>) -> Finder {
    tenant.finder(own_of(row, kept))
}

/// Whether a text cannot be the reference of any request, because it contains an identifier.
pub fn has_identifier(text: &str, tenant: &Tenant) -> bool {
    tenant.masked(Own::default(), text) != text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_keeps_the_numbers_of_cases() {
        let tenant = Tenant::new("demo").unwrap();
        for text in ["case 118", "INC0012345", "CASE41234567", "2026-000118", "JIRA-1234", "sak 26/01234-5"] {
            assert!(!has_identifier(text, &tenant), "{text}");
        }
        let finder = tenant.finder(Own::default());
        for (text, kept) in
            [("case of 912 34 567", "case of *****"), ("kari@example.net", "*****"), ("+4791234567", "*****")]
        {
            assert_eq!(mask_text(&finder, text), kept);
            assert!(has_identifier(text, &tenant), "{text}");
        }
    }
}
