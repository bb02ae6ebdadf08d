//! Totals as they are shown.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::body::{InteractionMeasure, SurveyResponseMeasure};
use crate::archive::counting::CountedValues;
use crate::base::csv::shielded;
use crate::http::{ApiResult, Problem};
use crate::tenants::{Tenant, TotalsSettings};
use crate::totals::{Figures, GroupValue, Total, TotalGroup, TotalsQuery};

/// The largest error of a percentile of durations, as a part of the exact value. Durations up to a minute are exact.
const PERCENTILE_ERROR: f64 = 1.0 / 64.0;

/// The number of scores, from 0 to 10.
const SCORES: u16 = 11;

/// Totals of interactions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [
        {"queue": "Invoice", "day": "2026-07-01", "count": 112, "suppressed": false, "duration_avg": 94.25, "duration_p95": 305},
        {"queue": "Private service", "day": "2026-07-01", "count": null, "suppressed": true, "duration_avg": null,
         "duration_p95": null}
    ],
    "from": "2026-06-30T22:00:00Z", "to": "2026-07-31T22:00:00Z", "min_cell": 5, "perturbation": false,
    "time_zone": "Europe/Oslo", "percentile_error": 0.015_625
}))]
pub struct InteractionTotals {
    /// The cells in the order of their groups.
    pub items: Vec<InteractionTotal>,
    /// The earliest time of the interactions that were counted.
    pub from: DateTime<Utc>,
    /// The latest time of the interactions that were counted, excluded.
    pub to: DateTime<Utc>,
    /// The smallest count that is shown.
    #[schema(example = 5)]
    pub min_cell: u32,
    /// Whether each count has a small noise.
    pub perturbation: bool,
    /// The time zone of days and hours.
    #[schema(example = "Europe/Oslo")]
    pub time_zone: &'static str,
    /// The largest error of a percentile, as a part of its exact value. It is present if a percentile was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub percentile_error: Option<f64>,
}

/// Totals of survey responses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{"week": "2026-W27", "count": 61, "suppressed": false, "score_avg": 7.43,
        "score_histogram": [null, null, null, null, null, 6, 8, 12, 15, 9, 7]}],
    "from": "2026-06-28T22:00:00Z", "to": "2026-07-05T22:00:00Z", "min_cell": 5, "perturbation": false,
    "time_zone": "Europe/Oslo"
}))]
pub struct SurveyResponseTotals {
    /// The cells in the order of their groups.
    pub items: Vec<SurveyResponseTotal>,
    /// The earliest time of the survey responses that were counted.
    pub from: DateTime<Utc>,
    /// The latest time of the survey responses that were counted, excluded.
    pub to: DateTime<Utc>,
    /// The smallest count that is shown.
    #[schema(example = 5)]
    pub min_cell: u32,
    /// Whether each count has a small noise.
    pub perturbation: bool,
    /// The time zone of days and hours.
    #[schema(example = "Europe/Oslo")]
    pub time_zone: &'static str,
}

/// The figures of the interactions of one cell. Groups and measures that were not requested are left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(example = json!({"queue": "Invoice", "day": "2026-07-01", "count": 112, "suppressed": false, "duration_avg": 94.25}))]
pub struct InteractionTotal {
    /// The queue. It is null for interactions without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    queue: Option<Value>,
    /// The agent. It is null for interactions without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    agent_id: Option<Value>,
    /// The channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = crate::archive::Channel, required = false)]
    channel: Option<Value>,
    /// The side that began the interactions. It is null if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::archive::Direction>, required = false)]
    direction: Option<Value>,
    /// The way in which the interactions ended. It is null if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    outcome: Option<Value>,
    #[serde(flatten)]
    time: TimeGroups,
    /// The number of interactions. It is null if the cell is suppressed.
    #[schema(required)]
    count: Option<u64>,
    /// Whether the cell has fewer interactions than `min_cell`.
    suppressed: bool,
    /// The average duration in seconds. It is null if fewer than twice `min_cell` interactions have a duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, required = false)]
    duration_avg: Option<Value>,
    /// The duration in seconds that half of the interactions do not exceed. It is null where the average is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, required = false)]
    duration_p50: Option<Value>,
    /// The duration in seconds that 95 % of the interactions do not exceed. It is null where the average is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, required = false)]
    duration_p95: Option<Value>,
}

/// The figures of the survey responses of one cell. Groups and measures that were not requested are left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(example = json!({"week": "2026-W27", "count": 61, "suppressed": false, "score_avg": 7.43}))]
pub struct SurveyResponseTotal {
    #[serde(flatten)]
    time: TimeGroups,
    /// The number of survey responses. It is null if the cell is suppressed.
    #[schema(required)]
    count: Option<u64>,
    /// Whether the cell has fewer survey responses than `min_cell`.
    suppressed: bool,
    /// The average score. It is null if fewer than twice `min_cell` survey responses have a score.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, required = false)]
    score_avg: Option<Value>,
    /// The number of survey responses with each score, from 0 to 10. A number below `min_cell` is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<Option<u64>>, required = false)]
    score_histogram: Option<Value>,
}

/// The groups of time that a cell can have. A group that was not requested is left out.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TimeGroups {
    /// The local hour of the day, 0 to 23.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    hour_of_day: Option<Value>,
    /// The ISO day of the week: 1 is Monday.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    weekday: Option<Value>,
    /// The local hour with its offset from UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DateTime<Utc>, required = false, example = "2026-07-01T09:00:00+02:00")]
    hour: Option<Value>,
    /// The local day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = chrono::NaiveDate, required = false, example = "2026-07-01")]
    day: Option<Value>,
    /// The ISO week.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "2026-W31")]
    week: Option<Value>,
    /// The local month.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "2026-07")]
    month: Option<Value>,
}

impl TimeGroups {
    fn set(&mut self, group: TotalGroup, value: Value) {
        match group {
            TotalGroup::HourOfDay => self.hour_of_day = Some(value),
            TotalGroup::Weekday => self.weekday = Some(value),
            TotalGroup::Hour => self.hour = Some(value),
            TotalGroup::Day => self.day = Some(value),
            TotalGroup::Week => self.week = Some(value),
            TotalGroup::Month => self.month = Some(value),
            TotalGroup::Queue
            | TotalGroup::AgentId
            | TotalGroup::Channel
            | TotalGroup::Direction
            | TotalGroup::Outcome => {}
        }
    }
}

impl InteractionTotals {
    pub fn new(query: &TotalsQuery, measures: &[InteractionMeasure], totals: Vec<Total>, tenant: &Tenant) -> Self {
        let TotalsSettings { min_cell, perturbation } = tenant.settings.totals;
        let items = totals.into_iter().map(|total| InteractionTotal::new(&query.groups, measures, total)).collect();
        let has_percentiles = query.values == CountedValues::Levelled;
        Self {
            items,
            from: query.span.from,
            to: query.span.to,
            min_cell,
            perturbation,
            time_zone: tenant.zone.name(),
            percentile_error: has_percentiles.then_some(PERCENTILE_ERROR),
        }
    }
}

impl SurveyResponseTotals {
    pub fn new(query: &TotalsQuery, measures: &[SurveyResponseMeasure], totals: Vec<Total>, tenant: &Tenant) -> Self {
        let TotalsSettings { min_cell, perturbation } = tenant.settings.totals;
        let items = totals.into_iter().map(|total| SurveyResponseTotal::new(&query.groups, measures, total)).collect();
        let (from, to) = (query.span.from, query.span.to);
        Self { items, from, to, min_cell, perturbation, time_zone: tenant.zone.name() }
    }
}

impl InteractionTotal {
    fn new(groups: &[TotalGroup], measures: &[InteractionMeasure], total: Total) -> Self {
        let Total { groups: values, figures } = total;
        let Figures { count, average, p50, p95, levels: _ } = figures;
        let mut item = Self { count, suppressed: count.is_none(), ..Self::default() };
        for (group, value) in groups.iter().zip(values) {
            let value = shown(value);
            match group {
                TotalGroup::Queue => item.queue = Some(value),
                TotalGroup::AgentId => item.agent_id = Some(value),
                TotalGroup::Channel => item.channel = Some(value),
                TotalGroup::Direction => item.direction = Some(value),
                TotalGroup::Outcome => item.outcome = Some(value),
                time => item.time.set(*time, value),
            }
        }
        for measure in measures {
            match measure {
                InteractionMeasure::Count => {}
                InteractionMeasure::DurationAvg => item.duration_avg = Some(json!(average)),
                InteractionMeasure::DurationP50 => item.duration_p50 = Some(json!(p50)),
                InteractionMeasure::DurationP95 => item.duration_p95 = Some(json!(p95)),
            }
        }
        item
    }
}

impl SurveyResponseTotal {
    fn new(groups: &[TotalGroup], measures: &[SurveyResponseMeasure], total: Total) -> Self {
        let Total { groups: values, figures } = total;
        let Figures { count, average, levels, p50: _, p95: _ } = figures;
        let mut item = Self { count, suppressed: count.is_none(), ..Self::default() };
        for (group, value) in groups.iter().zip(values) {
            item.time.set(*group, shown(value));
        }
        for measure in measures {
            match measure {
                SurveyResponseMeasure::Count => {}
                SurveyResponseMeasure::ScoreAvg => item.score_avg = Some(json!(average)),
                SurveyResponseMeasure::ScoreHistogram => {
                    let of = |score| levels.iter().find(|(no, _)| *no == score).and_then(|(_, count)| *count);
                    item.score_histogram = Some(json!((0..SCORES).map(of).collect::<Vec<_>>()));
                }
            }
        }
        item
    }
}

fn shown(value: GroupValue) -> Value {
    match value {
        GroupValue::Word(word) => json!(word),
        GroupValue::Number(number) => json!(number),
        GroupValue::Hour(hour) => json!(hour.to_rfc3339()),
        GroupValue::Day(day) => json!(day),
        GroupValue::Week(year, week) => json!(format!("{year:04}-W{week:02}")),
        GroupValue::Month(first) => json!(first.format("%Y-%m").to_string()),
    }
}

/// The cells as a table: the groups in the order of the call, the count, and the measures. A histogram has a column for each
/// score.
pub fn csv(groups: &[TotalGroup], measures: &[impl Serialize], items: &[impl Serialize]) -> ApiResult<Vec<u8>> {
    let measures = measures.iter().filter_map(|measure| Some(json!(measure).as_str()?.to_owned()));
    let measures = measures.filter(|measure| measure != "count");
    let names = groups.iter().map(|group| group.as_str().to_owned());
    let names: Vec<String> = names.chain(["count".to_owned(), "suppressed".to_owned()]).chain(measures).collect();
    let header = names.iter().flat_map(|name| match name.as_str() {
        "score_histogram" => (0..SCORES).map(|score| format!("score_{score}")).collect(),
        name => vec![name.to_owned()],
    });
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).map_err(Problem::internal)?;
    for item in items {
        let item = json!(item);
        let texts = names.iter().flat_map(|name| match &item[name] {
            Value::Array(values) => values.iter().map(text).collect(),
            value => vec![text(value)],
        });
        writer.write_record(texts).map_err(Problem::internal)?;
    }
    writer.into_inner().map_err(|error| Problem::internal(error.into_error()))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => shielded(text).into_owned(),
        other => other.to_string(),
    }
}
