//! How fast texts are searched, ordinary and hostile ones, in one run: `cargo bench -p pii`. Machines differ, so the ratio to
//! ordinary prose is what to compare.

#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::error::Error;
use std::time::Instant;

use pii::text::{Finder, Own};
use pii::{Email, PersonName, Phone};

/// How long each text is, in bytes: a megabyte.
const LENGTH: usize = 1_000_000;

/// The parts of the texts, which repeat.
const TEXTS: [(&str, &str); 20] = [
    ("prose", "Kunden ringte i går og sa at hun ikke hadde fått pakken. Hun bor i Storgata 12 og jobber til kl. 16. "),
    ("prose with numbers", "Order 12345 is late, call 98 76 54 32 or write to ola@example.no by 10:30. "),
    ("JSON", "{\"speaker\": \"agent\", \"text\": \"hei\", \"start\": 12.25, \"confidence\": 0.982}, "),
    ("HTML", "<p class=\"x\">Hei&nbsp;<b>Kari</b>, ring <a href=\"tel:+4798765432\">oss</a></p>\n"),
    ("spoken", "nine eight seven, six five four, "),
    ("one digit", "1"),
    ("digits with hyphens", "1-"),
    ("digits with spaces", "1 "),
    ("pairs", "98 "),
    ("fours", "4111 "),
    ("numbers", "98765432 "),
    ("plus signs", "+47"),
    ("at signs", "a@"),
    ("percent signs", "%40"),
    ("entities", "&#49;"),
    ("tags", "<b>"),
    ("base64", "cmluZyA5ODc2"),
    ("combining marks", "9\u{301}"),
    ("number words", "ni "),
    ("the name", "Kari"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let region = "NO".parse()?;
    let own = Own {
        phone: Phone::parse("98765432", region).ok(),
        email: Email::parse("kari.nordmann@example.no").ok(),
        name: PersonName::parse("Kari Nordmann").ok(),
    };
    let finder = Finder::new(region, own);
    // The numbering plans are loaded once.
    let _ = finder.find_all("98765432 +4531662338");
    let mut prose = None;
    for (name, piece) in TEXTS {
        let text = piece.repeat(LENGTH / piece.len());
        let begun = Instant::now();
        let finds = finder.find_all(&text).len();
        let seconds = begun.elapsed().as_secs_f64();
        let ratio = seconds / *prose.get_or_insert(seconds);
        println!("{name:20} {:8.1} MB/s {ratio:8.1} × prose {finds:8} finds", 1.0 / seconds);
    }
    Ok(())
}
