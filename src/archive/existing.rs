//! Statements about external ids that the archive has already.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use super::columns::as_json;
use super::incoming::Channel;
use super::selector::table;
use crate::base::id::{IdentifierId, RecordId, TenantId};
use crate::base::target::Target;
use crate::store::{Archive, Result, Tx};

/// What the archive has of an external id already.
#[derive(Clone, sqlx::FromRow)]
pub struct Existing {
    pub external_id: String,
    pub id: RecordId,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    name_id: Option<IdentifierId>,
    /// Which slots of it are forgotten.
    pub forgotten: i16,
}

impl Existing {
    /// Whether its customer has the identifier.
    pub fn holds(&self, identifier: IdentifierId) -> bool {
        [self.phone_id, self.email_id, self.name_id].contains(&Some(identifier))
    }
}

/// What the archive has of some external ids already.
pub async fn existing(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    external_ids: impl Iterator<Item = String>,
) -> Result<HashMap<String, Existing>> {
    let rows: Vec<Existing> = tx
        .query("SELECT external_id, id, phone_id, email_id, name_id, forgotten FROM ")
        .push(table(target))
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND external_id", external_ids)
        .all()
        .await?;
    Ok(rows.into_iter().map(|row| (row.external_id.clone(), row)).collect())
}

/// The texts of some records as they are stored; null where there is none.
pub async fn texts(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    records: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Value>> {
    let (column, is_json) = match target {
        Target::Archive | Target::RawData => ("attributes", true),
        Target::SmsSurvey => ("comment", false),
    };
    let rows: Vec<(Uuid, Option<String>)> = tx
        .query("SELECT id, ")
        .push(column)
        .push(" FROM ")
        .push(table(target))
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND id", records)
        .all()
        .await?;
    let read = |text: Option<String>| match text {
        Some(text) if !is_json => Value::String(text),
        text => as_json(text.as_deref()),
    };
    Ok(rows.into_iter().map(|(id, text)| (id, read(text))).collect())
}

/// Gives records another external id, unless another record has it: (from, to).
pub async fn rename(tx: &mut Tx<Archive>, tenant: TenantId, target: Target, ids: &[(&str, &str)]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    tx.query("WITH renamed (was, becomes) AS (VALUES ")
        .each(ids, |query, (was, becomes)| query.with("(", *was).with(", ", *becomes).push(")"))
        .push(") UPDATE ")
        .push(table(target))
        .push(" SET external_id = n.becomes FROM renamed n WHERE ")
        .push(table(target))
        .with(".tenant_id = ", tenant)
        .push(" AND external_id = n.was AND NOT EXISTS (SELECT 1 FROM ")
        .push(table(target))
        .with(" o WHERE o.tenant_id = ", tenant)
        .push(" AND o.external_id = n.becomes)")
        .once()
        .execute()
        .await?;
    Ok(())
}

/// The interactions of some external ids: each with its id and channel.
pub async fn channels(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    external_ids: impl Iterator<Item = String>,
) -> Result<Vec<(String, RecordId, Channel)>> {
    tx.query("SELECT external_id, id, channel FROM interactions")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND external_id", external_ids)
        .all()
        .await
}
