//! A chunk of a planned month: its interactions are aged or deleted, with all that leads back to them.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::linked::{self, Leading, Linked};
use super::list::{self, AgedKey};
use super::{Grain, Level, kept};
use crate::archive::expressions;
use crate::archive::kinds::{Channel, Direction, table};
use crate::archive::mentions::{self, Owner};
use crate::archive::model::forgotten;
use crate::archive::unlink;
use crate::audit;
use crate::base::actor::Actor;
use crate::base::clock::Clock;
use crate::base::day::start_of_day;
use crate::base::id::{IdentifierId, RecordId, TenantId, random_i64};
use crate::base::target::Target;
use crate::store::{Archive, Query, Result, Sql, Tx};
use crate::vault::Keyset;

/// The most records of one statement. An interaction may have any number of survey responses and events, and SQLite limits
/// the values of a statement.
pub(super) const BATCH: usize = 1_000;

/// The name of the nightly job in the audit log.
const ACTOR: &str = "nightly";

/// An interaction of a plan, with what is kept of it and what it has now.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ChunkRow {
    pub record_id: RecordId,
    hour: DateTime<Utc>,
    pub(super) day: NaiveDate,
    pub(super) channel: Channel,
    pub(super) direction: Option<Direction>,
    pub(super) queue: Option<String>,
    pub(super) agent_id: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) seconds: Option<i32>,
    duration_s: Option<i32>,
    attributes: Option<String>,
    ladder_level: Option<i16>,
    /// The class of an interaction that is aged.
    pub class_id: Option<RecordId>,
    /// The bits of the cell key that are summed.
    pub(super) cell_key: i64,
    external_id: String,
    phone_id: Option<IdentifierId>,
    email_id: Option<IdentifierId>,
    name_id: Option<IdentifierId>,
}

/// The rules of a planned month.
pub struct MonthRules<'r> {
    pub tenant: TenantId,
    pub keyset: &'r Keyset,
    pub zone: Tz,
    pub levels: &'r [Level],
    pub month: NaiveDate,
    pub linked: &'r Linked,
    /// The time of the change that all records of the month get. Otherwise the members of a class could be told apart.
    pub changed_at: DateTime<Utc>,
}

/// The outcome of a chunk.
#[derive(Debug, Default)]
pub struct AgedChunk {
    pub aged: u64,
    pub deleted: u64,
    /// Identifiers that have lost a reference.
    pub identifiers: Vec<IdentifierId>,
}

/// The records that have lost their ids, and all that they referred to.
#[derive(Default)]
pub struct Removal {
    pub records: Vec<Uuid>,
    pub identifiers: Vec<IdentifierId>,
    pub keys: Vec<AgedKey>,
}

/// Some interactions of a plan as they are now. No other transaction changes them, or adds content, until this one ends.
pub async fn lock(tx: &mut Tx<Archive>, tenant: TenantId, ids: &[RecordId]) -> Result<Vec<ChunkRow>> {
    tx.query(
        "SELECT w.record_id, w.hour, w.day, w.channel, w.direction, w.queue, w.agent_id, w.outcome, w.seconds, \
         w.duration_s, w.attributes, w.ladder_level, w.class_id, i.cell_key & ",
    )
    .push(expressions::CELL_KEY)
    .push(
        " AS cell_key, i.external_id, i.phone_id, i.email_id, i.name_id FROM ageing_work w \
         JOIN interactions i ON i.id = w.record_id",
    )
    .with(" WHERE w.tenant_id = ", tenant)
    .with(" AND i.tenant_id = ", tenant)
    .with_any(" AND w.record_id", ids.iter().copied())
    .push(" ORDER BY w.record_id")
    .push(Sql::per(" FOR UPDATE OF i", ""))
    .all()
    .await
}

/// Ages and deletes the interactions of a chunk. The list of external ids, the kept totals, and the plan follow in the
/// same transaction. The caller deletes the ids of the interactions from the audit log.
pub async fn apply(
    tx: &mut Tx<Archive>,
    rules: &MonthRules<'_>,
    ids: &[RecordId],
    rows: &[ChunkRow],
) -> Result<AgedChunk> {
    let MonthRules { tenant, keyset, .. } = *rules;
    let (deleted, aged): (Vec<&ChunkRow>, Vec<_>) = rows.iter().partition(|row| row.ladder_level.is_none());
    let mut removals = vec![(Target::Archive, of_interactions(keyset, rows))];
    let leading = leading(keyset, rows);
    for target in linked::TARGETS {
        removals.push((target, linked::age(tx, rules, target, &leading).await?));
    }
    let mut outcome = AgedChunk { aged: aged.len() as u64, deleted: deleted.len() as u64, identifiers: Vec::new() };
    let mut identifiers = BTreeSet::new();
    for (target, removal) in removals {
        let owner = Owner::from(target);
        if !removal.records.is_empty() && mentions::is_any(tx, tenant, owner).await? {
            for records in removal.records.chunks(BATCH) {
                let query = unlink::identifiers_in(tx.query(""), tenant, owner, records.iter().copied());
                let mentioned: Vec<(IdentifierId,)> = query.all().await?;
                identifiers.extend(mentioned.into_iter().map(|(id,)| id));
                mentions::delete(tx, tenant, owner, records).await?;
            }
        }
        identifiers.extend(removal.identifiers);
        list::add(tx, tenant, &removal.keys).await?;
        if target != Target::Archive {
            forget_in_audit_log(tx, tenant, &removal.records).await?;
        }
    }
    outcome.identifiers.extend(identifiers);
    delete(tx, tenant, Target::Archive, &rows.iter().map(|row| row.record_id.0).collect::<Vec<_>>()).await?;
    insert(tx, rules, &aged).await?;
    touch_month(tx, rules, &aged).await?;
    kept::add(tx, tenant, rules.month, rows).await?;
    tx.query("DELETE FROM ageing_work")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND record_id", ids.iter().copied())
        .execute()
        .await?;
    Ok(outcome)
}

/// Deletes the ids of survey responses and raw events from the audit log. An id tells when its record arrived, and a row
/// may name all records of one customer.
async fn forget_in_audit_log(tx: &mut Tx<Archive>, tenant: TenantId, records: &[Uuid]) -> Result<()> {
    if records.is_empty() || !audit::any_record(tx, tenant).await? {
        return Ok(());
    }
    let actor = Actor::service(tenant, ACTOR);
    for records in records.chunks(BATCH) {
        audit::unlink(tx, Clock::System, &actor, |query| {
            let query = query.push("WITH gone (id) AS (VALUES ");
            query.each(records, |query, id| query.with("(", *id).push(")")).push(")").once()
        })
        .await?;
    }
    Ok(())
}

fn of_interactions(keyset: &Keyset, rows: &[ChunkRow]) -> Removal {
    let identifiers = rows.iter().flat_map(|row| [row.phone_id, row.email_id, row.name_id]).flatten();
    Removal {
        records: rows.iter().map(|row| row.record_id.0).collect(),
        identifiers: identifiers.collect(),
        keys: rows.iter().map(|row| AgedKey::new(keyset, Target::Archive, &row.external_id)).collect(),
    }
}

fn leading(keyset: &Keyset, rows: &[ChunkRow]) -> Leading {
    let both = rows.iter().flat_map(|row| linked::both_ids(keyset, &row.external_id, row.ladder_level.is_none()));
    both.collect()
}

/// Deletes records.
pub async fn delete(tx: &mut Tx<Archive>, tenant: TenantId, target: Target, ids: &[Uuid]) -> Result<()> {
    for ids in ids.chunks(BATCH) {
        let query = tx.query("DELETE FROM ").push(table(target)).with(" WHERE tenant_id = ", tenant);
        query.with_any(" AND id", ids.iter().copied()).execute().await?;
    }
    Ok(())
}

/// An interaction as it becomes.
struct AgedInteraction<'r> {
    id: Uuid,
    external_id: String,
    at: DateTime<Utc>,
    aged: Grain,
    channel: Channel,
    direction: Option<Direction>,
    queue: Option<&'r str>,
    agent_id: Option<&'r str>,
    outcome: Option<&'r str>,
    duration_s: Option<i32>,
    attributes: Option<&'r str>,
    cell_key: i64,
}

impl<'r> AgedInteraction<'r> {
    fn new(rules: &MonthRules<'_>, row: &'r ChunkRow) -> Self {
        let number = row.ladder_level.and_then(|number| usize::try_from(number).ok());
        let level = number.and_then(|number| rules.levels.get(number)).unwrap_or(&Level::MONTH);
        let day = |day| start_of_day(day, rules.zone).unwrap_or(row.hour);
        let at = match level.time {
            Grain::Hour => row.hour,
            Grain::Day => day(row.day),
            Grain::Month => day(rules.month),
        };
        let kept = |is_kept: bool, value: &'r Option<String>| value.as_deref().filter(|_| is_kept);
        Self {
            id: IdentifierId::random().0,
            external_id: list::new_external_id(),
            at,
            aged: level.time,
            channel: row.channel,
            direction: row.direction,
            queue: kept(level.queue, &row.queue),
            agent_id: kept(level.agent_id, &row.agent_id),
            outcome: kept(level.outcome, &row.outcome),
            duration_s: row.duration_s.filter(|_| level.duration),
            attributes: kept(level.attributes, &row.attributes),
            cell_key: random_i64(),
        }
    }
}

/// The bits of what an aged interaction has lost: the same for all, also if they never had it, and no content comes back.
const LOST: i16 = forgotten::CUSTOMER | forgotten::CONTENT;

/// Inserts the interactions of a chunk as they become, in the order of their new random ids. A row that is updated keeps
/// its place among the others: SQLite its number, and PostgreSQL the order in which the rows were found. So the order of
/// a table or of a dump would tell which call each of them was.
async fn insert(tx: &mut Tx<Archive>, rules: &MonthRules<'_>, rows: &[&ChunkRow]) -> Result<()> {
    let mut rows: Vec<_> = rows.iter().map(|row| AgedInteraction::new(rules, row)).collect();
    rows.sort_unstable_by_key(|row| row.id);
    for rows in rows.chunks(BATCH) {
        let query = tx.query(
            "INSERT INTO interactions (tenant_id, changed_at, forgotten, id, external_id, at, aged, channel, direction, \
             queue, agent_id, outcome, duration_s, attributes, cell_key) ",
        );
        let query = if query.is_postgres() {
            query
                .with("SELECT ", rules.tenant)
                .with(", ", rules.changed_at)
                .with(", ", LOST)
                .with_unnested(", ", rows.iter().map(|row| row.id))
                .with_unnested(", ", rows.iter().map(|row| row.external_id.as_str()))
                .with_unnested(", ", rows.iter().map(|row| row.at))
                .with_unnested(", ", rows.iter().map(|row| row.aged.as_str()))
                .with_unnested(", ", rows.iter().map(|row| row.channel.as_str()))
                .with_unnested(", ", rows.iter().map(|row| row.direction.map(Direction::as_str)))
                .with_unnested(", ", rows.iter().map(|row| row.queue))
                .with_unnested(", ", rows.iter().map(|row| row.agent_id))
                .with_unnested(", ", rows.iter().map(|row| row.outcome))
                .with_unnested(", ", rows.iter().map(|row| row.duration_s))
                .with_unnested(", ", rows.iter().map(|row| row.attributes))
                .with_unnested(", ", rows.iter().map(|row| row.cell_key))
        } else {
            query.push("VALUES ").each(rows, |query, row| with_row(query, rules, row)).once()
        };
        query.execute().await?;
    }
    Ok(())
}

/// Gives the interactions that were aged to this month before the time of this change, if late ones have joined them. Otherwise
/// the time would tell which of them were late.
async fn touch_month(tx: &mut Tx<Archive>, rules: &MonthRules<'_>, rows: &[&ChunkRow]) -> Result<()> {
    let is_of_month =
        |row: &&&ChunkRow| row.ladder_level.and_then(|no| usize::try_from(no).ok()) == Some(rules.levels.len());
    let channels: BTreeSet<_> = rows.iter().filter(is_of_month).map(|row| row.channel.as_str()).collect();
    let Some(at) = start_of_day(rules.month, rules.zone).filter(|_| !channels.is_empty()) else { return Ok(()) };
    tx.query("UPDATE interactions SET")
        .with(" changed_at = ", rules.changed_at)
        .with(" WHERE tenant_id = ", rules.tenant)
        .with_any(" AND channel", channels)
        .with(" AND at = ", at)
        .with(" AND aged = ", Grain::Month.as_str())
        .push(" AND queue IS NULL AND agent_id IS NULL AND outcome IS NULL AND duration_s IS NULL")
        .with(" AND attributes IS NULL AND changed_at <> ", rules.changed_at)
        .execute()
        .await?;
    Ok(())
}

fn with_row<'c>(query: Query<'c>, rules: &MonthRules<'_>, row: &AgedInteraction<'_>) -> Query<'c> {
    query
        .with("(", rules.tenant)
        .with(", ", rules.changed_at)
        .with(", ", LOST)
        .with(", ", row.id)
        .with(", ", row.external_id.as_str())
        .with(", ", row.at)
        .with(", ", row.aged.as_str())
        .with(", ", row.channel)
        .with(", ", row.direction)
        .with(", ", row.queue)
        .with(", ", row.agent_id)
        .with(", ", row.outcome)
        .with(", ", row.duration_s)
        .with(", ", row.attributes)
        .with(", ", row.cell_key)
        .push(")")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Stage;

    /// SQLite takes 32,766 values in a statement.
    #[tokio::test]
    async fn an_interaction_may_have_any_number_of_events() {
        let stage = Stage::new("ageing", &[]).await;
        let ids: Vec<_> = (0..40_000).map(|_| RecordId::new().0).collect();
        let mut tx = stage.app.archive.write().await.unwrap();
        delete(&mut tx, stage.tenant.id, Target::RawData, &ids).await.unwrap();
    }
}
