//! One story for each kind of error that real texts have shown, with persons of many countries.

use super::*;

fn own(code: &str, number: &str, address: &str) -> Finder {
    let own = Own {
        phone: Phone::parse(number, region(code)).ok(),
        email: Email::parse(address).ok(),
        name: PersonName::parse("Aino Virtanen").ok(),
    };
    Finder::new(region(code), own)
}

/// Everything of the own identifier is gone, and its place is shown.
#[track_caller]
fn gone(finder: &Finder, shown: &str, left: &[&str], texts: &[&str]) {
    for text in texts {
        let seen = seen(finder, text);
        let rest = seen.replace(shown, "");
        assert!(seen.contains(shown) && !left.iter().any(|part| rest.contains(part)), "{text:?} {seen:?}");
    }
}

#[test]
fn numbers_in_rows_of_groups_of_one_length() {
    check(
        &in_region("FR"),
        &[("01 42 68 53 00 06 12 34 56 78", "<+33142685300> <+33612345678>"), ("06 12 34 56 78", "<+33612345678>")],
    );
    check(&in_region("PL"), &[("601 234 567 602 345 678", "<+48601234567> <+48602345678>")]);
    check(&in_region("DK"), &[("20 12 34 56, 31 66 23 38", "<+4520123456>, <+4531662338>")]);
    check(&in_region("ES"), &[("612 345 678 / 613 345 679", "<+34612345678> / <+34613345679>")]);
    check(&in_region("NO"), &[("40 61 22 33 92 11 22 33 51 51 51 51", "<+4740612233> <+4792112233> <+4751515151>")]);
}

#[test]
fn letters_glued_to_a_number() {
    check(
        &in_region("NO"),
        &[
            ("tlf98 76 54 32", "tlf<+4798765432>"),
            ("mob.987 65 432", "mob.<+4798765432>"),
            ("M:98765432a", "M:<+4798765432>a"),
        ],
    );
    check(
        &in_region("SE"),
        &[("Tel070-174 06 05", "Tel<+46701740605>"), ("nr070 174 06 05hem", "nr<+46701740605>hem")],
    );
    check(&in_region("DE"), &[("Mobil0151 23456789", "Mobil<+4915123456789>")]);
    check(&in_region("FI"), &[("puh040 123 4567", "puh<+358401234567>")]);
}

#[test]
fn the_own_digits_in_a_number_of_another_country() {
    let swede = own("SE", "0701740605", "a@x.se");
    check(
        &swede,
        &[
            ("+49 701740605", "<+49701740605>"),
            ("0047 70 17 40 60", "<+4770174060>"),
            ("+48 701 740 605", "<+48701740605>"),
        ],
    );
    let dane = own("DK", "20123456", "a@x.dk");
    check(&dane, &[("+47 20 12 34 56", "<+4720123456>"), ("(+65) 2012 3456", "<+6520123456>")]);
    check(&own("FI", "0401234567", "a@x.fi"), &[("+46 401234567", "<+46401234567>")]);
}

#[test]
fn an_escape_is_no_part_of_an_address_or_number() {
    check(
        &in_region("FI"),
        &[
            (r"\tmatti@yritys.fi", r"\t<matti@yritys.fi>"),
            (r"hei\r\n+358401234567\r\n", r"hei\r\n<+358401234567>\r\n"),
            (r#"{\"m\":\"matti@yritys.fi\"}"#, r#"{\"m\":\"<matti@yritys.fi>\"}"#),
            ("%0Amatti@yritys.fi%0D", "%0A<matti@yritys.fi>%0D"),
            ("&quot;matti@yritys.fi&quot;", "&quot;<matti@yritys.fi>&quot;"),
            (r"\u003cmatti@yritys.fi\u003e", r"\u003c<matti@yritys.fi>\u003e"),
        ],
    );
}

#[test]
fn mark_up_and_transfer_encodings_between_the_characters() {
    gone(
        &own("FI", "0401234567", "aino.v@yritys.fi"),
        "<+358401234567>",
        &["4567", "040", "%34"],
        &[
            "040&thinsp;123&#8239;4567",
            "<td>040</td><td>123</td><td>4567</td>",
            "%30%34%30%31%32%33%34%35%36%37",
            "040=E2=80=AF123=\r\n4567",
            "puh 040<wbr>123<!-- x -->4567",
        ],
    );
    gone(
        &own("DE", "0151 23456789", "erika.m@beispiel.de"),
        "<erika.m@beispiel.de>",
        &["erika", "beispiel"],
        &[
            "erika&#46;m&commat;beispiel&period;de",
            "<b>erika.m</b>@<i>beispiel</i>.de",
            "erika=2Em=40beispiel=2Ede",
            "=?ISO-8859-1?Q?erika.m=40beispiel.de?=",
        ],
    );
}

#[test]
fn words_times_annotations_and_turns_between_the_halves() {
    gone(
        &own("FI", "0401234567", "aino.v@yritys.fi"),
        "<+358401234567>",
        &["4567", "040"],
        &[
            "040 123 [tauko] 4567",
            "040 niin 123 öö 45 67",
            "040123\nAgentti: joo\nAsiakas: 4567",
            "alkuosa 0401, loppuosa 234567",
        ],
    );
    gone(
        &own("DE", "0151 23456789", "erika.m@beispiel.de"),
        "<+4915123456789>",
        &["6789", "0151"],
        &[
            "0151 [24:04] 234 (Pause) 56789",
            "Kunde: 0151\nAgent: genau\nKunde: 23456789",
            "null eins fünf eins, Moment, zwei drei vier fünf, und dann sechs sieben acht neun",
            "Call 0151 [00:07] 23456789",
        ],
    );
    gone(
        &own("GB", "07911 123456", "aino@example.co.uk"),
        "<aino@example.co.uk>",
        &["aino", "example"],
        &[
            "aino (pause) at example dot co dot uk",
            "aino at [noise] example dot co dot uk",
            "Caller: it is aino\nAgent: okay\nCaller: at example.co.uk",
            "aino uh @example.co.uk",
            "aino no @example.co.uk",
            "aino@ then example.co.uk",
        ],
    );
    check(
        &own("GB", "07911 123456", "aino@example.co.uk"),
        &[
            ("aino or ok@example.co.uk", "<name> or <ok@example.co.uk>"),
            ("aino @ example.co.uk.net", "<aino@example.co.uk.net>"),
        ],
    );
}

#[test]
fn addresses_that_are_spoken_obfuscated_or_broken() {
    check(
        &in_region("DE"),
        &[
            (
                "meine E-Mail ist erika Punkt muster at beispiel Punkt de.",
                "meine E-Mail ist <erika.muster@beispiel.de>.",
            ),
            ("send it to lise_berg at example dot com. We wait", "send it to <lise_berg@example.com>. We wait"),
            ("erika [ät] beispiel [punkt] de", "<erika@beispiel.de>"),
            ("jean arobase exemple point fr", "<jean@exemple.fr>"),
            ("maria82 arroba ejemplo punto es", "<maria82@ejemplo.es>"),
            ("we met at example dot com", "we met at example dot com"),
        ],
    );
}

#[test]
fn times_decimals_prices_and_ids_are_no_numbers() {
    for code in ["FR", "NL", "PL", "DE", "FI", "AT", "IT"] {
        let untouched = [
            "08:15:30.250",
            "2026-08-01 10.15.30",
            "0.060123456",
            "lat 60.1698557, lon 24.9383791",
            "1.234.567,89 EUR",
            "urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "arn:aws:s3:::b/550e8400-e29b-41d4-a716-446655440000.wav",
            "AB-40908052-12",
            "case #0676847",
            "v0.66.2668",
            "10.20.30.40:5060",
            "Bestellnummer 0676847112",
        ];
        let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
        check(&in_region(code), &untouched);
    }
    check(&in_region("NO"), &[("ordre 92391799, tlf 92391799", "ordre 92391799, tlf <+4792391799>")]);
}

#[test]
fn a_figure_a_price_or_a_time_beside_a_number() {
    check(
        &in_region("FR"),
        &[
            ("€ 12,50 06 12 34 56 78", "€ 12,50 <+33612345678>"),
            ("5 06 12 34 56 78", "5 <+33612345678>"),
            ("10h30 06 12 34 56 78", "10h30 <+33612345678>"),
        ],
    );
    check(
        &in_region("DE"),
        &[("Zimmer 12 030 123456", "Zimmer 12 <+4930123456>"), ("9.30 0151 23456789", "9.30 <+4915123456789>")],
    );
    check(
        &in_region("FI"),
        &[("3 kpl 040 123 4567", "3 kpl <+358401234567>"), ("499 € 040 123 4567", "499 € <+358401234567>")],
    );
    check(&in_region("US"), &[("$5 212-555-1234", "$5 <+12125551234>"), ("2 x 212 555 1234", "2 x <+12125551234>")]);
    check(&in_region("NO"), &[("47 98 76 54 32", "<+4798765432>"), ("kl 10 987 65 432", "kl 10 <+4798765432>")]);
}

#[test]
fn a_sentence_that_begins_with_a_number_word_is_no_part_of_a_number() {
    let text = "zero seven four zero zero six nine four two one two. One moment please";
    check(&in_region("GB"), &[(text, "<+447400694212>. One moment please")]);
    check(&in_region("NO"), &[("fire null åtte, seks seks ni, sju fem.\nEt øyeblikk", "<+4740866975>.\nEt øyeblikk")]);
    check(
        &in_region("SE"),
        &[("noll sju noll fyra sju fyra tre fyra fem ett. Ett ögonblick", "<+46704743451>. Ett ögonblick")],
    );
}

#[test]
fn compounds_and_countries_in_words() {
    check(&in_region("SE"), &[("nollåtta femtiosju tolv trettiofyra fem", "<+4685712345>")]);
    check(
        &in_region("DE"),
        &[
            ("null eins fünf eins zwei drei vier fünf sechs sieben acht neun", "<+4915123456789>"),
            ("plus neunundvierzig eins fünf eins zwei drei vier fünf sechs sieben acht neun", "<+4915123456789>"),
            ("null eins fünf eins dreiundzwanzig fünfundvierzig siebenundsechzig neunundachtzig", "<+4915123456789>"),
        ],
    );
    check(&in_region("FI"), &[("nolla neljä nolla yksi kaksi kolme neljä viisi kuusi seitsemän", "<+358401234567>")]);
}

#[test]
fn numbers_without_a_plus_behind_a_sign() {
    check(
        &in_region("NO"),
        &[
            ("wa.me/4915123456789", "wa.me/<+4915123456789>"),
            ("WhatsApp: 358401234567", "WhatsApp: <+358401234567>"),
            ("tel 46701740605", "tel <+46701740605>"),
            ("https://api.whatsapp.com/send?phone=4531662338", "https://api.whatsapp.com/send?phone=<+4531662338>"),
        ],
    );
}

#[test]
fn digits_of_other_scripts() {
    for zero in ['０', '٠', '۰', '०', '০', '๐', '០', '𝟎', '𝟘'] {
        let digit = |c: char| char::from_u32(zero as u32 + c.to_digit(10).unwrap()).unwrap();
        let written: String = "0701740605".chars().map(digit).collect();
        check(&in_region("SE"), &[(&format!("ring {written} nu"), "ring <+46701740605> nu")]);
    }
}

#[test]
fn ids_of_messages_and_users_in_urls_are_no_addresses() {
    let untouched = [
        "References: <20260801101530.4F2A1@mx2.yritys.fi>",
        "amqp://svc:geheim@mq.beispiel.de:5671/prod",
        "rsync deploy@192.168.1.20:/srv/",
        "git clone ssh://git@git.beispiel.de/team/repo.git",
        "react@18.2.0",
        "@beispiel.de",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    check(&in_region("DE"), &untouched);
}

#[test]
fn ids_of_messages_and_calls_are_nobodys() {
    let untouched = [
        "References: <20240512103102.98765431@mx.x.no>",
        "Message-ID: <98765431.abc@mail.x.no>",
        "References: <a@b.no>\n <c@d.no>",
        "References: <a@b.no> <c@d.no>\r\n\t<e@f.no>",
        "Message-Id:\n <abc@mail.x.no>",
        "In-Reply-To: <abc@mail.x.no>",
        "\"message_id\": \"abc123@mail.x.no\"",
        "messageId=abc123@mail.x.no",
        "Call-ID: 3f2a@pbx.x.no",
        "call_id: 98765431@pbx.x.no",
        "Message-ID: <0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f71.98765431@h.no>",
        "icon@2x.png",
        "img/logo@3x.webp",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "SE", "DK"] {
        check(&in_region(code), &untouched);
    }
    check(
        &in_region("NO"),
        &[
            ("References: ola@x.no", "References: <ola@x.no>"),
            ("Caller ID: ola@x.no", "Caller ID: <ola@x.no>"),
            ("Message-ID: <abc@mail.x.no>\nFrom: <ola@x.no>", "Message-ID: <abc@mail.x.no>\nFrom: <<ola@x.no>>"),
            ("ola@2x.no", "<ola@2x.no>"),
            ("Message-ID: <1@mail.x.no>\n\n<ola@x.no> wrote", "Message-ID: <1@mail.x.no>\n\n<<ola@x.no>> wrote"),
            ("Message-ID:\n\nola@x.no", "Message-ID:\n\n<ola@x.no>"),
        ],
    );
    let own = own("FI", "0401234567", "aino.v@yritys.fi");
    check(&own, &[("Call-ID: aino.v@yritys.fi", "Call-ID: <aino.v@yritys.fi>")]);
}

/// A number without a `+` needs a label, and labels are written in many ways.
#[test]
fn labels_of_numbers_without_a_plus() {
    for (code, text) in [
        ("NO", "phone_number: 46701740605"),
        ("NO", "customer_phone=46701740605"),
        ("NO", "mobile_number=46701740605"),
        ("NO", "Caller ID: 46701740605"),
        ("NO", "caller_id=46701740605"),
        ("NO", "Phone No. 46701740605"),
        ("NO", "Ph: 46701740605"),
        ("DK", "tfn 46701740605"),
        ("FI", "matkapuhelin 46701740605"),
        ("FI", "puh.nro 46701740605"),
        ("DE", "Handynr. 46701740605"),
        ("NO", "ring meg på 46701740605"),
        ("DK", "ring til mig på 46701740605"),
        ("NO", "call me at 46701740605"),
        ("NO", "my number is 46701740605"),
        ("NO", "nummeret mitt er: tlf 46701740605"),
        ("FR", "tél 46701740605"),
        ("NL", "mobiel 46701740605"),
        ("ES", "teléfono: 46701740605"),
    ] {
        assert_eq!(seen(&in_region(code), text), text.replace("46701740605", "<+46701740605>"), "{code}");
    }
    let untouched = [
        "ordre 46701740605",
        "id=46701740605",
        "order_number: 46701740605",
        "order number is 46701740605",
        "account_id: 46701740605",
        "KID 46701740605",
        "versjon på 46701740605",
        "we met at 46701740605",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    check(&in_region("NO"), &untouched);
}

#[test]
fn the_numbers_of_firms_payments_and_books_are_nobodys() {
    for (code, text) in [
        ("DK", "CVR 20123456"),
        ("DK", "CVR-nr. 20123456"),
        ("NO", "KID 98765432"),
        ("NO", "KID-nummer: 98765432"),
        ("SE", "OCR 0701740605"),
        ("SE", "OCR-nummer 0701740605"),
        ("NO", "orgnr 98765432"),
        ("FI", "ISBN 978-95-03-20897-2"),
        ("NO", "978-82-02-40123-4"),
    ] {
        assert_eq!(seen(&in_region(code), text), text, "{code}");
    }
    check(&kari(), &[("KID 98765432", "KID <+4798765432>")]);
}
