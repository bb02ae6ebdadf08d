//! Payment card numbers (ISO/IEC 7812): an issuer's range, one of its lengths, and the check digit.

/// Ranges of first digits, and the lengths that are issued in them. Bit `n` means `n` digits.
const ISSUERS: [(u32, u32, u32); 18] = [
    // Visa.
    (4, 4, at(13) | at(16) | at(19)),
    // Mastercard.
    (51, 55, at(16)),
    (2221, 2720, at(16)),
    // American Express.
    (34, 34, at(15)),
    (37, 37, at(15)),
    // Diners Club.
    (300, 305, at(14) | at(16)),
    (309, 309, at(14) | at(16)),
    (36, 36, from(14)),
    (38, 39, at(14) | from(16)),
    // JCB.
    (3528, 3589, from(16)),
    // Discover.
    (6011, 6011, from(16)),
    (644, 659, from(16)),
    // Maestro, Dankort and what national schemes have of its ranges.
    (50, 50, from(13)),
    (56, 58, from(13)),
    (60, 60, at(16)),
    (63, 63, from(13)),
    (67, 67, from(13)),
    // UnionPay.
    (62, 62, from(16)),
];

/// The schemes with which numbers of programs are compared: the most common cards, in their lengths.
const COMMON: [(u32, u32, u32); 7] = [
    (4, 4, at(16)),
    (51, 55, at(16)),
    (2221, 2720, at(16)),
    (34, 34, at(15)),
    (37, 37, at(15)),
    (6011, 6011, at(16)),
    (3528, 3589, at(16)),
];

const fn at(length: u32) -> u32 {
    1 << length
}

/// Every length from one on, up to the longest there is.
const fn from(length: u32) -> u32 {
    (1 << 20) - (1 << length)
}

/// Whether digits are a card of a known issuer.
pub(super) fn is_card(digits: &[u8]) -> bool {
    is_of(digits, &ISSUERS)
}

/// The same for a number that a program wrote: a counter that chance has made look like a card of an unusual length or
/// a rare issuer must not be destroyed.
pub(super) fn is_common_card(digits: &[u8]) -> bool {
    is_of(digits, &COMMON)
}

fn is_of(digits: &[u8], issuers: &[(u32, u32, u32)]) -> bool {
    (13..=19).contains(&digits.len())
        && matches!(digits[0], b'2'..=b'6')
        && digits.iter().any(|digit| *digit != digits[0])
        && passes_luhn(digits)
        && issuers.iter().any(|(low, high, lengths)| {
            let is_length = lengths >> digits.len() & 1 == 1;
            is_length && (*low..=*high).contains(&number(&digits[..=low.ilog10() as usize]))
        })
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'))
}

/// Whether thirteen or fourteen digits end with the check digit of articles and places (EAN, GTIN, GLN). Cards of
/// thirteen digits are no longer issued, but shops and authorities write such numbers every day.
pub(super) fn is_article(digits: &[u8]) -> bool {
    let weight = |place: usize| if place.is_multiple_of(2) { 1 } else { 3 };
    let sum: u32 = digits.iter().rev().enumerate().map(|(place, digit)| weight(place) * u32::from(digit - b'0')).sum();
    matches!(digits.len(), 13 | 14) && sum.is_multiple_of(10)
}

/// Whether digits pass the check of payment cards, which Swedish identity numbers share.
pub(super) fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(digit - b'0')) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}
