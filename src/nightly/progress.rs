//! The progress of the job: a bar on a terminal, log lines elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

use super::model::StepName;

#[derive(Debug, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    #[must_use]
    pub fn bar() -> Self {
        let style = ProgressStyle::with_template("{spinner} {msg} {human_pos} records, {per_sec}, {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self { bar: Some(ProgressBar::new_spinner().with_style(style)) }
    }

    #[must_use]
    pub const fn lines() -> Self {
        Self { bar: None }
    }

    pub fn step(&self, tenant: &str, step: StepName) {
        let step = step.as_str();
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{tenant}: {step}"));
        } else {
            tracing::info!(tenant, step, "The nightly pass has reached a step");
        }
    }

    pub fn advance(&self, records: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(records);
        } else {
            tracing::debug!(records, "Unlinked a chunk of records");
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
