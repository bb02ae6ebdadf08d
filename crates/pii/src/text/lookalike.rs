//! Texts that look like a phone number and are not one: dates, times, addresses of machines, decimals, prices, and
//! cards.
//!
//! The choice, where a text is ambiguous: a caller who is missed is a leak, a date that is tokenized still reads as
//! written for those who may. So eight bare digits that are a number stay one though they are a day too (`24052024`);
//! only digits *written* as something else are left alone (`24.05.2024`). The record's own number always counts.

pub(super) mod amounts;
pub(super) mod machines;
mod scores;
pub(super) mod versions;

use super::digits::{Group, Lookalike, Stretch};

/// Marks the groups of a stretch that belong to something else.
pub(super) fn mark(text: &str, stretch: &mut Stretch) {
    for first in 0..stretch.groups.len() {
        mark_date(text, stretch, first);
        mark_day(text, stretch, first);
        mark_time(text, stretch, first);
        mark_hours(text, stretch, first);
        super::decimals::mark(text, stretch, first);
        mark_machine(text, stretch, first);
        mark_hardware(text, stretch, first);
        versions::mark(text, stretch, first);
        amounts::mark(text, stretch, first);
        mark_iban(text, stretch, first);
        scores::mark(text, stretch, first);
        super::ids::mark(text, stretch, first);
    }
}

pub(super) fn set(groups: &mut [Group], as_what: Lookalike) {
    for group in groups {
        group.lookalike = group.lookalike.max(as_what);
    }
}

/// Groups of a row that are counted: no rule here tells longer ones apart.
const LONGEST_RUN: usize = 16;

/// How many groups follow on from `first` with the same sign between them, itself included.
fn run(groups: &[Group], first: usize) -> usize {
    let Some(next) = groups.get(first + 1).filter(|next| next.gap.joins && next.gap.sign.is_some()) else { return 1 };
    let sign = next.gap.sign;
    1 + groups[first + 1..]
        .iter()
        .take(LONGEST_RUN)
        .take_while(|group| group.gap.joins && group.gap.sign == sign)
        .count()
}

/// Whether the sign before `first` is the one after it, so that a run began earlier.
fn goes_on(groups: &[Group], first: usize) -> bool {
    groups.get(first + 1).is_some_and(|next| {
        first > 0 && groups[first].gap.joins && groups[first].gap.sign == next.gap.sign && next.gap.sign.is_some()
    })
}

fn value(stretch: &Stretch, group: &Group) -> u32 {
    number(&stretch.digits[group.from..group.to])
}

pub(super) fn number(digits: &[u8]) -> u32 {
    digits.iter().take(9).fold(0, |value, digit| value * 10 + u32::from(digit - b'0'))
}

fn is_year(value: u32) -> bool {
    (1900..=2099).contains(&value)
}

fn is_day_of(day: u32, month: u32) -> bool {
    (1..=31).contains(&day) && (1..=12).contains(&month)
}

fn parts_dates(sign: char) -> bool {
    matches!(sign, '-' | '.' | '/' | ' ' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn is_compact_date(digits: &[u8]) -> bool {
    digits.len() >= 8 && is_year(number(&digits[..4])) && is_day_of(number(&digits[6..8]), number(&digits[4..6]))
}

fn is_compact_time(digits: &[u8]) -> bool {
    matches!(digits.len(), 4 | 6) && number(&digits[..2]) < 24 && digits[2..].chunks(2).all(|part| number(part) < 60)
}

/// `2024-05-12`, `12.05.2024`, `5/12/24`, `20240512T1030`, `20240512-103000`, `20240512103000`.
fn mark_date(text: &str, stretch: &mut Stretch, first: usize) {
    let groups = &stretch.groups;
    let digits = &stretch.digits[groups[first].from..groups[first].to];
    if matches!(digits.len(), 12 | 14) && is_compact_date(digits) && is_compact_time(&digits[8..]) {
        set(&mut stretch.groups[first..=first], Lookalike::Likely);
        return;
    }
    let mut behind = text[groups[first].end..].bytes();
    let at_a_time = behind.next() == Some(b'T') && behind.next().is_some_and(|byte| byte.is_ascii_digit());
    if at_a_time && digits.len() == 8 && is_compact_date(digits) {
        set(&mut stretch.groups[first..=first], Lookalike::Surely);
        return;
    }
    if let Some(next) = groups.get(first + 1)
        && digits.len() == 8
        && is_compact_date(digits)
        && next.gap.width == 1
        && next.gap.sign != Some(' ')
        && next.gap.sign != Some('/')
        && (is_compact_time(&stretch.digits[next.from..next.to]) || next.gap.sign == Some('-') && next.len() == 2)
    {
        set(&mut stretch.groups[first..=first + 1], Lookalike::Surely);
        return;
    }
    let run = run(groups, first);
    // The year of a date begins no other one: `30.11.2026 06 10 77 85 03`.
    let may_begin = run > 2 && groups[first].lookalike < Lookalike::Surely;
    let Some(sign) =
        groups.get(first + 1).and_then(|next| next.gap.sign).filter(|sign| may_begin && parts_dates(*sign))
    else {
        return;
    };
    let lengths = [groups[first].len(), groups[first + 1].len(), groups[first + 2].len()];
    let [a, b, c] = [first, first + 1, first + 2].map(|at| value(stretch, &groups[at]));
    // The tail of a longer row, unless that begins with a date as well, is a date only where it leaves no doubt.
    let before = first.checked_sub(1).map(|at| &groups[at]).filter(|_| goes_on(groups, first));
    let is_tail =
        before.is_some_and(|before| before.lookalike < Lookalike::Surely && (sign != ' ' || before.len() < 3));
    let padded = !lengths.contains(&1);
    let as_what = match lengths {
        _ if !padded && (is_tail || sign == ' ' || run > 3) => return,
        [1 | 2, _, _] if is_tail => return,
        [4, 1 | 2, 1 | 2] if is_year(a) && is_day_of(c, b) => Lookalike::Surely,
        [1 | 2, 1 | 2, 4] if is_year(c) && (is_day_of(a, b) || is_day_of(b, a)) => Lookalike::Surely,
        [1 | 2, 1 | 2, 2]
            if run == 3
                && before.is_none()
                && sign != ' '
                && groups[first + 1].gap.width == groups[first + 2].gap.width
                && (is_day_of(a, b) || is_day_of(b, a) || is_day_of(c, b)) =>
        {
            Lookalike::Likely
        }
        _ => return,
    };
    set(&mut stretch.groups[first..first + 3], as_what);
}

/// `12.05. 92 61 48 37`: a day and a month with their points, and something else behind a blank.
fn mark_day(text: &str, stretch: &mut Stretch, first: usize) {
    let Some([day, month, next]) = stretch.groups.get(first..first + 3) else { return };
    let has_points = &text[day.end..month.start] == "."
        && text[month.end..next.start].strip_prefix('.').is_some_and(|rest| rest.starts_with([' ', '\u{A0}']));
    let is_written = has_points && day.len() <= 2 && month.len() <= 2 && !goes_on(&stretch.groups, first);
    let has_year = next.len() == 4 && is_year(value(stretch, next));
    if is_written && !has_year && is_day_of(value(stretch, day), value(stretch, month)) {
        set(&mut stretch.groups[first..first + 2], Lookalike::Likely);
    }
}

/// `10:30`, `10:30:45`; `kl. 10.30` where no other short groups stand beside it.
fn mark_time(text: &str, stretch: &mut Stretch, first: usize) {
    let groups = &stretch.groups;
    let Some(next) = groups.get(first + 1) else { return };
    if groups[first].len() > 2 || next.len() != 2 || next.gap.width != 1 || value(stretch, next) > 59 {
        return;
    }
    let between = &text[groups[first].end..next.start];
    let beside = |group: Option<&Group>| group.is_some_and(|group| group.len() < 4);
    let alone = run(groups, first) == 2 && !goes_on(groups, first);
    let before = first.checked_sub(1).map(|at| &groups[at]).filter(|_| groups[first].gap.joins);
    let follows = groups.get(first + 2).filter(|group| group.gap.joins);
    let is_clock = between == "." && value(stretch, &groups[first]) <= 24 && alone;
    let is_time = between == ":"
        || is_clock && (!beside(before) && !beside(follows) || follows_clock(&text[..groups[first].start]))
        || is_clock && is_span(text, stretch, first);
    if is_time {
        let count = if is_clock && is_span(text, stretch, first) { 4 } else { 2 };
        set(&mut stretch.groups[first..first + count], Lookalike::Likely);
    }
}

/// Whether a time and another one stand together, with something else between them than within them: `08.00-17.00`.
fn is_span(text: &str, stretch: &Stretch, first: usize) -> bool {
    let Some([_, from, hour, minute]) = stretch.groups.get(first..first + 4) else { return false };
    let is_minute = |group: &Group| group.len() == 2 && value(stretch, group) < 60;
    hour.gap.joins
        && hour.gap.sign != Some('.')
        && is_minute(from)
        && is_minute(minute)
        && (1..=2).contains(&hour.len())
        && value(stretch, hour) <= 24
        && &text[hour.end..minute.start] == "."
        && !stretch.groups.get(first + 4).is_some_and(|group| group.gap.joins && group.gap.sign == Some('.'))
}

/// `0800-1630`: opening hours. With a blank between them, or behind a label, the digits are a number as people write it.
fn mark_hours(text: &str, stretch: &mut Stretch, first: usize) {
    if !are_hours(text, stretch, first) || super::cues::ends_with_cue(&text[..stretch.groups[first].start]) {
        return;
    }
    let groups = &stretch.groups;
    // A short group beside them may belong to a longer number, unless it belongs to other hours.
    let is_part = |group: &Group| group.len() <= 4 || is_dash(text, group);
    let goes_on = groups.get(first + 2).is_some_and(|next| {
        next.gap.joins && is_part(next) && (is_dash(text, next) || !are_hours(text, stretch, first + 2))
    });
    let began = first.checked_sub(1).is_some_and(|before| {
        let joins = groups[first].gap.joins && is_part(&groups[before]);
        joins && !before.checked_sub(1).is_some_and(|hours| are_hours(text, stretch, hours))
    });
    if !goes_on && !began && !is_dash(text, &groups[first]) {
        set(&mut stretch.groups[first..first + 2], Lookalike::Likely);
    }
}

/// Whether two times of four digits begin with a group, with a dash between them.
fn are_hours(text: &str, stretch: &Stretch, first: usize) -> bool {
    let Some([from, to]) = stretch.groups.get(first..first + 2) else { return false };
    let is_hour = |group: &Group| group.len() == 4 && is_compact_time(&stretch.digits[group.from..group.to]);
    is_hour(from) && is_hour(to) && is_dash(text, to)
}

/// Whether nothing but a dash, perhaps between blanks, is before a group.
fn is_dash(text: &str, group: &Group) -> bool {
    let before = text[..group.start].trim_end_matches([' ', '\u{A0}']);
    group.gap.joins && before.ends_with(['-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}'])
}

/// Whether a word says that a time follows.
pub(super) fn follows_clock(before: &str) -> bool {
    const CLOCKS: [&str; 12] =
        ["kl", "klokka", "klokken", "klockan", "klo", "kello", "um", "uhr", "at", "ab", "fra", "från"];
    let before = before.trim_end_matches([' ', '.', '\u{A0}']);
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(12))..];
    let start = near.char_indices().rev().find(|(_, c)| !c.is_alphabetic()).map_or(0, |(at, c)| at + c.len_utf8());
    CLOCKS.iter().any(|clock| clock.eq_ignore_ascii_case(&near[start..]))
}

/// `192.168.10.24`; but four pairs of digits are how people write numbers, unless what is around them says otherwise.
fn mark_machine(text: &str, stretch: &mut Stretch, first: usize) {
    let groups = &stretch.groups;
    if run(groups, first) != 4 || goes_on(groups, first) || groups[first + 1].gap.sign != Some('.') {
        return;
    }
    let parts = &groups[first..first + 4];
    let is_said = || machines::is_one(&text[..parts[0].start], &text[parts[3].end..]);
    if is_address(stretch, first) && (is_written(parts) || is_said() || is_listed(stretch, first)) {
        set(&mut stretch.groups[first..first + 4], Lookalike::Likely);
    }
}

/// `98-76-54-32-10-AB`: a pair or four figures of the address of the hardware of a machine.
fn mark_hardware(text: &str, stretch: &mut Stretch, first: usize) {
    let Group { start, end, .. } = stretch.groups[first];
    let is_sign = |byte: Option<&u8>| matches!(byte, Some(b'-' | b':' | b'.'));
    let is_beside = is_sign(text.as_bytes()[..start].last()) || is_sign(text.as_bytes().get(end));
    if matches!(end - start, 2 | 4) && is_beside && machines::is_of_hardware(text, start, end) {
        set(&mut stretch.groups[first..=first], Lookalike::Surely);
    }
}

/// Whether four groups have the values and the signs of an address of a machine.
fn is_address(stretch: &Stretch, first: usize) -> bool {
    let Some(parts) = stretch.groups.get(first..first + 4) else { return false };
    let is_close = |group: &Group| group.gap.width == 1 && group.gap.sign == Some('.');
    parts[1..].iter().all(is_close) && parts.iter().all(|group| group.len() <= 3 && value(stretch, group) <= 255)
}

/// Whether groups are not the pairs in which people write numbers.
fn is_written(parts: &[Group]) -> bool {
    parts.iter().any(|group| group.len() != 2)
}

/// Whether a comma divides an address of a machine from another one, as in a list of proxies: `91.23.45.67, 10.0.0.1`.
fn is_listed(stretch: &Stretch, first: usize) -> bool {
    let groups = &stretch.groups;
    let is_part = |at: usize| groups.get(at).is_some_and(|group| group.gap.sign == Some(','));
    let follows = is_part(first)
        && first >= 4
        && is_address(stretch, first - 4)
        && groups[first - 4..first].iter().all(|group| group.lookalike == Lookalike::Likely);
    follows || is_part(first + 4) && is_address(stretch, first + 4) && is_written(&groups[first + 4..first + 8])
}

/// `NO93 8601 1117 947` with a wrong check digit: a bank account by its shape in fours. Right ones are suppressed.
fn mark_iban(text: &str, stretch: &mut Stretch, first: usize) {
    let groups = &stretch.groups;
    let start = groups[first].start;
    let Some(letters) = start.checked_sub(2).and_then(|at| text.get(at..start)) else { return };
    if !letters.bytes().all(|letter| letter.is_ascii_alphabetic())
        || text[..start - 2].chars().next_back().is_some_and(char::is_alphanumeric)
    {
        return;
    }
    let fours = groups[first].len() == 2
        && groups[first + 1..].iter().take(2).take_while(|group| group.gap.joins && group.len() == 4).count() == 2;
    if fours {
        let last = first + run(groups, first);
        set(&mut stretch.groups[first..last], Lookalike::Surely);
    }
}

/// Whether a number is part of a word that is a code: `550e8400-e29b-…`, a digest, `DK45678912`.
pub(super) fn is_code(text: &str, start: usize, end: usize) -> bool {
    if has_glued_label(text, start, end) {
        return false;
    }
    let before = letters_before(text, start);
    let prefix = &text[start - before..start];
    let is_prefix_of_code = (1..=3).contains(&before)
        && prefix.bytes().all(|byte| byte.is_ascii_uppercase())
        && !["TLF", "TEL", "MOB", "FAX", "PH", "SMS", "NR"].contains(&prefix);
    is_prefix_of_code || is_in_code(text, start, end)
}

/// Whether the letters just before a number are the label of a phone, whatever is before and behind them:
/// `Tlf22334455Mob98765432Epost`.
fn has_glued_label(text: &str, start: usize, end: usize) -> bool {
    if !text[..start].ends_with(char::is_alphabetic) {
        return false;
    }
    let near = &text[text.ceil_char_boundary(start.saturating_sub(LONGEST_CODE / 2))..start];
    let label = &near[near.rfind(|c: char| !c.is_alphabetic()).map_or(0, |at| text_end(near, at))..];
    let is_capital = |text: &str| text.chars().next().is_none_or(|c| !c.is_alphanumeric() || c.is_uppercase());
    let is_label = || {
        let small = label.to_lowercase();
        super::cues::ends_with_cue(label) || super::ids::things::is_phone_word(&small)
    };
    label.len() > 2 && (is_capital(label) || is_capital(&text[end..])) && is_label()
}

/// Where the character ends that begins at a place.
fn text_end(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

/// The longest code that is looked at, on either side of a number.
const LONGEST_CODE: usize = 64;

/// Whether it is part of a code whatever letters stand before it. All behind `0x` is hexadecimal.
pub(super) fn is_in_code(text: &str, start: usize, end: usize) -> bool {
    let is_one_group = text.as_bytes()[start..end].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
    let before = letters_before(text, start);
    let after =
        text.as_bytes()[end..].iter().take(LONGEST_CODE).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let word = &text[start - before..end + after];
    let written = &text[start - before..start];
    if written.starts_with("0x") || written.starts_with("0X") {
        return true;
    }
    let hexadecimal = word.len() >= 12 && before + after > 0 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let glued = is_one_group && before + after > 0 && runs_of_digits(word) > 2;
    hexadecimal && is_one_group || glued || is_in_parts(text, start, end)
}

fn runs_of_digits(word: &str) -> usize {
    let mut runs = 0;
    word.bytes().fold(false, |in_digits, byte| {
        runs += usize::from(byte.is_ascii_digit() && !in_digits);
        byte.is_ascii_digit()
    });
    runs
}

fn letters_before(text: &str, start: usize) -> usize {
    text.as_bytes()[..start].iter().rev().take(LONGEST_CODE).take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

/// Whether a number is a part of an id of parts, another part of which mixes letters and digits: `req-98765432-ab12cd34`.
fn is_in_parts(text: &str, start: usize, end: usize) -> bool {
    let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let before = text.as_bytes()[..start].iter().rev().take(LONGEST_CODE).take_while(|byte| is_id(byte)).count();
    let after = text.as_bytes()[end..].iter().take(LONGEST_CODE).take_while(|byte| is_id(byte)).count();
    let parts = text[start - before..start].split(['-', '_']).chain(text[end..end + after].split(['-', '_']));
    parts.into_iter().any(is_mixed)
}

/// Whether a part of an id is neither a word nor a number, nor a time as `20260801T1030`.
fn is_mixed(part: &str) -> bool {
    let letters = part.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let is_time = letters <= 2 && digits >= 8 && part.as_bytes().get(8).is_some_and(|byte| matches!(byte, b'T' | b't'));
    let changes =
        part.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let is_hexadecimal = part.bytes().all(|byte| byte.is_ascii_hexdigit());
    letters > 0 && digits > 0 && !is_time && (changes > 1 || is_hexadecimal && part.len() > 1)
}
