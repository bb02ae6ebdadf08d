//! The export of records for statistics (N12). It is ordered by id, since the order of rows in a dump of PostgreSQL tells
//! which records were forgotten together. It shows no identifier of a customer, so it is never in the identified view.

use serde_json::json;

use super::kinds::RecordKind;
use super::model::{ArchiveError, View};
use super::render::Renderer;
use super::search::attach_mentions;
use super::sql;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::vault::AppContext;

/// How many records one statement reads.
const PAGE: u32 = 1_000;

/// The views of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportView {
    Anonymized,
    Pseudonymous,
}

impl From<ExportView> for View {
    fn from(view: ExportView) -> Self {
        match view {
            ExportView::Anonymized => Self::Anonymized,
            ExportView::Pseudonymous => Self::Pseudonymous,
        }
    }
}

/// Gives all records of a kind to `write`, until it returns false. The audit row is committed first.
pub async fn export<K: RecordKind>(
    app: &AppContext,
    actor: &Actor,
    view: ExportView,
    mut write: impl FnMut(K::Output) -> bool,
) -> Result<(), ArchiveError> {
    let view = View::from(view);
    let entry = Entry::new(Action::ArchiveExported, 0, json!({ "target": K::TARGET.as_str(), "view": view }));
    audit::commit(app.archive.write_once().await?, app.clock, actor, &entry).await?;
    let renderer = Renderer::without_identifiers(view);
    let mut after = None;
    loop {
        let mut tx = app.archive.read().await?;
        let mut records = sql::in_order_of_ids::<K>(&mut tx, actor.tenant, after, PAGE).await?;
        attach_mentions(&mut tx, actor.tenant, &mut records).await?;
        drop(tx);
        let Some(last) = records.last() else { return Ok(()) };
        after = Some(last.id);
        for record in records {
            if !write(K::render(record, &renderer)) {
                return Ok(());
            }
        }
    }
}
