//! A document that is read again once its customer is known.

use super::*;

/// The views of a document that arrived before its customer was known.
#[track_caller]
fn seen_late(format: Format, text: &str, case: &Case) -> String {
    let first = tokenize(format, text.as_bytes(), &nobody()).unwrap();
    let known = first.mentions.len();
    let again = tokenize_again(format, first.text.clone(), known, case).unwrap();
    let all: Vec<Found> = first.mentions.into_iter().chain(again.mentions).collect();
    let shown = fill(format, &again.text, |n| show(&all[n]));
    assert_eq!(again.is_replaced, again.text != first.text);
    let thrice = tokenize_again(format, again.text.clone(), all.len(), case).unwrap();
    assert!(!thrice.is_replaced && thrice.mentions.is_empty() && thrice.text == again.text, "{text}");
    shown
}

#[test]
fn what_is_found_late_stands_beside_what_was_found_at_once() {
    for (text, expected) in [
        ("Kari: ring 912 34 567", "<name>: ring <+4791234567>"),
        ("91234567,91234568 og Nordmann", "<+4791234567>,<+4791234568> og <name>"),
        ("ola@eksempel.no Kari,98_76_54_32", "<ola@eksempel.no> <name>,<+4798765432>"),
        ("ring 91234567", "ring <+4791234567>"),
        ("ingen", "ingen"),
        ("98765432 \u{fdda}\u{1}\u{1}", "<+4798765432> \u{fdda}\u{1}\u{1}"),
    ] {
        assert_eq!(seen_late(Format::Plain, text, &kari()), expected);
    }
}

#[test]
fn digits_on_both_sides_of_a_placeholder_are_no_number() {
    let case = kari();
    for text in ["9876\u{e000}0\u{e001}5432", "9876\u{e000}12\u{e001}5432", "98765\u{e000}4\u{e001}32 ring"] {
        let again = tokenize_again(Format::Plain, text.to_owned(), 20, &case).unwrap();
        assert_eq!(again.text, text);
    }
}

#[test]
fn every_format_is_read_again() {
    let turns = json!([{ "speaker": "Kari Nordmann", "text": "ring 91234567" }, { "text": "takk, Kari" }]).to_string();
    let expected = json!([{ "speaker": "<name>", "text": "ring <+4791234567>" }, { "text": "takk, <name>" }]);
    let seen: Value = serde_json::from_str(&seen_late(Format::Json, &turns, &kari())).unwrap();
    assert_eq!(seen, expected);
    let cues = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Kari Nordmann>Kari & 91234567\n";
    let seen = seen_late(Format::Vtt, cues, &kari());
    assert!(!seen.contains("Kari") && seen.contains("&lt;+4791234567&gt;"), "{seen}");
    let vcon = json!({ "vcon": "0.0.1", "uuid": "018e5a9f-0000-8000-8000-000000000000", "parties": [],
        "dialog": [{ "type": "text", "body": "Kari, 91234567", "mediatype": "text/plain" }] });
    let seen: Value = serde_json::from_str(&seen_late(Format::Vcon, &vcon.to_string(), &kari())).unwrap();
    assert_eq!(seen["dialog"][0]["body"], "<name>, <+4791234567>");
}

#[test]
fn a_customer_who_is_forgotten_by_then_is_not_named() {
    let text = "Kari Nordmann: ring 91234567\nOla: ja";
    let seen = seen_late(Format::Plain, text, &Case { forgotten: true, ..kari() });
    assert!(!seen.contains("Kari") && !seen.contains("Ola") && seen.contains("<+4791234567>"), "{seen}");
}

#[test]
fn the_parties_of_a_container_stay_who_they_were() {
    let vcon = json!({ "vcon": "0.0.1", "uuid": "018e5a9f-0000-8000-8000-000000000000",
        "parties": [{ "tel": "+4791234567" }, { "mailto": "ola@eksempel.no" }, { "tel": "+4798765432", "name": "Kari Nordmann" }],
        "dialog": [{ "type": "text", "body": "\"Kari\"", "encoding": "json" }, { "type": "text", "body": "aGFsbG8gTm9yZG1hbm4gaWdqZW4", "encoding": "base64url" }] });
    let seen: Value = serde_json::from_str(&seen_late(Format::Vcon, &vcon.to_string(), &kari())).unwrap();
    assert_eq!(
        seen["parties"],
        json!([{ "tel": "<+4791234567>" }, { "mailto": "<ola@eksempel.no>" }, { "tel": "<+4798765432>", "name": "Anonymized" }])
    );
    assert_eq!((&seen["dialog"][0]["body"], &seen["dialog"][0]["encoding"]), (&json!("<name>"), &json!("none")));
    assert_eq!(seen["dialog"][1]["body"], "hallo <name> igjen");
}

#[test]
fn what_is_encoded_twice_is_refused() {
    for (encoding, body) in [("base64url", "UzJGeWFTQm9aWEpsSUdGbllXbHU="), ("json", "\"S2FyaSBoZXJlIGFnYWlu\"")] {
        let vcon = json!({ "vcon": "0.0.1", "parties": [], "dialog": [{ "type": "text", "body": body, "encoding": encoding }] });
        assert!(broken(Format::Vcon, vcon.to_string()).contains("must say its encoding"), "{encoding}");
    }
}
