//! The residue scan: independent evidence that nobody who was forgotten is left, and that no identifier is in clear.

use std::borrow::Cow;
use std::collections::BTreeSet;

use lethe::store::{Archive, Depth, RowsWanted, TextRow, Tx};
use serde_json::{Value, json};

use crate::harness::{Ran, Stock, TestLethe, each_store};

const NIGHT: &str = "2026-03-02T03:00:00Z";

/// One forgotten number in the spellings that people and programs use.
const SPELLINGS: [&str; 22] = [
    "98765432",
    "0047 98765432",
    "+4798765432",
    "+47 987 65 432",
    "98.76.54.32",
    "(98) 76-54-32",
    "９８７６５４３２",
    "tel%3A%2B4798765432",
    "tel=3A98765432",
    "OTg3NjU0MzI=",
    r#"["987", "65", "432"]"#,
    r#"[{"w": "98", "at": 0.1}, {"w": "76", "at": 0.52}, {"w": "5432", "at": 1.25}]"#,
    "nine eight seven six five four three two",
    "nio åtta sju sex fem fyra tre två",
    "ni åtte sju seks fem fire tre to",
    "ni otte syv seks fem fire tre to",
    r#"{"file": "call-98765432.wav"}"#,
    r"987\n65\t432",
    r"x\nOTg3NjU0MzI=",
    r#"{"note": "x\nOTg3NjU0MzI="}"#,
    r#"{"987\n65\n432": 1}"#,
    r#"{"x\nOTg3NjU0MzI=": 1}"#,
];

/// A dump with an address in all rows but the first and the last one. Dumps write line breaks and tabs with a backslash.
const DUMP: [&str; 8] = [
    "COPY comments (no, text) FROM stdin;\n",
    "1\tx\\nkari.nordmann@example.net\n",
    "2\t\\tkari.nordmann@example.net\\r\\n\n",
    "3\t{\"n\": \"x\\\\nkari.nordmann@example.net\"}\n",
    "4\tx\\na2FyaS5ub3JkbWFubkBleGFtcGxlLm5ldA==\n",
    "5\t*_kari.nordmann@example.net_*\n",
    "6\t-kari.nordmann@example.net\n",
    "\\.\n",
];

/// The report of a scan, which has one line. `found` says whether it found anything.
fn report(ran: &Ran, found: bool) -> Value {
    assert_eq!(ran.code(), Some(if found { 2 } else { 0 }), "{ran:?}");
    assert!(!ran.stdout.contains("98765432") && !ran.stderr.contains("98765432"), "a report contains a value: {ran:?}");
    serde_json::from_str(ran.stdout.trim()).unwrap()
}

/// The values of one field of all places of a class.
fn places(report: &Value, class: &str, fields: &[&str]) -> BTreeSet<String> {
    let all = report["places"].as_array().unwrap().iter().filter(|place| place["class"] == class);
    let text = |place: &Value| {
        let named: Vec<_> = fields.iter().map(|field| place[field].as_str().unwrap().to_owned()).collect();
        named.join(".")
    };
    all.map(text).collect()
}

/// The line of a file in which a place is.
fn line_of(file: &str, place: &Value) -> usize {
    file[..usize::try_from(place["offset"].as_u64().unwrap()).unwrap()].matches('\n').count()
}

/// Writes a text into the attributes of an interaction, as an error of ingest would.
async fn plant(lethe: &TestLethe, external_id: &str, text: &str) -> String {
    let call = lethe.call_of(external_id).await;
    let archive = lethe.archive().await;
    let mut tx = archive.write().await.unwrap();
    let changed = tx
        .query("UPDATE interactions SET attributes = ")
        .with("", text)
        .with(" WHERE tenant_id = ", call.tenant_id)
        .with(" AND id = ", call.id)
        .execute();
    assert_eq!(changed.await.unwrap(), 1);
    tx.commit().await.unwrap();
    archive.close().await;
    call.id.to_string()
}

/// Writes the number into one row of every text column that accepts it. Returns the tables and columns.
async fn plant_everywhere(lethe: &TestLethe) -> BTreeSet<String> {
    let archive = lethe.archive().await;
    let catalogue = archive.read().await.unwrap().catalogue().await.unwrap();
    let mut planted = BTreeSet::new();
    for table in catalogue {
        // The scan itself reads these.
        if ["tenants", "scan_rounds", "_sqlx_migrations"].contains(&table.name.as_str()) {
            continue;
        }
        let keys: Vec<_> = table.columns.iter().filter(|column| column.key > 0).map(|column| &*column.name).collect();
        let row = keys.join(", ");
        for column in table.columns.iter().filter(|column| column.is_text() && column.key == 0) {
            let (name, column) = (&table.name, &column.name);
            if name == "contents" && ["kind", "at", "created_at"].contains(&column.as_str()) {
                continue;
            }
            let text =
                format!("UPDATE {name} SET {column} = 'x 98765432' WHERE ({row}) = (SELECT {row} FROM {name} LIMIT 1)");
            let text: &'static str = Box::leak(text.into_boxed_str());
            let mut tx = archive.write().await.unwrap();
            // A column of fixed words refuses it, and so does a time of SQLite that nobody would read as one.
            if tx.query(text).execute().await.unwrap_or(0) == 1 {
                tx.commit().await.unwrap();
                planted.insert(format!("{name}.{column}"));
            }
        }
    }
    archive.close().await;
    planted
}

async fn execute(lethe: &TestLethe, statement: &'static str) {
    let archive = lethe.archive().await;
    let mut tx: Tx<Archive> = archive.write().await.unwrap();
    tx.query(statement).execute().await.unwrap();
    tx.commit().await.unwrap();
    archive.close().await;
}

each_store!(a_forgotten_number_is_found_in_every_spelling_and_place, |lethe: TestLethe| async move {
    Stock::of(60, 7).load(&lethe).await;
    let full = ["scan", "--full", "--json"];
    let clean = report(&lethe.run(&full).await, false);
    assert!(clean["rows"].as_u64().unwrap() > 100 && clean["bytes"].as_u64().unwrap() > 1_000, "{clean}");
    for count in ["residue", "exposed", "residue_control", "exposed_control"] {
        assert_eq!(clean[count], 0, "{clean}");
    }

    // A customer is forgotten up to a day. Another one is not.
    let call = |id: &str, number: &str, at: &str| json!({ "external_id": id, "channel": "call", "started_at": at, "customer": { "phone_number": number } });
    for no in 0..SPELLINGS.len() {
        lethe.record(&call(&format!("s{no}"), "98765432", "2026-02-20T10:00:00Z")).await;
    }
    lethe.record(&call("late", "98765432", "2026-03-05T10:00:00Z")).await;
    lethe.record(&call("other", "91234567", "2026-02-20T10:00:00Z")).await;
    let body = json!({ "phone_number": "98765432", "email": "kari.nordmann@example.net",
        "to_date": "2026-03-01", "targets": ["archive"] });
    let request = lethe.enter_request(&body).await;
    let chat = json!({ "turns": [{ "speaker": "agent", "text": "The reference is OTg3NjU0MzI= as said." }] });
    let path = format!("/archive/interactions/{}/content?kind=chat_log", lethe.call_of("other").await.id);
    let chat = lethe.caller("integration").post(&path, &chat).await.expect(201).json();
    lethe.upload("other", "recording", b"RIFF").await;

    // Errors of ingest: the number stays in the attributes, in every spelling.
    let (mut forgotten, mut living) = (BTreeSet::new(), BTreeSet::new());
    for (no, spelling) in SPELLINGS.iter().enumerate() {
        let text = serde_json::from_str::<Value>(spelling).unwrap_or_else(|_| json!({ "note": spelling }));
        forgotten.insert(plant(&lethe, &format!("s{no}"), &text.to_string()).await);
    }
    living.insert(plant(&lethe, "late", r#"{"note": "98765432"}"#).await);
    living.insert(plant(&lethe, "other", r#"{"note": "call 912 34 567", "id": "1912345678"}"#).await);

    // The nightly job finds all of them, and says so in its report and in the certificate.
    let night = lethe.night(NIGHT).await.well();
    let line: Value = serde_json::from_str(night.stdout.trim()).unwrap();
    // The chat has the number too. A changed row is read a second time as a part of the rest, and counts once.
    assert_eq!(line["scan"]["residue"].as_u64().unwrap(), SPELLINGS.len() as u64 + 1, "{line}");
    let path = format!("/anonymize-requests/{}/certificate", request["id"].as_str().unwrap());
    lethe.caller("dpo").get(&path).await.expect(200);

    let found = report(&lethe.run(&full).await, true);
    assert_eq!(places(&found, "exposed", &["record"]), living, "{found}");
    let mut expected = forgotten.clone();
    expected.insert(chat["id"].as_str().unwrap().to_owned());
    assert_eq!(places(&found, "residue", &["record"]), expected, "{found}");
    assert_eq!(
        places(&found, "residue", &["table", "column"]),
        ["content.chat_log", "interactions.attributes"].map(str::to_owned).into()
    );
    assert!(found["coincidence"].as_u64().unwrap() > 0, "the number inside a longer one: {found}");
    assert_eq!((&found["unreadable"], &found["unclassified"]), (&json!({ "recording": 1 }), &json!([])));

    // A log and a copy of the archive are searched as well. Places are named on demand.
    let lines = SPELLINGS.map(|spelling| format!("2026-02-20T10:00:00Z INFO {spelling}\n"));
    let log = lines.concat();
    let file = lethe.data_folder().join("service.log");
    std::fs::write(&file, &log).unwrap();
    let file = file.to_str().unwrap();
    let in_log = report(&lethe.run(&["scan", "--json", "--file", file]).await, true);
    assert_eq!((&in_log["places"], &in_log["bytes"]), (&json!([]), &json!(log.len())), "{in_log}");
    let in_log = report(&lethe.run(&["scan", "--json", "--places", "--file", file]).await, true);
    let lines: BTreeSet<usize> =
        in_log["places"].as_array().unwrap().iter().map(|place| line_of(&log, place)).collect();
    // A file is no JSON document, so words that are objects of their own stay split.
    let objects = SPELLINGS.iter().position(|spelling| spelling.contains("\"w\"")).unwrap();
    assert_eq!(lines, (0..SPELLINGS.len()).filter(|line| *line != objects).collect(), "{in_log}");
    let dump = lethe.data_folder().join("dump.sql");
    std::fs::write(&dump, DUMP.concat()).unwrap();
    let in_dump = report(&lethe.run(&["scan", "--json", "--places", "--file", dump.to_str().unwrap()]).await, true);
    let starts: BTreeSet<usize> =
        in_dump["places"].as_array().unwrap().iter().map(|place| line_of(&DUMP.concat(), place)).collect();
    assert_eq!((starts, &in_dump["residue"]), ((1..DUMP.len() - 1).collect(), &json!(6)), "{in_dump}");
    // The control number of this number is the forgotten one. However often it is written, it counts once.
    let chance = lethe.data_folder().join("chance.log");
    std::fs::write(&chance, "order 98763023\n".repeat(3)).unwrap();
    let by_chance = report(&lethe.run(&["scan", "--json", "--file", chance.to_str().unwrap()]).await, false);
    assert_eq!((&by_chance["residue"], &by_chance["residue_control"]), (&json!(0), &json!(1)), "{by_chance}");
    let copy = lethe.data_folder().join("copy");
    std::fs::write(&copy, lethe.archive_bytes().await).unwrap();
    let in_copy = report(&lethe.run(&["scan", "--json", "--file", copy.to_str().unwrap()]).await, true);
    assert!(in_copy["residue"].as_u64().unwrap() >= SPELLINGS.len() as u64, "{in_copy}");
    assert_eq!(lethe.run(&["scan", "--file", "/no/such/file"]).await.code(), Some(64));

    let audited = lethe.caller("dpo").get("/audit-events?action=archive.scanned").await.expect(200).json();
    let digests = audited["items"].as_array().unwrap().iter().filter(|row| row["detail"]["file_sha256"].is_string());
    assert_eq!(digests.count(), 5, "{audited}");

    // No text column is left out, and neither is a column that the service does not know.
    let mut planted = plant_everywhere(&lethe).await;
    assert!(planted.len() > 20, "{planted:?}");
    execute(&lethe, "ALTER TABLE interactions ADD COLUMN scribble TEXT").await;
    execute(&lethe, "UPDATE interactions SET scribble = '98765432'").await;
    planted.insert("interactions.scribble".to_owned());
    let found = report(&lethe.run(&full).await, true);
    assert_eq!(found["unclassified"], json!([{ "table": "interactions", "column": "scribble" }]));
    // The erasure does not cover other targets and later rows, but no place may have the number in clear.
    let mut everywhere = places(&found, "residue", &["table", "column"]);
    everywhere.extend(places(&found, "exposed", &["table", "column"]));
    let missed: Vec<_> = planted.difference(&everywhere).collect();
    assert!(missed.is_empty(), "{missed:?} of {planted:?}");
});

each_store!(the_rows_of_a_table_are_read_page_by_page, |lethe: TestLethe| async move {
    Stock::of(40, 11).load(&lethe).await;
    // Keys are numbers of more than one digit, too, whose texts have another order.
    let numbers: Vec<_> = (10..22).map(|no| format!("+47 98 76 54 {no}")).collect();
    let call = json!({ "external_id": "many", "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "attributes": { "note": numbers.join(", then ") } });
    lethe.record(&call).await;
    let tenant = lethe.call_of(&lethe.find(&json!({})).await[0]).await.tenant_id;
    let archive = lethe.archive().await;
    let catalogue = archive.read().await.unwrap().catalogue().await.unwrap();
    for table in catalogue.iter().filter(|table| table.has_tenant() && !table.key().is_empty()) {
        let columns: Vec<_> = table.columns.iter().map(|column| (column, Depth::All)).collect();
        let changes = table.column("changed_at").map(|_| chrono::DateTime::UNIX_EPOCH);
        for changed_after in [None, changes] {
            let time = table.column("at");
            let wanted = RowsWanted { table, columns: &columns, time, changed_after, after: None, limit: 10_000 };
            let mut tx = archive.read().await.unwrap();
            let (all, _) = read_rows(&mut tx, tenant.0, wanted).await;
            let (mut paged, mut after) = (Vec::new(), None::<Vec<String>>);
            loop {
                let wanted = RowsWanted { after: after.as_deref(), limit: 7, ..wanted };
                let (page, last) = read_rows(&mut tx, tenant.0, wanted).await;
                paged.extend(page);
                after = last;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(paged, all, "{}", table.name);
        }
    }
    archive.close().await;
});

/// The rows of a page with all of their texts and their times, and the key of the last one.
async fn read_rows(
    tx: &mut Tx<Archive>,
    tenant: uuid::Uuid,
    wanted: RowsWanted<'_>,
) -> (Vec<(Vec<Option<String>>, bool)>, Option<Vec<String>>) {
    let mut rows = Vec::new();
    let take = |row: TextRow<'_>| {
        let texts = (0..wanted.columns.len()).map(|no| Ok(row.text(no)?.map(Cow::into_owned)));
        rows.push((texts.collect::<lethe::store::Result<Vec<_>>>()?, row.time().is_some()));
        Ok(true)
    };
    let last = tx.text_rows(tenant, wanted, take).await.unwrap();
    assert!(rows.iter().all(|(_, has_time)| *has_time == wanted.time.is_some()), "{}", wanted.table.name);
    (rows, last)
}
