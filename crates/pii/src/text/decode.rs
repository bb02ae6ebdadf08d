//! The encodings of a text: transfer encodings, escapes, and entities. Each layer is undone once, and every character
//! of the result knows its bytes of the text.
//!
//! An escape that is escaped itself, as in `%2520` or `\\n`, is one escape. Bytes that mean nothing in an encoding stay as
//! they are, so that hostile or broken input is read as it is written.

mod escapes;
mod tags;
mod transfer;
mod widths;

use std::ops::Range;

/// How a change of a text came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The characters stand for the bytes as a whole.
    Sign,
    /// Three bytes stand for four.
    Base64,
    /// Nothing of it is text: a tag, or the frame of an encoded word.
    Frame,
}

/// A part of a text that was written differently. Between two changes the text is as it was.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// Where its characters begin in the result, and how many bytes they are.
    to: u32,
    length: u32,
    /// Bytes of the text.
    from: u32,
    source: u32,
    kind: Kind,
}

impl Change {
    const fn end(&self) -> usize {
        self.to as usize + self.length as usize
    }

    const fn source_end(&self) -> usize {
        self.from as usize + self.source as usize
    }
}

/// A text in which one layer is undone.
#[derive(Debug, Default)]
struct Layer {
    text: String,
    changes: Vec<Change>,
    /// How far the source was read.
    read: usize,
}

fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Layer {
    /// Adds a part that decodes some bytes of the source, after all bytes before them, which are unchanged.
    fn change(&mut self, source: &str, range: Range<usize>, text: &str, kind: Kind) {
        self.text.push_str(&source[self.read..range.start]);
        self.changes.push(Change {
            to: position(self.text.len()),
            length: position(text.len()),
            from: position(range.start),
            source: position(range.len()),
            kind,
        });
        self.text.push_str(text);
        self.read = range.end;
    }

    /// The whole layer; `None` where nothing was changed.
    fn end(mut self, source: &str) -> Option<Self> {
        if self.changes.is_empty() {
            return None;
        }
        self.text.push_str(&source[self.read..]);
        Some(self)
    }

    /// The bytes of the source from which a part of the result was decoded, without tags and frames inside of it.
    fn parts(&self, range: &Range<usize>, parts: &mut Vec<Range<usize>>) {
        let mut at = self.changes.partition_point(|change| change.end() <= range.start);
        while self.changes.get(at).is_some_and(|change| change.kind == Kind::Frame && change.to as usize == range.start)
        {
            at += 1;
        }
        let place = at.checked_sub(1).map_or(range.start, |before| range.start.max(self.changes[before].end()));
        if place >= range.end {
            return;
        }
        let mut start = self.start(at, place);
        for change in &self.changes[at..] {
            if change.to as usize >= range.end {
                break;
            }
            if change.kind == Kind::Frame {
                if start < change.from as usize {
                    parts.push(start..change.from as usize);
                }
                start = change.source_end();
            }
        }
        let end = self.source_of_end(range.end);
        if start < end {
            parts.push(start..end);
        }
    }

    /// Where the source of a place begins; `at` is the first change that ends behind it.
    fn start(&self, at: usize, place: usize) -> usize {
        match self.changes.get(at) {
            Some(change) if change.to as usize <= place => match change.kind {
                Kind::Base64 => change.from as usize + (place - change.to as usize) / 3 * 4,
                Kind::Sign => change.from as usize,
                Kind::Frame => change.source_end(),
            },
            _ => self.plain(at, place),
        }
    }

    /// The source of a place that no change has, before the change `at`.
    fn plain(&self, at: usize, place: usize) -> usize {
        let before = at.checked_sub(1).map(|before| &self.changes[before]);
        before.map_or(place, |before| before.source_end() + (place - before.end()))
    }

    fn source_of_end(&self, end: usize) -> usize {
        let after = self.changes.partition_point(|change| (change.to as usize) < end);
        match after.checked_sub(1).map(|last| &self.changes[last]) {
            Some(last) if end <= last.end() => match last.kind {
                Kind::Base64 => (last.from as usize + (end - last.to as usize).div_ceil(3) * 4).min(last.source_end()),
                Kind::Sign => last.source_end(),
                Kind::Frame => last.from as usize,
            },
            _ => self.plain(after, end),
        }
    }
}

/// A text whose layers are undone.
#[derive(Debug)]
pub(super) struct Decoded {
    layers: Vec<Layer>,
}

impl Decoded {
    /// The text without encodings and escapes; `None` where it has none.
    pub(super) fn of(text: &str) -> Option<Self> {
        let undo: [fn(&str) -> Option<Layer>; 6] =
            [transfer::words, transfer::base64, escapes::json, escapes::percent, escapes::entities, widths::widths];
        let mut layers: Vec<Layer> = Vec::new();
        for undo in undo {
            let source = layers.last().map_or(text, |layer| &layer.text);
            #[cfg(test)]
            crate::work::count_steps(source.len());
            let layer = undo(source);
            layers.extend(layer);
        }
        (!layers.is_empty()).then_some(Self { layers })
    }

    /// The text without tags; `None` where it has none.
    pub(super) fn without_tags(text: &str) -> Option<Self> {
        tags::tags(text).map(|layer| Self { layers: vec![layer] })
    }

    pub(super) fn text(&self) -> &str {
        self.layers.last().map_or("", |layer| &layer.text)
    }

    /// The bytes of the text from which a part of the result was decoded.
    pub(super) fn parts(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let mut parts = vec![range];
        for layer in self.layers.iter().rev() {
            let inner = std::mem::take(&mut parts);
            for part in &inner {
                layer.parts(part, &mut parts);
            }
        }
        parts
    }

    /// The tags of a text that is without them here, each by itself, and nothing else; `None` where they are all too short to have an
    /// identifier in them.
    pub(super) fn only_tags(&self, text: &str) -> Option<Self> {
        let tags = self.layers.iter().flat_map(|layer| &layer.changes).filter(|change| change.kind == Kind::Frame);
        let mut only = Layer::default();
        for tag in tags.filter(|tag| tag.source as usize >= SHORTEST_TAG) {
            let start = tag.from as usize;
            let read = only.read;
            only.change(text, read..start, BETWEEN_TAGS, Kind::Frame);
            only.text.push_str(&text[start..tag.source_end()]);
            only.read = tag.source_end();
        }
        if only.read < text.len() {
            only.change(text, only.read..text.len(), "", Kind::Frame);
        }
        (!only.text.is_empty()).then(|| Self { layers: vec![only] })
    }
}

/// The shortest tag with an identifier in it: a name of three letters.
const SHORTEST_TAG: usize = 5;

/// The divider of two tags, so that nothing is read over both: no spelling of a number is so wide, and one of the signs hides a
/// placeholder elsewhere, which ends a number in pieces.
const BETWEEN_TAGS: &str = "\n\u{FDDA}\u{1F}\u{1F}\n";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn layers_are_undone_once_and_places_are_known() {
        for (text, decoded) in [
            ("98&nbsp;76&#32;54&#x20;32", "98\u{a0}76 54 32"),
            ("a&amp;amp;nbsp;b", "a\u{a0}b"),
            ("kari%2540x.no", "kari@x.no"),
            (r"hei\\nkari\u0040x.no", "hei\nkari@x.no"),
            ("k=C3=A5ri=40x.no=\r\n!", "kåri@x.no!"),
            ("=?utf-8?Q?K=C3=A5ri_N?= =?utf-8?B?b3JkbWFubg==?=", "Kåri Nordmann"),
            ("tel=22334455", "tel=22334455"),
            ("100%", "100%"),
        ] {
            let result = Decoded::of(text);
            assert_eq!(result.as_ref().map_or(text, Decoded::text), decoded, "{text}");
        }
        let decoded = Decoded::of("tlf %2B4798765432.").unwrap();
        let at = decoded.text().find('+').unwrap();
        let parts = decoded.parts(at..at + 11);
        assert!(matches!(&parts[..], [part] if *part == (4..17)), "{parts:?}");
    }

    #[test]
    fn a_tag_inside_of_a_number_is_none_of_it() {
        let text = "<p>98 <b>76</b> 54 32</p>";
        let plain = Decoded::without_tags(text).unwrap();
        let at = plain.text().find("98").unwrap();
        let parts = plain.parts(at..at + "98 76 54 32".len());
        assert_eq!(parts.iter().map(|part| &text[part.clone()]).collect::<Vec<_>>(), ["98 ", "76", " 54 32"]);
    }

    proptest! {
        #[test]
        fn places_lie_in_the_text(
            text in prop::collection::vec(prop::sample::select(vec![
                "&amp;", "&#56;", "&", "%20", "%C3%A5", "%", "=20", "=C3=A5", "=\n", "=", "\\n", "\\u00e5", "\\", "<b>", "</b>", "<",
                "å", "9", "a", " ", "=?utf-8?Q?", "?=", "ａ", "＠", "．", "=?utf-8?B?", "cmluZyA5ODc2NTQzMiBuw6U=", "cmluZyA5ODc2NTQzMg", "\u{1f600}",
            ]), 0..30).prop_map(|pieces| pieces.concat()),
        ) {
            for decoded in [Decoded::of(&text), Decoded::without_tags(&text)].into_iter().flatten() {
                let result = decoded.text();
                let places: Vec<usize> = result.char_indices().map(|(at, _)| at).chain([result.len()]).collect();
                let mut end = 0;
                for pair in places.windows(2) {
                    for part in decoded.parts(pair[0]..pair[1]) {
                        prop_assert!(part.start <= part.end && part.end <= text.len());
                        prop_assert!(text.is_char_boundary(part.start) && text.is_char_boundary(part.end));
                        prop_assert!(part.end >= end, "{text:?} {part:?}");
                        end = part.end;
                    }
                }
                prop_assert!(decoded.parts(0..result.len()).iter().all(|part| part.end <= text.len()));
            }
        }
    }
}
