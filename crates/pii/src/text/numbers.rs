//! The numbers that are looked for in a text: those of a region, and the record's own.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, RwLock};

use super::memo::Memo;
use super::plan::{LONGEST, Plan, national_and_trunk};
use crate::{Phone, Pii, Region};

/// The fewest digits of a number that is not the record's own. Shorter ones are services, not callers.
pub(super) const SHORTEST: usize = 6;
/// The most digits: what is dialled before a country code, and the longest of E.164.
pub(super) const MOST: usize = LONGEST + 4;

/// Finds phone numbers for one region and one record.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) region: Region,
    pub(super) plan: Arc<Plan>,
    pub(super) phone: Option<Pii<Phone>>,
    /// How the own number may be written, made out when the first text with enough digits comes along.
    pub(super) own: OnceLock<OwnNumber>,
    pub(super) memo: Memo,
}

/// A number and what may be dialled before it.
#[derive(Debug)]
pub(super) struct OwnNumber {
    pub(super) phone: Pii<Phone>,
    pub(super) national: Vec<u8>,
    pub(super) code: Vec<u8>,
    /// The texts that may precede the national digits, longest first.
    pub(super) prefixes: Arc<Vec<Vec<u8>>>,
}

/// The digits that may be dialled before the numbers of a country, longest first. It is made out once for all its numbers.
fn prefixes(code: &str, trunk: &str) -> Arc<Vec<Vec<u8>>> {
    type Known = HashMap<(String, String), Arc<Vec<Vec<u8>>>>;
    static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);
    let key = (code.to_owned(), trunk.to_owned());
    if let Some(known) = KNOWN.read().ok().and_then(|known| known.get(&key).cloned()) {
        return known;
    }
    let mut prefixes = vec![format!("00{code}"), format!("011{code}"), code.to_owned()];
    for trunk in ["0", trunk] {
        prefixes.extend([format!("00{code}{trunk}"), format!("{code}{trunk}"), trunk.to_owned()]);
    }
    let mut prefixes: Vec<Vec<u8>> = prefixes.into_iter().map(String::into_bytes).filter(|p| !p.is_empty()).collect();
    prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
    prefixes.dedup();
    let prefixes = Arc::new(prefixes);
    if let Ok(mut known) = KNOWN.write() {
        known.insert(key, Arc::clone(&prefixes));
    }
    prefixes
}

impl OwnNumber {
    pub(super) fn new(phone: &Pii<Phone>) -> Self {
        let (national, trunk) = national_and_trunk(phone);
        let code = phone.expose().as_str().trim_start_matches('+');
        let code = code.strip_suffix(&national).unwrap_or_default();
        let prefixes = prefixes(code, &trunk);
        Self { phone: phone.clone(), code: code.as_bytes().to_vec(), national: national.into_bytes(), prefixes }
    }

    /// The national digits, and what may be dialled before them, longest first.
    pub(super) fn digits(&self) -> (&[u8], &[Vec<u8>]) {
        (&self.national, &self.prefixes)
    }

    /// The fewest digits of a stretch that can hold a number: all but the longest country code.
    pub(super) fn shortest(phone: &Pii<Phone>) -> usize {
        phone.expose().as_str().len().saturating_sub("+999".len()).max(2)
    }
}

impl Numbers {
    pub(super) fn new(region: Region, own: Option<&Pii<Phone>>) -> Self {
        Self { region, plan: Plan::of(region), phone: own.cloned(), own: OnceLock::new(), memo: Memo::default() }
    }

    pub(super) fn region(&self) -> Region {
        self.region
    }

    pub(super) const fn memo(&self) -> &Memo {
        &self.memo
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The prefixes of the region before a foreign country code, longest first.
    pub(super) fn abroad(&self) -> &[&'static str] {
        &self.plan.abroad
    }

    /// Whether it is the record's own number.
    pub(super) fn is_own(&self, phone: &Pii<Phone>) -> bool {
        self.phone.as_ref() == Some(phone)
    }

    /// The fewest digits that can be a number.
    pub(super) fn shortest(&self) -> usize {
        self.phone.as_ref().map_or(SHORTEST, |own| OwnNumber::shortest(own).min(SHORTEST))
    }

    pub(super) fn own(&self) -> Option<&OwnNumber> {
        self.phone.as_ref().map(|phone| self.own.get_or_init(|| OwnNumber::new(phone)))
    }

    /// The record's own number.
    pub(super) fn own_number(&self) -> Option<&Pii<Phone>> {
        self.phone.as_ref()
    }

    /// The national digits of the own number, and what may be dialled before them, longest first.
    pub(super) fn own_digits(&self) -> Option<(&[u8], &[Vec<u8>])> {
        self.own().map(OwnNumber::digits)
    }
}

/// Takes in the bracket before a number that is closed inside of it.
pub(super) fn with_bracket(text: &str, start: usize, end: usize) -> usize {
    let opened = text[..start].chars().next_back().filter(|c| matches!(c, '(' | '[' | '\u{FF08}'));
    let closed = text[start..end].find([')', ']', '\u{FF09}']);
    let opened_inside = text[start..end].find(['(', '[', '\u{FF08}']);
    match (opened, closed) {
        (Some(bracket), Some(closed)) if opened_inside.is_none_or(|at| at > closed) => start - bracket.len_utf8(),
        _ => start,
    }
}
