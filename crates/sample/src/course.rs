//! The course of an interaction: the facts that its record, its survey response, and its events share.

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;

use super::Sample;
use super::chance::{Chance, Purpose};
use super::load::SampleDays;
use super::people::{Person, person};

/// The identifier by which the customer contacted the centre.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    Call,
    Chat,
    Email,
    Voicemail,
    Sms,
}

impl Medium {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Chat => "chat",
            Self::Email => "email",
            Self::Voicemail => "voicemail",
            Self::Sms => "sms",
        }
    }
}

/// The identifiers of the customer in the record.
#[derive(Clone, Copy, Default)]
pub(super) struct Shown {
    pub(super) phone: bool,
    pub(super) email: bool,
    pub(super) name: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    Nothing,
    Plain,
    Own,
    Named,
    /// The record contains the number of this other customer.
    Other(u64),
}

pub(super) struct Course {
    pub(super) index: u64,
    /// The customer. Their number may be withheld nonetheless.
    pub(super) customer: u64,
    pub(super) person: Person,
    pub(super) shown: Shown,
    pub(super) channel: Medium,
    pub(super) inbound: bool,
    pub(super) start: DateTime<Tz>,
    pub(super) queue: &'static str,
    /// The agent's number. It is `None` if no agent answered.
    pub(super) agent: Option<u64>,
    pub(super) outcome: &'static str,
    pub(super) wait: u32,
    pub(super) talk: u32,
    pub(super) transferred: bool,
    pub(super) note: Note,
}

const QUEUES: [(&str, u64); 6] = [
    ("Private service", 46),
    ("New customers", 18),
    ("Invoice", 14),
    ("Technical support", 12),
    ("Business", 7),
    ("Complaints", 3),
];

/// The number of agents of a queue.
const AGENTS: u64 = 12;

/// The number of customers of a sample's interactions.
pub(super) fn customer_count(sample: &Sample) -> u64 {
    (sample.interactions / 4).clamp(1, super::people::MOST)
}

/// One of the sample's customers. The first one calls far more often than the last.
fn some_customer(sample: &Sample, chance: &mut Chance) -> u64 {
    let reach = chance.below(customer_count(sample)) + 1;
    chance.below(reach)
}

impl Course {
    /// The interaction of a number. It is `None` only if the sample's days leave the calendar.
    pub(super) fn of(sample: &Sample, days: &SampleDays, index: u64) -> Option<Self> {
        let mut chance = Chance::new(sample.seed, Purpose::Course, index);
        let start = days.start(index, sample.interactions, &mut chance)?;
        let customer = some_customer(sample, &mut chance);
        let person = person(sample.seed, customer);
        let channel = channel(person.email.is_some(), &mut chance);
        let inbound = channel_inbound(channel, &mut chance);
        let shown = shown(channel, inbound, person.email.is_some(), &mut chance);
        let (queue_at, queue) = queue(&mut chance);
        let outcome = outcome(channel, inbound, &mut chance);
        let answered = outcome == "answered";
        let (wait, talk) = lengths(channel, answered, &mut chance);
        let agent = (answered || !inbound).then(|| 10 + queue_at * AGENTS + chance.below(AGENTS));
        let transferred = answered && channel == Medium::Call && chance.percent(8);
        let note = note(sample, shown, customer, &mut chance);
        Some(Self {
            index,
            customer,
            person,
            shown,
            channel,
            inbound,
            start,
            queue,
            agent,
            outcome,
            wait,
            talk,
            transferred,
            note,
        })
    }

    /// The interaction's id in the system that sends it.
    pub(super) fn external_id(&self) -> String {
        format!("sample-{}", self.index)
    }

    /// The instant this many seconds after the start.
    pub(super) fn after(&self, seconds: u32) -> DateTime<Tz> {
        self.start + TimeDelta::seconds(i64::from(seconds))
    }

    pub(super) fn end(&self) -> DateTime<Tz> {
        self.after(self.wait + self.talk)
    }

    /// Whether the record names its customer.
    pub(super) const fn is_identified(&self) -> bool {
        self.shown.phone || self.shown.email
    }
}

fn channel(has_email: bool, chance: &mut Chance) -> Medium {
    match chance.below(100) {
        0..9 if has_email => Medium::Email,
        9..18 => Medium::Chat,
        18..21 => Medium::Voicemail,
        21..23 => Medium::Sms,
        _ => Medium::Call,
    }
}

fn channel_inbound(channel: Medium, chance: &mut Chance) -> bool {
    match channel {
        Medium::Call => chance.percent(90),
        Medium::Email | Medium::Sms => chance.percent(65),
        Medium::Chat | Medium::Voicemail => true,
    }
}

fn shown(channel: Medium, inbound: bool, has_email: bool, chance: &mut Chance) -> Shown {
    match channel {
        // A caller who withholds the number is not known by name either.
        Medium::Call | Medium::Voicemail if inbound && chance.percent(7) => Shown::default(),
        Medium::Call => Shown { phone: true, email: has_email && chance.percent(5), name: chance.percent(30) },
        Medium::Voicemail | Medium::Sms => Shown { phone: true, email: false, name: chance.percent(15) },
        Medium::Email => Shown { phone: chance.percent(10), email: true, name: chance.percent(80) },
        // Some customers chat with only a name.
        Medium::Chat => Shown { phone: chance.percent(25), email: has_email && chance.percent(85), name: true },
    }
}

fn queue(chance: &mut Chance) -> (u64, &'static str) {
    let mut share = chance.below(QUEUES.iter().map(|(_, share)| share).sum());
    for ((name, its), at) in QUEUES.iter().zip(0..) {
        if share < *its {
            return (at, name);
        }
        share -= its;
    }
    (0, QUEUES[0].0)
}

fn outcome(channel: Medium, inbound: bool, chance: &mut Chance) -> &'static str {
    match (channel, inbound, chance.below(100)) {
        (Medium::Voicemail, ..) => "recorded",
        (Medium::Email | Medium::Sms, false, _) => "sent",
        (Medium::Call, false, 0..30) => "no_answer",
        (Medium::Call, false, 30..36) => "busy",
        (Medium::Call | Medium::Chat, true, 0..14) => "abandoned",
        _ => "answered",
    }
}

/// The seconds until an agent answered or the customer gave up, and the seconds of the conversation.
fn lengths(channel: Medium, answered: bool, chance: &mut Chance) -> (u32, u32) {
    // Most customers wait a little and a few wait long, so the wait is drawn within a drawn bound.
    let mut skewed = |most| {
        let bound = chance.seconds(1, most);
        chance.seconds(0, bound)
    };
    match channel {
        Medium::Call if answered => (skewed(300), 15 + skewed(1_500)),
        Medium::Chat if answered => (skewed(240), 30 + skewed(2_400)),
        Medium::Email if answered => (skewed(80_000), 60 + skewed(900)),
        Medium::Voicemail => (skewed(30), 5 + skewed(110)),
        Medium::Sms | Medium::Email => (0, 0),
        Medium::Call | Medium::Chat => (1 + skewed(400), 0),
    }
}

fn note(sample: &Sample, shown: Shown, customer: u64, chance: &mut Chance) -> Note {
    match chance.below(100) {
        0..6 => Note::Plain,
        6..10 if shown.phone || shown.email => Note::Own,
        10..13 if shown.name && (shown.phone || shown.email) => Note::Named,
        13..15 => match some_customer(sample, chance) {
            other if other == customer => Note::Plain,
            other => Note::Other(other),
        },
        _ => Note::Nothing,
    }
}
