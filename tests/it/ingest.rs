//! Records in: each line whole or absent, sent again as often as it takes.

use serde_json::{Value, json};

use crate::harness::each_store;

fn call(external_id: &str) -> Value {
    json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": { "phone_number": "91234567" } })
}

each_store!(broken_lines_are_named_and_the_others_stored, |lethe: TestLethe| async move {
    let lines = [
        call("a").to_string(),
        String::new(),
        "{\"external_id\": \"broken\"".to_owned(),
        "not json at all".to_owned(),
        json!({ "external_id": "no-time", "channel": "call" }).to_string(),
        json!({ "external_id": "odd", "channel": "fax", "started_at": "2026-02-10T10:00:00Z" }).to_string(),
        json!({ "external_id": "order", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "ended_at": "2026-02-10T09:00:00Z" }).to_string(),
        json!({ "external_id": "era", "channel": "call", "started_at": "1969-12-31T23:59:59Z" }).to_string(),
        json!({ "external_id": "number", "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": { "phone_number": "hello" } }).to_string(),
        call("b").to_string(),
    ];
    let told = lethe.ingest("interactions", lines.join("\n")).await;
    assert_eq!((&told["received"], &told["created"], &told["updated"]), (&json!(9), &json!(3), &json!(0)), "{told}");
    let rejected: Vec<_> =
        told["rejected"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(rejected, [3, 4, 5, 6, 7, 8]);
    assert_eq!(
        told["warnings"],
        json!([{ "line": 9, "code": "identifier_ignored", "pointer": "/customer/phone_number" }])
    );
    let place = |no: usize| told["rejected"][no]["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
    assert_eq!([place(2), place(3), place(4), place(5)], ["/started_at", "/channel", "/ended_at", "/started_at"]);
    let mut found = lethe.find(&json!({})).await;
    found.sort();
    assert_eq!(found, ["a", "b", "number"]);
});

each_store!(the_same_external_id_replaces_the_whole_record, |lethe: TestLethe| async move {
    let mut first = call("a");
    first["queue"] = json!("Private service");
    first["attributes"] = json!({ "notes": "call +44 20 7946 0958" });
    lethe.record(&first).await;
    let told = lethe.ingest("interactions", format!("{}\n{}", call("a"), call("b"))).await;
    assert_eq!((&told["created"], &told["updated"]), (&json!(1), &json!(1)));
    let page = lethe.search(&json!({})).await;
    let item = page["items"].as_array().unwrap().iter().find(|item| item["external_id"] == "a").unwrap();
    assert_eq!((&item["queue"], &item["attributes"]), (&Value::Null, &Value::Null));
    assert_eq!(lethe.dump().await.rows("mentions").len(), 0);
    let mut last = call("c");
    last["queue"] = json!("last");
    lethe.ingest("interactions", format!("{}\n{last}", call("c"))).await;
    assert_eq!(lethe.find(&json!({ "queue": "last" })).await, ["c"], "within one call the last wins");
});

each_store!(every_change_of_a_record_has_its_time_and_the_cell_key_stays, |lethe: TestLethe| async move {
    let mut changes = Vec::new();
    for step in ["created", "sent again", "unlinked"] {
        match step {
            "unlinked" => {
                let request = json!({ "phone_number": "91234567", "to_date": "2026-02-11", "targets": ["archive"] });
                lethe.enter_request(&request).await;
                lethe.night("2026-02-12T02:00:00Z").await.well();
            }
            _ => lethe.record(&call("a")).await,
        }
        if step == "created" {
            let mut later = call("b");
            later["started_at"] = json!("2026-02-20T10:00:00Z");
            lethe.record(&later).await;
        }
        let dump = lethe.dump().await;
        let value = |id: &str, column: &str| {
            let row = dump.rows("interactions").iter().find(|row| row["external_id"].as_deref() == Some(id));
            row.unwrap()[column].clone().unwrap()
        };
        let of = |id: &str| (value(id, "changed_at"), value(id, "cell_key"));
        changes.push((of("a"), of("b")));
    }
    let [(a, b), (again, _), (unlinked, untouched)] = changes.try_into().unwrap();
    assert!(a.0 < again.0 && again.0 < unlinked.0, "{a:?} {again:?} {unlinked:?}");
    assert!(a.1 == again.1 && again.1 == unlinked.1 && a.1 != b.1, "{a:?} {again:?} {unlinked:?} {b:?}");
    assert_eq!(b, untouched, "a record after the cut-off is not changed");
});

each_store!(a_name_carries_the_id_that_it_is_bound_to, |lethe: TestLethe| async move {
    let mut with_number = call("a");
    with_number["customer"]["name"] = json!("Kari Nordmann");
    lethe.record(&with_number).await;
    let mut by_itself = call("b");
    by_itself["customer"] = json!({ "name": "Ola Nordmann" });
    lethe.record(&by_itself).await;
    let dump = lethe.dump().await;
    let record = |id: &str| {
        let row = dump.rows("interactions").iter().find(|row| row["external_id"].as_deref() == Some(id));
        row.unwrap().clone()
    };
    let (a, b) = (record("a"), record("b"));
    for row in dump.rows("vault.identifiers") {
        let bound_to = if row["id"] == a["name_id"] {
            &a["phone_id"]
        } else if row["id"] == b["name_id"] {
            &b["id"]
        } else {
            &None
        };
        assert_eq!(&row["bound_to"], bound_to, "{row:?}");
    }
    assert_eq!(dump.rows("vault.identifiers").len(), 3);
});

each_store!(an_array_counts_its_places_from_one, |lethe: TestLethe| async move {
    let body = json!([call("a"), { "external_id": "x" }, call("b")]);
    let told = lethe.caller("integration").post("/archive/interactions", &body).await.expect(200).json();
    assert_eq!((&told["received"], &told["created"]), (&json!(3), &json!(2)));
    assert_eq!(told["rejected"][0]["line"], json!(2));
    let many: Vec<_> = (0..1_001).map(|n| call(&format!("m{n}"))).collect();
    let refused = lethe.caller("integration").post("/archive/interactions", &json!(many)).await;
    assert!([413, 422].contains(&refused.status), "{}", refused.text);
    let _ = refused.problem(refused.status);
});

each_store!(numbers_meet_in_every_spelling, |lethe: TestLethe| async move {
    let spellings = [
        "91234567",
        "+4791234567",
        "004791234567",
        "0047 912 34 567",
        "+47 (912) 34-567",
        "912.34.567",
        "９１２３４５６７",
        " 91 23 45 67 ",
    ];
    for (n, spelling) in spellings.iter().enumerate() {
        let mut record = call(&format!("s{n}"));
        record["customer"]["phone_number"] = json!(spelling);
        lethe.record(&record).await;
    }
    assert_eq!(lethe.dump().await.rows("vault.identifiers").len(), 1, "one person");
    for spelling in spellings {
        assert_eq!(lethe.find(&json!({ "phone_number": spelling })).await.len(), spellings.len(), "{spelling}");
    }
    assert_eq!(lethe.find(&json!({ "phone_number": "91234" })).await.len(), 0, "no prefixes");
});

each_store!(an_external_id_that_holds_the_number_is_hashed, |lethe: TestLethe| async move {
    let mut record = call("call-004791234567-1");
    record["external_id"] = json!("call-91234567-1");
    lethe.record(&record).await;
    let shown = lethe.find(&json!({})).await;
    assert_eq!(shown.len(), 1);
    assert!(!shown[0].contains("91234567"), "{shown:?}");
    lethe.record(&record).await;
    assert_eq!(lethe.find(&json!({})).await, shown, "sent again, it is the same record");
});

each_store!(import_reads_what_the_api_reads, |lethe: TestLethe| async move {
    let told = lethe.import(&["--kind", "interactions", "--json"], call("a").to_string()).await.well();
    assert!(told.stdout.contains("\"created\":1"), "{}", told.stdout);
    assert_eq!(lethe.find(&json!({ "phone_number": "91234567" })).await, ["a"]);
    let told = lethe.import(&["--json"], format!("{}\nbroken", call("b"))).await;
    assert_eq!(told.code(), Some(2), "{}", told.stderr);
    assert_eq!(lethe.find(&json!({ "phone_number": "91234567" })).await.len(), 2);
});

each_store!(what_stands_in_the_name_is_found_and_forgotten_too, |lethe: TestLethe| async move {
    let chat = |id: &str, customer: Value| json!({ "external_id": id, "channel": "chat", "started_at": "2026-02-01T10:00:00Z", "customer": customer });
    lethe.record(&chat("number", json!({ "name": "48 48 48 48" }))).await;
    lethe.record(&chat("address", json!({ "name": "Zoe <zoe@example.net>" }))).await;
    let two = chat("two", json!({ "phone_number": "49999999", "email": "47474747" }));
    let told = lethe.ingest("interactions", two.to_string()).await;
    assert_eq!(told["warnings"][0]["code"], "identifier_ignored", "{told}");
    assert_eq!(lethe.find(&json!({ "phone_number": "+4748484848" })).await, ["number"]);
    assert_eq!(lethe.find(&json!({ "email": "ZOE@example.net" })).await, ["address"]);
    let page = lethe.search(&json!({})).await;
    let names: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| item["customer"]["name"].clone()).collect();
    assert!(names.contains(&json!("Zoe")) && !page.to_string().contains("47474747"), "{page}");
});

each_store!(a_leap_second_belongs_to_its_day, |lethe: TestLethe| async move {
    let customer = json!({ "phone_number": "91234567" });
    for (id, started) in [
        ("before", "2016-12-31T23:59:59+01:00"),
        ("leap", "2016-12-31T23:59:60+01:00"),
        ("leap-too", "2016-12-31T22:59:60.75Z"),
        ("after", "2017-01-01T00:00:00+01:00"),
    ] {
        let call = json!({ "external_id": id, "channel": "call", "started_at": started, "customer": customer });
        lethe.record(&call).await;
        let ended = json!({ "external_id": id, "event": "end", "occurred_at": started, "phone_number": "91234567" });
        lethe.ingest("raw-events", ended.to_string()).await;
    }
    let by_day = async |from: &str, to: &str| {
        let mut found = lethe.find(&json!({ "from": from, "to": to })).await;
        found.sort();
        found
    };
    let (new_year, leap) = ("2017-01-01T00:00:00+01:00", "2016-12-31T23:59:60+01:00");
    assert_eq!(by_day("2016-12-31T00:00:00+01:00", new_year).await, ["before", "leap", "leap-too"]);
    assert_eq!(by_day(leap, new_year).await, ["leap", "leap-too"]);
    assert_eq!(by_day("2016-12-31T00:00:00+01:00", leap).await, ["before"]);

    let request = json!({ "phone_number": "91234567", "to_date": "2016-12-31", "targets": ["archive", "raw_data"] });
    let entered = lethe.enter_request(&request).await;
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let result = json!({ "archive": { "anonymized": 3 }, "raw_data": { "anonymized": 3 } });
    assert_eq!(lethe.request(&entered["id"]).await.json()["result"], result);
    assert_eq!(lethe.find(&json!({ "phone_number": "91234567" })).await, ["after"]);
});

each_store!(texts_that_take_long_to_read_keep_nobody_else_waiting, |mut lethe: TestLethe| async move {
    // One thread serves everybody.
    lethe.stop().await;
    lethe.set("HTTP__WORKERS", "1");
    lethe.serve().await;
    // Each pair of characters may begin a number, so that this is about the dearest text there is.
    let comment = "1-".repeat(5_000);
    let sent = (0..4).map(|call| {
        let line = |n| json!({ "external_id": format!("{call}-{n}"), "answered_at": "2026-02-10T10:00:00Z", "score": 5, "comment": comment });
        let lines: Vec<_> = (0..9).map(|n| line(n).to_string()).collect();
        let sender = lethe.caller("integration");
        async move { sender.ingest("survey-responses", lines.join("\n")).await.expect(200).json() }
    });
    let mut sent = std::pin::pin!(futures_util::future::join_all(sent));
    let (other, mut answered) = (lethe.caller("dpo"), 0);
    let told = loop {
        tokio::select! {
            told = &mut sent => break told,
            answer = other.get("/me") => {
                answer.expect(200);
                answered += 1;
            }
        }
    };
    assert!(told.iter().all(|told| told["created"] == json!(9)), "{told:?}");
    assert!(answered > 30, "{answered} other calls were answered meanwhile");
});

each_store!(bodies_may_begin_with_a_byte_order_mark, |lethe: TestLethe| async move {
    let record = |id: &str| json!({ "external_id": id, "channel": "call", "started_at": "2026-02-10T10:00:00Z" });
    let marked = |text: String| format!("\u{feff}{text}");
    let sender = lethe.caller("integration");
    let lines = marked(format!("{}\n{}\n", record("a"), record("b")));
    let answer = sender.post_raw("/archive/interactions", "application/x-ndjson", lines).await.expect(200);
    assert_eq!((&answer.json()["created"], &answer.json()["rejected"]), (&json!(2), &json!([])));
    let list = marked(json!([record("c")]).to_string());
    let answer = sender.post_raw("/archive/interactions", "application/json", list).await.expect(200);
    assert_eq!(answer.json()["created"], 1);
    let search = marked(json!({ "view": "pseudonymous" }).to_string());
    let found = lethe.caller("dpo").post_raw("/archive/search", "application/json", search).await.expect(200);
    assert_eq!(found.json()["items"].as_array().unwrap().len(), 3);
});

each_store!(a_rejection_is_listed_before_warnings, |lethe: TestLethe| async move {
    let odd = |no: usize| {
        json!({ "external_id": format!("w{no}"), "channel": "call", "started_at": "2026-02-10T10:00:00Z",
            "customer": { "phone_number": "12" } })
        .to_string()
    };
    let mut lines: Vec<String> = (0..1_000).map(odd).collect();
    lines.extend(std::iter::repeat_n("{}".to_owned(), 300));
    let report = lethe.ingest("interactions", lines.join("\n")).await;
    let count = |list: &str| report[list].as_array().unwrap().len();
    assert_eq!((count("warnings"), count("rejected"), &report["more"]), (700, 300, &json!(300)));
    assert_eq!(report["rejected"][0]["line"], 1_001);
});

each_store!(records_that_are_sent_by_many_calls_at_once_are_stored_once, |lethe: TestLethe| async move {
    let line = |call: usize, n: usize| json!({ "external_id": format!("same-{n}"), "channel": "call", "started_at": "2026-02-10T10:00:00Z", "customer": { "phone_number": format!("+47 912 34 {n:03}") }, "queue": format!("q{call}") });
    let sent = (0..6).map(|call| {
        let lines: Vec<_> = (0..400).map(|n| line(call, n).to_string()).collect();
        let sender = lethe.caller("integration");
        async move { sender.ingest("interactions", lines.join("\n")).await.expect(200).json() }
    });
    let told = futures_util::future::join_all(sent).await;
    let sum = |field: &str| told.iter().filter_map(|told| told[field].as_u64()).sum::<u64>();
    assert_eq!((sum("created"), sum("updated")), (400, 5 * 400), "{told:?}");
    assert_eq!(lethe.find(&json!({ "phone_number": "91234007" })).await, ["same-7"]);
});
