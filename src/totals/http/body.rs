//! The bodies of the calls for totals.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::archive::Channel;
use crate::archive::counting::{CountFilter, CountedKind, CountedValues};
use crate::http::{ApiResult, Code, FieldError, Problem};
use crate::totals::{TotalGroup, TotalSpan, TotalsQuery, is_within_months};

/// The most groups of a total.
const MOST_GROUPS: usize = 3;

/// The longest queue, agent, or outcome, in characters.
const LONGEST_WORD: usize = 500;

/// The years of a total.
const YEARS: RangeInclusive<i32> = 1970..=9998;

/// A figure of interactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InteractionMeasure {
    /// The number of interactions. It is always in the response.
    Count,
    /// The average duration in seconds.
    DurationAvg,
    /// The duration in seconds that half of the interactions do not exceed.
    DurationP50,
    /// The duration in seconds that 95 % of the interactions do not exceed.
    DurationP95,
}

/// A figure of survey responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SurveyResponseMeasure {
    /// The number of survey responses. It is always in the response.
    Count,
    /// The average score.
    ScoreAvg,
    /// The number of survey responses with each score.
    ScoreHistogram,
}

/// A property by which survey responses are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SurveyResponseGroup {
    /// The local hour of the day, 0 to 23.
    HourOfDay,
    /// The ISO day of the week: 1 is Monday.
    Weekday,
    /// The local hour with its offset from UTC.
    Hour,
    /// The local day.
    Day,
    /// The ISO week, such as `2026-W31`.
    Week,
    /// The local month, such as `2026-07`.
    Month,
}

impl From<SurveyResponseGroup> for TotalGroup {
    fn from(group: SurveyResponseGroup) -> Self {
        match group {
            SurveyResponseGroup::HourOfDay => Self::HourOfDay,
            SurveyResponseGroup::Weekday => Self::Weekday,
            SurveyResponseGroup::Hour => Self::Hour,
            SurveyResponseGroup::Day => Self::Day,
            SurveyResponseGroup::Week => Self::Week,
            SurveyResponseGroup::Month => Self::Month,
        }
    }
}

/// The query of totals of interactions.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "from": "2026-07-01T00:00:00+02:00", "to": "2026-08-01T00:00:00+02:00", "group_by": ["queue", "day"],
    "channels": ["call"], "measures": ["count", "duration_avg", "duration_p95"]
}))]
pub struct InteractionTotalsQuery {
    /// The earliest time. It is moved back to the beginning of its local day.
    from: DateTime<Utc>,
    /// The latest time, excluded. It is moved on to the end of its local day, unless a day begins with it.
    to: DateTime<Utc>,
    /// Up to three properties by which the interactions are grouped. Without any, all of them are one cell.
    #[serde(default)]
    #[schema(max_items = 3)]
    group_by: Vec<TotalGroup>,
    /// The channels, of which an interaction has one.
    channels: Option<Vec<Channel>>,
    /// The queue.
    #[schema(max_length = 500)]
    queue: Option<String>,
    /// The agent.
    #[schema(max_length = 500)]
    agent_id: Option<String>,
    /// The way in which the interaction ended.
    #[schema(max_length = 500)]
    outcome: Option<String>,
    /// The figures of each cell. The count is always one of them.
    #[schema(min_items = 1)]
    measures: Option<Vec<InteractionMeasure>>,
}

/// The query of totals of survey responses.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "from": "2026-07-01T00:00:00+02:00", "to": "2026-08-01T00:00:00+02:00", "group_by": ["week"],
    "measures": ["count", "score_avg", "score_histogram"]
}))]
pub struct SurveyResponseTotalsQuery {
    /// The earliest time. It is moved back to the beginning of its local day.
    from: DateTime<Utc>,
    /// The latest time, excluded. It is moved on to the end of its local day, unless a day begins with it.
    to: DateTime<Utc>,
    /// Up to three properties by which the survey responses are grouped. Without any, all of them are one cell.
    #[serde(default)]
    #[schema(max_items = 3)]
    group_by: Vec<SurveyResponseGroup>,
    /// The figures of each cell. The count is always one of them.
    #[schema(min_items = 1)]
    measures: Option<Vec<SurveyResponseMeasure>>,
}

impl InteractionTotalsQuery {
    /// The query, and its measures beside the count. An error names each field that is invalid.
    pub fn read(self, now: DateTime<Utc>, zone: Tz) -> ApiResult<(TotalsQuery, Vec<InteractionMeasure>)> {
        let Self { from, to, group_by: groups, channels, queue, agent_id, outcome, measures } = self;
        check_length((from, to), zone)?;
        let mut errors = Vec::new();
        let span = span((from, to), now, zone, &mut errors);
        check_groups(&groups, &mut errors);
        check_measures(measures.as_deref(), &mut errors);
        if channels.as_ref().is_some_and(Vec::is_empty) {
            errors.push(FieldError::at("/channels", "required", "must name at least one channel, or be left out"));
        }
        for (word, pointer) in [(&queue, "/queue"), (&agent_id, "/agent_id"), (&outcome, "/outcome")] {
            if word.as_ref().is_some_and(|word| word.chars().nth(LONGEST_WORD).is_some()) {
                errors.push(FieldError::at(pointer, "too_long", "must be at most 500 characters"));
            }
        }
        let (Some(span), true) = (span, errors.is_empty()) else { return Err(Problem::invalid(errors)) };
        let measures = measures.unwrap_or_default();
        let has = |measure| measures.contains(&measure);
        let values = match () {
            () if has(InteractionMeasure::DurationP50) || has(InteractionMeasure::DurationP95) => {
                CountedValues::Levelled
            }
            () if has(InteractionMeasure::DurationAvg) => CountedValues::Summed,
            () => CountedValues::Unused,
        };
        let filter = CountFilter { channels, queue, agent_id, outcome };
        Ok((TotalsQuery { kind: CountedKind::Interactions, span, groups, filter, values }, measures))
    }
}

impl SurveyResponseTotalsQuery {
    /// The query, and its measures beside the count. An error names each field that is invalid.
    pub fn read(self, now: DateTime<Utc>, zone: Tz) -> ApiResult<(TotalsQuery, Vec<SurveyResponseMeasure>)> {
        let Self { from, to, group_by, measures } = self;
        check_length((from, to), zone)?;
        let mut errors = Vec::new();
        let groups: Vec<_> = group_by.into_iter().map(TotalGroup::from).collect();
        let span = span((from, to), now, zone, &mut errors);
        check_groups(&groups, &mut errors);
        check_measures(measures.as_deref(), &mut errors);
        let (Some(span), true) = (span, errors.is_empty()) else { return Err(Problem::invalid(errors)) };
        let measures = measures.unwrap_or_default();
        let values = match () {
            () if measures.contains(&SurveyResponseMeasure::ScoreHistogram) => CountedValues::Levelled,
            () if measures.contains(&SurveyResponseMeasure::ScoreAvg) => CountedValues::Summed,
            () => CountedValues::Unused,
        };
        let (kind, filter) = (CountedKind::SurveyResponses, CountFilter::default());
        Ok((TotalsQuery { kind, span, groups, filter, values }, measures))
    }
}

/// Checks that a time is at most 13 months long. A longer one has too many cells, whatever its groups are.
fn check_length((from, to): (DateTime<Utc>, DateTime<Utc>), zone: Tz) -> ApiResult<()> {
    if from >= to || [from, to].iter().any(|at| !YEARS.contains(&at.year())) || is_within_months(from, to, zone) {
        return Ok(());
    }
    Err(Problem::new(Code::TooManyCells).at("/to", "out_of_range", "must be at most 13 months after from"))
}

/// The span of a total. It is `None` if there is an error.
fn span(
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
    zone: Tz,
    errors: &mut Vec<FieldError>,
) -> Option<TotalSpan> {
    for (at, pointer) in [(from, "/from"), (to, "/to")] {
        if !YEARS.contains(&at.year()) {
            errors.push(FieldError::at(pointer, "out_of_range", "must lie in the years 1970 to 9998"));
        }
    }
    if !errors.is_empty() {
        return None;
    }
    if from >= to {
        errors.push(FieldError::at("/to", "out_of_range", "must be after from"));
    }
    let span = TotalSpan::snapped(from, to, now, zone);
    if span.is_none() {
        errors.push(FieldError::at("/to", "out_of_range", "must lie within the calendar"));
    }
    span
}

fn check_groups(groups: &[TotalGroup], errors: &mut Vec<FieldError>) {
    if groups.len() > MOST_GROUPS {
        errors.push(FieldError::at("/group_by", "too_many", "must name at most 3 properties"));
    } else {
        duplicates(groups, "/group_by", errors);
    }
}

fn check_measures<M: PartialEq>(measures: Option<&[M]>, errors: &mut Vec<FieldError>) {
    let Some(measures) = measures else { return };
    if measures.is_empty() {
        errors.push(FieldError::at("/measures", "required", "must name at least one measure, or be left out"));
    }
    duplicates(measures, "/measures", errors);
}

fn duplicates<T: PartialEq>(all: &[T], pointer: &str, errors: &mut Vec<FieldError>) {
    let again = all.iter().enumerate().filter(|(no, one)| all[..*no].contains(one));
    errors
        .extend(again.map(|(no, _)| FieldError::at(format!("{pointer}/{no}"), "duplicate", "must not be named twice")));
}
