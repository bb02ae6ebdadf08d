//! Ageing: policies beside each other, small rests of the kept totals, late records, and clocks that change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::ageing::{lines, night, policy, put};
use crate::harness::{Row, each_store};

const JOB: &[&str] = &["job", "nightly", "--as-of", "2027-06-01T02:00:00Z", "--json"];

fn record(id: String, channel: &str, at: &str, agent: &str) -> Value {
    json!({ "external_id": id, "channel": channel, "started_at": at, "queue": "sales", "agent_id": agent })
}

/// As many records of one minute.
fn alike(count: usize, name: &str, channel: &str, agent: &str) -> Vec<Value> {
    (0..count).map(|no| record(format!("{name}-{no}"), channel, "2024-01-03T10:00:00Z", agent)).collect()
}

fn retention(channel: &str) -> Value {
    let mut retention = policy();
    retention["records"]["channels"] = json!([channel]);
    (retention["ladder"], retention["leftover"]) = (json!([]), json!("delete"));
    retention
}

fn cells<'r>(rows: &'r [Row], column: &str) -> Vec<(&'r str, u64)> {
    let cell = |row: &'r Row| (row[column].as_deref().unwrap(), row["n"].as_deref().unwrap().parse().unwrap());
    let mut cells: Vec<_> = rows.iter().map(cell).filter(|(_, n)| *n > 0).collect();
    cells.sort_unstable();
    cells
}

each_store!(a_paused_policy_lets_no_other_one_wait, |mut lethe: TestLethe| async move {
    lethe.ingest("interactions", lines(&alike(6, "call", "call", "a1"))).await;
    lethe.ingest("interactions", lines(&alike(6, "chat", "chat", "a1"))).await;
    put(&lethe, "calls", &policy()).await.expect(200);
    put(&lethe, "chats", &retention("chat")).await.expect(200);
    lethe.stop().await;
    // The month of the calls was planned when the job was killed.
    assert!(lethe.run_with(JOB, &[("LETHE_FAILPOINT", "ageing.plan")], Vec::new()).await.killed());
    lethe.end_leases().await;
    lethe.serve().await;
    let pause = async |is_paused: bool| {
        let dpo = lethe.caller("dpo");
        dpo.patch("/ageing-policies/calls", "*", &json!({ "paused": is_paused })).await.expect(200);
    };
    pause(true).await;
    let ran = night(&lethe).await;
    assert_eq!((&ran["records_aged"], &ran["records_deleted"]), (&json!(0), &json!(6)), "{ran}");
    pause(false).await;
    let ran = night(&lethe).await;
    assert_eq!((&ran["records_aged"], &ran["records_deleted"]), (&json!(6), &json!(0)), "{ran}");
});

each_store!(the_rest_of_the_kept_totals_is_no_smaller_than_a_class, |lethe: TestLethe| async move {
    // Seven, six, and two calls of three agents: the two would be alone in the rest.
    let sent = [alike(7, "a", "call", "a1"), alike(6, "b", "call", "a2"), alike(2, "c", "call", "a3")].concat();
    lethe.ingest("interactions", lines(&sent)).await;
    put(&lethe, "calls", &policy()).await.expect(200);
    let ran = night(&lethe).await;
    assert_eq!((&ran["records_aged"], &ran["records_deleted"]), (&json!(13), &json!(2)));
    let dump = lethe.dump().await;
    assert_eq!(cells(dump.rows("kept_agents"), "agent_id"), [("", 8), ("a1", 7)]);
    assert_eq!(cells(dump.rows("kept_totals"), "queue"), [("sales", 15)]);
});

each_store!(late_records_of_kept_cells_are_no_part_of_the_rest, |lethe: TestLethe| async move {
    put(&lethe, "calls", &policy()).await.expect(200);
    lethe.ingest("interactions", lines(&alike(40, "a", "call", "a1"))).await;
    assert_eq!(night(&lethe).await["records_aged"], json!(40));
    // Four late calls belong to the cell that is there, nine to a new one, and two to the rest, which takes the new cell along.
    let late = [alike(4, "late", "call", "a1"), alike(9, "b", "call", "a2"), alike(2, "c", "call", "a3")].concat();
    lethe.ingest("interactions", lines(&late)).await;
    night(&lethe).await;
    assert_eq!(cells(lethe.dump().await.rows("kept_agents"), "agent_id"), [("", 11), ("a1", 44)]);
});

each_store!(late_records_look_like_those_of_their_month, |lethe: TestLethe| async move {
    put(&lethe, "calls", &policy()).await.expect(200);
    let on_day =
        |no: usize| record(format!("day-{no}"), "call", &format!("2024-01-{no:02}T10:00:00Z"), &format!("a{no}"));
    lethe.ingest("interactions", lines(&(1..9).map(on_day).collect::<Vec<_>>())).await;
    assert_eq!(night(&lethe).await["records_aged"], json!(8));
    // They were aged a while ago.
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    let before = "2025-01-01T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    tx.query("UPDATE interactions SET").with(" changed_at = ", before).execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
    lethe.record(&on_day(20)).await;
    assert_eq!(night(&lethe).await["records_aged"], json!(1));
    let dump = lethe.dump().await;
    let times: BTreeSet<_> = dump.rows("interactions").iter().map(|row| row["changed_at"].clone()).collect();
    assert_eq!((dump.rows("interactions").len(), times.len()), (9, 1), "{times:?}");
});

each_store!(days_of_the_linkability_report_are_local, |lethe: TestLethe| async move {
    // In Oslo, the first two are on one day in January, and the others on one day in July. At the other offset, each pair
    // would be on two days.
    let at = ["2024-01-09T23:30:00Z", "2024-01-10T22:30:00Z", "2024-07-09T22:30:00Z", "2024-07-10T21:30:00Z"];
    let sent: Vec<_> = at.iter().enumerate().map(|(no, at)| record(no.to_string(), "call", at, "a1")).collect();
    lethe.ingest("interactions", lines(&sent)).await;
    let report = lethe.caller("dpo").post("/archive/linkability", &json!({ "k": 2 })).await.expect(200).json();
    let classes = report["classes"].as_array().unwrap();
    let of = |columns: Value| classes.iter().find(|class| class["columns"] == columns).unwrap();
    for (columns, unique) in [
        (json!(["second"]), 4),
        (json!(["hour", "queue", "outcome"]), 4),
        (json!(["day", "queue", "outcome"]), 0),
        (json!(["day", "queue"]), 0),
    ] {
        let class = of(columns);
        assert_eq!((&class["rows"], &class["unique"]), (&json!(4), &json!(unique)), "{class}");
    }
});

each_store!(both_databases_have_the_same_seconds_and_keyed_hashes, |lethe: TestLethe| async move {
    // 14 seconds each, and one second more between the full seconds of the first one. 15 begins another range.
    let spans = [("00.9", "15.1"), ("20", "34.5"), ("20", "34"), ("20.5", "34.7"), ("20.000001", "35")];
    // A keyed hash has small letters.
    let queue = format!("HASH-{}", "a".repeat(64));
    let calls = spans.iter().enumerate().map(|(no, (start, end))| {
        let (start, end) = (format!("2026-07-01T10:00:{start}Z"), format!("2026-07-01T10:00:{end}Z"));
        json!({ "external_id": format!("call-{no}"), "channel": "call", "started_at": start, "ended_at": end,
            "queue": queue, "agent_id": "a1" })
    });
    lethe.ingest("interactions", lines(&calls.collect::<Vec<_>>())).await;
    let report = lethe.caller("dpo").post("/archive/linkability", &json!({})).await.expect(200).json();
    let classes = report["classes"].as_array().unwrap();
    let of_durations = classes.iter().find(|one| one["columns"].as_array().unwrap().contains(&json!("duration")));
    let of_durations = of_durations.unwrap();
    assert_eq!((&of_durations["rows"], &of_durations["below_k"]), (&json!(5), &json!(0)), "{report}");

    let body = json!({ "from": "2026-06-01T00:00:00Z", "to": "2026-08-01T00:00:00Z", "group_by": ["queue"],
        "measures": ["count"] });
    let totals = lethe.caller("manager").post("/archive/totals", &body).await.expect(200).json();
    let counted = &totals["items"][0];
    assert_eq!((&counted["queue"], &counted["count"]), (&json!(queue), &json!(5)), "{totals}");
});

each_store!(a_report_ends_with_a_call_at_a_change_of_the_clocks, |lethe: TestLethe| async move {
    // The bounds of the report are these calls. Between them, clocks change many times, and once within the last second.
    for last in ["2026-03-29T01:00:00Z", "2026-03-29T01:00:00.5Z", "2026-03-29T00:59:59.999999Z"] {
        let calls = [("first", "1970-01-01T00:00:00.25Z"), ("last", last)];
        let calls = calls.map(|(id, at)| json!({ "external_id": id, "channel": "call", "started_at": at }));
        lethe.ingest("interactions", lines(&calls)).await;
        let report = lethe.caller("dpo").post("/archive/linkability", &json!({})).await.expect(200).json();
        assert_eq!(report["classes"][0]["rows"], 2, "{report}");
    }
});
