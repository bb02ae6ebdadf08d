//! Content of interactions, for stories about something else than uploads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lethe::archive::mentions::{self, Mention, NewMention, Owner};
use lethe::base::id::{ContentId, Generation, IdentifierId, RecordId, TenantId};
use lethe::store::{Archive, Db, StoreSettings};
use pii::Kind;
use serde_json::{Value, json};

use super::stage::TestLethe;

/// An interaction as its row has it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Call {
    pub tenant_id: TenantId,
    pub id: RecordId,
    pub at: DateTime<Utc>,
    pub phone_id: Option<IdentifierId>,
    pub name_id: Option<IdentifierId>,
}

impl TestLethe {
    /// The archive, opened beside the service.
    pub async fn archive(&self) -> Db<Archive> {
        let url = self.archive_url().into();
        let settings = StoreSettings { url, schema: None, connections: 2, patience: Duration::from_secs(10) };
        Db::open(&settings).await.unwrap()
    }

    /// An interaction as the archive has it.
    pub async fn call_of(&self, external_id: &str) -> Call {
        let archive = self.archive().await;
        let mut tx = archive.read().await.unwrap();
        let call = tx
            .query("SELECT tenant_id, id, at, phone_id, name_id FROM interactions")
            .with(" WHERE external_id = ", external_id)
            .one()
            .await
            .unwrap();
        drop(tx);
        archive.close().await;
        call
    }

    /// Stores content of an interaction. Returns the item.
    pub async fn upload(&self, external_id: &str, kind: &str, bytes: &[u8]) -> Value {
        let call = self.call_of(external_id).await;
        let path = format!("/archive/interactions/{}/content?kind={kind}", call.id);
        self.caller("integration").post_raw(&path, "audio/wav", bytes).await.expect(201).json()
    }

    /// A chat log that mentions some people beside the customer of the call. Returns its id.
    ///
    /// It has a row and mentions only, because a pass unlinks neither its key nor its bytes.
    pub async fn chat(&self, external_id: &str, people: &[IdentifierId]) -> ContentId {
        let (call, id) = (self.call_of(external_id).await, ContentId::new());
        let archive = self.archive().await;
        let mut tx = archive.write().await.unwrap();
        tx.query(
            "INSERT INTO contents (tenant_id, id, generation, interaction_id, kind, media_type, size, sensitivity, \
             stored_size, at, created_at) VALUES (",
        )
        .with("", call.tenant_id)
        .with(", ", id)
        .with(", ", Generation::new())
        .with(", ", call.id)
        .push(", 'chat_log', 'text/plain', 40, 'normal', 40")
        .with(", ", call.at)
        .with(", ", call.at)
        .push(")")
        .execute()
        .await
        .unwrap();
        let mention = |(n, identifier): (i32, &IdentifierId)| NewMention {
            record: id.0,
            at: call.at,
            mention: Mention { n, kind: Kind::Phone, identifier: Some(*identifier) },
        };
        let said: Vec<_> = (0..).zip(people).map(mention).collect();
        mentions::insert(&mut tx, call.tenant_id, Owner::Content, &said).await.unwrap();
        tx.commit().await.unwrap();
        archive.close().await;
        id
    }

    /// Recordings of an interaction whose objects are gone already, in one go.
    pub async fn recordings(&self, external_id: &str, count: usize) {
        let call = self.call_of(external_id).await;
        let archive = self.archive().await;
        let mut tx = archive.write().await.unwrap();
        tx.query(
            "INSERT INTO contents (tenant_id, id, generation, interaction_id, kind, media_type, size, sensitivity, \
             stored_size, at, created_at) VALUES ",
        )
        .each(0..count, |query, _| {
            query
                .with("(", call.tenant_id)
                .with(", ", ContentId::new())
                .with(", ", Generation::new())
                .with(", ", call.id)
                .push(", 'recording', 'audio/wav', 40, 'normal', 40")
                .with(", ", call.at)
                .with(", ", call.at)
                .push(")")
        })
        .once()
        .execute()
        .await
        .unwrap();
        tx.commit().await.unwrap();
        archive.close().await;
    }

    /// A delivery of a piece of content, in a state, with the files that were delivered for the interaction's customer.
    pub async fn delivery(&self, external_id: &str, item: &Value, state: &'static str, files: &[&str]) {
        let call = self.call_of(external_id).await;
        let content: ContentId = serde_json::from_value(item["id"].clone()).unwrap();
        let id = ContentId::new();
        let archive = self.archive().await;
        let mut tx = archive.write().await.unwrap();
        tx.query(
            "INSERT INTO deliveries (tenant_id, id, content_id, interaction_id, state, attempts, next_at, file_names, \
             created_at, updated_at) VALUES (",
        )
        .with("", call.tenant_id)
        .with(", ", id)
        .with(", ", content)
        .with(", ", call.id)
        .with(", ", state)
        .push(", 0")
        .with(", ", call.at)
        .with(", ", json!(files).to_string())
        .with(", ", call.at)
        .with(", ", call.at)
        .push(")")
        .execute()
        .await
        .unwrap();
        if !files.is_empty() {
            tx.query(
                "INSERT INTO delivery_customers (tenant_id, interaction_id, delivery_id, claim, phone_id) VALUES (",
            )
            .with("", call.tenant_id)
            .with(", ", call.id)
            .with(", ", id)
            .with(", ", id)
            .with(", ", call.phone_id)
            .push(")")
            .execute()
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        archive.close().await;
    }

    /// The folder of the objects.
    pub fn objects_folder(&self) -> PathBuf {
        self.data_folder().join("objects")
    }

    /// The file with the object of a piece of content.
    pub fn object_of(&self, item: &Value) -> PathBuf {
        let id = item["id"].as_str().unwrap();
        let tenants = std::fs::read_dir(self.objects_folder()).unwrap();
        let mut places = tenants.map(|tenant| tenant.unwrap().path().join(&id[id.len() - 2..]).join(id));
        let folder = places.find(|place| place.exists()).expect("an object");
        std::fs::read_dir(folder).unwrap().next().expect("an object").unwrap().path()
    }

    /// Everything in the object store: the id of the content and the generation.
    pub fn objects(&self) -> BTreeSet<(String, String)> {
        let (mut names, mut folders) = (BTreeSet::new(), vec![self.objects_folder()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
                    names.insert((name(path.parent().unwrap()), name(&path)));
                }
            }
        }
        names
    }
}
