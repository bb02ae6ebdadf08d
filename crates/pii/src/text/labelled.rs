//! Figures behind the name of the field that has them.
//!
//! In a text, the word before a figure says what the figure is. A program writes that word as the name of a field:
//! `"order_id": "98765432"`, `"date_unixtime": "1707728511"`, `"customer_phone": "4531662338"`. So a figure is read
//! behind the name of its field, as it would be read in a text.

use std::borrow::Cow;

use super::cues::{ends_with_cue, parts};
use super::ids::things::is_of_thing;
use super::lookalike::machines::is_labelled as is_of_machine;
use super::message_ids::is_for_ids;
use super::resolve::Finds;
use super::{Find, Finder, Found};
use crate::{digit, is_separator};

/// The end of a name that is read, in bytes.
const LONGEST: usize = 40;

/// The fewest digits of a figure whose name matters. Shorter ones are nothing by themselves.
const SHORTEST: usize = 6;

/// Whether a text is a figure and nothing else.
pub(super) fn is_figure(text: &str) -> bool {
    let mut has_digit = false;
    let is_part = |c| {
        let is_digit = digit(c).is_some();
        has_digit |= is_digit;
        is_digit || is_separator(c)
    };
    text.chars().all(is_part) && has_digit
}

/// Whether a figure is so long that its name matters.
pub(super) fn is_long(figure: &str) -> bool {
    figure.chars().filter(|c| digit(*c).is_some()).nth(SHORTEST - 1).is_some()
}

/// Whether a text that is no figure is read behind the name of its field: ids of messages, which only the name tells from
/// addresses of people, and lists of addresses of machines.
pub(super) fn is_read_behind<'n>(name: impl FnOnce() -> Cow<'n, str>, text: &str) -> bool {
    // Most texts need no name.
    let is_list = text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(',');
    if !is_list && !text.contains('@') {
        return false;
    }
    let label = label(&name());
    if is_list { is_of_machine(&label) } else { is_for_ids(&label) }
}

/// The field of an object whose value is the name of another field: `{"name": "Message-ID", "value": "<1@x.no>"}`.
pub(super) const NAME: &str = "name";
/// The field that has the value then.
pub(super) const VALUE: &str = "value";

/// Whether a name is for the ids of messages.
pub(super) fn names_message_id(name: &str) -> bool {
    is_for_ids(&label(name))
}

/// Names of fields that say nothing of the value: `{"order": {"number": "98765432"}}`. In fields such as `text` somebody
/// speaks, so these are none of them.
const GENERIC: [&str; 12] =
    ["value", "values", "val", "number", "num", "nr", "no", "id", "ids", "raw", "data", "#text"];

/// Whether a name says nothing of the value of its field.
pub(super) fn is_generic(name: &str) -> bool {
    let name = name.trim_start_matches(['@', '_', '$']);
    GENERIC.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The name that says what the value of a field is: its own, or that of the field above it, if this is for a thing and
/// its own says nothing.
pub(super) fn telling<'n>(above: &'n str, name: &'n str) -> &'n str {
    if is_generic(name) && is_for_thing(above) { above } else { name }
}

/// Whether a name of a field says that its value is the figure or the id of a thing.
pub(super) fn is_for_thing(name: &str) -> bool {
    let label = label(name);
    is_thing_label(&label) || is_for_ids(&label) || is_of_machine(&label)
}

/// Words for amounts that are names of fields. In a text, a number to call may be behind one of them.
const AMOUNTS: [&str; 12] =
    ["price", "prices", "pris", "priser", "preis", "preise", "prix", "precio", "prezzo", "prijs", "hinta", "cost"];

/// Words for what a program measures or counts, as parts of names of fields. The first ones count wherever they are in a name.
const MEASURES: [&str; 6] = ["duration", "offset", "elapsed", "latency", "ticks", "length"];
const COUNTS: [&str; 12] =
    ["start", "end", "seq", "sequence", "views", "size", "bytes", "count", "ms", "millis", "nanos", "uptime"];

/// Whether a name is for what a program measures or counts: `duration`, `offsetInTicks`.
fn is_measure(name: &str) -> bool {
    let is_in = |list: &[&str], part: &str| list.iter().any(|one| one.eq_ignore_ascii_case(part));
    let mut last = "";
    for part in parts(name.trim_matches('_')) {
        if is_in(&MEASURES, part) {
            return true;
        }
        last = part;
    }
    is_in(&COUNTS, last)
}

fn is_thing_label(label: &str) -> bool {
    let word = label.trim_end_matches([' ', ':']);
    is_of_thing(label)
        || is_measure(word) && !ends_with_cue(label)
        || AMOUNTS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

impl Finder {
    /// The finds of a text behind the name of its field.
    pub(super) fn find_behind(&self, name: &str, text: &str) -> Finds {
        let label = label(name);
        let mut found = self.find_all(&format!("{label}{text}"));
        found.retain_mut(|(range, _)| {
            let is_within = range.start >= label.len();
            *range = range.start.saturating_sub(label.len())..range.end.saturating_sub(label.len());
            is_within
        });
        found
    }

    /// The meaning of a figure behind the name of its field.
    pub(super) fn find_labelled(&self, name: &str, figure: &str) -> Finds {
        let mut found = self.find_behind(name, figure);
        let label = label(name);
        if is_thing_label(&label) && !is_of_thing(&label) {
            found.retain(|(_, find)| self.is_own(find) || matches!(find, Find::Suppressed(_)));
        }
        if found.is_empty() && !is_thing_label(&label) {
            let start = figure.len() - figure.trim_start().len();
            let bare = self.bare_number(figure.trim());
            let place = |phone| (start..start + figure.trim().len(), Find::Identifier(Found::Phone(phone)));
            found.extend(bare.map(place));
        }
        found
    }

    /// Leaves the finds that a number without quotes can be in a field of a name.
    pub(super) fn retain_labelled(&self, name: &str, found: &mut Finds) {
        let is_thing = !found.is_empty() && (name.eq_ignore_ascii_case("id") || is_thing_label(&label(name)));
        found.retain(|(_, find)| !is_thing || self.is_own(find) || matches!(find, Find::Suppressed(_)));
    }
}

/// A name as a label of a text: digits and signs in it belong to no figure.
fn label(name: &str) -> String {
    let near = &name[name.ceil_char_boundary(name.len().saturating_sub(LONGEST))..];
    let mut label: String = near.chars().map(|c| if c.is_alphabetic() { c } else { '_' }).collect();
    label.push_str(": ");
    label
}
