//! Statements of the scan's own tables. The rows that it searches come from `store`, by the catalogue of the database.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::model::{FullRound, Round, ScanCounts};
use crate::base::id::{RequestId, TenantId};
use crate::store::{Archive, Result, StoreError, Tx};

#[derive(sqlx::FromRow)]
struct RoundRow {
    begun_at: DateTime<Utc>,
    table_name: String,
    position: Option<String>,
    counts: String,
    last_begun_at: Option<DateTime<Utc>>,
    last_counts: Option<String>,
    changed_until: Option<DateTime<Utc>>,
}

impl TryFrom<RoundRow> for Round {
    type Error = StoreError;

    fn try_from(row: RoundRow) -> Result<Self> {
        let RoundRow { begun_at, table_name, position, counts, last_begun_at, last_counts, changed_until } = row;
        let broken = |column: &str| StoreError::Inconsistent(format!("scan_rounds.{column}"));
        let counts_of = |text: &str, column| serde_json::from_str::<ScanCounts>(text).map_err(|_| broken(column));
        let position = position.map(|text| serde_json::from_str(&text).map_err(|_| broken("position"))).transpose()?;
        let last = match last_begun_at.zip(last_counts) {
            Some((begun_at, counts)) => Some(FullRound { begun_at, counts: counts_of(&counts, "last_counts")? }),
            None => None,
        };
        Ok(Self { begun_at, table: table_name, position, counts: counts_of(&counts, "counts")?, last, changed_until })
    }
}

pub async fn round(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<Option<Round>> {
    let row: Option<RoundRow> = tx
        .query("SELECT begun_at, table_name, position, counts, last_begun_at, last_counts, changed_until")
        .with(" FROM scan_rounds WHERE tenant_id = ", tenant)
        .maybe()
        .await?;
    row.map(Round::try_from).transpose()
}

pub async fn set_round(tx: &mut Tx<Archive>, tenant: TenantId, round: &Round) -> Result<u64> {
    let Round { begun_at, table, position, counts, last, changed_until } = round;
    let unwritable = |_| StoreError::Refused("scan_rounds".to_owned());
    let text = |counts: &ScanCounts| serde_json::to_string(counts).map_err(unwritable);
    let position = position.as_ref().map(|key| serde_json::to_string(key).map_err(unwritable)).transpose()?;
    tx.query(
        "INSERT INTO scan_rounds (tenant_id, begun_at, table_name, position, counts, last_begun_at, last_counts, \
         changed_until) VALUES (",
    )
    .with("", tenant)
    .with(", ", *begun_at)
    .with(", ", table.as_str())
    .with(", ", position)
    .with(", ", text(counts)?)
    .with(", ", last.as_ref().map(|last| last.begun_at))
    .with(", ", last.as_ref().map(|last| text(&last.counts)).transpose()?)
    .with(", ", *changed_until)
    .push(
        ") ON CONFLICT (tenant_id) DO UPDATE SET begun_at = excluded.begun_at, table_name = excluded.table_name, \
         position = excluded.position, counts = excluded.counts, last_begun_at = excluded.last_begun_at, \
         last_counts = excluded.last_counts, changed_until = excluded.changed_until",
    )
    .execute()
    .await
}

/// Adds to how often something of requests was found.
pub async fn add_findings(tx: &mut Tx<Archive>, tenant: TenantId, found: &BTreeMap<RequestId, u64>) -> Result<()> {
    let found: Vec<_> = found.iter().collect();
    for chunk in found.chunks(1_000) {
        tx.query("INSERT INTO scan_findings (tenant_id, request_id, residue) VALUES ")
            .each(chunk, |query, (request, count)| {
                let count = i64::try_from(**count).unwrap_or(i64::MAX);
                query.with("(", tenant).with(", ", **request).with(", ", count).push(")")
            })
            .push(
                " ON CONFLICT (tenant_id, request_id) DO UPDATE SET residue = scan_findings.residue + excluded.residue",
            )
            .once()
            .execute()
            .await?;
    }
    Ok(())
}

pub async fn findings(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    requests: &[RequestId],
) -> Result<HashMap<RequestId, u64>> {
    let rows: Vec<(RequestId, i64)> = tx
        .query("SELECT request_id, residue FROM scan_findings")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", requests.iter().copied())
        .all()
        .await?;
    Ok(rows.into_iter().map(|(request, residue)| (request, residue.unsigned_abs())).collect())
}

pub async fn delete_findings(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[RequestId]) -> Result<u64> {
    tx.query("DELETE FROM scan_findings")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND request_id", requests.iter().copied())
        .execute()
        .await
}
