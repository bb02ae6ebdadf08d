//! Decimal digits of every script, and the characters that may separate them.

/// The zero of each set of ten decimal digits that Unicode has beyond ASCII (general category `Nd`), in ascending order.
const ZEROS: [u32; 65] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x1_04A0, 0x1_0D30, 0x1_1066, 0x1_10F0, 0x1_1136, 0x1_11D0,
    0x1_12F0, 0x1_1450, 0x1_14D0, 0x1_1650, 0x1_16C0, 0x1_1730, 0x1_18E0, 0x1_1950, 0x1_1C50, 0x1_1D50, 0x1_1DA0,
    0x1_6A60, 0x1_6AC0, 0x1_6B50, 0x1_D7CE, 0x1_D7D8, 0x1_D7E2, 0x1_D7EC, 0x1_D7F6, 0x1_E140, 0x1_E2F0, 0x1_E950,
    0x1_FBF0,
];

/// The ASCII digit that a decimal digit of any script means.
#[must_use]
pub fn digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c).filter(char::is_ascii_digit);
    }
    let code = u32::from(c);
    if code < ZEROS[0] {
        return None;
    }
    let zero = *ZEROS[..ZEROS.partition_point(|zero| *zero <= code)].last()?;
    char::from_digit(code - zero, 10)
}

/// Whether a character may separate the digits of a number: spaces, dashes, dots, brackets, slashes, and the marks that
/// text editors insert without showing them.
#[must_use]
pub fn is_separator(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
            | '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE63}' | '\u{FF0D}' | '\u{30FC}'
            | '.' | '\u{B7}' | '\u{FF0E}' | '/' | '\u{FF0F}'
            | '(' | ')' | '[' | ']' | '\u{FF08}' | '\u{FF09}'
    ) || is_invisible(c)
}

/// Whether a character is a mark that text editors insert without showing it.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_of_any_script_is_read() {
        let read = |text: &str| text.chars().filter_map(digit).collect::<String>();
        for text in [
            "9876543210",
            "９８７６５４３２１０",
            "٩٨٧٦٥٤٣٢١٠",
            "۹۸۷۶۵۴۳۲۱۰",
            "९८७६५४३२१०",
            "੯੮੭੬੫੪੩੨੧੦",
            "௯௮௭௬௫௪௩௨௧௦",
            "᠙᠘᠗᠖᠕᠔᠓᠒᠑᠐",
            "𝟿𝟾𝟽𝟼𝟻𝟺𝟹𝟸𝟷𝟶",
            "𝟵𝟴𝟳𝟲𝟱𝟰𝟯𝟮𝟭𝟬",
        ] {
            assert_eq!(read(text), "9876543210", "{text}");
        }
        // Superscripts, fractions, circled and Roman numbers are no decimal digits.
        assert_eq!(read("²½①Ⅷ五абв"), "");
    }

    #[test]
    fn the_sets_of_digits_are_in_order_and_apart() {
        assert!(ZEROS.windows(2).all(|pair| pair[0] + 10 <= pair[1]));
    }
}
