//! The content of a sample's interactions: recordings that are real WAV tones, transcripts with their timings, and chat
//! logs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Sample;
use super::chance::{Chance, Purpose};
use super::course::{Course, Medium};
use super::load::SampleDays;
use super::texts::{Subject, fill};

/// A file of content. It is named after the external id of its interaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFile {
    pub external_id: String,
    /// `wav` for a recording, `vtt` for a transcript, and `json` for a chat log.
    pub ending: &'static str,
    pub bytes: Vec<u8>,
}

impl SampleFile {
    /// The file name by which `lethe import` finds the interaction.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.external_id, self.ending)
    }
}

/// The samples of a recording in each second.
const RATE: u32 = 8_000;

const OPENINGS: &[&str] = &[
    "Hei, hva kan jeg hjelpe deg med?",
    "Welcome, how can I help you?",
    "Hej och välkommen, vad kan jag hjälpa till med?",
    "Goddag, hvad kan jeg hjælpe med?",
];

/// A customer's sentences with their own name.
const NAMED: &[&str] = &[
    "Hei, dette er {name}, jeg har flyttet.",
    "This is {name}, I never got the letter.",
    "{name} här, jag väntar på en tekniker.",
];

/// A customer's sentences that name nobody.
const PLAIN: &[&str] = &[
    "Jeg fikk faktura 2026-118 to ganger.",
    "The line has been down since 07:30.",
    "Jag vill byta abonnemang från den 1 oktober.",
    "Kan jeg få 2 stk. til, og hva koster det?",
];

/// A customer's sentences with their own number or address.
const OWN: &[&str] = &[
    "Dere når meg på {phone}.",
    "Please call me back on {phone}, or write to {email}.",
    "Skicka det till {email}, tack.",
    "Mit nummer er {phone}.",
];

const ENDINGS: &[&str] = &[
    "Det er notert, ha en fin dag!",
    "Noted, thank you for calling.",
    "Tack, vi återkommer i morgon.",
    "Så er det i orden.",
];

/// The content of a sample's interactions, in their order: a recording of each answered call and each voicemail, a
/// transcript of every third of them, and a log of each chat. It is `None` if the days leave the calendar.
#[must_use]
pub fn files(sample: &Sample) -> Option<impl Iterator<Item = SampleFile> + use<>> {
    let (sample, days) = (*sample, SampleDays::before(sample.until, sample.days)?);
    Some(
        (0..sample.interactions)
            .flat_map(move |index| Course::of(&sample, &days, index).map(|c| of(&sample, &c)).unwrap_or_default()),
    )
}

fn of(sample: &Sample, course: &Course) -> Vec<SampleFile> {
    let mut chance = Chance::new(sample.seed, Purpose::Content, course.index);
    let file = |ending, bytes| SampleFile { external_id: course.external_id(), ending, bytes };
    let talked = course.outcome == "answered" && course.channel == Medium::Call;
    let mut files = Vec::new();
    if talked || course.channel == Medium::Voicemail {
        files.push(file("wav", tone(&mut chance)));
        if chance.percent(33) {
            files.push(file("vtt", transcript(course, &mut chance).into_bytes()));
        }
    } else if course.channel == Medium::Chat {
        files.push(file("json", chat_log(course, &mut chance).to_string().into_bytes()));
    }
    files
}

/// The sentences, and whether the customer says each of them.
fn conversation(course: &Course, chance: &mut Chance) -> Vec<(bool, String)> {
    let own = Subject { person: &course.person, shown: course.shown };
    let mut say = |is_customer, texts: &[&str]| (is_customer, fill(chance.pick(texts), Some(own), None, chance));
    let mut said = vec![say(false, OPENINGS)];
    said.push(say(true, if course.shown.name { NAMED } else { PLAIN }));
    if course.is_identified() {
        said.push(say(true, OWN));
    }
    said.push(say(true, PLAIN));
    said.push(say(false, ENDINGS));
    said
}

fn speaker(course: &Course, is_customer: bool) -> String {
    match (is_customer, course.shown.name) {
        (true, true) => course.person.name(),
        (true, false) => "Customer".to_owned(),
        (false, _) => "Agent".to_owned(),
    }
}

/// A chat log in the form of turns.
fn chat_log(course: &Course, chance: &mut Chance) -> Value {
    let turns = conversation(course, chance).into_iter().zip(0_u32..).map(|((is_customer, text), turn)| {
        json!({ "speaker": speaker(course, is_customer), "at": course.after(turn * 20).to_utc().to_rfc3339(), "text": text })
    });
    turns.collect()
}

/// A transcript as `WebVTT` with a time before every word.
fn transcript(course: &Course, chance: &mut Chance) -> String {
    let mut text = String::from("WEBVTT\n");
    let mut at = 0;
    for (is_customer, said) in conversation(course, chance) {
        let words: Vec<&str> = said.split(' ').collect();
        let end = at + 400 * u64::try_from(words.len()).unwrap_or_default();
        let _ = write!(text, "\n{} --> {}\n<v {}>", stamp(at), stamp(end), speaker(course, is_customer));
        for (word, nth) in words.into_iter().zip(0_u64..) {
            if nth > 0 {
                let _ = write!(text, " <{}>", stamp(at + 400 * nth));
            }
            text.push_str(word);
        }
        text.push('\n');
        at = end + 600;
    }
    text
}

/// `00:00:01.400`
fn stamp(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60, milliseconds % 1_000)
}

/// A tone of a quarter to a whole second: 16-bit PCM in a WAV file.
fn tone(chance: &mut Chance) -> Vec<u8> {
    let samples = chance.seconds(RATE / 4, RATE);
    // A triangle wave needs no sine: it rises for half a period, and falls for the other half.
    let period = i64::from(chance.seconds(16, 40));
    let size = 2 * samples;
    let mut wav = Vec::with_capacity(44 + 2 * samples as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + size).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes()); // PCM
    wav.extend_from_slice(&1_u16.to_le_bytes()); // mono
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&(2 * RATE).to_le_bytes());
    wav.extend_from_slice(&2_u16.to_le_bytes());
    wav.extend_from_slice(&16_u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&size.to_le_bytes());
    for sample in 0..i64::from(samples) {
        let phase = sample % period;
        let height = (2 * phase - period).abs() * 2 - period;
        let loudness = i16::try_from(height * 8_000 / period).unwrap_or_default();
        wav.extend_from_slice(&loudness.to_le_bytes());
    }
    wav
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Sample =
        Sample { interactions: 400, days: 7, seed: 5, until: chrono::NaiveDate::from_ymd_opt(2026, 8, 4).unwrap() };

    #[test]
    fn the_same_seed_gives_the_same_files() {
        let all: Vec<_> = files(&SAMPLE).unwrap().collect();
        assert!(all.iter().eq(files(&SAMPLE).unwrap().collect::<Vec<_>>().iter()));
        let of = |ending: &str| all.iter().filter(|file| file.ending == ending).count();
        assert!(of("wav") > 200 && of("vtt") > 50 && of("json") > 20, "{} {} {}", of("wav"), of("vtt"), of("json"));
    }

    #[test]
    fn a_recording_is_as_long_as_its_header_says() {
        for wav in files(&SAMPLE).unwrap().filter(|file| file.ending == "wav").map(|file| file.bytes) {
            let number = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap()) as usize;
            assert_eq!((number(4) + 8, number(40) + 44), (wav.len(), wav.len()));
            assert!(wav[44..].chunks(2).any(|sample| sample != [0, 0]));
        }
    }

    #[test]
    fn texts_name_whom_their_records_name() {
        let days = SampleDays::before(SAMPLE.until, SAMPLE.days).unwrap();
        let mut named = 0;
        for course in (0..SAMPLE.interactions).filter_map(|index| Course::of(&SAMPLE, &days, index)) {
            for file in of(&SAMPLE, &course).into_iter().filter(|file| file.ending != "wav") {
                let holds = std::str::from_utf8(&file.bytes).unwrap().contains(&course.person.name());
                assert_eq!(holds, course.shown.name, "{}", file.name());
                named += usize::from(holds);
            }
        }
        assert!(named > 20);
    }
}
