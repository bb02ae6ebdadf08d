//! Certificates of erasure: signed evidence that a request was carried out, which nobody needs the service to verify.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{Answer, Needles, TestLethe, each_store};

const NIGHT: &str = "2026-03-02T03:00:00Z";

fn part(certificate: &Value, name: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(certificate[name].as_str().unwrap()).unwrap()
}

fn payload(certificate: &Value) -> Value {
    serde_json::from_slice(&part(certificate, "payload")).unwrap()
}

async fn certificate(lethe: &TestLethe, request: &Value) -> Answer {
    let path = format!("/anonymize-requests/{}/certificate", request["id"].as_str().unwrap());
    lethe.caller("dpo").get(&path).await
}

/// The public keys, which need no token.
async fn keys(lethe: &TestLethe) -> Value {
    lethe.caller_with(None).get("//.well-known/lethe/jwks.json").await.expect(200).json()
}

fn file(lethe: &TestLethe, name: &str, text: &str) -> PathBuf {
    let path = lethe.data_folder().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

async fn verify(lethe: &TestLethe, document: &Path, keys: &Path) -> (Option<i32>, String) {
    let ran = lethe.run(&["verify", document.to_str().unwrap(), "--keys", keys.to_str().unwrap()]).await;
    (ran.code(), ran.stdout)
}

/// Verifies a certificate as docs/proof.md shows it: openssl knows neither JOSE nor Lethe.
fn openssl_verifies(lethe: &TestLethe, certificate: &Value, key: &Value) -> bool {
    // The bytes before the key of an Ed25519 key in DER (RFC 8410).
    let der = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], &part(key, "x")].concat();
    let text = format!("{}.{}", certificate["protected"].as_str().unwrap(), certificate["payload"].as_str().unwrap());
    let folder = lethe.data_folder();
    std::fs::write(folder.join("key.der"), der).unwrap();
    std::fs::write(folder.join("text"), text).unwrap();
    std::fs::write(folder.join("signature"), part(certificate, "signature")).unwrap();
    let arguments = "pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature";
    Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap().status.success()
}

each_store!(a_request_that_is_done_has_a_certificate_that_anybody_verifies, |mut lethe: TestLethe| async move {
    lethe.set("JOURNAL__BACKUP_DAYS__ARCHIVE", "30");
    let call = |id: &str, at: &str| {
        json!({ "external_id": id, "channel": "call", "started_at": at,
            "customer": { "phone_number": "91234567", "email": "kari@example.net", "name": "Kari Nordmann" } })
    };
    for (id, at) in [("one", "2026-02-20T10:00:00Z"), ("two", "2026-02-21T10:00:00Z"), ("late", "2026-03-05T10:00:00Z")]
    {
        lethe.record(&call(id, at)).await;
    }
    let body = json!({ "phone_number": "91234567", "to_date": "2026-03-01", "targets": ["archive"] });
    let request = lethe.enter_request(&body).await;
    let waiting = lethe
        .enter_request(&json!({ "email": "ola@example.net", "to_date": "2026-03-05", "targets": ["archive"] }))
        .await;
    assert_eq!(certificate(&lethe, &request).await.problem(404), "certificate_not_ready");
    assert_eq!(certificate(&lethe, &json!({ "id": waiting["user_name"] })).await.problem(404), "not_found");

    // The job is killed after the pass, before any certificate is made. The next one makes them.
    let job = ["job", "nightly", "--as-of", NIGHT, "--json"];
    assert!(lethe.run_with(&job, &[("LETHE_FAILPOINT", "scan.before-commit")], Vec::new()).await.killed());
    assert_eq!(lethe.request(&request["id"]).await.expect(200).json()["status"], "done");
    assert_eq!(certificate(&lethe, &request).await.problem(404), "certificate_not_ready");
    lethe.end_leases().await;
    lethe.run(&job).await.well();

    let made = certificate(&lethe, &request).await.expect(200);
    assert_eq!(made.header("content-type"), Some("application/jose+json"));
    let made = made.json();
    let header: Value = serde_json::from_slice(&part(&made, "protected")).unwrap();
    let set = keys(&lethe).await;
    let expected = json!({ "alg": "EdDSA", "kid": set["keys"][0]["kid"], "typ": "lethe-erasure+jws" });
    assert_eq!(header, expected);
    let said = payload(&made);
    assert_eq!(said["request"], request["id"]);
    assert_eq!(
        (&said["tenant"], &said["to_date"], &said["version"]),
        (&json!("demo"), &json!("2026-03-01"), &json!(1))
    );
    assert_eq!(said["targets"], json!({ "archive": { "anonymized": 2 } }));
    assert_eq!(said["targets_not_asked"], json!(["sms_survey", "raw_data"]));
    assert_eq!(said["content"], json!({ "deletion_asked": false, "deleted": 0, "texts_anonymized": 0 }));
    let scan = &said["scan"];
    assert_eq!((&scan["coverage"], &scan["residue"]), (&json!("changed"), &json!(0)), "{scan}");
    assert!(scan["rows"].as_u64().unwrap() >= 3 && scan["columns"].as_u64().unwrap() > 20, "{scan}");
    assert!(said["journal"]["seq"].as_i64().unwrap() > 0, "{said}");
    let held = said["still_held"].as_array().unwrap();
    assert_eq!((&held[0]["what"], &held[0]["declared"]), (&json!("backups_of_the_archive"), &json!(true)));
    assert_eq!((&held[1]["until"], &held[1]["declared"]), (&Value::Null, &json!(false)));
    for unproved in ["backups_before_expiry", "audio_not_searched", "operator_honesty"] {
        assert!(said["does_not_prove"].as_array().unwrap().contains(&json!(unproved)), "{said}");
    }
    let text = said.to_string();
    let needles = Needles::new(["91234567", "kari@example.net", "Kari Nordmann", "Nordmann"]);
    needles.absent_from("the certificate", text.as_bytes());
    assert!(!text.contains("***"), "the certificate contains a mask: {text}");

    // It is stored, not signed anew.
    assert_eq!(certificate(&lethe, &request).await.expect(200).json(), made);
    assert_eq!(certificate(&lethe, &waiting).await.problem(404), "certificate_not_ready");

    let document = file(&lethe, "certificate.json", &made.to_string());
    let key_file = file(&lethe, "jwks.json", &set.to_string());
    let (code, words) = verify(&lethe, &document, &key_file).await;
    assert_eq!(code, Some(0), "{words}");
    for wanted in [
        "archive: 2 records became anonymous",
        "sms_survey: not requested",
        "operator honesty",
        "as the operator declares",
    ] {
        assert!(words.contains(wanted), "{wanted}: {words}");
    }
    assert!(openssl_verifies(&lethe, &made, &set["keys"][0]));
    let mut forged = made.clone();
    forged["payload"] = json!(URL_SAFE_NO_PAD.encode(text.replace("\"anonymized\":2", "\"anonymized\":3")));
    let other = file(&lethe, "forged.json", &forged.to_string());
    assert_eq!(verify(&lethe, &other, &key_file).await.0, Some(2));
    assert!(!openssl_verifies(&lethe, &forged, &set["keys"][0]));

    // A rotated key still verifies what it has signed, and signs nothing new.
    lethe.run(&["keys", "rotate-signing"]).await.well();
    let rotated = keys(&lethe).await;
    assert_eq!((rotated["keys"].as_array().unwrap().len(), &rotated["keys"][0]), (2, &set["keys"][0]));
    let new_file = file(&lethe, "rotated.json", &rotated.to_string());
    assert_eq!(verify(&lethe, &document, &new_file).await.0, Some(0));
    lethe.night("2026-03-07T03:00:00Z").await.well();
    let second = certificate(&lethe, &waiting).await.expect(200).json();
    let second = file(&lethe, "second.json", &second.to_string());
    assert_eq!(verify(&lethe, &second, &new_file).await.0, Some(0));
    assert_eq!(verify(&lethe, &second, &key_file).await.0, Some(2), "the old key set does not have the new key");

    // Since then, the scan has read the whole archive.
    let whole = certificate(&lethe, &request).await.expect(200).json();
    let said = payload(&whole);
    assert_eq!((&said["version"], &said["scan"]["coverage"]), (&json!(2), &json!("full")), "{said}");
    let whole = file(&lethe, "whole.json", &whole.to_string());
    assert_eq!(verify(&lethe, &whole, &new_file).await.0, Some(0));

    let audited = lethe.caller("dpo").get("/audit-events?action=certificate.issued").await.expect(200).json();
    let issued: Vec<_> = audited["items"].as_array().unwrap().iter().map(|row| &row["detail"]["request_id"]).collect();
    assert!(issued.contains(&&request["id"]) && issued.contains(&&waiting["id"]), "{audited}");
});
