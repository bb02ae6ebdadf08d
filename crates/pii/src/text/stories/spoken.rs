//! Numbers spoken as words, and prose that only has number words.

use super::*;

#[test]
fn a_number_spoken_in_norwegian() {
    let expected = "<+4798765432>";
    for text in [
        "ni åtte sju seks fem fire tre to",
        "Ni åtte syv, seks fem, fire tre to",
        "NI ÅTTE SJU SEKS FEM FIRE TRE TO",
        "nittiåtte syttiseks femtifire trettito",
        "nitti åtte sytti seks femti fire tretti to",
        "åtteognitti seksogsytti fireogfemti toogtredve",
        "åttenitti sekssytti firefemti totredve",
        "åtte og nitti, seks og sytti, fire og femti, to og tretti",
        "nihundreogåttisju sekstifem fire tre to",
        "ni hundre og åttisju seks fem fire tre to",
        "98 syttiseks 54 32",
        "98 76 femtifire trettito",
        "ni åtte eh sju seks, øh, fem fire … tre to",
        "pluss førtisju ni åtte sju seks fem fire tre to",
        "null null fire sju ni åtte sju seks fem fire tre to",
        "ni\nåtte\nsju\nseks\nfem\nfire\ntre\nto",
        "ni-åtte-sju-seks-fem-fire-tre-to",
        "9, 8, 7, 6, 5, 4, 3, 2",
        "98\n76\n54\n32",
        "9… 8… 7… 6… 5… 4… 3… 2",
        "ni a\u{30a}tte sju seks fem fire tre to",
    ] {
        assert_eq!(seen(&in_region("NO"), text), expected, "{text}");
        assert_eq!(seen(&kari(), text), expected, "{text}");
    }
    check(
        &in_region("NO"),
        &[
            ("Nummeret er ni åtte sju seks fem fire tre to, takk.", "Nummeret er <+4798765432>, takk."),
            ("476 100 00, 12", "<+4747610000>, 12"),
            ("kl ti, ni åtte sju seks fem fire tre to", "kl ti, <+4798765432>"),
            ("fire en to tre fire fem seks sju og ni en to tre fire fem seks sju", "<+4741234567> og <+4791234567>"),
            ("22 33 førtifire 55 eller 98765432", "<+4722334455> eller <+4798765432>"),
        ],
    );
}

#[test]
fn a_number_spoken_in_english() {
    check(
        &in_region("NO"),
        &[
            ("it's nine eight seven, six five four three two.", "it's <+4798765432>."),
            ("plus forty-seven nine eight seven sixty-five four thirty-two", "<+4798765432>"),
            ("call me to nine eight seven six five four three two", "call me to <+4798765432>"),
            ("four one double five, six um seven eight nine", "<+4741556789>"),
            ("ninety eight and seventy six and fifty four and thirty two", "<+4798765432>"),
            ("nine eight seven six five four three to", "<+4798765432>"),
        ],
    );
    check(
        &in_region("GB"),
        &[
            ("oh seven nine double one, one two three, four five six", "<+447911123456>"),
            ("zero two zero seven nine four six, zero nine five eight", "<+442079460958>"),
        ],
    );
    check(&in_region("US"), &[("two one two, five five five, one two three four", "<+12125551234>")]);
}

#[test]
fn a_number_spoken_in_swedish_and_danish() {
    check(
        &in_region("SE"),
        &[
            ("noll sju noll, ett två tre, fyra fem, sex sju", "<+46701234567>"),
            ("noll sjuttio, etthundratjugotre, fyrtiofem, sextiosju", "<+46701234567>"),
            ("Ring noll sju noll ett hundra tjugotre fyrtiofem sextiosju i morgon", "Ring <+46701234567> i morgon"),
            ("plus fyrtiosex sjuttio ett två tre fyra fem sex sju", "<+46701234567>"),
        ],
    );
    check(
        &in_region("DK"),
        &[
            ("enogtredive seksogtres treogtyve otteogtredive", "<+4531662338>"),
            ("en og tredive seks og tres tre og tyve otte og tredive", "<+4531662338>"),
            ("tre en seks seks to tre tre otte", "<+4531662338>"),
            ("31 seksogtres 23 38", "<+4531662338>"),
        ],
    );
}

#[test]
fn the_own_number_is_found_however_it_is_spoken() {
    let own = |number, code| Own { phone: Phone::parse(number, region(code)).ok(), ..Own::default() };
    let finder = Finder::new(region("NO"), own("0046701234567", "NO"));
    check(
        &finder,
        &[
            ("noll sju noll ett två tre fyra fem sex sju", "<+46701234567>"),
            ("nolla sjua nolla etta tvåa trea fyra femma sexa sjua", "<+46701234567>"),
            ("seven zero, twelve, thirty-four, fifty-six, seven", "<+46701234567>"),
            ("to sju null en to tre fire fem seks sju", "to <+46701234567>"),
        ],
    );
    let finder = Finder::new(region("NO"), own("23456789", "NO"));
    check(&finder, &[("en to tre fire fem seks sju åtte ni ti", "en <+4723456789> ti")]);
}

#[test]
fn prose_with_number_words_stays() {
    let untouched = [
        "one of the three, two or four of them, and maybe five to six",
        "We are open from nine to five, seven to eight on Fridays.",
        "Send it to the fire department, for one or two days.",
        "one two three four five six seven eight nine ten",
        "en to tre fire fem seks sju åtte ni ti elleve tolv",
        "ett två tre fyra fem sex sju åtta nio tio",
        "Fire av fem kunder ringer to ganger på en dag.",
        "Det koster to hundre og femti kroner for tre måneder, eller åtte hundre for tolv.",
        "Jag har sex barn, fem katter och en hund.",
        "Klokken er halv tre, jeg ringer om ti minutter.",
        "to be or not to be, that is the one question",
        "Der er femogtyve procent på otte af ni varer.",
        "Between 2010 to 2015, and 2024 and 2025 too.",
        "fra 2010 til 2015, så 2024 og 2025",
        "I said one, one, and then two.",
        "Version 1, 2, 3",
        "Points: 4, 5, 3",
        "Nei, nei, nei. Ja, ja, ja. Ok, to, ok.",
        "five hundred and twenty dollars",
        "tjue tjuefire",
        "o",
        "",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "SE", "DK", "GB", "US", "DE"] {
        check(&in_region(code), &untouched);
    }
}

#[test]
fn what_is_spoken_can_be_suppressed() {
    let card = "[card number]";
    for text in [
        "four one one one, one one one one, one one one one, one one one one",
        "forty-one eleven eleven eleven eleven eleven eleven eleven",
        "fire en en en en en en en en en en en en en en en",
        "4111 1111 1111 elleve elleve",
        "fyrtio ett elva elva elva, elva elva elva elva",
    ] {
        assert_eq!(seen(&in_region("NO"), text), card, "{text}");
    }
    check(
        &in_region("US"),
        &[(
            "card five five five five, double five double five, double five double five, double four double four",
            "card [card number]",
        )],
    );
    check(
        &in_region("NO"),
        &[
            ("født fire en null en nitti, en to tre ni tre", "født [national identity number]"),
            ("fire en null en ni null en to tre ni tre.", "[national identity number]."),
        ],
    );
}

/// A row of zeros is said as hundreds or thousands, and German and Finnish write a number of three digits as one word.
#[test]
fn hundreds_and_thousands() {
    for (code, number, text) in [
        ("US", "+18005551200", "eight hundred five five five twelve hundred"),
        ("US", "+18005551200", "eight hundred, five five five, one two hundred"),
        ("US", "+12127365000", "two one two seven three six five thousand"),
        ("US", "+12127365000", "two one two seven three six fifty hundred"),
        ("US", "+12127362500", "two one two seven three six twenty five hundred"),
        ("NO", "+4798765000", "ni åtte sju seks fem tusen"),
        (
            "DE",
            "+4915123456789",
            "null einhunderteinundfünfzig dreiundzwanzig fünfundvierzig siebenundsechzig neunundachtzig",
        ),
        (
            "DE",
            "+4915123456789",
            "null hunderteinundfuenfzig dreiundzwanzig fuenfundvierzig siebenundsechzig neunundachtzig",
        ),
        ("DE", "+4930234567", "null dreißig zweihundertvierunddreissig fünfhundertsiebenundsechzig"),
        ("FI", "+358401234567", "nolla neljäkymmentä satakaksikymmentäkolme neljä viisi kuusi seitsemän"),
        ("FI", "+358409991234", "nolla neljä nolla yhdeksänsataayhdeksänkymmentäyhdeksän yksi kaksi kolme neljä"),
        ("SE", "+46701740605", "nollsjunoll ett sju fyra noll sex noll fem"),
        ("SE", "+46731234567", "nollsjutre tolv trettifyra femtisex sju"),
    ] {
        let phone = Phone::parse(number, region(code)).unwrap();
        let finder = Finder::new(region(code), Own { phone: Some(phone), ..Own::default() });
        assert_eq!(seen(&finder, text), format!("<{number}>"), "{code}");
    }
    check(
        &kari(),
        &[
            ("ni åtte sju seks fem fire tre to, tusen takk", "<+4798765432>, tusen takk"),
            ("ni åtte sju seks fem fire tre to tusen takk", "<+4798765432> tusen takk"),
        ],
    );
    check(
        &in_region("NO"),
        &[("98765431 tusen takk", "<+4798765431> tusen takk"), ("to tusen kroner", "to tusen kroner")],
    );
}

/// An amount of thousands is one number of five digits, and no phone number of eight.
#[test]
fn amounts_in_words_are_no_numbers() {
    let untouched = [
        "det koster førti tusen fem hundre og trettito kroner",
        "tjuefire tusen fem hundre kroner",
        "nittiåtte tusen fire hundre kilometer",
        "førtifem tusen to hundre besøkende",
        "nitti tusen fire hundre og tjueto kroner",
        "vi fikk førtito tusen og femti kroner",
        "strøm for tjueto tusen trehundre kroner i året",
        "fyrre tusind fem hundrede og tredive kroner",
        "fyrtio tusen fem hundra trettio två kronor",
        "forty thousand five hundred and thirty two dollars",
        "vierzig tausend fünf hundert Euro",
        "neljäkymmentä tuhatta viisi sataa kolmekymmentä euroa",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "DK", "SE", "FI", "DE", "GB", "US"] {
        check(&in_region(code), &untouched);
    }
    check(
        &in_region("NO"),
        &[
            ("ni åtte sju seks fem fire tre to, tusen takk", "<+4798765432>, tusen takk"),
            ("førti tusen kroner, ring ni åtte sju seks fem fire tre to", "førti tusen kroner, ring <+4798765432>"),
        ],
    );
    check(&in_region("US"), &[("two one two five five five one thousand", "<+12125551000>")]);
}

/// The digits behind a word of correction replace some of those before it.
#[test]
fn no_number_of_other_people_goes_on_over_a_correction() {
    let untouched = ["ni åtte sju seks, nei, fem fire tre to", "98 74, nei, 54 32"];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    check(&in_region("NO"), &untouched);
    let swedish = "noll sju noll nej ett två tre fyra fem sex sju";
    check(&in_region("SE"), &[(swedish, swedish)]);
    check(
        &in_region("NO"),
        &[
            ("nei, ni åtte sju seks fem fire tre to, nei", "nei, <+4798765432>, nei"),
            ("ni åtte sju, nei, ni åtte sju seks fem fire tre to", "ni åtte sju, nei, <+4798765432>"),
        ],
    );
    check(&kari(), &[("ni åtte sju seks, nei, fem fire tre to", "<+4798765432>")]);
    let corrected = seen(&kari(), "ni åtte sju fire, nei, seks, fem fire tre to");
    assert!(!corrected.contains("<+4798746543>"), "{corrected}");
}

#[test]
fn tens_in_their_order_are_counted() {
    for (code, text) in [
        ("NO", "førti femti seksti sytti"),
        ("NO", "førti, femti, seksti, sytti og åtti"),
        ("DK", "tyve tredive fyrre halvtreds"),
        ("GB", "forty fifty sixty seventy"),
    ] {
        check(&in_region(code), &[(text, text)]);
        check(&in_region("NO"), &[(text, text)]);
    }
    check(
        &in_region("NO"),
        &[("ring førti femti to seksti sytti", "ring <+4740526070>"), ("førti femti seksti nitti", "<+4740506090>")],
    );
    let own = Own { phone: Phone::parse("40506070", region("NO")).ok(), ..Own::default() };
    check(&Finder::new(region("NO"), own), &[("førti femti seksti sytti", "<+4740506070>")]);
}

#[test]
fn a_figure_of_a_label_or_a_list_is_no_part_of_what_is_said() {
    for (region, label, said, number) in [
        ("NO", "Taler", "ni åtte sju seks fem fire tre to", "<+4798765432>"),
        ("NO", "Linje", "ja, ni åtte sju seks fem fire tre to", "<+4798765432>"),
        ("SE", "Kund", "noll åtta ett två tre fyra fem sex sju åtta", "<+46812345678>"),
        ("SE", "Talare", "nollsjuttio ett två tre fyra fem sex sju", "<+46701234567>"),
        ("DK", "Taler", "tre en seks seks to tre tre otte", "<+4531662338>"),
        ("DE", "Sprecher", "null eins sieben eins zwei drei vier fünf sechs sieben acht", "<+491712345678>"),
        ("FI", "Puhuja", "nolla neljä nolla yksi kaksi kolme neljä viisi kuusi seitsemän", "<+358401234567>"),
        ("GB", "Speaker", "oh seven four double oh one two three four five six", "<+447400123456>"),
        ("US", "Speaker", "two one two five five five one two three four", "<+12125551234>"),
    ] {
        let expected = said.strip_prefix("ja, ").map_or(number.to_owned(), |_| format!("ja, {number}"));
        for (before, behind) in [
            (format!("{label} 1: "), ""),
            (format!("{label} 2: "), "\n"),
            (format!("{label} 12:"), ""),
            ("1. ".to_owned(), ""),
            ("2) ".to_owned(), ""),
            ("[3] ".to_owned(), ""),
            ("1\n".to_owned(), "\n2\n"),
            ("1;".to_owned(), ";x"),
            ("x;".to_owned(), ";3"),
            ("1\t".to_owned(), "\t7"),
        ] {
            let seen = seen(&in_region(region), &format!("{before}{said}{behind}"));
            assert_eq!(seen, format!("{before}{expected}{behind}"), "{region}");
        }
    }
    check(
        &in_region("NO"),
        &[
            (
                "1. ni åtte sju seks fem fire tre to\n2. fire en to tre fire fem seks sju",
                "1. <+4798765432>\n2. <+4741234567>",
            ),
            ("3 ni åtte sju seks fem fire tre to", "3 <+4798765432>"),
            ("1, ni, åtte, sju, seks, fem, fire, tre, to", "1, <+4798765432>"),
            ("9. åtte sju seks fem fire tre to", "<+4798765432>"),
            ("98: syttiseks 54 32", "<+4798765432>"),
            ("steg 1. en to tre fire", "steg 1. en to tre fire"),
        ],
    );
    check(
        &kari(),
        &[("9: åtte sju seks fem fire tre to", "<+4798765432>"), ("2: 98 syttiseks 54 32", "2: <+4798765432>")],
    );
}
