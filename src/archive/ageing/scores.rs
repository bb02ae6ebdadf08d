//! The totals of aged and deleted survey responses: by the local month of the response, and its score.
//!
//! A score with fewer than `k` responses in a month is not kept. Its responses count as responses without a score. So the
//! number of the responses of a month is exact. Averages and single scores can differ by these responses.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::first_of_month;
use super::kept::Days;
use crate::base::id::TenantId;
use crate::store::{Archive, Result, Tx};

/// The score of the responses without one.
const NONE: i16 = -1;

/// How many cells one statement writes.
const BATCH: usize = 1_000;

/// The responses of a month with a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct KeptScores {
    /// The first day of the month.
    pub month: NaiveDate,
    /// It is negative for the responses without a score.
    pub score: i16,
    pub n: i64,
    /// The sum of the cell keys that the responses had before they were aged.
    pub cell_key: i64,
}

/// A month and a score.
type ScoreCell = (NaiveDate, i16);

/// The number of responses and the sum of their cell keys.
type ScoreSums = BTreeMap<ScoreCell, (i64, i64)>;

/// The cell of a response. The score is a text, as the values of other linked records are.
#[must_use]
pub fn cell(month: NaiveDate, score: Option<&str>) -> ScoreCell {
    (month, score.and_then(|score| score.parse().ok()).unwrap_or(NONE))
}

/// The kept scores of the months from the one of a day up to another, which is excluded. There are at most twelve of a
/// month.
pub async fn kept_scores(tx: &mut Tx<Archive>, tenant: TenantId, (from, to): Days) -> Result<Vec<KeptScores>> {
    tx.query("SELECT month, score, n, cell_key FROM kept_scores")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND month >= ", first_of_month(from))
        .with(" AND month < ", to)
        .push(" AND n > 0 ORDER BY month, score")
        .all()
        .await
}

/// Adds cells with no responses yet.
pub async fn add_cells(tx: &mut Tx<Archive>, tenant: TenantId, cells: impl Iterator<Item = ScoreCell>) -> Result<()> {
    write(tx, tenant, cells.map(|cell| (cell, (0, 0))).collect()).await
}

/// Adds responses to their cells, each with its cell key. A score without a cell is not kept.
pub async fn add(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    responses: impl Iterator<Item = (ScoreCell, i64)>,
) -> Result<()> {
    let mut sums = ScoreSums::new();
    for (cell, cell_key) in responses {
        let sum = sums.entry(cell).or_default();
        *sum = (sum.0 + 1, sum.1 + cell_key);
    }
    if sums.is_empty() {
        return Ok(());
    }
    let known: Vec<ScoreCell> = tx
        .query("SELECT month, score FROM kept_scores")
        .with(" WHERE tenant_id = ", tenant)
        .with_any(" AND month", sums.keys().map(|(month, _)| *month).collect::<BTreeSet<_>>())
        .all()
        .await?;
    let mut kept = ScoreSums::new();
    for ((month, score), (n, cell_key)) in sums {
        let score = if known.contains(&(month, score)) { score } else { NONE };
        let sum = kept.entry((month, score)).or_default();
        *sum = (sum.0 + n, sum.1 + cell_key);
    }
    write(tx, tenant, kept).await
}

async fn write(tx: &mut Tx<Archive>, tenant: TenantId, sums: ScoreSums) -> Result<()> {
    for chunk in sums.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        tx.query("INSERT INTO kept_scores (tenant_id, month, score, n, cell_key) VALUES ")
            .each(chunk, |query, ((month, score), (n, cell_key))| {
                let query = query.with("(", tenant).with(", ", *month).with(", ", *score);
                query.with(", ", *n).with(", ", *cell_key).push(")")
            })
            .push(" ON CONFLICT (tenant_id, month, score) DO UPDATE SET")
            .push(" n = kept_scores.n + excluded.n, cell_key = kept_scores.cell_key + excluded.cell_key")
            .once()
            .execute()
            .await?;
    }
    Ok(())
}
