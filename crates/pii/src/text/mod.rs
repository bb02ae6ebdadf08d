//! Texts that know no identifiers: finding them, keeping placeholders, filling them in again.
//!
//! [`tokenize_text`] and [`tokenize_json`] replace the identifiers of a text by numbered placeholders and return their
//! mentions. [`fill_text`] and [`fill_json`] put a value, a token, or `Anonymized` into their places. [`Finder`] knows
//! the tenant's region and the identifiers of the record's own customer.
//!
//! A text is read in four steps (ADR 14):
//!
//! - `decode` undoes escapes, encodings, and tags, and knows where every character was;
//! - the text becomes streams: `digits` (stretches of groups), `said` and `stream` (groups and number words), the
//!   words of names and of addresses;
//! - the recognizers read them: `own` and `interrupted` and `echoes` the record's own number, `own_address` its address in pieces,
//!   `rows` (with `weigh` and `assigned`) those of others (with `doubts`, where several readings are as good), `spoken` what is said, `email` and `obfuscated` addresses,
//!   `name` the name. `lookalike` (with `amounts`, `scores`, and `versions`), `decimals`, and `ids` (with `things`)
//!   know what only looks like a number, `elsewhere` the own digits in another country's number, `turns` the speakers
//!   of lines, `stamps` the times of lines;
//! - `resolve` decides which finds count where they overlap.
//!
//! `labelled` reads the figures of fields behind the names of these, and `memo` remembers what was made out for one text.
//!
//! Payment cards, bank accounts and national identity numbers are no identifiers: `suppressed` (with `card`, `iban`
//! and `national`, which know what is right) puts a fixed word in their place, and nothing keeps what they were (D16).
//! So do `patterns`, which are the tenant's own.
//!
//! `spoken` reads spoken numbers (with `words`, the vocabulary of six languages). It writes a run of number words as
//! digits, to which the rules of written numbers apply.

mod address_signs;
mod address_words;
mod again;
pub(crate) mod assigned;
mod candidate;
mod card;
mod context;
mod cues;
mod decimals;
mod decode;
mod digits;
pub mod document;
mod doubts;
mod echoes;
mod elsewhere;
mod email;
mod fillers;
mod iban;
mod ids;
mod interrupted;
mod json;
mod labelled;
mod lookalike;
mod masked;
mod memo;
mod message_ids;
mod name;
mod national;
mod numbers;
mod obfuscated;
mod own;
mod own_address;
mod own_words;
mod patterns;
mod phone;
pub mod placeholder;
mod plan;
mod readings;
mod resolve;
mod rows;
mod said;
mod spoken;
mod stamps;
mod stream;
mod suppressed;
mod turns;
mod weigh;
mod words;

#[cfg(test)]
mod stories;

use std::ops::Range;
use std::sync::OnceLock;

pub use again::Again;
pub use masked::{MASK, mask_names, mask_text};
pub use patterns::{MOST_PATTERNS, Pattern, PatternError, Patterns};
pub use placeholder::{fill_text, next_number};
pub use suppressed::Suppressed;

use crate::{Email, Kind, PersonName, Phone, Pii, Region};
use name::Names;
use numbers::Numbers;
use placeholder::{Mentions, strip};
use resolve::Finds;

/// The record's own identifiers of its customer. They are found in its texts in every spelling.
#[derive(Default, Clone, Debug)]
pub struct Own {
    pub phone: Option<Pii<Phone>>,
    pub email: Option<Pii<Email>>,
    pub name: Option<Pii<PersonName>>,
}

/// One identifier found in a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// A phone number: the record's own, or any valid one.
    Phone(Pii<Phone>),
    Email(Pii<Email>),
    /// The record's own name or a word of it.
    OwnName,
}

impl Found {
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Phone(_) => Kind::Phone,
            Self::Email(_) => Kind::Email,
            Self::OwnName => Kind::Name,
        }
    }
}

/// The replacement of a match in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Find {
    /// A placeholder of an identifier.
    Identifier(Found),
    /// A fixed word for a value that is not kept.
    Suppressed(Suppressed),
    /// Nothing: more of the find before it, from which something else divides it.
    Rest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Texts of people: every valid number, and every word of the name.
    Text,
    /// Texts of programs, JSON numbers, and object keys: besides the record's own identifiers, only international
    /// numbers of 10 to 15 digits and whole names count. Otherwise a counter could be taken for a caller.
    Counter,
}

/// Finds identifiers in the texts of one record.
#[derive(Debug)]
pub struct Finder {
    numbers: Numbers,
    email: Option<Pii<Email>>,
    name: Option<Pii<PersonName>>,
    /// How the name may be written, made out for the first text.
    names: OnceLock<Option<Names>>,
    patterns: Patterns,
}

impl Finder {
    /// A finder for the texts of a record: national numbers are those of the tenant's region.
    #[must_use]
    pub fn new(region: Region, own: Own) -> Self {
        Self {
            numbers: Numbers::new(region, own.phone.as_ref()),
            name: own.name,
            names: OnceLock::new(),
            email: own.email,
            patterns: Patterns::default(),
        }
    }

    /// The same finder, which also redacts what matches a pattern of the tenant.
    #[must_use]
    pub fn with_patterns(self, patterns: &Patterns) -> Self {
        Self { patterns: patterns.clone(), ..self }
    }

    /// The identifiers of a text and where they stand: in the order of the text, none overlapping another.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<(Range<usize>, Found)> {
        let identifier = |(range, find)| match find {
            Find::Identifier(found) => Some((range, found)),
            Find::Suppressed(_) | Find::Rest => None,
        };
        self.find_all(text).into_iter().filter_map(identifier).collect()
    }

    /// The same with what is suppressed.
    #[must_use]
    pub fn find_all(&self, text: &str) -> Vec<(Range<usize>, Find)> {
        self.read(text, Reading::Text)
    }

    /// Whether the text contains the record's own number, address, or whole name. This is for ids and words of a
    /// program.
    #[must_use]
    pub fn holds_own(&self, text: &str) -> bool {
        // The text before it does not matter. `ext-kari@x.no` could be an address of its own, but an id consists of
        // parts.
        let is_in = |own: &Pii<Email>| email::is_in(own, text);
        self.email.as_ref().is_some_and(is_in)
            || self.numbers.holds_own(text)
            || self.names().is_some_and(|names| names.is_in(text))
    }

    fn names(&self) -> Option<&Names> {
        self.names.get_or_init(|| self.name.as_ref().and_then(Names::new)).as_ref()
    }

    fn is_own_address(&self, find: &Find) -> bool {
        matches!(find, Find::Identifier(Found::Email(address)) if Some(address) == self.email.as_ref())
    }

    fn read(&self, text: &str, reading: Reading) -> Finds {
        let found = self.read_fixed(text, reading);
        resolve::with_patterns(found, self.patterns.find(text, reading), |find| self.is_own(find))
    }

    fn retain_own(&self, found: &mut Finds) {
        let mut is_own = false;
        found.retain(|(_, find)| {
            is_own = self.is_own(find) || *find == Find::Rest && is_own;
            is_own
        });
    }

    fn has_own_number(&self) -> bool {
        self.numbers.own_number().is_some()
    }

    /// Whether anything is known of the record's customer.
    fn has_own(&self) -> bool {
        self.has_own_number() || self.email.is_some() || self.name.is_some()
    }

    /// The record's own identifiers in a text.
    fn find_own(&self, text: &str) -> Finds {
        let mut found = self.read_fixed(text, Reading::Text);
        self.retain_own(&mut found);
        found
    }

    fn is_own(&self, find: &Find) -> bool {
        match find {
            Find::Identifier(Found::Phone(phone)) => self.numbers.is_own(phone),
            Find::Identifier(Found::OwnName) => true,
            Find::Identifier(Found::Email(_)) => self.is_own_address(find),
            Find::Suppressed(_) | Find::Rest => false,
        }
    }

    /// The number that a string of nothing but digits is, country code first.
    fn bare_number(&self, text: &str) -> Option<Pii<Phone>> {
        let bare = text.bytes().all(|byte| byte.is_ascii_digit());
        bare.then(|| self.numbers.bare_international(text.as_bytes())).flatten()
    }
}

/// Whether a range has something in common with one of those, which are in order.
fn overlaps(taken: &[Range<usize>], range: &Range<usize>) -> bool {
    let at = taken.partition_point(|other| other.end <= range.start);
    taken.get(at).is_some_and(|other| other.start < range.end)
}

/// Replaces the identifiers of a text by placeholders, and adds them to the mentions of its record. The n-th
/// placeholder refers to `mentions[n]`, and an identifier that is mentioned already keeps its number. Delimiters of
/// placeholders are removed from the text, so that none can be forged. Suppressed values become a fixed word and no
/// mention (D16).
#[must_use]
pub fn tokenize_text(finder: &Finder, text: &str, mentions: &mut Vec<Found>) -> String {
    let stripped = strip(text);
    let text = stripped.as_deref().unwrap_or(text);
    Mentions::new(mentions).replace(text, finder.find_all(text))
}

/// [`tokenize_text`] for every string at any depth of a JSON value. Of its numbers and object keys only the record's own
/// number, valid international numbers of 10–15 digits, addresses and the whole own name count: a counter must not
/// become a caller; and of what is suppressed only what can hardly be chance. A number that is an identifier becomes a
/// string. Keys that come out alike are kept apart.
#[must_use]
pub fn tokenize_json(finder: &Finder, value: serde_json::Value, mentions: &mut Vec<Found>) -> serde_json::Value {
    json::tokenize(finder, value, &mut Mentions::new(mentions))
}

/// Puts `show(n)` in place of each placeholder inside a JSON value, in keys too. Keys that come out alike are kept
/// apart (` 2`, ` 3` appended), so nothing is lost.
#[must_use]
pub fn fill_json(value: serde_json::Value, show: &dyn Fn(usize) -> String) -> serde_json::Value {
    json::fill(value, show)
}
