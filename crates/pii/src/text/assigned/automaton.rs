//! The numbers that the regions of a country code assign, as one automaton: a table that is read once for each digit.
//!
//! The library has an expression for each kind of number of each region, and compares a number with ten of them and
//! more. A row of figures has several readings at each of its figures, so that was most of the time of a hostile text.
//! The library does not show its expressions. So `scripts/phone-numbers` writes them into a file.

use std::collections::HashMap;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};
use rlibphonenumber::Region as PhoneRegion;

/// A line is a region: its country code, its name, the expression of what is dialled before its numbers, that of its
/// first digits, and the lengths and the expression of all its numbers and of each kind of them.
const NUMBERS: &str = include_str!("numbers.tsv");

/// The most bytes that an automaton may take while it is made.
const MOST_BYTES: usize = 16 << 20;

/// The lengths of numbers. Bit `n` means `n` digits.
type Lengths = u32;

/// The state from which no number is reached.
const DEAD: u16 = 0;
const START: u16 = 1;

#[derive(Debug)]
pub(super) struct Automaton {
    states: Vec<DigitState>,
    /// The digits that are dialled before the numbers at home; `None` if a region tells them by an expression.
    prefixes: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
struct DigitState {
    next: [u16; 10],
    /// The lengths of the numbers that end here.
    ends: Lengths,
}

impl Automaton {
    /// The automaton of the regions that share a country code, in their order; `None` if a region is not in the file, or
    /// if the automaton would be too large.
    pub(super) fn of(code: u16, regions: &[PhoneRegion]) -> Option<Self> {
        let mut expressions = Expressions::default();
        for region in regions {
            let written = format!("{code}\t{}\t", region.as_region_str().as_str());
            expressions.add(NUMBERS.lines().find_map(|line| line.strip_prefix(&written))?)?;
        }
        expressions.automaton()
    }

    /// Whether the library takes all digits for the number, and none for what is dialled before it.
    pub(super) fn keeps(&self, national: &[u8]) -> bool {
        let is_begun = |prefix: &String| national.starts_with(prefix.as_bytes());
        self.prefixes.as_ref().is_some_and(|prefixes| !prefixes.iter().any(is_begun))
    }

    /// Whether a number is assigned.
    pub(super) fn has(&self, national: &[u8]) -> bool {
        let mut state = START;
        for digit in national {
            state = self.states[usize::from(state)].next[usize::from(digit - b'0')];
            if state == DEAD {
                return false;
            }
        }
        national.len() < 32 && self.states[usize::from(state)].ends >> national.len() & 1 == 1
    }
}

/// Whether no region of a country code has an expression of what is dialled before its numbers.
pub(super) fn has_no_prefix(code: u16) -> bool {
    let code = format!("{code}\t");
    let mut regions = NUMBERS.lines().filter_map(|line| line.strip_prefix(&code)).peekable();
    regions.peek().is_some() && regions.all(|region| region.split('\t').nth(1) == Some(""))
}

/// The expressions of some regions, and what they mean.
#[derive(Default)]
struct Expressions {
    all: Vec<String>,
    prefixes: Vec<String>,
    regions: Vec<RegionExpressions>,
}

struct RegionExpressions {
    /// The expression of its first digits, if only it has them.
    first: Option<usize>,
    /// The expression of all its numbers and of each kind of them, and the lengths that these may have.
    kinds: Vec<(usize, Lengths)>,
}

impl Expressions {
    fn add(&mut self, region: &str) -> Option<()> {
        let (prefix, rest) = region.split_once('\t')?;
        let (first, kinds) = rest.split_once('\t')?;
        if !prefix.is_empty() && !self.prefixes.iter().any(|known| known == prefix) {
            self.prefixes.push(prefix.to_owned());
        }
        let mut expression = |written: String| {
            self.all.push(written);
            self.all.len() - 1
        };
        let first = (!first.is_empty()).then(|| expression(format!("^(?:{first})[0-9]*$")));
        let kinds = kinds.split('\t').filter_map(|kind| kind.split_once(':'));
        let kinds = kinds.map(|(lengths, written)| {
            let lengths = lengths.split(',').filter_map(|length| length.parse::<u32>().ok());
            let lengths = lengths.fold(0, |lengths, length| lengths | 1_u32.checked_shl(length).unwrap_or_default());
            // A kind without lengths of its own has those of all numbers.
            (expression(format!("^(?:{written})$")), if lengths == 0 { Lengths::MAX } else { lengths })
        });
        let kinds = kinds.collect();
        self.regions.push(RegionExpressions { first, kinds });
        Some(())
    }

    /// The lengths of the numbers that end where some expressions match. As in the library, the first region that has
    /// the first digits or the number decides.
    fn ends(&self, matched: &[usize]) -> Lengths {
        let (mut ends, mut open) = (0, Lengths::MAX);
        for region in &self.regions {
            let of = |(expression, lengths): &(usize, _)| if matched.contains(expression) { *lengths } else { 0 };
            let mut kinds = region.kinds.iter().map(of);
            let has = kinds.next().unwrap_or_default() & kinds.fold(0, |all, lengths| all | lengths);
            ends |= open & has;
            open &= !has;
            if region.first.is_some_and(|first| matched.contains(&first)) {
                break;
            }
        }
        ends
    }

    fn automaton(&self) -> Option<Automaton> {
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Anchored)
            .accelerate(false)
            .dfa_size_limit(Some(MOST_BYTES))
            .determinize_size_limit(Some(MOST_BYTES));
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(&self.all)
            .ok()?;
        let begin = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
        let mut known: HashMap<StateID, u16> = HashMap::from([(begin, START)]);
        let mut order = vec![begin];
        let mut states = vec![DigitState { next: [DEAD; 10], ends: 0 }];
        while let Some(id) = order.get(states.len() - 1).copied() {
            let mut next = [DEAD; 10];
            for (digit, place) in (b'0'..).zip(&mut next) {
                let follows = dfa.next_state(id, digit);
                if dfa.is_dead_state(follows) {
                    continue;
                }
                let new = u16::try_from(order.len() + 1).ok()?;
                *place = *known.entry(follows).or_insert_with(|| {
                    order.push(follows);
                    new
                });
            }
            let end = dfa.next_eoi_state(id);
            let count = if dfa.is_match_state(end) { dfa.match_len(end) } else { 0 };
            let matched: Vec<usize> = (0..count).map(|at| dfa.match_pattern(end, at).as_usize()).collect();
            states.push(DigitState { next, ends: self.ends(&matched) });
        }
        let is_plain = |prefix: &String| prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefixes = self.prefixes.iter().all(is_plain).then(|| self.prefixes.clone());
        Some(Automaton { states, prefixes })
    }
}

#[cfg(test)]
mod tests {
    use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

    use super::*;
    use crate::text::assigned::Assigned;

    /// The answer of the library.
    fn is_valid(code: u16, national: &[u8]) -> bool {
        let zeros = national.iter().take_while(|digit| **digit == b'0').count().min(national.len() - 1);
        PHONE_NUMBER_UTIL.is_valid_number(&PhoneNumber {
            country_code: i32::from(code),
            national_number: std::str::from_utf8(national).unwrap().parse().unwrap(),
            italian_leading_zero: (zeros > 0).then_some(true),
            number_of_leading_zeros: i32::try_from(zeros).ok().filter(|zeros| *zeros > 1),
            ..PhoneNumber::default()
        })
    }

    #[test]
    fn the_file_is_that_of_the_librarys_version() {
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
        let (_, library) = lock.split_once("name = \"rlibphonenumber\"\nversion = \"").unwrap();
        let (version, _) = library.split_once('"').unwrap();
        let written = NUMBERS.lines().next().unwrap();
        assert!(written.contains(&format!("rlibphonenumber {version} ")), "run scripts/phone-numbers");
    }

    /// Numbers of every length and country: by chance, and by chance behind the beginning of an example.
    #[test]
    fn an_automaton_has_the_numbers_that_the_library_has() {
        let mut state = 7_u64;
        let mut draw = |most: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % most
        };
        let (mut valid, mut all) = (0, 0);
        for code in 1..1000 {
            let Some(assigned) = Assigned::of(code) else { continue };
            let automaton = assigned.automaton().expect("each country code has an automaton");
            assert!(automaton.states.len() < 4_000, "+{code} has {} states", automaton.states.len());
            let regions = PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(i32::from(code)).unwrap();
            let examples = regions.filter_map(|region| PHONE_NUMBER_UTIL.get_example_number(region).ok());
            let mut examples: Vec<String> =
                examples.map(|number| rlibphonenumber::get_national_significant_number_owned(&number)).collect();
            examples.push(String::new());
            for length in (2..=16).filter(|length| assigned.has_length(*length)) {
                for _ in 0..200 {
                    let example = examples[draw(examples.len())].as_bytes();
                    let kept = draw(7).min(example.len()).min(length);
                    let drawn = (kept..length).map(|_| b"0123456789"[draw(10)]);
                    let national: Vec<u8> = example[..kept].iter().copied().chain(drawn).collect();
                    let expected = is_valid(code, &national);
                    valid += usize::from(expected);
                    all += 1;
                    let shown = format!("+{code}{}", String::from_utf8_lossy(&national));
                    assert_eq!(automaton.has(&national), expected, "{shown}");
                    if expected && automaton.keeps(&national) {
                        let read = PHONE_NUMBER_UTIL.parse(&shown, None).unwrap();
                        assert_eq!(PHONE_NUMBER_UTIL.format(&read, PhoneNumberFormat::E164), shown);
                    }
                }
            }
        }
        assert!(valid * 5 > all, "{valid} of {all} numbers are assigned");
    }
}
