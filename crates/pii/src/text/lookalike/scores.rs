//! Scores, results, and marks in pairs: `24-24 (18-14)`, `7-6, 7-3, 1-2`, `4/5 3/5 5/5`.
//!
//! A sign is between the two figures of a pair, and something else between the pairs. In a number, the same sign is
//! between all groups behind its area code. Two pairs of two digits with a blank between them, `31-66 23-38`, may
//! still be a number.

use super::set;
use crate::text::cues::{ends_with_cue, last_word};
use crate::text::digits::{Group, Lookalike, Stretch};

/// The groups of a pair.
const PAIR: usize = 2;

/// The most digits of a figure of a result: a handball team seldom has more, a basketball team has three.
const MOST_DIGITS: usize = 3;

/// Marks the groups of a row of pairs that begins with a group.
pub(super) fn mark(text: &str, stretch: &mut Stretch, first: usize) {
    if stretch.groups[first].lookalike >= Lookalike::Likely || !begins(text, stretch, first) {
        return;
    }
    let mut end = first + PAIR;
    let mut is_sure = false;
    while goes_on(text, stretch, end) {
        is_sure |= end > first + PAIR || !is_blank(between(text, &stretch.groups, end));
        end += PAIR;
    }
    let groups = &stretch.groups[first..end];
    is_sure |= groups.iter().any(|group| group.len() != 2) || follows_score(&text[..groups[0].start]);
    if groups.len() > PAIR && is_sure && !ends_with_cue(&text[..groups[0].start]) {
        set(&mut stretch.groups[first..end], Lookalike::Likely);
    }
}

/// Whether the word before a row says that results follow.
fn follows_score(before: &str) -> bool {
    const WORDS: &str = "score scores scored result results resultat resultater resultatet stilling stillingen \
        ställning ställningen ergebnis ergebnisse stand spielstand tulos tulokset tilanne sett set sets satz sätze erä";
    last_word(before).is_some_and(|(_, word)| WORDS.split_ascii_whitespace().any(|known| known == word))
}

/// Whether a row of pairs may begin with a group. Behind an area code, as in `030/12-34 56-78`, none does.
fn begins(text: &str, stretch: &Stretch, first: usize) -> bool {
    let groups = &stretch.groups;
    let is_figure = |group: &Group| {
        group.gap.plus.is_some() || group.len() > 2 || stretch.digits[group.from] == b'0' && group.len() > 1
    };
    let before = first.checked_sub(1).map(|at| &groups[at]).filter(|_| groups[first].gap.joins);
    let follows_area = before.is_some_and(|group| group.lookalike == Lookalike::No && is_figure(group));
    groups[first].gap.plus.is_none() && !follows_area && is_pair(text, stretch, first)
}

/// Whether another pair follows, with the same sign in it and something else before it.
fn goes_on(text: &str, stretch: &Stretch, at: usize) -> bool {
    let groups = &stretch.groups;
    let sign = between(text, groups, at - 1).trim();
    is_pair(text, stretch, at)
        && groups[at].gap.joins
        && between(text, groups, at + 1).trim() == sign
        && !between(text, groups, at).contains(sign)
}

/// Whether two groups are a pair: a sign is between them, and not the same one on either side.
fn is_pair(text: &str, stretch: &Stretch, first: usize) -> bool {
    let groups = &stretch.groups;
    let Some(pair) = groups.get(first..first + PAIR) else { return false };
    let is_figure = |group: &Group| {
        group.len() <= MOST_DIGITS
            && (group.len() == 1 || stretch.digits[group.from] != b'0')
            && group.gap.plus.is_none()
    };
    let sign = between(text, groups, first + 1).trim();
    let is_sign =
        matches!(sign, "-" | "\u{2010}" | "\u{2011}" | "\u{2012}" | "\u{2013}" | "\u{2014}" | "\u{2212}" | "/");
    let has_sign = |at: usize| at > 0 && at < groups.len() && between(text, groups, at).contains(sign);
    is_sign && pair.iter().all(is_figure) && !has_sign(first) && !has_sign(first + PAIR)
}

/// The text before a group and behind the one before it.
fn between<'t>(text: &'t str, groups: &[Group], at: usize) -> &'t str {
    &text[groups[at - 1].end..groups[at].start]
}

fn is_blank(between: &str) -> bool {
    between.chars().all(char::is_whitespace)
}
