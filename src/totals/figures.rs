//! The figures of a cell that may be shown.

use super::noise::noise;
use crate::archive::counting::level;
use crate::tenants::TotalsSettings;

/// The tenant's rule for small cells.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The smallest count that is shown.
    min_cell: u64,
    /// Whether counts have noise.
    perturbation: bool,
}

/// The records of one level of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FigureLevel {
    pub no: u16,
    pub records: u32,
    /// The sum of the records' cell keys.
    pub cell_key: u32,
}

/// The sums of one cell.
#[derive(Debug, Default)]
pub struct CellSums {
    pub records: u64,
    pub cell_key: u64,
    /// The number of the records that have a value, and the sum of their values.
    pub valued: u64,
    pub total: i64,
    /// In the order of their numbers.
    pub levels: Vec<FigureLevel>,
}

/// The figures of one cell. A figure of too few records is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub count: Option<u64>,
    pub average: Option<f64>,
    pub p50: Option<i64>,
    pub p95: Option<i64>,
    /// The counts of the levels that are not empty.
    pub levels: Vec<(u16, Option<u64>)>,
}

impl Rule {
    #[must_use]
    pub const fn of(settings: TotalsSettings) -> Self {
        Self { min_cell: settings.min_cell as u64, perturbation: settings.perturbation }
    }

    /// A count as it is shown. Neither the true one nor the one with noise is smaller than the rule allows.
    fn count(self, records: u64, cell_key: u64) -> Option<u64> {
        let shown = if self.perturbation { records.saturating_add_signed(noise(cell_key)) } else { records };
        (records.min(shown) >= self.min_cell).then_some(shown)
    }

    #[must_use]
    pub fn figures(self, sums: &CellSums) -> Figures {
        let CellSums { records, cell_key, valued, total, levels } = sums;
        let Some(count) = self.count(*records, *cell_key) else { return Figures::default() };
        let is_averaged = *valued >= 2 * self.min_cell;
        let levels = levels.iter();
        let counts = levels.map(|one| (one.no, self.count(one.records.into(), one.cell_key.into()))).collect();
        let percentile = |percent| is_averaged.then(|| sums.percentile(percent)).flatten();
        Figures {
            count: Some(count),
            average: is_averaged.then(|| average(*total, *valued)),
            p50: percentile(50),
            p95: percentile(95),
            levels: counts,
        }
    }
}

/// An average with two decimals.
fn average(total: i64, valued: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no sum of an archive has more than 53 bits")]
    let average = total as f64 / valued as f64;
    (average * 100.0).round() / 100.0
}

impl CellSums {
    /// Adds the records of a level, and returns whether it is a new one.
    pub fn add_level(&mut self, level: FigureLevel) -> bool {
        match self.levels.binary_search_by_key(&level.no, |known| known.no) {
            Ok(at) => {
                let known = &mut self.levels[at];
                known.records = known.records.saturating_add(level.records);
                known.cell_key = known.cell_key.wrapping_add(level.cell_key);
                false
            }
            Err(at) => {
                self.levels.insert(at, level);
                true
            }
        }
    }

    /// The value below or at which so many of a hundred values are: the middle of its level.
    fn percentile(&self, percent: u64) -> Option<i64> {
        let all: u64 = self.levels.iter().map(|level| u64::from(level.records)).sum();
        let rank = (all * percent).div_ceil(100).max(1);
        let mut below = 0;
        let found = self.levels.iter().find(|level| {
            below += u64::from(level.records);
            below >= rank
        });
        found.map(|found| {
            let (low, width) = level(found.no.into());
            low + width / 2
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: Rule = Rule { min_cell: 5, perturbation: false };

    fn sums(values: &[i64]) -> CellSums {
        let mut sums = CellSums { records: values.len() as u64, valued: values.len() as u64, ..CellSums::default() };
        for value in values {
            let no = (0..=416).rev().find(|no| level(*no).0 <= *value).unwrap();
            sums.total += value;
            sums.add_level(FigureLevel { no: u16::try_from(no).unwrap(), records: 1, cell_key: 7 });
        }
        sums
    }

    #[test]
    fn small_cells_show_less() {
        assert_eq!(RULE.figures(&sums(&[10; 4])), Figures::default());
        let five = RULE.figures(&sums(&[10; 5]));
        assert_eq!((five.count, five.average, five.p50), (Some(5), None, None));
        let ten = RULE.figures(&sums(&[10, 10, 10, 10, 10, 11, 11, 11, 11, 50]));
        assert_eq!((ten.count, ten.average, ten.p50, ten.p95), (Some(10), Some(14.4), Some(10), Some(50)));
        assert_eq!(ten.levels, [(10, Some(5)), (11, None), (50, None)]);
    }

    proptest! {
        #[test]
        fn no_count_below_the_smallest_is_shown(records in 0_u64..30, cell_key: u32, min_cell in 1_u64..20) {
            let rule = Rule { min_cell, perturbation: true };
            match rule.count(records, cell_key.into()) {
                Some(shown) => prop_assert!(shown >= min_cell && records >= min_cell && shown.abs_diff(records) <= 3),
                None => prop_assert!(records < min_cell + 3),
            }
        }

        #[test]
        fn a_percentile_is_near_the_exact_one(mut values in prop::collection::vec(0_i64..100_000, 10..200)) {
            let figures = RULE.figures(&sums(&values));
            values.sort_unstable();
            for (percent, found) in [(50, figures.p50), (95, figures.p95)] {
                let exact = values[(values.len() * percent).div_ceil(100) - 1];
                prop_assert!((found.unwrap() - exact).abs() * 64 <= exact, "{found:?} instead of {exact}");
            }
        }
    }
}
