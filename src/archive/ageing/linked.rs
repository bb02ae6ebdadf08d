//! The survey responses and raw events of aged interactions. They keep their month and their score, or the name of the
//! event. Nothing leads from them to their interaction any more, because a score may be rare among the calls of an hour.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chunk::{BATCH, Removal};
use super::list::{self, AgedKey};
use crate::archive::held;
use crate::archive::kinds::{RawEvent, RecordKind, SurveyResponse, table};
use crate::archive::model::forgotten;
use crate::base::id::{IdentifierId, RecordId, TenantId, random_i64};
use crate::base::target::Target;
use crate::store::{Archive, Result, Tx};
use crate::vault::Keyset;

/// The values of the survey responses and raw events of a month that are kept, because at least `k` records have them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    scores: KeptValues,
    events: KeptValues,
}

/// The values that are kept. Rare values are lost, if there are at least `k` of them. Otherwise their records are deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KeptValues {
    values: BTreeSet<Option<String>>,
    has_rare: bool,
}

impl Linked {
    fn of(&self, target: Target) -> &KeptValues {
        if target == Target::SmsSurvey { &self.scores } else { &self.events }
    }
}

/// The targets whose records are linked to interactions.
pub const TARGETS: [Target; 2] = [Target::SmsSurvey, Target::RawData];

/// The column of the value, as text.
const fn value(target: Target) -> &'static str {
    match target {
        Target::SmsSurvey => "CAST(r.score AS TEXT)",
        Target::Archive | Target::RawData => "r.event",
    }
}

/// Counts the values of the records that are linked to the interactions of a plan that are aged, and not deleted.
pub async fn keep(tx: &mut Tx<Archive>, tenant: TenantId, k: u32) -> Result<Linked> {
    let mut kept = BTreeMap::new();
    for target in TARGETS {
        let counts: Vec<(Option<String>, i64)> = tx
            .query("SELECT ")
            .push(value(target))
            .push(", count(*) FROM ageing_work w JOIN interactions i ON i.id = w.record_id JOIN ")
            .push(table(target))
            .with(" r ON r.interaction_external_id = i.external_id WHERE w.tenant_id = ", tenant)
            .with(" AND i.tenant_id = ", tenant)
            .with(" AND r.tenant_id = ", tenant)
            .push(" AND w.ladder_level IS NOT NULL GROUP BY ")
            .push(value(target))
            .all()
            .await?;
        let is_common = |count: i64| count >= i64::from(k);
        let rare: i64 = counts.iter().map(|(_, count)| *count).filter(|count| !is_common(*count)).sum();
        let values = counts.into_iter().filter(|(_, count)| is_common(*count)).map(|(value, _)| value).collect();
        kept.insert(target, KeptValues { values, has_rare: is_common(rare) });
    }
    let mut of = |target| kept.remove(&target).unwrap_or_default();
    Ok(Linked { scores: of(Target::SmsSurvey), events: of(Target::RawData) })
}

#[derive(sqlx::FromRow)]
struct LinkedRow {
    id: Uuid,
    external_id: String,
    interaction_external_id: Option<String>,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    name_id: Option<IdentifierId>,
    value: Option<String>,
}

/// The interactions of a chunk by the external ids that lead to them, and whether each is deleted.
pub type Leading = BTreeMap<String, bool>;

/// Ages or deletes the records that are linked to the interactions of a chunk. A record that a hold keeps stays as it is.
pub async fn age(
    tx: &mut Tx<Archive>,
    (tenant, keyset): (TenantId, &Keyset),
    target: Target,
    leading: &Leading,
    (linked, month, changed_at): (&Linked, DateTime<Utc>, DateTime<Utc>),
) -> Result<Removal> {
    let rows: Vec<LinkedRow> = tx
        .query("SELECT r.id, r.external_id, r.interaction_external_id, r.phone_id, r.email_id, r.name_id, ")
        .push(value(target))
        .push(" AS value FROM ")
        .push(table(target))
        .with(" r WHERE r.tenant_id = ", tenant)
        .with_any(" AND r.interaction_external_id", leading.keys().map(String::as_str))
        .all()
        .await?;
    let ids: Vec<_> = rows.iter().map(|row| RecordId(row.id)).collect();
    let held = held::among(tx, tenant, target, &ids).await?;
    let rows: Vec<_> = rows.into_iter().filter(|row| !held.contains(&RecordId(row.id))).collect();
    let kept = linked.of(target);
    let is_deleted = |row: &LinkedRow| {
        let with_interaction =
            row.interaction_external_id.as_ref().and_then(|id| leading.get(id)).copied().unwrap_or(true);
        with_interaction || !kept.values.contains(&row.value) && !kept.has_rare
    };
    let mut removal = Removal::default();
    for row in &rows {
        removal.records.push(row.id);
        removal.identifiers.extend([row.phone_id, row.email_id, row.name_id].into_iter().flatten());
        removal.keys.push(AgedKey::new(keyset, target, &row.external_id));
    }
    let (deleted, aged): (Vec<&LinkedRow>, Vec<_>) = rows.iter().partition(|row| is_deleted(row));
    super::chunk::delete(tx, tenant, target, &deleted.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    for chunk in aged.chunks(BATCH) {
        let rows: Vec<_> = chunk.iter().map(|row| Renamed::new(row, kept)).collect();
        match target {
            Target::SmsSurvey => update::<SurveyResponse>(tx, tenant, &rows, (month, changed_at)).await?,
            Target::Archive | Target::RawData => update::<RawEvent>(tx, tenant, &rows, (month, changed_at)).await?,
        };
    }
    Ok(removal)
}

/// A linked record with its new ids.
struct Renamed {
    was: Uuid,
    id: Uuid,
    external_id: String,
    cell_key: i64,
    is_rare: bool,
}

impl Renamed {
    fn new(row: &LinkedRow, kept: &KeptValues) -> Self {
        let (id, external_id) = (IdentifierId::random().0, list::new_external_id());
        Self { was: row.id, id, external_id, cell_key: random_i64(), is_rare: !kept.values.contains(&row.value) }
    }
}

async fn update<K: RecordKind>(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    rows: &[Renamed],
    (month, changed_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<u64> {
    let query = tx.query("WITH renamed ");
    let query = if query.is_postgres() {
        query
            .with_array("AS (SELECT * FROM unnest(", rows.iter().map(|row| row.was))
            .with_array(", ", rows.iter().map(|row| row.id))
            .with_array(", ", rows.iter().map(|row| row.external_id.as_str()))
            .with_array(", ", rows.iter().map(|row| row.cell_key))
            .with_array(", ", rows.iter().map(|row| row.is_rare))
            .push(") AS one (was, id, external_id, cell_key, is_rare))")
    } else {
        query
            .push("(was, id, external_id, cell_key, is_rare) AS (VALUES ")
            .each(rows, |query, row| {
                query
                    .with("(", row.was)
                    .with(", ", row.id)
                    .with(", ", row.external_id.as_str())
                    .with(", ", row.cell_key)
                    .with(", ", row.is_rare)
                    .push(")")
            })
            .push(")")
            .once()
    };
    let query = query
        .push(" UPDATE ")
        .push(K::TABLE)
        .with(" SET at = ", month)
        .with(", changed_at = ", changed_at)
        .with(", forgotten = ", forgotten::CUSTOMER)
        .push(", id = n.id, external_id = n.external_id, cell_key = n.cell_key, interaction_external_id = NULL")
        .push(", phone_id = NULL, email_id = NULL, name_id = NULL, ")
        .push(K::TEXT)
        .push(" = NULL, ");
    let query = match K::TARGET {
        Target::SmsSurvey => query.push("score = CASE WHEN n.is_rare THEN NULL ELSE score END"),
        Target::Archive | Target::RawData => query.push("event = CASE WHEN n.is_rare THEN 'other' ELSE event END"),
    };
    query
        .push(" FROM renamed n WHERE ")
        .push(K::TABLE)
        .with(".tenant_id = ", tenant)
        .push(" AND ")
        .push(K::TABLE)
        .push(".id = n.was")
        .execute()
        .await
}
