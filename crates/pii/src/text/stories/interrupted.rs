//! The record's own identifiers, with any text between their characters.

use super::*;

/// The number is found, and nothing of it stays. The text around it stays.
#[track_caller]
fn found_whole(finder: &Finder, number: &str, texts: &[&str]) {
    let national = &number[3..];
    let mut wrong = Vec::new();
    for text in texts {
        let seen = seen(finder, text);
        let place = format!("<{number}>");
        let left: String = seen.replace(&place, "").chars().filter_map(crate::digit).collect();
        if !seen.contains(&place) || left.contains(national) || left.contains(&national[national.len() - 4..]) {
            wrong.push(format!("\n  {text:?}\n  {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

fn own(code: &str, number: &str) -> Finder {
    Finder::new(region(code), Own { phone: Phone::parse(number, region(code)).ok(), ..Own::default() })
}

#[test]
fn labels_times_and_annotations_do_not_hide_the_own_number() {
    found_whole(
        &kari(),
        "+4798765432",
        &[
            "98 76 [00:01:12] 54 32",
            "98765 [pause 3 s] 432",
            "(del 1) 9876 (del 2) 5432",
            "9876 kl. 12.30: 5432",
            "9876\n10:32 Kunde: 5432",
            "98 76\n[12:01:07] 54 32",
            "98 76 (pause) 54 [inaudible] 32",
            "98, så 76, og så 54 til slutt 32",
            "98 og 76 ja og 54 så 32",
            "Kunde: 98 76\nAgent: ja?\nKunde: 54 32",
            "første del 9876, andre del 5432",
            "9-8-7-6 -- vent litt -- 5-4-3-2",
        ],
    );
    found_whole(
        &own("SE", "0701740605"),
        "+46701740605",
        &[
            "070 [00:12] 174 [00:14] 06 05",
            "först 070, sedan 174 och så 06 05",
            "070-174\n2026-08-01 12:30:05 Kund: 06 05",
            "noll sju noll, vänta, ett sju fyra, just det, noll sex noll fem",
        ],
    );
    found_whole(
        &own("US", "2125551234"),
        "+12125551234",
        &[
            "212 (yes) 555 (uh-huh) 1234",
            "area code 212, then 555, and 1234",
            "212\nAgent 00:31: okay\nCaller 00:33: 555 1234",
        ],
    );
    found_whole(&own("DK", "31662338"), "+4531662338", &["31 66 <pause> 23 38", "31 66 (0:04) 23 38"]);
    found_whole(
        &own("DE", "015123456789"),
        "+4915123456789",
        &["0151 -- Moment -- 234 56 789", "0151 [Rauschen] 23456789"],
    );
}

#[test]
fn digits_of_something_else_break_the_own_number() {
    let untouched =
        ["98 76 stk 12 og 54 32", "987 kroner for 65 stykker, 18 dager og 432 igjen", "9876 ble til 1111, ikke 5432"];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    check(&kari(), &untouched);
}

#[test]
fn a_foreign_country_code_makes_it_somebody_else_wherever_it_stands() {
    for text in [
        "+45 (98) 76 54 32",
        "(0045) 98765432",
        "0045/98765432",
        "+45: 98765432",
        "+45 – 98 76 54 32",
        "+45\n98 76 54 32",
        "+45, 98 76 54 32",
        "plus 45 98765432",
        "pluss førtifem 98 76 54 32",
        "+45 (mobil) 98 76 54 32",
        "landkode +45, nummer 98765432",
    ] {
        let seen = seen(&kari(), text);
        assert!(seen.contains("<+4598765432>") && !seen.contains("<+47"), "{text:?} {seen:?}");
    }
}

#[test]
fn a_country_code_in_words() {
    for text in [
        "plus forty-seven nine eight seven six five four three two",
        "plus forty seven, nine eight seven, six five, four three two",
        "pluss førti sju ni åtte sju seks fem fire tre to",
        "pluss førtisyv ni åtte syv seks fem fire tre to",
        "plus four seven nine eight seven six five four three two",
        "double zero forty-seven nine eight seven six five four three two",
        "zero zero forty seven nine eight seven six five four three two",
        "dobbel null førtisju ni åtte sju seks fem fire tre to",
        "plus fyrtiosju nio åtta sju sex fem fyra tre två",
        "plus syvogfyrre ni otte syv seks fem fire tre to",
    ] {
        for code in ["NO", "SE", "DK", "GB"] {
            assert_eq!(seen(&in_region(code), text), "<+4798765432>", "{code} {text}");
        }
        assert_eq!(seen(&kari(), text), "<+4798765432>", "{text}");
    }
    assert_eq!(seen(&in_region("NO"), "plus forty-seven nine two two one one three nine six"), "<+4792211396>");
    assert_eq!(
        seen(&in_region("NO"), "plus forty nine one five one two three four five six seven eight nine"),
        "<+4915123456789>"
    );
}

#[test]
fn swedish_compounds_of_noll() {
    check(
        &in_region("SE"),
        &[
            ("nollsju noll ett sju fyra noll sex noll fem", "<+46701740605>"),
            ("nollsjuttio etthundrasjuttiofyra nollsex nollfem", "<+46701740605>"),
            ("nollåtta ett två tre fyra fem sex sju åtta", "<+46812345678>"),
            ("noll-sju-noll ett-sju-fyra noll-sex noll-fem", "<+46701740605>"),
            ("nollsjuttiotre ett två tre fyra fem sex sju", "<+46731234567>"),
        ],
    );
}

#[test]
fn a_number_over_the_strings_of_an_array() {
    use serde_json::json;
    let shown = |finder: &Finder, value| {
        let mut mentions = Vec::new();
        let tokenized = tokenize_json(finder, value, &mut mentions);
        fill_json(tokenized, &|n| show(&mentions[n])).to_string()
    };
    for value in [
        json!({ "tlf": ["98", "76", "54", "32"] }),
        json!({ "tlf": ["+47", "98765432"] }),
        json!([["9", "8", "7", "6"], ["5", "4", "3", "2"]][0].iter().chain(&["5", "4", "3", "2"]).collect::<Vec<_>>()),
        json!({ "lines": ["ring 9876", "5432 i dag"] }),
        json!({ "digits": [9, 8, 7, 6, 5, 4, 3, 2] }),
    ] {
        let seen = shown(&kari(), value.clone());
        assert!(seen.contains("<+4798765432>") && !seen.contains("32\""), "{value} {seen}");
    }
    let kept = json!({ "sizes": ["38", "40", "42", "44"], "n": [12, 13, 14, 15], "zip": ["0150", "5003"] });
    assert_eq!(shown(&kari(), kept.clone()), kept.to_string());
}

#[test]
fn a_bare_country_code_of_the_own_number_is_taken_along() {
    let dane = own("NO", "+4598765432");
    check(&dane, &[("45 98765432", "<+4598765432>"), ("45 98 76 54 32", "<+4598765432>")]);
}

/// A program writes a stamp before, behind, or between what people say, each one in its own way.
#[test]
fn stamps_of_exports_do_not_hide_the_own_number() {
    let dated = [
        "2024-05-12T10:31:02Z",
        "2024-05-12T10:31:02",
        "2024-05-12T10:31:02.123Z",
        "2024-05-12T10:31:02+02:00",
        "2024-05-12 10:31:02",
        "12 May 2024, 10:31 -",
        "May 12, 2024, 10:31 AM -",
        "12. mai 2024 kl. 10:31 -",
        "12 maj 2024 kl. 10:31 -",
        "12. Mai 2024 um 10:31 Uhr -",
        "12. toukokuuta 2024 klo 10:31 -",
        "12/05/2024, 10:31 -",
        "12.05.24, 10:31 -",
        "[12.05.24, 10:31]",
        "0:00:12.340 --> 0:00:15.000",
    ];
    let mut texts = Vec::new();
    for stamp in dated {
        texts.push(format!("{stamp} Kari: 98 76\n{stamp} Kari: 54 32"));
        texts.push(format!("{stamp} Kari: 98 76\n{stamp} Ola: ja\n{stamp} Kari: 54 32"));
        texts.push(format!("98 76 {stamp} 54 32"));
    }
    for [one, two, three] in [
        ["Speaker 1 (00:12): ", "Speaker 2 (00:14): ", "Speaker 1 (00:15): "],
        ["Speaker 1 00:12\n", "\nSpeaker 2 00:14\n", "\nSpeaker 1 00:15\n"],
        ["00:01:12 Speaker 1\n", "\n00:01:14 Speaker 2\n", "\n00:01:15 Speaker 1\n"],
        ["[00:01:12] Kari Nordmann\n", "[00:01:14] Ola Hansen\n", "[00:01:15] Kari Nordmann\n"],
        ["1 Kunde: ", "2 Agent: ", "3 Kunde: "],
        [
            "12.05.24, 10:31 - +45 31 66 23 38: ",
            "12.05.24, 10:32 - +45 22 83 47 16: ",
            "12.05.24, 10:33 - +45 31 66 23 38: ",
        ],
        ["Kari Nordmann 10:12\n", "Ola Hansen 10:14\n", "Kari Nordmann 10:15\n"],
        ["[12.50 - 15.20] ", "[15.20 - 18.00] ", "[18.00 - 19.50] "],
        ["(12.5) ", "(15.2) ", "(18.0) "],
    ] {
        texts.push(format!("{one}98 76\n{two}ja\n{three}54 32"));
        texts.push(format!("{one}98 76\n{three}54 32"));
    }
    for line in [
        "On Sun, 12 May 2024 at 10:31, Ola <ola@x.no> wrote:",
        "søn. 12. mai 2024 kl. 10:31 skrev Ola Hansen <ola@x.no>:",
        "Am So., 12. Mai 2024 um 10:31 Uhr schrieb Ola <ola@x.no>:",
    ] {
        texts.push(format!("98 76\n{line}\n54 32"));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    found_whole(&kari(), "+4798765432", &texts);
    // The digits of a stamp may be those of the number, and other digits still break it.
    found_whole(&kari(), "+4798765432", &["98:76 ja 54 32", "Kari 98 76 10:31\n54 32", "[98.76 - 54.32]"]);
    check(&kari(), &[("98 76 12 2024-05-12T10:31:02Z 54 32", "98 76 12 2024-05-12T10:31:02Z 54 32")]);
}

/// A spoken word has as many digits as it says, so parts of two words may be long ones.
#[test]
fn any_words_between_spoken_parts_of_three_digits_or_more() {
    found_whole(
        &kari(),
        "+4798765432",
        &[
            "nittiåtte syttiseks skal vi se femtifire trettito",
            "nitti åtte sytti seks da må jeg lete femti fire tretti to",
            "ni åtte sju seks skal vi se fem fire tre to",
            "ninety eight seventy six let me see fifty four thirty two",
        ],
    );
    found_whole(
        &own("DK", "31662338"),
        "+4531662338",
        &[
            "enogtredive seksogtres lige et øjeblik treogtyve otteogtredive",
            "enogtredive seksogtres prøv igen treogtyve otteogtredive",
        ],
    );
    found_whole(
        &own("SE", "0701234567"),
        "+46701234567",
        &["noll sju noll du vet ett två tre fyra fem sex sju", "070 du vet 123 45 67"],
    );
    found_whole(
        &own("FI", "0401234567"),
        "+358401234567",
        &[
            "nolla neljä nolla niinku yksi kaksi kolme neljä viisi kuusi seitsemän",
            "nolla neljä nolla tota yksi kaksi kolme neljä viis kuus seittemän",
            "nolla neljä niinku nolla yksi kaksi kolme neljä viisi kuusi seitsemän",
        ],
    );
    // Shorter parts may be anything.
    let untouched = "nittiåtte av oss tok buss syttiseks, og femtifire gikk klokka trettito";
    check(&kari(), &[(untouched, untouched)]);
}

/// The digits before a word of correction that do not belong to the number are no other figure.
#[test]
fn a_correction_within_the_own_number() {
    check(
        &kari(),
        &[
            ("98 75, no sorry 76, 54 32", "<+4798765432> 75, no sorry "),
            ("98 75, nei unnskyld, 76 54 32", "<+4798765432> 75, nei unnskyld, "),
            ("ni åtte sju fem, nei, sju seks, fem fire tre to", "<+4798765432> sju fem, nei, "),
            ("98 76 51, nei, 54 32", "<+4798765432> 51, nei, "),
        ],
    );
    check(&own("DK", "31662338"), &[("31 67, nej undskyld, 66 23 38", "<+4531662338> 67, nej undskyld, ")]);
    check(&own("SE", "0701234567"), &[("070 122, nej förlåt, 123 45 67", "<+46701234567> 122, nej förlåt, ")]);
    check(&own("DE", "015123456789"), &[("0151 233, nein, 234 56789", "<+4915123456789> 233, nein, ")]);
    check(&own("FI", "0401234567"), &[("040 124, eiku, 123 4567", "<+358401234567> 124, eiku, ")]);
    check(&own("GB", "07921123456"), &[("07921 124, I mean, 123456", "<+447921123456> 124, I mean, ")]);
    let untouched = ["98 75, 76, 54 32", "98 75 eller 76 54 32", "98 1 2 3 4 5, nei, 76 54 32"];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    check(&kari(), &untouched);
}

#[test]
fn words_for_and_in_more_languages() {
    for (code, number, text, expected) in [
        ("FR", "0612345678", "06 12 et 34 et 56 78", "<+33612345678>"),
        ("ES", "612345678", "612 34 y 56 y 78", "<+34612345678>"),
        ("NL", "0612345678", "06 12 en 34 en 56 78", "<+31612345678>"),
        ("IT", "3123456789", "312 34 e 56 e 789", "<+393123456789>"),
    ] {
        let own = Own { phone: Phone::parse(number, region(code)).ok(), ..Own::default() };
        let seen = seen(&Finder::new(region(code), own), text);
        assert!(seen.contains(expected) && !seen.replace(expected, "").contains(char::is_numeric), "{code} {seen}");
    }
}
