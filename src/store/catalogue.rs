//! The tables of a database as its own catalogue tells them, and their rows as texts. Only the residue scan reads rows in
//! this way: it must also see a column that the program does not know.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::query::Query;
use super::row::{RowResult, StoredRow};
use super::{Result, Sql, Tx};

/// The column that each table of a tenant has.
const TENANT: &str = "tenant_id";

/// A table with its columns in their order.
#[derive(Clone, Debug)]
pub struct CatalogueTable {
    pub name: String,
    pub columns: Vec<CatalogueColumn>,
    /// About how many rows it has, for all tenants. It is 0 if the database does not know.
    pub rows: u64,
}

#[derive(Clone, Debug)]
pub struct CatalogueColumn {
    pub name: String,
    /// The declared type, in lower case.
    pub kind: String,
    /// The place in the primary key, from 1 on. It is 0 for any other column.
    pub key: i64,
}

/// A row whose wanted columns are read as texts.
///
/// The texts stay in the memory of the driver. A scan reads millions of values, and copies of them would take much of its
/// time.
pub struct TextRow<'r> {
    row: &'r StoredRow,
    key: &'r [&'r CatalogueColumn],
    columns: usize,
}

impl<'r> TextRow<'r> {
    /// The text of a wanted column, by its place among them.
    pub fn text(&self, no: usize) -> Result<Option<Cow<'r, str>>> {
        Ok(self.row.text(self.key.len() + no)?)
    }

    /// The time of the row, if it has one.
    #[must_use]
    pub fn time(&self) -> Option<DateTime<Utc>> {
        self.row.get(self.key.len() + self.columns).ok().flatten()
    }

    /// The key as texts, by which the next page is found.
    pub fn key(&self) -> Result<Vec<String>> {
        self.key.iter().enumerate().map(|(no, column)| Ok(self.key_text(no, column)?.unwrap_or_default())).collect()
    }

    fn key_text(&self, no: usize, column: &CatalogueColumn) -> RowResult<Option<String>> {
        match KeyForm::of(column, self.row.is_postgres()) {
            KeyForm::Id => Ok(self.row.get::<Option<Uuid>>(no)?.map(|id| id.to_string())),
            KeyForm::Time => {
                let time: Option<DateTime<Utc>> = self.row.get(no)?;
                Ok(time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true)))
            }
            KeyForm::Text => Ok(self.row.text(no)?.map(Cow::into_owned)),
        }
    }

    /// A part of the key that is an id.
    #[must_use]
    pub fn id_of_key(&self, no: usize) -> Option<Uuid> {
        match KeyForm::of(self.key.get(no)?, self.row.is_postgres()) {
            KeyForm::Id => self.row.get(no).ok(),
            KeyForm::Time => None,
            KeyForm::Text => Uuid::try_parse(&self.row.text(no).ok()??).ok(),
        }
    }
}

/// How a part of a key is read. For PostgreSQL, writing ids and times as texts takes long, and only the last row of a page
/// needs them as texts.
enum KeyForm {
    Id,
    Time,
    Text,
}

impl KeyForm {
    fn of(column: &CatalogueColumn, is_postgres: bool) -> Self {
        match column.kind.as_str() {
            "uuid" if is_postgres => Self::Id,
            "timestamp with time zone" if is_postgres => Self::Time,
            _ => Self::Text,
        }
    }
}

/// Which rows of a table are read, and how.
#[derive(Clone, Copy, Debug)]
pub struct RowsWanted<'w> {
    pub table: &'w CatalogueTable,
    /// The columns that become texts. A value whose type cannot contain a text is none, unless all are wanted.
    pub columns: &'w [(&'w CatalogueColumn, Depth)],
    /// The column with the time of a row.
    pub time: Option<&'w CatalogueColumn>,
    /// Only rows whose `changed_at` is after an instant.
    pub changed_after: Option<DateTime<Utc>>,
    /// The key of the last row before.
    pub after: Option<&'w [String]>,
    pub limit: i64,
}

/// How much of a column becomes a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Its texts, and binary values that are neither an id nor a hash.
    Texts,
    /// Every value.
    All,
}

impl CatalogueTable {
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&CatalogueColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns of the primary key after the tenant, in their order.
    #[must_use]
    pub fn key(&self) -> Vec<&CatalogueColumn> {
        let mut key: Vec<_> = self.columns.iter().filter(|column| column.key > 0 && column.name != TENANT).collect();
        key.sort_by_key(|column| column.key);
        key
    }

    /// Whether its rows belong to tenants.
    #[must_use]
    pub fn has_tenant(&self) -> bool {
        self.column(TENANT).is_some()
    }
}

impl CatalogueColumn {
    /// Whether values of the type can be texts. SQLite does not enforce the types of all tables, so all of its columns
    /// can.
    #[must_use]
    pub fn can_be_text(&self, is_postgres: bool) -> bool {
        const TYPED: [&str; 9] = [
            "uuid",
            "timestamp with time zone",
            "timestamp without time zone",
            "date",
            "smallint",
            "integer",
            "bigint",
            "boolean",
            "double precision",
        ];
        !is_postgres || !TYPED.contains(&self.kind.as_str())
    }

    /// Whether the column is a text, so that a key of it may contain an identifier.
    #[must_use]
    pub fn is_text(&self) -> bool {
        ["text", "char", "json", "name"].iter().any(|word| self.kind.contains(word))
    }
}

impl<S> Tx<S> {
    /// All tables of the database.
    pub async fn catalogue(&mut self) -> Result<Vec<CatalogueTable>> {
        let rows: Vec<(String, String, String, i64, i64)> = self
            .query(Sql::per(
                "SELECT c.relname::text, a.attname::text, lower(format_type(a.atttypid, NULL)), \
                 coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint, greatest(c.reltuples, 0)::bigint \
                 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                 LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
                 WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relkind IN ('r', 'p') \
                 AND NOT c.relispartition ORDER BY c.relname, a.attnum",
                "SELECT t.name, c.name, lower(c.type), c.pk, 0 FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid",
            ))
            .all()
            .await?;
        let mut tables: Vec<CatalogueTable> = Vec::new();
        for (table, name, kind, key, rows) in rows {
            if tables.last().is_none_or(|last| last.name != table) {
                tables.push(CatalogueTable { name: table, columns: Vec::new(), rows: rows.unsigned_abs() });
            }
            if let Some(last) = tables.last_mut() {
                last.columns.push(CatalogueColumn { name, kind, key });
            }
        }
        Ok(tables)
    }

    /// Gives the next rows of a tenant to `take`, in the order of their keys, or of their changes, until it returns false. The
    /// key has `changed_at` before it if the changed rows are wanted. Returns the key of the last row that was given. Only a
    /// page without a row is the end.
    pub async fn text_rows(
        &mut self,
        tenant: Uuid,
        wanted: RowsWanted<'_>,
        mut take: impl FnMut(TextRow<'_>) -> Result<bool>,
    ) -> Result<Option<Vec<String>>> {
        let RowsWanted { table, columns, time, changed_after, after, limit } = wanted;
        let mut key = table.key();
        if let Some(changed) = table.column("changed_at").filter(|_| changed_after.is_some()) {
            key.insert(0, changed);
        }
        // The values have names of their own. Citus drops the `r.` from the ORDER BY, and a value with the name of a column
        // would be taken for the column.
        let mut query = self.query("SELECT ");
        for (no, column) in key.iter().enumerate() {
            query = key_column(query, column).push(" AS ").name(&format!("key {no}")).push(", ");
        }
        for (no, (column, depth)) in columns.iter().enumerate() {
            query = as_text(query, column, *depth).push(" AS ").name(&format!("text {no}")).push(", ");
        }
        if let Some(time) = time {
            query = query.name(&time.name).push(" AS \"time\", ");
        }
        let mut query = query.push("NULL FROM ").name(&table.name).with(" r WHERE r.tenant_id = ", tenant);
        query = query.with_some(" AND r.changed_at > ", changed_after);
        if let Some(after) = after.filter(|after| after.len() == key.len() && !key.is_empty()) {
            query = query.push(" AND (").each(key.iter().copied(), of_row).push(") > (");
            query = query.each(key.iter().zip(after), |query, (column, value)| of_text(query, column, value)).push(")");
        }
        if !key.is_empty() {
            query = query.push(" ORDER BY ").each(key.iter().copied(), of_row);
        }
        let (key, columns) = (key.as_slice(), columns.len());
        let last = query.with(" LIMIT ", limit).once().rows(|row| take(TextRow { row, key, columns })).await?;
        last.map(|row| TextRow { row: &row, key, columns }.key()).transpose()
    }
}

/// Appends a column of the row. Its name alone would be that of the selected text, whose order is another one and no
/// index's.
fn of_row<'c>(query: Query<'c>, column: &CatalogueColumn) -> Query<'c> {
    query.push("r.").name(&column.name)
}

/// Appends a key column as [`TextRow::key`] makes a text of it that [`of_text`] reads again.
fn key_column<'c>(query: Query<'c>, column: &CatalogueColumn) -> Query<'c> {
    if query.is_postgres() {
        let query = query.name(&column.name);
        if matches!(KeyForm::of(column, true), KeyForm::Text) { query.push("::text") } else { query }
    } else if column.kind == "blob" {
        query.push("hex(").name(&column.name).push(")")
    } else {
        query.push("CAST(").name(&column.name).push(" AS TEXT)")
    }
}

/// Appends a bound value of a key column.
fn of_text<'c>(query: Query<'c>, column: &CatalogueColumn, value: &str) -> Query<'c> {
    if query.is_postgres() {
        return query.with("CAST(", value).push(" AS ").kind(&column.kind).push(")");
    }
    match column.kind.as_str() {
        "blob" => query.with("unhex(", value).push(")"),
        "integer" => query.with("CAST(", value).push(" AS INTEGER)"),
        _ => query.with("", value),
    }
}

/// Appends a column as a text.
fn as_text<'c>(query: Query<'c>, column: &CatalogueColumn, depth: Depth) -> Query<'c> {
    let name = column.name.as_str();
    match (query.is_postgres(), depth) {
        (true, Depth::Texts) if column.kind == "bytea" => {
            let query = query.push("CASE WHEN octet_length(").name(name);
            query.push(") NOT IN (16, 32) THEN encode(").name(name).push(", 'escape') END")
        }
        (true, _) if column.kind == "bytea" => query.push("encode(").name(name).push(", 'escape')"),
        (true, _) => query.name(name).push("::text"),
        (false, Depth::Texts) => {
            let query =
                query.push("CASE WHEN typeof(").name(name).push(") IN ('integer', 'real') OR typeof(").name(name);
            let query = query.push(") = 'blob' AND length(").name(name).push(") IN (16, 32) THEN NULL ELSE CAST(");
            query.name(name).push(" AS BLOB) END")
        }
        (false, Depth::All) => query.push("CAST(").name(name).push(" AS BLOB)"),
    }
}
