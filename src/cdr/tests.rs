use super::*;
use pii::HouseNumbers;
use proptest::prelude::*;
use serde_json::{Value, json};

mod legs;

const OSLO: Tz = chrono_tz::Europe::Oslo;

/// A house without numbers of its own.
fn house() -> House {
    House { region: "NO".parse().unwrap(), numbers: HouseNumbers::default(), dial_out_prefixes: Vec::new() }
}

/// A line, the code of its error, and the column.
type Refused = (u64, &'static str, Option<&'static str>);

fn read(exchange: Exchange, text: &[u8]) -> Vec<Result<(u64, Value), Refused>> {
    lines(exchange, OSLO, house(), text)
        .map(|line| match line {
            Ok(CallLine { number, json }) => Ok((number, serde_json::from_slice(&json).unwrap())),
            Err(CdrError::Row { line, error }) => Err((line, error.code(), error.column())),
            Err(CdrError::Io(error)) => panic!("{error}"),
        })
        .collect()
}

fn asterisk(text: &str) -> Value {
    read(Exchange::Asterisk, text.as_bytes()).remove(0).unwrap().1
}

/// A row of a queue call with other times.
fn between(start: &str, end: &str) -> Value {
    asterisk(&format!(
        r#""","98765432","5000","in","","PJSIP/trunk-1","","Hangup","","{start}","","{end}",5,0,"NO ANSWER","DOCUMENTATION","1.1","""#
    ))
}

#[test]
fn an_answered_queue_call_of_asterisk() {
    let row = r#""acc98765432","0047 987 65 432","5000","from-pstn","""Nordmann, Kari"" <98765432>","PJSIP/98765432-0000001e","PJSIP/anna-0000001f","Queue","Private service,t,,,300","2026-08-01 09:00:00","2026-08-01 09:00:21","2026-08-01 09:02:00",120,99,"ANSWERED","DOCUMENTATION","1785567600.30","user 98765432""#;
    assert_eq!(
        asterisk(row),
        json!({
            "external_id": "1785567600.30", "channel": "call", "direction": "inbound",
            "started_at": "2026-08-01T07:00:00Z", "ended_at": "2026-08-01T07:02:00Z",
            "queue": "Private service", "agent_id": "anna", "outcome": "answered",
            "customer": { "phone_number": "0047 987 65 432", "name": null },
            "attributes": { "line": "5000", "context": "from-pstn", "duration_seconds": 120, "billed_seconds": 99, "ring_seconds": 21 },
        })
    );
}

#[test]
fn a_customer_who_is_called_is_the_one_called() {
    let row = r#""","1001","0046701234567","internal","Anna <1001>","PJSIP/anna-00000001","DAHDI/i1/0046701234567-2","Dial","DAHDI/g0/0046701234567","2026-08-01 09:00:00","","2026-08-01 09:00:30",30,0,"NO ANSWER","DOCUMENTATION","pbx1-1785567600.1","""#;
    let call = asterisk(row);
    assert_eq!((&call["direction"], &call["agent_id"]), (&json!("outbound"), &json!("anna")));
    assert_eq!((&call["queue"], &call["outcome"]), (&json!("internal"), &json!("no_answer")));
    assert_eq!(call["customer"]["phone_number"], "0046701234567");
    assert_eq!(call["attributes"]["line"], "1001");
}

#[test]
fn no_number_gets_in_beside_the_customers_own_field() {
    for channel in ["DAHDI/i1/98765432-2", "Local/98765432@from-internal-00000001;1", "SIP/kari@example.com"] {
        let row = format!(
            r#""98765432","+47 98 76 54 32","098765432","in-98765432","""98765432"" <98765432>","SIP/98765432-1","{channel}","Queue","98765432","2026-08-01 09:00:00","","",30,0,"","","1.2","98765432""#
        );
        let mut call = asterisk(&row);
        assert_eq!(call["customer"]["phone_number"].take(), "+47 98 76 54 32");
        let rest = call.to_string();
        assert!(!rest.contains("98765432") && !rest.contains("example.com"), "{rest}");
    }
    // A caller with a short number does not become an agent either.
    let row = r#""","98765","5000","in","","SIP/98765-1","SIP/98765-2","Hangup","","2026-08-01 09:00:00","","",1,0,"BUSY","","1.2","""#;
    assert_eq!(asterisk(row)["agent_id"], Value::Null);
}

#[test]
fn clocks_that_skip_and_repeat_an_hour_lose_no_call() {
    let times = |call: Value| [call["started_at"].clone(), call["ended_at"].clone()];
    // 02:00 to 03:00 does not exist. The call starts at the end of the gap, at 03:00 summer time.
    let gap = between("2026-03-29 02:30:00", "2026-03-29 03:00:40");
    assert_eq!(times(gap), ["2026-03-29T01:00:00Z", "2026-03-29T01:00:40Z"]);
    // 02:00 to 03:00 comes twice. The start is the first, and an end that would be before it is the second.
    let twice = between("2026-10-25 02:59:50", "2026-10-25 02:00:10");
    assert_eq!(times(twice), ["2026-10-25T00:59:50Z", "2026-10-25T01:00:10Z"]);
}

#[test]
fn a_bad_row_is_named_and_the_rest_is_read() {
    let good = r#""","98765432","5000","in","","","","","","2026-08-01 09:00:00","","2026-08-01 09:00:05",5,0,"BUSY","","1.1","""#;
    let with = |start: &str, end: &str, billsec: &str, id: &str| {
        format!(r#""","98765432","5000","in","","","","","","{start}","","{end}",5,{billsec},"BUSY","","{id}","""#)
    };
    let (start, end) = ("2026-08-01 09:00:00", "2026-08-01 09:00:05");
    let rows = [
        good.to_owned(),
        with("", end, "0", "1.1"),
        with("1 August", end, "0", "1.1"),
        with("0000-01-01 00:00:00", end, "0", "1.1"),
        with(start, "2026-08-01 08:00:00", "0", "1.1"),
        with(start, end, "many", "1.1"),
        with(start, end, "4798765432", "1.1"),
        with(start, end, "0", ""),
        String::new(),
        r#"one,"two"#.to_owned(),
        format!(r#""{}""#, "x".repeat(rows::LONGEST * 3)),
        good.replace("1.1", "1.2"),
    ];
    let read = read(Exchange::Asterisk, rows.join("\r\n").as_bytes());
    let errors: Vec<_> = read.iter().filter_map(|line| line.as_ref().err().copied()).collect();
    assert_eq!(
        errors,
        [
            (2, "required", Some("start")),
            (3, "format", Some("start")),
            (4, "out_of_range", Some("start")),
            (5, "out_of_range", Some("end")),
            (6, "format", Some("billsec")),
            (7, "format", Some("billsec")),
            (8, "required", Some("uniqueid")),
            (10, "format", None),
            (11, "too_long", None),
        ]
    );
    let numbers: Vec<_> = read.iter().filter_map(|line| line.as_ref().ok().map(|line| line.0)).collect();
    assert_eq!(numbers, [1, 12]);
}

#[test]
fn columns_that_settings_switch_off() {
    let head = r#""","98765432","5000","in","","","","","","2026-08-01 09:00:00","","",5,0,"BUSY","DOCUMENTATION""#;
    let outcome = |tail: &str| read(Exchange::Asterisk, format!("{head}{tail}").as_bytes()).remove(0);
    assert_eq!(outcome("").unwrap_err(), (1, "required", Some("uniqueid")));
    assert_eq!(outcome(r#","98765432""#).unwrap_err(), (1, "required", Some("uniqueid")));
    assert_eq!(outcome(r#","pbx-2-17.3""#).unwrap().1["external_id"], "pbx-2-17.3");
    assert_eq!(outcome(r#","17.3","","","17.3","4""#).unwrap().1["external_id"], "17.3");
}

#[test]
fn calls_of_freeswitch() {
    let row = |name: &str, caller: &str, called: &str, answer: &str, cause: &str| {
        let text = format!(
            r#""{name}","{caller}","{called}","public","2026-01-01 09:00:00","{answer}","2026-01-01 09:02:00","120","100","{cause}","0b1c","","acc","PCMA","PCMA""#
        );
        read(Exchange::Freeswitch, text.as_bytes()).remove(0).unwrap().1
    };
    let call = row("Kari Nordmann", "+4798765432", "5000", "2026-01-01 09:00:20", "NORMAL_CLEARING");
    assert_eq!(
        call,
        json!({
            "external_id": "0b1c", "channel": "call", "direction": "inbound",
            "started_at": "2026-01-01T08:00:00Z", "ended_at": "2026-01-01T08:02:00Z",
            "queue": "public", "agent_id": null, "outcome": "answered",
            "customer": { "phone_number": "+4798765432", "name": "Kari Nordmann" },
            "attributes": { "line": "5000", "context": "public", "duration_seconds": 120, "billed_seconds": 100,
                "ring_seconds": 20, "hangup_cause": "NORMAL_CLEARING" },
        })
    );
    assert_eq!(row("+47 98765432", "98765432", "5000", "", "USER_BUSY")["customer"]["name"], Value::Null);
    for (cause, outcome) in [
        ("ORIGINATOR_CANCEL", "abandoned"),
        ("USER_BUSY", "busy"),
        ("NO_ANSWER", "no_answer"),
        ("CALL_REJECTED", "failed"),
        ("", "other"),
    ] {
        assert_eq!(row("", "98765432", "5000", "", cause)["outcome"], outcome);
    }
    let out = row("Anna", "1001", "98765432", "", "NO_ANSWER");
    assert_eq!((&out["direction"], &out["customer"]["name"]), (&json!("outbound"), &Value::Null));
}

#[test]
fn texts_in_another_encoding_are_named() {
    let row = b"\"K\xE5re\",\"98765432\",\"5000\",\"public\",\"2026-01-01 09:00:00\",,,1,1,,\"id\",,,,";
    assert_eq!(read(Exchange::Freeswitch, row), [Err((1, "format", Some("caller_id_name")))]);
}

#[test]
fn a_file_that_breaks_off_ends_with_its_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let mut lines = lines(Exchange::Asterisk, OSLO, house(), Broken);
    assert!(matches!(lines.next(), Some(Err(CdrError::Io(_)))));
    assert!(lines.next().is_none());
}

#[test]
fn neither_lines_nor_errors_show_the_file() {
    let line = CallLine { number: 7, json: b"98765432".to_vec() };
    assert_eq!(format!("{line:?}"), "Line { number: 7, .. }");
    let error = lines(Exchange::Asterisk, OSLO, house(), &b"98765432"[..]).next().unwrap().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("98765432"));
}

fn exchange() -> impl Strategy<Value = Exchange> {
    prop_oneof![Just(Exchange::Asterisk), Just(Exchange::Freeswitch)]
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(exchange in exchange(), bytes: Vec<u8>) {
        for line in lines(exchange, OSLO, house(), &bytes[..]).flatten() {
            prop_assert!(serde_json::from_slice::<Value>(&line.json).is_ok());
        }
    }

    #[test]
    fn no_fields_make_a_reader_panic(exchange in exchange(), fields in prop::collection::vec("(\\PC{0,9}|[0-9-]{4,10} [0-9:]{5,8}|2026-03-29 02:[0-5][0-9]:00|\"{0,3})", 14..22)) {
        let text = fields.join(",");
        for line in lines(exchange, OSLO, house(), text.as_bytes()).flatten() {
            prop_assert!(serde_json::from_slice::<Value>(&line.json).is_ok());
        }
    }

    /// Every local second of every zone is an instant, and the order of two calls stays.
    #[test]
    fn every_local_time_is_an_instant(seconds in 0_i64..3_000_000_000, zone in 0..chrono_tz::TZ_VARIANTS.len()) {
        let zone = chrono_tz::TZ_VARIANTS[zone];
        let start = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
        let text = start.format("%Y-%m-%d %H:%M:%S");
        let row = format!(r#","1","","","","","","","","{text}","{text}","{text}",0,0,"BUSY","","1.1","""#);
        let line = lines(Exchange::Asterisk, zone, house(), row.as_bytes()).next().unwrap().unwrap();
        let call: Value = serde_json::from_slice(&line.json).unwrap();
        prop_assert_eq!(&call["started_at"], &call["ended_at"]);
        prop_assert_eq!(&call["attributes"]["ring_seconds"], 0);
    }
}
