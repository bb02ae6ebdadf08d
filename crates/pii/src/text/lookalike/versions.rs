//! Versions of programs: `Chrome 123.0.6312.122`, `Edg/120.12.2420.81`, `firmware 1.08.2345.67`.
//!
//! A number may be written with points too, `12.34.56.78`. So a row with points is a version only if a word or sign
//! before it says so, or if one of its parts is the figure 0, which no country writes by itself. Rows that a country
//! would not group so are refused as numbers by [`Candidate::counts`](crate::text::candidate::Candidate::counts).

use super::set;
use crate::text::cues::{ends_with_cue, last_word};
use crate::text::digits::{Gap, Group, Lookalike, Stretch};

/// The parts of a version.
const PARTS: std::ops::RangeInclusive<usize> = 3..=5;

/// Words that say that a version follows, in small letters.
const WORDS: &str = "version versjon versjonen versionen versio versiota ver v firmware fastvare fw build release rel \
    rev revision utgave utgåva udgave software programvare programvara ohjelmisto app os";

/// Marks the groups of a version that begins with a group.
pub(super) fn mark(text: &str, stretch: &mut Stretch, first: usize) {
    let count = points(&stretch.groups, first);
    let (group, rest) = (&stretch.groups[first], &stretch.groups[first..first + count]);
    if !PARTS.contains(&count) || group.gap.plus.is_some() || first > 0 && is_point(&group.gap) {
        return;
    }
    let has_zero = rest.iter().any(|part| stretch.digits[part.from..part.to] == *b"0");
    let before = &text[..group.start];
    if (has_zero || is_named(before)) && !ends_with_cue(before) {
        set(&mut stretch.groups[first..first + count], Lookalike::Likely);
    }
}

/// How many groups have single points between them, from a group on. More than a version has are not counted.
fn points(groups: &[Group], first: usize) -> usize {
    1 + groups[first + 1..].iter().take(*PARTS.end()).take_while(|group| is_point(&group.gap)).count()
}

pub(in crate::text) const fn is_point(gap: &Gap) -> bool {
    gap.joins && gap.width == 1 && matches!(gap.sign, Some('.'))
}

/// Whether the text before a row names a program: `Edg/`, or the word for a version.
fn is_named(before: &str) -> bool {
    before.strip_suffix('/').is_some_and(|before| before.ends_with(char::is_alphabetic))
        || last_word(before).is_some_and(|(_, word)| WORDS.split_ascii_whitespace().any(|known| known == word))
        || before.strip_suffix(['v', 'V']).is_some_and(|before| !before.ends_with(char::is_alphanumeric))
}
