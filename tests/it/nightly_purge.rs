//! Old requests and their erasures: how long they are kept.

use chrono::{DateTime, TimeDelta, Utc};
use lethe::base::clock::Clock;
use lethe::base::id::RequestId;
use lethe::store::Query;
use serde_json::{Value, json};

use crate::harness::oracle::time_of;
use crate::harness::{Answer, TestLethe, each_store};

each_store!(an_old_request_is_purged_and_a_waiting_one_never, |lethe: TestLethe| async move {
    let done = lethe
        .enter_request(&json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"] }))
        .await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(lethe.request(&done["id"]).await.json()["status"], "done");
    let created = time_of(&done, "created_at");
    let day_before = created.checked_add_months(chrono::Months::new(12)).unwrap();
    lethe.night(&(day_before - TimeDelta::days(1)).to_rfc3339()).await.well();
    assert_eq!(lethe.request(&done["id"]).await.status, 200);
    assert_eq!(lethe.dump().await.rows("vault.erasures").len(), 1);
    let late = |months| {
        let day = created.checked_add_months(chrono::Months::new(months)).unwrap() + TimeDelta::days(1);
        day.to_rfc3339()
    };
    // A retention that is paused deletes nothing. After a change it waits for 30 days.
    let operator = lethe.caller("operator");
    let paused = json!({ "request_retention": { "paused": true } });
    let settings = operator.patch("/tenant", "*", &paused).await.expect(200).json();
    assert_eq!(
        (&settings["request_retention"]["state"], &settings["erasure_retention"]["state"]),
        (&json!("paused"), &json!("on"))
    );
    lethe.night(&late(12)).await.well();
    assert_eq!(lethe.request(&done["id"]).await.status, 200);
    let released = json!({ "request_retention": { "paused": false } });
    let settings = operator.patch("/tenant", "*", &released).await.expect(200).json();
    assert_eq!(settings["request_retention"]["state"], "pending");
    let short = json!({ "erasure_retention_months": 11 });
    assert_eq!(operator.patch("/tenant", "*", &short).await.mistakes(), ["/erasure_retention_months out_of_range"]);
    // The erasure outlives its request, so that late data still arrive forgotten.
    lethe.night(&late(12)).await.well();
    assert_eq!(lethe.request(&done["id"]).await.problem(404), "not_found");
    assert_eq!(lethe.dump().await.rows("vault.erasures").len(), 1);
    operator.patch("/tenant", "*", &json!({ "erasure_retention": { "paused": true } })).await.expect(200);
    lethe.night(&late(24)).await.well();
    assert_eq!(lethe.dump().await.rows("vault.erasures").len(), 1);
    operator.patch("/tenant", "*", &json!({ "erasure_retention": { "paused": false } })).await.expect(200);
    let told: Value = serde_json::from_str(&lethe.night(&late(24)).await.well().stdout).unwrap();
    assert_eq!((&told["erasures_purged"], lethe.dump().await.rows("vault.erasures").len()), (&json!(1), 0));
});

each_store!(a_request_is_kept_for_30_days_after_it_was_done, |lethe: TestLethe| async move {
    let enter = async |phone: &str| {
        lethe.enter_request(&json!({ "phone_number": phone, "to_date": "2026-02-15", "targets": ["archive"] })).await
    };
    let (late, long, waiting) = (enter("91234567").await, enter("41234567").await, enter("40506070").await);
    postpone(&lethe, &waiting).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(lethe.dump().await.rows("vault.erasures").len(), 2);
    // One waited for a year before it was done, at 3 in the morning in Oslo; the other was entered a year before the
    // instant below, to the second. In between the clocks change to summer time.
    age(&lethe, &late, "2025-02-01T12:00:00Z", "2026-03-10T02:00:00Z").await;
    age(&lethe, &long, "2025-04-09T01:00:00Z", "2025-04-10T01:00:00Z").await;
    age(&lethe, &waiting, "2025-01-01T12:00:00Z", "2025-01-01T12:00:00Z").await;

    let purged = async |as_of: &str| {
        let foretold = lethe.run(&["job", "nightly", "--as-of", as_of, "--dry-run", "--json"]).await.well();
        let foretold: Value = serde_json::from_str(&foretold.stdout).unwrap();
        let told: Value = serde_json::from_str(&lethe.night(as_of).await.well().stdout).unwrap();
        assert_eq!(told["requests_purged"], foretold["requests_purged"], "{told} {foretold}");
        assert_eq!(told["requests_overdue"], json!(1), "{told}");
        let erasures = lethe.dump().await.rows("vault.erasures").len();
        (told["requests_purged"].as_u64().unwrap(), erasures)
    };
    assert_eq!(purged("2026-03-11T02:00:00Z").await, (0, 2), "done yesterday");
    assert_eq!(purged("2026-04-09T01:00:00Z").await, (0, 2), "30 days and 12 months, to the second");
    assert_eq!(lethe.request(&late["id"]).await.json()["status"], "done");
    assert_eq!(purged("2026-04-09T01:00:01Z").await, (2, 2), "a second more");
    for gone in [&late, &long] {
        assert_eq!(lethe.request(&gone["id"]).await.problem(404), "not_found");
    }
    assert_eq!(purged("2027-04-09T01:00:01Z").await, (0, 2), "one that waits is never purged");
    assert_eq!(lethe.request(&waiting["id"]).await.json()["status"], "waiting");
});

each_store!(a_released_hold_has_the_retention_of_requests, |lethe: TestLethe| async move {
    let hold = json!({ "phone_number": "91234567", "ground": "17(3)(e)", "reference": "case 118",
        "review_on": "2036-08-03" });
    let hold = lethe.caller("dpo").post("/holds", &hold).await.expect(201).json();
    let path = format!("/holds/{}", hold["id"].as_str().unwrap());
    Answer::of(lethe.caller("compliance").call("DELETE", &path)).await.expect(204);
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    let released: DateTime<Utc> = "2023-01-10T12:00:00Z".parse().unwrap();
    tx.query("UPDATE holds SET").with(" released_at = ", released).execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
    let now = Clock::System.now();
    let night = async |day: i64| lethe.night(&(now + TimeDelta::days(day)).to_rfc3339()).await.well();
    let operator = lethe.caller("operator");
    for (paused, state) in [(true, "paused"), (false, "pending")] {
        let change = json!({ "request_retention": { "paused": paused } });
        let settings = operator.patch("/tenant", "*", &change).await.expect(200).json();
        assert_eq!(settings["request_retention"]["state"], state);
        night(1).await;
        assert_eq!(lethe.caller("dpo").get(&path).await.status, 200, "{state}");
    }
    night(31).await;
    assert_eq!(lethe.caller("dpo").get(&path).await.problem(404), "not_found");
});

/// Lets a request wait for ever, as one does that every pass fails to carry out.
async fn postpone(lethe: &TestLethe, request: &Value) {
    let due: DateTime<Utc> = "2099-01-01T00:00:00Z".parse().unwrap();
    update(lethe, request, |query| query.with("due_at = ", due)).await;
}

/// Makes a request as old as it would be if it had been entered and done then.
async fn age(lethe: &TestLethe, request: &Value, created: &str, done: &str) {
    let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let (created, done) = (instant(created), instant(done));
    update(lethe, request, |query| query.with("created_at = ", created).with(", done_at = ", done)).await;
}

async fn update(lethe: &TestLethe, request: &Value, set: impl FnOnce(Query<'_>) -> Query<'_>) {
    let id = RequestId(request["id"].as_str().unwrap().parse().unwrap());
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    let changed = set(tx.query("UPDATE requests SET ")).with(" WHERE id = ", id).execute().await.unwrap();
    assert_eq!(changed, 1);
    tx.commit().await.unwrap();
    archive.close().await;
}
