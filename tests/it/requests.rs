//! The Anonymize page: entering, changing, and cancelling requests, and saving a batch of rows.

use serde_json::{Value, json};

use crate::harness::{Answer, each_store};

fn new(number: &str) -> Value {
    json!({ "phone_number": number, "to_date": "2026-02-15", "comment": "case 118", "targets": ["archive", "raw_data"] })
}

fn path(request: &Value) -> String {
    format!("/anonymize-requests/{}", request["id"].as_str().unwrap())
}

each_store!(a_request_shows_what_will_match, |lethe: TestLethe| async move {
    let caller = lethe.caller_of("demo", "dpo", "paal");
    let entered = caller.post("/anonymize-requests", &new("004798765")).await.expect(201);
    let mut shown = entered.json();
    assert_eq!(entered.header("location").unwrap().rsplit('/').next(), shown["id"].as_str());
    assert_eq!(entered.etag(), "\"1\"");
    assert_eq!(entered.header("cache-control"), Some("no-store"));
    for gone in ["id", "received_on", "deadline_on", "created_at", "updated_at"] {
        assert!(shown.as_object_mut().unwrap().remove(gone).is_some());
    }
    assert_eq!(
        shown,
        json!({
            "phone_number": "+4798765", "email": null, "interaction_ids": [], "interaction_count": 0,
            "to_date": "2026-02-15", "comment": "case 118", "reference": null,
            "targets": ["archive", "raw_data"], "delete_content": false, "extended_to": null, "extension_reason": null, "attestation": null, "checklist": [], "status": "waiting", "user_name": "paal", "due_at": "2026-02-15T23:00:00Z",
            "attempts": 0, "last_error": null, "result": null, "done_at": null, "version": 1, "warnings": []
        })
    );
    // All users of a tenant see all its requests.
    let listed = lethe.caller_of("demo", "compliance", "ingrid").get("/anonymize-requests").await.expect(200).json();
    assert_eq!(listed["items"][0]["user_name"], "paal");
    let again = caller.get(&path(&entered.json())).await.expect(200);
    assert_eq!(again.etag(), "\"1\"");
    let unchanged = Answer::of(caller.call("GET", &path(&entered.json())).header("if-none-match", "\"1\"")).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
});

each_store!(a_comment_that_names_the_person_is_masked_with_the_request, |lethe: TestLethe| async move {
    let mut body = new("912 34 567");
    body["comment"] = json!("Kari (0047 912 34 567) rang, also kari@example.net");
    body["email"] = json!("Kari@Example.net");
    let entered = lethe.enter_request(&body).await;
    assert!(entered["warnings"].to_string().contains("comment_has_identifier"), "{entered}");
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let done = lethe.request(&entered["id"]).await.expect(200).json();
    assert_eq!((&done["phone_number"], &done["email"]), (&json!("*****7"), &json!("*****t")));
    let comment = done["comment"].as_str().unwrap();
    assert!(!comment.contains("912") && !comment.contains("example"), "{comment}");
    assert!(comment.starts_with("Kari (*****7) rang, also *****t"), "{comment}");
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 0);
});

each_store!(a_change_needs_the_version_it_was_made_from, |lethe: TestLethe| async move {
    let caller = lethe.caller("dpo");
    let entered = caller.post("/anonymize-requests", &new("91234567")).await.expect(201);
    let place = path(&entered.json());
    let missing = "/anonymize-requests/0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11";
    let bad = json!({ "to_date": null, "nobody": 1 });
    // 404, 428, and 412 come before the errors of the body.
    assert_eq!(Answer::of(caller.call("PATCH", missing).json(&bad)).await.problem(404), "not_found");
    assert_eq!(
        Answer::of(caller.call("PATCH", &place).json(&json!({ "to_date": null }))).await.problem(428),
        "if_match_required"
    );
    assert_eq!(caller.patch(&place, "\"7\"", &json!({ "to_date": null })).await.problem(412), "version_stale");
    assert_eq!(caller.patch(&place, "\"1\"", &json!({ "to_date": null })).await.mistakes(), ["/to_date required"]);
    assert_eq!(caller.patch(&place, "\"1\"", &json!({ "targets": null })).await.mistakes(), ["/targets required"]);
    assert_eq!(
        caller.patch(&place, "\"1\"", &json!({ "phone_number": null })).await.mistakes(),
        ["/phone_number identifier_missing"]
    );

    let same = caller.patch(&place, "\"1\"", &json!({ "comment": "case 118" })).await.expect(200);
    assert_eq!(same.etag(), "\"1\"", "no change, no version");
    let changed = caller
        .patch(&place, "\"1\"", &json!({ "comment": null, "email": "kari@example.net", "targets": ["sms_survey"] }))
        .await
        .expect(200);
    assert_eq!(changed.etag(), "\"2\"");
    let shown = changed.json();
    assert_eq!(
        (&shown["comment"], &shown["email"], &shown["targets"]),
        (&Value::Null, &json!("kari@example.net"), &json!(["sms_survey"]))
    );
    assert_eq!(caller.patch(&place, "\"1\"", &json!({ "comment": "x" })).await.problem(412), "version_stale");
    let merge =
        caller.call("PATCH", &place).header("if-match", "*").header("content-type", "application/merge-patch+json");
    assert_eq!(Answer::of(merge.body(r#"{"comment":"y"}"#)).await.expect(200).etag(), "\"3\"");

    assert_eq!(Answer::of(caller.call("DELETE", &place)).await.problem(428), "if_match_required");
    assert_eq!(caller.delete(&place, "\"1\"").await.problem(412), "version_stale");
    assert_eq!(caller.delete(&place, "\"3\"").await.expect(204).text, "");
    assert_eq!(caller.get(&place).await.problem(404), "not_found");
    assert_eq!(caller.delete(&place, "\"3\"").await.problem(404), "not_found");
});

each_store!(a_set_of_rows_is_saved_whole_or_not_at_all, |lethe: TestLethe| async move {
    let caller = lethe.caller("dpo");
    let [one, two, three] = [
        lethe.enter_request(&new("91234567")).await,
        lethe.enter_request(&new("41234567")).await,
        lethe.enter_request(&new("40404040")).await,
    ];
    let batch = |body: Value| {
        let caller = caller.clone();
        async move { caller.post("/anonymize-requests/batch", &body).await }
    };
    let before = caller.get("/anonymize-requests").await.json();
    let wrong = batch(json!({
        "create": [new("98765432"), new("nobody")],
        "update": [{ "id": one["id"], "version": 7, "comment": "x" }, { "id": "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11", "version": 1, "comment": "x" }],
        "delete": [{ "id": two["id"], "version": 1 }, { "id": two["id"], "version": 1 }]
    })).await;
    let mistakes = wrong.mistakes();
    for place in ["/create/1/phone_number phone_number_invalid", "/update/0", "/update/1", "/delete/1"] {
        assert!(mistakes.iter().any(|mistake| mistake.starts_with(place)), "{place}: {mistakes:?}");
    }
    assert_eq!(caller.get("/anonymize-requests").await.json(), before, "nothing was saved");

    let saved = batch(json!({
        "create": [new("98765432")],
        "update": [{ "id": one["id"], "version": 1, "comment": "changed" }],
        "delete": [{ "id": two["id"], "version": 1 }]
    }))
    .await
    .expect(200)
    .json();
    assert_eq!(saved["created"][0]["phone_number"], "+4798765432");
    assert_eq!((&saved["updated"][0]["comment"], &saved["updated"][0]["version"]), (&json!("changed"), &json!(2)));
    assert_eq!(saved["deleted"], json!([two["id"]]));
    let listed = caller.get("/anonymize-requests").await.json();
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, [saved["created"][0]["id"].clone(), three["id"].clone(), one["id"].clone()], "newest first");
    let many: Vec<_> = (0..501).map(|_| new("91234567")).collect();
    assert!(batch(json!({ "create": many })).await.mistakes()[0].ends_with("too_many"));
});

each_store!(an_idempotency_key_enters_a_request_once, |lethe: TestLethe| async move {
    let caller = lethe.caller("dpo");
    let post = |key: &str, body: Value| {
        Answer::of(caller.call("POST", "/anonymize-requests").header("idempotency-key", key).json(&body))
    };
    let first = post("k1", new("91234567")).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = post("k1", new("91234567")).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        (again.json()["id"].clone(), again.header("location")),
        (first.json()["id"].clone(), first.header("location"))
    );
    assert_eq!(post("k1", new("41234567")).await.problem(422), "idempotency_key_reused");
    // A failed call is not kept.
    assert_eq!(post("k2", new("nobody")).await.mistakes(), ["/phone_number phone_number_invalid"]);
    post("k2", new("41234567")).await.expect(201);
    // The same key of another user is another key.
    let other = lethe.caller_of("demo", "dpo", "ola");
    let theirs =
        Answer::of(other.call("POST", "/anonymize-requests").header("idempotency-key", "k1").json(&new("91234567")))
            .await
            .expect(201);
    assert_ne!(theirs.json()["id"], first.json()["id"]);
    assert_eq!(caller.get("/anonymize-requests").await.json()["items"].as_array().unwrap().len(), 3);
    // Neither the key nor the body is stored in clear.
    let kept = String::from_utf8(lethe.dump().await.archive_texts()).unwrap();
    assert!(!kept.contains("91234567"));
});

each_store!(the_list_is_paged_and_filtered, |lethe: TestLethe| async move {
    let caller = lethe.caller("dpo");
    let rows: Vec<_> = (0..7).map(|n| new(&format!("9123456{n}"))).collect();
    caller.post("/anonymize-requests/batch", &json!({ "create": rows })).await.expect(200);
    lethe.night("2026-02-16T02:00:00Z").await.well();
    lethe.enter_request(&new("41234567")).await;
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = caller.get(&format!("/anonymize-requests?limit=3{next}")).await.expect(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()));
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 8);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 8, "nothing twice");
    let count = |status: &'static str| {
        let caller = caller.clone();
        async move {
            caller.get(&format!("/anonymize-requests?status={status}")).await.expect(200).json()["items"]
                .as_array()
                .unwrap()
                .len()
        }
    };
    assert_eq!((count("waiting").await, count("done").await), (1, 7));
});

each_store!(a_target_that_the_tenant_does_not_have_is_refused, |lethe: TestLethe| async move {
    let admin = lethe.caller("admin");
    let settings = admin.get("/tenant").await.expect(200);
    admin.patch("/tenant", &settings.etag(), &json!({ "targets": ["archive"] })).await.expect(200);
    let refused = admin.post("/anonymize-requests", &new("91234567")).await;
    assert_eq!(refused.mistakes(), ["/targets/1 target_unavailable"]);
    assert!(refused.text.contains("archive"), "names those it has: {}", refused.text);
});

each_store!(content_cannot_be_deleted_where_there_is_none, |lethe: TestLethe| async move {
    let officer = lethe.caller("dpo");
    let nowhere = ["/delete_content target_unavailable"];
    let enter = async |targets: Value, delete_content: Value| {
        let mut body = json!({ "phone_number": "91234567", "targets": targets });
        if !delete_content.is_null() {
            body["delete_content"] = delete_content;
        }
        officer.post("/anonymize-requests", &body).await
    };
    let with = enter(json!(["archive", "raw_data"]), json!(true)).await.expect(201).json();
    let without = enter(json!(["raw_data"]), json!(false)).await.expect(201).json();
    assert_eq!(enter(json!(["raw_data", "sms_survey"]), json!(true)).await.mistakes(), nowhere);
    for (request, change) in [
        (&with, json!({ "targets": ["raw_data"] })),
        (&with, json!({ "targets": ["sms_survey", "raw_data"], "comment": "case 118" })),
        (&with, json!({ "targets": ["raw_data"], "delete_content": true })),
        (&without, json!({ "delete_content": true })),
        (&without, json!({ "delete_content": true, "targets": ["sms_survey"] })),
    ] {
        assert_eq!(officer.patch(&path(request), "\"1\"", &change).await.mistakes(), nowhere, "{change}");
        let mut row = change;
        row["id"] = request["id"].clone();
        row["version"] = json!(1);
        let created = json!({ "phone_number": "41234567", "targets": ["raw_data"], "delete_content": true });
        let batch = json!({ "create": [created], "update": [row] });
        let rows = ["/create/0/delete_content target_unavailable", "/update/0/delete_content target_unavailable"];
        assert_eq!(officer.post("/anonymize-requests/batch", &batch).await.mistakes(), rows, "{batch}");
    }
    let null = officer.patch(&path(&with), "\"1\"", &json!({ "targets": ["raw_data"], "delete_content": null })).await;
    assert_eq!(null.mistakes(), ["/delete_content required"], "one mistake is told once");

    // Both fields change together, or the target is added too.
    let change = json!({ "targets": ["raw_data"], "delete_content": false });
    let changed = officer.patch(&path(&with), "\"1\"", &change).await.expect(200).json();
    assert_eq!((&changed["targets"], &changed["delete_content"]), (&json!(["raw_data"]), &json!(false)));
    let change = json!({ "targets": ["archive"], "delete_content": true });
    let changed = officer.patch(&path(&without), "\"1\"", &change).await.expect(200).json();
    assert_eq!((&changed["targets"], &changed["delete_content"]), (&json!(["archive"]), &json!(true)));
});

each_store!(the_tenants_default_deletes_content_where_there_is_some, |lethe: TestLethe| async move {
    let officer = lethe.caller("dpo");
    lethe.caller("operator").patch("/tenant", "*", &json!({ "delete_content": true })).await.expect(200);
    let row = |targets: &[&str]| json!({ "phone_number": "91234567", "targets": targets });
    let batch = json!({ "create": [row(&["raw_data"]), row(&["archive"]), row(&["sms_survey", "archive"])] });
    let saved = officer.post("/anonymize-requests/batch", &batch).await.expect(200).json();
    let deletes = |place: usize| saved["created"][place]["delete_content"].clone();
    assert_eq!([deletes(0), deletes(1), deletes(2)], [json!(false), json!(true), json!(true)]);
    assert_eq!(lethe.enter_request(&row(&["raw_data"])).await["delete_content"], json!(false));
    // The same rule applies to a value that the default has set.
    let path = path(&saved["created"][1]);
    let change = officer.patch(&path, "\"1\"", &json!({ "targets": ["raw_data"] })).await;
    assert_eq!(change.mistakes(), ["/delete_content target_unavailable"]);
    officer.patch(&path, "\"1\"", &json!({ "comment": "case 118" })).await.expect(200);
});

// An older version could store a request like this.
each_store!(an_older_request_can_be_changed_elsewhere, |lethe: TestLethe| async move {
    let officer = lethe.caller("dpo");
    let entered = lethe.enter_request(&json!({ "phone_number": "91234567", "targets": ["raw_data"] })).await;
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    assert_eq!(tx.query("UPDATE requests SET delete_content = ").with("", true).execute().await.unwrap(), 1);
    tx.commit().await.unwrap();
    archive.close().await;
    let path = path(&entered);
    officer.patch(&path, "\"1\"", &json!({ "comment": "case 118" })).await.expect(200);
    let change = officer.patch(&path, "\"2\"", &json!({ "targets": ["sms_survey"] })).await;
    assert_eq!(change.mistakes(), ["/delete_content target_unavailable"]);
    officer.patch(&path, "\"2\"", &json!({ "delete_content": false })).await.expect(200);
});

each_store!(a_reference_finds_its_requests, |lethe: TestLethe| async move {
    let caller = lethe.caller("dpo");
    let with = |number: &str, reference: &str| {
        let mut body = new(number);
        body["reference"] = json!(reference);
        body
    };
    let first = lethe.enter_request(&with("91234567", "INC0012345")).await;
    assert_eq!((&first["reference"], &first["warnings"]), (&json!("INC0012345"), &json!([])));
    let second = lethe.enter_request(&with("41234567", "INC0012345")).await;
    lethe.enter_request(&with("40506071", "other")).await;
    lethe.enter_request(&new("40506072")).await;
    let list = async |query: &str| {
        let page = caller.get(&format!("/anonymize-requests?{query}")).await.expect(200).json();
        page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(list("reference=INC0012345").await, [second["id"].clone(), first["id"].clone()]);
    assert_eq!(list("reference=inc0012345").await, [Value::Null; 0]);
    assert_eq!(list("reference=other&status=done").await, [Value::Null; 0]);
    let page = caller.get("/anonymize-requests?reference=INC0012345&limit=1").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(list(&format!("reference=INC0012345&cursor={cursor}")).await, [first["id"].clone()]);
    let foreign = caller.get(&format!("/anonymize-requests?reference=other&cursor={cursor}")).await;
    assert_eq!(foreign.problem(400), "cursor_invalid");

    let path = format!("/anonymize-requests/{}", first["id"].as_str().unwrap());
    let changed = caller.patch(&path, "\"1\"", &json!({ "reference": null })).await.expect(200).json();
    assert_eq!((&changed["reference"], &changed["version"]), (&Value::Null, &json!(2)));
    assert_eq!(list("reference=INC0012345").await, [second["id"].clone()]);
    let rows = json!({ "update": [{ "id": first["id"], "version": 2, "reference": "case 118" }] });
    caller.post("/anonymize-requests/batch", &rows).await.expect(200);
    assert_eq!(list("reference=case%20118").await, [first["id"].clone()]);
    let long = caller.post("/anonymize-requests", &with("91234567", &"x".repeat(101))).await;
    assert_eq!(long.mistakes(), ["/reference too_long"]);
    let long = caller.get(&format!("/anonymize-requests?reference={}", "x".repeat(101))).await;
    assert_eq!(long.problem(422), "validation_failed");
});

each_store!(a_reference_contains_no_identifier, |lethe: TestLethe| async move {
    let mut body = new("98765");
    body["email"] = json!("kari@example.net");
    body["reference"] = json!("98765 or 912 34 567, ola@example.net");
    let entered = lethe.enter_request(&body).await;
    assert_eq!(entered["reference"], "***** or *****, *****");
    assert_eq!(entered["warnings"][0]["code"], "reference_masked");
    // A reference that stays is searched for a number that comes later.
    body["reference"] = json!("ref 98766");
    let kept = lethe.enter_request(&body).await;
    assert_eq!((&kept["reference"], &kept["warnings"][0]["code"]), (&json!("ref 98766"), &json!("duplicate_waiting")));
    assert_eq!(kept["warnings"].as_array().unwrap().len(), 1);
    let path = format!("/anonymize-requests/{}", kept["id"].as_str().unwrap());
    let changed = lethe.caller("dpo").patch(&path, "*", &json!({ "phone_number": "98766" })).await.expect(200).json();
    assert_eq!(changed["reference"], "ref *****");
    let dump = lethe.dump().await;
    let mut stored: Vec<_> = dump.rows("requests").iter().map(|row| row["reference"].clone().unwrap()).collect();
    stored.sort();
    assert_eq!(stored, ["***** or *****, *****", "ref *****"]);
    for text in ["912%2034%20567", "kari@example.net"] {
        let answer = lethe.caller("dpo").get(&format!("/anonymize-requests?reference={text}")).await;
        assert_eq!(answer.mistakes(), ["reference identifier"]);
    }
});
