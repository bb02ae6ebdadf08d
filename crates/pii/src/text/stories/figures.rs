//! Times, decimals, and ids of machines.

use serde_json::json;

use super::*;

#[test]
fn times_and_decimals_are_no_numbers() {
    let untouched = [
        "10:15 - 11:45",
        "kl 10.15-11.45",
        "08.30-16.00",
        "08:00-12:00 13:00-16:30",
        "1:23:45.678",
        "00:01:02,500 --> 00:01:04,000",
        "t=12.345678 s",
        "konfidens 0.98765432",
        "0,98765432",
        "score 0.9123456789",
        "[0.31, 0.987654, 0.12]",
        "1.7155008e9",
        "tid 12.05.2024 10.15.30",
        "start 3.456789 slutt 4.567891",
        "98765.432109",
        "24.42.46.44:17858",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "SE", "DK", "FI", "DE", "US"] {
        check(&in_region(code), &untouched);
    }
}

#[test]
fn spans_of_hours_are_no_numbers() {
    let untouched = [
        "Öppet 0800-1630",
        "0800–1600",
        "0900-1700",
        "2230-0145",
        "2330-0730",
        "0930-1215",
        "man-fre 0800 - 1600",
        "0800-1200 1300-1630",
        "0800-1200, 1300-1630",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "SE", "DK", "FI", "DE", "US"] {
        check(&in_region(code), &untouched);
    }
    check(
        &in_region("NO"),
        &[
            ("2230 2345", "<+4722302345>"),
            ("tlf 2230-2345", "tlf <+4722302345>"),
            ("9123-1045", "<+4791231045>"),
            ("0800-1600 98765431", "0800-1600 <+4798765431>"),
        ],
    );
    let own = Own { phone: Phone::parse("22302345", region("NO")).ok(), ..Own::default() };
    check(&Finder::new(region("NO"), own), &[("2230-2345", "<+4722302345>")]);
}

/// The signs of such a row alternate.
#[test]
fn rows_of_decimals_are_no_numbers() {
    let untouched = [
        "91.43 87.21",
        "91,43 87,21",
        "98.76\t54.32",
        "91.43 / 87.21",
        "91.43/87.21",
        "16.99 91.43 19.16 69.62 18.61 86.68",
        "20.50 31.75 99.90",
        "01.43 12.21 45.60 10.00 99.99",
        "9.123 4.567",
        "59,905197 25,260270",
        "69,649205 18,955324",
        "55,676098 12,568337",
        "60,169857 24,938379",
        "59.905197 25.260270",
        "40.712776 -74.005974",
        "42.5 44.25 91.43",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "SE", "DK", "FI", "DE", "FR", "US"] {
        check(&in_region(code), &untouched);
        for value in [json!({"v": ["22.50", "87.21"]}), json!({"words": [{"word": "91.43"}, {"word": "87.21"}]})] {
            let mut mentions = Vec::new();
            assert_eq!(tokenize_json(&in_region(code), value.clone(), &mut mentions), value);
        }
    }
    // The own number counts, and so does one with the same sign throughout.
    check(&kari(), &[("98.76 54.32", "<+4798765432>"), ("98.76.54.31", "<+4798765431>")]);
    check(&in_region("NO"), &[("12.50 98.76.54.31", "12.50 <+4798765431>"), ("22.50 98765431", "22.50 <+4798765431>")]);
    check(&in_region("FR"), &[("01.43.12.21.45", "<+33143122145>")]);
    check(&in_region("SE"), &[("08.1234567 08.7654321", "<+4681234567> <+4687654321>")]);
}

/// Four pairs of digits with points are a number, unless the text around them says that a machine has them.
#[test]
fn addresses_of_machines_are_no_numbers() {
    let untouched = [
        "IP-adresse 98.76.54.31",
        "IP: 98.76.54.31",
        "IPv4: 98.76.54.31",
        "ip=98.76.54.31",
        "client_ip=98.76.54.31",
        "Router-IP 31.66.23.38",
        "IP-osoite 31.66.23.38",
        "http://98.76.54.31/index.html",
        "sftp://98.76.54.31",
        "ssh root@98.76.54.31",
        "98.76.54.31/24",
        "98.76.54.31:8080",
        "Received: from mail.x.no ([98.76.54.31]) by mx.x.no",
        "X-Forwarded-For: 98.76.54.31, 31.66.23.38",
        "98.76.54.31, 10.0.0.1",
        "Server 98.76.54.31 svarer ikke",
        "IP-en er 98.76.54.31",
        "min IP-adresse er 98.76.54.31",
        "98.76.54.31 - - [12/May/2024:10:31:02 +0200] \"GET / HTTP/1.1\" 200",
        "ping 31.66.23.38",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "DK"] {
        check(&in_region(code), &untouched);
        let fields = json!({ "client_ip": "98.76.54.31", "ipAddress": "31.66.23.38", "remote_addr": "98.76.54.31",
            "x_forwarded_for": "98.76.54.31, 31.66.23.38" });
        let mut mentions = Vec::new();
        assert_eq!(tokenize_json(&in_region(code), fields.clone(), &mut mentions), fields);
    }
    check(
        &in_region("NO"),
        &[
            ("tlf 98.76.54.31", "tlf <+4798765431>"),
            ("98.76.54.31", "<+4798765431>"),
            ("98.76.54.31/98.76.54.30", "<+4798765431>/<+4798765430>"),
            ("98.76.54.31 og 98.76.54.30", "<+4798765431> og <+4798765430>"),
            ("DNS 31.66.23.38, ring 98.76.54.31", "DNS 31.66.23.38, ring <+4798765431>"),
            ("zip 98.76.54.31", "zip <+4798765431>"),
            ("tel://98.76.54.31 sip://98.76.54.30", "tel://<+4798765431> sip://<+4798765430>"),
        ],
    );
    for text in [
        "DNS 91.23.45.67 og 91.23.45.68",
        "DNS 91.23.45.67 und 91.23.45.68",
        "DNS 91.23.45.67 och 91.23.45.68",
        "IP 91.23.45.67 tai 91.23.45.68",
        "DNS: 91.23.45.67, 91.23.45.68 and 91.23.45.69",
        "IP: 91.23.45.67 / 91.23.45.68",
        "fra 91.23.45.6 eller 91.23.45.68",
    ] {
        check(&in_region("NO"), &[(text, text)]);
    }
    // The record's own number is found wherever it is.
    check(&kari(), &[("IP 98.76.54.32", "IP <+4798765432>")]);
}

#[test]
fn ids_of_machines_are_no_numbers() {
    let untouched = [
        "req-98765432-ab12cd34",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736",
        "550e8400-e29b-41d4-a716-446655440000_1",
        "sha256:98765432deadbeef",
        "x550e8400-e29b-41d4-a716-446655440000.wav",
        "node-3f-98765432-7c",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "DK", "US"] {
        check(&in_region(code), &untouched);
    }
}

/// Parts of these pass the checks of accounts, cards, and identity numbers, or are numbers of a region.
#[test]
fn nothing_of_a_uuid_is_somebodys() {
    let uuids = [
        "e8984d66-be16-48a2-9ba0-c90fbef4b953",
        "53a39a47-1268-4531-bd79-84cccf065b89",
        "50904072-2893-43a5-9580-e58114cc88bb",
        "41111111-1111-1111-a670-0190123930ff",
        "E8984D66-BE16-4812-9012-C90FBEF4B953",
        "41019012-3930-4701-9876-98765432abcd",
        "aaaaaaaa-0701-0234-5900-070761428500",
    ];
    for code in ["NO", "SE", "DK", "FI", "DE", "US"] {
        let finder = in_region(code);
        for uuid in uuids {
            for text in [uuid.to_owned(), format!("call-{uuid}.wav"), format!("{{{uuid}}} {uuid}_1")] {
                assert_eq!(seen(&finder, &text), text, "{code}");
                let value = json!({ text.clone(): text });
                let mut mentions = Vec::new();
                assert_eq!(tokenize_json(&finder, value.clone(), &mut mentions), value, "{code}");
            }
        }
    }
    check(
        &kari(),
        &[
            ("98765432-1234-4abc-8def-123456789012", "<+4798765432>-1234-4abc-8def-123456789012"),
            ("53a39a47-1268-4531-bd79-84cccf065b89 98765431", "53a39a47-1268-4531-bd79-84cccf065b89 <+4798765431>"),
            ("98765431-1268-4531-1279-840000065089", "<+4798765431>-1268-4531-1279-840000065089"),
        ],
    );
}

#[test]
fn amounts_are_no_numbers() {
    let untouched = [
        "pris 41 500 000,-",
        "20.500.000,-",
        "98 765 432,-",
        "98765432,-",
        "98765432 NOK",
        "98765432 kr.",
        "98765432 €",
        "98765432 SEK, takk",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "DK", "SE", "DE"] {
        check(&in_region(code), &untouched);
    }
    check(
        &in_region("NO"),
        &[
            ("98765431 kr 500", "<+4798765431> kr 500"),
            ("98765431, kr 500", "<+4798765431>, kr 500"),
            ("98765431 - ring", "<+4798765431> - ring"),
            ("98 76 54 31 500 kr", "<+4798765431> 500 kr"),
            ("Ring meg på 98765431 nok en gang", "Ring meg på <+4798765431> nok en gang"),
            ("Tlf 98765431 nok hele dagen", "Tlf <+4798765431> nok hele dagen"),
            ("mobil 98765431,- hilsen Ola", "mobil <+4798765431>,- hilsen Ola"),
        ],
    );
    check(&kari(), &[("98765432 NOK", "<+4798765432> NOK")]);
}

#[test]
fn the_own_digits_do_not_end_within_a_number_of_a_list() {
    for value in [json!({"scores": [98, 7, 65, 4, 3, 21]}), json!({"scores": [19, 8, 76, 54, 32]})] {
        let mut mentions = Vec::new();
        assert_eq!(tokenize_json(&kari(), value.clone(), &mut mentions), value);
    }
    let mut mentions = Vec::new();
    let tokenized = tokenize_json(&kari(), json!([98, 76, 54, 32]), &mut mentions);
    assert_eq!(fill_json(tokenized, &|n| show(&mentions[n])), json!(["<+4798765432>", "", "", ""]));
}

#[test]
fn numbers_of_things_have_words_in_many_languages() {
    for (code, number) in
        [("FR", "0612345678"), ("ES", "612345678"), ("IT", "3123456789"), ("NL", "0612345678"), ("PL", "512345678")]
    {
        let labels = match code {
            "FR" => ["commande", "numéro de commande", "facture n°", "n° client", "numéro de dossier", "référence"],
            "ES" => ["pedido", "número de pedido", "factura", "número de cliente", "contrato", "nº de caso"],
            "IT" => ["ordine", "numero ordine", "fattura n.", "numero cliente", "contratto", "pratica n."],
            "NL" => ["bestelling", "bestelnummer", "factuurnummer", "klantnummer", "zaak", "ordernr."],
            _ => ["zamówienie", "nr zamówienia", "faktura nr", "nr klienta", "umowa", "sprawa nr"],
        };
        for label in labels {
            let text = format!("{label} {number}");
            check(&in_region(code), &[(&text, &text)]);
        }
        let text = format!("tel. {number}");
        assert!(seen(&in_region(code), &text).starts_with("tel. <+"), "{code}");
    }
}

#[test]
fn the_number_of_a_business_may_have_the_groups_of_a_phone_number() {
    for (code, text) in [
        ("DK", "CVR: 31 66 23 38"),
        ("DK", "CVR-nr. 31 66 23 38"),
        ("NL", "KvK 612 34 567"),
        ("FR", "SIREN 612 345 678"),
    ] {
        check(&in_region(code), &[(text, text)]);
    }
    check(&in_region("DK"), &[("CVR 12345678, tlf. 31 66 23 38", "CVR 12345678, tlf. <+4531662338>")]);
}

#[test]
fn what_a_share_is_taken_of_is_no_number() {
    for (code, text) in [
        ("NO", "40 % av 98 765 431"),
        ("NO", "40 % av 98765431"),
        ("DK", "25% af 31662338"),
        ("SE", "5 % av 0701234567"),
        ("GB", "40 % of 07921123456"),
        ("DE", "40 % von 01701234567"),
        ("NL", "12 % van 0687654321"),
        ("FR", "3 % de 0687654321"),
    ] {
        check(&in_region(code), &[(text, text)]);
    }
    check(
        &in_region("NO"),
        &[
            ("100 % sikker, ring 98 76 54 31", "100 % sikker, ring <+4798765431>"),
            ("sjefen av 98 76 54 31", "sjefen av <+4798765431>"),
        ],
    );
    check(&kari(), &[("40 % av 98765432", "40 % av <+4798765432>")]);
}
