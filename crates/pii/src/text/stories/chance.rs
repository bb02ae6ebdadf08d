//! Figures of programs and things that are valid numbers, cards, or identity numbers by chance only.

use super::*;

const REGIONS: [&str; 6] = ["NO", "SE", "DK", "FI", "DE", "US"];

/// Checks that texts stay as they are in every region.
#[track_caller]
fn stay(texts: &[&str]) {
    let untouched: Vec<(&str, &str)> = texts.iter().map(|text| (*text, *text)).collect();
    for code in REGIONS {
        check(&in_region(code), &untouched);
    }
}

#[test]
fn versions_of_programs_are_no_numbers() {
    stay(&[
        "Chrome 123.0.6312.122",
        "Chrome/111.0.1259.35 Safari/537.36",
        "Edg/123.0.2420.81",
        "Edg/120.12.2420.81",
        "CCleaner 6.21.10918",
        "Firefox 4.13.27786",
        "Firmware 1.08.2345.67",
        "versjon 22.83.47.16",
        "ohjelmisto 4.0.7382.915",
        "version: 212.683.4917",
        "Teams 24.091.2147",
    ]);
    check(&in_region("DK"), &[("28.46.91.37", "<+4528469137>"), ("Ring Ola 28.46.91.37", "Ring Ola <+4528469137>")]);
    check(&in_region("NO"), &[("1.98.76.54.31", "1.<+4798765431>"), ("tlf. 413.27.786", "tlf. <+4741327786>")]);
    check(&in_region("SE"), &[("070.417.46.05", "<+46704174605>")]);
    check(&in_region("DE"), &[("030.423.45.67", "<+49304234567>")]);
    check(&in_region("US"), &[("212.683.4917", "<+12126834917>")]);
}

#[test]
fn seconds_since_1970_are_no_persons() {
    const IDENTITY: &str = "[national identity number]";
    for code in ["NO", "FI", "DE", "US"] {
        check(&in_region(code), &[("1707728511", "1707728511"), ("ts=1706026319", "ts=1706026319")]);
    }
    // With a label or a hyphen, and in the country itself, it is a person.
    for code in REGIONS {
        check(
            &in_region(code),
            &[
                ("170772-8511", IDENTITY),
                ("cpr 1707728511", "cpr [national identity number]"),
                ("CPR-nummer er: 1707728511", "CPR-nummer er: [national identity number]"),
                ("unixtime 1707728511", "unixtime 1707728511"),
                ("{'createdTime': '1707728511'}", "{'createdTime': '1707728511'}"),
                ("date_unixtime=1706026319", "date_unixtime=1706026319"),
            ],
        );
    }
    check(&in_region("DK"), &[("1707728511", IDENTITY), ("tidspunkt: 1707728511", "tidspunkt: 1707728511")]);
    check(&in_region("SE"), &[("1707728511", "1707728511"), ("8505121239", IDENTITY)]);
}

#[test]
fn numbers_of_articles_are_no_cards() {
    stay(&[
        "EAN-nr. 5798289979456",
        "EAN 4005635623569",
        "5790621742650",
        "GTIN: 4011922743797",
        "4 005635 623569",
        "EAN-kode=5790621742650",
        "ean nr 5790621742650",
        "ISBN 9788205478657",
    ]);
    let card = "[card number]";
    for code in REGIONS {
        check(&in_region(code), &[("4222222222222", card), ("4222 2222 2222 2", card), ("30569309025904", card)]);
        check(&in_region(code), &[("GTIN 30569309025904", "GTIN 30569309025904")]);
    }
}

#[test]
fn hexadecimal_codes_are_no_numbers() {
    stay(&[
        "0x80070057",
        "Fehler 0x80072745",
        "HRESULT: 0x80004005",
        "feilkode 0X98765431",
        "0x41019012393",
        "0x4111111111111111",
    ]);
    check(&in_region("NO"), &[("0x80070057 98765431", "0x80070057 <+4798765431>")]);
    check(&kari(), &[("0x98765432", "0x<+4798765432>")]);
}

#[test]
fn scores_and_results_are_no_numbers() {
    stay(&[
        "Norge-Danmark 24-24 (18-14)",
        "Handboll: 31–33 (13–12)",
        "3-1 (1-0), 2-2 (0-1)",
        "7-6, 7-3, 1-2, 7-2",
        "arvosanat 4/5 3/5 5/5 4/5",
        "2–1, 3–2, 4–1, 2–2",
        "Endstand 24 - 22 (11 - 14), 28 - 31 (9 - 12)",
        "91-87 (41-32)",
        "22-14, 38-51 (41-32)",
    ]);
    check(
        &in_region("NO"),
        &[
            ("24-24 (18-14) 98 76 54 31", "24-24 (18-14) <+4798765431>"),
            ("2-1 98-76-54-31", "2-1 <+4798765431>"),
            ("tlf 41-32 (77-86)", "tlf <+4741327786>)"),
        ],
    );
    check(&in_region("DK"), &[("31-66 23-38", "<+4531662338>")]);
    check(&in_region("DE"), &[("030/12-34 56-7", "<+49301234567>")]);
    check(&kari(), &[("98-76, 54-32", "<+4798765432>")]);
}

#[test]
fn a_number_with_a_country_code_gives_no_figure_to_a_card() {
    check(
        &in_region("GB"),
        &[
            ("called +44 1223 501079 3 times", "called <+441223501079> 3 times"),
            ("+44 1223 501079 4111 1111 1111 1111", "<+441223501079> [card number]"),
        ],
    );
    check(&in_region("NO"), &[("ring +31 (0)101015908 3 ganger", "ring <+31101015908> 3 ganger")]);
    check(&in_region("SE"), &[("ringde +44 1223 501079 3 gånger", "ringde <+441223501079> 3 gånger")]);
    check(&in_region("DE"), &[("+44 (0)1223 501079 3 Mal", "<+441223501079> 3 Mal")]);
    check(&in_region("FI"), &[("soitti +44 1223501079 3 kertaa", "soitti <+441223501079> 3 kertaa")]);
}

#[test]
fn a_word_with_a_sign_behind_it_names_the_first_figure() {
    check(
        &in_region("NO"),
        &[
            ("nr. 41 92 61 48 37", "nr. 41 <+4792614837>"),
            ("avd. 41 92 61 48 37", "avd. 41 <+4792614837>"),
            ("kl. 41 92 61 48 37", "kl. 41 <+4792614837>"),
            ("Rom: 41 92 61 48 37", "Rom: 41 <+4792614837>"),
            ("alder: 41 92 61 48 37", "alder: 41 <+4792614837>"),
            ("tlf.nr. 92 61 48 37 41", "tlf.nr. <+4792614837> 41"),
            ("tlf: 92 61 48 37 41", "tlf: <+4792614837> 41"),
            ("Ring meg. 92 61 48 37 41", "Ring meg. 92 <+4761483741>"),
            ("Takk. 92 61 48 37 41", "Takk. <+4792614837> 41"),
            ("Kunde: 92 61 48 37 41", "Kunde: <+4792614837> 41"),
        ],
    );
    check(
        &in_region("DK"),
        &[("nr. 22 28 46 91 37", "nr. 22 <+4528469137>"), ("Sal: 22 28 46 91 37", "Sal: 22 <+4528469137>")],
    );
    check(&in_region("FR"), &[("apt. 01 06 42 81 73 95", "apt. 01 <+33642817395>")]);
}

#[test]
fn a_day_with_its_point_is_none_of_a_number() {
    check(
        &in_region("DE"),
        &[("12.05. 030 20458837", "12.05. <+493020458837>"), ("am 12.5. 0171 8342956", "am 12.5. <+491718342956>")],
    );
    check(
        &in_region("NO"),
        &[("12.05. 92 61 48 37", "12.05. <+4792614837>"), ("12.05.24 92 61 48 37", "12.05.24 <+4792614837>")],
    );
    check(&in_region("DK"), &[("d. 12.05. 28 46 91 37", "d. 12.05. <+4528469137>")]);
    check(&in_region("FI"), &[("12.5. 040 7382915", "12.5. <+358407382915>")]);
    check(&kari(), &[("12.05. 98 76 54 32", "12.05. <+4798765432>")]);
}

#[test]
fn labels_of_programs_are_read_in_any_spelling() {
    for label in [
        "callingPartyNumber=",
        "calledPartyNumber: ",
        "mobilePhone: ",
        "customerPhone=",
        "callerNumber: ",
        "fromPhone=",
        "Contact no: ",
        "kundeTlf: ",
        "customer_phone=",
        "WhatsApp: ",
    ] {
        let text = format!("{label}46736184925");
        assert_eq!(seen(&in_region("NO"), &text), format!("{label}<+46736184925>"));
    }
    check(
        &in_region("NO"),
        &[
            ("tel:736184925;phone-context=+46", "tel:<+46736184925>;phone-context=+46"),
            ("tel:0736-184925;phone-context=+46", "tel:<+46736184925>;phone-context=+46"),
            ("<tel:407382915;phone-context=+358>", "<tel:<+358407382915>;phone-context=+358>"),
            ("tel:2201;phone-context=+47", "tel:2201;phone-context=+47"),
            ("orderNo=46736184925", "orderNo=46736184925"),
        ],
    );
    let own = Own { phone: Phone::parse("+46736184925", region("NO")).ok(), ..Own::default() };
    check(
        &Finder::new(region("NO"), own),
        &[("tel:736184925;phone-context=+46", "tel:<+46736184925>;phone-context=+46")],
    );
}

#[test]
fn cells_and_lists_are_not_joined() {
    stay(&[
        "2023: 4132\t2024: 7786",
        "sum\t4132\t7786",
        "id\t6363\t8486\t7176\t9354",
        "tokens: [45, 27, 87, 6, 39, 44, 68, 62, 44, 95]",
        "6363; 8486; 7176; 9354",
        "41\t32\t77\t86",
    ]);
    check(
        &in_region("NO"),
        &[("98765431\t41327786", "<+4798765431>\t<+4741327786>"), ("+47\t98765431", "<+4798765431>")],
    );
    check(&in_region("SE"), &[("Ola\t070-174 06 05\t3", "Ola\t<+46701740605>\t3")]);
    check(&kari(), &[("9876\t5432", "<+4798765432>")]);
}

#[test]
fn the_number_of_a_finnish_business_is_no_persons() {
    stay(&["Y-tunnus 0109862-8", "0109862-8", "FO-nummer 0295742-9", "Y-tunnus: 0476271-6"]);
    check(&in_region("FI"), &[("040-7382915", "<+358407382915>")]);
}

#[test]
fn the_numbers_of_things_are_no_phones() {
    let words = [
        "account number",
        "policy number:",
        "claim number",
        "member ID",
        "customer number",
        "serial number",
        "confirmation number",
        "Meeting ID:",
        "målernr",
        "medlemsnr",
        "skadenr",
        "kode",
        "PUK-kode:",
        "kontrakt",
        "abonnement",
        "gavekort",
        "transaksjonsid",
        "userid",
        "kunde-id",
        "customerId=",
        "ordrenummeret mitt er",
        "fakturanummer er",
        "policenr.",
        "PNR",
        "mätarnummer",
        "bokningsnr",
        "försäkringsnr",
        "Kundennr.",
        "Vertragsnummer",
        "Zählernummer",
        "Sendungsnummer ist",
        "sopimusnumero",
        "asiakasnro",
        "laskun numero",
        "jäsennumeroni on",
        "Feilkode",
    ];
    for (code, number) in [
        ("NO", "41327786"),
        ("DK", "28469137"),
        ("SE", "0736184925"),
        ("FI", "0407382915"),
        ("DE", "01718342956"),
        ("US", "2126834917"),
    ] {
        for word in words {
            let text = format!("{word} {number}");
            assert_eq!(seen(&in_region(code), &text), text, "{code}");
        }
    }
    check(
        &in_region("US"),
        &[
            ("part no. 212-6834-917", "part no. 212-6834-917"),
            ("serial number 2126-8349-17", "serial number 2126-8349-17"),
        ],
    );
    check(&kari(), &[("medlemsnr 98765432", "medlemsnr <+4798765432>")]);
}

#[test]
fn words_for_phones_and_people_are_no_things() {
    for word in [
        "mobilnr",
        "mobilnummeret mitt er",
        "jobbnummer",
        "Privatnummer:",
        "kontaktnummer",
        "nytt nummer",
        "nummeret mitt er",
        "my number is",
        "work number",
        "vaktnummer",
        "Ingrid",
        "kunde",
        "arbeid",
        "Rückrufnummer",
        "customer phone number",
        "kotinumero",
        "puhelinnumeroni on",
        "callerid",
    ] {
        let text = format!("{word} 41327786");
        assert_eq!(seen(&in_region("NO"), &text), format!("{word} <+4741327786>"));
    }
}

#[test]
fn figures_with_a_unit_and_prices_in_brackets_are_no_numbers() {
    for code in ["NO", "DK"] {
        let texts = [
            "22834716 kWh",
            "22834716 stk",
            "92614837 ms",
            "22834716 bytes",
            "22 834 716 kWh",
            "(kr 41 327 786)",
            "beløp=(NOK 41327786)",
        ];
        let untouched: Vec<(&str, &str)> = texts.iter().map(|text| (*text, *text)).collect();
        check(&in_region(code), &untouched);
    }
    check(&in_region("FI"), &[("0407382915 kpl", "0407382915 kpl")]);
    check(&in_region("DE"), &[("01718342956 Stück", "01718342956 Stück")]);
    check(&in_region("SE"), &[("0736184925 st", "0736184925 st")]);
    check(
        &in_region("NO"),
        &[("tlf 22834716 stk 3", "tlf <+4722834716> stk 3"), ("22834716 min mobil", "<+4722834716> min mobil")],
    );
}
