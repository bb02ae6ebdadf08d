//! The purpose of an access to personal data, or its reason, as the user states it.

/// The most characters of a purpose.
const LONGEST: usize = 200;

/// A purpose without the blanks around it. A purpose without a visible character or with more than 200 is `None`.
#[must_use]
pub fn stated(raw: &str) -> Option<&str> {
    let purpose = raw.trim_matches(is_blank);
    (1..=LONGEST).contains(&purpose.chars().count()).then_some(purpose)
}

/// Whether a character is invisible: white space, controls, default-ignorable characters of Unicode (without unassigned
/// ones), the blank pattern of Braille, and private use.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}' | '\u{F0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_purpose_that_shows_nothing_is_none() {
        for blank in [
            "",
            " ",
            "\t\r\n",
            "\u{200B}",
            "\u{FEFF}",
            "\u{2060}\u{200D}",
            "\u{AD}",
            "\u{3164}",
            "\u{2800}",
            "\u{180E}",
            "\u{A0}\u{3000}",
            "\u{E0041}",
            "\u{E000}\u{E001}",
            "\u{FE0F}",
            "\u{202E}\u{202C}",
            "\u{0}",
        ] {
            assert_eq!(stated(blank), None, "{}", blank.escape_unicode());
        }
    }

    #[test]
    fn a_purpose_keeps_its_words() {
        for (raw, purpose) in [
            ("case 118", "case 118"),
            (" \u{FEFF}case\u{200B}118\u{200B} ", "case\u{200B}118"),
            ("ærend 7", "ærend 7"),
            ("?", "?"),
            ("می\u{200C}خواهم", "می\u{200C}خواهم"),
        ] {
            assert_eq!(stated(raw), Some(purpose));
        }
        assert!(stated(&"å".repeat(200)).is_some());
        assert!(stated(&"å".repeat(201)).is_none());
    }

    proptest! {
        #[test]
        fn what_is_stated_can_be_stated_again(raw: String) {
            if let Some(purpose) = stated(&raw) {
                prop_assert_eq!(stated(purpose), Some(purpose));
                prop_assert!(raw.contains(purpose) && purpose.chars().count() <= 200);
            }
        }
    }
}
