//! Texts that cannot be rescanned: none stops the job, and only requests for customers that the text may name wait.

use serde_json::{Value, json};

use crate::harness::{TestLethe, each_store};

const JOB: &[&str] = &["job", "nightly", "--as-of", "2026-02-16T02:00:00Z", "--json"];
const KANARI: &str = "+4791827364";
const OLA: &str = "+4740506071";

/// Sends a note before its customer is known, and then the customer, so that the pass must rescan it. Returns its id.
async fn late(lethe: &TestLethe, external_id: &str, text: String) -> Value {
    let chat = |customer: Value| json!({ "external_id": external_id, "channel": "chat", "started_at": "2026-02-10T10:00:00Z", "customer": customer });
    lethe.record(&chat(Value::Null)).await;
    let path = format!("/archive/interactions/{}/content?kind=comment", lethe.call_of(external_id).await.id);
    let item = lethe.caller("integration").post_raw(&path, "text/plain", text).await.expect(201).json();
    lethe.record(&chat(json!({ "phone_number": KANARI, "name": "Kanari Fuglesang" }))).await;
    item["id"].clone()
}

/// A call of a customer whose texts are all readable.
async fn call(lethe: &TestLethe, tenant: &str) {
    let call = json!({ "external_id": "o", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": { "phone_number": OLA } });
    lethe.caller_of(tenant, "integration", "i").ingest("interactions", call.to_string()).await.expect(200);
}

async fn request(lethe: &TestLethe, tenant: &str, number: &str) -> Value {
    let request = json!({ "phone_number": number, "to_date": "2026-02-15", "targets": ["archive"] });
    let entered = lethe.caller_of(tenant, "dpo", "d").post("/anonymize-requests", &request).await.expect(201);
    entered.json()["id"].clone()
}

/// The status of a request, and the reason why it waits.
async fn state(lethe: &TestLethe, tenant: &str, id: &Value) -> (String, Value) {
    let path = format!("/anonymize-requests/{}", id.as_str().unwrap());
    let request = lethe.caller_of(tenant, "dpo", "d").get(&path).await.expect(200).json();
    (request["status"].as_str().unwrap().to_owned(), request["last_error"].clone())
}

fn waiting() -> (String, Value) {
    ("waiting".to_owned(), json!("text_unreadable"))
}

fn done() -> (String, Value) {
    ("done".to_owned(), Value::Null)
}

/// The report of a job for a tenant.
fn report(stdout: &str, tenant: &str) -> Value {
    let lines = stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.into_iter().find(|line| line["tenant"] == tenant).unwrap()
}

each_store!(a_text_that_ends_the_job_keeps_no_other_request_waiting, |lethe: TestLethe| async move {
    for slug in ["aa", "zz"] {
        lethe.run(&["tenant", "create", slug, "--region", "NO", "--time-zone", "Europe/Oslo"]).await.well();
        call(&lethe, slug).await;
    }
    let text = late(&lethe, "c", "Kanari ringte, spør ola@example.net".to_owned()).await;
    call(&lethe, "demo").await;
    let kanari = request(&lethe, "demo", KANARI).await;
    let ola = request(&lethe, "demo", OLA).await;
    let (early, later) = (request(&lethe, "aa", OLA).await, request(&lethe, "zz", OLA).await);

    let crash = [("LETHE_FAILPOINT", "rescan.begin")];
    assert!(lethe.run_with(JOB, &crash, Vec::new()).await.killed(), "the text ends the first job");
    lethe.end_leases().await;
    assert_eq!(state(&lethe, "demo", &ola).await.0, "waiting");
    // The text ends the second job too, but by then every customer is forgotten that it does not name.
    assert!(lethe.run_with(JOB, &crash, Vec::new()).await.killed());
    assert_eq!(state(&lethe, "demo", &ola).await, done());
    assert_eq!(state(&lethe, "aa", &early).await, done());
    assert_eq!(state(&lethe, "zz", &later).await, done(), "other tenants go first");
    assert_eq!(state(&lethe, "demo", &kanari).await, waiting());

    lethe.end_leases().await;
    let spared = {
        let mut jobs = 0;
        loop {
            let ran = lethe.run_with(JOB, &crash, Vec::new()).await;
            jobs += 1;
            if !ran.killed() {
                break ran;
            }
            lethe.end_leases().await;
            assert!(jobs < 5, "a text that ends every job is given up");
        }
    };
    assert_eq!(spared.code(), Some(2), "{}", spared.stderr);
    let told = report(&spared.stdout, "demo");
    assert_eq!(
        (&told["texts_failed"], &told["failed_texts"], &told["requests_failed"]),
        (&json!(1), &json!([text]), &json!(1))
    );
    assert_eq!(state(&lethe, "demo", &kanari).await, waiting());
    let runs = lethe.caller("operator").get("/job-runs").await.expect(200).json();
    assert_eq!(runs["items"][0]["report"]["failed_texts"], json!([text]), "the run says which text it is");
    let download = format!("/archive/content/{}/download", text.as_str().unwrap());
    assert_eq!(lethe.caller("dpo").get(&download).await.problem(409), "state_conflict", "it may name its customer");

    // The operator retries the text, and this time it is rescanned.
    let again = lethe.run(&[JOB, &["--retry-texts"]].concat()).await.well();
    let told = report(&again.stdout, "demo");
    assert_eq!(
        (&told["texts_failed"], &told["texts_reread"], &told["requests_failed"]),
        (&json!(0), &json!(1), &json!(0))
    );
    assert_eq!(state(&lethe, "demo", &kanari).await, done());
    let shown = lethe.caller("dpo").get(&download).await.expect(200).text;
    assert_eq!(shown, "Anonymized ringte, spør ola@example.net");
});

each_store!(a_job_that_was_killed_by_chance_forgets_everybody_at_the_next_start, |lethe: TestLethe| async move {
    for no in 0..10 {
        late(&lethe, &format!("c{no}"), "Kanari ringte".to_owned()).await;
    }
    let kanari = request(&lethe, "demo", KANARI).await;
    assert!(lethe.run_with(JOB, &[("LETHE_FAILPOINT", "rescan.begin:5")], Vec::new()).await.killed());
    lethe.end_leases().await;
    let ran = lethe.run(JOB).await.well();
    assert_eq!(report(&ran.stdout, "demo")["requests_done"], 1);
    assert_eq!(state(&lethe, "demo", &kanari).await, done());
    let dump = lethe.dump().await;
    assert_eq!((dump.rows("rescan_attempts").len(), dump.rows("rescans").len()), (0, 0));
});

each_store!(a_text_that_is_too_long_for_the_job_is_marked_and_skipped, |lethe: TestLethe| async move {
    let text = late(&lethe, "c", "Kanari ringte, og mer. ".repeat(40_000)).await;
    let other = late(&lethe, "d", "Fuglesang ringte".to_owned()).await;
    call(&lethe, "demo").await;
    let (kanari, ola) = (request(&lethe, "demo", KANARI).await, request(&lethe, "demo", OLA).await);
    let little = [("LETHE_MEMORY__BUDGET", "8388608")];
    for run in 0..2 {
        let ran = lethe.run_with(JOB, &little, Vec::new()).await;
        assert_eq!(ran.code(), Some(2), "{}", ran.stderr);
        let told = report(&ran.stdout, "demo");
        assert_eq!((&told["texts_failed"], &told["failed_texts"]), (&json!(1), &json!([text])));
        assert_eq!(
            told["texts_reread"],
            json!(1 - run),
            "the other text is rescanned, and the failed one is not tried again"
        );
        assert_eq!(state(&lethe, "demo", &ola).await, done());
        assert_eq!(state(&lethe, "demo", &kanari).await, waiting());
    }
    assert_eq!(lethe.find(&json!({ "phone_number": KANARI })).await.len(), 2, "nothing is half done");
    assert!(lethe.journal().text().contains("too_large"), "the log says why");

    // The officer deletes it: then nothing names the customer any more.
    let path = format!("/archive/content/{}", text.as_str().unwrap());
    lethe.caller("admin").delete(&path, "*").await.expect(204);
    let told = report(&lethe.run_with(JOB, &little, Vec::new()).await.well().stdout, "demo");
    assert_eq!((&told["texts_failed"], &told["requests_done"]), (&json!(0), &json!(1)));
    assert_eq!(state(&lethe, "demo", &kanari).await, done());
    let download = format!("/archive/content/{}/download?view=identified", other.as_str().unwrap());
    assert_eq!(lethe.caller("dpo").get(&download).await.expect(200).text, "Anonymized ringte");
    assert_eq!(lethe.dump().await.rows("rescan_attempts").len(), 0);
});
