//! Realistic data of any size, made from a seed: a contact centre in Norway with repeat callers from several countries.
//!
//! The seed and `n` alone determine record `n` of a sample. So nothing is stored, any part can be made again, and the
//! interactions, survey responses, and raw events of one sample belong together. The numbers are ones that networks
//! assign. The people and addresses are invented (RFC 2606 domains).

mod chance;
mod content;
mod course;
mod load;
mod people;
mod records;
mod texts;

use std::io::{self, Write};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

pub use content::{SampleFile, files};
use course::{Course, Note, customer_count};
use load::SampleDays;
pub use people::{SampleCustomer, spellings};

/// The region whose national numbers have no country code in the sample.
pub const REGION: &str = "NO";

/// The time zone of the sample's days.
pub const ZONE: Tz = load::ZONE;

/// The data to make. Equal values make equal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub interactions: u64,
    /// The number of local days over which the interactions are spread. It is at least one.
    pub days: u32,
    pub seed: u64,
    /// The local day before which all interactions start. An end or a survey response may be on this day.
    pub until: NaiveDate,
}

/// The kind of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// Calls, chats, e-mails, voicemails, and text messages.
    Interactions,
    /// Answers to text-message surveys: about one for each ten interactions.
    SurveyResponses,
    /// The events behind the statistics: two to four for each interaction.
    RawEvents,
}

/// The number of bytes that are written at a time.
const CHUNK: usize = 64 * 1024;

/// Writes the records of a kind, one JSON object a line in the archive's input format, in the order in which their
/// interactions start. Returns an `InvalidInput` error if the days are not in the years 1970 to 9999.
pub fn write(sample: &Sample, kind: SampleKind, out: &mut impl Write) -> io::Result<()> {
    let days = SampleDays::before(sample.until, sample.days).ok_or(io::ErrorKind::InvalidInput)?;
    let mut lines = Vec::with_capacity(CHUNK + 4_096);
    for index in 0..sample.interactions {
        let course = Course::of(sample, &days, index).ok_or(io::ErrorKind::InvalidInput)?;
        match kind {
            SampleKind::Interactions => records::interaction(sample, &course, &mut lines)?,
            SampleKind::SurveyResponses => records::survey_response(sample, &course, &mut lines)?,
            SampleKind::RawEvents => records::raw_events(sample, &course, &mut lines)?,
        }
        if lines.len() >= CHUNK {
            out.write_all(&lines)?;
            lines.clear();
        }
    }
    out.write_all(&lines)?;
    out.flush()
}

/// The customer of a number, from 0. Customers do not depend on the sample's size: the first ones of a small sample are
/// the first ones of a large sample, too.
#[must_use]
pub fn customer(sample: &Sample, index: u64) -> SampleCustomer {
    people::person(sample.seed, index).into()
}

/// All customers of the sample. The order is by the number of calls.
pub fn customers(sample: &Sample) -> impl Iterator<Item = SampleCustomer> + use<> {
    let sample = *sample;
    (0..customer_count(&sample)).map(move |index| customer(&sample, index))
}

/// An interaction in which a customer appears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// The interaction's external id. Its survey response and events name it, too.
    pub external_id: String,
    pub started_at: DateTime<Utc>,
    /// Whether the record's customer field contains the customer's number.
    pub phone: bool,
    /// Whether the record's customer field contains the customer's address.
    pub email: bool,
    /// Whether the record belongs to another customer, and its notes contain this customer's number.
    pub mentioned: bool,
}

/// The interactions in which a customer appears by number or address, in their order. The function reads the whole
/// sample. A record's notes contain no identifier of its own customer that its fields do not contain.
pub fn appearances(sample: &Sample, customer: u64) -> impl Iterator<Item = Appearance> + use<> {
    let sample = *sample;
    let days = SampleDays::before(sample.until, sample.days);
    (0..sample.interactions).filter_map(move |index| {
        let course = Course::of(&sample, days.as_ref()?, index)?;
        let own = course.customer == customer;
        let mentioned = course.note == Note::Other(customer);
        (mentioned || own && course.is_identified()).then(|| Appearance {
            external_id: course.external_id(),
            started_at: course.start.to_utc(),
            phone: own && course.shown.phone,
            email: own && course.shown.email,
            mentioned,
        })
    })
}

#[cfg(test)]
mod tests;
