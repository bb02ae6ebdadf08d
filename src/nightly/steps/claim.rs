//! Claim: the due requests belong to the pass. From now on they are read-only.

use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult};
use crate::nightly::sql;
use crate::requests::passes as requests;

pub async fn claim(context: &PassContext<'_>, pass: Pass) -> PassResult<Pass> {
    let mut tx = context.begin().await?;
    sql::insert(&mut tx, context.tenant.id, &pass).await?;
    requests::claim(&mut tx, context.tenant.id, pass.id, pass.as_of).await?;
    failpoint::reach("claim.before-commit");
    tx.commit().await?;
    failpoint::reach("claim");
    Ok(pass)
}
