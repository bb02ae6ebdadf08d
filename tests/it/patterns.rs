//! A tenant's own patterns: a match is nowhere, whichever way it came in.

use serde_json::{Value, json};

use crate::harness::{Needles, each_store};

const CUSTOMER: &str = "98765432";

fn settings() -> Value {
    json!({ "patterns": [
        { "name": "customer number", "regex": r"\bKN-?\d{6}\b" },
        { "name": "plate", "regex": r"\b[A-ZÆØÅ]{2} ?\d{5}\b" },
    ] })
}

each_store!(a_match_of_a_pattern_is_kept_nowhere, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("LOG__LEVEL", "trace");
    lethe.serve().await;
    let admin = lethe.caller("admin,operator");
    let changed = admin.patch("/tenant", "*", &settings()).await.expect(200).json();
    assert_eq!(changed["patterns"], settings()["patterns"]);
    let needles = Needles::new(["KN-773311", "KN773311", "EK 90817", "EK90817", "EK=2090817"]);
    let record = json!({ "external_id": "a", "channel": "chat", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": CUSTOMER, "name": "Kari Nordmann KN-773311" },
        "attributes": { "note": "KN-773311 in EK 90817, 98765432", "KN773311": ["EK90817"] } });
    let told = lethe.ingest("interactions", record.to_string()).await;
    assert_eq!(told["warnings"][0]["pointer"], "/customer/name");
    let survey = json!({ "external_id": "s", "answered_at": "2026-02-10T11:00:00Z", "comment": "I am KN-773311." });
    lethe.ingest("survey-responses", survey.to_string()).await;
    let event = json!({ "external_id": "e", "occurred_at": "2026-02-10T11:00:00Z", "event": "x",
        "attributes": { "car": "EK&nbsp;90817 EK 90817" } });
    lethe.ingest("raw-events", event.to_string()).await;
    let item = lethe.search(&json!({})).await["items"][0].clone();
    assert_eq!(item["customer"]["name"], "Kari Nordmann");
    assert_eq!(
        item["attributes"],
        json!({ "note": "[customer number] in [plate], +4798765432", "[customer number]": ["[plate]"] })
    );
    let dpo = lethe.caller("dpo");
    let survey = dpo.post("/archive/survey-responses/search", &json!({})).await.expect(200).json();
    assert_eq!(survey["items"][0]["comment"], "I am [customer number].");

    let path = format!("/archive/interactions/{}/content?kind=chat_log", item["id"].as_str().unwrap());
    let sender = lethe.caller("integration");
    let chat = json!([{ "speaker": "Kari", "text": "KN-" }, { "speaker": "Kari", "text": "773311 and 98765432" }]);
    let chat = sender.post_raw(&path, "application/json", chat.to_string()).await.expect(201).json();
    let mail = "Subject: KN-773311\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nEK=2090817\r\n";
    let mail = sender.post_raw(&path, "message/rfc822", mail).await.expect(201).json();
    let mut shown = Vec::new();
    for content in [chat, mail] {
        let path = format!("/archive/content/{}/download?view=identified", content["id"].as_str().unwrap());
        shown.push(dpo.get(&path).await.expect(200).text);
    }
    assert!(shown[1].contains("[customer number]") && shown[1].contains("[plate]"), "{}", shown[1]);
    assert!(shown[0].contains("+4798765432"), "{}", shown[0]);

    let request =
        json!({ "phone_number": CUSTOMER, "to_date": "2026-02-20", "targets": ["archive"], "comment": "of KN-773311" });
    let request = lethe.enter_request(&request).await;
    assert_eq!(request["comment"], "of [customer number]");
    let search = json!({ "purpose": "KN-773311 asked", "phone_number": CUSTOMER });
    assert_eq!(dpo.post("/archive/search", &search).await.expect(200).json()["items"][0]["external_id"], "a");
    let audit = dpo.get("/audit-events").await.expect(200).text;
    assert!(audit.contains("[customer number] asked"), "{audit}");

    lethe.night("2026-03-01T00:00:00Z").await;
    assert_eq!(
        lethe.search(&json!({})).await["items"][0]["attributes"]["note"],
        "[customer number] in [plate], Anonymized"
    );
    needles.absent_from("the archive", &lethe.archive_bytes().await);
    needles.absent_from("all files", &lethe.folder_bytes());
    let journal = lethe.journal().text();
    assert!(journal.contains("TRACE"), "the programs were not talkative");
    needles.absent_from("what the programs said", journal.as_bytes());
});

each_store!(a_pattern_holds_for_what_arrives_later_and_is_checked_when_it_is_set, |lethe: TestLethe| async move {
    let admin = lethe.caller("admin,operator");
    let record = |id: &str| json!({ "external_id": id, "channel": "call", "started_at": "2026-02-10T10:00:00Z", "attributes": { "n": "KN-773311" } });
    let note = async |id: &str| {
        let all = lethe.caller("dpo").all("/archive/search", &json!({})).await;
        all.into_iter().find(|item| item["external_id"] == id).unwrap()["attributes"]["n"].clone()
    };
    lethe.record(&record("before")).await;
    admin.patch("/tenant", "*", &settings()).await.expect(200);
    lethe.record(&record("after")).await;
    assert_eq!([note("before").await, note("after").await], ["KN-773311", "[customer number]"]);
    lethe.record(&record("before")).await;
    assert_eq!(note("before").await, "[customer number]");

    let one = |name: &str, regex: &str| json!({ "patterns": [{ "name": name, "regex": regex }] });
    let many: Vec<_> = (0..21).map(|n| json!({ "name": format!("n{n}"), "regex": "abc" })).collect();
    let twice = json!([{ "name": "Plate", "regex": "abc" }, { "name": "plate", "regex": "(" }]);
    let large: Vec<_> = (0..20).map(|n| json!({ "name": format!("n{n}"), "regex": r"\w{8}" })).collect();
    for (patch, mistakes) in [
        (one("a", "(98765432"), &["/patterns/0/regex format"][..]),
        (one("a", r"(\d)\1"), &["/patterns/0/regex format"]),
        (one("a", "x*"), &["/patterns/0/regex format"]),
        (one("a", ""), &["/patterns/0/regex format"]),
        (one("a", r"(?:\w{100}){100}"), &["/patterns/0/regex too_long"]),
        (one("a", &"a".repeat(501)), &["/patterns/0/regex too_long"]),
        (one("[a]", "abc"), &["/patterns/0/name format"]),
        (one("", "abc"), &["/patterns/0/name format"]),
        (one(&"a".repeat(41), "abc"), &["/patterns/0/name format"]),
        (json!({ "patterns": twice }), &["/patterns/1/name duplicate", "/patterns/1/regex format"]),
        (json!({ "patterns": many }), &["/patterns too_many"]),
        (json!({ "patterns": large }), &["/patterns too_long"]),
        (json!({ "patterns": null }), &["/patterns required"]),
        (json!({ "patterns": [{ "name": "a" }] }), &["/patterns/0/regex required"]),
        (json!({ "patterns": [{ "name": "a", "regex": "abc", "x": 1 }] }), &["/patterns/0/x unknown_field"]),
    ] {
        let refused = admin.patch("/tenant", "*", &patch).await.expect(422);
        assert_eq!(refused.mistakes(), mistakes, "{patch}");
        assert!(!refused.text.contains("98765432"), "{}", refused.text);
    }
    let set =
        lethe.run(&["tenant", "set", "demo", "--patterns", "code=a=b{2}", "--patterns", "plate=[A-Z]{2}, ?1"]).await;
    assert!(set.well().stdout.contains(r#"patterns: [{"name":"code","regex":"a=b{2}"}"#), "the command line sets them");
    assert_eq!(lethe.run(&["tenant", "set", "demo", "--patterns", "code=("]).await.code(), Some(64));
    let cleared = admin.patch("/tenant", "*", &json!({ "patterns": [] })).await.expect(200).json();
    assert_eq!(cleared["patterns"], json!([]));
    lethe.record(&record("last")).await;
    assert_eq!(note("last").await, "KN-773311");
    let audit = lethe.caller("dpo").get("/audit-events").await.expect(200).json();
    let changes: Vec<_> =
        audit["items"].as_array().unwrap().iter().filter_map(|event| event["detail"].get("changed")).collect();
    assert_eq!(changes, [&json!(["patterns"]), &json!(["patterns"]), &json!(["patterns"])]);
});
