//! The digits of a text: groups of them, and the text between two groups.

use std::ops::Range;

use crate::{digit, is_separator};

/// Visible characters that may stand between two groups of one stretch. No spelling of a number needs more.
const WIDEST_GAP: usize = 3;

/// Digits between two places that are noted.
const STEP: usize = 32;

/// Digits that follow one another without a visible character between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub start: usize,
    pub end: usize,
    /// Where its digits lie in the stretch's digits.
    pub from: usize,
    pub to: usize,
    /// The text before it.
    pub gap: Gap,
    /// Whether it belongs to something that only looks like a number.
    pub lookalike: Lookalike,
}

impl Group {
    pub const fn len(&self) -> usize {
        self.to - self.from
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// Only characters that spellings of a number have, and no `+`.
    pub joins: bool,
    /// The visible character that is no space, or the space; `None` where several kinds stand together.
    pub sign: Option<char>,
    /// How many visible characters there are.
    pub width: usize,
    /// The position of a `+` that begins a number.
    pub plus: Option<usize>,
    /// Whether the next cell of a table begins in it.
    pub has_tab: bool,
}

impl Gap {
    const NONE: Self = Self { joins: true, sign: None, width: 0, plus: None, has_tab: false };

    fn take(&mut self, c: char, at: usize) {
        self.width += 1;
        self.has_tab |= c == '\t';
        if matches!(c, '+' | '\u{FF0B}') {
            self.plus = Some(at);
            self.joins = false;
            return;
        }
        if !is_separator(c) {
            self.joins = false;
            self.plus = None;
        }
        let c = if c.is_whitespace() { ' ' } else { c };
        self.sign = match self.sign {
            None if self.width == 1 => Some(c),
            Some(' ') => Some(c),
            Some(sign) if c == ' ' || c == sign => Some(sign),
            _ => None,
        };
    }
}

/// How sure it is that a group is no part of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lookalike {
    No,
    /// It is the id of a thing, unless it is the record's own number.
    Id,
    /// A `+` before it outweighs it.
    Likely,
    /// It is something else, whatever text is before it.
    Surely,
    Taken,
}

#[derive(Default, Debug)]
pub(super) struct Stretch {
    /// All digits, as ASCII.
    pub digits: Vec<u8>,
    /// The position of every 32nd digit in the text, and its group. A group may be as long as the text, and a stretch may
    /// have as many groups, so nothing counts through them from the beginning.
    places: Vec<(usize, usize)>,
    pub groups: Vec<Group>,
}

impl Stretch {
    /// Reads the stretch that begins with the digit or `+` at `start` and ends before `stop`; returns where to look on.
    pub fn read(&mut self, text: &str, start: usize, stop: usize) -> usize {
        self.digits.clear();
        self.places.clear();
        self.groups.clear();
        let mut gap = Gap::NONE;
        let mut open = false;
        for (offset, c) in text[start..stop].char_indices() {
            let at = start + offset;
            if let Some(digit) = digit(c) {
                if !open {
                    let from = self.digits.len();
                    self.groups.push(Group { start: at, end: at, from, to: from, gap, lookalike: Lookalike::No });
                    (gap, open) = (Gap::NONE, true);
                }
                if self.digits.len().is_multiple_of(STEP) {
                    self.places.push((at, self.groups.len() - 1));
                }
                self.digits.push(digit as u8);
                if let Some(group) = self.groups.last_mut() {
                    (group.end, group.to) = (at + c.len_utf8(), group.to + 1);
                }
            } else if is_invisible(c) {
                // A character that is ignored inside a group.
            } else if c.is_alphanumeric() || gap.width == WIDEST_GAP {
                break;
            } else {
                open = false;
                gap.take(c, at);
            }
        }
        // A gap that led nowhere is looked at again: a `+` in it may begin the next stretch.
        let last = self.groups.last().map_or(start, |group| group.end);
        if last > start { last } else { start + text[start..].chars().next().map_or(1, char::len_utf8) }
    }
}

impl Stretch {
    /// Whether a group may go on with a number of other people that began before it. Only a country code has a cell of
    /// its own.
    pub fn joins(&self, at: usize) -> bool {
        let gap = &self.groups[at].gap;
        let follows_code = || at.checked_sub(1).is_some_and(|before| self.groups[before].gap.plus.is_some());
        gap.joins && (!gap.has_tab || follows_code())
    }

    /// Whether a group belongs to the figure before it rather than to what follows it up to another group: the gap before
    /// it is narrower than one behind it, as in `09:47 98`, `3-1 212`, and `54 47 / 91`. A comma and a line end divide
    /// figures.
    pub fn is_tail(&self, text: &str, first: usize, behind: usize) -> bool {
        first > 0 && self.groups[first].gap.plus.is_none() && self.is_narrower(text, first, first + 1..behind + 1)
    }

    /// Whether the gap before a group is narrower than one of some others.
    pub fn is_narrower(&self, text: &str, at: usize, mut among: Range<usize>) -> bool {
        if at >= self.groups.len() {
            return false;
        }
        let gap = |at: usize| &text[self.groups[at - 1].end..self.groups[at].start];
        among.any(|other| looseness(gap(at)) < looseness(gap(other)))
    }

    /// The group of a digit; the number of groups for one behind all digits.
    pub fn group_of(&self, nth: usize) -> usize {
        let Some((_, first)) = self.places.get(nth / STEP) else { return self.groups.len() };
        first + self.groups[*first..].iter().take_while(|group| group.to <= nth).count()
    }

    /// The position of a digit in the text.
    pub fn place(&self, text: &str, nth: usize) -> Range<usize> {
        let (start, _) = self.places.get(nth / STEP).copied().unwrap_or_default();
        let mut digits = text[start..].char_indices().filter(|(_, c)| digit(*c).is_some());
        let place = digits.nth(nth % STEP).map(|(at, c)| start + at..start + at + c.len_utf8());
        place.unwrap_or(start..start)
    }
}

/// How loosely the text between two groups joins them.
pub(super) fn looseness(gap: &str) -> (bool, bool, usize) {
    (gap.contains([',', ';', '\n']), gap.contains(char::is_whitespace), gap.chars().count())
}

/// Marks that text editors and keyboards slip in without showing them; keycap digits carry the last two.
pub(super) const fn is_invisible(c: char) -> bool {
    c >= '\u{AD}'
        && matches!(
            c,
            '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}'
                | '\u{FEFF}' | '\u{FE0F}' | '\u{20E3}'
        )
}

/// Whether a character is a letter or a digit. The letters of the north are told without the tables of Unicode.
pub(super) fn is_word_part(c: char) -> bool {
    matches!(c, 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ÿ') || c.is_alphanumeric()
}

/// Whether a character belongs to the letter before it: accents that no composed letter has, and the vowels of many scripts.
pub(super) fn is_mark(c: char) -> bool {
    c >= '\u{300}' && unicode_normalization::char::is_combining_mark(c)
}

/// The next place of a sign of ASCII from a place on. The library looks at many bytes at once.
pub(super) fn next_byte(text: &str, byte: u8, from: usize) -> Option<usize> {
    memchr::memchr(byte, &text.as_bytes()[from..]).map(|ahead| from + ahead)
}

/// The kinds of bytes that words consist of. Bytes beyond ASCII may belong to anything.
pub(super) const LETTER: u8 = 1;
pub(super) const DIGIT: u8 = 2;
pub(super) const BEYOND: u8 = 4;

/// The kind of each byte, 0 for the signs of ASCII.
pub(super) static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        kinds[byte as usize] = match byte {
            b'0'..=b'9' => DIGIT,
            b'A'..=b'Z' | b'a'..=b'z' => LETTER,
            0x80.. => BEYOND,
            _ => 0,
        };
        byte -= 1;
    }
    kinds
};

/// Whether a byte may begin a digit or a `+`: one table look-up decides on nearly every byte of a text.
pub(super) fn may_begin(byte: u8) -> bool {
    MAY_BEGIN[usize::from(byte)]
}

static MAY_BEGIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b'0';
    while byte <= b'9' {
        table[byte as usize] = true;
        byte += 1;
    }
    table[b'+' as usize] = true;
    // The first bytes of the other scripts' digits and of the full-width plus.
    table[0xD9] = true;
    table[0xDB] = true;
    table[0xDF] = true;
    table[0xE0] = true;
    table[0xE1] = true;
    table[0xEA] = true;
    table[0xEF] = true;
    table[0xF0] = true;
    table
};
