//! Figures beside spoken numbers that belong to a label, a list, or a table: `Speaker 1: ni åtte …`, `1) ni åtte …`.

use super::{SpokenPart, WordRun};
use crate::text::numbers::Numbers;
use crate::text::resolve::Finds;
use crate::text::{Find, Found};
use crate::{Phone, Pii};

/// The most digits of such a figure.
const LONGEST: usize = 3;

/// The signs that divide a figure from what is said behind it, and those between two columns.
const ENDS: &[char] = &[':', ')', ']', '.', ';', '|', '\t', '\n'];
const COLUMNS: &[char] = &[';', '|', '\t', '\n'];

impl WordRun {
    /// Adds what the run is. A figure that a sign divides from the words is no part of a number, unless the record's own
    /// number needs it. A figure with nothing but a space or a comma behind it is none if there is no number otherwise.
    pub(super) fn read_beside_figures(&mut self, text: &str, numbers: &Numbers, found: &mut Finds) {
        let apart = self.figures(text);
        let may_begin = self.parts.first().is_some_and(|part| part.is_figure(text) && part.range.len() == 1);
        if apart.is_empty() && !(may_begin && self.has_word) {
            return self.read_run(text, numbers, found);
        }
        let mut whole = Finds::new();
        self.clone().read_run(text, numbers, &mut whole);
        let has_own = |finds: &Finds| finds.iter().any(|(_, find)| is_number(find, |phone| numbers.is_own(phone)));
        let has_any = |finds: &Finds| finds.iter().any(|(_, find)| is_number(find, |_| true));
        let mut rest = Finds::new();
        if !apart.is_empty() {
            self.read_between(&apart, text, numbers, &mut rest);
        }
        let is_better = has_own(&rest) || has_any(&rest) && !has_own(&whole);
        if !is_better && !has_any(&whole) && may_begin {
            rest.clear();
            self.read_between(&[0], text, numbers, &mut rest);
        }
        found.append(if is_better || has_any(&rest) && !has_any(&whole) { &mut rest } else { &mut whole });
    }

    /// The figures that signs divide from the words beside them: at the beginning of the run or of a line, and at the
    /// end of a row of columns.
    fn figures(&self, text: &str) -> Vec<usize> {
        let between = |at: usize| text.get(self.parts[at - 1].range.end..self.parts[at].range.start);
        let is_word = |at: usize| self.parts.get(at).is_some_and(|part| part.word.is_some());
        let has = |at: usize, signs: &[char]| between(at).is_some_and(|gap| gap.contains(signs));
        let is_apart = |at: &usize| {
            let begins = *at == 0 || has(*at, &['\n']);
            let leads = begins && is_word(at + 1) && has(at + 1, ENDS);
            let is_last = at + 1 == self.parts.len() && *at > 0 && is_word(at - 1) && has(*at, COLUMNS);
            self.parts[*at].is_figure(text) && (leads || is_last)
        };
        if self.has_word { (0..self.parts.len()).filter(is_apart).collect() } else { Vec::new() }
    }

    /// Adds what the runs between some parts are.
    fn read_between(&self, dividing: &[usize], text: &str, numbers: &Numbers, found: &mut Finds) {
        let mut at = 0;
        for end in dividing.iter().copied().chain([self.parts.len()]) {
            let mut run = Self::default();
            for part in &self.parts[at..end] {
                run.add(part.range.clone(), part.word, part.tight, part.is_weak);
            }
            run.trim();
            run.read_run(text, numbers, found);
            at = end + 1;
        }
    }
}

impl SpokenPart {
    /// Whether it is a figure of few digits, and no country code.
    fn is_figure(&self, text: &str) -> bool {
        self.word.is_none() && self.range.len() <= LONGEST && !text[..self.range.start].ends_with('+')
    }
}

fn is_number(find: &Find, is_one: impl Fn(&Pii<Phone>) -> bool) -> bool {
    matches!(find, Find::Identifier(Found::Phone(phone)) if is_one(phone))
}
