//! Which finds count where several recognizers or readings of a text disagree. This is the only place that decides it.
//!
//! 1. Of what overlaps, the find that was added first counts. So the order in which finds are added is the order of their
//!    rank: the decoded reading before the raw one; addresses, accounts, and what is spoken before bare numbers; what was
//!    found whole before what was found in pieces; names last.
//! 2. A match in several places counts as a whole or not at all. Its first place contains its replacement, and the
//!    others lose their part of it.
//! 3. Of a raw reading only the record's own identifiers count, because a reader of the text reads it decoded.
//! 4. A match of a tenant's pattern counts before everything but the record's own identifiers, which must be found when
//!    their customer is forgotten. If a find that does not count reaches beyond the one that does, nothing of it stays
//!    either: half of a card would tell the card.

use std::ops::Range;

use super::decode::Decoded;
use super::{Find, Found, overlaps};

/// The matches and their places, in the order of the text. None overlaps another.
pub(super) type Finds = Vec<(Range<usize>, Find)>;

/// The places of finds.
pub(super) fn ranges(found: &Finds) -> Vec<Range<usize>> {
    found.iter().map(|(range, _)| range.clone()).collect()
}

/// Adds finds that lie outside of those that are known.
pub(super) fn add(found: &mut Finds, more: Finds) {
    if more.is_empty() {
        return;
    }
    let taken = ranges(found);
    let mut is_taken = false;
    let mut at = 0;
    while at < more.len() {
        let parts = 1 + more[at + 1..].iter().take_while(|(_, find)| *find == Find::Rest).count();
        let whole = &more[at..at + parts];
        is_taken |= whole.iter().any(|(range, _)| overlaps(&taken, range));
        if !is_taken {
            found.extend_from_slice(whole);
        }
        is_taken = false;
        at += parts;
    }
    sort(found);
}

/// Adds finds of the record's own identifiers in pieces. A known find that consists of nothing but their digits and letters
/// gives way: `0684403` is a number by itself, and the second half of `0302, then 0684403`. So does an address, because no two
/// addresses share the sign in them. Any other find stays.
pub(super) fn add_pieces(text: &str, found: &mut Finds, more: Finds) {
    let is_address = |find: &Find| matches!(find, Find::Identifier(Found::Email(_)));
    let mut gives_way = vec![false; found.len()];
    let mut added = Finds::new();
    let mut at = 0;
    while at < more.len() {
        let parts = 1 + more[at + 1..].iter().take_while(|(_, find)| *find == Find::Rest).count();
        let whole = &more[at..at + parts];
        let places: Vec<Range<usize>> = whole.iter().map(|(range, _)| range.clone()).collect();
        let first = found.partition_point(|(range, _)| range.end <= places[0].start);
        let near = first..first + found[first..].partition_point(|(range, _)| range.start < places[parts - 1].end);
        let touched: Vec<usize> = near.filter(|at| overlaps(&places, &found[*at].0)).collect();
        let is_piece = |(range, find): &(Range<usize>, Find)| {
            *find != whole[0].1 && (is_within(text, range, &places) || is_address(find) && is_address(&whole[0].1))
        };
        if touched.iter().all(|at| is_piece(&found[*at])) {
            for at in touched {
                gives_way[at] = true;
            }
            added.extend_from_slice(whole);
        }
        at += parts;
    }
    if !added.is_empty() {
        let mut gives_way = gives_way.into_iter();
        found.retain(|_| !gives_way.next().unwrap_or_default());
        found.append(&mut added);
        sort(found);
    }
}

/// Whether no letter or digit of a range lies outside of the places.
fn is_within(text: &str, range: &Range<usize>, places: &[Range<usize>]) -> bool {
    text[range.clone()].char_indices().all(|(at, c)| {
        let at = range.start + at;
        !c.is_alphanumeric() || places.iter().any(|place| place.contains(&at))
    })
}

/// Finds and the matches of patterns, both in the order of the text: where they overlap, one replacement takes the place
/// of all.
pub(super) fn with_patterns(found: Finds, matches: Finds, is_own: impl Fn(&Find) -> bool) -> Finds {
    if matches.is_empty() {
        return found;
    }
    let mut is_owned = false;
    let found = found.into_iter().map(|(range, find)| {
        is_owned = is_own(&find) || find == Find::Rest && is_owned;
        (range, find, if is_owned { Rank::Own } else { Rank::Other })
    });
    let mut all: Vec<_> = found.chain(matches.into_iter().map(|(range, find)| (range, find, Rank::Pattern))).collect();
    all.sort_by_key(|(range, ..)| range.start);
    let mut resolved = Vec::with_capacity(all.len());
    let mut rest = &mut all[..];
    while !rest.is_empty() {
        let mut end = rest[0].0.end;
        let mut count = 1;
        while let Some((range, ..)) = rest.get(count).filter(|(range, ..)| range.start < end) {
            end = end.max(range.end);
            count += 1;
        }
        let (cluster, behind) = rest.split_at_mut(count);
        resolve_cluster(cluster, end, &mut resolved);
        rest = behind;
    }
    resolved
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Own,
    Pattern,
    Other,
}

/// Adds what counts of finds and matches that overlap. It takes their whole place.
fn resolve_cluster(cluster: &[(Range<usize>, Find, Rank)], end: usize, resolved: &mut Finds) {
    let rank = [Rank::Own, Rank::Pattern].into_iter().find(|rank| cluster.iter().any(|(.., one)| one == rank));
    let start = cluster[0].0.start;
    if !cluster.iter().any(|(.., one)| *one == Rank::Pattern) {
        resolved.extend(cluster.iter().map(|(range, find, _)| (range.clone(), find.clone())));
        return;
    }
    let first = resolved.len();
    let counting = cluster.iter().filter(|(.., one)| Some(*one) == rank);
    let most = if rank == Some(Rank::Own) { cluster.len() } else { 1 };
    resolved.extend(counting.take(most).map(|(range, find, _)| (range.clone(), find.clone())));
    let mut until = end;
    for (range, _) in resolved[first..].iter_mut().rev() {
        range.end = until;
        until = range.start;
    }
    if let Some((range, _)) = resolved.get_mut(first) {
        range.start = start;
    }
}

/// Brings finds into the order of the text. Two escapes may share bytes, as two numbers in one base64 do: the later one
/// begins behind the earlier one.
pub(super) fn sort(found: &mut Finds) {
    found.sort_by_key(|(range, _)| range.start);
    let mut free = 0;
    found.retain_mut(|(range, _)| {
        range.start = range.start.max(free);
        free = free.max(range.end);
        range.start < range.end
    });
}

/// Finds of a decoded text, where they stand in the text itself.
pub(super) fn placed(decoded: &Decoded, found: Finds) -> Finds {
    let mut placed = Vec::with_capacity(found.len());
    for (range, find) in found {
        let mut find = Some(find);
        for part in decoded.parts(range) {
            placed.push((part, find.take().unwrap_or(Find::Rest)));
        }
    }
    placed
}
