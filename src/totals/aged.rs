//! The interactions of a total that are aged: only their kept totals are known (D9).
//!
//! They are kept by day, queue, channel, direction, and outcome, and by month, agent, and channel. A total that needs
//! anything finer is refused. Small cells were added up as `other` of their month, which has no day.

use chrono::{Datelike as _, NaiveDate, TimeDelta};

use super::cells::Cells;
use super::model::{Group, GroupValue, TotalsError};
use super::{CountFilter, CountedValues, TotalsQuery};
use crate::archive::Channel;
use crate::archive::ageing::{KeptAgents, KeptTotals, kept, kept_by_agent};
use crate::base::day::local_day;
use crate::base::id::TenantId;
use crate::store::{Archive, Tx};
use crate::tenants::Tenant;

/// The word of the small cells of a month.
const OTHER: &str = "other";

/// Adds what is kept of the aged interactions of a total.
pub async fn add(
    tx: &mut Tx<Archive>,
    tenant: &Tenant,
    query: &TotalsQuery,
    cells: &mut Cells<'_>,
) -> Result<(), TotalsError> {
    let TotalsQuery { span, groups, filter, values, .. } = query;
    let last = local_day(span.to - TimeDelta::microseconds(1), tenant.zone);
    let days = (local_day(span.from, tenant.zone), last.succ_opt().unwrap_or(last));
    let by_day = kept(tx, tenant.id, days).await?;
    if by_day.is_empty() && !has_aged(tx, tenant.id, days).await? {
        return Ok(());
    }
    if *values == CountedValues::Levelled {
        return Err(TotalsError::GrainGone);
    }
    let is = |fits: fn(Group) -> bool| groups.iter().copied().all(fits);
    if filter.agent_id.is_none() && is(fits_days) {
        for one in by_day.iter().filter(|one| is_wanted_by_day(one, filter)) {
            cells.add_kept(groups.iter().map(|group| of_day(*group, one)).collect(), (one.n, one.timed, one.seconds));
        }
    } else if filter.queue.is_none() && filter.outcome.is_none() && is(fits_agents) && are_months(days) {
        for one in kept_by_agent(tx, tenant.id, days).await?.iter().filter(|one| is_wanted_by_agent(one, filter)) {
            cells.add_kept(groups.iter().map(|group| of_agent(*group, one)).collect(), (one.n, one.timed, one.seconds));
        }
    } else {
        return Err(TotalsError::GrainGone);
    }
    cells.check()
}

/// Whether any interaction of the months of some days is aged. The small cells of a month have its first day.
async fn has_aged(tx: &mut Tx<Archive>, tenant: TenantId, days: (NaiveDate, NaiveDate)) -> Result<bool, TotalsError> {
    Ok(!kept_by_agent(tx, tenant, days).await?.is_empty())
}

const fn fits_days(group: Group) -> bool {
    !matches!(group, Group::AgentId | Group::HourOfDay | Group::Hour)
}

const fn fits_agents(group: Group) -> bool {
    matches!(group, Group::AgentId | Group::Channel | Group::Month)
}

/// Whether days are whole months.
fn are_months((from, to): (NaiveDate, NaiveDate)) -> bool {
    from.day() == 1 && to.day() == 1
}

fn is_wanted_by_day(one: &KeptTotals, filter: &CountFilter) -> bool {
    let CountFilter { channels, queue, agent_id: _, outcome } = filter;
    is_of(channels.as_deref(), one.channel)
        && has(queue.as_deref(), &one.queue, one.is_other)
        && has(outcome.as_deref(), &one.outcome, one.is_other)
}

fn is_wanted_by_agent(one: &KeptAgents, filter: &CountFilter) -> bool {
    is_of(filter.channels.as_deref(), one.channel) && has(filter.agent_id.as_deref(), &one.agent_id, one.is_other)
}

fn is_of(channels: Option<&[Channel]>, channel: Channel) -> bool {
    channels.is_none_or(|channels| channels.contains(&channel))
}

/// Whether a cell has the word of a filter. Small cells have no word of their own.
fn has(filter: Option<&str>, word: &str, is_other: bool) -> bool {
    filter.is_none_or(|filter| !is_other && filter == word)
}

fn word(text: &str, is_other: bool) -> GroupValue {
    match text {
        _ if is_other => GroupValue::Word(Some(OTHER.to_owned())),
        "" => GroupValue::Word(None),
        text => GroupValue::Word(Some(text.to_owned())),
    }
}

fn of_day(group: Group, one: &KeptTotals) -> GroupValue {
    let (day, is_other) = (one.day, one.is_other);
    match group {
        Group::Queue => word(&one.queue, is_other),
        Group::Direction => word(&one.direction, is_other),
        Group::Outcome => word(&one.outcome, is_other),
        Group::Channel => word(one.channel.as_str(), false),
        Group::Month => GroupValue::Month(day.with_day(1).unwrap_or(day)),
        Group::Day | Group::Week | Group::Weekday if is_other => GroupValue::Word(None),
        Group::Day => GroupValue::Day(day),
        Group::Week => GroupValue::Week(day.iso_week().year(), day.iso_week().week()),
        Group::Weekday => GroupValue::Number(day.weekday().number_from_monday()),
        Group::AgentId | Group::HourOfDay | Group::Hour => GroupValue::Word(None),
    }
}

fn of_agent(group: Group, one: &KeptAgents) -> GroupValue {
    match group {
        Group::AgentId => word(&one.agent_id, one.is_other),
        Group::Channel => word(one.channel.as_str(), false),
        _ => GroupValue::Month(one.month),
    }
}
