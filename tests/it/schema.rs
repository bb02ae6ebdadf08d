//! Both databases have the same tables: the same names, columns in the same order, keys, and indexes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A table as one migration folder declares it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// Name, meaning of the type, NOT NULL and all that follows it.
    columns: Vec<(String, &'static str, String)>,
    /// PRIMARY KEY and UNIQUE over several columns.
    rules: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Schema {
    tables: BTreeMap<String, Table>,
    indexes: Vec<String>,
    others: Vec<String>,
}

/// The names and texts of the migrations of one folder.
fn migrations(store: &str, database: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(store).join(database);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

fn schema(migrations: &[(String, String)]) -> Schema {
    let mut schema = Schema::default();
    for (_, text) in migrations {
        let code: Vec<_> = text.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code)).collect();
        for statement in code.join(" ").split(';').map(words).filter(|statement| !statement.is_empty()) {
            // An unlogged table is empty after each transaction, so it need not survive a crash of the server.
            let statement = statement.replacen("CREATE UNLOGGED TABLE ", "CREATE TABLE ", 1);
            if let Some(declaration) = statement.strip_prefix("CREATE TABLE ") {
                let (name, body) = declaration.split_once(" (").unwrap();
                let body = body.strip_suffix(" STRICT").unwrap_or(body).strip_suffix(')').unwrap();
                schema.tables.insert(name.to_owned(), table(body));
            } else if let Some(change) = statement.strip_prefix("ALTER TABLE ") {
                schema.alter(change);
            } else if let Some(name) = statement.strip_prefix("DROP TABLE ") {
                schema.tables.remove(name).unwrap();
                schema.indexes.retain(|index| !index.contains(&format!(" ON {name} (")));
            } else if let Some(name) = statement.strip_prefix("DROP INDEX ") {
                let count = schema.indexes.len();
                schema.indexes.retain(|index| !index.contains(&format!(" INDEX {name} ON ")));
                assert_eq!(schema.indexes.len() + 1, count, "{name}");
            } else if statement.starts_with("INSERT INTO ") || statement.starts_with("UPDATE ") {
                // A migration fills what it adds; only the shape counts here.
            } else if statement.starts_with("CREATE INDEX ") || statement.starts_with("CREATE UNIQUE INDEX ") {
                schema.indexes.push(statement);
            } else {
                schema.others.push(statement);
            }
        }
    }
    schema.indexes.sort();
    schema
}

impl Schema {
    /// After the baseline, a migration adds columns, or drops the check of a column. SQLite makes another table for that.
    fn alter(&mut self, change: &str) {
        if let Some((name, check)) = change.split_once(" DROP CONSTRAINT ") {
            let column = check.strip_prefix(&format!("{name}_")).and_then(|rest| rest.strip_suffix("_check")).unwrap();
            let columns = &mut self.tables.get_mut(name).unwrap().columns;
            let (.., rule) = columns.iter_mut().find(|(known, ..)| known == column).unwrap();
            rule.truncate(rule.find(" CHECK ").unwrap());
            return;
        }
        if let Some((name, other)) = change.split_once(" RENAME TO ") {
            let table = self.tables.remove(name).unwrap();
            self.tables.insert(other.to_owned(), table);
            return;
        }
        let (name, added) =
            change.split_once(" ADD COLUMN ").unwrap_or_else(|| panic!("{change}: migrations only add"));
        self.tables.get_mut(name).unwrap().columns.extend(table(added).columns);
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn table(body: &str) -> Table {
    let mut table = Table::default();
    for part in parts(body) {
        if ["PRIMARY KEY ", "UNIQUE ", "FOREIGN KEY ", "CHECK "].iter().any(|rule| part.starts_with(rule)) {
            table.rules.push(part);
            continue;
        }
        let mut words = part.splitn(3, ' ');
        let (name, kind) = (words.next().unwrap().to_owned(), words.next().unwrap());
        table.columns.push((name, meaning(kind), words.next().unwrap_or_default().to_owned()));
    }
    table
}

/// The parts between the commas outside of brackets.
fn parts(body: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in body.chars() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    parts.iter().map(|part| words(part)).collect()
}

/// SQLite has four types for the nine of PostgreSQL.
fn meaning(kind: &str) -> &'static str {
    match kind {
        "BLOB" | "UUID" | "BYTEA" => "bytes",
        "TEXT" | "TIMESTAMPTZ" | "DATE" | "JSONB" => "text",
        "INTEGER" | "SMALLINT" | "BIGINT" | "BOOLEAN" => "number",
        other => panic!("{other} is a type that the other database may not have: say here what it means"),
    }
}

/// The names of the tables of a store.
pub fn tables(store: &str) -> Vec<String> {
    schema(&migrations(store, "postgres")).tables.into_keys().collect()
}

/// Without a column in that list, a pass deletes identifiers that are in use.
#[test]
fn the_pass_knows_every_column_that_refers_to_identifiers() {
    let known: BTreeSet<_> = lethe::nightly::references()
        .map(lethe::store::Reference::names)
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect();
    for database in ["postgres", "sqlite"] {
        let tables = schema(&migrations("archive", database)).tables;
        // The work tables of a pass refer to identifiers only while the pass itself runs.
        let lasting = tables.iter().filter(|(name, _)| !name.starts_with("pass_"));
        let columns =
            lasting.flat_map(|(name, table)| table.columns.iter().map(|(column, ..)| (name.clone(), column.clone())));
        let names = ["phone_id", "email_id", "name_id", "identifier_id"];
        let referring: BTreeSet<_> = columns.filter(|(_, column)| names.contains(&column.as_str())).collect();
        assert!(!referring.is_empty());
        assert_eq!(referring, known, "{database}");
    }
}

const CLASSES: [&str; 10] = [
    "identifier_sealed",
    "keyed_hash",
    "identifier_id",
    "id",
    "time",
    "statistic",
    "tokenized_text",
    "user",
    "setting",
    "technical",
];

/// Every column with its class, as `migrations/census.toml` tells it: `archive.interactions.at`, `time`.
fn census() -> BTreeMap<String, String> {
    let (mut census, mut table) = (BTreeMap::new(), "");
    for line in include_str!("../../migrations/census.toml").lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']');
        } else if let Some((column, class)) = line.split_once(" = ") {
            let known = census.insert(format!("{table}.{column}"), class.trim_matches('"').to_owned());
            assert_eq!(known, None, "{table}.{column} has two classes");
        }
    }
    census
}

/// A scan for residue and a reader of the schema know by it what a column may contain (N8).
#[test]
fn every_column_has_a_class() {
    let mut columns = BTreeSet::new();
    for store in ["archive", "vault"] {
        for (name, table) in schema(&migrations(store, "postgres")).tables {
            columns.extend(table.columns.iter().map(|(column, ..)| format!("{store}.{name}.{column}")));
        }
    }
    let census = census();
    assert_eq!(census.keys().cloned().collect::<BTreeSet<_>>(), columns);
    for (column, class) in &census {
        assert!(CLASSES.contains(&class.as_str()), "{column}: {class}");
    }
    let sealed = census.iter().filter(|(_, class)| *class == "identifier_sealed").map(|(column, _)| column.as_str());
    assert_eq!(sealed.collect::<Vec<_>>(), ["vault.identifiers.sealed"], "identifiers live in the vault");
}

#[test]
fn citus_distributes_every_table() {
    let script = include_str!("../../migrations/archive/citus.sql");
    let calls = script.lines().filter_map(|line| line.strip_prefix("SELECT create_"));
    let distributed: BTreeSet<_> =
        calls.map(|call| call.split('\'').nth(1).expect("the name of a table").to_owned()).collect();
    // A lease reads the database's clock in an UPDATE, which a distributed table refuses.
    let tables: BTreeSet<_> = tables("archive").into_iter().filter(|table| table != "leases").collect();
    assert_eq!(distributed, tables);
}

#[test]
fn both_databases_have_the_same_tables() {
    for store in ["archive", "vault"] {
        let (postgres, sqlite) = (migrations(store, "postgres"), migrations(store, "sqlite"));
        let names = |files: &[(String, String)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&postgres), names(&sqlite), "{store}: the migrations");
        let (postgres, sqlite) = (schema(&postgres), schema(&sqlite));
        let tables = |schema: &Schema| schema.tables.keys().cloned().collect::<Vec<_>>();
        assert_eq!(tables(&postgres), tables(&sqlite), "{store}: the tables");
        for (name, table) in &postgres.tables {
            assert_eq!(table, &sqlite.tables[name], "{store}: {name}");
        }
        assert_eq!(postgres.indexes, sqlite.indexes, "{store}: the indexes");
        assert_eq!(postgres.others, sqlite.others, "{store}: other statements");
    }
}

/// A distributed PostgreSQL needs it, and it keeps the rows of a tenant together.
#[test]
fn every_key_and_index_begins_with_the_tenant() {
    for (store, database) in
        [("archive", "postgres"), ("vault", "postgres"), ("archive", "sqlite"), ("vault", "sqlite")]
    {
        let schema = schema(&migrations(store, database));
        assert!(!schema.tables.is_empty());
        for (name, table) in &schema.tables {
            // A reference table; its slugs are unique over all tenants.
            let keys = table.rules.iter().filter(|rule| rule.starts_with("PRIMARY KEY") || rule.starts_with("UNIQUE"));
            for key in keys.clone() {
                assert!(key.contains("(tenant_id, "), "{store} {database} {name}: {key}");
            }
            let (first, _, rule) = &table.columns[0];
            assert_eq!(first, "tenant_id", "{store} {database} {name}");
            let keyed = keys.clone().any(|key| key.starts_with("PRIMARY KEY")) || rule.contains("PRIMARY KEY");
            assert!(keyed, "{store} {database} {name} has no primary key");
            for (column, _, rule) in &table.columns[1..] {
                let unique = rule.contains("PRIMARY KEY") || rule.contains("UNIQUE");
                assert!(!unique || name == "tenants", "{store} {database} {name}.{column}: {rule}");
            }
        }
        for index in &schema.indexes {
            assert!(index.contains("(tenant_id, "), "{store} {database}: {index}");
        }
        assert_eq!(schema.others, Vec::<String>::new(), "{store} {database}: no trigger, no function");
    }
}

#[test]
fn no_column_fills_itself() {
    for (store, database) in
        [("archive", "postgres"), ("vault", "postgres"), ("archive", "sqlite"), ("vault", "sqlite")]
    {
        for (name, table) in schema(&migrations(store, database)).tables {
            for (column, _, rule) in &table.columns {
                let filled = ["DEFAULT", "GENERATED", "IDENTITY", "now()", "AUTOINCREMENT"];
                assert!(!filled.iter().any(|word| rule.contains(word)), "{store} {database} {name}.{column}: {rule}");
            }
        }
    }
}
