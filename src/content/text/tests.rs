//! A text that fails leaves nothing, and a text between an erasure and the unlink step arrives forgotten.

use pii::Kind;
use pii::text::document;

use super::super::sql as contents;
use super::super::tests::House;
use super::super::{ContentKind, MediaType, Sensitivity};
use super::*;
use crate::archive::mentions::Mention;
use crate::base::id::RequestId;
use crate::base::target::Target;
use crate::vault::{self, Erasure, NewErasure};

const TEXT: &str = "Nordmann, Kari: 987 65 432, or ola@eksempel.no";

impl House {
    async fn note(&self, media_type: &str, text: &str) -> Result<Content, ContentError> {
        let new = NewContent {
            interaction: self.call,
            kind: ContentKind::Comment,
            media_type: MediaType::parse(media_type).unwrap(),
            sensitivity: Sensitivity::Normal,
        };
        let mut upload = begin_text(&self.app, &self.content_store, self.tenant.id, new, None).await?;
        upload.push(text.as_bytes()).await?;
        upload.finish(None).await.map(|(content, _)| content)
    }

    async fn mentions(&self, content: &Content) -> Vec<Mention> {
        let mut tx = self.app.archive.read().await.unwrap();
        let mut found = mentions::of(&mut tx, self.tenant.id, Owner::Content, &[content.id.0]).await.unwrap();
        found.remove(&content.id.0).unwrap_or_default()
    }

    async fn customer(&self) -> Customer {
        let mut tx = self.app.archive.read().await.unwrap();
        sql::customer(&mut tx, self.tenant.id, self.call, false).await.unwrap().unwrap()
    }

    /// Writes an erasure, as a pass does before it unlinks.
    async fn erase(&self, identifier: IdentifierId, cutoff: &str) {
        let erasure = Erasure { cutoff: cutoff.parse().unwrap(), targets: [Target::Archive].into_iter().collect() };
        let erasure = NewErasure { request: RequestId::new(), identifier, erasure };
        let mut tx = self.app.vault.write().await.unwrap();
        vault::erase(&mut tx, self.tenant.id, &[erasure]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_text_leads_to_its_customer_and_to_nobody_by_itself() {
    let house = House::new().await;
    let content = house.note("text/plain", TEXT).await.unwrap();
    let customer = house.customer().await;
    let mentions = house.mentions(&content).await;
    let ids: Vec<_> = mentions.iter().map(|mention| (mention.kind, mention.identifier)).collect();
    assert_eq!(ids[..2], [(Kind::Name, customer.name_id), (Kind::Phone, customer.phone_id)]);
    assert!(matches!(ids[2..], [(Kind::Email, Some(_))]));
    assert_eq!((content.size, content.at), (content.stored_size, customer.at));
    let stored = contents::by_id(&mut house.app.archive.read().await.unwrap(), house.tenant.id, content.id).await;
    let stored = stored.unwrap().unwrap();
    assert_eq!((stored.sha256, stored.stored_size), (None, ": , or ".len() as u64 + 3 * 7));
}

#[tokio::test]
async fn between_the_erasure_and_the_cut_a_text_arrives_forgotten() {
    let house = House::new().await;
    let customer = house.customer().await;
    house.erase(customer.phone_id.unwrap(), "2026-08-01T00:10:10Z").await;
    let content = house.note("text/plain", TEXT).await.unwrap();
    assert!(house.mentions(&content).await.iter().all(|mention| mention.identifier.is_some()), "it happened later");
    house.erase(customer.phone_id.unwrap(), "2026-08-02T00:00:00Z").await;
    let content = house.note("text/plain", TEXT).await.unwrap();
    let held: Vec<_> = house.mentions(&content).await.iter().map(|mention| mention.identifier.is_some()).collect();
    assert_eq!(held, [false, false, true], "the customer is forgotten, the other person is not");
}

#[tokio::test]
async fn a_text_that_cannot_be_stored_leaves_nothing() {
    let house = House::new().await;
    assert!(matches!(
        house.note("text/vtt", TEXT).await,
        Err(ContentError::DocumentError(DocumentError::Line { line: 1, .. }))
    ));
    let many: String = (0..=document::MOST_MENTIONS)
        .flat_map(|no| ["a".to_owned(), no.to_string(), "@eksempel.no ".to_owned()])
        .collect();
    assert!(matches!(house.note("text/plain", &many).await, Err(ContentError::DocumentError(DocumentError::TooMany))));
    let mut tx = house.app.archive.write().await.unwrap();
    tx.query("ALTER TABLE mentions RENAME COLUMN kind TO was_kind").execute().await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(house.note("text/plain", TEXT).await, Err(ContentError::Store(StoreError::Refused(_)))));
    assert!(house.is_empty().await);
    assert_eq!(house.count("SELECT count(*) FROM mentions").await, 0);
}

#[tokio::test]
async fn a_text_without_a_store_leaves_nothing() {
    let house = House::new().await;
    std::fs::write(house.folder.join("objects"), "in the way").unwrap();
    assert!(matches!(house.note("text/plain", TEXT).await, Err(ContentError::Object(_))));
    let keys: i64 =
        house.app.vault.read().await.unwrap().query("SELECT count(*) FROM content_keys").scalar().await.unwrap();
    let rows = house.count("SELECT count(*) FROM contents").await + house.count("SELECT count(*) FROM mentions").await;
    assert_eq!((keys, rows), (0, 0));
}

#[tokio::test]
async fn a_text_under_way_that_the_night_was_faster_than_leaves_nothing() {
    let house = House::new().await;
    let new = NewContent {
        interaction: house.call,
        kind: ContentKind::Comment,
        media_type: MediaType::parse("text/plain").unwrap(),
        sensitivity: Sensitivity::Normal,
    };
    let mut upload = begin_text(&house.app, &house.content_store, house.tenant.id, new, None).await.unwrap();
    upload.push(TEXT.as_bytes()).await.unwrap();
    house.close().await;
    assert!(matches!(upload.finish(None).await, Err(ContentError::Forgotten)));
    assert!(matches!(house.note("text/plain", TEXT).await, Err(ContentError::Forgotten)));
    assert_eq!(house.count("SELECT count(*) FROM contents").await, 0);
    assert_eq!(house.count("SELECT count(*) FROM mentions WHERE target = 4").await, 0);
}
