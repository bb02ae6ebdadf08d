//! One room owns each table: no other room names it in a statement.

use std::collections::BTreeSet;

use super::{Source, sources};
use crate::statements::Literal;

/// The one room whose statements name a table. Another room calls a function of the owner, which may take the rows to
/// act on as the beginning of a statement.
const OWNERS: [(&str, &[&str]); 23] = [
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
    ("content", &["rescan_attempts", "content_tickets", "content_batches"]),
    ("content_rows", &["contents"]),
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
const WORDS: [&str; 11] = [
    "requests",
    "contents",
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

/// Words of SQL before a table.
const BEFORE_A_TABLE: [&str; 7] = ["FROM", "JOIN", "INTO", "UPDATE", "ANALYZE", "VACUUM", "USING"];

/// One level of brackets in the text of a statement.
#[derive(Default)]
struct Level {
    /// Whether the next word is a table.
    is_table: bool,
    /// Whether a comma is followed by another table.
    is_list: bool,
}

/// Reads the pieces of statements in their order, and finds each table that they name.
#[derive(Default)]
struct TableReader {
    outer: Vec<Level>,
    level: Level,
    last: String,
}

impl TableReader {
    /// The tables that a piece names. The names of relations are among them.
    fn read<'t>(&mut self, piece: &'t str) -> Vec<&'t str> {
        let mut found = Vec::new();
        let is_sign = |c: char| !c.is_alphanumeric() && c != '_';
        for token in piece.split_inclusive(is_sign).flat_map(|part| {
            let (word, sign) = part.split_at(part.trim_end_matches(is_sign).len());
            [word, sign]
        }) {
            match token {
                "" => {}
                "(" => {
                    // `FROM (SELECT …) AS one, another`
                    let is_list = self.level.is_table || self.level.is_list;
                    self.outer.push(Level { is_table: false, is_list });
                    self.level = Level::default();
                }
                ")" => self.level = self.outer.pop().unwrap_or_default(),
                "," => self.level.is_table |= self.level.is_list,
                word if !word.starts_with(is_sign) => found.extend(self.word(word)),
                _ => {}
            }
        }
        found
    }

    /// The word itself, if it is a table.
    fn word<'t>(&mut self, word: &'t str) -> Option<&'t str> {
        let last = std::mem::replace(&mut self.last, word.to_owned());
        let is_keyword = word.bytes().all(|c| c.is_ascii_uppercase());
        if BEFORE_A_TABLE.contains(&word) {
            // `IS DISTINCT FROM` compares values, and `FOR UPDATE` locks rows.
            self.level = Level { is_table: !["DISTINCT", "FOR"].contains(&last.as_str()), is_list: false };
        } else if is_keyword && !["AS", "FULL", "ONLY"].contains(&word) {
            self.level = Level::default();
        } else if self.level.is_table && !is_keyword {
            self.level = Level { is_table: false, is_list: true };
            return Some(word);
        }
        None
    }
}

/// The tables that the literals of a source name, with their lines: in a statement, as a [`Reference`] to identifiers,
/// or alone. `None` is the table of a variable.
///
/// [`Reference`]: lethe::store::Reference
fn tables(source: &Source) -> Vec<(usize, Option<&str>)> {
    let mut found = Vec::new();
    let mut reader = TableReader::default();
    for Literal { line, text, before, after } in &source.literals {
        if before.contains("\n}") {
            reader = TableReader::default();
        }
        if before.ends_with('b') {
            continue;
        }
        found.extend(reader.read(text).into_iter().map(|table| (*line, Some(table))));
        let is_alone = !WORDS.contains(&text.as_str()) && !after.starts_with(':');
        if is_alone || before.ends_with("Reference::new(") {
            found.push((*line, Some(text)));
        }
        let after: String = after.split_whitespace().collect();
        if reader.level.is_table && after != ").push(" {
            found.push((*line, None));
            reader = TableReader::default();
        }
    }
    found.retain(|(_, table)| table.is_none_or(|table| owner(table).is_some()));
    found
}

/// The rooms that put a variable table into a statement: the archive has three kinds of records, the vault has four tables
/// of sealed values, and `store` gets the table from its owner or from the catalogue of the database.
const VARIABLE: [&str; 3] = ["archive", "vault", "store"];

/// The lines that name a table of another room, as the file and the table.
fn foreign(source: &Source) -> Vec<(String, String)> {
    let is_own = |table: Option<&str>| match table {
        Some(table) => owner(table) == Some(source.room()),
        None => VARIABLE.contains(&source.room()),
    };
    let foreign = tables(source).into_iter().filter(|(_, table)| !is_own(*table));
    foreign.map(|(line, table)| (format!("{}:{line}", source.path), table.unwrap_or("a variable").to_owned())).collect()
}

/// Statements that name a table of another room: `store/rules.rs` names the one statement that is meant for all tenants.
const EXCEPTIONS: [(&str, &[&str]); 1] = [("store/rules.rs", &["keysets"])];

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
        .map(|(place, table)| format!("src/{place}: `{table}` belongs to `{}`", owner(table).unwrap_or("its owner")))
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
        ("nightly/pass.rs", "tx.query(\"SELECT id FROM passes p, contents AS c, mentions WHERE TRUE\")", 2),
        ("nightly/pass.rs", "tx.query(\"SELECT id FROM (SELECT id FROM passes) AS p, mentions m\")", 1),
        ("nightly/pass.rs", "tx.query(\"DELETE FROM passes USING interactions i WHERE\")", 1),
        ("nightly/pass.rs", "tx.query(\"DELETE FROM passes\")", 0),
        ("nightly/pass.rs", "tx.query(\"ANALYZE passes, mentions\")", 1),
        ("nightly/pass.rs", "tx.query(\"SELECT 1 FROM passes WHERE id IN (id, requests) GROUP BY id, requests\")", 0),
        ("nightly/pass.rs", "tx.query(\"SELECT 1 FROM \")\n    .push(\"requests\").push(\" q\")", 1),
        ("nightly/pass.rs", "tx.query(\"SELECT 1 FROM \").push(table).push(\" r\")", 1),
        ("nightly/pass.rs", "const SELECT: &str = \"SELECT 1 FROM passes JOIN \";", 1),
        ("nightly/pass.rs", "query.with(\" AND a IS DISTINCT FROM \", a).push(Sql::per(\" FOR UPDATE\", \"\"))", 0),
        ("nightly/pass.rs", "Reference::new(\"requests\", \"phone_id\")", 1),
        ("archive/unlink.rs", "tx.query(\"SELECT 1 FROM \").push(table).push(\" r\")", 0),
        ("content_rows/sql.rs", "tx.query(\"UPDATE contents SET at = i.at FROM interactions i\")", 1),
        ("nightly/steps/plan.rs", "for table in [\"raw_events\", \"pass_work\"] {", 1),
        ("nightly/model.rs", "Step::Erased => \"erasures\",", 0),
        ("webhooks/body.rs", "json!({ \"interactions\": 1 })", 0),
        ("outbox/sql.rs", "query.push(\" JOIN deliveries d\") // not FROM contents", 0),
    ] {
        assert_eq!(found(path, line), count, "{path}: {line}");
    }
}
