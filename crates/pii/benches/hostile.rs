//! Looks for the texts that take the finder the longest: `cargo bench -p pii --bench hostile`, with a seed and a count of
//! texts if others are wanted: `cargo bench -p pii --bench hostile -- 7 5000`.
//!
//! A text repeats a unit of a few parts, two units alternately, or several by chance. Some digits and letters of the
//! parts are drawn anew each time, so that no answer that was remembered helps. The texts that take longest are
//! searched again at full length. On Linux the time is the processor's, so other programs matter less.

#![expect(clippy::print_stdout, reason = "the table is the result")]

mod clock;

use std::error::Error;

use pii::text::{Finder, Own};
use pii::{Email, PersonName, Phone};

/// How long a text is at first, and how long those are that took longest.
const SHORT: usize = 40_000;
const LONG: usize = 1_000_000;

/// How many texts are searched at full length, and how often. The fastest time counts.
const WORST: usize = 25;
const ROUNDS: usize = 3;

/// A digit and a letter that are drawn anew each time.
const DIGIT: char = '\u{1}';
const LETTER: char = '\u{2}';

/// The parts of units.
const PARTS: [&str; 156] = [
    // Digits, the same ones and others each time.
    "1",
    "9",
    "0",
    "00",
    "98",
    "54",
    "32",
    "987",
    "9876",
    "4111",
    "98765",
    "98765432",
    "+",
    "+4",
    "+45",
    "+47",
    "0047",
    "2024",
    "978",
    "\u{1}",
    "\u{1}\u{1}",
    "\u{1}\u{1}\u{1}",
    "\u{1}\u{1}\u{1}\u{1}",
    "\u{1}\u{1}\u{1}\u{1}\u{1}",
    "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}",
    "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}",
    "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}",
    "9\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}",
    "+47\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}",
    "+1\u{1}\u{1}\u{1}",
    "+4\u{1}",
    "+\u{1}\u{1}\u{1}",
    "00\u{1}\u{1}",
    "\u{1}\u{1} \u{1}\u{1} ",
    "\u{1}\u{1}-\u{1}\u{1}, ",
    "３",
    "\u{660}",
    // Signs.
    " ",
    " ",
    " ",
    "-",
    ".",
    ",",
    ", ",
    ". ",
    ":",
    ";",
    "/",
    "(",
    ")",
    ") ",
    "[",
    "]",
    "<",
    ">",
    "\"",
    "'",
    "#",
    "_",
    "=",
    "&",
    "%",
    "\\",
    "\n",
    "\n",
    "\t",
    "\u{a0}",
    "\u{2013}",
    "\u{200b}",
    "\u{301}",
    // Number words, and words of several meanings.
    "ni",
    "one",
    "to",
    "nine",
    "twenty",
    "tjue",
    "hundred",
    "nihundre",
    "tusen",
    "plus",
    "double",
    "dobbelt",
    "triple",
    "nuller",
    "nollåtta",
    "and",
    "og",
    "eh",
    "ja",
    "siebenundzwanzig",
    "kolmekymmentä",
    "femhundreogåttisju",
    // Labels, units, and ids.
    "tlf",
    "ring",
    "nr",
    "ordre",
    "id",
    "kunde-id",
    "number is",
    "kr",
    "kl",
    "NO93",
    "RF-",
    "v",
    "0x",
    "a1",
    "Kunde:",
    "A: ",
    "[10:02] ",
    "10:30",
    "12.05.",
    "2024-05-12",
    "00:01:02,500",
    "070761-",
    "131052-308T",
    // Addresses.
    "@",
    "a@",
    "@x.no",
    "a@b.no",
    "\u{2}\u{2}@\u{2}.no",
    "kari.nordmann@",
    "@fjordpost.no",
    "kari",
    "nordmann",
    "fjordpost",
    "no",
    "at",
    " at ",
    "ät",
    "dot",
    " dot ",
    "(at)",
    "[a]",
    "krøllalfa",
    "punktum",
    "mail",
    "http://",
    "x.no/",
    "\u{2}",
    "\u{2}\u{2}\u{2}",
    "#EXT#",
    // Escapes and tags.
    "%40",
    "%2",
    "&#49;",
    "&amp;",
    "&nbsp;",
    "=3",
    "=C3=A5",
    "=\n",
    "\\u0031",
    "\\n",
    "<b>",
    "</b>",
    "<!--",
    "=?utf-8?q?",
    "cmluZyA5ODc2",
];

/// Numbers by chance, the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % most
    }

    /// A unit of up to so many parts.
    fn unit(&mut self, most: usize) -> String {
        (0..=self.below(most)).map(|_| PARTS[self.below(PARTS.len())]).collect()
    }

    /// Puts digits and letters in their places.
    fn drawn(&mut self, unit: &str) -> String {
        let mut draw = |from: &[u8]| char::from(from[self.below(from.len())]);
        unit.chars()
            .map(|c| match c {
                DIGIT => draw(b"0123456789"),
                LETTER => draw(b"abcdefghijklmnopqrstuvwxyz"),
                c => c,
            })
            .collect()
    }
}

/// The units of a text and their order.
struct Recipe {
    seed: u64,
    units: Vec<String>,
    /// Whether the units come by chance, and not one after another.
    by_chance: bool,
}

impl Recipe {
    fn draw(chance: &mut Chance, seed: u64) -> Self {
        let (count, most, by_chance) = match chance.below(8) {
            0 | 1 => (1, 4, false),
            2 | 3 => (2, 3, false),
            4 => (2, 3, true),
            5 => (3, 2, true),
            6 => (6, 2, true),
            _ => (40, 1, true),
        };
        Self { seed, units: (0..count).map(|_| chance.unit(most)).collect(), by_chance }
    }

    fn text(&self, length: usize) -> String {
        let mut chance = Chance(self.seed);
        let mut text = String::with_capacity(length + 64);
        let mut at = 0;
        while text.len() < length {
            let unit = if self.by_chance { chance.below(self.units.len()) } else { at % self.units.len() };
            text += &chance.drawn(&self.units[unit]);
            at += 1;
        }
        text
    }
}

/// How many seconds a megabyte of a text takes.
fn rate(finder: &Finder, text: &str) -> f64 {
    let seconds = clock::seconds(|| drop(finder.find_all(text)));
    #[expect(clippy::cast_precision_loss, reason = "a text is short")]
    let megabytes = text.len() as f64 / 1e6;
    seconds / megabytes
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let (seed, count) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(3_000));
    let region = "NO".parse()?;
    let own = Own {
        phone: Phone::parse("98765432", region).ok(),
        email: Email::parse("kari.nordmann@fjordpost.no").ok(),
        name: PersonName::parse("Kari Nordmann").ok(),
    };
    let finder = Finder::new(region, own);
    let _ = finder.find_all(&Recipe { seed, units: PARTS.map(str::to_owned).to_vec(), by_chance: true }.text(LONG));
    let mut chance = Chance(seed);
    let all = (0..count).map(|seed| Recipe::draw(&mut chance, seed));
    let mut rates: Vec<(f64, Recipe)> = all.map(|recipe| (rate(&finder, &recipe.text(SHORT)), recipe)).collect();
    rates.sort_by(|one, other| other.0.total_cmp(&one.0));
    rates.truncate(WORST);
    for (first, recipe) in &mut rates {
        let text = recipe.text(LONG);
        *first = (0..ROUNDS).map(|_| rate(&finder, &text)).fold(f64::MAX, f64::min);
    }
    rates.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (rate, recipe) in rates {
        let order = if recipe.by_chance { "by chance" } else { "in turn" };
        let units: Vec<&str> = recipe.units.iter().take(8).map(String::as_str).collect();
        println!("{rate:6.3} s/MB  {} {order}: {units:?}", recipe.units.len());
    }
    Ok(())
}
