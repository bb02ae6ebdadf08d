//! The finder on any text: matches are in order, apart, and on the borders of characters.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pii::text::{Finder, Own};
use pii::{Email, PersonName, Phone};

fuzz_target!(|text: &str| {
    let region = "NO".parse().unwrap();
    let own = Own {
        phone: Phone::parse("98765432", region).ok(),
        email: Email::parse("kari@example.no").ok(),
        name: PersonName::parse("Kari Nordmann").ok(),
    };
    let mut reached = 0;
    for (place, _) in Finder::new(region, own).find_all(text) {
        assert!(reached <= place.start && place.start < place.end, "{place:?} after {reached}");
        assert!(text.get(place.clone()).is_some(), "{place:?} is within a character");
        reached = place.end;
    }
});
