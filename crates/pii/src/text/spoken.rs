//! Numbers that are spoken as words, or dictated digit by digit: `ni åtte sju seks …`, `98 syttiseks 54 32`, `9, 8, 7, …`.
//!
//! A run of number words, perhaps with digits among them, is written in digits, to which the rules of written numbers
//! apply. Between two words may be the separators of transcripts: spaces, lines, commas, dots, and filler words. If a
//! run can be read in several ways (`twenty four` is 24 or 20 4, and `to` is two or the English word), a reading with
//! the record's own number counts. Otherwise the reading with the smallest rest counts.
//!
//! Prose has number words, too. So what is found needs a word that is nothing but a number, or three; a row of counted
//! numbers is none; and digits without any word count as dictated only where a number is all that was dictated.

mod corrected;
mod figures;
mod spelled;

use std::ops::Range;

use super::digits::is_invisible;
use super::numbers::Numbers;
use super::phone::Apart;
use super::resolve::Finds;
use super::said::{Said, What};
use super::words::{Word, is_preposition};
use super::{Find, Found, overlaps};
use crate::digit;
use spelled::spelled_out;

/// Characters that may stand between two words of a run.
const WIDEST_GAP: usize = 5;
/// Words in a row that are said between two parts of a number.
const MOST_FILLERS: usize = 3;
/// How many bytes before and behind dictated digits may belong to the same number.
const AROUND: usize = 80;
/// Digits from which on a run is looked at.
const SHORTEST: usize = 6;
/// The most parts of a run that is read in every way, and of one without a word that is read at all. In longer ones, `interrupted` still
/// finds the record's own number.
const MOST_PARTS: usize = 100;

/// The most tens in their order that may yet be a number.
const MOST_TENS: usize = 3;

/// How often the most telling word for several of a digit counts it, `to … fire nuller`.
const MOST_TIMES: usize = 4;

/// A word or a group of digits of a run.
#[derive(Clone, Debug)]
struct SpokenPart {
    range: Range<usize>,
    /// `None` for digits.
    word: Option<Word>,
    /// Only a space, a line's end, or a hyphen is before it.
    tight: bool,
    /// Whether it is a word of everyday language too.
    is_weak: bool,
}

#[derive(Clone, Default, Debug)]
struct WordRun {
    parts: Vec<SpokenPart>,
    fillers: usize,
    has_word: bool,
}

/// A run in digits, and where each group comes from.
#[derive(Default, Debug)]
struct SpokenReading {
    digits: String,
    groups: Vec<WordGroup>,
    /// Where a `plus` was said that the next group belongs to.
    plus: Option<usize>,
}

#[derive(Debug)]
struct WordGroup {
    place: Range<usize>,
    range: Range<usize>,
    /// 3 for a number word, 1 for one that prose has as often, 0 for digits.
    weight: usize,
}

#[derive(Clone, Copy, Debug)]
struct Way {
    /// `twenty four` is 24.
    joins: bool,
    /// `to` is 2.
    counts_to: bool,
}

const WAYS: [Way; 4] = [
    Way { joins: true, counts_to: true },
    Way { joins: false, counts_to: true },
    Way { joins: true, counts_to: false },
    Way { joins: false, counts_to: false },
];

/// Adds every number that is spoken outside of `taken`.
pub(super) fn find(text: &str, said: &[Said], numbers: &Numbers, taken: &[Range<usize>], found: &mut Finds) {
    let mut run = WordRun::default();
    let mut end = 0;
    for one in said {
        let range = one.range();
        // Between two parts of a run there is no word: any other one is a part of the gap, and nothing bridges it.
        let gap = &text[end..range.start];
        let is_part = one.what != What::Mixed && !overlaps(taken, &range);
        if !is_part || !bridges(gap) {
            run.close(text, numbers, found);
        }
        if is_part {
            run.add(range.clone(), one.word(), is_tight(gap), one.is_weak);
            if run.fillers > MOST_FILLERS {
                run.close(text, numbers, found);
            }
        }
        end = range.end;
    }
    run.close(text, numbers, found);
}

fn bridges(gap: &str) -> bool {
    gap.len() <= 4 * WIDEST_GAP
        && gap.chars().filter(|c| !is_invisible(*c)).count() <= WIDEST_GAP
        && gap.chars().all(|c| c.is_whitespace() || is_invisible(c) || is_pause(c))
}

/// Marks that stand between spoken words or written groups.
fn is_pause(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{B7}') || ",.…-/:;!?()+*_\"'".contains(c)
}

fn is_tight(gap: &str) -> bool {
    gap.len() <= 2 * char::MAX_LEN_UTF8
        && gap.chars().count() <= 2
        && gap.chars().all(|c| c.is_whitespace() || c == '-' || c == '\u{2011}')
}

impl WordRun {
    fn add(&mut self, range: Range<usize>, word: Option<Word>, tight: bool, is_weak: bool) {
        let is_filler = matches!(word, Some(Word::And | Word::Filler));
        if self.parts.is_empty() && is_filler {
            return;
        }
        self.fillers = if is_filler { self.fillers + 1 } else { 0 };
        self.has_word |= word.is_some() && !is_filler;
        self.parts.push(SpokenPart { range, word, tight, is_weak });
    }

    /// Adds what the run is, and begins another.
    fn close(&mut self, text: &str, numbers: &Numbers, found: &mut Finds) {
        self.trim();
        if self.parts.len() < 2 {
            // Nearly every word for a number is alone.
        } else if self.parts.iter().any(|part| part.is_correction(text)) {
            self.read_corrected(text, numbers, found);
        } else {
            self.read_beside_figures(text, numbers, found);
        }
        self.parts.clear();
        self.fillers = 0;
        self.has_word = false;
    }

    /// Takes away the fillers at its end.
    fn trim(&mut self) {
        while self.parts.pop_if(|part| matches!(part.word, Some(Word::And | Word::Filler))).is_some() {}
    }

    /// Adds what the run is.
    fn read_run(&mut self, text: &str, numbers: &Numbers, found: &mut Finds) {
        let is_number = self.has_word || self.parts.len() <= MOST_PARTS;
        if self.parts.len() > 1
            && is_number
            && (self.has_word || self.is_dictated(text) && !self.is_within_own(text, numbers))
        {
            let known = found.len();
            self.read(text, numbers, found);
            if found.len() == known && self.end_at_sentence(text) {
                self.read(text, numbers, found);
            }
        }
    }

    /// Takes away what follows the last end of a sentence: `six four. One moment`. Returns whether much is left.
    fn end_at_sentence(&mut self, text: &str) -> bool {
        let ends = |pair: &[SpokenPart]| {
            text[pair[0].range.end..pair[1].range.start].contains(['.', '!', '?', '\n'])
                && text[pair[1].range.start..].starts_with(char::is_uppercase)
        };
        let end = self.parts.windows(2).rposition(ends);
        self.parts.truncate(end.map_or(0, |at| at + 1));
        end > Some(0)
    }

    /// Whether it is digits with a pause after each group, or one by one with pauses among them.
    fn is_dictated(&self, text: &str) -> bool {
        let mut digits = self.parts.iter().filter(|part| part.word.is_none()).map(|part| part.range.len());
        let gaps = || self.parts.windows(2).map(|pair| &text[pair[0].range.end..pair[1].range.start]);
        let is_pause = |gap: &str| gap.contains([',', '\n', '…']);
        // Such signs are written and not said: `2-1, 3-2` are results, and `[45, 27]` is a list of a program.
        let is_sign =
            |gap: &str| matches!(gap, "," | "." | ":" | "/" | "-" | "\u{2010}" | "\u{2013}" | "\u{2014}" | "\u{2212}");
        let is_spoken = self.parts.len() > 2 && !gaps().any(is_sign) && !self.is_list(text);
        is_spoken
            && (gaps().all(is_pause) && digits.clone().all(|length| length < 4)
                || gaps().any(is_pause) && digits.all(|length| length == 1))
    }

    /// Whether the run is all that square brackets contain.
    fn is_list(&self, text: &str) -> bool {
        let (Some(first), Some(last)) = (self.parts.first(), self.parts.last()) else { return false };
        text[..first.range.start].ends_with('[') && text[last.range.end..].starts_with(']')
    }

    /// Whether the digits belong to the record's own number, which begins before them or ends behind them.
    fn is_within_own(&self, text: &str, numbers: &Numbers) -> bool {
        let (Some(first), Some(last)) = (self.parts.first(), self.parts.last()) else { return false };
        let start = text.floor_char_boundary(first.range.start.saturating_sub(AROUND));
        let end = text.ceil_char_boundary(text.len().min(last.range.end + AROUND));
        numbers.holds_own(&text[start..end]) && !numbers.holds_own(&text[first.range.start..last.range.end])
    }

    /// The most digits that the run may mean: no word means more than three, and a word for several of a digit
    /// multiplies those of another word.
    fn most_digits(&self) -> usize {
        let of = |part: &SpokenPart| match part.word {
            None => part.range.len(),
            Some(Word::Unit(_)) => 1,
            Some(Word::Ten(_) | Word::Pair(_)) => 2,
            Some(Word::Plus | Word::And | Word::Filler) => 0,
            Some(Word::Hundreds(_) | Word::Triple(_) | Word::Hundred | Word::Thousand) => 3,
            Some(Word::Times(_) | Word::Many(_)) => MOST_TIMES * 2,
        };
        self.parts.iter().map(of).sum()
    }

    fn read(&self, text: &str, numbers: &Numbers, found: &mut Finds) {
        let shortest = SHORTEST.min(numbers.shortest());
        if self.most_digits() < shortest {
            return;
        }
        let has = |wanted: fn(&Word) -> bool| self.parts.iter().filter_map(|part| part.word.as_ref()).any(wanted);
        let varies = has(|word| matches!(word, Word::Ten(_) | Word::Hundred | Word::Hundreds(_) | Word::Thousand));
        let has_to = self.parts.iter().any(|part| is_preposition(&text[part.range.clone()]));
        let mut best: Option<(Score, Finds)> = None;
        for way in WAYS {
            let is_first = way.joins && way.counts_to;
            let is_long = self.parts.len() > MOST_PARTS;
            if !way.joins && !varies || !way.counts_to && !has_to || is_long && !is_first {
                continue;
            }
            let reading = self.written(text, way);
            if reading.digits.bytes().filter(u8::is_ascii_digit).count() < shortest {
                continue;
            }
            let (score, finds) = reading.finds(numbers, self.has_word);
            if !finds.is_empty() && best.as_ref().is_none_or(|(other, _)| score > *other) {
                best = Some((score, finds));
            }
        }
        found.extend(best.into_iter().flat_map(|(_, finds)| finds));
    }

    fn written(&self, text: &str, way: Way) -> SpokenReading {
        let mut reading = SpokenReading::default();
        let parts: Vec<&SpokenPart> = self.parts.iter().filter(|part| part.word != Some(Word::Filler)).collect();
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            let spelled = &text[part.range.clone()];
            // `plus forty five` is one country's code and not another's, whichever reading has the own number.
            let way = Way { joins: way.joins || reading.dials_abroad(), ..way };
            let used = match part.word {
                None => {
                    reading.push_written(text, part.range.clone());
                    1
                }
                Some(Word::Plus) => {
                    reading.digits.push_str(" +");
                    reading.plus = Some(part.range.start);
                    1
                }
                Some(Word::Unit(_)) if !way.counts_to && is_preposition(spelled) => 1,
                Some(word) => match spelled_out(&parts[at..], word, way) {
                    Some((digits, used)) => {
                        let range = part.range.start..parts[at + used - 1].range.end;
                        let weight = if used == 1 && part.is_weak { 1 } else { 3 };
                        reading.push(&digits, range, weight);
                        used
                    }
                    None => 1,
                },
            };
            at += used;
        }
        reading
    }
}

/// Whether the record's own number is in it, how many digits are found, and how many are not.
type Score = (usize, usize, std::cmp::Reverse<usize>);

impl SpokenReading {
    fn push(&mut self, digits: &str, range: Range<usize>, weight: usize) {
        // `zero zero four seven` dials abroad as `0047` does.
        let doubles = digits == "0" && self.digits.rsplit(' ').next() == Some("0");
        if !self.digits.is_empty() && !self.digits.ends_with('+') && !doubles {
            self.digits.push(' ');
        }
        self.push_group(digits, range, weight);
    }

    /// Whether a country code comes next.
    fn dials_abroad(&self) -> bool {
        self.digits.ends_with('+') || self.digits.trim_start() == "00"
    }

    /// Digits as they are written, with the text before them if it has a meaning: `+47`, `22.05.2024`.
    fn push_written(&mut self, text: &str, range: Range<usize>) {
        let digits: String = text[range.clone()].chars().filter_map(digit).collect();
        let before = &text[..range.start];
        let gap = match self.groups.last() {
            Some(last) if last.weight == 0 => &text[last.range.end..range.start],
            _ => " ",
        };
        let written = gap.len() == 1 && !gap.contains([',', '\n', ';', '!', '?', '"', '\'', '*', '_']) || gap == ",";
        let gap = if written && !gap.contains('+') { gap } else { " " };
        self.digits.push_str(gap);
        if before.ends_with('+') && !self.digits.ends_with('+') {
            self.digits.push('+');
        }
        self.push_group(&digits, range, 0);
    }

    fn push_group(&mut self, digits: &str, range: Range<usize>, weight: usize) {
        let start = self.digits.len();
        self.digits.push_str(digits);
        let range = self.plus.take().unwrap_or(range.start)..range.end;
        self.groups.push(WordGroup { place: start..self.digits.len(), range, weight });
    }

    /// The digits, their position in the text, and the quality of this reading.
    fn finds(&self, numbers: &Numbers, has_word: bool) -> (Score, Finds) {
        let mut all = Vec::new();
        numbers.find(&self.digits, super::Reading::Text, Apart::default(), &mut all);
        all.sort_by_key(|(range, _)| range.start);
        let total = self.digits.bytes().filter(u8::is_ascii_digit).count();
        let (mut own, mut covered, mut free) = (0, 0, 0);
        let mut finds = Vec::new();
        for (place, find) in all {
            let first = self.groups.partition_point(|group| group.place.end <= place.start);
            let last = self.groups.partition_point(|group| group.place.start < place.end);
            let Some(groups) = self.groups.get(first..last).filter(|groups| !groups.is_empty()) else { continue };
            let is_own = matches!(&find, Find::Identifier(Found::Phone(phone)) if numbers.is_own(phone));
            let weight: usize = groups.iter().map(|group| group.weight).sum();
            let digits = self.digits[place].bytes().filter(u8::is_ascii_digit).count();
            let counts = if has_word {
                weight > if is_own { 0 } else { 2 } && (is_own || !self.is_counted(first, last))
            } else {
                is_own || digits == total && !self.is_counted(first, last)
            };
            let range = groups[0].range.start..groups[groups.len() - 1].range.end;
            if counts && range.start >= free {
                free = range.end;
                own += usize::from(is_own);
                covered += digits;
                finds.push((range, find));
            }
        }
        ((own, covered, std::cmp::Reverse(total - covered.min(total))), finds)
    }

    /// Whether somebody counts: each group one more than the one before, from the beginning or beyond the number. Tens
    /// are counted too: `forty fifty sixty seventy`.
    fn is_counted(&self, first: usize, last: usize) -> bool {
        let value = |at: usize| self.digits[self.groups.get(at)?.place.clone()].parse::<u64>().ok();
        let follows = |at: usize| value(at).zip(value(at + 1)).is_some_and(|(one, next)| one + 1 == next);
        let is_next_ten =
            |at: usize| value(at).zip(value(at + 1)).is_some_and(|(one, next)| one % 10 == 0 && one + 10 == next);
        if last - first > MOST_TENS && (first..last - 1).all(is_next_ten) {
            return true;
        }
        (first..last - 1).all(follows)
            && (first > 0 && follows(first - 1) || follows(last - 1) || value(first) < Some(2))
    }
}
