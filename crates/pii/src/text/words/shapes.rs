//! The shapes of the words of a vocabulary, which tell nearly every other word of a text without a look at all its letters.

/// The lengths and the last letters of the words that begin with the same two letters, one bit for each.
#[derive(Clone, Copy, Default)]
struct Shape {
    lengths: u64,
    ends: u32,
}

impl Shape {
    fn of(word: &[u8]) -> Self {
        let end = word.last().map_or(0, |last| letter(*last));
        Self { lengths: 1 << (word.len() % 64), ends: 1 << end }
    }
}

/// The shapes of words by their first two letters.
pub(super) struct Shapes(Box<[Shape; 1024]>);

impl Shapes {
    pub(super) fn of<'w>(words: impl Iterator<Item = &'w String>) -> Self {
        let mut shapes = Box::new([Shape::default(); 1024]);
        for word in words.map(String::as_bytes) {
            let (known, shape) = (&mut shapes[place(word)], Shape::of(word));
            *known = Shape { lengths: known.lengths | shape.lengths, ends: known.ends | shape.ends };
        }
        Self(shapes)
    }

    /// Whether a word in capital or small letters of ASCII may be one of the words.
    pub(super) fn may_have(&self, word: &[u8]) -> bool {
        let (known, shape) = (self.0[place(word)], Shape::of(word));
        known.lengths & shape.lengths != 0 && known.ends & shape.ends != 0
    }
}

fn place(word: &[u8]) -> usize {
    letter(word[0]) << 5 | word.get(1).map_or(0, |second| letter(*second))
}

/// The last five bits of a byte, which capital and small letters have in common.
const fn letter(byte: u8) -> usize {
    (byte & 31) as usize
}
