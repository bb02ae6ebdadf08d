//! The rules of a tenant's settings about systems outside of this one.

use std::collections::HashSet;

use pii::Region;
use pii::text::{Finder, Own, tokenize_text};

use crate::base::purpose;
use crate::http::FieldError;
use crate::tenants::ExternalSystem;

/// The most systems of a tenant.
const MOST_SYSTEMS: usize = 20;
const LONGEST_NAME: usize = 100;
/// The most days. A request is answered within three months at most.
const MOST_DAYS: u32 = 90;

/// The systems in their order; none where one of them breaks a rule.
pub fn external_systems(
    raw: Vec<ExternalSystem>,
    region: Region,
    invalid: &mut Vec<FieldError>,
) -> Option<Vec<ExternalSystem>> {
    if raw.len() > MOST_SYSTEMS {
        invalid.push(FieldError::at("/external_systems", "too_many", format!("must be at most {MOST_SYSTEMS}")));
        return None;
    }
    let before = invalid.len();
    let finder = Finder::new(region, Own::default());
    let mut names = HashSet::new();
    let mut systems = Vec::with_capacity(raw.len());
    for (no, ExternalSystem { name, owner, days }) in raw.iter().enumerate() {
        let mut refuse = |field: &str, code: &'static str, rule: &str| {
            invalid.push(FieldError::at(format!("/external_systems/{no}/{field}"), code, rule.to_owned()));
        };
        let name = purpose::stated(name).filter(|name| is_name(name));
        match name {
            None => {
                refuse("name", "format", "must have 1 to 100 visible characters, none of / \\ % +, and more than dots");
            }
            // It is a part of a URL, where no identifier may be.
            Some(name) if has_identifier(&finder, name) => {
                refuse("name", "identifier", "must not contain a number or an address of a customer");
            }
            Some(name) if !names.insert(name.to_lowercase()) => {
                refuse("name", "duplicate", "must not be the name of another system");
            }
            Some(_) => {}
        }
        let owner = purpose::stated(owner);
        if owner.is_none() {
            refuse("owner", "format", "must have 1 to 200 visible characters");
        }
        if *days > MOST_DAYS {
            refuse("days", "out_of_range", "must be 0 to 90");
        }
        let named = name.zip(owner);
        systems.extend(named.map(|(name, owner)| ExternalSystem {
            name: name.to_owned(),
            owner: owner.to_owned(),
            days: *days,
        }));
    }
    (invalid.len() == before).then_some(systems)
}

fn is_name(name: &str) -> bool {
    // The router leaves these in their encoded form.
    let is_path =
        name.contains(['/', '\\', '%', '+']) || name.chars().any(char::is_control) || name.chars().all(|c| c == '.');
    name.chars().count() <= LONGEST_NAME && !is_path
}

fn has_identifier(finder: &Finder, name: &str) -> bool {
    tokenize_text(finder, name, &mut Vec::new()) != name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(systems: &[(&str, &str, u32)]) -> Result<usize, Vec<String>> {
        let system = |(name, owner, days): &(&str, &str, u32)| ExternalSystem {
            name: (*name).to_owned(),
            owner: (*owner).to_owned(),
            days: *days,
        };
        let mut invalid = Vec::new();
        let raw = systems.iter().map(system).collect();
        let told = |error: FieldError| format!("{} {}", error.pointer.unwrap_or_default(), error.code);
        match external_systems(raw, "NO".parse().unwrap(), &mut invalid) {
            Some(systems) => Ok(systems.len()),
            None => Err(invalid.into_iter().map(told).collect()),
        }
    }

    #[test]
    fn a_system_has_a_name_that_can_be_part_of_an_address() {
        assert_eq!(checked(&[("Salesforce", "crm@example.net", 20), ("SAP CRM 7", "Paal", 0)]), Ok(2));
        for name in ["", " ", "a/b", "a+b", "..", "a\nb", &"x".repeat(101)] {
            assert_eq!(
                checked(&[(name, "Paal", 1)]),
                Err(vec!["/external_systems/0/name format".to_owned()]),
                "{name}"
            );
        }
        let wrong = [("CRM", "Paal", 1), ("crm", "", 91), ("98765432", "Paal", 1)];
        let errors = ["1/name duplicate", "1/owner format", "1/days out_of_range", "2/name identifier"];
        assert_eq!(checked(&wrong), Err(errors.map(|error| format!("/external_systems/{error}")).to_vec()));
        assert_eq!(checked(&[("a", "b", 1); 21]), Err(vec!["/external_systems too_many".to_owned()]));
    }
}
