//! Ageing: old interactions lose their precision until at least `k` look alike, and the totals stay.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{Answer, Row, TestLethe, each_store};

/// Beyond the days of grace of a policy that is set today, and after all months below.
const LATER: &str = "2027-06-01T02:00:00Z";

const JOB: &[&str] = &["job", "nightly", "--as-of", LATER, "--json"];

const K: usize = 5;

pub fn policy() -> Value {
    json!({
        "after_days": 400, "records": { "channels": ["call"], "queues": null },
        "always": { "attributes": { "keep": ["line"] } }, "k": K,
        "ladder": [
            { "time": "hour", "duration": "bucket" },
            { "time": "hour", "duration": "suppress", "agent_id": "suppress" },
            { "time": "day", "duration": "suppress", "agent_id": "suppress", "attributes": "suppress" }
        ],
        "leftover": "month"
    })
}

/// Calls of three days in each of two months, by few customers.
fn calls(count: usize) -> Vec<Value> {
    let mut state = 7_usize;
    let mut next = |below: usize| {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        (state >> 8) % below
    };
    let call = |no: usize| {
        let (month, day) = (1 + no % 2, 2 + next(3));
        let at = format!("2024-{month:02}-{day:02}T08:{:02}", next(60));
        let phone = format!("9123{:04}", next(20));
        let queue = ["sales", "sales", "support", "billing"][next(4)];
        let line = ["AA", "AA", "AA", "AA", "BB"][next(5)];
        json!({
            "external_id": format!("cdr-{no}"), "channel": "call", "started_at": format!("{at}:00Z"),
            "ended_at": format!("{at}:{:02}Z", [5, 40][next(2)]), "queue": queue, "agent_id": format!("a{}", next(2)),
            "outcome": if next(5) == 0 { "abandoned" } else { "answered" },
            "direction": if next(12) == 0 { "outbound" } else { "inbound" },
            "customer": { "phone_number": phone, "name": "Kari Nordmann" },
            "attributes": { "line": line, "note": format!("call {phone}"), "no": no }
        })
    };
    (0..count).map(call).collect()
}

pub fn lines(records: &[Value]) -> String {
    records.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

pub async fn put(lethe: &TestLethe, name: &str, policy: &Value) -> Answer {
    let call = lethe.caller("dpo").call("PUT", &format!("/ageing-policies/{name}"));
    Answer::of(call.json(policy)).await
}

pub async fn night(lethe: &TestLethe) -> Value {
    serde_json::from_str(&lethe.night(LATER).await.well().stdout).unwrap()
}

async fn exported(lethe: &TestLethe, kind: &str) -> Vec<Value> {
    let text = lethe.run(&["export-archive", "--kind", kind]).await.well().stdout;
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The sizes of the classes of aged records by everything that they show but their ids.
fn classes(records: &[Value]) -> BTreeMap<String, usize> {
    let mut classes = BTreeMap::new();
    for record in records.iter().filter(|record| !record["aged"].is_null()) {
        let mut shown = record.clone();
        for id in ["id", "external_id"] {
            shown.as_object_mut().unwrap().remove(id);
        }
        *classes.entry(shown.to_string()).or_default() += 1;
        let id = record["id"].as_str().unwrap();
        assert_eq!(&id[14..15], "4", "an id that tells no time: {id}");
        assert!(record["external_id"].as_str().unwrap().starts_with("aged-"), "{record}");
    }
    classes
}

fn number(row: &Row, column: &str) -> u64 {
    row[column].as_deref().unwrap().parse().unwrap()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn text(row: &Row, column: &str) -> String {
    row[column].clone().unwrap()
}

/// The kept sums by month agree with the calls that were sent.
async fn sums_are_kept(lethe: &TestLethe, sent: &[Value]) {
    let mut months = BTreeMap::new();
    for call in sent {
        *months.entry(word(&call["started_at"])[..7].to_owned()).or_insert(0) += 1;
    }
    let dump = lethe.dump().await;
    for (table, column) in [("kept_totals", "day"), ("kept_agents", "month")] {
        let mut sums = BTreeMap::new();
        for row in dump.rows(table) {
            *sums.entry(text(row, column)[..7].to_owned()).or_insert(0) += number(row, "n");
        }
        assert_eq!(sums, months, "sums by month are the same as before");
    }
}

/// The kept cells agree with the calls that were sent. Small cells are in `other`.
async fn cells_are_kept(lethe: &TestLethe, sent: &[Value]) {
    let (mut days, mut agents) = (BTreeMap::new(), BTreeMap::new());
    for call in sent {
        let at = word(&call["started_at"]);
        let key = (at[..10].to_owned(), word(&call["direction"]), word(&call["queue"]), word(&call["outcome"]));
        *days.entry(key).or_insert(0) += 1;
        *agents.entry((at[..7].to_owned(), word(&call["agent_id"]))).or_insert(0) += 1;
    }
    days.retain(|_, count| *count >= K as u64);
    agents.retain(|_, count| *count >= K as u64);
    let dump = lethe.dump().await;
    let is_cell = |row: &&Row| row["kind"].as_deref() == Some("cell");
    let cell = |row: &Row| {
        let [day, direction, queue, outcome] = ["day", "direction", "queue", "outcome"].map(|column| text(row, column));
        ((day, direction, queue, outcome), number(row, "n"))
    };
    assert_eq!(dump.rows("kept_totals").iter().filter(is_cell).map(cell).collect::<BTreeMap<_, _>>(), days);
    let agent = |row: &Row| ((text(row, "month")[..7].to_owned(), text(row, "agent_id")), number(row, "n"));
    assert_eq!(dump.rows("kept_agents").iter().filter(is_cell).map(agent).collect::<BTreeMap<_, _>>(), agents);
}

each_store!(old_calls_lose_their_precision_and_keep_their_totals, |lethe: TestLethe| async move {
    let dpo = lethe.caller("dpo");
    let sent = calls(480);
    lethe.ingest("interactions", lines(&sent)).await;
    let recent = json!({ "external_id": "recent", "channel": "call", "started_at": "2026-11-20T10:00:00Z",
        "customer": { "phone_number": "91230001" } });
    lethe.record(&recent).await;
    let survey = |no: usize| {
        json!({ "external_id": format!("sms-{no}"), "interaction_external_id": format!("cdr-{no}"),
            "answered_at": "2024-03-01T10:00:00Z", "phone_number": "91230001", "score": if no == 3 { 0 } else { 9 },
            "comment": "thanks, 91230001" })
    };
    let surveys: Vec<_> = (0..40).map(survey).collect();
    lethe.ingest("survey-responses", lines(&surveys)).await;
    let event = |no: usize| {
        json!({ "external_id": format!("ev-{no}"), "interaction_external_id": format!("cdr-{no}"), "event": "queued",
            "occurred_at": "2024-01-02T10:00:00Z", "phone_number": "91230001", "attributes": { "position": no } })
    };
    let events: Vec<_> = (0..20).map(event).collect();
    lethe.ingest("raw-events", lines(&events)).await;
    lethe.upload("cdr-5", "recording", b"hello").await;
    let old = lethe.call_of("cdr-5").await;
    let requested = json!({ "phone_number": "91230001", "to_date": "2026-11-25", "targets": ["archive"] });

    // A policy waits for 30 days, and does nothing while it is paused.
    let set = put(&lethe, "calls", &policy()).await.expect(200).json();
    assert_eq!((&set["state"], &set["ladder"][0]["queue"]), (&json!("pending"), &json!("keep")));
    assert_eq!(put(&lethe, "calls", &policy()).await.expect(200).json()["changed_at"], set["changed_at"]);
    let linkability =
        dpo.post("/archive/linkability", &json!({ "to": "2025-01-01T00:00:00Z" })).await.expect(200).json();
    assert_eq!(linkability["classes"][0]["columns"], json!(["second", "queue"]));
    assert_eq!((&linkability["classes"][0]["rows"], &linkability["k"]), (&json!(480), &json!(5)));
    assert!(linkability["classes"][0]["below_k"].as_u64().unwrap() > 400, "{linkability}");
    let cli = lethe.run(&["linkability", "--json"]).await.well().stdout;
    assert_eq!(serde_json::from_str::<Value>(&cli).unwrap()["classes"][0]["rows"], json!(481));
    let now = lethe.run(&["job", "nightly", "--json"]).await.well().stdout;
    assert_eq!(serde_json::from_str::<Value>(&now).unwrap()["records_aged"], json!(0), "pending");
    let pause = async |paused: bool| {
        dpo.patch("/ageing-policies/calls", "*", &json!({ "paused": paused })).await.expect(200).json()
    };
    assert_eq!(pause(true).await["state"], "paused");
    assert_eq!(night(&lethe).await["records_aged"], json!(0), "paused");
    assert_eq!(pause(false).await["state"], "pending");

    let preview = dpo.post("/ageing-policies/calls/preview", &json!({})).await.expect(200).json();
    let ran = night(&lethe).await;
    let (aged, deleted) = (ran["records_aged"].as_u64().unwrap(), ran["records_deleted"].as_u64().unwrap());
    assert_eq!((&preview["records"], &preview["complete"]), (&json!(480), &json!(true)));
    assert_eq!((aged + deleted, json!(deleted)), (480, preview["deleted"].clone()), "{preview}");
    assert!(preview["levels"].as_array().unwrap().iter().all(|level| level.as_u64().unwrap() > 0), "{preview}");

    let found = exported(&lethe, "interactions").await;
    let classes_of_calls = classes(&found);
    assert_eq!((classes_of_calls.values().sum::<usize>() as u64, found.len() as u64), (aged, aged + 1));
    assert!(classes_of_calls.values().all(|size| *size >= K), "{classes_of_calls:?}");
    let is_bare = |record: &Value| record["ended_at"].is_null() && record["customer"]["phone_number"] == "Anonymized";
    assert!(found.iter().all(|record| record["aged"].is_null() || is_bare(record)), "{found:?}");
    for kind in ["survey-responses", "raw-events"] {
        let sizes = classes(&exported(&lethe, kind).await);
        assert!(!sizes.is_empty() && sizes.values().all(|size| *size >= K), "{kind}: {sizes:?}");
    }
    sums_are_kept(&lethe, &sent).await;
    cells_are_kept(&lethe, &sent).await;
    let after = Answer::of(dpo.call("POST", "/archive/linkability")).await.expect(200).json();
    assert!(after["classes"][0]["below_k"].as_u64().unwrap() <= 1 + aged / 2, "{after}");

    // Nothing leads back, and a request selects what it selected among the records that are not aged.
    let dump = lethe.dump().await;
    let left = ["contents", "deliveries", "mentions", "ageing_work", "ageing_plans", "vault.content_keys"]
        .map(|table| dump.rows(table).len());
    assert_eq!((left, dump.rows("vault.identifiers").len()), ([0; 6], 1), "the recent call's number is left");
    let selected = dpo.post("/anonymize-requests/preview", &requested).await.expect(200).json();
    assert_eq!(selected["targets"]["archive"]["records"], json!(1));
    assert_eq!(dpo.get(&format!("/archive/interactions/{}", old.id)).await.problem(404), "not_found");

    // Records that are sent again change nothing.
    let before = lethe.dump().await;
    for (kind, records) in [("interactions", &sent), ("survey-responses", &surveys), ("raw-events", &events)] {
        let told = lethe.ingest(kind, lines(records)).await;
        let warnings = told["warnings"].as_array().unwrap();
        assert_eq!(
            (&told["created"], &told["updated"], warnings.len()),
            (&json!(0), &json!(0), records.len()),
            "{told}"
        );
        assert_eq!(warnings[0], json!({ "line": 1, "code": "record_aged", "pointer": "/external_id" }));
        let table = kind.replace('-', "_");
        assert_eq!(lethe.dump().await.rows(&table), before.rows(&table));
    }
    let ids =
        lethe.caller("integration").post("/archive/interactions?ids=true", &json!([sent[0]])).await.expect(200).json();
    assert_eq!(ids["ids"], json!([null]));
    let aged_one = found.iter().find(|record| !record["aged"].is_null()).unwrap();
    let path = format!("/archive/interactions/{}/content?kind=recording", word(&aged_one["id"]));
    let refused = lethe.caller("integration").post_raw(&path, "audio/wav", "RIFF").await;
    assert_eq!(refused.problem(409), "record_aged");

    // Late calls are aged to the month with others, and deleted if they are too few.
    let late = |no: usize| json!({ "external_id": format!("late-{no}"), "channel": "call", "started_at": format!("2024-01-{:02}T05:00:00Z", 10 + no) });
    let few: Vec<_> = (0..2).map(late).collect();
    lethe.ingest("interactions", lines(&few)).await;
    assert_eq!(night(&lethe).await["records_deleted"], json!(2));
    let many: Vec<_> = (10..16).map(late).collect();
    lethe.ingest("interactions", lines(&many)).await;
    let ran = night(&lethe).await;
    assert_eq!((&ran["records_aged"], &ran["records_deleted"]), (&json!(6), &json!(0)));
    let sizes = classes(&exported(&lethe, "interactions").await);
    assert!(sizes.values().all(|size| *size >= K), "{sizes:?}");
    sums_are_kept(&lethe, &[&sent[..], &few, &many].concat()).await;

    let actions: BTreeSet<_> =
        lethe.dump().await.rows("audit_events").iter().filter_map(|row| row["action"].clone()).collect();
    for action in ["ageing_policy.set", "records.aged"] {
        assert!(actions.contains(action), "{actions:?}");
    }
    assert_eq!(dpo.delete("/ageing-policies/calls", "*").await.status, 204);
    assert_eq!(dpo.get("/ageing-policies/calls").await.problem(404), "not_found");
});

each_store!(a_policy_without_levels_is_the_retention_of_records, |lethe: TestLethe| async move {
    for (channel, at) in
        [("chat", "2024-01-02T10:00:00Z"), ("chat", "2026-11-02T10:00:00Z"), ("email", "2024-01-02T10:00:00Z")]
    {
        let external_id = format!("{channel}-{at}");
        lethe.record(&json!({ "external_id": external_id, "channel": channel, "started_at": at })).await;
    }
    let mut retention = policy();
    retention["records"]["channels"] = json!(["chat"]);
    (retention["ladder"], retention["leftover"]) = (json!([]), json!("delete"));
    put(&lethe, "chats", &retention).await.expect(200);
    assert_eq!(night(&lethe).await["records_deleted"], json!(1));
    assert_eq!(lethe.find(&json!({})).await, ["chat-2026-11-02T10:00:00Z", "email-2024-01-02T10:00:00Z"]);
    let gone =
        json!({ "external_id": "chat-2024-01-02T10:00:00Z", "channel": "chat", "started_at": "2024-01-02T10:00:00Z" });
    assert_eq!(lethe.ingest("interactions", gone.to_string()).await["warnings"][0]["code"], "record_aged");
    assert_eq!(lethe.dump().await.rows("kept_totals")[0]["n"].as_deref(), Some("1"));

    // A policy that breaks a rule is refused, and nothing is stored.
    let wrong = |change: fn(&mut Value)| {
        let mut wrong = policy();
        change(&mut wrong);
        wrong
    };
    for (body, mistakes) in [
        (wrong(|policy| policy["k"] = json!(0)), vec!["/k out_of_range"]),
        (wrong(|policy| policy["k"] = json!(1_000_000_000)), vec!["/k out_of_range"]),
        (wrong(|policy| policy["after_days"] = json!(0)), vec!["/after_days out_of_range"]),
        (wrong(|policy| policy["ladder"][0]["time"] = json!("minute")), vec!["/ladder/0/time format"]),
        (wrong(|policy| policy["ladder"][0]["colour"] = json!("keep")), vec!["/ladder/0/colour unknown_field"]),
        (wrong(|policy| policy["always"]["phone_number"] = json!("keep")), vec!["/always/phone_number format"]),
        (wrong(|policy| policy["always"]["phone_number"] = json!("country")), vec!["/always/phone_number format"]),
        (
            wrong(|policy| policy["ladder"][2] = json!({ "time": "hour", "duration": "bucket" })),
            vec!["/ladder/2 unsatisfiable"],
        ),
        (wrong(|policy| policy["ladder"] = json!([])), vec!["/leftover unsatisfiable"]),
        (wrong(|policy| policy["records"]["channels"] = json!([])), vec!["/records/channels required"]),
        (
            wrong(|policy| policy["records"]["channels"] = json!(["call", "chat", "call"])),
            vec!["/records/channels/1 taken", "/records/channels/2 repeated"],
        ),
    ] {
        assert_eq!(put(&lethe, "calls", &body).await.mistakes(), mistakes, "{body}");
    }
    assert_eq!(put(&lethe, "No Name", &policy()).await.problem(404), "not_found");
    let all = lethe.caller("dpo").get("/ageing-policies").await.expect(200).json();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["items"][0]["name"]), (1, &json!("chats")));
});

each_store!(a_held_response_outlives_its_interaction, |lethe: TestLethe| async move {
    let at = "2024-01-02T10:00:00Z";
    lethe.record(&json!({ "external_id": "old", "channel": "call", "started_at": at })).await;
    let response = |id: &str, number: &str| json!({ "external_id": id, "answered_at": at, "interaction_external_id": "old", "phone_number": number });
    let responses = [response("held", "+4791234567"), response("free", "+4798765432")];
    lethe.ingest("survey-responses", lines(&responses)).await;
    let hold = json!({ "phone_number": "+4791234567", "ground": "17(3)(e)", "reference": "case 7",
        "review_on": "2036-08-03" });
    lethe.caller("dpo").post("/holds", &hold).await.expect(201);
    let mut retention = policy();
    (retention["ladder"], retention["leftover"]) = (json!([]), json!("delete"));
    put(&lethe, "calls", &retention).await.expect(200);
    assert_eq!(night(&lethe).await["records_deleted"], json!(1));
    let left: Vec<_> = lethe.dump().await.rows("survey_responses").iter().map(|row| text(row, "external_id")).collect();
    assert_eq!(left, ["held"]);
});

each_store!(ageing_that_fails_stops_nothing_else, |lethe: TestLethe| async move {
    put(&lethe, "calls", &policy()).await.expect(200);
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    tx.query("UPDATE ageing_policies SET policy = 'x'").execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
    let ran = lethe.night(LATER).await;
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code(), &report["ageing_failed"], &report["error"]), (Some(2), &json!(true), &Value::Null));
});

/// The failpoints of ageing, from the code itself.
fn failpoints() -> BTreeSet<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/nightly/steps/ageing.rs");
    let text = std::fs::read_to_string(path).unwrap();
    text.split("failpoint::reach(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// Every row but for what is random in an aged record, and for what tells of the kills themselves.
async fn canonical(lethe: &TestLethe) -> BTreeMap<String, Vec<Row>> {
    let dump = lethe.dump().await;
    let record: &[&str] = &["id", "external_id", "cell_key", "changed_at"];
    let without = BTreeMap::from([
        ("interactions", record),
        ("survey_responses", record),
        ("audit_events", &["id", "at", "seq", "actor_id"]),
        ("actors", &["id", "salt"]),
        ("gc_identifiers", &["position"]),
        ("gc_objects", &["content_position", "key_position"]),
    ]);
    // Each run scans the archive and seals the audit log.
    let of_runs = ["job_runs", "epochs", "leases", "audit_seals", "scan_rounds"];
    let is_compared = |table: &&String| !of_runs.contains(&table.as_str()) && !table.contains("journal_");
    let tables = dump.tables.keys().filter(is_compared);
    let rows = |table: &String| {
        let mut rows = dump.rows_without(table, without.get(table.as_str()).copied().unwrap_or_default());
        rows.retain(|row| row.get("action").and_then(Option::as_deref) != Some("archive.scanned"));
        // Keys that sign are made at their first use.
        rows.retain(|row| row.get("purpose").and_then(Option::as_deref) != Some("checkpoint"));
        (table.clone(), rows)
    };
    tables.map(rows).collect()
}

each_store!(ageing_that_is_killed_at_any_point_ends_like_an_undisturbed_one, |mut lethe: TestLethe| async move {
    lethe.ingest("interactions", lines(&calls(120))).await;
    let survey = |no| {
        json!({ "external_id": format!("sms-{no}"), "interaction_external_id": format!("cdr-{no}"),
            "answered_at": "2024-03-01T10:00:00Z", "phone_number": "91230001", "score": 9 })
    };
    lethe.ingest("survey-responses", lines(&(0..20).map(survey).collect::<Vec<_>>())).await;
    lethe.upload("cdr-5", "recording", b"hello").await;
    put(&lethe, "calls", &policy()).await.expect(200);
    lethe.stop().await;
    let undisturbed = lethe.copy().await;
    undisturbed.run(JOB).await.well();
    let wanted = canonical(&undisturbed).await;
    assert!(wanted["kept_totals"].len() > 2 && wanted["contents"].is_empty());
    let names = failpoints();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let killed = lethe.copy().await;
        assert!(killed.run_with(JOB, &[("LETHE_FAILPOINT", name.as_str())], Vec::new()).await.killed(), "{name}");
        killed.end_leases().await;
        killed.run(JOB).await.well();
        let found = canonical(&killed).await;
        for (table, rows) in &wanted {
            assert_eq!(rows, &found[table], "{table} after {name}");
        }
    }
});
