//! The records of a total that are aged: only their kept totals are known (D9).
//!
//! Interactions are kept by day, queue, channel, direction, and outcome, and by month, agent, and channel. Survey responses
//! are kept by month and score. A total that needs anything finer is refused. Small cells of interactions were added up as
//! `other` of their month, which has no day.

use chrono::{Datelike as _, Months, NaiveDate, TimeDelta};

use super::cells::{Cells, KeptSums};
use super::model::{GroupValue, TotalGroup, TotalsError};
use super::{CountedKind, CountedValues, TotalsQuery};
use crate::archive::ageing::{Days, KeptAgents, KeptTotals, each_by_agent, each_by_day, has_kept, kept_scores};
use crate::base::day::local_day;
use crate::store::{Archive, Tx};
use crate::tenants::Tenant;

/// The word of the small cells of a month.
const OTHER: &str = "other";

/// Adds what is kept of the aged records of a total.
pub async fn add(
    tx: &mut Tx<Archive>,
    tenant: &Tenant,
    query: &TotalsQuery,
    cells: &mut Cells<'_>,
) -> Result<(), TotalsError> {
    let span = query.span;
    let last = local_day(span.to - TimeDelta::microseconds(1), tenant.zone);
    let days = (local_day(span.from, tenant.zone), last.succ_opt().unwrap_or(last));
    match query.kind {
        CountedKind::Interactions => add_interactions(tx, tenant, query, days, cells).await?,
        CountedKind::SurveyResponses => add_survey_responses(tx, tenant, query, days, cells).await?,
    }
    cells.check()
}

async fn add_interactions(
    tx: &mut Tx<Archive>,
    tenant: &Tenant,
    query: &TotalsQuery,
    days: Days,
    cells: &mut Cells<'_>,
) -> Result<(), TotalsError> {
    let TotalsQuery { groups, filter, values, .. } = query;
    if !has_kept(tx, tenant.id, days, filter).await? {
        return Ok(());
    }
    if *values == CountedValues::Levelled {
        return Err(TotalsError::GrainGone);
    }
    let is = |fits: fn(TotalGroup) -> bool| groups.iter().copied().all(fits);
    if filter.agent_id.is_none() && is(fits_days) {
        let add = |one: KeptTotals| {
            let KeptTotals { n, timed, seconds, cell_key, .. } = one;
            let key = groups.iter().map(|group| of_day(*group, &one)).collect();
            cells.add_kept(key, KeptSums { records: n, valued: timed, total: seconds, cell_key });
        };
        return Ok(each_by_day(tx, tenant.id, days, filter, add).await?);
    }
    if filter.queue.is_some() || filter.outcome.is_some() || !is(fits_agents) {
        return Err(TotalsError::GrainGone);
    }
    let mut are_whole = true;
    let add = |one: KeptAgents| {
        let KeptAgents { month, n, timed, seconds, cell_key, .. } = one;
        are_whole &= is_whole(month, days);
        let key = groups.iter().map(|group| of_agent(*group, &one)).collect();
        cells.add_kept(key, KeptSums { records: n, valued: timed, total: seconds, cell_key });
    };
    each_by_agent(tx, tenant.id, days, filter, add).await?;
    if are_whole { Ok(()) } else { Err(TotalsError::GrainGone) }
}

async fn add_survey_responses(
    tx: &mut Tx<Archive>,
    tenant: &Tenant,
    query: &TotalsQuery,
    days: Days,
    cells: &mut Cells<'_>,
) -> Result<(), TotalsError> {
    let kept = kept_scores(tx, tenant.id, days).await?;
    let are_months = query.groups.iter().all(|group| *group == TotalGroup::Month);
    if !kept.iter().all(|one| are_months && is_whole(one.month, days)) {
        return Err(TotalsError::GrainGone);
    }
    for one in kept {
        cells.add_scores(one, query.values == CountedValues::Levelled);
    }
    Ok(())
}

const fn fits_days(group: TotalGroup) -> bool {
    !matches!(group, TotalGroup::AgentId | TotalGroup::HourOfDay | TotalGroup::Hour)
}

const fn fits_agents(group: TotalGroup) -> bool {
    matches!(group, TotalGroup::AgentId | TotalGroup::Channel | TotalGroup::Month)
}

/// Whether a month with its first day lies within some days as a whole.
fn is_whole(month: NaiveDate, (from, to): Days) -> bool {
    from <= month && month.checked_add_months(Months::new(1)).is_some_and(|next| next <= to)
}

fn word(text: &str, is_other: bool) -> GroupValue {
    match text {
        _ if is_other => GroupValue::Word(Some(OTHER.to_owned())),
        "" => GroupValue::Word(None),
        text => GroupValue::Word(Some(text.to_owned())),
    }
}

fn of_day(group: TotalGroup, one: &KeptTotals) -> GroupValue {
    let (day, is_other) = (one.day, one.is_other);
    match group {
        TotalGroup::Queue => word(&one.queue, is_other),
        TotalGroup::Direction => word(&one.direction, is_other),
        TotalGroup::Outcome => word(&one.outcome, is_other),
        TotalGroup::Channel => word(one.channel.as_str(), false),
        TotalGroup::Month => GroupValue::Month(day.with_day(1).unwrap_or(day)),
        TotalGroup::Day | TotalGroup::Week | TotalGroup::Weekday if is_other => GroupValue::Word(None),
        TotalGroup::Day => GroupValue::Day(day),
        TotalGroup::Week => GroupValue::Week(day.iso_week().year(), day.iso_week().week()),
        TotalGroup::Weekday => GroupValue::Number(day.weekday().number_from_monday()),
        TotalGroup::AgentId | TotalGroup::HourOfDay | TotalGroup::Hour => GroupValue::Word(None),
    }
}

fn of_agent(group: TotalGroup, one: &KeptAgents) -> GroupValue {
    match group {
        TotalGroup::AgentId => word(&one.agent_id, one.is_other),
        TotalGroup::Channel => word(one.channel.as_str(), false),
        _ => GroupValue::Month(one.month),
    }
}
