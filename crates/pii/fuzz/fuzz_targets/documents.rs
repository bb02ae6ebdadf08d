//! Documents of each format: they are refused or tokenized, and a tokenized document is of the same format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pii::text::{Own, Patterns};
use pii::text::document::{Case, Format, tokenize, tokenize_again};
use pii::{Email, PersonName, Phone};

const FORMATS: [Format; 8] = [
    Format::Plain,
    Format::Json,
    Format::Vtt,
    Format::Vcon,
    Format::NdJson,
    Format::Srt,
    Format::Html,
    Format::Mail,
];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let format = FORMATS[usize::from(choice) % FORMATS.len()];
    let region = "NO".parse().unwrap();
    let own = Own {
        phone: Phone::parse("98765432", region).ok(),
        email: Email::parse("kari@example.no").ok(),
        name: PersonName::parse("Kari Nordmann").ok(),
    };
    let case = Case { region, own, forgotten: false, stored: false, patterns: Patterns::default() };
    if let Ok(document) = tokenize(format, bytes, &case) {
        let first = document.mentions.len();
        tokenize_again(format, document.text, first, &case).expect("a stored document is read again");
    }
});
