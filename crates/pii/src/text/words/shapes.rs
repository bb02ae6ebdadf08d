//! The shapes of the words of a vocabulary, which tell nearly every other word of a text without a look at all its letters;
//! and small letters.

/// The lengths and the last letters of the words that begin with the same two letters, one bit for each.
#[derive(Clone, Copy, Default)]
struct WordShape {
    lengths: u64,
    ends: u32,
}

impl WordShape {
    fn of(word: &[u8]) -> Self {
        let end = word.last().map_or(0, |last| letter(*last));
        Self { lengths: 1 << (word.len() % 64), ends: 1 << end }
    }
}

/// The shapes of words by their first two letters.
pub(super) struct Shapes(Box<[WordShape; 1024]>);

impl Shapes {
    pub(super) fn of<'w>(words: impl Iterator<Item = &'w String>) -> Self {
        let mut shapes = Box::new([WordShape::default(); 1024]);
        for word in words.map(String::as_bytes) {
            let (known, shape) = (&mut shapes[place(word)], WordShape::of(word));
            *known = WordShape { lengths: known.lengths | shape.lengths, ends: known.ends | shape.ends };
        }
        Self(shapes)
    }

    /// Whether a word in capital or small letters of ASCII may be one of the words.
    pub(super) fn may_have(&self, word: &[u8]) -> bool {
        let (known, shape) = (self.0[place(word)], WordShape::of(word));
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

/// A word in small letters, if all its letters are of ASCII or of the north: then it is as long as it was.
pub(super) fn small_in<'s>(small: &'s mut [u8], word: &[u8]) -> Option<&'s [u8]> {
    let small = small.get_mut(..word.len())?;
    let mut follows = false;
    for (place, byte) in small.iter_mut().zip(word) {
        *place = match byte {
            // The second bytes of `À` to `Þ`, without the sign of multiplication.
            0x80..=0x9E if follows && *byte != 0x97 => byte + 0x20,
            0x80..=0xBF if follows => *byte,
            0xC3 if !follows => *byte,
            _ if follows || !byte.is_ascii() => return None,
            _ => byte.to_ascii_lowercase(),
        };
        follows = *byte == 0xC3;
    }
    Some(small)
}
