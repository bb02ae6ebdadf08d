//! A call as the rows of a log tell it, and as the archive takes it in.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::fields::Times;
use super::parties::{CallDirection, Parties};

/// How a call ended, the best outcome last: of several rows the best one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallOutcome {
    Other,
    Failed,
    Busy,
    NoAnswer,
    /// The caller hung up before anybody answered.
    Abandoned,
    Answered,
}

/// A call. A transfer, or a queue that rings at one agent after the other, writes a row for each leg of one call.
#[derive(Debug)]
pub(super) struct CdrCall {
    pub(super) external_id: String,
    direction: Option<CallDirection>,
    started_at: DateTime<Utc>,
    answered_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    queue: Option<String>,
    outcome: CallOutcome,
    customer: CallCustomer,
    context: Option<String>,
    line: Option<String>,
    /// The agents who spoke, in their order. Before anybody spoke, the agent whose phone rang first.
    agents: Vec<String>,
    duration_seconds: Option<u32>,
    billed_seconds: Option<u32>,
    hangup_cause: Option<String>,
    /// Whether the queue is one, and not only the context.
    is_queue: bool,
}

/// The facts of a row beside its parties and its times.
#[derive(Default)]
pub(super) struct Leg<'a> {
    /// The queue that the caller was in.
    pub(super) queue: Option<&'a str>,
    pub(super) context: Option<&'a str>,
    pub(super) agent: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) duration_seconds: Option<u32>,
    pub(super) billed_seconds: Option<u32>,
    pub(super) hangup_cause: Option<&'a str>,
}

/// The customer as the exchange wrote them.
#[derive(Clone, Debug, Serialize)]
struct CallCustomer {
    phone_number: Option<String>,
    name: Option<String>,
}

impl CdrCall {
    pub(super) fn new(
        external_id: &str,
        parties: &Parties<'_>,
        times: &Times,
        outcome: CallOutcome,
        leg: &Leg<'_>,
    ) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let Leg { queue, context, agent, name, duration_seconds, billed_seconds, hangup_cause } = leg;
        Self {
            external_id: external_id.to_owned(),
            direction: parties.direction,
            started_at: times.start,
            answered_at: times.answer,
            ended_at: times.end,
            queue: owned(queue.or(*context)),
            outcome,
            customer: CallCustomer { phone_number: parties.customer.clone(), name: owned(*name) },
            context: owned(*context),
            line: owned(parties.line),
            agents: owned(*agent).into_iter().collect(),
            duration_seconds: *duration_seconds,
            billed_seconds: *billed_seconds,
            hangup_cause: owned(*hangup_cause),
            is_queue: queue.is_some(),
        }
    }

    /// Adds another leg of the call, in whichever order the exchange wrote them.
    pub(super) fn merge(&mut self, other: Self) {
        if other.started_at < self.started_at {
            let later = std::mem::replace(self, other);
            self.add(later);
        } else {
            self.add(other);
        }
    }

    fn add(&mut self, later: Self) {
        let is_answered = |call: &Self| call.outcome == CallOutcome::Answered;
        match (is_answered(self), is_answered(&later)) {
            // An agent whose phone only rang did not speak.
            (false, true) if !later.agents.is_empty() => self.agents = later.agents,
            (true, false) => {}
            (false, false) if !self.agents.is_empty() => {}
            _ => self
                .agents
                .extend(later.agents.into_iter().filter(|agent| !self.agents.contains(agent)).collect::<Vec<_>>()),
        }
        if !self.is_queue && later.is_queue || self.queue.is_none() {
            self.queue = later.queue;
            self.is_queue = later.is_queue;
        }
        self.answered_at = self.answered_at.into_iter().chain(later.answered_at).min();
        self.ended_at = self.ended_at.max(later.ended_at);
        self.outcome = self.outcome.max(later.outcome);
        self.direction = self.direction.or(later.direction);
        self.customer.phone_number = self.customer.phone_number.take().or(later.customer.phone_number);
        self.customer.name = self.customer.name.take().or(later.customer.name);
        self.context = self.context.take().or(later.context);
        self.line = self.line.take().or(later.line);
        self.hangup_cause = later.hangup_cause.or(self.hangup_cause.take());
        let whole = self.ended_at.map(|end| u32::try_from((end - self.started_at).num_seconds()).unwrap_or_default());
        self.duration_seconds = whole.or(self.duration_seconds);
        self.billed_seconds = match (self.billed_seconds, later.billed_seconds) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
    }

    /// The call in the form in which the archive takes it in.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let written = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        // An exchange whose clock was set back may put an answer before the start: such an answer has no ring time.
        let ring =
            self.answered_at.map(|answer| (answer - self.started_at).num_seconds()).filter(|seconds| *seconds >= 0);
        serde_json::to_vec(&CallRecord {
            external_id: &self.external_id,
            channel: "call",
            direction: self.direction,
            started_at: written(self.started_at),
            ended_at: self.ended_at.map(written),
            queue: self.queue.as_deref(),
            agent_id: self.agents.first().map(String::as_str),
            outcome: self.outcome,
            customer: &self.customer,
            attributes: CallAttributes {
                line: self.line.as_deref(),
                context: self.context.as_deref(),
                duration_seconds: self.duration_seconds,
                billed_seconds: self.billed_seconds,
                ring_seconds: ring,
                hangup_cause: self.hangup_cause.as_deref(),
                agents: if self.agents.len() > 1 { &self.agents } else { &[] },
            },
        })
    }
}

/// An interaction on its way into the archive. An exchange knows calls only.
#[derive(Serialize)]
struct CallRecord<'a> {
    external_id: &'a str,
    channel: &'static str,
    direction: Option<CallDirection>,
    started_at: String,
    ended_at: Option<String>,
    queue: Option<&'a str>,
    agent_id: Option<&'a str>,
    outcome: CallOutcome,
    customer: &'a CallCustomer,
    attributes: CallAttributes<'a>,
}

/// Further facts of a call. Texts here are short words of the exchange's own configuration.
#[derive(Serialize)]
struct CallAttributes<'a> {
    /// The line that was called, or the extension that called out.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    /// The dialplan context.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    /// From start to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<u32>,
    /// From answer to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    billed_seconds: Option<u32>,
    /// From start to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    ring_seconds: Option<i64>,
    /// Why the call ended, in the exchange's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    hangup_cause: Option<&'a str>,
    /// All agents who spoke, if the call was transferred.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    agents: &'a [String],
}
