//! Numbers of `tel:` addresses whose country is named behind them: `tel:736184925;phone-context=+46` (RFC 3966).

use std::ops::Range;

use super::digits::next_byte;
use super::numbers::{MOST, Numbers};
use super::{Find, Found};
use crate::{Phone, digit};

/// The parameter that names the country.
const CONTEXT: &str = ";phone-context=+";

/// The most bytes of a number with the signs between its digits.
const LONGEST: usize = 2 * MOST;

impl Numbers {
    /// The numbers of a text that have their country behind them.
    pub(super) fn in_context(&self, text: &str) -> Vec<(Range<usize>, Find)> {
        let find = |(at, _): (usize, &str)| {
            let near = &text[text.ceil_char_boundary(at.saturating_sub(LONGEST))..at];
            let written = near.trim_start_matches(near.trim_end_matches(|c| digit(c).is_some() || "-.() ".contains(c)));
            let written = written.trim_start_matches(|c| digit(c).is_none());
            let digits: String = written.chars().filter_map(digit).collect();
            let code: String = text[at + CONTEXT.len()..].chars().map_while(digit).take(4).collect();
            let national = digits.strip_prefix('0').filter(|_| code != "39").unwrap_or(&digits);
            let phone = Phone::parse_valid(&format!("+{code}{national}"), self.region())?;
            Some((at - written.len()..at, Find::Identifier(Found::Phone(phone))))
        };
        // One sign is searched much faster than a word, and most texts do not have it.
        if next_byte(text, b';', 0).is_none() {
            return Vec::new();
        }
        text.match_indices(CONTEXT).filter_map(find).collect()
    }
}
