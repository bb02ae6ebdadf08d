//! The tables of the archive, page by page.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::matcher::TextSource;
use super::model::{ScanError, ScanReport, UnclassifiedColumn};
use super::{Scanner, census};
use crate::archive;
use crate::base::id::RecordId;
use crate::base::target::Target;
use crate::store::{CatalogueColumn, CatalogueTable, Depth, RowsWanted, TextRow};

/// How many rows are read at a time.
const PAGE: u64 = 2_000;

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

    /// The length of a key, in columns.
    fn key_len(&self, with_changes: bool) -> usize {
        self.table.key().len() + usize::from(with_changes)
    }

    /// Whether a later scan may continue at a key. A key with a text is not kept, because the text may contain an
    /// identifier.
    fn may_pause(&self) -> bool {
        let key = self.table.key();
        !key.is_empty() && key.iter().all(|column| !column.is_text())
    }

    /// The ids and numbers of a key, as a report names the record.
    fn record(&self, key: &[String]) -> String {
        let named = self.table.key().into_iter().zip(key).filter(|(column, _)| !column.is_text());
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
            let page = self.page(no, None, after.as_deref(), rows).await?;
            let Some(last) = self.search_page(no, &page, false) else { return Ok(None) };
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
            let page = self.page(no, Some(since), after.as_deref(), PAGE).await?;
            let ids = page.iter().filter_map(|row| Uuid::try_parse(row.get(1)?).ok().map(RecordId));
            let ids: Vec<RecordId> = ids.collect();
            let last = self.search_page(no, &page, true);
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

    async fn page(
        &self,
        no: usize,
        changed_after: Option<DateTime<Utc>>,
        after: Option<&[String]>,
        rows: u64,
    ) -> Result<Vec<TextRow>, ScanError> {
        let Some(scanned) = self.tables.get(no) else { return Ok(Vec::new()) };
        let mut columns: Vec<_> = scanned.searched().collect();
        // The last value is the time of the record, by which erasures cover it.
        columns.extend(scanned.table.column("at").map(|at| (at, Depth::All)));
        let limit = i64::try_from(rows).unwrap_or(i64::MAX);
        let wanted = RowsWanted { table: &scanned.table, columns: &columns, changed_after, after, limit };
        Ok(self.app.archive.read().await?.text_rows(self.tenant.id.0, wanted).await?)
    }

    /// Searches the rows of a page. Returns the key of its last row.
    fn search_page(&mut self, no: usize, page: &[TextRow], with_changes: bool) -> Option<Vec<String>> {
        let Self { tables, matcher, report, .. } = self;
        let scanned = tables.get(no)?;
        let key_len = scanned.key_len(with_changes);
        let key_of = |row: &TextRow| -> Vec<String> {
            row.values().take(key_len).map(|value| value.unwrap_or_default().to_owned()).collect()
        };
        let place_of_at = scanned.table.column("at").map(|_| key_len + scanned.columns.len());
        for row in page {
            report.counts.rows += 1;
            for (scanned_column, place) in scanned.columns.iter().zip(key_len..) {
                let Some(text) = row.get(place) else { continue };
                if scanned_column.is_time && is_time(text) {
                    continue;
                }
                report.counts.bytes += text.len() as u64;
                matcher.search(text, || TextSource {
                    table: Some(scanned.name().to_owned()),
                    column: scanned.table.columns.get(scanned_column.no).map(|column| column.name.clone()),
                    record: Some(scanned.record(key_of(row).get(usize::from(with_changes)..).unwrap_or_default())),
                    at: place_of_at.and_then(|place| row.get(place)).and_then(time),
                    target: scanned.target,
                    ..TextSource::default()
                });
            }
        }
        page.last().map(key_of)
    }
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
