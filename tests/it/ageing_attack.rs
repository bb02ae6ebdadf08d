//! An attacker on aged data, who has the files that the records came from and every column of the archive.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use chrono::{DateTime, Datelike as _, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Europe::Oslo;
use lethe::base::clock::Clock;
use sample::{Sample, SampleKind};
use serde_json::{Value, json};

use crate::ageing::{night, put};
use crate::harness::{Dump, Row, Stock, each_store};
use crate::seals::verified;

const K: usize = 5;

const TABLES: [&str; 3] = ["interactions", "survey_responses", "raw_events"];

/// The beginning of every external id of the sample.
const SENT: &str = "sample-";

/// The lower bounds of the documented ranges of durations, in seconds.
const DURATIONS: [i64; 10] = [0, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600];

/// The policy of the documentation, for all channels.
fn documented_policy() -> Value {
    let (_, text) = include_str!("../../docs/privacy-programme.md").split_once("\n## Ageing\n").unwrap();
    let (_, block) = text.split_once("```json\n").unwrap();
    let mut policy: Value = serde_json::from_str(block.split_once("```").unwrap().0).unwrap();
    policy["records"]["channels"] = json!(["call", "chat", "email", "voicemail", "sms"]);
    policy
}

/// The last day of a month, and the first one of the next month.
fn stock() -> Stock {
    let sample = Sample { interactions: 700, days: 2, seed: 41, until: "2024-02-02".parse().unwrap() };
    Stock { sample, customers: Vec::new() }
}

fn records(stock: &Stock, kind: SampleKind) -> Vec<Value> {
    let text = String::from_utf8(stock.lines(kind)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(row: &Row, column: &str) -> String {
    row[column].clone().unwrap()
}

fn word(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// An instant as a record or either database writes it.
fn instant(text: &str) -> DateTime<Utc> {
    let mut text = text.replacen(' ', "T", 1);
    if text.get(text.len() - 3..).is_some_and(|zone| zone.starts_with(['+', '-'])) {
        text.push_str(":00");
    }
    text.parse().unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The beginning of the local hour, day, or month.
fn start(at: DateTime<Utc>, grain: &str) -> DateTime<Utc> {
    let local = at.with_timezone(&Oslo);
    let day = local.date_naive();
    let day = if grain == "month" { day.with_day(1).unwrap() } else { day };
    let hour = if grain == "hour" { local.hour() } else { 0 };
    Oslo.from_local_datetime(&day.and_hms_opt(hour, 0, 0).unwrap()).unwrap().to_utc()
}

/// A record as the attacker knows it.
struct Known {
    /// The time that its aged record shows, by the precision.
    starts: BTreeMap<&'static str, DateTime<Utc>>,
    /// All other values that its aged record may show, by column.
    values: BTreeMap<&'static str, Option<String>>,
}

impl Known {
    fn new<const N: usize>(at: &Value, values: [(&'static str, Option<String>); N]) -> Self {
        let at = instant(at.as_str().unwrap());
        let starts = ["hour", "day", "month"].map(|grain| (grain, start(at, grain)));
        Self { starts: BTreeMap::from(starts), values: BTreeMap::from(values) }
    }

    fn interaction(sent: &Value) -> Self {
        let at = |field: &str| instant(sent[field].as_str().unwrap());
        let seconds = (at("ended_at") - at("started_at")).num_seconds();
        let least = DURATIONS.iter().copied().rfind(|least| *least <= seconds).unwrap();
        let line = word(&sent["attributes"]["line"]);
        let values = [
            ("channel", word(&sent["channel"])),
            ("direction", word(&sent["direction"])),
            ("queue", word(&sent["queue"])),
            ("agent_id", word(&sent["agent_id"])),
            ("outcome", word(&sent["outcome"])),
            ("duration_s", Some(least.to_string())),
            ("attributes", line.map(|line| json!({ "line": line }).to_string())),
        ];
        Self::new(&sent["started_at"], values)
    }

    fn survey_response(sent: &Value) -> Self {
        Self::new(&sent["answered_at"], [("score", Some(sent["score"].to_string()))])
    }

    fn raw_event(sent: &Value) -> Self {
        Self::new(&sent["occurred_at"], [("event", word(&sent["event"]))])
    }

    /// Whether the aged records of a class can be this one. A value that they do not show can be any.
    fn fits(&self, class: &Row) -> bool {
        // Events show no precision: it is always the month.
        let grain = class.get("aged").and_then(Option::as_deref).unwrap_or("month");
        instant(&text(class, "at")) == self.starts[grain]
            && self.values.iter().all(|(column, own)| class[*column].is_none() || class[*column] == *own)
    }
}

/// The sizes of the classes of a table: the rows with the same values in all columns but the random ones.
fn classes(dump: &Dump, table: &str) -> BTreeMap<Row, usize> {
    let mut classes = BTreeMap::new();
    for row in dump.rows_without(table, &["id", "external_id", "cell_key"]) {
        *classes.entry(row).or_insert(0) += 1;
    }
    classes
}

/// Checks that every class is large enough, and that each record that was sent fits no aged record or at least `k` of
/// them. Returns how many fit none.
fn check_links(dump: &Dump, table: &str, known: impl Iterator<Item = Known>) -> u64 {
    let classes = classes(dump, table);
    assert!(!classes.is_empty() && classes.values().all(|size| *size >= K), "{table}: {classes:?}");
    let mut without = 0;
    for one in known {
        let fitting: usize = classes.iter().filter(|(class, _)| one.fits(class)).map(|(_, size)| size).sum();
        assert!(fitting == 0 || fitting >= K, "{table}: {:?} fits {fitting}", one.values);
        without += u64::from(fitting == 0);
    }
    without
}

/// The values of a column of the three tables.
fn column(dump: &Dump, name: &str) -> HashSet<String> {
    TABLES.iter().flat_map(|table| dump.rows(table)).map(|row| text(row, name)).collect()
}

/// Whether a text contains one of some ids. In a dump, an id has 32 hexadecimal digits.
fn contains_any(value: &str, ids: &HashSet<String>) -> bool {
    let value = value.replace('-', "");
    value.as_bytes().windows(32).any(|part| std::str::from_utf8(part).is_ok_and(|part| ids.contains(part)))
}

/// Checks that no value of the archive contains an id or an external id of the records that were sent.
fn check_ids(before: &Dump, after: &Dump) {
    let ids = column(before, "id");
    for (table, rows) in after.archive() {
        for (column, value) in rows.iter().flatten() {
            let value = value.as_deref().unwrap_or_default();
            assert!(!value.contains(SENT) && !contains_any(value, &ids), "{table}.{column} leads back: {value}");
        }
    }
}

/// Checks that the ids and keys of aged rows are new, and that no id tells the time at which its record arrived.
fn check_rows(before: &Dump, after: &Dump, (begun, ended): (DateTime<Utc>, DateTime<Utc>)) {
    let keys = column(before, "cell_key");
    for row in TABLES.iter().flat_map(|table| after.rows(table)) {
        let id = text(row, "id");
        // A UUIDv7 begins with its milliseconds. A random id has the version 4.
        let millis = i64::from_str_radix(&id[..12], 16).unwrap();
        let is_near = (begun.timestamp_millis()..=ended.timestamp_millis()).contains(&millis);
        assert!(id[12..].starts_with('4') && !is_near, "{id} tells a time");
        assert!(text(row, "external_id").starts_with("aged-") && !keys.contains(&text(row, "cell_key")), "{row:?}");
    }
}

/// Checks that the places of the rows in a table, and so in a dump, do not tell in which order their records arrived: they
/// are in the order of their random ids, but for the beginnings of a few chunks and for space that was free.
fn check_order(dump: &Dump) {
    for table in TABLES {
        let ids = dump.places(table);
        let breaks = ids.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(breaks <= ids.len() / 10, "{table}: {breaks} breaks in {} rows", ids.len());
    }
}

/// The paths of all files and folders below a folder.
fn paths(folder: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        paths.push(path.display().to_string());
        if path.is_dir() {
            paths.extend(self::paths(&path));
        }
    }
    paths
}

each_store!(an_attacker_with_the_sent_records_links_no_aged_one, |lethe: TestLethe| async move {
    let (stock, begun) = (stock(), Clock::System.now());
    stock.load(&lethe).await;
    let sent = records(&stock, SampleKind::Interactions);
    lethe.upload(&word(&sent[0]["external_id"]).unwrap(), "recording", b"hello").await;
    // Searches that show identifiers leave the ids of their records in the audit log.
    for path in ["/archive/search", "/archive/survey-responses/search", "/archive/raw-events/search"] {
        lethe.caller("dpo").post(path, &json!({ "limit": 200 })).await.expect(200);
    }
    let (before, ended) = (lethe.dump().await, Clock::System.now());
    let named: HashSet<String> = before.rows("audit_records").iter().map(|row| text(row, "record_id")).collect();
    for table in TABLES {
        assert!(before.rows(table).iter().any(|row| named.contains(&text(row, "id"))), "{table} is not in the log");
    }
    let content = text(&before.rows("contents")[0], "id");
    let has_object = || paths(&lethe.data_folder()).iter().any(|path| path.replace('-', "").contains(&content));
    assert!(has_object());

    put(&lethe, "all", &documented_policy()).await.expect(200);
    let first = night(&lethe).await;
    let (aged, deleted) = (first["records_aged"].as_u64().unwrap(), first["records_deleted"].as_u64().unwrap());
    assert!(aged + deleted == sent.len() as u64 && aged > deleted, "{first}");
    let second = night(&lethe).await;
    assert_eq!([&second["records_aged"], &second["records_deleted"]], [&json!(0); 2]);

    let after = lethe.dump().await;
    let grains: BTreeSet<_> = after.rows("interactions").iter().map(|row| text(row, "aged")).collect();
    assert_eq!(grains, BTreeSet::from(["day", "hour"].map(str::to_owned)), "more than one level has settled some");
    let without = check_links(&after, "interactions", sent.iter().map(Known::interaction));
    assert!(without <= deleted, "{without} records fit no aged one, and only {deleted} were deleted");
    let (surveys, events) = (records(&stock, SampleKind::SurveyResponses), records(&stock, SampleKind::RawEvents));
    check_links(&after, "survey_responses", surveys.iter().map(Known::survey_response));
    check_links(&after, "raw_events", events.iter().map(Known::raw_event));

    check_ids(&before, &after);
    check_order(&after);
    check_rows(&before, &after, (begun, ended));
    let left =
        ["audit_records", "contents", "deliveries", "mentions", "ageing_work"].map(|table| after.rows(table).len());
    assert_eq!(left, [0; 5]);
    assert!(!has_object(), "the name of an object is left");
    assert!(verified(&lethe, &[]).await.1, "the audit log agrees with its seals");
});
