//! The texts of content: opened under their keys and searched as they are stored. Recordings and attachments cannot be
//! searched and are only counted.

use uuid::Uuid;

use super::Scanner;
use super::matcher::TextSource;
use super::model::{Round, ScanError};
use crate::base::id::{ContentId, RecordId};
use crate::base::target::Target;
use crate::content::{Content, scanning};

/// How many pieces of content are read at a time.
const PAGE: i64 = 500;

/// The name of the objects in reports and in the position of a round. It sorts behind the names of all tables.
pub const CONTENT: &str = "~content";

impl Scanner<'_> {
    /// Continues with the objects. Returns whether all of them were read.
    pub(super) async fn read_texts(&mut self, round: &mut Round, limit: u64) -> Result<bool, ScanError> {
        if round.table != CONTENT {
            (round.table, round.position) = (CONTENT.to_owned(), None);
        }
        let position = round.position.as_ref().and_then(|key| Uuid::try_parse(key.first()?).ok());
        let mut after = ContentId(position.unwrap_or_default());
        while self.report.counts.read() < limit {
            let page = scanning::after(&mut self.app.archive.read().await?, self.tenant.id, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(true) };
            after = last.id;
            round.position = Some(vec![after.to_string()]);
            self.search_texts(&page).await?;
            if (page.len() as u64) < PAGE.unsigned_abs() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the texts of some interactions.
    pub(super) async fn read_texts_of(&mut self, interactions: &[RecordId]) -> Result<(), ScanError> {
        let mut tx = self.app.archive.read().await?;
        let page = scanning::of_interactions(&mut tx, self.tenant.id, interactions).await?;
        drop(tx);
        self.search_texts(&page).await
    }

    async fn search_texts(&mut self, page: &[Content]) -> Result<(), ScanError> {
        for content in page {
            let text = if content.kind.is_text() {
                scanning::stored_text(self.app, self.content_store, self.matcher.keyset(), content).await?
            } else {
                None
            };
            let Some(text) = text else {
                *self.report.counts.unreadable.entry(content.kind.as_str().to_owned()).or_default() += 1;
                continue;
            };
            self.report.counts.objects += 1;
            self.report.counts.bytes += text.len() as u64;
            let source = || TextSource {
                table: Some("content".to_owned()),
                column: Some(content.kind.as_str().to_owned()),
                record: Some(content.id.to_string()),
                at: Some(content.at),
                target: Some(Target::Archive),
                ..TextSource::default()
            };
            self.matcher.search(&text, source);
            if self.matcher.is_full() {
                self.confirm().await?;
            }
        }
        self.confirm().await
    }
}
