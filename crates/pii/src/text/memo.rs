//! Answers that were given for one text: hostile texts repeat their digits, and a text is read up to four times. An
//! answer that another one has taken the place of is given again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use super::assigned::DigitShape;
use crate::{Phone, Pii};

/// The facts of numbers that are remembered. A key is a country code and national digits.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// Whether a country assigns a number.
    assigned: OnceLock<Box<[AtomicU64]>>,
    /// How its country groups a number.
    pub(super) written: Recent<[DigitShape; 3]>,
    /// The number that digits are.
    pub(super) phones: Recent<Option<Pii<Phone>>>,
    /// The number that digits behind a `+` may be, and its national digits.
    pub(super) possible: Recent<Option<(Pii<Phone>, String)>>,
}

impl Memo {
    /// How many answers are remembered: 16 KiB of them.
    const SIZE: usize = 2048;

    /// The key of a number. A digit in front keeps zeros: 51 bits are enough for it and 15 digits, and 10 for the code.
    pub(super) fn key(code: u16, national: &[u8]) -> u64 {
        let digits = national.iter().fold(1, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
        u64::from(code) << 51 | digits
    }

    /// Whether a country assigns a number, which `answer` says if it is not remembered.
    pub(super) fn is_assigned(&self, key: u64, answer: impl FnOnce() -> bool) -> bool {
        let slots = self.assigned.get_or_init(|| (0..Self::SIZE).map(|_| AtomicU64::new(0)).collect());
        let place = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let slot = &slots[usize::try_from(place).unwrap_or_default() % Self::SIZE];
        let known = slot.load(Ordering::Relaxed);
        if known >> 1 == key {
            return known & 1 == 1;
        }
        let answer = answer();
        slot.store(key << 1 | u64::from(answer), Ordering::Relaxed);
        answer
    }
}

/// Answers of another kind.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<HashMap<u64, T>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Recent<T> {
    /// How many answers are remembered.
    const MOST: usize = 256;

    /// The answer for a key, which is made by `answer` if it is not remembered.
    pub(super) fn get(&self, key: u64, answer: impl FnOnce() -> T) -> T {
        let Ok(mut known) = self.0.lock() else { return answer() };
        if let Some(known) = known.get(&key) {
            return known.clone();
        }
        let answer = answer();
        if known.len() >= Self::MOST {
            known.clear();
        }
        known.insert(key, answer.clone());
        answer
    }
}
