//! How fast texts are searched, ordinary and hostile ones, in one run: `cargo bench -p pii`, or only those with a word
//! in their name: `cargo bench -p pii -- 'words for'`. Machines differ, and other programs take their part of one: so
//! the ratio to an ordinary transcript is what to compare.

#![expect(clippy::print_stdout, reason = "the table is the result")]

mod clock;

use std::error::Error;

use pii::text::{Finder, Own};
use pii::{Email, PersonName, Phone};

/// How long each text is, in bytes: a megabyte.
const LENGTH: usize = 1_000_000;

/// How often each text is searched. The fastest time counts.
const ROUNDS: usize = 3;

const TRANSCRIPT: &str = "[10:02] Agent: God morgen, hva kan jeg hjelpe deg med i dag?\n\
    [10:02] Kunde: Jeg bestilte to par sko 12.05.2024, og de er ikke kommet. Ordren er 4500018823.\n\
    [10:03] Agent: Det var leit. Hvilket nummer kan vi nå deg på?\n\
    [10:03] Kunde: 91 82 73 64, eller send en e-post til ola@example.no. Jeg er hjemme etter klokka 15.30.\n\
    [10:04] Agent: Takk, da ringer vi deg i løpet av tre dager. Ha en fin dag videre!\n";

/// The parts of ordinary texts, which repeat.
const ORDINARY: [(&str, &str); 6] = [
    ("a transcript", TRANSCRIPT),
    ("prose", "Kunden ringte i går og sa at hun ikke hadde fått pakken. Hun bor i Storgata 12 og jobber til kl. 16. "),
    ("prose with numbers", "Order 12345 is late, call 98 76 54 32 or write to ola@example.no by 10:30. "),
    ("JSON", "{\"speaker\": \"agent\", \"text\": \"hei\", \"start\": 12.25, \"confidence\": 0.982}, "),
    ("HTML", "<p class=\"x\">Hei&nbsp;<b>Kari</b>, ring <a href=\"tel:+4798765432\">oss</a></p>\n"),
    ("spoken", "nine eight seven, six five four, "),
];

/// The same of texts that somebody sends to keep the service busy.
const HOSTILE: [(&str, &str); 40] = [
    ("one digit", "1"),
    ("digits with hyphens", "1-"),
    ("digits with spaces", "1 "),
    ("digits in lines", "1\n"),
    ("pairs", "98 "),
    ("fours", "4111 "),
    ("numbers", "98765432 "),
    ("numbers of others", "+45 98 76 54 32 "),
    ("plus signs", "+47"),
    ("at signs", "a@"),
    ("percent signs", "%40"),
    ("escapes of escapes", "%2525"),
    ("entities", "&#49;"),
    ("quoted-printable", "=C3=A5"),
    ("encoded words", "=?utf-8?q?"),
    ("escapes of JSON", "\\u0031"),
    ("base64", "cmluZyA5ODc2"),
    ("tags", "<b>"),
    ("comments", "<!--"),
    ("brackets", "(("),
    ("combining marks", "9\u{301}"),
    ("marks of direction", "\u{202e}9\u{2066}8"),
    ("placeholders", "\u{e000}1\u{e001}"),
    ("number words", "ni "),
    ("words of two meanings", "98765432 to tjue fem hundred "),
    ("the name", "Kari"),
    ("words for @ in <>", "<at>"),
    ("words for @ in []", "[at]"),
    ("words for @ in ()", "(at)"),
    ("words for @, spaces", "(at) "),
    ("words for @ and dot", "(at)(dot)"),
    ("rare words for @", "(krøllalfa)"),
    ("words for @ and x", "[at]x"),
    ("words ät", "ät "),
    ("words at", "at "),
    ("the own domain", "@fjordpost.no"),
    ("ids of a chat", "4741327786@c.us "),
    ("addresses", "a@b.no "),
    ("beginnings of ISBNs", "978-82-"),
    ("longer ones", "978-82-525-41-"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let region = "NO".parse()?;
    let own = Own {
        phone: Phone::parse("98765432", region).ok(),
        email: Email::parse("kari.nordmann@fjordpost.no").ok(),
        name: PersonName::parse("Kari Nordmann").ok(),
    };
    let finder = Finder::new(region, own);
    let texts = ORDINARY.into_iter().chain(HOSTILE).map(|(name, piece)| (name, piece.repeat(LENGTH / piece.len())));
    let drawn = [
        ("pairs by chance", drawn(2)),
        ("fours by chance", drawn(4)),
        ("eights by chance", drawn(8)),
        ("digits and separators", chosen("0123456789 -./+(),:\n")),
    ];
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let is_chosen = |name: &str| name == ORDINARY[0].0 || part.as_ref().is_none_or(|part| name.contains(part));
    let mut transcript = None;
    for (name, text) in texts.chain(drawn).filter(|(name, _)| is_chosen(name)) {
        let (mut seconds, mut finds) = (f64::MAX, 0);
        for _ in 0..ROUNDS {
            seconds = seconds.min(clock::seconds(|| finds = finder.find_all(&text).len()));
        }
        let ratio = seconds / *transcript.get_or_insert(seconds);
        println!("{name:22} {seconds:6.3} s/MB {:7.1} MB/s {ratio:6.1} × transcript {finds:8} finds", 1.0 / seconds);
    }
    Ok(())
}

/// Groups of so many digits, the same on every machine.
fn drawn(size: usize) -> String {
    let digits = chosen("0123456789");
    let groups = digits.as_bytes().chunks(size).take(LENGTH / (size + 1));
    groups.flat_map(|group| group.iter().map(|digit| char::from(*digit)).chain([' '])).collect()
}

/// Characters by chance, the same on every machine.
fn chosen(from: &str) -> String {
    let from: Vec<char> = from.chars().collect();
    let mut state = 7_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from[usize::try_from(state >> 33).unwrap_or_default() % from.len()]
    };
    std::iter::repeat_with(&mut draw).take(LENGTH).collect()
}
