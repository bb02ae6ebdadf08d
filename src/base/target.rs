//! The targets in which a customer can be forgotten.

use super::words::{described, words};

/// One of the three targets of a request (A1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[repr(i16)]
pub enum Target {
    /// Calls, chats, e-mails, voicemails, and text messages.
    Archive = 1,
    /// Answers to text-message surveys.
    SmsSurvey = 2,
    /// The events behind the statistics.
    RawData = 3,
}

impl Target {
    const fn bit(self) -> i16 {
        1 << (self as i16 - 1)
    }
}

words! {
    impl Target { Archive = "archive", SmsSurvey = "sms_survey", RawData = "raw_data", }
    error TargetError = "must be one of: archive, sms_survey, raw_data";
}

described!(Target as "Target", "A target in which a customer can be forgotten.");

/// A set of targets. A column contains one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Targets(i16);

impl Targets {
    pub const ALL: Self = Self(0b111);

    /// Whether a target is in the set.
    #[must_use]
    pub const fn contains(self, target: Target) -> bool {
        self.0 & target.bit() != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The targets, in the order of the documents.
    pub fn iter(self) -> impl Iterator<Item = Target> {
        Target::ALL.into_iter().filter(move |target| self.contains(*target))
    }

    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        self.iter().map(Target::as_str).collect()
    }
}

impl FromIterator<Target> for Targets {
    fn from_iter<I: IntoIterator<Item = Target>>(targets: I) -> Self {
        Self(targets.into_iter().fold(0, |bits, target| bits | target.bit()))
    }
}
