//! An interaction, its survey response, and its events in the archive's input format.

use std::io;

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use serde::Serialize;

use super::Sample;
use super::chance::{Chance, Purpose};
use super::course::{Course, Medium, Note, Shown};
use super::people::person;
use super::texts::{self, Subject, address, fill};

/// The words of telephony systems for a withheld number (A17).
const WITHHELD: [Option<&str>; 10] = [
    None,
    None,
    Some(""),
    Some("anonymous"),
    Some("Anonymous"),
    Some("Withheld"),
    Some("PRIVATE"),
    Some("unknown"),
    Some("-"),
    Some("Restricted"),
];

#[derive(Serialize)]
struct InteractionLine<'a> {
    external_id: &'a str,
    channel: &'static str,
    direction: &'static str,
    started_at: String,
    ended_at: String,
    queue: &'static str,
    agent_id: Option<&'a str>,
    outcome: &'static str,
    customer: CustomerFields,
    attributes: Attributes<'a>,
}

#[derive(Serialize)]
struct CustomerFields {
    phone_number: Option<String>,
    email: Option<String>,
    name: Option<String>,
}

#[derive(Serialize)]
struct Attributes<'a> {
    wait_seconds: u32,
    talk_seconds: u32,
    priority: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    menu: Option<Menu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<[WrittenNote<'a>; 1]>,
}

/// The path of a caller through the menu.
#[derive(Serialize)]
struct Menu {
    path: [&'static str; 2],
    seconds: u32,
}

#[derive(Serialize)]
struct WrittenNote<'a> {
    by: &'a str,
    text: String,
}

#[derive(Serialize)]
struct SurveyResponseLine<'a> {
    external_id: String,
    interaction_external_id: &'a str,
    answered_at: String,
    phone_number: String,
    score: u8,
    comment: Option<String>,
}

#[derive(Serialize)]
struct RawEventLine<'a> {
    external_id: String,
    interaction_external_id: &'a str,
    occurred_at: String,
    event: &'static str,
    phone_number: Option<String>,
    email: Option<String>,
    attributes: EventAttributes<'a>,
}

#[derive(Serialize)]
struct EventAttributes<'a> {
    queue: &'static str,
    agent_id: Option<&'a str>,
}

/// Writes an interaction's record as a line.
pub(super) fn interaction(sample: &Sample, course: &Course, line: &mut Vec<u8>) -> io::Result<()> {
    let mut chance = Chance::new(sample.seed, Purpose::Interaction, course.index);
    let external_id = course.external_id();
    let agent = course.agent.map(|agent| format!("a{agent}"));
    // Systems write times in different ways, but each writes both times in the same way.
    let in_utc = chance.percent(30);
    let is_call = matches!(course.channel, Medium::Call | Medium::Voicemail);
    push(
        line,
        &InteractionLine {
            external_id: &external_id,
            channel: course.channel.as_str(),
            direction: if course.inbound { "inbound" } else { "outbound" },
            started_at: time(&course.start, in_utc),
            ended_at: time(&course.end(), in_utc),
            queue: course.queue,
            agent_id: agent.as_deref(),
            outcome: course.outcome,
            customer: customer(course, &mut chance),
            attributes: Attributes {
                wait_seconds: course.wait,
                talk_seconds: course.talk,
                priority: chance.below(3),
                line: is_call.then(|| chance.pick(&["AA0101", "AA0102", "AA0204", "BB0310"])),
                menu: (is_call && course.inbound).then(|| Menu {
                    path: ["main", chance.pick(&["private", "business", "invoice", "other"])],
                    seconds: chance.seconds(3, 40),
                }),
                subject: (course.channel == Medium::Email).then(|| chance.pick(texts::SUBJECTS)),
                notes: note(sample, course, &mut chance)
                    .map(|text| [WrittenNote { by: agent.as_deref().unwrap_or("system"), text }]),
            },
        },
    )
}

fn customer(course: &Course, chance: &mut Chance) -> CustomerFields {
    let person = &course.person;
    let withheld = !course.shown.phone && matches!(course.channel, Medium::Call | Medium::Voicemail);
    CustomerFields {
        phone_number: if course.shown.phone {
            Some(person.number.spelled(chance))
        } else if withheld {
            chance.pick(&WITHHELD).map(str::to_owned)
        } else {
            None
        },
        email: person.email.as_ref().filter(|_| course.shown.email).map(|email| address(email, chance)),
        name: course.shown.name.then(|| person.name()),
    }
}

fn note(sample: &Sample, course: &Course, chance: &mut Chance) -> Option<String> {
    let (texts, other) = match course.note {
        Note::Nothing => return None,
        Note::Plain => (texts::PLAIN, None),
        Note::Own => (texts::OWN, None),
        Note::Named => (texts::NAMED, None),
        Note::Other(other) => (texts::OTHERS, Some(person(sample.seed, other))),
    };
    let own = Subject { person: &course.person, shown: course.shown };
    Some(fill(chance.pick(texts), Some(own), other.as_ref(), chance))
}

/// Writes the survey response to an interaction as a line, if there was one: about one for each ten interactions.
pub(super) fn survey_response(sample: &Sample, course: &Course, line: &mut Vec<u8>) -> io::Result<()> {
    let mut chance = Chance::new(sample.seed, Purpose::Survey, course.index);
    if course.outcome != "answered" || !course.is_identified() || !chance.percent(14) {
        return Ok(());
    }
    let interaction = course.external_id();
    let own = Subject { person: &course.person, shown: Shown { phone: true, email: true, name: false } };
    let comment = match chance.below(10) {
        0..4 => None,
        4..8 => Some(fill(chance.pick(texts::COMMENTS), None, None, &mut chance)),
        _ => Some(fill(chance.pick(texts::OWN_COMMENTS), Some(own), None, &mut chance)),
    };
    let answered_at = course.end() + chrono::TimeDelta::seconds(i64::from(chance.seconds(60, 7_200)));
    push(
        line,
        &SurveyResponseLine {
            external_id: format!("{interaction}-s"),
            interaction_external_id: &interaction,
            answered_at: time(&answered_at, false),
            phone_number: course.person.number.spelled(&mut chance),
            // Most customers are content, some are angry, and few are in between.
            score: chance.pick(&[0, 1, 2, 4, 5, 6, 7, 7, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 10]),
            comment,
        },
    )
}

/// Writes the events of an interaction as two to four lines.
pub(super) fn raw_events(sample: &Sample, course: &Course, line: &mut Vec<u8>) -> io::Result<()> {
    let mut chance = Chance::new(sample.seed, Purpose::Events, course.index);
    let interaction = course.external_id();
    let agent = course.agent.map(|agent| format!("a{agent}"));
    let answered = course.outcome == "answered";
    let events = [
        (true, "queued", 0),
        (answered, "answered", course.wait),
        (course.transferred, "transferred", course.wait + course.talk / 2),
        (true, "ended", course.wait + course.talk),
    ];
    let happened = events.into_iter().filter(|(happened, ..)| *happened);
    for ((_, event, after), number) in happened.zip(1..) {
        push(
            line,
            &RawEventLine {
                external_id: format!("{interaction}-e{number}"),
                interaction_external_id: &interaction,
                occurred_at: time(&course.after(after), true),
                event,
                phone_number: course.shown.phone.then(|| course.person.number.spelled(&mut chance)),
                email: course
                    .person
                    .email
                    .as_ref()
                    .filter(|_| course.shown.email)
                    .map(|email| address(email, &mut chance)),
                attributes: EventAttributes {
                    queue: course.queue,
                    agent_id: agent.as_deref().filter(|_| event != "queued"),
                },
            },
        )?;
    }
    Ok(())
}

fn time(at: &DateTime<Tz>, in_utc: bool) -> String {
    if in_utc {
        at.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true)
    } else {
        at.to_rfc3339_opts(SecondsFormat::Secs, false)
    }
}

fn push(line: &mut Vec<u8>, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *line, record)?;
    line.push(b'\n');
    Ok(())
}
