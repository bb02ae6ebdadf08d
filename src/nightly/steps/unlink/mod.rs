//! Unlink: identifiers leave the records chunk by chunk. This file is the walk over the work rows. A single chunk is in
//! [`transaction`].
//!
//! A chunk is some whole components of the plan with about [`CHUNK`] records. A component that selects more is unlinked
//! in slices of time. The records of a chunk are unlinked by *all* work rows of the pass, not only the chunk's. So a
//! record never matches one request twice, and the counts are exact. The cost grows with the matches, not with the
//! archive.

mod chunk;
mod deliveries;
mod texts;
mod transaction;

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use self::chunk::{Chunk, RecordTraces, with_selected};
use self::transaction::{Unlinked, unlink_chunk};
use crate::archive::mentions::Owner;
use crate::archive::selector::Span;
use crate::archive::unlink::{each_customer, each_mention};
use crate::base::id::{PassId, TenantId};
use crate::base::target::Target;
use crate::delivery::passes::each_former_customer;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult, Step};
use crate::nightly::report::Report;
use crate::nightly::sql;
use crate::store::{Archive, Query, Result, Sql, Tx};

/// About how many records one transaction unlinks.
const CHUNK: i64 = 5_000;

/// How many work rows are read together to make chunks of them.
const WINDOW: i64 = 500;

/// After how many chunks PostgreSQL vacuums the tables of noted mentions. The deleted rows of a long pass would slow
/// down every further chunk, and the planner would count them as rows.
const CHUNKS_TO_VACUUM: u32 = 16;

#[derive(Clone, Copy, sqlx::FromRow)]
struct WorkRow {
    no: i32,
    target: Target,
    component: i32,
}

/// The walk over the work rows of a pass.
struct RecordWalk {
    tenant: TenantId,
    pass: PassId,
    /// The last work row that was unlinked.
    after: i32,
    /// Of the component after it, everything before this instant was unlinked.
    from: Option<DateTime<Utc>>,
    /// The traces of the target that the walk has reached.
    traces: Option<(Target, RecordTraces)>,
    expected: Expected,
}

/// Walks over the work rows, from the position of the pass to the end.
pub async fn unlink(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let tenant = context.tenant.id;
    let (after, from) = (pass.position, pass.position_at);
    let mut walk = RecordWalk { tenant, pass: pass.id, after, from, traces: None, expected: Expected::default() };
    let mut chunks = 0;
    loop {
        let next = walk.next_chunk(&mut context.read().await?).await?;
        let Some(chunk) = next else { break };
        let Unlinked { records, texts } = unlink_chunk(context, &chunk).await?;
        (walk.after, walk.from) = chunk.end();
        chunks += 1;
        let is_noted = chunk.traces.mentions || chunk.traces.texts;
        if is_noted && chunks % CHUNKS_TO_VACUUM == 0 && context.app.archive.is_postgres() {
            context.app.archive.scrub(Sql::per("VACUUM pass_mentions, pass_text_mentions", "")).await?;
        }
        *report.anonymized.entry(chunk.target.to_string()).or_default() += records;
        report.texts_anonymized += texts;
        context.progress.advance(records);
        context.check_stop()?;
    }
    let mut tx = context.begin().await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Unlinked).await?;
    tx.commit().await?;
    failpoint::reach("unlink");
    Ok(())
}

impl RecordWalk {
    /// The next whole components that together select about [`CHUNK`] records. A component that alone selects many more
    /// comes in slices of time. Then the position stays before it, at the instant `from`.
    async fn next_chunk(&mut self, tx: &mut Tx<Archive>) -> Result<Option<Chunk>> {
        let Self { tenant, pass, after, from, traces, ref mut expected } = *self;
        let rows = work_rows(tx, tenant, pass, after).await?;
        let Some(first) = rows.first().copied() else { return Ok(None) };
        let traces = match traces.filter(|(target, _)| *target == first.target) {
            Some((_, traces)) => traces,
            None => RecordTraces::read(tx, tenant, first.target).await?,
        };
        self.traces = Some((first.target, traces));
        let mut chunk =
            Chunk { tenant, pass, target: first.target, after, last: first.no, span: Span::default(), traces };
        chunk.last = last_of_component(tx, &chunk, first.component).await?.unwrap_or(first.no);
        chunk.span.from = from;
        // The last component of a full window may continue after it, so it waits for the next window.
        let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == WINDOW);
        let cut_off = rows.last().filter(|_| is_full).map(|row| row.component);
        let window: Vec<WorkRow> = rows
            .into_iter()
            .filter(|row| {
                row.target == first.target && (row.component == first.component || Some(row.component) != cut_off)
            })
            .collect();
        let end_of_window = window.last().map_or(chunk.last, |row| row.no.max(chunk.last));
        expected.count(tx, &Chunk { last: end_of_window, ..chunk }).await?;
        let of_first = (first.no..=chunk.last).map(|no| expected.of(no)).sum::<i64>();
        if from.is_some() || of_first > 2 * CHUNK {
            chunk.span.to = slice_end(tx, &chunk).await?;
            return Ok(Some(chunk));
        }
        let mut sum = of_first;
        for component in window.chunk_by(|one, next| one.component == next.component).skip(1) {
            sum += component.iter().map(|row| expected.of(row.no)).sum::<i64>();
            if sum > CHUNK {
                break;
            }
            chunk.last = component.last().map_or(chunk.last, |row| row.no);
        }
        Ok(Some(chunk))
    }
}

async fn work_rows(tx: &mut Tx<Archive>, tenant: TenantId, pass: PassId, after: i32) -> Result<Vec<WorkRow>> {
    tx.query("SELECT no, target, component FROM pass_work")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with(" AND no > ", after)
        .with(" ORDER BY no LIMIT ", WINDOW)
        .all()
        .await
}

/// The last row of the chunk's first component, which may be after the window.
async fn last_of_component(tx: &mut Tx<Archive>, chunk: &Chunk, component: i32) -> Result<Option<i32>> {
    tx.query("SELECT max(no) FROM pass_work")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .with(" AND pass_id = ", chunk.pass)
        .with(" AND no > ", chunk.after)
        .with(" AND component = ", component)
        .scalar()
        .await
}

/// How many records each work row selects, counted once when the window reaches it. A chunk may unlink records that a
/// later row selects too, so the numbers are only for the size of chunks.
#[derive(Default)]
struct Expected {
    records: HashMap<i32, i64>,
    /// The last row that was counted.
    last: i32,
}

impl Expected {
    /// Counts those rows of the chunk that are not counted yet. Each is an index scan that reads no record.
    async fn count(&mut self, tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<()> {
        let uncounted = Chunk { after: chunk.after.max(self.last), ..*chunk };
        if uncounted.after >= uncounted.last {
            return Ok(());
        }
        let query = with_selected(tx.query(""), &uncounted).push(" SELECT no, count(*) FROM (");
        let rows: Vec<(i32, i64)> =
            each_match(query, &uncounted, "s.no").push(") AS matched GROUP BY no").all().await?;
        self.records.retain(|no, _| *no > chunk.after);
        self.records.extend(rows);
        self.last = uncounted.last;
        Ok(())
    }

    fn of(&self, no: i32) -> i64 {
        self.records.get(&no).copied().unwrap_or(0)
    }
}

/// The end of a slice of the chunk: the instant before which [`CHUNK`] records are, or none if fewer are left.
async fn slice_end(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<Option<DateTime<Utc>>> {
    let query = with_selected(tx.query(""), chunk).push(" SELECT at FROM (");
    let query = each_match(query, chunk, "r.at").push(") AS matched WHERE TRUE");
    let end: Option<(DateTime<Utc>,)> =
        query.with_some(" AND at > ", chunk.span.from).with(" ORDER BY at LIMIT 1 OFFSET ", CHUNK).maybe().await?;
    Ok(end.map(|(at,)| at))
}

/// Appends one row for each way in which a chunk's work rows select a record.
fn each_match<'c>(query: Query<'c>, chunk: &Chunk, column: &'static str) -> Query<'c> {
    let mut query = each_customer(query, chunk.tenant, (chunk.target, chunk.keys()), column).push(" UNION ALL ");
    if chunk.traces.delivery_customers {
        query = each_former_customer(query, chunk.tenant, chunk.span, column).push(" UNION ALL ");
    }
    query = each_mention(query, chunk.tenant, chunk.target.into(), column);
    if chunk.traces.texts {
        query = each_mention(query.push(" UNION ALL "), chunk.tenant, Owner::Content, column);
    }
    query
}
