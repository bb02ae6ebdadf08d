//! Texts in the formats that subtitle editors, mail programs, and web chats write: kept without identifiers, and forgotten.

use serde_json::{Value, json};

use crate::harness::{TestLethe, each_store};

async fn path_of(lethe: &TestLethe, id: &str, address: &str) -> String {
    lethe
        .record(&json!({ "external_id": id, "channel": "email", "started_at": "2026-02-10T10:00:00Z",
            "customer": { "phone_number": "91827364", "email": address } }))
        .await;
    let found = lethe.caller("dpo").all("/archive/search", &json!({})).await;
    let item = found.into_iter().find(|item| item["external_id"] == id).unwrap();
    format!("/archive/interactions/{}/content?kind=chat_log", item["id"].as_str().unwrap())
}

async fn shown(lethe: &TestLethe, item: &Value, view: &str) -> String {
    let path = format!("/archive/content/{}/download?view={view}", item["id"].as_str().unwrap());
    lethe.caller("dpo").get(&path).await.expect(200).text
}

const SUBTITLES: &str =
    "1\n00:00:01,000 --> 00:00:02,000\nnummeret er 918\n\n2\n00:00:02,000 --> 00:00:03,000\n27 364\n";
const PAGE: &str = "<p>Ring <b>918</b>&nbsp;27 364 eller <a href=\"mailto:bird@example.net\">skriv</a></p>";
const LINES: &str =
    "{\"leg\":\"k\",\"x\":\"918 27\"}\n{\"leg\":\"a\",\"x\":\"ja, 12?\"}\n{\"leg\":\"k\",\"x\":\"364\"}\n";
const MAIL: &str = "Received: from 10.0.0.1\r\nFrom: <bird@example.net>\r\nSubject: =?UTF-8?Q?Ring_p=C3=A5_91827364?=\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nOTE4IDI3IDM2NA==\r\n\
    --b\r\nContent-Type: image/png\r\n\r\n.PNG\r\n--b--\r\n";

each_store!(a_text_of_every_format_is_kept_without_its_customer_and_forgets_them, |lethe: TestLethe| async move {
    let path = path_of(&lethe, "a", "bird@example.net").await;
    let sender = lethe.caller("integration");
    let mut items = Vec::new();
    for (media_type, text) in [
        ("application/x-subrip", SUBTITLES),
        ("text/html", PAGE),
        ("application/x-ndjson", LINES),
        ("message/rfc822", MAIL),
    ] {
        for sent_as in [media_type, "text/plain"] {
            let item = sender.post_raw(&path, sent_as, text).await.expect(201).json();
            let warnings = if media_type == "message/rfc822" { json!("parts_dropped") } else { Value::Null };
            assert_eq!((&item["media_type"], &item["warnings"][0]["code"]), (&json!(sent_as), &warnings));
            let identified = shown(&lethe, &item, "identified").await;
            assert!(identified.contains("+4791827364"), "{identified}");
            for gone in ["918 27", "918</b>", "27 364", "\"364\"", "OTE4", "Received", "PNG"] {
                assert!(!identified.contains(gone), "{gone}: {identified}");
            }
            items.push(item);
        }
    }
    let officer = lethe.caller("dpo");
    let listed = officer.get(path.split('?').next().unwrap()).await.expect(200).json();
    assert!(listed["items"].as_array().unwrap().iter().all(|item| item.get("warnings").is_none()));
    lethe.enter_request(&json!({ "phone_number": "91827364", "to_date": "2026-02-10", "targets": ["archive"] })).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    for item in items {
        let left = shown(&lethe, &item, "identified").await;
        assert!(!left.contains("91827364") && !left.contains("bird") && left.contains("Anonymized"), "{left}");
    }
});

each_store!(a_text_that_breaks_its_format_is_refused_whole, |lethe: TestLethe| async move {
    let path = path_of(&lethe, "a", "bird@example.net").await;
    let sender = lethe.caller("integration");
    for (media_type, text, code) in [
        ("application/x-subrip", "1\n00:00:02,000 --> 00:00:01,000\n91827364\n", "validation_failed"),
        ("application/x-ndjson", "{\"a\":1}\n{\"a\":91827364\n", "json_invalid"),
        ("message/rfc822", "91827364\r\n\r\nhei", "validation_failed"),
        ("message/rfc822", "From: a@b.no\r\nContent-Transfer-Encoding: base64\r\n\r\n91827364*", "validation_failed"),
    ] {
        let refused = sender.post_raw(&path, media_type, text).await;
        let status = refused.status;
        assert_eq!((refused.problem(status), status == 201), (code.to_owned(), false));
        assert!(!refused.text.contains("91827364"));
    }
    let listed = lethe.caller("dpo").get(path.split('?').next().unwrap()).await.expect(200).json();
    assert_eq!(listed["items"], json!([]));
});

each_store!(the_size_of_a_text_does_not_tell_how_long_an_identifier_was, |lethe: TestLethe| async move {
    let mut sizes = Vec::new();
    for (id, address) in [("a", "a@b.no"), ("b", "a.very.long.address@a.very.long.domain.example")] {
        let path = path_of(&lethe, id, address).await;
        let text = format!("Skriv til {address}.");
        let item = lethe.caller("integration").post_raw(&path, "text/plain", text).await.expect(201).json();
        let again = lethe.caller("dpo").get(&format!("/archive/content/{}", item["id"].as_str().unwrap())).await;
        assert_eq!(again.expect(200).json()["size"], item["size"]);
        sizes.push(item["size"].clone());
    }
    assert_eq!(sizes[0], sizes[1]);
});
