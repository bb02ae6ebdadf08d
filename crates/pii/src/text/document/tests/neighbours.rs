//! Numbers in one part of a document beside figures and country codes in its neighbours.

use super::*;

fn segments(texts: &[&str]) -> Value {
    json!({ "segments": texts.iter().map(|text| json!({ "text": text })).collect::<Vec<_>>() })
}

fn of(code: &str, phone: Option<&str>) -> Case {
    let phone = phone.and_then(|phone| Phone::parse(phone, region(code)).ok());
    Case { region: region(code), own: Own { phone, ..Own::default() }, ..nobody() }
}

#[test]
fn a_country_code_in_one_part_belongs_to_the_number_in_the_next() {
    for own in [Some("98765432"), Some("91234567"), None] {
        let case = of("NO", own);
        for (sent, left) in [
            (["my number is +45", "98 76 54 32"], ["my number is <+4598765432>", ""]),
            (["plus forty five", "98 76 54 32"], ["<+4598765432>", ""]),
            (["pluss førtifem", "ni åtte sju seks fem fire tre to"], ["<+4598765432>", ""]),
            (["+47", "98 76 54 32, takk"], ["<+4798765432>", ", takk"]),
        ] {
            assert_eq!(seen_json(Format::Json, &segments(&sent), &case), segments(&left), "{own:?}");
        }
        let turns = |texts: [&str; 3]| {
            let turn = |(speaker, text)| json!({ "speaker": speaker, "text": text });
            let turns: Vec<_> = ["customer", "agent", "customer"].into_iter().zip(texts).map(turn).collect();
            json!({ "turns": turns })
        };
        assert_eq!(
            seen_json(Format::Json, &turns(["+45", "ja", "98 76 54 32"]), &case),
            turns(["<+4598765432>", "ja", ""])
        );
        for (sent, left) in [
            ("[10:02] Kari: +45\n[10:02] Kari: 98 76 54 32", "[10:02] Kari: <+4598765432>"),
            ("Kunde: +45\nAgent: ja\nKunde: 98 76 54 32", "Kunde: <+4598765432>\nAgent: ja\nKunde: "),
        ] {
            let seen = seen(Format::Plain, sent, &case);
            assert_eq!(seen, left, "{own:?}");
        }
    }
    let caption = "WEBVTT\n\n00:00.000 --> 00:01.000\n+45\n\n00:01.000 --> 00:02.000\n98 76 54 32\n";
    assert!(seen(Format::Vtt, caption, &of("NO", Some("98765432"))).contains("<+4598765432>"));
    let sent = segments(&["numret är +358", "70 123 45 67"]);
    let left = segments(&["numret är <+358701234567>", ""]);
    assert_eq!(seen_json(Format::Json, &sent, &of("SE", Some("0701234567"))), left);
    assert_eq!(seen(Format::Plain, "+45 31 66 23 38 ja 98 76 54 32", &nobody()), "<+4531662338> ja <+4798765432>");
}

#[test]
fn a_number_in_one_part_takes_nothing_of_its_neighbours() {
    for (code, own, sent, left) in [
        ("NO", None, ["ja 98 76 54 32", "41 år"], ["ja <+4798765432>", "41 år"]),
        ("NO", Some("98765432"), ["klokka er 10:47", "98765432"], ["klokka er 10:47", "<+4798765432>"]),
        ("US", None, ["1", "212-555-1234"], ["1", "<+12125551234>"]),
        ("US", Some("2125551234"), ["0", "212-555-1234"], ["0", "<+12125551234>"]),
        ("FI", None, ["050 2387178", "7"], ["<+358502387178>", "7"]),
        ("SE", None, ["08-505 479 12", "12345"], ["<+46850547912>", "12345"]),
        ("NO", None, ["kort 4111 1111", "1111 1111"], ["kort [card number]", ""]),
        ("NO", Some("98765432"), ["98 76", "54 32 41"], ["<+4798765432>", " 41"]),
        ("SE", Some("0812345678"), ["08 123 456", "78"], ["<+46812345678>", ""]),
    ] {
        assert_eq!(seen_json(Format::Json, &segments(&sent), &of(code, own)), segments(&left), "{code}");
    }
    for (code, sent, left) in [
        ("NO", "<p>41</p><p>98 76 54 32</p>", "<p>41</p><p><+4798765432></p>"),
        ("DK", "<td>20</td><td>31 66 23 38</td>", "<td>20</td><td><+4531662338></td>"),
        ("GB", "<p>rom 41</p><p>020 7345 9588</p>", "<p>rom 41</p><p><+442073459588></p>"),
        ("NO", "Alder: 41<br>98 76 54 32<br>99 kr", "Alder: 41<br><+4798765432><br>99 kr"),
    ] {
        assert_eq!(seen(Format::Html, sent, &of(code, None)), left);
    }
}
