//! The survey responses and raw events of aged interactions. They keep their own month and their score, or the name of
//! the event. Nothing leads from them to their interaction any more, because a score may be rare among the calls of an
//! hour.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chunk::{BATCH, MonthRules, Removal};
use super::list::{self, AgedKey};
use super::{Grain, first_of_month, scores};
use crate::archive::expressions;
use crate::archive::held;
use crate::archive::kinds::table;
use crate::archive::model::forgotten;
use crate::archive::parsed::keyed_id;
use crate::base::day::{local_day, start_of_day};
use crate::base::id::{IdentifierId, RecordId, TenantId, random_i64};
use crate::base::target::Target;
use crate::store::{Archive, Result, Tx};
use crate::vault::Keyset;

/// How many interactions of a plan one statement reads.
const PAGE: i64 = 2_000;

/// The first day of a record's month, and its value.
type Value = (NaiveDate, Option<String>);

/// The values of the survey responses and raw events of a plan that are kept, because at least `k` records of a month have
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    scores: KeptValues,
    events: KeptValues,
}

/// The values that are kept. Rare values of a month are lost, if there are at least `k` of them. Otherwise their records
/// are deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KeptValues {
    values: BTreeSet<Value>,
    /// The months with at least `k` records that have rare values.
    with_rare: BTreeSet<NaiveDate>,
}

impl KeptValues {
    /// `counts` are the records that stay.
    fn new(counts: impl Iterator<Item = (Value, u64)>, k: u64) -> Self {
        let (mut kept, mut rare) = (Self::default(), BTreeMap::<NaiveDate, u64>::new());
        for (value, count) in counts {
            if count >= k {
                kept.values.insert(value);
            } else {
                *rare.entry(value.0).or_default() += count;
            }
        }
        kept.with_rare = rare.into_iter().filter(|(_, count)| *count >= k).map(|(month, _)| month).collect();
        kept
    }

    fn has(&self, value: &Value) -> bool {
        self.values.contains(value) || self.with_rare.contains(&value.0)
    }
}

impl Linked {
    fn of(&self, target: Target) -> &KeptValues {
        if target == Target::SmsSurvey { &self.scores } else { &self.events }
    }
}

/// The name of an event whose own name is rare.
const OTHER: &str = "other";

/// The targets whose records are linked to interactions.
pub const TARGETS: [Target; 2] = [Target::SmsSurvey, Target::RawData];

/// The column of the value, as text.
const fn value(target: Target) -> &'static str {
    match target {
        Target::SmsSurvey => "CAST(r.score AS TEXT)",
        Target::Archive | Target::RawData => "r.event",
    }
}

/// How many records have a value: all of them, and those whose interaction is aged and not deleted.
#[derive(Clone, Copy, Default)]
struct Count {
    all: u64,
    aged: u64,
}

/// Counts the values of the records that are linked to the interactions of a plan, and adds the cells of the kept scores.
pub async fn keep(tx: &mut Tx<Archive>, (tenant, keyset, zone): (TenantId, &Keyset, Tz), k: u32) -> Result<Linked> {
    let mut kept = BTreeMap::new();
    for target in TARGETS {
        let counts = if is_any(tx, tenant, target).await? {
            count(tx, (tenant, keyset, zone), target).await?
        } else {
            BTreeMap::new()
        };
        if target == Target::SmsSurvey {
            let common = counts.iter().filter(|(_, count)| count.all >= u64::from(k));
            let cells = common.map(|((month, score), _)| scores::cell(*month, score.as_deref()));
            scores::add_cells(tx, tenant, cells).await?;
        }
        let aged = counts.into_iter().map(|(value, count)| (value, count.aged)).filter(|(_, count)| *count > 0);
        kept.insert(target, KeptValues::new(aged, k.into()));
    }
    let mut of = |target| kept.remove(&target).unwrap_or_default();
    Ok(Linked { scores: of(Target::SmsSurvey), events: of(Target::RawData) })
}

/// Whether any record of a target is linked to an interaction.
async fn is_any(tx: &mut Tx<Archive>, tenant: TenantId, target: Target) -> Result<bool> {
    let query = tx.query("SELECT r.id FROM ").push(table(target)).with(" r WHERE r.tenant_id = ", tenant);
    let one: Option<(Uuid,)> = query.push(" AND r.interaction_external_id IS NOT NULL LIMIT 1").maybe().await?;
    Ok(one.is_some())
}

/// Counts the values of the records that [`age`] will find, page by page. So they are found by the same two ids, and
/// records that a hold keeps count for nothing.
async fn count(
    tx: &mut Tx<Archive>,
    (tenant, keyset, zone): (TenantId, &Keyset, Tz),
    target: Target,
) -> Result<BTreeMap<Value, Count>> {
    let (mut counts, mut after) = (BTreeMap::<Value, Count>::new(), None::<RecordId>);
    loop {
        let page: Vec<(RecordId, String, bool)> = tx
            .query("SELECT w.record_id, i.external_id, w.ladder_level IS NULL AS is_deleted")
            .push(" FROM ageing_work w JOIN interactions i ON i.id = w.record_id")
            .with(" WHERE w.tenant_id = ", tenant)
            .with(" AND i.tenant_id = ", tenant)
            .with_some(" AND w.record_id > ", after)
            .with(" ORDER BY w.record_id LIMIT ", PAGE)
            .all()
            .await?;
        let Some((last, ..)) = page.last() else { return Ok(counts) };
        after = Some(*last);
        let ids = page.iter().flat_map(|(_, external_id, is_deleted)| both_ids(keyset, external_id, *is_deleted));
        let leading: Leading = ids.collect();
        for row in rows(tx, tenant, target, &leading).await? {
            let count = counts.entry((row.month(zone), row.value.clone())).or_default();
            count.all += 1;
            count.aged += u64::from(!row.is_with_deleted(&leading));
        }
    }
}

/// The ids by which a survey response or an event names its interaction: as it was sent, or the keyed hash of that.
pub fn both_ids(keyset: &Keyset, external_id: &str, is_deleted: bool) -> [(String, bool); 2] {
    [(external_id.to_owned(), is_deleted), (keyed_id(keyset, external_id), is_deleted)]
}

#[derive(sqlx::FromRow)]
struct LinkedRow {
    id: Uuid,
    at: DateTime<Utc>,
    external_id: String,
    interaction_external_id: Option<String>,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    name_id: Option<IdentifierId>,
    cell_key: i64,
    value: Option<String>,
}

impl LinkedRow {
    /// The first day of the local month of the record itself.
    fn month(&self, zone: Tz) -> NaiveDate {
        first_of_month(local_day(self.at, zone))
    }

    fn is_with_deleted(&self, leading: &Leading) -> bool {
        self.interaction_external_id.as_ref().and_then(|id| leading.get(id)).copied().unwrap_or(true)
    }
}

/// The interactions of a chunk by the external ids that lead to them, and whether each is deleted.
pub type Leading = BTreeMap<String, bool>;

/// The records that are linked to some interactions, but for those that a hold keeps.
async fn rows(tx: &mut Tx<Archive>, tenant: TenantId, target: Target, leading: &Leading) -> Result<Vec<LinkedRow>> {
    let mut rows: Vec<LinkedRow> = tx
        .query("SELECT r.id, r.at, r.external_id, r.interaction_external_id, r.phone_id, r.email_id, r.name_id, ")
        .push("r.cell_key & ")
        .push(expressions::CELL_KEY)
        .push(" AS cell_key, ")
        .push(value(target))
        .push(" AS value FROM ")
        .push(table(target))
        .with(" r WHERE r.tenant_id = ", tenant)
        .with_any(" AND r.interaction_external_id", leading.keys().map(String::as_str))
        .all()
        .await?;
    let ids: Vec<_> = rows.iter().map(|row| RecordId(row.id)).collect();
    let held = held::among(tx, tenant, target, &ids).await?;
    rows.retain(|row| !held.contains(&RecordId(row.id)));
    Ok(rows)
}

/// Ages or deletes the records that are linked to the interactions of a chunk. A record that a hold keeps stays as it is.
pub async fn age(tx: &mut Tx<Archive>, rules: &MonthRules<'_>, target: Target, leading: &Leading) -> Result<Removal> {
    let MonthRules { tenant, keyset, zone, linked, changed_at, .. } = *rules;
    let rows = rows(tx, tenant, target, leading).await?;
    let kept = linked.of(target);
    let is_deleted = |row: &LinkedRow| row.is_with_deleted(leading) || !kept.has(&(row.month(zone), row.value.clone()));
    let mut removal = Removal::default();
    for row in &rows {
        removal.records.push(row.id);
        removal.identifiers.extend([row.phone_id, row.email_id, row.name_id].into_iter().flatten());
        removal.keys.push(AgedKey::new(keyset, target, &row.external_id));
    }
    if target == Target::SmsSurvey {
        let cell = |row: &LinkedRow| scores::cell(row.month(zone), row.value.as_deref());
        scores::add(tx, tenant, rows.iter().map(|row| (cell(row), row.cell_key))).await?;
    }
    super::chunk::delete(tx, tenant, target, &removal.records).await?;
    let aged = rows.iter().filter(|row| !is_deleted(row));
    let mut aged: Vec<_> = aged.map(|row| AgedRecord::new(row, kept, zone)).collect();
    // As of the interactions, the order of the rows must not tell which record each of them was.
    aged.sort_unstable_by_key(|row| row.id);
    for rows in aged.chunks(BATCH) {
        insert(tx, tenant, target, rows, changed_at).await?;
    }
    Ok(removal)
}

/// A linked record as it becomes: with new ids, at the beginning of its month.
struct AgedRecord<'r> {
    id: Uuid,
    external_id: String,
    at: DateTime<Utc>,
    cell_key: i64,
    /// The value, unless it is rare.
    value: Option<&'r str>,
}

impl<'r> AgedRecord<'r> {
    fn new(row: &'r LinkedRow, kept: &KeptValues, zone: Tz) -> Self {
        let (id, external_id) = (IdentifierId::random().0, list::new_external_id());
        let month = row.month(zone);
        let at = start_of_day(month, zone).unwrap_or(row.at);
        let value = row.value.as_deref().filter(|_| kept.values.contains(&(month, row.value.clone())));
        Self { id, external_id, at, cell_key: random_i64(), value }
    }
}

async fn insert(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    target: Target,
    rows: &[AgedRecord<'_>],
    changed_at: DateTime<Utc>,
) -> Result<u64> {
    let query = tx.query("INSERT INTO ").push(table(target)).push(match target {
        Target::SmsSurvey => " (tenant_id, changed_at, forgotten, id, external_id, at, cell_key, score, aged) VALUES ",
        Target::Archive | Target::RawData => {
            " (tenant_id, changed_at, forgotten, id, external_id, at, cell_key, event) VALUES "
        }
    });
    let query = query.each(rows, |query, row| {
        let query = query
            .with("(", tenant)
            .with(", ", changed_at)
            .with(", ", forgotten::CUSTOMER)
            .with(", ", row.id)
            .with(", ", row.external_id.as_str())
            .with(", ", row.at)
            .with(", ", row.cell_key);
        match target {
            Target::SmsSurvey => query
                .with(", ", row.value.and_then(|score| score.parse::<i16>().ok()))
                .with(", ", Grain::Month.as_str()),
            Target::Archive | Target::RawData => query.with(", ", row.value.unwrap_or(OTHER)),
        }
        .push(")")
    });
    query.once().execute().await
}
