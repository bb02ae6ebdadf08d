//! Ageing policies and their rules.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::archive::Channel;
use crate::archive::ageing::{Chosen, Grain, Level};
use crate::base::field::FieldError;
use crate::base::memory::MemoryError;
use crate::store::StoreError;
use crate::tenants::GRACE;

/// Which interactions age after how many days, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "after_days": 400, "records": {"channels": ["call"], "queues": null},
    "always": {"phone_number": "suppress", "email": "suppress", "name": "suppress", "external_id": "rehash",
        "attributes": {"keep": ["line"]}, "comment": "suppress", "content": "delete"},
    "k": 5,
    "ladder": [
        {"time": "hour", "duration": "bucket", "queue": "keep", "agent_id": "keep", "outcome": "keep", "attributes": "keep"},
        {"time": "hour", "duration": "bucket", "queue": "keep", "agent_id": "suppress", "outcome": "keep", "attributes": "keep"},
        {"time": "day", "duration": "suppress", "queue": "keep", "agent_id": "suppress", "outcome": "keep", "attributes": "suppress"}
    ],
    "leftover": "delete"
}))]
pub struct AgeingPolicy {
    /// The age in days at which interactions lose their precision: 1 to 36,500. A local month ages as a whole, when its
    /// last day is that old.
    #[schema(minimum = 1, maximum = 36_500)]
    pub after_days: u32,
    /// The interactions that the policy selects.
    pub records: PolicyRecords,
    /// The operators that apply at each level of the ladder.
    #[serde(default)]
    pub always: AlwaysOperators,
    /// The number of interactions that must look alike: 2 to 1,000.
    #[schema(minimum = 2, maximum = 1_000)]
    pub k: u32,
    /// The levels, from the finest to the coarsest: at most 10. Each interaction gets the first level at which at least `k`
    /// of the interactions that are left look alike. Without levels, all are left.
    #[schema(max_items = 10)]
    pub ladder: Vec<LadderLevel>,
    /// The fate of the interactions that no level settles.
    pub leftover: Leftover,
}

/// The interactions that a policy selects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"channels": ["call"], "queues": null}))]
pub struct PolicyRecords {
    /// The channels. No other policy of the tenant may name one of them.
    #[schema(min_items = 1)]
    pub channels: Vec<Channel>,
    /// Up to 50 queues. Null selects all interactions of the channels.
    #[schema(min_items = 1, max_items = 50)]
    pub queues: Option<Vec<String>>,
}

/// The operators that apply at each level. An aged record has no identifier, so most of them have one choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone_number": "suppress", "attributes": {"keep": ["line"]}, "content": "delete"}))]
pub struct AlwaysOperators {
    /// The number of the customer.
    #[serde(default, deserialize_with = "number_operator")]
    #[schema(required = false)]
    pub phone_number: SuppressOperator,
    /// The address of the customer.
    #[serde(default)]
    #[schema(required = false)]
    pub email: SuppressOperator,
    /// The name of the customer.
    #[serde(default)]
    #[schema(required = false)]
    pub name: SuppressOperator,
    /// The external id.
    #[serde(default)]
    #[schema(required = false)]
    pub external_id: RehashOperator,
    /// The attributes.
    #[serde(default)]
    #[schema(required = false)]
    pub attributes: AttributeOperator,
    /// The comments of survey responses.
    #[serde(default)]
    #[schema(required = false)]
    pub comment: SuppressOperator,
    /// The recordings, texts, and other content.
    #[serde(default)]
    #[schema(required = false)]
    pub content: DeleteOperator,
}

/// The value is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SuppressOperator {
    /// The value is removed.
    #[default]
    Suppress,
}

/// Reads the operator of a number. The archive has no numbers, so a pass cannot tell the country of one: it would have to
/// open the numbers of a whole month in the vault.
fn number_operator<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SuppressOperator, D::Error> {
    const COUNTRY: &str = "must be suppress: country is not supported, because the archive has no numbers";
    match String::deserialize(deserializer)?.as_str() {
        "suppress" => Ok(SuppressOperator::Suppress),
        "country" => Err(D::Error::custom(COUNTRY)),
        other => Err(D::Error::unknown_variant(other, &["suppress"])),
    }
}

/// The external id is replaced by another one, which tells nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RehashOperator {
    /// The external id is replaced. A record that is sent again is still recognized.
    #[default]
    Rehash,
}

/// The content is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeleteOperator {
    /// The content is deleted.
    #[default]
    Delete,
}

/// The attributes that are kept. The others are removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"keep": ["line"]}))]
pub struct AttributeOperator {
    /// The names of up to 20 attributes. A text with an identifier or of more than 200 characters, an array, or an object
    /// is removed even so.
    #[schema(max_items = 20)]
    pub keep: Vec<String>,
}

/// A level of the ladder. The channel and the direction are kept at each level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"time": "hour", "duration": "bucket", "agent_id": "suppress"}))]
pub struct LadderLevel {
    /// The precision of the time.
    pub time: Grain,
    /// The duration: its range, or nothing.
    pub duration: DurationOperator,
    /// The queue. It is kept if this is left out.
    #[serde(default)]
    #[schema(required = false)]
    pub queue: WordOperator,
    /// The agent. It is kept if this is left out.
    #[serde(default)]
    #[schema(required = false)]
    pub agent_id: WordOperator,
    /// The outcome. It is kept if this is left out.
    #[serde(default)]
    #[schema(required = false)]
    pub outcome: WordOperator,
    /// The attributes that the policy keeps. They are kept if this is left out.
    #[serde(default)]
    #[schema(required = false)]
    pub attributes: WordOperator,
}

/// The operator of a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DurationOperator {
    /// Its range, such as one to two minutes.
    Bucket,
    /// The value is removed.
    Suppress,
}

/// The operator of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WordOperator {
    /// The value is kept.
    #[default]
    Keep,
    /// The value is removed.
    Suppress,
}

/// The fate of interactions that no level settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Leftover {
    /// They are deleted. Their totals stay.
    Delete,
    /// They keep their month, channel, and direction, if at least `k` look alike then. Otherwise they are deleted.
    Month,
}

/// A policy with its name and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPolicy {
    pub name: String,
    pub policy: AgeingPolicy,
    pub paused: bool,
    pub changed_at: DateTime<Utc>,
}

/// The state of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PolicyState {
    /// The policy was changed less than 30 days ago.
    Pending,
    /// Each pass ages the months that are old enough.
    On,
    /// The policy does nothing.
    Paused,
}

impl NamedPolicy {
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> PolicyState {
        match self.paused {
            true => PolicyState::Paused,
            false if now < self.changed_at + GRACE => PolicyState::Pending,
            false => PolicyState::On,
        }
    }
}

impl From<&LadderLevel> for Level {
    fn from(level: &LadderLevel) -> Self {
        let LadderLevel { time, duration, queue, agent_id, outcome, attributes } = level;
        let is_kept = |operator: &WordOperator| *operator == WordOperator::Keep;
        Self {
            time: *time,
            duration: *duration == DurationOperator::Bucket,
            queue: is_kept(queue),
            agent_id: is_kept(agent_id),
            outcome: is_kept(outcome),
            attributes: is_kept(attributes),
        }
    }
}

impl AgeingPolicy {
    #[must_use]
    pub fn levels(&self) -> Vec<Level> {
        self.ladder.iter().map(Level::from).collect()
    }

    /// Whether interactions that no level settles keep their month.
    #[must_use]
    pub fn keeps_month(&self) -> bool {
        self.leftover == Leftover::Month
    }

    #[must_use]
    pub fn chosen(&self) -> Chosen {
        let AgeingPolicy { records: PolicyRecords { channels, queues }, always, .. } = self.clone();
        Chosen { channels, queues, keep: always.attributes.keep }
    }

    /// The rules that the policy breaks, beside the other policies of its tenant.
    pub fn invalid<'o>(&self, others: impl Iterator<Item = &'o NamedPolicy>) -> Vec<FieldError> {
        let Self { after_days, records, always, k, ladder, leftover } = self;
        let mut invalid = Vec::new();
        let mut check = |is_met: bool, pointer: &str, code: &'static str, rule: &'static str| {
            if !is_met {
                invalid.push(FieldError::at(pointer, code, rule));
            }
        };
        check((1..=36_500).contains(after_days), "/after_days", "out_of_range", "must be 1 to 36500");
        check((2..=1_000).contains(k), "/k", "out_of_range", "must be 2 to 1000");
        check(!records.channels.is_empty(), "/records/channels", "required", "must name at least one channel");
        let taken: Vec<Channel> = others.flat_map(|other| other.policy.records.channels.clone()).collect();
        for (no, channel) in records.channels.iter().enumerate() {
            let pointer = format!("/records/channels/{no}");
            check(!records.channels[..no].contains(channel), &pointer, "repeated", "must be named only once");
            check(!taken.contains(channel), &pointer, "taken", "must not be a channel of another policy");
        }
        if let Some(queues) = &records.queues {
            let has = (1..=50).contains(&queues.len());
            check(has, "/records/queues", "out_of_range", "must be null, or name 1 to 50 queues");
            check_words(queues, "/records/queues", &mut check);
        }
        let keep = &always.attributes.keep;
        check(keep.len() <= 20, "/always/attributes/keep", "too_many", "must name at most 20 attributes");
        check_words(keep, "/always/attributes/keep", &mut check);
        check(ladder.len() <= 10, "/ladder", "too_many", "must have at most 10 levels");
        let levels = self.levels();
        for (no, level) in levels.iter().enumerate() {
            let settles = !levels[..no].iter().any(|earlier| level.is_within(earlier));
            let rule = "must be coarser in some field than each level before it, or it settles nothing";
            check(settles, &format!("/ladder/{no}"), "unsatisfiable", rule);
        }
        let is_whole = !ladder.is_empty() || *leftover == Leftover::Delete;
        check(is_whole, "/leftover", "unsatisfiable", "must be delete if the ladder is empty");
        invalid
    }
}

/// Checks words that are named once.
fn check_words(words: &[String], pointer: &str, check: &mut impl FnMut(bool, &str, &'static str, &'static str)) {
    let mut known = BTreeSet::new();
    for (no, word) in words.iter().enumerate() {
        let pointer = format!("{pointer}/{no}");
        check(word.chars().nth(500).is_none(), &pointer, "too_long", "must be at most 500 characters");
        check(known.insert(word), &pointer, "repeated", "must be named only once");
    }
}

/// Why an operation with a policy failed.
#[derive(Debug, thiserror::Error)]
pub enum AgeingError {
    #[error("the policy does not exist")]
    Unknown,
    #[error("the policy breaks a rule")]
    Invalid(Vec<FieldError>),
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::{BodyError, parse};

    #[test]
    fn the_country_of_a_number_is_refused_by_its_name() {
        let read = |word: &str| parse::<AlwaysOperators>(format!(r#"{{"phone_number":"{word}"}}"#).as_bytes());
        assert_eq!(read("suppress"), Ok(AlwaysOperators::default()));
        for (word, rule) in [("country", "country is not supported"), ("mask", "must be one of suppress")] {
            let Err(BodyError::Misshaped(invalid)) = read(word) else { panic!("{word} is read") };
            assert_eq!((invalid[0].pointer.as_deref(), invalid[0].code.as_ref()), (Some("/phone_number"), "format"));
            assert!(invalid[0].detail.contains(rule), "{:?}", invalid[0]);
        }
    }
}
