//! Ageing: interactions that are old enough lose their precision, a month at a time (D4, D9).
//!
//! A month is planned before its first record changes, and the plan is stored. So a killed pass continues with the same
//! classes. A chunk is one transaction. It enters the gate alone: an ingest that was under way has ended, and the next
//! one finds the records in the list of aged ones. The epoch stays, since the vault does not change.
//!
//! A restored archive has its records back as they were. They are as old as before, so the next pass ages them again, and
//! the journal needs no entry.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::delete_content::{Cause, delete_some};
use super::finish::ACTOR;
use super::gc_identifiers;
use crate::ageing::{self, AgeingPlan, Month, NamedPolicy, PolicyState};
use crate::archive::ageing::{self as records, KeptBack, Ladder, MonthRules};
use crate::archive::held;
use crate::archive::unlink::changed_at;
use crate::audit::{self, Action, Entry};
use crate::base::actor::Actor;
use crate::base::id::{IdentifierId, RecordId};
use crate::base::target::Target;
use crate::content_rows::{self, passes as contents};
use crate::delivery::passes as deliveries;
use crate::nightly::context::PassContext;
use crate::nightly::failpoint;
use crate::nightly::model::{Pass, PassResult, StepName};
use crate::nightly::report::Report;
use crate::outbox;
use crate::store::{Archive, Result, Tx};
use crate::tenants::fence;

/// How many interactions one transaction plans.
const PAGE: i64 = 2_000;

/// About how many interactions one transaction ages.
const CHUNK: usize = 1_000;

/// Ages all months that are old enough for a policy that is on. A replay ages nothing: the next pass does.
pub async fn age(context: &PassContext<'_>, pass: &Pass, report: &mut Report) -> PassResult<()> {
    context.show(StepName::Ageing);
    let mut planned = HashMap::new();
    while context.replay.is_none() {
        let Some(plan) = next_plan(context, pass, &mut planned).await? else { break };
        if !age_month(context, pass, &plan, report).await? {
            break;
        }
    }
    Ok(())
}

/// The ends of the months that this pass has planned, by policy. A month with held interactions keeps them, so a pass plans
/// it only once.
type Planned = HashMap<String, DateTime<Utc>>;

/// The month that a killed pass has planned, or else the next one that is old enough. The plan of a paused policy is
/// dropped, so that no other policy waits for it. The rest of its month is planned again after the pause.
async fn next_plan(context: &PassContext<'_>, pass: &Pass, planned: &mut Planned) -> PassResult<Option<AgeingPlan>> {
    let tenant = context.tenant;
    let mut tx = context.read().await?;
    let policies = ageing::list(&mut tx, tenant.id).await?;
    let begun = ageing::plan(&mut tx, tenant.id).await?;
    let is_left = records::has_work(&mut tx, tenant.id).await?;
    drop(tx);
    if let Some(plan) = begun {
        if !policies.iter().any(|one| one.name == plan.name && one.paused) {
            return Ok(Some(plan));
        }
        let mut tx = context.begin().await?;
        ageing::delete_plan(&mut tx, tenant.id).await?;
        records::clear_cells(&mut tx, tenant.id).await?;
        tx.commit().await?;
    }
    if is_left {
        clear(context).await?;
    }
    for named in policies.iter().filter(|one| one.state(pass.as_of) == PolicyState::On) {
        let from = planned.get(&named.name).copied();
        let oldest = records::oldest(&mut context.read().await?, tenant.id, &named.policy.chosen(), from).await?;
        let month = oldest.and_then(|at| Month::of(at, tenant.zone));
        if let Some(month) = month.filter(|month| month.is_due(&named.policy, pass.as_of, tenant.zone)) {
            planned.insert(named.name.clone(), month.ends_at);
            return Ok(Some(plan(context, named, month).await?));
        }
    }
    Ok(None)
}

/// Deletes the rows of a plan that was not completed.
async fn clear(context: &PassContext<'_>) -> PassResult<()> {
    loop {
        let mut tx = context.begin().await?;
        let cleared = records::clear(&mut tx, context.tenant.id).await?;
        tx.commit().await?;
        if cleared == 0 {
            return Ok(());
        }
    }
}

/// Plans a month: copies what can be kept of its interactions, and settles them.
async fn plan(context: &PassContext<'_>, named: &NamedPolicy, month: Month) -> PassResult<AgeingPlan> {
    let (tenant, policy) = (context.tenant, &named.policy);
    let (chosen, levels) = (policy.chosen(), policy.levels());
    for channel in chosen.channels.iter().copied() {
        let mut after = None;
        loop {
            let (who, span) = ((tenant.id, tenant.zone), (month.starts_at, month.ends_at));
            let mut tx = context.read().await?;
            let mut page = records::page(&mut tx, who, (&chosen, channel), span, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.at, last.id));
            let ids: Vec<RecordId> = page.iter().map(|features| features.id).collect();
            let kept = held::among(&mut tx, tenant.id, Target::Archive, &ids).await?;
            drop(tx);
            page.retain(|features| !kept.contains(&features.id));
            let mut tx = context.begin().await?;
            records::fill(&mut tx, tenant.id, &page).await?;
            tx.commit().await?;
            failpoint::reach("ageing.fill");
            context.check_stop()?;
        }
    }
    let keyset = context.app.keysets.get(&context.app.vault, tenant.id).await?;
    let mut tx = context.begin().await?;
    // Interactions that arrive after their month was aged are aged to the month, if no level settles them.
    let is_late = records::has_month(&mut tx, tenant.id, &chosen.channels, month.day).await?;
    let to_month = policy.keeps_month() || is_late && !levels.is_empty();
    let Month { day, starts_at, ends_at: _ } = month;
    let ladder = Ladder { levels: &levels, k: policy.k, to_month, month: day, starts_at, zone: tenant.zone };
    let linked = records::settle_month(&mut tx, (tenant.id, &keyset), ladder).await?;
    let (name, policy, changed_at) = (named.name.clone(), policy.clone(), changed_at(context.app.clock.now()));
    let plan = AgeingPlan { name, policy, month: month.day, linked, changed_at };
    ageing::insert_plan(&mut tx, tenant.id, &plan).await?;
    failpoint::reach("ageing.plan.before-commit");
    tx.commit().await?;
    failpoint::reach("ageing.plan");
    Ok(plan)
}

/// Ages a planned month in chunks. Returns whether it is done. It is not if content could not be deleted.
async fn age_month(context: &PassContext<'_>, pass: &Pass, plan: &AgeingPlan, report: &mut Report) -> PassResult<bool> {
    let tenant = context.tenant.id;
    let keyset = context.app.keysets.get(&context.app.vault, tenant).await?;
    let levels = plan.policy.levels();
    let rules = MonthRules {
        tenant,
        keyset: &keyset,
        zone: context.tenant.zone,
        levels: &levels,
        month: plan.month,
        linked: &plan.linked,
        changed_at: plan.changed_at,
    };
    loop {
        let ids = records::next(&mut context.read().await?, tenant, CHUNK, plan.policy.k).await?;
        if ids.is_empty() {
            break;
        }
        let kept = held::among(&mut context.read().await?, tenant, Target::Archive, &ids).await?;
        let free: Vec<RecordId> = ids.iter().copied().filter(|id| !kept.contains(id)).collect();
        let left = delete_content(context, pass, &free, report).await?;
        failpoint::reach("ageing.content");
        age_chunk(context, pass, (plan, &rules), ids, report).await?;
        failpoint::reach("ageing.chunk");
        if left > 0 {
            report.content_left += left;
            return Ok(false);
        }
        context.check_stop()?;
    }
    let mut tx = context.begin().await?;
    ageing::delete_plan(&mut tx, tenant).await?;
    failpoint::reach("ageing.end.before-commit");
    tx.commit().await?;
    Ok(true)
}

/// Deletes the content of some interactions, before they change. Returns how many pieces are left.
async fn delete_content(
    context: &PassContext<'_>,
    pass: &Pass,
    ids: &[RecordId],
    report: &mut Report,
) -> PassResult<u64> {
    let objects = contents::of_interactions(&mut context.read().await?, context.tenant.id, ids).await?;
    let mut left = 0;
    for batch in objects.chunks(super::delete_content::BATCH) {
        let deleted = delete_some(context, pass, Cause::Ageing, batch).await?;
        report.content_expired += deleted.pieces;
        left += deleted.left;
        if deleted.is_away {
            return Ok(left.max(1));
        }
    }
    Ok(left)
}

/// Ages the interactions of a chunk that have no content, in one transaction.
async fn age_chunk(
    context: &PassContext<'_>,
    pass: &Pass,
    (plan, rules): (&AgeingPlan, &MonthRules<'_>),
    mut ids: Vec<RecordId>,
    report: &mut Report,
) -> PassResult<()> {
    let tenant = context.tenant.id;
    let mut tx = context.begin().await?;
    fence::close(&mut tx, tenant).await?;
    let mut rows = records::lock(&mut tx, tenant, &ids).await?;
    let with_content = content_rows::sql::with_content(&mut tx, tenant, &ids, None, None).await?.into_iter().collect();
    // A hold may have been placed since the month was planned. The plan loses the interactions that are held, and the rest
    // of a class that became too small by that.
    let held = held::among(&mut tx, tenant, Target::Archive, &ids).await?;
    let members: Vec<_> = rows.iter().map(|row| (row.record_id, row.class_id)).collect();
    let KeptBack { waiting, spared } = KeptBack::of(&members, (&held, &with_content), plan.policy.k);
    ids.retain(|id| !waiting.contains(id));
    rows.retain(|row| !waiting.contains(&row.record_id) && !spared.contains(&row.record_id));
    let gone: Vec<RecordId> = rows.iter().map(|row| row.record_id).collect();
    let outcome = records::apply(&mut tx, rules, &ids, &rows).await?;
    let addressees = forget_deliveries(&mut tx, context, &gone).await?;
    if !gone.is_empty() {
        let actor = Actor::service(tenant, ACTOR);
        audit::unlink(&mut tx, context.app.clock, &actor, |query| {
            let query = query.push("WITH gone (id) AS (VALUES ");
            query.each(&gone, |query, id| query.with("(", *id).push(")")).push(")")
        })
        .await?;
    }
    gc_identifiers::note(&mut tx, tenant, pass.id, &outcome.identifiers).await?;
    gc_identifiers::note(&mut tx, tenant, pass.id, &addressees).await?;
    let (aged, deleted) = (outcome.aged, outcome.deleted);
    if aged + deleted > 0 {
        let detail = json!({ "policy": plan.name, "month": plan.month, "aged": aged, "deleted": deleted });
        let entry = Entry::new(Action::RecordsAged, rows.len(), detail);
        audit::record(&mut tx, context.app.clock, &Actor::service(tenant, ACTOR), &entry).await?;
    }
    failpoint::reach("ageing.chunk.before-commit");
    tx.commit().await?;
    report.records_aged += aged;
    report.records_deleted += deleted;
    Ok(())
}

/// Deletes the deliveries of interactions, whose files name the old ids. Returns the identifiers of their addressees.
async fn forget_deliveries(
    tx: &mut Tx<Archive>,
    context: &PassContext<'_>,
    ids: &[RecordId],
) -> Result<Vec<IdentifierId>> {
    let tenant = context.tenant.id;
    if !outbox::is_any(tx, tenant).await? {
        return Ok(Vec::new());
    }
    outbox::delete_of(tx, tenant, ids).await?;
    deliveries::forget_interactions(tx, tenant, ids).await
}
