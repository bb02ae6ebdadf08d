//! The linkability report: how many interactions are alone, or in small company, by columns that others may know too.
//!
//! A person who knows the second of a call and its queue finds its record, if no other record has the same two values.
//! The report counts such records before and after ageing. It changes nothing, and it shows no value.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;

use super::ageing::DURATIONS;
use super::expressions::{DURATION, SECONDS, with_channels};
use super::kinds::Channel;
use crate::base::day::{change_of_offset, utc_offset};
use crate::base::id::TenantId;
use crate::base::words::{described, words};
use crate::store::{Archive, Query, Result, Tx};

/// The size of a class that counts as large enough, unless the caller names another one.
pub const USUAL_K: u32 = 5;

words! {
    /// A column by which interactions are compared.
    pub enum LinkingColumn {
        Second = "second",
        Hour = "hour",
        Day = "day",
        Queue = "queue",
        AgentId = "agent_id",
        Outcome = "outcome",
        /// The range of durations.
        Duration = "duration",
    }
}

described!(LinkingColumn as "LinkingColumn", "A column by which interactions are compared.");

/// The combinations of the report, from the finest to the coarsest. A list is counted by one statement: the classes of its
/// first combination from the interactions, and all others from the classes before them, of which there are far fewer.
const COMBINATIONS: [&[&[LinkingColumn]]; 4] = {
    use LinkingColumn::{AgentId, Day, Duration, Hour, Outcome, Queue, Second};
    [
        &[&[Second, Queue]],
        &[&[Second]],
        &[&[Hour, Queue, AgentId, Outcome, Duration]],
        &[&[Hour, Queue, Outcome], &[Day, Queue, Outcome], &[Day, Queue]],
    ]
};

/// The names that a statement gives to the classes of its combinations.
const CLASSES: [&str; 3] = ["finest", "coarser", "coarsest"];

/// The interactions that a report compares.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
    pub channels: Option<Vec<Channel>>,
}

/// The sizes of the classes by one combination of columns. A class is the interactions with the same values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LinkabilityClass {
    /// The columns of the combination.
    pub columns: Vec<LinkingColumn>,
    /// The number of interactions.
    #[schema(example = 42078)]
    pub rows: u64,
    /// The number of interactions that are alone in their class.
    #[schema(example = 40900)]
    pub unique: u64,
    /// The number of interactions in classes of fewer than `k`.
    #[schema(example = 42078)]
    pub below_k: u64,
}

/// The report by all combinations. Hours and days are those of the zone.
pub async fn linkability(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    compared: &Compared,
    k: u32,
    (zone, now): (Tz, DateTime<Utc>),
) -> Result<Vec<LinkabilityClass>> {
    let offsets = Offsets::of(bounds(tx, tenant, compared).await?, zone, now);
    let mut report = Vec::new();
    for combinations in COMBINATIONS {
        let query = with_classes(tx.query("WITH "), tenant, compared, combinations, &offsets);
        let sizes: Vec<(i64, i64, i64, i64)> = with_sizes(query, combinations.len(), k).all().await?;
        for (columns, (_, rows, unique, below_k)) in combinations.iter().zip(sizes) {
            let [rows, unique, below_k] = [rows, unique, below_k].map(i64::unsigned_abs);
            report.push(LinkabilityClass { columns: columns.to_vec(), rows, unique, below_k });
        }
    }
    Ok(report)
}

/// Appends the classes of each combination, with their sizes as `n`.
fn with_classes<'c>(
    mut query: Query<'c>,
    tenant: TenantId,
    compared: &Compared,
    combinations: &[&[LinkingColumn]],
    offsets: &Offsets,
) -> Query<'c> {
    for (level, columns) in combinations.iter().enumerate() {
        query = query.push(if level == 0 { "" } else { ", " }).push(CLASSES[level]).push(" AS (SELECT ");
        for column in *columns {
            query = match level {
                0 => column.append(query, offsets),
                _ if combinations[level - 1].contains(column) => query.push(column.as_str()),
                // Of all columns, only the day is another value of a finer class.
                _ => query.push("hour / 24"),
            };
            query = query.push(" AS ").push(column.as_str()).push(", ");
        }
        query = match level {
            0 => compared.select(query.push("count(*) AS n FROM interactions r"), tenant),
            _ => query.push("CAST(sum(n) AS BIGINT) AS n FROM ").push(CLASSES[level - 1]),
        };
        query = query.push(" GROUP BY ").each(*columns, |query, column| query.push(column.as_str())).push(")");
    }
    query
}

/// Appends the sums over the classes of each combination: interactions, those that are alone, and those of small classes.
fn with_sizes(mut query: Query<'_>, combinations: usize, k: u32) -> Query<'_> {
    for (level, classes) in (0_i64..).zip(&CLASSES[..combinations]) {
        query = query
            .push(if level == 0 { " SELECT " } else { " UNION ALL SELECT " })
            .with("CAST(", level)
            .push(" AS BIGINT), CAST(coalesce(sum(n), 0) AS BIGINT)")
            .push(", CAST(coalesce(sum(CASE WHEN n = 1 THEN 1 ELSE 0 END), 0) AS BIGINT)")
            .with(", CAST(coalesce(sum(CASE WHEN n < ", i64::from(k))
            .push(" THEN n ELSE 0 END), 0) AS BIGINT) FROM ")
            .push(*classes);
    }
    query.push(" ORDER BY 1")
}

/// The times of the oldest and of the newest interaction.
async fn bounds(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    compared: &Compared,
) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
    let oldest = compared.select(tx.query("SELECT at FROM interactions"), tenant);
    let oldest: Option<(DateTime<Utc>,)> = oldest.push(" ORDER BY at, id LIMIT 1").maybe().await?;
    let newest = compared.select(tx.query("SELECT at FROM interactions"), tenant);
    let newest: Option<(DateTime<Utc>,)> = newest.push(" ORDER BY at DESC, id DESC LIMIT 1").maybe().await?;
    Ok(oldest.zip(newest).map(|((oldest,), (newest,))| (oldest, newest)))
}

/// The years in which changes of the clocks are looked for. An instant may be of any year.
const YEARS: TimeDelta = TimeDelta::days(50 * 366);

/// The seconds by which local time is ahead of UTC.
#[derive(Debug)]
struct Offsets {
    /// Up to the instants of changes, in their order.
    before: Vec<(DateTime<Utc>, i64)>,
    /// After the last one.
    last: i64,
}

impl Offsets {
    fn of(bounds: Option<(DateTime<Utc>, DateTime<Utc>)>, zone: Tz, now: DateTime<Utc>) -> Self {
        let (oldest, newest) = bounds.unwrap_or((now, now));
        let (mut from, to) = (oldest.max(now - YEARS), newest.min(now + YEARS));
        let mut before = Vec::new();
        while from < to {
            let change = change_of_offset(from, to, zone);
            before.push((change, i64::from(utc_offset(from, zone))));
            from = change;
        }
        let last = i64::from(utc_offset(to, zone));
        before.pop_if(|(_, offset)| *offset == last);
        Self { before, last }
    }

    /// Appends the local seconds since 1970.
    fn append<'c>(&self, query: Query<'c>) -> Query<'c> {
        let query = query.push(SECONDS);
        if self.before.is_empty() {
            return query.with(" + ", self.last);
        }
        let query = self.before.iter().fold(query.push(" + CASE"), |query, (change, offset)| {
            query.with(" WHEN at < ", *change).with(" THEN ", *offset)
        });
        query.with(" ELSE ", self.last).push(" END")
    }
}

impl Compared {
    /// Appends the condition of an interaction.
    fn select<'c>(&self, query: Query<'c>, tenant: TenantId) -> Query<'c> {
        let query = query.with(" WHERE tenant_id = ", tenant).with_some(" AND at >= ", self.from);
        with_channels(query.with_some(" AND at < ", self.to), "channel", self.channels.as_deref())
    }
}

impl LinkingColumn {
    /// Appends the value by which interactions are grouped.
    fn append<'c>(self, query: Query<'c>, offsets: &Offsets) -> Query<'c> {
        match self {
            Self::Second => query.push(SECONDS),
            Self::Hour => offsets.append(query.push("(")).push(") / 3600"),
            Self::Day => offsets.append(query.push("(")).push(") / 86400"),
            Self::Queue => query.push("queue"),
            Self::AgentId => query.push("agent_id"),
            Self::Outcome => query.push("outcome"),
            Self::Duration => {
                let query = query.push("CASE WHEN ended_at IS NULL AND duration_s IS NULL THEN NULL");
                let query = DURATIONS.windows(2).fold(query, |query, bounds| {
                    // An aged interaction has the beginning of a range instead of its end.
                    query
                        .push(" WHEN coalesce(duration_s, ")
                        .push(DURATION)
                        .with(") < ", i64::from(bounds[1]))
                        .with(" THEN ", i64::from(bounds[0]))
                });
                query.with(" ELSE ", i64::from(DURATIONS[DURATIONS.len() - 1])).push(" END")
            }
        }
    }
}
