//! The residue scan: independent evidence that nobody who was forgotten is left in the archive, and that no identifier
//! is in it in clear.
//!
//! It shares the tenant's keys with the vault, and nothing with the code that finds identifiers at ingest: tables and
//! columns come from the database's own catalogue, and `projection.rs` reads texts in a way of its own. Reports name
//! places and never values.

mod calling_codes;
mod census;
mod encodings;
mod files;
mod matcher;
mod model;
mod numbers;
mod projection;
mod reading;
mod runs;
mod sql;
mod tables;
mod texts;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::base::id::{RequestId, TenantId};
use crate::content::ContentStore;
use crate::store::{Archive, Result, Tx};
use crate::tenants::Tenant;
use crate::vault::AppContext;

pub use files::FileReport;
pub use model::{FindingClass, FoundPlace, FullRound, Round, ScanCounts, ScanError, ScanReport, UnclassifiedColumn};

use matcher::Matcher;
use tables::{ScannedTable, tables};

/// The number of scans that read the whole archive once. Each also reads the changed rows.
const NIGHTS: u64 = 30;

/// The fewest rows that a scan reads, so that one scan reads a small archive.
const FEWEST_ROWS: u64 = 50_000;

/// How far before the last scan changes are read again. A transaction may have committed after it had read its clock.
const MARGIN: TimeDelta = TimeDelta::hours(1);

/// How far back the first scan reads changes.
const FIRST: TimeDelta = TimeDelta::days(2);

/// A scan of the archive of one tenant.
pub struct Scanner<'s> {
    app: &'s AppContext,
    content_store: &'s ContentStore,
    tenant: &'s Tenant,
    tables: Vec<ScannedTable>,
    matcher: Matcher,
    report: ScanReport,
    is_stopped: &'s (dyn Fn() -> bool + Sync),
}

impl<'s> Scanner<'s> {
    /// Reads the catalogue, and the keyed hashes of all identifiers and erasures.
    pub async fn open(
        app: &'s AppContext,
        content_store: &'s ContentStore,
        tenant: &'s Tenant,
        is_stopped: &'s (dyn Fn() -> bool + Sync),
    ) -> std::result::Result<Self, ScanError> {
        let mut report = ScanReport::default();
        let tables = tables(app.archive.is_postgres(), app.archive.read().await?.catalogue().await?, &mut report);
        report.counts.columns = tables.iter().map(|table| table.searched().count() as u64).sum();
        let matcher = Matcher::open(app, tenant).await?;
        Ok(Self { app, content_store, tenant, tables, matcher, report, is_stopped })
    }

    /// Reads the records that changed since the last scan, and the texts of interactions among them. So it reads every
    /// record that a pass has changed since.
    pub async fn changes(&mut self, round: &mut Round) -> std::result::Result<(), ScanError> {
        let now = self.app.clock.now();
        let since = round.changed_until.unwrap_or(now - FIRST) - MARGIN;
        for no in 0..self.tables.len() {
            if self.tables.get(no).is_some_and(ScannedTable::tells_changes) {
                self.read_changes(no, since).await?;
            }
        }
        self.confirm().await?;
        round.changed_until = Some(now);
        Ok(())
    }

    /// Reads the next part of the whole archive. Returns whether the round is complete.
    pub async fn part(&mut self, round: &mut Round) -> std::result::Result<bool, ScanError> {
        let basis = round.last.as_ref().map_or_else(|| self.estimate(), |last| last.counts.read());
        self.advance(round, Some((basis / NIGHTS).max(FEWEST_ROWS))).await
    }

    /// Reads the whole archive, in a round of its own.
    pub async fn whole(&mut self, round: &mut Round) -> std::result::Result<(), ScanError> {
        let (last, changed_until) = (round.last.take(), round.changed_until);
        *round = Round { last, changed_until, ..Round::new(self.app.clock.now()) };
        self.advance(round, None).await.map(drop)
    }

    /// About how many rows the archive has.
    fn estimate(&self) -> u64 {
        self.tables.iter().map(ScannedTable::rows).sum()
    }

    async fn advance(&mut self, round: &mut Round, budget: Option<u64>) -> std::result::Result<bool, ScanError> {
        let before = self.report.counts.clone();
        let limit = budget.map_or(u64::MAX, |budget| self.report.counts.read().saturating_add(budget));
        let mut is_paused = false;
        for no in 0..self.tables.len() {
            let name = self.tables.get(no).map(|table| table.name().to_owned()).unwrap_or_default();
            if name < round.table {
                continue;
            }
            let after = round.position.take().filter(|_| name == round.table);
            round.table = name;
            is_paused = self.report.counts.read() >= limit;
            round.position = if is_paused { after } else { self.read_table(no, after, limit).await? };
            is_paused |= round.position.is_some();
            if is_paused {
                break;
            }
        }
        let is_complete = !is_paused && self.read_texts(round, limit).await?;
        self.confirm().await?;
        round.counts = std::mem::take(&mut round.counts).plus(&self.report.counts.since(&before));
        if is_complete {
            let (begun_at, counts) = (round.begun_at, round.counts.clone());
            let (last, changed_until) = (Some(FullRound { begun_at, counts }), round.changed_until);
            *round = Round { last, changed_until, ..Round::new(self.app.clock.now()) };
        }
        Ok(is_complete)
    }

    async fn confirm(&mut self) -> std::result::Result<(), ScanError> {
        self.matcher.confirm(&self.app.vault, &mut self.report).await?;
        if (self.is_stopped)() { Err(ScanError::Stopped) } else { Ok(()) }
    }

    /// The numbers so far.
    #[must_use]
    pub const fn counts(&self) -> &ScanCounts {
        &self.report.counts
    }

    #[must_use]
    pub fn finish(self) -> ScanReport {
        self.report
    }
}

/// The round of a tenant.
pub async fn round(tx: &mut Tx<Archive>, tenant: TenantId, now: DateTime<Utc>) -> Result<Round> {
    Ok(sql::round(tx, tenant).await?.unwrap_or_else(|| Round::new(now)))
}

/// Records the place that the round reads next, and how often something of each request was found.
pub async fn record(tx: &mut Tx<Archive>, tenant: TenantId, round: &Round, report: &ScanReport) -> Result<()> {
    sql::set_round(tx, tenant, round).await?;
    sql::add_findings(tx, tenant, &report.requests).await
}

/// How often scans have found something of some requests.
pub async fn residue_of(
    tx: &mut Tx<Archive>,
    tenant: TenantId,
    requests: &[RequestId],
) -> Result<HashMap<RequestId, u64>> {
    sql::findings(tx, tenant, requests).await
}

/// Deletes the findings of purged requests.
pub async fn purge(tx: &mut Tx<Archive>, tenant: TenantId, requests: &[RequestId]) -> Result<u64> {
    sql::delete_findings(tx, tenant, requests).await
}
