//! The dialling rules of a region's numbering plan, read once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};

use rlibphonenumber::phonenumber_matcher::FindNumberExt;
use rlibphonenumber::{
    CountryCodeSource, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region as PhoneRegion,
};

use super::assigned::{Assigned, whole};
use crate::{Phone, Pii, Region};

/// The most digits a number may have (E.164).
pub(super) const LONGEST: usize = 15;

/// The prefixes of all regions before a country code. `00` counts in every region (A15).
const ABROAD: [&str; 14] =
    ["00", "011", "0011", "010", "810", "001", "002", "005", "008", "009", "0014", "0015", "0021", "119"];

/// How the numbers of a region are dialled.
#[derive(Debug)]
pub(super) struct Plan {
    pub code: String,
    /// The same as a number.
    pub calling_code: u16,
    /// The prefix of a number inside its country: `0` in most countries, and none in Norway.
    pub trunk: String,
    /// The prefixes of the region before a foreign country code, longest first. `00` is always one of them.
    pub abroad: Vec<&'static str>,
    /// Whether its people always write a `0` before national numbers. Without it digits are no number then, lest every
    /// order number became a caller.
    pub needs_zero: bool,
}

impl Plan {
    pub(super) fn of(region: Region) -> Arc<Self> {
        static KNOWN: LazyLock<RwLock<HashMap<Region, Arc<Plan>>>> = LazyLock::new(RwLock::default);
        if let Some(known) = KNOWN.read().ok().and_then(|known| known.get(&region).cloned()) {
            return known;
        }
        let plan = Arc::new(Self::read(region));
        if let Ok(mut known) = KNOWN.write() {
            known.insert(region, Arc::clone(&plan));
        }
        plan
    }

    fn read(region: Region) -> Self {
        let home = PhoneRegion::try_from(region.to_string().as_str()).ok();
        let code =
            home.and_then(|home| PHONE_NUMBER_UTIL.get_country_code_for_region(home)).unwrap_or_default().to_string();
        let reads_abroad = |prefix: &&str| {
            PHONE_NUMBER_UTIL.parse_and_keep_raw_input(format!("{prefix}4798765432"), home).is_ok_and(|number| {
                number.country_code == 47 && number.country_code_source() == CountryCodeSource::FromNumberWithIdd
            })
        };
        // Longest first: in Australia `0011 47…` is Norway, not `00` and America.
        let mut abroad: Vec<&'static str> =
            ABROAD.into_iter().filter(|prefix| *prefix == "00" || reads_abroad(prefix)).collect();
        abroad.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        let example = home.and_then(|home| {
            let example = |kind| PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(home, kind).ok();
            example(PhoneNumberType::Mobile).or_else(|| example(PhoneNumberType::FixedLine))
        });
        let trunk = example.as_ref().map(trunk_of).unwrap_or_default();
        let national_alone =
            example.as_ref().map(rlibphonenumber::get_national_significant_number_owned).unwrap_or_default();
        let is_read_alone = national_alone.find_phone_numbers_with_preferred_region(home).next().is_some();
        Self {
            needs_zero: trunk == "0" && !is_read_alone,
            calling_code: code.parse().unwrap_or_default(),
            trunk,
            code,
            abroad,
        }
    }
}

/// The national digits of a number, and its prefix inside its country: `0` in most countries, and none in Norway.
pub(super) fn national_and_trunk(phone: &Pii<Phone>) -> (String, String) {
    let written = phone.expose().as_str();
    if let Some((country, national)) = whole(written) {
        let trunk = if country.has_no_trunk() { String::new() } else { trunk_of(&country.number(national.as_bytes())) };
        return (national.to_owned(), trunk);
    }
    let Ok(number) = PHONE_NUMBER_UTIL.parse(written, None) else { return Default::default() };
    let country = u16::try_from(number.country_code).ok().and_then(Assigned::of);
    let trunk = if country.is_some_and(Assigned::has_no_trunk) { String::new() } else { trunk_of(&number) };
    (rlibphonenumber::get_national_significant_number_owned(&number), trunk)
}

fn trunk_of(number: &PhoneNumber) -> String {
    let written = PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::National);
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let national = rlibphonenumber::get_national_significant_number_owned(number);
    digits.strip_suffix(&national).unwrap_or_default().to_owned()
}

/// Whether a country's numbers may have so many digits.
pub(super) fn is_length(code: &str, length: usize) -> bool {
    let digits = format!("+{code}{}", "5".repeat(length));
    PHONE_NUMBER_UTIL.parse(digits, None).is_ok_and(|number| PHONE_NUMBER_UTIL.is_possible_number(&number))
}
