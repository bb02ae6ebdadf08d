//! Stamps: the times and dates that programs write before, behind, and between what people say. `2024-05-12T10:31:02Z`,
//! `12 May 2024, 10:31 -`, `(00:12)`, `0:00:12.340 --> 0:00:15.000`, `[12.50 - 15.20]`.
//!
//! Only for the record's own number and address, text in pieces is read. So a stamp may be found where there is none: its digits may
//! be passed over, and they still may be part of the number.

use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::meta::Regex;

use super::interrupted::HIDDEN;

const TIME: &str = r"[0-9]{1,2}:[0-5][0-9](?::[0-5][0-9])?(?:[.,][0-9]{1,9})?(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}(?-u:\b)))?(?: ?[ap]\.?m(?-u:\b)\.?| uhr)?";

/// The beginnings of the months in six languages. Case endings and abbreviations follow.
const MONTH: &str = r"(?:jan|feb|mar|mär|apr|maj|mai|may|jun|jul|aug|sep|okt|oct|nov|des|dec|dez|tammi|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu)[a-z]{0,8}\.?";

const WEEKDAY: &str = r"(?:mon|tue|wed|thu|fri|sat|sun|man|tir|ons|tor|fre|lør|søn|mån|tis|lör|sön|mo|di|mi|do|fr|sa|so|ma|ti|ke|to|pe|la|su)[a-zäöå]{0,8}\.?,? (?:den )?";

const DAY: &str = r"[0-3]?[0-9](?:st|nd|rd|th|\.)?";

const YEAR: &str = r"(?:19|20)[0-9]{2}";

/// A number of seconds.
const SECONDS: &str = r"[0-9]{1,5}[.,][0-9]{1,3} ?s?";

const TO: &str = r"\s?(?:-|–|-->|to)\s?";

/// The automaton of all stamps. Every repetition in it is bounded, so a search is linear.
static STAMP: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let date = format!(
        r"(?:{WEEKDAY})?(?:{DAY} (?:of )?{MONTH},? {YEAR}|{MONTH} {DAY},? {YEAR}|{YEAR}-[01]?[0-9]-[0-3]?[0-9]|[0-3]?[0-9][./][0-3]?[0-9][./](?:{YEAR}|[0-9]{{2}}))"
    );
    let dated = format!(r"{date}(?:T|,?[ \u{{00A0}}\u{{202F}}]{{1,2}}(?:at |kl\.? ?|um |klo |à )?){TIME}");
    let bracketed = format!(r"[\[(<](?:{TIME}(?:{TO}{TIME})?|{SECONDS}(?:{TO}{SECONDS})?)[\])>]");
    let pattern =
        format!(r"(?i)(?:{bracketed}|(?-u:\b)(?:{dated}|{TIME}\s?-->\s?{TIME}|{TIME}|{date})(?:(?-u:\b)|\.))");
    Regex::new(&pattern).ok()
});

/// The longest line before a quoted message, in bytes.
const LONGEST_LINE: usize = 200;

/// Verbs of such a line: `On Sun, 12 May 2024 at 10:31, Ola <ola@x.no> wrote:`.
const VERBS: [&str; 5] = [" wrote", " skrev", " schrieb", " kirjoitti", " a écrit"];

/// The stamps of a text, in its order. None overlaps another one.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let Some(stamp) = STAMP.as_ref() else { return Vec::new() };
    let mut found: Vec<Range<usize>> = Vec::new();
    for range in stamp.find_iter(text).map(|found| found.range()) {
        if found.last().is_some_and(|last| range.start < last.end) {
            continue;
        }
        let mut stamp = attribution(text, &range).unwrap_or(range);
        // A whole line has the stamps that were found in it before.
        while let Some(within) = found.pop_if(|last| last.end > stamp.start) {
            stamp.start = stamp.start.min(within.start);
        }
        found.push(stamp);
    }
    found
}

/// The whole line of a stamp, if it ends like one that says who wrote the message which is quoted below.
fn attribution(text: &str, stamp: &Range<usize>) -> Option<Range<usize>> {
    let before = &text[text.ceil_char_boundary(stamp.start.saturating_sub(LONGEST_LINE))..stamp.start];
    let after = &text[stamp.end..text.floor_char_boundary(stamp.end + LONGEST_LINE)];
    let line = &after[..after.find('\n')?];
    let is_one = line.trim_end().ends_with(':') && VERBS.iter().any(|verb| line.contains(verb));
    let start = stamp.start - before.len() + before.rfind('\n').map_or(0, |end| end + 1);
    is_one.then_some(start..stamp.end + line.len())
}

/// A text with blanks in place of its stamps. Every other character is where it was.
pub(super) fn blanked(text: &str, stamps: &[Range<usize>]) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut end = 0;
    for stamp in stamps {
        blanked.push_str(&text[end..stamp.start]);
        for c in text[stamp.clone()].chars() {
            // Digits on both sides of a placeholder are not one number.
            if c == HIDDEN {
                blanked.push(c);
            } else {
                blanked.extend(std::iter::repeat_n(' ', c.len_utf8()));
            }
        }
        end = stamp.end;
    }
    blanked.push_str(&text[end..]);
    blanked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn stamps_of_programs_are_told_from_what_is_said() {
        for text in [
            "2024-05-12T10:31:02Z",
            "2024-05-12T10:31:02.123+02:00",
            "2024-05-12 10:31",
            "12.05.2024, 10:31",
            "12 May 2024, 10:31",
            "May 12, 2024, 10:31 AM",
            "12. mai 2024 kl. 10:31",
            "12 maj 2024 10:31",
            "12. Mai 2024 um 10:31 Uhr",
            "12. toukokuuta 2024 klo 10:31",
            "Sun, 12 May 2024 at 10:31",
            "søndag den 12. maj 2024 kl. 10:31",
            "0:00:12.340 --> 0:00:15.000",
            "00:01:02,500 --> 00:01:04,000",
            "[00:12]",
            "(00:12 - 00:15)",
            "[12.50 - 15.20]",
            "(12.5)",
            "00:12",
        ] {
            assert_eq!(found(&format!("Kari {text} x")), [text]);
        }
        for text in ["98 76 54 32", "98765432", "12 mai 98 76", "1:1", "(98)", "98.76 54.32", "2024"] {
            assert!(found(text).is_empty(), "{text}");
        }
        let quoted = "On Sun, 12 May 2024 at 10:31, Ola <ola@x.no> wrote:";
        assert_eq!(found(&format!("a\n{quoted}\nb")), [quoted]);
        assert_eq!(blanked("å (00:12) å", &find("å (00:12) å")), "å         å");
    }

    #[test]
    fn the_line_before_a_quoted_message_takes_the_stamps_in_it_along() {
        let text = format!("Se 10:31 {} 12:40 {} Ola wrote:\nhei 13:50", "a".repeat(150), "b".repeat(80));
        let line = text.find('\n').unwrap();
        assert_eq!(find(&text), [0..line, text.len() - 5..text.len()]);
        assert_eq!(blanked(&text, &find(&text)), format!("{}\nhei      ", " ".repeat(line)));
    }

    proptest! {
        #[test]
        fn stamps_are_in_order_and_apart(text in "([0-9]{2}:[0-9]{2}|12 May 2024|[a-d]{1,90}|[\\[\\]() ,\n]| wrote:\n| skrev:\n|[æ\u{e000}]){0,40}") {
            let stamps = find(&text);
            prop_assert!(stamps.windows(2).all(|pair| pair[0].end <= pair[1].start), "{stamps:?}");
            prop_assert_eq!(blanked(&text, &stamps).len(), text.len());
        }
    }
}
