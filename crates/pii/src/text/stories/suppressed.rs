//! Cards, accounts and identity numbers: nothing of them stays, and nothing keeps them.

use serde_json::json;

use super::*;

const CARD: &str = "[card number]";
const ACCOUNT: &str = "[bank account]";
const IDENTITY: &str = "[national identity number]";

#[track_caller]
fn all_become(finder: &Finder, word: &str, texts: &[&str]) {
    for text in texts {
        let mut mentions = Vec::new();
        assert_eq!(tokenize_text(finder, text, &mut mentions), word, "{text}");
        assert!(mentions.is_empty(), "{text}");
        assert!(finder.find(text).is_empty(), "{text}");
    }
}

#[test]
fn cards_of_every_issuer_in_any_grouping() {
    let cards = [
        "4111 1111 1111 1111",
        "4111111111111111",
        "4111-1111-1111-1111",
        "4111\u{a0}1111\u{a0}1111\u{a0}1111",
        "4111.1111.1111.1111",
        "41 11 11 11 11 11 11 11",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "411111 1111111111",
        "４１１１ １１１１ １１１１ １１１１",
        "4111\u{200b}1111\u{2060}1111\u{ad}1111",
        "3782 822463 10005",
        "378282246310005",
        "5555 5555 5555 4444",
        "2223003122003222",
        "3614 890064 7913",
        "30569309025904",
        "6011 0009 9013 9424",
        "3530111333300000",
        "6759649826438453",
        "5019 7170 1010 3742",
        "4222 2222 2222 2",
        "4000 0000 0000 0000 006",
    ];
    for code in ["NO", "SE", "DK", "US", "DE"] {
        all_become(&in_region(code), CARD, &cards);
    }
    check(
        &in_region("NO"),
        &[
            ("kort 4111 1111 1111 1111, utløper 12/27", "kort [card number], utløper 12/27"),
            ("kort4111111111111111 nå", "kort[card number] nå"),
            ("4111 1111 1111 1111 98765432", "[card number] <+4798765432>"),
            ("ring 98765432, kort 5555555555554444", "ring <+4798765432>, kort [card number]"),
            ("kort 4111 1111 1111 1112", "kort 4111 1111 1111 1112"),
            ("ref 9111 1111 1111 1116", "ref 9111 1111 1111 1116"),
            ("0000 0000 0000 0000", "0000 0000 0000 0000"),
        ],
    );
}

#[test]
fn accounts_of_countries_with_right_check_digits() {
    all_become(
        &in_region("NO"),
        ACCOUNT,
        &[
            "NO93 8601 1117 947",
            "NO9386011117947",
            "no93 8601 1117 947",
            "NO 93 8601 1117 947",
            "NO93-8601-1117-947",
            "DE89 3704 0044 0532 0130 00",
            "GB29 NWBK 6016 1331 9268 19",
            "GB29NWBK60161331926819",
            "SE45 5000 0000 0583 9825 7466",
            "DK50 0040 0440 1162 43",
            "FI21 1234 5600 0007 85",
        ],
    );
    check(
        &in_region("NO"),
        &[
            ("IBAN: NO93 8601 1117 947.", "IBAN: [bank account]."),
            ("NO94 8601 1117 947", "NO94 8601 1117 947"),
            ("XX93 8601 1117 947", "XX93 8601 1117 947"),
            ("NO9386011117947@x.no", "<no9386011117947@x.no>"),
        ],
    );
}

#[test]
fn accounts_of_countries_whose_banks_have_letters() {
    all_become(
        &in_region("NO"),
        ACCOUNT,
        &[
            "NL91 ABNA 0417 1643 00",
            "NL91 ABNA 0417164300",
            "GB82 WEST 123456 98765432",
            "GB82WEST 12345698765432",
            "IT60 X054 2811 1010 0000 0123 456",
            "FR14 2004 1010 0505 0001 3M02 606",
            "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
            "RO49AAAA1B31007593840000",
            "GB29-NWBK-6016-1331-9268-19",
            "DE89 370 400 44 0532013000",
            "NO93 8601\n1117 947",
        ],
    );
    check(&in_region("NO"), &[("NO9386011117947takk", "[bank account]takk")]);
}

/// Two letters and two digits begin a sentence often, and one of 97 of them has right check digits.
#[test]
fn sentences_are_no_accounts() {
    let words = [
        "minutes past the hour we will call you back",
        "minutes away from the store so please wait",
        "Main Street there is a parking lot behind the house",
        "minutes late because of the traffic on the road",
        "personer i rummet som inte hade tid att vänta på oss",
        "kroner for hver av de fem som kom i går kveld",
        "minutter før toget kører fra sporet ved siden af",
        "Minuten zu spät und niemand hat etwas davon gesagt",
        "euroa maksaa yksi lippu kun tulee ajoissa paikalle",
        "ABCD EFGH IJKL MNOP QRST UVWX YZAB CDEF",
    ];
    let finder = in_region("NO");
    for start in ["at", "is", "be", "no", "se", "me", "de", "es", "so", "it", "do", "ro", "az", "md", "il", "li"] {
        for number in 0..100 {
            for rest in words {
                let text = format!("{start} {number:02} {rest}");
                assert_eq!(seen(&finder, &text), text);
            }
        }
    }
}

#[test]
fn identity_numbers_of_four_countries() {
    let numbers = [
        // Norway: a D-number, a birth number, one of the series of 2032, and ways to write them.
        "41019012393",
        "410190 12393",
        "410190-12393",
        "41 01 90 12393",
        "410190 123 93",
        "4 1 0 1 9 0 1 2 3 9 3",
        "15058532107",
        "01019012308",
        // Sweden: with century, before it, over a hundred years old, and a samordningsnummer.
        "19850512-1239",
        "198505121239",
        "850512-1239",
        "8505121239",
        "850512 1239",
        "1985-05-12-1239",
        "19121212+1212",
        "121212+1212",
        "701063-2391",
        // Denmark: with a right check digit, and without one.
        "070761-4285",
        "0707614285",
        "070761 4285",
        "07 07 61 4285",
        "010165-1234",
        // Finland.
        "131052-308T",
        "010106A9012",
        "010106a9012",
        "280291Y923X",
        "150423B123T",
    ];
    all_become(&in_region("NO"), IDENTITY, &numbers);
    let written = ["41019012393", "19850512-1239", "850512-1239", "070761-4285", "131052-308T", "010106A9012"];
    for code in ["SE", "DK", "FI", "US", "GB", "DE"] {
        all_become(&in_region(code), IDENTITY, &written);
    }
    check(
        &in_region("NO"),
        &[
            ("Fnr 41019012393, ring 98765432.", "Fnr [national identity number], ring <+4798765432>."),
            ("FNR41019012393", "FNR[national identity number]"),
            ("pnr19850512-1239.", "pnr[national identity number]."),
            ("41019012394", "41019012394"),
            ("451390 12393", "451390 12393"),
            ("19850512-1234", "19850512-1234"),
            ("19851312-1239", "19851312-1239"),
            ("556012-5790", "556012-5790"),
            ("320165-1234", "320165-1234"),
            ("131052-308U", "131052-308U"),
            ("2024-05-12, +47-9600 0000", "2024-05-12, <+4796000000>"),
            ("131052-308TX", "131052-308TX"),
        ],
    );
}

#[test]
fn a_number_that_could_be_both_is_what_it_is_written_as() {
    // 070-102 34 56 in Sweden; somebody born on the second of a month as well.
    let both = "0701023459";
    let swedish = in_region("SE");
    check(
        &swedish,
        &[("0701023459", "<+46701023459>"), ("070102-3459", IDENTITY), ("070-102 34 59", "<+46701023459>")],
    );
    check(&in_region("NO"), &[(both, IDENTITY)]);
    let own = Own { phone: Phone::parse("0701023459", region("SE")).ok(), ..Own::default() };
    check(&Finder::new(region("SE"), own), &[("070102-3459", "<+46701023459>")]);
}

/// A phone number in groups of four, three, and three digits may be a date and right check digits by chance. No identity
/// number is written so.
#[test]
fn a_number_in_groups_that_no_identity_number_has_is_a_phone_number() {
    check(
        &in_region("FI"),
        &[
            ("puhelin 0501 090 054", "puhelin <+358501090054>"),
            ("puhelinnumero: 0207 123 456", "puhelinnumero: <+358207123456>"),
            ("0501 163 620, 0501 090 054", "<+358501163620>, <+358501090054>"),
            ("henkilötunnus 0501 09 0054", "henkilötunnus <+358501090054>"),
        ],
    );
    check(&in_region("DE"), &[("Tel. 0301 153 136", "Tel. <+49301153136>")]);
    check(&in_region("DK"), &[("ring 2010 1032", "ring <+4520101032>"), ("2010 1032 12", "<+4520101032> 12")]);
    let mut mentions = Vec::new();
    let _ = tokenize_json(&in_region("FI"), json!({ "phone": "0501 090 054" }), &mut mentions);
    assert_eq!(mentions.len(), 1);
    all_become(
        &in_region("NO"),
        IDENTITY,
        &["070761 42 85", "07 07 61 42 85", "0 7 0 7 6 1 4 2 8 5", "85 05 12 12 39", "850512 1239"],
    );
}

#[test]
fn stamps_and_counters_are_no_persons() {
    let texts = ["202405121030", "20240512-1030", "1715500800.123", "1711234567.4", "1701012345", "2024-05-12 1030"];
    let untouched: Vec<_> = texts.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "SE", "DK"] {
        check(&in_region(code), &untouched);
    }
    let counters = json!({
        "bare": 8_505_121_239_u64, "danish": 707_614_285, "stamp": 202_405_121_030_u64, "fraction": 4_111.111_111,
        "relaxed": 1_019_012_308, "rare": 6_304_000_000_000_000_000_u64, "thirteen": 4_222_222_222_222_u64,
        "micros": 1_715_500_800_123_456_u64, "below": -4_111_111_111_111_111_i64, "8505121239": 1,
    });
    let mut mentions = Vec::new();
    assert_eq!(tokenize_json(&in_region("NO"), counters.clone(), &mut mentions), counters);
}

#[test]
fn json_keeps_none_of_them() {
    let value = json!({
        "card": 4_111_111_111_111_111_u64, "cards": ["4111 1111 1111 1111", {"again": "5555555555554444"}],
        "person": 41_019_012_393_u64, "note": "19850512-1239, NO93 8601 1117 947", "131052-308T": 1, "4111111111111111": 2,
    });
    let mut mentions = Vec::new();
    assert_eq!(
        tokenize_json(&in_region("NO"), value, &mut mentions),
        json!({
            "card": CARD, "cards": [CARD, {"again": CARD}], "person": IDENTITY,
            "note": format!("{IDENTITY}, {ACCOUNT}"), IDENTITY: 1, CARD: 2,
        })
    );
    assert!(mentions.is_empty());
}
