//! The texts and recordings of a copy.

use std::ops::Range;

use pii::text::document::Format;

use super::super::model::{ExportError, NotIncluded, OmissionReason};
use super::super::page;
use super::{Composer, DRAWS};
use crate::base::id::ContentId;
use crate::base::memory::MemoryError;
use crate::content::text::{RenderedText, TextValues, text_with};
use crate::content::{self, Content, ContentError};
use crate::objects::ObjectError;

/// How much of a text is made before it is sent, in bytes. A longer text is made again for each such part, so that no
/// slow reader keeps the memory of a text from others.
const PART: usize = 1 << 20;

/// The interactions whose content is listed at once.
const SOME: usize = 200;

/// Whether content cannot be read now or later, so that a copy is made without it.
const fn is_lost(error: &ContentError) -> bool {
    matches!(error, ContentError::Object(ObjectError::Missing) | ContentError::Crypto(_) | ContentError::Unreadable(_))
}

/// Some bytes of a text. The text and its share of the memory are dropped.
fn part_of(shown: RenderedText, range: Range<u64>) -> Vec<u8> {
    let mut part = Vec::with_capacity(PART);
    for piece in shown.range(range) {
        part.extend_from_slice(&piece);
    }
    part
}

impl Composer {
    /// The texts and recordings of the customer's own interactions. An interaction that only mentions the customer is
    /// another customer's, and so is its content.
    pub(super) async fn contents(&mut self) -> Result<(), ExportError> {
        let interactions = std::mem::take(&mut self.with_content);
        for some in interactions.chunks(SOME) {
            let mut tx = self.app.archive.read().await?;
            let contents = content::scanning::of_interactions(&mut tx, self.tenant.id, some).await?;
            drop(tx);
            for content in contents {
                self.check().await?;
                self.content(&content).await?;
            }
        }
        Ok(())
    }

    async fn content(&mut self, content: &Content) -> Result<(), ExportError> {
        if content.kind.is_text() {
            return self.text(content).await;
        }
        let why = match &content.encrypted_for {
            Some(_) => Some(OmissionReason::Encrypted),
            None if self.export.include_recordings => None,
            None => Some(OmissionReason::NotAsked),
        };
        if let Some(why) = why {
            let Content { id, kind, size, at: started_at, .. } = *content;
            self.not_included.push(NotIncluded { id, kind, size, started_at, why });
            return Ok(());
        }
        let range = 0..content.stored_size;
        let opened = content::read(&self.app, &self.content_store, self.tenant.id, content, range, &self.grant).await;
        let Some(mut reading) = self.opened(content.id, opened)? else { return Ok(()) };
        let name = format!("recordings/{}.{}", content.id, page::extension(&content.media_type));
        self.zip.begin(&name, content.stored_size)?;
        // An object that breaks from here on ends the download, since the copy has a part of its bytes already.
        while let Some(bytes) = reading.next().await? {
            self.write(&bytes).await?;
        }
        Ok(())
    }

    /// The content that was opened. It is none if it was deleted since its row was read, or if it cannot be read any
    /// more. The manifest lists the latter.
    fn opened<T>(&mut self, id: ContentId, opened: Result<T, ContentError>) -> Result<Option<T>, ExportError> {
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(ContentError::Unknown) => Ok(None),
            Err(error) if is_lost(&error) => {
                self.missing.push(id);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn text(&mut self, content: &Content) -> Result<(), ExportError> {
        let shown = self.shown(content.id).await;
        let Some(shown) = self.opened(content.id, shown)? else { return Ok(()) };
        let extension = Format::of(&content.media_type).map_or("txt", |_| page::extension(&content.media_type));
        let (size, tag) = (shown.size, shown.tag.clone());
        self.zip.begin(&format!("texts/{}.{extension}", content.id), size)?;
        let mut first = Some(shown);
        for from in (0..size).step_by(PART) {
            let shown = match first.take() {
                Some(shown) => shown,
                None => self.same_text(content.id, &tag).await?,
            };
            let part = part_of(shown, from..size.min(from + PART as u64));
            self.write(&part).await?;
        }
        Ok(())
    }

    /// A text once more. It must be the text of which the copy has a part already.
    async fn same_text(&mut self, id: ContentId, tag: &str) -> Result<RenderedText, ExportError> {
        self.check().await?;
        let shown = self.shown(id).await?;
        if shown.tag == tag { Ok(shown) } else { Err(ExportError::Changed) }
    }

    /// A text as the copy shows it. If the memory is in use, this waits.
    async fn shown(&mut self, id: ContentId) -> Result<RenderedText, ContentError> {
        for _ in 0..DRAWS {
            let Self { app, content_store, keyset, people, grant, .. } = self;
            let mut text_of = |id| people.text_of(id);
            let shown = text_with(app, content_store, keyset, id, TextValues::Given(&mut text_of), grant).await;
            let is_crowded = matches!(shown, Err(ContentError::Memory(MemoryError::Crowded)));
            if !is_crowded || self.to.is_closed() {
                return shown;
            }
        }
        Err(MemoryError::Crowded.into())
    }
}
