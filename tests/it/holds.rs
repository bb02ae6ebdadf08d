//! Legal holds: a held person survives passes, retention, and deletions, and is gone in the pass after the release.

use chrono::TimeDelta;
use lethe::base::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{Answer, Part, Ran, TestLethe, each_store};

const KARI: &str = "+4791827364";
const OLA: &str = "+4740506071";
const EVA: &str = "+4741424344";
const PER: &str = "+4799887766";
const NIGHT: &str = "2026-02-16T02:00:00Z";
const JOB: &[&str] = &["job", "nightly", "--tenant", "demo", "--as-of", NIGHT, "--json"];

async fn call(lethe: &TestLethe, id: &str, customer: Value, note: &str) -> String {
    let record = json!({ "external_id": id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": customer, "attributes": { "note": note } });
    lethe.record(&record).await;
    lethe.call_of(id).await.id.to_string()
}

fn by(number: &str) -> Value {
    json!({ "phone_number": number })
}

fn request(number: &str) -> Value {
    json!({ "phone_number": number, "to_date": "2026-02-15", "targets": ["archive", "sms_survey", "raw_data"] })
}

fn hold(of: &Value) -> Value {
    let mut hold = json!({ "ground": "17(3)(e)", "reference": "case 118", "review_on": "2036-08-03" });
    hold.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
    hold
}

async fn place(lethe: &TestLethe, of: &Value) -> String {
    let placed = lethe.caller("dpo").post("/holds", &hold(of)).await.expect(201).json();
    format!("/holds/{}", placed["id"].as_str().unwrap())
}

async fn release(lethe: &TestLethe, path: &str) {
    Answer::of(lethe.caller("compliance").call("DELETE", path)).await.expect(204);
}

fn report(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.trim()).unwrap_or_else(|_| panic!("{ran:?}"))
}

async fn night(lethe: &TestLethe) -> Value {
    report(&lethe.run(JOB).await.well())
}

async fn status(lethe: &TestLethe, request: &Value) -> Value {
    lethe.request(&request["id"]).await.expect(200).json()["status"].clone()
}

/// The calls of Kari, of Ola, whose note mentions her, and of Eva, each with a recording and a request.
async fn three_people(lethe: &TestLethe) -> [Value; 3] {
    call(lethe, "kari", by(KARI), "").await;
    call(lethe, "ola", by(OLA), &format!("asked for {KARI}")).await;
    call(lethe, "eva", by(EVA), "").await;
    let survey = json!({ "external_id": "s", "answered_at": "2026-02-11T11:00:00Z", "phone_number": KARI, "score": 9 });
    lethe.ingest("survey-responses", survey.to_string()).await;
    let mut of_kari = request(KARI);
    of_kari["delete_content"] = json!(true);
    [
        lethe.enter_request(&of_kari).await,
        lethe.enter_request(&request(OLA)).await,
        lethe.enter_request(&request(EVA)).await,
    ]
}

each_store!(a_held_person_survives_everything_until_the_pass_after_the_release, |lethe: TestLethe| async move {
    let dpo = lethe.caller("dpo");
    let entered = three_people(&lethe).await;
    let mut recordings = Vec::new();
    for id in ["kari", "ola", "eva"] {
        recordings.push(lethe.upload(id, "recording", b"hello").await);
    }
    let paths: Vec<_> =
        recordings.iter().map(|one| format!("/archive/content/{}", one["id"].as_str().unwrap())).collect();
    let days = json!({ "recordings": { "retention_days": { "recording": 1 } } });
    lethe.caller("admin").patch("/tenant", "*", &days).await.expect(200);

    let placed = dpo.post("/holds", &hold(&json!({ "phone_number": "918 27 364" }))).await.expect(201);
    let told = placed.json();
    assert_eq!(
        (&told["phone_number"], &told["placed_by"], &told["version"]),
        (&json!(KARI), &json!("kari"), &json!(1))
    );
    let path = format!("/holds/{}", told["id"].as_str().unwrap());
    assert!(placed.header("location").unwrap().ends_with(&path) && placed.etag() == "\"1\"");
    let dry = report(&lethe.run(&[JOB, &["--dry-run"]].concat()).await.well());
    assert_eq!((&dry["requests_due"], &dry["requests_held"]), (&json!(3), &json!(2)), "{dry}");
    assert_eq!(dry["selected"], json!({ "archive": 1, "sms_survey": 0, "raw_data": 0 }));

    // Ola's call mentions Kari, so it is held as well.
    for (no, done) in [(1, 1), (2, 0), (3, 0)] {
        let told = night(&lethe).await;
        let numbers = (&told["requests_done"], &told["requests_held"], &told["requests_failed"]);
        assert_eq!(numbers, (&json!(done), &json!(2), &json!(0)), "night {no}: {told}");
    }
    let waiting = lethe.request(&entered[0]["id"]).await.expect(200).json();
    assert_eq!(
        (&waiting["status"], &waiting["attempts"], &waiting["last_error"]),
        (&json!("waiting"), &json!(0), &json!(null))
    );
    assert_eq!(
        (status(&lethe, &entered[1]).await, status(&lethe, &entered[2]).await),
        (json!("waiting"), json!("done"))
    );
    assert_eq!(lethe.find(&by(KARI)).await, ["kari"]);
    assert_eq!(lethe.find(&by(EVA)).await, [""; 0]);

    // A text that mentions her belongs to her hold, and so does its interaction.
    let call_of_per = call(&lethe, "per", by(PER), "").await;
    let path_of_text = format!("/archive/interactions/{call_of_per}/content?kind=chat_log");
    let text = lethe.caller("integration").post_raw(&path_of_text, "text/plain", format!("Per: not {KARI}")).await;
    let text = format!("/archive/content/{}", text.expect(201).json()["id"].as_str().unwrap());
    assert_eq!(Answer::of(dpo.call("DELETE", &text)).await.problem(409), "legal_hold");
    let preview = dpo.post("/anonymize-requests/preview", &request(PER)).await.expect(200).json();
    assert_eq!((&preview["targets"]["archive"]["records"], &preview["held"]), (&json!(1), &json!(1)));

    // A request that is held can still be changed and cancelled.
    let second = lethe.enter_request(&request(KARI)).await;
    dpo.delete(&format!("/anonymize-requests/{}", second["id"].as_str().unwrap()), "\"1\"").await.expect(204);

    // Deletions and retention leave held content alone.
    for path in &paths[..2] {
        assert_eq!(Answer::of(dpo.call("DELETE", path)).await.problem(409), "legal_hold");
    }
    let calls: Vec<_> = recordings.iter().map(|one| one["interaction_id"].clone()).collect();
    let late = (Clock::System.now() + TimeDelta::days(31)).to_rfc3339();
    let foreseen = lethe.run(&["job", "nightly", "--as-of", &late, "--json", "--dry-run"]).await.well();
    assert_eq!(report(&foreseen)["retention"]["deleted"], json!({ "recording": 1 }), "{}", foreseen.stdout);
    let told = report(&lethe.night(&late).await.well());
    assert_eq!((&told["content_expired"], &told["content_left"]), (&json!(1), &json!(0)), "{told}");
    assert_eq!(dpo.get(&paths[2]).await.problem(404), "not_found");
    lethe.upload("eva", "recording", b"again").await;
    let batch = json!({ "interaction_ids": calls });
    let told = dpo.post("/archive/content/delete-batch", &batch).await.expect(200).json();
    let mut failures: Vec<_> =
        told["failures"].as_array().unwrap().iter().map(|one| (one["id"].clone(), one["code"].clone())).collect();
    failures.sort_by_key(|(id, _)| calls.iter().position(|call| call == id));
    assert_eq!(told["deleted"], json!(1), "{told}");
    assert_eq!(failures, [(calls[0].clone(), json!("legal_hold")), (calls[1].clone(), json!("legal_hold"))]);
    dpo.get(&paths[0]).await.expect(200);

    assert_eq!(dpo.delete(&path, "\"7\"").await.problem(412), "version_stale");
    dpo.delete(&path, "\"1\"").await.expect(204);
    Answer::of(dpo.call("DELETE", &text)).await.expect(204);
    assert_eq!(dpo.delete(&path, "*").await.problem(409), "state_conflict");
    let released = dpo.get(&path).await.expect(200).json();
    assert_eq!((&released["phone_number"], &released["released_by"]), (&json!("*****4"), &json!("kari")));
    let told = night(&lethe).await;
    assert_eq!((&told["requests_done"], &told["requests_held"]), (&json!(2), &json!(0)), "{told}");
    assert_eq!(status(&lethe, &entered[0]).await, "done");
    assert_eq!(lethe.find(&by(KARI)).await, [""; 0]);
    assert_eq!(dpo.get(&paths[0]).await.problem(404), "not_found");

    let audit = dpo.get("/audit-events?limit=200").await.expect(200).json();
    let of = |action: &str| audit["items"].as_array().unwrap().iter().find(|row| row["action"] == action).cloned();
    let row = of("hold.placed").unwrap()["detail"].clone();
    assert_eq!((&row["ground"], &row["reference"]), (&json!("17(3)(e)"), &json!("case 118")), "{row}");
    assert_eq!(of("hold.released").unwrap()["detail"]["reference"], "case 118");
    assert!(!audit.to_string().contains("827364"), "{audit}");
});

each_store!(holds_overlap_and_are_checked_as_requests_are, |lethe: TestLethe| async move {
    let dpo = lethe.caller("dpo");
    let first = call(&lethe, "kari", json!({ "phone_number": KARI, "email": "kari@example.net" }), "").await;
    for (change, mistakes) in [
        (json!({}), &["/phone_number identifier_missing"][..]),
        (json!({ "phone_number": "x", "email": "@" }), &["/phone_number phone_number_invalid", "/email email_invalid"]),
        (json!({ "interaction_ids": ["x"] }), &["/interaction_ids/0 not_found"]),
        (json!({ "phone_number": KARI, "reference": "" }), &["/reference required"]),
        (json!({ "phone_number": KARI, "reference": " \u{200B}\t" }), &["/reference required"]),
        (json!({ "phone_number": KARI, "reference": "of 912 34 567" }), &["/reference identifier"]),
        (json!({ "phone_number": KARI, "reference": "x".repeat(101) }), &["/reference too_long"]),
        (json!({ "phone_number": KARI, "review_on": "2020-01-01" }), &["/review_on out_of_range"]),
        (json!({ "phone_number": KARI, "review_on": "soon" }), &["/review_on format"]),
        (json!({ "phone_number": KARI, "why": "so" }), &["/why unknown_field"]),
    ] {
        assert_eq!(dpo.post("/holds", &hold(&change)).await.mistakes(), mistakes, "{change}");
    }
    let wrong = dpo.post("/holds", &hold(&json!({ "phone_number": KARI, "ground": "17(3)(f)" }))).await.mistakes();
    assert!(wrong.len() == 1 && wrong[0].starts_with("/ground "), "{wrong:?}");
    lethe.caller("supervisor").get("/holds").await.expect(403);

    let by_email = place(&lethe, &json!({ "email": "Kari@Example.net", "ground": "18(1)(c)" })).await;
    let keyed = |body: Value| dpo.call("POST", "/holds").header("idempotency-key", "k").json(&body);
    let body = hold(&json!({ "interaction_ids": [first] }));
    let once = Answer::of(keyed(body.clone())).await.expect(201).json();
    let again = Answer::of(keyed(body.clone())).await.expect(201);
    assert_eq!((again.header("idempotency-replayed"), again.json()), (Some("true"), once.clone()));
    assert_eq!(once["interaction_ids"], json!([first]));
    let by_call = format!("/holds/{}", once["id"].as_str().unwrap());
    let listed = dpo.get("/holds?limit=1").await.expect(200).json();
    let rest = format!("/holds?cursor={}", listed["next_cursor"].as_str().unwrap());
    assert_eq!(listed["items"][0]["id"], once["id"]);
    assert_eq!(dpo.get(&rest).await.expect(200).json()["items"][0]["email"], "kari@example.net");
    lethe.run(&["tenant", "create", "acme"]).await.well();
    let foreign = lethe.caller_of("acme", "dpo", "eva");
    assert_eq!(foreign.get(&by_call).await.problem(404), "not_found");
    assert_eq!(foreign.delete(&by_call, "*").await.problem(404), "not_found");
    assert_eq!(foreign.get("/holds").await.expect(200).json()["items"], json!([]));

    // Later records of the customer are held too, and each hold is enough.
    call(&lethe, "again", by(KARI), "").await;
    let entered = lethe.enter_request(&request(KARI)).await;
    assert_eq!(night(&lethe).await["requests_held"], 1);
    release(&lethe, &by_email).await;
    assert_eq!(night(&lethe).await["requests_held"], 1);
    release(&lethe, &by_call).await;
    assert_eq!(dpo.get(&by_call).await.expect(200).json()["interaction_count"], 1);
    let told = night(&lethe).await;
    assert_eq!((&told["requests_held"], &told["requests_done"]), (&json!(0), &json!(1)), "{told}");
    assert_eq!(status(&lethe, &entered).await, "done");
});

each_store!(a_hold_comes_too_late_for_a_pass_that_has_begun, |lethe: TestLethe| async move {
    let dpo = lethe.caller("dpo");
    let [of_kari, ..] = three_people(&lethe).await;
    call(&lethe, "other", by("+4799887766"), "").await;
    let ids: Vec<_> =
        lethe.search(&by(KARI)).await["items"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    let by_call = json!({ "interaction_ids": ids });
    assert!(!ids.is_empty());
    for failpoint in ["claim", "unlink"] {
        assert!(lethe.run_with(JOB, &[("LETHE_FAILPOINT", failpoint)], Vec::new()).await.killed(), "{failpoint}");
        lethe.end_leases().await;
        for of in [by(KARI), by(EVA), by_call.clone()] {
            let refused = dpo.post("/holds", &hold(&of)).await;
            assert_eq!(refused.problem(409), "pass_started", "{failpoint}");
        }
        assert_eq!(
            dpo.get("/holds").await.expect(200).json()["items"].as_array().unwrap().len(),
            usize::from(failpoint == "unlink")
        );
        if failpoint == "claim" {
            place(&lethe, &by("+4799887766")).await;
        }
    }
    assert_eq!(night(&lethe).await["requests_done"], 3);
    assert_eq!(status(&lethe, &of_kari).await, "done");

    // A hold revives nobody, and data that arrive late arrive forgotten.
    let late = place(&lethe, &by(KARI)).await;
    call(&lethe, "late", by(KARI), "").await;
    assert_eq!(lethe.find(&by(KARI)).await, [""; 0]);
    assert_eq!(dpo.get(&late).await.expect(200).json()["phone_number"], KARI);
});

each_store!(a_hold_keeps_a_customer_whom_a_restored_vault_has_lost, |mut lethe: TestLethe| async move {
    call(&lethe, "before", by(OLA), "").await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    // Since the backup, two customers have called. One is held, and one waits to be forgotten.
    call(&lethe, "kari", by(KARI), "").await;
    call(&lethe, "eva", by(EVA), "").await;
    let hold = place(&lethe, &by(KARI)).await;
    lethe.stop().await;
    lethe.run(JOB).await.well();
    lethe.serve().await;
    let waiting =
        lethe.enter_request(&json!({ "phone_number": EVA, "to_date": "2026-02-15", "targets": ["archive"] })).await;
    lethe.stop().await;
    for parts in [&[Part::Vault][..], &[Part::Archive, Part::Vault]] {
        let mut restored = lethe.copy().await;
        restored.restore(&backup, parts).await;
        let replayed = report(&restored.run(&["replay", "--json"]).await.well());
        restored.serve().await;
        // The calls are sent again, and the customers are the same ones for the hold and for the request.
        for (no, who) in [("kari", KARI), ("again", KARI), ("eva", EVA)] {
            call(&restored, no, by(who), "").await;
        }
        let dpo = restored.caller("dpo");
        let shown = dpo.get(&hold).await.expect(200).json();
        assert_eq!((&shown["phone_number"], &shown["released_at"]), (&json!(KARI), &json!(null)), "{replayed}");
        let of_kari = json!({ "phone_number": KARI, "to_date": "2026-02-15", "targets": ["archive"] });
        let of_kari = restored.enter_request(&of_kari).await;
        restored.stop().await;
        let told = report(&restored.run(JOB).await.well());
        assert_eq!(told["requests_held"], 1, "{parts:?}: {told}");
        restored.serve().await;
        assert_eq!(restored.request(&of_kari["id"]).await.json()["status"], "waiting");
        assert_eq!(restored.find(&by(KARI)).await.len(), 2, "the held calls are there");
        if parts == [Part::Vault] {
            assert_eq!(restored.request(&waiting["id"]).await.json()["status"], "done");
            call(&restored, "late", by(EVA), "").await;
            assert_eq!(restored.find(&by(EVA)).await, [""; 0], "late data arrive forgotten");
        }
        restored.stop().await;
    }
});

each_store!(a_hold_keeps_a_customer_whom_a_restored_vault_knows_by_an_older_id, |mut lethe: TestLethe| async move {
    call(&lethe, "old", by(KARI), "").await;
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    // Kari is forgotten, calls again as somebody new, and is held.
    lethe.enter_request(&json!({ "phone_number": KARI, "to_date": "2026-02-15", "targets": ["archive"] })).await;
    lethe.stop().await;
    assert_eq!(night(&lethe).await["requests_done"], 1);
    lethe.serve().await;
    let later = |id: &str| json!({ "external_id": id, "channel": "call", "started_at": "2026-02-20T10:00:00Z", "customer": by(KARI) });
    lethe.record(&later("new")).await;
    let hold = place(&lethe, &by(KARI)).await;
    lethe.stop().await;
    let mut restored = lethe.copy().await;
    restored.restore(&backup, &[Part::Vault]).await;
    restored.run(&["replay", "--json"]).await.well();
    restored.serve().await;
    restored.record(&later("again")).await;
    assert_eq!(restored.caller("dpo").get(&hold).await.expect(200).json()["phone_number"], json!(KARI));
    let request = json!({ "phone_number": KARI, "to_date": "2026-02-25", "targets": ["archive"] });
    let request = restored.enter_request(&request).await;
    restored.stop().await;
    let job = ["job", "nightly", "--as-of", "2026-03-10T02:00:00Z", "--json"];
    assert_eq!(report(&restored.run(&job).await.well())["requests_held"], 1);
    restored.serve().await;
    assert_eq!(restored.request(&request["id"]).await.json()["status"], "waiting");
    assert_eq!(restored.find(&by(KARI)).await, ["again", "new"]);
});

each_store!(a_hold_keeps_a_customer_whom_a_vault_has_lost_without_a_job_since, |mut lethe: TestLethe| async move {
    call(&lethe, "ola", by(OLA), "").await;
    lethe.stop().await;
    lethe.run(JOB).await.well();
    let backup = lethe.copy().await;
    lethe.serve().await;
    call(&lethe, "kari", by(KARI), "").await;
    let hold = place(&lethe, &by(KARI)).await;
    lethe.stop().await;
    lethe.restore(&backup, &[Part::Vault]).await;
    // No job has written to the vault, so its age cannot be noticed.
    lethe.serve().await;
    call(&lethe, "kari", by(KARI), "").await;
    assert_eq!(lethe.caller("dpo").get(&hold).await.expect(200).json()["phone_number"], json!(KARI));
});

each_store!(a_request_that_is_lost_with_a_backup_is_listed, |mut lethe: TestLethe| async move {
    call(&lethe, "ola", by(OLA), "").await;
    lethe.stop().await;
    lethe.run(JOB).await.well();
    let backup = lethe.copy().await;
    lethe.serve().await;
    let request = json!({ "phone_number": OLA, "to_date": "2026-02-15", "targets": ["archive"] });
    let lost = lethe.enter_request(&request).await;
    lethe.stop().await;
    lethe.restore(&backup, &[Part::Archive]).await;
    let replayed = report(&lethe.run(&["replay", "--json"]).await.well());
    assert_eq!((&replayed["behind"], &replayed["lost_requests"]), (&json!(null), &json!([lost["id"]])), "{replayed}");
});

each_store!(a_replay_places_and_releases_holds_again, |mut lethe: TestLethe| async move {
    let [of_kari, of_ola, _] = three_people(&lethe).await;
    let call_of_kari = lethe.call_of("kari").await.id.to_string();
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    let lasting = place(&lethe, &json!({ "interaction_ids": [call_of_kari], "hide": true })).await;
    let released = place(&lethe, &by(EVA)).await;
    release(&lethe, &released).await;
    let mask = lethe.caller("dpo").get(&released).await.expect(200).json()["phone_number"].clone();
    assert!(mask.as_str().unwrap().len() > 5, "{mask}");
    lethe.stop().await;
    let told = night(&lethe).await;
    assert_eq!((&told["requests_done"], &told["requests_held"]), (&json!(1), &json!(2)), "{told}");
    for parts in [&[Part::Archive][..], &[Part::Archive, Part::Vault, Part::Objects]] {
        let mut restored = lethe.copy().await;
        restored.restore(&backup, parts).await;
        assert_eq!(restored.run(JOB).await.code(), Some(78), "{parts:?}");
        let replayed = report(&restored.run(&["replay", "--json"]).await.well());
        assert_eq!((&replayed["holds"], &replayed["requests_done"]), (&json!(3), &json!(1)), "{replayed}");
        restored.serve().await;
        let dpo = restored.caller("dpo");
        let hold = dpo.get(&lasting).await.expect(200).json();
        assert_eq!((&hold["interaction_ids"], &hold["hide"]), (&json!([call_of_kari]), &json!(true)), "{hold}");
        assert_eq!((&hold["ground"], &hold["review_on"]), (&json!("17(3)(e)"), &json!("2036-08-03")), "{hold}");
        let hold = dpo.get(&released).await.expect(200).json();
        assert!(hold["released_at"].is_string() && hold["phone_number"] == mask, "{hold}");
        restored.stop().await;
        assert_eq!(report(&restored.run(JOB).await.well())["requests_held"], 2);
        restored.serve().await;
        for request in [&of_kari, &of_ola] {
            assert_eq!(status(&restored, request).await, "waiting");
        }
        release(&restored, &lasting).await;
        restored.stop().await;
        assert_eq!(report(&restored.run(JOB).await.well())["requests_done"], 2);
    }
});
