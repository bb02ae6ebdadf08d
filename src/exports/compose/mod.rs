//! The files of a copy in their order. Each is written page by page, so that a copy of any length needs the same memory.
//!
//! A reader may be slow, and the customer may be forgotten meanwhile. So the share of the memory is given back before a
//! page is sent, and each page looks first whether the export can still be downloaded.

mod contents;
mod people;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::model::{Export, ExportError, NotIncluded};
use super::page::{self, Page};
use super::sql;
use super::zip::ZipStream;
use crate::archive::{CustomerRecords, Interaction, RawEvent, RecordKind, SurveyResponse};
use crate::audit::Grant;
use crate::base::id::ContentId;
use crate::base::jws;
use crate::base::memory::{MemoryError, MemoryShare};
use crate::base::page::{Listed as _, Position};
use crate::base::spreadsheet::cells;
use crate::content::ContentStore;
use crate::store::{Archive, Tx};
use crate::tenants::Tenant;
use crate::vault::{self, AppContext, Keyset, SigningPurpose};

use people::People;

/// The most records that are read at once. Long ones are fewer.
const PAGE: u32 = 200;

/// How often a share of the memory is drawn before the download fails. Each draw waits for a while itself.
const DRAWS: usize = 60;

/// How many bytes are sent at once.
const PIECE: usize = 64 << 10;

/// The type of the signed list of files.
const MANIFEST: &str = "lethe-export+jws";

/// The schema of `data.json`.
const SCHEMA: &str = include_str!("../schema.json");

pub struct Composer {
    app: Arc<AppContext>,
    content_store: Arc<ContentStore>,
    tenant: Tenant,
    keyset: Arc<Keyset>,
    export: Export,
    records: CustomerRecords,
    /// The number of records when the download began.
    expected: u64,
    grant: Grant,
    people: People,
    /// Content that cannot be read any more. The manifest lists it.
    missing: Vec<ContentId>,
    /// Recordings that the copy leaves out. The manifest and the page list them.
    not_included: Vec<NotIncluded>,
    zip: ZipStream,
    to: mpsc::Sender<Result<Vec<u8>, ExportError>>,
}

impl Composer {
    /// Reads the values of the customer's own identifiers.
    pub async fn new(
        app: &Arc<AppContext>,
        content_store: &Arc<ContentStore>,
        tenant: Tenant,
        (export, records, expected): (Export, CustomerRecords, u64),
        grant: Grant,
        to: mpsc::Sender<Result<Vec<u8>, ExportError>>,
    ) -> Result<Self, ExportError> {
        let keyset = app.keysets.get(&app.vault, tenant.id).await?;
        let own = if records.identifiers.is_empty() {
            HashMap::new()
        } else {
            let (own, _) = records.own(&mut app.archive.read().await?, tenant.id).await?;
            vault::reveal(&mut app.vault.read().await?, &keyset, &grant, own).await?
        };
        Ok(Self {
            app: Arc::clone(app),
            content_store: Arc::clone(content_store),
            tenant,
            keyset,
            export,
            records,
            expected,
            grant,
            people: People::new(own),
            missing: Vec::new(),
            not_included: Vec::new(),
            zip: ZipStream::new(),
            to,
        })
    }

    pub async fn run(mut self) -> Result<(), ExportError> {
        self.data().await?;
        self.table::<Interaction>("interactions.csv").await?;
        self.table::<SurveyResponse>("survey-responses.csv").await?;
        self.table::<RawEvent>("events.csv").await?;
        self.contents().await?;
        self.file("processing.json", page::processing(&self.tenant.settings).to_string().as_bytes()).await?;
        self.file("schema.json", SCHEMA.as_bytes()).await?;
        self.page().await?;
        self.manifest().await?;
        let Self { zip, to, .. } = self;
        to.send(Ok(zip.finish()?)).await.map_err(|_| ExportError::Interrupted)
    }

    /// Sends what was written, if it is enough.
    async fn send(&self) -> Result<(), ExportError> {
        let written = self.zip.take();
        for piece in written.chunks(PIECE) {
            self.to.send(Ok(piece.to_vec())).await.map_err(|_| ExportError::Interrupted)?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.zip.write(bytes)?;
        self.send().await
    }

    async fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        self.zip.begin(name, bytes.len() as u64)?;
        self.write(bytes).await
    }

    /// Fails if the export can no longer be downloaded, such as after a pass that has forgotten the customer.
    async fn check(&self) -> Result<(), ExportError> {
        self.check_in(&mut self.app.archive.read().await?).await
    }

    async fn check_in(&self, tx: &mut Tx<Archive>) -> Result<(), ExportError> {
        let is_ready = sql::is_ready(tx, self.tenant.id, self.export.id, self.app.clock.now()).await?;
        if is_ready { Ok(()) } else { Err(ExportError::Ended) }
    }

    /// The share of a page. If the memory is in use, this waits.
    async fn share(&self) -> Result<MemoryShare, ExportError> {
        for _ in 0..DRAWS {
            let share = self.app.memory.page().await;
            if !matches!(share, Err(MemoryError::Crowded)) || self.to.is_closed() {
                return Ok(share?);
            }
        }
        Err(MemoryError::Crowded.into())
    }

    /// The next records after one, rendered, and the share of the memory for them. Returns none at the end.
    async fn next<K: RecordKind>(
        &mut self,
        after: &mut Option<Position>,
    ) -> Result<Option<(Vec<Value>, MemoryShare)>, ExportError> {
        if self.records.identifiers.is_empty() {
            return Ok(None);
        }
        let share = self.share().await?;
        let mut tx = self.app.archive.read().await?;
        let records = self.records.page::<K>(&mut tx, self.tenant.id, *after, PAGE).await?;
        // The check comes after the records, so that it is true for all of them.
        self.check_in(&mut tx).await?;
        drop(tx);
        let Some(last) = records.last() else { return Ok(None) };
        *after = Some(last.position());
        let renderer = self.people.renderer(&records);
        let rendered = records.into_iter().map(|record| serde_json::to_value(K::render(record, &renderer)));
        let rendered = rendered.collect::<Result<Vec<_>, _>>().map_err(|error| ExportError::Zip(error.into()))?;
        Ok(Some((rendered, share)))
    }

    async fn data(&mut self) -> Result<(), ExportError> {
        self.zip.begin("data.json", 0)?;
        let mut own: Vec<_> = self.people.own.values().cloned().collect();
        own.sort_unstable();
        own.dedup();
        let head = json!({ "made_at": self.app.clock.now(), "from": self.export.from, "to": self.export.to,
            "identifiers": own });
        self.write(head.to_string().trim_end_matches('}').as_bytes()).await?;
        self.list::<Interaction>("\"interactions\":[").await?;
        self.list::<SurveyResponse>("\"survey_responses\":[").await?;
        self.list::<RawEvent>("\"events\":[").await?;
        self.write(b"}\n").await
    }

    /// Writes all records of a kind. `head` is the beginning of their list.
    async fn list<K: RecordKind>(&mut self, head: &str) -> Result<(), ExportError> {
        self.write(format!(",\n{head}").as_bytes()).await?;
        let (mut after, mut separator) = (None, "\n");
        while let Some((records, share)) = self.next::<K>(&mut after).await? {
            let mut lines = String::new();
            for record in records {
                let _ = write!(lines, "{separator}{record}");
                separator = ",\n";
            }
            drop(share);
            self.write(lines.as_bytes()).await?;
        }
        self.write(b"]").await
    }

    async fn table<K: RecordKind>(&mut self, name: &str) -> Result<(), ExportError> {
        self.zip.begin(name, 0)?;
        let (mut after, mut has_header) = (None, false);
        while let Some((records, share)) = self.next::<K>(&mut after).await? {
            let lines = lines_of(records, &mut has_header)?;
            drop(share);
            self.write(&lines).await?;
        }
        self.send().await
    }

    /// The page that a person reads. It has no script and needs no other file.
    async fn page(&mut self) -> Result<(), ExportError> {
        self.check().await?;
        self.zip.begin("index.html", 0)?;
        let page = Page::new(self.export.language);
        let files: Vec<_> = self.zip.files.iter().map(|file| file.name.clone()).collect();
        self.write(page.head(&self.export, &self.people.own, self.app.clock.now()).as_bytes()).await?;
        self.section::<Interaction>(&page, page.words.interactions).await?;
        self.section::<SurveyResponse>(&page, page.words.surveys).await?;
        self.section::<RawEvent>(&page, page.words.events).await?;
        self.write(page.end(&files, &self.not_included, &self.tenant.settings).as_bytes()).await
    }

    async fn section<K: RecordKind>(&mut self, page: &Page, title: &str) -> Result<(), ExportError> {
        let (mut after, mut is_first) = (None, true);
        self.write(format!("<h2>{title}</h2>\n").as_bytes()).await?;
        while let Some((records, share)) = self.next::<K>(&mut after).await? {
            let mut rows = String::new();
            for record in records {
                rows += &page::row(&cells(record), std::mem::replace(&mut is_first, false));
            }
            drop(share);
            self.write(rows.as_bytes()).await?;
        }
        self.write(page.end_of_section(!is_first).as_bytes()).await
    }

    /// The signed list of the files. A copy that has lost records since it began gets none.
    async fn manifest(&mut self) -> Result<(), ExportError> {
        let mut tx = self.app.archive.read().await?;
        let found = super::count(&mut tx, self.tenant.id, &self.records).await?;
        self.check_in(&mut tx).await?;
        drop(tx);
        if found < self.expected {
            return Err(ExportError::Changed);
        }
        self.zip.end();
        let list = json!({ "tenant": self.tenant.slug, "export": self.export.id, "made_at": self.app.clock.now(),
            "files": self.zip.files, "missing": self.missing, "not_included": self.not_included });
        let key = self.app.signing_key(None, SigningPurpose::Certificate).await?;
        let signed = jws::sign(&key.key, MANIFEST, list.to_string().as_bytes());
        self.file("manifest.json", format!("{{\"manifest\":{list},\"signed\":{signed}}}").as_bytes()).await
    }
}

/// Records as lines of a spreadsheet, with the names of the columns before the first one.
fn lines_of(records: Vec<Value>, has_header: &mut bool) -> Result<Vec<u8>, ExportError> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    let broken = |error: csv::Error| ExportError::Zip(error.into());
    for record in records {
        let cells = cells(record);
        if !std::mem::replace(has_header, true) {
            lines.write_record(cells.iter().map(|(name, _)| name)).map_err(broken)?;
        }
        lines.write_record(cells.iter().map(|(_, text)| text)).map_err(broken)?;
    }
    lines.into_inner().map_err(|error| ExportError::Zip(error.into_error()))
}
