//! The digits that number words mean together: `twenty four`, `double five`, `to nuller`, `twelve hundred`.

use super::{SpokenPart, Way};
use crate::text::words::Word;

/// The digits that a part and perhaps those behind it mean, and how many parts they are.
pub(super) fn spelled_out(parts: &[&SpokenPart], word: Word, way: Way) -> Option<(String, usize)> {
    let next = |at: usize| parts.get(at).filter(|part| part.tight).and_then(|part| part.word);
    if let Some(zeros) = thousands(parts, word).or_else(|| with_zeros(parts, word, way)) {
        return Some(zeros);
    }
    let (hundreds, mut used) = match (word, next(1)) {
        (Word::Hundreds(times), _) => (Some(times), 1),
        (Word::Unit(times @ 1..), Some(Word::Hundred)) => (Some(times), 2),
        (Word::Hundred, _) => (Some(1), 1),
        _ => (None, 0),
    };
    if let Some(times) = hundreds {
        if way.joins {
            let skipped = usize::from(next(used) == Some(Word::And));
            if let Some((more, parts)) =
                next(used + skipped).and_then(|word| below_hundred(parts, used + skipped, word))
            {
                used += skipped + parts;
                return Some((format!("{}", u32::from(times) * 100 + u32::from(more)), used));
            }
        }
        return Some((format!("{times}00"), used));
    }
    if let (Word::Unit(times @ 2..=4), Some(Word::Many(unit))) = (word, next(1)) {
        return Some((unit.to_string().repeat(usize::from(times)), 2));
    }
    match word {
        Word::Unit(unit @ 1..) if way.joins && next(1) == Some(Word::And) => match next(2) {
            Some(Word::Ten(ten)) => Some((format!("{}", ten + unit), 3)),
            _ => Some((unit.to_string(), 1)),
        },
        Word::Unit(unit) => Some((unit.to_string(), 1)),
        Word::Ten(_) if way.joins => below_hundred(parts, 0, word).map(|(value, used)| (value.to_string(), used)),
        Word::Ten(value) | Word::Pair(value) => Some((value.to_string(), 1)),
        Word::Triple(value) => Some((value.to_string(), 1)),
        Word::Times(times) => match parts.get(1)?.word? {
            Word::Unit(unit) => Some((unit.to_string().repeat(usize::from(times)), 2)),
            Word::Ten(pair) | Word::Pair(pair) => Some((pair.to_string().repeat(usize::from(times)), 2)),
            _ => None,
        },
        Word::Hundreds(_) | Word::Hundred | Word::Thousand | Word::Many(_) | Word::Plus | Word::And | Word::Filler => {
            None
        }
    }
}

/// The digits of `twelve hundred` and `five thousand`. Thanks are thousands in the languages of the north (`to, tusen takk`), so a
/// thousand counts in one way of reading only.
fn with_zeros(parts: &[&SpokenPart], word: Word, way: Way) -> Option<(String, usize)> {
    let (value, used) = match word {
        Word::Pair(value) | Word::Ten(value) | Word::Unit(value) if !way.joins => (value, 1),
        _ => below_hundred(parts, 0, word)?,
    };
    let zeros = match parts.get(used).filter(|part| part.tight).and_then(|part| part.word)? {
        Word::Hundred if value > 9 => "00",
        Word::Thousand if way.joins && value > 0 => "000",
        _ => return None,
    };
    Some((format!("{value}{zeros}"), used + 1))
}

/// The digits of an amount of thousands and hundreds, `førti tusen fem hundre og trettito`. It is one number of five
/// digits or so, and not `40 000` with other digits behind it.
fn thousands(parts: &[&SpokenPart], word: Word) -> Option<(String, usize)> {
    let next = |at: usize| parts.get(at).filter(|part| part.tight).and_then(|part| part.word);
    let (thousands, used) = match hundreds(parts, 0, word) {
        Some(hundreds) => hundreds,
        None => below_hundred(parts, 0, word).map(|(value, used)| (u32::from(value), used))?,
    };
    if thousands == 0 || next(used) != Some(Word::Thousand) {
        return None;
    }
    let mut at = used + 1;
    let has_and = next(at) == Some(Word::And);
    at += usize::from(has_and);
    let first = next(at)?;
    let (rest, used) = match hundreds(parts, at, first) {
        Some(hundreds) => hundreds,
        None if has_and => below_hundred(parts, at, first).map(|(value, used)| (u32::from(value), used))?,
        None => return None,
    };
    Some(((thousands * 1_000 + rest).to_string(), at + used))
}

/// The number of hundreds that begins with a part, with what is below a hundred: `fem hundre og trettito`.
fn hundreds(parts: &[&SpokenPart], at: usize, word: Word) -> Option<(u32, usize)> {
    let next = |at: usize| parts.get(at).filter(|part| part.tight).and_then(|part| part.word);
    let (times, mut used) = match (word, next(at + 1)) {
        (Word::Triple(value), _) => return Some((u32::from(value), 1)),
        (Word::Hundreds(times), _) => (times, 1),
        (Word::Unit(times @ 1..), Some(Word::Hundred)) => (times, 2),
        (Word::Hundred, _) => (1, 1),
        _ => return None,
    };
    let behind = at + used + usize::from(next(at + used) == Some(Word::And));
    let rest = next(behind).and_then(|word| below_hundred(parts, behind, word)).filter(|(value, _)| *value > 0);
    if let Some((_, parts)) = rest {
        used = behind + parts - at;
    }
    Some((u32::from(times) * 100 + rest.map_or(0, |(value, _)| u32::from(value)), used))
}

/// The number of up to two digits that begins with a part.
fn below_hundred(parts: &[&SpokenPart], at: usize, word: Word) -> Option<(u8, usize)> {
    let next = parts.get(at + 1).filter(|part| part.tight).and_then(|part| part.word);
    match (word, next) {
        (Word::Ten(ten), Some(Word::Unit(unit @ 1..))) => Some((ten + unit, 2)),
        (Word::Unit(value) | Word::Ten(value) | Word::Pair(value), _) => Some((value, 1)),
        _ => None,
    }
}
