//! Random draws that repeat: the same seed draws the same numbers on every machine.

/// The purposes of draws. Each purpose has a sequence of its own, so that the parts of a record do not shift each
/// other.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Person = 1,
    /// The time, the customer, and the course of an interaction.
    Course = 2,
    /// The spelling of an interaction's record.
    Interaction = 3,
    /// Whether the customer answers a survey, and the answers.
    Survey = 4,
    /// The events of an interaction.
    Events = 5,
    /// The content of an interaction.
    Content = 6,
}

/// A sequence of drawn numbers (`SplitMix64`: a counter whose steps are scattered by two multiplications).
pub(super) struct Chance(u64);

impl Chance {
    /// The draws for one purpose. The same arguments always draw the same numbers.
    pub(super) const fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let apart = scatter(seed.wrapping_add(scatter(purpose as u64)));
        Self(scatter(apart ^ index.wrapping_mul(STEP)))
    }

    /// The next 64 bits.
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        scatter(self.0)
    }

    /// A number from 0 up to, but not including, `end`. It is 0 if `end` is 0.
    pub(super) const fn below(&mut self, end: u64) -> u64 {
        let wide = (self.next() as u128) * (end as u128);
        // The upper half of a product with `end` is below `end`.
        (wide >> 64) as u64
    }

    /// A number of seconds from `least` to `most`, both included.
    pub(super) fn seconds(&mut self, least: u32, most: u32) -> u32 {
        let span = u64::from(most.saturating_sub(least)) + 1;
        least.saturating_add(u32::try_from(self.below(span)).unwrap_or(0))
    }

    /// True in `percent` of a hundred draws.
    pub(super) const fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One element of a slice, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        let at = self.below(things.len() as u64);
        things[usize::try_from(at).unwrap_or(0)]
    }
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

const fn scatter(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_spread() {
        let draw = |seed, index| Chance::new(seed, Purpose::Course, index).next();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(2, 1));
        let mut chance = Chance::new(7, Purpose::Person, 0);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[usize::try_from(chance.below(10)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        assert_eq!(chance.below(0), 0);
    }
}
