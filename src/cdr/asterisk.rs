//! Rows of Asterisk's `cdr_csv`.

use chrono_tz::Tz;

use super::fields::{Column, Row, label, parties};
use super::{Attributes, CallLogError, Customer, Interaction};

const SRC: Column = (1, "src");
const DST: Column = (2, "dst");
const DCONTEXT: Column = (3, "dcontext");
const CHANNEL: Column = (5, "channel");
const DSTCHANNEL: Column = (6, "dstchannel");
const LASTAPP: Column = (7, "lastapp");
const LASTDATA: Column = (8, "lastdata");
const START: Column = (9, "start");
const ANSWER: Column = (10, "answer");
const END: Column = (11, "end");
const DURATION: Column = (12, "duration");
const BILLSEC: Column = (13, "billsec");
const DISPOSITION: Column = (14, "disposition");
const UNIQUEID: Column = (16, "uniqueid");

pub(super) fn interaction<'a>(row: &Row<'a>, zone: Tz) -> Result<Interaction<'a>, CallLogError> {
    let external_id = unique_id(row)?;
    let parties = parties(row.text(SRC)?, row.text(DST)?);
    let times = row.times(START, ANSWER, END, zone)?;
    let own = |text: &'a str| label(text, parties.customer);
    let in_queue = row.text(LASTAPP)?.is_some_and(|app| app.eq_ignore_ascii_case("queue"));
    let context = row.text(DCONTEXT)?.and_then(own);
    let queue = if in_queue { row.text(LASTDATA)?.and_then(first_argument).and_then(own) } else { None };
    // An outgoing call belongs to the agent whose phone started it.
    let agent = row.text(if parties.outbound { CHANNEL } else { DSTCHANNEL })?;
    Ok(Interaction {
        external_id,
        channel: "call",
        direction: parties.direction(),
        started_at: times.started_at(),
        ended_at: times.ended_at(),
        queue: queue.or(context),
        agent_id: agent.and_then(resource).and_then(own),
        outcome: outcome(row.text(DISPOSITION)?, in_queue),
        customer: Customer { phone_number: parties.customer, name: None },
        attributes: Attributes {
            line: parties.line,
            context,
            duration_seconds: row.seconds(DURATION)?,
            billed_seconds: row.seconds(BILLSEC)?,
            ring_seconds: times.ring_seconds(),
            hangup_cause: None,
        },
    })
}

/// The call's id, without which a row cannot be distinguished from others. The two columns at the end depend on
/// settings. A row of 16 columns has neither. A 17th column may be the id or the user field, and its form decides.
fn unique_id<'a>(row: &Row<'a>) -> Result<&'a str, CallLogError> {
    match row.width() {
        18 | 21 => row.required(UNIQUEID),
        17 => row.required(UNIQUEID).and_then(|id| if is_unique_id(id) { Ok(id) } else { Err(missing()) }),
        16 => Err(missing()),
        _ => Err(CallLogError::Columns),
    }
}

const fn missing() -> CallLogError {
    CallLogError::Required(UNIQUEID.1)
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

/// The outcome: `answered`, `busy`, `failed`, `no_answer`, `abandoned` (the caller hung up in a queue), or `other`.
fn outcome(disposition: Option<&str>, in_queue: bool) -> &'static str {
    match disposition.unwrap_or_default().to_ascii_uppercase().as_str() {
        "ANSWERED" => "answered",
        "NO ANSWER" if in_queue => "abandoned",
        "NO ANSWER" => "no_answer",
        "BUSY" => "busy",
        "FAILED" | "CONGESTION" => "failed",
        _ => "other",
    }
}
