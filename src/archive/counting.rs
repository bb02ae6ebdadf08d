//! Counts of records in groups, for totals (D4). A count shows no record and no identifier.
//!
//! A statement counts a part of the time in which the tenant's local time has one offset from UTC. So the local hour or
//! day of a record is its number of seconds, divided. Both databases compute it in the same way.

use chrono::{DateTime, Utc};
use pii::ANONYMIZED;

use super::expressions::{self, DURATION, SECONDS};
use super::kinds::{Channel, Interaction, RecordKind as _, SurveyResponse};
use super::parsed::is_keyed;
use crate::base::id::TenantId;
use crate::store::{Archive, Query, Result, Sql, Tx};

/// The most rows of one statement.
pub const MOST_COUNT_ROWS: u32 = 1_000_001;

/// The bits of a cell key that are summed: so few that no sum overflows.
pub const CELL_KEYS: i64 = 1 << 24;

/// The columns by which interactions are counted. A keyed hash counts as `Anonymized`, which it becomes when its customer
/// is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedColumn {
    Queue,
    AgentId,
    Channel,
    Direction,
    Outcome,
}

/// The records that are counted, and the value of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedKind {
    /// Interactions, with their durations in whole seconds.
    Interactions,
    /// Survey responses, with their scores.
    SurveyResponses,
}

/// The values of records that are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedValues {
    Unused,
    Summed,
    /// They are counted by level as well: see [`level`].
    Levelled,
}

/// How the time of a record becomes the number of a bucket: its seconds since 1970, moved by `shift`, divided by `unit`,
/// and modulo `cycle` where buckets begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    pub shift: i64,
    pub unit: i64,
    pub cycle: Option<i64>,
}

/// The conditions of the interactions that are counted. All that are given apply.
#[derive(Debug, Default)]
pub struct CountFilter {
    pub channels: Option<Vec<Channel>>,
    pub queue: Option<String>,
    pub agent_id: Option<String>,
    pub outcome: Option<String>,
}

/// One statement of a total.
#[derive(Clone, Copy, Debug)]
pub struct CountQuery<'q> {
    pub tenant: TenantId,
    pub kind: CountedKind,
    /// Not before.
    pub from: DateTime<Utc>,
    /// Before.
    pub to: DateTime<Utc>,
    /// At most three.
    pub columns: &'q [CountedColumn],
    pub buckets: Option<Buckets>,
    pub filter: &'q CountFilter,
    pub values: CountedValues,
    /// Whether the cell keys are summed.
    pub has_cell_keys: bool,
}

/// The records of one group.
#[derive(Debug, sqlx::FromRow)]
pub struct CountRow {
    pub bucket: i64,
    pub first: Option<String>,
    pub second: Option<String>,
    pub third: Option<String>,
    /// The level of the values. It is negative if there is none.
    pub level: i64,
    pub records: i64,
    /// The number of the records that have a value, and the sum of their values.
    pub valued: i64,
    pub total: i64,
    /// The sum of the records' cell keys, as far as they are used. It is 0 if they are not asked for.
    pub cell_key: i64,
}

/// The lowest value of a level, and the number of values that it has. Up to 63, each value is a level. Then each power of
/// two has 32 levels, so that a value differs from the middle of its level by at most 1/64. The last level is open.
#[must_use]
pub const fn level(level: i64) -> (i64, i64) {
    if level < 64 {
        return (level, 1);
    }
    let (octave, step) = ((level - 64) / 32, (level - 64) % 32);
    ((64 << octave) + step * (2 << octave), 2 << octave)
}

/// The level of a value. It is the inverse of [`level`].
const LEVEL: &str = "CASE WHEN s.value < 64 THEN s.value \
                     WHEN s.value < 128 THEN 64 + (s.value - 64) / 2 \
                     WHEN s.value < 256 THEN 96 + (s.value - 128) / 4 \
                     WHEN s.value < 512 THEN 128 + (s.value - 256) / 8 \
                     WHEN s.value < 1024 THEN 160 + (s.value - 512) / 16 \
                     WHEN s.value < 2048 THEN 192 + (s.value - 1024) / 32 \
                     WHEN s.value < 4096 THEN 224 + (s.value - 2048) / 64 \
                     WHEN s.value < 8192 THEN 256 + (s.value - 4096) / 128 \
                     WHEN s.value < 16384 THEN 288 + (s.value - 8192) / 256 \
                     WHEN s.value < 32768 THEN 320 + (s.value - 16384) / 512 \
                     WHEN s.value < 65536 THEN 352 + (s.value - 32768) / 1024 \
                     WHEN s.value < 131072 THEN 384 + (s.value - 65536) / 2048 \
                     WHEN s.value IS NULL THEN -1 ELSE 416 END";

/// Counts the records of each group, and gives each count to `take`.
///
/// The text names only what is asked for, because PostgreSQL spends as much time on a column as on the row.
pub async fn count(tx: &mut Tx<Archive>, counted: CountQuery<'_>, take: impl FnMut(CountRow)) -> Result<()> {
    let CountQuery { columns, buckets, values, has_cell_keys, .. } = counted;
    let is_levelled = values == CountedValues::Levelled;
    let query = tx.query("SELECT ").push(if buckets.is_some() { "s.bucket" } else { "CAST(0 AS BIGINT) AS bucket" });
    let query = GROUPS.into_iter().enumerate().fold(query, |query, (no, (column, none))| {
        query.push(", ").push(if no < columns.len() { column } else { none })
    });
    let query = query.push(", ").push(if is_levelled { LEVEL } else { "CAST(-1 AS BIGINT)" });
    let query = query.push(" AS level, count(*) AS records, ").push(match values {
        CountedValues::Unused => "CAST(0 AS BIGINT) AS valued, CAST(0 AS BIGINT) AS total, ",
        CountedValues::Summed | CountedValues::Levelled => {
            "count(s.value) AS valued, CAST(coalesce(sum(s.value), 0) AS BIGINT) AS total, "
        }
    });
    let query = query.push(if has_cell_keys { "CAST(sum(s.cell_key) AS BIGINT)" } else { "CAST(0 AS BIGINT)" });
    let query = with_records(query.push(" AS cell_key FROM ("), counted).push(") AS s");
    let columns = GROUPS.into_iter().take(columns.len()).map(|(column, _)| column);
    let groups: Vec<_> =
        buckets.map(|_| "s.bucket").into_iter().chain(columns).chain(is_levelled.then_some("level")).collect();
    let query = if groups.is_empty() { query } else { query.push(" GROUP BY ").each(groups, Query::push) };
    // Without groups, there is one row even if there is no record.
    query.with(" HAVING count(*) > 0 LIMIT ", i64::from(MOST_COUNT_ROWS)).once().for_each(take).await
}

/// Appends the records that are counted: their groups and values.
///
/// If there are buckets, PostgreSQL takes this subquery as it is (`OFFSET 0`), and so assumes few groups. Otherwise it
/// assumes as many groups as there are times, and sorts. If there are values, it also computes each of them once.
fn with_records<'c>(query: Query<'c>, counted: CountQuery<'_>) -> Query<'c> {
    let CountQuery { tenant, kind, from, to, columns, buckets, filter, values, has_cell_keys } = counted;
    let query = query.push("SELECT 1 AS one");
    let query = match buckets {
        Some(buckets) => with_bucket(query.push(", "), buckets).push(" AS bucket"),
        None => query,
    };
    let names = [" AS first", " AS second", " AS third"];
    let query = columns
        .iter()
        .zip(names)
        .fold(query, |query, (column, name)| with_column(query.push(", "), *column).push(name));
    let query = match (values, kind) {
        (CountedValues::Unused, _) => query,
        (CountedValues::Summed, CountedKind::Interactions) => query.push(", ").push(DURATION).push(" AS value"),
        // Levels are divided as whole numbers.
        (CountedValues::Levelled, CountedKind::Interactions) => {
            query.push(", CAST(").push(DURATION).push(" AS BIGINT) AS value")
        }
        (_, CountedKind::SurveyResponses) => query.push(", CAST(r.score AS BIGINT) AS value"),
    };
    let query = if has_cell_keys {
        query.push(", r.cell_key & ").push(expressions::CELL_KEY).push(" AS cell_key")
    } else {
        query
    };
    let query = query.push(" FROM ").push(match kind {
        CountedKind::Interactions => Interaction::TABLE,
        CountedKind::SurveyResponses => SurveyResponse::TABLE,
    });
    let query = query.with(" r WHERE r.tenant_id = ", tenant).with(" AND r.at >= ", from).with(" AND r.at < ", to);
    // The kept totals have those that are aged.
    let query = with_filter(query.push(" AND r.aged IS NULL"), filter);
    let is_fenced = buckets.is_some() || values != CountedValues::Unused;
    if is_fenced { query.push(Sql::per(" OFFSET 0", "")) } else { query }
}

/// The columns of the groups, and their text where a total has fewer.
const GROUPS: [(&str, &str); 3] = [
    ("s.first", "CAST(NULL AS TEXT) AS first"),
    ("s.second", "CAST(NULL AS TEXT) AS second"),
    ("s.third", "CAST(NULL AS TEXT) AS third"),
];

fn with_bucket(query: Query<'_>, buckets: Buckets) -> Query<'_> {
    let Buckets { shift, unit, cycle } = buckets;
    let query = query.push("(").push(SECONDS).with(" + ", shift).with(") / ", unit);
    query.with_some(" % ", cycle)
}

fn with_column(query: Query<'_>, column: CountedColumn) -> Query<'_> {
    match column {
        CountedColumn::Channel => query.push("r.channel"),
        CountedColumn::Direction => query.push("r.direction"),
        CountedColumn::Queue => expressions::without_hash(query, "r.queue"),
        CountedColumn::AgentId => expressions::without_hash(query, "r.agent_id"),
        CountedColumn::Outcome => expressions::without_hash(query, "r.outcome"),
    }
}

fn with_filter<'c>(query: Query<'c>, filter: &CountFilter) -> Query<'c> {
    let CountFilter { channels, queue, agent_id, outcome } = filter;
    let query = expressions::with_channels(query, "r.channel", channels.as_deref());
    let query = with_word(query, "r.queue", queue.as_deref());
    let query = with_word(query, "r.agent_id", agent_id.as_deref());
    with_word(query, "r.outcome", outcome.as_deref())
}

/// A filter matches a value as it is counted.
fn with_word<'c>(query: Query<'c>, column: &'static str, word: Option<&str>) -> Query<'c> {
    match word {
        None => query,
        Some(hash) if is_keyed(hash) => query.push(" AND FALSE"),
        Some(ANONYMIZED) => {
            let query = query.push(" AND (").push(column).push(" = 'Anonymized' OR ");
            expressions::is_keyed(query, column).push(")")
        }
        Some(word) => query.push(" AND ").push(column).with(" = ", word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_follow_each_other_without_a_gap() {
        for no in 0..416 {
            let (low, width) = level(no);
            assert_eq!(level(no + 1).0, low + width, "level {no}");
            assert!(width == 1 || low / width >= 32, "level {no} is too wide");
        }
        assert_eq!(level(416).0, 131_072);
    }

    #[test]
    fn the_statement_has_the_same_levels() {
        let bounds = LEVEL.split(" THEN ").filter_map(|part| part.rsplit_once("s.value < ")?.1.parse().ok());
        let bounds: Vec<i64> = bounds.collect();
        assert_eq!(bounds.len(), 12);
        for (bound, piece) in bounds.iter().skip(1).zip(LEVEL.split(" THEN ").skip(2)) {
            // `64 + (s.value - 64) / 2`
            let numbers: Vec<i64> = piece.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
            let (first, low, step) = (numbers[0], numbers[1], numbers[2]);
            assert_eq!(level(first), (low, step));
            assert_eq!(level(first + (bound - 1 - low) / step), (bound - step, step));
        }
    }
}
