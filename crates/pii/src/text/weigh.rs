//! Which readings of a row of groups count together.

use std::ops::Range;

use super::candidate::Candidate;
use super::digits::Stretch;
use super::interrupted::ends_with_unit;
use super::lookalike::amounts::begins_with_money;

/// The row of groups of one size, with one sign between them, that a candidate is a part of.
#[derive(Default)]
pub(super) struct EqualRow {
    range: Range<usize>,
    /// Whether whole numbers of so many groups make up the row.
    tiles: Option<(usize, bool)>,
}

impl EqualRow {
    /// Rows of fours are cards and accounts, unless they are whole numbers one after another, and so are digits one by one. In rows of threes and of more a
    /// number begins only where one may have begun.
    pub(super) fn allows(
        &mut self,
        text: &str,
        stretch: &Stretch,
        segment: &Range<usize>,
        candidate: &Candidate,
    ) -> bool {
        let groups = &stretch.groups[candidate.first..=candidate.last];
        let (size, count) = (groups[0].len(), groups.len());
        let is_even = count > 1 && groups.iter().all(|group| group.len() == size);
        if size == 2 && candidate.is_in_growing_row(stretch, segment) {
            return false;
        }
        if size == 2 || !is_even || candidate.is_strong() && size > 1 {
            return true;
        }
        if !self.range.contains(&candidate.first) {
            self.range = row_around(text, stretch, segment, candidate.first);
            self.tiles = None;
        }
        let row = self.range.clone();
        if row.len() <= count {
            return true;
        }
        if !matches!(size, 1 | 4) {
            return row.len().is_multiple_of(count) && (candidate.first - row.start).is_multiple_of(count);
        }
        let tiles = match self.tiles {
            Some((of, tiles)) if of == count => tiles,
            _ => {
                row.len().is_multiple_of(count)
                    && row.clone().step_by(count).all(|at| {
                        let digits = stretch.groups[at].from..stretch.groups[at + count - 1].to;
                        candidate.country.has(&stretch.digits[digits])
                    })
            }
        };
        self.tiles = Some((count, tiles));
        tiles && (candidate.first - row.start).is_multiple_of(count)
    }
}

fn row_around(text: &str, stretch: &Stretch, segment: &Range<usize>, at: usize) -> Range<usize> {
    let groups = &stretch.groups;
    let between = |at: usize| &text[groups[at - 1].end..groups[at].start];
    let follows = |one: usize| groups[one].len() == groups[at].len() && groups[one].lookalike == groups[at].lookalike;
    let ends_another = |one: usize| stretch.groups[one].gap.joins && stretch.is_tail(text, one, one + 1);
    let sign = between(at + 1);
    let mut row = at..at + 1;
    while row.start > segment.start
        && follows(row.start - 1)
        && between(row.start) == sign
        && !ends_another(row.start - 1)
    {
        row.start -= 1;
    }
    while row.end < segment.end
        && follows(row.end)
        && between(row.end) == sign
        && !begins_another(text, stretch, row.end)
    {
        row.end += 1;
    }
    row
}

/// Whether a group begins a figure behind the row: a narrower sign than before it joins it to that, or the word behind
/// it says what it counts.
fn begins_another(text: &str, stretch: &Stretch, at: usize) -> bool {
    let after = &text[stretch.groups[at].end..];
    match stretch.groups.get(at + 1) {
        Some(next) if next.gap.joins => stretch.is_narrower(text, at + 1, at..at + 1),
        _ => begins_with_money(after) || ends_with_unit(after),
    }
}

/// The end of the row so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Nothing,
    Number,
    Figure,
}

use State::{Figure, Nothing, Number};

/// No candidate was taken.
const NONE: u32 = u32::MAX;

/// The best way to reach a place of the row: its weight, the state before, and the candidate that was taken. A row may be
/// as long as the text, so a step is kept small.
type BestStep = Option<(i64, State, u32)>;

/// The candidates, which are in the order of their first groups, that weigh most together.
pub(super) fn best(segment: &Range<usize>, found: &[Candidate], leads: bool) -> Vec<usize> {
    let mut steps: Vec<[BestStep; 3]> = vec![[None; 3]; segment.len() + 1];
    steps[0][Nothing as usize] = Some((0, Nothing, NONE));
    let better = |place: &mut BestStep, weight: i64, from: State, taken: u32| {
        if place.is_none_or(|(known, ..)| weight > known) {
            *place = Some((weight, from, taken));
        }
    };
    let mut next = 0;
    for at in 0..segment.len() {
        let begins = next..next + found[next..].iter().take_while(|found| found.first == segment.start + at).count();
        next = begins.end;
        for state in [Nothing, Number, Figure] {
            let Some((weight, ..)) = steps[at][state as usize] else { continue };
            let (skipped, cost) = match state {
                Nothing => (Nothing, if leads { 3 } else { 1 }),
                _ => (Figure, 2),
            };
            better(&mut steps[at + 1][skipped as usize], weight - cost, state, NONE);
            for taken in begins.clone() {
                let end = found[taken].last + 1 - segment.start;
                let weight = weight + found[taken].weight(segment) - i64::from(state == Figure);
                better(&mut steps[end][Number as usize], weight, state, u32::try_from(taken).unwrap_or(NONE));
            }
        }
    }
    let mut taken = Vec::new();
    let mut at = segment.len();
    let weight = |state: &State| steps[at][*state as usize].map(|(weight, ..)| weight);
    let mut state = [Nothing, Number, Figure].into_iter().max_by_key(weight).unwrap_or(Nothing);
    while at > 0 {
        let Some((_, from, candidate)) = steps[at][state as usize] else { break };
        if candidate == NONE {
            at -= 1;
        } else {
            let candidate = candidate as usize;
            taken.push(candidate);
            at = found[candidate].first - segment.start;
        }
        state = from;
    }
    taken.reverse();
    taken
}
