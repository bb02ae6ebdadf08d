//! Reveals: the values of tokens, for a purpose, for a limited time, and on record. And the setting that shows values only
//! to a search by number or address.

use chrono::TimeDelta;
use lethe::base::clock::Clock;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::harness::{Answer, Caller, Needles, Store, TestLethe, each_store};

const NUMBER: &str = "+4791234567";
const ADDRESS: &str = "kari.nordmann@example.net";

/// Sends a call of Kari's and a later one, and a call of Ola's. Returns the tokens of Kari's number, address, and name,
/// and of Ola's number.
async fn tokens(lethe: &TestLethe) -> [String; 4] {
    let kari = json!({ "phone_number": NUMBER, "email": ADDRESS, "name": "Kari Nordmann" });
    for (id, day, customer) in [
        ("a", "10", &kari),
        ("b", "11", &json!({ "phone_number": "40612345" })),
        ("c", "20", &json!({ "phone_number": NUMBER })),
    ] {
        let at = format!("2026-02-{day}T10:00:00Z");
        lethe.record(&json!({ "external_id": id, "channel": "call", "started_at": at, "customer": customer })).await;
    }
    let seen = lethe.caller("agent").all("/archive/search", &json!({})).await;
    let token = |id: &str, field: &str| {
        let record = seen.iter().find(|record| record["external_id"] == id).unwrap();
        record["customer"][field].as_str().unwrap().to_owned()
    };
    [token("a", "phone_number"), token("a", "email"), token("a", "name"), token("b", "phone_number")]
}

async fn ask(caller: &Caller, tokens: &[&String]) -> Value {
    caller.post("/reveals", &json!({ "tokens": tokens, "purpose": "call back" })).await.expect(201).json()
}

fn path(reveal: &Value, action: &str) -> String {
    format!("/reveals/{}{action}", reveal["id"].as_str().unwrap())
}

async fn open(caller: &Caller, reveal: &Value) -> Answer {
    Answer::of(caller.call("POST", &path(reveal, "/open"))).await
}

/// The value or the code of each token.
fn opened(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let told = |item: &Value| item.get("value").or(item.get("code")).unwrap().as_str().unwrap().to_owned();
    answer.json()["items"].as_array().unwrap().iter().map(told).collect()
}

async fn set(lethe: &TestLethe, patch: Value) {
    lethe.caller("operator").patch("/tenant", "*", &patch).await.expect(200);
}

/// The reveals of the audit log, oldest first: the action, the actor, and the reason of a refusal.
async fn audited(lethe: &TestLethe) -> Vec<String> {
    let page = lethe.caller("dpo").get("/audit-events?limit=200").await.expect(200).json();
    let rows = page["items"].as_array().unwrap().iter().rev();
    let rows = rows.filter(|row| row["action"].as_str().unwrap().starts_with("reveal."));
    rows.map(|row| {
        let reason = row["detail"]["reason"].as_str().unwrap_or("-");
        format!("{} {} {reason}", row["action"].as_str().unwrap(), row["actor_name"].as_str().unwrap())
    })
    .collect()
}

each_store!(a_reveal_shows_values_for_a_purpose_and_on_record, |lethe: TestLethe| async move {
    let [phone, email, name, ola] = tokens(&lethe).await;
    let (dora, other) = (lethe.caller_of("demo", "dpo", "dora"), lethe.caller_of("demo", "compliance", "omar"));
    let unknown = "phone_00000000000000000000000000".to_owned();
    let of_another_kind = phone.replace("phone_", "email_");
    let body = json!({
        "tokens": [phone, email, name, ola, unknown, of_another_kind],
        "purpose": "call Kari Nordmann back on 912 34 567", "ticket": "INC0012345 of kari.nordmann@example.net",
    });
    let asked = dora.call("POST", "/reveals").header("idempotency-key", "a").json(&body);
    let asked = Answer::of(asked).await.expect(201);
    let reveal = asked.json();
    assert_eq!(asked.header("location").unwrap(), format!("/api/v1{}", path(&reveal, "")));
    let shown = |field: &str| reveal[field].as_str().unwrap().to_owned();
    assert_eq!((shown("status"), shown("user_name")), ("granted".to_owned(), "dora".to_owned()));
    assert_eq!(shown("purpose"), "call ***** back on *****");
    assert_eq!(shown("ticket"), "INC0012345 of *****");
    let again = dora.call("POST", "/reveals").header("idempotency-key", "a").json(&body);
    let again = Answer::of(again).await.expect(201);
    assert_eq!((again.json(), again.header("idempotency-replayed")), (reveal.clone(), Some("true")));

    let answer = open(&dora, &reveal).await;
    assert_eq!(opened(&answer), [NUMBER, ADDRESS, "Kari Nordmann", "+4740612345", "unknown", "unknown"]);
    assert_eq!(answer.json()["items"][5]["token"], json!(of_another_kind));
    assert_eq!(open(&other, &reveal).await.problem(403), "not_requester");
    // The number of openings has no version, so that each read has a body.
    let read = Answer::of(other.call("GET", &path(&reveal, "")).header("if-none-match", asked.etag())).await;
    assert_eq!(read.expect(200).json()["openings"], 1);

    // Neither the reveals nor the audit log contain a value or a token.
    let listed = other.get("/reveals").await.expect(200).text;
    let log = other.get("/audit-events?limit=200").await.expect(200).text;
    let needles = Needles::new([NUMBER, "912 34 567", ADDRESS, "Nordmann", "40612345", &phone[6..], &ola[6..]]);
    for (what, text) in [("the list", &listed), ("the audit log", &log)] {
        needles.absent_from(what, text.as_bytes());
    }

    // It is revoked in the version that was read, or in any. The lists by status follow.
    assert_eq!(dora.delete(&path(&reveal, ""), "\"7\"").await.problem(412), "version_stale");
    Answer::of(dora.call("DELETE", &path(&reveal, ""))).await.expect(204);
    assert_eq!(dora.delete(&path(&reveal, ""), "*").await.problem(409), "state_conflict");
    assert_eq!(open(&dora, &reveal).await.problem(409), "state_conflict");
    for (status, count) in [("granted", 0), ("revoked", 1), ("expired", 0)] {
        let page = other.get(&format!("/reveals?status={status}")).await.expect(200).json();
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{status}");
    }
    let rows = audited(&lethe).await;
    assert_eq!(
        rows,
        [
            "reveal.requested dora -",
            "reveal.opened dora -",
            "reveal.refused omar not_requester",
            "reveal.refused dora version_stale",
            "reveal.revoked dora -",
            "reveal.refused dora state_conflict",
            "reveal.refused dora state_conflict",
        ]
    );

    // Bad input is refused by the place, and nothing of it is stored but the fact.
    let many = vec![phone.clone(); 21];
    for (body, mistakes) in [
        (json!({ "tokens": [], "purpose": "a" }), &["/tokens required"][..]),
        (json!({ "tokens": many, "purpose": "a" }), &["/tokens too_many"]),
        (
            json!({ "tokens": [phone, "phone_91234567"], "purpose": " " }),
            &["/tokens/1 format", "/purpose out_of_range"],
        ),
        (json!({ "tokens": [phone] }), &["/purpose required"]),
        (json!({ "tokens": [phone], "purpose": "a", "ticket": "" }), &["/ticket out_of_range"]),
        (json!({ "tokens": [phone], "purpose": "a", "why": "b" }), &["/why unknown_field"]),
    ] {
        assert_eq!(dora.post("/reveals", &body).await.mistakes(), mistakes, "{body}");
    }
    assert_eq!(dora.get("/reveals").await.expect(200).json()["items"].as_array().unwrap().len(), 1);
    let refused = audited(&lethe).await.iter().filter(|row| row.ends_with("dora validation_failed")).count();
    assert_eq!(refused, 6, "a body that cannot be read is an attempt too");
});

each_store!(a_second_person_approves_and_a_day_has_a_cap, |lethe: TestLethe| async move {
    let [phone, email, ..] = tokens(&lethe).await;
    let wrong = json!({ "reveal": { "minutes": 0, "per_call": 201, "per_day": null } });
    let refused = lethe.caller("operator").patch("/tenant", "*", &wrong).await.mistakes();
    assert_eq!(refused, ["/reveal/minutes out_of_range", "/reveal/per_call out_of_range", "/reveal/per_day required"]);
    set(&lethe, json!({ "reveal": { "approval": true, "per_day": 5 } })).await;
    let (dora, omar) = (lethe.caller_of("demo", "dpo", "dora"), lethe.caller_of("demo", "compliance", "omar"));

    // The requester cannot decide, however often and at once they try. Of two others, one decides.
    let reveal = ask(&dora, &[&phone]).await;
    assert_eq!(reveal["status"], "waiting");
    assert_eq!(open(&dora, &reveal).await.problem(409), "reveal_waiting");
    let (approve, deny, none) = (path(&reveal, "/approve"), path(&reveal, "/deny"), json!({}));
    let own = futures_util::future::join_all((0..50).map(|_| dora.post(&approve, &none))).await;
    assert!(own.iter().all(|answer| answer.problem(403) == "own_request"));
    assert_eq!(dora.post(&deny, &none).await.problem(403), "own_request");
    let comment = json!({ "comment": "ok, ring 91234567" });
    let both = futures_util::future::join(omar.post(&approve, &comment), omar.post(&approve, &comment)).await;
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let approved = omar.get(&path(&reveal, "")).await.expect(200).json();
    assert_eq!(
        (&approved["status"], &approved["decided_by"], &approved["comment"]),
        (&json!("granted"), &json!("omar"), &json!("ok, ring *****"))
    );
    assert_eq!(opened(&open(&dora, &reveal).await), [NUMBER]);
    // A later revocation leaves the approver beside the approver's comment.
    dora.delete(&path(&reveal, ""), "*").await.expect(204);
    let revoked = omar.get(&path(&reveal, "")).await.expect(200).json();
    assert_eq!((&revoked["status"], &revoked["decided_by"]), (&json!("revoked"), &json!("omar")));
    assert_eq!((&revoked["decided_at"], &revoked["comment"]), (&approved["decided_at"], &approved["comment"]));
    let denied = ask(&dora, &[&phone]).await;
    let deny = path(&denied, "/deny");
    assert_eq!(omar.post_raw(&deny, "text/plain", "ok").await.problem(415), "media_type_unsupported");
    assert_eq!(omar.post(&deny, &json!({ "comment": " " })).await.mistakes(), ["/comment out_of_range"]);
    Answer::of(omar.call("POST", &deny)).await.expect(200);
    omar.post_raw(&path(&ask(&dora, &[&phone]).await, "/approve"), "application/json", "").await.expect(200);
    assert_eq!(open(&dora, &denied).await.problem(409), "state_conflict");

    // One value of the day is opened. Of twenty openings at once, four more are.
    set(&lethe, json!({ "reveal": { "approval": false } })).await;
    let mut reveals = Vec::new();
    for _ in 0..20 {
        reveals.push(ask(&dora, &[&phone]).await);
    }
    let answers = futures_util::future::join_all(reveals.iter().map(|reveal| open(&dora, reveal))).await;
    let capped: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert_eq!(capped.len(), 16);
    for answer in capped {
        assert_eq!(answer.problem(429), "reveal_cap");
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=90_000).contains(&seconds));
    }
    // The cap is one of values and of a user. A token that is named twice has one value.
    let two = ask(&omar, &[&phone, &email, &phone]).await;
    for status in [200, 200, 429] {
        open(&omar, &two).await.expect(status);
    }
    let caps = audited(&lethe).await.iter().filter(|row| row.ends_with("reveal_cap")).count();
    assert_eq!(caps, 17);

    // Nothing of an expired reveal can be opened or approved.
    set(&lethe, json!({ "reveal": { "approval": true } })).await;
    let late = ask(&dora, &[&phone]).await;
    expire_all(&lethe).await;
    assert_eq!(open(&dora, &two).await.problem(403), "not_requester");
    assert_eq!(open(&omar, &two).await.problem(409), "reveal_expired");
    assert_eq!(omar.post(&path(&late, "/approve"), &none).await.problem(409), "reveal_expired");
    let expired = omar.get("/reveals?status=expired&limit=200").await.expect(200).json();
    assert_eq!(expired["items"].as_array().unwrap().len(), 23);
    assert_eq!(omar.get("/reveals?status=waiting").await.expect(200).json()["items"], json!([]));
});

/// Ends the time of all reveals.
async fn expire_all(lethe: &TestLethe) {
    let url = lethe.archive_url();
    let at = Clock::System.now().format("%Y-%m-%dT%H:%M:%S+00:00");
    let sql = sqlx::raw_sql(AssertSqlSafe(format!("UPDATE reveals SET expires_at = '{at}'")));
    match lethe.store() {
        Store::Sqlite => drop(sql.execute(&mut SqliteConnection::connect(&url).await.unwrap()).await.unwrap()),
        Store::Postgres => drop(sql.execute(&mut PgConnection::connect(&url).await.unwrap()).await.unwrap()),
    }
}

each_store!(a_reveal_from_before_a_pass_opens_nothing_of_a_forgotten_customer, |lethe: TestLethe| async move {
    let [phone, email, name, ola] = tokens(&lethe).await;
    let dora = lethe.caller_of("demo", "dpo", "dora");
    let before = ask(&dora, &[&phone, &email, &name, &ola]).await;
    assert_eq!(opened(&open(&dora, &before).await)[0], NUMBER);
    let request = json!({ "phone_number": NUMBER, "to_date": "2026-02-15", "targets": ["archive"] });
    lethe.enter_request(&request).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(opened(&open(&dora, &before).await), ["forgotten", "forgotten", "forgotten", "+4740612345"]);

    // The number lives on for the later call, and so does its token.
    let after = ask(&dora, &[&phone, &email, &name]).await;
    assert_eq!(opened(&open(&dora, &after).await), [NUMBER, "unknown", "unknown"]);

    // A day after the reveals have expired, their tokens are gone. A reveal keeps no identifier from leaving the vault.
    assert_eq!(lethe.dump().await.rows("reveal_items").len(), 7);
    let day = |days| (Clock::System.now() + TimeDelta::days(days)).format("%Y-%m-%dT02:00:00Z").to_string();
    lethe.night(&day(3)).await.well();
    let dump = lethe.dump().await;
    assert_eq!(
        (dump.rows("reveal_items").len(), dump.rows("reveals").len(), dump.rows("reveal_days").len()),
        (0, 2, 0)
    );
    assert_eq!(dora.get(&path(&before, "")).await.expect(200).json()["tokens"], 4);
    lethe.night(&day(400)).await.well();
    assert_eq!(lethe.dump().await.rows("reveals").len(), 0);
});

each_store!(what_is_entered_during_a_pass_keeps_nobody_whom_it_forgets, |lethe: TestLethe| async move {
    let [phone, email, name, ola] = tokens(&lethe).await;
    let dora = lethe.caller_of("demo", "dpo", "dora");
    let request = json!({ "phone_number": NUMBER, "to_date": "2026-03-01", "targets": ["archive"] });
    lethe.enter_request(&request).await;
    let job = ["job", "nightly", "--as-of", "2026-03-02T02:00:00Z"];
    let mut reveals = Vec::new();
    for failpoint in ["unlink", "fence-again", "vault-delete.before"] {
        assert!(lethe.run_with(&job, &[("LETHE_FAILPOINT", failpoint)], Vec::new()).await.killed(), "{failpoint}");
        lethe.end_leases().await;
        reveals.push(ask(&dora, &[&phone, &email, &name, &ola]).await);
        let order = json!({ "phone_number": NUMBER, "purpose": "letter of 3 August",
            "attestations": [{ "method": "call_back", "by": "Ingrid", "on": "2026-08-03" }] });
        dora.post("/access-exports", &order).await.expect(202);
    }
    lethe.run(&job).await.well();
    for reveal in &reveals {
        assert_eq!(opened(&open(&dora, reveal).await), ["forgotten", "forgotten", "forgotten", "+4740612345"]);
    }
    let dump = lethe.dump().await;
    assert_eq!(dump.rows("access_exports").len(), 0);
    // Only Ola's number is left.
    assert_eq!(dump.rows("vault.identifiers").len(), 1);
});

each_store!(values_are_shown_only_to_a_search_that_names_a_customer, |lethe: TestLethe| async move {
    let [phone, ..] = tokens(&lethe).await;
    let survey =
        json!({ "external_id": "s", "answered_at": "2026-02-10T11:00:00Z", "phone_number": NUMBER, "score": 9 });
    lethe.ingest("survey-responses", survey.to_string()).await;
    let event =
        json!({ "external_id": "e", "occurred_at": "2026-02-10T11:00:00Z", "event": "x", "phone_number": NUMBER });
    lethe.ingest("raw-events", event.to_string()).await;
    let officer = lethe.caller_of("demo", "dpo", "dora");
    let id = lethe.search(&json!({ "external_id": "a" })).await["items"][0]["id"].as_str().unwrap().to_owned();
    let interaction = format!("/archive/interactions/{id}");
    let text = format!("{interaction}/content?kind=chat_log");
    let text = lethe.caller("integration").post_raw(&text, "text/plain", "ring 912 34 567").await.expect(201).json();
    let text = format!("/archive/content/{}/download", text["id"].as_str().unwrap());
    assert_eq!(officer.get(&interaction).await.expect(200).json()["customer"]["phone_number"], NUMBER);
    assert_eq!(officer.get(&text).await.expect(200).text, format!("ring {NUMBER}"));

    set(&lethe, json!({ "identified_view": "by_identifier" })).await;
    for path in ["/archive/search", "/archive/survey-responses/search", "/archive/raw-events/search"] {
        for body in [json!({}), json!({ "view": "identified" }), json!({ "token": phone, "purpose": "case 118" })] {
            let page = officer.post(path, &body).await.expect(200);
            assert_eq!(page.json()["view"], "pseudonymous", "{path} {body}");
            assert!(page.text.contains(&phone) && !page.text.contains("91234567"), "{path} {body}: {}", page.text);
        }
        let page = officer.post(path, &json!({ "phone_number": "912 34 567" })).await.expect(200);
        assert_eq!(page.json()["view"], "identified", "{path}");
        assert!(page.text.contains(NUMBER) && !page.text.contains(&phone), "{path}: {}", page.text);
    }
    for view in ["", "?view=identified"] {
        let one = officer.get(&format!("{interaction}{view}")).await.expect(200).json();
        assert_eq!((&one["view"], &one["customer"]["phone_number"]), (&json!("pseudonymous"), &json!(phone)));
    }
    assert_eq!(officer.get(&format!("{text}?view=identified")).await.expect(200).text, format!("ring {phone}"));
    let settings = officer.get("/tenant").await.expect(200).json();
    assert_eq!(settings["identified_view"], "by_identifier");

    // The preview is a search by a number, so it needs the same permission as one.
    let preview = json!({ "phone_number": NUMBER, "targets": ["archive"] });
    let refused = lethe.caller("integration").post("/anonymize-requests/preview", &preview).await;
    assert_eq!(refused.problem(403), "forbidden");
    assert!(refused.text.contains("archive:identify"), "{}", refused.text);
    officer.post("/anonymize-requests/preview", &preview).await.expect(200);
});
