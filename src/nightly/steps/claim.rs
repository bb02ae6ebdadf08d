//! Claim: the due requests belong to the pass. From now on they are read-only. A request that selects a held record is
//! left alone, and the pass after the release of the hold claims it.

use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult};
use crate::nightly::report::Report;
use crate::nightly::sql;
use crate::requests::{held, passes as requests};
use crate::tenants::fence;

pub async fn claim(context: &PassContext<'_>, pass: Pass, report: &mut Report) -> PassResult<Pass> {
    let tenant = context.tenant.id;
    let mut tx = context.begin().await?;
    // A hold is placed behind the gate. So either this claim sees the hold, or its call sees the claim.
    fence::close(&mut tx, tenant).await?;
    sql::insert(&mut tx, tenant, &pass).await?;
    requests::claim(&mut tx, tenant, pass.id, pass.as_of).await?;
    report.requests_held = held::spare(&mut tx, tenant, pass.id).await?;
    failpoint::reach("claim.before-commit");
    tx.commit().await?;
    failpoint::reach("claim");
    Ok(pass)
}
