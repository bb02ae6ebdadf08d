//! One room owns each table: no other room names it in a statement.

use std::collections::BTreeSet;

use super::{Source, sources};

/// The one room whose statements name a table. Another room calls a function of the owner, which may take the rows to
/// act on as the beginning of a statement.
const OWNERS: [(&str, &[&str]); 22] = [
    ("exports", &["access_exports", "access_export_tickets"]),
    ("suppressions", &["suppression_checks"]),
    ("reveals", &["reveals", "reveal_items", "reveal_days"]),
    ("tenants", &["tenants", "epochs"]),
    ("journal", &["journal_entries", "journal_contents"]),
    (
        "archive",
        &[
            "interactions",
            "survey_responses",
            "raw_events",
            "mentions",
            "rescans",
            "ageing_work",
            "aged_external_ids",
            "kept_totals",
            "kept_agents",
            "kept_scores",
        ],
    ),
    ("ageing", &["ageing_policies", "ageing_plans"]),
    ("content", &["contents", "rescan_attempts", "content_tickets", "content_batches"]),
    ("recipients", &["recipients", "recipient_clients"]),
    ("delivery", &["delivery_customers"]),
    ("outbox", &["deliveries", "delivery_targets", "webhooks", "webhook_events"]),
    ("webhooks", &["webhook_messages"]),
    ("certificates", &["certificates"]),
    ("scan", &["scan_rounds", "scan_findings"]),
    (
        "requests",
        &[
            "requests",
            "request_interactions",
            "request_counts",
            "request_contents",
            "request_files",
            "request_checklist",
        ],
    ),
    ("idempotency", &["idempotency_keys"]),
    ("audit", &["actors", "audit_events", "audit_records"]),
    ("seals", &["audit_seals", "audit_retention"]),
    ("vault", &["keysets", "identifiers", "erasures", "content_keys", "delivery_secrets", "webhook_secrets"]),
    ("recording_keys", &["recording_keys"]),
    ("holds", &["holds", "hold_interactions"]),
    (
        "nightly",
        &[
            "job_runs",
            "leases",
            "passes",
            "pass_selections",
            "pass_work",
            "pass_mentions",
            "pass_text_mentions",
            "pass_interactions",
            "pass_orphans",
            "gc_identifiers",
            "gc_objects",
        ],
    ),
];

/// Tables whose names are words of the API or of a step as well: alone in a literal, they name no table.
const WORDS: [&str; 10] = [
    "requests",
    "reveals",
    "holds",
    "deliveries",
    "identifiers",
    "erasures",
    "tenants",
    "certificates",
    "webhooks",
    "recipients",
];

/// The owner of a table.
fn owner(table: &str) -> Option<&'static str> {
    OWNERS.iter().find(|(_, tables)| tables.contains(&table)).map(|(room, _)| *room)
}

/// The tables that the literals of a line name: after a word of SQL, or alone as the argument of a helper.
fn tables_in(line: &str) -> Vec<&str> {
    let words: Vec<&str> =
        line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let keywords = ["FROM", "JOIN", "INTO", "UPDATE", "ANALYZE", "VACUUM"];
    let named = words.windows(2).filter(|pair| keywords.contains(&pair[0])).map(|pair| pair[1]);
    let alone = line.split('"').skip(1).step_by(2).filter(|literal| !WORDS.contains(literal));
    named.chain(alone).filter(|word| owner(word).is_some()).collect()
}

/// The lines that name a table of another room, as the file and the table.
fn foreign(source: &Source) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (number, line) in &source.lines {
        for table in tables_in(line) {
            if owner(table) != Some(source.room()) {
                found.push((format!("{}:{number}", source.path), table.to_owned()));
            }
        }
    }
    found
}

/// Statements that name a table of another room.
///
/// `archive` names `contents`, because ingest changes the texts of its interactions in its own transaction, a search asks
/// whether an interaction has content, and `content` is above it. It names `requests`, because each search asks whether a waiting
/// request hides a customer. `store/rules.rs` names the one statement that is meant for all tenants.
///
/// `webhooks/body.rs` uses the word in JSON.
const EXCEPTIONS: [(&str, &[&str]); 7] = [
    ("archive/held.rs", &["contents"]),
    ("archive/hidden.rs", &["requests", "request_interactions"]),
    ("archive/listing.rs", &["contents"]),
    ("archive/mentions.rs", &["contents"]),
    ("archive/rescan.rs", &["contents"]),
    ("store/rules.rs", &["keysets"]),
    ("webhooks/body.rs", &["interactions"]),
];

#[test]
fn a_table_is_named_by_its_owner_only() {
    let foreign: Vec<_> = sources().iter().flat_map(foreign).collect();
    let is_excepted = |place: &str, table: &str| {
        let file = place.split_once(':').map_or(place, |(file, _)| file);
        EXCEPTIONS.iter().any(|(path, tables)| *path == file && tables.contains(&table))
    };
    let faults: Vec<_> = foreign
        .iter()
        .filter(|(place, table)| !is_excepted(place, table))
        .map(|(place, table)| format!("src/{place}: `{table}` belongs to `{}`", owner(table).unwrap_or_default()))
        .collect();
    assert!(faults.is_empty(), "{} lines name a table of another room:\n{}", faults.len(), faults.join("\n"));
    for (path, tables) in EXCEPTIONS {
        for table in tables {
            let is_needed =
                foreign.iter().any(|(place, named)| place.starts_with(&format!("{path}:")) && named == table);
            assert!(is_needed, "{path} does not name `{table}` any more: delete the exception");
        }
    }
}

#[test]
fn every_table_has_one_owner() {
    let tables: BTreeSet<String> = ["archive", "vault"].into_iter().flat_map(crate::schema::tables).collect();
    let owned: Vec<_> = OWNERS.iter().flat_map(|(_, tables)| *tables).map(|table| (*table).to_owned()).collect();
    assert_eq!(owned.iter().cloned().collect::<BTreeSet<_>>(), tables);
    assert_eq!(owned.len(), tables.len(), "a table has two owners");
}

#[test]
fn a_line_that_names_a_foreign_table_is_found() {
    let found = |path: &str, line: &str| foreign(&Source::new(path, line)).len();
    for (path, line, count) in [
        ("nightly/pass.rs", "tx.query(\"SELECT id FROM contents c JOIN mentions m ON TRUE\")", 2),
        ("nightly/pass.rs", "tx.query(\"DELETE FROM passes\")", 0),
        ("content/sql.rs", "tx.query(\"UPDATE contents SET at = i.at FROM interactions i\")", 1),
        ("nightly/steps/plan.rs", "for table in [\"raw_events\", \"pass_work\"] {", 1),
        ("nightly/model.rs", "Step::Erased => \"erasures\",", 0),
        ("outbox/sql.rs", "query.push(\" JOIN deliveries d\") // not FROM contents", 0),
    ] {
        assert_eq!(found(path, line), count, "{path}: {line}");
    }
}
