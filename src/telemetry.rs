//! Logs and metrics for operators. No label, field, or message contains a person. Only the nightly job names a tenant.

use std::io::IsTerminal as _;

use chrono::{DateTime, Utc};
use prometheus::core::Collector;
use prometheus::{
    Encoder as _, Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Starts logging to standard error: lines for people on a terminal, and JSON lines elsewhere. Later calls change
/// nothing.
///
/// A panic is logged with its place and without its message, which may contain a value that a person sent.
pub fn init(config: &LogConfig) {
    let filter = EnvFilter::try_new(config.levels()).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    // A line that cannot be written is lost. By default, the library prints a complaint, which panics if standard error
    // is full or closed.
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !terminal,
    };
    // A second start, as in tests and in `demo` with its server, keeps the settings of the first.
    let _ = if json {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    } else {
        lines.with_ansi(terminal).with_target(false).try_init()
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.place = %place, "Panicked");
    }));
}

/// The upper bounds of the histogram of calls, in seconds.
const CALL_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The metrics of the service for Prometheus.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    calls: HistogramVec,
    ingested: IntCounterVec,
    cut: IntCounterVec,
    content: IntCounterVec,
    scan_findings: IntCounterVec,
    content_bytes: IntCounterVec,
    oldest_waiting: Gauge,
    last_pass: Gauge,
    connections: IntGaugeVec,
    memory_budget: IntGaugeVec,
    memory_drawn: IntGaugeVec,
    deliveries: IntGaugeVec,
    epoch_restarts: IntCounter,
    journal: JournalMetrics,
    webhooks: WebhookMetrics,
}

/// The metrics of the erasure journal, and of the audit log that is anchored there.
#[derive(Clone, Debug)]
struct JournalMetrics {
    state: IntGaugeVec,
    failures: IntCounter,
    unsealed: Gauge,
}

impl JournalMetrics {
    fn new() -> Result<Self, prometheus::Error> {
        let about = "The state of the erasure journal: 1 at the present state, 0 at the others.";
        let state = IntGaugeVec::new(Opts::new("lethe_journal_state", about), &["state"])?;
        let about = "Objects of the erasure journal that could not be written since the start.";
        let failures = IntCounter::new("lethe_journal_failures_total", about)?;
        let about = "Age of the oldest row of an audit log that is not sealed; 0 if all are.";
        Ok(Self { state, failures, unsealed: Gauge::new("lethe_audit_unsealed_seconds", about)? })
    }
}

/// The metrics of the messages to webhooks.
#[derive(Clone, Debug)]
struct WebhookMetrics {
    messages: IntCounterVec,
    pending: IntGauge,
    oldest: Gauge,
}

impl WebhookMetrics {
    fn new() -> Result<Self, prometheus::Error> {
        let about = "Attempts to send a message to a webhook since the start, by the state of the message after it.";
        let messages = IntCounterVec::new(Opts::new("lethe_webhook_messages_total", about), &["state"])?;
        // An alert on the growth of a counter needs its line before the first event.
        for state in ["delivered", "failed", "held"] {
            messages.with_label_values(&[state]).inc_by(0);
        }
        let about = "Events and messages that wait to be sent to webhooks.";
        let pending = IntGauge::new("lethe_webhook_messages_pending", about)?;
        let about = "Age of the oldest event or message that waits to be sent to a webhook; 0 if none waits.";
        Ok(Self { messages, pending, oldest: Gauge::new("lethe_webhook_oldest_pending_seconds", about)? })
    }
}

impl Metrics {
    /// All metrics at zero, in a registry of their own.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let calls = HistogramVec::new(
            HistogramOpts::new("lethe_http_request_duration_seconds", "Calls by route, method, and status.")
                .buckets(CALL_SECONDS.to_vec()),
            &["method", "route", "status"],
        )?;
        let ingested = IntCounterVec::new(
            Opts::new("lethe_ingest_rows_total", "Records that were received, by kind and outcome."),
            &["kind", "outcome"],
        )?;
        let counters = |name, help, label: &str| IntCounterVec::new(Opts::new(name, help), &[label]);
        let cut = counters("lethe_pass_rows_total", "Records that the nightly pass anonymized, by target.", "target")?;
        let about = "Pieces of content that the nightly pass processed, by outcome.";
        let content = counters("lethe_pass_content_total", about, "outcome")?;
        let about = "Identifiers that the residue scan found where none should be, by class.";
        let scan_findings = counters("lethe_scan_findings_total", about, "class")?;
        let about = "Pieces of content that were stored or sent over HTTP, by kind and direction.";
        let content_bytes = IntCounterVec::new(Opts::new("lethe_content_bytes_total", about), &["kind", "direction"])?;
        let oldest_waiting =
            Gauge::new("lethe_oldest_waiting_request_seconds", "Age of the oldest waiting request; 0 if none waits.")?;
        let last_pass = Gauge::new(
            "lethe_last_pass_success_timestamp_seconds",
            "Time of the last complete nightly pass; 0 if there was none.",
        )?;
        let gauges = |name, help, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let connections =
            gauges("lethe_database_connections", "Open connections by database and state.", &["database", "state"])?;
        let memory_budget = gauges("lethe_memory_budget_bytes", "The memory that calls may take, by pool.", &["pool"])?;
        let memory_drawn = gauges("lethe_memory_drawn_bytes", "The memory that calls take, by pool.", &["pool"])?;
        let deliveries =
            gauges("lethe_deliveries", "Deliveries of recordings that are not finished, by state.", &["state"])?;
        let epoch_restarts = IntCounter::new(
            "lethe_epoch_restarts_total",
            "Batches that began again because a pass had changed the epoch, or another call had stored one of their records.",
        )?;
        let metrics = Self {
            registry,
            calls,
            ingested,
            cut,
            content,
            scan_findings,
            content_bytes,
            oldest_waiting,
            last_pass,
            connections,
            memory_budget,
            memory_drawn,
            deliveries,
            epoch_restarts,
            journal: JournalMetrics::new()?,
            webhooks: WebhookMetrics::new()?,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let Self { registry, calls, ingested, cut, content, content_bytes, .. } = self;
        let Self { oldest_waiting, last_pass, connections, deliveries, epoch_restarts, .. } = self;
        let Self { journal, scan_findings, webhooks, .. } = self;
        let Self { memory_budget, memory_drawn, .. } = self;
        let all: [Box<dyn Collector>; 19] = [
            Box::new(calls.clone()),
            Box::new(ingested.clone()),
            Box::new(cut.clone()),
            Box::new(content.clone()),
            Box::new(scan_findings.clone()),
            Box::new(content_bytes.clone()),
            Box::new(oldest_waiting.clone()),
            Box::new(last_pass.clone()),
            Box::new(connections.clone()),
            Box::new(memory_budget.clone()),
            Box::new(memory_drawn.clone()),
            Box::new(deliveries.clone()),
            Box::new(epoch_restarts.clone()),
            Box::new(journal.unsealed.clone()),
            Box::new(journal.state.clone()),
            Box::new(journal.failures.clone()),
            Box::new(webhooks.messages.clone()),
            Box::new(webhooks.pending.clone()),
            Box::new(webhooks.oldest.clone()),
        ];
        all.into_iter().try_for_each(|metric| registry.register(metric))
    }

    /// Counts one call. `route` is a pattern of the API, never a path.
    pub fn called(&self, method: &str, route: &str, status: u16, seconds: f64) {
        self.calls.with_label_values(&[method, route, &status.to_string()]).observe(seconds);
    }

    /// Counts records that were received: `interaction`, `created`.
    pub fn ingested(&self, kind: &str, outcome: &str, rows: u64) {
        self.ingested.with_label_values(&[kind, outcome]).inc_by(rows);
    }

    /// Counts records that the pass anonymized in a target.
    pub fn cut(&self, target: &str, rows: u64) {
        self.cut.with_label_values(&[target]).inc_by(rows);
    }

    /// Counts content that the pass processed: `deleted`, `lost`.
    pub fn content(&self, outcome: &str, pieces: u64) {
        self.content.with_label_values(&[outcome]).inc_by(pieces);
    }

    /// Counts findings of the residue scan: `residue`, `exposed`.
    pub fn scan_findings(&self, class: &str, count: u64) {
        self.scan_findings.with_label_values(&[class]).inc_by(count);
    }

    /// Counts the uploaded bytes of content of a kind that were stored.
    pub fn content_stored(&self, kind: &str, bytes: u64) {
        self.content_bytes.with_label_values(&[kind, "in"]).inc_by(bytes);
    }

    /// Counts the bytes of content of a kind that an allowed caller requested.
    pub fn content_given(&self, kind: &str, bytes: u64) {
        self.content_bytes.with_label_values(&[kind, "out"]).inc_by(bytes);
    }

    /// Sets the age of the oldest waiting request, in seconds. It is zero if no request waits.
    pub fn oldest_waiting(&self, seconds: f64) {
        self.oldest_waiting.set(seconds);
    }

    /// Sets the time of the last complete pass.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float for millions of years")]
    pub fn pass_succeeded(&self, at: DateTime<Utc>) {
        self.last_pass.set(at.timestamp() as f64);
    }

    /// Sets the size of a pool of memory and the bytes that are drawn from it.
    pub fn memory(&self, pool: &str, size: u64, drawn: u64) {
        let set = |gauge: &IntGaugeVec, bytes: u64| {
            gauge.with_label_values(&[pool]).set(i64::try_from(bytes).unwrap_or(i64::MAX));
        };
        set(&self.memory_budget, size);
        set(&self.memory_drawn, drawn);
    }

    /// Sets the numbers of connections to a database that are in use and idle.
    pub fn connections(&self, database: &str, in_use: u32, idle: u32) {
        self.connections.with_label_values(&[database, "in_use"]).set(in_use.into());
        self.connections.with_label_values(&[database, "idle"]).set(idle.into());
    }

    /// Sets the number of deliveries that are `pending` or `held`.
    pub fn deliveries(&self, state: &str, count: u64) {
        self.deliveries.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts attempts to send messages to webhooks: `delivered`, `failed`, `held`.
    pub fn webhook_messages(&self, state: &str, messages: u64) {
        self.webhooks.messages.with_label_values(&[state]).inc_by(messages);
    }

    /// Sets the number of messages that wait to be sent to webhooks, and the age of the oldest one in seconds.
    pub fn webhooks_pending(&self, messages: u64, oldest: f64) {
        self.webhooks.pending.set(i64::try_from(messages).unwrap_or(i64::MAX));
        self.webhooks.oldest.set(oldest);
    }

    /// Counts a batch that began again because the tenant's epoch or one of its records had changed.
    pub fn epoch_restarted(&self) {
        self.epoch_restarts.inc();
    }

    /// Sets the age of the oldest row of an audit log that is not sealed, in seconds.
    pub fn oldest_unsealed(&self, seconds: f64) {
        self.journal.unsealed.set(seconds);
    }

    /// Shows the state of the erasure journal, and how many objects could not be written.
    pub fn journal(&self, states: [(&str, bool); 5], failures: u64) {
        for (state, is_present) in states {
            self.journal.state.with_label_values(&[state]).set(i64::from(is_present));
        }
        self.journal.failures.inc_by(failures.saturating_sub(self.journal.failures.get()));
    }

    /// All metrics in the text format of Prometheus.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// The content type of [`Metrics::render`].
pub const METRICS_TYPE: &str = prometheus::TEXT_FORMAT;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_shown() {
        let metrics = Metrics::new().unwrap();
        metrics.called("GET", "/api/v1/me", 200, 0.003);
        metrics.ingested("interaction", "created", 12);
        metrics.cut("archive", 3);
        metrics.content("deleted", 4);
        metrics.content_stored("recording", 5);
        metrics.content_given("recording", 6);
        metrics.oldest_waiting(90.0);
        metrics.pass_succeeded(DateTime::from_timestamp(1_770_000_000, 0).unwrap());
        metrics.connections("archive", 2, 5);
        metrics.deliveries("held", 4);
        metrics.webhook_messages("delivered", 3);
        metrics.webhooks_pending(2, 70.0);
        metrics.epoch_restarted();
        metrics.oldest_unsealed(8.0);
        metrics
            .journal([("in_step", false), ("behind", true), ("unknown", false), ("damaged", false), ("off", false)], 3);
        let text = metrics.render().unwrap();
        for line in [
            "lethe_http_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/me\",status=\"200\"} 1",
            "lethe_ingest_rows_total{kind=\"interaction\",outcome=\"created\"} 12",
            "lethe_pass_rows_total{target=\"archive\"} 3",
            "lethe_pass_content_total{outcome=\"deleted\"} 4",
            "lethe_content_bytes_total{direction=\"in\",kind=\"recording\"} 5",
            "lethe_content_bytes_total{direction=\"out\",kind=\"recording\"} 6",
            "lethe_oldest_waiting_request_seconds 90",
            "lethe_last_pass_success_timestamp_seconds 1770000000",
            "lethe_database_connections{database=\"archive\",state=\"idle\"} 5",
            "lethe_deliveries{state=\"held\"} 4",
            "lethe_webhook_messages_total{state=\"delivered\"} 3",
            "lethe_webhook_messages_total{state=\"held\"} 0",
            "lethe_webhook_messages_pending 2",
            "lethe_webhook_oldest_pending_seconds 70",
            "lethe_epoch_restarts_total 1",
            "lethe_audit_unsealed_seconds 8",
            "lethe_journal_state{state=\"behind\"} 1",
            "lethe_journal_state{state=\"in_step\"} 0",
            "lethe_journal_failures_total 3",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
