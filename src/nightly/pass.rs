//! A pass: the steps in their order, from the last recorded one to the end.

use chrono::{DateTime, Utc};

use super::context::PassContext;
use super::model::{Pass, PassError, PassResult, Step, StepName};
use super::report::Report;
use super::sql;
use super::steps::{
    ageing, claim, delete_content, finish, gc_identifiers, gc_objects, journal, plan, purge, rescan_texts, reseal,
    retention, unlink, write_erasures,
};
use crate::base::id::PassId;

/// How often a pass may lose a transaction against another one, such as an ingest of the same records.
const MOST_LOST: u32 = 20;

/// Brings a pass to its end: an interrupted one, or a new one. A transaction that lost against another one is undone,
/// as if the job had been killed in it. So the pass resumes at the step that it has recorded.
pub async fn run(
    context: &PassContext<'_>,
    mut begun: Option<Pass>,
    as_of: DateTime<Utc>,
    report: &mut Report,
) -> PassResult<()> {
    for _ in 0..MOST_LOST {
        match attempt(context, begun, as_of, report).await {
            Err(error) if error.is_contended() => {
                let step = report.stopped_at.as_deref();
                tracing::warn!(tenant = %context.tenant.slug, step, "A transaction of the pass lost against another one, retrying");
            }
            ended => return ended,
        }
        begun = sql::unfinished(&mut context.read().await?, context.tenant.id).await?;
    }
    attempt(context, begun, as_of, report).await
}

async fn attempt(
    context: &PassContext<'_>,
    begun: Option<Pass>,
    as_of: DateTime<Utc>,
    report: &mut Report,
) -> PassResult<()> {
    let mut pass = if let Some(pass) = begun {
        pass
    } else {
        let pass = Pass { id: PassId::new(), as_of, step: Step::Claimed, position: 0, position_at: None };
        context.show(StepName::Claim);
        claim::claim(context, pass, report).await?
    };
    loop {
        report.enter(pass.step.next());
        context.check_stop()?;
        let Some(step) = next_step(context, &pass, report).await? else { return Ok(()) };
        pass.step = step;
    }
}

/// Runs the step after the recorded one. Returns the step that is recorded then, or none after the last one.
async fn next_step(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<Option<Step>> {
    Ok(Some(match pass.step {
        Step::Claimed => {
            context.show(StepName::Journal);
            journal::erasures(context, pass, report).await?;
            Step::Journaled
        }
        Step::Journaled => {
            context.show(StepName::RescanTexts);
            rescan_texts::rescan_all(context, pass, report).await?;
            context.show(StepName::DeleteContent);
            delete_content::delete(context, pass, report).await?;
            Step::ContentDeleted
        }
        Step::ContentDeleted => {
            context.show(StepName::WriteErasures);
            write_erasures::write(context, pass, report).await?;
            Step::Fenced
        }
        Step::Fenced => {
            delete_content::delete_late(context, pass, report).await?;
            plan::plan(context, pass).await?;
            Step::Planned
        }
        Step::Planned => {
            context.show(StepName::Unlink);
            unlink::unlink(context, pass, report).await?;
            Step::Unlinked
        }
        Step::Unlinked => {
            context.show(StepName::Finish);
            journal::finishing(context, pass).await?;
            finish::finish(context, pass, report).await?;
            Step::Finished
        }
        Step::Finished => {
            context.show(StepName::Retention);
            retention::expire(context, pass, report).await?;
            age(context, pass, report).await?;
            context.show(StepName::FindOrphans);
            gc_identifiers::find_orphans(context, pass, report).await?;
            Step::OrphansFound
        }
        Step::OrphansFound => {
            gc_identifiers::retire(context, pass).await?;
            Step::Retired
        }
        Step::Retired => {
            gc_identifiers::delete(context, pass, report).await?;
            Step::IdentifiersDeleted
        }
        Step::IdentifiersDeleted => {
            clean_up(context, pass, report).await?;
            return Ok(None);
        }
    }))
}

/// The last steps, after which the pass is gone.
async fn clean_up(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    gc_objects::check(context, pass, report).await?;
    context.show(StepName::Reseal);
    reseal::reseal(context, report).await?;
    context.show(StepName::Purge);
    purge::purge(context, pass, report).await
}

/// Ages what is old enough. An error of ageing itself may last, and the steps after it must not wait for its end: they
/// delete identifiers and old requests. So the report says that ageing failed, and the pass continues. The next pass
/// continues with the month.
async fn age(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    let aged = ageing::age(context, pass, report).await;
    report.ageing_failed = aged.is_err();
    match aged {
        Err(error) if error.is_contended() || matches!(error, PassError::Stopped | PassError::LeaseLost) => Err(error),
        Err(error) => {
            tracing::error!(tenant = %context.tenant.slug, %error, "Ageing failed. The pass continues without it");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
