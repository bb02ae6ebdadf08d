//! The properties of every text.

use proptest::prelude::*;

use super::*;

/// The separators that people write between the digits of a number.
const SIGNS: [&str; 13] =
    ["", " ", "-", "\u{a0}", "\u{2011}", "/", " - ", "\u{200b}", "\u{202f}", ") ", "--", ".-", "\u{2060} "];
const WORDS: [&str; 16] = [
    "ring",
    "meg",
    "på",
    "etter",
    "kl.",
    "call",
    "tlf",
    "Kunde",
    "år",
    "spør",
    "12",
    "3 stk",
    "10:30",
    "2024-05-12",
    "kr 500",
    "så",
];

fn digits_of(text: &str) -> String {
    text.chars().filter_map(crate::digit).collect()
}

/// A Norwegian mobile number and a way to write it: the text before it, and the separator with its positions.
fn written() -> impl Strategy<Value = (String, String)> {
    // `4702000 0` could also be +47 02000, a service's number, and a figure behind it.
    let number = "(4[156][0-9]|47[1-9]|9[0-8][0-9])[0-9]{5}";
    let number = number.prop_filter("assigned", |number| Phone::parse_valid(number, region("NO")).is_some());
    let prefix = prop::sample::select(vec!["", "+47", "0047", "00 47 ", "+47 ", "(+47) ", "+47-", "(0047)"]);
    let (sign, gaps) = (prop::sample::select(SIGNS.to_vec()), prop::collection::vec(prop::bool::weighted(0.4), 7));
    (number, prefix, sign, gaps).prop_map(|(number, prefix, sign, gaps)| {
        let mut spelling = prefix.to_owned();
        for (at, digit) in number.chars().enumerate() {
            spelling.push(digit);
            spelling.push_str(if gaps.get(at) == Some(&true) { sign } else { "" });
        }
        (number, spelling)
    })
}

fn prose() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..5).prop_map(|words| words.join(" "))
}

fn arbitrary() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[0-9]{1,9}",
        prop::sample::select(vec![
            "+",
            "(",
            ")",
            " ",
            "-",
            ".",
            "/",
            ":",
            ",",
            "@",
            "%40",
            "00",
            "Kari",
            "Nordmann",
            "98765432",
            "x.no",
            "\u{e000}",
            "\u{e001}",
            "\u{ad}",
            "\u{200b}",
            "٩",
            "\u{30a}",
            "NO",
            "kr",
            "ni",
            "åtte ",
            "tjue",
            "hundre",
            " to ",
            "double",
            "plus ",
            "og",
            "eh ",
            "null ",
            "NO93 8601 1117 947",
            "4111 1111 1111 1111",
            "131052-308T",
            "070761-4285",
            "\n",
            "…",
            "é",
            "kari.nordmann@eksempel.no",
            "９",
            "－",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn check_ranges(finder: &Finder, text: &str) -> Result<(), TestCaseError> {
    let mut free = 0;
    for (range, _) in finder.find(text) {
        prop_assert!(range.start >= free && range.start < range.end && range.end <= text.len());
        prop_assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
        free = range.end;
    }
    Ok(())
}

/// A payment card number with its check digit, a Norwegian and a Swedish identity number with theirs.
fn suppressible() -> impl Strategy<Value = String> {
    let card = prop_oneof!["4[0-9]{14}", "5[1-5][0-9]{13}", "3[47][0-9]{12}", "6011[0-9]{11}"].prop_map(with_luhn);
    let norwegian = (1..29_u32, 1..13_u32, "[0-9]{5}").prop_filter_map("has check digits", |(day, month, rest)| {
        let nine = format!("{day:02}{month:02}{rest}");
        (0..100).map(|check| format!("{nine}{check:02}")).find(|whole| national::is_norwegian(whole.as_bytes(), false))
    });
    let swedish = (1930..2010_u32, 1..13_u32, 1..29_u32, "[0-9]{3}").prop_map(|(year, month, day, serial)| {
        let whole = with_luhn(format!("{:02}{month:02}{day:02}{serial}", year % 100));
        format!("{}{}-{}", year / 100, &whole[..6], &whole[6..])
    });
    prop_oneof![card, norwegian, swedish]
}

fn with_luhn(digits: String) -> String {
    let check = (0..10).map(|check| format!("{digits}{check}")).find(|whole| card::passes_luhn(whole.as_bytes()));
    check.unwrap_or(digits)
}

/// How each digit is spoken in Norwegian, Swedish, Danish and English.
const SPOKEN: [[&str; 10]; 5] = [
    ["null", "en", "to", "tre", "fire", "fem", "seks", "sju", "åtte", "ni"],
    ["null", "ein", "to", "tre", "fire", "fem", "seks", "sju", "åtte", "ni"],
    ["noll", "ett", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio"],
    ["nul", "en", "to", "tre", "fire", "fem", "seks", "syv", "otte", "ni"],
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
];

/// A way to speak the digits of a number: the language, and what is said between them.
fn spoken(number: &str, language: usize, pauses: &[&str]) -> String {
    let mut text = String::new();
    for (at, digit) in number.bytes().filter(u8::is_ascii_digit).enumerate() {
        text.push_str(if at == 0 { "" } else { pauses[at % pauses.len()] });
        text.push_str(SPOKEN[language][usize::from(digit - b'0')]);
    }
    text
}

fn pauses() -> impl Strategy<Value = Vec<&'static str>> {
    let pause = [" ", ", ", "\n", " … ", "... ", " eh ", ", øh, ", " um, ", "-", " - ", "\n\n", " komma "];
    prop::collection::vec(prop::sample::select(pause.to_vec()), 1..6)
}

/// Prose of the four languages with the number words that prose has.
fn talk() -> impl Strategy<Value = String> {
    const TALK: [&str; 24] = [
        "one of the three",
        "to be",
        "two or four",
        "fire department",
        "six months",
        "it is ten to five",
        "for one day",
        "en av de tre",
        "to ganger",
        "fire kunder",
        "om ti minutter",
        "halv seks",
        "to hundre kroner",
        "null problem",
        "en gång",
        "sex katter",
        "fem stycken",
        "två eller tre",
        "om åtta dagar",
        "noll koll",
        "en af de otte",
        "femogtyve procent",
        "klokken syv",
        "halvtreds kroner",
    ];
    prop::collection::vec(prop::sample::select(TALK.to_vec()), 1..12).prop_map(|parts| parts.join(" hos "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_suppressed_survives_in_no_writing(
        number in suppressible(), sign in prop::sample::select(vec!["", " ", "-", "\u{a0}", "\u{200b}", "\u{2011}"]),
        before in prose(), after in prose(), code in prop::sample::select(vec!["NO", "SE", "DK", "DE", "US"]),
    ) {
        let digits = digits_of(&number);
        let fours = digits.as_bytes().chunks(4).map(|four| std::str::from_utf8(four).unwrap()).collect::<Vec<_>>();
        let written = match digits.len() {
            16 => fours.join(sign),
            15 => format!("{}{sign}{}{sign}{}", &digits[..4], &digits[4..10], &digits[10..]),
            11 => format!("{}{sign}{}", &digits[..6], &digits[6..]),
            _ => number.clone(),
        };
        let text = format!("{before}: {written}; {after}");
        let mut mentions = Vec::new();
        let tokenized = tokenize_text(&in_region(code), &text, &mut mentions);
        prop_assert!(!digits_of(&tokenized).contains(&digits), "{text:?} {tokenized:?}");
        prop_assert!(tokenized.contains(" number]") || mentions.len() == 1, "{text:?} {tokenized:?}");
        let value = tokenize_json(&in_region(code), serde_json::json!({ "text": text, "list": [written] }), &mut mentions);
        prop_assert!(!digits_of(&value.to_string()).contains(&digits), "{value}");
    }

    #[test]
    fn a_spoken_card_is_suppressed(
        number in "4[0-9]{14}", language in 0..SPOKEN.len(), pauses in pauses(), before in talk(), after in talk(),
    ) {
        let text = format!("{before}: kort {}. Hei {after}", spoken(&with_luhn(number), language, &pauses));
        let mut mentions = Vec::new();
        let tokenized = tokenize_text(&in_region("NO"), &text, &mut mentions);
        prop_assert_eq!(tokenized, format!("{before}: kort [card number]. Hei {after}"));
        prop_assert!(mentions.is_empty());
    }

    #[test]
    fn the_own_number_is_found_however_it_is_spoken(
        (number, _) in written(), language in 0..SPOKEN.len(), pauses in pauses(), before in talk(), after in talk(),
    ) {
        let own = Own { phone: Phone::parse(&number, region("NO")).ok(), ..Own::default() };
        for code in ["NO", "SE", "US"] {
            let finder = Finder::new(region(code), own.clone());
            let text = format!("{before} på {} ikke {after}", spoken(&number, language, &pauses));
            prop_assert_eq!(seen(&finder, &text), format!("{before} på <+47{number}> ikke {after}"));
        }
    }

    #[test]
    fn a_valid_number_is_found_when_it_is_spoken(
        (number, _) in written(), language in 0..SPOKEN.len(), pauses in pauses(), before in talk(), after in talk(),
    ) {
        let text = format!("{before} på {} ikke {after}", spoken(&number, language, &pauses));
        prop_assert_eq!(seen(&in_region("NO"), &text), format!("{before} på <+47{number}> ikke {after}"));
    }

    #[test]
    fn talk_with_number_words_is_left_alone(talk in talk(), code in prop::sample::select(vec!["NO", "SE", "DK", "GB", "US"])) {
        prop_assert_eq!(seen(&in_region(code), &talk), talk);
    }

    #[test]
    fn ranges_are_sorted_and_lie_in_the_text(text in arbitrary(), other: String) {
        for code in ["NO", "SE", "DE", "US"] {
            let own = Own {
                phone: Some(Phone::parse("98765432", region("NO")).unwrap()),
                email: Some(Email::parse("kari.nordmann@eksempel.no").unwrap()),
                name: Some(PersonName::parse("Kari Nordmann").unwrap()),
            };
            let finder = Finder::new(region(code), own);
            check_ranges(&finder, &text)?;
            check_ranges(&finder, &other)?;
            let _ = finder.holds_own(&text);
        }
    }

    #[test]
    fn a_name_of_any_characters_makes_no_trouble(name: String, text in arbitrary(), more: String) {
        let finder = Finder::new(region("NO"), Own { name: PersonName::parse(&name).ok(), ..Own::default() });
        for text in [&text, &more, &name, &format!("{text} {name} {more}")] {
            check_ranges(&finder, text)?;
        }
    }

    #[test]
    fn a_valid_number_in_prose_is_found_and_nothing_of_it_stays(
        (number, spelling) in written(), before in prose(), after in prose(),
    ) {
        let text = format!("{before}, {spelling}, {after}");
        let mut mentions = Vec::new();
        let tokenized = tokenize_text(&in_region("NO"), &text, &mut mentions);
        prop_assert!(mentions.iter().any(|found| show(found) == format!("<+47{number}>")), "{text:?}");
        prop_assert!(!digits_of(&tokenized).contains(&number), "{text:?}");
    }

    #[test]
    fn the_own_number_is_found_in_every_spelling((number, spelling) in written(), around in "[a-zæ _]{0,3}", wild in "[,;_*:|\n]") {
        let own = Own { phone: Phone::parse(&number, region("NO")).ok(), ..Own::default() };
        let finder = Finder::new(region("NO"), own);
        let between: String = number.chars().flat_map(|c| [c.to_string(), wild.clone()]).collect();
        for text in [format!("{around}{spelling}{around}"), format!("{around}{between}"), format!("77{number}2024")] {
            prop_assert!(finder.holds_own(&text), "{text:?}");
            let seen = seen(&finder, &text);
            let expected = format!("<+47{number}>");
            prop_assert!(seen.contains(&expected), "{text:?} {seen:?}");
            prop_assert!(!digits_of(&seen.replace(&expected, "")).contains(&number));
        }
    }

    #[test]
    fn what_was_tokenized_is_not_tokenized_again(text in arbitrary()) {
        let mut mentions = Vec::new();
        let once = tokenize_text(&kari(), &text, &mut mentions);
        let count = mentions.len();
        let filled = fill_text(&once, |_| "Anonymized".to_owned());
        let delimited = filled.contains(['\u{e000}', '\u{e001}']);
        prop_assert!(!delimited);
        // A delimiter may have been between the digits of a suppressed value.
        let stripped = text.replace(['\u{e000}', '\u{e001}'], "");
        let known = count > 0 || !kari().find_all(&stripped).is_empty();
        prop_assert!(kari().find(&filled).iter().all(|(_, found)| *found == Found::OwnName || known), "{text:?}");
        if !known {
            prop_assert_eq!(once, stripped);
        }
    }

    #[test]
    fn a_filled_text_reads_as_the_same_identifiers((_, spelling) in written(), before in prose(), local in "[a-z]{1,9}") {
        let text = format!("{before}; {spelling}; {local}@eksempel.no");
        let mut mentions = Vec::new();
        let tokenized = tokenize_text(&kari(), &text, &mut mentions);
        let filled = fill_text(&tokenized, |n| match &mentions[n] {
            Found::Phone(phone) => phone.expose().as_str().to_owned(),
            Found::Email(email) => email.expose().as_str().to_owned(),
            Found::OwnName => "Kari Nordmann".to_owned(),
        });
        let mut again = Vec::new();
        prop_assert_eq!(tokenize_text(&kari(), &filled, &mut again), tokenized);
        prop_assert_eq!(again, mentions);
    }

    #[test]
    fn times_and_dates_are_no_callers(
        (year, month, day) in (1900..2100_u32, 1..13_u32, 1..29_u32), (hour, minute) in (0..24_u32, 0..60_u32),
        region in prop::sample::select(vec!["NO", "DK", "SE", "DE", "US", "GB", "PL", "FR"]),
    ) {
        for text in [
            format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z"),
            format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}"),
            format!("{day:02}.{month:02}.{year} kl. {hour:02}.{minute:02}"),
            format!("{day}/{month}/{year} {hour:02}:{minute:02}:59"),
            format!("{day:02}.{month:02}.{:02}", year % 100),
            format!("{day:02}.{month:02}.{year} - {day:02}.{month:02}.{year}"),
            format!("{year}{month:02}{day:02}T{hour:02}{minute:02}"),
        ] {
            let finder = in_region(region);
            prop_assert!(finder.find(&text).is_empty(), "{region} {text}");
        }
    }
}
