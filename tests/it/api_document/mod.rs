//! The OpenAPI document as generators of clients read it.

mod codes;
mod schema;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::harness::each_store;

use schema::{broken, resolved};

/// The fields of responses that may be left out. All others are always there, as null if there is no value.
const LEFT_OUT: [&str; 39] = [
    "AnonymizePreview/held",
    "AnonymizeRequest/held",
    "AnonymizeRequest/preview",
    "AnonymizeResult/archive",
    "AnonymizeResult/content",
    "AnonymizeResult/delivered_files",
    "AnonymizeResult/preview",
    "AnonymizeResult/raw_data",
    "AnonymizeResult/sms_survey",
    "Condition/journal",
    "Condition/tenants_behind",
    "ContentItem/warnings",
    "FieldError/column",
    "FieldError/line",
    "FieldError/parameter",
    "FieldError/pointer",
    "Ingested/ids",
    "Ingested/more",
    "InteractionTotal/agent_id",
    "InteractionTotal/channel",
    "InteractionTotal/direction",
    "InteractionTotal/duration_avg",
    "InteractionTotal/duration_p50",
    "InteractionTotal/duration_p95",
    "InteractionTotal/outcome",
    "InteractionTotal/queue",
    "InteractionTotals/percentile_error",
    "Problem/errors",
    "Problem/journal",
    "RevealedToken/code",
    "RevealedToken/value",
    "SurveyResponseTotal/score_avg",
    "SurveyResponseTotal/score_histogram",
    "TimeGroups/day",
    "TimeGroups/hour",
    "TimeGroups/hour_of_day",
    "TimeGroups/month",
    "TimeGroups/week",
    "TimeGroups/weekday",
];

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/lethe.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn schemas(document: &Value) -> &Map<String, Value> {
    document["components"]["schemas"].as_object().unwrap()
}

/// The operations with their names.
fn operations(document: &Value) -> Vec<(&str, &Value)> {
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    operations.map(|operation| (operation["operationId"].as_str().unwrap(), operation)).collect()
}

/// All responses of an operation by status, without references.
fn responses<'d>(document: &'d Value, operation: &'d Value) -> Vec<(&'d str, &'d Value)> {
    let responses = operation["responses"].as_object().unwrap();
    responses.iter().map(|(status, response)| (status.as_str(), resolved(document, response))).collect()
}

/// The values inside of a value, itself included.
fn inside<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    found.push(value);
    match value {
        Value::Array(values) => values.iter().for_each(|value| inside(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| inside(value, found)),
        _ => {}
    }
}

/// The names of the schemas that a value refers to, directly or not.
fn referred<'d>(document: &'d Value, value: &'d Value, names: &mut BTreeSet<&'d str>) {
    let mut parts = Vec::new();
    inside(value, &mut parts);
    for part in parts {
        let name = part["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/components/schemas/"));
        if let Some(name) = name.filter(|name| names.insert(*name)) {
            referred(document, &schemas(document)[name], names);
        }
    }
}

/// The schemas of request bodies, and the schemas of responses.
fn directions(document: &Value) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut requests, mut answers) = (BTreeSet::new(), BTreeSet::new());
    for (_, operation) in operations(document) {
        referred(document, &operation["requestBody"], &mut requests);
        for (_, response) in responses(document, operation) {
            referred(document, response, &mut answers);
        }
    }
    (requests, answers)
}

#[test]
fn no_two_names_are_one_class_of_a_client() {
    let document = document();
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in schemas(&document).keys().chain(document["components"]["responses"].as_object().unwrap().keys()) {
        names.entry(plain(name)).or_default().push(name);
    }
    names.retain(|_, equal| equal.len() > 1);
    assert!(names.is_empty(), "{names:?}");
    let mut ids: Vec<_> = operations(&document).into_iter().map(|(id, _)| plain(id)).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let titled: Vec<_> = schemas(&document).iter().filter(|(_, schema)| schema.get("title").is_some()).collect();
    assert!(titled.is_empty(), "a title is the name of a class in some clients: {titled:?}");
}

#[test]
fn a_field_that_a_caller_may_leave_out_has_no_default() {
    let document = document();
    for name in directions(&document).0 {
        let mut parts = Vec::new();
        inside(&schemas(&document)[name], &mut parts);
        assert!(parts.iter().all(|part| part.get("default").is_none()), "{name}");
    }
}

#[test]
fn a_free_object_says_that_it_is_free() {
    let document = document();
    let mut parts = Vec::new();
    inside(&document["components"], &mut parts);
    let is_object = |part: &&Value| part["type"] == "object" || part["type"] == json!(["object", "null"]);
    for part in parts.into_iter().filter(is_object) {
        assert!(part.get("properties").is_some() || part.get("additionalProperties").is_some(), "{part}");
    }
    for name in ["Interaction", "InteractionIn", "RawEvent", "RawEventIn"] {
        assert_eq!(schemas(&document)[name]["properties"]["attributes"]["additionalProperties"], true, "{name}");
    }
    assert_eq!(schemas(&document)["AuditEvent"]["properties"]["detail"]["additionalProperties"], true);
}

#[test]
fn a_field_that_is_always_there_is_required() {
    let document = document();
    let (requests, answers) = directions(&document);
    let mut left_out = BTreeSet::new();
    for name in answers.difference(&requests) {
        let mut parts = Vec::new();
        inside(&schemas(&document)[*name], &mut parts);
        for part in parts {
            let is_required =
                |field: &&String| part["required"].as_array().is_some_and(|all| all.contains(&json!(field)));
            let fields = part["properties"].as_object().into_iter().flat_map(Map::keys);
            let optional = fields.filter(|field| !is_required(field));
            left_out.extend(optional.map(|field| format!("{name}/{field}")));
        }
    }
    assert_eq!(left_out, LEFT_OUT.map(str::to_owned).into());
}

#[test]
fn a_page_refers_to_its_items() {
    let document = document();
    let pages: Vec<_> = schemas(&document).iter().filter(|(name, _)| name.ends_with("Page")).collect();
    assert_eq!(pages.len(), 15);
    for (name, page) in pages {
        let item = page["properties"]["items"]["items"]["$ref"].as_str().unwrap_or_default();
        assert_eq!(format!("{}Page", item.rsplit('/').next().unwrap()), *name);
    }
}

#[test]
fn a_closed_set_is_an_enumeration_with_a_name() {
    let document = document();
    for (field, set, word) in [
        ("AnonymizeRequest/properties/targets/items", "Target", "sms_survey"),
        ("AnonymizeRequestNew/properties/targets/items", "Target", "archive"),
        ("AnonymizeRequestChange/properties/targets/items", "Target", "archive"),
        ("AnonymizeRequestRowChange/properties/targets/items", "Target", "archive"),
        ("TenantSettings/properties/targets/items", "Target", "archive"),
        ("TenantSettingsChange/properties/targets/items", "Target", "archive"),
        ("Me/properties/scopes/items", "Scope", "content:read:sensitive"),
        ("Problem/properties/code", "ProblemCode", "version_stale"),
        ("AnonymizePreview/properties/warnings/items", "RequestWarning", ""),
        ("RequestWarning/properties/code", "RequestWarningCode", "nothing_found"),
        ("Warning/properties/code", "IngestWarningCode", "identifier_ignored"),
        ("ContentWarning/properties/code", "ContentWarningCode", "parts_dropped"),
        ("FailedDeletion/properties/code", "DeletionFailureCode", "unavailable"),
        ("AuditEvent/properties/action", "AuditAction", "archive.searched"),
        ("Reveal/properties/status", "RevealStatus", "expired"),
        ("TenantSettings/properties/identified_view", "IdentifiedView", "by_identifier"),
        ("AuditEvent/properties/outcome", "AuditOutcome", "refused"),
        ("Condition/properties/status", "ConditionStatus", "ready"),
    ] {
        let schemas = &document["components"]["schemas"];
        let found = schemas.pointer(&format!("/{field}/$ref")).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(found, format!("#/components/schemas/{set}"), "{field}");
        let words = schemas[set]["enum"].as_array();
        assert!(word.is_empty() || words.unwrap().contains(&json!(word)), "{set}");
    }
}

#[test]
fn a_body_has_one_schema_in_json() {
    let document = document();
    for (name, operation) in operations(&document) {
        let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
        let json: Vec<_> = content.keys().filter(|media_type| media_type.ends_with("json")).collect();
        let expected: &[&str] = match name {
            "upload_content" => &["application/x-ndjson"],
            name if name.starts_with("ingest_") => &["application/json", "application/x-ndjson"],
            "import_anonymize_requests" => &[],
            "update_anonymize_request"
            | "change_anonymize_request_checklist"
            | "change_tenant"
            | "pause_ageing_policy"
            | "update_webhook" => &["application/merge-patch+json"],
            _ => &["application/json"],
        };
        assert_eq!(json, expected, "{name}");
        for (media_type, media) in content {
            let schema = resolved(&document, &media["schema"]);
            let is_text = media_type.ends_with("json") && schema["type"] != "string";
            assert_eq!(is_text, !media_type.ends_with("ndjson") && media_type.ends_with("json"), "{name} {media_type}");
        }
    }
    for name in ["InteractionIn", "SurveyResponseIn", "RawEventIn"] {
        let items = json!({ "$ref": format!("#/components/schemas/{name}") });
        assert_eq!(schemas(&document)[&format!("{name}Array")]["items"], items);
    }
    let upload = &document["paths"]["/api/v1/archive/interactions/{id}/content"]["post"]["requestBody"]["content"];
    // Some generators know one media type of a body: the first.
    assert_eq!(upload.as_object().unwrap().keys().next().unwrap(), "application/octet-stream");
    assert!(
        upload.get("audio/wav").is_some() && upload.get("text/plain").is_some() && upload.get("text/vtt").is_some()
    );
}

/// The examples of a body: of its media type, or else of its schema.
fn examples<'d>(document: &'d Value, media: &'d Value) -> Vec<&'d Value> {
    let of = |value: &'d Value| -> Vec<&'d Value> {
        let named = value["examples"].as_object().into_iter().flat_map(Map::values).map(|example| &example["value"]);
        let listed = value["examples"].as_array().into_iter().flatten();
        value.get("example").into_iter().chain(named).chain(listed).collect()
    };
    let examples = of(media);
    if examples.is_empty() { of(resolved(document, &media["schema"])) } else { examples }
}

#[test]
fn every_operation_has_examples_that_follow_its_schemas() {
    let document = document();
    let mut count = 0;
    for (name, operation) in operations(&document) {
        let sent = operation["requestBody"]["content"].as_object();
        let mut bodies: Vec<_> = sent.into_iter().flatten().collect();
        for (_, response) in responses(&document, operation) {
            bodies.extend(response["content"].as_object().into_iter().flatten());
        }
        for (media_type, media) in bodies {
            let examples = examples(&document, media);
            let is_bytes = resolved(&document, &media["schema"])["format"] == "binary";
            assert!(is_bytes || !examples.is_empty(), "{name} has no example of {media_type}");
            count += examples.len();
            for example in examples {
                let broken = broken(&document, &media["schema"], example);
                assert!(broken.is_empty(), "{name}, {media_type}: {broken:#?}\n{example:#}");
            }
        }
    }
    assert!(count > 100, "only {count} examples");
    for (name, schema) in schemas(&document) {
        if let Some(example) = schema.get("example") {
            assert_eq!(broken(&document, schema, example), Vec::<String>::new(), "{name}");
        }
    }
}

each_store!(real_answers_follow_the_document, |lethe: TestLethe| async move {
    let document = document();
    let customer = json!({ "phone_number": "91234567", "email": "kari@example.net", "name": "Kari Nordmann" });
    lethe.record(&json!({ "external_id": "a", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": customer, "attributes": { "line": 1 } })).await;
    lethe.enter_request(&json!({ "phone_number": "91234567", "targets": ["archive"] })).await;
    lethe.enter_request(&json!({ "email": "ola@example.net", "to_date": "2026-02-10", "targets": ["archive"] })).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let record = lethe.search(&json!({})).await["items"][0]["id"].as_str().unwrap().to_owned();
    let content = format!("/archive/interactions/{record}/content");
    let integration = lethe.caller("integration");
    integration.post_raw(&format!("{content}?kind=recording"), "audio/wav", "RIFF").await.expect(201);
    let (admin, operator, officer) = (lethe.caller("admin"), lethe.caller("operator"), lethe.caller("dpo"));
    let recipient = json!({ "name": "crm", "clients": [{ "issuer": "a", "client_id": "b" }] });
    let reveal = json!({ "tokens": ["phone_00000000000000000000000000"], "purpose": "case 118" });
    let reveal = officer.post("/reveals", &reveal).await;
    let opened = format!("/reveals/{}/open", reveal.json()["id"].as_str().unwrap());
    let preview = json!({ "phone_number": "91234567", "targets": ["archive", "sms_survey"] });
    let totals = json!({ "from": "2026-02-10T00:00:00Z", "to": "2026-02-11T00:00:00Z",
        "group_by": ["queue", "channel", "hour"], "measures": ["duration_avg", "duration_p50"] });
    let scores =
        json!({ "from": "2026-02-10T00:00:00Z", "to": "2026-02-11T00:00:00Z", "measures": ["score_histogram"] });
    let check = json!({ "items": [{ "phone_number": "91234567", "at": "2026-02-10T10:00:00Z" }] });
    for (schema, answer) in [
        ("InteractionTotals", admin.post("/archive/totals", &totals).await),
        ("SurveyResponseTotals", admin.post("/archive/survey-responses/totals", &scores).await),
        ("SuppressionAnswer", integration.post("/suppressions/check", &check).await),
        ("AnonymizeRequestPage", admin.get("/anonymize-requests").await),
        ("AnonymizePreview", admin.post("/anonymize-requests/preview", &preview).await),
        ("InteractionPage", admin.post("/archive/search", &json!({ "limit": 1 })).await),
        ("SurveyResponsePage", admin.post("/archive/survey-responses/search", &json!({})).await),
        ("RawEventPage", admin.post("/archive/raw-events/search", &json!({})).await),
        ("ViewedInteraction", admin.get(&format!("/archive/interactions/{record}")).await),
        ("ContentItemPage", admin.get(&content).await),
        ("Ingested", integration.post("/archive/interactions", &json!([{ "external_id": 1 }])).await),
        ("Reveal", reveal),
        ("Recipient", admin.post("/recipients", &recipient).await),
        ("RecipientPage", admin.get("/recipients").await),
        ("RevealPage", officer.get("/reveals").await),
        ("OpenedReveal", officer.post(&opened, &json!({})).await),
        ("JobRunPage", operator.get("/job-runs").await),
        ("AuditEventPage", admin.get("/audit-events").await),
        ("DeliveryPage", operator.get("/deliveries").await),
        ("Me", admin.get("/me").await),
        ("TenantSettings", admin.get("/tenant").await),
        ("Problem", admin.get("/anonymize-requests/no-uuid").await),
        ("Problem", admin.post("/anonymize-requests", &json!({})).await),
        ("VerificationKeys", lethe.caller_with(None).get("//.well-known/lethe/jwks.json").await),
        ("Condition", lethe.caller_with(None).get("//readyz").await),
    ] {
        let reference = json!({ "$ref": format!("#/components/schemas/{schema}") });
        let broken = broken(&document, &reference, &answer.json());
        assert!(broken.is_empty(), "{schema}: {broken:#?}\n{}", answer.text);
    }
});
