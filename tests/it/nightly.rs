//! The nightly job: it forgets the requested customers, and nothing else changes.

use std::collections::BTreeSet;

use chrono::Days;
use lethe::base::id::Token;
use serde_json::{Value, json};

use crate::harness::oracle::{Asked, TARGETS, differences, everything, forget, time_of};
use crate::harness::{Caller, Needles, Stock, each_store};

/// An instant after the sample's last day.
const AS_OF: &str = "2026-03-03T02:00:00Z";

/// Twenty-five customers: every third up to each of the three days; by number, by address, by both; some not
/// everywhere.
fn asked_of(stock: &Stock) -> Vec<Asked> {
    let first = stock.sample.until.checked_sub_days(Days::new(3)).unwrap();
    let mut asked = Vec::new();
    for (no, customer) in stock.customers.iter().take(25).enumerate() {
        let by_email = customer.email.clone().filter(|_| no % 3 != 0);
        let by_phone = (by_email.is_none() || no % 3 == 2).then(|| customer.phone_e164.clone());
        let targets = match no % 5 {
            3 => vec!["archive"],
            4 => vec!["sms_survey", "raw_data"],
            _ => vec!["archive", "sms_survey", "raw_data"],
        };
        let to_date = first.checked_add_days(Days::new(no as u64 % 3)).unwrap();
        asked.push(Asked { phone: by_phone, email: by_email, to_date, targets });
    }
    asked
}

/// Enters the requests in one batch, each number in another spelling than its neighbour's.
async fn enter(caller: &Caller, stock: &Stock, asked: &[Asked]) -> Vec<Value> {
    let mut rows = Vec::new();
    for (no, request) in asked.iter().enumerate() {
        let spellings = stock.spellings(no);
        let spelling = &spellings[no % spellings.len()];
        rows.push(json!({
            "phone_number": request.phone.as_ref().map(|_| spelling),
            "email": request.email.as_ref().map(|email| format!(" {} ", email.to_uppercase())),
            "to_date": request.to_date,
            "comment": format!("case {no}: called from {spelling}"),
            "targets": request.targets,
        }));
    }
    let saved = caller.post("/anonymize-requests/batch", &json!({ "create": rows })).await.expect(200).json();
    saved["created"].as_array().unwrap().clone()
}

/// The external ids of the records that a search must find: those whose customer has one of these and that remain.
fn held<'a>(records: &'a [Value], identifier: &str) -> BTreeSet<&'a str> {
    let has = |record: &&Value| ["phone_number", "email"].iter().any(|slot| record["customer"][slot] == identifier);
    records.iter().filter(has).map(|record| record["external_id"].as_str().unwrap()).collect()
}

async fn found(caller: &Caller, body: &Value) -> BTreeSet<String> {
    let items = caller.all("/archive/search", body).await;
    items.iter().map(|item| item["external_id"].as_str().unwrap().to_owned()).collect()
}

/// Every search by a number in any spelling, and by an address, finds exactly its records.
async fn check_searches(caller: &Caller, stock: &Stock, records: &[Value], spellings: usize) {
    for no in 0..25 {
        let customer = &stock.customers[no];
        let wanted = held(records, &customer.phone_e164);
        for spelling in stock.spellings(no).iter().take(spellings) {
            let found = found(caller, &json!({ "phone_number": spelling })).await;
            assert!(
                found.iter().map(String::as_str).eq(wanted.iter().copied()),
                "customer {no}: {found:?}, not {wanted:?}"
            );
        }
        if let Some(email) = &customer.email {
            let wanted = held(records, email);
            let found = found(caller, &json!({ "email": email })).await;
            assert!(
                found.iter().map(String::as_str).eq(wanted.iter().copied()),
                "customer {no}: {found:?}, not {wanted:?}"
            );
        }
    }
}

/// The tokens of every identifier that any record still shows: what the vault must hold, and all it may hold.
async fn tokens(caller: &Caller) -> BTreeSet<String> {
    let mut tokens = BTreeSet::new();
    for (_, path, _) in TARGETS {
        for record in caller.all(path, &json!({ "view": "pseudonymous" })).await {
            let text = record.to_string();
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            tokens.extend(
                words.filter_map(|word| word.parse::<Token>().ok()).map(|token| token.id.0.simple().to_string()),
            );
        }
    }
    tokens
}

each_store!(twenty_five_customers_are_forgotten_and_nothing_else_changes, |lethe: TestLethe| async move {
    let stock = Stock::of(500, 11);
    let officer = lethe.caller("dpo");
    stock.load(&lethe).await;
    let secrets = Needles::new(stock.identifiers());
    let before = everything(&lethe).await;
    assert!(before.iter().all(|records| records.len() > 30), "the sample has too little to tell");
    check_searches(&officer, &stock, &before[0], 2).await;
    let asked = asked_of(&stock);
    let entered = enter(&officer, &stock, &asked).await;
    secrets.absent_from("the archive before the job", &lethe.archive_bytes().await);

    lethe.night(AS_OF).await.well();

    let after = everything(&lethe).await;
    let wanted: [Vec<Value>; 3] =
        std::array::from_fn(|kind| before[kind].iter().map(|record| forget(record, kind, &asked)).collect());
    for kind in 0..3 {
        let changed = before[kind].iter().zip(&wanted[kind]).filter(|(before, wanted)| before != wanted).count();
        assert!(
            changed > 5 && changed < before[kind].len() - 5,
            "{changed} records change: too few or too many to tell"
        );
        let differences = differences(&wanted[kind], &after[kind]);
        assert!(
            differences.is_empty(),
            "{} differ:\n{}",
            differences.len(),
            differences[..differences.len().min(3)].join("\n")
        );
    }
    check_searches(&officer, &stock, &after[0], usize::MAX).await;
    let later = (0..25).map(|no| held(&after[0], &stock.customers[no].phone_e164).len()).sum::<usize>();
    assert!(later > 5, "too few later calls to tell that they stay");

    for (request, entered) in asked.iter().zip(&entered) {
        let done = lethe.request(&entered["id"]).await.expect(200).json();
        let masked = |shown: &Value, clear: &Option<String>| match clear {
            Some(clear) => shown.as_str() == Some(&format!("*****{}", &clear[clear.len() - 1..])),
            None => shown.is_null(),
        };
        assert_eq!(done["status"], "done", "{done}");
        assert!(masked(&done["phone_number"], &request.phone) && masked(&done["email"], &request.email), "{done}");
        for (kind, (target, _, _)) in TARGETS.iter().enumerate() {
            let alone = std::slice::from_ref(request);
            let matches = before[kind].iter().filter(|record| forget(record, kind, alone) != **record).count();
            let wanted = if request.targets.contains(target) { json!(matches) } else { Value::Null };
            assert_eq!(done["result"][target]["anonymized"], wanted, "{target}: {done}");
        }
    }
    let dump = lethe.dump().await;
    let kept: BTreeSet<String> = dump.rows("vault.identifiers").iter().filter_map(|row| row["id"].clone()).collect();
    let mut shown = tokens(&officer).await;
    assert_eq!(kept, shown, "the vault holds what the archive shows, no more and no less");
    assert!(shown.pop_first().is_some());
    secrets.absent_from("the archive after the job", &lethe.archive_bytes().await);
    secrets.absent_from("all files after the job", &lethe.folder_bytes());
    secrets.absent_from("all that was logged", lethe.journal().text().as_bytes());
});

each_store!(the_last_day_ends_at_local_midnight, |lethe: TestLethe| async move {
    // Oslo's clocks go forward on 29 March 2026: the day has 23 hours.
    for (external_id, at) in [
        ("first instant", "2026-03-29T00:00:00+01:00"),
        ("last instant", "2026-03-29T23:59:59.999999+02:00"),
        ("next day", "2026-03-30T00:00:00+02:00"),
    ] {
        let customer = json!({ "phone_number": "91234567" });
        lethe
            .record(&json!({ "external_id": external_id, "channel": "call", "started_at": at, "customer": customer }))
            .await;
    }
    let request = lethe
        .enter_request(&json!({ "phone_number": "+4791234567", "to_date": "2026-03-29", "targets": ["archive"] }))
        .await;
    assert_eq!(request["due_at"], "2026-03-29T22:00:00Z");

    lethe.night("2026-03-29T21:59:59Z").await.well();
    assert_eq!(lethe.find(&json!({ "phone_number": "91234567" })).await.len(), 3, "not due yet");

    lethe.night("2026-03-29T22:00:00Z").await.well();
    assert_eq!(lethe.find(&json!({ "phone_number": "91234567" })).await, ["next day"]);
    assert_eq!(lethe.find(&json!({})).await, ["next day", "last instant", "first instant"]);
});

each_store!(what_happens_after_the_entry_day_waits_for_another_request, |lethe: TestLethe| async move {
    let request = lethe.enter_request(&json!({ "email": "kari@example.net", "targets": ["archive"] })).await;
    let due = request["due_at"].as_str().unwrap().to_owned();
    let now = chrono_now(&request);
    lethe.night(&now).await.well();
    let waiting = lethe.request(&request["id"]).await.json();
    assert_eq!((waiting["status"].as_str(), &waiting["attempts"]), (Some("waiting"), &json!(0)));
    lethe.night(&due).await.well();
    assert_eq!(lethe.request(&request["id"]).await.json()["status"], "done");
});

/// The instant at which a request was entered.
fn chrono_now(request: &Value) -> String {
    time_of(request, "created_at").to_rfc3339()
}

each_store!(late_data_arrive_forgotten, |lethe: TestLethe| async move {
    let call = |external_id: &str, day: &str| {
        json!({
            "external_id": external_id, "channel": "call", "started_at": format!("2026-02-{day}T10:00:00Z"),
            "customer": { "phone_number": "91234567", "email": "ola@example.net", "name": "Ola Storvatn" },
            "attributes": { "notes": "Storvatn asked twice, 912 34 567" }
        })
    };
    lethe.record(&call("early", "10")).await;
    lethe
        .enter_request(
            &json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive", "sms_survey"] }),
        )
        .await;
    lethe.night("2026-02-16T02:00:00Z").await.well();

    lethe.record(&call("late", "15")).await;
    lethe.record(&call("early", "10")).await;
    lethe.record(&call("after", "16")).await;
    let survey = |external_id: &str, day: &str| {
        json!({ "external_id": external_id, "answered_at": format!("2026-02-{day}T10:00:00Z"), "phone_number": "0047 91234567",
                "score": 3, "comment": "call +47 912 34 567" }).to_string()
    };
    lethe.ingest("survey-responses", [survey("late", "15"), survey("after", "16")].join("\n")).await;
    let event = json!({ "external_id": "late", "occurred_at": "2026-02-15T10:00:00Z", "event": "queued", "phone_number": "91234567" });
    lethe.ingest("raw-events", event.to_string()).await;

    let [interactions, surveys, events] = everything(&lethe).await;
    let read = |record: &Value| {
        let texts =
            record["attributes"]["notes"].as_str().or(record["comment"].as_str()).unwrap_or_default().to_owned();
        let phone = record["customer"].get("phone_number").or(record.get("phone_number"));
        (record["external_id"].as_str().unwrap().to_owned(), phone.unwrap().as_str().unwrap().to_owned(), texts)
    };
    let row = |id: &str, phone: &str, text: &str| (id.to_owned(), phone.to_owned(), text.to_owned());
    assert_eq!(
        interactions.iter().map(read).collect::<Vec<_>>(),
        [
            row("after", "+4791234567", "Ola Storvatn asked twice, +4791234567"),
            row("late", "Anonymized", "Anonymized asked twice, Anonymized"),
            row("early", "Anonymized", "Anonymized asked twice, Anonymized"),
        ]
    );
    assert_eq!(
        surveys.iter().map(read).collect::<Vec<_>>(),
        [row("after", "+4791234567", "call +4791234567"), row("late", "Anonymized", "call Anonymized"),]
    );
    assert_eq!(
        events.iter().map(read).collect::<Vec<_>>(),
        [row("late", "+4791234567", "")],
        "raw data were not ticked"
    );
    assert_eq!(lethe.find(&json!({ "email": "ola@example.net" })).await, ["after"]);
});

each_store!(what_was_forgotten_stays_forgotten_when_the_erasure_is_gone, |lethe: TestLethe| async move {
    let call = json!({
        "external_id": "old", "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": "41234567" }, "attributes": { "notes": "wife: 912 34 567" }
    });
    lethe.record(&call).await;
    lethe.enter_request(&json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"] })).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    // Two years on, the request and its erasure are purged.
    lethe.night("2029-01-01T02:00:00Z").await.well();
    assert_eq!(lethe.caller("dpo").get("/anonymize-requests").await.json()["items"], json!([]));
    assert_eq!(lethe.dump().await.rows("vault.erasures").len(), 0);

    // The old call once more, in one batch with a new one of the person it mentions.
    let new = json!({
        "external_id": "new", "channel": "call", "started_at": "2027-02-10T10:00:00Z", "customer": { "phone_number": "91234567" }
    });
    lethe.ingest("interactions", format!("{call}\n{new}")).await;
    let old = &lethe.search(&json!({ "phone_number": "41234567" })).await["items"][0];
    assert_eq!((&old["attributes"]["notes"], &old["anonymized"]), (&json!("wife: Anonymized"), &json!(true)));
    assert_eq!(lethe.find(&json!({ "phone_number": "91234567" })).await, ["new"]);
});

each_store!(a_dry_run_writes_nothing, |lethe: TestLethe| async move {
    let stock = Stock::of(100, 5);
    stock.load(&lethe).await;
    enter(&lethe.caller("dpo"), &stock, &asked_of(&stock)).await;
    let before = lethe.dump().await;
    let told = lethe.run(&["job", "nightly", "--as-of", AS_OF, "--dry-run", "--json"]).await.well();
    assert!(told.stdout.contains("archive"), "{}", told.stdout);
    assert_eq!(lethe.dump().await.tables, before.tables);
});

each_store!(two_jobs_at_once_share_the_tenants, |lethe: TestLethe| async move {
    let stock = Stock::of(200, 6);
    stock.load(&lethe).await;
    let asked = asked_of(&stock);
    enter(&lethe.caller("dpo"), &stock, &asked).await;
    let before = everything(&lethe).await;
    let (one, other) = tokio::join!(lethe.night(AS_OF), lethe.night(AS_OF));
    one.well();
    other.well();
    let after = everything(&lethe).await;
    for kind in 0..3 {
        let wanted: Vec<_> = before[kind].iter().map(|record| forget(record, kind, &asked)).collect();
        assert_eq!(differences(&wanted, &after[kind]), Vec::<String>::new());
    }
    let done = lethe.caller("dpo").get("/anonymize-requests?status=done&limit=200").await.json();
    assert_eq!(done["items"].as_array().unwrap().len(), asked.len());
    let dump = lethe.dump().await;
    let audited = dump.rows("audit_events").iter().filter(|row| row["action"].as_deref() == Some("request.done"));
    assert_eq!(audited.count(), asked.len(), "one audit row a request");
});

each_store!(a_cancelled_request_leaves_nothing_in_the_vault, |lethe: TestLethe| async move {
    let entered = lethe
        .caller("dpo")
        .post(
            "/anonymize-requests",
            &json!({ "phone_number": "91234567", "email": "x@example.net", "targets": ["archive"] }),
        )
        .await
        .expect(201);
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 2);
    let path = format!("/anonymize-requests/{}", entered.json()["id"].as_str().unwrap());
    lethe.caller("dpo").delete(&path, &entered.etag()).await.expect(204);
    lethe.night(AS_OF).await.well();
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 0);
});
