//! The audit log: attempts that were refused, and changes of a tenant. Each row names the actor, the action, and the
//! reason, and contains no value.
//!
//! `auth.rs` tests that every operation audits the calls that it refuses for a missing scope. This file tests the
//! refusals after that check.

use serde_json::{Value, json};

use crate::harness::{Answer, Caller, TestLethe, each_store};

/// The names and details of all refusals in the audit log of the tenant `demo`, oldest first.
pub async fn refusals_in_the_audit_log(lethe: &TestLethe) -> Vec<(String, Value)> {
    let (mut refusals, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = lethe.caller("dpo").get(&format!("/audit-events?limit=200{cursor}")).await.expect(200).json();
        for event in page["items"].as_array_mut().unwrap() {
            if event["action"] == "access.refused" {
                assert_eq!(event["outcome"], "refused", "{event}");
                assert_eq!((&event["purpose"], &event["actor_sub"]), (&Value::Null, &event["actor_name"]), "{event}");
                let name = event["actor_name"].as_str().unwrap().to_owned();
                refusals.push((name, event["detail"].take()));
            }
        }
        let Some(next) = page["next_cursor"].as_str() else {
            refusals.reverse();
            return refusals;
        };
        cursor = format!("&cursor={next}");
    }
}

/// A service with an interaction of a customer: its token, its path, and the paths of a chat log, of a restricted
/// recording, and of a sensitive recording of it.
struct House {
    token: String,
    interaction: String,
    text: String,
    restricted: String,
    sensitive: String,
}

const NUMBER: &str = "91234567";
const ADDRESS: &str = "kari.nordmann@example.net";

async fn house(lethe: &mut TestLethe) -> House {
    lethe.stop().await;
    lethe.set("AUTH__ROLES__LISTENER", "archive:search,content:read");
    lethe.set("AUTH__ROLES__READER", "content:read");
    lethe.set("AUTH__ROLES__VISITOR", "archive:read");
    lethe.serve().await;
    let customer = json!({ "phone_number": NUMBER, "email": ADDRESS });
    let call =
        json!({ "external_id": "a", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": customer });
    lethe.record(&call).await;
    let seen = lethe.caller("agent").post("/archive/search", &json!({})).await.expect(200).json()["items"][0].clone();
    let interaction = format!("/archive/interactions/{}", seen["id"].as_str().unwrap());
    let mut paths = Vec::new();
    for (query, media_type, bytes) in [
        ("kind=chat_log", "text/plain", "ring 912 34 567"),
        ("kind=recording&sensitivity=restricted", "audio/wav", "RIFF"),
        ("kind=recording&sensitivity=sensitive", "audio/wav", "RIFF"),
    ] {
        let path = format!("{interaction}/content?{query}");
        let item = lethe.caller("integration").post_raw(&path, media_type, bytes).await.expect(201).json();
        paths.push(format!("/archive/content/{}", item["id"].as_str().unwrap()));
    }
    let [text, restricted, sensitive] = paths.try_into().unwrap();
    let token = seen["customer"]["phone_number"].as_str().unwrap().to_owned();
    House { token, interaction, text, restricted, sensitive }
}

/// Makes some calls that are refused, each by a caller with a name of its own, and compares them with the audit log.
async fn refuse(lethe: &TestLethe, attempts: Vec<(&str, &str, String, Option<Value>, Value)>) {
    let mut expected = Vec::new();
    for (no, (role, method, path, body, detail)) in attempts.into_iter().enumerate() {
        let name = format!("{role}-{no:02}");
        let caller = lethe.caller_of("demo", role, &name);
        let call = caller.call(method, &path);
        let call = if let Some(body) = &body { call.json(body) } else { call };
        let answer = Answer::of(call).await;
        assert_eq!(answer.problem(403), detail["reason"].as_str().unwrap(), "{role} {method} {path}");
        for scope in detail["needs"].as_array().unwrap() {
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.contains(scope.as_str().unwrap()), "{role} {method} {path}: {challenge}");
        }
        expected.push((name, detail));
    }
    assert_eq!(refusals_in_the_audit_log(lethe).await, expected);
    let said = lethe.dump().await;
    let said = format!(
        "{:?}",
        said.rows("audit_events").iter().filter(|row| row["outcome"].as_deref() == Some("refused")).collect::<Vec<_>>()
    );
    for value in [NUMBER, "912 34 567", ADDRESS, "phone_", "case 118"] {
        assert!(!said.contains(value), "the audit log holds {value}: {said}");
    }
}

fn detail(reason: &str, needs: &[&str], method: &str, route: &str) -> Value {
    json!({ "reason": reason, "needs": needs, "method": method, "route": format!("/api/v1{route}") })
}

const SEARCHES: [&str; 3] = ["/archive/search", "/archive/survey-responses/search", "/archive/raw-events/search"];
const INTERACTION: &str = "/archive/interactions/{id}";
const DOWNLOAD: &str = "/archive/content/{content_id}/download";
const PLAY: &str = "/archive/content/{content_id}/play";
const TICKET: &str = "/archive/content/{content_id}/ticket";

each_store!(an_attempt_to_identify_without_the_scope_is_in_the_audit_log, |mut lethe: TestLethe| async move {
    let House { token, interaction, text, sensitive, .. } = house(&mut lethe).await;
    let (identify, search) = (["archive:identify"], ["archive:search"]);
    let mut attempts = Vec::new();
    for route in SEARCHES {
        let mut post = |role, needs: &[&str], body: Value| {
            attempts.push((role, "POST", route.to_owned(), Some(body), detail("forbidden", needs, "POST", route)));
        };
        post("agent", &identify, json!({ "phone_number": NUMBER, "purpose": "case 118" }));
        post("agent", &identify, json!({ "view": "identified" }));
        post("visitor", &identify, json!({ "phone_number": "912 34 567" }));
        post("visitor", &search, json!({ "token": token }));
        post("visitor", &search, json!({ "view": "pseudonymous" }));
    }
    for route in [SEARCHES[0], SEARCHES[2]] {
        let (body, detail) = (json!({ "email": ADDRESS }), detail("forbidden", &identify, "POST", route));
        attempts.push(("agent", "POST", route.to_owned(), Some(body), detail));
    }
    let mut get = |role, method, path: String, needs: &[&str], route| {
        attempts.push((role, method, path, None, detail("forbidden", needs, method, route)));
    };
    get("agent", "GET", format!("{interaction}?view=identified"), &identify, INTERACTION);
    get("visitor", "GET", interaction, &["archive:search", "archive:identify"], INTERACTION);
    get("listener", "GET", format!("{text}/download?view=identified"), &identify, DOWNLOAD);
    get("reader", "GET", format!("{text}/download?view=pseudonymous"), &search, DOWNLOAD);
    for (method, action, route) in [("GET", "download", DOWNLOAD), ("GET", "play", PLAY), ("POST", "ticket", TICKET)] {
        get("supervisor", method, format!("{sensitive}/{action}"), &["content:read:sensitive"], route);
    }
    get("supervisor", "DELETE", sensitive, &["content:read:sensitive"], "/archive/content/{content_id}");
    refuse(&lethe, attempts).await;
});

each_store!(an_attempt_without_a_purpose_is_in_the_audit_log, |mut lethe: TestLethe| async move {
    let House { interaction, text, restricted, .. } = house(&mut lethe).await;
    lethe.caller("operator").patch("/tenant", "*", &json!({ "purpose_required": true })).await.expect(200);
    let required = |method, route| detail("purpose_required", &[], method, route);
    let mut attempts = Vec::new();
    for route in SEARCHES {
        for body in [json!({ "phone_number": NUMBER }), json!({ "view": "identified" })] {
            attempts.push(("supervisor", "POST", route.to_owned(), Some(body), required("POST", route)));
        }
    }
    for (path, route) in [
        (format!("{interaction}?view=identified"), INTERACTION),
        (format!("{text}/download"), DOWNLOAD),
        (format!("{restricted}/download"), DOWNLOAD),
        (format!("{restricted}/play"), PLAY),
    ] {
        attempts.push(("supervisor", "GET", path, None, required("GET", route)));
    }
    attempts.push(("supervisor", "POST", format!("{restricted}/ticket"), None, required("POST", TICKET)));
    refuse(&lethe, attempts).await;
});

each_store!(sensitive_content_is_deleted_only_by_those_who_may_read_it, |mut lethe: TestLethe| async move {
    let House { interaction, sensitive, .. } = house(&mut lethe).await;
    let id = interaction.rsplit('/').next().unwrap();
    let unknown = "0198c1de-5f36-7cc3-b5a5-3a5e0d4b8f11";
    let batch = |kinds: Value| json!({ "interaction_ids": [id, unknown], "kinds": kinds });
    let delete = async |role: &str, kinds: Value| {
        lethe.caller(role).post("/archive/content/delete-batch", &batch(kinds)).await.expect(200).json()
    };
    let forbidden = json!([{ "id": id, "code": "forbidden" }]);
    let texts = delete("supervisor", json!(["chat_log"])).await;
    assert_eq!(texts, json!({ "deleted": 1, "failures": [] }), "none of that kind is sensitive");
    let all = delete("supervisor", Value::Null).await;
    assert_eq!(all, json!({ "deleted": 1, "failures": forbidden }), "all but what is sensitive goes");
    let again = delete("supervisor", json!(["recording"])).await;
    assert_eq!(again, json!({ "deleted": 0, "failures": forbidden }));
    lethe.caller("dpo").get(&sensitive).await.expect(200);
    let row = json!({ "reason": "forbidden", "needs": ["content:read:sensitive"], "batch": true });
    let refusals = refusals_in_the_audit_log(&lethe).await;
    assert_eq!(refusals, [("kari".to_owned(), row.clone()), ("kari".to_owned(), row)]);
    let all = delete("dpo", Value::Null).await;
    assert_eq!(all, json!({ "deleted": 1, "failures": [] }));
    assert_eq!(lethe.caller("dpo").get(&sensitive).await.problem(404), "not_found");
});

each_store!(a_purpose_that_shows_nothing_is_none, |mut lethe: TestLethe| async move {
    let House { restricted, .. } = house(&mut lethe).await;
    lethe.caller("operator").patch("/tenant", "*", &json!({ "purpose_required": true })).await.expect(200);
    let officer = lethe.caller("dpo");
    for blank in ["", " ", "\u{200b}", "\u{feff} \u{2060}", "\u{3164}", "\u{e000}"] {
        let escaped = blank.escape_unicode();
        for route in SEARCHES {
            let body = json!({ "phone_number": NUMBER, "purpose": blank });
            assert_eq!(officer.post(route, &body).await.mistakes(), ["/purpose out_of_range"], "{escaped}");
        }
        let call = officer.call("GET", &format!("{restricted}/download"));
        let call = call.header("access-reason", reqwest::header::HeaderValue::from_bytes(blank.as_bytes()).unwrap());
        assert_eq!(Answer::of(call).await.mistakes(), ["Access-Reason out_of_range"], "{escaped}");
    }
    let body = json!({ "phone_number": NUMBER, "purpose": "case 118\u{200b}" });
    officer.post("/archive/search", &body).await.expect(200);
    let events = officer.get("/audit-events").await.expect(200).json();
    assert_eq!(events["items"][0]["purpose"], "case 118");
});

each_store!(a_caller_in_a_loop_does_not_fill_the_audit_log, |lethe: TestLethe| async move {
    let agent = lethe.caller_of("demo", "agent", "ola");
    let loops = 45;
    for _ in 0..loops {
        assert_eq!(agent.get("/anonymize-requests").await.problem(403), "forbidden");
    }
    // Another attempt of the same caller is audited as well.
    assert_eq!(agent.get("/job-runs").await.problem(403), "forbidden");
    let refusals = refusals_in_the_audit_log(&lethe).await;
    let (last, rows) = refusals.split_last().unwrap();
    assert_eq!(last.1["route"], "/api/v1/job-runs");
    // Each of the first ten within a minute is written, then the 20th and the 40th. A busy machine can take more than
    // one minute.
    assert!((12..loops).contains(&rows.len()), "{rows:?}");
    let doubled: Vec<_> = rows.iter().filter_map(|(_, detail)| detail["times"].as_u64()).collect();
    assert!(doubled.iter().all(|times| [20, 40].contains(times)), "{rows:?}");
});

each_store!(a_refusal_stays_one_where_it_cannot_be_audited, |mut lethe: TestLethe| async move {
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    tx.query("ALTER TABLE audit_events RENAME TO audit_events_away").execute().await.unwrap();
    tx.commit().await.unwrap();
    let agent = lethe.caller_of("demo", "agent", "ola");
    assert_eq!(agent.get("/anonymize-requests").await.problem(403), "forbidden");
    assert_eq!(agent.post("/archive/search", &json!({ "phone_number": NUMBER })).await.problem(403), "forbidden");
    lethe.stop().await;
    let said = lethe.journal().text();
    let failures = said.matches("Writing a refusal into the audit log failed").count();
    assert_eq!(failures, 2, "{said}");
    assert!(!said.contains(NUMBER) && !said.contains("ola"), "{said}");
    let mut tx = archive.write().await.unwrap();
    tx.query("ALTER TABLE audit_events_away RENAME TO audit_events").execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
});

each_store!(a_token_of_an_unknown_tenant_leaves_a_line_in_the_log, |mut lethe: TestLethe| async move {
    let nobody: Caller = lethe.caller_of("nowhere", "admin", "evelina");
    assert_eq!(nobody.get("/me").await.problem(403), "tenant_unknown");
    assert_eq!(nobody.post("/archive/search", &json!({ "phone_number": NUMBER })).await.problem(403), "tenant_unknown");
    assert_eq!(refusals_in_the_audit_log(&lethe).await, []);
    lethe.stop().await;
    let said = lethe.journal().text();
    assert_eq!(said.matches("the token names no tenant of this service").count(), 2, "{said}");
    assert!(!said.contains("nowhere") && !said.contains("evelina"), "{said}");
});

each_store!(a_change_of_the_tenant_says_which_settings, |lethe: TestLethe| async move {
    let operator = lethe.caller("operator");
    let change = json!({ "region": "SE", "purpose_required": true, "delete_content": false,
        "recordings": { "retention_days": { "recording": 90 }, "encrypt": true, "allow_plain_ftp": true } });
    operator.patch("/tenant", "*", &change).await.expect(200);
    operator.patch("/tenant", "*", &change).await.expect(200);
    let set = ["tenant", "set", "demo", "--time-zone", "Europe/Stockholm", "--request-retention-months", "24"];
    lethe.run(&[&set[..], &["--region", "SE"]].concat()).await.well();
    lethe.run(&set).await.well();
    let events = lethe.caller("dpo").get("/audit-events").await.expect(200).json();
    let changes = events["items"].as_array().unwrap().iter().filter(|event| event["action"] == "tenant.changed");
    let changes: Vec<_> = changes.map(|event| (event["actor_sub"].clone(), event["detail"].clone())).collect();
    let settings = ["time_zone", "request_retention_months"];
    let by_command = json!({ "version": 3, "changed": settings });
    let settings = ["region", "purpose_required", "recordings.allow_plain_ftp", "recordings.retention_days"];
    let by_caller = json!({ "version": 2, "changed": settings });
    let expected = [(json!("lethe:command-line"), by_command), (json!("kari"), by_caller)];
    assert_eq!(changes, expected, "a change of nothing leaves no row");
});

each_store!(times_have_the_years_and_the_precision_of_both_databases, |lethe: TestLethe| async move {
    let dpo = lethe.caller("dpo");
    for time in ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00%2B01:00"] {
        for path in [
            "/audit-events?from=",
            "/audit-events?to=",
            "/audit-events/export?from=",
            "/anonymize-requests?updated_since=",
            "/anonymize-requests?to=",
        ] {
            let refused = dpo.get(&format!("{path}{time}")).await;
            assert_eq!(refused.problem(422), "validation_failed", "{path}{time}");
            assert!(refused.text.contains("out_of_range"), "{}", refused.text);
        }
        for path in ["/archive/search", "/access-exports"] {
            let refused = dpo.post(path, &json!({ "from": time.replace("%2B", "+") })).await;
            assert!(refused.mistakes().contains(&"/from out_of_range".to_owned()), "{}", refused.text);
        }
    }
    let order = json!({ "phone_number": "91234567", "purpose": "letter", "to": "2026-02-10T23:59:60.1234567Z",
        "attestations": [{ "method": "call_back", "by": "Ingrid", "on": "2026-02-11" }] });
    let ordered = dpo.post("/access-exports", &order).await.expect(202).json();
    assert_eq!(ordered["to"], "2026-02-10T23:59:59.999999Z");
});

each_store!(the_audit_log_is_filtered, |lethe: TestLethe| async move {
    let (operator, began) = (lethe.caller_of("demo", "operator", "ola"), lethe::base::clock::Clock::System.now());
    operator.patch("/tenant", "*", &json!({ "purpose_required": true })).await.expect(200);
    operator.patch("/tenant", "*", &json!({ "purpose_required": false })).await.expect(200);
    assert_eq!(operator.get("/audit-events").await.problem(403), "forbidden");
    let between = lethe::base::clock::Clock::System.now();
    lethe.search(&json!({ "phone_number": NUMBER })).await;
    let officer = lethe.caller("dpo");
    let instant = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let (began, between) = (instant(began), instant(between));
    let list = async |query: &str| {
        let (mut actions, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = officer.get(&format!("/audit-events?limit=1&{query}{cursor}")).await.expect(200).json();
            actions.extend(page["items"].as_array().unwrap().iter().map(|row| row["action"].clone()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return actions,
            }
        }
    };
    let (changed, refused, searched) = ("tenant.changed", "access.refused", "archive.searched");
    assert_eq!(list("actor=ola").await, [refused, changed, changed]);
    assert_eq!(list("action=tenant.changed").await, [changed, changed]);
    assert_eq!(list("actor=kari").await, [searched]);
    assert_eq!(list("actor=kari&action=tenant.changed").await, [""; 0]);
    assert_eq!(list(&format!("from={between}")).await, [searched]);
    assert_eq!(list(&format!("from={began}&to={between}")).await, [refused, changed, changed]);
    let page = officer.get("/audit-events?limit=1&actor=ola").await.expect(200).json();
    let other = format!("/audit-events?limit=1&actor=kari&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(officer.get(&other).await.problem(400), "cursor_invalid");
    for (query, wanted) in [
        ("action=nothing.happened", "action format"),
        ("from=2026-02-10", "from format"),
        ("from=2026-02-10T10:00:00Z&to=2026-02-10T10:00:00Z", "to out_of_range"),
        ("who=ola", "who unknown_field"),
    ] {
        assert_eq!(officer.get(&format!("/audit-events?{query}")).await.mistakes(), [wanted], "{query}");
    }
});
