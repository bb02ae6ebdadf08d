//! Rows of Asterisk's `cdr_csv`, and of `cdr_custom` in the order of its sample configuration.

use chrono_tz::Tz;

use super::CallLogError;
use super::call::{CallOutcome, CdrCall, Leg};
use super::fields::{CallLogRow, Column, label};
use super::parties::{CallDirection, House, Legs, Parties};

/// The positions of the columns.
struct AsteriskColumns {
    src: Column,
    dst: Column,
    dcontext: Column,
    channel: Column,
    dstchannel: Column,
    lastapp: Column,
    lastdata: Column,
    start: Column,
    answer: Column,
    end: Column,
    duration: Column,
    billsec: Column,
    disposition: Column,
    uniqueid: Column,
}

/// `cdr_csv`: the account code is the first column, and the caller id is the fifth.
const CSV: AsteriskColumns = AsteriskColumns {
    src: (1, "src"),
    dst: (2, "dst"),
    dcontext: (3, "dcontext"),
    channel: (5, "channel"),
    dstchannel: (6, "dstchannel"),
    lastapp: (7, "lastapp"),
    lastdata: (8, "lastdata"),
    start: (9, "start"),
    answer: (10, "answer"),
    end: (11, "end"),
    duration: (12, "duration"),
    billsec: (13, "billsec"),
    disposition: (14, "disposition"),
    uniqueid: (16, "uniqueid"),
};

/// `cdr_custom`: the caller id is the first column, and the account code is the sixteenth.
const CUSTOM: AsteriskColumns = AsteriskColumns {
    channel: (4, "channel"),
    dstchannel: (5, "dstchannel"),
    lastapp: (6, "lastapp"),
    lastdata: (7, "lastdata"),
    start: (8, "start"),
    answer: (9, "answer"),
    end: (10, "end"),
    duration: (11, "duration"),
    billsec: (12, "billsec"),
    disposition: (13, "disposition"),
    ..CSV
};

pub(super) fn call(row: &CallLogRow<'_>, zone: Tz, house: &House) -> Result<CdrCall, CallLogError> {
    // Only a row of `cdr_custom` has a time where `cdr_csv` has the arguments of an application.
    let is_custom = row.width() > CUSTOM.uniqueid.0 && row.is_time(CUSTOM.start.0) || row.width() == 19;
    let layout = if is_custom { &CUSTOM } else { &CSV };
    let external_id = if is_custom { row.required(layout.uniqueid)? } else { unique_id(row)? };
    let times = row.times(layout.start, layout.answer, layout.end, zone)?;
    let (channel, dstchannel) = (row.text(layout.channel)?, row.text(layout.dstchannel)?);
    let (app, data) = (row.text(layout.lastapp)?, row.text(layout.lastdata)?);
    let (in_queue, is_dialled) = (is_app(app, "queue"), is_app(app, "dial"));
    let context = row.text(layout.dcontext)?;
    let legs = Legs {
        caller: row.text(layout.src)?,
        dialled: row.text(layout.dst)?,
        context,
        from: channel.and_then(resource),
        to: dstchannel.and_then(resource),
        dial_string: data.filter(|_| is_dialled),
        stated: None,
    };
    let parties = Parties::new(&legs, house);
    let customer = parties.customer.as_deref();
    // The agent of an outgoing call is the one whose phone started it.
    let is_outbound = parties.direction == Some(CallDirection::Outbound);
    let agent = (if is_outbound { channel } else { dstchannel }).and_then(resource);
    let leg = Leg {
        queue: data.filter(|_| in_queue).and_then(first_argument).and_then(|text| label(text, customer)),
        context: context.and_then(|text| label(text, customer)),
        agent: agent.and_then(|text| label(text, customer)),
        duration_seconds: row.seconds(layout.duration)?,
        billed_seconds: row.seconds(layout.billsec)?,
        ..Leg::default()
    };
    let outcome = outcome(row.text(layout.disposition)?, in_queue);
    Ok(CdrCall::new(external_id, &parties, &times, outcome, &leg))
}

fn is_app(app: Option<&str>, name: &str) -> bool {
    app.is_some_and(|app| app.eq_ignore_ascii_case(name))
}

/// The call's id, without which a row cannot be distinguished from others. The two columns at the end depend on
/// settings. A row of 16 columns has neither. A 17th column may be the id or the user field, and its form decides.
fn unique_id<'a>(row: &CallLogRow<'a>) -> Result<&'a str, CallLogError> {
    match row.width() {
        18 | 21 => row.required(CSV.uniqueid),
        17 => row.required(CSV.uniqueid).and_then(|id| if is_unique_id(id) { Ok(id) } else { Err(missing()) }),
        16 => Err(missing()),
        _ => Err(CallLogError::Columns),
    }
}

const fn missing() -> CallLogError {
    CallLogError::Required(CSV.uniqueid.1)
}

/// Whether a text is an id as Asterisk makes them: seconds, a dot, and a count, perhaps after the name of a system.
fn is_unique_id(text: &str) -> bool {
    let own = text.rsplit_once('-').map_or(text, |(_, own)| own);
    let is_count = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    own.split_once('.').is_some_and(|(seconds, count)| is_count(seconds) && is_count(count))
}

fn first_argument(data: &str) -> Option<&str> {
    // Versions before 1.6 separated arguments by `|`.
    data.split([',', '|']).next()
}

/// The owner of a channel's phone: `PJSIP/anna-0000001f` is `anna`, `Local/1001@agents-00000003;1` is `1001`.
fn resource(channel: &str) -> Option<&str> {
    let (_, name) = channel.split_once('/')?;
    if let Some((name, _)) = name.split_once('@') {
        return Some(name);
    }
    let is_suffix = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b';');
    Some(name.rsplit_once('-').filter(|(_, suffix)| is_suffix(suffix)).map_or(name, |(name, _)| name))
}

/// The outcome: a caller who hung up in a queue has abandoned the call.
fn outcome(disposition: Option<&str>, in_queue: bool) -> CallOutcome {
    match disposition.unwrap_or_default().to_ascii_uppercase().as_str() {
        "ANSWERED" => CallOutcome::Answered,
        "NO ANSWER" if in_queue => CallOutcome::Abandoned,
        "NO ANSWER" => CallOutcome::NoAnswer,
        "BUSY" => CallOutcome::Busy,
        "FAILED" | "CONGESTION" => CallOutcome::Failed,
        _ => CallOutcome::Other,
    }
}
