//! National identity numbers: a date of birth, and check digits.

/// Born in this year or later, a person does not call yet: what begins with such a year is a time stamp.
const YOUNGEST: u32 = 2015;

/// The digits of an identity number, as one number.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'))
}

/// Whether a month of a year, of which perhaps the last two digits are known, has a day. Centuries are not told apart.
fn is_day(day: u32, month: u32, year: u32) -> bool {
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(year.is_multiple_of(4)),
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    (1..=last).contains(&day)
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum()
}

/// A Norwegian fødselsnummer or D-number: 11 digits, the last two of them check digits modulo 11. `relaxed`: the first may
/// also leave a remainder up to 3, as in the numbers of the series of 2032 (Skatteetaten, "Nytt fødselsnummer fra 2032").
/// A day plus 40 is a D-number; a month plus 40 a number that a hospital gave, plus 80 one of a test population.
pub(super) fn is_norwegian(digits: &[u8], relaxed: bool) -> bool {
    const FIRST: [u32; 10] = [3, 7, 6, 1, 8, 9, 4, 5, 2, 1];
    const SECOND: [u32; 11] = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1];
    if digits.len() != 11 {
        return false;
    }
    let (day, month, year) = (number(&digits[..2]), number(&digits[2..4]), number(&digits[4..6]));
    let day = if day > 40 { day - 40 } else { day };
    is_day(day, month % 40, year)
        && weighted(digits, &FIRST) % 11 <= if relaxed { 3 } else { 0 }
        && weighted(digits, &SECOND).is_multiple_of(11)
}

/// A Swedish personnummer or samordningsnummer (the day plus 60): 10 or 12 digits with the check digit of payment cards.
pub(super) fn is_swedish(digits: &[u8]) -> bool {
    let short = match digits.len() {
        10 => digits,
        12 if matches!(number(&digits[..2]), 18..=20) => &digits[2..],
        _ => return false,
    };
    let (year, month, day) = (number(&short[..2]), number(&short[2..4]), number(&short[4..6]));
    is_day(if day > 60 { day - 60 } else { day }, month, year) && super::card::passes_luhn(short)
}

/// Whether twelve digits of a Swedish number are rather a time: `202405121030`.
pub(super) fn is_time_stamp(digits: &[u8]) -> bool {
    digits.len() == 12
        && number(&digits[..4]) >= YOUNGEST
        && number(&digits[8..10]) < 24
        && number(&digits[10..12]) < 60
}

/// Whether ten digits are the seconds since 1970 of a time from September 2001 to July 2036.
pub(super) fn may_be_seconds(digits: &[u8]) -> bool {
    digits.len() == 10 && (10..=20).contains(&number(&digits[..2]))
}

/// Whether the person of ten digits of a Swedish number was born so late that they do not call yet.
pub(super) fn is_youngest(digits: &[u8]) -> bool {
    digits.len() == 10 && (YOUNGEST % 100..=20).contains(&number(&digits[..2]))
}

/// A Danish CPR number by its date: since 2007 some are given out whose check digit is not right.
pub(super) fn is_danish_date(digits: &[u8]) -> bool {
    digits.len() == 10 && {
        let (day, month, year) = (number(&digits[..2]), number(&digits[2..4]), number(&digits[4..6]));
        // The first digit of the serial number tells the century: 1900 was no leap year, 2000 was.
        let is_1900 = year == 0 && digits[6] <= b'3';
        is_day(day, month, if is_1900 { 1 } else { year })
    }
}

/// A Danish CPR number by date and check digit (modulo 11).
pub(super) fn is_danish(digits: &[u8]) -> bool {
    is_danish_date(digits) && weighted(digits, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// The check characters of Finnish numbers, by remainder.
const FINNISH: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";

/// How long the rest of a Finnish henkilötunnus is that follows on its six digits of a date: a sign of the century (also
/// those given out since 2023), three digits, and a check character.
pub(super) fn finnish_end(date: &[u8], rest: &str) -> Option<usize> {
    let (day, month, year) = (number(&date[..2]), number(&date[2..4]), number(&date[4..6]));
    if !is_day(day, month, year) {
        return None;
    }
    let mut characters = rest.char_indices();
    let (_, sign) = characters.next()?;
    if !matches!(sign.to_ascii_uppercase(), '+' | '-' | '\u{2010}'..='\u{2013}' | '\u{2212}' | 'U'..='Y' | 'A'..='F') {
        return None;
    }
    let mut whole = number(date);
    for _ in 0..3 {
        let (_, digit) = characters.next()?;
        whole = whole * 10 + crate::digit(digit)?.to_digit(10)?;
    }
    let (at, check) = characters.next()?;
    let check = u8::try_from(crate::digit(check).unwrap_or(check)).ok()?.to_ascii_uppercase();
    let ends = !characters.next().is_some_and(|(_, c)| c.is_alphanumeric());
    let right = FINNISH[(whole % 31) as usize] == check;
    (ends && right && whole % 1000 > 1).then(|| at + rest[at..].chars().next().map_or(1, char::len_utf8))
}
