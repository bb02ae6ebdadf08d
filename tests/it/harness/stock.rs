//! Generated data for stories: the archive of a contact centre.

use pii::Region;
use sample::{self, Sample, SampleCustomer, SampleKind};

use super::TestLethe;

/// A sample and its customers.
pub struct Stock {
    pub sample: Sample,
    pub customers: Vec<SampleCustomer>,
}

impl Stock {
    /// Three days that end before 2 March 2026.
    pub fn of(interactions: u64, seed: u64) -> Self {
        let sample = Sample { interactions, days: 3, seed, until: "2026-03-02".parse().unwrap() };
        Self { sample, customers: sample::customers(&sample).collect() }
    }

    /// The records of a kind, as NDJSON.
    pub fn lines(&self, kind: SampleKind) -> Vec<u8> {
        let mut lines = Vec::new();
        sample::write(&self.sample, kind, &mut lines).unwrap();
        lines
    }

    /// A customer's number in every spelling.
    pub fn spellings(&self, customer: usize) -> Vec<String> {
        sample::spellings(&self.customers[customer].phone_e164, region())
    }

    /// Every identifier of every customer: numbers in every spelling, addresses, and names.
    pub fn identifiers(&self) -> Vec<String> {
        let numbers = (0..self.customers.len()).flat_map(|customer| self.spellings(customer));
        let addresses = self.customers.iter().filter_map(|customer| customer.email.clone());
        let names = self.customers.iter().map(|customer| customer.name.clone());
        numbers.chain(addresses).chain(names).filter(|text| text.len() >= 7).collect()
    }

    /// Sends all records to a server.
    pub async fn load(&self, lethe: &TestLethe) {
        for (kind, path) in KINDS {
            let told = lethe.ingest(path, self.lines(kind)).await;
            assert_eq!(told["rejected"], serde_json::json!([]), "{told}");
        }
    }
}

/// The kinds of records and the ends of their paths.
pub const KINDS: [(SampleKind, &str); 3] = [
    (SampleKind::Interactions, "interactions"),
    (SampleKind::SurveyResponses, "survey-responses"),
    (SampleKind::RawEvents, "raw-events"),
];

pub fn region() -> Region {
    sample::REGION.parse().unwrap()
}
