//! The time, as an argument.

use chrono::{DateTime, Utc};

/// Where the time comes from: the machine, or one instant that a command was told (`job nightly --as-of`).
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The machine's own clock.
    #[default]
    System,
    /// Always this instant.
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// Now, cut to microseconds: what PostgreSQL keeps, so that both databases hold the same instant.
    #[must_use]
    pub fn now(self) -> DateTime<Utc> {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
            Self::System => microseconds(Utc::now()),
            Self::Fixed(at) => microseconds(at),
        }
    }
}

/// Cuts an instant to the precision that both databases keep; a leap second becomes the second after it.
#[must_use]
pub fn microseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}
