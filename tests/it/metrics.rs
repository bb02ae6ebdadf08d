//! The metrics that documents, alerts, and the dashboard name are those that the service has.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::{Store, tell};

const SOURCES: [(&str, &str); 3] = [
    ("docs/operating.md", include_str!("../../docs/operating.md")),
    ("the alerts of the chart", include_str!("../../helm/lethe/templates/prometheusrule.yaml")),
    ("the dashboard of the chart", include_str!("../../helm/lethe/files/dashboard.json")),
];

/// The metrics that a text names, without the parts of a histogram.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let names = text.split(|c: char| !is_name(c)).filter(|word| word.starts_with("lethe_") && *word != "lethe_data");
    let suffixes = ["_bucket", "_count", "_sum"];
    names.map(|name| suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)).collect()
}

#[test]
fn documents_alerts_and_dashboards_name_metrics_that_exist() {
    tell(Store::Sqlite, |lethe| async move {
        // A counter has no line before its first event.
        let call = json!({ "external_id": "1", "channel": "call", "started_at": "2026-02-01T10:00:00Z",
                           "customer": { "phone_number": "91234567" } });
        lethe.record(&call).await;
        lethe.upload("1", "recording", b"RIFF").await;
        lethe
            .enter_request(&json!({ "phone_number": "91234567", "to_date": "2026-02-15", "targets": ["archive"],
                                    "delete_content": true }))
            .await;
        lethe.night("2026-02-16T02:00:00Z").await.well();
        let shown = lethe.metrics().await;
        let shown = metrics_in(&shown);
        assert!(shown.len() >= 10, "{shown:?}");
        for (source, text) in SOURCES {
            let named = metrics_in(text);
            assert!(named.len() >= 4, "{source}: {named:?}");
            let unknown: Vec<_> = named.difference(&shown).collect();
            assert!(unknown.is_empty(), "{source} names metrics that do not exist: {unknown:?}");
        }
        let missing: Vec<_> = shown.difference(&metrics_in(SOURCES[0].1)).copied().collect();
        assert!(missing.is_empty(), "docs/operating.md does not name {missing:?}");
    });
}
