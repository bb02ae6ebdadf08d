//! Tags of HTML, of captions, and of those who write down what they hear (`<pause>`).

use super::{Kind, Layer};
use crate::text::digits::next_byte;

/// The longest tag, and the longest comment.
const LONGEST: usize = 1_024;

/// Tags that stand inside of a word.
const INLINE: [&str; 24] = [
    "a", "abbr", "b", "bdi", "bdo", "big", "c", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "s", "samp",
    "small", "span", "strong", "sub", "sup", "u", "wbr",
];

/// Tags that lines end with.
const BLOCKS: [&str; 20] = [
    "address",
    "article",
    "blockquote",
    "body",
    "br",
    "div",
    "dd",
    "dl",
    "dt",
    "h1",
    "h2",
    "h3",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "ul",
    "tr",
];

/// The cells of a table: what is in two of them is never read together.
const CELLS: [&str; 2] = ["td", "th"];

/// A text without its tags.
pub(super) fn tags(text: &str) -> Option<Layer> {
    let mut layer = Layer::default();
    let mut comments = CommentEnds { text, next: Some(0) };
    let mut from = 0;
    while let Some(start) = next_byte(text, b'<', from) {
        from = start + 1;
        let Some((end, instead)) = tag(text, start, &mut comments) else { continue };
        layer.change(text, start..end, instead, Kind::Frame);
        from = end;
    }
    layer.end(text)
}

/// The ends of comments. A hostile text has many beginnings and no end, so what was found is remembered.
struct CommentEnds<'t> {
    text: &'t str,
    /// Behind the end that was found last, or before all of them. `None` if there is no other.
    next: Option<usize>,
}

impl CommentEnds<'_> {
    /// The end of the comment that begins at a place. Places come in their order.
    fn of(&mut self, start: usize) -> Option<usize> {
        const END: &str = "-->";
        if self.next? < start + END.len() {
            self.next = self.text[start..].find(END).map(|ahead| start + ahead + END.len());
        }
        self.next
    }
}

/// Where a tag ends, and what is read in its place.
fn tag(text: &str, start: usize, comments: &mut CommentEnds) -> Option<(usize, &'static str)> {
    let near = &text[start..text.floor_char_boundary(start + LONGEST)];
    if near.starts_with("<!--") {
        return comments.of(start).filter(|end| *end <= start + near.len()).map(|end| (end, ""));
    }
    let inner = &near[1..near.find('>')?];
    let end = start + inner.len() + 2;
    if inner.contains(['<', '@']) && !inner.contains('=') {
        return None;
    }
    let is_time = inner.len() > 4 && inner.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
    if is_time && inner.contains(':') {
        return Some((end, ""));
    }
    let name = inner.trim_start_matches('/');
    let length = name.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':')).count();
    let (name, rest) = name.split_at(length);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !is_name || !(rest.is_empty() || rest.starts_with([' ', '/', '\n', '\r', '\t', '.'])) {
        return None;
    }
    // `kari<at>example<dot>no`.
    if rest.is_empty() && (name.eq_ignore_ascii_case("at") || name.eq_ignore_ascii_case("dot")) {
        return None;
    }
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let instead = if is_one_of(&INLINE) {
        ""
    } else if is_one_of(&CELLS) {
        "\u{1F}"
    } else if is_one_of(&BLOCKS) {
        "\n"
    } else {
        " "
    };
    Some((end, instead))
}
