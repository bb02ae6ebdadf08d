//! The ladder in memory: what is kept of an interaction, and the classes of each level. A preview uses it, and a plan
//! says the same as a statement.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use pii::ANONYMIZED;
use pii::text::placeholder;
use serde_json::Value;

use super::{DURATIONS, Grain, Level};
use crate::archive::kinds::{Channel, Direction};
use crate::archive::parsed::is_keyed;
use crate::base::day::{local_day, start_of_day};
use crate::base::id::RecordId;

/// The longest text of an attribute that is kept, in characters. A longer one is hardly the same in `k` interactions.
const LONGEST_KEPT: usize = 200;

/// An interaction as it is read for a plan.
#[derive(sqlx::FromRow)]
pub struct Source {
    pub id: RecordId,
    pub at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub channel: Channel,
    pub direction: Option<Direction>,
    pub queue: Option<String>,
    pub agent_id: Option<String>,
    pub outcome: Option<String>,
    pub attributes: Option<String>,
}

/// All that can be kept of an interaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    pub id: RecordId,
    pub at: DateTime<Utc>,
    pub hour: DateTime<Utc>,
    pub day: NaiveDate,
    pub channel: Channel,
    pub direction: Option<Direction>,
    pub queue: Option<String>,
    pub agent_id: Option<String>,
    pub outcome: Option<String>,
    pub seconds: Option<i32>,
    pub duration_s: Option<i32>,
    pub attributes: Option<String>,
}

impl Features {
    /// Reads all that can be kept of an interaction, with the named attributes.
    pub fn new(source: Source, zone: Tz, keep: &[String]) -> Self {
        let Source { id, at, ended_at, channel, direction, queue, agent_id, outcome, attributes } = source;
        let seconds = ended_at.map(|ended_at| i32::try_from((ended_at - at).num_seconds()).unwrap_or(i32::MAX).max(0));
        let least = |seconds: i32| DURATIONS.iter().rev().copied().find(|bound| *bound <= seconds).unwrap_or(0);
        Self {
            id,
            at,
            hour: start_of_hour(at, zone),
            day: local_day(at, zone),
            channel,
            direction,
            queue: queue.map(word),
            agent_id: agent_id.map(word),
            outcome: outcome.map(word),
            seconds,
            duration_s: seconds.map(least),
            attributes: attributes.and_then(|text| kept_attributes(&text, keep)),
        }
    }

    /// About the memory that the interaction takes, in bytes. Its classes contain its texts once more.
    #[must_use]
    pub fn weight(&self) -> usize {
        let texts = [&self.queue, &self.agent_id, &self.outcome, &self.attributes];
        let length: usize = texts.into_iter().flatten().map(String::len).sum();
        2 * (size_of::<Self>() + length)
    }

    /// The class of the interaction at a level.
    fn class(&self, level: Level) -> impl Eq + Hash + use<> {
        let kept = |is_kept: bool, value: &Option<String>| is_kept.then(|| value.clone());
        let time = match level.time {
            Grain::Hour => (Some(self.hour), None),
            Grain::Day => (None, Some(self.day)),
            Grain::Month => (None, self.day.with_day(1)),
        };
        (
            (time, self.channel.as_str(), self.direction.map(Direction::as_str)),
            (kept(level.queue, &self.queue), kept(level.agent_id, &self.agent_id), kept(level.outcome, &self.outcome)),
            (level.duration.then_some(self.duration_s), kept(level.attributes, &self.attributes)),
        )
    }
}

/// A keyed hash joins the records of one customer, so it is no word to keep.
fn word(value: String) -> String {
    if is_keyed(&value) { ANONYMIZED.to_owned() } else { value }
}

/// The named attributes, in the order of their names. A value with an identifier is not kept, nor is a long text, an array,
/// or an object.
fn kept_attributes(text: &str, keep: &[String]) -> Option<String> {
    let Ok(Value::Object(all)) = serde_json::from_str(text) else { return None };
    let is_kept = |value: &Value| match value {
        Value::String(text) => !text.contains(placeholder::OPEN) && text.chars().nth(LONGEST_KEPT).is_none(),
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    };
    let kept: BTreeMap<_, _> = all.into_iter().filter(|(name, value)| keep.contains(name) && is_kept(value)).collect();
    if kept.is_empty() { None } else { serde_json::to_string(&kept).ok() }
}

/// Gives each interaction the first level at which its class has at least `k` of those that no earlier level has
/// settled. An interaction that no level settles has none.
#[must_use]
pub fn settle(month: &[Features], ladder: &[Level], k: u32) -> Vec<Option<usize>> {
    let mut levels = vec![None; month.len()];
    for (number, level) in ladder.iter().enumerate() {
        let mut classes = HashMap::<_, Vec<usize>>::new();
        for (at, one) in month.iter().enumerate().filter(|(at, _)| levels[*at].is_none()) {
            classes.entry(one.class(*level)).or_default().push(at);
        }
        for members in classes.into_values().filter(|members| members.len() >= k as usize) {
            for at in members {
                levels[at] = Some(number);
            }
        }
    }
    levels
}

/// The first instant of the hour, day, or month of an instant, in a zone.
#[must_use]
pub fn start_of_grain(at: DateTime<Utc>, grain: Grain, zone: Tz) -> DateTime<Utc> {
    match grain {
        Grain::Hour => start_of_hour(at, zone),
        Grain::Day => start_of_day(local_day(at, zone), zone).unwrap_or(at),
        Grain::Month => start_of_day(first_of_month(local_day(at, zone)), zone).unwrap_or(at),
    }
}

/// The first day of the month of a day.
#[must_use]
pub fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// The clock may have been changed within the hour. Then the hour begins with the change, and so the first instant of it
/// is searched for.
fn start_of_hour(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let hour_of = |at: DateTime<Utc>| {
        let local = at.with_timezone(&zone);
        (local.date_naive(), local.hour(), local.offset().to_string())
    };
    let local = at.with_timezone(&zone);
    let into = TimeDelta::minutes(local.minute().into()) + TimeDelta::seconds(local.second().into());
    let whole = DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at);
    let start = whole - into;
    if hour_of(start) == hour_of(at) {
        return start;
    }
    let (mut before, mut after) = (start, whole);
    while after - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if hour_of(middle) == hour_of(at) { after = middle } else { before = middle }
    }
    after
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn level(no: u8) -> Level {
        let has = |bit: u8| no & 1 << bit != 0;
        let time = [Grain::Hour, Grain::Day, Grain::Month][usize::from(no >> 5) % 3];
        Level { time, duration: has(0), queue: has(1), agent_id: has(2), outcome: has(3), attributes: has(4) }
    }

    fn call(no: usize, hour: u32, (queue, agent, seconds): (u8, u8, i64)) -> Features {
        let at = DateTime::from_timestamp(1_770_000_000 + i64::from(hour) * 3_600, 0).unwrap();
        let source = Source {
            id: RecordId(uuid::Uuid::from_u128(no as u128)),
            at,
            ended_at: Some(at + TimeDelta::seconds(seconds)),
            channel: Channel::Call,
            direction: None,
            queue: Some(format!("queue {queue}")),
            agent_id: Some(format!("agent {agent}")),
            outcome: None,
            attributes: Some(format!(r#"{{"line":"{queue}","secret":{no}}}"#)),
        };
        Features::new(source, chrono_tz::Europe::Oslo, &["line".to_owned()])
    }

    #[test]
    fn only_named_attributes_without_an_identifier_are_kept() {
        let text = format!(
            r#"{{"b":1,"a":"x","c":"{}0{}","d":[1],"e":null,"f":true}}"#,
            placeholder::OPEN,
            placeholder::CLOSE
        );
        let keep = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
        assert_eq!(kept_attributes(&text, &keep).as_deref(), Some(r#"{"a":"x","b":1,"f":true}"#));
        assert_eq!(kept_attributes(&text, &["z".to_owned()]), None);
        let long = |length| kept_attributes(&format!(r#"{{"a":"{}"}}"#, "å".repeat(length)), &keep).is_some();
        assert!(long(200) && !long(201));
    }

    #[test]
    fn a_level_that_is_finer_than_another_lies_within_it() {
        let (fine, coarse) = (Level { agent_id: true, ..level(2) }, level(2));
        assert!(fine.is_within(&coarse) && !coarse.is_within(&fine) && fine.is_within(&fine));
        let day = Level { time: Grain::Day, ..fine };
        assert!(fine.is_within(&day) && !day.is_within(&fine) && !day.is_within(&coarse) && !coarse.is_within(&day));
    }

    proptest! {
        /// Every class of a level has at least `k` members. An interaction that a level could settle is settled by it
        /// or by an earlier one.
        #[test]
        fn no_class_of_a_settled_month_is_small(
            calls in prop::collection::vec((0_u32..40, (0_u8..3, 0_u8..4, 0_i64..200)), 0..120),
            ladder in prop::collection::vec(0_u8..96, 0..5),
            k in 2_u32..7,
        ) {
            let month: Vec<_> = calls.into_iter().enumerate().map(|(no, (hour, more))| call(no, hour, more)).collect();
            let ladder: Vec<_> = ladder.into_iter().map(level).collect();
            let levels = settle(&month, &ladder, k);
            for (number, level) in ladder.iter().enumerate() {
                let left = |at: &usize| levels[*at].is_none_or(|own| own >= number);
                for at in (0..month.len()).filter(left) {
                    let own = month[at].class(*level);
                    let company = (0..month.len()).filter(left).filter(|other| month[*other].class(*level) == own);
                    prop_assert_eq!(levels[at] == Some(number), company.count() >= k as usize);
                }
            }
        }

        /// A level within an earlier one settles nothing.
        #[test]
        fn a_level_within_an_earlier_one_settles_nothing(
            calls in prop::collection::vec((0_u32..20, (0_u8..3, 0_u8..4, 0_i64..200)), 0..80),
            (one, another) in (0_u8..96, 0_u8..96),
        ) {
            let month: Vec<_> = calls.into_iter().enumerate().map(|(no, (hour, more))| call(no, hour, more)).collect();
            let (one, another) = (level(one), level(another));
            if another.is_within(&one) {
                prop_assert!(settle(&month, &[one, another], 3).iter().all(|own| *own != Some(1)));
            }
        }

        /// The start of an hour, a day, or a month is not later than the instant, lies in the same local hour, day, or
        /// month, and is its own start. The second before it lies in another one.
        #[test]
        fn a_start_is_the_first_instant_of_its_grain(
            seconds in 0_i64..4_000_000_000,
            zone in 0..chrono_tz::TZ_VARIANTS.len(),
        ) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            for grain in [Grain::Hour, Grain::Day, Grain::Month] {
                let start = start_of_grain(at, grain, zone);
                prop_assert!(start <= at);
                prop_assert_eq!(start_of_grain(start, grain, zone), start);
                prop_assert!(start_of_grain(start - TimeDelta::seconds(1), grain, zone) < start);
                let day = |at| local_day(at, zone);
                let is_same = match grain {
                    Grain::Hour => {
                        let hour = |at: DateTime<Utc>| at.with_timezone(&zone).hour();
                        (day(start), hour(start)) == (day(at), hour(at))
                    }
                    Grain::Day => day(start) == day(at),
                    Grain::Month => first_of_month(day(start)) == first_of_month(day(at)),
                };
                prop_assert!(is_same, "{grain:?} {at} {zone}");
            }
        }
    }
}
