//! The cells of a total while its parts are counted. Their number is bounded, and so is the memory that they take.

use std::collections::HashMap;

use super::clock::{BucketClock, time_of};
use super::figures::{CellSums, FigureLevel, Figures, Rule};
use super::model::{GroupValue, TotalGroup, TotalsError};
use super::span::SpanPart;
use crate::archive::ageing::KeptScores;
use crate::archive::counting::{CountRow, MOST_COUNT_ROWS};

/// The most cells of an answer.
pub const MOST_CELLS: usize = 10_000;

/// The most levels of values in all cells together. One takes 12 bytes.
const MOST_LEVELS: usize = 1_000_000;

/// A cell of an answer: the values of its groups in their order, and its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Total {
    pub groups: Vec<GroupValue>,
    pub figures: Figures,
}

/// The sums of aged records: their number, how many of them have a value, the sum of the values, and the sum of the cell
/// keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeptSums {
    pub records: i64,
    pub valued: i64,
    pub total: i64,
    pub cell_key: i64,
}

pub struct Cells<'g> {
    groups: &'g [TotalGroup],
    clock: Option<BucketClock>,
    sums: HashMap<Vec<GroupValue>, CellSums>,
    levels: usize,
    /// The rows of the part that is being counted.
    rows: u32,
    is_full: bool,
}

impl<'g> Cells<'g> {
    #[must_use]
    pub fn new(groups: &'g [TotalGroup], clock: Option<BucketClock>) -> Self {
        Self { groups, clock, sums: HashMap::new(), levels: 0, rows: 0, is_full: false }
    }

    /// Adds the records of a row, unless there are too many cells.
    pub fn add(&mut self, part: &SpanPart, row: CountRow) {
        self.rows += 1;
        if self.is_full {
            return;
        }
        let CountRow { bucket, first, second, third, level, records, valued, total, cell_key } = row;
        let mut words = [first, second, third].into_iter();
        let key = self.groups.iter().map(|group| match group.column() {
            Some(_) => GroupValue::Word(words.next().flatten()),
            None => time_of(*group, self.clock, bucket, part),
        });
        let sums = self.sums.entry(key.collect()).or_default();
        sums.records += records.unsigned_abs();
        sums.cell_key = sums.cell_key.wrapping_add(cell_key.unsigned_abs());
        sums.valued += valued.unsigned_abs();
        sums.total = sums.total.saturating_add(total);
        if let Ok(no) = u16::try_from(level) {
            let records = u32::try_from(records).unwrap_or(u32::MAX);
            #[expect(clippy::cast_possible_truncation, reason = "noise uses the lowest 24 bits")]
            let cell_key = cell_key.unsigned_abs() as u32;
            self.levels += usize::from(sums.add_level(FigureLevel { no, records, cell_key }));
        }
        self.is_full = self.sums.len() > MOST_CELLS || self.levels > MOST_LEVELS;
    }

    /// Adds aged interactions of a cell.
    pub fn add_kept(&mut self, key: Vec<GroupValue>, kept: KeptSums) {
        if self.is_full {
            return;
        }
        let KeptSums { records, valued, total, cell_key } = kept;
        let sums = self.sums.entry(key).or_default();
        sums.records += records.unsigned_abs();
        sums.cell_key = sums.cell_key.wrapping_add(cell_key.unsigned_abs());
        sums.valued += valued.unsigned_abs();
        sums.total = sums.total.saturating_add(total);
        self.is_full = self.sums.len() > MOST_CELLS;
    }

    /// Adds aged survey responses with one score to the cell of their month. `is_levelled` says that each score is counted.
    pub fn add_scores(&mut self, kept: KeptScores, is_levelled: bool) {
        let KeptScores { month, score, n, cell_key } = kept;
        let key: Vec<_> = self.groups.iter().map(|_| GroupValue::Month(month)).collect();
        let (valued, total) = if score < 0 { (0, 0) } else { (n, n.saturating_mul(score.into())) };
        self.add_kept(key.clone(), KeptSums { records: n, valued, total, cell_key });
        if let (true, Ok(no), Some(sums)) = (is_levelled, u16::try_from(score), self.sums.get_mut(&key)) {
            let records = u32::try_from(n).unwrap_or(u32::MAX);
            #[expect(clippy::cast_possible_truncation, reason = "noise uses the lowest 24 bits")]
            let cell_key = cell_key.unsigned_abs() as u32;
            self.levels += usize::from(sums.add_level(FigureLevel { no, records, cell_key }));
        }
    }

    /// Ends a part. It is an error if there are too many cells.
    pub fn check(&mut self) -> Result<(), TotalsError> {
        let rows = std::mem::take(&mut self.rows);
        if self.is_full || rows >= MOST_COUNT_ROWS { Err(TotalsError::TooManyCells) } else { Ok(()) }
    }

    /// All cells in the order of their groups.
    #[must_use]
    pub fn totals(self, rule: Rule) -> Vec<Total> {
        let cells = self.sums.into_iter();
        let mut totals: Vec<_> = cells.map(|(groups, sums)| Total { groups, figures: rule.figures(&sums) }).collect();
        totals.sort_unstable_by(|a, b| a.groups.cmp(&b.groups));
        totals
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};

    use super::*;

    fn row(agent: u32, level: i64) -> CountRow {
        let first = Some(format!("a{agent}"));
        CountRow { bucket: 0, first, second: None, third: None, level, records: 1, valued: 1, total: 7, cell_key: 3 }
    }

    #[test]
    fn more_cells_than_an_answer_has_are_refused_and_take_no_memory() {
        let at = DateTime::UNIX_EPOCH;
        let part = SpanPart { from: at, to: at, offset: 0, month: NaiveDate::default() };
        let groups = [TotalGroup::AgentId];
        let mut cells = Cells::new(&groups, None);
        (0..10_000).for_each(|agent| cells.add(&part, row(agent, -1)));
        assert!(cells.check().is_ok());
        (0..20_000).for_each(|agent| cells.add(&part, row(agent, -1)));
        assert!(matches!(cells.check(), Err(TotalsError::TooManyCells)));
        assert_eq!(cells.sums.len(), MOST_CELLS + 1);

        let mut cells = Cells::new(&groups, None);
        (0..3_000).for_each(|agent| (0..=416).for_each(|level| cells.add(&part, row(agent, level))));
        assert!(matches!(cells.check(), Err(TotalsError::TooManyCells)), "there are too many levels");
        assert_eq!(cells.levels, MOST_LEVELS + 1);
    }

    #[test]
    fn aged_records_add_their_keys() {
        let (at, groups) = (DateTime::UNIX_EPOCH, [TotalGroup::Month]);
        let part = SpanPart { from: at, to: at, offset: 0, month: NaiveDate::default() };
        let mut cells = Cells::new(&groups, None);
        let kept = KeptScores { month: part.month, score: 9, n: 6, cell_key: 40 };
        cells.add_scores(kept, true);
        cells.add_scores(KeptScores { score: -1, n: 1, cell_key: 2, ..kept }, true);
        let sums = &cells.sums[&vec![GroupValue::Month(part.month)]];
        assert_eq!((sums.records, sums.valued, sums.total, sums.cell_key), (7, 6, 54, 42));
        assert_eq!(sums.levels, [FigureLevel { no: 9, records: 6, cell_key: 40 }]);
        cells.add(&part, CountRow { first: None, ..row(1, 9) });
        let sums = &cells.sums[&vec![GroupValue::Month(part.month)]];
        assert_eq!((sums.records, sums.total, sums.cell_key), (8, 61, 45));
        assert_eq!(sums.levels, [FigureLevel { no: 9, records: 7, cell_key: 43 }]);
    }
}
