//! Runs of number words in which somebody takes back what was said: `ni åtte sju fire, nei, seks, …`.

use std::ops::Range;

use super::{SpokenPart, WordRun};
use crate::text::numbers::Numbers;
use crate::text::resolve::Finds;
use crate::text::words::Word;
use crate::text::{Find, Found, overlaps};

/// Words of the vocabulary that take back what was said before them.
const CORRECTIONS: [&str; 2] = ["nei", "nej"];

impl SpokenPart {
    pub(super) fn is_correction(&self, text: &str) -> bool {
        let is_one = |known: &&str| text[self.range.clone()].eq_ignore_ascii_case(known);
        self.word == Some(Word::Filler) && CORRECTIONS.iter().any(is_one)
    }
}

impl WordRun {
    /// Adds what a run is in which somebody corrects something: `ni åtte sju fire, nei, seks, …`. The digits behind such
    /// a word replace some of those before it, so only the record's own number continues behind it.
    pub(super) fn read_corrected(&mut self, text: &str, numbers: &Numbers, found: &mut Finds) {
        let mut whole = Finds::new();
        self.clone().read_run(text, numbers, &mut whole);
        let is_own = |(_, find): &(Range<usize>, Find)| match find {
            Find::Identifier(Found::Phone(phone)) => numbers.is_own(phone),
            _ => false,
        };
        let corrections: Vec<Range<usize>> =
            self.parts.iter().filter(|part| part.is_correction(text)).map(|part| part.range.clone()).collect();
        if whole.iter().any(is_own) {
            whole.retain(|find| is_own(find) || !overlaps(&corrections, &find.0));
            found.append(&mut whole);
            return;
        }
        for parts in self.parts.split(|part| part.is_correction(text)) {
            let mut run = Self::default();
            for part in parts {
                run.add(part.range.clone(), part.word, part.tight, part.is_weak);
            }
            run.trim();
            run.read_run(text, numbers, found);
        }
    }
}
