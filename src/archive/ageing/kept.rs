//! The totals of aged and deleted interactions: by day, queue, channel, direction, and outcome, and by month, agent, and
//! channel.
//!
//! A cell with fewer than `k` interactions is added to the cell `other` of its month and channel, and so is the smallest new
//! one of the others, if `other` would have fewer than `k` without it. So sums by month and channel are exact, and finer ones
//! differ by at most `other`. Each chunk adds the interactions that it ages. So the
//! totals of a month are at each instant the sum of what is kept and of the interactions that are not aged.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Months, NaiveDate};

use super::chunk::ChunkRow;
use super::first_of_month;
use crate::archive::counting::CountFilter;
use crate::archive::expressions::with_channels;
use crate::archive::kinds::{Channel, Direction};
use crate::base::id::TenantId;
use crate::store::{Archive, Query, Result, Sql, Tx};

/// A cell of the totals by day. An absent value is the empty text.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct KeptTotals {
    /// The local day. The cells `other` have the first day of their month.
    pub day: NaiveDate,
    pub channel: Channel,
    /// Whether this is the sum of the small cells of the month.
    pub is_other: bool,
    pub direction: String,
    pub queue: String,
    pub outcome: String,
    pub n: i64,
    /// The number of those with a duration, and the sum of their seconds.
    pub timed: i64,
    pub seconds: i64,
    /// The sum of the cell keys that the interactions had before they were aged.
    pub cell_key: i64,
}

/// A cell of the totals by month and agent.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct KeptAgents {
    /// The first day of the month.
    pub month: NaiveDate,
    pub channel: Channel,
    pub is_other: bool,
    pub agent_id: String,
    pub n: i64,
    pub timed: i64,
    pub seconds: i64,
    pub cell_key: i64,
}

/// The days of a total: from a local day up to another, which is excluded.
pub type Days = (NaiveDate, NaiveDate);

/// Gives each cell of some days that has a filter's values to `take`. `other` belongs to a whole month and has no words,
/// so a span should consist of whole months. The filter by agent is left to [`each_by_agent`].
pub async fn each_by_day(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (from, to): Days,
    filter: &CountFilter,
    take: impl FnMut(KeptTotals),
) -> Result<()> {
    let query = tx
        .query(
            "SELECT day, channel, kind = 'other' AS is_other, direction, queue, outcome, n, timed, seconds, cell_key",
        )
        .with(" FROM kept_totals WHERE tenant_id = ", tenant)
        .with(" AND day >= ", from)
        .with(" AND day < ", to)
        .push(" AND n > 0");
    let query = with_word(of_channels(query, filter), "queue", filter.queue.as_deref());
    with_word(query, "outcome", filter.outcome.as_deref()).for_each(take).await
}

/// The same by agent, of the months from the one of a day up to another, which is excluded.
pub async fn each_by_agent(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    (from, to): Days,
    filter: &CountFilter,
    take: impl FnMut(KeptAgents),
) -> Result<()> {
    let query = tx
        .query("SELECT month, channel, kind = 'other' AS is_other, agent_id, n, timed, seconds, cell_key")
        .with(" FROM kept_agents WHERE tenant_id = ", tenant)
        .with(" AND month >= ", first_of_month(from))
        .with(" AND month < ", to)
        .push(" AND n > 0");
    with_word(of_channels(query, filter), "agent_id", filter.agent_id.as_deref()).for_each(take).await
}

/// Whether an aged interaction of some days may have a filter's values. A small cell may have any words and any day of its
/// month.
pub async fn has_kept(tx: &mut Tx<Archive>, tenant: TenantId, (from, to): Days, filter: &CountFilter) -> Result<bool> {
    let query = tx
        .query("SELECT n FROM kept_totals")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND day >= ", first_of_month(from))
        .with(" AND day < ", to)
        .push(" AND n > 0");
    let query = of_channels(query, filter).with(" AND (kind = 'other' OR day >= ", from);
    let query = with_word(query, "queue", filter.queue.as_deref());
    let query = with_word(query, "outcome", filter.outcome.as_deref());
    let cell: Option<(i64,)> = query.push(") LIMIT 1").maybe().await?;
    let Some(agent) = filter.agent_id.as_deref().filter(|_| cell.is_some()) else { return Ok(cell.is_some()) };
    let query = tx
        .query("SELECT n FROM kept_agents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND month >= ", first_of_month(from))
        .with(" AND month < ", to)
        .push(" AND n > 0");
    let query = of_channels(query, filter).with(" AND (kind = 'other' OR agent_id = ", agent);
    let cell: Option<(i64,)> = query.push(") LIMIT 1").maybe().await?;
    Ok(cell.is_some())
}

fn of_channels<'c>(query: Query<'c>, filter: &CountFilter) -> Query<'c> {
    with_channels(query, "channel", filter.channels.as_deref())
}

/// Appends the condition that a cell has a word. Small cells have no word of their own.
fn with_word<'c>(query: Query<'c>, column: &'static str, word: Option<&str>) -> Query<'c> {
    match word {
        Some(word) => query.push(" AND kind = 'cell' AND ").push(column).with(" = ", word),
        None => query,
    }
}

/// Whether interactions of some channels and of a month were aged before. Interactions that come after that are late.
pub async fn has_month(tx: &mut Tx<Archive>, tenant: TenantId, channels: &[Channel], month: NaiveDate) -> Result<bool> {
    let query = tx.query("SELECT n FROM kept_agents").with(" WHERE tenant_id = ", tenant).with(" AND month = ", month);
    let one: Option<(i64,)> =
        with_channels(query, "channel", Some(channels)).push(" AND n > 0 LIMIT 1").maybe().await?;
    Ok(one.is_some())
}

/// Adds the cells of a planned month that have at least `k` interactions, with no interactions yet.
pub async fn add_cells(tx: &mut Tx<Archive>, tenant: TenantId, month: NaiveDate, k: u32) -> Result<()> {
    tx.query("INSERT INTO kept_totals (tenant_id, day, channel, kind, direction, queue, outcome, n, timed, seconds, cell_key)")
        .with(" SELECT ", tenant)
        .push(Sql::CAST_UUID)
        .push(", day, channel, 'cell', coalesce(direction, ''), coalesce(queue, ''), coalesce(outcome, ''), 0, 0, 0, 0")
        .with(" FROM ageing_work WHERE tenant_id = ", tenant)
        .push(" GROUP BY day, channel, coalesce(direction, ''), coalesce(queue, ''), coalesce(outcome, '')")
        .with(" HAVING count(*) >= ", i64::from(k))
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await?;
    tx.query("INSERT INTO kept_agents (tenant_id, month, channel, kind, agent_id, n, timed, seconds, cell_key)")
        .with(" SELECT ", tenant)
        .push(Sql::CAST_UUID)
        .with(", ", month)
        .push(Sql::per("::date", ""))
        .push(", channel, 'cell', coalesce(agent_id, ''), 0, 0, 0, 0")
        .with(" FROM ageing_work WHERE tenant_id = ", tenant)
        .push(" GROUP BY channel, coalesce(agent_id, '')")
        .with(" HAVING count(*) >= ", i64::from(k))
        .push(" ON CONFLICT DO NOTHING")
        .execute()
        .await?;
    widen_other(tx, tenant, month, k).await
}

/// One of the two tables of kept totals.
struct KeptGrain {
    table: &'static str,
    /// The column of the day that `other` has.
    day: &'static str,
    /// The columns of a cell but for its channel and its month.
    columns: &'static str,
    /// The same of the interactions of a plan, as they are selected, and as they are grouped.
    values: &'static str,
    groups: &'static str,
}

const BY_DAY: KeptGrain = KeptGrain {
    table: "kept_totals",
    day: "day",
    columns: "day, direction, queue, outcome",
    values: "day, coalesce(direction, '') AS direction, coalesce(queue, '') AS queue, coalesce(outcome, '') AS outcome",
    groups: "day, coalesce(direction, ''), coalesce(queue, ''), coalesce(outcome, '')",
};

const BY_AGENT: KeptGrain = KeptGrain {
    table: "kept_agents",
    day: "month",
    columns: "agent_id",
    values: "coalesce(agent_id, '') AS agent_id",
    groups: "coalesce(agent_id, '')",
};

/// A channel of a planned month.
#[derive(Clone, Copy)]
struct PlannedChannel {
    tenant: TenantId,
    month: NaiveDate,
    channel: Channel,
}

impl KeptGrain {
    /// Appends the condition of the cells of a month and channel.
    fn with_cells<'c>(&self, query: Query<'c>, of: PlannedChannel) -> Query<'c> {
        let next = of.month.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
        let query = query.push(self.table).with(" WHERE tenant_id = ", of.tenant).with(" AND channel = ", of.channel);
        let query = query.push(" AND ").push(self.day).with(" >= ", of.month);
        query.push(" AND ").push(self.day).with(" < ", next)
    }

    /// Appends the planned interactions by cell, with their number as `n`.
    fn with_planned<'c>(&self, query: Query<'c>, of: PlannedChannel) -> Query<'c> {
        let query = query.push("(SELECT ").push(self.values).push(", count(*) AS n FROM ageing_work");
        let query = query.with(" WHERE tenant_id = ", of.tenant).with(" AND channel = ", of.channel);
        query.push(" GROUP BY ").push(self.groups).push(") AS planned WHERE (").push(self.columns).push(")")
    }

    /// How many planned interactions have no cell, and how many `other` has already.
    async fn other(&self, tx: &mut Tx<Archive>, of: PlannedChannel) -> Result<(i64, i64)> {
        let query = self.with_planned(tx.query("SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM "), of);
        let query = query.push(" NOT IN (SELECT ").push(self.columns).push(" FROM ");
        let planned = self.with_cells(query, of).push(" AND kind = 'cell')").scalar().await?;
        let query = tx.query("SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM ");
        Ok((planned, self.with_cells(query, of).push(" AND kind = 'other'").scalar().await?))
    }

    /// Deletes the smallest of the cells that are new.
    async fn delete_smallest(&self, tx: &mut Tx<Archive>, of: PlannedChannel) -> Result<u64> {
        let Self { columns, .. } = *self;
        let query = self.with_cells(tx.query("DELETE FROM "), of).push(" AND kind = 'cell' AND n = 0 AND (");
        let query = self.with_planned(query.push(columns).push(") IN (SELECT ").push(columns).push(" FROM "), of);
        let query = self.with_cells(query.push(" IN (SELECT ").push(columns).push(" FROM "), of);
        let query = query.push(" AND kind = 'cell' AND n = 0) ORDER BY n, ").push(columns).push(" LIMIT 1)");
        query.execute().await
    }
}

/// Leaves the smallest new cell to `other`, where `other` of a channel would have fewer than `k` interactions. Otherwise it
/// would be the only sum that tells of so few.
async fn widen_other(tx: &mut Tx<Archive>, tenant: TenantId, month: NaiveDate, k: u32) -> Result<()> {
    let channels: Vec<(Channel,)> =
        tx.query("SELECT DISTINCT channel FROM ageing_work").with(" WHERE tenant_id = ", tenant).all().await?;
    for (channel,) in channels {
        let of = PlannedChannel { tenant, month, channel };
        for grain in [BY_DAY, BY_AGENT] {
            let (planned, before) = grain.other(tx, of).await?;
            if planned > 0 && planned + before < i64::from(k) {
                grain.delete_smallest(tx, of).await?;
            }
        }
    }
    Ok(())
}

/// Deletes the cells without interactions that a dropped plan has left. Another plan may have a larger `k`.
pub async fn clear_cells(tx: &mut Tx<Archive>, tenant: TenantId) -> Result<()> {
    for table in ["kept_totals", "kept_agents", "kept_scores"] {
        tx.query("DELETE FROM ").push(table).with(" WHERE tenant_id = ", tenant).push(" AND n = 0").execute().await?;
    }
    Ok(())
}

/// The day, the channel, and the words of a cell.
type CellKey = (NaiveDate, &'static str, [String; 3]);
type AgentKey = (&'static str, String);

/// The number of interactions, of those with a duration, the sum of their seconds, and the sum of their cell keys.
#[derive(Clone, Copy, Default)]
struct Sums {
    n: i64,
    timed: i64,
    seconds: i64,
    cell_key: i64,
}

impl Sums {
    fn add(&mut self, row: &ChunkRow) {
        self.n += 1;
        self.timed += i64::from(row.seconds.is_some());
        self.seconds += row.seconds.map_or(0, i64::from);
        self.cell_key += row.cell_key;
    }

    fn append(self, query: Query<'_>) -> Query<'_> {
        let Self { n, timed, seconds, cell_key } = self;
        query.with(", ", n).with(", ", timed).with(", ", seconds).with(", ", cell_key).push(")")
    }
}

/// Adds the interactions of a chunk to their cells, or to `other` if they have no cell.
pub async fn add(tx: &mut Tx<Archive>, tenant: TenantId, month: NaiveDate, rows: &[ChunkRow]) -> Result<()> {
    let days: BTreeSet<_> = rows.iter().map(|row| row.day).collect();
    let known = cells(tx, tenant, days).await?;
    let mut sums = BTreeMap::<(bool, CellKey), Sums>::new();
    for row in rows {
        let word = |value: &Option<String>| value.clone().unwrap_or_default();
        let direction = row.direction.map_or("", Direction::as_str).to_owned();
        let key = (row.day, row.channel.as_str(), [direction, word(&row.queue), word(&row.outcome)]);
        let other = || (month, row.channel.as_str(), [const { String::new() }; 3]);
        let key = if known.contains(&key) { (false, key) } else { (true, other()) };
        sums.entry(key).or_default().add(row);
    }
    for chunk in sums.into_iter().collect::<Vec<_>>().chunks(1_000) {
        tx.query(
            "INSERT INTO kept_totals (tenant_id, day, channel, kind, direction, queue, outcome, n, timed, seconds, ",
        )
        .push("cell_key) VALUES ")
        .each(chunk, |query, ((is_other, (day, channel, words)), sums)| {
            let query = query.with("(", tenant).with(", ", *day).with(", ", *channel).with(", ", kind(*is_other));
            sums.append(words.iter().fold(query, |query, word| query.with(", ", word.as_str())))
        })
        .push(" ON CONFLICT (tenant_id, day, channel, kind, direction, queue, outcome) DO UPDATE SET")
        .push(" n = kept_totals.n + excluded.n, timed = kept_totals.timed + excluded.timed")
        .push(", seconds = kept_totals.seconds + excluded.seconds")
        .push(", cell_key = kept_totals.cell_key + excluded.cell_key")
        .once()
        .execute()
        .await?;
    }
    add_by_agent(tx, tenant, month, rows).await
}

async fn add_by_agent(tx: &mut Tx<Archive>, tenant: TenantId, month: NaiveDate, rows: &[ChunkRow]) -> Result<()> {
    let known: Vec<(Channel, String)> = tx
        .query("SELECT channel, agent_id FROM kept_agents")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND month = ", month)
        .push(" AND kind = 'cell'")
        .all()
        .await?;
    let known: BTreeSet<AgentKey> = known.into_iter().map(|(channel, agent)| (channel.as_str(), agent)).collect();
    let mut sums = BTreeMap::<(bool, AgentKey), Sums>::new();
    for row in rows {
        let key = (row.channel.as_str(), row.agent_id.clone().unwrap_or_default());
        let key = if known.contains(&key) { (false, key) } else { (true, (key.0, String::new())) };
        sums.entry(key).or_default().add(row);
    }
    for chunk in sums.into_iter().collect::<Vec<_>>().chunks(1_000) {
        tx.query(
            "INSERT INTO kept_agents (tenant_id, month, channel, kind, agent_id, n, timed, seconds, cell_key) VALUES ",
        )
        .each(chunk, |query, ((is_other, (channel, agent)), sums)| {
            let query = query.with("(", tenant).with(", ", month).with(", ", *channel).with(", ", kind(*is_other));
            sums.append(query.with(", ", agent.as_str()))
        })
        .push(" ON CONFLICT (tenant_id, month, channel, kind, agent_id) DO UPDATE SET")
        .push(" n = kept_agents.n + excluded.n, timed = kept_agents.timed + excluded.timed")
        .push(", seconds = kept_agents.seconds + excluded.seconds")
        .push(", cell_key = kept_agents.cell_key + excluded.cell_key")
        .once()
        .execute()
        .await?;
    }
    Ok(())
}

/// The cells of some days.
async fn cells(tx: &mut Tx<Archive>, tenant: TenantId, days: BTreeSet<NaiveDate>) -> Result<BTreeSet<CellKey>> {
    let rows: Vec<(NaiveDate, Channel, String, String, String)> = tx
        .query("SELECT day, channel, direction, queue, outcome FROM kept_totals")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND day", days)
        .push(" AND kind = 'cell'")
        .all()
        .await?;
    let key = |(day, channel, direction, queue, outcome): (_, Channel, _, _, _)| {
        (day, channel.as_str(), [direction, queue, outcome])
    };
    Ok(rows.into_iter().map(key).collect())
}

const fn kind(is_other: bool) -> &'static str {
    if is_other { "other" } else { "cell" }
}
