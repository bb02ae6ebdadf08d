//! The case of a request: its deadline, the attestation of the customer's wish, and the checklist of other systems.

use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Part, each_store};
use crate::recipients::caller;

fn today() -> NaiveDate {
    lethe::base::clock::Clock::System.now().with_timezone(&chrono_tz::Europe::Oslo).date_naive()
}

fn monday_after_weekend(day: NaiveDate) -> NaiveDate {
    match day.weekday() {
        Weekday::Sat => day + Days::new(2),
        Weekday::Sun => day + Days::new(1),
        _ => day,
    }
}

fn new(number: &str) -> Value {
    json!({ "phone_number": number, "to_date": "2026-02-15", "targets": ["archive"] })
}

fn with(mut body: Value, fields: Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn path(request: &Value) -> String {
    format!("/anonymize-requests/{}", request["id"].as_str().unwrap())
}

async fn mistakes(caller: &Caller, body: Value) -> Vec<String> {
    caller.post("/anonymize-requests", &body).await.mistakes()
}

each_store!(a_case_is_answered_within_a_month_or_extended_once, |lethe: TestLethe| async move {
    let officer = lethe.caller_of("demo", "dpo", "ingrid");
    let entered = lethe.enter_request(&new("91234567")).await;
    let month = monday_after_weekend(today() + Months::new(1));
    assert_eq!((&entered["received_on"], &entered["deadline_on"]), (&json!(today()), &json!(month)));
    for (received, deadline) in
        [("2026-01-30", "2026-03-02"), ("2026-01-31", "2026-03-02"), ("2025-08-31", "2025-09-30")]
    {
        let old = lethe.enter_request(&with(new("91234567"), json!({ "received_on": received }))).await;
        assert_eq!((&old["received_on"], &old["deadline_on"]), (&json!(received), &json!(deadline)));
        let extended = json!({ "extended_to": "2026-03-20", "extension_reason": "many requests" });
        let late = officer.patch(&path(&old), "*", &extended).await.mistakes();
        assert!(["/extended_to extension_late", "/extended_to out_of_range"].contains(&late[0].as_str()), "{late:?}");
    }
    for (fields, wanted) in [
        (json!({ "received_on": "2026-2-3" }), "/received_on format"),
        (json!({ "received_on": today() + Days::new(1) }), "/received_on out_of_range"),
        (json!({ "received_on": "1969-12-31" }), "/received_on out_of_range"),
        (json!({ "extension_reason": "many requests" }), "/extended_to required"),
        (json!({ "extended_to": month + Days::new(3) }), "/extension_reason required"),
        (json!({ "extended_to": month, "extension_reason": "x" }), "/extended_to out_of_range"),
        (json!({ "extended_to": month + Days::new(70), "extension_reason": "x" }), "/extended_to out_of_range"),
        (json!({ "attestation": {} }), "/attestation/method required"),
        (
            json!({ "attestation": { "method": "magic", "by": "Ingrid", "on": "2026-02-03" } }),
            "/attestation/method format",
        ),
        (
            json!({ "attestation": { "method": "letter", "by": "Ingrid", "on": today() + Days::new(1) } }),
            "/attestation/on out_of_range",
        ),
    ] {
        let told = mistakes(&officer, with(new("91234567"), fields.clone())).await;
        assert_eq!(told[0], wanted, "{fields}");
    }

    // One extension, within two months, with a reason that names nobody.
    let place = path(&entered);
    let extension =
        json!({ "extended_to": month + Days::new(30), "extension_reason": "Paal asked 0047 912 34 567 back" });
    let extended = officer.patch(&place, "\"1\"", &extension).await.expect(200).json();
    assert_eq!(extended["extension_reason"], json!("Paal asked ***** back"));
    assert_eq!(extended["deadline_on"], json!(monday_after_weekend(month + Days::new(30))));
    let same = officer.patch(&place, "\"2\"", &json!({ "comment": null })).await.expect(200);
    assert_eq!(same.etag(), "\"2\"", "no change, no version");
    assert_eq!(
        officer.patch(&place, "*", &json!({ "extension_reason": null })).await.mistakes(),
        ["/extension_reason required"]
    );
    let back = officer.patch(&place, "*", &json!({ "extended_to": null })).await.expect(200).json();
    assert_eq!((&back["deadline_on"], &back["extension_reason"]), (&json!(month), &Value::Null));
});

each_store!(a_wish_is_verified_before_it_is_carried_out, |lethe: TestLethe| async move {
    let officer = lethe.caller_of("demo", "dpo", "ingrid");
    let before = lethe.enter_request(&new("91234567")).await;
    let operator = lethe.caller("operator");
    operator.patch("/tenant", "*", &json!({ "attestation_required": true })).await.expect(200);
    assert_eq!(mistakes(&officer, new("41234567")).await, ["/attestation required"]);
    let batch = |create: Value, update: Value| {
        let officer = officer.clone();
        async move { officer.post("/anonymize-requests/batch", &json!({ "create": create, "update": update })).await }
    };
    assert_eq!(batch(json!([new("41234567")]), json!([])).await.mistakes(), ["/create/0/attestation required"]);
    officer.post("/anonymize-requests/preview", &new("41234567")).await.expect(200);
    // An older request needs none until it names somebody else.
    officer.patch(&path(&before), "*", &json!({ "comment": "case 118" })).await.expect(200);
    let renamed = officer.patch(&path(&before), "*", &json!({ "email": "kari@example.net" })).await;
    assert_eq!(renamed.mistakes(), ["/attestation required"]);

    let attestation = json!({ "method": "call_back", "by": "Ingrid (ingrid@example.net)", "on": "2026-02-14",
        "representative": "a lawyer, 405 06 071" });
    let attested = lethe.enter_request(&with(new("41234567"), json!({ "attestation": attestation }))).await;
    let masked = json!({ "method": "call_back", "by": "Ingrid (*****)", "on": "2026-02-14",
        "representative": "a lawyer, *****" });
    assert_eq!(attested["attestation"], masked);
    let place = path(&attested);
    assert_eq!(officer.patch(&place, "*", &json!({ "attestation": null })).await.mistakes(), ["/attestation required"]);
    let clear = json!([{ "id": attested["id"], "version": 1, "attestation": null }]);
    assert_eq!(batch(json!([]), clear).await.mistakes(), ["/update/0/attestation required"]);
    // The attestation is not of another customer: neither of a number, nor of an address, nor of an interaction.
    let call = json!({ "external_id": "other", "channel": "call", "started_at": "2026-02-01T10:00:00Z",
        "customer": { "phone_number": "40404040" } });
    lethe.record(&call).await;
    let other = lethe.search(&json!({ "external_id": "other" })).await["items"][0]["id"].clone();
    for named in [
        json!({ "phone_number": "40404040" }),
        json!({ "email": "kari@example.net" }),
        json!({ "interaction_ids": [other] }),
    ] {
        assert_eq!(officer.patch(&place, "*", &named).await.mistakes(), ["/attestation required"], "{named}");
        let update = with(json!({ "id": attested["id"], "version": 1 }), named);
        assert_eq!(batch(json!([]), json!([update])).await.mistakes(), ["/update/0/attestation required"]);
    }
    let same = officer.patch(&place, "*", &json!({ "phone_number": "412 34 567" })).await.expect(200).json();
    assert_eq!((&same["attestation"], &same["version"]), (&masked, &json!(1)), "the same customer has it still");
    let merged = officer.patch(&place, "*", &json!({ "attestation": { "representative": null } })).await.expect(200);
    let merged = merged.json()["attestation"].clone();
    assert_eq!((&merged["representative"], &merged["by"]), (&Value::Null, &json!("Ingrid (*****)")));
    // Where it is not required, it is dropped.
    let loose = lethe.enter_request(&with(new("40506071"), json!({ "attestation": attestation }))).await;
    operator.patch("/tenant", "*", &json!({ "attestation_required": false })).await.expect(200);
    let renamed = officer.patch(&path(&loose), "*", &json!({ "phone_number": "40404040" })).await.expect(200).json();
    assert_eq!(renamed["attestation"], Value::Null);
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let done = lethe.request(&attested["id"]).await.expect(200).json();
    assert_eq!((&done["status"], &done["attestation"]), (&json!("done"), &merged));
});

each_store!(other_systems_forget_the_customer_too, |mut lethe: TestLethe| async move {
    let systems = json!([{ "name": "Salesforce", "owner": "CRM team", "days": 20 }, { "name": "SAP CRM", "owner": "Paal", "days": 0 }]);
    let operator = lethe.caller("operator");
    for (wrong, place) in [
        (json!([{ "name": "a/b", "owner": "x", "days": 1 }]), "/external_systems/0/name format"),
        (json!([{ "name": "912 34 567", "owner": "x", "days": 1 }]), "/external_systems/0/name identifier"),
        (json!([{ "name": "CRM", "owner": "x", "days": 91 }]), "/external_systems/0/days out_of_range"),
    ] {
        assert_eq!(operator.patch("/tenant", "*", &json!({ "external_systems": wrong })).await.mistakes(), [place]);
    }
    operator.patch("/tenant", "*", &json!({ "external_systems": systems })).await.expect(200);
    let customer = json!({ "phone_number": "91234567", "name": "Kari Nordmann" });
    lethe.record(&json!({ "external_id": "a", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": customer })).await;
    let received = json!({ "received_on": "2026-02-03" });
    let request = lethe.enter_request(&with(new("91234567"), received.clone())).await;
    let open = |system: &str, owner: &str, due: &str| {
        json!({ "system": system, "owner": owner, "due_on": due,
        "state": "open", "done_by": null, "done_at": null, "evidence": null })
    };
    let both = json!([open("Salesforce", "CRM team", "2026-02-23"), open("SAP CRM", "Paal", "2026-02-03")]);
    assert_eq!(request["checklist"], both);
    operator.patch("/tenant", "*", &json!({ "external_systems": [] })).await.expect(200);
    assert_eq!(lethe.enter_request(&new("41234567")).await["checklist"], json!([]));

    let integration = lethe.caller_of("demo", "integration", "crm-bot");
    let place = path(&request);
    let item = |system: &str| format!("{place}/checklist/{system}");
    let patch = |system: &str, etag: &'static str, body: Value| {
        let (integration, item) = (integration.clone(), item(system));
        async move { integration.patch(&item, etag, &body).await }
    };
    let missing = "/anonymize-requests/0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11/checklist/Salesforce";
    assert_eq!(integration.patch(missing, "*", &json!({ "colour": 1 })).await.problem(404), "not_found");
    assert_eq!(patch("Pipedrive", "*", json!({})).await.problem(404), "not_found");
    let bare = Answer::of(integration.call("PATCH", &item("Salesforce")).json(&json!({ "state": "gone" }))).await;
    assert_eq!(bare.problem(428), "if_match_required");
    assert_eq!(patch("Salesforce", "\"7\"", json!({ "state": "gone" })).await.problem(412), "version_stale");
    assert_eq!(patch("Salesforce", "*", json!({ "state": "gone" })).await.mistakes(), ["/state format"]);
    assert_eq!(patch("Salesforce", "*", json!({ "state": null })).await.mistakes(), ["/state required"]);
    assert_eq!(
        patch("Salesforce", "*", json!({ "evidence": "x".repeat(1001) })).await.mistakes(),
        ["/evidence too_long"]
    );

    // The evidence names nobody, whether the request waits or is done.
    let evidence = "deleted Nordmann, Kari (912 34 567 and kari@example.net), ticket CRM-118";
    let closed = patch("Salesforce", "\"1\"", json!({ "state": "done", "evidence": evidence })).await.expect(200);
    assert_eq!(closed.etag(), "\"2\"");
    let closed = closed.json();
    assert_eq!(closed["evidence"], json!("deleted ***** (***** and *****), ticket CRM-118"));
    assert_eq!((&closed["state"], &closed["done_by"]), (&json!("done"), &json!("crm-bot")));
    assert!(closed["done_at"].is_string());
    let again = patch("Salesforce", "*", json!({ "state": "done" })).await.expect(200);
    assert_eq!((again.etag().as_str(), again.json()), ("\"2\"", closed.clone()));
    let shown = lethe.request(&request["id"]).await.expect(200);
    assert_eq!((shown.etag().as_str(), &shown.json()["checklist"][0]), ("\"2\"", &closed));
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let late =
        patch("SAP%20CRM", "\"3\"", json!({ "state": "not_applicable", "evidence": "not 91234567" })).await.expect(200);
    assert_eq!((late.etag().as_str(), &late.json()["evidence"]), ("\"4\"", &json!("not *****")));
    let reopened = patch("SAP%20CRM", "*", json!({ "state": "open", "evidence": null })).await.expect(200).json();
    assert_eq!(reopened, both[1]);
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 0, "no evidence brought an identifier back");
    let audited = lethe.caller("dpo").get("/audit-events?action=request.changed").await.expect(200).json();
    assert_eq!(audited["items"][0]["detail"], json!({ "request": request["id"], "members": ["checklist"] }));

    // A restored archive repeats the edit and the cancellation that came after a change of the checklist.
    operator.patch("/tenant", "*", &json!({ "external_systems": systems })).await.expect(200);
    let undue = |number: &str| json!({ "phone_number": number, "targets": ["archive"] });
    let edited = lethe.enter_request(&undue("41234567")).await;
    let cancelled = lethe.enter_request(&undue("40404040")).await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    let officer = lethe.caller("dpo");
    for request in [&edited, &cancelled] {
        officer
            .patch(&format!("{}/checklist/Salesforce", path(request)), "*", &json!({ "state": "done" }))
            .await
            .expect(200);
    }
    officer.patch(&path(&edited), "\"2\"", &json!({ "targets": ["raw_data"] })).await.expect(200);
    officer.delete(&path(&cancelled), "\"2\"").await.expect(204);
    lethe.stop().await;
    lethe.restore(&backup, &[Part::Archive]).await;
    lethe.night("2026-02-17T02:00:00Z").await.well();
    lethe.serve().await;
    let shown = lethe.request(&edited["id"]).await.expect(200).json();
    assert_eq!((&shown["targets"], &shown["version"]), (&json!(["raw_data"]), &json!(3)));
    assert_eq!(lethe.request(&cancelled["id"]).await.problem(404), "not_found");
    let items = lethe.dump().await.rows("request_checklist").len();
    assert_eq!(items, 4, "the items of a cancelled request are gone");
});

each_store!(a_caller_who_may_not_read_changes_a_request_without_seeing_its_notes, |lethe: TestLethe| async move {
    let settings = json!({ "external_systems": [{ "name": "crm", "owner": "sales", "days": 10 }] });
    lethe.caller("admin").patch("/tenant", "*", &settings).await.expect(200);
    let notes = json!({ "comment": "the neighbour of Per Hansen", "reference": "REF-7", "extended_to": null,
        "attestation": { "method": "letter", "by": "Ingrid", "on": "2026-02-14" } });
    let entered = lethe.enter_request(&with(new("91234567"), notes)).await;
    let item = format!("{}/checklist/crm", path(&entered));
    let done = json!({ "state": "done", "evidence": "Per says so" });
    lethe.caller("dpo").patch(&item, "*", &done).await.expect(200);
    let client = json!([{ "issuer": "lethe-dev", "client_id": "crm" }]);
    lethe.caller("admin").post("/recipients", &json!({ "name": "crm", "clients": client })).await.expect(201);
    let program = caller(&lethe, "other", "other", &["integration"]);
    assert_eq!(program.get(&path(&entered)).await.problem(403), "forbidden");
    let update = json!({ "update": [{ "id": entered["id"], "version": 2 }] });
    let answers = [
        program.patch(&path(&entered), "*", &json!({})).await.expect(200),
        program.post("/anonymize-requests/batch", &update).await.expect(200),
    ];
    for answer in answers {
        for note in ["Per", "REF-7", "Ingrid", "kari", "91234567"] {
            assert!(!answer.text.contains(note), "{note}: {}", answer.text);
        }
    }
    let read = lethe.request(&entered["id"]).await.expect(200).json();
    assert_eq!((&read["comment"], &read["reference"]), (&entered["comment"], &json!("REF-7")));
});
