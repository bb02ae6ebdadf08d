//! The customers of the sample: people who do not exist, each with a number that a network could assign.

use pii::{Phone, Region};

use super::chance::{Chance, Purpose};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleCustomer {
    /// The phone number in E.164. No two customers share one.
    pub phone_e164: String,
    /// The e-mail address in its canonical spelling, if the customer has one. No two customers share one.
    pub email: Option<String>,
    /// The full name, with the given name first. Some customers share one.
    pub name: String,
}

/// A country with its mobile numbers and its people.
struct Country {
    code: &'static str,
    /// The prefix of a national number within the country.
    trunk: &'static str,
    /// The first digits of mobile numbers. Any digits may follow.
    mobile: &'static [&'static str],
    digits: usize,
    given: &'static [&'static str],
    family: &'static [&'static str],
}

const NORDIC_GIVEN: &[&str] = &[
    "Kari", "Ola", "Ingrid", "Bjørn", "Åse", "Håkon", "Solveig", "Øyvind", "Marit", "Sindre", "Tuva", "Eirik",
    "Ragnhild", "Jørgen", "Liv", "Magnus",
];

const COUNTRIES: [Country; 5] = [
    Country {
        code: "47",
        trunk: "",
        mobile: &["40", "41", "46", "47", "48", "90", "91", "92", "93", "94", "95", "96", "97", "98", "99"],
        digits: 6,
        given: NORDIC_GIVEN,
        family: &[
            "Nordmann",
            "Bjerkelund",
            "Fjellvik",
            "Granås",
            "Havnøy",
            "Lønnestad",
            "Myrtun",
            "Solbrekke",
            "Storvatn",
            "Tveitås",
            "Ulvedal",
            "Østervik",
            "Kvernmo",
            "Rimstad",
            "Sandnesli",
            "Åsgjerd",
        ],
    },
    Country {
        code: "46",
        trunk: "0",
        mobile: &["70", "72", "73", "76", "79"],
        digits: 7,
        given: &["Astrid", "Björn", "Elsa", "Göran", "Hedvig", "Åke", "Linnéa", "Måns", "Sixten", "Tyra"],
        family: &["Björkeflod", "Ekdunge", "Granstig", "Hällforsa", "Lövsta-Ek", "Näsvik", "Sjöblad", "Åkerhult"],
    },
    Country {
        code: "45",
        trunk: "",
        mobile: &["26", "27", "28", "67", "68", "96"],
        digits: 6,
        given: NORDIC_GIVEN,
        family: &["Agerbæk", "Birkelunde", "Engmose", "Højris", "Kildegrav", "Lyngsø", "Rugmark", "Søndertoft"],
    },
    Country {
        code: "44",
        trunk: "0",
        mobile: &["71", "72", "73"],
        digits: 8,
        given: &["Alfie", "Beatrice", "Clive", "Daphne", "Edith", "Fergus", "Gwen", "Harold"],
        family: &["Appleby-Moor", "Brackenford", "Coldwick", "Dunmarsh", "Eastleigh-Hope", "Fernsby", "O'Tarrow"],
    },
    Country {
        code: "49",
        trunk: "0",
        mobile: &["151", "152", "157", "159"],
        digits: 8,
        given: &["Anneliese", "Bernd", "Dörte", "Friedrich", "Jürgen", "Käthe", "Lutz", "Ute"],
        family: &["Ährenfeld", "Birkhöfer", "Dornbach", "Großweiler", "Kühnast", "Müllenbruch", "Tannrieder"],
    },
];

/// The domains of the sample's addresses, which are reserved for examples (RFC 2606).
const DOMAINS: [&str; 3] = ["example.com", "example.org", "example.net"];

/// The step between the numbers of a country's customers. It is coprime to the count of every country's numbers, so no
/// number comes twice.
const SPREAD: u64 = 7_368_787;

/// The largest number of customers. Every country has more numbers than that.
pub(super) const MOST: u64 = 5_000_000;

/// A customer with their number in parts, as spellings need it.
pub(super) struct Person {
    pub(super) number: SampleNumber,
    pub(super) email: Option<String>,
    pub(super) given: &'static str,
    pub(super) family: &'static str,
}

/// A number in parts: country code and national number.
#[derive(Clone)]
pub(super) struct SampleNumber {
    code: &'static str,
    trunk: &'static str,
    national: String,
}

/// The customer of a number. Every sample of the seed has the same one.
pub(super) fn person(seed: u64, index: u64) -> Person {
    let mut chance = Chance::new(seed, Purpose::Person, index);
    let country = &COUNTRIES[match chance.below(100) {
        0..80 => 0,
        80..88 => 1,
        88..93 => 2,
        93..97 => 3,
        _ => 4,
    }];
    let per_prefix = 10_u64.pow(u32::try_from(country.digits).unwrap_or(0));
    let prefixes = country.mobile.len() as u64;
    let place = index.wrapping_mul(SPREAD).wrapping_add(seed % 1_000_003) % (prefixes * per_prefix);
    let prefix = country.mobile[usize::try_from(place / per_prefix).unwrap_or(0)];
    let national = format!("{prefix}{:0width$}", place % per_prefix, width = country.digits);
    let (given, family) = (chance.pick(country.given), chance.pick(country.family));
    let email =
        chance.percent(70).then(|| format!("{}.{}.{index}@{}", ascii(given), ascii(family), chance.pick(&DOMAINS)));
    Person { number: SampleNumber { code: country.code, trunk: country.trunk, national }, email, given, family }
}

impl Person {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }
}

impl From<Person> for SampleCustomer {
    fn from(person: Person) -> Self {
        let name = person.name();
        Self { phone_e164: person.number.e164(), email: person.email, name }
    }
}

/// A name in the form that an address contains: lower case, without marks.
fn ascii(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'æ' | 'ä' => plain.push_str("ae"),
            'ø' | 'ö' => plain.push('o'),
            'å' => plain.push('a'),
            'é' => plain.push('e'),
            'ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            c if c.is_ascii_alphanumeric() || c == '-' => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// The number of ways to write a number.
const WAYS: u64 = 14;

impl SampleNumber {
    fn e164(&self) -> String {
        format!("+{}{}", self.code, self.national)
    }

    /// The number in a spelling that people in Norway use and read (A15).
    pub(super) fn spelled(&self, chance: &mut Chance) -> String {
        // Most systems write one of two forms. People write all of them.
        let way = if chance.percent(40) { chance.below(2) } else { chance.below(WAYS) };
        if self.code == "47" || way < 8 { self.written(way) } else { self.written(way - 8) }
    }

    /// The number in one of [`WAYS`]. From the ninth on, it has no country code.
    fn written(&self, way: u64) -> String {
        let Self { code, trunk, national } = self;
        match way {
            0 => format!("+{code}{national}"),
            1 => format!("00{code}{national}"),
            2 => format!("+{code} {}", grouped(national, &[3, 2, 3], " ")),
            3 => format!("00 {code} {}", grouped(national, &[2], " ")),
            4 => format!("(+{code}) {}", grouped(national, &[3, 2, 3], "-")),
            5 => format!("+{code}-{}", grouped(national, &[2], "-")),
            6 => format!("00{code} {}", grouped(national, &[4], ".")),
            7 => format!("+{code} ({}) {}", &national[..2], &national[2..]),
            8 => format!("{trunk}{national}"),
            9 => format!("{trunk}{}", grouped(national, &[3, 2, 3], " ")),
            10 => format!("{trunk}{}", grouped(national, &[2], " ")),
            11 => format!("{trunk}{}", grouped(national, &[2], ".")),
            12 => format!("{trunk}{}", grouped(national, &[4], "-")),
            _ => format!("{trunk}{national}").chars().map(full_width).collect(),
        }
    }
}

/// Digits in groups. The last length repeats until the end.
fn grouped(digits: &str, lengths: &[usize], separator: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 2);
    let mut rest = digits;
    let mut lengths = lengths.iter().copied();
    let mut length = lengths.next().unwrap_or(rest.len());
    while let Some((group, after)) = rest.split_at_checked(length).filter(|(_, after)| !after.is_empty()) {
        text.push_str(group);
        text.push_str(separator);
        rest = after;
        length = lengths.next().unwrap_or(length);
    }
    text.push_str(rest);
    text
}

fn full_width(digit: char) -> char {
    char::from_u32(digit as u32 - u32::from(b'0') + 0xFF10).unwrap_or(digit)
}

/// A number of the sample in every spelling that is read as this number in a region (A15), including the ways that only
/// people write. It is empty for a number of a country that the sample does not know.
#[must_use]
pub fn spellings(e164: &str, region: Region) -> Vec<String> {
    let known = COUNTRIES.iter().find_map(|country| {
        let national = e164.strip_prefix('+')?.strip_prefix(country.code)?;
        let is_number = national.len() > 4 && national.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| SampleNumber { code: country.code, trunk: country.trunk, national: national.to_owned() })
    });
    let Some(number) = known else { return Vec::new() };
    let Ok(meant) = Phone::parse(e164, region) else { return Vec::new() };
    let ways = (0..WAYS).map(|way| number.written(way));
    ways.filter(|text| Phone::parse(text, region).is_ok_and(|read| read == meant)).collect()
}

#[cfg(test)]
mod tests {
    use pii::Email;

    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn norway() -> Region {
        "NO".parse().unwrap()
    }

    proptest! {
        #[test]
        fn a_customer_has_a_number_of_a_network_and_every_spelling_is_theirs(seed: u64, index in 0..MOST) {
            let person = person(seed, index);
            let number = person.number.e164();
            let valid = Phone::parse_valid(&number, norway());
            prop_assert!(valid.is_some(), "{number}");
            for draw in 0..40 {
                let spelled = person.number.spelled(&mut Chance::new(seed, Purpose::Interaction, draw));
                prop_assert_eq!(Phone::parse(&spelled, norway()).ok(), valid.clone(), "{}", spelled);
            }
            prop_assert!(person.email.is_none_or(|email| email == email.to_lowercase() && Email::parse(&email).is_ok()));
        }

        /// Few customers live abroad, so their networks are tested separately.
        #[test]
        fn any_digits_may_follow_a_networks_first(country in 0..COUNTRIES.len(), prefix: prop::sample::Index, rest: u64) {
            let Country { code, mobile, digits, .. } = &COUNTRIES[country];
            let numbers = 10_u64.pow(u32::try_from(*digits).unwrap());
            prop_assert!(mobile.len() as u64 * numbers > MOST);
            let number = format!("+{code}{}{:0digits$}", prefix.get(mobile), rest % numbers);
            prop_assert!(Phone::parse_valid(&number, norway()).is_some(), "{number}");
        }

        #[test]
        fn no_text_makes_spellings_panic(text in "\\+?4?[4-9]?\\PC{0,12}") {
            let _ = spellings(&text, norway());
        }
    }

    #[test]
    fn no_two_customers_share_a_number_or_an_address() {
        let people: Vec<_> = (0..50_000).map(|index| SampleCustomer::from(person(3, index))).collect();
        assert_eq!(people.iter().map(|person| &person.phone_e164).collect::<HashSet<_>>().len(), people.len());
        let addresses: Vec<_> = people.iter().filter_map(|person| person.email.as_ref()).collect();
        assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), addresses.len());
        let abroad = people.iter().filter(|person| !person.phone_e164.starts_with("+47")).count();
        assert!((8_000..12_000).contains(&abroad), "{abroad}");
    }

    #[test]
    fn spellings_of_a_region_leave_the_country_code_out_at_home_only() {
        assert_eq!(spellings("+4798765432", norway()).len(), 14);
        assert_eq!(spellings("+46701234567", norway()).len(), 8);
        let swedish = spellings("+46701234567", "SE".parse().unwrap());
        assert!(swedish.contains(&"0701234567".to_owned()));
        assert_eq!(spellings("+35840123456", norway()), Vec::<String>::new());
        assert_eq!(spellings("98765432", norway()), Vec::<String>::new());
    }
}
