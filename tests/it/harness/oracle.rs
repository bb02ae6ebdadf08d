//! An independent computation of the result of a pass: the earlier archive in the identified view, with the identifiers of
//! the requests removed by plain replacement.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone as _, Utc};
use serde_json::Value;

use super::{Row, TestLethe};

/// The kinds of records: target, path of the search, name of the time.
pub const TARGETS: [(&str, &str, &str); 3] = [
    ("archive", "/archive/search", "started_at"),
    ("sms_survey", "/archive/survey-responses/search", "answered_at"),
    ("raw_data", "/archive/raw-events/search", "occurred_at"),
];

/// The customer to forget, the last day, and the targets.
#[derive(Clone, Debug)]
pub struct Asked {
    pub phone: Option<String>,
    pub email: Option<String>,
    pub to_date: NaiveDate,
    pub targets: Vec<&'static str>,
}

impl Asked {
    /// The first instant that stays: midnight in Oslo after the last day.
    pub fn cutoff(&self) -> DateTime<Utc> {
        let midnight = self.to_date.checked_add_days(Days::new(1)).unwrap().and_time(NaiveTime::MIN);
        chrono_tz::Europe::Oslo.from_local_datetime(&midnight).unwrap().to_utc()
    }

    fn covers(&self, target: &str, at: DateTime<Utc>) -> bool {
        self.targets.contains(&target) && at < self.cutoff()
    }
}

/// The time of a record.
pub fn time_of(record: &Value, name: &str) -> DateTime<Utc> {
    record[name].as_str().expect("a time").parse().unwrap()
}

/// The record as it must be after a pass with these requests.
pub fn forget(record: &Value, target: usize, asked: &[Asked]) -> Value {
    let (target, _, time) = TARGETS[target];
    let at = time_of(record, time);
    let covering: Vec<_> = asked.iter().filter(|request| request.covers(target, at)).collect();
    let cut: BTreeSet<&str> =
        covering.iter().flat_map(|request| request.phone.iter().chain(&request.email)).map(String::as_str).collect();
    let mut after = record.clone();
    let customer = if target == "archive" { &mut after["customer"] } else { &mut after };
    let own: Vec<String> = ["phone_number", "email", "name"]
        .iter()
        .filter_map(|slot| customer.get(slot)?.as_str().map(str::to_owned))
        .collect();
    let matched = own.iter().any(|identifier| cut.contains(identifier.as_str()));
    if matched {
        for slot in ["phone_number", "email", "name"] {
            if customer.get(slot).is_some_and(Value::is_string) {
                customer[slot] = "Anonymized".into();
            }
        }
    }
    let gone: Vec<&str> = cut.into_iter().chain(own.iter().map(String::as_str).filter(|_| matched)).collect();
    for texts in ["attributes", "comment"] {
        if let Some(texts) = after.get_mut(texts) {
            replace(texts, &gone);
        }
    }
    if after != *record {
        after["anonymized"] = true.into();
    }
    after
}

fn replace(value: &mut Value, gone: &[&str]) {
    match value {
        Value::String(text) => {
            for identifier in gone {
                *text = text.replace(identifier, "Anonymized");
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, gone)),
        Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, gone)),
        _ => {}
    }
}

/// All records of the archive in the identified view, by kind.
pub async fn everything(lethe: &TestLethe) -> [Vec<Value>; 3] {
    let caller = lethe.caller("dpo");
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (records, (_, path, _)) in all.iter_mut().zip(TARGETS) {
        *records = caller.all(path, &serde_json::json!({})).await;
    }
    all
}

/// The differences between the expected archive and the real one.
pub fn differences(wanted: &[Value], found: &[Value]) -> Vec<String> {
    let mut differences = Vec::new();
    if wanted.len() != found.len() {
        differences.push(format!("{} records instead of {}", found.len(), wanted.len()));
    }
    for (wanted, found) in wanted.iter().zip(found) {
        if wanted != found {
            differences.push(format!("wanted {wanted}\nfound  {found}"));
        }
    }
    differences
}

/// Fails unless some tables have the same rows.
#[track_caller]
pub fn same(wanted: &BTreeMap<String, Vec<Row>>, found: &BTreeMap<String, Vec<Row>>, after: &str) {
    for (table, rows) in wanted {
        let (wanted, found): (BTreeSet<_>, BTreeSet<_>) = (rows.iter().collect(), found[table].iter().collect());
        let missing: Vec<_> = wanted.difference(&found).take(2).collect();
        let besides: Vec<_> = found.difference(&wanted).take(2).collect();
        assert!(
            missing.is_empty() && besides.is_empty(),
            "after {after}: {table}\nmissing {missing:?}\nbesides {besides:?}"
        );
    }
}
