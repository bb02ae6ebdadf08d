//! The records of a copy. Each is read once and rendered for all files.
//!
//! The files of a ZIP follow each other. So `data.json` is written while the records are read, and the lines of the
//! spreadsheets and of the page wait in spools.

use std::io::Write as _;

use serde_json::json;

use super::super::model::ExportError;
use super::super::page::{self, Page};
use super::super::spool::{Spool, Spooled};
use super::super::zip::ZipStream;
use super::Composer;
use crate::archive::{Interaction, RawEvent, Record, RecordKind, Renderer, SurveyResponse};
use crate::base::page::{LARGEST_PAGE_BYTES, Listed as _, Position};
use crate::base::spreadsheet::{SpreadsheetWriter, cells};
use crate::base::target::Target;
use crate::base::work;
use crate::content;

/// The most records that are read at once. Long ones are fewer.
const PAGE: u32 = 1_000;

/// The most bytes of records that are read at once, so that the statements of a page are a small part of its work.
pub(super) const PAGE_BYTES: usize = 2 * LARGEST_PAGE_BYTES;

/// The chunks of a spool that are sent before the copy looks again whether its export can still be downloaded.
const CHUNKS: u64 = 8;

/// The files with the records of a kind, while they are written on a thread that serves no calls.
struct Renderings {
    zip: ZipStream,
    table: SpreadsheetWriter<Spool>,
    page: Spool,
    /// The JSON of a page of records, and the row of one. They are kept, because they are long.
    buffers: (Vec<u8>, Vec<u8>),
}

impl Renderings {
    fn add<K: RecordKind>(mut self, records: Vec<Record<K>>, renderer: &Renderer) -> Result<Self, ExportError> {
        let (data, row) = &mut self.buffers;
        data.clear();
        let unreadable = |error: serde_json::Error| ExportError::Zip(error.into());
        for record in records {
            let is_first = !self.table.has_records;
            data.extend_from_slice(if is_first { b"\n" } else { b",\n" });
            let cells = cells(&K::render(record, renderer), data).map_err(unreadable)?;
            self.table.write(&cells).map_err(ExportError::Spool)?;
            row.clear();
            page::row(row, &cells, is_first);
            self.page.write_all(row).map_err(ExportError::Spool)?;
        }
        self.zip.write(data)?;
        Ok(self)
    }
}

impl Composer {
    /// Writes `data.json` and the spreadsheets. Returns the part of the page that has the records.
    pub(super) async fn records(&mut self, page: &Page) -> Result<Spooled, ExportError> {
        self.zip.begin("data.json", 0)?;
        let mut own: Vec<_> = self.people.own.values().cloned().collect();
        own.sort_unstable();
        own.dedup();
        let head = json!({ "made_at": self.app.clock.now(), "from": self.export.from, "to": self.export.to,
            "identifiers": own });
        self.write(head.to_string().trim_end_matches('}').as_bytes()).await?;
        let (words, rows) = (page.words, Spool::new()?);
        // Parts in the making are long, so these futures are on the heap.
        let interactions = self.list::<Interaction>("\"interactions\":[", page, words.interactions, rows);
        let (interactions, rows) = Box::pin(interactions).await?;
        let surveys = self.list::<SurveyResponse>("\"survey_responses\":[", page, words.surveys, rows);
        let (surveys, rows) = Box::pin(surveys).await?;
        let (events, rows) = Box::pin(self.list::<RawEvent>("\"events\":[", page, words.events, rows)).await?;
        self.write(b"}\n").await?;
        for (name, table) in
            [("interactions.csv", interactions), ("survey-responses.csv", surveys), ("events.csv", events)]
        {
            self.zip.begin(name, table.size)?;
            Box::pin(self.spooled(table)).await?;
        }
        rows.end().map_err(ExportError::Spool)
    }

    /// Writes all records of a kind. `head` is the beginning of their list. Returns their spreadsheet, and the page with
    /// their table.
    async fn list<K: RecordKind>(
        &mut self,
        head: &str,
        page: &Page,
        title: &str,
        mut rows: Spool,
    ) -> Result<(Spooled, Spool), ExportError> {
        self.write(format!(",\n{head}").as_bytes()).await?;
        rows.write_all(format!("<h2>{title}</h2>\n").as_bytes()).map_err(ExportError::Spool)?;
        let table = SpreadsheetWriter::new(Spool::new()?);
        let (zip, buffers) = (std::mem::take(&mut self.zip), Default::default());
        let mut made = Renderings { zip, table, page: rows, buffers };
        let (mut records, mut ready) = (self.next::<K>(None).await?, Vec::new());
        while let Some(last) = records.last().map(Record::position) {
            // While these records are rendered, the ones before them are sent, and the next ones are read.
            let (share, renderer) = (self.share().await?, self.people.renderer(&records));
            let rendering = work::run(work::PIECE, move || {
                let made = made.add(records, &renderer);
                // A slow reader keeps three pages waiting, and no share.
                drop(share);
                made
            });
            let (rendered, next) = tokio::join!(rendering, async {
                self.send(ready).await?;
                self.next(Some(last)).await
            });
            (made, records) = (rendered?, next?);
            ready = made.zip.take();
        }
        self.send(ready).await?;
        let Renderings { zip, table, page: mut rows, buffers: _ } = made;
        self.zip = zip;
        self.write(b"]").await?;
        rows.write_all(page.end_of_section(table.has_records).as_bytes()).map_err(ExportError::Spool)?;
        let table = table.end().and_then(Spool::end).map_err(ExportError::Spool)?;
        Ok((table, rows))
    }

    /// The next records after one. Notes which of the customer's own interactions have content.
    async fn next<K: RecordKind>(&mut self, after: Option<Position>) -> Result<Vec<Record<K>>, ExportError> {
        if self.records.identifiers.is_empty() {
            return Ok(Vec::new());
        }
        let _share = self.share().await?;
        let (mut tx, tenant) = (self.app.archive.read().await?, self.tenant.id);
        let records = self.records.page::<K>(&mut tx, tenant, after, (PAGE, PAGE_BYTES)).await?;
        if K::TARGET == Target::Archive {
            let own = records.iter().filter(|record| self.records.is_own(record)).map(|record| record.id);
            let own = content::scanning::with_content(&mut tx, tenant, own.collect()).await?;
            self.with_content.extend(own);
        }
        // The check comes after the records, so that it is true for all of them. The records before them are sent after
        // it.
        self.check_in(&mut tx).await?;
        Ok(records)
    }

    /// Writes a part that has waited. Its next bytes are read while the last ones are sent, if the export can still be
    /// downloaded.
    pub(super) async fn spooled(&mut self, part: Spooled) -> Result<(), ExportError> {
        let (mut state, mut ready) = ((part, std::mem::take(&mut self.zip)), Vec::new());
        loop {
            let reading = work::run(work::PIECE, move || read(state));
            let (read, sent) = tokio::join!(reading, async {
                self.check().await?;
                self.send(ready).await
            });
            sent?;
            state = read?;
            ready = state.1.take();
            if ready.is_empty() {
                self.zip = state.1;
                return Ok(());
            }
        }
    }
}

/// Writes the next bytes of a part into the ZIP.
fn read((mut part, mut zip): (Spooled, ZipStream)) -> Result<(Spooled, ZipStream), ExportError> {
    zip.write(&part.read(CHUNKS).map_err(ExportError::Spool)?)?;
    Ok((part, zip))
}
