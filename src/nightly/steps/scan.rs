//! Scan: what changed is searched for identifiers that should not be there, and so is a part of the rest. It comes after
//! the passes of a run, so it reads every record that they have unlinked.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::finish::ACTOR;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::content::ContentError;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{PassError, PassResult};
use crate::nightly::report::{Report, ScanOutcome};
use crate::scan::{self, FullRound, ScanCounts, ScanError, Scanner};
use crate::store::StoreError;

/// The parts of the scan that certificates state.
pub struct Scanned {
    pub at: DateTime<Utc>,
    /// The numbers of the records that had changed.
    pub changes: ScanCounts,
    /// The last full round that an earlier night has completed.
    pub full: Option<FullRound>,
}

pub async fn scan(context: &PassContext<'_>, report: &mut Report) -> PassResult<Scanned> {
    let (app, tenant) = (context.app, context.tenant);
    let at = app.clock.now();
    let mut round = scan::round(&mut context.read().await?, tenant.id, at).await?;
    let full = round.last.clone();
    let is_stopped = || context.stop.is_requested();
    let mut scanner = Scanner::open(app, context.content_store, tenant, &is_stopped).await?;
    scanner.changes(&mut round).await?;
    let changes = scanner.counts().clone();
    scanner.part(&mut round).await?;
    let scanned = scanner.finish();

    let mut tx = context.begin().await?;
    scan::record(&mut tx, tenant.id, &round, &scanned).await?;
    let rows = usize::try_from(scanned.counts.rows).unwrap_or(usize::MAX);
    let entry = Entry::new(Action::ArchiveScanned, rows, json!({ "counts": scanned.counts }));
    audit::record(&mut tx, app.clock, &Actor::service(tenant.id, ACTOR), &entry).await?;
    failpoint::reach("scan.before-commit");
    tx.commit().await?;

    let counts = &scanned.counts;
    let (residue, exposed) = (counts.true_residue(), counts.true_exposed());
    report.scan = ScanOutcome { rows: counts.rows, bytes: counts.bytes, objects: counts.objects, residue, exposed };
    if scanned.has_findings() {
        let unclassified = scanned.unclassified.len();
        tracing::error!(
            tenant = %tenant.slug, residue, exposed, unclassified,
            "The residue scan failed: identifiers or unknown columns were found. Run lethe scan --full to see their places"
        );
    }
    Ok(Scanned { at, changes, full })
}

impl From<ScanError> for PassError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Store(error) | ScanError::Content(ContentError::Store(error)) => Self::Store(error),
            ScanError::Vault(error) => Self::Vault(error),
            ScanError::Content(error) => Self::Content(error),
            ScanError::Stopped => Self::Stopped,
            ScanError::Io(_) => Self::Store(StoreError::Inconsistent("files".to_owned())),
        }
    }
}
