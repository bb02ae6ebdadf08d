//! The cut: chunk by chunk, identifiers leave the records. This is the walk over the work rows; what happens in a chunk is
//! in [`chunk`].
//!
//! A chunk is some whole components of the plan, of about [`CHUNK`] records; a component that hits more is cut in slices
//! of time. The records a chunk touches are cut by *all* work rows of the pass, not only the chunk's: so a record never
//! comes up twice for one request, and the counts are exact. Its cost grows with what matches, not with the archive.

mod chunk;
mod deliveries;
mod texts;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::{DateTime, Utc};

use self::chunk::{Chunk, Cut, cut_chunk, with_selected};
use self::deliveries::made_for;
use crate::archive::mentions::Owner;
use crate::archive::selector::{Span, table};
use crate::base::id::{PassId, TenantId};
use crate::base::target::Target;
use crate::content;
use crate::nightly::failpoint;
use crate::nightly::lease::Lease;
use crate::nightly::model::{Pass, PassError, Report, Step, Stop};
use crate::nightly::progress::Progress;
use crate::nightly::sql;
use crate::store::{Archive, Query, Result, Sql, Tx};
use crate::vault::AppContext;

/// About how many records one transaction cuts.
const CHUNK: i64 = 5_000;

/// How many work rows are looked at together to make chunks of them.
const WINDOW: i64 = 500;

/// After so many chunks PostgreSQL clears away the mentions that they noted: the deleted rows of a long pass would slow
/// down every next chunk, and the planner would take them for rows.
const CHUNKS_TO_TIDY: u32 = 16;

/// A work row as the walk sees it.
#[derive(Clone, Copy, sqlx::FromRow)]
struct WorkRow {
    no: i32,
    target: Target,
    component: i32,
}

/// Walks the work rows from where the pass is to their end.
pub async fn cut(
    stores: &AppContext,
    lease: &Lease,
    tenant: TenantId,
    pass: &Pass,
    report: &mut Report,
    (progress, stop): (&Progress, &Stop),
) -> std::result::Result<(), PassError> {
    let (mut position, mut from) = (pass.position, pass.position_at);
    let traces = content::traces(&mut stores.archive.read().await?, tenant).await?;
    let has_addressees = deliveries::is_any_addressed(&mut stores.archive.read().await?, tenant).await?;
    let mut expected = Expected { has_texts: traces.mentions, has_addressees, ..Expected::default() };
    let (mut has_mentions, mut chunks) = (HashMap::new(), 0);
    loop {
        let mut tx = stores.archive.read().await?;
        let next = next_chunk(&mut tx, tenant, pass.id, (position, from), &mut expected).await?;
        let Some(mut chunk) = next else { break };
        if let Entry::Vacant(unknown) = has_mentions.entry(chunk.target) {
            unknown.insert(any_mention(&mut tx, tenant, chunk.target).await?);
        }
        chunk.mentions = has_mentions.get(&chunk.target).copied().unwrap_or(true);
        chunk.deliveries = traces.deliveries && chunk.target == Target::Archive;
        drop(tx);
        let Cut { records, texts } = cut_chunk(stores, lease, &chunk).await?;
        (position, from) = chunk.end();
        chunks += 1;
        if (chunk.mentions || chunk.texts) && chunks % CHUNKS_TO_TIDY == 0 && stores.archive.is_postgres() {
            stores.archive.scrub(Sql::per("VACUUM pass_mentions, pass_text_mentions", "")).await?;
        }
        *report.anonymized.entry(chunk.target.to_string()).or_default() += records;
        report.texts_anonymized += texts;
        progress.advance(records);
        if stop.is_asked() {
            return Err(PassError::Stopped);
        }
    }
    let mut tx = stores.archive.write().await?;
    lease.renew(&mut tx).await?;
    sql::set_step(&mut tx, tenant, pass.id, Step::Cut).await?;
    tx.commit().await?;
    failpoint::hit("cut");
    Ok(())
}

/// The next whole components that together select about [`CHUNK`] records. One that alone selects many more is taken in
/// slices of time; the walk then stands before it, at the instant `from`.
async fn next_chunk(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    pass: PassId,
    (after, from): (i32, Option<DateTime<Utc>>),
    expected: &mut Expected,
) -> Result<Option<Chunk>> {
    let rows: Vec<WorkRow> = tx
        .query("SELECT no, target, component FROM pass_work")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND pass_id = ", pass)
        .with(" AND no > ", after)
        .with(" ORDER BY no LIMIT ", WINDOW)
        .all()
        .await?;
    let Some(first) = rows.first().copied() else { return Ok(None) };
    let mut chunk = Chunk {
        tenant,
        pass,
        target: first.target,
        after,
        last: first.no,
        span: Span::default(),
        mentions: true,
        texts: expected.has_texts && first.target == Target::Archive,
        deliveries: false,
        addressed: expected.has_addressees && first.target == Target::Archive,
    };
    chunk.last = last_of_component(tx, &chunk, first.component).await?.unwrap_or(first.no);
    chunk.span.from = from;
    // The last component of a full window may go on behind it, so it waits for the next window.
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == WINDOW);
    let cut_off = rows.last().filter(|_| is_full).map(|row| row.component);
    let window: Vec<WorkRow> = rows
        .into_iter()
        .filter(|row| {
            row.target == first.target && (row.component == first.component || Some(row.component) != cut_off)
        })
        .collect();
    let end_of_window = window.last().map_or(chunk.last, |row| row.no.max(chunk.last));
    expected.reach(tx, &Chunk { last: end_of_window, ..chunk }).await?;
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

/// The last row of the chunk's first component, which may reach beyond the window.
async fn last_of_component(tx: &mut Tx<Archive>, chunk: &Chunk, component: i32) -> Result<Option<i32>> {
    tx.query("SELECT max(no) FROM pass_work")
        .with(" WHERE tenant_id = ", chunk.tenant)
        .with(" AND pass_id = ", chunk.pass)
        .with(" AND no > ", chunk.after)
        .with(" AND component = ", component)
        .scalar()
        .await
}

/// How many records each work row selects, counted once as the window comes to it. A chunk may cut some of those that a
/// later row selects too: the figure is for the size of chunks only.
#[derive(Default)]
struct Expected {
    records: HashMap<i32, i64>,
    /// The last row that was counted.
    last: i32,
    /// Whether any text of content mentions anybody: then its mentions count too.
    has_texts: bool,
    /// Whether any delivery says whom it was made for: then those of interactions that are somebody else's now count too.
    has_addressees: bool,
}

impl Expected {
    /// Counts those rows of the chunk that were not counted yet: an index scan each, no record is read.
    async fn reach(&mut self, tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<()> {
        let uncounted = Chunk { after: chunk.after.max(self.last), ..*chunk };
        if uncounted.after >= uncounted.last {
            return Ok(());
        }
        let query = with_selected(tx.query(""), &uncounted).push(" SELECT no, count(*) FROM (");
        let rows: Vec<(i32, i64)> = each_hit(query, &uncounted, "s.no").push(") AS hit GROUP BY no").all().await?;
        self.records.retain(|no, _| *no > chunk.after);
        self.records.extend(rows);
        self.last = uncounted.last;
        Ok(())
    }

    fn of(&self, no: i32) -> i64 {
        self.records.get(&no).copied().unwrap_or(0)
    }
}

/// Where a slice of the chunk ends: at the instant before which [`CHUNK`] records lie, or open.
async fn slice_end(tx: &mut Tx<Archive>, chunk: &Chunk) -> Result<Option<DateTime<Utc>>> {
    let query = with_selected(tx.query(""), chunk).push(" SELECT at FROM (");
    let query = each_hit(query, chunk, "r.at").push(") AS hit WHERE TRUE");
    let end: Option<(DateTime<Utc>,)> =
        query.with_some(" AND at > ", chunk.span.from).with(" ORDER BY at LIMIT 1 OFFSET ", CHUNK).maybe().await?;
    Ok(end.map(|(at,)| at))
}

/// Appends one row for every way in which a chunk's work rows select a record.
fn each_hit<'c>(mut query: Query<'c>, chunk: &Chunk, column: &'static str) -> Query<'c> {
    for slot in ["phone_id", "email_id"] {
        query = query
            .push("SELECT ")
            .push(column)
            .push(" FROM selected s JOIN ")
            .push(table(chunk.target))
            .push(" r ON r.")
            .push(slot)
            .push(" = s.identifier_id AND r.at < s.cutoff")
            .with(" WHERE r.tenant_id = ", chunk.tenant)
            .push(" UNION ALL ");
    }
    if chunk.addressed {
        for (slot, is_moved) in [
            ("phone_id", " AND (r.phone_id IS NULL OR r.phone_id <> c.phone_id) UNION ALL "),
            ("email_id", " AND (r.email_id IS NULL OR r.email_id <> c.email_id) UNION ALL "),
        ] {
            query = made_for(slot, query.push("SELECT ").push(column), chunk).push(is_moved);
        }
    }
    let query = each_mention(query, chunk, column, chunk.target.into());
    if chunk.texts { each_mention(query.push(" UNION ALL "), chunk, column, Owner::Content) } else { query }
}

fn each_mention<'c>(query: Query<'c>, chunk: &Chunk, column: &'static str, owner: Owner) -> Query<'c> {
    query
        .push("SELECT ")
        .push(column)
        .push(" FROM selected s JOIN mentions r ON r.identifier_id = s.identifier_id AND r.at < s.cutoff")
        .with(" WHERE r.tenant_id = ", chunk.tenant)
        .with(" AND r.target = ", owner)
}

async fn any_mention(tx: &mut Tx<Archive>, tenant: TenantId, target: Target) -> Result<bool> {
    let one: Option<(i32,)> = tx
        .query("SELECT n FROM mentions")
        .with(" WHERE tenant_id = ", tenant)
        .with(" AND target = ", Owner::from(target))
        .push(" LIMIT 1")
        .maybe()
        .await?;
    Ok(one.is_some())
}
