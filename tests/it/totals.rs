//! Totals: each cell is counted again here, from the records as they were sent and by the calendar of the time zone.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::ageing::{lines, night, policy, put};
use crate::harness::{Answer, TestLethe, each_store};

const TOTALS: &str = "/archive/totals";
const FROM: &str = "2025-09-10T00:00:00Z";
const TO: &str = "2026-07-01T00:00:00Z";

/// Clocks change by an hour, never, and by half an hour.
const ZONES: [&str; 3] = ["Europe/Oslo", "Asia/Kolkata", "Australia/Lord_Howe"];

/// The hours around the changes of the clocks in the first zone and the third one, and a longer time.
const TIMES: [(&str, i64, usize); 5] = [
    ("2025-10-25T20:00:00Z", 30, 250),
    ("2026-03-28T20:00:00Z", 30, 250),
    ("2025-10-04T10:00:00Z", 30, 250),
    ("2026-04-04T10:00:00Z", 30, 250),
    ("2025-09-20T00:00:00Z", 24 * 270, 200),
];

const GROUPS: [&[&str]; 17] = [
    &[],
    &["queue"],
    &["agent_id"],
    &["channel", "direction"],
    &["outcome", "queue"],
    &["hour_of_day"],
    &["weekday"],
    &["hour"],
    &["day"],
    &["week"],
    &["month"],
    &["queue", "hour_of_day", "weekday"],
    &["week", "month"],
    &["day", "channel", "hour_of_day"],
    &["weekday", "month"],
    &["week", "hour_of_day"],
    &["month", "hour_of_day"],
];

struct Call {
    at: DateTime<Utc>,
    fields: Value,
    duration: Option<i64>,
}

/// Calls from a seed. The customer of the last six is in the name of their queue.
fn calls() -> Vec<Call> {
    let mut state = 20_261_128_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut calls = Vec::new();
    for (start, hours, number) in TIMES {
        for _ in 0..number {
            let start: DateTime<Utc> = start.parse().unwrap();
            let seconds = i64::try_from(draw(usize::try_from(hours * 3_600).unwrap())).unwrap();
            let at = start + TimeDelta::seconds(seconds) + TimeDelta::microseconds([0, 1, 500_000, 999_600][draw(4)]);
            let length = [draw(50), draw(600), draw(7_200)][draw(3)];
            let end = at + TimeDelta::microseconds(i64::try_from(length * 1_000_000 + draw(1_000_000)).unwrap());
            let end = (draw(8) > 0).then_some(end);
            let channel = ["call", "chat", "email"][draw(3)];
            let direction = [None, Some("inbound"), Some("outbound")][draw(3)];
            let queue = [None, Some("Invoice"), Some("Sales"), Some("=SUM(A1)")][draw(4)];
            let (agent, outcome) = (["a1", "a2", "a3", "a4"][draw(4)], [None, Some("answered"), Some("lost")][draw(3)]);
            let fields = json!({
                "channel": channel, "direction": direction, "queue": queue, "agent_id": agent, "outcome": outcome,
                "ended_at": end, "customer": { "phone_number": format!("912345{:02}", draw(20)) }
            });
            calls.push(Call { at, fields, duration: end.map(|end| (end - at).num_seconds()) });
        }
    }
    let last = calls.len() - 6;
    for call in &mut calls[last..] {
        call.fields["customer"]["phone_number"] = json!("91234500");
        call.fields["queue"] = json!("callback 912 34 500");
    }
    calls
}

/// The value of a group by the calendar.
fn value(call: &Call, group: &str, zone: Tz) -> Value {
    let local = |format: &str| call.at.with_timezone(&zone).format(format).to_string();
    match group {
        "hour_of_day" => json!(local("%H").parse::<u32>().unwrap()),
        "weekday" => json!(local("%u").parse::<u32>().unwrap()),
        "hour" => json!(local("%Y-%m-%dT%H:00:00%:z")),
        "day" => json!(local("%Y-%m-%d")),
        "week" => json!(local("%G-W%V")),
        "month" => json!(local("%Y-%m")),
        "queue" if call.fields["queue"] == "callback 912 34 500" => json!("Anonymized"),
        column => call.fields[column].clone(),
    }
}

/// Checks each cell of an answer.
fn check<'c>(answer: &Value, calls: impl Iterator<Item = &'c Call>, groups: &[&str], zone: Tz) {
    let mut cells: BTreeMap<String, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        let key: Vec<Value> = groups.iter().map(|group| value(call, group, zone)).collect();
        cells.entry(json!(key).to_string()).or_default().push(call);
    }
    let items = answer["items"].as_array().unwrap();
    assert_eq!(items.len(), cells.len(), "{groups:?} in {zone}");
    for item in items {
        let key: Vec<Value> = groups.iter().map(|group| item[group].clone()).collect();
        let what = format!("{groups:?} {key:?} in {zone}: {item}");
        let calls = &cells[&json!(key).to_string()];
        assert_eq!(item["suppressed"], json!(calls.len() < 5), "{what}");
        assert_eq!(item["count"].as_u64(), (calls.len() >= 5).then_some(calls.len() as u64), "{what}");
        let mut durations: Vec<i64> = calls.iter().filter_map(|call| call.duration).collect();
        durations.sort_unstable();
        if durations.len() < 10 {
            let hidden = ["duration_avg", "duration_p50", "duration_p95"].map(|measure| item[measure].clone());
            assert_eq!(hidden, [Value::Null, Value::Null, Value::Null], "{what}");
            continue;
        }
        let of = |number: i64| f64::from(i32::try_from(number).unwrap());
        let (sum, number) = (durations.iter().sum(), i64::try_from(durations.len()).unwrap());
        let average = (of(sum) / of(number) * 100.0).round() / 100.0;
        assert!((item["duration_avg"].as_f64().unwrap() - average).abs() < 0.001, "{average}: {what}");
        for (measure, percent) in [("duration_p50", 50), ("duration_p95", 95)] {
            let exact = durations[(durations.len() * percent).div_ceil(100) - 1];
            let error = (item[measure].as_i64().unwrap() - exact).abs();
            assert!(of(error) <= answer["percentile_error"].as_f64().unwrap() * of(exact), "{exact}: {what}");
        }
    }
}

async fn store(lethe: &TestLethe, calls: &[Call]) {
    let lines = calls.iter().enumerate().map(|(no, call)| {
        let mut line = call.fields.clone();
        line["external_id"] = json!(format!("call-{no}"));
        line["started_at"] = json!(call.at);
        line.to_string()
    });
    let told = lethe.ingest("interactions", lines.collect::<Vec<_>>().join("\n")).await;
    assert_eq!((&told["rejected"], &told["warnings"]), (&json!([]), &json!([])), "{told}");
}

async fn ask(lethe: &TestLethe, groups: &[&str], more: Value) -> Value {
    let measures = ["count", "duration_avg", "duration_p50", "duration_p95"];
    let mut body = json!({ "from": FROM, "to": TO, "group_by": groups, "measures": measures });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    lethe.caller("manager").post(TOTALS, &body).await.expect(200).json()
}

/// All answers of a zone.
async fn ask_all(lethe: &TestLethe, zone: &str) -> Vec<Value> {
    lethe.caller("operator").patch("/tenant", "*", &json!({ "time_zone": zone })).await.expect(200);
    let mut answers = Vec::new();
    for groups in GROUPS {
        answers.push(ask(lethe, groups, json!({})).await);
    }
    answers
}

each_store!(totals_are_those_of_the_records_in_every_zone, |lethe: TestLethe| async move {
    let calls = calls();
    store(&lethe, &calls).await;
    let mut before = Vec::new();
    for name in ZONES {
        let zone: Tz = name.parse().unwrap();
        before = ask_all(&lethe, name).await;
        for (answer, groups) in before.iter().zip(GROUPS) {
            assert_eq!((&answer["time_zone"], &answer["min_cell"]), (&json!(name), &json!(5)));
            check(answer, calls.iter(), groups, zone);
        }
        // A second is answered by its day.
        let call = &calls[no_of_day(&calls, zone)];
        let second = json!({ "from": call.at, "to": call.at + TimeDelta::seconds(1) });
        let answer = ask(&lethe, &["hour"], second).await;
        let day = value(call, "day", zone);
        check(&answer, calls.iter().filter(|call| value(call, "day", zone) == day), &["hour"], zone);
        for end in ["from", "to"] {
            let at: DateTime<Utc> = answer[end].as_str().unwrap().parse().unwrap();
            assert_eq!(at.with_timezone(&zone).format("%H:%M:%S").to_string(), "00:00:00", "{answer}");
        }
        let filter = json!({ "queue": "Sales", "channels": ["call", "chat"], "outcome": "lost", "agent_id": "a2" });
        let is_meant = |call: &&Call| {
            let fields = &call.fields;
            fields["queue"] == "Sales"
                && fields["channel"] != "email"
                && fields["outcome"] == "lost"
                && fields["agent_id"] == "a2"
        };
        let answer = ask(&lethe, &["direction"], filter).await;
        check(&answer, calls.iter().filter(is_meant), &["direction"], zone);
    }

    // A queue that contained its customer is a keyed hash until the customer is forgotten. It counts the same before.
    let hash = lethe.search(&json!({ "phone_number": "91234500" })).await["items"].clone();
    let hash = hash.as_array().unwrap().iter().filter_map(|call| call["queue"].as_str());
    let hash = hash.filter(|queue| queue.starts_with("hash-")).max().unwrap().to_owned();
    let hashed = ask(&lethe, &["queue"], json!({ "queue": hash })).await;
    assert_eq!(hashed["items"], json!([]), "no customer is a group");
    for number in ["91234500", "91234501", "91234502"] {
        lethe.enter_request(&json!({ "phone_number": number, "targets": ["archive"] })).await;
    }
    let anonymized = ask(&lethe, &["queue"], json!({ "queue": "Anonymized" })).await;
    assert_eq!(anonymized["items"][0]["count"], 6);
    lethe.night("2026-12-31T02:00:00Z").await.well();
    assert_eq!(lethe.find(&json!({ "phone_number": "91234500" })).await, [""; 0]);
    assert!(ask_all(&lethe, ZONES[2]).await == before, "a pass changes no total");
    assert_eq!(ask(&lethe, &["queue"], json!({ "queue": "Anonymized" })).await, anonymized);
});

/// A call on a day of at least twenty calls.
fn no_of_day(calls: &[Call], zone: Tz) -> usize {
    let on_day = |no: &usize| {
        let day = value(&calls[*no], "day", zone);
        calls.iter().filter(|call| value(call, "day", zone) == day).count()
    };
    (0..calls.len()).find(|no| on_day(no) >= 20).unwrap()
}

each_store!(noise_belongs_to_the_records_and_not_to_the_call, |lethe: TestLethe| async move {
    let calls = calls();
    store(&lethe, &calls).await;
    let operator = lethe.caller("operator");
    let set = async |totals: Value| operator.patch("/tenant", "*", &json!({ "totals": totals })).await;
    let exact = ask(&lethe, &["agent_id", "queue"], json!({})).await;
    let changed = set(json!({ "perturbation": true })).await.expect(200).json();
    assert_eq!(changed["totals"], json!({ "min_cell": 5, "perturbation": true }));
    let noisy = ask(&lethe, &["agent_id", "queue"], json!({})).await;
    assert_eq!(noisy["perturbation"], true);
    assert_eq!(ask(&lethe, &["agent_id", "queue"], json!({})).await, noisy, "the same call has the same noise");
    let mut moved = 0;
    for (exact, noisy) in exact["items"].as_array().unwrap().iter().zip(noisy["items"].as_array().unwrap()) {
        let (agent, queue) = (&noisy["agent_id"], &noisy["queue"]);
        assert_eq!((agent, queue), (&exact["agent_id"], &exact["queue"]));
        let (true, false) = (exact["count"].as_u64().unwrap_or_default() >= 8, queue.is_null()) else { continue };
        let (exact, count) = (exact["count"].as_i64().unwrap(), noisy["count"].as_i64().unwrap());
        assert!((exact - count).abs() <= 3);
        moved += u32::from(exact != count);
        // The same records by another way.
        let again = ask(&lethe, &[], json!({ "agent_id": agent, "queue": queue })).await;
        assert_eq!(again["items"][0]["count"].as_i64(), Some(count), "{noisy}");
    }
    assert!(moved > 0, "no cell has noise");

    set(json!({ "min_cell": 100, "perturbation": false })).await.expect(200);
    let items = ask(&lethe, &["agent_id", "queue"], json!({})).await["items"].clone();
    let items = items.as_array().unwrap();
    assert!(items.iter().all(|item| item["count"].as_u64().is_none_or(|count| count >= 100)));
    assert!(items.iter().any(|item| item["suppressed"] == true));
    for (totals, wanted) in [
        (json!({ "min_cell": 0 }), "/totals/min_cell out_of_range"),
        (json!({ "min_cell": 101 }), "/totals/min_cell out_of_range"),
        (json!({ "min_cell": null }), "/totals/min_cell required"),
        (json!({ "perturbation": 1 }), "/totals/perturbation type"),
        (json!({ "noise": true }), "/totals/noise unknown_field"),
    ] {
        assert_eq!(set(totals).await.mistakes(), [wanted]);
    }
    let events = lethe.caller("dpo").get("/audit-events?action=tenant.changed").await.expect(200).json();
    assert_eq!(events["items"][0]["detail"]["changed"], json!(["totals.min_cell", "totals.perturbation"]));
});

each_store!(totals_are_a_table_too_and_bad_questions_are_refused, |lethe: TestLethe| async move {
    let manager = lethe.caller("manager");
    let mut lines = Vec::new();
    for no in 0..30_u32 {
        let (queue, at) = (["=1+1", "Sales, north"][usize::from(no % 3 == 0)], format!("2026-02-10T10:{no:02}:00Z"));
        let end = format!("2026-02-10T10:{no:02}:30Z");
        lines.push(json!({ "external_id": format!("c{no}"), "channel": "call", "started_at": at, "ended_at": end, "queue": queue }));
    }
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    lethe.ingest("interactions", lines.join("\n")).await;
    let table = async |path: &str, body: Value| {
        let answer = Answer::of(manager.call("POST", path).header("accept", "text/csv").json(&body)).await.expect(200);
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
        answer.text
    };
    let day = |more: Value| {
        let mut body = json!({ "from": "2026-02-10T12:00:00Z", "to": "2026-02-10T13:00:00Z" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let body = day(json!({ "group_by": ["day", "queue"], "measures": ["duration_avg", "duration_p95"] }));
    assert_eq!(
        table(TOTALS, body).await,
        "day,queue,count,suppressed,duration_avg,duration_p95\n2026-02-10,'=1+1,20,false,30.0,30\n\
         2026-02-10,\"Sales, north\",10,false,30.0,30\n"
    );
    assert_eq!(table(TOTALS, day(json!({ "queue": "nowhere" }))).await, "count,suppressed\n");

    // Eleven responses have the score 9, and four the score 2.
    let responses = (0..16).map(|no| {
        let (score, at) =
            ([Some(9), Some(2), None][usize::from(no > 10) + usize::from(no > 14)], "2026-02-10T09:00:00Z");
        json!({ "external_id": format!("s{no}"), "answered_at": at, "score": score }).to_string()
    });
    lethe.ingest("survey-responses", responses.collect::<Vec<_>>().join("\n")).await;
    let surveys = "/archive/survey-responses/totals";
    let body = day(json!({ "group_by": ["hour", "week"], "measures": ["count", "score_avg", "score_histogram"] }));
    let answer = manager.post(surveys, &body).await.expect(200).json();
    assert_eq!(
        answer["items"],
        json!([{ "hour": "2026-02-10T10:00:00+01:00", "week": "2026-W07", "count": 16, "suppressed": false, "score_avg": 7.13,
            "score_histogram": [null, null, null, null, null, null, null, null, null, 11, null] }])
    );
    let text = table(surveys, body).await;
    assert!(text.ends_with("\n2026-02-10T10:00:00+01:00,2026-W07,16,false,7.13,,,,,,,,,,11,\n"), "{text}");
    lethe.run(&["tenant", "create", "other"]).await.well();
    let stranger = lethe.caller_of("other", "manager", "eve").post(TOTALS, &day(json!({}))).await.expect(200).json();
    assert_eq!(stranger["items"], json!([]));

    let long = "x".repeat(501);
    for (more, wanted) in [
        (json!({ "from": "1926-02-10T00:00:00Z" }), "/from out_of_range"),
        (json!({ "to": "2026-02-10T12:00:00Z" }), "/to out_of_range"),
        (json!({ "to": null }), "/to required"),
        (json!({ "from": "2026-02-10" }), "/from format"),
        (json!({ "group_by": ["queue", "day", "hour", "week"] }), "/group_by too_many"),
        (json!({ "group_by": ["queue", "queue"] }), "/group_by/1 duplicate"),
        (json!({ "group_by": ["phone_number"] }), "/group_by/0 format"),
        (json!({ "measures": [] }), "/measures required"),
        (json!({ "measures": ["duration_max"] }), "/measures/0 format"),
        (json!({ "channels": [] }), "/channels required"),
        (json!({ "queue": long }), "/queue too_long"),
        (json!({ "phone_number": "91234567" }), "/phone_number unknown_field"),
    ] {
        assert_eq!(manager.post(TOTALS, &day(more)).await.mistakes(), [wanted]);
    }
    for path in [TOTALS, surveys] {
        let long = manager.post(path, &day(json!({ "from": "1976-02-10T00:00:00Z" }))).await;
        assert_eq!(long.problem(422), "too_many_cells");
    }
    assert_eq!(manager.post(surveys, &day(json!({ "group_by": ["queue"] }))).await.mistakes(), ["/group_by/0 format"]);
    assert_eq!(manager.post(TOTALS, &json!({ "to": TO })).await.mistakes(), ["/from required"]);

    // One agent more than an answer has cells.
    for thousand in 0..11 {
        let lines = (0..1_000.min(10_001 - 1_000 * thousand)).map(|no| {
            let id = 1_000 * thousand + no;
            json!({ "external_id": format!("a{id}"), "channel": "sms", "started_at": "2026-01-05T10:00:00Z", "agent_id": id.to_string() })
        });
        let lines: Vec<Value> = lines.collect();
        lethe.caller("integration").post("/archive/interactions", &json!(lines)).await.expect(200);
    }
    let january = json!({ "from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z", "group_by": ["agent_id"] });
    assert_eq!(manager.post(TOTALS, &january).await.problem(422), "too_many_cells");
});

each_store!(ageing_changes_no_total_of_a_month, |lethe: TestLethe| async move {
    let call = |channel: &str, no: usize| {
        json!({ "external_id": format!("{channel}-{no}"), "channel": channel, "queue": (["a", "b"][no % 2]),
            "started_at": format!("2024-01-{:02}T10:{no:02}:00Z", 2 + no % 3), "agent_id": "a1" })
    };
    let calls: Vec<_> = (0..60).map(|no| call("call", no)).chain((0..6).map(|no| call("chat", no))).collect();
    lethe.ingest("interactions", lines(&calls)).await;
    // The answers came in the month after the calls. One of them has a score of its own.
    let answer = |no: usize| {
        let score = [9, 3, 5][usize::from(no > 19) + usize::from(no > 28)];
        json!({ "external_id": format!("s{no}"), "interaction_external_id": format!("call-{no}"), "score": score,
            "answered_at": "2024-02-03T10:00:00Z" })
    };
    lethe.ingest("survey-responses", lines(&(0..30).map(answer).collect::<Vec<_>>())).await;
    lethe.caller("operator").patch("/tenant", "*", &json!({ "totals": { "perturbation": true } })).await.expect(200);
    let of = async |path: &str, to: &str, more: Value| {
        let mut body = json!({ "from": "2024-01-01T00:00:00+01:00", "to": to });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        lethe.caller("manager").post(path, &body).await
    };
    let (surveys, february) = ("/archive/survey-responses/totals", "2024-03-01T00:00:00+01:00");
    let months: [(&str, &[&str]); 3] =
        [(TOTALS, &["queue", "channel"]), (TOTALS, &["agent_id"]), (surveys, &["month"])];
    let all = async || {
        let mut all = Vec::new();
        for (path, groups) in months {
            all.push(of(path, february, json!({ "group_by": groups })).await.expect(200).json());
        }
        all
    };
    let before = all().await;
    let mut retention = policy();
    (retention["ladder"], retention["leftover"]) = (json!([]), json!("delete"));
    put(&lethe, "calls", &retention).await.expect(200);
    assert_eq!(night(&lethe).await["records_deleted"], json!(60));
    assert_eq!(all().await, before);
    for (path, to, more, status) in [
        (TOTALS, february, json!({ "group_by": ["hour"], "channels": ["call"] }), 422),
        (TOTALS, february, json!({ "group_by": ["hour"], "channels": ["chat"] }), 200),
        (TOTALS, february, json!({ "group_by": ["hour"], "channels": ["chat", "email"], "agent_id": "a1" }), 200),
        (surveys, february, json!({ "group_by": ["day"] }), 422),
        (surveys, "2024-02-10T00:00:00+01:00", json!({}), 422),
    ] {
        let answer = of(path, to, more.clone()).await.expect(status).json();
        assert_eq!(answer["code"] == "grain_gone", status == 422, "{more}: {answer}");
    }
});
