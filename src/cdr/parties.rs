//! The parties of a call. An exchange does not say which number is the customer's.

use pii::{HouseNumbers, Phone, Pii, Region};
use serde::Serialize;

use super::fields::{LABEL_DIGITS, digits, label};

/// The settings of a tenant about its telephones.
#[derive(Clone, Debug)]
pub struct House {
    pub region: Region,
    /// The numbers of the contact centre itself.
    pub numbers: HouseNumbers,
    /// The prefixes that are dialled to call out.
    pub dial_out_prefixes: Vec<String>,
}

/// The side that began a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CallDirection {
    /// The customer.
    Inbound,
    /// The contact centre.
    Outbound,
}

/// The columns of a row that tell the direction.
#[derive(Default)]
pub(super) struct Legs<'a> {
    /// The number that called.
    pub(super) caller: Option<&'a str>,
    /// The number that was called.
    pub(super) dialled: Option<&'a str>,
    /// The dialplan context.
    pub(super) context: Option<&'a str>,
    /// The phone or trunk that began the call.
    pub(super) from: Option<&'a str>,
    /// The phone or trunk that was called.
    pub(super) to: Option<&'a str>,
    /// The text that the exchange itself dialled, such as `PJSIP/98765432@trunk,300`.
    pub(super) dial_string: Option<&'a str>,
    /// The direction that the exchange states.
    pub(super) stated: Option<CallDirection>,
}

/// The direction of a call and its customer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parties<'a> {
    /// None for a call inside of the house.
    pub(super) direction: Option<CallDirection>,
    /// The customer's number as the exchange wrote it, without what is dialled to call out.
    pub(super) customer: Option<String>,
    /// The line called, or the extension that called out.
    pub(super) line: Option<&'a str>,
}

impl<'a> Parties<'a> {
    pub(super) fn new(legs: &Legs<'a>, house: &House) -> Self {
        let caller = legs.caller.filter(|text| !house.has(text));
        match legs.direction(house) {
            Some(CallDirection::Outbound) => {
                let customer = legs.dialled.map(|dialled| house.without_prefix(dialled, legs.dial_string));
                let line =
                    legs.caller.filter(|text| is_extension(text)).or(legs.from.filter(|text| is_extension(text)));
                Self {
                    direction: Some(CallDirection::Outbound),
                    customer: customer.filter(|customer| !house.has(customer)),
                    line,
                }
            }
            Some(CallDirection::Inbound) => Self {
                direction: Some(CallDirection::Inbound),
                customer: caller.map(str::to_owned),
                line: legs.dialled.and_then(|text| label(text, caller)),
            },
            None => Self { direction: None, customer: None, line: legs.dialled.and_then(|text| label(text, caller)) },
        }
    }
}

impl Legs<'_> {
    /// The direction: by the numbers of the house, then by the length of the numbers, since an extension that calls a longer
    /// number calls out. Between two numbers of full length the exchange's own word decides, then the context, then the phones
    /// and trunks. None for a call inside of the house.
    fn direction(&self, house: &House) -> Option<CallDirection> {
        let is_house = |number: Option<&str>| number.is_some_and(|number| house.has(number));
        let goes_out = self.dialled.is_some_and(is_outside);
        match (is_house(self.caller), is_house(self.dialled)) {
            (true, false) if goes_out => return Some(CallDirection::Outbound),
            (true, _) => return None,
            (false, true) => return Some(CallDirection::Inbound),
            (false, false) => {}
        }
        let from_extension = self.caller.is_some_and(is_extension);
        if from_extension && goes_out {
            return Some(CallDirection::Outbound);
        }
        let told = self.stated.or_else(|| self.context.and_then(by_context)).or_else(|| self.by_phones());
        let is_inside = told == Some(CallDirection::Outbound) || told.is_none() && self.from == self.caller;
        if from_extension && is_inside {
            return None;
        }
        if goes_out { told.or(Some(CallDirection::Inbound)) } else { Some(CallDirection::Inbound) }
    }

    /// The direction by the phone or trunk at either end: an extension is inside of the house, a trunk leads out of it.
    fn by_phones(&self) -> Option<CallDirection> {
        if self.from.is_some_and(is_extension) || self.to.is_some_and(is_trunk) {
            return Some(CallDirection::Outbound);
        }
        (self.to.is_some_and(is_extension) || self.from.is_some_and(is_trunk)).then_some(CallDirection::Inbound)
    }
}

impl House {
    /// Whether a number is one of the house.
    fn has(&self, number: &str) -> bool {
        self.read(number).is_some_and(|number| self.numbers.contains(&number))
    }

    fn read(&self, number: &str) -> Option<Pii<Phone>> {
        Phone::parse(number, self.region).ok()
    }

    /// A dialled number without what was dialled before it: a prefix of the tenant, if a valid number follows. Of a text that
    /// cannot be a number, the part that the exchange itself has dialled.
    fn without_prefix(&self, dialled: &str, dial_string: Option<&str>) -> String {
        let is_valid = |number: &&str| self.read(number).is_some_and(|read| read.is_valid());
        let rest =
            self.dial_out_prefixes.iter().filter_map(|prefix| dialled.strip_prefix(prefix.as_str())).find(is_valid);
        if let Some(rest) = rest {
            return rest.to_owned();
        }
        if self.read(dialled).is_some() {
            return dialled.to_owned();
        }
        let parts = dial_string.unwrap_or_default().split([',', '&', '|', '/', '@', ':']);
        let own = parts.filter(|part| is_outside(part) && dialled.ends_with(part)).find(is_valid);
        own.unwrap_or(dialled).to_owned()
    }
}

/// Whether a number is that of a phone inside of the house: two to six digits.
fn is_extension(text: &str) -> bool {
    (2..=LABEL_DIGITS).contains(&text.len()) && digits(text).count() == text.len()
}

/// Whether a number is as long as those outside of the house.
fn is_outside(text: &str) -> bool {
    digits(text).count() > LABEL_DIGITS && !text.chars().any(char::is_alphabetic) && !text.contains('@')
}

/// Whether a channel is one that leads out of the house, by its name.
fn is_trunk(name: &str) -> bool {
    const PARTS: [&str; 10] =
        ["trunk", "provider", "carrier", "gateway", "pstn", "sbc", "isdn", "operator", "external", "amt"];
    let name = name.to_lowercase();
    PARTS.iter().any(|part| name.contains(part)) || name.split(|c: char| !c.is_alphanumeric()).any(|word| word == "gw")
}

/// The direction that the name of a context tells, as the sample configurations and administrators name them.
fn by_context(context: &str) -> Option<CallDirection> {
    const OUT: [&str; 21] = [
        "ausgehend",
        "dialout",
        "extensions",
        "intern",
        "internal",
        "international",
        "local",
        "longdistance",
        "lähtevä",
        "out",
        "outbound",
        "outgoing",
        "outrt",
        "outside",
        "phones",
        "softphones",
        "users",
        "ut",
        "utgående",
        "utgaende",
        "udgående",
    ];
    const IN: [&str; 19] = [
        "carrier",
        "dahdi",
        "did",
        "dids",
        "digital",
        "eingehend",
        "external",
        "in",
        "inbound",
        "incoming",
        "ingoing",
        "inkommande",
        "inngående",
        "isdn",
        "provider",
        "pstn",
        "public",
        "trunk",
        "zaptel",
    ];
    let context = context.to_lowercase();
    let is_one = |words: &[&str]| context.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word));
    if is_one(&OUT) {
        return Some(CallDirection::Outbound);
    }
    is_one(&IN).then_some(CallDirection::Inbound)
}
