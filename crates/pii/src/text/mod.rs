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
//!   `rows` (with `weigh` and `assigned`) those of others, `spoken` what is said, `email` and `obfuscated` addresses,
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

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::OnceLock;

pub use again::Again;
pub use masked::{MASK, mask_names, mask_text};
pub use patterns::{MOST_PATTERNS, Pattern, PatternError, Patterns};
pub use placeholder::{fill_text, next_number};
pub use suppressed::Suppressed;

use crate::{Email, Kind, PersonName, Phone, Pii, Region};
use decode::Decoded;
use name::Names;
use numbers::Numbers;
use phone::Apart;
use placeholder::{Mentions, strip};
use resolve::Finds;
use said::Said;

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

    /// The finds without those of the tenant's patterns.
    fn read_fixed(&self, text: &str, reading: Reading) -> Finds {
        let Some(decoded) = Decoded::of(text) else { return self.read_tagged(text, reading) };
        let mut found = resolve::placed(&decoded, self.read_tagged(decoded.text(), reading));
        resolve::sort(&mut found);
        if self.has_own() {
            let mut raw = self.read_tagged(text, reading);
            self.retain_own(&mut raw);
            resolve::add(&mut found, raw);
        }
        found
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

    /// The finds of a text that is decoded, outside of its tags and within each.
    fn read_tagged(&self, text: &str, reading: Reading) -> Finds {
        let Some(plain) = Decoded::without_tags(text) else { return self.read_plain(text, reading) };
        let mut found = resolve::placed(&plain, self.read_plain(plain.text(), reading));
        resolve::sort(&mut found);
        if let Some(tags) = plain.only_tags(text) {
            let within = resolve::placed(&tags, self.read_plain(tags.text(), reading));
            resolve::add(&mut found, within);
        }
        found
    }

    fn read_plain(&self, text: &str, reading: Reading) -> Finds {
        #[cfg(test)]
        crate::work::count_steps(text.len());
        let mut found = Vec::new();
        let mut ids = email::find(text, self.email.as_ref(), &mut found);
        ids.extend(ids::uuids(text));
        merge(&mut ids);
        for hit in &mut found {
            // `sip:+4798765432@sip.example.no` is a number and where to dial it.
            if let Some(dialled) = self.numbers.dialled(text, &hit.0).filter(|_| !self.is_own_address(&hit.1)) {
                *hit = dialled;
            }
        }
        if reading == Reading::Text {
            let obfuscated = obfuscated::find(text, &taken_by(&found, &ids));
            resolve::add(&mut found, obfuscated);
        }
        let said = if reading == Reading::Text { said::said(text) } else { Vec::new() };
        let mut accounts = Vec::new();
        iban::find(text, &mut accounts);
        let accounts = accounts.into_iter().filter(|range| !overlaps(&ids, range));
        let accounts = accounts.map(|range| (range, Find::Suppressed(Suppressed::Account)));
        resolve::add(&mut found, accounts.collect());
        if reading == Reading::Text {
            let mut spoken = Vec::new();
            spoken::find(text, &said, &self.numbers, &taken_by(&found, &ids), &mut spoken);
            resolve::add(&mut found, spoken);
        }
        resolve::add(&mut found, self.numbers.in_context(text));
        let taken = resolve::ranges(&found);
        self.numbers.find(text, reading, Apart { taken: &taken, ids: &ids }, &mut found);
        resolve::sort(&mut found);
        if reading == Reading::Text {
            self.add_pieces(text, &said, &mut found);
        }
        if let Some(names) = self.names() {
            let taken = resolve::ranges(&found);
            names.find(text, reading, &taken, &mut found);
            resolve::sort(&mut found);
        }
        found
    }

    /// Adds the own number and address in pieces. A find of somebody else's may be nothing but a piece of one.
    fn add_pieces(&self, text: &str, said: &[Said], found: &mut Finds) {
        let is_certain = |(_, find): &&(Range<usize>, Find)| !matches!(find, Find::Identifier(_)) || self.is_own(find);
        let certain: Vec<_> = found.iter().filter(is_certain).map(|(range, _)| range.clone()).collect();
        // Most texts need no speakers. If both searches do, they are read once.
        let turns = OnceCell::new();
        let pieces = interrupted::find(text, said, &self.numbers, &certain, &turns);
        resolve::add_pieces(text, found, pieces);
        if self.has_own_number() {
            let echoes = echoes::find(text, said, &self.numbers, found, &turns);
            resolve::add_pieces(text, found, echoes);
        }
        if let Some(own) = &self.email {
            let certain = resolve::ranges(&found.iter().filter(is_certain).cloned().collect());
            resolve::add_pieces(text, found, own_address::find(text, own, &certain, &turns));
        }
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

/// The places of finds and of ids, in their order.
fn taken_by(found: &Finds, ids: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut taken = resolve::ranges(found);
    taken.extend_from_slice(ids);
    taken.sort_by_key(|range| range.start);
    taken
}

/// Sorts ranges, and makes one of those that have something in common.
fn merge(ranges: &mut Vec<Range<usize>>) {
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by(|next, before| {
        let is_joined = next.start < before.end;
        if is_joined {
            before.end = before.end.max(next.end);
        }
        is_joined
    });
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
