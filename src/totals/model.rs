//! The groups of a total, and its errors.

use chrono::{DateTime, FixedOffset, NaiveDate};
use utoipa::ToSchema;

use crate::archive::counting::CountedColumn;
use crate::base::words::words;
use crate::store::StoreError;

words! {
    /// A property by which interactions are grouped.
    #[derive(ToSchema)]
    #[schema(as = InteractionGroup)]
    pub enum TotalGroup {
        /// The queue.
        Queue = "queue",
        /// The agent.
        AgentId = "agent_id",
        /// The channel.
        Channel = "channel",
        /// The side that began the interaction.
        Direction = "direction",
        /// The way in which the interaction ended.
        Outcome = "outcome",
        /// The local hour of the day, 0 to 23.
        HourOfDay = "hour_of_day",
        /// The ISO day of the week: 1 is Monday.
        Weekday = "weekday",
        /// The local hour with its offset from UTC.
        Hour = "hour",
        /// The local day.
        Day = "day",
        /// The ISO week, such as `2026-W31`.
        Week = "week",
        /// The local month, such as `2026-07`.
        Month = "month",
    }
}

impl TotalGroup {
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
