//! Noise for counts: the cell-key method of official statistics.
//!
//! Each record has a random cell key. The noise of a count is a function of the sum of its records' keys. So the same
//! records have the same noise, however a caller asks for them, and no number of calls averages it out. One record more or
//! less makes another, independent noise.

use crate::archive::counting::CELL_KEYS;

/// How often each noise occurs, of 64 sums of keys: from −3 to 3. Its mean is 0, and its variance is 2.125.
const WEIGHTS: [(i64, i64); 7] = [(-3, 3), (-2, 7), (-1, 13), (0, 18), (1, 13), (2, 7), (3, 3)];

/// The noise of a count by the sum of its records' cell keys.
#[must_use]
pub fn noise(cell_keys: u64) -> i64 {
    let mut rest = (cell_keys % CELL_KEYS.unsigned_abs()).cast_signed() * 64 / CELL_KEYS;
    for (noise, weight) in WEIGHTS {
        if rest < weight {
            return noise;
        }
        rest -= weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Random numbers from a seed (`SplitMix64`).
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    #[test]
    fn the_noise_has_its_distribution() {
        assert_eq!(WEIGHTS.iter().map(|(_, weight)| weight).sum::<i64>(), 64);
        assert_eq!(WEIGHTS.iter().map(|(noise, weight)| noise * weight).sum::<i64>(), 0);
        // Cells of one to twenty records with random keys.
        let (mut state, mut seen, draws) = (17, [0_u32; 7], 1_000_000);
        for no in 0..draws {
            let sum: u64 = (0..=no % 20).map(|_| random(&mut state) & 0xFF_FFFF).sum();
            seen[usize::try_from(noise(sum) + 3).unwrap()] += 1;
        }
        let chi: f64 = seen
            .iter()
            .zip(WEIGHTS)
            .map(|(seen, (_, weight))| {
                let expected = f64::from(i32::try_from(weight).unwrap()) / 64.0 * f64::from(draws);
                (f64::from(*seen) - expected).powi(2) / expected
            })
            .sum();
        // The 99.9 % quantile of χ² with six degrees of freedom.
        assert!(chi < 22.5, "χ² = {chi}: {seen:?}");
    }

    #[test]
    fn one_record_more_makes_independent_noise() {
        // The noise of two cells that differ by a record is the same as often as that of two cells without a relation.
        let (mut state, mut same, draws) = (23, 0, 200_000);
        for _ in 0..draws {
            let cell = random(&mut state) & 0xFFFF_FFFF;
            same += i32::from(noise(cell) == noise(cell + (random(&mut state) & 0xFF_FFFF)));
        }
        let squares = WEIGHTS.iter().map(|(_, weight)| weight * weight).sum::<i64>();
        let expected = f64::from(i32::try_from(squares).unwrap()) / 4096.0 * f64::from(draws);
        assert!((f64::from(same) - expected).abs() < 5.0 * expected.sqrt(), "{same} of {expected}");
    }

    proptest! {
        #[test]
        fn the_same_records_have_the_same_noise(
            mut keys in prop::collection::vec(any::<i64>(), 1..50),
            seed: u64,
        ) {
            let sum = |keys: &[i64]| keys.iter().map(|key| (key & (CELL_KEYS - 1)).unsigned_abs()).sum::<u64>();
            let before = noise(sum(&keys));
            let mut state = seed;
            for no in (1..keys.len()).rev() {
                let other = usize::try_from(random(&mut state) % (no as u64 + 1)).unwrap();
                keys.swap(no, other);
            }
            prop_assert_eq!(noise(sum(&keys)), before);
            let wrapped = keys.iter().fold(0_i64, |sum, key| sum.wrapping_add(*key));
            prop_assert_eq!(noise((wrapped & (CELL_KEYS - 1)).unsigned_abs()), before);
            prop_assert!((-3..=3).contains(&before));
        }
    }
}
