//! Collection of orphaned objects: the object store, the vault, and the archive must agree about content. Each pass
//! checks the next objects, keys, and rows.
//!
//! Crashes and broken uploads leave objects that no row names, keys of such objects, and unfinished uploads. They are deleted
//! as soon as they are too old to belong to a running upload. A row of a restored archive whose object was replaced gets
//! the newest one. A row whose object is gone is reported and stays, since a user must find out why. If the object store is unavailable, the check is skipped.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::base::id::{ContentId, Generation, ObjectId, TenantId};
use crate::content::{self, ContentError};
use crate::content_rows::passes as contents;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult};
use crate::nightly::report::Report;
use crate::objects::ObjectError;
use crate::store::{Archive, Result, Tx};
use crate::vault;

/// About how many objects, rows, and keys one pass checks.
const CHECKED: usize = 5_000;

/// How many one statement checks.
const BATCH: usize = 1_000;

/// The age at which an object or a key without a row is deleted, as of the pass. It is as old as its generation, which is
/// made when an upload begins, and an upload may take long.
const AGE: TimeDelta = TimeDelta::days(7);

/// How far the check has come.
#[derive(Clone, Copy, sqlx::FromRow)]
struct Reached {
    folder: i32,
    content_position: ContentId,
    key_position: Generation,
}

/// Checks the next objects, keys, and rows.
pub async fn check(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant.id;
    let start = position(&mut context.read().await?, tenant).await?;
    let key_position = collect_keys(context, pass, start.key_position, report).await?;
    let mut end = Reached { key_position, ..start };
    match collect_objects(context, pass, start.folder, report).await? {
        Ok(folder) => end.folder = folder,
        Err(error) => tracing::warn!(%error, "The check of the object store failed; it is skipped in this pass"),
    }
    match check_rows(context, start.content_position, report).await? {
        Ok(last) => end.content_position = last,
        Err(error) => tracing::warn!(%error, "The check of stored content failed; it is skipped in this pass"),
    }
    let mut tx = context.begin().await?;
    content::expire_tickets(&mut tx, tenant, context.app.clock.now()).await?;
    set_position(&mut tx, tenant, end).await?;
    tx.commit().await?;
    failpoint::reach("gc_objects");
    Ok(())
}

/// Deletes the keys of objects that no row names. Returns the key after which the next pass begins.
async fn collect_keys(
    context: &PassContext<'_>,
    pass: &Pass,
    mut after: Generation,
    report: &mut Report,
) -> PassResult<Generation> {
    let tenant = context.tenant.id;
    let mut checked = 0;
    while checked < CHECKED {
        let limit = u32::try_from(BATCH).unwrap_or(u32::MAX);
        let ids = vault::walk_content_keys(&mut context.read_vault().await?, tenant, after, limit).await?;
        checked += ids.len();
        let mut orphans: Vec<_> = ids.iter().copied().filter(|id| is_older(*id, pass.as_of - AGE)).collect();
        let rows = contents::with_row(&mut context.read().await?, tenant, &orphans).await?;
        orphans.retain(|id| !rows.contains(id));
        if !orphans.is_empty() {
            let mut tx = context.begin_vault().await?;
            report.keys_swept += vault::drop_content_keys(&mut tx, tenant, &orphans).await?;
            tx.commit().await?;
        }
        match ids.last() {
            Some(last) if ids.len() == BATCH => after = last.generation,
            _ => return Ok(Generation(Uuid::nil())),
        }
    }
    Ok(after)
}

/// Deletes the objects that no row names, and the leftovers of broken uploads, folder by folder. Returns the
/// folder at which the next pass begins. An inner error is the object store's.
async fn collect_objects(
    context: &PassContext<'_>,
    pass: &Pass,
    start: i32,
    report: &mut Report,
) -> PassResult<std::result::Result<i32, ObjectError>> {
    let (objects, tenant) = (&context.content_store.objects, context.tenant.id);
    let before = pass.as_of - AGE;
    let folders = match objects.folders(tenant).await {
        Ok(folders) => folders,
        Err(error) => return Ok(Err(error)),
    };
    let mut checked = 0;
    for folder in folders.into_iter().filter(|folder| i32::from(*folder) >= start) {
        if checked >= CHECKED {
            return Ok(Ok(folder.into()));
        }
        let listed = async {
            report.objects_swept += objects.remove_drafts(tenant, folder, before).await?;
            objects.list(tenant, folder).await
        };
        let listed = match listed.await {
            Ok(listed) => listed,
            Err(error) => return Ok(Err(error)),
        };
        checked += listed.len();
        let old: Vec<_> = listed.into_iter().filter(|id| is_older(*id, before)).collect();
        for ids in old.chunks(BATCH) {
            let rows = contents::with_row(&mut context.read().await?, tenant, ids).await?;
            let orphans: Vec<_> = ids.iter().copied().filter(|id| !rows.contains(id)).collect();
            let removed = content::remove_objects(context.content_store, tenant, &orphans).await;
            report.objects_swept += removed.gone.len() as u64;
        }
    }
    Ok(Ok(0))
}

/// Reports the rows whose object is gone. Returns the row after which the next pass begins. An inner error is the
/// object store's.
async fn check_rows(
    context: &PassContext<'_>,
    mut after: ContentId,
    report: &mut Report,
) -> PassResult<std::result::Result<ContentId, ObjectError>> {
    let tenant = context.tenant.id;
    let mut checked = 0;
    while checked < CHECKED {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let ids = contents::after(&mut context.read().await?, tenant, after, limit).await?;
        checked += ids.len();
        let mut lost = match content::without_object(context.content_store, tenant, &ids).await {
            Ok(lost) => lost,
            Err(error) => return Ok(Err(error)),
        };
        // A user may have deleted row and object in between.
        let rows = contents::with_row(&mut context.read().await?, tenant, &lost).await?;
        lost.retain(|id| rows.contains(id));
        match content::text::adopt_newest(context.app, context.content_store, tenant, &lost).await {
            Ok(found) => lost.retain(|id| !found.contains(id)),
            Err(ContentError::Object(error)) => return Ok(Err(error)),
            Err(error) => return Err(error.into()),
        }
        for ObjectId { id, .. } in &lost {
            tracing::error!(content.id = %id, "The object of a piece of content is missing");
        }
        report.rows_without_object += lost.len() as u64;
        match ids.last() {
            Some(last) if ids.len() == BATCH => after = last.id,
            _ => return Ok(Ok(ContentId(Uuid::nil()))),
        }
    }
    Ok(Ok(after))
}

/// Whether an object was made before an instant. Generations are in the order of time.
fn is_older(object: ObjectId, limit: DateTime<Utc>) -> bool {
    let made = object.generation.0.get_timestamp().and_then(|made| {
        let (seconds, nanoseconds) = made.to_unix();
        DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
    });
    made.is_some_and(|made| made < limit)
}

async fn position(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Reached> {
    let position: Option<Reached> = tx
        .query("SELECT folder, content_position, key_position FROM gc_objects")
        .with(" WHERE tenant_id = ", tenant)
        .maybe()
        .await?;
    let start = Uuid::nil();
    let start = Reached { folder: 0, content_position: ContentId(start), key_position: Generation(start) };
    Ok(position.unwrap_or(start))
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
