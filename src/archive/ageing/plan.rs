//! The plan of a month: a copy of all that can be kept of its interactions, and the level of each of them.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::kept;
use super::ladder::{Features, Source};
use super::linked::{self, Linked};
use super::{Grain, Level};
use crate::archive::kinds::{Channel, Direction};
use crate::base::id::{RecordId, TenantId};
use crate::store::{Archive, Query, Result, Tx};
use crate::vault::Keyset;

/// How many rows of a plan one statement deletes.
const CLEARED: i64 = 10_000;

/// The interactions that a policy selects.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub channels: Vec<Channel>,
    /// The queues, or all of them.
    pub queues: Option<Vec<String>>,
    /// The names of the attributes that are kept.
    pub keep: Vec<String>,
}

/// The way in which a month is settled.
#[derive(Clone, Copy, Debug)]
pub struct Ladder<'l> {
    pub levels: &'l [Level],
    pub k: u32,
    /// Whether interactions that no level settles are aged to the month, if at least `k` of a channel and direction are.
    pub to_month: bool,
    /// The first day of the month, and its first instant.
    pub month: NaiveDate,
    pub starts_at: DateTime<Utc>,
    pub zone: Tz,
}

impl Chosen {
    fn of_queues<'c>(&self, query: Query<'c>) -> Query<'c> {
        match &self.queues {
            Some(queues) => query.with_any(" AND queue", queues.iter().map(String::as_str)),
            None => query,
        }
    }
}

/// The time of the oldest interaction that a policy selects and that is not aged, from an instant on.
pub async fn oldest(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    chosen: &Chosen,
    from: Option<DateTime<Utc>>,
) -> Result<Option<DateTime<Utc>>> {
    let mut oldest = None;
    for channel in &chosen.channels {
        let query = tx
            .query("SELECT at FROM interactions")
            .with(" WHERE tenant_id = ", tenant)
            .with(" AND channel = ", *channel)
            .push(" AND aged IS NULL")
            .with_some(" AND at >= ", from);
        let row: Option<(DateTime<Utc>,)> = chosen.of_queues(query).push(" ORDER BY at, id LIMIT 1").maybe().await?;
        oldest = oldest.into_iter().chain(row.map(|(at,)| at)).min();
    }
    Ok(oldest)
}

/// The next interactions of a channel that are not aged, within a span, after one.
pub async fn page(
    tx: &mut Tx<Archive>,
    (tenant, zone): (TenantId, Tz),
    (chosen, channel): (&Chosen, Channel),
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    after: Option<(DateTime<Utc>, RecordId)>,
    limit: i64,
) -> Result<Vec<Features>> {
    let query = tx
        .query("SELECT id, at, ended_at, channel, direction, queue, agent_id, outcome, ")
        .push(if chosen.keep.is_empty() { "CAST(NULL AS TEXT) AS attributes" } else { "attributes" })
        .with(" FROM interactions WHERE tenant_id = ", tenant)
        .with(" AND channel = ", channel)
        .push(" AND aged IS NULL")
        .with(" AND at >= ", from)
        .with(" AND at < ", to);
    let mut query = chosen.of_queues(query);
    if let Some((at, id)) = after {
        query = query.with(" AND (at, id) > (", at).with(", ", id).push(")");
    }
    let rows: Vec<Source> = query.with(" ORDER BY at, id LIMIT ", limit).all().await?;
    Ok(rows.into_iter().map(|source| Features::new(source, zone, &chosen.keep)).collect())
}

/// Whether a plan has rows that are not aged yet.
pub async fn has_work(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<bool> {
    let one: Option<(RecordId,)> = tx
        .query("SELECT record_id FROM ageing_work")
        .with(" WHERE tenant_id = ", tenant)
        .push(" LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}

/// Deletes some rows of a plan, and returns how many there were.
pub async fn clear(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<u64> {
    tx.query("DELETE FROM ageing_work")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND record_id IN (SELECT record_id FROM ageing_work WHERE tenant_id = ", tenant)
        .with(" ORDER BY record_id LIMIT ", CLEARED)
        .push(")")
        .execute()
        .await
}

/// Adds interactions to a plan.
pub async fn fill(tx: &mut Tx<Archive>, tenant: TenantId, rows: &[Features]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = tx.query(
        "INSERT INTO ageing_work (tenant_id, record_id, hour, day, channel, direction, queue, agent_id, outcome, seconds, \
         duration_s, attributes) ",
    );
    let query = if query.is_postgres() {
        query
            .with("SELECT ", tenant)
            .with_unnested(", ", rows.iter().map(|row| row.id.0))
            .with_unnested(", ", rows.iter().map(|row| row.hour))
            .with_unnested(", ", rows.iter().map(|row| row.day))
            .with_unnested(", ", rows.iter().map(|row| row.channel.as_str()))
            .with_unnested(", ", rows.iter().map(|row| row.direction.map(Direction::as_str)))
            .with_unnested(", ", rows.iter().map(|row| row.queue.as_deref()))
            .with_unnested(", ", rows.iter().map(|row| row.agent_id.as_deref()))
            .with_unnested(", ", rows.iter().map(|row| row.outcome.as_deref()))
            .with_unnested(", ", rows.iter().map(|row| row.seconds))
            .with_unnested(", ", rows.iter().map(|row| row.duration_s))
            .with_unnested(", ", rows.iter().map(|row| row.attributes.as_deref()))
    } else {
        query.push("VALUES ").each(rows, |query, row| with_row(query, tenant, row)).once()
    };
    query.push(" ON CONFLICT DO NOTHING").execute().await?;
    Ok(())
}

fn with_row<'c>(query: Query<'c>, tenant: TenantId, row: &Features) -> Query<'c> {
    query
        .with("(", tenant)
        .with(", ", row.id)
        .with(", ", row.hour)
        .with(", ", row.day)
        .with(", ", row.channel)
        .with(", ", row.direction)
        .with(", ", row.queue.as_deref())
        .with(", ", row.agent_id.as_deref())
        .with(", ", row.outcome.as_deref())
        .with(", ", row.seconds)
        .with(", ", row.duration_s)
        .with(", ", row.attributes.as_deref())
        .push(")")
}

/// Gives each interaction of a plan its level, adds the cells of the month's totals, and returns what is kept of the
/// survey responses and raw events. An interaction that gets no level is to be deleted.
pub async fn settle_month(
    tx: &mut Tx<Archive>,
    (tenant, keyset): (TenantId, &Keyset),
    ladder: Ladder<'_>,
) -> Result<Linked> {
    if tx.is_postgres() {
        tx.query("ANALYZE ageing_work").execute().await?;
    }
    for (number, level) in (0_i16..).zip(ladder.levels) {
        settle_level(tx, tenant, (number, level), ladder.k).await?;
    }
    if ladder.to_month {
        settle_to_month(tx, tenant, ladder).await?;
    }
    kept::add_cells(tx, tenant, ladder.month, ladder.k).await?;
    linked::keep(tx, (tenant, keyset, ladder.zone), ladder.k).await
}

/// Settles the interactions whose class has at least `k` of those that no earlier level has settled. The classes are
/// those of [`super::settle`]. The id of a class is that of its first interaction.
async fn settle_level(tx: &mut Tx<Archive>, tenant: TenantId, (number, level): (i16, &Level), k: u32) -> Result<u64> {
    let query = tx.query("UPDATE ageing_work SET class_id = c.class_id").with(", ladder_level = ", number);
    let query = query.push(" FROM (SELECT w.record_id, count(*) OVER (PARTITION BY ");
    let query = with_class(query, *level).push(") AS n, first_value(w.record_id) OVER (PARTITION BY ");
    with_class(query, *level)
        .with(" ORDER BY w.record_id) AS class_id FROM ageing_work w WHERE w.tenant_id = ", tenant)
        .with(" AND w.ladder_level IS NULL) AS c WHERE ageing_work.tenant_id = ", tenant)
        .with(" AND ageing_work.record_id = c.record_id AND c.n >= ", i64::from(k))
        .execute()
        .await
}

/// Appends the columns of the classes of a level.
fn with_class(query: Query<'_>, level: Level) -> Query<'_> {
    let mut query = query.push("w.channel, w.direction").push(match level.time {
        Grain::Hour => ", w.hour",
        Grain::Day => ", w.day",
        Grain::Month => "",
    });
    for (column, is_kept) in [
        (", w.duration_s", level.duration),
        (", w.queue", level.queue),
        (", w.agent_id", level.agent_id),
        (", w.outcome", level.outcome),
        (", w.attributes", level.attributes),
    ] {
        query = if is_kept { query.push(column) } else { query };
    }
    query
}

/// Settles the interactions that are left to the month, if the class has at least `k` with those that were aged to this
/// month before.
async fn settle_to_month(tx: &mut Tx<Archive>, tenant: TenantId, ladder: Ladder<'_>) -> Result<()> {
    let left: Vec<(Channel, Option<Direction>, i64)> = tx
        .query("SELECT channel, direction, count(*) FROM ageing_work")
        .with(" WHERE tenant_id = ", tenant)
        .push(" AND ladder_level IS NULL GROUP BY channel, direction")
        .all()
        .await?;
    let number = i16::try_from(ladder.levels.len()).unwrap_or(i16::MAX);
    for (channel, direction, count) in left {
        let before: i64 = tx
            .query("SELECT count(*) FROM interactions")
            .with(" WHERE tenant_id = ", tenant)
            .with(" AND channel = ", channel)
            .with(" AND at = ", ladder.starts_at)
            .with(" AND aged = ", Grain::Month.as_str())
            .with(" AND direction IS NOT DISTINCT FROM ", direction)
            .push(" AND queue IS NULL AND agent_id IS NULL AND outcome IS NULL AND duration_s IS NULL")
            .push(" AND attributes IS NULL")
            .scalar()
            .await?;
        if count + before < i64::from(ladder.k) {
            continue;
        }
        tx.query("UPDATE ageing_work SET")
            .with(" ladder_level = ", number)
            .with(", class_id = ", RecordId::new())
            .with(" WHERE tenant_id = ", tenant)
            .push(" AND ladder_level IS NULL")
            .with(" AND channel = ", channel)
            .with(" AND direction IS NOT DISTINCT FROM ", direction)
            .execute()
            .await?;
    }
    Ok(())
}
