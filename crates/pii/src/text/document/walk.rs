//! The walk over the values of a JSON document: it collects the strings that belong together.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use chrono::DateTime;
use serde_json::Number;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::super::placeholder::placeholder;
use super::super::resolve::Finds;
use super::super::{Find, Finder, Reading, json, labelled};
use super::fields::{PARTIES, SAID, SENDERS, SPEAKERS, WORDS, is_direction, is_said, stands_alone};
use super::fill::Apart;
use super::joined::{Eyes, Layout};
use super::pieces::{Belongs, Piece, Pieces, Put};
use super::rereading::hidden;
use super::scan::{Json, position, quoted};
use super::speakers::{self, Labels};
use super::{Case, DocumentError, Replaced, turns};

#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the field, and any of them go together")]
pub(super) struct Trail {
    path: u64,
    speaker: u64,
    array: u32,
    /// The field is one of those that hold words.
    is_word: bool,
    /// A number in it may be a word. The strings of a field such as `tokens` are the ids of a model.
    may_count: bool,
    alone: bool,
    is_label: bool,
    /// The field of the items of the array that says who speaks, as a hash of its name; 0 for none.
    turns: u64,
    /// Whether somebody speaks in the field.
    is_said: bool,
    /// Where its name is in the document; empty for none.
    name: (u32, u32),
}

/// Collects the strings of a document.
pub(super) struct JsonWalk<'w> {
    pub json: Json<'w>,
    pub case: &'w Case,
    pub finder: &'w Finder,
    pieces: Pieces,
    labels: Labels,
    arrays: u32,
    /// The number after a key that became equal to another key of its object.
    apart: HashMap<u32, String>,
    /// Figures: what they are by themselves, should nothing be found in what they are a part of.
    counters: Vec<(u32, Finds)>,
}

impl<'w> JsonWalk<'w> {
    pub(super) fn of(json: Json<'w>, case: &'w Case, finder: &'w Finder, first: usize) -> Self {
        Self {
            json,
            case,
            finder,
            pieces: Pieces::new(json.text.len(), first),
            labels: Labels::default(),
            arrays: 0,
            apart: HashMap::new(),
            counters: Vec::new(),
        }
    }
}

impl<'w> JsonWalk<'w> {
    /// Collects the strings of the items behind a place. Answers where the last one ends.
    pub(super) fn items(&mut self, start: usize, trail: Trail) -> Result<usize, DocumentError> {
        self.arrays += 1;
        let are_words = trail.is_word || self.json.items_behind(start).all(|item| self.json.byte(item) == b'"');
        let turns = turns::speaker_of(self.json, start).unwrap_or_default();
        let path = below(trail.path, "[]");
        let inner = Trail { path, array: self.arrays, is_word: are_words, turns, ..trail };
        let (mut end, mut inner) = (start, inner);
        if trail.turns == turns::ROWS
            && let Some(first) = self.json.item(start)
        {
            inner.speaker = below(0, self.json.text.get(first..self.json.end(first)).unwrap_or_default());
            let label = Trail { alone: true, is_label: true, ..inner };
            end = self.value(first, label)?;
        }
        while let Some(item) = self.json.item(end) {
            end = self.value(item, inner)?;
        }
        Ok(end)
    }

    /// Collects the strings of a value and of all that is in it. Answers where it ends.
    pub(super) fn value(&mut self, at: usize, trail: Trail) -> Result<usize, DocumentError> {
        match self.json.byte(at) {
            b'{' => self.object(at, trail),
            b'[' => {
                let end = self.items(at + 1, trail)?;
                Ok(self.json.space(end) + 1)
            }
            b'"' => self.string(at, trail, None),
            b'-' | b'0'..=b'9' => self.number(at, trail),
            _ => Ok(self.json.end(at)),
        }
    }

    fn object(&mut self, at: usize, trail: Trail) -> Result<usize, DocumentError> {
        let json = self.json;
        let is_turn = json.members(at).any(|member| SAID.contains(&json.read(member.key).as_ref()));
        let tells =
            |key: &str| SPEAKERS.contains(&key) || is_turn && (SENDERS.contains(&key) || PARTIES.contains(&key));
        let leads = |start: usize| is_turn && is_direction(json.text.get(start..json.end(start)).unwrap_or_default());
        let repeats = |key: &str| trail.turns != 0 && turns::hash(key) == trail.turns;
        let mut members = json.members(at);
        let speaker = json.members(at).find(|member| tells(&json.read(member.key.clone())));
        let speaker = speaker.or_else(|| members.find(|member| repeats(&json.read(member.key.clone()))));
        let speaker = speaker.or_else(|| json.members(at).find(|member| leads(member.value)));
        let says = |start: usize| json.text.get(start..json.end(start)).unwrap_or_default();
        let speaker = speaker.map_or(trail.speaker, |member| below(0, says(member.value)));
        let named = json.members(at).find(|member| json.read(member.key.clone()) == labelled::NAME);
        let named = named.map(|member| member.value..json.end(member.value));
        let named =
            named.filter(|name| json.byte(name.start) == b'"' && labelled::names_message_id(&json.read(name.clone())));
        let (mut end, mut is_renamed) = (at + 1, false);
        while let Some(member) = json.member(end) {
            let key = json.read(member.key.clone());
            let key = key.as_ref();
            is_renamed |= self.key(&member.key, key)?;
            let is_speaker = SPEAKERS.contains(&key) || is_turn && SENDERS.contains(&key) || repeats(key);
            let is_label = trail.is_label || is_speaker;
            let inner = Trail {
                path: below(trail.path, key),
                speaker,
                array: trail.array,
                is_word: WORDS.contains(&key),
                may_count: !["token", "tokens"].contains(&key),
                alone: trail.alone || is_label || stands_alone(key),
                is_label,
                turns: 0,
                is_said: is_said(key),
                name: match named.as_ref().filter(|_| key == labelled::VALUE) {
                    Some(name) => (position(name.start), position(name.end)),
                    None if labelled::is_generic(key) && labelled::is_for_thing(&self.name(trail)) => trail.name,
                    None => (position(member.key.start), position(member.key.end)),
                },
            };
            end = self.value(member.value, inner)?;
        }
        if is_renamed {
            self.keep_apart(at);
        }
        Ok(json.space(end) + 1)
    }

    /// Marks the identifiers of a key. Answers whether there are any.
    pub(super) fn key(&mut self, range: &Range<usize>, key: &str) -> Result<bool, DocumentError> {
        let finds = self.finder.read(&self.seen(key), Reading::Counter);
        if finds.is_empty() {
            return Ok(false);
        }
        let piece = self.pieces.settle(range.start, range.end);
        self.mark(piece, finds)?;
        Ok(true)
    }

    /// Keys that come out alike are kept apart.
    pub(super) fn keep_apart(&mut self, object: usize) {
        let json = self.json;
        let mut keys: Vec<u32> = json.members(object).map(|member| position(member.key.start)).collect();
        keys.sort_unstable_by(|one, other| json.order(*one, *other));
        let mut apart = Apart { json, keys: &keys, taken: HashSet::new(), next: HashMap::new() };
        for member in json.members(object) {
            let key = json.read(member.key.clone());
            let mut finds = self.finder.read(&self.seen(&key), Reading::Counter);
            if finds.is_empty() {
                continue;
            }
            finds.reverse();
            let mut anew = key.into_owned();
            for (range, find) in finds {
                anew.replace_range(range, &name_of(&find));
            }
            if let Some(other) = apart.keep(anew.clone(), |_| false) {
                let number = other.strip_prefix(&anew).unwrap_or_default().to_owned();
                self.apart.insert(position(member.key.start), number);
            }
        }
    }

    /// A number that is an identifier becomes a string; a word of digits may have become a number.
    fn number(&mut self, at: usize, trail: Trail) -> Result<usize, DocumentError> {
        let end = self.json.end(at);
        let mut finds = self.counter(&self.json.read(at..end));
        if !trail.is_said {
            self.finder.retain_labelled(&self.name(trail), &mut finds);
        }
        if trail.is_word && trail.may_count && !trail.alone {
            let piece = self.pieces.add(at, end, belongs(trail));
            if !finds.is_empty() {
                self.counters.push((piece, finds));
            }
        } else if !finds.is_empty() {
            let piece = self.pieces.settle(at, end);
            self.mark(piece, finds)?;
        }
        Ok(end)
    }

    /// The meaning of a number by itself.
    fn counter(&self, number: &str) -> Finds {
        if !number.contains(['.', 'e', 'E', '-']) {
            return self.finder.read(number, Reading::Counter);
        }
        let read = || number.parse::<f64>().ok().and_then(Number::from_f64);
        let is_whole = !number.contains(['.', 'e', 'E']);
        let written =
            if is_whole { number.to_owned() } else { read().map(|read| read.to_string()).unwrap_or_default() };
        let (_, finds) = json::read_number(self.finder, &written);
        finds.into_iter().map(|(_, find)| (0..number.len(), find)).take(1).collect()
    }

    /// Adds a string. If its identifier is known already, it is replaced as a whole. Returns its end.
    pub(super) fn string(&mut self, at: usize, trail: Trail, whole: Option<Put>) -> Result<usize, DocumentError> {
        let end = self.json.end(at);
        let text = self.json.read(at..end);
        let is_id = text.len() == Hyphenated::LENGTH && Uuid::parse_str(&text).is_ok();
        if whole.is_none() && (text.is_empty() || is_id || DateTime::parse_from_rfc3339(&text).is_ok()) {
            return Ok(end);
        }
        let is_known = whole.is_some();
        let is_unknown = trail.is_label && (is_known || self.case.forgotten) && !speakers::is_role(&text);
        if is_unknown {
            self.labels.add(&text, self.case)?;
        }
        let whole = whole.or_else(|| is_unknown.then_some(Put::Word));
        if let Some(put) = whole {
            let piece = self.pieces.settle(at, end);
            self.pieces.mark(piece, 0, text.len(), Some(put))?;
        } else if labelled::is_read_behind(|| self.name(trail), &text) {
            let finds = self.finder.find_behind(&self.name(trail), &self.seen(&text));
            let piece = self.pieces.settle(at, end);
            self.mark(piece, finds)?;
        } else {
            let stands_alone = trail.alone || is_decimal(&text) && !trail.is_word;
            let piece = self.pieces.add(at, end, if stands_alone { Belongs::Alone } else { belongs(trail) });
            if !trail.is_said && labelled::is_figure(&text) {
                self.figure(piece, &text, trail);
            }
        }
        Ok(end)
    }

    /// Notes a figure of a field that nobody speaks, and what it is behind the name of the field.
    fn figure(&mut self, piece: u32, figure: &str, trail: Trail) {
        let name = self.name(trail);
        let is_labelled = labelled::is_long(figure) && !name.is_empty();
        self.pieces.figure(piece, is_labelled);
        if is_labelled {
            let finds = self.finder.find_labelled(&name, figure);
            if !finds.is_empty() {
                self.counters.push((piece, finds));
            }
        }
    }

    /// The name of a field.
    fn name(&self, trail: Trail) -> Cow<'w, str> {
        let (start, end) = (trail.name.0 as usize, trail.name.1 as usize);
        if start < end { self.json.read(start..end) } else { Cow::Borrowed("") }
    }

    fn mark(&mut self, piece: u32, finds: Finds) -> Result<(), DocumentError> {
        for (range, find) in finds {
            self.pieces.mark(piece, range.start, range.end, Some(Put::Find(find)))?;
        }
        Ok(())
    }

    /// A key as the finder is to see it.
    fn seen<'k>(&self, key: &'k str) -> Cow<'k, str> {
        if self.case.stored { hidden(key) } else { Cow::Borrowed(key) }
    }

    /// Looks through what was collected, and writes the document without what identifies somebody.
    pub(super) fn replace(mut self) -> Result<Option<Replaced>, DocumentError> {
        let json = self.json;
        let read = |piece: Piece| json.read(piece.start as usize..piece.end as usize);
        let eyes = Eyes::new(self.finder, self.labels.names());
        let layout = Layout { spaced: true, wraps: false, stored: self.case.stored };
        eyes.mark(&mut self.pieces, &read, layout)?;
        if !self.counters.is_empty() {
            let marked: BTreeSet<u32> = self.pieces.marks.iter().map(|mark| mark.piece).collect();
            for (piece, finds) in std::mem::take(&mut self.counters) {
                if !marked.contains(&piece) {
                    self.mark(piece, finds)?;
                }
            }
        }
        if self.pieces.marks.is_empty() {
            return Ok(None);
        }
        self.pieces.sort_for_writing();
        let mut written = String::with_capacity(json.text.len());
        let (mut end, mut at) = (0, 0);
        while let Some(mark) = self.pieces.marks.get(at).copied() {
            let marks = at..at + self.pieces.marks_at(at).len();
            at = marks.end;
            let piece = self.pieces.list[mark.piece as usize];
            written.push_str(&json.text[end..piece.start as usize]);
            let mut says = String::new();
            self.pieces.write(&read(piece), marks, &mut says);
            says.push_str(self.apart.get(&piece.start).map_or("", String::as_str));
            written.push_str(&quoted(&says));
            end = piece.end as usize;
        }
        written.push_str(&json.text[end..]);
        Ok(Some((written, self.pieces.into_mentions())))
    }
}

impl Trail {
    /// The trail of a field below one.
    pub(super) fn field(self, key: &str) -> Self {
        let is_said = is_said(key);
        Self { path: below(self.path, key), alone: self.alone || stands_alone(key), is_said, ..self }
    }

    pub(super) fn label() -> Self {
        Self { alone: true, is_label: true, ..Self::default() }
    }
}

/// Whether a string is a price, a score, or another decimal: in a row of such nobody speaks.
fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(whole, fraction)| is_digits(whole) && is_digits(fraction))
}

/// Strings of one speaker in the same place of the structure are one text. The words of one array belong together, and
/// a turn is separate.
fn belongs(trail: Trail) -> Belongs {
    let mut hasher = DefaultHasher::new();
    (trail.path, trail.speaker).hash(&mut hasher);
    Belongs::With { key: hasher.finish(), part: trail.is_word.then_some(trail.array) }
}

/// The name of a match in the comparison of keys.
fn name_of(find: &Find) -> String {
    let mut hasher = DefaultHasher::new();
    match find {
        Find::Identifier(found) => found.hash(&mut hasher),
        Find::Suppressed(what) => return what.word().to_owned(),
        Find::Rest => return String::new(),
    }
    placeholder(usize::try_from(hasher.finish() >> 1).unwrap_or(usize::MAX))
}

fn below(path: u64, step: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (path, step).hash(&mut hasher);
    hasher.finish()
}
