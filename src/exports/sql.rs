//! Statements of exports.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::model::{Export, ExportStatus, Language};
use crate::base::actor::Actor;
use crate::base::id::{ExportId, IdentifierId, TenantId};
use crate::base::page::Position;
use crate::store::{Archive, Query, Result, Tx};

#[derive(sqlx::FromRow)]
struct ExportRow {
    id: ExportId,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    from_at: Option<DateTime<Utc>>,
    to_at: DateTime<Utc>,
    purpose: String,
    ticket: Option<String>,
    attestations: String,
    notices: String,
    include_recordings: bool,
    language: Language,
    status: ExportStatus,
    issuer: String,
    requested_by: String,
    requested_by_name: String,
    decided_by_name: Option<String>,
    decided_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<ExportRow> for Export {
    fn from(row: ExportRow) -> Self {
        let ExportRow { id, phone_id, email_id, from_at, to_at, purpose, ticket, attestations, .. } = row;
        let ExportRow { notices, include_recordings, language, status, issuer, requested_by, .. } = row;
        let ExportRow { requested_by_name, decided_by_name, decided_at, created_at, expires_at, .. } = row;
        Self {
            id,
            phone_id,
            email_id,
            from: from_at,
            to: to_at,
            purpose,
            ticket,
            attestations,
            notices: serde_json::from_str(&notices).unwrap_or_default(),
            include_recordings,
            language,
            status,
            issuer,
            requested_by,
            requested_by_name,
            decided_by_name,
            decided_at,
            created_at,
            expires_at,
        }
    }
}

fn select(query: Query<'_>) -> Query<'_> {
    query.push(
        "SELECT id, phone_id, email_id, from_at, to_at, purpose, ticket, attestations, notices, include_recordings, \
         language, status, issuer, requested_by, requested_by_name, decided_by_name, decided_at, created_at, \
         expires_at FROM access_exports",
    )
}

pub async fn insert(tx: &mut Tx<Archive>, tenant: TenantId, export: &Export) -> Result<u64> {
    let notices = json!(export.notices).to_string();
    tx.query(
        "INSERT INTO access_exports (tenant_id, id, phone_id, email_id, from_at, to_at, purpose, ticket, attestations, \
         notices, include_recordings, language, status, issuer, requested_by, requested_by_name, created_at, \
         expires_at) VALUES (",
    )
    .with("", tenant)
    .with(", ", export.id)
    .with(", ", export.phone_id)
    .with(", ", export.email_id)
    .with(", ", export.from)
    .with(", ", export.to)
    .with(", ", export.purpose.as_str())
    .with(", ", export.ticket.as_deref())
    .with(", ", export.attestations.as_str())
    .with(", ", notices.as_str())
    .with(", ", export.include_recordings)
    .with(", ", export.language)
    .with(", ", export.status)
    .with(", ", export.issuer.as_str())
    .with(", ", export.requested_by.as_str())
    .with(", ", export.requested_by_name.as_str())
    .with(", ", export.created_at)
    .with(", ", export.expires_at)
    .push(")")
    .execute()
    .await
}

/// An export that has not expired.
pub async fn by_id(tx: &mut Tx<Archive>, tenant: TenantId, id: ExportId, now: DateTime<Utc>) -> Result<Option<Export>> {
    let query = select(tx.query("")).with(" WHERE tenant_id = ", tenant).with(" AND id = ", id);
    Ok(query.with(" AND expires_at > ", now).maybe::<ExportRow>().await?.map(Export::from))
}

/// Whether an export can still be downloaded.
pub async fn is_ready(tx: &mut Tx<Archive>, tenant: TenantId, id: ExportId, now: DateTime<Utc>) -> Result<bool> {
    let query = tx.query("SELECT count(*) FROM access_exports").with(" WHERE tenant_id = ", tenant);
    let query = query.with(" AND id = ", id).with(" AND status = 'ready' AND expires_at > ", now);
    let (count,): (i64,) = query.one().await?;
    Ok(count > 0)
}

/// A page of the exports that have not expired, newest first.
pub async fn page(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    status: Option<ExportStatus>,
    now: DateTime<Utc>,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Export>> {
    let mut query = select(tx.query(""))
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND expires_at > ", now)
        .with_some(" AND status = ", status);
    if let Some(Position { at, id }) = after {
        query = query.with(" AND (created_at, id) < (", at).with(", ", id).push(")");
    }
    let rows: Vec<ExportRow> = query.with(" ORDER BY created_at DESC, id DESC LIMIT ", i64::from(limit)).all().await?;
    Ok(rows.into_iter().map(Export::from).collect())
}

/// Decides about an export that waits and that another user has asked for. Returns 0 if there is none.
pub async fn decide(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    id: ExportId,
    status: ExportStatus,
    now: DateTime<Utc>,
) -> Result<u64> {
    tx.query("UPDATE access_exports SET")
        .with(" status = ", status)
        .with(", decided_by = ", actor.sub.as_str())
        .with(", decided_by_name = ", actor.name.as_str())
        .with(", decided_at = ", now)
        .with(" WHERE tenant_id = ", actor.tenant)
        .with(" AND id = ", id)
        .push(" AND status = 'waiting'")
        .with(" AND NOT (issuer = ", actor.issuer.as_str())
        .with(" AND requested_by = ", actor.sub.as_str())
        .push(")")
        .execute()
        .await
}

pub async fn insert_ticket(
    tx: &mut Tx<Archive>,
    actor: &Actor,
    hash: &[u8; 32],
    export: ExportId,
    expires_at: DateTime<Utc>,
) -> Result<u64> {
    tx.query(
        "INSERT INTO access_export_tickets (tenant_id, ticket_hash, export_id, actor_sub, actor_name, expires_at) \
         VALUES (",
    )
    .with("", actor.tenant)
    .with(", ", hash.as_slice())
    .with(", ", export)
    .with(", ", actor.sub.as_str())
    .with(", ", actor.name.as_str())
    .with(", ", expires_at)
    .push(")")
    .execute()
    .await
}

#[derive(sqlx::FromRow)]
pub struct TicketRow {
    pub export_id: ExportId,
    pub actor_sub: String,
    pub actor_name: String,
}

/// Takes a ticket out, so that nobody can use it again.
pub async fn take_ticket(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<TicketRow>> {
    tx.query("DELETE FROM access_export_tickets")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND ticket_hash = ", hash.as_slice())
        .with(" AND expires_at > ", now)
        .push(" RETURNING export_id, actor_sub, actor_name")
        .maybe()
        .await
}

/// Deletes what has expired. Returns how many exports that were.
pub async fn delete_expired(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> Result<u64> {
    tx.query("DELETE FROM access_export_tickets")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND expires_at <= ", now)
        .execute()
        .await?;
    let query = tx.query("DELETE FROM access_exports").with(" WHERE tenant_id = ", tenant);
    query.with(" AND expires_at <= ", now).execute().await
}

/// The most identifiers of one statement. The requests of a pass may name any number.
const BATCH: usize = 1_000;

/// Deletes the exports of some identifiers.
pub async fn delete_of(tx: &mut Tx<Archive>, tenant: TenantId, identifiers: &[IdentifierId]) -> Result<u64> {
    let mut deleted = 0;
    for column in [" AND phone_id", " AND email_id"] {
        for some in identifiers.chunks(BATCH) {
            let query = tx.query("DELETE FROM access_exports").with(" WHERE tenant_id = ", tenant);
            deleted += query.with_keys(column, some.iter().copied()).execute().await?;
        }
    }
    Ok(deleted)
}

/// How many exports of some identifiers can be downloaded, or wait for their approval.
pub async fn count_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    identifiers: &[IdentifierId],
    now: DateTime<Utc>,
) -> Result<u64> {
    let mut open = 0;
    for column in [" AND phone_id", " AND email_id"] {
        let query = tx.query("SELECT count(*) FROM access_exports").with(" WHERE tenant_id = ", tenant);
        let query = query.with(" AND status <> 'denied' AND expires_at > ", now);
        let (count,): (i64,) = query.with_keys(column, identifiers.iter().copied()).one().await?;
        open += count.unsigned_abs();
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::tests::Stage;

    fn export(actor: &Actor, phone: IdentifierId, now: DateTime<Utc>) -> Export {
        Export {
            id: ExportId::new(),
            phone_id: Some(phone),
            email_id: None,
            from: None,
            to: now,
            purpose: "access request".to_owned(),
            ticket: None,
            attestations: "[]".to_owned(),
            notices: Vec::new(),
            include_recordings: true,
            language: Language::En,
            status: ExportStatus::Waiting,
            issuer: actor.issuer.clone(),
            requested_by: actor.sub.clone(),
            requested_by_name: actor.name.clone(),
            decided_by_name: None,
            decided_at: None,
            created_at: now,
            expires_at: now + TimeDelta::days(7),
        }
    }

    /// Two issuers may give the same subject to two users.
    #[tokio::test]
    async fn the_issuer_and_the_subject_name_a_user() {
        let stage = Stage::new("exports-issuer", &[]).await;
        let (tenant, now, phone) = (stage.tenant.id, stage.app.clock.now(), IdentifierId::random());
        let own = Actor { issuer: "one".to_owned(), ..Actor::service(tenant, "kari") };
        let other = Actor { issuer: "another".to_owned(), ..own.clone() };
        let export = export(&own, phone, now);
        assert!(export.is_of(&own) && !export.is_of(&other));
        let mut tx = stage.app.archive.write().await.unwrap();
        insert(&mut tx, tenant, &export).await.unwrap();
        assert_eq!(count_of(&mut tx, tenant, &[phone], now).await.unwrap(), 1);
        assert!(!is_ready(&mut tx, tenant, export.id, now).await.unwrap());
        assert_eq!(decide(&mut tx, &own, export.id, ExportStatus::Ready, now).await.unwrap(), 0);
        assert_eq!(decide(&mut tx, &other, export.id, ExportStatus::Ready, now).await.unwrap(), 1);
        assert!(is_ready(&mut tx, tenant, export.id, now).await.unwrap());
        assert!(!is_ready(&mut tx, tenant, export.id, export.expires_at).await.unwrap());
    }

    /// SQLite takes 32,766 values in a statement.
    #[tokio::test]
    async fn a_pass_may_have_any_number_of_identifiers() {
        let stage = Stage::new("exports", &[]).await;
        let ids: Vec<_> = (0..40_000).map(|_| IdentifierId::random()).collect();
        let mut tx = stage.app.archive.write().await.unwrap();
        assert_eq!(delete_of(&mut tx, stage.tenant.id, &ids).await.unwrap(), 0);
    }
}
