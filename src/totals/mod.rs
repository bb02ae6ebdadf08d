//! Totals of the archive: counts, durations, and scores in groups (D4, D5). They show no record.
//!
//! [`span`] cuts the time into parts in which local time has one offset, and [`clock`] says what is a bucket of it. The
//! archive counts the records of each part (`archive::counting`). [`cells`] adds the counts of the parts up. [`figures`]
//! decides which of them may be shown, and [`noise`] blurs counts where the tenant wants it.

mod aged;
mod cells;
mod clock;
mod figures;
pub mod http;
mod model;
mod noise;
mod span;

use std::sync::LazyLock;

use tokio::sync::Semaphore;

use crate::archive::counting::{self, CountFilter, CountQuery, CountedKind, CountedValues};
use crate::tenants::Tenant;
use crate::vault::AppContext;

use cells::Cells;
use clock::BucketClock;
use figures::Rule;

pub use cells::{MOST_CELLS, Total};
pub use figures::Figures;
pub use model::{GroupValue, TotalGroup, TotalsError};
pub use span::{TotalSpan, is_within_months};

/// A process computes so many totals at a time. The others wait, so that searches keep their connections.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

/// The totals that a call asks for.
#[derive(Debug)]
pub struct TotalsQuery {
    pub kind: CountedKind,
    pub span: TotalSpan,
    /// At most three, each once.
    pub groups: Vec<TotalGroup>,
    pub filter: CountFilter,
    pub values: CountedValues,
}

/// The groups that are not empty, in the order of their values.
pub async fn total(app: &AppContext, tenant: &Tenant, query: &TotalsQuery) -> Result<Vec<Total>, TotalsError> {
    let TotalsQuery { kind, span, groups, filter, values } = query;
    let columns: Vec<_> = groups.iter().filter_map(|group| group.column()).collect();
    let clock = BucketClock::of(groups);
    let mut cells = Cells::new(groups, clock);
    // The semaphore is never closed.
    let _place = PLACES.acquire().await.ok();
    // All parts and the kept totals are of one instant. Otherwise, an interaction that is aged meanwhile would count twice
    // or not at all.
    let mut tx = app.archive.read_snapshot().await?;
    for part in span.parts(tenant.zone) {
        let counted = CountQuery {
            tenant: tenant.id,
            kind: *kind,
            from: part.from,
            to: part.to,
            columns: &columns,
            buckets: clock.map(|clock| clock.buckets(part.offset)),
            filter,
            values: *values,
            has_cell_keys: tenant.settings.totals.perturbation,
        };
        counting::count(&mut tx, counted, |row| cells.add(&part, row)).await?;
        cells.check()?;
    }
    aged::add(&mut tx, tenant, query, &mut cells).await?;
    tx.commit().await?;
    Ok(cells.totals(Rule::of(tenant.settings.totals)))
}
