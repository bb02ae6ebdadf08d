//! The parts of a text that may be an identifier: runs of digits, and the shapes of e-mail addresses.
//!
//! The code is deliberately different from `crates/pii`, which finds identifiers at ingest. It uses no library of phone
//! numbers, no grammar of texts, and no regular expression. Each run of digits may be an identifier.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::encodings::{decodings, texts_of_json, tokens};
use super::reading::unescaped;
use super::runs::{FEWEST, Runs};

/// The longest text before or after the @ of an address, in bytes.
const LONGEST_PART: usize = 255;

/// The longest name or number of a sign of HTML with its semicolon, in bytes.
const LONGEST_ENTITY: usize = 10;

/// Something that may be an identifier.
#[derive(Debug, PartialEq, Eq)]
pub enum ScanCandidate<'t> {
    Digits {
        digits: &'t str,
        /// Whether a plus is before it.
        is_international: bool,
        /// Whether it begins and ends at borders of groups.
        is_whole: bool,
    },
    /// An address in lower case.
    Email(&'t str),
}

/// Whether a text has no candidate because of its length. No encoding is so short, and nothing but the sign of an
/// address makes one of fewer bytes than a number has digits.
pub fn is_too_short(text: &str) -> bool {
    text.len() < FEWEST && !text.contains(['@', '\u{ff20}'])
}

/// Gives all candidates of a text, each with the position at which it, or its encoding, begins.
pub fn candidates(text: &str, take: &mut impl FnMut(usize, ScanCandidate<'_>)) {
    read(text, &|at| at, take);
    // The text is also read as it is: a backslash may be a sign of its own. No escape contains a line break, so the other
    // lines of a dump have one reading.
    let (mut start, lines) = (0, if text.contains('\\') { text } else { "" });
    for line in lines.split_inclusive('\n') {
        if let Some(reading) = unescaped(line) {
            read(&reading.text, &|at| start + reading.place(at), take);
        }
        start += line.len();
    }
    if may_split_texts(text) {
        for joined in texts_of_json(text) {
            read(&joined, &|_| 0, take);
        }
    }
}

/// Whether a text may be a JSON document that has one text in several values, or escapes in one.
fn may_split_texts(text: &str) -> bool {
    let is_flat = || text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).nth(1).is_none() && !text.contains('\\');
    text.trim_start().starts_with('[') || text.trim_start().starts_with('{') && !is_flat()
}

/// The candidates of one reading of a text, and of the encodings in it.
fn read(text: &str, place: &impl Fn(usize) -> usize, take: &mut impl FnMut(usize, ScanCandidate<'_>)) {
    plain(text, &mut |at, candidate| take(place(at), candidate));
    for (at, token) in tokens(text) {
        for decoded in decodings(token) {
            plain(&decoded.text, &mut |from, candidate| take(place(at + decoded.place(from)), candidate));
        }
    }
}

/// The candidates of a text that is read as it is.
fn plain(text: &str, take: &mut impl FnMut(usize, ScanCandidate<'_>)) {
    let mut runs = Runs::default();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let skipped = if byte.is_ascii_hexdigit() { opaque(bytes, at) } else { 0 };
        if skipped > 0 {
            runs.end(take);
            at += skipped;
        } else if byte.is_ascii_digit() {
            runs.digit(at, char::from(*byte));
            at += 1;
        } else if *byte == b'&'
            && let Some((sign, length)) = entity(&text[at..])
        {
            match sign {
                '0'..='9' => runs.digit(at, sign),
                sign => runs.separator(sign, take),
            }
            at += length;
        } else if byte.is_ascii_alphabetic() || *byte >= 0x80 {
            at = runs.word_or_sign(text, at, take);
        } else {
            if *byte == b'@' {
                email(text, at, 1, take);
            }
            runs.separator(char::from(*byte), take);
            at += 1;
        }
    }
    runs.end(take);
}

/// The sign that HTML writes at the beginning of a text as `&nbsp;` or by its number, and the length of that.
fn entity(text: &str) -> Option<(char, usize)> {
    let name = text.strip_prefix('&')?;
    let end = name.bytes().take(LONGEST_ENTITY).position(|byte| byte == b';')?;
    let sign = match &name[..end] {
        "nbsp" => ' ',
        name => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((sign, end + 2))
}

/// The length of a UUID, or of a day with its time, at this position. Their digits are no number of anybody.
fn opaque(bytes: &[u8], at: usize) -> usize {
    if at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric()) {
        return 0;
    }
    let rest = &bytes[at..];
    let ends = |length: usize| rest.get(length).is_none_or(|after| !after.is_ascii_alphanumeric());
    let has_dash = |at: usize| rest.get(at) == Some(&b'-');
    if has_dash(8) && fits(rest, b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") && ends(36) {
        return 36;
    }
    if !has_dash(4) {
        return 0;
    }
    let in_range = |from: usize, most: u8| {
        let number = rest.get(from..from + 2).map_or(0, |two| (two[0] - b'0') * 10 + (two[1] - b'0'));
        (1..=most).contains(&number)
    };
    let is_day = fits(rest, b"2099-99-99") || fits(rest, b"1999-99-99");
    if !is_day || !in_range(5, 12) || !in_range(8, 31) {
        return 0;
    }
    let whole = 10 + time(&rest[10..]);
    if ends(whole) || whole == 10 && rest.get(10) == Some(&b'T') { whole } else { 0 }
}

/// Whether bytes begin as a pattern does, in which 9 is any digit and x any hexadecimal one.
fn fits(bytes: &[u8], pattern: &[u8]) -> bool {
    bytes.len() >= pattern.len()
        && bytes.iter().zip(pattern).all(|(byte, wanted)| match wanted {
            b'x' => byte.is_ascii_hexdigit(),
            b'9' => byte.is_ascii_digit(),
            wanted => byte == wanted,
        })
}

/// The length of the time behind a day, as databases and RFC 3339 write it, with its offset. A longer fraction than that
/// of microseconds may be a number.
fn time(bytes: &[u8]) -> usize {
    let is_time = fits(bytes, b"T99:99:99") || fits(bytes, b" 99:99:99");
    if !is_time {
        return 0;
    }
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let fraction = if bytes.get(9) == Some(&b'.') { digits(10) } else { 0 };
    if fraction > 6 {
        return 0;
    }
    let end = if fraction > 0 { 10 + fraction } else { 9 };
    let offset = match bytes.get(end) {
        Some(b'Z') => 1,
        Some(b'+' | b'-') if fits(&bytes[end + 1..], b"99:99") => 6,
        Some(b'+' | b'-') if digits(end + 1) == 2 => 3,
        _ => 0,
    };
    end + offset
}

/// The address around an @.
pub fn email(text: &str, at: usize, length: usize, take: &mut impl FnMut(usize, ScanCandidate<'_>)) {
    let is_letter = |c: char| c.is_alphanumeric() || is_combining_mark(c);
    let is_local = |c: char| is_letter(c) || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let is_domain = |c: char| is_letter(c) || ['-', '.'].contains(&c);
    let (before, after) = (&text[..at], &text[at + length..]);
    let mut start = before
        .rfind(|c: char| !is_local(c))
        .map_or(0, |found| found + before[found..].chars().next().map_or(1, char::len_utf8));
    let end = after.find(|c: char| !is_domain(c)).unwrap_or(after.len());
    let domain = after[..end].trim_end_matches(['.', '-']);
    if !domain.contains('.') || domain.len() > LONGEST_PART || at - start > LONGEST_PART {
        return;
    }
    // Signs that are allowed in an address are before one more often: `mailto=`, `'`, `/`, or the `_` of an emphasis.
    let domain = canonical_domain(domain);
    let address = |local: &str| format!("{}@{domain}", folded(local));
    loop {
        let local = &text[start..at];
        if local.is_empty() {
            return;
        }
        take(start, ScanCandidate::Email(&address(local)));
        if let Some(first) = local.find(char::is_alphanumeric).filter(|first| *first > 0) {
            take(start + first, ScanCandidate::Email(&address(&local[first..])));
        }
        let Some(sign) = local.find(|c: char| !is_letter(c) && !['.', '_', '-', '+'].contains(&c)) else {
            return;
        };
        start += sign + local[sign..].chars().next().map_or(1, char::len_utf8);
    }
}

/// A part of an address in lower case, with composed letters.
fn folded(part: &str) -> String {
    if part.is_ascii() {
        return part.to_ascii_lowercase();
    }
    part.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// The domain in ASCII, as the identifiers have it. A domain that has no such form belongs to no identifier.
fn canonical_domain(domain: &str) -> String {
    let domain = folded(domain);
    if domain.is_ascii() { domain } else { idna::domain_to_ascii_strict(&domain).unwrap_or(domain) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The whole digits and the addresses of a text.
    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        candidates(text, &mut |_, candidate| match candidate {
            ScanCandidate::Digits { digits, is_whole: true, .. } => found.push(digits.to_owned()),
            ScanCandidate::Digits { .. } => {}
            ScanCandidate::Email(address) => found.push(address.to_owned()),
        });
        found
    }

    #[test]
    fn a_number_is_found_in_every_spelling() {
        for text in [
            "98765432",
            "call 98765432 now",
            "0047 98765432",
            "+4798765432",
            "+47 987 65 432",
            "98.76.54.32",
            "98&nbsp;76&nbsp;54&#160;32",
            "&#57;&#x38;765432",
            "(98) 76-54-32",
            "９８７６５４３２",
            "tel%3A%2B4798765432",
            "tel=3A98765=\r\n432",
            "OTg3NjU0MzI=",
            "Q2FsbCA5ODc2NTQzMiBub3c",
            r#"["987", "65", "432"]"#,
            r#"[{"w": "98", "start": 0.1}, {"w": "76", "start": 0.5}, {"w": "5432", "start": 1.25}]"#,
            r#"{"note": "\u0039\u0038765432"}"#,
            r#"{"98765432": true}"#,
            r"987\n65\r\n432",
            r"987\t65\t432",
            r"see\\n98\\n765432",
            r"see\nOTg3NjU0MzI=",
            r"see\r\ntel%3A%2B4798765432",
            r"said\nnio åtta sju sex fem fyra tre två",
            r"tel \u0039\x38765432",
            "call-98765432.wav",
            "2026-02-20 98765432",
            "2026-02-20T10:00:00 98765432",
            "2026-02-20 10:00:00.123456+00\t98765432",
            "2026-02-20 10:00:00+0098765432",
            "2026-02-20 10:00:00.98765432",
            r#"{"a": {"w": "987"}, "b": {"w": "65432"}}"#,
            "Nine, eight, seven, six, five, four, three, two.",
            "nio åtta sju sex fem fyra tre två",
            "ni åtte sju seks fem fire tre to",
            "ni otte syv seks fem fire tre to",
        ] {
            let found = found(text);
            assert!(found.iter().any(|digits| digits.ends_with("98765432")), "{text}: {found:?}");
        }
    }

    #[test]
    fn an_address_is_found_in_every_spelling() {
        for text in [
            "kari@example.net",
            "<KARI@Example.NET>, next",
            "mailto:kari@example.net.",
            "to=kari@example.net&x",
            "kari%40example.net",
            "kari=40example.net",
            "a2FyaUBleGFtcGxlLm5ldA==",
            "kari＠example.net",
            r#"{"kari@example.net": 1}"#,
            r"x\nkari@example.net",
            r"x\tkari@example.net\tx",
            r"x\\r\\nkari@example.net\\r\\n",
            r"kari\u0040example.net",
            r"kari\@example\.net",
            r"x\na2FyaUBleGFtcGxlLm5ldA==",
            "_kari@example.net_",
            "*_kari@example.net_*",
            "-kari@example.net",
            "--kari@example.net--",
            "..kari@example.net..",
            "to=+kari@example.net",
        ] {
            let found = found(text);
            assert!(found.iter().any(|address| address == "kari@example.net"), "{text}: {found:?}");
        }
    }

    #[test]
    fn an_address_of_any_script_is_found_as_it_is_stored() {
        for (text, stored) in [
            ("til kari@हिन्दी.com takk", "kari@xn--j2bd4cyah0f.com"),
            ("(Kari@Blåbær.NO)", "kari@xn--blbr-roah.no"),
            ("kari@bla\u{30A}bær.no", "kari@xn--blbr-roah.no"),
            ("x संपर्क@x.in", "संपर्क@x.in"),
            ("İPEK@firma.com.tr", "i\u{307}pek@firma.com.tr"),
        ] {
            let found = found(text);
            assert!(found.iter().any(|address| address == stored), "{text}: {found:?}");
        }
    }

    #[test]
    fn ids_days_and_words_are_no_numbers() {
        for text in [
            "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f71 41238456-8412-3845-6841-238456841238",
            "2026-02-20T10:00:00Z",
            "2026-02-20 10:00:00.123456+00",
            "2026-02-20T10:00:00.123+02:00 2026-02-20T10:00:00.5Z",
            "it takes two to tango, one by one",
            "12345 a 678",
            "a@b, @example.net",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_window_is_counted_and_not_found() {
        let (mut whole, mut windows) = (Vec::new(), 0);
        candidates("1700000001", &mut |_, candidate| match candidate {
            ScanCandidate::Digits { digits, is_whole: true, .. } => whole.push(digits.to_owned()),
            _ => windows += 1,
        });
        assert_eq!((whole, windows), (vec!["1700000001".to_owned()], 2 + 3));
    }

    #[test]
    fn a_finding_behind_an_escape_or_in_an_encoding_has_its_place_in_the_stored_text() {
        for (text, place) in [
            (r"2\tx\nkari@example.net\tx", 6),
            (r"2\tx\n kari%40example.net", 7),
            (r"a,b,a2FyaUBleGFtcGxlLm5ldA==", 4),
            (r"x\n\ta,a2FyaUBleGFtcGxlLm5ldA==", 7),
            (r"%20x%20kari%40example.net", 7),
        ] {
            let mut places = Vec::new();
            candidates(text, &mut |at, candidate| {
                if candidate == ScanCandidate::Email("kari@example.net") {
                    places.push(at);
                }
            });
            places.dedup();
            assert_eq!(places, [place], "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_scan_panic(text in "\\PC*|[0-9=%+@. \\r\\n\\\\nux]{0,80}|[ -~]{0,80}") {
            candidates(&text, &mut |at, _| assert!(at <= text.len()));
        }

        #[test]
        fn a_text_that_is_too_short_has_no_candidate(text in "[0-9a\\\\&#;%=@.\u{ff20}\u{0660}]{0,8}") {
            if is_too_short(&text) {
                candidates(&text, &mut |_, candidate| panic!("{text}: {candidate:?}"));
            }
        }

        #[test]
        fn a_number_is_found_in_any_text(before in "[^0-9\\PN]{0,20}", digits in "[1-9][0-9]{7}", after in "[a-z .,]{0,20}") {
            let text = format!("{before} x {digits} x {after}");
            prop_assert!(found(&text).contains(&digits));
        }
    }
}
