//! The files of a copy in their order. Each is written page by page, so that a copy of any length needs the same memory.

use std::collections::HashMap;
use std::sync::Arc;

use pii::text::document::Format;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::model::{Export, ExportError};
use super::page::{self, Page};
use super::zip::ZipStream;
use crate::archive::{
    CustomerField, CustomerRecords, Interaction, RawEvent, Record, RecordKind, Renderer, SurveyResponse, identifiers,
};
use crate::audit::Grant;
use crate::base::id::{ContentId, IdentifierId, RecordId};
use crate::base::jws;
use crate::base::page::{Listed as _, Position};
use crate::base::spreadsheet::cells;
use crate::content::text::{TextValues, text_with};
use crate::content::{self, Content, ContentError, ContentStore};
use crate::objects::ObjectError;
use crate::tenants::Tenant;
use crate::vault::{self, AppContext, Keyset, SigningPurpose};

/// How many records are read at once.
const PAGE: u32 = 500;

/// How many bytes are sent at once.
const PIECE: usize = 64 << 10;

/// The type of the signed list of files.
const MANIFEST: &str = "lethe-export+jws";

/// The schema of `data.json`.
const SCHEMA: &str = include_str!("schema.json");

/// The texts that a copy shows for identifiers: the customer's own values, and numbers for other people.
struct People {
    own: HashMap<IdentifierId, String>,
    others: HashMap<IdentifierId, usize>,
    count: usize,
}

impl People {
    fn text_of(&mut self, id: IdentifierId) -> String {
        match self.own.get(&id) {
            Some(value) => value.clone(),
            None => format!("person-{}", self.number(&[id])),
        }
    }

    /// The number of another person, who may have several identifiers in one record.
    fn number(&mut self, ids: &[IdentifierId]) -> usize {
        let known = ids.iter().find_map(|id| self.others.get(id)).copied();
        let number = known.unwrap_or_else(|| {
            self.count += 1;
            self.count
        });
        self.others.extend(ids.iter().map(|id| (*id, number)));
        number
    }

    /// The renderer of some records.
    fn renderer<K>(&mut self, records: &[Record<K>]) -> Renderer {
        let mut texts = HashMap::new();
        for record in records {
            let customer: Vec<_> = [record.phone, record.email, record.name]
                .into_iter()
                .filter_map(|field| if let CustomerField::Held(_, id) = field { Some(id) } else { None })
                .filter(|id| !self.own.contains_key(id))
                .collect();
            if !customer.is_empty() {
                self.number(&customer);
            }
            for id in identifiers(record) {
                texts.entry(id).or_insert_with(|| self.text_of(id));
            }
        }
        Renderer::of_texts(texts)
    }
}

/// Whether content cannot be read now or later, so that a copy goes on without it.
const fn is_lost(error: &ContentError) -> bool {
    matches!(error, ContentError::Object(ObjectError::Missing) | ContentError::Crypto(_) | ContentError::Unreadable(_))
}

pub struct Composer {
    app: Arc<AppContext>,
    content_store: Arc<ContentStore>,
    tenant: Tenant,
    keyset: Arc<Keyset>,
    export: Export,
    records: CustomerRecords,
    grant: Grant,
    people: People,
    /// Content that cannot be read any more. The manifest lists it.
    missing: Vec<ContentId>,
    zip: ZipStream,
    to: mpsc::Sender<Result<Vec<u8>, ExportError>>,
}

impl Composer {
    /// Reads the values of the customer's own identifiers.
    pub async fn new(
        app: &Arc<AppContext>,
        content_store: &Arc<ContentStore>,
        tenant: Tenant,
        (export, records): (Export, CustomerRecords),
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
            grant,
            people: People { own, others: HashMap::new(), count: 0 },
            missing: Vec::new(),
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

    /// The next records after one, rendered.
    async fn next<K: RecordKind>(&mut self, after: &mut Option<Position>) -> Result<Vec<Value>, ExportError> {
        if self.records.identifiers.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.app.archive.read().await?;
        let records = self.records.page::<K>(&mut tx, self.tenant.id, *after, PAGE).await?;
        drop(tx);
        *after = records.last().map(Record::position).or(*after);
        let renderer = self.people.renderer(&records);
        let rendered = records.into_iter().map(|record| serde_json::to_value(K::render(record, &renderer)));
        rendered.collect::<Result<_, _>>().map_err(|error| ExportError::Zip(error.into()))
    }

    async fn data(&mut self) -> Result<(), ExportError> {
        self.zip.begin("data.json", 0)?;
        let mut own: Vec<_> = self.people.own.values().cloned().collect();
        own.sort_unstable();
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
        loop {
            let records = self.next::<K>(&mut after).await?;
            if records.is_empty() {
                return self.write(b"]").await;
            }
            for record in records {
                self.write(format!("{separator}{record}").as_bytes()).await?;
                separator = ",\n";
            }
        }
    }

    async fn table<K: RecordKind>(&mut self, name: &str) -> Result<(), ExportError> {
        self.zip.begin(name, 0)?;
        let (mut after, mut has_header) = (None, false);
        loop {
            let records = self.next::<K>(&mut after).await?;
            if records.is_empty() {
                return self.send().await;
            }
            let mut lines = csv::Writer::from_writer(Vec::new());
            let broken = |error: csv::Error| ExportError::Zip(error.into());
            for record in records {
                let cells = cells(record);
                if !std::mem::replace(&mut has_header, true) {
                    lines.write_record(cells.iter().map(|(name, _)| name)).map_err(broken)?;
                }
                lines.write_record(cells.iter().map(|(_, text)| text)).map_err(broken)?;
            }
            let lines = lines.into_inner().map_err(|error| ExportError::Zip(error.into_error()))?;
            self.write(&lines).await?;
        }
    }

    /// The texts and recordings of the customer's own interactions. An interaction that only mentions the customer is
    /// another customer's, and so is its content.
    async fn contents(&mut self) -> Result<(), ExportError> {
        if self.records.identifiers.is_empty() {
            return Ok(());
        }
        let mut after = None;
        loop {
            let mut tx = self.app.archive.read().await?;
            let page = self.records.page::<Interaction>(&mut tx, self.tenant.id, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.position());
            let own: Vec<RecordId> = page.iter().filter(|record| self.is_own(record)).map(|record| record.id).collect();
            let contents = content::scanning::of_interactions(&mut tx, self.tenant.id, &own).await?;
            drop(tx);
            for content in contents {
                match self.content(&content).await {
                    // It was deleted since the page was read.
                    Err(ExportError::Content(ContentError::Unknown)) => {}
                    Err(ExportError::Content(error)) if is_lost(&error) => self.missing.push(content.id),
                    written => written?,
                }
            }
        }
    }

    fn is_own<K>(&self, record: &Record<K>) -> bool {
        [record.phone, record.email].into_iter().any(|field| match field {
            CustomerField::Held(_, id) => self.records.identifiers.contains(&id),
            CustomerField::Empty | CustomerField::Forgotten => false,
        })
    }

    async fn content(&mut self, content: &Content) -> Result<(), ExportError> {
        if content.kind.is_text() {
            return self.text(content.id, &content.media_type).await;
        }
        // Only the tenant can open what was encrypted for it. The page lists it.
        if !self.export.include_recordings || content.encrypted_for.is_some() {
            return Ok(());
        }
        let range = 0..content.stored_size;
        let reading = content::read(&self.app, &self.content_store, self.tenant.id, content, range, &self.grant).await;
        let mut reading = reading?;
        let name = format!("recordings/{}.{}", content.id, page::extension(&content.media_type));
        self.zip.begin(&name, content.stored_size)?;
        while let Some(bytes) = reading.next().await? {
            self.write(&bytes).await?;
        }
        Ok(())
    }

    async fn text(&mut self, id: ContentId, media_type: &str) -> Result<(), ExportError> {
        let Self { app, content_store, keyset, people, grant, .. } = self;
        let mut text_of = |id| people.text_of(id);
        let shown = text_with(app, content_store, keyset, id, TextValues::Given(&mut text_of), grant).await?;
        let size = shown.size;
        let extension = Format::of(media_type).map_or("txt", |_| page::extension(media_type));
        self.zip.begin(&format!("texts/{id}.{extension}"), size)?;
        for part in shown.range(0..size) {
            self.write(&part).await?;
        }
        Ok(())
    }

    /// The page that a person reads. It has no script and needs no other file.
    async fn page(&mut self) -> Result<(), ExportError> {
        self.zip.begin("index.html", 0)?;
        let page = Page::new(self.export.language);
        let files: Vec<_> = self.zip.files.iter().map(|file| file.name.clone()).collect();
        self.write(page.head(&self.export, &self.people.own, self.app.clock.now()).as_bytes()).await?;
        self.section::<Interaction>(&page, page.words.interactions).await?;
        self.section::<SurveyResponse>(&page, page.words.surveys).await?;
        self.section::<RawEvent>(&page, page.words.events).await?;
        self.write(page.end(&files, &self.tenant.settings).as_bytes()).await
    }

    async fn section<K: RecordKind>(&mut self, page: &Page, title: &str) -> Result<(), ExportError> {
        let (mut after, mut is_first) = (None, true);
        self.write(format!("<h2>{title}</h2>\n").as_bytes()).await?;
        loop {
            let records = self.next::<K>(&mut after).await?;
            if records.is_empty() {
                return self.write(page.end_of_section(!is_first).as_bytes()).await;
            }
            for record in records {
                let row = page::row(&cells(record), std::mem::replace(&mut is_first, false));
                self.write(row.as_bytes()).await?;
            }
        }
    }

    async fn manifest(&mut self) -> Result<(), ExportError> {
        self.zip.end();
        let list = json!({ "tenant": self.tenant.slug, "export": self.export.id, "made_at": self.app.clock.now(),
            "files": self.zip.files, "missing": self.missing });
        let key = self.app.signing_key(None, SigningPurpose::Certificate).await?;
        let signed = jws::sign(&key.key, MANIFEST, list.to_string().as_bytes());
        self.file("manifest.json", format!("{{\"manifest\":{list},\"signed\":{signed}}}").as_bytes()).await
    }
}
