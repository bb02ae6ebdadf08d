//! The reference of a request: the number of its case in another system. It is a filter of the list and so part of a URL,
//! where no identifier may be. So a number or an address in it is masked before it is stored.

use pii::text::{Own, mask_names};

use super::comment::{KnownCustomers, own_of};
use super::entry::ValidatedRequest;
use crate::base::patch::PatchField;
use crate::tenants::Tenant;

/// The reference that a request has after a row is saved. A stored one is searched again for new identifiers.
pub fn of(row: &ValidatedRequest, tenant: &Tenant, known: &KnownCustomers) -> Option<String> {
    let masked = |text: &str| masked(text, row, tenant, known);
    match (&row.reference, &row.before) {
        (PatchField::Is(text), _) => Some(masked(text)),
        (PatchField::Absent, Some(stored)) => match &stored.request.reference {
            Some(text) if row.new_identifiers().next().is_some() => Some(masked(text)),
            text => text.clone(),
        },
        (PatchField::Null, _) | (PatchField::Absent, None) => None,
    }
}

/// A text of a row that keeps no mention, without identifiers and without the names of its customer.
pub fn masked(text: &str, row: &ValidatedRequest, tenant: &Tenant, known: &KnownCustomers) -> String {
    let text = tenant.masked(own_of(row, &known.kept), text);
    let ids = known.ids(row);
    mask_names(&text, ids.iter().filter_map(|id| Some(&known.names.get(id)?.1)))
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
        for (text, kept) in
            [("case of 912 34 567", "case of *****"), ("kari@example.net", "*****"), ("+4791234567", "*****")]
        {
            assert_eq!(tenant.masked(Own::default(), text), kept);
            assert!(has_identifier(text, &tenant), "{text}");
        }
    }
}
