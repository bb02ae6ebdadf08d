//! A text that was read out of another one, with the places of its characters there. So a finding names the place in
//! the text that is stored.

/// A text that escapes or encodings have hidden in another one.
#[derive(Debug)]
pub struct ReadText {
    pub text: String,
    /// From each position of the text on, its place in the other one. Between two of them, both go on by the same steps.
    places: Vec<(usize, usize)>,
}

impl ReadText {
    /// The place of a position in the text that was read.
    pub fn place(&self, at: usize) -> usize {
        let after = self.places.partition_point(|(from, _)| *from <= at);
        let known = after.checked_sub(1).and_then(|no| self.places.get(no));
        known.map_or(at, |(from, place)| place + (at - from))
    }

    /// A text of which each three bytes were four characters of base64.
    pub fn of_base64(text: String, place: usize) -> Self {
        let places = (0..text.len()).step_by(3).map(|at| (at, place + at / 3 * 4)).collect();
        Self { text, places }
    }
}

/// A reading while it is made.
#[derive(Default)]
pub struct TextBuilder {
    bytes: Vec<u8>,
    places: Vec<(usize, usize)>,
}

impl TextBuilder {
    /// Adds bytes that are, or are written, at a place of the other text.
    pub fn push(&mut self, place: usize, bytes: &[u8]) {
        let goes_on = self.places.last().is_some_and(|(from, known)| known + (self.bytes.len() - from) == place);
        if !goes_on && !bytes.is_empty() {
            self.places.push((self.bytes.len(), place));
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub fn finish(self) -> ReadText {
        ReadText { text: text_of(&self.bytes), places: self.places }
    }
}

/// The bytes as a text in which each has its own position: a byte that is no UTF-8 becomes a sign.
pub fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| text.push('\0'));
    }
    text
}

/// Reads the escapes of a text: line breaks, tabs, and codes of characters that are written with a backslash. Dumps,
/// logs, and JSON write them so. The letter of an escape would be a part of the address behind it: `\nkari@example.net`.
/// A text without a backslash has no such reading, and one with the mark that a dump writes for NULL has none either.
pub fn unescaped(text: &str) -> Option<ReadText> {
    if !has_escape(text.as_bytes()) {
        return None;
    }
    let mut builder = TextBuilder::default();
    let mut at = 0;
    while let Some(escape) = text[at..].find('\\').map(|found| at + found) {
        builder.push(at, &text.as_bytes()[at..escape]);
        // A text that was escaped twice, such as JSON in a dump, has more than one backslash before the letter.
        let letter = text[escape..].find(|c| c != '\\').map_or(text.len(), |count| escape + count);
        let (length, meaning) = meaning(&text[letter..]);
        if let Some(meaning) = meaning {
            builder.push(escape, meaning.encode_utf8(&mut [0; 4]).as_bytes());
        }
        at = letter + length;
    }
    builder.push(at, &text.as_bytes()[at..]);
    Some(builder.finish())
}

/// Whether a text has a backslash other than those of `\N`.
fn has_escape(bytes: &[u8]) -> bool {
    let after = |at: usize| bytes.get(at + 1);
    bytes.iter().enumerate().any(|(at, byte)| *byte == b'\\' && after(at) != Some(&b'N'))
}

/// The length of an escape behind its backslash, and the character that it means. A backslash before another character
/// means that character.
fn meaning(rest: &str) -> (usize, Option<char>) {
    let code = |digits: usize| {
        let code = rest.get(1..=digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(code, 16).ok()
    };
    let of_code = |digits: usize| code(digits).map(|code| (digits + 1, Some(char::from_u32(code).unwrap_or('\0'))));
    match rest.as_bytes().first() {
        Some(b'n') => (1, Some('\n')),
        Some(b'r') => (1, Some('\r')),
        Some(b't' | b'b' | b'f' | b'v') => (1, Some('\t')),
        Some(b'u') => of_code(4).unwrap_or((0, None)),
        Some(b'x') => of_code(2).unwrap_or((0, None)),
        _ => (0, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_byte_keeps_its_position() {
        assert_eq!(text_of(b"a\xff\xfeb \xc3\xa5 \xc3"), "a\0\0b \u{e5} \0");
    }

    #[test]
    fn an_escape_becomes_its_character_and_the_rest_keeps_its_place() {
        for (text, read, places) in [
            (r"x\nkari", "x\nkari", &[(0, 0), (1, 1), (2, 3), (5, 6)][..]),
            (r"x\\r\\nkari", "x\r\nkari", &[(1, 1), (2, 4), (3, 7)]),
            (r"98\t76", "98\t76", &[(2, 2), (3, 4)]),
            (r"\u0039\u00388", "988", &[(0, 0), (1, 6), (2, 12)]),
            (r"\u00e5\xe5b", "\u{e5}\u{e5}b", &[(0, 0), (2, 6), (4, 10)]),
            (r"a\ud83d\N\u00\x\", "a\0Nu00x", &[(0, 0), (1, 1), (2, 8)]),
        ] {
            let reading = unescaped(text).unwrap();
            assert_eq!(reading.text, read, "{text}");
            for (at, place) in places {
                assert_eq!(reading.place(*at), *place, "{text}: {at}");
            }
        }
        assert!(unescaped("no escape").is_none());
        assert!(unescaped("1\t\\N\tx\t\\N").is_none());
    }

    proptest! {
        #[test]
        fn no_place_is_behind_the_text(text in "(\\\\{1,2}[nrtuxå0-9a-f]{0,5}|\\PC){0,20}") {
            if let Some(reading) = unescaped(&text) {
                prop_assert!((0..=reading.text.len()).all(|at| reading.place(at) <= text.len()));
            }
        }
    }
}
