//! A tenant's own patterns: what is refused, what is redacted, and what counts where finds overlap.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::text::document::{Case, Format, tokenize};

fn patterns(all: &[(&str, &str)]) -> Patterns {
    let pattern = |(name, regex): &(&str, &str)| Pattern { name: (*name).to_owned(), regex: (*regex).to_owned() };
    let all: Vec<_> = all.iter().map(pattern).collect();
    for one in &all {
        assert_eq!((Pattern::check_name(&one.name), Pattern::check_regex(&one.regex)), (Ok(()), Ok(())), "{one:?}");
    }
    Patterns::of(&all)
}

fn customer_numbers() -> Patterns {
    patterns(&[("customer number", r"\bKN-?\d{6,8}\b"), ("plate", r"\b[A-Z]{2} ?\d{5}\b")])
}

#[test]
fn a_match_is_redacted_and_is_nobodys() {
    check(
        &in_region("NO").with_patterns(&customer_numbers()),
        &[
            ("My number is KN-123456, my car EK 12345.", "My number is [customer number], my car [plate]."),
            ("KN98765432 og 98765432", "[customer number] og <+4798765432>"),
            ("kn-123456 XKN-123456 KN-1", "kn-123456 XKN-123456 KN-1"),
            ("KN&#45;123456 K<b>N-12</b>3456", "[customer number] [customer number]<b></b>"),
            ("ærKN-123456 æ KN-123456 ø", "ærKN-123456 æ [customer number] ø"),
            ("kort 4111 1111 1111 1111 KN-123456", "kort [card number] [customer number]"),
        ],
    );
}

#[test]
fn the_records_own_identifiers_count_first_and_then_patterns() {
    let digits = patterns(&[("code", r"\d{6,8}"), ("policy", r"P-[^ ]+"), ("name", "(?i)kari \\w+ [0-9]+")]);
    check(
        &kari().with_patterns(&digits),
        &[
            ("98765432 and 91234567", "<+4798765432> and [code]"),
            // Nothing stays of a card or of a number that a match is only a part of.
            ("4111 1111 1111 1111", "[card number]"),
            ("4111111111111111", "[code]"),
            ("+46701740605", "[code]"),
            ("P-ola@example.no", "[policy]"),
            ("P-(kari.nordmann@eksempel.no), P-12", "<kari.nordmann@eksempel.no> [policy]"),
            ("Kari Nordmann 12", "<name>"),
        ],
    );
    let found = kari().with_patterns(&digits).find("98765432 and 91234567");
    assert_eq!(found.len(), 1);
}

#[test]
fn attributes_lose_matches_in_strings_and_whole_numbers() {
    let finder = in_region("NO").with_patterns(&patterns(&[("customer number", r"\d{6}|KN-\d+")]));
    let value = json!({
        "note": "KN-77 called", "id": 123_456, "at": 1_715_500_800, "price": 123_456.5, "KN-77": true,
        "list": ["KN-1", ["KN-2"]], "longer": 1_234_567,
    });
    let mut mentions = Vec::new();
    let kept = tokenize_json(&finder, value, &mut mentions);
    let expected = json!({
        "note": "[customer number] called", "id": "[customer number]", "at": 1_715_500_800, "price": 123_456.5,
        "[customer number]": true, "list": ["[customer number]", ["[customer number]"]], "longer": 1_234_567,
    });
    assert_eq!((kept, mentions.len()), (expected, 0));
}

#[test]
fn every_format_loses_matches() {
    let case = Case {
        region: region("NO"),
        own: Own::default(),
        forgotten: false,
        stored: false,
        patterns: customer_numbers(),
    };
    for (format, text, expected) in [
        (Format::Plain, "Kari: KN-123456\n", "Kari: [customer number]\n"),
        (Format::Json, r#"[{"text":"KN-123456"},{"n":7}]"#, r#"[{"text":"[customer number]"},{"n":7}]"#),
        (
            Format::Json,
            r#"{"words":[{"word":"EK"},{"word":"12345"}]}"#,
            r#"{"words":[{"word":"[plate]"},{"word":""}]}"#,
        ),
        (
            Format::NdJson,
            "{\"text\":\"KN-123456\"}\n{\"text\":\"b\"}\n",
            "{\"text\":\"[customer number]\"}\n{\"text\":\"b\"}\n",
        ),
        (
            Format::Vtt,
            "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Kari>KN-123456\n",
            "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Kari>[customer number]\n",
        ),
        (
            Format::Srt,
            "1\n00:00:01,000 --> 00:00:02,000\nKN-123456\n",
            "1\n00:00:01,000 --> 00:00:02,000\n[customer number]\n",
        ),
        (
            Format::Html,
            "<p title='KN-123456'>EK&nbsp;1 EK 12345</p>",
            "<p title='[customer number]'>EK&nbsp;1 [plate]</p>",
        ),
        (
            Format::Mail,
            "From: ola@x.no\r\nSubject: KN-123456\r\n\r\nEK 12345\r\n",
            "From: <0>\r\nSubject: [customer number]\r\n\r\nEK 12345\r\n",
        ),
    ] {
        let document = tokenize(format, text.as_bytes(), &case).unwrap();
        let shown = fill_text(&document.text, |n| format!("<{n}>"));
        if format == Format::Mail {
            assert!(shown.contains("[customer number]") && shown.contains("[plate]"), "{shown}");
        } else {
            assert_eq!(shown, expected, "{format:?}");
        }
    }
}

#[test]
fn a_pattern_is_checked_when_it_comes_in() {
    let syntax = |reason: &str, at| Err(PatternError::Syntax { reason: reason.to_owned(), at });
    assert_eq!(Pattern::check_regex("æ(x"), syntax("unclosed group", 2));
    assert_eq!(Pattern::check_regex("x{9,1}").map_err(|error| matches!(error, PatternError::Syntax { .. })), Err(true));
    assert_eq!(
        Pattern::check_regex(r"(\d)\1").map_err(|error| matches!(error, PatternError::Syntax { .. })),
        Err(true)
    );
    for empty in ["", "x*", r"\b", "^", "a|", "(?:)", "[a&&b]"] {
        assert_eq!(Pattern::check_regex(empty), Err(PatternError::Empty), "{empty}");
    }
    for large in [r"(?:\w{100}){100}", "(?:(?:(?:a{100}){100}){100}){100}", r"\pL{400}"] {
        assert_eq!(Pattern::check_regex(large), Err(PatternError::Large), "{large}");
    }
    assert_eq!(Pattern::check_regex(&"a".repeat(501)), Err(PatternError::Long));
    assert!(Pattern::check_regex(&"(".repeat(60)).is_err() && Pattern::check_regex(&"(?:".repeat(100)).is_err());
    for usual in [r"\w{10}", r"(?i)\b(?:policy|police)[ :]*\d{6,12}\b", r"[A-ZÆØÅ]{2}\s?\d{4,5}", r"\p{Lu}{3}\d{3}"]
    {
        assert_eq!(Pattern::check_regex(usual), Ok(()), "{usual}");
    }
    for name in ["customer number", "Kundenr. 2", "försäkrings-nr", "a"] {
        assert_eq!(Pattern::check_name(name), Ok(()), "{name}");
    }
    for name in ["", " a", "a ", "[a]", "a]b", "1a", "a\nb", "<b>", "a@b.no", &"a".repeat(41)] {
        assert_eq!(Pattern::check_name(name), Err(PatternError::Name), "{name}");
    }
}

#[test]
fn an_error_does_not_quote_the_expression() {
    for regex in ["(?P<98765432>x", r"\p{98765432}", "(?98765432)", "x{98765432,1}"] {
        let error = Pattern::check_regex(regex).unwrap_err().to_string();
        assert!(!error.contains("98765"), "{error}");
    }
}

#[test]
fn a_name_loses_a_match() {
    let read = crate::read_field("Kari Nordmann KN-123456", Kind::Name, region("NO"), &customer_numbers());
    assert_eq!(read.name.map(|name| name.expose().as_str().to_owned()).as_deref(), Some("Kari Nordmann"));
    assert!(read.is_ignored);
}

proptest! {
    #[test]
    fn finds_lie_apart_and_in_order(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "98765432", "91234567", "kari.nordmann@eksempel.no", "Kari", "Nordmann", " ", "KN-123456", "KN-", "12", "4111 1111 1111 1111",
            "<b>", "&#49;", "%20", "å", "ni åtte sju seks fem fire tre to", "98 76", "54 32", "\n",
        ]), 0..25),
        regex in prop::sample::select(vec![r"\d{3}", r"KN-\d+", ".{2,9}", r"\pL+", r"[0-9 ]{4}", "(?s).{50}"]),
    ) {
        let text = pieces.concat();
        let finder = kari().with_patterns(&patterns(&[("x", regex)]));
        let mut end = 0;
        for (range, _) in finder.find_all(&text) {
            prop_assert!(end <= range.start && range.start < range.end, "{text:?}");
            prop_assert!(text.get(range.clone()).is_some(), "{text:?}");
            end = range.end;
        }
        let own = |finds: Vec<(Range<usize>, Found)>| finds.into_iter().map(|(_, found)| found).filter(|found| match found {
            Found::Phone(phone) => phone.expose().as_str() == "+4798765432",
            Found::Email(email) => email.expose().as_str() == "kari.nordmann@eksempel.no",
            Found::OwnName => true,
        }).collect::<Vec<_>>();
        prop_assert_eq!(own(finder.find(&text)), own(kari().find(&text)), "{:?}", text);
    }
}
