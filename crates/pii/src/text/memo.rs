//! Answers that were given for one text: hostile texts repeat their digits, and a text is read up to four times. An
//! answer that another one has taken the place of is given again.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use super::assigned::DigitShape;
use crate::{Phone, Pii};

/// The most digits of a number that is remembered.
const LONGEST: usize = 15;

/// A country code and national digits. None is remembered of longer numbers than E.164 has, since two of them could have
/// one key.
pub(super) type MemoKey = Option<u64>;

/// The facts of numbers that are remembered.
#[derive(Default)]
pub(super) struct Memo {
    /// How its country groups a number.
    pub(super) written: Recent<[DigitShape; 3]>,
    /// The number that digits are.
    pub(super) phones: Recent<Option<Pii<Phone>>>,
    /// The number that digits behind a `+` may be, and its national digits.
    pub(super) possible: Recent<Option<(Pii<Phone>, String)>>,
}

impl Memo {
    /// The key of a number. A digit in front keeps zeros: 51 bits are enough for it and 15 digits, and 10 for the code.
    pub(super) fn key(code: u16, national: &[u8]) -> MemoKey {
        if national.len() > LONGEST {
            return None;
        }
        let digits = national.iter().fold(1, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
        Some(u64::from(code) << 51 | digits)
    }
}

/// The keys are numbers of people, so they are never shown.
impl fmt::Debug for Memo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Memo(..)")
    }
}

/// Answers of another kind.
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
    pub(super) fn get(&self, key: MemoKey, answer: impl FnOnce() -> T) -> T {
        let (Some(key), Ok(mut known)) = (key, self.0.lock()) else { return answer() };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_numbers_share_an_answer() {
        assert_eq!(Memo::key(81, b"12345678901234567"), None, "Japan has numbers of 17 digits");
        let keys = [(47, "91827364"), (47, "091827364"), (4, "791827364"), (91, "999999999999999"), (81, "0")];
        let keys = keys.map(|(code, digits)| Memo::key(code, digits.as_bytes()).unwrap());
        assert!((1..keys.len()).all(|no| !keys[..no].contains(&keys[no])), "{keys:?}");
        let memo = Memo::default();
        assert_eq!(format!("{memo:?}"), "Memo(..)");
        assert!(memo.phones.get(None, || None).is_none(), "nothing is remembered");
    }
}
