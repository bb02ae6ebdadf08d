//! Realistic data of any size, made from a seed: a contact centre in Norway with repeat callers of several countries.
//!
//! Record `n` of a sample follows from the seed and `n` alone, so nothing is kept, any part can be made again, and
//! interactions, survey responses and raw events of one sample fit each other. Numbers are such as networks give out,
//! people and addresses are invented (RFC 2606 domains).

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
use load::Days;
pub use people::{SampleCustomer, spellings};

/// The region whose national numbers stand without a country code in the sample.
pub const REGION: &str = "NO";

/// The time zone of the sample's days.
pub const ZONE: Tz = load::ZONE;

/// Which data to make; equal values make equal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub interactions: u64,
    /// Over how many local days they spread; at least one.
    pub days: u32,
    pub seed: u64,
    /// The local day before which they all start. What comes after, an end or a survey response, may fall on it.
    pub until: NaiveDate,
}

/// Which records of a sample to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// Calls, chats, e-mails, voicemails and text messages.
    Interactions,
    /// Answers to text-message surveys: about one for ten interactions.
    SurveyResponses,
    /// The events behind the statistics: two to four for an interaction.
    RawEvents,
}

/// How much is written at a time, in bytes.
const CHUNK: usize = 64 * 1024;

/// Writes the records of a kind, one JSON object a line in the archive's ingest form, in the order of their
/// interactions' starts. An `InvalidInput` error where the days do not lie in the years 1970 to 9999.
pub fn write(sample: &Sample, kind: SampleKind, out: &mut impl Write) -> io::Result<()> {
    let days = Days::before(sample.until, sample.days).ok_or(io::ErrorKind::InvalidInput)?;
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

/// The customer of a number, from 0. They do not depend on the sample's size: the first of a small sample are the
/// first of a large one too.
#[must_use]
pub fn customer(sample: &Sample, index: u64) -> SampleCustomer {
    people::person(sample.seed, index).into()
}

/// All customers of the sample, those who call most often first.
pub fn customers(sample: &Sample) -> impl Iterator<Item = SampleCustomer> + use<> {
    let sample = *sample;
    (0..customer_count(&sample)).map(move |index| customer(&sample, index))
}

/// An interaction in which a customer appears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// The interaction's external id; its survey response and events name it too.
    pub external_id: String,
    pub started_at: DateTime<Utc>,
    /// Whether the customer's number stands in the record's customer field.
    pub phone: bool,
    /// Whether the customer's address stands there.
    pub email: bool,
    /// Whether the record is another customer's and its notes hold this one's number.
    pub mentioned: bool,
}

/// Where the customer of a number appears by number or address, in the order of the interactions. Goes through the
/// whole sample. A record's notes hold no identifier of its own customer that its fields do not hold.
pub fn appearances(sample: &Sample, customer: u64) -> impl Iterator<Item = Appearance> + use<> {
    let sample = *sample;
    let days = Days::before(sample.until, sample.days);
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
