//! The check of content: what lies in the object store, in the vault and in the archive must belong together. Each night
//! looks at the next slice of each.
//!
//! What crashes and broken uploads leave behind goes once it is old enough to be nobody's work in hand: objects without a row,
//! keys without a row, uploads that were never completed. A row whose object is gone is reported and stays: somebody must
//! find out why. An object store that is away is checked another night.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::delete_content::PassContext;
use crate::base::id::{ContentId, TenantId};
use crate::content::{self, ObjectError};
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassError, Report};
use crate::store::{Archive, Result, Tx};
use crate::vault;

/// How many objects, rows and keys one night looks at, about.
const SLICE: usize = 5_000;

/// How many are asked about at once.
const BATCH: usize = 1_000;

/// How old an object without a row must be, as of the pass: a row follows its object within seconds.
const OBJECT: TimeDelta = TimeDelta::days(1);

/// How old a key without a row must be. Its age is that of its content's id, which is made when an upload begins, and an
/// upload may take its time.
const KEY: TimeDelta = TimeDelta::days(7);

/// How far the check has walked.
#[derive(Clone, Copy, sqlx::FromRow)]
struct Reached {
    folder: i32,
    content_position: ContentId,
    key_position: ContentId,
}

pub async fn sweep(room: PassContext<'_>, pass: &Pass, report: &mut Report) -> std::result::Result<(), PassError> {
    let start = position(&mut room.stores.archive.read().await?, room.tenant).await?;
    let key_position = sweep_keys(room, pass, start.key_position, report).await?;
    let mut end = Reached { key_position, ..start };
    match sweep_objects(room, pass, start.folder, report).await? {
        Ok(folder) => end.folder = folder,
        Err(error) => tracing::warn!(%error, "The check of the object store failed; it is skipped in this pass"),
    }
    match check_rows(room, start.content_position, report).await? {
        Ok(last) => end.content_position = last,
        Err(error) => tracing::warn!(%error, "The check of stored content failed; it is skipped in this pass"),
    }
    let PassContext { stores, lease, tenant, .. } = room;
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    content::expire_tickets(&mut tx, tenant, stores.clock.now()).await?;
    set_position(&mut tx, tenant, end).await?;
    tx.commit().await?;
    failpoint::hit("sweep.content");
    Ok(())
}

/// Deletes the keys of content that has no row. Answers where the next night begins.
async fn sweep_keys(
    room: PassContext<'_>,
    pass: &Pass,
    mut after: ContentId,
    report: &mut Report,
) -> std::result::Result<ContentId, PassError> {
    let PassContext { stores, tenant, .. } = room;
    let mut checked = 0;
    while checked < SLICE {
        let limit = u32::try_from(BATCH).unwrap_or(u32::MAX);
        let ids = vault::walk_content_keys(&mut stores.vault.read().await?, tenant, after, limit).await?;
        checked += ids.len();
        let mut stray: Vec<_> = ids.iter().copied().filter(|id| is_older(*id, pass.as_of - KEY)).collect();
        let rows = with_row(&mut stores.archive.read().await?, tenant, &stray).await?;
        stray.retain(|id| !rows.contains(id));
        if !stray.is_empty() {
            let mut tx = stores.vault.write().await?;
            report.keys_swept += vault::drop_content_keys(&mut tx, tenant, &stray).await?;
            tx.commit().await?;
        }
        match ids.last() {
            Some(last) if ids.len() == BATCH => after = *last,
            _ => return Ok(ContentId(Uuid::nil())),
        }
    }
    Ok(after)
}

/// Deletes the objects of content that has no row, and what broken uploads left, folder by folder. Answers the folder at
/// which the next night begins; an inner error is the object store's.
async fn sweep_objects(
    room: PassContext<'_>,
    pass: &Pass,
    start: i32,
    report: &mut Report,
) -> std::result::Result<std::result::Result<i32, ObjectError>, PassError> {
    let PassContext { stores, shelf, tenant, .. } = room;
    let before = pass.as_of - OBJECT;
    let folders = match shelf.objects.folders(tenant).await {
        Ok(folders) => folders,
        Err(error) => return Ok(Err(error)),
    };
    let mut checked = 0;
    for folder in folders.into_iter().filter(|folder| i32::from(*folder) >= start) {
        if checked >= SLICE {
            return Ok(Ok(folder.into()));
        }
        let listed = async {
            report.objects_swept += shelf.objects.remove_drafts(tenant, folder, before).await?;
            shelf.objects.list(tenant, folder).await
        };
        let objects = match listed.await {
            Ok(objects) => objects,
            Err(error) => return Ok(Err(error)),
        };
        checked += objects.len();
        let old: Vec<_> = objects.into_iter().filter(|(_, written)| *written < before).map(|(id, _)| id).collect();
        for ids in old.chunks(BATCH) {
            let rows = with_row(&mut stores.archive.read().await?, tenant, ids).await?;
            let stray: Vec<_> = ids.iter().copied().filter(|id| !rows.contains(id)).collect();
            let removed = content::remove_objects(shelf, tenant, &stray).await;
            report.objects_swept += removed.gone.len() as u64;
        }
    }
    Ok(Ok(0))
}

/// Reports the rows whose object is gone. Answers the row after which the next night begins; an inner error is the object
/// store's.
async fn check_rows(
    room: PassContext<'_>,
    mut after: ContentId,
    report: &mut Report,
) -> std::result::Result<std::result::Result<ContentId, ObjectError>, PassError> {
    let PassContext { stores, shelf, tenant, .. } = room;
    let mut checked = 0;
    while checked < SLICE {
        let ids = rows_after(&mut stores.archive.read().await?, tenant, after).await?;
        checked += ids.len();
        let mut lost = match content::without_object(shelf, tenant, &ids).await {
            Ok(lost) => lost,
            Err(error) => return Ok(Err(error)),
        };
        // Somebody may have deleted row and object in between.
        let rows = with_row(&mut stores.archive.read().await?, tenant, &lost).await?;
        lost.retain(|id| rows.contains(id));
        for id in &lost {
            tracing::error!(content.id = %id, "The object of a piece of content is missing");
        }
        report.rows_without_object += lost.len() as u64;
        match ids.last() {
            Some(last) if ids.len() == BATCH => after = *last,
            _ => return Ok(Ok(ContentId(Uuid::nil()))),
        }
    }
    Ok(Ok(after))
}

/// Whether an id was made before an instant: ids are in the order of time.
fn is_older(id: ContentId, limit: DateTime<Utc>) -> bool {
    let made = id.0.get_timestamp().and_then(|made| {
        let (seconds, nanoseconds) = made.to_unix();
        DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
    });
    made.is_some_and(|made| made < limit)
}

/// Those of some content that have a row.
async fn with_row(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[ContentId]) -> Result<HashSet<ContentId>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(ContentId,)> = tx
        .query("SELECT id FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", ids.iter().copied())
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

async fn rows_after(tx: &mut Tx<Archive>, tenant: TenantId, after: ContentId) -> Result<Vec<ContentId>> {
    let rows: Vec<(ContentId,)> = tx
        .query("SELECT id FROM contents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND id > ", after)
        .with(" ORDER BY id LIMIT ", i64::try_from(BATCH).unwrap_or(i64::MAX))
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

async fn position(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Reached> {
    let position: Option<Reached> = tx
        .query("SELECT folder, content_position, key_position FROM gc_objects")
        .with(" WHERE tenant_id = ", tenant)
        .maybe()
        .await?;
    let start = ContentId(Uuid::nil());
    Ok(position.unwrap_or(Reached { folder: 0, content_position: start, key_position: start }))
}

async fn set_position(tx: &mut Tx<Archive>, tenant: TenantId, position: Reached) -> Result<u64> {
    let Reached { folder, content_position, key_position } = position;
    tx.query("INSERT INTO gc_objects (tenant_id, folder, content_position, key_position) VALUES (")
        .with("", tenant)
        .with(", ", folder)
        .with(", ", content_position)
        .with(", ", key_position)
        .push(
            ") ON CONFLICT (tenant_id) DO UPDATE SET folder = excluded.folder, \
             content_position = excluded.content_position, key_position = excluded.key_position",
        )
        .execute()
        .await
}
