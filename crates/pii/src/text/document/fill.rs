//! A document as a view shows it. It is made piece by piece as it is read, and never held as a whole: a short placeholder may stand for
//! a long value.

use std::collections::{HashMap, HashSet};

use super::super::placeholder::{OPEN, fill_text, number_of};
use super::rereading::has_placeholder;
use super::scan::{Json, quoted};
use super::{Format, html, signs};

/// A stored document whose placeholders are filled in by `show`.
pub struct Filled<F> {
    format: Format,
    text: String,
    show: F,
    /// Keys of JSON that come out like another one of their object, by where they stand, and what is written for them.
    renamed: HashMap<usize, String>,
}

impl<F: Fn(usize) -> String> Filled<F> {
    /// Puts `show(n)` in place of each placeholder of a document that [`tokenize`](super::tokenize) made, so that it stays one of its format.
    pub fn new(format: Format, text: String, show: F) -> Self {
        let format = format.of_text(&text);
        let mut filled = Self { format, text, show, renamed: HashMap::new() };
        if format.is_json() && has_placeholder(&filled.text) {
            filled.renamed = filled.rename();
        }
        filled
    }

    /// Appends what is shown from a place of the stored document on, up to about so many bytes, and answers the place behind it; none at
    /// the end. The first place is 0.
    pub fn part(&self, from: usize, size: usize, shown: &mut String) -> Option<usize> {
        let (mut at, before) = (from, shown.len());
        while shown.len() - before < size {
            let rest = self.text.get(at..).filter(|rest| !rest.is_empty())?;
            let near = &rest[..rest.floor_char_boundary(size.max(4))];
            let ahead = near.find(OPEN).unwrap_or(near.len());
            let ahead = self.renamed_within(at, ahead);
            shown.push_str(&rest[..ahead]);
            at += ahead;
            if let Some(key) = self.renamed.get(&at) {
                shown.push_str(key);
                at = Json::checked(&self.text).end(at);
            } else if let Some(after) = rest[ahead..].strip_prefix(OPEN) {
                if let Some((number, behind)) = number_of(after) {
                    self.value(number, shown);
                    at = self.text.len() - behind.len();
                } else {
                    shown.push(OPEN);
                    at += OPEN.len_utf8();
                }
            }
        }
        Some(at)
    }

    /// How much may be copied from a place before a key follows that is written anew.
    fn renamed_within(&self, at: usize, ahead: usize) -> usize {
        if self.renamed.is_empty() {
            return ahead;
        }
        let mut quotes = self.text[at..at + ahead].match_indices('"').map(|(quote, _)| quote);
        quotes.find(|quote| self.renamed.contains_key(&(at + quote))).unwrap_or(ahead)
    }

    fn value(&self, number: usize, shown: &mut String) {
        let value = (self.show)(number);
        match self.format {
            Format::Plain => shown.push_str(&value),
            Format::Vtt => shown.push_str(&signs::escape(&value).replace(['\n', '\r'], " ")),
            Format::Srt => shown.push_str(&value.replace(['\n', '\r'], " ")),
            Format::Html => shown.push_str(&html::escape(&value)),
            // It may be a part in HTML.
            Format::Mail => shown.push_str(&value.replace(['\n', '\r', '<', '>'], " ")),
            Format::Json | Format::Vcon | Format::NdJson => {
                let quoted = quoted(&value);
                shown.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
            }
        }
    }

    /// Keys that come out alike are kept apart.
    fn rename(&self) -> HashMap<usize, String> {
        let json = Json::checked(&self.text);
        let mut renamed = HashMap::new();
        json.objects(&mut |object, keys| {
            let changes = |key: &u32| has_placeholder(&json.string(*key as usize));
            if keys.len() < 2 || !keys.iter().any(changes) {
                return;
            }
            let mut apart = Apart { json, keys, taken: HashSet::new(), next: HashMap::new() };
            for member in json.members(object) {
                let key = json.read(member.key.clone());
                if has_placeholder(&key) {
                    let shown = fill_text(&key, &self.show);
                    if let Some(other) = apart.keep(shown, has_placeholder) {
                        renamed.insert(member.key.start, quoted(&other));
                    }
                }
            }
        });
        renamed
    }
}

/// The keys of an object, of which some are written anew.
pub(super) struct Apart<'k> {
    pub json: Json<'k>,
    /// Where they stand, in the order of what they say.
    pub keys: &'k [u32],
    /// What is written for those that are written anew.
    pub taken: HashSet<String>,
    /// Which number comes next for a key: thousands may be called alike.
    pub next: HashMap<String, usize>,
}

impl Apart<'_> {
    /// Takes a key for one that is written anew; another one, which is answered, where it is taken.
    pub(super) fn keep(&mut self, key: String, is_anew: impl Fn(&str) -> bool) -> Option<String> {
        let is_free = |key: &String, taken: &HashSet<String>| {
            let stays = || {
                let at = self.keys.binary_search_by(|known| self.json.string(*known as usize).as_ref().cmp(key));
                at.is_ok() && !is_anew(key)
            };
            !taken.contains(key) && !stays()
        };
        if is_free(&key, &self.taken) {
            self.taken.insert(key);
            return None;
        }
        let next = self.next.entry(key.clone()).or_insert(2);
        let mut free = format!("{key} {next}");
        while !is_free(&free, &self.taken) {
            *next += 1;
            free = format!("{key} {next}");
        }
        *next += 1;
        self.taken.insert(free.clone());
        Some(free)
    }
}
