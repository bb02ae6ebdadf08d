//! One story for each kind of error that real documents have shown, with persons of several countries.

use super::*;

fn aino() -> Case {
    let own = Own {
        phone: Some(Phone::parse("0401234567", region("FI")).unwrap()),
        email: Some(Email::parse("aino.v@yritys.fi").unwrap()),
        name: Some(PersonName::parse("Aino Virtanen").unwrap()),
    };
    Case { region: region("FI"), own, forgotten: false, stored: false, patterns: Patterns::default() }
}

#[test]
fn speakers_are_told_by_any_key_whose_values_come_again() {
    for (key, ours, theirs) in [
        ("participantRole", json!("CUSTOMER"), json!("AGENT")),
        ("ch", json!(0), json!(1)),
        ("fromAgent", json!(false), json!(true)),
        ("sender_type", json!("visitor"), json!("bot")),
    ] {
        let turn = |who: &Value, text: &str| json!({ key: who, "content": text, "n": text.len() });
        let chat = json!([
            turn(&ours, "numero on 040 123"),
            turn(&theirs, "joo 12"),
            turn(&ours, "4567, kiitos"),
            turn(&theirs, "selvä"),
        ]);
        let seen = seen_json(Format::Json, &chat, &aino()).to_string();
        assert!(seen.contains("numero on <+358401234567>") && seen.contains("\"joo 12\""), "{key} {seen}");
        assert!(!seen.contains("4567, kiitos"), "{key} {seen}");
    }
}

#[test]
fn rows_of_figures_in_a_field_are_no_numbers() {
    let case = Case { own: Own::default(), ..aino() };
    for value in [
        json!({ "tokens": [50364, 2425, 11, 452, 1315, 307, 40, 12, 34, 56] }),
        json!({ "bbox": [40, 123, 45, 67], "page": 4, "box": ["40.1", "23.4", "5.6", "7.0"] }),
        json!({ "avg_logprob": -0.401_234_567, "no_speech_prob": 0.040_123_456_7, "compression_ratio": 1.401_23 }),
        json!({ "sizes": "38 40 42 44 46 48", "dims": "1920x1080" }),
        json!({ "start": 40.123_456_7, "end": 45.987_654, "duration_ms": 401_234_567 }),
    ] {
        assert_eq!(seen_json(Format::Json, &value, &case), value);
    }
}

#[test]
fn json_comes_back_as_it_was_written() {
    for text in [
        "{ \"a\" : 0.30000000000000004, \"b\":1.10 ,\"c\": 1e300 }",
        "[1.0,\n  -0.0, 12345678901234567890.5]",
        "{\"x\":\"\\u00e5\",\"y\":\"\\/\",\"z\":2.50}\n",
    ] {
        assert_eq!(seen(Format::Json, text, &aino()), text);
    }
    assert_eq!(
        seen(Format::Json, "{\"score\": 0.10, \"t\":\"soita 0401234567\", \"p\": 7.00}", &aino()),
        "{\"score\": 0.10, \"t\":\"soita <+358401234567>\", \"p\": 7.00}"
    );
}

#[test]
fn a_plain_text_that_is_another_format_is_read_as_that_one() {
    let srt = "1\n00:00:01,000 --> 00:00:02,500\nnumero on 040\n\n2\n00:00:02,600 --> 00:00:04,000\n123 4567\n";
    let vtt = "WEBVTT\n\n00:01.000 --> 00:02.500\n<v Aino>040 123\n\n00:02.600 --> 00:04.000\n<v Aino>4567\n";
    let html = "<!DOCTYPE html><html><body><p>040&nbsp;123</p><p>4567</p></body></html>";
    let mail = "From: Aino Virtanen <aino.v@yritys.fi>\r\nSubject: =?utf-8?Q?Soita_0401234567?=\r\n\
                Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n040=C2=A0123=\r\n4567\r\n";
    let lines = "{\"who\":\"a\",\"t\":\"040 123\"}\n{\"who\":\"b\",\"t\":\"joo\"}\n{\"who\":\"a\",\"t\":\"4567\"}\n";
    for text in [srt, vtt, html, mail, lines] {
        let document = tokenize(Format::Plain, text.as_bytes(), &aino()).unwrap();
        let seen = fill_text(&document.text, |n| show(&document.mentions[n]));
        assert!(
            seen.contains("<+358401234567>") && !seen.contains("4567\n") && !seen.contains(">4567"),
            "{text} {seen}"
        );
    }
}

#[test]
fn a_conversation_that_is_not_written_to_the_letter() {
    let vcon = json!({
        "vcon": "0.0.1", "uuid": "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "parties": [{ "tel": "040 123 4567", "role": "customer" }, { "mailto": "sip:tuki@yritys.fi", "name": "Tuki" }],
        "dialog": [{ "type": "text", "parties": 0, "body": "Soita 0401234567", "encoding": "None" }],
        "analysis": [{ "type": "transcript", "body": { "turns": [{ "text": "aino.v@yritys.fi" }] } }],
    });
    let seen = seen_json(Format::Vcon, &vcon, &aino()).to_string();
    assert!(seen.contains("Soita <+358401234567>") && seen.contains("<aino.v@yritys.fi>"), "{seen}");
    assert!(!seen.contains("040 123"), "{seen}");
}

#[test]
fn decimals_in_strings_are_nobodys_number() {
    for value in [
        json!({"v": ["22.50", "87.21"]}),
        json!({"v": ["91.43", "87.21", "16.99", "69.62"]}),
        json!({"words": [{"word": "91.43"}, {"word": "87.21"}]}),
        json!({"turns": [{"text": "91.43"}, {"text": "87.21"}]}),
    ] {
        assert_eq!(seen_json(Format::Json, &value, &nobody()), value);
    }
    let own = json!({"words": [{"word": "98.76"}, {"word": "54.32"}]});
    let shown = json!({"words": [{"word": "<+4798765432>"}, {"word": ""}]});
    assert_eq!(seen_json(Format::Json, &own, &kari()), shown);
}

#[test]
fn speakers_are_told_by_more_names_by_directions_and_by_rows() {
    let said = ["numero on 040 123", "12 sekuntia", "4567, kiitos"];
    for (ours, theirs) in [
        (json!({ "sender_name": "Aino" }), json!({ "sender_name": "Acme" })),
        (json!({ "senderId": "a1" }), json!({ "senderId": "b2" })),
        (json!({ "messageType": "incoming" }), json!({ "messageType": "outgoing" })),
        (json!({ "kind": "RECEIVED" }), json!({ "kind": "SENT" })),
        (json!({ "who": { "name": "Aino" } }), json!({ "who": { "name": "Anna" } })),
    ] {
        let turn = |(who, text): (&Value, &str)| {
            let mut turn = who.clone();
            turn["body"] = json!(text);
            turn
        };
        let turns: Vec<Value> = [&ours, &theirs, &ours].into_iter().zip(said).map(turn).collect();
        let seen = seen_json(Format::Json, &json!({ "m": turns }), &aino()).to_string();
        assert!(seen.contains("numero on <+358401234567>") && seen.contains("12 sekuntia"), "{seen}");
        assert!(!seen.contains("4567, kiitos"), "{seen}");
    }
    let rows = |said: [&str; 3]| json!({ "turns": [["customer", said[0]], ["agent", said[1]], ["customer", said[2]]] });
    let expected = rows(["numero on <+358401234567>", "12 sekuntia", ", kiitos"]);
    assert_eq!(seen_json(Format::Json, &rows(said), &aino()), expected);
}

#[test]
fn a_decimal_in_attributes_keeps_its_digits() {
    for text in ["{\"x\":1.0399999618530273}", "{\"x\":0.9834567890123457}", "[0.1,1.25,0.0025]"] {
        let value: Value = serde_json::from_str(text).unwrap();
        let finder = super::super::super::stories::kari();
        let tokenized = super::super::super::tokenize_json(&finder, value, &mut Vec::new());
        assert_eq!(tokenized.to_string(), text);
    }
}
