//! The details of the HTTP contract.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Answer, Stock, each_store};

#[test]
fn openapi_is_current() {
    let told = std::process::Command::new(env!("CARGO_BIN_EXE_lethe")).arg("openapi").output().unwrap();
    assert!(told.status.success());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/lethe.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &told.stdout).unwrap();
    }
    let committed = std::fs::read(&path).unwrap_or_default();
    assert!(
        committed == told.stdout,
        "openapi/lethe.json is not what the code says: run it again with UPDATE_OPENAPI=1"
    );
}

each_store!(the_document_is_served_as_it_is_committed, |lethe: TestLethe| async move {
    let served = lethe.caller_with(None).get("//openapi.json").await.expect(200).json();
    let committed = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/lethe.json")).unwrap();
    assert_eq!(served, serde_json::from_slice::<Value>(&committed).unwrap());
    let page = lethe.caller_with(None).get("//docs/").await.expect(200);
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "the page needs another host");
});

each_store!(every_refusal_is_a_problem, |lethe: TestLethe| async move {
    let caller = lethe.caller("admin");
    let raw = |method: &str, path: &str, media_type: &str, body: &str| {
        let call = caller.call(method, path).header("content-type", media_type).body(body.to_owned());
        Answer::of(call)
    };
    let json = "application/json";
    let valid = r#"{"phone_number":"91234567","targets":["archive"]}"#;
    for (answer, status, code) in [
        (raw("GET", "//nothing", json, "").await, 404, "not_found"),
        (raw("GET", "/anonymize-requests/", json, "").await, 404, "not_found"),
        (raw("GET", "/anonymize-requests/no-uuid", json, "").await, 404, "not_found"),
        (raw("GET", "/archive/interactions/no-uuid", json, "").await, 404, "not_found"),
        (raw("PUT", "/anonymize-requests", json, valid).await, 405, "method_not_allowed"),
        (raw("GET", "/archive/search", json, "").await, 405, "method_not_allowed"),
        (raw("POST", "/anonymize-requests", json, "{").await, 400, "json_invalid"),
        (raw("POST", "/anonymize-requests", json, "").await, 400, "json_invalid"),
        (raw("POST", "/anonymize-requests", json, r#"{"comment":"\ud800"}"#).await, 400, "json_invalid"),
        (raw("POST", "/archive/interactions", json, r#"{"external_id":"#).await, 400, "json_invalid"),
        (raw("POST", "/archive/raw-events", json, r#"{"a":"\ud800"}"#).await, 400, "json_invalid"),
        (raw("POST", "/archive/survey-responses", json, r#"{"a":1}"#).await, 422, "validation_failed"),
        (raw("POST", "/anonymize-requests", "text/plain", valid).await, 415, "media_type_unsupported"),
        (raw("POST", "/archive/interactions", "text/csv", "a,b").await, 415, "media_type_unsupported"),
        (raw("PATCH", "/tenant", "application/json-patch+json", "[]").await, 415, "media_type_unsupported"),
        (raw("POST", "/anonymize-requests", json, &" ".repeat(3 << 20)).await, 413, "too_large"),
    ] {
        assert_eq!(answer.problem(status), code, "{}", answer.text);
        let problem = answer.json();
        for member in ["type", "title", "status", "detail", "instance", "code"] {
            assert!(!problem[member].is_null(), "{member}: {problem}");
        }
        assert!(problem["instance"].as_str().unwrap().starts_with("urn:uuid:"), "{problem}");
    }
    let refused = raw("PUT", "/anonymize-requests", json, valid).await;
    let allowed = refused.header("allow").expect("Allow").to_owned();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    let options = Answer::of(caller.call("OPTIONS", "/anonymize-requests")).await;
    assert_eq!((options.status, options.text.as_str()), (204, ""));
    assert!(options.header("allow").unwrap().contains("POST"));
    let head = Answer::of(caller.call("HEAD", "/anonymize-requests")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
});

each_store!(unknown_fields_and_parameters_are_named, |lethe: TestLethe| async move {
    let caller = lethe.caller("admin");
    let mistakes = |path: &'static str, body: Value| {
        let caller = caller.clone();
        async move { caller.post(path, &body).await.mistakes() }
    };
    let new = |field: &str, value: Value| {
        let mut body = json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"] });
        body[field] = value;
        body
    };
    let requests = "/anonymize-requests";
    for (field, value, wanted) in [
        ("user_name", json!("paal"), "/user_name unknown_field"),
        ("phone_number", json!(91_234_567), "/phone_number type"),
        ("phone_number", json!("12"), "/phone_number phone_number_invalid"),
        ("phone_number", json!("Anonymized"), "/phone_number phone_number_invalid"),
        ("phone_number", json!("+999123456789012345"), "/phone_number phone_number_invalid"),
        ("phone_number", Value::Null, "/phone_number identifier_missing"),
        ("email", json!("nobody"), "/email email_invalid"),
        ("to_date", json!("2999-01-01"), "/to_date to_date_after_entry"),
        ("to_date", json!("15.02.2026"), "/to_date format"),
        ("to_date", json!("2026-02-30"), "/to_date format"),
        ("comment", json!("x".repeat(10_001)), "/comment too_long"),
        ("targets", json!([]), "/targets required"),
        ("targets", json!(["moon"]), "/targets/0 target_unavailable"),
    ] {
        assert_eq!(mistakes(requests, new(field, value.clone())).await, [wanted], "{field}: {value}");
    }
    let search = "/archive/search";
    for (body, wanted) in [
        (json!({ "limit": 0 }), "/limit out_of_range"),
        (json!({ "limit": 201 }), "/limit out_of_range"),
        (json!({ "channels": [] }), "/channels required"),
        (json!({ "channels": ["fax"] }), "/channels/0 format"),
        (json!({ "from": "2026-02-10" }), "/from format"),
        (json!({ "token": "phone_1" }), "/token format"),
        (json!({ "nobody": 1 }), "/nobody unknown_field"),
    ] {
        assert_eq!(mistakes(search, body.clone()).await, [wanted], "{body}");
    }
    let reversed = json!({ "from": "2026-02-10T10:00:00Z", "to": "2026-02-10T10:00:00Z" });
    assert_eq!(caller.post(search, &reversed).await.problem(422), "validation_failed");
    for (path, wanted) in [
        ("/anonymize-requests?limit=0", "limit out_of_range"),
        ("/anonymize-requests?limit=x", "limit type"),
        ("/anonymize-requests?status=gone", "status format"),
        ("/anonymize-requests?nobody=1", "nobody unknown_field"),
    ] {
        assert_eq!(caller.get(path).await.mistakes(), [wanted], "{path}");
    }
});

each_store!(a_cursor_belongs_to_its_tenant_and_its_query, |lethe: TestLethe| async move {
    Stock::of(40, 4).load(&lethe).await;
    lethe.run(&["tenant", "create", "other"]).await.well();
    let caller = lethe.caller("dpo");
    let search = "/archive/search";
    let page = caller.post(search, &json!({ "limit": 5, "channels": ["call"] })).await.expect(200).json();
    let cursor = page["next_cursor"].as_str().expect("a second page").to_owned();
    let with = |cursor: &str| json!({ "limit": 5, "channels": ["call"], "cursor": cursor });
    caller.post(search, &with(&cursor)).await.expect(200);
    let mut altered = Vec::new();
    for at in [0, cursor.len() / 2, cursor.len() - 1] {
        let mut bytes = cursor.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        altered.push(String::from_utf8(bytes).unwrap());
    }
    altered.extend([
        String::new(),
        "x".to_owned(),
        cursor[..cursor.len() / 2].to_owned(),
        format!("{cursor}{cursor}"),
        "é".to_owned(),
    ]);
    for altered in altered {
        assert_eq!(caller.post(search, &with(&altered)).await.problem(400), "cursor_invalid", "{altered}");
    }
    let other_query = json!({ "limit": 5, "channels": ["chat"], "cursor": cursor });
    assert_eq!(caller.post(search, &other_query).await.problem(400), "cursor_invalid");
    let other_list = json!({ "limit": 5, "cursor": cursor });
    assert_eq!(caller.post("/archive/raw-events/search", &other_list).await.problem(400), "cursor_invalid");
    assert_eq!(caller.get(&format!("/anonymize-requests?cursor={cursor}")).await.problem(400), "cursor_invalid");
    let stranger = lethe.caller_of("other", "dpo", "eve");
    assert_eq!(stranger.post(search, &with(&cursor)).await.problem(400), "cursor_invalid");
});

/// Texts that break careless code.
fn naughty() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\0",
        "a\0b",
        "\u{feff}",
        "\u{202e}gnirts",
        "\u{e000}7\u{e001}",
        "null",
        "true",
        "NaN",
        "-1",
        "1e400",
        "' OR 1=1 --",
        "\"; DROP TABLE identifiers; --",
        "%s%n%x",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "\r\nX-Injected: 1",
        "Ａｎｏｎｙｍｉｚｅｄ",
        "👩‍👩‍👧‍👦",
        "ﷺ",
        "Ω≈ç√∫˜µ≤≥÷",
        "\u{10ffff}",
        "9".repeat(400).as_str(),
        "+47 912 34 567 ext. 9",
        "kari@@example.net",
        "@",
        "\u{1F600}@example.net",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("x".repeat(1 << 20));
    texts
}

/// A body and the pointers of its text fields.
fn bodies() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let request = json!({ "phone_number": "91234567", "email": "a@example.net", "to_date": "2026-02-15", "comment": "c", "targets": ["archive"] });
    let fields = vec!["/phone_number", "/email", "/to_date", "/comment", "/targets/0"];
    let interaction = json!({
        "external_id": "n", "channel": "call", "direction": "inbound", "started_at": "2026-02-10T10:00:00Z", "ended_at": null,
        "queue": "q", "agent_id": "a", "outcome": "o", "customer": { "phone_number": "91234567", "email": null, "name": "n" },
        "attributes": { "a": { "b": "c" } }
    });
    let of_interaction = vec![
        "/0/external_id",
        "/0/channel",
        "/0/direction",
        "/0/started_at",
        "/0/ended_at",
        "/0/queue",
        "/0/agent_id",
        "/0/outcome",
        "/0/customer/phone_number",
        "/0/customer/email",
        "/0/customer/name",
        "/0/attributes",
        "/0/attributes/a/b",
    ];
    let survey = json!({ "external_id": "n", "interaction_external_id": "i", "answered_at": "2026-02-10T10:00:00Z", "phone_number": "91234567", "comment": "c" });
    let event = json!({ "external_id": "n", "interaction_external_id": "i", "occurred_at": "2026-02-10T10:00:00Z", "event": "e", "phone_number": "91234567", "email": null, "attributes": {} });
    let search = json!({
        "from": "2026-02-10T10:00:00Z", "to": "2026-02-11T10:00:00Z", "channels": ["call"], "queue": "q", "agent_id": "a",
        "phone_number": "91234567", "email": "a@example.net", "token": null, "view": "identified", "purpose": "p", "cursor": null
    });
    let of_search = vec![
        "/from",
        "/to",
        "/channels/0",
        "/queue",
        "/agent_id",
        "/phone_number",
        "/email",
        "/token",
        "/view",
        "/purpose",
        "/cursor",
        "/limit",
    ];
    vec![
        ("/anonymize-requests", request.clone(), fields.clone()),
        ("/anonymize-requests/preview", request.clone(), fields),
        (
            "/anonymize-requests/batch",
            json!({ "create": [request] }),
            vec!["/create/0/phone_number", "/create/0/comment", "/create/0/to_date"],
        ),
        ("/archive/interactions", json!([interaction]), of_interaction),
        (
            "/archive/survey-responses",
            json!([survey]),
            vec!["/0/external_id", "/0/interaction_external_id", "/0/answered_at", "/0/phone_number", "/0/comment"],
        ),
        (
            "/archive/raw-events",
            json!([event]),
            vec!["/0/external_id", "/0/occurred_at", "/0/event", "/0/phone_number", "/0/email", "/0/attributes"],
        ),
        ("/archive/search", search, of_search),
    ]
}

each_store!(naughty_strings_are_refused_or_kept_as_they_are, |lethe: TestLethe| async move {
    let caller = lethe.caller("admin");
    let mut refused = 0;
    for (path, body, pointers) in bodies() {
        for pointer in pointers {
            for text in naughty() {
                let mut body = body.clone();
                match body.pointer_mut(pointer) {
                    Some(place) => *place = json!(text),
                    None => body[&pointer[1..]] = json!(text),
                }
                let answer = caller.post(path, &body).await;
                let shown: String = text.chars().take(40).collect();
                assert!(answer.status < 500, "{path} {pointer} {shown:?}: {} {}", answer.status, answer.text);
                if answer.status >= 400 {
                    refused += 1;
                    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
                    let echoed = text.len() > 8 && answer.text.contains(&text);
                    assert!(!echoed, "{path} {pointer} echoes {shown:?}");
                    let problem = answer.json();
                    assert!([400, 413, 422].contains(&answer.status), "{path} {pointer} {shown:?}: {problem}");
                }
            }
        }
    }
    assert!(refused > 200, "only {refused} were refused");
    let journal = lethe.journal().text();
    assert!(!journal.contains("Panicked") && !journal.contains("\"level\":\"ERROR\""), "{}", lethe.journal().tail());
});

each_store!(deep_and_huge_json_is_refused, |lethe: TestLethe| async move {
    let caller = lethe.caller("admin");
    let deep = |n: usize| format!(r#"{{"comment":{}1{}}}"#, "[".repeat(n), "]".repeat(n));
    for body in [deep(100), deep(10_000), deep(200_000), format!("[{}]", "{},".repeat(100_000) + "{}")] {
        for path in ["/anonymize-requests", "/archive/search", "/archive/interactions"] {
            let answer = caller.post_raw(path, "application/json", body.clone()).await;
            assert!(
                (400..500).contains(&answer.status) || answer.status == 200 && path.ends_with("interactions"),
                "{} {}",
                answer.status,
                answer.text.len()
            );
        }
    }
    let attributes = |depth: usize| {
        let value = (0..depth).fold(json!("x"), |inner, _| json!({ "a": inner }));
        json!([{ "external_id": "d", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "attributes": value }])
    };
    let rejected = |answer: Answer| answer.expect(200).json()["rejected"].as_array().unwrap().len();
    assert_eq!(rejected(caller.post("/archive/interactions", &attributes(16)).await), 0);
    assert_eq!(rejected(caller.post("/archive/interactions", &attributes(17)).await), 1);
});
