//! International bank account numbers (ISO 13616): the structure of the country, and two check digits.

use std::ops::Range;

use super::digits::is_invisible;
use crate::digit;

/// The countries that have them, and the national part of theirs: so many digits (`n`), letters (`a`), or either (`c`).
const STRUCTURES: &str = "AD8n12c AE19n AL8n16c AT16n AZ4a20c BA16n BE12n BG4a6n8c BH4a14c BI23n BR23n1a1c BY4c4n16c CH5n12c \
    CR18n CY8n16c CZ20n DE18n DJ23n DK14n DO4c20n EE16n EG25n ES20n FI14n FK2a12n FO14n FR10n11c2n GB4a14n GE2a16n GI4a15c \
    GL14n GR7n16c GT24c HN4a20n HR17n HU24n IE4a14n IL19n IQ4a15n IS22n IT1a10n12c JO4a4n18c KW4a22c KZ3n13c LB4n20c \
    LC4a24c LI5n12c LT16n LU3n13c LV4a13c LY21n MC10n11c2n MD20c ME18n MK3n10c2n MN16n MR23n MT4a5n18c MU4a19n3a NI4a20n \
    NL4a10n NO11n OM3n16c PK4a16c PL24n PS4a21c PT21n QA4a21c RO4a16c RS18n RU14n15c SA2n18c SC4a20n3a SD14n SE20n SI15n \
    SK20n SM1a10n12c SO19n ST21n SV4a20n TL19n TN20n TR6n16c UA6n19c VA18n VG4a16n XK16n YE4a4n18c";

/// The second letters of countries that have them, by their first letter. Two letters before a figure are mostly those of
/// another word.
static COUNTRIES: [u32; 26] = {
    let mut table = [0; 26];
    let mut rest = STRUCTURES.as_bytes();
    let mut is_first = true;
    while let [first, tail @ ..] = rest {
        if is_first && first.is_ascii_uppercase() {
            table[(*first - b'A') as usize] |= 1 << (tail[0] - b'A');
        }
        is_first = *first == b' ';
        rest = tail;
    }
    table
};

/// Whether a text begins with the letters of a country that has them.
fn is_country(text: &[u8]) -> bool {
    let [first, second, ..] = text else { return false };
    let place = |letter: &u8| letter.to_ascii_uppercase().checked_sub(b'A').filter(|place| *place < 26);
    let (Some(first), Some(second)) = (place(first), place(second)) else { return false };
    COUNTRIES[usize::from(first)] >> second & 1 == 1
}

/// The characters of the country and the check digits.
const HEAD: usize = 4;

/// The size of the groups in which an account with letters is written.
const GROUP: usize = 4;

/// Visible characters that may stand between two of its characters.
const WIDEST_GAP: usize = 2;

/// Adds every account of a text that begins with digits in some areas, in the order of the text.
pub(super) fn find(text: &str, areas: impl Iterator<Item = Range<usize>>, found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut free = 0;
    // Check digits follow their two letters, perhaps after a space.
    for digit in areas.flatten().filter(|at| bytes[*at].is_ascii_digit()) {
        if digit < free {
            continue;
        }
        let is_behind = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | 0xA0);
        if !bytes[..digit].last().is_some_and(is_behind) {
            continue;
        }
        let start = text[..digit].trim_end_matches([' ', '\u{A0}']).len();
        let Some(start) = start.checked_sub(2).filter(|start| digit - start <= 4) else { continue };
        if let Some(length) = text.get(start..).and_then(|rest| end(text, start, rest)) {
            found.push(start..start + length);
            free = start + length;
        }
    }
}

/// How long the account is that begins at a place. Each character must be one that its country has in that place: the words of
/// `it is 21 minutes away` would be an account by chance.
fn end(text: &str, start: usize, rest: &str) -> Option<usize> {
    if !rest.as_bytes()[..2].iter().all(u8::is_ascii_alphabetic)
        || text[..start].chars().next_back().is_some_and(char::is_alphanumeric)
    {
        return None;
    }
    if !is_country(rest.as_bytes()) {
        return None;
    }
    let kinds = structure(&rest[..2])?;
    let mut wanted = kinds.chars();
    let (mut account, mut groups, mut gap) = (Vec::new(), vec![0_usize], 0);
    let mut next = Some('a');
    for (at, c) in rest.char_indices() {
        if let Some(c) = digit(c).or_else(|| c.is_ascii_alphabetic().then(|| c.to_ascii_uppercase())) {
            if !is_kind(c, next?) {
                return None;
            }
            if gap > 0 && account.len() != 2 {
                groups.push(0);
            }
            account.push(c as u8);
            *groups.last_mut()? += 1;
            gap = 0;
            next = match account.len() {
                1 => Some('a'),
                2 | 3 => Some('n'),
                _ => wanted.next(),
            };
        } else if matches!(c, ' ' | '\u{A0}' | '\u{202F}' | '-' | '.' | '\t' | '\r' | '\n') && gap < WIDEST_GAP {
            // `is 0791 268 45. Delivery …` is a sentence, and its end is no part of an account.
            let is_sentence = c == '.' && rest[at + 1..].starts_with([' ', '\n', '\r']);
            if is_sentence {
                return None;
            }
            gap += 1;
        } else if !is_invisible(c) {
            return None;
        }
        if next.is_none() {
            let end = at + c.len_utf8();
            let is_one = ends(&account, &groups, &rest[end..]) && has_right_check_digits(&account);
            return is_one.then_some(end);
        }
    }
    None
}

/// Whether an account ends here. Letters in it may be those of words, so it has more digits than letters then, and ends with a
/// word. It is in one piece or in groups of four, or has its letters first and in groups without digits: `GB82 WEST 123456 …`.
fn ends(account: &[u8], groups: &[usize], behind: &str) -> bool {
    let letters = account[HEAD..].iter().filter(|character| character.is_ascii_alphabetic()).count();
    if letters == 0 {
        return !behind.starts_with(|c: char| digit(c).is_some());
    }
    let Some((last, whole)) = groups.split_last() else { return false };
    let is_of_four = whole.iter().all(|length| *length == GROUP) && (*last <= GROUP || whole.is_empty());
    let (bank, rest) = account[HEAD..].split_at(letters);
    let mut end = 0;
    let ends_group = groups.iter().any(|length| {
        end += length;
        end == HEAD + letters
    });
    let has_bank = bank.iter().all(u8::is_ascii_uppercase) && rest.iter().all(u8::is_ascii_digit) && ends_group;
    let is_grouped = is_of_four || has_bank;
    2 * letters < account.len() - HEAD && is_grouped && !behind.starts_with(char::is_alphanumeric)
}

/// Whether a character is of a kind of [`STRUCTURES`].
const fn is_kind(c: char, kind: char) -> bool {
    match kind {
        'n' => c.is_ascii_digit(),
        'a' => c.is_ascii_uppercase(),
        _ => true,
    }
}

/// The kind of each character of the national part of a country's accounts.
fn structure(country: &str) -> Option<String> {
    let mut rest =
        STRUCTURES.split_ascii_whitespace().find(|known| known[..2].eq_ignore_ascii_case(country))?.get(2..)?;
    let mut kinds = String::new();
    while let Some(end) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        kinds.push_str(&rest[end..=end].repeat(rest[..end].parse().ok()?));
        rest = &rest[end + 1..];
    }
    Some(kinds)
}

fn has_right_check_digits(account: &[u8]) -> bool {
    let digits = account[4..].iter().chain(&account[..4]);
    account[2..4].iter().all(u8::is_ascii_digit)
        && digits.fold(0_u32, |rest, character| match character {
            b'A'..=b'Z' => (rest * 100 + u32::from(character - b'A') + 10) % 97,
            digit => (rest * 10 + u32::from(digit - b'0')) % 97,
        }) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_country_has_the_length_of_the_registry() {
        const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 \
            DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 \
            IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 \
            OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 \
            UA29 VA22 VG24 XK20 YE30";
        for known in LENGTHS.split_ascii_whitespace() {
            let kinds = structure(&known[..2]).unwrap();
            assert_eq!((kinds.len() + HEAD).to_string(), known[2..], "{known}");
        }
        assert_eq!(LENGTHS.split_ascii_whitespace().count(), STRUCTURES.split_ascii_whitespace().count());
    }
}
