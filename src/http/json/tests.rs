use crate::base::patch::PatchField;
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::http::query::Limit;

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the reader fills the fields, the tests look at few")]
struct Record {
    #[validate(length(min = 1, max = 5))]
    external_id: String,
    channel: Channel,
    started_at: Option<DateTime<Utc>>,
    #[validate(nested)]
    customer: Option<Customer>,
    #[validate(range(max = 10))]
    score: Option<u8>,
    #[serde(default)]
    #[validate(length(max = 2))]
    tags: Vec<String>,
    #[serde(default)]
    limit: Limit,
    attributes: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Call,
    Chat,
}

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Customer {
    #[validate(length(max = 20))]
    phone_number: Option<String>,
}

fn places(text: &str) -> Vec<(String, String)> {
    match parse::<Record>(text.as_bytes()).unwrap_err() {
        BodyError::Misshaped(places) => places.into_iter().map(|p| (p.pointer.unwrap(), p.code.into_owned())).collect(),
        unread @ BodyError::NotJson { .. } => panic!("{unread:?}"),
    }
}

#[test]
fn a_misshaped_body_names_the_place() {
    for (text, pointer, code) in [
        (r#"{"channel":"call"}"#, "/external_id", "required"),
        (r#"{"external_id":null,"channel":"call"}"#, "/external_id", "required"),
        (r#"{"external_id":4798765432,"channel":"call"}"#, "/external_id", "type"),
        (r#"{"external_id":"a","channel":"pigeon"}"#, "/channel", "format"),
        (r#"{"external_id":"a","channel":["call"]}"#, "/channel", "type"),
        (r#"{"external_id":"a","channel":"call","nickname":"x"}"#, "/nickname", "unknown_field"),
        (r#"{"external_id":"a","channel":"call","+4798765432":"x"}"#, "", "unknown_field"),
        (
            r#"{"external_id":"a","channel":"call","customer":{"phone_number":4798765432}}"#,
            "/customer/phone_number",
            "type",
        ),
        (r#"{"external_id":"a","channel":"call","customer":{"fax":"x"}}"#, "/customer/fax", "unknown_field"),
        (r#"{"external_id":"a","channel":"call","customer":"Kari"}"#, "/customer", "type"),
        (r#"{"external_id":"a","channel":"call","started_at":"yesterday"}"#, "/started_at", "format"),
        (r#"{"external_id":"a","channel":"call","started_at":"2026-8-1T10:00:00Z"}"#, "/started_at", "format"),
        (r#"{"external_id":"a","channel":"call","started_at":"+002026-08-01T10:00:00Z"}"#, "/started_at", "format"),
        (r#"{"external_id":"a","channel":"call","started_at":"2026-08-01T10:00:00Z "}"#, "/started_at", "format"),
        (r#"{"external_id":"a","channel":"call","score":300}"#, "/score", "out_of_range"),
        (r#"{"external_id":"a","channel":"call","score":"9"}"#, "/score", "type"),
        (r#"{"external_id":"a","channel":"call","tags":["a",7]}"#, "/tags/1", "type"),
        (r#"{"external_id":"a","channel":"call","limit":0}"#, "/limit", "out_of_range"),
        (r#"{"external_id":"a","external_id":"b","channel":"call"}"#, "", "format"),
        (r#"{"external_id":"a","channel":"call","attributes":{"x":1,"x":2}}"#, "", "format"),
        (r#"{"external_id":"a","channel":"call","customer":["0047"]}"#, "/customer", "type"),
        (r#"["a"]"#, "", "type"),
        ("null", "", "required"),
    ] {
        assert_eq!(places(text), [(pointer.to_owned(), code.to_owned())], "{text}");
    }
}

#[test]
fn nul_is_refused_wherever_it_stands() {
    for (text, pointer) in [
        (r#"{"external_id":"a\u0000","channel":"call"}"#, "/external_id"),
        (r#"{"external_id":"a","channel":"call","attributes":{"line":["x","\u0000"]}}"#, "/attributes/line/1"),
        (r#"{"external_id":"a","channel":"call","attributes":{"98765432":"\u0000"}}"#, "/attributes"),
        (r#"{"external_id":"a","channel":"call","attributes":{"\u0000":1}}"#, "/attributes"),
    ] {
        assert_eq!(places(text), [(pointer.to_owned(), "format".to_owned())], "{text}");
    }
    // A backslash before it makes it six harmless characters.
    assert_eq!(parse::<Record>(br#"{"external_id":"\\u0000","channel":"call"}"#).unwrap().external_id, "\\u0000");
}

#[test]
fn what_is_no_json_is_told_by_line_and_column_alone() {
    for text in [
        &b"{\"external_id\":\"hunter2"[..],
        b"",
        b"{\"external_id\":\"\xFF\"}",
        br#"{"external_id":"\ud800","channel":"call"}"#,
        br#"{"unknown":"\ud800"}"#,
        b"{\"external_id\":1e999}",
        b"{\"external_id\":\"a\",\"channel\":\"call\"} hunter2",
        &vec![b'['; 10_000],
    ] {
        let unread = parse::<Record>(text).unwrap_err();
        assert!(matches!(unread, BodyError::NotJson { .. }), "{unread:?}");
        let response = format!("{:?}", Problem::from(unread));
        assert!(!response.contains("hunter2"));
    }
}

#[test]
fn rules_name_their_places_and_never_the_value() {
    let text = r#"{"external_id":"hunter2","channel":"chat","customer":{"phone_number":"hunter2 hunter2 hunter2"},
        "score":11,"tags":["a","b","hunter2"]}"#;
    let record: Record = parse(text.as_bytes()).unwrap();
    let broken = broken_rules(&record.validate().unwrap_err());
    let reported: Vec<_> =
        broken.iter().map(|p| (p.pointer.as_deref().unwrap(), p.code.as_ref(), p.detail.as_ref())).collect();
    assert_eq!(
        reported,
        [
            ("/customer/phone_number", "too_long", "must be at most 20 characters"),
            ("/external_id", "too_long", "must be 1 to 5 characters"),
            ("/score", "out_of_range", "must be at most 10"),
            ("/tags", "too_many", "must be at most 2 items"),
        ]
    );
    let empty: Record = parse(br#"{"external_id":"","channel":"chat"}"#).unwrap();
    assert_eq!(broken_rules(&empty.validate().unwrap_err())[0].code, "required");
}

#[test]
fn a_patch_tells_absent_from_null() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Patch {
        #[serde(default)]
        comment: PatchField<String>,
        #[serde(default)]
        to_date: PatchField<NaiveDate>,
    }
    let read = |text: &str| MergePatch(parse_value(text.as_bytes()).unwrap()).read::<Patch>();
    assert_eq!(read("{}").unwrap().comment, PatchField::Absent);
    assert_eq!(read(r#"{"comment":null}"#).unwrap().comment, PatchField::Null);
    assert_eq!(read(r#"{"comment":"x"}"#).unwrap().comment, PatchField::Is("x".to_owned()));
    assert_eq!(read(r#"{"to_date":"2026-02-31"}"#).unwrap_err().places()[0].pointer.as_deref(), Some("/to_date"));
    let cleared = read(r#"{"to_date":null}"#).unwrap();
    assert_eq!(cleared.to_date.required("/to_date").unwrap_err().code, "required");
}

#[test]
fn enums_are_read_in_the_usual_forms() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        Unit,
        One(u32),
        Many { a: i8, b: Option<f64> },
    }
    let text = r#"["unit",{"one":4},{"many":{"a":-3,"b":1.5}},{"many":{"a":1,"b":null}}]"#;
    let read: Vec<Shape> = parse(text.as_bytes()).unwrap();
    assert_eq!(read, [Shape::Unit, Shape::One(4), Shape::Many { a: -3, b: Some(1.5) }, Shape::Many { a: 1, b: None }]);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text: Vec<u8>) {
        let _ = parse::<Record>(&text);
    }

    #[test]
    fn no_value_is_echoed(value in "hunter2[a-zA-Z0-9 \\PC]{0,20}", field in 0..6_usize) {
        let field = ["external_id", "channel", "started_at", "customer", "limit", "score"][field];
        let text = serde_json::json!({ "channel": "call", field: { &value: [value.as_str()] } }).to_string();
        let reported = format!("{:?}", parse::<Record>(text.as_bytes()).unwrap_err());
        prop_assert!(!reported.contains("hunter2"), "{}", reported);
    }
}

async fn body(media_type: Option<&str>, text: &str) -> Result<Record, StatusCode> {
    let request = TestRequest::post().set_payload(text.to_owned());
    let request = media_type.into_iter().fold(request, |request, mt| request.insert_header((CONTENT_TYPE, mt)));
    let (request, mut payload) = request.to_http_parts();
    let body = Body::<Record>::from_request(&request, &mut payload).await;
    body.map(|Body(record)| record).map_err(|problem| problem.code().status())
}

#[actix_web::test]
async fn only_json_in_utf_8_is_taken() {
    let text = r#"{"external_id":"a","channel":"call"}"#;
    for fine in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
        assert!(body(Some(fine), text).await.is_ok(), "{fine}");
    }
    for other in ["text/plain", "application/json; charset=latin1", "application/merge-patch+json", "", "json"] {
        assert_eq!(body(Some(other), text).await.unwrap_err(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{other}");
    }
    assert_eq!(body(None, text).await.unwrap_err(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(body(Some("application/json"), "").await.unwrap_err(), StatusCode::BAD_REQUEST);
    let long = format!(r#"{{"external_id":"{}"}}"#, "a".repeat(3 << 20));
    assert_eq!(body(Some("application/json"), &long).await.unwrap_err(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn a_byte_order_mark_before_a_body_is_dropped() {
    assert_eq!(parse::<Value>(b"\xEF\xBB\xBF{\"a\": 1}").unwrap(), serde_json::json!({ "a": 1 }));
    assert!(parse::<Value>(b"\xEF\xBB\xBF").is_err());
    assert!(parse::<Value>(b"\xEF\xBB\xBF\xEF\xBB\xBF{}").is_err());
    assert!(parse::<Value>(b"{}\xEF\xBB\xBF").is_err());
}

#[test]
fn only_a_compressed_body_is_refused() {
    let type_of = |encoding: &str| {
        let request = TestRequest::post().insert_header((CONTENT_TYPE, "application/json"));
        media_type(&request.insert_header((CONTENT_ENCODING, encoding)).to_http_request())
    };
    assert!(type_of("identity").is_ok() && type_of("Identity").is_ok());
    assert!(type_of("gzip").is_err() && type_of("identity, gzip").is_err());
}
