//! Rows of FreeSWITCH's `mod_cdr_csv`, template `example`.

use chrono_tz::Tz;

use super::fields::{Column, Row, label, parties};
use super::{Attributes, CallLogError, Customer, Interaction};

const CALLER_ID_NAME: Column = (0, "caller_id_name");
const CALLER_ID_NUMBER: Column = (1, "caller_id_number");
const DESTINATION_NUMBER: Column = (2, "destination_number");
const CONTEXT: Column = (3, "context");
const START_STAMP: Column = (4, "start_stamp");
const ANSWER_STAMP: Column = (5, "answer_stamp");
const END_STAMP: Column = (6, "end_stamp");
const DURATION: Column = (7, "duration");
const BILLSEC: Column = (8, "billsec");
const HANGUP_CAUSE: Column = (9, "hangup_cause");
const UUID: Column = (10, "uuid");

/// The columns of the template. Sites append their own.
const WIDTH: usize = 15;

pub(super) fn interaction<'a>(row: &Row<'a>, zone: Tz) -> Result<Interaction<'a>, CallLogError> {
    if row.width() < WIDTH {
        return Err(CallLogError::Columns);
    }
    let external_id = row.required(UUID)?;
    let parties = parties(row.text(CALLER_ID_NUMBER)?, row.text(DESTINATION_NUMBER)?);
    let times = row.times(START_STAMP, ANSWER_STAMP, END_STAMP, zone)?;
    let context = row.text(CONTEXT)?.and_then(|text| label(text, parties.customer));
    let cause = row.text(HANGUP_CAUSE)?.filter(|text| is_cause(text));
    // The name on an outgoing call is the agent's.
    let name = if parties.outbound { None } else { row.text(CALLER_ID_NAME)?.filter(|text| is_name(text)) };
    Ok(Interaction {
        external_id,
        channel: "call",
        direction: parties.direction(),
        started_at: times.started_at(),
        ended_at: times.ended_at(),
        queue: context,
        agent_id: None,
        outcome: outcome(cause, times.answered()),
        customer: Customer { phone_number: parties.customer, name },
        attributes: Attributes {
            line: parties.line,
            context,
            duration_seconds: row.seconds(DURATION)?,
            billed_seconds: row.seconds(BILLSEC)?,
            ring_seconds: times.ring_seconds(),
            hangup_cause: cause,
        },
    })
}

/// Whether a caller's name is a name. FreeSWITCH repeats the number there if it knows no name.
fn is_name(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// Causes are words such as `NORMAL_CLEARING`.
fn is_cause(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The outcome: `answered`, `abandoned` (the caller hung up), `busy`, `no_answer`, or `failed`.
fn outcome(cause: Option<&str>, answered: bool) -> &'static str {
    if answered {
        return "answered";
    }
    match cause {
        Some("ORIGINATOR_CANCEL") => "abandoned",
        Some("USER_BUSY") => "busy",
        Some("NORMAL_CLEARING" | "NO_ANSWER" | "NO_USER_RESPONSE" | "ALLOTTED_TIMEOUT") => "no_answer",
        Some(_) => "failed",
        None => "other",
    }
}
