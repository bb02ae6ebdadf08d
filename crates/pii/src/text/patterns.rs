//! A tenant's own patterns: customer numbers, plates, policy numbers (D16).
//!
//! A match is redacted as a card is. All patterns of a tenant are one automaton, so a text is searched once, in linear
//! time. The size of the automaton and of its memory is bounded. Like a card, a match is nobody's identifier, so nothing
//! keeps its value.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, RwLock};

use regex_automata::meta::{Config, Regex};
use regex_syntax::hir::Hir;
use serde::{Deserialize, Serialize};

use super::decode::Decoded;
use super::resolve::{self, Finds};
use super::suppressed::Suppressed;
use super::{Find, Reading};

/// The most patterns of a tenant.
pub const MOST_PATTERNS: usize = 20;

/// The longest name of a pattern, in characters.
const LONGEST_NAME: usize = 40;

/// The longest expression, in characters.
const LONGEST_REGEX: usize = 500;

/// How deep an expression may be nested.
const DEEPEST: u32 = 50;

/// The size of the automaton of one pattern, and of all patterns of a tenant, in bytes.
const LARGEST: usize = 512 << 10;
const LARGEST_OF_ALL: usize = 1 << 20;

/// The memory in which the automaton notes the states that it has met, in bytes.
const LARGEST_CACHE: usize = 512 << 10;

/// For how many tenants the automaton is kept.
const MOST_KEPT: usize = 16;

/// A name and a regular expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pattern {
    /// The word in brackets that replaces a match.
    pub name: String,
    /// The expression, in the syntax of the crate `regex`.
    pub regex: String,
}

/// Why a pattern is refused. It never quotes the pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("must have 1 to 40 letters, digits, spaces, hyphens, dots, and underscores, and begin with a letter")]
    Name,
    #[error("must be at most 500 characters")]
    Long,
    /// It is no regular expression: the reason, and the character from which on, counted from 1.
    #[error("must be a regular expression: {reason} at character {at}")]
    Syntax { reason: String, at: usize },
    #[error("must not match the empty text")]
    Empty,
    #[error("is too large: use smaller counts of repetitions, or write (?-u) before classes such as \\w")]
    Large,
}

impl Pattern {
    pub fn check_name(name: &str) -> Result<(), PatternError> {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '_');
        let is_name = name.starts_with(char::is_alphabetic)
            && name.chars().all(is_part)
            && !name.ends_with(' ')
            && name.chars().count() <= LONGEST_NAME;
        if is_name { Ok(()) } else { Err(PatternError::Name) }
    }

    pub fn check_regex(regex: &str) -> Result<(), PatternError> {
        if regex.chars().nth(LONGEST_REGEX).is_some() {
            return Err(PatternError::Long);
        }
        let parsed = parse(regex)?;
        if parsed.properties().minimum_len().is_none_or(|shortest| shortest == 0) {
            // An expression that matches nothing at all is of no use either.
            return Err(PatternError::Empty);
        }
        automaton(&[parsed], LARGEST).map(drop).ok_or(PatternError::Large)
    }

    fn word(&self) -> Arc<str> {
        format!("[{}]", self.name).into()
    }
}

fn parse(regex: &str) -> Result<Hir, PatternError> {
    let parsed = regex_syntax::ParserBuilder::new().nest_limit(DEEPEST).build().parse(regex);
    parsed.map_err(|error| {
        let (reason, offset) = match &error {
            regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.offset),
            regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start.offset),
            _ => ("it cannot be read".to_owned(), 0),
        };
        let at = 1 + regex.get(..offset).map_or(0, |before| before.chars().count());
        PatternError::Syntax { reason, at }
    })
}

/// One automaton of several expressions; `None` if it would be larger than a limit.
fn automaton(parsed: &[Hir], largest: usize) -> Option<Regex> {
    let config = Config::new()
        .nfa_size_limit(Some(largest))
        .onepass_size_limit(Some(LARGEST_CACHE))
        .hybrid_cache_capacity(LARGEST_CACHE);
    Regex::builder().configure(config).build_many_from_hir(parsed).ok()
}

/// The patterns of a tenant, ready for searching. A copy is cheap.
#[derive(Clone, Default)]
pub struct Patterns(Option<Arc<Compiled>>);

struct Compiled {
    regex: Regex,
    /// The word of each pattern.
    words: Vec<Arc<str>>,
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patterns").field("patterns", &self.0.as_ref().map_or(0, |all| all.words.len())).finish()
    }
}

impl Patterns {
    /// The patterns of a setting that was checked when it came in. The automaton is kept for the next text.
    #[must_use]
    pub fn of(patterns: &[Pattern]) -> Self {
        static KNOWN: LazyLock<RwLock<HashMap<Vec<Pattern>, Patterns>>> = LazyLock::new(RwLock::default);
        if patterns.is_empty() {
            return Self::default();
        }
        if let Some(known) = KNOWN.read().ok().and_then(|known| known.get(patterns).cloned()) {
            return known;
        }
        let compiled = Self(Self::compile(patterns).map(Arc::new));
        if let Ok(mut known) = KNOWN.write() {
            if known.len() >= MOST_KEPT {
                known.clear();
            }
            known.insert(patterns.to_vec(), compiled.clone());
        }
        compiled
    }

    fn compile(patterns: &[Pattern]) -> Option<Compiled> {
        let parsed: Vec<_> = patterns.iter().filter_map(|one| Some((parse(&one.regex).ok()?, one.word()))).collect();
        let (parsed, words): (Vec<_>, Vec<_>) = parsed.into_iter().unzip();
        Some(Compiled { regex: automaton(&parsed, LARGEST_OF_ALL)?, words })
    }

    /// Whether patterns are small enough together. Each of them was checked before.
    #[must_use]
    pub fn fit(patterns: &[Pattern]) -> bool {
        patterns.is_empty() || Self::compile(patterns).is_some()
    }

    /// The matches in a text. Where two match at one place, the first pattern of the list counts. In the texts of
    /// programs, a match counts only as a whole word: six digits of a counter are no customer number.
    pub(super) fn find(&self, text: &str, reading: Reading) -> Finds {
        let Some(compiled) = self.0.as_deref() else { return Vec::new() };
        let Some(decoded) = Decoded::of(text) else { return compiled.find(text, reading) };
        let mut found = resolve::placed(&decoded, compiled.find(decoded.text(), reading));
        resolve::sort(&mut found);
        found
    }
}

impl Compiled {
    /// The matches of a text that is decoded, outside of its tags and within each.
    fn find(&self, text: &str, reading: Reading) -> Finds {
        let Some(plain) = Decoded::without_tags(text) else { return self.find_plain(text, reading) };
        let mut found = resolve::placed(&plain, self.find_plain(plain.text(), reading));
        resolve::sort(&mut found);
        if let Some(tags) = plain.only_tags(text) {
            resolve::add(&mut found, resolve::placed(&tags, self.find_plain(tags.text(), reading)));
        }
        found
    }

    fn find_plain(&self, text: &str, reading: Reading) -> Finds {
        let Self { regex, words } = self;
        regex
            .find_iter(text)
            .filter(|found| {
                !found.is_empty() && (reading == Reading::Text || is_word(text, found.start(), found.end()))
            })
            .filter_map(|found| {
                let word = Arc::clone(words.get(found.pattern().as_usize())?);
                Some((found.range(), Find::Suppressed(Suppressed::Pattern(word))))
            })
            .collect()
    }
}

/// Whether neither a letter nor a digit, nor a sign of a number, is at either end of a range.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
    !text[..start].ends_with(goes_on) && !text[end..].starts_with(goes_on)
}
