//! Documents as they come, and what is left of them.

mod columns;
mod cost;
mod formats;
mod kinds;
mod neighbours;
mod properties;
mod rereading;

use serde_json::{Value, json};

use super::super::placeholder::fill_text;
use super::super::stories::{region, show};
use super::*;
use crate::{Email, PersonName, Phone};

fn nobody() -> Case {
    Case { region: region("NO"), own: Own::default(), forgotten: false, stored: false, patterns: Patterns::default() }
}

fn kari() -> Case {
    let own = Own {
        phone: Some(Phone::parse("98765432", region("NO")).unwrap()),
        email: Some(Email::parse("kari.nordmann@eksempel.no").unwrap()),
        name: Some(PersonName::parse("Kari Nordmann").unwrap()),
    };
    Case { own, ..nobody() }
}

fn forgotten() -> Case {
    Case { forgotten: true, ..nobody() }
}

/// The document with `<what was found>` in place of placeholders.
#[track_caller]
fn seen(format: Format, text: &str, case: &Case) -> String {
    let document = tokenize(format, text.as_bytes(), case).unwrap();
    let shown = fill_text(&document.text, |n| show(&document.mentions[n]));
    assert_eq!(document.is_replaced, shown != text, "{text}");
    shown
}

/// The document with `show(n)` in place of each placeholder.
fn fill(format: Format, text: &str, show: impl Fn(usize) -> String) -> String {
    let filled = Filled::new(format, text.to_owned(), show);
    let (mut shown, mut from) = (String::new(), Some(0));
    while let Some(at) = from {
        from = filled.part(at, 5, &mut shown);
    }
    shown
}

#[track_caller]
fn seen_json(format: Format, value: &Value, case: &Case) -> Value {
    let document = tokenize(format, value.to_string().as_bytes(), case).unwrap();
    let filled = fill(format, &document.text, |n| show(&document.mentions[n]));
    serde_json::from_str(&filled).unwrap()
}

#[track_caller]
fn broken(format: Format, text: impl AsRef<[u8]>) -> String {
    tokenize(format, text.as_ref(), &kari()).unwrap_err().to_string()
}

#[test]
fn a_chat_of_turns_names_nobody() {
    let chat = json!([
        { "speaker": "Kari Nordmann", "at": "2026-08-01T00:10:10Z", "text": "Hei, ring 912 34 567" },
        { "speaker": "agent", "at": "2026-08-01T00:10:20Z", "text": "Kari, skriv til ola@eksempel.no" },
    ]);
    assert_eq!(
        seen_json(Format::Json, &chat, &kari()),
        json!([
            { "speaker": "<name>", "at": "2026-08-01T00:10:10Z", "text": "Hei, ring <+4791234567>" },
            { "speaker": "agent", "at": "2026-08-01T00:10:20Z", "text": "<name>, skriv til <ola@eksempel.no>" },
        ])
    );
}

#[test]
fn a_number_is_found_over_the_turns_of_one_speaker_only() {
    let turn = |speaker, text| json!({ "speaker": speaker, "text": text });
    let chat = json!([turn("c", "It is 912 34"), turn("a", "12 go on"), turn("c", "567, thanks")]);
    let expected = json!([turn("c", "It is <+4791234567>"), turn("a", "12 go on"), turn("c", ", thanks")]);
    assert_eq!(seen_json(Format::Json, &json!({ "turns": chat }), &nobody()), json!({ "turns": expected }));
    let others = json!([turn("c", "It is 912 34"), turn("a", "567, thanks")]);
    assert_eq!(seen_json(Format::Json, &others, &nobody()), others);
}

#[test]
fn words_with_their_times_are_one_text() {
    let words = |words: &[&str]| {
        let word = |(no, word): (usize, &&str)| json!({ "word": word, "start": no, "end": 0.5 });
        json!({ "segments": [{ "id": 91_234_567, "words": words.iter().enumerate().map(word).collect::<Vec<_>>() }] })
    };
    for (said, left) in [
        (["ring", "912", "34", "567", "da"], ["ring", "<+4791234567>", "", "", "da"]),
        (["ring", "9 1", "2-3", "4567", "da"], ["ring", "<+4791234567>", "", "", "da"]),
        (["til", "ola", "@", "eksempel.", "no"], ["til", "<ola@eksempel.no>", "", "", ""]),
        (["til", "ola@eksempel.no.", "Kari", "Nordmann,", "hei"], ["til", "<ola@eksempel.no>.", "<name>", ",", "hei"]),
    ] {
        assert_eq!(seen_json(Format::Json, &words(&said), &kari()), words(&left));
    }
    let numbers = json!({ "words": [{ "word": 912 }, { "word": 34 }, { "word": 567 }, { "word": 8 }] });
    let left = json!({ "words": [{ "word": "<+4791234567>" }, { "word": "" }, { "word": "" }, { "word": 8 }] });
    assert_eq!(seen_json(Format::Json, &numbers, &nobody()), left);
    let segments = |one, other| json!([{ "words": [{ "word": one }] }, { "words": [{ "word": other }] }]);
    assert_eq!(seen_json(Format::Json, &segments("9123", "4567"), &nobody()), segments("<+4791234567>", ""));
}

#[test]
fn a_card_over_words_and_cues_is_suppressed_and_mentioned_nowhere() {
    let words =
        |words: &[&str]| json!({ "words": words.iter().map(|word| json!({ "word": word })).collect::<Vec<_>>() });
    let card = ["kort", "4111", "1111", "1111", "1111", "takk"];
    let left = ["kort", "[card number]", "", "", "", "takk"];
    assert_eq!(seen_json(Format::Json, &words(&card), &nobody()), words(&left));
    let cues =
        "WEBVTT\n\n00:01.000 --> 00:02.000\n4111<00:00:01.500> 1111\n\n00:02.000 --> 00:03.000\n1111 1111 takk\n";
    let document = tokenize(Format::Vtt, cues.as_bytes(), &nobody()).unwrap();
    assert!(document.is_replaced && document.mentions.is_empty());
    assert_eq!(
        document.text,
        cues.replace("4111<00:00:01.500> 1111", "[card number]<00:00:01.500>").replace("1111 1111 ", " ")
    );
    let spoken = ["nine", "one", "eight", "two", "seven", "three", "six", "four"];
    let left = ["<+4791827364>", "", "", "", "", "", "", ""];
    assert_eq!(seen_json(Format::Json, &words(&spoken), &nobody()), words(&left));
}

#[test]
fn ids_and_times_in_json_stay() {
    let analysis = json!({
        "uuid": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "at": "2026-08-01T00:10:10+02:00", "score": 0.97,
        "items": [{ "id": "9123", "text": "a" }, { "id": "4567", "text": "b" }],
    });
    assert_eq!(seen_json(Format::Json, &analysis, &kari()), analysis);
}

#[test]
fn a_json_document_that_names_nobody_stays_as_it_was() {
    let text = "{ \"a\" : 1.10,\n \"b\": [\"x\"] }";
    let document = tokenize(Format::Json, format!("\u{feff}{text}").as_bytes(), &kari()).unwrap();
    assert_eq!((document.text.as_str(), document.is_replaced), (text, false));
}

const CUES: &str = "WEBVTT - ring 912 34 567
Kind: captions
X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:91234567

NOTE
Kari Nordmann wrote
this: 987 65 432

STYLE
::cue(v[voice=\"Kari\"]) { color: red }

cue 98765432
00:01.000 --> 00:00:02.500 align:start
<v Kari Nordmann>Tom &amp; I: 912<00:00:01.500> 34<c.loud> 5</c>
67</v> bye

00:00:02.500 --> 00:00:03.000
<v Agent>9123

00:00:03.000 --> 00:00:04.000
<v Agent>4567
<i>kari.nordmann&#64;eksempel.no</i>
";

#[test]
fn cues_name_nobody_and_keep_their_times() {
    let left = "WEBVTT - ring <+4791234567>
Kind: captions
X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:91234567

NOTE
<name> wrote
this: <+4798765432>

STYLE
::cue(v[voice=\"<name>\"]) { color: red }

cue <+4798765432>
00:01.000 --> 00:00:02.500 align:start
<v <name>>Tom &amp; I: <+4791234567><00:00:01.500><c.loud></c></v> bye

00:00:02.500 --> 00:00:03.000
<v Agent><+4791234567>

00:00:03.000 --> 00:00:04.000
<v Agent>
<i><kari.nordmann@eksempel.no></i>
";
    assert_eq!(seen(Format::Vtt, CUES, &kari()), left);
    let with_returns = CUES.replace('\n', "\r\n");
    assert_eq!(seen(Format::Vtt, &with_returns, &kari()), left.replace('\n', "\r\n"));
}

#[test]
fn a_line_that_lost_its_words_ends_no_cue() {
    for end in ["\n", "\r\n", "\r"] {
        let file =
            ["WEBVTT", "", "00:01.000 --> 00:02.000", "9123", "", "00:02.000 --> 00:03.000", "4567", "and more", ""];
        let left = [
            "WEBVTT",
            "",
            "00:01.000 --> 00:02.000",
            "<+4791234567>",
            "",
            "00:02.000 --> 00:03.000",
            "&nbsp;",
            "and more",
            "",
        ];
        assert_eq!(seen(Format::Vtt, &file.join(end), &nobody()), left.join(end));
    }
}

#[test]
fn signs_by_their_names_hide_nobody() {
    let said = |words: &str| format!("WEBVTT\n\n00:01.000 --> 00:02.000\n{words}\n");
    for (words, left) in [
        ("912&nbsp;34&#160;567 &amp; caf&eacute; &hearts; &lt;b", "<+4791234567> &amp; café &hearts; &lt;b"),
        ("ola&commat;eksempel.no", "<ola@eksempel.no>"),
        ("&#57;12 34 567", "<+4791234567>"),
    ] {
        assert_eq!(seen(Format::Vtt, &said(words), &kari()), said(left));
    }
}

#[test]
fn what_is_filled_in_stays_within_its_cue() {
    let document = tokenize(Format::Vtt, CUES.as_bytes(), &kari()).unwrap();
    let filled = fill(Format::Vtt, &document.text, |_| "a --> <b>\n\nc & d".to_owned());
    assert!(filled.contains("<v a --&gt; &lt;b&gt;  c &amp; d>Tom &amp; I"), "{filled}");
    assert!(tokenize(Format::Vtt, filled.as_bytes(), &nobody()).is_ok());
}

#[test]
fn broken_cues_are_told_by_their_line() {
    for (text, line) in [
        ("", 1),
        ("WEBVT\n", 1),
        ("WEBVTTx\n", 1),
        ("WEBVTT\n\nid\n", 3),
        ("WEBVTT\n\n00:01.000 -> 00:02.000\nhi", 3),
        ("WEBVTT\n\n00:01.00 --> 00:02.000\nhi", 3),
        ("WEBVTT\n\n00:61.000 --> 00:62.000\nhi", 3),
        ("WEBVTT\n\n98765432 --> 00:62.000\nhi", 3),
        ("WEBVTT\n\n00:03.000 --> 00:02.000\nhi", 3),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nhi\n<00:01>ho", 5),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nhi\n98765432 --> x", 5),
        ("WEBVTT\n\nNOTE a\n98765432 --> x", 4),
        ("WEBVTT\n\nNOTE a\0", 3),
    ] {
        let told = broken(Format::Vtt, text);
        assert!(told.starts_with(&format!("line {line} ")) && !told.contains("98765432"), "{text:?}: {told}");
    }
}

fn vcon() -> Value {
    json!({
        "vcon": "0.0.2", "uuid": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "created_at": "2026-08-01T00:10:10Z",
        "parties": [
            { "tel": "tel:+47-987-65-432", "mailto": "mailto:kari.nordmann@eksempel.no", "name": "Kari N." },
            { "tel": "1234", "name": "Ola Hansen", "mailto": "ola@eksempel.no", "stir": "eyJhbGciOiJ" },
            { "tel": "anonymous", "name": "Agent 2" },
        ],
        "dialog": [
            { "type": "text", "start": "2026-08-01T00:10:10Z", "duration": 30, "parties": 0, "encoding": "none", "body": "912 34" },
            { "type": "text", "parties": 1, "encoding": "base64url", "body": "UmluZyBLYXJpIHDDpSA5ODc2NTQzMg" },
            { "type": "text", "parties": 0, "body": "567" },
            { "type": "recording", "url": "https://files.example/1.wav" },
        ],
        "analysis": [{ "type": "transcript", "dialog": 0, "encoding": "json", "body": "{\"text\": \"98765432\"}" }],
        "attachments": [{ "encoding": "json", "body": { "note": "98765432" } }],
    })
}

#[test]
fn a_container_names_none_of_its_parties() {
    let left = json!({
        "vcon": "0.0.2", "uuid": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "created_at": "2026-08-01T00:10:10Z",
        "parties": [
            { "tel": "<+4798765432>", "mailto": "<kari.nordmann@eksempel.no>", "name": "<name>" },
            { "tel": "Anonymized", "name": "Anonymized", "mailto": "<ola@eksempel.no>", "stir": "Anonymized" },
            { "tel": "anonymous", "name": "Agent 2" },
        ],
        "dialog": [
            { "type": "text", "start": "2026-08-01T00:10:10Z", "duration": 30, "parties": 0, "encoding": "none", "body": "<+4791234567>" },
            { "type": "text", "parties": 1, "encoding": "none", "body": "Ring <name> på <+4798765432>" },
            { "type": "text", "parties": 0, "body": "" },
            { "type": "recording", "url": "https://files.example/1.wav" },
        ],
        "analysis": [{ "type": "transcript", "dialog": 0, "encoding": "json", "body": { "text": "<+4798765432>" } }],
        "attachments": [{ "encoding": "json", "body": { "note": "<+4798765432>" } }],
    });
    assert_eq!(seen_json(Format::Vcon, &vcon(), &kari()), left);
    assert_eq!(seen_json(Format::Json, &vcon(), &kari()), left);
}

#[test]
fn a_customer_whom_a_container_names_first_is_not_named_by_it() {
    let mut case = kari();
    case.own.name = None;
    let shown = seen_json(Format::Vcon, &vcon(), &case);
    assert_eq!(
        (&shown["parties"][0]["name"], &shown["dialog"][1]["body"]),
        (&json!("Anonymized"), &json!("Ring Anonymized på <+4798765432>"))
    );
}

#[test]
fn containers_of_other_bytes_are_refused() {
    let with = |pointer: &str, value: Value| {
        let mut vcon = vcon();
        *vcon.pointer_mut(pointer).unwrap() = value;
        broken(Format::Vcon, vcon.to_string())
    };
    for (told, place) in [
        (
            with("/dialog/3", json!({ "type": "recording", "encoding": "base64url", "body": "UklGRg" })),
            "/dialog/3/body ",
        ),
        (with("/dialog/0", json!({ "mediatype": "audio/wav", "encoding": "none", "body": "x" })), "/dialog/0/body "),
        (with("/analysis/0", json!({ "encoding": "base64url", "body": "_w" })), "/analysis/0/body "),
        (with("/analysis/0", json!({ "encoding": "base64url", "body": "%" })), "/analysis/0/body "),
        (with("/analysis/0", json!({ "encoding": "gzip", "body": "x" })), "/analysis/0/body "),
        (with("/analysis/0", json!({ "encoding": "json", "body": "{" })), "/analysis/0/body "),
        (with("/dialog", json!("98765432")), "/dialog "),
        (with("/parties/0", json!("98765432")), "/parties "),
        (broken(Format::Vcon, "[]"), " must be a vCon"),
        (broken(Format::Vcon, "{}"), "/vcon "),
        (broken(Format::Vcon, r#"{"payload": "", "signatures": []}"#), " must be a vCon that is neither"),
    ] {
        assert!(told.starts_with(place), "{told}");
    }
    let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
    let nested = json!({ "vcon": "1", "analysis": [{ "encoding": "json", "body": deep }] });
    assert!(broken(Format::Vcon, nested.to_string()).starts_with("not JSON"));
}

#[test]
fn what_is_no_text_is_told_by_its_place() {
    assert_eq!(broken(Format::Plain, b"ab\xff"), "not UTF-8 from byte 2 on");
    assert_eq!(broken(Format::Plain, "9\x008\x007\x00"), "line 1 must not hold NUL");
    assert_eq!(broken(Format::Json, "{\"98765432\":\n x}"), "not JSON from line 2, column 2 on");
    assert!(broken(Format::Json, r#"{"a": 1, "a": 2}"#).contains("once"));
    assert!(broken(Format::Json, "[".repeat(1_000)).starts_with("not JSON"));
}

#[test]
fn a_late_text_names_no_speaker() {
    let plain = "[10:02] Kari Nordmann: hei, Kari her\n[10:03] Agent 2: hei Kari. Merk: ikke noe\n";
    let left = "[10:02] Anonymized: hei, Anonymized her\n[10:03] Agent 2: hei Anonymized. Merk: ikke noe\n";
    assert_eq!(seen(Format::Plain, plain, &forgotten()), left);
    let turn = |speaker: &str, text: &str| json!({ "speaker": speaker, "text": text });
    let chat = json!([turn("Kari Nordmann", "hei"), turn("kunde", "Nordmann her"), turn("1", "Ola")]);
    let left = json!([turn("Anonymized", "hei"), turn("kunde", "Anonymized her"), turn("1", "Ola")]);
    assert_eq!(seen_json(Format::Json, &chat, &forgotten()), left);
    let nested = json!({ "from": { "name": "Kari", "role": "customer" }, "message": "Kari" });
    let left = json!({ "from": { "name": "Anonymized", "role": "customer" }, "message": "Anonymized" });
    assert_eq!(seen_json(Format::Json, &nested, &forgotten()), left);
    let cues = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Kari Nordmann>Kari\n<v Operatør>ja";
    let left = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Anonymized>Anonymized\n<v Operatør>ja";
    assert_eq!(seen(Format::Vtt, cues, &forgotten()), left);
    let shown = seen_json(Format::Vcon, &vcon(), &forgotten());
    assert_eq!(shown["dialog"][1]["body"], "Ring Anonymized på <+4798765432>");
    let many: Vec<_> =
        (0..200).map(|no| turn(&format!("x{}y{}", (b'a' + no / 26) as char, (b'a' + no % 26) as char), "")).collect();
    assert!(tokenize(Format::Json, json!(many).to_string().as_bytes(), &forgotten()).is_err());
}
