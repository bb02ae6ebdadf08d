//! The sealed audit log: its rows are numbered without gaps, and an export proves them without this program.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lethe::base::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{Part, TestLethe, each_store};

pub const AS_OF: &str = "2026-03-01T03:00:00Z";

pub fn call(external_id: &str, number: &str) -> Value {
    json!({ "external_id": external_id, "channel": "call", "started_at": "2026-02-10T10:00:00Z",
        "customer": { "phone_number": number, "name": "Kari Nordmann" } })
}

/// The result of `lethe audit verify` for the tenant `demo`, and whether it ended well.
pub async fn verified(lethe: &TestLethe, arguments: &[&str]) -> (Value, bool) {
    let ran = lethe.run(&[&["audit", "verify", "--json"], arguments].concat()).await;
    let line = ran.stdout.lines().next().unwrap_or_else(|| panic!("{ran:?}"));
    let verdict: Value = serde_json::from_str(line).unwrap();
    assert_eq!(verdict["valid"], json!(ran.code() == Some(0)), "{ran:?}");
    assert!([Some(0), Some(2)].contains(&ran.code()), "{ran:?}");
    (verdict, ran.code() == Some(0))
}

/// All rows of the audit log as the API shows them, the newest first.
pub async fn events(lethe: &TestLethe) -> Vec<Value> {
    let (mut events, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = lethe.caller("dpo").get(&format!("/audit-events?limit=200{cursor}")).await.expect(200).json();
        events.append(page["items"].as_array_mut().unwrap());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return events,
        }
    }
}

/// A number of rows as the number of its last row.
pub fn seq(rows: usize) -> i64 {
    i64::try_from(rows).unwrap()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// The root of a tree as RFC 6962 defines it.
fn root(leaves: &[Vec<u8>]) -> Vec<u8> {
    match leaves {
        [] => sha256(&[]),
        [leaf] => sha256(&[&[0], &leaf[..]].concat()),
        leaves => {
            let half = leaves.len().next_power_of_two() / 2;
            sha256(&[&[1], &root(&leaves[..half])[..], &root(&leaves[half..])].concat())
        }
    }
}

/// The fields of a leaf.
fn fields(leaf: &[u8]) -> Vec<Option<&[u8]>> {
    let (mut fields, mut rest) = (Vec::new(), leaf);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        if *length == [0xff; 4] {
            fields.push(None);
            rest = after;
        } else {
            let (field, after) = after.split_at(u32::from_be_bytes(*length) as usize);
            fields.push(Some(field));
            rest = after;
        }
    }
    fields
}

/// Verifies a checkpoint with a key as `lethe audit key` shows it, and returns its size and its root.
fn attested(note: &str, key: &str) -> (usize, Vec<u8>) {
    let (body, signature) = note.split_once("\n\n").unwrap();
    let [origin, size, root] = body.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let [name, id, key] = key.trim().splitn(3, '+').collect::<Vec<_>>().try_into().unwrap();
    let signature = signature.strip_prefix(&format!("\u{2014} {name} ")).unwrap().strip_suffix('\n').unwrap();
    let (signature, key) = (STANDARD.decode(signature).unwrap(), STANDARD.decode(key).unwrap());
    assert_eq!((origin, key[0]), (name, 1));
    let hash = sha256(&[name.as_bytes(), b"\n", &key].concat());
    assert_eq!(
        (format!("{:08x}", u32::from_be_bytes(hash[..4].try_into().unwrap())), &signature[..4]),
        (id.to_owned(), &hash[..4])
    );
    UnparsedPublicKey::new(&ED25519, &key[1..]).verify(format!("{body}\n").as_bytes(), &signature[4..]).unwrap();
    (size.parse().unwrap(), STANDARD.decode(root).unwrap())
}

/// Verifies an export from the first row on without any code of the service, and returns the rows.
fn proved(export: &str, key: &str) -> Vec<Value> {
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (end, rows) = lines.split_last().unwrap();
    let leaves: Vec<Vec<u8>> = rows.iter().map(|row| STANDARD.decode(row["leaf"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(attested(end["checkpoint"].as_str().unwrap(), key), (rows.len(), root(&leaves)));
    for (no, (row, leaf)) in rows.iter().zip(&leaves).enumerate() {
        let text = |name: &str| row[name].as_str().map(|text| text.as_bytes().to_vec());
        let id = |name: &str| row[name].as_str().unwrap().parse::<uuid::Uuid>().unwrap().as_bytes().to_vec();
        let at: chrono::DateTime<chrono::Utc> = row["at"].as_str().unwrap().parse().unwrap();
        let fields: Vec<Option<Vec<u8>>> = fields(leaf).into_iter().map(|field| field.map(<[u8]>::to_vec)).collect();
        assert_eq!(row["seq"], json!(no + 1));
        let expected = [
            Some((seq(no) + 1).to_be_bytes().to_vec()),
            Some(id("id")),
            Some(at.timestamp_micros().to_be_bytes().to_vec()),
            Some(id("actor_id")),
            text("action"),
            text("outcome"),
            text("purpose"),
            Some(row["records"].as_i64().unwrap().to_be_bytes().to_vec()),
        ];
        assert_eq!((fields[0].as_deref(), &fields[2..10]), (Some(&b"lethe/audit/1"[..]), &expected[..]), "{row}");
        let detail: Value = serde_json::from_slice(fields[10].as_ref().unwrap()).unwrap();
        assert_eq!(
            (&detail, fields[11].clone()),
            (&row["detail"], STANDARD.decode(row["digests"].as_str().unwrap()).ok())
        );
        // The id of the actor commits to the names.
        let (sub, name) = (text("actor_sub").unwrap(), text("actor_name").unwrap());
        let length = (sub.len() as u64).to_be_bytes();
        let hash = sha256(&[&id("actor_salt")[..], &length, &sub, &name].concat());
        assert_eq!(hash[..16], id("actor_id"));
    }
    rows.to_vec()
}

/// Searches as several users at once.
pub async fn search(lethe: &TestLethe, users: usize) {
    let bodies = (0..users).map(|no| async move {
        let caller = lethe.caller_of("demo", "dpo", &format!("user-{no}"));
        for _ in 0..3 {
            let body = json!({ "phone_number": "91234567", "purpose": format!("case {no}") });
            caller.post("/archive/search", &body).await.expect(200);
        }
    });
    futures_util::future::join_all(bodies).await;
}

each_store!(the_audit_log_is_sealed_without_gaps_and_an_export_proves_it, |mut lethe: TestLethe| async move {
    let officer = lethe.caller("dpo");
    assert_eq!(officer.get("/audit-events/checkpoint").await.problem(404), "not_found");
    assert_eq!(officer.get("/audit-events/export").await.expect(200).json(), json!({ "checkpoint": null }));
    lethe.stop().await;
    // The server and jobs seal at the same time.
    lethe.set("AUDIT__SEAL_INTERVAL", "1");
    lethe.serve().await;
    for no in 0..3 {
        lethe.record(&call(&format!("c{no}"), "91234567")).await;
    }
    let began = Clock::System.now();
    for _ in 0..3 {
        tokio::join!(search(&lethe, 8), lethe.night(AS_OF)).1.well();
    }
    search(&lethe, 1).await;
    lethe.night(AS_OF).await.well();
    let shown = events(&lethe).await;
    let numbers: BTreeSet<i64> = shown.iter().filter_map(|event| event["seq"].as_i64()).collect();
    assert_eq!(numbers.len(), shown.len(), "each row has a number of its own");
    assert_eq!(numbers.last(), Some(&seq(shown.len())), "there is no gap");

    let officer = lethe.caller("dpo");
    let key = lethe.run(&["audit", "key", "--tenant", "demo"]).await.well().stdout;
    let export = officer.get("/audit-events/export").await.expect(200);
    assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
    let rows = proved(&export.text, &key);
    assert_eq!(rows.len(), shown.len());
    let checkpoint = officer.get("/audit-events/checkpoint").await.expect(200).text;
    assert_eq!(attested(&checkpoint, &key).0, rows.len());
    assert!(lethe.journal().text().contains("audit_checkpoint"), "the log has the checkpoints too");
    for row in &rows {
        let own = shown.iter().find(|event| event["seq"] == row["seq"]).unwrap();
        for field in ["id", "at", "actor_sub", "actor_name", "action", "outcome", "purpose", "records"] {
            assert_eq!(row[field], own[field], "{field}");
        }
    }
    let folder = lethe.data_folder();
    let (file, keys) = (folder.join("export.ndjson"), folder.join("lethe.vkey"));
    std::fs::write(&file, &export.text).unwrap();
    std::fs::write(&keys, &key).unwrap();
    let offline = ["--export", file.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
    let (verdict, is_valid) = verified(&lethe, &offline).await;
    assert_eq!(
        (is_valid, &verdict["rows"], &verdict["checkpoints"]),
        (true, &json!(rows.len()), &json!(1)),
        "{verdict}"
    );
    let (verdict, is_valid) = verified(&lethe, &[]).await;
    assert_eq!((is_valid, &verdict["rows"]), (true, &json!(rows.len())), "{verdict}");
    assert!(verdict["checkpoints"].as_u64().unwrap() >= 4, "{verdict}");

    // A part of the log is proved as well, from the tree before it.
    search(&lethe, 1).await;
    let instant = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let middle = instant(Clock::System.now());
    // A row that is whole tells where the part begins, so at least one is before the cut.
    search(&lethe, 2).await;
    lethe.night(AS_OF).await.well();
    let officer = lethe.caller("dpo");
    let part = officer.get(&format!("/audit-events/export?from={middle}")).await.expect(200).text;
    std::fs::write(&file, &part).unwrap();
    let (verdict, is_valid) = verified(&lethe, &offline).await;
    let of_part = verdict["rows"].as_u64().unwrap();
    assert!(is_valid && of_part >= 2 && of_part < rows.len() as u64, "{verdict}");
    // The part of it that arrives before a break is called what it is, also in the middle of a row and of the last line.
    let first: Value = serde_json::from_str(part.lines().next().unwrap()).unwrap();
    let before_first = first["seq"].as_i64().unwrap() - 1;
    assert!(before_first > 0, "{first}");
    let end = part.trim_end().rfind('\n').unwrap() + 1;
    for (length, whole) in [(end, of_part), (end + 9, of_part), (end - 9, of_part - 1), (end - 1, of_part - 1)] {
        std::fs::write(&file, &part[..length]).unwrap();
        let (verdict, _) = verified(&lethe, &offline).await;
        let next = before_first + i64::try_from(whole).unwrap() + 1;
        assert_eq!(verdict["fault"], json!({ "seq": next, "kind": "truncated" }), "{length}");
    }
    let early = officer.get(&format!("/audit-events/export?to={}", instant(began))).await.expect(200).text;
    std::fs::write(&file, &early).unwrap();
    let (verdict, is_valid) = verified(&lethe, &offline).await;
    assert!(is_valid && verdict["rows"].as_u64().unwrap() < rows.len() as u64, "{verdict}");
    for (query, wanted) in [("from=2026-02-10", "from format"), ("actor=kari", "actor unknown_field")] {
        assert_eq!(officer.get(&format!("/audit-events/export?{query}")).await.mistakes(), [wanted]);
    }
    assert!(lethe.metrics().await.contains("lethe_audit_unsealed_seconds"));
});

each_store!(a_forgotten_customer_leaves_the_audit_log_and_it_stays_valid, |lethe: TestLethe| async move {
    for (external_id, number) in [("a", "91234567"), ("b", "91234567"), ("c", "92345678")] {
        lethe.record(&call(external_id, number)).await;
    }
    let officer = lethe.caller("dpo");
    let ids =
        |items: &Value| -> Vec<Value> { items.as_array().unwrap().iter().map(|item| item["id"].clone()).collect() };
    let own = officer.post("/archive/search", &json!({ "phone_number": "91234567" })).await.expect(200).json();
    let all = officer.post("/archive/search", &json!({ "view": "identified" })).await.expect(200).json();
    let path = format!("/archive/interactions/{}/content?kind=recording", own["items"][0]["id"].as_str().unwrap());
    let item = lethe.caller("integration").post_raw(&path, "audio/wav", "RIFF").await.expect(201).json();
    officer.get(&format!("/archive/content/{}/download", item["id"].as_str().unwrap())).await.expect(200);
    // The ids that the log shows, the oldest row first.
    let shown = async || -> Vec<Value> {
        let mut shown = events(&lethe).await;
        shown.reverse();
        let detail = |event: Value| {
            let ids = [&event["detail"]["record_ids"], &event["detail"]["interaction_id"]];
            ["archive.searched", "content.downloaded"].contains(&event["action"].as_str().unwrap()).then(|| json!(ids))
        };
        shown.into_iter().filter_map(detail).collect()
    };
    let sorted = |items: &Value| {
        let mut ids = ids(items);
        ids.sort_by_key(|id| std::cmp::Reverse(id.to_string()));
        json!(ids)
    };
    let before = [
        json!([sorted(&own["items"]), null]),
        json!([sorted(&all["items"]), null]),
        json!([null, item["interaction_id"]]),
    ];
    assert_eq!(shown().await, before);
    lethe.enter_request(&json!({ "phone_number": "91234567", "to_date": "2026-02-20", "targets": ["archive"] })).await;
    lethe.night("2026-03-01T03:00:00Z").await.well();

    let left = all["items"].as_array().unwrap().iter().find(|item| item["external_id"] == "c").unwrap()["id"].clone();
    assert_eq!(shown().await, [json!([[], null]), json!([[left], null]), json!([null, null])]);
    let dump = lethe.dump().await;
    let kept: Vec<_> = dump.rows("audit_records").iter().map(|row| row["record_id"].clone().unwrap()).collect();
    assert_eq!(kept, [left.as_str().unwrap().replace('-', "")], "nothing joins the records of the customer any more");
    let rows = format!("{:?}", dump.rows("audit_events"));
    for id in ids(&all["items"]) {
        assert!(!rows.contains(id.as_str().unwrap()), "a row itself has no id of a record");
    }
    let (verdict, is_valid) = verified(&lethe, &[]).await;
    let records = [&verdict["record_ids"], &verdict["record_ids_left"], &verdict["record_ids_deleted"]];
    assert_eq!((is_valid, records), (true, [&json!(6), &json!(1), &json!(5)]), "{verdict}");
});

each_store!(a_restored_audit_log_begins_a_new_tree, |mut lethe: TestLethe| async move {
    lethe.record(&call("a", "91234567")).await;
    lethe.night(AS_OF).await.well();
    lethe.stop().await;
    let backup = lethe.copy().await;
    lethe.serve().await;
    search(&lethe, 2).await;
    lethe.night(AS_OF).await.well();
    let lost = seq(events(&lethe).await.len());
    lethe.stop().await;
    lethe.restore(&backup, &[Part::Archive]).await;
    let kept = seq(lethe.dump().await.rows("audit_events").iter().filter(|row| row["seq"].is_some()).count());
    assert!(kept > 0 && kept < lost);
    lethe.run(&["replay", "--dry-run"]).await.well();
    let (verdict, _) = verified(&lethe, &[]).await;
    assert_eq!(verdict["fault"], json!({ "seq": kept + 1, "kind": "truncated" }), "a dry run seals nothing");
    lethe.run(&["replay"]).await.well();
    let (verdict, is_valid) = verified(&lethe, &[]).await;
    assert_eq!((is_valid, &verdict["lost"]), (true, &json!(lost - kept)), "{verdict}");
    lethe.serve().await;
    search(&lethe, 1).await;
    lethe.night(AS_OF).await.well();
    let (verdict, is_valid) = verified(&lethe, &[]).await;
    assert_eq!((is_valid, &verdict["lost"]), (true, &json!(lost - kept)), "{verdict}");
    let opened = lethe.caller("dpo").get("/audit-events?action=audit.reopened").await.expect(200).json();
    assert_eq!((&opened["items"][0]["seq"], opened["items"].as_array().unwrap().len()), (&json!(lost + 1), 1));
    let note = opened["items"][0]["detail"]["checkpoint"].as_str().unwrap();
    let checkpoint = lethe.caller("dpo").get("/audit-events/checkpoint").await.expect(200).text;
    let first = |note: &str| note.lines().next().unwrap().to_owned();
    assert_eq!(first(&checkpoint), format!("{}/1", first(note)), "the new tree has a name of its own");
    // The export proves both trees.
    let folder = lethe.data_folder();
    let (file, keys) = (folder.join("export.ndjson"), folder.join("lethe.vkey"));
    std::fs::write(&file, lethe.caller("dpo").get("/audit-events/export").await.expect(200).text).unwrap();
    std::fs::write(&keys, lethe.run(&["audit", "key"]).await.well().stdout).unwrap();
    let offline = ["--export", file.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
    let (verdict, is_valid) = verified(&lethe, &offline).await;
    assert_eq!((is_valid, &verdict["lost"]), (true, &json!(lost - kept)), "{verdict}");
});

each_store!(
    an_id_of_a_record_beside_a_row_that_commits_to_none_is_a_change_of_that_row,
    |lethe: TestLethe| async move {
        lethe.record(&call("c1", "91234567")).await;
        search(&lethe, 2).await;
        lethe.night(AS_OF).await.well();
        let archive = lethe.archive().await;
        let mut tx = archive.write().await.unwrap();
        let without = "SELECT min(seq) FROM audit_events WHERE length(digests) = 0";
        let seq: i64 = tx.query(without).scalar().await.unwrap();
        let insert = "INSERT INTO audit_records SELECT r.tenant_id, e.id, r.record_id, r.salt FROM audit_events e, \
                  (SELECT * FROM audit_records LIMIT 1) r";
        assert_eq!(tx.query(insert).with(" WHERE e.seq = ", seq).execute().await.unwrap(), 1);
        tx.commit().await.unwrap();
        archive.close().await;
        let (verdict, is_valid) = verified(&lethe, &[]).await;
        assert_eq!((is_valid, &verdict["fault"]), (false, &json!({ "seq": seq, "kind": "changed" })), "{verdict}");
    }
);
