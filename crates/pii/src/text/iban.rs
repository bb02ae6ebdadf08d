//! International bank account numbers (ISO 13616): the country's length, and two check digits.

use std::ops::Range;

use super::digits::is_invisible;
use crate::digit;

/// The countries that have them, and how long theirs are.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 \
    DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 \
    KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 \
    PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 \
    YE30";

/// Visible characters that may stand between two of its characters.
const WIDEST_GAP: usize = 2;

/// Adds every account of a text, in the order of the text.
pub(super) fn find(text: &str, found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Check digits follow their two letters, perhaps after a space.
    while let Some(ahead) = bytes[at..]
        .windows(2)
        .position(|pair| pair[1].is_ascii_digit() && (pair[0].is_ascii_alphabetic() || matches!(pair[0], b' ' | 0xA0)))
    {
        let digit = at + ahead + 1;
        at = digit;
        let start = text[..digit].trim_end_matches([' ', '\u{A0}']).len();
        let Some(start) = start.checked_sub(2).filter(|start| digit - start <= 4) else { continue };
        if let Some(length) = text.get(start..).and_then(|rest| end(text, start, rest)) {
            found.push(start..start + length);
            at = start + length;
        }
    }
}

/// How long the account is that begins at a place.
fn end(text: &str, start: usize, rest: &str) -> Option<usize> {
    if !rest.as_bytes()[..2].iter().all(u8::is_ascii_alphabetic)
        || text[..start].chars().next_back().is_some_and(char::is_alphanumeric)
    {
        return None;
    }
    let length = length_of(&rest[..2])?;
    let (mut account, mut gap) = (Vec::with_capacity(length), 0);
    for (at, c) in rest.char_indices() {
        if let Some(c) = digit(c).or_else(|| c.is_ascii_alphabetic().then(|| c.to_ascii_uppercase())) {
            account.push(c as u8);
            gap = 0;
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
        if account.len() == length {
            let end = at + c.len_utf8();
            let ends = !rest[end..].starts_with(|c: char| c.is_ascii_digit());
            return (ends && has_right_check_digits(&account)).then_some(end);
        }
    }
    None
}

fn length_of(country: &str) -> Option<usize> {
    let known = LENGTHS.as_bytes().chunks(5).find(|known| known[..2].eq_ignore_ascii_case(country.as_bytes()))?;
    Some(usize::from(known[2] - b'0') * 10 + usize::from(known[3] - b'0'))
}

fn has_right_check_digits(account: &[u8]) -> bool {
    let digits = account[4..].iter().chain(&account[..4]);
    account[2..4].iter().all(u8::is_ascii_digit)
        && digits.fold(0_u32, |rest, character| match character {
            b'A'..=b'Z' => (rest * 100 + u32::from(character - b'A') + 10) % 97,
            digit => (rest * 10 + u32::from(digit - b'0')) % 97,
        }) == 1
}
