//! The tables of the archive, page by page.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::matcher::{Matcher, TextSource};
use super::model::{ScanError, ScanReport, UnclassifiedColumn};
use super::{Scanner, census};
use crate::archive;
use crate::base::id::RecordId;
use crate::base::target::Target;
use crate::store::{self, CatalogueColumn, CatalogueTable, Depth, RowsWanted, TextRow};

/// How many rows are read at a time.
const PAGE: u64 = 2_000;

/// The bytes of texts that are read at a time. A page ends earlier if its rows are long.
const PAGE_BYTES: u64 = 8 << 20;

/// A table with the columns that are searched.
pub struct ScannedTable {
    table: CatalogueTable,
    columns: Vec<ScannedColumn>,
    /// The records of a target are covered by its erasures up to their cut-off.
    target: Option<Target>,
}

/// A column that is searched.
struct ScannedColumn {
    /// The place among the columns of the table.
    no: usize,
    depth: Depth,
    /// Whether it has times, which SQLite stores as texts.
    is_time: bool,
}

/// The tables with rows of a tenant, in the order of their names. Columns without a class are reported.
pub fn tables(is_postgres: bool, catalogue: Vec<CatalogueTable>, report: &mut ScanReport) -> Vec<ScannedTable> {
    let mut tables = Vec::new();
    for table in catalogue {
        if census::is_tool(&table.name) {
            continue;
        }
        let mut columns = Vec::new();
        for (no, column) in table.columns.iter().enumerate() {
            let class = census::class(&table.name, &column.name);
            if class.is_none() {
                let (table, column) = (table.name.clone(), column.name.clone());
                report.unclassified.insert(UnclassifiedColumn { table, column });
                columns.push(ScannedColumn { no, depth: Depth::All, is_time: false });
            } else if column.can_be_text(is_postgres) {
                columns.push(ScannedColumn { no, depth: Depth::Texts, is_time: class == Some("time") });
            }
        }
        // Rows without a tenant are nobody's, so nobody's keys can search them. Their columns are reported above.
        if table.has_tenant() && !columns.is_empty() {
            let target = Target::ALL.into_iter().find(|target| archive::table(*target) == table.name);
            tables.push(ScannedTable { table, columns, target });
        }
    }
    tables
}

impl ScannedTable {
    pub fn name(&self) -> &str {
        &self.table.name
    }

    pub const fn rows(&self) -> u64 {
        self.table.rows
    }

    pub fn tells_changes(&self) -> bool {
        self.table.column("changed_at").is_some()
    }

    pub fn searched(&self) -> impl Iterator<Item = (&CatalogueColumn, Depth)> {
        self.columns.iter().filter_map(|one| Some((self.table.columns.get(one.no)?, one.depth)))
    }

    /// Whether a later scan may continue at a key. A key with a text is not kept, because the text may contain an
    /// identifier.
    fn may_pause(&self) -> bool {
        let key = self.table.key();
        !key.is_empty() && key.iter().all(|column| !column.is_text())
    }

    /// The ids and numbers of a row's key, as a report names the record. The key begins with the time of the change if the
    /// changed rows are read.
    fn record(&self, row: &TextRow<'_>) -> String {
        let (names, key) = (self.table.key(), row.key().unwrap_or_default());
        let own = key.get(key.len().saturating_sub(names.len())..).unwrap_or_default();
        let named = names.into_iter().zip(own).filter(|(column, _)| !column.is_text());
        let named: Vec<_> =
            named.map(|(_, value)| Uuid::try_parse(value).map_or(value.clone(), |id| id.to_string())).collect();
        named.join("/")
    }
}

impl Scanner<'_> {
    /// Reads a table until its end or a limit of rows. Returns the key after which it continues.
    pub(super) async fn read_table(
        &mut self,
        no: usize,
        mut after: Option<Vec<String>>,
        limit: u64,
    ) -> Result<Option<Vec<String>>, ScanError> {
        let may_pause = self.tables.get(no).is_some_and(ScannedTable::may_pause);
        loop {
            let left = limit.saturating_sub(self.report.counts.read());
            if left == 0 && may_pause && after.is_some() {
                return Ok(after);
            }
            let rows = if may_pause { left.clamp(1, PAGE) } else { PAGE };
            let last = self.search_page(no, (None, after.as_deref(), rows), |_| {}).await?;
            let Some(last) = last else { return Ok(None) };
            self.confirm().await?;
            // A table without a further key has one row of a tenant.
            if last.is_empty() {
                return Ok(None);
            }
            after = Some(last);
        }
    }

    /// Reads the rows of a table that changed since an instant, and the texts of the interactions among them.
    pub(super) async fn read_changes(&mut self, no: usize, since: DateTime<Utc>) -> Result<(), ScanError> {
        let is_interactions = self.tables.get(no).is_some_and(|table| table.target == Some(Target::Archive));
        let mut after: Option<Vec<String>> = None;
        loop {
            let mut ids = Vec::new();
            let note_id = |row: &TextRow<'_>| {
                if is_interactions {
                    ids.extend(row.id_of_key(1).map(RecordId));
                }
            };
            let last = self.search_page(no, (Some(since), after.as_deref(), PAGE), note_id).await?;
            if is_interactions {
                self.read_texts_of(&ids).await?;
            }
            self.confirm().await?;
            if last.is_none() {
                return Ok(());
            }
            after = last;
        }
    }

    /// Searches the next rows of a table while the database reads the ones behind them. Returns the key of the last one.
    async fn search_page(
        &mut self,
        no: usize,
        (changed_after, after, rows): (Option<DateTime<Utc>>, Option<&[String]>, u64),
        mut note: impl FnMut(&TextRow<'_>),
    ) -> Result<Option<Vec<String>>, ScanError> {
        let Self { app, tenant, tables, matcher, report, .. } = self;
        let Some(scanned) = tables.get(no) else { return Ok(None) };
        let columns: Vec<_> = scanned.searched().collect();
        // By its time, erasures cover a record.
        let (table, time, limit) =
            (&scanned.table, scanned.table.column("at"), i64::try_from(rows).unwrap_or(i64::MAX));
        let wanted = RowsWanted { table, columns: &columns, time, changed_after, after, limit };
        let most = report.counts.bytes + PAGE_BYTES;
        let search = |row: TextRow<'_>| {
            note(&row);
            search_row(scanned, &row, matcher, report)?;
            Ok(report.counts.bytes <= most)
        };
        Ok(app.archive.read().await?.text_rows(tenant.id.0, wanted, search).await?)
    }
}

fn search_row(
    scanned: &ScannedTable,
    row: &TextRow<'_>,
    matcher: &mut Matcher,
    report: &mut ScanReport,
) -> store::Result<()> {
    report.counts.rows += 1;
    for (no, column) in scanned.columns.iter().enumerate() {
        let Some(text) = row.text(no)? else { continue };
        if column.is_time && is_time(&text) {
            continue;
        }
        report.counts.bytes += text.len() as u64;
        matcher.search(&text, || TextSource {
            table: Some(scanned.name().to_owned()),
            column: scanned.table.columns.get(column.no).map(|column| column.name.clone()),
            record: Some(scanned.record(row)),
            at: row.time(),
            target: scanned.target,
            ..TextSource::default()
        });
    }
    Ok(())
}

/// Whether a text is a time or a day, as SQLite stores it.
fn is_time(text: &str) -> bool {
    time(text).is_some() || chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// A time as either database writes it.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let read =
        DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"));
    read.ok().map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_either_database_writes_it() {
        for text in [
            "2026-02-20T10:00:00Z",
            "2026-02-20T10:00:00.000000+00:00",
            "2026-02-20 11:00:00+01",
            "2026-02-20 10:00:00.5+00",
        ] {
            assert_eq!(time(text).map(|time| time.date_naive().to_string()).as_deref(), Some("2026-02-20"), "{text}");
        }
        assert!(is_time("2026-02-20") && !is_time("98765432") && !is_time("2026-02-20 98765432"));
    }
}
