//! Rows of the archive, as the demo prints them.

use std::collections::BTreeSet;

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
    let (at, channel, queue) = (word(&item["started_at"]), word(&item["channel"]), word(&item["queue"]));
    let (number, name) = (word(&item["customer"]["phone_number"]), word(&item["customer"]["name"]));
    print(&line([at, channel, queue, number, name]));
}

fn line([at, channel, queue, number, name]: [&str; 5]) -> String {
    format!("  {at:<20} {channel:<9} {queue:<18} {number:<14} {name}")
}

/// Prints the counts of totals by queue and channel, with a heading.
pub fn show_totals(totals: &Value) {
    let items = || totals["items"].as_array().into_iter().flatten();
    let of = |group: &str| items().map(|item| word(&item[group])).collect::<BTreeSet<_>>();
    let channels = of("channel");
    let line = |queue: &str, cells: Vec<String>| {
        let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>9}")).collect();
        print(&format!("  {queue:<18} {}", cells.join(" ")));
    };
    line("queue", channels.iter().map(|channel| (*channel).to_owned()).collect());
    for queue in of("queue") {
        let cell = |channel: &&str| {
            let found = items().find(|item| word(&item["queue"]) == queue && word(&item["channel"]) == *channel);
            found.map_or_else(|| "-".to_owned(), |item| count(item, &totals["min_cell"]))
        };
        line(queue, channels.iter().map(cell).collect());
    }
}

/// The count of a cell. A small one is not known.
fn count(item: &Value, min_cell: &Value) -> String {
    if item["count"].is_null() { format!("<{min_cell}") } else { item["count"].to_string() }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
