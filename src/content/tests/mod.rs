//! Recordings on embedded databases and a folder of objects.

mod deletion;
#[cfg(feature = "openpgp")]
mod encryption;
mod removal;

use std::ops::Deref;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;
use crate::audit::Action;
use crate::base::actor::{Actor, Scope};
use crate::base::crypto::sha256;
use crate::base::id::ObjectId;
use crate::objects::ObjectError;
use crate::store::StoreError;
use crate::tests::Stage;
use crate::{tenants, vault};

/// A contact centre with one call.
pub struct House {
    stage: Stage,
    pub call: RecordId,
}

impl Deref for House {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl House {
    pub async fn new() -> Self {
        let stage = Stage::new("kari", &[Scope::ContentRead, Scope::ContentWrite, Scope::ContentDelete]).await;
        let call = stage.interaction(&record("cdr-1")).await;
        Self { stage, call }
    }

    /// The same house at a later time.
    pub fn later(self, by: TimeDelta) -> Self {
        Self { stage: self.stage.later(by), ..self }
    }

    pub async fn another_call(&self, external_id: &str) -> RecordId {
        self.interaction(&record(external_id)).await
    }

    /// Closes the call, as a pass does after it has deleted the call's content for a request.
    pub async fn close(&self) {
        let mut tx = self.app.archive.write().await.unwrap();
        tx.query("UPDATE interactions SET forgotten = forgotten | 16").execute().await.unwrap();
        tx.commit().await.unwrap();
    }

    fn recording(&self) -> NewContent {
        let media_type = MediaType::parse("audio/wav").unwrap();
        NewContent {
            interaction: self.call,
            kind: ContentKind::Recording,
            media_type,
            sensitivity: Sensitivity::Normal,
        }
    }

    async fn begin(&self, new: NewContent) -> Result<Upload, ContentError> {
        begin_upload(&self.app, &self.content_store, self.tenant.id, new, None).await
    }

    async fn store(&self, bytes: &[u8]) -> Content {
        self.store_as(self.recording(), bytes).await
    }

    pub async fn store_as(&self, new: NewContent, bytes: &[u8]) -> Content {
        let mut upload = self.begin(new).await.unwrap();
        for piece in bytes.chunks(10_007) {
            upload.push(piece).await.unwrap();
        }
        upload.finish(None).await.unwrap()
    }

    async fn read(&self, content: &Content, range: std::ops::Range<u64>) -> Result<Vec<u8>, ContentError> {
        let access = Access { action: Action::ContentDownloaded, reason: None, by_ticket: false };
        let mut reading = open(&self.app, &self.content_store, &self.actor, content, access, range).await?;
        let mut all = Vec::new();
        while let Some(bytes) = reading.next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    async fn list(&self) -> Vec<Content> {
        list(&self.app, self.tenant.id, self.call, None, 100).await.unwrap()
    }

    async fn keys(&self) -> i64 {
        self.count_in_vault("SELECT count(*) FROM content_keys").await
    }

    /// All files below a folder of the house.
    fn files(&self, below: &str) -> Vec<PathBuf> {
        fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { collect(&path, files) } else { files.push(path) }
            }
        }
        let mut files = Vec::new();
        let below = self.folder.join(below);
        if below.exists() {
            collect(&below, &mut files);
        }
        files
    }

    /// The object store's files, once what was thrown away has gone.
    async fn objects(&self) -> Vec<PathBuf> {
        for _ in 0..100 {
            if !self.files("objects").iter().any(|file| file.to_string_lossy().contains('#')) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        self.files("objects")
    }

    /// Nothing of any upload is anywhere.
    pub async fn is_empty(&self) -> bool {
        self.list().await.is_empty() && self.keys().await == 0 && self.objects().await.is_empty()
    }
}

fn record(external_id: &str) -> Value {
    json!({
        "external_id": external_id, "channel": "call", "started_at": "2026-08-01T00:10:10Z",
        "customer": { "phone_number": "004798765432", "name": "Kari Nordmann" }
    })
}

/// Bytes in which a known text occurs again and again.
fn sound(size: usize) -> Vec<u8> {
    let text = b"This call may be recorded for quality. ";
    (0..size)
        .map(|at| if at % 100 < text.len() { text[at % 100] } else { u8::try_from(at / 100 % 251).unwrap() })
        .collect()
}

#[tokio::test]
async fn a_recording_comes_back_as_it_was_whole_and_in_ranges() {
    let house = House::new().await;
    let bytes = sound(5_000_000);
    let content = house.store(&bytes).await;
    assert_eq!((content.size, content.sha256, content.is_playable()), (5_000_000, Some(sha256(&bytes)), true));
    assert_eq!(house.list().await, std::slice::from_ref(&content));
    assert_eq!(find(&house.app, house.tenant.id, content.id).await.unwrap(), Some(content.clone()));
    assert!(house.read(&content, 0..content.size).await.unwrap() == bytes);
    for (from, to) in [(0, 1), (65_535, 65_537), (65_536, 131_072), (1_000_000, 3_000_000), (4_999_999, 5_000_000)] {
        assert!(house.read(&content, from as u64..to as u64).await.unwrap() == bytes[from..to], "{from}..{to}");
    }
    let audited = house.events().await;
    assert_eq!(audited.len(), 6);
    assert_eq!((audited[0].action.as_str(), audited[0].records), ("content.downloaded", 1));
}

#[tokio::test]
async fn content_of_nothing_is_content() {
    let house = House::new().await;
    let content = house.store(b"").await;
    assert_eq!(house.read(&content, 0..0).await.unwrap(), b"");
}

#[tokio::test]
async fn no_file_holds_what_was_said() {
    let house = House::new().await;
    house.store(&sound(300_000)).await;
    let files = house.files("");
    assert!(files.len() > 2);
    for file in files {
        let held = std::fs::read(&file).unwrap();
        assert!(!held.windows(20).any(|window| window == b"be recorded for qual"), "{}", file.display());
    }
}

#[tokio::test]
async fn what_breaks_off_leaves_nothing() {
    let house = House::new().await;
    let mut upload = house.begin(house.recording()).await.unwrap();
    upload.push(&sound(3_000_000)).await.unwrap();
    assert_eq!(house.files("objects").len(), 1);
    drop(upload);
    assert!(house.is_empty().await);

    let mut upload = house.begin(house.recording()).await.unwrap();
    upload.push(&sound(3_000_000)).await.unwrap();
    assert!(matches!(upload.finish(Some([0; 32])).await, Err(ContentError::Digest)));
    assert!(house.is_empty().await);

    let mut upload = house.begin(house.recording()).await.unwrap();
    upload.push(&sound(8 << 20)).await.unwrap();
    assert!(matches!(upload.push(b"x").await, Err(ContentError::TooLarge(_))));
    upload.abandon().await.unwrap();
    assert!(house.is_empty().await);

    let bytes = sound(1_000);
    let mut upload = house.begin(house.recording()).await.unwrap();
    upload.push(&bytes).await.unwrap();
    assert!(upload.finish(Some(sha256(&bytes))).await.is_ok() && !house.is_empty().await);
}

#[tokio::test]
async fn an_upload_whose_row_cannot_be_written_leaves_nothing() {
    let house = House::new().await;
    let mut tx = house.app.archive.write().await.unwrap();
    tx.query("ALTER TABLE contents RENAME COLUMN encrypted_for TO was_encrypted_for").execute().await.unwrap();
    tx.commit().await.unwrap();
    let mut upload = house.begin(house.recording()).await.unwrap();
    upload.push(&sound(1_000)).await.unwrap();
    assert!(matches!(upload.finish(None).await, Err(ContentError::Store(StoreError::Refused(_)))));
    assert_eq!((house.keys().await, house.objects().await), (0, Vec::<PathBuf>::new()));
}

#[tokio::test]
async fn what_cannot_be_content_is_refused_before_it_is_sent() {
    let house = House::new().await;
    for kind in [ContentKind::ChatLog, ContentKind::Transcript, ContentKind::Comment, ContentKind::Analysis] {
        assert!(matches!(house.begin(NewContent { kind, ..house.recording() }).await, Err(ContentError::Misfit)));
    }
    let nowhere = NewContent { interaction: RecordId::new(), ..house.recording() };
    assert!(matches!(house.begin(nowhere).await, Err(ContentError::Unknown)));
    let page = NewContent { media_type: MediaType::parse("text/html").unwrap(), ..house.recording() };
    assert!(matches!(house.begin(page).await, Err(ContentError::Misfit)));
    let announced = Some(house.content_store.size_limit + 1);
    let long = begin_upload(&house.app, &house.content_store, house.tenant.id, house.recording(), announced).await;
    assert!(matches!(long, Err(ContentError::TooLarge(_))));
    assert!(house.is_empty().await);
}

#[tokio::test]
async fn an_altered_or_swapped_object_does_not_open() {
    let house = House::new().await;
    let (one, other) = (house.store(&sound(200_000)).await, house.store(&sound(200_000)).await);
    let object = |content: &Content| {
        let files = house.files("objects");
        files.into_iter().find(|file| file.ends_with(content.generation.0.to_string())).unwrap()
    };
    let (first, second) = (std::fs::read(object(&one)).unwrap(), std::fs::read(object(&other)).unwrap());
    std::fs::write(object(&one), &second).unwrap();
    assert!(matches!(house.read(&one, 0..one.size).await, Err(ContentError::Crypto(_))));
    let mut altered = first.clone();
    altered[70_000] ^= 1;
    std::fs::write(object(&one), &altered).unwrap();
    assert!(matches!(house.read(&one, 0..one.size).await, Err(ContentError::Crypto(_))));
    assert_eq!(house.read(&one, 0..60_000).await.unwrap(), sound(60_000));
    std::fs::write(object(&one), &first[..first.len() - 100]).unwrap();
    assert!(matches!(house.read(&one, 199_999..200_000).await, Err(ContentError::Crypto(_))));
    std::fs::remove_file(object(&one)).unwrap();
    assert!(matches!(house.read(&one, 0..1).await, Err(ContentError::Object(ObjectError::Missing))));
}

#[tokio::test]
async fn another_tenant_sees_nothing_of_it() {
    let house = House::new().await;
    let content = house.store(&sound(1_000)).await;
    let mut tx = house.app.archive.write().await.unwrap();
    let other = tenants::create(&mut tx, house.app.clock, "other").await.unwrap();
    tx.commit().await.unwrap();
    let stranger = Actor { tenant: other.id, ..house.actor.clone() };
    assert_eq!(find(&house.app, other.id, content.id).await.unwrap(), None);
    assert!(matches!(list(&house.app, other.id, house.call, None, 10).await, Err(ContentError::Unknown)));
    let deleted = delete(&house.app, &house.content_store, &stranger, content.id).await;
    assert!(matches!(deleted, Err(ContentError::Unknown)));
    let batch = delete_batch(&house.app, &house.content_store, &stranger, vec![house.call], None).await.unwrap();
    assert_eq!((batch.deleted, house.list().await.len()), (0, 1));
}

#[tokio::test]
async fn a_ticket_opens_once_and_a_player_opens_its_ranges() {
    let house = House::new().await;
    let content = house.store(b"hello").await;
    let issue =
        async |house: &House| issue_ticket(&house.app, &house.actor, &content, Some("case 1"), None).await.unwrap();
    let ticket = issue(&house).await;
    let redeemed = redeem_ticket(&house.app, &ticket.text, true).await.unwrap().unwrap();
    assert_eq!((redeemed.content.id, redeemed.actor.name.as_str()), (content.id, "kari"));
    assert_eq!(redeemed.reason.as_deref(), Some("case 1"));
    assert!(redeem_ticket(&house.app, &ticket.text, true).await.unwrap().is_some(), "a player asks several times");
    let both = [redeem_ticket(&house.app, &ticket.text, false), redeem_ticket(&house.app, &ticket.text, false)];
    let both = futures_util::future::join_all(both).await;
    assert_eq!(both.into_iter().filter(|one| one.as_ref().unwrap().is_some()).count(), 1, "the whole is given once");
    for other in ["", "a", "å", &"A".repeat(100), &ticket.text[1..]] {
        assert!(redeem_ticket(&house.app, other, true).await.unwrap().is_none(), "{other}");
    }
    let (late, gone) = (issue(&house).await, issue(&house).await);
    delete(&house.app, &house.content_store, &house.actor, content.id).await.unwrap();
    assert!(redeem_ticket(&house.app, &gone.text, true).await.unwrap().is_none());
    let ticket = issue(&house).await;
    assert!(redeem_ticket(&house.app, &late.text, true).await.unwrap().is_none(), "its content is gone");
    let house = house.later(TimeDelta::seconds(60));
    assert!(redeem_ticket(&house.app, &ticket.text, true).await.unwrap().is_none());
}

#[tokio::test]
async fn a_content_key_opens_only_its_own_row() {
    let house = House::new().await;
    let (one, other) = (house.store(b"one").await, house.store(b"other").await);
    let keyset = house.app.keysets.get(&house.app.vault, house.tenant.id).await.unwrap();
    let mut tx = house.app.vault.write().await.unwrap();
    tx.query("UPDATE content_keys SET wrapped = (SELECT wrapped FROM content_keys")
        .with(" WHERE content_id = ", other.id)
        .with(") WHERE content_id = ", one.id)
        .execute()
        .await
        .unwrap();
    assert!(vault::content_key(&mut tx, &keyset, one.object()).await.is_err());
    assert!(vault::content_key(&mut tx, &keyset, other.object()).await.unwrap().is_some());
    assert!(vault::content_key(&mut tx, &keyset, ObjectId::new(one.id)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_store_that_cannot_write_takes_nothing() {
    let house = House::new().await;
    let objects = house.folder.join("objects");
    std::fs::write(&objects, b"in the way").unwrap();
    assert!(matches!(&house.begin(house.recording()).await, Err(error) if error.is_transient()));
    std::fs::remove_file(&objects).unwrap();
    std::fs::create_dir(&objects).unwrap();
    std::fs::write(objects.join(house.tenant.id.to_string()), b"in the way").unwrap();
    assert!(matches!(&house.begin(house.recording()).await, Err(error) if error.is_transient()));
    assert_eq!((house.list().await, house.keys().await), (Vec::new(), 0));
}

#[tokio::test]
async fn content_of_a_forgotten_customer_is_content() {
    let house = House::new().await;
    let mut tx = house.app.archive.write().await.unwrap();
    tx.query("UPDATE interactions SET phone_id = NULL, name_id = NULL, forgotten = 5").execute().await.unwrap();
    tx.commit().await.unwrap();
    let content = house.store(b"one").await;
    assert_eq!(house.read(&content, 0..3).await.unwrap(), b"one");
    let own = customer_of(&house.app, house.tenant.id, house.call).await.unwrap();
    assert!(own.phone.is_none() && own.name.is_none());
}

#[tokio::test]
async fn an_upload_under_way_that_the_night_was_faster_than_leaves_nothing() {
    let house = House::new().await;
    let mut upload = house.begin(house.recording()).await.unwrap();
    upload.push(b"one").await.unwrap();
    house.close().await;
    assert!(matches!(upload.finish(None).await, Err(ContentError::Forgotten)));
    assert!(matches!(house.begin(house.recording()).await.err(), Some(ContentError::Forgotten)));
    assert_eq!((house.list().await, house.keys().await, house.objects().await.len()), (Vec::new(), 0, 0));
}
