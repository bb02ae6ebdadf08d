//! Stories of fields, by region and by the system that wrote them.

use super::*;
use crate::text::Patterns;

fn read(raw: &str, kind: Kind, region: &str) -> [Option<String>; 3] {
    let FieldReading { phone, email, name, is_ignored: _ } =
        read_field(raw, kind, region.parse().unwrap(), &Patterns::default());
    [
        phone.map(|phone| phone.expose().as_str().to_owned()),
        email.map(|email| email.expose().as_str().to_owned()),
        name.map(|name| name.expose().as_str().to_owned()),
    ]
}

fn phone(raw: &str, region: &str) -> Option<String> {
    let [phone, ..] = read(raw, Kind::Phone, region);
    phone
}

fn name(raw: &str) -> Option<String> {
    let [.., name] = read(raw, Kind::Name, "NO");
    name
}

fn is_ignored(raw: &str, kind: Kind) -> bool {
    read_field(raw, kind, "NO".parse().unwrap(), &Patterns::default()).is_ignored
}

#[test]
fn a_number_is_read_out_of_what_a_system_has_put_around_it() {
    for (region, raw, number) in [
        ("FI", "\"Matti Virtanen\" <sip:+358401234567@pbx.example.fi;user=phone>", "+358401234567"),
        ("DE", "Erika Mustermann <tel:+49-151-2345-6789>", "+4915123456789"),
        ("SE", "sips:%2B46701234567@sbc.example.se:5061;transport=tls", "+46701234567"),
        ("DK", "callto:0045 20 12 34 56", "+4520123456"),
        ("NO", "tel:070-123%2045%2067;phone-context=+46", "+46701234567"),
        ("SE", "tel:987-65-432;phone-context=+47;ext=12", "+4798765432"),
        ("NO", "sip:+4798765432;npdi=yes@sbc.example.no:5060;user=phone", "+4798765432"),
        ("NO", "<sip:98765432@10.0.0.1>;tag=as58f4201b", "+4798765432"),
        ("NO", "sip:31662338;phone-context=+45@sbc.example.no", "+4531662338"),
        ("DK", "whatsapp:+4520123456", "+4520123456"),
        ("NO", "4798765432@s.whatsapp.net", "+4798765432"),
        ("NO", "https://wa.me/46701234567", "+46701234567"),
        ("NO", "'+4798765432", "+4798765432"),
        ("NO", "=\"0047 987 65 432\"", "+4798765432"),
        ("NO", "=+4798765432", "+4798765432"),
        ("NO", "98765432.0", "+4798765432"),
        ("DE", "4915123456789,00", "+4915123456789"),
        ("NO", "“+47 987 65 432”", "+4798765432"),
        ("NO", "Tlf. nr.: 987 65 432", "+4798765432"),
        ("SE", "mob 070-123 45 67", "+46701234567"),
        ("DE", "030 1234567 (Büro)", "+49301234567"),
        ("FI", "Puh: 040 1234567", "+358401234567"),
    ] {
        assert_eq!(phone(raw, region).as_deref(), Some(number), "{raw}");
    }
}

/// Gateways of messages have addresses whose user is a number. Mail is sent to these, too.
#[test]
fn the_user_of_an_address_may_be_a_number() {
    for (region, raw, number) in [
        ("NO", "+4798765432@sms.example.no", "+4798765432"),
        ("SE", "<+46701234567@sms.example.se>", "+46701234567"),
        ("NO", "mailto:+4915123456789@gateway.example.de", "+4915123456789"),
        ("FI", "+358401234567@tekstari.example.fi", "+358401234567"),
    ] {
        let [phone, email, name] = read(raw, Kind::Email, region);
        assert_eq!((phone.as_deref(), name), (Some(number), None), "{raw}");
        assert!(email.is_some_and(|email| email.starts_with(number)), "{raw}");
    }
    for raw in ["98765432@sms.example.no", "+4712@example.no", "kari+4798765432@example.no", "+4799@example.no"] {
        let [phone, email, _] = read(raw, Kind::Email, "NO");
        assert_eq!((phone, email.as_deref()), (None, Some(raw)));
    }
}

#[test]
fn an_extension_is_no_part_of_a_number() {
    for (region, raw, number) in [
        ("NO", "+47 22 33 44 55 x123", "+4722334455"),
        ("NO", "22334455 ext. 12", "+4722334455"),
        ("NO", "22334455#12", "+4722334455"),
        ("NO", "22334455,,12#", "+4722334455"),
        ("SE", "08-123 456 78 ankn. 21", "+46812345678"),
        ("DE", "030 1234567 Durchwahl 12", "+49301234567"),
        ("DK", "33 12 34 56 lokal 4711", "+4533123456"),
        ("FI", "09 1234567 alanumero 5", "+35891234567"),
        ("US", "(212) 555-0123 ext 44", "+12125550123"),
    ] {
        assert_eq!(phone(raw, region).as_deref(), Some(number), "{raw}");
    }
}

#[test]
fn what_may_be_several_numbers_or_none_is_left_out_and_told() {
    for raw in [
        "98765432 / 91234567",
        "98765432, 91234567",
        "98765432;91234567",
        "98765432 91234567",
        "O98765432",
        "4747 98765432 1",
        "1001",
        "client:anna",
        "messenger:1234567890123456",
        "9.8765432E7",
        "<98765432>, <91234567>",
        "Reception",
    ] {
        assert_eq!(read(raw, Kind::Phone, "NO"), [None, None, None], "{raw}");
        assert!(is_ignored(raw, Kind::Phone), "{raw}");
    }
    for raw in ["kari@example.no, ola@example.no", "kari@example.no; ola@example.no", "<a@x.no>, <b@x.no>", "kari"] {
        assert_eq!(read(raw, Kind::Email, "NO"), [None, None, None], "{raw}");
        assert!(is_ignored(raw, Kind::Email), "{raw}");
    }
}

#[test]
fn a_number_without_its_country_code_is_that_of_home_if_it_is_valid_there() {
    for (region, raw, number) in [
        ("NO", "46701234567", "+46701234567"),
        ("SE", "4798765432", "+4798765432"),
        ("SE", "358401234567", "+358401234567"),
        ("DE", "46701234567", "+46701234567"),
        ("NO", "12125550123", "+12125550123"),
        ("NO", "31662338", "+4731662338"),
        ("SE", "46701234567", "+46701234567"),
        ("DE", "4930123456", "+4930123456"),
        // It is only possible at home, and nowhere else.
        ("NO", "004798765", "+4798765"),
        ("NO", "+0047 98765432", "+4798765432"),
    ] {
        assert_eq!(phone(raw, region).as_deref(), Some(number), "{raw} in {region}");
    }
}

#[test]
fn a_zero_in_brackets_is_kept_where_it_is_dialled_from_abroad() {
    for (region, raw, number) in [
        ("NO", "+39 (0)6 6982 0001", "+390669820001"),
        ("IT", "0039 (0)2 1234 5678", "+390212345678"),
        ("SM", "+378 (0)549 886377", "+3780549886377"),
        ("GB", "+44 (0)20 7946 0018", "+442079460018"),
        ("SE", "+46 (0)70-123 45 67", "+46701234567"),
        ("DE", "+49 (0) 151 23456789", "+4915123456789"),
        ("NO", "+47 (0)987 65 432", "+4798765432"),
        ("NO", "+225 (07) 07 12 34 56", "+2250707123456"),
    ] {
        assert_eq!(phone(raw, region).as_deref(), Some(number), "{raw} in {region}");
    }
}

#[test]
fn an_address_is_read_out_of_what_a_system_has_put_around_it() {
    for (raw, email, name) in [
        ("mailto:kari.nordmann@example.no?subject=Hei%20der", "kari.nordmann@example.no", None),
        ("\"Müller, Jörg\" <joerg@example.de>", "joerg@example.de", Some("Müller, Jörg")),
        ("=?UTF-8?Q?J=C3=B6rg_M=C3=BCller?= <joerg@example.de>", "joerg@example.de", Some("Jörg Müller")),
        ("kari@example.no (Kari Nordmann)", "kari@example.no", Some("Kari Nordmann")),
        ("Kunde <kari@example.no>", "kari@example.no", None),
        ("kari@example.no <kari@example.no>", "kari@example.no", None),
        ("SMTP:kari@example.no", "kari@example.no", None),
        ("kari%40example.no", "kari@example.no", None),
        ("'kari@example.no'", "kari@example.no", None),
        ("kari@example.no.", "kari@example.no", None),
    ] {
        let [_, read, called] = read(raw, Kind::Email, "NO");
        assert_eq!((read.as_deref(), called.as_deref()), (Some(email), name), "{raw}");
    }
}

#[test]
fn an_identifier_in_the_field_of_another_kind_is_read_as_what_it_is() {
    assert_eq!(read("kari@example.no", Kind::Phone, "NO")[1].as_deref(), Some("kari@example.no"));
    assert_eq!(read("+47 987 65 432", Kind::Email, "NO")[0].as_deref(), Some("+4798765432"));
    assert_eq!(
        read("Kari Nordmann 98765432", Kind::Name, "NO"),
        [Some("+4798765432".to_owned()), None, Some("Kari Nordmann".to_owned())]
    );
}

/// Whatever channel a field comes from, its only number or address is the customer's.
#[test]
fn the_only_identifier_of_a_field_is_taken() {
    for (region, raw, number, called) in [
        ("NO", "Kari Nordmann (98765432)", "+4798765432", Some("Kari Nordmann")),
        ("NO", "Kari Nordmann - 98765432", "+4798765432", Some("Kari Nordmann")),
        ("NO", "Kari Nordmann 98765432", "+4798765432", Some("Kari Nordmann")),
        ("NO", "Kari Nordmann: 98765432", "+4798765432", Some("Kari Nordmann")),
        ("NO", "Kari [98765432]", "+4798765432", Some("Kari")),
        ("NO", "98765432 Kari Nordmann", "+4798765432", Some("Kari Nordmann")),
        ("SE", "Åsa Öberg, 070-174 06 05", "+46701740605", Some("Åsa Öberg")),
        ("FI", "Matti Virtanen / 040 1234567", "+358401234567", Some("Matti Virtanen")),
        ("DE", "Erika Mustermann – 0151 23456789", "+4915123456789", Some("Erika Mustermann")),
        ("US", "John Q. Public (212) 555-0123", "+12125550123", Some("John Q. Public")),
        ("NO", "98765432#", "+4798765432", None),
        ("NO", "#98765432", "+4798765432", None),
        ("NO", "PJSIP/98765432", "+4798765432", None),
        ("NO", "client:+4798765432", "+4798765432", None),
        ("NO", "facetime:+4798765432", "+4798765432", None),
        ("SE", "wa.me/4798765432", "+4798765432", None),
        ("DE", "https://api.whatsapp.com/send?phone=4798765432", "+4798765432", None),
        ("NO", "Kunde 98765432", "+4798765432", None),
    ] {
        let expected = [Some(number.to_owned()), None, called.map(str::to_owned)];
        assert_eq!(read(raw, Kind::Phone, region), expected, "{raw}");
    }
    for (raw, called) in [
        ("Kari Nordmann kari@example.no", Some("Kari Nordmann")),
        ("kari\u{FF20}example.no", None),
        ("[kari@example.no](mailto:kari@example.no)", None),
        ("Fra: kari@example.no", None),
        ("Från: kari@example.no", None),
        ("e-post: kari@example.no", None),
    ] {
        let expected = [None, Some("kari@example.no".to_owned()), called.map(str::to_owned)];
        assert_eq!(read(raw, Kind::Email, "NO"), expected, "{raw}");
    }
    for raw in
        ["Kari 98765432 og 91234567", "Kari 98765432 12", "Visitor 98765432", "ordre 98765432", "98765432 a@b.no"]
    {
        assert!(is_ignored(raw, Kind::Phone), "{raw}");
        assert_eq!(read(raw, Kind::Phone, "NO"), [None, None, None], "{raw}");
    }
}

#[test]
fn a_label_beside_an_identifier_is_nobodys_name() {
    for label in ["work", "home", "jobb", "Mobil", "kontor", "Büro", "työ", "hem", "hjemme", "privat"] {
        for kind in [Kind::Phone, Kind::Name] {
            for raw in [format!("98765432 ({label})"), format!("{label} 98765432"), format!("{label}: 98765432")] {
                let expected = [Some("+4798765432".to_owned()), None, None];
                assert_eq!(read(&raw, kind, "NO"), expected, "{raw}");
            }
        }
        assert_eq!(read(&format!("{label} <kari@example.no>"), Kind::Email, "NO")[2], None, "{label}");
    }
    for raw in [
        "98765432 or 41234567",
        "98765432 / 41234567",
        "98765432 og 41234567",
        "Fra: kari@example.no",
        "- kari@example.no -",
    ] {
        assert_eq!(read(raw, Kind::Name, "NO")[2], None, "{raw}");
    }
    assert_eq!(read("Kari Nordmann - 98765432", Kind::Name, "NO")[2].as_deref(), Some("Kari Nordmann"));
    assert_eq!(read("von Trapp 98765432", Kind::Name, "NO")[2].as_deref(), Some("von Trapp"));
}

#[test]
fn withheld_callers_are_nobody() {
    for raw in [
        "anonymous@anonymous.invalid",
        "sip:anonymous@anonymous.invalid",
        "\"Anonymous\" <sip:c8oqz84zk7z@privacy.invalid>",
        "sip:restricted@pstn.example.net",
        "unavailable@unknown.invalid",
        "tel:anonymous",
        "+266696687",
        "00000000",
        "Hemligt nummer",
        "<unknown>",
    ] {
        for kind in [Kind::Phone, Kind::Email] {
            assert_eq!(read(raw, kind, "SE"), [None, None, None], "{raw}");
        }
        assert!(!is_ignored(raw, Kind::Phone), "{raw}");
    }
    assert_eq!(read("1111111111", Kind::Phone, "US"), [None, None, None]);
    // A mailbox may be called like that, and a display name may hide a number that is there.
    assert_eq!(read("anonymous@example.no", Kind::Email, "NO")[1].as_deref(), Some("anonymous@example.no"));
    assert_eq!(
        read("\"Anonymous\" <sip:+4798765432@sbc.example.no>", Kind::Phone, "NO"),
        [Some("+4798765432".to_owned()), None, None]
    );
}

#[test]
fn a_name_is_what_a_person_is_called() {
    for raw in ["Unknown", "Gäst", "Visitor 98765432", "WIRELESS CALLER", "whatsapp:", "Kunde", "n/a", "???", "1001"] {
        assert_eq!(read(raw, Kind::Name, "NO"), [None, None, None], "{raw}");
    }
    assert!(
        is_ignored("Visitor 98765432", Kind::Name) && is_ignored("1001", Kind::Name) && !is_ignored("Gäst", Kind::Name)
    );
    for (raw, called) in [
        ("=?iso-8859-1?Q?K=E5re_Nordmann?=", "Kåre Nordmann"),
        ("=?UTF-8?B?SsO2cmcg?= =?UTF-8?B?TcO8bGxlcg==?=", "Jörg Müller"),
        ("K%C3%A5re%20Nordmann", "Kåre Nordmann"),
        ("K&aring;re&nbsp;Nordmann", "Kåre Nordmann"),
        ("K\\u00e5re Nordmann", "Kåre Nordmann"),
        ("\"Kåre Nordmann\"", "Kåre Nordmann"),
        ("100% Kari", "100% Kari"),
        ("Privat Olsen", "Privat Olsen"),
        ("NORDMANN,KARI   ", "NORDMANN,KARI"),
    ] {
        assert_eq!(name(raw).as_deref(), Some(called), "{raw}");
    }
}

/// The same kinds of errors with systems and people of other countries.
#[test]
fn fields_of_other_countries() {
    for (region, raw, number) in [
        ("FR", "\"Dupont, Jean\" <sip:0612345678@ims.exemple.fr;user=phone>", "+33612345678"),
        ("NL", "tel:+31-6-12345678;ext=9", "+31612345678"),
        ("PL", "'601 234 567", "+48601234567"),
        ("ES", "=\"0034 612 345 678\"", "+34612345678"),
        ("AT", "Tel.: 0664 1234567", "+436641234567"),
        ("CH", "+41 (0)79 123 45 67", "+41791234567"),
        ("IT", "sip:+390669820001@pbx.esempio.it", "+390669820001"),
        ("EE", "whatsapp:+37251234567", "+37251234567"),
        ("IS", "00354 611 1234", "+3546111234"),
        ("GB", "07911 123456 ext. 3", "+447911123456"),
        ("FR", "33612345678", "+33612345678"),
        ("PL", "48601234567", "+48601234567"),
        ("GB", "447911123456", "+447911123456"),
        ("IT", "+39 (06) 6982 0001", "+390669820001"),
        ("IN", "०९८७६५४३२१०", "+919876543210"),
        ("DE", "٠١٥١٢٣٤٥٦٧٨٩", "+4915123456789"),
        ("FI", "０４０１２３４５６７", "+358401234567"),
    ] {
        assert_eq!(phone(raw, region).as_deref(), Some(number), "{raw} in {region}");
    }
    for (raw, region) in [
        ("\"Unbekannt\" <sip:anonymous@anonymous.invalid>", "DE"),
        ("sip:unknown@unknown.invalid", "FI"),
        ("Rufnummer unterdrückt", "DE"),
        ("tuntematon", "FI"),
        ("skjult nummer", "NO"),
        ("privat", "SE"),
        ("Numéro masqué", "FR"),
        ("asterisk", "DK"),
    ] {
        assert_eq!(read(raw, Kind::Phone, region), [None, None, None], "{raw}");
        assert!(!is_ignored(raw, Kind::Phone), "{raw}");
    }
    for raw in ["Asiakas", "Besucher", "Anrufer", "Caller", "Guest 12", "+", "Kund"] {
        assert_eq!(read(raw, Kind::Name, "FI"), [None, None, None], "{raw}");
    }
    for (raw, called) in [
        ("=?ISO-8859-1?Q?J=FCrgen_K=F6hler?=", "Jürgen Köhler"),
        ("=?utf-8?B?w4VzYSDDlmJlcmc=?=", "Åsa Öberg"),
        ("Zo%C3%AB%20D%27Angelo", "Zoë D'Angelo"),
        ("Bj\\u00f6rn \\u00c5k", "Björn Åk"),
    ] {
        assert_eq!(name(raw).as_deref(), Some(called), "{raw}");
    }
}

#[test]
fn a_day_is_no_number() {
    for raw in ["2024-05-12", "12.05.2024", "12/05/2024", "05/24/2024", " 2031-12-24 "] {
        for region in ["NO", "DK", "FI", "DE"] {
            assert_eq!(read(raw, Kind::Phone, region), [None, None, None], "{raw}");
        }
        assert!(is_ignored(raw, Kind::Phone), "{raw}");
    }
    assert_eq!(phone("20-24-05-12", "DK").as_deref(), Some("+4520240512"));
    assert_eq!(phone("20240512", "DK").as_deref(), Some("+4520240512"));
}

#[test]
fn words_and_figures_that_name_nobody() {
    assert_eq!(read("Kunde 98765432", Kind::Name, "NO"), [None, None, None]);
    assert_eq!(read("8656696", Kind::Phone, "US"), [None, None, None]);
    assert_eq!(read("anonymous@localhost", Kind::Email, "NO"), [None, None, None]);
}

proptest::proptest! {
    #[test]
    fn no_field_makes_the_reader_panic(raw in "(\\PC|[\"'<>=;:%&?@()+0-9]){0,60}") {
        for kind in [Kind::Phone, Kind::Email, Kind::Name] {
            let _ = read_field(&raw, kind, "NO".parse().unwrap(), &Patterns::default());
        }
    }

    /// Whatever wraps a number, it stays the number that it is.
    #[test]
    fn wrapping_changes_no_number(
        number in "9[0-8][0-9]{6}",
        wrapping in proptest::sample::select(vec![
            "{}", "tel:+47{}", "\"Kari\" <sip:+47{}@10.0.0.1;user=phone>", "'{}", "=\"0047{}\"", "{} x12", "{};ext=7", "Mobil: {}",
            "+47 (0){}", "<sips:%2B47{}@host>", "{}.0", "whatsapp:+47{}", "{};phone-context=+47", "47{}",
        ]),
    ) {
        let plain = phone(&number, "NO");
        proptest::prop_assert_eq!(phone(&wrapping.replace("{}", &number), "NO"), plain);
    }
}
