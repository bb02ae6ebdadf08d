//! The linkability report: how many interactions are alone, or in small company, by columns that others may know too.
//!
//! A person who knows the second of a call and its queue finds its record, if no other record has the same two values.
//! The report counts such records before and after ageing. It changes nothing, and it shows no value.

use chrono::{DateTime, Offset as _, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;

use super::ageing::DURATIONS;
use super::kinds::Channel;
use crate::base::id::TenantId;
use crate::base::words::described;
use crate::store::{Archive, Query, Result, Sql, Tx};

/// The size of a class that counts as large enough, unless the caller names another one.
pub const USUAL_K: u32 = 5;

/// The seconds since 1970.
const SECONDS: Sql = Sql::per("floor(date_part('epoch', at))::bigint", "unixepoch(at)");

/// The seconds from the beginning to the end. An aged interaction has the beginning of a range instead.
const DURATION: Sql = Sql::per(
    "coalesce(duration_s, floor(date_part('epoch', ended_at - at))::bigint)",
    "coalesce(duration_s, unixepoch(ended_at) - unixepoch(at))",
);

/// A column by which interactions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkingColumn {
    Second,
    Hour,
    Day,
    Queue,
    AgentId,
    Outcome,
    /// The range of durations.
    Duration,
}

described!(
    LinkingColumn as "LinkingColumn",
    "A column by which interactions are compared.",
    ["second", "hour", "day", "queue", "agent_id", "outcome", "duration"]
);

/// The combinations of the report, from the finest to the coarsest.
const COMBINATIONS: [&[LinkingColumn]; 6] = {
    use LinkingColumn::{AgentId, Day, Duration, Hour, Outcome, Queue, Second};
    [
        &[Second, Queue],
        &[Second],
        &[Hour, Queue, AgentId, Outcome, Duration],
        &[Hour, Queue, Outcome],
        &[Day, Queue, Outcome],
        &[Day, Queue],
    ]
};

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

/// The report by all combinations. Hours and days begin as they do in the zone at this time of the year.
pub async fn linkability(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    compared: &Compared,
    k: u32,
    (zone, now): (Tz, DateTime<Utc>),
) -> Result<Vec<LinkabilityClass>> {
    let offset = i64::from(now.with_timezone(&zone).offset().fix().local_minus_utc());
    let mut classes = Vec::new();
    for columns in COMBINATIONS {
        let query = tx
            .query("SELECT CAST(coalesce(sum(c.n), 0) AS BIGINT)")
            .push(", CAST(coalesce(sum(CASE WHEN c.n = 1 THEN 1 ELSE 0 END), 0) AS BIGINT)")
            .with(", CAST(coalesce(sum(CASE WHEN c.n < ", i64::from(k))
            .push(" THEN c.n ELSE 0 END), 0) AS BIGINT) FROM (SELECT count(*) AS n FROM interactions")
            .with(" WHERE tenant_id = ", tenant)
            .with_some(" AND at >= ", compared.from)
            .with_some(" AND at < ", compared.to);
        let query = match &compared.channels {
            Some(channels) => query.with_any(" AND channel", channels.iter().map(|channel| channel.as_str())),
            None => query,
        };
        let mut query = query.push(" GROUP BY ");
        let mut comma = "";
        for column in columns {
            query = column.append(query.push(comma), offset);
            comma = ", ";
        }
        let (rows, unique, below_k): (i64, i64, i64) = query.push(") AS c").one().await?;
        let [rows, unique, below_k] = [rows, unique, below_k].map(i64::unsigned_abs);
        classes.push(LinkabilityClass { columns: columns.to_vec(), rows, unique, below_k });
    }
    Ok(classes)
}

impl LinkingColumn {
    /// The word of the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Queue => "queue",
            Self::AgentId => "agent_id",
            Self::Outcome => "outcome",
            Self::Duration => "duration",
        }
    }

    /// Appends the value by which records are grouped.
    fn append(self, query: Query<'_>, offset: i64) -> Query<'_> {
        match self {
            Self::Second => query.push(SECONDS),
            Self::Hour => query.push("(").push(SECONDS).with(" + ", offset).push(") / 3600"),
            Self::Day => query.push("(").push(SECONDS).with(" + ", offset).push(") / 86400"),
            Self::Queue => query.push("queue"),
            Self::AgentId => query.push("agent_id"),
            Self::Outcome => query.push("outcome"),
            Self::Duration => {
                let query = query.push("CASE WHEN ended_at IS NULL AND duration_s IS NULL THEN NULL");
                let query = DURATIONS.windows(2).fold(query, |query, bounds| {
                    query
                        .push(" WHEN ")
                        .push(DURATION)
                        .with(" < ", i64::from(bounds[1]))
                        .with(" THEN ", i64::from(bounds[0]))
                });
                query.with(" ELSE ", i64::from(DURATIONS[DURATIONS.len() - 1])).push(" END")
            }
        }
    }
}
