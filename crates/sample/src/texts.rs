//! The notes of agents and the comments of customers. `{phone}`, `{email}`, `{name}`, `{reversed}`, and `{other}` (the
//! number of another customer) are replaced by identifiers.

use super::chance::Chance;
use super::course::Shown;
use super::people::Person;

/// Notes that identify nobody.
pub(super) const PLAIN: &[&str] = &[
    "Spørsmål om faktura, forklart og løst.",
    "Avtalt befaring tirsdag kl. 09.30.",
    "Password reset, no further action.",
    "Frågade om öppettider.",
    "Reklamation \"Rechnung 2026-118\", weitergeleitet an die Buchhaltung.",
    "Vil ha tilbud på 2 stk. før 15.08.2026.",
];

/// Notes with the customer's own number or address.
pub(super) const OWN: &[&str] = &[
    "Ringes tilbake på {phone} etter kl. 15.",
    "Bekreftelse sendt til {email}.",
    "Nummer i kunderegisteret: {phone}. Epost: {email}.",
    "Please call back on {phone} before noon.",
    "Återkommer via {email} i morgon.",
    "Rückruf an {phone} erbeten!",
];

/// Notes with the customer's name, for records that know it.
pub(super) const NAMED: &[&str] = &[
    "{name} flytter 1. oktober og ønsker ny avtale.",
    "Spoke to {name}; wants the contract in writing.",
    "Ref. {reversed}: saken er lukket.",
    "{name} ({phone}) vill byta abonnemang.",
];

/// Notes with the number of another customer.
pub(super) const OTHERS: &[&str] = &[
    "Ektefellen kan nås på {other}.",
    "Calls on behalf of the customer with number {other}.",
    "Samme sak som {other}, se der.",
];

/// Comments of a survey that identify nobody.
pub(super) const COMMENTS: &[&str] = &[
    "Rask og hyggelig hjelp!",
    "Altfor lang ventetid, men greit svar til slutt.",
    "Took three calls to get it fixed.",
    "Mycket bra bemötande.",
    "Alles bestens, danke.",
    "10/10 👍",
];

/// Comments of a survey with the customer's own number or address. A survey response has no name to search for.
pub(super) const OWN_COMMENTS: &[&str] = &[
    "Ingen ringte meg tilbake på {phone}.",
    "Send heller svaret til {email}, takk.",
    "You still call my old phone, use {phone} instead.",
];

pub(super) const SUBJECTS: &[&str] =
    &["Faktura", "Adresseendring", "Oppsigelse av avtale", "Re: Re: Order status", "Fråga om leverans", "Mahnung"];

/// The customer of a text, and the identifiers of theirs that it may contain. If the number is not allowed, the address
/// takes its place.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) person: &'a Person,
    pub(super) shown: Shown,
}

/// A text with its identifiers, each in some spelling.
pub(super) fn fill(text: &str, own: Option<Subject<'_>>, other: Option<&Person>, chance: &mut Chance) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, word, after)) = next_word(rest) {
        filled.push_str(before);
        match (word, own, other) {
            ("phone" | "email", Some(own), _) => filled.push_str(&own.identifier(word == "email", chance)),
            ("name", Some(own), _) => filled.push_str(&own.person.name()),
            ("reversed", Some(own), _) => filled.extend([own.person.family, ", ", own.person.given]),
            ("other", _, Some(other)) => filled.push_str(&other.number.spelled(chance)),
            _ => filled.push('?'),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

impl Subject<'_> {
    fn identifier(self, prefers_email: bool, chance: &mut Chance) -> String {
        match &self.person.email {
            Some(email) if self.shown.email && (prefers_email || !self.shown.phone) => address(email, chance),
            _ => self.person.number.spelled(chance),
        }
    }
}

fn next_word(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (word, after) = rest.split_once('}')?;
    Some((before, word, after))
}

/// An address as people type it: sometimes with capitals, which have no meaning (A14).
pub(super) fn address(email: &str, chance: &mut Chance) -> String {
    if chance.percent(80) {
        return email.to_owned();
    }
    if chance.percent(30) {
        return email.to_uppercase();
    }
    let mut starts_word = true;
    let capital = |c: char| {
        let typed = if starts_word { c.to_ascii_uppercase() } else { c };
        starts_word = !c.is_ascii_alphanumeric();
        typed
    };
    email.chars().map(capital).collect()
}
