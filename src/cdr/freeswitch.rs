//! Rows of FreeSWITCH's `mod_cdr_csv`, in the templates that it comes with: `example`, `snom`, `linksys`, and `sql`, which
//! begin alike, `asterisk`, and `opencdrrate`.

use chrono_tz::Tz;

use super::CallLogError;
use super::call::{CallOutcome, CdrCall, Leg};
use super::fields::{CallLogRow, Column, label};
use super::parties::{CallDirection, House, Legs, Parties};

/// The positions of the columns. A template may be without a column.
struct FreeSwitchColumns {
    name: Option<Column>,
    caller: Column,
    dialled: Column,
    context: Option<Column>,
    direction: Option<Column>,
    start: Column,
    answer: Column,
    end: Column,
    duration: Option<Column>,
    billsec: Column,
    cause: Option<Column>,
    uuid: Column,
    width: usize,
}

const EXAMPLE: FreeSwitchColumns = FreeSwitchColumns {
    name: Some((0, "caller_id_name")),
    caller: (1, "caller_id_number"),
    dialled: (2, "destination_number"),
    context: Some((3, "context")),
    direction: None,
    start: (4, "start_stamp"),
    answer: (5, "answer_stamp"),
    end: (6, "end_stamp"),
    duration: Some((7, "duration")),
    billsec: (8, "billsec"),
    cause: Some((9, "hangup_cause")),
    uuid: (10, "uuid"),
    // The shortest of the four is `sql`.
    width: 13,
};

const ASTERISK: FreeSwitchColumns = FreeSwitchColumns {
    name: None,
    start: (9, "start_stamp"),
    answer: (10, "answer_stamp"),
    end: (11, "end_stamp"),
    duration: Some((12, "duration")),
    billsec: (13, "billsec"),
    cause: Some((14, "hangup_cause")),
    uuid: (16, "uuid"),
    width: 17,
    ..EXAMPLE
};

/// It has no start: the answer is the first time that is known, or else the end.
const OPENCDRRATE: FreeSwitchColumns = FreeSwitchColumns {
    name: None,
    caller: (3, "ani"),
    dialled: (4, "destination_number"),
    context: None,
    direction: Some((2, "direction")),
    start: (5, "answer_stamp"),
    answer: (5, "answer_stamp"),
    end: (6, "end_stamp"),
    duration: None,
    billsec: (7, "billsec"),
    cause: None,
    uuid: (0, "uuid"),
    width: 13,
};

/// A line of the template `sql` is a statement around the columns.
pub(super) fn without_statement(line: &mut Vec<u8>) {
    const STATEMENT: &[u8] = b"INSERT INTO ";
    let is_one = line.len() > STATEMENT.len() && line[..STATEMENT.len()].eq_ignore_ascii_case(STATEMENT);
    let (Some(open), Some(close)) =
        (line.iter().position(|byte| *byte == b'('), line.iter().rposition(|byte| *byte == b')'))
    else {
        return;
    };
    if is_one && open < close {
        line.truncate(close);
        line.drain(..=open);
    }
}

pub(super) fn call(row: &CallLogRow<'_>, zone: Tz, house: &House) -> Result<CdrCall, CallLogError> {
    let layout = layout(row)?;
    if row.width() < layout.width {
        return Err(CallLogError::Columns);
    }
    let text = |column: Option<Column>| column.map_or(Ok(None), |column| row.text(column));
    let external_id = row.required(layout.uuid)?;
    let start = if layout.direction.is_some() && row.text(layout.start)?.is_none() { layout.end } else { layout.start };
    let times = row.times(start, layout.answer, layout.end, zone)?;
    let context = text(layout.context)?;
    let stated = text(layout.direction)?.and_then(direction_of).or(match context {
        // The context of its own phones, as FreeSWITCH comes.
        Some("default") => Some(CallDirection::Outbound),
        _ => None,
    });
    let legs = Legs {
        caller: row.text(layout.caller)?,
        dialled: row.text(layout.dialled)?,
        context,
        stated,
        ..Legs::default()
    };
    let parties = Parties::new(&legs, house);
    let cause = text(layout.cause)?.filter(|text| is_cause(text));
    // The name on an outgoing call is the house's.
    let name = text(layout.name)?.filter(|text| parties.direction == Some(CallDirection::Inbound) && is_name(text));
    let leg = Leg {
        context: context.and_then(|text| label(text, parties.customer.as_deref())),
        name,
        duration_seconds: layout.duration.map_or(Ok(None), |column| row.seconds(column))?,
        billed_seconds: row.seconds(layout.billsec)?,
        hangup_cause: cause,
        ..Leg::default()
    };
    let outcome = outcome(cause, times.answer.is_some());
    Ok(CdrCall::new(external_id, &parties, &times, outcome, &leg))
}

/// The template that a row was written in. The positions of the times and of the direction show it.
fn layout(row: &CallLogRow<'_>) -> Result<&'static FreeSwitchColumns, CallLogError> {
    if row.text((2, "direction"))?.and_then(direction_of).is_some() && row.is_time(OPENCDRRATE.end.0) {
        return Ok(&OPENCDRRATE);
    }
    Ok(if !row.is_time(EXAMPLE.start.0) && row.is_time(ASTERISK.start.0) { &ASTERISK } else { &EXAMPLE })
}

fn direction_of(word: &str) -> Option<CallDirection> {
    match word {
        "inbound" => Some(CallDirection::Inbound),
        "outbound" => Some(CallDirection::Outbound),
        _ => None,
    }
}

/// Whether a caller's name is a name. FreeSWITCH repeats the number there if it knows no name.
fn is_name(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// Causes are words such as `NORMAL_CLEARING`.
fn is_cause(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The outcome, by the cause where nobody answered.
fn outcome(cause: Option<&str>, answered: bool) -> CallOutcome {
    if answered {
        return CallOutcome::Answered;
    }
    match cause {
        Some("ORIGINATOR_CANCEL") => CallOutcome::Abandoned,
        Some("USER_BUSY") => CallOutcome::Busy,
        Some("NORMAL_CLEARING" | "NO_ANSWER" | "NO_USER_RESPONSE" | "ALLOTTED_TIMEOUT") => CallOutcome::NoAnswer,
        Some(_) => CallOutcome::Failed,
        None => CallOutcome::Other,
    }
}
