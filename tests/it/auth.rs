//! Permissions: every operation of the OpenAPI document without a token, with a broken token, in every role, and as
//! another tenant, compared with one table.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::audit_log::refusals_in_the_audit_log;
use crate::harness::{Answer, Caller, TestLethe, each_store};

/// Every operation and its scopes, any of which is enough. Without scopes, any valid token is enough. The test fails if
/// the document has an operation that is not here, and if the operation of a row does not exist.
const OPERATIONS: &[(&str, &[&str])] = &[
    ("list_anonymize_requests", &["requests:read"]),
    ("create_anonymize_request", &["requests:write"]),
    ("save_anonymize_requests", &["requests:write"]),
    ("import_anonymize_requests", &["requests:write"]),
    ("preview_anonymize_request", &["requests:write"]),
    ("get_anonymize_request", &["requests:read"]),
    ("delete_anonymize_request", &["requests:write"]),
    ("update_anonymize_request", &["requests:write"]),
    ("get_erasure_certificate", &["requests:read"]),
    ("list_holds", &["holds:write"]),
    ("place_hold", &["holds:write"]),
    ("get_hold", &["holds:write"]),
    ("release_hold", &["holds:write"]),
    ("change_anonymize_request_checklist", &["requests:write"]),
    ("ingest_interactions", &["archive:ingest"]),
    ("ingest_survey_responses", &["archive:ingest"]),
    ("ingest_raw_events", &["archive:ingest"]),
    ("look_up_interactions", &["archive:ingest"]),
    ("total_interactions", &["archive:totals"]),
    ("total_survey_responses", &["archive:totals"]),
    ("check_suppressions", &["suppressions:check"]),
    ("report_linkability", &["policies:admin"]),
    ("list_ageing_policies", &["policies:admin"]),
    ("get_ageing_policy", &["policies:admin"]),
    ("set_ageing_policy", &["policies:admin"]),
    ("pause_ageing_policy", &["policies:admin"]),
    ("remove_ageing_policy", &["policies:admin"]),
    ("preview_ageing_policy", &["policies:admin"]),
    ("search_interactions", ANY_VIEW),
    ("search_survey_responses", ANY_VIEW),
    ("search_raw_events", ANY_VIEW),
    ("get_interaction", &["archive:search", "archive:identify"]),
    ("list_recipients", &["policies:admin"]),
    ("create_recipient", &["policies:admin"]),
    ("get_recipient", &["policies:admin"]),
    ("delete_recipient", &["policies:admin"]),
    ("rotate_recipient", &["policies:admin"]),
    ("list_reveals", &["archive:reveal", "reveals:approve"]),
    ("create_reveal", &["archive:reveal"]),
    ("get_reveal", &["archive:reveal", "reveals:approve"]),
    ("delete_reveal", &["archive:reveal", "reveals:approve"]),
    ("approve_reveal", &["reveals:approve"]),
    ("deny_reveal", &["reveals:approve"]),
    ("open_reveal", &["archive:reveal"]),
    ("upload_content", &["content:write"]),
    ("list_content", &["content:read"]),
    ("get_content", &["content:read"]),
    ("download_content", &["content:read"]),
    ("play_content", &["content:read"]),
    ("create_content_ticket", &["content:read"]),
    ("delete_content", &["content:delete"]),
    ("delete_content_batch", &["content:delete"]),
    ("get_delivery_target", &["keys:admin"]),
    ("set_delivery_target", &["keys:admin"]),
    ("remove_delivery_target", &["keys:admin"]),
    ("list_deliveries", &["jobs:read"]),
    ("retry_delivery", &["keys:admin"]),
    ("create_access_export", &["exports:write"]),
    ("list_access_exports", &["exports:write", "reveals:approve"]),
    ("get_access_export", &["exports:write", "reveals:approve"]),
    ("approve_access_export", &["reveals:approve"]),
    ("deny_access_export", &["reveals:approve"]),
    ("create_access_export_ticket", &["exports:write"]),
    ("list_webhooks", &["webhooks:admin"]),
    ("create_webhook", &["webhooks:admin"]),
    ("get_webhook", &["webhooks:admin"]),
    ("update_webhook", &["webhooks:admin"]),
    ("delete_webhook", &["webhooks:admin"]),
    ("test_webhook", &["webhooks:admin"]),
    ("rotate_webhook_secret", &["webhooks:admin"]),
    ("replay_webhook", &["webhooks:admin"]),
    ("list_webhook_messages", &["webhooks:admin"]),
    ("retry_webhook_message", &["webhooks:admin"]),
    ("get_recording_key", &["content:read"]),
    ("register_recording_key", &["keys:admin"]),
    ("remove_recording_key", &["keys:admin"]),
    ("list_audit_events", &["audit:read"]),
    ("get_audit_checkpoint", &["audit:read"]),
    ("export_audit_events", &["audit:read"]),
    ("list_job_runs", &["jobs:read"]),
    ("get_job_run", &["jobs:read"]),
    ("get_me", &[]),
    ("get_tenant", &[]),
    ("change_tenant", &["tenants:admin"]),
];

/// Each of these scopes allows a search of the archive, in its own view.
const ANY_VIEW: &[&str] = &["archive:read", "archive:search", "archive:identify"];

/// Refusals of a caller with such a scope: the operation, the role, the code, and further scopes that the call needs. The
/// reveal belongs to the user `dpo`.
const FURTHER: &[(&str, &str, &str, &[&str])] = &[
    ("preview_anonymize_request", "integration", "forbidden", &["archive:identify"]),
    ("approve_reveal", "dpo", "own_request", &[]),
    ("deny_reveal", "dpo", "own_request", &[]),
    ("open_reveal", "compliance", "not_requester", &[]),
];

/// Operations that need no token.
const OPEN: &[&str] =
    &["check_health", "check_readiness", "get_verification_keys", "redeem_content_ticket", "download_access_export"];

const ARCHIVE: &[&str] = &["archive:read", "archive:search", "archive:identify", "archive:ingest"];

/// The operations above that each built-in role allows.
fn roles() -> BTreeMap<&'static str, Vec<&'static str>> {
    let requests = ["requests:read", "requests:write"];
    let content = ["content:read", "content:delete"];
    let officer = [
        &requests[..],
        ARCHIVE,
        &content,
        &["archive:totals", "jobs:read", "audit:read", "archive:reveal", "reveals:approve"],
        &["holds:write", "exports:write"],
    ]
    .concat();
    let admin = [&requests[..], ARCHIVE, &content, &["archive:totals", "jobs:read", "audit:read", "tenants:admin"]];
    let admin = [&admin.concat()[..], &["content:write", "policies:admin", "holds:write", "webhooks:admin"]].concat();
    BTreeMap::from([
        ("admin", admin),
        ("dpo", [&officer[..], &["policies:admin"]].concat()),
        ("compliance", officer),
        ("supervisor", vec!["archive:search", "archive:identify", "archive:totals", content[0], content[1]]),
        ("agent", vec!["archive:search"]),
        ("analyst", vec!["archive:search"]),
        ("qa", vec!["archive:search"]),
        ("manager", vec!["archive:totals"]),
        ("integration", vec!["archive:ingest", "content:write", "suppressions:check", requests[0], requests[1]]),
        ("operator", vec!["jobs:read", "keys:admin", "tenants:admin", "webhooks:admin"]),
    ])
}

/// An operation of the document.
struct Operation {
    name: String,
    method: String,
    path: String,
}

async fn operations(lethe: &TestLethe) -> Vec<Operation> {
    let document = lethe.caller_with(None).get("//openapi.json").await.expect(200).json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            operations.push(Operation { name, method: method.to_uppercase(), path: path.clone() });
        }
    }
    assert!(operations.len() > 20, "the document has only {} operations", operations.len());
    operations
}

impl Operation {
    /// A call that the service would carry out for any caller with the permission, on resources of the tenant `demo`.
    async fn call(&self, caller: &Caller, ids: &BTreeMap<&str, String>) -> Answer {
        let id = ids.iter().find(|(part, _)| self.path.contains(*part)).map_or("", |(_, id)| id.as_str());
        let path = self.path.replace("{message_id}", ids.get("{message_id}").map_or("", String::as_str));
        let path =
            ["{id}", "{content_id}", "{ticket}", "{system}"].iter().fold(path, |path, part| path.replace(part, id));
        let query = if self.name == "upload_content" { "?kind=recording" } else { "" };
        let call = caller.call(&self.method, &format!("/{path}{query}")).header("if-match", "*");
        let call = match self.name.as_str() {
            "create_anonymize_request" | "preview_anonymize_request" => {
                call.json(&json!({ "phone_number": "91234567", "targets": ["archive"] }))
            }
            "upload_content" => call.header("content-type", "audio/wav").body("RIFF"),
            name if name.starts_with("ingest_") => call.json(&json!([])),
            "replay_webhook" => call.json(&json!({ "from": "2026-08-03T00:00:00Z" })),
            "import_anonymize_requests" => call.header("content-type", "text/csv").body("targets\n"),
            "look_up_interactions" => call.json(&json!({ "external_ids": ["a"] })),
            "register_recording_key" => call.json(&json!({ "kind": "x509", "certificate": "" })),
            _ if ["POST", "PUT", "PATCH"].contains(&self.method.as_str()) => call.json(&json!({})),
            _ => call,
        };
        Answer::of(call).await
    }
}

/// Ids of the tenant `demo`, by the part of a path that names their kind.
async fn things(lethe: &TestLethe) -> BTreeMap<&'static str, String> {
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let customer = json!({ "phone_number": "91234567" });
    lethe.record(&json!({ "external_id": "a", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": customer })).await;
    let record = lethe.search(&json!({})).await["items"][0].clone();
    let request = lethe.enter_request(&json!({ "phone_number": "91234567", "targets": ["archive"] })).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let hold = json!({ "phone_number": "91234567", "ground": "17(3)(e)", "reference": "a", "review_on": "2036-02-10" });
    let hold = lethe.caller("dpo").post("/holds", &hold).await.expect(201).json();
    let run = lethe.caller("dpo").get("/job-runs").await.expect(200).json()["items"][0].clone();
    let target = lethe.caller("operator").call("PUT", "/tenant/delivery-target");
    Answer::of(target.json(&json!({ "url": "file:///" }))).await.expect(200);
    let content = format!("/archive/interactions/{}/content?kind=recording", id(&record));
    let content = lethe.caller("integration").post_raw(&content, "audio/wav", "RIFF").await.expect(201).json();
    let ticket = format!("/archive/content/{}/ticket", id(&content));
    let ticket = lethe.caller("dpo").post(&ticket, &json!({})).await.expect(201).json();
    let ticket = ticket["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let recipient = json!({ "name": "crm", "clients": [{ "issuer": "a", "client_id": "b" }] });
    let recipient = lethe.caller("admin").post("/recipients", &recipient).await.expect(201).json();
    let reveal = json!({ "tokens": ["phone_00000000000000000000000000"], "purpose": "case 118" });
    let reveal = lethe.caller_of("demo", "dpo", "dpo").post("/reveals", &reveal).await.expect(201).json();
    let delivery = lethe.caller("operator").get("/deliveries").await.expect(200).json()["items"][0].clone();
    let order = json!({ "phone_number": "91234567", "purpose": "case 118",
        "attestations": [{ "method": "login", "by": "Ingrid", "on": "2026-02-16" }] });
    let export = id(&lethe.caller("dpo").post("/access-exports", &order).await.expect(202).json());
    let approve = format!("/access-exports/{export}/approve");
    lethe.caller_of("demo", "dpo", "ola").post(&approve, &json!({})).await.expect(200);
    let copy =
        lethe.caller("dpo").post(&format!("/access-exports/{export}/ticket"), &json!({})).await.expect(201).json();
    let copy = copy["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let webhook = json!({ "url": "http://127.0.0.1:9/", "events": ["job.failed"] });
    let webhook = lethe.caller("operator").post("/webhooks", &webhook).await.expect(201).json();
    let message = lethe.caller("operator").post(&format!("/webhooks/{}/test", id(&webhook)), &json!({})).await;
    let message = message.expect(202).json();
    BTreeMap::from([
        ("access-exports/tickets/{ticket}", copy),
        ("access-exports/{id}", export),
        ("webhooks/{id}", id(&webhook)),
        ("deliveries/{id}", id(&delivery)),
        ("content/{content_id}", id(&content)),
        ("tickets/{ticket}", ticket),
        ("reveals/{id}", id(&reveal)),
        ("recipients/{id}", id(&recipient)),
        ("anonymize-requests/{id}", id(&request)),
        ("holds/{id}", id(&hold)),
        ("interactions/{id}", id(&record)),
        ("job-runs/{id}", id(&run)),
        ("{message_id}", id(&message)),
    ])
}

fn needed(operation: &Operation) -> &'static [&'static str] {
    let row = OPERATIONS.iter().find(|(name, _)| *name == operation.name);
    row.unwrap_or_else(|| panic!("{} has no row: say here who may call it", operation.name)).1
}

each_store!(every_operation_asks_for_its_scope, |lethe: TestLethe| async move {
    let ids = things(&lethe).await;
    let operations = operations(&lethe).await;
    for (name, _) in OPERATIONS {
        assert!(operations.iter().any(|operation| operation.name == *name), "{name} is not in the document any more");
    }
    let good = lethe.caller("admin").token().to_owned();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let broken =
        [None, Some(format!("{head}.{flipped}{}", &signature[1..])), Some(format!("{head}.")), Some("x".to_owned())];
    // Deletions come last, so that the resources exist until then.
    let (deleting, others): (Vec<_>, Vec<_>) = operations.iter().partition(|operation| operation.method == "DELETE");
    let mut refusals = Vec::new();
    for operation in others.into_iter().chain(deleting) {
        if OPEN.contains(&operation.name.as_str()) {
            operation.call(&lethe.caller_with(None), &ids).await.expect(200);
            continue;
        }
        let needed = needed(operation);
        for token in &broken {
            let answer = operation.call(&lethe.caller_with(token.as_deref()), &ids).await;
            assert_eq!(answer.problem(401), "unauthorized", "{}", operation.name);
            assert!(answer.header("www-authenticate").is_some(), "{}", operation.name);
        }
        for (role, scopes) in roles() {
            let answer = operation.call(&lethe.caller_of("demo", role, role), &ids).await;
            let further = FURTHER.iter().find(|(name, by, ..)| *name == operation.name && *by == role);
            if let Some((_, _, code, needs)) = further {
                assert_eq!(answer.problem(403), *code, "{} as {role}", operation.name);
                let detail =
                    json!({ "reason": code, "needs": needs, "method": operation.method, "route": operation.path });
                refusals.push((role.to_owned(), detail));
            } else if needed.is_empty() || needed.iter().any(|scope| scopes.contains(scope)) {
                let refused = [401, 403].contains(&answer.status) || answer.status >= 500;
                assert!(!refused, "{} as {role}: {} {}", operation.name, answer.status, answer.text);
            } else {
                assert_eq!(answer.problem(403), "forbidden", "{} as {role}", operation.name);
                let names = needed.iter().any(|scope| answer.text.contains(scope));
                assert!(names, "{} as {role} does not name the scope: {}", operation.name, answer.text);
                let detail = json!({ "reason": "forbidden", "needs": needed, "method": operation.method,
                    "route": operation.path });
                refusals.push((role.to_owned(), detail));
            }
        }
    }
    // The audit log has each of these refusals and nothing else.
    let mut audited = refusals_in_the_audit_log(&lethe).await;
    let by_text = |(role, detail): &(String, Value)| format!("{role} {detail}");
    audited.sort_by_key(by_text);
    refusals.sort_by_key(by_text);
    assert_eq!(audited, refusals);
});

each_store!(another_tenant_sees_nothing, |lethe: TestLethe| async move {
    let ids = things(&lethe).await;
    lethe.run(&["tenant", "create", "other"]).await.well();
    let stranger = lethe.caller_of("other", "admin,dpo,operator", "eve");
    for operation in operations(&lethe).await {
        // The address of a download is good for everybody who has it, once.
        if operation.name == "download_access_export" {
            continue;
        }
        let answer = operation.call(&stranger, &ids).await;
        if operation.path.contains("id}") {
            assert_eq!(answer.problem(404), "not_found", "{}", operation.name);
            // A resource of another tenant looks like a missing one.
            let missing = ids.keys().map(|part| (*part, "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11".to_owned())).collect();
            let missing = operation.call(&stranger, &missing).await;
            let without_instance = |answer: &Answer| {
                let mut problem = answer.json();
                problem.as_object_mut().unwrap().remove("instance");
                problem
            };
            assert_eq!(without_instance(&answer), without_instance(&missing), "{}", operation.name);
        } else {
            for id in ids.values() {
                assert!(!answer.text.contains(id.as_str()), "{} shows another tenant's {id}", operation.name);
            }
        }
    }
    assert_eq!(stranger.all("/archive/search", &json!({ "phone_number": "91234567" })).await.len(), 0);
    // The calls have changed nothing of the other tenant's.
    assert_eq!(lethe.find(&json!({})).await, ["a"]);
    lethe.request(&json!(ids["anonymize-requests/{id}"])).await.expect(200);
});

each_store!(a_token_without_a_known_tenant_is_refused, |lethe: TestLethe| async move {
    let caller = lethe.caller_of("nowhere", "admin", "eve");
    assert_eq!(caller.get("/me").await.problem(403), "tenant_unknown");
});
