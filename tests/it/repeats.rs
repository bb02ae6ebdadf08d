//! Calls that are sent again with an idempotency key: uploads and temporary addresses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lethe::base::crypto::sha256;
use serde_json::{Value, json};

use crate::again::{BEFORE, record, whole};
use crate::harness::{Answer, Caller, TestLethe, each_store};

fn digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256(bytes)))
}

async fn calls(lethe: &TestLethe) -> Vec<String> {
    let sent = ["a", "b"].map(|id| record("interactions", id, BEFORE, &whole(), "nothing").to_string());
    lethe.ingest("interactions", sent.join("\n")).await;
    let found = lethe.search(&json!({})).await;
    let path = |item: &Value| format!("/archive/interactions/{}/content", item["id"].as_str().unwrap());
    found["items"].as_array().unwrap().iter().map(path).collect()
}

/// An upload with a key.
struct Upload<'a> {
    path: &'a str,
    query: &'a str,
    media_type: &'a str,
    bytes: &'a [u8],
    key: &'a str,
}

impl Upload<'_> {
    async fn send(&self, caller: &Caller) -> Answer {
        let call =
            caller.call("POST", &format!("{}?{}", self.path, self.query)).header("content-type", self.media_type);
        let call = call.header("idempotency-key", self.key).header("content-digest", digest(self.bytes));
        Answer::of(call.body(self.bytes.to_vec())).await
    }
}

async fn count(lethe: &TestLethe, path: &str) -> usize {
    lethe.caller("dpo").get(path).await.expect(200).json()["items"].as_array().unwrap().len()
}

each_store!(a_recording_that_is_sent_again_is_stored_once, |lethe: TestLethe| async move {
    let paths = calls(&lethe).await;
    let sender = lethe.caller("integration");
    let upload =
        Upload { path: &paths[0], query: "kind=recording", media_type: "audio/wav", bytes: b"RIFF", key: "k1" };
    let first = upload.send(&sender).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = upload.send(&sender).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
    assert_eq!(count(&lethe, &paths[0]).await, 1);

    for other in [
        Upload { path: &paths[1], ..upload },
        Upload { query: "kind=recording&sensitivity=sensitive", ..upload },
        Upload { query: "kind=voicemail", ..upload },
        Upload { media_type: "audio/mpeg", ..upload },
        Upload { bytes: b"RIFFRAFF", ..upload },
    ] {
        assert_eq!(other.send(&sender).await.problem(422), "idempotency_key_reused");
    }
    // The same bytes under another key, and of another user, are another recording.
    let second = Upload { key: "k2", ..upload }.send(&sender).await.expect(201).json();
    let theirs = upload.send(&lethe.caller_of("demo", "integration", "ola")).await.expect(201).json();
    assert_eq!(count(&lethe, &paths[0]).await, 3);
    assert!(first.json()["id"] != second["id"] && second["id"] != theirs["id"]);

    // A recording that was deleted since is not stored again.
    let deleted = format!("/archive/content/{}", first.json()["id"].as_str().unwrap());
    Answer::of(lethe.caller("dpo").call("DELETE", &deleted)).await.expect(204);
    assert_eq!(upload.send(&sender).await.problem(409), "state_conflict");
    assert_eq!(count(&lethe, &paths[0]).await, 2);
});

each_store!(an_upload_that_failed_does_not_keep_its_key, |lethe: TestLethe| async move {
    let paths = calls(&lethe).await;
    let sender = lethe.caller("integration");
    let keyed = |key: &str| {
        let path = format!("{}?kind=recording", paths[0]);
        sender.call("POST", &path).header("content-type", "audio/wav").header("idempotency-key", key)
    };
    let bare = Answer::of(keyed("k1").body("RIFF")).await;
    assert_eq!(bare.mistakes(), ["Content-Digest required"]);
    let wrong = Answer::of(keyed("k1").header("content-digest", digest(b"RIFF")).body("RAFF")).await;
    assert_eq!(wrong.mistakes(), ["Content-Digest digest_mismatch"]);
    let unknown = paths[0].replace(&paths[0][22..58], "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11");
    let upload = Upload { path: &unknown, query: "kind=recording", media_type: "audio/wav", bytes: b"RIFF", key: "k1" };
    assert_eq!(upload.send(&sender).await.problem(404), "not_found");
    Upload { path: &paths[0], ..upload }.send(&sender).await.expect(201);
    assert_eq!(count(&lethe, &paths[0]).await, 1);
});

each_store!(a_text_that_is_sent_again_is_stored_once, |lethe: TestLethe| async move {
    let paths = calls(&lethe).await;
    let sender = lethe.caller("integration");
    let bytes = "From: a@example.net\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n\
                 ring 928 84 417\r\n--x\r\nContent-Type: image/png\r\n\r\nPNG\r\n--x--\r\n";
    let upload = Upload {
        path: &paths[0],
        query: "kind=comment",
        media_type: "message/rfc822",
        bytes: bytes.as_bytes(),
        key: "k1",
    };
    let first = upload.send(&sender).await.expect(201);
    assert_eq!(first.json()["warnings"][0]["code"], "parts_dropped");
    let again = upload.send(&sender).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    assert_eq!(count(&lethe, &paths[0]).await, 1);
});

each_store!(an_address_is_shown_once, |lethe: TestLethe| async move {
    let paths = calls(&lethe).await;
    let path = format!("{}?kind=recording", paths[0]);
    let item = lethe.caller("integration").post_raw(&path, "audio/wav", "RIFF").await.expect(201).json();
    let officer = lethe.caller("dpo");
    let path = format!("/archive/content/{}/ticket", item["id"].as_str().unwrap());
    let ask = async |key: &str, reason: &str| {
        Answer::of(officer.call("POST", &path).header("idempotency-key", key).header("access-reason", reason)).await
    };
    let first = ask("k1", "case 118").await.expect(201);
    let ticket = first.json();
    let again = ask("k1", "case 118").await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json(), json!({ "url": null, "expires_at": ticket["expires_at"] }), "the address is a secret");
    assert_eq!(ask("k1", "case 119").await.problem(422), "idempotency_key_reused");
    let other = ask("k2", "case 118").await.expect(201).json();
    assert!(other["url"].is_string() && other["url"] != ticket["url"]);
    let kept = String::from_utf8(lethe.dump().await.archive_texts()).unwrap();
    assert!(!kept.contains(ticket["url"].as_str().unwrap().rsplit('/').next().unwrap()));
});
