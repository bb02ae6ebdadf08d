//! Content in a bucket instead of a folder: an S3 service that checks signatures.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::servers::S3;
use crate::harness::{Answer, TestLethe, each_store};

/// The times of two passes: after 15 and after 17 February.
const NIGHTS: [&str; 2] = ["2026-02-16T02:00:00Z", "2027-02-18T02:00:00Z"];

/// A stage whose objects are in the bucket.
async fn in_bucket(lethe: &mut TestLethe, server: &S3) {
    lethe.stop().await;
    for (setting, value) in [
        ("BUCKET", "calls"),
        ("PREFIX", "lethe/objects"),
        ("ENDPOINT", server.address.as_str()),
        ("REGION", "eu-north-1"),
        ("ACCESS_KEY_ID", "lethe-key"),
        ("SECRET_ACCESS_KEY", "geheim-wort"),
    ] {
        lethe.set(&format!("CONTENT__S3__{setting}"), value);
    }
    lethe.serve().await;
}

async fn call(lethe: &TestLethe, external_id: &str, number: &str) {
    lethe
        .record(&json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
            "customer": { "phone_number": number } }))
        .await;
}

/// The files of the bucket that are named like objects.
fn objects(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(objects(&path));
        } else if path.file_name().is_some_and(|name| name.len() == 36) {
            found.push(path);
        }
    }
    found
}

async fn get(lethe: &TestLethe, item: &Value, range: Option<&str>) -> Vec<u8> {
    let path = format!("/archive/content/{}/download", item["id"].as_str().unwrap());
    let asked = lethe.caller("dpo").call("GET", &path);
    let asked = if let Some(range) = range { asked.header("range", range) } else { asked };
    asked.send().await.unwrap().bytes().await.unwrap().to_vec()
}

each_store!(recordings_lie_in_a_bucket_and_go_from_it, |mut lethe: TestLethe| async move {
    let server = S3::start().await;
    in_bucket(&mut lethe, &server).await;
    for (external_id, number) in [("long", "91234567"), ("short", "91234567"), ("other", "41234567")] {
        call(&lethe, external_id, number).await;
    }
    // Three parts, and one part.
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let long = lethe.upload("long", "recording", &bytes).await;
    let short = lethe.upload("short", "recording", b"tone").await;
    let other = lethe.upload("other", "recording", b"other tone").await;
    assert_eq!(objects(&server.bucket()).len(), 3);
    assert!(get(&lethe, &long, None).await == bytes);
    assert!(get(&lethe, &long, Some("bytes=9000000-9000009")).await == bytes[9_000_000..9_000_010]);
    let digest = ("content-digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    let path = format!("/archive/interactions/{}/content?kind=recording", lethe.call_of("short").await.id);
    let wrong = lethe.caller("integration").call("POST", &path).header("content-type", "audio/wav");
    Answer::of(wrong.header(digest.0, digest.1).body(bytes)).await.expect(422);
    assert_eq!(objects(&server.bucket()).len(), 3, "a broken upload leaves nothing");

    let path = format!("/archive/content/{}", short["id"].as_str().unwrap());
    Answer::of(lethe.caller("dpo").call("DELETE", &path)).await.expect(204);
    assert_eq!(objects(&server.bucket()).len(), 2);
    let request =
        json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"], "delete_content": true });
    lethe.caller("dpo").post("/anonymize-requests", &request).await.expect(201);
    lethe.night(NIGHTS[0]).await.well();
    let [left] = &objects(&server.bucket())[..] else { panic!("one recording is left") };
    assert!(left.parent().unwrap().ends_with(other["id"].as_str().unwrap()));

    // The pass finds the remains of a crash, because nothing refers to them.
    let orphan = "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11";
    let folder = left.ancestors().nth(2).unwrap().with_file_name("11").join(orphan);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(left, folder.join(orphan)).unwrap();
    assert_eq!(objects(&server.bucket()).len(), 2);
    lethe.night(NIGHTS[1]).await.well();
    assert_eq!(&objects(&server.bucket())[..], std::slice::from_ref(left));
    assert_eq!(get(&lethe, &other, None).await, b"other tone");
});

each_store!(a_bucket_that_is_away_is_a_503_and_leaves_requests_waiting, |mut lethe: TestLethe| async move {
    let server = S3::start().await;
    in_bucket(&mut lethe, &server).await;
    call(&lethe, "call", "91234567").await;
    let item = lethe.upload("call", "recording", b"tone").await;
    let server_address = server.address.clone();
    drop(server);
    let path = format!("/archive/content/{}/download", item["id"].as_str().unwrap());
    assert_eq!(lethe.caller("dpo").get(&path).await.problem(503), "unavailable");
    let request =
        json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"], "delete_content": true });
    let entered = lethe.caller("dpo").post("/anonymize-requests", &request).await.expect(201).json();
    let night = lethe.night(NIGHTS[0]).await;
    assert_eq!(night.code(), Some(2));
    assert!(night.stderr.contains("the object store is unavailable: connection refused"), "{}", night.stderr);
    assert!(!night.stderr.contains(&server_address), "{}", night.stderr);
    let path = format!("/anonymize-requests/{}", entered["id"].as_str().unwrap());
    let waiting = lethe.caller("dpo").get(&path).await.expect(200).json();
    assert_eq!((&waiting["status"], &waiting["last_error"]), (&json!("waiting"), &json!("content_store_unavailable")));
    assert_eq!(lethe.find(&json!({ "phone_number": "91234567" })).await, ["call"]);
});
