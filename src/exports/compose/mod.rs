//! The files of a copy in their order. Each is written page by page, so that a copy of any length needs the same memory.
//!
//! A reader may be slow, and the customer may be forgotten meanwhile. So the share of the memory is given back before a
//! page is sent, and each page looks first whether the export can still be downloaded.

mod contents;
mod people;
mod records;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;

use super::model::{Export, ExportError, NotIncluded};
use super::page::{self, Page};
use super::spool::Spooled;
use super::sql;
use super::zip::ZipStream;
use crate::archive::CustomerRecords;
use crate::audit::Grant;
use crate::base::id::{ContentId, IdentifierId, RecordId};
use crate::base::jws;
use crate::base::memory::{MemoryError, MemoryShare};
use crate::content::ContentStore;
use crate::store::{Archive, Tx};
use crate::tenants::Tenant;
use crate::vault::{self, AppContext, Keyset, SigningPurpose};

use people::People;

/// How often a share of the memory is drawn before the download fails. Each draw waits for a while itself.
const DRAWS: usize = 60;

/// The memory of a page in the making, in bytes: the records, their JSON, and the rows of the tables.
const SHARE: u64 = 3 * records::PAGE_BYTES as u64;

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
    /// The customer's own interactions that have content.
    with_content: Vec<RecordId>,
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
        (own, grant): (BTreeSet<IdentifierId>, Grant),
        to: mpsc::Sender<Result<Vec<u8>, ExportError>>,
    ) -> Result<Self, ExportError> {
        let keyset = app.keysets.get(&app.vault, tenant.id).await?;
        let own = vault::reveal(&mut app.vault.read().await?, &keyset, &grant, own).await?;
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
            with_content: Vec::new(),
            missing: Vec::new(),
            not_included: Vec::new(),
            zip: ZipStream::default(),
            to,
        })
    }

    pub async fn run(mut self) -> Result<(), ExportError> {
        let page = Page::new(self.export.language);
        let records = Box::pin(self.records(&page)).await?;
        self.contents().await?;
        self.file("processing.json", page::processing(&self.tenant.settings).to_string().as_bytes()).await?;
        self.file("schema.json", SCHEMA.as_bytes()).await?;
        // All of the data was read, so the records are counted while the page is written.
        let (app, tenant, counted) = (Arc::clone(&self.app), self.tenant.id, self.records.clone());
        let counting = super::counted(&app, tenant, &counted);
        let (written, found) = tokio::join!(Box::pin(self.page(&page, records)), counting);
        written?;
        self.manifest(found?).await?;
        let Self { zip, to, .. } = self;
        to.send(Ok(zip.finish()?)).await.map_err(|_| ExportError::Interrupted)
    }

    /// Sends what was written.
    async fn send(&self, written: Vec<u8>) -> Result<(), ExportError> {
        if written.is_empty() {
            return Ok(());
        }
        self.to.send(Ok(written)).await.map_err(|_| ExportError::Interrupted)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.zip.write(bytes)?;
        self.send(self.zip.take()).await
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
            let share = self.app.memory.work(SHARE).await;
            if !matches!(share, Err(MemoryError::Crowded)) || self.to.is_closed() {
                return Ok(share?);
            }
        }
        Err(MemoryError::Crowded.into())
    }

    /// The page that a person reads. It has no script and needs no other file.
    async fn page(&mut self, page: &Page, records: Spooled) -> Result<(), ExportError> {
        self.check().await?;
        let files: Vec<_> = self.zip.files.iter().map(|file| file.name.clone()).collect();
        self.zip.begin("index.html", records.size)?;
        self.write(page.head(&self.export, &self.people.own, self.app.clock.now()).as_bytes()).await?;
        Box::pin(self.spooled(records)).await?;
        self.write(page.end(&files, &self.not_included, &self.tenant.settings).as_bytes()).await
    }

    /// The signed list of the files. A copy that has lost records since it began gets none.
    async fn manifest(&mut self, found: u64) -> Result<(), ExportError> {
        self.check().await?;
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
