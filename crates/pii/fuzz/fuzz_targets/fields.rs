//! The fields of a customer: any text is read, and a number or an address that was read is read again as itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pii::text::Patterns;
use pii::{Kind, Phone, read_field};

fuzz_target!(|raw: &str| {
    let region = "NO".parse().unwrap();
    for kind in [Kind::Phone, Kind::Email, Kind::Name] {
        if let Some(phone) = read_field(raw, kind, region, &Patterns::default()).phone {
            assert!(Phone::parse(phone.expose().as_str(), region).is_ok_and(|again| again == phone));
        }
    }
});
