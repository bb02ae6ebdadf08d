//! The readings of a text: decoded and as it is, outside of its tags and within them.

use std::cell::OnceCell;
use std::ops::Range;

use super::address_signs::{Sign, signs};
use super::decode::Decoded;
use super::phone::Apart;
use super::resolve::{self, Finds};
use super::said::{self, Said};
use super::{
    Find, Finder, Reading, Suppressed, echoes, email, iban, ids, interrupted, obfuscated, overlaps, own_address, spoken,
};

/// The people whose identifiers a reading needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sought {
    Everybodys,
    /// Of a text as it is, beside the decoded one, only the record's own ones count. So other figures are not weighed:
    /// no number of other people takes anything from an own one. Addresses and accounts do, and are searched.
    Own,
}

impl Finder {
    /// The finds without those of the tenant's patterns.
    pub(super) fn read_fixed(&self, text: &str, reading: Reading) -> Finds {
        let Some(decoded) = Decoded::of(text) else {
            return self.read_tagged(text, reading, Sought::Everybodys);
        };
        let mut found = resolve::placed(&decoded, self.read_tagged(decoded.text(), reading, Sought::Everybodys));
        resolve::sort(&mut found);
        if self.has_own() {
            let mut raw = self.read_tagged(text, reading, Sought::Own);
            self.retain_own(&mut raw);
            resolve::add(&mut found, raw);
        }
        found
    }

    /// The finds of a text that is decoded, outside of its tags and within each.
    fn read_tagged(&self, text: &str, reading: Reading, sought: Sought) -> Finds {
        let Some(plain) = Decoded::without_tags(text) else { return self.read_plain(text, reading, sought) };
        let mut found = resolve::placed(&plain, self.read_plain(plain.text(), reading, sought));
        resolve::sort(&mut found);
        if let Some(tags) = plain.only_tags(text) {
            let within = resolve::placed(&tags, self.read_plain(tags.text(), reading, sought));
            resolve::add(&mut found, within);
        }
        found
    }

    fn read_plain(&self, text: &str, reading: Reading, sought: Sought) -> Finds {
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
        let signs = if reading == Reading::Text { signs(text) } else { Vec::new() };
        let obfuscated = obfuscated::find(text, &signs, &taken_by(&found, &ids));
        resolve::add(&mut found, obfuscated);
        let said = if reading == Reading::Text { said::said(text) } else { Vec::new() };
        let mut accounts = Vec::new();
        // Each digit is in what is said, if that is known.
        let groups = said.iter().filter(|one| one.word().is_none()).map(Said::range);
        let whole = (reading == Reading::Counter).then_some(0..text.len());
        iban::find(text, groups.chain(whole), &mut accounts);
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
        if sought == Sought::Own && reading == Reading::Text {
            self.numbers.find_own(text, &taken, &mut found);
        } else {
            self.numbers.find(text, reading, Apart { taken: &taken, ids: &ids }, &mut found);
        }
        resolve::sort(&mut found);
        if reading == Reading::Text {
            self.add_pieces(text, &said, &signs, &mut found);
        }
        if let Some(names) = self.names() {
            let taken = resolve::ranges(&found);
            names.find(text, reading, &taken, &mut found);
            resolve::sort(&mut found);
        }
        found
    }

    /// Adds the own number and address in pieces. A find of somebody else's may be nothing but a piece of one.
    fn add_pieces(&self, text: &str, said: &[Said], signs: &[Sign], found: &mut Finds) {
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
            resolve::add_pieces(text, found, own_address::find(text, signs, own, &certain, &turns));
        }
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
