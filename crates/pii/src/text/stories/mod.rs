//! Texts of people, and the identifiers in them.

mod addresses;
mod beside;
mod chance;
mod colloquial;
mod cost;
mod decoded;
mod echoes;
mod figures;
mod interrupted;
mod kinds;
mod numbers;
mod parties;
mod patterns;
mod persons;
mod properties;
mod rates;
mod records;
mod rows;
mod spoken;
mod suppressed;
mod things;
mod traps;

use super::*;

pub(super) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

/// Shows what was found: `<+4798765432>`, `<kari@x.no>`, `<name>`.
pub(super) fn show(found: &Found) -> String {
    match found {
        Found::Phone(phone) => format!("<{}>", phone.expose().as_str()),
        Found::Email(email) => format!("<{}>", email.expose().as_str()),
        Found::OwnName => "<name>".to_owned(),
    }
}

pub(super) fn seen(finder: &Finder, text: &str) -> String {
    let mut mentions = Vec::new();
    let tokenized = tokenize_text(finder, text, &mut mentions);
    fill_text(&tokenized, |n| show(&mentions[n]))
}

#[track_caller]
fn check(finder: &Finder, stories: &[(&str, &str)]) {
    let wrong: Vec<_> = stories
        .iter()
        .map(|(text, expected)| (text, seen(finder, text), expected))
        .filter(|(_, seen, expected)| seen != *expected)
        .map(|(text, seen, expected)| format!("\n  text     {text:?}\n  seen     {seen:?}\n  expected {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

pub(super) fn in_region(code: &str) -> Finder {
    Finder::new(region(code), Own::default())
}

pub(super) fn kari() -> Finder {
    let own = Own {
        phone: Some(Phone::parse("98765432", region("NO")).unwrap()),
        email: Some(Email::parse("kari.nordmann@eksempel.no").unwrap()),
        name: Some(PersonName::parse("Kari Nordmann").unwrap()),
    };
    Finder::new(region("NO"), own)
}
