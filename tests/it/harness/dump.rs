//! Every row of both databases, in a form that two passes can be compared by.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

/// A row: its columns and their values as text. Bytes and ids are in hexadecimal digits.
pub type Row = BTreeMap<String, Option<String>>;

/// The tables of both databases with their rows, sorted. The vault's tables are called `vault.…`.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    pub tables: BTreeMap<String, Vec<Row>>,
    /// The columns with opaque bytes or ids.
    opaque: Vec<(String, String)>,
    /// The ids of each table in the order in which its rows are stored.
    places: BTreeMap<String, Vec<String>>,
}

impl Dump {
    /// The rows of a table.
    pub fn rows(&self, table: &str) -> &[Row] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    /// The ids of a table in the order in which its rows are stored.
    pub fn places(&self, table: &str) -> &[String] {
        self.places.get(table).map_or(&[], Vec::as_slice)
    }

    /// The rows of a table without some columns, in an order that does not depend on them.
    pub fn rows_without(&self, table: &str, columns: &[&str]) -> Vec<Row> {
        let mut rows = self.rows(table).to_vec();
        for row in &mut rows {
            row.retain(|column, _| !columns.contains(&column.as_str()));
        }
        rows.sort();
        rows
    }

    /// The tables of the archive.
    pub fn archive(&self) -> impl Iterator<Item = (&str, &[Row])> {
        let tables = self.tables.iter().filter(|(table, _)| !table.starts_with("vault."));
        tables.map(|(table, rows)| (table.as_str(), rows.as_slice()))
    }

    /// Every text of the archive. Opaque ids and random keys are left out, because their digits would contain any number
    /// sooner or later.
    pub fn archive_texts(&self) -> Vec<u8> {
        let mut texts = Vec::new();
        for (table, rows) in self.archive() {
            for (column, value) in rows.iter().flatten() {
                if column != "cell_key" && !self.opaque.contains(&(table.to_owned(), column.clone())) {
                    texts.extend(value.as_deref().unwrap_or_default().as_bytes());
                    texts.push(b'\n');
                }
            }
        }
        texts
    }

    pub async fn of_sqlite(data: &Path) -> Self {
        let mut dump = Self::default();
        for (file, prefix) in [("archive.db", ""), ("vault.db", "vault.")] {
            let url = format!("sqlite:{}", data.join(file).display());
            let mut database = SqliteConnection::connect(&url).await.unwrap();
            let columns: Vec<Column> = sqlx::query_as(
                "SELECT t.name, c.name, c.type FROM sqlite_master t, pragma_table_info(t.name) c \
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
            )
            .fetch_all(&mut database)
            .await
            .unwrap();
            for (table, columns) in by_table(columns) {
                let select = select(&table, &columns, |column, kind| match kind {
                    "BLOB" => format!("CASE WHEN {column} IS NOT NULL THEN lower(hex({column})) END"),
                    _ => format!("CAST({column} AS TEXT)"),
                });
                let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut database).await.unwrap();
                let values = rows.iter().map(|row| (0..row.len()).map(|n| row.get(n)).collect());
                dump.keep(format!("{prefix}{table}"), &columns, values);
            }
            database.close().await.unwrap();
        }
        dump
    }

    pub async fn of_postgres(url: &str) -> Self {
        let mut dump = Self::default();
        let mut database = PgConnection::connect(url).await.unwrap();
        for (schema, prefix) in [("public", ""), ("vault", "vault.")] {
            let columns: Vec<Column> = sqlx::query_as(
                "SELECT c.table_name::text, c.column_name::text, c.data_type::text FROM information_schema.columns c \
                 JOIN information_schema.tables t USING (table_schema, table_name) \
                 WHERE t.table_schema = $1 AND t.table_type = 'BASE TABLE' ORDER BY c.ordinal_position",
            )
            .bind(schema)
            .fetch_all(&mut database)
            .await
            .unwrap();
            for (table, columns) in by_table(columns) {
                let select = select(&format!("{schema}.{table}"), &columns, |column, kind| match kind {
                    "bytea" => format!("encode({column}, 'hex')"),
                    "uuid" => format!("replace({column}::text, '-', '')"),
                    _ => format!("{column}::text"),
                });
                let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut database).await.unwrap();
                let values = rows.iter().map(|row| (0..row.len()).map(|n| row.get(n)).collect());
                dump.keep(format!("{prefix}{table}"), &columns, values);
            }
        }
        database.close().await.unwrap();
        dump
    }

    fn keep(&mut self, table: String, columns: &[(String, String)], values: impl Iterator<Item = Vec<Option<String>>>) {
        if table.ends_with("_sqlx_migrations") {
            return;
        }
        let opaque = columns.iter().filter(|(_, kind)| ["BLOB", "bytea", "uuid"].contains(&kind.as_str()));
        self.opaque.extend(opaque.map(|(column, _)| (table.clone(), column.clone())));
        let names = || columns.iter().map(|(column, _)| column.clone());
        let mut rows: Vec<Row> = values.map(|values| names().zip(values).collect()).collect();
        let ids = rows.iter().filter_map(|row| row.get("id").cloned().flatten()).collect();
        self.places.insert(table.clone(), ids);
        rows.sort();
        self.tables.insert(table, rows);
    }
}

/// Table, column, type.
type Column = (String, String, String);

/// The columns of each table with their types.
fn by_table(columns: Vec<Column>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut tables = BTreeMap::<_, Vec<_>>::new();
    for (table, column, kind) in columns {
        tables.entry(table).or_default().push((column, kind));
    }
    tables
}

fn select(table: &str, columns: &[(String, String)], text: impl Fn(&str, &str) -> String) -> String {
    let texts: Vec<_> = columns.iter().map(|(column, kind)| text(column, kind)).collect();
    format!("SELECT {} FROM {table}", texts.join(", "))
}
