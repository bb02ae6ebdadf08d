//! HTML: text between tags, attributes, comments, scripts, and styles.
//!
//! The words of a line are one text, whatever tags of the kind of `<b>` are between them. So are the lines and paragraphs that
//! follow one another, but not the cells of a table. The values of attributes are looked
//! through one by one, and so is what is inside of a comment, a script, or a style.

use std::borrow::Cow;
use std::ops::Range;

use super::super::Finder;
use super::joined::{Eyes, Layout};
use super::pieces::{Belongs, Piece, Pieces};
use super::signs::escape_read;
use super::speakers::{Labels, labels_of_lines};
use super::{Case, DocumentError, Replaced, cells};
use crate::references::unescape;

/// Elements that are part of a line of text: all others begin a line.
const INLINE: [&str; 36] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "mark", "nobr", "o:p", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub",
    "sup", "time", "tt", "u", "wbr",
];

/// Elements whose neighbours are no part of one text, so that no row of figures becomes a number.
const CELLS: [&str; 5] = ["option", "table", "td", "th", "tr"];

/// The ones that begin a row.
const ROWS: [&str; 3] = ["option", "table", "tr"];

/// Elements that a text which is plainly HTML begins with.
const FIRST: [&str; 20] = [
    "!doctype", "html", "head", "body", "div", "p", "table", "span", "b", "i", "strong", "em", "font", "ul", "ol",
    "h1", "h2", "h3", "a", "section",
];

/// The pieces of a page.
struct HtmlPage<'t> {
    text: &'t str,
    pieces: Pieces,
    /// The key of its text.
    key: u64,
    /// Whether the next text belongs to another cell than the text before it, and whether also to another row.
    is_apart: bool,
    is_row: bool,
    /// The lines and paragraphs of all cells.
    line: u32,
    /// The line of the last text.
    last: Option<u32>,
}

/// Replaces what identifies somebody; `None` where nothing does.
pub(super) fn tokenize(
    text: &str,
    case: &Case,
    finder: &Finder,
    first: usize,
) -> Result<Option<Replaced>, DocumentError> {
    finish(text, read_part(text, 0..text.len(), Pieces::new(text.len(), first), 0), case, finder)
}

/// Adds the pieces of a page that is part of a text, with a key of its own.
pub(super) fn read_part(text: &str, range: Range<usize>, pieces: Pieces, key: u64) -> Pieces {
    let mut page = HtmlPage { text, pieces, key, is_apart: false, is_row: false, line: 0, last: None };
    page.read(range);
    page.pieces
}

/// Looks through pieces of text, of which those with signs are HTML, and writes the text without what identifies somebody.
pub(super) fn finish(
    text: &str,
    pieces: Pieces,
    case: &Case,
    finder: &Finder,
) -> Result<Option<Replaced>, DocumentError> {
    finish_with(text, pieces, Labels::default(), case, finder)
}

/// The same, where some names are known to be somebody's.
pub(super) fn finish_with(
    text: &str,
    mut pieces: Pieces,
    mut labels: Labels,
    case: &Case,
    finder: &Finder,
) -> Result<Option<Replaced>, DocumentError> {
    for piece in pieces.list.iter().filter(|_| case.forgotten) {
        for label in labels_of_lines(&says(text, *piece)) {
            labels.add(label, case)?;
        }
    }
    let known = cells::find(&pieces, &|piece| says(text, piece), finder);
    let eyes = Eyes { known, ..Eyes::new(finder, labels.names()) };
    let layout = Layout { spaced: false, wraps: true, stored: case.stored };
    eyes.mark(&mut pieces, &|piece| says(text, piece), layout)?;
    if pieces.marks.is_empty() {
        return Ok(None);
    }
    pieces.sort_for_writing();
    let mut written = String::with_capacity(text.len());
    let (mut end, mut at) = (0, 0);
    while let Some(mark) = pieces.marks.get(at).copied() {
        let marks = at..at + pieces.marks_at(at).len();
        at = marks.end;
        let piece = pieces.list[mark.piece as usize];
        written.push_str(&text[end..piece.start as usize]);
        let mut new = String::new();
        pieces.write(&says(text, piece), marks, &mut new);
        written.push_str(&if piece.is_signed() { escape(&new) } else { new });
        end = piece.end as usize;
    }
    written.push_str(&text[end..]);
    Ok(Some((written, pieces.into_mentions())))
}

/// A text as HTML writes it, also inside of the quotes of an attribute.
pub(super) fn escape(text: &str) -> String {
    escape_read(text).replace('"', "&quot;").replace('\'', "&#39;").replace('\u{A0}', "&nbsp;")
}

/// The text of a piece.
fn says(text: &str, piece: Piece) -> Cow<'_, str> {
    let raw = &text[piece.start as usize..piece.end as usize];
    unescape(raw).filter(|_| piece.is_signed()).map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// Whether a text is plainly a page, or a part of one: it begins with a tag, and some tag ends.
pub(super) fn is_one(text: &str) -> bool {
    let text = text.trim_start();
    let Some(name) = text.strip_prefix('<').map(|rest| name_of(rest).to_ascii_lowercase()) else { return false };
    FIRST.contains(&name.as_str())
        && (name == "!doctype" || name == "html" || text.contains("</") || text.contains("/>"))
}

/// The name of the element at the beginning of the inside of a tag.
fn name_of(inside: &str) -> &str {
    let end = inside.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '<')).unwrap_or(inside.len());
    &inside[..end]
}

/// Whether a name can only be that of an element, such as `h1` or `o:p`. Where people write, an address or a number may be
/// between angle brackets, and a browser reads it as an element. It does so with declarations, too: `<![CDATA[98765432]]>`.
fn is_plain_name(name: &str) -> bool {
    let name = name.strip_prefix('/').unwrap_or(name);
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':'))
        && name.bytes().filter(u8::is_ascii_digit).count() < 2
}

impl HtmlPage<'_> {
    fn read(&mut self, range: Range<usize>) {
        let (mut at, end) = (range.start, range.end);
        while at < end {
            let open =
                self.text[at..end].match_indices('<').map(|(open, _)| at + open).find(|open| self.is_tag(*open, end));
            self.add(at..open.unwrap_or(end), true);
            let Some(open) = open else { return };
            at = self.tag(open, end);
        }
    }

    /// Whether a tag or a comment begins at a `<`.
    fn is_tag(&self, open: usize, end: usize) -> bool {
        let next = self.text[open + 1..end].chars().next();
        next.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
    }

    /// Adds what is inside of a tag, and what belongs to its element and is no text. Gives the place behind it.
    fn tag(&mut self, open: usize, end: usize) -> usize {
        let (text, inside) = (self.text, open + 1);
        if text[inside..end].starts_with("!--") {
            let close = text[inside..end].find("-->").map_or(end, |close| inside + close);
            self.add((inside + 3).min(close)..close, false);
            return (close + 3).min(end);
        }
        let name = name_of(text[inside..end].trim_start_matches('/')).to_ascii_lowercase();
        if CELLS.contains(&name.as_str()) {
            (self.is_apart, self.last) = (true, None);
            self.is_row |= ROWS.contains(&name.as_str());
        } else if !INLINE.contains(&name.as_str()) {
            self.line += 1;
        }
        let close = self.attributes(inside, end);
        if !matches!(name.as_str(), "script" | "style") || text[inside..end].starts_with('/') {
            return close;
        }
        let ending = format!("</{name}");
        let stop = find_ignoring_case(&text[close..end], &ending).map_or(end, |stop| close + stop);
        self.add(close..stop, false);
        stop
    }

    /// Adds the values of attributes, and the name of an element if it may be something else. Gives the place behind the tag.
    fn attributes(&mut self, from: usize, end: usize) -> usize {
        let name = name_of(&self.text[from..end]);
        let mut at = from + name.len();
        let mut start = if is_plain_name(name) { at } else { from };
        while let Some(c) = self.text[at..end].chars().next() {
            match c {
                '>' => {
                    self.other(start..at);
                    return at + 1;
                }
                '"' | '\'' => {
                    self.other(start..at);
                    let value = at + 1;
                    let close = self.text[value..end].find(c).map_or(end, |close| value + close);
                    self.value(value..close);
                    at = (close + 1).min(end);
                    start = at;
                }
                _ => at += c.len_utf8(),
            }
        }
        self.other(start..end);
        end
    }

    /// Adds names of attributes and values without quotes, if there may be anything in them.
    fn other(&mut self, range: Range<usize>) {
        if self.text[range.clone()].contains(|c: char| c == '@' || c.is_numeric() || c == '=') {
            self.add(range, false);
        }
    }

    /// Adds the value of an attribute, which has signs like text.
    fn value(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            let piece = self.pieces.add(range.start, range.end, Belongs::Alone);
            self.pieces.sign(piece);
        }
    }

    /// Adds a stretch: text of a block, with signs, or something that is looked through by itself.
    fn add(&mut self, range: Range<usize>, is_text: bool) {
        if range.is_empty() {
            return;
        }
        if !is_text {
            self.pieces.add(range.start, range.end, Belongs::Alone);
            return;
        }
        // A space that a line begins with divides nothing, and there is one between most tags.
        if self.last != Some(self.line) && self.text[range.clone()].trim().is_empty() {
            return;
        }
        self.last = Some(self.line);
        let line = Belongs::With { key: self.key, part: Some(self.line) };
        let piece = self.pieces.add(range.start, range.end, line);
        self.pieces.sign(piece);
        if std::mem::take(&mut self.is_apart) {
            self.pieces.cell(piece, std::mem::take(&mut self.is_row));
        }
    }
}

fn find_ignoring_case(text: &str, what: &str) -> Option<usize> {
    text.as_bytes().windows(what.len()).position(|window| window.eq_ignore_ascii_case(what.as_bytes()))
}
