//! Rows of the archive, as the demo prints them.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::cli::output::print;

/// The number of rows on each side of the cut-off.
const ROWS: usize = 3;

/// A page of a search, newest first.
pub struct TableRows(Vec<Value>);

impl TableRows {
    pub fn of(page: &Value) -> Self {
        Self(page["items"].as_array().cloned().unwrap_or_default())
    }

    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// Prints all rows, with a heading.
    pub fn show(&self) {
        head();
        self.0.iter().for_each(row);
    }

    /// Prints the rows around the cut-off of a request, with a heading and the total.
    pub fn show_around(&self, cutoff: DateTime<Utc>, last_day: &str) {
        let (later, forgotten) = self.0.split_at(self.0.partition_point(|item| started(item) >= Some(cutoff)));
        head();
        if later.len() > ROWS {
            print(&format!("  … {} later ones", later.len() - ROWS));
        }
        later.iter().skip(later.len().saturating_sub(ROWS)).for_each(row);
        print(&format!("  ── up to and including {last_day} ──"));
        forgotten.iter().take(ROWS).for_each(row);
        match forgotten.len() {
            0 => print("  nothing"),
            count if count > ROWS => print(&format!("  … {} earlier ones", count - ROWS)),
            _ => {}
        }
        print(&format!("  {} records in all", self.count()));
    }

    /// The last row before an instant: its queue and its time.
    pub fn last_before(&self, end: DateTime<Utc>) -> Option<(&str, DateTime<Utc>)> {
        self.0.iter().find_map(|item| Some((item["queue"].as_str()?, started(item).filter(|at| *at < end)?)))
    }
}

fn started(item: &Value) -> Option<DateTime<Utc>> {
    item["started_at"].as_str()?.parse().ok()
}

fn head() {
    print(&line(["started_at (UTC)", "channel", "queue", "phone_number", "name"]));
}

fn row(item: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let (at, channel, queue) = (text(&item["started_at"]), text(&item["channel"]), text(&item["queue"]));
    let (number, name) = (text(&item["customer"]["phone_number"]), text(&item["customer"]["name"]));
    print(&line([&at, &channel, &queue, &number, &name]));
}

fn line([at, channel, queue, number, name]: [&str; 5]) -> String {
    format!("  {at:<20} {channel:<9} {queue:<18} {number:<14} {name}")
}

/// Prints totals by queue, with a heading.
pub fn show_totals(totals: &Value) {
    let line =
        |[queue, count, average, p95]: [&str; 4]| print(&format!("  {queue:<18} {count:>7} {average:>15} {p95:>15}"));
    line(["queue", "count", "average seconds", "95 % end within"]);
    for item in totals["items"].as_array().into_iter().flatten() {
        let number = |field: &str| match &item[field] {
            Value::Null => "-".to_owned(),
            number => number.to_string(),
        };
        let queue = item["queue"].as_str().unwrap_or("-");
        line([queue, &number("count"), &number("duration_avg"), &number("duration_p95")]);
    }
}
