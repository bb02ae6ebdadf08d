//! Ageing: the interactions of a past month lose their precision, until each is one of at least `k` that look alike.
//!
//! A month is planned as a whole (`plan.rs`), because the size of a class is a property of all of its members. The plan
//! is a copy of all that is kept of each interaction. So a record that is sent again in the meantime changes no class.
//! Then the interactions are aged in chunks of whole classes (`class.rs`, `chunk.rs`), each together with its survey
//! responses, raw events, and mentions. The totals of the month are kept (`kept.rs`, `scores.rs`), and so are the keyed
//! hashes of the external ids (`list.rs`).
//!
//! An aged record has a new random id and a new random external id, since the old ones tell the time of its arrival, or
//! of the call.

mod chunk;
mod class;
mod kept;
mod ladder;
mod linked;
mod list;
mod plan;
mod scores;

use utoipa::ToSchema;

use crate::base::words::words;

pub use chunk::{AgedChunk, ChunkRow, MonthRules, apply, lock};
pub use class::{KeptBack, next};
pub use kept::{Days, KeptAgents, KeptTotals, clear_cells, each_by_agent, each_by_day, has_kept, has_month};
pub use ladder::{Features, first_of_month, settle, start_of_grain};
pub use linked::Linked;
pub use list::{AgedKey, is_aged_id, listed};
pub use plan::{Chosen, Ladder, clear, fill, has_work, oldest, page, settle_month};
pub use scores::{KeptScores, kept_scores};

/// The lower bounds of the ranges of durations, in seconds.
pub const DURATIONS: [i32; 10] = [0, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600];

words! {
    stored
    /// The precision that the time of an aged record still has.
    #[derive(PartialOrd, Ord, Hash, ToSchema)]
    pub enum Grain {
        /// The hour in the tenant's time zone.
        Hour = "hour",
        /// The day.
        Day = "day",
        /// The month.
        Month = "month",
    }
}

/// A level of the ladder: the precision of the time, and the columns that are kept. The channel and the direction always
/// are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
pub struct Level {
    pub time: Grain,
    /// Whether the range of the duration is kept.
    pub duration: bool,
    pub queue: bool,
    pub agent_id: bool,
    pub outcome: bool,
    pub attributes: bool,
}

impl Level {
    /// The level of what no other level settles: the month, and nothing else.
    pub const MONTH: Self =
        Self { time: Grain::Month, duration: false, queue: false, agent_id: false, outcome: false, attributes: false };

    /// Whether each class of this level lies within one class of another level. Then this level settles nothing that
    /// the other one has left.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let columns = |level: &Self| [level.duration, level.queue, level.agent_id, level.outcome, level.attributes];
        self.time <= other.time && columns(self).into_iter().zip(columns(other)).all(|(own, theirs)| own || !theirs)
    }
}
