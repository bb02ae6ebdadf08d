//! Searching: three views, journeys by token, and nobody behind a forgotten number.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Stock, each_store};

fn call(external_id: &str, at: &str, phone: &str) -> Value {
    json!({
        "external_id": external_id, "channel": "call", "started_at": at, "queue": "Private service", "agent_id": "a17",
        "customer": { "phone_number": phone, "email": "kari@example.net", "name": "Kari Nordmann" },
        "attributes": { "notes": "Kari asked for +44 20 7946 0958" }
    })
}

each_store!(each_view_shows_what_its_scope_allows, |mut lethe: TestLethe| async move {
    lethe.stop().await;
    lethe.set("AUTH__ROLES__VISITOR", "archive:read");
    lethe.serve().await;
    lethe.record(&call("a", "2026-02-10T10:00:00Z", "0047 912 34 567")).await;
    lethe.record(&call("b", "2026-02-11T10:00:00Z", "+4791234567")).await;
    let read = |role: &str, body: Value| {
        let caller = lethe.caller(role);
        async move { caller.post("/archive/search", &body).await.expect(200).json() }
    };
    let page = read("supervisor", json!({})).await;
    assert_eq!(page["view"], "identified");
    let customer = &page["items"][1]["customer"];
    assert_eq!(
        *customer,
        json!({ "phone_number": "+4791234567", "email": "kari@example.net", "name": "Kari Nordmann" })
    );
    assert_eq!(page["items"][1]["attributes"]["notes"], "Kari Nordmann asked for +442079460958");

    let page = read("agent", json!({})).await;
    assert_eq!(page["view"], "pseudonymous");
    let [late, early] = [0, 1].map(|n| page["items"][n]["customer"].clone());
    assert_eq!(late, early, "one customer, one token");
    let token = early["phone_number"].as_str().unwrap().to_owned();
    assert!(token.starts_with("phone_") && token.len() == "phone_".len() + 26, "{token}");
    let notes = page["items"][1]["attributes"]["notes"].as_str().unwrap();
    assert!(notes.starts_with("name_") && notes.contains(" asked for phone_"), "{notes}");
    assert_eq!(read("agent", json!({ "token": token })).await["items"].as_array().unwrap().len(), 2);

    let page = read("visitor", json!({})).await;
    assert_eq!(page["view"], "anonymized");
    assert_eq!(
        page["items"][0]["customer"],
        json!({ "phone_number": "Anonymized", "email": "Anonymized", "name": "Anonymized" })
    );
    assert_eq!(page["items"][0]["anonymized"], json!(false), "nothing of it was forgotten");

    assert_eq!(read("supervisor", json!({ "view": "pseudonymous" })).await["view"], "pseudonymous");
    let wider = lethe.caller("agent").post("/archive/search", &json!({ "view": "identified" })).await;
    assert_eq!(wider.problem(403), "forbidden");
    let by_number = lethe.caller("agent").post("/archive/search", &json!({ "phone_number": "91234567" })).await;
    assert_eq!(by_number.problem(403), "forbidden");
});

each_store!(an_identified_call_writes_one_audit_row, |lethe: TestLethe| async move {
    for n in 0..3 {
        lethe.record(&call(&format!("c{n}"), "2026-02-10T10:00:00Z", "91234567")).await;
    }
    let searches = |dump: crate::harness::Dump| {
        dump.rows("audit_events")
            .iter()
            .filter(|row| row["action"].as_deref() == Some("archive.searched"))
            .cloned()
            .collect::<Vec<_>>()
    };
    lethe.caller("agent").post("/archive/search", &json!({})).await.expect(200);
    assert_eq!(searches(lethe.dump().await).len(), 0, "the pseudonymous view is nobody's");
    let purpose = json!({ "phone_number": "91234567", "purpose": "complaint of 912 34 567" });
    lethe.search(&purpose).await;
    let rows = searches(lethe.dump().await);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["records"].as_deref(), Some("3"));
    assert_eq!(rows[0]["purpose"].as_deref(), Some("complaint of *****"));
});

each_store!(a_tenant_can_demand_a_purpose, |lethe: TestLethe| async move {
    let admin = lethe.caller("admin");
    let settings = admin.get("/tenant").await.expect(200);
    let changed = admin.patch("/tenant", &settings.etag(), &json!({ "purpose_required": true })).await.expect(200);
    assert_eq!(changed.json()["purpose_required"], true);
    let search = |body: Value| {
        let caller = lethe.caller("dpo");
        async move { caller.post("/archive/search", &body).await }
    };
    assert_eq!(search(json!({ "phone_number": "91234567" })).await.problem(403), "purpose_required");
    assert_eq!(search(json!({})).await.problem(403), "purpose_required");
    search(json!({ "view": "pseudonymous" })).await.expect(200);
    search(json!({ "phone_number": "91234567", "purpose": "access request" })).await.expect(200);
});

each_store!(a_forgotten_number_and_one_never_seen_are_answered_alike, |lethe: TestLethe| async move {
    lethe.record(&call("a", "2026-02-10T10:00:00Z", "91234567")).await;
    lethe.enter_request(&json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"] })).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let forgotten = lethe.search(&json!({ "phone_number": "91234567" })).await;
    let unseen = lethe.search(&json!({ "phone_number": "41234567" })).await;
    assert_eq!(forgotten, unseen);
    assert_eq!(forgotten["items"], json!([]));
    let preview = |number: &str| json!({ "phone_number": number, "to_date": "2026-02-15", "targets": ["archive"] });
    let caller = lethe.caller("dpo");
    let forgotten = caller.post("/anonymize-requests/preview", &preview("91234567")).await.expect(200).json();
    let unseen = caller.post("/anonymize-requests/preview", &preview("41234567")).await.expect(200).json();
    assert_eq!(forgotten, unseen);
    let kept = lethe.dump().await.rows("vault.identifiers").len();
    assert_eq!(kept, 1, "a preview makes no identifier; the number in the notes is still there");
});

each_store!(nobody_is_called_anonymized, |lethe: TestLethe| async move {
    for (n, number) in ["", "anonymous", "Withheld", "PRIVATE", "unknown", "-", "0", "Anonymized", "restricted"]
        .into_iter()
        .enumerate()
    {
        let record = json!({
            "external_id": format!("w{n}"), "channel": "call", "started_at": format!("2026-02-10T10:00:0{n}Z"),
            "customer": { "phone_number": number }
        });
        let told = lethe.ingest("interactions", record.to_string()).await;
        assert_eq!(told["warnings"], json!([]), "withheld is no mistake: {number}");
        let answer = lethe.caller("dpo").post("/archive/search", &json!({ "phone_number": number })).await;
        assert_eq!(answer.mistakes(), ["/phone_number phone_number_invalid"], "{number}");
    }
    let page = lethe.search(&json!({})).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 9);
    for item in page["items"].as_array().unwrap() {
        assert_eq!((&item["customer"]["phone_number"], &item["anonymized"]), (&Value::Null, &json!(false)));
    }
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 0);
});

each_store!(pages_show_everything_once, |lethe: TestLethe| async move {
    let stock = Stock::of(120, 3);
    stock.load(&lethe).await;
    let caller = lethe.caller("dpo");
    let whole = caller.all("/archive/search", &json!({})).await;
    assert_eq!(whole.len(), 120);
    let times: Vec<_> = whole.iter().map(|item| item["started_at"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
    let small = caller.all("/archive/search", &json!({ "limit": 7 })).await;
    caller.post("/archive/search", &json!({ "limit": null })).await.expect(200);
    assert_eq!(small, whole);
    let chosen = &stock.customers[0];
    let body = json!({ "phone_number": chosen.phone_e164, "email": chosen.email, "limit": 1 });
    let one_by_one = caller.all("/archive/search", &body).await;
    let ids: BTreeSet<_> = one_by_one.iter().map(|item| item["id"].to_string()).collect();
    assert_eq!(ids.len(), one_by_one.len(), "number or address: nothing twice");
    let either = |item: &&Value| {
        item["customer"]["phone_number"] == chosen.phone_e164.as_str()
            || chosen.email.as_ref().is_some_and(|email| item["customer"]["email"] == email.as_str())
    };
    assert_eq!(one_by_one.len(), whole.iter().filter(either).count());
});

each_store!(filters_cut_along_their_edges, |lethe: TestLethe| async move {
    for (id, at, channel, queue) in [
        ("a", "2026-02-10T10:00:00Z", "call", "Private service"),
        ("b", "2026-02-10T11:00:00Z", "chat", "Private service"),
        ("c", "2026-02-10T12:00:00Z", "call", "Business"),
    ] {
        lethe.record(&json!({ "external_id": id, "channel": channel, "started_at": at, "queue": queue })).await;
    }
    for (body, wanted) in [
        (json!({ "from": "2026-02-10T11:00:00Z" }), vec!["c", "b"]),
        (json!({ "to": "2026-02-10T11:00:00Z" }), vec!["a"]),
        (json!({ "from": "2026-02-10T12:00:00+01:00", "to": "2026-02-10T12:00:00Z" }), vec!["b"]),
        (json!({ "channels": ["call"] }), vec!["c", "a"]),
        (json!({ "channels": ["chat", "email"] }), vec!["b"]),
        (json!({ "queue": "Private service", "channels": ["call"] }), vec!["a"]),
        (json!({ "queue": "private service" }), vec![]),
        (json!({ "agent_id": "a17" }), vec![]),
    ] {
        assert_eq!(lethe.find(&body).await, wanted, "{body}");
    }
});
