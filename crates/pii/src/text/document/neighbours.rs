//! The finds within one part of a text, against the finds over several parts. A number that a part has by itself takes
//! nothing of its neighbours: in `41` and `98 76 54 32`, the first part stays as it is.

use std::ops::Range;

use super::super::{Find, Finder, Found, Suppressed};
use super::joined::Place;
use super::pieces::Put;
use crate::digit;

/// A text of several parts, and the places where they begin.
pub(super) struct Neighbours<'n> {
    pub text: &'n str,
    pub parts: &'n [usize],
    pub finder: &'n Finder,
}

/// The finds that count: those of a reading over several parts, those of the parts that it overlaps, or both.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    Both,
    Part,
    Joined,
}

impl Neighbours<'_> {
    /// Removes the finds that do not count: of each part, and of all parts together. Both lists are in the order of the text.
    pub(super) fn settle(&self, parts: &mut Vec<Place>, joined: &mut Vec<Place>) {
        let mut gone = vec![false; parts.len()];
        let mut counts = Vec::with_capacity(joined.len());
        let mut at = 0;
        while at < joined.len() {
            let rests = joined[at + 1..].iter().take_while(|(_, put)| *put == Put::Find(Find::Rest)).count();
            let range = joined[at].0.start..joined[at + rests].0.end;
            let first = parts.partition_point(|(part, _)| part.end <= range.start);
            let last = first + parts[first..].partition_point(|(part, _)| part.start < range.end);
            let counting = self.compare(&range, &joined[at].1, &parts[first..last]);
            counts.extend(std::iter::repeat_n(counting != Counting::Part, rests + 1));
            if counting == Counting::Joined {
                gone[first..last].fill(true);
            }
            at += rests + 1;
        }
        let (mut gone, mut counts) = (gone.into_iter(), counts.into_iter());
        parts.retain(|_| !gone.next().unwrap_or_default());
        joined.retain(|_| counts.next().unwrap_or(true));
    }

    /// Compares a find over several parts with the finds of the parts that it overlaps.
    fn compare(&self, range: &Range<usize>, put: &Put, within: &[Place]) -> Counting {
        let is_phone = |put: &Put| matches!(put, Put::Find(Find::Identifier(Found::Phone(_))));
        let Some(first) = within.first() else { return Counting::Both };
        let is_one_part = self.part_of(range.start) == self.part_of(range.end - 1);
        let are_phones = within.iter().all(|(_, put)| is_phone(put));
        if is_one_part || !are_phones {
            return Counting::Both;
        }
        match put {
            Put::Find(Find::Suppressed(Suppressed::Pattern(_))) => Counting::Both,
            Put::Find(Find::Suppressed(_)) if !self.is_written(range) => Counting::Part,
            Put::Find(find) if is_phone(put) => {
                let is_code = self.part_of(range.start) < self.part_of(first.0.start) && self.dials_abroad(range.start);
                let is_same = within.iter().all(|(place, part)| part == put && self.is_whole(place, find));
                if is_code && within.len() == 1 && first.0.end == range.end {
                    Counting::Joined
                } else if is_same || !self.finder.is_own(find) {
                    Counting::Part
                } else {
                    Counting::Both
                }
            }
            _ => Counting::Both,
        }
    }

    /// Whether a place has all figures of a number, and not only the first ones, said again.
    fn is_whole(&self, place: &Range<usize>, find: &Find) -> bool {
        let Find::Identifier(Found::Phone(phone)) = find else { return false };
        let figures = self.text[place.clone()].chars().filter(|c| digit(*c).is_some()).count();
        figures >= phone.expose().national().len()
    }

    fn part_of(&self, at: usize) -> usize {
        self.parts.partition_point(|part| *part <= at)
    }

    /// Whether a country code is written at a place, and not only a figure that could be one.
    fn dials_abroad(&self, at: usize) -> bool {
        let near = &self.text[at..self.text.floor_char_boundary(at + "plus".len())];
        near.starts_with(['+', '\u{FF0B}']) || near.starts_with("00") || near.eq_ignore_ascii_case("plus")
    }

    /// Whether figures are grouped as on a card or in an identity number, or are no figures: the halves of `4111 1111 1111 1111` may be
    /// numbers, but the groups of `41 020 7345 9588` are not those of a card.
    fn is_written(&self, range: &Range<usize>) -> bool {
        let groups = self.text[range.clone()].split(|c: char| !c.is_ascii_digit()).map(str::len);
        let lengths: Vec<usize> = groups.filter(|length| *length > 0).collect();
        let fours = lengths.split_last().is_none_or(|(last, rest)| {
            *last <= 4 && rest.iter().all(|length| *length == 4) || lengths.iter().all(|length| length % 4 == 0)
        });
        fours || matches!(lengths[..], [4, 6, 4 | 5] | [6, 4 | 5] | [8, 4] | [2, 2, 2, 4 | 5])
    }
}
