//! Requests in lists and spreadsheets: filters and orders, import, and export.

use serde_json::{Value, json};

use crate::harness::{Answer, Caller, TestLethe, each_store};

const IMPORT: &str = "/anonymize-requests/import";

async fn import(caller: &Caller, query: &str, text: impl Into<Vec<u8>>) -> Answer {
    caller.post_raw(&format!("{IMPORT}{query}"), "text/csv", text).await
}

/// The lines, columns, and codes of a refused spreadsheet: `3 targets required`.
async fn faults(caller: &Caller, text: impl Into<Vec<u8>>) -> Vec<String> {
    let told = import(caller, "", text).await;
    assert_eq!(told.problem(422), "validation_failed", "{}", told.text);
    let errors = told.json()["errors"].as_array().unwrap().clone();
    let fault = |error: &Value| {
        format!("{} {} {}", error["line"], error["column"].as_str().unwrap_or("-"), error["code"].as_str().unwrap())
    };
    errors.iter().map(fault).collect()
}

async fn ids(caller: &Caller, query: &str) -> Vec<Value> {
    let page = caller.get(&format!("/anonymize-requests?{query}")).await.expect(200).json();
    page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
}

async fn csv_of(caller: &Caller, query: &str) -> Vec<Vec<String>> {
    let call = caller.call("GET", &format!("/anonymize-requests{query}")).header("accept", "text/csv");
    let answer = Answer::of(call).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    read(&answer.text)
}

fn read(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn cell<'c>(sheet: &'c [Vec<String>], row: usize, column: &str) -> &'c str {
    let place = sheet[0].iter().position(|name| name == column).unwrap();
    &sheet[row][place]
}

async fn count(lethe: &TestLethe) -> usize {
    lethe.dump().await.rows("requests").len()
}

each_store!(a_spreadsheet_is_entered_whole_or_not_at_all, |lethe: TestLethe| async move {
    let officer = lethe.caller_of("demo", "dpo", "ingrid");
    let operator = lethe.caller("operator");
    let systems = json!([{ "name": "Salesforce", "owner": "CRM team", "days": 20 }]);
    operator
        .patch("/tenant", "*", &json!({ "external_systems": systems, "attestation_required": true }))
        .await
        .expect(200);

    // Excel writes semicolons and a byte order mark, and a cell may have lines.
    let head = "phone_number;email;to_date;comment;reference;targets;delete_content;received_on;attestation_method;attestation_by;attestation_on";
    let sheet = format!(
        "\u{FEFF}{head}\r\n\
         +4791234567;;2026-02-15;\"call 0047 912 34 567;\r\nthen \"\"close\"\"\";INC1;archive|raw_data;TRUE;2026-01-30;call_back;Ingrid;2026-02-14\r\n\
         \r\n\
         ;kari@example.net;2026-02-15;'=sum;912 34 567;archive;;;letter;Paal;2026-02-14\r\n\
         91234567;;2026-02-15;;;sms_survey;;;login;'@paal;2026-02-14\r\n"
    );
    let dry = import(&officer, "?dry_run=true", sheet.clone()).await.expect(200).json();
    assert_eq!((&dry["received"], &dry["created"], &dry["ids"]), (&json!(3), &json!(0), &json!([])));
    let warned = |told: &Value| {
        let warnings = told["warnings"].as_array().unwrap();
        warnings.iter().map(|one| format!("{} {}", one["line"], one["code"].as_str().unwrap())).collect::<Vec<_>>()
    };
    let wanted = ["2 comment_has_identifier", "2 duplicate_waiting", "5 reference_masked", "6 duplicate_waiting"];
    assert_eq!(warned(&dry), wanted);
    assert_eq!((count(&lethe).await, lethe.dump().await.rows("vault.identifiers").len()), (0, 0));

    let keyed = async |text: String| {
        let call = officer.call("POST", IMPORT).header("content-type", "text/csv; charset=UTF-8");
        Answer::of(call.header("idempotency-key", "sheet-1").body(text)).await
    };
    let entered = keyed(sheet.clone()).await.expect(201);
    let told = entered.json();
    assert_eq!((&told["received"], &told["created"]), (&json!(3), &json!(3)));
    assert_eq!(warned(&told), wanted);
    let again = keyed(sheet.clone()).await.expect(201);
    assert_eq!((again.header("idempotency-replayed"), again.json()), (Some("true"), told.clone()));
    assert_eq!(keyed(sheet.replace("INC1", "INC2")).await.problem(422), "idempotency_key_reused");
    let [first, second, third] = [0, 1, 2].map(|no| told["ids"][no].clone());
    let shown = lethe.request(&first).await.json();
    assert_eq!(shown["comment"], json!("call +4791234567;\r\nthen \"close\""));
    assert_eq!((&shown["phone_number"], &shown["targets"]), (&json!("+4791234567"), &json!(["archive", "raw_data"])));
    assert_eq!((&shown["delete_content"], &shown["reference"]), (&json!(true), &json!("INC1")));
    assert_eq!((&shown["received_on"], &shown["deadline_on"]), (&json!("2026-01-30"), &json!("2026-03-02")));
    assert_eq!(
        (&shown["attestation"]["method"], &shown["checklist"][0]["due_on"]),
        (&json!("call_back"), &json!("2026-02-19"))
    );
    assert_eq!(lethe.request(&second).await.json()["comment"], json!("=sum"));

    // A sheet with errors only is refused with the first of them, and takes no memory for the others.
    assert_eq!(faults(&officer, format!("phone_number,targets{}", ",".repeat(1_999_900))).await, ["1 - cells"]);
    assert_eq!(faults(&officer, format!("targets\n{}", "x\n".repeat(4_000))).await.len(), 1_000);
    let ids = format!("interaction_ids,targets\n{}", format!("{},archive\n", vec!["x"; 900].join("|")).repeat(1_000));
    assert_eq!(faults(&officer, ids).await.len(), 1_000);
    assert_eq!(faults(&officer, b"targets\rarchive\rarchive\xE5\r").await, ["3 - encoding"]);

    // Every error of every row has its line and its column, and nothing is entered.
    let bad = format!(
        "{head}\n12;;2026-02-15;;;archive;;;login;Paal;2026-02-14\n\
         98765432;;2026-2-5;=1+1;;archive;yes;;login;Paal;2026-02-14\n\
         98765432;;;;;nowhere|;;;;;\n98765432;short\n;;;;;archive;;2099-01-01;magic;;2026-02-14\n"
    );
    let wanted = [
        "2 phone_number phone_number_invalid",
        "4 targets target_unavailable",
        "4 targets target_unavailable",
        "4 attestation_method required",
        "6 phone_number identifier_missing",
    ];
    let told = faults(&officer, bad.clone()).await;
    assert_eq!(told, ["3 comment formula", "3 delete_content type", "5 - cells"], "the shape comes first");
    let shaped = bad
        .replace(";=1+1;;archive;yes;", ";'=1+1;;archive;no;")
        .replace("no;;login", ";;login")
        .replace("98765432;short\n", "\n");
    let told = faults(&officer, shaped).await;
    for fault in wanted {
        assert!(told.contains(&fault.to_owned()), "{fault}: {told:?}");
    }
    for fault in
        ["3 to_date format", "6 received_on out_of_range", "6 attestation_method format", "6 attestation_by required"]
    {
        assert!(told.contains(&fault.to_owned()), "{fault}: {told:?}");
    }
    operator.patch("/tenant", "*", &json!({ "attestation_required": false })).await.expect(200);
    let rows = |count: usize| format!("phone_number,targets\n{}", "98765432,archive\n".repeat(count));
    for (text, wanted) in [
        ("phone_number,colour\n1,red".to_owned().into_bytes(), vec!["1 - unknown_field"]),
        (b"phone_number,phone_number,targets\n".to_vec(), vec!["1 phone_number duplicate"]),
        (b"phone_number\n98765432\n".to_vec(), vec!["1 targets required"]),
        (b"".to_vec(), vec!["1 - required"]),
        (b"phone_number,targets,comment\n98765432,archive,caf\xE9\n".to_vec(), vec!["2 - encoding"]),
        (b"\xFF\xFEp\0h\0".to_vec(), vec!["1 - encoding"]),
        (b"phone_number,targets,comment\n98765432,archive,a\0b\n".to_vec(), vec!["2 comment format"]),
        (rows(5_001).into_bytes(), vec!["5002 - too_many"]),
        (format!("{}98765432,\"archive", rows(3)).into_bytes(), vec!["5 - quote"]),
        (format!("{}98765432,\"archive\"x\n", rows(3)).into_bytes(), vec!["5 - quote"]),
    ] {
        assert_eq!(faults(&officer, text).await, wanted);
    }
    // Errors are not rows, and blank lines may come before the header.
    let faulty = format!("phone_number,targets,comment,reference\n{}", "98765432,archive,=1,=1\n".repeat(2_600));
    let told = faults(&officer, faulty).await;
    assert!(told.len() == 1_000 && told.iter().all(|fault| fault.ends_with(" formula")), "{:?}", told.first());
    let blank = import(&officer, "?dry_run=true", "\r\n\nphone_number;targets\n98765432;archive\n").await;
    assert_eq!(blank.expect(200).json()["received"], json!(1));
    let other = officer.post_raw(IMPORT, "text/csv; charset=iso-8859-1", rows(1)).await;
    assert_eq!(other.problem(415), "media_type_unsupported");
    assert_eq!(officer.post_raw(IMPORT, "application/json", rows(1)).await.problem(415), "media_type_unsupported");
    assert_eq!(import(&officer, "", "x".repeat((2 << 20) + 1)).await.problem(413), "too_large");
    assert_eq!(count(&lethe).await, 3);

    // One list for people and for spreadsheets, in which no cell is a formula.
    let listed = csv_of(&officer, "").await;
    assert_eq!(listed.len(), 4);
    assert_eq!(cell(&listed, 1, "id"), third.as_str().unwrap());
    assert_eq!((cell(&listed, 3, "phone_number"), cell(&listed, 3, "targets")), ("'+4791234567", "archive|raw_data"));
    assert_eq!((cell(&listed, 2, "comment"), cell(&listed, 1, "attestation_by")), ("'=sum", "'@paal"));
    assert_eq!((cell(&listed, 3, "checklist"), cell(&listed, 3, "deadline_on")), ("Salesforce: open", "2026-03-02"));
    assert!(listed.iter().skip(1).flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{listed:?}");
    lethe.night("2026-02-16T02:00:00Z").await.well();
    let done = csv_of(&officer, "?status=done").await;
    assert_eq!(
        (cell(&done, 3, "status"), cell(&done, 3, "phone_number"), cell(&done, 3, "archive_anonymized")),
        ("done", "*****7", "0")
    );
    // The command line uses the same code.
    let exported = lethe.run(&["requests", "export"]).await.well();
    assert_eq!(read(&exported.stdout), done);
    let refused =
        lethe.run_with(&["requests", "import", "-"], &[], b"phone_number,targets\n12,archive\n".to_vec()).await;
    assert_eq!(
        (refused.code(), refused.stderr.contains("line 2, phone_number: phone_number_invalid")),
        (Some(2), true)
    );
    let many = lethe.run_with(&["requests", "import", "--json", "-"], &[], rows(5_000).into_bytes()).await.well();
    let many: Value = serde_json::from_str(&many.stdout).unwrap();
    assert_eq!((&many["received"], &many["created"]), (&json!(5_000), &json!(5_000)));
    assert_eq!(csv_of(&officer, "?status=waiting").await.len(), 5_001, "all pages");
    let stranger = lethe.caller("integration").get("/audit-events").await;
    assert_eq!(stranger.problem(403), "forbidden");
});

each_store!(a_list_has_filters_and_orders, |lethe: TestLethe| async move {
    let (ingrid, paal) = (lethe.caller_of("demo", "dpo", "ingrid"), lethe.caller_of("demo", "dpo", "paal"));
    let enter = async |caller: &Caller, number: &str, received: &str| {
        let body =
            json!({ "phone_number": number, "to_date": "2026-02-15", "targets": ["archive"], "received_on": received });
        caller.post("/anonymize-requests", &body).await.expect(201).json()
    };
    let late = enter(&ingrid, "91234567", "2026-01-30").await;
    let latest = enter(&paal, "41234567", "2026-01-02").await;
    let today = lethe::base::clock::Clock::System.now().date_naive() - chrono::Days::new(1);
    let fresh = enter(&ingrid, "91234567", &today.to_string()).await;
    assert_eq!(late["warnings"], json!([]));
    assert_eq!(fresh["warnings"][0]["code"], "duplicate_waiting");
    let preview = ingrid
        .post("/anonymize-requests/preview", &json!({ "phone_number": "0047 412 34 567", "targets": ["archive"] }))
        .await;
    assert!(preview.expect(200).json()["warnings"].to_string().contains("duplicate_waiting"));
    let [a, b, c] = [&late, &latest, &fresh].map(|request| request["id"].clone());
    assert_eq!(ids(&ingrid, "sort=deadline_on").await, [b.clone(), a.clone(), c.clone()]);
    assert_eq!(ids(&ingrid, "sort=created_at").await, [c.clone(), b.clone(), a.clone()]);
    assert_eq!(ids(&ingrid, "overdue=true&sort=deadline_on").await, [b.clone(), a.clone()]);
    assert_eq!(ids(&ingrid, "overdue=false").await, std::slice::from_ref(&c));
    assert_eq!(ids(&ingrid, "user=paal").await, std::slice::from_ref(&b));
    let created = |request: &Value| request["created_at"].as_str().unwrap().to_owned();
    let between = format!("from={}&to={}", created(&latest), created(&fresh));
    assert_eq!(ids(&ingrid, &between).await, std::slice::from_ref(&b));
    let place = format!("/anonymize-requests/{}", a.as_str().unwrap());
    let changed = ingrid.patch(&place, "*", &json!({ "comment": "case 118" })).await.expect(200).json();
    assert_eq!(
        ids(&ingrid, &format!("updated_since={}", changed["updated_at"].as_str().unwrap())).await,
        std::slice::from_ref(&a)
    );
    for (query, wanted) in [
        ("from=2026-02-10T00:00:00Z&to=2026-02-10T00:00:00Z", "to out_of_range"),
        ("sort=phone_number", "sort format"),
        ("overdue=maybe", "overdue type"),
        ("updated_since=yesterday", "updated_since format"),
    ] {
        assert_eq!(ingrid.get(&format!("/anonymize-requests?{query}")).await.mistakes(), [wanted]);
    }
    // Pages follow each other in each order, and a cursor belongs to its order and its filters.
    let page = ingrid.get("/anonymize-requests?sort=deadline_on&limit=2").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(ids(&ingrid, &format!("sort=deadline_on&limit=2&cursor={cursor}")).await, std::slice::from_ref(&c));
    for query in ["sort=created_at", "sort=deadline_on&overdue=false", "sort=deadline_on&user=paal"] {
        let foreign = ingrid.get(&format!("/anonymize-requests?{query}&cursor={cursor}")).await;
        assert_eq!(foreign.problem(400), "cursor_invalid", "{query}");
    }
    lethe.night("2026-02-16T02:00:00Z").await.well();
    assert_eq!(ids(&ingrid, "overdue=true").await, [Value::Null; 0], "what is done is not overdue");
});
