//! The suppression probe: what it says of data is what the ingest does with them.

use serde_json::{Value, json};

use crate::harness::{TestLethe, each_store};

const PROBE: &str = "/suppressions/check";

async fn check(lethe: &TestLethe, items: &[Value]) -> Vec<bool> {
    let answer = lethe.caller("integration").post(PROBE, &json!({ "items": items })).await.expect(200).json();
    answer["items"].as_array().unwrap().iter().map(|item| item["suppressed"].as_bool().unwrap()).collect()
}

/// Spellings of a number and an address, and whether they are the ones that are forgotten.
const SPELLINGS: [(&str, &str, bool); 14] = [
    ("phone_number", "91234567", true),
    ("phone_number", "0047 912 34 567", true),
    ("phone_number", "+47 (0)912-34-567", true),
    ("phone_number", "\"Kari\" <sip:+4791234567@10.0.0.1;user=phone>", true),
    ("phone_number", "tel:+47-912-34-567;ext=12", true),
    ("phone_number", "4791234567@s.whatsapp.net", true),
    ("phone_number", "=\"91234567\"", true),
    ("phone_number", "kari@example.net", true),
    ("email", " Kari Nordmann <KARI@Example.net>", true),
    ("email", "mailto:kari@example.net", true),
    ("email", "91234567", true),
    ("phone_number", "91234568", false),
    ("phone_number", "+46 912 34 567", false),
    ("email", "kari@example.com", false),
];

each_store!(the_probe_says_what_the_ingest_would_do, |lethe: TestLethe| async move {
    let days = ["2026-02-14T10:00:00Z", "2026-02-15T22:59:59.999999Z", "2026-02-15T23:00:00Z", "2026-03-01T10:00:00Z"];
    let items: Vec<Value> =
        SPELLINGS.iter().flat_map(|(field, raw, _)| days.map(|at| json!({ *field: raw, "at": at }))).collect();
    assert!(!check(&lethe, &items).await.contains(&true), "nobody was forgotten yet");
    let customer = json!({ "phone_number": "91234567", "email": "kari@example.net" });
    let mut request = customer.clone();
    request["targets"] = json!(["archive"]);
    request["to_date"] = json!("2026-02-15");
    lethe
        .record(&json!({ "external_id": "old", "channel": "call", "started_at": days[0], "customer": customer }))
        .await;
    lethe.enter_request(&request).await;
    assert!(!check(&lethe, &items).await.contains(&true), "a request that waits forgets nobody");
    lethe.night("2026-02-16T02:00:00Z").await.well();

    let before = lethe.dump().await.rows("identifiers").len();
    let suppressed = check(&lethe, &items).await;
    assert_eq!(lethe.dump().await.rows("identifiers").len(), before, "the probe creates no identifier");
    for (no, (item, suppressed)) in items.iter().zip(&suppressed).enumerate() {
        assert_eq!(*suppressed, SPELLINGS[no / 4].2 && no % 4 < 2, "{item}");
    }
    // The ingest of the same data.
    let lines = items.iter().enumerate().map(|(no, item)| {
        let mut customer = item.clone();
        let at = customer.as_object_mut().unwrap().remove("at").unwrap();
        json!({ "external_id": format!("new-{no:03}"), "channel": "call", "started_at": at, "customer": customer })
    });
    let lines: Vec<_> = lines.map(|line| line.to_string()).collect();
    lethe.ingest("interactions", lines.join("\n")).await;
    let stored = lethe.caller("dpo").all("/archive/search", &json!({})).await;
    let arrived = |no: usize| {
        let id = format!("new-{no:03}");
        stored.iter().find(|record| record["external_id"] == id.as_str()).unwrap()["anonymized"].as_bool().unwrap()
    };
    assert_eq!((0..items.len()).map(arrived).collect::<Vec<_>>(), suppressed);

    // A target alone is enough, and another tenant has its own customers.
    let survey = json!({ "phone_number": "40506071", "targets": ["sms_survey"], "to_date": "2026-02-15" });
    lethe.enter_request(&survey).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let item = json!({ "phone_number": "405 06 071", "at": days[0] });
    assert_eq!(check(&lethe, std::slice::from_ref(&item)).await, [true]);
    lethe.run(&["tenant", "create", "other"]).await.well();
    let other = lethe.caller_of("other", "integration", "crm").post(PROBE, &json!({ "items": [item] })).await;
    assert_eq!(other.expect(200).json(), json!({ "items": [{ "suppressed": false }] }));
});

each_store!(the_probe_is_audited_and_limited, |lethe: TestLethe| async move {
    let at = "2026-02-14T10:00:00Z";
    let good = json!({ "phone_number": "91234567", "at": at });
    let both = json!({ "phone_number": "91234567", "email": "kari@example.net", "at": at });
    for (items, wanted) in [
        (json!([]), "/items required"),
        (json!(vec![good.clone(); 1_001]), "/items too_many"),
        (json!([good, { "at": at }]), "/items/1/phone_number identifier_missing"),
        (json!([both]), "/items/0/email too_many"),
        (json!([{ "phone_number": "Anonymized", "at": at }]), "/items/0/phone_number phone_number_invalid"),
        (json!([{ "phone_number": "private", "at": at }]), "/items/0/phone_number phone_number_invalid"),
        (json!([{ "email": "kari", "at": at }]), "/items/0/email email_invalid"),
        (json!([{ "email": "k".repeat(501), "at": at }]), "/items/0/email too_long"),
        (json!([{ "phone_number": "91234567" }]), "/items/0/at required"),
        (json!([{ "phone_number": "91234567", "at": "2026-02-14" }]), "/items/0/at format"),
        (json!([{ "phone_number": "91234567", "at": at, "target": "archive" }]), "/items/0/target unknown_field"),
    ] {
        let refused = lethe.caller("integration").post(PROBE, &json!({ "items": items })).await;
        assert_eq!(refused.mistakes(), [wanted]);
        assert!(!refused.text.contains("91234567"), "{}", refused.text);
    }
    // The calls of one day, in parallel. The last ones are over the limit.
    let crm = lethe.caller_of("demo", "integration", "crm");
    let thousand = json!({ "items": vec![&good; 1_000] });
    let calls = (0..104).map(|_| crm.post(PROBE, &thousand));
    let answers = futures_util::future::join_all(calls).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert_eq!(refused.len(), 4);
    for answer in refused {
        assert_eq!(answer.problem(429), "too_many_requests");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=90_001).contains(&wait), "{wait}");
    }
    let one = json!({ "items": [good] });
    assert_eq!(crm.post(PROBE, &one).await.problem(429), "too_many_requests");
    lethe.caller_of("demo", "integration", "erp").post(PROBE, &one).await.expect(200);

    let page = lethe.caller("dpo").get("/audit-events?action=suppressions.checked&limit=200").await.expect(200).json();
    let rows = page["items"].as_array().unwrap();
    let checked: Vec<_> =
        rows.iter().map(|row| (row["actor_sub"].as_str().unwrap(), row["records"].as_u64().unwrap())).collect();
    assert_eq!(checked.iter().filter(|row| **row == ("crm", 1_000)).count(), 100);
    assert_eq!((checked.len(), checked[0]), (101, ("erp", 1)));
    assert!(rows.iter().all(|row| row["detail"] == json!({})));
    // The next day begins anew, and a pass deletes the counts of earlier days.
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    tx.query("UPDATE suppression_checks SET day = '2026-01-01'").execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
    crm.post(PROBE, &one).await.expect(200);
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let dump = lethe.dump().await;
    let counts: Vec<_> =
        dump.rows("suppression_checks").iter().map(|row| (row["actor_sub"].clone(), row["items"].clone())).collect();
    assert_eq!(counts, [(Some("lethe-dev\ncrm".to_owned()), Some("1".to_owned()))]);
});
