//! The groups of a total, and its errors.

use chrono::{DateTime, FixedOffset, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::archive::counting::CountedColumn;
use crate::store::StoreError;

/// A property by which interactions are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InteractionGroup)]
pub enum TotalGroup {
    /// The queue.
    Queue,
    /// The agent.
    AgentId,
    /// The channel.
    Channel,
    /// The side that began the interaction.
    Direction,
    /// The way in which the interaction ended.
    Outcome,
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

impl TotalGroup {
    /// The name of the field that has the value of the group.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::AgentId => "agent_id",
            Self::Channel => "channel",
            Self::Direction => "direction",
            Self::Outcome => "outcome",
            Self::HourOfDay => "hour_of_day",
            Self::Weekday => "weekday",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The column of a group that is no time.
    #[must_use]
    pub const fn column(self) -> Option<CountedColumn> {
        Some(match self {
            Self::Queue => CountedColumn::Queue,
            Self::AgentId => CountedColumn::AgentId,
            Self::Channel => CountedColumn::Channel,
            Self::Direction => CountedColumn::Direction,
            Self::Outcome => CountedColumn::Outcome,
            Self::HourOfDay | Self::Weekday | Self::Hour | Self::Day | Self::Week | Self::Month => return None,
        })
    }
}

/// The value of a group. A record without a queue, agent, direction, or outcome is in the group of `Word(None)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupValue {
    Word(Option<String>),
    /// An hour of the day, or a day of the week.
    Number(u32),
    Hour(DateTime<FixedOffset>),
    Day(NaiveDate),
    /// The year and the number of an ISO week.
    Week(i32, u32),
    /// Its first day.
    Month(NaiveDate),
}

#[derive(Debug, thiserror::Error)]
pub enum TotalsError {
    #[error("the total has more cells than are returned")]
    TooManyCells,
    /// Interactions of the time are aged, and their totals are kept with less detail.
    #[error("the total is finer than what is kept of aged interactions")]
    GrainGone,
    #[error(transparent)]
    Store(#[from] StoreError),
}
