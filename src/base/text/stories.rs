//! What people write, and what of it is an identifier.

use serde_json::json;

use super::*;
use crate::base::pii::Region;

pub(super) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

/// Shows what was found: `<+4798765432>`, `<kari@x.no>`, `<name>`.
pub(super) fn show(found: &Found) -> String {
    match found {
        Found::Phone(phone) => format!("<{}>", phone.expose().as_str()),
        Found::Email(email) => format!("<{}>", email.expose().as_str()),
        Found::OwnName => "<name>".to_owned(),
    }
}

pub(super) fn seen(finder: &Finder, text: &str) -> String {
    let mut mentions = Vec::new();
    let tokenized = tokenize_text(finder, text, &mut mentions);
    fill_text(&tokenized, |n| show(&mentions[n]))
}

#[track_caller]
fn check(finder: &Finder, stories: &[(&str, &str)]) {
    let wrong: Vec<_> = stories
        .iter()
        .map(|(text, expected)| (text, seen(finder, text), expected))
        .filter(|(_, seen, expected)| seen != *expected)
        .map(|(text, seen, expected)| format!("\n  text     {text:?}\n  seen     {seen:?}\n  expected {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

pub(super) fn in_region(code: &str) -> Finder {
    Finder::new(region(code), Own::default())
}

#[test]
fn norwegian_numbers_in_any_spelling() {
    check(
        &in_region("NO"),
        &[
            ("Ring meg på 98765432.", "Ring meg på <+4798765432>."),
            ("98 76 54 32", "<+4798765432>"),
            ("987 65 432, takk", "<+4798765432>, takk"),
            ("+47 987 65 432", "<+4798765432>"),
            ("004798765432", "<+4798765432>"),
            ("00 47 98 76 54 32!", "<+4798765432>!"),
            ("(+47) 98765432", "<+4798765432>"),
            ("(98765432)", "(<+4798765432>)"),
            ("tlf: 98-76-54-32", "tlf: <+4798765432>"),
            ("tlf.98.76.54.32", "tlf.<+4798765432>"),
            ("tel:+47-987-65-432;ext=1", "tel:<+4798765432>;ext=1"),
            ("987\u{a0}65\u{a0}432", "<+4798765432>"),
            ("９８７６５４３２", "<+4798765432>"),
            ("٩٨٧٦٥٤٣٢", "<+4798765432>"),
            ("98\u{200b}76\u{2060}54\u{ad}32", "<+4798765432>"),
            ("\u{200e}+47 98765432\u{200f}", "\u{200e}<+4798765432>\u{200f}"),
            ("9️⃣8️⃣7️⃣6️⃣5️⃣4️⃣3️⃣2️⃣", "<+4798765432>\u{fe0f}\u{20e3}"),
            ("tlf98765432 nå", "tlf<+4798765432> nå"),
            ("TLF98765432", "TLF<+4798765432>"),
            ("4798765432", "<+4798765432>"),
            ("+47 (0) 98765432", "<+4798765432>"),
            ("9 8 7 6 5 4 3 2", "<+4798765432>"),
            ("svensk +46 70-123 45 67 og dansk 0045 31 66 23 38", "svensk <+46701234567> og dansk <+4531662338>"),
            ("UK +44 (0)20 7946 0958", "UK <+442079460958>"),
        ],
    );
}

#[test]
fn several_numbers_and_other_digits_side_by_side() {
    check(
        &in_region("NO"),
        &[
            ("98765432 / 91234567", "<+4798765432> / <+4791234567>"),
            ("ring 98765432 91234567", "ring <+4798765432> <+4791234567>"),
            ("98 76 54 32 91 23 45 67", "<+4798765432> <+4791234567>"),
            ("98765432/91234567", "<+4798765432>/<+4791234567>"),
            ("98765432,91234567", "<+4798765432>,<+4791234567>"),
            ("98765432.91234567", "<+4798765432>.<+4791234567>"),
            ("order 12345 98765432 qty 3", "order 12345 <+4798765432> qty 3"),
            ("1. 98765432 2. 91234567", "1. <+4798765432> 2. <+4791234567>"),
            ("98765432\n91234567", "<+4798765432>\n<+4791234567>"),
            ("12.05.2024 10:30 98765432", "12.05.2024 10:30 <+4798765432>"),
            ("kl. 10.00 98765432", "kl. 10.00 <+4798765432>"),
            ("kl 10:00 98765432 ringte", "kl 10:00 <+4798765432> ringte"),
            ("98765432 12.05.2024", "<+4798765432> 12.05.2024"),
            ("98765432 den 12.05.24 kl 10.30", "<+4798765432> den 12.05.24 kl 10.30"),
            ("22-05-24 10:30 98765432", "22-05-24 10:30 <+4798765432>"),
            ("+4798765432+4791234567", "<+4798765432><+4791234567>"),
            ("98765432eller91234567", "<+4798765432>eller<+4791234567>"),
            ("fra 0150 Oslo, 22 33 44 55 dagtid", "fra 0150 Oslo, <+4722334455> dagtid"),
        ],
    );
}

#[test]
fn what_looks_like_a_number_is_no_caller() {
    let untouched = [
        "2024-05-12",
        "2024-05-12T10:30:00.123+02:00",
        "2024-05-12 22:45:59",
        "12.05.2024",
        "22.05.2024",
        "22/05/2024 - 23/05/2024",
        "22.-23.05.2024",
        "22.05.24",
        "22.05.24 10.30",
        "22 05 2024",
        "20240522T103000Z",
        "20240522-103000",
        "20240522103000",
        "GMT+1 2024-05-12 10:30",
        "192.168.10.24",
        "10.0.0.1:8080",
        "93.184.216.34",
        "12345678.50",
        "98765432.50",
        "98765432,5",
        "beløp 45 678 912,50",
        "NOK 45 678 912",
        "45 678 912 kr",
        "kr 45678912",
        "$45678912",
        "ordre 98765432109876543210",
        "ordre 9876 5432 1098 7654 3210",
        "kort 4111 1111 1111 1111",
        "kort 4111111111111111",
        "kort 4111-1111-1111-1112",
        "kort 3782 822463 10005",
        "NO93 8601 1117 947",
        "NO9386011117947",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "konto 1234.56.78901",
        "550e8400-e29b-41d4-a716-446655440000",
        "98765432-1234-4abc-8def-1234567890ab",
        "sha a98765432f31",
        "DK45678912",
        "59.913868, 10.752245",
        "1715500800",
        "1715500800123",
        "1715500800.123",
        "ring 110, 112 eller 1881",
        "02800",
        "0.98765432",
        "v10.15.7",
        "12345678",
        "+999 123456",
        "++--++ ((())) +",
        "",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    check(&in_region("NO"), &untouched);
}

#[test]
fn other_regions_write_their_trunk_prefix() {
    check(
        &in_region("SE"),
        &[
            ("Ring 070-123 45 67 eller 08-123 456 78.", "Ring <+46701234567> eller <+46812345678>."),
            ("0701234567", "<+46701234567>"),
            ("+46701234567", "<+46701234567>"),
            ("46701234567", "<+46701234567>"),
            ("ordernummer 701234567", "ordernummer 701234567"),
            ("2024-05-12 kl 10.30", "2024-05-12 kl 10.30"),
            ("pers.nr 19850512-1234", "pers.nr 19850512-1234"),
        ],
    );
    check(
        &in_region("DE"),
        &[
            ("Tel. 030 1234567 3 Stück", "Tel. <+49301234567> 3 Stück"),
            ("0151 23456789, 0171/2345678", "<+4915123456789>, <+491712345678>"),
            ("Rechnung 30123456", "Rechnung 30123456"),
            ("Kunde 12345 am 12. 05. 2024", "Kunde 12345 am 12. 05. 2024"),
            ("030.1234567", "<+49301234567>"),
            ("+49 (0)30 1234567", "<+49301234567>"),
        ],
    );
    check(
        &in_region("US"),
        &[
            ("call (212) 555-1234 now", "call <+12125551234> now"),
            ("1-212-555-1234", "<+12125551234>"),
            ("011 47 98765432", "<+4798765432>"),
            ("2024-05-12 10:30", "2024-05-12 10:30"),
            ("212.555.1234", "<+12125551234>"),
            ("0047 98765432", "<+4798765432>"),
        ],
    );
    check(
        &in_region("DK"),
        &[("ring 31 66 23 38 eller 3166 2338", "ring <+4531662338> eller <+4531662338>"), ("2024-05-12", "2024-05-12")],
    );
    check(&in_region("RU"), &[("8 (912) 345-67-89 или 912 345-67-89", "<+79123456789> или <+79123456789>")]);
    check(&in_region("PL"), &[("512 345 678 512 345 679", "<+48512345678> <+48512345679>")]);
}

pub(super) fn kari() -> Finder {
    let own = Own {
        phone: Some(Phone::parse("98765432", region("NO")).unwrap()),
        email: Some(Email::parse("kari.nordmann@eksempel.no").unwrap()),
        name: Some(PersonName::parse("Kari Nordmann").unwrap()),
    };
    Finder::new(region("NO"), own)
}

#[test]
fn the_own_number_counts_however_it_is_written() {
    let expected = "<+4798765432>";
    for text in [
        "98765432",
        "9 8 7 6 5 4 3 2",
        "9-8-7-6-5-4-3-2",
        "987.65432",
        "98.765432",
        "98_76_54_32",
        "98,76,54,32",
        "98*76*54*32",
        "98:76:54:32",
        "98 - 76 - 54 - 32",
        "9876\n5432",
        "+47 98765432",
        "+47(0)98765432",
        "0047-98-76-54-32",
        "098765432",
        "47 98765432",
        "(+47)98765432",
        "[+47] 98765432",
        "011 47 98765432",
        "९८७६५४३२",
    ] {
        assert_eq!(seen(&kari(), text), expected, "{text}");
    }
    check(
        &kari(),
        &[
            ("tlf98765432x", "tlf<+4798765432>x"),
            ("out20260801004798765432.wav", "out20260801<+4798765432>.wav"),
            ("cdr_98765432_20260801", "cdr_<+4798765432>_20260801"),
            ("NOK 98765432", "NOK <+4798765432>"),
            ("98765432.50", "<+4798765432>.50"),
            ("98765432 98765432", "<+4798765432> <+4798765432>"),
            ("12347 98765432", "12347 <+4798765432>"),
            ("id DK98765432", "id DK<+4798765432>"),
            ("98765432-1234-4abc-8def-1234567890ab", "<+4798765432>-1234-4abc-8def-1234567890ab"),
        ],
    );
}

#[test]
fn a_short_own_number_counts_as_a_whole_group() {
    let phone = Phone::parse("004798765", region("NO")).ok();
    let finder = Finder::new(region("NO"), Own { phone, ..Own::default() });
    check(
        &finder,
        &[
            ("ring 98765", "ring <+4798765>"),
            ("004798765", "<+4798765>"),
            ("+47 98 765", "<+4798765>"),
            ("0047 987 65!", "<+4798765>!"),
            ("ordre 1987654", "ordre 1987654"),
            ("beløp 98765,50", "beløp 98765,50"),
            ("98765432", "<+4798765432>"),
        ],
    );
}

#[test]
fn addresses_in_any_surroundings() {
    check(
        &in_region("NO"),
        &[
            ("Skriv til bob.test+x@MyTest.NO.", "Skriv til <bob.test+x@mytest.no>."),
            ("<kari@x.no>, (ola@y.se); \"per@z.de\"", "<<kari@x.no>>, (<ola@y.se>); \"<per@z.de>\""),
            ("mailto:kari@x.no?subject=hei", "mailto:<kari@x.no>?subject=hei"),
            ("kari@blåbær.no!", "<kari@xn--blbr-roah.no>!"),
            ("jörg@münchen.de", "<jörg@xn--mnchen-3ya.de>"),
            ("https://x.no/?mail=kari@x.no&a=1", "https://x.no/?mail=<kari@x.no>&a=1"),
            ("mail=kari%40x.no", "mail=<kari@x.no>"),
            ("kari＠x.no", "<kari@x.no>"),
            ("*kari@x.no* _ola@x.no_ 'per@x.no'", "*<kari@x.no>* _<ola@x.no>_ '<per@x.no>'"),
            ("o'brien@x.ie", "<o'brien@x.ie>"),
            ("98765432@sms.no", "<98765432@sms.no>"),
            ("kari@x.no.Ring meg", "<kari@x.no>.Ring meg"),
            ("a@x.no,b@x.no;c@x.no", "<a@x.no>,<b@x.no>;<c@x.no>"),
            ("kari\u{200b}@x.no", "<kari@x.no>"),
            ("10 stk @ 5 kr, @kari, kari@, @x.no, a@b, 50%40", "10 stk @ 5 kr, @kari, kari@, @x.no, a@b, 50%40"),
            ("a@@b.no @@@", "a@@b.no @@@"),
        ],
    );
}

#[test]
fn the_own_address_counts_with_more_around_it() {
    let own = |address| Own { email: Some(Email::parse(address).unwrap()), ..Own::default() };
    check(
        &Finder::new(region("NO"), own("a=b@x.no")),
        &[("send a=b@x.no", "send <a=b@x.no>"), ("c=d@x.no", "c=<d@x.no>")],
    );
    check(&Finder::new(region("NO"), own("kari@x.no")), &[("kari@x.no.ring meg", "<kari@x.no>.ring meg")]);
}

#[test]
fn the_own_name_in_any_order_case_and_accent() {
    check(
        &kari(),
        &[
            ("Hei Kari Nordmann!", "Hei <name>!"),
            ("Nordmann, Kari ringte", "<name> ringte"),
            ("KARI ringte, så ringte nordmann.", "<name> ringte, så ringte <name>."),
            ("Kåri Nördmann", "<name>"),
            ("Kari-Nordmann", "<name>"),
            ("Karis bil, Karianne, MakKari, kari1", "Karis bil, Karianne, MakKari, kari1"),
            ("Kari's bil", "<name>'s bil"),
            ("kari_n", "<name>_n"),
            ("Ka\u{ad}ri", "<name>"),
            ("ＫＡＲＩ", "<name>"),
            ("Kari Hansen", "<name> Hansen"),
            ("kari.nordmann@eksempel.no fra Kari", "<kari.nordmann@eksempel.no> fra <name>"),
            ("kari@annet.no", "<kari@annet.no>"),
            ("Kari 98765432", "<name> <+4798765432>"),
        ],
    );
    let named = |name| Finder::new(region("NO"), Own { name: PersonName::parse(name).ok(), ..Own::default() });
    check(&named("Bo Li"), &[("Bo og Li bor her", "Bo og Li bor her"), ("li, bo", "<name>"), ("Bo Li", "<name>")]);
    check(
        &named("Søren Møller-Åkesson"),
        &[("soren moeller", "<name>"), ("Soeren, AKESSON", "<name>"), ("Aakesson", "<name>")],
    );
    check(&named("Mueller"), &[("Frau Müller", "Frau <name>"), ("Muller", "<name>")]);
    check(&named("Kari de la Cruz"), &[("sa Kari de kom", "sa <name> de kom"), ("Kari de la Cruz de", "<name> de")]);
    check(&named("Łukasz Weiß"), &[("lukasz WEISS", "<name>")]);
    check(&named("Анна Иванова"), &[("звонила АННА Иванова.", "звонила <name>.")]);
    check(&named("-"), &[("- . -", "- . -")]);
}

#[test]
fn an_external_id_holds_the_own_number_or_address() {
    for id in
        ["cdr-98765432", "out-2026-08-01-004798765432-1", "x_987_65_432", "Kari.Nordmann@eksempel.no#1", "4798765432"]
    {
        assert!(kari().holds_own(id), "{id}");
    }
    for id in ["cdr-98765433", "Kari", "91234567", "ola@eksempel.no", ""] {
        assert!(!kari().holds_own(id), "{id}");
    }
}

#[test]
fn an_identifier_keeps_its_number_within_a_record() {
    let mut mentions = Vec::new();
    let first = tokenize_text(&kari(), "98765432 og 91234567", &mut mentions);
    assert_eq!(first, "\u{e000}0\u{e001} og \u{e000}1\u{e001}");
    let second = tokenize_text(&kari(), "+47 912 34 567 fra Kari", &mut mentions);
    assert_eq!(second, "\u{e000}1\u{e001} fra \u{e000}2\u{e001}");
    assert_eq!(mentions.iter().map(Found::kind).collect::<Vec<_>>(), [Kind::Phone, Kind::Phone, Kind::Name]);
}

#[test]
fn nobody_forges_a_placeholder() {
    let mut mentions = Vec::new();
    assert_eq!(tokenize_text(&kari(), "a \u{e000}0\u{e001} b", &mut mentions), "a 0 b");
    assert_eq!(tokenize_text(&kari(), "98\u{e000}765\u{e001}432", &mut mentions), "\u{e000}0\u{e001}");
    let garbled =
        "\u{e000}\u{e001} \u{e000}x\u{e001} \u{e001} \u{e000}99999999999999999999999\u{e001} \u{e000}\u{e000}7\u{e001}";
    let filled = fill_text(garbled, |n| format!("[{n}]"));
    assert_eq!(filled, garbled.replace("\u{e000}7\u{e001}", "[7]"));
}

#[test]
fn json_values_at_any_depth() {
    let mut mentions = Vec::new();
    let value = json!({
        "line": "AA0204", "wait_seconds": 17, "counter": 91_234_567, "created": 1_715_500_800, "created_ms": 1_715_500_800_123_u64,
        "night": 20_240_512_103_000_u64, "called": 4_791_234_567_u64, "own": 98_765_432, "from_sheet": 98_765_432.0, "rate": 0.912_345_67,
        "dialled": "4791234567", "deep": [{"note": "ring 912 34 567"}, null, true, "46701234567"],
        "98765432": 1, "+4798765432": 2, "91234567": 3, "kari@x.no": 4, "Kari": 5, "Kari Nordmann": 6,
    });
    let before = value.clone();
    let tokenized = tokenize_json(&kari(), value, &mut mentions);
    let filled = fill_json(tokenized.clone(), &|n| show(&mentions[n]));
    assert_eq!(
        filled,
        json!({
            "line": "AA0204", "wait_seconds": 17, "counter": 91_234_567, "created": 1_715_500_800, "created_ms": 1_715_500_800_123_u64,
            "night": 20_240_512_103_000_u64, "called": "<+4791234567>", "own": "<+4798765432>", "from_sheet": "<+4798765432>",
            "rate": 0.912_345_67,
            "dialled": "<+4791234567>", "deep": [{"note": "ring <+4791234567>"}, null, true, "<+46701234567>"],
            "<+4798765432>": 2, "<+4798765432> 2": 1, "91234567": 3, "<kari@x.no>": 4, "Kari": 5, "<name>": 6,
        })
    );
    let anonymous = fill_json(tokenized, &|_| "Anonymized".to_owned());
    assert_eq!(anonymous.as_object().unwrap().len(), before.as_object().unwrap().len(), "nothing is lost");
}
